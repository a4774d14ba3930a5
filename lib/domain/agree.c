#include "domain/agree.h"

#include <string.h>

static const struct {
    const char *name, *title, *definition;
    bool heals;
} kinds[AGREE_KINDS] = {
    [AGREE_LOCAL_ONLY] = {"local_only", "Local only",
                          "open here, not in the portal's catalogue, and not said to be the "
                          "province's own (own = yes in the file of facts)",
                          false},
    [AGREE_PORTAL_ONLY] = {"portal_only", "Portal only",
                           "published at the portal (TRANGTHAI 1), missing or closed here, not yet "
                           "overdue",
                           true},
    [AGREE_OVERDUE] = {"overdue", "Overdue to publish",
                       "published at the portal, missing or closed here, and the time to publish "
                       "(deadlines.publish_days working days) is over since the daemon first saw "
                       "it in the portal's list",
                       true},
    [AGREE_WITHDRAWN_OPEN] =
        {"withdrawn_open", "Withdrawn there, open here",
         "withdrawn at the portal (TRANGTHAI other than 1, or missing from two "
         "complete lists in a row), open here",
         true},
    [AGREE_RENAMED] = {"renamed", "Renamed", "TENTTHC and serviceName differ", true},
    [AGREE_SECTOR] = {"sector", "Sector differs",
                      "LINHVUCTHUCHIEN[0] and domainCode, domainName differ", true},
    [AGREE_AGENCY] = {"agency", "Publishing agency differs",
                      "MACOQUANCONGBO and administrationCode differ", false},
    [AGREE_CONTENT] = {"content", "Content differs",
                       "a text of LayThuTuc and the text made of it here differ (CR LF counts as "
                       "LF); the fields are named",
                       true},
    [AGREE_LEVEL] = {"level", "Service level differs",
                     "LayDVC and maxLevel differ: without a service information only; full and "
                     "partial as the service's name says; one that says neither fits both",
                     false},
    [AGREE_DECISION] = {"decision", "Publishing decision differs",
                        "number or date of LayQDCB and of the province's own record differ", false},
    [AGREE_DECENTRALISED] = {"decentralised", "Decentralised differs",
                             "phân cấp, ủy quyền: no wire shows it; by the file of facts", false},
    [AGREE_INDEPENDENT] = {"independent", "Independence of boundaries differs",
                           "phi địa giới: no wire shows it; by the file of facts", false},
    [AGREE_PROCESS] =
        {"process", "Internal process not configured",
         "open on both sides, and the product shows no process (ServiceConfig) for it", false},
    [AGREE_EFORM] =
        {"eform", "E-form not configured",
         "open on both sides and served online (full or partial), and the product shows "
         "no form template for it",
         false},
};

#define NO_TEXT ((size_t)-1)
#define TEXT_OF(member) offsetof(struct procedure, member)

static const struct {
    const char *name;
    size_t offset; /* in struct procedure */
    enum agree_kind kind;
} fields[AGREE_FIELDS] = {
    [AGREE_NAME] = {"name", TEXT_OF(name), AGREE_RENAMED},
    [AGREE_SECTOR_CODE] = {"sector_code", TEXT_OF(sector_code), AGREE_SECTOR},
    [AGREE_SECTOR_NAME] = {"sector_name", TEXT_OF(sector_name), AGREE_SECTOR},
    [AGREE_PUBLISHER] = {"publisher", TEXT_OF(publisher), AGREE_AGENCY},
    [AGREE_STEPS] = {"steps_text", TEXT_OF(steps_text), AGREE_CONTENT},
    [AGREE_CHANNELS] = {"channels_text", TEXT_OF(channels_text), AGREE_CONTENT},
    [AGREE_DURATION] = {"duration_text", TEXT_OF(duration_text), AGREE_CONTENT},
    [AGREE_FEE] = {"fee_text", TEXT_OF(fee_text), AGREE_CONTENT},
    [AGREE_COMPONENTS] = {"components_text", TEXT_OF(components_text), AGREE_CONTENT},
    [AGREE_CONDITION] = {"condition_text", TEXT_OF(condition_text), AGREE_CONTENT},
    [AGREE_SUBJECTS] = {"subjects_text", TEXT_OF(subjects_text), AGREE_CONTENT},
    [AGREE_RESULTS] = {"results_text", TEXT_OF(results_text), AGREE_CONTENT},
    [AGREE_LEGAL] = {"legal_text", TEXT_OF(legal_text), AGREE_CONTENT},
    [AGREE_DECISION_NO] = {"decision_no", NO_TEXT, AGREE_DECISION},
    [AGREE_DECISION_DATE] = {"decision_date", NO_TEXT, AGREE_DECISION},
    [AGREE_UNREAD] = {"unread", NO_TEXT, AGREE_CONTENT},
};

const char *agree_kind_name(enum agree_kind kind)
{
    return kinds[kind].name;
}

const char *agree_kind_title(enum agree_kind kind)
{
    return kinds[kind].title;
}

const char *agree_kind_definition(enum agree_kind kind)
{
    return kinds[kind].definition;
}

bool agree_kind_heals(enum agree_kind kind)
{
    return kinds[kind].heals;
}

int agree_kind_find(const char *name, enum agree_kind *out)
{
    for (unsigned i = 0; i < AGREE_KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *out = (enum agree_kind)i;
            return 0;
        }
    }
    return ERR_NOTFOUND;
}

const char *agree_field_name(enum agree_field field)
{
    return fields[field].name;
}

enum agree_kind agree_field_kind(enum agree_field field)
{
    return fields[field].kind;
}

const char *agree_field_text(const struct procedure *p, enum agree_field field)
{
    size_t offset = fields[field].offset;

    return offset != NO_TEXT ? *(const char *const *)(const void *)((const char *)p + offset) : "";
}

static void judge(struct agree_found *out, enum agree_kind kind, bool differs)
{
    out->judged |= AGREE_BIT(kind);
    if (differs) {
        out->kinds |= AGREE_BIT(kind);
    }
}

static void differ(struct agree_found *out, enum agree_field field)
{
    out->fields |= AGREE_BIT(field);
    judge(out, fields[field].kind, true);
}

/* XML makes one line feed of a carriage return and a line feed: no wire tells them apart reliably.
 */
static bool same_text(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        a += a[0] == '\r' && a[1] == '\n';
        b += b[0] == '\r' && b[1] == '\n';
        if (*a++ != *b++) {
            return false;
        }
    }
    return true;
}

static void compare_texts(const struct agree_pair *pair, struct agree_found *out)
{
    if (pair->portal.record == NULL || pair->local.record == NULL) {
        if (!pair->equal_digest) {
            differ(out, AGREE_UNREAD);
        }
        judge(out, AGREE_CONTENT, false);
        return;
    }
    for (unsigned i = 0; i < AGREE_FIELDS; i++) {
        enum agree_field field = (enum agree_field)i;

        if (fields[i].offset == NO_TEXT) {
            continue;
        }
        judge(out, fields[i].kind, false);
        if (!same_text(agree_field_text(pair->portal.record, field),
                       agree_field_text(pair->local.record, field))) {
            differ(out, field);
        }
    }
}

static void compare_levels(const struct agree_pair *pair, struct agree_found *out)
{
    if (pair->portal.level != LEVEL_NOT_SHOWN && pair->local.level != LEVEL_NOT_SHOWN) {
        judge(out, AGREE_LEVEL, !level_agrees(pair->portal.level, pair->local.level));
    }
}

static void compare_decisions(const struct agree_pair *pair, struct agree_found *out)
{
    const struct agree_side *p = &pair->portal;
    const struct agree_side *l = &pair->local;

    if (p->decision_no[0] != '\0' && l->decision_no[0] != '\0') {
        judge(out, AGREE_DECISION, false);
        if (strcmp(p->decision_no, l->decision_no) != 0) {
            differ(out, AGREE_DECISION_NO);
        }
    }
    if (p->decision_s != 0 && l->decision_s != 0) {
        judge(out, AGREE_DECISION, false);
        if (p->decision_s != l->decision_s) {
            differ(out, AGREE_DECISION_DATE);
        }
    }
}

static void compare_answers(enum agree_kind kind, enum facts_answer portal, enum facts_answer local,
                            struct agree_found *out)
{
    if (portal != FACTS_UNSAID && local != FACTS_UNSAID) {
        judge(out, kind, portal != local);
    }
}

/* By what the product shows; what it does not show, by the file. */
static void check_configured(enum agree_kind kind, int shown, enum facts_answer said,
                             struct agree_found *out)
{
    if (shown >= 0) {
        judge(out, kind, shown == 0);
    } else if (said != FACTS_UNSAID) {
        judge(out, kind, said == FACTS_NO);
    }
}

static void compare_open(const struct agree_pair *pair, struct agree_found *out)
{
    const struct catalog_fact nothing = {.decision_no = ""};
    const struct agree_side *local = &pair->local;
    const struct catalog_fact *there = pair->portal.fact != NULL ? pair->portal.fact : &nothing;
    const struct catalog_fact *here = local->fact != NULL ? local->fact : &nothing;
    enum service_level level =
        pair->portal.level != LEVEL_NOT_SHOWN ? pair->portal.level : local->level;

    out->both_open = true;
    compare_texts(pair, out);
    compare_levels(pair, out);
    compare_decisions(pair, out);
    compare_answers(AGREE_DECENTRALISED, there->decentralised, here->decentralised, out);
    compare_answers(AGREE_INDEPENDENT, there->independent, here->independent, out);
    check_configured(AGREE_PROCESS, local->processes, here->process, out);
    if (level >= LEVEL_PARTIAL) {
        check_configured(AGREE_EFORM, local->eforms, here->eform, out);
    }
}

void agree_compare(const struct agree_pair *pair, struct agree_found *out)
{
    const struct agree_side *portal = &pair->portal;
    const struct agree_side *local = &pair->local;

    memset(out, 0, sizeof(*out));
    if (portal->open && local->open) {
        compare_open(pair, out);
    } else if (portal->open) {
        judge(out, pair->overdue ? AGREE_OVERDUE : AGREE_PORTAL_ONLY, true);
    } else if (local->open && portal->there) {
        judge(out, AGREE_WITHDRAWN_OPEN, true);
    } else if (local->open) {
        out->own = local->fact != NULL && local->fact->own == FACTS_YES;
        if (!out->own) {
            judge(out, AGREE_LOCAL_ONLY, true);
        }
    }
}

bool agree_is_equal(const struct agree_found *found)
{
    return (found->kinds & ~(AGREE_BIT(AGREE_PROCESS) | AGREE_BIT(AGREE_EFORM))) == 0;
}

bool agree_is_healable(const struct agree_found *found)
{
    bool any = false;

    for (unsigned i = 0; i < AGREE_KINDS; i++) {
        if ((found->kinds & AGREE_BIT(i)) == 0) {
            continue;
        }
        if (kinds[i].heals) {
            any = true;
        } else if (i == AGREE_AGENCY || i == AGREE_LEVEL) {
            return false; /* what is sent would overwrite it */
        }
    }
    return any;
}
