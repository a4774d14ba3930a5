/* ctl_integrity: `dvcsyncctl integrity`: a list for a person. Needs no daemon; opens links only
 * with --links. */
#include "daemon/ctl_integrity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_flows.h"
#include "daemon/ctl_sheet.h"
#include "daemon/ctl_text.h"
#include "domain/month.h"
#include "domain/vntime.h"

#define ARENA_BYTES ((size_t)512 << 20)
#define LINKS_MAX 100000
#define RATE_MAX 1000
#define RATE_DEFAULT 5

static const struct {
    const char *name, *title, *definition;
} kinds[INTEGRITY_KINDS] = {
    [INTEGRITY_NO_RESULT] =
        {"no_result", "Finished without a result",
         "the newest snapshot has status 9 or 10 and lists no result. Examined: "
         "dossiers in these statuses"},
    [INTEGRITY_SHARED_RESULT] =
        {"shared_result", "One result in two dossiers",
         "the address of a result (without what in it names a time or a permission) stands in "
         "another dossier too, or, with --links, a result's PDF has the same SHA-256. Examined: "
         "dossiers with results"},
    [INTEGRITY_PROMISE_MOVED] =
        {"promise_moved", "Promised date moved after it had passed",
         "a snapshot put the promised date off when the one before had already passed, by the "
         "source's time, and the dossier did not wait for the citizen (status 5 or 6). Examined: "
         "all "
         "dossiers; what happened before the journal knew a dossier is not seen"},
    [INTEGRITY_SUPPLEMENTS] =
        {"supplements", "More than one supplement round",
         "the source lists more than one round, or the steps went over to status 5 more than once. "
         "Examined: all dossiers"},
    [INTEGRITY_STRANGE_PAPER] =
        {"strange_paper", "Paper that the procedure does not name",
         "the code of a submitted paper, or of one asked as a supplement, is not among the "
         "procedure's components in the mirror (MAGIAYTO). Examined: dossiers whose content is "
         "kept "
         "and whose procedure names components; not comparable: papers without a code"},
    [INTEGRITY_FEE_DIFFERS] =
        {"fee_differs", "Fee that differs from the catalogue",
         "a fee of the dossier (DanhSachLePhi) is not what the procedure names for its channel and "
         "code (PHILEPHI), or is not named for the channel at all. Examined: dossiers with fees "
         "whose content is kept and whose procedure names channels; not comparable: fees without a "
         "code, and sums in the catalogue that are no number (SOTIEN is free text) or are for each "
         "of something"},
    [INTEGRITY_DEAD_LINK] =
        {"dead_link", "Result link that does not open",
         "GET on the address of a result gives no answer, no trusted one, an empty file, an HTML "
         "page in the place of a file (a form to log in, say), or another status than 200. "
         "Examined: links opened; not comparable: redirections, which are not followed, and "
         "addresses that the configuration does not let us open; not examined: links that were "
         "not chosen"},
    [INTEGRITY_UNSIGNED] =
        {"unsigned", "Result file without a digital signature",
         "no signature is seen in the result's PDF (a byte range with a signature in it; a time "
         "stamp of the document is none); whose a signature is and whether it still fits is not "
         "checked. Examined: PDF files; not comparable: other files, and files over 32 MB; exempt: "
         "results whose procedure, paper or component stands in the configuration's list "
         "`certified`"},
    [INTEGRITY_ADDED_BEHIND] =
        {"added_behind", "Signed result file with something added behind the signature",
         "the last signature in the result's PDF does not cover the whole file, and what was added "
         "behind it is not only what keeps a signature verifiable. Examined: signed PDF files; "
         "exempt: signed ones to which certificates, answers about them or document time stamps "
         "were added and nothing else (PAdES-LT, PAdES-LTA: DSS, DocTimeStamp), whose worth is not "
         "checked; not comparable: what was added is packed in compressed objects"},
};

static int on_shared(void *ctx, const char *flow, const char *code, const char *other)
{
    char what[160];

    (void)snprintf(what, sizeof(what), "a result's address stands in %.64s too", other);
    return integrity_found(ctx, INTEGRITY_SHARED_RESULT, flow, code, what);
}

/* ---- what is asked ---- */

struct question {
    int64_t from_s, until_s; /* until_s 0: all */
    uint64_t links;
    uint64_t rate;
    enum sheet_format format;
};

static int take_time(struct ctl *c, struct question *q)
{
    const char *text = c->options[CTL_MONTH];
    const char *since = c->options[CTL_SINCE];
    struct month month;

    if (text != NULL && since != NULL) {
        return ctl_complain(CTL_USAGE, "--month and --since exclude each other");
    }
    if (text != NULL && month_parse(text, &month) != 0) {
        return ctl_complain(CTL_USAGE, "--month %s is no month; write it as 2026-11", text);
    }
    if (since != NULL && (vntime_parse(since, "yyyy-MM-dd", &q->from_s) != 0 || q->from_s < 0)) {
        return ctl_complain(CTL_USAGE, "--since %s is no date; write it as 2026-11-01", since);
    }
    if (text != NULL) {
        q->from_s = month.from_s;
        q->until_s = month.until_s;
    } else if (since != NULL) {
        q->until_s = INT64_MAX;
    }
    return CTL_OK;
}

static int take_numbers(struct ctl *c, struct question *q)
{
    const char *links = c->options[CTL_LINKS];
    const char *rate = c->options[CTL_RATE];

    q->rate = RATE_DEFAULT;
    if (links != NULL && ctl_number(links, 1, LINKS_MAX, &q->links) != 0) {
        return ctl_complain(CTL_USAGE, "--links %s: a number from 1 to %d is needed", links,
                            LINKS_MAX);
    }
    if (rate != NULL && (links == NULL || ctl_number(rate, 1, RATE_MAX, &q->rate) != 0)) {
        return ctl_complain(CTL_USAGE,
                            "--rate %s: a number from 1 to %d is needed, and --links with it", rate,
                            RATE_MAX);
    }
    return CTL_OK;
}

static bool opens_links(int kind)
{
    return kind == INTEGRITY_DEAD_LINK || kind == INTEGRITY_UNSIGNED ||
           kind == INTEGRITY_ADDED_BEHIND;
}

static int take_kind(struct ctl *c, struct integrity *list)
{
    const char *name = c->options[CTL_KIND];

    list->only = -1;
    for (int i = 0; name != NULL && i < INTEGRITY_KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            list->only = i;
        }
    }
    if (name != NULL && list->only < 0) {
        return ctl_complain(CTL_USAGE,
                            "--kind %s: known are no_result, shared_result, "
                            "promise_moved, supplements, strange_paper, fee_differs, "
                            "dead_link, unsigned, added_behind",
                            name);
    }
    if (name != NULL && opens_links(list->only) && c->options[CTL_LINKS] == NULL) {
        return ctl_complain(CTL_USAGE, "--kind %s needs --links N: links have to be opened", name);
    }
    return CTL_OK;
}

/* ---- the answer ---- */

static int by_kind_and_code(const void *a, const void *b)
{
    const struct integrity_finding *x = a;
    const struct integrity_finding *y = b;
    int order = x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->code, y->code);

    return order != 0 ? order : strcmp(x->what, y->what);
}

static void put_summary(struct sheet *s, const struct integrity *list, const struct question *q)
{
    static const struct sheet_column columns[] = {
        {"kind", "Kind", SHEET_WORDS},
        {"title", "What", SHEET_WORDS},
        {"found", "Found", SHEET_NUMBER},
        {"examined", "Examined", SHEET_NUMBER},
        {"not_comparable", "Not comparable", SHEET_NUMBER},
        {"not_examined", "Not examined", SHEET_NUMBER},
        {"exempt", "Exempt", SHEET_NUMBER},
    };

    sheet_table(s, "summary", "Summary", columns, sizeof(columns) / sizeof(columns[0]));
    for (int i = 0; i < INTEGRITY_KINDS; i++) {
        const struct integrity_count *n = &list->counts[i];

        if (!integrity_wants(list, (enum integrity_kind)i)) {
            continue;
        }
        sheet_text(s, kinds[i].name);
        sheet_text(s, kinds[i].title);
        sheet_number(s, (int64_t)n->found);
        sheet_number(s, (int64_t)n->examined);
        sheet_number(s, (int64_t)n->incomparable);
        sheet_number(s, (int64_t)n->unexamined);
        sheet_number(s, (int64_t)n->exempt);
        sheet_note(s, kinds[i].name, kinds[i].definition);
    }
    if (q->links == 0) {
        sheet_note(s, "",
                   "No link was opened, so that dead_link, unsigned and added_behind say "
                   "nothing: --links N opens a random sample of at most N.");
    }
}

static void put_findings(struct sheet *s, const struct integrity *list)
{
    static const struct sheet_column columns[] = {
        {"kind", "Kind", SHEET_WORDS},
        {"code", "Dossier", SHEET_WORDS},
        {"flow", "Flow", SHEET_WORDS},
        {"what", "What", SHEET_WORDS},
    };
    char note[96];

    sheet_table(s, "findings", "Findings", columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < list->n_findings; i++) {
        const struct integrity_finding *f = &list->findings[i];

        sheet_text(s, kinds[f->kind].name);
        sheet_text(s, f->code);
        sheet_text(s, f->flow);
        sheet_text(s, f->what);
    }
    sheet_note(s, "", "For a person: nothing of this is corrected by the daemon.");
    if (list->dropped > 0) {
        (void)snprintf(note, sizeof(note), "%" PRIu64 " findings more are counted and not listed.",
                       list->dropped);
        sheet_note(s, "", note);
    }
}

static int show(struct ctl *c, struct integrity *list, const struct question *q)
{
    char number[32];
    struct buf out;
    struct sheet s;

    buf_init(&out, CTL_TEXT_BYTES);
    sheet_begin(&s, q->format, "integrity", "Integrity", &out);
    sheet_fact(&s, "time", "Time",
               c->options[CTL_MONTH] != NULL   ? c->options[CTL_MONTH]
               : c->options[CTL_SINCE] != NULL ? c->options[CTL_SINCE]
                                               : "all");
    (void)snprintf(number, sizeof(number), "%" PRIu64, list->dossiers);
    sheet_fact(&s, "dossiers", "Dossiers", number);
    (void)snprintf(number, sizeof(number), "%" PRIu64, list->bodiless);
    sheet_fact(&s, "content_gone", "Content not kept any more", number);
    sheet_note(&s, "time",
               "dossiers that were received, finished, returned or last changed in it, by the "
               "source's times");
    sheet_note(&s, "content_gone",
               "after keep_payload; of their papers, fees and links nothing can be said");
    if (list->n_findings > 0) {
        qsort(list->findings, list->n_findings, sizeof(*list->findings), by_kind_and_code);
    }
    put_summary(&s, list, q);
    put_findings(&s, list);
    return ctl_sheet_output(c, &s, list->n_findings > 0 ? CTL_WARNING : CTL_OK);
}

/* ---- the verb ---- */

static int gather(struct integrity *list, const char *path, const struct question *q)
{
    const char *flows[CONFIG_MAX_FLOWS];
    size_t n_flows = ctl_flows(list->config, flows);
    int err = integrity_procedures(path, integrity_add_procedure, list, &list->msg);

    list->links_max = (size_t)q->links;
    err = err == 0 ? integrity_dossiers(path, flows, n_flows, q->from_s, q->until_s,
                                        integrity_judge, list, &list->msg)
                   : err;
    err =
        err == 0 ? integrity_shared(path, q->from_s, q->until_s, on_shared, list, &list->msg) : err;
    return err == 0 && q->links > 0 ? integrity_open_links(list, (uint32_t)q->rate) : err;
}

int ctl_integrity(struct ctl *c)
{
    struct integrity list = {.only = -1};
    struct question q = {0};
    struct buf path;
    int exit_code = ctl_sheet_format(c, &q.format);
    int err;

    exit_code = exit_code == CTL_OK ? take_time(c, &q) : exit_code;
    exit_code = exit_code == CTL_OK ? take_numbers(c, &q) : exit_code;
    exit_code = exit_code == CTL_OK ? take_kind(c, &list) : exit_code;
    exit_code = exit_code == CTL_OK ? ctl_need_config(c) : exit_code;
    if (exit_code != CTL_OK) {
        return exit_code;
    }
    list.config = c->config;
    arena_init(&list.arena, ARENA_BYTES);
    exit_code = ctl_find_journal(c, &path);
    if (exit_code == CTL_OK) {
        err = gather(&list, buf_text(&path), &q);
        exit_code = err == 0 ? show(c, &list, &q) : ctl_sheet_failed(err, &list.msg);
    }
    buf_free(&path);
    integrity_forget_procedures(&list);
    free(list.findings);
    arena_free(&list.arena);
    return exit_code;
}
