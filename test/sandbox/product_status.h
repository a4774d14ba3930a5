/* product_status: what the products' own alphabets make of a step of the life.
 *
 * The sandbox's own table; it must agree with what conf/maps and the presets understand, but shares
 * no line with them. Const; any thread. */
#ifndef PRODUCT_STATUS_H
#define PRODUCT_STATUS_H

#include "sandbox/life_table.h"

#define PRODUCT_STATUS_UNKNOWN 11 /* what a national product says for a state that no map knows */

/* The national status 1..10 of a step, PRODUCT_STATUS_UNKNOWN where there is none. */
int product_national(enum life_step_id step);

/* VNPT iGate's words (provincial-systems.md 1.2, 4.3): the small number and the name. */
struct product_igate_status {
    int id;
    const char *name;
};
const struct product_igate_status *product_igate(enum life_step_id step);

/* The civil-status software's numbers: 1 received, 2 needs supplement, 3 eligible, 4 registered, 0
 * error (here: no number for it). Lives that come to 3, 7 or 8 are not its own. */
int product_justice(enum life_step_id step);

#endif
