/* flow_order: which row counts for a dossier that stands in several flows, as in a parallel run.
 *
 * The caller names flows, the one that counts first of all; of the rows with one code that have
 * figures, the row in the earliest of these flows counts. Private to journal/; on the connection of
 * a report, for the time of its reading. */
#ifndef JOURNAL_FLOW_ORDER_H
#define JOURNAL_FLOW_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "journal/sqlite.h"

#define FLOW_ORDER_SIZE ((size_t)DB_MAX_FLOWS * 3 + 2) /* ids have two digits at most */

/* ",3,1,": ids of the journal. */
struct flow_order {
    char ids[FLOW_ORDER_SIZE];
};

/* Names that the journal does not know are passed over. others: what the journal has besides
 * follows, by id (flows that left the configuration). */
MUST_CHECK int flow_order_find(struct db *db, const char *const *names, size_t n, bool others,
                               struct flow_order *out);

/* A condition of SQL: subject s is in a flow of the order, and its code in none before that.
 * `order` is the parameter to which ids are bound as text. Rows of the first flow cost nothing. */
#define FLOW_ORDER_PLACE(flow, order) "instr(" order ", ',' || " flow " || ',')"
#define FLOW_ORDER_FIRST(order)                                                                    \
    "(" FLOW_ORDER_PLACE("s.flow", order) " = 1 OR (" FLOW_ORDER_PLACE(                            \
        "s.flow",                                                                                  \
        order) " > 1 "                                                                             \
               "AND NOT EXISTS (SELECT 1 FROM subject o JOIN figure g ON g.subject = o.id "        \
               "WHERE o.code = s.code AND " FLOW_ORDER_PLACE(                                      \
                   "o.flow", order) " BETWEEN 1 AND " FLOW_ORDER_PLACE("s.flow", order) " - 1)))"

#endif
