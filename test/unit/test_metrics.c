#include "base/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double bounds[] = {0.1, 1, 10};

static void rendered(const struct metrics *m, const char *expected)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    assert_int_equal(metrics_render(m, &out), 0);
    assert_string_equal(buf_text(&out), expected);
    buf_free(&out);
}

static void nothing_counted_prints_nothing(void **state)
{
    struct metrics *m = metrics_new();

    (void)state;
    assert_non_null(m);
    rendered(m, "");
    metrics_free(m);
    metrics_free(NULL);
}

static void series_of_one_name_stand_together_under_one_help(void **state)
{
    struct metrics *m = metrics_new();
    struct metric_label a = {"flow", "province"};
    struct metric_label b = {"flow", "portal"};

    (void)state;
    metric_add(metrics_get(m, METRIC_COUNTER, "dvc_sent_total", "Sent.", &a, 1, NULL, 0), 2);
    metric_set(metrics_get(m, METRIC_GAUGE, "dvc_open", "Open items.", NULL, 0, NULL, 0), -1.5);
    metric_add(metrics_get(m, METRIC_COUNTER, "dvc_sent_total", "Sent.", &b, 1, NULL, 0), 1e15);
    rendered(m, "# HELP dvc_sent_total Sent.\n"
                "# TYPE dvc_sent_total counter\n"
                "dvc_sent_total{flow=\"province\"} 2\n"
                "dvc_sent_total{flow=\"portal\"} 1e+15\n"
                "# HELP dvc_open Open items.\n"
                "# TYPE dvc_open gauge\n"
                "dvc_open -1.5\n");
    metrics_free(m);
}

static void the_same_name_and_labels_are_the_same_metric(void **state)
{
    struct metrics *m = metrics_new();
    char value[] = "x";
    struct metric_label labels[] = {{"a", value}, {"b", "y"}};
    struct metric *metric;

    (void)state;
    metric = metrics_get(m, METRIC_GAUGE, "g", "h", labels, 2, NULL, 0);
    assert_ptr_equal(metrics_get(m, METRIC_GAUGE, "g", "h", labels, 2, NULL, 0), metric);
    assert_ptr_not_equal(metrics_get(m, METRIC_GAUGE, "g", "h", labels, 1, NULL, 0), metric);
    value[0] = 'z'; /* labels were copied */
    assert_ptr_not_equal(metrics_get(m, METRIC_GAUGE, "g", "h", labels, 2, NULL, 0), metric);
    labels[0].value = "x";
    assert_ptr_equal(metrics_get(m, METRIC_GAUGE, "g", "h", labels, 2, NULL, 0), metric);
    labels[1].name = "c";
    assert_ptr_not_equal(metrics_get(m, METRIC_GAUGE, "g", "h", labels, 2, NULL, 0), metric);
    metrics_free(m);
}

static void counters_never_fall(void **state)
{
    struct metrics *m = metrics_new();
    struct metric *counter = metrics_get(m, METRIC_COUNTER, "c_total", "h", NULL, 0, NULL, 0);
    struct metric *gauge = metrics_get(m, METRIC_GAUGE, "g", "h", NULL, 0, NULL, 0);

    (void)state;
    metric_add(counter, 3);
    metric_add(counter, -1);
    metric_add(counter, (double)NAN);
    metric_observe(counter, 5);
    assert_true(metric_value(counter) >= 3 && metric_value(counter) <= 3);
    metric_add(gauge, -1);
    assert_true(metric_value(gauge) >= -1 && metric_value(gauge) <= -1);
    metrics_free(m);
}

static void a_histogram_counts_what_lies_at_or_below_each_bound(void **state)
{
    struct metrics *m = metrics_new();
    struct metric_label label = {"endpoint", "portal"};
    struct metric *h = metrics_get(m, METRIC_HISTOGRAM, "t_seconds", "Time.", &label, 1, bounds, 3);

    (void)state;
    metric_observe(h, 0.1);
    metric_observe(h, 0.5);
    metric_observe(h, 1);
    metric_observe(h, 100);
    metric_observe(h, (double)NAN);
    metric_add(h, 7);
    metric_set(h, 7);
    assert_true(metric_value(h) >= 4 && metric_value(h) <= 4);
    rendered(m, "# HELP t_seconds Time.\n"
                "# TYPE t_seconds histogram\n"
                "t_seconds_bucket{endpoint=\"portal\",le=\"0.1\"} 1\n"
                "t_seconds_bucket{endpoint=\"portal\",le=\"1\"} 3\n"
                "t_seconds_bucket{endpoint=\"portal\",le=\"10\"} 3\n"
                "t_seconds_bucket{endpoint=\"portal\",le=\"+Inf\"} 4\n"
                "t_seconds_sum{endpoint=\"portal\"} 101.6\n"
                "t_seconds_count{endpoint=\"portal\"} 4\n");
    metrics_free(m);
}

static void help_and_labels_are_escaped(void **state)
{
    struct metrics *m = metrics_new();
    struct metric_label label = {"l", "a\"b\\c\nd"};

    (void)state;
    metric_set(metrics_get(m, METRIC_GAUGE, "g", "say \"x\\\"\ny", &label, 1, NULL, 0), 1);
    rendered(m, "# HELP g say \"x\\\\\"\\ny\n"
                "# TYPE g gauge\n"
                "g{l=\"a\\\"b\\\\c\\nd\"} 1\n");
    metrics_free(m);
}

static void numbers_print_so_that_they_read_back(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {0.1, "0.1"},
        {1.0 / 3, "0.33333333333333331"},
        {1e300, "1e+300"},
        {123456789, "123456789"},
        {(double)INFINITY, "+Inf"},
        {-(double)INFINITY, "-Inf"},
        {(double)NAN, "NaN"},
    };
    struct metrics *m = metrics_new();
    struct metric *gauge = metrics_get(m, METRIC_GAUGE, "g", "h", NULL, 0, NULL, 0);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char expected[100];

        (void)snprintf(expected, sizeof(expected), "# HELP g h\n# TYPE g gauge\ng %s\n",
                       rows[i].text);
        metric_set(gauge, rows[i].value);
        rendered(m, expected);
    }
    metrics_free(m);
}

static void series_beyond_the_ceiling_count_into_nothing(void **state)
{
    struct metrics *m = metrics_new();
    char huge[5000];
    char names[200][8];
    struct buf out;
    struct metric_label label = {"l", huge};
    struct metric *metric;

    (void)state;
    memset(huge, 'x', sizeof(huge));
    huge[sizeof(huge) - 1] = '\0';
    for (unsigned i = 0; i < 2000; i++) {
        (void)snprintf(huge, 5, "%04u", i);
        huge[4] = 'x';
        metric = metrics_get(m, METRIC_HISTOGRAM, "h", "h", &label, 1, bounds, 3);
        assert_non_null(metric);
        metric_observe(metric, 1);
    }
    metric_add(metric, 1);
    metric_set(metric, 1);
    metric_observe(metric, 1);
    assert_true(metric_value(metric) >= 0 && metric_value(metric) <= 0);
    for (unsigned i = 0; i < 200; i++) { /* until not even a name fits */
        (void)snprintf(names[i], sizeof(names[i]), "n%u", i);
        metric = metrics_get(m, METRIC_GAUGE, names[i], "h", NULL, 0, NULL, 0);
    }
    metric_set(metric, 1);
    assert_true(metric_value(metric) >= 0 && metric_value(metric) <= 0);
    buf_init(&out, (size_t)1 << 25);
    assert_int_equal(metrics_render(m, &out), 0);
    assert_null(strstr(buf_text(&out), "n199"));
    buf_free(&out);
    metrics_free(m);
    metric_add(metrics_get(NULL, METRIC_COUNTER, "c_total", "h", NULL, 0, NULL, 0), 1);
}

static void a_full_buffer_is_told(void **state)
{
    struct metrics *m = metrics_new();
    struct buf out;

    (void)state;
    (void)metrics_get(m, METRIC_GAUGE, "g", "h", NULL, 0, NULL, 0);
    buf_init(&out, 10);
    assert_int_equal(metrics_render(m, &out), ERR_TOOBIG);
    buf_free(&out);
    metrics_free(m);
}

static void promtool_finds_nothing_to_complain_about(void **state)
{
    struct metrics *m = metrics_new();
    struct metric_label labels[] = {{"flow", "tỉnh \"A\"\n"}, {"state", "HELD"}};
    struct buf out;
    FILE *promtool;

    (void)state;
    if (system("command -v promtool >/dev/null 2>&1") != 0) {
        metrics_free(m);
        skip();
    }
    metric_add(metrics_get(m, METRIC_COUNTER, "dvc_sent_total", "Sent.", labels, 2, NULL, 0), 2);
    metric_set(metrics_get(m, METRIC_GAUGE, "dvc_items", "Items \\ states.", labels, 2, NULL, 0),
               0.3);
    metric_observe(metrics_get(m, METRIC_HISTOGRAM, "dvc_call_seconds", "Time of a call.", labels,
                               1, bounds, 3),
                   0.7);
    (void)metrics_get(m, METRIC_HISTOGRAM, "dvc_commit_seconds", "Time.", NULL, 0, bounds, 3);
    buf_init(&out, 1 << 16);
    assert_int_equal(metrics_render(m, &out), 0);
    promtool = popen("promtool check metrics", "w");
    assert_non_null(promtool);
    assert_int_equal(fwrite(buf_text(&out), 1, out.len, promtool), out.len);
    assert_int_equal(pclose(promtool), 0);
    buf_free(&out);
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_counted_prints_nothing),
        cmocka_unit_test(series_of_one_name_stand_together_under_one_help),
        cmocka_unit_test(the_same_name_and_labels_are_the_same_metric),
        cmocka_unit_test(counters_never_fall),
        cmocka_unit_test(a_histogram_counts_what_lies_at_or_below_each_bound),
        cmocka_unit_test(help_and_labels_are_escaped),
        cmocka_unit_test(numbers_print_so_that_they_read_back),
        cmocka_unit_test(series_beyond_the_ceiling_count_into_nothing),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(promtool_finds_nothing_to_complain_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
