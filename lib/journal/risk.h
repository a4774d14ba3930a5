/* risk: dossiers whose promised date is near and whose newest state the sink has not acknowledged.
 *
 * At risk is a dossier with something open that was stored before the promised date, where that
 * date lies between now and a horizon (so many working hours on; the caller's calendar says when
 * that is). Passed is one whose promised date went by while it was open. What was stored less than
 * RISK_GRACE_MS ago is on its way and neither. What is held, or waits behind it, is open like all
 * that is not acknowledged. Asked of one small index (subject_promised). */
#ifndef JOURNAL_RISK_H
#define JOURNAL_RISK_H

#include "journal/journal.h"

#define RISK_GRACE_MS UINT64_C(300000)
#define RISK_FLOWS_MAX 32

enum risk { RISK_NONE, RISK_YOUNG, RISK_AHEAD, RISK_PASSED };
/* Of an open dossier; promised_s not 0. */
enum risk risk_judge(int64_t promised_s, uint64_t since_ms, int64_t horizon_s, uint64_t now_ms);

/* How many there are, in the worker. */
struct journal_risk {
    struct journal_op op;
    int64_t flows[RISK_FLOWS_MAX];
    size_t n_flows;
    int64_t horizon_s;
    uint64_t now_ms;
    /* out */
    uint64_t ahead, passed;
    uint64_t young;          /* may be at risk in RISK_GRACE_MS */
    int64_t first_s;         /* promised date of the first that is ahead; 0 none */
    int64_t next_promised_s; /* the first beyond the horizon; 0 none */
};
void journal_risk(struct journal *j, struct journal_risk *r);

/* Which they are, in order of the promised date, from the journal's file: see survey.h. Borrowed
 * for the callback; non-zero ends the reading with that. */
struct risk_row {
    enum risk risk; /* AHEAD or PASSED */
    const char *flow, *code;
    const char *agency;       /* "" not known */
    int status, acked_status; /* national, of the newest snapshot and of what was acknowledged */
    int64_t promised_s;
    uint64_t since_ms;  /* of the oldest thing that is open */
    uint64_t open;      /* items */
    enum hold_why hold; /* of the first that is held */
};
MUST_CHECK int risk_list(const char *path, int64_t horizon_s, uint64_t now_ms,
                         int (*row)(void *ctx, const struct risk_row *row), void *ctx,
                         struct errmsg *msg);

#endif
