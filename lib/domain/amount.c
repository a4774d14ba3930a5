#include "domain/amount.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

#define AMOUNT_MAX (INT64_C(1) << 53)
#define UNIT_SIZE 64

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int amount_parse(const char *text, int64_t *out)
{
    const char *at = text + strspn(text, " \t\r\n");
    char separator = '\0';
    int64_t value = 0;
    size_t group = 0; /* digits since the last separator */

    while (is_digit(*at) || (*at != '\0' && strchr(".,", *at) != NULL) ||
           (*at == ' ' && is_digit(at[1]))) {
        if (is_digit(*at)) {
            value = value * 10 + (*at - '0');
            group++;
        } else if (group == 0 || group > 3 ||
                   (separator != '\0' && (*at != separator || group != 3))) {
            return ERR_FORMAT;
        } else {
            separator = *at;
            group = 0;
        }
        if (value > AMOUNT_MAX) {
            return ERR_FORMAT;
        }
        at++;
    }
    at += strspn(at, " \t\r\n");
    if (*at != '\0' || group == 0 || (separator != '\0' && group != 3)) {
        return ERR_FORMAT;
    }
    *out = value;
    return 0;
}

bool amount_unit_is_plain(const char *unit)
{
    static const char *const plain[] = {"", "đồng", "vnd", "vnđ", "đ"};
    char trimmed[UNIT_SIZE];
    char folded[2 * UNIT_SIZE];

    text_trim(unit, trimmed, sizeof(trimmed));
    if (text_fold(trimmed, folded, sizeof(folded)) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (strcmp(folded, plain[i]) == 0) {
            return true;
        }
    }
    return false;
}
