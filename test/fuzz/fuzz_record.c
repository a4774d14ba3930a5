/* Canonical records: what we wrote reads back as the same; what we did not write is refused; what
 * several sources say of one dossier makes one, in whatever order they come.
 *
 * Input: a byte chooses. 0..3: the rest is a body of that kind. 4..5: texts with 0x1F between them
 * are the fields of a dossier or step. 6..7: the same, several dossiers, merged. */
#include <stdlib.h>
#include <string.h>

#include "codec/record.h"
#include "codec/record_merge.h"
#include "fuzz/fuzz.h"

#define ARENA_MAX (16u << 20)
#define PARTS 3

static int64_t number(const char *text)
{
    return strtoll(text, NULL, 10);
}

/* Fields that are left are "". Everything taken lives in the arena. */
static const char *next(struct fuzz_in *in, struct arena *a)
{
    char *word = fuzz_word(in);
    const char *kept = arena_strdup(a, word);

    free(word);
    return kept;
}

static void fill_files(struct fuzz_in *in, struct arena *a, const struct dossier_file **files,
                       size_t *n)
{
    struct dossier_file *list;

    *n = fuzz_byte(in) % 4;
    list = arena_alloc(a, (*n + 1) * sizeof(*list));
    for (size_t i = 0; i < *n; i++) {
        list[i] = (struct dossier_file){.id = next(in, a),
                                        .name = next(in, a),
                                        .component = next(in, a),
                                        .url = next(in, a),
                                        .result_code = next(in, a),
                                        .extra = ""};
    }
    *files = list;
}

static void fill_dossier(struct fuzz_in *in, struct arena *a, struct dossier *d)
{
    dossier_init(d);
#define X(field) d->field = next(in, a);
    DOSSIER_TEXTS(X)
#undef X
#define X(field) d->field = number(next(in, a));
    DOSSIER_TIMES(X)
#undef X
    d->digitised = (int)(fuzz_byte(in) % 3) - 1;
    d->identified = (int)(fuzz_byte(in) % 3) - 1;
    d->paid_online = (int)(fuzz_byte(in) % 4) - 1;
    fill_files(in, a, &d->files, &d->n_files);
    fill_files(in, a, &d->results, &d->n_results);
}

static void body(enum record_kind kind, const char *text, size_t n, struct arena *a)
{
    struct record record = {.kind = kind};
    struct errmsg why = {0};
    struct procedure p;
    struct catalog_row row;
    struct dossier d;
    struct step s;
    int err = ERR_FORMAT;

    if (kind == RECORD_DOSSIER && record_to_dossier(text, n, a, &d, &why) == 0) {
        err = record_from_dossier(&d, a, &record, &why);
    } else if (kind == RECORD_STEP && record_to_step(text, n, a, &s, &why) == 0) {
        err = record_from_step(&s, a, &record, &why);
    } else if (kind == RECORD_PROCEDURE && record_to_procedure(text, n, a, &p, &why) == 0) {
        err = record_from_procedure(&p, a, &record, &why);
    } else if (kind == RECORD_SECTOR && record_to_row(text, n, a, &row, &why) == 0) {
        err = record_from_row(kind, &row, a, &record, &why);
    } else {
        FUZZ_CHECK(why.text[0] != '\0', "refused without words");
    }
    if (err == 0) {
        fuzz_record(&record);
    }
}

static void fields(struct fuzz_in *in, bool is_step, struct arena *a)
{
    struct record record = {0};
    struct errmsg why = {0};
    struct dossier d;
    struct step s;
    int err;

    if (is_step) {
        step_init(&s);
#define X(field) s.field = next(in, a);
        STEP_TEXTS(X)
#undef X
#define X(field) s.field = number(next(in, a));
        STEP_TIMES(X)
#undef X
        err = record_from_step(&s, a, &record, &why);
    } else {
        fill_dossier(in, a, &d);
        err = record_from_dossier(&d, a, &record, &why);
    }
    FUZZ_CHECK(err == 0 || why.text[0] != '\0', "%d", err);
    if (err == 0) {
        fuzz_record(&record);
    }
}

static void merge(struct fuzz_in *in, bool same_code, struct arena *a)
{
    struct record_part parts[PARTS];
    struct record_part turned[PARTS];
    struct record one = {0};
    struct record other = {0};
    struct errmsg why = {0};
    size_t n = 0;
    int err;

    while (n < PARTS && in->n > 0) {
        struct record record = {0};
        struct dossier d;

        fill_dossier(in, a, &d);
        if (same_code) {
            d.code = "000.00.31.H00-251118-0007";
        }
        if (record_from_dossier(&d, a, &record, &why) == 0) {
            parts[n] = (struct record_part){record.body, record.body_len, (int)n, record.at_s};
            n++;
        } else {
            break;
        }
    }
    for (size_t i = 0; i < n; i++) {
        turned[i] = parts[n - 1 - i];
    }
    err = record_merge(parts, n, a, &one, &why);
    FUZZ_CHECK(n > 0 || err == ERR_INVAL, "%d of no part", err);
    FUZZ_CHECK(record_merge(turned, n, a, &other, &why) == err, "%d and another", err);
    if (err != 0) {
        FUZZ_CHECK(why.text[0] != '\0', "%d", err);
        return;
    }
    fuzz_record(&one);
    FUZZ_CHECK(one.body_len == other.body_len && memcmp(one.body, other.body, one.body_len) == 0,
               "%.*s\n%.*s", (int)one.body_len, one.body, (int)other.body_len, other.body);
    if (n == 1) {
        FUZZ_CHECK(one.body_len == parts[0].len &&
                       memcmp(one.body, parts[0].body, parts[0].len) == 0,
                   "%.*s\n%.*s", (int)parts[0].len, parts[0].body, (int)one.body_len, one.body);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum record_kind kinds[] = {RECORD_DOSSIER, RECORD_STEP, RECORD_PROCEDURE,
                                             RECORD_SECTOR};
    struct fuzz_in in = {data, size};
    uint8_t what = fuzz_byte(&in) % 8;
    struct arena a;
    char *text;

    arena_init(&a, ARENA_MAX);
    if (what < 4) {
        text = fuzz_text(&in);
        body(kinds[what], text, in.n, &a);
        free(text);
    } else if (what < 6) {
        fields(&in, what == 5, &a);
    } else {
        merge(&in, what == 6, &a);
    }
    arena_free(&a);
    return 0;
}
