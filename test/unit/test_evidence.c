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

static void say_of(struct world *w, const char *verb, const char *object, const char *reason)
{
    struct journal_audit a;

    memset(&a, 0, sizeof(a));
    (void)snprintf(a.who, sizeof(a.who), "1000 lan");
    (void)snprintf(a.verb, sizeof(a.verb), "%s", verb);
    (void)snprintf(a.object, sizeof(a.object), "%s", object);
    (void)snprintf(a.reason, sizeof(a.reason), "%s", reason);
    a.now_ms = fixture_wall_ms(&w->f);
    assert_int_equal(FIXTURE_RUN(&w->f, journal_audit, &a), 0);
}

static void say(struct world *w, const char *verb, const char *reason)
{
    say_of(w, verb, "endpoint portal", reason);
}

/* An operator holds the open item of a dossier. */
static void hold(struct world *w, const char *code, int n)
{
    struct journal_act a;

    memset(&a, 0, sizeof(a));
    a.id = fixture_item(&w->f, code, n);
    a.verb = JOURNAL_HOLD;
    a.now_ms = fixture_wall_ms(&w->f);
    (void)snprintf(a.who, sizeof(a.who), "1000 lan");
    (void)snprintf(a.reason, sizeof(a.reason), "%s", CANARY);
    assert_int_equal(FIXTURE_RUN(&w->f, journal_act, &a), 0);
    assert_int_equal(a.moved, 1);
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
    hold(w, "A", 1);
    hold(w, "B", 0);
    say_of(w, "subject-find", "request Nguyen-Van-A/12", "1 dossier");
}

static void end(struct world *w)
{
    sign_key_free(&w->key);
    (void)unlink(w->key_path);
    fixture_end(&w->f);
}

static int try_file(struct world *w, const char *path, const char *code, struct buf *out,
                    struct errmsg *msg)
{
    const struct evidence_order order = {
        .journal = path, .code = code, .key = &w->key, .now_s = NOW_S};

    return evidence_file_write(&order, out, msg);
}

static void write_file(struct world *w, const char *code, struct buf *out)
{
    struct errmsg msg = {""};

    buf_init(out, EVIDENCE_BYTES);
    if (try_file(w, w->f.path, code, out, &msg) != 0) {
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
    assert_int_equal(s.head_row, 5);
    assert_int_equal(s.audit_rows, 5);
    assert_int_equal(s.audit_old, 0);
    assert_null(strstr(buf_text(&file), "Riêng"));
    assert_null(strstr(buf_text(&file), "1000 lan"));
    assert_non_null(strstr(buf_text(&file), "\"outcome\":\"unsure\""));
    buf_free(&file);
    end(&w);
}

/* The digest, key and signature of a file whose lines were changed, made anew. */
static void sign_again(struct world *w, struct buf *file)
{
    char hex[DIGEST_HEX_SIZE];
    char public_key[SIGN_PUBLIC_SIZE];
    char signature[SIGN_TEXT_SIZE];
    uint8_t sum[DIGEST_BYTES];

    file->len = (size_t)(strstr(buf_text(file), "{\"sha256\"") - file->data);
    assert_int_equal(digest_sha256(file->data, file->len, sum), 0);
    assert_int_equal(sign_public(&w->key, public_key), 0);
    digest_hex(sum, hex);
    buf_printf(file, "{\"sha256\":\"%s\"}\n{\"key\":\"%s\"}\n", hex, public_key);
    assert_int_equal(sign_bytes(&w->key, file->data, file->len, signature), 0);
    buf_printf(file, "{\"signature\":\"%s\"}\n", signature);
    assert_int_equal(buf_error(file), 0);
}

static void what_an_order_was_about_is_opened_for_its_dossier_alone(void **state)
{
    struct evidence_summary s;
    struct errmsg msg = {""};
    struct world w;
    struct buf file;
    char about[32];
    char *opened;

    (void)state;
    begin(&w);
    write_file(&w, "A", &file);
    (void)snprintf(about, sizeof(about), ",\"item %lld A\"]\n",
                   (long long)fixture_item(&w.f, "A", 1));
    opened = strstr(buf_text(&file), "[\"object\",\"");
    assert_non_null(opened);
    assert_memory_equal(opened + strlen("[\"object\",\"") + 32 + 1, about, strlen(about));
    assert_null(strstr(opened + 1, "[\"object\""));
    assert_null(strstr(buf_text(&file), " B\"")); /* another's order, a request, an endpoint */
    assert_null(strstr(buf_text(&file), "Nguyen"));
    assert_null(strstr(buf_text(&file), "endpoint portal"));
    assert_non_null(strstr(buf_text(&file), "\"subject-find\""));
    /* It can be opened to nothing else, not even by who signs. */
    opened[50]++;
    sign_again(&w, &file);
    assert_int_equal(evidence_file_verify(file.data, file.len, NULL, &s, &msg), ERR_CORRUPT);
    opened[50]--;
    sign_again(&w, &file);
    assert_int_equal(evidence_file_verify(file.data, file.len, NULL, &s, &msg), 0);
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
        "UPDATE audit SET salt = substr(salt, 1, 16) WHERE id = 2",
        "UPDATE audit SET object = 'item 1 A' WHERE id = 2",
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
        assert_int_equal(try_file(&w, w.f.path, "A", &file, &msg), ERR_CORRUPT);
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

static void hex_of(const char *text, char hex[DIGEST_HEX_SIZE])
{
    uint8_t sum[DIGEST_BYTES];

    assert_int_equal(digest_sha256(text, strlen(text), sum), 0);
    digest_hex(sum, hex);
}

/* And as rows of one salt had it: the object stands in the line. */
static void open_chain(const char *before, char hex[DIGEST_HEX_SIZE])
{
    char seal[DIGEST_HEX_SIZE];
    char line[400];

    hex_of("[\"sealed\",\"000102030405060708090a0b0c0d0e0f\",\"1000 lan\",\"why\"]", seal);
    (void)snprintf(line, sizeof(line), "[\"audit\",2,1001,\"hold\",\"dossier A\",\"%s\",\"%s\"]",
                   seal, before);
    hex_of(line, hex);
}

static void rows_of_older_forms_are_told_by_their_digest_alone(void **state)
{
    char fields[DIGEST_HEX_SIZE];
    char open[DIGEST_HEX_SIZE];
    struct evidence_summary s;
    struct errmsg msg = {""};
    struct world w;
    struct buf file;
    uint64_t rows;

    (void)state;
    fixture_open(&w.f);
    (void)snprintf(w.key_path, sizeof(w.key_path), "%s/" EVIDENCE_KEY_NAME, w.f.dir);
    assert_int_equal(sign_key_open(&w.key, w.key_path, true, NULL, &msg), 0);
    old_chain("1000", "1000 lan", "pause", "endpoint portal", fields);
    open_chain(fields, open);
    fixture_tamper(&w.f,
                   "INSERT INTO audit (id, at_ms, who, verb, object, reason, chain, salt) VALUES "
                   "(1, 1000, '1000 lan', 'pause', 'endpoint portal', NULL, x'%s', NULL),"
                   "(2, 1001, '1000 lan', 'hold', 'dossier A', 'why', x'%s', "
                   "x'000102030405060708090a0b0c0d0e0f')",
                   fields, open);
    fixture_restart(&w.f);
    (void)fixture_snapshot(&w.f, "A", "a", 2);
    say_of(&w, "resume", "dossier A", "");
    assert_int_equal(upkeep_audit_verify(w.f.path, &rows, NULL, &msg), 0);
    assert_int_equal(rows, 3);
    fixture_tamper(&w.f, "UPDATE item SET created_ms = 1"); /* so that the old rows are in it */
    write_file(&w, "A", &file);
    assert_int_equal(evidence_file_verify(file.data, file.len, NULL, &s, &msg), 0);
    assert_int_equal(s.audit_old, 2);
    assert_int_equal(s.audit_rows, 1);
    assert_null(strstr(buf_text(&file), "1000 lan"));
    assert_null(strstr(buf_text(&file), "endpoint portal"));
    assert_non_null(strstr(buf_text(&file), fields));
    assert_non_null(strstr(buf_text(&file), open));
    assert_non_null(strstr(buf_text(&file), ",\"dossier A\"]"));
    assert_non_null(strstr(buf_text(&file), "\"audit_about\":2"));
    buf_free(&file);
    end(&w);
}

static void names_that_sources_give_are_told_by_their_digest(void **state)
{
    char id[DIGEST_HEX_SIZE];
    char number[DIGEST_HEX_SIZE];
    struct world w;
    struct buf file;

    (void)state;
    begin(&w);
    fixture_tamper(&w.f, "UPDATE subject SET local_no = 'tran-thi-b-7' WHERE code = 'A'");
    fixture_tamper(&w.f, "INSERT INTO source_row (source, id, hash, code) VALUES ('spool', "
                         "'nguyen-van-a_000345678901.json', zeroblob(32), 'A')");
    write_file(&w, "tran-thi-b-7", &file);
    hex_of("nguyen-van-a_000345678901.json", id);
    hex_of("tran-thi-b-7", number);
    assert_null(strstr(buf_text(&file), "nguyen"));
    assert_null(strstr(buf_text(&file), "tran-thi"));
    assert_non_null(strstr(buf_text(&file), id));
    assert_non_null(strstr(buf_text(&file), number));
    buf_free(&file);
    end(&w);
}

static void the_portal_s_words_are_masked_cut_and_left_out_when_asked(void **state)
{
    static const char words[] = "Hồ sơ của 000123456789 (a@example.vn) đã tồn tại";
    struct world w;
    struct buf file;
    struct errmsg msg = {""};
    struct evidence_order order;

    (void)state;
    begin(&w);
    fixture_tamper(&w.f, "UPDATE attempt SET words = '%s' || printf('%%.*c', 240, 'x')", words);
    fixture_tamper(&w.f, "UPDATE attempt SET code = '000123456789'");
    write_file(&w, "A", &file);
    assert_non_null(strstr(buf_text(&file), "\"words\":\"Hồ sơ của *** (***) đã tồn tại"));
    assert_null(strstr(buf_text(&file), fixture_text(&w.f, "SELECT printf('%%.*c', 200, 'x')")));
    buf_clear(&file);
    order = (struct evidence_order){
        .journal = w.f.path, .code = "A", .key = &w.key, .now_s = NOW_S, .without_words = true};
    assert_int_equal(evidence_file_write(&order, &file, &msg), 0);
    assert_null(strstr(buf_text(&file), "Hồ sơ"));
    assert_null(strstr(buf_text(&file), "000123456789"));
    assert_non_null(strstr(buf_text(&file), "\"code\":\"***\",\"words\":null"));
    buf_free(&file);
    end(&w);
}

static void a_number_of_two_dossiers_names_neither(void **state)
{
    struct errmsg msg = {""};
    struct evidence_summary s;
    struct world w;
    struct buf file;

    (void)state;
    begin(&w);
    fixture_tamper(&w.f, "UPDATE subject SET local_no = '7/2026' WHERE code = 'B'");
    write_file(&w, "7/2026", &file);
    assert_int_equal(evidence_file_verify(file.data, file.len, NULL, &s, &msg), 0);
    assert_string_equal(s.dossier, "B"); /* the portal's number, whatever was typed */
    buf_clear(&file);
    fixture_tamper(&w.f, "UPDATE subject SET local_no = '7/2026' WHERE code = 'A'");
    assert_int_equal(try_file(&w, w.f.path, "7/2026", &file, &msg), ERR_INVAL);
    assert_non_null(strstr(msg.text, "7/2026 is the number of A and of B"));
    buf_clear(&file);
    assert_int_equal(try_file(&w, w.f.path, "B", &file, &msg), 0);
    assert_int_equal(evidence_file_verify(file.data, file.len, NULL, &s, &msg), 0);
    assert_string_equal(s.dossier, "B");
    /* A dossier's own number is meant before the province's number of another. */
    buf_clear(&file);
    fixture_tamper(&w.f, "UPDATE subject SET local_no = 'B' WHERE code = 'A'");
    assert_int_equal(try_file(&w, w.f.path, "B", &file, &msg), 0);
    assert_int_equal(evidence_file_verify(file.data, file.len, NULL, &s, &msg), 0);
    assert_string_equal(s.dossier, "B");
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
    assert_int_equal(try_file(&w, w.f.path, "C", &file, &msg), ERR_NOTFOUND);
    buf_clear(&file);
    assert_int_not_equal(try_file(&w, "/nowhere/journal.db", "A", &file, &msg), 0);
    buf_free(&file);
    buf_init(&file, 100); /* a ceiling is a fault, not half a file */
    assert_int_equal(try_file(&w, w.f.path, "A", &file, &msg), ERR_TOOBIG);
    buf_free(&file);
    fixture_tamper(&w.f, "PRAGMA user_version = 2");
    buf_init(&file, EVIDENCE_BYTES);
    assert_int_equal(try_file(&w, w.f.path, "A", &file, &msg), ERR_SCHEMA);
    buf_free(&file);
    fixture_tamper(&w.f, "PRAGMA user_version = 3");
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_verifies_and_counts_what_it_tells),
        cmocka_unit_test(what_an_order_was_about_is_opened_for_its_dossier_alone),
        cmocka_unit_test(any_byte_that_changes_is_found),
        cmocka_unit_test(who_signs_again_what_he_changed_needs_the_key),
        cmocka_unit_test(rows_of_the_audit_that_were_changed_make_no_file),
        cmocka_unit_test(rows_of_older_forms_are_told_by_their_digest_alone),
        cmocka_unit_test(names_that_sources_give_are_told_by_their_digest),
        cmocka_unit_test(the_portal_s_words_are_masked_cut_and_left_out_when_asked),
        cmocka_unit_test(a_number_of_two_dossiers_names_neither),
        cmocka_unit_test(what_is_not_there_is_no_evidence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
