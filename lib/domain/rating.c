#include "domain/rating.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARES 3
#define TENTHS_ALL 1000 /* 100.0 % */
#define TENTHS_ROUNDED 10

/* M-YYYY or MM-YYYY; MM/YYYY is what some products write. */
static bool read_month(const char *text, unsigned *month, unsigned *year)
{
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;

    if (digits < 1 || digits > 2 || (*rest != '-' && *rest != '/') ||
        strspn(rest + 1, "0123456789") != 4 || rest[5] != '\0') {
        return false;
    }
    *month = (unsigned)strtoul(text, NULL, 10);
    *year = (unsigned)strtoul(rest + 1, NULL, 10);
    return *month >= 1 && *month <= 12 && *year >= 2000;
}

int rating_code(const struct rating *r, char out[CODE_MAX], struct errmsg *msg)
{
    unsigned month;
    unsigned year;
    int n;

    if (!read_month(r->month, &month, &year)) {
        return err_set(msg, ERR_FORMAT, "NgayTongHop: no month like 11-2025");
    }
    if (r->procedure_code[0] == '\0' || r->agency_code[0] == '\0') {
        return err_set(msg, ERR_FORMAT, "%s: is missing",
                       r->procedure_code[0] == '\0' ? "MaThuTuc" : "Madonvi");
    }
    n = snprintf(out, CODE_MAX, "rating:%04u-%02u_%s_%s", year, month, r->procedure_code,
                 r->agency_code);
    return n < CODE_MAX ? 0
                        : err_set(msg, ERR_TOOBIG, "MaThuTuc and Madonvi together are too long");
}

/* Tenths of a percent of "80%", "80", "12.5 %", "12,5%"; -1 for anything else. "" is not said. */
static int read_share(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;
    long tenths;

    if (digits < 1 || digits > 3) {
        return -1;
    }
    tenths = strtol(text, NULL, 10) * 10;
    if ((*rest == '.' || *rest == ',') && isdigit((unsigned char)rest[1])) {
        tenths += rest[1] - '0';
        rest += 1 + strspn(rest + 1, "0123456789");
    }
    rest += *rest == ' ';
    rest += *rest == '%';
    return *rest == '\0' && tenths <= TENTHS_ALL ? (int)tenths : -1;
}

static const char *shares_fault(const char *const shares[SHARES])
{
    int sum = 0;

    for (size_t i = 0; i < SHARES; i++) {
        int tenths = shares[i][0] != '\0' ? read_share(shares[i]) : 0;

        if (tenths < 0) {
            return "a share of the rating is no percentage from 0% to 100%";
        }
        sum += tenths;
    }
    return sum > TENTHS_ALL + TENTHS_ROUNDED
               ? "the shares of the rating are more than 100% together"
               : NULL;
}

const char *rating_fault(const struct rating *r)
{
    const char *const all[SHARES] = {r->very_satisfied, r->satisfied, r->not_satisfied};
    const char *const service[SHARES] = {r->service_very_satisfied, r->service_satisfied,
                                         r->service_not_satisfied};
    size_t digits = strspn(r->raters, "0123456789");
    const char *fault;

    if (digits < 1 || digits > 9 || r->raters[digits] != '\0') {
        return "TongSoNguoiDanhGia is no number of people";
    }
    fault = shares_fault(all);
    return fault != NULL ? fault : shares_fault(service);
}
