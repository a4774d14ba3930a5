#include "daemon/ctl_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "domain/vntime.h"

#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400
#define TEXT_SHOWN 1024

void ctl_age(uint64_t age_s, char out[CTL_AGE_SIZE])
{
    if (age_s < MINUTE_S) {
        (void)snprintf(out, CTL_AGE_SIZE, "%" PRIu64 "s", age_s);
    } else if (age_s < HOUR_S) {
        (void)snprintf(out, CTL_AGE_SIZE, "%" PRIu64 "m", age_s / MINUTE_S);
    } else if (age_s < DAY_S) {
        (void)snprintf(out, CTL_AGE_SIZE, "%" PRIu64 "h%" PRIu64 "m", age_s / HOUR_S,
                       age_s % HOUR_S / MINUTE_S);
    } else if (age_s < UINT64_C(100000) * DAY_S) {
        (void)snprintf(out, CTL_AGE_SIZE, "%" PRIu64 "d%" PRIu64 "h", age_s / DAY_S,
                       age_s % DAY_S / HOUR_S);
    } else {
        (void)snprintf(out, CTL_AGE_SIZE, "ages");
    }
}

int ctl_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || value > (UINT64_MAX - 9) / 10) {
            return ERR_FORMAT;
        }
        value = value * 10 + (uint64_t)(*p - '0');
    }
    if (text[0] == '\0' || value < min || value > max) {
        return ERR_FORMAT;
    }
    *out = value;
    return 0;
}

int ctl_age_parse(const char *text, uint64_t *out_s)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = {{'s', 1}, {'m', MINUTE_S}, {'h', HOUR_S}, {'d', DAY_S}};
    size_t n = strlen(text);
    uint64_t factor = 1;
    char digits[24];

    if (n == 0 || n >= sizeof(digits)) {
        return ERR_FORMAT;
    }
    memcpy(digits, text, n + 1);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[n - 1] == units[i].unit) {
            factor = units[i].seconds;
            digits[n - 1] = '\0';
        }
    }
    if (ctl_number(digits, 0, UINT64_C(1000000000), out_s) != 0) {
        return ERR_FORMAT;
    }
    *out_s *= factor;
    return 0;
}

void ctl_time(int64_t at_s, char out[CTL_TIME_SIZE])
{
    if (vntime_format(at_s, "yyyy-MM-dd HH:mm:ss", out, CTL_TIME_SIZE) == 0) {
        (void)snprintf(out, CTL_TIME_SIZE, "never");
    }
}

void ctl_put_size(struct buf *out, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KB", "MB", "GB", "TB"};
    size_t unit = 0;
    uint64_t tenths = 0;

    while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        tenths = bytes % 1024 * 10 / 1024;
        bytes /= 1024;
        unit++;
    }
    if (unit > 0 && bytes < 10) {
        buf_printf(out, "%" PRIu64 ".%" PRIu64 " %s", bytes, tenths, units[unit]);
    } else {
        buf_printf(out, "%" PRIu64 " %s", bytes, units[unit]);
    }
}

void ctl_put_share(struct buf *out, uint64_t part, uint64_t whole)
{
    if (whole == 0) {
        buf_printf(out, "- (%" PRIu64 " of 0)", part);
    } else {
        /* Cut, not rounded: 100.0 means all. */
        uint64_t tenths = (uint64_t)((long double)part * 1000 / (long double)whole);

        buf_printf(out, "%" PRIu64 ".%" PRIu64 " %% (%" PRIu64 " of %" PRIu64 ")", tenths / 10,
                   tenths % 10, part, whole);
    }
}

void ctl_put_text(struct buf *out, const char *text)
{
    char shown[TEXT_SHOWN];

    text_printable(text, strlen(text), shown, sizeof(shown));
    buf_puts(out, shown);
}

void ctl_put_lines(struct buf *out, const char *text)
{
    char shown[TEXT_SHOWN];

    while (*text != '\0') {
        size_t n = strcspn(text, "\n");

        text_printable(text, n, shown, sizeof(shown));
        buf_puts(out, shown);
        buf_putc(out, '\n');
        text += n + (text[n] == '\n');
    }
}

void ctl_put_count(struct buf *out, uint64_t n, const char *noun)
{
    buf_printf(out, "%" PRIu64 " %s%s", n, noun, text_plural(n));
}

void ctl_put_column(struct buf *out, const char *text, size_t width)
{
    char shown[TEXT_SHOWN];
    size_t n;

    text_printable(text, strlen(text), shown, sizeof(shown));
    n = text_length(shown);
    buf_puts(out, shown);
    do {
        buf_putc(out, ' ');
        n++;
    } while (n < width);
}

void ctl_put_coloured(struct buf *out, bool colour, enum ctl_colour which, const char *text)
{
    static const char *const begins[] = {[CTL_PLAIN] = "",
                                         [CTL_GREEN] = "\033[32m",
                                         [CTL_YELLOW] = "\033[33m",
                                         [CTL_RED] = "\033[31m",
                                         [CTL_BOLD] = "\033[1m"};
    bool on = colour && which != CTL_PLAIN;

    if (on) {
        buf_puts(out, begins[which]);
    }
    ctl_put_text(out, text);
    if (on) {
        buf_puts(out, "\033[0m");
    }
}

/* ---- reading ---- */

const char *ctl_str(const struct json *object, const char *key)
{
    const struct json *node = json_get(object, key);
    char digits[24];

    return json_is_string(node) ? json_text(node, digits) : "";
}

int64_t ctl_int(const struct json *object, const char *key)
{
    int64_t value = 0;

    return json_integer(json_get(object, key), &value) == 0 ? value : 0;
}

uint64_t ctl_uint(const struct json *object, const char *key)
{
    int64_t value = ctl_int(object, key);

    return value > 0 ? (uint64_t)value : 0;
}

bool ctl_true(const struct json *object, const char *key)
{
    return json_true(json_get(object, key));
}

int64_t ctl_at(const struct json *object, const char *key)
{
    int64_t at_s = 0;

    return vntime_parse(ctl_str(object, key), "yyyy-MM-ddTHH:mm:ssZ", &at_s) == 0 ? at_s : 0;
}
