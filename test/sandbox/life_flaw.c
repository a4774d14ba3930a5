#include "sandbox/life_flaw.h"

#include <string.h>

#define SYSTEM_NONE 9 /* a systemId that no list asks for */

static bool has_result(const struct life *w, size_t i)
{
    enum life_step_id step = (enum life_step_id)w->hot[i].step;

    return step == STEP_RESULT || step == STEP_POSTING || step == STEP_DONE;
}

static bool set(struct life *w, size_t i, unsigned flaw)
{
    w->dossiers[i].flaws = (uint8_t)(w->dossiers[i].flaws | flaw);
    return true;
}

static bool plant_no_result(struct life *w, size_t i, size_t with, int64_t now_s)
{
    (void)with;
    (void)now_s;
    return w->hot[i].step == STEP_DONE && set(w, i, FLAW_NO_RESULT);
}

static bool plant_shared(struct life *w, size_t i, size_t with, int64_t now_s)
{
    (void)now_s;
    if (with >= w->n || with == i || !has_result(w, i) || !has_result(w, with) ||
        w->dossiers[with].flaws != 0) {
        return false;
    }
    w->dossiers[i].with = (uint32_t)with;
    return set(w, i, FLAW_SHARED_RESULT);
}

static bool plant_paper(struct life *w, size_t i, size_t with, int64_t now_s)
{
    (void)with;
    (void)now_s;
    return set(w, i, FLAW_STRANGE_PAPER);
}

static bool plant_dead(struct life *w, size_t i, size_t with, int64_t now_s)
{
    (void)with;
    (void)now_s;
    return has_result(w, i) && set(w, i, FLAW_DEAD_LINK);
}

static bool plant_unsigned(struct life *w, size_t i, size_t with, int64_t now_s)
{
    (void)with;
    (void)now_s;
    return has_result(w, i) && set(w, i, FLAW_UNSIGNED);
}

static bool plant_certified(struct life *w, size_t i, size_t with, int64_t now_s)
{
    (void)with;
    (void)now_s;
    return has_result(w, i) && set(w, i, FLAW_CERTIFIED);
}

static bool plant_gone(struct life *w, size_t i, size_t with, int64_t now_s)
{
    (void)with;
    (void)now_s;
    if (w->hot[i].system != 0) {
        return false;
    }
    w->hot[i].system = SYSTEM_NONE;
    return set(w, i, FLAW_GONE);
}

static bool plant_silent(struct life *w, size_t i, size_t with, int64_t now_s)
{
    (void)with;
    (void)now_s;
    return set(w, i, FLAW_SILENT);
}

static bool plant_back(struct life *w, size_t i, size_t with, int64_t now_s)
{
    (void)with;
    (void)now_s;
    if ((w->dossiers[i].flaws & FLAW_GONE) == 0) {
        return false;
    }
    w->hot[i].system = 0;
    w->dossiers[i].flaws = (uint8_t)(w->dossiers[i].flaws & ~(unsigned)FLAW_GONE);
    return true;
}

/* The clock does not stand still while the dossier is with the citizen: those are left out. */
static bool plant_promise(struct life *w, size_t i, size_t with, int64_t now_s)
{
    struct life_dossier *d = &w->dossiers[i];
    enum life_step_id step = (enum life_step_id)w->hot[i].step;
    struct life_state state;

    (void)with;
    life_state_of(w, i, &state);
    if (state.due_s == 0 || state.due_s >= now_s || d->extended > 0 || LIFE_STEPS[step].final ||
        step == STEP_SUPPLEMENT || step == STEP_PAYING || step == STEP_WAIT_PAYMENT) {
        return false;
    }
    d->extended = 1;
    d->changed_s = (uint32_t)now_s;
    d->touched = (uint32_t)w->changes;
    return true;
}

static bool plant_tampered(struct life *w, size_t i, size_t with, int64_t now_s)
{
    (void)with;
    (void)now_s;
    if (w->dossiers[i].tampered > 0) {
        return false;
    }
    w->dossiers[i].tampered = 1;
    return true;
}

/* The two actions after the first round are done once more before what came next; between any two
 * actions there is more than a minute. */
static bool plant_rounds(struct life *w, size_t i, size_t with, int64_t now_s)
{
    struct life_dossier *d = &w->dossiers[i];
    const uint8_t *actions = LIFE_PLANS[d->plan].actions;
    uint8_t end = (uint8_t)(d->done + d->pending);
    uint8_t at = LIFE_TWICE_AT;

    (void)with;
    (void)now_s;
    if (d->plan != LIFE_PLAN_SUPPLEMENT || d->done <= at || d->first != 0 ||
        LIFE_ACTIONS[actions[d->done - 1]].rolled_back) {
        return false;
    }
    memmove(&d->at_s[at + 2], &d->at_s[at], (size_t)(end - at) * sizeof(d->at_s[0]));
    d->at_s[at] = d->at_s[at - 1] + 20;
    d->at_s[at + 1] = d->at_s[at - 1] + 40;
    d->plan = LIFE_PLAN_TWICE;
    d->done = (uint8_t)(d->done + 2);
    return true;
}

int life_plant(struct life *w, size_t i, const char *flaw, size_t with, int64_t now_s)
{
    static const struct {
        const char *name;
        bool (*plant)(struct life *w, size_t i, size_t with, int64_t now_s);
    } flaws[] = {
        {"no_result", plant_no_result}, {"shared_result", plant_shared},
        {"strange_paper", plant_paper}, {"dead_link", plant_dead},
        {"unsigned", plant_unsigned},   {"certified", plant_certified},
        {"gone", plant_gone},           {"back", plant_back},
        {"silent", plant_silent},       {"promise_moved", plant_promise},
        {"tampered", plant_tampered},   {"supplements", plant_rounds},
    };

    for (size_t k = 0; k < sizeof(flaws) / sizeof(flaws[0]); k++) {
        if (strcmp(flaws[k].name, flaw) == 0) {
            return flaws[k].plant(w, i, with, now_s) ? 1 : 0;
        }
    }
    return -1;
}
