#include "adapter/opencps_read.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter/opencps_field.h"
#include "base/digest.h"
#include "codec/json.h"
#include "domain/codes.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- rows ---- */

static const char *const ROW_NAMES[] = {
    "applicantIdNo",  "applicantIdType",   "applicantNote",    "contactEmail",   "contactTelNo",
    "domainCode",     "domainName",        "dossierId",        "dossierName",    "dossierNo",
    "dossierStatus",  "dossierStatusText", "dossierSubStatus", "dueDate",        "extendDate",
    "finishDate",     "govAgencyCode",     "govAgencyName",    "lastActionCode", "lastActionDate",
    "lastActionName", "lastActionNote",    "lastActionUser",   "online",         "originDossierId",
    "originality",    "receiveDate",       "releaseDate",      "serviceCode",    "serviceName",
    "stepCode",       "submitDate",        "systemId",         "viaPostal",
};
#define ROW_ID 7 /* dossierId in ROW_NAMES */

static int hash_row(const char *const *values, uint8_t out[RECORD_HASH_BYTES])
{
    struct digest digest;
    int err = digest_begin(&digest);

    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < COUNT(ROW_NAMES); i++) {
        digest_add_field(&digest,
                         opencps_field_text(values[i])); /* absent, null and empty are the same */
    }
    digest_end(&digest, out);
    return 0;
}

static int read_row(struct opencps_row row, struct arena *a, struct adapter_row *out,
                    struct errmsg *msg)
{
    const char *values[COUNT(ROW_NAMES)];
    int err = opencps_row_fields(row, ROW_NAMES, COUNT(ROW_NAMES), values, a, msg);

    if (err != 0) {
        return err;
    }
    if (opencps_field_number(values[ROW_ID], 0) <= 0) {
        return err_set(msg, ERR_FORMAT, "dossierId is not a number");
    }
    err = hash_row(values, out->hash);
    out->id = opencps_field_keep(a, values[ROW_ID], &err);
    return err != 0 ? err_set(msg, err, "%s", err_text(err)) : 0;
}

int opencps_read_page(const struct opencps_doc *doc, size_t max_rows, struct arena *a,
                      struct opencps_page *out, struct errmsg *msg)
{
    struct opencps_row row;
    size_t n;
    int err = opencps_doc_list(doc, &row, &out->total, msg);

    *out = (struct opencps_page){.total = out->total};
    if (err == 0 && out->total < 0) {
        err = err_set(msg, ERR_FORMAT, "the list has no total");
    }
    if (err == 0) {
        err = opencps_count_rows(row, max_rows, &n, msg);
    }
    if (err != 0) {
        return err;
    }
    out->rows = arena_alloc(a, (n + 1) * sizeof(*out->rows));
    if (out->rows == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    for (; opencps_row_there(row); row = opencps_row_next(row)) {
        err = read_row(row, a, &out->rows[out->n], msg);
        if (err != 0) {
            return err_wrap(msg, err, "row %zu", out->n + 1);
        }
        out->n++;
    }
    return 0;
}

/* ---- one dossier ---- */

/* X(field): what is read of a dossier, in byte order. */
#define DOSSIER_FIELDS(X)                                                                          \
    X(applicantIdNo)                                                                               \
    X(applicantIdType)                                                                             \
    X(applicantName)                                                                               \
    X(applicantNote)                                                                               \
    X(cancellingDate)                                                                              \
    X(contactEmail)                                                                                \
    X(contactTelNo)                                                                                \
    X(correctingDate)                                                                              \
    X(createDate)                                                                                  \
    X(domainCode)                                                                                  \
    X(domainName)                                                                                  \
    X(dossierId)                                                                                   \
    X(dossierName)                                                                                 \
    X(dossierNo)                                                                                   \
    X(dossierStatus)                                                                               \
    X(dossierStatusText)                                                                           \
    X(dossierSubStatus)                                                                            \
    X(dueDate)                                                                                     \
    X(endorsementDate)                                                                             \
    X(finishDate)                                                                                  \
    X(govAgencyCode)                                                                               \
    X(govAgencyName)                                                                               \
    X(lastActionDate)                                                                              \
    X(metaData)                                                                                    \
    X(modifiedDate)                                                                                \
    X(online)                                                                                      \
    X(originDossierId)                                                                             \
    X(originDossierNo)                                                                             \
    X(originality)                                                                                 \
    X(receiveDate)                                                                                 \
    X(releaseDate)                                                                                 \
    X(serviceCode)                                                                                 \
    X(serviceName)                                                                                 \
    X(submitDate)                                                                                  \
    X(systemId)                                                                                    \
    X(viaPostal)

enum dossier_field {
#define X(name) D_##name,
    DOSSIER_FIELDS(X)
#undef X
        DOSSIER_FIELD_COUNT
};

static const char *const DOSSIER_NAMES[] = {
#define X(name) #name,
    DOSSIER_FIELDS(X)
#undef X
};

/* Texts that are taken as they stand. */
static const struct {
    enum dossier_field from;
    size_t to; /* offset in struct dossier */
} DOSSIER_COPIED[] = {
    {D_dossierNo, offsetof(struct dossier, code)},
    {D_serviceCode, offsetof(struct dossier, procedure_code)},
    {D_serviceName, offsetof(struct dossier, procedure_name)},
    {D_domainCode, offsetof(struct dossier, sector_code)},
    {D_domainName, offsetof(struct dossier, sector_name)},
    {D_govAgencyCode, offsetof(struct dossier, agency_code)},
    {D_govAgencyName, offsetof(struct dossier, agency_name)},
    {D_dossierStatus, offsetof(struct dossier, status)},
    {D_dossierSubStatus, offsetof(struct dossier, substatus)},
    {D_dossierStatusText, offsetof(struct dossier, status_name)},
    {D_applicantName, offsetof(struct dossier, applicant_name)},
    {D_applicantIdNo, offsetof(struct dossier, applicant_id)},
    {D_contactEmail, offsetof(struct dossier, email)},
    {D_contactTelNo, offsetof(struct dossier, phone)},
    {D_applicantNote, offsetof(struct dossier, note)},
};

/* The dates of events: none of them lies ahead, so that the latest is when the dossier last
 * changed. */
static const enum dossier_field DOSSIER_EVENTS[] = {
    D_createDate,     D_submitDate,     D_receiveDate,  D_releaseDate,     D_finishDate,
    D_cancellingDate, D_correctingDate, D_modifiedDate, D_endorsementDate, D_lastActionDate,
};

static const struct {
    const char *word;
    const char *type; /* LoaiDoiTuong */
} APPLICANT_TYPES[] = {{"citizen", "1"}, {"business", "2"}, {"organization", "4"}};

static const char *applicant_type(const char *word)
{
    for (size_t i = 0; i < COUNT(APPLICANT_TYPES); i++) {
        if (strcasecmp(opencps_field_text(word), APPLICANT_TYPES[i].word) == 0) {
            return APPLICANT_TYPES[i].type;
        }
    }
    return "";
}

static int read_dossier_times(const char *const *values, struct opencps_dossier *out,
                              struct errmsg *msg)
{
    int64_t times[DOSSIER_FIELD_COUNT] = {0};
    int err = opencps_field_time(values[D_dueDate], "dueDate", &out->record.promised_s, msg);

    for (size_t i = 0; i < COUNT(DOSSIER_EVENTS) && err == 0; i++) {
        enum dossier_field field = DOSSIER_EVENTS[i];

        err = opencps_field_time(values[field], DOSSIER_NAMES[field], &times[field], msg);
        if (times[field] > out->record.changed_s) {
            out->record.changed_s = times[field];
        }
    }
    out->record.submitted_s = times[D_submitDate];
    out->record.received_s = times[D_receiveDate];
    out->record.finished_s = times[D_releaseDate];
    out->record.returned_s = times[D_finishDate];
    out->last_action_s = times[D_lastActionDate];
    return err;
}

static void read_dossier_codes(const char *const *values, struct opencps_dossier *out)
{
    const char *origin = opencps_field_text(values[D_originDossierId]);
    struct dossier *d = &out->record;

    if (opencps_field_text(values[D_online])[0] != '\0') {
        d->channel = opencps_field_true(values[D_online]) ? "2" : "1";
    }
    d->applicant_type = applicant_type(values[D_applicantIdType]);
    d->result_by = opencps_field_number(values[D_viaPostal], 0) == 2 ? "1" : "0";
    d->entry = opencps_field_number(values[D_systemId], 0) == OPENCPS_SYSTEM_NATIONAL ? "1" : "2";
    out->interlinked = origin[0] != '\0' && strcmp(origin, "0") != 0;
    out->internal = opencps_field_number(values[D_originality], 1) <= 0;
}

/* The portal's number in metaData, a JSON text; "" for none. */
static const char *number_in_meta(const char *text, struct arena *a, int *err)
{
    struct errmsg unused = {""};
    struct json *meta;
    char digits[24];
    const char *number;

    if (text[0] == '\0' || json_parse(text, strlen(text), &meta, &unused) != 0) {
        return ""; /* the site's own text: what is no JSON names no number */
    }
    number = opencps_field_keep(a, json_text_or_empty(json_get(meta, "MaHoSo"), digits), err);
    json_free(meta);
    return number;
}

const char *opencps_portal_number(const char *origin_no, const char *meta, struct arena *a,
                                  int *err)
{
    const char *number = opencps_field_text(origin_no);

    if (number[0] == '\0') {
        number = number_in_meta(opencps_field_text(meta), a, err);
    }
    return code_is_dossier(number) ? number : "";
}

/* A dossier that came from the portal keeps the portal's number as its identity, also on a site
 * that gave it a number of its own (doc/opencps.md, Intake). */
static void read_portal_number(const char *const *values, struct arena *a,
                               struct opencps_dossier *out, int *err)
{
    const char *number;

    if (opencps_field_number(values[D_systemId], 0) != OPENCPS_SYSTEM_NATIONAL) {
        return;
    }
    number = opencps_field_keep(
        a, opencps_portal_number(values[D_originDossierNo], values[D_metaData], a, err), err);
    if (number[0] != '\0' && strcmp(number, out->record.code) != 0) {
        out->record.local_no = out->record.code;
        out->record.code = number;
    }
}

int opencps_read_dossier(const struct opencps_doc *doc, struct arena *a,
                         struct opencps_dossier *out, struct errmsg *msg)
{
    const char *values[DOSSIER_FIELD_COUNT];
    struct opencps_row root = opencps_doc_root(doc);
    int err;

    memset(out, 0, sizeof(*out));
    dossier_init(&out->record);
    if (!opencps_row_there(root)) {
        return err_set(msg, ERR_FORMAT, "the answer is not a dossier");
    }
    err = opencps_row_fields(root, DOSSIER_NAMES, DOSSIER_FIELD_COUNT, values, a, msg);
    if (err != 0) {
        return err;
    }
    if (opencps_field_number(values[D_dossierId], 0) <= 0) {
        return err_set(msg, ERR_FORMAT, "the dossier has no dossierId");
    }
    for (size_t i = 0; i < COUNT(DOSSIER_COPIED); i++) {
        const char **to = (const char **)(void *)((char *)&out->record + DOSSIER_COPIED[i].to);

        *to = opencps_field_keep(a, values[DOSSIER_COPIED[i].from], &err);
    }
    out->id = opencps_field_keep(a, values[D_dossierId], &err);
    out->record.subject = opencps_field_keep(a, values[D_dossierName], &err);
    read_portal_number(values, a, out, &err);
    if (err != 0) {
        return err_set(msg, err, "%s", err_text(err));
    }
    if (out->record.subject[0] == '\0') {
        out->record.subject = out->record.procedure_name;
    }
    read_dossier_codes(values, out);
    return read_dossier_times(values, out, msg);
}

bool opencps_test_agency(const char *code, const struct config_list *agencies)
{
    char normal[CODE_MAX];
    bool known = code_agency_normal(code, normal) == 0;

    for (size_t i = 0; i < agencies->n; i++) {
        char other[CODE_MAX];

        if (strcmp(code, agencies->items[i]) == 0 ||
            (known && code_agency_normal(agencies->items[i], other) == 0 &&
             strcmp(normal, other) == 0)) {
            return true;
        }
    }
    return false;
}

bool opencps_test_account(const char *name, const struct config_list *accounts)
{
    for (size_t i = 0; i < accounts->n && name[0] != '\0'; i++) {
        if (strcmp(name, accounts->items[i]) == 0) {
            return true;
        }
    }
    return false;
}

const char *opencps_excluded(const struct opencps_dossier *d, const struct opencps_actions *actions,
                             const struct config_source *source)
{
    if (d->record.code[0] == '\0') {
        return "it has no number yet (dossierNo)";
    }
    if (d->interlinked) {
        return "it is an interlinked child (originDossierId): its parent is sent";
    }
    if (d->internal) {
        return "it is internal (originality is not above 0)";
    }
    if (opencps_test_agency(d->record.agency_code, &source->test_agencies)) {
        return "its agency is named in test_agencies";
    }
    if (opencps_test_account(d->record.applicant_id, &source->test_accounts)) {
        return "its applicant is named in test_accounts";
    }
    for (size_t i = 0; actions != NULL && i < actions->n; i++) {
        if (opencps_test_account(actions->list[i].actor, &source->test_accounts)) {
            return "one of its actions is by an account named in test_accounts";
        }
    }
    return NULL;
}

/* ---- actions ---- */

#define ACTION_FIELDS(X)                                                                           \
    X(actionName)                                                                                  \
    X(actionNote)                                                                                  \
    X(actionUser)                                                                                  \
    X(createDate)                                                                                  \
    X(dossierActionId)                                                                             \
    X(dueDate)                                                                                     \
    X(pending)                                                                                     \
    X(state)                                                                                       \
    X(stepCode)

enum action_field {
#define X(name) A_##name,
    ACTION_FIELDS(X)
#undef X
        ACTION_FIELD_COUNT
};

static const char *const ACTION_NAMES[] = {
#define X(name) #name,
    ACTION_FIELDS(X)
#undef X
};

#define ACTION_ROLLED_BACK 2

static int read_action(struct opencps_row row, struct arena *a, struct opencps_action *out,
                       bool *counts, struct errmsg *msg)
{
    const char *values[ACTION_FIELD_COUNT];
    int err = opencps_row_fields(row, ACTION_NAMES, ACTION_FIELD_COUNT, values, a, msg);

    if (err != 0) {
        return err;
    }
    *counts = !opencps_field_true(values[A_pending]) &&
              opencps_field_number(values[A_state], 0) != ACTION_ROLLED_BACK;
    if (!*counts) {
        return 0;
    }
    if (opencps_field_text(values[A_dossierActionId])[0] == '\0') {
        return err_set(msg, ERR_FORMAT, "an action without dossierActionId");
    }
    out->id = opencps_field_keep(a, values[A_dossierActionId], &err);
    out->actor = opencps_field_keep(a, values[A_actionUser], &err);
    out->name = opencps_field_keep(a, values[A_actionName], &err);
    out->note = opencps_field_keep(a, values[A_actionNote], &err);
    out->step_code = opencps_field_keep(a, values[A_stepCode], &err);
    if (err != 0) {
        return err_set(msg, err, "%s", err_text(err));
    }
    err = opencps_field_time(values[A_createDate], "createDate", &out->at_s, msg);
    return err != 0 ? err : opencps_field_time(values[A_dueDate], "dueDate", &out->due_s, msg);
}

static int compare_actions(const void *left, const void *right)
{
    const struct opencps_action *a = left;
    const struct opencps_action *b = right;
    size_t a_len = strlen(a->id);
    size_t b_len = strlen(b->id);

    if (a->at_s != b->at_s) {
        return a->at_s < b->at_s ? -1 : 1;
    }
    if (a_len != b_len) { /* ids are numbers without leading zeros */
        return a_len < b_len ? -1 : 1;
    }
    return strcmp(a->id, b->id);
}

int opencps_read_actions(const struct opencps_doc *doc, struct arena *a,
                         struct opencps_actions *out, struct errmsg *msg)
{
    struct opencps_row row;
    int64_t total;
    size_t n = 0;
    int err = opencps_doc_list(doc, &row, &total, msg);

    *out = (struct opencps_actions){0};
    if (err == 0) {
        err = opencps_count_rows(row, OPENCPS_ACTIONS_MAX, &n, msg);
    }
    if (err != 0) {
        return err;
    }
    if (total >= 0 && (size_t)total > n) {
        return err_set(msg, ERR_FORMAT, "only %zu of %lld actions came", n, (long long)total);
    }
    out->list = arena_alloc(a, (n + 1) * sizeof(*out->list));
    if (out->list == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    for (; opencps_row_there(row); row = opencps_row_next(row)) {
        bool counts = false;

        err = read_action(row, a, &out->list[out->n], &counts, msg);
        if (err != 0) {
            return err;
        }
        out->n += counts;
    }
    qsort(out->list, out->n, sizeof(*out->list), compare_actions);
    return 0;
}
