/* portal session: one login for all calls of an endpoint (national-portal.md 1.3, design.md
 * "Auth"). Through a bridge (section 11) there is no login: the session is then the bridge's bearer
 * token, read from its file as a password is, or "" when there is none.
 *
 * The session is an opaque text without a stated life: it is taken as too old at 80 % of
 * session_life, fixed from the login on. Logins are single-flight: who needs a session while one is
 * being fetched waits for it. Session and password are never logged. Loop thread. */
#ifndef ADAPTER_PORTAL_SESSION_H
#define ADAPTER_PORTAL_SESSION_H

#include "adapter/adapter.h"
#include "adapter/portal_reply.h"
#include "adapter/portal_settings.h"

#define PORTAL_SESSION_MAX 4096 /* bytes of a session */

struct portal_wait {
    /* trouble NULL: there is a session now. Else why there is none: OUTCOME_LOGIN, _TRANSIENT,
     * _CONFIG or _CANCELED; borrowed for the call. */
    void (*ready)(struct portal_wait *wait, const struct outcome *trouble);
    struct list link;
};

struct portal_session {
    struct loop *loop;
    struct http_client *http;
    struct log *log;
    struct portal_settings *settings; /* one reference */
    char token[PORTAL_SESSION_MAX + 1];
    uint64_t generation; /* counts logins; 0: none yet */
    bool usable;         /* token is the session of generation, and not refused */
    uint64_t renew_at_ms;
    struct list waiting;
    /* the login in flight */
    bool logging_in;
    bool again;                   /* the account changed meanwhile: its result is of no use */
    struct portal_settings *used; /* one reference */
    struct http_req req;
    struct buf body;
    struct loop_task told; /* tells the waiting of a login that made no call */
    struct outcome trouble;
};

void portal_session_init(struct portal_session *s, const struct adapter_env *env,
                         struct portal_settings *settings);
/* Not while a login is in flight. */
void portal_session_free(struct portal_session *s);

/* The number of the session that calls may carry now (its text is s->token); 0: none, see
 * portal_session_wait. */
uint64_t portal_session_current(struct portal_session *s);
/* Joins the login in flight, or begins one. ready comes once, on a later turn. */
void portal_session_wait(struct portal_session *s, struct portal_wait *wait);
/* A call that carried this session was refused: it is not handed out again. Harmless for older
 * ones. */
void portal_session_refused(struct portal_session *s, uint64_t generation);
/* Takes over a new configuration; another account or address forgets the session. */
void portal_session_reconfigure(struct portal_session *s, struct portal_settings *settings);
/* Ends a login in flight; all who wait are told on a later turn. */
void portal_session_cancel(struct portal_session *s);

#endif
