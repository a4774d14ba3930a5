#include "journal/subject.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "domain/status.h"
#include "domain/vntime.h"

#define HOUR_MS INT64_C(3600000)
#define URGENT_WORKING_S (8 * 3600)

int subject_read(struct db *db, sqlite3_stmt *stmt, struct subject *s)
{
    const char *code = db_column(stmt, 2);

    memset(s, 0, sizeof(*s));
    if (code == NULL) {
        return err_set(&db->why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    s->id = sqlite3_column_int64(stmt, 0);
    s->flow = sqlite3_column_int64(stmt, 1);
    (void)snprintf(s->code, sizeof(s->code), "%s", code);
    s->present = sqlite3_column_int(stmt, 3);
    s->doubt = sqlite3_column_int(stmt, 4);
    s->flips = sqlite3_column_int(stmt, 5);
    s->resnapped = sqlite3_column_int(stmt, 6);
    s->busy = sqlite3_column_int(stmt, 7);
    s->acked_item = sqlite3_column_int64(stmt, 8);
    s->has_acked = sqlite3_column_type(stmt, 9) == SQLITE_BLOB;
    db_digest(stmt, 9, s->acked_hash);
    s->acked_status = sqlite3_column_int(stmt, 10);
    s->status = sqlite3_column_int(stmt, 11);
    s->at_s = sqlite3_column_int64(stmt, 12);
    s->promised_s = sqlite3_column_int64(stmt, 13);
    s->newest_item = sqlite3_column_int64(stmt, 14);
    s->queue =
        sqlite3_column_type(stmt, 15) == SQLITE_NULL ? QUEUE_NONE : sqlite3_column_int(stmt, 15);
    s->since_ms = sqlite3_column_int64(stmt, 16);
    s->due_ms = sqlite3_column_int64(stmt, 17);
    s->settled_s = sqlite3_column_int64(stmt, 18);
    return 0;
}

static int read_one(struct db *db, sqlite3_stmt *stmt, struct subject *s)
{
    int found = db_row(db, stmt);
    int err = found == 1 ? subject_read(db, stmt, s) : 0;

    if (found == 1) {
        db_reset(stmt);
    }
    return err < 0 ? err : found;
}

int subject_load(struct db *db, int64_t id, struct subject *s)
{
    static const struct sql select = {"SELECT " SUBJECT_COLUMNS " FROM subject WHERE id = ?1"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", id);

    return stmt != NULL ? read_one(db, stmt, s) : err;
}

int subject_find(struct db *db, int64_t flow, const char *code, struct subject *s)
{
    static const struct sql select = {"SELECT " SUBJECT_COLUMNS
                                      " FROM subject WHERE flow = ?1 AND code = ?2"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "it", flow, code);

    return stmt != NULL ? read_one(db, stmt, s) : err;
}

void subject_init(struct subject *s, int64_t flow, const char *code)
{
    memset(s, 0, sizeof(*s));
    s->flow = flow;
    (void)snprintf(s->code, sizeof(s->code), "%s", code);
    s->queue = QUEUE_NONE;
}

int subject_insert(struct db *db, struct subject *s, const char *local_no)
{
    static const struct sql insert = {
        "INSERT INTO subject (flow, code, local_no, present, doubt, status, at, promised, "
        "newest_item, queue, since_ms) VALUES (?1, ?2, nullif(?3, ''), ?4, ?5, ?6, ?7, ?8, ?9, "
        "nullif(?10, -1), ?11)"};
    int err = db_run(db, &insert, "ittiiiiizii", s->flow, s->code, local_no, (int64_t)s->present,
                     (int64_t)s->doubt, (int64_t)s->status, s->at_s, s->promised_s, s->newest_item,
                     (int64_t)s->queue, s->since_ms);

    s->id = sqlite3_last_insert_rowid(db->sqlite);
    return err;
}

int subject_set_local_no(struct db *db, const struct subject *s, const char *local_no)
{
    static const struct sql update = {
        "UPDATE subject SET local_no = nullif(?2, code) WHERE id = ?1 AND local_no IS NOT ?2"};

    return db_run(db, &update, "it", s->id, local_no);
}

int subject_store(struct db *db, const struct subject *s)
{
    static const struct sql update = {
        "UPDATE subject SET present = ?2, doubt = ?3, flips = ?4, resnapped = ?5, busy = ?6, "
        "acked_item = ?7, acked_hash = ?8, acked_status = ?9, status = ?10, at = ?11, "
        "promised = ?12, newest_item = ?13, queue = nullif(?14, -1), since_ms = ?15, "
        "due_ms = ?16, settled = ?17 WHERE id = ?1"};
    const void *acked_hash = s->has_acked ? s->acked_hash : NULL;

    return db_run(db, &update, "iiiiiizbiiiiziiii", s->id, (int64_t)s->present, (int64_t)s->doubt,
                  (int64_t)s->flips, (int64_t)s->resnapped, (int64_t)s->busy, s->acked_item,
                  acked_hash, sizeof(s->acked_hash), (int64_t)s->acked_status, (int64_t)s->status,
                  s->at_s, s->promised_s, s->newest_item, (int64_t)s->queue, s->since_ms, s->due_ms,
                  s->settled_s);
}

void subject_doubt(struct subject *s)
{
    s->doubt = 1;
    s->has_acked = false;
    s->flips = 0;
}

void subject_acknowledge(struct subject *s, const struct open_item *item)
{
    s->present = 1;
    s->flips = 0;
    s->doubt = 0;
    s->acked_item = item->id;
    s->has_acked = true;
    s->acked_status = item->status != 0 ? item->status : s->acked_status;
    memcpy(s->acked_hash, item->hash, sizeof(s->acked_hash));
    if (s->newest_item == item->id && item->status != 0) {
        s->status = item->status; /* mapped since it was stored */
    }
}

bool subject_path(const struct subject *s, int status, uint32_t *flags)
{
    if (s->acked_status == 0 || status == 0) {
        return true;
    }
    if (!status_path_exists(s->acked_status, status)) {
        return false;
    }
    if (!status_move_legal(s->acked_status, status)) {
        *flags |= ITEM_FLAG_JUMPED;
    }
    return true;
}

#define ITEM_COLUMNS                                                                               \
    "id, kind, state, hold, hash, status, at, created_ms, due_ms, attempts, same, flags, solo, "   \
    "subject"

static void read_item(sqlite3_stmt *stmt, struct open_item *item)
{
    item->id = sqlite3_column_int64(stmt, 0);
    item->kind = (enum item_kind)sqlite3_column_int(stmt, 1);
    item->state = (enum item_state)sqlite3_column_int(stmt, 2);
    item->hold = (enum hold_why)sqlite3_column_int(stmt, 3);
    db_digest(stmt, 4, item->hash);
    item->status = sqlite3_column_int(stmt, 5);
    item->at_s = sqlite3_column_int64(stmt, 6);
    item->created_ms = sqlite3_column_int64(stmt, 7);
    item->due_ms = sqlite3_column_int64(stmt, 8);
    item->attempts = (uint32_t)sqlite3_column_int64(stmt, 9);
    item->same = (uint32_t)sqlite3_column_int64(stmt, 10);
    item->flags = (uint32_t)sqlite3_column_int64(stmt, 11);
    item->solo = (uint32_t)sqlite3_column_int64(stmt, 12);
}

int item_load(struct db *db, int64_t id, struct open_item *item, int64_t *subject)
{
    static const struct sql select = {"SELECT " ITEM_COLUMNS " FROM item WHERE id = ?1"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", id);

    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err == 1) {
        read_item(stmt, item);
        *subject = sqlite3_column_int64(stmt, 13);
        db_reset(stmt);
    }
    return err;
}

/* Steps stand in the order of their source's time, those of one time in order of arrival. */
static void insert_step(struct subject_view *view, const struct open_item *step)
{
    size_t at = view->n_steps;

    while (at > 0 && view->steps[at - 1].at_s > step->at_s) {
        at--;
    }
    if (at == VIEW_STEPS) {
        return; /* later than all that the next call could take */
    }
    view->n_steps += view->n_steps < VIEW_STEPS;
    memmove(&view->steps[at + 1], &view->steps[at], (view->n_steps - 1 - at) * sizeof(*step));
    view->steps[at] = *step;
}

void subject_view_clear(struct subject_view *view)
{
    view->n_snapshots = 0;
    view->n_steps = 0;
    view->waiting_ms = 0;
    view->held_ms = 0;
    view->stale = false;
}

void subject_view_add(struct subject_view *view, const struct open_item *item)
{
    int64_t *oldest_ms = item->state == ITEM_HELD ? &view->held_ms : &view->waiting_ms;

    if (*oldest_ms == 0 || item->created_ms < *oldest_ms) {
        *oldest_ms = item->created_ms;
    }
    if (item->kind == ITEM_STEP) {
        insert_step(view, item);
    } else {
        view->snapshots[1] = view->snapshots[0]; /* newest first; there are at most two */
        view->snapshots[0] = *item;
        view->n_snapshots += view->n_snapshots < 2;
    }
}

int subject_view(struct db *db, const struct subject *s, struct subject_view *view)
{
    static const struct sql select = {"SELECT " ITEM_COLUMNS
                                      " FROM item INDEXED BY item_open WHERE subject = ?1 AND "
                                      "state < 4 ORDER BY id"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", s->id);

    subject_view_clear(view);
    if (stmt == NULL) {
        return err;
    }
    for (err = db_row(db, stmt); err == 1; err = db_row(db, stmt)) {
        struct open_item item;

        read_item(stmt, &item);
        subject_view_add(view, &item);
    }
    return err;
}

/* How many items a call may have that carries this one too. */
static size_t most_with(const struct open_item *item, size_t most)
{
    return item->solo != 0 && item->solo < most ? item->solo : most;
}

struct subject_next subject_next_call(const struct subject *s, struct subject_view *view)
{
    struct subject_next next = {NULL, 0};
    size_t most;
    const struct open_item *held = NULL;
    const struct open_item *head = &view->steps[0];

    if (view->n_snapshots > 0) {
        struct open_item *snapshot = &view->snapshots[0];

        if (snapshot->state == ITEM_PENDING || snapshot->state == ITEM_UNSURE) {
            next.items = snapshot; /* overtakes waiting, doubtful and held steps */
            next.n = 1;
            return next;
        }
        held = snapshot;
    }
    if (view->n_steps == 0 || (held != NULL && (head->id > held->id || s->present == 0))) {
        return next; /* a held snapshot stops the steps that came after it */
    }
    if (head->state != ITEM_PENDING && head->state != ITEM_UNSURE) {
        return next; /* a held step stops the later ones */
    }
    next.items = &view->steps[0];
    next.n = 1;
    for (most = most_with(head, JOURNAL_CALL_ITEMS); next.n < view->n_steps; next.n++) {
        const struct open_item *step = &view->steps[next.n];

        most = most_with(step, most);
        /* Doubt does not spread: steps in doubt go with their like. */
        if (next.n >= most || step->state != head->state || (held != NULL && step->id > held->id)) {
            break;
        }
    }
    return next;
}

bool subject_urgent(int status, int64_t promised_s, int64_t since_ms, uint64_t now_ms)
{
    int64_t now_s = (int64_t)(now_ms / 1000);

    if (status_decides_deadline(status) || since_ms + HOUR_MS < (int64_t)now_ms) {
        return true;
    }
    return promised_s != 0 && promised_s < now_s + 7 * 86400 &&
           vntime_working_seconds(now_s, promised_s) <= URGENT_WORKING_S;
}

/* Of the indexes only those that change are written. */
int subject_occupy(struct db *db, struct subject *s)
{
    static const struct sql update = {
        "UPDATE subject SET busy = 1, queue = NULL, due_ms = 0 WHERE id = ?1"};

    s->busy = 1;
    s->queue = QUEUE_NONE;
    s->due_ms = 0;
    return db_run(db, &update, "i", s->id);
}

void subject_plan(struct subject *s, struct subject_view *view, uint64_t now_ms)
{
    struct subject_next next = subject_next_call(s, view);
    bool open = view->n_snapshots + view->n_steps > 0;

    s->settled_s = open ? 0 : (int64_t)(now_ms / 1000);
    if (!open) {
        s->since_ms = 0;
    } else if (s->since_ms == 0) {
        s->since_ms = view->waiting_ms != 0 ? view->waiting_ms : view->held_ms;
    }
    s->due_ms = 0;
    if (s->busy || next.n == 0) {
        s->queue = QUEUE_NONE;
    } else if (next.items[0].due_ms > (int64_t)now_ms) {
        s->queue = QUEUE_DELAYED;
        s->due_ms = next.items[0].due_ms;
    } else {
        s->queue = subject_urgent(next.items[0].status, s->promised_s, s->since_ms, now_ms)
                       ? QUEUE_URGENT
                       : QUEUE_NORMAL;
    }
}

int subject_reschedule(struct db *db, struct subject *s, uint64_t now_ms)
{
    struct subject_view view;
    int err = subject_view(db, s, &view);

    if (err < 0) {
        return err;
    }
    subject_plan(s, &view, now_ms);
    return subject_store(db, s);
}

struct item_change item_change_to(const struct open_item *item, enum item_state to)
{
    struct item_change change = {
        .to = to,
        .attempts = item->attempts,
        .same = item->same,
        .flags = item->flags,
        .solo = item->solo,
        .status = item->status,
    };

    return change;
}

int item_move(struct db *db, const struct subject *s, struct open_item *item,
              const struct item_change *change, uint64_t now_ms)
{
    static const struct sql update = {
        "UPDATE item SET state = ?2, changed_ms = ?3, due_ms = ?4, hold = ?5, reason = ?6, "
        "successor = ?7, attempts = ?8, same = ?9, flags = ?10, solo = ?11, "
        "status = ?12 WHERE id = ?1"};
    int err;

    assert(item->state == change->to || item_move_legal(item->state, change->to));
    err = db_run(db, &update, "iiiiitziiiii", item->id, (int64_t)change->to, (int64_t)now_ms,
                 (int64_t)change->due_ms, (int64_t)change->hold, change->reason, change->successor,
                 (int64_t)change->attempts, (int64_t)change->same, (int64_t)change->flags,
                 (int64_t)change->solo, (int64_t)change->status);
    if (err < 0) {
        return err;
    }
    if (s->open != NULL) {
        s->open->stale = true;
    }
    if (item->state != change->to) {
        db_tally_move(db, s->flow, item->kind, (int)item->state, (int)change->to);
    }
    item->state = change->to;
    item->due_ms = (int64_t)change->due_ms;
    item->hold = change->hold;
    item->attempts = change->attempts;
    item->same = change->same;
    item->flags = change->flags;
    item->solo = change->solo;
    item->status = change->status;
    return 0;
}

int item_delete_body(struct db *db, int64_t id)
{
    static const struct sql remove = {"DELETE FROM body WHERE item = ?1"};

    return db_run(db, &remove, "i", id);
}

int item_supersede(struct db *db, const struct subject *s, struct open_item *item,
                   int64_t successor, uint64_t now_ms)
{
    struct item_change change = item_change_to(item, ITEM_SUPERSEDED);
    int err;

    change.successor = successor;
    err = item_move(db, s, item, &change, now_ms);
    return err < 0 ? err : item_delete_body(db, item->id);
}

int item_store_body(struct db *db, int64_t id, const char *body, size_t len)
{
    static const struct sql store = {
        "INSERT OR REPLACE INTO body (item, sha256, body) VALUES (?1, ?2, ?3)"};
    uint8_t sha256[DIGEST_BYTES];
    int err = digest_sha256(body, len, sha256);

    return err < 0 ? err
                   : db_run(db, &store, "ibb", id, (const void *)sha256, sizeof(sha256),
                            (const void *)body, len);
}

struct open_item item_as_new(const struct item_new *n, uint64_t now_ms)
{
    struct open_item item = {
        .kind = n->kind,
        .state = n->state,
        .hold = n->hold,
        .status = n->status,
        .at_s = n->at_s,
        .created_ms = (int64_t)now_ms,
        .flags = n->flags,
        .solo = n->solo,
    };

    memcpy(item.hash, n->hash, sizeof(item.hash));
    return item;
}

int item_insert(struct db *db, const struct subject *s, const struct item_new *n, uint64_t now_ms,
                int64_t *id)
{
    static const struct sql insert = {
        "INSERT INTO item (subject, kind, state, step_key, hash, status, at, created_ms, "
        "changed_ms, hold, flags, reason, solo, source) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, ?12, ?13) "
        "ON CONFLICT DO NOTHING"};
    int err = db_run(db, &insert, "iiitbiiiiitit", s->id, (int64_t)n->kind, (int64_t)n->state,
                     n->step_key, (const void *)n->hash, (size_t)32, (int64_t)n->status, n->at_s,
                     (int64_t)now_ms, (int64_t)n->hold, (int64_t)n->flags, n->reason,
                     (int64_t)n->solo, n->source);

    if (err < 0 || sqlite3_changes(db->sqlite) == 0) {
        return err; /* 0: the step is known */
    }
    *id = sqlite3_last_insert_rowid(db->sqlite);
    db->last_item = *id;
    if (s->open != NULL) {
        struct open_item item = item_as_new(n, now_ms);

        item.id = *id;
        subject_view_add(s->open, &item);
    }
    db_tally_move(db, s->flow, n->kind, -1, (int)n->state);
    err = item_store_body(db, *id, n->body, n->body_len);
    return err < 0 ? err : 1;
}

int item_body(struct db *db, int64_t id, struct arena *a, const char **body, size_t *len)
{
    static const struct sql select = {"SELECT sha256, body FROM body WHERE item = ?1"};
    uint8_t stored[32];
    uint8_t actual[32];
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "i", id);

    if (stmt == NULL) {
        return err;
    }
    err = db_row(db, stmt);
    if (err != 1) {
        return err;
    }
    db_digest(stmt, 0, stored);
    *len = (size_t)sqlite3_column_bytes(stmt, 1);
    *body = arena_strndup(a, *len > 0 ? (const char *)sqlite3_column_blob(stmt, 1) : "", *len);
    db_reset(stmt);
    if (*body == NULL) {
        return err_set(&db->why, ERR_NOMEM, "body of item %lld", (long long)id);
    }
    err = digest_sha256(*body, *len, actual);
    if (err < 0) {
        return err;
    }
    return digest_equal(stored, actual)
               ? 1
               : err_set(&db->why, ERR_CORRUPT, "body of item %lld does not match its digest",
                         (long long)id);
}
