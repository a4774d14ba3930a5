/* emc: plays the usage measurement system (national-portal.md section 12): counts what is told,
 * keeps a ledger of it, and fails where its knobs say so. */
#ifndef SANDBOX_EMC_H
#define SANDBOX_EMC_H

int emc_main(int argc, char **argv);

#endif
