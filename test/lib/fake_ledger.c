#include "lib/fake_ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

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

void fake_ledger_init(struct fake_ledger *l)
{
    memset(l, 0, sizeof(*l));
}

void fake_ledger_free(struct fake_ledger *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->entries[i]->contents);
        free(l->entries[i]);
    }
    free(l->entries);
    free(l->list);
    memset(l, 0, sizeof(*l));
}

struct fake_entry *fake_ledger_find(const struct fake_ledger *l, const char *code)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->entries[i]->code, code) == 0) {
            return l->entries[i];
        }
    }
    return NULL;
}

struct fake_entry *fake_ledger_entry(struct fake_ledger *l, const char *code)
{
    struct fake_entry *e = fake_ledger_find(l, code);

    if (e != NULL) {
        return e;
    }
    e = calloc(1, sizeof(*e));
    if (e == NULL) {
        abort();
    }
    (void)snprintf(e->code, sizeof(e->code), "%s", code);
    l->entries = grown(l->entries, l->n, &l->capacity, sizeof(struct fake_entry *));
    l->entries[l->n++] = e;
    return e;
}

static void digest_of(const struct record *record, bool withdrawn, uint8_t out[RECORD_HASH_BYTES])
{
    struct digest d;

    if (digest_begin(&d) < 0) {
        abort();
    }
    digest_add(&d, record->body, record->body_len);
    if (withdrawn) {
        digest_add(&d, "withdrawn", 9);
    }
    digest_end(&d, out);
}

static struct fake_content *content_of(struct fake_entry *e,
                                       const uint8_t digest[RECORD_HASH_BYTES], bool step)
{
    struct fake_content *c;

    for (size_t i = 0; i < e->n_contents; i++) {
        if (e->contents[i].step == step && digest_equal(e->contents[i].digest, digest)) {
            return &e->contents[i];
        }
    }
    e->contents = grown(e->contents, e->n_contents, &e->capacity, sizeof(*e->contents));
    c = &e->contents[e->n_contents++];
    memset(c, 0, sizeof(*c));
    memcpy(c->digest, digest, sizeof(c->digest));
    c->step = step;
    return c;
}

static void repeated(struct fake_ledger *l, const struct fake_entry *e,
                     const struct fake_content *c, uint64_t wall_ms)
{
    struct fake_repeat *r;

    l->repeats++;
    l->duplicated += !c->doubt && (c->step || !e->snapshot_doubt);
    l->list = grown(l->list, l->n_list, &l->list_capacity, sizeof(*l->list));
    r = &l->list[l->n_list++];
    memcpy(r->code, e->code, sizeof(r->code));
    memcpy(r->digest, c->digest, sizeof(r->digest));
    r->step = c->step;
    r->before_ms = c->accepted_ms;
    r->at_ms = wall_ms;
}

static void accept_step(struct fake_ledger *l, struct fake_entry *e, struct fake_content *c,
                        const struct record *record, uint64_t wall_ms)
{
    if (c->accepted > 0) {
        repeated(l, e, c, wall_ms);
        l->twins += l->step_twins;
        e->steps += l->step_twins;
        return;
    }
    l->effects++;
    l->disorder += record->at_s < e->step_at_s;
    e->step_at_s = record->at_s;
    e->steps++;
}

static void accept_snapshot(struct fake_ledger *l, struct fake_entry *e, struct fake_content *c,
                            const struct record *record, uint64_t wall_ms)
{
    if (e->there && digest_equal(e->held, c->digest)) {
        repeated(l, e, c, wall_ms);
        return;
    }
    l->effects++;
    l->disorder += record->at_s < e->snapshot_at_s;
    e->snapshot_at_s = record->at_s;
    e->there = true;
    memcpy(e->held, c->digest, sizeof(e->held));
    memcpy(e->sent_hash, record->hash, sizeof(e->sent_hash));
}

void fake_ledger_accept(struct fake_ledger *l, struct fake_entry *e, const struct record *record,
                        bool withdrawn, int status, uint64_t wall_ms)
{
    uint8_t digest[RECORD_HASH_BYTES];
    uint8_t plain[RECORD_HASH_BYTES];
    struct fake_content *c;

    digest_of(record, false, plain);
    digest_of(record, withdrawn, digest);
    l->damaged += !withdrawn && !digest_equal(plain, record->hash);
    c = content_of(e, digest, record->kind == RECORD_STEP);
    if (record->kind != RECORD_STEP) {
        accept_snapshot(l, e, c, record, wall_ms);
        e->withdrawn = withdrawn;
        e->snapshot_doubt = false;
    } else {
        accept_step(l, e, c, record, wall_ms);
    }
    c->accepted++;
    c->accepted_ms = wall_ms;
    c->doubt = false;
    e->status = status;
}

void fake_ledger_doubt(struct fake_entry *e, const struct record *record, bool withdrawn)
{
    uint8_t digest[RECORD_HASH_BYTES];

    digest_of(record, withdrawn, digest);
    content_of(e, digest, record->kind == RECORD_STEP)->doubt = true;
    e->snapshot_doubt = e->snapshot_doubt || record->kind != RECORD_STEP;
}

bool fake_ledger_has(const struct fake_ledger *l, const struct record *record)
{
    struct fake_entry *e = fake_ledger_find(l, record->code);
    uint8_t digest[RECORD_HASH_BYTES];

    if (e == NULL) {
        return false;
    }
    digest_of(record, false, digest);
    if (record->kind != RECORD_STEP) {
        return e->there && digest_equal(e->held, digest);
    }
    return content_of(e, digest, true)->accepted > 0;
}
