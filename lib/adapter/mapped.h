/* mapped: a provincial system that a preset describes (config/preset.h; dvcsync-preset(5)).
 *
 * The preset says what to call, how to be let in, where rows and fields are; mapping.h reads
 * replies; the files mapped_* do the calls: _settings, _template, _request, _auth, _call, _cursor
 * (what to ask next), _page and _reading (rows), _detail (records, acknowledgements, the
 * catalogue). A list that carries whole records is read once: its rows are kept until the next
 * poll. Loop thread. */
#ifndef ADAPTER_MAPPED_H
#define ADAPTER_MAPPED_H

#include "adapter/adapter.h"

/* source->loaded_preset must be there; borrowed only until this returns. ERR_CONFIG, ERR_NOMEM. */
MUST_CHECK int mapped_open(const struct adapter_env *env, const struct config_source *source,
                           struct adapter **out, struct errmsg *msg);

#endif
