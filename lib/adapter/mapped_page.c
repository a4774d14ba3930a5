#include "adapter/mapped_page.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "codec/json.h"
#include "codec/xml.h"

#define ARENA_MAX (32u << 20) /* ids of MAPPING_ROWS_MAX rows */
#define SCRATCH_MAX (4u << 20)
#define CAPACITY_MIN 64

struct mapped_page *mapped_page_new(struct mapped_settings *settings,
                                    const struct preset_call *what)
{
    struct mapped_page *page = calloc(1, sizeof(*page));

    if (page != NULL) {
        page->refs = 1;
        page->settings = mapped_settings_ref(settings);
        page->what = what;
        page->next = "";
        arena_init(&page->arena, ARENA_MAX);
    }
    return page;
}

struct mapped_page *mapped_page_ref(struct mapped_page *page)
{
    page->refs++;
    return page;
}

void mapped_page_unref(struct mapped_page *page)
{
    if (page == NULL || --page->refs > 0) {
        return;
    }
    mapping_close(page->doc);
    arena_free(&page->arena);
    free(page->rows);
    mapped_settings_unref(page->settings);
    free(page);
}

static struct mapped_row *grow(struct mapped_page *page)
{
    if (page->n_rows == page->capacity) {
        size_t capacity = page->capacity > 0 ? page->capacity * 2 : CAPACITY_MIN;
        struct mapped_row *rows;

        if (capacity > 2 * (size_t)MAPPING_ROWS_MAX) {
            return NULL;
        }
        rows = realloc(page->rows, capacity * sizeof(*rows));
        if (rows == NULL) {
            return NULL;
        }
        page->rows = rows;
        page->capacity = capacity;
    }
    return &page->rows[page->n_rows];
}

/* A row that says the same is new when the preset or its map of statuses is another: its record may
 * be another one then. */
static int hash_with_mapping(const struct mapped_settings *settings, uint8_t hash[DIGEST_BYTES])
{
    struct digest d;
    int err = digest_begin(&d);

    if (err == 0) {
        digest_add(&d, hash, DIGEST_BYTES);
        digest_add(&d, settings->preset->digest, DIGEST_BYTES);
        digest_add_field(&d, preset_statuses(settings->preset, &settings->source));
        digest_end(&d, hash);
    }
    return err;
}

/* One row. A row without an id can't be asked for or acknowledged: it is left out and counted. */
static int add_row(struct mapped_page *page, const struct mapping_doc *doc,
                   const struct mapping_node *node, struct arena *scratch, struct mapped_row **out,
                   struct errmsg *msg)
{
    struct mapped_row *row = grow(page);
    struct errmsg fault = {""};
    const char *id = NULL;
    int64_t changed_s = 0;
    int err;

    *out = NULL;
    if (row == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    memset(row, 0, sizeof(*row));
    err =
        mapping_row(page->settings->preset, doc, node, scratch, &id, row->hash, &changed_s, &fault);
    if (err == ERR_FORMAT) {
        page->fault = page->refused == 0 ? fault : page->fault;
        page->refused++;
        return 0;
    }
    if (err != 0) {
        return err_set(msg, err, "%s", fault.text);
    }
    err = hash_with_mapping(page->settings, row->hash);
    if (err != 0) {
        return err_set(msg, err, "%s", err_text(err));
    }
    row->id = arena_strdup(&page->arena, id);
    if (row->id == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    page->newest_s = changed_s > page->newest_s ? changed_s : page->newest_s;
    page->last_s = changed_s > 0 ? changed_s : page->last_s;
    page->n_rows++;
    *out = row;
    return 0;
}

int mapped_page_read(struct mapped_page *page, const struct mapping_doc *doc, struct errmsg *msg)
{
    const struct mapping_node *node = mapping_first(doc, page->what->rows);
    struct arena scratch;
    int err = 0;

    for (; node != NULL && err == 0; node = mapping_next(node)) {
        struct mapped_row *row;

        arena_init(&scratch, SCRATCH_MAX);
        err = add_row(page, doc, node, &scratch, &row, msg);
        if (row != NULL) {
            row->node = node;
        }
        arena_free(&scratch);
    }
    if (err == 0) {
        mapped_page_read_facts(page, doc);
    }
    return err;
}

static bool given(const char *path)
{
    return path != NULL && path[0] != '\0';
}

void mapped_page_read_facts(struct mapped_page *page, const struct mapping_doc *doc)
{
    const struct preset_call *what = page->what;
    const struct mapping_node *root = mapping_root(doc);

    if (given(what->total)) {
        const char *text = mapping_text(doc, root, what->total, &page->arena);
        char *end = NULL;
        unsigned long long total = strtoull(text, &end, 10);

        page->has_total = text[0] >= '0' && text[0] <= '9' && *end == '\0';
        page->total = page->has_total ? total : 0;
    }
    if (given(what->last)) {
        const char *text = mapping_text(doc, root, what->last, &page->arena);

        page->is_last = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
    }
    if (given(what->next)) {
        const char *text =
            arena_strdup(&page->arena, mapping_text(doc, root, what->next, &page->arena));

        page->next = text != NULL ? text : "";
    }
}

static int add_record(struct mapped_page *page, struct json *json, struct xml *xml,
                      struct errmsg *msg)
{
    const struct mapping_node *node = NULL;
    struct mapped_row *row = NULL;
    struct arena scratch;
    size_t bytes = 0;
    int err = mapping_add_record(page->doc, json, xml, &node, &bytes, msg);

    if (err != 0) {
        return err;
    }
    arena_init(&scratch, SCRATCH_MAX);
    err = add_row(page, page->doc, node, &scratch, &row, msg);
    if (row != NULL && !page->settings->preset->detail.given) {
        row->node = node;
        page->bytes += bytes;
    } else {
        mapping_drop_record(page->doc); /* left out, or the detail call brings it */
    }
    arena_free(&scratch);
    return err;
}

/* The first record opens the document of all of them. */
static int open_records(struct mapped_page *page, struct errmsg *msg)
{
    return page->doc != NULL
               ? 0
               : mapping_open_records(page->settings->preset, page->what->format, &page->doc, msg);
}

int mapped_page_add_json(struct mapped_page *page, const char *record, size_t n, struct errmsg *msg)
{
    struct json *json = NULL;
    int err = open_records(page, msg);

    if (err == 0) {
        err = json_parse(record, n, &json, msg);
    }
    return err == 0 ? add_record(page, json, NULL, msg) : err;
}

int mapped_page_add_xml(struct mapped_page *page, struct xml *record, struct errmsg *msg)
{
    int err = open_records(page, msg);

    if (err != 0) {
        xml_free(record);
        return err;
    }
    return add_record(page, NULL, record, msg);
}
