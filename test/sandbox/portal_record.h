/* portal_record: one procedure in full, as LayThuTuc gives it, and the decision that published it.
 *
 * The same code gives the same record in every run. With real texts (catalog_load's details) the
 * long fields come from them, without them from templates. Any thread. Source of the shape:
 * protocol/national-portal.md sections 4.2 and 4.4. */
#ifndef PORTAL_RECORD_H
#define PORTAL_RECORD_H

#include "sandbox/portal_catalog.h"

#include <cjson/cJSON.h>

/* What the parts of one record share. */
struct record {
    const struct catalog *catalog;
    const struct procedure *p;
    cJSON *details; /* parsed, or NULL */
    struct sbuf *b;
    uint64_t seed;   /* of the next draw */
    bool changed;    /* the version changes the content */
    bool numbers;    /* codes and counts are written as JSON numbers */
    const char *url; /* "URL" or "Url": both are met */
};

/* Writes the object of one procedure. */
void record_write(const struct catalog *c, const struct procedure *p, long version, struct sbuf *b);

/* Writes the result array of LayQDCB for an id of IDQUYETDINHCONGBO. */
void record_write_decision(const struct catalog *c, const char *id, struct sbuf *b);

/* A draw from 0..n-1 (record.c), the next of this record. */
unsigned record_draw(struct record *r, unsigned n);
/* A member whose value is a number or its text. */
void record_number(struct record *r, const char *name, long value);

/* The parts that real texts replace (portal_details.c). Each writes the whole member and returns
 * true, or writes nothing and returns false when the details lack it. */
bool details_write_steps(struct record *r);
bool details_write_methods(struct record *r);
bool details_write_components(struct record *r);
bool details_write_subjects(struct record *r);
bool details_write_results(struct record *r);
bool details_write_legal(struct record *r);
/* The conditions and the kind, "" without. */
const char *details_text(const struct record *r, const char *name);

#endif
