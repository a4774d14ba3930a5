#include "adapter/payments.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/listener.h"
#include "adapter/national_payment.h"
#include "base/crash_point.h"
#include "base/list.h"
#include "codec/record.h"
#include "domain/codes.h"

#define BODY_BYTES ((size_t)64 << 10) /* neither call is longer: read on the loop */
#define ARENA_BYTES ((size_t)4 << 20)
#define ANSWER_BYTES ((size_t)256 << 10)
#define CODE_BYTES 64

struct payments {
    struct listener base;
    struct list requests; /* struct payment_request */
    uint64_t n_duties, n_taken, n_again, n_conflicts, n_twice;
    struct log_limit conflict_log, twice_log;
};

struct payment_request {
    struct list link;
    struct payments *p;
    struct http_call *call; /* NULL: answered */
    struct arena arena;
    struct json *root;
    char code[CODE_BYTES]; /* asked for: the dossier's, or the payment's */
    struct payment payment;
    struct record record;
    bool twice; /* its dossier was paid before under another transaction */
    struct adapter_ask ask;
    struct adapter_offer offer;
    struct loop_timer
        late; /* until then it must be stored, or the platform is told to come again */
};

static struct payments *self(struct adapter *a)
{
    return CONTAINER_OF(a, struct payments, base.adapter);
}

/* ---- requests ---- */

static void request_end(struct payment_request *r)
{
    struct payments *p = r->p;

    assert(r->call == NULL);
    loop_timer_stop(&r->late);
    list_remove(&r->link);
    json_free(r->root);
    arena_free(&r->arena);
    free(r);
    listener_idle(&p->base, list_empty(&p->requests));
}

static void answer_text(struct payment_request *r, unsigned http, const struct buf *text)
{
    struct http_call *call = r->call;

    r->call = NULL;
    if (buf_error(text) == 0) {
        listen_answer_json(call, http, text->data, text->len);
    } else {
        http_answer_problem(call, 500, "Out of memory.");
    }
}

/* The platform's own words come back with what became of them. */
static void answer_paid(struct payment_request *r, unsigned http, const char *code,
                        const char *message)
{
    const struct payment *p = &r->payment;
    struct json_writer w;
    struct buf text;

    if (strcmp(code, "00") != 0) {
        listen_count_refused(r->p->base.listen);
    }
    buf_init(&text, ANSWER_BYTES);
    json_write_begin(&w, &text);
    json_object_open(&w, NULL);
    json_string(&w, "LoaiBanTin", p->message);
    json_string(&w, "MaLoi", code);
    json_string(&w, "MoTaLoi", message);
    json_string(&w, "MaDoiTac", p->partner);
    json_string(&w, "MaThamChieu", p->reference);
    json_string(&w, "SoTien", p->amount);
    json_string(&w, "MaTienTe", p->currency);
    json_string(&w, "MaGiaoDich", p->transaction);
    json_string(&w, "MaHoSo", p->dossier);
    json_object_close(&w);
    answer_text(r, http, &text);
    buf_free(&text);
}

static void answer_nothing(struct payment_request *r, unsigned http, long code, const char *words)
{
    struct json_writer w;
    struct buf text;

    buf_init(&text, ANSWER_BYTES);
    json_write_begin(&w, &text);
    json_object_open(&w, NULL);
    json_integer_out(&w, "error_code", code);
    json_array_open(&w, "message");
    if (words != NULL) {
        json_string(&w, NULL, words);
    }
    json_array_close(&w);
    json_object_close(&w);
    answer_text(r, http, &text);
    buf_free(&text);
}

static void answer_busy(struct payment_request *r)
{
    http_call_add_header(r->call, "Retry-After", "30");
    if (r->payment.code[0] != '\0') {
        answer_paid(r, 503, "99", "Hệ thống đang bận, chưa nhận được, vui lòng gửi lại sau");
    } else {
        answer_nothing(r, 503, -1, NULL);
    }
}

static void on_late(struct loop_timer *timer)
{
    answer_busy(CONTAINER_OF(timer, struct payment_request, late));
}

/* False: it came to its end, too late or without an answer of the journal. */
static bool was_told(struct payment_request *r)
{
    loop_timer_stop(&r->late);
    if (r->call != NULL && r->ask.err == 0) {
        return true;
    }
    if (r->call != NULL) {
        answer_busy(r);
    }
    request_end(r);
    return false;
}

/* ---- what is to be paid ---- */

static const char *national_procedure(const struct payments *p, const struct dossier *d,
                                      char code[CODE_MAX])
{
    const struct map *map = p->base.env.config->procedure_map;
    const char *mapped =
        map != NULL ? map_code(map, d->procedure_code, loop_wall_s(p->base.env.loop)) : NULL;

    if (mapped != NULL) {
        return mapped;
    }
    return code_procedure_national(d->procedure_code, code) == 0 ? code : d->procedure_code;
}

static void answer_duty(struct payment_request *r, const struct dossier *d, int status)
{
    const struct config_source *s = r->p->base.source;
    const struct national_payee payee = {s->payee_account, s->payee_bank, s->payee_name};
    char procedure[CODE_MAX];
    struct json_writer w;
    struct buf text;
    bool duty;

    buf_init(&text, ANSWER_BYTES);
    json_write_begin(&w, &text);
    json_object_open(&w, NULL);
    json_integer_out(&w, "error_code", 1);
    duty = national_payment_duty(d, status, national_procedure(r->p, d, procedure), &payee,
                                 loop_wall_s(r->p->base.env.loop), &w);
    json_object_close(&w);
    if (duty) {
        r->p->n_duties++;
        answer_text(r, 200, &text);
    } else {
        answer_nothing(r, 200, 0, NULL);
    }
    buf_free(&text);
}

static void on_dossier(struct adapter_ask *ask)
{
    struct payment_request *r = CONTAINER_OF(ask, struct payment_request, ask);
    struct errmsg unused = {{0}};
    struct dossier d;

    if (!was_told(r)) {
        return;
    }
    dossier_init(&d);
    if (ask->known) {
        /* What is known by its dossier is a success, see take_in. */
        answer_nothing(r, 200, 0, "Hồ sơ đã được thanh toán");
    } else if (ask->there != LOOKUP_THERE) {
        answer_nothing(r, 200, -1, NULL);
    } else if (ask->body != NULL &&
               record_to_dossier(ask->body, ask->body_len, &r->arena, &d, &unused) == 0) {
        answer_duty(r, &d, ask->there_status);
    } else {
        answer_nothing(r, 200, 0, NULL); /* final, and its content is gone */
    }
    request_end(r);
}

/* ---- the result of a payment ---- */

/* Both are money: it is taken, and told to a person. */
static void note_twice(struct payment_request *r)
{
    struct payments *p = r->p;
    uint64_t suppressed = 0;

    p->n_twice++;
    if (log_limit_pass(&p->twice_log, loop_now_ms(p->base.env.loop), 60000, &suppressed)) {
        log_plain(p->base.env.log, LOG_LEVEL_ERROR, "payment_twice",
                  "source %s: %s pays dossier %s, which was paid before (%llu more not shown)",
                  p->base.name, r->code, r->payment.dossier, (unsigned long long)suppressed);
    }
}

static void on_offered(struct adapter_offer *offer)
{
    struct payment_request *r = CONTAINER_OF(offer, struct payment_request, offer);

    loop_timer_stop(&r->late);
    if (offer->err == 0 && r->twice) {
        note_twice(r);
    }
    if (r->call == NULL) {
        request_end(r); /* told to come again: the same is found stored then */
        return;
    }
    CRASH_POINT(push_answer_before);
    if (offer->err == 0) {
        r->p->n_taken++;
        answer_paid(r, 200, "00", "Thành công");
    } else if (offer->err == ERR_INVAL || offer->err == ERR_TOOBIG) {
        answer_paid(r, 200, "99", "Dữ liệu không hợp lệ");
    } else {
        answer_busy(r);
    }
    CRASH_POINT(push_answered);
    request_end(r);
}

static void offer_it(struct payment_request *r)
{
    struct payments *p = r->p;

    CRASH_POINT(push_taken);
    r->offer = (struct adapter_offer){.records = &r->record, .n_records = 1, .done = on_offered};
    loop_timer_start(p->base.env.loop, &r->late, p->base.source->answer_timeout_ms);
    p->base.host->ops->offer(p->base.host, &r->offer);
}

static void on_paid_before(struct adapter_ask *ask)
{
    struct payment_request *r = CONTAINER_OF(ask, struct payment_request, ask);

    if (was_told(r)) {
        r->twice = ask->known;
        offer_it(r);
    }
}

static void ask_for(struct payment_request *r, const char *code,
                    void (*done)(struct adapter_ask *ask))
{
    struct payments *p = r->p;

    r->ask = (struct adapter_ask){.code = code, .want_marks = true, .done = done};
    loop_timer_start(p->base.env.loop, &r->late, p->base.source->answer_timeout_ms);
    p->base.host->ops->ask(p->base.host, &r->ask);
}

/* A success is stored with its dossier as its other number: whether there is one is asked by it. */
static void take_in(struct payment_request *r)
{
    if (payment_succeeded(&r->payment)) {
        r->record.local_no = r->payment.dossier;
        ask_for(r, r->payment.dossier, on_paid_before);
    } else {
        offer_it(r);
    }
}

static void refuse_conflict(struct payment_request *r, bool comparable)
{
    struct payments *p = r->p;
    uint64_t suppressed = 0;

    p->n_conflicts++;
    if (log_limit_pass(&p->conflict_log, loop_now_ms(p->base.env.loop), 60000, &suppressed)) {
        log_plain(p->base.env.log, LOG_LEVEL_ERROR, "payment_conflict",
                  "source %s: %s was told before %s, and is refused (%llu more not shown)",
                  p->base.name, r->code,
                  comparable ? "with another amount, currency, dossier or outcome"
                             : "and nothing is kept of it to compare with",
                  (unsigned long long)suppressed);
    }
    answer_paid(r, 200, "99", "Giao dịch đã ghi nhận với nội dung khác");
    request_end(r);
}

/* The marks of what was told before; of a record that has none, those of its content. */
static size_t marks_before(struct payment_request *r, const struct adapter_ask *ask,
                           uint8_t out[PAYMENT_MARKS][FIGURES_MARK_BYTES])
{
    struct errmsg unused = {{0}};
    struct payment before;

    return ask->body != NULL &&
                   record_to_other(RECORD_PAYMENT, ask->body, ask->body_len, &r->arena, &before,
                                   &unused) == 0 &&
                   payment_marks(&before, out) == 0
               ? PAYMENT_MARKS
               : 0;
}

static void judge(struct payment_request *r, const struct adapter_ask *ask)
{
    uint8_t made[PAYMENT_MARKS][FIGURES_MARK_BYTES];
    const uint8_t(*marks)[FIGURES_MARK_BYTES] = ask->marks;
    size_t n = ask->n_marks;
    enum payment_verdict verdict;

    if (n == 0) {
        n = marks_before(r, ask, made);
        marks = (const uint8_t(*)[FIGURES_MARK_BYTES])made;
    }
    if (payment_judge(marks, n, &r->payment, &verdict) != 0) {
        answer_busy(r);
        request_end(r);
        return;
    }
    switch (verdict) {
    case PAYMENT_AGAIN:
        r->p->n_again++;
        answer_paid(r, 200, "00", "Đã ghi nhận");
        request_end(r);
        break;
    case PAYMENT_FOLLOWS:
        take_in(r);
        break;
    case PAYMENT_CONFLICT:
        refuse_conflict(r, n > 0);
        break;
    }
}

static void on_known(struct adapter_ask *ask)
{
    struct payment_request *r = CONTAINER_OF(ask, struct payment_request, ask);

    if (!was_told(r)) {
        return;
    }
    if (ask->known) {
        judge(r, ask);
    } else {
        take_in(r);
    }
}

/* ---- reading ---- */

/* Two calls about one transaction, or two payments of one dossier, would not see each other. */
static bool at_work(const struct payments *p, const struct payment_request *r)
{
    for (struct list *l = p->requests.next; l != &p->requests; l = l->next) {
        const struct payment_request *other = CONTAINER_OF(l, struct payment_request, link);

        if (other != r && (strcmp(other->code, r->code) == 0 ||
                           strcmp(other->payment.dossier, r->payment.dossier) == 0)) {
            return true;
        }
    }
    return false;
}

static void take_duty(struct payment_request *r)
{
    char number[24];
    const char *code = json_text_or_empty(json_get_any_case(r->root, "MaHoSo"), number);

    if (!code_is_dossier(code)) {
        answer_nothing(r, 200, -1, NULL);
        request_end(r);
        return;
    }
    (void)strncpy(r->code, code, sizeof(r->code) - 1);
    ask_for(r, r->code, on_dossier);
}

static void take_paid(struct payment_request *r)
{
    struct errmsg why = {{0}};
    int err = national_payment_read(r->root, &r->arena, &r->payment, &why);

    err = err == 0 ? record_from_other(RECORD_PAYMENT, &r->payment, &r->arena, &r->record, &why)
                   : err;
    if (err != 0 || !code_is_dossier(r->payment.dossier)) {
        answer_paid(r, 200, "99", err != 0 ? why.text : "MaHoSo: không hợp lệ");
        request_end(r);
        return;
    }
    (void)strncpy(r->code, r->record.code, sizeof(r->code) - 1);
    if (at_work(r->p, r)) {
        answer_busy(r);
        request_end(r);
        return;
    }
    ask_for(r, r->code, on_known);
}

static void take(struct payments *p, struct http_call *call,
                 void (*read)(struct payment_request *r))
{
    struct payment_request *r = calloc(1, sizeof(*r));
    struct errmsg unused = {{0}};
    int err;

    if (r == NULL) {
        http_call_add_header(call, "Retry-After", "30");
        http_answer_problem(call, 503, "Out of memory.");
        return;
    }
    r->p = p;
    r->call = call;
    payment_init(&r->payment);
    arena_init(&r->arena, ARENA_BYTES);
    loop_timer_init(&r->late, on_late);
    list_push(&p->requests, &r->link);
    err = call->body_len <= BODY_BYTES ? json_parse(call->body, call->body_len, &r->root, &unused)
                                       : ERR_TOOBIG;
    if (err == ERR_NOMEM) {
        answer_busy(r);
        request_end(r);
    } else if (err != 0 || !json_is_object(r->root)) {
        r->call = NULL;
        listener_answer_malformed(&p->base, call);
        request_end(r);
    } else {
        read(r);
    }
}

static void on_call(void *ctx, struct http_call *call)
{
    static void (*const reads[])(struct payment_request * r) = {take_duty, take_paid};
    struct payments *p = ctx;
    const char *const paths[] = {p->base.source->path_duty, p->base.source->path_paid};
    const size_t n = sizeof(paths) / sizeof(paths[0]);

    if (listener_lets_in(&p->base, call)) {
        size_t which = listener_route(call, paths, n);

        if (which < n) {
            take(p, call, reads[which]);
        }
    }
}

/* ---- the adapter ---- */

static int payments_listen(struct adapter *a, struct adapter_host *host, struct errmsg *msg)
{
    const struct listen_hooks hooks = {on_call, NULL, self(a)};

    return listener_open(&self(a)->base, host, &hooks, msg);
}

static void payments_unlisten(struct adapter *a, void (*stopped)(void *ctx), void *ctx)
{
    struct payments *p = self(a);

    listener_stop(&p->base, stopped, ctx);
    listener_idle(&p->base, list_empty(&p->requests));
}

static size_t payments_notes(struct adapter *a, struct adapter_note notes[ADAPTER_NOTES_MAX])
{
    struct payments *p = self(a);

    notes[0] = (struct adapter_note){"duties", p->n_duties};
    notes[1] = (struct adapter_note){"taken", p->n_taken};
    notes[2] = (struct adapter_note){"again", p->n_again};
    notes[3] = (struct adapter_note){"conflicts", p->n_conflicts};
    notes[4] = (struct adapter_note){"payment_twice", p->n_twice};
    return p->base.listen != NULL ? listen_notes(p->base.listen, notes, 5) : 5;
}

static void payments_cancel(struct adapter *a)
{
    (void)a; /* it makes no calls; what was asked of the host ends by itself */
}

static void payments_free(struct adapter *a)
{
    assert(list_empty(&self(a)->requests));
    listener_free(&self(a)->base);
}

static const struct adapter_ops OPS = {
    .profile = "payments",
    .listen = payments_listen,
    .unlisten = payments_unlisten,
    .notes = payments_notes,
    .cancel = payments_cancel,
    .reconfigure = listener_reconfigure,
    .free = payments_free,
};

int payments_open(const struct adapter_env *env, const struct config_source *source,
                  struct adapter **out, struct errmsg *msg)
{
    struct listener *base;
    int err = listener_new(env, source, &OPS, sizeof(struct payments), 1, &base, msg);

    *out = NULL;
    if (err == 0) {
        list_init(&CONTAINER_OF(base, struct payments, base)->requests);
        *out = &base->adapter;
    }
    return err;
}
