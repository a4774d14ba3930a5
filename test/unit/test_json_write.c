#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"

struct fixture {
    struct buf out;
    struct json_writer w;
};

static void begin(struct fixture *f)
{
    buf_init(&f->out, 4096);
    json_write_begin(&f->w, &f->out);
}

static void assert_written(struct fixture *f, const char *expected)
{
    assert_int_equal(buf_error(&f->out), 0);
    assert_string_equal(buf_text(&f->out), expected);
    assert_int_equal(f->w.depth, 0);
    buf_free(&f->out);
}

static void the_writer_sets_the_commas(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    json_object_open(&f.w, NULL);
    json_string(&f.w, "a", "x");
    json_integer_out(&f.w, "b", 4);
    json_array_open(&f.w, "c");
    json_integer_out(&f.w, NULL, 1);
    json_array_open(&f.w, NULL);
    json_array_close(&f.w);
    json_object_open(&f.w, NULL);
    json_object_close(&f.w);
    json_null(&f.w, NULL);
    json_array_close(&f.w);
    json_object_open(&f.w, "d");
    json_bool(&f.w, "t", true);
    json_bool(&f.w, "f", false);
    json_null(&f.w, "n");
    json_object_close(&f.w);
    json_raw(&f.w, "e", "[1, 2]", 6);
    json_object_close(&f.w);
    assert_written(
        &f, "{\"a\":\"x\",\"b\":4,\"c\":[1,[],{},null],\"d\":{\"t\":true,\"f\":false,\"n\":null},"
            "\"e\":[1, 2]}");
}

static void a_scalar_may_stand_alone(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    json_string(&f.w, NULL, NULL);
    assert_written(&f, "\"\"");
}

static void texts_and_keys_are_escaped(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    json_array_open(&f.w, NULL);
    json_string(&f.w, NULL, "a\"b\\c/d");
    json_string(&f.w, NULL, "\b\f\n\r\t\x01\x1F\x7F");
    json_string(&f.w, NULL,
                "Th\xE1\xBB\xA7 t\xE1\xBB\xA5"
                "c");
    json_string(&f.w, NULL, "\xC3(\xFF");
    json_string(&f.w, NULL, "\xED\xA0\x80");
    json_object_open(&f.w, NULL);
    json_string(&f.w, "k\"\n", "");
    json_object_close(&f.w);
    json_array_close(&f.w);
    assert_written(&f, "[\"a\\\"b\\\\c/d\",\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7F\","
                       "\"Th\xE1\xBB\xA7 t\xE1\xBB\xA5"
                       "c\",\"\xEF\xBF\xBD(\xEF\xBF\xBD\","
                       "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",{\"k\\\"\\n\":\"\"}]");
}

static void integers_are_written_whole(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    json_array_open(&f.w, NULL);
    json_integer_out(&f.w, NULL, 0);
    json_integer_out(&f.w, NULL, -1);
    json_integer_out(&f.w, NULL, 10);
    json_integer_out(&f.w, NULL, INT64_MAX);
    json_integer_out(&f.w, NULL, INT64_MIN);
    json_array_close(&f.w);
    assert_written(&f, "[0,-1,10,9223372036854775807,-9223372036854775808]");
}

static void doubles_have_at_most_six_decimals(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    json_array_open(&f.w, NULL);
    json_double_out(&f.w, NULL, 0.0);
    json_double_out(&f.w, NULL, -0.0);
    json_double_out(&f.w, NULL, -1e-9);
    json_double_out(&f.w, NULL, 1.5);
    json_double_out(&f.w, NULL, 100.0);
    json_double_out(&f.w, NULL, 0.1234567);
    json_double_out(&f.w, NULL, -1234567.25);
    json_array_close(&f.w);
    assert_written(&f, "[0,0,0,1.5,100,0.123457,-1234567.25]");
    begin(&f);
    json_double_out(&f.w, NULL, 1.7976931348623157e308);
    assert_int_equal(f.out.len, 309);
    buf_free(&f.out);
}

static void a_node_is_written_compact_and_reads_back_equal(void **state)
{
    static const char text[] =
        " {\"z\": [1, -2.5, 1e300, 0.1, 4e17, 9007199254740992, true, false, null],"
        "\"a\" : {\"\\u1ea1\":\"\\n\\\"\"}, \"e\":[], \"o\":{}} ";
    struct fixture f;
    struct json *root;
    struct json *again;
    uint8_t before[32];
    uint8_t after[32];

    (void)state;
    begin(&f);
    assert_int_equal(json_parse(text, sizeof(text) - 1, &root, NULL), 0);
    json_object_open(&f.w, NULL);
    json_node(&f.w, "node", root);
    json_node(&f.w, "absent", NULL);
    json_object_close(&f.w);
    assert_int_equal(json_parse(f.out.data, f.out.len, &again, NULL), 0);
    assert_int_equal(json_digest(root, before), 0);
    assert_int_equal(json_digest(json_get(again, "node"), after), 0);
    assert_memory_equal(before, after, 32);
    json_free(again);
    json_free(root);
    assert_written(&f, "{\"node\":{\"z\":[1,-2.5,1.0000000000000001e+300,0.10000000000000001,"
                       "4.0000000000000000e+17,9007199254740992,true,false,null],\"a\":{"
                       "\"\xE1\xBA\xA1\":\"\\n\\\"\"},\"e\":[],\"o\":{}},"
                       "\"absent\":null}");
}

static void the_deepest_document_can_be_written_inside_another(void **state)
{
    struct fixture f;
    struct json *root;
    char text[2 * JSON_DEPTH_MAX];

    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_int_equal(json_parse(text, sizeof(text), &root, NULL), 0);
    begin(&f);
    json_array_open(&f.w, NULL);
    json_node(&f.w, NULL, root);
    json_array_close(&f.w);
    json_free(root);
    assert_int_equal(f.out.len, 2 * JSON_DEPTH_MAX + 2);
    buf_free(&f.out);
}

static void a_full_buffer_is_seen_at_the_end(void **state)
{
    struct json_writer w;
    struct buf out;

    (void)state;
    buf_init(&out, 10);
    json_write_begin(&w, &out);
    json_array_open(&w, NULL);
    for (int i = 0; i < 100; i++) {
        json_string(&w, NULL, "abc");
    }
    json_array_close(&w);
    assert_int_equal(buf_error(&out), ERR_TOOBIG);
    assert_true(out.len <= 10);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_writer_sets_the_commas),
        cmocka_unit_test(a_scalar_may_stand_alone),
        cmocka_unit_test(texts_and_keys_are_escaped),
        cmocka_unit_test(integers_are_written_whole),
        cmocka_unit_test(doubles_have_at_most_six_decimals),
        cmocka_unit_test(a_node_is_written_compact_and_reads_back_equal),
        cmocka_unit_test(the_deepest_document_can_be_written_inside_another),
        cmocka_unit_test(a_full_buffer_is_seen_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
