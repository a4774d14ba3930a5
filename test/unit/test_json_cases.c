/* The front check of JSON against a table of documents named as the public suites of JSON parsing
 * name theirs: y_ must be taken, n_ must be refused, i_ is left open by the standard and decided
 * here. The documents are our own; test_json_front.c has two hundred more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json.h"

struct sample {
    const char *name;
    const char *bytes;
    size_t n;
};
#define C(name, text)                                                                              \
    {                                                                                              \
        name, text, sizeof(text) - 1                                                               \
    }

static const struct sample taken[] = {
    C("y_array_arrays_with_spaces", "[[]   , [ ]\t,[\r\n]]"),
    C("y_array_false", "[false]"),
    C("y_array_heterogeneous", "[null, 1, \"1\", {}, [], true, -0.5]"),
    C("y_array_leading_space", " \t\r\n[1]"),
    C("y_array_trailing_space", "[2] \t\r\n"),
    C("y_number_after_space", "[ 4]"),
    C("y_number_double_close_to_zero", "[-0.000000000000000000000000000000000001]"),
    C("y_number_exponent_capital_minus", "[1E-3]"),
    C("y_number_exponent_leading_zeros", "[1e0007]"),
    C("y_number_exponent_negative_zero", "[1e-0]"),
    C("y_number_minus_zero_exponent", "[-0e5]"),
    C("y_number_fraction_zeros", "[1.50000]"),
    C("y_number_zero_fraction", "[0.0]"),
    C("y_number_alone_with_space", " 42 "),
    C("y_object_basic", "{\"asd\":\"sdf\"}"),
    C("y_object_empty_value", "{\"a\":\"\"}"),
    C("y_object_escaped_quote_in_key", "{\"a\\\"b\":1}"),
    C("y_object_key_of_escapes", "{\"\\n\\t\":1}"),
    C("y_object_keys_differ_by_space", "{\"a\":1,\"a \":2,\" a\":3}"),
    C("y_object_keys_differ_by_form", "{\"\xC3\xA9\":1,\"e\xCC\x81\":2}"),
    C("y_object_long_strings", "{\"x\":[{\"id\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}]}"),
    C("y_object_newlines", "{\n\"a\"\n:\n\"b\"\n,\n\"c\"\n:\n1\n}"),
    C("y_string_one_byte_escape", "[\"\\u0012\"]"),
    C("y_string_two_byte_escape", "[\"\\u0123\"]"),
    C("y_string_three_byte_escape", "[\"\\u0821\"]"),
    C("y_string_accepted_pair", "[\"\\uD834\\uDD1E\"]"),
    C("y_string_pair_then_text", "[\"\\uD83D\\uDE00x\"]"),
    C("y_string_pairs_mixed_case", "[\"\\uD83d\\uDe00\"]"),
    C("y_string_backslash_at_end", "[\"a\\\\\"]"),
    C("y_string_backslash_and_u", "[\"\\\\u12\"]"),
    C("y_string_comment_inside", "[\"// no comment\"]"),
    C("y_string_delete_character", "[\"a\x7F\"]"),
    C("y_string_escaped_controls", "[\"\\b\\f\\u001f\"]"),
    C("y_string_escaped_slash", "[\"a\\/b\"]"),
    C("y_string_line_separator", "[\"\xE2\x80\xA8\xE2\x80\xA9\"]"),
    C("y_string_escaped_line_separator", "[\"\\u2028\\u2029\"]"),
    C("y_string_no_break_space_inside", "[\"a\xC2\xA0z\"]"),
    C("y_string_mark_inside", "[\"\xEF\xBB\xBFx\"]"),
    C("y_string_noncharacter_escaped", "[\"\\uFDD0\\uFFFE\"]"),
    C("y_string_noncharacter", "[\"\xF3\xBF\xBF\xBE\"]"),
    C("y_string_private_use", "[\"\xEE\x80\x80\xF4\x80\x80\x80\"]"),
    C("y_string_first_of_each_length", "[\" \xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80\"]"),
    C("y_string_last_of_each_length", "[\"\x7F\xDF\xBF\xEF\xBF\xBF\xF4\x8F\xBF\xBF\"]"),
    C("y_string_around_the_surrogates", "[\"\xED\x9F\xBF\xEE\x80\x80\"]"),
    C("y_string_right_to_left", "[\"\xE2\x80\xAE\"]"),
    C("y_string_nested_json", "[\"{\\\"a\\\":[1]}\"]"),
    C("y_string_vietnamese_escaped", "[\"Nguy\\u1ec5n\"]"),
    C("y_string_vietnamese_apart", "[\"Nguye\xCC\x82\xCC\x83n\"]"),
    C("y_structure_lonely_string", "\"x\""),
    C("y_structure_lonely_negative", "-0.1"),
    C("y_structure_lonely_word", " true "),
    C("y_structure_white_space_of_all_kinds", "\t \r\n{ \t\r\n} \t\r\n"),
    /* what the standard leaves to the reader */
    C("i_structure_one_mark", "\xEF\xBB\xBF[1]"),
    C("i_structure_mark_then_space", "\xEF\xBB\xBF [1]"),
    C("i_number_double_that_rounds", "[0.1000000000000000055]"),
    C("i_number_largest", "[1.7976931348623157e308]"),
    C("i_number_negative_zero_integer", "[-0]"),
    C("i_object_key_case", "{\"key\":1,\"KEY\":2,\"Key\":3}"),
    C("i_object_key_proto", "{\"__proto__\":{},\"constructor\":1}"),
    C("i_string_overlong_looking", "[\"\xE0\xA0\x80\"]"),
};

static const struct sample refused[] = {
    C("n_array_colon", "[1:2]"),
    C("n_array_comma_after_close", "[1],"),
    C("n_array_comma_and_number", "[,2]"),
    C("n_array_double_comma", "[1,,2]"),
    C("n_array_double_trailing_comma", "[1,,]"),
    C("n_array_extra_close", "[1]]"),
    C("n_array_inner_without_comma", "[3[4]]"),
    C("n_array_invalid_utf8", "[\xFF]"),
    C("n_array_items_separated_by_semicolon", "[1;2]"),
    C("n_array_just_comma", "[,]"),
    C("n_array_just_minus", "[-]"),
    C("n_array_newlines_unclosed", "[1,\n2\n,3"),
    C("n_array_spread", "[...x]"),
    C("n_array_star_inside", "[*]"),
    C("n_array_unclosed_with_object", "[{}"),
    C("n_array_vertical_tab", "[\x0B]"),
    C("n_incomplete_false", "[fals]"),
    C("n_incomplete_null", "[nul]"),
    C("n_incomplete_true", "[tru]"),
    C("n_number_plus_plus", "[++1234]"),
    C("n_number_plus_one", "[+1]"),
    C("n_number_plus_infinity", "[+Inf]"),
    C("n_number_minus_leading_zero", "[-01]"),
    C("n_number_minus_dot", "[-.123]"),
    C("n_number_minus_space", "[- 1]"),
    C("n_number_minus_letter", "[-foo]"),
    C("n_number_minus_two", "[-2.]"),
    C("n_number_dot_exponent", "[.2e-3]"),
    C("n_number_dot_alone", "[.]"),
    C("n_number_dots", "[1.2.3]"),
    C("n_number_exponent_alone", "[e5]"),
    C("n_number_exponent_without_digits", "[9.e+]"),
    C("n_number_exponent_double", "[1e2e3]"),
    C("n_number_exponent_plus_minus", "[1e+-2]"),
    C("n_number_exponent_space", "[1e 2]"),
    C("n_number_fraction_after_exponent", "[1e2.5]"),
    C("n_number_hexadecimal_capital", "[0XF]"),
    C("n_number_hexadecimal_float", "[0x1p3]"),
    C("n_number_binary", "[0b101]"),
    C("n_number_octal", "[0o17]"),
    C("n_number_underscore", "[1_000]"),
    C("n_number_space_inside", "[1 000]"),
    C("n_number_suffix", "[1n]"),
    C("n_number_percent", "[10%]"),
    C("n_number_expression", "[1+2]"),
    C("n_number_fraction_slash", "[1/2]"),
    C("n_number_fullwidth_digit", "[\xEF\xBC\x91]"),
    C("n_number_arabic_digit", "[\xD9\xA1]"),
    C("n_number_minus_sign_of_unicode", "[\xE2\x88\x92"
                                        "1]"),
    C("n_number_nan_signed", "[-NaN]"),
    C("n_number_infinity_long", "[Infinity]"),
    C("n_number_then_bad_byte", "[1\xE5]"),
    C("n_number_too_large", "[1e4000]"),
    C("n_number_too_small", "[1e-4000]"),
    C("n_number_integer_beyond_double", "[18446744073709551616]"),
    C("n_number_integer_that_would_change", "[9007199254740995]"),
    C("n_object_bad_value", "{\"x\":truth}"),
    C("n_object_bracket_key", "{[:\"x\"}"),
    C("n_object_comma_for_colon", "{\"x\",null}"),
    C("n_object_double_colon", "{\"x\"::1}"),
    C("n_object_emoji_key_bare", "{\xF0\x9F\x98\x80:1}"),
    C("n_object_garbage_at_end", "{\"a\":\"a\" 123}"),
    C("n_object_single_quotes", "{'a':0}"),
    C("n_object_missing_colon", "{\"a\" 1}"),
    C("n_object_missing_key", "{:1}"),
    C("n_object_missing_value", "{\"a\":"),
    C("n_object_missing_semicolon", "{\"a\":1;\"b\":2}"),
    C("n_object_no_colon", "{\"a\""),
    C("n_object_key_of_number", "{1:1}"),
    C("n_object_key_of_array", "{[1]:1}"),
    C("n_object_key_of_object", "{{}:1}"),
    C("n_object_key_of_word", "{true:1}"),
    C("n_object_bare_key", "{a:1}"),
    C("n_object_several_trailing_commas", "{\"id\":0,,,,,}"),
    C("n_object_trailing_comma", "{\"id\":0,}"),
    C("n_object_leading_comma", "{,\"id\":0}"),
    C("n_object_trailing_comment", "{\"a\":1}/**/"),
    C("n_object_trailing_comment_open", "{\"a\":1}/*"),
    C("n_object_trailing_slash", "{\"a\":1}/"),
    C("n_object_trailing_hash", "{\"a\":1}#"),
    C("n_object_comment_inside", "{\"a\":/*x*/1}"),
    C("n_object_two_commas_in_a_row", "{\"a\":1,,\"b\":2}"),
    C("n_object_key_without_value", "{\"a\"}"),
    C("n_object_unterminated_value", "{\"a\":\"a"),
    C("n_object_closed_by_bracket", "{\"a\":1]"),
    C("n_object_with_single_string", "{\"x\" : \"y\", \"z\"}"),
    C("n_object_trailing_object", "{}{}"),
    C("n_object_twice_the_key", "{\"a\":1,\"a\":2}"),
    C("n_object_twice_the_escaped_key", "{\"\\u0061\":1,\"a\":2}"),
    C("n_object_twice_deep", "[[{\"b\":{\"a\":1,\"a\":1}}]]"),
    C("n_object_function", "{\"a\":f()}"),
    C("n_object_call", "f({\"a\":1})"),
    C("n_single_space", " "),
    C("n_string_one_surrogate_escape", "[\"\\uD800\"]"),
    C("n_string_surrogate_then_escape", "[\"\\uD800\\\"]"),
    C("n_string_surrogate_then_u", "[\"\\uD800\\u\"]"),
    C("n_string_surrogate_then_digit", "[\"\\uD800\\u1\"]"),
    C("n_string_surrogate_then_letter", "[\"\\uD800\\u1x\"]"),
    C("n_string_second_first", "[\"\\uDC00\\uD800\"]"),
    C("n_string_two_firsts", "[\"\\uD83D\\uD83D\"]"),
    C("n_string_first_then_plain", "[\"\\uD83Dx\"]"),
    C("n_string_accented_word", "[\xC3\xA9]"),
    C("n_string_control_backspace", "[\"\x08\"]"),
    C("n_string_control_escape", "[\"\x1B[31m\"]"),
    C("n_string_newline", "[\"new\nline\"]"),
    C("n_string_return", "[\"new\rline\"]"),
    C("n_string_tab", "[\"\t\"]"),
    C("n_string_nul", "[\"a\0b\"]"),
    C("n_string_escaped_nul", "[\"\\u0000\"]"),
    C("n_string_escaped_nul_in_key", "{\"\\u0000\":1}"),
    C("n_string_escape_x", "[\"\\x00\"]"),
    C("n_string_escape_octal", "[\"\\0\"]"),
    C("n_string_escape_quote", "[\"\\'\"]"),
    C("n_string_escape_v", "[\"\\v\"]"),
    C("n_string_escape_capital_u", "[\"\\UA66D\"]"),
    C("n_string_escape_brace", "[\"\\u{61}\"]"),
    C("n_string_escape_newline", "[\"a\\\nb\"]"),
    C("n_string_escape_tab", "[\"\\\t\"]"),
    C("n_string_escape_emoji", "[\"\\\xF0\x9F\x98\x80\"]"),
    C("n_string_escape_bad_byte", "[\"\\\xE5\"]"),
    C("n_string_escape_bad_hex", "[\"\\u00G0\"]"),
    C("n_string_escape_sign", "[\"\\u+123\"]"),
    C("n_string_escape_short", "[\"\\u12\"]"),
    C("n_string_escape_cut", "[\"\\u12"),
    C("n_string_escaped_end", "[\"\\\"]"),
    C("n_string_backtick", "[`a`]"),
    C("n_string_no_quotes", "[asd]"),
    C("n_string_one_quote", "\""),
    C("n_string_single_quote", "['single']"),
    C("n_string_curly_quotes", "[\xE2\x80\x9C"
                               "a\xE2\x80\x9D]"),
    C("n_string_start_escaped", "[\\u0020\"asd\"]"),
    C("n_string_concatenated", "[\"a\"\"b\"]"),
    C("n_string_plus", "[\"a\"+\"b\"]"),
    C("n_string_latin1", "[\"\xE9\"]"),
    C("n_string_cp1258", "[\"Nguy\xEA\xDEn\"]"),
    C("n_string_tcvn3", "[\"V\xA8n\"]"),
    C("n_string_lone_continuation", "[\"\x81\"]"),
    C("n_string_overlong_two", "[\"\xC0\xAF\"]"),
    C("n_string_overlong_three", "[\"\xE0\x80\xAF\"]"),
    C("n_string_overlong_six", "[\"\xFC\x83\xBF\xBF\xBF\xBF\"]"),
    C("n_string_overlong_nul", "[\"\xC0\x80\"]"),
    C("n_string_surrogate_bytes", "[\"\xED\xA0\x80\"]"),
    C("n_string_surrogate_bytes_pair", "[\"\xED\xA0\xBD\xED\xB8\x80\"]"),
    C("n_string_beyond_unicode", "[\"\xF4\x90\x80\x80\"]"),
    C("n_string_cut_sequence", "[\"\xE0\xFF\"]"),
    C("n_string_utf16_inside", "[\"\0\xE9\"]"),
    C("n_structure_angle_bracket", "<.>"),
    C("n_structure_mark_alone", "\xEF\xBB\xBF"),
    C("n_structure_mark_cut", "\xEF\xBB{}"),
    C("n_structure_mark_twice", "\xEF\xBB\xBF\xEF\xBB\xBF{}"),
    C("n_structure_mark_at_end", "{}\xEF\xBB\xBF"),
    C("n_structure_capital_word", "[True]"),
    C("n_structure_close_unopened", "1]"),
    C("n_structure_comma_for_value", ","),
    C("n_structure_double_array", "[][]"),
    C("n_structure_end_array", "]"),
    C("n_structure_lone_bad_byte", "\xE5"),
    C("n_structure_no_data", ""),
    C("n_structure_nul_for_space", "[\0]"),
    C("n_structure_nul_at_end", "[1]\0"),
    C("n_structure_number_with_garbage", "2@"),
    C("n_structure_object_follows", "{\"a\":1}{\"b\":2}"),
    C("n_structure_lines_of_json", "{\"a\":1}\n{\"b\":2}"),
    C("n_structure_open_object_string", "{\"a"),
    C("n_structure_open_array_open_object", "[{\"\":[{\"\":"),
    C("n_structure_sequence_mark", "\x1E{}\n"),
    C("n_structure_single_star", "*"),
    C("n_structure_prefix", ")]}',\n[1]"),
    C("n_structure_while", "while(1);[1]"),
    C("n_structure_unicode_space", "[\xE2\x81\xA0]"),
    C("n_structure_no_break_space", "\xC2\xA0[]"),
    C("n_structure_next_line", "\xC2\x85[]"),
    C("n_structure_form_feed", "\x0C[]"),
    C("n_structure_utf16_little", "[\0]\0"),
    C("n_structure_utf16_big", "\0[\0]"),
    C("n_structure_utf16_marked", "\xFF\xFE[\0]\0"),
    C("n_structure_utf32", "\xFF\xFE\0\0[\0\0\0]\0\0\0"),
    C("n_structure_utf7", "+AFsAXQ-"),
    C("n_structure_gzip", "\x1F\x8B\x08\0"),
    C("n_structure_html", "<!DOCTYPE html><p>502"),
    C("n_structure_xml", "<?xml version='1.0'?><a/>"),
    C("n_structure_yaml", "a: 1\n"),
    C("n_structure_undefined", "undefined"),
};

/* From a copy of exactly that length, so that a read behind it is seen. */
static int parse(const struct sample *s, struct errmsg *msg)
{
    char *copy = malloc(s->n > 0 ? s->n : 1);
    struct json *root = NULL;
    int rc;

    assert_non_null(copy);
    memcpy(copy, s->bytes, s->n);
    rc = json_parse(copy, s->n, &root, msg);
    assert_true((rc == 0) == (root != NULL));
    json_free(root);
    free(copy);
    return rc;
}

static void what_is_json_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        struct errmsg msg = {{0}};

        if (parse(&taken[i], &msg) != 0) {
            fail_msg("%s: %s", taken[i].name, msg.text);
        }
    }
}

static void what_is_none_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct errmsg msg = {{0}};

        if (parse(&refused[i], &msg) != ERR_FORMAT || strncmp(msg.text, "byte ", 5) != 0) {
            fail_msg("%s: %s", refused[i].name, msg.text);
        }
    }
}

/* Every beginning of a document that is taken is refused, unless it is a whole one by itself. */
static void no_beginning_of_a_container_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        const char *close = strrchr(taken[i].bytes, '}');
        const char *bracket = strrchr(taken[i].bytes, ']');
        struct sample part = taken[i];
        struct errmsg msg = {{0}};

        close = close == NULL || (bracket != NULL && bracket > close) ? bracket : close;
        for (part.n = 0; close != NULL && part.n < (size_t)(close - part.bytes); part.n++) {
            if (parse(&part, &msg) == 0) {
                fail_msg("%s: taken after %zu bytes", part.name, part.n);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_json_is_taken),
        cmocka_unit_test(what_is_none_is_refused_with_its_place),
        cmocka_unit_test(no_beginning_of_a_container_is_taken),
    };

    print_message("%zu documents to take, %zu to refuse\n", sizeof(taken) / sizeof(taken[0]),
                  sizeof(refused) / sizeof(refused[0]));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
