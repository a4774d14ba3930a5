#include "adapter/portal_other.h"

#include <string.h>

#include "adapter/portal_bridge.h"
#include "adapter/portal_mapped.h"

static int judge(const struct adapter_env *env, const struct national_other *other,
                 const struct record *record, struct arena *a, struct adapter_check *check)
{
    check->status = 0;
    check->flags = 0;
    check->hold = HOLD_NONE;
    check->has_held_hash = false;
    check->reason[0] = '\0';
    if (other->put == NULL) {
        portal_hold_invalid(check, "the portal does not take such records");
        return 0;
    }
    return national_other_check(other, env, record, a, check);
}

void portal_other_check(const struct adapter_env *env, const struct national_other *other,
                        struct adapter_check *check)
{
    struct arena arena;

    arena_init(&arena, PORTAL_RECORD_BYTES);
    check->err = judge(env, other, check->record, &arena, check);
    arena_free(&arena);
}

/* `data` holds the one element. */
static int write_call(const struct adapter_env *env, const struct config_portal *portal,
                      const struct national_other *other, const struct record *record,
                      struct arena *a, struct buf *body, struct errmsg *msg)
{
    const char *service = "";
    struct json_writer w;
    struct buf element;
    int err;

    buf_init(&element, PORTAL_BODY_MAX);
    json_write_begin(&w, &element);
    err = national_other_put(other, env, record, a, &w, &service, msg);
    err = err == 0 ? buf_error(&element) : err;
    if (err == 0) {
        portal_wire_begin(&w, portal->agency_code, service, body);
        json_array_open(&w, "data");
        json_raw(&w, NULL, element.data, element.len);
        json_array_close(&w);
        json_object_close(&w);
        err = buf_error(body);
    }
    buf_free(&element);
    return err;
}

int portal_other_build(const struct adapter_env *env, const struct config_portal *portal,
                       const struct national_other *other, const struct adapter_send *send,
                       struct portal_request out, struct adapter_check *verdict)
{
    struct errmsg msg = {{0}};
    struct arena arena;
    int err;

    memset(verdict, 0, sizeof(*verdict));
    verdict->record = send->records;
    if (send->n_records != 1 || portal_is_bridge(portal)) {
        portal_hold_invalid(verdict, send->n_records != 1
                                         ? "the portal takes one such record in a call"
                                         : "a bridge does not pass this service on");
        return ERR_INVAL;
    }
    out.body->max_bytes = PORTAL_BODY_MAX;
    arena_init(&arena, PORTAL_RECORD_BYTES);
    err = judge(env, other, send->records, &arena, verdict);
    if (send->consented && verdict->hold != HOLD_UNMAPPED_PROCEDURE) {
        verdict->hold = HOLD_NONE; /* a person has released it */
    }
    if (err == 0 && verdict->hold == HOLD_NONE) {
        err = write_call(env, portal, other, send->records, &arena, out.body, &msg);
    }
    arena_free(&arena);
    if (err == 0 || err == ERR_NOMEM) {
        return err == 0 && verdict->hold != HOLD_NONE ? ERR_INVAL : err;
    }
    portal_hold_invalid(verdict, msg.text[0] != '\0' ? msg.text : err_text(err));
    return ERR_INVAL;
}
