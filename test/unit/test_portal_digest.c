#include "adapter/portal_digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *digest(struct arena *a, const char *text)
{
    struct json *root = NULL;
    struct errmsg msg = {""};
    const char *out = NULL;

    assert_int_equal(json_parse(text, strlen(text), &root, &msg), 0);
    assert_int_equal(portal_digest(root, a, &out), 0);
    json_free(root);
    return out;
}

static void values_become_digests_and_the_shape_stays(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    /* printf abc | sha256sum */
    assert_string_equal(digest(&a, "{\"K\":\"abc\",\"L\":[{\"M\":\"abc\"},[\"abc\"]]}"),
                        "{\"K\":\"ba7816bf8f01cfea\",\"L\":[{\"M\":\"ba7816bf8f01cfea\"},"
                        "[\"ba7816bf8f01cfea\"]]}");
    assert_null(strstr(digest(&a, "{\"ChuHoSo\":\"Nguy\\u1ec5n\",\"So\":12.5}"), "Nguy"));
    arena_free(&a);
}

static void what_is_compared_as_the_same_has_the_same_digest(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"{\"K\":4}", "{\"K\":\"4\"}", true},
        {"{\"K\":\"https://h/x?t=1\"}", "{\"K\":\"https://h/x?t=2\"}", true},
        {"{\"K\":\"https://h/x?t=1\"}", "{\"K\":\"https://h/y?t=1\"}", false},
        {"{\"K\":\"a\",\"L\":\"\",\"M\":null,\"N\":[],\"O\":{}}", "{\"K\":\"a\"}", true},
        {"{\"K\":\"a \"}", "{\"K\":\"a\"}", false},
        {"{\"K\":12.5}", "{\"K\":12.50}", true},
        {"{\"K\":12.5}", "{\"K\":12.6}", false},
        {"{\"K\":[\"a\",\"\"]}", "{\"K\":[\"\",\"a\"]}", false},
    };
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if ((strcmp(digest(&a, cases[i].a), digest(&a, cases[i].b)) == 0) != cases[i].same) {
            fail_msg("%s %s", cases[i].a, cases[i].b);
        }
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_digests_and_the_shape_stays),
        cmocka_unit_test(what_is_compared_as_the_same_has_the_same_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
