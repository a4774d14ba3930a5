/* A reply of the portal and what is decided from it.
 *
 * Done is said only of a complete document that says so: proven by another parser, and by cutting
 * the reply anywhere. Nothing that was pushed is given up as not sent once an answer came; a read
 * is never in doubt; the words are printable.
 *
 * Input: kind of call, kind of portal, HTTP status, Retry-After, where it is cut; then the reply.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/portal_reply.h"
#include "adapter/portal_settings.h"
#include "base/text.h"
#include "fuzz/oracle.h"
#include "fuzz/world.h"

#define HEAD                                                                                       \
    "portal {\n adapter_url = \"https://adapter.example.vn/forward\"\n agency_code = \"H00\"\n"    \
    " username = \"sample\"\n password_file = \"@\"\n"
#define TAIL                                                                                       \
    "}\nsource a {\n url = \"https://a.example.vn/o/rest/v2\"\n username = \"a\"\n"                \
    " password_file = \"@\"\n}\nflow dossiers {\n from = a\n to = portal\n}\n"

static struct portal_settings *portals[3];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const texts[] = {HEAD TAIL, HEAD " strict_success_text = yes\n" TAIL,
                                        HEAD " transport = bridge\n" TAIL};
    struct errmsg why = {0};

    (void)argc;
    (void)argv;
    for (size_t i = 0; i < 3; i++) {
        FUZZ_CHECK(portal_settings_new(fuzz_config(texts[i]), &portals[i], &why) == 0, "%s",
                   why.text);
    }
    return 0;
}

struct call {
    const struct config_portal *config;
    enum portal_call_kind kind;
    struct http_req http;
};

static enum outcome_class judge(const struct call *call, const char *bytes, size_t n,
                                struct outcome *out)
{
    struct portal_reply reply;

    memset(out, 0, sizeof(*out));
    portal_reply_read(&reply, bytes, n);
    FUZZ_CHECK((reply.object == NULL) == (reply.fault.text[0] != '\0') || reply.inner != NULL ||
                   reply.message_odd,
               "%s", reply.fault.text);
    portal_reply_judge(call->config, call->kind, &call->http, &reply, out);
    portal_reply_free(&reply);
    portal_reply_free(&reply);
    return out->class;
}

/* An independent reading of the document. */
static void proven(const char *bytes, size_t n)
{
    char why[160];
    struct oracle *root = oracle_parse(bytes, n, why);

    FUZZ_CHECK(root != NULL, "done by what is no document: %s: %.*s", why, (int)n, bytes);
    FUZZ_CHECK(oracle_kind(root) == ORACLE_OBJECT || oracle_kind(root) == ORACLE_STRING,
               "done by %.*s", (int)n, bytes);
    oracle_free(root);
}

static void words(const struct outcome *out)
{
    FUZZ_CHECK(text_is_utf8(out->words, strlen(out->words)), "%s", out->words);
    for (const char *p = out->words; *p != '\0'; p++) {
        FUZZ_CHECK((unsigned char)*p >= 0x20, "%s", out->words);
    }
}

/* Nothing but white space is cut away: still the same document. */
static bool only_space(const char *bytes, size_t from, size_t n)
{
    for (size_t i = from; i < n; i++) {
        if (strchr(" \t\r\n", bytes[i]) == NULL || bytes[i] == '\0') {
            return false;
        }
    }
    return true;
}

static void check(const struct call *call, const struct outcome *out)
{
    bool answered = call->http.result == HTTP_ANSWERED;

    FUZZ_CHECK(out->class != OUTCOME_NONE && out->class != OUTCOME_HELD, "%d", (int)out->class);
    if (call->kind == PORTAL_READ) {
        FUZZ_CHECK(out->class != OUTCOME_UNSURE, "a read in doubt");
    }
    if (call->kind == PORTAL_PUSH) {
        FUZZ_CHECK(out->class != OUTCOME_LOGIN, "a push that is a login");
        FUZZ_CHECK(call->http.result != HTTP_UNKNOWN || out->class == OUTCOME_UNSURE,
                   "sent and forgotten: %s", outcome_name(out->class));
        FUZZ_CHECK(!answered || call->http.status < 200 || call->http.status > 299 ||
                       out->class != OUTCOME_TRANSIENT,
                   "answered, and as if never sent");
    }
    if (out->class == OUTCOME_DONE) {
        FUZZ_CHECK(answered && call->http.status >= 200 && call->http.status <= 299, "done by %ld",
                   call->http.status);
    }
    words(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const long statuses[] = {200, 200, 200, 200, 201, 204, 302, 400,
                                    401, 403, 404, 408, 429, 500, 502, 503};
    struct fuzz_in in = {data, size};
    struct call call = {.config = NULL};
    struct outcome out;
    uint8_t kind = fuzz_byte(&in);
    size_t cut;
    char *text;

    call.kind = (enum portal_call_kind)(kind % 3);
    call.http.result = kind < 192 ? HTTP_ANSWERED : (enum http_result)(kind % (HTTP_CANCELED + 1));
    call.config = &portals[fuzz_byte(&in) % 3]->config;
    call.http.status = call.http.result == HTTP_ANSWERED ? statuses[fuzz_byte(&in) % 16] : 0;
    call.http.retry_after_s = fuzz_byte(&in);
    cut = (size_t)fuzz_byte(&in);
    text = fuzz_text(&in);
    if (judge(&call, text, in.n, &out) == OUTCOME_DONE) {
        proven(text, in.n);
        cut = in.n * cut / 256;
        if (!only_space(text, cut, in.n)) {
            check(&call, &out);
            FUZZ_CHECK(judge(&call, text, cut, &out) != OUTCOME_DONE, "done by %zu of %zu bytes",
                       cut, in.n);
        }
    }
    check(&call, &out);
    free(text);
    return 0;
}
