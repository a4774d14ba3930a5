#include "adapter/emc_form.h"

#include <stdio.h>
#include <string.h>

#include "adapter/portal_mapped.h"
#include "adapter/portal_reply.h"
#include "base/digest.h"
#include "codec/json.h"
#include "domain/usage.h"

/* ---- the form ---- */

/* Whether it has a fee that costs something (DanhSachLePhi of what has no place in a record). */
static bool has_fees(const struct dossier *d)
{
    struct errmsg unused = {{0}};
    struct json *extra = NULL;
    bool any = false;

    if (d->extra[0] == '\0' || json_parse(d->extra, strlen(d->extra), &extra, &unused) != 0) {
        return false;
    }
    for (const struct json *fee = json_first(json_get_any_case(extra, "DanhSachLePhi"));
         fee != NULL && !any; fee = json_next(fee)) {
        char number[24];
        const char *price = json_text_or_empty(json_get_any_case(fee, "Gia"), number);

        any = price[strspn(price, "0., ")] != '\0';
    }
    json_free(extra);
    return any;
}

static void put_text(struct buf *b, const char *name, const char *value)
{
    if (b->len > 0) {
        buf_putc(b, '&');
    }
    buf_puts(b, name);
    buf_putc(b, '=');
    buf_put_form(b, value);
}

static void put_number(struct buf *b, const char *name, int value)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", value);
    put_text(b, name, text);
}

/* The procedure by its own name, else by the catalogue's. */
static const char *name_of(const struct adapter_env *env, const struct portal_mapped *m)
{
    const char *name = m->dossier.procedure_name;

    if (name[0] == '\0' && env->mirror_name != NULL) {
        name = env->mirror_name(env->mirror_ctx, RECORD_PROCEDURE, m->procedure);
    }
    return name != NULL ? name : "";
}

static void put_form(const struct adapter_env *env, const struct config_source *source,
                     const struct portal_mapped *m, struct buf *b)
{
    int level = env->mirror_level != NULL ? env->mirror_level(env->mirror_ctx, m->procedure) : 0;
    struct usage u;

    usage_of(&m->dossier, m->status, level, has_fees(&m->dossier), &u);
    put_text(b, "codeProfile", m->dossier.code);
    put_text(b, "siteId", source->site_id);
    put_text(b, "codeTTHC", m->procedure);
    put_text(b, "nameTTHC", name_of(env, m));
    put_number(b, "status", (int)u.status);
    put_number(b, "formsReception", u.reception);
    put_number(b, "formsPayments", u.payments);
    put_number(b, "level", u.level);
    put_number(b, "isFromDVCQG", u.portal);
    put_number(b, "isDVCBC", u.post);
    put_text(b, "data", "");
    put_text(b, "user", source->send_user ? m->dossier.applicant_id : "");
}

/* ---- the check ---- */

static int hash_event(const struct portal_mapped *m, struct adapter_check *check)
{
    struct digest d;
    char status[16];
    int err = digest_begin(&d);

    if (err == 0) {
        (void)snprintf(status, sizeof(status), "%d", (int)usage_status(m->status));
        digest_add_field(&d, "emc");
        digest_add_field(&d, m->dossier.code);
        digest_add_field(&d, status);
        digest_end(&d, check->held_hash);
        check->has_held_hash = true;
    }
    return err;
}

void emc_form(const struct adapter_env *env, const struct config_source *source,
              const struct record *record, struct buf *form, struct adapter_check *check)
{
    struct portal_mapped m;
    struct arena arena;

    check->has_held_hash = false;
    arena_init(&arena, PORTAL_RECORD_BYTES);
    /* As released by a person: what the portal alone asks of a dossier does not matter here. */
    check->err = portal_map_record(env, record, true, &arena, &m, check);
    check->flags = 0;
    if (check->err == 0 && check->hold == HOLD_NONE) {
        if (record->kind != RECORD_DOSSIER) {
            portal_hold_invalid(check, "EMC is told of dossiers only");
        } else {
            check->err = hash_event(&m, check);
        }
    }
    if (check->err == 0 && check->hold == HOLD_NONE && form != NULL) {
        put_form(env, source, &m, form);
    }
    check->status = 0; /* EMC knows no moves between statuses: none is illegal */
    arena_free(&arena);
}

/* ---- the answer ---- */

enum status_rule { RULE_DONE, RULE_UNKNOWN, RULE_CONFIG, RULE_LOGIN, RULE_NOTHING, RULE_REFUSED };

/* The first row that holds one wins. All dossiers go to one address, so 404 is about the address.
 */
static const struct {
    long first, last;
    enum status_rule rule;
} status_rules[] = {
    {204, 204, RULE_DONE},    {200, 299, RULE_UNKNOWN}, {300, 399, RULE_CONFIG},
    {401, 401, RULE_LOGIN},   {403, 403, RULE_LOGIN},   {404, 405, RULE_CONFIG},
    {410, 410, RULE_CONFIG},  {408, 408, RULE_UNKNOWN}, {429, 429, RULE_NOTHING},
    {400, 499, RULE_REFUSED},
};

static enum status_rule rule_of(const struct http_req *http)
{
    if (http->status == 503 && http->retry_after_s > 0) {
        return RULE_NOTHING;
    }
    for (size_t i = 0; i < sizeof(status_rules) / sizeof(status_rules[0]); i++) {
        if (http->status >= status_rules[i].first && http->status <= status_rules[i].last) {
            return status_rules[i].rule;
        }
    }
    return RULE_UNKNOWN;
}

static const struct {
    enum outcome_class class;
    bool transport;
    const char *words;
} verdicts[] = {
    [RULE_DONE] = {OUTCOME_DONE, false, ""},
    [RULE_UNKNOWN] = {OUTCOME_UNSURE, true, "only 204 says that it was counted"},
    [RULE_CONFIG] = {OUTCOME_CONFIG, true, "nothing takes it at this address, correct url"},
    [RULE_LOGIN] = {OUTCOME_LOGIN, true, "the account is not let in"},
    [RULE_NOTHING] = {OUTCOME_TRANSIENT, true, "told to come again"},
    [RULE_REFUSED] = {OUTCOME_PERMANENT, false, "refused"},
};

static const struct {
    enum outcome_class class;
    bool transport;
} failures[] = {
    [HTTP_NOT_SENT] = {OUTCOME_TRANSIENT, true}, [HTTP_TRUST] = {OUTCOME_CONFIG, true},
    [HTTP_UNKNOWN] = {OUTCOME_UNSURE, true},     [HTTP_MISUSE] = {OUTCOME_CONFIG, true},
    [HTTP_CANCELED] = {OUTCOME_CANCELED, false},
};

void emc_judge(const struct http_req *http, struct outcome *out)
{
    bool answered = http->result == HTTP_ANSWERED;
    char words[80];

    out->http = answered ? (int)http->status : 0;
    out->retry_after_s = answered ? http->retry_after_s : 0;
    out->took_ms = http->took_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)http->took_ms;
    out->alert = http->result == HTTP_NOT_SENT && http->curl_code == 35; /* TLS handshake */
    if (!answered) {
        out->class = failures[http->result].class;
        out->transport = failures[http->result].transport;
        portal_reply_words(http->why, out->words);
        return;
    }
    out->class = verdicts[rule_of(http)].class;
    out->transport = verdicts[rule_of(http)].transport;
    if (out->class != OUTCOME_DONE) {
        (void)snprintf(words, sizeof(words), "HTTP status %ld: %s", http->status,
                       verdicts[rule_of(http)].words);
        portal_reply_words(words, out->words);
    }
}
