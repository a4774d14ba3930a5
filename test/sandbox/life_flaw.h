/* life_flaw: what is wrong with single dossiers, planted on order so that somebody can find it.
 *
 * The caller holds the world's lock. */
#ifndef LIFE_FLAW_H
#define LIFE_FLAW_H

#include "sandbox/life.h"

/* Bits of life_dossier.flaws. */
enum life_flaw {
    FLAW_NO_RESULT = 1,     /* it has come to its result, and no file of one is there */
    FLAW_SHARED_RESULT = 2, /* its result's file is that of dossier `with` */
    FLAW_STRANGE_PAPER = 4, /* its first paper is none that its procedure names */
    FLAW_DEAD_LINK = 8,     /* its result's file is not found */
    FLAW_UNSIGNED = 16,     /* its result's file has no digital signature */
    FLAW_CERTIFIED = 32,    /* none either, and needs none: a certified copy */
    FLAW_GONE = 64,         /* in no list and found by no number */
    FLAW_SILENT = 128       /* its detail is empty */
};

#define LIFE_CERTIFIED_CODE 999999 /* such a result is KQ.H56.999999 */

/* Plants a flaw by its name: those above in small letters without FLAW_, and
 *   promise_moved  the promised date is put off, which had passed
 *   supplements    a second round of supplement; only before anybody read the dossier
 *   tampered       changed in secret: no list shows it
 *   back           takes FLAW_GONE away
 * with: a second dossier, for shared_result. 1 planted, 0 it does not fit this dossier, -1 no such
 * flaw. */
int life_plant(struct life *w, size_t i, const char *flaw, size_t with, int64_t now_s);

#endif
