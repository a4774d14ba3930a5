#include "sandbox/portal_births.h"

#include "sandbox/people.h"
#include "sandbox/portal_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOCAL_S (7 * 3600)

void births_free(struct births *b)
{
    for (size_t i = 0; i < b->n; i++) {
        free(b->all[i].record);
    }
    free(b->all);
    memset(b, 0, sizeof *b);
}

struct birth *births_find(struct births *b, const char *code)
{
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->all[i].code, code) == 0) {
            return &b->all[i];
        }
    }
    return NULL;
}

static struct birth *add(struct births *b, const char *code)
{
    if (b->n == b->room) {
        size_t room = b->room == 0 ? 64 : 2 * b->room;
        struct birth *grown = (struct birth *)realloc(b->all, room * sizeof *grown);

        if (grown == NULL || room > BIRTHS_MAX * 2) {
            b->all = grown != NULL ? grown : b->all;
            return NULL;
        }
        b->all = grown;
        b->room = room;
    }
    memset(&b->all[b->n], 0, sizeof b->all[b->n]);
    snprintf(b->all[b->n].code, BIRTH_CODE_MAX, "%s", code);
    b->n++;
    return &b->all[b->n - 1];
}

static const char *text_of(const cJSON *record, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(record, name);

    return cJSON_IsString(v) ? v->valuestring : "";
}

/* The record belongs to the birth now. The lock is held. */
static bool put(struct portal *p, const char *code, char *record, unsigned version, bool waits)
{
    struct birth *birth = births_find(&p->births, code);
    struct dossier *d = store_find(&p->store, code);
    cJSON *parsed;

    if (birth == NULL) {
        birth = add(&p->births, code);
    }
    if (d == NULL) {
        d = store_add(&p->store, code);
    }
    if (birth == NULL || d == NULL) {
        free(record);
        return false;
    }
    parsed = cJSON_Parse(record);
    snprintf(birth->procedure, sizeof birth->procedure, "%s", text_of(parsed, "MaTTHC"));
    snprintf(birth->submitted, sizeof birth->submitted, "%s", text_of(parsed, "NgayNopHoSo"));
    cJSON_Delete(parsed);
    free(birth->record);
    birth->record = record;
    birth->version = version;
    birth->waits = waits;
    d->shown = 1;
    return true;
}

static void write_born(struct portal *p, const struct birth *birth)
{
    char members[64];

    snprintf(members, sizeof members, "\"version\":%u,\"waits\":%s", birth->version,
             birth->waits ? "true" : "false");
    push_write_line(p, 0, "born", birth->code, members, birth->record);
}

/* ---- making ---- */

static void local_now(struct tm *out)
{
    time_t t = time(NULL) + LOCAL_S;

    gmtime_r(&t, out);
}

static void now_text(char out[16])
{
    struct tm tm;

    local_now(&tm);
    strftime(out, 16, "%Y%m%d%H%M%S", &tm);
}

/* One that is published; the named one when there is such. */
static const struct procedure *choose_procedure(struct portal *p, uint64_t key, const char *code)
{
    long version = knobs_get(p->knobs, PK_CATALOG_VERSION);
    const struct procedure *named = code != NULL ? catalog_find(p->catalog, code, version) : NULL;

    for (size_t i = 0; named == NULL && i < p->catalog->count; i++) {
        const struct procedure *row =
            &p->catalog->rows[(people_mix(key, 11) + i) % p->catalog->count];

        if (catalog_published(row, version)) {
            named = row;
        }
    }
    return named;
}

static void write_file(struct sbuf *b, uint64_t key, unsigned i)
{
    char id[24];
    char name[32];

    snprintf(id, sizeof id, "%u", (unsigned)(people_mix(key, 20 + i) % 1000000));
    snprintf(name, sizeof name, "giay_to_%u.pdf", i + 1);
    sbuf_comma(b);
    sbuf_puts(b, "{");
    sbuf_member(b, "TepDinhKemId", id);
    sbuf_member(b, "TenTepDinhKem", name);
    sbuf_member(b, "IsDeleted", "False");
    sbuf_member(b, "MaThanhPhanHoSo", "000.00.00.G15-KQ0123");
    sbuf_member(b, "DuongDanTaiTepTin", "");
    sbuf_member(b, "Base64", i % 2 == 0 ? "JVBERi0xLjQK" : "JVBERi0xLjcK");
    sbuf_puts(b, "}");
}

static void write_person(struct sbuf *b, uint64_t key)
{
    struct person who;
    bool citizen;

    people_make(key, &who);
    citizen = who.kind == PEOPLE_CITIZEN;
    sbuf_member(b, "ChuHoSo", who.name);
    sbuf_member(b, "LoaiDoiTuong", citizen ? "1" : who.kind == PEOPLE_BUSINESS ? "2" : "4");
    sbuf_member(b, "SoGiayToChuHoSo", who.id_no);
    sbuf_key(b, "DinhDanhCHS");
    sbuf_puts(b, "[");
    if (citizen && strlen(who.id_no) == 12) {
        sbuf_puts(b, "{");
        sbuf_member(b, "LoaiDinhDanh", "1");
        sbuf_member(b, "SoDinhDanh", who.id_no);
        sbuf_puts(b, "}");
    }
    sbuf_puts(b, "]");
    sbuf_member(b, "Email", who.email);
    sbuf_member(b, "SoDienThoai", who.phone);
}

/* The form of section 5.2, files inside as in section 8, and two fields that nobody knows: they
 * must reach the province all the same. */
static char *make_record(struct portal *p, uint64_t key, const char *code, unsigned version,
                         const struct procedure *procedure)
{
    const struct agency *agency =
        &p->catalog->agencies[people_mix(key, 12) % p->catalog->agency_count];
    struct sbuf b = {0};
    char now[16];
    char subject[64];
    size_t len = 0;

    now_text(now);
    snprintf(subject, sizeof subject, "Hồ sơ nộp tại Cổng, lần %u", version);
    sbuf_puts(&b, "{");
    sbuf_member(&b, "MaHoSo", code);
    sbuf_member(&b, "MaTTHC", procedure->code);
    catalog_write_name(procedure, knobs_get(p->knobs, PK_CATALOG_VERSION), "TenTTHC", &b);
    sbuf_member(&b, "MaLinhVuc", procedure->sector_code);
    sbuf_member(&b, "TenLinhVuc", procedure->sector_name);
    sbuf_member(&b, "KenhThucHien", "2");
    write_person(&b, key);
    sbuf_member(&b, "TrichYeuHoSo", subject);
    sbuf_member(&b, "NgayNopHoSo", now);
    sbuf_member(&b, "NgayTiepNhan", "");
    sbuf_member(&b, "TrangThaiHoSo", "1");
    sbuf_member(&b, "HinhThuc", people_mix(key, 13) % 3 == 0 ? "1" : "0");
    sbuf_member(&b, "DonViXuLy", agency->name);
    sbuf_member(&b, "NoiNopHoSo", "1");
    sbuf_member(&b, "TaiKhoanDuocXacThucVoiVNeID", "1");
    sbuf_member(&b, "MaCoQuanThucHien", agency->code);
    sbuf_puts(&b, ",\"TruongRieng\":{\"LanNop\":");
    sbuf_printf(&b, "%u},\"TaiLieuNop\":[", version);
    for (unsigned i = 0; i < 1 + people_mix(key, 14) % 3; i++) {
        write_file(&b, key, i);
    }
    sbuf_puts(&b, "],\"DanhSachLePhi\":[],\"DanhSachGiayToKetQua\":[]}");
    return sbuf_take(&b, &len);
}

bool births_make(struct portal *p, uint64_t key, const char *procedure, bool told,
                 char code[BIRTH_CODE_MAX], char **record)
{
    const struct procedure *row = choose_procedure(p, key, procedure);
    struct tm tm;
    bool made = false;

    if (row == NULL || p->catalog->agency_count == 0) {
        return false;
    }
    local_now(&tm);
    pthread_mutex_lock(&p->lock);
    snprintf(code, BIRTH_CODE_MAX, "G22.99-%02d%02d%02d-%06u", tm.tm_year % 100, tm.tm_mon + 1,
             tm.tm_mday, (unsigned)(p->births.n + 1) % 1000000u);
    *record = make_record(p, key, code, 1, row);
    if (p->births.n < BIRTHS_MAX && *record != NULL && store_find(&p->store, code) == NULL) {
        char *copy = strdup(*record);

        made = copy != NULL && put(p, code, copy, 1, !told);
    }
    if (made) {
        write_born(p, &p->births.all[p->births.n - 1]);
    }
    pthread_mutex_unlock(&p->lock);
    if (!made) {
        free(*record);
        *record = NULL;
    }
    return made;
}

/* ---- the start from an older ledger ---- */

void births_replay(struct portal *p, const char *kind, const char *code, const cJSON *line)
{
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(line, "version");
    const cJSON *record = cJSON_GetObjectItemCaseSensitive(line, "record");
    struct birth *birth;
    char *text;

    if (strcmp(kind, "ack") == 0) {
        birth = births_find(&p->births, code);
        if (birth != NULL) {
            birth->waits = false;
            birth->acks++;
        }
        return;
    }
    text = cJSON_PrintUnformatted(record);
    if (text != NULL) {
        (void)put(p, code, text, cJSON_IsNumber(version) ? (unsigned)version->valuedouble : 1,
                  cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line, "waits")));
    }
}

/* ---- services ---- */

static void open_list(struct call *c)
{
    snprintf(c->message, sizeof c->message, "Thành công");
    sbuf_key(&c->result, "result");
    sbuf_puts(&c->result, "[");
}

/* A moment of the request; 0 for none, false when it is no moment. */
static bool read_moment(struct call *c, const char *name, uint64_t *out)
{
    const char *text = portal_body_text(c, name);

    *out = text != NULL && *text != '\0' ? rules_moment(text) : 0;
    if (text != NULL && *text != '\0' && *out == 0) {
        char message[64];

        snprintf(message, sizeof message, "Trường %s không đúng định dạng ngày", name);
        portal_refuse(c, REFUSED_FIELD, message);
        return false;
    }
    return true;
}

/* What a row is asked for. */
struct wanted {
    uint64_t from;
    uint64_t until;
    const char *state; /* "" any */
};

static bool write_row(struct call *c, const struct birth *birth, const struct wanted *wanted)
{
    const struct dossier *d = store_find(&c->p->store, birth->code);
    uint64_t at = rules_moment(birth->submitted);
    char state[8];
    bool fits;

    snprintf(state, sizeof state, "%u", d != NULL ? (unsigned)d->shown : 1u);
    fits = at >= wanted->from && (wanted->until == 0 || at <= wanted->until) &&
           (wanted->state[0] == '\0' || strcmp(wanted->state, state) == 0);
    if (fits) {
        sbuf_comma(&c->result);
        sbuf_puts(&c->result, "{");
        sbuf_member(&c->result, "MaHoSo", birth->code);
        sbuf_member(&c->result, "MaTTHC", birth->procedure);
        sbuf_member(&c->result, "TrangThaiHoSo", state);
        sbuf_member(&c->result, "NgayNopHoSo", birth->submitted);
        sbuf_key(&c->result, "LanNop");
        sbuf_printf(&c->result, "%u}", birth->version);
    }
    return fits;
}

void births_list(struct call *c)
{
    struct portal *p = c->p;
    long max = knobs_get(p->knobs, PK_INTAKE_LIST_MAX);
    const char *state = portal_body_text(c, "trangThai");
    struct wanted wanted = {.state = state != NULL ? state : ""};
    long written = 0;

    if (!read_moment(c, "tuNgay", &wanted.from) || !read_moment(c, "denNgay", &wanted.until)) {
        return;
    }
    open_list(c);
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->births.n && (max == 0 || written < max); i++) {
        if (p->births.all[i].waits) {
            written += write_row(c, &p->births.all[i], &wanted) ? 1 : 0;
        }
    }
    pthread_mutex_unlock(&p->lock);
    sbuf_puts(&c->result, "]");
}

void births_detail(struct call *c)
{
    const char *code = portal_body_text(c, "mahoso");
    const struct birth *birth;

    if (code == NULL || *code == '\0') {
        portal_refuse(c, REFUSED_FIELD, "Trường mahoso không được để trống");
        return;
    }
    open_list(c);
    pthread_mutex_lock(&c->p->lock);
    birth = births_find(&c->p->births, code);
    if (birth != NULL) {
        sbuf_puts(&c->result, birth->record);
    }
    pthread_mutex_unlock(&c->p->lock);
    sbuf_puts(&c->result, "]");
}

void births_acknowledge(struct call *c)
{
    struct portal *p = c->p;
    const char *code = portal_body_text(c, "maHoSo");
    const cJSON *received = cJSON_GetObjectItemCaseSensitive(c->body, "daNhan");
    struct birth *birth;

    if (code == NULL || *code == '\0' || !cJSON_IsTrue(received)) {
        portal_refuse(c, REFUSED_FIELD, "Trường maHoSo, daNhan bắt buộc");
        return;
    }
    pthread_mutex_lock(&p->lock);
    birth = births_find(&p->births, code);
    if (birth != NULL) {
        p->stats.acks++;
        p->call_count++;
        push_write_line(p, p->call_count, "ack", code,
                        birth->waits ? "\"effect\":true" : "\"effect\":false", NULL);
        birth->waits = false;
        birth->acks++;
        c->committed = true;
    }
    pthread_mutex_unlock(&p->lock);
    if (birth == NULL) {
        portal_refuse(c, REFUSED_UNKNOWN_DOSSIER, "Hồ sơ không tồn tại");
        return;
    }
    c->plain = knobs_get(p->knobs, PK_INTAKE_PLAIN_ACK) != 0;
    snprintf(c->message, sizeof c->message, "Cập nhật thành công");
}

/* ---- /_sandbox/ ---- */

static const char json_type[] = "application/json; charset=utf-8";

static void release(void *arg)
{
    serve_release((struct serve_req *)arg);
}

/* Answers once the ledger holds what was made. */
static void respond(struct portal *p, struct serve_req *req, int status, struct sbuf *b)
{
    size_t len = 0;
    char *text = sbuf_take(b, &len);

    if (text == NULL) {
        serve_respond(req, 500, "text/plain", "", 0);
        return;
    }
    serve_hold(req);
    serve_respond_owned(req, status, json_type, text, len);
    ledger_then(p->ledger, release, req);
}

static uint64_t number(const cJSON *body, const char *name, uint64_t def)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(body, name);

    return cJSON_IsNumber(v) && v->valuedouble >= 0 ? (uint64_t)v->valuedouble : def;
}

static void serve_all(struct portal *p, struct serve_req *req)
{
    struct sbuf b = {0};

    sbuf_puts(&b, "[");
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->births.n; i++) {
        const struct birth *birth = &p->births.all[i];
        const struct dossier *d = store_find(&p->store, birth->code);

        sbuf_comma(&b);
        sbuf_puts(&b, "{");
        sbuf_member(&b, "code", birth->code);
        sbuf_key(&b, "state");
        sbuf_printf(&b, "%u,\"version\":%u,\"waits\":%s,\"acks\":%u,\"record\":%s}",
                    d != NULL ? (unsigned)d->shown : 0u, birth->version,
                    birth->waits ? "true" : "false", (unsigned)birth->acks, birth->record);
    }
    pthread_mutex_unlock(&p->lock);
    sbuf_puts(&b, "]");
    respond(p, req, 200, &b);
}

void births_serve(struct portal *p, struct serve_req *req)
{
    cJSON *body = cJSON_ParseWithLength(req->body, req->body_len);
    const cJSON *procedure = cJSON_GetObjectItemCaseSensitive(body, "procedure");
    uint64_t count = number(body, "count", 1);
    uint64_t seed = number(body, "seed", p->seed);
    struct sbuf b = {0};

    if (strcmp(req->method, "GET") == 0) {
        cJSON_Delete(body);
        serve_all(p, req);
        return;
    }
    sbuf_puts(&b, "{\"codes\":[");
    for (uint64_t i = 0; i < count; i++) {
        char code[BIRTH_CODE_MAX];
        char *record = NULL;

        if (!births_make(p, people_mix(seed, 1000 + p->births.n),
                         cJSON_IsString(procedure) ? procedure->valuestring : NULL, false, code,
                         &record)) {
            break;
        }
        free(record);
        sbuf_comma(&b);
        sbuf_json(&b, code, strlen(code));
    }
    sbuf_puts(&b, "]}");
    cJSON_Delete(body);
    respond(p, req, 200, &b);
}

/* The citizen has handed in what was missing. */
static bool amend(struct portal *p, struct birth *birth, bool force)
{
    const struct dossier *d = store_find(&p->store, birth->code);
    cJSON *record = cJSON_Parse(birth->record);
    unsigned version = birth->version + 1;
    char subject[64];
    char now[16];
    char *text = NULL;

    if (record != NULL && ((d != NULL && d->shown == 5) || force)) {
        now_text(now);
        snprintf(subject, sizeof subject, "Hồ sơ nộp tại Cổng, lần %u", version);
        cJSON_ReplaceItemInObjectCaseSensitive(record, "TrichYeuHoSo", cJSON_CreateString(subject));
        cJSON_ReplaceItemInObjectCaseSensitive(record, "NgayNopHoSo", cJSON_CreateString(now));
        text = cJSON_PrintUnformatted(record);
    }
    cJSON_Delete(record);
    if (text == NULL || !put(p, birth->code, text, version, true)) {
        return false;
    }
    write_born(p, birth);
    return true;
}

void births_serve_resubmit(struct portal *p, struct serve_req *req)
{
    cJSON *body = cJSON_ParseWithLength(req->body, req->body_len);
    const cJSON *only = cJSON_GetObjectItemCaseSensitive(body, "code");
    bool force = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "force"));
    uint64_t count = number(body, "count", BIRTHS_MAX);
    struct sbuf b = {0};

    sbuf_puts(&b, "{\"codes\":[");
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->births.n && count > 0; i++) {
        struct birth *birth = &p->births.all[i];

        if (cJSON_IsString(only) && strcmp(only->valuestring, birth->code) != 0) {
            continue;
        }
        if (amend(p, birth, force)) {
            count--;
            sbuf_comma(&b);
            sbuf_json(&b, birth->code, strlen(birth->code));
        }
    }
    pthread_mutex_unlock(&p->lock);
    sbuf_puts(&b, "]}");
    cJSON_Delete(body);
    respond(p, req, 200, &b);
}
