/* product_write: what the faces write JSON and XML with, and how they read what they are sent. Over
 * sbuf; one thread at a time. */
#ifndef PRODUCT_WRITE_H
#define PRODUCT_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/product_view.h"
#include "sandbox/sbuf.h"

/* "name":number */
void write_number(struct sbuf *out, const char *name, int64_t value);
/* "name":"text", or "name":null when the text is empty. */
void write_or_null(struct sbuf *out, const char *name, const char *text);
/* The same with a time; empty writes "name":"" unless null is asked for. */
void write_time(struct sbuf *out, const char *name, int64_t at_s, enum product_time form,
                bool null);

/* <name>text</name>, escaped. */
void write_element(struct sbuf *out, const char *name, const char *text);
void write_element_number(struct sbuf *out, const char *name, int64_t value);
void write_element_time(struct sbuf *out, const char *name, int64_t at_s, enum product_time form);

/* The value of a name in an x-www-form-urlencoded body; false when it is not there or too long. */
bool read_form(const char *body, const char *name, char *out, size_t size);
/* The text of the next element of this local name at or after *from, which is moved behind it.
 * Entities of XML itself are resolved. Enough for the requests of a client that writes plain XML.
 */
bool read_element(const char **from, const char *name, char *out, size_t size);

#endif
