/* codes: grammars of the codes on the wire and their normal forms (national-portal.md section 7).
 * Any thread; no state; buffers are the caller's. */
#ifndef DOMAIN_CODES_H
#define DOMAIN_CODES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define CODE_MAX 64 /* bytes of any code with its NUL */

/* 7.1: the superset of all dossier codes, at most 50 characters, with a date that exists. */
bool code_is_dossier(const char *code);
/* 7.3: a national procedure code, 1.001193. */
bool code_is_procedure(const char *code);
/* 7.2: an agency in either order. */
bool code_is_agency(const char *code);

/* The national part of a procedure code with or without a local suffix (1.001193.000.00.00.H56 ->
 * 1.001193). ERR_FORMAT for anything else. */
MUST_CHECK int code_procedure_national(const char *code, char out[CODE_MAX]);

/* One normal form for both orders: root first, zero groups dropped, no leading zeros in a group
 * (000.31.25.H56 and H56.25.31 are equal). For comparing only: the raw code is what is sent. */
MUST_CHECK int code_agency_normal(const char *code, char out[CODE_MAX]);

#endif
