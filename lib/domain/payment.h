/* payment: the result of one payment for a dossier, as the payment platform tells it
 * (national-portal.md section 9, dpnhankqthanhtoanhs). Borrowed UTF-8 strings, "" unknown; values
 * stay as they came. Any thread; no state. */
#ifndef DOMAIN_PAYMENT_H
#define DOMAIN_PAYMENT_H

#include <stdbool.h>

#include "base/err.h"
#include "domain/codes.h"
#include "domain/figures.h"

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

/* "payment:GD0001": a transaction, without white space around it, is one payment. ERR_FORMAT names
 * what is missing, ERR_TOOBIG. */
MUST_CHECK int payment_code(const struct payment *p, char out[CODE_MAX], struct errmsg *msg);

bool payment_succeeded(const struct payment *p);

/* What is kept of a payment when its content goes: digests of its transaction, amount, currency
 * (none is VND) and dossier, without and with its result. They name nobody, and no two transactions
 * share one. */
#define PAYMENT_MARKS 2
MUST_CHECK int payment_marks(const struct payment *p,
                             uint8_t out[PAYMENT_MARKS][FIGURES_MARK_BYTES]);

enum payment_verdict {
    PAYMENT_AGAIN,   /* the same payment, told before */
    PAYMENT_FOLLOWS, /* another result after a failure */
    PAYMENT_CONFLICT /* another amount, currency or dossier, or a failure after a success; also when
                        there are no marks to tell by */
};
/* What is told now, against the marks of what was told before under the same transaction.
 * ERR_NOMEM. */
MUST_CHECK int payment_judge(const uint8_t (*before)[FIGURES_MARK_BYTES], size_t n_before,
                             const struct payment *now, enum payment_verdict *out);

#endif
