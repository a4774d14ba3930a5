#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A failed allocation shall look under the sanitizer as it does without. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    unsigned char *pieces[300];
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < 300; i++) {
        pieces[i] = arena_alloc(&a, i * 7 % 61);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < i * 7 % 61; k++) {
            assert_int_equal(pieces[i][k], 0);
            pieces[i][k] = (unsigned char)i;
        }
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t k = 0; k < i * 7 % 61; k++) {
            assert_int_equal(pieces[i][k], (unsigned char)i);
        }
    }
    arena_free(&a);
    arena_free(&a);
}

static void large_pieces_do_not_waste_the_block_in_use(void **state)
{
    struct arena a;
    char *before;
    char *after;

    (void)state;
    arena_init(&a, 1 << 20);
    assert_non_null(arena_alloc(&a, 100000)); /* the first piece may be large too */
    before = arena_alloc(&a, 16);
    assert_non_null(arena_alloc(&a, 100000));
    after = arena_alloc(&a, 16);
    assert_ptr_equal(after, before + 16);
    arena_free(&a);
}

static void the_ceiling_holds_and_smaller_pieces_still_fit(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1024);
    assert_null(arena_alloc(&a, 1025));
    assert_non_null(arena_alloc(&a, 1000));
    assert_null(arena_alloc(&a, 100));
    assert_non_null(arena_alloc(&a, 16));
    assert_null(arena_alloc(&a, 1));
    assert_int_equal(a.used_bytes, 1024);
    arena_free(&a);
    assert_non_null(arena_alloc(&a, 1024)); /* usable again */
    arena_free(&a);
}

static void absurd_sizes_and_missing_memory_give_null(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, SIZE_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX / 2 - 64));
    assert_int_equal(a.used_bytes, 0);
    arena_free(&a);
}

static void texts_are_copied_with_their_end(void **state)
{
    struct arena a;
    char *copy;

    (void)state;
    arena_init(&a, 4096);
    copy = arena_strdup(&a, "Hồ sơ");
    assert_string_equal(copy, "Hồ sơ");
    assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
    assert_string_equal(arena_strndup(&a, "", 0), "");
    assert_null(arena_strdup(&a, NULL));
    assert_null(arena_strndup(&a, NULL, 3));
    assert_null(arena_strndup(&a, "x", SIZE_MAX));
    arena_free(&a);
    arena_init(&a, 0);
    assert_null(arena_strdup(&a, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(large_pieces_do_not_waste_the_block_in_use),
        cmocka_unit_test(the_ceiling_holds_and_smaller_pieces_still_fit),
        cmocka_unit_test(absurd_sizes_and_missing_memory_give_null),
        cmocka_unit_test(texts_are_copied_with_their_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
