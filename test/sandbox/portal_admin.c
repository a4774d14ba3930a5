/* What belongs to the sandbox itself: the paths under /_sandbox/, and the start from an older
 * ledger. */
#include "sandbox/portal_asked.h"
#include "sandbox/portal_core.h"
#include "sandbox/portal_poster.h"
#include "sandbox/portal_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char json_type[] = "application/json; charset=utf-8";
static const char lines_type[] = "application/x-ndjson; charset=utf-8";

/* ---- what was stored before ---- */

static struct dossier *find_or_add(struct portal *p, const char *code)
{
    struct dossier *d = store_find(&p->store, code);

    return d != NULL ? d : store_add(&p->store, code);
}

static void take_snapshot(struct portal *p, const char *code, const cJSON *record)
{
    struct dossier *d = find_or_add(p, code);
    struct rule_result r = {0};

    if (d != NULL && cJSON_IsObject(record)) {
        rules_read_dossier(record, &r);
        (void)dossier_put_snapshot(d, digest_json(record), r.state, r.time);
    }
}

static void take_step(struct portal *p, const char *code, const cJSON *record)
{
    struct dossier *d = find_or_add(p, code);
    struct rule_result r = {0};
    struct sbuf key = {0};

    if (d != NULL && cJSON_IsObject(record)) {
        rules_read_step(record, &r);
        push_step_key(record, &key);
        if (key.data != NULL && !key.failed) {
            (void)dossier_put_step(&p->store, d, digest_text(key.data), r.state, r.time);
        }
        sbuf_free(&key);
    }
}

static void take_answer(struct portal *p, const char *code, const cJSON *record)
{
    struct dossier *d = find_or_add(p, code);
    struct rule_result r = {0};

    rules_check_answer(record, &r);
    if (d != NULL && r.refusal == REFUSED_NOT) {
        (void)dossier_put_answer(d, digest_json(record), r.state);
    }
}

static unsigned clamp_state(double value)
{
    return value >= 1 && value <= 10 ? (unsigned)value : 1;
}

/* A line of /_sandbox/load as the ledger keeps it, or as it was sent. */
static bool take_loaded(struct portal *p, const char *code, const cJSON *line)
{
    const cJSON *state = cJSON_GetObjectItemCaseSensitive(line, "state");
    const cJSON *record = cJSON_GetObjectItemCaseSensitive(line, "record");
    const cJSON *step;
    struct dossier *d = find_or_add(p, code);

    if (d == NULL) {
        return false;
    }
    if (cJSON_IsNumber(state)) {
        d->shown = (uint8_t)clamp_state(state->valuedouble);
    }
    if (record != NULL) {
        take_snapshot(p, code, record);
    }
    cJSON_ArrayForEach(step, cJSON_GetObjectItemCaseSensitive(line, "steps"))
    {
        take_step(p, code, step);
    }
    return true;
}

/* False: it holds no such dossier, or shows this state already. State 0: none is shown. */
static bool alter(struct portal *p, const char *code, const cJSON *line)
{
    const cJSON *state = cJSON_GetObjectItemCaseSensitive(line, "state");
    struct dossier *d = store_find(&p->store, code);
    unsigned shown;

    if (d != NULL && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line, "mute"))) {
        d->mute = true;
        return true;
    }
    if (d == NULL || !cJSON_IsNumber(state)) {
        return false;
    }
    shown = state->valuedouble == 0 ? 0 : clamp_state(state->valuedouble);
    if (d->shown == shown) {
        return false;
    }
    dossier_alter(d, shown);
    return true;
}

static uint64_t number_of(const cJSON *object, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNumber(v) && v->valuedouble > 0 ? (uint64_t)v->valuedouble : 0;
}

void admin_replay(const char *line, size_t len, void *portal)
{
    struct portal *p = (struct portal *)portal;
    cJSON *json = cJSON_ParseWithLength(line, len);
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(json, "kind");
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(json, "code");
    const cJSON *record = cJSON_GetObjectItemCaseSensitive(json, "record");

    if (cJSON_IsString(kind) && cJSON_IsString(code)) {
        p->line_count = number_of(json, "n");
        if (number_of(json, "call") > p->call_count) {
            p->call_count = number_of(json, "call");
        }
        if (strcmp(kind->valuestring, "dossier") == 0) {
            take_snapshot(p, code->valuestring, record);
        } else if (strcmp(kind->valuestring, "step") == 0) {
            take_step(p, code->valuestring, record);
        } else if (strcmp(kind->valuestring, "answer") == 0) {
            take_answer(p, code->valuestring, record);
        } else if (strcmp(kind->valuestring, "lost") == 0) {
            (void)store_remove(&p->store, code->valuestring);
        } else if (strcmp(kind->valuestring, "altered") == 0) {
            alter(p, code->valuestring, json);
        } else if (strcmp(kind->valuestring, "loaded") == 0) {
            (void)take_loaded(p, code->valuestring, json);
        } else if (!other_replay(p, kind->valuestring, code->valuestring, record)) {
            births_replay(p, kind->valuestring, code->valuestring, json);
        }
    } else {
        fprintf(stderr, "the ledger has a line that is no entry; passed over\n");
    }
    cJSON_Delete(json);
}

/* ---- load ---- */

/* The national state of a line of the province's dump, by its OpenCPS status; section 6.2. */
static unsigned dump_state(const cJSON *line)
{
    static const char *const names[] = {"",           "new",       "receiving", "unresolved",
                                        "processing", "waiting",   "paying",    "cancelled",
                                        "denied",     "releasing", "done"};
    const cJSON *dossier = cJSON_GetObjectItemCaseSensitive(line, "dossier");
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(dossier, "dossierStatus");

    for (unsigned i = 1; cJSON_IsString(status) && i <= 10; i++) {
        if (strcmp(names[i], status->valuestring) == 0) {
            return i;
        }
    }
    return 4;
}

/* Whether the other connector would have sent it. */
static bool was_sent(const cJSON *line)
{
    const cJSON *expect = cJSON_GetObjectItemCaseSensitive(line, "expect");

    return !cJSON_IsString(expect) || strcmp(expect->valuestring, "portal") == 0;
}

static void write_loaded(struct portal *p, const char *code, const cJSON *line)
{
    static const char *const parts[] = {"state", "record", "steps"};
    struct sbuf b = {0};

    p->line_count++;
    sbuf_printf(&b, "{\"n\":%llu,\"call\":0,\"at_ms\":%llu", (unsigned long long)p->line_count,
                (unsigned long long)portal_wall_ms());
    sbuf_member(&b, "kind", "loaded");
    sbuf_member(&b, "code", code);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const cJSON *part = cJSON_GetObjectItemCaseSensitive(line, parts[i]);
        char *text = part != NULL ? cJSON_PrintUnformatted(part) : NULL;

        if (text != NULL) {
            sbuf_key(&b, parts[i]);
            sbuf_puts(&b, text);
            free(text);
        }
    }
    sbuf_puts(&b, "}");
    if (!b.failed) {
        ledger_append(p->ledger, b.data, b.len);
    }
    sbuf_free(&b);
}

static bool load_line(struct portal *p, const char *text, size_t len)
{
    cJSON *line = cJSON_ParseWithLength(text, len);
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(line, "code");
    bool taken = false;

    if (cJSON_IsString(code) && code->valuestring[0] != '\0' && was_sent(line)) {
        if (cJSON_GetObjectItemCaseSensitive(line, "state") == NULL) {
            cJSON_AddNumberToObject(line, "state", dump_state(line));
        }
        pthread_mutex_lock(&p->lock);
        taken = take_loaded(p, code->valuestring, line);
        if (taken) {
            write_loaded(p, code->valuestring, line);
        }
        pthread_mutex_unlock(&p->lock);
    }
    cJSON_Delete(line);
    return taken;
}

static void release(void *arg)
{
    serve_release((struct serve_req *)arg);
}

static void respond_sbuf(struct serve_req *req, const char *type, struct sbuf *b)
{
    size_t len = 0;
    char *text = sbuf_take(b, &len);

    if (text == NULL) {
        serve_respond(req, 500, "text/plain", "", 0);
    } else {
        serve_respond_owned(req, 200, type, text, len);
    }
}

static void serve_load(struct portal *p, struct serve_req *req)
{
    const char *at = req->body;
    uint64_t loaded = 0;
    uint64_t passed = 0;
    struct sbuf b = {0};

    while (*at != '\0') {
        size_t len = strcspn(at, "\n");

        if (len > 0) {
            if (load_line(p, at, len)) {
                loaded++;
            } else {
                passed++;
            }
        }
        at += at[len] == '\0' ? len : len + 1;
    }
    sbuf_printf(&b, "{\"loaded\":%llu,\"passed_over\":%llu}", (unsigned long long)loaded,
                (unsigned long long)passed);
    serve_hold(req);
    ledger_then(p->ledger, release, req);
    respond_sbuf(req, json_type, &b);
}

/* ---- what happens to a portal ---- */

/* {"codes":[...]}: it forgets them, with their steps; with a "state" it shows that instead of what
 * it held. {"done":[the codes of which that was true]} */
static void serve_damage(struct portal *p, struct serve_req *req)
{
    bool lose = strcmp(req->path, "/_sandbox/lose") == 0;
    cJSON *order = cJSON_Parse(req->body);
    const cJSON *code;
    struct sbuf b = {0};

    sbuf_puts(&b, "{\"done\":[");
    pthread_mutex_lock(&p->lock);
    cJSON_ArrayForEach(code, cJSON_GetObjectItemCaseSensitive(order, "codes"))
    {
        const char *text = cJSON_IsString(code) ? code->valuestring : "";
        char state[32];

        if (lose ? store_remove(&p->store, text) : alter(p, text, order)) {
            snprintf(state, sizeof state, "\"state\":%llu",
                     (unsigned long long)number_of(order, "state"));
            push_write_line(p, p->call_count, lose ? "lost" : "altered", text, lose ? NULL : state,
                            NULL);
            sbuf_comma(&b);
            sbuf_json(&b, text, strlen(text));
        }
    }
    pthread_mutex_unlock(&p->lock);
    sbuf_puts(&b, "]}");
    cJSON_Delete(order);
    serve_hold(req);
    ledger_then(p->ledger, release, req);
    respond_sbuf(req, json_type, &b);
}

/* ---- statistics ---- */

static void member_u64(struct sbuf *b, const char *name, uint64_t value)
{
    sbuf_key(b, name);
    sbuf_printf(b, "%llu", (unsigned long long)value);
}

static void open_object(struct sbuf *b, const char *name)
{
    sbuf_key(b, name);
    sbuf_puts(b, "{");
}

static void write_calls(const struct portal_stats *s, struct sbuf *b)
{
    open_object(b, "calls");
    for (int i = 0; i < SERVICE_COUNT; i++) {
        member_u64(b, portal_service_name((enum portal_service)i), s->calls[i]);
    }
    sbuf_puts(b, "}");
    open_object(b, "refused");
    for (int i = 1; i < REFUSAL_COUNT; i++) {
        member_u64(b, refusal_names[i], s->refused[i]);
    }
    sbuf_puts(b, "}");
    open_object(b, "refused_by_code");
    member_u64(b, "-1", s->code_minus_1);
    member_u64(b, "-3", s->code_minus_3);
    member_u64(b, "3", s->code_3);
    member_u64(b, "0", s->code_0);
    sbuf_puts(b, "}");
    open_object(b, "faults");
    for (int i = 0; i < PK_COUNT; i++) {
        if (s->faults[i] > 0) {
            member_u64(b, portal_knob_rows[i].name, s->faults[i]);
        }
    }
    sbuf_puts(b, "}");
}

/* Processor time of the whole process so far. */
static uint64_t process_cpu_us(long *rss_kb)
{
    struct rusage u;

    memset(&u, 0, sizeof u);
    getrusage(RUSAGE_SELF, &u);
    *rss_kb = u.ru_maxrss;
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void write_ledger(struct portal *p, uint64_t cpu_us, uint64_t up_ms, struct sbuf *b)
{
    struct ledger_stats l;

    ledger_read_stats(p->ledger, &l);
    open_object(b, "ledger");
    member_u64(b, "lines", l.lines);
    member_u64(b, "bytes", l.bytes);
    member_u64(b, "syncs", l.syncs);
    member_u64(b, "answers", l.waits);
    member_u64(b, "largest_group", l.largest_group);
    member_u64(b, "cpu_ms", l.cpu_us / 1000u);
    sbuf_key(b, "cpu_share_percent"); /* of the process's processor time */
    sbuf_printf(b, "%.1f", cpu_us > 0 ? 100.0 * (double)l.cpu_us / (double)cpu_us : 0.0);
    sbuf_key(b, "cpu_of_one_core_percent");
    sbuf_printf(b, "%.2f", up_ms > 0 ? (double)l.cpu_us / 10.0 / (double)up_ms : 0.0);
    sbuf_puts(b, "}");
}

static void serve_stats(struct portal *p, struct serve_req *req)
{
    uint64_t up_ms = portal_now_ms() - p->started_ms;
    long rss_kb = 0;
    uint64_t cpu_us = process_cpu_us(&rss_kb);
    struct portal_stats s;
    struct sbuf b = {0};
    size_t dossiers;
    size_t steps;

    pthread_mutex_lock(&p->lock);
    s = p->stats;
    dossiers = p->store.count;
    steps = p->store.steps;
    pthread_mutex_unlock(&p->lock);
    sbuf_puts(&b, "{");
    member_u64(&b, "uptime_ms", up_ms);
    member_u64(&b, "requests", s.requests);
    member_u64(&b, "logins", s.logins);
    member_u64(&b, "unknown_service", s.unknown_service);
    member_u64(&b, "writing_calls", s.writing_calls);
    member_u64(&b, "accepted", s.accepted);
    member_u64(&b, "effects", s.effects);
    member_u64(&b, "repeats", s.repeats);
    member_u64(&b, "steps_repeated", s.steps_repeated);
    member_u64(&b, "steps_stored_twice", s.steps_stored_twice);
    member_u64(&b, "answers", s.answers);
    member_u64(&b, "answers_repeated", s.answers_repeated);
    member_u64(&b, "others", s.others);
    member_u64(&b, "others_repeated", s.others_repeated);
    member_u64(&b, "acks", s.acks);
    member_u64(&b, "order_violations", s.order_violations);
    member_u64(&b, "snapshots_dated_back", s.snapshots_dated_back);
    member_u64(&b, "max_concurrent_per_dossier", s.max_concurrent);
    member_u64(&b, "dossiers", dossiers);
    member_u64(&b, "steps", steps);
    write_calls(&s, &b);
    write_ledger(p, cpu_us, up_ms, &b);
    member_u64(&b, "cpu_ms", cpu_us / 1000u);
    member_u64(&b, "max_rss_kb", (uint64_t)rss_kb);
    sbuf_puts(&b, "}");
    respond_sbuf(req, json_type, &b);
}

/* ---- the rest ---- */

/* The tokens that are alive, so that a test can look for them where they must not stand. */
static void serve_sessions(struct portal *p, struct serve_req *req)
{
    struct sbuf b = {0};

    sbuf_puts(&b, "[");
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (p->sessions[i].token[0] != '\0') {
            sbuf_comma(&b);
            sbuf_json(&b, p->sessions[i].token, strlen(p->sessions[i].token));
        }
    }
    pthread_mutex_unlock(&p->lock);
    sbuf_puts(&b, "]");
    respond_sbuf(req, json_type, &b);
}

static void serve_catalog(struct portal *p, struct serve_req *req)
{
    long version = knobs_get(p->knobs, PK_CATALOG_VERSION);
    struct sbuf b = {0};

    for (size_t i = 0; i < p->catalog->count; i++) {
        if (catalog_published(&p->catalog->rows[i], version)) {
            record_write(p->catalog, &p->catalog->rows[i], version, &b);
            sbuf_puts(&b, "\n");
        }
    }
    respond_sbuf(req, lines_type, &b);
}

/* {"kind":K,"code":C,"clear":true}: the portal's side of a difference between the catalogues. */
static void serve_plant(struct portal *p, struct serve_req *req)
{
    cJSON *body = cJSON_Parse(req->body);
    const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "kind"));
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "code"));
    bool clear = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "clear"));
    int planted = kind != NULL && code != NULL ? catalog_plant(p->catalog, kind, code, clear) : -1;
    struct sbuf b = {0};

    cJSON_Delete(body);
    if (planted < 0) {
        serve_respond(req, 400, "text/plain", "no such procedure\n", 18);
        return;
    }
    sbuf_printf(&b, "{\"planted\":%d}", planted);
    respond_sbuf(req, json_type, &b);
}

static void serve_dossier(struct portal *p, struct serve_req *req)
{
    const char *code = serve_query(req, "code");
    const struct dossier *d;
    struct sbuf b = {0};

    pthread_mutex_lock(&p->lock);
    d = code != NULL ? store_find(&p->store, code) : NULL;
    if (d != NULL) {
        sbuf_puts(&b, "{");
        sbuf_member(&b, "code", d->code);
        member_u64(&b, "state", d->shown);
        member_u64(&b, "steps", d->step_count);
        sbuf_puts(&b, d->has_snapshot ? ",\"snapshot\":true}" : ",\"snapshot\":false}");
    }
    pthread_mutex_unlock(&p->lock);
    if (b.len == 0) {
        serve_respond(req, 404, json_type, "{}", 2);
        return;
    }
    respond_sbuf(req, json_type, &b);
}

static void serve_knobs(struct portal *p, struct serve_req *req)
{
    knobs_serve(p->knobs, req);
}

void admin_handle(struct portal *p, struct serve_req *req)
{
    static const struct {
        const char *path;
        const char *method; /* NULL = any */
        void (*run)(struct portal *p, struct serve_req *req);
    } routes[] = {
        {"/_sandbox/knobs", NULL, serve_knobs},
        {"/_sandbox/stats", "GET", serve_stats},
        {"/_sandbox/ask", "POST", asked_serve},
        {"/_sandbox/sessions", "GET", serve_sessions},
        {"/_sandbox/catalog", "GET", serve_catalog},
        {"/_sandbox/plant", "POST", serve_plant},
        {"/_sandbox/load", "POST", serve_load},
        {"/_sandbox/lose", "POST", serve_damage},
        {"/_sandbox/alter", "POST", serve_damage},
        {"/_sandbox/dossier", "GET", serve_dossier},
        {"/_sandbox/intake", NULL, births_serve},
        {"/_sandbox/resubmit", "POST", births_serve_resubmit},
        {"/_sandbox/push", "POST", poster_serve},
    };

    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(req->path, routes[i].path) != 0) {
            continue;
        }
        if (routes[i].method != NULL && strcmp(routes[i].method, req->method) != 0) {
            serve_respond(req, 405, "text/plain", "", 0);
        } else {
            routes[i].run(p, req);
        }
        return;
    }
    serve_respond(req, 404, "text/plain", "not found\n", 10);
}
