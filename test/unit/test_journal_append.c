#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/journal_fixture.h"

#define CODE "H56.31.25-251118-0007"

/* ---- snapshots ---- */

static void a_newer_snapshot_takes_the_place_of_a_waiting_one(void **state)
{
    struct fixture f;
    struct fixture_appended a;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_snapshot(&f, CODE, "a", 2).stored, 1);
    a = fixture_snapshot(&f, CODE, "b", 4);
    assert_int_equal(a.stored, 1);
    assert_int_equal(a.replaced, 1);
    assert_string_equal(fixture_states(&f, CODE), "SP");
    assert_int_equal(fixture_number(&f, "SELECT successor FROM item WHERE id = %lld",
                                    (long long)fixture_item(&f, CODE, 0)),
                     fixture_item(&f, CODE, 1));
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 1); /* a's body went */
    fixture_end(&f);
}

/* Its row is written with what its first record will make of it; fixture_check holds it against the
 * items. */
static void a_new_dossiers_row_says_what_was_stored(void **state)
{
    const struct fixture_record records[] = {
        {.code = "A", .content = "a", .status = 2},
        {.code = "A", .content = "a-step", .step = "1", .status = 2},
        {.code = "B", .content = "b", .status = 2, .hold = HOLD_INVALID},
        {.code = "C", .content = "c-step", .step = "1", .status = 2, .at_s = 20},
        {.code = "C", .content = "c-step-before", .step = "2", .status = 2, .at_s = 10},
        {.code = "D", .content = "d", .status = 2},
        {.code = "D", .content = "d-newer", .status = 4, .promised_s = 9000},
        {.code = "E", .content = "e-step", .step = "1", .status = 2},
        {.code = "E", .content = "e", .status = 10},
    };
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (size_t i = 0; i < 2; i++) {
        (void)fixture_append(&f, records, sizeof(records) / sizeof(records[0]));
        fixture_check(&f);
    }
    assert_string_equal(fixture_states(&f, "D"), "SSSP");
    assert_int_equal(fixture_number(&f, "SELECT status * 10000 + promised FROM subject "
                                        "WHERE code = 'D'"),
                     4 * 10000 + 9000);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM subject WHERE code IN ('A', 'C', "
                                        "'D', 'E') AND queue IS NOT NULL AND since_ms > 0"),
                     4);
    fixture_restart(&f); /* the next item's id is not known */
    (void)fixture_snapshot(&f, "F", "f", 2);
    (void)fixture_snapshot(&f, "G", "g", 2);
    fixture_check(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM subject s JOIN item i "
                                        "ON i.id = s.newest_item AND i.subject = s.id "
                                        "WHERE i.status = s.status AND NOT EXISTS (SELECT 1 FROM "
                                        "item n WHERE n.subject = s.id AND n.kind = 1 "
                                        "AND n.id > i.id)"),
                     6);
    fixture_end(&f);
}

static void the_same_snapshot_again_is_nothing_new(void **state)
{
    struct fixture f;
    int64_t changed_ms;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    changed_ms = fixture_number(&f, "SELECT changed_ms FROM item");
    fake_loop_advance(&f.loop, 5000);
    assert_int_equal(fixture_snapshot(&f, CODE, "a", 2).unchanged, 1);
    assert_string_equal(fixture_states(&f, CODE), "P");
    assert_int_equal(fixture_number(&f, "SELECT changed_ms FROM item"), changed_ms);
    (void)fixture_deliver_all(&f);
    assert_int_equal(fixture_snapshot(&f, CODE, "a", 2).unchanged, 1);
    assert_string_equal(fixture_states(&f, CODE), "D");
    fixture_end(&f);
}

static void a_newer_snapshot_takes_the_place_of_one_in_doubt(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_UNSURE);
    assert_string_equal(fixture_states(&f, CODE), "U");
    assert_int_equal(fixture_snapshot(&f, CODE, "b", 4).replaced, 1);
    assert_string_equal(fixture_states(&f, CODE), "SP");
    assert_int_equal(fixture_number(&f, "SELECT doubt FROM subject"),
                     1); /* the dossier's, not the item's */
    fixture_end(&f);
}

static void a_newer_snapshot_takes_the_place_of_one_held_by_a_machine(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_HELD);
    assert_string_equal(fixture_states(&f, CODE), "H");
    (void)fixture_snapshot(&f, CODE, "b", 4);
    assert_string_equal(fixture_states(&f, CODE), "SP");
    fixture_check(&f);
    assert_int_equal(fixture_deliver_all(&f), 1);
    fixture_end(&f);
}

static void under_a_persons_hold_the_newer_snapshot_stays_held(void **state)
{
    struct journal_act act = {.verb = JOURNAL_HOLD, .who = "0 root"};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    act.id = fixture_item(&f, CODE, 0);
    act.now_ms = fixture_wall_ms(&f);
    assert_int_equal(FIXTURE_RUN(&f, journal_act, &act), 0);
    assert_int_equal(fixture_snapshot(&f, CODE, "b", 4).held, 1);
    assert_string_equal(fixture_states(&f, CODE), "SH");
    assert_int_equal(fixture_number(&f, "SELECT hold FROM item WHERE state = 3"), HOLD_PERSON);
    fixture_claim_none(&f);
    fixture_end(&f);
}

static void behind_a_call_a_newer_snapshot_queues(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    call = fixture_claim_one(&f);
    (void)fixture_snapshot(&f, CODE, "b", 4);
    assert_string_equal(fixture_states(&f, CODE), "IP");
    fixture_claim_none(&f);                   /* one call a dossier */
    (void)fixture_snapshot(&f, CODE, "c", 4); /* of those that queue the newest stays */
    assert_string_equal(fixture_states(&f, CODE), "ISP");
    fixture_check(&f);
    assert_int_equal(fixture_end_call(&f, call, ITEM_DONE), ITEM_DONE);
    assert_string_equal(fixture_states(&f, CODE), "DSP");
    call = fixture_claim_one(&f);
    assert_true(call->updating);
    assert_int_equal(fixture_end_call(&f, call, ITEM_DONE), ITEM_DONE);
    fixture_end(&f);
}

static void back_to_what_is_acknowledged_makes_no_call(void **state)
{
    struct fixture f;
    struct fixture_appended a;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    (void)fixture_deliver_all(&f);
    (void)fixture_snapshot(&f, CODE, "b", 4);
    a = fixture_snapshot(&f, CODE, "a", 2);
    assert_int_equal(a.stored, 0);
    assert_int_equal(a.unchanged, 1);
    assert_int_equal(a.replaced, 1);
    assert_string_equal(fixture_states(&f, CODE), "DS");
    assert_int_equal(fixture_number(&f, "SELECT successor FROM item WHERE state = 6"),
                     fixture_item(&f, CODE, 0));
    fixture_claim_none(&f);
    /* The acknowledged one is the newest again, with its body: a refused step may need it. */
    assert_int_equal(fixture_number(&f, "SELECT newest_item FROM subject"),
                     fixture_item(&f, CODE, 0));
    assert_int_equal(fixture_number(&f, "SELECT item FROM body"), fixture_item(&f, CODE, 0));
    fixture_check(&f);
    assert_int_equal(fixture_snapshot(&f, CODE, "b", 4).stored, 1); /* and B again is new */
    fixture_end(&f);
}

static void back_to_what_is_acknowledged_is_sent_when_in_doubt(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    (void)fixture_deliver_all(&f);
    (void)fixture_snapshot(&f, CODE, "b", 4);
    (void)fixture_end_call(&f, fixture_claim_one(&f), ITEM_UNSURE);
    assert_int_equal(fixture_snapshot(&f, CODE, "a", 2).stored, 1);
    assert_string_equal(fixture_states(&f, CODE), "DSP");
    fixture_end(&f);
}

static void back_to_what_is_acknowledged_is_sent_behind_a_call(void **state)
{
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    (void)fixture_deliver_all(&f);
    (void)fixture_snapshot(&f, CODE, "b", 4);
    call = fixture_claim_one(&f);
    assert_int_equal(fixture_snapshot(&f, CODE, "a", 2).stored, 1);
    assert_string_equal(fixture_states(&f, CODE), "DIP");
    (void)fixture_end_call(&f, call, ITEM_DONE);
    assert_int_equal(fixture_deliver_all(&f), 1);
    assert_string_equal(fixture_states(&f, CODE), "DDD");
    fixture_end(&f);
}

static void back_to_what_is_acknowledged_is_sent_when_the_peer_lost_it(void **state)
{
    struct fixture f;
    struct journal_finish finish;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    (void)fixture_deliver_all(&f);
    (void)fixture_snapshot(&f, CODE, "b", 4);
    call = fixture_claim_one(&f);
    fixture_decide(&f, &finish, call, ITEM_PENDING); /* "not there": once more with False */
    finish.present = 0;
    finish.flip = true;
    (void)fixture_finish(&f, &finish, call);
    assert_int_equal(fixture_snapshot(&f, CODE, "a", 2).stored, 1);
    assert_string_equal(fixture_states(&f, CODE), "DSP");
    fixture_end(&f);
}

static void a_dropped_snapshot_does_not_stand_in_the_way_of_the_old_one(void **state)
{
    struct journal_act act = {.verb = JOURNAL_DROP, .who = "0 root", .reason = "wrong file"};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 2);
    (void)fixture_deliver_all(&f);
    (void)fixture_snapshot(&f, CODE, "b", 4);
    act.id = fixture_item(&f, CODE, 1);
    act.now_ms = fixture_wall_ms(&f);
    assert_int_equal(FIXTURE_RUN(&f, journal_act, &act), 0);
    assert_string_equal(fixture_states(&f, CODE), "DX");
    assert_int_equal(fixture_snapshot(&f, CODE, "b", 4).unchanged, 1); /* dropped is dropped */
    assert_int_equal(fixture_snapshot(&f, CODE, "a", 2).unchanged, 1);
    fixture_check(&f);
    assert_int_equal(fixture_snapshot(&f, CODE, "b", 4).stored, 1);
    assert_string_equal(fixture_states(&f, CODE), "DXP");
    fixture_end(&f);
}

/* ---- status paths ---- */

static void a_status_that_nothing_leads_to_is_held(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 3); /* refused at reception is final */
    (void)fixture_deliver_all(&f);
    assert_int_equal(fixture_snapshot(&f, CODE, "b", 4).held, 1);
    assert_int_equal(fixture_number(&f, "SELECT hold FROM item WHERE state = 3"), HOLD_NO_PATH);
    assert_string_not_equal(fixture_text(&f, "SELECT reason FROM item WHERE state = 3"), "");
    fixture_end(&f);
}

static void a_status_that_skips_states_is_sent_and_flagged(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, CODE, "a", 1);
    (void)fixture_deliver_all(&f);
    assert_int_equal(fixture_snapshot(&f, CODE, "b", 10).held, 0);
    assert_string_equal(fixture_states(&f, CODE), "DP");
    assert_int_equal(fixture_number(&f, "SELECT flags FROM item WHERE state = 0"),
                     ITEM_FLAG_JUMPED);
    fixture_end(&f);
}

static void what_the_sink_can_not_take_is_held_with_its_reason(void **state)
{
    static const struct fixture_record r = {
        .code = CODE, .content = "a", .hold = HOLD_UNMAPPED_STATUS};
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_append(&f, &r, 1).held, 1);
    assert_string_equal(fixture_states(&f, CODE), "H");
    assert_string_equal(fixture_text(&f, "SELECT reason FROM item"), "held by the test");
    fixture_end(&f);
}

/* ---- steps ---- */

static void a_step_is_stored_once_whatever_became_of_it(void **state)
{
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_step(&f, CODE, "s1", 1, 2).stored, 1);
    assert_int_equal(fixture_step(&f, CODE, "s1", 1, 2).unchanged, 1);
    assert_int_equal(fixture_step(&f, CODE, "s1", 9, 5).unchanged, 1); /* the key is the identity */
    (void)fixture_deliver_all(&f);
    assert_int_equal(fixture_step(&f, CODE, "s1", 1, 2).unchanged, 1);
    assert_string_equal(fixture_states(&f, CODE), "d");
    assert_int_equal(fixture_step(&f, "H56.2", "s1", 1, 2).stored, 1); /* of another dossier */
    fixture_end(&f);
}

static void a_step_that_was_never_sent_is_read_as_the_source_tells_it_now(void **state)
{
    struct fixture_record unmapped = {
        .code = CODE, .step = "s1", .content = "as read", .hold = HOLD_UNMAPPED_STATUS};
    struct fixture_record mapped = {
        .code = CODE, .step = "s1", .content = "as the corrected preset reads", .status = 4};
    struct fixture_record later = {.code = CODE, .step = "s1", .content = "again", .status = 5};
    struct journal_call *call;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_append(&f, &unmapped, 1).held, 1);
    assert_string_equal(fixture_states(&f, CODE), "h");
    assert_int_equal(fixture_append(&f, &mapped, 1).replaced, 1);
    assert_string_equal(fixture_states(&f, CODE), "p");
    assert_int_equal(fixture_append(&f, &mapped, 1).unchanged, 1);
    assert_int_equal(fixture_append(&f, &unmapped, 1).replaced, 1);
    assert_string_equal(fixture_states(&f, CODE), "h");
    assert_int_equal(fixture_append(&f, &mapped, 1).replaced, 1);
    call = fixture_claim_one(&f);
    assert_int_equal(call->status, 4);
    assert_non_null(strstr(call->records[0].body, "corrected"));
    /* on its way, in doubt, delivered: what was sent stays what it was */
    assert_int_equal(fixture_append(&f, &later, 1).unchanged, 1);
    assert_int_equal(fixture_end_call(&f, call, ITEM_UNSURE), ITEM_UNSURE);
    assert_int_equal(fixture_append(&f, &later, 1).unchanged, 1);
    fake_loop_advance(&f.loop, 60000);
    (void)fixture_deliver_all(&f);
    assert_int_equal(fixture_append(&f, &later, 1).unchanged, 1);
    assert_string_equal(fixture_states(&f, CODE), "d");
    fixture_end(&f);
}

static void records_of_several_dossiers_may_come_in_any_order(void **state)
{
    static const struct fixture_record records[] = {
        {.code = "A", .content = "a", .status = 2}, {.code = "A", .step = "1", .status = 2},
        {.code = "B", .content = "b", .status = 2}, {.code = "B", .step = "1", .status = 2},
        {.code = "A", .step = "2", .status = 4},    {.code = "B", .content = "c", .status = 4},
    };
    struct fixture f;
    struct fixture_appended a;

    (void)state;
    fixture_open(&f);
    a = fixture_append(&f, records, 6);
    assert_int_equal(a.stored, 6);
    assert_int_equal(a.replaced, 1);
    assert_string_equal(fixture_states(&f, "A"), "Ppp");
    assert_string_equal(fixture_states(&f, "B"), "SpP");
    fixture_end(&f);
}

/* ---- rows and cursors ---- */

static void add_row(struct journal_append *a, const char *id, uint8_t hash, bool owed)
{
    struct journal_row row = {.id = id, .owed = owed, .why = owed ? "detail timed out" : NULL};

    memset(row.hash, hash, sizeof(row.hash));
    assert_int_equal(journal_append_row(a, "onestop", &row), 0);
}

static void run_rows(struct fixture *f, const char *id, uint8_t hash, bool owed, const char *cursor)
{
    struct journal_append a;

    journal_append_init(&a, f->flow);
    a.now_ms = fixture_wall_ms(f);
    add_row(&a, id, hash, owed);
    assert_int_equal(journal_append_cursor(&a, "onestop", cursor), 0);
    assert_int_equal(FIXTURE_RUN(f, journal_append, &a), 0);
    journal_append_free(&a);
}

static void cursor_of(struct fixture *f, char out[512])
{
    struct journal_cursor c;

    memset(&c, 0xA5, sizeof(c));
    c.source = "onestop";
    assert_int_equal(FIXTURE_RUN(f, journal_cursor, &c), 0);
    memcpy(out, c.value, 512);
}

static bool changed(struct fixture *f, const char *id, uint8_t hash)
{
    static struct journal_compare c;
    uint8_t hashes[1][RECORD_HASH_BYTES];

    memset(&c, 0xA5, sizeof(c));
    memset(hashes, hash, sizeof(hashes));
    c.source = "onestop";
    c.ids = &id;
    c.hashes = (const uint8_t(*)[RECORD_HASH_BYTES])hashes;
    c.n = 1;
    assert_int_equal(FIXTURE_RUN(f, journal_compare, &c), 0);
    return c.changed[0];
}

static void rows_tell_what_has_changed(void **state)
{
    struct fixture f;
    char cursor[512];

    (void)state;
    fixture_open(&f);
    cursor_of(&f, cursor);
    assert_string_equal(cursor, "");
    assert_true(changed(&f, "17", 1));
    run_rows(&f, "17", 1, false, "page 1");
    assert_false(changed(&f, "17", 1));
    assert_true(changed(&f, "17", 2));
    cursor_of(&f, cursor);
    assert_string_equal(cursor, "page 1");
    run_rows(&f, "17", 2, false, "page 2");
    assert_false(changed(&f, "17", 2));
    fixture_restart(&f);
    cursor_of(&f, cursor);
    assert_string_equal(cursor, "page 2");
    fixture_end(&f);
}

static void a_row_whose_detail_failed_is_owed_until_it_comes(void **state)
{
    struct fixture f;
    struct journal_owed o;

    (void)state;
    fixture_open(&f);
    run_rows(&f, "17", 1, true, "c");
    run_rows(&f, "18", 1, true, "c");
    run_rows(&f, "17", 1, true, "c");   /* failed again */
    assert_false(changed(&f, "17", 1)); /* asked by itself, not as a change */
    memset(&o, 0xA5, sizeof(o));
    o.source = "onestop";
    o.limit = 10;
    assert_int_equal(FIXTURE_RUN(&f, journal_owed, &o), 0);
    assert_int_equal(o.n, 2);
    assert_string_equal(o.ids[0], "18"); /* the least tried first */
    assert_string_equal(o.ids[1], "17");
    assert_int_equal(o.hashes[1][31], 1);
    journal_owed_free(&o);
    assert_int_equal(fixture_number(&f, "SELECT tries FROM source_row WHERE id = '17'"), 2);
    run_rows(&f, "17", 1, false, "c");
    run_rows(&f, "18", 1, false, "c");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM source_row WHERE owed + tries > 0"),
                     0);
    fixture_end(&f);
}

static void records_rows_and_cursor_stand_or_fall_together(void **state)
{
    static const struct fixture_record r = {.code = CODE, .content = "a", .status = 2};
    struct fixture f;
    struct journal_append a;
    char cursor[512];

    (void)state;
    fixture_open(&f);
    journal_append_init(&a, f.flow);
    a.now_ms = fixture_wall_ms(&f);
    fixture_add(&a, &r);
    add_row(&a, "17", 1, false);
    assert_int_equal(journal_append_cursor(&a, "onestop", "page 1"), 0);
    f.loop.hold_work = true; /* the worker has not come round to it yet */
    fixture_expect(&f, &a.op);
    journal_append(f.journal, &a);
    fake_loop_settle(&f.loop);
    assert_int_equal(fixture_number(&f,
                                    "SELECT (SELECT count(*) FROM item) + (SELECT count(*) FROM "
                                    "source_row) + (SELECT count(*) FROM cursor)"),
                     0);
    f.loop.hold_work = false;
    assert_int_equal(fixture_wait(&f, &a.op), 0);
    journal_append_free(&a);
    assert_int_equal(fixture_number(&f,
                                    "SELECT (SELECT count(*) FROM item) + (SELECT count(*) FROM "
                                    "source_row) + (SELECT count(*) FROM cursor)"),
                     3);
    fixture_crash(&f);
    cursor_of(&f, cursor);
    assert_string_equal(cursor, "page 1");
    assert_string_equal(fixture_states(&f, CODE), "P");
    fixture_end(&f);
}

/* ---- what does not get in ---- */

static int add_bare(struct journal_append *a, const char *code, const char *step, size_t body_len)
{
    static char body[JOURNAL_BODY_MAX + 2];
    struct journal_record r = {.status = 2};

    memset(body, 'x', sizeof(body));
    r.record.kind = step != NULL ? RECORD_STEP : RECORD_DOSSIER;
    r.record.code = code;
    r.record.step_key = step;
    r.record.body = body;
    r.record.body_len = body_len;
    return journal_append_add(a, &r);
}

static void what_could_never_be_sent_is_refused(void **state)
{
    char code[JOURNAL_CODE_SIZE + 1];
    struct journal_append a;
    int err = 0;

    (void)state;
    journal_append_init(&a, 1);
    assert_int_equal(add_bare(&a, "", NULL, 1), ERR_INVAL);
    assert_int_equal(add_bare(&a, NULL, NULL, 1), ERR_INVAL);
    assert_int_equal(add_bare(&a, "A", "", 1), ERR_INVAL);
    assert_int_equal(add_bare(&a, "A", NULL, JOURNAL_BODY_MAX + 1), ERR_TOOBIG);
    memset(code, 'A', sizeof(code));
    code[JOURNAL_CODE_SIZE] = '\0';
    assert_int_equal(add_bare(&a, code, NULL, 1), ERR_INVAL);
    code[JOURNAL_CODE_SIZE - 1] = '\0';
    assert_int_equal(add_bare(&a, code, NULL, 1), 0);
    for (int i = 0; i < 20 && err == 0; i++) {
        err = add_bare(&a, "A", NULL, JOURNAL_BODY_MAX);
    }
    assert_int_equal(err, ERR_TOOBIG); /* 16 MB in one request */
    journal_append_free(&a);
}

static void an_empty_body_is_a_body(void **state)
{
    struct fixture f;
    struct journal_append a;

    (void)state;
    fixture_open(&f);
    journal_append_init(&a, f.flow);
    a.now_ms = fixture_wall_ms(&f);
    assert_int_equal(add_bare(&a, "A", NULL, 0), 0);
    assert_int_equal(FIXTURE_RUN(&f, journal_append, &a), 0);
    journal_append_free(&a);
    assert_int_equal(fixture_deliver_all(&f), 1);
    fixture_end(&f);
}

/* Such a batch could never be stored, and all that comes behind it would wait for ever. */
static void a_cursor_without_room_for_its_source_is_none(void **state)
{
    struct journal_append a;

    (void)state;
    journal_append_init(&a, 1);
    a.arena.max_bytes = 32;
    assert_int_equal(
        journal_append_cursor(&a, "a source with a name of more than 32 bytes", "page 1"),
        ERR_NOMEM);
    assert_null(a.cursor);
    journal_append_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_without_room_for_its_source_is_none),
        cmocka_unit_test(a_newer_snapshot_takes_the_place_of_a_waiting_one),
        cmocka_unit_test(a_new_dossiers_row_says_what_was_stored),
        cmocka_unit_test(the_same_snapshot_again_is_nothing_new),
        cmocka_unit_test(a_newer_snapshot_takes_the_place_of_one_in_doubt),
        cmocka_unit_test(a_newer_snapshot_takes_the_place_of_one_held_by_a_machine),
        cmocka_unit_test(under_a_persons_hold_the_newer_snapshot_stays_held),
        cmocka_unit_test(behind_a_call_a_newer_snapshot_queues),
        cmocka_unit_test(back_to_what_is_acknowledged_makes_no_call),
        cmocka_unit_test(back_to_what_is_acknowledged_is_sent_when_in_doubt),
        cmocka_unit_test(back_to_what_is_acknowledged_is_sent_behind_a_call),
        cmocka_unit_test(back_to_what_is_acknowledged_is_sent_when_the_peer_lost_it),
        cmocka_unit_test(a_dropped_snapshot_does_not_stand_in_the_way_of_the_old_one),
        cmocka_unit_test(a_status_that_nothing_leads_to_is_held),
        cmocka_unit_test(a_status_that_skips_states_is_sent_and_flagged),
        cmocka_unit_test(what_the_sink_can_not_take_is_held_with_its_reason),
        cmocka_unit_test(a_step_is_stored_once_whatever_became_of_it),
        cmocka_unit_test(a_step_that_was_never_sent_is_read_as_the_source_tells_it_now),
        cmocka_unit_test(records_of_several_dossiers_may_come_in_any_order),
        cmocka_unit_test(rows_tell_what_has_changed),
        cmocka_unit_test(a_row_whose_detail_failed_is_owed_until_it_comes),
        cmocka_unit_test(records_rows_and_cursor_stand_or_fall_together),
        cmocka_unit_test(what_could_never_be_sent_is_refused),
        cmocka_unit_test(an_empty_body_is_a_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
