#include "adapter/opencps_read.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/opencps_field.h"
#include "base/buf.h"
#include "codec/record.h"
#include "domain/status.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define URL_MAX 2048 /* bytes of a file's address */

/* ---- files ---- */

#define FILE_FIELDS(X)                                                                             \
    X(deliverableCode)                                                                             \
    X(displayName)                                                                                 \
    X(dossierFileId)                                                                               \
    X(dossierPartNo)                                                                               \
    X(dossierPartType)                                                                             \
    X(referenceUid)

enum file_field {
#define X(name) F_##name,
    FILE_FIELDS(X)
#undef X
        FILE_FIELD_COUNT
};

static const char *const FILE_NAMES[] = {
#define X(name) #name,
    FILE_FIELDS(X)
#undef X
};

/* dossierPartType; templates, notices and drafts have other numbers and are not sent. */
enum { PART_SUBMITTED = 1, PART_RESULT = 2 };

static const char *file_address(const char *template, const char *dossier_id, const char *uid,
                                struct arena *a, int *err)
{
    static const char ID[] = "{dossierId}";
    static const char UID[] = "{referenceUid}";
    struct buf url;
    const char *text = "";

    buf_init(&url, URL_MAX);
    while (*template != '\0') {
        if (strncmp(template, ID, sizeof(ID) - 1) == 0) {
            buf_put_form(&url, dossier_id);
            template += sizeof(ID) - 1;
        } else if (strncmp(template, UID, sizeof(UID) - 1) == 0) {
            buf_put_form(&url, uid);
            template += sizeof(UID) - 1;
        } else {
            buf_putc(&url, *template ++);
        }
    }
    if (buf_error(&url) != 0) {
        *err = buf_error(&url);
    } else {
        text = opencps_field_keep(a, buf_text(&url), err);
    }
    buf_free(&url);
    return text;
}

static int read_file(const char *const *values, const char *file_url, const char *dossier_id,
                     struct arena *a, struct dossier_file *out)
{
    const char *uid = opencps_field_text(values[F_referenceUid]);
    int err = 0;

    out->id = opencps_field_keep(a, values[F_dossierFileId], &err);
    out->name = opencps_field_keep(a, values[F_displayName], &err);
    out->component = opencps_field_keep(a, values[F_dossierPartNo], &err);
    out->result_code = opencps_field_keep(a, values[F_deliverableCode], &err);
    out->url = file_address(file_url, dossier_id, uid, a, &err);
    return err;
}

int opencps_read_files(const struct opencps_doc *doc, const char *file_url, const char *dossier_id,
                       struct arena *a, struct dossier *d, struct errmsg *msg)
{
    struct dossier_file *submitted;
    struct dossier_file *results;
    struct opencps_row row;
    int64_t total;
    size_t n = 0;
    int err = opencps_doc_list(doc, &row, &total, msg);

    if (err == 0) {
        err = opencps_count_rows(row, DOSSIER_MAX_FILES, &n, msg);
    }
    if (err != 0) {
        return err;
    }
    submitted = arena_alloc(a, (n + 1) * sizeof(*submitted));
    results = arena_alloc(a, (n + 1) * sizeof(*results));
    if (submitted == NULL || results == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    d->files = submitted;
    d->results = results;
    for (; opencps_row_there(row) && err == 0; row = opencps_row_next(row)) {
        const char *values[FILE_FIELD_COUNT];
        long type;

        err = opencps_row_fields(row, FILE_NAMES, FILE_FIELD_COUNT, values, a, msg);
        if (err != 0) {
            return err;
        }
        type = opencps_field_number(values[F_dossierPartType], 0);
        if (type == PART_SUBMITTED) {
            err = read_file(values, file_url, dossier_id, a, &submitted[d->n_files++]);
        } else if (type == PART_RESULT) {
            err = read_file(values, file_url, dossier_id, a, &results[d->n_results++]);
        }
    }
    return err != 0 ? err_set(msg, err, "%s", err_text(err)) : 0;
}

/* ---- stepconfigs ---- */

enum step_field { S_dossierStatus, S_dossierSubStatus, S_stepCode, STEP_FIELD_COUNT };
static const char *const STEP_NAMES[] = {"dossierStatus", "dossierSubStatus", "stepCode"};

static int compare_steps(const void *left, const void *right)
{
    const struct opencps_step *a = left;
    const struct opencps_step *b = right;

    return strcmp(a->code, b->code);
}

int opencps_read_steps(const struct opencps_doc *doc, struct arena *a, struct opencps_steps *out,
                       struct errmsg *msg)
{
    struct opencps_row row;
    int64_t total;
    size_t n = 0;
    int err = opencps_doc_list(doc, &row, &total, msg);

    *out = (struct opencps_steps){0};
    if (err == 0) {
        err = opencps_count_rows(row, OPENCPS_STEPS_MAX, &n, msg);
    }
    if (err != 0) {
        return err;
    }
    out->list = arena_alloc(a, (n + 1) * sizeof(*out->list));
    if (out->list == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    for (; opencps_row_there(row); row = opencps_row_next(row)) {
        const char *values[STEP_FIELD_COUNT];
        struct opencps_step *step = &out->list[out->n];

        err = opencps_row_fields(row, STEP_NAMES, STEP_FIELD_COUNT, values, a, msg);
        if (err != 0) {
            return err;
        }
        step->code = opencps_field_keep(a, values[S_stepCode], &err);
        step->status = opencps_field_keep(a, values[S_dossierStatus], &err);
        step->substatus = opencps_field_keep(a, values[S_dossierSubStatus], &err);
        if (err != 0) {
            return err_set(msg, err, "%s", err_text(err));
        }
        out->n += step->code[0] != '\0';
    }
    qsort(out->list, out->n, sizeof(*out->list), compare_steps);
    return 0;
}

const struct opencps_step *opencps_steps_find(const struct opencps_steps *steps, const char *code)
{
    struct opencps_step key = {.code = code};

    if (steps->n == 0) {
        return NULL;
    }
    return bsearch(&key, steps->list, steps->n, sizeof(*steps->list), compare_steps);
}

/* ---- records ---- */

static const char *step_text(const struct opencps_action *action, struct arena *a)
{
    size_t name_len = strlen(action->name);
    size_t note_len = strlen(action->note);
    char *text;

    if (note_len == 0) {
        return action->name;
    }
    text = arena_alloc(a, name_len + note_len + sizeof(" - "));
    if (text != NULL) {
        memcpy(text, action->name, name_len);
        memcpy(text + name_len, " - ", 3);
        memcpy(text + name_len + 3, action->note, note_len);
    }
    return text;
}

static int record_of_action(const struct opencps_action *action, const struct dossier *d,
                            const struct opencps_steps *steps, struct arena *a, struct record *out,
                            struct errmsg *msg)
{
    const struct opencps_step *config = opencps_steps_find(steps, action->step_code);
    struct step step;

    step_init(&step);
    step.code = d->code;
    step.key = action->id;
    step.actor = action->actor;
    step.unit = d->agency_name;
    step.text = step_text(action, a);
    step.at_s = action->at_s;
    step.due_s = action->due_s;
    step.status = config != NULL ? config->status : action->step_code;
    step.substatus = config != NULL ? config->substatus : "";
    step.status_map = d->status_map;
    if (step.text == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    return record_with_step(&step, a, out, msg);
}

/* OpenCPS has no date of a refusal of its own: it is that of the last action, when the state is
 * one. A state that the map does not know yet may turn out to be one. */
static int64_t refusal_date(const struct opencps_dossier *d, const struct config *config,
                            const char *statuses)
{
    const struct dossier *r = &d->record;
    const struct map *map;
    int status = config_map_status(config, statuses, r->status, r->substatus, r->status_name,
                                   r->changed_s, &map);

    return status == STATUS_UNMAPPED || status == 3 || status == 8 ? d->last_action_s : 0;
}

int opencps_records(const struct opencps_dossier *d, const struct opencps_actions *actions,
                    const struct opencps_steps *steps, const struct config *config,
                    const char *statuses, struct arena *a, struct record **out, size_t *n,
                    struct errmsg *msg)
{
    struct record *records = arena_alloc(a, (actions->n + 1) * sizeof(*records));
    struct dossier snapshot = d->record;
    int err;

    if (records == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    snapshot.refused_s = refusal_date(d, config, statuses);
    snapshot.status_map = statuses;
    for (size_t i = 0; i < actions->n; i++) {
        if (actions->list[i].at_s > snapshot.changed_s) {
            snapshot.changed_s = actions->list[i].at_s;
        }
    }
    err = record_with_dossier(&snapshot, a, &records[0], msg);
    for (size_t i = 0; i < actions->n && err == 0; i++) {
        err = record_of_action(&actions->list[i], &snapshot, steps, a, &records[i + 1], msg);
        if (err != 0) {
            err_wrap(msg, err, "action %s", actions->list[i].id);
        }
    }
    *out = records;
    *n = actions->n + 1;
    return err;
}
