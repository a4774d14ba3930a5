#include "codec/xml.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

#include "base/digest.h"
#include "codec/xml_gate.h"
#include "config/preset_impl.h"

#define TEXT_MAX (1u << 20) /* bytes of a value that an XPath gives */

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

/* What a parse leaves behind; hangs on the context's _private. */
struct outcome {
    int err;
    struct errmsg *msg;
};

static void on_error(void *data, xmlErrorPtr error)
{
    const xmlParserCtxt *ctxt = data;
    struct outcome *outcome = ctxt->_private;
    char words[160];

    if (error->level < XML_ERR_ERROR || outcome->err != 0) {
        return;
    }
    if (error->code == XML_ERR_NO_MEMORY) {
        outcome->err = err_set(outcome->msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        return;
    }
    xml_words(error, words, sizeof(words));
    outcome->err = err_set(outcome->msg, ERR_FORMAT, "line %d: %s", error->line, words);
}

/* The scan has refused every DOCTYPE; this is the second lock on the same door. */
static void on_doctype(void *data, const xmlChar *name, const xmlChar *public_id,
                       const xmlChar *system_id)
{
    xmlParserCtxtPtr ctxt = data;
    struct outcome *outcome = ctxt->_private;

    (void)name;
    (void)public_id;
    (void)system_id;
    if (outcome->err == 0) {
        outcome->err = err_set(outcome->msg, ERR_FORMAT, "a DOCTYPE is not accepted");
    }
    xmlStopParser(ctxt);
}

static int parse_tree(const char *bytes, size_t n, xmlDocPtr *doc, struct errmsg *msg)
{
    struct outcome outcome = {0, msg};
    xmlParserCtxtPtr ctxt = xmlNewParserCtxt();
    bool complete;

    if (ctxt == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    ctxt->_private = &outcome;
    ctxt->sax->serror = on_error;
    ctxt->sax->internalSubset = on_doctype;
    /* Without these the text of an element is one node, however it was written. */
    ctxt->sax->cdataBlock = NULL;
    ctxt->sax->comment = NULL;
    ctxt->sax->processingInstruction = NULL;
    *doc = xmlCtxtReadMemory(ctxt, bytes, (int)n, NULL, "UTF-8", XML_PARSE_NONET);
    complete = *doc != NULL && ctxt->wellFormed && ctxt->nsWellFormed && outcome.err == 0;
    if (!complete && outcome.err == 0) {
        outcome.err = *doc == NULL && ctxt->errNo == XML_ERR_OK
                          ? err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM))
                          : err_set(msg, ERR_FORMAT, "not well-formed");
    }
    if (!complete) {
        xmlFreeDoc(*doc);
        *doc = NULL;
    }
    xmlFreeParserCtxt(ctxt);
    return outcome.err;
}

int xml_parse(const char *bytes, size_t n, struct xml **doc, struct errmsg *msg)
{
    xmlDocPtr tree = NULL;
    int rc = xml_gate_document(bytes, n, msg);

    if (rc == 0) {
        rc = parse_tree(bytes, n, &tree, msg);
    }
    *doc = (struct xml *)tree;
    return rc;
}

void xml_free(struct xml *doc)
{
    xmlFreeDoc((xmlDocPtr)doc);
}

/* --- The tree: struct xml and struct xml_node are never defined, they are libxml2's under other
 * names. --- */

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
    return doc != NULL ? element_from(((const xmlDoc *)doc)->children, NULL) : NULL;
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

/* --- XPath --- */

#define COMPILED_MAX 256 /* expressions kept; more are compiled each time */

struct xml_xpath {
    xmlXPathContextPtr context; /* owned */
    struct errmsg *msg;         /* of the evaluation under way */
    int err;
    size_t n;
    struct {
        const char *expression;
        xmlXPathCompExprPtr compiled; /* owned */
    } known[COMPILED_MAX];
};

/* libxml2 tells its code and nothing more. */
static const char *xpath_words(int code)
{
    switch (code - XML_XPATH_EXPRESSION_OK) {
    case XPATH_UNFINISHED_LITERAL_ERROR:
    case XPATH_START_LITERAL_ERROR:
        return "a quote is not closed";
    case XPATH_VARIABLE_REF_ERROR:
    case XPATH_UNDEF_VARIABLE_ERROR:
    case XPATH_FORBID_VARIABLE_ERROR:
        return "it has a variable";
    case XPATH_UNCLOSED_ERROR:
        return "a bracket is not closed";
    case XPATH_UNKNOWN_FUNC_ERROR:
        return "it has an unknown function";
    case XPATH_INVALID_OPERAND:
    case XPATH_INVALID_TYPE:
    case XPATH_INVALID_ARITY:
        return "a function has the wrong arguments";
    case XPATH_UNDEF_PREFIX_ERROR:
        return "a prefix stands in no namespaces";
    default:
        return "it can't be understood";
    }
}

static void on_xpath_error(void *data, xmlErrorPtr error)
{
    struct xml_xpath *xpath = data;
    int code = error->code;

    if (xpath->err != 0) {
        return;
    }
    if (code == XML_XPATH_EXPRESSION_OK + XPATH_OP_LIMIT_EXCEEDED) {
        xpath->err = err_set(xpath->msg, ERR_TOOBIG, "the XPath looks at too many nodes");
    } else if (code == XML_XPATH_EXPRESSION_OK + XPATH_MEMORY_ERROR || code == XML_ERR_NO_MEMORY) {
        xpath->err = err_set(xpath->msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    } else {
        xpath->err = err_set(xpath->msg, ERR_FORMAT, "%s", xpath_words(code));
    }
}

int xml_xpath_open(const struct xml *doc, const struct xml_namespace *namespaces, size_t n,
                   struct xml_xpath **out)
{
    struct xml_xpath *xpath = calloc(1, sizeof(*xpath));

    *out = NULL;
    if (xpath == NULL) {
        return ERR_NOMEM;
    }
    xpath->context = xmlXPathNewContext((xmlDocPtr)(uintptr_t)doc);
    if (xpath->context == NULL) {
        free(xpath);
        return ERR_NOMEM;
    }
    xpath->context->flags = XML_XPATH_NOVAR;
    xpath->context->opLimit = XML_XPATH_STEPS;
    xpath->context->error = on_xpath_error;
    xpath->context->userData = xpath;
    for (size_t i = 0; i < n; i++) {
        if (xmlXPathRegisterNs(xpath->context, BAD_CAST namespaces[i].prefix,
                               BAD_CAST namespaces[i].uri) != 0) {
            xml_xpath_close(xpath);
            return ERR_NOMEM;
        }
    }
    *out = xpath;
    return 0;
}

void xml_xpath_close(struct xml_xpath *xpath)
{
    if (xpath == NULL) {
        return;
    }
    for (size_t i = 0; i < xpath->n; i++) {
        xmlXPathFreeCompExpr(xpath->known[i].compiled);
    }
    xmlXPathFreeContext(xpath->context);
    free(xpath);
}

/* What a failure without a word of the library is. */
static int xpath_failed(struct xml_xpath *xpath)
{
    return xpath->err != 0 ? xpath->err : err_set(xpath->msg, ERR_FORMAT, "it can't be understood");
}

/* *keep tells that the evaluator owns it. */
static xmlXPathCompExprPtr compiled(struct xml_xpath *xpath, const char *expression, bool *keep)
{
    xmlXPathCompExprPtr fresh;

    for (size_t i = 0; i < xpath->n; i++) {
        if (xpath->known[i].expression == expression) {
            *keep = true;
            return xpath->known[i].compiled;
        }
    }
    fresh = xmlXPathCtxtCompile(xpath->context, BAD_CAST expression);
    *keep = fresh != NULL && xpath->n < COMPILED_MAX;
    if (*keep) {
        xpath->known[xpath->n].expression = expression;
        xpath->known[xpath->n].compiled = fresh;
        xpath->n++;
    }
    return fresh;
}

static int evaluate(struct xml_xpath *xpath, const struct xml_node *from, const char *expression,
                    xmlXPathObjectPtr *out, struct errmsg *msg)
{
    xmlXPathCompExprPtr expr;
    bool keep;

    xpath->msg = msg;
    xpath->err = 0;
    xpath->context->opCount = 0;
    xpath->context->depth = 0;
    xpath->context->node =
        from != NULL ? (xmlNodePtr)(uintptr_t)from : (xmlNodePtr)xpath->context->doc;
    *out = NULL;
    expr = compiled(xpath, expression, &keep);
    if (expr == NULL) {
        return xpath_failed(xpath);
    }
    *out = xmlXPathCompiledEval(expr, xpath->context);
    if (!keep) {
        xmlXPathFreeCompExpr(expr);
    }
    if (*out == NULL || xpath->err != 0) {
        xmlXPathFreeObject(*out);
        *out = NULL;
        return xpath_failed(xpath);
    }
    return 0;
}

/* Sorting a node set is quadratic in libxml2: the first of the path is taken, not of the document.
 */
static xmlChar *string_value(xmlXPathObjectPtr object)
{
    if (object->type != XPATH_NODESET) {
        return xmlXPathCastToString(object);
    }
    return object->nodesetval != NULL && object->nodesetval->nodeNr > 0
               ? xmlXPathCastNodeToString(object->nodesetval->nodeTab[0])
               : xmlStrdup(BAD_CAST "");
}

int xml_xpath_text(struct xml_xpath *xpath, const struct xml_node *from, const char *expression,
                   struct arena *arena, const char **out, struct errmsg *msg)
{
    xmlXPathObjectPtr object;
    xmlChar *text;
    size_t n;
    int err = evaluate(xpath, from, expression, &object, msg);

    *out = "";
    if (err < 0) {
        return err;
    }
    text = string_value(object);
    xmlXPathFreeObject(object);
    n = text != NULL ? strlen((const char *)text) : 0;
    if (n > TEXT_MAX) {
        xmlFree(text);
        return err_set(msg, ERR_TOOBIG, "a text is longer than 1 MiB");
    }
    if (n > 0) {
        *out = arena_strndup(arena, (const char *)text, n);
    }
    if (text == NULL || *out == NULL) {
        *out = "";
        err = err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    xmlFree(text);
    return err;
}

static int take_elements(const xmlNodeSet *set, size_t max, const struct xml_node ***out, size_t *n,
                         struct errmsg *msg)
{
    size_t count = set != NULL && set->nodeNr > 0 ? (size_t)set->nodeNr : 0;

    if (count > max) {
        return err_set(msg, ERR_TOOBIG, "more than %zu rows", max);
    }
    if (count == 0) {
        return 0;
    }
    *out = malloc(count * sizeof(const struct xml_node *));
    if (*out == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    for (size_t i = 0; i < count; i++) {
        if (set->nodeTab[i]->type == XML_ELEMENT_NODE) {
            (*out)[(*n)++] = (const struct xml_node *)set->nodeTab[i];
        }
    }
    return 0;
}

int xml_xpath_nodes(struct xml_xpath *xpath, const struct xml_node *from, const char *expression,
                    size_t max, const struct xml_node ***out, size_t *n, struct errmsg *msg)
{
    xmlXPathObjectPtr object;
    int err = evaluate(xpath, from, expression, &object, msg);

    *out = NULL;
    *n = 0;
    if (err < 0) {
        return err;
    }
    err = object->type == XPATH_NODESET
              ? take_elements(object->nodesetval, max, out, n, msg)
              : err_set(msg, ERR_FORMAT, "the XPath gives a value, not elements");
    xmlXPathFreeObject(object);
    return err;
}

int preset_xpath_check(const char *xpath, const struct preset_namespace *namespaces, size_t n,
                       struct errmsg *msg)
{
    static const char nothing[] = "<x/>";
    struct xml_namespace known[PRESET_NAMESPACES];
    struct xml_xpath *evaluator = NULL;
    struct xml *doc;
    xmlXPathObjectPtr object = NULL;
    int err = xml_parse(nothing, sizeof(nothing) - 1, &doc, msg);

    for (size_t i = 0; i < n; i++) {
        known[i] = (struct xml_namespace){namespaces[i].prefix, namespaces[i].uri};
    }
    if (err == 0) {
        err = xml_xpath_open(doc, known, n, &evaluator);
    }
    if (err == 0) {
        err = evaluate(evaluator, NULL, xpath, &object, msg);
    }
    xmlXPathFreeObject(object);
    xml_xpath_close(evaluator);
    xml_free(doc);
    return err;
}

/* --- digest --- */

struct fingerprint {
    struct digest digest;
    const struct xml_node *const *without;
    size_t n;
};

static void add_name(struct digest *d, const char *kind, const xmlChar *name, const xmlNs *ns)
{
    digest_add(d, kind, 1);
    digest_add_field(d, ns != NULL ? (const char *)ns->href : "");
    digest_add_field(d, (const char *)name);
}

/* Attributes count as a sum of digests, which needs no order. */
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
        digest_add_field(&of_one, value != NULL ? (const char *)value : "");
        digest_end(&of_one, one);
        xmlFree(value);
        for (size_t i = 0; i < DIGEST_BYTES; i++) {
            carry += (unsigned)sum[i] + one[i];
            sum[i] = (uint8_t)carry;
            carry >>= 8;
        }
    }
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
    int err;

    add_name(&f->digest, "<", element->name, element->ns);
    err = add_attributes(&f->digest, element);
    for (const xmlNode *child = element->children; child != NULL && err == 0; child = child->next) {
        const char *text = child->type == XML_TEXT_NODE ? (const char *)child->content : NULL;

        if (child->type == XML_ELEMENT_NODE && !left_out(f, child)) {
            err = add_element(f, child);
        } else if (text != NULL && (!has_elements || text[strspn(text, " \t\r\n")] != '\0')) {
            digest_add(&f->digest, "t", 1);
            digest_add_field(&f->digest, text);
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
