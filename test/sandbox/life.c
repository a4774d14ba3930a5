#include "sandbox/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/life_flaw.h"
#include "sandbox/people.h"

#define DAY_S 86400
#define SPARE_DAYS 60                    /* days that a running world may get older */
#define UID_FACTOR UINT64_C(0x5deece66d) /* odd: multiplying by it modulo 2^48 can be undone */
#define UID_MASK UINT64_C(0xffffffffffff)
#define PICKS_MAX 64 /* tries to find a dossier that can still move */
#define EXTENDED_MAX 20

static const struct life_agency TEST_AGENCY = {"H56.99", "Đơn vị thử nghiệm hệ thống", false};

uint16_t life_day(int64_t at_s)
{
    return (uint16_t)((at_s + LIFE_LOCAL_S) / DAY_S);
}

uint64_t life_key(const struct life *w, size_t i)
{
    return people_mix(w->options.seed, i + 1000);
}

const struct life_agency *life_agency_of(const struct life *w, size_t i)
{
    uint16_t agency = w->hot[i].agency;

    return agency == LIFE_AGENCY_TEST ? &TEST_AGENCY : &w->catalog->agencies[agency];
}

void life_civil(uint16_t day, unsigned *year, unsigned *month, unsigned *day_of_month)
{
    /* Eras of 400 years that begin in March, so that the leap day ends a year. */
    unsigned z = (unsigned)day + 719468;
    unsigned era = z / 146097;
    unsigned of_era = z - era * 146097;
    unsigned y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * y + y / 4 - y / 100);
    unsigned m = (5 * of_year + 2) / 153;

    *day_of_month = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = y + era * 400 + (*month <= 2);
}

void life_number(const struct life *w, size_t i, char out[LIFE_NUMBER_SIZE])
{
    const char *agency = life_agency_of(w, i)->code;
    unsigned serial = w->dossiers[i].serial;
    unsigned y, m, d;
    unsigned date;

    life_civil(w->hot[i].day[LIFE_SUBMIT], &y, &m, &d);
    date = y % 100 * 10000 + m * 100 + d;

    if (w->dossiers[i].planted == LIFE_NO_NUMBER) {
        out[0] = '\0';
    } else if (strlen(agency) == 6 && life_key(w, i) % 33 == 0) {
        /* The order of before 2021: 000.00.12.H56 for H56.12. */
        snprintf(out, LIFE_NUMBER_SIZE, "000.00.%s.%.3s-%06u-%04u", agency + 4, agency, date,
                 serial);
    } else {
        snprintf(out, LIFE_NUMBER_SIZE, "%s-%06u-%04u", agency, date, serial);
    }
}

uint32_t life_number_hash(const char *number)
{
    uint32_t h = UINT32_C(2166136261);

    for (; *number != '\0'; number++) {
        h = (h ^ (unsigned char)*number) * UINT32_C(16777619);
    }
    return h == 0 ? 1 : h;
}

void life_uid(const struct life *w, size_t i, char out[37])
{
    uint64_t a = people_mix(life_key(w, i), 20);
    uint64_t tail = (i + LIFE_FIRST_ID) * UID_FACTOR & UID_MASK;

    snprintf(out, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff,
             0x8000 | ((unsigned)(a >> 12) & 0x3fff), (unsigned long long)tail);
}

size_t life_find(const struct life *w, const char *id)
{
    uint64_t inverse = UID_FACTOR;
    uint64_t number;
    char uid[37];

    if (strlen(id) != 36) {
        char *end;

        number = strtoull(id, &end, 10);
        if (*id == '\0' || *end != '\0') {
            return SIZE_MAX;
        }
    } else {
        for (int k = 0; k < 5; k++) { /* Newton: each turn doubles the bits that are right */
            inverse *= 2 - UID_FACTOR * inverse;
        }
        number = strtoull(id + 24, NULL, 16) * inverse & UID_MASK;
    }
    if (number < LIFE_FIRST_ID || number - LIFE_FIRST_ID >= w->n) {
        return SIZE_MAX;
    }
    number -= LIFE_FIRST_ID;
    if ((w->dossiers[number].flaws & FLAW_GONE) != 0) {
        return SIZE_MAX;
    }
    if (strlen(id) == 36) {
        life_uid(w, (size_t)number, uid);
        if (strcmp(uid, id) != 0) {
            return SIZE_MAX;
        }
    }
    return (size_t)number;
}

uint32_t life_version(const struct life *w, size_t i)
{
    return (uint32_t)w->dossiers[i].done + w->dossiers[i].extended;
}

void life_state_of(const struct life *w, size_t i, struct life_state *out)
{
    const struct life_dossier *d = &w->dossiers[i];
    const struct life_plan *plan = &LIFE_PLANS[d->plan];

    *out = (struct life_state){.submit_s = d->at_s[d->first], .last = d->first};
    for (uint8_t p = d->first; p < d->done; p++) {
        const struct life_action *act = &LIFE_ACTIONS[plan->actions[p]];

        if (act->rolled_back) {
            continue;
        }
        out->step = act->to;
        out->last = p;
        if (act->to == STEP_RECEIVED) {
            unsigned days = (unsigned)(people_mix(d->procedure, 30) % 20) + 1 + 3U * d->extended;
            int64_t evening = ((int64_t)life_day(d->at_s[p]) + days) * DAY_S + 17 * 3600;

            out->receive_s = d->at_s[p];
            out->due_s = evening - LIFE_LOCAL_S;
        } else if (act->to == STEP_RESULT) {
            out->release_s = d->at_s[p];
        } else if (act->to == STEP_DONE) {
            out->finish_s = d->at_s[p];
        }
    }
}

/* What lists filter on follows from the actions. */
static void refresh_hot(struct life *w, size_t i)
{
    struct life_hot *h = &w->hot[i];
    struct life_state s;

    life_state_of(w, i, &s);
    h->step = (uint8_t)s.step;
    h->day[LIFE_SUBMIT] = life_day(s.submit_s);
    h->day[LIFE_RECEIVE] = s.receive_s != 0 ? life_day(s.receive_s) : 0;
    h->day[LIFE_RELEASE] = s.release_s != 0 ? life_day(s.release_s) : 0;
    h->day[LIFE_FINISH] = s.finish_s != 0 ? life_day(s.finish_s) : 0;
}

static bool make_room(struct life *w, size_t n)
{
    struct life_hot *hot;
    struct life_dossier *dossiers;

    if (n <= w->room) {
        return true;
    }
    if (n > LIFE_DOSSIERS_MAX) {
        return false;
    }
    n += n / 4 + 1000;
    hot = realloc(w->hot, n * sizeof(*hot));
    if (hot == NULL) {
        return false;
    }
    w->hot = hot;
    dossiers = realloc(w->dossiers, n * sizeof(*dossiers));
    if (dossiers == NULL) {
        return false;
    }
    w->dossiers = dossiers;
    w->room = n;
    return true;
}

static uint16_t pick_agency(const struct life_catalog *c, uint64_t key)
{
    return (uint16_t)(people_mix(key, 40) % c->n_agencies);
}

static uint16_t pick_procedure(const struct life_catalog *c, uint64_t key, bool commune)
{
    const uint16_t *of = commune ? c->of_commune : c->of_department;
    size_t n = commune ? c->n_of_commune : c->n_of_department;
    uint64_t a = people_mix(key, 41) % n;
    uint64_t b = people_mix(key, 42) % n;

    return of[a * b / n]; /* a few procedures make up most of the dossiers */
}

static uint8_t pick_plan(uint64_t key)
{
    unsigned percent = (unsigned)(people_mix(key, 43) % 100);

    for (uint8_t p = 0; p < LIFE_PLAN_COUNT; p++) {
        if (percent < LIFE_PLANS[p].percent) {
            return p;
        }
        percent -= LIFE_PLANS[p].percent;
    }
    return LIFE_PLAN_USUAL;
}

static uint16_t next_serial(struct life *w, const struct life_hot *h)
{
    size_t agency = h->agency == LIFE_AGENCY_TEST ? w->catalog->n_agencies : h->agency;
    size_t day = (size_t)(h->day[LIFE_SUBMIT] - w->first_day);

    if (day >= w->serial_days) {
        day = w->serial_days - 1;
    }
    return ++w->serials[agency * w->serial_days + day];
}

/* A new dossier at the end, with its first action only. */
static size_t add_dossier(struct life *w, int64_t submit_s, enum life_planted planted)
{
    size_t i = w->n;
    uint64_t key = life_key(w, i);
    struct life_hot *h;
    struct life_dossier *d;
    char number[LIFE_NUMBER_SIZE];

    if (!make_room(w, i + 1)) {
        return SIZE_MAX;
    }
    h = &w->hot[i];
    d = &w->dossiers[i];
    *h = (struct life_hot){.agency = pick_agency(w->catalog, key)};
    *d = (struct life_dossier){.planted = (uint8_t)planted, .plan = pick_plan(key)};
    d->procedure = pick_procedure(w->catalog, key, w->catalog->agencies[h->agency].commune);
    h->system = people_mix(key, 44) % 100 < w->options.national_percent ? 5 : 0;
    if (planted == LIFE_UNMAPPED_STATUS) {
        d->plan = LIFE_PLAN_MERGE;
    } else if (planted != LIFE_NORMAL) {
        d->plan = LIFE_PLAN_USUAL;
        h->system = 0;
    }
    if (planted == LIFE_TEST_AGENCY) {
        h->agency = LIFE_AGENCY_TEST;
    }
    d->first = people_mix(key, 45) % 100 < 94 || planted == LIFE_NO_NUMBER ? 0 : 1;
    if (LIFE_ACTIONS[LIFE_PLANS[d->plan].actions[1]].to != STEP_RECEIVED) {
        d->first = 0; /* refused at the counter leaves no dossier */
    }
    d->at_s[d->first] = (uint32_t)submit_s;
    d->done = (uint8_t)(d->first + 1);
    d->changed_s = (uint32_t)submit_s;
    d->touched = (uint32_t)w->changes;
    w->n++;
    refresh_hot(w, i);
    d->serial = next_serial(w, h);
    life_number(w, i, number);
    h->number = number[0] != '\0' ? life_number_hash(number) : 0;
    return i;
}

/* Lives on from the first action until limit_s, at a usual pace. */
static void live_until(struct life *w, size_t i, int64_t limit_s, int64_t pace_s)
{
    struct life_dossier *d = &w->dossiers[i];
    const struct life_plan *plan = &LIFE_PLANS[d->plan];
    uint64_t key = life_key(w, i);

    while (d->done < plan->n) {
        const struct life_action *act = &LIFE_ACTIONS[plan->actions[d->done]];
        int64_t usual_s = pace_s != 0 ? pace_s : (int64_t)act->pace_min * 60;
        int64_t chance = (int64_t)(people_mix(key, 50U + d->done) % 1400);
        int64_t at_s = d->at_s[d->done - 1] + 61 + usual_s * (300 + chance) / 1000;

        if (at_s > limit_s) {
            break;
        }
        d->at_s[d->done++] = (uint32_t)at_s;
        d->changed_s = (uint32_t)at_s;
    }
    if (d->done < plan->n && people_mix(key, 70) % 12 == 0 && d->planted == LIFE_NORMAL &&
        !LIFE_ACTIONS[plan->actions[d->done]].rolled_back) {
        d->pending = true;
        d->at_s[d->done] = d->at_s[d->done - 1] + 1;
    }
    refresh_hot(w, i);
}

/* A time of the last days when somebody hands in a dossier: mostly office hours of working days. */
static uint32_t submit_time(const struct life_options *o, uint64_t key)
{
    int64_t today = life_day(o->now_s);

    for (uint64_t k = 0; k < 32; k++) {
        int64_t back = (int64_t)(people_mix(key, 3 * k) % o->days);
        int64_t day = today - back;
        int64_t weekday = (day + 4) % 7; /* 1970-01-01 was a Thursday; 0 is Sunday */
        uint64_t chance = people_mix(key, 3 * k + 1);
        int64_t second = 7 * 3600 + (int64_t)(chance % (10 * 3600 + 1800));
        int64_t at_s;

        if ((weekday == 0 && chance % 10 != 0) || (weekday == 6 && chance % 5 != 0)) {
            continue;
        }
        if (people_mix(key, 3 * k + 2) % 8 == 0) {
            second = (int64_t)(chance % DAY_S);
        }
        at_s = day * DAY_S + second - LIFE_LOCAL_S;
        if (at_s <= o->now_s) {
            return (uint32_t)at_s;
        }
    }
    return (uint32_t)(o->now_s - (int64_t)(people_mix(key, 99) % DAY_S));
}

static int compare_times(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int fill(struct life *w)
{
    const struct life_options *o = &w->options;
    uint32_t *times = malloc((o->dossiers + 1) * sizeof(*times));

    if (times == NULL) {
        return -1;
    }
    for (size_t i = 0; i < o->dossiers; i++) {
        times[i] = submit_time(o, people_mix(o->seed ^ 0x11fe, i));
    }
    qsort(times, o->dossiers, sizeof(*times), compare_times);
    for (size_t k = 0; k < o->dossiers; k++) {
        size_t i = add_dossier(w, times[k], LIFE_NORMAL);

        if (i == SIZE_MAX) {
            free(times);
            return -1;
        }
        live_until(w, i, o->now_s, 0);
    }
    free(times);
    for (unsigned kind = LIFE_NORMAL + 1; kind < LIFE_PLANTED_COUNT; kind++) {
        for (unsigned k = 0; k < o->planted; k++) {
            size_t i = add_dossier(w, o->now_s - 10800 - 600 * k, (enum life_planted)kind);

            if (i == SIZE_MAX) {
                return -1;
            }
            if (kind != LIFE_NO_NUMBER) {
                live_until(w, i, o->now_s, 1200);
            }
        }
    }
    return 0;
}

int life_init(struct life *w, const struct life_catalog *catalog,
              const struct life_options *options)
{
    size_t spare = options->dossiers / 8 + 1000;

    *w = (struct life){.options = *options, .catalog = catalog};
    if (w->options.days == 0) {
        w->options.days = 1;
    }
    w->first_day = (uint16_t)(life_day(options->now_s) - w->options.days - 1);
    w->serial_days = w->options.days + SPARE_DAYS;
    w->serials = calloc((catalog->n_agencies + 1) * w->serial_days, sizeof(*w->serials));
    if (w->serials == NULL || options->dossiers > LIFE_DOSSIERS_MAX - spare ||
        !make_room(w, options->dossiers + spare) || fill(w) != 0) {
        life_free(w);
        return -1;
    }
    return 0;
}

void life_free(struct life *w)
{
    free(w->hot);
    free(w->dossiers);
    free(w->serials);
    w->hot = NULL;
    w->dossiers = NULL;
    w->serials = NULL;
    w->n = 0;
}

static uint32_t last_time(const struct life_dossier *d)
{
    return d->changed_s > d->at_s[d->done - 1] ? d->changed_s : d->at_s[d->done - 1];
}

static bool can_change(const struct life *w, size_t i, int64_t now_s)
{
    const struct life_dossier *d = &w->dossiers[i];

    return d->planted == LIFE_NORMAL && d->done < LIFE_PLANS[d->plan].n && last_time(d) < now_s;
}

static void move_on(struct life *w, size_t i, int64_t now_s, uint64_t chance)
{
    struct life_dossier *d = &w->dossiers[i];
    const struct life_plan *plan = &LIFE_PLANS[d->plan];

    d->at_s[d->done++] = (uint32_t)now_s;
    d->changed_s = (uint32_t)now_s;
    d->touched = (uint32_t)w->changes;
    d->pending =
        d->done < plan->n && chance % 12 == 0 && !LIFE_ACTIONS[plan->actions[d->done]].rolled_back;
    if (d->pending) {
        d->at_s[d->done] = (uint32_t)now_s + 1;
    }
    refresh_hot(w, i);
}

/* Moves the promised date of a received dossier. */
static bool extend(struct life *w, size_t i, int64_t now_s)
{
    struct life_dossier *d = &w->dossiers[i];

    if (w->hot[i].day[LIFE_RECEIVE] == 0 || d->extended >= EXTENDED_MAX) {
        return false;
    }
    d->extended++;
    d->changed_s = (uint32_t)now_s;
    d->touched = (uint32_t)w->changes;
    return true;
}

size_t life_change(struct life *w, int64_t now_s)
{
    uint64_t key = people_mix(w->options.seed ^ 0xc4a9e, w->changes);
    unsigned kind = (unsigned)(people_mix(key, 0) % 100);
    size_t i;

    w->changes++;
    for (uint64_t k = 0; kind >= 25 && k < PICKS_MAX && w->n > 0; k++) {
        i = (size_t)(people_mix(key, 100 + k) % w->n);
        if (!can_change(w, i, now_s)) {
            continue;
        }
        if (kind >= 35 || !extend(w, i, now_s)) {
            move_on(w, i, now_s, people_mix(key, 2));
        }
        return i;
    }
    i = add_dossier(w, now_s, LIFE_NORMAL);
    w->created += i != SIZE_MAX;
    return i;
}

size_t life_tamper(struct life *w, size_t n)
{
    size_t made = 0;

    for (size_t i = 0; i < w->n && made < n; i++) {
        struct life_dossier *d = &w->dossiers[i];

        if (d->planted == LIFE_NORMAL && LIFE_STEPS[w->hot[i].step].final && d->tampered == 0) {
            d->tampered = 1;
            made++;
        }
    }
    for (size_t i = 0; i < w->n && made < n; i++) { /* a young world: any dossier will do */
        struct life_dossier *d = &w->dossiers[i];

        if (d->planted == LIFE_NORMAL && d->tampered == 0) {
            d->tampered = 1;
            made++;
        }
    }
    return made;
}
