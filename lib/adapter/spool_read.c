#include "adapter/spool_read.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter/gateway_read.h"
#include "adapter/mapping.h"
#include "adapter/opencps_read.h"
#include "adapter/spool_split.h"
#include "adapter/spool_xml.h"
#include "adapter/spool_zip.h"
#include "base/csv.h"
#include "codec/json.h"
#include "codec/xml.h"
#include "domain/codes.h"

#define SNIFF_BYTES 4096 /* in which a root element's name stands */

/* What the functions below work with. */
struct reader {
    const struct spool_how *how;
    struct arena *a;
    struct spool_records *out;
    size_t dossier; /* number of the one at work, from 1 */
};

void spool_records_free(struct spool_records *r)
{
    free(r->list);
    *r = (struct spool_records){0};
}

static int no_memory(struct errmsg *msg)
{
    return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

/* ---- collecting ---- */

static int keep(struct reader *r, const struct record *records, size_t n, struct errmsg *msg)
{
    struct spool_records *out = r->out;

    if (out->n + n > SPOOL_RECORDS_MAX) {
        return err_set(msg, ERR_TOOBIG,
                       "more than %d records; split the file into several smaller ones",
                       SPOOL_RECORDS_MAX);
    }
    if (out->n + n > out->capacity) {
        size_t capacity = (out->n + n) * 2;
        struct record *list = realloc(out->list, capacity * sizeof(*list));

        if (list == NULL) {
            return no_memory(msg);
        }
        out->list = list;
        out->capacity = capacity;
    }
    for (size_t i = 0; i < n; i++) {
        out->bytes += records[i].body_len;
        out->list[out->n++] = records[i];
    }
    if (out->bytes > SPOOL_BODIES_MAX) {
        return err_set(msg, ERR_TOOBIG,
                       "its records are larger than %u MiB together; split the file into several "
                       "smaller ones",
                       SPOOL_BODIES_MAX >> 20);
    }
    return 0;
}

/* ---- the portal's vocabulary ---- */

static const char *const STEP_LISTS[] = {"TienDo", "DanhSachTienDo"};

static bool is_step_list(const char *key)
{
    return strcmp(key, STEP_LISTS[0]) == 0 || strcmp(key, STEP_LISTS[1]) == 0;
}

static bool test_account(const struct reader *r, const struct json *node, const char *key)
{
    char digits[24];

    return opencps_test_account(json_text_or_empty(json_get(node, key), digits),
                                &r->how->source->test_accounts);
}

/* The vocabulary has no agency's code but the one in front of the dossier's own. */
static bool is_test(const struct reader *r, const struct json *node)
{
    char digits[24];
    const char *code = json_text_or_empty(json_get(node, "MaHoSo"), digits);
    char agency[CODE_MAX];
    size_t n = strcspn(code, "-");

    if (n < sizeof(agency)) {
        memcpy(agency, code, n);
        agency[n] = '\0';
        if (opencps_test_agency(agency, &r->how->source->test_agencies)) {
            return true;
        }
    }
    if (test_account(r, node, "SoGiayToChuHoSo") || test_account(r, node, "NguoiXuLy")) {
        return true;
    }
    for (size_t i = 0; i < 2; i++) {
        const struct json *step = json_first(json_get(node, STEP_LISTS[i]));

        for (; step != NULL; step = json_next(step)) {
            if (test_account(r, step, "NguoiXuLy")) {
                return true;
            }
        }
    }
    return false;
}

/* The dossier without its steps, or one step under its dossier's number. */
static int rewrite(const struct json *node, const char *code, struct json **out, struct errmsg *msg)
{
    struct json_writer w;
    struct buf text;
    int err;

    *out = NULL;
    buf_init(&text, SPOOL_OBJECT_MAX);
    json_write_begin(&w, &text);
    json_object_open(&w, NULL);
    if (code != NULL && json_get(node, "MaHoSo") == NULL) {
        json_string(&w, "MaHoSo", code);
    }
    for (const struct json *child = json_first(node); child != NULL; child = json_next(child)) {
        if (code != NULL || !is_step_list(json_key(child))) {
            json_node(&w, json_key(child), child);
        }
    }
    json_object_close(&w);
    err = buf_error(&text);
    err = err != 0 ? err_set(msg, err, "%s", err_text(err))
                   : json_parse(buf_text(&text), text.len, out, msg);
    buf_free(&text);
    return err;
}

static struct gateway_reading reading_of(const struct reader *r)
{
    return (struct gateway_reading){.status_map = r->how->statuses, .now_s = r->how->file_s};
}

static int read_step(struct reader *r, const struct json *node, const char *code,
                     struct errmsg *msg)
{
    const struct gateway_reading how = reading_of(r);
    struct json *step;
    struct record *records;
    size_t n;
    int err = rewrite(node, code, &step, msg);

    if (err != 0) {
        return err;
    }
    err = gateway_read_steps(&how, step, r->a, &records, &n, msg);
    json_free(step);
    return err != 0 ? err : keep(r, records, n, msg);
}

static int read_steps(struct reader *r, const struct json *dossier, const char *code,
                      struct errmsg *msg)
{
    size_t number = 0;
    int err = 0;

    for (size_t i = 0; i < 2; i++) {
        const struct json *list = json_get(dossier, STEP_LISTS[i]);

        if (!json_is_null(list) && !json_is_array(list)) {
            return err_set(msg, ERR_FORMAT, "%s is no list", STEP_LISTS[i]);
        }
        for (const struct json *step = json_first(list); step != NULL && err == 0;
             step = json_next(step)) {
            number++;
            err = read_step(r, step, code, msg);
            if (err != 0) {
                return err_wrap(msg, err, "step %zu", number);
            }
        }
    }
    return err;
}

static int read_dossier(struct reader *r, const struct json *node, struct errmsg *msg)
{
    const struct gateway_reading how = reading_of(r);
    struct json *bare;
    struct record *records;
    size_t n;
    int err = rewrite(node, NULL, &bare, msg);

    if (err != 0) {
        return err;
    }
    err = gateway_read_dossiers(&how, bare, r->a, &records, &n, msg);
    json_free(bare);
    if (err == 0) {
        err = keep(r, records, n, msg);
    }
    return err != 0 ? err : read_steps(r, node, records[0].code, msg);
}

static int read_other(struct reader *r, const struct json *node, struct errmsg *msg)
{
    struct record record;
    int err = national_other_read(r->how->other, node, r->a, &record, msg);

    return err == 0 ? keep(r, &record, 1, msg) : err;
}

static int read_node(struct reader *r, const struct json *node, struct errmsg *msg)
{
    int err;

    r->dossier++;
    if (!json_is_object(node)) {
        err = err_set(msg, ERR_FORMAT, "no JSON object");
    } else if (r->how->other != NULL) {
        err = read_other(r, node, msg);
    } else if (is_test(r, node)) {
        r->out->skipped++;
        return 0;
    } else if (json_get(node, "ThoiDiemXuLy") != NULL) {
        err = read_step(r, node, "", msg);
    } else {
        err = read_dossier(r, node, msg);
    }
    return err != 0 ? err_wrap(msg, err, "record %zu", r->dossier) : 0;
}

/* ---- JSON ---- */

static int read_text(struct reader *r, const char *text, size_t n, struct errmsg *msg)
{
    struct json *node;
    int err;

    if (n > SPOOL_OBJECT_MAX) {
        return err_set(msg, ERR_TOOBIG, "record %zu is larger than %u MiB", r->dossier + 1,
                       SPOOL_OBJECT_MAX >> 20);
    }
    err = json_parse(text, n, &node, msg);
    if (err != 0) {
        return err_wrap(msg, err, "record %zu", r->dossier + 1);
    }
    err = read_node(r, node, msg);
    json_free(node);
    return err;
}

/* One dossier, or the body of a call: an object with a list `data`. */
static int read_object(struct reader *r, const char *bytes, size_t n, struct errmsg *msg)
{
    const struct json *data;
    struct json *root;
    int err;

    if (n > SPOOL_OBJECT_MAX) {
        return err_set(msg, ERR_TOOBIG,
                       "one JSON object of more than %u MiB; write a list of dossiers: [{...}, "
                       "{...}]",
                       SPOOL_OBJECT_MAX >> 20);
    }
    err = json_parse(bytes, n, &root, msg);
    if (err != 0) {
        return err;
    }
    data = json_get(root, "data");
    if (json_is_array(data)) {
        for (const struct json *node = json_first(data); node != NULL && err == 0;
             node = json_next(node)) {
            err = read_node(r, node, msg);
        }
    } else {
        err = read_node(r, root, msg);
    }
    json_free(root);
    return err;
}

static int read_json(struct reader *r, const char *bytes, size_t n, struct errmsg *msg)
{
    struct spool_split split;
    const char *element;
    size_t len;
    int err = 0;
    char first = spool_split_begin(&split, bytes, n);

    if (first == '{') {
        return read_object(r, bytes, n, msg);
    }
    if (first != '[') {
        return err_set(msg, ERR_FORMAT, "byte 0: neither a JSON object nor a list of them");
    }
    while (err == 0) {
        err = spool_split_next(&split, &element, &len, msg);
        if (err == 0) {
            err = read_text(r, element, len, msg);
        }
    }
    return err == ERR_NOTFOUND ? 0 : err;
}

/* ---- XML ---- */

static int read_element(struct reader *r, const struct xml_node *node, struct errmsg *msg)
{
    struct buf text;
    int err;

    buf_init(&text, SPOOL_OBJECT_MAX);
    err = spool_xml_object(node, &text, msg);
    err = err != 0 ? err_wrap(msg, err, "record %zu", r->dossier + 1)
                   : read_text(r, buf_text(&text), text.len, msg);
    buf_free(&text);
    return err;
}

static int read_xml(struct reader *r, const char *bytes, size_t n, struct errmsg *msg)
{
    const struct xml_node *root;
    struct xml *doc;
    int err = xml_parse(bytes, n, &doc, msg);

    if (err != 0) {
        return err;
    }
    root = xml_root(doc);
    if (r->how->other == NULL && xml_child(root, "MaHoSo") != NULL) {
        err = read_element(r, root, msg);
    } else {
        for (const struct xml_node *node = xml_child(root, NULL); node != NULL && err == 0;
             node = xml_next(node, NULL)) {
            err = read_element(r, node, msg);
        }
    }
    xml_free(doc);
    return err;
}

/* ---- CSV: a header with the wire's names, then a record a row ---- */

static int read_row(struct reader *r, const struct csv_row *header, const struct csv_row *row,
                    struct errmsg *msg)
{
    struct json_writer w;
    struct buf text;
    int err;

    if (row->n != header->n) {
        return err_set(msg, ERR_FORMAT, "line %u: %zu values, and the header names %zu", row->line,
                       row->n, header->n);
    }
    buf_init(&text, SPOOL_OBJECT_MAX);
    json_write_begin(&w, &text);
    json_object_open(&w, NULL);
    for (size_t i = 0; i < row->n; i++) {
        json_string(&w, header->text[i], row->text[i]);
    }
    json_object_close(&w);
    err = buf_error(&text);
    err = err != 0 ? err_set(msg, err, "%s", err_text(err))
                   : read_text(r, buf_text(&text), text.len, msg);
    buf_free(&text);
    return err != 0 ? err_wrap(msg, err, "line %u", row->line) : 0;
}

static int read_rows(struct reader *r, struct csv *csv, struct csv_row *header, struct csv_row *row,
                     struct errmsg *msg)
{
    const char *fault = "";
    struct csv_row *at = header;
    int err = csv_next(csv, header, &fault);

    while (err == 0) {
        at = row;
        err = csv_next(csv, row, &fault);
        if (err == 0) {
            err = read_row(r, header, row, msg);
            if (err != 0) {
                return err;
            }
        }
    }
    return err == ERR_NOTFOUND ? 0 : err_set(msg, err, "line %u: %s", at->line, fault);
}

static int read_csv(struct reader *r, const char *bytes, size_t n, struct errmsg *msg)
{
    struct csv_row *rows = calloc(2, sizeof(*rows)); /* the header and the one at work */
    struct csv csv;
    int err;

    if (rows == NULL) {
        return no_memory(msg);
    }
    csv_init(&csv, bytes, n);
    err = read_rows(r, &csv, &rows[0], &rows[1], msg);
    free(rows);
    return err;
}

/* ---- anything else, mapped ---- */

static int read_mapped(struct reader *r, const char *bytes, size_t n, struct errmsg *msg)
{
    const struct preset *preset = r->how->preset;
    struct mapping_doc *doc;
    int err = mapping_open(preset, &preset->list, bytes, n, &doc, msg);

    if (err != 0) {
        return err;
    }
    for (const struct mapping_node *node = mapping_first(doc, preset->list.rows);
         node != NULL && err == 0; node = mapping_next(node)) {
        struct record *records;
        size_t count;

        r->dossier++;
        err = mapping_dossier(preset, r->how->source, doc, node, NULL, r->a, &records, &count, msg);
        if (err == ERR_UNSUPPORTED) {
            r->out->skipped++;
            err = 0;
        } else if (err == 0) {
            err = keep(r, records, count, msg);
        } else {
            err_wrap(msg, err, "record %zu", r->dossier);
        }
    }
    mapping_close(doc);
    return err;
}

/* ---- the catalogue ---- */

bool spool_is_service(const char *entry_name)
{
    static const char FOLDER[] = "services/";
    const char *found = strstr(entry_name, FOLDER);
    size_t n = strlen(entry_name);

    return found != NULL && (found == entry_name || found[-1] == '/') && n > 4 &&
           strcasecmp(entry_name + n - 4, ".xml") == 0;
}

int spool_read_service(const char *bytes, size_t n, struct arena *a, struct opencps_service *out,
                       struct errmsg *msg)
{
    struct opencps_doc doc = {0};
    int err = opencps_doc_parse(&doc, OPENCPS_XML, bytes, n, msg);

    if (err == 0 && strcmp(xml_name(opencps_doc_root(&doc).xml), "ServiceInfo") != 0) {
        err = err_set(msg, ERR_FORMAT, "the root element is not ServiceInfo");
    }
    if (err == 0) {
        err = opencps_read_service(&doc, a, out, msg);
    }
    opencps_doc_free(&doc);
    return err;
}

/* A zip is taken when it can be read to its end and holds procedures. */
static int check_zip(const char *bytes, size_t n, struct errmsg *msg)
{
    struct spool_zip zip = {.bytes = bytes, .n = n};
    struct spool_zip_entry entry;
    size_t services = 0;
    int err = spool_zip_begin(&zip, msg);

    while (err == 0) {
        err = spool_zip_next(&zip, &entry, msg);
        services += err == 0 && spool_is_service(entry.name);
    }
    if (err != ERR_NOTFOUND) {
        return err;
    }
    return services > 0
               ? 0
               : err_set(msg, ERR_FORMAT, "the zip holds no procedure (services/NAME.xml)");
}

static bool names_service_info(const char *bytes, size_t n)
{
    static const char ROOT[] = "<ServiceInfo";

    return memmem(bytes, n < SNIFF_BYTES ? n : SNIFF_BYTES, ROOT, sizeof(ROOT) - 1) != NULL;
}

static int check_service(const char *bytes, size_t n, struct errmsg *msg)
{
    struct opencps_service service;
    struct arena arena;
    int err;

    arena_init(&arena, SPOOL_ARENA_MAX);
    err = spool_read_service(bytes, n, &arena, &service, msg);
    arena_free(&arena);
    return err;
}

int spool_read(const struct spool_how *how, const char *name, const char *bytes, size_t n,
               struct arena *a, struct spool_records *out, struct errmsg *msg)
{
    struct reader r = {.how = how, .a = a, .out = out};
    const char *end = strrchr(name, '.');
    bool xml = end != NULL && strcasecmp(end, ".xml") == 0;
    int err;

    *out = (struct spool_records){0};
    if (how->other == NULL && end != NULL && strcasecmp(end, ".zip") == 0) {
        out->catalog = true;
        return check_zip(bytes, n, msg);
    }
    if (how->other == NULL && xml && names_service_info(bytes, n)) {
        out->catalog = true;
        return check_service(bytes, n, msg);
    }
    if (end != NULL && strcasecmp(end, ".csv") == 0) {
        err = how->other != NULL ? read_csv(&r, bytes, n, msg)
                                 : err_set(msg, ERR_FORMAT, "dossiers do not come as CSV");
    } else if (how->preset != NULL && how->other == NULL) {
        err = read_mapped(&r, bytes, n, msg);
    } else {
        err = xml ? read_xml(&r, bytes, n, msg) : read_json(&r, bytes, n, msg);
    }
    if (err == 0 && out->n == 0 && out->skipped == 0) {
        err = err_set(msg, ERR_FORMAT, "no %s stands in it",
                      how->other != NULL ? how->other->word : "dossier");
    }
    if (err != 0) {
        spool_records_free(out);
    }
    return err;
}
