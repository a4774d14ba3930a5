/* mapped template: fills the places of a preset's texts (config/preset.h), escaped as each place
 * says.
 *
 * Pure; any thread. */
#ifndef ADAPTER_MAPPED_TEMPLATE_H
#define ADAPTER_MAPPED_TEMPLATE_H

#include "base/buf.h"
#include "config/preset.h"

/* What {names} stand for; borrowed. NULL texts count as "". */
struct mapped_values {
    const char *url, *username, *password, *token, *cursor, *id, *code;
    const char *const *ids;
    size_t n_ids;
    int64_t today_s, since_s, until_s; /* UTC seconds; 0 "" */
    uint64_t page, offset, size, end;
    const struct config_list *params; /* "name=value" */
    bool in_address;                  /* of times, + and blank are escaped */
};

/* Adds the text to out. ERR_TOOBIG beyond the buffer's maximum, ERR_NOMEM, ERR_INVAL naming a place
 * that can't be filled; never a value. */
MUST_CHECK int mapped_template_fill(const struct preset_template *t, const struct mapped_values *v,
                                    struct buf *out, struct errmsg *msg);
bool mapped_template_uses(const struct preset_template *t, const char *name);

#endif
