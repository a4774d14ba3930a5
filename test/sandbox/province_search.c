#include "sandbox/province_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const struct {
    const char *from;
    const char *to;
} DATES[LIFE_DATE_COUNT] = {
    [LIFE_SUBMIT] = {"fromSubmitDate", "toSubmitDate"},
    [LIFE_RECEIVE] = {"fromReceiveDate", "toReceiveDate"},
    [LIFE_RELEASE] = {"fromReleaseDate", "toReleaseDate"},
    [LIFE_FINISH] = {"fromFinishDate", "toFinishDate"},
};

static const char *argument(struct serve_req *req, const char *name)
{
    const char *value = serve_query(req, name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int parse_number(struct serve_req *req, const char *name, size_t *out)
{
    const char *value = argument(req, name);
    char *end;

    if (value == NULL) {
        return 0;
    }
    *out = (size_t)strtoull(value, &end, 10);
    return value[0] >= '0' && value[0] <= '9' && *end == '\0' ? 0 : -1;
}

static int parse_day(struct serve_req *req, const char *name, uint16_t *out)
{
    const char *value = argument(req, name);
    struct tm tm = {0};
    char *end;

    *out = 0;
    if (value == NULL) {
        return 0;
    }
    end = strptime(value, "%d/%m/%Y", &tm);
    if (end == NULL || *end != '\0') {
        return -1;
    }
    *out = (uint16_t)(timegm(&tm) / 86400);
    return 0;
}

/* Whether word is one of a comma-separated list. */
static bool listed(const char *list, const char *word)
{
    size_t n = strlen(word);

    while (*list != '\0') {
        size_t len = strcspn(list, ",");

        if (len == n && strncasecmp(list, word, n) == 0) {
            return true;
        }
        list += len + (list[len] == ',');
    }
    return false;
}

int search_parse(struct search *s, struct serve_req *req)
{
    const char *status = argument(req, "status");
    const char *substatus = argument(req, "substatus");
    size_t system = 0;

    *s = (struct search){.agency = argument(req, "agency"),
                         .dossier_no = argument(req, "dossierNo")};
    for (size_t k = 0; k < LIFE_STEP_COUNT; k++) {
        if ((status == NULL || listed(status, LIFE_STEPS[k].status)) &&
            (substatus == NULL || listed(substatus, LIFE_STEPS[k].substatus))) {
            s->steps |= UINT32_C(1) << k;
        }
    }
    for (size_t k = 0; k < LIFE_DATE_COUNT; k++) {
        if (parse_day(req, DATES[k].from, &s->from[k]) != 0 ||
            parse_day(req, DATES[k].to, &s->to[k]) != 0) {
            return -1;
        }
    }
    if (parse_number(req, "start", &s->start) != 0 || parse_number(req, "end", &s->end) != 0 ||
        parse_number(req, "systemId", &system) != 0) {
        return -1;
    }
    if (s->end == 0) {
        s->start = 0;
        s->end = SIZE_MAX;
    }
    s->system = (uint8_t)(system > UINT8_MAX ? UINT8_MAX : system);
    return 0;
}

static bool dates_fit(const struct search *s, const struct life_hot *h)
{
    for (size_t k = 0; k < LIFE_DATE_COUNT; k++) {
        if ((s->from[k] != 0 && h->day[k] < s->from[k]) ||
            (s->to[k] != 0 && (h->day[k] == 0 || h->day[k] > s->to[k]))) {
            return false;
        }
    }
    return true;
}

static bool texts_fit(const struct search *s, const struct life *w, size_t i)
{
    char number[LIFE_NUMBER_SIZE];

    if (s->agency != NULL && strcmp(life_agency_of(w, i)->code, s->agency) != 0) {
        return false;
    }
    if (s->dossier_no == NULL) {
        return true;
    }
    life_number(w, i, number);
    return strcmp(number, s->dossier_no) == 0;
}

int search_run(const struct search *s, const struct life *w, size_t *total, uint32_t **rows,
               size_t *n)
{
    uint32_t number = s->dossier_no != NULL ? life_number_hash(s->dossier_no) : 0;
    size_t room = s->end - s->start < w->n ? s->end - s->start : w->n;

    *total = 0;
    *n = 0;
    if (s->end <= s->start) {
        room = 0;
    }
    *rows = malloc((room + 1) * sizeof(**rows));
    if (*rows == NULL) {
        return -1;
    }
    for (size_t i = 0; i < w->n; i++) {
        const struct life_hot *h = &w->hot[i];

        if ((s->steps >> h->step & 1) == 0 || h->system != s->system ||
            (number != 0 && h->number != number) || !dates_fit(s, h) || !texts_fit(s, w, i)) {
            continue;
        }
        if (*total >= s->start && *n < room) {
            (*rows)[(*n)++] = (uint32_t)i;
        }
        ++*total;
    }
    return 0;
}
