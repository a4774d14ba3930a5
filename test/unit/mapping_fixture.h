/* mapping_fixture: one preset from a text and one reply under it, for the tests of mapping. */
#ifndef UNIT_MAPPING_FIXTURE_H
#define UNIT_MAPPING_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/mapping.h"
#include "codec/record.h"
#include "lib/preset_text.h"

#define RECORDS_MAX 8

struct fixture {
    struct preset *preset;
    struct mapping_doc *doc;
    struct arena arena;
    struct errmsg msg;
    char words[304];
    uint8_t hash[RECORD_HASH_BYTES]; /* of the last fixture_id */
    int64_t changed_s;
};

static inline void fixture_begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, 4u << 20);
}

static inline void fixture_load_file(struct fixture *f, const char *path,
                                     const struct config_list *params)
{
    static struct config_faults faults;

    fixture_begin(f);
    memset(&faults, 0, sizeof(faults));
    if (preset_load(path, params, &f->preset, &faults) != 0) {
        fail_msg("%s", faults.texts[0]);
    }
}

static inline void fixture_load(struct fixture *f, const char *text)
{
    static struct config_faults faults;

    fixture_begin(f);
    if (preset_text_load(text, strlen(text), NULL, &f->preset, &faults) != 0) {
        fail_msg("%s", faults.texts[0]);
    }
}

/* From a heap copy of exactly the reply's bytes, which is gone afterwards. */
static inline int fixture_try_open(struct fixture *f, const struct preset_call *call,
                                   const char *reply)
{
    size_t n = strlen(reply);
    char *copy = malloc(n > 0 ? n : 1);
    int err;

    assert_non_null(copy);
    memcpy(copy, reply, n);
    mapping_close(f->doc);
    memset(&f->msg, 0, sizeof(f->msg));
    err = mapping_open(f->preset, call, copy, n, &f->doc, &f->msg);
    free(copy);
    assert_true((err == 0) == (f->doc != NULL));
    return err;
}

static inline void fixture_open(struct fixture *f, const struct preset_call *call,
                                const char *reply)
{
    if (fixture_try_open(f, call, reply) != 0) {
        fail_msg("%s", f->msg.text);
    }
}

static inline const char *fixture_id(struct fixture *f, const struct mapping_node *row)
{
    const char *id;

    assert_non_null(row);
    if (mapping_row(f->preset, f->doc, row, &f->arena, &id, f->hash, &f->changed_s, &f->msg) != 0) {
        fail_msg("%s", f->msg.text);
    }
    return id;
}

static inline void fixture_end(struct fixture *f)
{
    mapping_close(f->doc);
    preset_free(f->preset);
    arena_free(&f->arena);
}

/* What a fixture's row became. */
struct outcome {
    int err;
    size_t n;
    struct dossier d;
    struct step steps[RECORDS_MAX];
    struct record *records;
};

static const struct config_source NO_SOURCE = {.name = "s"};

static inline void decode(struct fixture *f, struct outcome *o)
{
    struct errmsg msg = {0};

    assert_in_range(o->n, 1, RECORDS_MAX);
    for (size_t i = 0; i < o->n; i++) {
        const struct record *r = &o->records[i];

        assert_int_equal(r->kind, i == 0 ? RECORD_DOSSIER : RECORD_STEP);
        if ((i == 0
                 ? record_to_dossier(r->body, r->body_len, &f->arena, &o->d, &msg)
                 : record_to_step(r->body, r->body_len, &f->arena, &o->steps[i - 1], &msg)) != 0) {
            fail_msg("%s", msg.text);
        }
    }
}

static inline void map_row(struct fixture *f, const struct mapping_node *row,
                           const struct mapping_doc *steps, const struct config_source *source,
                           struct outcome *o)
{
    memset(o, 0, sizeof(*o));
    memset(&f->msg, 0, sizeof(f->msg));
    assert_non_null(row);
    o->err = mapping_dossier(f->preset, source, f->doc, row, steps, &f->arena, &o->records, &o->n,
                             &f->msg);
    if (o->err == 0) {
        decode(f, o);
    }
}

#endif
