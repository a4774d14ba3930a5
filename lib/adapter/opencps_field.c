#include "adapter/opencps_field.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "domain/vntime.h"

const char *opencps_field_keep(struct arena *a, const char *text, int *err)
{
    const char *copy;

    if (text == NULL || text[0] == '\0') {
        return "";
    }
    copy = arena_strdup(a, text);
    if (copy == NULL) {
        *err = ERR_NOMEM;
        return "";
    }
    return copy;
}

const char *opencps_field_text(const char *text)
{
    return text != NULL ? text : "";
}

int opencps_field_time(const char *text, const char *name, int64_t *out, struct errmsg *msg)
{
    const char *pattern = "dd/MM/yyyy HH:mm:ss";
    int err;

    *out = 0;
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    if (text[strspn(text, "0123456789")] == '\0') {
        if (strspn(text, "0") == strlen(text)) { /* Java's null date */
            return 0;
        }
        pattern = "epoch_ms";
    } else if (strchr(text, ':') == NULL) {
        pattern = "dd/MM/yyyy";
    }
    err = vntime_parse(text, pattern, out);
    return err != 0 ? err_set(msg, err, "%s is not a date of OpenCPS", name) : 0;
}

bool opencps_field_true(const char *text)
{
    return text != NULL && (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

long opencps_field_number(const char *text, long fallback)
{
    char *end;
    long value;

    if (text == NULL || text[0] == '\0') {
        return fallback;
    }
    value = strtol(text, &end, 10);
    return *end == '\0' ? value : fallback;
}
