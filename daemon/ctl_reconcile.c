/* ctl_reconcile: begins a reconciliation, waits for its end and writes its result. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/ctl.h"
#include "daemon/ctl_sheet.h"
#include "daemon/ctl_text.h"
#include "domain/difference.h"

#define TARGET_BYTES ((size_t)8192)
#define LOOK_S 1
/* The daemon may be started anew meanwhile: the reconciliation goes on by itself. */
#define AWAY_S 120

/* ---- asking ---- */

/* Quietly, whatever --json says. */
static int ask(struct ctl *c, const char *target, const char *body, struct json **out)
{
    bool json = c->json;
    int exit_code;

    c->json = false;
    exit_code = ctl_ask(c, target, body, CTL_TIMEOUT_MS, out);
    c->json = json;
    return exit_code;
}

/* How long it takes, on standard error: it may be days. */
static void tell_size(const struct json *root)
{
    uint64_t expected = ctl_uint(root, "expected");
    uint64_t rate = ctl_uint(root, "per_minute");
    char text[CTL_AGE_SIZE];

    if (expected <= 1) {
        return;
    }
    if (rate > 0) {
        ctl_age(expected * 60 / rate, text);
        fprintf(stderr, "About %" PRIu64 " dossiers, at %" PRIu64 " a minute about %s. ", expected,
                rate, text);
    } else {
        fprintf(stderr, "About %" PRIu64 " dossiers, as fast as the portal answers. ", expected);
    }
    fputs("It runs in the daemon; --cancel ends it.\n", stderr);
}

static int begin(struct ctl *c, const char *what, int64_t *id, struct json **out)
{
    struct ctl_body body;
    struct json *root = NULL;
    int exit_code;

    ctl_body_begin(&body);
    json_string(&body.w, "what", what);
    ctl_body_option(&body, c, CTL_SAMPLE, "sample");
    ctl_body_option(&body, c, CTL_MONTH, "month");
    ctl_body_option(&body, c, CTL_DOSSIER, "code");
    if (c->options[CTL_FIX] != NULL) {
        json_bool(&body.w, "fix", true);
    }
    if (c->options[CTL_YES] != NULL) {
        json_bool(&body.w, "yes", true);
    }
    exit_code = ask(c, "/v1/reconcile", ctl_body_end(&body), &root);
    *id = ctl_int(root, "id");
    *out = root;
    ctl_body_free(&body);
    return exit_code == CTL_WARNING ? CTL_BUSY : exit_code; /* 1 would mean differences */
}

static int read_page(struct ctl *c, int64_t id, const char *after, unsigned limit,
                     struct json **out)
{
    struct buf target;
    int exit_code;

    buf_init(&target, TARGET_BYTES);
    buf_printf(&target, "/v1/reconcile?id=%" PRId64 "&limit=%u&after=", id, limit);
    ctl_put_encoded(&target, after);
    exit_code = ask(c, buf_text(&target), NULL, out);
    buf_free(&target);
    return exit_code;
}

static uint64_t count_of(const struct json *root, const char *name)
{
    return ctl_uint(json_get(root, "counts"), name);
}

/* Those that are looked for once more too: at their first look they were compared. */
static uint64_t compared(const struct json *root)
{
    uint64_t n = ctl_uint(root, "absent");

    for (int d = 0; d < DIFFERENCES; d++) {
        n += count_of(root, difference_row((enum difference)d)->name);
    }
    return n;
}

static void tell_progress(const struct json *root)
{
    struct buf line;

    if (isatty(STDERR_FILENO) != 1) {
        return;
    }
    buf_init(&line, TARGET_BYTES);
    buf_printf(&line, "\r%" PRIu64 " compared, %" PRIu64 " agree, %" PRIu64 " at hand",
               compared(root), count_of(root, "agreed"), ctl_uint(root, "todo"));
    if (ctl_str(root, "trouble")[0] != '\0') {
        buf_puts(&line, "; ");
        ctl_put_text(&line, ctl_str(root, "trouble"));
    }
    fprintf(stderr, "%s\033[K", buf_text(&line));
    buf_free(&line);
}

/* Until it has ended, however often the daemon is started anew. */
static int wait_for_end(struct ctl *c, int64_t id)
{
    unsigned away_s = 0;

    for (;;) {
        struct ctl_reply reply;
        struct errmsg msg = {""};
        struct json *root = NULL;
        struct buf target;
        bool running = true;
        int err;

        buf_init(&target, TARGET_BYTES);
        buf_printf(&target, "/v1/reconcile?id=%" PRId64 "&limit=0", id);
        err = ctl_call(c, buf_text(&target), NULL, CTL_TIMEOUT_MS, &reply, &msg);
        buf_free(&target);
        if (err == 0 && reply.status == 200 &&
            json_parse(buf_text(&reply.body), reply.body.len, &root, &msg) == 0) {
            away_s = 0;
            running = ctl_true(root, "running");
            tell_progress(root);
        } else {
            away_s += LOOK_S;
        }
        json_free(root);
        ctl_reply_free(&reply);
        if (!running || away_s >= AWAY_S) {
            if (isatty(STDERR_FILENO) == 1) {
                fputc('\n', stderr);
            }
            return running ? ctl_explain(c, false, err != 0 ? err : ERR_TIMEOUT, &msg) : CTL_OK;
        }
        (void)sleep(LOOK_S);
    }
}

/* ---- the document ---- */

static void put_facts(struct sheet *s, const struct json *root)
{
    const char *state = ctl_true(root, "running")    ? "running"
                        : ctl_true(root, "canceled") ? "cancelled"
                        : ctl_true(root, "stopped")  ? "stopped"
                                                     : "ended";

    sheet_fact_number(s, "id", "Number", ctl_int(root, "id"));
    sheet_fact(s, "scope", "Scope", ctl_str(root, "scope"));
    sheet_fact(s, "state", "State", state);
    ctl_sheet_fact_time(s, "begun", "Begun", ctl_at(root, "begun"), "not yet");
    ctl_sheet_fact_time(s, "ended", "Ended", ctl_at(root, "ended"), "not yet");
    if (ctl_true(root, "running") && ctl_str(root, "trouble")[0] != '\0') {
        sheet_fact(s, "waits_for", "What it waits for", ctl_str(root, "trouble"));
    }
    sheet_fact(s, "fix", "Ordered with --fix", ctl_true(root, "fix") ? "yes" : "no");
    sheet_fact_number(s, "grace_seconds", "Grace time in seconds", ctl_int(root, "grace_s"));
    sheet_fact_number(s, "expected", "Dossiers, about", (int64_t)count_of(root, "expected"));
    if (ctl_true(root, "stopped")) {
        sheet_note(
            s, "",
            "Stopped: the portal does not find so many dossiers that it may be the portal, or "
            "agency_code, that is wrong. None of them was put in; all else was put right. Look "
            "one up at the portal; when they are lost indeed, the same with --fix --yes.");
    }
}

/* Kinds without any dossier are for programs. */
static bool shown(const struct sheet *s, int64_t n)
{
    return n > 0 || s->format == SHEET_CSV || s->format == SHEET_JSON;
}

static void put_kind(struct sheet *s, const char *name, const char *title, int64_t n, int64_t all)
{
    sheet_text(s, name);
    sheet_text(s, title);
    sheet_number(s, n);
    sheet_number(s, all);
    sheet_percent(s, n, all);
}

static void put_kinds(struct sheet *s, const struct json *root)
{
    static const struct sheet_column columns[] = {{"kind", "Kind", SHEET_WORDS},
                                                  {"title", "What it is", SHEET_WORDS},
                                                  {"dossiers", "Dossiers", SHEET_NUMBER},
                                                  {"compared", "Of compared", SHEET_NUMBER},
                                                  {"percent", "%", SHEET_NUMBER}};
    int64_t all = (int64_t)compared(root);
    int64_t absent = ctl_int(root, "absent");

    sheet_table(s, "agreement", "Agreement", columns, sizeof(columns) / sizeof(columns[0]));
    for (int d = 0; d < DIFFERENCES; d++) {
        const struct difference_row *row = difference_row((enum difference)d);
        int64_t n = (int64_t)count_of(root, row->name);

        if (shown(s, n)) {
            put_kind(s, row->name, row->title, n, all);
        }
    }
    if (absent > 0) {
        put_kind(s, "absent_once", "not found yet, looked for once more", absent, all);
        sheet_note(s, "absent_once",
                   "the portal did not find it at the first look; the second look decides whether "
                   "it is lost");
    }
    for (int d = 0; d < DIFFERENCES; d++) {
        const struct difference_row *row = difference_row((enum difference)d);

        if (shown(s, (int64_t)count_of(root, row->name))) {
            sheet_note(s, row->name, row->meaning);
        }
    }
    sheet_note(
        s, "percent",
        "numerator: dossiers of the kind; denominator: all that were compared. Held, waiting "
        "and not answered ones are in the denominator.");
    sheet_note(s, "",
               "TraCuuHoSo tells whether the portal has a dossier, and its status: that is what is "
               "compared with the portal, not the other fields.");
}

/* Each use of a tolerance. */
static void put_tolerances(struct sheet *s, const struct json *root)
{
    static const struct sheet_column columns[] = {{"tolerance", "Tolerance", SHEET_WORDS},
                                                  {"what", "What it is", SHEET_WORDS},
                                                  {"uses", "Used", SHEET_NUMBER}};
    static const struct {
        const char *head, *what;
    } heads[] = {{"grace:", "in grace, and would differ like this"},
                 {"pair:", "configured pair, delivered status / shown status"}};
    const struct json *counts = json_get(root, "counts");

    sheet_table(s, "tolerances", "Tolerances used", columns, 3);
    for (const struct json *n = json_first(counts); n != NULL; n = json_next(n)) {
        for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
            size_t len = strlen(heads[i].head);

            if (strncmp(json_key(n), heads[i].head, len) == 0) {
                sheet_text(s, json_key(n) + len);
                sheet_text(s, heads[i].what);
                sheet_number(s, ctl_int(counts, json_key(n)));
            }
        }
    }
}

static void put_asked(struct sheet *s, const struct json *root)
{
    static const struct sheet_column columns[] = {{"what", "What", SHEET_WORDS},
                                                  {"title", "What it is", SHEET_WORDS},
                                                  {"n", "Number", SHEET_NUMBER}};
    static const char *const rows[][2] = {
        {"portal_asked", "dossiers that the portal was asked for"},
        {"portal_not_asked", "not asked for: they wait to be delivered"},
        {"source_asked", "dossiers that a source told, or told to be gone"},
        {"source_last_told", "compared by what the source last told: it can't be asked for one"},
        {"source_unanswered", "the source could be asked and did not answer"},
        {"absent_once", "not found by the portal at the first look, and looked for once more"},
        {"given_up", "not compared: they changed each time, or the journal refused"},
        {"mended", "put right, or put in again to be delivered"},
        {"sources_unread", "sources that could not be read whole"},
        {"not_compared", "left out by a cancel"},
        {"not_kept", "differ, and are counted here but not listed"},
    };

    sheet_table(s, "asked", "How it was found out", columns, 3);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t n = (int64_t)count_of(root, rows[i][0]);

        if (shown(s, n)) {
            sheet_text(s, rows[i][0]);
            sheet_text(s, rows[i][1]);
            sheet_number(s, n);
        }
    }
}

static void put_status(struct sheet *s, const struct json *finding, const char *key)
{
    int64_t status = ctl_int(finding, key);

    if (status > 0) {
        sheet_number(s, status);
    } else {
        sheet_empty(s);
    }
}

static void put_finding(struct sheet *s, const struct json *f)
{
    sheet_text(s, ctl_str(f, "flow"));
    sheet_text(s, ctl_str(f, "code"));
    sheet_text(s, ctl_str(f, "kind"));
    sheet_text(s, ctl_str(f, "source"));
    put_status(s, f, "source_status");
    sheet_text(s, ctl_str(f, "journal"));
    put_status(s, f, "journal_status");
    sheet_text(s, ctl_str(f, "portal"));
    put_status(s, f, "portal_status");
    sheet_text(s, ctl_true(f, "mended") ? "yes" : "no");
    sheet_text(s, ctl_str(f, "note"));
}

/* All pages; root is the first. */
static int put_findings(struct sheet *s, struct ctl *c, const struct json *root)
{
    static const struct sheet_column columns[] = {
        {"flow", "Flow", SHEET_WORDS},
        {"code", "Dossier", SHEET_WORDS},
        {"kind", "Kind", SHEET_WORDS},
        {"source", "Source", SHEET_WORDS},
        {"source_status", "Status", SHEET_NUMBER},
        {"journal", "Journal", SHEET_WORDS},
        {"journal_status", "Delivered", SHEET_NUMBER},
        {"portal", "Portal", SHEET_WORDS},
        {"portal_status", "Shown", SHEET_NUMBER},
        {"put_right", "Put right", SHEET_WORDS},
        {"note", "What was done, or what is to be done", SHEET_WORDS},
    };
    const struct json *page = root;
    struct json *owned = NULL;
    int exit_code = CTL_OK;

    sheet_table(s, "dossiers", "Dossiers that do not agree", columns,
                sizeof(columns) / sizeof(columns[0]));
    while (page != NULL) {
        char next[128];

        for (const struct json *f = json_first(json_get(page, "findings")); f != NULL;
             f = json_next(f)) {
            put_finding(s, f);
        }
        (void)snprintf(next, sizeof(next), "%s", ctl_str(page, "next"));
        json_free(owned);
        owned = NULL;
        if (next[0] != '\0') {
            exit_code = read_page(c, ctl_int(root, "id"), next, 1000, &owned);
        }
        page = owned;
    }
    return exit_code;
}

/* 0: everything agrees, but for what is tolerated. */
static int verdict(const struct json *root)
{
    uint64_t fine = 0;

    for (int d = 0; d < DIFFERENCES; d++) {
        const struct difference_row *row = difference_row((enum difference)d);

        if (row->class == DIFFERENCE_AGREES || row->class == DIFFERENCE_TOLERABLE) {
            fine += count_of(root, row->name);
        }
    }
    return ctl_true(root, "stopped") ? CTL_CRITICAL
           : !ctl_true(root, "running") && !ctl_true(root, "canceled") && fine == compared(root)
               ? CTL_OK
               : CTL_WARNING;
}

static void put_side(struct buf *out, const struct json *f, const char *side, const char *status)
{
    buf_printf(out, "%s %s", side, ctl_str(f, side));
    if (ctl_int(f, status) > 0) {
        buf_printf(out, " (%" PRId64 ")", ctl_int(f, status));
    }
    buf_puts(out, ", ");
}

/* For people, of one dossier: a line, or one for each flow in which it does not agree. */
static int show_one(const struct json *root)
{
    const struct json *findings = json_get(root, "findings");
    struct buf out;

    buf_init(&out, CTL_TEXT_BYTES);
    if (json_first(findings) == NULL) {
        ctl_put_text(&out, ctl_str(root, "scope"));
        buf_puts(&out, ctl_true(root, "running")    ? ": is being compared"
                       : ctl_true(root, "canceled") ? ": cancelled"
                                                    : ": source, journal and portal agree");
        if (ctl_true(root, "running") && ctl_str(root, "trouble")[0] != '\0') {
            buf_puts(&out, "; ");
            ctl_put_text(&out, ctl_str(root, "trouble"));
        }
        buf_puts(&out, "\n");
    }
    for (const struct json *f = json_first(findings); f != NULL; f = json_next(f)) {
        const struct difference_row *row = NULL;

        for (int d = 0; d < DIFFERENCES; d++) {
            const struct difference_row *known = difference_row((enum difference)d);

            row = strcmp(known->name, ctl_str(f, "kind")) == 0 ? known : row;
        }
        ctl_put_text(&out, ctl_str(f, "code"));
        buf_puts(&out, " (");
        ctl_put_text(&out, ctl_str(f, "flow"));
        buf_printf(&out, "): %s: ", row != NULL ? row->title : ctl_str(f, "kind"));
        put_side(&out, f, "source", "source_status");
        put_side(&out, f, "journal", "journal_status");
        put_side(&out, f, "portal", "portal_status");
        buf_puts(&out, ctl_true(f, "mended") ? "put right: " : "");
        ctl_put_text(&out, ctl_str(f, "note"));
        buf_puts(&out, "\n");
    }
    return ctl_print(&out, verdict(root));
}

static int show(struct ctl *c, int64_t id, enum sheet_format format)
{
    struct json *root = NULL;
    struct sheet s;
    struct buf out;
    int exit_code = read_page(c, id, "", 1000, &root);

    if (exit_code != CTL_OK) {
        return exit_code == CTL_WARNING ? CTL_UNKNOWN : exit_code; /* there was none yet */
    }
    if (format == SHEET_TEXT && c->options[CTL_OUTPUT] == NULL &&
        strncmp(ctl_str(root, "scope"), "dossier ", 8) == 0) {
        exit_code = show_one(root);
        json_free(root);
        return exit_code;
    }
    buf_init(&out, CTL_TEXT_BYTES);
    sheet_begin(&s, format, "reconcile", "Reconciliation of dossiers", &out);
    put_facts(&s, root);
    put_kinds(&s, root);
    put_tolerances(&s, root);
    put_asked(&s, root);
    exit_code = put_findings(&s, c, root);
    exit_code = exit_code == CTL_OK ? ctl_sheet_output(c, &s, verdict(root))
                                    : ctl_sheet_drop(&s, exit_code);
    json_free(root);
    return exit_code;
}

/* ---- the verb ---- */

static int cancel(struct ctl *c, bool json)
{
    struct json *root = NULL;
    int exit_code = ask(c, "/v1/reconcile:cancel", "{}", &root);

    if (exit_code == CTL_OK && json) {
        puts("{\"schema\":1,\"done\":true}");
    } else if (exit_code == CTL_OK) {
        puts("Cancelled; what was found so far is kept: dvcsyncctl reconcile");
    }
    json_free(root);
    return exit_code;
}

static int run(struct ctl *c, const char *what, enum sheet_format format)
{
    struct json *root = NULL;
    int64_t id = 0;
    int exit_code = begin(c, what, &id, &root);

    if (exit_code == CTL_OK) {
        tell_size(root);
    }
    if (exit_code == CTL_OK && c->options[CTL_NO_WAIT] != NULL && format == SHEET_JSON) {
        printf("{\"schema\":1,\"id\":%" PRId64 ",\"expected\":%" PRIu64 ",\"per_minute\":%" PRIu64
               "}\n",
               id, ctl_uint(root, "expected"), ctl_uint(root, "per_minute"));
    } else if (exit_code == CTL_OK && c->options[CTL_NO_WAIT] != NULL) {
        printf("Reconciliation %" PRId64 " runs; dvcsyncctl reconcile shows how far it is.\n", id);
    } else if (exit_code == CTL_OK) {
        exit_code = wait_for_end(c, id);
        exit_code = exit_code == CTL_OK ? show(c, id, format) : exit_code;
    }
    json_free(root);
    return exit_code;
}

/* The one scope that is named; NULL none. */
static const char *scope_of(const struct ctl *c, int *n)
{
    static const struct {
        enum ctl_option option;
        const char *what;
    } scopes[] = {
        {CTL_SAMPLE, "sample"}, {CTL_OPEN, "open"}, {CTL_MONTH, "month"}, {CTL_DOSSIER, "dossier"}};
    const char *what = NULL;

    *n = 0;
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (c->options[scopes[i].option] != NULL) {
            what = scopes[i].what;
            (*n)++;
        }
    }
    return what;
}

int ctl_reconcile(struct ctl *c)
{
    enum sheet_format format;
    int exit_code = ctl_sheet_format(c, &format);
    int n;
    const char *what = scope_of(c, &n);

    if (exit_code != CTL_OK) {
        return exit_code;
    }
    if (n > 1 || (n > 0 && c->options[CTL_CANCEL] != NULL) ||
        (n == 0 && (c->options[CTL_FIX] != NULL || c->options[CTL_NO_WAIT] != NULL))) {
        return ctl_complain(CTL_USAGE,
                            "one of --sample N, --open, --month YYYY-MM, --dossier CODE; "
                            "or --cancel alone");
    }
    if (c->options[CTL_YES] != NULL && c->options[CTL_FIX] == NULL) {
        return ctl_complain(CTL_USAGE, "--yes is for --fix");
    }
    if (c->options[CTL_CANCEL] != NULL) {
        return cancel(c, format == SHEET_JSON);
    }
    return what == NULL ? show(c, 0, format) : run(c, what, format);
}
