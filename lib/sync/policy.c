#include "sync/policy.h"

/* So many equal unexplained answers, and a person must look. */
#define SAME_MAX 5
/* So many dossiers in a row refused on the newest session, and the endpoint pauses. */
#define AUTH_ROW_MAX 3

uint64_t policy_span_ms(uint64_t first_ms, uint64_t cap_ms, uint32_t attempt)
{
    uint64_t span = first_ms > 0 ? first_ms : 1;

    for (uint32_t i = 1; i < attempt && span < cap_ms; i++) {
        span *= 2; /* stops at the cap long before it could overflow */
    }
    return span > cap_ms && cap_ms > 0 ? cap_ms : span;
}

uint64_t policy_backoff_ms(uint64_t first_ms, uint64_t cap_ms, uint32_t attempt, uint64_t random)
{
    return 1 + random % policy_span_ms(first_ms, cap_ms, attempt);
}

enum endpoint_action policy_endpoint(const struct outcome *outcome, uint32_t auth_in_row)
{
    if (outcome->class == OUTCOME_CONFIG ||
        (outcome->class == OUTCOME_AUTH && auth_in_row + 1 >= AUTH_ROW_MAX)) {
        return ENDPOINT_PAUSE;
    }
    return outcome->class == OUTCOME_LOGIN ? ENDPOINT_COOL_DOWN : ENDPOINT_GOES_ON;
}

static struct policy_decision waits(const struct policy *p, const struct policy_call *call,
                                    enum item_state to, uint64_t random)
{
    struct policy_decision d = {
        .to = to,
        .delay_ms = policy_backoff_ms(p->first_ms, p->cap_ms, call->attempts + 1, random),
        .charge = true,
        .present = -1,
        .doubt = -1,
    };

    return d;
}

/* Nothing was decided about the item: it waits as it did, at no charge. */
static struct policy_decision as_before(const struct policy_call *call)
{
    struct policy_decision d = {
        .to = call->step && call->was_unsure ? ITEM_UNSURE : ITEM_PENDING,
        .same = call->same,
        .present = -1,
        .doubt = -1,
    };

    return d;
}

static struct policy_decision held(enum hold_why why)
{
    struct policy_decision d = {
        .to = ITEM_HELD, .hold = why, .charge = true, .present = -1, .doubt = -1};

    return d;
}

static struct policy_decision unsure(const struct policy *p, const struct policy_call *call,
                                     uint64_t random)
{
    struct policy_decision d = waits(p, call, ITEM_UNSURE, random);

    if (p->forget_doubt) {
        d.to = ITEM_PENDING;
    } else if (!call->step) {
        d.doubt = 1;
    } else if (p->ask) {
        d.to = ITEM_HELD;
        d.hold = HOLD_IN_DOUBT;
    }
    return d;
}

/* A refused call of several steps: which of them the portal stored nobody knows, so each goes
 * alone. */
static struct policy_decision split(const struct policy *p, const struct policy_call *call,
                                    uint64_t random)
{
    struct policy_decision d = p->atomic ? as_before(call) : unsure(p, call, random);

    d.solo = 1;
    d.delay_ms = 0;
    d.stored = p->atomic || p->forget_doubt ? OUTCOME_NONE : OUTCOME_UNSURE;
    return d;
}

/* A refused call of several dossiers: one of them may be to blame, and which were stored nobody
 * knows. Each half goes again, at no charge, until the bad one stands alone. */
static struct policy_decision halve(const struct policy *p, const struct policy_call *call)
{
    struct policy_decision d = as_before(call);

    if (!p->atomic && !p->forget_doubt) {
        d.to = ITEM_UNSURE;
        d.doubt = 1;
        d.stored = OUTCOME_UNSURE;
    }
    d.solo = call->dossiers / 2 > 1 ? (uint32_t)(call->dossiers / 2) : 1;
    return d;
}

/* The sink read the call and said no. */
static bool refused(enum outcome_class class)
{
    static const bool table[OUTCOME_HELD + 1] = {
        [OUTCOME_PERMANENT] = true, [OUTCOME_BACKOFF] = true, [OUTCOME_AUTH] = true,
        [OUTCOME_EXISTS] = true,    [OUTCOME_MISSING] = true,
    };

    return table[class];
}

static struct policy_decision unexplained(const struct policy *p, const struct policy_call *call,
                                          uint64_t random)
{
    struct policy_decision d = waits(p, call, as_before(call).to, random);

    d.same = call->answer_repeats ? call->same + 1 : 1;
    if (d.same >= SAME_MAX) {
        d = held(HOLD_REPEATED);
    }
    return d;
}

/* "exists" or "not there": isUpdating was wrong. Once it is turned round, then a person must look.
 */
static struct policy_decision flip(const struct policy_call *call, bool exists)
{
    struct policy_decision d = as_before(call);

    if (call->flips > 0 || call->updating == exists) {
        return held(HOLD_FLIPPED);
    }
    d.present = exists ? 1 : 0;
    d.doubt = 0;
    d.flip = true;
    return d;
}

static struct policy_decision dossier_missing(const struct policy_call *call)
{
    struct policy_decision d = as_before(call);

    if (call->resnapped || !call->has_snapshot) {
        return held(HOLD_REFUSED);
    }
    d.present = 0;
    d.resnap = true;
    return d;
}

static struct policy_decision sent(const struct policy *p, const struct policy_call *call,
                                   const struct outcome *outcome, uint64_t random)
{
    struct policy_decision d = as_before(call);

    if (call->dossiers > 1 && refused(outcome->class)) {
        return halve(p, call);
    }
    switch (outcome->class) {
    case OUTCOME_DONE:
        d.to = ITEM_DONE;
        d.charge = true;
        return d;
    case OUTCOME_UNSURE:
        return unsure(p, call, random);
    case OUTCOME_TRANSIENT:
        /* Endpoint trouble costs the item nothing: the breaker and Retry-After hold the endpoint.
         */
        return outcome->transport ? d : waits(p, call, d.to, random);
    case OUTCOME_PERMANENT:
        return call->n > 1 ? split(p, call, random) : held(HOLD_REFUSED);
    case OUTCOME_BACKOFF:
        return call->n > 1 ? split(p, call, random) : unexplained(p, call, random);
    case OUTCOME_EXISTS:
        if (!call->step) {
            return flip(call, true);
        }
        d.to = ITEM_SUPERSEDED; /* the peer holds the same step already */
        return call->n > 1 ? split(p, call, random) : d;
    case OUTCOME_MISSING:
        return call->step ? dossier_missing(call) : flip(call, false);
    case OUTCOME_AUTH:
        return held(HOLD_AUTH);
    case OUTCOME_HELD:
        d = held(outcome->hold != HOLD_NONE ? outcome->hold : HOLD_INVALID);
        d.charge = false;
        return d;
    case OUTCOME_CONFIG:
    case OUTCOME_LOGIN:
    case OUTCOME_CANCELED:
    case OUTCOME_NONE:
        return d;
    }
    return d;
}

/* Neither age nor attempts alone: an outage of a week must not hold everything that waited. */
static bool expired(const struct policy *p, const struct policy_call *call,
                    const struct policy_decision *d)
{
    return d->charge && (d->to == ITEM_PENDING || d->to == ITEM_UNSURE) &&
           call->age_ms > (int64_t)p->give_up_after_ms && call->attempts + 1 >= p->give_up_attempts;
}

struct policy_decision policy_sent(const struct policy *p, const struct policy_call *call,
                                   const struct outcome *outcome, uint64_t random)
{
    struct policy_decision d = sent(p, call, outcome, random);
    enum outcome_class stored = d.stored != OUTCOME_NONE ? d.stored : outcome->class;
    int doubt = d.doubt;

    if (expired(p, call, &d)) {
        d = held(HOLD_EXPIRED);
        d.doubt = doubt;
    }
    d.stored = stored;
    d.action = policy_endpoint(outcome, call->auth_in_row);
    return d;
}

struct policy_decision policy_looked_up(const struct policy *p, const struct policy_call *call,
                                        enum lookup_answer answer, const struct outcome *outcome,
                                        uint64_t random)
{
    struct policy_decision d = {.to = ITEM_PENDING, .same = call->same, .doubt = 0};

    switch (answer) {
    case LOOKUP_THERE:
    case LOOKUP_REFUSED: /* as without the capability: an update, and "not there" flips */
        d.present = 1;
        break;
    case LOOKUP_ABSENT:
        d.present = 0;
        break;
    case LOOKUP_ASK: /* still in doubt: a release says what becomes of it */
        d = held(HOLD_IN_DOUBT);
        d.charge = false;
        d.same = call->same;
        break;
    case LOOKUP_UNKNOWN:
        d = waits(p, call, ITEM_UNSURE, random);
        d.same = call->same;
        d.charge = !outcome->transport && outcome->class != OUTCOME_CANCELED &&
                   outcome->class != OUTCOME_CONFIG && outcome->class != OUTCOME_LOGIN;
        if (outcome->class == OUTCOME_CANCELED) {
            d.delay_ms = 0;
        }
        if (expired(p, call, &d)) {
            d = held(HOLD_EXPIRED);
        }
        break;
    }
    d.stored = outcome->class;
    d.action = policy_endpoint(outcome, call->auth_in_row);
    return d;
}
