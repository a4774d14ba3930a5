#include "journal/mirror.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"
#include "lib/journal_fixture.h"

#define KIND RECORD_PROCEDURE

struct entry {
    const char *code, *name;
    const char *content; /* NULL: details not read */
    bool inactive;
};

static void stage(struct fixture *f, bool clear, const struct entry *entries, size_t n)
{
    struct mirror_stage s;

    mirror_stage_init(&s, KIND, clear);
    for (size_t i = 0; i < n; i++) {
        struct record r = {.kind = KIND, .code = entries[i].code};

        if (entries[i].content != NULL) {
            r.body = entries[i].content;
            r.body_len = strlen(r.body);
            assert_int_equal(digest_sha256(r.body, r.body_len, r.hash), 0);
        }
        assert_int_equal(mirror_stage_add(&s, entries[i].code, entries[i].name,
                                          entries[i].content != NULL ? &r : NULL,
                                          !entries[i].inactive),
                         0);
    }
    assert_int_equal(FIXTURE_RUN(f, mirror_stage, &s), 0);
    mirror_stage_free(&s);
}

static int swap(struct fixture *f, struct mirror_swap *s)
{
    memset(s, 0xA5, sizeof(*s));
    s->kind = KIND;
    s->shrink_percent = 80;
    s->now_ms = fixture_wall_ms(f);
    return FIXTURE_RUN(f, mirror_swap, s);
}

/* One whole night: list, details, swap; a day passes. */
static void night(struct fixture *f, struct mirror_swap *s, const struct entry *entries, size_t n)
{
    stage(f, true, entries, n);
    assert_int_equal(swap(f, s), 0);
    fake_loop_advance(&f->loop, 86400000);
}

/* "code:active:version" of every row. */
static const char *mirror_of(struct fixture *f)
{
    return fixture_text(f, "SELECT group_concat(code || ':' || active || ':' || version, ' ') FROM "
                           "(SELECT * FROM mirror ORDER BY code)");
}

static const char *wanted(struct fixture *f, uint64_t refresh_before_ms, const char *after)
{
    static char text[256];
    struct mirror_wanted w;

    memset(&w, 0xA5, sizeof(w));
    w.kind = KIND;
    w.refresh_before_ms = refresh_before_ms;
    w.limit = 10;
    w.after = after;
    assert_int_equal(FIXTURE_RUN(f, mirror_wanted, &w), 0);
    text[0] = '\0';
    for (size_t i = 0; i < w.n; i++) {
        size_t len = strlen(text);

        (void)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "", w.codes[i]);
    }
    mirror_wanted_free(&w);
    return text;
}

static void a_list_becomes_the_mirror_in_one_step(void **state)
{
    static const struct entry list[] = {{"1.1", "one", "1", false}, {"1.2", "two", "2", true}};
    struct fixture f;
    struct mirror_swap s;

    (void)state;
    fixture_open(&f);
    stage(&f, true, list, 2);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM mirror"), 0);
    assert_int_equal(swap(&f, &s), 0);
    assert_int_equal(s.listed, 2);
    assert_int_equal(s.before, 0);
    assert_int_equal(s.added, 2);
    assert_int_equal(s.changed + s.withdrawn + s.returned, 0);
    assert_string_equal(mirror_of(&f), "1.1:1:1 1.2:0:1");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM stage"), 0);
    fixture_end(&f);
}

static void only_what_changed_gets_a_new_version(void **state)
{
    static const struct entry first[] = {{"1.1", "one", "1", false}, {"1.2", "two", "2", false}};
    static const struct entry second[] = {{"1.1", "one", "1", false}, {"1.2", "two", "2b", false}};
    struct fixture f;
    struct mirror_swap s;

    (void)state;
    fixture_open(&f);
    night(&f, &s, first, 2);
    night(&f, &s, first, 2);
    assert_int_equal(s.added + s.changed, 0);
    assert_string_equal(mirror_of(&f), "1.1:1:1 1.2:1:1");
    night(&f, &s, second, 2);
    assert_int_equal(s.changed, 1);
    assert_string_equal(mirror_of(&f), "1.1:1:1 1.2:1:2");
    assert_string_equal(fixture_text(&f, "SELECT CAST(body AS TEXT) FROM mirror_version"), "2");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM mirror_version"), 1);
    assert_int_equal(fixture_number(&f, "SELECT checked_ms - changed_ms FROM mirror WHERE "
                                        "code = '1.1'"),
                     2 * 86400000);
    fixture_end(&f);
}

static void details_are_wanted_of_what_is_new_renamed_or_old(void **state)
{
    static const struct entry first[] = {{"1.1", "one", "1", false}, {"1.2", "two", "2", false}};
    static const struct entry list[] = {
        {"1.1", "one", NULL, false}, {"1.2", "zwei", NULL, false}, {"1.3", "three", NULL, false}};
    static const struct entry details[] = {{"1.2", "", "2", false}, {"1.3", "", "3", false}};
    struct fixture f;
    struct mirror_swap s;

    (void)state;
    fixture_open(&f);
    night(&f, &s, first, 2);
    stage(&f, true, list, 3);
    assert_string_equal(wanted(&f, 0, ""), "1.2 1.3");
    assert_string_equal(wanted(&f, 0, "1.2"), "1.3");
    assert_string_equal(wanted(&f, fixture_wall_ms(&f), ""), "1.1 1.2 1.3");
    stage(&f, false, details, 2); /* read one after another; the list's names stay */
    assert_string_equal(wanted(&f, 0, ""), "");
    assert_int_equal(swap(&f, &s), 0);
    assert_int_equal(s.added, 1);
    assert_string_equal(mirror_of(&f), "1.1:1:1 1.2:1:1 1.3:1:1");
    assert_string_equal(fixture_text(&f, "SELECT name FROM mirror WHERE code = '1.2'"), "zwei");
    stage(&f, true, list, 3);
    assert_string_equal(wanted(&f, 0, ""), ""); /* a new name alone is not asked for every night */
    fixture_end(&f);
}

static void a_new_entry_without_details_waits_for_them(void **state)
{
    static const struct entry list[] = {{"1.1", "one", "1", false}, {"1.2", "two", NULL, false}};
    static const struct entry details[] = {{"1.2", "", "2", false}};
    struct fixture f;
    struct mirror_swap s;

    (void)state;
    fixture_open(&f);
    night(&f, &s, list, 2);
    assert_string_equal(mirror_of(&f), "1.1:1:1");
    stage(&f, true, list, 2);
    assert_string_equal(wanted(&f, 0, ""), "1.2");
    stage(&f, false, details, 1);
    assert_int_equal(swap(&f, &s), 0);
    assert_string_equal(mirror_of(&f), "1.1:1:1 1.2:1:1");
    fixture_end(&f);
}

static void a_shrunken_list_changes_nothing(void **state)
{
    struct entry list[10];
    char codes[10][16];
    struct fixture f;
    struct mirror_swap s;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 10; i++) {
        (void)snprintf(codes[i], sizeof(codes[i]), "1.%d", i);
        list[i] = (struct entry){codes[i], "name", "x", false};
    }
    night(&f, &s, list, 10);
    stage(&f, true, list, 7);
    assert_int_equal(swap(&f, &s), ERR_STATE);
    assert_non_null(strstr(s.op.why.text, "80 %"));
    assert_int_equal(s.listed, 7);
    assert_int_equal(s.before, 10);
    assert_int_equal(fixture_number(&f, "SELECT sum(missing) FROM mirror"), 0);
    stage(&f, true, list, 8); /* exactly 80 % is a list */
    assert_int_equal(swap(&f, &s), 0);
    assert_int_equal(fixture_number(&f, "SELECT sum(missing) FROM mirror"), 2);
    fixture_end(&f);
}

static void an_entry_is_withdrawn_after_two_lists_without_it(void **state)
{
    static const struct entry all[] = {{"1.1", "a", "1", false},
                                       {"1.2", "b", "2", false},
                                       {"1.3", "c", "3", false},
                                       {"1.4", "d", "4", false},
                                       {"1.5", "e", "5", false}};
    struct fixture f;
    struct mirror_swap s;

    (void)state;
    fixture_open(&f);
    night(&f, &s, all, 5);
    night(&f, &s, all, 4);
    assert_int_equal(s.withdrawn, 0);
    night(&f, &s, all, 5); /* there again: nothing was ever wrong */
    assert_int_equal(s.returned, 0);
    night(&f, &s, all, 4);
    assert_int_equal(s.withdrawn, 0);
    night(&f, &s, all, 4);
    assert_int_equal(s.withdrawn, 1);
    assert_string_equal(mirror_of(&f), "1.1:1:1 1.2:1:1 1.3:1:1 1.4:1:1 1.5:0:1");
    night(&f, &s, all, 4);
    assert_int_equal(s.withdrawn, 0); /* once, and never deleted */
    night(&f, &s, all, 5);
    assert_int_equal(s.returned, 1);
    assert_string_equal(mirror_of(&f), "1.1:1:1 1.2:1:1 1.3:1:1 1.4:1:1 1.5:1:1");
    fixture_end(&f);
}

static void what_is_switched_off_is_seen_without_details(void **state)
{
    static const struct entry on[] = {{"1.1", "a", "1", false}};
    static const struct entry off[] = {{"1.1", "a", NULL, true}};
    static const struct entry listed[] = {{"1.1", "a", NULL, false}};
    struct fixture f;
    struct mirror_swap s;

    (void)state;
    fixture_open(&f);
    night(&f, &s, on, 1);
    night(&f, &s, off, 1);
    assert_int_equal(s.changed, 1);
    assert_string_equal(mirror_of(&f), "1.1:0:1");
    night(&f, &s, listed, 1); /* some lists know no flag: they switch nothing on */
    assert_string_equal(mirror_of(&f), "1.1:0:1");
    night(&f, &s, on, 1);
    assert_string_equal(mirror_of(&f), "1.1:1:1");
    fixture_end(&f);
}

static void a_list_broken_off_leaves_the_mirror(void **state)
{
    static const struct entry first[] = {{"1.1", "one", "1", false}};
    static const struct entry half[] = {{"9.9", "nine", "9", false}};
    struct fixture f;
    struct mirror_swap s;

    (void)state;
    fixture_open(&f);
    night(&f, &s, first, 1);
    stage(&f, true, half, 1);
    fixture_crash(&f);
    assert_string_equal(mirror_of(&f), "1.1:1:1");
    night(&f, &s, first, 1); /* the next reading begins with an empty stage */
    assert_string_equal(mirror_of(&f), "1.1:1:1");
    fixture_end(&f);
}

static void a_damaged_record_is_handed_to_nobody(void **state)
{
    static const struct entry list[] = {{"1.1", "a", "1", false}, {"1.2", "b", "22", false}};
    struct fixture f;
    struct mirror_swap s;
    struct mirror_list l;

    (void)state;
    fixture_open(&f);
    night(&f, &s, list, 2);
    fixture_tamper(&f, "UPDATE mirror SET body = '23' WHERE code = '1.2'");
    memset(&l, 0xA5, sizeof(l));
    l.kind = KIND;
    l.only = NULL;
    l.after[0] = '\0';
    l.limit = 2;
    l.changed_after_ms = 0;
    l.with_body = true;
    assert_int_equal(FIXTURE_RUN(&f, mirror_list, &l), ERR_CORRUPT);
    assert_non_null(strstr(l.op.why.text, "1.2"));
    mirror_list_free(&l);
    l.with_body = false; /* what it is called can still be listed */
    assert_int_equal(FIXTURE_RUN(&f, mirror_list, &l), 0);
    assert_int_equal(l.n, 2);
    mirror_list_free(&l);
    fixture_end(&f);
}

static void rows_come_in_pages_with_or_without_bodies(void **state)
{
    static const struct entry list[] = {
        {"1.1", "a", "1", false}, {"1.2", "b", "22", false}, {"1.3", "c", "3", true}};
    static const struct entry later[] = {
        {"1.1", "a", "1", false}, {"1.2", "b", "23", false}, {"1.3", "c", "3", true}};
    struct fixture f;
    struct mirror_swap s;
    struct mirror_list l;
    uint64_t first_ms;

    (void)state;
    fixture_open(&f);
    first_ms = fixture_wall_ms(&f);
    night(&f, &s, list, 3);
    night(&f, &s, later, 3);
    memset(&l, 0xA5, sizeof(l));
    l.kind = KIND;
    l.only = NULL;
    l.after[0] = '\0';
    l.only = NULL;
    l.limit = 2;
    l.with_body = true;
    l.changed_after_ms = 0;
    assert_int_equal(FIXTURE_RUN(&f, mirror_list, &l), 0);
    assert_int_equal(l.n, 2);
    assert_string_equal(l.rows[1].code, "1.2");
    assert_string_equal(l.rows[1].name, "b");
    assert_int_equal(l.rows[1].version, 2);
    assert_string_equal(l.rows[1].body, "23");
    assert_int_equal(l.rows[1].body_len, 2);
    assert_int_equal(l.rows[1].first_ms, first_ms);
    assert_true(l.rows[1].active);
    assert_false(l.rows[1].has_local_hash);
    mirror_list_free(&l);
    (void)snprintf(l.after, sizeof(l.after), "1.2");
    l.with_body = false;
    assert_int_equal(FIXTURE_RUN(&f, mirror_list, &l), 0);
    assert_int_equal(l.n, 1);
    assert_false(l.rows[0].active);
    assert_int_equal(l.rows[0].body_len, 0);
    mirror_list_free(&l);
    l.after[0] = '\0';
    l.changed_after_ms = first_ms;
    assert_int_equal(FIXTURE_RUN(&f, mirror_list, &l), 0);
    assert_int_equal(l.n, 1);
    assert_string_equal(l.rows[0].code, "1.2");
    mirror_list_free(&l);
    fixture_end(&f);
}

/* ---- agreement ---- */

static void add_local(struct mirror_local *l, const char *code, const char *name,
                      const char *content, bool active)
{
    uint8_t hash[RECORD_HASH_BYTES];

    assert_int_equal(digest_sha256(content, strlen(content), hash), 0);
    assert_int_equal(mirror_local_add(l, &(struct mirror_local_entry){.code = code,
                                                                      .name = name,
                                                                      .lacks = "",
                                                                      .hash = hash,
                                                                      .body = content,
                                                                      .body_len = strlen(content),
                                                                      .active = active,
                                                                      .level = 4,
                                                                      .processes = 1,
                                                                      .eforms = -1}),
                     0);
}

/* The next page of the list that was read at that time. */
static void store_local(struct fixture *f, struct mirror_local *l, uint64_t now_ms, bool last)
{
    l->now_ms = now_ms;
    l->last = last;
    assert_int_equal(FIXTURE_RUN(f, mirror_local, l), 0);
    mirror_local_free(l);
    mirror_local_init(l);
}

static void reduce(struct fixture *f, const char *code, const char *content, const char *lacks)
{
    struct mirror_reduced r;

    memset(&r, 0xA5, sizeof(r));
    r.kind = KIND;
    (void)snprintf(r.code, sizeof(r.code), "%s", code);
    (void)snprintf(r.lacks, sizeof(r.lacks), "%s", lacks);
    assert_int_equal(digest_sha256(content, strlen(content), r.hash), 0);
    assert_int_equal(FIXTURE_RUN(f, mirror_reduced, &r), 0);
}

static const char *codes_of(const struct mirror_agreement *a, enum mirror_difference d)
{
    static char text[256];

    text[0] = '\0';
    for (size_t i = 0; i < a->n_rows[d]; i++) {
        size_t len = strlen(text);

        (void)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "",
                       a->rows[d][i].code);
    }
    return text;
}

static void agreement_is_told_both_ways(void **state)
{
    static const struct entry list[] = {{"1.1", "equal", "1", false},
                                        {"1.2", "differs", "2", false},
                                        {"1.3", "portal only", "3", false},
                                        {"1.4", "withdrawn", "4", true},
                                        {"1.5", "reduced", "5 and more", false},
                                        {"1.6", "renamed", "6", false}};
    struct fixture f;
    struct mirror_swap s;
    struct mirror_local l;
    struct mirror_agreement a;

    (void)state;
    fixture_open(&f);
    night(&f, &s, list, 6);
    reduce(&f, "1.5", "5", "forms, fees");
    mirror_local_init(&l);
    add_local(&l, "1.1", "equal", "1", true);
    add_local(&l, "1.2", "differs", "2b", true);
    add_local(&l, "1.4", "withdrawn", "4", true);
    add_local(&l, "1.5", "reduced", "5", true);
    add_local(&l, "1.6", "umbenannt", "6b", true);
    add_local(&l, "9.1", "local only", "9", true);
    add_local(&l, "9.2", "closed", "9", false);
    store_local(&f, &l, 1, true);
    mirror_local_free(&l);
    memset(&a, 0xA5, sizeof(a));
    a.overdue_before_ms = fixture_wall_ms(&f);
    a.limit = 10;
    assert_int_equal(FIXTURE_RUN(&f, mirror_agreement, &a), 0);
    assert_int_equal(a.portal, 5);
    assert_int_equal(a.local, 6);
    assert_int_equal(a.equal, 2);
    assert_string_equal(codes_of(&a, MIRROR_LOCAL_ONLY), "9.1");
    assert_string_equal(codes_of(&a, MIRROR_PORTAL_ONLY), "1.3");
    assert_int_equal(a.rows[MIRROR_PORTAL_ONLY][0].first_ms,
                     fixture_number(&f, "SELECT first_ms FROM mirror WHERE code = '1.3'"));
    assert_int_equal(a.rows[MIRROR_LOCAL_ONLY][0].first_ms, 0);
    assert_string_equal(codes_of(&a, MIRROR_DIFFERS), "1.2 1.6");
    assert_string_equal(a.rows[MIRROR_DIFFERS][0].note, "content");
    assert_string_equal(a.rows[MIRROR_DIFFERS][1].note, "name");
    assert_string_equal(codes_of(&a, MIRROR_WITHDRAWN_OPEN), "1.4");
    assert_string_equal(codes_of(&a, MIRROR_OVERDUE), "1.3");
    assert_string_equal(codes_of(&a, MIRROR_LACKS), "1.5");
    assert_string_equal(a.rows[MIRROR_LACKS][0].note, "forms, fees");
    assert_true(a.read_ms > 0);
    mirror_agreement_free(&a);
    a.overdue_before_ms = 1;
    a.limit = 1;
    assert_int_equal(FIXTURE_RUN(&f, mirror_agreement, &a), 0);
    assert_int_equal(a.counts[MIRROR_DIFFERS], 2); /* all are counted, few listed */
    assert_int_equal(a.n_rows[MIRROR_DIFFERS], 1);
    assert_int_equal(a.counts[MIRROR_OVERDUE], 0);
    mirror_agreement_free(&a);
    for (int d = 0; d < MIRROR_DIFFERENCES; d++) {
        assert_string_not_equal(mirror_difference_name((enum mirror_difference)d), "unknown");
    }
    fixture_end(&f);
}

static void what_the_local_product_shows_is_replaced_page_by_page(void **state)
{
    struct fixture f;
    struct mirror_local l;

    (void)state;
    fixture_open(&f);
    mirror_local_init(&l);
    add_local(&l, "1.1", "a", "1", true);
    store_local(&f, &l, 10, false);
    add_local(&l, "1.2", "b", "2", true);
    store_local(&f, &l, 10, true);
    assert_string_equal(fixture_text(&f, "SELECT group_concat(code || name || body || level || "
                                         "processes || eforms) FROM local_catalog"),
                        "1.1a141-1,1.2b241-1");
    add_local(&l, "1.2", "b", "2", true);
    add_local(&l, "1.2", "b again", "2", true); /* the last one counts */
    store_local(&f, &l, 20, false);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM local_catalog"), 2);
    store_local(&f, &l, 20, true); /* what no page named goes with the last one */
    assert_string_equal(fixture_text(&f, "SELECT group_concat(code || name) FROM local_catalog"),
                        "1.2b again");
    assert_int_equal(fixture_number(&f, "SELECT value FROM fact WHERE name = "
                                        "'catalog-local-read'"),
                     20);
    mirror_local_free(&l);
    fixture_end(&f);
}

/* What is written down of changes: side, kind, code, what, fields. */
static const char *changes_of(struct fixture *f)
{
    return fixture_text(f,
                        "SELECT ifnull(group_concat(side || ':' || kind || ':' || code || ':' || "
                        "what || ':' || fields, '; '), '') FROM (SELECT * FROM catalog_change "
                        "ORDER BY id)");
}

static void what_changes_in_either_catalogue_is_written_down(void **state)
{
    static const struct entry first[] = {
        {"1.1", "one", "{\"code\":\"1.1\",\"fee_text\":\"a\"}", false},
        {"1.2", "two", "{\"code\":\"1.2\"}", false},
        {"1.6", "six", "6", false},
        {"1.7", "seven", "7", false},
        {"1.8", "eight", "8", false},
        {"1.3", "three", "{\"code\":\"1.3\"}", false}};
    static const struct entry second[] = {
        {"1.1", "one", "{\"code\":\"1.1\",\"fee_text\":\"b\",\"legal_text\":\"c\"}", false},
        {"1.2", "zwei", "{\"code\":\"1.2\"}", false},
        {"1.6", "six", "6", false},
        {"1.7", "seven", "7", false},
        {"1.8", "eight", "8", false},
        {"1.3", "three", "{\"code\":\"1.3\"}", true}};
    struct fixture f;
    struct mirror_swap s;
    struct mirror_local l;

    (void)state;
    fixture_open(&f);
    night(&f, &s, first, 6);
    assert_string_equal(changes_of(&f), ""); /* nothing was known before */
    night(&f, &s, second, 6);
    assert_string_equal(changes_of(&f), "1:3:1.1:1:fee_text, legal_text; "
                                        "1:3:1.2:1:name (of the list); 1:3:1.3:3:");
    night(&f, &s, first, 6);
    night(&f, &s, first, 5); /* missing once may be an accident */
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM catalog_change"), 6);
    night(&f, &s, first, 5);
    night(&f, &s, first, 6);
    assert_string_equal(fixture_text(&f, "SELECT group_concat(code || ':' || what) FROM "
                                         "(SELECT * FROM catalog_change ORDER BY id) "
                                         "WHERE id > 3"),
                        "1.1:1,1.2:1,1.3:4,1.3:3,1.3:4");
    fixture_tamper(&f, "DELETE FROM catalog_change");
    mirror_local_init(&l);
    add_local(&l, "1.1", "one", "{\"code\":\"1.1\",\"fee_text\":\"a\"}", true);
    add_local(&l, "1.2", "two", "{\"code\":\"1.2\"}", true);
    add_local(&l, "1.4", "four", "{\"code\":\"1.4\"}", true);
    store_local(&f, &l, 10, true);
    assert_string_equal(changes_of(&f), "");
    add_local(&l, "1.1", "one", "{\"code\":\"1.1\"}", true);
    add_local(&l, "1.2", "two", "{\"code\":\"1.2\"}", false);
    add_local(&l, "1.5", "five", "{\"code\":\"1.5\"}", true);
    store_local(&f, &l, 20, true);
    assert_string_equal(changes_of(&f), "2:3:1.1:1:fee_text; 2:3:1.2:3:; 2:3:1.5:2:; 2:3:1.4:5:");
    mirror_local_free(&l);
    fixture_end(&f);
}

static void decisions_are_wanted_once(void **state)
{
    static const struct entry list[] = {
        {"1.1", "one", "{\"code\":\"1.1\",\"decision_id\":\"9001\"}", false},
        {"1.2", "two", "{\"code\":\"1.2\",\"decision_id\":\"9001\"}", false},
        {"1.3", "three", "{\"code\":\"1.3\"}", false},
        {"1.4", "four", "not JSON", false},
        {"1.5", "five", "{\"code\":\"1.5\",\"decision_id\":\"9002\"}", false}};
    struct record decision = {.kind = RECORD_DECISION, .code = "9001", .body = "{}", .body_len = 2};
    struct mirror_undecided u = {.limit = 10};
    struct mirror_put put;
    struct fixture f;
    struct mirror_swap s;

    (void)state;
    fixture_open(&f);
    night(&f, &s, list, 5);
    assert_int_equal(FIXTURE_RUN(&f, mirror_undecided, &u), 0);
    assert_int_equal(u.n, 2);
    assert_string_equal(u.ids[0], "9001");
    mirror_undecided_free(&u);
    assert_int_equal(mirror_put_init(&put, &decision, "528/QĐ-UBND"), 0);
    assert_int_equal(FIXTURE_RUN(&f, mirror_put, &put), 0);
    mirror_put_free(&put);
    assert_int_equal(FIXTURE_RUN(&f, mirror_undecided, &u), 0);
    assert_int_equal(u.n, 1);
    assert_string_equal(u.ids[0], "9002");
    mirror_undecided_free(&u);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_becomes_the_mirror_in_one_step),
        cmocka_unit_test(only_what_changed_gets_a_new_version),
        cmocka_unit_test(details_are_wanted_of_what_is_new_renamed_or_old),
        cmocka_unit_test(a_new_entry_without_details_waits_for_them),
        cmocka_unit_test(a_shrunken_list_changes_nothing),
        cmocka_unit_test(an_entry_is_withdrawn_after_two_lists_without_it),
        cmocka_unit_test(what_is_switched_off_is_seen_without_details),
        cmocka_unit_test(a_list_broken_off_leaves_the_mirror),
        cmocka_unit_test(a_damaged_record_is_handed_to_nobody),
        cmocka_unit_test(rows_come_in_pages_with_or_without_bodies),
        cmocka_unit_test(agreement_is_told_both_ways),
        cmocka_unit_test(what_the_local_product_shows_is_replaced_page_by_page),
        cmocka_unit_test(what_changes_in_either_catalogue_is_written_down),
        cmocka_unit_test(decisions_are_wanted_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
