#include "adapter/opencps_doc.h"

#include <string.h>

#include "codec/json.h"
#include "codec/xml.h"

static const struct opencps_row NO_ROW;

int opencps_doc_parse(struct opencps_doc *doc, enum opencps_format format, const char *bytes,
                      size_t n, struct errmsg *msg)
{
    if (format == OPENCPS_XML) {
        return xml_parse(bytes, n, &doc->xml, msg);
    }
    return json_parse(bytes, n, &doc->json, msg);
}

void opencps_doc_free(struct opencps_doc *doc)
{
    json_free(doc->json);
    xml_free(doc->xml);
    doc->json = NULL;
    doc->xml = NULL;
}

struct opencps_row opencps_doc_root(const struct opencps_doc *doc)
{
    struct opencps_row row = NO_ROW;

    if (doc->xml != NULL) {
        row.xml = xml_root(doc->xml);
    } else if (json_is_object(doc->json)) {
        row.json = doc->json;
    }
    return row;
}

bool opencps_row_there(struct opencps_row row)
{
    return row.json != NULL || row.xml != NULL;
}

static int list_of_xml(const struct opencps_doc *doc, struct opencps_row *first, const char **total)
{
    const struct xml_node *root = xml_root(doc->xml);
    const struct xml_node *count = xml_child(root, "total");

    *total = count != NULL ? xml_text(count) : NULL;
    first->xml = xml_child(root, "data");
    return count == NULL && first->xml == NULL && xml_child(root, NULL) != NULL ? ERR_FORMAT : 0;
}

static int list_of_json(const struct opencps_doc *doc, struct opencps_row *first,
                        const char **total, char *number)
{
    const struct json *data = doc->json;

    if (json_is_object(doc->json)) {
        const struct json *count = json_get(doc->json, "total");

        data = json_get(doc->json, "data");
        *total = json_is_null(count) ? NULL : json_text_or_empty(count, number);
        if (data == NULL && *total == NULL) {
            return ERR_FORMAT;
        }
    }
    if (json_is_object(
            data)) { /* one row without its brackets, as some XML-to-JSON writers do it */
        first->json = data;
        return 0;
    }
    if (!json_is_array(data)) {
        return json_is_null(data) ? 0 : ERR_FORMAT;
    }
    first->json = json_first(data);
    return first->json != NULL && !json_is_object(first->json) ? ERR_FORMAT : 0;
}

/* A count of rows: digits, at most nine of them. */
static int parse_total(const char *text, int64_t *out)
{
    size_t n = strspn(text, "0123456789");

    if (n == 0 || n > 9 || text[n] != '\0') {
        return ERR_FORMAT;
    }
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        *out = *out * 10 + (text[i] - '0');
    }
    return 0;
}

int opencps_doc_list(const struct opencps_doc *doc, struct opencps_row *first, int64_t *total,
                     struct errmsg *msg)
{
    char number[24];
    const char *text = NULL;
    int err;

    *first = NO_ROW;
    *total = -1;
    err =
        doc->xml != NULL ? list_of_xml(doc, first, &text) : list_of_json(doc, first, &text, number);
    if (err != 0) {
        return err_set(msg, err, "the answer is not a list with total and data");
    }
    if (text != NULL && parse_total(text, total) != 0) {
        return err_set(msg, ERR_FORMAT, "the list's total is not a number of rows");
    }
    return 0;
}

struct opencps_row opencps_row_next(struct opencps_row row)
{
    struct opencps_row next = NO_ROW;

    if (row.xml != NULL) {
        next.xml = xml_next(row.xml, "data");
    } else if (row.json != NULL && json_key(row.json) == NULL) {
        next.json = json_next(row.json);
        if (!json_is_object(next.json)) {
            next.json = NULL;
        }
    }
    return next;
}

/* Index of a name in the sorted table, or n. */
static size_t find_name(const char *const *names, size_t n, const char *name)
{
    size_t low = 0;
    size_t high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(names[middle], name);

        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return n;
}

static int value_of_json(const struct json *node, const char **value, struct arena *a)
{
    char number[24];
    const char *text = json_text(node, number);

    if (text == NULL) {
        return ERR_FORMAT;
    }
    *value = text == number ? arena_strdup(a, text) : text;
    return *value != NULL ? 0 : ERR_NOMEM;
}

static int fields_of_json(const struct json *object, const char *const *names, size_t n,
                          const char **values, struct arena *a, struct errmsg *msg)
{
    for (const struct json *node = json_first(object); node != NULL; node = json_next(node)) {
        size_t i = find_name(names, n, json_key(node));
        int err;

        if (i == n) {
            continue;
        }
        err = value_of_json(node, &values[i], a);
        if (err != 0) {
            return err_set(msg, err, "%s: %s", names[i],
                           err == ERR_FORMAT ? "is not a text or whole number" : err_text(err));
        }
    }
    return 0;
}

static int fields_of_xml(const struct xml_node *element, const char *const *names, size_t n,
                         const char **values, struct errmsg *msg)
{
    for (const struct xml_node *node = xml_child(element, NULL); node != NULL;
         node = xml_next(node, NULL)) {
        size_t i = find_name(names, n, xml_name(node));

        if (i == n) {
            continue;
        }
        if (xml_child(node, NULL) != NULL) {
            return err_set(msg, ERR_FORMAT, "%s: holds elements where a text belongs", names[i]);
        }
        if (values[i] == NULL) {
            values[i] = xml_text(node);
        }
    }
    return 0;
}

int opencps_row_fields(struct opencps_row row, const char *const *names, size_t n,
                       const char **values, struct arena *a, struct errmsg *msg)
{
    for (size_t i = 0; i < n; i++) {
        values[i] = NULL;
    }
    if (row.xml != NULL) {
        return fields_of_xml(row.xml, names, n, values, msg);
    }
    return fields_of_json(row.json, names, n, values, a, msg);
}

int opencps_count_rows(struct opencps_row row, size_t max, size_t *n, struct errmsg *msg)
{
    for (*n = 0; opencps_row_there(row); row = opencps_row_next(row)) {
        if (++*n > max) {
            return err_set(msg, ERR_FORMAT, "more than the %zu rows asked for", max);
        }
    }
    return 0;
}
