#include "domain/table.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "domain/vntime.h"

#define FAULTS_MAX 20

static int read_all(int fd, const char *path, size_t max, struct buf *out, struct errmsg *msg)
{
    char chunk[16384];
    size_t n = 0;

    do {
        if (file_fill(fd, chunk, sizeof(chunk), &n) != 0) {
            return err_set(msg, file_error(errno), "%s: %s", path, strerror(errno));
        }
        buf_put(out, chunk, n);
    } while (n > 0 && buf_error(out) == 0);
    if (buf_error(out) == ERR_TOOBIG) {
        return err_set(msg, ERR_TOOBIG, "%s: larger than %zu bytes", path, max);
    }
    return buf_error(out) == 0
               ? 0
               : err_set(msg, buf_error(out), "%s: %s", path, err_text(buf_error(out)));
}

int table_load(const char *path, size_t max, struct buf *out, struct errmsg *msg)
{
    struct stat st;
    int err;
    int fd;

    buf_init(out, max);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe must not hang us */
    if (fd < 0) {
        return err_set(msg, file_error(errno), "%s: %s", path, strerror(errno));
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        err = err_set(msg, ERR_INVAL, "%s: not a regular file", path);
    } else {
        err = read_all(fd, path, max, out, msg);
    }
    (void)close(fd); /* only read from */
    return err;
}

size_t table_lines(const char *text, size_t len)
{
    size_t lines = 1;

    for (size_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

void table_init(struct table *t, const char *path, const struct table_column *columns,
                size_t n_columns)
{
    assert(n_columns <= CSV_MAX_COLUMNS);
    memset(t, 0, sizeof(*t));
    t->path = path;
    t->columns = columns;
    t->n_columns = n_columns;
}

void table_fault(struct table *t, unsigned line, const char *format, ...)
{
    char what[256];
    size_t used = strlen(t->faults.text);
    size_t room = sizeof(t->faults.text) - sizeof("\nand 4294967295 more") - used;
    va_list args;
    int n;

    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (t->shown == FAULTS_MAX || t->more > 0) {
        t->more++;
        return;
    }
    n = snprintf(t->faults.text + used, room, "%s%s:%u: %s", used > 0 ? "\n" : "", t->path, line,
                 what);
    if (used > 0 && (n < 0 || (size_t)n >= room)) {
        t->faults.text[used] = '\0';
        t->more++;
        return;
    }
    t->shown++;
}

struct table_shown table_show(const char *value)
{
    struct table_shown s;

    text_printable(value, strlen(value), s.text, sizeof(s.text));
    return s;
}

const char *table_field(const struct table *t, size_t column)
{
    return t->at[column] > 0 ? t->fields.text[t->at[column] - 1] : "";
}

bool table_date(struct table *t, size_t column, int64_t *out_s)
{
    const char *text = table_field(t, column);

    if (*text == '\0' || vntime_parse(text, "yyyy-MM-dd", out_s) == 0) {
        return true;
    }
    table_fault(t, t->fields.line, "%s \"%s\" is no date; write it as 2025-07-01 or leave it empty",
                t->columns[column].name, table_show(text).text);
    return false;
}

static void read_header(struct table *t)
{
    unsigned line = t->fields.line;

    t->width = t->fields.n;
    for (size_t i = 0; i < t->fields.n; i++) {
        const char *name = t->fields.text[i];
        size_t c = 0;

        while (c < t->n_columns &&
               (t->columns[c].name == NULL || strcmp(t->columns[c].name, name) != 0)) {
            c++;
        }
        if (c == t->n_columns) {
            table_fault(t, line, "unknown column \"%s\"; remove or rename it",
                        table_show(name).text);
        } else if (t->at[c] > 0) {
            table_fault(t, line, "column \"%s\" stands twice; remove one", name);
        } else {
            t->at[c] = i + 1;
        }
    }
    for (size_t c = 0; c < t->n_columns; c++) {
        if (t->columns[c].required && t->at[c] == 0) {
            table_fault(t, line, "column \"%s\" is missing; add it to the header line",
                        t->columns[c].name);
        }
    }
}

int table_read(struct table *t, const char *text, size_t len, int (*row)(void *ctx), void *ctx)
{
    bool header = false;
    int told = 0;

    csv_init(&t->csv, text, len);
    while (told == 0) {
        const char *why = NULL;
        int err = csv_next(&t->csv, &t->fields, &why);

        if (err == ERR_NOTFOUND) {
            break;
        }
        if (err != 0) {
            table_fault(t, t->fields.line, "%s; correct the line", why);
        } else if (!header) {
            read_header(t);
        } else if (t->fields.n != t->width) {
            table_fault(t, t->fields.line, "%zu values for %zu columns; add or remove commas",
                        t->fields.n, t->width);
        } else {
            told = row(ctx);
        }
        if (!header && t->shown > 0) {
            return 0; /* without its columns no row means anything */
        }
        header = true;
    }
    if (!header) {
        table_fault(t, t->csv.line,
                    "the file has no header line; begin it with the names of the columns");
    }
    return told;
}

int table_end(const struct table *t, struct errmsg *msg)
{
    if (t->more > 0) {
        return err_set(msg, ERR_CONFIG, "%s\nand %u more", t->faults.text, t->more);
    }
    return t->shown > 0 ? err_set(msg, ERR_CONFIG, "%s", t->faults.text) : 0;
}
