#include "codec/pdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RANGE_WIDTH 60
#define SIGNATURE "<30820100DEADBEEF>"
#define CATALOG "/Type /Catalog /Pages 2 0 R"
#define PAGE "/Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"

/* A PDF as programs write them: objects, a table of places, and updates behind. */
struct file {
    char bytes[16384];
    size_t n;
    unsigned size;   /* numbers below are taken */
    size_t contents; /* of the signature that is being written; 0 none */
    size_t range;
};

static void put(struct file *f, const char *text)
{
    size_t n = strlen(text);

    assert_true(f->n + n < sizeof(f->bytes));
    memcpy(f->bytes + f->n, text, n + 1);
    f->n += n;
}

static void object(struct file *f, unsigned number, const char *value)
{
    char head[32];

    (void)snprintf(head, sizeof(head), "%u 0 obj\n", number);
    put(f, head);
    put(f, value);
    put(f, "\nendobj\n");
    f->size = number >= f->size ? number + 1 : f->size;
}

static void stream(struct file *f, unsigned number, const char *entries, const char *data)
{
    char value[512];

    (void)snprintf(value, sizeof(value), "<<%s /Length %zu>>\nstream\n%s\nendstream", entries,
                   strlen(data), data);
    object(f, number, value);
}

/* A place for a signature of that type; sign() fills its range in. */
static void place(struct file *f, unsigned number, const char *type, const char *signature)
{
    char value[512];
    int n = snprintf(value, sizeof(value), "<<%s /Filter /Adobe.PPKLite /ByteRange ", type);

    f->range = f->n + strlen("9 0 obj\n") + (number > 9) + (size_t)n;
    f->contents = f->range + RANGE_WIDTH + strlen(" /Contents ");
    (void)snprintf(value + n, sizeof(value) - (size_t)n, "%*s /Contents %s>>", RANGE_WIDTH, "",
                   signature);
    object(f, number, value);
    assert_memory_equal(f->bytes + f->contents, signature, strlen(signature));
}

/* The end of a version: a table of places that is not looked at, and the range of its signature. */
static void finish(struct file *f, const char *root)
{
    char text[160];

    (void)snprintf(text, sizeof(text),
                   "xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size %u /Root %s>>\n"
                   "startxref\n9\n%%%%EOF\n",
                   f->size, root);
    put(f, text);
    if (f->contents != 0) {
        size_t end = f->contents + strcspn(f->bytes + f->contents, ">") + 1;
        int n = snprintf(text, sizeof(text), "[0 %zu %zu %zu]", f->contents, end, f->n - end);

        memcpy(f->bytes + f->range, text, (size_t)n);
        f->contents = 0;
    }
}

static void begin(struct file *f)
{
    f->n = 0;
    f->size = 0;
    f->contents = 0;
    put(f, "%PDF-1.7\n%\xe2\xe3\xcf\xd3 (\n");
    object(f, 1, "<<" CATALOG ">>");
    object(f, 2, "<</Type /Pages /Kids [3 0 R] /Count 1>>");
    object(f, 3, "<<" PAGE ">>");
    stream(f, 4, "", "BT (\\( /ByteRange) Tj ET % (((");
    object(f, 5, "<</Producer (x)>>");
    finish(f, "1 0 R");
}

/* The citizen's result: a version, and one that signs it, with a form and a field that nobody sees.
 */
static void begin_signed(struct file *f)
{
    begin(f);
    object(f, 1, "<<" CATALOG " /AcroForm 6 0 R>>");
    object(f, 3, "<<" PAGE " /Annots [7 0 R]>>");
    object(f, 6, "<</Fields [7 0 R] /SigFlags 3>>");
    object(f, 7, "<</FT /Sig /T (S1) /V 8 0 R /Subtype /Widget /Rect [0 0 0 0] /P 3 0 R>>");
    place(f, 8, "/Type /Sig /SubFilter /ETSI.CAdES.detached", SIGNATURE);
    finish(f, "1 0 R");
}

/* What makes it PAdES-LT: certificates and answers about them. */
static void add_dss(struct file *f)
{
    stream(f, 9, "", "0\x82 a certificate /ByteRange endobj (");
    stream(f, 10, " /Filter /FlateDecode", "an answer");
    object(f, 11, "[9 0 R]");
    object(f, 12, "<</Type /DSS /Certs 11 0 R /OCSPs [10 0 R] /VRI 13 0 R>>");
    object(f, 13, "<</0123456789ABCDEF0123456789ABCDEF01234567 <</Cert [9 0 R]>>>>");
    object(f, 1,
           "<</Extensions <</ESIC <</BaseVersion /1.7 /ExtensionLevel 5>>>>\n/DSS 12 0 R "
           "/AcroForm 6 0 R" CATALOG ">>");
}

/* And PAdES-LTA: a time stamp over all of it. */
static void add_time_stamp(struct file *f)
{
    object(f, 3, "<<" PAGE " /Annots [7 0 R 14 0 R]>>");
    object(f, 6, "<</Fields [7 0 R\n14 0 R] /SigFlags 3>>");
    object(f, 14, "<</FT /Sig /T (T1) /V 15 0 R /Subtype /Widget /Rect [0 0 0 0] /P 3 0 R>>");
    place(f, 15, "/Type /DocTimeStamp /SubFilter /ETSI.RFC3161", "<30820200AA>");
}

static enum pdf_signature look(const struct file *f)
{
    /* Of its own size, so that a read behind it is seen by a checker of memory. */
    char *copy = malloc(f->n + 1);
    enum pdf_signature seen;

    assert_non_null(copy);
    memcpy(copy, f->bytes, f->n);
    seen = pdf_signature_look(copy, f->n);
    free(copy);
    return seen;
}

static void a_signature_over_the_whole_file_is_seen(void **state)
{
    struct file f;

    (void)state;
    begin(&f);
    assert_int_equal(look(&f), PDF_NONE);
    begin_signed(&f);
    assert_int_equal(look(&f), PDF_WHOLE);
    put(&f, "\n \r\n");
    assert_int_equal(look(&f), PDF_WHOLE);
    assert_true(f.n + 8 <= sizeof(f.bytes));
    memset(f.bytes + f.n, '\0', 8); /* padding of a block, which is white space too */
    f.n += 8;
    assert_int_equal(look(&f), PDF_WHOLE);
    /* Inside of its field; and without a type, which it may lack. */
    begin(&f);
    place(&f, 6, "/FT /Sig /T (S1) /V <</Type /Sig", SIGNATURE ">>");
    finish(&f, "1 0 R");
    assert_int_equal(look(&f), PDF_WHOLE);
    begin(&f);
    place(&f, 6, "", SIGNATURE);
    finish(&f, "1 0 R");
    assert_int_equal(look(&f), PDF_WHOLE);
}

static void a_second_signature_covers_what_came_behind_the_first(void **state)
{
    struct file f;

    (void)state;
    begin_signed(&f);
    object(&f, 3, "<<" PAGE " /Rotate 90>>");
    place(&f, 9, "/Type /Sig", "<3082AB>");
    finish(&f, "1 0 R");
    assert_int_equal(look(&f), PDF_WHOLE);
}

static void what_keeps_a_signature_verifiable_is_told_apart(void **state)
{
    struct file f;

    (void)state;
    begin_signed(&f);
    add_dss(&f);
    finish(&f, "1 0 R");
    assert_int_equal(look(&f), PDF_LONG_TERM);
    add_time_stamp(&f);
    finish(&f, "1 0 R");
    assert_int_equal(look(&f), PDF_LONG_TERM);
    /* Some years later: the DSS grows, and another time stamp. */
    object(&f, 12, "<</Type /DSS /Certs [9 0 R] /CRLs [16 0 R]>>");
    stream(&f, 16, "", "a list");
    place(&f, 17, "/Type /DocTimeStamp /SubFilter /ETSI.RFC3161", "<30820300AA>");
    finish(&f, "1 0 R");
    assert_int_equal(look(&f), PDF_LONG_TERM);
    /* A time stamp without a DSS, and a program that writes itself into the properties. */
    begin_signed(&f);
    object(&f, 5, "<</Producer (y) /ModDate (D:20261122)>>");
    add_time_stamp(&f);
    finish(&f, "1 0 R");
    assert_int_equal(look(&f), PDF_LONG_TERM);
}

static void a_time_stamp_alone_is_no_signature(void **state)
{
    struct file f;

    (void)state;
    begin(&f);
    object(&f, 6, "<</Fields [14 0 R] /SigFlags 3>>");
    add_time_stamp(&f);
    finish(&f, "1 0 R");
    assert_int_equal(look(&f), PDF_NONE);
    begin(&f);
    place(&f, 6, "/Type /Sig /SubFilter /ETSI.RFC3161", SIGNATURE);
    finish(&f, "1 0 R");
    assert_int_equal(look(&f), PDF_NONE);
}

static void what_is_packed_can_not_be_told(void **state)
{
    struct file f;

    (void)state;
    begin_signed(&f);
    stream(&f, 9, " /Type /ObjStm /N 3 /First 20", "packed");
    stream(&f, 10, " /Type /XRef /Size 11 /Root 1 0 R /W [1 2 1]", "packed");
    assert_int_equal(look(&f), PDF_PACKED);
    /* No table of places tells which objects were there. */
    f.n = 0;
    f.size = 0;
    put(&f, "%PDF-1.7\n");
    place(&f, 8, "/Type /Sig", SIGNATURE);
    finish(&f, "1 0 R");
    memcpy(strstr(f.bytes, "trailer"), "xref 1 ", 7);
    memset(strstr(f.bytes, "<</Size"), ' ', strlen("<</Size 9 /Root 1 0 R>>"));
    object(&f, 9, "<</Type /DocTimeStamp>>");
    assert_int_equal(look(&f), PDF_PACKED);
    /* The catalog that it changes stands in a packed object of what is covered. */
    begin(&f);
    stream(&f, 20, " /Type /XRef /Size 40 /Root 30 0 R /W [1 2 1]", "packed");
    place(&f, 8, "/Type /Sig", SIGNATURE);
    finish(&f, "30 0 R");
    object(&f, 30, "<<" CATALOG " /DSS 41 0 R>>");
    object(&f, 41, "<</Type /DSS>>");
    finish(&f, "30 0 R");
    assert_int_equal(look(&f), PDF_PACKED);
}

/* Each of them comes with a DSS, so that it looks like a long-term signature at first sight. */
static void what_changes_the_document_is_never_taken_for_validation(void **state)
{
    static const struct {
        unsigned number;
        const char *value;
    } hostile[] = {
        {3, "<<" PAGE " /Contents 9 0 R>>"},                          /* another text */
        {3, "<</Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]>>"}, /* none */
        {3, "<<" PAGE " /Annots [14 0 R]>>"},                         /* one taken away */
        {4, "<</Length 1>>\nstream\nx\nendstream"},                   /* the text itself */
        {2, "<</Type /Pages /Kids [14 0 R] /Count 1>>"},              /* other pages */
        {1, "<</Type /Catalog /Pages 14 0 R /AcroForm 6 0 R /DSS 12 0 R>>"},
        {1, "<<" CATALOG " /AcroForm 14 0 R /DSS 12 0 R>>"}, /* another form */
        {1, "<<" CATALOG " /AcroForm 6 0 R /DSS 12 0 R /OpenAction 14 0 R>>"},
        {1, "<<" CATALOG " /DSS 12 0 R>>"}, /* without its form */
        {6, "<</Fields [7 0 R] /SigFlags 3 /XFA 14 0 R>>"},
        {6, "<</Fields [14 0 R] /SigFlags 3>>"}, /* field taken away */
        {7, "<</FT /Sig /T (S1) /V 14 0 R>>"},   /* another signature */
        {8, "<</Type /DocTimeStamp>>"},
        {14, "<</Type /Annot /Subtype /Stamp /Rect [0 0 500 500]>>"}, /* drawn over it */
        {14, "<</FT /Sig /Subtype /Widget /Rect [0 0 500 500]>>"},
        {14, "<</FT /Sig /Subtype /Widget>>"},
        {14, "<</FT /Tx /Subtype /Widget /Rect [0 0 0 0]>>"},
        {14, "<</Type /Page /Parent 2 0 R>>"},
        {14, "<</Subtype /Image /Length 1>>\nstream\nx\nendstream"},
        {14, "(text)"},
        {14, "<</Type /Catalog /Pages 2 0 R>>"},
        {14, "<</Type /Sig /Contents <3082> /ByteRange [0 1 2 3]>>"},
    };
    struct file f;

    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        begin_signed(&f);
        add_dss(&f);
        object(&f, hostile[i].number, hostile[i].value);
        finish(&f, "1 0 R");
        if (look(&f) != PDF_ADDED) {
            fail_msg("%u: %s: %d", hostile[i].number, hostile[i].value, (int)look(&f));
        }
    }
}

static void other_words_behind_a_signature_are_something_else(void **state)
{
    static const char *const behind[] = {
        "9 0 obj\nnull\nendobj\n",
        "% /Type /DSS /DocTimeStamp\n9 0 obj\n[9 0 R]\nendobj\n",
        "9 0 obj\n(<</Type /DocTimeStamp>>)\nendobj\n",
        "9 0 obj\n<</Length 26>>\nstream\n<</Type /DocTimeStamp>>   \nendstream\nendobj\n",
        "<</Type /DSS>>",
        "/DSS",
        "9 0 obj <</Type /DocTimeStamp",
        "9 0 obj <</Type /DocTimeStamp>> endobj trailer <</Root 9 0 R>>",
        "9 0 obj <</Type /DocTimeStamp>> endobj trailer",
        "9 0 obj <</Type /DocTimeStamp>> endobj garbage",
        "9 0 obj <</Type /DocTimeStamp>> endobj 10 0 obj <</Length 3>> stream\nabce",
        "9 0 obj <</Type /DocTimeStamp>> endobj (never ends",
        "9 0 obj <</Type /DocTimeStamp>> endobj 10 0 obj <</Type /XRef /Root 9 0 R>> stream",
        "x",
    };
    struct file f;

    (void)state;
    for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
        begin_signed(&f);
        put(&f, behind[i]);
        if (look(&f) != PDF_ADDED) {
            fail_msg("%s: %d", behind[i], (int)look(&f));
        }
    }
}

static void an_empty_place_and_a_range_that_leads_elsewhere_are_none(void **state)
{
    static const char *const places[] = {"<0000000000000000>", "(3082010000000000)", "<30zz>",
                                         "<>"};
    static const char *const ranges[] = {"[1 ", "[0 1 2 3]", "[0 ", "(0 ", "[0 99999999999999999"};
    struct file f;

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        begin(&f);
        place(&f, 8, "/Type /Sig", places[i]);
        f.contents = places[i][0] == '(' ? 0 : f.contents;
        finish(&f, "1 0 R");
        assert_int_equal(look(&f), PDF_NONE);
    }
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        begin(&f);
        place(&f, 8, "/Type /Sig", SIGNATURE);
        memcpy(f.bytes + f.range, ranges[i], strlen(ranges[i]));
        f.contents = 0;
        finish(&f, "1 0 R");
        assert_int_equal(look(&f), PDF_NONE);
    }
    begin(&f);
    place(&f, 8, "/Type /Abc", SIGNATURE);
    finish(&f, "1 0 R");
    assert_int_equal(look(&f), PDF_NONE);
}

static void files_without_anything_do_no_harm(void **state)
{
    static const char *const texts[] = {
        "%PDF-1.7",
        "%PDF-1.7\n1 0 obj",
        "%PDF-1.7\n1 0 obj <<",
        "%PDF-1.7\n1 0 obj <</ByteRange [0 5 4 1] /Contents <30>",
        "%PDF-1.7\n1 0 obj <</ByteRange [0 1 18446744073709551615 5] /Contents <30>>> endobj",
        "%PDF-1.7\n1 0 obj <</Length 999999>> stream",
        "%PDF-1.7\n1 0 obj <</Length 18446744073709551615>> stream\nx endstream endobj",
        "%PDF-1.7\n>> ]] )) >",
        "%PDF-1.7\n\\ 1 0 obj (\\",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(pdf_signature_look(texts[i], strlen(texts[i])), PDF_NONE);
    }
    assert_int_equal(pdf_signature_look("", 0), PDF_NO_PDF);
    assert_int_equal(pdf_signature_look("\xff\xd8\xff\xe0", 4), PDF_NO_PDF);
}

static void any_cut_of_a_signed_file_is_read_without_harm(void **state)
{
    struct file f;
    size_t whole;
    size_t all;

    (void)state;
    begin_signed(&f);
    whole = f.n;
    add_dss(&f);
    add_time_stamp(&f);
    finish(&f, "1 0 R");
    all = f.n;
    for (f.n = 0; f.n < all; f.n++) {
        enum pdf_signature seen = look(&f);

        assert_true(f.n >= whole ? seen != PDF_NONE : seen == PDF_NONE || seen == PDF_NO_PDF);
    }
    /* And with any byte of the update changed to one that opens, closes or ends. */
    for (size_t i = whole; i < all; i++) {
        static const char bytes[] = "()<>[]/ %\\";
        char was = f.bytes[i];

        f.bytes[i] = bytes[i % (sizeof(bytes) - 1)];
        (void)look(&f);
        f.bytes[i] = was;
    }
}

/* Brackets without end cost no more than their length; the square of it would be an hour. */
static void a_file_made_to_be_slow_is_not(void **state)
{
    static const char *const pieces[] = {"1 0 obj <<",
                                         "(",
                                         "<<",
                                         "1 0 ",
                                         "/ByteRange [0 1 2 3] ",
                                         "trailer <<",
                                         "1 0 obj <</A 1>> stream "};
    const size_t size = (size_t)1 << 20;
    char *bytes = malloc(size);

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        size_t n = strlen(pieces[i]);

        memcpy(bytes, "%PDF-1.7\n", 9);
        for (size_t at = 9; at < size; at++) {
            bytes[at] = pieces[i][(at - 9) % n];
        }
        assert_int_equal(pdf_signature_look(bytes, size), PDF_NONE);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_over_the_whole_file_is_seen),
        cmocka_unit_test(a_second_signature_covers_what_came_behind_the_first),
        cmocka_unit_test(what_keeps_a_signature_verifiable_is_told_apart),
        cmocka_unit_test(a_time_stamp_alone_is_no_signature),
        cmocka_unit_test(what_is_packed_can_not_be_told),
        cmocka_unit_test(what_changes_the_document_is_never_taken_for_validation),
        cmocka_unit_test(other_words_behind_a_signature_are_something_else),
        cmocka_unit_test(an_empty_place_and_a_range_that_leads_elsewhere_are_none),
        cmocka_unit_test(files_without_anything_do_no_harm),
        cmocka_unit_test(any_cut_of_a_signed_file_is_read_without_harm),
        cmocka_unit_test(a_file_made_to_be_slow_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
