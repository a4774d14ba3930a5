/* Documents: parsed replies, their layers, nodes and rows. */
#include "adapter/mapping.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter/mapping_impl.h"
#include "base/buf.h"
#include "base/text.h"

#define NODES_MAX_BYTES (48u << 20) /* rows of one document */
#define TEXT_MAX_BYTES (33u << 20)  /* what is judged or unwrapped; a reply is no longer */

/* The reply itself, or what one of its texts was. */
struct layer {
    enum preset_format format;
    struct json *json;       /* owned, of PRESET_JSON */
    struct xml *xml;         /* owned, of PRESET_XML */
    struct xml_xpath *xpath; /* owned, likewise */
    struct mapping_node root;
    const char *opened; /* path of the text that the next layer was; NULL for the last */
};

/* One of the records that came one by one. */
struct record_tree {
    struct record_tree *next;
    struct json *json; /* owned, as xml */
    struct xml *xml;
    struct mapping_node node;
};

struct mapping_doc {
    struct layer layers[PRESET_UNWRAPS + 1];
    size_t n_layers;
    const char *missing; /* path of a text that was to be unwrapped and is not there; NULL none */
    struct arena *arena; /* of the document's nodes and short texts; owned */
    const char *rows;
    const struct mapping_node *first;
    struct record_tree *records; /* the newest first */
    struct record_tree *dropped; /* to be used again: a feed may drop a million */
    bool rows_absent;            /* JSON: nothing at all stands at rows */
};

static const struct layer *layer_of(const struct mapping_node *node)
{
    const struct mapping_doc *doc = node->doc;

    return &doc->layers[doc->n_layers - 1];
}

/* ---- texts ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int trimmed(const char *text, struct arena *arena, const char **out, struct errmsg *msg)
{
    size_t n = strlen(text);
    size_t skip = 0;

    while (is_space(text[skip])) {
        skip++;
    }
    if (n == 0 || !is_space(text[n - 1])) {
        *out = text + skip;
        return 0;
    }
    while (n > skip && is_space(text[n - 1])) {
        n--;
    }
    *out = n > skip ? arena_strndup(arena, text + skip, n - skip) : "";
    return *out != NULL ? 0 : err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

/* A number that is no integer, as it would be written again. */
static int number_text(const struct json *node, struct arena *arena, const char **out)
{
    struct json_writer w;
    struct buf text;

    buf_init(&text, 64);
    json_write_begin(&w, &text);
    json_node(&w, NULL, node);
    *out = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return *out != NULL ? 0 : ERR_NOMEM;
}

static int json_text_at(const struct json *node, struct arena *arena, const char **out,
                        struct errmsg *msg)
{
    char number[24];
    const char *text = json_text(node, number);

    *out = "";
    if (node == NULL || json_is_object(node) || json_is_array(node)) {
        return 0;
    }
    if (json_is_string(node)) {
        return trimmed(text, arena, out, msg);
    }
    if (text == NULL) {
        return number_text(node, arena, out) == 0
                   ? 0
                   : err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    *out = text == number ? arena_strdup(arena, text) : text;
    return *out != NULL ? 0 : err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

/* In one layer. Paths of another format than the layer's find nothing. */
static int layer_text(const struct layer *layer, const struct mapping_node *node, const char *path,
                      struct arena *arena, const char **out, struct errmsg *msg)
{
    const char *text;
    int err;

    *out = "";
    if (layer->format == PRESET_JSON) {
        return json_text_at(json_at_any_case(node->json, path), arena, out, msg);
    }
    err = xml_xpath_text(layer->xpath, node->xml, path[0] != '\0' ? path : ".", arena, &text, msg);
    return err == 0 ? trimmed(text, arena, out, msg) : err;
}

int mapping_text_at(const struct mapping_node *node, const char *path, struct arena *arena,
                    const char **out, struct errmsg *msg)
{
    return layer_text(layer_of(node), node, path, arena, out, msg);
}

/* The exact spelling, else the first that is equal without ASCII case: as json_at_any_case, since
 * no object has a key twice. */
static void find_members(const struct json *object, const struct nameset *names,
                         const struct json **found)
{
    for (const struct json *child = json_first(object); child != NULL; child = json_next(child)) {
        const char *key = json_key(child);

        for (const struct nameset_name *name = nameset_first(names, key); name != NULL;
             name = nameset_next(name)) {
            if (strcmp(name->text, key) == 0 ||
                (found[name->at] == NULL && strcasecmp(name->text, key) == 0)) {
                found[name->at] = child;
            }
        }
    }
}

void mapping_find(const struct mapping_node *node, const struct nameset *names,
                  struct mapping_found *out)
{
    out->node = node;
    out->looked = json_is_object(node->json) || node->xml != NULL;
    if (node->xml != NULL) {
        xml_find_children(node->xml, names, out->xml);
    } else if (out->looked) {
        memset(out->json, 0, names->n * sizeof(out->json[0]));
        find_members(node->json, names, out->json);
    }
}

const struct json *mapping_found_json(const struct mapping_found *found,
                                      const struct preset_source *source)
{
    return found->looked && source->name != NULL
               ? json_at_any_case(found->json[source->name->at], source->rest)
               : json_at_any_case(found->node->json, source->path);
}

int mapping_found_text(const struct mapping_found *found, const struct preset_source *source,
                       struct arena *arena, const char **out, struct errmsg *msg)
{
    int err;

    if (layer_of(found->node)->format == PRESET_JSON) {
        return json_text_at(mapping_found_json(found, source), arena, out, msg);
    }
    if (!found->looked || source->name == NULL) {
        return mapping_text_at(found->node, source->path, arena, out, msg);
    }
    err = xml_value(found->xml[source->name->at], arena, out, msg);
    return err == 0 ? trimmed(*out, arena, out, msg) : err;
}

/* From the innermost layer outwards, the first that is not empty. A whole inner document is no text
 * of the outer one: nobody wants it in a message. */
static int any_layer_text(const struct mapping_doc *doc, const char *path, struct arena *arena,
                          const char **out)
{
    *out = "";
    for (size_t i = doc->n_layers; i > 0 && (*out)[0] == '\0'; i--) {
        const struct layer *layer = &doc->layers[i - 1];

        if ((layer->opened == NULL || strcmp(layer->opened, path) != 0) &&
            layer_text(layer, &layer->root, path, arena, out, NULL) == ERR_NOMEM) {
            return ERR_NOMEM;
        }
    }
    return 0;
}

const char *mapping_text(const struct mapping_doc *doc, const struct mapping_node *node,
                         const char *path, struct arena *arena)
{
    const char *text = "";
    int err = node == mapping_root(doc) ? any_layer_text(doc, path, arena, &text)
                                        : mapping_text_at(node, path, arena, &text, NULL);

    return err == 0 ? text : "";
}

/* ---- rows ---- */

static struct mapping_node *add_node(struct arena *arena, const struct mapping_node *like,
                                     const struct mapping_node ***tail)
{
    struct mapping_node *node = arena_alloc(arena, sizeof(*node));

    if (node != NULL) {
        node->doc = like->doc;
        **tail = node;
        *tail = &node->next;
    }
    return node;
}

static int json_rows(const struct mapping_node *node, const struct json *at, size_t max,
                     struct arena *arena, const struct mapping_node **first, size_t *n,
                     struct errmsg *msg)
{
    const struct mapping_node **tail = first;
    const struct json *row = json_is_array(at) ? json_first(at) : at;

    if (json_is_null(at)) {
        return 0;
    }
    while (row != NULL) {
        struct mapping_node *added = *n < max ? add_node(arena, node, &tail) : NULL;

        if (added == NULL) {
            return *n == max ? err_set(msg, ERR_TOOBIG, "more than %zu rows", max)
                             : err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        }
        added->json = row;
        (*n)++;
        row = json_is_array(at) ? json_next(row) : NULL;
    }
    return 0;
}

int mapping_elements_at(const struct mapping_node *node, const char *path, size_t max,
                        const struct xml_node ***out, size_t *n, struct errmsg *msg)
{
    return xml_xpath_nodes(layer_of(node)->xpath, node->xml, path, max, out, n, msg);
}

const struct xml_node *mapping_element(const struct mapping_node *node)
{
    return node->xml != NULL ? node->xml : xml_root(layer_of(node)->xml);
}

static int xml_rows(const struct mapping_node *node, const char *path, size_t max,
                    struct arena *arena, const struct mapping_node **first, size_t *n,
                    struct errmsg *msg)
{
    const struct mapping_node **tail = first;
    const struct xml_node **rows;
    size_t found;
    int err = mapping_elements_at(node, path, max, &rows, &found, msg);

    for (size_t i = 0; i < found && err == 0; i++) {
        struct mapping_node *added = add_node(arena, node, &tail);

        if (added == NULL) {
            err = err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        } else {
            added->xml = rows[i];
            (*n)++;
        }
    }
    free(rows);
    return err;
}

int mapping_rows_at(const struct mapping_node *node, const char *path, size_t max,
                    struct arena *arena, const struct mapping_node **first, size_t *n,
                    struct errmsg *msg)
{
    const struct layer *layer = layer_of(node);

    *first = NULL;
    *n = 0;
    if (layer->format == PRESET_JSON) {
        return json_rows(node, json_at_any_case(node->json, path), max, arena, first, n, msg);
    }
    if (path[0] == '\0') {
        *first = node;
        *n = 1;
        return 0;
    }
    return xml_rows(node, path, max, arena, first, n, msg);
}

/* ---- documents ---- */

static struct layer *add_layer(struct mapping_doc *doc, enum preset_format format)
{
    struct layer *layer = &doc->layers[doc->n_layers];

    layer->format = format;
    layer->root.doc = doc;
    doc->n_layers++;
    return layer;
}

static int open_xpath(const struct preset *preset, struct layer *layer, struct errmsg *msg)
{
    struct xml_namespace namespaces[PRESET_NAMESPACES];
    int err;

    for (size_t i = 0; i < preset->n_namespaces; i++) {
        namespaces[i].prefix = preset->namespaces[i].prefix;
        namespaces[i].uri = preset->namespaces[i].uri;
    }
    err = xml_xpath_open(layer->xml, namespaces, preset->n_namespaces, &layer->xpath);
    return err == 0 ? 0 : err_set(msg, err, "%s", err_text(err));
}

static int parse_layer(const struct preset *preset, struct mapping_doc *doc,
                       enum preset_format format, const char *bytes, size_t n, struct errmsg *msg)
{
    struct layer *layer = add_layer(doc, format);
    int err;

    if (format == PRESET_JSON) {
        err = json_parse(bytes, n, &layer->json, msg);
        layer->root.json = layer->json;
        return err;
    }
    err = xml_parse(bytes, n, &layer->xml, msg);
    return err == 0 ? open_xpath(preset, layer, msg) : err;
}

static int unwrap(const struct preset *preset, const struct preset_unwrap *how,
                  struct mapping_doc *doc, struct errmsg *msg)
{
    struct layer *outer = &doc->layers[doc->n_layers - 1];
    struct arena arena;
    const char *text;
    int err;

    arena_init(&arena, TEXT_MAX_BYTES);
    err = layer_text(outer, &outer->root, how->path, &arena, &text, msg);
    if (err == 0 && text[0] == '\0') {
        doc->missing = how->path;
    } else if (err == 0) {
        outer->opened = how->path;
        err = parse_layer(preset, doc, how->format, text, strlen(text), msg);
    }
    arena_free(&arena);
    return err == 0 ? 0 : err_wrap(msg, err, "the document at %s", how->path);
}

static int find_rows(const struct preset_call *call, struct mapping_doc *doc, struct errmsg *msg)
{
    const struct mapping_node *root = mapping_root(doc);
    size_t n;

    doc->rows = call->rows;
    if (doc->missing != NULL) {
        return 0;
    }
    doc->rows_absent =
        layer_of(root)->format == PRESET_JSON && json_at_any_case(root->json, call->rows) == NULL;
    return mapping_rows_at(root, call->rows, MAPPING_ROWS_MAX, doc->arena, &doc->first, &n, msg);
}

static struct mapping_doc *new_doc(void)
{
    struct mapping_doc *doc = calloc(1, sizeof(*doc));

    if (doc != NULL) {
        doc->arena = malloc(sizeof(*doc->arena));
    }
    if (doc == NULL || doc->arena == NULL) {
        free(doc);
        return NULL;
    }
    arena_init(doc->arena, NODES_MAX_BYTES);
    return doc;
}

int mapping_open(const struct preset *preset, const struct preset_call *call, const char *bytes,
                 size_t n, struct mapping_doc **out, struct errmsg *msg)
{
    struct mapping_doc *doc = new_doc();
    int err;

    *out = NULL;
    if (doc == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    err = parse_layer(preset, doc, call->format, bytes, n, msg);
    for (size_t i = 0; i < call->n_unwraps && err == 0 && doc->missing == NULL; i++) {
        err = unwrap(preset, &call->unwrap[i], doc, msg);
    }
    if (err == 0) {
        err = find_rows(call, doc, msg);
    }
    if (err != 0) {
        mapping_close(doc);
        return err;
    }
    *out = doc;
    return 0;
}

int mapping_open_records(const struct preset *preset, enum preset_format format,
                         struct mapping_doc **out, struct errmsg *msg)
{
    struct mapping_doc *doc = new_doc();
    int err;

    *out = NULL;
    if (doc == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    add_layer(doc, format);
    err = format == PRESET_XML ? open_xpath(preset, &doc->layers[0], msg) : 0;
    if (err != 0) {
        mapping_close(doc);
        return err;
    }
    *out = doc;
    return 0;
}

int mapping_add_record(struct mapping_doc *doc, struct json *json, struct xml *xml,
                       const struct mapping_node **node, size_t *bytes, struct errmsg *msg)
{
    struct record_tree *record =
        doc->dropped != NULL ? doc->dropped : arena_alloc(doc->arena, sizeof(*record));

    doc->dropped = NULL;
    if (record == NULL) {
        json_free(json);
        xml_free(xml);
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    record->json = json;
    record->xml = xml;
    record->node.doc = doc;
    record->node.json = json;
    record->node.xml = xml_root(xml);
    record->next = doc->records;
    doc->records = record;
    *node = &record->node;
    *bytes = xml != NULL ? xml_bytes(xml) : json_bytes(json);
    return 0;
}

void mapping_drop_record(struct mapping_doc *doc)
{
    struct record_tree *record = doc->records;

    doc->records = record->next;
    doc->dropped = record;
    json_free(record->json);
    xml_free(record->xml);
}

void mapping_close(struct mapping_doc *doc)
{
    if (doc == NULL) {
        return;
    }
    while (doc->records != NULL) {
        mapping_drop_record(doc);
    }
    for (size_t i = 0; i < doc->n_layers; i++) {
        xml_xpath_close(doc->layers[i].xpath);
        xml_free(doc->layers[i].xml);
        json_free(doc->layers[i].json);
    }
    arena_free(doc->arena);
    free(doc->arena);
    free(doc);
}

const struct mapping_node *mapping_root(const struct mapping_doc *doc)
{
    return &doc->layers[doc->n_layers - 1].root;
}

const struct mapping_node *mapping_first(const struct mapping_doc *doc, const char *rows)
{
    const struct mapping_node *first = NULL;
    size_t n;

    if (doc->missing != NULL) {
        return NULL;
    }
    if (strcmp(rows, doc->rows) == 0) {
        return doc->first;
    }
    return mapping_rows_at(mapping_root(doc), rows, MAPPING_ROWS_MAX, doc->arena, &first, &n,
                           NULL) == 0
               ? first
               : NULL;
}

const struct mapping_node *mapping_next(const struct mapping_node *node)
{
    return node->next;
}

/* ---- the verdict ---- */

static bool listed(const struct config_list *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->items[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static enum mapping_verdict judge(const struct preset_call *call, const struct mapping_doc *doc,
                                  struct arena *arena)
{
    bool asked = call->ok_path[0] != '\0' || call->ok_text[0] != '\0';
    const char *text;

    if (call->ok_path[0] != '\0') {
        (void)any_layer_text(doc, call->ok_path, arena, &text);
        if (listed(&call->auth_values, text)) {
            return MAPPING_AUTH;
        }
        if (!listed(&call->ok_values, text)) {
            return MAPPING_REFUSED;
        }
    }
    if (call->ok_text[0] != '\0') {
        (void)any_layer_text(doc, call->ok_text_path, arena, &text);
        if (!text_contains(text, call->ok_text)) {
            return MAPPING_REFUSED;
        }
    }
    /* A reply that tells success may leave out what there is none of. */
    return !asked && (doc->missing != NULL || doc->rows_absent) ? MAPPING_REFUSED : MAPPING_OK;
}

enum mapping_verdict mapping_judge(const struct preset_call *call, const struct mapping_doc *doc,
                                   char words[304])
{
    enum mapping_verdict verdict;
    struct arena arena;
    const char *text = "";
    char plain[1024];

    arena_init(&arena, TEXT_MAX_BYTES);
    verdict = judge(call, doc, &arena);
    if (call->words_path[0] != '\0') {
        (void)any_layer_text(doc, call->words_path, &arena, &text);
    } else if (verdict == MAPPING_REFUSED && doc->missing != NULL) {
        text = "the reply holds no document";
    } else if (verdict == MAPPING_REFUSED && doc->rows_absent) {
        text = "the reply holds no rows";
    }
    /* Masked before the cut, so that no half of a number stays. */
    text_printable(text, strlen(text), plain, sizeof(plain));
    text_mask_personal(plain);
    text_printable(plain, strlen(plain), words, 304);
    arena_free(&arena);
    return verdict;
}
