/* mapped auth: what lets the calls of a mapped source in, in all the ways of a preset
 * (provincial-systems.md section 5.2).
 *
 * Kinds that log in fetch a token, once for all who wait for it, and renew it at 80 % of its life.
 * The others read the operator's secret in its place and read it again as often. Tokens and
 * secrets stand in memory only and never in a log line or an error. Loop thread. */
#ifndef ADAPTER_MAPPED_AUTH_H
#define ADAPTER_MAPPED_AUTH_H

#include "adapter/adapter.h"
#include "adapter/mapped_request.h"
#include "adapter/parse.h"

#define MAPPED_TOKEN_MAX 8192 /* bytes; Keycloak's tokens have some 2,000 */
#define MAPPED_SECRET_MAX 512

struct mapped_wait {
    /* err 0: calls can be let in now. Else ERR_DENIED (refused), ERR_CONFIG, ERR_REMOTE,
     * ERR_FORMAT, ERR_CANCELED...; why is borrowed for the call. */
    void (*ready)(struct mapped_wait *wait, int err, const struct errmsg *why);
    struct list link;
};

struct mapped_auth {
    struct loop *loop;
    struct http_client *http;
    struct log *log;
    struct mapped_settings *settings; /* one reference */
    char token[MAPPED_TOKEN_MAX + 1];
    char second[MAPPED_TOKEN_MAX + 1]; /* LGSP: value of the second header */
    uint64_t generation;               /* counts tokens; 0: none yet */
    bool usable;
    uint64_t renew_at_ms;
    uint64_t refused_until_ms; /* a refused login is not repeated at once */
    int refused_err;           /* how, in the words of */
    struct errmsg refusal;
    uint64_t logins, refusals;
    struct list waiting;
    /* the login at work */
    bool logging_in;
    bool again;                   /* the account changed meanwhile: its result is of no use */
    struct mapped_settings *used; /* one reference */
    struct mapped_request request;
    char secret[MAPPED_SECRET_MAX];
    struct http_req req;
    struct loop_task told; /* a login that made no call */
    int err;
    struct errmsg why;
};

void mapped_auth_init(struct mapped_auth *a, const struct adapter_env *env,
                      struct mapped_settings *settings);
/* Not while a login is in flight. */
void mapped_auth_free(struct mapped_auth *a);

/* The number of the token that calls may carry now; 0: none, see mapped_auth_wait. */
uint64_t mapped_auth_current(struct mapped_auth *a);
/* Joins the login in flight, or begins one. ready comes once, on a later turn. */
void mapped_auth_wait(struct mapped_auth *a, struct mapped_wait *wait);
/* A call with this token was refused: it is not handed out again. Harmless for older ones. */
void mapped_auth_refused(struct mapped_auth *a, uint64_t generation);
/* Puts into values and request what lets a call in. After mapped_request_fill. */
void mapped_auth_values(const struct mapped_auth *a, struct mapped_values *v);
MUST_CHECK int mapped_auth_sign(const struct mapped_auth *a, const struct mapped_values *v,
                                struct mapped_request *r, struct http_req *http,
                                struct errmsg *msg);
void mapped_auth_reconfigure(struct mapped_auth *a, struct mapped_settings *settings);
/* Ends a login in flight; all who wait are told on a later turn. */
void mapped_auth_cancel(struct mapped_auth *a);

#endif
