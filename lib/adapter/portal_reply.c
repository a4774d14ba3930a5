#include "adapter/portal_reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/portal_bridge.h"
#include "base/digest.h"
#include "base/text.h"

/* section 2: the text that proves a success */
#define SUCCESS_TEXT "thành công"

/* With error_code 0 these take the proof away again, with or without SUCCESS_TEXT. */
static const char *const negations[] = {"không thành công", "chưa thành công", "thất bại"};
/* With error_code 0 and no SUCCESS_TEXT these are error wording, besides the configured texts. */
static const char *const complaints[] = {"lỗi",   "không thể", "từ chối",
                                         "error", "fail",      "exception"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Longer numbers than this are no code, whatever their value. */
#define CODE_MAX_DIGITS 20

/* ---- reading ---- */

static enum portal_code read_code(const struct json *object, long *code, char text[16])
{
    const struct json *node = json_get(object, "error_code");
    char number[24];
    char trimmed[24];
    const char *raw = json_text(node, number);
    char *end;

    text[0] = '\0';
    if (json_is_null(node)) {
        return PORTAL_CODE_ABSENT;
    }
    if (raw == NULL || strlen(raw) > CODE_MAX_DIGITS) {
        return PORTAL_CODE_ODD;
    }
    text_trim(raw, trimmed, sizeof(trimmed));
    (void)snprintf(text, 16, "%.15s", trimmed);
    if (trimmed[0] == '\0' || strchr("+-0123456789", trimmed[0]) == NULL) {
        return PORTAL_CODE_ODD; /* true and false have a text too */
    }
    errno = 0;
    *code = strtol(trimmed, &end, 10);
    return *end == '\0' && end != trimmed && errno == 0 ? PORTAL_CODE_READ : PORTAL_CODE_ODD;
}

static bool looks_like_reply(const struct json *node)
{
    return json_is_object(node) &&
           (json_get(node, "error_code") != NULL || json_get(node, "result") != NULL);
}

/* A reply as a text inside a reply (section 1.5). Text that begins an object but is none, or
 * another object than a reply, is odd: it may be a reply that was cut. */
static void unwrap(struct portal_reply *reply, const struct json *text_node)
{
    char number[24];
    const char *text = json_text_or_empty(text_node, number);

    text += strspn(text, " \t\r\n");
    if (!json_is_string(text_node) || text[0] != '{') {
        return;
    }
    if (json_parse(text, strlen(text), &reply->inner, &reply->fault) != 0 ||
        !looks_like_reply(reply->inner)) {
        reply->message_odd = true;
        return;
    }
    reply->object = reply->inner;
}

static void read_message(struct portal_reply *reply)
{
    const struct json *node = json_get(reply->object, "message");
    char number[24];

    if (json_is_string(node)) {
        reply->message = json_text_or_empty(node, number);
    } else if (!json_is_null(node)) {
        reply->message_odd = true;
    }
}

/* The bridge's own code counts when the reply inside has none, and a bridge that failed is believed
 * over a success inside. */
static void read_codes(struct portal_reply *reply)
{
    char outer_text[16];
    long outer = 0;
    enum portal_code has_outer;

    reply->has_code = read_code(reply->object, &reply->code, reply->code_text);
    if (reply->object == reply->root || !json_is_object(reply->root)) {
        return;
    }
    has_outer = read_code(reply->root, &outer, outer_text);
    if (reply->has_code == PORTAL_CODE_ABSENT) {
        reply->has_code = has_outer;
        reply->code = outer;
        memcpy(reply->code_text, outer_text, sizeof(outer_text));
    } else if (has_outer == PORTAL_CODE_ODD || (has_outer == PORTAL_CODE_READ && outer != 0)) {
        if (reply->has_code == PORTAL_CODE_READ && reply->code == 0) {
            reply->has_code = PORTAL_CODE_ODD;
        }
    }
}

void portal_reply_read(struct portal_reply *reply, const char *bytes, size_t n)
{
    memset(reply, 0, sizeof(*reply));
    reply->message = "";
    if (n == 0) {
        (void)err_set(&reply->fault, ERR_FORMAT, "the reply is empty");
        return;
    }
    (void)digest_sha256(bytes, n, reply->digest); /* zero when it fails: no digest, nothing worse */
    if (json_parse(bytes, n, &reply->root, &reply->fault) != 0) {
        (void)err_wrap(&reply->fault, ERR_FORMAT, "the reply is not complete JSON");
        return;
    }
    if (json_is_object(reply->root)) {
        reply->object = reply->root;
        unwrap(reply, json_get(reply->root, "message"));
    } else {
        unwrap(reply, reply->root);
    }
    if (reply->object == NULL) {
        (void)err_set(&reply->fault, ERR_FORMAT, "the reply is not a JSON object");
        return;
    }
    read_message(reply);
    read_codes(reply);
    reply->result = json_get(reply->object, "result");
}

void portal_reply_free(struct portal_reply *reply)
{
    json_free(reply->inner);
    json_free(reply->root);
    memset(reply, 0, sizeof(*reply));
}

/* ---- judging ---- */

/* A message, folded once for all the texts that it is searched for. */
struct message {
    const char *text;
    bool folds; /* false: longer than folded holds, each search folds it anew */
    char folded[2048];
};

static void message_begin(struct message *m, const char *text)
{
    m->text = text;
    m->folds = text_fold(text, m->folded, sizeof(m->folded)) == 0;
}

static bool says(const struct message *m, const char *needle)
{
    return m->folds ? strstr(m->folded, needle) != NULL : text_contains(m->text, needle);
}

static bool says_any(const struct message *m, const char *const *needles, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (says(m, needles[i])) {
            return true;
        }
    }
    return false;
}

static bool says_listed(const struct message *m, const struct config_list *list)
{
    return says_any(m, list->items, list->n);
}

/* The peer may have it, or nothing came of a call that changes nothing. */
static enum outcome_class unknown_class(enum portal_call_kind kind)
{
    return kind == PORTAL_PUSH ? OUTCOME_UNSURE : OUTCOME_TRANSIENT;
}

/* error_code 0 of a push; coded false: there was no code, so only the text can prove a success. */
static enum outcome_class judge_zero(const struct config_portal *c, const char *text, bool coded)
{
    struct message m;

    if (text[strspn(text, " \t\r\n")] == '\0') {
        return coded ? OUTCOME_DONE : OUTCOME_UNSURE;
    }
    message_begin(&m, text);
    if (says_listed(&m, &c->exists_text)) {
        return OUTCOME_EXISTS;
    }
    if (says_listed(&m, &c->missing_text)) {
        return OUTCOME_MISSING;
    }
    if (says_any(&m, negations, COUNT(negations))) {
        return OUTCOME_UNSURE;
    }
    if (says(&m, SUCCESS_TEXT)) {
        return OUTCOME_DONE;
    }
    /* Not proven: neither a success nor a refusal, so the portal may have it. */
    if (!coded || c->strict_success_text || says_listed(&m, &c->permanent_text) ||
        says_listed(&m, &c->auth_error_text) || says_any(&m, complaints, COUNT(complaints))) {
        return OUTCOME_UNSURE;
    }
    return OUTCOME_DONE;
}

/* Any other error_code. "Phiên làm việc không tồn tại" is about the session, so auth stands before
 * missing. */
static enum outcome_class judge_refusal(const struct config_portal *c,
                                        const struct portal_reply *reply)
{
    struct message m;

    message_begin(&m, reply->message);
    if (says_listed(&m, &c->exists_text)) {
        return OUTCOME_EXISTS;
    }
    if (says_listed(&m, &c->auth_error_text)) {
        return OUTCOME_AUTH;
    }
    if (says_listed(&m, &c->missing_text)) {
        return OUTCOME_MISSING;
    }
    if (reply->code == -1 && says_listed(&m, &c->permanent_text)) {
        return OUTCOME_PERMANENT;
    }
    return OUTCOME_BACKOFF;
}

/* A bridge that leaves the code out, of what it wraps or altogether, still proves a read by its
 * rows. */
static bool bare_rows(const struct config_portal *c, enum portal_call_kind kind,
                      const struct portal_reply *reply)
{
    return kind == PORTAL_READ && (reply->inner != NULL || portal_is_bridge(c)) &&
           reply->has_code == PORTAL_CODE_ABSENT && json_size(reply->result) > 0;
}

/* And a push by its text: clients of bridges look for nothing else (section 5.3). */
static bool bare_text(const struct config_portal *c, enum portal_call_kind kind,
                      const struct portal_reply *reply)
{
    return kind == PORTAL_PUSH && portal_is_bridge(c) && reply->has_code == PORTAL_CODE_ABSENT &&
           !reply->message_odd;
}

static enum outcome_class judge_body(const struct config_portal *c, enum portal_call_kind kind,
                                     const struct portal_reply *reply)
{
    if (reply->object != NULL && bare_rows(c, kind, reply)) {
        return OUTCOME_DONE;
    }
    if (reply->object != NULL && bare_text(c, kind, reply)) {
        return judge_zero(c, reply->message, false);
    }
    if (reply->object == NULL || reply->has_code != PORTAL_CODE_READ ||
        (kind == PORTAL_PUSH && reply->message_odd)) {
        return unknown_class(kind);
    }
    if (reply->code != 0) {
        return kind == PORTAL_LOGIN ? OUTCOME_LOGIN : judge_refusal(c, reply);
    }
    return kind == PORTAL_PUSH ? judge_zero(c, reply->message, true) : OUTCOME_DONE;
}

/* "Đã tồn tại" and the like count under any code, so under 4xx too. */
static enum outcome_class judge_client_error(const struct config_portal *c,
                                             enum portal_call_kind kind,
                                             const struct portal_reply *reply)
{
    enum outcome_class class;

    if (kind == PORTAL_LOGIN) {
        return OUTCOME_LOGIN;
    }
    if (reply->object == NULL || reply->has_code != PORTAL_CODE_READ || reply->code == 0) {
        return OUTCOME_PERMANENT;
    }
    class = judge_refusal(c, reply);
    return class == OUTCOME_BACKOFF ? OUTCOME_PERMANENT : class;
}

enum status_rule { RULE_BODY, RULE_CONFIG, RULE_AUTH, RULE_CLIENT, RULE_NOTHING, RULE_UNKNOWN };

/* HTTP statuses: the first row that holds one wins. */
static const struct {
    long first, last;
    enum status_rule rule;
} status_rules[] = {
    {200, 299, RULE_BODY},   {300, 399, RULE_CONFIG},  {401, 401, RULE_AUTH},
    {403, 403, RULE_AUTH},   {408, 408, RULE_UNKNOWN}, {429, 429, RULE_NOTHING},
    {400, 499, RULE_CLIENT},
};

static enum status_rule status_rule(const struct http_req *http)
{
    if (http->status == 503 && http->retry_after_s > 0) {
        return RULE_NOTHING;
    }
    for (size_t i = 0; i < COUNT(status_rules); i++) {
        if (http->status >= status_rules[i].first && http->status <= status_rules[i].last) {
            return status_rules[i].rule;
        }
    }
    return RULE_UNKNOWN;
}

static void judge_answer(const struct config_portal *c, enum portal_call_kind kind,
                         const struct http_req *http, const struct portal_reply *reply,
                         struct outcome *out)
{
    switch (status_rule(http)) {
    case RULE_BODY:
        out->class = judge_body(c, kind, reply);
        return;
    case RULE_CONFIG:
        out->class = OUTCOME_CONFIG;
        out->transport = true;
        return;
    case RULE_AUTH:
        out->class = kind == PORTAL_LOGIN ? OUTCOME_LOGIN : OUTCOME_AUTH;
        return;
    case RULE_CLIENT:
        out->class = judge_client_error(c, kind, reply);
        return;
    case RULE_NOTHING:
        out->class = OUTCOME_TRANSIENT;
        out->transport = true;
        return;
    case RULE_UNKNOWN:
        out->class = unknown_class(kind);
        out->transport = true;
        return;
    }
}

static void judge_result(const struct config_portal *c, enum portal_call_kind kind,
                         const struct http_req *http, const struct portal_reply *reply,
                         struct outcome *out)
{
    switch (http->result) {
    case HTTP_ANSWERED:
        judge_answer(c, kind, http, reply, out);
        return;
    case HTTP_NOT_SENT:
        out->class = OUTCOME_TRANSIENT;
        out->transport = true;
        out->alert = http->curl_code == 35; /* TLS handshake */
        return;
    case HTTP_TRUST:
    case HTTP_MISUSE:
        out->class = OUTCOME_CONFIG;
        out->transport = true;
        return;
    case HTTP_UNKNOWN:
        out->class = unknown_class(kind);
        out->transport = true;
        return;
    case HTTP_CANCELED:
        out->class = OUTCOME_CANCELED;
        return;
    }
}

_Static_assert(sizeof(((struct outcome *)NULL)->words) == PORTAL_WORDS_SIZE, "one size");

void portal_reply_words(const char *text, char out[PORTAL_WORDS_SIZE])
{
    char long_text[1024]; /* masked before it is cut: half a number must not stay */

    text_printable(text, strlen(text), long_text, sizeof(long_text));
    text_mask_personal(long_text);
    text_trim(long_text, out, PORTAL_WORDS_SIZE);
}

static void judge_words(const struct http_req *http, const struct portal_reply *reply,
                        struct outcome *out)
{
    char status[80];

    if (http->result != HTTP_ANSWERED) {
        portal_reply_words(http->why, out->words);
    } else if (status_rule(http) == RULE_CONFIG) {
        (void)snprintf(status, sizeof(status),
                       "HTTP status %ld: redirects are not followed, correct adapter_url",
                       http->status);
        portal_reply_words(status, out->words);
    } else if (reply->object != NULL && reply->message[0] != '\0') {
        portal_reply_words(reply->message, out->words);
    } else if (status_rule(http) != RULE_BODY) {
        (void)snprintf(status, sizeof(status), "HTTP status %ld", http->status);
        portal_reply_words(status, out->words);
    } else if (reply->object == NULL) {
        portal_reply_words(reply->fault.text, out->words);
    } else if (reply->has_code != PORTAL_CODE_READ) {
        portal_reply_words("the reply has no usable error_code", out->words);
    } else if (reply->message_odd) {
        portal_reply_words("the reply's message is not a text", out->words);
    } else {
        out->words[0] = '\0';
    }
}

uint32_t portal_reply_took(const struct http_req *http)
{
    return http->took_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)http->took_ms;
}

void portal_reply_judge(const struct config_portal *config, enum portal_call_kind kind,
                        const struct http_req *http, const struct portal_reply *reply,
                        struct outcome *out)
{
    out->transport = false;
    out->alert = false;
    out->http = http->result == HTTP_ANSWERED ? (int)http->status : 0;
    out->retry_after_s = http->result == HTTP_ANSWERED ? http->retry_after_s : 0;
    out->took_ms = portal_reply_took(http);
    memcpy(out->code, reply->code_text, sizeof(out->code));
    memcpy(out->response, reply->digest, sizeof(out->response));
    judge_result(config, kind, http, reply, out);
    if (kind == PORTAL_LOGIN && out->class != OUTCOME_DONE && out->class != OUTCOME_CANCELED) {
        out->transport = true; /* nothing of a record was sent: never a record's fault */
    }
    judge_words(http, reply, out);
}
