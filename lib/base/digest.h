/* digest: SHA-256 and HMAC-SHA-256 (OpenSSL EVP). Any thread; a struct digest belongs to one at a
 * time. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX_SIZE (2 * DIGEST_BYTES + 1)

struct digest {
    void *ctx; /* owned until digest_end */
    size_t n_pending;
    uint8_t pending[512]; /* short parts, handed to OpenSSL together */
};

MUST_CHECK int digest_begin(struct digest *d);
void digest_add(struct digest *d, const void *bytes, size_t n);
/* A field with its length in front, so that ("ab","c") and ("a","bc") differ. NULL differs from "".
 */
void digest_add_field(struct digest *d, const char *text);
/* Frees ctx. Zeros when OpenSSL failed on the way, or when it is called again. */
void digest_end(struct digest *d, uint8_t out[DIGEST_BYTES]);

/* Both zero the output when OpenSSL fails and return ERR_NOMEM. */
int digest_sha256(const void *bytes, size_t n, uint8_t out[DIGEST_BYTES]);
int digest_hmac(const void *key, size_t key_len, const void *bytes, size_t n,
                uint8_t out[DIGEST_BYTES]);

bool digest_equal(const uint8_t a[DIGEST_BYTES], const uint8_t b[DIGEST_BYTES]);
void digest_hex(const uint8_t d[DIGEST_BYTES], char out[DIGEST_HEX_SIZE]);

#endif
