/* portal reply: what an answer of the portal means, as pure functions.
 *
 * The table is design.md's "Replies, endpoint, session", the fields and texts are
 * national-portal.md 1.5 and 2. portal_reply_read may run on a worker; the others on the loop. */
#ifndef ADAPTER_PORTAL_REPLY_H
#define ADAPTER_PORTAL_REPLY_H

#include "adapter/adapter.h"
#include "codec/json.h"

#define PORTAL_WORDS_SIZE 304 /* of struct outcome's words */

enum portal_code { PORTAL_CODE_ABSENT, PORTAL_CODE_ODD, PORTAL_CODE_READ };

/* A parsed body. Pointers are into the trees. */
struct portal_reply {
    struct json *root;  /* owned */
    struct json *inner; /* owned: a reply inside a reply, as province bridges make it; NULL */
    const struct json *object; /* the reply itself; NULL: not complete JSON, or not an object */
    const struct json *result; /* NULL: none */
    enum portal_code has_code;
    long code;                         /* PORTAL_CODE_READ */
    char code_text[16];                /* as it stood */
    const char *message;               /* "" none */
    bool message_odd;                  /* neither a text nor null */
    struct errmsg fault;               /* why object is NULL */
    uint8_t digest[RECORD_HASH_BYTES]; /* of the bytes; zero when there are none */
};

/* Zeroed is empty. Never fails: what is wrong with the bytes is in the reply. */
void portal_reply_read(struct portal_reply *reply, const char *bytes, size_t n);
void portal_reply_free(struct portal_reply *reply); /* may be called twice */

enum portal_call_kind {
    PORTAL_PUSH, /* changes something: an unreadable answer is OUTCOME_UNSURE */
    PORTAL_READ, /* nothing can be in doubt: an unreadable answer is OUTCOME_TRANSIENT */
    PORTAL_LOGIN /* a refusal is OUTCOME_LOGIN, everything unclear OUTCOME_TRANSIENT of the
                    transport */
};

/* Judges a call: http as its callback left it and its parsed body (empty when there is none). Fills
 * class, transport, alert, http, code, words, retry_after_s, took_ms and response; the rest of *out
 * stays. The text lists of config are folded already (text_fold), as struct portal_settings holds
 * them: this runs for every reply. */
void portal_reply_judge(const struct config_portal *config, enum portal_call_kind kind,
                        const struct http_req *http, const struct portal_reply *reply,
                        struct outcome *out);

/* Milliseconds of a call, as an outcome has them. */
uint32_t portal_reply_took(const struct http_req *http);

/* Words of a peer made fit to store and show: printable, personal data masked, cut on a character
 * boundary. */
void portal_reply_words(const char *text, char out[PORTAL_WORDS_SIZE]);

#endif
