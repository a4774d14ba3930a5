#include "domain/payment.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/text.h"

void payment_init(struct payment *p)
{
    memset(p, 0, sizeof(*p));
#define X(field) p->field = "";
    PAYMENT_TEXTS(X)
#undef X
}

/* White space around it makes no other transaction. */
static void trimmed(const struct payment *p, char out[CODE_MAX])
{
    text_trim(p->transaction, out, CODE_MAX);
}

int payment_code(const struct payment *p, char out[CODE_MAX], struct errmsg *msg)
{
    char transaction[CODE_MAX];
    int n = 0;
    size_t digits = strspn(p->amount, "0123456789");

    trimmed(p, transaction);
    n = snprintf(out, CODE_MAX, "payment:%s", transaction);
    if (transaction[0] == '\0' || p->dossier[0] == '\0' || p->result[0] == '\0') {
        return err_set(msg, ERR_FORMAT, "%s: is missing",
                       transaction[0] == '\0'  ? "MaGiaoDich"
                       : p->dossier[0] == '\0' ? "MaHoSo"
                                               : "MaLoi");
    }
    if (digits == 0 || p->amount[digits] != '\0') {
        return err_set(msg, ERR_FORMAT, "SoTien: no amount");
    }
    return n < CODE_MAX ? 0 : err_set(msg, ERR_TOOBIG, "MaGiaoDich: longer than allowed");
}

bool payment_succeeded(const struct payment *p)
{
    return strcmp(p->result, "00") == 0;
}

/* result NULL: whatever it was. */
static int mark_of(const struct payment *p, const char *result, uint8_t out[FIGURES_MARK_BYTES])
{
    static const uint8_t failed[DIGEST_BYTES]; /* what OpenSSL's failure leaves */
    uint8_t whole[DIGEST_BYTES];
    char transaction[CODE_MAX];
    struct digest d;
    int err = digest_begin(&d);

    if (err != 0) {
        return err;
    }
    trimmed(p, transaction);
    digest_add_field(&d, transaction);
    digest_add_field(&d, p->amount);
    digest_add_field(&d, p->dossier);
    digest_add_field(&d, result);
    if (p->currency[0] != '\0' && strcmp(p->currency, "VND") != 0) {
        digest_add_field(&d, p->currency); /* none is VND, as in the marks that are kept already */
    }
    digest_end(&d, whole);
    if (digest_equal(whole, failed)) {
        return ERR_NOMEM;
    }
    memcpy(out, whole, FIGURES_MARK_BYTES);
    return 0;
}

int payment_marks(const struct payment *p, uint8_t out[PAYMENT_MARKS][FIGURES_MARK_BYTES])
{
    int err = mark_of(p, NULL, out[0]);

    return err == 0 ? mark_of(p, p->result, out[1]) : err;
}

static bool holds(const uint8_t (*marks)[FIGURES_MARK_BYTES], size_t n,
                  const uint8_t mark[FIGURES_MARK_BYTES])
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(marks[i], mark, FIGURES_MARK_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

int payment_judge(const uint8_t (*before)[FIGURES_MARK_BYTES], size_t n_before,
                  const struct payment *now, enum payment_verdict *out)
{
    uint8_t marks[PAYMENT_MARKS][FIGURES_MARK_BYTES];
    uint8_t paid[FIGURES_MARK_BYTES];
    int err = payment_marks(now, marks);

    err = err == 0 ? mark_of(now, "00", paid) : err;
    if (err != 0) {
        return err;
    }
    if (holds(before, n_before, marks[1])) {
        *out = PAYMENT_AGAIN;
    } else if (holds(before, n_before, marks[0]) && !holds(before, n_before, paid)) {
        *out = PAYMENT_FOLLOWS;
    } else {
        *out = PAYMENT_CONFLICT;
    }
    return 0;
}
