/* sheet_text: a sheet for a terminal. */
#include "base/sheet_impl.h"
#include "base/text.h"

#define TEXT_WIDTH 100     /* characters of a line of notes */
#define TEXT_COLUMN_MAX 40 /* what is longer is cut, but in the last column */
#define TEXT_CUT "..."

static void text_pad(struct buf *b, size_t n)
{
    while (n-- > 0) {
        buf_putc(b, ' ');
    }
}

static void text_underline(struct buf *b, const char *title, char with)
{
    size_t n = text_length(title);

    buf_printf(b, "%s\n", title);
    while (n-- > 0) {
        buf_putc(b, with);
    }
    buf_putc(b, '\n');
}

static size_t width_of(const char *text, size_t bytes)
{
    size_t n = 0;

    for (size_t i = 0; i < bytes; i++) {
        n += !sheet_continues(text[i]);
    }
    return n;
}

/* Words in lines of TEXT_WIDTH, the later ones further in; the first stands at `column` already. */
static void text_wrap(struct buf *b, const char *text, size_t column)
{
    size_t first = column;

    while (*text != '\0') {
        size_t bytes = strcspn(text, " ");
        size_t width = width_of(text, bytes);

        if (column > first && column + 1 + width > TEXT_WIDTH) {
            buf_puts(b, "\n    ");
            column = 4;
            first = 4;
        } else if (column > first) {
            buf_putc(b, ' ');
            column++;
        }
        buf_put(b, text, bytes);
        column += width;
        text += bytes + strspn(text + bytes, " ");
    }
    buf_putc(b, '\n');
}

static void text_begin(struct sheet *s, const char *name, const char *title)
{
    (void)name;
    text_underline(s->out, title, '=');
}

static void text_fact(struct sheet *s, const char *name, const char *title, const char *text)
{
    (void)name;
    buf_printf(s->out, "%s: ", title);
    sheet_put_printable(s->out, text);
    buf_putc(s->out, '\n');
}

static void text_notes(struct sheet *s)
{
    struct sheet_note_read n;
    size_t at = 0;

    while (sheet_next_note(&s->notes, &at, &n)) {
        buf_puts(s->out, "  ");
        if (n.term[0] != '\0') {
            buf_printf(s->out, "%s: ", n.term);
        }
        text_wrap(s->out, n.text, 2 + (n.term[0] != '\0' ? text_length(n.term) + 2 : 0));
    }
}

static void text_cell(struct sheet *s, size_t column, size_t width, const char *text, size_t bytes)
{
    size_t length = width_of(text, bytes);
    bool cut = length > width && column + 1 < s->n_columns;
    size_t pad = length < width ? width - length : 0;
    bool right = s->columns[column].type == SHEET_NUMBER;

    buf_puts(s->out, column == 0 ? "" : "  ");
    text_pad(s->out, right ? pad : 0);
    while (cut && (length + strlen(TEXT_CUT) > width || sheet_continues(text[bytes]))) {
        bytes--;
        length -= !sheet_continues(text[bytes]);
    }
    buf_put(s->out, text, bytes);
    buf_puts(s->out, cut ? TEXT_CUT : "");
    text_pad(s->out, !right && column + 1 < s->n_columns ? pad : 0);
}

/* As many of the words at `text` as fit, one at least: their bytes. */
static size_t words_in(const char *text, size_t width)
{
    size_t bytes = strcspn(text, " ");

    while (text[bytes] == ' ') {
        size_t more = bytes + 1 + strcspn(text + bytes + 1, " ");

        if (width_of(text, more) > width) {
            break;
        }
        bytes = more;
    }
    return bytes;
}

/* The titles, a line of words each, until all are told. */
static void text_titles(struct sheet *s, const size_t *width)
{
    const char *left[SHEET_COLUMNS_MAX];
    bool more = true;

    for (size_t c = 0; c < s->n_columns; c++) {
        left[c] = sheet_title_of(&s->columns[c]);
    }
    while (more) {
        more = false;
        for (size_t c = 0; c < s->n_columns; c++) {
            size_t bytes = words_in(left[c], width[c]);

            text_cell(s, c, width[c], left[c], bytes);
            left[c] += bytes + strspn(left[c] + bytes, " ");
            more = more || *left[c] != '\0';
        }
        buf_putc(s->out, '\n');
    }
}

/* As wide as the widest cell or word of its title; words of a title stand in one line where there
 * is room. */
static void text_widths(const struct sheet *s, size_t *width)
{
    const char *at = buf_text(&s->cells);

    for (size_t c = 0; c < s->n_columns; c++) {
        const char *title = sheet_title_of(&s->columns[c]);

        width[c] = 0;
        for (size_t bytes; *title != '\0'; title += bytes + strspn(title + bytes, " ")) {
            size_t word;

            bytes = strcspn(title, " ");
            word = width_of(title, bytes);
            width[c] = width[c] > word ? width[c] : word;
        }
    }
    for (size_t i = 0; i < s->n_cells; i++) {
        size_t length = text_length(sheet_next_cell(&at).text);
        size_t *widest = &width[i % s->n_columns];

        length = length < TEXT_COLUMN_MAX ? length : TEXT_COLUMN_MAX;
        *widest = *widest > length ? *widest : length;
    }
}

static void text_table(struct sheet *s)
{
    size_t width[SHEET_COLUMNS_MAX];
    const char *at = buf_text(&s->cells);

    text_widths(s, width);
    buf_putc(s->out, '\n');
    text_underline(s->out, s->title, '-');
    text_titles(s, width);
    for (size_t i = 0; i < s->n_cells; i++) {
        struct sheet_cell cell = sheet_next_cell(&at);
        const char *text = cell.kind == CELL_EMPTY ? "-" : cell.text;

        text_cell(s, i % s->n_columns, width[i % s->n_columns], text, strlen(text));
        buf_puts(s->out, (i + 1) % s->n_columns == 0 ? "\n" : "");
    }
    if (s->n_cells == 0) {
        buf_puts(s->out, "(none)\n");
    }
    buf_puts(s->out, s->notes.len > 0 ? "\n" : "");
    text_notes(s);
}

static void text_end(struct sheet *s)
{
    (void)s;
}

const struct sheet_writer sheet_text_writer = {text_begin, text_fact, text_notes,
                                               text_table, text_end,  true};
