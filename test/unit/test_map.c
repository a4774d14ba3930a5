#include "domain/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "domain/vntime.h"

#define NOON_S INT64_C(1763614800) /* 2025-11-20 12:00 in Viet Nam */
#define STATUS_HEADER "status,substatus,name,national,valid_from,valid_until\n"
#define CODE_HEADER "local,national,valid_from,valid_until\n"

static struct map *good(enum map_kind kind, const char *text)
{
    struct errmsg msg = {""};
    struct map *map = NULL;

    if (map_parse(kind, "m.csv", text, strlen(text), &map, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    assert_non_null(map);
    return map;
}

static void bad(enum map_kind kind, const char *text, const char *message)
{
    struct errmsg msg = {""};
    struct map *map = (struct map *)&msg;

    assert_int_equal(map_parse(kind, "m.csv", text, strlen(text), &map, &msg), ERR_CONFIG);
    assert_null(map);
    assert_string_equal(msg.text, message);
}

static int64_t vn(const char *day)
{
    int64_t at_s = 0;

    assert_int_equal(vntime_parse(day, "yyyy-MM-dd", &at_s), 0);
    return at_s;
}

static void status_goes_substatus_then_status_then_name(void **state)
{
    struct map *map = good(MAP_STATUS, STATUS_HEADER "receiving,,,2,,\n"
                                                     "receiving,receiving_1,,1,,\n"
                                                     ",waiting_2,,6,,\n"
                                                     ",,Đang thẩm định,4,,\n"
                                                     "done,,Đã trả,10,,\n");

    (void)state;
    assert_int_equal(map_rows(map), 5);
    assert_string_equal(map_path(map), "m.csv");
    assert_int_equal(map_status(map, "receiving", "receiving_1", NULL, NOON_S), 1);
    assert_int_equal(map_status(map, "receiving", "receiving_2", "", NOON_S), 2);
    assert_int_equal(map_status(map, "receiving", NULL, NULL, NOON_S), 2);
    assert_int_equal(map_status(map, "receiving", "", "Đang thẩm định", NOON_S), 2);
    assert_int_equal(map_status(map, "other", "waiting_2", NULL, NOON_S), 6);
    assert_int_equal(map_status(map, NULL, "waiting_2", NULL, NOON_S), 6);
    assert_int_equal(map_status(map, "other", "receiving_1", NULL, NOON_S), 0);
    assert_int_equal(map_status(map, NULL, "receiving_1", NULL, NOON_S), 0);
    assert_int_equal(map_status(map, "other", "x", "Đang thẩm định", NOON_S), 4);
    assert_int_equal(map_status(map, "", "", "Đã trả", NOON_S), 0); /* beside a status: a remark */
    assert_int_equal(map_status(map, NULL, NULL, NULL, NOON_S), 0);
    assert_null(map_code(map, "receiving", NOON_S));
    map_free(map);
}

static void statuses_and_names_compare_without_case(void **state)
{
    struct map *map = good(MAP_STATUS, STATUS_HEADER "Receiving,Sub,,2,,\n"
                                                     ",,Đang Xử Lý,4,,\n");

    (void)state;
    assert_int_equal(map_status(map, "RECEIVING", "sUB", NULL, NOON_S), 2);
    assert_int_equal(map_status(map, NULL, NULL, "ĐANG XU\xCC\x9B\xCC\x89 LÝ", NOON_S), 4);
    assert_int_equal(map_status(map, NULL, NULL, "dang xu ly", NOON_S), 0);
    map_free(map);
}

static void a_status_and_substatus_never_flow_together(void **state)
{
    struct map *map = good(MAP_STATUS, STATUS_HEADER "ab,c,,2,,\n"
                                                     "a,bc,,4,,\n");

    (void)state;
    assert_int_equal(map_status(map, "ab", "c", NULL, NOON_S), 2);
    assert_int_equal(map_status(map, "a", "bc", NULL, NOON_S), 4);
    assert_int_equal(map_status(map, "abc", "", NULL, NOON_S), 0);
    map_free(map);
}

static void statuses_that_no_row_can_hold_fit_none(void **state)
{
    struct map *map = good(MAP_STATUS, STATUS_HEADER "a,,,2,,\n");
    char *huge = malloc(100001);

    (void)state;
    assert_non_null(huge);
    memset(huge, 'a', 100000);
    huge[100000] = '\0';
    assert_int_equal(map_status(map, huge, NULL, huge, NOON_S), 0);
    assert_int_equal(map_status(map, "\xFF", "\xFF", "\xFF", NOON_S), 0);
    free(huge);
    map_free(map);
}

static void rows_hold_between_their_dates(void **state)
{
    struct map *map = good(MAP_PROCEDURE, CODE_HEADER "TT-1,1.000001,,2025-07-01\n"
                                                      "TT-1,1.000002,2025-07-01,2025-11-20\n"
                                                      "TT-1,1.000003,2025-11-21,\n");
    const int64_t july_s = 1751302800;

    (void)state;
    assert_string_equal(map_code(map, "TT-1", -1000), "1.000001");
    assert_string_equal(map_code(map, "TT-1", INT64_MIN), "1.000001");
    assert_string_equal(map_code(map, "TT-1", july_s - 1), "1.000001");
    assert_string_equal(map_code(map, "TT-1", july_s), "1.000002");
    assert_string_equal(map_code(map, "TT-1", NOON_S - 12 * 3600 - 1), "1.000002");
    assert_null(map_code(map, "TT-1", NOON_S)); /* the 20th is in neither row */
    assert_string_equal(map_code(map, "TT-1", NOON_S + 12 * 3600), "1.000003");
    assert_string_equal(map_code(map, "TT-1", INT64_MAX - 1), "1.000003");
    assert_null(map_code(map, "tt-1", NOON_S + 86400));
    assert_null(map_code(map, "TT", NOON_S));
    assert_null(map_code(map, "", NOON_S));
    assert_null(map_code(map, NULL, NOON_S));
    assert_int_equal(map_status(map, "TT-1", NULL, NULL, NOON_S), 0);
    map_free(map);
}

static void agencies_compare_in_normal_form(void **state)
{
    struct map *map = good(MAP_AGENCY, CODE_HEADER "000.07.12.H56,H56.31.25,,\n"
                                                   "Phòng A,000.00.09.H56,,\n");

    (void)state;
    assert_string_equal(map_code(map, "H56.12.7", NOON_S), "H56.31.25");
    assert_string_equal(map_code(map, "000.07.12.H56", NOON_S), "H56.31.25");
    assert_string_equal(map_code(map, "H56.012.007", NOON_S), "H56.31.25");
    assert_string_equal(map_code(map, "Phòng A", NOON_S), "000.00.09.H56");
    assert_null(map_code(map, "H56.12", NOON_S));
    map_free(map);
}

static void a_divided_unit_waits_for_a_person(void **state)
{
    struct map *map = good(MAP_AGENCY, "local,national,valid_from,valid_until,divided\n"
                                       "H56.25.31,H56.101,2025-07-01,,yes\n"
                                       "000.31.25.H56,H56.102,2025-07-01,,yes\n"
                                       "H56.25.32,H56.101,2025-07-01,,yes\n"
                                       "H56.25.32,H56.103,2025-07-01,,yes\n"
                                       "H56.25.32,H56.103,2026-01-01,,\n");
    const char *codes[4];
    int64_t before_s = vn("2025-06-30");
    int64_t after_s = vn("2025-07-02");

    (void)state;
    assert_int_equal(map_divided(map, "H56.25.31", before_s, codes, 4), 0);
    assert_int_equal(map_divided(map, "000.31.25.H56", after_s, codes, 4), 2);
    assert_string_equal(codes[0], "H56.101");
    assert_string_equal(codes[1], "H56.102");
    assert_null(map_code(map, "H56.25.31", after_s));
    assert_int_equal(map_divided(map, "H56.25.32", after_s, codes, 1), 2);
    /* a plain row is the person's decision */
    assert_int_equal(map_divided(map, "H56.25.32", vn("2026-01-02"), codes, 4), 0);
    assert_string_equal(map_code(map, "H56.25.32", vn("2026-01-02")), "H56.103");
    assert_int_equal(map_divided(map, "H56", after_s, codes, 4), 0);
    map_free(map);
    bad(MAP_AGENCY, "local,national,divided\nH56.1,H56.2,yes\nH56.1,H56.2,yes\n",
        "m.csv:3: valid at the same time as line 2 for the same key; end one before the other "
        "begins");
    bad(MAP_AGENCY, "local,national,divided\nH56.1,H56.2,ja\n",
        "m.csv:2: divided \"ja\" is not valid; write yes or leave it empty");
    bad(MAP_PROCEDURE, "local,national,divided\n",
        "m.csv:1: unknown column \"divided\"; remove "
        "or rename it");
}

#define WARDS "../shared/data/ward_old_to_new_2025.csv"

/* The column of a CSV line without quoted commas in front of it. */
static char *column(char *line, unsigned n)
{
    char *at = line;

    while (n > 0 && at != NULL) {
        at = strchr(at, ',');
        at = at != NULL ? at + 1 : NULL;
        n--;
    }
    return at;
}

/* An agency code made of a ward's number: no group may be zero, none longer than three digits. */
static void ward_code(const char *province, const char *ward, char out[32])
{
    unsigned number = (unsigned)strtoul(ward, NULL, 10) % 100000;

    (void)snprintf(out, 32, "H%.2s.%u.%u", province, number / 900 + 1, number % 900 + 1);
}

static void every_merged_ward_of_2025_is_mapped_or_waits_for_a_person(void **state)
{
    FILE *file = fopen(WARDS, "r");
    struct buf text;
    char line[1024];
    struct map *map;
    struct errmsg msg = {{0}};
    size_t rows = 0;
    size_t mapped = 0;
    size_t divided = 0;
    int64_t at_s = vn("2025-07-02");

    (void)state;
    if (file == NULL) {
        print_message("left out: " WARDS " is not here\n");
        skip();
    }
    buf_init(&text, 16 << 20);
    buf_puts(&text, "local,national,valid_from,divided\n");
    for (bool header = true; fgets(line, sizeof(line), file) != NULL; header = false) {
        char from[32];
        char to[32];

        if (!header) {
            ward_code(column(line, 0), column(line, 4), from);
            ward_code(column(line, 6), column(line, 8), to);
            buf_printf(&text, "%s,%s,2025-07-01,%s\n", from, to,
                       strstr(line, ",True\n") != NULL || strstr(line, ",True\r") != NULL ? "yes"
                                                                                          : "");
            rows++;
        }
    }
    assert_int_equal(map_parse(MAP_AGENCY, "wards.csv", buf_text(&text), text.len, &map, &msg), 0);
    assert_int_equal(rows, 10602);
    assert_int_equal(map_rows(map), rows);
    rewind(file);
    for (bool header = true; fgets(line, sizeof(line), file) != NULL; header = false) {
        const char *codes[32];
        char from[32];
        char to[32];

        if (header) {
            continue;
        }
        ward_code(column(line, 0), column(line, 4), from);
        ward_code(column(line, 6), column(line, 8), to);
        if (map_code(map, from, at_s) != NULL) {
            assert_string_equal(map_code(map, from, at_s), to);
            mapped++;
        } else {
            size_t n = map_divided(map, from, at_s, codes, 32);
            bool named = false;

            assert_in_range(n, 1, 32);
            for (size_t i = 0; i < n; i++) {
                named = named || strcmp(codes[i], to) == 0;
            }
            assert_true(named);
            divided++;
        }
        assert_null(map_code(map, from, vn("2025-06-30")));
    }
    assert_int_equal(mapped + divided, rows);
    print_message("%zu rows: %zu wards map to one, %zu rows belong to divided ones\n", rows, mapped,
                  divided);
    map_free(map);
    buf_free(&text);
    (void)fclose(file);
}

static void an_empty_map_with_a_header_is_a_map(void **state)
{
    struct map *map = good(MAP_AGENCY, "\xEF\xBB\xBF# comment\r\n" CODE_HEADER);

    (void)state;
    assert_int_equal(map_rows(map), 0);
    assert_null(map_code(map, "H56", NOON_S));
    map_free(map);
    map = good(MAP_PROCEDURE, "national,local\n1.000001,x\n"); /* any order, dates left out */
    assert_string_equal(map_code(map, "x", NOON_S), "1.000001");
    map_free(map);
    map_free(NULL);
}

static void faults_name_file_line_and_remedy(void **state)
{
    (void)state;
    bad(MAP_AGENCY, "",
        "m.csv:1: the file has no header line; begin it with the names of the columns");
    bad(MAP_AGENCY, "local;national\n",
        "m.csv:1: unknown column \"local;national\"; remove or rename it\n"
        "m.csv:1: column \"local\" is missing; add it to the header line\n"
        "m.csv:1: column \"national\" is missing; add it to the header line");
    bad(MAP_AGENCY, "local,national,local\n", "m.csv:1: column \"local\" stands twice; remove one");
    bad(MAP_AGENCY, "local,national,status\n",
        "m.csv:1: unknown column \"status\"; remove or rename it");
    bad(MAP_AGENCY, "\"x\n" CODE_HEADER, "m.csv:1: a quote is not closed; correct the line");
    bad(MAP_AGENCY, CODE_HEADER "H56,H57\n",
        "m.csv:2: 2 values for 4 columns; add or remove commas");
    bad(MAP_AGENCY, CODE_HEADER ",H57,,\n",
        "m.csv:2: the row has no local code or status; fill it or remove the row");
    bad(MAP_AGENCY, CODE_HEADER "H56,h57,,\n",
        "m.csv:2: national \"h57\" is not valid; it must be an agency code like H56.12");
    bad(MAP_PROCEDURE, CODE_HEADER "x,1.00119,,\n",
        "m.csv:2: national \"1.00119\" is not valid; it must be a procedure code like 1.001193");
    bad(MAP_AGENCY, CODE_HEADER "H56,H57,2025-02-30,1/7/2025\n",
        "m.csv:2: valid_from \"2025-02-30\" is no date; write it as 2025-07-01 or leave it empty\n"
        "m.csv:2: valid_until \"1/7/2025\" is no date; write it as 2025-07-01 or leave it empty");
    bad(MAP_AGENCY, CODE_HEADER "H56,H57,2025-07-01,2025-07-01\n",
        "m.csv:2: valid_until is not after valid_from; correct the dates");
    bad(MAP_AGENCY, CODE_HEADER "H56,H57,,\nH56,\xFF,,\nH1,\x1b,,\n",
        "m.csv:3: not UTF-8; correct the line\n"
        "m.csv:4: national \"\\x1b\" is not valid; it must be an agency code like H56.12");
}

static void national_statuses_are_one_to_ten(void **state)
{
    static const char *const wrong[] = {"",  "0",   "11",           "-1", "1x",
                                        "x", "100", "999999999999", "1 0"};
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char message[200];

        (void)snprintf(text, sizeof(text), "%sa,,,%s,,\n", STATUS_HEADER, wrong[i]);
        (void)snprintf(message, sizeof(message),
                       "m.csv:2: national \"%s\" is not valid; it must be a status from 1 to 10",
                       wrong[i]);
        bad(MAP_STATUS, text, message);
    }
    for (int status = 1; status <= 10; status++) {
        struct map *map;

        (void)snprintf(text, sizeof(text), "%sa,,,%d,,\n", STATUS_HEADER, status);
        map = good(MAP_STATUS, text);
        assert_int_equal(map_status(map, "a", NULL, NULL, NOON_S), status);
        map_free(map);
    }
}

static void two_rows_valid_at_once_name_both_lines(void **state)
{
    (void)state;
    bad(MAP_AGENCY, CODE_HEADER "H56.1,H57,,\nH56.2,H57,,\n000.00.01.H56,H58,,\n",
        "m.csv:4: valid at the same time as line 2 for the same key; end one before the other "
        "begins");
    bad(MAP_STATUS, STATUS_HEADER "a,,,1,,\nA,,,2,2025-01-01,\n",
        "m.csv:3: valid at the same time as line 2 for the same key; end one before the other "
        "begins");
    /* A long row over two short ones meets both; the short ones do not meet. */
    bad(MAP_AGENCY,
        CODE_HEADER "H1,H57,2025-01-01,2025-02-01\nx,H57,2025-03-01,2025-04-01\n"
                    "x,H57,2025-05-01,2025-06-01\nx,H57,2025-01-01,2025-12-01\n",
        "m.csv:5: valid at the same time as line 3 for the same key; end one before the other "
        "begins\n"
        "m.csv:5: valid at the same time as line 4 for the same key; end one before the other "
        "begins");
}

static void many_faults_are_counted(void **state)
{
    char text[4000] = CODE_HEADER;
    struct errmsg msg = {""};
    struct map *map = NULL;
    unsigned lines = 1;
    unsigned more = 0;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        strcat(text, "H56,,,\n");
    }
    assert_int_equal(map_parse(MAP_AGENCY, "m", text, strlen(text), &map, &msg), ERR_CONFIG);
    for (const char *at = strchr(msg.text, '\n'); at != NULL; at = strchr(at + 1, '\n')) {
        lines++;
        if (strchr(at + 1, '\n') == NULL) {
            assert_int_equal(sscanf(at + 1, "and %u more", &more), 1);
        }
    }
    assert_in_range(lines, 3, 21);
    assert_int_equal(lines - 1 + more, 100);
}

static void a_path_longer_than_the_message_is_cut(void **state)
{
    char path[900];
    struct errmsg msg = {""};
    struct map *map = NULL;

    (void)state;
    memset(path, 'p', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(map_parse(MAP_AGENCY, path, "x\ny\n", 4, &map, &msg), ERR_CONFIG);
    assert_true(strlen(msg.text) < sizeof(msg.text));
}

static void twenty_thousand_rows_are_each_found(void **state)
{
    size_t size = 40 * 20000 + 100;
    char *text = malloc(size);
    size_t used;
    struct map *map;

    (void)state;
    assert_non_null(text);
    used = (size_t)snprintf(text, size, CODE_HEADER);
    for (unsigned i = 0; i < 20000; i++) {
        used += (size_t)snprintf(text + used, size - used, "K%u,1.%06u,,\n", i * 7919 % 20000,
                                 i * 7919 % 20000);
    }
    map = good(MAP_PROCEDURE, text);
    free(text);
    assert_int_equal(map_rows(map), 20000);
    for (unsigned i = 0; i < 20000; i++) {
        char local[16];
        char national[16];

        (void)snprintf(local, sizeof(local), "K%u", i);
        (void)snprintf(national, sizeof(national), "1.%06u", i);
        assert_string_equal(map_code(map, local, NOON_S), national);
    }
    map_free(map);
}

static void files_have_a_largest_size(void **state)
{
    size_t len = 16 * 1024 * 1024 + 1;
    char *text = malloc(len);
    struct errmsg msg = {""};
    struct map *map = NULL;

    (void)state;
    assert_non_null(text);
    memset(text, '\n', len);
    assert_int_equal(map_parse(MAP_AGENCY, "m", text, len, &map, &msg), ERR_TOOBIG);
    assert_string_equal(msg.text, "m: larger than 16777216 bytes");
    assert_int_equal(map_parse(MAP_AGENCY, "m", text, len - 1, &map, &msg), ERR_TOOBIG);
    assert_string_equal(msg.text, "m: more than 1000000 lines");
    free(text);
}

static void a_file_is_loaded(void **state)
{
    char path[] = "/tmp/test_map_XXXXXX";
    struct errmsg msg = {""};
    struct map *map = NULL;
    int fd = mkstemp(path);
    FILE *file;

    (void)state;
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    assert_non_null(file);
    assert_true(fprintf(file, CODE_HEADER "x,1.000001,,\n") > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(map_load(MAP_PROCEDURE, path, &map, &msg), 0);
    assert_string_equal(map_code(map, "x", NOON_S), "1.000001");
    assert_string_equal(map_path(map), path);
    map_free(map);
    assert_int_equal(truncate(path, 17 * 1024 * 1024), 0);
    assert_int_equal(map_load(MAP_PROCEDURE, path, &map, &msg), ERR_TOOBIG);
    assert_int_equal(remove(path), 0);
    assert_null(map);
}

static void what_is_no_readable_file_is_told(void **state)
{
    struct errmsg msg = {""};
    struct map *map = NULL;

    (void)state;
    assert_int_equal(map_load(MAP_AGENCY, "/nonexistent/m.csv", &map, &msg), ERR_NOTFOUND);
    assert_string_equal(msg.text, "/nonexistent/m.csv: No such file or directory");
    assert_int_equal(map_load(MAP_AGENCY, "/tmp", &map, &msg), ERR_INVAL);
    assert_int_equal(map_load(MAP_AGENCY, "/dev/null", &map, NULL), ERR_INVAL);
    assert_null(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_goes_substatus_then_status_then_name),
        cmocka_unit_test(statuses_and_names_compare_without_case),
        cmocka_unit_test(a_status_and_substatus_never_flow_together),
        cmocka_unit_test(statuses_that_no_row_can_hold_fit_none),
        cmocka_unit_test(rows_hold_between_their_dates),
        cmocka_unit_test(agencies_compare_in_normal_form),
        cmocka_unit_test(a_divided_unit_waits_for_a_person),
        cmocka_unit_test(every_merged_ward_of_2025_is_mapped_or_waits_for_a_person),
        cmocka_unit_test(an_empty_map_with_a_header_is_a_map),
        cmocka_unit_test(faults_name_file_line_and_remedy),
        cmocka_unit_test(national_statuses_are_one_to_ten),
        cmocka_unit_test(two_rows_valid_at_once_name_both_lines),
        cmocka_unit_test(many_faults_are_counted),
        cmocka_unit_test(a_path_longer_than_the_message_is_cut),
        cmocka_unit_test(twenty_thousand_rows_are_each_found),
        cmocka_unit_test(files_have_a_largest_size),
        cmocka_unit_test(a_file_is_loaded),
        cmocka_unit_test(what_is_no_readable_file_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
