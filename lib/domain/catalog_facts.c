#include "domain/catalog_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/csv.h"
#include "base/file.h"
#include "base/text.h"
#include "domain/codes.h"
#include "domain/vntime.h"

#define FILE_MAX ((size_t)8 << 20)
#define ROWS_MAX ((size_t)100000)
#define FAULTS_MAX 20

enum column {
    COLUMN_CODE,
    COLUMN_SIDE,
    COLUMN_NO,
    COLUMN_DATE,
    COLUMN_DECENTRALISED,
    COLUMN_INDEPENDENT,
    COLUMN_PROCESS,
    COLUMN_EFORM,
    COLUMN_OWN,
    COLUMNS
};

static const char *const column_names[COLUMNS] = {
    [COLUMN_CODE] = "code",
    [COLUMN_SIDE] = "side",
    [COLUMN_NO] = "decision_no",
    [COLUMN_DATE] = "decision_date",
    [COLUMN_DECENTRALISED] = "decentralised",
    [COLUMN_INDEPENDENT] = "independent",
    [COLUMN_PROCESS] = "process",
    [COLUMN_EFORM] = "eform",
    [COLUMN_OWN] = "own",
};

struct catalog_facts {
    struct arena arena;
    struct catalog_fact *rows; /* owned; by code and side */
    size_t n, capacity;
};

struct reading {
    struct catalog_facts *facts;
    const char *path;
    struct csv csv;
    struct csv_row fields;
    size_t at[COLUMNS]; /* index in fields plus one; 0 when the file has no such column */
    size_t n_columns;
    struct errmsg faults;
    unsigned shown, more;
    int err; /* the first failure that is no fault of the file */
};

__attribute__((format(printf, 3, 4))) static void fault(struct reading *r, unsigned line,
                                                        const char *format, ...)
{
    char what[256];
    size_t used = strlen(r->faults.text);
    size_t room = sizeof(r->faults.text) - sizeof("\nand 4294967295 more") - used;
    va_list args;
    int n;

    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (r->shown == FAULTS_MAX || r->more > 0) {
        r->more++;
        return;
    }
    n = snprintf(r->faults.text + used, room, "%s%s:%u: %s", used > 0 ? "\n" : "", r->path, line,
                 what);
    if (used > 0 && (n < 0 || (size_t)n >= room)) {
        r->faults.text[used] = '\0';
        r->more++;
        return;
    }
    r->shown++;
}

static const char *field(const struct reading *r, enum column column)
{
    return r->at[column] > 0 ? r->fields.text[r->at[column] - 1] : "";
}

/* A value of the file, fit for a message. */
static const char *shown(const char *value, char out[48])
{
    text_printable(value, strlen(value), out, 48);
    return out;
}

static void read_header(struct reading *r)
{
    char text[48];

    r->n_columns = r->fields.n;
    for (size_t i = 0; i < r->fields.n; i++) {
        unsigned column = 0;

        while (column < COLUMNS && strcmp(column_names[column], r->fields.text[i]) != 0) {
            column++;
        }
        if (column == COLUMNS) {
            fault(r, r->fields.line, "unknown column \"%s\"; remove or rename it",
                  shown(r->fields.text[i], text));
        } else if (r->at[column] > 0) {
            fault(r, r->fields.line, "column \"%s\" stands twice; remove one",
                  column_names[column]);
        } else {
            r->at[column] = i + 1;
        }
    }
    for (unsigned column = COLUMN_CODE; column <= COLUMN_SIDE; column++) {
        if (r->at[column] == 0) {
            fault(r, r->fields.line, "column \"%s\" is missing; add it to the header line",
                  column_names[column]);
        }
    }
}

static bool read_answer(struct reading *r, enum column column, enum facts_answer *out)
{
    static const char *const words[] = {
        [FACTS_UNSAID] = "", [FACTS_NO] = "no", [FACTS_YES] = "yes"};
    const char *value = field(r, column);
    char text[48];

    for (unsigned i = FACTS_UNSAID; i <= FACTS_YES; i++) {
        if (strcmp(words[i], value) == 0) {
            *out = (enum facts_answer)i;
            return true;
        }
    }
    fault(r, r->fields.line, "%s \"%s\" is not valid; write yes or no, or leave it empty",
          column_names[column], shown(value, text));
    return false;
}

static bool read_side(struct reading *r, enum facts_side *out)
{
    const char *value = field(r, COLUMN_SIDE);
    char text[48];

    if (strcmp(value, "portal") == 0 || strcmp(value, "local") == 0) {
        *out = value[0] == 'p' ? FACTS_PORTAL : FACTS_LOCAL;
        return true;
    }
    fault(r, r->fields.line, "side \"%s\" is not valid; write portal or local", shown(value, text));
    return false;
}

static bool read_code(struct reading *r, const struct catalog_fact *row)
{
    const char *code = field(r, COLUMN_CODE);
    bool own = row->side == FACTS_LOCAL && row->own == FACTS_YES;
    char text[48];

    if (own && code[0] != '\0' && strlen(code) < CODE_MAX) {
        return true; /* its own code, of no national grammar */
    }
    if (!own && code_is_procedure(code)) {
        return true;
    }
    fault(r, r->fields.line, "code \"%s\" is not valid; it must be a procedure code like 1.001193",
          shown(code, text));
    return false;
}

static bool read_values(struct reading *r, struct catalog_fact *row)
{
    const struct {
        enum column column;
        enum facts_answer *out;
    } answers[] = {
        {COLUMN_DECENTRALISED, &row->decentralised},
        {COLUMN_INDEPENDENT, &row->independent},
        {COLUMN_PROCESS, &row->process},
        {COLUMN_EFORM, &row->eform},
        {COLUMN_OWN, &row->own},
    };
    bool good = read_side(r, &row->side);
    const char *date = field(r, COLUMN_DATE);
    char text[48];

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        good = read_answer(r, answers[i].column, answers[i].out) && good;
    }
    if (good && row->side == FACTS_PORTAL && row->own != FACTS_UNSAID) {
        fault(r, row->line, "own is about the local side; leave it empty here");
        good = false;
    }
    if (vntime_parse(date, "yyyy-MM-dd", &row->decision_s) != 0) {
        fault(r, row->line,
              "decision_date \"%s\" is no date; write it as 2025-07-01 or leave it empty",
              shown(date, text));
        good = false;
    }
    return good && read_code(r, row);
}

static int grow(struct catalog_facts *facts)
{
    size_t capacity = facts->capacity == 0 ? 1024 : 2 * facts->capacity;
    struct catalog_fact *rows;

    if (facts->n == ROWS_MAX) {
        return ERR_TOOBIG;
    }
    if (facts->n < facts->capacity) {
        return 0;
    }
    rows = realloc(facts->rows, capacity * sizeof(*rows));
    if (rows == NULL) {
        return ERR_NOMEM;
    }
    facts->rows = rows;
    facts->capacity = capacity;
    return 0;
}

static void read_row(struct reading *r)
{
    struct catalog_fact row = {.line = r->fields.line};

    if (r->fields.n != r->n_columns) {
        fault(r, row.line, "%zu values for %zu columns; add or remove commas", r->fields.n,
              r->n_columns);
        return;
    }
    if (!read_values(r, &row)) {
        return;
    }
    row.code = arena_strdup(&r->facts->arena, field(r, COLUMN_CODE));
    row.decision_no = arena_strdup(&r->facts->arena, field(r, COLUMN_NO));
    r->err = row.code != NULL && row.decision_no != NULL ? grow(r->facts) : ERR_NOMEM;
    if (r->err == 0) {
        r->facts->rows[r->facts->n++] = row;
    }
}

static void read_rows(struct reading *r)
{
    bool header = false;

    while (r->err == 0) {
        const char *why = NULL;
        int err = csv_next(&r->csv, &r->fields, &why);

        if (err == ERR_NOTFOUND) {
            break;
        }
        if (err != 0) {
            fault(r, r->fields.line, "%s; correct the line", why);
        } else if (header) {
            read_row(r);
        } else {
            read_header(r);
        }
        if (!header && r->shown > 0) {
            return; /* without its columns no row means anything */
        }
        header = true;
    }
    if (!header && r->err == 0) {
        fault(r, r->csv.line,
              "the file has no header line; begin it with the names of the columns");
    }
}

static int compare(const void *left, const void *right)
{
    const struct catalog_fact *a = left;
    const struct catalog_fact *b = right;
    int order = strcmp(a->code, b->code);

    return order != 0 ? order : (int)a->side - (int)b->side;
}

static int by_line(const void *left, const void *right)
{
    const struct catalog_fact *a = left;
    const struct catalog_fact *b = right;
    int order = compare(a, b);

    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static void sort(struct reading *r)
{
    struct catalog_facts *facts = r->facts;

    if (facts->n > 0) {
        qsort(facts->rows, facts->n, sizeof(facts->rows[0]), by_line);
    }
    for (size_t i = 1; i < facts->n; i++) {
        if (compare(&facts->rows[i - 1], &facts->rows[i]) == 0) {
            fault(r, facts->rows[i].line, "code %s stands on line %u too for that side; remove one",
                  facts->rows[i].code, facts->rows[i - 1].line);
        }
    }
}

static int finish(struct reading *r, struct errmsg *msg)
{
    size_t used = strlen(r->faults.text);

    if (r->err != 0) {
        return err_set(msg, r->err, "%s: %s", r->path, err_text(r->err));
    }
    if (r->shown == 0) {
        return 0;
    }
    if (r->more > 0) {
        (void)snprintf(r->faults.text + used, sizeof(r->faults.text) - used, "\nand %u more",
                       r->more);
    }
    *msg = r->faults;
    return ERR_CONFIG;
}

int catalog_facts_parse(const char *path, const char *text, size_t len, struct catalog_facts **out,
                        struct errmsg *msg)
{
    struct reading *r = calloc(1, sizeof(*r));
    struct catalog_facts *facts = calloc(1, sizeof(*facts));
    int err;

    *out = NULL;
    if (r == NULL || facts == NULL || len > FILE_MAX) {
        err = len > FILE_MAX ? ERR_TOOBIG : ERR_NOMEM;
        free(r);
        free(facts);
        return err_set(msg, err, "%s: %s", path, err_text(err));
    }
    arena_init(&facts->arena, 4 * FILE_MAX);
    r->facts = facts;
    r->path = path;
    csv_init(&r->csv, text, len);
    read_rows(r);
    if (r->err == 0) {
        sort(r);
    }
    err = finish(r, msg);
    free(r);
    if (err != 0) {
        catalog_facts_free(facts);
        return err;
    }
    *out = facts;
    return 0;
}

static int read_all(int fd, const char *path, struct buf *out, struct errmsg *msg)
{
    char chunk[16384];
    size_t n = 0;

    do {
        if (file_fill(fd, chunk, sizeof(chunk), &n) != 0) {
            return err_set(msg, file_error(errno), "%s: %s", path, strerror(errno));
        }
        buf_put(out, chunk, n);
        if (buf_error(out) != 0) {
            return err_set(msg, buf_error(out), "%s: %s", path, err_text(buf_error(out)));
        }
    } while (n > 0);
    return 0;
}

int catalog_facts_load(const char *path, struct catalog_facts **out, struct errmsg *msg)
{
    struct stat st;
    struct buf text;
    int err;
    int fd;

    *out = NULL;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a named pipe must not hang us */
    if (fd < 0) {
        return err_set(msg, file_error(errno), "%s: %s", path, strerror(errno));
    }
    buf_init(&text, FILE_MAX);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        err = err_set(msg, ERR_INVAL, "%s: not a regular file", path);
    } else {
        err = read_all(fd, path, &text, msg);
    }
    (void)close(fd); /* only read from */
    if (err == 0) {
        err = catalog_facts_parse(path, buf_text(&text), text.len, out, msg);
    }
    buf_free(&text);
    return err;
}

void catalog_facts_free(struct catalog_facts *facts)
{
    if (facts != NULL) {
        free(facts->rows);
        arena_free(&facts->arena);
        free(facts);
    }
}

size_t catalog_facts_rows(const struct catalog_facts *facts)
{
    return facts->n;
}

const struct catalog_fact *catalog_facts_find(const struct catalog_facts *facts, const char *code,
                                              enum facts_side side)
{
    const struct catalog_fact wanted = {.code = code, .side = side};

    return facts != NULL && facts->n > 0
               ? bsearch(&wanted, facts->rows, facts->n, sizeof(facts->rows[0]), compare)
               : NULL;
}
