#include "base/sheet_impl.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define BUFFERED_MAX (256u << 20) /* bytes of one table's cells; `out` has the caller's ceiling */

static const char *const format_words[] = {
    [SHEET_TEXT] = "text",
    [SHEET_CSV] = "csv",
    [SHEET_JSON] = "json",
    [SHEET_HTML] = "html",
};

int sheet_format_find(const char *word, enum sheet_format *out)
{
    for (size_t i = 0; i < sizeof(format_words) / sizeof(format_words[0]); i++) {
        if (strcmp(word, format_words[i]) == 0) {
            *out = (enum sheet_format)i;
            return 0;
        }
    }
    return ERR_NOTFOUND;
}

static void put_printable(struct buf *b, const char *text, size_t left)
{
    enum { PIECE = 64 };
    char piece[PIECE * 4 + 1]; /* a byte becomes 4 characters at most */

    while (left > 0) {
        size_t n = left < PIECE ? left : PIECE;

        while (n < left && n > PIECE - 4 && sheet_continues(text[n])) {
            n--; /* no character is cut in two */
        }
        text_printable(text, n, piece, sizeof(piece));
        buf_puts(b, piece);
        text += n;
        left -= n;
    }
}

void sheet_put_printable(struct buf *b, const char *text)
{
    put_printable(b, text, strlen(text));
}

/* ---- CSV ---- */

/* What follows begins a formula, for a program that takes a cell to begin here and drops blanks and
 * quotes at its front. */
static bool begins_formula(const char *text)
{
    text += strspn(text, " \"");
    return *text != '\0' && strchr("=+-@\t\r\n", *text) != NULL;
}

/* Where a program splits that takes another list separator for granted (Excel in Vietnam: ';'),
 * and does not see that the cell is quoted. */
static bool splits(char c)
{
    return c == ';' || c == '\t' || c == '\r' || c == '\n';
}

static void csv_quote(struct buf *b, const char *text, bool words)
{
    bool quoted =
        strpbrk(text, ",;\"\t\r\n") != NULL || text[0] == ' ' || (words && begins_formula(text));
    bool begins = true;

    if (!quoted) {
        buf_puts(b, text);
        return;
    }
    buf_putc(b, '"');
    for (; *text != '\0'; text++) {
        buf_puts(b, words && begins && begins_formula(text) ? "'" : "");
        buf_puts(b, *text == '"' ? "\"" : "");
        buf_putc(b, *text);
        begins = splits(*text);
    }
    buf_putc(b, '"');
}

/* Printable, but for tabs and line breaks: a file may be shown in a terminal. */
static void csv_field(struct buf *b, const char *text, bool words)
{
    struct buf clean;

    if (!words) { /* a number of ours */
        csv_quote(b, text, false);
        return;
    }
    buf_init(&clean, BUFFERED_MAX);
    while (*text != '\0') {
        size_t plain = strcspn(text, "\t\r\n");
        size_t breaks = strspn(text + plain, "\t\r\n");

        put_printable(&clean, text, plain);
        buf_put(&clean, text + plain, breaks);
        text += plain + breaks;
    }
    csv_quote(b, buf_text(&clean), true);
    b->error = b->error != 0 ? b->error : buf_error(&clean);
    buf_free(&clean);
}

static void csv_begin(struct sheet *s, const char *name, const char *title)
{
    buf_puts(s->out, "\xEF\xBB\xBFtable,name,value\r\ndocument,name,");
    csv_field(s->out, name, true);
    buf_puts(s->out, "\r\ndocument,title,");
    csv_field(s->out, title, true);
    buf_puts(s->out, "\r\n");
}

static void csv_fact(struct sheet *s, const char *name, const char *title, const char *text)
{
    (void)title;
    buf_printf(s->out, "document,%s,", name);
    csv_field(s->out, text, true);
    buf_puts(s->out, "\r\n");
}

static void csv_notes(struct sheet *s)
{
    buf_put(&s->told, buf_text(&s->notes), s->notes.len);
}

static void csv_table(struct sheet *s)
{
    const char *at = buf_text(&s->cells);

    buf_puts(s->out, "\r\ntable");
    for (size_t c = 0; c < s->n_columns; c++) {
        buf_putc(s->out, ',');
        csv_field(s->out, s->columns[c].name, true);
    }
    buf_puts(s->out, "\r\n");
    for (size_t i = 0; i < s->n_cells; i++) {
        struct sheet_cell cell = sheet_next_cell(&at);

        if (i % s->n_columns == 0) {
            csv_field(s->out, s->table, true);
        }
        buf_putc(s->out, ',');
        csv_field(s->out, cell.text, cell.kind == CELL_TEXT);
        buf_puts(s->out, (i + 1) % s->n_columns == 0 ? "\r\n" : "");
    }
    csv_notes(s);
}

static void csv_end(struct sheet *s)
{
    struct sheet_note_read n;
    size_t at = 0;

    buf_puts(s->out, s->told.len > 0 ? "\r\ntable,of,term,text\r\n" : "");
    while (sheet_next_note(&s->told, &at, &n)) {
        buf_puts(s->out, "note,");
        csv_field(s->out, n.table, true);
        buf_putc(s->out, ',');
        csv_field(s->out, n.term, true);
        buf_putc(s->out, ',');
        csv_field(s->out, n.text, true);
        buf_puts(s->out, "\r\n");
    }
}

/* ---- JSON ---- */

static void json_member(struct buf *b, const char *name, const char *text)
{
    buf_put_json(b, name);
    buf_putc(b, ':');
    buf_put_json(b, text);
}

static void json_begin(struct sheet *s, const char *name, const char *title)
{
    buf_putc(s->out, '{');
    json_member(s->out, "name", name);
    buf_putc(s->out, ',');
    json_member(s->out, "title", title);
    buf_puts(s->out, ",\"facts\":{");
}

static void json_fact(struct sheet *s, const char *name, const char *title, const char *text)
{
    (void)title;
    buf_puts(s->out, s->n_facts > 0 ? "," : "");
    json_member(s->out, name, text);
}

static void json_notes(struct sheet *s)
{
    struct sheet_note_read n;
    size_t at = 0;
    const char *comma = "";

    buf_puts(s->out, "\"notes\":[");
    while (sheet_next_note(&s->notes, &at, &n)) {
        buf_printf(s->out, "%s{", comma);
        json_member(s->out, "term", n.term);
        buf_putc(s->out, ',');
        json_member(s->out, "text", n.text);
        buf_putc(s->out, '}');
        comma = ",";
    }
    buf_putc(s->out, ']');
}

static void json_head_end(struct sheet *s)
{
    buf_puts(s->out, "},");
    json_notes(s);
    buf_puts(s->out, ",\"tables\":{");
}

static void json_rows(struct sheet *s)
{
    const char *at = buf_text(&s->cells);

    buf_puts(s->out, "\"rows\":[");
    for (size_t i = 0; i < s->n_cells; i++) {
        struct sheet_cell cell = sheet_next_cell(&at);
        size_t column = i % s->n_columns;

        buf_puts(s->out, column > 0 ? "," : i > 0 ? ",\n{" : "\n{");
        buf_put_json(s->out, s->columns[column].name);
        buf_putc(s->out, ':');
        if (cell.kind == CELL_TEXT) {
            buf_put_json(s->out, cell.text);
        } else {
            buf_puts(s->out, cell.kind == CELL_NUMBER ? cell.text : "null");
        }
        buf_puts(s->out, column + 1 == s->n_columns ? "}" : "");
    }
    buf_puts(s->out, "],");
}

static void json_table(struct sheet *s)
{
    buf_puts(s->out, s->n_tables > 1 ? "," : "");
    buf_put_json(s->out, s->table);
    buf_puts(s->out, ":{");
    json_member(s->out, "title", s->title);
    buf_puts(s->out, ",\"columns\":[");
    for (size_t c = 0; c < s->n_columns; c++) {
        buf_puts(s->out, c > 0 ? ",{" : "{");
        json_member(s->out, "name", s->columns[c].name);
        buf_putc(s->out, ',');
        json_member(s->out, "title", sheet_title_of(&s->columns[c]));
        buf_putc(s->out, '}');
    }
    buf_puts(s->out, "],");
    json_rows(s);
    json_notes(s);
    buf_putc(s->out, '}');
}

static void json_end(struct sheet *s)
{
    buf_puts(s->out, "}}\n");
}

/* ---- HTML ---- */

static const char html_style[] =
    "body{font:15px/1.4 sans-serif;margin:2em;color:#222}"
    "table{border-collapse:collapse;margin:.5em 0}"
    "th,td{border:1px solid #bbb;padding:.2em .6em;text-align:left;vertical-align:top}"
    "th{background:#eee}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "dl{color:#444;max-width:60em}dt{font-weight:bold}dd{margin:0 0 .4em 1.5em}";

static void html_element(struct buf *b, const char *tag, const char *text)
{
    buf_printf(b, "<%s>", tag);
    buf_put_xml(b, text);
    buf_printf(b, "</%s>\n", tag);
}

static void html_begin(struct sheet *s, const char *name, const char *title)
{
    (void)name;
    buf_printf(s->out,
               "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
               "<meta http-equiv=\"Content-Security-Policy\" "
               "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<style>%s</style>\n",
               html_style);
    html_element(s->out, "title", title);
    buf_puts(s->out, "</head><body>\n");
    html_element(s->out, "h1", title);
}

static void html_fact(struct sheet *s, const char *name, const char *title, const char *text)
{
    struct buf clean;

    (void)name;
    buf_init(&clean, BUFFERED_MAX);
    sheet_put_printable(&clean, text);
    buf_puts(s->out, "<div>");
    buf_put_xml(s->out, title);
    buf_puts(s->out, ": ");
    buf_put_xml(s->out, buf_text(&clean));
    buf_puts(s->out, "</div>\n");
    s->out->error = s->out->error != 0 ? s->out->error : buf_error(&clean);
    buf_free(&clean);
}

static void html_notes(struct sheet *s)
{
    struct sheet_note_read n;
    size_t at = 0;

    buf_puts(s->out, s->notes.len > 0 ? "<dl>\n" : "");
    while (sheet_next_note(&s->notes, &at, &n)) {
        if (n.term[0] != '\0') {
            html_element(s->out, "dt", n.term);
        }
        html_element(s->out, "dd", n.text);
    }
    buf_puts(s->out, s->notes.len > 0 ? "</dl>\n" : "");
}

static void html_cell(struct sheet *s, const char *tag, size_t column, const char *text)
{
    buf_printf(s->out, s->columns[column].type == SHEET_NUMBER ? "<%s class=\"n\">" : "<%s>", tag);
    buf_put_xml(s->out, text);
    buf_printf(s->out, "</%s>", tag);
}

static void html_table(struct sheet *s)
{
    const char *at = buf_text(&s->cells);

    buf_puts(s->out, "<section id=\"");
    buf_put_xml(s->out, s->table);
    buf_puts(s->out, "\">\n");
    html_element(s->out, "h2", s->title);
    buf_puts(s->out, "<table><thead><tr>");
    for (size_t c = 0; c < s->n_columns; c++) {
        html_cell(s, "th", c, sheet_title_of(&s->columns[c]));
    }
    buf_puts(s->out, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < s->n_cells; i++) {
        struct sheet_cell cell = sheet_next_cell(&at);

        buf_puts(s->out, i % s->n_columns == 0 ? "<tr>" : "");
        html_cell(s, "td", i % s->n_columns, cell.text);
        buf_puts(s->out, (i + 1) % s->n_columns == 0 ? "</tr>\n" : "");
    }
    buf_puts(s->out, "</tbody></table>\n");
    html_notes(s);
    buf_puts(s->out, "</section>\n");
}

static void html_end(struct sheet *s)
{
    buf_puts(s->out, "</body></html>\n");
}

/* ---- the document ---- */

static const struct sheet_writer csv_writer = {csv_begin, csv_fact, csv_notes,
                                               csv_table, csv_end,  false};
static const struct sheet_writer json_writer = {json_begin, json_fact, json_head_end,
                                                json_table, json_end,  false};
static const struct sheet_writer html_writer = {html_begin, html_fact, html_notes,
                                                html_table, html_end,  true};

static const struct sheet_writer *const formats[] = {
    [SHEET_TEXT] = &sheet_text_writer,
    [SHEET_CSV] = &csv_writer,
    [SHEET_JSON] = &json_writer,
    [SHEET_HTML] = &html_writer,
};

/* Writes what was begun: the head or a table. */
static void flush(struct sheet *s)
{
    if (s->in_tables) {
        assert(s->cells.error != 0 || s->n_cells % s->n_columns == 0);
        formats[s->format]->table(s);
    } else {
        formats[s->format]->head_end(s);
    }
    s->in_tables = true;
    if (s->out->error == 0) {
        s->out->error = s->cells.error != 0 ? s->cells.error : s->notes.error;
    }
    buf_clear(&s->cells);
    buf_clear(&s->notes);
    s->n_cells = 0;
}

void sheet_begin(struct sheet *s, enum sheet_format format, const char *name, const char *title,
                 struct buf *out)
{
    memset(s, 0, sizeof(*s));
    s->out = out;
    s->format = format;
    buf_init(&s->cells, BUFFERED_MAX);
    buf_init(&s->notes, BUFFERED_MAX);
    buf_init(&s->told, BUFFERED_MAX);
    formats[format]->begin(s, name, title);
}

void sheet_fact(struct sheet *s, const char *name, const char *title, const char *text)
{
    assert(!s->in_tables);
    formats[s->format]->fact(s, name, title, text);
    s->n_facts++;
}

void sheet_fact_number(struct sheet *s, const char *name, const char *title, int64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%lld", (long long)number);
    sheet_fact(s, name, title, text);
}

void sheet_table(struct sheet *s, const char *name, const char *title,
                 const struct sheet_column *columns, size_t n_columns)
{
    assert(n_columns > 0 && n_columns <= SHEET_COLUMNS_MAX);
    flush(s);
    s->table = name;
    s->title = title;
    s->columns = columns;
    s->n_columns = n_columns;
    s->n_tables++;
}

static void put_terminated(const struct sheet *s, struct buf *b, const char *text)
{
    if (formats[s->format]->printable) {
        sheet_put_printable(b, text);
    } else {
        buf_puts(b, text);
    }
    buf_putc(b, '\0');
}

static void put_cell(struct sheet *s, char kind, const char *text)
{
    assert(s->n_tables > 0);
    buf_putc(&s->cells, kind);
    put_terminated(s, &s->cells, text);
    s->n_cells += s->cells.error == 0;
}

void sheet_text(struct sheet *s, const char *text)
{
    if (text == NULL) {
        sheet_empty(s);
    } else {
        put_cell(s, CELL_TEXT, text);
    }
}

void sheet_number(struct sheet *s, int64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%lld", (long long)number);
    put_cell(s, CELL_NUMBER, text);
}

void sheet_percent(struct sheet *s, int64_t numerator, int64_t denominator)
{
    char text[32];
    int64_t tenths = denominator > 0 ? numerator * 1000 / denominator : 0;

    (void)snprintf(text, sizeof(text), "%lld.%lld", (long long)(tenths / 10),
                   (long long)(tenths % 10));
    put_cell(s, denominator > 0 ? CELL_NUMBER : CELL_EMPTY, denominator > 0 ? text : "");
}

void sheet_empty(struct sheet *s)
{
    put_cell(s, CELL_EMPTY, "");
}

void sheet_note(struct sheet *s, const char *term, const char *text)
{
    put_terminated(s, &s->notes, s->n_tables > 0 ? s->table : "");
    put_terminated(s, &s->notes, term);
    put_terminated(s, &s->notes, text);
}

int sheet_end(struct sheet *s)
{
    flush(s);
    formats[s->format]->end(s);
    if (s->out->error == 0) {
        s->out->error = s->told.error;
    }
    buf_free(&s->cells);
    buf_free(&s->notes);
    buf_free(&s->told);
    return buf_error(s->out);
}
