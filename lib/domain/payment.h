/* payment: the result of one payment for a dossier, as the payment platform tells it
 * (national-portal.md section 9, dpnhankqthanhtoanhs). Borrowed UTF-8 strings, "" unknown; values
 * stay as they came. Any thread; no state. */
#ifndef DOMAIN_PAYMENT_H
#define DOMAIN_PAYMENT_H

#include <stdbool.h>

#include "base/err.h"
#include "domain/codes.h"

/* X(field): texts of a payment. */
#define PAYMENT_TEXTS(X)                                                                           \
    X(code)        /* identity, see payment_code */                                                \
    X(transaction) /* MaGiaoDich */                                                                \
    X(dossier)     /* MaHoSo */                                                                    \
    X(result)      /* MaLoi: "00" paid */                                                          \
    X(message)     /* LoaiBanTin */                                                                \
    X(partner)                                                                                     \
    X(reference)                                                                                   \
    X(amount)                                                                                      \
    X(currency)                                                                                    \
    X(bank)                                                                                        \
    X(paid_at) /* ThoiGianGD */                                                                    \
    X(information)                                                                                 \
    X(checksum) /* MaXacThuc */

struct payment {
#define X(field) const char *field;
    PAYMENT_TEXTS(X)
#undef X
};

void payment_init(struct payment *p);

/* "payment:GD0001": a transaction is one payment. ERR_FORMAT names what is missing, ERR_TOOBIG. */
MUST_CHECK int payment_code(const struct payment *p, char out[CODE_MAX], struct errmsg *msg);

/* Whether what is told now may follow what was told before under the same transaction: the same
 * payment again, or a success after a failure. Another amount or dossier, or a failure after a
 * success, may not. */
bool payment_may_follow(const struct payment *before, const struct payment *now);

#endif
