#include "domain/vntime.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DAY_S INT64_C(86400)
#define OFFSET_S (INT64_C(7) * 3600) /* UTC+7; the country has kept it since 1975 */
#define YEAR_MIN 1900
#define YEAR_MAX 2200
/* 1900-01-01 and 2201-01-01 as local days since 1970-01-01 (the tests compute them again). */
#define DAY_MIN INT64_C(-25567)
#define DAY_END INT64_C(84371)
#define FRACTION_MAX 9

struct civil {
    int year, month, day, hour, minute, second;
    int64_t offset_s; /* of the text, east positive */
};

/* Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March so that
 * the leap day is the last of its year; 400 years have 146,097 days. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, struct civil *c)
{
    int64_t from_march = days + 719468;
    int64_t era = (from_march >= 0 ? from_march : from_march - 146096) / 146097;
    int64_t day_of_era = from_march - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;

    c->day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    c->month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    c->year = (int)(year_of_era + era * 400 + (c->month <= 2));
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Local second count of a time whose year we know how to write. */
static bool in_range(int64_t at_s)
{
    return at_s >= DAY_MIN * DAY_S - OFFSET_S && at_s < DAY_END * DAY_S - OFFSET_S;
}

static int64_t clamp(int64_t at_s)
{
    int64_t first_s = DAY_MIN * DAY_S - OFFSET_S;
    int64_t last_s = DAY_END * DAY_S - OFFSET_S - 1;

    if (at_s < first_s) {
        return first_s;
    }
    return at_s > last_s ? last_s : at_s;
}

/* at_s in range. */
static void civil_from_seconds(int64_t at_s, struct civil *c)
{
    int64_t local_s = at_s + OFFSET_S;
    int64_t days = floor_div(local_s, DAY_S);
    int64_t second_of_day = local_s - days * DAY_S;

    civil_from_days(days, c);
    c->hour = (int)(second_of_day / 3600);
    c->minute = (int)(second_of_day / 60 % 60);
    c->second = (int)(second_of_day % 60);
}

static int seconds_from_civil(const struct civil *c, int64_t *out_s)
{
    if (c->year < YEAR_MIN || c->year > YEAR_MAX || c->month < 1 || c->month > 12 || c->day < 1 ||
        c->day > days_in_month(c->year, c->month) || c->hour > 23 || c->minute > 59 ||
        c->second > 59) {
        return ERR_FORMAT;
    }
    *out_s = days_from_civil(c->year, c->month, c->day) * DAY_S + c->hour * 3600 + c->minute * 60 +
             c->second - c->offset_s;
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Between min and max digits; max is at most FRACTION_MAX, so that the number fits. */
static bool take_digits(const char **text, unsigned min, unsigned max, int *out)
{
    unsigned n = 0;
    int value = 0;

    while (n < max && is_digit((*text)[n])) {
        value = value * 10 + ((*text)[n] - '0');
        n++;
    }
    *text += n;
    *out = value;
    return n >= min;
}

/* "Z", "+07:00", "+0700". */
static bool take_offset(const char **text, int64_t *offset_s)
{
    bool negative = **text == '-';
    int hours;
    int minutes;

    if (**text == 'Z') {
        (*text)++;
        *offset_s = 0;
        return true;
    }
    if (**text != '+' && **text != '-') {
        return false;
    }
    (*text)++;
    if (!take_digits(text, 2, 2, &hours)) {
        return false;
    }
    if (**text == ':') {
        (*text)++;
    }
    if (!take_digits(text, 2, 2, &minutes) || hours > 14 || minutes > 59) {
        return false;
    }
    *offset_s = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    *offset_s = negative ? -*offset_s : *offset_s;
    return true;
}

static bool is_letter_of_pattern(char c)
{
    return c != '\0' && strchr("yMdHmsSZ", c) != NULL;
}

/* A run of n equal pattern letters. */
static bool take_field(const char **text, char letter, unsigned n, struct civil *c)
{
    int ignored;

    switch (letter) {
    case 'y':
        if (n == 2) {
            bool ok = take_digits(text, 2, 2, &c->year);

            c->year += 2000;
            return ok;
        }
        return n == 4 && take_digits(text, 4, 4, &c->year);
    case 'S': /* a fraction of a second is dropped */
        return n <= FRACTION_MAX && take_digits(text, n, n == 1 ? FRACTION_MAX : n, &ignored);
    case 'Z':
        return n == 1 && take_offset(text, &c->offset_s);
    default:
        break;
    }
    if (n > 2) {
        return false;
    }
    switch (letter) {
    case 'M':
        return take_digits(text, n, 2, &c->month);
    case 'd':
        return take_digits(text, n, 2, &c->day);
    case 'H':
        return take_digits(text, n, 2, &c->hour);
    case 'm':
        return take_digits(text, n, 2, &c->minute);
    default:
        return take_digits(text, n, 2, &c->second);
    }
}

static int parse_civil(const char *text, const char *pattern, int64_t *out_s)
{
    struct civil c = {.year = 0, .month = 1, .day = 1, .offset_s = OFFSET_S};

    while (*pattern != '\0') {
        unsigned n = 1;

        if (!is_letter_of_pattern(*pattern)) {
            if (*text != *pattern) {
                return ERR_FORMAT;
            }
            text++;
            pattern++;
            continue;
        }
        while (pattern[n] == *pattern) {
            n++;
        }
        if (!take_field(&text, *pattern, n, &c)) {
            return ERR_FORMAT;
        }
        pattern += n;
    }
    return *text == '\0' ? seconds_from_civil(&c, out_s) : ERR_FORMAT;
}

static int parse_epoch(const char *text, int64_t per_second, int64_t *out_s)
{
    bool negative = *text == '-';
    int64_t value = 0;
    unsigned n = 0;

    text += negative;
    for (; is_digit(text[n]) && n < 16; n++) {
        value = value * 10 + (text[n] - '0');
    }
    if (n == 0 || text[n] != '\0') {
        return ERR_FORMAT;
    }
    value = floor_div(negative ? -value : value, per_second);
    if (!in_range(value)) {
        return ERR_FORMAT;
    }
    *out_s = value;
    return 0;
}

int vntime_parse(const char *text, const char *pattern, int64_t *out_s)
{
    *out_s = 0;
    if (text == NULL || *text == '\0') {
        return 0;
    }
    if (strcmp(pattern, "epoch_ms") == 0) {
        return parse_epoch(text, 1000, out_s);
    }
    if (strcmp(pattern, "epoch_s") == 0) {
        return parse_epoch(text, 1, out_s);
    }
    return parse_civil(text, pattern, out_s);
}

int vntime_parse_portal(const char *text, int64_t *out_s)
{
    return vntime_parse(text, "yyyyMMddHHmmss", out_s);
}

static bool append(char *out, size_t size, size_t *used, const char *piece, size_t n)
{
    if (n >= size - *used) {
        return false;
    }
    memcpy(out + *used, piece, n);
    *used += n;
    out[*used] = '\0';
    return true;
}

/* At least n digits, zeros in front. */
static size_t put_digits(unsigned value, unsigned n, char out[16])
{
    char reversed[16];
    unsigned len = 0;

    while (value > 0 || len < n) {
        reversed[len++] = (char)('0' + value % 10);
        value /= 10;
    }
    for (unsigned i = 0; i < len; i++) {
        out[i] = reversed[len - 1 - i];
    }
    return len;
}

/* The digits of a run of n equal pattern letters; 0 when there is no such field. */
static size_t field_text(char letter, unsigned n, const struct civil *c, char out[16])
{
    const struct {
        char letter;
        int value;
    } fields[] = {
        {'y', n == 2 ? c->year % 100 : c->year},
        {'M', c->month},
        {'d', c->day},
        {'H', c->hour},
        {'m', c->minute},
        {'s', c->second},
        {'S', 0},
    };

    if (n > FRACTION_MAX) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].letter == letter) {
            return put_digits((unsigned)fields[i].value, n, out);
        }
    }
    return 0;
}

static size_t format_civil(const struct civil *c, const char *pattern, char *out, size_t size)
{
    size_t used = 0;

    while (*pattern != '\0') {
        char digits[16];
        unsigned n = 1;
        bool fits;

        if (is_letter_of_pattern(*pattern)) {
            size_t len;

            while (pattern[n] == *pattern) {
                n++;
            }
            len = field_text(*pattern, n, c, digits);
            fits = len > 0 && append(out, size, &used, digits, len);
        } else {
            fits = append(out, size, &used, pattern, 1);
        }
        if (!fits) {
            out[0] = '\0';
            return 0;
        }
        pattern += n;
    }
    return used;
}

static size_t format_epoch(int64_t value, char *out, size_t size)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%lld", (long long)value);
    size_t used = 0;

    return append(out, size, &used, digits, (size_t)n) ? used : 0;
}

size_t vntime_format(int64_t at_s, const char *pattern, char *out, size_t size)
{
    struct civil c = {0};

    if (size == 0) {
        return 0;
    }
    out[0] = '\0';
    if (at_s == 0 || !in_range(at_s)) {
        return 0;
    }
    if (strcmp(pattern, "epoch_ms") == 0) {
        return format_epoch(at_s * 1000, out, size);
    }
    if (strcmp(pattern, "epoch_s") == 0) {
        return format_epoch(at_s, out, size);
    }
    civil_from_seconds(at_s, &c);
    return format_civil(&c, pattern, out, size);
}

void vntime_format_portal(int64_t at_s, char out[VNTIME_PORTAL_SIZE])
{
    (void)vntime_format(at_s, "yyyyMMddHHmmss", out, VNTIME_PORTAL_SIZE);
}

void vntime_format_rfc3339(int64_t at_s, char *out, size_t size)
{
    (void)vntime_format(at_s, "yyyy-MM-ddTHH:mm:ss+07:00", out, size);
}

int64_t vntime_day_start(int64_t at_s)
{
    int64_t local_s = clamp(at_s) + OFFSET_S;

    return floor_div(local_s, DAY_S) * DAY_S - OFFSET_S;
}

static int64_t overlap(int64_t second_of_day, int64_t from_s, int64_t to_s)
{
    if (second_of_day <= from_s) {
        return 0;
    }
    return (second_of_day < to_s ? second_of_day : to_s) - from_s;
}

/* Working seconds since the Monday 1969-12-29, local. */
static int64_t working_since_monday(int64_t at_s)
{
    static const int64_t day_work_s = INT64_C(8) * 3600;
    int64_t local_s = clamp(at_s) + OFFSET_S + 3 * DAY_S;
    int64_t week = floor_div(local_s, 7 * DAY_S);
    int64_t in_week_s = local_s - week * 7 * DAY_S;
    int64_t weekday = in_week_s / DAY_S; /* 0 Monday */
    int64_t second_of_day = in_week_s % DAY_S;
    int64_t worked_s = week * 5 * day_work_s;

    if (weekday >= 5) {
        return worked_s + 5 * day_work_s;
    }
    return worked_s + weekday * day_work_s +
           overlap(second_of_day, 7 * 3600 + 1800, 11 * 3600 + 1800) +
           overlap(second_of_day, 13 * 3600 + 1800, 17 * 3600 + 1800);
}

int64_t vntime_working_seconds(int64_t from_s, int64_t to_s)
{
    return working_since_monday(to_s) - working_since_monday(from_s);
}
