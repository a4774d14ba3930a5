/* ctl_catalog: `catalog report` and `catalog history`: agreement of the catalogues with its
 * numbers, and what changed on which day. From the journal's file; needs no daemon. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_agree.h"
#include "daemon/ctl_sheet.h"
#include "daemon/ctl_text.h"
#include "domain/vntime.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
#define ROWS_BYTES ((size_t)256 << 20)
#define TEXT_ROWS 20 /* of a kind, in text, unless --limit says otherwise */

/* ---- what is counted and kept ---- */

struct difference {
    const char *code, *name, *fields, *portal, *local, *sector, *agency, *state;
    enum agree_kind kind;
    int64_t first_s;
    struct term term;
    struct difference *next;
};

struct report {
    struct agree_survey survey;
    struct arena arena;
    struct difference *first[AGREE_KINDS], **end[AGREE_KINDS];
    uint64_t n[AGREE_KINDS], judged[AGREE_KINDS];
    uint64_t portal, local, both, equal, own; /* procedures */
    uint64_t level_unread, unread;
    uint64_t limit; /* differences of a kind that are listed; UINT64_MAX all */
};

static int keep(struct report *r, const struct agree_case *one, enum agree_kind kind)
{
    char portal[AGREE_VALUE_SIZE];
    char local[AGREE_VALUE_SIZE];
    char fields[AGREE_VALUE_SIZE];
    struct difference *d = arena_alloc(&r->arena, sizeof(*d));

    if (d == NULL) {
        return err_set(&r->survey.msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    agree_values(one, kind, portal, local);
    agree_fields(one, kind, fields);
    d->kind = kind;
    d->code = arena_strdup(&r->arena, one->row->code);
    d->name = arena_strdup(&r->arena, one->name);
    d->fields = arena_strdup(&r->arena, fields);
    d->portal = arena_strdup(&r->arena, portal);
    d->local = arena_strdup(&r->arena, local);
    d->sector = arena_strdup(&r->arena, one->sector);
    d->agency = arena_strdup(&r->arena, one->agency);
    d->state = !one->row->on_its_way ? "" : one->row->held ? "held" : "on its way";
    d->first_s = (int64_t)(one->row->portal.first_ms / 1000);
    d->term = one->term;
    d->next = NULL;
    if (d->code == NULL || d->name == NULL || d->fields == NULL || d->portal == NULL ||
        d->local == NULL || d->sector == NULL || d->agency == NULL) {
        return err_set(&r->survey.msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    *r->end[kind] = d;
    r->end[kind] = &d->next;
    return 0;
}

static int on_case(void *ctx, const struct agree_case *one)
{
    struct report *r = ctx;
    const struct agree_found *found = one->found;
    int err = 0;

    r->portal += one->row->portal.open;
    r->local += one->row->local.open;
    r->own += found->own;
    r->both += found->both_open;
    r->equal += found->both_open && agree_is_equal(found);
    r->unread += found->both_open && one->pair->local.record == NULL;
    r->level_unread += found->both_open && (found->judged & AGREE_BIT(AGREE_LEVEL)) == 0;
    for (unsigned i = 0; i < AGREE_KINDS && err == 0; i++) {
        r->judged[i] += (found->judged & AGREE_BIT(i)) != 0;
        if ((found->kinds & AGREE_BIT(i)) == 0) {
            continue;
        }
        if (r->n[i]++ < r->limit) {
            err = keep(r, one, (enum agree_kind)i);
        }
    }
    return err;
}

/* ---- the document ---- */

/* "2,771" */
static const char *thousands(uint64_t n, char out[32])
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n);
    size_t at = 0;

    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

/* "2,771 of 2,863 procedures agree (96.79 %)": two decimals, and 100.00 only for all of them. */
static void agreement_words(uint64_t part, uint64_t whole, char *out, size_t size)
{
    uint64_t share = whole > 0 ? (part * 10000 + whole / 2) / whole : 0;
    char a[32];
    char b[32];

    if (part < whole && share == 10000) {
        share = 9999;
    }
    (void)snprintf(out, size, "%s of %s procedures agree (%" PRIu64 ".%02" PRIu64 " %%)",
                   thousands(part, a), thousands(whole, b), share / 100, share % 100);
}

static void put_time_fact(struct sheet *s, const char *name, const char *title, uint64_t at_ms)
{
    ctl_sheet_fact_time(s, name, title, (int64_t)(at_ms / 1000), "never");
}

static void put_facts(const struct report *r, struct sheet *s)
{
    const struct agree_survey *survey = &r->survey;
    const struct calendar *calendar = survey->config->calendar;
    char text[160];

    agreement_words(r->equal, r->portal, text, sizeof(text));
    sheet_fact(s, "agreement", "Agreement", text);
    put_time_fact(s, "as_of", "As of", (uint64_t)survey->now_s * 1000);
    put_time_fact(s, "portal_read", "Portal's list read", survey->times.portal_ms);
    put_time_fact(s, "services_read", "Portal's services read", survey->times.services_ms);
    put_time_fact(s, "local_read", "Province's list read", survey->times.local_ms);
    sheet_fact(s, "calendar", "Calendar",
               calendar_is_plain(calendar)
                   ? "Monday to Friday, without holidays: no file is configured"
                   : calendar_path(calendar));
    sheet_note(s, "",
               "Differences are counted by procedure and kind: one procedure may stand under "
               "several kinds, but for those of the first four, which exclude all others.");
}

static void put_share(struct sheet *s, const char *measure, const char *title, uint64_t part,
                      uint64_t whole)
{
    sheet_text(s, measure);
    sheet_text(s, title);
    sheet_number(s, (int64_t)part);
    sheet_number(s, (int64_t)whole);
    sheet_percent(s, (int64_t)part, (int64_t)whole);
}

static void put_shares(const struct report *r, struct sheet *s)
{
    static const struct sheet_column columns[] = {{"measure", "Measure", SHEET_WORDS},
                                                  {"what", "What", SHEET_WORDS},
                                                  {"numerator", "Procedures", SHEET_NUMBER},
                                                  {"denominator", "Of", SHEET_NUMBER},
                                                  {"percent", "%", SHEET_NUMBER}};
    const struct {
        const char *measure, *title;
        enum agree_kind kind;
    } configured[] = {
        {"with_process", "open on both sides, a process is configured", AGREE_PROCESS},
        {"with_eform", "and served online, a form is configured", AGREE_EFORM}};

    sheet_table(s, "agreement", "Agreement", columns, COUNT_OF(columns));
    put_share(s, "agree", "published at the portal, open here and equal", r->equal, r->portal);
    put_share(s, "local_agree", "open here, published at the portal and equal", r->equal,
              r->local - r->own);
    for (size_t i = 0; i < COUNT_OF(configured); i++) {
        enum agree_kind kind = configured[i].kind;

        put_share(s, configured[i].measure, configured[i].title, r->judged[kind] - r->n[kind],
                  r->judged[kind]);
    }
    sheet_note(s, "agree",
               "of the procedures that the portal publishes, those that are open here without any "
               "difference of what both sides show; process and form are no part of it");
    sheet_note(s, "local_agree", "the same of those open here, the province's own left out");
    sheet_note(s, "with_process, with_eform",
               "of the procedures for which the product, or the file of facts, shows it");
}

static void put_kinds(const struct report *r, struct sheet *s)
{
    static const struct sheet_column columns[] = {{"kind", "Kind", SHEET_WORDS},
                                                  {"title", "What", SHEET_WORDS},
                                                  {"differences", "Differences", SHEET_NUMBER},
                                                  {"judged", "Of", SHEET_NUMBER},
                                                  {"action", "Who acts", SHEET_WORDS}};
    char text[200];

    sheet_table(s, "kinds", "Kinds of difference", columns, COUNT_OF(columns));
    for (unsigned i = 0; i < AGREE_KINDS; i++) {
        enum agree_kind kind = (enum agree_kind)i;
        uint64_t whole = kind == AGREE_LOCAL_ONLY || kind == AGREE_WITHDRAWN_OPEN ? r->local
                         : kind == AGREE_PORTAL_ONLY || kind == AGREE_OVERDUE     ? r->portal
                                                                                  : r->judged[i];

        sheet_text(s, agree_kind_name(kind));
        sheet_text(s, agree_kind_title(kind));
        sheet_number(s, (int64_t)r->n[i]);
        sheet_number(s, (int64_t)whole);
        sheet_text(s, agree_kind_heals(kind) ? "catalog heal" : "a person");
    }
    for (unsigned i = 0; i < AGREE_KINDS; i++) {
        sheet_note(s, agree_kind_name((enum agree_kind)i),
                   agree_kind_definition((enum agree_kind)i));
    }
    sheet_note(
        s, "judged",
        "local_only, withdrawn_open: procedures open here; portal_only, overdue: published at "
        "the portal; the others: open on both sides and shown by both");
    (void)snprintf(text, sizeof(text),
                   "%" PRIu64
                   " procedures open here are the province's own by the file of facts; of "
                   "%" PRIu64 " open on both sides the level is not shown",
                   r->own, r->level_unread);
    sheet_note(s, "", text);
    if (r->unread > 0) {
        (void)snprintf(text, sizeof(text),
                       "of %" PRIu64 " procedures the province's record was not kept yet, only its "
                       "digest: after the next reading the fields are known",
                       r->unread);
        sheet_note(s, "", text);
    }
}

static void put_differences(const struct report *r, struct sheet *s)
{
    static const struct sheet_column columns[] = {{"kind", "Kind", SHEET_WORDS},
                                                  {"code", "Code", SHEET_WORDS},
                                                  {"fields", "Fields", SHEET_WORDS},
                                                  {"portal", "Portal", SHEET_WORDS},
                                                  {"local", "Here", SHEET_WORDS},
                                                  {"first_seen", "First seen", SHEET_WORDS},
                                                  {"publish_by", "Publish by", SHEET_WORDS},
                                                  {"days_left", "Days left", SHEET_NUMBER},
                                                  {"state", "State", SHEET_WORDS},
                                                  {"sector", "Sector", SHEET_WORDS},
                                                  {"agency", "Agency", SHEET_WORDS},
                                                  {"name", "Name", SHEET_WORDS}};
    char text[120];

    sheet_table(s, "differences", "Differences", columns, COUNT_OF(columns));
    for (unsigned i = 0; i < AGREE_KINDS; i++) {
        bool clocked = i == AGREE_PORTAL_ONLY || i == AGREE_OVERDUE;

        for (const struct difference *d = r->first[i]; d != NULL; d = d->next) {
            sheet_text(s, agree_kind_name(d->kind));
            sheet_text(s, d->code);
            sheet_text(s, d->fields);
            sheet_text(s, d->portal);
            sheet_text(s, d->local);
            ctl_sheet_time(s, clocked ? d->first_s : 0);
            ctl_sheet_time(s, clocked && d->term.known ? d->term.due_s : 0);
            if (clocked && d->term.known) {
                sheet_number(s, d->term.days_left);
            } else {
                sheet_text(s, clocked ? "not in the calendar" : NULL);
            }
            sheet_text(s, d->state);
            sheet_text(s, d->sector);
            sheet_text(s, d->agency);
            sheet_text(s, d->name);
        }
        if (r->n[i] > r->limit) {
            (void)snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64 " are listed (--limit)",
                           r->limit, r->n[i]);
            sheet_note(s, agree_kind_name((enum agree_kind)i), text);
        }
    }
    sheet_note(s, "publish_by",
               "the end of the last working day to publish it, counted from the day "
               "after the one on which the daemon first saw it");
    sheet_note(s, "state",
               "what is on its way: an item of it waits or is being sent; held: a person "
               "must look at it (dvcsyncctl queue --code CODE)");
}

static int show_report(struct ctl *c, struct report *r, enum sheet_format format)
{
    uint64_t total = 0;
    struct sheet s;
    struct buf out;

    for (unsigned i = 0; i < AGREE_KINDS; i++) {
        total += r->n[i];
    }
    buf_init(&out, CTL_TEXT_BYTES);
    sheet_begin(&s, format, "catalog_report", "Agreement of the catalogues", &out);
    put_facts(r, &s);
    put_shares(r, &s);
    put_kinds(r, &s);
    put_differences(r, &s);
    return ctl_sheet_output(c, &s, total > 0 ? CTL_WARNING : CTL_OK);
}

/* How many of a kind are listed: all, but in text. */
static int read_limit(struct ctl *c, enum sheet_format format, uint64_t *out)
{
    *out = format == SHEET_TEXT && c->options[CTL_OUTPUT] == NULL ? TEXT_ROWS : UINT64_MAX;
    if (c->options[CTL_LIMIT] != NULL && ctl_number(c->options[CTL_LIMIT], 0, 1000000, out) != 0) {
        return ctl_complain(CTL_USAGE, "--limit is a whole number");
    }
    return CTL_OK;
}

int ctl_catalog_report(struct ctl *c)
{
    struct report *r = calloc(1, sizeof(*r));
    enum sheet_format format;
    struct buf path;
    int exit_code;

    if (r == NULL) {
        return ctl_complain(CTL_UNKNOWN, "out of memory");
    }
    arena_init(&r->arena, ROWS_BYTES);
    for (unsigned i = 0; i < AGREE_KINDS; i++) {
        r->end[i] = &r->first[i];
    }
    exit_code = agree_survey_open(c, &path, &r->survey);
    exit_code = exit_code == CTL_OK ? ctl_sheet_format(c, &format) : exit_code;
    exit_code = exit_code == CTL_OK ? read_limit(c, format, &r->limit) : exit_code;
    if (exit_code == CTL_OK) {
        int err = agree_survey_run(&r->survey, on_case, r);

        exit_code = err == 0 ? show_report(c, r, format) : ctl_sheet_failed(err, &r->survey.msg);
    }
    agree_survey_free(&r->survey);
    arena_free(&r->arena);
    buf_free(&path);
    free(r);
    return exit_code;
}

/* ---- history ---- */

struct history {
    struct sheet s;
    struct buf out;
    uint64_t n;
};

static const char *what_words(const struct book_change *change)
{
    static const char *const portal[] = {[BOOK_CHANGED] = "changed",
                                         [BOOK_ADDED] = "first seen",
                                         [BOOK_CLOSED] = "withdrawn",
                                         [BOOK_OPENED] = "published again"};
    static const char *const local[] = {[BOOK_CHANGED] = "changed",
                                        [BOOK_ADDED] = "first seen",
                                        [BOOK_CLOSED] = "closed",
                                        [BOOK_OPENED] = "opened",
                                        [BOOK_REMOVED] = "removed"};
    size_t what = (size_t)change->what;

    if (change->side == BOOK_LOCAL) {
        return what < COUNT_OF(local) && local[what] != NULL ? local[what] : "unknown";
    }
    return what < COUNT_OF(portal) && portal[what] != NULL ? portal[what] : "unknown";
}

static int on_change(void *ctx, const struct book_change *change)
{
    struct history *h = ctx;
    int64_t at_s = (int64_t)(change->at_ms / 1000);
    char day[16];

    (void)vntime_format(at_s, "yyyy-MM-dd", day, sizeof(day));
    h->n++;
    sheet_text(&h->s, day);
    ctl_sheet_time(&h->s, at_s);
    sheet_text(&h->s, change->side == BOOK_LOCAL ? "local" : "portal");
    sheet_text(&h->s, change->kind == RECORD_SERVICE ? "service" : "procedure");
    sheet_text(&h->s, change->code);
    sheet_text(&h->s, what_words(change));
    sheet_text(&h->s, change->fields);
    sheet_text(&h->s, change->name);
    return 0;
}

static void begin_history(struct history *h, enum sheet_format format, const char *since)
{
    static const struct sheet_column columns[] = {
        {"day", "Day", SHEET_WORDS},       {"seen", "Seen", SHEET_WORDS},
        {"side", "Side", SHEET_WORDS},     {"what", "Of", SHEET_WORDS},
        {"code", "Code", SHEET_WORDS},     {"change", "Change", SHEET_WORDS},
        {"fields", "Fields", SHEET_WORDS}, {"name", "Name now", SHEET_WORDS}};

    buf_init(&h->out, CTL_TEXT_BYTES);
    sheet_begin(&h->s, format, "catalog_history", "Changes of the catalogues", &h->out);
    if (since != NULL) {
        sheet_fact(&h->s, "since", "Since", since);
    }
    sheet_table(&h->s, "changes", "Changes", columns, COUNT_OF(columns));
}

int ctl_catalog_history(struct ctl *c)
{
    const char *since = c->options[CTL_SINCE];
    struct history *h = calloc(1, sizeof(*h));
    struct errmsg msg = {""};
    enum sheet_format format;
    struct buf path;
    int64_t since_s = 0;
    int exit_code;
    int err;

    if (h == NULL) {
        return ctl_complain(CTL_UNKNOWN, "out of memory");
    }
    if (since != NULL && vntime_parse(since, "yyyy-MM-dd", &since_s) != 0) {
        free(h);
        return ctl_complain(CTL_USAGE, "--since is a day: 2026-11-01");
    }
    exit_code = ctl_find_journal(c, &path);
    exit_code = exit_code == CTL_OK ? ctl_sheet_format(c, &format) : exit_code;
    if (exit_code == CTL_OK) {
        begin_history(h, format, since);
        err = catalog_book_changes(buf_text(&path), (uint64_t)since_s * 1000, c->options[CTL_CODE],
                                   on_change, h, &msg);
        sheet_note(&h->s, "seen", "when the daemon read it; the change itself may be older");
        sheet_note(&h->s, "first seen",
                   "what the first reading of all found is not listed, but with "
                   "--code");
        exit_code = ctl_sheet_output(c, &h->s, CTL_OK);
        exit_code = err < 0 ? ctl_sheet_failed(err, &msg) : exit_code;
    }
    buf_free(&path);
    free(h);
    return exit_code;
}
