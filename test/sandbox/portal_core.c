#include "sandbox/portal_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char json_type[] = "application/json; charset=utf-8";
static const char html_page[] =
    "<html><head><title>Bảo trì hệ thống</title></head><body>Hệ thống đang bảo trì</body></html>\n";

static uint64_t clock_ms(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

uint64_t portal_now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

uint64_t portal_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

uint64_t portal_wall_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

uint64_t portal_mix(uint64_t z)
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t portal_draw(struct portal *p, enum portal_knob knob, uint64_t n)
{
    uint64_t count;

    pthread_mutex_lock(&p->lock);
    count = p->draws[knob]++;
    pthread_mutex_unlock(&p->lock);
    return portal_mix(p->seed ^ portal_mix((uint64_t)knob << 48 | count)) % n;
}

void portal_count_fault(struct portal *p, enum portal_knob knob)
{
    pthread_mutex_lock(&p->lock);
    p->stats.faults[knob]++;
    pthread_mutex_unlock(&p->lock);
}

bool portal_strikes(struct portal *p, enum portal_knob knob)
{
    long percent = knobs_get(p->knobs, (size_t)knob);

    if (percent <= 0 || portal_draw(p, knob, 100) >= (uint64_t)percent) {
        return false;
    }
    portal_count_fault(p, knob);
    return true;
}

const char *portal_body_text(const struct call *c, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(c->body, name);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

static void count_code(struct portal_stats *s, int code)
{
    s->code_0 += code == 0 ? 1u : 0u;
    s->code_3 += code == 3 ? 1u : 0u;
    s->code_minus_3 += code == -3 ? 1u : 0u;
    s->code_minus_1 += code == -1 ? 1u : 0u;
}

static int duplicate_code(struct portal *p)
{
    static const int codes[] = {[DUPLICATE_0] = 0, [DUPLICATE_3] = 3, [DUPLICATE_MINUS_3] = -3};
    long choice = knobs_get(p->knobs, PK_DUPLICATE_CODE);

    if (choice == DUPLICATE_MIX) {
        choice = (long)portal_draw(p, PK_DUPLICATE_CODE, 3);
    }
    return codes[choice];
}

void portal_refuse(struct call *c, enum refusal why, const char *message)
{
    struct portal *p = c->p;

    c->code = why == REFUSED_DUPLICATE ? duplicate_code(p) : -1;
    snprintf(c->message, sizeof c->message, "%s", message);
    pthread_mutex_lock(&p->lock);
    p->stats.refused[why]++;
    count_code(&p->stats, c->code);
    pthread_mutex_unlock(&p->lock);
}

/* ---- faults before the work ---- */

static void plain_status(struct portal *p, struct serve_req *req, int status, bool retry_after)
{
    long seconds = knobs_get(p->knobs, PK_RETRY_AFTER_S);
    char text[32];

    if (retry_after && seconds > 0) {
        snprintf(text, sizeof text, "%ld", seconds);
        serve_add_header(req, "Retry-After", text);
    }
    snprintf(text, sizeof text, "HTTP %d\n", status);
    serve_respond(req, status, "text/plain", text, strlen(text));
}

static bool redirected(struct portal *p, struct serve_req *req)
{
    static const char marker[] = "/moved";
    long where = knobs_get(p->knobs, PK_REDIRECT);
    char location[512];

    if (where == REDIRECT_OFF || strncmp(req->path, marker, sizeof marker - 1) == 0) {
        return false;
    }
    if (where == REDIRECT_SAME) {
        snprintf(location, sizeof location, "%s%.400s", marker, req->path);
    } else {
        const char *host = serve_header(req, "Host");
        const char *port = host != NULL ? strchr(host, ':') : NULL;

        snprintf(location, sizeof location, "http://localhost%.8s%s%.400s",
                 port != NULL ? port : "", marker, req->path);
    }
    portal_count_fault(p, PK_REDIRECT);
    serve_redirect(req, location);
    return true;
}

/* The last burst_calls of every burst_every + burst_calls requests fail. */
static bool in_burst(struct portal *p, uint64_t request)
{
    uint64_t every = (uint64_t)knobs_get(p->knobs, PK_BURST_EVERY);
    uint64_t calls = (uint64_t)knobs_get(p->knobs, PK_BURST_CALLS);

    if (every == 0 || request % (every + calls) < every) {
        return false;
    }
    portal_count_fault(p, PK_BURST_EVERY);
    return true;
}

bool portal_fault_before(struct portal *p, struct serve_req *req)
{
    uint64_t request;

    pthread_mutex_lock(&p->lock);
    request = p->stats.requests++;
    pthread_mutex_unlock(&p->lock);
    if (redirected(p, req)) {
        return true;
    }
    if (knobs_get(p->knobs, PK_REQUIRE_DSTCODE) != 0) {
        const char *dstcode = serve_header(req, "dstcode");

        if (dstcode == NULL || *dstcode == '\0') {
            portal_count_fault(p, PK_REQUIRE_DSTCODE);
            plain_status(p, req, 400, false);
            return true;
        }
    }
    if (in_burst(p, request)) {
        bool too_many = knobs_get(p->knobs, PK_BURST_STATUS) == BURST_429;

        plain_status(p, req, too_many ? 429 : 500, true);
    } else if (portal_strikes(p, PK_DROP_BEFORE_PERCENT)) {
        serve_drop(req);
    } else if (portal_strikes(p, PK_FAIL_500_PERCENT)) {
        plain_status(p, req, 500, false);
    } else if (portal_strikes(p, PK_FAIL_429_PERCENT)) {
        plain_status(p, req, 429, true);
    } else {
        return false;
    }
    return true;
}

/* ---- the envelope ---- */

static void write_code(struct sbuf *b, int code, long type)
{
    sbuf_key(b, "error_code");
    if (type == CODE_TYPE_INT) {
        sbuf_printf(b, "%d", code);
    } else if (type == CODE_TYPE_00 && code == 0) {
        sbuf_puts(b, "\"00\"");
    } else {
        sbuf_printf(b, "\"%d\"", code);
    }
}

static char *pretty(char *text, size_t *len)
{
    cJSON *parsed = cJSON_ParseWithLength(text, *len);
    char *printed = parsed != NULL ? cJSON_Print(parsed) : NULL;

    cJSON_Delete(parsed);
    if (printed == NULL) {
        return text;
    }
    free(text);
    *len = strlen(printed);
    return printed;
}

static char *envelope(const struct call *c, size_t *len)
{
    const struct knobs *k = c->p->knobs;
    struct sbuf b = {0};
    char *text;

    sbuf_puts(&b, "{");
    if (!c->plain && (!c->bridge || knobs_get(k, PK_BRIDGE_ERROR_CODE) != 0)) {
        write_code(&b, c->code, knobs_get(k, PK_ERROR_CODE_TYPE));
    }
    if (c->message[0] != '\0') {
        sbuf_member(&b, "message", c->message);
    }
    if (c->result.len > 0) {
        sbuf_comma(&b);
        sbuf_add(&b, c->result.data, c->result.len);
    }
    sbuf_puts(&b, "}");
    if (knobs_get(k, c->bridge ? PK_BRIDGE_DOUBLE_ENCODE : PK_DOUBLE_ENCODE) != 0 && !b.failed) {
        struct sbuf outer = {0};

        sbuf_puts(&outer, "{");
        sbuf_member_n(&outer, "message", b.data, b.len);
        sbuf_puts(&outer, "}");
        sbuf_free(&b);
        b = outer;
    }
    text = sbuf_take(&b, len);
    if (text != NULL && knobs_get(k, PK_PRETTY_PRINT) != 0) {
        text = pretty(text, len);
    }
    return text;
}

static void send_envelope(struct call *c)
{
    struct portal *p = c->p;
    size_t len = 0;
    char *text = envelope(c, &len);

    if (text == NULL) {
        serve_drop(c->req);
        return;
    }
    if (portal_strikes(p, PK_TRUNCATE_REPLY_PERCENT)) {
        if (knobs_get(p->knobs, PK_TRUNCATE_STYLE) == TRUNCATE_WIRE) {
            serve_cut(c->req);
        } else {
            len /= 2;
        }
    }
    serve_respond_owned(c->req, 200, json_type, text, len);
}

static void send_answer(struct call *c)
{
    struct portal *p = c->p;

    if (c->committed && portal_strikes(p, PK_DROP_AFTER_COMMIT_PERCENT)) {
        serve_drop(c->req);
    } else if (c->committed && portal_strikes(p, PK_FAIL_500_AFTER_COMMIT_PERCENT)) {
        plain_status(p, c->req, 500, false);
    } else if (c->status != 0) {
        plain_status(p, c->req, c->status, false);
    } else if (portal_strikes(p, PK_HANG_PERCENT)) {
        serve_delay(c->req, (uint64_t)knobs_get(p->knobs, PK_HANG_MS));
        serve_drop(c->req);
    } else if (portal_strikes(p, PK_EMPTY_REPLY_PERCENT)) {
        serve_respond(c->req, 200, json_type, "", 0);
    } else if (portal_strikes(p, PK_HTML_REPLY_PERCENT)) {
        serve_respond(c->req, 200, "text/html; charset=utf-8", html_page, sizeof html_page - 1);
    } else {
        send_envelope(c);
    }
}

static void release(void *arg)
{
    serve_release((struct serve_req *)arg);
}

void portal_finish(struct call *c)
{
    struct portal *p = c->p;
    uint64_t latency = (uint64_t)knobs_get(p->knobs, PK_LATENCY_MS);
    uint64_t jitter = (uint64_t)knobs_get(p->knobs, PK_LATENCY_JITTER_MS);

    if (jitter > 0) {
        latency += portal_draw(p, PK_LATENCY_JITTER_MS, jitter + 1);
    }
    serve_delay(c->req, latency);
    if (c->committed) {
        serve_hold(c->req);
        ledger_then(p->ledger, release, c->req);
    }
    send_answer(c);
}
