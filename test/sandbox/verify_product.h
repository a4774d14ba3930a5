/* verify_product: what a product's wire can carry of a dossier, as the oracle understands it.
 *
 * The truth is that of the province's dump in OpenCPS's words (verify_map). Of it a product carries
 * some fields, folds its states, or has one date where OpenCPS has two: what is expected on the
 * portal changes with it. A field that the wire does not have may be absent or right, never
 * anything else. Const tables; one thread. */
#ifndef VERIFY_PRODUCT_H
#define VERIFY_PRODUCT_H

#include <stdbool.h>

#include "sandbox/verify_map.h"

struct verify_product;

/* NULL for a name that is not known. */
const struct verify_product *verify_product_find(const char *name);
const char *verify_product_name(const struct verify_product *p);

/* Turns what OpenCPS would bring to the portal into what this product brings. Steps are known by
 * their time afterwards (id), since not every wire has ids. 0, or -1 when memory is out. */
int verify_product_apply(const struct verify_product *p, struct mapped *m);

/* Whether a value that is not the expected one is fine too. */
bool verify_product_may(const struct mapped *m, const char *field, const cJSON *actual);
bool verify_product_step_may(const struct mapped *m, const char *field, const cJSON *actual);

#endif
