#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utf8proc.h>

/* A failed allocation shall look under the sanitizer as it does without. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void is_empty_text_from_the_start(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 10);
    assert_string_equal(buf_text(&b), "");
    assert_int_equal(buf_error(&b), 0);
    buf_put(&b, NULL, 0);
    buf_puts(&b, "");
    buf_printf(&b, "%s", "");
    assert_null(b.data);
    buf_free(&b);
    buf_free(&b);
}

static void holds_what_was_written_at_every_length(void **state)
{
    char expected[3000] = "";
    size_t len = 0;
    struct buf b;

    (void)state;
    buf_init(&b, sizeof(expected));
    for (unsigned i = 0; i < 500; i++) {
        int n = snprintf(expected + len, sizeof(expected) - len, "%u,", i);

        len += (size_t)n;
        if (i % 2 == 0) {
            buf_printf(&b, "%u,", i);
        } else {
            char piece[8];

            (void)snprintf(piece, sizeof(piece), "%u", i);
            buf_puts(&b, piece);
            buf_putc(&b, ',');
        }
        assert_int_equal(b.len, len);
        assert_string_equal(buf_text(&b), expected);
    }
    buf_free(&b);
}

static void fills_to_its_ceiling_and_not_a_byte_more(void **state)
{
    (void)state;
    for (size_t max = 0; max < 200; max++) {
        struct buf b;

        buf_init(&b, max);
        for (size_t i = 0; i < max; i++) {
            buf_putc(&b, 'x');
        }
        assert_int_equal(buf_error(&b), 0);
        buf_putc(&b, 'x');
        assert_int_equal(buf_error(&b), ERR_TOOBIG);
        assert_int_equal(b.len, max);
        assert_int_equal(strlen(buf_text(&b)), max);
        assert_true(b.capacity <= max + 1);
        buf_free(&b);
    }
}

static void an_error_sticks_until_cleared(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    buf_puts(&b, "abc");
    buf_puts(&b, "de");
    buf_puts(&b, "f"); /* would fit, but the series is broken */
    assert_int_equal(buf_error(&b), ERR_TOOBIG);
    assert_string_equal(buf_text(&b), "abc");
    buf_clear(&b);
    buf_puts(&b, "f");
    assert_int_equal(buf_error(&b), 0);
    assert_string_equal(buf_text(&b), "f");
    buf_free(&b);
    buf_clear(&b);
    assert_string_equal(buf_text(&b), "");
}

static void missing_memory_fails_softly(void **state)
{
    volatile size_t huge = SIZE_MAX / 8; /* hidden from the compiler, which would warn */
    struct buf b;

    (void)state;
    buf_init(&b, SIZE_MAX);
    buf_puts(&b, "abc");
    buf_put(&b, "", huge);
    assert_int_equal(buf_error(&b), ERR_NOMEM);
    assert_string_equal(buf_text(&b), "abc");
    buf_clear(&b);
    buf_puts(&b, "abc");
    huge = SIZE_MAX - 3;
    buf_put(&b, "", huge);
    assert_int_equal(buf_error(&b), ERR_TOOBIG);
    assert_string_equal(buf_text(&b), "abc");
    buf_free(&b);
}

static void composed_writes_are_whole_or_absent(void **state)
{
    (void)state;
    for (size_t max = 0; max < 24; max++) {
        struct buf b;

        buf_init(&b, max);
        buf_put_json(&b, "a\"\x01");
        assert_string_equal(buf_text(&b), max >= 11 ? "\"a\\\"\\u0001\"" : "");
        buf_free(&b);
        buf_put_xml(&b, "a<&b");
        assert_string_equal(buf_text(&b), max >= 11 ? "a&lt;&amp;b" : "");
        buf_free(&b);
        buf_put_form(&b, "a b=c");
        assert_string_equal(buf_text(&b), max >= 7 ? "a+b%3Dc" : "");
        buf_free(&b);
        buf_printf(&b, "%s-%d", "abc", 12);
        assert_string_equal(buf_text(&b), max >= 6 ? "abc-12" : "");
        buf_free(&b);
    }
}

static void json_strings_are_escaped(void **state)
{
    static const struct {
        const char *text, *json;
    } rows[] = {
        {"", "\"\""},
        {"Hồ sơ", "\"Hồ sơ\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
        {"a\xFFz", "\"a\xEF\xBF\xBDz\""},
        {"\xC4", "\"\xEF\xBF\xBD\""},                                 /* cut character */
        {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* surrogate */
        {"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},                 /* overlong */
        {"\xF0\x9F\x99\x82", "\"\xF0\x9F\x99\x82\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf b;

        buf_init(&b, 100);
        buf_put_json(&b, rows[i].text);
        assert_string_equal(buf_text(&b), rows[i].json);
        buf_free(&b);
    }
}

/* What buf_put_json shall write, byte by byte and with another's reading of UTF-8. */
static void simple_json(const char *text, size_t n, char *out)
{
    *out++ = '"';
    for (size_t at = 0; at < n;) {
        unsigned char c = (unsigned char)text[at];
        utf8proc_int32_t code_point;
        utf8proc_ssize_t taken = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
                                                  (utf8proc_ssize_t)(n - at), &code_point);

        if (c < 0x20 || c == '"' || c == '\\') {
            const char *letter = strchr("\"\"\\\\\bb\ff\nn\rr\tt", c); /* each with its letter */

            out += letter != NULL ? sprintf(out, "\\%c", letter[1]) : sprintf(out, "\\u%04x", c);
        } else if (taken < 1) {
            out += sprintf(out, "\xEF\xBF\xBD");
            taken = 1;
        } else {
            memcpy(out, text + at, (size_t)taken);
            out += taken;
        }
        at += (size_t)taken;
    }
    (void)strcpy(out, "\"");
}

static void json_strings_of_any_bytes_are_as_a_simple_writer_writes_them(void **state)
{
    static const char *const pieces[] = {
        "a",    "hồ sơ",    "\"",           "\\",           "\n",   "\x01",     "\x1F", " ",
        "\x7F", "\xC2\x80", "\xDF\xBF",     "\xE0\xA0\x80", "\xE0", "\xEF\xBF", "\xC1", "\xF4\x90",
        "!",    "[",        "\xED\x9F\xBF", "\xF0\x9F\x99", "\x80", "\xFF",     "ab",   "12345678",
    };
    uint64_t random = 1;

    (void)state;
    for (unsigned round = 0; round < 50000; round++) {
        char made[256] = "";
        char expected[2048];
        char named[2048];
        size_t n = 0;
        struct buf b;
        char *text;

        for (unsigned i = round % 20; i > 0; i--) {
            uint64_t pick;

            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            pick = random >> 33;
            if (pick % 8 == 0) {
                made[n++] = (char)(1 + (pick >> 8) % 255);
            } else {
                const char *piece = pieces[(pick >> 8) % (sizeof(pieces) / sizeof(pieces[0]))];

                memcpy(made + n, piece, strlen(piece));
                n += strlen(piece);
            }
        }
        made[n] = '\0';
        text = strdup(made); /* so that the sanitizer sees a byte too many */
        simple_json(made, n, expected);
        buf_init(&b, sizeof(expected));
        buf_put_json(&b, text);
        assert_string_equal(buf_text(&b), expected);
        assert_int_equal(b.len, strlen(expected));
        buf_put_json_name(&b, text, true);
        (void)snprintf(named, sizeof(named), "%s,%s:", expected, expected);
        assert_string_equal(buf_text(&b), named);
        buf_free(&b);
        buf_init(&b, strlen(expected) - 1);
        buf_put_json(&b, text);
        assert_int_equal(buf_error(&b), ERR_TOOBIG);
        assert_string_equal(buf_text(&b), "");
        buf_free(&b);
        free(text);
    }
}

static void xml_text_is_escaped_and_never_malformed(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 200);
    buf_put_xml(&b, "<a b=\"c\">d&'é\t\n\r\x02");
    assert_string_equal(buf_text(&b), "&lt;a b=&quot;c&quot;&gt;d&amp;&#39;é\t\n&#13;\xEF\xBF\xBD");
    buf_free(&b);
}

static void form_values_keep_only_safe_bytes(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 2000);
    buf_put_form(&b, "aZ09-._* +&=%đ/");
    assert_string_equal(buf_text(&b), "aZ09-._*+%2B%26%3D%25%C4%91%2F");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_empty_text_from_the_start),
        cmocka_unit_test(holds_what_was_written_at_every_length),
        cmocka_unit_test(fills_to_its_ceiling_and_not_a_byte_more),
        cmocka_unit_test(an_error_sticks_until_cleared),
        cmocka_unit_test(missing_memory_fails_softly),
        cmocka_unit_test(composed_writes_are_whole_or_absent),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(json_strings_of_any_bytes_are_as_a_simple_writer_writes_them),
        cmocka_unit_test(xml_text_is_escaped_and_never_malformed),
        cmocka_unit_test(form_values_keep_only_safe_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
