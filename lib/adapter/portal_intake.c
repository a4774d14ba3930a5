#include "adapter/portal_intake.h"

#include <string.h>

#include "adapter/national_fields.h"
#include "adapter/portal_bridge.h"
#include "adapter/portal_call.h"
#include "base/text.h"
#include "codec/record.h"
#include "domain/codes.h"
#include "domain/vntime.h"

#define PAGE_ROWS 1000
#define ARENA_FACTOR 4   /* memory of what is made of a reply, as a multiple of its allowed size */
#define WINDOW_DAYS 365  /* how far back the list is asked: it holds only what waits for us */
#define CURSOR_START "0" /* stored after the last page of a long list: begin again */
#define ACKED_TEXT "cập nhật thành công" /* section 10.2 */

static struct portal *self(struct adapter *a)
{
    return CONTAINER_OF(a, struct portal, adapter);
}

/* Ends a call that can't be made; its done finds err and fault. */
static void refuse(struct portal_call *call, int err, const char *text)
{
    call->err = err;
    (void)err_set(&call->fault, err, "%s", text);
    portal_call_end(call, OUTCOME_DONE, "");
}

static const char no_bridge[] = "a bridge has no services for dossiers that began at the portal";

/* ---- list ---- */

static const char *row_code(const struct json *row, char number[24])
{
    return json_text_or_empty(json_get_any_case(row, "MaHoSo"), number);
}

static int take_row(struct portal_call *call, const struct json *row, const char *code)
{
    struct adapter_row *out = &call->rows[call->n_records];

    out->id = arena_strdup(&call->arena, code);
    if (out->id == NULL || json_digest(row, out->hash) != 0) {
        return err_set(&call->fault, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    call->n_records++;
    return 0;
}

/* Where the page begins: behind the row that the cursor names, or at the front when it is gone. */
static const struct json *page_begin(const struct json *list, const char *cursor)
{
    for (const struct json *row = json_first(list); row != NULL; row = json_next(row)) {
        char number[24];

        if (cursor[0] != '\0' && strcmp(row_code(row, number), cursor) == 0) {
            return json_next(row);
        }
    }
    return json_first(list);
}

static const struct json *list_of(const struct portal_reply *reply)
{
    const struct json *list = reply->result;

    return json_is_array(list) ? list : json_get_any_case(list, "data");
}

static int read_page(struct portal_call *call)
{
    const struct adapter_poll *poll = call->request;
    const struct json *list = list_of(&call->reply);
    const struct json *row;
    int err = 0;

    if (!json_is_array(list)) {
        return err_set(&call->fault, ERR_FORMAT, "the reply holds no list");
    }
    call->rows = arena_alloc(&call->arena, PAGE_ROWS * sizeof(*call->rows));
    if (call->rows == NULL) {
        return err_set(&call->fault, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    row = page_begin(list, poll->cursor);
    while (row != NULL && call->n_records < PAGE_ROWS && err == 0) {
        char number[24];
        const char *code = row_code(row, number);

        if (code_is_dossier(code)) {
            err = take_row(call, row, code);
        } else {
            call->n_odd++; /* nothing could be asked or acknowledged by it */
        }
        row = json_next(row);
    }
    call->more = row != NULL;
    return err;
}

static void begin_rows(struct portal_call *call)
{
    arena_free(&call->arena);
    arena_init(&call->arena, call->response_bytes * ARENA_FACTOR);
    call->n_records = 0;
    call->n_odd = 0;
    call->more = false;
    memset(&call->fault, 0, sizeof(call->fault));
}

static void page_rows(struct portal_call *call)
{
    begin_rows(call);
    call->err = read_page(call);
}

static void say_odd(const struct portal_call *call)
{
    if (call->n_odd > 0) {
        log_plain(call->portal->env.log, LOG_LEVEL_WARN, "intake_rows",
                  "%s: %zu rows of %s without a usable MaHoSo were passed over",
                  call->portal->adapter.name, call->n_odd,
                  call->settings->config.intake_list_service);
    }
}

static void poll_done(struct portal_call *call)
{
    struct adapter_poll *poll = call->request;
    const char *service = call->settings->config.intake_list_service;
    const struct adapter_row *rows = call->rows;

    poll->err = portal_call_read_error(call, service, &poll->why);
    if (poll->err == ERR_NOTFOUND) {
        poll->err = ERR_REMOTE; /* a list is not "gone" */
    }
    poll->rows = poll->err == 0 ? rows : NULL;
    poll->n_rows = poll->err == 0 ? call->n_records : 0;
    poll->more = poll->err == 0 && call->more && call->n_records > 0;
    poll->full_done = poll->err == 0 && !poll->more;
    poll->next_cursor = poll->more                ? rows[call->n_records - 1].id
                        : poll->cursor[0] != '\0' ? CURSOR_START
                                                  : "";
    if (poll->err == 0) {
        say_odd(call);
    }
    poll->done(poll); /* may free poll; what it was shown is still the call's */
    portal_call_release(call);
}

/* The form of the window's ends is not public: the wire's usual one. */
static int write_list(struct portal_call *call)
{
    const struct config_portal *c = &call->settings->config;
    int64_t today_s = vntime_day_start(loop_wall_s(call->portal->env.loop));
    char from[VNTIME_PORTAL_SIZE];
    char to[VNTIME_PORTAL_SIZE];
    struct json_writer w;

    vntime_format_portal(today_s - WINDOW_DAYS * INT64_C(86400), from);
    vntime_format_portal(today_s + INT64_C(2) * 86400 - 1, to);
    portal_wire_begin(&w, c->agency_code, c->intake_list_service, &call->rest);
    json_string(&w, "tuNgay", from);
    json_string(&w, "denNgay", to);
    json_string(&w, "trangThai", "");
    json_object_close(&w);
    return buf_error(&call->rest);
}

void portal_intake_poll(struct adapter *a, struct adapter_poll *poll)
{
    struct portal_call *call =
        portal_call_new(self(a), PORTAL_READ, PORTAL_INTEGRATION, poll, poll_done);

    if (portal_is_bridge(&call->settings->config)) {
        refuse(call, ERR_UNSUPPORTED, no_bridge);
        return;
    }
    call->read_rows = page_rows;
    call->response_bytes = call->settings->list_bytes;
    if (write_list(call) != 0) {
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(ERR_NOMEM));
        return;
    }
    portal_call_start(call);
}

/* ---- detail ---- */

static const struct json *first_of(const struct json *result)
{
    return json_is_array(result) ? json_first(result) : result;
}

/* What the portal leaves out because it is plain to itself. */
static void complete(struct dossier *d)
{
    d->status_map = "national";
    if (d->entry[0] == '\0') {
        d->entry = "1";
    }
    if (d->changed_s == 0) {
        d->changed_s = d->submitted_s > d->received_s ? d->submitted_s : d->received_s;
    }
}

static int read_dossier(struct portal_call *call)
{
    const struct adapter_detail *detail = call->request;
    const struct json *node = first_of(call->reply.result);
    struct dossier d;
    int err;

    if (node == NULL) {
        return err_set(&call->fault, ERR_NOTFOUND, "the portal has no dossier %s", detail->id);
    }
    if (!json_is_object(node)) {
        return err_set(&call->fault, ERR_FORMAT, "%s: the reply holds no dossier", detail->id);
    }
    dossier_init(&d);
    err = national_fields_read(&national_dossier_table, node, &call->arena, &d, &call->fault);
    if (err != 0) {
        return err_wrap(&call->fault, err, "%s", detail->id);
    }
    if (strcmp(d.code, detail->id) != 0) {
        return err_set(&call->fault, ERR_FORMAT, "%s: the reply is about another one", detail->id);
    }
    complete(&d);
    call->records = arena_alloc(&call->arena, sizeof(*call->records));
    if (call->records == NULL) {
        return err_set(&call->fault, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    err = record_from_dossier(&d, &call->arena, call->records, &call->fault);
    call->n_records = err == 0 ? 1 : 0;
    return err;
}

static void dossier_rows(struct portal_call *call)
{
    begin_rows(call);
    call->err = read_dossier(call);
}

static void detail_done(struct portal_call *call)
{
    struct adapter_detail *detail = call->request;

    detail->err =
        portal_call_read_error(call, call->settings->config.intake_detail_service, &detail->why);
    detail->records = detail->err == 0 ? call->records : NULL;
    detail->n_records = detail->err == 0 ? call->n_records : 0;
    detail->inactive = false;
    detail->done(detail); /* may free detail; what it was shown is still the call's */
    portal_call_release(call);
}

void portal_intake_detail(struct adapter *a, struct adapter_detail *detail)
{
    struct portal_call *call =
        portal_call_new(self(a), PORTAL_READ, PORTAL_INTEGRATION, detail, detail_done);
    const struct config_portal *c = &call->settings->config;

    if (portal_is_bridge(c)) {
        refuse(call, ERR_UNSUPPORTED, no_bridge);
        return;
    }
    call->read_rows = dossier_rows;
    call->response_bytes = call->settings->list_bytes; /* files stand inside */
    if (portal_wire_read(c, c->intake_detail_service, "mahoso", detail->id,
                         portal_call_request(call)) != 0) {
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(ERR_NOMEM));
        return;
    }
    portal_call_start(call);
}

/* ---- ack ---- */

static void ack_next(struct portal_call *call);

static void ack_end(struct portal_call *call)
{
    struct adapter_ack *ack = call->request;

    ack->err = call->err;
    ack->why = call->fault;
    portal_call_release(call);
    ack->done(ack);
}

/* A dossier that is not there any more waits for nothing. */
static bool acknowledged(const struct portal_call *call)
{
    return call->outcome.class == OUTCOME_DONE || call->outcome.class == OUTCOME_MISSING ||
           (call->outcome.class == OUTCOME_UNSURE && call->reply.object != NULL &&
            text_contains(call->reply.message, ACKED_TEXT));
}

/* One that is refused must not keep the others back; a portal that does not answer is not asked a
 * thousand times. Whoever is left is acknowledged again with the next ones: that is harmless. */
static void ack_done(struct portal_call *call)
{
    const struct adapter_ack *ack = call->request;
    const char *service = call->settings->config.intake_ack_service;
    bool stop = call->outcome.transport || call->outcome.class == OUTCOME_CANCELED ||
                call->outcome.class == OUTCOME_AUTH || call->outcome.class == OUTCOME_LOGIN;

    if (!acknowledged(call) && call->err == 0) {
        call->err = call->outcome.class == OUTCOME_CANCELED ? ERR_CANCELED
                    : call->outcome.class == OUTCOME_AUTH || call->outcome.class == OUTCOME_LOGIN
                        ? ERR_DENIED
                        : ERR_REMOTE;
        (void)err_set(&call->fault, call->err, "%s: %s", service,
                      call->outcome.words[0] != '\0' ? call->outcome.words
                                                     : outcome_name(call->outcome.class));
    }
    call->at++;
    if (stop || call->at == ack->n_ids) {
        ack_end(call);
        return;
    }
    ack_next(call);
}

static int write_ack(struct portal_call *call, const char *code)
{
    const struct config_portal *c = &call->settings->config;
    struct json_writer w;

    buf_clear(&call->rest);
    portal_wire_begin(&w, c->agency_code, c->intake_ack_service, &call->rest);
    json_string(&w, "maHoSo", code);
    json_bool(&w, "daNhan", true);
    json_object_close(&w);
    return buf_error(&call->rest);
}

static void ack_next(struct portal_call *call)
{
    const struct adapter_ack *ack = call->request;

    portal_call_again(call);
    if (call->canceled) {
        portal_call_end(call, OUTCOME_CANCELED, err_text(ERR_CANCELED));
        return;
    }
    if (write_ack(call, ack->ids[call->at]) != 0) {
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(ERR_NOMEM));
        return;
    }
    portal_call_start(call);
}

/* Nothing was to be told, or it can't be. */
static void ack_nothing(struct portal_call *call)
{
    ack_end(call);
}

void portal_intake_ack(struct adapter *a, struct adapter_ack *ack)
{
    struct portal_call *call =
        portal_call_new(self(a), PORTAL_PUSH, PORTAL_INTEGRATION, ack, ack_done);

    if (ack->n_ids == 0 || portal_is_bridge(&call->settings->config)) {
        call->done = ack_nothing;
        refuse(call, ack->n_ids == 0 ? 0 : ERR_UNSUPPORTED, ack->n_ids == 0 ? "" : no_bridge);
        return;
    }
    ack_next(call);
}
