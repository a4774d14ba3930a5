#include "adapter/portal_mapped.h"

#include <stdio.h>
#include <string.h>

#include "base/legacy.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/record.h"
#include "domain/vntime.h"

static void hold(struct adapter_check *check, enum hold_why why, const struct errmsg *reason)
{
    check->hold = why;
    text_printable(reason->text, strlen(reason->text), check->reason, sizeof(check->reason));
}

void portal_hold_invalid(struct adapter_check *check, const char *text)
{
    struct errmsg reason = {0};

    (void)err_set(&reason, ERR_INVAL, "%s", text);
    hold(check, HOLD_INVALID, &reason);
}

bool portal_too_long(const char *text, size_t max_chars)
{
    return strlen(text) > max_chars && text_length(text) > max_chars;
}

/* ---- maps ---- */

/* The end of a reason: where the missing row belongs. */
static void say_map(const struct map *map, const char *what, char out[200])
{
    if (map != NULL) {
        (void)snprintf(out, 200, "%s has no row for it: add one and reload", map_path(map));
    } else {
        (void)snprintf(out, 200, "section `maps` names no %s map: add one and reload", what);
    }
}

/* A raw status as the source wrote it. */
struct raw_status {
    const char *map; /* the record's status_map */
    const char *status, *substatus, *name;
};

static void hold_status(struct adapter_check *check, const struct map *map,
                        const struct raw_status *raw)
{
    struct errmsg reason = {0};
    char where[200];
    char texts[3][48];

    text_trim(raw->status, texts[0], sizeof(texts[0]));
    text_trim(raw->substatus, texts[1], sizeof(texts[1]));
    text_trim(raw->name, texts[2], sizeof(texts[2]));
    if (map == NULL && strcmp(raw->map, "national") == 0) {
        (void)snprintf(where, sizeof(where), "not a national status (1 to 10)");
    } else {
        say_map(map, "status", where);
    }
    (void)err_set(&reason, ERR_NOTFOUND, "status \"%s\", sub-status \"%s\", name \"%s\": %s",
                  texts[0], texts[1], texts[2], where);
    hold(check, HOLD_UNMAPPED_STATUS, &reason);
}

/* False: held. */
static bool map_raw_status(const struct adapter_env *env, const struct raw_status *raw,
                           int64_t at_s, struct adapter_check *check)
{
    const struct map *map;

    check->status = config_map_status(env->config, raw->map, raw->status, raw->substatus, raw->name,
                                      at_s, &map);
    if (check->status == 0) {
        hold_status(check, map, raw);
    }
    return check->status != 0;
}

static bool map_procedure(const struct adapter_env *env, struct portal_mapped *m, int64_t at_s,
                          struct adapter_check *check)
{
    const char *raw = m->dossier.procedure_code;
    const struct map *map = env->config->procedure_map;
    struct errmsg reason = {0};
    char where[200];
    char code[48];

    m->procedure = map != NULL ? map_code(map, raw, at_s) : NULL;
    if (m->procedure != NULL) {
        return true;
    }
    if (code_procedure_national(raw, m->procedure_text) == 0) {
        m->procedure = m->procedure_text;
        return true;
    }
    text_trim(raw, code, sizeof(code));
    say_map(map, "procedure", where);
    (void)err_set(&reason, ERR_NOTFOUND, "procedure \"%s\" is no national code: %s", code, where);
    hold(check, HOLD_UNMAPPED_PROCEDURE, &reason);
    return false;
}

/* ---- dossiers ---- */

/* 6.3: from 1 an online dossier may be refused (3), sent back for papers (5) or withdrawn (7)
 * without ever having been received. */
static bool must_be_received(int status)
{
    return status >= 2 && status != 3 && status != 5 && status != 7;
}

static const char *dossier_fault(const struct portal_mapped *m)
{
    const struct dossier *d = &m->dossier;

    if (!code_is_dossier(d->code)) {
        return "the dossier's code does not have the form that the portal takes";
    }
    if (d->received_s == 0 && must_be_received(m->status)) {
        return "the dossier counts as received but has no date of receipt (NgayTiepNhan)";
    }
    if (legacy_text(d->applicant_name)) {
        return "ChuHoSo is in an old font (TCVN3 or VNI), not in Unicode: mend it at the source";
    }
    if (legacy_text(d->subject)) {
        return "TrichYeuHoSo is in an old font (TCVN3 or VNI), not in Unicode: mend it at the "
               "source";
    }
    if (legacy_text(d->note)) {
        return "GhiChu is in an old font (TCVN3 or VNI), not in Unicode: mend it at the source";
    }
    return NULL;
}

static uint32_t dossier_flags(const struct dossier *d)
{
    bool cut = portal_too_long(d->subject, PORTAL_SUBJECT_CHARS) ||
               portal_too_long(d->note, PORTAL_NOTE_CHARS);

    for (size_t i = 0; i < d->n_files; i++) {
        cut = cut || portal_too_long(d->files[i].name, PORTAL_FILE_NAME_CHARS);
    }
    for (size_t i = 0; i < d->n_results; i++) {
        cut = cut || portal_too_long(d->results[i].name, PORTAL_RESULT_NAME_CHARS);
    }
    return cut ? ITEM_FLAG_TRUNCATED : 0;
}

static void check_dossier(const struct adapter_env *env, struct portal_mapped *m, bool consented,
                          struct adapter_check *check)
{
    const struct dossier *d = &m->dossier;
    const struct raw_status raw = {d->status_map, d->status, d->substatus, d->status_name};
    int64_t at_s = d->changed_s != 0 ? d->changed_s : loop_wall_s(env->loop);
    bool known = map_raw_status(env, &raw, at_s, check);
    const char *fault;

    m->status = check->status;
    check->flags |= dossier_flags(d);
    if (!map_procedure(env, m, at_s, check) || !known) {
        return;
    }
    fault = consented ? NULL : dossier_fault(m);
    if (fault != NULL) {
        portal_hold_invalid(check, fault);
    }
}

/* ---- steps ---- */

static const char *step_fault(const struct step *s)
{
    if (!code_is_dossier(s->code)) {
        return "the step's dossier code does not have the form that the portal takes";
    }
    if (s->at_s == 0) {
        return "the step has no time (ThoiDiemXuLy)";
    }
    if (s->text[0] == '\0') {
        return "the step has no content (NoiDungXuLy)";
    }
    if (s->actor[0] == '\0') {
        return "the step names no officer (NguoiXuLy)";
    }
    if (legacy_text(s->actor) || legacy_text(s->text)) {
        return "NguoiXuLy or NoiDungXuLy is in an old font (TCVN3 or VNI), not in Unicode: mend it "
               "at the source";
    }
    return NULL;
}

/* What the portal refuses in an answer (section 5.4): only 2 and 5 are accepted there, and an
 * answer without its time was rejected. Nothing is folded or filled in. */
static const char *answer_fault(const struct step *s, const struct json *data)
{
    char number[24];
    int64_t at_s = 0;

    if (!json_is_object(data)) {
        return "the answer is no JSON object";
    }
    if (strcmp(json_text_or_empty(json_get(data, "MaHoSo"), number), s->code) != 0) {
        return "the answer (MaHoSo) is about another dossier";
    }
    if (json_text_or_empty(json_get(data, "MaHoSoDonVi"), number)[0] == '\0') {
        return "the answer has no number of the province (MaHoSoDonVi)";
    }
    if (vntime_parse_portal(json_text_or_empty(json_get(data, "NgayXuLy"), number), &at_s) != 0 ||
        at_s == 0) {
        return "the answer has no usable time (NgayXuLy)";
    }
    return NULL;
}

static bool answer_status(const struct json *data, int *status)
{
    int64_t value = 0;

    if (json_integer(json_get(data, "TrangThai"), &value) != 0 || (value != 2 && value != 5)) {
        return false;
    }
    *status = (int)value;
    return true;
}

static int check_answer(struct portal_mapped *m, bool consented, struct adapter_check *check)
{
    const struct step *s = &m->step;
    struct json *data = NULL;
    struct errmsg msg = {0};
    const char *fault = "the answer is not complete JSON";
    int err;

    err = json_parse(s->answer, strlen(s->answer), &data, &msg);
    if (err == ERR_NOMEM) {
        return err;
    }
    if (err == 0) {
        fault = answer_fault(s, data);
        if (consented && json_is_object(data)) {
            fault = NULL;
        }
        if (fault == NULL && !answer_status(data, &m->status)) {
            fault = "the portal takes an answer with TrangThai 2 or 5 only";
        }
    }
    check->status = m->status;
    if (fault != NULL) {
        portal_hold_invalid(check, fault);
    }
    json_free(data);
    return 0;
}

static int check_step(const struct adapter_env *env, struct portal_mapped *m, bool consented,
                      struct adapter_check *check)
{
    const struct step *s = &m->step;
    const struct raw_status raw = {s->status_map, s->status, s->substatus, s->status_name};
    const char *fault;

    if (s->answer[0] != '\0') {
        return check_answer(m, consented, check);
    }
    check->flags |= portal_too_long(s->actor, PORTAL_ACTOR_CHARS) ? ITEM_FLAG_TRUNCATED : 0;
    if (!map_raw_status(env, &raw, s->at_s, check)) {
        return 0;
    }
    m->status = check->status;
    fault = consented ? NULL : step_fault(s);
    if (fault != NULL) {
        portal_hold_invalid(check, fault);
    }
    return 0;
}

/* ---- records ---- */

static void check_begin(struct adapter_check *check)
{
    check->status = 0;
    check->hold = HOLD_NONE;
    check->flags = 0;
    check->reason[0] = '\0';
}

int portal_map_record(const struct adapter_env *env, const struct record *record, bool consented,
                      struct arena *arena, struct portal_mapped *m, struct adapter_check *check)
{
    struct errmsg msg = {0};
    int err = 0;

    check_begin(check);
    m->status = 0;
    switch (record->kind) {
    case RECORD_DOSSIER:
        if (record->dossier != NULL) {
            m->dossier = *record->dossier;
        } else {
            err = record_to_dossier(record->body, record->body_len, arena, &m->dossier, &msg);
        }
        break;
    case RECORD_STEP:
        if (record->step != NULL) {
            m->step = *record->step;
        } else {
            err = record_to_step(record->body, record->body_len, arena, &m->step, &msg);
        }
        break;
    default:
        portal_hold_invalid(check, "the portal takes dossiers and their steps only");
        return 0;
    }
    if (err == ERR_NOMEM) {
        return err;
    }
    if (err != 0) {
        (void)err_wrap(&msg, err, "the stored record can't be read");
        hold(check, HOLD_INVALID, &msg);
    } else if (record->kind == RECORD_DOSSIER) {
        check_dossier(env, m, consented, check);
    } else {
        return check_step(env, m, consented, check);
    }
    return 0;
}
