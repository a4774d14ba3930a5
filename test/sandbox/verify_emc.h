/* verify emc: the oracle of usage figures: what EMC counted against the province's own record. Of
 * each dossier the last status must have been counted last, and the same status in a row only as
 * often as attempts were in doubt. Its last line is "emc N/N held H lost L duplicated D". */
#ifndef VERIFY_EMC_H
#define VERIFY_EMC_H

int verify_emc_main(int argc, char **argv);

#endif
