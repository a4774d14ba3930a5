/* fake_sink: what a fake peer does with what is sent to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fake_adapter_impl.h"

static int status_in(const struct record *record)
{
    const char *at = strstr(record->body, " status=");

    return at != NULL ? atoi(at + 8) : 0;
}

void fake_sink_check(struct adapter *a, struct adapter_check *c)
{
    struct fake_peer *p = CONTAINER_OF(a, struct fake_adapter, base)->peer;
    int status = status_in(c->record) & 15;

    c->status = status;
    c->hold = HOLD_NONE;
    if (p == NULL) {
        return;
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
    bool fits = r->times > 0 && (r->code[0] == '\0' || strcmp(r->code, send->code) == 0) &&
                (send->kind == RECORD_STEP ? r->steps : r->snapshots);

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

void fake_sink_arrive(struct fake_call *c)
{
    struct fake_peer *p = c->adapter->peer;
    const struct adapter_send *send = c->to.send;
    struct fake_entry *e = fake_ledger_entry(&p->ledger, send->code);
    enum fake_answer answer = p->down ? FAKE_TRANSIENT : scripted(p, send);
    size_t n = send->n_records;
    struct adapter_check held = {.record = &send->records[0]};

    fake_sink_check(&c->adapter->base, &held);
    if (held.hold != HOLD_NONE && (!send->consented || hold_is_missing_map(held.hold))) {
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
