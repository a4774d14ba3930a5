#include "base/sheet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct sheet_column columns[] = {
    {"agency", "Agency", SHEET_WORDS},
    {"received", "Received", SHEET_NUMBER},
    {"share", NULL, SHEET_NUMBER},
};

/* A document with all that a document can have. */
static void write_all(struct sheet *s, enum sheet_format format, struct buf *out)
{
    buf_init(out, 1u << 20);
    sheet_begin(s, format, "report", "The month", out);
    sheet_fact(s, "month", "Month", "2026-10");
    sheet_fact_number(s, "dossiers", "Dossiers", 160766);
    sheet_note(s, "", "Made for a test.");
    sheet_table(s, "agencies", "By agency", columns, 3);
    sheet_text(s, "Sở \"A\", <B> & C");
    sheet_number(s, 2757);
    sheet_percent(s, 2757, 2863);
    sheet_text(s, "=HYPERLINK(1)");
    sheet_text(s, "<5");
    sheet_empty(s);
    sheet_note(s, "received", "dossiers, \"received\" in the month");
    sheet_table(s, "nothing", "Nothing", columns, 1);
    assert_int_equal(sheet_end(s), 0);
}

static void check_document(enum sheet_format format, const char *expected)
{
    struct sheet s;
    struct buf out;

    write_all(&s, format, &out);
    assert_string_equal(buf_text(&out), expected);
    buf_free(&out);
}

static void text_aligns_columns_and_defines_them(void **state)
{
    (void)state;
    check_document(SHEET_TEXT, "The month\n"
                               "=========\n"
                               "Month: 2026-10\n"
                               "Dossiers: 160766\n"
                               "  Made for a test.\n"
                               "\n"
                               "By agency\n"
                               "---------\n"
                               "Agency           Received  share\n"
                               "Sở \"A\", <B> & C      2757   96.2\n"
                               "=HYPERLINK(1)          <5      -\n"
                               "\n"
                               "  received: dossiers, \"received\" in the month\n"
                               "\n"
                               "Nothing\n"
                               "-------\n"
                               "Agency\n"
                               "(none)\n");
}

static void csv_names_the_table_in_each_row(void **state)
{
    (void)state;
    check_document(SHEET_CSV,
                   "\xEF\xBB\xBFtable,name,value\r\n"
                   "document,name,report\r\n"
                   "document,title,The month\r\n"
                   "document,month,2026-10\r\n"
                   "document,dossiers,160766\r\n"
                   "\r\n"
                   "table,agency,received,share\r\n"
                   "agencies,\"Sở \"\"A\"\", <B> & C\",2757,96.2\r\n"
                   "agencies,\"'=HYPERLINK(1)\",<5,\r\n"
                   "\r\n"
                   "table,agency\r\n"
                   "\r\n"
                   "table,of,term,text\r\n"
                   "note,,,Made for a test.\r\n"
                   "note,agencies,received,\"dossiers, \"\"received\"\" in the month\"\r\n");
}

static void json_is_one_object(void **state)
{
    (void)state;
    check_document(
        SHEET_JSON,
        "{\"name\":\"report\",\"title\":\"The month\",\"facts\":{\"month\":\"2026-10\","
        "\"dossiers\":\"160766\"},\"notes\":[{\"term\":\"\",\"text\":\"Made for a test.\"}],"
        "\"tables\":{\"agencies\":{\"title\":\"By agency\",\"columns\":["
        "{\"name\":\"agency\",\"title\":\"Agency\"},{\"name\":\"received\",\"title\":\"Received\"},"
        "{\"name\":\"share\",\"title\":\"share\"}],\"rows\":[\n"
        "{\"agency\":\"Sở \\\"A\\\", <B> & C\",\"received\":2757,\"share\":96.2},\n"
        "{\"agency\":\"=HYPERLINK(1)\",\"received\":\"<5\",\"share\":null}],"
        "\"notes\":[{\"term\":\"received\",\"text\":\"dossiers, \\\"received\\\" in the month\"}]},"
        "\"nothing\":{\"title\":\"Nothing\",\"columns\":[{\"name\":\"agency\",\"title\":\"Agency\"}"
        "],"
        "\"rows\":[],\"notes\":[]}}}\n");
}

static void html_escapes_every_text_and_loads_nothing(void **state)
{
    struct sheet s;
    struct buf out;

    (void)state;
    write_all(&s, SHEET_HTML, &out);
    assert_non_null(strstr(buf_text(&out),
                           "<td>Sở &quot;A&quot;, &lt;B&gt; &amp; C</td>"
                           "<td class=\"n\">2757</td><td class=\"n\">96.2</td></tr>\n"));
    assert_non_null(
        strstr(buf_text(&out), "<td class=\"n\">&lt;5</td><td class=\"n\"></td></tr>\n"));
    assert_non_null(strstr(buf_text(&out), "<h1>The month</h1>\n<div>Month: 2026-10</div>\n"));
    assert_non_null(
        strstr(buf_text(&out), "<dt>received</dt>\n<dd>dossiers, &quot;received&quot;"));
    assert_non_null(strstr(buf_text(&out), "default-src 'none'"));
    assert_null(strstr(buf_text(&out), "<script"));
    assert_null(strstr(buf_text(&out), "http:"));
    assert_null(strstr(buf_text(&out), "https:"));
    buf_free(&out);
}

/* One cell and one note of a document, in the format. */
static void write_cell(enum sheet_format format, const char *text, struct buf *out)
{
    struct sheet s;

    buf_init(out, 1u << 20);
    sheet_begin(&s, format, "x", "X", out);
    sheet_fact(&s, "f", "F", text);
    sheet_table(&s, "t", "T", columns, 1);
    sheet_text(&s, text);
    sheet_note(&s, "n", text);
    assert_int_equal(sheet_end(&s), 0);
}

static void texts_for_eyes_hold_no_control_character(void **state)
{
    struct buf out;

    (void)state;
    write_cell(SHEET_TEXT, "a\033[2J\n\xE2\x80\xAE b\xFFz", &out);
    assert_non_null(
        strstr(buf_text(&out), "T\n-\nAgency\na\\x1b[2J\\x0a\\xe2\\x80\\xae b\\xffz\n"));
    assert_null(strchr(buf_text(&out), '\033'));
    buf_free(&out);
    write_cell(SHEET_HTML, "a\033\xE2\x80\xAE<b>", &out);
    assert_non_null(strstr(buf_text(&out), "<td>a\\x1b\\xe2\\x80\\xae&lt;b&gt;</td>"));
    assert_null(strchr(buf_text(&out), '\033'));
    assert_null(strstr(buf_text(&out), "\xE2\x80\xAE"));
    assert_null(strstr(buf_text(&out), "<b>"));
    buf_free(&out);
    write_cell(SHEET_JSON, "a\n\"\xFF", &out);
    assert_non_null(strstr(buf_text(&out), "{\"agency\":\"a\\n\\\"\xEF\xBF\xBD\"}"));
    buf_free(&out);
}

/* A text of 2-byte characters with each length round the pieces that it is escaped in. */
static void long_texts_stay_whole(void **state)
{
    char text[600] = "";
    struct buf out;

    (void)state;
    for (size_t n = 0; n < 290; n++) {
        for (size_t i = 0; i < n; i++) {
            memcpy(text + 2 * i, "đ", 2);
        }
        memcpy(text + 2 * n, "|", 2);
        write_cell(SHEET_TEXT, text, &out);
        assert_non_null(strstr(buf_text(&out), text));
        assert_null(strstr(buf_text(&out), "\\x"));
        buf_free(&out);
    }
}

static void csv_guards_every_beginning_of_a_formula(void **state)
{
    static const char *const formulas[] = {"=1", "+1", "-1", "@a", "\ta", "\ra", "\na"};
    struct buf out;
    char expected[64];

    (void)state;
    for (size_t i = 0; i < sizeof(formulas) / sizeof(formulas[0]); i++) {
        write_cell(SHEET_CSV, formulas[i], &out);
        (void)snprintf(expected, sizeof(expected), "\r\nt,\"'%s\"\r\n", formulas[i]);
        assert_non_null(strstr(buf_text(&out), expected));
        (void)snprintf(expected, sizeof(expected), "\r\ndocument,f,\"'%s\"\r\n", formulas[i]);
        assert_non_null(strstr(buf_text(&out), expected));
        (void)snprintf(expected, sizeof(expected), "\r\nnote,t,n,\"'%s\"\r\n", formulas[i]);
        assert_non_null(strstr(buf_text(&out), expected));
        buf_free(&out);
    }
}

/* Where ';' separates cells (Excel in Vietnam), a quote inside a row's text is no quote. */
static void csv_guards_formulas_behind_other_separators(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"x;=cmd|'/C calc'!A0", "\"x;'=cmd|'/C calc'!A0\""},
        {"x; \"+1", "\"x;' \"\"+1\""},
        {"x\t-1", "\"x\t'-1\""},
        {"x\n@a\r\n=b", "\"x\n'@a\r'\n'=b\""},
        {" =1", "\"' =1\""},
        {"a;b", "\"a;b\""},
        {"a, =b", "\"a, =b\""}, /* no program splits quoted cells at the file's own separator */
    };
    struct buf out;
    char expected[80];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_cell(SHEET_CSV, cases[i].text, &out);
        (void)snprintf(expected, sizeof(expected), "\r\nt,%s\r\n", cases[i].shown);
        if (strstr(buf_text(&out), expected) == NULL) {
            fail_msg("not found: %s in %s", expected, buf_text(&out));
        }
        buf_free(&out);
    }
}

static void csv_escapes_what_a_terminal_would_obey(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"H56\x1b[2J", "H56\\x1b[2J"},
        {"a\x07\x7f", "a\\x07\\x7f"},
        {"\xc2\x9b"
         "2J",
         "\\xc2\\x9b2J"},
        {"\xe2\x80\xae"
         "a",
         "\\xe2\\x80\\xaea"},
        {"\xff", "\\xff"},
        {"Nguyễn", "Nguyễn"},
        {"a\n\x1b[2J\tb", "\"a\n\\x1b[2J\tb\""},
    };
    struct buf out;
    char expected[80];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_cell(SHEET_CSV, cases[i].text, &out);
        (void)snprintf(expected, sizeof(expected), "\r\nt,%s\r\n", cases[i].shown);
        if (strstr(buf_text(&out), expected) == NULL) {
            fail_msg("not found: %s in %s", expected, buf_text(&out));
        }
        (void)snprintf(expected, sizeof(expected), "\r\ndocument,f,%s\r\n", cases[i].shown);
        assert_non_null(strstr(buf_text(&out), expected));
        (void)snprintf(expected, sizeof(expected), "\r\nnote,t,n,%s\r\n", cases[i].shown);
        assert_non_null(strstr(buf_text(&out), expected));
        buf_free(&out);
    }
}

static void negative_numbers_are_no_formulas(void **state)
{
    struct sheet s;
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    sheet_begin(&s, SHEET_CSV, "x", "X", &out);
    sheet_table(&s, "t", "T", columns, 1);
    sheet_number(&s, -5);
    assert_int_equal(sheet_end(&s), 0);
    assert_non_null(strstr(buf_text(&out), "\r\nt,-5\r\n"));
    buf_free(&out);
}

static void percent_is_100_only_of_all(void **state)
{
    static const struct {
        int64_t numerator, denominator;
        const char *text;
    } rows[] = {
        {0, 10, "0.0"},        {1, 3, "33.3"},    {2, 3, "66.6"},
        {9999, 10000, "99.9"}, {10, 10, "100.0"}, {0, 0, "null"},
    };
    struct sheet s;
    struct buf out;
    char expected[64];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_init(&out, 4096);
        sheet_begin(&s, SHEET_JSON, "x", "X", &out);
        sheet_table(&s, "t", "T", columns, 1);
        sheet_percent(&s, rows[i].numerator, rows[i].denominator);
        assert_int_equal(sheet_end(&s), 0);
        (void)snprintf(expected, sizeof(expected), "{\"agency\":%s}", rows[i].text);
        assert_non_null(strstr(buf_text(&out), expected));
        buf_free(&out);
    }
}

/* Of a long name the columns behind it keep their places; the last column is free. */
static void long_words_are_cut_and_titles_broken(void **state)
{
    static const struct sheet_column long_titles[] = {
        {"name", "Name", SHEET_WORDS},
        {"late", "Late only by synchronisation", SHEET_NUMBER},
        {"what", NULL, SHEET_WORDS},
    };
#define TEN "đđđđđđđđđđ"
#define LONG "123456789 123456789 123456789 123456789 123456789"
    struct sheet s;
    struct buf out;

    (void)state;
    buf_init(&out, 1u << 20);
    sheet_begin(&s, SHEET_TEXT, "x", "X", &out);
    sheet_table(&s, "t", "T", long_titles, 3);
    sheet_text(&s, TEN TEN TEN TEN);
    sheet_number(&s, 7);
    sheet_text(&s, LONG);
    sheet_text(&s, TEN TEN TEN TEN "|");
    sheet_number(&s, 12345);
    sheet_text(&s, "x");
    assert_int_equal(sheet_end(&s), 0);
    assert_string_equal(
        strstr(buf_text(&out), "Name"),
        "Name                                         Late only by  what\n"
        "                                          synchronisation  \n" TEN TEN TEN TEN
        "                7  " LONG "\n" TEN TEN TEN "đđđđđđđ...            12345  x\n");
    buf_free(&out);
#undef TEN
#undef LONG
}

static void long_notes_are_wrapped(void **state)
{
    struct buf out;
    char text[400] = "";
    size_t line = 0;

    (void)state;
    for (int i = 0; i < 30; i++) {
        strcat(text, i > 0 ? " giấy tờ" : "giấy tờ");
    }
    write_cell(SHEET_TEXT, text, &out);
    for (const char *c = strstr(buf_text(&out), "  n: "); *c != '\0'; c++) {
        line = *c == '\n' ? 0 : line + (((unsigned char)*c & 0xC0) != 0x80);
        assert_true(line <= 100);
    }
    buf_free(&out);
}

static void the_ceiling_is_an_error_at_the_end(void **state)
{
    (void)state;
    for (int format = SHEET_TEXT; format <= SHEET_HTML; format++) {
        struct sheet s;
        struct buf out;

        buf_init(&out, 50);
        sheet_begin(&s, (enum sheet_format)format, "report", "The month", &out);
        sheet_table(&s, "t", "Title", columns, 1);
        for (int i = 0; i < 20; i++) {
            sheet_text(&s, "word");
        }
        assert_int_equal(sheet_end(&s), ERR_TOOBIG);
        buf_free(&out);
    }
}

static void knows_its_formats(void **state)
{
    enum sheet_format format;

    (void)state;
    assert_int_equal(sheet_format_find("text", &format), 0);
    assert_int_equal(format, SHEET_TEXT);
    assert_int_equal(sheet_format_find("html", &format), 0);
    assert_int_equal(format, SHEET_HTML);
    assert_int_equal(sheet_format_find("JSON", &format), ERR_NOTFOUND);
    assert_int_equal(sheet_format_find("", &format), ERR_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_aligns_columns_and_defines_them),
        cmocka_unit_test(csv_names_the_table_in_each_row),
        cmocka_unit_test(json_is_one_object),
        cmocka_unit_test(html_escapes_every_text_and_loads_nothing),
        cmocka_unit_test(texts_for_eyes_hold_no_control_character),
        cmocka_unit_test(long_texts_stay_whole),
        cmocka_unit_test(csv_guards_every_beginning_of_a_formula),
        cmocka_unit_test(csv_guards_formulas_behind_other_separators),
        cmocka_unit_test(csv_escapes_what_a_terminal_would_obey),
        cmocka_unit_test(negative_numbers_are_no_formulas),
        cmocka_unit_test(percent_is_100_only_of_all),
        cmocka_unit_test(long_words_are_cut_and_titles_broken),
        cmocka_unit_test(long_notes_are_wrapped),
        cmocka_unit_test(the_ceiling_is_an_error_at_the_end),
        cmocka_unit_test(knows_its_formats),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
