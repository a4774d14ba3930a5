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
    PROVINCE_KNOB_COUNT
};

extern const struct knob_row PROVINCE_KNOBS[PROVINCE_KNOB_COUNT];

#endif
