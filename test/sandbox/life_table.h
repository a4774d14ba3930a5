/* life_table: the site's step configuration, its actions and the lives that a dossier may have.
 *
 * Const tables, used by life.c and by the province's pages. The lives follow the moves between
 * national statuses of national-portal.md 6.3; statuses are OpenCPS's words (provincial-systems.md
 * 4.2). */
#ifndef LIFE_TABLE_H
#define LIFE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIFE_ACTIONS_MAX 12 /* actions in a life, rolled-back ones counted */

/* A step of the site's process; the position in LIFE_STEPS is a dossier's state. */
struct life_step {
    const char *code;
    const char *name; /* also the dossier's status text */
    const char *status;
    const char *substatus; /* "" for none */
    bool final;            /* nothing moves it any more */
};

enum life_step_id {
    STEP_NEW,
    STEP_AGAIN,
    STEP_RECEIVED,
    STEP_ASSIGNED,
    STEP_APPRAISED,
    STEP_SIGNING,
    STEP_ELSEWHERE,
    STEP_HANDOVER,
    STEP_SUPPLEMENT,
    STEP_WAIT_PAYMENT,
    STEP_PAYING,
    STEP_RESULT,
    STEP_POSTING,
    STEP_DONE,
    STEP_CANCELLING,
    STEP_CANCELLED,
    STEP_UNRESOLVED,
    STEP_DENIED,
    STEP_REFUSED,
    STEP_MERGING,
    LIFE_STEP_COUNT
};

extern const struct life_step LIFE_STEPS[LIFE_STEP_COUNT];

/* An action: what an officer or the applicant did, and the step it leads to. */
struct life_action {
    const char *code;
    const char *name;
    const char *note; /* "" for none */
    enum life_step_id to;
    bool by_applicant;
    bool rolled_back;  /* done and taken back at once: stays in the list, moves nothing */
    uint32_t pace_min; /* how long it usually takes to come to it, minutes */
};

enum life_action_id {
    ACT_SUBMIT,
    ACT_RECEIVE,
    ACT_ASSIGN,
    ACT_APPRAISE,
    ACT_SIGN,
    ACT_RESULT,
    ACT_RESULT_UNDONE,
    ACT_POST,
    ACT_RETURN,
    ACT_ASK_SUPPLEMENT,
    ACT_SUPPLEMENTED,
    ACT_ASK_AGAIN,
    ACT_SUBMIT_AGAIN,
    ACT_ASK_FEE,
    ACT_PAID,
    ACT_ASK_PAYMENT,
    ACT_ELSEWHERE,
    ACT_HANDOVER,
    ACT_WITHDRAW,
    ACT_WITHDRAWN,
    ACT_UNRESOLVED,
    ACT_DENY,
    ACT_REFUSE,
    ACT_MERGE,
    LIFE_ACTION_COUNT
};

extern const struct life_action LIFE_ACTIONS[LIFE_ACTION_COUNT];

/* A life: the actions in order. In person begins at the second one (nobody submits online). */
struct life_plan {
    unsigned percent; /* of all dossiers; they sum up to 100, planted lives have 0 */
    uint8_t n;
    uint8_t actions[LIFE_ACTIONS_MAX];
};

#define LIFE_PLAN_USUAL 0 /* the whole usual way to the result */
#define LIFE_PLAN_SUPPLEMENT 1
#define LIFE_PLAN_MERGE 12 /* planted: ends in a status that no map knows */
#define LIFE_PLAN_TWICE 13 /* planted: the plan above with a second round from LIFE_TWICE_AT on */
#define LIFE_PLAN_COUNT 14
#define LIFE_TWICE_AT 5

extern const struct life_plan LIFE_PLANS[LIFE_PLAN_COUNT];

#endif
