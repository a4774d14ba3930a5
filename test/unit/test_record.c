#include "codec/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

struct fixture {
    struct arena arena;
    struct errmsg msg;
    struct record record;
    struct dossier dossier;
    struct dossier_file files[2];
    struct dossier_file results[1];
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, 64u << 20);
    dossier_init(&f->dossier);
    f->dossier.code = "H56.31.25-251118-0007";
}

static void end(struct fixture *f)
{
    arena_free(&f->arena);
}

/* Every field set, each to something of its own. */
static void fill_dossier(struct fixture *f)
{
    int64_t at_s = 1763000000;
    int flag = 0;

#define X(field) f->dossier.field = "text of " #field;
    DOSSIER_TEXTS(X)
#undef X
#define X(field) f->dossier.field = at_s++;
    DOSSIER_TIMES(X)
#undef X
#define X(field) f->dossier.field = flag++;
    DOSSIER_FLAGS(X)
#undef X
    f->files[0] =
        (struct dossier_file){"1", "T\xE1\xBB\x9D khai.pdf", "K1", "https://h/1.pdf?t=1", "", "{}"};
    f->files[1] = (struct dossier_file){"2", "", "", "", "", ""};
    f->results[0] = (struct dossier_file){"3", "n", "", "https://h/3.pdf", "R1", ""};
    f->dossier.files = f->files;
    f->dossier.n_files = 2;
    f->dossier.results = f->results;
    f->dossier.n_results = 1;
}

static const struct record *encode(struct fixture *f)
{
    int rc = record_from_dossier(&f->dossier, &f->arena, &f->record, &f->msg);

    if (rc != 0) {
        fail_msg("%d %s", rc, f->msg.text);
    }
    return &f->record;
}

static void hash_of(struct fixture *f, uint8_t out[RECORD_HASH_BYTES])
{
    memcpy(out, encode(f)->hash, RECORD_HASH_BYTES);
}

static void empty_values_are_left_out(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_string_equal(encode(&f)->body, "{\"code\":\"H56.31.25-251118-0007\"}");
    assert_int_equal(f.record.body_len, strlen(f.record.body));
    f.dossier.note = NULL;
    f.dossier.digitised = TRI_NO;
    f.dossier.submitted_s = -1;
    assert_string_equal(encode(&f)->body,
                        "{\"code\":\"H56.31.25-251118-0007\",\"submitted_s\":-1,\"digitised\":0}");
    end(&f);
}

static void what_is_kept_beside_the_body_is_what_the_body_says(void **state)
{
    struct fixture f;
    const struct dossier *kept;
    struct dossier read;
    struct record again;

    (void)state;
    begin(&f);
    fill_dossier(&f);
    f.dossier.applicant_name = "Tha\xCC\x89o"; /* not composed */
    f.dossier.note = NULL;
    assert_null(encode(&f)->dossier);
    assert_int_equal(record_with_dossier(&f.dossier, &f.arena, &again, &f.msg), 0);
    assert_string_equal(again.body, f.record.body);
    assert_memory_equal(again.hash, f.record.hash, RECORD_HASH_BYTES);
    kept = again.dossier;
    assert_int_equal(record_to_dossier(again.body, again.body_len, &f.arena, &read, &f.msg), 0);
    assert_string_equal(kept->applicant_name, "Th\xE1\xBA\xA3o");
#define X(field)                                                                                   \
    assert_string_equal(kept->field, read.field);                                                  \
    assert_true(kept->field[0] == '\0' || kept->field != f.dossier.field);
    DOSSIER_TEXTS(X)
#undef X
#define X(field) assert_true(kept->field == read.field);
    DOSSIER_TIMES(X)
    DOSSIER_FLAGS(X)
#undef X
    assert_string_equal(kept->arrived, read.arrived);
    assert_int_equal(kept->n_files, 2);
    assert_int_equal(kept->n_results, 1);
    assert_string_equal(kept->files[0].name, read.files[0].name);
    assert_string_equal(kept->files[0].url, "https://h/1.pdf?t=1");
    assert_string_equal(kept->files[1].extra, "");
    assert_string_equal(kept->results[0].result_code, "R1");
    assert_ptr_not_equal(kept->files[0].url, f.files[0].url);
    end(&f);
}

static void a_step_beside_its_body_says_the_same(void **state)
{
    struct fixture f;
    struct record again;
    struct step step;
    struct step read;

    (void)state;
    begin(&f);
    step_init(&step);
    step.code = "H56-1";
    step.actor = "Tha\xCC\x89o"; /* not composed */
    step.text = NULL;
    step.at_s = 7;
    assert_int_equal(record_from_step(&step, &f.arena, &f.record, &f.msg), 0);
    assert_null(f.record.step);
    assert_int_equal(record_with_step(&step, &f.arena, &again, &f.msg), 0);
    assert_string_equal(again.body, f.record.body);
    assert_memory_equal(again.hash, f.record.hash, RECORD_HASH_BYTES);
    assert_int_equal(record_to_step(again.body, again.body_len, &f.arena, &read, &f.msg), 0);
    assert_string_equal(again.step->actor, "Th\xE1\xBA\xA3o");
#define X(field)                                                                                   \
    assert_string_equal(again.step->field, read.field);                                            \
    assert_true(again.step->field[0] == '\0' || again.step->field != step.field);
    STEP_TEXTS(X)
#undef X
#define X(field) assert_true(again.step->field == read.field);
    STEP_TIMES(X)
#undef X
    assert_string_equal(again.step->arrived, read.arrived);
    end(&f);
}

static void keys_stand_in_the_order_of_the_struct(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.dossier.paid_online = 2;
    f.dossier.changed_s = 5;
    f.dossier.note = "a\"b";
    f.dossier.status = "4";
    f.files[0] = (struct dossier_file){"1", "n", "", "https://h/x?y", "", ""};
    f.dossier.files = f.files;
    f.dossier.n_files = 1;
    assert_string_equal(
        encode(&f)->body,
        "{\"code\":\"H56.31.25-251118-0007\",\"status\":\"4\",\"note\":\"a\\\"b\",\"changed_s\":5,"
        "\"paid_online\":2,\"files\":[{\"id\":\"1\",\"name\":\"n\",\"url\":\"https://h/x?y\"}]}");
    end(&f);
}

static void a_dossier_comes_back_as_it_went(void **state)
{
    struct fixture f;
    struct dossier back;
    struct record again;

    (void)state;
    begin(&f);
    fill_dossier(&f);
    encode(&f);
    assert_int_equal(record_to_dossier(f.record.body, f.record.body_len, &f.arena, &back, &f.msg),
                     0);
#define X(field) assert_string_equal(back.field, f.dossier.field);
    DOSSIER_TEXTS(X)
#undef X
#define X(field) assert_true(back.field == f.dossier.field);
    DOSSIER_TIMES(X)
    DOSSIER_FLAGS(X)
#undef X
    assert_int_equal(back.n_files, 2);
    assert_int_equal(back.n_results, 1);
    assert_string_equal(back.files[0].name, f.files[0].name);
    assert_string_equal(back.files[0].url, "https://h/1.pdf?t=1");
    assert_string_equal(back.files[0].extra, "{}");
    assert_string_equal(back.files[1].extra, "");
    assert_string_equal(back.files[1].id, "2");
    assert_string_equal(back.files[1].url, "");
    assert_string_equal(back.results[0].result_code, "R1");
    assert_int_equal(record_from_dossier(&back, &f.arena, &again, &f.msg), 0);
    assert_string_equal(again.body, f.record.body);
    assert_memory_equal(again.hash, f.record.hash, RECORD_HASH_BYTES);
    end(&f);
}

static void absent_fields_come_back_empty_and_unknown(void **state)
{
    struct fixture f;
    struct dossier back;

    (void)state;
    begin(&f);
    encode(&f);
    assert_int_equal(record_to_dossier(f.record.body, f.record.body_len, &f.arena, &back, NULL), 0);
    assert_string_equal(back.note, "");
    assert_int_equal(back.identified, TRI_UNKNOWN);
    assert_int_equal(back.n_files, 0);
    assert_true(back.promised_s == 0);
    end(&f);
}

static void the_record_carries_the_dossiers_identity_and_times(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.dossier.local_no = "000.00.12.H56-230118-0001";
    f.dossier.changed_s = 10;
    f.dossier.promised_s = 20;
    encode(&f);
    assert_int_equal(f.record.kind, RECORD_DOSSIER);
    assert_string_equal(f.record.code, "H56.31.25-251118-0007");
    assert_string_equal(f.record.local_no, "000.00.12.H56-230118-0001");
    assert_string_equal(f.record.step_key, "");
    assert_true(f.record.at_s == 10 && f.record.promised_s == 20);
    f.dossier.local_no = f.dossier.code;
    assert_string_equal(encode(&f)->local_no, "");
    end(&f);
}

static void the_hash_changes_with_every_field(void **state)
{
    static const size_t texts[] = {
#define X(field) offsetof(struct dossier, field),
        DOSSIER_TEXTS(X)
#undef X
    };
    struct fixture f;
    uint8_t before[RECORD_HASH_BYTES];

    (void)state;
    begin(&f);
    fill_dossier(&f);
    hash_of(&f, before);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char **field = (const char **)(void *)((char *)&f.dossier + texts[i]);
        const char *old = *field;

        *field = "other";
        assert_memory_not_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
        *field = old;
    }
    f.dossier.promised_s++;
    assert_memory_not_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    f.dossier.promised_s--;
    f.dossier.digitised = TRI_UNKNOWN;
    assert_memory_not_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    f.dossier.digitised = 0;
    f.dossier.n_files = 1;
    assert_memory_not_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    f.dossier.n_files = 2;
    assert_memory_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    end(&f);
}

static void volatile_parts_change_the_body_and_not_the_hash(void **state)
{
    struct fixture f;
    uint8_t before[RECORD_HASH_BYTES];
    struct dossier back;
    const char *body;

    (void)state;
    begin(&f);
    fill_dossier(&f);
    hash_of(&f, before);
    body = f.record.body;
    f.dossier.changed_s += 100;
    f.files[0].url = "https://h/1.pdf?t=2222&amp=\\\"x";
    assert_memory_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    assert_string_not_equal(f.record.body, body);
    f.dossier.changed_s = 0;
    f.files[0].url = "https://h/1.pdf";
    assert_memory_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    f.dossier.arrived = "{\"MaHoSo\":\"00112233\"}";
    assert_memory_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    assert_int_equal(record_to_dossier(f.record.body, f.record.body_len, &f.arena, &back, &f.msg),
                     0);
    assert_string_equal(back.arrived, f.dossier.arrived);
    f.files[0].url = "https://h/1.pdf?t=1#page";
    assert_memory_not_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    f.files[0].url = "https://h/2.pdf?t=1";
    assert_memory_not_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    f.files[0].url = "https://h/1.pdf?t=1";
    f.results[0].url = "https://h/3.pdf?x";
    assert_memory_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    f.files[0].name = "T\xE1\xBB\x9D khai.pdf?t=2"; /* a name is no address */
    assert_memory_not_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    end(&f);
}

static void the_hash_is_that_of_the_body_when_nothing_is_volatile(void **state)
{
    struct fixture f;
    uint8_t expected[DIGEST_BYTES];

    (void)state;
    begin(&f);
    encode(&f);
    assert_int_equal(digest_sha256(f.record.body, f.record.body_len, expected), 0);
    assert_memory_equal(f.record.hash, expected, DIGEST_BYTES);
    end(&f);
}

static void texts_are_made_nfc(void **state)
{
    struct fixture f;
    uint8_t before[RECORD_HASH_BYTES];

    (void)state;
    begin(&f);
    f.dossier.applicant_name = "Nguy\xE1\xBB\x85n V\xC4\x83n Th\xE1\xBB\xAD";
    hash_of(&f, before);
    f.dossier.applicant_name = "Nguye\xCC\x82\xCC\x83n Va\xCC\x86n Th\xC6\xB0\xCC\x89";
    assert_memory_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    assert_non_null(strstr(f.record.body, "Nguy\xE1\xBB\x85n V\xC4\x83n Th\xE1\xBB\xAD"));
    f.dossier.code = "Ho\xCC\x82";
    assert_string_equal(encode(&f)->code, "H\xC3\xB4");
    end(&f);
}

static void bad_values_are_named(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    f.dossier.applicant_name = "Nguy\xEAn";
    assert_int_equal(record_from_dossier(&f.dossier, &f.arena, &f.record, &f.msg), ERR_FORMAT);
    assert_string_equal(f.msg.text, "applicant_name: not UTF-8");
    f.dossier.applicant_name = "";
    f.dossier.files = f.files;
    f.dossier.n_files = 2;
    f.files[0] = (struct dossier_file){"1", "", "", "", "", ""};
    f.files[1] = (struct dossier_file){"1", "", "", "h\xFF", "", ""};
    assert_int_equal(record_from_dossier(&f.dossier, &f.arena, &f.record, &f.msg), ERR_FORMAT);
    assert_string_equal(f.msg.text, "files[1]: url: not UTF-8");
    f.dossier.n_files = DOSSIER_MAX_FILES + 1;
    assert_int_equal(record_from_dossier(&f.dossier, &f.arena, &f.record, &f.msg), ERR_TOOBIG);
    assert_string_equal(f.msg.text, "files: too many files");
    f.dossier.n_files = 0;
    f.dossier.received_s = INT64_MAX;
    assert_int_equal(record_from_dossier(&f.dossier, &f.arena, &f.record, &f.msg), ERR_FORMAT);
    assert_string_equal(f.msg.text, "received_s: no such time");
    f.dossier.code = "";
    assert_int_equal(record_from_dossier(&f.dossier, &f.arena, &f.record, &f.msg), ERR_FORMAT);
    assert_string_equal(f.msg.text, "code: is missing");
    end(&f);
}

static void a_body_ends_at_its_limit(void **state)
{
    static char note[RECORD_BODY_MAX + 1];
    struct fixture f;

    (void)state;
    begin(&f);
    memset(note, 'x', sizeof(note) - 1);
    f.dossier.note = note;
    assert_int_equal(record_from_dossier(&f.dossier, &f.arena, &f.record, &f.msg), ERR_TOOBIG);
    note[sizeof(note) - 100] = '\0';
    encode(&f);
    assert_true(f.record.body_len <= RECORD_BODY_MAX);
    arena_free(&f.arena);
    f.arena.max_bytes = 1000;
    assert_int_equal(record_from_dossier(&f.dossier, &f.arena, &f.record, &f.msg), ERR_NOMEM);
    end(&f);
}

/* What the portal may carry beside the fields that we know: hundreds of kilobytes of JSON. */
static void long_extras_fit(void **state)
{
    static char extra[600u << 10];
    struct fixture f;
    struct dossier back;
    uint8_t before[RECORD_HASH_BYTES];

    (void)state;
    begin(&f);
    memcpy(extra, "{\"\xE1\xBB\x9D\":\"", 8);
    memset(extra + 8, 'x', sizeof(extra) - 11);
    memcpy(extra + sizeof(extra) - 3, "\"}", 3);
    f.dossier.extra = extra;
    f.dossier.status_map = "national";
    hash_of(&f, before);
    assert_int_equal(record_to_dossier(f.record.body, f.record.body_len, &f.arena, &back, NULL), 0);
    assert_string_equal(back.extra, extra);
    assert_string_equal(back.status_map, "national");
    extra[sizeof(extra) - 4] = 'y';
    assert_memory_not_equal(encode(&f)->hash, before, RECORD_HASH_BYTES);
    end(&f);
}

/* Stored before there were status maps and extras. */
static void an_old_body_reads_as_it_was_meant(void **state)
{
    static const char body[] =
        "{\"code\":\"H56-1\",\"status\":\"4\",\"note\":\"n\",\"changed_s\":5,"
        "\"files\":[{\"id\":\"1\",\"result_code\":\"R\"}]}";
    static const char step_body[] = "{\"code\":\"H56-1\",\"status_name\":\"s\",\"at_s\":5}";
    struct fixture f;
    struct step step;

    (void)state;
    begin(&f);
    assert_int_equal(record_to_dossier(body, strlen(body), &f.arena, &f.dossier, &f.msg), 0);
    assert_string_equal(f.dossier.status_map, "");
    assert_string_equal(f.dossier.extra, "");
    assert_string_equal(f.dossier.files[0].extra, "");
    assert_string_equal(encode(&f)->body, body);
    assert_int_equal(record_to_step(step_body, strlen(step_body), &f.arena, &step, &f.msg), 0);
    assert_string_equal(step.answer, "");
    assert_int_equal(record_from_step(&step, &f.arena, &f.record, &f.msg), 0);
    assert_string_equal(f.record.body, step_body);
    end(&f);
}

static void the_most_files_fit(void **state)
{
    static struct dossier_file many[DOSSIER_MAX_FILES];
    struct fixture f;
    struct dossier back;

    (void)state;
    begin(&f);
    for (size_t i = 0; i < DOSSIER_MAX_FILES; i++) {
        many[i] = (struct dossier_file){"1", "n", "c", "https://h/p?q=1", "r", "{}"};
    }
    f.dossier.files = many;
    f.dossier.n_files = DOSSIER_MAX_FILES;
    f.dossier.results = many;
    f.dossier.n_results = DOSSIER_MAX_FILES;
    f.dossier.changed_s = 1;
    encode(&f);
    assert_int_equal(record_to_dossier(f.record.body, f.record.body_len, &f.arena, &back, NULL), 0);
    assert_int_equal(back.n_results, DOSSIER_MAX_FILES);
    end(&f);
}

static void a_procedure_comes_back_as_it_went(void **state)
{
    struct fixture f;
    struct procedure p;
    struct procedure back;

    (void)state;
    begin(&f);
    procedure_init(&p);
#define X(field) p.field = "text of " #field;
    PROCEDURE_TEXTS(X)
#undef X
    p.level = 4;
    p.sectors = 1;
    p.agencies = 2;
    p.forms = 3;
    p.active = true;
    assert_int_equal(record_from_procedure(&p, &f.arena, &f.record, &f.msg), 0);
    assert_int_equal(f.record.kind, RECORD_PROCEDURE);
    assert_true(f.record.at_s == 0);
    assert_int_equal(record_to_procedure(f.record.body, f.record.body_len, &f.arena, &back, &f.msg),
                     0);
#define X(field) assert_string_equal(back.field, p.field);
    PROCEDURE_TEXTS(X)
#undef X
    assert_true(back.level == 4 && back.sectors == 1 && back.agencies == 2 && back.forms == 3);
    assert_true(back.active);
    p.active = false;
    assert_int_equal(record_from_procedure(&p, &f.arena, &f.record, &f.msg), 0);
    assert_int_equal(record_to_procedure(f.record.body, f.record.body_len, &f.arena, &back, &f.msg),
                     0);
    assert_false(back.active);
    end(&f);
}

static void a_catalogue_row_comes_back_as_it_went(void **state)
{
    const struct catalog_row row = {"G03-GD10",
                                    "Gi\xC3\xA1o d\xE1\xBB\xA5"
                                    "c",
                                    "G03", ""};
    struct fixture f;
    struct catalog_row back;

    (void)state;
    begin(&f);
    assert_int_equal(record_from_row(RECORD_SECTOR, &row, &f.arena, &f.record, &f.msg), 0);
    assert_int_equal(f.record.kind, RECORD_SECTOR);
    assert_string_equal(f.record.code, "G03-GD10");
    assert_int_equal(record_to_row(f.record.body, f.record.body_len, &f.arena, &back, &f.msg), 0);
    assert_string_equal(back.code, row.code);
    assert_string_equal(back.name, row.name);
    assert_string_equal(back.parent, row.parent);
    assert_string_equal(back.extra, "");
    assert_int_equal(record_from_row(RECORD_DOSSIER, &row, &f.arena, &f.record, &f.msg), ERR_INVAL);
    end(&f);
}

static void bytes_that_we_did_not_write_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{}",
        "{\"code\":\"\"}",
        "{\"code\":\"a\"",
        "{\"code\":\"a\"}x",
        "{\"code\":1}",
        "{\"code\":null}",
        "{\"status\":\"4\"}",
        "{\"code\":\"a\",\"unknown\":\"x\"}",
        "{\"code\":\"a\",\"Status\":\"4\"}",
        "{\"status\":\"4\",\"code\":\"a\"}",
        "{\"code\":\"a\",\"code\":\"b\"}",
        "{\"code\":\"a\",\"promised_s\":\"5\"}",
        "{\"code\":\"a\",\"promised_s\":1.5}",
        "{\"code\":\"a\",\"promised_s\":true}",
        "{\"code\":\"a\",\"digitised\":99999999999}",
        "{\"code\":\"a\",\"digitised\":\"1\"}",
        "{\"code\":\"a\",\"files\":{}}",
        "{\"code\":\"a\",\"files\":[1]}",
        "{\"code\":\"a\",\"files\":\"\"}",
        "{\"code\":\"a\",\"files\":[{\"ID\":\"1\"}]}",
        "{\"code\":\"a\",\"files\":[{\"id\":1}]}",
    };
    struct fixture f;
    struct dossier back;

    (void)state;
    begin(&f);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        f.msg.text[0] = '\0';
        if (record_to_dossier(bad[i], strlen(bad[i]), &f.arena, &back, &f.msg) != ERR_FORMAT) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_memory_equal(f.msg.text, "record: ", 8);
    }
    end(&f);
}

static void a_body_cut_anywhere_is_refused(void **state)
{
    struct fixture f;
    struct dossier back;

    (void)state;
    begin(&f);
    fill_dossier(&f);
    encode(&f);
    for (size_t n = 0; n < f.record.body_len; n++) {
        assert_int_equal(record_to_dossier(f.record.body, n, &f.arena, &back, NULL), ERR_FORMAT);
    }
    end(&f);
}

static void a_small_arena_fails_softly(void **state)
{
    struct fixture f;
    struct dossier back;
    struct arena small;

    (void)state;
    begin(&f);
    fill_dossier(&f);
    encode(&f);
    for (size_t max = 0; max < 2000; max += 16) {
        int rc;

        arena_init(&small, max);
        rc = record_to_dossier(f.record.body, f.record.body_len, &small, &back, NULL);
        assert_true(rc == 0 || rc == ERR_NOMEM);
        arena_free(&small);
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_values_are_left_out),
        cmocka_unit_test(what_is_kept_beside_the_body_is_what_the_body_says),
        cmocka_unit_test(a_step_beside_its_body_says_the_same),
        cmocka_unit_test(keys_stand_in_the_order_of_the_struct),
        cmocka_unit_test(a_dossier_comes_back_as_it_went),
        cmocka_unit_test(absent_fields_come_back_empty_and_unknown),
        cmocka_unit_test(the_record_carries_the_dossiers_identity_and_times),
        cmocka_unit_test(the_hash_changes_with_every_field),
        cmocka_unit_test(volatile_parts_change_the_body_and_not_the_hash),
        cmocka_unit_test(the_hash_is_that_of_the_body_when_nothing_is_volatile),
        cmocka_unit_test(texts_are_made_nfc),
        cmocka_unit_test(bad_values_are_named),
        cmocka_unit_test(a_body_ends_at_its_limit),
        cmocka_unit_test(long_extras_fit),
        cmocka_unit_test(an_old_body_reads_as_it_was_meant),
        cmocka_unit_test(the_most_files_fit),
        cmocka_unit_test(a_procedure_comes_back_as_it_went),
        cmocka_unit_test(a_catalogue_row_comes_back_as_it_went),
        cmocka_unit_test(bytes_that_we_did_not_write_are_refused),
        cmocka_unit_test(a_body_cut_anywhere_is_refused),
        cmocka_unit_test(a_small_arena_fails_softly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
