/* person_erase: taking out of the journal what speaks of a person. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "domain/status.h"
#include "journal/audit.h"
#include "journal/person.h"
#include "journal/subject.h"
#include "journal/worker.h"

#define REWRITE_BYTES_MAX (INT64_C(1) << 30)

/* Gives up what is open. A call that is on its way can't be taken back. */
static int drop_open(struct db *db, struct person_erase *e, struct subject *s,
                     enum person_fate *fate)
{
    static const struct sql next = {
        "SELECT id FROM item INDEXED BY item_open WHERE subject = ?1 AND state < 4 AND id > ?2 "
        "ORDER BY id LIMIT 1"};
    static const struct sql in_flight = {
        "SELECT 1 FROM item INDEXED BY item_open WHERE subject = ?1 AND state < 4 AND state = 1"};
    int64_t id = 0;
    int found = db_integer(db, &in_flight, &id, "i", s->id);

    if (found != 0 || s->busy != 0) {
        *fate = PERSON_ON_WAY;
        return found < 0 ? found : 0;
    }
    for (found = db_integer(db, &next, &id, "ii", s->id, INT64_C(0)); found == 1;
         found = db_integer(db, &next, &id, "ii", s->id, id)) {
        int err = act_drop(db, s, id, e->who, e->reason, e->now_ms);

        if (err < 0) {
            return err;
        }
        e->dropped++;
    }
    return found < 0 ? found : subject_reschedule(db, s, e->now_ms);
}

static int remove_of_subject(struct db *db, struct person_erase *e, const struct subject *s)
{
    static const struct sql bodies = {
        "DELETE FROM body WHERE item IN (SELECT id FROM item WHERE subject = ?1)"};
    static const struct sql rest[] = {
        {"DELETE FROM part WHERE subject = ?1"},
        {"DELETE FROM result_mark WHERE subject = ?1"},
        {"UPDATE item SET reason = NULL WHERE subject = ?1 AND reason IS NOT NULL"},
        {"UPDATE attempt SET words = NULL WHERE subject = ?1 AND words IS NOT NULL"},
        {"DELETE FROM seen WHERE code = (SELECT code FROM subject WHERE id = ?1)"},
        {"UPDATE source_row SET why = NULL WHERE why IS NOT NULL AND id IN "
         "(SELECT code FROM subject WHERE id = ?1 UNION SELECT local_no FROM subject "
         "WHERE id = ?1)"},
        /* Retention finds nothing here any more. */
        {"UPDATE subject SET settled = -abs(settled) WHERE id = ?1"},
    };
    int err = db_run(db, &bodies, "i", s->id);

    if (err == 0) {
        e->bodies += (uint32_t)sqlite3_changes(db->sqlite);
    }
    for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]) && err == 0; i++) {
        err = db_run(db, &rest[i], "i", s->id);
    }
    return err;
}

/* Whether sources still fill it together. */
static int is_shared(struct db *db, const struct subject *s)
{
    static const struct sql parts = {"SELECT 1 FROM part WHERE subject = ?1 LIMIT 1"};
    int64_t one = 0;

    return status_final(s->status) ? 0 : db_integer(db, &parts, &one, "i", s->id);
}

/* Each source tells it anew when it next shows the row, changed or not. */
static int ask_again(struct db *db, const struct subject *s)
{
    static const struct sql forget = {
        "UPDATE source_row SET hash = zeroblob(32) WHERE id IN (SELECT code FROM subject "
        "WHERE id = ?1 UNION SELECT local_no FROM subject WHERE id = ?1)"};

    return db_run(db, &forget, "i", s->id);
}

static int erase_subject(struct db *db, struct person_erase *e, int64_t id, enum person_fate *fate)
{
    static const struct sql open = {
        "SELECT 1 FROM item INDEXED BY item_open WHERE subject = ?1 AND state < 4 LIMIT 1"};
    struct subject s;
    int64_t one = 0;
    int found = subject_load(db, id, &s);
    int shared;
    int err;

    *fate = PERSON_GONE;
    if (found != 1) {
        return found;
    }
    *fate = PERSON_ERASED;
    shared = is_shared(db, &s);
    found = shared < 0 ? shared : db_integer(db, &open, &one, "i", id);
    err = found < 0 ? found : 0;
    if (found == 1 && e->drop) {
        err = drop_open(db, e, &s, fate);
    } else if (found == 1) {
        *fate = PERSON_OPEN;
    } else if (shared == 1 && !e->drop) {
        *fate = PERSON_SHARED;
    }
    if (err == 0 && *fate == PERSON_ERASED && shared == 1) {
        err = ask_again(db, &s);
    }
    return err == 0 && *fate == PERSON_ERASED ? remove_of_subject(db, e, &s) : err;
}

/* Why a row is owed may cite the person, whatever its id. */
static int clear_owed_words(struct db *db, const struct person_matcher *m)
{
    static const struct sql next = {
        "SELECT source, id, why FROM source_row INDEXED BY source_row_owed WHERE owed = 1 "
        "AND why IS NOT NULL"};
    static const struct sql clear = {
        "UPDATE source_row SET why = NULL WHERE source = ?1 AND id = ?2"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &next, &err, "");

    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        const char *why = (const char *)sqlite3_column_text(stmt, 2);

        if (m->words != NULL && m->words(m->ctx, why)) {
            err = db_run(db, &clear, "tt", sqlite3_column_text(stmt, 0),
                         sqlite3_column_text(stmt, 1));
            if (err < 0) {
                db_reset(stmt);
                return err;
            }
        }
    }
    return err;
}

/* secure_delete wipes what is deleted, but pages that were split or merged before may hold older
 * copies of a row in their gaps. So the small tables of bodies are written anew: every page of the
 * old ones is wiped as a whole. */
static int rewrite_bodies(struct db *db, bool *rewritten)
{
    static const struct sql size = {"SELECT ifnull((SELECT sum(length(body)) FROM body), 0) + "
                                    "ifnull((SELECT sum(length(body)) FROM part), 0)"};
    static const char text[] =
        "CREATE TABLE body_fresh (item INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, "
        "body BLOB NOT NULL);"
        "INSERT INTO body_fresh (item, sha256, body) SELECT item, sha256, body FROM body "
        "ORDER BY item;"
        "DROP TABLE body;"
        "ALTER TABLE body_fresh RENAME TO body;"
        "CREATE TABLE part_fresh (subject INTEGER NOT NULL REFERENCES subject, "
        "source TEXT NOT NULL, rank INTEGER NOT NULL, at INTEGER NOT NULL, "
        "sha256 BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (subject, source));"
        /* Each keeps its rowid: another search may be half-way through them. */
        "INSERT INTO part_fresh (rowid, subject, source, rank, at, sha256, body) SELECT rowid, "
        "subject, source, rank, at, sha256, body FROM part ORDER BY rowid;"
        "DROP TABLE part;"
        "ALTER TABLE part_fresh RENAME TO part;";
    int64_t bytes = 0;
    int err = db_integer(db, &size, &bytes, "");

    *rewritten = false;
    if (err < 0 || bytes > REWRITE_BYTES_MAX) {
        return err < 0 ? err : 0;
    }
    err = db_exec(db, text);
    *rewritten = err == 0;
    return err;
}

static int run_erase(struct db *db, struct journal_op *op)
{
    static const struct sql note = {
        "INSERT OR REPLACE INTO fact (name, value) VALUES ('" JOURNAL_SCRUB_FACT "', '1')"};
    struct person_erase *e = CONTAINER_OF(op, struct person_erase, op);
    char object[128];
    char text[160];
    int err = 0;

    if (e->n > PERSON_MAX || (e->drop && e->reason[0] == '\0') || e->request[0] == '\0') {
        return journal_op_fail(op, ERR_INVAL,
                               "an erasure needs the number of its request, dropping a reason");
    }
    for (size_t i = 0; i < e->n && err == 0; i++) {
        err = erase_subject(db, e, e->subjects[i], &e->fates[i]);
        e->erased += e->fates[i] == PERSON_ERASED;
        e->kept += e->fates[i] != PERSON_ERASED && e->fates[i] != PERSON_GONE;
    }
    err = err == 0 ? clear_owed_words(db, e->matcher) : err;
    err = err == 0 ? rewrite_bodies(db, &e->rewritten) : err;
    if (err < 0) {
        return err;
    }
    (void)snprintf(object, sizeof(object), "request %s", e->request);
    (void)snprintf(text, sizeof(text),
                   "%" PRIu32 " dossier%s erased, %" PRIu32 " bod%s; %" PRIu32 " kept, %" PRIu32
                   " item%s dropped",
                   e->erased, text_plural(e->erased), e->bodies, e->bodies == 1 ? "y" : "ies",
                   e->kept, e->dropped, text_plural(e->dropped));
    db->scrub = true;
    err = audit_add(db, e->now_ms, e->who, "subject-erase", object, text);
    return err < 0 ? err : db_run(db, &note, "");
}

static void undo_erase(struct journal_op *op)
{
    struct person_erase *e = CONTAINER_OF(op, struct person_erase, op);

    e->erased = 0;
    e->kept = 0;
    e->bodies = 0;
    e->dropped = 0;
    e->rewritten = false;
}

void person_erase(struct journal *j, struct person_erase *e)
{
    undo_erase(&e->op);
    journal_start(j, &e->op, run_erase, undo_erase, true);
}

bool journal_scrub_waits(const struct journal *j)
{
    return j->scrub_waits;
}
