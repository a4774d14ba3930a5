/* Canonical records from a node, field by field. */
#include <stdlib.h>
#include <string.h>

#include "adapter/mapping_impl.h"
#include "base/buf.h"
#include "codec/record.h"
#include "domain/codes.h"
#include "domain/vntime.h"

#define STEPS_MAX 2000
#define EXTRA_MAX_BYTES (256u << 10)

/* One record under way. */
struct reading {
    const struct preset *preset;
    const struct mapping_node *dossier; /* what "^PATH" is seen from */
    struct arena *arena;
    struct errmsg *msg;
    const char *section; /* for messages */
};

static int no_memory(struct errmsg *msg)
{
    return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

/* "dossier.received at /NgayTiepNhan: what"; the message holds what. Never the value itself. */
static int at_field(const struct reading *r, const struct preset_field *field, const char *path,
                    int err)
{
    return err == ERR_NOMEM ? err
                            : err_wrap(r->msg, err, "%s.%s at %s", r->section, field->key, path);
}

/* ---- one value ---- */

static int text_at(const struct reading *r, const struct preset_source *source,
                   const struct mapping_found *found, const char **out)
{
    return source->of_record ? mapping_text_at(r->dossier, source->path, r->arena, out, r->msg)
                             : mapping_found_text(found, source, r->arena, out, r->msg);
}

static int source_text(const struct reading *r, const struct preset_field *field,
                       const struct preset_source *source, const struct mapping_found *found,
                       const char **out, bool *is_time)
{
    const char *path = source->path != NULL ? source->path : "a constant";
    int err = 0;

    *is_time = false;
    *out = source->constant;
    if (source->path != NULL) {
        err = text_at(r, source, found, out);
    }
    for (size_t i = 0; i < source->n_converts && err == 0; i++) {
        err = mapping_convert(&source->converts[i], *out, r->arena, out, r->msg);
        *is_time = *is_time || source->converts[i].how == CONVERT_DATE;
    }
    return err == 0 ? 0 : at_field(r, field, path, err);
}

static int read_time(const struct reading *r, const char *text, bool is_time, int64_t *out)
{
    if (is_time) {
        return vntime_parse_portal(text, out);
    }
    for (size_t i = 0; i < r->preset->dates.n; i++) {
        if (preset_date(r->preset->dates.items[i], text, out) == 0) {
            return 0;
        }
    }
    return ERR_FORMAT;
}

static bool read_small(const char *text, int *out)
{
    if (strlen(text) > 4 || text[strspn(text, "0123456789")] != '\0') {
        return false;
    }
    *out = (int)strtol(text, NULL, 10);
    return true;
}

/* A text that is not empty into its member. */
static int set_member(const struct reading *r, const struct preset_field *field, void *base,
                      const char *text, bool is_time)
{
    void *member = (char *)base + field->offset;
    int number;

    switch (field->member) {
    case MEMBER_TEXT:
        *(const char **)member = text;
        return 0;
    case MEMBER_TIME:
        return read_time(r, text, is_time, member) == 0
                   ? 0
                   : err_set(r->msg, ERR_FORMAT,
                             "no date of that form, or one that does not exist");
    case MEMBER_NUMBER:
        return read_small(text, member)
                   ? 0
                   : err_set(r->msg, ERR_FORMAT, "no number; yes_no makes one of a yes or no");
    case MEMBER_BOOL:
        *(bool *)member = read_small(text, &number) ? number == 1 : strcmp(text, "true") == 0;
        return 0;
    }
    return err_set(r->msg, ERR_INVAL, "%s", err_text(ERR_INVAL));
}

/* ---- extra ---- */

static int put_extra(const struct reading *r, const struct preset_source *source,
                     const struct mapping_found *found, struct json_writer *w)
{
    const struct mapping_node *from = source->of_record ? r->dossier : found->node;
    const char *text = "";
    int err;

    if (from->json != NULL) {
        const struct json *value = source->of_record ? json_at_any_case(from->json, source->path)
                                                     : mapping_found_json(found, source);

        if (!json_is_null(value)) {
            json_node(w, source->constant, value);
        }
        return 0;
    }
    err = text_at(r, source, found, &text);
    if (err == 0 && text[0] != '\0') {
        json_string(w, source->constant, text);
    }
    return err;
}

/* One object of portal fields, keys in order of bytes; "" when none is there. */
static int read_extra(const struct reading *r, const struct preset_field *field,
                      const struct mapping_found *found, const char **out)
{
    struct json_writer w;
    struct buf text;
    int err = 0;

    buf_init(&text, EXTRA_MAX_BYTES);
    json_write_begin(&w, &text);
    json_object_open(&w, NULL);
    for (size_t i = 0; i < field->n && err == 0; i++) {
        err = put_extra(r, &field->alternatives[i], found, &w);
    }
    json_object_close(&w);
    if (err == 0 && buf_error(&text) != 0) {
        err = err_set(r->msg, buf_error(&text), "%s", err_text(buf_error(&text)));
    }
    if (err == 0 && text.len > strlen("{}")) {
        *out = arena_strdup(r->arena, buf_text(&text));
        err = *out != NULL ? 0 : no_memory(r->msg);
    }
    buf_free(&text);
    return err == 0 ? 0 : at_field(r, field, "its paths", err);
}

/* ---- one record ---- */

static int read_field(const struct reading *r, const struct preset_field *field,
                      const struct mapping_found *found, void *base)
{
    const char *text = "";
    bool is_time = false;
    size_t i = 0;
    int err = 0;

    if (field->is_extra) {
        return read_extra(r, field, found, (const char **)((char *)base + field->offset));
    }
    for (; i < field->n && text[0] == '\0' && err == 0; i++) {
        err = source_text(r, field, &field->alternatives[i], found, &text, &is_time);
    }
    if (err != 0) {
        return err;
    }
    if (text[0] != '\0') {
        err = set_member(r, field, base, text, is_time);
    } else if (field->required) {
        err = err_set(r->msg, ERR_FORMAT, "is missing");
    }
    if (err != 0) {
        const char *path = field->alternatives[i > 0 ? i - 1 : 0].path;

        return at_field(r, field, path != NULL ? path : "a constant", err);
    }
    return 0;
}

static int read_record(const struct reading *r, const struct preset_record *record,
                       const struct mapping_node *node, void *base)
{
    struct mapping_found found;
    int err = 0;

    mapping_find(node, &record->names, &found);
    for (size_t i = 0; i < record->n_fields && err == 0; i++) {
        err = read_field(r, &record->fields[i], &found, base);
    }
    return err;
}

/* ---- files ---- */

static void file_init(struct dossier_file *file)
{
    *file = (struct dossier_file){
        .id = "", .name = "", .component = "", .url = "", .result_code = "", .extra = ""};
}

static int read_files(struct reading *r, const struct preset_record *record, const char *section,
                      const struct dossier_file **out, size_t *n)
{
    const struct mapping_node *row;
    struct dossier_file *files;
    size_t rows;
    int err;

    *n = 0;
    if (!record->given) {
        return 0;
    }
    r->section = section;
    err =
        mapping_rows_at(r->dossier, record->rows, DOSSIER_MAX_FILES, r->arena, &row, &rows, r->msg);
    if (err != 0) {
        return err_wrap(r->msg, err, "%s.rows at %s", section, record->rows);
    }
    files = arena_alloc(r->arena, (rows + 1) * sizeof(*files));
    if (files == NULL) {
        return no_memory(r->msg);
    }
    *out = files;
    for (size_t i = 1; row != NULL && err == 0; row = row->next, i++) {
        struct dossier_file *file = &files[*n];

        file_init(file);
        err = read_record(r, record, row, file);
        if (err != 0) {
            err_wrap(r->msg, err, "%s %zu", section, i);
        }
        /* An empty row is how some write "none". */
        *n += file->id[0] != '\0' || file->name[0] != '\0' || file->url[0] != '\0';
    }
    return err;
}

/* ---- steps ---- */

/* Steps as they are read, in the order that they get. */
struct steps {
    struct step *all;
    size_t n;
};

/* Oldest first; rows of one time keep their order. */
static void put_in_order(struct steps *steps)
{
    for (size_t i = 1; i < steps->n; i++) {
        struct step step = steps->all[i];
        size_t at = i;

        while (at > 0 && steps->all[at - 1].at_s > step.at_s) {
            steps->all[at] = steps->all[at - 1];
            at--;
        }
        steps->all[at] = step;
    }
}

static bool newest_first(const struct steps *steps)
{
    return steps->n > 1 && steps->all[0].at_s > steps->all[steps->n - 1].at_s;
}

/* A list that is kept the other way round keeps the order of equal times only when it is turned. */
static void turn(struct steps *steps)
{
    for (size_t i = 0; i < steps->n / 2; i++) {
        struct step step = steps->all[i];

        steps->all[i] = steps->all[steps->n - 1 - i];
        steps->all[steps->n - 1 - i] = step;
    }
}

static int step_rows(const struct reading *r, const struct mapping_doc *steps_doc,
                     const struct mapping_node **row, size_t *n)
{
    const struct preset_record *record = &r->preset->step;
    const char *path = steps_doc != NULL ? r->preset->steps.rows : record->rows;
    int err = 0;

    if (steps_doc != NULL) {
        *row = mapping_first(steps_doc, path);
        *n = 0;
        for (const struct mapping_node *at = *row; at != NULL; at = at->next) {
            (*n)++;
        }
    } else {
        err = mapping_rows_at(r->dossier, path, STEPS_MAX, r->arena, row, n, r->msg);
    }
    if (err == 0 && *n > STEPS_MAX) {
        err = err_set(r->msg, ERR_TOOBIG, "more than %d steps", STEPS_MAX);
    }
    return err == 0 ? 0 : err_wrap(r->msg, err, "step.rows at %s", path);
}

static int read_steps(struct reading *r, const struct dossier *d,
                      const struct mapping_doc *steps_doc, struct steps *out)
{
    const struct mapping_node *row;
    size_t n;
    int err;

    *out = (struct steps){0};
    if (!r->preset->step.given || (steps_doc == NULL && r->preset->steps.given)) {
        return 0;
    }
    r->section = "step";
    err = step_rows(r, steps_doc, &row, &n);
    if (err != 0) {
        return err;
    }
    out->all = arena_alloc(r->arena, (n + 1) * sizeof(*out->all));
    if (out->all == NULL) {
        return no_memory(r->msg);
    }
    for (; row != NULL && err == 0; row = row->next) {
        struct step *step = &out->all[out->n++];

        step_init(step);
        step->code = d->code;
        step->status_map = d->status_map;
        err = read_record(r, &r->preset->step, row, step);
        if (err != 0) {
            err_wrap(r->msg, err, "step %zu", out->n);
        }
    }
    if (newest_first(out)) {
        turn(out);
    }
    put_in_order(out);
    return err;
}

/* ---- what is left out ---- */

static bool listed(const struct config_list *list, const char *text)
{
    for (size_t i = 0; i < list->n && text[0] != '\0'; i++) {
        if (strcmp(list->items[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_test_agency(const struct config_list *agencies, const char *code)
{
    char normal[CODE_MAX];
    char other[CODE_MAX];
    bool known = code_agency_normal(code, normal) == 0;

    for (size_t i = 0; i < agencies->n && known; i++) {
        if (code_agency_normal(agencies->items[i], other) == 0 && strcmp(normal, other) == 0) {
            return true;
        }
    }
    return listed(agencies, code);
}

static int check_skip(const struct reading *r)
{
    const struct preset_skip *skip = &r->preset->skip;
    const char *text = "";
    int err;

    if (skip->path[0] == '\0') {
        return 0;
    }
    err = mapping_text_at(r->dossier, skip->path, r->arena, &text, r->msg);
    if (err == 0 && listed(&skip->values, text)) {
        err = err_set(r->msg, ERR_UNSUPPORTED, "skipped: the preset says that it is no dossier");
    }
    return err;
}

static int check_tests(const struct reading *r, const struct config_source *source,
                       const struct dossier *d, const struct steps *steps)
{
    bool test = listed(&source->test_accounts, d->applicant_id) ||
                listed(&source->test_accounts, d->account_id);

    for (size_t i = 0; i < steps->n && !test; i++) {
        test = listed(&source->test_accounts, steps->all[i].actor);
    }
    if (test) {
        return err_set(r->msg, ERR_UNSUPPORTED, "skipped: a person named in test_accounts");
    }
    return is_test_agency(&source->test_agencies, d->agency_code)
               ? err_set(r->msg, ERR_UNSUPPORTED, "skipped: its agency is named in test_agencies")
               : 0;
}

/* ---- the whole dossier ---- */

/* When the source last touched it: what it says, the newest step, else its own dates. */
static void set_changed(struct dossier *d, const struct steps *steps)
{
    const int64_t dates[] = {d->submitted_s, d->received_s, d->finished_s, d->returned_s,
                             d->refused_s};

    if (steps->n > 0 && steps->all[steps->n - 1].at_s > d->changed_s) {
        d->changed_s = steps->all[steps->n - 1].at_s;
    }
    if (d->changed_s != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        d->changed_s = dates[i] > d->changed_s ? dates[i] : d->changed_s;
    }
}

static int write_records(const struct reading *r, const struct dossier *d,
                         const struct steps *steps, struct record **records, size_t *n)
{
    struct record *out = arena_alloc(r->arena, (steps->n + 1) * sizeof(*out));
    int err;

    if (out == NULL) {
        return no_memory(r->msg);
    }
    err = record_with_dossier(d, r->arena, &out[0], r->msg);
    for (size_t i = 0; i < steps->n && err == 0; i++) {
        err = record_with_step(&steps->all[i], r->arena, &out[i + 1], r->msg);
        if (err != 0) {
            err_wrap(r->msg, err, "step %zu", i + 1);
        }
    }
    *records = out;
    *n = steps->n + 1;
    return err;
}

int mapping_dossier(const struct preset *preset, const struct config_source *source,
                    const struct mapping_doc *doc, const struct mapping_node *node,
                    const struct mapping_doc *steps_doc, struct arena *arena,
                    struct record **records, size_t *n_records, struct errmsg *msg)
{
    struct reading r = {preset, node, arena, msg, "dossier"};
    struct steps steps = {0};
    struct dossier d;
    int err;

    (void)doc; /* a node knows its document */
    *records = NULL;
    *n_records = 0;
    dossier_init(&d);
    err = check_skip(&r);
    if (err == 0) {
        err = read_record(&r, &preset->dossier, node, &d);
    }
    if (err == 0) {
        d.status_map = preset_statuses(preset, source);
        d.local_no = strcmp(d.local_no, d.code) != 0 ? d.local_no : "";
        err = read_files(&r, &preset->file, "file", &d.files, &d.n_files);
    }
    if (err == 0) {
        err = read_files(&r, &preset->result, "result", &d.results, &d.n_results);
    }
    if (err == 0) {
        err = read_steps(&r, &d, steps_doc, &steps);
    }
    if (err == 0) {
        err = check_tests(&r, source, &d, &steps);
    }
    if (err == 0) {
        set_changed(&d, &steps);
        err = write_records(&r, &d, &steps, records, n_records);
    }
    return err;
}

int mapping_procedure(const struct preset *preset, const struct mapping_doc *doc,
                      const struct mapping_node *node, struct arena *arena, struct record *record,
                      struct errmsg *msg)
{
    struct reading r = {preset, node, arena, msg, "procedure"};
    struct procedure p;
    int err;

    (void)doc;
    procedure_init(&p);
    err = read_record(&r, &preset->procedure, node, &p);
    return err == 0 ? record_from_procedure(&p, arena, record, msg) : err;
}
