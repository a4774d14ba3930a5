#include "domain/payment.h"

#include <stdio.h>
#include <string.h>

void payment_init(struct payment *p)
{
    memset(p, 0, sizeof(*p));
#define X(field) p->field = "";
    PAYMENT_TEXTS(X)
#undef X
}

int payment_code(const struct payment *p, char out[CODE_MAX], struct errmsg *msg)
{
    int n = snprintf(out, CODE_MAX, "payment:%s", p->transaction);
    size_t digits = strspn(p->amount, "0123456789");

    if (p->transaction[0] == '\0' || p->dossier[0] == '\0' || p->result[0] == '\0') {
        return err_set(msg, ERR_FORMAT, "%s: is missing",
                       p->transaction[0] == '\0' ? "MaGiaoDich"
                       : p->dossier[0] == '\0'   ? "MaHoSo"
                                                 : "MaLoi");
    }
    if (digits == 0 || p->amount[digits] != '\0') {
        return err_set(msg, ERR_FORMAT, "SoTien: no amount");
    }
    return n < CODE_MAX ? 0 : err_set(msg, ERR_TOOBIG, "MaGiaoDich: longer than allowed");
}

bool payment_may_follow(const struct payment *before, const struct payment *now)
{
    bool was_paid = strcmp(before->result, "00") == 0;

    return strcmp(before->amount, now->amount) == 0 && strcmp(before->dossier, now->dossier) == 0 &&
           (!was_paid || strcmp(now->result, "00") == 0);
}
