/* national: records in the portal's own vocabulary (national-portal.md 5.2, 5.3), for the systems
 * that take it from us: OpenCPS's createdossierfromdvcqg and the files of spool. Built by the same
 * code as the portal's calls. Loop thread. */
#ifndef ADAPTER_NATIONAL_H
#define ADAPTER_NATIONAL_H

#include "adapter/adapter.h"
#include "base/buf.h"

/* Appends the records of a send (dossier or steps) as a JSON array. ERR_INVAL: not to be sent,
 * verdict says why (hold, reason) and so does msg. ERR_NOMEM, ERR_TOOBIG. */
MUST_CHECK int national_put(const struct adapter_env *env, const struct adapter_send *send,
                            struct buf *out, struct adapter_check *verdict, struct errmsg *msg);

#endif
