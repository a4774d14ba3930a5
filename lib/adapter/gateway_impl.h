/* gateway impl: what the gateway's files share. Internal to gateway*.c. Loop thread, but for
 * gateway_request_read. */
#ifndef ADAPTER_GATEWAY_IMPL_H
#define ADAPTER_GATEWAY_IMPL_H

#include "adapter/gateway.h"
#include "adapter/gateway_session.h"
#include "adapter/listener.h"
#include "base/arena.h"
#include "base/list.h"
#include "codec/json.h"

#define GATEWAY_CACHE_BYTES ((size_t)8 << 20)
#define GATEWAY_REPLY_BYTES ((size_t)16 << 20)
#define GATEWAY_NAME_SIZE 65 /* of a service */

enum gateway_service {
    GATEWAY_NONE,     /* no service named */
    GATEWAY_DOSSIERS, /* DongBoHoSoMC */
    GATEWAY_STEPS,    /* CapNhatTienDoHoSoMC */
    GATEWAY_ANSWER,   /* DongBoTrangThaiHoSo */
    GATEWAY_LOOKUP,   /* TraCuuHoSo */
    GATEWAY_READ,     /* Lay... of the catalogue */
    GATEWAY_PERSONAL, /* other reading services, some about people: never kept */
    GATEWAY_OTHER     /* not supported */
};

struct gateway {
    struct listener base;
    char status_map[128]; /* what its records say */
    bool compared;        /* a flow observes beside it: records keep digests of what came */
    uint64_t answer_timeout_ms;
    uint64_t cache_for_ms;
    struct gateway_sessions sessions;
    uint64_t accounts_version; /* that the sessions belong to */
    struct list requests;      /* struct gateway_request */
    struct list flights;       /* struct gateway_flight: reading services that are asked */
    struct list cache;         /* struct gateway_kept, least recently used first */
    size_t cache_bytes;
    uint64_t n_stale, n_queued;
};

/* A call of a client from its arrival until its answer and, of what was offered, its last callback.
 */
struct gateway_request {
    struct list link;
    struct list asker; /* in gateway_flight.askers */
    struct gateway *g;
    struct http_call *call; /* NULL: answered */
    struct loop_work work;
    /* what gateway_request_read found */
    struct json *root;
    struct arena arena;
    enum gateway_service service;
    char name[GATEWAY_NAME_SIZE]; /* of the service; "" none */
    bool envelope;                /* an object with service: needs a session */
    bool login;                   /* an object with username and password */
    const char *status_map;
    bool compared;
    int64_t now_s;
    struct record *records;
    size_t n_records;
    int err;
    struct errmsg why;
    /* what the engine is asked */
    struct adapter_offer offer;
    struct adapter_ask ask;
    struct loop_timer late; /* until then it must be stored, or the client is told to come again */
    bool committed;         /* offer.done came without error: settled is due */
    bool gone;              /* the client has left, or was told to come again */
};

/* gateway_request.c: reads the body of a call: what it is and, of a push, its records. Touches only
 * the request: may run on a worker. */
void gateway_request_read(struct gateway_request *r);

/* gateway_answer.c: every answer a client gets. The request's call is gone after it. */
void gateway_answer(struct gateway_request *r, unsigned http, long code, const char *message);
void gateway_answer_text(struct gateway_request *r, const char *json, size_t n);
void gateway_answer_login(struct gateway_request *r, const char *session);
void gateway_answer_found(struct gateway_request *r, const char *code, int status);
void gateway_answer_fates(struct gateway_request *r);
void gateway_answer_busy(struct gateway_request *r);

/* gateway.c: answered and nothing of it is open: frees it, and tells who waits for the end. */
void gateway_request_end(struct gateway_request *r);
void gateway_maybe_stopped(struct gateway *g);

/* gateway_push.c */
void gateway_push_init(struct gateway_request *r);
void gateway_push(struct gateway_request *r);
void gateway_push_gone(struct gateway_request *r);
void gateway_lookup(struct gateway_request *r);

/* gateway_relay.c: a reading service, from the cache, the portal, or the mirror. request: JSON
 * object of its parameters. */
void gateway_relay(struct gateway_request *r, const char *request);
void gateway_relay_stop(
    struct gateway *g); /* who asked is answered; the flights end by themselves */
void gateway_cache_free(struct gateway *g);

/* gateway_mirror.c: an answer of a reading service as the catalogue's mirror has it. */
struct gateway_mirror {
    struct adapter_rows rows;
    const struct gateway_listing *listing;
    struct json_writer w;
    struct buf text;
    char code[64];
    void (*done)(struct gateway_mirror *m);
    int err; /* 0: text is the answer; ERR_NOTFOUND: the mirror has nothing of it */
};
/* False when the mirror can't answer that service; done comes once, later, else. */
bool gateway_mirror_ask(struct gateway_mirror *m, struct adapter_host *host, const char *service,
                        const char *request, void (*done)(struct gateway_mirror *m));

#endif
