#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/portal_wire.h"
#include "daemon/ctl_compare.h"
#include "domain/vntime.h"
#include "journal/survey.h"

#define ARENA_BYTES ((size_t)256 << 20)    /* of what is shown */
#define ROW_BYTES ((size_t)32 << 20)       /* of the steps of one dossier */
#define STEPS_MAX (DOSSIERS_STEPS_MAX + 1) /* room for one too many */
#define TIME_SIZE 24

/* ---- what would be sent ---- */

int compare_build(struct compare *c, enum record_kind kind, const char *code,
                  const struct dossiers_item *item, struct buf *body, struct adapter_check *verdict)
{
    const struct record record = {.kind = kind,
                                  .code = code,
                                  .local_no = "",
                                  .step_key = "",
                                  .at_s = item->at_s,
                                  .body = item->body,
                                  .body_len = item->body_len};
    const struct adapter_send send = {.kind = kind,
                                      .code = code,
                                      .consented = item->consented,
                                      .records = &record,
                                      .n_records = 1};
    struct buf path;
    int err;

    buf_init(&path, PORTAL_PATH_MAX);
    err = portal_wire_build(&c->env, &c->config->portal, &send,
                            (struct portal_request){.body = body, .path = &path}, verdict);
    buf_free(&path);
    return err == 0 || err == ERR_INVAL ? err : compare_fail(c, err, code);
}

/* The object that a call would carry; *root is to be freed. *row NULL: an answer, which is no
 * progress. ERR_INVAL: held, verdict says why. */
static int build(struct compare *c, enum record_kind kind, const char *code,
                 const struct dossiers_item *item, struct json **root, const struct json **row,
                 struct adapter_check *verdict)
{
    const struct json *data;
    struct buf body;
    int err;

    *root = NULL;
    *row = NULL;
    buf_init(&body, PORTAL_BODY_MAX);
    err = compare_build(c, kind, code, item, &body, verdict);
    if (err == 0) {
        err = json_parse(body.data, body.len, root, &c->msg);
        data = json_is_array(*root) ? *root : json_get(*root, "data");
        *row = err == 0 && json_is_array(data) ? json_first(data) : NULL;
        err = err != 0 ? compare_fail(c, err, code) : 0;
    }
    buf_free(&body);
    return err;
}

/* What came at the gateway, of the object that was read last. */
static const struct json *arrived_of(const struct compare *c)
{
    return c->pushed ? sent_file_arrived(&c->old) : NULL;
}

/* ---- steps ---- */

/* What the portal knows a step by. Texts in the row's arena. */
struct step_key {
    const char *at, *status, *actor; /* actor NULL: its content is not kept any more */
    const struct sent_place *place;  /* of the old one's */
    bool matched;
};

struct steps {
    struct step_key *old, *here;
    size_t n_old, n_here;
    struct arena arena;
};

static int key_of(struct steps *s, const struct json *row, struct step_key *key)
{
    char number[24];

    key->at =
        arena_strdup(&s->arena, json_text_or_empty(json_get_any_case(row, "ThoiDiemXuLy"), number));
    key->status =
        arena_strdup(&s->arena, json_text_or_empty(json_get_any_case(row, "TrangThai"), number));
    key->actor =
        arena_strdup(&s->arena, json_text_or_empty(json_get_any_case(row, "NguoiXuLy"), number));
    return key->at != NULL && key->status != NULL && key->actor != NULL ? 0 : ERR_NOMEM;
}

static bool same_moment(const struct step_key *a, const struct step_key *b)
{
    return strcmp(a->at, b->at) == 0 && strcmp(a->status, b->status) == 0;
}

static bool same_key(const struct step_key *a, const struct step_key *b)
{
    return same_moment(a, b) &&
           (a->actor == NULL || b->actor == NULL || strcmp(a->actor, b->actor) == 0);
}

static struct step_key *find_key(struct step_key *keys, size_t n, const struct step_key *key)
{
    for (size_t i = 0; i < n; i++) {
        if (!keys[i].matched && same_key(&keys[i], key)) {
            return &keys[i];
        }
    }
    return NULL;
}

static bool too_old(const struct compare *c, const struct step_key *key)
{
    int64_t at_s = 0;

    return vntime_parse_portal(key->at, &at_s) == 0 && at_s < c->since_s;
}

/* What the old one sent, each key once: the last one counts. */
static int read_old(struct compare *c, const struct sent_dossier *d, struct steps *s)
{
    for (const struct sent_place *p = d->steps; p != NULL; p = p->next) {
        struct step_key *key = &s->old[s->n_old];
        const struct json *row = NULL;
        int err = sent_file_read(&c->old, p, &row);

        err = err == 0 ? key_of(s, row, key) : err;
        if (err != 0) {
            return compare_fail(c, err, "the file");
        }
        key->place = p;
        if (!too_old(c, key) && find_key(s->old, s->n_old, key) == NULL) {
            s->n_old++;
        }
        if (s->n_old == STEPS_MAX) {
            return compare_fail(c, ERR_TOOBIG, d->code);
        }
    }
    return 0;
}

/* One step of ours that would be sent: its fields beside the old one's, or into s->here. */
static int judge_step(struct compare *c, const char *code, struct steps *s, const struct json *row)
{
    struct step_key *key = &s->here[s->n_here];
    const struct json *other = NULL;
    struct step_key *old;
    int err = key_of(s, row, key);

    if (err != 0) {
        return compare_fail(c, err, code);
    }
    for (size_t i = 0; i < s->n_here; i++) {
        if (s->here[i].actor != NULL && same_key(&s->here[i], key)) {
            return 0; /* the portal knows it as the same */
        }
    }
    if (too_old(c, key)) {
        return 0;
    }
    s->n_here++;
    old = find_key(s->old, s->n_old, key);
    if (old == NULL) {
        return 0;
    }
    key->matched = old->matched = true;
    err = sent_file_read(&c->old, old->place, &other);
    return err != 0 ? compare_fail(c, err, "the file")
                    : compare_rows(c, COMPARE_STEP, code, key->at, other, arrived_of(c), row);
}

/* Of one whose content is gone only time and status are known. */
static int judge_bodiless(struct compare *c, const char *code, struct steps *s,
                          const struct dossiers_item *item)
{
    char at[VNTIME_PORTAL_SIZE];
    char status[TIME_SIZE];
    struct step_key *key = &s->here[s->n_here];
    struct step_key *old;

    vntime_format_portal(item->at_s, at);
    (void)snprintf(status, sizeof(status), "%d", item->status);
    *key = (struct step_key){.at = arena_strdup(&s->arena, at),
                             .status = arena_strdup(&s->arena, status)};
    if (key->at == NULL || key->status == NULL) {
        return compare_fail(c, ERR_NOMEM, code);
    }
    if (too_old(c, key)) {
        return 0;
    }
    s->n_here++;
    old = find_key(s->old, s->n_old, key);
    if (old == NULL) {
        return 0;
    }
    key->matched = old->matched = true;
    return compare_keep(c, COMPARE_STEP, COMPARE_GONE, code, at, status, "");
}

/* A step that would not be sent, though the old one sent one of its time. */
static int judge_unsent(struct compare *c, const char *code, struct steps *s,
                        const struct dossiers_item *item, enum compare_fate fate, const char *why)
{
    char at[VNTIME_PORTAL_SIZE];

    vntime_format_portal(item->at_s, at);
    for (size_t i = 0; i < s->n_old; i++) {
        if (!s->old[i].matched && strcmp(s->old[i].at, at) == 0) {
            s->old[i].matched = true;
            return compare_keep(c, COMPARE_STEP, fate, code, at, s->old[i].status, why);
        }
    }
    return 0;
}

static int judge_item(struct compare *c, const char *code, struct steps *s,
                      const struct dossiers_item *item)
{
    struct adapter_check verdict = {.record = NULL};
    const struct json *row = NULL;
    struct json *root = NULL;
    int err;

    if (item->state == ITEM_DROPPED) {
        return judge_unsent(c, code, s, item, COMPARE_GIVEN_UP, "");
    }
    if (item->body == NULL) {
        return judge_bodiless(c, code, s, item);
    }
    err = build(c, RECORD_STEP, code, item, &root, &row, &verdict);
    if (err == ERR_INVAL) {
        err = judge_unsent(c, code, s, item, COMPARE_HELD, hold_why_name(verdict.hold));
    } else if (err == 0 && row != NULL) {
        err = judge_step(c, code, s, row);
    }
    json_free(root);
    return err;
}

/* Those of one side that the other one lacks. */
static int judge_rest(struct compare *c, const char *code, enum compare_fate fate,
                      const struct step_key *mine, size_t n_mine, const struct step_key *others,
                      size_t n_others)
{
    int err = 0;

    for (size_t i = 0; i < n_mine && err == 0; i++) {
        const char *why = "";

        for (size_t k = 0; k < n_others; k++) {
            if (!others[k].matched && same_moment(&mine[i], &others[k])) {
                why = "another NguoiXuLy";
            }
        }
        err = mine[i].matched
                  ? 0
                  : compare_keep(c, COMPARE_STEP, fate, code, mine[i].at, mine[i].status, why);
    }
    return err;
}

static int judge_steps(struct compare *c, const struct dossiers_row *r,
                       const struct sent_dossier *d)
{
    struct steps s = {.old = calloc(STEPS_MAX, sizeof(*s.old)),
                      .here = calloc(STEPS_MAX, sizeof(*s.here))};
    int err;

    arena_init(&s.arena, ROW_BYTES);
    err =
        s.old != NULL && s.here != NULL ? read_old(c, d, &s) : compare_fail(c, ERR_NOMEM, r->code);
    for (size_t i = 0; i < r->n_steps && err == 0; i++) {
        err = judge_item(c, r->code, &s, &r->steps[i]);
    }
    err =
        err == 0 ? judge_rest(c, r->code, COMPARE_ONLY_OLD, s.old, s.n_old, s.here, s.n_here) : err;
    err = err == 0 ? judge_rest(c, r->code, COMPARE_ONLY_HERE, s.here, s.n_here, s.old, s.n_old)
                   : err;
    free(s.old);
    free(s.here);
    arena_free(&s.arena);
    return err;
}

/* ---- dossiers ---- */

static int judge_pair(struct compare *c, const char *code, const struct sent_dossier *d,
                      const struct json *here)
{
    const struct json *other = NULL;
    int err = sent_file_read(&c->old, d->snapshot, &other);

    return err != 0 ? compare_fail(c, err, "the file")
                    : compare_rows(c, COMPARE_DOSSIER, code, "", other, arrived_of(c), here);
}

/* *sends: steps of it would be sent. */
static int judge_snapshot(struct compare *c, const struct dossiers_row *r,
                          const struct sent_dossier *d, bool *sends)
{
    bool sent = d != NULL && d->snapshot != NULL;
    struct adapter_check verdict = {.record = NULL};
    enum compare_fate fate = COMPARE_BOTH;
    const struct json *row = NULL;
    struct json *root = NULL;
    int err = 0;

    if (r->snapshot.state == ITEM_DROPPED) {
        fate = COMPARE_GIVEN_UP;
    } else if (r->snapshot.body == NULL) {
        fate = COMPARE_GONE;
    } else {
        err = build(c, RECORD_DOSSIER, r->code, &r->snapshot, &root, &row, &verdict);
        fate = err == ERR_INVAL ? COMPARE_HELD : fate;
        err = err == ERR_INVAL ? 0 : err;
    }
    *sends = fate == COMPARE_BOTH || fate == COMPARE_GONE;
    if (err == 0 && fate == COMPARE_BOTH && sent) {
        err = judge_pair(c, r->code, d, row);
    } else if (err == 0 && fate == COMPARE_BOTH && r->snapshot.at_s >= c->since_s) {
        err = compare_keep(c, COMPARE_DOSSIER, COMPARE_ONLY_HERE, r->code, "", "",
                           d != NULL ? "its steps alone were sent" : "");
    } else if (err == 0 && fate != COMPARE_BOTH && sent) {
        err = compare_keep(c, COMPARE_DOSSIER, fate, r->code, "", "",
                           fate == COMPARE_HELD ? hold_why_name(verdict.hold) : "");
    }
    json_free(root);
    return err;
}

static int on_row(void *ctx, const struct dossiers_row *r)
{
    struct compare *c = ctx;
    const struct config_flow *flow = config_flow_find(c->config, r->flow);
    struct sent_dossier *d;
    bool sends = false;
    int err;

    if (flow == NULL || flow->kind != FLOW_DOSSIERS ||
        strcmp(flow->to, c->config->portal.name) != 0 ||
        (c->pushed && compare_is_pushed(c->config, flow))) {
        return 0;
    }
    d = sent_file_find(&c->old, r->code);
    err = judge_snapshot(c, r, d, &sends);
    if (d != NULL) {
        d->found = true;
        err = err == 0 && sends ? judge_steps(c, r, d) : err;
    }
    return err;
}

static int on_old(void *ctx, const struct sent_dossier *d)
{
    return d->found ? 0
                    : compare_keep(ctx, COMPARE_DOSSIER, COMPARE_ONLY_OLD, d->code, "", "",
                                   d->snapshot == NULL ? "its steps alone were sent" : "");
}

/* ---- the run ---- */

static int on_name(void *ctx, const char *code, const char *name)
{
    return names_add(ctx, code, name);
}

static const char *mirror_name(void *ctx, enum record_kind kind, const char *code)
{
    return names_find(ctx, kind, code);
}

/* The names that a call fills in, as the daemon keeps them. */
static int load_names(struct compare *c, const char *journal)
{
    static const enum record_kind kinds[] = {RECORD_AGENCY, RECORD_SECTOR, RECORD_PROCEDURE};
    int err = 0;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && err == 0; i++) {
        names_begin(&c->names);
        err = survey_mirror(journal, kinds[i], on_name, &c->names, &c->msg);
        if (err == 0) {
            names_commit(&c->names, kinds[i]);
        }
    }
    return err != 0 && c->msg.text[0] == '\0' ? compare_fail(c, err, "the catalogue's names") : err;
}

int compare_run(struct compare *c, const char *journal)
{
    int err;

    arena_init(&c->arena, ARENA_BYTES);
    names_init(&c->names);
    c->env = (struct adapter_env){
        .config = c->config, .mirror_name = mirror_name, .mirror_ctx = &c->names};
    err = load_names(c, journal);
    err = err == 0 && c->pushed ? compare_open_pushed(c, journal) : err;
    err = err == 0 ? dossiers_read(journal, on_row, c, &c->msg) : err;
    return err == 0 ? sent_file_each(&c->old, on_old, c) : err;
}

void compare_free(struct compare *c)
{
    sent_file_close(&c->old);
    names_free(&c->names);
    free(c->examples);
    free(c->records);
    arena_free(&c->arena);
}
