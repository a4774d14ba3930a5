#include "base/csv.h"

#include <string.h>

#include "base/text.h"

void csv_init(struct csv *csv, const char *text, size_t len)
{
    csv->at = text;
    csv->end = text + len;
    csv->line = 1;
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        csv->at += 3;
    }
}

static bool at_line_end(const struct csv *csv)
{
    return csv->at == csv->end || *csv->at == '\n';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct csv *csv)
{
    while (csv->at < csv->end && is_blank(*csv->at)) {
        csv->at++;
    }
}

static void skip_line(struct csv *csv)
{
    while (!at_line_end(csv)) {
        csv->at++;
    }
    if (csv->at < csv->end) {
        csv->at++;
        csv->line++;
    }
}

/* The takers return NULL or what is wrong. */
static const char *take_quoted(struct csv *csv, char *out)
{
    size_t n = 0;

    csv->at++;
    for (;;) {
        char c;

        if (csv->at == csv->end) {
            return "a quote is not closed";
        }
        c = *csv->at;
        if (c == '"') {
            csv->at++;
            if (csv->at == csv->end || *csv->at != '"') {
                break;
            }
        }
        if (n == CSV_FIELD_SIZE - 1) {
            return "a value is too long, or a quote is not closed";
        }
        csv->line += c == '\n';
        out[n] = c;
        n++;
        csv->at++;
    }
    skip_blanks(csv);
    if (!at_line_end(csv) && *csv->at != ',') {
        return "text after a closing quote";
    }
    out[n] = '\0';
    return text_is_utf8(out, n) ? NULL : "not UTF-8";
}

static const char *take_plain(struct csv *csv, char *out)
{
    const char *begin = csv->at;
    size_t n;

    while (!at_line_end(csv) && *csv->at != ',') {
        csv->at++;
    }
    n = (size_t)(csv->at - begin);
    while (n > 0 && is_blank(begin[n - 1])) {
        n--;
    }
    if (n > CSV_FIELD_SIZE - 1) {
        return "a value is too long";
    }
    memcpy(out, begin, n);
    out[n] = '\0';
    return text_is_utf8(out, n) ? NULL : "not UTF-8";
}

static const char *take_row(struct csv *csv, struct csv_row *row)
{
    row->n = 0;
    for (;;) {
        const char *fault;

        if (row->n == CSV_MAX_COLUMNS) {
            return "too many columns";
        }
        skip_blanks(csv);
        if (csv->at < csv->end && *csv->at == '"') {
            fault = take_quoted(csv, row->text[row->n]);
        } else {
            fault = take_plain(csv, row->text[row->n]);
        }
        if (fault != NULL) {
            return fault;
        }
        row->n++;
        if (at_line_end(csv)) {
            skip_line(csv);
            return NULL;
        }
        csv->at++; /* the comma */
    }
}

int csv_next(struct csv *csv, struct csv_row *row, const char **fault)
{
    const char *begin;

    for (;;) {
        begin = csv->at;
        if (begin == csv->end) {
            return ERR_NOTFOUND;
        }
        skip_blanks(csv);
        if (!at_line_end(csv) && *begin != '#') {
            break;
        }
        skip_line(csv);
    }
    row->line = csv->line;
    csv->at = begin;
    *fault = take_row(csv, row);
    if (*fault != NULL) {
        /* An open quote may have eaten the lines below: go on behind the first line of the row. */
        csv->at = begin;
        csv->line = row->line;
        skip_line(csv);
        return ERR_FORMAT;
    }
    return 0;
}
