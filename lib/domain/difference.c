#include "domain/difference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/status.h"

static const struct difference_row rows[DIFFERENCES] = {
    [DIFFERENCE_NONE] =
        {"agreed", "agreed",
         "source, journal and portal say the same: the portal shows the status that "
         "was delivered last, and the source tells nothing newer",
         NULL, DIFFERENCE_AGREES},
    [DIFFERENCE_LOST] = {"lost", "lost at the portal",
                         "the portal acknowledged the dossier and says now that it has none",
                         "send it again with --fix", DIFFERENCE_DIFFERS},
    [DIFFERENCE_PORTAL_OLDER] = {"portal_older", "portal older",
                                 "the portal shows a status that came before the delivered one",
                                 "send it again with --fix", DIFFERENCE_DIFFERS},
    [DIFFERENCE_PORTAL_NEWER] =
        {"portal_newer", "portal newer",
         "the portal shows a status that can come after the delivered one",
         "ask who changed it at the portal; where the province is right, --fix sends it again",
         DIFFERENCE_DIFFERS},
    [DIFFERENCE_PORTAL_OTHER] =
        {"portal_other", "portal shows another status",
         "no legal way leads from the delivered status to the shown one, nor "
         "back",
         "ask who changed it at the portal; correct the record where it is wrong",
         DIFFERENCE_DIFFERS},
    [DIFFERENCE_NOT_IN_JOURNAL] =
        {"not_in_journal", "not in the journal",
         "the source or the portal has it, and the journal did not know it",
         "dvcsyncctl poll SOURCE --full reads what the source has", DIFFERENCE_DIFFERS},
    [DIFFERENCE_NOT_AT_SOURCE] =
        {"not_at_source", "not at the source", "the source was asked for it and has it no more",
         "ask the province why it is gone; nothing is ever taken back at the portal",
         DIFFERENCE_DIFFERS},
    [DIFFERENCE_SOURCE_AHEAD] = {"source_ahead", "source ahead of the journal",
                                 "the source tells a content or a step that the journal has not",
                                 "read it again with --fix, or dvcsyncctl poll SOURCE --full",
                                 DIFFERENCE_DIFFERS},
    [DIFFERENCE_NEVER_DELIVERED] =
        {"never_delivered", "never delivered",
         "the journal has it and nothing of it waits, but the portal never "
         "acknowledged it (given up by a person, or taken over)",
         "dvcsyncctl why CODE tells what was given up; resolve it as resend to send it",
         DIFFERENCE_DIFFERS},
    [DIFFERENCE_WAITING] = {"waiting", "waiting to be delivered",
                            "something of it waits, is on its way or in doubt, longer than grace",
                            "dvcsyncctl why CODE tells what it waits for", DIFFERENCE_DIFFERS},
    [DIFFERENCE_HELD] = {"held", "held for a person",
                         "something of it is held; dvcsyncctl queue --state held says why",
                         "dvcsyncctl why CODE tells what holds it", DIFFERENCE_DIFFERS},
    [DIFFERENCE_NOT_SHOWN] = {"not_shown", "status not shown by the portal",
                              "the portal has the dossier and does not show its status", NULL,
                              DIFFERENCE_UNKNOWN},
    [DIFFERENCE_NOT_ANSWERED] =
        {"not_answered", "not answered by the portal",
         "the portal did not tell whether it has the dossier, or it could not be compared",
         "reconcile it again", DIFFERENCE_UNKNOWN},
    [DIFFERENCE_SOURCE_SILENT] = {"source_silent", "not answered by the source",
                                  "journal and portal agree; the source could be asked and did not "
                                  "answer",
                                  "reconcile it again", DIFFERENCE_UNKNOWN},
    [DIFFERENCE_NOWHERE] =
        {"nowhere", "known to nobody",
         "neither the journal nor the portal has it, and no source that could be "
         "asked by its number",
         "is the number right? dvcsyncctl poll SOURCE --full reads what a source has",
         DIFFERENCE_UNKNOWN},
    [DIFFERENCE_IN_GRACE] = {"in_grace", "in grace",
                             "it changed less than the grace time before the look-up", NULL,
                             DIFFERENCE_TOLERABLE},
    [DIFFERENCE_TOLERATED] = {"tolerated", "tolerated pair of statuses",
                              "the delivered and the shown status are a configured pair", NULL,
                              DIFFERENCE_TOLERABLE},
};

const struct difference_row *difference_row(enum difference d)
{
    return (unsigned)d < DIFFERENCES ? &rows[d] : NULL;
}

const char *side_name(enum side side)
{
    static const char *const names[] = {"not known", "there", "absent"};

    return (unsigned)side < sizeof(names) / sizeof(names[0]) ? names[side] : "not known";
}

/* ---- pairs ---- */

static int parse_status(const char *text, const char *end, int *out)
{
    int value = 0;

    if (text == end || end - text > 2) {
        return ERR_FORMAT;
    }
    for (; text < end; text++) {
        if (*text < '0' || *text > '9') {
            return ERR_FORMAT;
        }
        value = value * 10 + (*text - '0');
    }
    *out = value;
    return value <= STATUS_LAST ? 0 : ERR_FORMAT;
}

int difference_pair_parse(const char *text, struct difference_pair *out)
{
    const char *slash = strchr(text, '/');
    int err;

    if (slash == NULL) {
        return ERR_FORMAT;
    }
    out->ours = 0;
    err = slash - text == 1 && *text == '*' ? 0 : parse_status(text, slash, &out->ours);
    if (err == 0 && *text != '*' && out->ours == 0) {
        err = ERR_FORMAT; /* nothing is ever delivered without a status */
    }
    return err == 0 ? parse_status(slash + 1, slash + strlen(slash), &out->shown) : err;
}

void difference_pair_text(const struct difference_pair *pair, char out[DIFFERENCE_PAIR_TEXT])
{
    if (pair->ours == 0) {
        (void)snprintf(out, DIFFERENCE_PAIR_TEXT, "*/%d", pair->shown);
    } else {
        (void)snprintf(out, DIFFERENCE_PAIR_TEXT, "%d/%d", pair->ours, pair->shown);
    }
}

/* ---- the judgement ---- */

/* Whether a status comes before another: by a single move that has no way back, else by moves that
 * have none; else, going round, by their numbers, which follow the usual course. */
static bool comes_before(int a, int b)
{
    if (status_move_legal(a, b) != status_move_legal(b, a)) {
        return status_move_legal(a, b);
    }
    if (status_path_exists(a, b) != status_path_exists(b, a)) {
        return status_path_exists(a, b);
    }
    return a < b;
}

static enum difference judge_status(const struct difference_facts *f)
{
    int ours = f->acked_status;
    int shown = f->shown_status;

    if (shown == 0 || ours == 0) {
        return DIFFERENCE_NOT_SHOWN;
    }
    if (shown == ours) {
        return DIFFERENCE_NONE;
    }
    if (!f->shown_before && !status_path_exists(shown, ours) && !status_path_exists(ours, shown)) {
        return DIFFERENCE_PORTAL_OTHER;
    }
    return f->shown_before || comes_before(shown, ours) ? DIFFERENCE_PORTAL_OLDER
                                                        : DIFFERENCE_PORTAL_NEWER;
}

static enum difference judge_portal(const struct difference_facts *f)
{
    switch (f->portal) {
    case SIDE_UNKNOWN:
        return DIFFERENCE_NOT_ANSWERED;
    case SIDE_ABSENT:
        return f->delivered ? DIFFERENCE_LOST : DIFFERENCE_NEVER_DELIVERED;
    case SIDE_THERE:
        break;
    }
    return f->delivered ? judge_status(f) : DIFFERENCE_NEVER_DELIVERED;
}

/* Without any tolerance. What is known already (held, on its way) goes before what follows from it;
 * what the portal lacks before what the source has. */
static enum difference judge(const struct difference_facts *f)
{
    enum difference portal;

    if (f->journal != SIDE_THERE) {
        return f->portal == SIDE_THERE || f->source == SIDE_THERE ? DIFFERENCE_NOT_IN_JOURNAL
               : f->portal == SIDE_UNKNOWN                        ? DIFFERENCE_NOT_ANSWERED
                                                                  : DIFFERENCE_NOWHERE;
    }
    if (f->found_late) {
        return DIFFERENCE_NOT_IN_JOURNAL;
    }
    if (f->held) {
        return DIFFERENCE_HELD;
    }
    if (f->waiting) {
        return DIFFERENCE_WAITING;
    }
    if (f->source == SIDE_ABSENT) {
        return DIFFERENCE_NOT_AT_SOURCE;
    }
    portal = judge_portal(f);
    if (portal == DIFFERENCE_LOST || portal == DIFFERENCE_NOT_ANSWERED) {
        return portal;
    }
    if (f->source_ahead) {
        return DIFFERENCE_SOURCE_AHEAD;
    }
    if (portal == DIFFERENCE_NONE && f->source_asked && f->source == SIDE_UNKNOWN) {
        return DIFFERENCE_SOURCE_SILENT;
    }
    return portal;
}

static bool younger(uint64_t at_ms, const struct difference_rules *r)
{
    return at_ms != 0 && at_ms + r->grace_ms > r->now_ms;
}

/* Grace is for what may still be on its way, not for what a person was told already. */
static bool in_grace(enum difference kind, const struct difference_facts *f,
                     const struct difference_rules *r)
{
    switch (kind) {
    case DIFFERENCE_LOST:
    case DIFFERENCE_PORTAL_OLDER:
    case DIFFERENCE_PORTAL_NEWER:
    case DIFFERENCE_PORTAL_OTHER:
    case DIFFERENCE_WAITING:
        return younger(f->changed_ms, r);
    case DIFFERENCE_SOURCE_AHEAD:
        return f->source_at_s > 0 && younger((uint64_t)f->source_at_s * 1000, r);
    default:
        return false;
    }
}

static bool tolerated(enum difference kind, const struct difference_facts *f,
                      const struct difference_rules *r, size_t *pair)
{
    bool of_status = kind == DIFFERENCE_PORTAL_OLDER || kind == DIFFERENCE_PORTAL_NEWER ||
                     kind == DIFFERENCE_PORTAL_OTHER || kind == DIFFERENCE_NOT_SHOWN;

    for (size_t i = 0; i < r->n_pairs && of_status; i++) {
        if (r->pairs[i].shown == f->shown_status &&
            (r->pairs[i].ours == 0 || r->pairs[i].ours == f->acked_status)) {
            *pair = i;
            return true;
        }
    }
    return false;
}

struct difference_verdict difference_judge(const struct difference_facts *facts,
                                           const struct difference_rules *rules)
{
    struct difference_verdict v = {.kind = judge(facts)};

    v.but_for = v.kind;
    if (in_grace(v.kind, facts, rules)) {
        v.kind = DIFFERENCE_IN_GRACE;
    } else if (tolerated(v.kind, facts, rules, &v.pair)) {
        v.kind = DIFFERENCE_TOLERATED;
    }
    return v;
}

/* ---- what helps ---- */

/* The portal is brought to what was delivered, where a legal way leads there and the source was
 * asked and says the same. What it last told is not enough: a restored journal lacks what was
 * delivered after its backup, and would set the portal back. */
static enum remedy bring_back(const struct difference_facts *f)
{
    bool agreed = f->source_asked && f->source == SIDE_THERE;

    return agreed && status_path_exists(f->shown_status, f->acked_status) ? REMEDY_UPDATE
                                                                          : REMEDY_PERSON;
}

enum remedy difference_remedy(enum difference kind, const struct difference_facts *facts)
{
    switch (kind) {
    case DIFFERENCE_LOST:
        return REMEDY_FIRST;
    case DIFFERENCE_PORTAL_OLDER:
        return REMEDY_UPDATE;
    case DIFFERENCE_PORTAL_NEWER:
    case DIFFERENCE_PORTAL_OTHER:
        return bring_back(facts);
    case DIFFERENCE_SOURCE_AHEAD:
        return REMEDY_READ;
    case DIFFERENCE_NOT_IN_JOURNAL:
        return facts->source == SIDE_THERE && !facts->found_late ? REMEDY_READ : REMEDY_PERSON;
    case DIFFERENCE_NOT_AT_SOURCE:
    case DIFFERENCE_NEVER_DELIVERED:
    case DIFFERENCE_HELD:
        return REMEDY_PERSON;
    default:
        return REMEDY_NONE;
    }
}
