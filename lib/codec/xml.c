#include "codec/xml.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/tree.h>

#include "base/digest.h"
#include "codec/xml_gate.h"
#include "codec/xml_tree.h"

#define TREE_MAX (768u << 20) /* bytes of what xml_gate_document lets through, at most */

static void quiet(void *ctx, const char *format, ...)
{
    (void)ctx;
    (void)format;
}

void xml_init(void)
{
    xmlInitParser();
    /* Only libxml2's own memory failures still come here; the default writes to stderr. */
    xmlSetGenericErrorFunc(NULL, quiet);
    xmlThrDefSetGenericErrorFunc(NULL, quiet);
}

void xml_cleanup(void)
{
    xmlCleanupParser();
}

/* --- libxml2 --- */

void xml_words(const struct _xmlError *error, char *out, size_t size)
{
    static const struct {
        int code;
        const char *words;
    } known[] = {
        {XML_ERR_DOCUMENT_EMPTY, "the document is empty"},
        {XML_ERR_DOCUMENT_END, "bytes after the end of the document"},
        {XML_ERR_INVALID_CHARREF, "a reference to a character that XML does not have"},
        {XML_ERR_INVALID_CHAR, "a character that XML does not have"},
        {XML_ERR_UNDECLARED_ENTITY, "an entity that is not defined"},
        {XML_WAR_UNDECLARED_ENTITY, "an entity that is not defined"},
        {XML_ERR_ATTRIBUTE_NOT_STARTED, "an attribute's value without quotes"},
        {XML_ERR_ATTRIBUTE_REDEFINED, "an attribute that stands twice"},
        {XML_ERR_MISPLACED_CDATA_END, "']]>' in a text"},
        {XML_ERR_TAG_NAME_MISMATCH, "an end tag that is not the open element's"},
        {XML_ERR_TAG_NOT_FINISHED, "the document ends too early"},
        {XML_ERR_HYPHEN_IN_COMMENT, "'--' in a comment"},
        {XML_ERR_INVALID_ENCODING, "not UTF-8"},
        {XML_NS_ERR_UNDEFINED_NAMESPACE, "a namespace prefix that is not declared"},
        {XML_NS_ERR_ATTRIBUTE_REDEFINED, "an attribute that stands twice"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].code == error->code) {
            (void)snprintf(out, size, "%s", known[i].words);
            return;
        }
    }
    (void)snprintf(out, size, "not well-formed (libxml2's error %d)", error->code);
}

/* One document on its way; what the callbacks get. */
struct parsing {
    xmlParserCtxtPtr parser;
    struct xml_tree tree;
    int err;
    struct errmsg *msg;
};

static void on_error(void *data, xmlErrorPtr error)
{
    struct parsing *p = data;
    char words[160];

    if (error->level < XML_ERR_ERROR || p->err != 0) {
        return;
    }
    if (error->code == XML_ERR_NO_MEMORY) {
        p->err = err_set(p->msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        return;
    }
    xml_words(error, words, sizeof(words));
    p->err = err_set(p->msg, ERR_FORMAT, "line %d: %s", error->line, words);
}

/* The scan has refused every DOCTYPE; this is the second lock on the same door. */
static void on_doctype(void *data, const xmlChar *name, const xmlChar *public_id,
                       const xmlChar *system_id)
{
    struct parsing *p = data;

    (void)name;
    (void)public_id;
    (void)system_id;
    if (p->err == 0) {
        p->err = err_set(p->msg, ERR_FORMAT, "a DOCTYPE is not accepted");
    }
    xmlStopParser(p->parser);
}

/* libxml2 has no callback that can fail. */
static void check_tree(struct parsing *p)
{
    if (p->tree.err != 0 && p->err == 0) {
        p->err = err_set(p->msg, p->tree.err, "%s", err_text(p->tree.err));
        xmlStopParser(p->parser);
    }
}

static void on_start(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_namespaces, const xmlChar **namespaces, int n_attributes,
                     int n_defaulted, const xmlChar **attributes)
{
    struct parsing *p = data;

    (void)n_defaulted;
    xml_tree_start(&p->tree, name, prefix, uri, n_namespaces, namespaces, n_attributes, attributes);
    check_tree(p);
}

static void on_text(void *data, const xmlChar *text, int n)
{
    struct parsing *p = data;

    xml_tree_text(&p->tree, text, (size_t)n);
}

static void on_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct parsing *p = data;

    (void)name;
    (void)prefix;
    (void)uri;
    xml_tree_end(&p->tree);
    check_tree(p);
}

static void read_tree(struct parsing *p, const char *bytes, size_t n)
{
    xmlSAXHandler *sax = p->parser->sax;

    memset(sax, 0, sizeof(*sax));
    sax->initialized = XML_SAX2_MAGIC;
    sax->startElementNs = on_start;
    sax->endElementNs = on_end;
    sax->characters = on_text; /* and of CDATA, so that the text of an element is one node */
    sax->ignorableWhitespace = on_text;
    sax->internalSubset = on_doctype;
    sax->serror = on_error;
    p->parser->userData = p;
    xml_tree_begin(&p->tree, p->parser->dict, TREE_MAX);
    check_tree(p);
    if (p->err != 0) {
        return;
    }
    (void)xmlCtxtReadMemory(p->parser, bytes, (int)n, NULL, "UTF-8", XML_PARSE_NONET);
    if (p->err == 0 && (!p->parser->wellFormed || !p->parser->nsWellFormed)) {
        p->err = p->parser->errNo == XML_ERR_OK
                     ? err_set(p->msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM))
                     : err_set(p->msg, ERR_FORMAT, "not well-formed");
    }
}

int xml_parse(const char *bytes, size_t n, struct xml **doc, struct errmsg *msg)
{
    struct parsing p = {.msg = msg};
    int err = xml_gate_document(bytes, n, msg);

    *doc = NULL;
    if (err != 0) {
        return err;
    }
    p.parser = xmlNewParserCtxt();
    if (p.parser == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    xml_tree_init(&p.tree);
    read_tree(&p, bytes, n);
    if (p.err == 0) {
        *doc = xml_tree_take(&p.tree);
    }
    xml_tree_free(&p.tree);
    xmlFreeParserCtxt(p.parser);
    return p.err;
}

void xml_free(struct xml *doc)
{
    if (doc != NULL) {
        arena_free(&doc->arena);
        xmlDictFree(doc->dict);
        free(doc);
    }
}

size_t xml_bytes(const struct xml *doc)
{
    return doc->arena.used_bytes;
}

/* --- The tree: struct xml_node is never defined, it is libxml2's under another name. --- */

static const xmlNode *tree_node(const struct xml_node *node)
{
    return (const xmlNode *)node;
}

/* The first element from node on, among its siblings, with that local name (NULL: any). */
static const struct xml_node *element_from(const xmlNode *node, const char *name)
{
    while (node != NULL && (node->type != XML_ELEMENT_NODE ||
                            (name != NULL && strcmp((const char *)node->name, name) != 0))) {
        node = node->next;
    }
    return (const struct xml_node *)node;
}

const struct xml_node *xml_root(const struct xml *doc)
{
    return doc != NULL ? element_from(doc->doc->children, NULL) : NULL;
}

const char *xml_name(const struct xml_node *node)
{
    return node != NULL ? (const char *)tree_node(node)->name : "";
}

const struct xml_node *xml_child(const struct xml_node *parent, const char *name)
{
    return parent != NULL ? element_from(tree_node(parent)->children, name) : NULL;
}

const struct xml_node *xml_next(const struct xml_node *node, const char *name)
{
    return node != NULL ? element_from(tree_node(node)->next, name) : NULL;
}

const char *xml_text(const struct xml_node *node)
{
    const xmlNode *only = node != NULL ? tree_node(node)->children : NULL;

    if (only == NULL || only->next != NULL || only->type != XML_TEXT_NODE ||
        only->content == NULL) {
        return "";
    }
    return (const char *)only->content;
}

/* --- digest --- */

struct fingerprint {
    struct digest digest;
    const struct xml_node *const *without;
    size_t n;
};

/* With its NUL, which no text of a document can hold: it ends there. */
static void add_text(struct digest *d, const xmlChar *text)
{
    digest_add(d, text, strlen((const char *)text) + 1);
}

static void add_name(struct digest *d, const char *kind, const xmlChar *name, const xmlNs *ns)
{
    digest_add(d, kind, 1);
    add_text(d, ns != NULL ? ns->href : BAD_CAST "");
    add_text(d, name);
}

/* Attributes count as a sum of digests, which needs no order; of none nothing is said. */
static int add_attributes(struct digest *d, const xmlNode *element)
{
    uint8_t sum[DIGEST_BYTES] = {0};

    for (const xmlAttr *a = element->properties; a != NULL; a = a->next) {
        xmlChar *value = xmlNodeListGetString(element->doc, a->children, 1);
        uint8_t one[DIGEST_BYTES];
        struct digest of_one;
        unsigned carry = 0;

        if (digest_begin(&of_one) != 0) {
            xmlFree(value);
            return ERR_NOMEM;
        }
        add_name(&of_one, "@", a->name, a->ns);
        add_text(&of_one, value != NULL ? value : BAD_CAST "");
        digest_end(&of_one, one);
        xmlFree(value);
        for (size_t i = 0; i < DIGEST_BYTES; i++) {
            carry += (unsigned)sum[i] + one[i];
            sum[i] = (uint8_t)carry;
            carry >>= 8;
        }
    }
    digest_add(d, "@", 1);
    digest_add(d, sum, sizeof(sum));
    return 0;
}

static bool left_out(const struct fingerprint *f, const xmlNode *node)
{
    for (size_t i = 0; i < f->n; i++) {
        if (tree_node(f->without[i]) == node) {
            return true;
        }
    }
    return false;
}

/* The parser lets no tree be deeper than DEPTH_MAX. */
static int add_element(struct fingerprint *f, const xmlNode *element)
{
    bool has_elements = element_from(element->children, NULL) != NULL;
    int err = 0;

    add_name(&f->digest, "<", element->name, element->ns);
    if (element->properties != NULL) {
        err = add_attributes(&f->digest, element);
    }
    for (const xmlNode *child = element->children; child != NULL && err == 0; child = child->next) {
        const char *text = child->type == XML_TEXT_NODE ? (const char *)child->content : NULL;

        if (child->type == XML_ELEMENT_NODE && !left_out(f, child)) {
            err = add_element(f, child);
        } else if (text != NULL && (!has_elements || text[strspn(text, " \t\r\n")] != '\0')) {
            digest_add(&f->digest, "t", 1);
            add_text(&f->digest, child->content);
        }
    }
    digest_add(&f->digest, ">", 1);
    return err;
}

int xml_digest(const struct xml_node *node, const struct xml_node *const *without, size_t n,
               uint8_t out[32])
{
    struct fingerprint f = {.without = without, .n = n};
    int err;

    if (node == NULL) {
        return ERR_INVAL;
    }
    err = digest_begin(&f.digest);
    if (err < 0) {
        return err;
    }
    err = add_element(&f, tree_node(node));
    digest_end(&f.digest, out);
    return err;
}
