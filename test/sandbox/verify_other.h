/* verify_other: the oracle of the portal's other services: what was told against what the ledger
 * holds; `dvcsync-sandbox verify-other`. */
#ifndef VERIFY_OTHER_H
#define VERIFY_OTHER_H

/* argv[0] is "verify-other". The truth (tell.h) says of each code what the portal must hold: its
 * last line. lost: a code whose last content in the ledger is another, or none, and which the
 * journal does not hold for a person. duplicated: repeats that no attempt in doubt excuses.
 * With --out FOLDER the files there are held against what was asked at the portal and
 * what was paid. Prints
 * the mismatches and the verdict last. Exit status: 0 agreement, 1 not, 2 no judgement. */
int verify_other_main(int argc, char **argv);

#endif
