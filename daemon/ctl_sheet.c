#include "daemon/ctl_sheet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl_text.h"
#include "domain/vntime.h"

#define TIME_SIZE 32

int ctl_sheet_format(struct ctl *c, enum sheet_format *out)
{
    const char *word = c->options[CTL_FORMAT];

    *out = c->json ? SHEET_JSON : SHEET_TEXT;
    if (word != NULL && sheet_format_find(word, out) != 0) {
        return ctl_complain(CTL_USAGE, "--format %s: text, csv, json and html are known", word);
    }
    if (word != NULL && c->json && *out != SHEET_JSON) {
        return ctl_complain(CTL_USAGE, "--json and --format %s contradict each other", word);
    }
    return CTL_OK;
}

int ctl_sheet_print(struct sheet *s, int exit_code)
{
    struct buf *out = s->out;
    int err = sheet_end(s);

    if (err < 0) {
        buf_free(out);
        return ctl_complain(CTL_UNKNOWN, "the report can't be written: %s", err_text(err));
    }
    return ctl_print(out, exit_code);
}

int ctl_sheet_drop(struct sheet *s, int exit_code)
{
    struct buf *out = s->out;
    int err = sheet_end(s);

    buf_free(out);
    return err < 0 && exit_code == CTL_OK ? CTL_UNKNOWN : exit_code;
}

/* Complete, or not there: it is written beside the file, under a name of this process, and put in
 * its place. */
static int write_file(const char *path, const struct buf *out)
{
    char part[4096];
    int length = snprintf(part, sizeof(part), "%s.%ld.part", path, (long)getpid());
    FILE *file = NULL;
    int number = ENAMETOOLONG;
    bool fine;

    if (length > 0 && (size_t)length < sizeof(part)) {
        file = fopen(part, "wxe");
        number = errno;
    }
    if (file == NULL) {
        return ctl_complain(CTL_UNKNOWN, "%s: %s", part, strerror(number));
    }
    fine = fwrite(out->data, 1, out->len, file) == out->len;
    number = errno;
    if (fclose(file) != 0 && fine) {
        fine = false;
        number = errno;
    }
    if (!fine) {
        (void)unlink(part);
        return ctl_complain(CTL_UNKNOWN, "%s: %s", part, strerror(number));
    }
    if (rename(part, path) != 0) {
        number = errno;
        (void)unlink(part);
        return ctl_complain(CTL_UNKNOWN, "%s: %s", path, strerror(number));
    }
    return CTL_OK;
}

int ctl_sheet_output(struct ctl *c, struct sheet *s, int exit_code)
{
    const char *path = c->options[CTL_OUTPUT];
    struct buf *out = s->out;
    int written;
    int err;

    if (path == NULL) {
        return ctl_sheet_print(s, exit_code);
    }
    err = sheet_end(s);
    written = err == 0
                  ? write_file(path, out)
                  : ctl_complain(CTL_UNKNOWN, "the report can't be written: %s", err_text(err));
    buf_free(out);
    return written != CTL_OK ? written : exit_code;
}

int ctl_sheet_failed(int err, const struct errmsg *msg)
{
    return ctl_complain(err == ERR_CORRUPT ? CTL_CRITICAL : CTL_UNKNOWN, "%s", msg->text);
}

/* Whether people read it, and no program. */
static bool for_people(const struct sheet *s)
{
    return s->format == SHEET_TEXT || s->format == SHEET_HTML;
}

void ctl_sheet_age(struct sheet *s, uint64_t age_s)
{
    char text[CTL_AGE_SIZE];

    if (for_people(s)) {
        ctl_age(age_s, text);
        sheet_text(s, text);
    } else {
        sheet_number(s, (int64_t)age_s);
    }
}

/* out: "" for 0. */
static void write_time(const struct sheet *s, int64_t at_s, char out[TIME_SIZE])
{
    out[0] = '\0';
    if (at_s != 0 && for_people(s)) {
        ctl_time(at_s, out);
    } else if (at_s != 0) {
        vntime_format_rfc3339(at_s, out, TIME_SIZE);
    }
}

void ctl_sheet_time(struct sheet *s, int64_t at_s)
{
    char text[TIME_SIZE];

    write_time(s, at_s, text);
    sheet_text(s, at_s != 0 ? text : NULL);
}

void ctl_sheet_fact_time(struct sheet *s, const char *name, const char *title, int64_t at_s,
                         const char *none)
{
    char text[TIME_SIZE];

    write_time(s, at_s, text);
    sheet_fact(s, name, title, at_s == 0 && for_people(s) ? none : text);
}
