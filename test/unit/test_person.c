#include "journal/person.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/person_match.h"
#include "journal/upkeep.h"
#include "lib/journal_fixture.h"

#define CANARY "nguoi-chim-hoang-yen"

/* Whose body holds the canary; and how often it was asked. */
static uint64_t body_speaks(void *ctx, const char *body, size_t n)
{
    (*(unsigned *)ctx)++;
    return memmem(body, n, CANARY, strlen(CANARY)) != NULL ? 2 : 0;
}

static bool words_speak(void *ctx, const char *text)
{
    (void)ctx;
    return strstr(text, CANARY) != NULL;
}

struct search {
    unsigned asked;
    struct person_matcher matcher;
    struct person_find find;
};

static void search_begin(struct search *s)
{
    memset(s, 0, sizeof(*s));
    s->matcher.body = body_speaks;
    s->matcher.words = words_speak;
    s->matcher.ctx = &s->asked;
    s->find.matcher = &s->matcher;
}

static size_t search_run(struct fixture *f, struct search *s, size_t chunk)
{
    unsigned rounds = 0;

    s->find.chunk = chunk;
    do {
        assert_true(rounds++ < 1000);
        assert_int_equal(FIXTURE_RUN(f, person_find, &s->find), 0);
    } while (s->find.more);
    return s->find.n;
}

static size_t found(struct fixture *f)
{
    struct search s;

    search_begin(&s);
    return search_run(f, &s, 100);
}

static int64_t subject_of(const struct fixture *f, const char *code)
{
    return fixture_number(f, "SELECT id FROM subject WHERE code = '%s'", code);
}

static int erase_one(struct fixture *f, struct person_erase *e, int64_t subject, bool drop)
{
    static unsigned asked;
    static const struct person_matcher matcher = {
        .body = body_speaks, .words = words_speak, .ctx = &asked};

    memset(e, 0, sizeof(*e));
    e->matcher = &matcher;
    e->subjects = &subject;
    e->n = 1;
    e->drop = drop;
    e->now_ms = fixture_wall_ms(f);
    (void)snprintf(e->who, sizeof(e->who), "uid 0 (root)");
    (void)snprintf(e->request, sizeof(e->request), "2026/1");
    (void)snprintf(e->reason, sizeof(e->reason), "%s", drop ? "asked for" : "");
    return FIXTURE_RUN(f, person_erase, e);
}

static bool file_holds(const char *path, const char *tail, const char *canary)
{
    char name[160];
    char *bytes;
    FILE *file;
    bool holds;
    size_t n;

    (void)snprintf(name, sizeof(name), "%s%s", path, tail);
    file = fopen(name, "r");
    if (file == NULL) {
        return false;
    }
    bytes = malloc(16u << 20);
    assert_non_null(bytes);
    n = fread(bytes, 1, 16u << 20, file);
    assert_int_equal(fclose(file), 0);
    holds = memmem(bytes, n, canary, strlen(canary)) != NULL;
    free(bytes);
    return holds;
}

static bool anywhere(const struct fixture *f, const char *canary)
{
    return file_holds(f->path, "", canary) || file_holds(f->path, "-wal", canary);
}

/* ---- the journal ---- */

static void a_person_is_found_in_every_body_and_once(void **state)
{
    struct fixture f;
    struct search s;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 25; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "H56.%d", i);
        (void)fixture_snapshot(&f, code, i % 10 == 3 ? CANARY : "another", 2);
        (void)fixture_step(&f, code, i % 10 == 3 ? CANARY : "s", 1, 2);
    }
    (void)fixture_deliver_all(&f);
    search_begin(&s);
    assert_int_equal(search_run(&f, &s, 4), 3); /* in chunks */
    assert_int_equal(s.find.hits[0].subject, subject_of(&f, "H56.3"));
    assert_int_equal(s.find.hits[0].fields, 2);
    assert_int_equal(s.asked, 50);
    fixture_tamper(&f, "UPDATE attempt SET words = '%s' WHERE id = (SELECT min(id) FROM attempt)",
                   CANARY);
    search_begin(&s);
    assert_int_equal(search_run(&f, &s, 100), 4); /* and in words */
    assert_true(s.find.hits[3].in_words);
    fixture_end(&f);
}

static void codes_find_without_a_look_at_bodies(void **state)
{
    static const struct fixture_record local = {
        .code = "H56.1", .content = "a", .status = 2, .local_no = "LOCAL-1"};
    static const char *const codes[] = {"LOCAL-1", "H56.2", "nowhere"};
    struct fixture f;
    struct search s;

    (void)state;
    fixture_open(&f);
    (void)fixture_append(&f, &local, 1);
    (void)fixture_snapshot(&f, "H56.2", "b", 2);
    search_begin(&s);
    s.matcher.codes = codes;
    s.matcher.n_codes = 3;
    assert_int_equal(search_run(&f, &s, 100), 2);
    assert_int_equal(s.asked, 0);
    fixture_end(&f);
}

static void what_is_erased_is_in_no_file(void **state)
{
    struct person_erase e;
    struct upkeep_backup b;
    struct errmsg msg = {""};
    struct fixture f;
    uint64_t rows = 0;
    char backup[128];

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 60; i++) { /* pages split and merge around it */
        char code[16];

        (void)snprintf(code, sizeof(code), "H56.%d", i);
        (void)fixture_snapshot(&f, code, i == 30 ? CANARY : "a", 2);
        (void)fixture_snapshot(&f, code, i == 30 ? CANARY "-2" : "b", 4);
    }
    (void)fixture_deliver_all(&f);
    fixture_tamper(&f, "UPDATE item SET reason = '%s-3' WHERE subject = %d", CANARY,
                   (int)subject_of(&f, "H56.30"));
    fixture_restart(&f);
    assert_true(anywhere(&f, CANARY));
    assert_int_equal(erase_one(&f, &e, subject_of(&f, "H56.30"), false), 0);
    assert_int_equal(e.erased, 1);
    assert_int_equal(e.bodies, 1);
    assert_true(e.rewritten);
    assert_false(journal_scrub_waits(f.journal));
    assert_false(anywhere(&f, CANARY));
    assert_int_equal(found(&f), 0);
    /* What is known of it otherwise stays. */
    assert_string_equal(fixture_states(&f, "H56.30"), "SD");
    assert_true(fixture_number(&f, "SELECT count(*) FROM attempt WHERE subject = %d",
                               (int)subject_of(&f, "H56.30")) > 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM audit WHERE verb = 'subject-erase' "
                                        "AND object = 'request 2026/1'"),
                     1);
    memset(&b, 0, sizeof(b));
    (void)snprintf(backup, sizeof(backup), "%s/backup", f.dir);
    (void)snprintf(b.path, sizeof(b.path), "%s", backup);
    assert_int_equal(FIXTURE_RUN(&f, upkeep_backup, &b), 0);
    assert_false(file_holds(backup, "", CANARY));
    assert_int_equal(upkeep_audit_verify(backup, &rows, NULL, &msg), 0);
    fixture_restart(&f);
    assert_int_equal(upkeep_audit_verify(f.path, &rows, NULL, &msg), 0);
    /* What its source tells of it then is stored as ever. */
    (void)fixture_snapshot(&f, "H56.30", "c", 4);
    assert_string_equal(fixture_states(&f, "H56.30"), "SDP");
    (void)fixture_deliver_all(&f);
    fixture_end(&f);
}

/* An erasure between two chunks of another search writes the table of parts anew. */
static void a_search_misses_nothing_for_an_erasure_in_between(void **state)
{
    struct person_erase e;
    struct search s;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < 4; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "H56.%d", i);
        (void)fixture_snapshot(&f, code, "a", 10);
    }
    (void)fixture_deliver_all(&f);
    for (int i = 0; i < 4; i++) {
        fixture_tamper(&f,
                       "INSERT INTO part SELECT id, 'p', 1, 1, zeroblob(32), CAST('%s' AS BLOB) "
                       "FROM subject WHERE code = 'H56.%d'",
                       i == 3 ? CANARY : "b", i);
    }
    search_begin(&s);
    s.find.chunk = 1;
    while (s.find.phase != 1 || s.find.after != 3) {
        assert_true(s.asked < 100);
        assert_int_equal(FIXTURE_RUN(&f, person_find, &s.find), 0);
        assert_true(s.find.more);
    }
    assert_int_equal(erase_one(&f, &e, subject_of(&f, "H56.0"), false), 0);
    assert_true(e.rewritten);
    assert_int_equal(search_run(&f, &s, 1), 1);
    assert_int_equal(s.find.hits[0].subject, subject_of(&f, "H56.3"));
    fixture_end(&f);
}

/* Rows that grew where others stand: their pages were split, and left gaps. */
static void words_and_reasons_that_are_erased_are_in_no_file(void **state)
{
    enum { N = 150 };
    struct journal_call *calls[N];
    struct journal_claim claim;
    struct person_erase e;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    for (int i = 0; i < N; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "H56.%d", i);
        (void)fixture_snapshot(&f, code, "a", 2);
    }
    fixture_claim_init(&f, &claim);
    assert_int_equal(fixture_claim(&f, &claim, calls, N), N);
    for (int i = 0; i < N; i++) {
        struct journal_call *call = calls[(i * 67) % N];
        struct journal_finish finish;

        fixture_decide(&f, &finish, call, ITEM_HELD);
        (void)snprintf(finish.words, sizeof(finish.words), "%s-%.20s. %0200d", CANARY, call->code,
                       0);
        (void)snprintf(finish.reason, sizeof(finish.reason), "%.280s", finish.words);
        (void)fixture_finish(&f, &finish, call);
    }
    fixture_restart(&f);
    for (int i = 0; i < N; i += 5) {
        char code[16];
        char canary[64];

        (void)snprintf(code, sizeof(code), "H56.%d", i);
        (void)snprintf(canary, sizeof(canary), "%s-%s.", CANARY, code);
        assert_true(anywhere(&f, canary));
        assert_int_equal(erase_one(&f, &e, subject_of(&f, code), true), 0);
        assert_int_equal(e.erased, 1);
        assert_false(anywhere(&f, canary));
    }
    fixture_end(&f);
}

static void what_is_open_is_kept_unless_it_is_dropped(void **state)
{
    struct journal_call *call;
    struct person_erase e;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "H56.1", CANARY, 2);
    (void)fixture_step(&f, "H56.1", "s", 1, 2);
    assert_int_equal(erase_one(&f, &e, subject_of(&f, "H56.1"), false), 0);
    assert_int_equal(e.fates[0], PERSON_OPEN);
    assert_int_equal(found(&f), 1);
    call = fixture_claim_one(&f);
    assert_int_equal(erase_one(&f, &e, subject_of(&f, "H56.1"), true), 0);
    assert_int_equal(e.fates[0], PERSON_ON_WAY); /* can't be taken back */
    assert_int_equal(found(&f), 1);
    (void)fixture_end_call(&f, call, ITEM_UNSURE);
    assert_int_equal(erase_one(&f, &e, subject_of(&f, "H56.1"), true), 0);
    assert_int_equal(e.fates[0], PERSON_ERASED);
    assert_int_equal(e.dropped, 2);
    assert_string_equal(fixture_states(&f, "H56.1"), "Xx");
    assert_int_equal(found(&f), 0);
    assert_false(anywhere(&f, CANARY));
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM audit WHERE verb = 'drop'"), 2);
    assert_int_equal(erase_one(&f, &e, 4711, false), 0);
    assert_int_equal(e.fates[0], PERSON_GONE);
    fixture_end(&f);
}

/* What two sources say of a dossier, all of it delivered. */
static void tell_from_two(struct fixture *f, int status)
{
    const struct fixture_record records[] = {
        {.code = "H56.1", .content = "a", .status = status, .source = "one", .part = CANARY "-1"},
        {.code = "H56.1",
         .content = CANARY "-both",
         .status = status,
         .at_s = 1,
         .source = "two",
         .part = CANARY "-2"},
    };

    (void)fixture_append(f, &records[0], 1);
    (void)fixture_append(f, &records[1], 1);
    (void)fixture_deliver_all(f);
}

static int64_t parts_of(const struct fixture *f)
{
    return fixture_number(f, "SELECT count(*) FROM part");
}

static void what_several_sources_fill_is_erased_whole_or_not_at_all(void **state)
{
    struct person_erase e;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    tell_from_two(&f, 2);
    fixture_tamper(&f,
                   "INSERT INTO source_row (source, id, hash, owed) VALUES "
                   "('one', 'H56.1', x'%064d', 0), ('two', 'H56.1', x'%064d', 1), "
                   "('two', 'H56.2', x'%064d', 0)",
                   1, 1, 1);
    assert_int_equal(parts_of(&f), 2);
    assert_int_equal(erase_one(&f, &e, subject_of(&f, "H56.1"), false), 0);
    assert_int_equal(e.fates[0], PERSON_SHARED);
    assert_int_equal(e.erased, 0);
    assert_int_equal(e.kept, 1);
    assert_int_equal(e.bodies, 0);
    assert_int_equal(parts_of(&f), 2);
    assert_int_equal(found(&f), 1);
    /* All of it, and each source is to tell it again: one alone would empty the others' fields. */
    assert_int_equal(erase_one(&f, &e, subject_of(&f, "H56.1"), true), 0);
    assert_int_equal(e.fates[0], PERSON_ERASED);
    assert_int_equal(parts_of(&f), 0);
    assert_int_equal(found(&f), 0);
    assert_false(anywhere(&f, CANARY));
    assert_int_equal(
        fixture_number(&f, "SELECT count(*) FROM source_row WHERE hash = zeroblob(32)"), 2);
    assert_int_equal(fixture_number(&f, "SELECT sum(owed) FROM source_row"), 1);
    tell_from_two(&f, 10); /* they do; once it is final, nothing of it is to come */
    assert_int_equal(parts_of(&f), 2);
    assert_int_equal(erase_one(&f, &e, subject_of(&f, "H56.1"), false), 0);
    assert_int_equal(e.fates[0], PERSON_ERASED);
    assert_int_equal(parts_of(&f), 0);
    assert_false(anywhere(&f, CANARY));
    fixture_end(&f);
}

static void a_crash_behind_an_erasure_leaves_no_log_with_it(void **state)
{
    struct person_erase e;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "H56.1", CANARY, 3);
    (void)fixture_deliver_all(&f);
    assert_int_equal(erase_one(&f, &e, subject_of(&f, "H56.1"), false), 0);
    /* As if the end had come between the commit and the emptying. */
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM fact WHERE name = 'journal.scrub'"),
                     1);
    fixture_crash(&f);
    fixture_restart(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM fact WHERE name = 'journal.scrub'"),
                     0);
    fake_loop_advance(&f.loop, 2000);
    assert_false(journal_scrub_waits(f.journal));
    assert_false(anywhere(&f, CANARY));
    fixture_end(&f);
}

static void all_that_is_kept_is_read_out(void **state)
{
    struct person_read r;
    struct fixture f;

    (void)state;
    fixture_open(&f);
    (void)fixture_snapshot(&f, "H56.1", "a", 2);
    (void)fixture_step(&f, "H56.1", "s", 1, 2);
    (void)fixture_deliver_all(&f);
    memset(&r, 0, sizeof(r));
    r.subject = subject_of(&f, "H56.1");
    assert_int_equal(FIXTURE_RUN(&f, person_read, &r), 0);
    assert_string_equal(r.code, "H56.1");
    assert_string_equal(r.flow, FIXTURE_FLOW);
    assert_int_equal(r.n_items, 2);
    assert_int_equal(r.n_attempts, 2);
    assert_non_null(r.items[0].body);
    assert_false(r.items[0].damaged);
    person_read_free(&r);
    fixture_tamper(&f, "UPDATE body SET body = 'spoiled' WHERE item = %d",
                   (int)fixture_item(&f, "H56.1", 0));
    assert_int_equal(FIXTURE_RUN(&f, person_read, &r), 0);
    assert_true(r.items[0].damaged);
    person_read_free(&r);
    r.subject = 4711;
    assert_int_equal(FIXTURE_RUN(&f, person_read, &r), ERR_NOTFOUND);
    person_read_free(&r);
    fixture_tamper(&f, "DELETE FROM body");
    fixture_end(&f);
}

/* ---- what a person looks like ---- */

static uint64_t matches(enum person_by by, const char *needle, const char *body)
{
    struct person_match m;
    struct errmsg msg = {""};
    uint64_t bits;

    person_match_init(&m, by);
    assert_int_equal(person_match_add(&m, needle, &msg), 0);
    bits = m.matcher.body(m.matcher.ctx, body, strlen(body));
    person_match_free(&m);
    return bits;
}

#define BODY(member) "{\"code\":\"H56.1\"," member "}"

static void numbers_match_however_they_are_written(void **state)
{
    (void)state;
    assert_int_equal(
        matches(PERSON_BY_ID, "000123456789", BODY("\"applicant_id\":\"000123456789\"")), 2);
    assert_int_equal(
        matches(PERSON_BY_ID, "000 123 456 789", BODY("\"applicant_id\":\"000123456789\"")), 2);
    assert_int_not_equal(
        matches(PERSON_BY_ID, "000123456789", BODY("\"note\":\"CCCD 000.123.456.789, nộp\"")), 0);
    assert_int_not_equal(matches(PERSON_BY_ID, "000p12345", BODY("\"text\":\"(000P12345)\"")), 0);
    assert_int_equal(matches(PERSON_BY_ID, "000123456789", BODY("\"note\":\"0001234567890\"")), 0);
    assert_int_equal(matches(PERSON_BY_ID, "000123456789", BODY("\"note\":\"1000123456789\"")), 0);
    assert_int_not_equal(
        matches(PERSON_BY_PHONE, "+84 912 345 678", BODY("\"phone\":\"0912345678\"")), 0);
    assert_int_not_equal(matches(PERSON_BY_PHONE, "0912345678", BODY("\"phone\":\"84912345678\"")),
                         0);
    /* Other numbers may stand next to it. */
    assert_int_not_equal(
        matches(PERSON_BY_PHONE, "0912345678", BODY("\"note\":\"0912 345 678 0987 654 321\"")), 0);
    assert_int_not_equal(
        matches(PERSON_BY_PHONE, "0987654321", BODY("\"note\":\"0912 345 678 0987 654 321\"")), 0);
    assert_int_not_equal(
        matches(PERSON_BY_PHONE, "0912345678", BODY("\"note\":\"tel. (+84) 912.345.678\"")), 0);
    assert_int_not_equal(
        matches(PERSON_BY_ID, "000123456789", BODY("\"note\":\"000 123 456 789 12 Le Loi\"")), 0);
    assert_int_equal(matches(PERSON_BY_ID, "000123456789", BODY("\"note\":\"1000 123 456 789\"")),
                     0);
    assert_int_equal(matches(PERSON_BY_ID, "000123456789", BODY("\"note\":\"000 123 456 7891\"")),
                     0);
    assert_int_not_equal(matches(PERSON_BY_ID, "000123456789",
                                 BODY("\"extra\":\"{\\\"SoGiayTo\\\":\\\"000123456789\\\"}\"")),
                         0);
}

static void addresses_and_codes_are_nobody_s(void **state)
{
    (void)state;
    assert_int_equal(matches(PERSON_BY_ID, "000000000001", BODY("\"receipt_no\":\"000000000001\"")),
                     0);
    assert_int_equal(matches(PERSON_BY_ID, "000000000001",
                             BODY("\"files\":[{\"id\":\"a-000000000001\",\"name\":\"don.pdf\","
                                  "\"url\":\"https://h/000000000001\"}]")),
                     0);
    assert_int_not_equal(matches(PERSON_BY_ID, "000000000001",
                                 BODY("\"files\":[{\"id\":\"a\",\"name\":\"000000000001.pdf\"}]")),
                         0);
}

static void names_match_without_case_and_whole(void **state)
{
    (void)state;
    assert_int_equal(
        matches(PERSON_BY_NAME, "NGUYỄN  VĂN THỬ", BODY("\"applicant_name\":\"Nguyễn Văn Thử\"")),
        1);
    assert_int_equal(
        matches(PERSON_BY_NAME, "Nguyen Van Thu", BODY("\"applicant_name\":\"Nguyễn Văn Thử\"")),
        0);
    assert_int_not_equal(
        matches(PERSON_BY_NAME, "nguyễn văn thử", BODY("\"text\":\"ông Nguyễn Văn Thử bổ sung\"")),
        0);
}

static void what_is_no_number_or_name_is_refused_without_being_cited(void **state)
{
    static const struct {
        enum person_by by;
        const char *needle;
    } rows[] = {{PERSON_BY_ID, "12345"},
                {PERSON_BY_ID, "không phải"},
                {PERSON_BY_ID, ""},
                {PERSON_BY_PHONE, "09123"},
                {PERSON_BY_PHONE, "0912A45678"},
                {PERSON_BY_NAME, "An"},
                {PERSON_BY_NAME, "\xff\xfe\xfd\xfc\xfb"},
                {PERSON_BY_CODE, "  "}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct person_match m;
        struct errmsg msg = {""};

        person_match_init(&m, rows[i].by);
        assert_int_equal(person_match_add(&m, rows[i].needle, &msg), ERR_INVAL);
        assert_int_not_equal(msg.text[0], '\0');
        assert_true(strlen(rows[i].needle) < 3 || strstr(msg.text, rows[i].needle) == NULL);
        person_match_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_is_found_in_every_body_and_once),
        cmocka_unit_test(codes_find_without_a_look_at_bodies),
        cmocka_unit_test(what_is_erased_is_in_no_file),
        cmocka_unit_test(a_search_misses_nothing_for_an_erasure_in_between),
        cmocka_unit_test(words_and_reasons_that_are_erased_are_in_no_file),
        cmocka_unit_test(what_is_open_is_kept_unless_it_is_dropped),
        cmocka_unit_test(what_several_sources_fill_is_erased_whole_or_not_at_all),
        cmocka_unit_test(a_crash_behind_an_erasure_leaves_no_log_with_it),
        cmocka_unit_test(all_that_is_kept_is_read_out),
        cmocka_unit_test(numbers_match_however_they_are_written),
        cmocka_unit_test(addresses_and_codes_are_nobody_s),
        cmocka_unit_test(names_match_without_case_and_whole),
        cmocka_unit_test(what_is_no_number_or_name_is_refused_without_being_cited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
