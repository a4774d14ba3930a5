#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define MESSAGE_SIZE 1024

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn",   [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

#define N_LEVELS (sizeof(level_names) / sizeof(level_names[0]))

static bool wanted(const struct log *log, enum log_level level)
{
    return log != NULL && log->write != NULL && level <= log->level;
}

__attribute__((format(printf, 6, 0))) static void
write_line(struct log *log, enum log_level level, const char *event, const struct log_field *fields,
           size_t n, const char *format, va_list args)
{
    struct log_field known[LOG_MAX_FIELDS];
    char message[MESSAGE_SIZE];
    size_t n_known = 0;

    for (size_t i = 0; i < n && n_known < LOG_MAX_FIELDS; i++) {
        if (fields[i].value != NULL) {
            known[n_known] = fields[i];
            n_known++;
        }
    }
    if (vsnprintf(message, sizeof(message), format, args) < 0) {
        message[0] = '\0';
    }
    log->write(log->ctx, level, event, message, known, n_known);
}

void log_line(struct log *log, enum log_level level, const char *event,
              const struct log_field *fields, size_t n, const char *format, ...)
{
    va_list args;

    if (!wanted(log, level)) {
        return;
    }
    va_start(args, format);
    write_line(log, level, event, fields, n, format, args);
    va_end(args);
}

void log_plain(struct log *log, enum log_level level, const char *event, const char *format, ...)
{
    va_list args;

    if (!wanted(log, level)) {
        return;
    }
    va_start(args, format);
    write_line(log, level, event, NULL, 0, format, args);
    va_end(args);
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ms, uint64_t period_ms,
                    uint64_t *suppressed)
{
    if (now_ms < limit->until_ms) {
        limit->suppressed++;
        return false;
    }
    limit->until_ms = period_ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + period_ms;
    if (suppressed != NULL) {
        *suppressed = limit->suppressed;
    }
    limit->suppressed = 0;
    return true;
}

const char *log_level_name(enum log_level level)
{
    return (size_t)level < N_LEVELS ? level_names[level] : "unknown";
}

int log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < N_LEVELS; i++) {
        if (strcmp(level_names[i], name) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    }
    return ERR_INVAL;
}
