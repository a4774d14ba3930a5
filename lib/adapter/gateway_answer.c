/* Every answer that a client of the gateway gets. Texts are Vietnamese, for the client's people;
 * none holds a session or personal data, and what only waits here is never called done: clients
 * take "thành công" for the portal's word. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/gateway_impl.h"

#define ANSWER_BYTES 4096

static void send_envelope(struct gateway_request *r, unsigned http, struct buf *text)
{
    struct http_call *call = r->call;

    r->call = NULL;
    if (buf_error(text) != 0) {
        http_answer_problem(call, 500, "Out of memory.");
    } else {
        listen_answer_json(call, http, text->data, text->len);
    }
    buf_free(text);
}

static void begin(struct json_writer *w, struct buf *text, long code)
{
    buf_init(text, ANSWER_BYTES);
    json_write_begin(w, text);
    json_object_open(w, NULL);
    json_integer_out(w, "error_code", code);
}

void gateway_answer(struct gateway_request *r, unsigned http, long code, const char *message)
{
    struct json_writer w;
    struct buf text;

    if (code != 0) {
        listen_count_refused(r->g->base.listen);
    }
    begin(&w, &text, code);
    json_string(&w, "message", message);
    json_object_close(&w);
    send_envelope(r, http, &text);
}

void gateway_answer_text(struct gateway_request *r, const char *json, size_t n)
{
    struct http_call *call = r->call;

    r->call = NULL;
    listen_answer_json(call, 200, json, n);
}

void gateway_answer_login(struct gateway_request *r, const char *session)
{
    struct json_writer w;
    struct buf text;

    begin(&w, &text, 0);
    json_string(&w, "session", session);
    json_object_close(&w);
    send_envelope(r, 200, &text);
}

/* code NULL: nothing was found. */
void gateway_answer_found(struct gateway_request *r, const char *code, int status)
{
    struct json_writer w;
    struct buf text;
    char digits[12];

    begin(&w, &text, 0);
    json_array_open(&w, "result");
    if (code != NULL) {
        json_object_open(&w, NULL);
        json_string(&w, "MaHoSo", code);
        if (status != 0) {
            (void)snprintf(digits, sizeof(digits), "%d", status);
            json_string(&w, "TrangThaiHoSo", digits);
        }
        json_object_close(&w);
    }
    json_array_close(&w);
    json_object_close(&w);
    send_envelope(r, 200, &text);
}

void gateway_answer_busy(struct gateway_request *r)
{
    http_call_add_header(r->call, "Retry-After", "30");
    gateway_answer(r, 503, -1, "Hệ thống đang bận, chưa nhận được, vui lòng gửi lại sau");
}

static bool delivered(const struct adapter_fate *fate)
{
    return fate->state == ITEM_DONE || fate->state == ITEM_ADOPTED;
}

/* What is wrong here and not at the portal: the reason for our own people names files of ours, and
 * older words of the portal ("log in again") would lead the client astray. */
static const char *const own_reasons[HOLD_WHYS] = {
    [HOLD_UNMAPPED_STATUS] = "Trạng thái chưa có trong bảng ánh xạ, đang chờ quản trị viên xử lý",
    [HOLD_UNMAPPED_PROCEDURE] =
        "Mã thủ tục chưa có trong bảng ánh xạ, đang chờ quản trị viên xử lý",
    [HOLD_AUTH] = "Cổng DVCQG chưa chấp nhận tài khoản kết nối, đang chờ quản trị viên xử lý",
    [HOLD_NO_PATH] = "Trạng thái không thể chuyển từ trạng thái Cổng DVCQG đã ghi nhận, đang chờ "
                     "quản trị viên xử lý",
    [HOLD_EXPIRED] = "Quá thời gian gửi Cổng DVCQG, đang chờ quản trị viên xử lý",
    [HOLD_IN_DOUBT] = "Chưa rõ Cổng DVCQG đã ghi nhận hay chưa, đang chờ quản trị viên xử lý",
    [HOLD_PERSON] = "Quản trị viên đã tạm giữ hoặc hủy gửi",
    [HOLD_DAMAGED] = "Bản ghi lưu trữ bị hỏng, vui lòng gửi lại",
};

static const char *held_words(const struct adapter_fate *fate)
{
    const char *own = fate->hold < HOLD_WHYS ? own_reasons[fate->hold] : NULL;

    if (own != NULL) {
        return own;
    }
    return fate->words[0] != '\0' ? fate->words : fate->reason;
}

static void answer_held(struct gateway_request *r, size_t i)
{
    const struct adapter_fate *fate = &r->offer.fates[i];
    const char *words = held_words(fate);
    char text[sizeof(fate->words) + 100];

    if (r->n_records == 1) {
        gateway_answer(r, 200, -1, words);
        return;
    }
    (void)snprintf(text, sizeof(text), "%s: %s", r->records[i].code, words);
    gateway_answer(r, 200, -1, text);
}

/* The portal's own answer: the last one that was read speaks for all. Where another source's status
 * counts the portal never saw what this client said, so its words are not ours to repeat. */
static void answer_delivered(struct gateway_request *r)
{
    const struct adapter_fate *fate = &r->offer.fates[r->n_records - 1];

    for (size_t i = 0; i < r->n_records; i++) {
        if (r->offer.fates[i].overruled) {
            gateway_answer(
                r, 200, 0,
                "Đã tiếp nhận; Cổng DVCQG giữ trạng thái mới hơn do nguồn khác của tỉnh báo");
            return;
        }
    }
    for (size_t i = r->n_records; i > 0 && fate->words[0] == '\0'; i--) {
        fate = &r->offer.fates[i - 1];
    }
    gateway_answer(r, 200, strtol(fate->code, NULL, 10),
                   fate->words[0] != '\0' ? fate->words : "Thành công");
}

void gateway_answer_fates(struct gateway_request *r)
{
    size_t waits = r->n_records;
    char text[120];

    for (size_t i = 0; i < r->n_records; i++) {
        if (r->offer.fates[i].state == ITEM_HELD) {
            answer_held(r, i);
            return;
        }
        if (waits == r->n_records && !delivered(&r->offer.fates[i])) {
            waits = i;
        }
    }
    if (waits == r->n_records) {
        answer_delivered(r);
        return;
    }
    r->g->n_queued++;
    (void)snprintf(text, sizeof(text), "Đã xếp hàng chờ gửi Cổng DVCQG, mã tiếp nhận %lld",
                   (long long)r->offer.fates[waits].item);
    gateway_answer(r, 200, 0, text);
}
