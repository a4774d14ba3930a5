/* opencps_field: single values of OpenCPS's answers. Pure; any thread. NULL is a field that is not
 * there. */
#ifndef ADAPTER_OPENCPS_FIELD_H
#define ADAPTER_OPENCPS_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* A copy in the arena; "" for what is not there. *err becomes ERR_NOMEM without memory, else it
 * stays. */
const char *opencps_field_keep(struct arena *a, const char *text, int *err);
const char *opencps_field_text(const char *text); /* "" for NULL */
/* Lists and records write dd/MM/yyyy HH:mm:ss, actions epoch milliseconds; 0 for none. ERR_FORMAT
 * names the field. */
MUST_CHECK int opencps_field_time(const char *text, const char *name, int64_t *out,
                                  struct errmsg *msg);
bool opencps_field_true(const char *text); /* "true", "1" */
/* A whole number, or fallback for anything else. */
long opencps_field_number(const char *text, long fallback);

#endif
