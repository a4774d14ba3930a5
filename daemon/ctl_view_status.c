/* ctl_view_status: `status` and `check`. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/ctl.h"
#include "daemon/ctl_text.h"
#include "daemon/ctl_view.h"

#define NAME_WIDTH 14

static enum ctl_colour verdict_colour(const char *verdict)
{
    return strcmp(verdict, "ok") == 0        ? CTL_GREEN
           : strcmp(verdict, "failing") == 0 ? CTL_RED
                                             : CTL_YELLOW;
}

/* A line of words under a table's row; nothing when there is nothing to say. */
static void note(struct buf *out, const char *what, const char *text)
{
    if (text[0] != '\0') {
        buf_printf(out, "%*s%s", NAME_WIDTH, "", what);
        ctl_put_text(out, text);
        buf_putc(out, '\n');
    }
}

/* ---- status ---- */

static void put_head(const struct json *root, bool colour, struct buf *out)
{
    const struct json *config = json_get(root, "configuration");
    char at[CTL_TIME_SIZE];
    char age[CTL_AGE_SIZE];

    buf_puts(out, "dvcsyncd ");
    ctl_put_text(out, ctl_str(root, "version"));
    buf_puts(out, ": ");
    ctl_put_coloured(out, colour, verdict_colour(ctl_str(root, "verdict")),
                     ctl_str(root, "verdict"));
    buf_puts(out, ctl_true(root, "idle") ? ", idle\n" : "\n");
    for (const struct json *r = json_first(json_get(root, "reasons")); r != NULL;
         r = json_next(r)) {
        char digits[24];

        buf_puts(out, "  ");
        ctl_put_text(out, json_text_or_empty(r, digits));
        buf_putc(out, '\n');
    }
    ctl_time(ctl_at(root, "at"), at);
    ctl_age(ctl_uint(root, "uptime_s"), age);
    buf_printf(out, "%s, up %s, ", at, age);
    ctl_put_size(out, ctl_uint(root, "rss_kb") * 1024);
    ctl_time(ctl_at(config, "loaded"), at);
    buf_printf(out, ", configuration of %s\n", at);
    if (ctl_str(config, "reload_error")[0] != '\0') {
        buf_puts(out, "the last reload was refused: ");
        ctl_put_text(out, ctl_str(config, "reload_error"));
        buf_putc(out, '\n');
    }
}

static void put_flow_notes(const struct json *f, struct buf *out)
{
    char text[96];

    for (const struct json *h = json_first(json_get(f, "held")); h != NULL; h = json_next(h)) {
        int64_t n = 0;

        if (json_integer(h, &n) == 0) {
            (void)snprintf(text, sizeof(text), "%" PRId64 " %.60s", n, json_key(h));
            note(out, "held: ", text);
        }
    }
    if (ctl_uint(f, "behind_held") > 0) {
        char age[CTL_AGE_SIZE];

        ctl_age(ctl_uint(f, "behind_held_s"), age);
        (void)snprintf(text, sizeof(text),
                       "%" PRIu64 " waiting behind %" PRIu64 " held, the oldest %s",
                       ctl_uint(f, "behind_held"), ctl_uint(f, "held_items"), age);
        note(out, "", text);
    }
    if (ctl_uint(f, "owed") > 0) {
        (void)snprintf(text, sizeof(text), "%" PRIu64 " row%s of the source", ctl_uint(f, "owed"),
                       text_plural(ctl_uint(f, "owed")));
        note(out, "details owed: ", text);
    }
    if (ctl_true(f, "adopting")) {
        (void)snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64 " dossier%s looked up",
                       ctl_uint(f, "adopt_done"), ctl_uint(f, "adopt_total"),
                       text_plural(ctl_uint(f, "adopt_total")));
        note(out, "adopting: ", text);
    }
    if (ctl_at(f, "catalog_read") != 0) {
        ctl_time(ctl_at(f, "catalog_read"), text);
        note(out, "catalogue read ", text);
    }
    note(out, "trouble: ", ctl_str(f, "trouble"));
}

static void put_flow(const struct json *f, bool colour, struct buf *out)
{
    const char *mode = ctl_str(f, "mode");
    uint64_t held = ctl_uint(f, "held_items");
    uint64_t lag_s = ctl_uint(f, "lag_s");
    uint64_t behind_s = ctl_uint(f, "behind_held_s");
    char text[CTL_AGE_SIZE];
    char at[CTL_TIME_SIZE];

    ctl_put_column(out, ctl_str(f, "name"), NAME_WIDTH);
    ctl_put_column(out, mode, 9);
    (void)snprintf(text, sizeof(text), "%8" PRIu64 " ", ctl_uint(f, "waiting"));
    buf_puts(out, text);
    (void)snprintf(text, sizeof(text), "%6" PRIu64, held);
    ctl_put_coloured(out, colour, held > 0 ? CTL_YELLOW : CTL_PLAIN, text);
    if (lag_s > 0 || ctl_at(f, "oldest") != 0 || ctl_at(f, "behind_held_oldest") != 0) {
        ctl_age(lag_s > behind_s ? lag_s : behind_s, text);
    } else {
        (void)snprintf(text, sizeof(text), "-");
    }
    ctl_time(ctl_at(f, "last_delivery"), at);
    buf_printf(out, " %8s %10" PRIu64 "  %s", text, ctl_uint(f, "delivered"), at);
    buf_puts(out, ctl_true(f, "sweeping") ? "  polling\n" : "\n");
    put_flow_notes(f, out);
}

/* What a gateway, a spool or a receiver counts: stale answers, files put aside... */
static void put_endpoint_notes(const struct json *e, struct buf *out)
{
    const char *between = "              ";

    for (const struct json *n = json_first(json_get(e, "notes")); n != NULL; n = json_next(n)) {
        int64_t value = 0;

        if (json_integer(n, &value) != 0 || value <= 0) {
            continue;
        }
        buf_puts(out, between);
        for (const char *p = json_key(n); *p != '\0'; p++) {
            buf_putc(out, *p == '_' ? ' ' : *p);
        }
        buf_printf(out, ": %" PRId64, value);
        between = ", ";
    }
    buf_puts(out, between[0] == ',' ? "\n" : "");
}

static void put_endpoint(const struct json *e, bool colour, struct buf *out)
{
    const char *breaker = ctl_str(e, "breaker");
    bool paused = ctl_true(e, "paused");
    bool refused = ctl_uint(e, "logins_refused") > 0;
    bool up = !paused && !refused && strcmp(breaker, "closed") == 0;
    char at[CTL_TIME_SIZE];

    ctl_put_column(out, ctl_str(e, "name"), NAME_WIDTH);
    ctl_put_coloured(out, colour, up ? CTL_GREEN : CTL_RED,
                     paused    ? "paused   "
                     : refused ? "refused  "
                     : up      ? "up       "
                               : "down     ");
    ctl_time(ctl_at(e, "last_success"), at);
    buf_printf(out, "%8" PRIu64 " %6" PRIu64 " %8" PRIu64 " %10" PRIu64 "  %s\n",
               ctl_uint(e, "in_flight"), ctl_uint(e, "window"), ctl_uint(e, "failures"),
               ctl_uint(e, "calls"), at);
    if (paused) {
        char text[300];

        ctl_time(ctl_at(e, "paused_since"), at);
        (void)snprintf(text, sizeof(text), "since %s: %.220s", at, ctl_str(e, "pause_reason"));
        note(out, "paused ", text);
    } else if (!up) {
        if (strcmp(breaker, "closed") != 0) {
            ctl_time(ctl_at(e, "open_until"), at);
            note(out, "tried again at ", at);
        }
        note(out, refused ? "login refused: " : "last failure: ", ctl_str(e, "last_failure_text"));
    }
    put_endpoint_notes(e, out);
}

static void put_journal(const struct json *j, bool colour, struct buf *out)
{
    const struct json *restored = json_get(j, "restored");
    bool fine = strcmp(ctl_str(j, "condition"), "ok") == 0;

    buf_puts(out, "\njournal: ");
    ctl_put_coloured(out, colour, fine ? CTL_GREEN : CTL_RED, ctl_str(j, "condition"));
    if (!fine) {
        buf_puts(out, " (");
        ctl_put_text(out, ctl_str(j, "text"));
        buf_putc(out, ')');
    }
    buf_puts(out, ", ");
    ctl_put_size(out, ctl_uint(j, "file_bytes"));
    buf_puts(out, ", log ");
    ctl_put_size(out, ctl_uint(j, "wal_bytes"));
    buf_puts(out, ", free ");
    ctl_put_size(out, ctl_uint(j, "free_bytes"));
    buf_puts(out, ctl_true(j, "window_full") ? ", window full\n" : "\n");
    if (ctl_at(restored, "at") != 0) {
        char at[CTL_TIME_SIZE];
        char copied[CTL_TIME_SIZE];

        ctl_time(ctl_at(restored, "at"), at);
        ctl_time(ctl_at(restored, "copied"), copied);
        buf_printf(out, "  put back %s from a copy of %s (", at, copied);
        ctl_put_text(out, ctl_str(restored, "from"));
        buf_puts(out, "): what was told before is in doubt\n");
    }
}

/* While it runs; the result is another verb's. */
static void put_reconcile(const struct json *r, struct buf *out)
{
    if (!ctl_true(r, "running")) {
        return;
    }
    buf_puts(out, "\nreconciliation of ");
    ctl_put_text(out, ctl_str(r, "scope"));
    buf_printf(out, ": %" PRIu64 " compared, %" PRIu64 " differ or are not known",
               ctl_uint(r, "compared"), ctl_uint(r, "differences"));
    buf_puts(out, ctl_true(r, "reading_sources") ? "; the sources are read\n" : "\n");
    note(out, "waits: ", ctl_str(r, "trouble"));
}

/* What working days and hours tell; nothing where nothing is wrong. */
static void put_deadlines(const struct json *d, bool colour, struct buf *out)
{
    char text[96];

    if (d == NULL) {
        return;
    }
    if (ctl_uint(d, "at_risk") > 0) {
        (void)snprintf(text, sizeof(text), "%" PRIu64 " at risk", ctl_uint(d, "at_risk"));
        buf_puts(out, "\ndossiers promised soon and not delivered: ");
        ctl_put_coloured(out, colour, CTL_YELLOW, text);
        buf_puts(out, "; dvcsyncctl risk\n");
    }
    if (ctl_uint(d, "silent") > 0) {
        (void)snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64, ctl_uint(d, "silent"),
                       ctl_uint(d, "agencies"));
        buf_puts(out, "\nsilent agencies: ");
        ctl_put_coloured(out, colour, CTL_YELLOW, text);
        buf_puts(out, "; dvcsyncctl silent\n");
    }
    if (ctl_str(d, "calendar")[0] != '\0' && !ctl_true(d, "calendar_covers_today")) {
        buf_puts(out, "\ncalendar ");
        ctl_put_text(out, ctl_str(d, "calendar"));
        buf_puts(out, " does not cover today: working days and hours are not known\n");
    }
}

void ctl_view_status(const struct json *root, int64_t now_s, bool colour, struct buf *out)
{
    (void)now_s; /* the answer has its own */
    put_head(root, colour, out);
    buf_printf(out, "\n%-*s%-9s%8s %6s %8s %10s  %s\n", NAME_WIDTH, "flow", "mode", "waiting",
               "held", "oldest", "delivered", "last delivery");
    for (const struct json *f = json_first(json_get(root, "flows")); f != NULL; f = json_next(f)) {
        put_flow(f, colour, out);
    }
    buf_printf(out, "\n%-*s%-9s%8s %6s %8s %10s  %s\n", NAME_WIDTH, "endpoint", "state", "calling",
               "window", "failures", "calls", "last success");
    for (const struct json *e = json_first(json_get(root, "endpoints")); e != NULL;
         e = json_next(e)) {
        put_endpoint(e, colour, out);
    }
    put_deadlines(json_get(root, "deadlines"), colour, out);
    put_reconcile(json_get(root, "reconcile"), out);
    put_journal(json_get(root, "journal"), colour, out);
    if (ctl_uint(root, "orphaned") > 0) {
        ctl_put_count(out, ctl_uint(root, "orphaned"), "item");
        buf_puts(out, " of flows that are no longer configured\n");
    }
}

/* ---- check ---- */

struct check {
    struct buf *reasons; /* "; " between */
    struct buf *data;
    int level;
    uint64_t warn_age_s, crit_age_s;
};

static void worse(struct check *k, int level, const char *who, const char *what)
{
    char text[300];

    (void)snprintf(text, sizeof(text), "%.60s%s%.200s", who, who[0] != '\0' ? ": " : "", what);
    for (char *p = strchr(text, '|'); p != NULL; p = strchr(p, '|')) {
        *p = '/'; /* what follows a bar is numbers to the reader */
    }
    k->level = level > k->level ? level : k->level;
    buf_puts(k->reasons, k->reasons->len > 0 ? "; " : "");
    ctl_put_text(k->reasons, text);
}

static void check_flow(struct check *k, const struct json *f)
{
    const char *name = ctl_str(f, "name");
    bool live = strcmp(ctl_str(f, "mode"), "live") == 0;
    uint64_t lag_s = live ? ctl_uint(f, "lag_s") : 0;
    uint64_t held = ctl_uint(f, "held_items");
    char age[CTL_AGE_SIZE];
    char text[64];

    if (held > 0) {
        int n = snprintf(text, sizeof(text), "%" PRIu64 " held", held);

        if (ctl_uint(f, "behind_held") > 0) {
            (void)snprintf(text + n, sizeof(text) - (size_t)n, ", %" PRIu64 " waiting behind",
                           ctl_uint(f, "behind_held"));
        }
        worse(k, CTL_WARNING, name, text);
    }
    if (lag_s >= k->warn_age_s) {
        ctl_age(lag_s, age);
        (void)snprintf(text, sizeof(text), "oldest %s", age);
        worse(k, lag_s >= k->crit_age_s ? CTL_CRITICAL : CTL_WARNING, name, text);
    }
    if (ctl_str(f, "trouble")[0] != '\0') {
        worse(k, CTL_WARNING, name, ctl_str(f, "trouble"));
    }
    buf_puts(k->data, " '");
    ctl_put_text(k->data, name);
    buf_printf(k->data, "_waiting'=%" PRIu64 " '", ctl_uint(f, "waiting"));
    ctl_put_text(k->data, name);
    buf_printf(k->data, "_held'=%" PRIu64 " '", held);
    ctl_put_text(k->data, name);
    buf_printf(k->data, "_oldest'=%" PRIu64 "s;%" PRIu64 ";%" PRIu64 ";0 '", lag_s, k->warn_age_s,
               k->crit_age_s);
    ctl_put_text(k->data, name);
    buf_printf(k->data, "_delivered'=%" PRIu64 "c", ctl_uint(f, "delivered"));
}

/* In our words only: a peer's may hold anything. */
static void check_login(struct check *k, const char *name)
{
    char text[200];

    (void)snprintf(text, sizeof(text),
                   "login refused; correct username and password (dvcsyncctl status shows what it "
                   "says), then: dvcsyncctl resume %.40s",
                   name);
    worse(k, CTL_WARNING, name, text);
}

static void check_endpoint(struct check *k, const struct json *e)
{
    if (ctl_uint(e, "logins_refused") > 0) {
        check_login(k, ctl_str(e, "name"));
    }
    if (ctl_true(e, "paused")) {
        worse(k, CTL_CRITICAL, ctl_str(e, "name"), "paused");
    } else if (strcmp(ctl_str(e, "breaker"), "closed") != 0) {
        worse(k, CTL_WARNING, ctl_str(e, "name"), "does not answer");
    }
}

static void check_process(struct check *k, const struct json *root)
{
    const struct json *j = json_get(root, "journal");

    if (strcmp(ctl_str(j, "condition"), "ok") != 0) {
        worse(k, CTL_CRITICAL, "journal",
              ctl_str(j, "text")[0] != '\0' ? ctl_str(j, "text") : ctl_str(j, "condition"));
    }
    if (ctl_str(json_get(root, "configuration"), "reload_error")[0] != '\0') {
        worse(k, CTL_WARNING, "", "the last reload was refused");
    }
    if (ctl_uint(json_get(root, "deadlines"), "at_risk") > 0) {
        worse(k, CTL_WARNING, "", "dossiers at risk; dvcsyncctl risk");
    }
    if (ctl_uint(root, "orphaned") > 0) {
        worse(k, CTL_WARNING, "", "items of flows that are no longer configured");
    }
    if (!ctl_true(root, "ready")) {
        worse(k, CTL_CRITICAL, "", "not ready");
    }
    buf_printf(k->data, " journal=%" PRIu64 "B journal_free=%" PRIu64 "B",
               ctl_uint(j, "file_bytes"), ctl_uint(j, "free_bytes"));
}

int ctl_view_check(const struct json *root, uint64_t warn_age_s, uint64_t crit_age_s,
                   struct buf *out)
{
    static const char *const words[] = {"OK", "WARNING", "CRITICAL"};
    const char *verdict = ctl_str(root, "verdict");
    struct buf reasons;
    struct buf data;
    struct check k = {&reasons, &data, CTL_OK, warn_age_s, crit_age_s};

    if (verdict[0] == '\0' || !json_is_array(json_get(root, "flows"))) {
        buf_puts(out, "DVCSYNC UNKNOWN - the answer is not a status\n");
        return CTL_UNKNOWN;
    }
    buf_init(&reasons, CTL_TEXT_BYTES);
    buf_init(&data, CTL_TEXT_BYTES);
    check_process(&k, root);
    for (const struct json *e = json_first(json_get(root, "endpoints")); e != NULL;
         e = json_next(e)) {
        check_endpoint(&k, e);
    }
    for (const struct json *f = json_first(json_get(root, "flows")); f != NULL; f = json_next(f)) {
        check_flow(&k, f);
    }
    /* How bad an age is, is for the thresholds to say; for the rest the daemon knows best. */
    if (k.level == CTL_OK && strcmp(verdict, "ok") != 0) {
        worse(&k, CTL_WARNING, "", verdict);
    }
    buf_printf(out, "DVCSYNC %s - %s |%s\n", words[k.level],
               reasons.len > 0 ? buf_text(&reasons) : "all flows run", buf_text(&data));
    buf_free(&reasons);
    buf_free(&data);
    return k.level;
}
