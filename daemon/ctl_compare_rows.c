/* ctl_compare_rows: what is counted and kept for showing, and one dossier or step of both sides
 * against each other, field by field. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/portal_digest.h"
#include "daemon/ctl_compare.h"

#define ROW_BYTES ((size_t)32 << 20) /* of one dossier while it is compared */
#define SHOWN_SIZE 200               /* bytes of a value that is shown */

/* ---- keeping ---- */

int compare_fail(struct compare *c, int err, const char *what)
{
    return err_set(&c->msg, err, "%s: %s", what, err_text(err));
}

/* Room for one more of an array. NULL without memory. */
static void *grown(void *array, size_t n, size_t *room, size_t size)
{
    void *larger = array;

    if (n == *room) {
        size_t wanted = *room == 0 ? 64 : 2 * *room;

        larger = realloc(array, wanted * size);
        *room = larger != NULL ? wanted : *room;
    }
    return larger;
}

static bool has_name(void *ctx, enum record_kind kind, const char *text)
{
    return names_has(ctx, kind, text);
}

/* A text of a record or an example, as portal_compare_show. NULL without memory. */
static const char *shown(struct compare *c, const char *field, const char *text)
{
    const struct portal_known known = {has_name, &c->names};
    char out[SHOWN_SIZE];

    portal_compare_show(&known, field, text, out, sizeof(out));
    return arena_strdup(&c->arena, out);
}

/* Counts it; the first ones are kept for showing. */
int compare_keep(struct compare *c, enum compare_of of, enum compare_fate fate, const char *code,
                 const char *at, const char *status, const char *why)
{
    struct compare_record *larger;
    struct compare_record *r;

    c->fates[of][fate]++;
    if (fate == COMPARE_BOTH || c->fates[of][fate] > c->limit) {
        return 0;
    }
    larger = grown(c->records, c->n_records, &c->records_room, sizeof(*c->records));
    if (larger == NULL) {
        return compare_fail(c, ERR_NOMEM, "the list");
    }
    c->records = larger;
    r = &c->records[c->n_records];
    *r = (struct compare_record){.of = of,
                                 .fate = fate,
                                 .code = shown(c, "MaHoSo", code),
                                 .at = shown(c, "ThoiDiemXuLy", at),
                                 .status = shown(c, "TrangThai", status),
                                 .why = arena_strdup(&c->arena, why)};
    if (r->code == NULL || r->at == NULL || r->status == NULL || r->why == NULL) {
        return compare_fail(c, ERR_NOMEM, "the list");
    }
    c->n_records++;
    return 0;
}

static int field_of(struct compare *c, enum compare_of of, const char *name, size_t *out)
{
    struct compare_field *fresh = &c->fields[c->n_fields];

    for (size_t i = 0; i < c->n_fields; i++) {
        if (c->fields[i].of == of && strcmp(c->fields[i].name, name) == 0) {
            *out = i;
            return 0;
        }
    }
    if (c->n_fields == COMPARE_FIELDS_MAX) {
        return compare_fail(c, ERR_TOOBIG, "the fields that the other connector writes");
    }
    *fresh = (struct compare_field){.of = of, .name = arena_strdup(&c->arena, name)};
    if (fresh->name == NULL) {
        return compare_fail(c, ERR_NOMEM, "the fields");
    }
    *out = c->n_fields++;
    return 0;
}

/* Both values of a field that does not agree, for a person. */
struct values {
    char other[SHOWN_SIZE], here[SHOWN_SIZE];
};

static int keep_example(struct compare *c, size_t field, enum portal_agreement agreement,
                        const char *code, const char *at, const struct values *v)
{
    struct compare_example *e = grown(c->examples, c->n_examples, &c->examples_room, sizeof(*e));

    if (e == NULL) {
        return compare_fail(c, ERR_NOMEM, "the examples");
    }
    c->examples = e;
    e += c->n_examples;
    *e = (struct compare_example){.field = field,
                                  .agreement = agreement,
                                  .code = shown(c, "MaHoSo", code),
                                  .at = shown(c, "ThoiDiemXuLy", at),
                                  .other = arena_strdup(&c->arena, v->other),
                                  .here = arena_strdup(&c->arena, v->here)};
    if (e->code == NULL || e->at == NULL || e->other == NULL || e->here == NULL) {
        return compare_fail(c, ERR_NOMEM, "the examples");
    }
    c->n_examples++;
    return 0;
}

/* One dossier or step of both sides, field by field. */
struct pair {
    struct compare *c;
    const char *code, *at;
    bool by_digests; /* what came from a gateway */
    struct arena arena;
    struct portal_comparison went; /* as it is known in words; from a gateway: as it went on */
    struct portal_comparison came; /* from a gateway, by digests: what came beside what is here, */
    struct portal_comparison kept; /* and beside what went on */
};

static const struct portal_compared *find_field(const struct portal_comparison *all,
                                                const char *name)
{
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->fields[i].name, name) == 0) {
            return &all->fields[i];
        }
    }
    return NULL;
}

/* By digests alone, whose values nobody reads. */
static int compare_digests(struct pair *p, const struct json *arrived, const struct json *row,
                           struct portal_comparison *out)
{
    struct errmsg ignored = {""};
    struct json *digests = NULL;
    const char *text = NULL;
    int err = portal_digest(row, &p->arena, &text);

    err = err == 0 ? json_parse(text, strlen(text), &digests, &ignored) : err;
    err = err == 0 ? portal_compare(arrived, digests, &p->arena, out) : err;
    for (size_t i = 0; i < out->n; i++) {
        out->fields[i].other = out->fields[i].here = NULL; /* of digests */
    }
    json_free(digests);
    return err;
}

static bool agrees(const struct portal_comparison *all)
{
    size_t i = 0;

    while (i < all->n && all->fields[i].agreement == PORTAL_AGREE) {
        i++;
    }
    return i == all->n;
}

static int compare_pair(struct pair *p, const struct json *other, const struct json *arrived,
                        const struct json *here)
{
    int err = portal_compare(other, here, &p->arena, &p->went);

    if (err == 0 && arrived != NULL) {
        err = compare_digests(p, arrived, here, &p->came);
    }
    if (err == 0 && arrived != NULL && !agrees(&p->came)) {
        err = compare_digests(p, arrived, other, &p->kept);
    }
    return err;
}

static void describe(const struct pair *p, const struct portal_compared *f, struct values *out)
{
    const struct portal_known known = {has_name, &p->c->names};

    portal_compare_describe(&known, f->name, f->other, out->other, sizeof(out->other));
    portal_compare_describe(&known, f->name, f->here, out->here, sizeof(out->here));
}

/* What came and did not go on so can't be shown: only its digest is there. */
static void describe_digests(const struct pair *p, const struct portal_compared *f,
                             struct values *out)
{
    const struct portal_compared *kept = find_field(&p->kept, f->name);
    const struct portal_compared *went = find_field(&p->went, f->name);
    bool same = kept == NULL || kept->agreement == PORTAL_AGREE;
    bool known = went != NULL && went->agreement != PORTAL_AGREE;

    if (known) {
        describe(p, went, out);
    } else {
        (void)snprintf(out->here, sizeof(out->here), "%s",
                       f->agreement == PORTAL_ONLY_OTHER ? "" : "(as it went on)");
    }
    if (!known || !same) {
        (void)snprintf(out->other, sizeof(out->other), "%s",
                       f->agreement == PORTAL_ONLY_HERE ? "" : "(changed by the gateway)");
    }
}

static int count_field(struct pair *p, enum compare_of of, const struct portal_compared *f)
{
    struct compare *c = p->c;
    struct values values;
    size_t field = 0;
    uint64_t n;
    int err = field_of(c, of, f->name, &field);

    if (err != 0) {
        return err;
    }
    n = ++c->fields[field].n[f->agreement];
    if (f->agreement == PORTAL_AGREE || n > c->limit) {
        return 0;
    }
    if (p->by_digests) {
        describe_digests(p, f, &values);
    } else {
        describe(p, f, &values);
    }
    return keep_example(c, field, f->agreement, p->code, p->at, &values);
}

/* arrived NULL: other is what the old one sent. */
int compare_rows(struct compare *c, enum compare_of of, const char *code, const char *at,
                 const struct json *other, const struct json *arrived, const struct json *here)
{
    struct pair *p = calloc(1, sizeof(*p));
    const struct portal_comparison *all;
    int err;

    if (p == NULL) {
        return compare_fail(c, ERR_NOMEM, code);
    }
    p->c = c;
    p->code = code;
    p->at = at;
    p->by_digests = arrived != NULL;
    arena_init(&p->arena, ROW_BYTES);
    all = p->by_digests ? &p->came : &p->went;
    err = compare_pair(p, other, arrived, here);
    err = err != 0 ? compare_fail(c, err, code) : 0;
    for (size_t i = 0; i < all->n && err == 0; i++) {
        err = count_field(p, of, &all->fields[i]);
    }
    c->equal[of] += err == 0 && agrees(all);
    c->unproven[of] += err == 0 && c->pushed && arrived == NULL;
    arena_free(&p->arena);
    free(p);
    return err != 0 ? err : compare_keep(c, of, COMPARE_BOTH, code, at, "", "");
}
