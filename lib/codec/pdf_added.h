/* pdf added: what an update behind a signature brings: what belongs to a long-term signature (a
 * DSS with certificates and answers about them, a document time stamp with its field), or anything
 * else. Private to lib/codec/pdf*. Pure.
 *
 * New objects have to be of these kinds; what was there already may change only in the entries that
 * lead to them. Whether certificates and time stamps are good is not looked at. */
#ifndef CODEC_PDF_ADDED_H
#define CODEC_PDF_ADDED_H

#include "codec/pdf_lex.h"

enum pdf_addition {
    PDF_ADDITION_VALIDATION,
    PDF_ADDITION_PACKED, /* it, or what it changes, stands in a compressed object */
    PDF_ADDITION_OTHER
};

enum pdf_addition pdf_added_look(struct pdf_span covered, struct pdf_span behind);

#endif
