#include "journal/salvage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/restore.h"
#include "journal/salvage_pages.h"
#include "journal/upkeep.h"
#include "lib/journal_fixture.h"

#define PAGE 8192
#define IMAGES 60
#define BYTES_MAX (32u << 20)

static const struct salvage_flows flows = {{FIXTURE_FLOW}, 1};

/* Delivered, waiting, held, in doubt: all of it in one journal, with a log behind it. */
static void fill(struct fixture *f)
{
    struct journal_call *call = NULL;
    struct journal_claim claim;
    struct journal_audit audit = {.who = "uid 0 (root)", .verb = "reload", .object = "x"};

    for (int i = 0; i < 40; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "H56.%d", i);
        (void)fixture_snapshot(f, code, "a", 2);
        (void)fixture_step(f, code, "s1", 1, 2);
        if (i == 30) {
            (void)fixture_deliver_all(f);
            assert_int_equal(FIXTURE_RUN(f, journal_audit, &audit), 0);
        }
    }
    fixture_claim_init(f, &claim);
    claim.max = 1;
    assert_int_equal(fixture_claim(f, &claim, &call, 1), 1);
    (void)fixture_end_call(f, call, ITEM_UNSURE);
}

static unsigned char *read_file(const char *path, size_t *n)
{
    unsigned char *bytes = malloc(BYTES_MAX);
    FILE *file = fopen(path, "r");

    assert_non_null(bytes);
    *n = 0;
    if (file != NULL) {
        *n = fread(bytes, 1, BYTES_MAX, file);
        assert_int_equal(fclose(file), 0);
    }
    return bytes;
}

static void write_file(const char *path, const unsigned char *bytes, size_t n)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

struct image {
    char path[128], log[128], fresh[128];
    unsigned char *bytes, *log_bytes;
    size_t n, log_n;
};

static void image_take(struct fixture *f, struct image *image)
{
    char log[128];

    (void)snprintf(image->path, sizeof(image->path), "%s/damaged.db", f->dir);
    (void)snprintf(image->log, sizeof(image->log), "%s/damaged.db-wal", f->dir);
    (void)snprintf(image->fresh, sizeof(image->fresh), "%s/fresh.db", f->dir);
    (void)snprintf(log, sizeof(log), "%s-wal", f->path);
    image->bytes = read_file(f->path, &image->n);
    image->log_bytes = read_file(log, &image->log_n);
}

static void image_free(struct image *image)
{
    free(image->bytes);
    free(image->log_bytes);
    (void)unlink(image->path);
    (void)unlink(image->log);
}

static void none_found(void *ctx, const char *text)
{
    (void)ctx;
    fail_msg("%s", text);
}

/* Salvages what is in the image's files; the new file is sound. */
static struct salvage_report salvage(struct image *image)
{
    struct salvage_report report;
    struct errmsg msg = {""};
    uint64_t rows;
    char beside[160];

    (void)unlink(image->fresh);
    (void)snprintf(beside, sizeof(beside), "%s.audit.jsonl", image->fresh);
    (void)unlink(beside);
    write_file(image->path, image->bytes, image->n);
    write_file(image->log, image->log_bytes, image->log_n);
    if (salvage_journal(image->path, image->fresh, &flows, UINT64_C(1763700000000), &report,
                        &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    assert_int_equal(upkeep_check(image->fresh, none_found, NULL, &msg), 0);
    assert_int_equal(upkeep_audit_verify(image->fresh, &rows, NULL, &msg), 0);
    assert_true(rows >= 1);
    (void)unlink(beside);
    return report;
}

/* The salvaged file becomes a journal, whose every rule holds. */
static void open_salvaged(struct image *image)
{
    struct fixture f;
    struct errmsg msg = {""};

    fixture_open(&f);
    fixture_close_journal(&f);
    assert_int_equal(unlink(f.path), 0);
    assert_int_equal(rename(image->fresh, f.path), 0);
    assert_int_equal(fixture_try_open(&f, &msg), 0);
    assert_true(journal_restored(f.journal)->fresh);
    assert_true(journal_restored(f.journal)->salvaged);
    fixture_end(&f);
}

static void of_a_sound_journal_nothing_is_lost(void **state)
{
    struct salvage_report report;
    struct fixture restored;
    struct errmsg msg = {""};
    struct image image;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    fill(&f);
    image_take(&f, &image);
    assert_true(image.log_n > 0);
    report = salvage(&image);
    assert_int_equal(report.saved[SALVAGE_SUBJECT],
                     fixture_number(&f, "SELECT count(*) FROM subject"));
    assert_int_equal(report.saved[SALVAGE_ITEM], fixture_number(&f, "SELECT count(*) FROM item"));
    assert_int_equal(report.saved[SALVAGE_BODY], fixture_number(&f, "SELECT count(*) FROM body"));
    assert_int_equal(report.saved[SALVAGE_ATTEMPT],
                     fixture_number(&f, "SELECT count(*) FROM attempt"));
    assert_int_equal(report.saved[SALVAGE_FLOW], 1);
    assert_int_equal(report.bad_pages + report.distrusted + report.orphans + report.bodiless, 0);
    assert_true(report.audit_unbroken);
    fixture_open(&restored);
    fixture_close_journal(&restored);
    assert_int_equal(rename(image.fresh, restored.path), 0);
    assert_int_equal(fixture_try_open(&restored, &msg), 0);
    fixture_check(&restored);
    assert_string_equal(fixture_states(&restored, "H56.0"), "Dd");
    assert_string_equal(fixture_states(&restored, "H56.39"), "Pu"); /* looked up, then in doubt */
    assert_int_equal(fixture_number(&restored, "SELECT doubt FROM subject WHERE code = 'H56.39'"),
                     1);
    /* What is older than the restore may have been sent; what comes now was not. */
    (void)fixture_step(&restored, "H56.0", "old", 2, 2);
    (void)fixture_step(&restored, "H56.0", "new", 1000000000, 2);
    assert_string_equal(fixture_states(&restored, "H56.0"), "Ddup");
    fixture_end(&restored);
    image_free(&image);
    fixture_end(&f);
}

/* Deterministic: a failure names its number. */
static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void whatever_was_spoiled_the_rest_makes_a_journal(void **state)
{
    struct image sound;
    struct fixture f;
    uint64_t seed = 20261122;
    uint64_t saved = 0;

    (void)state;
    fixture_open(&f);
    fill(&f);
    image_take(&f, &sound);
    for (int i = 0; i < IMAGES; i++) {
        struct image image = sound;
        bool in_log = i % 3 == 0;
        size_t n = i % 5 == 4 ? PAGE : 64;
        unsigned char *bytes = malloc(BYTES_MAX);
        size_t room = in_log ? sound.log_n : sound.n;
        size_t at = next_random(&seed) % (room - n);

        assert_non_null(bytes);
        memcpy(bytes, in_log ? sound.log_bytes : sound.bytes, room);
        for (size_t k = 0; k < n; k++) {
            bytes[at + k] = (unsigned char)next_random(&seed);
        }
        *(in_log ? &image.log_bytes : &image.bytes) = bytes;
        saved += salvage(&image).saved[SALVAGE_ITEM];
        open_salvaged(&image);
        free(bytes);
    }
    assert_true(saved > 0);
    image_free(&sound);
    fixture_end(&f);
}

static void without_header_schema_or_end_it_is_still_read(void **state)
{
    struct salvage_report report;
    struct image image;
    struct fixture f;
    uint64_t whole;

    (void)state;
    fixture_open(&f);
    fill(&f);
    fixture_restart(&f); /* all of it in the file itself */
    image_take(&f, &image);
    image.log_n = 0;
    whole = salvage(&image).saved[SALVAGE_ITEM];
    memset(image.bytes, 0, PAGE);
    report = salvage(&image);
    assert_int_equal(report.saved[SALVAGE_ITEM], whole);
    assert_int_equal(report.saved[SALVAGE_FLOW], 1);
    image.n /= 2;
    report = salvage(&image);
    assert_true(report.saved[SALVAGE_ITEM] <= whole);
    open_salvaged(&image);
    image.n = 0;
    report = salvage(&image);
    assert_int_equal(report.saved[SALVAGE_ITEM], 0);
    open_salvaged(&image);
    image_free(&image);
    fixture_end(&f);
}

/* A journal that was made by a version before, with twice as many pages of half the size. */
static void the_smaller_pages_of_older_files_are_read_too(void **state)
{
    struct image image;
    struct fixture f;
    uint64_t whole;

    (void)state;
    fixture_open(&f);
    fill(&f);
    fixture_close_journal(&f);
    fixture_tamper(&f, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 4096; VACUUM");
    fixture_restart(&f);
    for (int i = 0; i < 200; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "H56.%d", 100 + i);
        (void)fixture_snapshot(&f, code, "a", 2);
    }
    whole = (uint64_t)fixture_number(&f, "SELECT count(*) FROM item");
    image_take(&f, &image);
    assert_int_equal(image.bytes[16], 4096 >> 8);
    assert_int_equal(salvage(&image).saved[SALVAGE_ITEM], whole);
    memset(image.bytes, 0, 100); /* the log tells */
    assert_int_equal(salvage(&image).saved[SALVAGE_ITEM], whole);
    image_free(&image);
    fixture_restart(&f);
    image_take(&f, &image);
    image.log_n = 0;
    memset(image.bytes, 0, 100); /* the pages themselves do */
    assert_int_equal(salvage(&image).saved[SALVAGE_ITEM], whole);
    image_free(&image);
    fixture_end(&f);
}

/* Whatever became of one frame: those behind it were written, and are lost with it. */
static void a_hole_in_the_log_leaves_all_in_doubt(void **state)
{
    const size_t frame = 24 + PAGE;
    struct salvage_report report;
    struct image image;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    fill(&f);
    image_take(&f, &image);
    assert_true(image.log_n > 32 + 20 * frame);
    memset(image.log_bytes + 32 + 10 * frame, 0, frame);
    report = salvage(&image);
    assert_true(report.log_cut);
    assert_int_equal(report.distrusted, report.saved[SALVAGE_SUBJECT]);
    image_free(&image);
    fixture_end(&f);
}

static int no_row(void *ctx, const struct salvage_row *r)
{
    (void)ctx;
    (void)r;
    fail_msg("a row was made of a ring of pages");
    return 0;
}

/* A leaf whose pointers all point to one cell of 4 MB, which goes round in one page. */
static void a_ring_of_pages_is_not_walked_for_ever(void **state)
{
    static const unsigned char cell[] = {0x82, 0x80, 0x80, 0x00, 0x05};
    const size_t at = PAGE - sizeof(cell) - 2048 - 4; /* the local part of such a row */
    char path[] = "/tmp/dvcsync-ring-XXXXXX";
    unsigned char pages[2 * PAGE] = {0};
    struct salvage_pages p;
    struct errmsg msg = {""};
    int fd = mkstemp(path);
    size_t n = (at - 108) / 2;

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    pages[100] = 0x0d;
    pages[103] = (unsigned char)(n >> 8);
    pages[104] = (unsigned char)n;
    for (size_t i = 0; i < n; i++) {
        pages[108 + 2 * i] = (unsigned char)(at >> 8);
        pages[109 + 2 * i] = (unsigned char)at;
    }
    memcpy(pages + at, cell, sizeof(cell));
    pages[PAGE - 1] = 2; /* on the second page it goes on, */
    pages[PAGE + 3] = 2; /* and on the second, and on the second */
    write_file(path, pages, sizeof(pages));
    assert_int_equal(salvage_pages_open(&p, path, &msg), 0);
    assert_int_equal(salvage_pages_each(&p, no_row, NULL), 0);
    assert_int_equal(p.bad_pages, 1);
    assert_in_range(p.overflows, 1, 8);
    salvage_pages_close(&p);
    (void)unlink(path);
}

static void rows_of_a_broken_audit_are_kept_beside(void **state)
{
    struct salvage_report report;
    struct errmsg msg = {""};
    struct image image;
    struct fixture f;
    char beside[160];

    (void)state;
    fixture_open(&f);
    fill(&f);
    fixture_close_journal(&f);
    fixture_tamper(&f, "DROP TRIGGER audit_no_update; UPDATE audit SET reason = 'another'");
    image_take(&f, &image);
    write_file(image.path, image.bytes, image.n);
    write_file(image.log, image.log_bytes, image.log_n);
    assert_int_equal(salvage_journal(image.path, image.fresh, &flows, 1, &report, &msg), 0);
    assert_false(report.audit_unbroken);
    (void)snprintf(beside, sizeof(beside), "%s.audit.jsonl", image.fresh);
    assert_int_equal(access(beside, F_OK), 0);
    assert_int_equal(salvage_journal(image.path, image.fresh, &flows, 1, &report, &msg),
                     ERR_EXISTS);
    assert_int_equal(unlink(beside), 0);
    assert_int_equal(unlink(image.fresh), 0);
    image_free(&image);
    fixture_tamper(&f, "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN "
                       "SELECT RAISE(ABORT, 'audit is append-only'); END");
    fixture_restart(&f);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_sound_journal_nothing_is_lost),
        cmocka_unit_test(whatever_was_spoiled_the_rest_makes_a_journal),
        cmocka_unit_test(without_header_schema_or_end_it_is_still_read),
        cmocka_unit_test(the_smaller_pages_of_older_files_are_read_too),
        cmocka_unit_test(a_hole_in_the_log_leaves_all_in_doubt),
        cmocka_unit_test(a_ring_of_pages_is_not_walked_for_ever),
        cmocka_unit_test(rows_of_a_broken_audit_are_kept_beside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
