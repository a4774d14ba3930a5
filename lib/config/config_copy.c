/* Sections for those who outlive the configuration they were in. */
#include "config/config_impl.h"

static int copy_text(struct arena *a, const char **text)
{
    *text = arena_strdup(a, *text != NULL ? *text : "");
    return *text != NULL ? 0 : ERR_NOMEM;
}

static int copy_list(struct arena *a, struct config_list *list)
{
    int err = 0;

    for (size_t i = 0; i < list->n && err == 0; i++) {
        err = copy_text(a, &list->items[i]);
    }
    return err;
}

/* base is a copy already, but for what its rows point at. */
static int copy_section(struct arena *a, enum config_section section, void *base)
{
    size_t n;
    const struct config_row *rows = config_rows_of(section, &n);
    int err = 0;

    for (size_t i = 0; i < n && err == 0; i++) {
        void *field = (char *)base + rows[i].offset;

        switch (rows[i].type) {
        case CONFIG_STRING:
        case CONFIG_CHOICE:
        case CONFIG_TIME:
            err = copy_text(a, field);
            break;
        case CONFIG_LIST:
            err = copy_list(a, field);
            break;
        default: /* a number */
            break;
        }
    }
    return err;
}

int config_portal_copy(const struct config_portal *from, struct arena *a, struct config_portal *to)
{
    int err;

    *to = *from;
    err = copy_text(a, &to->name);
    return err != 0 ? err : copy_section(a, SECTION_PORTAL, to);
}

int config_source_copy(const struct config_source *from, struct arena *a, struct config_source *to)
{
    int err;

    *to = *from;
    err = copy_text(a, &to->name);
    return err != 0 ? err : copy_section(a, SECTION_SOURCE, to);
}
