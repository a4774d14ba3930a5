/* fake_http: an http_client without a network, for tests of adapters.
 *
 * The test says beforehand which call gets which answer; what was asked is kept for it to look at.
 * Answers come on a later turn of the loop (real or fake_loop), like those of the real client. A
 * call that no rule fits ends as HTTP_NOT_SENT with curl code 7 and is counted. */
#ifndef FAKE_HTTP_H
#define FAKE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "http/client.h"

struct fake_http;

struct fake_http_answer {
    enum http_result result; /* HTTP_ANSWERED is 0 */
    long status;             /* with HTTP_ANSWERED; 0 is taken as 200 */
    const char *body;        /* NULL: empty; copied when the rule is added */
    size_t body_len;         /* 0: up to its NUL */
    uint32_t retry_after_s;
    int curl_code;     /* with any other result; 0: a usual one for it */
    uint64_t delay_ms; /* 0: on the next turn */
    bool hold;         /* no answer until fake_http_release or a cancel */
};

/* What a call must hold to fit a rule; NULL: anything. */
struct fake_http_match {
    const char *method;
    const char *url;  /* a part of it */
    const char *body; /* a part of it */
};

/* Copies of what was sent. */
struct fake_http_request {
    char *method;
    char *url;
    char *body; /* terminated */
    size_t body_len;
    char *user; /* NULL: none */
    char *password;
    char *headers; /* "Name: value\n" each, those with a value */
};

struct fake_http *fake_http_new(struct loop *loop);
/* Nothing may be in flight. */
void fake_http_free(struct fake_http *f);
struct http_client *fake_http_client(struct fake_http *f);

/* Adds a rule for one call. Of several rules that fit the oldest unused one is taken. Texts are
 * copied. */
void fake_http_once(struct fake_http *f, struct fake_http_match match,
                    struct fake_http_answer answer);
/* A rule that is never used up; those of fake_http_once go first. */
void fake_http_always(struct fake_http *f, struct fake_http_match match,
                      struct fake_http_answer answer);
/* Instead of rules: fills *answer (its body is copied), false to go on with the rules. NULL ends
 * it. */
void fake_http_respond(struct fake_http *f,
                       bool (*respond)(void *ctx, const struct fake_http_request *request,
                                       struct fake_http_answer *answer),
                       void *ctx);
/* Forgets all rules and requests. */
void fake_http_reset(struct fake_http *f);

/* Lets all held calls have their answers. */
void fake_http_release(struct fake_http *f);
/* http_send fails with ERR_NOMEM while on. */
void fake_http_refuse(struct fake_http *f, bool on);

size_t fake_http_count(const struct fake_http *f); /* requests so far */
const struct fake_http_request *fake_http_request(const struct fake_http *f, size_t i);
/* The value of a header, ignoring case; NULL when it was not sent. Valid until the next call. */
const char *fake_http_header(struct fake_http *f, size_t i, const char *name);
size_t fake_http_in_flight(const struct fake_http *f);
size_t fake_http_unexpected(const struct fake_http *f); /* calls without a rule */
size_t
fake_http_unused(const struct fake_http *f); /* rules of fake_http_once that no call has met */

#endif
