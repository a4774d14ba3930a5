#include "codec/pdf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FRONT "%PDF-1.7\n1 0 obj\n<</Type /Sig /Filter /Adobe.PPKLite /ByteRange "
#define SIGNATURE "<30820100DEADBEEF>"
#define BACK "\n>>\nendobj\n%%EOF\n"

struct file {
    char bytes[1024];
    size_t n;
};

/* A PDF with this signature; its byte range leaves `short_by` bytes at the end out. */
static struct file signed_pdf(const char *signature, size_t short_by)
{
    struct file f;
    size_t at = strlen(FRONT) + 64; /* where the signature begins */
    char range[80];

    (void)snprintf(range, sizeof(range), "[0 %zu %zu %zu]", at, at + strlen(signature),
                   strlen(BACK) - short_by);
    f.n = (size_t)snprintf(f.bytes, sizeof(f.bytes), "%s%-54s /Contents%s%s", FRONT, range,
                           signature, BACK);
    assert_memory_equal(f.bytes + at, signature, strlen(signature));
    return f;
}

static enum pdf_signature look(const struct file *f)
{
    return pdf_signature_look(f->bytes, f->n);
}

static void a_signature_over_the_whole_file_is_seen(void **state)
{
    struct file f = signed_pdf(SIGNATURE, 0);

    (void)state;
    assert_int_equal(look(&f), PDF_WHOLE);
    f = signed_pdf(SIGNATURE, 1); /* the last line feed */
    assert_int_equal(look(&f), PDF_WHOLE);
}

static void what_was_added_behind_is_not_covered(void **state)
{
    struct file f = signed_pdf(SIGNATURE, 0);

    (void)state;
    memcpy(f.bytes + f.n, "2 0 obj\n", 8);
    f.n += 8;
    assert_int_equal(look(&f), PDF_PARTIAL);
    f = signed_pdf(SIGNATURE, 6);
    assert_int_equal(look(&f), PDF_PARTIAL);
}

static void an_empty_place_and_a_range_that_leads_nowhere_are_none(void **state)
{
    struct file f = signed_pdf("<0000000000000000>", 0);
    char *range;

    (void)state;
    assert_int_equal(look(&f), PDF_NONE);
    f = signed_pdf("(3082010000000000)", 0);
    assert_int_equal(look(&f), PDF_NONE);
    f = signed_pdf(SIGNATURE, 0);
    range = strstr(f.bytes, "[0 ");
    range[1] = '1';
    assert_int_equal(look(&f), PDF_NONE);
    f = signed_pdf(SIGNATURE, 0);
    f.n -= 3; /* cut off: the range ends behind the file */
    assert_int_equal(look(&f), PDF_NONE);
    f = signed_pdf(SIGNATURE, 0);
    memcpy(strstr(f.bytes, "/Sig"), "/Abc", 4);
    assert_int_equal(look(&f), PDF_NONE);
}

static void numbers_without_end_and_files_without_anything_do_no_harm(void **state)
{
    static const char *const texts[] = {
        "%PDF-1.7 /Sig /ByteRange",
        "%PDF-1.7 /Sig /ByteRange [",
        "%PDF-1.7 /Sig /ByteRange [0 99999999999999999999999999 1 1]",
        "%PDF-1.7 /Sig /ByteRange [0 5 4 1]",
        "%PDF-1.7 /Sig /ByteRange [0 1 18446744073709551615 5]",
        "%PDF-1.7 /Sig /ByteRange [0 1 1099511627775 1099511627775]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(pdf_signature_look(texts[i], strlen(texts[i])), PDF_NONE);
    }
    assert_int_equal(pdf_signature_look("", 0), PDF_NO_PDF);
    assert_int_equal(pdf_signature_look("\xff\xd8\xff\xe0", 4), PDF_NO_PDF);
    assert_int_equal(pdf_signature_look("%PDF-1.4 nothing", 16), PDF_NONE);
}

static void any_cut_of_a_signed_file_is_read_without_harm(void **state)
{
    struct file f = signed_pdf(SIGNATURE, 0);

    (void)state;
    for (size_t n = 0; n < f.n - 1; n++) {
        assert_int_not_equal(pdf_signature_look(f.bytes, n), PDF_WHOLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_over_the_whole_file_is_seen),
        cmocka_unit_test(what_was_added_behind_is_not_covered),
        cmocka_unit_test(an_empty_place_and_a_range_that_leads_nowhere_are_none),
        cmocka_unit_test(numbers_without_end_and_files_without_anything_do_no_harm),
        cmocka_unit_test(any_cut_of_a_signed_file_is_read_without_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
