/* mapped call: one request to a mapped source, from its token to its judged reply.
 *
 *   start -> [wait] -> [token] -> HTTP -> parse (a worker when large) -> judge -> done
 *                         ^                                               |
 *                         +------------ refused for its token ------------+
 *
 * A refusal of an older token than the current one is just repeated; one of the newest costs one
 * login and one repeat. A list call may have a feed: its reply goes there once it is longer than
 * MAPPED_FEED_BYTES. Internal to the mapped adapter; loop thread but for parsing. */
#ifndef ADAPTER_MAPPED_CALL_H
#define ADAPTER_MAPPED_CALL_H

#include "adapter/mapped_auth.h"
#include "adapter/mapping.h"
#include "adapter/parse.h"

#define MAPPED_FEED_BYTES (1u << 20)
#define MAPPED_REPEATS_MAX 3 /* after refused tokens, of one call */

struct mapped_call;

/* Who calls: what all calls of an instance share. */
struct mapped_caller {
    struct loop *loop;
    struct http_client *http;
    struct mapped_settings *settings; /* one reference */
    struct mapped_auth auth;
    struct list open;
    uint64_t not_before_ms; /* the source asked to be left alone until then */
    uint64_t calls;
};

struct mapped_call {
    struct mapped_caller *caller;
    struct list link;
    struct mapped_settings *settings; /* one reference */
    const struct preset_call *what;   /* of the settings' preset */
    struct mapped_values values;      /* texts borrowed from the owner */
    uint64_t delay_ms;                /* before it leaves */
    /* A long reply: begin is told when it shows that it is one, with the bytes so far; then each
     * piece comes to more. NULL: none. */
    bool (*feed_begin)(struct mapped_call *call, const char *bytes, size_t n);
    enum http_took (*feed_more)(struct mapped_call *call, const char *bytes, size_t n);
    /* After parsing a reply of success, perhaps on a worker: 0 or an error with fault. NULL: none.
     */
    int (*read)(struct mapped_call *call, struct errmsg *fault);
    void (*done)(struct mapped_call *call); /* once, on a later turn; the owner may free call */
    void *owner;
    /* out */
    int err; /* 0, ERR_REMOTE, ERR_DENIED, ERR_CONFIG, ERR_NOTFOUND, ERR_FORMAT, ERR_TOOBIG,
                ERR_NOMEM, ERR_CANCELED */
    struct errmsg why;
    struct mapping_doc *doc; /* owned by the call; NULL when the reply went to the feed */
    bool feeding;
    /* own */
    struct mapped_request request;
    struct http_req http;
    struct buf window; /* of a reply that may become a feed */
    struct mapped_wait wait;
    struct adapter_parse parse;
    struct loop_timer timer;
    struct loop_task task;
    enum mapping_verdict verdict;
    char words[304];
    uint64_t generation;
    unsigned repeats;
    bool logged_in, canceled, in_http, busy;
};

void mapped_caller_init(struct mapped_caller *c, const struct adapter_env *env,
                        struct mapped_settings *settings);
void mapped_caller_change(struct mapped_caller *c, struct mapped_settings *settings);
void mapped_caller_free(struct mapped_caller *c); /* no call is open */
void mapped_caller_cancel(struct mapped_caller *c);

/* Zeroes, takes the caller's settings. The owner then sets values and callbacks. */
void mapped_call_init(struct mapped_call *call, struct mapped_caller *caller,
                      const struct preset_call *(*which)(const struct preset *preset), void *owner);
void mapped_call_start(struct mapped_call *call);
/* Not between start and done. May be called twice. */
void mapped_call_free(struct mapped_call *call);
void mapped_call_cancel(struct mapped_call *call);

#endif
