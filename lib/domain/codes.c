#include "domain/codes.h"

#include <stdint.h>
#include <string.h>

#include "domain/vntime.h"

#define DOSSIER_MAX_CHARS 50
#define AGENCY_MAX_LEVELS 7 /* dotted groups after the root */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* The takers move *at behind what they match and leave it alone when it does not match. */
static bool take_digits(const char **at, size_t min, size_t max)
{
    size_t n = 0;

    while (n < max && is_digit((*at)[n])) {
        n++;
    }
    if (n < min) {
        return false;
    }
    *at += n;
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

/* H56 */
static bool take_root(const char **at)
{
    if (!is_upper((*at)[0]) || !is_digit((*at)[1]) || !is_digit((*at)[2])) {
        return false;
    }
    *at += 3;
    return true;
}

/* 000.31.25.H56 */
static bool take_leaf_first(const char **at)
{
    const char *p = *at;

    if (!take_digits(&p, 3, 3) || !take_char(&p, '.') || !take_digits(&p, 2, 2) ||
        !take_char(&p, '.') || !take_digits(&p, 2, 2) || !take_char(&p, '.') || !take_root(&p)) {
        return false;
    }
    *at = p;
    return true;
}

/* H56.25.31 */
static bool take_root_first(const char **at, size_t max_levels)
{
    const char *p = *at;

    if (!take_root(&p)) {
        return false;
    }
    for (size_t i = 0; i < max_levels && *p == '.'; i++) {
        p++;
        if (!take_digits(&p, 1, 3)) {
            return false;
        }
    }
    *at = p;
    return true;
}

static bool date_exists(const char *digits, size_t n)
{
    char date[9] = "";
    int64_t at_s;

    memcpy(date, digits, n);
    return vntime_parse(date, n == 6 ? "yyMMdd" : "yyyyMMdd", &at_s) == 0;
}

bool code_is_dossier(const char *code)
{
    const char *at = code;
    const char *date;
    size_t date_len;

    if (strnlen(code, DOSSIER_MAX_CHARS + 1) > DOSSIER_MAX_CHARS) {
        return false;
    }
    if (!take_leaf_first(&at) && !take_root_first(&at, DOSSIER_MAX_CHARS)) {
        return false;
    }
    if (!take_char(&at, '-')) {
        return false;
    }
    date = at;
    if (!take_digits(&at, 6, 8)) {
        return false;
    }
    date_len = (size_t)(at - date);
    return date_len != 7 && take_char(&at, '-') && take_digits(&at, 4, 7) && *at == '\0' &&
           date_exists(date, date_len);
}

/* 1.001193 */
static bool take_procedure(const char **at)
{
    const char *p = *at;

    if (!take_digits(&p, 1, 1) || !take_char(&p, '.') || !take_digits(&p, 6, 6)) {
        return false;
    }
    *at = p;
    return true;
}

bool code_is_procedure(const char *code)
{
    return take_procedure(&code) && *code == '\0';
}

bool code_is_agency(const char *code)
{
    return (take_leaf_first(&code) || take_root_first(&code, AGENCY_MAX_LEVELS)) && *code == '\0';
}

int code_procedure_national(const char *code, char out[CODE_MAX])
{
    const char *at = code;
    size_t national_len;

    if (!take_procedure(&at)) {
        return ERR_FORMAT;
    }
    national_len = (size_t)(at - code);
    if (*at != '\0' && !(take_char(&at, '.') && take_leaf_first(&at) && *at == '\0')) {
        return ERR_FORMAT;
    }
    memcpy(out, code, national_len);
    out[national_len] = '\0';
    return 0;
}

/* Adds ".31" for the group 031; nothing for a group of zeros. */
static void add_group(char *out, size_t *used, const char *group)
{
    size_t n = 0;

    while (*group == '0') {
        group++;
    }
    while (is_digit(group[n])) {
        n++;
    }
    if (n == 0) {
        return;
    }
    out[(*used)++] = '.';
    memcpy(out + *used, group, n);
    *used += n;
}

int code_agency_normal(const char *code, char out[CODE_MAX])
{
    const char *groups[AGENCY_MAX_LEVELS];
    const char *root = code;
    size_t n_groups = 0;
    size_t used = 3;

    if (!code_is_agency(code)) {
        return ERR_FORMAT;
    }
    if (is_digit(code[0])) { /* leaf first: 000.31.25.H56 */
        groups[n_groups++] = code + 7;
        groups[n_groups++] = code + 4;
        groups[n_groups++] = code;
        root = code + 10;
    } else {
        for (const char *dot = strchr(code, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
            groups[n_groups++] = dot + 1;
        }
    }
    memcpy(out, root, 3);
    for (size_t i = 0; i < n_groups; i++) {
        add_group(out, &used, groups[i]);
    }
    out[used] = '\0';
    return 0;
}
