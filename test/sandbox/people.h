/* people: the impossible people of the sandbox.
 *
 * Names are put together from a fixed list, identity numbers begin with 000, telephone numbers with
 * 0000, addresses end in .invalid: nobody real can be meant. Everything is a function of a key, so
 * that nothing needs to be kept. Any thread; no state. */
#ifndef PEOPLE_H
#define PEOPLE_H

#include <stdint.h>

#define PEOPLE_NAME_SIZE 192 /* bytes, the NUL counted */

enum people_kind {
    PEOPLE_CITIZEN,
    PEOPLE_BUSINESS,
    PEOPLE_ORGANIZATION,
};

/* An applicant. All texts are UTF-8 in NFC. */
struct person {
    enum people_kind kind;
    char name[PEOPLE_NAME_SIZE];  /* in proper case, as in a dossier's detail */
    char upper[PEOPLE_NAME_SIZE]; /* in capitals, as in a list row */
    char id_no[16];               /* 12 digits, a few 9 digits or a passport's number */
    char phone[16];               /* "" for some */
    char email[48];               /* "" for most */
};

/* Good mixing of two numbers into one; the only source of chance in the sandbox's province. */
uint64_t people_mix(uint64_t a, uint64_t b);

/* The applicant of this key: always the same one. */
void people_make(uint64_t key, struct person *out);

/* "citizen", "business" or "organization", as OpenCPS writes applicantIdType. */
const char *people_kind_word(enum people_kind kind);

/* The officer of this key. A few carry their office in the name and are longer than the 50
 * characters that the portal takes. */
void people_officer(uint64_t key, char out[PEOPLE_NAME_SIZE]);

#endif
