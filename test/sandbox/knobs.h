/* knobs: named settings of a sandbox role, with type, bounds and help.
 *
 * The portal and the province each own one const table of rows, indexed by an enum of their own.
 * Values may be read and set from any thread; a value read is never torn. */
#ifndef KNOBS_H
#define KNOBS_H

#include <stdbool.h>
#include <stddef.h>

#define KNOB_TEXT_MAX 128 /* bytes of a text knob, the NUL counted */
#define KNOBS_MAX 64      /* rows in a table */

enum knob_type {
    KNOB_INT,    /* min..max */
    KNOB_BOOL,   /* "on", "off"; true/false/1/0 are understood */
    KNOB_CHOICE, /* one of the words in choices; its value is the word's position */
    KNOB_TEXT,   /* any text shorter than KNOB_TEXT_MAX */
};

/* One row. Unused members stay 0. */
struct knob_row {
    const char *name; /* unit in the suffix: _ms, _s, _percent */
    enum knob_type type;
    long min;
    long max;
    long def;            /* the value at start; a BOOL's 0 or 1; a CHOICE's position */
    const char *choices; /* CHOICE: "int|string|00" */
    const char *help;
};

struct knobs;
struct serve_req;

/* rows is borrowed for the life of the knobs (a const table), count at most KNOBS_MAX. NULL when
 * memory is out. */
struct knobs *knobs_new(const struct knob_row *rows, size_t count);
void knobs_free(struct knobs *k);

/* The value of row i: the number, 0 or 1, or the position of the choice. */
long knobs_get(const struct knobs *k, size_t i);
/* The value of a text row, copied. */
void knobs_get_text(struct knobs *k, size_t i, char out[KNOB_TEXT_MAX]);

/* Sets by name. 0, or -1 and a sentence in why (unknown name, not a number, out of bounds). */
int knobs_set(struct knobs *k, const char *name, const char *value, char *why, size_t why_size);
/* Sets from "name=value", as --knob carries it. */
int knobs_set_pair(struct knobs *k, const char *pair, char *why, size_t why_size);

/* Called after a change by knobs_serve or knobs_set, outside all locks; at most one, NULL = none.
 */
void knobs_on_change(struct knobs *k, void (*changed)(void *arg), void *arg);

/* Answers GET /_sandbox/knobs with an object of all values and POST with the object of all values
 * after the change. A POST body is {"name":"value",...}, values as text, number or boolean; it is
 * applied all or nothing, and a bad one is answered 400 with {"error":"..."}. */
void knobs_serve(struct knobs *k, struct serve_req *req);

#endif
