#include "adapter/spool_zip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "adapter/spool_read.h"
#include "adapter/spool_split.h"

/* ---- a small writer ---- */

struct zip {
    char bytes[65536];
    size_t n;
    char central[16384];
    size_t n_central;
    unsigned entries;
};

static void put(char *out, size_t *n, const void *bytes, size_t len)
{
    memcpy(out + *n, bytes, len);
    *n += len;
}

static void put16(char *out, size_t *n, unsigned value)
{
    const unsigned char b[] = {(unsigned char)value, (unsigned char)(value >> 8)};

    put(out, n, b, 2);
}

static void put32(char *out, size_t *n, unsigned long value)
{
    put16(out, n, (unsigned)(value & 0xffff));
    put16(out, n, (unsigned)(value >> 16 & 0xffff));
}

/* claimed: the size that the headers promise; 0: the true one. */
static void add(struct zip *z, const char *name, const char *text, size_t len, bool deflated,
                unsigned long claimed)
{
    unsigned long size = claimed != 0 ? claimed : len;
    unsigned long crc = crc32(0, (const unsigned char *)text, (unsigned)len);
    size_t offset = z->n;
    unsigned char packed[32768];
    z_stream s = {0};
    size_t n = len;

    if (deflated) {
        assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
        s.next_in = (unsigned char *)(uintptr_t)text;
        s.avail_in = (unsigned)len;
        s.next_out = packed;
        s.avail_out = sizeof(packed);
        assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
        n = s.total_out;
        deflateEnd(&s);
    } else {
        memcpy(packed, text, len);
    }
    put32(z->bytes, &z->n, 0x04034b50);
    put16(z->bytes, &z->n, 20);
    put16(z->bytes, &z->n, 0);
    put16(z->bytes, &z->n, deflated ? 8 : 0);
    put32(z->bytes, &z->n, 0);
    put32(z->bytes, &z->n, crc);
    put32(z->bytes, &z->n, n);
    put32(z->bytes, &z->n, size);
    put16(z->bytes, &z->n, (unsigned)strlen(name));
    put16(z->bytes, &z->n, 0);
    put(z->bytes, &z->n, name, strlen(name));
    put(z->bytes, &z->n, packed, n);
    put32(z->central, &z->n_central, 0x02014b50);
    put16(z->central, &z->n_central, 20);
    put16(z->central, &z->n_central, 20);
    put16(z->central, &z->n_central, 0);
    put16(z->central, &z->n_central, deflated ? 8 : 0);
    put32(z->central, &z->n_central, 0);
    put32(z->central, &z->n_central, crc);
    put32(z->central, &z->n_central, n);
    put32(z->central, &z->n_central, size);
    put16(z->central, &z->n_central, (unsigned)strlen(name));
    put16(z->central, &z->n_central, 0);
    put16(z->central, &z->n_central, 0);
    put16(z->central, &z->n_central, 0);
    put16(z->central, &z->n_central, 0);
    put32(z->central, &z->n_central, 0);
    put32(z->central, &z->n_central, offset);
    put(z->central, &z->n_central, name, strlen(name));
    z->entries++;
}

static void finish(struct zip *z)
{
    size_t at = z->n;

    put(z->bytes, &z->n, z->central, z->n_central);
    put32(z->bytes, &z->n, 0x06054b50);
    put16(z->bytes, &z->n, 0);
    put16(z->bytes, &z->n, 0);
    put16(z->bytes, &z->n, z->entries);
    put16(z->bytes, &z->n, z->entries);
    put32(z->bytes, &z->n, z->n_central);
    put32(z->bytes, &z->n, at);
    put16(z->bytes, &z->n, 0);
}

static struct zip *new_zip(void)
{
    struct zip *z = calloc(1, sizeof(*z));

    assert_non_null(z);
    return z;
}

/* Reads all entries; how many could be unpacked, or an error. */
static int read_all(const char *bytes, size_t n)
{
    struct spool_zip zip = {.bytes = bytes, .n = n};
    struct spool_zip_entry entry;
    struct errmsg msg = {""};
    int unpacked = 0;
    int err = spool_zip_begin(&zip, &msg);

    while (err == 0) {
        char *out;

        err = spool_zip_next(&zip, &entry, &msg);
        if (err == 0) {
            err = spool_zip_unpack(&zip, &entry, &out, &msg);
            if (err == 0) {
                free(out);
                unpacked++;
            }
        }
    }
    return err == ERR_NOTFOUND ? unpacked : err;
}

static void stored_and_deflated_entries_are_unpacked(void **state)
{
    struct zip *z = new_zip();
    struct spool_zip zip;
    struct spool_zip_entry entry;
    struct errmsg msg = {""};
    char *out;

    (void)state;
    add(z, "services/a.xml", "hello", 5, false, 0);
    add(z, "services/b.xml", "hello hello hello hello", 23, true, 0);
    finish(z);
    zip = (struct spool_zip){.bytes = z->bytes, .n = z->n};
    assert_int_equal(spool_zip_begin(&zip, &msg), 0);
    assert_int_equal(spool_zip_next(&zip, &entry, &msg), 0);
    assert_string_equal(entry.name, "services/a.xml");
    assert_int_equal(spool_zip_unpack(&zip, &entry, &out, &msg), 0);
    assert_string_equal(out, "hello");
    free(out);
    assert_int_equal(spool_zip_next(&zip, &entry, &msg), 0);
    assert_int_equal(spool_zip_unpack(&zip, &entry, &out, &msg), 0);
    assert_string_equal(out, "hello hello hello hello");
    free(out);
    assert_int_equal(spool_zip_next(&zip, &entry, &msg), ERR_NOTFOUND);
    free(z);
}

static void headers_that_promise_wrong_sizes_are_refused(void **state)
{
    static char zeros[20000];
    struct zip *z = new_zip();

    (void)state;
    add(z, "bomb.xml", zeros, sizeof(zeros), true, 100); /* more comes than is promised */
    finish(z);
    assert_int_equal(read_all(z->bytes, z->n), ERR_FORMAT);
    memset(z, 0, sizeof(*z));
    add(z, "less.xml", zeros, 100, true, 20000);
    finish(z);
    assert_int_equal(read_all(z->bytes, z->n), ERR_FORMAT);
    memset(z, 0, sizeof(*z));
    add(z, "huge.xml", zeros, 100, true, 0xfffffff0ul);
    finish(z);
    assert_int_equal(read_all(z->bytes, z->n), ERR_TOOBIG);
    memset(z, 0, sizeof(*z));
    add(z, "stored.xml", zeros, 100, false, 101);
    finish(z);
    assert_int_equal(read_all(z->bytes, z->n), ERR_FORMAT);
    free(z);
}

static void a_changed_byte_shows(void **state)
{
    struct zip *z = new_zip();

    (void)state;
    add(z, "services/a.xml", "hello", 5, false, 0);
    finish(z);
    z->bytes[30 + strlen("services/a.xml")] ^= 1;
    assert_int_equal(read_all(z->bytes, z->n), ERR_FORMAT);
    free(z);
}

/* Every cut and every single wrong byte ends in an error or in a good reading, never outside of the
 * bytes (the sanitizers look on). */
static void damaged_files_are_survived(void **state)
{
    struct zip *z = new_zip();

    (void)state;
    add(z, "services/a.xml", "hello hello hello hello", 23, true, 0);
    add(z, "services/b.xml", "x", 1, false, 0);
    finish(z);
    for (size_t n = 0; n < z->n; n++) {
        char *cut = malloc(n + 1);

        assert_non_null(cut);
        memcpy(cut, z->bytes, n);
        assert_true(read_all(cut, n) < 0);
        free(cut);
    }
    for (size_t i = 0; i < z->n; i++) {
        char *copy = malloc(z->n);

        assert_non_null(copy);
        memcpy(copy, z->bytes, z->n);
        for (int v = 0; v < 256; v += 51) {
            copy[i] = (char)v;
            (void)read_all(copy, z->n);
        }
        free(copy);
    }
    free(z);
}

static void procedures_are_known_by_their_folder(void **state)
{
    (void)state;
    assert_true(spool_is_service("services/1.001193.xml"));
    assert_true(spool_is_service("export/services/1.001193.XML"));
    assert_false(spool_is_service("services/readme.txt"));
    assert_false(spool_is_service("myservices/1.xml"));
    assert_false(spool_is_service("templates/1.xml"));
}

/* ---- the elements of a list ---- */

static int elements(const char *text, char out[256])
{
    struct spool_split s;
    struct errmsg msg = {""};
    const char *element;
    size_t len;
    int n = 0;
    int err = 0;

    out[0] = '\0';
    if (spool_split_begin(&s, text, strlen(text)) != '[') {
        return -1000;
    }
    while (err == 0) {
        err = spool_split_next(&s, &element, &len, &msg);
        if (err == 0) {
            strncat(out, element, len);
            strcat(out, "|");
            n++;
        }
    }
    return err == ERR_NOTFOUND ? n : err;
}

static void a_list_is_cut_at_its_own_commas_only(void **state)
{
    char out[256];

    (void)state;
    assert_int_equal(elements(" [ ] ", out), 0);
    assert_int_equal(elements("\xef\xbb\xbf[{\"a\":[1,2]},{\"b\":\"],\\\"},\"} ]\n", out), 2);
    assert_string_equal(out, "{\"a\":[1,2]}|{\"b\":\"],\\\"},\"} |");
    assert_int_equal(elements("[1,2,3]", out), 3);
}

static void a_list_that_is_not_whole_is_refused(void **state)
{
    static const char *const texts[] = {"[",    "[1",   "[1,",   "[1]x",  "[{]",     "[\"a]",
                                        "[1}]", "[[1]", "[1 ,2", "[\"\\", "[{\"a\"", "[1]]"};
    char out[256];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (elements(texts[i], out) != ERR_FORMAT) {
            fail_msg("%s", texts[i]);
        }
    }
    assert_int_equal(elements("{}", out), -1000);
    assert_int_equal(elements("", out), -1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_and_deflated_entries_are_unpacked),
        cmocka_unit_test(headers_that_promise_wrong_sizes_are_refused),
        cmocka_unit_test(a_changed_byte_shows),
        cmocka_unit_test(damaged_files_are_survived),
        cmocka_unit_test(procedures_are_known_by_their_folder),
        cmocka_unit_test(a_list_is_cut_at_its_own_commas_only),
        cmocka_unit_test(a_list_that_is_not_whole_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
