/* review: a reconciliation as the journal keeps it: which dossiers are to be compared, how far it
 * is, what was found. It outlives a stop and a crash: what has its verdict is never asked again.
 * Requests follow journal.h's rules. */
#ifndef JOURNAL_REVIEW_H
#define JOURNAL_REVIEW_H

#include "domain/difference.h"
#include "journal/journal.h"

enum review_what { REVIEW_SAMPLE, REVIEW_OPEN, REVIEW_MONTH, REVIEW_DOSSIER };

#define REVIEW_SAMPLE_MAX 100000
#define REVIEW_PAGE_MAX 200
#define REVIEW_BUSY_MAX 16
#define REVIEW_FINDINGS_MAX 50000 /* kept of one; beyond it they are only counted */
#define REVIEW_STEPS_MAX 4000     /* keys of one dossier that are compared */
#define REVIEW_ROWS_MAX 16        /* of one dossier at its sources */

/* ---- begin, go on, end ---- */

struct review_begin {
    struct journal_op op;
    enum review_what what;
    uint32_t sample;              /* SAMPLE: so many by chance */
    char code[JOURNAL_CODE_SIZE]; /* DOSSIER: either number; out: the portal's */
    int64_t from_s, to_s;         /* MONTH: something of it happened then */
    char scope[96];               /* in words */
    const int64_t *flows;         /* borrowed until done: whose dossiers */
    size_t n_flows;
    bool fix;
    bool yes;   /* with fix: however many are lost */
    bool sweep; /* sources are read whole first; what that brings is found late */
    char who[64];
    uint64_t now_ms;
    uint64_t random;   /* of the sample */
    int64_t id;        /* out */
    uint64_t expected; /* out: about so many dossiers; counted as "expected" */
};
/* In the audit too. op.err ERR_BUSY: one runs; ERR_INVAL: no flow that can be compared; a number of
 * several dossiers, or neither a known one nor a dossier's code. */
void review_begin(struct journal *j, struct review_begin *b);

struct review_row {
    int64_t id; /* 0: there is none */
    enum review_what what;
    char scope[96], who[64];
    bool fix, yes, canceled;
    bool braked; /* ended because too many were lost: nothing was put in as a first one */
    uint64_t begun_ms, ended_ms; /* ended 0: it runs */
    uint64_t upto, place;        /* of subjects, for how far the scope was looked for */
    int sweep;
};

#define REVIEW_NIGHTLY "dvcsyncd, nightly" /* who begins those that nobody asked for */

struct review_numbers {
    uint64_t compared;    /* those absent once too: they are compared once more */
    uint64_t differences; /* of those with a verdict: they differ, or it is not known */
    uint64_t mended;
};

/* The one that runs, at start, or else the last one that ended. row.id 0: neither is kept. */
struct review_running {
    struct journal_op op;
    struct review_row row;         /* out; row.ended_ms 0: it runs */
    struct review_numbers numbers; /* out: of row */
    uint64_t nightly_ms;           /* out: when the last nightly one ended whole; 0 none is kept */
};
void review_running(struct journal *j, struct review_running *r);

/* Dossiers that have no verdict yet, looked for as far as needed. */
struct review_page {
    struct journal_op op;
    int64_t id;
    uint64_t late_before_ms; /* what the source knew before this should have been here */
    struct review_todo {
        int64_t flow;
        char code[JOURNAL_CODE_SIZE];
        bool late;
        bool again;          /* was absent at its first look */
    } busy[REVIEW_BUSY_MAX]; /* are being compared: left out */
    size_t n_busy;
    /* out */
    struct review_todo rows[REVIEW_PAGE_MAX];
    size_t n;
    bool more;   /* n may be 0 and there may still be some: ask again */
    bool sweeps; /* n 0: all but what the reading of the sources may still bring */
    /* n 0, neither more nor sweeps: so many wait for a second look */
    uint64_t absent, absent_ms; /* absent_ms: the latest of the first looks; wall */
    uint64_t asked;             /* dossiers that the portal was asked for */
};
void review_page(struct journal *j, struct review_page *p);

/* Those that wait for a second look are to be compared again. */
struct review_second {
    struct journal_op op;
    int64_t id;
};
void review_second(struct journal *j, struct review_second *s);

/* The sources were read, or as far as was possible. */
struct review_swept {
    struct journal_op op;
    int64_t id;
    uint32_t unread; /* sources that could not be read whole */
};
void review_swept(struct journal *j, struct review_swept *s);

struct review_end {
    struct journal_op op;
    int64_t id;
    bool canceled, braked;
    char who[64]; /* of a cancel, for the audit */
    uint64_t now_ms;
    struct review_numbers numbers; /* out: of the whole of it */
};
/* What waits for a second look is lost by the first; other dossiers without a verdict are
 * forgotten. op.err ERR_STATE: it has ended already. */
void review_end(struct journal *j, struct review_end *e);

/* ---- one dossier ---- */

/* What the journal says of it now. Read before and after the others were asked: what moved
 * meanwhile is compared again. */
struct review_look {
    struct journal_op op;
    int64_t flow;
    char code[JOURNAL_CODE_SIZE];
    int shown_status;        /* was it ever delivered? 0: not asked */
    const char *const *keys; /* borrowed until done: steps as the source tells them */
    size_t n_keys;
    /* out */
    struct review_state {
        bool known, has_snapshot, delivered, held, waiting;
        int acked_status, status;
        int64_t subject, newest_item, newest_any; /* the latest item of any kind */
        uint64_t changed_ms;
        bool has_hash; /* of the newest snapshot */
        uint8_t hash[RECORD_HASH_BYTES];
        bool has_body;
        uint8_t body_sha256[RECORD_HASH_BYTES];
        bool shown_before;
        uint32_t unknown_steps; /* of keys */
        int64_t at_s;           /* the source's time of the newest snapshot */
    } state;
    struct arena arena;
    struct review_source_row {
        const char *source, *id;
        bool owed;
        const char *part; /* what it last said; NULL none */
        size_t part_len;
        int64_t part_at_s;
    } rows[REVIEW_ROWS_MAX];
    size_t n_rows;
};
void review_look(struct journal *j, struct review_look *l);
void review_look_free(struct review_look *l);
/* Nothing has moved between two looks. */
bool review_same(const struct review_state *a, const struct review_state *b);

/* The verdict on one dossier, and with a remedy what mends it, in one transaction. */
struct review_store {
    struct journal_op op;
    int64_t id, flow;
    char code[JOURNAL_CODE_SIZE];
    enum difference kind;
    char counts[4][48]; /* further counters that go up by one; "" none */
    enum side source, journal, portal;
    int source_status, journal_status, portal_status;
    enum remedy remedy;
    bool absent;               /* no verdict yet: it waits for a second look */
    bool gave_up;              /* it could not be compared: state counts for nothing */
    char note[160];            /* what a person is told; "" what is done, or is to be done */
    bool late;                 /* this reconciliation's reading brought it */
    bool read;                 /* besides: its rows at the sources are owed again */
    struct review_state state; /* as it was compared: a remedy works on nothing else */
    char source_name[64]; /* READ of what the journal does not know: who has it, under its code */
    char who[64];
    uint64_t now_ms;
    /* A record of the source for a body that is no longer kept; add with review_store_add. */
    struct arena arena;
    struct review_record *records, **records_end;
    /* out */
    bool moved; /* it is not as it was compared: nothing was stored, compare it again */
    bool mended;
    bool owed;                     /* sources have rows to read now */
    uint32_t steps, steps_missing; /* put in again; and those whose body nobody has any more */
};
void review_store_init(struct review_store *s);
/* Copied. ERR_NOMEM, ERR_TOOBIG. */
MUST_CHECK int review_store_add(struct review_store *s, const struct record *record);
void review_store(struct journal *j, struct review_store *s);
void review_store_free(struct review_store *s);

/* ---- for the faces ---- */

struct review_finding {
    const char *flow, *code;
    enum difference kind;
    enum side source, journal, portal;
    int source_status, journal_status, portal_status;
    bool mended;
    const char *note;
    uint64_t at_ms;
};

#define REVIEW_COUNTS_MAX 160

struct review_read {
    struct journal_op op;
    int64_t id;         /* 0: the latest */
    int64_t after_flow; /* findings behind this one */
    char after_code[JOURNAL_CODE_SIZE];
    size_t limit; /* of findings, <= 1000; 0 none */
    /* out; ERR_NOTFOUND */
    struct review_row row;
    struct arena arena;
    struct review_number {
        const char *name;
        uint64_t n;
    } counts[REVIEW_COUNTS_MAX];
    size_t n_counts;
    uint64_t todo;   /* at hand, without a verdict */
    uint64_t absent; /* while it runs: absent at their first look, and not looked for again yet */
    struct review_finding *findings;
    size_t n_findings;
    int64_t next_flow; /* 0: no more */
    char next_code[JOURNAL_CODE_SIZE];
};
void review_read(struct journal *j, struct review_read *r);
void review_read_free(struct review_read *r);

/* ---- for the journal itself ---- */

#define REVIEW_ABSENT (-2) /* in the place of a kind: waits for a second look */
/* Rows of review_dossier that wait for it, or are at it. */
#define REVIEW_ABSENT_ONCE "review = ?1 AND (kind = -2 OR (kind = -1 AND at_ms IS NOT NULL))"

struct db;
struct subject;
/* What a reconciliation has counted so far, however often the daemon was started meanwhile. */
MUST_CHECK int review_read_numbers(struct db *db, int64_t id, struct review_numbers *out);
/* The portal had the dossier all the time, whatever its look-up said: the steps that were put in
 * again with it are not sent. */
MUST_CHECK int review_recall(struct db *db, const struct subject *s, uint64_t now_ms);
/* Removes what ended before, about limit rows of it. *more: there is more. */
MUST_CHECK int review_expire(struct db *db, uint64_t before_ms, size_t limit, bool *more);

#endif
