#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/digest.h"
#include "journal/upkeep.h"
#include "lib/journal_fixture.h"

/* Does it to one item; gives the err and keeps the request. */
static int act_on(struct fixture *f, struct journal_act *act, enum journal_act_verb verb,
                  int64_t id, const char *reason)
{
    memset(act, 0, sizeof(*act));
    act->op.bytes = SIZE_MAX; /* the journal's own: must not matter */
    act->verb = verb;
    act->id = id;
    act->now_ms = fixture_wall_ms(f);
    (void)snprintf(act->who, sizeof(act->who), "0 root");
    (void)snprintf(act->reason, sizeof(act->reason), "%s", reason);
    return FIXTURE_RUN(f, journal_act, act);
}

/* One dossier whose snapshot is in this state. */
static int64_t snapshot_in(struct fixture *f, enum item_state state)
{
    struct journal_act act;
    int64_t id;

    (void)fixture_snapshot(f, "A", "a", 2);
    id = fixture_item(f, "A", 0);
    if (state == ITEM_DROPPED) {
        assert_int_equal(act_on(f, &act, JOURNAL_DROP, id, "given up"), 0);
    } else if (state == ITEM_ADOPTED) {
        assert_int_equal(act_on(f, &act, JOURNAL_HOLD, id, ""), 0);
        assert_int_equal(act_on(f, &act, JOURNAL_DELIVERED, id, "seen there"), 0);
    } else if (state == ITEM_INFLIGHT) {
        journal_call_free(fixture_claim_one(f));
    } else if (state == ITEM_SUPERSEDED) {
        (void)fixture_snapshot(f, "A", "b", 2);
    } else if (state != ITEM_PENDING) {
        (void)fixture_end_call(f, fixture_claim_one(f), state);
    }
    return id;
}

static void every_verb_moves_what_it_may_and_nothing_else(void **state)
{
    static const struct {
        enum journal_act_verb verb;
        const char *becomes; /* by state, in their order; '-' not possible */
    } table[] = {
        {JOURNAL_RETRY, "P-U-----"}, {JOURNAL_RELEASE, "---P----"},   {JOURNAL_HOLD, "H-H-----"},
        {JOURNAL_DROP, "X-XX----"},  {JOURNAL_DELIVERED, "---A----"}, {JOURNAL_RESEND, "---P-P-P"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (int from = 0; from < ITEM_STATES; from++) {
            char want = table[i].becomes[from];
            struct journal_act act;
            struct fixture f;
            int64_t id;
            int err;

            fixture_open(&f);
            id = snapshot_in(&f, (enum item_state)from);
            err = act_on(&f, &act, table[i].verb, id, "for a reason");
            if (want == '-') {
                assert_int_equal(err, ERR_STATE);
                assert_non_null(strstr(act.op.why.text, "not possible"));
                assert_int_equal(act.moved, 0);
            } else {
                assert_int_equal(err, 0);
                assert_int_equal(act.moved, 1);
                assert_int_equal(fixture_states(&f, "A")[0], want);
                assert_int_equal(fixture_number(&f,
                                                "SELECT count(*) FROM audit WHERE object = "
                                                "'item %lld A' AND reason = 'for a reason'",
                                                (long long)id),
                                 1);
            }
            fixture_end(&f);
        }
    }
}

static void retry_makes_it_due_now(void **state)
{
    struct fixture f;
    struct journal_act act;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_PENDING);
    fixture_claim_none(&f);
    assert_int_equal(act_on(&f, &act, JOURNAL_RETRY, fixture_item(&f, "A", 0), ""), 0);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_DONE);
    fixture_end(&f);
}

static void release_is_consent_and_new_patience(void **state)
{
    struct fixture f;
    struct journal_act act;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)snapshot_in(&f, ITEM_HELD);
    assert_int_equal(act_on(&f, &act, JOURNAL_RELEASE, fixture_item(&f, "A", 0), ""), 0);
    call = fixture_claim_one(&f);
    assert_int_equal(call->items[0].attempts, 0);
    assert_true((call->items[0].flags & ITEM_FLAG_CONSENTED) != 0);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void release_is_no_consent_to_a_missing_map(void **state)
{
    static const struct fixture_record r = {
        .code = "A", .content = "a", .hold = HOLD_UNMAPPED_PROCEDURE};
    struct fixture f;
    struct journal_act act;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, &r, 1);
    assert_int_equal(act_on(&f, &act, JOURNAL_RELEASE, fixture_item(&f, "A", 0), ""), 0);
    call = fixture_claim_one(&f);
    assert_int_equal(call->items[0].flags & ITEM_FLAG_CONSENTED, 0);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void a_hold_does_not_make_doubt_forgotten(void **state)
{
    struct fixture f;
    struct journal_act act;

    (void)state;
    fixture_open(&f);
    (void)fixture_step(&f, "B", "s1", 1, 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_UNSURE);
    (void)snapshot_in(&f, ITEM_UNSURE);
    for (int i = 0; i < 2; i++) {
        int64_t id = fixture_item(&f, i == 0 ? "A" : "B", 0);

        assert_int_equal(act_on(&f, &act, JOURNAL_HOLD, id, ""), 0);
        assert_int_equal(act_on(&f, &act, JOURNAL_RELEASE, id, ""), 0);
    }
    assert_string_equal(fixture_states(&f, "A"), "U");
    assert_string_equal(fixture_states(&f, "B"), "u");
    fixture_end(&f);
}

static void what_a_person_says_is_delivered_is_what_the_peer_holds(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)snapshot_in(&f, ITEM_ADOPTED);
    assert_string_equal(fixture_states(&f, "A"), "A");
    fixture_check(&f);
    (void)fixture_snapshot(&f, "A", "b", 4);
    assert_int_equal(fixture_snapshot(&f, "A", "a", 2).unchanged, 1); /* back to it: no call */
    fixture_claim_none(&f);
    (void)fixture_snapshot(&f, "A", "c", 4);
    call = fixture_claim_one(&f);
    assert_true(call->updating);
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

static void what_something_newer_stands_for_is_not_sent_again(void **state)
{
    struct fixture f;
    struct journal_act act;
    int64_t id;

    (void)state;
    fixture_open(&f);
    id = snapshot_in(&f, ITEM_DROPPED);
    (void)fixture_snapshot(&f, "A", "b", 4);
    assert_int_equal(act_on(&f, &act, JOURNAL_RESEND, id, ""), ERR_STATE);
    assert_string_equal(fixture_states(&f, "A"), "XP");

    (void)fixture_step(&f, "B", "s1", 1, 2);
    (void)fixture_step(&f, "B", "s2", 2, 4);
    id = fixture_item(&f, "B", 0);
    assert_int_equal(act_on(&f, &act, JOURNAL_DROP, id, "wrong"), 0);
    assert_int_equal(act_on(&f, &act, JOURNAL_RESEND, id, ""), 0); /* nothing later has gone */
    assert_int_equal(act_on(&f, &act, JOURNAL_DROP, id, "wrong"), 0);
    (void)fixture_deliver_all(&f);
    assert_string_equal(fixture_states(&f, "B"), "xd");
    assert_int_equal(act_on(&f, &act, JOURNAL_RESEND, id, ""), ERR_STATE);
    fixture_end(&f);
}

static void giving_up_needs_a_reason(void **state)
{
    struct fixture f;
    struct journal_act act;
    int64_t id;

    (void)state;
    fixture_open(&f);
    id = snapshot_in(&f, ITEM_HELD);
    assert_int_equal(act_on(&f, &act, JOURNAL_DROP, id, ""), ERR_INVAL);
    assert_int_equal(act_on(&f, &act, JOURNAL_DELIVERED, id, ""), ERR_INVAL);
    assert_string_equal(fixture_states(&f, "A"), "H");
    assert_int_equal(act_on(&f, &act, JOURNAL_DROP, id, "the citizen withdrew it"), 0);
    assert_string_equal(fixture_text(&f, "SELECT reason FROM item"), "the citizen withdrew it");
    assert_int_equal(act_on(&f, &act, JOURNAL_RETRY, 4711, ""), ERR_NOTFOUND);
    fixture_end(&f);
}

static void many_are_moved_by_what_they_have_in_common(void **state)
{
    static const struct fixture_record records[] = {
        {.code = "A", .content = "a", .hold = HOLD_UNMAPPED_STATUS},
        {.code = "B", .content = "a", .hold = HOLD_UNMAPPED_STATUS},
        {.code = "C", .content = "a", .hold = HOLD_INVALID},
        {.code = "D", .content = "a", .status = 2},
    };
    struct journal_act act = {.verb = JOURNAL_RELEASE,
                              .state = ITEM_HELD,
                              .hold = HOLD_UNMAPPED_STATUS,
                              .dry_run = true,
                              .who = "0 root"};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, records, 4);
    act.flow = f.flow;
    act.now_ms = fixture_wall_ms(&f);
    assert_int_equal(FIXTURE_RUN(&f, journal_act, &act), 0);
    assert_int_equal(act.matched, 2);
    assert_int_equal(act.moved, 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM audit"), 0);
    act.dry_run = false;
    assert_int_equal(FIXTURE_RUN(&f, journal_act, &act), 0);
    assert_int_equal(act.moved, 2);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM audit"), 2);
    assert_string_equal(fixture_states(&f, "C"), "H");
    act.hold = HOLD_NONE; /* any */
    (void)snprintf(act.code, sizeof(act.code), "C");
    assert_int_equal(FIXTURE_RUN(&f, journal_act, &act), 0);
    assert_int_equal(act.moved, 1);
    act.flow = 60; /* nobody's */
    act.code[0] = '\0';
    act.state = ITEM_PENDING;
    assert_int_equal(FIXTURE_RUN(&f, journal_act, &act), 0);
    assert_int_equal(act.matched, 0);
    fixture_end(&f);
}

static void a_released_item_waits_behind_its_elders(void **state)
{
    static const struct fixture_record steps[] = {
        {.code = "A", .step = "s1", .at_s = 1, .hold = HOLD_INVALID},
        {.code = "A", .step = "s2", .at_s = 2, .status = 4},
    };
    struct fixture f;
    struct journal_act act;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, steps, 2);
    fixture_claim_none(&f);
    assert_int_equal(act_on(&f, &act, JOURNAL_RELEASE, fixture_item(&f, "A", 0), ""), 0);
    call = fixture_claim_one(&f);
    assert_int_equal(call->n, 2);
    assert_int_equal(call->items[0].id, fixture_item(&f, "A", 0));
    (void)fixture_end_call(&f, call, ITEM_DONE);
    fixture_end(&f);
}

/* ---- the audit ---- */

static void say(struct fixture *f, const char *verb, const char *reason)
{
    struct journal_audit a;

    memset(&a, 0, sizeof(a));
    (void)snprintf(a.who, sizeof(a.who), "1000 lan");
    (void)snprintf(a.verb, sizeof(a.verb), "%s", verb);
    (void)snprintf(a.object, sizeof(a.object), "endpoint portal");
    (void)snprintf(a.reason, sizeof(a.reason), "%s", reason);
    a.now_ms = fixture_wall_ms(f);
    assert_int_equal(FIXTURE_RUN(f, journal_audit, &a), 0);
}

static void every_change_of_the_audit_is_found(void **state)
{
    static const char *const changes[] = {
        "UPDATE audit SET who = '1001 minh' WHERE id = 2",
        "UPDATE audit SET reason = 'none' WHERE id = 1",
        "UPDATE audit SET at_ms = at_ms + 1 WHERE id = 3",
        "UPDATE audit SET verb = 'resume' WHERE id = 1",
        "UPDATE audit SET chain = zeroblob(32) WHERE id = 3",
        "DELETE FROM audit WHERE id = 1",
        "DELETE FROM audit WHERE id = 2",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct fixture f;
        struct errmsg msg = {""};
        struct journal_act act;
        uint64_t rows = 0;

        fixture_open(&f);
        say(&f, "pause", "maintenance");
        say(&f, "resume", "");
        (void)fixture_snapshot(&f, "A", "a", 2);
        assert_int_equal(act_on(&f, &act, JOURNAL_HOLD, fixture_item(&f, "A", 0), "wait"), 0);
        assert_int_equal(upkeep_audit_verify(f.path, &rows, NULL, &msg), 0);
        assert_int_equal(rows, 3);
        /* The triggers keep honest hands off; a thief would drop them first. */
        fixture_tamper(&f, "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; %s",
                       changes[i]);
        assert_int_equal(upkeep_audit_verify(f.path, &rows, NULL, &msg), ERR_CORRUPT);
        assert_non_null(strstr(msg.text, "breaks the chain"));
        fixture_end(&f);
    }
}

/* The line of a sealed row is, but for the number of its form, that of an older one whose object is
 * the seal: it must not pass for that, or an object could be taken away. */
static void a_sealed_row_is_none_of_the_older_form(void **state)
{
    struct fixture f;
    struct errmsg msg = {""};
    uint8_t sum[DIGEST_BYTES];
    char hex[DIGEST_HEX_SIZE];
    char text[200];
    uint64_t rows = 0;
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;

    (void)state;
    fixture_open(&f);
    say(&f, "pause", "maintenance");
    assert_int_equal(sqlite3_open(f.path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT lower(hex(substr(salt, 17))) FROM audit", -1, &stmt, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    (void)snprintf(text, sizeof(text), "[\"object\",\"%s\",\"endpoint portal\"]",
                   (const char *)sqlite3_column_text(stmt, 0));
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(digest_sha256(text, strlen(text), sum), 0);
    digest_hex(sum, hex);
    fixture_tamper(&f,
                   "DROP TRIGGER audit_no_update; UPDATE audit SET object = '%s', "
                   "salt = substr(salt, 1, 16), at_ms = at_ms || ',2'",
                   hex);
    assert_int_equal(upkeep_audit_verify(f.path, &rows, NULL, &msg), ERR_CORRUPT);
    fixture_end(&f);
}

/* Writes a row of the audit just before the verification reads where the audit ends. */
static int write_in_between(unsigned type, void *ctx, void *stmt, void *text)
{
    struct fixture **f = ctx;
    const char *sql = sqlite3_sql(stmt);

    (void)type;
    (void)text;
    if (*f != NULL && sql != NULL && strstr(sql, "sqlite_sequence") != NULL) {
        struct fixture *once = *f;

        *f = NULL;
        say(once, "resume", "");
    }
    return 0;
}

static struct fixture *daemon_at_work;

static int watch(sqlite3 *db, const char **msg, const struct sqlite3_api_routines *api)
{
    (void)msg;
    (void)api;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, write_in_between, (void *)&daemon_at_work);
}

static void an_audit_that_grows_meanwhile_is_whole(void **state)
{
    struct errmsg msg = {""};
    struct fixture f;
    uint64_t rows = 0;

    (void)state;
    fixture_open(&f);
    say(&f, "pause", "maintenance");
    daemon_at_work = &f;
    assert_int_equal(sqlite3_auto_extension((void (*)(void))watch), SQLITE_OK);
    assert_int_equal(upkeep_audit_verify(f.path, &rows, NULL, &msg), 0);
    assert_int_equal(sqlite3_cancel_auto_extension((void (*)(void))watch), 1);
    assert_null(daemon_at_work);
    assert_int_equal(rows, 1);
    assert_int_equal(upkeep_audit_verify(f.path, &rows, NULL, &msg), 0);
    assert_int_equal(rows, 2);
    fixture_end(&f);
}

static void an_empty_audit_is_whole(void **state)
{
    struct fixture f;
    struct errmsg msg = {""};
    uint64_t rows = 7;

    (void)state;
    fixture_open(&f);
    assert_int_equal(upkeep_audit_verify(f.path, &rows, NULL, &msg), 0);
    assert_int_equal(rows, 0);
    assert_int_equal(upkeep_audit_verify("/nowhere/journal.db", &rows, NULL, &msg), ERR_IO);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_moves_what_it_may_and_nothing_else),
        cmocka_unit_test(retry_makes_it_due_now),
        cmocka_unit_test(release_is_consent_and_new_patience),
        cmocka_unit_test(release_is_no_consent_to_a_missing_map),
        cmocka_unit_test(a_hold_does_not_make_doubt_forgotten),
        cmocka_unit_test(what_a_person_says_is_delivered_is_what_the_peer_holds),
        cmocka_unit_test(what_something_newer_stands_for_is_not_sent_again),
        cmocka_unit_test(giving_up_needs_a_reason),
        cmocka_unit_test(many_are_moved_by_what_they_have_in_common),
        cmocka_unit_test(a_released_item_waits_behind_its_elders),
        cmocka_unit_test(every_change_of_the_audit_is_found),
        cmocka_unit_test(a_sealed_row_is_none_of_the_older_form),
        cmocka_unit_test(an_audit_that_grows_meanwhile_is_whole),
        cmocka_unit_test(an_empty_audit_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
