#include "codec/web_page.h"

#include <string.h>
#include <strings.h>

#define LOOK_BYTES ((size_t)65536) /* what stands in front of the first tag is not longer */

static const char *const tags[] = {
    "!doctype html", "html",   "head",   "body",     "title",  "meta",     "link",
    "base",          "style",  "script", "noscript", "iframe", "frameset", "div",
    "form",          "center", "table",  "h1",       "h2",     "p",        "font"};

static bool begins(const char *at, const char *end, const char *with)
{
    size_t n = strlen(with);

    return (size_t)(end - at) >= n && strncasecmp(at, with, n) == 0;
}

/* Behind "-->" or "?>"; NULL when it does not end. */
static const char *behind(const char *at, const char *end, const char *close)
{
    const char *found = memmem(at, (size_t)(end - at), close, strlen(close));

    return found != NULL ? found + strlen(close) : NULL;
}

static bool is_tag(const char *at, const char *end)
{
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        size_t n = strlen(tags[i]);

        if ((size_t)(end - at) > n && begins(at, end, tags[i]) &&
            memchr(" \t\r\n/>", at[n], 6) != NULL) {
            return true;
        }
    }
    return false;
}

bool web_page_look(const char *bytes, size_t n)
{
    const char *at = bytes;
    const char *end = bytes + (n < LOOK_BYTES ? n : LOOK_BYTES);

    at += begins(at, end, "\xef\xbb\xbf") ? 3 : 0;
    while (at != NULL && at < end) {
        if (memchr(" \t\r\n\f", *at, 5) != NULL) {
            at++;
        } else if (begins(at, end, "<!--")) {
            at = behind(at + 4, end, "-->");
        } else if (begins(at, end, "<?")) {
            at = behind(at + 2, end, "?>");
        } else {
            return *at == '<' && is_tag(at + 1, end);
        }
    }
    return false;
}
