/* fake_peer: the system behind a fake adapter: its script, its dossiers, its catalogue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "codec/record.h"
#include "lib/fake_adapter.h"

static const char *const answer_names[FAKE_ANSWERS] = {
    "done",   "unsure-after", "unsure-before", "transient",  "busy", "permanent",
    "part",   "backoff",      "exists",        "missing",    "auth", "login",
    "config", "held",         "hang",          "hang-after",
};

const char *fake_answer_name(enum fake_answer answer)
{
    return answer < FAKE_ANSWERS ? answer_names[answer] : "unknown";
}

bool fake_answer_parse(const char *name, enum fake_answer *out)
{
    for (int i = 0; i < FAKE_ANSWERS; i++) {
        if (strcmp(answer_names[i], name) == 0) {
            *out = (enum fake_answer)i;
            return true;
        }
    }
    return false;
}

static void *grown(void *old, size_t n, size_t *capacity, size_t size)
{
    void *p;

    if (n < *capacity) {
        return old;
    }
    *capacity = *capacity == 0 ? 16 : 2 * *capacity;
    p = realloc(old, *capacity * size);
    if (p == NULL) {
        abort();
    }
    return p;
}

void fake_peer_init(struct fake_peer *p, const char *name, struct loop *loop)
{
    memset(p, 0, sizeof(*p));
    (void)snprintf(p->name, sizeof(p->name), "%s", name);
    p->loop = loop;
    p->caps = ADAPTER_LOOKUP;
    p->page_size = 100;
    p->retry_after_s = 60;
    p->poll_err = ERR_REMOTE;
    fake_ledger_init(&p->ledger);
}

void fake_peer_free(struct fake_peer *p)
{
    for (size_t i = 0; i < p->n_dossiers; i++) {
        free(p->dossiers[i].steps);
    }
    free(p->dossiers);
    free(p->catalog);
    free(p->rules);
    free(p->log);
    fake_ledger_free(&p->ledger);
}

/* ---- script ---- */

static void add_rule(struct fake_peer *p, const char *code, enum fake_answer answer, uint32_t times,
                     bool snapshots, bool steps)
{
    struct fake_rule *r;

    p->rules = grown(p->rules, p->n_rules, &p->rules_capacity, sizeof(*p->rules));
    r = &p->rules[p->n_rules++];
    memset(r, 0, sizeof(*r));
    (void)snprintf(r->code, sizeof(r->code), "%s", code != NULL ? code : "");
    r->answer = answer;
    r->times = times > 0 ? times : UINT32_MAX;
    r->snapshots = snapshots;
    r->steps = steps;
}

void fake_peer_answer(struct fake_peer *p, const char *code, enum fake_answer answer,
                      uint32_t times)
{
    add_rule(p, code, answer, times, true, true);
}

void fake_peer_answer_steps(struct fake_peer *p, const char *code, enum fake_answer answer,
                            uint32_t times)
{
    add_rule(p, code, answer, times, false, true);
}

void fake_peer_answer_snapshots(struct fake_peer *p, const char *code, enum fake_answer answer,
                                uint32_t times)
{
    add_rule(p, code, answer, times, true, false);
}

void fake_peer_answer_text(struct fake_peer *p, const char *text, enum fake_answer answer,
                           uint32_t times)
{
    add_rule(p, NULL, answer, times, true, true);
    (void)snprintf(p->rules[p->n_rules - 1].text, sizeof(p->rules[0].text), "%s", text);
}

void fake_peer_obey(struct fake_peer *p)
{
    p->n_rules = 0;
}

/* ---- source ---- */

struct fake_dossier *fake_source_find(struct fake_peer *p, const char *code)
{
    for (size_t i = 0; i < p->n_dossiers; i++) {
        if (strcmp(p->dossiers[i].code, code) == 0) {
            return &p->dossiers[i];
        }
    }
    return NULL;
}

static struct fake_dossier *dossier_of(struct fake_peer *p, const char *code)
{
    struct fake_dossier *d = fake_source_find(p, code);

    if (d == NULL) {
        p->dossiers =
            grown(p->dossiers, p->n_dossiers, &p->dossiers_capacity, sizeof(*p->dossiers));
        d = &p->dossiers[p->n_dossiers++];
        memset(d, 0, sizeof(*d));
        (void)snprintf(d->code, sizeof(d->code), "%s", code);
        d->status = 1;
    }
    d->seq = ++p->seq;
    d->acked = false;
    return d;
}

void fake_source_put(struct fake_peer *p, const char *code, int status, const char *text)
{
    struct fake_dossier *d = dossier_of(p, code);

    d->status = status;
    d->at_s = loop_wall_s(p->loop);
    d->gone = false;
    (void)snprintf(d->text, sizeof(d->text), "%s", text);
}

void fake_source_promise(struct fake_peer *p, const char *code, int64_t promised_s)
{
    dossier_of(p, code)->promised_s = promised_s;
}

void fake_source_agency(struct fake_peer *p, const char *code, const char *agency)
{
    dossier_of(p, code)->figures = (struct figures){.procedure = "",
                                                    .sector = "",
                                                    .agency = agency,
                                                    .digitised = -1,
                                                    .identified = -1,
                                                    .paid_online = -1};
}

void fake_source_step(struct fake_peer *p, const char *code, const char *key, int status)
{
    struct fake_dossier *d = dossier_of(p, code);
    struct fake_source_step *s;

    d->steps = grown(d->steps, d->n_steps, &d->capacity, sizeof(*d->steps));
    s = &d->steps[d->n_steps++];
    memset(s, 0, sizeof(*s));
    (void)snprintf(s->key, sizeof(s->key), "%s", key);
    (void)snprintf(s->text, sizeof(s->text), "done");
    s->status = status;
    s->at_s = loop_wall_s(p->loop);
    if (d->at_s == 0) {
        d->at_s = s->at_s;
    }
}

void fake_source_fail(struct fake_peer *p, const char *code, int err, uint32_t times)
{
    struct fake_dossier *d = dossier_of(p, code);

    d->fail_err = err;
    d->fail_times = times;
}

void fake_source_remove(struct fake_peer *p, const char *code)
{
    dossier_of(p, code)->gone = true;
}

/* The same dossier as a canonical record: what this peer says, with a file that it alone has. */
static void canonical_record(const struct fake_peer *p, const struct fake_dossier *d, char *body,
                             size_t size, struct record *out)
{
    struct dossier dossier;
    struct dossier_file file;
    struct errmsg why = {""};
    struct arena arena;
    struct record made;
    char status[16];

    dossier_init(&dossier);
    memset(&file, 0, sizeof(file));
    file.id = p->name;
    file.name = p->name;
    file.component = "";
    file.url = "";
    file.result_code = "";
    file.extra = "";
    (void)snprintf(status, sizeof(status), "%d", d->status);
    dossier.code = d->code;
    dossier.status = status;
    dossier.subject = d->text;
    dossier.changed_s = d->at_s;
    dossier.files = &file;
    dossier.n_files = 1;
    arena_init(&arena, 1u << 20);
    if (record_from_dossier(&dossier, &arena, &made, &why) < 0 || made.body_len >= size) {
        (void)fprintf(stderr, "fake_peer: %s\n", why.text);
        abort();
    }
    memcpy(body, made.body, made.body_len + 1);
    memcpy(out->hash, made.hash, sizeof(out->hash));
    out->at_s = made.at_s;
    out->body = body;
    out->body_len = made.body_len;
    arena_free(&arena);
}

void fake_source_record(const struct fake_peer *p, const struct fake_dossier *d, size_t index,
                        enum record_kind kind, char *body, size_t size, struct record *out)
{
    size_t len;

    memset(out, 0, sizeof(*out));
    out->code = d->code;
    out->local_no = "";
    out->step_key = "";
    if (index == 0 && p->canonical) {
        out->kind = kind;
        canonical_record(p, d, body, size, out);
        return;
    }
    if (index == 0) {
        out->kind = kind;
        out->at_s = d->at_s;
        out->promised_s = d->promised_s;
        out->figures = d->figures.agency != NULL ? &d->figures : NULL;
        (void)snprintf(body, size, "dossier %s status=%d %s", d->code, d->status, d->text);
        len = strlen(body);
        if (p->pad_bytes > 0 && len + p->pad_bytes < size) {
            memset(body + len, '.', p->pad_bytes);
            body[len + p->pad_bytes] = '\0';
        }
    } else {
        const struct fake_source_step *s = &d->steps[index - 1];

        out->kind = RECORD_STEP;
        out->step_key = s->key;
        out->at_s = s->at_s;
        (void)snprintf(body, size, "step %s %s status=%d %s", d->code, s->key, s->status, s->text);
    }
    out->body = body;
    out->body_len = strlen(body);
    if (digest_sha256(body, out->body_len, out->hash) < 0) {
        abort();
    }
}

/* ---- catalogue ---- */

static struct fake_catalog_row *row_of(struct fake_peer *p, enum record_kind kind, const char *code)
{
    for (size_t i = 0; i < p->n_catalog; i++) {
        if (p->catalog[i].kind == kind && strcmp(p->catalog[i].code, code) == 0) {
            return &p->catalog[i];
        }
    }
    return NULL;
}

void fake_catalog_put(struct fake_peer *p, enum record_kind kind, const char *code,
                      const char *name, const char *text)
{
    struct fake_catalog_row *row = row_of(p, kind, code);

    if (row == NULL) {
        p->catalog = grown(p->catalog, p->n_catalog, &p->catalog_capacity, sizeof(*p->catalog));
        row = &p->catalog[p->n_catalog++];
        memset(row, 0, sizeof(*row));
        row->kind = kind;
        (void)snprintf(row->code, sizeof(row->code), "%s", code);
    }
    row->active = true;
    (void)snprintf(row->name, sizeof(row->name), "%s", name);
    (void)snprintf(row->text, sizeof(row->text), "%s", text);
}

void fake_catalog_remove(struct fake_peer *p, enum record_kind kind, const char *code)
{
    struct fake_catalog_row *row = row_of(p, kind, code);

    if (row != NULL) {
        row->active = false;
    }
}
