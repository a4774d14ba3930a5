/* province_knobs: the settings of the province, in the order of its table. */
#ifndef PROVINCE_KNOBS_H
#define PROVINCE_KNOBS_H

#include <stddef.h>

#include "sandbox/knobs.h"

enum province_knob {
    PV_USERNAME,
    PV_PASSWORD,
    PV_GROUP_ID,
    PV_LATENCY_MS,
    PV_LATENCY_JITTER_MS,
    PV_FAIL_500_PERCENT,
    PV_FAIL_503_PERCENT,
    PV_DROP_PERCENT,
    PV_CUT_PERCENT,
    PV_XML_BROKEN_PERCENT,
    PV_DETAIL_FAIL_PERCENT,
    PV_WRITE_FAIL_PERCENT,
    PV_SHIFTING_TOTAL_PERCENT,
    PV_EMPTY_LISTS,
    PV_PLANTED,
    PV_NATIONAL_PERCENT,
    PV_TOKEN_LIFE_S, /* from here on: of the products */
    PV_ACK_LOST_PERCENT,
    PV_DUPLICATE_ROWS_PERCENT,
    PV_BURST_EVERY,
    PV_BURST_CALLS,
    PV_LIMIT_EVERY,
    PV_LIMIT_RETRY_AFTER_S,
    PV_PUSH_URL,
    PV_PUSH_THREADS,
    PV_PUSH_TIMEOUT_MS,
    PV_PUSH_WRONG_GUESS_PERCENT,
    PV_PUBLISH_URL, /* from here on: OpenCPS's publish queue and its intake */
    PV_PUBLISH_USER,
    PV_PUBLISH_PASSWORD,
    PV_PUBLISH_EVERY_MS,
    PV_INTAKE_OWN_NUMBER,
    PROVINCE_KNOB_COUNT
};

extern const struct knob_row PROVINCE_KNOBS[PROVINCE_KNOB_COUNT];

#endif
