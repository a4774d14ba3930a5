/* fake_reads: what a fake peer answers to polls, details and lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "lib/fake_adapter_impl.h"

#define PAGE_MAX 1000
#define BODY_BYTES 512

static void row_hash(const struct fake_dossier *d, uint8_t out[RECORD_HASH_BYTES])
{
    struct digest digest;
    char text[256];
    int n = snprintf(text, sizeof(text), "%d %s %zu %lld", d->status, d->text, d->n_steps,
                     (long long)d->promised_s);

    if (digest_begin(&digest) < 0) {
        abort();
    }
    digest_add(&digest, text, (size_t)n);
    digest_end(&digest, out);
}

static int by_seq(const void *left, const void *right)
{
    const struct fake_dossier *const *a = left;
    const struct fake_dossier *const *b = right;

    return (*a)->seq < (*b)->seq ? -1 : (*a)->seq > (*b)->seq;
}

/* What is not acknowledged, from the first; how many. */
static size_t list_queue(const struct fake_peer *p, size_t page, const struct fake_dossier **list,
                         struct adapter_poll *poll)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_dossiers && !poll->more; i++) {
        poll->more = !p->dossiers[i].acked && n == page;
        if (!p->dossiers[i].acked && n < page) {
            list[n++] = &p->dossiers[i];
        }
    }
    poll->full_done = poll->full;
    return n;
}

static void list_rows(struct fake_adapter *a, struct adapter_poll *poll)
{
    struct fake_peer *p = a->peer;
    const struct fake_dossier **list = calloc(p->n_dossiers + 1, sizeof(*list));
    struct adapter_row *rows = calloc(PAGE_MAX, sizeof(*rows));
    uint64_t after = strtoull(poll->cursor, NULL, 10);
    size_t page = p->page_size < PAGE_MAX ? p->page_size : PAGE_MAX;
    char next[32] = "";
    size_t n = 0;

    if (list == NULL || rows == NULL) {
        abort();
    }
    if (p->queue) {
        n = list_queue(p, page, list, poll);
    }
    a->full = (a->full || poll->full) && !p->queue;
    a->every_at = poll->full ? 0 : a->every_at;
    if (a->full || p->every_row) {
        for (size_t i = a->every_at; i < p->n_dossiers && n < page; i++) {
            list[n++] = &p->dossiers[i];
        }
        a->every_at += n;
        poll->more = a->every_at < p->n_dossiers;
        if (!poll->more) {
            poll->full_done = a->full;
            a->full = false;
            a->every_at = 0;
        }
    } else if (!p->queue) {
        for (size_t i = 0; i < p->n_dossiers; i++) {
            if (p->dossiers[i].seq > after) {
                list[n++] = &p->dossiers[i];
            }
        }
        qsort(list, n, sizeof(*list), by_seq);
        poll->more = n > page;
        n = n > page ? page : n;
        (void)snprintf(next, sizeof(next), "%llu",
                       (unsigned long long)(n > 0 ? list[n - 1]->seq : after));
    }
    for (size_t i = 0; i < n; i++) {
        rows[i].id = list[i]->code;
        row_hash(list[i], rows[i].hash);
    }
    poll->rows = rows;
    poll->n_rows = n;
    poll->next_cursor = next;
    poll->first_reading = p->first_reading;
    poll->done(poll);
    free(list);
    free(rows);
}

static void answer_dossier(struct fake_peer *p, struct adapter_detail *detail)
{
    struct fake_dossier *d = fake_source_find(p, detail->id);
    size_t n = d != NULL ? 1 + d->n_steps : 0;
    struct record *records = calloc(n + 1, sizeof(*records));
    char *bodies = malloc((n + 1) * BODY_BYTES + p->pad_bytes + 1);
    char *at = bodies;

    if (records == NULL || bodies == NULL) {
        abort();
    }
    if (d == NULL || d->gone) {
        detail->err = err_set(&detail->why, ERR_NOTFOUND, "no dossier %s", detail->id);
    } else if (d->fail_times > 0) {
        d->fail_times -= d->fail_times != UINT32_MAX;
        detail->err = err_set(&detail->why, d->fail_err, "detail of %s failed", detail->id);
    } else {
        for (size_t i = 0; i < n; i++) {
            size_t size = BODY_BYTES + (i == 0 ? p->pad_bytes : 0);

            fake_source_record(p, d, i, detail->kind, at, size, &records[i]);
            at += size;
        }
        detail->records = records;
        detail->n_records = n;
        p->details++;
    }
    detail->done(detail);
    free(records);
    free(bodies);
}

static void procedure_record(const struct fake_catalog_row *row, bool json, char *body, size_t size,
                             struct record *out)
{
    memset(out, 0, sizeof(*out));
    if (json) {
        (void)snprintf(body, size, "{\"code\":\"%s\",\"decision_id\":\"9123\"}", row->code);
    } else {
        (void)snprintf(body, size, "procedure %s %s %s", row->code, row->name, row->text);
    }
    out->kind = row->kind;
    out->code = row->code;
    out->local_no = "";
    out->step_key = "";
    out->body = body;
    out->body_len = strlen(body);
    if (digest_sha256(body, out->body_len, out->hash) < 0) {
        abort();
    }
}

static void answer_procedure(struct fake_peer *p, struct adapter_detail *detail)
{
    struct fake_catalog_row *row = NULL;
    struct record record;
    char body[256];

    for (size_t i = 0; i < p->n_catalog; i++) {
        if (p->catalog[i].kind == detail->kind && strcmp(p->catalog[i].code, detail->id) == 0) {
            row = &p->catalog[i];
        }
    }
    p->catalog_details++;
    if (row == NULL) {
        detail->err = err_set(&detail->why, ERR_NOTFOUND, "no procedure %s", detail->id);
    } else if (row->fail_times > 0) {
        row->fail_times--;
        detail->err = err_set(&detail->why, ERR_REMOTE, "detail of %s failed", detail->id);
    } else {
        procedure_record(row, p->bodies_json, body, sizeof(body), &record);
        detail->records = &record;
        detail->n_records = 1;
    }
    detail->done(detail);
}

/* A system without a catalogue of its own lists the procedures that it was sent. */
static void list_ledger(struct fake_peer *p, struct adapter_list *list)
{
    for (size_t i = 0; i < p->ledger.n; i++) {
        const struct fake_entry *e = p->ledger.entries[i];
        struct record r = {
            .kind = list->kind, .code = e->code, .local_no = "", .step_key = "", .body = ""};

        if (e->there) {
            memcpy(r.hash, e->sent_hash, sizeof(r.hash));
            list->n_rows++;
            list->row(list, &r, e->code, !e->withdrawn);
        }
    }
}

void fake_read_list(struct fake_peer *p, struct adapter_list *list)
{
    p->lists++;
    if (p->down || p->lists_fail > 0) {
        p->lists_fail -= p->lists_fail > 0;
        list->err = err_set(&list->why, ERR_REMOTE, "the list broke off");
    } else if (p->n_catalog == 0) {
        list_ledger(p, list);
    }
    for (size_t i = 0; i < p->n_catalog; i++) {
        const struct fake_catalog_row *row = &p->catalog[i];
        struct record record;
        char body[256];

        if (row->kind != list->kind || !row->active ||
            (p->list_cut > 0 && list->n_rows == p->list_cut)) {
            continue;
        }
        if (list->err != 0 && list->n_rows == 1) {
            break; /* a broken list has delivered some rows */
        }
        procedure_record(row, p->bodies_json, body, sizeof(body), &record);
        if (list->kind == RECORD_PROCEDURE) {
            record.body = "";
            record.body_len = 0;
        }
        list->n_rows++;
        list->row(list, &record, row->name, true);
    }
    list->done(list);
}

void fake_read_poll(struct fake_adapter *a, struct adapter_poll *poll)
{
    struct fake_peer *p = a->peer;

    if (!p->down && p->polls_fail == 0) {
        list_rows(a, poll);
        return;
    }
    p->polls_fail -= p->polls_fail > 0 && !p->down;
    poll->err = err_set(&poll->why, p->down ? ERR_REMOTE : p->poll_err, "the poll failed");
    poll->done(poll);
}

void fake_read_detail(struct fake_peer *p, struct adapter_detail *detail)
{
    if (p->down) {
        detail->err = err_set(&detail->why, ERR_REMOTE, "connect failed");
        detail->done(detail);
    } else if (detail->kind == RECORD_PROCEDURE || detail->kind == RECORD_DECISION) {
        answer_procedure(p, detail);
    } else {
        answer_dossier(p, detail);
    }
}

void fake_read_ack(struct fake_peer *p, struct adapter_ack *ack)
{
    p->acked_calls++;
    if (p->down || p->acks_fail > 0) {
        p->acks_fail -= p->acks_fail > 0 && !p->down;
        ack->err = err_set(&ack->why, ERR_REMOTE, "the acknowledgement failed");
        ack->done(ack);
        return;
    }
    for (size_t i = 0; i < ack->n_ids; i++) {
        struct fake_dossier *d = fake_source_find(p, ack->ids[i]);

        if (d != NULL && !d->acked) {
            d->acked = !p->acks_forgotten;
            p->acked_rows++;
        }
    }
    ack->done(ack);
}
