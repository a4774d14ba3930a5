/* Answers of reading services from the catalogue's mirror, in the portal's words (section 4). What
 * the mirror keeps only as joined text is left out: lists are empty then. */
#include <stdio.h>
#include <string.h>

#include "adapter/gateway_impl.h"
#include "codec/record.h"

#define ROW_BYTES ((size_t)4 << 20) /* of one decoded row */

struct gateway_listing {
    const char *service;
    enum record_kind kind;
    bool one;    /* the procedure that the request names */
    bool nested; /* result is an object with data */
    void (*put)(struct json_writer *w, const struct record *record, const char *name,
                struct arena *arena);
};

static void put_procedure_row(struct json_writer *w, const struct record *record, const char *name,
                              struct arena *arena)
{
    (void)arena;
    json_string(w, "MATTHC", record->code);
    json_string(w, "TENTTHC", name);
}

static void put_sectors(struct json_writer *w, const struct procedure *p)
{
    json_array_open(w, "LINHVUCTHUCHIEN");
    if (p->sector_code[0] != '\0') {
        json_object_open(w, NULL);
        json_string(w, "MALINHVUC", p->sector_code);
        json_string(w, "TENLINHVUC", p->sector_name);
        json_object_close(w);
    }
    json_array_close(w);
}

static void put_procedure(struct json_writer *w, const struct record *record, const char *name,
                          struct arena *arena)
{
    static const char *const lists[] = {"TRINHTUTHUCHIEN",  "CACHTHUCTHUCHIEN", "THANHPHANHOSO",
                                        "DOITUONGTHUCHIEN", "COQUANTHUCHIEN",   "KETQUATHUCHIEN",
                                        "CANCUPHAPLY"};
    struct procedure p;
    struct errmsg unused = {0};

    if (record->body == NULL ||
        record_to_procedure(record->body, record->body_len, arena, &p, &unused) != 0) {
        put_procedure_row(w, record, name, arena);
        return;
    }
    json_string(w, "MATTHC", p.code);
    json_string(w, "TENTTHC", p.name);
    json_string(w, "LOAITTHC", p.kind);
    json_string(w, "TRANGTHAI", p.status);
    json_string(w, "MACOQUANCONGBO", p.publisher);
    json_string(w, "IDQUYETDINHCONGBO", p.decision_id);
    put_sectors(w, &p);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        json_array_open(w, lists[i]);
        json_array_close(w);
    }
    json_string(w, "MOTADOITUONGTHUCHIEN", p.subjects_text);
    json_string(w, "YEUCAU", p.condition_text);
}

/* Of a row without a body only code and name are known. */
static struct catalog_row read_row(const struct record *record, const char *name,
                                   struct arena *arena)
{
    struct catalog_row row = {record->code, name, "", ""};
    struct catalog_row whole;
    struct errmsg unused = {0};

    if (record->body != NULL &&
        record_to_row(record->body, record->body_len, arena, &whole, &unused) == 0) {
        row = whole;
    }
    return row;
}

static void put_service(struct json_writer *w, const struct record *record, const char *name,
                        struct arena *arena)
{
    struct catalog_row row = read_row(record, name, arena);

    json_string(w, "MADVC", row.code);
    json_string(w, "TENDVC", row.name);
    json_string(w, "MATTHC", row.parent);
    json_string(w, "TENCOQUANBANHANH", row.extra);
    json_array_open(w, "APDUNGDVC");
    json_array_close(w);
}

static void put_agency(struct json_writer *w, const struct record *record, const char *name,
                       struct arena *arena)
{
    struct catalog_row row = read_row(record, name, arena);

    json_string(w, "MADONVI", row.code);
    json_string(w, "TENDONVI", row.name);
    json_string(w, "CAPDONVI", row.extra);
}

static void put_sector(struct json_writer *w, const struct record *record, const char *name,
                       struct arena *arena)
{
    struct catalog_row row = read_row(record, name, arena);

    json_string(w, "MALINHVUC", row.code);
    json_string(w, "TENLINHVUC", row.name);
    json_string(w, "MANGANH", row.parent);
}

static const struct gateway_listing listings[] = {
    {"LayDanhSachTTHC", RECORD_PROCEDURE, false, false, put_procedure_row},
    {"LayThuTuc", RECORD_PROCEDURE, true, false, put_procedure},
    {"LayDVC", RECORD_SERVICE, false, true, put_service},
    {"LayDanhMucCoQuan", RECORD_AGENCY, false, false, put_agency},
    {"LayDanhMucLinhVuc", RECORD_SECTOR, false, false, put_sector},
};

static void on_row(struct adapter_rows *rows, const struct record *record, const char *name)
{
    struct gateway_mirror *m = CONTAINER_OF(rows, struct gateway_mirror, rows);
    struct arena arena;

    arena_init(&arena, ROW_BYTES);
    json_object_open(&m->w, NULL);
    m->listing->put(&m->w, record, name != NULL ? name : "", &arena);
    json_object_close(&m->w);
    arena_free(&arena);
}

static void on_rows_done(struct adapter_rows *rows)
{
    struct gateway_mirror *m = CONTAINER_OF(rows, struct gateway_mirror, rows);

    json_array_close(&m->w);
    if (m->listing->nested) {
        json_object_close(&m->w);
    }
    json_object_close(&m->w);
    m->err = rows->err != 0 ? rows->err : buf_error(&m->text);
    if (m->err == 0 && rows->n_rows == 0) {
        m->err = ERR_NOTFOUND;
    }
    m->done(m);
}

/* The code in maTTHC of the request; false when it is not there. */
static bool read_code(const char *request, char *out, size_t size)
{
    struct errmsg unused = {0};
    struct json *root = NULL;
    char number[24];
    const char *code = NULL;

    if (json_parse(request, strlen(request), &root, &unused) == 0) {
        code = json_text(json_get_any_case(root, "maTTHC"), number);
    }
    if (code != NULL) {
        (void)snprintf(out, size, "%s", code);
    }
    json_free(root);
    return code != NULL && out[0] != '\0';
}

static const struct gateway_listing *find_listing(const char *service)
{
    for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]); i++) {
        if (strcmp(listings[i].service, service) == 0) {
            return &listings[i];
        }
    }
    return NULL;
}

bool gateway_mirror_ask(struct gateway_mirror *m, struct adapter_host *host, const char *service,
                        const char *request, void (*done)(struct gateway_mirror *m))
{
    m->listing = find_listing(service);
    if (m->listing == NULL || (m->listing->one && !read_code(request, m->code, sizeof(m->code)))) {
        return false;
    }
    m->done = done;
    buf_init(&m->text, GATEWAY_REPLY_BYTES);
    json_write_begin(&m->w, &m->text);
    json_object_open(&m->w, NULL);
    json_integer_out(&m->w, "error_code", 0);
    if (m->listing->nested) {
        json_object_open(&m->w, "result");
        json_array_open(&m->w, "data");
    } else {
        json_array_open(&m->w, "result");
    }
    m->rows = (struct adapter_rows){.kind = m->listing->kind,
                                    .code = m->listing->one ? m->code : NULL,
                                    .row = on_row,
                                    .done = on_rows_done};
    host->ops->rows(host, &m->rows);
    return true;
}
