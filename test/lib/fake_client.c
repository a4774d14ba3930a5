#include "lib/fake_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fake_client_init(struct fake_client *c, struct fake_peer *peer)
{
    memset(c, 0, sizeof(*c));
    c->peer = peer;
}

void fake_client_add(struct fake_client *c, const char *code, bool steps)
{
    const struct fake_dossier *d = fake_source_find(c->peer, code);
    size_t last = d != NULL && steps ? d->n_steps : 0;

    for (size_t i = 0; d != NULL && i <= last; i++, c->n++) {
        if (c->n == CLIENT_RECORDS) {
            abort();
        }
        fake_source_record(c->peer, d, i, RECORD_DOSSIER, c->bodies[c->n], sizeof(c->bodies[0]),
                           &c->records[c->n]);
    }
}

void fake_client_owe(struct fake_client *c, const char *id)
{
    c->owed[c->offer.n_owed++] = id;
}

static void done(struct adapter_offer *offer)
{
    struct fake_client *c = CONTAINER_OF(offer, struct fake_client, offer);

    c->done++;
}

static void settled(struct adapter_offer *offer)
{
    struct fake_client *c = CONTAINER_OF(offer, struct fake_client, offer);

    c->settled++;
    c->settled_ms = loop_wall_ms(c->peer->loop);
}

void fake_client_offer(struct fake_client *c, uint64_t wait_ms)
{
    c->offer.records = c->records;
    c->offer.n_records = c->n;
    c->offer.owed = c->owed;
    c->offer.wait_ms = wait_ms;
    c->offer.fates = c->fates;
    c->offer.done = done;
    c->offer.settled = settled;
    c->peer->host->ops->offer(c->peer->host, &c->offer);
}

static void asked(struct adapter_ask *ask)
{
    struct fake_client *c = CONTAINER_OF(ask, struct fake_client, ask);

    c->answered++;
    (void)snprintf(c->body, sizeof(c->body), "%.*s", (int)ask->body_len,
                   ask->body != NULL ? ask->body : "");
}

void fake_client_ask(struct fake_client *c, const char *code)
{
    c->ask.code = code;
    c->ask.done = asked;
    c->peer->host->ops->ask(c->peer->host, &c->ask);
}

static void relayed(struct adapter_relay *relay)
{
    struct fake_client *c = CONTAINER_OF(relay, struct fake_client, relay);

    c->answered++;
    (void)snprintf(c->reply, sizeof(c->reply), "%.*s", (int)relay->reply_len,
                   relay->reply != NULL ? relay->reply : "");
}

void fake_client_relay(struct fake_client *c, const char *service)
{
    c->relay.service = service;
    c->relay.request = "{}";
    c->relay.done = relayed;
    c->peer->host->ops->relay(c->peer->host, &c->relay);
}

static void row(struct adapter_rows *rows, const struct record *record, const char *name)
{
    struct fake_client *c = CONTAINER_OF(rows, struct fake_client, rows);
    size_t len = strlen(c->names);

    (void)snprintf(c->names + len, sizeof(c->names) - len, "%s %s;", record->code, name);
}

static void rows_done(struct adapter_rows *rows)
{
    CONTAINER_OF(rows, struct fake_client, rows)->answered++;
}

void fake_client_rows(struct fake_client *c, enum record_kind kind, const char *code)
{
    c->rows.kind = kind;
    c->rows.code = code;
    c->rows.row = row;
    c->rows.done = rows_done;
    c->peer->host->ops->rows(c->peer->host, &c->rows);
}
