#include "sandbox/province_knobs.h"

#define PERCENT(knob, text)                                                                        \
    {                                                                                              \
        .name = knob, .type = KNOB_INT, .max = 100, .help = text                                   \
    }

const struct knob_row PROVINCE_KNOBS[PROVINCE_KNOB_COUNT] = {
    [PV_USERNAME] = {.name = "username",
                     .type = KNOB_TEXT,
                     .help = "HTTP Basic user; empty: any or none"},
    [PV_PASSWORD] = {.name = "password",
                     .type = KNOB_TEXT,
                     .help = "its password; a wrong one is answered 401"},
    [PV_GROUP_ID] = {.name = "group_id",
                     .type = KNOB_INT,
                     .max = 1000000000,
                     .def = 20126,
                     .help = "the site; a call with another groupId header sees no rows"},
    [PV_LATENCY_MS] = {.name = "latency_ms",
                       .type = KNOB_INT,
                       .max = 600000,
                       .help = "every answer waits this long"},
    [PV_LATENCY_JITTER_MS] = {.name = "latency_jitter_ms",
                              .type = KNOB_INT,
                              .max = 600000,
                              .help = "and by chance up to this much longer"},
    [PV_FAIL_500_PERCENT] = PERCENT("fail_500_percent", "calls answered 500 with an HTML page"),
    [PV_FAIL_503_PERCENT] = PERCENT("fail_503_percent", "calls answered 503, Retry-After 1"),
    [PV_DROP_PERCENT] = PERCENT("drop_percent", "connections closed without an answer"),
    [PV_CUT_PERCENT] = PERCENT("cut_percent", "connections closed in the middle of the body"),
    [PV_XML_BROKEN_PERCENT] = PERCENT(
        "xml_broken_percent", "documents (XML or JSON) that end in the middle, whole as HTTP"),
    [PV_DETAIL_FAIL_PERCENT] = PERCENT("detail_fail_percent", "details and actions answered 500"),
    [PV_WRITE_FAIL_PERCENT] =
        PERCENT("write_fail_percent", "catalogue writes done and then answered 500"),
    [PV_SHIFTING_TOTAL_PERCENT] =
        PERCENT("shifting_total_percent", "lists that show another total than the page before"),
    [PV_EMPTY_LISTS] = {.name = "empty_lists",
                        .type = KNOB_BOOL,
                        .help = "lists answer 200 with total 0, as with a lost groupId"},
    [PV_PLANTED] = {.name = "planted",
                    .type = KNOB_INT,
                    .max = 1000,
                    .def = 3,
                    .help = "dossiers of each planted kind; read at start"},
    [PV_NATIONAL_PERCENT] = {.name = "national_percent",
                             .type = KNOB_INT,
                             .max = 100,
                             .def = 2,
                             .help =
                                 "dossiers with systemId 5, hidden from lists that don't ask for "
                                 "it; read at start"},
};
