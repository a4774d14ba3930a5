#include "adapter/portal_wire.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/record.h"
#include "domain/codes.h"
#include "domain/vntime.h"

#define ARENA_MAX_BYTES (8u << 20) /* of one decoded record */

/* Limits of the portal in characters (section 14 pain 8). */
#define ACTOR_CHARS 50
#define SUBJECT_CHARS 1000
#define NOTE_CHARS 2000
#define FILE_NAME_CHARS 4000
#define RESULT_NAME_CHARS 2000

/* What writing a call needs. */
struct wire {
    const struct adapter_env *env;
    struct json_writer w;
    struct arena *arena;
    bool n2; /* fields that came with G2 are sent */
    const char *result_code_key;
    bool stable;         /* written for its digest: volatile parts are left out */
    bool volatile_parts; /* there were some */
    int err;             /* the first failure of a cut */
};

/* A record with its codes mapped. */
struct mapped {
    struct dossier dossier;
    struct step step;
    int status;
    const char *procedure; /* national */
    char procedure_text[CODE_MAX];
};

/* ---- the check ---- */

static void hold(struct adapter_check *check, enum hold_why why, const struct errmsg *reason)
{
    check->hold = why;
    text_printable(reason->text, strlen(reason->text), check->reason, sizeof(check->reason));
}

/* The end of a reason: where the missing row belongs. */
static void say_map(const struct map *map, const char *what, char out[200])
{
    if (map != NULL) {
        (void)snprintf(out, 200, "%s has no row for it: add one and reload", map_path(map));
    } else {
        (void)snprintf(out, 200, "section `maps` names no %s map: add one and reload", what);
    }
}

static void hold_status(struct adapter_check *check, const struct map *map, const char *status,
                        const char *substatus, const char *name)
{
    struct errmsg reason = {0};
    char where[200];
    char texts[3][48];

    text_trim(status, texts[0], sizeof(texts[0]));
    text_trim(substatus, texts[1], sizeof(texts[1]));
    text_trim(name, texts[2], sizeof(texts[2]));
    say_map(map, "status", where);
    (void)err_set(&reason, ERR_NOTFOUND, "status \"%s\", sub-status \"%s\", name \"%s\": %s",
                  texts[0], texts[1], texts[2], where);
    hold(check, HOLD_UNMAPPED_STATUS, &reason);
}

static void hold_invalid(struct adapter_check *check, const char *text)
{
    struct errmsg reason = {0};

    (void)err_set(&reason, ERR_INVAL, "%s", text);
    hold(check, HOLD_INVALID, &reason);
}

static bool too_long(const char *text, size_t max_chars)
{
    return strlen(text) > max_chars && text_length(text) > max_chars;
}

static bool map_procedure(const struct adapter_env *env, struct mapped *m, int64_t at_s,
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

/* 6.3: from 1 an online dossier may be refused (3), sent back for papers (5) or withdrawn (7)
 * without ever having been received. */
static bool must_be_received(int status)
{
    return status >= 2 && status != 3 && status != 5 && status != 7;
}

static const char *dossier_fault(const struct mapped *m)
{
    if (!code_is_dossier(m->dossier.code)) {
        return "the dossier's code does not have the form that the portal takes";
    }
    if (m->dossier.received_s == 0 && must_be_received(m->status)) {
        return "the dossier counts as received but has no date of receipt (NgayTiepNhan)";
    }
    return NULL;
}

static uint32_t dossier_flags(const struct dossier *d)
{
    bool cut = too_long(d->subject, SUBJECT_CHARS) || too_long(d->note, NOTE_CHARS);

    for (size_t i = 0; i < d->n_files; i++) {
        cut = cut || too_long(d->files[i].name, FILE_NAME_CHARS);
    }
    for (size_t i = 0; i < d->n_results; i++) {
        cut = cut || too_long(d->results[i].name, RESULT_NAME_CHARS);
    }
    return cut ? ITEM_FLAG_TRUNCATED : 0;
}

static void check_dossier(const struct adapter_env *env, struct mapped *m, bool consented,
                          struct adapter_check *check)
{
    const struct dossier *d = &m->dossier;
    const struct map *map = env->config->status_map;
    int64_t at_s = d->changed_s != 0 ? d->changed_s : loop_wall_s(env->loop);
    const char *fault;

    m->status = map != NULL ? map_status(map, d->status, d->substatus, d->status_name, at_s) : 0;
    check->status = m->status;
    check->flags |= dossier_flags(d);
    if (!map_procedure(env, m, at_s, check)) {
        return;
    }
    if (m->status == 0) {
        hold_status(check, map, d->status, d->substatus, d->status_name);
        return;
    }
    fault = consented ? NULL : dossier_fault(m);
    if (fault != NULL) {
        hold_invalid(check, fault);
    }
}

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
    return NULL;
}

static void check_step(const struct adapter_env *env, struct mapped *m, bool consented,
                       struct adapter_check *check)
{
    const struct step *s = &m->step;
    const struct map *map = env->config->status_map;
    const char *fault;

    m->status = map != NULL ? map_status(map, s->status, s->substatus, s->status_name, s->at_s) : 0;
    check->status = m->status;
    check->flags |= too_long(s->actor, ACTOR_CHARS) ? ITEM_FLAG_TRUNCATED : 0;
    if (m->status == 0) {
        hold_status(check, map, s->status, s->substatus, s->status_name);
        return;
    }
    fault = consented ? NULL : step_fault(s);
    if (fault != NULL) {
        hold_invalid(check, fault);
    }
}

/* Decodes and maps a record. 0 with check filled; ERR_NOMEM. */
static int map_record(const struct adapter_env *env, const struct record *record, bool consented,
                      struct arena *arena, struct mapped *m, struct adapter_check *check)
{
    struct errmsg msg = {0};
    int err;

    check->status = 0;
    check->hold = HOLD_NONE;
    check->flags = 0;
    check->reason[0] = '\0';
    switch (record->kind) {
    case RECORD_DOSSIER:
        err = record_to_dossier(record->body, record->body_len, arena, &m->dossier, &msg);
        break;
    case RECORD_STEP:
        err = record_to_step(record->body, record->body_len, arena, &m->step, &msg);
        break;
    default:
        hold_invalid(check, "the portal takes dossiers and their steps only");
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
        check_step(env, m, consented, check);
    }
    return 0;
}

/* ---- writing ---- */

static void put_n2(struct wire *wire, const char *key, const char *value)
{
    if (wire->n2) {
        json_string(&wire->w, key, value);
    }
}

static void put_time(struct wire *wire, const char *key, int64_t at_s)
{
    char text[VNTIME_PORTAL_SIZE];

    vntime_format_portal(at_s, text);
    json_string(&wire->w, key, text);
}

static void put_flag(struct wire *wire, const char *key, int flag)
{
    static const char *const digits[] = {"0", "1", "2"};

    put_n2(wire, key, flag >= 0 && flag <= 2 ? digits[flag] : "");
}

static void put_empty_list(struct wire *wire, const char *key)
{
    json_array_open(&wire->w, key);
    json_array_close(&wire->w);
}

static void put_cut(struct wire *wire, const char *key, const char *text, size_t max_chars)
{
    const char *cut = text;

    if (too_long(text, max_chars)) {
        cut = arena_strndup(wire->arena, text, text_prefix(text, max_chars));
        if (cut == NULL) {
            wire->err = ERR_NOMEM;
            return;
        }
    }
    json_string(&wire->w, key, cut);
}

static const char *mirror_name(const struct adapter_env *env, enum record_kind kind,
                               const char *code)
{
    const char *name = NULL;

    if (env->mirror_name != NULL && code[0] != '\0') {
        name = env->mirror_name(env->mirror_ctx, kind, code);
    }
    return name != NULL ? name : "";
}

/* A name that the source left empty comes from the catalogue that we hold; never from a call per
 * dossier (pain 7). */
static void put_sector(struct wire *wire, const struct mapped *m)
{
    const char *code = m->dossier.sector_code;
    const char *name = m->dossier.sector_name;

    json_string(&wire->w, "MaLinhVuc", code);
    json_string(&wire->w, "TenLinhVuc",
                name[0] != '\0' ? name : mirror_name(wire->env, RECORD_SECTOR, code));
}

static const char *agency_name(const struct wire *wire, const struct dossier *d)
{
    const struct map *map = wire->env->config->agency_map;
    const char *code = NULL;

    if (d->agency_name[0] != '\0') {
        return d->agency_name;
    }
    if (map != NULL) {
        code = map_code(map, d->agency_code, d->changed_s);
    }
    return mirror_name(wire->env, RECORD_AGENCY, code != NULL ? code : d->agency_code);
}

/* A citizen's number by its length: 12 digits "1", 9 digits "2", anything else is not sent as an
 * identity. */
static void put_identity(struct wire *wire, const struct dossier *d)
{
    size_t digits = strspn(d->applicant_id, "0123456789");
    bool whole = d->applicant_id[digits] == '\0';

    if (!wire->n2) {
        return;
    }
    json_array_open(&wire->w, "DinhDanhCHS");
    if (strcmp(d->applicant_type, "1") == 0 && whole && (digits == 12 || digits == 9)) {
        json_object_open(&wire->w, NULL);
        json_string(&wire->w, "LoaiDinhDanh", digits == 12 ? "1" : "2");
        json_string(&wire->w, "SoDinhDanh", d->applicant_id);
        json_object_close(&wire->w);
    }
    json_array_close(&wire->w);
}

/* G1 knew citizens and enterprises only; OpenCPS then sent every organisation as the latter. */
static const char *applicant_type(const struct wire *wire, const struct dossier *d)
{
    bool newer = strcmp(d->applicant_type, "3") == 0 || strcmp(d->applicant_type, "4") == 0;

    return newer && !wire->n2 ? "2" : d->applicant_type;
}

static void put_applicant(struct wire *wire, const struct dossier *d)
{
    struct json_writer *w = &wire->w;

    json_string(w, "ChuHoSo", d->applicant_name);
    json_string(w, "LoaiDoiTuong", applicant_type(wire, d));
    json_string(w, "MaDoiTuong", d->account_id);
    put_n2(wire, "SoGiayToChuHoSo", d->applicant_id);
    put_identity(wire, d);
    json_string(w, "ThongTinKhac", "");
    json_string(w, "Email", d->email);
    json_string(w, "Fax", "");
    json_string(w, "SoDienThoai", d->phone);
}

static void put_progress(struct wire *wire, const struct mapped *m)
{
    const struct dossier *d = &m->dossier;
    struct json_writer *w = &wire->w;
    char status[12];

    (void)snprintf(status, sizeof(status), "%d", m->status);
    if (wire->n2) {
        put_time(wire, "NgayNopHoSo", d->submitted_s);
    }
    put_time(wire, "NgayTiepNhan", d->received_s);
    put_time(wire, "NgayHenTra", m->status == 1 || m->status == 3 ? 0 : d->promised_s);
    json_string(w, "TrangThaiHoSo", status);
    put_time(wire, "NgayTra", m->status == 10 ? d->returned_s : 0);
    json_string(w, "ThongTinTra", "");
    json_string(w, "HinhThuc", d->result_by);
    put_time(wire, "NgayKetThucXuLy", m->status == 9 || m->status == 10 ? d->finished_s : 0);
    if (wire->n2) {
        put_time(wire, "NgayTuChoi", m->status == 3 || m->status == 8 ? d->refused_s : 0);
    }
    json_string(w, "DonViXuLy", agency_name(wire, d));
    put_n2(wire, "NoiNopHoSo", d->entry);
    put_flag(wire, "HoSoCoThanhPhanSoHoa", d->digitised);
    put_flag(wire, "TaiKhoanDuocXacThucVoiVNeID", d->identified);
    put_flag(wire, "DuocThanhToanTrucTuyen", d->paid_online);
    if (wire->n2) {
        put_empty_list(wire, "DSKetNoiCSDL");
    }
}

/* Addresses carry time stamps in their query part (pain 12): it is sent, but is no change. */
static void put_url(struct wire *wire, const char *key, const char *url)
{
    size_t query = strcspn(url, "?");

    if (url[query] != '\0') {
        wire->volatile_parts = true;
        if (wire->stable) {
            url = arena_strndup(wire->arena, url, query);
        }
    }
    if (url == NULL) {
        wire->err = ERR_NOMEM;
        return;
    }
    json_string(&wire->w, key, url);
}

static void put_files(struct wire *wire, const struct dossier *d)
{
    struct json_writer *w = &wire->w;

    json_array_open(w, "TaiLieuNop");
    for (size_t i = 0; i < d->n_files; i++) {
        const struct dossier_file *f = &d->files[i];

        json_object_open(w, NULL);
        json_string(w, "TepDinhKemId", f->id);
        put_cut(wire, "TenTepDinhKem", f->name, FILE_NAME_CHARS);
        json_string(w, "IsDeleted", "False");
        json_string(w, "MaThanhPhanHoSo", f->component);
        put_url(wire, "DuongDanTaiTepTin", f->url);
        put_n2(wire, "DuocSoHoa", "");
        put_n2(wire, "DuocTaiSuDung", "");
        put_n2(wire, "DuocLayTuKhoDMQG", "");
        put_n2(wire, "MaKetQuaThayThe", "");
        json_object_close(w);
    }
    json_array_close(w);
}

static void put_results(struct wire *wire, const struct dossier *d)
{
    struct json_writer *w = &wire->w;

    json_array_open(w, "DanhSachGiayToKetQua");
    for (size_t i = 0; i < d->n_results; i++) {
        const struct dossier_file *f = &d->results[i];

        json_object_open(w, NULL);
        put_cut(wire, "TenGiayTo", f->name, RESULT_NAME_CHARS);
        json_string(w, "MaThanhPhanHoSo", f->component);
        json_string(w, "GiayToId", f->id);
        put_url(wire, "DuongDanTepTinKetQua", f->url);
        put_n2(wire, wire->result_code_key, f->result_code);
        json_object_close(w);
    }
    json_array_close(w);
}

static void put_dossier(struct wire *wire, const struct mapped *m)
{
    const struct dossier *d = &m->dossier;
    struct json_writer *w = &wire->w;

    json_object_open(w, NULL);
    json_string(w, "MaHoSo", d->code);
    json_string(w, "MaTTHC", m->procedure);
    json_string(w, "TenTTHC", d->procedure_name);
    put_sector(wire, m);
    put_n2(wire, "KenhThucHien", d->channel);
    json_string(w, "SoBienNhan", d->receipt_no);
    put_applicant(wire, d);
    put_cut(wire, "TrichYeuHoSo", d->subject[0] != '\0' ? d->subject : d->procedure_name,
            SUBJECT_CHARS);
    put_progress(wire, m);
    put_cut(wire, "GhiChu", d->note, NOTE_CHARS);
    put_files(wire, d);
    put_empty_list(wire, "DanhSachLePhi");
    put_empty_list(wire, "DanhSachTepDinhKemKhac");
    put_empty_list(wire, "DanhSachHoSoBoSung");
    put_results(wire, d);
    json_object_close(w);
}

static void put_step(struct wire *wire, const struct mapped *m)
{
    const struct step *s = &m->step;
    struct json_writer *w = &wire->w;
    char status[12];

    (void)snprintf(status, sizeof(status), "%d", m->status);
    json_object_open(w, NULL);
    json_string(w, "MaHoSo", s->code);
    put_cut(wire, "NguoiXuLy", s->actor, ACTOR_CHARS);
    json_string(w, "ChucDanh", s->actor_title);
    put_time(wire, "ThoiDiemXuLy", s->at_s);
    json_string(w, "PhongBanXuLy", s->unit);
    json_string(w, "NoiDungXuLy", s->text);
    json_string(w, "TrangThai", status);
    put_time(wire, "NgayBatDau", s->begun_s);
    put_time(wire, "NgayKetThucTheoQuyDinh", s->due_s);
    json_object_close(w);
}

/* The digest of a dossier's object without its volatile parts. from: where it begins in the buffer,
 * when it was written there. */
static int digest_dossier(struct wire *wire, const struct mapped *m, const char *written, size_t n,
                          struct adapter_check *verdict)
{
    struct buf text;
    int err;

    if (!wire->volatile_parts && written != NULL) {
        verdict->has_held_hash = true;
        return digest_sha256(written, n, verdict->held_hash);
    }
    buf_init(&text, PORTAL_BODY_MAX);
    wire->stable = true;
    json_write_begin(&wire->w, &text);
    put_dossier(wire, m);
    err = wire->err != 0 ? wire->err : buf_error(&text);
    if (err == 0) {
        err = digest_sha256(text.data, text.len, verdict->held_hash);
        verdict->has_held_hash = err == 0;
    }
    buf_free(&text);
    return err;
}

static int put_record(struct wire *wire, const struct record *record, bool consented,
                      struct adapter_check *verdict)
{
    struct mapped m;
    size_t begin;
    int err;

    verdict->record = record;
    err = map_record(wire->env, record, consented, wire->arena, &m, verdict);
    if (err == 0 && verdict->hold != HOLD_NONE) {
        err = ERR_INVAL;
    }
    if (err != 0) {
        return err;
    }
    if (record->kind != RECORD_DOSSIER) {
        put_step(wire, &m);
        return wire->err;
    }
    begin = wire->w.out->len;
    put_dossier(wire, &m);
    err = wire->err != 0 ? wire->err : buf_error(wire->w.out);
    if (err == 0) {
        struct wire copy = *wire; /* its writer is in the middle of the call */

        err =
            digest_dossier(&copy, &m, wire->w.out->data + begin, wire->w.out->len - begin, verdict);
    }
    return err;
}

static void wire_begin(struct wire *wire, const struct adapter_env *env, struct arena *arena,
                       const struct config_portal *portal)
{
    memset(wire, 0, sizeof(*wire));
    wire->env = env;
    wire->arena = arena;
    wire->n2 = strcmp(portal->fields, "G1") != 0;
    wire->result_code_key = portal->result_code_key;
}

void portal_wire_check(const struct adapter_env *env, struct adapter_check *check)
{
    struct arena arena;
    struct wire wire;
    struct mapped m;
    int err;

    arena_init(&arena, ARENA_MAX_BYTES);
    check->has_held_hash = false;
    err = map_record(env, check->record, false, &arena, &m, check);
    if (err == 0 && check->hold == HOLD_NONE && check->record->kind == RECORD_DOSSIER) {
        wire_begin(&wire, env, &arena, &env->config->portal);
        err = digest_dossier(&wire, &m, NULL, 0, check);
    }
    if (err == ERR_TOOBIG) {
        hold_invalid(check, "the call would be larger than the portal takes (1 MiB)");
    } else if (err != 0) {
        hold_invalid(check, "out of memory while the record was checked: release it");
    }
    arena_free(&arena);
}

static int put_data(struct wire *wire, const struct adapter_send *send,
                    struct adapter_check *verdict)
{
    json_array_open(&wire->w, "data");
    for (size_t i = 0; i < send->n_records; i++) {
        int err = put_record(wire, &send->records[i], send->consented, verdict);

        if (err != 0) {
            return err;
        }
    }
    json_array_close(&wire->w);
    return 0;
}

static bool call_possible(const struct adapter_send *send)
{
    size_t max = send->kind == RECORD_STEP ? ADAPTER_STEPS_MAX : 1;

    if (send->kind != RECORD_DOSSIER && send->kind != RECORD_STEP) {
        return false;
    }
    for (size_t i = 0; i < send->n_records; i++) {
        if (send->records[i].kind != send->kind) {
            return false;
        }
    }
    return send->n_records >= 1 && send->n_records <= max;
}

static void begin_call(struct json_writer *w, const struct config_portal *portal,
                       const char *service, struct buf *out)
{
    json_write_begin(w, out);
    json_object_open(w, NULL);
    json_string(w, "madonvi", portal->agency_code);
    json_string(w, "service", service);
}

int portal_wire_build(const struct adapter_env *env, const struct config_portal *portal,
                      const struct adapter_send *send, struct buf *out,
                      struct adapter_check *verdict)
{
    struct arena arena;
    struct wire wire;
    int err;

    memset(verdict, 0, sizeof(*verdict));
    if (!call_possible(send)) {
        hold_invalid(verdict, "the portal takes one dossier or up to ten steps in a call");
        return ERR_INVAL;
    }
    arena_init(&arena, ARENA_MAX_BYTES);
    wire_begin(&wire, env, &arena, portal);
    if (send->kind == RECORD_DOSSIER) {
        begin_call(&wire.w, portal, "DongBoHoSoMC", out);
        json_string(&wire.w, "isUpdating", send->updating ? "True" : "False");
    } else {
        begin_call(&wire.w, portal, "CapNhatTienDoHoSoMC", out);
    }
    err = put_data(&wire, send, verdict);
    if (err == 0) {
        json_object_close(&wire.w);
        err = buf_error(out);
    }
    arena_free(&arena);
    if (err == ERR_TOOBIG) {
        hold_invalid(verdict, "the call would be larger than the portal takes (1 MiB)");
        err = ERR_INVAL;
    }
    return err;
}

int portal_wire_read(const struct config_portal *portal, const char *service, const char *key,
                     const char *value, struct buf *out)
{
    struct json_writer w;

    begin_call(&w, portal, service, out);
    if (key != NULL) {
        json_string(&w, key, value);
    }
    json_object_close(&w);
    return buf_error(out);
}
