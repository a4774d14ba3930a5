/* ctl_http: one HTTP request over a Unix socket, for dvcsyncctl.
 *
 * Blocks until the answer is there or the time is over. Knows what our own server sends and no
 * more: one answer a connection, its length given or ended by the close. */
#ifndef CTL_HTTP_H
#define CTL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CTL_HTTP_ANSWER_BYTES ((size_t)64 << 20)

struct ctl_reply {
    int status;      /* 200 */
    struct buf body; /* owned: ctl_reply_free */
};

/* method "GET" or "POST"; target percent-encoded, with its query; body NULL: none. out is always
 * initialised. ERR_NOTFOUND: no socket there or nobody listens; ERR_DENIED: it may not be used;
 * ERR_TIMEOUT; ERR_FORMAT, ERR_TOOBIG: not an answer of ours; ERR_REMOTE: closed before its end;
 * ERR_IO; ERR_INVAL: the path is too long. */
MUST_CHECK int ctl_http(const char *socket_path, const char *method, const char *target,
                        const char *body, uint64_t timeout_ms, struct ctl_reply *out,
                        struct errmsg *msg);
void ctl_reply_free(struct ctl_reply *reply);

/* ---- pure, for tests ---- */

/* Splits what came into status and body. closed: the peer has ended its answer. 1 when the answer
 * is complete, 0 when more must come; ERR_FORMAT, ERR_TOOBIG, ERR_REMOTE (closed too early). */
MUST_CHECK int ctl_http_parse(const char *bytes, size_t n, bool closed, int *status,
                              size_t *body_at, size_t *body_len);

#endif
