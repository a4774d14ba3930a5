/* web page: whether bytes that were meant to be a file begin as an HTML page does: a form to log
 * in, a word of regret. By the bytes alone, since servers send any content type with either.
 * Pure; any thread. */
#ifndef CODEC_WEB_PAGE_H
#define CODEC_WEB_PAGE_H

#include <stdbool.h>
#include <stddef.h>

/* Behind white space, an XML declaration and comments stands a tag that only pages begin with. */
bool web_page_look(const char *bytes, size_t n);

#endif
