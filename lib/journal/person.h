/* person: what the journal keeps about a person: found, read out, erased (Law 91/2025/QH15).
 *
 * A person is found in bodies, parts and words; what they look like is the caller's knowledge, so
 * the caller hands in a matcher. Nothing here writes a needle, a name or a number anywhere.
 * Requests follow journal.h's rules. */
#ifndef JOURNAL_PERSON_H
#define JOURNAL_PERSON_H

#include "journal/journal.h"

#define PERSON_MAX 500 /* dossiers of one request; one person has a handful */

/* Called on the worker, one at a time; pure. ctx stays until the last request has ended. */
struct person_matcher {
    /* Which fields of a canonical record speak of the person, as bits of the caller's numbering. */
    uint64_t (*body)(void *ctx, const char *body, size_t n);
    /* Whether a peer's or a person's words do. */
    bool (*words)(void *ctx, const char *text);
    /* Or the dossiers themselves: their codes, one that matches either number. n 0: none. */
    const char *const *codes;
    size_t n_codes;
    void *ctx;
};

struct person_hit {
    int64_t subject;
    uint64_t fields; /* where the person was found; 0: by code, or in words alone */
    bool in_words;
};

/* One chunk of a search; start it again until more is false. Zero-initialise before the first. */
struct person_find {
    struct journal_op op;
    const struct person_matcher *matcher;
    size_t chunk; /* bodies looked at in one go, 1..10000; words go ten times as fast */
    struct person_hit hits[PERSON_MAX]; /* out, by subject once, over all chunks */
    size_t n;
    bool overflow; /* out: there are more than PERSON_MAX; the search ended there */
    bool more;     /* out */
    /* the journal's own: where it is, and where the chunk that runs began */
    int phase, began_phase;
    int64_t after, began_after;
    size_t began_n;
    bool began_overflow;
};
void person_find(struct journal *j, struct person_find *f);

struct person_item {
    int64_t id;
    enum item_kind kind;
    enum item_state state;
    enum hold_why hold;
    int status;
    int64_t at_s;
    uint64_t created_ms, changed_ms;
    const char *reason; /* "" none */
    const char *body;   /* NULL: not kept */
    size_t body_len;
    bool damaged; /* the body does not match its digest */
};

struct person_part {
    const char *source;
    int64_t at_s;
    const char *body;
    size_t body_len;
};

/* Everything that is kept about one dossier of one flow. op.err ERR_NOTFOUND. */
struct person_read {
    struct journal_op op;
    int64_t subject;
    struct arena arena; /* out; person_read_free */
    const char *flow, *code, *local_no;
    int status, acked_status;
    int64_t settled_s; /* 0: something is open */
    uint64_t seen_at_ms;
    int seen_status;
    bool seen_there;
    struct person_item *items; /* oldest first */
    size_t n_items;
    struct person_part *parts;
    size_t n_parts;
    struct journal_attempt_row *attempts; /* in order */
    size_t n_attempts;
};
void person_read(struct journal *j, struct person_read *r);
void person_read_free(struct person_read *r);

enum person_fate {
    PERSON_ERASED,
    PERSON_OPEN,   /* something must still be delivered */
    PERSON_ON_WAY, /* a call is on its way and can't be taken back */
    PERSON_GONE,   /* no such subject */
    PERSON_SHARED  /* not final, and what several sources said makes it up: see person_erase */
};

/* Removes what speaks of a person in these dossiers: bodies, parts, reasons, the peers' words, why
 * rows are owed, what was seen. Codes, states, times and digests stay. All in one transaction with
 * one row in the audit; the tables of bodies are written anew, so that no page keeps an old copy,
 * and the write-ahead log is emptied afterwards (journal_scrub_waits until that is done).
 *
 * A dossier of a flow with several sources that is not final is never erased in part: what the next
 * source says of it would go to the portal without what the others said, and empty it there. It is
 * kept whole; with drop it is erased whole, and its sources are asked for it again. */
struct person_erase {
    struct journal_op op;
    const struct person_matcher *matcher; /* its words clear what owed rows say */
    const int64_t *subjects;              /* borrowed until done */
    size_t n;
    bool drop;        /* what is open is given up first */
    char reason[300]; /* of drop */
    char who[64];
    char request[64]; /* the request's number, for the audit */
    uint64_t now_ms;
    /* out */
    enum person_fate fates[PERSON_MAX];
    uint32_t erased, kept, bodies, dropped;
    bool rewritten; /* false: too many bodies; old copies may stay in free space until a VACUUM */
};
void person_erase(struct journal *j, struct person_erase *e);

/* What was erased may still stand in the write-ahead log: a reader keeps it. Tried again with every
 * batch and when the journal is idle. */
bool journal_scrub_waits(const struct journal *j);

#endif
