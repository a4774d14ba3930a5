#include "adapter/national.h"

#include "adapter/portal_wire.h"
#include "codec/json.h"

/* What the portal's call holds, without its envelope. */
static int put_data(const struct buf *call, struct buf *out, struct errmsg *msg)
{
    struct json_writer w;
    struct json *root;
    int err = json_parse(buf_text(call), call->len, &root, msg);

    if (err != 0) {
        return err;
    }
    json_write_begin(&w, out);
    json_node(&w, NULL, json_get(root, "data"));
    json_free(root);
    err = buf_error(out);
    return err != 0 ? err_set(msg, err, "%s", err_text(err)) : 0;
}

int national_put(const struct adapter_env *env, const struct adapter_send *send, struct buf *out,
                 struct adapter_check *verdict, struct errmsg *msg)
{
    const struct config_portal shape = {
        .transport = "direct",
        .agency_code = env->config->has_portal ? env->config->portal.agency_code : "",
        .fields = "G3",
        .result_code_key = "MaGiayToKetQua"};
    struct buf call;
    struct buf path; /* stays empty: a direct call has none */
    int err;

    buf_init(&call, PORTAL_BODY_MAX);
    buf_init(&path, PORTAL_PATH_MAX);
    err = portal_wire_build(env, &shape, send,
                            (struct portal_request){.body = &call, .path = &path}, verdict);
    if (err == 0) {
        err = put_data(&call, out, msg);
    } else {
        err_set(msg, err, "%s", verdict->reason[0] != '\0' ? verdict->reason : err_text(err));
    }
    buf_free(&path);
    buf_free(&call);
    return err;
}
