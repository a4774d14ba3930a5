/* ctl_compare: `dvcsyncctl compare`: what another connector sent beside what would be sent from
 * here, so that a province changes over on evidence. Needs no daemon; nothing leaves. */
#include "daemon/ctl_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_sheet.h"
#include "daemon/ctl_text.h"
#include "domain/vntime.h"

#define LIMIT_DEFAULT 5
#define LIMIT_MAX 10000

static const char *const of_words[COMPARE_OF] = {
    [COMPARE_DOSSIER] = "dossier", [COMPARE_STEP] = "step"};

static const struct {
    const char *name, *definition;
} fates[COMPARE_FATES] = {
    [COMPARE_BOTH] = {"compared", "sent by the old one and would be sent from here; steps are the "
                                  "same by ThoiDiemXuLy, TrangThai and NguoiXuLy"},
    [COMPARE_ONLY_OLD] = {"only_old", "sent by the old one, not in the journal; steps of such "
                                      "dossiers are not listed"},
    [COMPARE_ONLY_HERE] = {"only_here", "would be sent from here, not in the file; with --since "
                                        "only what its source changed since then. Steps are "
                                        "looked for where the file has the dossier"},
    [COMPARE_HELD] = {"held_here", "sent by the old one, here it would wait for a person; why says "
                                   "for what"},
    [COMPARE_GIVEN_UP] = {"given_up_here", "sent by the old one, here a person gave it up"},
    [COMPARE_GONE] = {"not_comparable",
                      "sent by the old one and known here, but its content is not kept any more "
                      "(keep_payload, or erased); such a step is found by its time and status "
                      "alone"},
};

static const char *const agreement_words[PORTAL_AGREEMENTS] = {
    [PORTAL_AGREE] = "agree",
    [PORTAL_ONLY_OTHER] = "only_old",
    [PORTAL_ONLY_HERE] = "only_here",
    [PORTAL_DIFFER] = "differ",
};

static const char *const service_words[COMPARE_OF] = {
    [COMPARE_DOSSIER] = "DongBoHoSoMC", [COMPARE_STEP] = "CapNhatTienDoHoSoMC"};

/* ---- the tables ---- */

static void put_summary(struct sheet *s, const struct compare *c)
{
    static const struct sheet_column columns[] = {
        {"of", "Of", SHEET_WORDS},
        {"what", "What", SHEET_WORDS},
        {"n", "Number", SHEET_NUMBER},
    };

    sheet_table(s, "summary", "Summary", columns, sizeof(columns) / sizeof(columns[0]));
    for (int of = 0; of < COMPARE_OF; of++) {
        for (int fate = 0; fate < COMPARE_FATES; fate++) {
            sheet_text(s, of_words[of]);
            sheet_text(s, fates[fate].name);
            sheet_number(s, (int64_t)c->fates[of][fate]);
        }
        sheet_text(s, of_words[of]);
        sheet_text(s, "equal");
        sheet_number(s, (int64_t)c->equal[of]);
        if (c->pushed) {
            sheet_text(s, of_words[of]);
            sheet_text(s, "unproven");
            sheet_number(s, (int64_t)c->unproven[of]);
        }
    }
    for (int fate = 0; fate < COMPARE_FATES; fate++) {
        sheet_note(s, fates[fate].name, fates[fate].definition);
    }
    sheet_note(s, "equal", "of those compared: every field agrees");
    if (c->pushed) {
        sheet_note(s, "unproven",
                   "of those compared: nothing is known of how it came at the gateway, only how it "
                   "went on; what the gateway itself left out or changed would not be seen. "
                   "Digests of what comes are kept while another flow of dossiers to the portal "
                   "observes");
    }
}

static void put_field(struct sheet *s, const struct compare_field *f)
{
    int64_t filled = 0;

    for (int a = 0; a < PORTAL_AGREEMENTS; a++) {
        filled += (int64_t)f->n[a];
    }
    sheet_text(s, service_words[f->of]);
    sheet_text(s, f->name);
    sheet_number(s, (int64_t)f->n[PORTAL_AGREE]);
    sheet_number(s, (int64_t)f->n[PORTAL_DIFFER]);
    sheet_number(s, (int64_t)f->n[PORTAL_ONLY_OTHER]);
    sheet_number(s, (int64_t)f->n[PORTAL_ONLY_HERE]);
    sheet_number(s, filled);
    sheet_percent(s, (int64_t)f->n[PORTAL_AGREE], filled);
}

/* Dossiers before steps, each as the fields were first met. */
static void put_fields(struct sheet *s, const struct compare *c)
{
    static const struct sheet_column columns[] = {
        {"service", "Service", SHEET_WORDS},        {"field", "Field", SHEET_WORDS},
        {"agree", "Agree", SHEET_NUMBER},           {"differ", "Differ", SHEET_NUMBER},
        {"only_old", "Only the old", SHEET_NUMBER}, {"only_here", "Only here", SHEET_NUMBER},
        {"filled", "Filled", SHEET_NUMBER},         {"agree_percent", "Agree %", SHEET_NUMBER},
    };

    sheet_table(s, "fields", "Fields", columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < COMPARE_OF * c->n_fields; i++) {
        const struct compare_field *f = &c->fields[i % c->n_fields];

        if ((size_t)f->of == i / c->n_fields) {
            put_field(s, f);
        }
    }
    sheet_note(s, "filled",
               "dossiers, or steps, compared in which either side fills the field; "
               "where both leave it empty it is not counted");
    sheet_note(s, "agree_percent", "agree of filled");
    sheet_note(s, "agree",
               "a number is the same as its text, an address is taken without its "
               "query, an empty field is one that is not there");
    sheet_note(s, "",
               "A list is named alone for the number of its entries, with a point for the "
               "fields of entries that belong together. A field of several entries "
               "agrees when all of them do.");
}

static void put_examples(struct sheet *s, const struct compare *c)
{
    static const struct sheet_column columns[] = {
        {"service", "Service", SHEET_WORDS}, {"field", "Field", SHEET_WORDS},
        {"kind", "Kind", SHEET_WORDS},       {"code", "Dossier", SHEET_WORDS},
        {"at", "ThoiDiemXuLy", SHEET_WORDS}, {"old", "Old", SHEET_WORDS},
        {"here", "Here", SHEET_WORDS},
    };
    char note[256];

    sheet_table(s, "examples", "Fields that do not agree", columns,
                sizeof(columns) / sizeof(columns[0]));
    for (size_t field = 0; field < c->n_fields; field++) {
        for (size_t i = 0; i < c->n_examples; i++) {
            const struct compare_example *e = &c->examples[i];

            if (e->field != field) {
                continue;
            }
            sheet_text(s, service_words[c->fields[field].of]);
            sheet_text(s, c->fields[field].name);
            sheet_text(s, agreement_words[e->agreement]);
            sheet_text(s, e->code);
            sheet_text(s, e->at);
            sheet_text(s, e->other);
            sheet_text(s, e->here);
        }
    }
    (void)snprintf(note, sizeof(note),
                   "The first %zu of each field and kind; --limit N lists more. Of what may name a "
                   "person, and of what has not the form of its field nor stands in the mirror, "
                   "only the length is shown.",
                   c->limit);
    sheet_note(s, "", note);
}

static void put_records(struct sheet *s, const struct compare *c)
{
    static const struct sheet_column columns[] = {
        {"of", "Of", SHEET_WORDS},
        {"what", "What", SHEET_WORDS},
        {"code", "Dossier", SHEET_WORDS},
        {"at", "ThoiDiemXuLy", SHEET_WORDS},
        {"status", "TrangThai", SHEET_WORDS},
        {"why", "Why", SHEET_WORDS},
    };
    char note[128];

    sheet_table(s, "records", "Dossiers and steps that only one side sends", columns,
                sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < c->n_records; i++) {
        const struct compare_record *r = &c->records[i];

        sheet_text(s, of_words[r->of]);
        sheet_text(s, fates[r->fate].name);
        sheet_text(s, r->code);
        sheet_text(s, r->at);
        sheet_text(s, r->status);
        sheet_text(s, r->why);
    }
    (void)snprintf(note, sizeof(note),
                   "The first %zu of each; --limit N lists more, the summary "
                   "counts all.",
                   c->limit);
    sheet_note(s, "", note);
}

/* ---- the answer ---- */

static int judge(const struct compare *c)
{
    bool differs = false;
    bool unknown = c->old.unreadable > 0 || c->fates[COMPARE_DOSSIER][COMPARE_BOTH] == 0;

    for (int of = 0; of < COMPARE_OF; of++) {
        const uint64_t *n = c->fates[of];

        differs = differs || c->equal[of] < n[COMPARE_BOTH] || n[COMPARE_ONLY_OLD] > 0 ||
                  n[COMPARE_ONLY_HERE] > 0 || n[COMPARE_HELD] > 0 || n[COMPARE_GIVEN_UP] > 0;
        unknown = unknown || n[COMPARE_GONE] > 0 || c->unproven[of] > 0;
    }
    return differs ? CTL_WARNING : unknown ? CTL_UNKNOWN : CTL_OK;
}

static void put_facts(struct sheet *s, const struct ctl *ctl, const struct compare *c)
{
    const char *since = ctl->options[CTL_SINCE];
    const struct sent_file *f = &c->old;

    sheet_fact(s, "since", "Since", since != NULL ? since : "the beginning");
    sheet_fact_number(s, "old_dossiers", "Dossiers in the file", (int64_t)f->dossiers);
    sheet_fact_number(s, "old_snapshots", "Times that they were sent", (int64_t)f->snapshots);
    sheet_fact_number(s, "old_steps", "Steps sent", (int64_t)f->steps);
    sheet_fact_number(s, "old_others", "Requests of other services, not compared",
                      (int64_t)f->others);
    sheet_fact_number(s, "old_unreadable", "Lines or entries that could not be read",
                      (int64_t)f->unreadable);
    if (f->first_unreadable > 0) {
        sheet_fact_number(s, "first_unreadable", "The first of them, by lines that are not empty",
                          (int64_t)f->first_unreadable);
    }
    sheet_note(s, "",
               "Of a dossier the last request in the file is compared with the newest "
               "snapshot in the journal, built as the call would be; isUpdating, session "
               "and madonvi are not compared. What was refused counts as sent.");
    if (c->pushed) {
        sheet_note(s, "",
                   "What was pushed at the gateway is compared by digests of each field as it "
                   "came; values are shown where it went on the same.");
    }
}

static int show(struct ctl *ctl, const struct compare *c, enum sheet_format format)
{
    struct buf out;
    struct sheet s;

    buf_init(&out, CTL_TEXT_BYTES);
    sheet_begin(&s, format, "compare", "What the old connector sent and what would be sent", &out);
    put_facts(&s, ctl, c);
    put_summary(&s, c);
    put_fields(&s, c);
    put_examples(&s, c);
    put_records(&s, c);
    return ctl_sheet_output(ctl, &s, judge(c));
}

/* ---- the verb ---- */

static int take_options(struct ctl *ctl, struct compare *c)
{
    const char *since = ctl->options[CTL_SINCE];
    const char *limit = ctl->options[CTL_LIMIT];
    uint64_t n = LIMIT_DEFAULT;

    if (ctl->options[CTL_WITH] == NULL) {
        return ctl_complain(CTL_USAGE,
                            "--with FILE, or gateway, is needed: what the old connector sent");
    }
    if (since != NULL && (vntime_parse(since, "yyyy-MM-dd", &c->since_s) != 0 || c->since_s < 0)) {
        return ctl_complain(CTL_USAGE, "--since %s is no date; write it as 2026-11-01", since);
    }
    if (limit != NULL && ctl_number(limit, 1, LIMIT_MAX, &n) != 0) {
        return ctl_complain(CTL_USAGE, "--limit %s: a number from 1 to %d is needed", limit,
                            LIMIT_MAX);
    }
    c->limit = (size_t)n;
    return CTL_OK;
}

/* A flow that is pushed. */
static int need_gateway(const struct config *config)
{
    for (size_t i = 0; i < config->n_flows; i++) {
        if (compare_is_pushed(config, &config->flows[i])) {
            return CTL_OK;
        }
    }
    return ctl_complain(CTL_USAGE, "--with gateway: no flow of dossiers to the portal begins at a "
                                   "source of profile gateway alone; a file of that name is "
                                   "./gateway");
}

static int file_failed(int err, const struct errmsg *msg)
{
    return ctl_complain(err == ERR_DENIED ? CTL_DENIED : CTL_UNKNOWN, "%s", msg->text);
}

static int compare_with(struct ctl *ctl, struct compare *c, enum sheet_format format)
{
    struct errmsg msg = {""};
    struct buf path;
    int exit_code = ctl_find_journal(ctl, &path);
    int err;

    if (exit_code == CTL_OK && !c->pushed) {
        err = sent_file_open(&c->old, ctl->options[CTL_WITH], &msg);
        exit_code = err != 0 ? file_failed(err, &msg) : CTL_OK;
    }
    if (exit_code == CTL_OK) {
        err = compare_run(c, buf_text(&path));
        exit_code = err == 0 ? show(ctl, c, format) : ctl_sheet_failed(err, &c->msg);
    }
    buf_free(&path);
    return exit_code;
}

int ctl_compare(struct ctl *ctl)
{
    enum sheet_format format = SHEET_TEXT;
    struct compare *c = calloc(1, sizeof(*c));
    int exit_code;

    if (c == NULL) {
        return ctl_complain(CTL_UNKNOWN, "out of memory");
    }
    exit_code = ctl_sheet_format(ctl, &format);
    exit_code = exit_code == CTL_OK ? take_options(ctl, c) : exit_code;
    exit_code = exit_code == CTL_OK ? ctl_need_config(ctl) : exit_code;
    if (exit_code == CTL_OK && !ctl->config->has_portal) {
        exit_code = ctl_complain(CTL_FAULTY_CONFIG, "the configuration has no section portal");
    }
    if (exit_code == CTL_OK) {
        c->config = ctl->config;
        c->pushed = strcmp(ctl->options[CTL_WITH], "gateway") == 0;
        exit_code = c->pushed ? need_gateway(c->config) : CTL_OK;
    }
    if (exit_code == CTL_OK) {
        exit_code = compare_with(ctl, c, format);
    }
    compare_free(c);
    free(c);
    return exit_code;
}
