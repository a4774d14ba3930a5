#include "sandbox/verify_map.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "sandbox/life_table.h"
#include "sandbox/verify_ledger.h"
#include "sandbox/verify_product.h"

/* conf/maps/status.csv as the oracle understands it. */
static const struct {
    const char *word;
    int national;
} STATUSES[] =
    {
        {"new", 1},        {"receiving", 2},      {"collecting", 2}, {"unresolved", 3},
        {"processing", 4}, {"interoperating", 4}, {"handover", 4},   {"correcting", 4},
        {"waiting", 5},    {"paying", 6},         {"cancelling", 7}, {"cancelled", 7},
        {"pausing", 8},    {"denied", 8},         {"releasing", 9},  {"posting", 9},
        {"done", 10},
},
  SUBSTATUSES[] = {
      {"receiving_1", 1},
      {"waiting_2", 6},
      {"denied_1", 3},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Fields that came with G2: they may be missing, all together. */
static const char *const G2[] = {
    "KenhThucHien", "SoGiayToChuHoSo", "DinhDanhCHS", "NgayNopHoSo", "NgayTuChoi", "NoiNopHoSo",
};

const char *map_text(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static long map_long(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNumber(item) ? (long)item->valuedouble : 0;
}

static int national(const char *status, const char *substatus)
{
    for (size_t i = 0; i < COUNT(SUBSTATUSES); i++) {
        if (strcasecmp(SUBSTATUSES[i].word, substatus) == 0) {
            return SUBSTATUSES[i].national;
        }
    }
    for (size_t i = 0; i < COUNT(STATUSES); i++) {
        if (strcasecmp(STATUSES[i].word, status) == 0) {
            return STATUSES[i].national;
        }
    }
    return 0;
}

static int national_of_step(const char *code)
{
    for (size_t i = 0; i < LIFE_STEP_COUNT; i++) {
        if (strcmp(LIFE_STEPS[i].code, code) == 0) {
            return national(LIFE_STEPS[i].status, LIFE_STEPS[i].substatus);
        }
    }
    return 0;
}

/* "dd/MM/yyyy HH:mm:ss" to "yyyyMMddHHmmss". */
static void wire_date(const char *date, char out[15])
{
    out[0] = '\0';
    if (strlen(date) == 19) {
        snprintf(out, 15, "%.4s%.2s%.2s%.2s%.2s%.2s", date + 6, date + 3, date, date + 11,
                 date + 14, date + 17);
    }
}

static void wire_time(const cJSON *ms, char out[15])
{
    time_t local;
    struct tm tm;

    out[0] = '\0';
    if (cJSON_IsNumber(ms) && ms->valuedouble > 0) {
        local = (time_t)(ms->valuedouble / 1000) + 7 * 3600;
        gmtime_r(&local, &tm);
        strftime(out, 15, "%Y%m%d%H%M%S", &tm);
    }
}

/* Bytes of at most max characters. */
static size_t cut(const char *text, size_t max)
{
    size_t n = 0;

    while (text[n] != '\0' && max > 0) {
        n++;
        while (((unsigned char)text[n] & 0xc0) == 0x80) {
            n++;
        }
        max--;
    }
    return n;
}

static void add(cJSON *to, const char *name, const char *value)
{
    cJSON_AddStringToObject(to, name, value);
}

static void add_cut(cJSON *to, const char *name, const char *value, size_t max)
{
    size_t n = cut(value, max);
    char *copy = strndup(value, n);

    if (copy != NULL) {
        add(to, name, copy);
        free(copy);
    }
}

static void add_date(cJSON *to, const char *name, const cJSON *from, const char *field, bool when)
{
    char text[15];

    wire_date(when ? map_text(from, field) : "", text);
    add(to, name, text);
}

static bool national_code(const char *code, char out[9])
{
    static const char FORM[] = "d.dddddd";

    for (size_t i = 0; i < 8; i++) {
        if (FORM[i] == 'd' ? !isdigit((unsigned char)code[i]) : code[i] != FORM[i]) {
            return false;
        }
    }
    memcpy(out, code, 8);
    out[8] = '\0';
    return code[8] == '\0' || (code[8] == '.' && strlen(code + 8) == 14);
}

static void add_identity(cJSON *to, const cJSON *d)
{
    const char *type = map_text(d, "applicantIdType");
    const char *id = map_text(d, "applicantIdNo");
    size_t digits = strspn(id, "0123456789");
    bool citizen = strcmp(type, "citizen") == 0;
    cJSON *list = cJSON_AddArrayToObject(to, "DinhDanhCHS");

    add(to, "LoaiDoiTuong", citizen ? "1" : strcmp(type, "business") == 0 ? "2" : "4");
    add(to, "SoGiayToChuHoSo", id);
    if (citizen && id[digits] == '\0' && (digits == 12 || digits == 9)) {
        cJSON *paper = cJSON_CreateObject();

        add(paper, "LoaiDinhDanh", digits == 12 ? "1" : "2");
        add(paper, "SoDinhDanh", id);
        cJSON_AddItemToArray(list, paper);
    }
}

static void add_texts(cJSON *to, const cJSON *d)
{
    const char *subject = map_text(d, "dossierName");

    add(to, "TenTTHC", map_text(d, "serviceName"));
    add(to, "MaLinhVuc", map_text(d, "domainCode"));
    add(to, "TenLinhVuc", map_text(d, "domainName"));
    add(to, "KenhThucHien", strcmp(map_text(d, "online"), "true") == 0 ? "2" : "1");
    add(to, "ChuHoSo", map_text(d, "applicantName"));
    add(to, "Email", map_text(d, "contactEmail"));
    add(to, "SoDienThoai", map_text(d, "contactTelNo"));
    add_cut(to, "TrichYeuHoSo", subject[0] != '\0' ? subject : map_text(d, "serviceName"), 1000);
    add(to, "HinhThuc", strcmp(map_text(d, "viaPostal"), "2") == 0 ? "1" : "0");
    add(to, "DonViXuLy", map_text(d, "govAgencyName"));
    add(to, "NoiNopHoSo", map_long(d, "systemId") == 5 ? "1" : "2");
    add_cut(to, "GhiChu", map_text(d, "applicantNote"), 2000);
}

static void add_dates(cJSON *to, const cJSON *d, int status)
{
    add_date(to, "NgayNopHoSo", d, "submitDate", true);
    add_date(to, "NgayTiepNhan", d, "receiveDate", true);
    add_date(to, "NgayHenTra", d, "dueDate", status != 1 && status != 3);
    add_date(to, "NgayTra", d, "finishDate", status == 10);
    add_date(to, "NgayKetThucXuLy", d, "releaseDate", status == 9 || status == 10);
    add_date(to, "NgayTuChoi", d, "lastActionDate", status == 3 || status == 8);
}

static void map_files(struct mapped *m, const cJSON *files)
{
    const cJSON *file;

    cJSON_ArrayForEach(file, files)
    {
        bool result = map_long(file, "dossierPartType") == 2;
        cJSON *to = cJSON_CreateObject();
        char id[24];

        snprintf(id, sizeof(id), "%ld", map_long(file, "dossierFileId"));
        add(to, result ? "GiayToId" : "TepDinhKemId", id);
        add(to, result ? "TenGiayTo" : "TenTepDinhKem", map_text(file, "displayName"));
        add(to, "MaThanhPhanHoSo", map_text(file, "dossierPartNo"));
        add(to, result ? "MaGiayToKetQua" : "IsDeleted",
            result ? map_text(file, "deliverableCode") : "False");
        cJSON_AddItemToArray(result ? m->results : m->submitted, to);
    }
}

static int map_step(struct mapped *m, const cJSON *d, const cJSON *action)
{
    const char *name = map_text(action, "actionName");
    const char *note = map_text(action, "actionNote");
    int status = national_of_step(map_text(action, "stepCode"));
    struct mapped_step *s = &m->steps[m->n_steps];
    char at[15], due[15], number[12], text[8192];

    if (map_long(action, "state") == 2 ||
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(action, "pending"))) {
        return 0;
    }
    if (status == 0 || m->n_steps == MAP_STEPS_MAX) {
        return -1;
    }
    wire_time(cJSON_GetObjectItemCaseSensitive(action, "createDate"), at);
    wire_time(cJSON_GetObjectItemCaseSensitive(action, "dueDate"), due);
    snprintf(number, sizeof(number), "%d", status);
    snprintf(text, sizeof(text), note[0] != '\0' ? "%s - %s" : "%s", name, note);
    s->record = cJSON_CreateObject();
    if (s->record == NULL) {
        return -1;
    }
    add(s->record, "MaHoSo", m->code);
    add_cut(s->record, "NguoiXuLy", map_text(action, "actionUser"), 50);
    add(s->record, "ThoiDiemXuLy", at);
    add(s->record, "PhongBanXuLy", map_text(d, "govAgencyName"));
    add(s->record, "NoiDungXuLy", text);
    add(s->record, "TrangThai", number);
    add(s->record, "NgayKetThucTheoQuyDinh", due);
    snprintf(s->key, sizeof(s->key), "%s|%s|%s", at, number, map_text(s->record, "NguoiXuLy"));
    s->key_hash = ledger_key(s->key, strlen(s->key));
    snprintf(s->id, sizeof(s->id), "%ld", map_long(action, "dossierActionId"));
    m->n_steps++;
    return 0;
}

int map_dossier(const cJSON *line, struct mapped *out)
{
    const cJSON *d = cJSON_GetObjectItemCaseSensitive(line, "dossier");
    const cJSON *action;
    int status = national(map_text(d, "dossierStatus"), map_text(d, "dossierSubStatus"));
    char code[9], number[12];

    memset(out, 0, sizeof(*out));
    out->code = map_text(d, "dossierNo");
    out->uid = map_text(d, "referenceUid");
    snprintf(out->id, sizeof(out->id), "%ld", map_long(d, "dossierId"));
    out->record = cJSON_CreateObject();
    out->submitted = cJSON_CreateArray();
    out->results = cJSON_CreateArray();
    if (status == 0 || !national_code(map_text(d, "serviceCode"), code) || out->record == NULL ||
        out->submitted == NULL || out->results == NULL) {
        return -1;
    }
    snprintf(number, sizeof(number), "%d", status);
    add(out->record, "MaHoSo", out->code);
    add(out->record, "MaTTHC", code);
    add(out->record, "TrangThaiHoSo", number);
    add_identity(out->record, d);
    add_texts(out->record, d);
    add_dates(out->record, d, status);
    map_files(out, cJSON_GetObjectItemCaseSensitive(line, "files"));
    cJSON_ArrayForEach(action, cJSON_GetObjectItemCaseSensitive(line, "actions"))
    {
        if (map_step(out, d, action) != 0) {
            return -1;
        }
    }
    return 0;
}

void map_free(struct mapped *m)
{
    cJSON_Delete(m->record);
    cJSON_Delete(m->submitted);
    cJSON_Delete(m->results);
    for (size_t i = 0; i < m->n_steps; i++) {
        cJSON_Delete(m->steps[i].record);
    }
}

/* "", [], {} and null all say: no value. */
static bool is_empty(const cJSON *item)
{
    return item == NULL || cJSON_IsNull(item) ||
           (cJSON_IsString(item) && item->valuestring[0] == '\0') ||
           ((cJSON_IsArray(item) || cJSON_IsObject(item)) && item->child == NULL);
}

static bool same(const cJSON *wanted, const cJSON *actual)
{
    return (is_empty(wanted) && is_empty(actual)) || cJSON_Compare(wanted, actual, true);
}

/* A member that must not be there: anything that says something and is not expected. */
static const char *invented(const cJSON *wanted, const cJSON *actual, const char *but1,
                            const char *but2)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, actual)
    {
        if (!is_empty(item) && strcmp(item->string, but1) != 0 && strcmp(item->string, but2) != 0 &&
            cJSON_GetObjectItemCaseSensitive(wanted, item->string) == NULL) {
            return item->string;
        }
    }
    return NULL;
}

static const char *file_difference(const struct mapped *m, const cJSON *wanted, const cJSON *actual,
                                   const char *link)
{
    const char *url = map_text(actual, link);
    const cJSON *item;

    cJSON_ArrayForEach(item, wanted)
    {
        if (!same(item, cJSON_GetObjectItemCaseSensitive(actual, item->string)) &&
            (strcmp(item->string, "MaGiayToKetQua") != 0 ||
             cJSON_HasObjectItem(actual, item->string))) {
            return item->string;
        }
    }
    if (strstr(url, m->id) == NULL && (m->uid[0] == '\0' || strstr(url, m->uid) == NULL)) {
        return link;
    }
    return invented(wanted, actual, link, "");
}

static const char *list_difference(const struct mapped *m, const cJSON *wanted, const cJSON *actual,
                                   const char *list, const char *link)
{
    int n = cJSON_GetArraySize(wanted);

    if (cJSON_GetArraySize(actual) != n) {
        return list;
    }
    for (int i = 0; i < n; i++) {
        const char *name =
            file_difference(m, cJSON_GetArrayItem(wanted, i), cJSON_GetArrayItem(actual, i), link);

        if (name != NULL) {
            return name;
        }
    }
    return NULL;
}

static bool is_g2(const char *name)
{
    for (size_t i = 0; i < COUNT(G2); i++) {
        if (strcmp(G2[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* An empty sector may be filled from the catalogue's record of the procedure. */
static bool sector_fits(const cJSON *wanted, const cJSON *actual, const cJSON *procedure)
{
    const cJSON *first =
        cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(procedure, "LINHVUCTHUCHIEN"), 0);
    const char *name = strcmp(wanted->string, "MaLinhVuc") == 0 ? "MALINHVUC" : "TENLINHVUC";

    if (strstr(wanted->string, "LinhVuc") == NULL || wanted->valuestring[0] != '\0') {
        return false;
    }
    return procedure == NULL ||
           (cJSON_IsString(actual) && strcmp(map_text(first, name), actual->valuestring) == 0);
}

const char *map_difference(const struct mapped *m, const cJSON *actual, const cJSON *procedure,
                           bool *no_files)
{
    bool g1 = !cJSON_HasObjectItem(actual, "KenhThucHien");
    const cJSON *submitted = cJSON_GetObjectItemCaseSensitive(actual, "TaiLieuNop");
    const cJSON *results = cJSON_GetObjectItemCaseSensitive(actual, "DanhSachGiayToKetQua");
    const char *name;
    const cJSON *item;

    *no_files = false;
    cJSON_ArrayForEach(item, m->record)
    {
        const cJSON *is = cJSON_GetObjectItemCaseSensitive(actual, item->string);

        if (!same(item, is) && !(g1 && is_g2(item->string)) && !sector_fits(item, is, procedure) &&
            !verify_product_may(m, item->string, is)) {
            return item->string;
        }
    }
    name = invented(m->record, actual, "TaiLieuNop", "DanhSachGiayToKetQua");
    if (name != NULL) {
        return name;
    }
    if (is_empty(submitted) && is_empty(results)) {
        *no_files = !is_empty(m->submitted) || !is_empty(m->results);
        return NULL;
    }
    name = list_difference(m, m->submitted, submitted, "TaiLieuNop", "DuongDanTaiTepTin");
    return name != NULL ? name
                        : list_difference(m, m->results, results, "DanhSachGiayToKetQua",
                                          "DuongDanTepTinKetQua");
}

const char *map_step_difference(const struct mapped *m, const struct mapped_step *step,
                                const cJSON *actual)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, step->record)
    {
        const cJSON *is = cJSON_GetObjectItemCaseSensitive(actual, item->string);

        if (!same(item, is) && !verify_product_step_may(m, item->string, is)) {
            return item->string;
        }
    }
    return invented(step->record, actual, "", "");
}
