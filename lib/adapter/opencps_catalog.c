#include <stdio.h>
#include <string.h>

#include "adapter/opencps_impl.h"
#include "adapter/opencps_write.h"
#include "adapter/portal_wire.h"
#include "codec/record.h"
#include "domain/codes.h"
#include "domain/procedure.h"

/* ---- what both sides agree on ---- */

int opencps_level(const struct adapter_env *env, const char *national)
{
    return env->mirror_level != NULL ? env->mirror_level(env->mirror_ctx, national) : 0;
}

int opencps_view(const struct adapter_env *env, const struct procedure *p, struct arena *a,
                 struct record *out, struct errmsg *msg)
{
    struct procedure reduced;
    int level = opencps_level(env, p->code);
    int err = opencps_reduce(p, a, &reduced);

    if (err != 0) {
        return err_set(msg, err, "%s", err_text(err));
    }
    if (level == 0) {
        reduced.level = 0; /* nothing to compare the site's with */
    } else if (reduced.level == 0) {
        reduced.level = level;
    }
    return record_from_procedure(&reduced, a, out, msg);
}

/* ---- one serviceinfo ---- */

struct service_op {
    struct opencps_op op;          /* first */
    struct adapter_detail *detail; /* one of the two */
    struct adapter_send *send;
    struct opencps_service service; /* read from the answer */
    const char *local;              /* the site's code, in op.arena */
};

static int service_read(struct opencps_call *call, const struct opencps_doc *doc,
                        struct errmsg *msg)
{
    struct service_op *s = CONTAINER_OF(call, struct service_op, op.call);
    int err = opencps_read_service(doc, &s->op.arena, &s->service, msg);

    if (err == 0 && strcmp(s->service.procedure.code, s->local) != 0) {
        err = err_set(msg, ERR_FORMAT, "the answer is about another procedure");
    }
    return err;
}

static void put_service_path(struct service_op *s)
{
    buf_puts(&s->op.call.path, "/serviceinfos/");
    buf_put_form(&s->op.call.path, s->local);
}

/* ---- detail ---- */

static void detail_end(struct service_op *s, int err, const struct errmsg *why,
                       const struct record *record)
{
    struct adapter_detail *detail = s->detail;

    detail->err = err;
    memset(&detail->why, 0, sizeof(detail->why));
    if (err != 0) {
        detail->why = *why;
    }
    detail->records = err == 0 ? record : NULL;
    detail->n_records = err == 0 ? 1 : 0;
    opencps_op_close(&s->op);
    detail->done(detail); /* may free the adapter */
    opencps_op_free(&s->op);
}

static void detail_done(struct opencps_call *call)
{
    struct service_op *s = CONTAINER_OF(call, struct service_op, op.call);
    struct procedure *p = &s->service.procedure;
    struct errmsg why = call->why;
    struct record record = {.kind = RECORD_NONE};
    int err = s->op.canceled ? ERR_CANCELED : call->err;

    if (err == 0) {
        p->code = s->detail->id;
        err = opencps_view(&s->op.o->env, p, &s->op.arena, &record, &why);
        record.local_no = strcmp(s->local, p->code) != 0 ? s->local : "";
    }
    if (err != 0 && why.text[0] == '\0') {
        err_set(&why, err, "%s", err_text(err));
    }
    detail_end(s, err, &why, &record);
}

static void detail_start(struct loop_task *task)
{
    struct service_op *s = CONTAINER_OF(task, struct service_op, op.task);
    struct errmsg why = {""};

    s->local = arena_strdup(&s->op.arena, opencps_code_local(s->op.o, s->detail->id));
    if (s->op.canceled || s->local == NULL) {
        int err = s->op.canceled ? ERR_CANCELED : ERR_NOMEM;

        err_set(&why, err, "%s", err_text(err));
        detail_end(s, err, &why, NULL);
        return;
    }
    put_service_path(s);
    opencps_call_start(&s->op.o->wire, &s->op.call);
}

void opencps_detail_procedure(struct opencps *o, struct adapter_detail *detail)
{
    struct service_op *s = opencps_op_new(o, sizeof(*s), detail_start);

    s->detail = detail;
    s->op.call.method = "GET";
    s->op.call.read = service_read;
    s->op.call.done = detail_done;
    loop_defer(o->env.loop, &s->op.task);
}

/* ---- check ---- */

static int view_procedure(const struct adapter_env *env, struct adapter_check *check,
                          struct arena *a, struct errmsg *why)
{
    struct record held;
    struct procedure p;
    int err = record_to_procedure(check->record->body, check->record->body_len, a, &p, why);

    if (err == 0) {
        err = opencps_view(env, &p, a, &held, why);
    }
    if (err == 0) {
        memcpy(check->held_hash, held.hash, sizeof(check->held_hash));
        check->has_held_hash = true;
        opencps_lacks(&p, check->reason, sizeof(check->reason));
    }
    return err;
}

void opencps_check_procedure(const struct adapter_env *env, struct adapter_check *check)
{
    struct errmsg why = {""};
    struct arena arena;
    int err;

    check->err = 0;
    if (!code_is_procedure(check->record->code)) {
        check->hold = HOLD_INVALID;
        snprintf(check->reason, sizeof(check->reason),
                 "not a national procedure code like 1.001193");
        return;
    }
    arena_init(&arena, OPENCPS_ARENA_MAX);
    err = view_procedure(env, check, &arena, &why);
    if (err == ERR_NOMEM && !arena.full) {
        check->err = err;
    } else if (err != 0) {
        check->hold = HOLD_INVALID;
        snprintf(check->reason, sizeof(check->reason), "%.250s", why.text);
    }
    arena_free(&arena);
}

void opencps_check_verb(struct adapter *a, struct adapter_check *check)
{
    const struct adapter_env *env = &opencps_self(a)->env;

    check->err = 0;
    check->status = 0;
    check->flags = 0;
    check->hold = HOLD_NONE;
    check->has_held_hash = false;
    check->reason[0] = '\0';
    if (check->record->kind == RECORD_PROCEDURE) {
        opencps_check_procedure(env, check);
    } else if (check->record->kind == RECORD_DOSSIER) {
        portal_wire_check(env, NULL, check); /* what it takes is the portal's own shape */
    } else {
        check->hold = HOLD_INVALID;
        snprintf(check->reason, sizeof(check->reason),
                 "OpenCPS takes procedures and dossiers only: look at `to` of the flow");
    }
}

/* ---- send ---- */

static void send_end(struct service_op *s)
{
    struct adapter_send *send = s->send;

    opencps_op_close(&s->op);
    send->done(send); /* may free the adapter */
    opencps_op_free(&s->op);
}

/* Nothing left. */
static void send_refused(struct service_op *s, enum outcome_class class, const char *words)
{
    memset(&s->send->outcome, 0, sizeof(s->send->outcome));
    s->send->outcome.class = class;
    snprintf(s->send->outcome.words, sizeof(s->send->outcome.words), "%s", words);
    send_end(s);
}

static void send_done(struct opencps_call *call)
{
    struct service_op *s = CONTAINER_OF(call, struct service_op, op.call);
    struct outcome *out = &s->send->outcome;

    opencps_outcome(&call->req, call->err == 0, out);
    if (call->err != 0 && out->words[0] == '\0') {
        snprintf(out->words, sizeof(out->words), "%.300s", call->why.text);
    }
    send_end(s);
}

static int send_form(struct service_op *s, struct errmsg *msg)
{
    struct opencps *o = s->op.o;
    const struct record *record = &s->send->records[0];
    const char *publisher = NULL;
    struct procedure p;
    struct procedure reduced;
    int err = record_to_procedure(record->body, record->body_len, &s->op.arena, &p, msg);

    if (err != 0) {
        return err;
    }
    if (p.publisher_name[0] != '\0') {
        publisher = p.publisher_name;
    } else if (o->env.mirror_name != NULL) {
        publisher = o->env.mirror_name(o->env.mirror_ctx, RECORD_AGENCY, p.publisher);
    }
    err = opencps_reduce(&p, &s->op.arena, &reduced);
    if (reduced.level == 0) {
        reduced.level = opencps_level(&o->env, p.code);
    }
    if (s->send->withdrawn) {
        reduced.active = false;
    }
    s->local = arena_strdup(&s->op.arena, opencps_code_local(o, p.code));
    if (err != 0 || s->local == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    err = opencps_form(&reduced, s->local, publisher != NULL ? publisher : "", &s->op.call.form);
    return err != 0 ? err_set(msg, err, "form: %s", err_text(err)) : 0;
}

static void send_start(struct loop_task *task)
{
    struct service_op *s = CONTAINER_OF(task, struct service_op, op.task);
    struct errmsg why = {""};
    int err;

    if (s->op.canceled) {
        send_refused(s, OUTCOME_CANCELED, err_text(ERR_CANCELED));
        return;
    }
    if (s->send->kind != RECORD_PROCEDURE || s->send->n_records != 1) {
        send_refused(s, OUTCOME_PERMANENT,
                     "OpenCPS takes procedures and dossiers only, one in a call");
        return;
    }
    err = send_form(s, &why);
    if (err != 0) {
        send_refused(s, err == ERR_NOMEM ? OUTCOME_TRANSIENT : OUTCOME_PERMANENT, why.text);
        return;
    }
    s->op.call.method = s->send->updating ? "PUT" : "POST";
    if (s->send->updating) {
        put_service_path(s);
    } else {
        buf_puts(&s->op.call.path, "/serviceinfos");
    }
    opencps_call_start(&s->op.o->wire, &s->op.call);
}

void opencps_send_verb(struct adapter *a, struct adapter_send *send)
{
    struct opencps *o = opencps_self(a);
    struct service_op *s;

    if (send->kind == RECORD_DOSSIER) {
        opencps_send_dossier(o, send);
        return;
    }
    s = opencps_op_new(o, sizeof(*s), send_start);
    s->send = send;
    s->op.call.read = service_read;
    s->op.call.done = send_done;
    loop_defer(o->env.loop, &s->op.task);
}
