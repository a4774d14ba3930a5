/* record codec: canonical records to and from the JSON text that the journal keeps.
 *
 * One fixed order of keys, empty values left out, so that equal records have equal bytes. The
 * content hash is taken over the same text without the volatile parts: changed_s, arrived, and the
 * query part of file addresses (they carry time stamps: national-portal.md pain 12). Any thread. */
#ifndef CODEC_RECORD_H
#define CODEC_RECORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "domain/dossier.h"
#include "domain/payment.h"
#include "domain/procedure.h"
#include "domain/question.h"
#include "domain/rating.h"
#include "domain/record.h"

#define RECORD_BODY_MAX (1u << 20) /* bytes; the portal takes no more in one call */

/* Fill *out from a canonical struct; body and strings live in the arena. Texts are checked: UTF-8,
 * no NUL; made NFC. NULL texts count as "". A code is needed. ERR_FORMAT names the field,
 * ERR_TOOBIG, ERR_NOMEM. figures are of a dossier, and the
 * marks of a payment, in the arena.
 * at_s is changed_s of a dossier, at_s of a step, else 0. A step without key
 * gets one made from its at_s, status, actor and text, an answer one from the answer alone; the
 * body stays without. An answer is to go alone. */
MUST_CHECK int record_from_dossier(const struct dossier *d, struct arena *a, struct record *out,
                                   struct errmsg *msg);
/* The same, and out->dossier beside the body: for who judges the record at once. */
MUST_CHECK int record_with_dossier(const struct dossier *d, struct arena *a, struct record *out,
                                   struct errmsg *msg);
MUST_CHECK int record_from_step(const struct step *s, struct arena *a, struct record *out,
                                struct errmsg *msg);
/* The same, and out->step beside the body. */
MUST_CHECK int record_with_step(const struct step *s, struct arena *a, struct record *out,
                                struct errmsg *msg);
MUST_CHECK int record_from_procedure(const struct procedure *p, struct arena *a, struct record *out,
                                     struct errmsg *msg);
/* RECORD_RATING, RECORD_QUESTION, RECORD_PAYMENT: from is the struct of that kind. */
MUST_CHECK int record_from_other(enum record_kind kind, const void *from, struct arena *a,
                                 struct record *out, struct errmsg *msg);
MUST_CHECK int record_from_row(enum record_kind kind, const struct catalog_row *row,
                               struct arena *a, struct record *out, struct errmsg *msg);

/* Back. Strings live in the arena. ERR_FORMAT for bytes that we did not write: unknown keys,
 * another order, other types. */
MUST_CHECK int record_to_dossier(const char *body, size_t n, struct arena *a, struct dossier *out,
                                 struct errmsg *msg);
MUST_CHECK int record_to_step(const char *body, size_t n, struct arena *a, struct step *out,
                              struct errmsg *msg);
MUST_CHECK int record_to_procedure(const char *body, size_t n, struct arena *a,
                                   struct procedure *out, struct errmsg *msg);
/* to is the struct of the kind, as above. */
MUST_CHECK int record_to_other(enum record_kind kind, const char *body, size_t n, struct arena *a,
                               void *to, struct errmsg *msg);
MUST_CHECK int record_to_row(const char *body, size_t n, struct arena *a, struct catalog_row *out,
                             struct errmsg *msg);

#endif
