#include "journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/journal_fixture.h"

/* The shortest way through: stored, claimed, acknowledged, still there after a restart. */
static void a_dossier_with_steps_goes_through(void **state)
{
    static const struct fixture_record records[] = {
        {.code = "H56.1", .content = "a", .status = 2},
        {.code = "H56.1", .step = "s1", .status = 2, .at_s = 1},
        {.code = "H56.1", .step = "s2", .status = 4, .at_s = 2},
    };
    struct fixture f;
    struct journal_call *call;

    (void)state;
    fixture_open(&f);
    assert_int_equal(fixture_append(&f, records, 3).stored, 3);
    fixture_check(&f);
    call = fixture_claim_one(&f);
    assert_int_equal(call->kind, RECORD_DOSSIER);
    assert_int_equal(call->verb, JOURNAL_SEND);
    assert_false(call->updating);
    assert_string_equal(call->code, "H56.1");
    fixture_check(&f);
    assert_int_equal(fixture_end_call(&f, call, ITEM_DONE), ITEM_DONE);
    call = fixture_claim_one(&f);
    assert_int_equal(call->kind, RECORD_STEP);
    assert_int_equal(call->n, 2);
    assert_true(call->updating);
    assert_int_equal(fixture_end_call(&f, call, ITEM_DONE), ITEM_DONE);
    fixture_claim_none(&f);
    assert_string_equal(fixture_states(&f, "H56.1"), "Ddd");
    fixture_check(&f);
    fixture_restart(&f);
    fixture_check(&f);
    assert_string_equal(fixture_states(&f, "H56.1"), "Ddd");
    fixture_claim_none(&f);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dossier_with_steps_goes_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
