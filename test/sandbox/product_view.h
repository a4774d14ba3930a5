/* product_view: one dossier of the life as the products' faces need it: everything worked out, in
 * no product's words. The caller holds the province's lock. */
#ifndef PRODUCT_VIEW_H
#define PRODUCT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/life.h"
#include "sandbox/people.h"
#include "sandbox/province_dossier.h"

struct product_step {
    int64_t id;
    int64_t at_s;
    int64_t due_s; /* 0 none */
    enum life_step_id to;
    int status; /* national, or PRODUCT_STATUS_UNKNOWN */
    const struct life_action *action;
    char text[512]; /* "name - note", or the name alone */
    char actor[PEOPLE_NAME_SIZE];
};

struct product_view {
    size_t i;
    int64_t id; /* as OpenCPS numbers it */
    char number[LIFE_NUMBER_SIZE];
    char uid[37];
    const struct life_procedure *procedure;
    const struct life_agency *agency;
    struct life_state state;
    int status; /* national, or PRODUCT_STATUS_UNKNOWN */
    int64_t refused_s;
    int64_t changed_s;
    struct person who;
    bool online;
    bool by_post;  /* the result */
    bool national; /* handed in at the portal */
    struct province_texts texts;
    struct product_step steps[LIFE_ACTIONS_MAX]; /* done and not taken back */
    size_t n_steps;
};

void product_view(const struct life *w, size_t i, struct product_view *out);

/* An agency's code in the order of before 2021: 000.25.31.H56 for H56.31.25. Returns out. */
const char *product_old_order(const char *code, char out[32]);

/* Forms of times. Everything local is Asia/Ho_Chi_Minh; "" for 0. */
enum product_time {
    TIME_COMPACT,   /* yyyyMMddHHmmss, local */
    TIME_DASHES,    /* yyyy-MM-dd HH:mm:ss, local */
    TIME_SLASHES,   /* dd/MM/yyyy HH:mm:ss, local */
    TIME_SLASH_DAY, /* dd/MM/yyyy, local */
    TIME_ISO_MS,    /* 2022-09-20T17:00:00.000+0000, UTC */
    TIME_ISO_LOCAL, /* 2022-09-21T00:00:00+07:00 */
    TIME_ISO_Z,     /* 2022-09-20T17:00:00.250Z, with a part of a second */
};
#define PRODUCT_TIME_SIZE 32
const char *product_time(int64_t at_s, enum product_time form, char out[PRODUCT_TIME_SIZE]);
/* The other way; -1 for what has not this form. */
int64_t product_time_read(const char *text, enum product_time form);

#endif
