/* policy: what follows from the outcome of a call. Pure: a table, a back-off and a few rules; the
 * pusher applies them, the journal stores them. The classes are design.md's reply table. */
#ifndef SYNC_POLICY_H
#define SYNC_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "adapter/adapter.h"
#include "domain/item.h"

struct policy {
    uint64_t first_ms, cap_ms; /* back-off */
    uint64_t give_up_after_ms; /* and */
    uint32_t give_up_attempts; /* both must be passed */
    bool ask;                  /* steps_in_doubt = ask */
    bool atomic;               /* the sink stores nothing of a refused call of several */
    bool forget_doubt;         /* tests only: the losing control */
};

/* What the policy must know of the call. */
struct policy_call {
    bool step;       /* steps, else a snapshot */
    size_t n;        /* items */
    size_t dossiers; /* snapshots: of so many dossiers in one call; 0 and 1: of one */
    bool updating;
    bool was_unsure;   /* the items were in doubt before this call */
    bool resnapped;    /* a snapshot was put before these steps already */
    bool has_snapshot; /* there is a snapshot that can be put before them */
    uint32_t flips;
    uint32_t attempts;    /* charged before */
    uint32_t same;        /* equal unexplained answers before */
    bool answer_repeats;  /* this answer equals the one before */
    int64_t age_ms;       /* of the oldest item */
    uint32_t auth_in_row; /* dossiers refused for their session before this one */
};

enum endpoint_action { ENDPOINT_GOES_ON, ENDPOINT_PAUSE, ENDPOINT_COOL_DOWN };

struct policy_decision {
    enum item_state to;
    uint64_t delay_ms; /* from now, of PENDING and UNSURE */
    enum hold_why hold;
    bool charge, flip, resnap;
    uint32_t solo; /* from now on at most so many items or dossiers in its call; 0 leave */
    uint32_t same;
    int present, doubt; /* -1 leave */
    /* What the attempt is kept as: a refusal of several that may have stored some of them is in
     * doubt, and excuses their repeat. */
    enum outcome_class stored;
    enum endpoint_action action;
};

/* min(cap, first * 2^(attempt-1)); attempt counts from 1; never 0. */
uint64_t policy_span_ms(uint64_t first_ms, uint64_t cap_ms, uint32_t attempt);
/* Full jitter over that span; never 0. */
uint64_t policy_backoff_ms(uint64_t first_ms, uint64_t cap_ms, uint32_t attempt, uint64_t random);

/* What follows for the endpoint, whoever called; auth_in_row: refused for their session before this
 * one. */
enum endpoint_action policy_endpoint(const struct outcome *outcome, uint32_t auth_in_row);

/* random: 64 random bits from the loop. */
struct policy_decision policy_sent(const struct policy *p, const struct policy_call *call,
                                   const struct outcome *outcome, uint64_t random);
struct policy_decision policy_looked_up(const struct policy *p, const struct policy_call *call,
                                        enum lookup_answer answer, const struct outcome *outcome,
                                        uint64_t random);

#endif
