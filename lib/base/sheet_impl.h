/* What sheet.c and sheet_text.c share: the cells and notes that were collected, and the table of
 * what a format does. */
#ifndef BASE_SHEET_IMPL_H
#define BASE_SHEET_IMPL_H

#include <string.h>

#include "base/sheet.h"

enum { CELL_TEXT = 't', CELL_NUMBER = 'n', CELL_EMPTY = 'e' };

struct sheet_cell {
    char kind;
    const char *text;
};

/* The cell at *at, which moves behind it. */
static inline struct sheet_cell sheet_next_cell(const char **at)
{
    struct sheet_cell c = {(*at)[0], *at + 1};

    *at = c.text + strlen(c.text) + 1;
    return c;
}

struct sheet_note_read {
    const char *table, *term, *text;
};

static inline bool sheet_next_note(const struct buf *notes, size_t *at, struct sheet_note_read *out)
{
    const char *text = buf_text(notes) + *at;

    if (*at >= notes->len) {
        return false;
    }
    out->table = text;
    out->term = out->table + strlen(out->table) + 1;
    out->text = out->term + strlen(out->term) + 1;
    *at += (size_t)(out->text + strlen(out->text) + 1 - text);
    return true;
}

static inline const char *sheet_title_of(const struct sheet_column *column)
{
    return column->title != NULL ? column->title : column->name;
}

/* The byte goes on with a character. */
static inline bool sheet_continues(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

struct sheet_writer {
    void (*begin)(struct sheet *s, const char *name, const char *title);
    void (*fact)(struct sheet *s, const char *name, const char *title, const char *text);
    void (*head_end)(struct sheet *s);
    void (*table)(struct sheet *s);
    void (*end)(struct sheet *s);
    bool printable; /* texts are escaped for eyes, not kept for machines */
};

/* Control characters, turning marks and broken UTF-8 escaped, however long the text is. */
void sheet_put_printable(struct buf *b, const char *text);

extern const struct sheet_writer sheet_text_writer;

#endif
