#include "adapter/portal_shelf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define BIG (1u << 20)

/* A digest for each number; numbers that differ by a chain's length share one. */
static const uint8_t *digest_of(uint32_t n)
{
    static uint8_t digest[RECORD_HASH_BYTES];

    memset(digest, 0, sizeof(digest));
    digest[0] = (uint8_t)n;
    digest[1] = (uint8_t)(n >> 8);
    digest[2] = (uint8_t)(n >> 16);
    return digest;
}

static void put(struct portal_shelf *s, uint64_t now_ms, uint32_t n, size_t len)
{
    char *text = calloc(1, len);

    assert_non_null(text);
    text[0] = (char)n;
    portal_shelf_put(s, now_ms, digest_of(n), (int)n % 10, text, len);
    free(text);
}

static bool take(struct portal_shelf *s, uint64_t now_ms, uint32_t n)
{
    struct portal_text *t = portal_shelf_take(s, now_ms, digest_of(n));

    if (t == NULL) {
        return false;
    }
    assert_int_equal(t->text[0], (char)n);
    assert_int_equal(t->status, n % 10);
    free(t);
    return true;
}

static void a_text_is_taken_once(void **state)
{
    struct portal_shelf s;

    (void)state;
    portal_shelf_init(&s);
    put(&s, 1, 7, 10);
    put(&s, 1, 7 + PORTAL_SHELF_CHAINS, 20);
    put(&s, 1, 7, 10);
    assert_false(take(&s, 2, 8));
    assert_true(take(&s, 2, 7));
    assert_false(take(&s, 2, 7));
    assert_true(take(&s, 2, 7 + PORTAL_SHELF_CHAINS));
    assert_int_equal(s.bytes, 0);
}

static void a_full_shelf_keeps_what_came_first(void **state)
{
    struct portal_shelf s;

    (void)state;
    portal_shelf_init(&s);
    for (uint32_t n = 0; n < 10; n++) {
        put(&s, n, n, BIG);
    }
    assert_true(s.bytes <= PORTAL_SHELF_BYTES);
    assert_true(take(&s, 10, 0) && take(&s, 10, 1) && take(&s, 10, 2));
    assert_false(take(&s, 10, 3));
    put(&s, 11, 11, BIG);
    assert_true(take(&s, 12, 11));
    portal_shelf_clear(&s);
}

static void what_nobody_takes_makes_room(void **state)
{
    struct portal_shelf s;

    (void)state;
    portal_shelf_init(&s);
    put(&s, 0, 0, BIG);
    put(&s, 1, 1, BIG);
    put(&s, 2, 2, BIG);
    assert_true(take(&s, PORTAL_SHELF_LIFE_MS, 0));
    put(&s, PORTAL_SHELF_LIFE_MS + 2, 3, BIG);
    assert_false(take(&s, PORTAL_SHELF_LIFE_MS + 2, 1));
    assert_true(take(&s, PORTAL_SHELF_LIFE_MS + 2, 2));
    assert_true(take(&s, PORTAL_SHELF_LIFE_MS + 2, 3));
    assert_int_equal(s.bytes, 0);
}

static void other_names_empty_it(void **state)
{
    struct portal_shelf s;

    (void)state;
    portal_shelf_init(&s);
    put(&s, 0, 1, 10);
    portal_shelf_follow(&s, 0);
    assert_true(take(&s, 0, 1));
    put(&s, 0, 1, 10);
    portal_shelf_follow(&s, 1);
    assert_false(take(&s, 0, 1));
    assert_int_equal(s.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_taken_once),
        cmocka_unit_test(a_full_shelf_keeps_what_came_first),
        cmocka_unit_test(what_nobody_takes_makes_room),
        cmocka_unit_test(other_names_empty_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
