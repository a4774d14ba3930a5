/* listen account: the accounts that may push at a listener, and the Authorization header.
 *
 * Internal to listen.c. Only digests under a key of this process are kept, never a password. */
#ifndef ADAPTER_LISTEN_ACCOUNT_H
#define ADAPTER_LISTEN_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "config/config.h"

#define LISTEN_ACCOUNTS_MAX 64
#define LISTEN_LOGIN_SIZE 1024 /* of a decoded Authorization header */

struct listen_account {
    uint8_t both[DIGEST_BYTES];     /* user and password */
    uint8_t password[DIGEST_BYTES]; /* alone, as a bearer token */
};

struct listen_accounts {
    struct listen_account all[LISTEN_ACCOUNTS_MAX];
    size_t n;
};

/* HMAC of two texts; user NULL differs from "". False without memory. */
bool listen_keyed(const uint8_t key[DIGEST_BYTES], const char *user, const char *password,
                  uint8_t out[DIGEST_BYTES]);
/* From accounts_credential or accounts_file, lines user:password; none of both: no accounts.
 * ERR_CONFIG, ERR_NOMEM. */
MUST_CHECK int listen_accounts_read(const struct config_source *source,
                                    const uint8_t secret[DIGEST_BYTES], struct listen_accounts *out,
                                    struct errmsg *msg);
/* Looks at every account, whatever it finds. */
bool listen_accounts_match(const struct listen_accounts *accounts,
                           const uint8_t secret[DIGEST_BYTES], const char *user,
                           const char *password);

/* A decoded header; wipe it after use. */
struct listen_login {
    char text[LISTEN_LOGIN_SIZE];
    const char *user; /* NULL: a bearer token */
    const char *password;
};
/* False when it is neither Basic nor Bearer, or broken. */
bool listen_login_read(const char *header, struct listen_login *out);

#endif
