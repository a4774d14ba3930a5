/* ctl_report: `report`: the figures of a month, from the journal's file. Needs no daemon. */
#include "daemon/ctl_report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/ctl_sheet.h"

#define ARENA_BYTES ((size_t)128 << 20)

static int parse_by(const char *word, enum report_by *out)
{
    static const char *const words[] = {[REPORT_BY_LEVEL] = "level",
                                        [REPORT_BY_AGENCY] = "agency",
                                        [REPORT_BY_PROCEDURE] = "procedure",
                                        [REPORT_BY_SECTOR] = "sector"};

    for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = (enum report_by)i;
            return 0;
        }
    }
    return word == NULL ? 0 : ERR_NOTFOUND;
}

static int read_options(struct ctl *c, struct report *r, enum sheet_format *format)
{
    const char *month = c->options[CTL_MONTH];
    int exit_code = ctl_sheet_format(c, format);

    if (exit_code != CTL_OK) {
        return exit_code;
    }
    if (month == NULL || month_parse(month, &r->month) != 0) {
        return ctl_complain(CTL_USAGE, "--month YYYY-MM is needed, 2026-10 for example");
    }
    if (r->month.from_s > r->now_s) {
        return ctl_complain(CTL_USAGE, "--month %s has not begun", month);
    }
    if (parse_by(c->options[CTL_BY], &r->by) != 0) {
        return ctl_complain(CTL_USAGE, "--by %s: agency, level, procedure and sector are known",
                            c->options[CTL_BY]);
    }
    return CTL_OK;
}

/* The latest start_from of the flows that count first: of the live ones, where there are any, which
 * stand in front. 0: all are read from the first dossier on. */
static int64_t latest_start_s(const struct report *r)
{
    int64_t at_s = 0;
    bool live = false;

    for (size_t i = 0; i < r->n_flows; i++) {
        const struct config_flow *flow = config_flow_find(r->config, r->flows[i]);

        if (live && flow->mode != FLOW_LIVE) {
            break;
        }
        live = flow->mode == FLOW_LIVE;
        at_s = flow->start_from_s > at_s ? flow->start_from_s : at_s;
    }
    return at_s;
}

/* The month, or a part of it, lies before what the journal can know: its zeros mean nothing. In a
 * month that was over when the journal began, the first receipt is where the source began to tell.
 */
static bool before_begin(const struct report *r)
{
    bool over = r->month.until_s <= r->begin.began_s;

    return r->begin.received_s == 0 || r->month.until_s <= r->begin.received_s ||
           (over && r->month.from_s < r->begin.received_s) || r->month.from_s < latest_start_s(r);
}

static void put_flows(const struct report *r, struct sheet *s)
{
    for (size_t i = 0; i < r->n_flows; i++) {
        sheet_note(s, "flow", r->flows[i]);
        if (config_flow_find(r->config, r->flows[i])->mode != FLOW_LIVE) {
            sheet_note(s, r->flows[i], "sends nothing now");
        }
    }
}

static void put_head(const struct report *r, struct sheet *s)
{
    sheet_fact(s, "month", "Month", r->month.name);
    ctl_sheet_fact_time(s, "made_at", "Made at", r->now_s, "never");
    sheet_fact(s, "complete", "The month is over", r->now_s >= r->month.until_s ? "yes" : "no");
    ctl_sheet_fact_time(s, "journal_began", "The journal began", r->begin.began_s, "never");
    ctl_sheet_fact_time(s, "first_receipt", "First receipt that it knows", r->begin.received_s,
                        "never");
    sheet_fact_number(s, "without_figures", "Dossiers without figures, not counted", r->begin.bare);
    put_flows(r, s);
    if (before_begin(r)) {
        sheet_note(s, "",
                   "THIS MONTH BEGAN BEFORE WHAT THE JOURNAL KNOWS (first receipt, start_from of "
                   "the flows): its numbers are too low, and its zeros say nothing.");
    }
    sheet_note(s, "",
               "Counted from the journal, by the dates that the sources tell, in Vietnam's time. "
               "What a source tells later changes what is counted for a month that is over. Of "
               "what lies before the journal began, only what the sources still told is known.");
    if (r->begin.bare > 0) {
        sheet_note(s, "without_figures",
                   "stored by an older version that kept no figures, their content gone since, or "
                   "known by their steps alone");
    }
    if (r->procedures.n == 0) {
        sheet_note(s, "",
                   "The catalogue was never read: levels of agencies and services are not known.");
    }
}

static int show(struct ctl *c, const struct report *r, enum sheet_format format)
{
    struct sheet s;
    struct buf out;

    buf_init(&out, CTL_TEXT_BYTES);
    sheet_begin(&s, format, "report", "Figures of the month", &out);
    put_head(r, &s);
    report_tables(r, &s);
    return ctl_sheet_output(c, &s, before_begin(r) ? CTL_WARNING : CTL_OK);
}

int ctl_report(struct ctl *c)
{
    struct report *r = calloc(1, sizeof(*r));
    enum sheet_format format;
    struct buf path;
    int exit_code;
    int err;

    if (r == NULL) {
        return ctl_complain(CTL_UNKNOWN, "out of memory");
    }
    arena_init(&r->arena, ARENA_BYTES);
    buf_init(&path, 1); /* until there is one */
    r->now_s = (int64_t)time(NULL);
    exit_code = read_options(c, r, &format);
    if (exit_code == CTL_OK) {
        exit_code = ctl_need_config(c);
        exit_code = exit_code == CTL_OK ? ctl_find_journal(c, &path) : exit_code;
    }
    if (exit_code == CTL_OK) {
        r->config = c->config;
        err = report_gather(r, buf_text(&path));
        exit_code = err == 0 ? show(c, r, format) : ctl_sheet_failed(err, &r->msg);
    }
    buf_free(&path);
    report_free(r);
    free(r);
    return exit_code;
}
