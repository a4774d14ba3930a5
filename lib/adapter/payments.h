/* payments: the province's side of payments as the payment platform calls it (profile "payments",
 * national-portal.md section 9): what is to be paid for a dossier (dptracuuthanhtoanhs), and the
 * result of a payment (dpnhankqthanhtoanhs).
 *
 * What is to be paid comes from what the source of the flow `dossiers` told of the dossier; nothing
 * when a success of it is known here. A second success under another number is taken, logged and
 * counted (payment_twice). A result is answered "00" only after its commit; its delivery to the
 * province is the engine's. A transaction is taken once, for as long as the journal has its item:
 * the same again is answered "00" and has no effect, another amount, currency or dossier under its
 * number is refused with "99", and so is one of which nothing is left to compare with. MaXacThuc is
 * kept and not checked: who may call is decided by address, account and certificate. Loop thread.
 */
#ifndef ADAPTER_PAYMENTS_H
#define ADAPTER_PAYMENTS_H

#include "adapter/adapter.h"

/* ERR_CONFIG when the source's keys can't be used, ERR_NOMEM. */
MUST_CHECK int payments_open(const struct adapter_env *env, const struct config_source *source,
                             struct adapter **out, struct errmsg *msg);

#endif
