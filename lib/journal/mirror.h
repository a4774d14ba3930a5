/* mirror: the portal's catalogue as the journal keeps it: staged, swapped in one transaction,
 * versioned; and what the local product holds of it. Requests follow journal.h's rules. */
#ifndef JOURNAL_MIRROR_H
#define JOURNAL_MIRROR_H

#include "journal/journal.h"

/* Empties the stage of a kind and fills it again while a list is read. */
struct mirror_stage {
    struct journal_op op;
    enum record_kind kind;
    bool clear; /* first page */
    /* the journal's own; filled by mirror_stage_add */
    struct arena arena;
    struct mirror_stage_row *rows, **rows_end;
    size_t bytes;
};
void mirror_stage_init(struct mirror_stage *s, enum record_kind kind, bool clear);
/* name "": the staged name stays. body NULL: the mirror's record stays as it is (details unchanged
 * or not read). All copied. ERR_NOMEM, ERR_TOOBIG. */
MUST_CHECK int mirror_stage_add(struct mirror_stage *s, const char *code, const char *name,
                                const struct record *body, bool active);
void mirror_stage(struct journal *j, struct mirror_stage *s);
void mirror_stage_free(struct mirror_stage *s);

/* Which staged codes need their details read: new, renamed, or last read before refresh_before_ms.
 */
struct mirror_wanted {
    struct journal_op op;
    enum record_kind kind;
    uint64_t refresh_before_ms;
    size_t limit;
    const char *after;  /* code; borrowed until done */
    struct arena arena; /* out */
    const char **codes;
    size_t n;
};
void mirror_wanted(struct journal *j, struct mirror_wanted *w);
void mirror_wanted_free(struct mirror_wanted *w);

/* Makes the stage the mirror. ERR_STATE when the list is under shrink_percent of the last one:
 * nothing changes. A code missing from two complete lists in a row is withdrawn (active 0), never
 * deleted. */
struct mirror_swap {
    struct journal_op op;
    enum record_kind kind;
    uint32_t shrink_percent;
    uint64_t now_ms;
    /* out */
    uint64_t listed, before;
    uint32_t added, changed, withdrawn, returned;
};
void mirror_swap(struct journal *j, struct mirror_swap *s);

/* Mirror rows in order of code. */
struct mirror_row {
    const char *code, *name;
    uint8_t hash[RECORD_HASH_BYTES];
    bool active;
    uint32_t version;
    uint64_t changed_ms, checked_ms, first_ms;
    bool has_local_hash;
    uint8_t local_hash[RECORD_HASH_BYTES]; /* see mirror_reduced */
    const char *body;
    size_t body_len;
};
struct mirror_list {
    struct journal_op op;
    enum record_kind kind;
    char after[64];
    const char *only; /* this code alone; borrowed until done; NULL all */
    size_t limit;     /* <= 500 */
    bool with_body;
    uint64_t changed_after_ms; /* 0 any */
    struct arena arena;        /* out */
    struct mirror_row *rows;
    size_t n;
};
void mirror_list(struct journal *j, struct mirror_list *l);
void mirror_list_free(struct mirror_list *l);

/* What the local product shows, in pages: each is stored as it comes, and what no page of the same
 * now_ms named goes with the last one. */
struct mirror_local {
    struct journal_op op;
    uint64_t now_ms; /* the same for all pages of a list, and no other list's */
    bool last;
    /* the journal's own */
    struct arena arena;
    struct mirror_local_row *rows, **rows_end;
    size_t bytes;
};
struct mirror_local_entry {
    const char *code, *name, *lacks;
    const uint8_t *hash; /* RECORD_HASH_BYTES */
    const char *body;    /* canonical record */
    size_t body_len;     /* 0: none is kept */
    bool active;
    int level, processes, eforms; /* -1: not shown */
};
void mirror_local_init(struct mirror_local *l);
/* All copied. ERR_NOMEM, ERR_TOOBIG. */
MUST_CHECK int mirror_local_add(struct mirror_local *l, const struct mirror_local_entry *entry);
void mirror_local(struct journal *j, struct mirror_local *l);
void mirror_local_free(struct mirror_local *l);

/* Agreement both ways: counts, and up to limit codes of each kind of difference. */
enum mirror_difference {
    MIRROR_LOCAL_ONLY,
    MIRROR_PORTAL_ONLY,
    MIRROR_DIFFERS,
    MIRROR_WITHDRAWN_OPEN,
    MIRROR_OVERDUE,
    MIRROR_LACKS,
    MIRROR_DIFFERENCES
};
const char *mirror_difference_name(enum mirror_difference d); /* "local_only" */
struct mirror_agreement {
    struct journal_op op;
    uint64_t overdue_before_ms; /* first seen before this and not local: overdue to publish; 0: not
                                   known which are */
    size_t limit;               /* codes listed per difference, <= 500 */
    /* out */
    struct arena arena;
    uint64_t portal, local, equal; /* procedures: active at the portal, active here, equal */
    uint64_t counts[MIRROR_DIFFERENCES];
    struct mirror_diff_row {
        const char *code, *name, *note;
        uint64_t first_ms; /* PORTAL_ONLY, OVERDUE: when it was first seen; else 0 */
    } * rows[MIRROR_DIFFERENCES];
    size_t n_rows[MIRROR_DIFFERENCES];
    uint64_t services, sectors, agencies;
    uint64_t read_ms; /* when the last complete list was swapped in; 0 never */
};
void mirror_agreement(struct journal *j, struct mirror_agreement *a);
void mirror_agreement_free(struct mirror_agreement *a);

/* What the sink can hold of a record (its own check says so): agreement compares the local product
 * with this. */
struct mirror_reduced {
    struct journal_op op;
    enum record_kind kind;
    char code[64];
    uint8_t hash[RECORD_HASH_BYTES];
    char lacks[256];
};
void mirror_reduced(struct journal *j, struct mirror_reduced *r);

/* Decisions that published procedures: which ids the active procedures name and the mirror has not.
 */
struct mirror_undecided {
    struct journal_op op;
    size_t limit;
    struct arena arena; /* out */
    const char **ids;
    size_t n;
};
void mirror_undecided(struct journal *j, struct mirror_undecided *u);
void mirror_undecided_free(struct mirror_undecided *u);

/* One row into the mirror, beside any list: a decision. */
struct mirror_put {
    struct journal_op op;
    uint64_t now_ms;
    /* the journal's own */
    struct arena arena;
    struct record record;
    const char *name;
};
/* All copied. ERR_NOMEM, ERR_TOOBIG; free it in any case. */
MUST_CHECK int mirror_put_init(struct mirror_put *p, const struct record *record, const char *name);
void mirror_put(struct journal *j, struct mirror_put *p);
void mirror_put_free(struct mirror_put *p);

#endif
