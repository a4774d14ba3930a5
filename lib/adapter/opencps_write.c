#include "adapter/opencps_write.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/text.h"

#define CURL_TLS_HANDSHAKE 35

#define FIELD(wire, member)                                                                        \
    {                                                                                              \
        wire, offsetof(struct procedure, member)                                                   \
    }
const struct opencps_service_field OPENCPS_SERVICE[OPENCPS_SERVICE_FIELDS] = {
    FIELD("administrationCode", publisher),
    FIELD("administrationName", publisher_name),
    FIELD("applicantText", subjects_text),
    FIELD("conditionText", condition_text),
    FIELD("domainCode", sector_code),
    FIELD("domainName", sector_name),
    FIELD("dossierText", components_text),
    FIELD("durationText", duration_text),
    FIELD("feeText", fee_text),
    FIELD("methodText", channels_text),
    FIELD("processText", steps_text),
    FIELD("regularText", legal_text),
    FIELD("resultText", results_text),
    FIELD("serviceCode", code),
    FIELD("serviceName", name),
};

static const char *field_of(const struct procedure *p, const struct opencps_service_field *field)
{
    return *(const char *const *)(const void *)((const char *)p + field->offset);
}

static const char **field_in(struct procedure *p, const struct opencps_service_field *field)
{
    return (const char **)(void *)((char *)p + field->offset);
}

/* Bytes that OpenCPS can hold of a text; a text of fewer bytes has fewer characters. */
static size_t fitting(const char *text)
{
    size_t n = strlen(text);

    return n <= OPENCPS_TEXT_MAX ? n : text_prefix(text, OPENCPS_TEXT_MAX);
}

int opencps_reduce(const struct procedure *in, struct arena *a, struct procedure *out)
{
    procedure_init(out);
    for (size_t i = 0; i < OPENCPS_SERVICE_FIELDS; i++) {
        const char *text = field_of(in, &OPENCPS_SERVICE[i]);
        size_t n = fitting(text);

        if (text[n] != '\0') {
            text = arena_strndup(a, text, n);
            if (text == NULL) {
                return ERR_NOMEM;
            }
        }
        *field_in(out, &OPENCPS_SERVICE[i]) = text;
    }
    out->publisher_name =
        ""; /* the dictionary's, not the procedure's: spelled by each side in its own way */
    out->level = in->level;
    out->active = in->active;
    return 0;
}

/* Appends to a list of a fixed size; what does not fit is left out. */
static void add_lack(char *out, size_t size, const char *noun, int number, const char *field)
{
    static const char head[] = "OpenCPS cannot hold: ";
    size_t n = strlen(out);
    int more = 0;

    n += (size_t)snprintf(out + n, size - n, "%s", n == 0 ? head : ", ");
    if (n >= size) {
        return;
    }
    if (field != NULL) {
        more = snprintf(out + n, size - n, "%s over %d characters", field, number);
    } else {
        more = snprintf(out + n, size - n, "%d %s", number, noun);
    }
    if (more < 0 || (size_t)more >= size - n) {
        out[n] = '\0';
    }
}

void opencps_lacks(const struct procedure *p, char *out, size_t size)
{
    out[0] = '\0';
    if (p->sectors > 1) {
        add_lack(out, size, "sectors (the first is kept)", p->sectors, NULL);
    }
    if (p->agencies > 0) {
        add_lack(out, size, "implementing agencies", p->agencies, NULL);
    }
    if (p->forms > 0) {
        add_lack(out, size, "form templates", p->forms, NULL);
    }
    for (size_t i = 0; i < OPENCPS_SERVICE_FIELDS; i++) {
        const char *text = field_of(p, &OPENCPS_SERVICE[i]);

        if (text[fitting(text)] != '\0') {
            add_lack(out, size, NULL, OPENCPS_TEXT_MAX, OPENCPS_SERVICE[i].name);
        }
    }
}

int opencps_form(const struct procedure *p, const char *code, const char *publisher_name,
                 struct buf *out)
{
    for (size_t i = 0; i < OPENCPS_SERVICE_FIELDS; i++) {
        const struct opencps_service_field *field = &OPENCPS_SERVICE[i];
        const char *text = field_of(p, field);

        if (field->offset == offsetof(struct procedure, code)) {
            text = code;
        } else if (field->offset == offsetof(struct procedure, publisher_name) && text[0] == '\0') {
            text = publisher_name;
        }
        buf_printf(out, "%s%s=", i > 0 ? "&" : "", field->name);
        buf_put_form(out, text);
    }
    if (p->level > 0) {
        buf_printf(out, "&maxLevel=%d", p->level);
    }
    buf_printf(out, "&active=%s", p->active ? "true" : "false");
    return buf_error(out);
}

/* What a status line alone decides; the classes of design.md. */
static const struct {
    long from, to;
    enum outcome_class class;
    bool transport;
} STATUSES[] = {
    {200, 299, OUTCOME_DONE, false},      {300, 399, OUTCOME_CONFIG, true},
    {401, 401, OUTCOME_AUTH, false},      {403, 403, OUTCOME_AUTH, false},
    {404, 404, OUTCOME_MISSING, false},   {408, 408, OUTCOME_UNSURE, true},
    {409, 409, OUTCOME_EXISTS, false},    {429, 429, OUTCOME_TRANSIENT, true},
    {400, 499, OUTCOME_PERMANENT, false}, {500, 599, OUTCOME_UNSURE, true},
};

static void classify_answer(const struct http_req *req, bool parsed, struct outcome *out)
{
    const char *words = buf_text(&req->response);

    out->class = OUTCOME_UNSURE;
    for (size_t i = 0; i < sizeof(STATUSES) / sizeof(STATUSES[0]); i++) {
        if (req->status >= STATUSES[i].from && req->status <= STATUSES[i].to) {
            out->class = STATUSES[i].class;
            out->transport = STATUSES[i].transport;
            break;
        }
    }
    if (out->class == OUTCOME_DONE && !parsed) {
        out->class = OUTCOME_UNSURE;
    } else if (req->status == 503 && req->retry_after_s > 0) {
        out->class = OUTCOME_TRANSIENT;
    } else if (out->class == OUTCOME_PERMANENT && text_contains(words, "đã tồn tại")) {
        out->class = OUTCOME_EXISTS;
    } else if (out->class == OUTCOME_PERMANENT && text_contains(words, "không tồn tại")) {
        out->class = OUTCOME_MISSING;
    }
}

static const struct {
    enum outcome_class class;
    bool transport;
} RESULTS[] = {
    [HTTP_ANSWERED] = {OUTCOME_UNSURE, false}, [HTTP_NOT_SENT] = {OUTCOME_TRANSIENT, true},
    [HTTP_TRUST] = {OUTCOME_CONFIG, true},     [HTTP_UNKNOWN] = {OUTCOME_UNSURE, true},
    [HTTP_MISUSE] = {OUTCOME_CONFIG, true},    [HTTP_CANCELED] = {OUTCOME_CANCELED, false},
};

void opencps_outcome(const struct http_req *req, bool parsed, struct outcome *out)
{
    const char *words = req->why;
    size_t n = strlen(req->why);

    memset(out, 0, sizeof(*out));
    out->class = RESULTS[req->result].class;
    out->transport = RESULTS[req->result].transport;
    out->alert = req->result == HTTP_NOT_SENT && req->curl_code == CURL_TLS_HANDSHAKE;
    out->http = (int)req->status;
    out->took_ms = req->took_ms < UINT32_MAX ? (uint32_t)req->took_ms : UINT32_MAX;
    if (req->body != NULL) {
        digest_sha256(req->body, req->body_len, out->request);
    }
    if (req->result == HTTP_ANSWERED) {
        classify_answer(req, parsed, out);
        out->retry_after_s = req->retry_after_s;
        if (out->class != OUTCOME_DONE) {
            words = buf_text(&req->response);
            n = req->response.len;
        }
        if (req->response.len > 0) {
            digest_sha256(req->response.data, req->response.len, out->response);
        }
    }
    text_printable(words, n, out->words, sizeof(out->words));
    text_mask_personal(out->words);
}
