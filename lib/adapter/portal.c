#include "adapter/portal.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/portal_bridge.h"
#include "adapter/portal_call.h"
#include "adapter/portal_intake.h"
#include "adapter/portal_other.h"
#include "adapter/portal_questions.h"
#include "adapter/portal_relay.h"
#include "base/text.h"
#include "domain/status.h"

static struct portal *self(struct adapter *a)
{
    return CONTAINER_OF(a, struct portal, adapter);
}

/* Without what was written with other names. */
static struct portal_shelf *shelf_of(struct portal *portal)
{
    const struct adapter_env *env = &portal->env;

    portal_shelf_follow(&portal->shelf,
                        env->mirror_changes != NULL ? env->mirror_changes(env->mirror_ctx) : 0);
    return &portal->shelf;
}

static void sweep_later(struct portal *portal)
{
    if (!list_empty(&portal->shelf.by_age) && !loop_timer_armed(&portal->sweep)) {
        loop_timer_start(portal->env.loop, &portal->sweep, PORTAL_SHELF_LIFE_MS);
    }
}

static void sweep(struct loop_timer *timer)
{
    struct portal *portal = CONTAINER_OF(timer, struct portal, sweep);

    portal_shelf_drop_old(&portal->shelf, loop_now_ms(portal->env.loop));
    sweep_later(portal);
}

static void portal_check(struct adapter *a, struct adapter_check *check)
{
    const struct national_other *other = national_other_find(check->record->kind);
    struct portal *portal = self(a);

    if (other != NULL) {
        portal_other_check(&portal->env, other, check);
    } else {
        portal_wire_check(&portal->env, shelf_of(portal), check);
        sweep_later(portal);
    }
}

/* ---- send ---- */

static void send_done(struct portal_call *call)
{
    struct adapter_send *send = call->request;

    send->outcome = call->outcome;
    portal_call_release(call);
    send->done(send);
}

static int build(struct portal *portal, const struct config_portal *c,
                 const struct adapter_send *send, struct portal_request out,
                 struct adapter_check *verdict)
{
    const struct national_other *other = national_other_find(send->kind);

    return other != NULL ? portal_other_build(&portal->env, c, other, send, out, verdict)
                         : portal_wire_build(&portal->env, c, send, out, verdict);
}

static void portal_send(struct adapter *a, struct adapter_send *send)
{
    struct portal *portal = self(a);
    struct portal_call *call =
        portal_call_new(portal, PORTAL_PUSH, PORTAL_INTEGRATION, send, send_done);
    struct portal_request request = portal_call_request(call);
    struct adapter_check verdict;
    int err;

    request.shelf = shelf_of(portal);
    err = build(portal, &call->settings->config, send, request, &verdict);
    if (send->kind == RECORD_DOSSIER && send->n_records == 1) {
        call->outcome.status = verdict.status;
        call->outcome.has_content = verdict.has_held_hash;
        memcpy(call->outcome.content, verdict.held_hash, sizeof(call->outcome.content));
    }
    if (err == ERR_INVAL) {
        call->outcome.hold = verdict.hold;
        portal_call_end(call, OUTCOME_HELD, verdict.reason);
        return;
    }
    if (err == ERR_TOOBIG) {
        /* Refused by us as the bridge would: the engine sends fewer of them together. */
        portal_call_end(call, OUTCOME_PERMANENT, "the dossiers together are too large for a call");
        return;
    }
    if (err != 0) {
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(err));
        return;
    }
    portal_call_start(call);
}

static int portal_preview(struct adapter *a, const struct adapter_send *send, struct buf *out,
                          struct errmsg *msg)
{
    struct portal *portal = self(a);
    struct adapter_check verdict = {.record = NULL};
    struct buf path;
    int err;

    buf_init(&path, PORTAL_PATH_MAX);
    err = build(portal, &portal->settings->config, send,
                (struct portal_request){.body = out, .path = &path}, &verdict);
    buf_free(&path);
    return err == 0 ? 0
                    : err_set(msg, err, "%s", err == ERR_INVAL ? verdict.reason : err_text(err));
}

/* ---- lookup ---- */

static bool same_code(const struct json *row, const char *code)
{
    char number[24];
    char shown[64];

    text_trim(json_text_or_empty(json_get_any_case(row, "MaHoSo"), number), shown, sizeof(shown));
    return shown[0] == '\0' || strcmp(shown, code) == 0;
}

/* Only the emptiness of the answer is proven (section 5.1); rows about other dossiers tell nothing.
 */
static enum lookup_answer read_answer(const struct portal_reply *reply, const char *code,
                                      int *status)
{
    int64_t shown;

    if (!json_is_array(reply->result)) {
        return LOOKUP_UNKNOWN;
    }
    if (json_size(reply->result) == 0) {
        return LOOKUP_ABSENT;
    }
    for (const struct json *row = json_first(reply->result); row != NULL; row = json_next(row)) {
        if (!json_is_object(row) || !same_code(row, code)) {
            continue;
        }
        if (json_integer(json_get_any_case(row, "TrangThaiHoSo"), &shown) == 0 && shown >= 1 &&
            shown <= STATUS_LAST) {
            *status = (int)shown;
        }
        return LOOKUP_THERE;
    }
    return LOOKUP_UNKNOWN;
}

static void lookup_done(struct portal_call *call)
{
    struct adapter_lookup *lookup = call->request;

    lookup->answer = LOOKUP_UNKNOWN;
    lookup->status = 0;
    if (call->outcome.class == OUTCOME_DONE) {
        lookup->answer = read_answer(&call->reply, lookup->code, &lookup->status);
        if (lookup->answer == LOOKUP_UNKNOWN) {
            call->outcome.class = OUTCOME_TRANSIENT;
            portal_reply_words("the answer does not tell whether the portal has the dossier",
                               call->outcome.words);
        }
    } else if (call->outcome.class == OUTCOME_PERMANENT) {
        lookup->answer = LOOKUP_REFUSED;
    }
    lookup->outcome = call->outcome;
    portal_call_release(call);
    lookup->done(lookup);
}

/* The portal tells only of dossiers; anything else is sent again, which has no second effect. */
static void lookup_unasked(struct portal_call *call)
{
    struct adapter_lookup *lookup = call->request;

    lookup->answer = LOOKUP_REFUSED;
    lookup->status = 0;
    lookup->outcome = call->outcome;
    portal_call_release(call);
    lookup->done(lookup);
}

static void portal_lookup(struct adapter *a, struct adapter_lookup *lookup)
{
    struct portal_call *call =
        portal_call_new(self(a), PORTAL_READ, PORTAL_INTEGRATION, lookup, lookup_done);
    int err;

    if (national_other_code(lookup->code)) {
        call->done = lookup_unasked;
        portal_call_end(call, OUTCOME_HELD, "not asked: the portal looks up dossiers only");
        return;
    }
    err = portal_wire_read(&call->settings->config, "TraCuuHoSo", "mahoso", lookup->code,
                           portal_call_request(call));
    if (err != 0) {
        portal_call_end(call, OUTCOME_TRANSIENT, err_text(err));
        return;
    }
    portal_call_start(call);
}

/* ---- the instance ---- */

static void portal_cancel(struct adapter *a)
{
    portal_call_cancel_all(self(a));
}

static void portal_poll(struct adapter *a, struct adapter_poll *poll)
{
    if (poll->kind == RECORD_QUESTION) {
        portal_questions_poll(a, poll);
    } else {
        portal_intake_poll(a, poll);
    }
}

static void portal_detail(struct adapter *a, struct adapter_detail *detail)
{
    if (detail->kind == RECORD_DOSSIER) {
        portal_intake_detail(a, detail);
    } else if (detail->kind == RECORD_QUESTION) {
        portal_questions_detail(a, detail);
    } else {
        portal_catalog_detail(a, detail);
    }
}

/* What the configuration makes of the portal. */
static void describe(struct portal *portal)
{
    const struct config_portal *c = &portal->settings->config;
    bool bridge = portal_is_bridge(c);

    portal->adapter.caps =
        (!bridge || c->bridge_lookup ? ADAPTER_LOOKUP : 0u) |
        (c->upserts ? ADAPTER_IDEMPOTENT : 0u) | (c->decisions ? ADAPTER_DECISIONS : 0u) |
        (c->atomic_steps ? ADAPTER_ATOMIC : 0u) | (bridge ? 0u : ADAPTER_ACK) | ADAPTER_APART;
    portal->adapter.batch = bridge ? c->batch : 0;
}

static int portal_reconfigure(struct adapter *a, const struct config *config, struct errmsg *msg)
{
    struct portal *portal = self(a);
    struct portal_settings *settings;
    int err = portal_settings_new(config, &settings, msg);

    if (err != 0) {
        return err;
    }
    portal_session_reconfigure(&portal->session, settings);
    portal_settings_unref(portal->settings);
    portal->settings = settings;
    portal->env.config = config;
    portal_shelf_clear(&portal->shelf);
    portal->success.n = 0;
    describe(portal);
    return 0;
}

static void portal_free(struct adapter *a)
{
    portal_close(self(a));
}

static const struct adapter_ops portal_ops = {
    .profile = "portal",
    .poll = portal_poll,
    .detail = portal_detail,
    .ack = portal_intake_ack,
    .check = portal_check,
    .send = portal_send,
    .preview = portal_preview,
    .lookup = portal_lookup,
    .list = portal_catalog_list,
    .relay = portal_relay,
    .cancel = portal_cancel,
    .reconfigure = portal_reconfigure,
    .free = portal_free,
};

int portal_open(const struct adapter_env *env, struct adapter **out, struct errmsg *msg)
{
    struct portal *portal = calloc(1, sizeof(*portal));
    int err = ERR_NOMEM;

    *out = NULL;
    if (portal == NULL) {
        return err_set(msg, ERR_NOMEM, "portal: out of memory");
    }
    portal->env = *env;
    list_init(&portal->open);
    list_init(&portal->spare);
    portal_shelf_init(&portal->shelf);
    loop_timer_init(&portal->sweep, sweep);
    err = portal_settings_new(env->config, &portal->settings, msg);
    if (err != 0) {
        goto err_after_alloc;
    }
    portal->name = strdup(portal->settings->config.name);
    if (portal->name == NULL) {
        err = err_set(msg, ERR_NOMEM, "portal: out of memory");
        goto err_after_settings;
    }
    portal_session_init(&portal->session, env, portal->settings);
    portal->adapter.ops = &portal_ops;
    portal->adapter.name = portal->name;
    describe(portal);
    *out = &portal->adapter;
    return 0;

err_after_settings:
    portal_settings_unref(portal->settings);
err_after_alloc:
    free(portal);
    return err;
}
