/* person_match: whether a canonical record, or somebody's words, speak of a person.
 *
 * Pure; used on the journal's worker. What is looked for is personal data: it stands in this struct
 * only, which person_match_free wipes. */
#ifndef PERSON_MATCH_H
#define PERSON_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "journal/person.h"

#define PERSON_NEEDLES 50
#define PERSON_NEEDLE_SIZE 200

enum person_by { PERSON_BY_ID, PERSON_BY_PHONE, PERSON_BY_NAME, PERSON_BY_CODE };

struct person_match {
    enum person_by by;
    char needles[PERSON_NEEDLES][PERSON_NEEDLE_SIZE]; /* as they are compared */
    const char *codes[PERSON_NEEDLES];
    size_t n;
    struct person_matcher matcher; /* borrows this struct */
};

/* "id", "phone", "name", "code". ERR_INVAL. */
MUST_CHECK int person_by_parse(const char *name, enum person_by *out);
/* Zeroes m, which must stay where it is. */
void person_match_init(struct person_match *m, enum person_by by);
/* One more needle, any of which is enough. ERR_INVAL, ERR_TOOBIG: msg says what is wrong and never
 * what was looked for. */
MUST_CHECK int person_match_add(struct person_match *m, const char *needle, struct errmsg *msg);
void person_match_free(struct person_match *m);

/* The name of a bit of what matcher.body gives; NULL past the last. */
const char *person_field(unsigned bit);
/* Fields of a body that hold personal data, whatever they say. */
uint64_t person_fields_kept(const char *body, size_t n);

#endif
