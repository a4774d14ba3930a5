#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_code_has_its_own_text(void **state)
{
    (void)state;
    for (int a = -1; a >= -(int)ERR_COUNT; a--) {
        assert_string_not_equal(err_text(a), "unknown error");
        for (int b = a - 1; b >= -(int)ERR_COUNT; b--) {
            assert_string_not_equal(err_text(a), err_text(b));
        }
    }
    assert_string_equal(err_text(ERR_FULL), "disk full");
    assert_string_equal(err_text(ERR_OK), "no error");
}

static void other_numbers_are_unknown(void **state)
{
    (void)state;
    assert_string_equal(err_text(1), "unknown error");
    assert_string_equal(err_text(-(int)ERR_COUNT - 1), "unknown error");
    assert_string_equal(err_text(INT32_MIN), "unknown error");
    assert_string_equal(err_text(INT32_MAX), "unknown error");
}

static void a_cause_replaces_what_stood_there(void **state)
{
    struct errmsg msg = {"old"};

    (void)state;
    assert_int_equal(err_set(&msg, ERR_FORMAT, "line %u: bad", 7U), ERR_FORMAT);
    assert_string_equal(msg.text, "line 7: bad");
}

static void each_layer_adds_its_noun_in_front(void **state)
{
    struct errmsg msg = {""};

    (void)state;
    (void)err_set(&msg, ERR_IO, "disk on fire");
    assert_int_equal(err_wrap(&msg, ERR_IO, "file %s", "a"), ERR_IO);
    assert_int_equal(err_wrap(&msg, ERR_IO, "journal"), ERR_IO);
    assert_string_equal(msg.text, "journal: file a: disk on fire");
}

static void a_noun_alone_gets_the_text_of_the_code(void **state)
{
    struct errmsg msg = {""};

    (void)state;
    assert_int_equal(err_wrap(&msg, ERR_BUSY, "lock"), ERR_BUSY);
    assert_string_equal(msg.text, "lock: in use");
}

static void nobody_has_to_ask_for_the_text(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, ERR_IO, "x"), ERR_IO);
    assert_int_equal(err_wrap(NULL, ERR_IO, "x"), ERR_IO);
}

static void the_old_text_may_be_an_argument(void **state)
{
    struct errmsg msg = {"inner"};

    (void)state;
    (void)err_set(&msg, ERR_IO, "<%s>", msg.text);
    assert_string_equal(msg.text, "<inner>");
    (void)err_wrap(&msg, ERR_IO, "%s", msg.text);
    assert_string_equal(msg.text, "<inner>: <inner>");
}

static void a_long_text_is_cut_between_characters(void **state)
{
    static const char *const letters[] = {"a", "\xC4\x91", "\xE1\xBA\xBF", "\xF0\x9F\x99\x82"};

    (void)state;
    for (size_t kind = 0; kind < 4; kind++) {
        size_t width = strlen(letters[kind]);

        for (size_t shift = 0; shift < 4; shift++) {
            char text[800] = "";
            struct errmsg msg;
            size_t len;

            memset(text, '.', shift);
            for (size_t at = shift; at + width < sizeof(text); at += width) {
                memcpy(text + at, letters[kind], width + 1);
            }
            (void)err_set(&msg, ERR_IO, "%s", text);
            len = strlen(msg.text);
            assert_int_equal((len - shift) % width, 0);
            assert_in_range(len, sizeof(msg.text) - width, sizeof(msg.text) - 1);
        }
    }
}

static void bytes_that_are_no_text_are_cut_without_harm(void **state)
{
    char text[800];
    struct errmsg msg;

    (void)state;
    memset(text, 0x80, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    (void)err_set(&msg, ERR_IO, "%s", text);
    assert_true(strlen(msg.text) < sizeof(msg.text));
    memset(text, 'x', sizeof(text) - 1);
    (void)err_wrap(&msg, ERR_IO, "%s", text); /* the noun alone fills it */
    assert_int_equal(strlen(msg.text), sizeof(msg.text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_own_text),
        cmocka_unit_test(other_numbers_are_unknown),
        cmocka_unit_test(a_cause_replaces_what_stood_there),
        cmocka_unit_test(each_layer_adds_its_noun_in_front),
        cmocka_unit_test(a_noun_alone_gets_the_text_of_the_code),
        cmocka_unit_test(nobody_has_to_ask_for_the_text),
        cmocka_unit_test(the_old_text_may_be_an_argument),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(bytes_that_are_no_text_are_cut_without_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
