/* sign: signatures by a key of this installation (Ed25519, OpenSSL EVP), in forms that
 * `openssl pkeyutl -verify -rawin` takes. Any thread; a key belongs to one at a time.
 *
 * A public key is written as the base64 of its SubjectPublicKeyInfo (DER), which is also what
 * stands between the lines of its PEM file; its fingerprint is the SHA-256 of that DER. */
#ifndef BASE_SIGN_H
#define BASE_SIGN_H

#include <stddef.h>

#include "base/digest.h"
#include "base/err.h"

#define SIGN_PUBLIC_SIZE 61 /* base64 of 44 bytes, and a NUL */
#define SIGN_TEXT_SIZE 89   /* base64 of 64 bytes, and a NUL */
#define SIGN_PEM_SIZE 128

struct sign_key {
    void *pkey; /* owned until sign_key_free */
};

/* Reads the private key in the file; where there is none, `make` makes one (0600, of the folder's
 * owner when root does). ERR_NOTFOUND; ERR_DENIED, also when others may read or write the file;
 * ERR_FORMAT when it holds no such key; ERR_IO, ERR_FULL, ERR_NOMEM. *made (may be NULL) tells. */
MUST_CHECK int sign_key_open(struct sign_key *key, const char *path, bool make, bool *made,
                             struct errmsg *msg);
void sign_key_free(struct sign_key *key); /* may be called twice */

MUST_CHECK int sign_public(const struct sign_key *key, char out[SIGN_PUBLIC_SIZE]);
/* Signature of the bytes, as base64. ERR_NOMEM. */
MUST_CHECK int sign_bytes(const struct sign_key *key, const void *bytes, size_t n,
                          char out[SIGN_TEXT_SIZE]);

/* 0; ERR_CORRUPT: not the signature of these bytes by this key; ERR_FORMAT: no key or signature,
 * or not written as we write it; ERR_NOMEM. */
MUST_CHECK int sign_check(const char *public_key, const void *bytes, size_t n,
                          const char *signature);
/* ERR_FORMAT as above. */
MUST_CHECK int sign_fingerprint(const char *public_key, char out[DIGEST_HEX_SIZE]);
/* As a PEM file, and the first public key in such a text. ERR_FORMAT. */
void sign_pem(const char *public_key, char out[SIGN_PEM_SIZE]);
MUST_CHECK int sign_pem_read(const char *pem, char out[SIGN_PUBLIC_SIZE]);

#endif
