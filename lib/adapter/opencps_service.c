#include "adapter/opencps_read.h"

#include <string.h>

#include "adapter/opencps_field.h"
#include "adapter/opencps_shown.h"
#include "adapter/opencps_write.h"

/* The fields of the form, with the two that are no texts: in byte order they stand first and
 * between. */
#define SERVICE_NAMES (OPENCPS_SERVICE_FIELDS + 2)

static void service_names(const char *names[SERVICE_NAMES])
{
    size_t n = 0;

    names[n++] = "active";
    for (size_t i = 0; i < OPENCPS_SERVICE_FIELDS; i++) {
        if (n > 1 && strcmp(names[n - 1], "maxLevel") < 0 &&
            strcmp(OPENCPS_SERVICE[i].name, "maxLevel") > 0) {
            names[n++] = "maxLevel";
        }
        names[n++] = OPENCPS_SERVICE[i].name;
    }
}

static int read_service(struct opencps_row row, const char *const *names, struct arena *a,
                        struct opencps_service *out, struct errmsg *msg)
{
    const char *values[SERVICE_NAMES];
    struct procedure *p = &out->procedure;
    size_t field = 0;
    int err = opencps_row_fields(row, names, SERVICE_NAMES, values, a, msg);

    if (err != 0) {
        return err;
    }
    procedure_init(p);
    out->whole = true;
    out->shown = opencps_read_shown(row);
    p->active = true; /* sites of before the field show active ones only */
    for (size_t i = 0; i < SERVICE_NAMES; i++) {
        if (strcmp(names[i], "active") == 0) {
            p->active = values[i] == NULL || opencps_field_true(values[i]);
        } else if (strcmp(names[i], "maxLevel") == 0) {
            p->level = (int)opencps_field_number(values[i], 0);
            out->shown.level = values[i] != NULL ? p->level : -1;
        } else {
            const char **to = (const char **)(void *)((char *)p + OPENCPS_SERVICE[field++].offset);

            out->whole = out->whole && values[i] != NULL;
            *to = opencps_field_keep(a, values[i], &err);
        }
    }
    if (err != 0) {
        return err_set(msg, err, "%s", err_text(err));
    }
    return p->code[0] != '\0' ? 0 : err_set(msg, ERR_FORMAT, "a procedure without serviceCode");
}

int opencps_read_service(const struct opencps_doc *doc, struct arena *a,
                         struct opencps_service *out, struct errmsg *msg)
{
    struct opencps_row root = opencps_doc_root(doc);
    const char *names[SERVICE_NAMES];

    service_names(names);
    if (!opencps_row_there(root)) {
        return err_set(msg, ERR_FORMAT, "the answer is not a procedure");
    }
    return read_service(root, names, a, out, msg);
}

int opencps_read_services(const struct opencps_doc *doc, size_t max_rows, struct arena *a,
                          struct opencps_services *out, struct errmsg *msg)
{
    const char *names[SERVICE_NAMES];
    struct opencps_row row;
    size_t n = 0;
    int err = opencps_doc_list(doc, &row, &out->total, msg);

    *out = (struct opencps_services){.total = out->total};
    if (err == 0 && out->total < 0) {
        err = err_set(msg, ERR_FORMAT, "the list has no total");
    }
    if (err == 0) {
        err = opencps_count_rows(row, max_rows, &n, msg);
    }
    if (err != 0) {
        return err;
    }
    out->list = arena_alloc(a, (n + 1) * sizeof(*out->list));
    if (out->list == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    service_names(names);
    for (; opencps_row_there(row); row = opencps_row_next(row)) {
        err = read_service(row, names, a, &out->list[out->n], msg);
        if (err != 0) {
            return err_wrap(msg, err, "row %zu", out->n + 1);
        }
        out->n++;
    }
    return 0;
}
