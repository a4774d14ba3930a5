/* spool: a folder of files as a system (provincial-systems.md 5.4, profile `spool`).
 *
 * As a source it reads what is renamed into in/ (spool_read.h says what that may be), one file a
 * row; after the commit a file moves to done/DATE/, one that can't be read to bad/ with a reason
 * beside it. As a sink it writes one file a call into out/, whole or not at all; the same call
 * again writes the same file. With format xml it also compares catalogues: catalog/ holds the local
 * product's. doc: "spool" in dvcsyncd.conf(5). */
#ifndef ADAPTER_SPOOL_H
#define ADAPTER_SPOOL_H

#include "adapter/adapter.h"

/* adapter_open's for the profile: makes the folders that are missing. */
MUST_CHECK int spool_open(const struct adapter_env *env, const struct config_source *source,
                          struct adapter **out, struct errmsg *msg);

#endif
