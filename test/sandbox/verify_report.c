#include "sandbox/verify_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

void report_mismatch(struct report *r, const char *code, const char *format, ...)
{
    va_list args;

    r->mismatches++;
    if (r->n_shown < REPORT_SHOWN_MAX &&
        (strncmp(format, "procedure", 9) != 0 || r->n_shown < REPORT_PROCEDURES_MAX)) {
        snprintf(r->shown[r->n_shown].code, sizeof(r->shown[0].code), "%s", code);
        va_start(args, format);
        vsnprintf(r->shown[r->n_shown].what, sizeof(r->shown[0].what), format, args);
        va_end(args);
        r->n_shown++;
    }
}

bool report_agrees(const struct report *r)
{
    return r->mismatches == 0 && r->lost == 0 && r->duplicated == 0;
}

/* In hundredths of a percent, rounded down: 10000 only when all of them agree. */
static unsigned consistent(const struct report *r)
{
    uint64_t planted = r->journal ? r->planted : 0;
    uint64_t held = r->journal ? r->planted_held : 0;
    uint64_t all = r->dossiers[1] + planted;

    return all == 0 ? 10000 : (unsigned)((r->dossiers[0] + held) * 10000 / all);
}

static void print_json(const struct report *r)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"procedures_agreed", r->procedures[0]},
        {"procedures", r->procedures[1]},
        {"procedures_local_only", r->elsewhere},
        {"dossiers_agreed", r->dossiers[0]},
        {"dossiers", r->dossiers[1]},
        {"steps_agreed", r->steps[0]},
        {"steps", r->steps[1]},
        {"lost", r->lost},
        {"duplicated", r->duplicated},
        {"held", r->held},
        {"planted_to_be_held", r->planted},
        {"calls", r->calls},
        {"repeats", r->repeats},
        {"snapshots", r->snapshot_lines},
        {"steps_accepted", r->step_lines},
        {"order_violations", r->order_violations},
        {"steps_repeated", r->stored_twice},
        {"steps_in_doubt", r->steps_in_doubt},
        {"mismatches", r->mismatches},
    };
    cJSON *json = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(json, "first_mismatches");
    char *text;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        cJSON_AddNumberToObject(json, numbers[i].name, (double)numbers[i].value);
    }
    cJSON_AddNumberToObject(json, "consistent_percent", consistent(r) / 100.0);
    cJSON_AddBoolToObject(json, "agrees", report_agrees(r));
    for (size_t i = 0; i < r->n_shown; i++) {
        cJSON *one = cJSON_CreateObject();

        cJSON_AddStringToObject(one, "code", r->shown[i].code);
        cJSON_AddStringToObject(one, "what", r->shown[i].what);
        cJSON_AddItemToArray(list, one);
    }
    text = cJSON_PrintUnformatted(json);
    printf("%s\n", text != NULL ? text : "{}");
    free(text);
    cJSON_Delete(json);
}

void report_print(const struct report *r, bool json)
{
    unsigned hundredths = consistent(r);

    if (json) {
        print_json(r);
    } else {
        for (size_t i = 0; i < r->n_shown; i++) {
            printf("mismatch %s: %s\n", r->shown[i].code, r->shown[i].what);
        }
        if (r->mismatches > r->n_shown) {
            printf("and %llu more\n", (unsigned long long)(r->mismatches - r->n_shown));
        }
        printf("calls %llu repeats %llu snapshots %llu steps %llu order_violations %llu\n",
               (unsigned long long)r->calls, (unsigned long long)r->repeats,
               (unsigned long long)r->snapshot_lines, (unsigned long long)r->step_lines,
               (unsigned long long)r->order_violations);
        if (r->stored_twice > 0) {
            printf("steps_repeated %llu in_doubt %llu\n", (unsigned long long)r->stored_twice,
                   (unsigned long long)r->steps_in_doubt);
        }
    }
    printf("%s: procedures %llu/%llu dossiers %llu/%llu steps %llu/%llu lost %llu duplicated %llu "
           "held %llu consistent %u.%02u%%\n",
           r->title, (unsigned long long)r->procedures[0], (unsigned long long)r->procedures[1],
           (unsigned long long)r->dossiers[0], (unsigned long long)r->dossiers[1],
           (unsigned long long)r->steps[0], (unsigned long long)r->steps[1],
           (unsigned long long)r->lost, (unsigned long long)r->duplicated,
           (unsigned long long)r->held, hundredths / 100, hundredths % 100);
}
