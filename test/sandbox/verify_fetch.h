/* verify_fetch: lines of a sandbox's page, over HTTP (libcurl), a window at a time. One thread. */
#ifndef VERIFY_FETCH_H
#define VERIFY_FETCH_H

#include <stddef.h>

/* Reads http://HOST:PORT<path> of the sandbox at url (whatever path url has) and calls
 * on_line(line, len, arg) for each line, its end left out. on_line returns 0 to go on. *lines
 * counts them. 0, -1 with the reason on standard error, or what on_line returned. */
int fetch_lines(const char *url, const char *path,
                int (*on_line)(char *line, size_t len, void *arg), void *arg, size_t *lines);

#endif
