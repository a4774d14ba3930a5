/* national payment: the two calls of the payment platform in its vocabulary (national-portal.md
 * section 9): what is to be paid for a dossier, and the result of a payment. Pure; any thread. */
#ifndef ADAPTER_NATIONAL_PAYMENT_H
#define ADAPTER_NATIONAL_PAYMENT_H

#include "adapter/national_other.h"
#include "domain/dossier.h"
#include "domain/payment.h"

/* The result of a payment: a JSON object. Unknown keys are passed over. ERR_FORMAT names the key.
 */
MUST_CHECK int national_payment_read(const struct json *object, struct arena *a,
                                     struct payment *out, struct errmsg *msg);

/* Who is paid, from the configuration. */
struct national_payee {
    const char *account, *bank, *name;
};

/* Writes what is to be paid for a dossier: its fees (DanhSachLePhi) that cost something, while
 * nothing says that it was paid and it is not at its end. False: nothing is to be paid, and nothing
 * was written. procedure: its national code. */
bool national_payment_duty(const struct dossier *d, int status, const char *procedure,
                           const struct national_payee *payee, int64_t now_s,
                           struct json_writer *w);

#endif
