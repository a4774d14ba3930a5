/* A row of a list: its id, digest and date. */
#include <stdlib.h>
#include <string.h>

#include "adapter/mapping_impl.h"

#define ID_MAX_BYTES 255
#define ITEMS_MAX 100000 /* rows that hash_without names inside one row */

/* The nodes that hash_without names. */
static int json_hash(const struct preset *preset, const struct mapping_node *row, uint8_t *hash)
{
    const struct json *without[CONFIG_MAX_LIST];
    size_t n = 0;

    for (size_t i = 0; i < preset->hash_without.n; i++) {
        const struct json *node = json_at_any_case(row->json, preset->hash_without.items[i]);

        if (node != NULL) {
            without[n++] = node;
        }
    }
    return json_digest_without(row->json, without, n, hash);
}

/* All elements that a path names, appended to *all, which the caller frees. */
static int collect(const struct mapping_node *row, const char *path, const struct xml_node ***all,
                   size_t *n, struct errmsg *msg)
{
    const struct xml_node **found;
    const struct xml_node **grown;
    size_t more;
    int err = mapping_elements_at(row, path, ITEMS_MAX, &found, &more, msg);

    if (err != 0 || more == 0) {
        free(found);
        return err;
    }
    grown = realloc(*all, (*n + more) * sizeof(const struct xml_node *));
    if (grown != NULL) {
        memcpy(grown + *n, found, more * sizeof(const struct xml_node *));
        *all = grown;
        *n += more;
    }
    free(found);
    return grown != NULL ? 0 : err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

static int xml_hash(const struct preset *preset, const struct mapping_node *row, uint8_t *hash,
                    struct errmsg *msg)
{
    const struct xml_node **without = NULL;
    size_t n = 0;
    int err = 0;

    for (size_t i = 0; i < preset->hash_without.n && err == 0; i++) {
        err = collect(row, preset->hash_without.items[i], &without, &n, msg);
    }
    if (err == 0) {
        err = xml_digest(mapping_element(row), without, n, hash);
    }
    free(without);
    return err;
}

static int row_changed(const struct preset *preset, const struct mapping_node *row,
                       struct arena *arena, int64_t *changed_s, struct errmsg *msg)
{
    const char *text = "";
    int err = preset->changed_path[0] != '\0'
                  ? mapping_text_at(row, preset->changed_path, arena, &text, msg)
                  : 0;

    *changed_s = 0;
    if (err != 0 || text[0] == '\0') {
        return err;
    }
    if (preset->changed_format[0] != '\0' &&
        preset_date(preset->changed_format, text, changed_s) == 0) {
        return 0;
    }
    for (size_t i = 0; i < preset->dates.n && preset->changed_format[0] == '\0'; i++) {
        if (preset_date(preset->dates.items[i], text, changed_s) == 0) {
            return 0;
        }
    }
    return err_set(msg, ERR_FORMAT,
                   "changed at %s: no date of that form, or one that does not exist",
                   preset->changed_path);
}

int mapping_row(const struct preset *preset, const struct mapping_doc *doc,
                const struct mapping_node *row, struct arena *arena, const char **id,
                uint8_t hash[RECORD_HASH_BYTES], int64_t *changed_s, struct errmsg *msg)
{
    int err = 0;

    (void)doc;
    *id = "";
    *changed_s = 0;
    for (size_t i = 0; i < preset->n_id_paths && (*id)[0] == '\0' && err == 0; i++) {
        err = mapping_text_at(row, preset->id_path[i], arena, id, msg);
    }
    if (err == 0 && ((*id)[0] == '\0' || strlen(*id) > ID_MAX_BYTES)) {
        err = err_set(msg, ERR_FORMAT, "a row %s at %s",
                      (*id)[0] == '\0' ? "without an id" : "with an id over 255 bytes",
                      preset->id_path[0]);
    }
    if (err == 0) {
        err = row_changed(preset, row, arena, changed_s, msg);
    }
    if (err == 0) {
        err = row->json != NULL ? json_hash(preset, row, hash) : xml_hash(preset, row, hash, msg);
    }
    return err;
}
