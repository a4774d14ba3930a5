/* log: one line per change of state, with fields.
 *
 * A logger is a struct that the process owns; where the lines go (journald, stderr, a test's
 * memory) is its write function. Messages are English ASCII; codes and numbers, never personal
 * data, bodies or secrets. Bytes that came from a peer go through text_printable first. Loop thread
 * only. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

/* name is a journald field name such as DVC_FLOW; value may be NULL (left out). Both borrowed. */
struct log_field {
    const char *name;
    const char *value;
};

#define LOG_MAX_FIELDS 12

struct log {
    enum log_level level; /* lines above it are not written */
    void *ctx;            /* of write */
    void (*write)(void *ctx, enum log_level level, const char *event, const char *message,
                  const struct log_field *fields, size_t n);
};

/* event is the stable class of the line, lower_case (doc lists them). log may be NULL. */
void log_line(struct log *log, enum log_level level, const char *event,
              const struct log_field *fields, size_t n, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Without fields. */
void log_plain(struct log *log, enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Repeated trouble: true for the first time and then once a period, with the number left out
 * meanwhile. Zero-initialise the struct. */
struct log_limit {
    uint64_t until_ms;
    uint64_t suppressed;
};
bool log_limit_pass(struct log_limit *limit, uint64_t now_ms, uint64_t period_ms,
                    uint64_t *suppressed);

const char *log_level_name(enum log_level level);
/* 0 or ERR_INVAL. */
int log_level_parse(const char *name, enum log_level *out);

#endif
