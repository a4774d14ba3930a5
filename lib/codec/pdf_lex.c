#include "codec/pdf_lex.h"

#include <string.h>

#define NUMBER_MAX (UINT64_C(1) << 40)

bool pdf_is_blank(char c)
{
    return c == '\0' || c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == ' ';
}

static bool is_delimiter(char c)
{
    return c != '\0' && strchr("()<>[]{}/%", c) != NULL;
}

/* ---- tokens ---- */

static void skip_blanks(struct pdf_span *in)
{
    bool comment = false;

    while (in->at < in->end && (comment || pdf_is_blank(*in->at) || *in->at == '%')) {
        comment = *in->at != '\n' && *in->at != '\r' && (comment || *in->at == '%');
        in->at++;
    }
}

/* Behind "(": to its own ")". */
static bool skip_string(struct pdf_span *in)
{
    unsigned depth = 1;

    while (in->at < in->end && depth > 0) {
        char c = *in->at++;

        if (c == '\\' && in->at < in->end) {
            in->at++;
        }
        depth += c == '(';
        depth -= c == ')';
    }
    return depth == 0;
}

static bool skip_hex(struct pdf_span *in)
{
    const char *close = memchr(in->at, '>', (size_t)(in->end - in->at));

    in->at = close != NULL ? close + 1 : in->end;
    return close != NULL;
}

static enum pdf_token_kind skip_token(struct pdf_span *in)
{
    char c = *in->at++;
    bool twice = in->at < in->end && *in->at == c;

    switch (c) {
    case '(':
        return skip_string(in) ? PDF_TOKEN_STRING : PDF_TOKEN_END;
    case '<':
        in->at += twice;
        return twice ? PDF_TOKEN_OPEN : skip_hex(in) ? PDF_TOKEN_STRING : PDF_TOKEN_END;
    case '>':
        in->at += twice;
        return PDF_TOKEN_CLOSE;
    case '[':
        return PDF_TOKEN_OPEN;
    case ']':
        return PDF_TOKEN_CLOSE;
    default:
        while (in->at < in->end && !pdf_is_blank(*in->at) && !is_delimiter(*in->at)) {
            in->at++;
        }
        return c == '/' ? PDF_TOKEN_NAME : PDF_TOKEN_WORD;
    }
}

struct pdf_token pdf_next_token(struct pdf_span *in)
{
    struct pdf_token token = {.kind = PDF_TOKEN_END};

    skip_blanks(in);
    token.text = (struct pdf_span){in->at, in->at};
    if (in->at < in->end) {
        token.kind = skip_token(in);
        token.text.end = in->at;
    }
    return token;
}

bool pdf_span_is(struct pdf_span span, const char *text)
{
    size_t n = strlen(text);

    return n > 0 && (size_t)(span.end - span.at) == n && memcmp(span.at, text, n) == 0;
}

bool pdf_token_is(const struct pdf_token *token, const char *text)
{
    return token->kind != PDF_TOKEN_END && pdf_span_is(token->text, text);
}

bool pdf_same(struct pdf_span a, struct pdf_span b)
{
    struct pdf_token x;
    struct pdf_token y;

    do {
        size_t n;

        x = pdf_next_token(&a);
        y = pdf_next_token(&b);
        n = (size_t)(x.text.end - x.text.at);
        if (x.kind != y.kind || n != (size_t)(y.text.end - y.text.at) ||
            (n > 0 && memcmp(x.text.at, y.text.at, n) != 0)) {
            return false;
        }
    } while (x.kind != PDF_TOKEN_END);
    return true;
}

/* ---- values ---- */

bool pdf_number(struct pdf_span span, uint64_t *out)
{
    *out = 0;
    for (const char *p = span.at; p < span.end; p++) {
        if (*p < '0' || *p > '9' || *out >= NUMBER_MAX / 10) {
            return false;
        }
        *out = *out * 10 + (uint64_t)(*p - '0');
    }
    return span.at < span.end;
}

/* "12 0 R": behind the first number, or where it was. */
static void skip_reference(struct pdf_span first, struct pdf_span *in)
{
    struct pdf_span rest = *in;
    struct pdf_token generation = pdf_next_token(&rest);
    struct pdf_token r = pdf_next_token(&rest);
    uint64_t number;

    if (pdf_number(first, &number) && pdf_number(generation.text, &number) &&
        pdf_token_is(&r, "R")) {
        *in = rest;
    }
}

bool pdf_next_value(struct pdf_span *in, struct pdf_span *out)
{
    struct pdf_token token = pdf_next_token(in);
    size_t depth = token.kind == PDF_TOKEN_OPEN;

    *out = token.text;
    if (token.kind == PDF_TOKEN_END || token.kind == PDF_TOKEN_CLOSE) {
        return false;
    }
    if (token.kind == PDF_TOKEN_WORD) {
        skip_reference(token.text, in);
    }
    while (depth > 0) {
        token = pdf_next_token(in);
        if (token.kind == PDF_TOKEN_END) {
            return false;
        }
        depth += token.kind == PDF_TOKEN_OPEN;
        depth -= token.kind == PDF_TOKEN_CLOSE;
    }
    out->end = in->at;
    return true;
}

bool pdf_open_dict(struct pdf_span value, struct pdf_span *in)
{
    *in = value;
    return pdf_span_is(pdf_next_token(in).text, "<<");
}

bool pdf_is_dict(struct pdf_span value)
{
    struct pdf_span in;

    return pdf_open_dict(value, &in);
}

bool pdf_is_array(struct pdf_span value)
{
    return pdf_span_is(pdf_next_token(&value).text, "[");
}

bool pdf_next_entry(struct pdf_span *in, struct pdf_span *key, struct pdf_span *value)
{
    struct pdf_token token = pdf_next_token(in);

    *key = token.text;
    return token.kind == PDF_TOKEN_NAME && pdf_next_value(in, value);
}

bool pdf_get(struct pdf_span dict, const char *key, struct pdf_span *out)
{
    struct pdf_span in;
    struct pdf_span name;

    if (!pdf_open_dict(dict, &in)) {
        return false;
    }
    while (pdf_next_entry(&in, &name, out)) {
        if (pdf_span_is(name, key)) {
            return true;
        }
    }
    return false;
}

bool pdf_get_is(struct pdf_span dict, const char *key, const char *value)
{
    struct pdf_span found;

    return pdf_get(dict, key, &found) && pdf_span_is(found, value);
}

/* ---- parts ---- */

/* Behind the word "stream". Its length counts when the stream ends there; else the next end does.
 * False when there is none. */
static bool skip_stream(struct pdf_span *in, struct pdf_span dict)
{
    struct pdf_span length;
    uint64_t n = 0;
    const char *found;

    if (in->at < in->end && *in->at == '\r') {
        in->at++;
    }
    if (in->at < in->end && *in->at == '\n') {
        in->at++;
    }
    if (pdf_get(dict, "/Length", &length) && pdf_number(length, &n) &&
        n <= (uint64_t)(in->end - in->at)) {
        struct pdf_span rest = {in->at + n, in->end};
        struct pdf_token token = pdf_next_token(&rest);

        if (pdf_token_is(&token, "endstream")) {
            *in = rest;
            return true;
        }
    }
    found = memmem(in->at, (size_t)(in->end - in->at), "endstream", strlen("endstream"));
    in->at = found != NULL ? found + strlen("endstream") : in->end;
    return found != NULL;
}

/* Behind "N G obj". */
static enum pdf_part read_object(struct pdf_span *in, struct pdf_object *out)
{
    struct pdf_span rest;
    struct pdf_token token;

    if (!pdf_next_value(in, &out->value)) {
        in->at = in->end; /* to look on from here each time would cost the square */
        return PDF_PART_OTHER;
    }
    rest = *in;
    token = pdf_next_token(&rest);
    out->stream = pdf_token_is(&token, "stream");
    if (out->stream) {
        bool ends = skip_stream(&rest, out->value);

        *in = rest;
        if (!ends) {
            return PDF_PART_OTHER; /* nobody knows what a reader makes of the rest */
        }
        token = pdf_next_token(&rest);
    }
    if (pdf_token_is(&token, "endobj")) {
        *in = rest;
    }
    return PDF_PART_OBJECT;
}

/* Words of a table of places, and numbers, which stand in it and before "obj". */
static bool is_usual(struct pdf_span word)
{
    static const char *const words[] = {"xref", "n", "f", "startxref"};
    uint64_t number;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (pdf_span_is(word, words[i])) {
            return true;
        }
    }
    return pdf_number(word, &number);
}

static bool begins_object(struct pdf_span first, struct pdf_span *in, uint64_t *number)
{
    struct pdf_span rest = *in;
    struct pdf_token generation = pdf_next_token(&rest);
    struct pdf_token obj = pdf_next_token(&rest);
    uint64_t unused;

    if (!pdf_number(first, number) || !pdf_number(generation.text, &unused) ||
        !pdf_token_is(&obj, "obj")) {
        return false;
    }
    *in = rest;
    return true;
}

enum pdf_part pdf_next_part(struct pdf_span *in, struct pdf_object *out)
{
    for (;;) {
        struct pdf_token token = pdf_next_token(in);

        if (token.kind == PDF_TOKEN_END) {
            return token.text.at == in->end ? PDF_PART_END : PDF_PART_OTHER;
        }
        if (token.kind != PDF_TOKEN_WORD) {
            return PDF_PART_OTHER;
        }
        *out = (struct pdf_object){0};
        if (begins_object(token.text, in, &out->number)) {
            return read_object(in, out);
        }
        if (pdf_token_is(&token, "trailer")) {
            return pdf_next_value(in, &out->value) ? PDF_PART_TRAILER : PDF_PART_OTHER;
        }
        if (!is_usual(token.text)) {
            return PDF_PART_OTHER;
        }
    }
}
