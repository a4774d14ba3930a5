#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "codec/json_feed.h"

struct taken {
    struct buf all; /* records, each with ';' behind it */
    size_t n;
    int refuse;
};

static int take(void *ctx, const char *record, size_t n, struct errmsg *msg)
{
    struct taken *t = ctx;

    if (t->refuse != 0) {
        return err_set(msg, t->refuse, "refused");
    }
    t->n++;
    buf_put(&t->all, record, n);
    buf_putc(&t->all, ';');
    return 0;
}

/* The whole text in pieces of so many bytes. */
static int run(const char *rows, const char *text, size_t n, size_t piece, struct taken *t,
               char rest[1000], struct errmsg *msg)
{
    struct json_feed *f;
    const char *kept;
    size_t kept_n;
    int err = json_feed_open(rows, take, t, &f, msg);

    for (size_t at = 0; err == 0 && at < n; at += piece) {
        err = json_feed_push(f, text + at, n - at < piece ? n - at : piece, msg);
    }
    if (err == 0) {
        err = json_feed_end(f, &kept, &kept_n, msg);
        if (err == 0) {
            snprintf(rest, 1000, "%s", kept);
        }
    }
    json_feed_close(f);
    return err;
}

static void good(const char *rows, const char *text, const char *records, const char *rest)
{
    for (size_t piece = 1; piece < 40; piece += 3) {
        struct taken t = {.n = 0};
        struct errmsg msg = {""};
        char kept[1000];

        buf_init(&t.all, 100000);
        if (run(rows, text, strlen(text), piece, &t, kept, &msg) != 0) {
            fail_msg("piece %zu: %s", piece, msg.text);
        }
        assert_string_equal(buf_text(&t.all), records);
        assert_string_equal(kept, rest);
        buf_free(&t.all);
    }
}

static void bad_bytes(const char *rows, const char *text, size_t n, int err, const char *words)
{
    for (size_t piece = 1; piece < 40; piece += 7) {
        struct taken t = {.n = 0};
        struct errmsg msg = {""};
        char kept[1000];

        buf_init(&t.all, 100000);
        assert_int_equal(run(rows, text, n, piece, &t, kept, &msg), err);
        if (strstr(msg.text, words) == NULL) {
            fail_msg("\"%s\" does not hold \"%s\"", msg.text, words);
        }
        buf_free(&t.all);
    }
}

static void bad(const char *rows, const char *text, int err, const char *words)
{
    bad_bytes(rows, text, strlen(text), err, words);
}

static void hands_out_the_elements_of_an_array(void **state)
{
    (void)state;
    good("", "[{\"a\":1},{\"a\":[{}]}]", "{\"a\":1};{\"a\":[{}]};", "[]");
    good("/data/rows",
         "{\"x\":{\"rows\":[1]},\"data\":{\"n\":2,\"rows\":[ {\"a\":\"]}\"} , "
         "{\"b\":\"\\\"}\"}]},\"ok\":true}",
         "{\"a\":\"]}\"};{\"b\":\"\\\"}\"};",
         "{\"x\":{\"rows\":[1]},\"data\":{\"n\":2,\"rows\":[]},\"ok\":true}");
    good("/content", "\xEF\xBB\xBF{\"content\":[]}\n", "", "{\"content\":[]}");
    good("/a~1b/1", "{\"a/b\":[{},[{\"k\":1}],[{}]]}", "{\"k\":1};", "{\"a/b\":[{},[],[{}]]}");
    good("/rows", "{\"Rows\":[{\"a\":1}]}", "{\"a\":1};", "{\"Rows\":[]}");
    good("/rows", "{\"\\u0072ows\":[{\"a\":1}]}", "{\"a\":1};", "{\"\\u0072ows\":[]}");
    good("/rows", "{\"error\":7}", "", "{\"error\":7}");
}

static void refuses_what_is_not_one_document(void **state)
{
    (void)state;
    bad("", "[{\"a\":1}", ERR_FORMAT, "ends too early");
    bad("", "[{\"a\":1}{}]", ERR_FORMAT, "',' expected");
    bad("", "[,{}]", ERR_FORMAT, "a row is missing");
    bad("", "[{},]", ERR_FORMAT, "a row is missing");
    bad("", "[{}] []", ERR_FORMAT, "follows the document");
    bad("", "[{\"a\":01}]", ERR_FORMAT, "record at byte 1");
    bad("", "[{\"a\":1,\"a\":2}]", ERR_FORMAT, "repeated key");
    bad("", "[1]", ERR_FORMAT, "not an object");
    bad("/r", "{\"r\":[{}],\"R\":[{}]}", ERR_FORMAT, "twice");
    bad("/r", "{\"r\":[{}],\"n\":1 2}", ERR_FORMAT, "outside of the rows");
    bad("/r", "{\"r\":[{}]]", ERR_FORMAT, "never opened");
    bad("/r", "\xEF\xBB", ERR_FORMAT, "ends too early");
    bad("/r", " \xEF\xBB\xBF{\"r\":[]}", ERR_FORMAT, "not in front");
    bad("/r", "\xEF\xBB\xBF\xEF\xBB\xBF{\"r\":[]}", ERR_FORMAT, "not in front");
    bad("/r", "", ERR_FORMAT, "ends too early");
    bad_bytes("/r", "{\"r\":[{\"a\":\"\0\"}]}", 18, ERR_FORMAT, "NUL");
    bad("r", "", ERR_INVAL, "not a JSON pointer");
}

static void bounds_records_the_rest_and_depth(void **state)
{
    size_t n = FEED_RECORD_MAX + 100;
    char *text = malloc(n);
    struct taken t = {.n = 0};
    struct errmsg msg = {""};
    char kept[1000];

    (void)state;
    assert_non_null(text);
    buf_init(&t.all, 100);
    memset(text, ' ', n);
    memcpy(text, "[{", 2);
    assert_int_equal(run("", text, n, 5000, &t, kept, &msg), ERR_TOOBIG);
    assert_non_null(strstr(msg.text, "longer than 1 MiB"));
    memset(text, '7', n);
    memcpy(text, "{\"a\":", 5);
    assert_int_equal(run("/r", text, n, 5000, &t, kept, &msg), ERR_TOOBIG);
    assert_non_null(strstr(msg.text, "256 KiB"));
    memset(text, '[', 40);
    assert_int_equal(run("/r", text, 40, 7, &t, kept, &msg), ERR_TOOBIG);
    memset(text, '[', n);
    text[1] = '{';
    assert_int_equal(run("", text, 1000, 7, &t, kept, &msg), ERR_FORMAT); /* ends too early */
    free(text);
    buf_free(&t.all);
}

static void ends_with_the_error_of_who_takes(void **state)
{
    struct taken t = {.refuse = ERR_CANCELED};
    struct errmsg msg = {""};
    char kept[1000];

    (void)state;
    buf_init(&t.all, 100);
    assert_int_equal(run("", "[{}]", 4, 1, &t, kept, &msg), ERR_CANCELED);
    assert_string_equal(msg.text, "record at byte 1: refused");
    buf_free(&t.all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_the_elements_of_an_array),
        cmocka_unit_test(refuses_what_is_not_one_document),
        cmocka_unit_test(bounds_records_the_rest_and_depth),
        cmocka_unit_test(ends_with_the_error_of_who_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
