#include "base/nameset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

/* How many of the candidates for a text are it, exactly or but for case. */
static unsigned count(const struct nameset *set, const char *text, bool any_case)
{
    unsigned n = 0;

    for (const struct nameset_name *name = nameset_first(set, text); name != NULL;
         name = nameset_next(name)) {
        n += (any_case ? strcasecmp(name->text, text) : strcmp(name->text, text)) == 0;
    }
    return n;
}

static void a_name_is_there_once_and_keeps_its_number(void **state)
{
    struct nameset set = {.n = 0};
    struct arena arena;
    const struct nameset_name *url;

    (void)state;
    arena_init(&arena, 1 << 20);
    assert_null(nameset_first(&set, ""));
    url = nameset_add(&set, "Url", &arena);
    assert_int_equal(url->at, 0);
    assert_int_equal(nameset_add(&set, "URL", &arena)->at, 1);
    assert_int_equal(nameset_add(&set, "", &arena)->at, 2);
    assert_ptr_equal(nameset_add(&set, "Url", &arena), url);
    assert_int_equal(set.n, 3);
    assert_int_equal(count(&set, "url", true), 2);
    assert_int_equal(count(&set, "url", false), 0);
    assert_int_equal(count(&set, "URL", false), 1);
    assert_int_equal(count(&set, "", false), 1);
    assert_int_equal(count(&set, "Ur", true), 0);
    arena_free(&arena);
}

/* Held against a look at each. */
static void all_of_many_are_found(void **state)
{
    static char texts[500][24];
    struct nameset set = {.n = 0};
    struct arena arena;

    (void)state;
    arena_init(&arena, 1 << 20);
    for (unsigned i = 0; i < 500; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "%s%u%s", i % 3 == 0 ? "ten" : "Ma", i / 2,
                       i % 2 == 0 ? "HoSo" : "hoso");
        assert_int_equal(nameset_add(&set, texts[i], &arena)->at, i);
    }
    for (unsigned i = 0; i < 500; i++) {
        unsigned like = 0;

        for (unsigned k = 0; k < 500; k++) {
            like += strcasecmp(texts[i], texts[k]) == 0;
        }
        assert_int_equal(count(&set, texts[i], false), 1);
        assert_int_equal(count(&set, texts[i], true), like);
    }
    assert_int_equal(count(&set, "Ma250HoSo", true), 0);
    arena_free(&arena);
}

static void without_memory_nothing_is_added(void **state)
{
    struct nameset set = {.n = 0};
    struct arena arena;

    (void)state;
    arena_init(&arena, 16);
    assert_null(nameset_add(&set, "Url", &arena));
    assert_int_equal(set.n, 0);
    assert_null(nameset_first(&set, "Url"));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_there_once_and_keeps_its_number),
        cmocka_unit_test(all_of_many_are_found),
        cmocka_unit_test(without_memory_nothing_is_added),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
