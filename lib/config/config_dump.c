/* The effective configuration as text and as JSON. */

#include "config/config_impl.h"

static bool shown(const struct config_instance *in)
{
    return in->section != SECTION_PORTAL || in->given;
}

static void put_origin(const struct config_impl *impl, const struct config_value *value,
                       struct buf *out)
{
    if (value->given) {
        buf_printf(out, "%s:%u", impl->files[value->origin.file], value->origin.line);
    } else {
        buf_puts(out, "default");
    }
}

static void dump_instance(const struct config_impl *impl, const struct config_instance *in,
                          bool with_origin, struct buf *out)
{
    size_t n;
    const struct config_row *rows = config_rows_of(in->section, &n);
    bool top = in->section == SECTION_TOP;

    if (!top) {
        buf_printf(out, "%s%s%s {\n", config_section_name(in->section),
                   in->name[0] != '\0' ? " " : "", in->name);
    }
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s%s = ", top ? "" : "    ", rows[i].info.name);
        config_value_write(&rows[i], in->base, out);
        if (with_origin) {
            buf_puts(out, "  # ");
            put_origin(impl, &in->values[i], out);
        }
        buf_putc(out, '\n');
    }
    if (!top) {
        buf_puts(out, "}\n");
    }
}

int config_dump(const struct config *c, bool with_origin, struct buf *out)
{
    const struct config_impl *impl = c->impl;

    for (enum config_section s = SECTION_TOP; s < SECTION_COUNT; s++) {
        for (size_t i = 0; i < impl->n_instances; i++) {
            if (impl->instances[i]->section == s && shown(impl->instances[i])) {
                dump_instance(impl, impl->instances[i], with_origin, out);
            }
        }
    }
    return buf_error(out);
}

/* The keys of one instance, without the braces around them. */
static void json_keys(const struct config_impl *impl, const struct config_instance *in,
                      struct buf *out)
{
    size_t n;
    const struct config_row *rows = config_rows_of(in->section, &n);

    for (size_t i = 0; i < n; i++) {
        struct buf origin;

        buf_init(&origin, CONFIG_MAX_LINE_BYTES);
        put_origin(impl, &in->values[i], &origin);
        buf_printf(out, "%s\"%s\":{\"value\":", i > 0 ? "," : "", rows[i].info.name);
        config_value_write_json(&rows[i], in->base, out);
        buf_puts(out, ",\"origin\":");
        buf_put_json(out, buf_text(&origin));
        buf_putc(out, '}');
        buf_free(&origin);
    }
}

/* A section that is there once: ,"retry":{...} */
static void json_single(const struct config_impl *impl, enum config_section s, struct buf *out)
{
    for (size_t i = 0; i < impl->n_instances; i++) {
        const struct config_instance *in = impl->instances[i];

        if (in->section == s && shown(in)) {
            buf_printf(out, ",\"%s\":{", config_section_name(s));
            json_keys(impl, in, out);
            buf_putc(out, '}');
        }
    }
}

/* ,"sources":{"onestop":{...}} */
static void json_titled(const struct config_impl *impl, enum config_section s, struct buf *out)
{
    bool first = true;

    buf_printf(out, ",\"%ss\":{", config_section_name(s));
    for (size_t i = 0; i < impl->n_instances; i++) {
        const struct config_instance *in = impl->instances[i];

        if (in->section == s) {
            buf_puts(out, first ? "" : ",");
            first = false;
            buf_put_json(out, in->name);
            buf_puts(out, ":{");
            json_keys(impl, in, out);
            buf_putc(out, '}');
        }
    }
    buf_putc(out, '}');
}

int config_dump_json(const struct config *c, struct buf *out)
{
    const struct config_impl *impl = c->impl;

    buf_putc(out, '{');
    json_keys(impl, impl->instances[0], out); /* the top */
    json_single(impl, SECTION_PORTAL, out);
    json_titled(impl, SECTION_SOURCE, out);
    json_titled(impl, SECTION_FLOW, out);
    json_single(impl, SECTION_RETRY, out);
    json_single(impl, SECTION_JOURNAL, out);
    json_single(impl, SECTION_MAPS, out);
    json_single(impl, SECTION_RECONCILE, out);
    json_single(impl, SECTION_DEADLINES, out);
    json_single(impl, SECTION_INTEGRITY, out);
    buf_putc(out, '}');
    return buf_error(out);
}
