#include "journal/figure.h"

#define WITH_CITIZEN_SUPPLEMENT                                                                    \
    5 /* national status: the clock of the promised date stands still                              \
       */
#define WITH_CITIZEN_PAYMENT 6

/* The promised date went on after it had passed, and not because the dossier was with the citizen.
 */
static bool moved_late(const struct subject *s, const struct record *r, uint64_t now_ms)
{
    int64_t at_s = r->at_s != 0 ? r->at_s : (int64_t)(now_ms / 1000);

    return s->promised_s != 0 && r->promised_s > s->promised_s && at_s > s->promised_s &&
           s->status != WITH_CITIZEN_SUPPLEMENT && s->status != WITH_CITIZEN_PAYMENT;
}

static int store_marks(struct db *db, const struct subject *s, const struct figures *f)
{
    static const struct sql forget = {"DELETE FROM result_mark WHERE subject = ?1"};
    static const struct sql insert = {
        "INSERT OR IGNORE INTO result_mark (subject, mark) VALUES (?1, ?2)"};
    int err = s->newest_item != 0 ? db_run(db, &forget, "i", s->id) : 0;

    for (size_t i = 0; i < f->n_marks && err == 0; i++) {
        err = db_run(db, &insert, "ib", s->id, (const void *)f->marks[i], sizeof(f->marks[i]));
    }
    return err;
}

/* A payment has its dossier as its other number once it succeeded, maybe after a failure. */
static int store_other(struct db *db, const struct subject *s, const struct record *r)
{
    int err = store_marks(db, s, r->figures);

    return err == 0 && r->local_no[0] != '\0' ? subject_set_local_no(db, s, r->local_no) : err;
}

int figure_store(struct db *db, const struct subject *s, const struct record *r, uint64_t now_ms)
{
    static const struct sql upsert = {
        "INSERT INTO figure (subject, procedure, sector, agency, channel, entry, submitted, "
        "received, finished, returned, refused, first_promised, moved, supplements, results, "
        "digitised, identified, paid_online) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
        "?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18) ON CONFLICT (subject) DO UPDATE SET "
        "procedure = excluded.procedure, sector = excluded.sector, agency = excluded.agency, "
        "channel = excluded.channel, entry = excluded.entry, submitted = excluded.submitted, "
        "received = excluded.received, finished = excluded.finished, "
        "returned = excluded.returned, refused = excluded.refused, "
        "first_promised = iif(first_promised, first_promised, excluded.first_promised), "
        "moved = moved + excluded.moved, supplements = excluded.supplements, "
        "results = excluded.results, digitised = excluded.digitised, "
        "identified = excluded.identified, paid_online = excluded.paid_online"};
    const struct figures *f = r->figures;
    int err;

    if (f == NULL || f->marks_only) {
        return f != NULL ? store_other(db, s, r) : 0;
    }
    err = db_run(db, &upsert, "itttiiiiiiiiiiiiii", s->id, f->procedure, f->sector, f->agency,
                 (int64_t)f->channel, (int64_t)f->entry, f->submitted_s, f->received_s,
                 f->finished_s, f->returned_s, f->refused_s, r->promised_s,
                 (int64_t)moved_late(s, r, now_ms), (int64_t)f->supplements, (int64_t)f->results,
                 (int64_t)f->digitised, (int64_t)f->identified, (int64_t)f->paid_online);
    return err == 0 ? store_marks(db, s, f) : err;
}

static void sql_mark(sqlite3_context *context, int n, sqlite3_value **values)
{
    const char *url = (const char *)sqlite3_value_text(values[0]);
    uint8_t mark[FIGURES_MARK_BYTES];

    (void)n;
    if (url == NULL || figures_mark(url, mark) < 0) {
        sqlite3_result_error_nomem(context); /* callers hand in no NULL */
        return;
    }
    sqlite3_result_blob(context, mark, sizeof(mark), SQLITE_TRANSIENT);
}

int figure_register(struct db *db)
{
    int code = sqlite3_create_function_v2(db->sqlite, "figure_mark", 1,
                                          SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                          NULL, sql_mark, NULL, NULL, NULL);

    return code == SQLITE_OK ? 0 : db_error(db, code, "figure_mark");
}
