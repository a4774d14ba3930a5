/* XPath and digests of codec/xml.h. */
#include "codec/xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/digest.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct xml_namespace NAMESPACES[] = {{"s", "urn:s"}, {"n", "urn:n"}};

static const char DOCUMENT[] =
    "<e:Envelope xmlns:e='urn:s'><e:Body><rows xmlns='urn:n' at='now'>\n"
    "<row k='1'><id>a</id><ten>Lò <![CDATA[& Thị]]></ten></row>\n"
    "<row k='2'><id> b </id><sub><id>c</id></sub></row><other xmlns=''/></rows></e:Body>"
    "</e:Envelope>";

/* A document and its evaluator. */
struct fixture {
    struct xml *doc;
    struct xml_xpath *xpath;
    struct arena arena;
    struct errmsg msg;
};

static void fixture_begin(struct fixture *f, const char *text)
{
    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, 2u << 20);
    if (xml_parse(text, strlen(text), &f->doc, &f->msg) != 0) {
        fail_msg("%s", f->msg.text);
    }
    assert_int_equal(xml_xpath_open(f->doc, NAMESPACES, COUNT(NAMESPACES), &f->xpath), 0);
}

static void fixture_end(struct fixture *f)
{
    xml_xpath_close(f->xpath);
    xml_free(f->doc);
    arena_free(&f->arena);
}

static const char *text_of(struct fixture *f, const struct xml_node *from, const char *expression)
{
    const char *text;

    if (xml_xpath_text(f->xpath, from, expression, &f->arena, &text, &f->msg) != 0) {
        fail_msg("%s: %s", expression, f->msg.text);
    }
    return text;
}

static void namespaces_count_and_prefixes_do_not(void **state)
{
    static const char *const cases[][2] = {
        {"/s:Envelope/s:Body/n:rows/n:row/n:id", "a"},
        {"s:Envelope/s:Body/n:rows/n:row[2]/n:id", " b "},
        {"//n:row[@k='2']//n:sub/n:id", "c"},
        {"//n:rows/@at", "now"},
        {"//n:row[1]/n:ten", "Lò & Thị"},
        {"//row", ""},
        {"//n:other", ""},
        {"name(//other)", "other"},
        {"count(//n:row)", "2"},
        {"concat(//n:row[1]/n:id, '-', //n:row[2]/@k)", "a-2"},
        {"//n:row[last()]/@k", "2"},
        {"//*[local-name()='sub']", "c"},
        {"normalize-space(//n:row[2]/n:id)", "b"},
        {"boolean(//n:none)", "false"},
    };
    struct fixture f;

    (void)state;
    fixture_begin(&f, DOCUMENT);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(text_of(&f, NULL, cases[i][0]), cases[i][1]);
        assert_string_equal(text_of(&f, NULL, cases[i][0]), cases[i][1]); /* as compiled before */
    }
    fixture_end(&f);
}

static void nodes_are_seen_from_where_one_stands(void **state)
{
    const struct xml_node **rows;
    struct fixture f;
    size_t n;

    (void)state;
    fixture_begin(&f, DOCUMENT);
    assert_int_equal(xml_xpath_nodes(f.xpath, NULL, "//n:row", 10, &rows, &n, &f.msg), 0);
    assert_int_equal(n, 2);
    assert_string_equal(xml_name(rows[0]), "row");
    assert_string_equal(text_of(&f, rows[0], "n:id"), "a");
    assert_string_equal(text_of(&f, rows[1], "n:id"), " b ");
    assert_string_equal(text_of(&f, rows[1], ".//n:sub/n:id"), "c");
    assert_string_equal(text_of(&f, rows[1], "../n:row[1]/n:id"), "a");
    free(rows);
    assert_int_equal(xml_xpath_nodes(f.xpath, NULL, "//n:row", 1, &rows, &n, &f.msg), ERR_TOOBIG);
    assert_string_equal(f.msg.text, "more than 1 rows");
    assert_null(rows);
    assert_int_equal(xml_xpath_nodes(f.xpath, NULL, "//n:none", 1, &rows, &n, &f.msg), 0);
    assert_int_equal(n, 0);
    assert_int_equal(xml_xpath_nodes(f.xpath, NULL, "count(//n:row)", 1, &rows, &n, &f.msg),
                     ERR_FORMAT);
    assert_int_equal(xml_xpath_nodes(f.xpath, NULL, "//@k", 5, &rows, &n, &f.msg), 0);
    assert_int_equal(n, 0); /* attributes are no elements */
    free(rows);
    fixture_end(&f);
}

static void faulty_expressions_are_refused_with_words(void **state)
{
    static const char *const cases[] = {
        "//row[",   "q:row",         "$v",  "nofunction(1)",
        "",         "id(",           "a//", "document('/etc/passwd')",
        "count(1)", "//n:row[q:id]", "1 +"};
    struct fixture f;

    (void)state;
    fixture_begin(&f, DOCUMENT);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *text;

        if (xml_xpath_text(f.xpath, NULL, cases[i], &f.arena, &text, &f.msg) != ERR_FORMAT) {
            fail_msg("%s", cases[i]);
        }
        assert_string_equal(text, "");
        assert_true(strlen(f.msg.text) > 0);
    }
    assert_string_equal(text_of(&f, NULL, "//n:rows/@at"), "now"); /* still good afterwards */
    fixture_end(&f);
}

/* An expression that would look at each node once for each other. */
static void an_evaluation_ends(void **state)
{
    struct fixture f;
    struct buf text;
    const char *out;
    clock_t start;

    (void)state;
    buf_init(&text, 4u << 20);
    buf_puts(&text, "<a>");
    for (unsigned i = 0; i < 20000; i++) {
        buf_puts(&text, "<b/>");
    }
    buf_puts(&text, "</a>");
    fixture_begin(&f, buf_text(&text));
    start = clock();
    assert_int_equal(xml_xpath_text(f.xpath, NULL,
                                    "count(//b[count(preceding::b[count(following::b) > 1]) > 1])",
                                    &f.arena, &out, &f.msg),
                     ERR_TOOBIG);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 60);
    assert_string_equal(text_of(&f, NULL, "count(//b)"), "20000");
    fixture_end(&f);
    buf_free(&text);
}

/* Paths of names alone don't go to libxml2, the same with "./" in front do. */
static void names_alone_are_as_in_xpath(void **state)
{
    static const char *const documents[] = {
        DOCUMENT,
        "<a><b/><b><c/><d>1</d></b><b><d>2</d></b></a>",
        "<a>x<b>1<d>2</d>3</b><div>4</div><and>5</and><d-1>6</d-1><d> 7 </d><text>8</text></a>",
        "<a xmlns:q='urn:n'><q:b><d>1</d></q:b><b "
        "xmlns='urn:s'><d>2</d></b><b><q:d/><d>3</d></b></a>",
    };
    static const char *const paths[] = {"a",       "b",   "d",    "b/d", "b/c",    "a/b/d",
                                        "b/b/b",   "div", "and",  "d-1", "text",   "rows/row",
                                        "a/b/d/e", "B",   "text", "a/b", "div/mod"};

    (void)state;
    for (size_t i = 0; i < COUNT(documents) * COUNT(paths); i++) {
        const char *path = paths[i % COUNT(paths)];
        const struct xml_node *from[2] = {NULL, NULL};
        char other[40];
        struct fixture f;

        fixture_begin(&f, documents[i / COUNT(paths)]);
        from[1] = xml_root(f.doc);
        snprintf(other, sizeof(other), "./%s", path);
        for (size_t k = 0; k < 2; k++) {
            const struct xml_node **nodes[2];
            size_t n[2];

            assert_string_equal(text_of(&f, from[k], path), text_of(&f, from[k], other));
            assert_int_equal(xml_xpath_nodes(f.xpath, from[k], path, 9, &nodes[0], &n[0], NULL), 0);
            assert_int_equal(xml_xpath_nodes(f.xpath, from[k], other, 9, &nodes[1], &n[1], NULL),
                             0);
            assert_int_equal(n[0], n[1]);
            for (size_t at = 0; at < n[0]; at++) {
                assert_ptr_equal(nodes[0][at], nodes[1][at]);
            }
            free(nodes[0]);
            free(nodes[1]);
        }
        fixture_end(&f);
    }
}

static void a_value_beyond_the_arena_is_no_crash(void **state)
{
    struct fixture f;
    const char *text;

    (void)state;
    fixture_begin(&f, "<a>0123456789</a>");
    arena_free(&f.arena);
    arena_init(&f.arena, 4);
    assert_int_equal(xml_xpath_text(f.xpath, NULL, "/a", &f.arena, &text, &f.msg), ERR_NOMEM);
    fixture_end(&f);
}

static void digest_of(const char *document, uint8_t out[32])
{
    struct fixture f;

    fixture_begin(&f, document);
    assert_int_equal(xml_digest(xml_root(f.doc), NULL, 0, out), 0);
    fixture_end(&f);
}

static void the_digest_sees_content_and_not_form(void **state)
{
    static const char *const same[] = {
        "<a xmlns='urn:x' k='1' l='&lt;'><b>t</b><c/></a>",
        "<p:a l='&#60;' k=\"1\" xmlns:p='urn:x'>\n  <p:b><![CDATA[t]]></p:b>\n  "
        "<p:c></p:c>\n</p:a>",
    };
    static const char *const other[] = {
        "<a k='1' l='&lt;'><b>t</b><c/></a>",
        "<a xmlns='urn:x' k='1'><b>t</b><c/></a>",
        "<a xmlns='urn:x' k='&lt;' l='1'><b>t</b><c/></a>",
        "<a xmlns='urn:x' k='1' l='&lt;'><c/><b>t</b></a>",
        "<a xmlns='urn:x' k='1' l='&lt;'><b> t</b><c/></a>",
        "<a xmlns='urn:x' k='1' l='&lt;'><b>t<c/></b></a>",
        "<a xmlns='urn:x' k='1' l='&lt;'>x<b>t</b><c/></a>",
    };
    uint8_t digests[2][32];
    uint8_t more[32];

    (void)state;
    for (size_t i = 0; i < COUNT(same); i++) {
        digest_of(same[i], digests[i]);
    }
    assert_memory_equal(digests[0], digests[1], 32);
    for (size_t i = 0; i < COUNT(other); i++) {
        digest_of(other[i], more);
        assert_memory_not_equal(digests[0], more, 32);
    }
    assert_int_equal(xml_digest(NULL, NULL, 0, more), ERR_INVAL);
}

/* What would be the same bytes, were they only put one behind the other. */
static void a_digest_sees_where_names_and_texts_end(void **state)
{
    static const char *const documents[] = {
        "<a><b>cd</b></a>",
        "<a><bc>d</bc></a>",
        "<a><b><cd/></b></a>",
        "<a><b/><cd/></a>",
        "<a><b/>cd</a>",
        "<a>b<cd/></a>",
        "<a><b c='d'/></a>",
        "<a><b cd=''/></a>",
        "<a b='' c='d'/>",
        "<a b='c' d=''/>",
        "<a bc='d'/>",
        "<a xmlns='b'><cd/></a>",
        "<a xmlns='bc'><d/></a>",
        "<a><cd xmlns='b'/></a>",
        "<a xmlns='b'><cd xmlns=''/></a>",
        "<a><b>t</b><b>t</b></a>",
        "<a><b>t&gt;&lt;bt</b></a>",
        "<a><b>tt</b></a>",
    };
    uint8_t digests[COUNT(documents)][32];

    (void)state;
    for (size_t i = 0; i < COUNT(documents); i++) {
        digest_of(documents[i], digests[i]);
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(digests[k], digests[i], 32);
        }
    }
}

static void a_digest_can_leave_elements_out(void **state)
{
    const struct xml_node **without;
    struct fixture f;
    uint8_t wanted[32];
    uint8_t got[32];
    size_t n;

    (void)state;
    digest_of("<a><b/><c/></a>", wanted);
    fixture_begin(&f, "<a><now>1</now><b/><now>2</now><c><now/></c></a>");
    assert_int_equal(xml_xpath_nodes(f.xpath, NULL, "//now", 10, &without, &n, &f.msg), 0);
    assert_int_equal(xml_digest(xml_root(f.doc), without, n, got), 0);
    assert_memory_equal(wanted, got, 32);
    free(without);
    fixture_end(&f);
}

/* A journal knows its rows by these: another value, and every row is read in once more. */
static void a_digest_stays_what_it_was(void **state)
{
    char hex[DIGEST_HEX_SIZE];
    uint8_t digest[32];

    (void)state;
    digest_of("<a x='1' y='2'>\n <b>t</b><c xmlns='u'>d<d/></c></a>", digest);
    digest_hex(digest, hex);
    assert_string_equal(hex, "d305f5c34702d8b3e12f8da6098dee2cfdda1bb0f76cb8ba17cdf60ae61751b2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(namespaces_count_and_prefixes_do_not),
        cmocka_unit_test(nodes_are_seen_from_where_one_stands),
        cmocka_unit_test(faulty_expressions_are_refused_with_words),
        cmocka_unit_test(an_evaluation_ends),
        cmocka_unit_test(names_alone_are_as_in_xpath),
        cmocka_unit_test(a_value_beyond_the_arena_is_no_crash),
        cmocka_unit_test(the_digest_sees_content_and_not_form),
        cmocka_unit_test(a_digest_sees_where_names_and_texts_end),
        cmocka_unit_test(a_digest_stays_what_it_was),
        cmocka_unit_test(a_digest_can_leave_elements_out),
    };
    int failed;

    xml_init();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xml_cleanup();
    return failed;
}
