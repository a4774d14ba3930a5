#include "sandbox/province_intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cjson/cJSON.h>

#define GROUP_ID 20126
#define SYSTEM_NATIONAL 5

/* What is kept of the portal's own fields. */
enum field {
    F_CODE,
    F_SERVICE,
    F_SERVICE_NAME,
    F_SECTOR,
    F_SECTOR_NAME,
    F_APPLICANT,
    F_APPLICANT_ID,
    F_EMAIL,
    F_PHONE,
    F_SUBJECT,
    F_NOTE,
    F_AGENCY_NAME,
    F_SUBMITTED,
    F_TYPE,
    FIELD_COUNT
};

static const char *const WIRE[FIELD_COUNT] = {
    [F_CODE] = "MaHoSo",
    [F_SERVICE] = "MaTTHC",
    [F_SERVICE_NAME] = "TenTTHC",
    [F_SECTOR] = "MaLinhVuc",
    [F_SECTOR_NAME] = "TenLinhVuc",
    [F_APPLICANT] = "ChuHoSo",
    [F_APPLICANT_ID] = "SoGiayToChuHoSo",
    [F_EMAIL] = "Email",
    [F_PHONE] = "SoDienThoai",
    [F_SUBJECT] = "TrichYeuHoSo",
    [F_NOTE] = "GhiChu",
    [F_AGENCY_NAME] = "DonViXuLy",
    [F_SUBMITTED] = "NgayNopHoSo",
    [F_TYPE] = "LoaiDoiTuong",
};

struct intake_action {
    enum life_step_id to;
    bool by_applicant;
    int64_t at_s;
};

struct intake_dossier {
    char *fields[FIELD_COUNT]; /* owned */
    char number[LIFE_NUMBER_SIZE + 16];
    bool own_number;
    char uid[37];
    int64_t submit_s, receive_s, release_s, finish_s, changed_s;
    enum life_step_id step;
    struct intake_action actions[INTAKE_ACTIONS_MAX];
    size_t n_actions;
    uint32_t version;
};

static void free_dossier(struct intake_dossier *d)
{
    for (size_t i = 0; d != NULL && i < FIELD_COUNT; i++) {
        free(d->fields[i]);
    }
    free(d);
}

void intake_free(struct intake *in)
{
    for (size_t i = 0; i < in->n; i++) {
        free_dossier(in->rows[i]);
    }
    free(in->rows);
    *in = (struct intake){0};
}

/* ---- writing ---- */

static int64_t portal_time(const char *text)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y%m%d%H%M%S", &tm);

    return end != NULL && *end == '\0' ? (int64_t)timegm(&tm) - LIFE_LOCAL_S : 0;
}

static bool take_fields(struct intake_dossier *d, const cJSON *wire)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(wire, WIRE[i]));
        char *copy = strdup(text != NULL ? text : "");

        if (copy == NULL) {
            return false;
        }
        free(d->fields[i]);
        d->fields[i] = copy;
    }
    return true;
}

static void act(struct intake_dossier *d, enum life_step_id to, bool by_applicant, int64_t now_s)
{
    struct intake_action *last = d->n_actions > 0 ? &d->actions[d->n_actions - 1] : NULL;

    if (last != NULL && now_s <= last->at_s) {
        now_s = last->at_s + 1; /* no two actions at one moment */
    }
    d->actions[d->n_actions++] =
        (struct intake_action){.to = to, .by_applicant = by_applicant, .at_s = now_s};
    d->step = to;
    d->changed_s = now_s;
    d->version++;
    if (to != STEP_NEW && to != STEP_AGAIN && d->receive_s == 0 && to != STEP_SUPPLEMENT) {
        d->receive_s = now_s;
    }
    d->release_s = to == STEP_RESULT ? now_s : d->release_s;
    d->finish_s = to == STEP_DONE ? now_s : d->finish_s;
}

static size_t find_number(const struct intake *in, const char *number)
{
    for (size_t i = 0; i < in->n; i++) {
        if (strcmp(in->rows[i]->fields[F_CODE], number) == 0 ||
            strcmp(in->rows[i]->number, number) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static enum intake_result create(struct intake *in, const cJSON *wire, bool own_number,
                                 int64_t now_s, size_t *at)
{
    struct intake_dossier *d = in->n < INTAKE_MAX ? calloc(1, sizeof(*d)) : NULL;
    struct intake_dossier **rows =
        realloc(in->rows, (in->n + 1) * sizeof(*rows)); /* seldom called: no spare room */

    in->rows = rows != NULL ? rows : in->rows;
    if (d == NULL || rows == NULL || !take_fields(d, wire)) {
        free_dossier(d);
        return INTAKE_FULL;
    }
    *at = in->n;
    in->rows[in->n++] = d;
    d->own_number = own_number;
    if (own_number) {
        snprintf(d->number, sizeof(d->number), "H56.31-251118-%04zu", in->n);
    } else {
        snprintf(d->number, sizeof(d->number), "%s", d->fields[F_CODE]);
    }
    snprintf(d->uid, sizeof(d->uid), "50000000-0000-4000-8000-%012zx", *at);
    d->submit_s = portal_time(d->fields[F_SUBMITTED]);
    if (d->submit_s == 0 || d->submit_s > now_s) {
        d->submit_s = now_s;
    }
    act(d, STEP_NEW, true, d->submit_s);
    in->created++;
    return INTAKE_CREATED;
}

static enum intake_result update(struct intake *in, size_t at, const cJSON *wire, int64_t now_s)
{
    struct intake_dossier *d = in->rows[at];

    if (d->step != STEP_SUPPLEMENT || d->n_actions == INTAKE_ACTIONS_MAX) {
        in->refused++;
        return INTAKE_EXISTS;
    }
    if (!take_fields(d, wire)) {
        return INTAKE_FULL;
    }
    act(d, STEP_AGAIN, true, now_s);
    in->updated++;
    return INTAKE_UPDATED;
}

enum intake_result intake_take(struct intake *in, const char *body, bool own_number, int64_t now_s,
                               size_t *at, const char **why)
{
    cJSON *root = cJSON_Parse(body);
    const cJSON *wire = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "data"), 0);
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(wire, "MaHoSo"));
    const char *updating =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "isUpdating"));
    enum intake_result result = INTAKE_BAD;

    if (code == NULL || code[0] == '\0' || strlen(code) >= LIFE_NUMBER_SIZE || updating == NULL) {
        *why = "data[0].MaHoSo and isUpdating are needed";
    } else {
        *at = find_number(in, code);
        if (*at == SIZE_MAX && strcmp(updating, "True") == 0) {
            *why = "Hồ sơ không tồn tại";
        } else if (*at == SIZE_MAX) {
            result = create(in, wire, own_number, now_s, at);
        } else if (strcmp(updating, "True") == 0) {
            result = update(in, *at, wire, now_s);
        } else {
            in->refused++;
            result = INTAKE_EXISTS;
        }
    }
    cJSON_Delete(root);
    return result;
}

bool intake_move(struct intake *in, const char *number, const char *status, int64_t now_s)
{
    size_t at = find_number(in, number);

    for (size_t k = 0; at != SIZE_MAX && k < LIFE_STEP_COUNT; k++) {
        if (strcmp(LIFE_STEPS[k].status, status) == 0 && k != STEP_AGAIN) {
            if (in->rows[at]->n_actions == INTAKE_ACTIONS_MAX) {
                return false;
            }
            act(in->rows[at], (enum life_step_id)k, false, now_s);
            return true;
        }
    }
    return false;
}

/* ---- looking ---- */

size_t intake_find(const struct intake *in, const char *id)
{
    char *end;
    uint64_t number = strtoull(id, &end, 10);

    if (*id != '\0' && *end == '\0') {
        return number >= INTAKE_FIRST_ID && number - INTAKE_FIRST_ID < in->n
                   ? (size_t)(number - INTAKE_FIRST_ID)
                   : SIZE_MAX;
    }
    for (size_t i = 0; i < in->n; i++) {
        if (strcmp(in->rows[i]->uid, id) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

bool intake_fits(const struct intake *in, size_t i, const struct search *s)
{
    const struct intake_dossier *d = in->rows[i];
    const int64_t times[LIFE_DATE_COUNT] = {
        [LIFE_SUBMIT] = d->submit_s,
        [LIFE_RECEIVE] = d->receive_s,
        [LIFE_RELEASE] = d->release_s,
        [LIFE_FINISH] = d->finish_s,
    };

    if (s->system != SYSTEM_NATIONAL || (s->steps >> d->step & 1) == 0 || s->agency != NULL) {
        return false;
    }
    if (s->dossier_no != NULL && strcmp(s->dossier_no, d->number) != 0 &&
        strcmp(s->dossier_no, d->fields[F_CODE]) != 0) {
        return false;
    }
    for (size_t k = 0; k < LIFE_DATE_COUNT; k++) {
        uint16_t day = times[k] != 0 ? life_day(times[k]) : 0;

        if ((s->from[k] != 0 && day < s->from[k]) ||
            (s->to[k] != 0 && (day == 0 || day > s->to[k]))) {
            return false;
        }
    }
    return true;
}

uint32_t intake_version(const struct intake *in, size_t i)
{
    return in->rows[i]->version;
}

const char *intake_uid(const struct intake *in, size_t i)
{
    return in->rows[i]->uid;
}

/* ---- showing ---- */

static void put_fields(struct page *p, const struct intake *in, size_t i)
{
    const struct intake_dossier *d = in->rows[i];
    const struct life_step *step = &LIFE_STEPS[d->step];

    page_number(p, "dossierId", (int64_t)i + INTAKE_FIRST_ID);
    page_number(p, "groupId", GROUP_ID);
    page_text(p, "referenceUid", d->uid);
    page_date(p, "createDate", d->submit_s);
    page_text(p, "dossierNo", d->number);
    page_text(p, "originDossierId", "0");
    page_text(p, "originDossierNo", d->own_number ? d->fields[F_CODE] : "");
    page_text(p, "serviceCode", d->fields[F_SERVICE]);
    page_text(p, "serviceName", d->fields[F_SERVICE_NAME]);
    page_text(p, "domainCode", d->fields[F_SECTOR]);
    page_text(p, "domainName", d->fields[F_SECTOR_NAME]);
    page_text(p, "govAgencyCode", "H56.31");
    page_text(p, "govAgencyName", d->fields[F_AGENCY_NAME]);
    page_text(p, "applicantName", d->fields[F_APPLICANT]);
    page_text(p, "applicantIdType", strcmp(d->fields[F_TYPE], "2") == 0 ? "business" : "citizen");
    page_text(p, "applicantIdNo", d->fields[F_APPLICANT_ID]);
    page_text(p, "contactEmail", d->fields[F_EMAIL]);
    page_text(p, "contactTelNo", d->fields[F_PHONE]);
    page_text(p, "dossierName", d->fields[F_SUBJECT]);
    page_text(p, "applicantNote", d->fields[F_NOTE]);
    page_date(p, "submitDate", d->submit_s);
    page_date(p, "receiveDate", d->receive_s);
    page_date(p, "dueDate", d->receive_s != 0 ? d->receive_s + 5 * 86400 : 0);
    page_date(p, "releaseDate", d->release_s);
    page_date(p, "finishDate", d->finish_s);
    page_text(p, "dossierStatus", step->status);
    page_text(p, "dossierStatusText", step->name);
    page_text(p, "dossierSubStatus", step->substatus);
    page_date(p, "lastActionDate", d->changed_s);
    page_text(p, "stepCode", step->code);
    page_text(p, "online", "true");
    page_number(p, "originality", 3);
    page_number(p, "systemId", SYSTEM_NATIONAL);
    page_text(p, "viaPostal", "0");
    page_text(p, "metaData", "{}");
}

void intake_row(struct page *p, const struct intake *in, size_t i)
{
    page_row_begin(p);
    put_fields(p, in, i);
    page_text(p, "modifiedDate", "");
    page_row_end(p);
}

void intake_detail(struct page *p, const struct intake *in, size_t i)
{
    put_fields(p, in, i);
    page_date(p, "modifiedDate", in->rows[i]->changed_s);
}

size_t intake_actions_count(const struct intake *in, size_t i)
{
    return in->rows[i]->n_actions;
}

void intake_actions(struct page *p, const struct intake *in, size_t i)
{
    const struct intake_dossier *d = in->rows[i];

    for (size_t k = 0; k < d->n_actions; k++) {
        const struct intake_action *a = &d->actions[k];
        const struct life_step *to = &LIFE_STEPS[a->to];

        page_row_begin(p);
        page_number(p, "dossierActionId",
                    ((int64_t)i + INTAKE_FIRST_ID) * INTAKE_ACTIONS_MAX + (int64_t)k);
        page_text(p, "actionCode", a->by_applicant ? "1000" : "1900");
        page_text(p, "actionName", to->name);
        page_text(p, "actionUser",
                  a->by_applicant ? d->fields[F_APPLICANT] : "Cán bộ một cửa thử nghiệm");
        page_text(p, "actionNote", "");
        page_text(p, "stepCode", to->code);
        page_number(p, "createDate", a->at_s * 1000);
        page_flag(p, "pending", false);
        page_number(p, "state", 1);
        page_row_end(p);
    }
}

void intake_dump_line(struct sbuf *out, const struct intake *in, size_t i)
{
    struct page p = {.out = out};

    sbuf_puts(out, "{");
    sbuf_member(out, "code", in->rows[i]->fields[F_CODE]);
    sbuf_member(out, "expect", "portal");
    sbuf_member(out, "why", "");
    sbuf_key(out, "dossier");
    sbuf_puts(out, "{");
    intake_detail(&p, in, i);
    sbuf_puts(out, "}");
    sbuf_key(out, "actions");
    sbuf_puts(out, "[");
    intake_actions(&p, in, i);
    sbuf_puts(out, "],\"files\":[]}\n");
}
