/* A file of named columns, and all its faults at once. */
#include "domain/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NAME, ABSENT, DAY, COLUMNS };

static const struct table_column columns[COLUMNS] = {
    [NAME] = {"name", true}, [ABSENT] = {NULL, false}, [DAY] = {"day", false}};

struct seen {
    struct table table;
    char text[400];
    int stop_with; /* at the first row */
};

static int on_row(void *ctx)
{
    struct seen *s = ctx;
    size_t used = strlen(s->text);
    int64_t day_s = -1;

    (void)snprintf(s->text + used, sizeof(s->text) - used, "%u %s %s%s;", s->table.fields.line,
                   table_field(&s->table, NAME), table_field(&s->table, ABSENT),
                   !table_date(&s->table, DAY, &day_s) ? "bad"
                   : day_s == -1                       ? "none"
                                                       : "day");
    return s->stop_with;
}

static int read_text(struct seen *s, const char *text)
{
    s->text[0] = '\0';
    table_init(&s->table, "t.csv", columns, COLUMNS);
    return table_read(&s->table, text, strlen(text), on_row, s);
}

static void expect_faults(struct seen *s, const char *text, const char *faults)
{
    struct errmsg msg = {""};

    assert_int_equal(read_text(s, text), 0);
    assert_int_equal(table_end(&s->table, &msg), ERR_CONFIG);
    assert_string_equal(msg.text, faults);
}

static void rows_come_with_their_columns(void **state)
{
    static struct seen s;
    struct errmsg msg = {""};

    (void)state;
    assert_int_equal(read_text(&s, "day,name\n2026-11-01,a\n,b\n"), 0);
    assert_string_equal(s.text, "2 a day;3 b none;");
    assert_int_equal(table_end(&s.table, &msg), 0);
    assert_string_equal(msg.text, "");
    assert_int_equal(read_text(&s, "name\na\n"), 0);
    assert_string_equal(s.text, "2 a none;");
}

static void faults_have_a_place_and_a_remedy(void **state)
{
    static struct seen s;

    (void)state;
    expect_faults(&s, "",
                  "t.csv:1: the file has no header line; begin it with the names of the "
                  "columns");
    expect_faults(&s, "day,day,colour\n1,2,3\n",
                  "t.csv:1: column \"day\" stands twice; remove one\n"
                  "t.csv:1: unknown column \"colour\"; remove or rename it\n"
                  "t.csv:1: column \"name\" is missing; add it to the header line");
    assert_string_equal(s.text, ""); /* without its columns no row means anything */
    expect_faults(
        &s, "name,day\na\nb,32.1.2026\nc,2026-11-01\n",
        "t.csv:2: 1 values for 2 columns; add or remove commas\n"
        "t.csv:3: day \"32.1.2026\" is no date; write it as 2025-07-01 or leave it empty");
    assert_string_equal(s.text, "3 b bad;4 c day;");
}

static void what_does_not_fit_is_counted(void **state)
{
    static struct seen s;
    struct errmsg msg = {""};
    unsigned more = 0;

    (void)state;
    assert_int_equal(read_text(&s, "name\na\n"), 0);
    for (unsigned line = 1; line <= 50; line++) {
        table_fault(&s.table, line, "%s", "wrong; mend it");
    }
    assert_int_equal(table_end(&s.table, &msg), ERR_CONFIG);
    assert_non_null(strstr(msg.text, "t.csv:1: wrong; mend it\nt.csv:2: wrong; mend it\n"));
    assert_int_equal(sscanf(strstr(msg.text, "\nand "), "\nand %u more", &more), 1);
    assert_int_equal(s.table.shown + more, 50);
}

static void a_row_can_end_the_reading(void **state)
{
    static struct seen s;

    (void)state;
    s.stop_with = ERR_NOMEM;
    assert_int_equal(read_text(&s, "name\na\nb\n"), ERR_NOMEM);
    assert_string_equal(s.text, "2 a none;");
}

static void only_a_regular_file_of_some_size_is_loaded(void **state)
{
    char path[] = "/tmp/test-table-XXXXXX";
    int fd = mkstemp(path);
    struct errmsg msg = {""};
    struct buf text;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "name\na\n", 7), 7);
    assert_int_equal(close(fd), 0);
    assert_int_equal(table_load(path, 7, &text, &msg), 0);
    assert_string_equal(buf_text(&text), "name\na\n");
    assert_int_equal(table_lines(buf_text(&text), text.len), 3);
    buf_free(&text);
    assert_int_equal(table_load(path, 6, &text, &msg), ERR_TOOBIG);
    assert_non_null(strstr(msg.text, "larger than 6 bytes"));
    buf_free(&text);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(table_load(path, 6, &text, &msg), ERR_NOTFOUND);
    buf_free(&text);
    assert_int_equal(table_load("/dev/null", 6, &text, &msg), ERR_INVAL);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_with_their_columns),
        cmocka_unit_test(faults_have_a_place_and_a_remedy),
        cmocka_unit_test(what_does_not_fit_is_counted),
        cmocka_unit_test(a_row_can_end_the_reading),
        cmocka_unit_test(only_a_regular_file_of_some_size_is_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
