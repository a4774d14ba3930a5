/* fate: what has become of an item, as somebody who waits for it is told. */
#include <string.h>

#include "base/text.h"
#include "journal/subject.h"
#include "journal/worker.h"

#define SUCCESSORS_MAX 100000 /* a damaged file must not hold the worker for ever */

/* A text column, cut between characters. */
static void read_column(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);

    text_trim(text != NULL ? (const char *)text : "", out, size);
}

/* What the peer said last of the item: a call of several steps is an answer to each. */
static int read_answer(struct db *db, int64_t subject, struct journal_fate *fate)
{
    static const struct sql select = {
        "SELECT t.code, t.words FROM attempt t WHERE t.subject = ?1 AND t.verb = 1 "
        "AND t.ended_ms IS NOT NULL AND (t.first_item = ?2 OR t.last_item = ?2 OR EXISTS "
        "(SELECT 1 FROM attempt_item x WHERE x.attempt = t.id AND x.item = ?2)) "
        "ORDER BY t.id DESC LIMIT 1"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "ii", subject, fate->item);

    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err == 1) {
        read_column(stmt, 0, fate->code, sizeof(fate->code));
        read_column(stmt, 1, fate->words, sizeof(fate->words));
        db_reset(stmt);
    }
    return err < 0 ? err : 0;
}

int item_fate(struct db *db, int64_t id, struct journal_fate *fate)
{
    static const struct sql select = {
        "SELECT subject, state, hold, reason, ifnull(successor, 0) FROM item WHERE id = ?1"};
    int64_t subject = 0;
    int64_t next = id;

    memset(fate, 0, sizeof(*fate));
    for (size_t i = 0; next != 0 && i < SUCCESSORS_MAX; i++) {
        int err = 0;
        sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", next);

        err = stmt != NULL ? db_row(db, stmt) : err;
        if (err != 1) {
            return err;
        }
        fate->item = next;
        subject = sqlite3_column_int64(stmt, 0);
        fate->state = (enum item_state)sqlite3_column_int(stmt, 1);
        fate->hold = (enum hold_why)sqlite3_column_int(stmt, 2);
        read_column(stmt, 3, fate->reason, sizeof(fate->reason));
        next = fate->state == ITEM_SUPERSEDED ? sqlite3_column_int64(stmt, 4) : 0;
        db_reset(stmt);
    }
    if (fate->item != 0) {
        int err = read_answer(db, subject, fate);

        return err < 0 ? err : 1;
    }
    return 0;
}

static int run_outcome(struct db *db, struct journal_op *op)
{
    struct journal_outcome *o = CONTAINER_OF(op, struct journal_outcome, op);
    int found = item_fate(db, o->item, &o->fate);

    if (found == 0) {
        return journal_op_fail(op, ERR_NOTFOUND, "no item %lld", (long long)o->item);
    }
    return found < 0 ? found : 0;
}

void journal_outcome(struct journal *j, struct journal_outcome *o)
{
    journal_start(j, &o->op, run_outcome, NULL, false);
}
