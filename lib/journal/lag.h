/* lag: how long things took from the province's system into the journal and on to the sink.
 *
 * For dvcsyncctl: every delivered item of the journal's file (see survey.h), read page by page, so
 * that no read transaction is long. Of each three times: when it happened by its source, when the
 * journal stored it, when the sink had acknowledged it. Synchronous; for no loop. */
#ifndef JOURNAL_LAG_H
#define JOURNAL_LAG_H

#include <stdint.h>

#include "base/err.h"
#include "domain/item.h"

struct lag_item {
    int64_t subject; /* of the dossier in its flow */
    const char *flow;
    const char *agency; /* raw, of the dossier's newest snapshot; "" not known */
    enum item_kind kind;
    int64_t source_s; /* 0: its source tells no time */
    uint64_t stored_ms, delivered_ms;
};

/* Items that the sink acknowledged and that were stored at since_ms or later; those of one dossier
 * one after another. Borrowed for the callback; non-zero ends the reading with that. */
MUST_CHECK int lag_items(const char *path, uint64_t since_ms,
                         int (*item)(void *ctx, const struct lag_item *item), void *ctx,
                         struct errmsg *msg);

#endif
