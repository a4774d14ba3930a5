#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[ERR_COUNT] = {
#define X(name, text) [ERR_ORDINAL_##name] = text,
    ERR_LIST(X)
#undef X
};

const char *err_text(int err)
{
    if (err == ERR_OK) {
        return "no error";
    }
    if (err > 0 || err < -(int)ERR_COUNT) {
        return "unknown error";
    }
    return texts[-1 - err];
}

bool err_passes(int err)
{
    return err == ERR_NOMEM || err == ERR_IO || err == ERR_FULL;
}

/* Takes away the beginning of a character that vsnprintf cut in two. */
static void drop_broken_tail(char *text)
{
    size_t len = strlen(text);
    size_t start = len;
    size_t need = 1;
    unsigned char lead;

    while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start == 0) {
        return;
    }
    start--;
    lead = (unsigned char)text[start];
    if (lead >= 0xF0) {
        need = 4;
    } else if (lead >= 0xE0) {
        need = 3;
    } else if (lead >= 0xC0) {
        need = 2;
    }
    if (len - start < need) {
        text[start] = '\0';
    }
}

__attribute__((format(printf, 2, 0))) static void format_into(struct errmsg *out,
                                                              const char *format, va_list args)
{
    int n = vsnprintf(out->text, sizeof(out->text), format, args);

    if (n < 0) {
        out->text[0] = '\0';
    } else if ((size_t)n >= sizeof(out->text)) {
        drop_broken_tail(out->text);
    }
}

int err_set(struct errmsg *msg, int err, const char *format, ...)
{
    struct errmsg fresh; /* the arguments may point into msg */
    va_list args;

    if (msg == NULL) {
        return err;
    }
    va_start(args, format);
    format_into(&fresh, format, args);
    va_end(args);
    memcpy(msg->text, fresh.text, strlen(fresh.text) + 1);
    return err;
}

int err_wrap(struct errmsg *msg, int err, const char *format, ...)
{
    struct errmsg noun;
    struct errmsg below;
    va_list args;

    if (msg == NULL) {
        return err;
    }
    va_start(args, format);
    format_into(&noun, format, args);
    va_end(args);
    below = *msg;
    return err_set(msg, err, "%s: %s", noun.text,
                   below.text[0] != '\0' ? below.text : err_text(err));
}
