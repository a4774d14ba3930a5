#include "daemon/logging.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void the_stream_of_the_journal_is_known_by_device_and_inode(void **state)
{
    (void)state;
    assert_true(logging_is_journal("8:131", 8, 131));
    assert_false(logging_is_journal("8:132", 8, 131));
    assert_false(logging_is_journal("9:131", 8, 131));
    assert_false(logging_is_journal("8:131x", 8, 131));
    assert_false(logging_is_journal("8", 8, 131));
    assert_false(logging_is_journal("", 8, 131));
    assert_false(logging_is_journal(NULL, 8, 131));
}

static void a_plain_line_begins_with_its_priority_and_carries_the_fields(void **state)
{
    const struct log_field fields[] = {{"DVC_FLOW", "dossiers"}, {"DVC_WHO", "uid 0 (root)"}};
    char line[200];
    size_t n =
        logging_format(line, sizeof(line), LOG_LEVEL_WARN, "poll_failed", "no answer", fields, 2);

    (void)state;
    assert_string_equal(
        line, "<4>no answer event=poll_failed DVC_FLOW=dossiers DVC_WHO=\"uid 0 (root)\"\n");
    assert_int_equal(n, strlen(line));
}

static void each_level_has_its_priority(void **state)
{
    static const char expected[] = "34567";
    char line[64];

    (void)state;
    for (unsigned level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        (void)logging_format(line, sizeof(line), (enum log_level)level, "x", "y", NULL, 0);
        assert_int_equal(line[1], expected[level]);
    }
}

static void a_line_stays_one_line(void **state)
{
    const struct log_field fields[] = {{"A", "one\ntwo"}, {"B", "say \"x\""}, {"C", ""}};
    char line[200];
    size_t n = logging_format(line, sizeof(line), LOG_LEVEL_INFO, "e", "a\nb\x1b[31m", fields, 3);

    (void)state;
    assert_ptr_equal(strchr(line, '\n'), line + n - 1);
    assert_null(strchr(line, '\x1b'));
    assert_non_null(strstr(line, " B=\"say 'x'\" C=\"\"\n"));
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
    char message[400];
    char line[100];
    size_t n;

    (void)state;
    memset(message, 'm', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    n = logging_format(line, sizeof(line), LOG_LEVEL_INFO, "e", message, NULL, 0);
    assert_int_equal(n, sizeof(line) - 1);
    assert_int_equal(line[n - 1], '\n');
    assert_int_equal(line[n], '\0');
}

static void classes_of_events_have_an_id_for_good(void **state)
{
    (void)state;
    assert_string_equal(logging_message_id("accept_paused"), "c6817f9885b943e4aaacd73575d5ee74");
    assert_string_equal(logging_message_id("item_held"), "e3168f8513e24e9dbc35654e495885e7");
    assert_int_equal(strlen(logging_message_id("watchdog")), 32);
    assert_null(logging_message_id("no_such_event"));
}

static void lines_go_to_the_descriptor_when_there_is_no_journal(void **state)
{
    struct logging l;
    char read_back[128];
    int pair[2];
    ssize_t n;

    (void)state;
    assert_int_equal(pipe(pair), 0);
    logging_init(&l, LOG_LEVEL_NOTICE);
    l.journald = false;
    l.fd = pair[1];
    log_plain(&l.log, LOG_LEVEL_INFO, "quiet", "left out");
    log_plain(&l.log, LOG_LEVEL_NOTICE, "started", "runs with %d flows", 2);
    n = read(pair[0], read_back, sizeof(read_back) - 1);
    assert_true(n > 0);
    read_back[n] = '\0';
    assert_string_equal(read_back, "<5>runs with 2 flows event=started\n");
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stream_of_the_journal_is_known_by_device_and_inode),
        cmocka_unit_test(a_plain_line_begins_with_its_priority_and_carries_the_fields),
        cmocka_unit_test(each_level_has_its_priority),
        cmocka_unit_test(a_line_stays_one_line),
        cmocka_unit_test(a_long_line_is_cut_and_still_ends),
        cmocka_unit_test(classes_of_events_have_an_id_for_good),
        cmocka_unit_test(lines_go_to_the_descriptor_when_there_is_no_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
