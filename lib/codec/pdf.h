/* pdf: whether a digital signature is seen in a PDF file.
 *
 * Seen, not verified: whose it is, and whether it still fits, says a program that knows
 * certificates. A signature's dictionary stands in the file as it is, since its byte range tells
 * places of the file, so nothing has to be unpacked to see it. A document time stamp is none: it
 * tells when, not who. Pure; any thread. */
#ifndef CODEC_PDF_H
#define CODEC_PDF_H

#include <stddef.h>

enum pdf_signature {
    PDF_NONE,      /* no signature */
    PDF_ADDED,     /* something was added behind what the last one covers */
    PDF_PACKED,    /* the same, and in compressed objects: what it is can't be seen */
    PDF_LONG_TERM, /* the same, and it is what keeps a signature verifiable: a DSS, document time
                      stamps (PAdES-LT, PAdES-LTA) */
    PDF_WHOLE,     /* one whose byte range covers the whole file but for the signature itself */
    PDF_NO_PDF     /* does not begin as a PDF does */
};

enum pdf_signature pdf_signature_look(const char *bytes, size_t n);

#endif
