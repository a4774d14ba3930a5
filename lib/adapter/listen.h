/* listen: the listener of a system that pushes at us, as its section `source` says.
 *
 * Shared by gateway, intake and the publish receiver of opencps. Reads listen, tls_*, accounts_*,
 * allow, body_limit, max_clients and max_per_client, opens the server through env->serve and
 * counts. Plain text only on a loopback address, or where the operator says allow_plaintext;
 * payments without accounts only on a loopback address. Loop thread. */
#ifndef ADAPTER_LISTEN_H
#define ADAPTER_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapter/adapter.h"
#include "config/config.h"
#include "http/server.h"

struct listen;

struct listen_hooks {
    /* A request, as struct http_server_options.handle; the owner answers it once, through
     * http_answer or one of the functions below. */
    void (*handle)(void *ctx, struct http_call *call);
    /* The client of a call that is not answered yet has left; the answer is still owed. May be
     * NULL. */
    void (*gone)(void *ctx, struct http_call *call);
    void *ctx;
};

/* Whether the keys can be used: the address and nets are well-formed, certificate, key and accounts
 * can be read, plain text is permitted. ERR_CONFIG with the remedy. Blocks for the files: for open
 * and reconfigure of an adapter only. A source without `listen` is ERR_CONFIG; ask that first when
 * it is optional. */
MUST_CHECK int listen_check(const struct config_source *source, struct errmsg *msg);

/* Begins to listen. ERR_CONFIG as above, ERR_BUSY (the address is in use), ERR_DENIED, ERR_IO. */
MUST_CHECK int listen_open(const struct adapter_env *env, const struct config_source *source,
                           const struct listen_hooks *hooks, struct listen **out,
                           struct errmsg *msg);
/* Takes nothing more and ends all connections; calls not answered get 503 and are still owed an
 * answer, which may come during or after this. closed comes once, later; l is gone then. */
void listen_close(struct listen *l, void (*closed)(void *ctx), void *ctx);
/* New values from a reload. Accounts and nets hold for the next request; where address, certificate
 * or limits changed the server is opened anew (running calls of the old one get 503). ERR_CONFIG:
 * nothing changed. A new address that can't be opened is logged and tried again. */
MUST_CHECK int listen_reconfigure(struct listen *l, const struct config_source *source,
                                  struct errmsg *msg);

uint16_t listen_port(const struct listen *l); /* bound; 0 while the server is being replaced */

/* ---- accounts ---- */

/* False: everybody whom the nets let in may call. */
bool listen_has_accounts(const struct listen *l);
/* Grows when a reload changed the accounts: what an older one let in should not stay. */
uint64_t listen_accounts_version(const struct listen *l);
/* user and password belong together; compared in constant time over all accounts, counted. False
 * when there are no accounts. user NULL: any (a password used as bearer token). */
bool listen_account_ok(struct listen *l, const char *user, const char *password);
/* The Authorization header of the call (Basic user:password, or Bearer password) names an account;
 * true without accounts: then the list of addresses decides alone. Refusals are counted. */
bool listen_authorised(struct listen *l, const struct http_call *call);
/* 401 with WWW-Authenticate and a problem text. */
void listen_answer_denied(struct http_call *call);

/* ---- answers ---- */

/* application/json; charset=utf-8. */
void listen_answer_json(struct http_call *call, unsigned status, const char *text, size_t n);

/* ---- counting ---- */

/* Up to ADAPTER_NOTES_MAX - n further notes behind the n that stand there: calls, calls_refused,
 * logins_refused. Returns the new number. */
size_t listen_notes(const struct listen *l, struct adapter_note notes[ADAPTER_NOTES_MAX], size_t n);
/* The owner refused a call for what it says. */
void listen_count_refused(struct listen *l);

#endif
