/* mapped_impl: the instance of the mapped adapter, for mapped*.c only. */
#ifndef ADAPTER_MAPPED_IMPL_H
#define ADAPTER_MAPPED_IMPL_H

#include "adapter/mapped.h"
#include "adapter/mapped_reading.h"

#define MAPPED_KNOWN_MAX 8192  /* rows remembered for newest-first */
#define MAPPED_WANTED_MAX 256  /* owed rows that are waited for */
#define MAPPED_HANDED_MAX 1024 /* rows of a reply among which one that stands twice is seen */

/* A place in a small set of digests; the oldest gives way. */
struct mapped_set {
    uint64_t *all; /* owned, max of them; 0: empty */
    size_t max, next;
    bool any; /* false: it is empty */
};

struct mapped {
    struct adapter adapter;
    struct adapter_env env; /* config follows reloads */
    char *name;             /* owned */
    struct mapped_caller caller;
    struct mapped_cursor cursor;
    unsigned n_open; /* readings and operations */
    bool freed;      /* by its owner; gone with the last of n_open */
    /* the poll at work */
    struct adapter_poll *poll;
    struct loop_task handing; /* rows that are there already */
    bool canceled;
    struct mapped_reading *reading; /* with more pages to come, or at work */
    struct mapped_page *page;       /* one reference; its rows at..n wait to be handed out */
    size_t from, at;                /* from..at: what was handed out last */
    size_t asked;                   /* of them, behind the one that was asked for last */
    bool last_page;
    struct adapter_row rows[MAPPED_PAGE_ROWS];
    struct mapped_facts facts;                                           /* of the whole reply */
    uint8_t digest[RECORD_HASH_BYTES], digest_before[RECORD_HASH_BYTES]; /* of its rows */
    bool has_before;
    uint64_t last_list_ms;
    struct mapped_set known;  /* rows with their hashes */
    struct mapped_set wanted; /* ids */
    struct mapped_set handed; /* rows of the reply with their hashes */
    struct log_limit refused_log;
    uint64_t pages, rows_refused, skipped, feeds;
};

struct mapped *mapped_self(struct adapter *a);

/* Adds to a set; false: it was there already and stays once. */
bool mapped_set_add(struct mapped_set *s, uint64_t what);
uint64_t mapped_digest_id(const char *id, const uint8_t *hash); /* hash may be NULL; never 0 */

/* The verbs of mapped_detail.c. */
void mapped_detail_verb(struct adapter *a, struct adapter_detail *detail);
void mapped_ack_verb(struct adapter *a, struct adapter_ack *ack);
void mapped_list_verb(struct adapter *a, struct adapter_list *list);

/* One of n_open has ended. May free the instance. */
void mapped_ended(struct mapped *m);

#endif
