#include "adapter/portal_questions.h"

#include <string.h>

#include "adapter/national_other.h"
#include "adapter/portal_call.h"
#include "base/digest.h"

#define PAGE_ROWS 1000
#define ARENA_FACTOR 4   /* memory of what is made of a reply, as a multiple of its allowed size */
#define CURSOR_START "0" /* stored after the last page: begin again */
#define CURSOR_PUBLIC "public:" /* the first list is read: the second from its front */
#define REFUSED_LOG_MS 3600000
#define DAY_S 86400

static const char ANSWERS[] = "LayNoiDungTraLoiTheoCauHoi";

static struct portal *self(struct adapter *a)
{
    return CONTAINER_OF(a, struct portal, adapter);
}

/* Which list holds it: of a row's id or a cursor. */
static const char *list_of(const char *id)
{
    return question_what(id) == QUESTION_PUBLIC ? "LayDanhSachHoiDapBoCoQuan"
                                                : "LayDanhSachHoiDapGuiTuDVCQG";
}

/* ---- the lists ---- */

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

/* Where the list shows no answer, one may be had apart from it without the row changing: such a row
 * is news once a day. */
static int hash_of_day(const struct portal_call *call, uint8_t hash[RECORD_HASH_BYTES])
{
    int64_t day = call->now_s / DAY_S;
    struct digest d;
    int err = digest_begin(&d);

    if (err == 0) {
        digest_add(&d, hash, RECORD_HASH_BYTES);
        digest_add(&d, &day, sizeof(day));
        digest_end(&d, hash);
    }
    return err;
}

static int take_row(struct portal_call *call, const struct json *row, enum question_what what)
{
    struct record *record = &call->records[call->n_records];
    struct adapter_row *out = &call->rows[call->n_records];
    bool unanswered;
    int err = national_question_listed(row, what, &call->arena, record, &unanswered, &call->fault);

    if (err == ERR_FORMAT || err == ERR_TOOBIG) {
        call->n_odd++; /* one that nothing can be said about does not keep the others back */
        return 0;
    }
    if (err != 0) {
        return err;
    }
    out->id = record->code;
    memcpy(out->hash, record->hash, sizeof(out->hash));
    call->n_records++;
    return unanswered ? hash_of_day(call, out->hash) : 0;
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

/* From cursor on; or, with id, that row alone. */
static int read_rows(struct portal_call *call, const char *cursor, const char *id)
{
    enum question_what what = question_what(id != NULL ? id : cursor);
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
    row = id == NULL ? page_begin(list, cursor) : json_first(list);
    while (row != NULL && call->n_records < PAGE_ROWS && err == 0) {
        char number[24];

        if (is_wanted(row) &&
            (id == NULL || strcmp(text_of(row, "HOIDAPID", number), strchr(id, ':') + 1) == 0)) {
            err = take_row(call, row, what);
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

static const char *cursor_of(const struct adapter_poll *poll)
{
    return poll->full ? "" : poll->cursor;
}

static void page_rows(struct portal_call *call)
{
    begin_rows(call);
    call->err = read_rows(call, cursor_of(call->request), NULL);
}

static void one_row(struct portal_call *call)
{
    const struct adapter_detail *detail = call->request;

    begin_rows(call);
    call->err = read_rows(call, NULL, detail->id);
}

static void say_odd(const struct portal_call *call, const char *service)
{
    if (call->n_odd > 0) {
        log_plain(call->portal->env.log, LOG_LEVEL_WARN, "question_rows",
                  "%s: %zu rows of %s without a usable HOIDAPID were passed over",
                  call->portal->adapter.name, call->n_odd, service);
    }
}

/* The portal answered that it does not give that. Said, and the others go on. */
static bool is_refused(const struct portal_call *call, const char *service)
{
    struct portal *portal = call->portal;
    uint64_t suppressed = 0;
    bool refused = call->outcome.class == OUTCOME_PERMANENT ||
                   call->outcome.class == OUTCOME_BACKOFF || call->outcome.class == OUTCOME_MISSING;

    if (refused && log_limit_pass(&portal->questions.refused, loop_now_ms(portal->env.loop),
                                  REFUSED_LOG_MS, &suppressed)) {
        log_plain(portal->env.log, LOG_LEVEL_WARN, "questions_refused",
                  "%s: %s is refused: %s (%llu more not shown)", portal->adapter.name, service,
                  call->outcome.words, (unsigned long long)suppressed);
    }
    return refused;
}

static void ask(struct portal_call *call, const char *service, const char *key, const char *value,
                void (*rows)(struct portal_call *call))
{
    call->read_rows = rows;
    call->response_bytes = call->settings->list_bytes;
    call->now_s = loop_wall_s(call->portal->env.loop);
    if (portal_wire_read(&call->settings->config, service, key, value, portal_call_request(call)) !=
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

/* Behind the last row; or, at the end of the first list, the second one. */
static void point_behind(struct adapter_poll *poll, const struct portal_call *call)
{
    bool in_list = call->more && call->n_records > 0;
    bool first = question_what(cursor_of(poll)) != QUESTION_PUBLIC;

    poll->more = in_list || first;
    poll->full_done = !poll->more;
    poll->next_cursor = in_list ? call->rows[call->n_records - 1].id
                        : first ? CURSOR_PUBLIC
                                : CURSOR_START;
}

static void poll_done(struct portal_call *call)
{
    struct adapter_poll *poll = call->request;
    const char *service = list_of(cursor_of(poll));

    poll->err = portal_call_read_error(call, service, &poll->why);
    if (poll->err == ERR_NOTFOUND) {
        poll->err = ERR_REMOTE; /* a list is not "gone" */
    }
    if (poll->err != 0 && question_what(cursor_of(poll)) == QUESTION_PUBLIC &&
        is_refused(call, service)) {
        begin_rows(call); /* what is asked of the province is not kept back by it */
        poll->err = 0;
    }
    poll->rows = poll->err == 0 ? call->rows : NULL;
    poll->n_rows = poll->err == 0 ? call->n_records : 0;
    poll->more = false;
    poll->full_done = false;
    poll->next_cursor = "";
    if (poll->err == 0) {
        point_behind(poll, call);
        say_odd(call, service);
        keep_page(call);
    }
    poll->done(poll); /* may free poll; what it was shown is the portal's */
    portal_call_release(call);
}

void portal_questions_poll(struct adapter *a, struct adapter_poll *poll)
{
    ask(portal_call_new(self(a), PORTAL_READ, PORTAL_INTEGRATION, poll, poll_done),
        list_of(cursor_of(poll)), NULL, NULL, page_rows);
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

/* The next poll forgets what is kept. */
static int copy_record(struct portal_call *call, const struct record *from)
{
    arena_init(&call->arena, call->settings->list_bytes * ARENA_FACTOR);
    call->records = arena_alloc(&call->arena, sizeof(*call->records));
    if (call->records == NULL) {
        return ERR_NOMEM;
    }
    *call->records = *from;
    call->records->code = arena_strdup(&call->arena, from->code);
    call->records->body = arena_strndup(&call->arena, from->body, from->body_len);
    return call->records->code != NULL && call->records->body != NULL ? 0 : ERR_NOMEM;
}

static void end_detail(struct portal_call *call, int err)
{
    struct adapter_detail *detail = call->request;

    detail->err = err;
    detail->inactive = false;
    detail->records = err == 0 ? call->records : NULL;
    detail->n_records = err == 0 ? 1 : 0;
    detail->done(detail); /* may free detail; what it was shown is still the call's */
    portal_call_release(call);
}

/* Into the record that the list showed, which stays. */
static void answer_rows(struct portal_call *call)
{
    memset(&call->fault, 0, sizeof(call->fault));
    call->err =
        national_question_answer(call->records, call->reply.result, &call->arena, &call->fault);
}

static void answers_done(struct portal_call *call)
{
    struct adapter_detail *detail = call->request;
    int err = portal_call_read_error(call, ANSWERS, &detail->why);

    end_detail(call, is_refused(call, ANSWERS) ? 0 : err); /* refused: there is none */
}

/* The record that the list showed, and its answers where they stand apart. */
static void complete(struct portal_call *call)
{
    const struct adapter_detail *detail = call->request;
    bool unanswered;
    int err = national_question_unanswered(call->records, &call->arena, &unanswered);

    if (err != 0 || !unanswered || call->canceled) {
        end_detail(call, call->canceled ? ERR_CANCELED : err);
        return;
    }
    portal_call_again(call);
    buf_clear(&call->rest);
    buf_clear(&call->path);
    call->done = answers_done;
    ask(call, ANSWERS, "cauhoiid", strchr(detail->id, ':') + 1, answer_rows);
}

static void kept_done(struct portal_call *call)
{
    struct adapter_detail *detail = call->request;
    const struct record *record = kept(call->portal, detail->id);

    if (call->outcome.class == OUTCOME_CANCELED) {
        end_detail(call, ERR_CANCELED);
    } else if (record == NULL) { /* the list was read anew meanwhile: owed */
        end_detail(call, err_set(&detail->why, ERR_REMOTE, "it is not in the list any more"));
    } else if (copy_record(call, record) != 0) {
        end_detail(call, err_set(&detail->why, ERR_NOMEM, "%s", err_text(ERR_NOMEM)));
    } else {
        complete(call);
    }
}

static void listed_done(struct portal_call *call)
{
    struct adapter_detail *detail = call->request;
    int err = portal_call_read_error(call, list_of(detail->id), &detail->why);

    if (err == 0 && call->n_records == 0) {
        err = ERR_NOTFOUND; /* gone, or not wanted any more */
    }
    if (err == 0) {
        complete(call);
    } else {
        end_detail(call, err);
    }
}

void portal_questions_detail(struct adapter *a, struct adapter_detail *detail)
{
    struct portal *portal = self(a);
    struct portal_call *call =
        portal_call_new(portal, PORTAL_READ, PORTAL_INTEGRATION, detail, listed_done);

    if (strchr(detail->id, ':') == NULL || kept(portal, detail->id) != NULL) {
        call->done = kept_done;
        portal_call_end(call, OUTCOME_DONE, "");
        return;
    }
    ask(call, list_of(detail->id), NULL, NULL, one_row);
}
