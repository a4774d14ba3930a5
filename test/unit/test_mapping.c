#include "adapter/mapping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "codec/record.h"
#include "codec/xml.h"
#include "unit/mapping_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- unwrap, success, rows ---- */

static void texts_that_are_documents_are_unwrapped(void **state)
{
    static const struct {
        const char *unwrap;
        const char *reply;
        const char *format;
        const char *path;
    } cases[] = {
        {"\"/m as json\"", "{\"m\":\"{\\\"a\\\":[{\\\"id\\\":\\\"x\\\"}]}\"}", "json", "/a"},
        {"\"/m as xml\"", "{\"m\":\"<a><r><id>x</id></r></a>\"}", "json", "a/r"},
        {"\"/s/m as json\"", "<s><m><![CDATA[{\"a\":[{\"id\":\"x\"}]}]]></m></s>", "xml", "/a"},
        {"\"/m as json\", \"/n as xml\"",
         "{\"m\":\"{\\\"n\\\":\\\"<a><r><id>x</id></r></a>\\\"}\"}", "json", "a/r"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool xml = cases[i].path[0] != '/';
        struct fixture f;
        char text[600];

        (void)snprintf(text, sizeof(text),
                       "format = %s\nid = {\"%s\"}\ncall list { url = \"{url}\"\n unwrap = {%s}\n"
                       " rows = \"%s\" }\ndossier { code = \"%s\" }\n",
                       cases[i].format, xml ? "id" : "/id", cases[i].unwrap, cases[i].path,
                       xml ? "id" : "/id");
        fixture_load(&f, text);
        fixture_open(&f, &f.preset->list, cases[i].reply);
        assert_int_equal(mapping_judge(&f.preset->list, f.doc, f.words), MAPPING_OK);
        assert_string_equal(fixture_id(&f, mapping_first(f.doc, f.preset->list.rows)), "x");
        fixture_end(&f);
    }
}

static void what_is_inside_must_be_a_document(void **state)
{
    struct fixture f;

    (void)state;
    fixture_load(&f, "id = {\"/id\"}\ncall list { url = \"{url}\"\n unwrap = \"/m as json\" }\n"
                     "dossier { code = \"/id\" }\n");
    assert_int_equal(fixture_try_open(&f, &f.preset->list, "{\"m\":\"nonsense\"}"), ERR_FORMAT);
    assert_string_equal(strstr(f.msg.text, "the document at /m"), f.msg.text);
    fixture_end(&f);
}

/* Without it nothing tells that there are no rows. */
static void a_missing_document_is_no_empty_list(void **state)
{
    struct fixture f;

    (void)state;
    fixture_load(&f, "id = {\"/id\"}\ncall list { url = \"{url}\"\n unwrap = \"/m as json\" }\n"
                     "call detail { url = \"{url}\"\n unwrap = \"/m as json\"\n ok = \"/e\"\n"
                     " ok_values = {\"0\"} }\ndossier { code = \"/id\" }\n");
    fixture_open(&f, &f.preset->list, "{\"e\":\"0\"}");
    assert_int_equal(mapping_judge(&f.preset->list, f.doc, f.words), MAPPING_REFUSED);
    assert_string_equal(f.words, "the reply holds no document");
    assert_null(mapping_first(f.doc, ""));
    fixture_open(&f, &f.preset->detail, "{\"e\":0,\"m\":\"\"}");
    assert_int_equal(mapping_judge(&f.preset->detail, f.doc, f.words), MAPPING_OK);
    assert_null(mapping_first(f.doc, ""));
    fixture_end(&f);
}

static void success_is_what_the_call_says(void **state)
{
    static const struct {
        const char *reply;
        enum mapping_verdict verdict;
        const char *words;
    } cases[] = {
        {"{\"code\":0,\"msg\":\"Thành công\"}", MAPPING_OK, "Thành công"},
        {"{\"code\":\"00\",\"msg\":\"Đã THÀNH CÔNG\"}", MAPPING_OK, "Đã THÀNH CÔNG"},
        {"{\"code\":\"0\",\"msg\":\"Lỗi\"}", MAPPING_REFUSED, "Lỗi"},
        {"{\"code\":1,\"msg\":\"Thành công\"}", MAPPING_REFUSED, "Thành công"},
        {"{\"code\":9,\"msg\":\"Phiên\"}", MAPPING_AUTH, "Phiên"},
        {"{\"msg\":\"Thành công\"}", MAPPING_REFUSED, "Thành công"},
        {"[]", MAPPING_REFUSED, ""},
        {"{\"code\":1,\"msg\":\"id 000199000457 of a@b.vn\\n\"}", MAPPING_REFUSED, "id *** of ***"},
    };
    struct fixture f;

    (void)state;
    fixture_load(&f, "id = {\"/id\"}\ncall list { url = \"{url}\"\n rows = \"/rows\"\n"
                     " ok = \"/code\"\n ok_values = {\"0\", \"00\"}\n auth_values = {\"9\"}\n"
                     " ok_text_path = \"/msg\"\n ok_text = \"thành công\"\n words = \"/msg\" }\n"
                     "dossier { code = \"/id\" }\n");
    for (size_t i = 0; i < COUNT(cases); i++) {
        fixture_open(&f, &f.preset->list, cases[i].reply);
        assert_int_equal(mapping_judge(&f.preset->list, f.doc, f.words), cases[i].verdict);
        if (strcmp(f.words, cases[i].words) != 0) {
            fail_msg("%s: %s", cases[i].reply, f.words);
        }
    }
    fixture_end(&f);
}

static void without_a_predicate_the_rows_must_be_there(void **state)
{
    struct fixture f;

    (void)state;
    fixture_load(&f, "id = {\"/id\"}\ncall list { url = \"{url}\"\n rows = \"/rows\" }\n"
                     "dossier { code = \"/id\" }\n");
    fixture_open(&f, &f.preset->list, "{\"error\":\"no\"}");
    assert_int_equal(mapping_judge(&f.preset->list, f.doc, f.words), MAPPING_REFUSED);
    fixture_open(&f, &f.preset->list, "{\"rows\":null}");
    assert_int_equal(mapping_judge(&f.preset->list, f.doc, f.words), MAPPING_OK);
    assert_null(mapping_first(f.doc, "/rows"));
    fixture_open(&f, &f.preset->list, "{\"rows\":{\"id\":4}}");
    assert_string_equal(fixture_id(&f, mapping_first(f.doc, "/rows")), "4");
    assert_null(mapping_next(mapping_first(f.doc, "/rows")));
    fixture_end(&f);
}

/* What was unwrapped is no message, whatever path is asked for. */
static void a_whole_document_never_shows_as_words(void **state)
{
    struct fixture f;

    (void)state;
    fixture_load(&f, "id = {\"/id\"}\ncall list { url = \"{url}\"\n unwrap = \"/m as json\"\n"
                     " ok = \"/e\"\n ok_values = {\"0\"}\n words = \"/m\" }\n"
                     "dossier { code = \"/id\" }\n");
    fixture_open(&f, &f.preset->list, "{\"m\":\"{\\\"e\\\":\\\"1\\\",\\\"name\\\":\\\"x\\\"}\"}");
    assert_int_equal(mapping_judge(&f.preset->list, f.doc, f.words), MAPPING_REFUSED);
    assert_string_equal(f.words, "");
    fixture_end(&f);
}

/* ---- rows: id, digest, time ---- */

#define ROWS                                                                                       \
    "id = {\"/IDHoSo\", \"/MaHoSo\"}\nchanged = \"/at\"\nchanged_format = epoch_ms\n"              \
    "hash_without = {\"/now\", \"/deep/seen\"}\n"                                                  \
    "call list { url = \"{url}\" }\ndossier { code = \"/code\" }\n"

static void rows_have_an_id_in_any_case_of_the_key(void **state)
{
    struct fixture f;
    uint8_t hash[RECORD_HASH_BYTES];
    const char *id;
    int64_t at_s;

    (void)state;
    fixture_load(&f, ROWS);
    fixture_open(&f, &f.preset->list,
                 "[{\"IdHoSo\":\" a1 \",\"at\":1794274200123},"
                 "{\"IdHoSo\":null,\"MAHOSO\":7,\"at\":null},{\"x\":1}]");
    assert_string_equal(fixture_id(&f, mapping_first(f.doc, "")), "a1");
    assert_int_equal(f.changed_s, 1794274200);
    assert_string_equal(fixture_id(&f, mapping_next(mapping_first(f.doc, ""))), "7");
    assert_int_equal(f.changed_s, 0);
    assert_int_equal(mapping_row(f.preset, f.doc,
                                 mapping_next(mapping_next(mapping_first(f.doc, ""))), &f.arena,
                                 &id, hash, &at_s, &f.msg),
                     ERR_FORMAT);
    assert_non_null(strstr(f.msg.text, "without an id at /IDHoSo"));
    fixture_open(&f, &f.preset->list, "[{\"IdHoSo\":1,\"at\":\"tomorrow\"}]");
    assert_int_equal(
        mapping_row(f.preset, f.doc, mapping_first(f.doc, ""), &f.arena, &id, hash, &at_s, &f.msg),
        ERR_FORMAT);
    fixture_end(&f);
}

static void the_digest_ignores_what_changes_by_itself(void **state)
{
    static const char *const same[] = {
        "[{\"IDHoSo\":1,\"a\":[1,2],\"deep\":{\"x\":1,\"seen\":5},\"now\":1}]",
        "[{\"a\": [1.0, 2], \"now\":2, \"deep\":{\"x\":1}, \"IDHoSo\":1}]",
    };
    static const char *const other[] = {
        "[{\"IDHoSo\":1,\"a\":[2,1],\"deep\":{\"x\":1}}]",
        "[{\"IDHoSo\":1,\"a\":[1,2],\"deep\":{\"x\":2}}]",
        "[{\"IDHoSo\":\"1\",\"a\":[1,2],\"deep\":{\"x\":1}}]",
    };
    uint8_t first[RECORD_HASH_BYTES];
    struct fixture f;

    (void)state;
    fixture_load(&f, ROWS);
    for (size_t i = 0; i < COUNT(same); i++) {
        fixture_open(&f, &f.preset->list, same[i]);
        (void)fixture_id(&f, mapping_first(f.doc, ""));
        if (i == 0) {
            memcpy(first, f.hash, sizeof(first));
        }
        assert_memory_equal(first, f.hash, sizeof(first));
    }
    for (size_t i = 0; i < COUNT(other); i++) {
        fixture_open(&f, &f.preset->list, other[i]);
        (void)fixture_id(&f, mapping_first(f.doc, ""));
        assert_memory_not_equal(first, f.hash, sizeof(first));
    }
    fixture_end(&f);
}

static void xml_rows_too(void **state)
{
    struct fixture f;
    uint8_t first[RECORD_HASH_BYTES];

    (void)state;
    fixture_load(&f, "format = xml\nnamespaces { n = \"urn:n\" }\nid = {\"n:id\"}\n"
                     "hash_without = {\"n:now\"}\nchanged = \"@at\"\n"
                     "call list { url = \"{url}\"\n rows = \"n:list/n:row\"\n"
                     " total = \"count(/n:list/n:row)\" }\ndossier { code = \"n:id\" }\n");
    fixture_open(&f, &f.preset->list,
                 "<list xmlns='urn:n'><row at='2026-11-10' b='1'><id>1</id><now>a</now></row>"
                 "<other/><row><id>2</id></row></list>");
    assert_string_equal(fixture_id(&f, mapping_first(f.doc, f.preset->list.rows)), "1");
    assert_int_equal(f.changed_s, 1794243600);
    memcpy(first, f.hash, sizeof(first));
    assert_string_equal(mapping_text(f.doc, mapping_root(f.doc), f.preset->list.total, &f.arena),
                        "2");
    fixture_open(&f, &f.preset->list,
                 "<p:list xmlns:p='urn:n'>\n <p:row b='1' at='2026-11-10'>\n  <p:id>1</p:id>\n"
                 "  <p:now>b</p:now>\n </p:row></p:list>");
    assert_string_equal(fixture_id(&f, mapping_first(f.doc, f.preset->list.rows)), "1");
    assert_memory_equal(first, f.hash, sizeof(first));
    fixture_open(&f, &f.preset->list, "<list xmlns='urn:m'><row><id>1</id></row></list>");
    assert_null(mapping_first(f.doc, f.preset->list.rows));
    fixture_end(&f);
}

/* ---- hostile documents ---- */

static void hostile_documents_are_refused_with_the_place(void **state)
{
    static const struct {
        const char *call; /* reply or unwrap */
        const char *reply;
        int err;
        const char *words;
    } cases[] = {
        {"reply = xml", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
         ERR_FORMAT, "line 1: a DOCTYPE is not accepted"},
        {"reply = xml", "<a>\n&#0;</a>", ERR_FORMAT, "line 2"},
        {"reply = xml", "<a><b></a>", ERR_FORMAT, "line 1"},
        {"reply = json", "{\"a\":1,\"a\":2}", ERR_FORMAT, "byte "},
        {"reply = json", "{\"a\":\"\\u0000\"}", ERR_FORMAT, "byte "},
        {"reply = json", "{\"a\":1} x", ERR_FORMAT, "byte "},
        {"unwrap = \"/m as xml\"", "{\"m\":\"<!DOCTYPE a><a/>\"}", ERR_FORMAT,
         "the document at /m: line 1: a DOCTYPE"},
        {"unwrap = \"/m as json\"", "{\"m\":\"{\\\"a\\\":1,\\\"a\\\":1}\"}", ERR_FORMAT,
         "the document at /m: byte "},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        char text[300];

        (void)snprintf(text, sizeof(text),
                       "id = {id}\ncall list { url = \"{url}\"\n %s\n rows = \"\" }\n"
                       "dossier { code = \"= x\" }\n",
                       cases[i].call);
        if (strstr(cases[i].call, "xml") == NULL) {
            memcpy(strstr(text, "{id}"), "\"/\" ", 4);
        }
        fixture_load(&f, text);
        assert_int_equal(fixture_try_open(&f, &f.preset->list, cases[i].reply), cases[i].err);
        if (strstr(f.msg.text, cases[i].words) == NULL) {
            fail_msg("%s: %s", cases[i].reply, f.msg.text);
        }
        fixture_end(&f);
    }
}

static void deep_documents_are_refused(void **state)
{
    struct fixture f;
    struct buf deep;

    (void)state;
    fixture_load(&f, "id = {\"/\"}\ncall list { url = \"{url}\" }\n"
                     "call detail { url = \"{url}\"\n reply = xml }\ndossier { code = \"= x\" }\n");
    buf_init(&deep, 1u << 20);
    for (unsigned i = 0; i < 100000; i++) {
        buf_putc(&deep, '[');
    }
    assert_int_equal(fixture_try_open(&f, &f.preset->list, buf_text(&deep)), ERR_TOOBIG);
    buf_clear(&deep);
    for (unsigned i = 0; i < 100000; i++) {
        buf_puts(&deep, "<a>");
    }
    assert_int_equal(fixture_try_open(&f, &f.preset->detail, buf_text(&deep)), ERR_TOOBIG);
    buf_free(&deep);
    fixture_end(&f);
}

/* The rows of a large list: no path may cost more than the list is long. */
static void many_rows_take_their_time_once(void **state)
{
    clock_t start;
    struct fixture f;
    struct buf list;
    size_t n = 0;

    (void)state;
    fixture_load(&f, "format = xml\nid = {\"id\"}\ncall list { url = \"{url}\"\n"
                     " rows = \"list/row\" }\ndossier { code = \"id\" }\n");
    buf_init(&list, 8u << 20);
    buf_puts(&list, "<list>");
    for (unsigned i = 0; i < 50000; i++) {
        buf_printf(&list, "<row><id>%u</id></row>", i);
    }
    buf_puts(&list, "</list>");
    assert_int_equal(buf_error(&list), 0);
    start = clock();
    fixture_open(&f, &f.preset->list, buf_text(&list));
    for (const struct mapping_node *row = mapping_first(f.doc, "list/row"); row != NULL;
         row = mapping_next(row)) {
        n++;
        if (n % 1000 == 0) {
            (void)fixture_id(&f, row);
        }
    }
    assert_int_equal(n, 50000);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
    buf_free(&list);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_that_are_documents_are_unwrapped),
        cmocka_unit_test(what_is_inside_must_be_a_document),
        cmocka_unit_test(a_missing_document_is_no_empty_list),
        cmocka_unit_test(success_is_what_the_call_says),
        cmocka_unit_test(without_a_predicate_the_rows_must_be_there),
        cmocka_unit_test(a_whole_document_never_shows_as_words),
        cmocka_unit_test(rows_have_an_id_in_any_case_of_the_key),
        cmocka_unit_test(the_digest_ignores_what_changes_by_itself),
        cmocka_unit_test(xml_rows_too),
        cmocka_unit_test(hostile_documents_are_refused_with_the_place),
        cmocka_unit_test(deep_documents_are_refused),
        cmocka_unit_test(many_rows_take_their_time_once),
    };
    int failed;

    xml_init();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xml_cleanup();
    return failed;
}
