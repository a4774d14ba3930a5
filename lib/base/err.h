/* err: the one list of error codes, and error texts that grow on their way up.
 *
 * A function that can fail returns 0 or a negative enum err. Where a person will read the cause, it
 * also takes a struct errmsg: the lowest layer says what failed, each layer above puts its noun in
 * front once, the top logs once. No thread shares one. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

#define ERR_LIST(X)                                                                                \
    X(NOMEM, "out of memory")                                                                      \
    X(INVAL, "invalid value")                                                                      \
    X(FORMAT, "malformed input")                                                                   \
    X(TOOBIG, "larger than allowed")                                                               \
    X(NOTFOUND, "not found")                                                                       \
    X(EXISTS, "exists already")                                                                    \
    X(BUSY, "in use")                                                                              \
    X(STATE, "not possible in this state")                                                         \
    X(IO, "input/output error")                                                                    \
    X(FULL, "disk full")                                                                           \
    X(CORRUPT, "data are damaged")                                                                 \
    X(SCHEMA, "made by a newer version")                                                           \
    X(CONFIG, "configuration error")                                                               \
    X(DENIED, "not permitted")                                                                     \
    X(TIMEOUT, "timed out")                                                                        \
    X(CANCELED, "cancelled")                                                                       \
    X(REMOTE, "the peer failed")                                                                   \
    X(UNSUPPORTED, "not supported")

enum err_ordinal {
#define X(name, text) ERR_ORDINAL_##name,
    ERR_LIST(X)
#undef X
        ERR_COUNT
};

enum err {
    ERR_OK = 0,
#define X(name, text) ERR_##name = -1 - ERR_ORDINAL_##name,
    ERR_LIST(X)
#undef X
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* A text for a person. Zero-initialise it; text is always terminated. */
struct errmsg {
    char text[480];
};

/* The fixed text of a code; "unknown error" for any other number. */
const char *err_text(int err);

/* Trouble of this machine that may pass by itself: no memory, input/output (too many open files
 * among it), disk full. Never a reason to blame a record or to wait for a person. */
bool err_passes(int err);

/* Writes the cause, replacing what stood there. msg may be NULL. Returns err, so that a caller can
 * write `return err_set(msg, ERR_FORMAT, "line %u: ...", n)`. Cut on a character boundary. */
int err_set(struct errmsg *msg, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "NOUN: " in front of what stands there (or of err_text when nothing does). Returns err. */
int err_wrap(struct errmsg *msg, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
