/* ctl_view_list: `queue`, `show`, `catalog` and `events`. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ctl.h"
#include "daemon/ctl_text.h"
#include "daemon/ctl_view.h"

/* ---- queue ---- */

static uint64_t age_s(int64_t then_s, int64_t now_s)
{
    return then_s != 0 && now_s > then_s ? (uint64_t)(now_s - then_s) : 0;
}

static enum ctl_colour state_colour(const char *state)
{
    return strcmp(state, "HELD") == 0     ? CTL_YELLOW
           : strcmp(state, "UNSURE") == 0 ? CTL_YELLOW
           : strcmp(state, "DONE") == 0   ? CTL_GREEN
                                          : CTL_PLAIN;
}

static void put_row(const struct json *i, int64_t now_s, bool colour, struct buf *out)
{
    const char *state = ctl_str(i, "state");
    char text[48];
    char age[CTL_AGE_SIZE];

    (void)snprintf(text, sizeof(text), "%" PRId64, ctl_int(i, "id"));
    ctl_put_column(out, text, 9);
    ctl_put_column(out, ctl_str(i, "code"), 31);
    ctl_put_column(out, ctl_str(i, "kind"), 9);
    (void)snprintf(text, sizeof(text), "%-11.20s", state);
    ctl_put_coloured(out, colour, state_colour(state), text);
    ctl_age(age_s(ctl_at(i, "created"), now_s), age);
    buf_printf(out, "%7s %5" PRIu64 "  ", age, ctl_uint(i, "attempts"));
    if (ctl_int(i, "status") > 0) {
        buf_printf(out, "%" PRId64 " ", ctl_int(i, "status"));
        ctl_put_text(out, ctl_str(i, "status_text"));
    } else {
        buf_putc(out, '-');
    }
    if (ctl_str(i, "hold")[0] != '\0') {
        buf_puts(out, "  ");
        ctl_put_text(out, ctl_str(i, "hold"));
    }
    if (ctl_str(i, "reason")[0] != '\0') {
        buf_puts(out, ": ");
        ctl_put_text(out, ctl_str(i, "reason"));
    }
    buf_putc(out, '\n');
}

void ctl_view_list(const struct json *root, int64_t now_s, bool colour, struct buf *out)
{
    const struct json *items = json_get(root, "items");

    if (json_size(items) == 0) {
        buf_puts(out, "No items.\n");
        return;
    }
    buf_printf(out, "%-9s%-31s%-9s%-11s%7s %5s  %s\n", "ID", "CODE", "KIND", "STATE", "AGE",
               "TRIES", "STATUS AND REASON");
    for (const struct json *i = json_first(items); i != NULL; i = json_next(i)) {
        put_row(i, now_s, colour, out);
    }
    if (ctl_str(root, "next")[0] != '\0') {
        buf_puts(out, "There are more: --after ");
        ctl_put_text(out, ctl_str(root, "next"));
        buf_putc(out, '\n');
    }
}

/* ---- show ---- */

static void put_pair(struct buf *out, const char *name, const char *value)
{
    if (value[0] != '\0') {
        ctl_put_column(out, name, 12);
        ctl_put_text(out, value);
        buf_putc(out, '\n');
    }
}

static void put_time(struct buf *out, const char *name, const struct json *node, const char *key)
{
    char at[CTL_TIME_SIZE];

    if (ctl_at(node, key) != 0) {
        ctl_time(ctl_at(node, key), at);
        put_pair(out, name, at);
    }
}

static void put_item(const struct json *i, struct buf *out)
{
    char text[64];

    buf_printf(out, "item %" PRId64 ", ", ctl_int(i, "id"));
    ctl_put_text(out, ctl_str(i, "kind"));
    buf_puts(out, " of ");
    ctl_put_text(out, ctl_str(i, "code"));
    buf_puts(out, ", flow ");
    ctl_put_text(out, ctl_str(i, "flow"));
    buf_putc(out, '\n');
    (void)snprintf(text, sizeof(text), "%.20s %.30s", ctl_str(i, "state"), ctl_str(i, "hold"));
    put_pair(out, "state", text);
    put_pair(out, "reason", ctl_str(i, "reason"));
    if (ctl_int(i, "status") > 0) {
        (void)snprintf(text, sizeof(text), "%" PRId64 " %.50s", ctl_int(i, "status"),
                       ctl_str(i, "status_text"));
        put_pair(out, "status", text);
    }
    put_time(out, "happened", i, "at");
    put_time(out, "stored", i, "created");
    put_time(out, "changed", i, "changed");
    put_time(out, "due", i, "due");
    (void)snprintf(text, sizeof(text), "%" PRIu64, ctl_uint(i, "attempts"));
    put_pair(out, "attempts", text);
    for (const struct json *f = json_first(json_get(i, "flags")); f != NULL; f = json_next(f)) {
        char digits[24];

        put_pair(out, "flag", json_text_or_empty(f, digits));
    }
    if (ctl_int(i, "successor") > 0) {
        (void)snprintf(text, sizeof(text), "item %" PRId64, ctl_int(i, "successor"));
        put_pair(out, "replaced by", text);
    }
    put_pair(out, "step", ctl_str(i, "step_key"));
    put_pair(out, "content", ctl_str(i, "digest"));
}

static void put_attempt(const struct json *a, struct buf *out)
{
    const char *outcome = ctl_str(a, "outcome");
    char at[CTL_TIME_SIZE];

    ctl_time(ctl_at(a, "begun"), at);
    buf_printf(out, "  %s  ", at);
    ctl_put_column(out, ctl_str(a, "verb"), 8);
    ctl_put_column(out, outcome[0] != '\0' ? outcome : "under way", 11);
    buf_printf(out, "HTTP %" PRId64 ", %" PRIu64 " ms", ctl_int(a, "http"), ctl_uint(a, "took_ms"));
    if (ctl_str(a, "code")[0] != '\0') {
        buf_puts(out, ", code ");
        ctl_put_text(out, ctl_str(a, "code"));
    }
    if (ctl_str(a, "words")[0] != '\0') {
        buf_puts(out, ": ");
        ctl_put_text(out, ctl_str(a, "words"));
    }
    buf_putc(out, '\n');
}

void ctl_view_item(const struct json *root, int64_t now_s, bool colour, struct buf *out)
{
    (void)now_s;
    (void)colour;
    for (const struct json *i = json_first(json_get(root, "items")); i != NULL; i = json_next(i)) {
        put_item(i, out);
    }
    if (json_size(json_get(root, "attempts")) > 0) {
        buf_puts(out, "calls\n");
    }
    for (const struct json *a = json_first(json_get(root, "attempts")); a != NULL;
         a = json_next(a)) {
        put_attempt(a, out);
    }
    for (const struct json *a = json_first(json_get(root, "audits")); a != NULL; a = json_next(a)) {
        char at[CTL_TIME_SIZE];

        ctl_time(ctl_at(a, "at"), at);
        buf_printf(out, "  %s  ", at);
        ctl_put_column(out, ctl_str(a, "verb"), 8);
        ctl_put_text(out, ctl_str(a, "who"));
        buf_puts(out, ctl_str(a, "reason")[0] != '\0' ? ": " : "");
        ctl_put_text(out, ctl_str(a, "reason"));
        buf_putc(out, '\n');
    }
}

/* ---- catalog ---- */

static const struct {
    const char *key;
    const char *title;
} differences[] = {
    {"portal_only", "at the portal, not here"},
    {"local_only", "here, not at the portal"},
    {"differs", "on both sides, but different"},
    {"withdrawn_open", "withdrawn at the portal, still open here"},
    {"overdue", "overdue to publish: at the portal, still not here"},
    {"lacks", "fields that the local product can't hold"},
};

/* Of what is not published here: since when it is known, and what time is left. */
static void put_clock(const struct json *row, struct buf *out)
{
    int64_t left = ctl_int(row, "working_days_left");
    char first[CTL_TIME_SIZE];
    char due[CTL_TIME_SIZE];

    if (ctl_at(row, "first_seen") == 0) {
        return;
    }
    ctl_time(ctl_at(row, "first_seen"), first);
    buf_printf(out, "  [first seen %.10s, ", first);
    if (ctl_at(row, "due") == 0) {
        buf_puts(out, "due on a day that the calendar does not cover]");
        return;
    }
    ctl_time(ctl_at(row, "due") - 1, due); /* the last day, not the midnight that ends it */
    buf_printf(out, "due by the end of %.10s, ", due);
    ctl_put_count(out, (uint64_t)(left < 0 ? -left : left), "working day");
    buf_puts(out, left < 0 ? " over]" : " left]");
}

static void put_difference(const struct json *d, const char *title, bool colour, struct buf *out)
{
    const struct json *rows = json_get(d, "procedures");
    uint64_t count = ctl_uint(d, "count");
    char text[96];

    (void)snprintf(text, sizeof(text), "%" PRIu64, count);
    ctl_put_column(out, title, 50);
    ctl_put_coloured(out, colour, count > 0 ? CTL_YELLOW : CTL_GREEN, text);
    buf_putc(out, '\n');
    for (const struct json *r = json_first(rows); r != NULL; r = json_next(r)) {
        buf_puts(out, "  ");
        ctl_put_column(out, ctl_str(r, "code"), 22);
        ctl_put_text(out, ctl_str(r, "name"));
        if (ctl_str(r, "note")[0] != '\0') {
            buf_puts(out, " (");
            ctl_put_text(out, ctl_str(r, "note"));
            buf_putc(out, ')');
        }
        put_clock(r, out);
        buf_putc(out, '\n');
    }
    if (count > json_size(rows)) {
        buf_printf(out, "  ... and %" PRIu64 " more: --limit\n", count - json_size(rows));
    }
}

static void put_calendar(const struct json *root, struct buf *out)
{
    const char *path = ctl_str(root, "calendar");

    buf_printf(out, "(overdue: not here after %" PRIu64 " working days; ",
               ctl_uint(root, "publish_days"));
    if (path[0] == '\0') {
        buf_puts(out, "no calendar is configured, so no holidays are counted");
    } else if (!ctl_true(root, "overdue_known")) {
        buf_puts(out, "NOT KNOWN: the calendar does not cover the last days");
    } else {
        buf_puts(out, "calendar ");
        ctl_put_text(out, path);
    }
    buf_puts(out, ")\n\n");
}

void ctl_view_agreement(const struct json *root, int64_t now_s, bool colour, struct buf *out)
{
    char at[CTL_TIME_SIZE];
    char age[CTL_AGE_SIZE];

    if (ctl_at(root, "read") == 0) {
        buf_puts(out, "The portal's catalogue has not been read yet: dvcsyncctl catalog read\n");
        return;
    }
    ctl_time(ctl_at(root, "read"), at);
    ctl_age(age_s(ctl_at(root, "read"), now_s), age);
    buf_printf(out, "Catalogue of the portal, read %s (%s ago)\n", at, age);
    ctl_put_count(out, ctl_uint(root, "portal"), "procedure");
    buf_printf(out, " at the portal, %" PRIu64 " here; ", ctl_uint(root, "local"));
    ctl_put_count(out, ctl_uint(root, "services"), "service");
    buf_puts(out, ", ");
    ctl_put_count(out, ctl_uint(root, "sectors"), "sector");
    buf_printf(out, ", %" PRIu64 " agenc%s\n\n", ctl_uint(root, "agencies"),
               ctl_uint(root, "agencies") == 1 ? "y" : "ies");
    ctl_put_column(out, "the portal's procedures that are the same here", 50);
    ctl_put_share(out, ctl_uint(root, "equal"), ctl_uint(root, "portal"));
    buf_putc(out, '\n');
    ctl_put_column(out, "procedures here that are the same at the portal", 50);
    ctl_put_share(out, ctl_uint(root, "equal"), ctl_uint(root, "local"));
    buf_puts(out, "\n(the same as far as the local product can hold it)\n");
    put_calendar(root, out);
    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        put_difference(json_get(json_get(root, "differences"), differences[i].key),
                       differences[i].title, colour, out);
    }
}

/* ---- events ---- */

static enum ctl_colour level_colour(const char *level)
{
    return strcmp(level, "error") == 0  ? CTL_RED
           : strcmp(level, "warn") == 0 ? CTL_YELLOW
                                        : CTL_PLAIN;
}

void ctl_view_events(const struct json *root, int64_t now_s, bool colour, struct buf *out)
{
    (void)now_s;
    if (ctl_true(root, "missed")) {
        buf_puts(out, "(some events are gone: the log has them)\n");
    }
    for (const struct json *e = json_first(json_get(root, "events")); e != NULL; e = json_next(e)) {
        const char *level = ctl_str(e, "level");
        char at[CTL_TIME_SIZE];
        char text[24];

        ctl_time(ctl_at(e, "at"), at);
        (void)snprintf(text, sizeof(text), "%-7.10s", level);
        buf_printf(out, "%s ", at);
        ctl_put_coloured(out, colour, level_colour(level), text);
        ctl_put_column(out, ctl_str(e, "kind"), 18);
        ctl_put_text(out, ctl_str(e, "text"));
        buf_putc(out, '\n');
    }
}
