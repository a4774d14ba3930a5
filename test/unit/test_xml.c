#include "codec/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))
#define DOCUMENT_MAX (40u << 20)
#define CPU_LIMIT_S 0.2 /* what a hostile document may cost */

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Only plain builds are timed to the letter. The thread sanitizer makes each copy of libxml2's
 * growing buffers so slow that a time says nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define PATIENCE 20
#elif defined(__SANITIZE_THREAD__)
#define PATIENCE 1e6
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PATIENCE 1e6
#elif __has_feature(address_sanitizer)
#define PATIENCE 20
#endif
#endif
#ifndef PATIENCE
#define PATIENCE 1
#endif

static double patience(void)
{
    return getenv("SLOW_TOOL") != NULL && PATIENCE < 100 ? 100 : PATIENCE;
}

/* Parses from a heap copy of exactly n bytes, so that a read beyond the end is seen by the
 * sanitizers. */
static int parse(const char *bytes, size_t n, struct xml **doc, struct errmsg *msg)
{
    char *copy = malloc(n > 0 ? n : 1);
    int rc;

    assert_non_null(copy);
    memcpy(copy, bytes, n);
    rc = xml_parse(copy, n, doc, msg);
    free(copy);
    assert_true((rc == 0) == (*doc != NULL));
    return rc;
}

static struct xml *must_parse(const char *text)
{
    struct errmsg msg = {0};
    struct xml *doc;

    if (parse(text, strlen(text), &doc, &msg) != 0) {
        fail_msg("%s: %s", text, msg.text);
    }
    return doc;
}

static void assert_refused(const char *bytes, size_t n, int err)
{
    struct errmsg msg = {0};
    struct xml *doc;
    double start = cpu_seconds();
    int rc = parse(bytes, n, &doc, &msg);

    if (rc != err) {
        xml_free(doc);
        fail_msg("%.80s gave %d %s", bytes, rc, msg.text);
    }
    assert_true(cpu_seconds() - start < CPU_LIMIT_S * patience());
    assert_true(strlen(msg.text) > 0);
}

static void assert_refused_text(const char *text)
{
    assert_refused(text, strlen(text), ERR_FORMAT);
}

static void repeat(struct buf *b, unsigned n, const char *text)
{
    for (unsigned i = 0; i < n; i++) {
        buf_puts(b, text);
    }
    assert_int_equal(buf_error(b), 0);
}

static void walks_elements_by_local_name(void **state)
{
    struct xml *doc = must_parse(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- a --><s:Envelope xmlns:s=\"urn:s\">\n"
        "  <s:Body><Row><Ma>1.001193</Ma><Ten>Khai sinh</Ten></Row>\n"
        "<Row><Ma>2</Ma></Row><Other/><Row/></s:Body></s:Envelope>\n<!-- z -->");
    const struct xml_node *body = xml_child(xml_root(doc), "Body");
    const struct xml_node *row = xml_child(body, "Row");

    (void)state;
    assert_string_equal(xml_name(xml_root(doc)), "Envelope");
    assert_ptr_equal(xml_child(xml_root(doc), NULL), body);
    assert_string_equal(xml_text(xml_child(row, "Ma")), "1.001193");
    assert_string_equal(xml_text(xml_child(row, "Ten")), "Khai sinh");
    assert_string_equal(xml_text(xml_child(row, "ten")), "");
    row = xml_next(row, "Row");
    assert_string_equal(xml_text(xml_child(row, "Ma")), "2");
    assert_string_equal(xml_name(xml_next(row, NULL)), "Other");
    row = xml_next(row, "Row");
    assert_null(xml_child(row, NULL));
    assert_null(xml_next(row, NULL));
    assert_null(xml_child(NULL, "x"));
    assert_null(xml_next(NULL, NULL));
    assert_null(xml_root(NULL));
    assert_string_equal(xml_text(NULL), "");
    assert_string_equal(xml_name(NULL), "");
    xml_free(doc);
    xml_free(NULL);
}

static void text_is_one_piece_however_it_is_written(void **state)
{
    static const struct {
        const char *xml;
        const char *text;
    } cases[] = {
        {"<a>x</a>", "x"},
        {"<a/>", ""},
        {"<a></a>", ""},
        {"<a><![CDATA[x<y&z]]></a>", "x<y&z"},
        {"<a>x<![CDATA[y]]>z</a>", "xyz"},
        {"<a>x<!-- c -->y<?pi z?>z</a>", "xyz"},
        {"<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x1ea1;</a>", "<&>\"'A\xE1\xBA\xA1"},
        {"<a> x </a>", " x "},
        {"<a>x\r\ny</a>", "x\ny"},
        {"<a><b>x</b></a>", ""},
        {"<a>x<b/></a>", ""},
        {"<a>Thủ tục</a>", "Thủ tục"},
        {"\xEF\xBB\xBF<a>x</a>", "x"},
        {"\xEF\xBB\xBF<?xml version='1.0' encoding='UTF-8' standalone='yes'?><a>x</a>", "x"},
        {"<?xml version=\"1.0\"?><a b='>' c=\"'/>\">x</a >", "x"},
        {"<?xml-stylesheet encoding='latin1'?><a>x</a>", "x"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct xml *doc = must_parse(cases[i].xml);

        assert_string_equal(xml_text(xml_root(doc)), cases[i].text);
        xml_free(doc);
    }
}

static void refuses_what_is_not_well_formed(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "x",
        "<",
        "<a",
        "<a>",
        "<a></b>",
        "<a><b></a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a b></a>",
        "<a b=c/>",
        "<a b='1' b='2'/>",
        "<a b='<'/>",
        "<a>&unknown;</a>",
        "<a>&</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>]]></a>",
        "<a><!-- -- --></a>",
        "<a><!-- </a>",
        "<a><![CDATA[ </a>",
        "<a><?pi </a>",
        "<a>\x01</a>",
        "< a/>",
        "<a></ a>",
        "<1/>",
        "<a><![INCLUDE[x]]></a>",
        "<p:a/>",
        "<a p:b='1'/>",
        "<!-- only -->",
        " <?xml version='1.0'?><a/>",
        "<?xml version='1.0'><a/>",
        "<a/><!DOCTYPE a>",
        "<!---><a/>",
        "<a",
        "<a b='",
        "<a/",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_refused_text(bad[i]);
    }
}

static void a_cut_document_is_never_accepted(void **state)
{
    static const char whole[] = "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- c "
                                "--><r xmlns=\"urn:x\" a='1'><b>Th\xE1\xBB\xA7 "
                                "&amp; &#65;</b><![CDATA[<x>]]><?p q?><c/></r>";
    struct xml *doc;

    (void)state;
    for (size_t n = 0; n < sizeof(whole) - 1; n++) {
        assert_refused(whole, n, ERR_FORMAT);
    }
    assert_int_equal(parse(whole, sizeof(whole) - 1, &doc, NULL), 0);
    xml_free(doc);
}

static void errors_name_the_line(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"<a>\n<b>\n</c>\n</a>", "line 3: an end tag that is not the open element's"},
        {"\n\n<!DOCTYPE a><a/>", "line 3: a DOCTYPE is not accepted"},
        {"<a>\n&x;</a>", "line 2: an entity that is not defined"},
        {"<a>\n<b", "line 2: the document ends too early"},
        {"<a>\n<b/>", "line 2: the document ends too early"},
        {"<a>\n\n\xE9</a>\n", "line 3: not UTF-8"},
        {"\xE9", "line 1: not XML in UTF-8"},
        {"<a>\n<b/\xE9", "line 2: the document ends too early"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct errmsg msg = {0};
        struct xml *doc;

        assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &doc, &msg), ERR_FORMAT);
        assert_string_equal(msg.text, cases[i].words);
    }
}

/* Names and addresses in a document are a peer's bytes, and may be anything. */
static void errors_quote_nothing_of_the_document(void **state)
{
    static const char *const texts[] = {
        "<SECRET></b>",
        "<a>&SECRET;</a>",
        "<SECRET:a/>",
        "<a SECRET:b='1'/>",
        "<a SECRET=1/>",
        "<a SECRET='1' SECRET='2'/>",
        "<a xmlns='SECRET 1%'/>",
        "<a xmlns:SECRET=''/>",
        "<?xml SECRET?><a/>",
        "<?xml version='SECRET'?><a/>",
        "<a><?SECRET",
        "<a><?SECRET:b?></a>",
        "<a>&#xSECRET;</a>",
        "<a/>SECRET",
        "<a xml:space='SECRET'>",
        "<a><!-- SECRET -- --></a>",
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct errmsg msg = {0};
        struct xml *doc;

        assert_int_equal(parse(texts[i], strlen(texts[i]), &doc, &msg), ERR_FORMAT);
        assert_null(strstr(msg.text, "SECRET"));
        assert_memory_equal(msg.text, "line 1: ", 8);
    }
}

static void refuses_every_doctype_and_reads_nothing_for_it(void **state)
{
    char path[] = "/tmp/test_xml_XXXXXX";
    char text[400];
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "TOPSECRET", 9), 9);
    close(fd);
    (void)snprintf(text, sizeof(text), "<!DOCTYPE a [<!ENTITY x SYSTEM \"file://%s\">]><a>&x;</a>",
                   path);
    assert_refused_text(text);
    (void)snprintf(text, sizeof(text), "<!DOCTYPE a SYSTEM \"file://%s\"><a/>", path);
    assert_refused_text(text);
    assert_refused_text("<!DOCTYPE a [<!ENTITY x SYSTEM \"http://127.0.0.1:9/x\">]><a>&x;</a>");
    assert_refused_text("<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1:9/p\"> %p;]><a/>");
    assert_refused_text("<!DOCTYPE a PUBLIC \"x\" \"http://127.0.0.1:9/x.dtd\"><a/>");
    assert_refused_text("<!DOCTYPE a><a/>");
    assert_refused_text("<!doctype a><a/>");
    assert_refused_text("<!-- c --><?p?>\n<!DOCTYPE a []><a/>");
    unlink(path);
}

static void refuses_entity_bombs(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, DOCUMENT_MAX);
    buf_puts(&b, "<!DOCTYPE a [<!ENTITY l0 \"lol\">");
    for (unsigned i = 1; i < 10; i++) {
        buf_printf(&b, "<!ENTITY l%u \"", i);
        for (unsigned k = 0; k < 10; k++) {
            buf_printf(&b, "&l%u;", i - 1);
        }
        buf_puts(&b, "\">");
    }
    buf_puts(&b, "]><a>&l9;</a>");
    assert_refused(b.data, b.len, ERR_FORMAT);
    buf_clear(&b);
    buf_puts(&b, "<!DOCTYPE a [<!ENTITY x \"");
    repeat(&b, 60000, "x");
    buf_puts(&b, "\">]><a>");
    repeat(&b, 20000, "&x;");
    buf_puts(&b, "</a>");
    assert_refused(b.data, b.len, ERR_FORMAT);
    buf_free(&b);
}

static void an_inclusion_is_an_element_like_any_other(void **state)
{
    struct xml *doc = must_parse("<a xmlns:xi=\"http://www.w3.org/2001/XInclude\">"
                                 "<xi:include href=\"file:///etc/hostname\" parse=\"text\"/></a>");

    (void)state;
    assert_string_equal(xml_name(xml_child(xml_root(doc), NULL)), "include");
    assert_string_equal(xml_text(xml_root(doc)), "");
    xml_free(doc);
}

static void refuses_start_tags_that_cost_quadratic_time(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, DOCUMENT_MAX);
    buf_puts(&b, "<r>");
    for (unsigned k = 0; k < 100; k++) {
        buf_puts(&b, "<a");
        for (unsigned i = 0; i < 1000; i++) {
            buf_printf(&b, " a%u=''", i);
        }
        buf_puts(&b, "/>");
    }
    buf_puts(&b, "</r>");
    assert_refused(b.data, b.len, ERR_TOOBIG);
    buf_clear(&b);
    buf_puts(&b, "<a");
    for (unsigned i = 0; i < 100000; i++) {
        buf_printf(&b, " a%u=''", i);
    }
    buf_puts(&b, "/>");
    assert_refused(b.data, b.len, ERR_TOOBIG);
    buf_clear(&b);
    for (unsigned i = 0; i < 1000; i++) {
        buf_printf(&b, "<a xmlns:n%u='urn:%u'>", i, i);
    }
    assert_refused(b.data, b.len, ERR_TOOBIG);
    buf_clear(&b);
    buf_puts(&b, "<a");
    for (unsigned i = 0; i < 65; i++) {
        buf_printf(&b, "\nxmlns:n%u='urn:%u'", i, i);
    }
    buf_puts(&b, "/>");
    assert_refused(b.data, b.len, ERR_TOOBIG);
    buf_free(&b);
}

static void a_start_tag_ends_at_64_kib(void **state)
{
    static const char open[] = "<a b='";
    struct xml *doc;
    struct buf b;

    (void)state;
    buf_init(&b, DOCUMENT_MAX);
    buf_puts(&b, open);
    repeat(&b, (64u << 10) - (sizeof(open) - 1) - 3, "x");
    buf_puts(&b, "'/>");
    assert_int_equal(b.len, 64u << 10);
    assert_int_equal(parse(b.data, b.len, &doc, NULL), 0);
    xml_free(doc);
    buf_clear(&b);
    buf_puts(&b, open);
    repeat(&b, (64u << 10) - (sizeof(open) - 1) - 2, "x");
    buf_puts(&b, "'/>");
    assert_refused(b.data, b.len, ERR_TOOBIG);
    buf_clear(&b);
    buf_puts(&b, "<");
    repeat(&b, (64u << 10) - 2, "x");
    buf_puts(&b, ">");
    assert_refused(b.data, b.len, ERR_FORMAT); /* such a name is libxml2's to refuse */
    buf_clear(&b);
    buf_puts(&b, "<");
    repeat(&b, (64u << 10) - 1, "x");
    buf_puts(&b, ">");
    assert_refused(b.data, b.len, ERR_TOOBIG);
    buf_free(&b);
}

static void namespaces_declared_again_on_each_row_are_fine(void **state)
{
    struct xml *doc;
    struct buf b;

    (void)state;
    buf_init(&b, DOCUMENT_MAX);
    buf_puts(&b, "<r>");
    repeat(&b, 2000,
           "<row xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:nil='true'><x/></row>");
    buf_puts(&b, "</r>");
    assert_int_equal(parse(b.data, b.len, &doc, NULL), 0);
    xml_free(doc);
    buf_free(&b);
}

static void depth_ends_at_its_limit(void **state)
{
    static const unsigned too_deep[] = {65, 66, 300, 200000};
    struct xml *doc;
    struct buf b;

    (void)state;
    buf_init(&b, DOCUMENT_MAX);
    repeat(&b, 64, "<a>");
    repeat(&b, 64, "</a>");
    assert_int_equal(parse(b.data, b.len, &doc, NULL), 0);
    xml_free(doc);
    buf_clear(&b);
    repeat(&b, 64, "<a>");
    buf_puts(&b, "<b/>");
    repeat(&b, 64, "</a>");
    assert_refused(b.data, b.len, ERR_TOOBIG);
    for (size_t i = 0; i < COUNT_OF(too_deep); i++) {
        buf_clear(&b);
        repeat(&b, too_deep[i], "<a>");
        repeat(&b, too_deep[i], "</a>");
        assert_refused(b.data, b.len, ERR_TOOBIG);
    }
    buf_free(&b);
}

static void a_text_ends_at_one_mebibyte(void **state)
{
    struct xml *doc;
    struct buf b;

    (void)state;
    buf_init(&b, DOCUMENT_MAX);
    buf_puts(&b, "<a>");
    repeat(&b, 1u << 16, "0123456789abcdef");
    buf_puts(&b, "</a>");
    assert_int_equal(parse(b.data, b.len, &doc, NULL), 0);
    assert_int_equal(strlen(xml_text(xml_root(doc))), 1u << 20);
    xml_free(doc);
    buf_clear(&b);
    buf_puts(&b, "<a>");
    repeat(&b, 11u << 16, "0123456789abcdef");
    buf_puts(&b, "</a>");
    assert_refused(b.data, b.len, ERR_TOOBIG);
    buf_clear(&b);
    buf_puts(&b, "<a>");
    repeat(&b, 1u << 16, "0123<!-- c -->45<?p?>6789<![CDATA[abcdef]]>");
    buf_puts(&b, "x</a>");
    assert_refused(b.data, b.len, ERR_TOOBIG);
    buf_free(&b);
}

static void a_comment_or_instruction_ends_at_one_mebibyte(void **state)
{
    static const struct {
        const char *open, *close;
        int err;
        size_t over; /* bytes more than fit */
    } cases[] = {
        {"<a><!--", "--></a>", 0, 0}, {"<a><!--", "--></a>", ERR_TOOBIG, 1},
        {"<a><?p ", "?></a>", 0, 0},  {"<a><?p ", "?></a>", ERR_TOOBIG, 1},
        {"<a/><!--", "-->", 0, 0},    {"<a/><!--", "-->", ERR_TOOBIG, 1},
    };
    struct buf b;

    (void)state;
    buf_init(&b, DOCUMENT_MAX);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct xml *doc = NULL;
        size_t own = cases[i].open[3] == '?' || cases[i].open[4] == '?' ? 4 : 3;

        buf_clear(&b);
        buf_puts(&b, cases[i].open);
        for (size_t k = (1u << 20) - own + cases[i].over; k > 0; k--) {
            buf_putc(&b, 'x');
        }
        buf_puts(&b, cases[i].close);
        assert_int_equal(parse(b.data, b.len, &doc, NULL), cases[i].err);
        xml_free(doc);
    }
    buf_free(&b);
}

/* The tree costs the most where elements are small. */
static void small_elements_end_early_and_large_ones_late(void **state)
{
    struct xml *doc;
    struct buf b;

    (void)state;
    buf_init(&b, DOCUMENT_MAX);
    buf_puts(&b, "<r>");
    repeat(&b, 250000, "<a/>");
    buf_puts(&b, "</r>");
    assert_refused(b.data, b.len, ERR_TOOBIG);
    buf_clear(&b);
    buf_puts(&b, "<r>");
    repeat(&b, 250000, "<trangThai>1</trangThai>");
    buf_puts(&b, "</r>");
    assert_int_equal(parse(b.data, b.len, &doc, NULL), 0);
    xml_free(doc);
    buf_free(&b);
}

/* Each is near a limit without crossing it; the time must stay in proportion. */
static void floods_of_small_things_stay_cheap(void **state)
{
    static const char *const things[] = {
        "<!---->", "<?p?>", "<![CDATA[]]>", "x<!---->", "<![CDATA[x]]>",
        "&#65;",   "<a/>",  "<a></a>",      "\n",
    };
    struct buf b;

    (void)state;
    buf_init(&b, DOCUMENT_MAX);
    for (size_t i = 0; i < COUNT_OF(things); i++) {
        struct xml *doc;
        double start;

        buf_clear(&b);
        buf_puts(&b, "<r>");
        repeat(&b, i < 6 ? 100000 : 65000, things[i]);
        buf_puts(&b, "</r>");
        start = cpu_seconds();
        assert_int_equal(parse(b.data, b.len, &doc, NULL), 0);
        assert_true(cpu_seconds() - start < CPU_LIMIT_S * patience());
        xml_free(doc);
    }
    buf_clear(&b);
    buf_puts(&b, "<r>");
    repeat(&b, (1u << 20) + 1, "<a/>");
    buf_puts(&b, "</r>");
    assert_refused(b.data, b.len, ERR_TOOBIG);
    buf_free(&b);
}

static void refuses_every_encoding_but_utf8(void **state)
{
    static const char *const declared[] = {
        "UTF-16", "UTF-7", "windows-1258", "ISO-8859-1", "US-ASCII", "UTF8",
        "UCS-4",  "",      "UTF-8 ",       "bogus",
    };
    static const char utf16[] = "\xFF\xFE<\0a\0/\0>\0";
    static const char utf16_bare[] = "<\0a\0/\0>\0";
    static const char nul[] = "<a>x\0y</a>";
    char text[200];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(declared); i++) {
        (void)snprintf(text, sizeof(text), "<?xml version=\"1.0\" encoding=\"%s\"?><a/>",
                       declared[i]);
        assert_refused_text(text);
        (void)snprintf(text, sizeof(text),
                       "<?xml version='1.0'\n encoding = '%s' standalone='no' ?><a/>", declared[i]);
        assert_refused_text(text);
    }
    assert_refused_text("<?xml version=\"encoding='UTF-8'\" encoding=\"UTF-16\"?><a/>");
    assert_refused_text("<?xml vncodingve=\"1.0\"<?xml version=\"1.0g=\"UTF-8\"?><r/>");
    assert_refused_text("<?xml =\"?>");
    assert_refused_text("<?xml encoding?>");
    assert_refused(utf16, sizeof(utf16) - 1, ERR_FORMAT);
    assert_refused(utf16_bare, sizeof(utf16_bare) - 1, ERR_FORMAT);
    assert_refused(nul, sizeof(nul) - 1, ERR_FORMAT);
    assert_refused("<a/>\0", 5, ERR_FORMAT);
    assert_refused_text("<a>\xE9</a>");
    assert_refused_text("<a>\xC0\xAF</a>");
    assert_refused_text("<a>\xED\xA0\x80</a>");
    assert_refused_text("+ADw-a/+AD4-");
}

static void a_document_ends_at_its_limit(void **state)
{
    char *bytes = calloc(1, XML_DOCUMENT_MAX + 1);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, ' ', XML_DOCUMENT_MAX + 1);
    assert_refused(bytes, XML_DOCUMENT_MAX + 1, ERR_TOOBIG);
    free(bytes);
}

/* The library's own default is to print what it dislikes. */
static void nothing_is_written_to_stderr(void **state)
{
    static const char *const noisy[] = {"<a></b>",
                                        "<a xmlns='relative'/>",
                                        "<p:a/>",
                                        "<a>&x;</a>",
                                        "<a xml:id='1'><b xml:id='1'/></a>",
                                        "<a xmlns:b=''/>",
                                        "<a"};
    char path[] = "/tmp/test_xml_XXXXXX";
    int fd = mkstemp(path);
    int saved = dup(STDERR_FILENO);
    off_t written;

    (void)state;
    assert_true(fd >= 0 && saved >= 0);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    for (size_t i = 0; i < COUNT_OF(noisy); i++) {
        struct xml *doc;

        if (xml_parse(noisy[i], strlen(noisy[i]), &doc, NULL) == 0) {
            xml_free(doc);
        }
    }
    fflush(stderr);
    written = lseek(fd, 0, SEEK_END);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    close(fd);
    unlink(path);
    assert_int_equal(written, 0);
}

static int setup(void **state)
{
    (void)state;
    xml_init();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    xml_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_elements_by_local_name),
        cmocka_unit_test(text_is_one_piece_however_it_is_written),
        cmocka_unit_test(refuses_what_is_not_well_formed),
        cmocka_unit_test(a_cut_document_is_never_accepted),
        cmocka_unit_test(errors_name_the_line),
        cmocka_unit_test(errors_quote_nothing_of_the_document),
        cmocka_unit_test(refuses_every_doctype_and_reads_nothing_for_it),
        cmocka_unit_test(refuses_entity_bombs),
        cmocka_unit_test(an_inclusion_is_an_element_like_any_other),
        cmocka_unit_test(refuses_start_tags_that_cost_quadratic_time),
        cmocka_unit_test(a_start_tag_ends_at_64_kib),
        cmocka_unit_test(namespaces_declared_again_on_each_row_are_fine),
        cmocka_unit_test(depth_ends_at_its_limit),
        cmocka_unit_test(a_text_ends_at_one_mebibyte),
        cmocka_unit_test(a_comment_or_instruction_ends_at_one_mebibyte),
        cmocka_unit_test(small_elements_end_early_and_large_ones_late),
        cmocka_unit_test(floods_of_small_things_stay_cheap),
        cmocka_unit_test(refuses_every_encoding_but_utf8),
        cmocka_unit_test(a_document_ends_at_its_limit),
        cmocka_unit_test(nothing_is_written_to_stderr),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
