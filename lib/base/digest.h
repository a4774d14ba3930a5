/* digest: SHA-256 and HMAC-SHA-256 (OpenSSL EVP). Any thread; a struct digest belongs to one at a
 * time. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX_SIZE (2 * DIGEST_BYTES + 1)

struct digest {
    void *ctx; /* owned until digest_end */
    size_t n_pending;
    uint8_t pending[512]; /* short parts, handed to OpenSSL together */
};

MUST_CHECK int digest_begin(struct digest *d);
void digest_add_more(struct digest *d, const void *bytes, size_t n); /* what pending can't take */

static inline void digest_add(struct digest *d, const void *bytes, size_t n)
{
    if (n > sizeof(d->pending) - d->n_pending) {
        digest_add_more(d, bytes, n);
    } else if (n > 0) {
        memcpy(d->pending + d->n_pending, bytes, n);
        d->n_pending += n;
    }
}

/* A field with its length in front, so that ("ab","c") and ("a","bc") differ. NULL differs from "".
 */
static inline void digest_add_field(struct digest *d, const char *text)
{
    uint64_t len = text != NULL ? strlen(text) : UINT64_MAX;
    uint64_t prefix = htobe64(len);

    digest_add(d, &prefix, sizeof(prefix));
    if (text != NULL) {
        digest_add(d, text, (size_t)len);
    }
}

/* Frees ctx. Zeros when OpenSSL failed on the way, or when it is called again. */
void digest_end(struct digest *d, uint8_t out[DIGEST_BYTES]);

/* Both zero the output when OpenSSL fails and return ERR_NOMEM. */
int digest_sha256(const void *bytes, size_t n, uint8_t out[DIGEST_BYTES]);
int digest_hmac(const void *key, size_t key_len, const void *bytes, size_t n,
                uint8_t out[DIGEST_BYTES]);

bool digest_equal(const uint8_t a[DIGEST_BYTES], const uint8_t b[DIGEST_BYTES]);
void digest_hex(const uint8_t d[DIGEST_BYTES], char out[DIGEST_HEX_SIZE]);

#endif
