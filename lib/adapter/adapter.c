#include "adapter/adapter.h"

static const char *const outcome_names[] = {
    [OUTCOME_NONE] = "none",           [OUTCOME_DONE] = "done",
    [OUTCOME_UNSURE] = "unsure",       [OUTCOME_TRANSIENT] = "transient",
    [OUTCOME_PERMANENT] = "permanent", [OUTCOME_BACKOFF] = "backoff",
    [OUTCOME_AUTH] = "auth",           [OUTCOME_EXISTS] = "exists",
    [OUTCOME_MISSING] = "missing",     [OUTCOME_CONFIG] = "config",
    [OUTCOME_LOGIN] = "login",         [OUTCOME_CANCELED] = "canceled",
    [OUTCOME_HELD] = "held",
};

const char *outcome_name(enum outcome_class c)
{
    size_t i = (size_t)c;

    return i < sizeof(outcome_names) / sizeof(outcome_names[0]) ? outcome_names[i] : "unknown";
}
