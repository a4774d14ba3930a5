/* pdf lex: the objects of a PDF file as they stand in it, one behind the other; nothing is
 * unpacked. Tolerant: what is no object is passed over. Private to lib/codec/pdf*. Pure. */
#ifndef CODEC_PDF_LEX_H
#define CODEC_PDF_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pdf_span {
    const char *at, *end;
};

enum pdf_token_kind {
    PDF_TOKEN_END, /* nothing more, or a text that does not end */
    PDF_TOKEN_NAME,
    PDF_TOKEN_WORD, /* number, keyword */
    PDF_TOKEN_STRING,
    PDF_TOKEN_OPEN, /* << or [ */
    PDF_TOKEN_CLOSE
};

struct pdf_token {
    enum pdf_token_kind kind;
    struct pdf_span text;
};

bool pdf_is_blank(char c);
/* The next one in *in, which then begins behind it. Comments are white space. */
struct pdf_token pdf_next_token(struct pdf_span *in);
bool pdf_token_is(const struct pdf_token *token, const char *text);
/* Token by token. */
bool pdf_same(struct pdf_span a, struct pdf_span b);

enum pdf_part { PDF_PART_END, PDF_PART_OBJECT, PDF_PART_TRAILER, PDF_PART_OTHER };

struct pdf_object {
    uint64_t number;       /* of an object */
    struct pdf_span value; /* without its stream */
    bool stream;
};

/* The next part of a file, or of what was added to one. PDF_PART_OTHER: a word that stands in no
 * file of this kind. */
enum pdf_part pdf_next_part(struct pdf_span *in, struct pdf_object *out);

/* ---- values ---- */

/* The next value in *in: a token, a reference, or a list with all that is in it. False at the end
 * or at a closing bracket. */
bool pdf_next_value(struct pdf_span *in, struct pdf_span *out);
bool pdf_is_dict(struct pdf_span value);
bool pdf_is_array(struct pdf_span value);
/* Whether value is a dictionary; in is then what stands inside, for pdf_next_entry. */
bool pdf_open_dict(struct pdf_span value, struct pdf_span *in);
/* key with its slash. False at the end, or where there is none. */
bool pdf_next_entry(struct pdf_span *in, struct pdf_span *key, struct pdf_span *value);
/* The value of a key ("/Type"); false: not there. */
bool pdf_get(struct pdf_span dict, const char *key, struct pdf_span *out);
bool pdf_span_is(struct pdf_span span, const char *text);
bool pdf_get_is(struct pdf_span dict, const char *key, const char *value);
/* A number without sign or point that is below 2^40. */
bool pdf_number(struct pdf_span span, uint64_t *out);

#endif
