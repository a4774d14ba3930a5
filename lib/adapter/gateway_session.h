/* gateway session: the sessions that the gateway gives to those who log in.
 *
 * Opaque, 32 hexadecimal digits, good for 10 minutes from their making: what clients of the portal
 * assume (national-portal.md 1.3). A small grace lets a client that counts from when it read the
 * answer use its last seconds. Only digests are kept. Loop thread. */
#ifndef ADAPTER_GATEWAY_SESSION_H
#define ADAPTER_GATEWAY_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"

#define GATEWAY_SESSIONS_MAX 256 /* the oldest gives way */
#define GATEWAY_SESSION_LIFE_MS (10 * 60 * 1000)
#define GATEWAY_SESSION_GRACE_MS 15000
#define GATEWAY_SESSION_SIZE 33

struct gateway_sessions {
    struct {
        uint8_t digest[DIGEST_BYTES];
        uint64_t born_ms;
    } all[GATEWAY_SESSIONS_MAX]; /* a ring, oldest at next when full */
    size_t n, next;
};

/* ERR_IO without random numbers. */
MUST_CHECK int gateway_session_new(struct gateway_sessions *s, uint64_t now_ms,
                                   char out[GATEWAY_SESSION_SIZE]);
bool gateway_session_good(const struct gateway_sessions *s, uint64_t now_ms, const char *text);
void gateway_sessions_drop(struct gateway_sessions *s);
size_t gateway_sessions_alive(const struct gateway_sessions *s, uint64_t now_ms);

#endif
