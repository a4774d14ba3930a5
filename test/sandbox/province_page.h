/* province_page: lists and records written as JSON or XML, the two forms of OpenCPS.
 *
 * JSON: {"total":2,"data":[{...},{...}]}; XML: <data><total>2</total><data>...</data>...</data>,
 * root and rows of the same name, no namespace (provincial-systems.md 1.1). One thread. */
#ifndef PROVINCE_PAGE_H
#define PROVINCE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/sbuf.h"

struct page {
    struct sbuf *out; /* borrowed */
    bool xml;
};

void page_list_begin(struct page *p, size_t total);
void page_list_end(struct page *p);
/* A row of a list. */
void page_row_begin(struct page *p);
void page_row_end(struct page *p);
/* A record by itself: in XML the whole document. */
void page_record_begin(struct page *p);
void page_record_end(struct page *p);

void page_text(struct page *p, const char *name, const char *value);
void page_number(struct page *p, const char *name, int64_t value);
void page_flag(struct page *p, const char *name, bool value);
/* dd/MM/yyyy HH:mm:ss local time; "" for 0. */
void page_date(struct page *p, const char *name, int64_t at_s);

/* The form of page_date, or with compact yyyyMMddHHmmss. */
#define PAGE_DATE_SIZE 20
void page_date_text(int64_t at_s, bool compact, char out[PAGE_DATE_SIZE]);

#endif
