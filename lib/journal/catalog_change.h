/* catalog_change: what is written down when either catalogue changes, so that its history can be
 * told.
 *
 * Private to journal/; worker only, inside of the transaction that makes the change. */
#ifndef JOURNAL_CATALOG_CHANGE_H
#define JOURNAL_CATALOG_CHANGE_H

#include "domain/record.h"
#include "journal/sqlite.h"

#define CATALOG_CHANGES_MAX 200000 /* the oldest go */

/* SQL: the names of the members that differ between two bodies, "" where one of them is no JSON. */
#define CATALOG_FIELDS(old, new)                                                                                                                \
    "iif(json_valid(CAST(" old                                                                                                                  \
    " AS TEXT)) AND json_valid(CAST(" new " AS TEXT)), (SELECT ifnull(group_concat(key, ', '), "                                                \
                                          "'') FROM ("                                                                                          \
                                          "SELECT key FROM (SELECT key, value FROM "                                                            \
                                          "json_each(CAST(" old " AS TEXT)) EXCEPT "                                                            \
                                          "SELECT key, value FROM json_each(CAST(" new " AS "                                                   \
                                                                                       "TEXT))) "                                               \
                                                                                       "UNION "                                                 \
                                                                                       "SELECT "                                                \
                                                                                       "key FROM "                                              \
                                                                                       "(SELECT "                                               \
                                                                                       "key, "                                                  \
                                                                                       "value "                                                 \
                                                                                       "FROM "                                                  \
                                                                                       "json_"                                                  \
                                                                                       "each("                                                  \
                                                                                       "CAST(" new " AS TEXT)) EXCEPT "                         \
                                                                                                   "SELECT key, value FROM json_each(CAST(" old \
                                                                                                   " AS TEXT))))), '')"

/* Before the stage becomes the mirror. */
MUST_CHECK int catalog_change_swap(struct db *db, enum record_kind kind, uint64_t now_ms);

/* One row of the province's list, before it is stored; and, after all of them, what was not among
 * them (of before now_ms), before it goes. The first list of all changes nothing. */
struct catalog_change_row {
    const char *code;
    bool active;
    const void *hash; /* 32 bytes */
    const char *body; /* NULL none */
    size_t body_len;
};
MUST_CHECK int catalog_change_local(struct db *db, const struct catalog_change_row *row,
                                    uint64_t now_ms);
MUST_CHECK int catalog_change_removed(struct db *db, uint64_t now_ms);
MUST_CHECK int catalog_change_trim(struct db *db);

#endif
