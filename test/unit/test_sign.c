#include "base/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char dir[64];
    char path[96];
};

static struct place place_make(void)
{
    struct place p;

    (void)snprintf(p.dir, sizeof(p.dir), "/tmp/dvcsync-sign-XXXXXX");
    assert_non_null(mkdtemp(p.dir));
    (void)snprintf(p.path, sizeof(p.path), "%s/key", p.dir);
    return p;
}

static void place_end(const struct place *p)
{
    (void)unlink(p->path);
    assert_int_equal(rmdir(p->dir), 0); /* nothing else was left */
}

static void a_key_is_made_once_and_for_its_owner_alone(void **state)
{
    struct place p = place_make();
    char first[SIGN_PUBLIC_SIZE];
    char again[SIGN_PUBLIC_SIZE];
    struct errmsg msg = {""};
    struct sign_key key;
    struct stat file;
    bool made;

    (void)state;
    assert_int_equal(sign_key_open(&key, p.path, false, &made, &msg), ERR_NOTFOUND);
    assert_int_equal(sign_key_open(&key, p.path, true, &made, &msg), 0);
    assert_true(made);
    assert_int_equal(stat(p.path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(sign_public(&key, first), 0);
    sign_key_free(&key);
    sign_key_free(&key);
    assert_int_equal(sign_key_open(&key, p.path, true, &made, &msg), 0);
    assert_false(made);
    assert_int_equal(sign_public(&key, again), 0);
    assert_string_equal(first, again);
    sign_key_free(&key);
    place_end(&p);
}

static void a_key_that_others_may_read_or_that_is_none_is_refused(void **state)
{
    struct place p = place_make();
    struct errmsg msg = {""};
    struct sign_key key;
    FILE *file;

    (void)state;
    assert_int_equal(sign_key_open(&key, p.path, true, NULL, &msg), 0);
    sign_key_free(&key);
    assert_int_equal(chmod(p.path, 0640), 0);
    assert_int_equal(sign_key_open(&key, p.path, true, NULL, &msg), ERR_DENIED);
    assert_null(key.pkey);
    assert_int_equal(chmod(p.path, 0600), 0);
    file = fopen(p.path, "w");
    assert_non_null(file);
    assert_true(fputs("no key\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(sign_key_open(&key, p.path, true, NULL, &msg), ERR_FORMAT);
    assert_int_equal(sign_key_open(&key, "/nowhere/key", true, NULL, &msg), ERR_NOTFOUND);
    place_end(&p);
}

static void a_signature_fits_its_bytes_and_its_key_alone(void **state)
{
    static const char text[] = "what was sent";
    struct place p = place_make();
    struct place q = place_make();
    char public_key[SIGN_PUBLIC_SIZE];
    char other[SIGN_PUBLIC_SIZE];
    char signature[SIGN_TEXT_SIZE];
    struct errmsg msg = {""};
    struct sign_key key;

    (void)state;
    assert_int_equal(sign_key_open(&key, q.path, true, NULL, &msg), 0);
    assert_int_equal(sign_public(&key, other), 0);
    sign_key_free(&key);
    assert_int_equal(sign_key_open(&key, p.path, true, NULL, &msg), 0);
    assert_int_equal(sign_public(&key, public_key), 0);
    assert_int_equal(sign_bytes(&key, text, strlen(text), signature), 0);
    sign_key_free(&key);
    assert_int_equal(sign_check(public_key, text, strlen(text), signature), 0);
    assert_int_equal(sign_check(public_key, text, strlen(text) - 1, signature), ERR_CORRUPT);
    assert_int_equal(sign_check(other, text, strlen(text), signature), ERR_CORRUPT);
    /* Any character of either, another one: among them those that base64 would take for the same.
     */
    for (size_t i = 0; i < strlen(signature); i++) {
        for (int bit = 0; bit < 7; bit++) {
            signature[i] = (char)(signature[i] ^ 1 << bit);
            assert_int_not_equal(sign_check(public_key, text, strlen(text), signature), 0);
            signature[i] = (char)(signature[i] ^ 1 << bit);
        }
    }
    for (size_t i = 0; i < strlen(public_key); i++) {
        public_key[i] = (char)(public_key[i] ^ 1);
        assert_int_not_equal(sign_check(public_key, text, strlen(text), signature), 0);
        public_key[i] = (char)(public_key[i] ^ 1);
    }
    assert_int_equal(sign_check(public_key, text, strlen(text), signature), 0);
    place_end(&p);
    place_end(&q);
}

static void a_public_key_goes_through_its_pem_file(void **state)
{
    struct place p = place_make();
    char public_key[SIGN_PUBLIC_SIZE];
    char again[SIGN_PUBLIC_SIZE];
    char fingerprint[DIGEST_HEX_SIZE];
    char pem[SIGN_PEM_SIZE];
    char text[2 * SIGN_PEM_SIZE];
    struct errmsg msg = {""};
    struct sign_key key;

    (void)state;
    assert_int_equal(sign_key_open(&key, p.path, true, NULL, &msg), 0);
    assert_int_equal(sign_public(&key, public_key), 0);
    sign_key_free(&key);
    sign_pem(public_key, pem);
    (void)snprintf(text, sizeof(text), "before\n%safter\n", pem);
    assert_int_equal(sign_pem_read(text, again), 0);
    assert_string_equal(public_key, again);
    assert_int_equal(sign_fingerprint(public_key, fingerprint), 0);
    assert_int_equal(strlen(fingerprint), 64);
    assert_int_equal(sign_fingerprint("AAAA", fingerprint), ERR_FORMAT);
    assert_int_equal(sign_pem_read("", again), ERR_FORMAT);
    assert_int_equal(sign_pem_read("-----BEGIN PUBLIC KEY-----\n", again), ERR_FORMAT);
    pem[strlen(pem) - 30] = '\0';
    assert_int_equal(sign_pem_read(pem, again), ERR_FORMAT);
    place_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_made_once_and_for_its_owner_alone),
        cmocka_unit_test(a_key_that_others_may_read_or_that_is_none_is_refused),
        cmocka_unit_test(a_signature_fits_its_bytes_and_its_key_alone),
        cmocka_unit_test(a_public_key_goes_through_its_pem_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
