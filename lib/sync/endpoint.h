/* endpoint: whether a system may be called now. Breaker, window, pace and pauses; pure, times come
 * in.
 *
 * One per adapter, shared by all flows that use it. Times are monotonic milliseconds. */
#ifndef SYNC_ENDPOINT_H
#define SYNC_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "adapter/adapter.h"
#include "sync/engine.h"

enum endpoint_lane { LANE_DOSSIER, LANE_CATALOG, LANE_LOOK, ENDPOINT_LANES };

struct endpoint {
    char name[ENGINE_NAME];
    uint32_t max_in_flight;
    double window; /* 1..max_in_flight: additive up, halved on trouble */
    uint32_t in_flight;
    uint64_t interval_us[ENDPOINT_LANES]; /* between calls; 0 no limit */
    uint64_t free_at_us[ENDPOINT_LANES];  /* when the next call of the lane would be in step */
    uint64_t not_before_ms;               /* Retry-After, cool-down */
    enum breaker_state breaker;
    uint64_t open_until_ms;
    uint32_t failures_in_row; /* transport */
    uint32_t opened;          /* times in a row: the wait grows */
    uint32_t cooled;          /* cool-downs in a row */
    uint32_t auth_in_row;
    bool probing;
    bool denied; /* the last call that read was refused for its account */
    bool paused;
    char pause_reason[200];
    uint64_t first_ms, cap_ms; /* of the breaker's wait */
    uint64_t calls, failures;
    uint64_t last_success_ms, last_failure_ms, paused_since_ms; /* wall */
    char last_failure[200];
};

void endpoint_init(struct endpoint *e, const char *name);
/* Limits from a configuration; keeps what was learned. Rates are calls a minute, 0 none. */
void endpoint_configure(struct endpoint *e, uint32_t max_in_flight,
                        const uint32_t per_minute[ENDPOINT_LANES], uint64_t first_ms,
                        uint64_t cap_ms);

/* 0: a call may start now. UINT64_MAX: not until something ends or a person resumes. Else
 * milliseconds to wait, at least 1. */
uint64_t endpoint_wait_ms(const struct endpoint *e, enum endpoint_lane lane, uint64_t now_ms);
/* How many calls fit now, the pace apart. 0 while paused, open or told to wait. */
uint32_t endpoint_room(const struct endpoint *e, uint64_t now_ms);
void endpoint_begin(struct endpoint *e, enum endpoint_lane lane, uint64_t now_ms);

/* What an ended call teaches. Returns true when the breaker's state changed. */
bool endpoint_end(struct endpoint *e, const struct outcome *outcome, uint64_t now_ms,
                  int64_t wall_ms, uint64_t random);

/* The call that just ended was a reading one, and the account was not let in. */
void endpoint_deny(struct endpoint *e, const char *words, int64_t wall_ms);

void endpoint_pause(struct endpoint *e, const char *reason, int64_t wall_ms);
void endpoint_resume(struct endpoint *e);
/* A login was refused: wait, longer each time in a row. */
void endpoint_cool_down(struct endpoint *e, uint64_t now_ms, uint64_t random);

#endif
