/* http_peer: the other end of an HTTP client under test, on plain sockets, in threads.
 *
 * The test says byte by byte what each connection answers, so that it can misbehave in every way.
 * serve runs on a thread of its own per connection. */
#ifndef HTTP_PEER_H
#define HTTP_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_peer;

struct http_peer_conn {
    struct http_peer *peer;
    unsigned nth;        /* connections are numbered from 1 */
    void *ctx;           /* of http_peer_open */
    char request[16384]; /* the last one read: head and body, terminated */
    size_t request_len;
    const char *body; /* within request */
    int fd;
    void *tls;
};

/* Listens on 127.0.0.1. With tls it shows a fresh self-signed certificate for 127.0.0.1. */
struct http_peer *http_peer_open(void (*serve)(struct http_peer_conn *conn), void *ctx, bool tls);
/* "http://127.0.0.1:PORT/path"; valid until the next call. */
const char *http_peer_url(struct http_peer *peer, const char *path);
/* PEM of the certificate, a temporary file that http_peer_close removes. */
const char *http_peer_ca_file(const struct http_peer *peer);
/* Whole requests read so far; connections accepted so far. */
unsigned http_peer_requests(struct http_peer *peer);
unsigned http_peer_connections(struct http_peer *peer);
/* Cuts what is open and waits for the threads. */
void http_peer_close(struct http_peer *peer);

/* For serve. Reads one whole request (by Content-Length); false at the end of the connection. */
bool http_peer_read(struct http_peer_conn *conn);
/* Reads the head alone. */
bool http_peer_read_head(struct http_peer_conn *conn);
bool http_peer_send(struct http_peer_conn *conn, const char *bytes, size_t n);
bool http_peer_puts(struct http_peer_conn *conn, const char *text);
/* New connections are refused from now on. */
void http_peer_stop_listening(struct http_peer *peer);
/* Ends the connection with a reset instead of a clean end. */
void http_peer_reset(struct http_peer_conn *conn);

#endif
