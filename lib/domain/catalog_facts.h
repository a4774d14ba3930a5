/* catalog_facts: what an operator says of procedures because no wire shows it.
 *
 * Neither the portal's LayThuTuc nor a provincial product shows whether a procedure is
 * decentralised (phân cấp, ủy quyền) or independent of boundaries (phi địa giới); the product shows
 * no number of the publishing decision, and some show no process and no form. The operator's file
 * says it for each side apart, so that the two can be compared; nothing is assumed of what it
 * leaves empty.
 *
 * CSV in UTF-8 (base/csv.h): code,side,decision_no,decision_date,decentralised,independent,process,
 * eform,own in any order; code and side must be there. side is portal or local, dates are
 * yyyy-MM-dd, the others yes, no or empty. own = yes names a procedure of the province itself,
 * which the portal is not expected to list. Immutable once loaded; any thread. */
#ifndef DOMAIN_CATALOG_FACTS_H
#define DOMAIN_CATALOG_FACTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum facts_side { FACTS_PORTAL, FACTS_LOCAL };
enum facts_answer { FACTS_UNSAID, FACTS_NO, FACTS_YES };

struct catalog_fact {
    const char *code;
    enum facts_side side;
    const char *decision_no; /* "" unsaid */
    int64_t decision_s;      /* local midnight; 0 unsaid */
    enum facts_answer decentralised, independent, process, eform, own;
    unsigned line;
};

struct catalog_facts;

/* Reads text (not terminated); path stands in messages. All faults of the file at once in msg
 * ("FILE:LINE: what; remedy", newline between, as many as fit, then "and N more"): unknown, missing
 * or repeated column, bad value, a code twice on one side. ERR_CONFIG then; ERR_TOOBIG beyond 8 MB
 * or 100,000 lines; ERR_NOMEM. */
MUST_CHECK int catalog_facts_parse(const char *path, const char *text, size_t len,
                                   struct catalog_facts **out, struct errmsg *msg);
/* The same from a regular file. Also ERR_NOTFOUND, ERR_DENIED, ERR_IO, ERR_INVAL. Blocks. */
MUST_CHECK int catalog_facts_load(const char *path, struct catalog_facts **out, struct errmsg *msg);
void catalog_facts_free(struct catalog_facts *facts); /* NULL is fine */
size_t catalog_facts_rows(const struct catalog_facts *facts);
/* NULL: nothing is said of it (facts may be NULL). */
const struct catalog_fact *catalog_facts_find(const struct catalog_facts *facts, const char *code,
                                              enum facts_side side);

#endif
