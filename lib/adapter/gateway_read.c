#include "adapter/gateway_read.h"

#include <string.h>

#include "adapter/national_fields.h"
#include "adapter/portal_digest.h"
#include "base/buf.h"
#include "codec/record.h"
#include "domain/codes.h"
#include "domain/status.h"

typedef int read_one(const struct gateway_reading *how, const struct json *node,
                     struct arena *arena, struct record *out, struct errmsg *msg);

static int fault(struct errmsg *msg, const char *key, const char *words)
{
    return err_set(msg, ERR_FORMAT, "%s: %s", key, words);
}

static int check_code(const char *code, struct errmsg *msg)
{
    if (code[0] == '\0') {
        return fault(msg, "MaHoSo", "bắt buộc");
    }
    return code_is_dossier(code) ? 0 : fault(msg, "MaHoSo", "không hợp lệ");
}

/* With a map of its own the source may say what it likes: the map decides. */
static int check_status(const struct gateway_reading *how, const char *key, const char *status,
                        struct errmsg *msg)
{
    size_t digits = strspn(status, "0123456789");
    int number = 0;

    if (status[0] == '\0') {
        return fault(msg, key, "bắt buộc");
    }
    if (strcmp(how->status_map, "national") != 0) {
        return 0;
    }
    for (size_t i = 0; i < digits && i < 4; i++) {
        number = number * 10 + (status[i] - '0');
    }
    return status[digits] == '\0' && digits <= 4 && status_valid(number)
               ? 0
               : fault(msg, key, "không hợp lệ (1 đến 10)");
}

int64_t gateway_changed_s(const struct dossier *d, int64_t now_s)
{
    const int64_t times[] = {d->submitted_s, d->received_s, d->finished_s, d->returned_s,
                             d->refused_s};
    int64_t newest = 0;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        newest = times[i] > newest && times[i] <= now_s ? times[i] : newest;
    }
    return newest != 0 ? newest : now_s;
}

/* "" when nobody asks for them, or they are too many: they are never why a record is refused. */
static int read_arrived(const struct gateway_reading *how, const struct json *node,
                        struct arena *arena, const char **out, struct errmsg *msg)
{
    int err = how->compared ? portal_digest(node, arena, out) : ERR_TOOBIG;

    if (err == ERR_TOOBIG) {
        *out = "";
        err = 0;
    }
    return err == 0 ? 0 : err_set(msg, err, "%s", err_text(err));
}

static int read_dossier(const struct gateway_reading *how, const struct json *node,
                        struct arena *arena, struct record *out, struct errmsg *msg)
{
    struct dossier d;
    int err;

    dossier_init(&d);
    err = national_fields_read(&national_dossier_table, node, arena, &d, msg);
    if (err == 0) {
        err = check_code(d.code, msg);
    }
    if (err == 0 && d.procedure_code[0] == '\0') {
        err = fault(msg, "MaTTHC", "bắt buộc");
    }
    if (err == 0) {
        err = check_status(how, "TrangThaiHoSo", d.status, msg);
    }
    if (err != 0) {
        return err;
    }
    d.status_map = how->status_map;
    d.changed_s = gateway_changed_s(&d, how->now_s);
    err = read_arrived(how, node, arena, &d.arrived, msg);
    err = err == 0 ? record_with_dossier(&d, arena, out, msg) : err;
    if (err == ERR_TOOBIG && d.arrived[0] != '\0') {
        d.arrived = "";
        err = record_with_dossier(&d, arena, out, msg);
    }
    return err;
}

static int read_step(const struct gateway_reading *how, const struct json *node,
                     struct arena *arena, struct record *out, struct errmsg *msg)
{
    struct step s;
    int err;

    step_init(&s);
    err = national_fields_read(&national_step_table, node, arena, &s, msg);
    if (err == 0) {
        err = check_code(s.code, msg);
    }
    if (err == 0 && s.at_s == 0) {
        err = fault(msg, "ThoiDiemXuLy", "bắt buộc");
    }
    if (err == 0) {
        err = check_status(how, "TrangThai", s.status, msg);
    }
    if (err != 0) {
        return err;
    }
    s.status_map = how->status_map;
    err = read_arrived(how, node, arena, &s.arrived, msg);
    err = err == 0 ? record_with_step(&s, arena, out, msg) : err;
    if (err == ERR_TOOBIG && s.arrived[0] != '\0') {
        s.arrived = "";
        err = record_with_step(&s, arena, out, msg);
    }
    return err;
}

static int text_of(const struct json *object, struct arena *arena, const char **out)
{
    struct json_writer w;
    struct buf text;
    int err;

    buf_init(&text, RECORD_BODY_MAX);
    json_write_begin(&w, &text);
    json_node(&w, NULL, object);
    err = buf_error(&text);
    if (err == 0) {
        *out = arena_strndup(arena, text.data, text.len);
        err = *out != NULL ? 0 : ERR_NOMEM;
    }
    buf_free(&text);
    return err;
}

/* clang-format off */
static const struct national_field answer_fields[] = {
    {"MaHoSo", NATIONAL_CODE, offsetof(struct step, code)},
    {"NgayXuLy", NATIONAL_TIME, offsetof(struct step, at_s)},
    {"TrangThai", NATIONAL_CODE, offsetof(struct step, status)},
    {"NoiDung", NATIONAL_TEXT, offsetof(struct step, text)},
};
/* clang-format on */

static int read_answer(const struct gateway_reading *how, const struct json *node,
                       struct arena *arena, struct record *out, struct errmsg *msg)
{
    static const struct national_table table = {answer_fields,
                                                sizeof(answer_fields) / sizeof(answer_fields[0]),
                                                offsetof(struct step, extra)};
    struct step s;
    int err;

    step_init(&s);
    err = national_fields_read(&table, node, arena, &s, msg);
    if (err == 0) {
        err = check_code(s.code, msg);
    }
    if (err == 0 && s.at_s == 0) {
        err = fault(msg, "NgayXuLy", "bắt buộc"); /* the portal refuses without it (5.4) */
    }
    if (err == 0) {
        err = check_status(how, "TrangThai", s.status, msg);
    }
    if (err != 0) {
        return err;
    }
    s.status_map = how->status_map;
    s.extra = ""; /* all of it stands in answer */
    err = text_of(node, arena, &s.answer);
    if (err != 0) {
        return err_set(msg, err, "%s", err_text(err));
    }
    err = record_with_step(&s, arena, out, msg);
    out->alone = true;
    return err;
}

static int read_all(const struct gateway_reading *how, const struct json *data, size_t max,
                    read_one *one, struct arena *arena, struct record **out, size_t *n,
                    struct errmsg *msg)
{
    size_t n_items = json_is_array(data) ? json_size(data) : 1;
    const struct json *node = json_is_array(data) ? json_first(data) : data;
    struct record *records;

    *n = 0;
    if (json_is_null(data) || (!json_is_array(data) && !json_is_object(data)) || n_items == 0) {
        return fault(msg, "data", "bắt buộc (danh sách hoặc đối tượng)");
    }
    if (n_items > max) {
        return err_set(msg, ERR_TOOBIG, "data: vượt quá %zu mục trong một lần gửi", max);
    }
    records = arena_alloc(arena, n_items * sizeof(*records));
    if (records == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    for (size_t i = 0; i < n_items; i++) {
        int err = json_is_object(node)
                      ? one(how, node, arena, &records[i], msg)
                      : err_set(msg, ERR_FORMAT, "không hợp lệ (cần một đối tượng)");

        if (err == ERR_TOOBIG) {
            (void)err_set(msg, err, "vượt quá giới hạn 1 MiB");
        }
        if (err != 0) {
            return json_is_array(data) ? err_wrap(msg, err, "data[%zu]", i)
                                       : err_wrap(msg, err, "data");
        }
        node = json_next(node);
    }
    *out = records;
    *n = n_items;
    return 0;
}

int gateway_read_dossiers(const struct gateway_reading *how, const struct json *data,
                          struct arena *arena, struct record **out, size_t *n, struct errmsg *msg)
{
    return read_all(how, data, GATEWAY_DOSSIERS_MAX, read_dossier, arena, out, n, msg);
}

int gateway_read_steps(const struct gateway_reading *how, const struct json *data,
                       struct arena *arena, struct record **out, size_t *n, struct errmsg *msg)
{
    return read_all(how, data, GATEWAY_STEPS_MAX, read_step, arena, out, n, msg);
}

int gateway_read_answer(const struct gateway_reading *how, const struct json *data,
                        struct arena *arena, struct record **out, size_t *n, struct errmsg *msg)
{
    if (json_is_array(data)) {
        return fault(msg, "data", "không hợp lệ (cần một đối tượng)");
    }
    return read_all(how, data, 1, read_answer, arena, out, n, msg);
}
