#include "daemon/ctl_evidence_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/evidence.h"
#include "journal/upkeep.h"
#include "lib/journal_fixture.h"

#define CANARY "Lời Riêng Của Người Nộp Đơn 0912345678"
#define NOW_S INT64_C(1763700000)

struct world {
    struct fixture f;
    struct sign_key key;
    char key_path[128];
};

static void say(struct world *w, const char *verb, const char *reason)
{
    struct journal_audit a;

    memset(&a, 0, sizeof(a));
    (void)snprintf(a.who, sizeof(a.who), "1000 lan");
    (void)snprintf(a.verb, sizeof(a.verb), "%s", verb);
    (void)snprintf(a.object, sizeof(a.object), "endpoint portal");
    (void)snprintf(a.reason, sizeof(a.reason), "%s", reason);
    a.now_ms = fixture_wall_ms(&w->f);
    assert_int_equal(FIXTURE_RUN(&w->f, journal_audit, &a), 0);
}

/* Two dossiers, the first with steps and a lost answer; operators' rows before and after. */
static void begin(struct world *w)
{
    struct errmsg msg = {""};
    struct journal_call *call;

    fixture_open(&w->f);
    (void)snprintf(w->key_path, sizeof(w->key_path), "%s/" EVIDENCE_KEY_NAME, w->f.dir);
    assert_int_equal(sign_key_open(&w->key, w->key_path, true, NULL, &msg), 0);
    say(w, "pause", CANARY);
    (void)fixture_snapshot(&w->f, "A", "a", 2);
    call = fixture_claim_one(&w->f);
    (void)fixture_end_call(&w->f, call, ITEM_DONE);
    (void)fixture_step(&w->f, "A", "s1", 5, 2);
    call = fixture_claim_one(&w->f);
    (void)fixture_end_call(&w->f, call, ITEM_UNSURE);
    (void)fixture_snapshot(&w->f, "B", "b", 4);
    say(w, "resume", CANARY);
    say(w, "poll", "");
}

static void end(struct world *w)
{
    sign_key_free(&w->key);
    (void)unlink(w->key_path);
    fixture_end(&w->f);
}

static void write_file(struct world *w, const char *code, struct buf *out)
{
    struct errmsg msg = {""};

    buf_init(out, EVIDENCE_BYTES);
    if (evidence_file_write(w->f.path, code, &w->key, NOW_S, out, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
}

static void a_file_verifies_and_counts_what_it_tells(void **state)
{
    struct evidence_summary s;
    struct errmsg msg = {""};
    struct world w;
    struct buf file;
    char public_key[SIGN_PUBLIC_SIZE];

    (void)state;
    begin(&w);
    write_file(&w, "A", &file);
    assert_int_equal(sign_public(&w.key, public_key), 0);
    assert_int_equal(evidence_file_verify(file.data, file.len, public_key, &s, &msg), 0);
    assert_string_equal(s.dossier, "A");
    assert_int_equal(s.items, 2);
    assert_int_equal(s.attempts, 2);
    assert_int_equal(s.head_row, 3);
    assert_int_equal(s.audit_rows, 3);
    assert_int_equal(s.audit_old, 0);
    assert_null(strstr(buf_text(&file), "Riêng"));
    assert_null(strstr(buf_text(&file), "1000 lan"));
    assert_non_null(strstr(buf_text(&file), "\"outcome\":\"unsure\""));
    buf_free(&file);
    end(&w);
}

static void any_byte_that_changes_is_found(void **state)
{
    struct evidence_summary s;
    struct errmsg msg = {""};
    struct world w;
    struct buf file;
    size_t step = getenv("SLOW_TOOL") != NULL ? 13 : 1; /* valgrind: two minutes else */

    (void)state;
    begin(&w);
    write_file(&w, "A", &file);
    assert_true(file.len > 1000);
    for (size_t i = 0; i < file.len; i += step) {
        char before = file.data[i];

        file.data[i] = (char)(before ^ 1 << i % 8);
        if (evidence_file_verify(file.data, file.len, NULL, &s, &msg) == 0) {
            fail_msg("byte %zu of %zu", i, file.len);
        }
        file.data[i] = before;
    }
    assert_int_equal(evidence_file_verify(file.data, file.len, NULL, &s, &msg), 0);
    for (size_t n = 0; n < file.len; n += 7) { /* cut off */
        assert_int_not_equal(evidence_file_verify(file.data, n, NULL, &s, &msg), 0);
    }
    buf_free(&file);
    end(&w);
}

static void who_signs_again_what_he_changed_needs_the_key(void **state)
{
    struct evidence_summary s;
    struct errmsg msg = {""};
    struct world w;
    struct world thief;
    struct buf file;
    char public_key[SIGN_PUBLIC_SIZE];

    (void)state;
    begin(&w);
    begin(&thief);
    assert_int_equal(sign_public(&w.key, public_key), 0);
    write_file(&thief, "A", &file);
    assert_int_equal(evidence_file_verify(file.data, file.len, NULL, &s, &msg), 0);
    assert_int_equal(evidence_file_verify(file.data, file.len, public_key, &s, &msg), ERR_DENIED);
    buf_free(&file);
    end(&thief);
    end(&w);
}

static void rows_of_the_audit_that_were_changed_make_no_file(void **state)
{
    static const char *const changes[] = {
        "UPDATE audit SET verb = 'nothing' WHERE id = 2",
        "UPDATE audit SET who = '1001 minh' WHERE id = 3",
        "UPDATE audit SET salt = zeroblob(16) WHERE id = 2",
        "UPDATE audit SET salt = NULL WHERE id = 2",
        "DELETE FROM audit WHERE id = 2",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct errmsg msg = {""};
        struct world w;
        struct buf file;

        begin(&w);
        fixture_tamper(&w.f, "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; %s",
                       changes[i]);
        buf_init(&file, EVIDENCE_BYTES);
        assert_int_equal(evidence_file_write(w.f.path, "A", &w.key, NOW_S, &file, &msg),
                         ERR_CORRUPT);
        buf_free(&file);
        end(&w);
    }
}

/* The digest of a row as version 2 made it, in hex. */
static void old_chain(const char *at, const char *who, const char *verb, const char *object,
                      char hex[DIGEST_HEX_SIZE])
{
    uint8_t chain[DIGEST_BYTES] = {0};
    struct digest d;

    assert_int_equal(digest_begin(&d), 0);
    digest_add(&d, chain, sizeof(chain));
    digest_add_field(&d, at);
    digest_add_field(&d, who);
    digest_add_field(&d, verb);
    digest_add_field(&d, object);
    digest_add_field(&d, NULL);
    digest_end(&d, chain);
    digest_hex(chain, hex);
}

static void rows_of_an_older_version_are_told_by_their_digest_alone(void **state)
{
    char hex[DIGEST_HEX_SIZE];
    struct evidence_summary s;
    struct errmsg msg = {""};
    struct world w;
    struct buf file;
    uint64_t rows;

    (void)state;
    fixture_open(&w.f);
    (void)snprintf(w.key_path, sizeof(w.key_path), "%s/" EVIDENCE_KEY_NAME, w.f.dir);
    assert_int_equal(sign_key_open(&w.key, w.key_path, true, NULL, &msg), 0);
    old_chain("1000", "1000 lan", "pause", "endpoint portal", hex);
    fixture_tamper(&w.f,
                   "INSERT INTO audit (id, at_ms, who, verb, object, reason, chain) VALUES "
                   "(1, 1000, '1000 lan', 'pause', 'endpoint portal', NULL, x'%s')",
                   hex);
    fixture_restart(&w.f);
    (void)fixture_snapshot(&w.f, "A", "a", 2);
    say(&w, "resume", "");
    assert_int_equal(upkeep_audit_verify(w.f.path, &rows, NULL, &msg), 0);
    assert_int_equal(rows, 2);
    write_file(&w, "A", &file);
    assert_int_equal(evidence_file_verify(file.data, file.len, NULL, &s, &msg), 0);
    assert_int_equal(s.audit_old, 1);
    assert_int_equal(s.audit_rows, 1);
    assert_null(strstr(buf_text(&file), "1000 lan"));
    assert_non_null(strstr(buf_text(&file), hex));
    buf_free(&file);
    end(&w);
}

static void what_is_not_there_is_no_evidence(void **state)
{
    struct errmsg msg = {""};
    struct world w;
    struct buf file;

    (void)state;
    begin(&w);
    buf_init(&file, EVIDENCE_BYTES);
    assert_int_equal(evidence_file_write(w.f.path, "C", &w.key, NOW_S, &file, &msg), ERR_NOTFOUND);
    buf_clear(&file);
    assert_int_not_equal(
        evidence_file_write("/nowhere/journal.db", "A", &w.key, NOW_S, &file, &msg), 0);
    buf_free(&file);
    buf_init(&file, 100); /* a ceiling is a fault, not half a file */
    assert_int_equal(evidence_file_write(w.f.path, "A", &w.key, NOW_S, &file, &msg), ERR_TOOBIG);
    buf_free(&file);
    fixture_tamper(&w.f, "PRAGMA user_version = 2");
    buf_init(&file, EVIDENCE_BYTES);
    assert_int_equal(evidence_file_write(w.f.path, "A", &w.key, NOW_S, &file, &msg), ERR_SCHEMA);
    buf_free(&file);
    fixture_tamper(&w.f, "PRAGMA user_version = 3");
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_verifies_and_counts_what_it_tells),
        cmocka_unit_test(any_byte_that_changes_is_found),
        cmocka_unit_test(who_signs_again_what_he_changed_needs_the_key),
        cmocka_unit_test(rows_of_the_audit_that_were_changed_make_no_file),
        cmocka_unit_test(rows_of_an_older_version_are_told_by_their_digest_alone),
        cmocka_unit_test(what_is_not_there_is_no_evidence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
