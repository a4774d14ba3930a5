#include "sandbox/csv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *csv_read_file(const char *path, size_t max_bytes, size_t *len)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    char *text = NULL;

    if (f == NULL) {
        return NULL;
    }
    if (fstat(fileno(f), &st) != 0) {
        goto out;
    }
    if (st.st_size < 0 || (size_t)st.st_size > max_bytes) {
        errno = EFBIG;
        goto out;
    }
    text = (char *)malloc((size_t)st.st_size + 1);
    if (text != NULL) {
        *len = fread(text, 1, (size_t)st.st_size, f);
        text[*len] = '\0';
    }
out:
    fclose(f);
    return text;
}

/* Takes the cell at *p, unquotes it in place and leaves *p on the next one. Returns the byte that
 * ended it: ',', '\n' or 0. */
static char take_cell(char **p, const char **cell)
{
    char *from = *p;
    char *to = from;
    char end;

    *cell = from;
    if (*from == '"') {
        from++;
        while (*from != '\0' && !(*from == '"' && from[1] != '"')) {
            from += *from == '"' ? 1 : 0;
            *to++ = *from++;
        }
        from += *from == '"' ? 1 : 0;
    }
    while (*from != ',' && *from != '\n' && *from != '\0') {
        if (*from != '\r') {
            *to++ = *from;
        }
        from++;
    }
    end = *from;
    *p = end == '\0' ? from : from + 1;
    *to = '\0';
    return end;
}

/* Takes one line of at most n cells; further ones are passed over. Returns how many there were. */
static size_t take_row(char **p, const char **cells, size_t n)
{
    const char *spare;
    size_t count = 0;
    char end = ',';

    while (end == ',') {
        end = take_cell(p, count < n ? &cells[count] : &spare);
        count++;
    }
    return count;
}

static size_t count_lines(const char *text)
{
    size_t n = 1;

    for (const char *p = strchr(text, '\n'); p != NULL; p = strchr(p + 1, '\n')) {
        n++;
    }
    return n;
}

int csv_load(struct csv *csv, const char *path)
{
    size_t len = 0;
    size_t lines;
    char *p;

    memset(csv, 0, sizeof *csv);
    csv->text = csv_read_file(path, CSV_FILE_MAX, &len);
    if (csv->text == NULL) {
        fprintf(stderr, "can't read %s: %s\n", path, strerror(errno));
        return -1;
    }
    lines = count_lines(csv->text);
    p = csv->text;
    csv->columns = take_row(&p, csv->names, CSV_COLUMNS_MAX);
    if (csv->columns > CSV_COLUMNS_MAX) {
        fprintf(stderr, "%s has more than %d columns\n", path, CSV_COLUMNS_MAX);
        csv_free(csv);
        return -1;
    }
    csv->cells = (const char **)calloc(lines * csv->columns, sizeof *csv->cells);
    if (csv->cells == NULL) {
        csv_free(csv);
        return -1;
    }
    while (*p != '\0') {
        const char **row = csv->cells + csv->rows * csv->columns;

        if (*p == '\n' || *p == '\r') {
            p++;
            continue;
        }
        (void)take_row(&p, row, csv->columns);
        csv->rows++;
    }
    return 0;
}

void csv_free(struct csv *csv)
{
    free(csv->text);
    free((void *)csv->cells);
    memset(csv, 0, sizeof *csv);
}

int csv_column(const struct csv *csv, const char *name)
{
    for (size_t i = 0; i < csv->columns; i++) {
        if (strcmp(csv->names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *csv_cell(const struct csv *csv, size_t row, int column)
{
    const char *cell = column >= 0 ? csv->cells[row * csv->columns + (size_t)column] : NULL;

    return cell != NULL ? cell : "";
}
