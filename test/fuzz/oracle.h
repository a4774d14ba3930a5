/* oracle: another reader of JSON (jansson 2.14), strict and refusing repeated keys, to hold ours
 * against.
 *
 * Its names are ours (json_integer, json_true): so only this file's object sees them, see the
 * Makefile. Main thread. */
#ifndef TEST_FUZZ_ORACLE_H
#define TEST_FUZZ_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oracle; /* a value */

enum oracle_kind {
    ORACLE_OBJECT,
    ORACLE_ARRAY,
    ORACLE_STRING,
    ORACLE_INTEGER,
    ORACLE_REAL,
    ORACLE_TRUE,
    ORACLE_FALSE,
    ORACLE_NULL
};

/* One byte order mark is passed over. NULL when it is no document; why says it. */
struct oracle *oracle_parse(const char *bytes, size_t n, char why[160]);
void oracle_free(struct oracle *root); /* NULL is fine */

enum oracle_kind oracle_kind(const struct oracle *node);
size_t oracle_size(const struct oracle *node);      /* of an object or array */
const char *oracle_text(const struct oracle *node); /* of a string */
int64_t oracle_integer(const struct oracle *node);  /* of an integer */
double oracle_number(const struct oracle *node);    /* of an integer or real */
const struct oracle *oracle_get(const struct oracle *object, const char *key);

/* The children in the order of the document; zeroed, then called until NULL. */
struct oracle_walk {
    void *member;
    size_t index;
    const char *key; /* of the child that was given; NULL in an array */
};
const struct oracle *oracle_next(const struct oracle *parent, struct oracle_walk *walk);

/* The same values; 1.0 and 1 are the same. */
bool oracle_same(const struct oracle *a, const struct oracle *b);

#endif
