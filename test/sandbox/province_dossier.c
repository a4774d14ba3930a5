#include "sandbox/province_dossier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/life_flaw.h"
#include "sandbox/people.h"
#include "sandbox/portal_catalog.h"

#define GROUP_ID 20126

/* Everything that rows and details share, worked out once. */
struct shown {
    const struct life *w;
    size_t i;
    uint64_t key;
    const struct life_dossier *d;
    const struct life_procedure *procedure;
    const struct life_agency *agency;
    struct life_state state;
    struct person who;
    char service[64];
    char number[LIFE_NUMBER_SIZE];
    char uid[37];
};

static const char LONG_SENTENCE[] = "Đề nghị cơ quan xem xét, giải quyết theo đúng quy định; ";

static void show(const struct life *w, size_t i, struct shown *s)
{
    s->w = w;
    s->i = i;
    s->key = life_key(w, i);
    s->d = &w->dossiers[i];
    s->procedure = &w->catalog->procedures[s->d->procedure];
    s->agency = life_agency_of(w, i);
    life_state_of(w, i, &s->state);
    people_make(s->key, &s->who);
    if (s->d->planted == LIFE_UNMAPPED_PROCEDURE) {
        snprintf(s->service, sizeof(s->service), "TTHC-NOIBO-%02u", (unsigned)(i % 3) + 7);
    } else {
        /* A site has its own suffixed code for some procedures, the national one for the others. */
        snprintf(s->service, sizeof(s->service), "%s%s", s->procedure->code,
                 people_mix(s->d->procedure, 80) % 3 == 0 ? ".000.00.00.H56" : "");
    }
    life_number(w, i, s->number);
    life_uid(w, i, s->uid);
}

/* Who did the action at plan position p. */
static void actor(const struct shown *s, uint8_t p, char out[PEOPLE_NAME_SIZE])
{
    if (LIFE_ACTIONS[LIFE_PLANS[s->d->plan].actions[p]].by_applicant) {
        snprintf(out, PEOPLE_NAME_SIZE, "%s", s->who.name);
    } else {
        people_officer(people_mix((uint64_t)s->w->hot[s->i].agency * 64 + s->key % 12, p), out);
    }
}

static const struct life_action *action_at(const struct shown *s, uint8_t p)
{
    return &LIFE_ACTIONS[LIFE_PLANS[s->d->plan].actions[p]];
}

static void put_identity(struct page *p, const struct shown *s, const char *name)
{
    page_number(p, "dossierId", (int64_t)s->i + LIFE_FIRST_ID);
    page_number(p, "groupId", GROUP_ID);
    page_date(p, "createDate", s->state.submit_s);
    page_text(p, "referenceUid", s->uid);
    page_number(p, "counter", s->d->serial);
    page_text(p, "registerBookCode", "");
    page_text(p, "serviceCode", s->service);
    page_text(p, "serviceName", s->procedure->name);
    page_text(p, "govAgencyCode", s->agency->code);
    page_text(p, "govAgencyName", s->agency->name);
    page_text(p, "dossierTemplateNo", "TPHS_01");
    page_text(p, "dossierTemplateName", "Thành phần hồ sơ");
    page_text(p, "applicantName", name);
    page_text(p, "applicantIdType", people_kind_word(s->who.kind));
    page_text(p, "applicantIdNo", s->who.id_no);
    page_text(p, "applicantIdDate", "");
}

static void put_places(struct page *p, const struct shown *s)
{
    static const char *const EMPTY[] = {
        "delegateName",         "delegateIdNo",       "delegateTelNo",    "delegateEmail",
        "delegateAddress",      "delegateCityCode",   "delegateCityName", "delegateDistrictCode",
        "delegateDistrictName", "delegateWardCode",   "delegateWardName", "postalServiceCode",
        "postalServiceName",    "postalAddress",      "postalCityCode",   "postalCityName",
        "postalDistrictCode",   "postalDistrictName", "postalWardCode",   "postalWardName",
        "postalTelNo",
    };

    page_text(p, "address", "Thôn Không Có Thật");
    page_text(p, "cityCode", "38");
    page_text(p, "cityName", "Tỉnh Thanh Hóa");
    page_text(p, "districtCode", "");
    page_text(p, "districtName", "");
    page_text(p, "wardCode", s->agency->code);
    page_text(p, "wardName", s->agency->name);
    page_text(p, "contactName", s->who.name);
    page_text(p, "contactTelNo", s->who.phone);
    for (size_t k = 0; k < sizeof(EMPTY) / sizeof(EMPTY[0]); k++) {
        page_text(p, EMPTY[k], "");
    }
}

static void put_times(struct page *p, const struct shown *s)
{
    page_date(p, "submitDate", s->state.submit_s);
    page_date(p, "receiveDate", s->state.receive_s);
    page_date(p, "dueDate", s->state.due_s);
    page_date(p, "extendDate", s->d->extended > 0 ? s->state.due_s : 0);
    page_date(p, "releaseDate", s->state.release_s);
    page_date(p, "finishDate", s->state.finish_s);
    page_text(p, "cancellingDate", "");
    page_text(p, "correctingDate", "");
    page_text(p, "endorsementDate", "");
    page_number(p, "durationCount", 5);
    page_number(p, "durationUnit", 0);
}

static void put_state(struct page *p, const struct shown *s)
{
    const struct life_step *step = &LIFE_STEPS[s->state.step];
    const struct life_action *act = action_at(s, s->state.last);
    char who[PEOPLE_NAME_SIZE];

    actor(s, s->state.last, who);
    page_text(p, "dossierStatus", step->status);
    page_text(p, "dossierStatusText", step->name);
    page_text(p, "dossierSubStatus", step->substatus);
    page_text(p, "dossierSubStatusText", step->substatus[0] != '\0' ? step->name : "");
    page_date(p, "lastActionDate", s->d->at_s[s->state.last]);
    page_text(p, "lastActionCode", act->code);
    page_text(p, "lastActionName", act->name);
    page_text(p, "lastActionUser", who);
    page_text(p, "lastActionNote", act->note);
    page_text(p, "stepCode", step->code);
    page_text(p, "stepName", step->name);
    page_text(p, "stepDuedate", "");
    page_text(p, "stepOverdue", "");
    page_text(p, "stepInstruction", "");
    page_text(p, "lockState", "");
    page_text(p, "visited", "false");
    page_text(p, "pending", s->d->pending ? "true" : "false");
}

static void put_kind(struct page *p, const struct shown *s)
{
    static const char *const EMPTY[] = {"dossierRegister", "processNo",      "payload",
                                        "submissionNote",  "briefNote",      "statusReg",
                                        "assigned",        "vnpostalStatus", "vnpostalProfile",
                                        "fromViaPostal",   "sampleCount",    "errorMessage"};
    bool child = s->d->planted == LIFE_CHILD;
    char origin[24] = "0"; /* OpenCPS's "none" */

    if (child) {
        snprintf(origin, sizeof(origin), "%zu", s->i - s->i / 2 + LIFE_FIRST_ID);
    }
    page_text(p, "dossierNo", s->number);
    page_text(p, "online", s->d->first == 0 ? "true" : "false");
    page_number(p, "originality", s->d->planted == LIFE_NOT_PUBLIC ? 0 : 3);
    page_text(p, "originDossierId", origin);
    page_text(p, "originDossierNo", child ? "H56.31.01-250101-0001" : "");
    page_text(p, "viaPostal", people_mix(s->key, 81) % 5 == 0 ? "2" : "0");
    page_text(p, "domainCode", s->procedure->sector_code);
    page_text(p, "domainName", s->procedure->sector_name);
    page_number(p, "serviceLevel", s->d->first == 0 ? 4 : 2);
    page_number(p, "systemId", s->w->hot[s->i].system);
    page_text(p, "groupDossierId", "");
    page_text(p, "metaData", "{}");
    for (size_t k = 0; k < sizeof(EMPTY) / sizeof(EMPTY[0]); k++) {
        page_text(p, EMPTY[k], "");
    }
}

/* Empty for a fifth of the dossiers: the procedure's name stands for it then. */
static void name_text(const struct shown *s, char text[PROVINCE_TEXT_SIZE])
{
    text[0] = '\0';
    if (s->key % 5 != 0) {
        snprintf(text, PROVINCE_TEXT_SIZE, "%s cho %s", s->procedure->name, s->who.name);
    }
}

static void note_text(const struct shown *s, char text[PROVINCE_TEXT_SIZE])
{
    uint64_t chance = people_mix(s->key, 82) % 500;

    text[0] = '\0';
    if (chance == 0) { /* longer than the 2,000 characters that the portal takes */
        size_t n = 0;

        while (n + sizeof(LONG_SENTENCE) < PROVINCE_TEXT_SIZE) {
            memcpy(text + n, LONG_SENTENCE, sizeof(LONG_SENTENCE));
            n += sizeof(LONG_SENTENCE) - 1;
        }
    } else if (chance < 80) {
        snprintf(text, PROVINCE_TEXT_SIZE, "Ghi chú <%u> & \"nháy\":\nliên hệ giờ hành chính",
                 (unsigned)chance);
    }
    if (s->d->tampered > 0) {
        snprintf(text, PROVINCE_TEXT_SIZE, "Sửa ngoài quy trình, lần %u", (unsigned)s->d->tampered);
    }
}

void province_texts(const struct life *w, size_t i, struct province_texts *out)
{
    struct shown s;

    show(w, i, &s);
    snprintf(out->service, sizeof(out->service), "%s", s.service);
    name_text(&s, out->name);
    note_text(&s, out->note);
}

void province_actor(const struct life *w, size_t i, uint8_t position, char out[PEOPLE_NAME_SIZE])
{
    struct shown s;

    show(w, i, &s);
    actor(&s, position, out);
}

void province_dossier_row(struct page *p, const struct life *w, size_t i)
{
    struct shown s;

    show(w, i, &s);
    page_row_begin(p);
    put_identity(p, &s, s.who.upper);
    page_text(p, "modifiedDate", "");
    put_places(p, &s);
    put_times(p, &s);
    put_state(p, &s);
    put_kind(p, &s);
    page_row_end(p);
}

void province_dossier_detail(struct page *p, const struct life *w, size_t i)
{
    char text[PROVINCE_TEXT_SIZE];
    struct shown s;

    if ((w->dossiers[i].flaws & FLAW_SILENT) != 0) {
        return;
    }
    show(w, i, &s);
    put_identity(p, &s, s.who.name);
    page_date(p, "modifiedDate", s.d->changed_s);
    put_places(p, &s);
    page_text(p, "contactEmail", s.who.email);
    put_times(p, &s);
    put_state(p, &s);
    put_kind(p, &s);
    name_text(&s, text);
    page_text(p, "dossierName", text);
    note_text(&s, text);
    page_text(p, "applicantNote", text);
}

size_t province_actions_count(const struct life *w, size_t i)
{
    const struct life_dossier *d = &w->dossiers[i];

    return (size_t)(d->done - d->first) + d->pending;
}

static void put_action(struct page *p, const struct shown *s, uint8_t at,
                       const struct life_step *from)
{
    const struct life_action *act = action_at(s, at);
    const struct life_step *to = &LIFE_STEPS[act->to];
    bool pending = at >= s->d->done;
    char who[PEOPLE_NAME_SIZE];

    actor(s, at, who);
    page_row_begin(p);
    page_number(p, "dossierActionId", ((int64_t)s->i + LIFE_FIRST_ID) * 16 + at);
    page_number(p, "dossierId", (int64_t)s->i + LIFE_FIRST_ID);
    page_text(p, "fromStepCode", from != NULL ? from->code : "");
    page_text(p, "fromStepName", from != NULL ? from->name : "");
    page_text(p, "actionCode", act->code);
    page_text(p, "actionName", act->name);
    page_text(p, "actionUser", who);
    page_text(p, "actionNote", act->note);
    page_number(p, "actionOverdue", 0);
    page_text(p, "stepCode", to->code);
    page_text(p, "stepName", to->name);
    page_text(p, "sequenceNo", "");
    if (!to->final) {
        page_number(p, "dueDate", ((int64_t)s->d->at_s[at] + 8 * 3600) * 1000);
    }
    page_number(p, "createDate", (int64_t)s->d->at_s[at] * 1000 + 7);
    page_flag(p, "pending", pending);
    page_number(p, "state", act->rolled_back ? 2 : pending ? 0 : 1);
    page_text(p, "payload", "{}");
    page_row_end(p);
}

void province_actions(struct page *p, const struct life *w, size_t i)
{
    const struct life_step *from = NULL;
    struct shown s;
    uint8_t end;

    show(w, i, &s);
    end = (uint8_t)(s.d->done + s.d->pending);
    for (uint8_t at = s.d->first; at < end; at++) {
        put_action(p, &s, at, from);
        if (!action_at(&s, at)->rolled_back) {
            from = &LIFE_STEPS[action_at(&s, at)->to];
        }
    }
}

static size_t submitted_files(const struct shown *s)
{
    return (size_t)(people_mix(s->key, 83) % 3) + 1;
}

static bool has_result(const struct shown *s)
{
    return (s->d->flaws & FLAW_NO_RESULT) == 0 &&
           (s->state.step == STEP_RESULT || s->state.step == STEP_POSTING ||
            s->state.step == STEP_DONE);
}

size_t province_files_count(const struct life *w, size_t i)
{
    struct shown s;

    show(w, i, &s);
    return submitted_files(&s) + has_result(&s);
}

/* File k of a dossier, of all files of the world. */
static void file_uid(const struct shown *s, size_t k, char out[PROVINCE_FILE_UID_SIZE])
{
    snprintf(out, PROVINCE_FILE_UID_SIZE, "%.24s%012llx", s->uid,
             (unsigned long long)(s->i * 16 + k));
}

static void result_uid(const struct shown *s, size_t k, char out[PROVINCE_FILE_UID_SIZE])
{
    struct shown other;

    if ((s->d->flaws & FLAW_SHARED_RESULT) == 0) {
        file_uid(s, k, out);
        return;
    }
    show(s->w, s->d->with, &other);
    file_uid(&other, submitted_files(&other), out);
}

/* What was handed in is the first paper that the portal's catalogue names (portal_record.c). */
static void paper_code(const struct shown *s, size_t k, bool result, char out[64])
{
    const char *sector = s->procedure->sector_code;

    if (result || (k == 0 && (s->d->flaws & FLAW_STRANGE_PAPER) != 0)) {
        snprintf(out, 64, "000.00.00.H56-KQ%04u",
                 (unsigned)(people_mix(s->d->procedure, 84 + k) % 10000));
    } else {
        snprintf(out, 64, "000.00.00.%.3s-KQ%04u", sector[0] != '\0' ? sector : "G22",
                 (unsigned)((catalog_hash(s->procedure->code) >> 8) % 8000U));
    }
}

static void put_file(struct page *p, const struct shown *s, size_t k, bool result)
{
    char text[96];
    char uid[PROVINCE_FILE_UID_SIZE];

    page_row_begin(p);
    page_number(p, "dossierFileId", ((int64_t)s->i + LIFE_FIRST_ID) * 16 + (int64_t)k);
    if (result) {
        result_uid(s, k, uid);
    } else {
        file_uid(s, k, uid);
    }
    page_text(p, "referenceUid", uid);
    page_text(p, "dossierTemplateNo", "TPHS_01");
    paper_code(s, k, result, text);
    page_text(p, "dossierPartNo", text);
    page_number(p, "dossierPartType", result ? 2 : 1);
    page_text(p, "fileTemplateNo", "");
    snprintf(text, sizeof(text), result ? "Kết quả %zu.pdf" : "Giấy tờ kèm theo %zu.pdf", k + 1);
    page_text(p, "displayName", text);
    page_text(p, "fileType", "pdf");
    page_number(p, "fileSize", 4096);
    snprintf(text, sizeof(text), "KQ.H56.%06u",
             (s->d->flaws & FLAW_CERTIFIED) != 0
                 ? LIFE_CERTIFIED_CODE
                 : (unsigned)(people_mix(s->d->procedure, 90) % LIFE_CERTIFIED_CODE));
    page_text(p, "deliverableCode", result ? text : "");
    page_flag(p, "original", true);
    page_row_end(p);
}

enum province_file province_file_find(const struct life *w, const char *uid)
{
    char own[PROVINCE_FILE_UID_SIZE];
    uint64_t number = strlen(uid) == 36 ? strtoull(uid + 24, NULL, 16) : UINT64_MAX;
    size_t k = number % 16;
    struct shown s;
    size_t n;

    if (number / 16 >= w->n || (w->dossiers[number / 16].flaws & FLAW_GONE) != 0) {
        return PROVINCE_FILE_NONE;
    }
    show(w, (size_t)(number / 16), &s);
    n = submitted_files(&s);
    file_uid(&s, k, own);
    if (strcmp(own, uid) != 0 || k >= n + has_result(&s)) {
        return PROVINCE_FILE_NONE;
    }
    if (k == n && (s.d->flaws & FLAW_DEAD_LINK) != 0) {
        return PROVINCE_FILE_NONE;
    }
    return k == n && (s.d->flaws & (FLAW_UNSIGNED | FLAW_CERTIFIED)) == 0 ? PROVINCE_FILE_SIGNED
                                                                          : PROVINCE_FILE_PLAIN;
}

void province_files(struct page *p, const struct life *w, size_t i)
{
    struct shown s;
    size_t n;

    show(w, i, &s);
    n = submitted_files(&s);
    for (size_t k = 0; k < n; k++) {
        put_file(p, &s, k, false);
    }
    if (has_result(&s)) {
        put_file(p, &s, n, true);
    }
}

void province_stepconfigs(struct page *p)
{
    for (size_t k = 0; k < LIFE_STEP_COUNT; k++) {
        const struct life_step *step = &LIFE_STEPS[k];

        page_row_begin(p);
        page_number(p, "stepConfigId", (int64_t)k + 1);
        page_text(p, "stepCode", step->code);
        page_text(p, "stepName", step->name);
        page_number(p, "stepType", 1);
        page_text(p, "dossierStatus", step->status);
        page_text(p, "dossierSubStatus", step->substatus);
        page_text(p, "menuGroup", "");
        page_text(p, "menuStepName", step->name);
        page_text(p, "buttonConfig", "");
        page_row_end(p);
    }
}

void province_dump_line(struct sbuf *out, const struct life *w, size_t i, bool hidden)
{
    static const char *const EXPECT[LIFE_PLANTED_COUNT] = {
        [LIFE_NORMAL] = "portal",           [LIFE_UNMAPPED_STATUS] = "held",
        [LIFE_UNMAPPED_PROCEDURE] = "held", [LIFE_CHILD] = "never",
        [LIFE_NOT_PUBLIC] = "never",        [LIFE_TEST_AGENCY] = "never",
        [LIFE_NO_NUMBER] = "never"};
    static const char *const WHY[LIFE_PLANTED_COUNT] = {
        [LIFE_NORMAL] = "",
        [LIFE_UNMAPPED_STATUS] = "its status has no row in the status map",
        [LIFE_UNMAPPED_PROCEDURE] = "its procedure code has no row in the procedure map",
        [LIFE_CHILD] = "interlinked: its parent is sent",
        [LIFE_NOT_PUBLIC] = "originality 0",
        [LIFE_TEST_AGENCY] = "handled by the test agency H56.99",
        [LIFE_NO_NUMBER] = "it has no number yet"};
    struct page p = {.out = out};
    char number[LIFE_NUMBER_SIZE];
    uint8_t planted = w->dossiers[i].planted;

    life_number(w, i, number);
    sbuf_puts(out, "{");
    sbuf_member(out, "code", number);
    sbuf_member(out, "expect", hidden ? "never" : EXPECT[planted]);
    sbuf_member(out, "why", hidden ? "the product does not bring it" : WHY[planted]);
    sbuf_key(out, "dossier");
    sbuf_puts(out, "{");
    province_dossier_detail(&p, w, i);
    sbuf_puts(out, "}");
    sbuf_key(out, "actions");
    sbuf_puts(out, "[");
    province_actions(&p, w, i);
    sbuf_puts(out, "]");
    sbuf_key(out, "files");
    sbuf_puts(out, "[");
    province_files(&p, w, i);
    sbuf_puts(out, "]}\n");
}
