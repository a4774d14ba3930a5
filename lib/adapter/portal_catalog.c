#include <string.h>

#include "adapter/portal_call.h"
#include "adapter/portal_procedure.h"
#include "adapter/portal_wire.h"
#include "base/text.h"
#include "codec/record.h"

/* Rows delivered in one turn of the loop. */
#define ROWS_PER_TURN 256
/* Memory for what is made of a reply, as a multiple of its allowed size. */
#define ARENA_FACTOR 4

static void procedure_rows(struct portal_call *call);
static void dictionary_rows(struct portal_call *call);

/* The dictionaries of section 4: where to ask and how their columns are called. */
struct dictionary {
    enum record_kind kind;
    const char *service;
    enum portal_endpoint endpoint;
    void (*read_rows)(struct portal_call *call);
    const char *code, *name, *parent, *extra; /* keys; "" none */
};

static const struct dictionary dictionaries[] = {
    {RECORD_PROCEDURE, "LayDanhSachTTHC", PORTAL_SHARE, procedure_rows, "MATTHC", "TENTTHC", "",
     ""},
    {RECORD_SERVICE, "LayDVC", PORTAL_INTEGRATION, dictionary_rows, "MADVC", "TENDVC", "MATTHC",
     "TENCOQUANBANHANH"},
    {RECORD_SECTOR, "LayDanhMucLinhVuc", PORTAL_SHARE, dictionary_rows, "MALINHVUC", "TENLINHVUC",
     "MANGANH", ""},
    {RECORD_AGENCY, "LayDanhMucCoQuan", PORTAL_SHARE, dictionary_rows, "MADONVI", "TENDONVI", "",
     "CAPDONVI"},
};

static const struct dictionary *dictionary_find(enum record_kind kind)
{
    for (size_t i = 0; i < sizeof(dictionaries) / sizeof(dictionaries[0]); i++) {
        if (dictionaries[i].kind == kind) {
            return &dictionaries[i];
        }
    }
    return NULL;
}

/* Copied, trimmed and NFC: rows outlive the tree that they are read from. */
static int take_text(struct portal_call *call, const struct json *row, const char *key,
                     const char **out)
{
    char number[24];
    const char *text = key[0] == '\0' ? "" : json_text(json_get_any_case(row, key), number);
    size_t size;
    char *copy;

    if (text == NULL) {
        text = "";
    }
    size = strlen(text) + 1;
    copy = arena_alloc(&call->arena, size);
    if (copy == NULL) {
        return err_set(&call->fault, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    text_trim(text, copy, size);
    return text_nfc(&call->arena, copy, strlen(copy), out, NULL);
}

/* ---- list ---- */

/* A list is whole or nothing: a row that can't be named could be any row, and leaving it out would
 * make its procedure look withdrawn. */
static int take_row(struct portal_call *call, const struct json *row, size_t index,
                    struct catalog_row *out)
{
    const struct adapter_list *list = call->request;
    const struct dictionary *d = dictionary_find(list->kind);
    int err = take_text(call, row, d->code, &out->code);

    if (err == 0) {
        err = take_text(call, row, d->name, &out->name);
    }
    if (err == 0) {
        err = take_text(call, row, d->parent, &out->parent);
    }
    if (err == 0) {
        err = take_text(call, row, d->extra, &out->extra);
    }
    if (err == 0 && out->code[0] == '\0') {
        err = err_set(&call->fault, ERR_FORMAT, "%s: row %zu has no %s", d->service, index + 1,
                      d->code);
    }
    return err;
}

static int make_procedure_row(struct portal_call *call, const struct catalog_row *row,
                              struct record *out)
{
    (void)call;
    out->kind = RECORD_PROCEDURE;
    out->code = row->code;
    out->local_no = "";
    out->step_key = "";
    return 0;
}

static int make_dictionary_row(struct portal_call *call, const struct catalog_row *row,
                               struct record *out)
{
    const struct adapter_list *list = call->request;

    return record_from_row(list->kind, row, &call->arena, out, &call->fault);
}

static int read_list(struct portal_call *call,
                     int (*make)(struct portal_call *call, const struct catalog_row *row,
                                 struct record *out))
{
    const struct json *rows = call->reply.result;
    size_t n;
    size_t i = 0;

    if (!json_is_array(rows)) {
        rows = json_get_any_case(rows, "data"); /* LayDVC (section 4.3) */
    }
    if (!json_is_array(rows)) {
        return err_set(&call->fault, ERR_FORMAT, "the reply holds no list");
    }
    n = json_size(rows);
    call->records = arena_alloc(&call->arena, (n + 1) * sizeof(*call->records));
    call->names = arena_alloc(&call->arena, (n + 1) * sizeof(*call->names));
    if (call->records == NULL || call->names == NULL) {
        return err_set(&call->fault, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    for (const struct json *node = json_first(rows); node != NULL; node = json_next(node), i++) {
        struct catalog_row row;
        int err = take_row(call, node, i, &row);

        if (err == 0) {
            err = make(call, &row, &call->records[i]);
        }
        if (err != 0) {
            return err;
        }
        call->names[i] = row.name;
    }
    call->n_records = n;
    return 0;
}

static void begin_rows(struct portal_call *call)
{
    arena_free(&call->arena);
    arena_init(&call->arena, call->response_bytes * ARENA_FACTOR);
    call->n_records = 0;
    memset(&call->fault, 0, sizeof(call->fault));
}

static void procedure_rows(struct portal_call *call)
{
    begin_rows(call);
    call->err = read_list(call, make_procedure_row);
}

static void dictionary_rows(struct portal_call *call)
{
    begin_rows(call);
    call->err = read_list(call, make_dictionary_row);
}

static void list_end(struct portal_call *call)
{
    struct adapter_list *list = call->request;

    portal_call_release(call);
    list->done(list);
}

/* A slice a turn: a list may be long. */
static void list_deliver(struct loop_task *task)
{
    struct portal_call *call = CONTAINER_OF(task, struct portal_call, task);
    struct adapter_list *list = call->request;

    for (size_t i = 0; i < ROWS_PER_TURN && call->at < call->n_records && !call->canceled; i++) {
        list->row(list, &call->records[call->at], call->names[call->at], true);
        call->at++;
        list->n_rows++;
    }
    if (call->canceled) {
        list->err = err_set(&list->why, ERR_CANCELED, "%s", err_text(ERR_CANCELED));
    } else if (call->at < call->n_records) {
        loop_defer(call->portal->env.loop, &call->task);
        return;
    }
    list_end(call);
}

static void list_done(struct portal_call *call)
{
    struct adapter_list *list = call->request;
    const struct dictionary *d = dictionary_find(list->kind);

    list->err = portal_call_read_error(call, d != NULL ? d->service : "list", &list->why);
    if (list->err != 0) {
        list_end(call);
        return;
    }
    portal_reply_free(&call->reply); /* the rows are copies */
    http_req_free(&call->http);
    loop_task_init(&call->task, list_deliver);
    loop_defer(call->portal->env.loop, &call->task);
}

static void refuse(struct portal_call *call, int err)
{
    call->err = err;
    (void)err_set(&call->fault, err, "the portal has no such list or record");
    portal_call_end(call, OUTCOME_DONE, "");
}

void portal_catalog_list(struct adapter *a, struct adapter_list *list)
{
    struct portal *portal = CONTAINER_OF(a, struct portal, adapter);
    const struct dictionary *d = dictionary_find(list->kind);
    struct portal_call *call = portal_call_new(
        portal, PORTAL_READ, d != NULL ? d->endpoint : PORTAL_SHARE, list, list_done);
    int err;

    list->n_rows = 0;
    if (d == NULL) {
        refuse(call, ERR_UNSUPPORTED);
        return;
    }
    call->read_rows = d->read_rows;
    call->response_bytes = call->settings->list_bytes;
    err = portal_wire_read(&call->settings->config, d->service, NULL, NULL,
                           portal_call_request(call));
    if (err != 0) {
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(err));
        return;
    }
    portal_call_start(call);
}

/* ---- detail ---- */

static int read_procedure(struct portal_call *call)
{
    const struct adapter_detail *detail = call->request;
    const struct json *row = call->reply.result;
    int err;

    if (json_is_array(row)) {
        if (json_size(row) == 0) {
            return err_set(&call->fault, ERR_NOTFOUND, "LayThuTuc: the portal has no procedure %s",
                           detail->id);
        }
        row = json_first(row);
    }
    if (!json_is_object(row)) {
        return err_set(&call->fault, ERR_FORMAT, "LayThuTuc: the reply holds no procedure");
    }
    call->procedure = arena_alloc(&call->arena, sizeof(*call->procedure));
    err = call->procedure != NULL ? portal_procedure_read(row, &call->arena, call->procedure)
                                  : ERR_NOMEM;
    if (err != 0) {
        return err_set(&call->fault, err, "LayThuTuc %s: %s", detail->id, err_text(err));
    }
    if (strcmp(call->procedure->code, detail->id) != 0) {
        return err_set(&call->fault, ERR_FORMAT, "LayThuTuc %s: the reply is about another one",
                       detail->id);
    }
    return 0;
}

static void detail_rows(struct portal_call *call)
{
    begin_rows(call);
    call->err = read_procedure(call);
}

/* The publisher's name is the catalogue mirror's: only the loop may ask it. */
static int make_procedure(struct portal_call *call, struct record *out, struct errmsg *why)
{
    const struct adapter_env *env = &call->portal->env;
    struct procedure *p = call->procedure;
    const char *name = NULL;

    if (env->mirror_name != NULL && p->publisher[0] != '\0') {
        name = env->mirror_name(env->mirror_ctx, RECORD_AGENCY, p->publisher);
    }
    if (name != NULL) {
        p->publisher_name = name;
    }
    return record_from_procedure(p, &call->arena, out, why);
}

static void detail_done(struct portal_call *call)
{
    struct adapter_detail *detail = call->request;
    struct record record = {0};

    detail->err = portal_call_read_error(call, "LayThuTuc", &detail->why);
    if (detail->err == 0) {
        detail->err = make_procedure(call, &record, &detail->why);
    }
    detail->records = detail->err == 0 ? &record : NULL;
    detail->n_records = detail->err == 0 ? 1 : 0;
    detail->inactive = detail->err == 0 && !call->procedure->active;
    detail->done(detail); /* may free detail; what it was shown is still the call's */
    portal_call_release(call);
}

/* ---- decision ---- */

static int read_decision(struct portal_call *call)
{
    const struct adapter_detail *detail = call->request;
    const struct json *row = call->reply.result;
    struct catalog_row decision = {"", "", "", ""};
    int err;

    if (json_is_array(row) && json_size(row) == 0) {
        return err_set(&call->fault, ERR_NOTFOUND, "LayQDCB: the portal has no decision %s",
                       detail->id);
    }
    row = json_is_array(row) ? json_first(row) : row;
    if (!json_is_object(row)) {
        return err_set(&call->fault, ERR_FORMAT, "LayQDCB: the reply holds no decision");
    }
    decision.code = detail->id; /* the shape is inferred (4.4): an ID that differs proves nothing */
    err = take_text(call, row, "TRICHYEU", &decision.name);
    err = err == 0 ? take_text(call, row, "SOQUYETDINH", &decision.parent) : err;
    err = err == 0 ? take_text(call, row, "NGAYBANHANH", &decision.extra) : err;
    if (err == 0 && decision.parent[0] == '\0') {
        err = err_set(&call->fault, ERR_FORMAT, "LayQDCB %s: no SOQUYETDINH", detail->id);
    }
    call->records = err == 0 ? arena_alloc(&call->arena, sizeof(*call->records)) : NULL;
    if (err != 0 || call->records == NULL) {
        return err != 0 ? err : err_set(&call->fault, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    err = record_from_row(RECORD_DECISION, &decision, &call->arena, call->records, &call->fault);
    call->n_records = err == 0 ? 1 : 0;
    return err;
}

static void decision_rows(struct portal_call *call)
{
    begin_rows(call);
    call->err = read_decision(call);
}

static void decision_done(struct portal_call *call)
{
    struct adapter_detail *detail = call->request;

    detail->err = portal_call_read_error(call, "LayQDCB", &detail->why);
    detail->records = detail->err == 0 ? call->records : NULL;
    detail->n_records = detail->err == 0 ? call->n_records : 0;
    detail->done(detail); /* may free detail; what it was shown is still the call's */
    portal_call_release(call);
}

void portal_catalog_detail(struct adapter *a, struct adapter_detail *detail)
{
    struct portal *portal = CONTAINER_OF(a, struct portal, adapter);
    struct portal_call *call =
        portal_call_new(portal, PORTAL_READ, PORTAL_INTEGRATION, detail, detail_done);
    int err;

    if (detail->kind != RECORD_PROCEDURE && detail->kind != RECORD_DECISION) {
        refuse(call, ERR_UNSUPPORTED);
        return;
    }
    if (detail->kind == RECORD_DECISION) {
        call->done = decision_done;
        call->read_rows = decision_rows;
        err = portal_wire_read(&call->settings->config, "LayQDCB", "idQDCB", detail->id,
                               portal_call_request(call));
    } else {
        call->read_rows = detail_rows;
        err = portal_wire_read(&call->settings->config, "LayThuTuc", "maTTHC", detail->id,
                               portal_call_request(call));
    }
    if (err != 0) {
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(err));
        return;
    }
    portal_call_start(call);
}
