#include "codec/pdf.h"

#include <string.h>

#include "codec/pdf_added.h"

#define HEADER_BYTES ((size_t)1024) /* readers look so far for "%PDF-" */

/* Blanks at the end are nothing that was added. */
static bool only_blanks(struct pdf_span rest)
{
    while (rest.at < rest.end && pdf_is_blank(*rest.at)) {
        rest.at++;
    }
    return rest.at == rest.end;
}

/* <30820...>, and not the empty place of one. */
static bool holds_signature(struct pdf_span contents)
{
    bool any = false;

    if (contents.end - contents.at < 3 || contents.at[0] != '<') {
        return false;
    }
    for (const char *p = contents.at + 1; p < contents.end - 1; p++) {
        bool blank = pdf_is_blank(*p);

        if (!blank && strchr("0123456789abcdefABCDEF", *p) == NULL) {
            return false;
        }
        any = any || (*p != '0' && !blank);
    }
    return any;
}

/* [0 B C D]: B to C is just what stands as the signature's contents. */
static bool read_range(struct pdf_span file, struct pdf_span range, struct pdf_span contents,
                       const char **end)
{
    uint64_t n[4];
    size_t size = (size_t)(file.end - file.at);

    if (!pdf_is_array(range)) {
        return false;
    }
    range.at++;
    for (size_t i = 0; i < 4; i++) {
        if (!pdf_number(pdf_next_token(&range).text, &n[i])) {
            return false;
        }
    }
    if (n[0] != 0 || n[1] != (uint64_t)(contents.at - file.at) ||
        n[2] != (uint64_t)(contents.end - file.at) || n[3] > size - n[2]) {
        return false;
    }
    *end = file.at + n[2] + n[3];
    return true;
}

/* What the signature in dict covers goes up to *end; false when it is none. */
static bool is_signature(struct pdf_span file, struct pdf_span dict, const char **end)
{
    struct pdf_span range;
    struct pdf_span contents;
    struct pdf_span type;

    return pdf_get(dict, "/ByteRange", &range) && pdf_get(dict, "/Contents", &contents) &&
           (!pdf_get(dict, "/Type", &type) || pdf_span_is(type, "/Sig")) &&
           !pdf_get_is(dict, "/SubFilter", "/ETSI.RFC3161") && holds_signature(contents) &&
           read_range(file, range, contents, end);
}

/* How far the last signature goes; NULL: there is none. */
static const char *find_last(struct pdf_span file)
{
    struct pdf_span in = file;
    struct pdf_object object;
    const char *last = NULL;
    enum pdf_part part;

    for (part = pdf_next_part(&in, &object); part != PDF_PART_END;
         part = pdf_next_part(&in, &object)) {
        struct pdf_span inner;
        const char *end;

        if (part == PDF_PART_OBJECT &&
            (is_signature(file, object.value, &end) ||
             (pdf_get(object.value, "/V", &inner) && is_signature(file, inner, &end)))) {
            last = last == NULL || end > last ? end : last;
        }
    }
    return last;
}

enum pdf_signature pdf_signature_look(const char *bytes, size_t n)
{
    static const enum pdf_signature seen[] = {[PDF_ADDITION_VALIDATION] = PDF_LONG_TERM,
                                              [PDF_ADDITION_PACKED] = PDF_PACKED,
                                              [PDF_ADDITION_OTHER] = PDF_ADDED};
    const struct pdf_span file = {bytes, bytes + n};
    const char *end;

    if (memmem(bytes, n < HEADER_BYTES ? n : HEADER_BYTES, "%PDF-", strlen("%PDF-")) == NULL) {
        return PDF_NO_PDF;
    }
    end = find_last(file);
    if (end == NULL) {
        return PDF_NONE;
    }
    if (only_blanks((struct pdf_span){end, file.end})) {
        return PDF_WHOLE;
    }
    return seen[pdf_added_look((struct pdf_span){bytes, end}, (struct pdf_span){end, file.end})];
}
