/* What the engine is asked for the portal: what is known of the dossiers, then to take the new
 * ones. */
#include <stdio.h>
#include <string.h>

#include "adapter/intake_impl.h"
#include "base/crash_point.h"
#include "codec/record.h"
#include "domain/vntime.h"

#define SUPPLEMENT 5 /* the one state in which a dossier may come again (section 8) */
#define SEARCH_BYTES ((size_t)64 << 10)

/* ---- taking dossiers ---- */

static void answer_duplicate(struct intake_request *r)
{
    char text[120];

    r->in->n_duplicates++;
    (void)snprintf(text, sizeof(text), "%s| đã tồn tại", r->duplicate);
    intake_answer(r, 1, text);
}

/* "Done" only when the province has all of it; the portal repeats what it was refused. */
static void on_settled(struct adapter_offer *offer)
{
    struct intake_request *r = CONTAINER_OF(offer, struct intake_request, offer);
    bool there = true;

    CRASH_POINT(push_answer_before);
    for (size_t i = 0; i < offer->n_records; i++) {
        there =
            there && (offer->fates[i].state == ITEM_DONE || offer->fates[i].state == ITEM_ADOPTED);
    }
    if (r->call == NULL) {
        r->in->n_repeat++;
    } else if (!there) {
        r->in->n_repeat++;
        intake_answer(r, -1, "Hệ thống của tỉnh chưa ghi nhận được hồ sơ, vui lòng gửi lại sau");
    } else if (r->duplicate != NULL) {
        answer_duplicate(r);
    } else {
        r->in->n_taken += offer->n_records;
        intake_answer(r, 0, "Thành công");
    }
    CRASH_POINT(push_answered);
    intake_request_end(r);
}

/* The disk takes its time or is full. What is stored after all finds the portal's repetition equal
 * to it. */
static void on_late(struct loop_timer *timer)
{
    struct intake_request *r = CONTAINER_OF(timer, struct intake_request, late);

    r->gone = true;
    intake_answer_busy(r);
}

void intake_push_init(struct intake_request *r)
{
    loop_timer_init(&r->late, on_late);
}

/* Ends what was told so already, or could not be done. */
static void end_busy(struct intake_request *r)
{
    if (r->call != NULL) {
        intake_answer_busy(r);
    }
    intake_request_end(r);
}

static void on_offered(struct adapter_offer *offer)
{
    struct intake_request *r = CONTAINER_OF(offer, struct intake_request, offer);
    struct intake *in = r->in;
    bool refused = offer->err == ERR_INVAL || offer->err == ERR_TOOBIG || offer->err == ERR_FORMAT;

    loop_timer_stop(&r->late);
    if (refused && r->call != NULL) {
        intake_answer(r, -1, offer->why.text);
        intake_request_end(r);
        return;
    }
    if (offer->err != 0) {
        end_busy(r);
        return;
    }
    r->committed = true;
    if (r->gone || in->base.stopping) {
        in->base.host->ops->hurry(in->base.host, offer);
    }
}

static void offer_new(struct intake_request *r)
{
    struct intake *in = r->in;
    struct adapter_fate *fates = NULL;

    loop_timer_stop(&r->late);
    if (r->n_new == 0) {
        answer_duplicate(r);
        intake_request_end(r);
        return;
    }
    fates = arena_alloc(&r->arena, r->n_new * sizeof(*fates));
    if (fates == NULL) {
        intake_answer_busy(r);
        intake_request_end(r);
        return;
    }
    CRASH_POINT(push_taken);
    r->offer = (struct adapter_offer){.records = r->records,
                                      .n_records = r->n_new,
                                      .wait_ms = in->base.source->answer_timeout_ms,
                                      .fates = fates,
                                      .done = on_offered,
                                      .settled = on_settled};
    loop_timer_start(in->base.env.loop, &r->late, in->base.source->answer_timeout_ms);
    in->base.host->ops->offer(in->base.host, &r->offer);
}

/* What the province has is taken again only while it waits for a supplement. What we have and it
 * has not (yet) is offered again: an equal record finds the item that waits already. */
static bool wanted(const struct adapter_ask *ask)
{
    if (ask->known) {
        return !ask->acknowledged ||
               (ask->status != 0 ? ask->status : ask->acked_status) == SUPPLEMENT;
    }
    return ask->there != LOOKUP_THERE || ask->there_status == SUPPLEMENT;
}

static void ask_next(struct intake_request *r);

static void on_asked(struct adapter_ask *ask)
{
    struct intake_request *r = CONTAINER_OF(ask, struct intake_request, ask);
    struct record *record = &r->records[r->n_asked];

    if (ask->err != 0 || r->call == NULL) { /* nothing of it is stored */
        end_busy(r);
        return;
    }
    if (wanted(ask)) {
        r->records[r->n_new] = *record;
        r->n_new++;
    } else if (r->duplicate == NULL) {
        r->duplicate = record->code;
    }
    r->n_asked++;
    ask_next(r);
}

static void ask_next(struct intake_request *r)
{
    struct intake *in = r->in;

    if (r->n_asked == r->n_records) {
        offer_new(r);
        return;
    }
    r->ask = (struct adapter_ask){.code = r->records[r->n_asked].code, .done = on_asked};
    loop_timer_start(in->base.env.loop, &r->late, in->base.source->answer_timeout_ms);
    in->base.host->ops->ask(in->base.host, &r->ask);
}

void intake_push(struct intake_request *r)
{
    ask_next(r);
}

void intake_push_gone(struct intake_request *r)
{
    bool first = !r->gone;

    r->gone = true;
    if (first && r->committed) {
        r->in->base.host->ops->hurry(r->in->base.host, &r->offer);
    }
}

/* ---- looking up (section 8, search/call) ---- */

static void put_time(struct json_writer *w, const char *key, int64_t at_s)
{
    char text[VNTIME_PORTAL_SIZE];

    vntime_format_portal(at_s, text);
    json_string(w, key, text);
}

/* Only what says where the dossier stands: nothing about the person. */
static void put_found(struct json_writer *w, const struct adapter_ask *ask, const struct dossier *d)
{
    int shown = ask->known ? ask->status : ask->there_status;
    char status[12];

    /* 11: "unknown" in the look-up of OpenCPS (section 6.2). */
    (void)snprintf(status, sizeof(status), "%d", shown != 0 ? shown : 11);
    json_object_open(w, NULL);
    json_string(w, "MaHoSo", ask->code);
    json_string(w, "MaTTHC", d->procedure_code);
    json_string(w, "TenTTHC", d->procedure_name);
    json_string(w, "MaLinhVuc", d->sector_code);
    json_string(w, "TenLinhVuc", d->sector_name);
    json_string(w, "LoaiDoiTuong", d->applicant_type);
    put_time(w, "NgayTiepNhan", d->received_s);
    put_time(w, "NgayHenTra", d->promised_s);
    json_string(w, "TrangThaiHoSo", status);
    json_string(w, "HinhThuc", d->result_by);
    json_string(w, "DonViXuLy", d->agency_name);
    json_object_close(w);
}

static void answer_search(struct intake_request *r, struct buf *text)
{
    struct http_call *call = r->call;

    r->call = NULL;
    if (buf_error(text) == 0) {
        listen_answer_json(call, 200, text->data, text->len);
    } else {
        http_answer_problem(call, 500, "Out of memory.");
    }
    intake_request_end(r);
}

static void on_found(struct adapter_ask *ask)
{
    struct intake_request *r = CONTAINER_OF(ask, struct intake_request, ask);
    struct errmsg unused = {0};
    struct json_writer w;
    struct dossier d;
    struct buf text;

    if (ask->err != 0) {
        end_busy(r);
        return;
    }
    dossier_init(&d);
    if (ask->body != NULL &&
        record_to_dossier(ask->body, ask->body_len, &r->arena, &d, &unused) != 0) {
        dossier_init(&d);
    }
    buf_init(&text, SEARCH_BYTES);
    json_write_begin(&w, &text);
    if (ask->known || ask->there == LOOKUP_THERE) {
        put_found(&w, ask, &d);
    } else {
        json_object_open(&w, NULL);
        json_string(&w, "error_code", "-1");
        json_string(&w, "message", "Không tìm thấy hồ sơ");
        json_object_close(&w);
    }
    answer_search(r, &text);
    buf_free(&text);
}

void intake_search(struct intake_request *r)
{
    char number[24];
    const char *code = json_text_or_empty(json_get_any_case(r->root, "masohoso"), number);
    const char *copy = strlen(code) <= 100 ? arena_strdup(&r->arena, code) : NULL;

    if (copy == NULL || copy[0] == '\0') {
        intake_answer(r, -1, "masohoso: bắt buộc");
        intake_request_end(r);
        return;
    }
    r->ask = (struct adapter_ask){.code = copy, .done = on_found};
    r->in->base.host->ops->ask(r->in->base.host, &r->ask);
}
