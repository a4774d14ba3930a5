/* verify: the oracle. Compares the province's own record with the portal's ledger and the journal.
 *
 * main.c calls verify_main for `dvcsync-sandbox verify`. The mapping of doc/opencps.md is written
 * here a second time on purpose: the oracle must share no mistake with the daemon. */
#ifndef VERIFY_H
#define VERIFY_H

/* argv[0] is "verify". Prints the mismatches, the counts and as last line the verdict. The
 * process's exit status: 0 agreement, 1 a mismatch, something lost or duplicated, 2 the judgement
 * could not be made (bad command line, unreadable ledger, unreachable sandbox). */
int verify_main(int argc, char **argv);

#endif
