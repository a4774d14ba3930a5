/* The services beside dossiers and catalogue: DongBoDanhGia, DongBoHoiDap and
 * DongBoKetQuaHoiDapGuiTuDVCQG; protocol/national-portal.md 5.5 and 5.6. A record is known by its
 * key; the same content again has no effect, another one replaces it. */
#include "sandbox/portal_asked.h"
#include "sandbox/portal_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTHER_CODE_MAX 64

static const char *text_of(const cJSON *item, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(item, name);

    return cJSON_IsString(v) ? v->valuestring : "";
}

static bool refuse(struct rule_result *r, const char *field, const char *what)
{
    r->refusal = REFUSED_FIELD;
    snprintf(r->message, sizeof r->message, "Trường %s %s", field, what);
    return false;
}

/* ---- ratings ---- */

static const char *const shares[] = {
    "PhanTramDanhGiaRatHaiLong",    "PhanTramDanhGiaHaiLong",
    "PhanTramDanhGiaChuaHaiLong",   "PhanTramDanhGiaDichVuRatHaiLong",
    "PhanTramDanhGiaDichVuHaiLong", "PhanTramDanhGiaDichVuChuaHaiLong",
};

static bool is_share(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits >= 1 && digits <= 3 && atoi(text) <= 100 && text[strlen(text) - 1] == '%';
}

/* M-YYYY; false when the text is none. */
static bool read_month(const char *text, unsigned *month, unsigned *year)
{
    char rest;

    return sscanf(text, "%2u-%4u%c", month, year, &rest) == 2 && *month >= 1 && *month <= 12 &&
           *year >= 2000;
}

static bool check_rating(const struct portal *p, const cJSON *item, struct rule_result *r,
                         char code[OTHER_CODE_MAX])
{
    const char *procedure = text_of(item, "MaThuTuc");
    const char *agency = text_of(item, "Madonvi");
    unsigned month;
    unsigned year;

    if (!read_month(text_of(item, "NgayTongHop"), &month, &year)) {
        return refuse(r, "NgayTongHop", "không hợp lệ");
    }
    if (agency[0] == '\0' || strlen(agency) > 20) {
        return refuse(r, "Madonvi", "không hợp lệ");
    }
    if (catalog_find(p->catalog, procedure, knobs_get(p->knobs, PK_CATALOG_VERSION)) == NULL) {
        r->refusal = REFUSED_UNMAPPED;
        snprintf(r->message, sizeof r->message, "Mã TTHC không hợp lệ");
        return false;
    }
    if (text_of(item, "TongSoNguoiDanhGia")[0] == '\0') {
        return refuse(r, "TongSoNguoiDanhGia", "không được để trống");
    }
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        const char *share = text_of(item, shares[i]);

        if (share[0] != '\0' && !is_share(share)) {
            return refuse(r, shares[i], "không hợp lệ");
        }
    }
    snprintf(code, OTHER_CODE_MAX, "rating:%04u-%02u_%.10s_%.20s", year, month, procedure, agency);
    return true;
}

/* ---- questions ---- */

static bool check_question(const struct portal *p, const cJSON *item, struct rule_result *r,
                           char code[OTHER_CODE_MAX])
{
    const char *id = text_of(item, "HOIDAPID");

    (void)p;
    if (id[0] == '\0' || strlen(id) > 20) {
        return refuse(r, "HOIDAPID", "không hợp lệ");
    }
    if (text_of(item, "NOIDUNG")[0] == '\0' || text_of(item, "MADONVI")[0] == '\0') {
        return refuse(r, "NOIDUNG", "không được để trống");
    }
    snprintf(code, OTHER_CODE_MAX, "question:%.20s", id);
    return true;
}

static bool check_reply(const struct portal *p, const cJSON *item, struct rule_result *r,
                        char code[OTHER_CODE_MAX])
{
    const char *id = text_of(item, "HOIDAPID");
    const char *date = text_of(item, "NGAYTRALOI");

    if (!asked_known(p, id)) {
        r->refusal = REFUSED_UNKNOWN_DOSSIER;
        snprintf(r->message, sizeof r->message, "Câu hỏi không tồn tại");
        return false;
    }
    if (strlen(date) != 10 || date[2] != '/' || date[5] != '/') {
        return refuse(r, "NGAYTRALOI", "không hợp lệ");
    }
    if (text_of(item, "NOIDUNGTRALOI")[0] == '\0' || text_of(item, "NGUOITRALOI")[0] == '\0') {
        return refuse(r, "NOIDUNGTRALOI", "không được để trống");
    }
    snprintf(code, OTHER_CODE_MAX, "reply:%.20s", id);
    return true;
}

/* ---- storing ---- */

static struct dossier *find_or_add(struct portal *p, const char *code)
{
    struct dossier *d = store_find(&p->others, code);

    return d != NULL ? d : store_add(&p->others, code);
}

/* Under the lock. */
static void store_one(struct call *c, const char *kind, const char *code, const cJSON *item,
                      const char *record, struct rule_result *r)
{
    struct portal *p = c->p;
    struct digest digest = digest_json(item);
    struct dossier *d = store_find(&p->others, code);
    char refused[KNOB_TEXT_MAX];
    struct store_change change;

    p->stats.writing_calls++;
    knobs_get_text(p->knobs, PK_REFUSE_CODE, refused);
    if (refused[0] != '\0' && strcmp(refused, code) == 0) {
        (void)refuse(r, "MaThuTuc", "không hợp lệ");
        return;
    }
    if (d != NULL && knobs_get(p->knobs, PK_OTHER_DUPLICATES) != 0) {
        r->refusal = REFUSED_DUPLICATE;
        snprintf(r->message, sizeof r->message, "Dữ liệu đã tồn tại");
        return;
    }
    d = find_or_add(p, code);
    if (d == NULL) {
        r->refusal = REFUSED_FULL;
        snprintf(r->message, sizeof r->message, "Hệ thống bận");
        return;
    }
    change = dossier_put_snapshot(d, digest, 1, 0);
    p->stats.others += change.effect ? 1u : 0u;
    p->stats.others_repeated += change.effect ? 0u : 1u;
    p->stats.accepted++;
    p->call_count++;
    c->committed = true;
    push_write_line(p, p->call_count, kind, code,
                    change.effect ? "\"effect\":true" : "\"effect\":false", record);
    if (strcmp(kind, "reply") == 0 && change.effect) {
        asked_reply(p, text_of(item, "HOIDAPID"), text_of(item, "NOIDUNGTRALOI"));
    }
}

/* One record a call: what clients are known to send. */
static const cJSON *the_one(struct call *c)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(c->body, "data");

    if (!cJSON_IsArray(data) || cJSON_GetArraySize(data) != 1 || !cJSON_IsObject(data->child)) {
        portal_refuse(c, REFUSED_FORMAT, "Dữ liệu data không hợp lệ");
        return NULL;
    }
    return data->child;
}

static void take(struct call *c, const char *kind,
                 bool (*check)(const struct portal *p, const cJSON *item, struct rule_result *r,
                               char code[OTHER_CODE_MAX]))
{
    const cJSON *item = the_one(c);
    struct rule_result r = {0};
    char code[OTHER_CODE_MAX];
    char *record;

    if (item == NULL) {
        return;
    }
    record = cJSON_PrintUnformatted(item);
    if (record == NULL) {
        portal_refuse(c, REFUSED_FULL, "Hệ thống bận");
        return;
    }
    if (check(c->p, item, &r, code)) {
        pthread_mutex_lock(&c->p->lock);
        store_one(c, kind, code, item, record, &r);
        pthread_mutex_unlock(&c->p->lock);
    }
    free(record);
    if (r.refusal != REFUSED_NOT) {
        portal_refuse(c, r.refusal, r.message);
    } else {
        snprintf(c->message, sizeof c->message, "Thành công");
    }
}

void other_rating(struct call *c)
{
    take(c, "rating", check_rating);
}

void other_question(struct call *c)
{
    take(c, "question", check_question);
}

void other_reply(struct call *c)
{
    take(c, "reply", check_reply);
}

bool other_replay(struct portal *p, const char *kind, const char *code, const cJSON *record)
{
    static const char *const kinds[] = {"rating", "question", "reply"};
    struct dossier *d;
    bool ours = false;

    if (asked_replay(p, kind, record) || strcmp(kind, "paid") == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        ours = ours || strcmp(kind, kinds[i]) == 0;
    }
    if (!ours) {
        return false;
    }
    d = find_or_add(p, code);
    if (d != NULL && cJSON_IsObject(record)) {
        (void)dossier_put_snapshot(d, digest_json(record), 1, 0);
    }
    return true;
}
