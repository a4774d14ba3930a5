/* Comparing one procedure of both catalogues: each kind of difference, what is not judged, and what
 * may be sent again; the levels of services. */
#include "domain/agree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A procedure that both sides hold and that agrees in everything. */
struct both {
    struct procedure portal, local;
    struct catalog_fact there, here;
    struct agree_pair pair;
    struct agree_found found;
};

static void fill(struct procedure *p)
{
    procedure_init(p);
    p->code = "1.001193";
    p->name = "Thủ tục đăng ký khai sinh";
    p->sector_code = "G15-HT04";
    p->sector_name = "Hộ tịch";
    p->publisher = "G15";
    p->fee_text = "8.000 Đồng";
}

static void equal(struct both *b)
{
    memset(b, 0, sizeof(*b));
    fill(&b->portal);
    fill(&b->local);
    b->there = (struct catalog_fact){
        .decision_no = "", .decentralised = FACTS_NO, .independent = FACTS_YES};
    b->here = b->there;
    b->pair.portal = (struct agree_side){.there = true,
                                         .open = true,
                                         .record = &b->portal,
                                         .level = LEVEL_FULL,
                                         .decision_no = "528/QĐ-UBND",
                                         .decision_s = 1000,
                                         .fact = &b->there,
                                         .processes = -1,
                                         .eforms = -1};
    b->pair.local = b->pair.portal;
    b->pair.local.record = &b->local;
    b->pair.local.fact = &b->here;
    b->pair.local.processes = 1;
    b->pair.local.eforms = 2;
    b->pair.equal_digest = true;
}

static uint32_t compare(struct both *b)
{
    agree_compare(&b->pair, &b->found);
    assert_int_equal(b->found.kinds & ~b->found.judged, 0); /* no difference unjudged */
    return b->found.kinds;
}

static void what_is_equal_has_no_difference_and_is_judged_in_every_kind(void **state)
{
    struct both b;
    uint32_t whole = AGREE_BIT(AGREE_LOCAL_ONLY) | AGREE_BIT(AGREE_PORTAL_ONLY) |
                     AGREE_BIT(AGREE_OVERDUE) | AGREE_BIT(AGREE_WITHDRAWN_OPEN);

    (void)state;
    equal(&b);
    assert_int_equal(compare(&b), 0);
    assert_int_equal(b.found.judged, (AGREE_BIT(AGREE_KINDS) - 1) & ~whole);
    assert_true(b.found.both_open);
    assert_true(agree_is_equal(&b.found));
    assert_false(agree_is_healable(&b.found));
}

static void a_procedure_of_one_side_is_one_difference(void **state)
{
    struct both b;

    (void)state;
    equal(&b);
    b.pair.local.there = b.pair.local.open = false;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_PORTAL_ONLY));
    b.pair.overdue = true;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_OVERDUE));
    b.pair.local.there = true; /* closed here is as good as missing */
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_OVERDUE));
    equal(&b);
    b.pair.portal.open = false;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_WITHDRAWN_OPEN));
    b.pair.portal.there = false;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_LOCAL_ONLY));
    assert_false(b.found.own);
    b.here.own = FACTS_YES;
    assert_int_equal(compare(&b), 0);
    assert_true(b.found.own);
    b.pair.local.open = false; /* closed on both sides */
    assert_int_equal(compare(&b), 0);
    assert_false(b.found.own);
}

static void each_field_is_a_difference_of_its_kind(void **state)
{
    struct both b;
    size_t texts = 0;

    (void)state;
    for (unsigned i = 0; i < AGREE_FIELDS; i++) {
        enum agree_field field = (enum agree_field)i;

        equal(&b);
        if (i == AGREE_DECISION_NO || i == AGREE_DECISION_DATE || i == AGREE_UNREAD) {
            continue;
        }
        for (unsigned k = 0; k < sizeof(b.local) / sizeof(char *); k++) {
            const char **text = (const char **)(void *)&b.local + k;
            const char *before = *text;

            if (k >= offsetof(struct procedure, level) / sizeof(char *)) {
                break;
            }
            *text = "anders";
            if (strcmp(agree_field_text(&b.local, field), "anders") == 0) {
                texts++;
                assert_int_equal(compare(&b), AGREE_BIT(agree_field_kind(field)));
                assert_int_equal(b.found.fields, AGREE_BIT(i));
            }
            *text = before;
        }
    }
    assert_int_equal(texts, AGREE_UNREAD - 2);
}

static void line_ends_are_no_difference(void **state)
{
    static const struct {
        const char *portal, *local;
        bool same;
    } rows[] = {{"a\r\nb", "a\nb", true}, {"a\nb\r\n", "a\r\nb\n", true},
                {"a\r\n", "a", false},    {"a\rb", "a\nb", false},
                {"a", "a\r", false},      {"a\r\r\nb", "a\r\nb", false}};
    struct both b;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        equal(&b);
        b.portal.steps_text = rows[i].portal;
        b.local.steps_text = rows[i].local;
        assert_int_equal(compare(&b), rows[i].same ? 0 : AGREE_BIT(AGREE_CONTENT));
    }
}

static void what_no_field_tells_is_compared_too(void **state)
{
    struct both b;

    (void)state;
    equal(&b);
    b.pair.local.level = LEVEL_INFORMATION;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_LEVEL));
    equal(&b);
    b.pair.local.decision_no = "529/QĐ-UBND";
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_DECISION));
    assert_int_equal(b.found.fields, AGREE_BIT(AGREE_DECISION_NO));
    equal(&b);
    b.pair.local.decision_s = 2000;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_DECISION));
    assert_int_equal(b.found.fields, AGREE_BIT(AGREE_DECISION_DATE));
    equal(&b);
    b.here.decentralised = FACTS_YES;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_DECENTRALISED));
    equal(&b);
    b.here.independent = FACTS_NO;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_INDEPENDENT));
    equal(&b);
    b.pair.local.processes = 0;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_PROCESS));
    assert_true(agree_is_equal(&b.found)); /* about this side alone */
    equal(&b);
    b.pair.local.eforms = 0;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_EFORM));
    b.pair.portal.level = b.pair.local.level = LEVEL_INFORMATION; /* needs no form */
    assert_int_equal(compare(&b), 0);
}

static void what_a_side_does_not_show_is_not_judged(void **state)
{
    struct both b;
    uint32_t unseen = AGREE_BIT(AGREE_LEVEL) | AGREE_BIT(AGREE_DECISION) |
                      AGREE_BIT(AGREE_DECENTRALISED) | AGREE_BIT(AGREE_INDEPENDENT) |
                      AGREE_BIT(AGREE_PROCESS) | AGREE_BIT(AGREE_EFORM);

    (void)state;
    equal(&b);
    b.pair.local.level = LEVEL_NOT_SHOWN;
    b.pair.local.decision_no = "";
    b.pair.local.decision_s = 0;
    b.pair.local.fact = NULL;
    b.pair.local.processes = b.pair.local.eforms = -1;
    assert_int_equal(compare(&b), 0);
    assert_int_equal(b.found.judged & unseen, 0);
    b.pair.local.fact = &b.here; /* the file says what the product does not show */
    b.here.process = FACTS_NO;
    b.here.eform = FACTS_YES;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_PROCESS));
    assert_true((b.found.judged & AGREE_BIT(AGREE_EFORM)) != 0);
}

static void without_a_record_the_digest_decides(void **state)
{
    struct both b;

    (void)state;
    equal(&b);
    b.pair.local.record = NULL;
    assert_int_equal(compare(&b), 0);
    b.pair.equal_digest = false;
    assert_int_equal(compare(&b), AGREE_BIT(AGREE_CONTENT));
    assert_int_equal(b.found.fields, AGREE_BIT(AGREE_UNREAD));
}

static void only_what_overwrites_nothing_is_sent_again(void **state)
{
    struct both b;

    (void)state;
    equal(&b);
    b.local.name = "anders";
    b.local.fee_text = "";
    (void)compare(&b);
    assert_true(agree_is_healable(&b.found));
    b.pair.local.processes = 0; /* not touched by what is sent */
    b.here.independent = FACTS_NO;
    (void)compare(&b);
    assert_true(agree_is_healable(&b.found));
    b.pair.local.level = LEVEL_INFORMATION;
    (void)compare(&b);
    assert_false(agree_is_healable(&b.found));
    equal(&b);
    b.local.name = "anders";
    b.local.publisher = "G16";
    (void)compare(&b);
    assert_false(agree_is_healable(&b.found));
}

static void kinds_and_fields_have_names_of_their_own(void **state)
{
    enum agree_kind kind;

    (void)state;
    for (unsigned i = 0; i < AGREE_KINDS; i++) {
        assert_int_equal(agree_kind_find(agree_kind_name((enum agree_kind)i), &kind), 0);
        assert_int_equal(kind, i);
        assert_true(strlen(agree_kind_title((enum agree_kind)i)) > 0);
        assert_true(strlen(agree_kind_definition((enum agree_kind)i)) > 0);
    }
    assert_int_equal(agree_kind_find("nothing", &kind), ERR_NOTFOUND);
    for (unsigned i = 0; i < AGREE_FIELDS; i++) {
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(agree_field_name((enum agree_field)i),
                                    agree_field_name((enum agree_field)k));
        }
    }
}

static void a_level_is_read_from_a_services_name_and_from_a_number(void **state)
{
    (void)state;
    assert_int_equal(level_of_service("Đăng ký khai sinh trực tuyến toàn trình"), LEVEL_FULL);
    assert_int_equal(level_of_service("Đăng ký xe (Trực tuyến MỘT PHẦN)."), LEVEL_PARTIAL);
    /* words of the procedure's own name */
    assert_int_equal(level_of_service("Đưa một phần công trình vào khai thác"), LEVEL_ONLINE);
    assert_int_equal(level_of_service("Đăng ký xe trực tuyến toàn trình, trực tuyến một phần"),
                     LEVEL_PARTIAL);
    assert_int_equal(level_of_service(""), LEVEL_ONLINE);
    assert_int_equal(level_of_service("Cấp phép - MỘT PHẦN"), LEVEL_PARTIAL);
    assert_int_equal(level_of_service("Đăng ký khai sinh trực tuyến"), LEVEL_ONLINE);
    assert_int_equal(level_of_number(4), LEVEL_FULL);
    assert_int_equal(level_of_number(3), LEVEL_PARTIAL);
    assert_int_equal(level_of_number(2), LEVEL_INFORMATION);
    assert_int_equal(level_of_number(1), LEVEL_INFORMATION);
    assert_int_equal(level_of_number(0), LEVEL_NOT_SHOWN);
    assert_int_equal(level_of_number(-1), LEVEL_NOT_SHOWN);
    assert_int_equal(level_of_number(5), LEVEL_NOT_SHOWN);
    for (unsigned i = LEVEL_INFORMATION; i <= LEVEL_FULL; i++) {
        assert_true(level_agrees(level_of_number(level_number((enum service_level)i)),
                                 (enum service_level)i));
        assert_true(strlen(level_name((enum service_level)i)) > 0);
    }
}

static void online_without_a_word_fits_full_and_partial(void **state)
{
    (void)state;
    assert_true(level_agrees(LEVEL_ONLINE, LEVEL_FULL));
    assert_true(level_agrees(LEVEL_PARTIAL, LEVEL_ONLINE));
    assert_true(level_agrees(LEVEL_NOT_SHOWN, LEVEL_INFORMATION));
    assert_false(level_agrees(LEVEL_PARTIAL, LEVEL_FULL));
    assert_false(level_agrees(LEVEL_INFORMATION, LEVEL_ONLINE));
    assert_false(level_agrees(LEVEL_FULL, LEVEL_INFORMATION));
    assert_int_equal(level_higher(LEVEL_PARTIAL, LEVEL_FULL), LEVEL_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_equal_has_no_difference_and_is_judged_in_every_kind),
        cmocka_unit_test(a_procedure_of_one_side_is_one_difference),
        cmocka_unit_test(each_field_is_a_difference_of_its_kind),
        cmocka_unit_test(line_ends_are_no_difference),
        cmocka_unit_test(what_no_field_tells_is_compared_too),
        cmocka_unit_test(what_a_side_does_not_show_is_not_judged),
        cmocka_unit_test(without_a_record_the_digest_decides),
        cmocka_unit_test(only_what_overwrites_nothing_is_sent_again),
        cmocka_unit_test(kinds_and_fields_have_names_of_their_own),
        cmocka_unit_test(a_level_is_read_from_a_services_name_and_from_a_number),
        cmocka_unit_test(online_without_a_word_fits_full_and_partial),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
