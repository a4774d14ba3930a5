/* fake_client: somebody who pushes records at a listening fake peer and waits, through the engine's
 * own host. What it brings is taken from the peer's dossiers, so that the oracle knows it. */
#ifndef TEST_FAKE_CLIENT_H
#define TEST_FAKE_CLIENT_H

#include "lib/fake_adapter.h"

#define CLIENT_RECORDS 64

struct fake_client {
    struct adapter_offer offer;
    struct adapter_ask ask;
    struct adapter_relay relay;
    struct adapter_rows rows;
    struct fake_peer *peer;
    struct record records[CLIENT_RECORDS];
    char bodies[CLIENT_RECORDS][512];
    struct adapter_fate fates[CLIENT_RECORDS];
    const char *owed[4];
    size_t n;
    uint32_t done, settled; /* callbacks of the offer */
    uint32_t answered;      /* of the others */
    int64_t settled_ms;     /* wall */
    char body[2048];        /* of ask */
    char reply[256];        /* of relay */
    char names[256];        /* of rows: "code name;" each */
};

void fake_client_init(struct fake_client *c, struct fake_peer *peer);
/* The peer's dossier as it is now: the snapshot, and its steps when asked for. */
void fake_client_add(struct fake_client *c, const char *code, bool steps);
void fake_client_owe(struct fake_client *c, const char *id);
void fake_client_offer(struct fake_client *c, uint64_t wait_ms);
void fake_client_ask(struct fake_client *c, const char *code);
void fake_client_relay(struct fake_client *c, const char *service);
void fake_client_rows(struct fake_client *c, enum record_kind kind, const char *code);

#endif
