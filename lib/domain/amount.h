/* amount: sums of money as catalogues and dossiers write them. Pure; any thread. */
#ifndef DOMAIN_AMOUNT_H
#define DOMAIN_AMOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A whole number of dong: digits alone ("8000"), or in groups of three behind one to three with one
 * and the same of ".", "," and " " between them ("10.000"); blanks around it. ERR_FORMAT for
 * whatever else: a fraction, a word, a range ("Không", "8.000 đồng/bản"). */
MUST_CHECK int amount_parse(const char *text, int64_t *out);
/* The unit counts one sum and not one for each of something: "", "Đồng", "VND", "VNĐ", "đ". */
bool amount_unit_is_plain(const char *unit);

#endif
