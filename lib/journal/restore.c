#include "journal/restore.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "journal/audit.h"
#include "journal/worker.h"

#define MARK "journal.copied" /* of a copy that nobody has opened */
#define NOTED RESTORE_FACT    /* of the journal that it became */

static int set_fact(struct db *db, const char *name, const char *value)
{
    static const struct sql upsert = {"INSERT INTO fact (name, value) VALUES (?1, ?2) "
                                      "ON CONFLICT (name) DO UPDATE SET value = excluded.value"};

    return db_run(db, &upsert, "tt", name, value);
}

int restore_mark(struct db *copy, uint64_t now_ms, bool salvaged)
{
    /* Nobody can be asked about steps; of dossiers, a look-up tells whether they are there. */
    static const char text[] =
        "UPDATE item SET state = 2 WHERE state = 0 AND kind = 2;"
        "UPDATE subject SET doubt = 1 WHERE id IN "
        "(SELECT subject FROM item WHERE state < 4 AND kind = 1);"
        "DELETE FROM fact WHERE name = '" NOTED "';"
        "DELETE FROM tally;"
        "INSERT INTO tally (flow, kind, state, n) SELECT s.flow, i.kind, i.state, count(*) "
        "FROM item i JOIN subject s ON s.id = i.subject GROUP BY 1, 2, 3";
    char value[64];
    int err = db_exec(copy, text);

    (void)snprintf(value, sizeof(value), "%s %" PRIu64, salvaged ? "salvage" : "backup", now_ms);
    return err < 0 ? err : set_fact(copy, MARK, value);
}

static int read_fact(struct db *db, const char *name, char *out, size_t size)
{
    static const struct sql select = {"SELECT value FROM fact WHERE name = ?1"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "t", name);

    out[0] = '\0';
    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err == 1) {
        const char *text = db_column(stmt, 0);

        (void)snprintf(out, size, "%s", text != NULL ? text : "");
        err = text != NULL ? err : ERR_NOMEM;
        db_reset(stmt);
    }
    return err;
}

static int count(struct db *db, struct journal_restored *out)
{
    static const struct sql steps = {
        "SELECT count(*) FROM item WHERE state < 4 AND state = 2 AND kind = 2"};
    static const struct sql dossiers = {"SELECT count(*) FROM subject WHERE doubt = 1"};
    int64_t n_steps = 0;
    int64_t n_dossiers = 0;
    int err = db_integer(db, &steps, &n_steps, "");

    err = err < 0 ? err : db_integer(db, &dossiers, &n_dossiers, "");
    out->steps_doubt = (uint64_t)n_steps;
    out->dossiers_doubt = (uint64_t)n_dossiers;
    return err < 0 ? err : 0;
}

static void parse(const char *value, bool noted, struct journal_restored *out)
{
    char kind[16] = "";
    uint64_t copied_ms = 0;
    uint64_t at_ms = 0;

    if (sscanf(value, "%15s %" SCNu64 " %" SCNu64, kind, &copied_ms, &at_ms) >= 2) {
        out->salvaged = strcmp(kind, "salvage") == 0;
        out->copied_ms = copied_ms;
        out->at_ms = noted ? at_ms : out->at_ms;
    }
}

/* The mark becomes a note and a row of the audit. */
static int note(struct db *db, const char *mark, uint64_t now_ms, struct journal_restored *out)
{
    static const struct sql forget = {"DELETE FROM fact WHERE name = '" MARK "'"};
    char value[96];
    char text[160];
    int err;

    out->fresh = true;
    out->at_ms = now_ms;
    parse(mark, false, out);
    (void)snprintf(value, sizeof(value), "%.64s %" PRIu64, mark, now_ms);
    err = count(db, out);
    err = err == 0 ? set_fact(db, NOTED, value) : err;
    err = err == 0 ? db_run(db, &forget, "") : err;
    (void)snprintf(text, sizeof(text),
                   "opened for the first time; in doubt: %" PRIu64 " steps, %" PRIu64 " dossiers",
                   out->steps_doubt, out->dossiers_doubt);
    return err < 0 ? err
                   : audit_add(db, now_ms, "dvcsyncd", "restore",
                               out->salvaged ? "journal salvaged" : "journal from a backup", text);
}

int restore_marked(struct db *db)
{
    static const struct sql select = {"SELECT 1 FROM fact WHERE name = '" MARK "'"};
    int64_t one = 0;

    return db_integer(db, &select, &one, "");
}

int restore_noted(struct db *db, struct journal_restored *out)
{
    char value[96];
    int found = read_fact(db, NOTED, value, sizeof(value));

    memset(out, 0, sizeof(*out));
    parse(value, true, out);
    db->doubt_until_s = (int64_t)(out->at_ms / 1000);
    return found < 0 ? found : 0;
}

int restore_open(struct db *db, uint64_t now_ms, struct journal_restored *out)
{
    char value[96];
    int found = read_fact(db, MARK, value, sizeof(value));
    int err;

    if (found == 0) {
        return restore_noted(db, out);
    }
    memset(out, 0, sizeof(*out));
    err = found == 1 ? note(db, value, now_ms, out) : found;
    db->doubt_until_s = (int64_t)(out->at_ms / 1000);
    return err;
}

bool restore_doubts(const struct db *db, int64_t at_s)
{
    return db->doubt_until_s != 0 && at_s <= db->doubt_until_s;
}

const struct journal_restored *journal_restored(const struct journal *j)
{
    return &j->restored;
}
