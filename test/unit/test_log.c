#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct memory {
    enum log_level level;
    char event[64];
    char message[2000];
    struct log_field fields[LOG_MAX_FIELDS];
    size_t n, lines;
};

static void remember(void *ctx, enum log_level level, const char *event, const char *message,
                     const struct log_field *fields, size_t n)
{
    struct memory *m = ctx;

    m->level = level;
    (void)snprintf(m->event, sizeof(m->event), "%s", event);
    (void)snprintf(m->message, sizeof(m->message), "%s", message);
    for (size_t i = 0; i < n; i++) {
        m->fields[i] = fields[i];
    }
    m->n = n;
    m->lines++;
}

static void a_line_carries_event_message_and_known_fields(void **state)
{
    struct memory m = {0};
    struct log log = {LOG_LEVEL_INFO, &m, remember};
    const struct log_field fields[] = {
        {"DVC_FLOW", "province"}, {"DVC_ITEM", NULL}, {"DVC_CODE", "7"}};

    (void)state;
    log_line(&log, LOG_LEVEL_WARN, "item_held", fields, 3, "held after %d", 5);
    assert_int_equal(m.level, LOG_LEVEL_WARN);
    assert_string_equal(m.event, "item_held");
    assert_string_equal(m.message, "held after 5");
    assert_int_equal(m.n, 2);
    assert_string_equal(m.fields[0].value, "province");
    assert_string_equal(m.fields[1].name, "DVC_CODE");
}

static void lines_above_the_level_are_not_written(void **state)
{
    struct memory m = {0};
    struct log log = {LOG_LEVEL_NOTICE, &m, remember};

    (void)state;
    log_plain(&log, LOG_LEVEL_INFO, "e", "no");
    log_line(&log, LOG_LEVEL_DEBUG, "e", NULL, 0, "no");
    assert_int_equal(m.lines, 0);
    log_plain(&log, LOG_LEVEL_NOTICE, "e", "yes");
    log_plain(&log, LOG_LEVEL_ERROR, "e", "yes");
    assert_int_equal(m.lines, 2);
}

static void without_a_log_or_a_writer_nothing_happens(void **state)
{
    struct log log = {LOG_LEVEL_DEBUG, NULL, NULL};

    (void)state;
    log_plain(NULL, LOG_LEVEL_ERROR, "e", "x");
    log_line(NULL, LOG_LEVEL_ERROR, "e", NULL, 0, "x");
    log_plain(&log, LOG_LEVEL_ERROR, "e", "x");
}

static void too_many_fields_and_too_long_messages_are_cut(void **state)
{
    struct memory m = {0};
    struct log log = {LOG_LEVEL_INFO, &m, remember};
    struct log_field fields[2 * LOG_MAX_FIELDS];

    (void)state;
    for (size_t i = 0; i < 2 * LOG_MAX_FIELDS; i++) {
        fields[i] = (struct log_field){"A", "b"};
    }
    log_line(&log, LOG_LEVEL_INFO, "e", fields, 2 * LOG_MAX_FIELDS, "%3000d", 1);
    assert_int_equal(m.n, LOG_MAX_FIELDS);
    assert_int_equal(strlen(m.message), 1023);
}

static void repeated_trouble_passes_once_a_period_with_its_count(void **state)
{
    struct log_limit limit = {0};
    uint64_t suppressed = 99;
    unsigned passed = 0;
    uint64_t left_out = 0;

    (void)state;
    for (uint64_t now_ms = 0; now_ms < 10000; now_ms += 10) {
        if (log_limit_pass(&limit, now_ms, 1000, &suppressed)) {
            assert_int_equal(now_ms % 1000, 0);
            assert_int_equal(suppressed, now_ms == 0 ? 0 : 99);
            passed++;
            left_out += suppressed;
        }
    }
    assert_int_equal(passed, 10);
    assert_int_equal(left_out + limit.suppressed + passed, 1000);
    assert_true(log_limit_pass(&limit, UINT64_MAX - 1, 1000, NULL));
    assert_false(log_limit_pass(&limit, UINT64_MAX - 1, 1000, NULL));
}

static void levels_have_names_that_read_back(void **state)
{
    enum log_level level = LOG_LEVEL_DEBUG;

    (void)state;
    for (unsigned i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
        assert_int_equal(log_level_parse(log_level_name((enum log_level)i), &level), 0);
        assert_int_equal(level, i);
    }
    assert_true(log_level_parse("loud", &level) != 0);
    assert_true(log_level_parse("", &level) != 0);
    assert_string_equal(log_level_name((enum log_level)17), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_carries_event_message_and_known_fields),
        cmocka_unit_test(lines_above_the_level_are_not_written),
        cmocka_unit_test(without_a_log_or_a_writer_nothing_happens),
        cmocka_unit_test(too_many_fields_and_too_long_messages_are_cut),
        cmocka_unit_test(repeated_trouble_passes_once_a_period_with_its_count),
        cmocka_unit_test(levels_have_names_that_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
