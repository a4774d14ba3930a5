#include "adapter/portal_questions.h"

#include <string.h>

#include "adapter/national_other.h"
#include "adapter/portal_call.h"

#define PAGE_ROWS 1000
#define ARENA_FACTOR 4   /* memory of what is made of a reply, as a multiple of its allowed size */
#define CURSOR_START "0" /* stored after the last page of a long list: begin again */
static const char SERVICE[] = "LayDanhSachHoiDapGuiTuDVCQG";

static struct portal *self(struct adapter *a)
{
    return CONTAINER_OF(a, struct portal, adapter);
}

/* ---- the list ---- */

static const char *text_of(const struct json *row, const char *key, char number[24])
{
    return json_text_or_empty(json_get_any_case(row, key), number);
}

/* 0: nobody is to do anything about it (section 5.6). */
static bool is_wanted(const struct json *row)
{
    char number[24];

    return json_is_object(row) && strcmp(text_of(row, "TRANGTHAI", number), "0") != 0;
}

static int take_row(struct portal_call *call, const struct json *row)
{
    struct record *record = &call->records[call->n_records];
    struct adapter_row *out = &call->rows[call->n_records];
    int err = national_question_listed(row, &call->arena, record, &call->fault);

    if (err == ERR_FORMAT || err == ERR_TOOBIG) {
        call->n_odd++; /* one that nothing can be said about does not keep the others back */
        return 0;
    }
    if (err == 0) {
        out->id = record->code;
        memcpy(out->hash, record->hash, sizeof(out->hash));
        call->n_records++;
    }
    return err;
}

/* Where the page begins: behind the row that the cursor names, or at the front when it is gone. */
static const struct json *page_begin(const struct json *list, const char *cursor)
{
    const char *colon = strchr(cursor, ':');

    for (const struct json *row = json_first(list); colon != NULL && row != NULL;
         row = json_next(row)) {
        char number[24];

        if (strcmp(text_of(row, "HOIDAPID", number), colon + 1) == 0) {
            return json_next(row);
        }
    }
    return json_first(list);
}

/* cursor NULL: one row alone, that of id. */
static int read_rows(struct portal_call *call, const char *cursor, const char *id)
{
    const struct json *list = call->reply.result;
    const struct json *row;
    int err = 0;

    if (!json_is_array(list)) {
        return err_set(&call->fault, ERR_FORMAT, "the reply holds no list");
    }
    call->rows = arena_alloc(&call->arena, PAGE_ROWS * sizeof(*call->rows));
    call->records = arena_alloc(&call->arena, PAGE_ROWS * sizeof(*call->records));
    if (call->rows == NULL || call->records == NULL) {
        return err_set(&call->fault, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    row = cursor != NULL ? page_begin(list, cursor) : json_first(list);
    while (row != NULL && call->n_records < PAGE_ROWS && err == 0) {
        char number[24];

        if (is_wanted(row) &&
            (id == NULL || strcmp(text_of(row, "HOIDAPID", number), strchr(id, ':') + 1) == 0)) {
            err = take_row(call, row);
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
    const struct adapter_poll *poll = call->request;

    begin_rows(call);
    call->err = read_rows(call, poll->cursor, NULL);
}

static void one_row(struct portal_call *call)
{
    const struct adapter_detail *detail = call->request;

    begin_rows(call);
    call->err = read_rows(call, NULL, detail->id);
}

static void say_odd(const struct portal_call *call)
{
    if (call->n_odd > 0) {
        log_plain(call->portal->env.log, LOG_LEVEL_WARN, "question_rows",
                  "%s: %zu rows of %s without a usable HOIDAPID were passed over",
                  call->portal->adapter.name, call->n_odd, SERVICE);
    }
}

static void ask_list(struct portal_call *call, void (*rows)(struct portal_call *call))
{
    call->read_rows = rows;
    call->response_bytes = call->settings->list_bytes;
    if (portal_wire_read(&call->settings->config, SERVICE, NULL, NULL, portal_call_request(call)) !=
        0) {
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(ERR_NOMEM));
        return;
    }
    portal_call_start(call);
}

/* ---- poll ---- */

static void keep_page(struct portal_call *call)
{
    struct portal *portal = call->portal;

    arena_free(&portal->questions.arena);
    portal->questions.arena = call->arena;
    portal->questions.records = call->records;
    portal->questions.n = call->n_records;
    arena_init(&call->arena, 0);
}

static void poll_done(struct portal_call *call)
{
    struct adapter_poll *poll = call->request;
    const struct adapter_row *rows = call->rows;
    size_t n = call->n_records;

    poll->err = portal_call_read_error(call, SERVICE, &poll->why);
    if (poll->err == ERR_NOTFOUND) {
        poll->err = ERR_REMOTE; /* a list is not "gone" */
    }
    poll->rows = poll->err == 0 ? rows : NULL;
    poll->n_rows = poll->err == 0 ? n : 0;
    poll->more = poll->err == 0 && call->more && n > 0;
    poll->full_done = poll->err == 0 && !poll->more;
    poll->next_cursor = poll->more ? rows[n - 1].id : poll->cursor[0] != '\0' ? CURSOR_START : "";
    if (poll->err == 0) {
        say_odd(call);
        keep_page(call);
    }
    poll->done(poll); /* may free poll; what it was shown is the portal's */
    portal_call_release(call);
}

void portal_questions_poll(struct adapter *a, struct adapter_poll *poll)
{
    ask_list(portal_call_new(self(a), PORTAL_READ, PORTAL_INTEGRATION, poll, poll_done), page_rows);
}

/* ---- detail ---- */

static const struct record *kept(const struct portal *portal, const char *id)
{
    for (size_t i = 0; i < portal->questions.n; i++) {
        if (strcmp(portal->questions.records[i].code, id) == 0) {
            return &portal->questions.records[i];
        }
    }
    return NULL;
}

static void show(struct adapter_detail *detail, const struct record *record)
{
    detail->inactive = false;
    detail->records = record;
    detail->n_records = record != NULL ? 1 : 0;
}

static void kept_done(struct portal_call *call)
{
    struct adapter_detail *detail = call->request;

    detail->err = call->outcome.class == OUTCOME_CANCELED ? ERR_CANCELED : 0;
    show(detail, detail->err == 0 ? kept(call->portal, detail->id) : NULL);
    if (detail->err == 0 && detail->records == NULL) {
        detail->err = ERR_REMOTE; /* the list was read anew meanwhile: owed */
        (void)err_set(&detail->why, detail->err, "it is not in the list any more");
    }
    detail->done(detail);
    portal_call_release(call);
}

static void detail_done(struct portal_call *call)
{
    struct adapter_detail *detail = call->request;

    detail->err = portal_call_read_error(call, SERVICE, &detail->why);
    if (detail->err == 0 && call->n_records == 0) {
        detail->err = ERR_NOTFOUND; /* gone, or not wanted any more */
    }
    show(detail, detail->err == 0 ? call->records : NULL);
    detail->done(detail); /* may free detail; what it was shown is still the call's */
    portal_call_release(call);
}

void portal_questions_detail(struct adapter *a, struct adapter_detail *detail)
{
    struct portal *portal = self(a);
    struct portal_call *call =
        portal_call_new(portal, PORTAL_READ, PORTAL_INTEGRATION, detail, detail_done);

    if (strchr(detail->id, ':') == NULL || kept(portal, detail->id) != NULL) {
        call->done = kept_done;
        portal_call_end(call, OUTCOME_DONE, "");
        return;
    }
    ask_list(call, one_row);
}
