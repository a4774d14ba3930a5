#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static struct json *must_parse(const char *text)
{
    struct errmsg msg = {0};
    struct json *root;

    if (json_parse(text, strlen(text), &root, &msg) != 0) {
        fail_msg("%s: %s", text, msg.text);
    }
    return root;
}

static void finds_members_by_exact_key_only(void **state)
{
    struct json *root =
        must_parse("{\"MaHoSo\":\"A\",\"mahoso\":\"B\",\"n\":null,\"o\":{\"x\":1}}");
    char buffer[24];

    (void)state;
    assert_string_equal(json_text(json_get(root, "MaHoSo"), buffer), "A");
    assert_string_equal(json_text(json_get(root, "mahoso"), buffer), "B");
    assert_null(json_get(root, "MAHOSO"));
    assert_null(json_get(root, "x"));
    assert_null(json_get(json_get(root, "MaHoSo"), "x"));
    assert_null(json_get(NULL, "x"));
    assert_non_null(json_get(root, "n"));
    assert_true(json_is_null(json_get(root, "n")));
    assert_true(json_is_null(json_get(root, "absent")));
    assert_false(json_is_null(root));
    json_free(root);
}

static void any_case_prefers_the_exact_spelling(void **state)
{
    struct json *root = must_parse("{\"URL\":\"1\",\"Url\":\"2\",\"IDHoSo\":\"3\"}");
    char buffer[24];

    (void)state;
    assert_string_equal(json_text(json_get_any_case(root, "Url"), buffer), "2");
    assert_string_equal(json_text(json_get_any_case(root, "url"), buffer), "1");
    assert_string_equal(json_text(json_get_any_case(root, "IdHoSo"), buffer), "3");
    assert_null(json_get_any_case(root, "IdHoS"));
    assert_null(json_get_any_case(NULL, "x"));
    json_free(root);
}

/* The examples of RFC 6901 section 5, and what is not a pointer. */
static void pointers_walk_objects_and_arrays(void **state)
{
    struct json *root =
        must_parse("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
                   "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"~1\":9}");
    static const struct {
        const char *pointer;
        const char *text; /* NULL: nothing there */
    } cases[] = {
        {"/foo/0", "bar"},  {"/foo/1", "baz"},
        {"/", "0"},         {"/a~1b", "1"},
        {"/c%d", "2"},      {"/e^f", "3"},
        {"/g|h", "4"},      {"/i\\j", "5"},
        {"/k\"l", "6"},     {"/ ", "7"},
        {"/m~0n", "8"},     {"/~01", "9"},
        {"/foo/2", NULL},   {"/foo/-", NULL},
        {"/foo/01", NULL},  {"/foo/+1", NULL},
        {"/foo/", NULL},    {"foo", NULL},
        {"/foo/0/x", NULL}, {"/foox", NULL},
        {"/fo", NULL},      {"/foo/99999999999999999999", NULL},
    };
    char buffer[24];

    (void)state;
    assert_ptr_equal(json_at(root, ""), root);
    assert_true(json_is_array(json_at(root, "/foo")));
    assert_null(json_at(NULL, "/x"));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct json *node = json_at(root, cases[i].pointer);

        if (cases[i].text == NULL) {
            assert_null(node);
        } else {
            assert_non_null(node);
            assert_string_equal(json_text(node, buffer), cases[i].text);
        }
    }
    json_free(root);
}

static void iterates_in_document_order(void **state)
{
    struct json *root = must_parse("{\"z\":1,\"a\":[10,20],\"m\":3}");
    const struct json *node = json_first(root);
    char buffer[24];

    (void)state;
    assert_int_equal(json_size(root), 3);
    assert_string_equal(json_key(node), "z");
    node = json_next(node);
    assert_string_equal(json_key(node), "a");
    assert_int_equal(json_size(node), 2);
    assert_null(json_key(json_first(node)));
    assert_string_equal(json_text(json_next(json_first(node)), buffer), "20");
    node = json_next(node);
    assert_string_equal(json_key(node), "m");
    assert_null(json_next(node));
    assert_null(json_first(node));
    assert_null(json_first(NULL));
    assert_null(json_next(NULL));
    assert_null(json_key(NULL));
    assert_int_equal(json_size(NULL), 0);
    json_free(root);
}

static void text_of_a_number_is_exact_or_absent(void **state)
{
    static const struct {
        const char *json;
        const char *text; /* NULL: json_text has none */
    } cases[] = {
        {"4", "4"},
        {"-0", "0"},
        {"4.0", "4"},
        {"-17", "-17"},
        {"9007199254740992", "9007199254740992"},
        {"-9007199254740992", "-9007199254740992"},
        {"9007199254740991", "9007199254740991"},
        {"2147483648", "2147483648"},
        {"4.5", NULL},
        {"1e22", NULL},
        {"-1e300", NULL},
        {"\"text\"", "text"},
        {"\"\"", ""},
        {"null", ""},
        {"true", "true"},
        {"false", "false"},
        {"[]", NULL},
        {"{}", NULL},
    };
    char buffer[24];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json *root = must_parse(cases[i].json);

        if (cases[i].text == NULL) {
            assert_null(json_text(root, buffer));
            assert_string_equal(json_text_or_empty(root, buffer), "");
        } else {
            assert_string_equal(json_text(root, buffer), cases[i].text);
            assert_string_equal(json_text_or_empty(root, buffer), cases[i].text);
        }
        json_free(root);
    }
    assert_null(json_text(NULL, buffer));
    assert_string_equal(json_text_or_empty(NULL, buffer), "");
}

static void integers_are_exact_or_refused(void **state)
{
    static const struct {
        const char *json;
        int err;
        int64_t value;
    } cases[] = {
        {"0", 0, 0},
        {"-5", 0, -5},
        {"4.0", 0, 4},
        {"1e3", 0, 1000},
        {"4294967296", 0, INT64_C(4294967296)},
        {"9007199254740992", 0, INT64_C(9007199254740992)},
        {"\"12\"", 0, 12},
        {"\" -12\\n\"", 0, -12},
        {"\"00\"", 0, 0},
        {"\"0009\"", 0, 9},
        {"\"9007199254740992\"", 0, INT64_C(9007199254740992)},
        {"\"9007199254740993\"", ERR_FORMAT, 0},
        {"\"99999999999999999999\"", ERR_FORMAT, 0},
        {"\"\"", ERR_FORMAT, 0},
        {"\" \"", ERR_FORMAT, 0},
        {"\"-\"", ERR_FORMAT, 0},
        {"\"+1\"", ERR_FORMAT, 0},
        {"\"1 2\"", ERR_FORMAT, 0},
        {"\"1.0\"", ERR_FORMAT, 0},
        {"\"0x0\"", ERR_FORMAT, 0},
        {"\"1e3\"", ERR_FORMAT, 0},
        {"4.5", ERR_FORMAT, 0},
        {"1e22", ERR_FORMAT, 0},
        {"true", ERR_FORMAT, 0},
        {"null", ERR_FORMAT, 0},
        {"[1]", ERR_FORMAT, 0},
        {"{}", ERR_FORMAT, 0},
    };
    int64_t value = 7;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct json *root = must_parse(cases[i].json);

        value = 7;
        assert_int_equal(json_integer(root, &value), cases[i].err);
        assert_true(value == (cases[i].err == 0 ? cases[i].value : 7));
        json_free(root);
    }
    assert_int_equal(json_integer(NULL, &value), ERR_FORMAT);
}

static void truth_has_four_spellings(void **state)
{
    static const char *const yes[] = {"true",  "\"true\"", "\"True\"", "\"TRUE\"",
                                      "\"1\"", "1",        "1.0"};
    static const char *const no[] = {"false", "\"false\"", "0",  "\"0\"", "2",       "-1",
                                     "null",  "\"\"",      "[]", "{}",    "\"yes\"", "[true]"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        struct json *root = must_parse(yes[i]);

        assert_true(json_true(root));
        json_free(root);
    }
    for (size_t i = 0; i < COUNT_OF(no); i++) {
        struct json *root = must_parse(no[i]);

        assert_false(json_true(root));
        json_free(root);
    }
    assert_false(json_true(NULL));
}

static void digest_of(const char *text, uint8_t out[32])
{
    struct json *root = must_parse(text);

    assert_int_equal(json_digest(root, out), 0);
    json_free(root);
}

static void digest_sees_content_and_not_formatting(void **state)
{
    static const char *const same[] = {
        "{\"a\":1,\"b\":[true,null,\"\xE1\xBA\xA1\"],\"c\":{\"x\":2.5,\"y\":0}}",
        " { \"b\" : [ true , null , \"\\u1ea1\" ] ,\n\"c\":{\"y\":-0,\"x\":25e-1},\"a\":1.0 } ",
        "{\"c\":{\"y\":0.0,\"x\":2.50},\"\\u0061\":1e0,\"b\":[true,null,\"\\u1EA1\"]}",
    };
    static const char *const different[] = {
        "{}",
        "[]",
        "\"\"",
        "null",
        "0",
        "\"0\"",
        "false",
        "[[]]",
        "[{}]",
        "{\"\":[]}",
        "[1,2]",
        "[2,1]",
        "[12]",
        "[[1],2]",
        "[1,[2]]",
        "[\"ab\",\"c\"]",
        "[\"a\",\"bc\"]",
        "{\"a\":\"b\"}",
        "[\"a\",\"b\"]",
        "{\"a\":null}",
        "{\"a\":{}}",
        "{\"a\":1,\"b\":2}",
        "{\"a\":2,\"b\":1}",
        "{\"a\":{\"b\":2}}",
        "2.5",
        "[null]",
        "{\"A\":null}",
        "[null,null]",
        "\"s\"",
        "true",
    };
    uint8_t digests[COUNT_OF(different)][32];
    uint8_t first[32];
    uint8_t other[32];

    (void)state;
    digest_of(same[0], first);
    for (size_t i = 1; i < COUNT_OF(same); i++) {
        digest_of(same[i], other);
        assert_memory_equal(first, other, 32);
    }
    for (size_t i = 0; i < COUNT_OF(different); i++) {
        digest_of(different[i], digests[i]);
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(digests[i], digests[k], 32);
        }
    }
    assert_int_equal(json_digest(NULL, other), ERR_INVAL);
}

static void pointers_without_case_prefer_the_exact_spelling(void **state)
{
    static const char text[] = "{\"Ma\":1,\"MA\":{\"a/B\":[5,{\"x~\":6}]},\"m~0\":7}";
    struct errmsg msg = {0};
    struct json *root;
    char number[24];

    (void)state;
    assert_int_equal(json_parse(text, sizeof(text) - 1, &root, &msg), 0);
    assert_string_equal(json_text(json_at_any_case(root, "/Ma"), number), "1");
    assert_string_equal(json_text(json_at_any_case(root, "/ma"), number), "1"); /* the first */
    assert_string_equal(json_text(json_at_any_case(root, "/MA/A~1b/0"), number), "5");
    assert_string_equal(json_text(json_at_any_case(root, "/MA/a~1B/1/X~0"), number), "6");
    assert_string_equal(json_text(json_at_any_case(root, "/M~00"), number), "7");
    assert_null(json_at_any_case(root, "/mb"));
    assert_null(json_at(root, "/ma"));
    assert_ptr_equal(json_at_any_case(root, ""), root);
    json_free(root);
}

static void a_digest_without_members_is_that_of_an_object_that_lacks_them(void **state)
{
    static const char with[] = "{\"a\":1,\"now\":5,\"b\":{\"c\":[1],\"seen\":{\"x\":1}}}";
    static const char less[] = "{\"b\":{\"c\":[1]},\"a\":1}";
    const struct json *without[2];
    struct errmsg msg = {0};
    struct json *root;
    uint8_t wanted[32];
    uint8_t got[32];

    (void)state;
    digest_of(less, wanted);
    assert_int_equal(json_parse(with, sizeof(with) - 1, &root, &msg), 0);
    without[0] = json_at(root, "/b/seen");
    without[1] = json_at(root, "/now");
    assert_int_equal(json_digest_without(root, without, 2, got), 0);
    assert_memory_equal(wanted, got, 32);
    assert_int_equal(json_digest_without(root, without, 1, got), 0);
    assert_memory_not_equal(wanted, got, 32);
    json_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_members_by_exact_key_only),
        cmocka_unit_test(any_case_prefers_the_exact_spelling),
        cmocka_unit_test(pointers_walk_objects_and_arrays),
        cmocka_unit_test(iterates_in_document_order),
        cmocka_unit_test(text_of_a_number_is_exact_or_absent),
        cmocka_unit_test(integers_are_exact_or_refused),
        cmocka_unit_test(truth_has_four_spellings),
        cmocka_unit_test(digest_sees_content_and_not_formatting),
        cmocka_unit_test(pointers_without_case_prefer_the_exact_spelling),
        cmocka_unit_test(a_digest_without_members_is_that_of_an_object_that_lacks_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
