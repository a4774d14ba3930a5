/* spool_split: the elements of a JSON array as texts, one after the other, so that a long list of
 * dossiers is never a tree as a whole. Only brackets, commas and strings are looked at: each
 * element goes through the strict parser after it. Pure; any thread. */
#ifndef ADAPTER_SPOOL_SPLIT_H
#define ADAPTER_SPOOL_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct spool_split {
    const char *bytes; /* borrowed */
    size_t n;
    size_t at;
    bool first;
};

/* The first thing in the text: '[', '{', another character, or '\0' when there is none. For '[' the
 * split is ready for spool_split_next. A byte order mark is passed over. */
char spool_split_begin(struct spool_split *s, const char *bytes, size_t n);
/* The next element. ERR_NOTFOUND: the array ended and nothing but white space stands behind it.
 * ERR_FORMAT with the byte. */
MUST_CHECK int spool_split_next(struct spool_split *s, const char **element, size_t *len,
                                struct errmsg *msg);

#endif
