#include "sandbox/product_view.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sandbox/product_status.h"

static void take_step(const struct life *w, struct product_view *v, uint8_t at)
{
    const struct life_dossier *d = &w->dossiers[v->i];
    const struct life_action *act = &LIFE_ACTIONS[LIFE_PLANS[d->plan].actions[at]];
    struct product_step *s = &v->steps[v->n_steps];

    if (act->rolled_back) {
        return;
    }
    s->id = v->id * 16 + at;
    s->at_s = d->at_s[at];
    s->due_s = LIFE_STEPS[act->to].final ? 0 : s->at_s + 8 * 3600;
    s->to = act->to;
    s->status = product_national(act->to);
    s->action = act;
    snprintf(s->text, sizeof(s->text), act->note[0] != '\0' ? "%s - %s" : "%s", act->name,
             act->note);
    province_actor(w, v->i, at, s->actor);
    v->n_steps++;
}

void product_view(const struct life *w, size_t i, struct product_view *out)
{
    const struct life_dossier *d = &w->dossiers[i];

    out->i = i;
    out->id = (int64_t)i + LIFE_FIRST_ID;
    life_number(w, i, out->number);
    life_uid(w, i, out->uid);
    out->procedure = &w->catalog->procedures[d->procedure];
    out->agency = life_agency_of(w, i);
    life_state_of(w, i, &out->state);
    out->status = product_national(out->state.step);
    out->refused_s = out->status == 3 || out->status == 8 ? d->at_s[out->state.last] : 0;
    out->changed_s = d->changed_s;
    people_make(life_key(w, i), &out->who);
    out->online = d->first == 0;
    out->by_post = people_mix(life_key(w, i), 81) % 5 == 0;
    out->national = w->hot[i].system == 5;
    province_texts(w, i, &out->texts);
    out->n_steps = 0;
    for (uint8_t at = d->first; at < d->done; at++) {
        take_step(w, out, at);
    }
}

const char *product_old_order(const char *code, char out[32])
{
    const char *first = strchr(code, '.');
    const char *second = first != NULL ? strchr(first + 1, '.') : NULL;

    if (first == NULL) {
        snprintf(out, 32, "000.00.00.%.8s", code);
    } else if (second == NULL) {
        snprintf(out, 32, "000.00.%.8s.%.3s", first + 1, code);
    } else {
        snprintf(out, 32, "000.%.8s.%.*s.%.3s", second + 1, (int)(second - first - 1), first + 1,
                 code);
    }
    return out;
}

/* Y M D h m s stand for the digits of a date, everything else for itself. */
static const char PLACES[] = "YMDhms";
static const struct {
    const char *form;
    bool utc;
} FORMS[] = {
    [TIME_COMPACT] = {"YYYYMMDDhhmmss", false},
    [TIME_DASHES] = {"YYYY-MM-DD hh:mm:ss", false},
    [TIME_SLASHES] = {"DD/MM/YYYY hh:mm:ss", false},
    [TIME_SLASH_DAY] = {"DD/MM/YYYY", false},
    [TIME_ISO_MS] = {"YYYY-MM-DDThh:mm:ss.000+0000", true},
    [TIME_ISO_LOCAL] = {"YYYY-MM-DDThh:mm:ss+07:00", false},
    [TIME_ISO_Z] = {"YYYY-MM-DDThh:mm:ss.250Z", true},
};

const char *product_time(int64_t at_s, enum product_time form, char out[PRODUCT_TIME_SIZE])
{
    time_t shown = (time_t)(at_s + (FORMS[form].utc ? 0 : LIFE_LOCAL_S));
    const char *pattern = FORMS[form].form;
    size_t len = strlen(pattern);
    struct tm tm;
    int left[6];

    out[0] = '\0';
    if (at_s == 0 || gmtime_r(&shown, &tm) == NULL) {
        return out;
    }
    memcpy(left,
           (int[]){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec},
           sizeof(left));
    out[len] = '\0';
    for (size_t k = len; k-- > 0;) { /* the last digit of each comes first */
        const char *place = strchr(PLACES, pattern[k]);

        out[k] = pattern[k];
        if (place != NULL) {
            out[k] = (char)('0' + left[place - PLACES] % 10);
            left[place - PLACES] /= 10;
        }
    }
    return out;
}

int64_t product_time_read(const char *text, enum product_time form)
{
    const char *pattern = FORMS[form].form;
    int read[6] = {0};
    struct tm tm = {0};

    if (strlen(text) != strlen(pattern)) {
        return -1;
    }
    for (size_t k = 0; pattern[k] != '\0'; k++) {
        const char *place = strchr(PLACES, pattern[k]);

        if (place != NULL && isdigit((unsigned char)text[k])) {
            read[place - PLACES] = read[place - PLACES] * 10 + text[k] - '0';
        } else if (place != NULL || text[k] != pattern[k]) {
            return -1;
        }
    }
    tm.tm_year = read[0] - 1900;
    tm.tm_mon = read[1] - 1;
    tm.tm_mday = read[2];
    tm.tm_hour = read[3];
    tm.tm_min = read[4];
    tm.tm_sec = read[5];
    return (int64_t)timegm(&tm) - (FORMS[form].utc ? 0 : LIFE_LOCAL_S);
}
