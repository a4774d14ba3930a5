/* rating: how satisfied people were in a month with one procedure at one agency
 * (national-portal.md 5.5, DongBoDanhGia). Borrowed UTF-8 strings, "" unknown; values stay as the
 * source wrote them. Any thread; no state. */
#ifndef DOMAIN_RATING_H
#define DOMAIN_RATING_H

#include "base/err.h"
#include "domain/codes.h"

/* X(field): texts of a rating. */
#define RATING_TEXTS(X)                                                                            \
    X(code)  /* identity, see rating_code */                                                       \
    X(month) /* NgayTongHop: "11-2025" */                                                          \
    X(procedure_code)                                                                              \
    X(agency_code)                                                                                 \
    X(agency_name)                                                                                 \
    X(raters) /* TongSoNguoiDanhGia */                                                             \
    X(very_satisfied)                                                                              \
    X(satisfied)                                                                                   \
    X(not_satisfied)                                                                               \
    X(opinions) /* DanhSachNoiDungYKien, as it stands */                                           \
    X(content)  /* NoiDung */                                                                      \
    X(service_very_satisfied)                                                                      \
    X(service_satisfied)                                                                           \
    X(service_not_satisfied)

struct rating {
#define X(field) const char *field;
    RATING_TEXTS(X)
#undef X
};

/* "rating:2025-11_1.001193_H22.14.09": a month, a procedure and an agency have one rating; a later
 * one replaces it. ERR_FORMAT when a part is missing or no month, ERR_TOOBIG. */
MUST_CHECK int rating_code(const struct rating *r, char out[CODE_MAX], struct errmsg *msg);

/* Why it can't be sent, for a person; NULL when it can. */
const char *rating_fault(const struct rating *r);

#endif
