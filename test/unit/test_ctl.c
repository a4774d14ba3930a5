#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/ctl_http.h"
#include "daemon/ctl_text.h"
#include "daemon/ctl_view.h"

#define TEXT_BYTES ((size_t)64 * 1024)
/* 2026-11-20 08:10:00 in Viet Nam */
#define NOW_S INT64_C(1795137000)

static struct json *parse(const char *text)
{
    struct errmsg msg = {""};
    struct json *root = NULL;

    if (json_parse(text, strlen(text), &root, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    return root;
}

static void shows(void (*view)(const struct json *, int64_t, bool, struct buf *), const char *json,
                  const char *expected)
{
    struct json *root = parse(json);
    struct buf out;

    buf_init(&out, TEXT_BYTES);
    view(root, NOW_S, false, &out);
    assert_int_equal(buf_error(&out), 0);
    assert_string_equal(buf_text(&out), expected);
    buf_free(&out);
    json_free(root);
}

/* ---- small forms ---- */

static void ages_have_two_units_at_most(void **state)
{
    static const struct {
        uint64_t age_s;
        const char *text;
    } rows[] = {{0, "0s"},        {59, "59s"},         {60, "1m"},        {3599, "59m"},
                {3600, "1h0m"},   {7800, "2h10m"},     {86399, "23h59m"}, {86400, "1d0h"},
                {273600, "3d4h"}, {UINT64_MAX, "ages"}};
    char text[CTL_AGE_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ctl_age(rows[i].age_s, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void ages_are_read_with_their_unit(void **state)
{
    static const char *const bad[] = {"", "s", "1w", "-1s", "1 h", "1.5h", "99999999999999999999"};
    uint64_t age_s = 7;

    (void)state;
    assert_int_equal(ctl_age_parse("90", &age_s), 0);
    assert_int_equal(age_s, 90);
    assert_int_equal(ctl_age_parse("5m", &age_s), 0);
    assert_int_equal(age_s, 300);
    assert_int_equal(ctl_age_parse("4h", &age_s), 0);
    assert_int_equal(age_s, 14400);
    assert_int_equal(ctl_age_parse("2d", &age_s), 0);
    assert_int_equal(age_s, 172800);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ctl_age_parse(bad[i], &age_s), ERR_FORMAT);
    }
}

static void times_are_those_of_the_province(void **state)
{
    struct json *root = parse("{\"a\":\"2026-11-20T08:10:00+07:00\",\"b\":null,\"c\":\"soon\"}");
    char text[CTL_TIME_SIZE];

    (void)state;
    assert_int_equal(ctl_at(root, "a"), NOW_S);
    assert_int_equal(ctl_at(root, "b"), 0);
    assert_int_equal(ctl_at(root, "c"), 0);
    ctl_time(NOW_S, text);
    assert_string_equal(text, "2026-11-20 08:10:00");
    ctl_time(0, text);
    assert_string_equal(text, "never");
    json_free(root);
}

static void shares_are_never_rounded_up_to_all(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_BYTES);
    ctl_put_share(&out, 99999, 100000);
    buf_putc(&out, '\n');
    ctl_put_share(&out, 5, 5);
    buf_putc(&out, '\n');
    ctl_put_share(&out, 0, 0);
    assert_string_equal(buf_text(&out), "99.9 % (99999 of 100000)\n100.0 % (5 of 5)\n- (0 of 0)");
    buf_free(&out);
}

static void peers_words_do_not_steer_the_terminal(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_BYTES);
    ctl_put_text(&out, "h\xe1\xbb\x93 s\xc6\xa1\033[2J\n");
    assert_string_equal(buf_text(&out), "h\xe1\xbb\x93 s\xc6\xa1\\x1b[2J\\x0a");
    buf_free(&out);
}

static void a_report_stays_in_its_lines(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_BYTES);
    ctl_put_lines(&out, "");
    ctl_put_lines(&out, "*** in main ***\nrow 7\tmissing\n\npage 3\033[2J\r");
    assert_string_equal(buf_text(&out),
                        "*** in main ***\nrow 7\\x09missing\n\npage 3\\x1b[2J\\x0d\n");
    buf_free(&out);
}

/* ---- HTTP ---- */

static int split(const char *bytes, bool closed, int *status, const char **body, size_t *len)
{
    size_t at = 0;
    int done = ctl_http_parse(bytes, strlen(bytes), closed, status, &at, len);

    *body = bytes + at;
    return done;
}

static void answers_end_with_their_length_or_the_close(void **state)
{
    const char *body;
    size_t len = 0;
    int status;

    (void)state;
    assert_int_equal(split("", false, &status, &body, &len), 0);
    assert_int_equal(
        split("HTTP/1.1 200 OK\r\ncontent-LENGTH: 3 \r\n\r\nab", false, &status, &body, &len), 0);
    assert_int_equal(split("HTTP/1.1 404 No\r\nX: y\r\nContent-Length:3\r\n\r\nabc!", false,
                           &status, &body, &len),
                     1);
    assert_int_equal(status, 404);
    assert_int_equal(len, 3);
    assert_memory_equal(body, "abc", 3);
    assert_int_equal(split("HTTP/1.1 200 OK\r\n\r\nabcd", false, &status, &body, &len), 0);
    assert_int_equal(split("HTTP/1.1 200 OK\r\n\r\nabcd", true, &status, &body, &len), 1);
    assert_int_equal(len, 4);
}

static void answers_that_are_not_ours_are_errors(void **state)
{
    static const struct {
        const char *bytes;
        int err;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\n", ERR_REMOTE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", ERR_REMOTE},
        {"SSH-2.0-OpenSSH_9.2 \r\n\r\n", ERR_FORMAT},
        {"HTTP/1.1 2x0 OK\r\n\r\n", ERR_FORMAT},
        {"HTTP/1.1 100 Continue\r\n\r\n", ERR_FORMAT},
        {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", ERR_FORMAT},
        {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", ERR_FORMAT},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", ERR_TOOBIG},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ERR_FORMAT},
    };
    const char *body;
    size_t len;
    int status;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(split(rows[i].bytes, true, &status, &body, &len), rows[i].err);
    }
}

/* ---- check ---- */

#define STATUS(verdict, ready, lag, held, endpoint)                                                \
    "{\"verdict\":\"" verdict "\",\"ready\":" ready ",\"orphaned\":0,"                             \
    "\"configuration\":{\"reload_error\":\"\"},"                                                   \
    "\"journal\":{\"condition\":\"ok\",\"file_bytes\":10,\"free_bytes\":20},"                      \
    "\"endpoints\":[{\"name\":\"portal\"," endpoint "}],"                                          \
    "\"flows\":[{\"name\":\"d\",\"mode\":\"live\",\"lag_s\":" lag ",\"held_items\":" held          \
    ",\"waiting\":4,\"delivered\":9,\"trouble\":\"\"}]}"
#define FINE "\"paused\":false,\"breaker\":\"closed\""

static void status_shows_what_an_endpoint_counts(void **state)
{
    static const char json[] =
        STATUS("ok", "true", "0", "0",
               FINE ",\"notes\":{\"stale_answers\":3,\"sessions\":0,\"queued_answers\":7}");
    struct json *root = parse(json);
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_BYTES);
    ctl_view_status(root, 0, false, &out);
    assert_non_null(strstr(buf_text(&out), "stale answers: 3, queued answers: 7\n"));
    assert_null(strstr(buf_text(&out), "sessions"));
    buf_free(&out);
    json_free(root);
}

/* It has an age, though nothing of it is due. */
static void what_waits_behind_a_held_item_has_an_age_and_a_hint(void **state)
{
    static const char json[] =
        STATUS("degraded", "true",
               "0,\"oldest\":null,\"behind_held\":26,\"behind_held_s\":266400,"
               "\"behind_held_oldest\":\"2026-11-19T08:00:00+07:00\"",
               "9", FINE);
    struct json *root = parse(json);
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_BYTES);
    ctl_view_status(root, 0, false, &out);
    assert_non_null(strstr(buf_text(&out), "26 waiting behind 9 held, the oldest 3d2h\n"));
    assert_non_null(strstr(buf_text(&out), "      9     3d2h "));
    buf_clear(&out);
    assert_int_equal(ctl_view_check(root, 3600, 14400, &out), 1);
    assert_non_null(strstr(buf_text(&out), "d: 9 held, 26 waiting behind"));
    buf_free(&out);
    json_free(root);
}

static void status_shows_that_a_login_is_refused(void **state)
{
    static const char json[] =
        STATUS("degraded", "true", "0", "0",
               FINE ",\"logins_refused\":1,\"last_failure_text\":\"sai\\nmat khau\"");
    struct json *root = parse(json);
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_BYTES);
    ctl_view_status(root, 0, false, &out);
    assert_non_null(strstr(buf_text(&out), "portal        refused  "));
    assert_non_null(strstr(buf_text(&out), " login refused: sai\\x0amat khau\n"));
    assert_null(strstr(buf_text(&out), "tried again"));
    buf_free(&out);
    json_free(root);
}

static void one_is_no_plural(void **state)
{
    struct json *root = parse("{\"flows\":[{\"owed\":1,\"adopting\":true,\"adopt_done\":1,"
                              "\"adopt_total\":1},{\"owed\":2}],\"orphaned\":1}");
    struct json *catalog = parse("{\"read\":\"2026-11-20T08:00:00+07:00\",\"agencies\":1}");
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_BYTES);
    ctl_view_status(root, NOW_S, false, &out);
    ctl_view_agreement(catalog, NOW_S, false, &out);
    assert_non_null(strstr(buf_text(&out), ": 1 row of the source\n"));
    assert_non_null(strstr(buf_text(&out), ": 2 rows of the source\n"));
    assert_non_null(strstr(buf_text(&out), "1 of 1 dossier looked up\n"));
    assert_non_null(strstr(buf_text(&out), "1 item of flows"));
    assert_non_null(strstr(buf_text(&out), ", 1 agency\n"));
    buf_free(&out);
    json_free(root);
    json_free(catalog);
}

static void what_working_days_tell_is_shown(void **state)
{
    struct json *root = parse(
        "{\"flows\":[],\"verdict\":\"degraded\",\"ready\":true,\"journal\":{\"condition\":\"ok\"},"
        "\"deadlines\":{\"at_risk\":3,\"silent\":2,\"agencies\":40,\"calendar\":\"/c.csv\","
        "\"calendar_covers_today\":false}}");
    struct json *quiet =
        parse("{\"flows\":[],\"deadlines\":{\"at_risk\":0,\"silent\":0,\"agencies\":40,"
              "\"calendar\":\"/c.csv\",\"calendar_covers_today\":true}}");
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_BYTES);
    ctl_view_status(quiet, NOW_S, false, &out);
    assert_null(strstr(buf_text(&out), "at risk"));
    assert_null(strstr(buf_text(&out), "silent"));
    assert_null(strstr(buf_text(&out), "/c.csv"));
    ctl_view_status(root, NOW_S, false, &out);
    assert_non_null(strstr(buf_text(&out), "not delivered: 3 at risk; dvcsyncctl risk\n"));
    assert_non_null(strstr(buf_text(&out), "silent agencies: 2 of 40; dvcsyncctl silent\n"));
    assert_non_null(strstr(buf_text(&out), "/c.csv does not cover today"));
    buf_free(&out);
    buf_init(&out, TEXT_BYTES);
    assert_int_equal(ctl_view_check(root, 3600, 14400, &out), 1);
    assert_non_null(strstr(buf_text(&out), "WARNING - dossiers at risk; dvcsyncctl risk |"));
    buf_free(&out);
    json_free(root);
    json_free(quiet);
}

static void what_is_to_be_published_has_a_clock(void **state)
{
    struct json *root =
        parse("{\"read\":\"2026-03-01T08:00:00+07:00\",\"publish_days\":5,\"calendar\":\"\","
              "\"differences\":{"
              "\"portal_only\":{\"count\":2,\"procedures\":[{\"code\":\"1.000001\",\"name\":\"A\","
              "\"first_seen\":\"2026-02-12T08:00:00+07:00\",\"due\":\"2026-02-27T00:00:00+07:00\","
              "\"working_days_left\":1},{\"code\":\"1.000002\",\"name\":\"B\","
              "\"first_seen\":\"2026-12-30T08:00:00+07:00\",\"due\":null}]},"
              "\"overdue\":{\"count\":1,\"procedures\":[{\"code\":\"1.000003\",\"name\":\"C\","
              "\"first_seen\":\"2026-02-02T08:00:00+07:00\",\"due\":\"2026-02-10T00:00:00+07:00\","
              "\"working_days_left\":-3}]}}}");
    struct buf out;

    (void)state;
    buf_init(&out, TEXT_BYTES);
    ctl_view_agreement(root, NOW_S, false, &out);
    assert_non_null(strstr(buf_text(&out),
                           "A  [first seen 2026-02-12, due by the end of 2026-02-26, "
                           "1 working day left]\n"));
    assert_non_null(strstr(buf_text(&out), "B  [first seen 2026-12-30, due on a day that the "
                                           "calendar does not cover]\n"));
    assert_non_null(strstr(buf_text(&out),
                           "C  [first seen 2026-02-02, due by the end of 2026-02-09, "
                           "3 working days over]\n"));
    assert_non_null(strstr(buf_text(&out),
                           "(overdue: not here after 5 working days; no calendar is "
                           "configured, so no holidays are counted)\n"));
    buf_free(&out);
    json_free(root);
}

static void check_says_the_worst_and_all_reasons(void **state)
{
    static const struct {
        const char *json;
        int level;
        const char *begins;
    } rows[] = {
        {STATUS("ok", "true", "10", "0", FINE), 0,
         "DVCSYNC OK - all flows run | journal=10B journal_free=20B 'd_waiting'=4 'd_held'=0 "
         "'d_oldest'=10s;3600;14400;0 'd_delivered'=9c\n"},
        {STATUS("degraded", "true", "3600", "2", FINE), 1,
         "DVCSYNC WARNING - d: 2 held; d: oldest 1h0m |"},
        {STATUS("failing", "true", "14400", "0", FINE), 2, "DVCSYNC CRITICAL - d: oldest 4h0m |"},
        {STATUS("failing", "true", "0", "0", "\"paused\":true,\"breaker\":\"closed\""), 2,
         "DVCSYNC CRITICAL - portal: paused |"},
        {STATUS("degraded", "true", "0", "0", "\"paused\":false,\"breaker\":\"open\""), 1,
         "DVCSYNC WARNING - portal: does not answer |"},
        {STATUS("degraded", "true", "0", "0",
                FINE ",\"logins_refused\":2,\"last_failure_text\":\"sai: hunter2\""),
         1,
         "DVCSYNC WARNING - portal: login refused; correct username and password (dvcsyncctl "
         "status shows what it says), then: dvcsyncctl resume portal |"},
        {STATUS("ok", "false", "0", "0", FINE), 2, "DVCSYNC CRITICAL - not ready |"},
        {STATUS("degraded", "true", "0", "0", FINE), 1, "DVCSYNC WARNING - degraded |"},
        {"{\"verdict\":\"ok\"}", 3, "DVCSYNC UNKNOWN - "},
        {"[]", 3, "DVCSYNC UNKNOWN - "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json *root = parse(rows[i].json);
        struct buf out;

        buf_init(&out, TEXT_BYTES);
        assert_int_equal(ctl_view_check(root, 3600, 14400, &out), rows[i].level);
        assert_memory_equal(buf_text(&out), rows[i].begins, strlen(rows[i].begins));
        buf_free(&out);
        json_free(root);
    }
}

/* ---- why ---- */

static void a_delivered_dossier_is_told_in_order_of_time(void **state)
{
    (void)state;
    shows(
        ctl_view_why,
        "{\"flow\":\"dossiers\",\"code\":\"H56.31.01-261118-0007\",\"present\":true,"
        "\"doubt\":false,\"acked_status\":4,\"acked_status_text\":\"in processing\","
        "\"status\":4,\"promised\":\"2026-11-25T17:00:00+07:00\","
        "\"seen\":{\"at\":\"2026-11-20T08:05:00+07:00\",\"there\":true,\"status\":4,"
        "\"status_text\":\"in processing\"},"
        "\"items\":[{\"id\":1,\"kind\":\"snapshot\",\"state\":\"SUPERSEDED\",\"status\":2,"
        "\"status_text\":\"received\",\"created\":\"2026-11-20T08:00:00+07:00\","
        "\"changed\":\"2026-11-20T08:00:01+07:00\",\"successor\":2},"
        "{\"id\":2,\"kind\":\"snapshot\",\"state\":\"DONE\",\"status\":4,"
        "\"status_text\":\"in processing\",\"at\":\"2026-11-20T07:59:00+07:00\","
        "\"created\":\"2026-11-20T08:00:01+07:00\",\"flags\":[\"jumped\"]},"
        "{\"id\":3,\"kind\":\"step\",\"state\":\"DONE\","
        "\"created\":\"2026-11-20T08:00:01+07:00\"},"
        "{\"id\":4,\"kind\":\"step\",\"state\":\"DONE\","
        "\"created\":\"2026-11-20T08:00:01+07:00\"}],"
        "\"attempts\":[{\"verb\":\"send\",\"first_item\":2,\"last_item\":2,\"items\":1,"
        "\"updating\":false,\"begun\":\"2026-11-20T08:00:02+07:00\",\"outcome\":\"unsure\","
        "\"http\":0,\"words\":\"connection reset\"},"
        "{\"verb\":\"lookup\",\"first_item\":2,\"last_item\":2,\"items\":1,"
        "\"begun\":\"2026-11-20T08:01:00+07:00\",\"outcome\":\"done\",\"http\":200,"
        "\"code\":\"0\",\"took_ms\":40},"
        "{\"verb\":\"send\",\"first_item\":2,\"last_item\":2,\"items\":1,\"updating\":true,"
        "\"begun\":\"2026-11-20T08:01:01+07:00\",\"outcome\":\"done\",\"http\":200,"
        "\"code\":\"0\",\"words\":\"OK\",\"took_ms\":120},"
        "{\"verb\":\"send\",\"first_item\":3,\"last_item\":4,\"items\":2,\"updating\":true,"
        "\"begun\":\"2026-11-20T08:01:02+07:00\",\"outcome\":\"done\",\"http\":200,"
        "\"took_ms\":80}],\"audits\":[],\"truncated\":false}",
        "H56.31.01-261118-0007, flow dossiers\n"
        "The portal has it and has accepted status 4 \"in processing\".\n"
        "Its result is promised for 2026-11-25 17:00:00.\n"
        "\n"
        "2026-11-20 08:00:00  stored snapshot 1, status 2 \"received\"\n"
        "2026-11-20 08:00:01  stored snapshot 2, status 4 \"in processing\", in the source since "
        "2026-11-20 07:59:00, jumped\n"
        "2026-11-20 08:00:01  stored step 3\n"
        "2026-11-20 08:00:01  stored step 4\n"
        "2026-11-20 08:00:01  snapshot 1 is not needed any more: 2 stands for it\n"
        "2026-11-20 08:00:02  sent snapshot 2 as new: no usable answer: the portal may have it; "
        "in its words: \"connection reset\"\n"
        "2026-11-20 08:01:00  asked the portal for it, because of snapshot 2: the portal answered "
        "(HTTP 200, code 0, 40 ms)\n"
        "2026-11-20 08:01:01  sent snapshot 2 as an update: accepted; in its words: \"OK\" "
        "(HTTP 200, code 0, 120 ms)\n"
        "2026-11-20 08:01:02  sent 2 steps, 3 to 4: accepted (HTTP 200, 80 ms)\n"
        "2026-11-20 08:05:00  looked: the portal shows it with status 4 \"in processing\"\n"
        "\n"
        "Next: nothing is open; the next change in the province starts anew.\n");
}

static void a_held_dossier_says_why_and_what_helps(void **state)
{
    (void)state;
    shows(ctl_view_why,
          "{\"flow\":\"dossiers\",\"code\":\"X-1\",\"present\":false,\"doubt\":false,"
          "\"acked_status\":0,\"status\":2,\"status_text\":\"received\",\"seen\":null,"
          "\"items\":[{\"id\":7,\"kind\":\"snapshot\",\"state\":\"HELD\","
          "\"hold\":\"unmapped_status\",\"reason\":\"status 'abc' is not in status.csv\","
          "\"created\":\"2026-11-20T08:00:00+07:00\",\"changed\":\"2026-11-20T08:02:00+07:00\"}],"
          "\"attempts\":[],\"audits\":[{\"at\":\"2026-11-20T08:02:00+07:00\","
          "\"who\":\"uid 0 (root)\",\"verb\":\"release\",\"object\":\"item 7 X-1\","
          "\"reason\":\"map corrected\"}],\"truncated\":true}",
          "X-1, flow dossiers\n"
          "The portal does not have it from us.\n"
          "In the province it has status 2 \"received\".\n"
          "\n"
          "2026-11-20 08:00:00  stored snapshot 7\n"
          "2026-11-20 08:02:00  uid 0 (root): release item 7 X-1, reason: map corrected\n"
          "2026-11-20 08:02:00  snapshot 7 is held: its status is not in the status map; reason: "
          "status 'abc' is not in status.csv\n"
          "(there is more than can be shown)\n"
          "\n"
          "Next: snapshot 7 waits for a person: add the status to the map, `dvcsyncctl reload`, "
          "then release it (dvcsyncctl release 7).\n");
}

static void a_flow_that_only_observes_sends_nothing(void **state)
{
    (void)state;
    shows(ctl_view_why,
          "{\"flow\":\"dossiers\",\"mode\":\"observe\",\"code\":\"X-1\",\"items\":["
          "{\"id\":7,\"kind\":\"snapshot\",\"state\":\"PENDING\",\"due\":null}]}",
          "X-1, flow dossiers\n"
          "The portal does not have it from us.\n"
          "\n"
          "Next: snapshot 7 stays here: the flow only observes.\n");
}

static void a_waiting_dossier_says_when(void **state)
{
    (void)state;
    shows(ctl_view_why,
          "{\"flow\":\"dossiers\",\"code\":\"X-1\",\"doubt\":true,\"items\":["
          "{\"id\":7,\"kind\":\"snapshot\",\"state\":\"UNSURE\",\"due\":"
          "\"2026-11-20T08:15:00+07:00\"},"
          "{\"id\":8,\"kind\":\"step\",\"state\":\"PENDING\",\"due\":null},"
          "{\"id\":9,\"kind\":\"step\",\"state\":\"INFLIGHT\"}]}",
          "X-1, flow dossiers\n"
          "The portal may have it: a call ended without a usable answer.\n"
          "\n"
          "Next: snapshot 7 is in doubt: the portal is asked for it at 2026-11-20 08:15:00 "
          "(in 5m).\n"
          "Next: step 8 is sent as soon as the endpoint takes calls and what goes before it is "
          "done.\n"
          "Next: step 9 is under way, its answer is awaited.\n");
}

static void an_empty_answer_is_survived_by_every_view(void **state)
{
    void (*const views[])(const struct json *, int64_t, bool,
                          struct buf *) = {ctl_view_status, ctl_view_list,      ctl_view_item,
                                           ctl_view_why,    ctl_view_agreement, ctl_view_events};
    static const char *const answers[] = {"{}", "[]", "null", "{\"items\":7,\"flows\":[null,{}]}"};

    (void)state;
    for (size_t v = 0; v < sizeof(views) / sizeof(views[0]); v++) {
        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
            struct json *root = parse(answers[i]);
            struct buf out;

            buf_init(&out, TEXT_BYTES);
            views[v](root, NOW_S, true, &out);
            assert_int_equal(buf_error(&out), 0);
            buf_free(&out);
            json_free(root);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages_have_two_units_at_most),
        cmocka_unit_test(ages_are_read_with_their_unit),
        cmocka_unit_test(times_are_those_of_the_province),
        cmocka_unit_test(shares_are_never_rounded_up_to_all),
        cmocka_unit_test(peers_words_do_not_steer_the_terminal),
        cmocka_unit_test(answers_end_with_their_length_or_the_close),
        cmocka_unit_test(answers_that_are_not_ours_are_errors),
        cmocka_unit_test(status_shows_what_an_endpoint_counts),
        cmocka_unit_test(a_report_stays_in_its_lines),
        cmocka_unit_test(what_waits_behind_a_held_item_has_an_age_and_a_hint),
        cmocka_unit_test(status_shows_that_a_login_is_refused),
        cmocka_unit_test(one_is_no_plural),
        cmocka_unit_test(what_working_days_tell_is_shown),
        cmocka_unit_test(what_is_to_be_published_has_a_clock),
        cmocka_unit_test(check_says_the_worst_and_all_reasons),
        cmocka_unit_test(a_delivered_dossier_is_told_in_order_of_time),
        cmocka_unit_test(a_held_dossier_says_why_and_what_helps),
        cmocka_unit_test(a_flow_that_only_observes_sends_nothing),
        cmocka_unit_test(a_waiting_dossier_says_when),
        cmocka_unit_test(an_empty_answer_is_survived_by_every_view),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
