/* opencps_call: one call of OpenCPS's REST: address, headers, Basic auth, pace, reading of the
 * answer.
 *
 * For the verbs of the opencps profile, on the loop thread. A wire belongs to one adapter; its
 * calls wait in one queue for their turn when the source has a rate. Settings are copied from the
 * configuration and counted, so that a call in flight ends with those it began with. */
#ifndef ADAPTER_OPENCPS_CALL_H
#define ADAPTER_OPENCPS_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "adapter/opencps_doc.h"
#include "adapter/parse.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/loop.h"
#include "config/config.h"
#include "http/client.h"

#define OPENCPS_PASSWORD_SIZE 256
#define OPENCPS_URL_MAX 8192 /* bytes */

struct opencps_settings {
    unsigned refs;
    struct arena strings;
    struct config_source source; /* strings in the arena */
    enum opencps_format format;
    struct http_limits limits;
    struct http_tls tls;
    int64_t start_from_s;    /* of the flow that reads this source */
    int32_t full_sweep_at_s; /* seconds after local midnight */
    bool has_password;
    char password[OPENCPS_PASSWORD_SIZE]; /* read at the first call, forgotten when refused */
};

/* A copy with one reference. ERR_CONFIG names what is wrong, ERR_NOMEM. */
MUST_CHECK int opencps_settings_new(const struct config *config, const struct config_source *source,
                                    struct opencps_settings **out, struct errmsg *msg);
struct opencps_settings *opencps_settings_ref(struct opencps_settings *s);
void opencps_settings_unref(
    struct opencps_settings *s); /* the last one wipes the password; NULL is fine */

struct opencps_wire {
    struct loop *loop;                 /* borrowed */
    struct http_client *http;          /* borrowed */
    struct opencps_settings *settings; /* owned reference */
    struct list queue;                 /* calls that wait for their turn */
    struct list sent;                  /* calls that left or end */
    struct loop_timer timer;
    uint64_t next_us; /* monotonic time of the next call's turn */
};

void opencps_wire_init(struct opencps_wire *w, struct loop *loop, struct http_client *http,
                       struct opencps_settings *settings);
void opencps_wire_change(struct opencps_wire *w,
                         struct opencps_settings *settings); /* takes the reference over */
/* Ends every call; each callback comes on a later turn. */
void opencps_wire_cancel(struct opencps_wire *w);
void opencps_wire_free(struct opencps_wire *w); /* no call may be open */

struct opencps_call {
    /* in */
    const char *method;
    struct buf path; /* from "/dossiers" on, encoded */
    struct buf form; /* empty: no body */
    bool json;       /* body and answer are JSON, whatever the source's format is */
    /* Reads a 2xx answer; pure, perhaps on a worker. What it returns becomes err. */
    int (*read)(struct opencps_call *call, const struct opencps_doc *doc, struct errmsg *msg);
    void (*done)(struct opencps_call *call); /* may free the call */
    /* out */
    int err; /* 0, ERR_NOTFOUND (404), ERR_DENIED, ERR_CANCELED, ERR_REMOTE, ERR_FORMAT, ERR_TOOBIG,
                ERR_CONFIG, ERR_NOMEM */
    struct errmsg why;
    struct http_req req; /* result, status, response until the next start or free */
    /* own */
    struct opencps_wire *wire;
    struct opencps_settings *settings; /* owned reference while open */
    struct list link;
    struct loop_task task;
    struct adapter_parse parse;
    struct buf url;
    struct http_header headers[3];
    char password[OPENCPS_PASSWORD_SIZE];
    bool flying; /* with the http client */
};

void opencps_call_init(struct opencps_call *call);
void opencps_call_free(struct opencps_call *call); /* not while open */
/* Empties path and form for the next use. */
void opencps_call_clear(struct opencps_call *call);
/* Starts; done comes once, later, whatever happens. The settings are call->settings meanwhile. */
void opencps_call_start(struct opencps_wire *w, struct opencps_call *call);
bool opencps_call_open(const struct opencps_call *call);

#endif
