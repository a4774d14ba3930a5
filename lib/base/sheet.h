/* sheet: one document of named tables, written as text, CSV, JSON or HTML.
 *
 * Every report of the project is written through it, by dvcsyncctl and by the daemon. The caller
 * says what the tables hold, once; the format says how it looks:
 *
 *   text  titles, aligned columns, notes below each table; for a terminal. Titles of columns are
 *         broken over lines; words of more than 40 characters are cut ("..."), but for those of the
 *         last column
 *   CSV   RFC 4180 in UTF-8 with a byte order mark. One block a table, an empty line between
 *         blocks. Each row begins with its table's name, under the heading "table", so that one
 *         table is what grep finds. The first block, "document", holds the facts, the last, "note",
 *         the notes. A text that a spreadsheet would take for a formula begins with an apostrophe,
 *         and so does what follows a semicolon, tab or line break in it, where a spreadsheet may
 *         split that takes no comma for a separator. Control characters but tabs and line breaks,
 *         marks that turn the reading direction and broken UTF-8 are escaped (text_printable).
 *   JSON  one object: name, title, facts{name: text}, notes[], tables{name: {title, columns[],
 *         rows[{column: value}], notes[]}}
 *   HTML  one page that needs nothing else: no script, no address, everything escaped
 *
 * Order of the calls: begin, facts and notes of the whole, then for each table: table, its cells
 * row by row, notes of it; then end. Failures stick (memory, the ceiling of `out`) and are told by
 * sheet_end; calls in another order are bugs of the caller. Any thread, one at a time. */
#ifndef BASE_SHEET_H
#define BASE_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum sheet_format { SHEET_TEXT, SHEET_CSV, SHEET_JSON, SHEET_HTML };

/* "text", "csv", "json", "html"; ERR_NOTFOUND for any other word. */
MUST_CHECK int sheet_format_find(const char *word, enum sheet_format *out);

enum sheet_type { SHEET_WORDS, SHEET_NUMBER }; /* numbers stand to the right */

struct sheet_column {
    const char *name;  /* snake_case, for CSV and JSON */
    const char *title; /* for people; NULL: the name */
    enum sheet_type type;
};

#define SHEET_COLUMNS_MAX 32

/* Private but for its size. */
struct sheet {
    struct buf *out; /* borrowed */
    enum sheet_format format;
    bool in_tables;            /* the head is written */
    const char *table, *title; /* borrowed, NULL between tables */
    const struct sheet_column *columns;
    size_t n_columns;
    size_t n_cells; /* of the table */
    size_t n_tables;
    size_t n_facts;
    struct buf cells; /* of the table: each a byte for its kind, its text, NUL */
    struct buf notes; /* of the table, before the first of the whole: table, term, text, each NUL */
    struct buf told;  /* CSV: the notes that stand at the end, likewise */
};

/* Writes into out (borrowed until sheet_end), after what it holds; its ceiling is the document's.
 * name is snake_case ("report"), title for people. */
void sheet_begin(struct sheet *s, enum sheet_format format, const char *name, const char *title,
                 struct buf *out);
/* A fact of the whole document ("month", "Month", "2026-10"): before the first table. */
void sheet_fact(struct sheet *s, const char *name, const char *title, const char *text);
void sheet_fact_number(struct sheet *s, const char *name, const char *title, int64_t number);

/* Begins a table of 1 to SHEET_COLUMNS_MAX columns. Texts and columns are borrowed until the next
 * table or the end. A table without rows is written too. */
void sheet_table(struct sheet *s, const char *name, const char *title,
                 const struct sheet_column *columns, size_t n_columns);
/* The next cell; a row is full with its last column. Any column takes any kind of cell: a number
 * that is not told ("<5") is a text. NULL text is an empty cell. */
void sheet_text(struct sheet *s, const char *text);
void sheet_number(struct sheet *s, int64_t number);
/* Per cent with one decimal, cut and not rounded, so that 100.0 means all of them; empty when the
 * denominator is 0. Numerator and denominator belong into columns beside it. */
void sheet_percent(struct sheet *s, int64_t numerator, int64_t denominator);
void sheet_empty(struct sheet *s);

/* A definition or remark: on the table that was begun last, before the first table on the whole.
 * term may be "" (a remark), a column's name, or words. */
void sheet_note(struct sheet *s, const char *term, const char *text);

/* Writes what is left and frees; out holds the document. 0, ERR_NOMEM, ERR_TOOBIG. */
MUST_CHECK int sheet_end(struct sheet *s);

#endif
