/* subject: the row that orders the items of one dossier or procedure, and what is to be called next
 * for it. Private to journal/; worker only. */
#ifndef JOURNAL_SUBJECT_H
#define JOURNAL_SUBJECT_H

#include "journal/journal.h"
#include "journal/sqlite.h"

enum { QUEUE_NONE = -1, QUEUE_URGENT = 0, QUEUE_NORMAL = 1, QUEUE_DELAYED = 2 };

struct subject_view;

struct subject {
    int64_t id;
    int64_t flow;
    char code[64];
    int present, doubt, flips, resnapped, busy;
    int64_t acked_item;
    uint8_t acked_hash[32];
    bool has_acked;
    int acked_status;
    int status;
    int64_t at_s, promised_s;
    int64_t newest_item;
    int queue;
    int64_t since_ms, due_ms, settled_s;
    struct subject_view
        *open; /* borrowed: what is open, where that is known without asking; or NULL */
};

#define SUBJECT_COLUMNS                                                                            \
    "id, flow, code, present, doubt, flips, resnapped, busy, acked_item, acked_hash, "             \
    "acked_status, status, at, promised, newest_item, queue, since_ms, due_ms, settled"
/* From a row of these columns; ERR_NOMEM. */
MUST_CHECK int subject_read(struct db *db, sqlite3_stmt *stmt, struct subject *s);

/* 1 found, 0 not, negative failed. */
MUST_CHECK int subject_load(struct db *db, int64_t id, struct subject *s);
MUST_CHECK int subject_find(struct db *db, int64_t flow, const char *code, struct subject *s);
/* One that is not stored yet, its id 0. */
void subject_init(struct subject *s, int64_t flow, const char *code);
/* Stores a new one as it is and sets its id; nothing was ever acknowledged of it or refused. */
MUST_CHECK int subject_insert(struct db *db, struct subject *s, const char *local_no);
MUST_CHECK int subject_store(struct db *db, const struct subject *s);

struct open_item;
/* The peer may hold a snapshot whose answer we never read: what it acknowledged before may stand no
 * more, and what its flips told is over. */
void subject_doubt(struct subject *s);
/* The peer holds this snapshot: no doubt is left, and what is sent next is an update. */
void subject_acknowledge(struct subject *s, const struct open_item *item);
/* Whether some path leads from what the peer acknowledged to this status; a jump is flagged. Why
 * not, for a person, in SUBJECT_NO_PATH. */
bool subject_path(const struct subject *s, int status, uint32_t *flags);
#define SUBJECT_NO_PATH                                                                            \
    "no way leads from the status that the portal acknowledged to this one; correct the "          \
    "province's record, or release it as it is"

struct open_item {
    int64_t id;
    enum item_kind kind;
    enum item_state state;
    enum hold_why hold;
    uint8_t hash[32];
    int status;
    int64_t at_s, created_ms, due_ms;
    uint32_t attempts, same, flags;
    uint32_t solo; /* at most so many items in its call; 0 no limit */
};

#define VIEW_STEPS (JOURNAL_CALL_ITEMS + 1)

/* What is open of a subject: the snapshots, newest first, and the steps next in line, oldest first.
 */
struct subject_view {
    struct open_item snapshots[2];
    size_t n_snapshots;
    struct open_item steps[VIEW_STEPS];
    size_t n_steps;
    int64_t waiting_ms, held_ms; /* arrival of the oldest that waits, of the oldest held; 0 none */
    bool stale;                  /* an item was moved since */
};
/* Nothing is open, then one more is: in the order of their ids. */
void subject_view_clear(struct subject_view *view);
void subject_view_add(struct subject_view *view, const struct open_item *item);
MUST_CHECK int subject_view(struct db *db, const struct subject *s, struct subject_view *view);

/* The next call: a snapshot before steps, steps oldest first up to the first that must wait. n 0:
 * nothing. */
struct subject_next {
    struct open_item *items;
    size_t n;
};
struct subject_next subject_next_call(const struct subject *s, struct subject_view *view);

/* Sets queue, due, since and settled from what is open now. */
void subject_plan(struct subject *s, struct subject_view *view, uint64_t now_ms);
/* The same, and stores the row. */
MUST_CHECK int subject_reschedule(struct db *db, struct subject *s, uint64_t now_ms);

/* The province's number of it, unless it is the code. */
MUST_CHECK int subject_set_local_no(struct db *db, const struct subject *s, const char *local_no);

/* A call is on its way: nothing is due until it has ended. Stores the row. */
MUST_CHECK int subject_occupy(struct db *db, struct subject *s);

bool subject_urgent(int status, int64_t promised_s, int64_t since_ms, uint64_t now_ms);

/* The one function that moves an item; keeps the tally. */
struct item_change {
    enum item_state to;
    uint64_t due_ms;
    enum hold_why hold;
    const char *reason; /* NULL: none */
    int64_t successor;  /* 0 none */
    uint32_t attempts, same, flags, solo;
    int status;
};
/* A change that leaves everything but the state as it is. */
struct item_change item_change_to(const struct open_item *item, enum item_state to);
MUST_CHECK int item_move(struct db *db, const struct subject *s, struct open_item *item,
                         const struct item_change *change, uint64_t now_ms);
/* SUPERSEDED by successor (0: by what the peer holds); its body goes at once. */
MUST_CHECK int item_supersede(struct db *db, const struct subject *s, struct open_item *item,
                              int64_t successor, uint64_t now_ms);
/* 1 found, 0 not there, negative failed. */
MUST_CHECK int item_load(struct db *db, int64_t id, struct open_item *item, int64_t *subject);
MUST_CHECK int item_delete_body(struct db *db, int64_t id);

struct item_new {
    enum item_kind kind;
    enum item_state state;
    enum hold_why hold;
    const char *reason;
    const char *step_key; /* NULL for snapshots */
    const uint8_t *hash;
    int status;
    int64_t at_s;
    uint32_t flags, solo;
    const char *source; /* NULL: not told */
    const char *body;
    size_t body_len;
};
/* As it will be once it is stored, but for its id. */
struct open_item item_as_new(const struct item_new *n, uint64_t now_ms);
/* 1 stored, 0 a step that is known already, negative failed. */
MUST_CHECK int item_insert(struct db *db, const struct subject *s, const struct item_new *n,
                           uint64_t now_ms, int64_t *id);
/* Puts a body in the place of what there is. */
MUST_CHECK int item_store_body(struct db *db, int64_t id, const char *body, size_t len);
/* The body of an item, checked against its digest: 1, 0 not there, ERR_CORRUPT damaged. Copied into
 * a. */
MUST_CHECK int item_body(struct db *db, int64_t id, struct arena *a, const char **body,
                         size_t *len);

/* What has become of an item, successors followed. 1 found, 0 not there, negative failed. */
MUST_CHECK int item_fate(struct db *db, int64_t id, struct journal_fate *fate);

#endif
