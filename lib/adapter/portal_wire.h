/* portal wire: the calls of the portal, and the check whether a record can be in one.
 *
 * Bodies hold raw codes; the maps are applied here, when a call is built, so that a corrected map
 * reaches what waits. Fields: national-portal.md 5.2 to 5.4, rules: doc/opencps.md. A call is a
 * body and, through a bridge, a path (section 11). Loop thread; pure but for the catalogue mirror
 * that the environment lends. */
#ifndef ADAPTER_PORTAL_WIRE_H
#define ADAPTER_PORTAL_WIRE_H

#include "adapter/adapter.h"
#include "adapter/portal_shelf.h"
#include "base/buf.h"
#include "codec/json.h"

#define PORTAL_BODY_MAX (1u << 20) /* bytes of a call that the portal takes (section 16) */
/* A call of many dossiers: one of them is never more than PORTAL_BODY_MAX. What a bridge takes is
 * not public; 100 dossiers with all their fields are about a megabyte. */
#define PORTAL_BATCH_BODY_MAX (8u << 20)
#define PORTAL_BATCH_MAX 100
#define PORTAL_PATH_MAX 8192 /* bytes of a service with its parameters */
#define PORTAL_URL_MAX 16384

/* adapter.h's check. Uses the maps of env->config. What it writes goes on the shelf; NULL:
 * nowhere. */
void portal_wire_check(const struct adapter_env *env, struct portal_shelf *shelf,
                       struct adapter_check *check);

/* Where a call is written, both empty at first. */
struct portal_request {
    struct buf *body; /* direct: one JSON object without its session; bridge: what is posted, empty
                         for a GET */
    struct buf *path; /* bridge: service and parameters; direct: stays empty, may be NULL */
    struct portal_shelf *shelf; /* what is written already, of the same settings; NULL:
                                   none, as for who only shows a call */
};

/* Writes the call of a send. Fills send->sent of each record where it is given; a record of several
 * that can't be sent is left out. ERR_INVAL: nothing can be sent, verdict says why (hold, reason).
 * ERR_TOOBIG: only several dossiers together are. ERR_NOMEM. */
MUST_CHECK int portal_wire_build(const struct adapter_env *env, const struct config_portal *portal,
                                 const struct adapter_send *send, struct portal_request out,
                                 struct adapter_check *verdict);

/* The same for a reading service, with one parameter when key is not NULL. */
MUST_CHECK int portal_wire_read(const struct config_portal *portal, const char *service,
                                const char *key, const char *value, struct portal_request out);

/* The same with a client's own parameters: a JSON object ("" is none). A madonvi of its own stands
 * in place of ours; session and service of its own are dropped. ERR_FORMAT, ERR_UNSUPPORTED (a
 * bridge takes plain values only), ERR_NOMEM. */
MUST_CHECK int portal_wire_relay(const struct config_portal *portal, const char *service,
                                 const char *parameters, struct portal_request out,
                                 struct errmsg *msg);

/* Starts the object of a direct call: session stands in front later. */
void portal_wire_begin(struct json_writer *w, const char *agency_code, const char *service,
                       struct buf *out);

#endif
