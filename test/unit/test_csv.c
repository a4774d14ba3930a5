#include "base/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The one reader of this program, anew in each test by begin(). */
static struct csv csv;
static struct csv_row row;
static const char *fault;

static int next(void)
{
    fault = NULL;
    return csv_next(&csv, &row, &fault);
}

static void begin(const char *text)
{
    csv_init(&csv, text, strlen(text));
}

static void rows_are_read_with_their_lines(void **state)
{
    (void)state;
    begin("\xEF\xBB\xBF"
          "a,b\r\n# comment, \"\n\n  \t\n1, hai ba ,\n,");
    assert_int_equal(next(), 0);
    assert_int_equal(row.n, 2);
    assert_string_equal(row.text[0], "a");
    assert_string_equal(row.text[1], "b");
    assert_int_equal(row.line, 1);
    assert_int_equal(next(), 0);
    assert_int_equal(row.line, 5);
    assert_int_equal(row.n, 3);
    assert_string_equal(row.text[1], "hai ba");
    assert_string_equal(row.text[2], "");
    assert_int_equal(next(), 0);
    assert_int_equal(row.n, 2);
    assert_int_equal(next(), ERR_NOTFOUND);
    assert_int_equal(next(), ERR_NOTFOUND);
}

static void quotes_keep_commas_lines_and_quotes(void **state)
{
    (void)state;
    begin("\"a,b\", \"c\nd\" ,\"say \"\"x\"\"\",\"\"\nnext\n");
    assert_int_equal(next(), 0);
    assert_int_equal(row.n, 4);
    assert_string_equal(row.text[0], "a,b");
    assert_string_equal(row.text[1], "c\nd");
    assert_string_equal(row.text[2], "say \"x\"");
    assert_string_equal(row.text[3], "");
    assert_int_equal(next(), 0);
    assert_int_equal(row.line, 3);
    assert_string_equal(row.text[0], "next");
}

static void a_row_that_can_not_be_read_spoils_no_other(void **state)
{
    (void)state;
    begin("\"open\nx\n\"a\"b\nok\n\xFF\n\"\xFF\"\nok");
    assert_int_equal(next(), ERR_FORMAT);
    assert_string_equal(fault, "text after a closing quote");
    assert_int_equal(row.line, 1);
    assert_int_equal(next(), 0);
    assert_string_equal(row.text[0], "x");
    assert_int_equal(next(), ERR_FORMAT);
    assert_int_equal(row.line, 3);
    assert_int_equal(next(), 0);
    assert_int_equal(next(), ERR_FORMAT);
    assert_string_equal(fault, "not UTF-8");
    assert_int_equal(next(), ERR_FORMAT);
    assert_string_equal(fault, "not UTF-8");
    assert_int_equal(next(), 0);
    assert_int_equal(row.line, 7);
    begin("\"never closed");
    assert_int_equal(next(), ERR_FORMAT);
    assert_string_equal(fault, "a quote is not closed");
    assert_int_equal(next(), ERR_NOTFOUND);
}

static void values_and_columns_have_limits(void **state)
{
    char text[CSV_FIELD_SIZE + 10];

    (void)state;
    memset(text, 'x', sizeof(text));
    csv_init(&csv, text, CSV_FIELD_SIZE - 1);
    assert_int_equal(next(), 0);
    assert_int_equal(strlen(row.text[0]), CSV_FIELD_SIZE - 1);
    csv_init(&csv, text, CSV_FIELD_SIZE);
    assert_int_equal(next(), ERR_FORMAT);
    text[0] = '"';
    csv_init(&csv, text, sizeof(text));
    assert_int_equal(next(), ERR_FORMAT);
    begin("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16");
    assert_int_equal(next(), 0);
    assert_int_equal(row.n, CSV_MAX_COLUMNS);
    begin("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17");
    assert_int_equal(next(), ERR_FORMAT);
}

static void nul_bytes_are_no_text(void **state)
{
    (void)state;
    csv_init(&csv, "a\0b", 3);
    assert_int_equal(next(), ERR_FORMAT);
    csv_init(&csv, "\"\0\"", 3);
    assert_int_equal(next(), ERR_FORMAT);
}

static void random_bytes_always_come_to_an_end(void **state)
{
    static const char letters[] = "ab,\"\n\r# \xC4";
    uint32_t seed = 11;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        char *text = malloc(40); /* its own block, so that a read beyond it is seen */
        unsigned calls = 0;
        int err;

        assert_non_null(text);
        for (size_t i = 0; i < 40; i++) {
            seed = seed * 1664525 + 1013904223;
            text[i] = letters[(seed >> 24) % 9];
        }
        csv_init(&csv, text, 40);
        do {
            err = next();
            calls++;
        } while (err != ERR_NOTFOUND);
        assert_in_range(calls, 1, 42);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read_with_their_lines),
        cmocka_unit_test(quotes_keep_commas_lines_and_quotes),
        cmocka_unit_test(a_row_that_can_not_be_read_spoils_no_other),
        cmocka_unit_test(values_and_columns_have_limits),
        cmocka_unit_test(nul_bytes_are_no_text),
        cmocka_unit_test(random_bytes_always_come_to_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
