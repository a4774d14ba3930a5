/* ctl_report: `report`: the figures of a month, from the journal's file. Needs no daemon. */
#include "daemon/ctl_report.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/ctl_sheet.h"
#include "domain/vntime.h"

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

static void put_head(const struct report *r, struct sheet *s)
{
    char at[32];

    sheet_fact(s, "month", "Month", r->month.name);
    vntime_format_rfc3339(r->now_s, at, sizeof(at));
    sheet_fact(s, "made_at", "Made at", at);
    sheet_fact(s, "complete", "The month is over", r->now_s >= r->month.until_s ? "yes" : "no");
    for (size_t i = 0; i < r->config->n_flows; i++) {
        if (r->config->flows[i].kind == FLOW_DOSSIERS) {
            sheet_note(s, "flow", r->config->flows[i].name);
        }
    }
    sheet_note(s, "",
               "Counted from the journal, by the dates that the sources tell, in Vietnam's time. "
               "What a source tells later changes what is counted for a month that is over.");
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
    return ctl_sheet_output(c, &s, CTL_OK);
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
