/* The gate before libxml2, the tree behind it, and XPath on it: the gate says the same whatever the
 * pieces; what has a DOCTYPE never becomes a tree; a walk over the tree ends.
 *
 * Input: 8 bytes are the sizes of the pieces, then an XPath, 0x1F, the document. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/xml.h"
#include "codec/xml_gate.h"
#include "fuzz/fuzz.h"

#define NODES_MAX 4096
#define ARENA_MAX (8u << 20)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    xml_init();
    return 0;
}

static int gate(const char *bytes, size_t n, struct fuzz_cuts *cuts, struct errmsg *why)
{
    struct xml_gate g;
    int err = 0;

    xml_gate_init(&g, 0);
    for (size_t at = 0; at < n && err == 0;) {
        size_t piece = cuts != NULL ? fuzz_cut(cuts, n - at) : n - at;

        err = xml_gate_push(&g, bytes + at, piece, why);
        at += piece;
    }
    return err == 0 ? xml_gate_end(&g, why) : err;
}

/* Elements below a node, each visited. */
static size_t walk(const struct xml_node *node, unsigned depth)
{
    size_t n = 1;

    FUZZ_CHECK(depth <= XML_GATE_DEPTH, "%u levels", depth);
    FUZZ_CHECK(text_is_utf8(xml_text(node), strlen(xml_text(node))), "%s", xml_text(node));
    FUZZ_CHECK(text_is_utf8(xml_name(node), strlen(xml_name(node))), "%s", xml_name(node));
    for (const struct xml_node *child = xml_child(node, NULL); child != NULL;
         child = xml_next(child, NULL)) {
        FUZZ_CHECK(xml_child(node, xml_name(child)) != NULL, "%s", xml_name(child));
        n += walk(child, depth + 1);
    }
    return n;
}

static void evaluate(const struct xml *doc, const char *expression)
{
    static const struct xml_namespace namespaces[] = {{"h", "urn:h"}, {"s", "urn:s"}};
    struct xml_xpath *xpath = NULL;
    const struct xml_node **nodes = NULL;
    struct errmsg why = {0};
    struct arena a;
    const char *text = NULL;
    size_t n = 0;

    arena_init(&a, ARENA_MAX);
    FUZZ_CHECK(xml_xpath_open(doc, namespaces, 2, &xpath) == 0, "no evaluator");
    if (xml_xpath_text(xpath, NULL, expression, &a, &text, &why) == 0) {
        FUZZ_CHECK(text != NULL && text_is_utf8(text, strlen(text)), "%s", expression);
    }
    if (xml_xpath_nodes(xpath, xml_root(doc), expression, NODES_MAX, &nodes, &n, &why) == 0) {
        FUZZ_CHECK(n <= NODES_MAX && (n == 0 || nodes != NULL), "%zu", n);
        for (size_t i = 0; i < n && i < 16; i++) {
            uint8_t digest[32];

            FUZZ_CHECK(nodes[i] == NULL || xml_digest(nodes[i], NULL, 0, digest) == 0, "digest");
        }
    }
    free(nodes);
    xml_xpath_close(xpath);
    arena_free(&a);
}

static void digests(const struct xml *doc)
{
    const struct xml_node *child = xml_child(xml_root(doc), NULL);
    uint8_t a[32];
    uint8_t b[32];

    FUZZ_CHECK(xml_digest(xml_root(doc), NULL, 0, a) == 0, "digest");
    FUZZ_CHECK(xml_digest(xml_root(doc), NULL, 0, b) == 0 && memcmp(a, b, 32) == 0, "digest");
    if (child != NULL) {
        FUZZ_CHECK(xml_digest(xml_root(doc), &child, 1, b) == 0 && memcmp(a, b, 32) != 0,
                   "an element that is left out");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    struct errmsg whole = {0};
    struct errmsg pieces = {0};
    struct errmsg why = {0};
    struct fuzz_cuts cuts;
    struct xml *doc = NULL;
    char *expression;
    const char *bytes;
    int err;

    fuzz_cuts_take(&in, &cuts);
    expression = fuzz_word(&in);
    bytes = (const char *)in.at;
    err = gate(bytes, in.n, NULL, &whole);
    /* Of several faults another one may be met first. */
    FUZZ_CHECK((gate(bytes, in.n, &cuts, &pieces) == 0) == (err == 0), "%s\n%s", whole.text,
               pieces.text);
    if (xml_parse(bytes, in.n, &doc, &why) == 0) {
        FUZZ_CHECK(err == 0, "a tree of what the gate refuses: %s", whole.text);
        (void)walk(xml_root(doc), 1);
        digests(doc);
        if (text_is_utf8(expression, strlen(expression))) {
            evaluate(doc, expression);
        }
    } else {
        FUZZ_CHECK(doc == NULL && why.text[0] != '\0', "refused without words");
    }
    xml_free(doc);
    free(expression);
    return 0;
}
