#include "lib/http_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 256

struct http_peer {
    void (*serve)(struct http_peer_conn *conn);
    void *ctx;
    int fd;
    uint16_t port;
    pthread_t acceptor;
    SSL_CTX *tls;
    char ca_file[64];
    char url[512];
    atomic_uint requests;
    atomic_uint connections;
    pthread_mutex_t lock;
    int fds[CONNECTIONS_MAX]; /* under lock; -1 when the thread has ended */
    pthread_t threads[CONNECTIONS_MAX];
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

/* ---- certificate ---- */

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(ext != NULL && X509_add_ext(cert, ext, -1) == 1, "extension");
    X509_EXTENSION_free(ext);
}

static void open_tls(struct http_peer *peer)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    FILE *file;
    int fd;

    must(key != NULL && cert != NULL, "key");
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"peer", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert, NID_subject_alt_name, "IP:127.0.0.1");
    must(X509_sign(cert, key, EVP_sha256()) > 0, "sign");
    snprintf(peer->ca_file, sizeof(peer->ca_file), "/tmp/http_peer.XXXXXX");
    fd = mkstemp(peer->ca_file);
    must(fd >= 0, "mkstemp");
    file = fdopen(fd, "w");
    must(file != NULL && PEM_write_X509(file, cert) == 1 && fclose(file) == 0, "certificate");
    peer->tls = SSL_CTX_new(TLS_server_method());
    must(peer->tls != NULL && SSL_CTX_use_certificate(peer->tls, cert) == 1 &&
             SSL_CTX_use_PrivateKey(peer->tls, key) == 1,
         "tls");
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* ---- connections ---- */

static ssize_t receive(struct http_peer_conn *conn, char *to, size_t n)
{
    if (conn->tls != NULL) {
        return SSL_read(conn->tls, to, (int)n);
    }
    return recv(conn->fd, to, n, 0);
}

bool http_peer_send(struct http_peer_conn *conn, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = conn->tls != NULL ? SSL_write(conn->tls, bytes, (int)n)
                                         : send(conn->fd, bytes, n, MSG_NOSIGNAL);

        if (done <= 0) {
            return false;
        }
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

bool http_peer_puts(struct http_peer_conn *conn, const char *text)
{
    return http_peer_send(conn, text, strlen(text));
}

/* Byte by byte, so that nothing of a next request is taken. */
bool http_peer_read_head(struct http_peer_conn *conn)
{
    conn->request_len = 0;
    conn->request[0] = '\0';
    while (conn->request_len < sizeof(conn->request) - 1) {
        if (receive(conn, conn->request + conn->request_len, 1) <= 0) {
            return false;
        }
        conn->request_len++;
        conn->request[conn->request_len] = '\0';
        if (conn->request_len >= 4 &&
            memcmp(conn->request + conn->request_len - 4, "\r\n\r\n", 4) == 0) {
            conn->body = conn->request + conn->request_len;
            return true;
        }
    }
    return false;
}

bool http_peer_read(struct http_peer_conn *conn)
{
    const char *length;
    size_t left = 0;

    if (!http_peer_read_head(conn)) {
        return false;
    }
    length = strcasestr(conn->request, "\r\nContent-Length:");
    if (length != NULL) {
        left = strtoul(length + 17, NULL, 10);
    }
    while (left > 0) {
        char sink[4096];
        size_t room = sizeof(conn->request) - 1 - conn->request_len;
        char *to = room > 0 ? conn->request + conn->request_len : sink;
        size_t take = room > 0 ? room : sizeof(sink);
        ssize_t n = receive(conn, to, take < left ? take : left);

        if (n <= 0) {
            return false;
        }
        left -= (size_t)n;
        if (room > 0) {
            conn->request_len += (size_t)n;
            conn->request[conn->request_len] = '\0';
        }
    }
    atomic_fetch_add(&conn->peer->requests, 1);
    return true;
}

void http_peer_reset(struct http_peer_conn *conn)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

void http_peer_stop_listening(struct http_peer *peer)
{
    shutdown(peer->fd, SHUT_RDWR); /* ends accept too */
}

static void *conn_main(void *arg)
{
    struct http_peer_conn *conn = arg;
    struct http_peer *peer = conn->peer;
    bool ready = true;

    if (peer->tls != NULL) {
        conn->tls = SSL_new(peer->tls);
        must(conn->tls != NULL && SSL_set_fd(conn->tls, conn->fd) == 1, "SSL_new");
        ready = SSL_accept(conn->tls) == 1;
    }
    if (ready) {
        peer->serve(conn);
    }
    SSL_free(conn->tls);
    pthread_mutex_lock(&peer->lock);
    close(conn->fd);
    peer->fds[conn->nth - 1] = -1;
    pthread_mutex_unlock(&peer->lock);
    free(conn);
    return NULL;
}

static void *acceptor_main(void *arg)
{
    struct http_peer *peer = arg;
    unsigned nth = 0;

    for (;;) {
        int fd = accept(peer->fd, NULL, NULL);
        int on = 1;
        struct http_peer_conn *conn;

        if (fd < 0) {
            return NULL;
        }
        must(nth < CONNECTIONS_MAX, "too many connections");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        conn = calloc(1, sizeof(*conn));
        must(conn != NULL, "calloc");
        nth++;
        conn->peer = peer;
        conn->nth = nth;
        conn->ctx = peer->ctx;
        conn->fd = fd;
        pthread_mutex_lock(&peer->lock);
        peer->fds[nth - 1] = fd;
        pthread_mutex_unlock(&peer->lock);
        atomic_store(&peer->connections, nth);
        must(pthread_create(&peer->threads[nth - 1], NULL, conn_main, conn) == 0, "thread");
    }
}

/* ---- the peer ---- */

struct http_peer *http_peer_open(void (*serve)(struct http_peer_conn *conn), void *ctx, bool tls)
{
    struct http_peer *peer = calloc(1, sizeof(*peer));
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof(address);

    must(peer != NULL, "calloc");
    peer->serve = serve;
    peer->ctx = ctx;
    pthread_mutex_init(&peer->lock, NULL);
    if (tls) {
        open_tls(peer);
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(peer->fd >= 0 && bind(peer->fd, (struct sockaddr *)&address, len) == 0 &&
             listen(peer->fd, 64) == 0 &&
             getsockname(peer->fd, (struct sockaddr *)&address, &len) == 0,
         "listen");
    peer->port = ntohs(address.sin_port);
    must(pthread_create(&peer->acceptor, NULL, acceptor_main, peer) == 0, "thread");
    return peer;
}

const char *http_peer_url(struct http_peer *peer, const char *path)
{
    snprintf(peer->url, sizeof(peer->url), "%s://127.0.0.1:%u%s",
             peer->tls != NULL ? "https" : "http", (unsigned)peer->port, path);
    return peer->url;
}

const char *http_peer_ca_file(const struct http_peer *peer)
{
    return peer->ca_file;
}

unsigned http_peer_requests(struct http_peer *peer)
{
    return atomic_load(&peer->requests);
}

unsigned http_peer_connections(struct http_peer *peer)
{
    return atomic_load(&peer->connections);
}

void http_peer_close(struct http_peer *peer)
{
    unsigned n;

    http_peer_stop_listening(peer);
    pthread_join(peer->acceptor, NULL);
    close(peer->fd);
    n = atomic_load(&peer->connections);
    pthread_mutex_lock(&peer->lock);
    for (unsigned i = 0; i < n; i++) {
        if (peer->fds[i] >= 0) {
            shutdown(peer->fds[i], SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&peer->lock);
    for (unsigned i = 0; i < n; i++) {
        pthread_join(peer->threads[i], NULL);
    }
    if (peer->tls != NULL) {
        SSL_CTX_free(peer->tls);
        unlink(peer->ca_file);
    }
    pthread_mutex_destroy(&peer->lock);
    free(peer);
}
