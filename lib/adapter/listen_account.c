#include "adapter/listen_account.h"

#include <string.h>
#include <strings.h>

#define ACCOUNTS_BYTES ((size_t)16 << 10)

bool listen_keyed(const uint8_t key[DIGEST_BYTES], const char *user, const char *password,
                  uint8_t out[DIGEST_BYTES])
{
    uint8_t plain[DIGEST_BYTES];
    struct digest d;
    bool ok = digest_begin(&d) == 0;

    if (ok) {
        digest_add_field(&d, user);
        digest_add_field(&d, password);
        digest_end(&d, plain);
        ok = digest_hmac(key, DIGEST_BYTES, plain, sizeof(plain), out) == 0;
        explicit_bzero(plain, sizeof(plain));
    }
    return ok;
}

static int read_account(struct listen_accounts *v, const uint8_t secret[DIGEST_BYTES], char *line,
                        unsigned number, struct errmsg *msg)
{
    char *colon = strchr(line, ':');
    struct listen_account *a = &v->all[v->n];

    if (colon == NULL || colon == line || colon[1] == '\0') {
        return err_set(msg, ERR_CONFIG, "line %u is not user:password", number);
    }
    if (v->n == LISTEN_ACCOUNTS_MAX) {
        return err_set(msg, ERR_CONFIG, "more than %d accounts", LISTEN_ACCOUNTS_MAX);
    }
    *colon = '\0';
    if (!listen_keyed(secret, line, colon + 1, a->both) ||
        !listen_keyed(secret, NULL, colon + 1, a->password)) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    v->n++;
    return 0;
}

int listen_accounts_read(const struct config_source *s, const uint8_t secret[DIGEST_BYTES],
                         struct listen_accounts *v, struct errmsg *msg)
{
    char text[ACCOUNTS_BYTES];
    unsigned number = 0;
    int err;

    memset(v, 0, sizeof(*v));
    if (s->accounts_credential[0] == '\0' && s->accounts_file[0] == '\0') {
        return 0;
    }
    err = config_secret_lines(s->accounts_credential, s->accounts_file, text, sizeof(text), msg);
    if (err != 0) {
        return err_wrap(msg, err_passes(err) ? err : ERR_CONFIG, "source %s: accounts", s->name);
    }
    for (char *line = text; line != NULL && err == 0;) {
        char *end = strchr(line, '\n');
        size_t n = end != NULL ? (size_t)(end - line) : strlen(line);

        if (n > 0 && line[n - 1] == '\r') {
            n--;
        }
        line[n] = '\0';
        number++;
        err = n > 0 ? read_account(v, secret, line, number, msg) : 0;
        line = end != NULL ? end + 1 : NULL;
    }
    explicit_bzero(text, sizeof(text));
    if (err != 0) {
        err = err_wrap(msg, err_passes(err) ? err : ERR_CONFIG, "source %s: accounts", s->name);
    }
    return err;
}

bool listen_accounts_match(const struct listen_accounts *accounts,
                           const uint8_t secret[DIGEST_BYTES], const char *user,
                           const char *password)
{
    uint8_t given[DIGEST_BYTES];
    unsigned found = 0;

    if (listen_keyed(secret, user, password, given)) {
        for (size_t i = 0; i < accounts->n; i++) {
            const struct listen_account *a = &accounts->all[i];

            found |= digest_equal(user != NULL ? a->both : a->password, given) ? 1U : 0U;
        }
    }
    return found != 0;
}

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* Terminated text; false when it is not Base64, holds NUL or does not fit. */
static bool decode_base64(const char *text, char *out, size_t size)
{
    unsigned bits = 0;
    unsigned have = 0;
    size_t n = 0;

    for (; *text != '\0' && *text != '='; text++) {
        int value = base64_value(*text);

        if (value < 0 || n + 1 >= size) {
            return false;
        }
        bits = (bits << 6 | (unsigned)value) & 0xffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n] = (char)(bits >> have & 0xff);
            if (out[n] == '\0') {
                return false;
            }
            n++;
        }
    }
    out[n] = '\0';
    return text[strspn(text, "=")] == '\0';
}

bool listen_login_read(const char *header, struct listen_login *out)
{
    char *colon;

    if (strncasecmp(header, "Bearer ", 7) == 0) {
        const char *token = header + 7 + strspn(header + 7, " ");

        if (strlen(token) >= sizeof(out->text)) {
            return false;
        }
        memcpy(out->text, token, strlen(token) + 1);
        out->user = NULL;
        out->password = out->text;
        return true;
    }
    if (strncasecmp(header, "Basic ", 6) != 0 ||
        !decode_base64(header + 6 + strspn(header + 6, " "), out->text, sizeof(out->text))) {
        return false;
    }
    colon = strchr(out->text, ':');
    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    out->user = out->text;
    out->password = colon + 1;
    return true;
}
