/* place: what kind of file system the journal lies on, and why that may not keep its promises. */
#ifndef JOURNAL_PLACE_H
#define JOURNAL_PLACE_H

#include <stdint.h>

/* What to warn of, by statfs's f_type; NULL: nothing known against it. */
const char *place_warning(uint64_t type);
/* The same for the file system that holds path. */
const char *place_warning_of(const char *path);

#endif
