#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "codec/json.h"
#include "codec/record.h"
#include "codec/record_fields.h"

struct decoder {
    struct arena *arena; /* borrowed */
    struct errmsg *msg;
};

static int get_text(const struct decoder *d, const struct record_field *f, const struct json *node,
                    const char **out)
{
    char unused[24];

    if (!json_is_string(node)) {
        return record_field_error(d->msg, ERR_FORMAT, f->name, "not a text");
    }
    *out = arena_strdup(d->arena, json_text(node, unused));
    return *out != NULL ? 0 : record_no_memory(d->msg);
}

static int get_integer(const struct decoder *d, const struct record_field *f,
                       const struct json *node, int64_t min, int64_t max, int64_t *out)
{
    if (json_is_string(node) || json_integer(node, out) < 0 || *out < min || *out > max) {
        return record_field_error(d->msg, ERR_FORMAT, f->name, "not an integer that fits");
    }
    return 0;
}

static int get_fields(const struct decoder *d, const struct record_fields *fields,
                      const struct json *object, void *to);

static int get_files(const struct decoder *d, const struct record_field *f,
                     const struct json *array, const struct dossier_file **out, size_t *n_out)
{
    size_t n = json_size(array);
    struct dossier_file *files;
    size_t i = 0;

    if (!json_is_array(array) || n > DOSSIER_MAX_FILES) {
        return record_field_error(d->msg, ERR_FORMAT, f->name, "not a list of files");
    }
    files = arena_alloc(d->arena, (n > 0 ? n : 1) * sizeof(*files));
    if (files == NULL) {
        return record_no_memory(d->msg);
    }
    for (const struct json *node = json_first(array); node != NULL; node = json_next(node)) {
        int rc;

        files[i] = (struct dossier_file){"", "", "", "", "", ""};
        rc = get_fields(d, &record_file_fields, node, &files[i]);
        if (rc < 0) {
            return err_wrap(d->msg, rc, "%s[%zu]", f->name, i);
        }
        i++;
    }
    *out = files;
    *n_out = n;
    return 0;
}

static int get_field(const struct decoder *d, const struct record_field *f, const struct json *node,
                     void *to)
{
    void *value = (char *)to + f->offset;
    int64_t number = 0;
    int rc = 0;

    switch (f->type) {
    case FIELD_TEXT:
    case FIELD_ADDRESS:
    case FIELD_NOTE:
        return get_text(d, f, node, value);
    case FIELD_TIME:
    case FIELD_SNAPSHOT:
        return get_integer(d, f, node, -RECORD_INTEGER_LIMIT, RECORD_INTEGER_LIMIT, value);
    case FIELD_COUNT:
    case FIELD_FLAG:
        rc = get_integer(d, f, node, INT_MIN, INT_MAX, &number);
        *(int *)value = (int)number;
        return rc;
    case FIELD_BOOL:
        rc = get_integer(d, f, node, 1, 1, &number);
        *(bool *)value = number == 1;
        return rc;
    case FIELD_FILES:
        return get_files(d, f, node, value, (size_t *)(void *)((char *)to + f->n_offset));
    }
    return rc;
}

/* Keys come in the order of the table, so one pass over both finds them, and whatever we did not
 * write. */
static int get_fields(const struct decoder *d, const struct record_fields *fields,
                      const struct json *object, void *to)
{
    size_t i = 0;

    if (!json_is_object(object)) {
        return err_set(d->msg, ERR_FORMAT, "not an object");
    }
    for (const struct json *node = json_first(object); node != NULL; node = json_next(node)) {
        int rc;

        while (i < fields->n && strcmp(fields->all[i].name, json_key(node)) != 0) {
            i++;
        }
        if (i == fields->n) {
            return err_set(d->msg, ERR_FORMAT, "unknown or misplaced key");
        }
        rc = get_field(d, &fields->all[i], node, to);
        if (rc < 0) {
            return rc;
        }
        i++;
    }
    return 0;
}

/* The code is the first field of every record. */
static int decode(const char *body, size_t n, struct arena *a, const struct record_fields *fields,
                  void *out, struct errmsg *msg)
{
    const struct decoder d = {a, msg};
    struct json *root;
    int rc;

    if (n > RECORD_BODY_MAX) {
        return err_set(msg, ERR_TOOBIG, "record: %s", err_text(ERR_TOOBIG));
    }
    rc = json_parse(body, n, &root, msg);
    if (rc < 0) {
        return err_wrap(msg, rc, "record");
    }
    rc = get_fields(&d, fields, root, out);
    json_free(root);
    if (rc == 0 && **(const char *const *)out == '\0') {
        rc = record_field_error(msg, ERR_FORMAT, fields->all[0].name, "is missing");
    }
    return rc < 0 ? err_wrap(msg, rc, "record") : 0;
}

int record_to_dossier(const char *body, size_t n, struct arena *a, struct dossier *out,
                      struct errmsg *msg)
{
    dossier_init(out);
    return decode(body, n, a, &record_dossier_fields, out, msg);
}

int record_to_step(const char *body, size_t n, struct arena *a, struct step *out,
                   struct errmsg *msg)
{
    step_init(out);
    return decode(body, n, a, &record_step_fields, out, msg);
}

int record_to_procedure(const char *body, size_t n, struct arena *a, struct procedure *out,
                        struct errmsg *msg)
{
    procedure_init(out);
    return decode(body, n, a, &record_procedure_fields, out, msg);
}

int record_to_other(enum record_kind kind, const char *body, size_t n, struct arena *a, void *to,
                    struct errmsg *msg)
{
    const struct record_fields *fields = record_other_fields(kind);

    if (fields == NULL) {
        return err_set(msg, ERR_INVAL, "kind %d has no such records", (int)kind);
    }
    for (size_t i = 0; i < fields->n; i++) {
        *(const char **)(void *)((char *)to + fields->all[i].offset) = "";
    }
    return decode(body, n, a, fields, to, msg);
}

int record_to_row(const char *body, size_t n, struct arena *a, struct catalog_row *out,
                  struct errmsg *msg)
{
    *out = (struct catalog_row){"", "", "", ""};
    return decode(body, n, a, &record_row_fields, out, msg);
}
