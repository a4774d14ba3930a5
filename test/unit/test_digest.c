#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void hex_of(const uint8_t digest[DIGEST_BYTES], const char *expected)
{
    char hex[DIGEST_HEX_SIZE];

    digest_hex(digest, hex);
    assert_string_equal(hex, expected);
}

static void sha256_matches_the_published_values(void **state)
{
    uint8_t out[DIGEST_BYTES];

    (void)state;
    assert_int_equal(digest_sha256("", 0, out), 0);
    hex_of(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(digest_sha256(NULL, 0, out), 0);
    hex_of(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(digest_sha256("abc", 3, out), 0);
    hex_of(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hmac_matches_the_published_values(void **state)
{
    uint8_t key[131];
    uint8_t out[DIGEST_BYTES];

    (void)state; /* RFC 4231 cases 2 and 6 */
    assert_int_equal(digest_hmac("Jefe", 4, "what do ya want for nothing?", 28, out), 0);
    hex_of(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    assert_int_equal(digest_hmac(key, sizeof(key),
                                 "Test Using Larger Than Block-Size Key - Hash Key First", 54, out),
                     0);
    hex_of(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void hmac_takes_an_empty_key_and_an_empty_text(void **state)
{
    uint8_t out[DIGEST_BYTES];

    (void)state;
    assert_int_equal(digest_hmac(NULL, 0, NULL, 0, out), 0);
    hex_of(out, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void pieces_give_the_digest_of_the_whole(void **state)
{
    char text[1300]; /* longer than what is gathered before OpenSSL sees it */
    uint8_t whole[DIGEST_BYTES];
    uint8_t pieces[DIGEST_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)(i * 37);
    }
    assert_int_equal(digest_sha256(text, sizeof(text), whole), 0);
    for (size_t cut = 0; cut <= sizeof(text); cut += 13) {
        struct digest d;

        assert_int_equal(digest_begin(&d), 0);
        digest_add(&d, text, cut);
        for (size_t at = cut; at < sizeof(text); at += 50) {
            digest_add(&d, text + at, sizeof(text) - at < 50 ? sizeof(text) - at : 50);
        }
        digest_end(&d, pieces);
        assert_true(digest_equal(whole, pieces));
        assert_null(d.ctx);
    }
    pieces[31] ^= 1;
    assert_false(digest_equal(whole, pieces));
}

static void fields(const char *const *texts, size_t n, uint8_t out[DIGEST_BYTES])
{
    struct digest d;

    assert_int_equal(digest_begin(&d), 0);
    for (size_t i = 0; i < n; i++) {
        digest_add_field(&d, texts[i]);
    }
    digest_end(&d, out);
}

static void fields_do_not_flow_into_one_another(void **state)
{
    static const char *const lists[][3] = {
        {"ab", "c", ""},   {"a", "bc", ""},   {"abc", "", ""},   {"", "abc", ""},
        {NULL, "abc", ""}, {"abc", NULL, ""}, {"abc", "", NULL},
    };
    uint8_t digests[7][DIGEST_BYTES];

    (void)state;
    for (size_t i = 0; i < 7; i++) {
        fields(lists[i], 3, digests[i]);
        for (size_t k = 0; k < i; k++) {
            assert_false(digest_equal(digests[i], digests[k]));
        }
    }
}

static void an_ended_digest_gives_zeros(void **state)
{
    static const uint8_t zeros[DIGEST_BYTES];
    struct digest d;
    uint8_t out[DIGEST_BYTES];

    (void)state;
    assert_int_equal(digest_begin(&d), 0);
    digest_end(&d, out);
    digest_add(&d, "x", 1);
    digest_add_field(&d, "x");
    digest_end(&d, out);
    assert_true(digest_equal(out, zeros));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_matches_the_published_values),
        cmocka_unit_test(hmac_matches_the_published_values),
        cmocka_unit_test(hmac_takes_an_empty_key_and_an_empty_text),
        cmocka_unit_test(pieces_give_the_digest_of_the_whole),
        cmocka_unit_test(fields_do_not_flow_into_one_another),
        cmocka_unit_test(an_ended_digest_gives_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
