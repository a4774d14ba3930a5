#include "journal/upkeep.h"

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

#include "journal/sqlite.h"
#include "lib/journal_fixture.h"

#define DAY_MS UINT64_C(86400000)

/* ---- retention ---- */

static void retain(struct fixture *f, struct upkeep_retention *r, size_t limit)
{
    memset(r, 0xA5, sizeof(*r));
    r->now_ms = fixture_wall_ms(f);
    r->keep_payload_ms = 7 * DAY_MS;
    r->keep_history_ms = 30 * DAY_MS;
    r->limit = limit;
    assert_int_equal(FIXTURE_RUN(f, upkeep_retention, r), 0);
}

static int64_t bodies_of(struct fixture *f, const char *code)
{
    return fixture_number(f,
                          "SELECT count(*) FROM body b JOIN item i ON i.id = b.item JOIN subject s "
                          "ON s.id = i.subject WHERE s.code = '%s'",
                          code);
}

/* A dossier with a snapshot of this status and two steps. */
static void store_dossier(struct fixture *f, const char *code, int status)
{
    const struct fixture_record records[] = {
        {.code = code, .content = "a", .status = status},
        {.code = code, .step = "s1", .status = 2, .at_s = 1},
        {.code = code, .step = "s2", .status = status, .at_s = 2},
    };

    assert_int_equal(fixture_append(f, records, 3).stored, 3);
}

static void bodies_go_when_a_dossier_is_final_and_settled_for_long(void **state)
{
    struct fixture f;
    struct upkeep_retention r;

    (void)state;
    fixture_open(&f);
    store_dossier(&f, "final", 10);
    store_dossier(&f, "running", 4);
    (void)fixture_deliver_all(&f);
    retain(&f, &r, 100);
    assert_int_equal(r.bodies, 0); /* settled just now */
    fake_loop_advance(&f.loop, 7 * DAY_MS + 1000);
    retain(&f, &r, 100);
    assert_int_equal(r.bodies, 5);
    assert_false(r.more);
    assert_int_equal(bodies_of(&f, "final"), 0);
    assert_int_equal(bodies_of(&f, "running"), 1); /* the newest snapshot's: a step may need it */
    fixture_check(&f);
    retain(&f, &r, 100);
    assert_int_equal(r.bodies, 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM item"), 6); /* the history stays */
    fixture_end(&f);
}

/* A question with who asked it is of no use once it is delivered; a procedure is compared again. */
static void bodies_of_other_services_go_when_they_are_settled_for_long(void **state)
{
    struct fixture f;
    struct upkeep_retention r;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "question:5521", "a", 0);
    (void)fixture_snapshot(&f, "1.001193", "a", 0);
    (void)fixture_deliver_all(&f);
    fake_loop_advance(&f.loop, 7 * DAY_MS - 1000);
    retain(&f, &r, 100);
    assert_int_equal(r.bodies, 0);
    fake_loop_advance(&f.loop, 2000);
    retain(&f, &r, 100);
    assert_int_equal(bodies_of(&f, "question:5521"), 0);
    assert_int_equal(bodies_of(&f, "1.001193"), 1);
    /* told again it is known, though its content is gone */
    assert_int_equal(fixture_snapshot(&f, "question:5521", "a", 0).unchanged, 1);
    fixture_check(&f);
    fixture_end(&f);
}

static void what_is_open_keeps_its_bodies(void **state)
{
    static const struct fixture_record held = {
        .code = "held", .content = "a", .hold = HOLD_UNMAPPED_STATUS};
    struct fixture f;
    struct upkeep_retention r;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, &held, 1);
    store_dossier(&f, "step waits", 10);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    call = fixture_claim_one(&f);
    fake_loop_advance(&f.loop, 100 * DAY_MS);
    retain(&f, &r, 100);
    assert_int_equal(r.bodies, 0);
    assert_int_equal(bodies_of(&f, "held"), 1);
    assert_int_equal(bodies_of(&f, "step waits"), 3);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    retain(&f, &r, 100);
    assert_int_equal(r.bodies, 0); /* settled only now, however old it is */
    fixture_end(&f);
}

static void what_comes_to_life_again_counts_anew(void **state)
{
    struct fixture f;
    struct upkeep_retention r;

    (void)state;
    fixture_open(&f);
    store_dossier(&f, "A", 4);
    (void)fixture_deliver_all(&f);
    fake_loop_advance(&f.loop, 8 * DAY_MS);
    retain(&f, &r, 100);
    assert_int_equal(r.bodies, 2);
    (void)fixture_snapshot(&f, "A", "the end", 10);
    (void)fixture_deliver_all(&f);
    fake_loop_advance(&f.loop, DAY_MS);
    retain(&f, &r, 100);
    assert_int_equal(r.bodies, 0);
    fake_loop_advance(&f.loop, 7 * DAY_MS);
    retain(&f, &r, 100);
    assert_int_equal(r.bodies, 1);
    assert_int_equal(bodies_of(&f, "A"), 0);
    fixture_end(&f);
}

static void dropped_bodies_go_too(void **state)
{
    struct journal_act act = {.verb = JOURNAL_DROP, .who = "0 root", .reason = "a test"};
    struct fixture f;
    struct upkeep_retention r;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 4);
    act.id = fixture_item(&f, "A", 0);
    act.now_ms = fixture_wall_ms(&f);
    assert_int_equal(FIXTURE_RUN(&f, journal_act, &act), 0);
    assert_int_equal(bodies_of(&f, "A"), 1); /* it may be sent again for a while */
    fake_loop_advance(&f.loop, 8 * DAY_MS);
    retain(&f, &r, 100);
    assert_int_equal(bodies_of(&f, "A"), 0);
    act.verb = JOURNAL_RESEND;
    assert_int_equal(FIXTURE_RUN(&f, journal_act, &act), ERR_STATE);
    fixture_end(&f);
}

static void retention_goes_in_chunks(void **state)
{
    struct fixture f;
    struct upkeep_retention r;
    uint32_t total = 0;
    int rounds = 0;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 5; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "A%d", i);
        store_dossier(&f, code, 10);
    }
    (void)fixture_deliver_all(&f);
    fake_loop_advance(&f.loop, 8 * DAY_MS);
    do {
        retain(&f, &r, 2);
        assert_true(r.bodies <= 2);
        total += r.bodies;
        rounds++;
    } while (r.more && rounds < 100);
    assert_int_equal(total, 15);
    assert_true(rounds <= 9);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 0);
    fixture_end(&f);
}

static void old_attempts_go_and_young_and_running_ones_stay(void **state)
{
    struct fixture f;
    struct upkeep_retention r;
    struct journal_call *running;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "running", "a", 4);
    running = fixture_claim_one(&f);
    store_dossier(&f, "A", 4);
    (void)fixture_deliver_all(&f);
    fake_loop_advance(&f.loop, 31 * DAY_MS);
    (void)fixture_snapshot(&f, "A", "b", 4);
    (void)fixture_deliver_all(&f);
    retain(&f, &r, 100);
    assert_int_equal(r.attempts, 2);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM attempt"), 2);
    (void)fixture_end_call(&f, running, ITEM_DONE);
    fake_loop_advance(&f.loop, 31 * DAY_MS);
    retain(&f, &r, 100);
    assert_int_equal(r.attempts, 2);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM attempt_item"), 0);
    fixture_end(&f);
}

/* ---- what is removed is gone ---- */

static bool file_contains(const char *path, const char *text)
{
    size_t n = strlen(text);
    bool found = false;
    FILE *file = fopen(path, "rb");
    char *bytes;
    size_t size;

    if (file == NULL) {
        return false;
    }
    bytes = malloc(64u << 20);
    assert_non_null(bytes);
    size = fread(bytes, 1, 64u << 20, file);
    (void)fclose(file);
    for (size_t i = 0; i + n <= size && !found; i++) {
        found = memcmp(bytes + i, text, n) == 0;
    }
    free(bytes);
    return found;
}

static void no_trace_of_a_removed_body_is_left(void **state)
{
    static const char canary[] = "000012345678-canary";
    struct fixture f;
    struct upkeep_retention r;
    char wal[128];

    (void)state;
    fixture_open(&f);
    (void)snprintf(wal, sizeof(wal), "%s-wal", f.path);
    (void)fixture_snapshot(&f, "A", canary, 10);
    for (int i = 0; i < 50; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "B%d", i);
        (void)fixture_snapshot(&f, code, "someone else", 4);
    }
    (void)fixture_deliver_all(&f);
    fixture_restart(&f); /* now it stands in the file itself */
    assert_true(file_contains(f.path, canary));
    fake_loop_advance(&f.loop, 8 * DAY_MS);
    retain(&f, &r, 100);
    assert_int_equal(r.bodies, 1);
    fixture_close_journal(&f);
    assert_false(file_contains(f.path, canary));
    assert_false(file_contains(wal, canary));
    fixture_restart(&f);
    fixture_end(&f);
}

static void a_superseded_body_is_gone_at_once(void **state)
{
    static const char canary[] = "000012345678-canary";
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", canary, 2);
    fixture_restart(&f);
    assert_true(file_contains(f.path, canary));
    (void)fixture_snapshot(&f, "A", "b", 4);
    fixture_close_journal(&f);
    assert_false(file_contains(f.path, canary));
    fixture_restart(&f);
    fixture_end(&f);
}

/* ---- backup ---- */

static int back_up(struct fixture *f, const char *path)
{
    struct upkeep_backup b;

    memset(&b, 0xA5, sizeof(b));
    (void)snprintf(b.path, sizeof(b.path), "%s", path);
    return FIXTURE_RUN(f, upkeep_backup, &b);
}

static void a_backup_is_a_journal_by_itself(void **state)
{
    struct fixture f;
    struct fixture restored;
    struct stat file;
    struct errmsg msg = {""};
    char path[128];

    (void)state;
    fixture_open(&f);
    store_dossier(&f, "A", 4);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    (void)fixture_snapshot(&f, "B", "a", 2);
    (void)snprintf(path, sizeof(path), "%s/backup", f.dir);
    assert_int_equal(back_up(&f, path), 0);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_int_equal(back_up(&f, path), ERR_EXISTS); /* never overwritten */
    assert_int_equal(back_up(&f, "/nowhere/backup"), ERR_IO);

    fixture_open(&restored);
    fixture_close_journal(&restored);
    assert_int_equal(rename(path, restored.path), 0);
    assert_int_equal(fixture_try_open(&restored, &msg), 0);
    fixture_check(&restored);
    /* Steps that waited then may have gone since: nobody can ask, so they are in doubt. */
    assert_string_equal(fixture_states(&restored, "A"), "Duu");
    assert_string_equal(fixture_states(&restored, "B"), "P");
    assert_string_equal(fixture_states(&f, "A"), "Dpp"); /* not in the journal itself */
    fixture_check(&f);
    (void)fixture_deliver_all(&restored);
    fixture_end(&restored);
    fixture_end(&f);
}

static void a_backup_goes_along_with_other_work(void **state)
{
    struct fixture f;
    struct upkeep_backup b;
    struct journal_fact fact = {.name = "a", .value = "1"};

    (void)state;
    fixture_open(&f);
    store_dossier(&f, "A", 4);
    memset(&b, 0, sizeof(b));
    (void)snprintf(b.path, sizeof(b.path), "%s/backup", f.dir);
    fixture_expect(&f, &fact.op);
    fixture_expect(&f, &b.op);
    journal_fact_set(f.journal, &fact); /* the same batch */
    upkeep_backup(f.journal, &b);
    assert_int_equal(fixture_wait(&f, &b.op), 0);
    assert_int_equal(fixture_wait_ended(&fact.op), 0);
    fixture_end(&f);
}

/* ---- check ---- */

struct findings {
    unsigned n;
    char last[256];
};

static void note_finding(void *ctx, const char *text)
{
    struct findings *found = ctx;

    found->n++;
    (void)snprintf(found->last, sizeof(found->last), "%s", text);
}

static void a_check_finds_what_was_changed(void **state)
{
    struct fixture f;
    struct findings found = {0, ""};
    struct errmsg msg = {""};
    char want[64];

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 20; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "A%d", i);
        store_dossier(&f, code, 4);
    }
    assert_int_equal(upkeep_check(f.path, note_finding, &found, &msg), 0); /* beside the daemon */
    assert_int_equal(found.n, 0);
    fixture_tamper(&f,
                   "UPDATE body SET body = CAST(replace(CAST(body AS TEXT), 's1', 's9') AS BLOB) "
                   "WHERE item = %lld",
                   (long long)fixture_item(&f, "A7", 1));
    assert_int_equal(upkeep_check(f.path, note_finding, &found, &msg), ERR_CORRUPT);
    assert_int_equal(found.n, 1);
    (void)snprintf(want, sizeof(want), "body of item %lld", (long long)fixture_item(&f, "A7", 1));
    assert_non_null(strstr(found.last, want));
    assert_non_null(strstr(msg.text, "faults found: 1"));
    fixture_end(&f);
}

static void flip_byte(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    int c;

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    c = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(c ^ 0x55, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void a_check_finds_a_flipped_byte_of_any_body(void **state)
{
    struct fixture f;
    struct findings found = {0, ""};
    struct errmsg msg = {""};
    char *bytes;
    size_t size;
    FILE *file;
    long at = -1;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "needle", 2);
    fixture_close_journal(&f);
    bytes = calloc(1, 1u << 20);
    assert_non_null(bytes);
    file = fopen(f.path, "rb");
    assert_non_null(file);
    size = fread(bytes, 1, 1u << 20, file);
    (void)fclose(file);
    for (size_t i = 0; i + 6 < size && at < 0; i++) {
        at = memcmp(bytes + i, "needle", 6) == 0 ? (long)i : -1;
    }
    free(bytes);
    assert_true(at > 0);
    flip_byte(f.path, at);
    assert_int_equal(upkeep_check(f.path, note_finding, &found, &msg), ERR_CORRUPT);
    assert_int_equal(found.n, 1);
    flip_byte(f.path, at);
    found.n = 0;
    assert_int_equal(upkeep_check(f.path, note_finding, &found, &msg), 0);
    flip_byte(f.path, 3 * DB_PAGE_BYTES + 3); /* a page's header */
    assert_int_equal(upkeep_check(f.path, note_finding, &found, &msg), ERR_CORRUPT);
    flip_byte(f.path, 3 * DB_PAGE_BYTES + 3);
    fixture_restart(&f);
    fixture_end(&f);
}

static void what_is_not_there_can_not_be_checked(void **state)
{
    struct findings found = {0, ""};
    struct errmsg msg = {""};

    (void)state;
    assert_int_equal(upkeep_check("/nowhere/journal.db", note_finding, &found, &msg), ERR_IO);
    assert_non_null(strstr(msg.text, "/nowhere/journal.db"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_go_when_a_dossier_is_final_and_settled_for_long),
        cmocka_unit_test(bodies_of_other_services_go_when_they_are_settled_for_long),
        cmocka_unit_test(what_is_open_keeps_its_bodies),
        cmocka_unit_test(what_comes_to_life_again_counts_anew),
        cmocka_unit_test(dropped_bodies_go_too),
        cmocka_unit_test(retention_goes_in_chunks),
        cmocka_unit_test(old_attempts_go_and_young_and_running_ones_stay),
        cmocka_unit_test(no_trace_of_a_removed_body_is_left),
        cmocka_unit_test(a_superseded_body_is_gone_at_once),
        cmocka_unit_test(a_backup_is_a_journal_by_itself),
        cmocka_unit_test(a_backup_goes_along_with_other_work),
        cmocka_unit_test(a_check_finds_what_was_changed),
        cmocka_unit_test(a_check_finds_a_flipped_byte_of_any_body),
        cmocka_unit_test(what_is_not_there_can_not_be_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
