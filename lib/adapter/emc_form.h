/* emc form: what is told of a dossier, and what an answer means. Internal to the emc adapter; loop
 * thread (the maps of the environment). */
#ifndef ADAPTER_EMC_FORM_H
#define ADAPTER_EMC_FORM_H

#include "adapter/adapter.h"

#define EMC_FORM_MAX ((size_t)64 << 10)

/* adapter.h's check; held_hash is of the dossier and its status, so that nothing else of it makes
 * an event. form (may be NULL): the body of the call, when nothing holds the record. */
void emc_form(const struct adapter_env *env, const struct config_source *source,
              const struct record *record, struct buf *form, struct adapter_check *check);

/* Fills class, transport, alert, http, words, retry_after_s, took_ms of *out; the rest stays. */
void emc_judge(const struct http_req *http, struct outcome *out);

#endif
