/* What a scenario expects. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "replay/replay.h"

static const char *equal(struct replay *r, const char *what, uint64_t got, const char *wanted)
{
    uint64_t n;

    if (!replay_number(wanted, &n)) {
        return replay_wrong(r, "no number: %s", wanted);
    }
    return got == n ? NULL : replay_wrong(r, "%s: %" PRIu64 ", expected %" PRIu64, what, got, n);
}

static const char *expect_calls(struct replay *r, const struct words *w)
{
    return equal(r, "calls", r->world.portal->sends - r->sends_mark, w->w[2]);
}

static const char *expect_lookups(struct replay *r, const struct words *w)
{
    return equal(r, "look-ups", r->world.portal->looks - r->looks_mark, w->w[2]);
}

/* expect at-most-calls N: where jitter decides how many there are */
static const char *expect_at_most_calls(struct replay *r, const struct words *w)
{
    uint64_t got = r->world.portal->sends - r->sends_mark;
    uint64_t n;

    if (!replay_number(w->w[2], &n)) {
        return replay_wrong(r, "no number: %s", w->w[2]);
    }
    return got <= n ? NULL
                    : replay_wrong(r, "calls: %" PRIu64 ", expected at most %" PRIu64, got, n);
}

/* expect ledger effects N repeats N */
static const char *expect_ledger(struct replay *r, const struct words *w)
{
    const struct fake_ledger *l = &r->world.portal->ledger;
    const char *why = NULL;

    for (size_t i = 2; i + 1 < w->n && why == NULL; i += 2) {
        if (strcmp(w->w[i], "effects") == 0) {
            why = equal(r, "effects", l->effects - r->effects_mark, w->w[i + 1]);
        } else if (strcmp(w->w[i], "repeats") == 0) {
            why = equal(r, "repeats", l->repeats - r->repeats_mark, w->w[i + 1]);
        } else {
            why = replay_wrong(r, "expect ledger effects N repeats N");
        }
    }
    return why;
}

/* expect province effects N: the same of the province as a sink */
static const char *expect_province(struct replay *r, const struct words *w)
{
    if (w->n != 4 || strcmp(w->w[2], "effects") != 0) {
        return replay_wrong(r, "expect province effects N");
    }
    return equal(r, "effects at the province", r->world.onestop->ledger.effects, w->w[3]);
}

/* expect state CODE STATE [HOLD] */
static const char *expect_state(struct replay *r, const struct words *w)
{
    enum item_state wanted;
    enum item_state got;
    enum hold_why hold = HOLD_NONE;
    enum hold_why wanted_hold = HOLD_NONE;

    if (w->n < 4 || item_state_parse(w->w[3], &wanted) < 0 ||
        (w->n > 4 && hold_why_parse(w->w[4], &wanted_hold) < 0)) {
        return replay_wrong(r, "expect state CODE STATE [HOLD]");
    }
    got = fake_world_state(&r->world, w->w[2], &hold);
    if (got != wanted) {
        return replay_wrong(r, "%s is %s, expected %s", w->w[2],
                            got < ITEM_STATES ? item_state_name(got) : "not there", w->w[3]);
    }
    return w->n <= 4 || hold == wanted_hold
               ? NULL
               : replay_wrong(r, "held for %s, expected %s", hold_why_name(hold), w->w[4]);
}

static const char *count(struct replay *r, const struct words *w, enum item_kind kind)
{
    enum item_state state;

    if (w->n != 4 || item_state_parse(w->w[2], &state) < 0) {
        return replay_wrong(r, "expect %s STATE N", w->w[1]);
    }
    return equal(r, w->rest_of[1], fake_world_count(&r->world, "dossiers", kind, state), w->w[3]);
}

static const char *expect_steps(struct replay *r, const struct words *w)
{
    return count(r, w, ITEM_STEP);
}

static const char *expect_snapshots(struct replay *r, const struct words *w)
{
    return count(r, w, ITEM_SNAPSHOT);
}

/* expect shown CODE STATUS: at the portal */
static const char *expect_shown(struct replay *r, const struct words *w)
{
    const struct fake_entry *e = fake_ledger_find(&r->world.portal->ledger, w->w[2]);

    if (w->n != 4 || e == NULL) {
        return replay_wrong(r, "the portal does not hold %s", w->w[2]);
    }
    return equal(r, "status shown", (uint64_t)e->status, w->w[3]);
}

/* expect call K is snapshot|steps|lookup [CODE] [new|update] [of N] [OUTCOME]: K counts from 1
 * since the mark */
static const char *expect_call(struct replay *r, const struct words *w)
{
    const struct fake_peer *p = r->world.portal;
    const struct fake_logged *l;
    const char *kind;
    uint64_t k;
    uint64_t n;

    if (w->n < 5 || !replay_number(w->w[2], &k) || k == 0 || r->log_mark + k > p->n_log) {
        return replay_wrong(r, "there is no call %s", w->n > 2 ? w->w[2] : "");
    }
    l = &p->log[r->log_mark + k - 1];
    kind = l->verb == 'l' ? "lookup" : l->kind == RECORD_STEP ? "steps" : "snapshot";
    if (strcmp(kind, w->w[4]) != 0) {
        return replay_wrong(r, "call %s is a %s", w->w[2], kind);
    }
    for (size_t i = 5; i < w->n; i++) {
        if (strcmp(w->w[i], "new") == 0 || strcmp(w->w[i], "update") == 0) {
            if (l->updating != (w->w[i][0] == 'u')) {
                return replay_wrong(r, "isUpdating is %s", l->updating ? "True" : "False");
            }
        } else if (strcmp(w->w[i], "of") == 0 && i + 1 < w->n && replay_number(w->w[i + 1], &n)) {
            if (l->n != n) {
                return replay_wrong(r, "it carries %zu", l->n);
            }
            i++;
        } else if (strcmp(w->w[i], outcome_name(l->outcome)) != 0 &&
                   strcmp(w->w[i], l->code) != 0) {
            return replay_wrong(r, "call %s of %s ended %s, not %s", w->w[2], l->code,
                                outcome_name(l->outcome), w->w[i]);
        }
    }
    return NULL;
}

/* expect lost|duplicated|disorder N */
static const char *expect_oracle(struct replay *r, const struct words *w)
{
    struct fake_world *world = &r->world;
    uint64_t got;

    if (strcmp(w->w[1], "lost") == 0) {
        got = fake_world_lost(world, world->onestop, world->portal, "dossiers");
    } else if (strcmp(w->w[1], "duplicated") == 0) {
        got = fake_world_duplicated(world, world->portal);
    } else {
        got = world->portal->ledger.disorder;
    }
    return equal(r, w->w[1], got, w->w[2]);
}

static const char *expect_verdict(struct replay *r, const struct words *w)
{
    const struct engine_status *s = fake_world_status(&r->world);
    const char *got = engine_verdict_name(s->verdict);

    return strcmp(got, w->w[2]) == 0 ? NULL
                                     : replay_wrong(r, "the verdict is %s: %s", got,
                                                    s->n_reasons > 0 ? s->reasons[0] : "");
}

static const char *expect_idle(struct replay *r, const struct words *w)
{
    (void)w;
    return fake_world_status(&r->world)->idle ? NULL : replay_wrong(r, "it is not idle");
}

static const char *expect_paused(struct replay *r, const struct words *w)
{
    const struct engine_status *s = fake_world_status(&r->world);

    for (size_t i = 0; i < s->n_endpoints; i++) {
        if (strcmp(s->endpoints[i].name, w->w[2]) == 0) {
            return s->endpoints[i].paused ? NULL : replay_wrong(r, "%s is not paused", w->w[2]);
        }
    }
    return replay_wrong(r, "no endpoint %s", w->w[2]);
}

/* expect second daemon-refused */
static const char *expect_second(struct replay *r, const struct words *w)
{
    struct journal *second = NULL;
    struct errmsg msg = {""};
    int err;

    (void)w;
    err =
        journal_open(&r->world.loop.loop, NULL, r->world.metrics, &r->world.options, &second, &msg);
    return err == ERR_BUSY ? NULL : replay_wrong(r, "a second daemon got the journal");
}

static const struct {
    const char *name;
    size_t min_words;
    const char *(*run)(struct replay *r, const struct words *w);
} expectations[] = {
    {"calls", 3, expect_calls},
    {"lookups", 3, expect_lookups},
    {"ledger", 4, expect_ledger},
    {"province", 4, expect_province},
    {"state", 4, expect_state},
    {"steps", 4, expect_steps},
    {"snapshots", 4, expect_snapshots},
    {"shown", 4, expect_shown},
    {"call", 5, expect_call},
    {"lost", 3, expect_oracle},
    {"duplicated", 3, expect_oracle},
    {"disorder", 3, expect_oracle},
    {"verdict", 3, expect_verdict},
    {"idle", 2, expect_idle},
    {"paused", 3, expect_paused},
    {"second", 3, expect_second},
    {"at-most-calls", 3, expect_at_most_calls},
};

const char *replay_expect(struct replay *r, const struct words *words)
{
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        if (strcmp(expectations[i].name, words->w[1]) == 0) {
            if (words->n < expectations[i].min_words) {
                return replay_wrong(r, "expect %s needs %zu words at least", words->w[1],
                                    expectations[i].min_words);
            }
            if (r->world.engine == NULL) {
                return replay_wrong(r, "the daemon does not run");
            }
            r->expectations++;
            return expectations[i].run(r, words);
        }
    }
    return replay_wrong(r, "no expectation %s", words->w[1]);
}
