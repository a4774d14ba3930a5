#include "journal/check.h"

#include <string.h>

#define BEGIN_MS 1000
#define AGAIN_MS 60000
#define URGE_MS 100 /* an interruption that comes between two statements is forgotten */

static int check_once(struct db *db, bool whole)
{
    static const struct sql quick_check = {"PRAGMA quick_check(1)"};
    static const struct sql integrity_check = {"PRAGMA integrity_check(1)"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, whole ? &integrity_check : &quick_check, &err, "");

    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err == 1) {
        const char *answer = db_column(stmt, 0);

        err = 0;
        if (answer == NULL) {
            err = err_set(&db->why, ERR_NOMEM, "check: %s", err_text(ERR_NOMEM));
        } else if (strcmp(answer, "ok") != 0) {
            err = err_set(&db->why, ERR_CORRUPT, "%s", answer);
        }
        db_reset(stmt);
    }
    return err;
}

/* Damage is found a second time too; a page that the check could not get, for want of memory or by
 * a read that failed once, is none, and SQLite tells them apart only in part. */
int check_pages(struct db *db, bool whole)
{
    int err = check_once(db, whole);

    return err == ERR_CORRUPT ? check_once(db, whole) : err;
}

/* Counted here: SQLite would sort all items for a GROUP BY. */
static int count_items(struct db *db, struct tally *counted)
{
    static const struct sql select = {
        "SELECT s.flow, i.kind, i.state FROM item i LEFT JOIN subject s ON s.id = i.subject"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "");

    memset(counted, 0, sizeof(*counted));
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        int64_t *n = tally_at(counted, sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                              sqlite3_column_int64(stmt, 2));

        if (n == NULL || sqlite3_column_type(stmt, 0) == SQLITE_NULL) {
            db_reset(stmt);
            return err_set(&db->why, ERR_CORRUPT, "an item belongs to nothing");
        }
        (*n)++;
    }
    return err;
}

int check_sums(struct db *db)
{
    struct tally counted;
    int err = db_exec(db, "BEGIN"); /* one view of both */

    if (err < 0) {
        return err;
    }
    err = db_tally_load(db);
    err = err == 0 ? count_items(db, &counted) : err;
    if (err == 0 && memcmp(&counted, &db->tally, sizeof(counted)) != 0) {
        err = err_set(&db->why, ERR_CORRUPT, "the items' states do not add up to their sums");
    }
    db_rollback(db);
    return err;
}

/* ---- beside the work ---- */

static void run(struct loop_work *work)
{
    struct check *c = CONTAINER_OF(work, struct check, work);

    c->err = db_exec(&c->reader, "PRAGMA cell_size_check = ON");
    c->err = c->err == 0 ? check_pages(&c->reader, false) : c->err;
    c->err = c->err == 0 ? check_sums(&c->reader) : c->err;
    if (c->err == ERR_CORRUPT) {
        (void)err_set(&c->why, c->err,
                      "it is damaged (%s): stop the service and go on with recovery.md",
                      c->reader.why.text);
    } else {
        c->why = c->reader.why;
    }
}

static void done(struct loop_work *work)
{
    struct check *c = CONTAINER_OF(work, struct check, work);

    c->running = false;
    db_close(&c->reader);
    loop_timer_stop(&c->timer);
    if (c->stopping) {
        c->err = ERR_CANCELED; /* what an interrupted check says means nothing */
    } else if (c->err != 0) {  /* damage too: a read that failed for a while looks the same */
        loop_timer_start(c->loop, &c->timer, AGAIN_MS);
    }
    c->ended(c);
}

static void fired(struct loop_timer *timer)
{
    struct check *c = CONTAINER_OF(timer, struct check, timer);

    if (c->running) {
        (void)check_stop(c);
        return;
    }
    c->err = db_open_reader(&c->reader, c->path, &c->why);
    if (c->err == 0) {
        c->running = loop_work_start(c->loop, &c->work);
        if (!c->running) {
            c->err = err_set(&c->why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
            db_close(&c->reader);
        }
    }
    if (!c->running) {
        loop_timer_start(c->loop, &c->timer, AGAIN_MS);
        c->ended(c);
    }
}

void check_init(struct check *c, struct loop *loop, const char *path,
                void (*ended)(struct check *c))
{
    c->loop = loop;
    c->path = path;
    c->ended = ended;
    c->work.run = run;
    c->work.done = done;
    loop_timer_init(&c->timer, fired);
}

void check_begin(struct check *c)
{
    loop_timer_start(c->loop, &c->timer, BEGIN_MS);
}

bool check_stop(struct check *c)
{
    c->stopping = true;
    loop_timer_stop(&c->timer);
    if (c->running) {
        sqlite3_interrupt(c->reader.sqlite);
        loop_timer_start(c->loop, &c->timer, URGE_MS);
    }
    return c->running;
}
