/* How long things took, as the journal's file tells it. */
#include "journal/lag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/journal_fixture.h"

#define MINUTE_MS UINT64_C(60000)

struct listed {
    char text[1000];
    unsigned n;
    unsigned changes; /* of the subject */
    unsigned stop_after;
    int64_t subject;
};

static int on_item(void *ctx, const struct lag_item *item)
{
    struct listed *l = ctx;
    size_t used = strlen(l->text);

    (void)snprintf(l->text + used, sizeof(l->text) - used, "%s %s %s %d %d;", item->flow,
                   item->agency, item->kind == ITEM_STEP ? "step" : "snapshot",
                   (int)((int64_t)(item->stored_ms / 1000) - item->source_s),
                   (int)((item->delivered_ms - item->stored_ms) / 1000));
    l->n++;
    l->changes += item->subject != l->subject;
    l->subject = item->subject;
    return l->n == l->stop_after ? ERR_CANCELED : 0;
}

static int list(struct fixture *f, uint64_t since_ms, struct listed *l)
{
    struct errmsg msg = {""};

    memset(l, 0, sizeof(*l));
    return lag_items(f->path, since_ms, on_item, l, &msg);
}

static void what_was_delivered_tells_its_three_times(void **state)
{
    struct fixture f;
    struct listed l;
    int64_t begin_s;
    uint64_t second_ms;
    struct fixture_record record = {.code = "A", .content = "a", .status = 4};
    struct fixture_record held = {.code = "H", .content = "a", .hold = HOLD_INVALID};

    (void)state;
    fixture_open(&f);
    begin_s = (int64_t)(fixture_wall_ms(&f) / 1000) - FIXTURE_FIRST_S;
    record.at_s = begin_s - 100;
    (void)fixture_append(&f, &record, 1);
    (void)fixture_append(&f, &held, 1);
    fake_loop_advance(&f.loop, MINUTE_MS);
    (void)fixture_deliver_all(&f);
    fixture_tamper(&f,
                   "INSERT OR REPLACE INTO figure SELECT id, '', '', 'H56.1', 2, 2, 0, 0, 0, 0, 0, "
                   "0, 0, 0, 0, -1, -1, -1 FROM subject WHERE code = 'A'");
    fake_loop_advance(&f.loop, MINUTE_MS);
    second_ms = fixture_wall_ms(&f);
    (void)fixture_step(&f, "A", "s1", begin_s + 115, 4);
    fake_loop_advance(&f.loop, 2 * MINUTE_MS);
    (void)fixture_deliver_all(&f);
    assert_int_equal(list(&f, 0, &l), 0);
    assert_string_equal(l.text, "dossiers H56.1 snapshot 100 60;dossiers H56.1 step 5 120;");
    assert_int_equal(list(&f, second_ms, &l), 0);
    assert_string_equal(l.text, "dossiers H56.1 step 5 120;");
    assert_int_equal(list(&f, second_ms + 1, &l), 0);
    assert_string_equal(l.text, "");
    fixture_end(&f);
}

/* What came between the two of one dossier is told before or behind them. */
static void a_dossier_is_told_in_one_piece(void **state)
{
    struct fixture f;
    struct listed l;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 4);
    (void)fixture_snapshot(&f, "B", "b", 4);
    (void)fixture_step(&f, "A", "s1", 0, 4);
    (void)fixture_step(&f, "B", "s1", 0, 4);
    (void)fixture_deliver_all(&f);
    assert_int_equal(list(&f, 0, &l), 0);
    assert_int_equal(l.n, 4);
    assert_int_equal(l.changes, 2);
    fixture_end(&f);
}

/* Ids with a gap of more than a page between: what lies behind it is read, and a caller can stop.
 */
static void all_pages_are_read(void **state)
{
    struct fixture f;
    struct listed l;
    struct errmsg msg = {""};

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "A", "a", 4);
    (void)fixture_snapshot(&f, "B", "b", 4);
    (void)fixture_deliver_all(&f);
    fixture_tamper(&f, "UPDATE subject SET id = 45000 WHERE code = 'B'");
    fixture_tamper(&f, "UPDATE item SET subject = 45000 WHERE subject <> (SELECT id FROM subject "
                       "WHERE code = 'A')");
    assert_int_equal(list(&f, 0, &l), 0);
    assert_int_equal(l.n, 2);
    assert_int_equal(l.subject, 45000);
    memset(&l, 0, sizeof(l));
    l.stop_after = 1;
    assert_int_equal(lag_items(f.path, 0, on_item, &l, &msg), ERR_CANCELED);
    assert_int_equal(l.n, 1);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_delivered_tells_its_three_times),
        cmocka_unit_test(a_dossier_is_told_in_one_piece),
        cmocka_unit_test(all_pages_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
