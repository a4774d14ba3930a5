
#include <string.h>

#include "adapter/portal_call.h"

#define WORD_BYTES 64 /* of a service's name */

/* Services of the share endpoint (national-portal.md section 3); LayDanhMuc... are all there, the
 * rest is behind the other one. */
static const char *const shared[] = {"LayDanhSachTTHC", "TraCuuTechID"};
/* What changes something at the portal is ours to send, through the journal. */
static const char *const writing[] = {"DongBo", "CapNhat", "XacNhan"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool begins(const char *text, const char *front)
{
    return strncmp(text, front, strlen(front)) == 0;
}

static enum portal_endpoint endpoint_of(const char *service)
{
    for (size_t i = 0; i < COUNT(shared); i++) {
        if (strcmp(service, shared[i]) == 0) {
            return PORTAL_SHARE;
        }
    }
    return begins(service, "LayDanhMuc") ? PORTAL_SHARE : PORTAL_INTEGRATION;
}

static bool may_pass(const struct config_portal *c, const char *service)
{
    for (size_t i = 0; i < COUNT(writing); i++) {
        if (begins(service, writing[i])) {
            return false;
        }
    }
    return service[0] != '\0' && strlen(service) < WORD_BYTES &&
           strcmp(service, c->intake_ack_service) != 0;
}

static int relay_error(const struct portal_call *call)
{
    if (call->err != 0) {
        return call->err;
    }
    switch (call->outcome.class) {
    case OUTCOME_CANCELED:
        return ERR_CANCELED;
    case OUTCOME_AUTH:
    case OUTCOME_LOGIN:
        return ERR_DENIED;
    default:
        break;
    }
    if (call->http.result != HTTP_ANSWERED) {
        return ERR_REMOTE;
    }
    /* Whatever it says, it is the portal's answer when it is complete. What is not, the client's
     * question may have brought about: no reason to doubt the portal. */
    return call->outcome.http >= 200 && call->outcome.http <= 299 && call->reply.root != NULL
               ? 0
               : ERR_FORMAT;
}

static void say_error(const struct portal_call *call, struct adapter_relay *relay)
{
    if (call->err != 0) {
        relay->why = call->fault;
    } else if (relay->err != 0) {
        (void)err_set(&relay->why, relay->err, "%s: %s", relay->service,
                      call->outcome.words[0] != '\0' ? call->outcome.words
                                                     : outcome_name(call->outcome.class));
    }
}

static void relay_done(struct portal_call *call)
{
    struct adapter_relay *relay = call->request;
    struct json_writer w;
    struct buf inner;

    buf_init(&inner, call->response_bytes);
    relay->err = relay_error(call);
    say_error(call, relay);
    relay->reply = call->http.response.data;
    relay->reply_len = call->http.response.len;
    if (relay->err == 0 && call->reply.inner != NULL) {
        /* A bridge wraps a reply in a reply: no client of the portal expects that. */
        json_write_begin(&w, &inner);
        json_node(&w, NULL, call->reply.inner);
        relay->err = buf_error(&inner);
        relay->reply = inner.data;
        relay->reply_len = inner.len;
    }
    if (relay->err != 0) {
        relay->reply = NULL;
        relay->reply_len = 0;
    }
    relay->done(relay); /* may free relay; what it was shown is still the call's */
    buf_free(&inner);
    portal_call_release(call);
}

static void refuse(struct portal_call *call, int err)
{
    call->err = err;
    portal_call_end(call, OUTCOME_DONE, "");
}

void portal_relay(struct adapter *a, struct adapter_relay *relay)
{
    struct portal *portal = CONTAINER_OF(a, struct portal, adapter);
    struct portal_call *call =
        portal_call_new(portal, PORTAL_READ, endpoint_of(relay->service), relay, relay_done);
    int err;

    call->response_bytes = call->settings->list_bytes;
    if (!may_pass(&call->settings->config, relay->service)) {
        refuse(call,
               err_set(&call->fault, ERR_DENIED, "%.64s is no reading service", relay->service));
        return;
    }
    err = portal_wire_relay(&call->settings->config, relay->service, relay->request,
                            portal_call_request(call), &call->fault);
    if (err != 0) {
        refuse(call, err);
        return;
    }
    portal_call_start(call);
}
