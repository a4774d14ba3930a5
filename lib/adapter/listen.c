#include "adapter/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/listen_account.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/net_allow.h"

#define KEY_BYTES ((size_t)64 << 10)
#define CERTIFICATE_BYTES ((size_t)256 << 10)
#define DRAIN_BYTES ((size_t)32 << 20)
#define DEADLINE_MS 30000 /* to read a request: a client behind a slow line sends a megabyte */
#define IDLE_MS 60000     /* clients keep connections longer than a control socket's */
#define CONNECTIONS_PER_CALL                                                                       \
    4 /* kept connections of an address for each call it may have running */
#define REOPEN_MS 5000

/* The keys of a section, read. */
struct values {
    char *address;     /* owned, as the next two */
    char *certificate; /* NULL: plain */
    char *key;
    uint8_t tls_digest[DIGEST_BYTES];
    size_t body_limit_bytes;
    uint32_t max_clients;
    uint32_t max_per_client;
    struct net_allow allow;
    struct listen_accounts accounts;
};

struct listen {
    struct adapter_env env;
    struct listen_hooks hooks;
    char *name;                   /* of the source, owned */
    uint8_t secret[DIGEST_BYTES]; /* key of the digests */
    struct values values;
    struct http_server *server; /* NULL while it is being replaced */
    struct loop_timer reopen;
    struct loop_task closed_task;
    bool replacing; /* the old server is closing */
    bool closing;
    void (*closed)(void *ctx);
    void *closed_ctx;
    uint64_t accounts_version;
    uint64_t n_calls, n_refused, n_logins_refused;
    struct log_limit login_trouble;
};

/* ---- reading the section ---- */

static void values_free(struct values *v)
{
    if (v->key != NULL) {
        explicit_bzero(v->key, strlen(v->key));
    }
    free(v->address);
    free(v->certificate);
    free(v->key);
    memset(v, 0, sizeof(*v));
}

static int config_error(struct errmsg *msg, const struct config_source *s, const char *key, int err)
{
    return err_wrap(msg, err_passes(err) ? err : ERR_CONFIG, "source %s: %s", s->name, key);
}

static int out_of_memory(struct errmsg *msg, const struct config_source *s)
{
    return err_set(msg, ERR_NOMEM, "source %s: %s", s->name, err_text(ERR_NOMEM));
}

static int read_certificate(const char *path, char **out, struct errmsg *msg)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    size_t n = 0;
    char *text = NULL;
    int err = ERR_CONFIG;

    if (fd < 0) {
        return err_set(msg, file_error(errno), "%s can't be opened: %s", path, strerror(errno));
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        st.st_size <= (off_t)CERTIFICATE_BYTES) {
        text = calloc(1, (size_t)st.st_size + 1);
        err = text != NULL ? file_fill(fd, text, (size_t)st.st_size, &n) : ERR_NOMEM;
    }
    (void)close(fd);
    if (err != 0 || n == 0) {
        free(text);
        return err_set(msg, err != 0 ? err : ERR_CONFIG,
                       "%s is not a readable file of 1 to %zu bytes", path, CERTIFICATE_BYTES);
    }
    *out = text;
    return 0;
}

static int read_key(const struct config_source *s, struct values *v, struct errmsg *msg)
{
    char *key = calloc(1, KEY_BYTES);
    int err;

    if (key == NULL) {
        return out_of_memory(msg, s);
    }
    err = config_secret_lines(s->tls_key_credential, s->tls_key_file, key, KEY_BYTES, msg);
    if (err != 0) {
        free(key);
        return config_error(msg, s, "tls_key", err);
    }
    v->key = key;
    return 0;
}

static int read_tls(const struct config_source *s, struct values *v, struct errmsg *msg)
{
    int err;

    if (s->tls_certificate_file[0] == '\0') {
        if (!net_is_loopback_endpoint(s->listen) && !s->allow_plaintext) {
            return err_set(msg, ERR_CONFIG,
                           "source %s: listen: %s is not a loopback address and there is no "
                           "tls_certificate_file; give a certificate and its key, listen on "
                           "127.0.0.1, or set allow_plaintext = yes",
                           s->name, s->listen);
        }
        return 0;
    }
    err = read_certificate(s->tls_certificate_file, &v->certificate, msg);
    if (err != 0) {
        return config_error(msg, s, "tls_certificate_file", err);
    }
    err = read_key(s, v, msg);
    if (err == 0) {
        uint8_t none[DIGEST_BYTES] = {0};

        if (!listen_keyed(none, v->certificate, v->key, v->tls_digest)) {
            err = out_of_memory(msg, s);
        }
    }
    return err;
}

static int read_allow(const struct config_source *s, struct values *v, struct errmsg *msg)
{
    static const char *const loopback[] = {"127.0.0.1", "::1"};
    const char *const *items = s->allow.n > 0 ? s->allow.items : loopback;
    size_t n = s->allow.n > 0 ? s->allow.n : sizeof(loopback) / sizeof(loopback[0]);

    for (size_t i = 0; i < n && i < NET_ALLOW_MAX; i++) {
        if (net_range_parse(items[i], &v->allow.ranges[v->allow.n], msg) != 0) {
            return config_error(msg, s, "allow", ERR_CONFIG);
        }
        v->allow.n++;
    }
    return 0;
}

static int read_values(const struct config_source *s, const uint8_t secret[DIGEST_BYTES],
                       struct values *v, struct errmsg *msg)
{
    int err;

    memset(v, 0, sizeof(*v));
    if (!net_is_endpoint(s->listen)) {
        return err_set(msg, ERR_CONFIG,
                       "source %s: listen: \"%s\" is not ADDRESS:PORT in numbers; write "
                       "127.0.0.1:8080 or [::1]:8080",
                       s->name, s->listen);
    }
    v->body_limit_bytes = (size_t)s->body_limit_bytes;
    v->max_clients = s->max_clients;
    v->max_per_client = s->max_per_client;
    v->address = strdup(s->listen);
    err = v->address != NULL ? read_allow(s, v, msg) : out_of_memory(msg, s);
    if (err == 0) {
        err = read_tls(s, v, msg);
    }
    if (err == 0) {
        err = listen_accounts_read(s, secret, &v->accounts, msg);
    }
    if (err == 0 && v->accounts.n == 0 && strcmp(s->profile, "payments") == 0 &&
        !net_is_loopback_endpoint(s->listen)) {
        err = err_set(msg, ERR_CONFIG,
                      "source %s: accounts: payments are taken from other machines only with "
                      "accounts, and there is none; give lines user:password, or listen on "
                      "127.0.0.1",
                      s->name);
    }
    if (err != 0) {
        values_free(v);
    }
    return err;
}

int listen_check(const struct config_source *source, struct errmsg *msg)
{
    static const uint8_t secret[DIGEST_BYTES];
    struct values v;
    int err = read_values(source, secret, &v, msg);

    if (err == 0) {
        values_free(&v);
    }
    return err;
}

/* ---- the server ---- */

static void on_call(void *ctx, struct http_call *call)
{
    struct listen *l = ctx;

    l->n_calls++;
    l->hooks.handle(l->hooks.ctx, call);
}

static void on_gone(void *ctx, struct http_call *call)
{
    struct listen *l = ctx;

    if (l->hooks.gone != NULL) {
        l->hooks.gone(l->hooks.ctx, call);
    }
}

static void forget_key(struct values *v)
{
    if (v->key != NULL) {
        explicit_bzero(v->key, strlen(v->key));
        free(v->key);
        v->key = NULL;
    }
}

static int open_server(struct listen *l, struct errmsg *msg)
{
    const struct values *v = &l->values;
    uint32_t per_address = v->max_per_client * CONNECTIONS_PER_CALL;
    struct http_server_options options = {
        .listen_fd = -1,
        .tcp_address = v->address,
        .max_connections = v->max_clients,
        .max_connections_per_address = per_address < v->max_clients ? per_address : v->max_clients,
        .max_calls_per_address = v->max_per_client,
        .deadline_ms = DEADLINE_MS,
        .idle_ms = IDLE_MS,
        .max_body_bytes = v->body_limit_bytes,
        .drain_bytes = DRAIN_BYTES,
        .tls_certificate = v->certificate,
        .tls_key = v->key,
        .allow = &l->values.allow,
        .handle = on_call,
        .gone = on_gone,
        .ctx = l,
    };
    int err;

    if (l->env.serve == NULL) {
        return err_set(msg, ERR_UNSUPPORTED, "nothing can be listened to here");
    }
    err = l->env.serve(l->env.serve_ctx, &options, &l->server, msg);
    if (err != 0) {
        l->server = NULL;
        return err_wrap(msg, err, "source %s: listen", l->name);
    }
    forget_key(&l->values);
    log_plain(l->env.log, LOG_LEVEL_NOTICE, "listening", "source %s listens on %s (%s)", l->name,
              v->address, v->certificate != NULL ? "TLS" : "plain");
    return 0;
}

static void on_reopen(struct loop_timer *timer)
{
    struct listen *l = CONTAINER_OF(timer, struct listen, reopen);
    struct errmsg msg = {0};

    if (open_server(l, &msg) != 0) {
        log_plain(l->env.log, LOG_LEVEL_ERROR, "listen_failed", "%s; tried again every %d s",
                  msg.text, REOPEN_MS / 1000);
        loop_timer_start(l->env.loop, &l->reopen, REOPEN_MS);
    }
}

static void finish_close(struct loop_task *task)
{
    struct listen *l = CONTAINER_OF(task, struct listen, closed_task);
    void (*closed)(void *ctx) = l->closed;
    void *ctx = l->closed_ctx;

    loop_timer_stop(&l->reopen);
    values_free(&l->values);
    explicit_bzero(l->secret, sizeof(l->secret));
    free(l->name);
    free(l);
    closed(ctx);
}

static void on_server_closed(void *ctx)
{
    struct listen *l = ctx;

    l->replacing = false;
    if (l->closing) {
        finish_close(&l->closed_task);
    } else {
        on_reopen(&l->reopen);
    }
}

int listen_open(const struct adapter_env *env, const struct config_source *source,
                const struct listen_hooks *hooks, struct listen **out, struct errmsg *msg)
{
    struct listen *l = calloc(1, sizeof(*l));
    int err;

    *out = NULL;
    if (l == NULL) {
        return out_of_memory(msg, source);
    }
    l->env = *env;
    l->hooks = *hooks;
    loop_timer_init(&l->reopen, on_reopen);
    loop_task_init(&l->closed_task, finish_close);
    l->name = strdup(source->name);
    if (l->name == NULL) {
        err = out_of_memory(msg, source);
        goto err_after_alloc;
    }
    if (getrandom(l->secret, sizeof(l->secret), 0) != (ssize_t)sizeof(l->secret)) {
        err = err_set(msg, ERR_IO, "source %s: no random numbers", source->name);
        goto err_after_alloc;
    }
    err = read_values(source, l->secret, &l->values, msg);
    if (err != 0) {
        goto err_after_alloc;
    }
    err = open_server(l, msg);
    if (err != 0) {
        goto err_after_values;
    }
    *out = l;
    return 0;

err_after_values:
    values_free(&l->values);
err_after_alloc:
    free(l->name);
    free(l);
    return err;
}

void listen_close(struct listen *l, void (*closed)(void *ctx), void *ctx)
{
    l->closing = true;
    l->closed = closed;
    l->closed_ctx = ctx;
    loop_timer_stop(&l->reopen);
    if (l->server != NULL) {
        struct http_server *server = l->server;

        l->server = NULL;
        http_server_close(server, on_server_closed, l);
    } else if (!l->replacing) {
        loop_defer(l->env.loop, &l->closed_task);
    }
}

static bool same_server(const struct values *a, const struct values *b)
{
    return strcmp(a->address, b->address) == 0 &&
           (a->certificate == NULL) == (b->certificate == NULL) &&
           digest_equal(a->tls_digest, b->tls_digest) &&
           a->body_limit_bytes == b->body_limit_bytes && a->max_clients == b->max_clients &&
           a->max_per_client == b->max_per_client;
}

int listen_reconfigure(struct listen *l, const struct config_source *source, struct errmsg *msg)
{
    struct values v;
    int err = read_values(source, l->secret, &v, msg);
    bool same;

    if (err != 0) {
        return err;
    }
    same = same_server(&l->values, &v);
    if (memcmp(&l->values.accounts, &v.accounts, sizeof(v.accounts)) != 0) {
        l->accounts_version++;
    }
    values_free(&l->values);
    l->values = v; /* the server asks the allow list through this very place */
    explicit_bzero(&v.accounts, sizeof(v.accounts));
    if (same && l->server != NULL) {
        forget_key(&l->values);
    } else if (!same && l->server != NULL) {
        struct http_server *server = l->server;

        l->server = NULL;
        l->replacing = true;
        http_server_close(server, on_server_closed, l);
    }
    return 0;
}

uint16_t listen_port(const struct listen *l)
{
    return l->server != NULL ? http_server_port(l->server) : 0;
}

/* ---- accounts ---- */

bool listen_has_accounts(const struct listen *l)
{
    return l->values.accounts.n > 0;
}

uint64_t listen_accounts_version(const struct listen *l)
{
    return l->accounts_version;
}

static void count_login_refused(struct listen *l)
{
    uint64_t left_out;

    l->n_logins_refused++;
    if (log_limit_pass(&l->login_trouble, loop_now_ms(l->env.loop), 60000, &left_out)) {
        log_plain(l->env.log, LOG_LEVEL_WARN, "login_refused",
                  "source %s: a client gave a wrong account (%llu times before)", l->name,
                  (unsigned long long)left_out);
    }
}

bool listen_account_ok(struct listen *l, const char *user, const char *password)
{
    bool ok = listen_accounts_match(&l->values.accounts, l->secret, user, password);

    if (!ok) {
        count_login_refused(l);
    }
    return ok;
}

bool listen_authorised(struct listen *l, const struct http_call *call)
{
    const char *header = http_call_header(call, "Authorization");
    struct listen_login login;
    bool ok;

    if (!listen_has_accounts(l)) {
        return true;
    }
    if (header == NULL || !listen_login_read(header, &login)) {
        count_login_refused(l);
        return false;
    }
    ok = listen_account_ok(l, login.user, login.password);
    explicit_bzero(&login, sizeof(login));
    return ok;
}

void listen_answer_denied(struct http_call *call)
{
    http_call_add_header(call, "WWW-Authenticate", "Basic realm=\"dvcsync\", charset=\"UTF-8\"");
    http_answer_problem(call, 401, "An account is needed.");
}

/* ---- answers and counting ---- */

void listen_answer_json(struct http_call *call, unsigned status, const char *text, size_t n)
{
    http_answer(call, status, "application/json; charset=utf-8", text, n);
}

void listen_count_refused(struct listen *l)
{
    l->n_refused++;
}

size_t listen_notes(const struct listen *l, struct adapter_note notes[ADAPTER_NOTES_MAX], size_t n)
{
    const struct adapter_note all[] = {{"calls", l->n_calls},
                                       {"calls_refused", l->n_refused},
                                       {"logins_refused", l->n_logins_refused}};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && n < ADAPTER_NOTES_MAX; i++) {
        notes[n] = all[i];
        n++;
    }
    return n;
}
