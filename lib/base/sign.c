#include "base/sign.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* OpenSSL declares a type of the same name as one of our error codes; we never use it. */
#define ERR_STATE openssl_err_state
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#undef ERR_STATE

#define PUBLIC_BYTES 44 /* DER of an Ed25519 key */
#define SIGNATURE_BYTES 64
#define PATH_BYTES 4096
#define PEM_BYTES 4096
#define PEM_BEGIN "-----BEGIN PUBLIC KEY-----"
#define PEM_END "-----END PUBLIC KEY-----"

/* ---- base64, as written here and in no other way ---- */

static int decode(const char *text, size_t want, unsigned char *out)
{
    unsigned char bytes[SIGNATURE_BYTES + 4];
    char again[SIGN_TEXT_SIZE];
    size_t len = strlen(text);

    if (len != (want + 2) / 3 * 4 ||
        EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len) < (int)want ||
        EVP_EncodeBlock((unsigned char *)again, bytes, (int)want) != (int)len ||
        strcmp(again, text) != 0) {
        return ERR_FORMAT;
    }
    memcpy(out, bytes, want);
    return 0;
}

/* ---- the file of the private key ---- */

/* What root makes in the service's folder is the service's. */
static int give_to_owner(int fd, const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_BYTES] = ".";
    struct stat owner;

    if (geteuid() != 0) {
        return 0;
    }
    if (slash != NULL) {
        (void)snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path),
                       path);
    }
    return stat(folder, &owner) == 0 && fchown(fd, owner.st_uid, owner.st_gid) == 0 ? 0 : ERR_IO;
}

/* Complete under its name or not there; one that came to be there meanwhile counts. */
static int write_key(const char *path, const char *pem, size_t n, struct errmsg *msg)
{
    char fresh[PATH_BYTES + 32];
    int fd;
    int err;

    (void)snprintf(fresh, sizeof(fresh), "%s.%ld", path, (long)getpid());
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set(msg, file_error(errno), "%s: %s", fresh, strerror(errno));
    }
    err = file_write(fd, pem, n);
    err = err == 0 ? give_to_owner(fd, path) : err;
    if (err == 0 && fsync(fd) != 0) {
        err = file_write_error(errno);
    }
    if (err < 0) {
        err = err_set(msg, err, "%s: %s", fresh, strerror(errno));
    }
    (void)close(fd);
    err = err == 0 ? file_put_in_place(fresh, path, msg) : err;
    if (err < 0) {
        (void)unlink(fresh);
    }
    return err == ERR_EXISTS ? 0 : err;
}

static int make_key(const char *path, struct errmsg *msg)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    int err = ERR_NOMEM;

    if (pkey != NULL && bio != NULL &&
        PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1) {
        long n = BIO_get_mem_data(bio, &pem);

        err = write_key(path, pem, (size_t)n, msg);
    } else {
        err = err_set(msg, err, "no key could be made");
    }
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return err;
}

static EVP_PKEY *parse_key(const char *pem, size_t n)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)n);
    EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    if (pkey != NULL && EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

static int read_key(struct sign_key *key, const char *path, struct errmsg *msg)
{
    char pem[PEM_BYTES];
    struct stat file;
    size_t n = 0;
    int err = 0;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        return err_set(msg, file_error(errno), "%s: %s", path, strerror(errno));
    }
    if (fstat(fd, &file) != 0 || file_fill(fd, pem, sizeof(pem), &n) != 0) {
        err = err_set(msg, ERR_IO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(file.st_mode) || (file.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        err = err_set(msg, ERR_DENIED, "%s: others than its owner may use it; chmod 0600", path);
    } else {
        key->pkey = parse_key(pem, n);
        if (key->pkey == NULL) {
            err = err_set(msg, ERR_FORMAT, "%s: no Ed25519 key", path);
        }
    }
    OPENSSL_cleanse(pem, sizeof(pem));
    (void)close(fd);
    return err;
}

int sign_key_open(struct sign_key *key, const char *path, bool make, bool *made, struct errmsg *msg)
{
    int err;

    key->pkey = NULL;
    if (made != NULL) {
        *made = false;
    }
    if (strlen(path) >= PATH_BYTES) {
        return err_set(msg, ERR_TOOBIG, "the path of the key is too long");
    }
    err = read_key(key, path, msg);
    if (err != ERR_NOTFOUND || !make) {
        return err;
    }
    err = make_key(path, msg);
    if (err == 0) {
        err = read_key(key, path, msg);
        if (err == 0 && made != NULL) {
            *made = true;
        }
    }
    return err;
}

void sign_key_free(struct sign_key *key)
{
    EVP_PKEY_free(key->pkey);
    key->pkey = NULL;
}

/* ---- signing and checking ---- */

int sign_public(const struct sign_key *key, char out[SIGN_PUBLIC_SIZE])
{
    unsigned char der[PUBLIC_BYTES];
    unsigned char *at = der;

    out[0] = '\0';
    if (i2d_PUBKEY(key->pkey, NULL) != PUBLIC_BYTES || i2d_PUBKEY(key->pkey, &at) != PUBLIC_BYTES) {
        return ERR_NOMEM;
    }
    (void)EVP_EncodeBlock((unsigned char *)out, der, PUBLIC_BYTES);
    return 0;
}

int sign_bytes(const struct sign_key *key, const void *bytes, size_t n, char out[SIGN_TEXT_SIZE])
{
    unsigned char signature[SIGNATURE_BYTES];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool signed_it = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
                     EVP_DigestSign(ctx, signature, &len, bytes, n) == 1 &&
                     len == sizeof(signature);

    EVP_MD_CTX_free(ctx);
    out[0] = '\0';
    if (!signed_it) {
        return ERR_NOMEM;
    }
    (void)EVP_EncodeBlock((unsigned char *)out, signature, SIGNATURE_BYTES);
    return 0;
}

static EVP_PKEY *public_of(const char *text)
{
    unsigned char der[PUBLIC_BYTES];
    const unsigned char *at = der;
    EVP_PKEY *pkey;

    if (decode(text, PUBLIC_BYTES, der) != 0) {
        return NULL;
    }
    pkey = d2i_PUBKEY(NULL, &at, PUBLIC_BYTES);
    if (pkey != NULL && (EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519 || at != der + PUBLIC_BYTES)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

int sign_check(const char *public_key, const void *bytes, size_t n, const char *signature)
{
    unsigned char raw[SIGNATURE_BYTES];
    EVP_PKEY *pkey = public_of(public_key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int err = ERR_FORMAT;

    if (pkey != NULL && decode(signature, SIGNATURE_BYTES, raw) == 0) {
        err = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 ? ERR_CORRUPT
                                                                                    : ERR_NOMEM;
    }
    if (err == ERR_CORRUPT && EVP_DigestVerify(ctx, raw, SIGNATURE_BYTES, bytes, n) == 1) {
        err = 0;
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return err;
}

int sign_fingerprint(const char *public_key, char out[DIGEST_HEX_SIZE])
{
    unsigned char der[PUBLIC_BYTES];
    uint8_t sum[DIGEST_BYTES];
    int err = decode(public_key, PUBLIC_BYTES, der);

    out[0] = '\0';
    err = err == 0 ? digest_sha256(der, sizeof(der), sum) : err;
    if (err == 0) {
        digest_hex(sum, out);
    }
    return err;
}

void sign_pem(const char *public_key, char out[SIGN_PEM_SIZE])
{
    (void)snprintf(out, SIGN_PEM_SIZE, PEM_BEGIN "\n%s\n" PEM_END "\n", public_key);
}

int sign_pem_read(const char *pem, char out[SIGN_PUBLIC_SIZE])
{
    const char *at = strstr(pem, PEM_BEGIN);
    unsigned char der[PUBLIC_BYTES];
    size_t n = 0;

    at = at != NULL ? at + strlen(PEM_BEGIN) : "";
    for (; *at != '\0' && *at != '-' && n + 1 < SIGN_PUBLIC_SIZE; at++) {
        if (strchr("\r\n\t ", *at) == NULL) {
            out[n++] = *at;
        }
    }
    out[n] = '\0';
    at += strspn(at, "\r\n\t ");
    if (strncmp(at, PEM_END, strlen(PEM_END)) != 0 || decode(out, PUBLIC_BYTES, der) != 0) {
        out[0] = '\0';
        return ERR_FORMAT;
    }
    return 0;
}
