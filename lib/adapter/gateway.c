#include "adapter/gateway.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter/gateway_impl.h"

#define OFF_LOOP_BYTES ((size_t)64 << 10) /* longer bodies are read on a worker */
#define ARENA_FACTOR 24 /* a body of many small fields takes so many times its size */
#define ARENA_BASE ((size_t)1 << 20)
#define RELAY_BYTES ((size_t)64 << 10) /* of the parameters of a reading service */
#define GATEWAY_RANK 3

static struct gateway *self(struct adapter *a)
{
    return CONTAINER_OF(a, struct gateway, base.adapter);
}

/* ---- requests ---- */

void gateway_maybe_stopped(struct gateway *g)
{
    listener_idle(&g->base, list_empty(&g->requests) && list_empty(&g->flights));
}

void gateway_request_end(struct gateway_request *r)
{
    struct gateway *g = r->g;

    assert(r->call == NULL);
    list_remove(&r->link);
    json_free(r->root);
    arena_free(&r->arena);
    free(r);
    gateway_maybe_stopped(g);
}

static void end_with(struct gateway_request *r, long code, const char *message)
{
    gateway_answer(r, 200, code, message);
    gateway_request_end(r);
}

static void login(struct gateway_request *r)
{
    struct gateway *g = r->g;
    char numbers[2][24];
    char session[GATEWAY_SESSION_SIZE];
    const char *user = json_text_or_empty(json_get_any_case(r->root, "username"), numbers[0]);
    const char *password = json_text_or_empty(json_get_any_case(r->root, "password"), numbers[1]);

    if (listen_has_accounts(g->base.listen) && !listen_account_ok(g->base.listen, user, password)) {
        end_with(r, -1, "Tài khoản hoặc mật khẩu không đúng");
        return;
    }
    if (gateway_session_new(&g->sessions, loop_now_ms(g->base.env.loop), session) != 0) {
        gateway_answer_busy(r);
    } else {
        gateway_answer_login(r, session);
    }
    explicit_bzero(session, sizeof(session));
    gateway_request_end(r);
}

/* The envelope has its session; what came through a bridge's path has an account, if there are any.
 */
static bool let_in(struct gateway_request *r)
{
    struct gateway *g = r->g;
    char number[24];
    const char *session;

    if (!r->envelope) {
        if (listen_authorised(g->base.listen, r->call)) {
            return true;
        }
        listen_answer_denied(r->call);
        r->call = NULL;
        gateway_request_end(r);
        return false;
    }
    session = json_text_or_empty(json_get_any_case(r->root, "session"), number);
    if (gateway_session_good(&g->sessions, loop_now_ms(g->base.env.loop), session)) {
        return true;
    }
    end_with(r, -1, "Phiên làm việc không hợp lệ hoặc đã hết hạn, vui lòng đăng nhập lại");
    return false;
}

/* The parameters of a reading service, without what belongs to the envelope. */
static void put_parameters(struct json_writer *w, const struct gateway_request *r)
{
    static const char *const envelope[] = {"session", "madonvi", "service"};
    /* A bridge's reads are GET (section 11): the parameters that its services have. */
    static const char *const queries[] = {"maTTHC",   "idQDCB",   "mstorcmnd",
                                          "provider", "cauhoiid", "MaLinhVuc"};

    if (r->root == NULL) {
        for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
            const char *value = http_call_query(r->call, queries[i]);

            if (value != NULL) {
                json_string(w, queries[i], value);
            }
        }
        return;
    }
    for (const struct json *node = json_first(r->root); node != NULL; node = json_next(node)) {
        bool own = json_key(node) == NULL;

        for (size_t i = 0; i < sizeof(envelope) / sizeof(envelope[0]) && !own; i++) {
            own = strcasecmp(json_key(node), envelope[i]) == 0;
        }
        if (!own) {
            json_node(w, json_key(node), node);
        }
    }
}

static void relay(struct gateway_request *r)
{
    struct json_writer w;
    struct buf text;

    buf_init(&text, RELAY_BYTES);
    json_write_begin(&w, &text);
    json_object_open(&w, NULL);
    put_parameters(&w, r);
    json_object_close(&w);
    if (buf_error(&text) != 0) {
        end_with(r, -1, "tham số vượt quá giới hạn");
    } else {
        gateway_relay(r, text.data);
    }
    buf_free(&text);
}

static void unsupported(struct gateway_request *r)
{
    end_with(r, -1,
             r->service == GATEWAY_NONE
                 ? "service: bắt buộc"
                 : "Dịch vụ này không được hỗ trợ; hỗ trợ: DongBoHoSoMC, CapNhatTienDoHoSoMC, "
                   "DongBoTrangThaiHoSo, TraCuuHoSo, TraCuuTechID và các dịch vụ đọc Lay...");
}

static void decide(struct gateway_request *r)
{
    if (r->g->base.stopping) {
        gateway_answer_busy(r);
        gateway_request_end(r);
        return;
    }
    if (r->err != 0 && r->root == NULL && strcmp(r->call->method, "GET") != 0) {
        end_with(r, -1, r->why.text);
        return;
    }
    if (r->login) {
        login(r);
        return;
    }
    if (!let_in(r)) {
        return;
    }
    if (r->err == ERR_NOMEM) {
        gateway_answer_busy(r);
        gateway_request_end(r);
        return;
    }
    if (r->err != 0) {
        end_with(r, -1, r->why.text);
        return;
    }
    switch (r->service) {
    case GATEWAY_DOSSIERS:
    case GATEWAY_STEPS:
    case GATEWAY_ANSWER:
        gateway_push(r);
        break;
    case GATEWAY_LOOKUP:
        gateway_lookup(r);
        break;
    case GATEWAY_READ:
    case GATEWAY_PERSONAL:
        relay(r);
        break;
    case GATEWAY_NONE:
    case GATEWAY_OTHER:
        unsupported(r);
        break;
    }
}

static void on_read(struct loop_work *work)
{
    decide(CONTAINER_OF(work, struct gateway_request, work));
}

static void run_read(struct loop_work *work)
{
    gateway_request_read(CONTAINER_OF(work, struct gateway_request, work));
}

static struct gateway_request *request_new(struct gateway *g, struct http_call *call)
{
    struct gateway_request *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    r->g = g;
    r->call = call;
    r->work.run = run_read;
    r->work.done = on_read;
    list_init(&r->asker);
    gateway_push_init(r);
    arena_init(&r->arena, ARENA_BASE + call->body_len * ARENA_FACTOR);
    /* A reload may change the gateway's own while a worker reads. */
    r->status_map = arena_strdup(&r->arena, g->status_map);
    r->compared = g->compared;
    r->now_s = loop_wall_s(g->base.env.loop);
    if (r->status_map == NULL) {
        arena_free(&r->arena);
        free(r);
        return NULL;
    }
    list_push(&g->requests, &r->link);
    return r;
}

static void on_call(void *ctx, struct http_call *call)
{
    struct gateway *g = ctx;
    struct gateway_request *r;
    bool get = strcmp(call->method, "GET") == 0;

    if (g->base.listen == NULL) { /* it is being closed */
        http_answer_problem(call, 503, "The service is stopping.");
        return;
    }
    if (!get && strcmp(call->method, "POST") != 0) {
        http_call_add_header(call, "Allow", "GET, POST");
        http_answer_problem(call, 405, "POST the portal's calls here.");
        return;
    }
    r = request_new(g, call);
    if (r == NULL) {
        http_call_add_header(call, "Retry-After", "30");
        http_answer_problem(call, 503, "Out of memory.");
        return;
    }
    if (!get && call->body_len > OFF_LOOP_BYTES) { /* what a GET carries is not read */
        if (loop_work_start(g->base.env.loop, &r->work)) {
            return;
        }
        gateway_answer_busy(r);
        gateway_request_end(r);
        return;
    }
    gateway_request_read(r);
    if (get && r->service != GATEWAY_READ && r->service != GATEWAY_PERSONAL &&
        r->service != GATEWAY_LOOKUP) {
        r->call = NULL;
        gateway_request_end(r);
        http_answer_problem(call, 404, "No reading service of that name.");
        return;
    }
    decide(r);
}

static void on_gone(void *ctx, struct http_call *call)
{
    struct gateway *g = ctx;

    for (struct list *l = g->requests.next; l != &g->requests; l = l->next) {
        struct gateway_request *r = CONTAINER_OF(l, struct gateway_request, link);

        if (r->call == call) {
            gateway_push_gone(r);
            return;
        }
    }
}

/* ---- the adapter ---- */

static bool brings_dossiers(const struct config *config, const struct config_flow *flow)
{
    return flow->kind == FLOW_DOSSIERS && strcmp(flow->to, config->portal.name) == 0;
}

/* Whether its flow runs beside one that only observes, so that the two can be compared. */
static bool is_compared(const struct gateway *g, const struct config *config)
{
    bool pushed = false;
    bool observed = false;

    for (size_t i = 0; i < config->n_flows; i++) {
        const struct config_flow *flow = &config->flows[i];

        if (brings_dossiers(config, flow)) {
            observed = observed || flow->mode == FLOW_OBSERVE;
            pushed = pushed || (strcmp(flow->from, g->base.name) == 0 && flow->also_from.n == 0);
        }
    }
    return pushed && observed;
}

static void take_settings(struct gateway *g, const struct config_source *source)
{
    const char *statuses = config_source_statuses(source);

    /* The clients speak the portal's own statuses, unless there is a map that says otherwise. */
    statuses = statuses[0] != '\0' ? statuses : "national";
    memset(g->status_map, 0, sizeof(g->status_map));
    memcpy(g->status_map, statuses,
           strlen(statuses) < sizeof(g->status_map) ? strlen(statuses) : 0);
    g->compared = is_compared(g, g->base.env.config);
    g->answer_timeout_ms = source->answer_timeout_ms;
    g->cache_for_ms = source->cache_for_ms;
}

static int gateway_listen(struct adapter *a, struct adapter_host *host, struct errmsg *msg)
{
    struct gateway *g = self(a);
    const struct listen_hooks hooks = {on_call, on_gone, g};
    int err = listener_open(&g->base, host, &hooks, msg);

    if (err == 0) {
        g->accounts_version = listen_accounts_version(g->base.listen);
    }
    return err;
}

static void gateway_unlisten(struct adapter *a, void (*stopped)(void *ctx), void *ctx)
{
    struct gateway *g = self(a);

    listener_stop(&g->base, stopped, ctx);
    for (struct list *l = g->requests.next; l != &g->requests; l = l->next) {
        gateway_push_gone(CONTAINER_OF(l, struct gateway_request, link));
    }
    gateway_relay_stop(g);
    gateway_maybe_stopped(g);
}

static size_t gateway_notes(struct adapter *a, struct adapter_note notes[ADAPTER_NOTES_MAX])
{
    struct gateway *g = self(a);
    size_t waiting = 0;

    for (const struct list *l = g->requests.next; l != &g->requests; l = l->next) {
        waiting++;
    }
    notes[0] = (struct adapter_note){"stale_answers", g->n_stale};
    notes[1] = (struct adapter_note){"queued_answers", g->n_queued};
    notes[2] = (struct adapter_note){"waiting", waiting};
    notes[3] = (struct adapter_note){
        "sessions", gateway_sessions_alive(&g->sessions, loop_now_ms(g->base.env.loop))};
    notes[4] = (struct adapter_note){"cache_bytes", g->cache_bytes};
    return g->base.listen != NULL ? listen_notes(g->base.listen, notes, 5) : 5;
}

/* What waits belongs to the engine, which ends it: nothing of the gateway's own is in flight. */
static void gateway_cancel(struct adapter *a)
{
    (void)a;
}

static int gateway_reconfigure(struct adapter *a, const struct config *config, struct errmsg *msg)
{
    struct gateway *g = self(a);
    int err = listener_reconfigure(a, config, msg);

    if (err != 0) {
        return err;
    }
    if (g->base.listen != NULL && listen_accounts_version(g->base.listen) != g->accounts_version) {
        g->accounts_version = listen_accounts_version(g->base.listen);
        gateway_sessions_drop(&g->sessions);
    }
    take_settings(g, g->base.source);
    return 0;
}

static void gateway_free(struct adapter *a)
{
    struct gateway *g = self(a);

    assert(list_empty(&g->requests) && list_empty(&g->flights));
    gateway_cache_free(g);
    explicit_bzero(&g->sessions, sizeof(g->sessions));
    listener_free(&g->base);
}

static const struct adapter_ops OPS = {
    .profile = "gateway",
    .listen = gateway_listen,
    .unlisten = gateway_unlisten,
    .notes = gateway_notes,
    .cancel = gateway_cancel,
    .reconfigure = gateway_reconfigure,
    .free = gateway_free,
};

int gateway_open(const struct adapter_env *env, const struct config_source *source,
                 struct adapter **out, struct errmsg *msg)
{
    struct listener *base;
    struct gateway *g;
    int err = listener_new(env, source, &OPS, sizeof(*g), GATEWAY_RANK, &base, msg);

    *out = NULL;
    if (err != 0) {
        return err;
    }
    g = CONTAINER_OF(base, struct gateway, base);
    base->adapter.caps = ADAPTER_ANSWERS;
    list_init(&g->requests);
    list_init(&g->flights);
    list_init(&g->cache);
    take_settings(g, source);
    *out = &base->adapter;
    return 0;
}

uint16_t gateway_port(const struct adapter *a)
{
    const struct gateway *g = CONTAINER_OF(a, const struct gateway, base.adapter);

    return g->base.listen != NULL ? listen_port(g->base.listen) : 0;
}
