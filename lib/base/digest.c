#include "base/digest.h"

#include <pthread.h>
#include <string.h>

/* OpenSSL declares a type of the same name as one of our error codes; we never use it. */
#define ERR_STATE openssl_err_state
#include <openssl/crypto.h>
#include <openssl/evp.h>
#undef ERR_STATE

/* Looked up among OpenSSL's providers once: each look-up costs more than a short digest. Lives as
 * long as the process. */
static EVP_MD *fetched;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha256(void)
{
    return pthread_once(&once, fetch) == 0 && fetched != NULL ? fetched : EVP_sha256();
}

int digest_begin(struct digest *d)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    d->ctx = NULL;
    d->n_pending = 0;
    if (ctx == NULL) {
        return ERR_NOMEM;
    }
    if (EVP_DigestInit_ex(ctx, sha256(), NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        return ERR_NOMEM;
    }
    d->ctx = ctx;
    return 0;
}

static void update(struct digest *d, const void *bytes, size_t n)
{
    if (d->ctx != NULL && n > 0 && EVP_DigestUpdate(d->ctx, bytes, n) != 1) {
        EVP_MD_CTX_free(d->ctx);
        d->ctx = NULL; /* digest_end gives zeros */
    }
}

void digest_add_more(struct digest *d, const void *bytes, size_t n)
{
    update(d, d->pending, d->n_pending);
    d->n_pending = 0;
    if (n > sizeof(d->pending)) {
        update(d, bytes, n);
    } else {
        digest_add(d, bytes, n);
    }
}

void digest_end(struct digest *d, uint8_t out[DIGEST_BYTES])
{
    memset(out, 0, DIGEST_BYTES);
    update(d, d->pending, d->n_pending);
    d->n_pending = 0;
    if (d->ctx == NULL) {
        return;
    }
    if (EVP_DigestFinal_ex(d->ctx, out, NULL) != 1) {
        memset(out, 0, DIGEST_BYTES);
    }
    EVP_MD_CTX_free(d->ctx);
    d->ctx = NULL;
}

int digest_sha256(const void *bytes, size_t n, uint8_t out[DIGEST_BYTES])
{
    if (EVP_Digest(n > 0 ? bytes : "", n, out, NULL, sha256(), NULL) != 1) {
        memset(out, 0, DIGEST_BYTES);
        return ERR_NOMEM;
    }
    return 0;
}

int digest_hmac(const void *key, size_t key_len, const void *bytes, size_t n,
                uint8_t out[DIGEST_BYTES])
{
    size_t out_len = 0;

    /* An empty key must not be a NULL one: OpenSSL takes that for "no key set". */
    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key_len > 0 ? key : "", key_len,
                  n > 0 ? bytes : (const void *)"", n, out, DIGEST_BYTES, &out_len) == NULL ||
        out_len != DIGEST_BYTES) {
        memset(out, 0, DIGEST_BYTES);
        return ERR_NOMEM;
    }
    return 0;
}

bool digest_equal(const uint8_t a[DIGEST_BYTES], const uint8_t b[DIGEST_BYTES])
{
    return CRYPTO_memcmp(a, b, DIGEST_BYTES) == 0;
}

void digest_hex(const uint8_t d[DIGEST_BYTES], char out[DIGEST_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = digits[d[i] >> 4];
        out[2 * i + 1] = digits[d[i] & 15];
    }
    out[DIGEST_HEX_SIZE - 1] = '\0';
}
