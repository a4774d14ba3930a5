/* Sources: protocol/national-portal.md section 8 (notice, change, search), 9 (duty, paid) and 10.4
 * b (receive). */
#include "sandbox/portal_poster.h"

#include "sandbox/people.h"
#include "sandbox/portal_core.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_SIZE 1024
#define TIMEOUT_S 20L
#define REPLY_MAX ((size_t)1 << 20)
#define COUNT_MAX 10000u

/* One order; the request is held until its answer stands. */
struct order {
    struct serve_req *req;
    cJSON *body;
    struct order *next;
};

struct poster {
    struct portal *p;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct order *first;
    struct order **last;
    bool stop;
    CURL *curl; /* the thread's */
};

enum kind { KIND_NOTICE, KIND_CHANGE, KIND_RECEIVE, KIND_SEARCH, KIND_DUTY, KIND_PAID, KINDS };

static void write_notice(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order);
static void write_change(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order);
static void write_receive(struct sbuf *b, const char *code, const cJSON *record,
                          const cJSON *order);
static void write_search(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order);

static void write_duty(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order);
static void write_paid(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order);

static const struct {
    const char *name;
    const char *path;
    bool births; /* of new dossiers, unless codes are given */
    void (*write)(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order);
} kinds[KINDS] = {
    [KIND_NOTICE] = {"notice", "/addtthcKhuyenMai", true, write_notice},
    [KIND_CHANGE] = {"change", "/nhanhsdvcqg", false, write_change},
    [KIND_RECEIVE] = {"receive", "/nhanhoso", true, write_receive},
    [KIND_SEARCH] = {"search", "/search/call", false, write_search},
    [KIND_DUTY] = {"duty", "/dptracuuthanhtoanhs", false, write_duty},
    [KIND_PAID] = {"paid", "/dpnhankqthanhtoanhs", false, write_paid},
};

/* ---- bodies ---- */

static const char *text_of(const cJSON *object, const char *name, const char *def)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(v) ? v->valuestring : def;
}

static bool flag_of(const cJSON *order, const char *name)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(order, name));
}

static void write_files(struct sbuf *b, const cJSON *record)
{
    const cJSON *file;

    sbuf_key(b, "TaiLieuNop");
    sbuf_puts(b, "[");
    cJSON_ArrayForEach(file, cJSON_GetObjectItemCaseSensitive(record, "TaiLieuNop"))
    {
        sbuf_comma(b);
        sbuf_puts(b, "{");
        sbuf_member(b, "TenTepDinhKem", text_of(file, "TenTepDinhKem", ""));
        sbuf_member(b, "Base64", text_of(file, "Base64", ""));
        sbuf_puts(b, "}");
    }
    sbuf_puts(b, "]");
}

static void write_notice(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order)
{
    (void)order;
    sbuf_puts(b, "{");
    sbuf_member(b, "MaHoSo", code);
    sbuf_member(b, "MaTTHC", text_of(record, "MaTTHC", ""));
    sbuf_member(b, "MaSoThue", "0001234567");
    sbuf_member(b, "NgayNopHoSo", text_of(record, "NgayNopHoSo", ""));
    sbuf_member(b, "TenThuongNhan", text_of(record, "ChuHoSo", ""));
    sbuf_puts(b, ",\"DiaChiDoanhNghiep\":{\"MaTinh\":\"38\",\"MaHuyen\":\"\",\"MaXa\":\"00000\","
                 "\"DiaChiChiTiet\":\"Số 0\"}");
    sbuf_member(b, "DienThoai", "");
    sbuf_member(b, "Email", "thu@example.invalid");
    sbuf_member(b, "TenChuongTrinhKhuyenMai", "Chương trình thử nghiệm");
    sbuf_member(b, "TenTepDonDangKy", "mau01.pdf");
    sbuf_member(b, "TepDonDangKy", "JVBERi0=");
    write_files(b, record);
    sbuf_puts(b, "}");
}

static void write_change(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order)
{
    (void)record;
    sbuf_puts(b, "{");
    sbuf_member(b, "isUpdating", text_of(order, "isUpdating", "True"));
    sbuf_key(b, "data");
    sbuf_puts(b, "{");
    sbuf_member(b, "MaHoSoQG", code);
    sbuf_puts(b, ",\"ThongTinDaNop\":{");
    sbuf_member(b, "MaHoSoQGDNP", code);
    sbuf_puts(b, "},\"ThongTinSuaDoi\":{");
    sbuf_member(b, "TenChuongTrinhKhuyenMai", "Chương trình thử nghiệm, sửa đổi");
    sbuf_puts(b, "}");
    sbuf_member(b, "LyDoDieuChinh", text_of(order, "reason", "Đổi thời gian"));
    sbuf_member(b, "TenTepDangKy", "mau02.pdf");
    sbuf_member(b, "URLTepDangKy", "https://cong.example.invalid/tep/1");
    sbuf_puts(b, "}}");
}

static void write_receive(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order)
{
    char *text = cJSON_PrintUnformatted(record);

    (void)code;
    sbuf_puts(b, "{");
    sbuf_member(b, "service", "NhanHoSo");
    sbuf_member(b, "isUpdating", flag_of(order, "updating") ? "True" : "False");
    sbuf_key(b, "data");
    sbuf_puts(b, "[");
    sbuf_puts(b, text != NULL ? text : "{}");
    sbuf_puts(b, "]}");
    free(text);
}

static void write_search(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order)
{
    (void)record;
    sbuf_puts(b, "{");
    sbuf_member(b, "madonvi", text_of(order, "madonvi", "000.00.00.G22"));
    sbuf_member(b, "service", "TraCuuHoSo");
    sbuf_member(b, "masohoso", code);
    sbuf_puts(b, "}");
}

static void write_duty(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order)
{
    (void)record;
    (void)order;
    sbuf_puts(b, "{");
    sbuf_member(b, "MaHoSo", code);
    sbuf_puts(b, "}");
}

/* The transaction is made of the dossier and the order's "transaction": the same order again tells
 * the same payments. */
static void write_paid(struct sbuf *b, const char *code, const cJSON *record, const cJSON *order)
{
    char transaction[80];

    (void)record;
    snprintf(transaction, sizeof transaction, "GD%s.%.30s", text_of(order, "transaction", "1"),
             strchr(code, '-') != NULL ? strchr(code, '-') + 1 : code);
    sbuf_puts(b, "{");
    sbuf_member(b, "LoaiBanTin", "PAYMENT_RESULT");
    sbuf_member(b, "MaLoi", text_of(order, "result", "00"));
    sbuf_member(b, "MaDoiTac", "SANDBOX");
    sbuf_member(b, "MaThamChieu", code);
    sbuf_member(b, "SoTien", text_of(order, "amount", "8000"));
    sbuf_member(b, "MaTienTe", "VND");
    sbuf_member(b, "MaGiaoDich", transaction);
    sbuf_member(b, "MaNganHang", "VTB");
    sbuf_member(b, "ThoiGianGD", "20251118101500");
    sbuf_member(b, "ThongTinGiaoDich", "Nộp lệ phí thử nghiệm");
    sbuf_member(b, "MaXacThuc", "0000000000000000");
    sbuf_member(b, "MaHoSo", code);
    sbuf_puts(b, "}");
}

/* What the province has answered for is what it must have from then on. */
static void note_paid(struct poster *poster, const struct sbuf *body, const cJSON *reply)
{
    cJSON *sent = cJSON_ParseWithLength(body->data, body->len);
    char code[64];

    if (strcmp(text_of(reply, "MaLoi", ""), "00") == 0 && sent != NULL) {
        snprintf(code, sizeof code, "paid:%.50s", text_of(sent, "MaGiaoDich", ""));
        pthread_mutex_lock(&poster->p->lock);
        push_write_line(poster->p, 0, "paid", code, NULL, body->data);
        pthread_mutex_unlock(&poster->p->lock);
    }
    cJSON_Delete(sent);
}

/* ---- calls ---- */

static size_t take(char *data, size_t size, size_t n, void *arg)
{
    struct sbuf *b = (struct sbuf *)arg;

    if (b->len + size * n > REPLY_MAX) {
        return 0;
    }
    sbuf_add(b, data, size * n);
    return b->failed ? 0 : size * n;
}

static int stopping(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct poster *poster = (struct poster *)arg;
    int stop;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    pthread_mutex_lock(&poster->lock);
    stop = poster->stop ? 1 : 0;
    pthread_mutex_unlock(&poster->lock);
    return stop;
}

/* The HTTP status, 0 without an answer. */
static long post(struct poster *poster, const cJSON *order, const char *url,
                 const struct sbuf *body, struct sbuf *reply)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    const char *user = text_of(order, "user", NULL);
    CURL *curl = poster->curl;
    long status = 0;

    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)body->len);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stopping);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, poster);
    if (user != NULL) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, text_of(order, "password", ""));
    }
    if (curl_easy_perform(curl) == CURLE_OK) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_slist_free_all(headers);
    return status;
}

/* One call about one dossier, and a row about it in answers. */
static void make_call(struct poster *poster, const cJSON *order, enum kind kind, const char *code,
                      const char *record, struct sbuf *answers)
{
    cJSON *parsed = cJSON_Parse(record);
    struct sbuf reply = {0};
    struct sbuf body = {0};
    char url[URL_SIZE];
    cJSON *json;
    long status;

    snprintf(url, sizeof url, "%s%s", text_of(order, "url", ""),
             text_of(order, "path", kinds[kind].path));
    kinds[kind].write(&body, code, parsed, order);
    status = body.failed ? 0 : post(poster, order, url, &body, &reply);
    json = reply.data != NULL ? cJSON_ParseWithLength(reply.data, reply.len) : NULL;
    if (kind == KIND_PAID && status == 200) {
        note_paid(poster, &body, json);
    }
    sbuf_comma(answers);
    sbuf_puts(answers, "{");
    sbuf_member(answers, "code", code);
    sbuf_key(answers, "status");
    sbuf_printf(answers, "%ld", status);
    sbuf_key(answers, "reply");
    if (json != NULL) {
        sbuf_add(answers, reply.data, reply.len);
    } else {
        sbuf_json(answers, reply.data != NULL ? reply.data : "", reply.len);
    }
    sbuf_puts(answers, "}");
    cJSON_Delete(json);
    cJSON_Delete(parsed);
    sbuf_free(&reply);
    sbuf_free(&body);
}

/* About dossiers that the order names; unknown ones may be looked up too. */
static void call_named(struct poster *poster, const cJSON *order, enum kind kind,
                       struct sbuf *answers)
{
    const cJSON *code;

    cJSON_ArrayForEach(code, cJSON_GetObjectItemCaseSensitive(order, "codes"))
    {
        struct birth *birth;
        char *record = NULL;

        if (!cJSON_IsString(code)) {
            continue;
        }
        pthread_mutex_lock(&poster->p->lock);
        birth = births_find(&poster->p->births, code->valuestring);
        record = birth != NULL ? strdup(birth->record) : NULL;
        pthread_mutex_unlock(&poster->p->lock);
        make_call(poster, order, kind, code->valuestring, record != NULL ? record : "{}", answers);
        free(record);
    }
}

static void call_new(struct poster *poster, const cJSON *order, enum kind kind,
                     struct sbuf *answers)
{
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(order, "count");
    const cJSON *seed = cJSON_GetObjectItemCaseSensitive(order, "seed");
    uint64_t key = cJSON_IsNumber(seed) ? (uint64_t)seed->valuedouble : poster->p->seed;
    unsigned n = cJSON_IsNumber(count) && count->valuedouble <= COUNT_MAX
                     ? (unsigned)count->valuedouble
                     : 1u;

    for (unsigned i = 0; i < n; i++) {
        char code[BIRTH_CODE_MAX];
        char *record = NULL;

        if (!births_make(poster->p, people_mix(key, 5000 + i), text_of(order, "procedure", NULL),
                         true, code, &record)) {
            return;
        }
        make_call(poster, order, kind, code, record, answers);
        free(record);
    }
}

static void run_order(struct poster *poster, const cJSON *order, struct sbuf *out)
{
    const char *name = text_of(order, "kind", "");
    enum kind kind = KIND_NOTICE;

    while (kind < KINDS && strcmp(kinds[kind].name, name) != 0) {
        kind++;
    }
    sbuf_puts(out, "{\"answers\":[");
    if (kind == KINDS) {
        sbuf_puts(out, "],\"error\":\"unknown kind\"}");
        return;
    }
    if (cJSON_GetObjectItemCaseSensitive(order, "codes") != NULL || !kinds[kind].births) {
        call_named(poster, order, kind, out);
    } else {
        call_new(poster, order, kind, out);
    }
    sbuf_puts(out, "]}");
}

/* ---- the thread ---- */

static void release(void *arg)
{
    serve_release((struct serve_req *)arg);
}

static void end_order(struct poster *poster, struct order *order, struct sbuf *out)
{
    size_t len = 0;
    char *text = sbuf_take(out, &len);

    if (text == NULL) {
        serve_respond(order->req, 500, "text/plain", "", 0);
    } else {
        serve_respond_owned(order->req, 200, "application/json; charset=utf-8", text, len);
    }
    ledger_then(poster->p->ledger, release, order->req); /* births are lines of it */
    cJSON_Delete(order->body);
    free(order);
}

static struct order *next_order(struct poster *poster)
{
    struct order *order;

    pthread_mutex_lock(&poster->lock);
    while (poster->first == NULL && !poster->stop) {
        pthread_cond_wait(&poster->work, &poster->lock);
    }
    order = poster->first;
    if (order != NULL) {
        poster->first = order->next;
        if (poster->first == NULL) {
            poster->last = &poster->first;
        }
    }
    pthread_mutex_unlock(&poster->lock);
    return order;
}

static void *poster_run(void *arg)
{
    struct poster *poster = (struct poster *)arg;
    struct order *order = next_order(poster);

    for (; order != NULL; order = next_order(poster)) {
        struct sbuf out = {0};

        run_order(poster, order->body, &out);
        end_order(poster, order, &out);
    }
    return NULL;
}

int poster_start(struct poster **out, struct portal *p)
{
    struct poster *poster = (struct poster *)calloc(1, sizeof *poster);

    if (poster == NULL) {
        return -1;
    }
    poster->p = p;
    poster->last = &poster->first;
    pthread_mutex_init(&poster->lock, NULL);
    pthread_cond_init(&poster->work, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    poster->curl = curl_easy_init();
    if (poster->curl == NULL || pthread_create(&poster->thread, NULL, poster_run, poster) != 0) {
        fputs("can't start the poster\n", stderr);
        curl_easy_cleanup(poster->curl);
        free(poster);
        return -1;
    }
    *out = poster;
    return 0;
}

void poster_stop(struct poster *poster)
{
    if (poster == NULL) {
        return;
    }
    pthread_mutex_lock(&poster->lock);
    poster->stop = true;
    pthread_cond_signal(&poster->work);
    pthread_mutex_unlock(&poster->lock);
    pthread_join(poster->thread, NULL);
    curl_easy_cleanup(poster->curl);
    pthread_mutex_destroy(&poster->lock);
    pthread_cond_destroy(&poster->work);
    free(poster);
}

void poster_serve(struct portal *p, struct serve_req *req)
{
    struct poster *poster = p->poster;
    cJSON *body = cJSON_ParseWithLength(req->body, req->body_len);
    struct order *order = (struct order *)calloc(1, sizeof *order);

    if (order == NULL || !cJSON_IsObject(body)) {
        free(order);
        cJSON_Delete(body);
        serve_respond(req, 400, "text/plain", "a JSON object is needed\n", 24);
        return;
    }
    order->req = req;
    order->body = body;
    serve_hold(req);
    pthread_mutex_lock(&poster->lock);
    *poster->last = order;
    poster->last = &order->next;
    pthread_cond_signal(&poster->work);
    pthread_mutex_unlock(&poster->lock);
}
