/* reviewer_record: what a source tells of a dossier, against what the journal has of it. */
#include <string.h>

#include "base/digest.h"
#include "codec/record_merge.h"
#include "sync/reviewer_impl.h"

#define MERGE_BYTES_MAX (8u << 20)

const struct review_source_row *reviewer_row(const struct reviewer_slot *s)
{
    return s->look.state.known ? &s->look.rows[s->next_row - 1] : NULL;
}

/* Several sources: what this one last said, without volatile parts. */
static bool equals_part(const struct review_source_row *row, const struct record *record)
{
    struct record_part part = {.body = row->part, .len = row->part_len, .at_s = row->part_at_s};
    struct errmsg unused = {""};
    struct record stored;
    struct arena arena;
    bool equal;

    arena_init(&arena, MERGE_BYTES_MAX);
    equal = record_merge(&part, 1, &arena, &stored, &unused) == 0 &&
            memcmp(stored.hash, record->hash, sizeof(stored.hash)) == 0;
    arena_free(&arena);
    return equal;
}

static bool equals_journal(const struct reviewer_slot *s, const struct record *judged, int status)
{
    const struct review_state *j = &s->look.state;
    uint8_t sha256[RECORD_HASH_BYTES];

    if (j->has_hash && memcmp(j->hash, judged->hash, sizeof(j->hash)) == 0) {
        return true;
    }
    if (!j->has_body) {
        /* Maps and names may have changed since it was delivered; the record has not. */
        return j->has_hash && status == j->status && judged->at_s <= j->at_s;
    }
    return digest_sha256(judged->body, judged->body_len, sha256) == 0 &&
           memcmp(j->body_sha256, sha256, sizeof(sha256)) == 0;
}

static int take_key(struct reviewer_slot *s, const char *key)
{
    if (s->n_keys == REVIEW_STEPS_MAX) {
        return 0; /* nobody has so many; those that come first are compared */
    }
    s->key_list[s->n_keys] = arena_strdup(&s->keys, key);
    return s->key_list[s->n_keys++] != NULL ? 0 : ERR_NOMEM;
}

static int take_record(struct reviewer_slot *s, const struct record *record, bool merged)
{
    const struct review_source_row *row = reviewer_row(s);
    bool step = record_item_kind(record->kind) == ITEM_STEP;
    struct flow_judged judged;
    int err = flow_judge(s->flow->sink, record, merged, &judged);

    if (err != 0) {
        return err;
    }
    if (record->at_s > s->facts.source_at_s) {
        s->facts.source_at_s = record->at_s;
    }
    if (step) {
        err = merged ? 0 : take_key(s, record->step_key);
    } else {
        bool equal = merged && row != NULL && row->part != NULL
                         ? equals_part(row, record)
                         : equals_journal(s, &judged.stored.record, judged.stored.status);

        s->facts.source_ahead = s->facts.source_ahead || !equal;
        s->source_status = judged.stored.status;
    }
    return err == 0 && s->reviewer->job.fix && !merged
               ? review_store_add(&s->store, &judged.stored.record)
               : err;
}

int reviewer_take_records(struct reviewer_slot *s, const struct adapter_detail *detail)
{
    bool merged = s->flow->n_sources > 1;
    int err = detail->n_records > 0 && strcmp(detail->records[0].code, s->todo.code) == 0
                  ? 0
                  : ERR_FORMAT;

    s->key_list =
        err == 0 ? arena_alloc(&s->keys, (detail->n_records + 1) * sizeof(*s->key_list)) : NULL;
    err = err == 0 && s->key_list == NULL ? ERR_NOMEM : err;
    s->n_keys = 0;
    for (size_t i = 0; i < detail->n_records && err == 0; i++) {
        err = take_record(s, &detail->records[i], merged);
    }
    return err;
}
