#include "codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"

/* A document whose bytes may hold NUL. */
struct sample {
    const char *bytes;
    size_t n;
};
#define S(text)                                                                                    \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

/* Parses from a heap copy of exactly n bytes, so that a read beyond the end is seen by the
 * sanitizers. */
static int parse(const char *bytes, size_t n, struct json **root, struct errmsg *msg)
{
    char *copy = malloc(n > 0 ? n : 1);
    int rc;

    assert_non_null(copy);
    memcpy(copy, bytes, n);
    rc = json_parse(copy, n, root, msg);
    free(copy);
    assert_true((rc == 0) == (*root != NULL));
    return rc;
}

static void assert_refused(const char *bytes, size_t n)
{
    struct errmsg msg = {0};
    struct json *root;
    int rc = parse(bytes, n, &root, &msg);

    if (rc != ERR_FORMAT) {
        json_free(root);
        fail_msg("%.60s gave %d %s", bytes, rc, msg.text);
    }
    assert_memory_equal(msg.text, "byte ", 5);
}

static const struct sample valid_documents[] = {
    S("null"),
    S("true"),
    S("false"),
    S("0"),
    S("-0"),
    S("\"\""),
    S("[]"),
    S("{}"),
    S(" [ ] "),
    S("\t{\r\n}\n"),
    S("[[]   ]"),
    S("[\"\"]"),
    S("[1,null,null,null,2]"),
    S("[4.0]"),
    S("[0e1]"),
    S("[0e+1]"),
    S("[1E22]"),
    S("[1E+2]"),
    S("[1E-2]"),
    S("[123e45]"),
    S("[123e65]"),
    S("[123.456e78]"),
    S("[-1]"),
    S("[-123]"),
    S("[20e1]"),
    S("[-0.0]"),
    S("[0.1000000000000000055511151231257827]"),
    S("[9007199254740992]"),
    S("[-9007199254740992]"),
    S("[1.7976931348623157e308]"),
    S("[5e-324]"),
    S("[\"\\u0060\\u012a\\u12AB\"]"),
    S("[\"\\ud801\\udc37\"]"),
    S("[\"\\uDBFF\\uDFFF\"]"),
    S("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
    S("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
    S("[\"\\\\u0000\"]"),
    S("[\"\\\\n\"]"),
    S("[\"a/*b*/c\"]"),
    S("[\"\\uFFFF\"]"),
    S("[\"\xF4\x8F\xBF\xBF\"]"),
    S("[\"\xEF\xBF\xBF\"]"),
    S("[\"\xED\x9F\xBF\"]"),
    S("[\"\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80\"]"),
    S("[\"\x7F\"]"),
    S("[\"Thủ tục hành chính\"]"),
    S("{\"\":0}"),
    S("{\"a\":[]}"),
    S("{\"a\":1,\"A\":1}"),
    S("{\"a\":{\"a\":1},\"b\":{\"a\":1}}"),
    S("{\"a\":\"b\",\"\\u0062\":1}"),
    S("\xEF\xBB\xBF{\"a\":1}"),
    S("{\"min\":-1.0e+28,\"max\":1.0e+28}"),
};

static void accepts_every_form_of_valid_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(valid_documents); i++) {
        struct errmsg msg = {0};
        struct json *root;

        if (parse(valid_documents[i].bytes, valid_documents[i].n, &root, &msg) != 0) {
            fail_msg("%s: %s", valid_documents[i].bytes, msg.text);
        }
        json_free(root);
    }
}

static const struct sample broken_documents[] = {
    S(""),
    S(" "),
    S("\xEF\xBB\xBF"),
    S("["),
    S("]"),
    S("{"),
    S("}"),
    S("[1 true]"),
    S("[,]"),
    S("[,1]"),
    S("[1,]"),
    S("[1,,2]"),
    S("[1,\n1\n,1"),
    S("[\"\": 1]"),
    S("[\"\"],"),
    S("[\"x\"]]"),
    S("[1}"),
    S("{]"),
    S("{\"x\", null}"),
    S("{\"x\"::\"b\"}"),
    S("{\"a\":\"a\" 123}"),
    S("{key: 'value'}"),
    S("{'a':0}"),
    S("{\"a\" b}"),
    S("{:\"b\"}"),
    S("{\"a\"}"),
    S("{\"a\":}"),
    S("{1:1}"),
    S("{null:null}"),
    S("{\"id\":0,}"),
    S("{\"id\":0,,}"),
    S("{\"a\":\"b\",,\"c\":\"d\"}"),
    S("{\"a\":\"b\"}/**/"),
    S("{\"a\":\"b\"}//"),
    S("{\"a\":/*x*/1}"),
    S("{\"a\":true} \"x\""),
    S("[1]x"),
    S("[][]"),
    S("1]"),
    S("<null>"),
    S("*"),
    S("abc"),
    S("\\"),
    S("[\\n]"),
    S("\xE5"),
    S("[\x0C]"),
    S("[\xC2\xA0]"),
    S("\xEF\xBB\xBF\xEF\xBB\xBF[]"),
    S("[] \xEF\xBB\xBF"),
    S("\xFE\xFF\x00[\x00]"),
    S("[\x00]"),
    S("[]\x00"),
    S("123\x00"),
    S("[\xE2\x81\xA0]"),
    S("[<null>]"),
    S("[*]"),
    S("[\"a\",\n4\n,1,"),
    S("{\"a\":1"),
    S("{\"a\""),
    S("{\"a\":"),
    S("{\"a"),
    S("[\"a"),
    S("nul"),
    S("nulL"),
    S("nullx"),
    S("truth"),
    S("True"),
    S("[fals]"),
    S("tru"),
    S("f"),
};

static void refuses_broken_structure(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(broken_documents); i++) {
        assert_refused(broken_documents[i].bytes, broken_documents[i].n);
    }
}

static const struct sample broken_numbers[] = {
    S("[012]"),          S("[-012]"),      S("[00]"),       S("[-00]"),
    S("[1.]"),           S("[-1.]"),       S("[.5]"),       S("[-.5]"),
    S("[+1]"),           S("[++1]"),       S("[-]"),        S("[--1]"),
    S("[- 1]"),          S("[-a]"),        S("[1e]"),       S("[1e+]"),
    S("[1.e3]"),         S("[0.3e]"),      S("[0.3e+]"),    S("[0e]"),
    S("[0E+]"),          S("[1eE2]"),      S("[1.0e-]"),    S("[2.e3]"),
    S("[0.1.2]"),        S("[1 000.0]"),   S("[1,000.0e]"), S("[0x1]"),
    S("[0x42]"),         S("[NaN]"),       S("[-NaN]"),     S("[nan]"),
    S("[Infinity]"),     S("[-Infinity]"), S("[inf]"),      S("[1_0]"),
    S("[1a]"),           S("[123\xE5]"),   S("[1e1\xE5]"),  S("[0\xE5]"),
    S("[\xEF\xBC\x91]"), S("-"),           S("1."),         S("[1e1.5]"),
    S("[1'000]"),        S("[1f]"),        S("[1L]"),       S("[1/2]"),
    S("[0b1]"),          S("[0o7]"),
};

static void refuses_numbers_outside_the_grammar(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(broken_numbers); i++) {
        assert_refused(broken_numbers[i].bytes, broken_numbers[i].n);
    }
}

static void refuses_numbers_that_a_double_would_change(void **state)
{
    static const struct sample bad[] = {
        S("[1e999]"),
        S("[-1e999]"),
        S("[1E400]"),
        S("[0.1e400]"),
        S("[1e-999]"),
        S("[123.4e-789]"),
        S("{\"id\":9007199254740993}"),
        S("[-9007199254740993]"),
        S("[12345678901234567890]"),
        S("[10000000000000000]"),
        S("[99999999999999999]"),
        S("[9007199254740992.0]"),
        S("[9007199254740993.0]"),
        S("[-9007199254740993.0]"),
        S("[1000000000000000000000000000000000000000000000000000000000000000000000000]"),
        S("[0.1234567890123456789012345678901234567890123456789012345678901234567]"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_refused(bad[i].bytes, bad[i].n);
    }
}

static const struct sample broken_strings[] = {
    S("[\"\\\"]"),
    S("[\"\\x00\"]"),
    S("[\"\\a\"]"),
    S("[\"\\\xE5\"]"),
    S("[\"\\\x00\"]"),
    S("[\"\\u\"]"),
    S("[\"\\u00A\"]"),
    S("[\"\\u00g0\"]"),
    S("[\"\\U0041\"]"),
    S("[\"\\u-041\"]"),
    S("[\"\\u 041\"]"),
    S("[\"\\ud800\"]"),
    S("[\"\\udc00\"]"),
    S("[\"\\ud800\\ud800\"]"),
    S("[\"\\ud800abc\"]"),
    S("[\"\\ud800\\n\"]"),
    S("[\"\\ud800\\u0041\"]"),
    S("[\"\\ud800\\u\"]"),
    S("[\"\\udfff\\ud800\"]"),
    S("['single']"),
    S("[\"a\nb\"]"),
    S("[\"\t\"]"),
    S("[\"\x1F\"]"),
    S("[\"a\x00"
      "b\"]"),
    S("[\"\\u0000\"]"),
    S("{\"a\\u0000b\":1}"),
    S("[\"abcdefgh\\u0000\"]"),
    /* not UTF-8: alone, overlong, surrogates, beyond Unicode, cut, Latin-1 */
    S("[\"\xFF\"]"),
    S("[\"\x80\"]"),
    S("[\"\xC0\x80\"]"),
    S("[\"\xC1\xBF\"]"),
    S("[\"\xC0\xAF\"]"),
    S("[\"\xE0\x80\xAF\"]"),
    S("[\"\xE0\x9F\xBF\"]"),
    S("[\"\xF0\x80\x80\xAF\"]"),
    S("[\"\xF0\x8F\xBF\xBF\"]"),
    S("[\"\xED\xA0\x80\"]"),
    S("[\"\xED\xBF\xBF\"]"),
    S("[\"\xF4\x90\x80\x80\"]"),
    S("[\"\xF5\x80\x80\x80\"]"),
    S("[\"\xF8\x88\x80\x80\x80\"]"),
    S("[\"\xC3\"]"),
    S("[\"\xE1\xBB\"]"),
    S("[\"\xE1\xBB\x41\"]"),
    S("[\"\xF0\x9F\x98\"]"),
    S("[\"\xE9t\xE9\"]"),
    S("[\"\xC3\xA9\xE9\"]"),
    S("[\"abcdefgh\xE1\xBB"),
    S("{\"\xB9\":1}"),
};

static void refuses_broken_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(broken_strings); i++) {
        assert_refused(broken_strings[i].bytes, broken_strings[i].n);
    }
}

/* What the library underneath lets pass: each must be refused by us. */
static void refuses_all_that_the_library_accepts(void **state)
{
    static const struct sample lax[] = {
        S("[012]"),
        S("[1.]"),
        S("1e999"),
        S("{\"a\":1}xyz"),
        S("trueX"),
        S("[\"a\x00z\"]"),
        S("\"a\x01\""),
        S("\"\xC0\xAF\""),
        S("\"\xFF\""),
        S("{\"a\":1,\"a\":2}"),
        S("{\"a\\u0000b\":1}"),
        S("9007199254740993"),
        S("12345678901234567890"),
        S("[1]\x00[2]"),
        S("\x01[1]"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lax); i++) {
        assert_refused(lax[i].bytes, lax[i].n);
    }
}

static void refuses_a_repeated_key_however_it_is_written(void **state)
{
    static const struct sample bad[] = {
        S("{\"a\":1,\"a\":1}"),
        S("{\"a\":1,\"b\":2,\"a\":3}"),
        S("{\"\":1,\"\":2}"),
        S("{\"a\":1,\"\\u0061\":2}"),
        S("{\"\\u0061\":1,\"\\u0061\":2}"),
        S("{\"/\":1,\"\\/\":2}"),
        S("{\"\\u1ea1\":1,\"\xE1\xBA\xA1\":2}"),
        S("{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x80\":2}"),
        S("{\"\\u00e9\":1,\"\xC3\xA9\":2}"),
        S("{\"\\n\":1,\"\\u000a\":2}"),
        S("[[{\"x\":{\"a\":1,\"a\":1}}]]"),
        S("{\"a\":{\"b\":1},\"a\":{\"c\":1}}"),
        S("{\"b\":{\"b\":1,\"c\":2},\"x\":[{\"c\":1}],\"b\":2}"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_refused(bad[i].bytes, bad[i].n);
    }
}

/* An object of n keys; the last repeats key number repeat unless that is n. */
static void put_object(struct buf *b, unsigned n, unsigned repeat, const char *format)
{
    buf_putc(b, '{');
    for (unsigned i = 0; i < n; i++) {
        buf_putc(b, '"');
        buf_printf(b, "k%u", i);
        buf_printf(b, "\":%u,", i);
    }
    buf_putc(b, '"');
    buf_printf(b, "%s%u", format, repeat);
    buf_puts(b, "\":0}");
    assert_int_equal(buf_error(b), 0);
}

static void finds_the_repeated_key_among_any_number_of_keys(void **state)
{
    static const unsigned sizes[] = {1, 2, 16, 17, 63, 64, 65, 127, 128, 129, 130, 1000, 5000};
    struct buf b;
    struct json *root;

    (void)state;
    buf_init(&b, 1u << 20);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        unsigned repeats[] = {0, sizes[i] / 2, sizes[i] - 1};

        for (size_t k = 0; k < COUNT_OF(repeats); k++) {
            buf_clear(&b);
            put_object(&b, sizes[i], repeats[k], "k");
            assert_refused(b.data, b.len);
            buf_clear(&b);
            put_object(&b, sizes[i], repeats[k], "\\u006b");
            assert_refused(b.data, b.len);
        }
        buf_clear(&b);
        put_object(&b, sizes[i], sizes[i], "k");
        assert_int_equal(parse(b.data, b.len, &root, NULL), 0);
        assert_int_equal(json_size(root), sizes[i] + 1);
        json_free(root);
    }
    buf_free(&b);
}

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void a_million_keys_or_elements_take_no_quadratic_time(void **state)
{
    struct buf b;
    struct json *root;
    double start;

    (void)state;
    buf_init(&b, 64u << 20);
    put_object(&b, 60000, 30000, "k");
    start = cpu_seconds();
    assert_refused(b.data, b.len);
    buf_clear(&b);
    buf_putc(&b, '[');
    for (unsigned i = 0; i < 1000000; i++) {
        buf_puts(&b, "\"0123456789ab\",");
    }
    buf_puts(&b, "0]");
    assert_int_equal(parse(b.data, b.len, &root, NULL), 0);
    assert_int_equal(json_size(root), 1000001);
    json_free(root);
    assert_true(cpu_seconds() - start < 20); /* seconds under the slowest tool, not hours */
    buf_free(&b);
}

/* A tree takes 80 bytes a value: what is next to nothing but values ends where it would be large.
 */
static void small_values_end_early(void **state)
{
    static const char *const values[] = {"0,", "{},", "[],", "\"\",", "null,"};
    struct errmsg msg = {0};
    struct json *root;
    struct buf b;

    (void)state;
    buf_init(&b, 8u << 20);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        buf_clear(&b);
        buf_putc(&b, '[');
        for (unsigned k = 0; k < 65000; k++) {
            buf_puts(&b, values[i]);
        }
        buf_puts(&b, "0]");
        assert_int_equal(parse(b.data, b.len, &root, NULL), 0);
        json_free(root);
        b.data[b.len - 1] = ',';
        for (unsigned k = 0; k < 200000; k++) {
            buf_puts(&b, values[i]);
        }
        buf_puts(&b, "0]");
        assert_int_equal(parse(b.data, b.len, &root, &msg), ERR_TOOBIG);
        assert_memory_equal(msg.text, "byte ", 5);
        assert_non_null(strstr(msg.text, "too many values"));
    }
    buf_free(&b);
}

static void put_nested(struct buf *b, unsigned depth, const char *open, const char *close)
{
    buf_clear(b);
    for (unsigned i = 0; i < depth; i++) {
        buf_puts(b, open);
    }
    buf_puts(b, "1");
    for (unsigned i = 0; i < depth; i++) {
        buf_puts(b, close);
    }
    assert_int_equal(buf_error(b), 0);
}

static void depth_ends_at_its_limit(void **state)
{
    static const unsigned too_deep[] = {33, 34, 1000, 1001, 100000, 2000000};
    struct errmsg msg = {0};
    struct json *root;
    struct buf b;

    (void)state;
    buf_init(&b, 64u << 20);
    put_nested(&b, 31, "[", "]");
    assert_int_equal(parse(b.data, b.len, &root, NULL), 0);
    json_free(root);
    put_nested(&b, JSON_DEPTH_MAX, "[", "]");
    assert_int_equal(parse(b.data, b.len, &root, NULL), 0);
    json_free(root);
    put_nested(&b, JSON_DEPTH_MAX, "{\"a\":", "}");
    assert_int_equal(parse(b.data, b.len, &root, NULL), 0);
    json_free(root);
    for (size_t i = 0; i < COUNT_OF(too_deep); i++) {
        put_nested(&b, too_deep[i], "[", "]");
        assert_int_equal(parse(b.data, b.len, &root, &msg), ERR_TOOBIG);
        assert_string_equal(msg.text, "byte 32: nested too deep");
        put_nested(&b, too_deep[i], "{\"a\":", "}");
        assert_int_equal(parse(b.data, b.len, &root, NULL), ERR_TOOBIG);
    }
    buf_free(&b);
}

static void a_cut_document_is_never_accepted(void **state)
{
    static const char whole[] = "\xEF\xBB\xBF {\"error_code\": \"0\", \"result\": [{\"MaHoSo\": "
                                "\"000.00.12.H56-230118-0001\", "
                                "\"TrangThai\": 4, \"Ten\": \"H\xE1\xBB\x93 s\xC6\xA1 "
                                "\\u1ea1\\ud83d\\ude00\\n\", \"x\": -1.25e+3}, "
                                "null, true, false, {}, []], \"\\u0061\": \"\"}";
    struct json *root;

    (void)state;
    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        assert_refused(whole, n);
    }
    assert_int_equal(parse(whole, sizeof(whole) - 1, &root, NULL), 0);
    json_free(root);
}

static void errors_name_the_byte(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"", "byte 0: the document is empty"},
        {"[1, 2", "byte 5: the document ends too early"},
        {"[1, x]", "byte 4: a value is missing"},
        {"{\"id\":9007199254740993}", "byte 6: integer beyond 2^53"},
        {"[1e999]", "byte 1: number out of range"},
        {"[ 012]", "byte 2: number with a leading zero"},
        {"{\"a\":1, \"b\":2, \"a\":3}", "byte 15: repeated key"},
        {"[\"ab\\u0000\"]", "byte 4: \\u0000 is not allowed"},
        {"[\"abc\xFF\"]", "byte 5: not UTF-8"},
        {"{} {}", "byte 3: bytes after the end of the document"},
        {"{\"a\" 1}", "byte 5: ':' expected"},
        {"{\"a\":1 \"b\"}", "byte 7: ',' or '}' expected"},
        {"[1 2]", "byte 3: ',' or ']' expected"},
        {"[\"\\ud800\"]", "byte 2: half a surrogate pair"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct errmsg msg = {0};
        struct json *root;

        assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &root, &msg), ERR_FORMAT);
        assert_string_equal(msg.text, cases[i].words);
    }
}

/* Flips, cuts and doubles bytes of valid documents. Whatever comes out is refused or a readable
 * tree, and the front check never passes what the library then refuses. */
static void mutated_documents_are_refused_or_parsed(void **state)
{
    static const char seed[] =
        "{\"a\":[1,-2.5e3,true,null,\"t\\u1ea1\xE1\xBA\xA1\\n\"],\"b\":{\"c\":\"\","
        "\"d\":[[],{}]},\"e\":false,\"f\":9007199254740992}";
    static const char alphabet[] = "{}[]\",:\\u0019eE+-. truefalsn\n\x01\x80\xBF\xC3\xE1\xFF";
    uint32_t random = 20251118;

    (void)state;
    for (int round = 0; round < 30000; round++) {
        char text[sizeof(seed) + 8];
        size_t n = sizeof(seed) - 1;
        struct json *root;
        int rc;

        memcpy(text, seed, n);
        for (int change = round % 4; change >= 0; change--) {
            random = random * 1664525u + 1013904223u;
            text[(random >> 8) % n] = alphabet[(random >> 24) % (sizeof(alphabet) - 1)];
        }
        n -= round % 7 == 0 ? (random >> 4) % n : 0;
        rc = parse(text, n, &root, NULL);
        assert_true(rc == 0 || rc == ERR_FORMAT);
        json_free(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_every_form_of_valid_json),
        cmocka_unit_test(refuses_broken_structure),
        cmocka_unit_test(refuses_numbers_outside_the_grammar),
        cmocka_unit_test(refuses_numbers_that_a_double_would_change),
        cmocka_unit_test(refuses_broken_strings),
        cmocka_unit_test(refuses_all_that_the_library_accepts),
        cmocka_unit_test(refuses_a_repeated_key_however_it_is_written),
        cmocka_unit_test(finds_the_repeated_key_among_any_number_of_keys),
        cmocka_unit_test(a_million_keys_or_elements_take_no_quadratic_time),
        cmocka_unit_test(small_values_end_early),
        cmocka_unit_test(depth_ends_at_its_limit),
        cmocka_unit_test(a_cut_document_is_never_accepted),
        cmocka_unit_test(errors_name_the_byte),
        cmocka_unit_test(mutated_documents_are_refused_or_parsed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
