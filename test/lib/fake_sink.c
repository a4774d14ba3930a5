/* fake_sink: what a fake peer does with what is sent to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "lib/fake_adapter_impl.h"

static int status_in(const struct record *record)
{
    const char *at = strstr(record->body, " status=");
    const char *canonical = strstr(record->body, "\"status\":\"");

    return at != NULL ? atoi(at + 8) : canonical != NULL ? atoi(canonical + 10) : 0;
}

size_t fake_send_dossiers(const struct adapter_send *send)
{
    return send->kind == RECORD_STEP ? 1 : send->n_records;
}

const char *fake_send_code(const struct adapter_send *send, size_t i)
{
    return send->records[i].code;
}

void fake_sink_check(struct adapter *a, struct adapter_check *c)
{
    struct fake_peer *p = CONTAINER_OF(a, struct fake_adapter, base)->peer;
    int status = status_in(c->record) & 15;

    c->err = 0;
    c->status = status;
    c->hold = HOLD_NONE;
    if (p == NULL) {
        return;
    }
    if (p->checks_fail > 0) {
        p->checks_fail--;
        c->err = ERR_NOMEM;
        return;
    }
    if (p->canonical && c->record->kind == RECORD_STEP) {
        /* A sink that knows a step by its content: the key is the source's own affair. */
        const char *at = strstr(c->record->body, " status=");

        c->has_held_hash = at != NULL && digest_sha256(at, strlen(at), c->held_hash) == 0;
    }
    if (p->unmapped[status]) {
        c->status = 0;
        c->hold = HOLD_UNMAPPED_STATUS;
        (void)snprintf(c->reason, sizeof(c->reason), "status %d has no mapping; edit status.csv",
                       status);
    } else if (p->unwanted[status]) {
        c->hold = HOLD_INVALID;
        (void)snprintf(c->reason, sizeof(c->reason), "status %d is not wanted here", status);
    }
}

static uint32_t chance(struct fake_peer *p)
{
    uint64_t z;

    p->seed += UINT64_C(0x9E3779B97F4A7C15);
    z = p->seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) % 100);
}

static bool rule_fits(const struct fake_rule *r, const struct adapter_send *send)
{
    bool fits = r->code[0] == '\0';

    for (size_t i = 0; i < send->n_records && !fits; i++) {
        fits = strcmp(r->code, send->records[i].code) == 0;
    }
    fits = fits && r->times > 0 && (send->kind == RECORD_STEP ? r->steps : r->snapshots);

    for (size_t i = 0; fits && r->text[0] != '\0' && i < send->n_records; i++) {
        if (strstr(send->records[i].body, r->text) != NULL) {
            return true;
        }
    }
    return fits && r->text[0] == '\0';
}

static enum fake_answer scripted(struct fake_peer *p, const struct adapter_send *send)
{
    for (size_t i = 0; i < p->n_rules; i++) {
        struct fake_rule *r = &p->rules[i];

        if (rule_fits(r, send)) {
            r->times -= r->times != UINT32_MAX;
            return r->answer;
        }
    }
    if (p->seed != 0) {
        uint32_t dice = chance(p);

        if (dice < p->chaos_after) {
            return FAKE_UNSURE_AFTER;
        }
        if (dice < p->chaos_after + p->chaos_before) {
            return FAKE_UNSURE_BEFORE;
        }
        if (dice < p->chaos_after + p->chaos_before + p->chaos_transient) {
            return FAKE_TRANSIENT;
        }
    }
    return FAKE_DONE;
}

/* What the portal's own rules say of a call that is otherwise fine. */
static enum fake_answer by_the_rules(const struct fake_peer *p, const struct fake_entry *e,
                                     const struct adapter_send *send)
{
    if (p->upserts || send->kind == RECORD_PROCEDURE) {
        return FAKE_DONE;
    }
    if (send->kind == RECORD_STEP || send->updating) {
        return e->there ? FAKE_DONE : FAKE_MISSING;
    }
    return e->there ? FAKE_EXISTS : FAKE_DONE;
}

static bool accepts(enum fake_answer answer)
{
    return answer == FAKE_DONE || answer == FAKE_UNSURE_AFTER || answer == FAKE_HANG_AFTER;
}

/* Of one record; true when it stays out of the call. */
static bool holds(struct fake_call *c, size_t i, struct adapter_check *check)
{
    const struct adapter_send *send = c->to.send;

    check->record = &send->records[i];
    fake_sink_check(&c->adapter->base, check);
    return check->hold != HOLD_NONE && (!send->consented || hold_is_missing_map(check->hold));
}

/* Several dossiers: what can't be mapped stays out; one bad one spoils the call, and a part may be
 * stored by then. */
static void arrive_together(struct fake_call *c)
{
    struct fake_peer *p = c->adapter->peer;
    const struct adapter_send *send = c->to.send;
    enum fake_answer answer = p->down ? FAKE_TRANSIENT : scripted(p, send);
    enum fake_answer rule = FAKE_DONE;

    for (size_t i = 0; i < send->n_records; i++) {
        struct adapter_check check = {.record = NULL};
        struct fake_entry *e = fake_ledger_entry(&p->ledger, send->records[i].code);

        if (holds(c, i, &check)) {
            send->sent[i].hold = check.hold;
            (void)snprintf(send->sent[i].reason, sizeof(send->sent[i].reason), "%s", check.reason);
        } else if (rule == FAKE_DONE) {
            rule = by_the_rules(p, e, send);
        }
        send->sent[i].status = check.status;
    }
    if (accepts(answer)) {
        answer = rule == FAKE_DONE || answer != FAKE_DONE ? answer : rule;
        c->accepted = rule == FAKE_DONE;
    }
    for (size_t i = 0; i < send->n_records; i++) {
        if (send->sent[i].hold == HOLD_NONE && (c->accepted || (answer == FAKE_PART && i == 0))) {
            fake_ledger_accept(&p->ledger, fake_ledger_entry(&p->ledger, send->records[i].code),
                               &send->records[i], false, status_in(&send->records[i]),
                               (uint64_t)loop_wall_ms(p->loop));
        }
    }
    c->answer = answer;
}

void fake_sink_arrive(struct fake_call *c)
{
    struct fake_peer *p = c->adapter->peer;
    const struct adapter_send *send = c->to.send;
    struct fake_entry *e = fake_ledger_entry(&p->ledger, send->code);
    enum fake_answer answer;
    size_t n = send->n_records;
    struct adapter_check held = {.record = NULL};

    if (fake_send_dossiers(send) > 1) {
        arrive_together(c);
        return;
    }
    answer = p->down ? FAKE_TRANSIENT : scripted(p, send);
    if (holds(c, 0, &held)) {
        answer = FAKE_HELD;
        c->outcome.hold = held.hold;
        (void)snprintf(c->outcome.words, sizeof(c->outcome.words), "%s", held.reason);
    }
    if (accepts(answer)) {
        enum fake_answer rule = by_the_rules(p, e, send);

        answer = rule == FAKE_DONE || answer != FAKE_DONE ? answer : rule;
        c->accepted = rule == FAKE_DONE;
    }
    if (answer == FAKE_PART && n > 1) {
        c->accepted = true;
        n = 1;
    }
    for (size_t i = 0; i < n && c->accepted; i++) {
        fake_ledger_accept(&p->ledger, e, &send->records[i], send->withdrawn,
                           status_in(&send->records[i]), (uint64_t)loop_wall_ms(p->loop));
    }
    if (send->kind != RECORD_STEP) {
        c->outcome.status = held.status;
    }
    c->answer = answer;
}

static const struct {
    enum outcome_class class;
    bool transport;
    int http;
    const char *code, *words;
} answers[FAKE_ANSWERS] = {
    [FAKE_DONE] = {OUTCOME_DONE, false, 200, "0", "success"},
    [FAKE_UNSURE_AFTER] = {OUTCOME_UNSURE, true, 0, "", "no answer in time"},
    [FAKE_UNSURE_BEFORE] = {OUTCOME_UNSURE, true, 0, "", "no answer in time"},
    [FAKE_TRANSIENT] = {OUTCOME_TRANSIENT, true, 0, "", "connect failed"},
    [FAKE_BUSY] = {OUTCOME_TRANSIENT, true, 503, "", "busy"},
    [FAKE_PERMANENT] = {OUTCOME_PERMANENT, false, 200, "-1", "a field is not valid"},
    [FAKE_PART] = {OUTCOME_PERMANENT, false, 200, "-1", "a field is not valid"},
    [FAKE_BACKOFF] = {OUTCOME_BACKOFF, false, 200, "-9", "unexplained"},
    [FAKE_EXISTS] = {OUTCOME_EXISTS, false, 200, "-3", "exists already"},
    [FAKE_MISSING] = {OUTCOME_MISSING, false, 200, "-3", "is not there"},
    [FAKE_AUTH] = {OUTCOME_AUTH, false, 200, "-2", "the session is not valid"},
    [FAKE_LOGIN] = {OUTCOME_LOGIN, false, 401, "", "login refused"},
    [FAKE_CONFIG] = {OUTCOME_CONFIG, false, 302, "", "redirected"},
    [FAKE_HELD] = {OUTCOME_HELD, false, 0, "", "no mapping"},
    [FAKE_HANG] = {OUTCOME_UNSURE, true, 0, "", "no answer in time"},
    [FAKE_HANG_AFTER] = {OUTCOME_UNSURE, true, 0, "", "no answer in time"},
};

void fake_sink_outcome(struct outcome *o, enum fake_answer answer, const struct fake_peer *p)
{
    o->class = answers[answer].class;
    o->transport = answers[answer].transport;
    o->http = answers[answer].http;
    o->took_ms = (uint32_t)p->latency_ms;
    o->retry_after_s = answer == FAKE_BUSY ? p->retry_after_s : 0;
    if (answer == FAKE_HELD && o->hold == HOLD_NONE) {
        o->hold = HOLD_UNMAPPED_PROCEDURE;
    }
    (void)snprintf(o->code, sizeof(o->code), "%s", answers[answer].code);
    if (o->words[0] == '\0') {
        (void)snprintf(o->words, sizeof(o->words), "%s", answers[answer].words);
    }
}

/* ---- look-ups ---- */

void fake_sink_look(struct fake_call *c)
{
    struct fake_peer *p = c->adapter->peer;
    const struct fake_entry *e = fake_ledger_find(&p->ledger, c->to.lookup->code);
    enum fake_look look = FAKE_LOOK_TRUE;

    if (p->look_times > 0) {
        look = p->look;
        p->look_times -= p->look_times != UINT32_MAX;
    }
    look = p->down ? FAKE_LOOK_DOWN : look;
    fake_sink_outcome(&c->outcome,
                      look == FAKE_LOOK_DOWN      ? FAKE_TRANSIENT
                      : look == FAKE_LOOK_LOGIN   ? FAKE_LOGIN
                      : look == FAKE_LOOK_UNKNOWN ? FAKE_BACKOFF
                                                  : FAKE_DONE,
                      p);
    switch (look) {
    case FAKE_LOOK_TRUE:
        c->look = e != NULL && e->there ? LOOKUP_THERE : LOOKUP_ABSENT;
        c->look_status = e != NULL && e->there ? e->status : 0;
        break;
    case FAKE_LOOK_REFUSED:
        c->look = LOOKUP_REFUSED;
        break;
    case FAKE_LOOK_UNKNOWN:
    case FAKE_LOOK_LOGIN:
    case FAKE_LOOK_DOWN:
        c->look = LOOKUP_UNKNOWN;
        break;
    }
}
