#include "sandbox/verify_dossier.h"

#include <stdio.h>
#include <string.h>

#include "sandbox/verify_map.h"
#include "sandbox/verify_product.h"

/* What is looked at for one dossier. */
struct view {
    struct judge *j;
    const char *code;
    struct mapped mapped;
    const struct ledger_dossier *logged; /* NULL: the ledger has nothing */
    bool doubts_read;
};

static const struct ledger_line *line_at(const struct judge *j, uint32_t at)
{
    return at == LEDGER_NONE ? NULL : &j->ledger->lines[at];
}

static const struct ledger_line *first_line(const struct view *v)
{
    return v->logged != NULL ? line_at(v->j, v->logged->head) : NULL;
}

static const struct ledger_line *next_line(const struct view *v, const struct ledger_line *line)
{
    return line_at(v->j, line->next);
}

static const struct mapped_step *step_of_key(const struct view *v, uint64_t key)
{
    for (size_t i = 0; i < v->mapped.n_steps; i++) {
        if (v->mapped.steps[i].key_hash == key) {
            return &v->mapped.steps[i];
        }
    }
    return NULL;
}

/* The journal's item of a step, by the action's id; NULL for none. */
static struct journal_item *item_of(struct judge *j, const char *id)
{
    for (size_t i = 0; i < j->journal->n_items; i++) {
        struct journal_item *item = &j->journal->item[i];

        if (item->kind == JOURNAL_STEP && strcmp(item->step_key, id) == 0) {
            return item;
        }
    }
    return NULL;
}

static bool any_item(const struct judge *j, int kind, int state)
{
    for (size_t i = 0; i < j->journal->n_items; i++) {
        const struct journal_item *item = &j->journal->item[i];

        if (item->kind == kind && item->state == state &&
            (state != JOURNAL_HELD || item->has_reason)) {
            return true;
        }
    }
    return false;
}

/* The catalogue's record of its procedure; a product is judged without the catalogue. */
static const cJSON *procedure_of(const struct view *v)
{
    return v->j->product == NULL
               ? catalog_procedure(v->j->catalog, map_text(v->mapped.record, "MaTTHC"))
               : NULL;
}

/* The snapshot that the portal holds in the end. */
static void judge_snapshot(struct view *v)
{
    struct judge *j = v->j;
    const struct ledger_line *last = NULL;
    const char *wrong = "not on the portal";
    bool no_files = false;

    for (const struct ledger_line *l = first_line(v); l != NULL; l = next_line(v, l)) {
        last = l->step ? last : l;
    }
    if (last != NULL) {
        cJSON *actual = cJSON_ParseWithLength(last->record, last->record_len);

        wrong = map_difference(&v->mapped, actual, procedure_of(v), &no_files);
        if (wrong != NULL) {
            report_mismatch(j->report, v->code, "dossier: %s", wrong);
        } else if (no_files) {
            j->without_files++;
        } else {
            j->with_files += cJSON_GetArraySize(v->mapped.submitted) > 0;
        }
        cJSON_Delete(actual);
    } else if (any_item(j, JOURNAL_SNAPSHOT, JOURNAL_ADOPTED)) {
        wrong = NULL; /* there before the daemon */
    } else {
        report_mismatch(j->report, v->code, "dossier: %s", wrong);
    }
    j->report->dossiers[1]++;
    j->report->dossiers[0] += wrong == NULL;
    j->report->lost += wrong != NULL && !any_item(j, JOURNAL_SNAPSHOT, JOURNAL_HELD);
}

static void judge_step(struct view *v, const struct mapped_step *step)
{
    struct judge *j = v->j;
    const struct journal_item *item = item_of(j, step->id);
    const struct ledger_line *l = first_line(v);
    const char *wrong = "not on the portal";

    while (l != NULL && l->key != step->key_hash) {
        l = next_line(v, l);
    }
    if (l != NULL) {
        cJSON *actual = cJSON_ParseWithLength(l->record, l->record_len);

        wrong = map_step_difference(&v->mapped, step, actual);
        cJSON_Delete(actual);
    } else if (item != NULL && item->state == JOURNAL_ADOPTED) {
        wrong = NULL;
    }
    if (wrong != NULL) {
        report_mismatch(j->report, v->code, "step %.14s: %s", step->key, wrong);
    }
    j->report->steps[1]++;
    j->report->steps[0] += wrong == NULL;
    /* A HELD step stops the later ones of its dossier, and a HELD first snapshot all of them: they
     * wait on it, they are not lost. */
    j->report->lost += wrong != NULL && !any_item(j, JOURNAL_STEP, JOURNAL_HELD) &&
                       !(v->logged == NULL && any_item(j, JOURNAL_SNAPSHOT, JOURNAL_HELD));
}

/* What was sent may arrive so much later than its sender saw the connection break. */
#define LATE_MS 3000

/* Whether an attempt in doubt between the two accepted calls stands for this repeat. */
static int excused(struct view *v, const struct ledger_line *before,
                   const struct ledger_line *repeat, bool *out)
{
    struct verify_journal *journal = v->j->journal;
    const struct mapped_step *step = repeat->step ? step_of_key(v, repeat->key) : NULL;

    *out = false;
    if (journal->db == NULL) {
        return 0;
    }
    if (!v->doubts_read && journal_read_doubts(journal, v->code) != 0) {
        return -1;
    }
    v->doubts_read = true;
    for (size_t i = 0; i < journal->n_doubts && !*out; i++) {
        struct journal_doubt *doubt = &journal->doubt[i];

        if (doubt->used || doubt->kind != (repeat->step ? JOURNAL_STEP : JOURNAL_SNAPSHOT) ||
            doubt->ended_ms + LATE_MS < before->at_ms || doubt->begun_ms > repeat->at_ms ||
            (repeat->step && (step == NULL || strcmp(doubt->step_key, step->id) != 0))) {
            continue;
        }
        doubt->used = true;
        *out = true;
    }
    return 0;
}

/* Repeats, and keys that were stored a second time. */
static int judge_repeats(struct view *v)
{
    for (const struct ledger_line *l = first_line(v); l != NULL; l = next_line(v, l)) {
        const struct ledger_line *before = NULL;
        bool fine = false;

        for (const struct ledger_line *k = first_line(v); k != l; k = next_line(v, k)) {
            before = k->step == l->step && k->key == l->key ? k : before;
        }
        if (l->stored_twice || (l->effect && !(l->step && before != NULL))) {
            continue; /* stored twice with step_dedupe off: judged as a sum */
        }
        if (!l->effect && before != NULL && excused(v, before, l, &fine) != 0) {
            return -1;
        }
        if (!fine && !(before == NULL && !l->effect)) {
            v->j->report->duplicated++;
            report_mismatch(v->j->report, v->code, "%s delivered twice without an attempt in doubt",
                            l->step ? "step" : "snapshot");
        }
    }
    return 0;
}

/* Steps that nobody made, and steps that came late. */
static void judge_order(struct view *v)
{
    const struct ledger_line *last = NULL;

    for (const struct ledger_line *l = first_line(v); l != NULL; l = next_line(v, l)) {
        if (!l->step || !l->effect) {
            continue;
        }
        if (step_of_key(v, l->key) == NULL) {
            report_mismatch(v->j->report, v->code, "step %.14s: the province has no such step",
                            l->key_time);
        }
        if (last != NULL && memcmp(l->key_time, last->key_time, 14) <= 0) {
            v->j->report->order_violations++;
            report_mismatch(v->j->report, v->code, "step %.14s came after a later one",
                            l->key_time);
        } else {
            last = l;
        }
    }
}

static void judge_done(struct view *v, const struct journal_item *item, size_t *snapshots)
{
    const struct ledger_line *l = first_line(v);

    if (item->state != JOURNAL_DONE) {
        return;
    }
    if (item->kind == JOURNAL_SNAPSHOT) {
        ++*snapshots;
        return;
    }
    for (size_t i = 0; i < v->mapped.n_steps; i++) {
        if (strcmp(v->mapped.steps[i].id, item->step_key) != 0) {
            continue;
        }
        while (l != NULL && l->key != v->mapped.steps[i].key_hash) {
            l = next_line(v, l);
        }
    }
    if (l == NULL) {
        report_mismatch(v->j->report, v->code, "step %s: DONE in the journal, not in the ledger",
                        item->step_key);
    }
}

/* The journal and the ledger tell the same story. */
static void judge_journal(struct view *v)
{
    struct judge *j = v->j;
    size_t done = 0, accepted = 0, snapshots = 0;

    for (size_t i = 0; i < j->journal->n_items; i++) {
        const struct journal_item *item = &j->journal->item[i];

        if (item->state == JOURNAL_HELD) {
            j->held_seen++;
            report_mismatch(j->report, v->code, "%s HELD, and nothing was planted",
                            item->kind == JOURNAL_STEP ? "step" : "snapshot");
        }
        snapshots += item->kind == JOURNAL_SNAPSHOT;
        judge_done(v, item, &done);
    }
    for (const struct ledger_line *l = first_line(v); l != NULL; l = next_line(v, l)) {
        const struct mapped_step *step = l->step ? step_of_key(v, l->key) : NULL;

        accepted += !l->step;
        if (step != NULL && l->effect && item_of(j, step->id) == NULL) {
            report_mismatch(j->report, v->code, "step %.14s: in the ledger, not in the journal",
                            l->key_time);
        }
    }
    accepted += v->logged != NULL ? v->logged->forgotten : 0;
    if (done > accepted) {
        report_mismatch(j->report, v->code, "snapshot: DONE in the journal, not in the ledger");
    }
    if (accepted > 0 && snapshots == 0) {
        report_mismatch(j->report, v->code, "snapshot: in the ledger, not in the journal");
    }
}

/* A dossier that must not reach the portal. */
static void judge_planted(struct view *v, bool to_be_held)
{
    struct judge *j = v->j;
    uint64_t held = 0;

    for (size_t i = 0; i < j->journal->n_items; i++) {
        held += j->journal->item[i].state == JOURNAL_HELD;
    }
    j->held_seen += held;
    if (v->logged != NULL) {
        report_mismatch(j->report, v->code, "sent, and it must not be");
    }
    if (!to_be_held) {
        if (held > 0) {
            report_mismatch(j->report, v->code, "HELD, and it must not be there at all");
        }
        return;
    }
    j->report->planted++;
    j->report->held += held;
    j->report->planted_held += held > 0;
    if (j->journal->db != NULL && held == 0) {
        report_mismatch(j->report, v->code, "planted, but not HELD");
    }
}

static int judge_sent(struct view *v, const cJSON *line)
{
    int result = 0;

    if (map_dossier(line, &v->mapped) != 0 ||
        (v->j->product != NULL && verify_product_apply(v->j->product, &v->mapped) != 0)) {
        report_mismatch(v->j->report, v->code, "the oracle can't map it");
    } else {
        judge_snapshot(v);
        for (size_t i = 0; i < v->mapped.n_steps; i++) {
            judge_step(v, &v->mapped.steps[i]);
        }
        judge_order(v);
        result = judge_repeats(v);
        if (v->j->journal->db != NULL) {
            judge_journal(v);
        }
    }
    map_free(&v->mapped);
    return result;
}

int judge_dossier(struct judge *j, const cJSON *line)
{
    struct view v = {.j = j, .code = map_text(line, "code")};
    const char *expect = map_text(line, "expect");
    struct ledger_dossier *logged = ledger_find(j->ledger, v.code, strlen(v.code));

    if (logged != NULL) {
        logged->seen = true;
    }
    v.logged = logged;
    j->journal->n_items = 0;
    if (j->journal->db != NULL && v.code[0] != '\0' &&
        journal_read_items(j->journal, v.code) != 0) {
        return -1;
    }
    if (strcmp(expect, "portal") == 0) {
        return judge_sent(&v, line);
    }
    judge_planted(&v, strcmp(expect, "held") == 0);
    return 0;
}

static void judge_strangers(struct judge *j)
{
    for (size_t i = 0; i < j->ledger->buckets; i++) {
        const struct ledger_dossier *d = &j->ledger->dossiers[i];
        char code[64];

        if (d->code != NULL && !d->seen) {
            snprintf(code, sizeof(code), "%.*s", (int)d->code_len, d->code);
            report_mismatch(j->report, code, "the province has no such dossier");
        }
    }
}

static int judge_whole_journal(struct judge *j)
{
    uint64_t held = 0, bad = 0;
    bool sound = false;
    char why[256];

    if (journal_count_step_doubts(j->journal, &j->report->steps_in_doubt) != 0 ||
        journal_count_held(j->journal, &held) != 0 || journal_check(j->journal, &sound, why) != 0 ||
        journal_bad_bodies(j->journal, &bad) != 0) {
        return -1;
    }
    if (!sound) {
        report_mismatch(j->report, "journal", "integrity_check: %.120s", why);
    }
    if (bad > 0) {
        report_mismatch(j->report, "journal", "%llu bodies differ from their digests",
                        (unsigned long long)bad);
    }
    if (held > j->held_seen) {
        report_mismatch(j->report, "journal", "%llu HELD items of dossiers unknown to the province",
                        (unsigned long long)(held - j->held_seen));
    }
    return 0;
}

int judge_rest(struct judge *j)
{
    struct report *r = j->report;

    judge_strangers(j);
    if (j->with_files > 0 && j->without_files > 0) {
        report_mismatch(r, "files", "%llu dossiers were sent without theirs",
                        (unsigned long long)j->without_files);
        r->dossiers[0] -= j->without_files;
        r->lost += j->without_files;
    }
    if (j->journal->db != NULL && judge_whole_journal(j) != 0) {
        return -1;
    }
    r->stored_twice = j->ledger->stored_twice;
    if (r->stored_twice > r->steps_in_doubt) {
        r->duplicated += r->stored_twice - r->steps_in_doubt;
        report_mismatch(r, "steps", "more stored twice than attempts were in doubt");
    }
    return 0;
}
