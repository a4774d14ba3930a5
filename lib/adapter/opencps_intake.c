/* Dossiers of the portal into OpenCPS (doc/opencps.md, Intake): a look by number first, then POST
 * /nps/createdossierfromdvcqg with the portal's own shape of a dossier. Looking makes it idempotent
 * by code: a dossier that is there is changed in state 5 only, where it goes back to 1. */
#include <stdio.h>
#include <string.h>

#include "adapter/national.h"
#include "adapter/opencps_field.h"
#include "adapter/opencps_impl.h"
#include "adapter/opencps_write.h"
#include "adapter/portal_wire.h"
#include "base/crash_point.h"
#include "base/text.h"
#include "codec/json.h"

#define LOOK_ROWS 20
#define STATUS_SUPPLEMENT 5 /* the only one in which a dossier is taken again */

/* Lists show one system at a time: what came from the portal first. */
enum stage { LOOK_NATIONAL, LOOK_LOCAL, WRITE };
static const int LOOK_SYSTEM[] = {[LOOK_NATIONAL] = OPENCPS_SYSTEM_NATIONAL, [LOOK_LOCAL] = 0};

struct found {
    bool there;
    const char *number; /* dossierNo */
    const char *status, *substatus, *status_name;
};

/* What createdossierfromdvcqg said. */
struct answer {
    const char *id, *number;
    const char *code, *words; /* error_code, message */
};

struct intake_op {
    struct opencps_op op; /* first */
    struct adapter_send *send;
    enum stage stage;
    struct found found;
    struct answer answer;
    struct adapter_check verdict; /* of the record that is written */
};

static void end(struct intake_op *i)
{
    struct adapter_send *send = i->send;

    opencps_op_close(&i->op);
    send->done(send); /* may free the adapter */
    opencps_op_free(&i->op);
}

static void end_with(struct intake_op *i, enum outcome_class class, const char *words)
{
    struct outcome *out = &i->send->outcome;

    out->class = class;
    text_printable(words, strlen(words), out->words, sizeof(out->words));
    text_mask_personal(out->words);
    end(i);
}

static void keep_number(struct intake_op *i, const char *number)
{
    struct outcome *out = &i->send->outcome;

    if (number[0] != '\0' && strcmp(number, i->send->code) != 0 &&
        strlen(number) < sizeof(out->local_no)) {
        strcpy(out->local_no, number);
    }
}

static void canceled(struct intake_op *i)
{
    end_with(i, OUTCOME_CANCELED, err_text(ERR_CANCELED));
}

/* ---- writing ---- */

enum answer_field { R_dossierId, R_dossierNo, R_error_code, R_message, ANSWER_FIELDS };
static const char *const ANSWER_NAMES[] = {"dossierId", "dossierNo", "error_code", "message"};

static int answer_read(struct opencps_call *call, const struct opencps_doc *doc, struct errmsg *msg)
{
    struct intake_op *i = CONTAINER_OF(call, struct intake_op, op.call);
    const char *values[ANSWER_FIELDS];
    struct arena *a = &i->op.arena;
    int err =
        opencps_row_fields(opencps_doc_root(doc), ANSWER_NAMES, ANSWER_FIELDS, values, a, msg);

    if (err != 0) {
        return err;
    }
    i->answer.id = opencps_field_keep(a, values[R_dossierId], &err);
    i->answer.number = opencps_field_keep(a, values[R_dossierNo], &err);
    i->answer.code = opencps_field_keep(a, values[R_error_code], &err);
    i->answer.words = opencps_field_keep(a, values[R_message], &err);
    if (err == 0 && i->answer.id[0] == '\0' && i->answer.code[0] == '\0') {
        err = err_set(msg, ERR_FORMAT, "the answer has neither dossierId nor error_code");
    }
    return err;
}

/* A complete answer of the site. */
static void judge(struct intake_op *i)
{
    const struct answer *answer = &i->answer;
    struct outcome *out = &i->send->outcome;
    bool fine = answer->code[0] == '\0' || strspn(answer->code, "0") == strlen(answer->code);

    snprintf(out->code, sizeof(out->code), "%.15s", answer->code);
    keep_number(i, answer->number);
    if (fine) {
        out->status = i->verdict.status;
        out->has_content = i->verdict.has_held_hash;
        memcpy(out->content, i->verdict.held_hash, sizeof(out->content));
        end_with(i, OUTCOME_DONE, answer->words);
    } else if (strcmp(answer->code, "1") == 0 || text_contains(answer->words, "đã tồn tại")) {
        end_with(i, OUTCOME_DONE, "the site says that it has it already; nothing was changed");
    } else {
        end_with(i, OUTCOME_BACKOFF, answer->words);
    }
}

static void written(struct opencps_call *call)
{
    struct intake_op *i = CONTAINER_OF(call, struct intake_op, op.call);
    struct outcome *out = &i->send->outcome;

    CRASH_POINT(intake_written);
    opencps_outcome(&call->req, call->err == 0, out);
    if (i->found.there) {
        keep_number(i, i->found.number);
    }
    if (out->class == OUTCOME_DONE) {
        judge(i);
    } else if (out->class == OUTCOME_EXISTS) {
        end_with(i, OUTCOME_DONE, "the site says that it has it already; nothing was changed");
    } else if (out->class == OUTCOME_MISSING) {
        end_with(i, OUTCOME_PERMANENT, "the site has no /nps/createdossierfromdvcqg");
    } else {
        if (call->err != 0 && out->words[0] == '\0') {
            snprintf(out->words, sizeof(out->words), "%.300s", call->why.text);
        }
        end(i);
    }
}

/* {service, isUpdating, data} of national-portal.md 10.4. */
static int build(struct intake_op *i, bool update, struct errmsg *msg)
{
    struct buf data;
    struct json_writer w;
    int err;

    buf_init(&data, PORTAL_BODY_MAX);
    err = national_put(&i->op.o->env, i->send, &data, &i->verdict, msg);
    if (err == 0) {
        json_write_begin(&w, &i->op.call.form);
        json_object_open(&w, NULL);
        json_string(&w, "service", "NhanHoSo");
        json_string(&w, "isUpdating", update ? "True" : "False");
        json_raw(&w, "data", buf_text(&data), data.len);
        json_object_close(&w);
        err = buf_error(&i->op.call.form);
    }
    buf_free(&data);
    return err;
}

static void write_dossier(struct intake_op *i, bool update)
{
    struct opencps_call *call = &i->op.call;
    struct errmsg why = {""};
    int err;

    i->stage = WRITE;
    opencps_call_clear(call);
    err = build(i, update, &why);
    if (err == ERR_NOMEM) {
        end_with(i, OUTCOME_TRANSIENT, err_text(err));
        return;
    }
    if (err != 0) {
        i->send->outcome.hold = i->verdict.hold != HOLD_NONE ? i->verdict.hold : HOLD_INVALID;
        end_with(i, OUTCOME_HELD, why.text);
        return;
    }
    buf_puts(&call->path, "/nps/createdossierfromdvcqg");
    call->method = "POST";
    call->json = true;
    call->read = answer_read;
    call->done = written;
    CRASH_POINT(intake_write_before);
    opencps_call_start(&i->op.o->wire, call);
}

/* ---- looking ---- */

enum row_field {
    L_dossierNo,
    L_dossierStatus,
    L_dossierStatusText,
    L_dossierSubStatus,
    L_metaData,
    L_originDossierNo,
    LOOK_FIELDS
};
static const char *const LOOK_NAMES[] = {
    "dossierNo",        "dossierStatus", "dossierStatusText",
    "dossierSubStatus", "metaData",      "originDossierNo",
};

static bool is_it(const struct intake_op *i, const char *const *values, struct arena *a, int *err)
{
    const char *code = i->send->code;

    if (strcmp(opencps_field_text(values[L_dossierNo]), code) == 0) {
        return true;
    }
    return i->stage == LOOK_NATIONAL &&
           strcmp(opencps_portal_number(values[L_originDossierNo], values[L_metaData], a, err),
                  code) == 0;
}

static int look_read(struct opencps_call *call, const struct opencps_doc *doc, struct errmsg *msg)
{
    struct intake_op *i = CONTAINER_OF(call, struct intake_op, op.call);
    struct arena *a = &i->op.arena;
    struct opencps_row row;
    int64_t total;
    size_t n;
    int err = opencps_doc_list(doc, &row, &total, msg);

    if (err == 0) {
        err = opencps_count_rows(row, LOOK_ROWS, &n, msg);
    }
    for (; err == 0 && !i->found.there && opencps_row_there(row); row = opencps_row_next(row)) {
        const char *values[LOOK_FIELDS];

        err = opencps_row_fields(row, LOOK_NAMES, LOOK_FIELDS, values, a, msg);
        if (err == 0 && is_it(i, values, a, &err)) {
            i->found.there = true;
            i->found.number = opencps_field_keep(a, values[L_dossierNo], &err);
            i->found.status = opencps_field_keep(a, values[L_dossierStatus], &err);
            i->found.substatus = opencps_field_keep(a, values[L_dossierSubStatus], &err);
            i->found.status_name = opencps_field_keep(a, values[L_dossierStatusText], &err);
        }
    }
    return err;
}

static void look(struct intake_op *i);

/* It is there: changed in state 5, left alone in any other. */
static void decide(struct intake_op *i)
{
    struct opencps *o = i->op.o;
    const struct found *f = &i->found;
    const struct config_source *source = config_source_find(o->env.config, o->name);
    const struct map *map;
    int status =
        config_map_status(o->env.config, source != NULL ? config_source_statuses(source) : "",
                          f->status, f->substatus, f->status_name, loop_wall_s(o->env.loop), &map);
    char words[240];

    keep_number(i, f->number);
    if (status == STATUS_SUPPLEMENT) {
        write_dossier(i, true);
        return;
    }
    snprintf(
        words, sizeof(words),
        "there already in state \"%.60s\" (national %d); taken again only in 5, so nothing was "
        "changed",
        f->status, status);
    end_with(i, OUTCOME_DONE, words);
}

static void looked(struct opencps_call *call)
{
    struct intake_op *i = CONTAINER_OF(call, struct intake_op, op.call);
    struct outcome *out = &i->send->outcome;

    CRASH_POINT(intake_looked);
    if (i->op.canceled) {
        canceled(i);
    } else if (call->err != 0) {
        opencps_outcome(&call->req, false, out);
        if (out->class == OUTCOME_UNSURE || out->class == OUTCOME_MISSING) {
            out->class = OUTCOME_TRANSIENT; /* looking changes nothing */
        }
        end_with(i, out->class, call->why.text);
    } else if (i->found.there) {
        decide(i);
    } else if (i->stage == LOOK_NATIONAL) {
        i->stage = LOOK_LOCAL;
        look(i);
    } else {
        write_dossier(i, false);
    }
}

static void look(struct intake_op *i)
{
    struct opencps_call *call = &i->op.call;

    opencps_call_clear(call);
    buf_printf(&call->path, "/dossiers?start=0&end=%d&systemId=%d&dossierNo=", LOOK_ROWS,
               LOOK_SYSTEM[i->stage]);
    buf_put_form(&call->path, i->send->code);
    call->method = "GET";
    call->json = false;
    call->read = look_read;
    call->done = looked;
    opencps_call_start(&i->op.o->wire, call);
}

static void task_run(struct loop_task *task)
{
    struct intake_op *i = CONTAINER_OF(task, struct intake_op, op.task);

    if (i->op.canceled) {
        canceled(i);
    } else if (i->send->n_records != 1) {
        end_with(i, OUTCOME_PERMANENT, "OpenCPS takes one dossier in a call");
    } else {
        look(i);
    }
}

void opencps_send_dossier(struct opencps *o, struct adapter_send *send)
{
    struct intake_op *i = opencps_op_new(o, sizeof(*i), task_run);

    memset(&send->outcome, 0, sizeof(send->outcome));
    i->send = send;
    i->stage = LOOK_NATIONAL;
    loop_defer(o->env.loop, &i->op.task);
}
