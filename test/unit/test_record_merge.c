#include "codec/record_merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/record.h"

#define CODE "H56.31.25-251118-0007"
#define GATEWAY 3
#define PUBLISH 2
#define POLL 1

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

/* Up to three parts, and what they become. */
struct fixture {
    struct arena arena;
    struct errmsg msg;
    struct record_part parts[3];
    size_t n;
    struct dossier said; /* the part that is being said */
    struct record record;
    struct dossier merged;
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, 64u << 20);
    dossier_init(&f->said);
    f->said.code = CODE;
}

static void end(struct fixture *f)
{
    arena_free(&f->arena);
}

/* What stands in f->said becomes a part, and f->said is empty again. */
static void say(struct fixture *f, int rank, int64_t at_s)
{
    struct record record;

    assert_true(f->n < COUNT_OF(f->parts));
    assert_int_equal(record_from_dossier(&f->said, &f->arena, &record, &f->msg), 0);
    f->parts[f->n++] = (struct record_part){record.body, record.body_len, rank, at_s};
    dossier_init(&f->said);
    f->said.code = CODE;
}

static void merge(struct fixture *f)
{
    int rc = record_merge(f->parts, f->n, &f->arena, &f->record, &f->msg);

    if (rc != 0) {
        fail_msg("%d %s", rc, f->msg.text);
    }
    assert_int_equal(
        record_to_dossier(f->record.body, f->record.body_len, &f->arena, &f->merged, &f->msg), 0);
}

static int try_merge(struct fixture *f)
{
    return record_merge(f->parts, f->n, &f->arena, &f->record, &f->msg);
}

static void one_part_comes_out_as_it_went_in(void **state)
{
    static const struct dossier_file files[] = {
        {"1", "n", "K1", "https://h/1?t=1", "", "{ \"b\": 1.10 }"},
        {"1", "n", "K1", "https://h/1?t=2", "", ""}, /* twice in one part are two */
    };
    struct fixture f;
    int64_t at_s = 1763000000;
    int flag = 0;

    (void)state;
    begin(&f);
#define X(field) f.said.field = "text of " #field;
    DOSSIER_TEXTS(X)
#undef X
#define X(field) f.said.field = at_s++;
    DOSSIER_TIMES(X)
#undef X
#define X(field) f.said.field = flag++;
    DOSSIER_FLAGS(X)
#undef X
    f.said.files = files;
    f.said.n_files = 2;
    f.said.results = files;
    f.said.n_results = 1;
    say(&f, POLL, 5);
    merge(&f);
    assert_int_equal(f.record.body_len, f.parts[0].len);
    assert_memory_equal(f.record.body, f.parts[0].body, f.parts[0].len);
    assert_int_equal(f.record.kind, RECORD_DOSSIER);
    assert_string_equal(f.record.code, "text of code");
    assert_string_equal(f.record.local_no, "text of local_no");
    assert_true(f.record.at_s == f.merged.changed_s);
    end(&f);
}

static void a_part_without_a_status_comes_out_as_it_went_in(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.said.status_map = "national";
    f.said.agency_name = "name without code";
    f.said.extra = "not even JSON";
    say(&f, POLL, 0);
    merge(&f);
    assert_string_equal(f.record.body, f.parts[0].body);
    end(&f);
}

/* Whatever is said and unsaid in whatever order, nobody empties another's field. */
static void the_latest_that_knows_a_field_says_it(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.said.applicant_name = "gateway";
    f.said.note = "gateway";
    f.said.promised_s = 100;
    f.said.received_s = 90;
    f.said.identified = TRI_YES;
    f.said.digitised = TRI_NO;
    f.said.changed_s = 10;
    say(&f, GATEWAY, 10);
    f.said.applicant_name = "poll";
    f.said.receipt_no = "poll";
    f.said.promised_s = 200;
    f.said.digitised = TRI_YES;
    f.said.changed_s = 20;
    say(&f, POLL, 20);
    merge(&f);
    assert_string_equal(f.merged.applicant_name, "poll");
    assert_string_equal(f.merged.note, "gateway");
    assert_string_equal(f.merged.receipt_no, "poll");
    assert_true(f.merged.promised_s == 200);
    assert_true(f.merged.received_s == 90);
    assert_int_equal(f.merged.identified, TRI_YES);
    assert_int_equal(f.merged.digitised, TRI_YES);
    assert_int_equal(f.merged.paid_online, TRI_UNKNOWN);
    assert_true(f.merged.changed_s == 20);
    end(&f);
}

static void of_one_time_the_higher_rank_says_it(void **state)
{
    static const int ranks[][2] = {{POLL, GATEWAY}, {GATEWAY, POLL}};
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(ranks); i++) {
        begin(&f);
        f.said.note = ranks[i][0] == GATEWAY ? "gateway" : "poll";
        say(&f, ranks[i][0], 10);
        f.said.note = ranks[i][1] == GATEWAY ? "gateway" : "poll";
        say(&f, ranks[i][1], 10);
        merge(&f);
        assert_string_equal(f.merged.note, "gateway");
        end(&f);
    }
}

static void changed_is_the_latest_whoever_comes_first(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.said.changed_s = 30;
    say(&f, POLL, 10);
    f.said.changed_s = 20;
    say(&f, GATEWAY, 15);
    merge(&f);
    assert_true(f.merged.changed_s == 30);
    end(&f);
    /* unknown is not later than 1969 */
    begin(&f);
    f.said.changed_s = -25;
    say(&f, POLL, 1);
    say(&f, POLL, 2);
    merge(&f);
    assert_true(f.merged.changed_s == -25);
    end(&f);
}

static void a_status_stays_with_its_map(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.said.status = "4";
    f.said.status_map = "national";
    say(&f, GATEWAY, 10);
    f.said.status = "processing";
    f.said.substatus = "processing_1";
    say(&f, POLL, 20);
    merge(&f);
    assert_string_equal(f.merged.status, "processing");
    assert_string_equal(f.merged.substatus, "processing_1");
    assert_string_equal(f.merged.status_map, ""); /* its own: none */
    f.parts[1].at_s = 5;
    merge(&f);
    assert_string_equal(f.merged.status, "4");
    assert_string_equal(f.merged.substatus, "");
    assert_string_equal(f.merged.status_map, "national");
    end(&f);
}

static void a_part_that_names_no_status_leaves_it(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.said.status_name = "done";
    f.said.status_map = "oep";
    say(&f, POLL, 10);
    f.said.status_map = "national";
    f.said.note = "n";
    say(&f, GATEWAY, 20);
    merge(&f);
    assert_string_equal(f.merged.status_name, "done");
    assert_string_equal(f.merged.status_map, "oep");
    end(&f);
}

static void a_name_stays_with_its_code(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.said.procedure_code = "1.000001";
    f.said.procedure_name = "one";
    f.said.agency_code = "H56.31";
    f.said.agency_name = "agency 31";
    f.said.sector_name = "sector";
    say(&f, GATEWAY, 10);
    f.said.procedure_code = "1.000002"; /* another code, no name: nobody's name fits */
    f.said.agency_code = "H56.31";      /* the same code: the other's name does */
    f.said.sector_code = "S1";          /* a name without a code may be its */
    say(&f, POLL, 20);
    merge(&f);
    assert_string_equal(f.merged.procedure_code, "1.000002");
    assert_string_equal(f.merged.procedure_name, "");
    assert_string_equal(f.merged.agency_name, "agency 31");
    assert_string_equal(f.merged.sector_code, "S1");
    assert_string_equal(f.merged.sector_name, "sector");
    end(&f);
}

static void a_later_name_does_not_displace_the_codes_own(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.said.agency_code = "H56.31";
    f.said.agency_name = "own";
    say(&f, POLL, 10);
    f.said.agency_name = "later, without a code";
    say(&f, GATEWAY, 20);
    merge(&f);
    assert_string_equal(f.merged.agency_name, "own");
    end(&f);
}

/* ---- files ---- */

static void what_only_one_source_carries_is_kept(void **state)
{
    static const struct dossier_file gateway[] = {
        {"", "don.pdf", "K1", "https://g/a", "", ""},
        {"", "cmnd.pdf", "K2", "", "", ""},
    };
    static const struct dossier_file poll[] = {
        {"77", "don.pdf", "K1", "https://p/77?t=5", "R9", "{\"x\":1}"},
        {"78", "ban-ve.pdf", "K3", "https://p/78?t=5", "", ""},
    };
    struct fixture f;

    (void)state;
    begin(&f);
    f.said.files = poll;
    f.said.n_files = 2;
    say(&f, POLL, 20);
    f.said.files = gateway;
    f.said.n_files = 2;
    say(&f, GATEWAY, 10);
    merge(&f);
    assert_int_equal(f.merged.n_files, 3);
    assert_string_equal(f.merged.files[0].name, "don.pdf");
    assert_string_equal(f.merged.files[0].url, "https://g/a"); /* the higher rank's stays */
    assert_string_equal(f.merged.files[0].id, "77");           /* what it lacked is filled */
    assert_string_equal(f.merged.files[0].result_code, "R9");
    assert_string_equal(f.merged.files[0].extra, "{\"x\":1}");
    assert_string_equal(f.merged.files[1].name, "cmnd.pdf");
    assert_string_equal(f.merged.files[2].name, "ban-ve.pdf");
    end(&f);
}

static void files_are_one_by_id_by_address_or_by_name(void **state)
{
    static const struct dossier_file pairs[][2] = {
        {{"1", "a", "", "https://a", "", ""}, {"1", "b", "", "https://b", "", ""}},
        {{"", "a", "", "https://h/x?s=1", "", ""}, {"", "b", "", "https://h/x?s=2", "", ""}},
        {{"", "a", "", "https://h/x", "", ""}, {"", "b", "", "https://h/x?s=2", "", ""}},
        {{"1", "a", "K", "https://a", "", ""}, {"2", "a", "K", "https://b", "", ""}},
        {{"1", "a", "", "", "", ""}, {"", "a", "", "", "", ""}},
    };
    static const struct dossier_file strangers[][2] = {
        {{"1", "a", "", "", "", ""}, {"2", "b", "", "", "", ""}},
        {{"", "a", "K1", "", "", ""}, {"", "a", "K2", "", "", ""}},
        {{"", "", "K1", "", "R", ""}, {"", "", "K1", "", "R", ""}}, /* nothing that names them */
        {{"", "", "", "https://h/x", "", ""}, {"", "", "", "https://h/xy", "", ""}},
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(pairs) + COUNT_OF(strangers); i++) {
        bool same = i < COUNT_OF(pairs);
        const struct dossier_file *pair = same ? pairs[i] : strangers[i - COUNT_OF(pairs)];

        begin(&f);
        f.said.results = &pair[0];
        f.said.n_results = 1;
        say(&f, GATEWAY, 10);
        f.said.results = &pair[1];
        f.said.n_results = 1;
        say(&f, POLL, 20);
        merge(&f);
        assert_int_equal(f.merged.n_results, same ? 1 : 2);
        assert_string_equal(f.merged.results[0].name, pair[0].name);
        end(&f);
    }
}

/* A weak likeness (address without its query) must not take the place of the sure one. */
static void the_surest_likeness_comes_first(void **state)
{
    static const struct dossier_file gateway[] = {
        {"", "a", "", "https://h/get?id=1", "", ""},
        {"", "b", "", "https://h/get?id=2", "", ""},
    };
    static const struct dossier_file poll[] = {
        {"", "", "", "https://h/get?id=2", "two", ""},
        {"", "", "", "https://h/get?id=1", "one", ""},
    };
    struct fixture f;

    (void)state;
    begin(&f);
    f.said.files = gateway;
    f.said.n_files = 2;
    say(&f, GATEWAY, 10);
    f.said.files = poll;
    f.said.n_files = 2;
    say(&f, POLL, 20);
    merge(&f);
    assert_int_equal(f.merged.n_files, 2);
    assert_string_equal(f.merged.files[0].result_code, "one");
    assert_string_equal(f.merged.files[1].result_code, "two");
    end(&f);
}

static void more_files_than_a_record_may_have_are_refused(void **state)
{
    static struct dossier_file files[DOSSIER_MAX_FILES];
    static char names[2][DOSSIER_MAX_FILES][8];
    struct fixture f;

    (void)state;
    begin(&f);
    for (int part = 0; part < 2; part++) {
        for (int i = 0; i < DOSSIER_MAX_FILES; i++) {
            (void)snprintf(names[part][i], sizeof(names[part][i]), "%d-%d", part, i);
            files[i] = (struct dossier_file){names[part][i], "", "", "", "", ""};
        }
        f.said.files = files;
        f.said.n_files = part == 0 ? DOSSIER_MAX_FILES : 1;
        say(&f, GATEWAY, part);
    }
    assert_int_equal(try_merge(&f), ERR_TOOBIG);
    f.parts[1] = f.parts[0];
    merge(&f);
    assert_int_equal(f.merged.n_files, DOSSIER_MAX_FILES);
    end(&f);
}

/* ---- extra ---- */

static void extra_is_merged_by_key_and_sorted(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.said.extra = "{\"b\" : [1, {\"x\":\"}\"}] , \"z\":\"old\",\"q\":\"\",\"A\":1.10}";
    say(&f, GATEWAY, 10);
    f.said.extra = "{\"z\":\"n\\\"e{w\",\"b\":null,\"a\\u0062\":true,\"q\":null}";
    say(&f, POLL, 20);
    merge(&f);
    assert_string_equal(f.merged.extra,
                        "{\"A\":1.10,\"ab\":true,\"b\":[1, {\"x\":\"}\"}],\"q\":null,"
                        "\"z\":\"n\\\"e{w\"}");
    end(&f);
}

static void the_only_extra_stays_byte_for_byte(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.said.extra = "{ \"b\":1,\"a\":2 }";
    say(&f, GATEWAY, 10);
    f.said.note = "n";
    say(&f, POLL, 20);
    merge(&f);
    assert_string_equal(f.merged.extra, "{ \"b\":1,\"a\":2 }");
    f.said.extra = " { } ";
    say(&f, PUBLISH, 30);
    merge(&f);
    assert_string_equal(f.merged.extra, "{\"a\":2,\"b\":1}");
    end(&f);
}

static void an_extra_that_is_no_object_is_refused(void **state)
{
    static const char *const bad[] = {"[1]", "{\"a\":1", "text", "{\"a\":1,\"a\":2}"};
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        begin(&f);
        f.said.extra = "{\"a\":1}";
        say(&f, GATEWAY, 10);
        f.said.extra = bad[i];
        say(&f, POLL, 20);
        assert_int_equal(try_merge(&f), ERR_FORMAT);
        assert_non_null(strstr(f.msg.text, "extra"));
        end(&f);
    }
}

static void long_extras_merge(void **state)
{
    const size_t n = 300u << 10;
    struct fixture f;
    char *text = malloc(n + 32);

    (void)state;
    assert_non_null(text);
    begin(&f);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(text, n, "{\"key%d\":\"", i);
        memset(text + 9, 'a' + i, n);
        (void)snprintf(text + 9 + n, 16, "\"}");
        f.said.extra = text;
        say(&f, GATEWAY, i);
    }
    merge(&f);
    assert_int_equal(strlen(f.merged.extra), 2 * (n + 11) - 1);
    free(text);
    end(&f);
}

/* ---- what can't be merged ---- */

static void the_order_of_the_parts_does_not_matter(void **state)
{
    static const struct dossier_file files[] = {
        {"1", "a", "", "", "", ""}, {"2", "b", "", "", "", ""}, {"3", "c", "", "", "", ""}};
    static const size_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                       {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const char *const notes[] = {"poll", "publish", "gateway"};
    static const char *const extras[] = {"{\"k\":1}", "{\"k\":2,\"l\":3}", ""};
    struct fixture f;
    struct record_part parts[3];
    struct record first;

    (void)state;
    begin(&f);
    for (int i = 0; i < 3; i++) {
        f.said.note = notes[i];
        f.said.extra = extras[i];
        f.said.files = &files[i];
        f.said.n_files = 1;
        f.said.promised_s = 100 + i;
        say(&f, POLL + i, i == 0 ? 30 : 20);
    }
    memcpy(parts, f.parts, sizeof(parts));
    merge(&f);
    first = f.record;
    assert_string_equal(f.merged.note, "poll");
    assert_string_equal(f.merged.extra, "{\"k\":1,\"l\":3}");
    assert_string_equal(f.merged.files[0].name, "c"); /* the gateway's */
    for (size_t i = 0; i < COUNT_OF(orders); i++) {
        for (size_t k = 0; k < 3; k++) {
            f.parts[k] = parts[orders[i][k]];
        }
        merge(&f);
        assert_string_equal(f.record.body, first.body);
        assert_memory_equal(f.record.hash, first.hash, RECORD_HASH_BYTES);
    }
    end(&f);
}

static void what_is_no_set_of_parts_is_refused(void **state)
{
    struct fixture f;
    struct record_part many[RECORD_PARTS_MAX + 1];

    (void)state;
    begin(&f);
    assert_int_equal(try_merge(&f), ERR_INVAL);
    say(&f, POLL, 1);
    for (size_t i = 0; i < COUNT_OF(many); i++) {
        many[i] = f.parts[0];
    }
    assert_int_equal(record_merge(many, RECORD_PARTS_MAX, &f.arena, &f.record, &f.msg), 0);
    assert_int_equal(record_merge(many, RECORD_PARTS_MAX + 1, &f.arena, &f.record, &f.msg),
                     ERR_INVAL);
    f.said.code = "another";
    say(&f, POLL, 2);
    assert_int_equal(try_merge(&f), ERR_INVAL);
    f.parts[1].body = "{\"nonsense\":1}";
    f.parts[1].len = strlen(f.parts[1].body);
    assert_int_equal(try_merge(&f), ERR_FORMAT);
    end(&f);
}

static void a_small_arena_fails_softly(void **state)
{
    static const struct dossier_file files[] = {{"1", "a", "", "", "", ""}};
    struct fixture f;
    bool fits = false;

    (void)state;
    begin(&f);
    for (int i = 0; i < 2; i++) {
        f.said.extra = i == 0 ? "{\"a\":1}" : "{\"b\":1}";
        f.said.files = files;
        f.said.n_files = 1;
        say(&f, i, i);
    }
    for (size_t max = 256; max < (64u << 10); max += 256) {
        struct arena small;
        int rc;

        arena_init(&small, max);
        rc = record_merge(f.parts, f.n, &small, &f.record, &f.msg);
        assert_true(rc == 0 || rc == ERR_NOMEM);
        fits = fits || rc == 0;
        assert_true(rc == 0 || !fits);
        arena_free(&small);
    }
    assert_true(fits);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_part_comes_out_as_it_went_in),
        cmocka_unit_test(a_part_without_a_status_comes_out_as_it_went_in),
        cmocka_unit_test(the_latest_that_knows_a_field_says_it),
        cmocka_unit_test(of_one_time_the_higher_rank_says_it),
        cmocka_unit_test(changed_is_the_latest_whoever_comes_first),
        cmocka_unit_test(a_status_stays_with_its_map),
        cmocka_unit_test(a_part_that_names_no_status_leaves_it),
        cmocka_unit_test(a_name_stays_with_its_code),
        cmocka_unit_test(a_later_name_does_not_displace_the_codes_own),
        cmocka_unit_test(what_only_one_source_carries_is_kept),
        cmocka_unit_test(files_are_one_by_id_by_address_or_by_name),
        cmocka_unit_test(the_surest_likeness_comes_first),
        cmocka_unit_test(more_files_than_a_record_may_have_are_refused),
        cmocka_unit_test(extra_is_merged_by_key_and_sorted),
        cmocka_unit_test(the_only_extra_stays_byte_for_byte),
        cmocka_unit_test(an_extra_that_is_no_object_is_refused),
        cmocka_unit_test(long_extras_merge),
        cmocka_unit_test(the_order_of_the_parts_does_not_matter),
        cmocka_unit_test(what_is_no_set_of_parts_is_refused),
        cmocka_unit_test(a_small_arena_fails_softly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
