/* figures: of a dossier's snapshot, what the month's figures and the integrity list count.
 *
 * Codes, times, flags and numbers, which the journal keeps when the body goes. They hold no
 * personal data by construction: no name, no number of a paper or account, no text that a person
 * wrote, no address of a file (only a digest that tells two apart). Made by codec/record.c, stored
 * by the journal, which parses no bodies. Any thread; no state. */
#ifndef DOMAIN_FIGURES_H
#define DOMAIN_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define FIGURES_MARK_BYTES 16

/* Pointers borrowed; times UTC seconds, 0 unknown. */
struct figures {
    const char *procedure, *sector, *agency; /* raw codes, "" unknown */
    int channel; /* 1 in person, 2 online, 3 post (KenhThucHien); 0 unknown */
    int entry;   /* 1 at the portal, 2 at the province (NoiNopHoSo); 0 unknown */
    int64_t submitted_s, received_s;
    int64_t finished_s, returned_s, refused_s;
    int supplements; /* rounds that the source lists (DanhSachHoSoBoSung) */
    int results;
    int digitised, identified, paid_online;     /* as in struct dossier, -1 unknown */
    const uint8_t (*marks)[FIGURES_MARK_BYTES]; /* of results that have an address */
    size_t n_marks;
    bool marks_only; /* no dossier: nothing of it is counted, its marks are kept (payment.h) */
};

/* A copy with all it points to; NULL beyond the arena's ceiling or without memory. */
const struct figures *figures_copy(struct arena *a, const struct figures *from);

/* What tells the result behind one address from any other: a digest of the address without its
 * fragment and without the parts of its query that name a time or a permission instead of the file
 * (national-portal.md pain 12). */
MUST_CHECK int figures_mark(const char *url, uint8_t out[FIGURES_MARK_BYTES]);

#endif
