#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void only_wellformed_text_is_utf8(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        bool good;
    } rows[] = {
        {"", 0, true},
        {"Hồ sơ", 8, true},
        {"\xF0\x9F\x99\x82", 4, true},
        {"a\0b", 3, false},
        {"\xC4", 1, false},
        {"\xC0\xAF", 2, false},         /* overlong */
        {"\xE0\x80\x80", 3, false},     /* overlong */
        {"\xED\xA0\x80", 3, false},     /* surrogate */
        {"\xF4\x90\x80\x80", 4, false}, /* beyond U+10FFFF */
        {"\x80", 1, false},
        {"\xFF", 1, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(text_is_utf8(rows[i].bytes, rows[i].n), rows[i].good);
    }
}

static void composed_text_is_not_copied(void **state)
{
    static const char *const texts[] = {"", "ascii", "Đã tiếp nhận – “ạ”", "漢字", "αβγ"};
    struct arena a;

    (void)state;
    arena_init(&a, 4096);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *out = NULL;
        bool changed = true;

        assert_int_equal(text_nfc(&a, texts[i], strlen(texts[i]), &out, &changed), 0);
        assert_ptr_equal(out, texts[i]);
        assert_false(changed);
    }
    assert_int_equal(a.used_bytes, 0);
    arena_free(&a);
}

static void decomposed_text_is_composed_in_the_arena(void **state)
{
    const char *decomposed = "Tie\xCC\x82\xCC\x81p nha\xCC\xA3\xCC\x82n"; /* marks apart */
    const char *out = NULL;
    bool changed = false;
    struct arena a;

    (void)state;
    arena_init(&a, 4096);
    assert_int_equal(text_nfc(&a, decomposed, strlen(decomposed), &out, &changed), 0);
    assert_string_equal(out, "Tiếp nhận");
    assert_true(changed);
    assert_int_equal(text_nfc(&a, decomposed, strlen(decomposed), &out, NULL), 0);
    arena_free(&a);
}

static void text_that_can_not_be_normalised_is_told(void **state)
{
    const char *out = NULL;
    struct arena a;
    bool changed = true;

    (void)state;
    arena_init(&a, 4);
    assert_int_equal(text_nfc(&a, "a\xFF", 2, &out, &changed), ERR_FORMAT);
    assert_int_equal(text_nfc(&a, "a\0b", 3, &out, &changed), ERR_FORMAT);
    assert_int_equal(text_nfc(&a, "e\xCC\x82", 3, &out, &changed), ERR_NOMEM);
    assert_false(changed);
    arena_free(&a);
}

static void length_counts_characters(void **state)
{
    (void)state;
    assert_int_equal(text_length(""), 0);
    assert_int_equal(text_length("Hồ sơ"), 5);
    assert_int_equal(text_length("\xF0\x9F\x99\x82"), 1);
}

static void a_prefix_keeps_marks_with_their_letter(void **state)
{
    const char *text = "ae\xCC\x82\xCC\x81z"; /* a, e with two marks, z */

    (void)state;
    assert_int_equal(text_prefix(text, 0), 0);
    assert_int_equal(text_prefix(text, 1), 1);
    assert_int_equal(text_prefix(text, 2), 1);
    assert_int_equal(text_prefix(text, 3), 1);
    assert_int_equal(text_prefix(text, 4), 6);
    assert_int_equal(text_prefix(text, 5), 7);
    assert_int_equal(text_prefix(text, 99), 7);
    assert_int_equal(text_prefix("", 3), 0);
}

static void every_prefix_is_text_within_the_limit(void **state)
{
    const char *text =
        "Căn cước 👨‍👩‍👧 \r\n đề nghị cấp đổi giấy phép";

    (void)state;
    for (size_t max = 0; max < 60; max++) {
        size_t n = text_prefix(text, max);
        char copy[200];

        memcpy(copy, text, n);
        copy[n] = '\0';
        assert_true(text_is_utf8(copy, n));
        assert_true(text_length(copy) <= max);
        assert_true(n <= text_prefix(text, max + 1));
    }
}

static void a_prefix_of_broken_bytes_stays_inside(void **state)
{
    (void)state;
    assert_int_equal(text_prefix("\xFF\xFF\xFF", 2), 2);
    assert_int_equal(text_prefix("a\xC4", 9), 2);
}

static void words_are_found_without_case_and_in_either_form(void **state)
{
    (void)state;
    assert_true(text_contains("Hồ sơ ĐÃ TỒN TẠI trên hệ thống", "đã tồn tại"));
    assert_true(text_contains("Ho\xCC\x82\xCC\x80 so\xCC\x9B", "hồ sơ"));
    assert_true(text_contains("hồ sơ", "HO\xCC\x82\xCC\x80 SO\xCC\x9B"));
    assert_true(text_contains("Thành công", ""));
    assert_false(text_contains("đa ton tai", "đã tồn tại"));
    assert_false(text_contains("", "x"));
    assert_false(text_contains("\xFF thành công", "thành công"));
    assert_false(text_contains("thành công", "\xFF"));
}

static void folded_texts_compare_without_case(void **state)
{
    char a[64];
    char b[64];

    (void)state;
    assert_int_equal(text_fold("ĐANG XỬ LÝ", a, sizeof(a)), 0);
    assert_int_equal(text_fold("đang xu\xCC\x9B\xCC\x89 lý", b, sizeof(b)), 0);
    assert_string_equal(a, b);
    assert_int_equal(text_fold("\xFF", a, sizeof(a)), ERR_FORMAT);
    assert_string_equal(a, "");
    assert_int_equal(text_fold("abcd", a, 5), 0);
    assert_int_equal(text_fold("abcd", a, 4), ERR_TOOBIG);
    assert_string_equal(a, "");
    assert_int_equal(text_fold("", a, 0), ERR_TOOBIG);
}

static void trimming_drops_white_space_round_the_text(void **state)
{
    char out[6];
    char same[] = " \t ab c\r\n";

    (void)state;
    text_trim("  x y \v\f", out, sizeof(out));
    assert_string_equal(out, "x y");
    text_trim(" \t\n", out, sizeof(out));
    assert_string_equal(out, "");
    text_trim("abcdefgh", out, sizeof(out));
    assert_string_equal(out, "abcde");
    text_trim("abcđe", out, 5); /* no half letter */
    assert_string_equal(out, "abc");
    text_trim(same, same, sizeof(same));
    assert_string_equal(same, "ab c");
    text_trim("x", out, 1);
    assert_string_equal(out, "");
    text_trim("x", NULL, 0);
}

static void what_would_harm_a_terminal_is_escaped(void **state)
{
    char out[100];

    (void)state;
    text_printable("Hồ\n\x1b[1m\xFF\x7f", 11, out, sizeof(out));
    assert_string_equal(out, "Hồ\\x0a\\x1b[1m\\xff\\x7f");
    text_printable("a\0b", 3, out, sizeof(out));
    assert_string_equal(out, "a\\x00b");
    text_printable("\xE2\x80\xAE", 3, out, sizeof(out)); /* right to left override */
    assert_string_equal(out, "\\xe2\\x80\\xae");
    text_printable("\xC2\x9B", 2, out, sizeof(out)); /* C1 control */
    assert_string_equal(out, "\\xc2\\x9b");
    text_printable("x", 1, NULL, 0);
}

static void printable_text_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t size = 1; size < 20; size++) {
        char out[20];
        size_t len;

        text_printable("đ\x01ế\xE2\x80\xAE", 9, out, size);
        len = strlen(out);
        assert_true(len < size);
        assert_true(len == 0 || len == 2 || len == 6 || len == 9);
        assert_true(text_is_utf8(out, len));
    }
}

static void random_bytes_become_printable(void **state)
{
    uint32_t seed = 7;

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        char bytes[24];
        char out[64];

        for (size_t i = 0; i < sizeof(bytes); i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (char)(seed >> 24);
        }
        text_printable(bytes, sizeof(bytes), out, sizeof(out));
        assert_true(text_is_utf8(out, strlen(out)));
        for (const char *at = out; *at != '\0'; at++) {
            assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
        }
    }
}

static void personal_numbers_and_addresses_are_masked_and_codes_stay(void **state)
{
    static const struct {
        const char *text, *masked;
    } rows[] = {
        {"CCCD 000123456789 không hợp lệ", "CCCD *** không hợp lệ"},
        {"CMND 000456789.", "CMND ***."},
        {"gọi 0900000000/0900000001", "gọi ***/***"},
        {"12345678 stays", "12345678 stays"},
        {"000.00.12.H56-230118-0001 đã tồn tại", "000.00.12.H56-230118-0001 đã tồn tại"},
        {"G09.20-20260609-0092637", "G09.20-20260609-0092637"},
        {"TTHC 1.001193.000.00.00.H56", "TTHC 1.001193.000.00.00.H56"},
        {"thư an.test+1@example.vn.", "thư ***."},
        {"a@b", "***"},
        {"<nguyễn@example.vn>", "<***>"},
        {"@example.vn và x@", "@example.vn và x@"},
        {"x@...", "x@..."},
        {"a@b@c", "***@c"},
        {"", ""},
        {"đ000123456789đ", "đ***đ"},
        {"123456789", "***"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[100];

        (void)snprintf(text, sizeof(text), "%s", rows[i].text);
        text_mask_personal(text);
        assert_string_equal(text, rows[i].masked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_wellformed_text_is_utf8),
        cmocka_unit_test(composed_text_is_not_copied),
        cmocka_unit_test(decomposed_text_is_composed_in_the_arena),
        cmocka_unit_test(text_that_can_not_be_normalised_is_told),
        cmocka_unit_test(length_counts_characters),
        cmocka_unit_test(a_prefix_keeps_marks_with_their_letter),
        cmocka_unit_test(every_prefix_is_text_within_the_limit),
        cmocka_unit_test(a_prefix_of_broken_bytes_stays_inside),
        cmocka_unit_test(words_are_found_without_case_and_in_either_form),
        cmocka_unit_test(folded_texts_compare_without_case),
        cmocka_unit_test(trimming_drops_white_space_round_the_text),
        cmocka_unit_test(what_would_harm_a_terminal_is_escaped),
        cmocka_unit_test(printable_text_is_cut_between_characters),
        cmocka_unit_test(random_bytes_become_printable),
        cmocka_unit_test(personal_numbers_and_addresses_are_masked_and_codes_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
