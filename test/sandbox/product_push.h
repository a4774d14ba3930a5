/* product_push: the face that pushes. Its threads find the dossiers that have changed since they
 * were taken and POST them, with their steps, to the address of the knob push_url; nothing is sent
 * while that is empty. Used by product.c; what is sent stands in product_bridge.c. */
#ifndef PRODUCT_PUSH_H
#define PRODUCT_PUSH_H

#include "sandbox/product.h"

struct product_push;

/* Starts the threads. *out owned by the caller, ended by product_push_stop. 0 or -1. */
int product_push_start(struct product_push **out, struct product *product, struct province *p);
/* NULL is fine. Returns when the last thread is gone. */
void product_push_stop(struct product_push *push);

/* Writes ,"push":{...}. */
void product_push_stats(struct product_push *push, struct sbuf *out);

/* ---- product_bridge.c: the bodies, bare arrays (provincial-systems.md 1.5) ---- */

void bridge_dossier(struct sbuf *out, const struct product_view *v);
/* The steps from..until of it. */
void bridge_steps(struct sbuf *out, const struct product_view *v, size_t from, size_t until);

#endif
