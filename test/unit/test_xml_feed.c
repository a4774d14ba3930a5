#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "codec/xml.h"
#include "codec/xml_feed.h"

static const struct xml_namespace spaces[] = {{"h", "urn:h"}, {"s", "urn:s"}};

#define KEPT 10

struct taken {
    uint8_t digests[KEPT][32];
    char scopes[KEPT][100]; /* what is in force at each record */
    size_t n;
};

/* What two trees of the same record have in common. */
static void look(const struct xml *doc, uint8_t digest[32], char scope[100])
{
    struct xml_xpath *xpath;
    struct arena arena;
    const char *text;

    arena_init(&arena, 4096);
    assert_int_equal(xml_digest(xml_root(doc), NULL, 0, digest), 0);
    assert_int_equal(xml_xpath_open(doc, NULL, 0, &xpath), 0);
    assert_int_equal(xml_xpath_text(xpath, xml_root(doc),
                                    "concat(count(namespace::*),' ',namespace::q,' ',namespace::k)",
                                    &arena, &text, NULL),
                     0);
    snprintf(scope, 100, "%s", text);
    xml_xpath_close(xpath);
    arena_free(&arena);
}

static int take(void *ctx, struct xml *record, struct errmsg *msg)
{
    struct taken *t = ctx;

    (void)msg;
    if (t->n < KEPT) {
        look(record, t->digests[t->n], t->scopes[t->n]);
    }
    t->n++;
    xml_free(record);
    return 0;
}

/* records: documents, each with ';' behind it. */
static void same_records(const struct taken *t, const char *records)
{
    size_t n = 0;

    for (const char *end; (end = strstr(records, ">;")) != NULL; records = end + 2, n++) {
        struct xml *doc;
        uint8_t digest[32];
        char scope[100];

        assert_true(n < t->n);
        assert_int_equal(xml_parse(records, (size_t)(end + 1 - records), &doc, NULL), 0);
        look(doc, digest, scope);
        assert_memory_equal(t->digests[n], digest, sizeof(digest));
        assert_string_equal(t->scopes[n], scope);
        xml_free(doc);
    }
    assert_int_equal(n, t->n);
}

static int run(const char *rows, const char *text, size_t n, size_t piece, struct taken *t,
               char rest[1000], struct errmsg *msg)
{
    struct xml_feed *f;
    const char *kept;
    size_t kept_n;
    int err = xml_feed_open(rows, spaces, 2, take, t, &f, msg);

    for (size_t at = 0; err == 0 && at < n; at += piece) {
        err = xml_feed_push(f, text + at, n - at < piece ? n - at : piece, msg);
    }
    if (err == 0) {
        err = xml_feed_end(f, &kept, &kept_n, msg);
        if (err == 0) {
            snprintf(rest, 1000, "%s", kept);
        }
    }
    xml_feed_close(f);
    return err;
}

static void good(const char *rows, const char *text, const char *records, const char *rest)
{
    for (size_t piece = 1; piece < 60; piece += 3) {
        struct taken t = {.n = 0};
        struct errmsg msg = {""};
        char kept[1000];

        if (run(rows, text, strlen(text), piece, &t, kept, &msg) != 0) {
            fail_msg("piece %zu: %s", piece, msg.text);
        }
        same_records(&t, records);
        assert_string_equal(kept, rest);
    }
}

static void bad_bytes(const char *rows, const char *text, size_t n, int err, const char *words)
{
    static const size_t pieces[] = {1, 5, 4096, 100000};

    for (size_t i = 0; i < 4; i++) {
        struct taken t = {.n = 0};
        struct errmsg msg = {""};
        char kept[1000];
        int got;

        got = run(rows, text, n, n > 5000 && pieces[i] < 10 ? 4096 : pieces[i], &t, kept, &msg);
        if (got != err || strstr(msg.text, words) == NULL) {
            fail_msg("%d: \"%s\" does not hold \"%s\"", got, msg.text, words);
        }
    }
}

static void bad(const char *rows, const char *text, int err, const char *words)
{
    bad_bytes(rows, text, strlen(text), err, words);
}

static void hands_out_the_elements_of_a_path(void **state)
{
    (void)state;
    good("/a/b",
         "<?xml version='1.0' encoding='utf-8'?>\n<a><n>2</n>\n <b>x</b>\n <b "
         "k='1'/><c><b/></c></a>",
         "<b>x</b>;<b k=\"1\"/>;", "<a><n>2</n><c><b/></c></a>");
    good("//b", "<a><c><b>1</b></c><b><b>2</b></b></a>", "<b>1</b>;<b><b>2</b></b>;",
         "<a><c></c></a>");
    good("/a/*/b", "<a><c><b>1</b></c><d><b>2</b></d></a>", "<b>1</b>;<b>2</b>;",
         "<a><c></c><d></d></a>");
    good("//c/b", "<a><b/><c><b>1</b></c></a>", "<b>1</b>;", "<a><b/><c></c></a>");
    good("/a/b", "<a><b>&lt;&amp;&#10;<![CDATA[<x>]]><!-- y --></b></a>",
         "<b>&lt;&amp;\n&lt;x&gt;</b>;", "<a></a>");
    good("/a/b", "<a/>", "", "<a/>");
    good("/a/b", "<a k='&#38;'><b c='x &amp; y &#38;lt; &lt;' xmlns:k='urn:x?a&amp;b'/></a>",
         "<b xmlns:k=\"urn:x?a&amp;b\" c=\"x &amp; y &amp;lt; &lt;\"/>;", "<a k=\"&amp;\"></a>");
    good("/a/b", "<a><b c='1&#10;2&#9;3&#13;4\n5'>&#9;\n6</b></a>",
         "<b c=\"1&#10;2&#9;3&#13;4 5\">\t\n6</b>;", "<a></a>");
    bad("/a/b", "<a><b c='&x;'/></a>", ERR_FORMAT, "line 1");
}

static void keeps_the_namespaces_of_a_record(void **state)
{
    (void)state;
    good("/s:e/h:b", "<q:e xmlns:q='urn:s' xmlns='urn:h'><b><c/></b></q:e>",
         "<b xmlns:q=\"urn:s\" xmlns=\"urn:h\"><c/></b>;",
         "<q:e xmlns:q=\"urn:s\" xmlns=\"urn:h\"></q:e>");
    good("//*[local-name()='b']", "<e xmlns='urn:x'><b xmlns='urn:y'/></e>",
         "<b xmlns=\"urn:y\"/>;", "<e xmlns=\"urn:x\"></e>");
    good("/*/h:b", "<e xmlns='urn:x' xmlns:k='urn:h'><k:b/></e>",
         "<k:b xmlns=\"urn:x\" xmlns:k=\"urn:h\"/>;", "<e xmlns=\"urn:x\" xmlns:k=\"urn:h\"></e>");
    good("/e/b", "<e xmlns='urn:x'><b/></e>", "", "<e xmlns=\"urn:x\"><b/></e>");
    assert_true(xml_feed_can("/a/h:b"));
    assert_false(xml_feed_can("/a/b[1]"));
    assert_false(xml_feed_can("a/b"));
    assert_false(xml_feed_can("/a//b"));
    assert_false(xml_feed_can("/a/text()"));
    bad("/zz:a", "<a/>", ERR_INVAL, "can't be followed");
}

static void refuses_hostile_documents(void **state)
{
    size_t n = 3u << 20;
    char *text = malloc(n);
    size_t len = 0;

    (void)state;
    assert_non_null(text);
    bad("/a/b", "<!DOCTYPE a [<!ENTITY x 'y'>]><a/>", ERR_FORMAT, "DOCTYPE");
    bad("/a/b", "<?xml version='1.0' encoding='UTF-16'?><a/>", ERR_FORMAT, "encoding");
    bad("/a/b", "\n<a>\n<b\n x='1'><!DOCTYPE a>", ERR_FORMAT, "line 4: a DOCTYPE");
    bad("/a/b", "<a><b>1</b>", ERR_FORMAT, "");
    bad("/a/b", "<a><b>1</c></a>", ERR_FORMAT, "");
    bad("/a/b", "<a/><a/>", ERR_FORMAT, "");
    bad("/a/b", "<a>&x;</a>", ERR_FORMAT, "");
    bad("/a/b", "<a>\xC3\x28</a>", ERR_FORMAT, "");
    bad("/a/b", "<a b='<'/>", ERR_FORMAT, "'<' inside a tag");
    bad("/a/b", "<a></a></a>", ERR_FORMAT, "");
    bad("/a/b", "{}", ERR_FORMAT, "not XML");
    bad("/a/b", "", ERR_FORMAT, "");
    bad_bytes("/a/b", "<\0a\0", 4, ERR_FORMAT, "NUL");
    (void)snprintf(text, n, "<?xml version='1.0'%500sencoding='UTF-16'?><a/>", "");
    bad("/a/b", text, ERR_FORMAT, "encoding"); /* behind what is looked at */
    for (int i = 0; i < 70; i++) {
        len += (size_t)snprintf(text + len, n - len, "<a>");
    }
    bad("/a/b", text, ERR_TOOBIG, "deeper than 64");
    len = (size_t)snprintf(text, n, "<a");
    for (int i = 0; i < 300; i++) {
        len += (size_t)snprintf(text + len, n - len, " a%d=''", i);
    }
    bad("/a/b", text, ERR_TOOBIG, "256 attributes");
    len = (size_t)snprintf(text, n, "<a");
    for (int i = 0; i < 70; i++) {
        len += (size_t)snprintf(text + len, n - len, " xmlns:a%d='u'", i);
    }
    (void)snprintf(text + len, n - len, ">");
    bad("/a/b", text, ERR_TOOBIG, "64 namespaces");
    memset(text, 'x', n);
    memcpy(text, "<a b='", 6);
    bad_bytes("/a/b", text, n, ERR_TOOBIG, "64 KiB");
    memcpy(text, "<a><b>", 6);
    bad_bytes("/a/b", text, n, ERR_TOOBIG, "text is longer");
    free(text);
}

/* A document that is one record of such elements. */
static size_t many(char *text, size_t n, const char *element)
{
    size_t len = 6;

    memcpy(text, "<a><b>", 6);
    for (; len + strlen(element) < n; len += strlen(element)) {
        memcpy(text + len, element, strlen(element));
    }
    return len;
}

static void bounds_records_and_the_rest(void **state)
{
    size_t n = 3u << 20;
    char *text = malloc(n);
    size_t len;

    (void)state;
    assert_non_null(text);
    len = many(text, n, "<MaHoSo>1234567</MaHoSo>");
    bad_bytes("/a/b", text, len, ERR_TOOBIG, "record is longer");
    bad_bytes("/a/q", text, len, ERR_TOOBIG, "outside of the records");
    len = many(text, n, "<c/>");
    bad_bytes("/a/b", text, len, ERR_TOOBIG, "too many elements");
    bad_bytes("/a/q", text, len, ERR_TOOBIG, "outside of the records");
    free(text);
}

/* Neither time nor memory may grow with the length: 2 MB here, the big ones in test_feed.py. */
static void reads_a_long_feed(void **state)
{
    static const char record[] =
        "<b><MaHoSo>000.00.00.H00-261110-0001</MaHoSo><x>0123456789</x></b>\n";
    struct taken t = {.n = 0};
    struct errmsg msg = {""};
    struct xml_feed *f;
    const char *rest;
    size_t n;

    (void)state;
    assert_int_equal(xml_feed_open("/a/b", NULL, 0, take, &t, &f, &msg), 0);
    assert_int_equal(xml_feed_push(f, "<a>", 3, &msg), 0);
    for (int i = 0; i < 30000; i++) {
        assert_int_equal(xml_feed_push(f, record, sizeof(record) - 1, &msg), 0);
    }
    assert_int_equal(xml_feed_push(f, "</a>", 4, &msg), 0);
    assert_int_equal(xml_feed_end(f, &rest, &n, &msg), 0);
    assert_int_equal(t.n, 30000);
    xml_feed_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_out_the_elements_of_a_path),
        cmocka_unit_test(keeps_the_namespaces_of_a_record),
        cmocka_unit_test(refuses_hostile_documents),
        cmocka_unit_test(bounds_records_and_the_rest),
        cmocka_unit_test(reads_a_long_feed),
    };
    int failed;

    xml_init();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xml_cleanup();
    return failed;
}
