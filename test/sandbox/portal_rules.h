/* portal_rules: what the portal accepts in a dossier and in a step.
 *
 * Pure checks on one parsed item; any thread. Source: protocol/national-portal.md 5.2, 5.3, 6, 7.1
 * and section 14 no. 8; which rules apply is set by knobs. */
#ifndef PORTAL_RULES_H
#define PORTAL_RULES_H

#include "sandbox/knobs.h"
#include "sandbox/portal_catalog.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#define RULES_MESSAGE_MAX 160

/* Why an item is refused; for the statistics. */
enum refusal {
    REFUSED_NOT,
    REFUSED_SESSION,
    REFUSED_FORMAT,   /* no JSON, no data, unknown service */
    REFUSED_FIELD,    /* a required field, a length, a date, a value */
    REFUSED_UNMAPPED, /* MaTTHC */
    REFUSED_DUPLICATE,
    REFUSED_UNKNOWN_DOSSIER,
    REFUSED_TRANSITION,
    REFUSED_LOGIN,
    REFUSED_FULL,
    REFUSAL_COUNT
};

extern const char *const refusal_names[REFUSAL_COUNT];

/* What the checks found out about an item. */
struct rule_result {
    enum refusal refusal;
    char message[RULES_MESSAGE_MAX]; /* Vietnamese, for the reply */
    const char *code;                /* MaHoSo; borrowed from the item, NULL when it is no text */
    unsigned state;                  /* 1..10 */
    uint64_t time; /* a step's moment; the newest date that a snapshot proves; yyyyMMddHHmmss */
};

void rules_check_dossier(const cJSON *item, const struct knobs *k, const struct catalog *c,
                         struct rule_result *out);
void rules_check_step(const cJSON *item, const struct knobs *k, struct rule_result *out);

/* An answer on a dossier that began here: the data object of DongBoTrangThaiHoSo; section 5.4.
 * state is what is shown then: 2, 5, or 3 for 11. */
void rules_check_answer(const cJSON *data, struct rule_result *out);

/* State and newest date without any check: for what was accepted before. */
void rules_read_dossier(const cJSON *item, struct rule_result *out);
void rules_read_step(const cJSON *item, struct rule_result *out);

/* Whether section 6.3 allows the move; from 0 is "none yet". */
bool rules_transition_allowed(unsigned from, unsigned to);

/* Whether the text is a MaHoSo. */
bool rules_is_dossier_code(const char *text);

/* yyyyMMddHHmmss as a number, 0 when the text is no such moment. */
uint64_t rules_moment(const char *text);

/* Whether the bytes are UTF-8 without NUL. */
bool rules_is_utf8(const char *text, size_t len);

#endif
