/* ctl_heal: `catalog heal`: finds the differences in the journal's file as `catalog report` does,
 * orders the daemon to hand over once more what it may, and lists what a person must decide. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_agree.h"
#include "daemon/ctl_sheet.h"
#include "daemon/ctl_text.h"
#include "sync/catalog.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))
#define ROWS_BYTES ((size_t)128 << 20)
#define ORDER_MS 60000

/* What becomes of a procedure that differs. */
enum fate { FATE_SEND, FATE_ON_ITS_WAY, FATE_PERSON };

struct patient {
    const char *code, *name;
    uint32_t kinds; /* bits of enum agree_kind */
    enum fate fate;
    const char *why; /* of FATE_PERSON */
    struct patient *next;
};

struct heal {
    struct agree_survey survey;
    struct arena arena;
    struct patient *first, **end;
    uint32_t wanted; /* kinds that are healed in this run */
    uint64_t n[3];   /* by fate */
    const char *flow;
    uint64_t stored, unchanged, held;
};

static struct patient *add(struct heal *h, const struct agree_case *one, uint32_t kinds,
                           enum fate fate, const char *why)
{
    struct patient *p = arena_alloc(&h->arena, sizeof(*p));

    if (p == NULL) {
        return NULL;
    }
    p->code = arena_strdup(&h->arena, one->row->code);
    p->name = arena_strdup(&h->arena, one->name);
    p->kinds = kinds;
    p->fate = fate;
    p->why = why;
    p->next = NULL;
    if (p->code == NULL || p->name == NULL) {
        return NULL;
    }
    *h->end = p;
    h->end = &p->next;
    h->n[fate]++;
    return p;
}

static uint32_t healing_kinds(uint32_t kinds)
{
    uint32_t healing = 0;

    for (unsigned i = 0; i < AGREE_KINDS; i++) {
        if ((kinds & AGREE_BIT(i)) != 0 && agree_kind_heals((enum agree_kind)i)) {
            healing |= AGREE_BIT(i);
        }
    }
    return healing;
}

static int on_case(void *ctx, const struct agree_case *one)
{
    struct heal *h = ctx;
    uint32_t healing = healing_kinds(one->found->kinds);
    uint32_t others = one->found->kinds & ~healing;
    bool fits = true;

    if (healing != 0 && one->row->held) {
        fits = add(h, one, healing, FATE_PERSON,
                   "an item of it is held: dvcsyncctl queue --code CODE") != NULL;
    } else if (healing != 0 && one->row->on_its_way) {
        fits = add(h, one, healing, FATE_ON_ITS_WAY, "") != NULL;
    } else if (healing != 0 && !agree_is_healable(one->found)) {
        fits = add(h, one, healing, FATE_PERSON,
                   "what would be sent would also overwrite the agency or the level") != NULL;
    } else if ((healing & h->wanted) != 0) {
        fits = add(h, one, healing, FATE_SEND, "") != NULL;
    }
    if (fits && (others & h->wanted) != 0) {
        fits = add(h, one, others & h->wanted, FATE_PERSON, "") != NULL;
    }
    return fits ? 0 : err_set(&h->survey.msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

/* ---- the order ---- */

static int send_codes(struct ctl *c, struct heal *h, struct ctl_body *body)
{
    struct json *root;
    struct buf target;
    bool json = c->json;
    int exit_code;

    buf_init(&target, 1024);
    buf_puts(&target, "/v1/flows/");
    ctl_put_encoded(&target, h->flow);
    buf_puts(&target, ":heal");
    c->json = false; /* the sheet is what is printed */
    exit_code = ctl_ask(c, buf_text(&target), ctl_body_end(body), ORDER_MS, &root);
    c->json = json;
    if (exit_code == CTL_OK) {
        h->stored += ctl_uint(root, "stored");
        h->unchanged += ctl_uint(root, "unchanged");
        h->held += ctl_uint(root, "held");
    }
    json_free(root);
    buf_free(&target);
    return exit_code;
}

/* The next order's worth of codes from p on; *next is where the one after it begins. */
static int order(struct ctl *c, struct heal *h, const struct patient *p,
                 const struct patient **next)
{
    struct ctl_body body;
    size_t n = 0;
    int exit_code = CTL_OK;

    ctl_body_begin(&body);
    ctl_body_option(&body, c, CTL_REASON, "reason");
    json_array_open(&body.w, "codes");
    for (; p != NULL && n < CATALOG_HEAL_MAX; p = p->next) {
        if (p->fate == FATE_SEND) {
            json_string(&body.w, NULL, p->code);
            n++;
        }
    }
    json_array_close(&body.w);
    *next = p;
    if (n > 0) {
        exit_code = send_codes(c, h, &body);
    }
    ctl_body_free(&body);
    return exit_code;
}

/* The flow that is named, or the only one of the configuration that hands a catalogue over. */
static int find_flow(struct ctl *c, struct heal *h)
{
    size_t n = 0;

    h->flow = c->options[CTL_FLOW];
    for (size_t i = 0; h->flow == NULL && i < c->config->n_flows; i++) {
        const struct config_flow *flow = &c->config->flows[i];

        if (flow->kind == FLOW_CATALOG && flow->to[0] != '\0') {
            n++;
            h->flow = flow->name;
        }
    }
    if (h->flow == NULL) {
        return ctl_complain(CTL_FAULTY_CONFIG, "no flow hands a catalogue to the province");
    }
    return n > 1 ? ctl_complain(CTL_USAGE, "several flows hand catalogues over: --flow names one")
                 : CTL_OK;
}

/* ---- what is printed ---- */

static void put_rows(const struct heal *h, struct sheet *s, enum fate fate)
{
    for (const struct patient *p = h->first; p != NULL; p = p->next) {
        for (unsigned i = 0; i < AGREE_KINDS && p->fate == fate; i++) {
            if ((p->kinds & AGREE_BIT(i)) == 0) {
                continue;
            }
            sheet_text(s, p->code);
            sheet_text(s, agree_kind_name((enum agree_kind)i));
            sheet_text(s, p->why);
            sheet_text(s, p->name);
        }
    }
}

static int show(struct ctl *c, const struct heal *h, enum sheet_format format, bool dry)
{
    static const struct sheet_column columns[] = {{"code", "Code", SHEET_WORDS},
                                                  {"kind", "Kind", SHEET_WORDS},
                                                  {"why", "Why", SHEET_WORDS},
                                                  {"name", "Name", SHEET_WORDS}};
    struct sheet s;
    struct buf out;

    buf_init(&out, CTL_TEXT_BYTES);
    sheet_begin(&s, format, "catalog_heal", "Healing of the catalogue", &out);
    sheet_fact_number(&s, "to_send", dry ? "Procedures that would be sent" : "Procedures to send",
                      (int64_t)h->n[FATE_SEND]);
    if (!dry) {
        sheet_fact_number(&s, "sent", "Handed over to the flow", (int64_t)h->stored);
        sheet_fact_number(&s, "held", "Of these held for a person", (int64_t)h->held);
    }
    sheet_fact_number(&s, "on_their_way", "On their way already",
                      (int64_t)(h->n[FATE_ON_ITS_WAY] + h->unchanged));
    sheet_fact_number(&s, "for_a_person", "For a person", (int64_t)h->n[FATE_PERSON]);
    sheet_note(&s, "",
               dry ? "nothing was changed"
                   : "what is handed over is sent by the flow like any "
                     "other item; dvcsyncctl queue shows it, and after its delivery the "
                     "province's list is read again");
    sheet_table(&s, "sent", dry ? "Would be sent" : "Sent again", columns, COUNT_OF(columns));
    put_rows(h, &s, FATE_SEND);
    sheet_table(&s, "on_their_way", "On their way already", columns, COUNT_OF(columns));
    put_rows(h, &s, FATE_ON_ITS_WAY);
    sheet_table(&s, "for_a_person", "A person decides", columns, COUNT_OF(columns));
    put_rows(h, &s, FATE_PERSON);
    return ctl_sheet_output(c, &s, h->first != NULL ? CTL_WARNING : CTL_OK);
}

/* ---- the verb ---- */

static int read_kind(struct ctl *c, struct heal *h)
{
    const char *name = c->options[CTL_KIND];
    enum agree_kind kind;

    h->wanted = AGREE_BIT(AGREE_KINDS) - 1;
    if (name == NULL) {
        return CTL_OK;
    }
    if (agree_kind_find(name, &kind) != 0) {
        return ctl_complain(CTL_USAGE,
                            "--kind %s: there is no such kind; catalog report lists them", name);
    }
    h->wanted = AGREE_BIT(kind);
    return agree_kind_heals(kind)
               ? CTL_OK
               : ctl_complain(CTL_USAGE, "%s is for a person to decide, nothing is sent for it",
                              name);
}

int ctl_catalog_heal(struct ctl *c)
{
    struct heal *h = calloc(1, sizeof(*h));
    const struct patient *p = NULL;
    enum sheet_format format;
    struct buf path;
    bool dry = c->options[CTL_DRY_RUN] != NULL;
    int exit_code;
    int err;

    if (h == NULL) {
        return ctl_complain(CTL_UNKNOWN, "out of memory");
    }
    arena_init(&h->arena, ROWS_BYTES);
    h->end = &h->first;
    exit_code = agree_survey_open(c, &path, &h->survey);
    exit_code = exit_code == CTL_OK ? ctl_sheet_format(c, &format) : exit_code;
    exit_code = exit_code == CTL_OK ? read_kind(c, h) : exit_code;
    exit_code = exit_code == CTL_OK ? find_flow(c, h) : exit_code;
    if (exit_code == CTL_OK) {
        err = agree_survey_run(&h->survey, on_case, h);
        exit_code = err == 0 ? CTL_OK : ctl_sheet_failed(err, &h->survey.msg);
        p = h->first;
    }
    while (p != NULL && exit_code == CTL_OK && !dry) {
        exit_code = order(c, h, p, &p);
    }
    if (exit_code == CTL_OK) {
        exit_code = show(c, h, format, dry);
    }
    agree_survey_free(&h->survey);
    arena_free(&h->arena);
    buf_free(&path);
    free(h);
    return exit_code;
}
