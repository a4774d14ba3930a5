/* status_catalog: the agreement of the catalogues as JSON, with the clock of what is not published.
 */
#include "codec/json.h"
#include "daemon/status_json.h"
#include "domain/term.h"
#include "domain/vntime.h"

static void put_time(struct json_writer *w, const char *key, int64_t at_s)
{
    char text[32];

    vntime_format_rfc3339(at_s, text, sizeof(text));
    if (text[0] == '\0') {
        json_null(w, key);
    } else {
        json_string(w, key, text);
    }
}

static void put_number(struct json_writer *w, const char *key, uint64_t value)
{
    json_integer_out(w, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

/* Since when the province knows of it, until when it has time, and what is left of that. */
static void put_clock(struct json_writer *w, uint64_t first_ms, const struct config *config,
                      int64_t now_s)
{
    struct term term;

    term_read(config->calendar, (int64_t)(first_ms / 1000), (int)config->publish_days, now_s,
              &term);
    put_time(w, "first_seen", term.begun_s);
    put_time(w, "due", term.due_s);
    if (term.known) {
        json_integer_out(w, "working_days_left", term.days_left);
    } else {
        json_null(w, "working_days_left");
    }
}

static void put_difference(struct json_writer *w, const struct mirror_agreement *a,
                           enum mirror_difference d, const struct config *config, int64_t now_s)
{
    json_object_open(w, mirror_difference_name(d));
    put_number(w, "count", a->counts[d]);
    json_array_open(w, "procedures");
    for (size_t i = 0; i < a->n_rows[d]; i++) {
        const struct mirror_diff_row *row = &a->rows[d][i];

        json_object_open(w, NULL);
        json_string(w, "code", row->code);
        json_string(w, "name", row->name);
        json_string(w, "note", row->note);
        if (row->first_ms != 0) {
            put_clock(w, row->first_ms, config, now_s);
        }
        json_object_close(w);
    }
    json_array_close(w);
    json_object_close(w);
}

int status_json_agreement(const struct mirror_agreement *a, const struct config *config,
                          int64_t now_s, struct buf *out)
{
    struct json_writer w;

    json_write_begin(&w, out);
    json_object_open(&w, NULL);
    json_integer_out(&w, "schema", STATUS_SCHEMA);
    put_time(&w, "read", (int64_t)(a->read_ms / 1000));
    put_number(&w, "portal", a->portal);
    put_number(&w, "local", a->local);
    put_number(&w, "equal", a->equal);
    put_number(&w, "services", a->services);
    put_number(&w, "sectors", a->sectors);
    put_number(&w, "agencies", a->agencies);
    put_number(&w, "publish_days", config->publish_days);
    json_string(&w, "calendar", calendar_path(config->calendar));
    json_bool(&w, "overdue_known", a->overdue_before_ms != 0);
    json_object_open(&w, "differences");
    for (unsigned d = 0; d < MIRROR_DIFFERENCES; d++) {
        put_difference(&w, a, (enum mirror_difference)d, config, now_s);
    }
    json_object_close(&w);
    json_object_close(&w);
    buf_putc(out, '\n');
    return buf_error(out);
}
