/* A file behind a result's link, which anybody may have made: the signatures that are seen in a
 * PDF, and what was added behind them; whether it is a page. */
#include <stdlib.h>
#include <string.h>

#include "codec/pdf.h"
#include "codec/web_page.h"
#include "fuzz/fuzz.h"

/* The same file with something behind it. */
static enum pdf_signature with(const char *text, size_t n, const char *behind)
{
    size_t more = strlen(behind);
    char *longer = malloc(n + more);
    enum pdf_signature seen;

    FUZZ_CHECK(longer != NULL, "%zu", n);
    memcpy(longer, text, n);
    memcpy(longer + n, behind, more);
    seen = pdf_signature_look(longer, n + more);
    free(longer);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct fuzz_in in = {data, size};
    char *text = fuzz_text(&in); /* its own memory, so that a read behind it is seen */
    enum pdf_signature seen = pdf_signature_look(text, size);

    FUZZ_CHECK(seen <= PDF_NO_PDF, "%d", (int)seen);
    FUZZ_CHECK(!web_page_look(text, size) || memchr(text, '<', size) != NULL, "%zu", size);
    if (seen == PDF_WHOLE || seen == PDF_LONG_TERM) {
        FUZZ_CHECK(with(text, size, "\r\n") == seen, "%d", (int)seen);
        FUZZ_CHECK(with(text, size, "\n9 0 obj (x) endobj") < PDF_LONG_TERM, "%d", (int)seen);
        FUZZ_CHECK(with(text, size, "\nx") == PDF_ADDED, "%d", (int)seen);
    }
    free(text);
    return 0;
}
