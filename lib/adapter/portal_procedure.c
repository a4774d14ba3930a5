#include "adapter/portal_procedure.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"

#define LINES "<br>"
#define NAMES "; "

/* Parts of a list that only people read, with a separator between those that are not empty. */
struct joined {
    struct buf text;
    const char *separator;
};

static void join_begin(struct joined *j, const struct arena *a, const char *separator)
{
    buf_init(&j->text, a->max_bytes);
    j->separator = separator;
}

static void join_add(struct joined *j, const char *part)
{
    if (part[0] == '\0') {
        return;
    }
    if (j->text.len > 0) {
        buf_puts(&j->text, j->separator);
    }
    buf_puts(&j->text, part);
}

/* "front back", or the one that is there. */
static void join_add_two(struct joined *j, const char *front, const char *back)
{
    join_add(j, front[0] != '\0' ? front : back);
    if (front[0] != '\0' && back[0] != '\0') {
        buf_putc(&j->text, ' ');
        buf_puts(&j->text, back);
    }
}

static int join_end(struct joined *j, struct arena *a, const char **out)
{
    int err = buf_error(&j->text);

    if (err == 0) {
        *out = arena_strdup(a, buf_text(&j->text));
        err = *out != NULL ? 0 : ERR_NOMEM;
    }
    buf_free(&j->text);
    return err;
}

static const char *text_of(const struct json *object, const char *key, char number[24])
{
    return json_text_or_empty(json_get_any_case(object, key), number);
}

static const struct json *rows_of(const struct json *object, const char *key)
{
    return json_first(json_get_any_case(object, key));
}

#define EACH(row, parent, key)                                                                     \
    const struct json *row = rows_of(parent, key);                                                 \
    row != NULL;                                                                                   \
    row = json_next(row)

/* A list of one text per row. */
static int join_texts(const struct json *row, const char *list, const char *key,
                      const char *separator, struct arena *a, const char **out)
{
    struct joined j;
    char number[24];

    join_begin(&j, a, separator);
    for (EACH(item, row, list)) {
        join_add(&j, text_of(item, key, number));
    }
    return join_end(&j, a, out);
}

/* A list of cases, each with its name and a list of one text per row. */
static int join_cases(const struct json *row, const char *cases, const char *list, const char *key,
                      struct arena *a, const char **out)
{
    struct joined j;
    char number[24];

    join_begin(&j, a, LINES);
    for (EACH(one, row, cases)) {
        join_add(&j, text_of(one, "TRUONGHOP", number));
        for (EACH(item, one, list)) {
            join_add(&j, text_of(item, key, number));
        }
    }
    return join_end(&j, a, out);
}

static const char *channel_name(const char *code)
{
    static const char *const names[] = {"Trực tiếp", "Trực tuyến", "Dịch vụ bưu chính"};

    if (code[0] >= '1' && code[0] <= '3' && code[1] == '\0') {
        return names[code[0] - '1'];
    }
    return code;
}

static int join_channels(const struct json *row, struct arena *a, const char **out)
{
    struct joined j;
    char number[24];

    join_begin(&j, a, LINES);
    for (EACH(way, row, "CACHTHUCTHUCHIEN")) {
        join_add(&j, channel_name(text_of(way, "KENH", number)));
    }
    return join_end(&j, a, out);
}

static int join_durations(const struct json *row, struct arena *a, const char **out)
{
    struct joined j;
    char time_number[24];
    char unit_number[24];

    join_begin(&j, a, LINES);
    for (EACH(way, row, "CACHTHUCTHUCHIEN")) {
        for (EACH(item, way, "THOIGIAN")) {
            const char *length = text_of(item, "THOIGIANGIAIQUYET", time_number);

            if (length[0] != '\0') {
                join_add_two(&j, length, text_of(item, "DONVITINH", unit_number));
            }
        }
    }
    return join_end(&j, a, out);
}

static int join_fees(const struct json *row, struct arena *a, const char **out)
{
    struct joined j;
    char amount_number[24];
    char unit_number[24];

    join_begin(&j, a, LINES);
    for (EACH(way, row, "CACHTHUCTHUCHIEN")) {
        for (EACH(item, way, "THOIGIAN")) {
            for (EACH(fee, item, "PHILEPHI")) {
                const char *amount = text_of(fee, "SOTIEN", amount_number);

                if (amount[0] != '\0') {
                    join_add_two(&j, amount, text_of(fee, "DONVI", unit_number));
                }
            }
        }
    }
    return join_end(&j, a, out);
}

static int join_legal(const struct json *row, struct arena *a, const char **out)
{
    struct joined j;
    char front[24];
    char back[24];

    join_begin(&j, a, LINES);
    for (EACH(item, row, "CANCUPHAPLY")) {
        join_add_two(&j, text_of(item, "SOVANBAN", front), text_of(item, "TENVANBAN", back));
    }
    return join_end(&j, a, out);
}

static int count_forms(const struct json *row)
{
    char number[24];
    int forms = 0;

    for (EACH(one, row, "THANHPHANHOSO")) {
        for (EACH(item, one, "GIAYTO")) {
            bool named = text_of(item, "TENMAUDON", number)[0] != '\0';

            forms += named || text_of(item, "URL", number)[0] != '\0';
        }
    }
    return forms;
}

/* ---- lists that programs read ---- */

static int keep_list(struct buf *list, struct arena *a, const char **out)
{
    int err = buf_error(list);

    if (err == 0 && list->len > 2) {
        *out = arena_strdup(a, buf_text(list));
        err = *out != NULL ? 0 : ERR_NOMEM;
    }
    buf_free(list);
    return err;
}

/* The same paper stands there once for each of its templates, and in several cases. */
static bool holds(const struct buf *list, const char *code, const struct arena *a)
{
    struct buf quoted;
    bool found;

    buf_init(&quoted, a->max_bytes);
    buf_put_json(&quoted, code);
    found = buf_error(&quoted) == 0 && strstr(buf_text(list), buf_text(&quoted)) != NULL;
    buf_free(&quoted);
    return found;
}

static int read_components(const struct json *row, struct arena *a, const char **out)
{
    struct json_writer w;
    struct buf list;
    char number[24];

    buf_init(&list, a->max_bytes);
    json_write_begin(&w, &list);
    json_array_open(&w, NULL);
    for (EACH(one, row, "THANHPHANHOSO")) {
        for (EACH(item, one, "GIAYTO")) {
            const char *code = text_of(item, "MAGIAYTO", number);

            if (code[0] != '\0' && !holds(&list, code, a)) {
                json_string(&w, NULL, code);
            }
        }
    }
    json_array_close(&w);
    return keep_list(&list, a, out);
}

static void write_fee(struct json_writer *w, const char *channel, const struct json *fee)
{
    char number[24];

    json_object_open(w, NULL);
    json_string(w, "channel", channel);
    if (fee != NULL) {
        json_string(w, "code", text_of(fee, "MAPHILEPHI", number));
        json_string(w, "amount", text_of(fee, "SOTIEN", number));
        json_string(w, "unit", text_of(fee, "DONVI", number));
    }
    json_object_close(w);
}

static int read_fees(const struct json *row, struct arena *a, const char **out)
{
    struct json_writer w;
    struct buf list;
    char number[24];

    buf_init(&list, a->max_bytes);
    json_write_begin(&w, &list);
    json_array_open(&w, NULL);
    for (EACH(way, row, "CACHTHUCTHUCHIEN")) {
        const char *channel = text_of(way, "KENH", number);

        write_fee(&w, channel, NULL);
        for (EACH(item, way, "THOIGIAN")) {
            for (EACH(fee, item, "PHILEPHI")) {
                write_fee(&w, channel, fee);
            }
        }
    }
    json_array_close(&w);
    return keep_list(&list, a, out);
}

static int read_subjects(const struct json *row, struct arena *a, const char **out)
{
    char number[24];
    const char *described = text_of(row, "MOTADOITUONGTHUCHIEN", number);

    if (described[0] == '\0') {
        return join_texts(row, "DOITUONGTHUCHIEN", "TENDOITUONG", NAMES, a, out);
    }
    *out = arena_strdup(a, described);
    return *out != NULL ? 0 : ERR_NOMEM;
}

/* Fields that are one text, with their places in the canonical record. */
static const struct {
    const char *key;
    size_t offset;
} plain[] = {
    {"MATTHC", offsetof(struct procedure, code)},
    {"TENTTHC", offsetof(struct procedure, name)},
    {"LOAITTHC", offsetof(struct procedure, kind)},
    {"TRANGTHAI", offsetof(struct procedure, status)},
    {"MACOQUANCONGBO", offsetof(struct procedure, publisher)},
    {"IDQUYETDINHCONGBO", offsetof(struct procedure, decision_id)},
    {"YEUCAU", offsetof(struct procedure, condition_text)},
};

static int copy_trimmed(const char *text, struct arena *a, const char **out)
{
    size_t size = strlen(text) + 1;
    char *copy = arena_alloc(a, size);

    if (copy == NULL) {
        return ERR_NOMEM;
    }
    text_trim(text, copy, size);
    *out = copy;
    return 0;
}

static int read_plain(const struct json *row, struct arena *a, struct procedure *out)
{
    const struct json *sector = rows_of(row, "LINHVUCTHUCHIEN");
    char number[24];
    int err = 0;

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]) && err == 0; i++) {
        const char **field = (const char **)(void *)((char *)out + plain[i].offset);

        err = copy_trimmed(text_of(row, plain[i].key, number), a, field);
    }
    if (err == 0) {
        err = copy_trimmed(text_of(sector, "MALINHVUC", number), a, &out->sector_code);
    }
    if (err == 0) {
        err = copy_trimmed(text_of(sector, "TENLINHVUC", number), a, &out->sector_name);
    }
    return err;
}

static int read_lists(const struct json *row, struct arena *a, struct procedure *out)
{
    int err = join_cases(row, "TRINHTUTHUCHIEN", "TRINHTU", "TENTRINHTU", a, &out->steps_text);

    if (err == 0) {
        err = join_cases(row, "THANHPHANHOSO", "GIAYTO", "TENGIAYTO", a, &out->components_text);
    }
    if (err == 0) {
        err = join_channels(row, a, &out->channels_text);
    }
    if (err == 0) {
        err = join_durations(row, a, &out->duration_text);
    }
    if (err == 0) {
        err = join_fees(row, a, &out->fee_text);
    }
    if (err == 0) {
        err = join_legal(row, a, &out->legal_text);
    }
    if (err == 0) {
        err = join_texts(row, "KETQUATHUCHIEN", "TENKETQUA", NAMES, a, &out->results_text);
    }
    if (err == 0) {
        err = read_subjects(row, a, &out->subjects_text);
    }
    if (err == 0) {
        err = read_components(row, a, &out->components);
    }
    if (err == 0) {
        err = read_fees(row, a, &out->fees);
    }
    return err == ERR_TOOBIG ? ERR_NOMEM : err;
}

int portal_procedure_read(const struct json *row, struct arena *a, struct procedure *out)
{
    int err;

    procedure_init(out);
    err = read_plain(row, a, out);
    if (err == 0) {
        err = read_lists(row, a, out);
    }
    if (err != 0) {
        return err;
    }
    out->sectors = (int)json_size(json_get_any_case(row, "LINHVUCTHUCHIEN"));
    out->agencies = (int)json_size(json_get_any_case(row, "COQUANTHUCHIEN"));
    out->forms = count_forms(row);
    out->active = strcmp(out->status, "1") == 0;
    return out->code[0] != '\0' ? 0 : ERR_FORMAT;
}
