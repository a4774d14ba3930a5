/* ctl_integrity_judge: the list, and one dossier against itself and against its procedure in the
 * mirror. Pure: reads what it is handed, writes the list. */
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/json.h"
#include "codec/record.h"
#include "daemon/ctl_integrity.h"
#include "domain/amount.h"
#include "domain/codes.h"

#define RECORD_BYTES ((size_t)8 << 20)
#define CODE_SHOWN 64

/* ---- what is found ---- */

static int no_memory(struct integrity *list)
{
    return err_set(&list->msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

bool integrity_wants(const struct integrity *list, enum integrity_kind kind)
{
    return list->only < 0 || list->only == (int)kind;
}

int integrity_found(struct integrity *list, enum integrity_kind kind, const char *flow,
                    const char *code, const char *what)
{
    struct integrity_finding *f;

    list->counts[kind].found++;
    if (!integrity_wants(list, kind)) {
        return 0;
    }
    if (list->n_findings == INTEGRITY_FINDINGS_MAX) {
        list->dropped++;
        return 0;
    }
    if (list->n_findings == list->findings_room) {
        size_t room = list->findings_room == 0 ? 1024 : 2 * list->findings_room;
        struct integrity_finding *more = realloc(list->findings, room * sizeof(*more));

        if (more == NULL) {
            return no_memory(list);
        }
        list->findings = more;
        list->findings_room = room;
    }
    f = &list->findings[list->n_findings];
    *f = (struct integrity_finding){kind, arena_strdup(&list->arena, flow),
                                    arena_strdup(&list->arena, code),
                                    arena_strdup(&list->arena, what)};
    if (f->flow == NULL || f->code == NULL || f->what == NULL) {
        return no_memory(list);
    }
    list->n_findings++;
    return 0;
}

/* ---- the mirror's procedures ---- */

struct fee {
    const char *channel, *code, *amount, *unit; /* code "": the channel itself */
};

struct procedure_lists {
    const char *code;
    const char **papers;
    size_t n_papers;
    struct fee *fees;
    size_t n_fees;
};

static int by_code(const void *a, const void *b)
{
    return strcmp(((const struct procedure_lists *)a)->code,
                  ((const struct procedure_lists *)b)->code);
}

static const char *keep(struct integrity *list, const struct json *object, const char *key)
{
    char number[24];

    return arena_strdup(&list->arena, json_text_or_empty(json_get_any_case(object, key), number));
}

/* Codes as they are compared: without blanks around them, and without the stray apostrophe that
 * some catalogues end them with. */
static void plain_code(const char *code, char out[CODE_SHOWN])
{
    size_t n;

    text_trim(code, out, CODE_SHOWN);
    n = strlen(out);
    while (n > 0 && out[n - 1] == '\'') {
        out[--n] = '\0';
    }
}

static int keep_papers(struct integrity *list, struct procedure_lists *p, const struct json *array)
{
    p->papers = arena_alloc(&list->arena, (json_size(array) + 1) * sizeof(*p->papers));
    if (p->papers == NULL) {
        return no_memory(list);
    }
    for (const struct json *x = json_first(array); x != NULL; x = json_next(x)) {
        char number[24];
        char code[CODE_SHOWN];

        plain_code(json_text_or_empty(x, number), code);
        p->papers[p->n_papers] = arena_strdup(&list->arena, code);
        if (p->papers[p->n_papers++] == NULL) {
            return no_memory(list);
        }
    }
    return 0;
}

static int keep_fees(struct integrity *list, struct procedure_lists *p, const struct json *array)
{
    p->fees = arena_alloc(&list->arena, (json_size(array) + 1) * sizeof(*p->fees));
    if (p->fees == NULL) {
        return no_memory(list);
    }
    for (const struct json *x = json_first(array); x != NULL; x = json_next(x)) {
        struct fee *fee = &p->fees[p->n_fees++];
        char number[24];
        char code[CODE_SHOWN];

        plain_code(json_text_or_empty(json_get(x, "code"), number), code);
        *fee = (struct fee){keep(list, x, "channel"), arena_strdup(&list->arena, code),
                            keep(list, x, "amount"), keep(list, x, "unit")};
        if (fee->channel == NULL || fee->code == NULL || fee->amount == NULL || fee->unit == NULL) {
            return no_memory(list);
        }
    }
    return 0;
}

/* A list that is JSON inside of a text. Of "" there is nothing to take. */
static int take_list(struct integrity *list, struct procedure_lists *p, const char *text,
                     int (*take)(struct integrity *list, struct procedure_lists *p,
                                 const struct json *array))
{
    struct json *array = NULL;
    int err = text[0] != '\0' ? json_parse(text, strlen(text), &array, &list->msg) : 0;

    err = err == 0 && array != NULL ? take(list, p, array) : err;
    json_free(array);
    return err == ERR_NOMEM ? err : 0; /* what can't be read is not compared, and counted as that */
}

int integrity_add_procedure(void *ctx, const char *code, const char *body, size_t n)
{
    struct integrity *list = ctx;
    struct procedure_lists *p = arena_alloc(&list->arena, sizeof(*p));
    struct procedure record;
    struct arena arena;
    int err;

    if (p == NULL) {
        return no_memory(list);
    }
    memset(p, 0, sizeof(*p));
    p->code = arena_strdup(&list->arena, code);
    arena_init(&arena, RECORD_BYTES);
    err = p->code != NULL ? record_to_procedure(body, n, &arena, &record, &list->msg) : ERR_NOMEM;
    err = err == 0 ? take_list(list, p, record.components, keep_papers) : err;
    err = err == 0 ? take_list(list, p, record.fees, keep_fees) : err;
    if (err == 0 && tsearch(p, &list->procedures, by_code) == NULL) {
        err = no_memory(list);
    }
    arena_free(&arena);
    return err == ERR_NOMEM ? no_memory(list) : 0; /* journal check tells of damage */
}

static void forget(void *node)
{
    (void)node; /* it lives in the arena */
}

void integrity_forget_procedures(struct integrity *list)
{
    tdestroy(list->procedures, forget);
    list->procedures = NULL;
}

/* NULL: not in the mirror. */
static const struct procedure_lists *find_procedure(const struct integrity *list, const char *raw,
                                                    int64_t at_s)
{
    const struct map *map = list->config->procedure_map;
    const char *mapped = map != NULL ? map_code(map, raw, at_s) : NULL;
    struct procedure_lists key = {.code = mapped};
    char national[CODE_MAX];
    const struct procedure_lists *const *found;

    if (key.code == NULL) {
        key.code = code_procedure_national(raw, national) == 0 ? national : raw;
    }
    found = tfind(&key, &list->procedures, by_code);
    return found != NULL ? *found : NULL;
}

/* ---- a dossier's content ---- */

struct judging {
    struct integrity *list;
    const struct integrity_dossier *row;
    const struct procedure_lists *procedure; /* NULL not known */
    const struct dossier *dossier;
    const struct json *extra; /* NULL none */
    struct buf what;          /* of the kind that is being judged */
};

static int end_kind(struct judging *j, enum integrity_kind kind)
{
    int err = buf_error(&j->what) == ERR_NOMEM ? no_memory(j->list) : 0;

    if (err == 0 && j->what.len > 0) {
        /* Beyond its size the rest is left out: the first ones show what to look at. */
        err = integrity_found(j->list, kind, j->row->flow, j->row->code, buf_text(&j->what));
    }
    buf_clear(&j->what);
    return err;
}

static void add_what(struct judging *j, const char *front, const char *code, const char *back)
{
    char shown[CODE_SHOWN];

    (void)snprintf(shown, sizeof(shown), "%.60s", code);
    text_mask_personal(shown);
    buf_printf(&j->what, "%s%s %s%s", j->what.len > 0 ? "; " : "", front, shown, back);
}

static bool names_paper(const struct procedure_lists *p, const char *code)
{
    for (size_t i = 0; i < p->n_papers; i++) {
        if (strcmp(p->papers[i], code) == 0) {
            return true;
        }
    }
    return false;
}

static void judge_paper(struct judging *j, const char *raw, const char *where)
{
    char code[CODE_SHOWN];

    plain_code(raw, code);
    if (code[0] == '\0') {
        j->list->counts[INTEGRITY_STRANGE_PAPER].incomparable++;
    } else if (!names_paper(j->procedure, code)) {
        add_what(j, where, code, "");
    }
}

static int judge_papers(struct judging *j)
{
    struct integrity_count *count = &j->list->counts[INTEGRITY_STRANGE_PAPER];
    const struct json *rounds = json_get(j->extra, "DanhSachHoSoBoSung");

    if (j->procedure == NULL || j->procedure->n_papers == 0) {
        count->unexamined++;
        return 0;
    }
    count->examined++;
    for (size_t i = 0; i < j->dossier->n_files; i++) {
        judge_paper(j, j->dossier->files[i].component, "submitted paper");
    }
    for (const struct json *r = json_first(rounds); r != NULL; r = json_next(r)) {
        const struct json *papers = json_get(r, "DanhSachGiayToBoSung");

        for (const struct json *x = json_first(papers); x != NULL; x = json_next(x)) {
            char number[24];

            judge_paper(j, json_text_or_empty(json_get(x, "MaThanhPhanHoSo"), number),
                        "paper asked as a supplement");
        }
    }
    return end_kind(j, INTEGRITY_STRANGE_PAPER);
}

enum fee_verdict { FEE_AGREES, FEE_DIFFERS, FEE_UNKNOWN, FEE_NOT_NAMED };

static enum fee_verdict judge_amount(const struct judging *j, const char *channel, const char *code,
                                     int64_t asked, int64_t *named)
{
    const struct procedure_lists *p = j->procedure;
    enum fee_verdict verdict = FEE_NOT_NAMED;
    bool has_channel = false;

    for (size_t i = 0; i < p->n_fees; i++) {
        const struct fee *fee = &p->fees[i];
        int64_t amount;

        has_channel = has_channel || strcmp(fee->channel, channel) == 0;
        if (strcmp(fee->channel, channel) != 0 || strcmp(fee->code, code) != 0) {
            continue;
        }
        if (amount_parse(fee->amount, &amount) != 0) {
            verdict = FEE_UNKNOWN;
        } else if (amount == asked) {
            return FEE_AGREES;
        } else if (!amount_unit_is_plain(fee->unit)) {
            verdict = FEE_UNKNOWN; /* so much for each of something */
        } else if (verdict == FEE_NOT_NAMED) {
            verdict = FEE_DIFFERS;
            *named = amount;
        }
    }
    return !has_channel ? FEE_UNKNOWN : verdict;
}

static void judge_fee(struct judging *j, const struct json *row)
{
    struct integrity_count *count = &j->list->counts[INTEGRITY_FEE_DIFFERS];
    char number[24];
    char other[24];
    char code[CODE_SHOWN];
    char back[96];
    const char *channel = j->dossier->channel;
    int64_t asked = 0;
    int64_t named = 0;
    enum fee_verdict verdict;

    plain_code(json_text_or_empty(json_get(row, "MaPhiLePhi"), number), code);
    if (code[0] == '\0' || channel[0] == '\0' ||
        amount_parse(json_text_or_empty(json_get(row, "Gia"), other), &asked) != 0) {
        count->incomparable++;
        return;
    }
    verdict = judge_amount(j, channel, code, asked, &named);
    count->incomparable += verdict == FEE_UNKNOWN;
    if (verdict == FEE_DIFFERS) {
        (void)snprintf(back, sizeof(back),
                       ": %" PRId64 " asked, %" PRId64 " in the catalogue for channel %.8s", asked,
                       named, channel);
        add_what(j, "fee", code, back);
    } else if (verdict == FEE_NOT_NAMED && asked != 0) {
        (void)snprintf(back, sizeof(back),
                       ": %" PRId64 " asked, not in the catalogue for channel %.8s", asked,
                       channel);
        add_what(j, "fee", code, back);
    }
}

static int judge_fees(struct judging *j)
{
    struct integrity_count *count = &j->list->counts[INTEGRITY_FEE_DIFFERS];
    const struct json *fees = json_get(j->extra, "DanhSachLePhi");

    if (json_size(fees) == 0) {
        return 0;
    }
    if (j->procedure == NULL || j->procedure->n_fees == 0) {
        count->unexamined++;
        return 0;
    }
    count->examined++;
    for (const struct json *x = json_first(fees); x != NULL; x = json_next(x)) {
        judge_fee(j, x);
    }
    return end_kind(j, INTEGRITY_FEE_DIFFERS);
}

static bool listed(const struct config_list *codes, const char *code)
{
    for (size_t i = 0; i < codes->n && code[0] != '\0'; i++) {
        if (strcmp(codes->items[i], code) == 0) {
            return true;
        }
    }
    return false;
}

static int offer_links(struct judging *j)
{
    const struct config_list *codes = &j->list->config->certified;
    const char *national = j->procedure != NULL ? j->procedure->code : j->row->procedure;
    int err = 0;

    for (size_t i = 0; i < j->dossier->n_results && err == 0; i++) {
        const struct dossier_file *file = &j->dossier->results[i];
        bool certified = listed(codes, national) || listed(codes, j->row->procedure) ||
                         listed(codes, file->result_code) || listed(codes, file->component);

        if (file->url[0] != '\0') {
            err = integrity_offer_link(j->list, j->row, file->url, certified);
        }
    }
    return err;
}

static int judge_body(struct integrity *list, const struct integrity_dossier *row)
{
    struct judging j = {.list = list, .row = row};
    struct dossier d;
    struct json *extra = NULL;
    struct arena arena;
    int err;

    arena_init(&arena, RECORD_BYTES);
    err = record_to_dossier(row->body, row->body_len, &arena, &d, &list->msg);
    if (err == 0 && d.extra[0] != '\0') {
        err = json_parse(d.extra, strlen(d.extra), &extra, &list->msg);
    }
    if (err == 0) {
        j.dossier = &d;
        j.extra = extra;
        j.procedure = find_procedure(list, row->procedure, row->at_s);
        buf_init(&j.what, INTEGRITY_WHAT_SIZE - 1);
        err = judge_papers(&j);
        err = err == 0 ? judge_fees(&j) : err;
        err = err == 0 ? offer_links(&j) : err;
        buf_free(&j.what);
    }
    json_free(extra);
    arena_free(&arena);
    if (err == ERR_FORMAT) {
        list->bodiless++; /* damaged: journal check tells of it */
        err = 0;
    }
    return err;
}

/* ---- what the journal alone tells ---- */

static int judge_row(struct integrity *list, const struct integrity_dossier *d)
{
    struct integrity_count *counts = list->counts;
    char what[96];
    int rounds = d->rounds > d->supplements ? d->rounds : d->supplements;
    int err = 0;

    counts[INTEGRITY_PROMISE_MOVED].examined++;
    counts[INTEGRITY_SUPPLEMENTS].examined++;
    counts[INTEGRITY_SHARED_RESULT].examined += d->results > 0;
    if (d->status == 9 || d->status == 10) {
        counts[INTEGRITY_NO_RESULT].examined++;
        if (d->results == 0) {
            (void)snprintf(what, sizeof(what), "status %d, no result", d->status);
            err = integrity_found(list, INTEGRITY_NO_RESULT, d->flow, d->code, what);
        }
    }
    if (err == 0 && d->moved > 0) {
        (void)snprintf(what, sizeof(what), "promised date put off %d time%s after it had passed",
                       d->moved, d->moved == 1 ? "" : "s");
        err = integrity_found(list, INTEGRITY_PROMISE_MOVED, d->flow, d->code, what);
    }
    if (err == 0 && rounds > 1) {
        (void)snprintf(what, sizeof(what), "%d supplement rounds", rounds);
        err = integrity_found(list, INTEGRITY_SUPPLEMENTS, d->flow, d->code, what);
    }
    return err;
}

int integrity_judge(void *ctx, const struct integrity_dossier *d)
{
    struct integrity *list = ctx;
    int err = judge_row(list, d);

    list->dossiers++;
    if (err == 0 && d->body == NULL) {
        list->bodiless++;
        return 0;
    }
    return err == 0 ? judge_body(list, d) : err;
}
