#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/mapping.h"
#include "base/buf.h"
#include "codec/record.h"
#include "codec/xml.h"
#include "unit/mapping_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A preset for one JSON object as the whole reply; more fields and sections are put behind it. */
#define ONE(fields)                                                                                \
    "id = {\"/id\"}\ndates = {\"yyyyMMddHHmmss\", \"iso\"}\n"                                      \
    "call list { url = \"{url}\"\n one_row = yes }\ndossier { code = \"/code\"\n" fields " }\n"

static void map_one(struct fixture *f, const char *preset, const char *reply, struct outcome *o)
{
    fixture_load(f, preset);
    fixture_open(f, &f->preset->list, reply);
    map_row(f, mapping_first(f->doc, f->preset->list.rows), NULL, &NO_SOURCE, o);
}

/* ---- values ---- */

static void converters(void **state)
{
    static const struct {
        const char *chain;
        const char *value; /* as JSON */
        const char *want;
    } cases[] = {
        {"", "\"  a b \"", "a b"},
        {"", "12", "12"},
        {"", "1.5", "1.5"},
        {"", "true", "true"},
        {"", "null", ""},
        {"", "[1]", ""},
        {"", "{\"a\":1}", ""},
        {"| trim", "\" a\"", "a"},
        {"| upper", "\"h56.a1 đ\"", "H56.A1 đ"},
        {"| lower", "\"H56.A1\"", "h56.a1"},
        {"| date dd/MM/yyyy", "\"10/11/2026\"", "20261110000000"},
        {"| date dd/MM/yyyy HH:mm:ss, iso", "\"2026-11-10T01:30:00Z\"", "20261110083000"},
        {"| date epoch_ms", "1794274200123", "20261110083000"},
        {"| lookup A=1, B=2, *=9", "\"B\"", "2"},
        {"| lookup A=1, B=2, *=9", "\"C\"", "9"},
        {"| lookup A=1, B=2", "\"C\"", ""},
        {"| lookup A=1, *=*", "\"C\"", "C"},
        {"| lookup A=", "\"A\"", ""},
        {"| national_procedure", "\"1.001193.000.00.00.H56\"", "1.001193"},
        {"| national_procedure", "\"LOCAL-7\"", "LOCAL-7"},
        {"| agency", "\"000.25.31.H56\"", "000.25.31.H56"},
        {"| agency", "\"phòng 4\"", ""},
        {"| digits", "\"+84 (90) 000-0001\"", "84900000001"},
        {"| split - 2", "\"a - b - c\"", "b"},
        {"| split - -1", "\"a - b - c\"", "c"},
        {"| split - 4", "\"a - b - c\"", ""},
        {"| split ;; 1", "\"x;;y\"", "x"},
        {"| split ;; 1", "\"x\"", "x"},
        {"| prefix https://x/", "\"7\"", "https://x/7"},
        {"| prefix https://x/", "\"\"", ""},
        {"| yes_no", "\"CÓ\"", "1"},
        {"| yes_no", "false", "0"},
        {"| yes_no", "\"perhaps\"", ""},
        {"| default none", "\"\"", "none"},
        {"| default none", "\"a\"", "a"},
        {"| lookup A=1 | default 7 | prefix x", "\"Z\"", "x7"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        struct outcome o;
        char preset[400];
        char reply[200];

        (void)snprintf(preset, sizeof(preset), ONE(" subject = \"/v %s\"\n"), cases[i].chain);
        (void)snprintf(reply, sizeof(reply), "{\"code\":\"c\",\"v\":%s}", cases[i].value);
        map_one(&f, preset, reply, &o);
        if (o.err != 0 || strcmp(o.d.subject, cases[i].want) != 0) {
            fail_msg("%s of %s: %d \"%s\" %s", cases[i].chain, cases[i].value, o.err,
                     o.err == 0 ? o.d.subject : "", f.msg.text);
        }
        fixture_end(&f);
    }
}

static void the_first_alternative_that_is_not_empty_counts(void **state)
{
    static const char preset[] =
        ONE(" procedure_name = {\"/t/name\", \"/t/0/name\", \"= unknown\"}\n");
    static const char *const cases[][2] = {
        {"{\"code\":\"c\",\"t\":{\"name\":\"A\"}}", "A"},
        {"{\"code\":\"c\",\"t\":[{\"name\":\"B\"},{\"name\":\"C\"}]}", "B"},
        {"{\"code\":\"c\",\"t\":[{\"name\":\" \"}]}", "unknown"},
        {"{\"code\":\"c\"}", "unknown"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        struct outcome o;

        map_one(&f, preset, cases[i][0], &o);
        assert_int_equal(o.err, 0);
        assert_string_equal(o.d.procedure_name, cases[i][1]);
        fixture_end(&f);
    }
}

/* The exact spelling before another one, whatever the order; "~1" and "~0" stand for signs of the
 * pointer; what is no object has no members. */
static void names_are_found_in_any_order_and_case(void **state)
{
    static const struct {
        const char *path;
        const char *reply;
        const char *want;
    } cases[] = {
        {"/Url", "{\"url\":\"1\",\"Url\":\"2\",\"code\":\"c\",\"URL\":\"3\"}", "2"},
        {"/Url", "{\"code\":\"c\",\"Url\":\"2\",\"url\":\"1\"}", "2"},
        {"/Url", "{\"URL\":\"3\",\"url\":\"1\",\"CODE\":\"c\"}", "3"},
        {"/Ur", "{\"url\":\"1\",\"code\":\"c\"}", ""},
        {"/code", "{\"Code\":\"C\",\"code\":\"c\"}", "c"},
        {"/Code", "{\"Code\":\"C\",\"code\":\"c\"}", "C"},
        {"/a~1b~01", "{\"code\":\"c\",\"A/B~1\":\"4\",\"a\":{\"b~1\":\"5\"}}", "4"},
        {"/a~1b/c", "{\"code\":\"c\",\"a/b\":{\"C\":\"6\"}}", "6"},
        {"/", "{\"code\":\"c\",\"\":\"7\"}", "7"},
        {"//x", "{\"code\":\"c\",\"\":{\"x\":\"8\"}}", "8"},
        {"/đ", "{\"code\":\"c\",\"đ\":\"9\"}", "9"},
        {"/đ", "{\"code\":\"c\",\"Đ\":\"9\"}", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        struct outcome o;
        char preset[400];

        (void)snprintf(preset, sizeof(preset), ONE(" subject = \"%s\"\n"), cases[i].path);
        map_one(&f, preset, cases[i].reply, &o);
        if (o.err != 0 || strcmp(o.d.subject, cases[i].want) != 0) {
            fail_msg("%s of %s: %d \"%s\" %s", cases[i].path, cases[i].reply, o.err,
                     o.err == 0 ? o.d.subject : "", f.msg.text);
        }
        fixture_end(&f);
    }
}

/* Rows of files may be arrays of values: a token is a place then. */
static void a_record_may_be_an_array(void **state)
{
    struct fixture f;
    struct outcome o;

    (void)state;
    map_one(
        &f,
        ONE("") "file { rows = \"/f\"\n id = \"/0\"\n name = \"/1/n\"\n component = \"^/k\" }\n",
        "{\"code\":\"c\",\"k\":\"K\",\"f\":[[7,{\"N\":\"a\"}],{\"0\":8}]}", &o);
    assert_int_equal(o.err, 0);
    assert_int_equal(o.d.n_files, 2);
    assert_string_equal(o.d.files[0].id, "7");
    assert_string_equal(o.d.files[0].name, "a");
    assert_string_equal(o.d.files[0].component, "K");
    assert_string_equal(o.d.files[1].id, "8");
    fixture_end(&f);
}

/* As XPath: the first element of that name, in no namespace, with its case; attributes, texts below
 * and what stands deeper are no names. */
static void elements_are_found_as_xpath_finds_them(void **state)
{
    static const char preset[] =
        "format = xml\nid = {\"code\"}\ncall list { url = \"{url}\"\n rows = \"/r\" }\n"
        "dossier { code = \"code\"\n subject = \"Ten\"\n note = \"ten\"\n email = \"a/b\"\n"
        " phone = \"@p\"\n sector_name = \"all\"\n agency_name = {\"none\", \"x-1\"} }\n";
    struct fixture f;
    struct outcome o;

    (void)state;
    map_one(&f, preset,
            "<r p='5' xmlns:o='urn:o'><o:code>z</o:code><code>c</code><code>d</code>"
            "<Ten xmlns='urn:o'>no</Ten><ten/><Ten> <![CDATA[a]]>&amp;b </Ten><ten>late</ten>"
            "<a/><a><b>deep</b></a><all>1<i>2</i>3</all><x-1>last</x-1></r>",
            &o);
    assert_int_equal(o.err, 0);
    assert_string_equal(o.d.code, "c");
    assert_string_equal(o.d.subject, "a&b");
    assert_string_equal(o.d.note, "");
    assert_string_equal(o.d.email, "deep");
    assert_string_equal(o.d.phone, "5");
    assert_string_equal(o.d.sector_name, "123");
    assert_string_equal(o.d.agency_name, "last");
    fixture_end(&f);
}

#define BAD_FIELDS                                                                                 \
    ONE(" received = \"/r\"\n promised = \"/p | date dd/MM/yyyy\"\n digitised = \"/y\"\n")         \
    "file { rows = \"/f\"\n id = \"/i\"\n name = \"/n\"\n required = {name} }\n"                   \
    "step { rows = \"/s\"\n at = \"/t\" }\n"

/* With the place, and without the value: it may name a person. */
static void a_bad_field_refuses_the_dossier_and_names_its_place(void **state)
{
    static const struct {
        const char *reply;
        const char *words;
    } cases[] = {
        {"{\"code\":\"\"}", "dossier.code at /code: is missing"},
        {"{\"x\":1}", "dossier.code at /code: is missing"},
        {"{\"code\":\"c\",\"r\":\"20260230101010\",\"d\":\"1/1/2026\"}",
         "dossier.received at /r: no date of that form, or one that does not exist"},
        {"{\"code\":\"c\",\"r\":\"99990101000000\"}", "dossier.received at /r: no date"},
        {"{\"code\":\"c\",\"r\":\"2026-11-10T08:00:00 nowhere\"}", "dossier.received at /r"},
        {"{\"code\":\"c\",\"p\":\"32/01/2026\"}", "dossier.promised at /p: no date"},
        {"{\"code\":\"c\",\"y\":\"maybe\"}", "dossier.digitised at /y: no number"},
        {"{\"code\":\"c\",\"f\":[{\"n\":\"a\"},{\"n\":\"\",\"i\":1}]}",
         "file 2: file.name at /n: is missing"},
        {"{\"code\":\"c\",\"s\":[{\"t\":\"20261110083000\"},{\"t\":\"x 000199000457\"}]}",
         "step 2: step.at at /t: no date"},
    };
    static const char *const preset = BAD_FIELDS;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        struct outcome o;

        map_one(&f, preset, cases[i].reply, &o);
        assert_int_equal(o.err, ERR_FORMAT);
        if (strncmp(f.msg.text, cases[i].words, strlen(cases[i].words)) != 0) {
            fail_msg("%s: %s", cases[i].reply, f.msg.text);
        }
        assert_null(strstr(f.msg.text, "000199000457"));
        fixture_end(&f);
    }
}

static void extra_fields_stand_in_order_of_their_keys(void **state)
{
    struct fixture f;
    struct outcome o;

    (void)state;
    map_one(&f, ONE(" extra = {\"B /b\", \"A /a/0\", \"C /c\", \"D /d\"}\n"),
            "{\"code\":\"c\",\"b\":[{\"x\":1}],\"a\":[\"y\"],\"c\":null}", &o);
    assert_int_equal(o.err, 0);
    assert_string_equal(o.d.extra, "{\"A\":\"y\",\"B\":[{\"x\":1}]}");
    fixture_end(&f);
    map_one(&f, ONE(" extra = {\"B /b\"}\n"), "{\"code\":\"c\"}", &o);
    assert_string_equal(o.d.extra, "");
    fixture_end(&f);
}

static void texts_become_nfc(void **state)
{
    struct fixture f;
    struct outcome o;

    (void)state;
    map_one(&f, ONE(" applicant_name = \"/n\"\n local_no = \"/code\"\n"),
            "{\"code\":\"c\",\"n\":\"Lo\\u0300 Thi\\u0323\"}", &o);
    assert_string_equal(o.d.applicant_name, "Lò Thị");
    assert_string_equal(o.d.local_no, ""); /* the same as the code is none */
    fixture_end(&f);
}

/* ---- steps ---- */

#define STEPS                                                                                      \
    "step { rows = \"/s\"\n key = \"/k\"\n text = \"/x\"\n at = \"/t\"\n unit = \"^/u\"\n"         \
    " status = \"/st\" }\n"

static void steps_come_oldest_first_and_date_the_snapshot(void **state)
{
    struct fixture f;
    struct outcome o;

    (void)state;
    map_one(
        &f, ONE(" received = \"/r\"\n changed = \"/c\"\n") STEPS,
        "{\"code\":\"c\",\"u\":\"Một cửa\",\"c\":\"20261101000000\",\"s\":["
        "{\"k\":3,\"t\":\"20261103000000\",\"x\":\"c\"},{\"k\":\"2b\",\"t\":\"20261102000000\"},"
        "{\"k\":\"2a\",\"t\":\"20261102000000\"},{\"k\":1,\"t\":\"20261101000000\"}]}",
        &o);
    assert_int_equal(o.err, 0);
    assert_int_equal(o.n, 5);
    assert_string_equal(o.steps[0].key, "1");
    assert_string_equal(o.steps[1].key, "2a"); /* newest first in the reply: turned round */
    assert_string_equal(o.steps[2].key, "2b");
    assert_string_equal(o.steps[3].key, "3");
    assert_string_equal(o.steps[0].unit, "Một cửa");
    assert_string_equal(o.steps[0].code, "c");
    assert_int_equal(o.d.changed_s, o.steps[3].at_s);
    assert_int_equal(o.records[0].at_s, o.steps[3].at_s);
    assert_string_equal(o.records[4].step_key, "3");
    fixture_end(&f);
}

static void a_step_without_key_has_one_of_its_content(void **state)
{
    struct fixture f;
    struct outcome o;
    char first[80];

    (void)state;
    map_one(&f, ONE("") STEPS,
            "{\"code\":\"c\",\"s\":[{\"t\":\"20261101000000\",\"x\":\"a\"},"
            "{\"t\":\"20261101000000\",\"x\":\"b\"}]}",
            &o);
    assert_int_equal(o.n, 3);
    assert_string_equal(o.steps[0].key, "");
    assert_true(strlen(o.records[1].step_key) > 0);
    assert_string_not_equal(o.records[1].step_key, o.records[2].step_key);
    (void)snprintf(first, sizeof(first), "%s", o.records[1].step_key);
    fixture_end(&f);
    map_one(&f, ONE("") STEPS,
            "{\"s\":[{\"x\":\"a\",\"t\":\"2026-11-01T00:00:00+07:00\"}],\"code\":\"c\"}", &o);
    assert_string_equal(o.records[1].step_key, first);
    fixture_end(&f);
}

static void steps_of_an_own_call(void **state)
{
    struct mapping_doc *steps;
    struct fixture f;
    struct outcome o;
    static const char reply[] = "{\"d\":[{\"t\":\"2026-11-10T08:30:00\",\"k\":9}]}";

    (void)state;
    fixture_load(&f, ONE(" agency_name = \"/u\"\n") STEPS
                 "call steps { url = \"{url}/{id}\"\n rows = \"/d\" }\n");
    assert_int_equal(
        mapping_open(f.preset, &f.preset->steps, reply, sizeof(reply) - 1, &steps, &f.msg), 0);
    fixture_open(&f, &f.preset->list, "{\"code\":\"c\",\"u\":\"U\",\"s\":[{\"t\":\"x\"}]}");
    map_row(&f, mapping_first(f.doc, ""), steps, &NO_SOURCE, &o);
    assert_int_equal(o.err, 0);
    assert_int_equal(o.n, 2);
    assert_string_equal(o.steps[0].key, "9");
    assert_string_equal(o.steps[0].unit, "U");
    mapping_close(steps);
    /* Without the reply there are none: those inside are not what the preset means. */
    map_row(&f, mapping_first(f.doc, ""), NULL, &NO_SOURCE, &o);
    assert_int_equal(o.n, 1);
    fixture_end(&f);
}

static void too_many_rows_in_one_dossier_are_refused(void **state)
{
    struct fixture f;
    struct outcome o;
    struct buf reply;

    (void)state;
    buf_init(&reply, 1u << 20);
    buf_puts(&reply, "{\"code\":\"c\",\"s\":[{}");
    for (unsigned i = 0; i < 2000; i++) {
        buf_puts(&reply, ",{}");
    }
    buf_puts(&reply, "]}");
    map_one(&f, ONE("") STEPS, buf_text(&reply), &o);
    assert_int_equal(o.err, ERR_TOOBIG);
    assert_string_equal(f.msg.text, "step.rows at /s: more than 2000 rows");
    fixture_end(&f);
    buf_free(&reply);
}

/* ---- what is left out ---- */

static void tests_and_what_is_no_dossier_are_skipped(void **state)
{
    static const struct config_source source = {
        .name = "s",
        .test_agencies = {.items = {"000.99.31.H56"}, .n = 1},
        .test_accounts = {.items = {"000000000001", "tester"}, .n = 2}};
    static const struct {
        const char *reply;
        int err;
        const char *words;
    } cases[] = {
        {"{\"code\":\"c\",\"k\":18}", ERR_UNSUPPORTED, "no dossier"},
        {"{\"code\":\"c\",\"a\":\"H56.31.99\"}", ERR_UNSUPPORTED, "test_agencies"},
        {"{\"code\":\"c\",\"i\":\"000000000001\"}", ERR_UNSUPPORTED, "test_accounts"},
        {"{\"code\":\"c\",\"s\":[{\"t\":\"20261101000000\",\"w\":\"tester\"}]}", ERR_UNSUPPORTED,
         "test_accounts"},
        {"{\"code\":\"c\",\"a\":\"H56.31.98\",\"k\":1,\"i\":\"\"}", 0, ""},
    };
    struct fixture f;

    (void)state;
    fixture_load(
        &f, ONE(" agency_code = \"/a\"\n applicant_id = \"/i\"\n") "skip { path = \"/k\"\n values "
                                                                   "= {\"18\"} }\n"
                                                                   "step { rows = \"/s\"\n at = "
                                                                   "\"/t\"\n actor = \"/w\" }\n");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct outcome o;

        fixture_open(&f, &f.preset->list, cases[i].reply);
        map_row(&f, mapping_first(f.doc, ""), NULL, &source, &o);
        assert_int_equal(o.err, cases[i].err);
        assert_non_null(strstr(f.msg.text, cases[i].words));
        assert_null(strstr(f.msg.text, "000000000001"));
    }
    fixture_end(&f);
}

static void a_status_says_which_map_reads_it(void **state)
{
    struct config_source source = {.name = "own"};
    struct fixture f;
    struct outcome o;

    (void)state;
    map_one(&f, ONE(" status = \"/s\"\n") STEPS,
            "{\"code\":\"c\",\"s\":[{\"t\":\"20261101000000\"}]}", &o);
    assert_string_equal(o.d.status_map, "");
    source.status_map = (struct map *)&source; /* only asked whether it is there */
    map_row(&f, mapping_first(f.doc, ""), NULL, &source, &o);
    assert_string_equal(o.d.status_map, "own");
    assert_string_equal(o.steps[0].status_map, "own");
    fixture_end(&f);
    map_one(&f, "national_status = yes\n" ONE(""), "{\"code\":\"c\"}", &o);
    assert_string_equal(o.d.status_map, "national");
    fixture_end(&f);
}

static void procedures_of_a_catalogue(void **state)
{
    static const char reply[] =
        "{\"result\":[{\"MATTHC\":\"1.001193\",\"TENTTHC\":\"Khai sinh\",\"TRANGTHAI\":\"1\"}]}";
    struct record record;
    struct procedure p;
    struct fixture f;

    (void)state;
    fixture_load(&f, ONE("") "call catalog { url = \"{url}\"\n rows = \"/result\" }\n"
                             "procedure { code = \"/MATTHC\"\n name = \"/TENTTHC\"\n"
                             " active = \"/TRANGTHAI\"\n level = \"= 4\" }\n");
    fixture_open(&f, &f.preset->catalog, reply);
    assert_int_equal(mapping_procedure(f.preset, f.doc, mapping_first(f.doc, "/result"), &f.arena,
                                       &record, &f.msg),
                     0);
    assert_int_equal(record.kind, RECORD_PROCEDURE);
    assert_int_equal(record_to_procedure(record.body, record.body_len, &f.arena, &p, &f.msg), 0);
    assert_string_equal(p.name, "Khai sinh");
    assert_int_equal(p.level, 4);
    assert_true(p.active);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converters),
        cmocka_unit_test(the_first_alternative_that_is_not_empty_counts),
        cmocka_unit_test(a_bad_field_refuses_the_dossier_and_names_its_place),
        cmocka_unit_test(names_are_found_in_any_order_and_case),
        cmocka_unit_test(a_record_may_be_an_array),
        cmocka_unit_test(elements_are_found_as_xpath_finds_them),
        cmocka_unit_test(extra_fields_stand_in_order_of_their_keys),
        cmocka_unit_test(texts_become_nfc),
        cmocka_unit_test(steps_come_oldest_first_and_date_the_snapshot),
        cmocka_unit_test(a_step_without_key_has_one_of_its_content),
        cmocka_unit_test(steps_of_an_own_call),
        cmocka_unit_test(too_many_rows_in_one_dossier_are_refused),
        cmocka_unit_test(tests_and_what_is_no_dossier_are_skipped),
        cmocka_unit_test(a_status_says_which_map_reads_it),
        cmocka_unit_test(procedures_of_a_catalogue),
    };
    int failed;

    xml_init();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xml_cleanup();
    return failed;
}
