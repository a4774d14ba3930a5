#include "adapter/gateway_session.h"

#include <string.h>
#include <sys/random.h>

static bool alive(uint64_t born_ms, uint64_t now_ms)
{
    return now_ms - born_ms <= GATEWAY_SESSION_LIFE_MS + GATEWAY_SESSION_GRACE_MS;
}

int gateway_session_new(struct gateway_sessions *s, uint64_t now_ms, char out[GATEWAY_SESSION_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[(GATEWAY_SESSION_SIZE - 1) / 2];
    uint8_t digest[DIGEST_BYTES];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return ERR_IO;
    }
    for (size_t i = 0; i < sizeof(bytes); i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[GATEWAY_SESSION_SIZE - 1] = '\0';
    if (digest_sha256(out, GATEWAY_SESSION_SIZE - 1, digest) != 0) {
        return ERR_NOMEM;
    }
    memcpy(s->all[s->next].digest, digest, sizeof(digest));
    s->all[s->next].born_ms = now_ms;
    s->next = (s->next + 1) % GATEWAY_SESSIONS_MAX;
    s->n = s->n < GATEWAY_SESSIONS_MAX ? s->n + 1 : s->n;
    return 0;
}

bool gateway_session_good(const struct gateway_sessions *s, uint64_t now_ms, const char *text)
{
    uint8_t digest[DIGEST_BYTES];
    unsigned found = 0;

    if (strlen(text) != GATEWAY_SESSION_SIZE - 1 ||
        digest_sha256(text, GATEWAY_SESSION_SIZE - 1, digest) != 0) {
        return false;
    }
    for (size_t i = 0; i < s->n; i++) {
        found |=
            alive(s->all[i].born_ms, now_ms) && digest_equal(s->all[i].digest, digest) ? 1U : 0U;
    }
    return found != 0;
}

void gateway_sessions_drop(struct gateway_sessions *s)
{
    memset(s, 0, sizeof(*s));
}

size_t gateway_sessions_alive(const struct gateway_sessions *s, uint64_t now_ms)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        n += alive(s->all[i].born_ms, now_ms);
    }
    return n;
}
