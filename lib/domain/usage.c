#include "domain/usage.h"

#include <string.h>

/* What waits for the citizen (5, 6) or never came to be (1, 3, 7, 8) is neither received nor
 * processed; what is done and not yet handed over (9) is still with the province. */
static const enum usage_status statuses[] = {
    [1] = USAGE_OTHER,      [2] = USAGE_RECEIVED,  [3] = USAGE_OTHER, [4] = USAGE_PROCESSING,
    [5] = USAGE_OTHER,      [6] = USAGE_OTHER,     [7] = USAGE_OTHER, [8] = USAGE_OTHER,
    [9] = USAGE_PROCESSING, [10] = USAGE_RETURNED,
};

enum usage_status usage_status(int national)
{
    return national >= 1 && national < (int)(sizeof(statuses) / sizeof(statuses[0]))
               ? statuses[national]
               : USAGE_OTHER;
}

/* A channel that is not told: by where it was submitted. */
static bool online(const struct dossier *d)
{
    return strcmp(d->channel, "2") == 0 || (d->channel[0] == '\0' && strcmp(d->entry, "1") == 0);
}

void usage_of(const struct dossier *d, int national, int level, bool fees, struct usage *out)
{
    out->status = usage_status(national);
    out->reception = online(d) ? 1 : 2;
    out->payments = d->paid_online > 0 ? 1 : fees ? 2 : 0;
    out->level = level >= 3 ? level : 0;
    out->portal = strcmp(d->entry, "1") == 0 ? 1 : 0;
    out->post = strcmp(d->channel, "3") == 0 || strcmp(d->result_by, "1") == 0 ? 1 : 0;
}
