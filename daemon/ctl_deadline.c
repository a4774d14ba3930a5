/* ctl_deadline: what working days and hours are watched for, from the journal's file: dvcsyncctl
 * risk and silent. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/ctl_sheet.h"
#include "daemon/ctl_text.h"
#include "domain/calendar.h"
#include "domain/term.h"
#include "journal/risk.h"
#include "journal/silence.h"

#define ROWS_MAX 10000

/* What both verbs begin with. */
struct deadline_report {
    const struct config *config;
    int64_t now_s;
    uint64_t n; /* working hours or days */
    struct buf path;
    struct buf out;
    struct sheet sheet;
    uint64_t rows, left_out; /* shown; beyond ROWS_MAX */
    uint64_t counts[2];      /* ahead, passed; silent, closed */
    uint64_t unknown;        /* that the calendar does not cover */
    uint64_t held;           /* at risk or passed, and for a person */
    uint64_t other_flows;
    uint64_t agencies;
};

static int begin(struct ctl *c, struct deadline_report *r, enum ctl_option option, uint64_t max,
                 enum sheet_format *format)
{
    const char *given = c->options[option];
    int exit_code = ctl_sheet_format(c, format);

    buf_init(&r->path, 1); /* until there is one */
    if (exit_code != CTL_OK) {
        return exit_code;
    }
    if (given != NULL && ctl_number(given, 1, max, &r->n) != 0) {
        return ctl_complain(CTL_USAGE, "--%s %s: a number from 1 to %" PRIu64 " is wanted",
                            option == CTL_HOURS ? "hours" : "days", given, max);
    }
    exit_code = ctl_need_config(c);
    if (exit_code != CTL_OK) {
        return exit_code;
    }
    r->config = c->config;
    r->now_s = (int64_t)time(NULL);
    return ctl_find_journal(c, &r->path);
}

static void put_calendar(struct deadline_report *r)
{
    const struct calendar *cal = r->config->calendar;
    bool plain = calendar_is_plain(cal);

    sheet_fact(&r->sheet, "calendar", "Calendar",
               plain ? "Monday to Friday, no holidays: none is configured" : calendar_path(cal));
}

/* Dossiers on their way to the portal, and sent: others can't be late. */
static bool counts(const struct deadline_report *r, const char *flow)
{
    const struct config_flow *f = config_flow_find(r->config, flow);

    return f != NULL && f->kind == FLOW_DOSSIERS && f->mode == FLOW_LIVE;
}

static int finish(struct ctl *c, struct deadline_report *r, int err, const struct errmsg *msg)
{
    if (err != 0) {
        return ctl_sheet_drop(&r->sheet, ctl_sheet_failed(err, msg));
    }
    if (r->left_out > 0) {
        char text[96];

        (void)snprintf(text, sizeof(text), "%" PRIu64 " rows more are not shown", r->left_out);
        sheet_note(&r->sheet, "", text);
    }
    return ctl_sheet_output(c, &r->sheet, r->counts[0] > 0 ? CTL_WARNING : CTL_OK);
}

/* ---- risk ---- */

/* Working time until a date, "-" in front when it is over. */
static void put_left(struct deadline_report *r, int64_t at_s)
{
    char age[CTL_AGE_SIZE];
    char text[CTL_AGE_SIZE + 1];
    int64_t left_s;

    if (calendar_seconds_between(r->config->calendar, r->now_s, at_s, &left_s) != 0) {
        sheet_text(&r->sheet, "not covered");
    } else if (r->sheet.format == SHEET_CSV || r->sheet.format == SHEET_JSON) {
        sheet_number(&r->sheet, left_s);
    } else {
        ctl_age((uint64_t)(left_s < 0 ? -left_s : left_s), age);
        (void)snprintf(text, sizeof(text), "%s%s", left_s < 0 ? "-" : "", age);
        sheet_text(&r->sheet, text);
    }
}

static void put_status(struct sheet *s, int status)
{
    if (status > 0) {
        sheet_number(s, status);
    } else {
        sheet_empty(s);
    }
}

static int on_risk(void *ctx, const struct risk_row *row)
{
    struct deadline_report *r = ctx;
    uint64_t now_ms = (uint64_t)r->now_s * 1000;

    if (!counts(r, row->flow)) {
        r->other_flows++;
        return 0;
    }
    r->counts[row->risk == RISK_PASSED]++;
    r->held += row->hold != HOLD_NONE;
    if (r->rows == ROWS_MAX) {
        r->left_out++;
        return 0;
    }
    r->rows++;
    sheet_text(&r->sheet, row->code);
    sheet_text(&r->sheet, row->risk == RISK_PASSED ? "passed" : "at_risk");
    ctl_sheet_time(&r->sheet, row->promised_s);
    put_left(r, row->promised_s);
    put_status(&r->sheet, row->status);
    put_status(&r->sheet, row->acked_status);
    ctl_sheet_age(&r->sheet, now_ms > row->since_ms ? (now_ms - row->since_ms) / 1000 : 0);
    sheet_number(&r->sheet, (int64_t)row->open);
    sheet_text(&r->sheet, row->hold != HOLD_NONE ? hold_why_name(row->hold) : "");
    sheet_text(&r->sheet, row->agency);
    sheet_text(&r->sheet, row->flow);
    return 0;
}

static void begin_risk(struct deadline_report *r, enum sheet_format format, int64_t horizon_s)
{
    static const struct sheet_column columns[] = {
        {"code", "Code", SHEET_WORDS},          {"kind", "Kind", SHEET_WORDS},
        {"promised", "Promised", SHEET_WORDS},  {"left_s", "Left", SHEET_NUMBER},
        {"status", "Status", SHEET_NUMBER},     {"acknowledged", "Acknowledged", SHEET_NUMBER},
        {"waiting_s", "Waiting", SHEET_NUMBER}, {"open", "Open", SHEET_NUMBER},
        {"held", "Held", SHEET_WORDS},          {"agency", "Agency", SHEET_WORDS},
        {"flow", "Flow", SHEET_WORDS},
    };

    buf_init(&r->out, CTL_TEXT_BYTES);
    sheet_begin(&r->sheet, format, "risk", "Dossiers at risk", &r->out);
    put_calendar(r);
    sheet_fact_number(&r->sheet, "hours", "Working hours", (int64_t)r->n);
    ctl_sheet_fact_time(&r->sheet, "horizon", "They end at", horizon_s, "never");
    sheet_table(&r->sheet, "dossiers", "Dossiers", columns, sizeof(columns) / sizeof(columns[0]));
}

static void end_risk(struct deadline_report *r)
{
    char text[160];

    sheet_note(&r->sheet, "at_risk",
               "promised before the working hours end, and something that was stored before the "
               "promised date and at least 5 minutes ago is not acknowledged");
    sheet_note(&r->sheet, "passed", "the same, and the promised date went by meanwhile");
    sheet_note(&r->sheet, "Left", "working time until the promised date");
    sheet_note(&r->sheet, "Status", "national, of the newest state");
    sheet_note(&r->sheet, "Acknowledged", "the status that the portal acknowledged last");
    sheet_note(&r->sheet, "Open", "snapshots and steps that are not acknowledged");
    (void)snprintf(text, sizeof(text), "%" PRIu64 " at risk, %" PRIu64 " passed", r->counts[0],
                   r->counts[1]);
    sheet_note(&r->sheet, "", text);
    if (r->held > 0) {
        (void)snprintf(text, sizeof(text),
                       "%" PRIu64 " of them are held, or wait behind something held, until a "
                       "person decides: dvcsyncctl queue --state held",
                       r->held);
        sheet_note(&r->sheet, "", text);
    }
    if (r->other_flows > 0) {
        (void)snprintf(text, sizeof(text),
                       "%" PRIu64 " in flows that send nothing to the portal now are not counted",
                       r->other_flows);
        sheet_note(&r->sheet, "", text);
    }
}

int ctl_risk(struct ctl *c)
{
    struct deadline_report *r = calloc(1, sizeof(*r));
    enum sheet_format format = SHEET_TEXT;
    struct errmsg msg = {""};
    int64_t horizon_s = 0;
    int exit_code;

    if (r == NULL) {
        return ctl_complain(CTL_UNKNOWN, "out of memory");
    }
    exit_code = begin(c, r, CTL_HOURS, 80, &format);
    if (exit_code == CTL_OK && r->n == 0) {
        r->n = r->config->risk_hours;
    }
    if (exit_code == CTL_OK && r->n == 0) {
        exit_code = ctl_complain(CTL_USAGE, "risk_hours is 0: off; say --hours N");
    } else if (exit_code == CTL_OK && calendar_add_seconds(r->config->calendar, r->now_s,
                                                           (int64_t)r->n * 3600, &horizon_s) != 0) {
        exit_code =
            ctl_complain(CTL_UNKNOWN, "%s does not cover the next %" PRIu64 " working hours",
                         calendar_path(r->config->calendar), r->n);
    } else if (exit_code == CTL_OK) {
        int err;

        begin_risk(r, format, horizon_s);
        err = risk_list(buf_text(&r->path), horizon_s, (uint64_t)r->now_s * 1000, on_risk, r, &msg);
        end_risk(r);
        exit_code = finish(c, r, err, &msg);
    }
    buf_free(&r->path);
    free(r);
    return exit_code;
}

/* ---- silent ---- */

static int on_agency(void *ctx, const struct silence_agency *agency, const char *name)
{
    struct deadline_report *r = ctx;
    int64_t seen_s = (int64_t)(agency->seen_ms / 1000);
    uint64_t silent_s = r->now_s > seen_s ? (uint64_t)(r->now_s - seen_s) : 0;
    struct term term;
    bool closed;

    r->agencies++;
    term_read(r->config->calendar, seen_s, (int)r->n, r->now_s, &term);
    closed = silent_s > r->config->silent_until_ms / 1000;
    if (!closed && !term.known) {
        r->unknown++;
        return 0;
    }
    if (!closed && !term.over) {
        return 0;
    }
    r->counts[closed]++;
    r->rows++;
    sheet_text(&r->sheet, agency->code);
    sheet_text(&r->sheet, name);
    sheet_text(&r->sheet, closed ? "closed" : "silent");
    ctl_sheet_time(&r->sheet, seen_s);
    ctl_sheet_age(&r->sheet, silent_s);
    return 0;
}

static void begin_silent(struct deadline_report *r, enum sheet_format format)
{
    static const struct sheet_column columns[] = {
        {"agency", "Agency", SHEET_WORDS}, {"name", "Name", SHEET_WORDS},
        {"kind", "Kind", SHEET_WORDS},     {"last_sent", "Last sent", SHEET_WORDS},
        {"silent_s", "For", SHEET_NUMBER},
    };

    buf_init(&r->out, CTL_TEXT_BYTES);
    sheet_begin(&r->sheet, format, "silent", "Silent agencies", &r->out);
    put_calendar(r);
    sheet_fact_number(&r->sheet, "days", "Working days", (int64_t)r->n);
    sheet_table(&r->sheet, "agencies", "Agencies", columns, sizeof(columns) / sizeof(columns[0]));
}

static void end_silent(struct deadline_report *r)
{
    char text[160];

    sheet_note(&r->sheet, "silent",
               "so many whole working days went by after the day on which the journal stored the "
               "agency's last new or changed dossier or step");
    sheet_note(&r->sheet, "closed",
               "the same for longer than silent_until: taken for closed, not counted");
    (void)snprintf(text, sizeof(text),
                   "%" PRIu64 " silent of %" PRIu64 " agencies that have sent before; %" PRIu64
                   " taken for closed",
                   r->counts[0], r->agencies, r->counts[1]);
    sheet_note(&r->sheet, "", text);
    if (r->unknown > 0) {
        (void)snprintf(text, sizeof(text),
                       "of %" PRIu64 " it is not known: the calendar does not cover the days",
                       r->unknown);
        sheet_note(&r->sheet, "", text);
    }
}

static int list_silent(struct deadline_report *r, struct errmsg *msg)
{
    const char *flows[CONFIG_MAX_FLOWS];
    size_t n = 0;

    for (size_t i = 0; i < r->config->n_flows; i++) {
        if (r->config->flows[i].kind == FLOW_DOSSIERS) {
            flows[n] = r->config->flows[i].name;
            n++;
        }
    }
    return silence_list(buf_text(&r->path), flows, n, on_agency, r, msg);
}

int ctl_silent(struct ctl *c)
{
    struct deadline_report *r = calloc(1, sizeof(*r));
    enum sheet_format format = SHEET_TEXT;
    struct errmsg msg = {""};
    int exit_code;

    if (r == NULL) {
        return ctl_complain(CTL_UNKNOWN, "out of memory");
    }
    exit_code = begin(c, r, CTL_DAYS, 60, &format);
    if (exit_code == CTL_OK && r->n == 0) {
        r->n = r->config->silent_days;
    }
    if (exit_code == CTL_OK && r->n == 0) {
        exit_code = ctl_complain(CTL_USAGE, "silent_days is 0: off; say --days N");
    } else if (exit_code == CTL_OK) {
        int err;

        begin_silent(r, format);
        err = list_silent(r, &msg);
        end_silent(r);
        exit_code = finish(c, r, err, &msg);
    }
    buf_free(&r->path);
    free(r);
    return exit_code;
}
