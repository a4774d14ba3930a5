/* portal call: one request to the portal, from its session to its judged reply.
 *
 *   start -> [wait for a session] -> HTTP -> read (a worker when large) -> judge -> done
 *                    ^                                                      |
 *                    +------------- refused for its session ----------------+
 *
 * A refusal of an older session than the current one is just repeated; one of the newest costs one
 * login and one repeat (design.md "Auth"). Internal to the portal adapter; loop thread but for
 * read_rows. */
#ifndef ADAPTER_PORTAL_CALL_H
#define ADAPTER_PORTAL_CALL_H

#include "adapter/parse.h"
#include "adapter/portal_reply.h"
#include "adapter/portal_session.h"
#include "adapter/portal_settings.h"
#include "adapter/portal_wire.h"
#include "base/arena.h"
#include "domain/procedure.h"

#define PORTAL_SPARE_CALLS 32    /* kept for reuse */
#define PORTAL_SPARE_BYTES 65536 /* larger buffers are freed between calls */
#define PORTAL_REPEATS_MAX 3     /* after refused sessions, of one call */
#define PORTAL_SUCCESS_BYTES 512 /* longer replies are judged each */

struct portal_call;

/* The instance. */
struct portal {
    struct adapter adapter;
    struct adapter_env env; /* config follows reloads */
    struct portal_settings *settings;
    struct portal_session session;
    char *name;        /* owned */
    struct list open;  /* calls */
    struct list spare; /* calls for reuse */
    size_t n_spare;
    struct portal_shelf shelf;
    struct loop_timer sweep; /* of the shelf, while something lies there */
    struct { /* the last success of a push: nearly all are told in the very same bytes */
        char reply[PORTAL_SUCCESS_BYTES];
        size_t n; /* 0: none under these settings */
        struct outcome outcome;
    } success;
    struct { /* of the last page of the list (portal_questions.c) */
        struct arena arena;
        struct record *records; /* in arena */
        size_t n;
        struct log_limit refused; /* a list or answers are not given */
    } questions;
    bool freed; /* by its owner, from inside the last callback */
};

struct portal_call {
    struct portal *portal;
    struct list link;
    struct portal_settings *settings; /* one reference */
    /* set before portal_call_start */
    enum portal_call_kind kind;
    enum portal_endpoint endpoint;
    size_t response_bytes;
    struct buf
        rest; /* the request without its session: one JSON object; see struct portal_request */
    struct buf path; /* bridge: service and parameters */
    /* Extra reading of a reply that says success, right after parsing, perhaps on a worker; NULL:
     * none. */
    void (*read_rows)(struct portal_call *call);
    /* The end, on the loop: outcome is judged, reply is there until portal_call_release (empty
     * after a success of a push that was judged before). */
    void (*done)(struct portal_call *call);
    void *request; /* the engine's struct adapter_... */
    /* out */
    struct outcome outcome;
    struct portal_reply reply;
    /* own */
    struct buf body;
    struct buf url;    /* bridge */
    struct buf bearer; /* bridge: value of the Authorization header; wiped */
    struct http_header headers[PORTAL_HEADERS + 1];
    struct http_req http;
    struct portal_wait wait;
    struct loop_task task;
    struct adapter_parse parse;
    uint64_t generation; /* of the session that the call carried */
    bool logged_in;      /* a login was made because of this call */
    bool canceled;
    bool in_http;
    /* of list, detail, poll and ack */
    struct arena arena;
    struct record *records; /* in arena */
    const char **names;     /* of the records, in arena */
    size_t n_records;
    size_t at;                   /* the next one to deliver */
    struct procedure *procedure; /* in arena */
    struct adapter_row *rows;    /* of intake, in arena; n_records of them */
    size_t n_odd;                /* rows that could not be taken */
    bool more;                   /* rows behind this page */
    int64_t now_s;               /* when it was made, for those who read off the loop */
    int err;                     /* of the rows; ERR_OK when they could be read */
    struct errmsg fault;         /* what is wrong with them */
};

/* Never NULL: the small block of a call is the one thing that this adapter can't do without. */
struct portal_call *portal_call_new(struct portal *portal, enum portal_call_kind kind,
                                    enum portal_endpoint endpoint, void *request,
                                    void (*done)(struct portal_call *call));
/* Where portal_wire writes the request. */
struct portal_request portal_call_request(struct portal_call *call);
/* Sends. done comes on a later turn. */
void portal_call_start(struct portal_call *call);
/* Ends without sending: done comes on a later turn with this outcome. */
void portal_call_end(struct portal_call *call, enum outcome_class class, const char *words);
/* After done, instead of giving back: the same call may be made again with another request. */
void portal_call_again(struct portal_call *call);
/* After done: gives everything back. */
void portal_call_release(struct portal_call *call);
void portal_call_cancel_all(struct portal *portal);
/* Frees the instance once no call is open. */
void portal_close(struct portal *portal);

/* portal_catalog.c: the verbs of the catalogue. */
void portal_catalog_detail(struct adapter *a, struct adapter_detail *detail);
void portal_catalog_list(struct adapter *a, struct adapter_list *list);
/* Why a reading call came to nothing; ERR_OK when its rows may be used. service stands in front. */
int portal_call_read_error(const struct portal_call *call, const char *service, struct errmsg *why);

#endif
