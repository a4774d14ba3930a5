/* append: what becomes of records that arrive. The rules of design.md "The item" about new
 * snapshots and steps stand here, in the transaction that stores them. */
#include <string.h>

#include "base/crash_point.h"
#include "base/digest.h"
#include "journal/figure.h"
#include "journal/subject.h"
#include "journal/worker.h"

#define APPEND_BYTES_MAX (16u << 20)

void journal_append_init(struct journal_append *a, int64_t flow)
{
    memset(a, 0, sizeof(*a));
    a->flow = flow;
    arena_init(&a->arena, APPEND_BYTES_MAX);
    a->records_end = &a->records;
    a->rows_end = &a->rows;
}

void journal_append_free(struct journal_append *a)
{
    arena_free(&a->arena);
}

/* An absent text is "". */
static const char *copied(struct arena *a, const char *text)
{
    return arena_strdup(a, text != NULL ? text : "");
}

/* Why an allocation of about so many bytes failed. */
static int refused(const struct arena *a, size_t bytes)
{
    return bytes + 4096 > a->max_bytes - a->used_bytes ? ERR_TOOBIG : ERR_NOMEM;
}

/* What could be stored but never sent must not get in. */
static int check_record(const struct record *r)
{
    bool step = record_item_kind(r->kind) == ITEM_STEP;

    if (r->code == NULL || r->code[0] == '\0' || strlen(r->code) >= JOURNAL_CODE_SIZE ||
        (step && (r->step_key == NULL || r->step_key[0] == '\0'))) {
        return ERR_INVAL;
    }
    return r->body_len > JOURNAL_BODY_MAX ? ERR_TOOBIG : 0;
}

static int copy_part(struct journal_append *a, const struct journal_record *record,
                     struct journal_record *copy)
{
    copy->source = arena_strdup(&a->arena, record->source);
    if (record->part != NULL) {
        copy->part = arena_strndup(&a->arena, record->part, record->part_len);
        a->bytes += record->part_len;
    }
    return copy->source == NULL || (record->part != NULL && copy->part == NULL)
               ? refused(&a->arena, record->part_len)
               : 0;
}

int journal_append_add(struct journal_append *a, const struct journal_record *record)
{
    bool sourced = record->source != NULL;
    int err =
        sourced && record->part_len > JOURNAL_BODY_MAX ? ERR_TOOBIG : check_record(&record->record);
    struct journal_record *copy = err == 0 ? arena_alloc(&a->arena, sizeof(*copy)) : NULL;

    if (err < 0) {
        return err;
    }
    if (copy == NULL) {
        return refused(&a->arena, sizeof(*copy));
    }
    *copy = *record;
    copy->record.dossier = NULL;
    copy->record.step = NULL;
    copy->record.code = copied(&a->arena, record->record.code);
    copy->record.local_no = copied(&a->arena, record->record.local_no);
    copy->record.step_key = copied(&a->arena, record->record.step_key);
    copy->record.body = arena_strndup(&a->arena, record->record.body, record->record.body_len);
    copy->reason = record->reason != NULL ? arena_strdup(&a->arena, record->reason) : NULL;
    if (record->record.figures != NULL) {
        copy->record.figures = figures_copy(&a->arena, record->record.figures);
    }
    if (copy->record.code == NULL || copy->record.local_no == NULL ||
        copy->record.step_key == NULL || copy->record.body == NULL ||
        (record->reason != NULL && copy->reason == NULL) ||
        (record->record.figures != NULL && copy->record.figures == NULL)) {
        return refused(&a->arena, record->record.body_len);
    }
    err = sourced ? copy_part(a, record, copy) : 0;
    if (err < 0) {
        return err;
    }
    copy->next = NULL;
    *a->records_end = copy;
    a->records_end = &copy->next;
    a->bytes += record->record.body_len + sizeof(*copy);
    return 0;
}

int journal_append_row(struct journal_append *a, const char *source, const struct journal_row *row)
{
    struct journal_row *copy = arena_alloc(&a->arena, sizeof(*copy));

    if (copy == NULL) {
        return refused(&a->arena, sizeof(*copy));
    }
    *copy = *row;
    copy->id = copied(&a->arena, row->id);
    copy->why = row->why != NULL ? arena_strdup(&a->arena, row->why) : NULL;
    copy->code = row->code != NULL ? arena_strdup(&a->arena, row->code) : NULL;
    if (a->source == NULL) {
        a->source = arena_strdup(&a->arena, source);
    }
    if (copy->id == NULL || a->source == NULL || (row->why != NULL && copy->why == NULL) ||
        (row->code != NULL && copy->code == NULL)) {
        return refused(&a->arena, 0);
    }
    copy->next = NULL;
    *a->rows_end = copy;
    a->rows_end = &copy->next;
    return 0;
}

int journal_append_cursor(struct journal_append *a, const char *source, const char *cursor)
{
    if (a->source == NULL) {
        a->source = arena_strdup(&a->arena, source);
    }
    /* A cursor without its source could never be stored, and the batch would be tried for ever. */
    a->cursor = a->source != NULL ? arena_strdup(&a->arena, cursor) : NULL;
    return a->cursor != NULL ? 0 : ERR_NOMEM;
}

/* ---- worker ---- */

static void new_from_record(const struct journal_record *r, struct item_new *n)
{
    memset(n, 0, sizeof(*n));
    n->kind = record_item_kind(r->record.kind);
    n->state = r->hold != HOLD_NONE ? ITEM_HELD : ITEM_PENDING;
    n->hold = r->hold;
    n->reason = r->hold != HOLD_NONE ? r->reason : NULL;
    n->step_key = n->kind == ITEM_STEP ? r->record.step_key : NULL;
    n->hash = r->record.hash;
    n->status = r->status;
    n->at_s = r->record.at_s;
    n->flags = r->flags;
    n->solo = r->solo ? 1 : 0;
    n->source = n->kind == ITEM_STEP ? r->source : NULL;
    n->body = r->record.body;
    n->body_len = r->record.body_len;
}

/* Held when no way leads from what the peer acknowledged to this status; a jump is sent and
 * flagged. */
static void check_path(const struct subject *s, struct item_new *n)
{
    if (n->state != ITEM_HELD && !subject_path(s, n->status, &n->flags)) {
        n->state = ITEM_HELD;
        n->hold = HOLD_NO_PATH;
        n->reason = SUBJECT_NO_PATH;
    }
}

/* The newest snapshot is this content already, and nothing is wrong with how it is stored. */
static int is_newest(struct db *db, const struct subject *s, const uint8_t hash[32], bool again)
{
    struct open_item item;
    int64_t subject;
    int found = s->newest_item != 0 ? item_load(db, s->newest_item, &item, &subject) : 0;

    if (found == 1 && again && !item_open(item.state)) {
        return 0;
    }
    return found == 1 ? memcmp(item.hash, hash, 32) == 0 && item.hold != HOLD_DAMAGED : found;
}

/* The snapshot takes the place of the one that waits; see the design's paragraph on new snapshots.
 */
static int replace_waiting(struct db *db, struct subject *s, struct open_item *waiting,
                           int64_t successor, struct journal_append *a)
{
    if (waiting == NULL) {
        return 0;
    }
    a->replaced++;
    CRASH_POINT(append_replacing);
    return item_supersede(db, s, waiting, successor, a->now_ms);
}

/* Back to what the peer holds (A, B, A): no call is needed, and what waits is of no use any more.
 */
static int return_to_acknowledged(struct db *db, struct subject *s, struct journal_record *r,
                                  struct open_item *waiting, struct journal_append *a)
{
    int err = 0;

    a->unchanged++;
    r->item = s->acked_item;
    if (waiting == NULL && s->newest_item != s->acked_item) {
        err = item_delete_body(db, s->newest_item); /* given up by a person */
    }
    s->newest_item = s->acked_item;
    err = err == 0 ? item_store_body(db, s->acked_item, r->record.body, r->record.body_len) : err;
    err = err == 0 ? replace_waiting(db, s, waiting, s->acked_item, a) : err;
    return err < 0 ? err : 1;
}

static int store_snapshot(struct db *db, struct subject *s, struct journal_record *r,
                          struct open_item *waiting, bool in_flight, struct journal_append *a)
{
    struct item_new fresh;
    int64_t id;
    int err;

    new_from_record(r, &fresh);
    check_path(s, &fresh);
    if (waiting != NULL && waiting->state == ITEM_HELD && waiting->hold == HOLD_PERSON) {
        fresh.state = ITEM_HELD;
        fresh.hold = HOLD_PERSON;
        fresh.reason = "held by a person; a newer snapshot took the place of the held one";
    }
    err = item_insert(db, s, &fresh, a->now_ms, &id);
    CRASH_POINT(append_snapshot);
    if (err == 1) {
        err = replace_waiting(db, s, waiting, id, a);
    }
    if (err == 0 && waiting == NULL && !in_flight && s->newest_item != 0) {
        err = item_delete_body(db, s->newest_item); /* only the newest body is kept */
    }
    s->newest_item = id;
    r->item = id;
    a->stored++;
    a->held += fresh.state == ITEM_HELD;
    return err < 0 ? err : 1;
}

/* 1 the subject has changed, 0 nothing new, negative failed; so of steps. */
static int admit_snapshot(struct db *db, struct subject *s, struct journal_record *r,
                          struct journal_append *a)
{
    struct subject_view view;
    struct open_item *waiting = NULL;
    bool in_flight = false;
    int same = is_newest(db, s, r->record.hash, a->again);
    int err;

    subject_view_clear(&view); /* none but the newest and older ones */
    err = same == 0 && s->newest_item != 0 ? subject_view(db, s, &view) : 0;
    if (same != 0 || err < 0) {
        a->unchanged += same == 1;
        r->item = s->newest_item;
        return same < 0 ? same : err; /* same == 1: err is 0 */
    }
    err = figure_store(db, s, &r->record, a->now_ms);
    if (err < 0) {
        return err;
    }
    for (size_t i = 0; i < view.n_snapshots; i++) {
        if (view.snapshots[i].state == ITEM_INFLIGHT) {
            in_flight = true;
        } else {
            waiting = &view.snapshots[i];
        }
    }
    s->status = r->status;
    s->at_s = r->record.at_s;
    s->promised_s = r->record.promised_s;
    if (!a->again && s->has_acked && s->present && memcmp(s->acked_hash, r->record.hash, 32) == 0 &&
        !in_flight && !s->doubt && (waiting == NULL || waiting->state != ITEM_UNSURE)) {
        return return_to_acknowledged(db, s, r, waiting, a);
    }
    return store_snapshot(db, s, r, waiting, in_flight, a);
}

/* A known step is never stored twice; one whose body was damaged here gets it back. */
/* Never sent, and not kept back by a person: nothing of it is known outside yet. */
static bool never_sent(const struct open_item *item)
{
    bool by_check = item->hold == HOLD_UNMAPPED_STATUS || item->hold == HOLD_UNMAPPED_PROCEDURE ||
                    item->hold == HOLD_INVALID;

    return item->attempts == 0 &&
           (item->state == ITEM_PENDING || (item->state == ITEM_HELD && by_check));
}

static int store_judged(struct db *db, const struct journal_record *r, struct open_item *item)
{
    static const struct sql update = {
        "UPDATE item SET hash = ?2, status = ?3, flags = ?4, at = ?5 WHERE id = ?1"};

    item->status = r->status;
    item->flags = r->flags | (item->flags & ITEM_FLAG_CONSENTED);
    memcpy(item->hash, r->record.hash, sizeof(item->hash));
    return db_run(db, &update, "ibiii", item->id, (const void *)item->hash, sizeof(item->hash),
                  (int64_t)item->status, (int64_t)item->flags, r->record.at_s);
}

/* The source tells a step again that was never sent: when it reads otherwise now (a corrected
 * preset or map of its own), that is what will be sent. 1 changed, 0 as it was. */
static int renew_step(struct db *db, struct subject *s, const struct journal_record *r,
                      struct open_item *item, struct journal_append *a)
{
    enum item_state to = r->hold != HOLD_NONE ? ITEM_HELD : ITEM_PENDING;
    struct item_change change;
    const char *body = NULL;
    struct arena arena;
    size_t len = 0;
    int found;
    int err;

    arena_init(&arena, JOURNAL_BODY_MAX + 4096);
    found = item_body(db, item->id, &arena, &body, &len);
    if (found == 1 && len == r->record.body_len && memcmp(body, r->record.body, len) == 0) {
        found = 0;
    } else if (found == ERR_CORRUPT) {
        found = 1;
    }
    arena_free(&arena);
    if (found != 1) {
        a->unchanged += found == 0;
        return found;
    }
    err = store_judged(db, r, item);
    err = err == 0 ? item_store_body(db, item->id, r->record.body, r->record.body_len) : err;
    if (err == 0 && to != item->state) {
        change = item_change_to(item, to);
        change.hold = r->hold;
        change.reason = r->hold != HOLD_NONE ? r->reason : NULL;
        err = item_move(db, s, item, &change, a->now_ms);
    }
    if (s->open != NULL) {
        s->open->stale = true;
    }
    a->replaced++;
    return err < 0 ? err : 1;
}

static int admit_known_step(struct db *db, struct subject *s, struct journal_record *r, int64_t id,
                            bool same_key, struct journal_append *a)
{
    struct open_item item;
    struct item_change change;
    int64_t subject;
    int found = item_load(db, id, &item, &subject);
    int err;

    r->item = id;
    if (found == 1 && same_key && never_sent(&item)) {
        return renew_step(db, s, r, &item, a);
    }
    if (found != 1 || item.hold != HOLD_DAMAGED || memcmp(item.hash, r->record.hash, 32) != 0) {
        a->unchanged += found == 1;
        return found < 0 ? found : 0;
    }
    change = item_change_to(&item, restore_doubts(db, r->record.at_s) ? ITEM_UNSURE : ITEM_PENDING);
    err = item_store_body(db, id, r->record.body, r->record.body_len);
    err = err == 0 ? item_move(db, s, &item, &change, a->now_ms) : err;
    a->replaced++;
    return err < 0 ? err : 1;
}

/* What another source said of the same event under a key of its own; a key that is known leads to
 * its own step. */
static int find_twin(struct db *db, const struct subject *s, const struct journal_record *r,
                     int64_t *id)
{
    static const struct sql twin = {
        "SELECT id FROM item WHERE subject = ?1 AND kind = 2 AND at = ?2 AND status = ?3 "
        "AND hash = ?4 AND source IS NOT ?5 AND NOT EXISTS (SELECT 1 FROM item "
        "WHERE subject = ?1 AND step_key = ?6 AND kind = 2) ORDER BY id LIMIT 1"};

    return db_integer(db, &twin, id, "iiibtt", s->id, r->record.at_s, (int64_t)r->status,
                      (const void *)r->record.hash, sizeof(r->record.hash), r->source,
                      r->record.step_key);
}

static int admit_step(struct db *db, struct subject *s, struct journal_record *r,
                      struct journal_append *a)
{
    static const struct sql known = {
        "SELECT id FROM item WHERE subject = ?1 AND step_key = ?2 AND kind = 2"};
    struct item_new fresh;
    int64_t id = 0;
    int found = a->steps_by_content ? find_twin(db, s, r, &id) : 0;
    int stored;

    if (found != 0) {
        return found < 0 ? found : admit_known_step(db, s, r, id, false, a);
    }
    new_from_record(r, &fresh);
    if (fresh.state == ITEM_PENDING && restore_doubts(db, fresh.at_s)) {
        fresh.state = ITEM_UNSURE; /* the journal that was lost may have sent it */
    }
    stored = item_insert(db, s, &fresh, a->now_ms, &id);
    CRASH_POINT(append_step);
    if (stored == 0) {
        found = db_integer(db, &known, &id, "it", s->id, r->record.step_key);
        return found == 1 ? admit_known_step(db, s, r, id, true, a) : found;
    }
    r->item = id;
    a->stored++;
    a->held += fresh.state == ITEM_HELD;
    return stored;
}

/* ---- flows with several sources ---- */

static int store_part(struct db *db, struct subject *s, const struct journal_record *r,
                      struct journal_append *a)
{
    static const struct sql upsert = {
        "INSERT INTO part (subject, source, rank, at, sha256, body) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (subject, source) DO UPDATE SET "
        "rank = excluded.rank, at = excluded.at, sha256 = excluded.sha256, body = excluded.body"};
    uint8_t sha256[32];
    int err = digest_sha256(r->part, r->part_len, sha256);

    if (err == 0) {
        err = db_run(db, &upsert, "itiibb", s->id, r->source, (int64_t)r->rank, r->part_at_s,
                     (const void *)sha256, sizeof(sha256), (const void *)r->part, r->part_len);
    }
    if (err == 0 && r->record.local_no[0] != '\0') {
        err = subject_set_local_no(db, s, r->record.local_no);
    }
    if (err == 0 && s->settled_s < 0) {
        s->settled_s =
            (int64_t)(a->now_ms / 1000); /* retention has been here: again for the part */
        err = subject_store(db, s);
    }
    return err;
}

/* What began at the portal is there, however new it is in this flow. What is older than a restore
 * may be there too. */
static int note_birth(struct db *db, struct subject *s, const struct journal_record *r,
                      const struct journal_append *a)
{
    static const struct sql select = {"SELECT 1 FROM subject WHERE flow = ?1 AND code = ?2"};
    int64_t one = 0;
    int found = a->born_flow != 0 ? db_integer(db, &select, &one, "it", a->born_flow, s->code) : 0;

    s->present = found == 1;
    for (; r != NULL && strcmp(r->record.code, s->code) == 0; r = r->next) {
        s->doubt = s->doubt || restore_doubts(db, r->record.at_s); /* its steps are older */
    }
    return found < 0 ? found : 0;
}

static int admit(struct db *db, struct subject *s, struct journal_record *r,
                 struct journal_append *a)
{
    bool step = record_item_kind(r->record.kind) == ITEM_STEP;
    int admitted = step ? admit_step(db, s, r, a) : admit_snapshot(db, s, r, a);
    int err = admitted;

    if (admitted >= 0 && !step && r->source != NULL && r->part != NULL) {
        CRASH_POINT(append_part_before);
        err = store_part(db, s, r, a);
        CRASH_POINT(append_part);
    }
    return err < 0 ? err : admitted;
}

/* What the row of a new subject will hold when its first record is stored: what is foreseen right
 * needs no second write. */
static void foresee(const struct db *db, struct subject *s, const struct journal_record *r,
                    const struct journal_append *a)
{
    struct item_new fresh;
    struct open_item item;

    new_from_record(r, &fresh);
    item = item_as_new(&fresh, a->now_ms);
    item.id = db->last_item + 1;
    if (fresh.kind == ITEM_SNAPSHOT) {
        s->status = r->status;
        s->at_s = r->record.at_s;
        s->promised_s = r->record.promised_s;
        s->newest_item = item.id;
    }
    subject_view_add(s->open, &item);
    subject_plan(s, s->open, a->now_ms);
    subject_view_clear(s->open);
}

/* stored: the row as it stands now. */
static int make_subject(struct db *db, const struct journal_record *r,
                        const struct journal_append *a, struct subject *s, struct subject *stored)
{
    int err = note_birth(db, s, r, a);

    *stored = *s;
    foresee(db, stored, r, a);
    err = err == 0 ? subject_insert(db, stored, r->record.local_no) : err;
    s->id = stored->id;
    CRASH_POINT(append_subject_new);
    return err;
}

/* What is open of a new subject is known, and its row may be right as it is. (Bytes between fields
 * that differ would only cost a write.) */
static int settle_new(struct db *db, struct subject *s, const struct subject *stored,
                      const struct journal_append *a)
{
    if (s->open->stale) {
        return subject_reschedule(db, s, a->now_ms);
    }
    subject_plan(s, s->open, a->now_ms);
    return memcmp(s, stored, sizeof(*s)) != 0 ? subject_store(db, s) : 0;
}

/* Records of one subject stand together: the row is read and stored once for all of them. */
static int admit_subject(struct db *db, struct journal_record **at, struct journal_append *a)
{
    struct journal_record *r = *at;
    const char *code = r->record.code;
    bool changed = false;
    struct subject_view view;
    struct subject stored;
    struct subject s;
    int found = subject_find(db, a->flow, code, &s);
    int err = found < 0 ? found : 0;

    if (found == 0) {
        subject_init(&s, a->flow, code);
        subject_view_clear(&view);
        s.open = &view;
        err = make_subject(db, r, a, &s, &stored);
    }
    for (; r != NULL && err == 0 && strcmp(r->record.code, code) == 0; r = r->next) {
        int admitted = admit(db, &s, r, a);

        changed = changed || admitted == 1;
        err = admitted < 0 ? admitted : 0;
    }
    *at = r;
    if (err == 0 && found == 0) {
        return settle_new(db, &s, &stored, a);
    }
    return err == 0 && changed ? subject_reschedule(db, &s, a->now_ms) : err;
}

static int store_row(struct db *db, const char *source, const struct journal_row *row)
{
    static const struct sql upsert = {
        "INSERT INTO source_row (source, id, hash, owed, tries, why, code) "
        "VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6) "
        "ON CONFLICT (source, id) DO UPDATE SET hash = excluded.hash, owed = excluded.owed, "
        "tries = iif(excluded.owed, tries + 1, 0), why = excluded.why, "
        "code = ifnull(excluded.code, code)"};

    return db_run(db, &upsert, "ttbitt", source, row->id, (const void *)row->hash,
                  sizeof(row->hash), (int64_t)row->owed, row->why, row->code);
}

/* At the end, when every record of the request has had its effect on the others. */
static int tell_fates(struct db *db, const struct journal_append *a)
{
    struct journal_fate *fate = a->fates;
    int found = 1;

    for (const struct journal_record *r = a->records; r != NULL && found == 1; r = r->next) {
        found = item_fate(db, r->item, fate++);
    }
    return found < 0 ? found : 0;
}

static int run_append(struct db *db, struct journal_op *op)
{
    static const struct sql cursor = {"INSERT INTO cursor (source, value) VALUES (?1, ?2) "
                                      "ON CONFLICT (source) DO UPDATE SET value = excluded.value"};
    struct journal_append *a = CONTAINER_OF(op, struct journal_append, op);
    struct journal_record *r = a->records;
    int err = 0;

    CRASH_POINT(append_before);
    while (r != NULL && err == 0) {
        err = admit_subject(db, &r, a);
        CRASH_POINT(append_subject);
    }
    for (const struct journal_row *row = a->rows; row != NULL && err == 0; row = row->next) {
        err = store_row(db, a->source, row);
        CRASH_POINT(append_row);
    }
    if (err == 0 && a->cursor != NULL) {
        CRASH_POINT(append_cursor_before);
        err = db_run(db, &cursor, "tt", a->source, a->cursor);
    }
    CRASH_POINT(append_written);
    return err == 0 && a->fates != NULL ? tell_fates(db, a) : err;
}

static void undo_append(struct journal_op *op)
{
    struct journal_append *a = CONTAINER_OF(op, struct journal_append, op);

    a->stored = 0;
    a->unchanged = 0;
    a->replaced = 0;
    a->held = 0;
    if (a->fates != NULL) {
        struct journal_fate *fate = a->fates;

        for (const struct journal_record *r = a->records; r != NULL; r = r->next) {
            memset(fate++, 0, sizeof(*fate));
        }
    }
}

void journal_append(struct journal *j, struct journal_append *a)
{
    journal_start_sized(j, &a->op, run_append, undo_append, a->bytes, a->patient);
}
