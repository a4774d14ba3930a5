#include "adapter/gateway_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/record.h"

#define CODE "H56.31.25-251118-0007"
#define FRONT "[{\"MaHoSo\":\"" CODE "\",\"MaTTHC\":\" 1.001193 \",\"TrangThaiHoSo\":4"

struct fixture {
    struct arena arena;
    struct errmsg msg;
    struct json *root;
    struct record *records;
    size_t n;
};

static void begin(struct fixture *f, const char *text)
{
    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, (size_t)256 << 20);
    assert_int_equal(json_parse(text, strlen(text), &f->root, &f->msg), 0);
}

static void end(struct fixture *f)
{
    json_free(f->root);
    arena_free(&f->arena);
}

static struct dossier read_dossier(struct fixture *f, bool compared)
{
    const struct gateway_reading how = {"national", 1763000000, compared};
    struct dossier d;

    assert_int_equal(gateway_read_dossiers(&how, f->root, &f->arena, &f->records, &f->n, &f->msg),
                     0);
    assert_int_equal(f->n, 1);
    assert_int_equal(
        record_to_dossier(f->records->body, f->records->body_len, &f->arena, &d, &f->msg), 0);
    return d;
}

static void what_came_is_kept_by_digests_when_it_is_compared(void **state)
{
    struct fixture f;
    struct dossier d;
    struct step s;
    uint8_t hash[RECORD_HASH_BYTES];
    const struct gateway_reading how = {"national", 1763000000, true};

    (void)state;
    begin(&f, FRONT "}]");
    d = read_dossier(&f, false);
    assert_string_equal(d.arrived, "");
    memcpy(hash, f.records->hash, sizeof(hash));
    d = read_dossier(&f, true);
    assert_string_equal(d.procedure_code, "1.001193");
    /* printf " 1.001193 " | sha256sum, with its blanks; and of "4" */
    assert_non_null(strstr(d.arrived, "\"MaTTHC\":\"43c8793ba34bb706\""));
    assert_non_null(strstr(d.arrived, "\"TrangThaiHoSo\":\"4b227777d4dd1fc6\""));
    assert_memory_equal(f.records->hash, hash, sizeof(hash));
    end(&f);
    begin(&f, "[{\"MaHoSo\":\"" CODE "\",\"ThoiDiemXuLy\":\"20251118093000\",\"TrangThai\":4}]");
    assert_int_equal(gateway_read_steps(&how, f.root, &f.arena, &f.records, &f.n, &f.msg), 0);
    assert_int_equal(record_to_step(f.records->body, f.records->body_len, &f.arena, &s, &f.msg), 0);
    assert_non_null(strstr(s.arrived, "\"TrangThai\":\"4b227777d4dd1fc6\""));
    end(&f);
}

/* A field of so many small values, whose digests are larger than they. */
static struct dossier read_many(struct fixture *f, size_t n)
{
    struct dossier d;
    struct buf text;

    buf_init(&text, (size_t)4 << 20);
    buf_puts(&text, FRONT ",\"Khac\":[\"1\"");
    for (size_t i = 1; i < n; i++) {
        buf_puts(&text, ",\"1\"");
    }
    buf_puts(&text, "]}]");
    begin(f, buf_text(&text));
    buf_free(&text);
    d = read_dossier(f, true);
    assert_string_equal(d.code, CODE);
    return d;
}

static void digests_are_never_why_a_record_is_refused(void **state)
{
    struct fixture f;

    (void)state;
    assert_string_not_equal(read_many(&f, 30000).arrived, "");
    end(&f);
    assert_string_equal(read_many(&f, 45000).arrived, ""); /* too many for the record */
    end(&f);
    assert_string_equal(read_many(&f, 60000).arrived, ""); /* and in themselves */
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_came_is_kept_by_digests_when_it_is_compared),
        cmocka_unit_test(digests_are_never_why_a_record_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
