/* mapped page: the rows of one reply to a list call, or of a part of a long one, with what is
 * needed to read their records until the next poll.
 *
 * Counted on the loop thread; filled on one thread, then read on the loop. */
#ifndef ADAPTER_MAPPED_PAGE_H
#define ADAPTER_MAPPED_PAGE_H

#include "adapter/mapped_settings.h"
#include "adapter/mapping.h"
#include "base/arena.h"
#include "base/err.h"

struct mapped_row {
    const char *id;
    uint8_t hash[RECORD_HASH_BYTES];
    const struct mapping_node *node; /* in doc; NULL: the detail call brings the record */
};

struct mapped_page {
    unsigned refs;
    struct mapped_settings *settings; /* one reference */
    const struct preset_call *what;   /* whose reply it is */
    struct mapping_doc *doc;          /* owned: the reply, or the records of a long one */
    size_t bytes;                     /* of memory that the records of a long reply take */
    struct arena arena;               /* ids and next */
    struct mapped_row *rows;          /* owned */
    size_t n_rows, capacity;
    /* what the reply told */
    int64_t newest_s, last_s;
    bool has_total, is_last;
    uint64_t total;
    const char *next;
    size_t refused;      /* rows without a usable id, left out */
    struct errmsg fault; /* of the first of them */
};

/* With one reference. NULL without memory. */
struct mapped_page *mapped_page_new(struct mapped_settings *settings,
                                    const struct preset_call *what);
struct mapped_page *mapped_page_ref(struct mapped_page *page);
void mapped_page_unref(struct mapped_page *page); /* NULL is fine */

/* Adds the rows of a reply, and what it tells of its pages. Does not take doc. ERR_NOMEM,
 * ERR_TOOBIG. */
MUST_CHECK int mapped_page_read(struct mapped_page *page, const struct mapping_doc *doc,
                                struct errmsg *msg);
/* What a reply tells of its pages alone. */
void mapped_page_read_facts(struct mapped_page *page, const struct mapping_doc *doc);
/* Adds one record of a long reply, as its feed hands it out. ERR_FORMAT when it is no document,
 * ERR_TOOBIG, ERR_NOMEM. */
MUST_CHECK int mapped_page_add_json(struct mapped_page *page, const char *record, size_t n,
                                    struct errmsg *msg);
MUST_CHECK int mapped_page_add_xml(struct mapped_page *page, struct xml *record,
                                   struct errmsg *msg);

#endif
