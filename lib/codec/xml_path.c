/* XPath, and preset_xpath_check() of config/preset_impl.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parserInternals.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

#include "codec/xml.h"
#include "codec/xml_tree.h"
#include "config/preset_impl.h"

#define TEXT_MAX (1u << 20) /* bytes of a value that an XPath gives */

static const xmlNode *tree_node(const struct xml_node *node)
{
    return (const xmlNode *)node;
}

/* --- Paths of names alone, "a/b" --- */

/* As XPath reads them, which takes twenty times as long; most paths of a preset are such. Only
 * names that XPath can't take for anything else. */
static size_t name_length(const char *path)
{
    size_t n = 0;

    while ((path[n] >= 'a' && path[n] <= 'z') || (path[n] >= 'A' && path[n] <= 'Z') ||
           path[n] == '_' || (n > 0 && ((path[n] >= '0' && path[n] <= '9') || path[n] == '-'))) {
        n++;
    }
    return n;
}

static bool names_alone(const char *path)
{
    size_t n = name_length(path);

    while (n > 0 && path[n] == '/') {
        path += n + 1;
        n = name_length(path);
    }
    return n > 0 && path[n] == '\0';
}

static bool is_called(const xmlNode *node, const char *name, size_t n)
{
    size_t i = 0;

    if (node->type != XML_ELEMENT_NODE || node->ns != NULL) {
        return false;
    }
    while (i < n && node->name[i] == (xmlChar)name[i]) {
        i++;
    }
    return i == n && node->name[n] == '\0';
}

/* The first element at such a path below from, in the order of the document. */
static const xmlNode *first_at(const xmlNode *from, const char *path)
{
    size_t n = name_length(path);
    const xmlNode *found = NULL;

    for (const xmlNode *child = from->children; child != NULL && found == NULL;
         child = child->next) {
        if (is_called(child, path, n)) {
            found = path[n] == '\0' ? child : first_at(child, path + n + 1);
        }
    }
    return found;
}

/* All of them; out NULL: only counts. */
static size_t all_at(const xmlNode *from, const char *path, const struct xml_node **out)
{
    size_t n = name_length(path);
    size_t found = 0;

    for (const xmlNode *child = from->children; child != NULL; child = child->next) {
        if (!is_called(child, path, n)) {
            continue;
        }
        if (path[n] != '\0') {
            found += all_at(child, path + n + 1, out != NULL ? out + found : NULL);
            continue;
        }
        if (out != NULL) {
            out[found] = (const struct xml_node *)child;
        }
        found++;
    }
    return found;
}

void xml_find_children(const struct xml_node *parent, const struct nameset *names,
                       const struct xml_node **found)
{
    memset(found, 0, names->n * sizeof(const struct xml_node *));
    for (const xmlNode *child = tree_node(parent)->children; child != NULL; child = child->next) {
        const struct nameset_name *name = NULL;

        if (child->type == XML_ELEMENT_NODE && child->ns == NULL) {
            name = nameset_first(names, (const char *)child->name);
        }
        for (; name != NULL; name = nameset_next(name)) {
            if (found[name->at] == NULL && strcmp(name->text, (const char *)child->name) == 0) {
                found[name->at] = (const struct xml_node *)child;
            }
        }
    }
}

/* --- XPath --- */

#define COMPILED_MAX 256 /* expressions kept; more are compiled each time */

struct xml_xpath {
    xmlXPathContextPtr context; /* owned */
    xmlDocPtr doc;              /* where no node is given */
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
    xpath->doc = doc != NULL ? doc->doc : NULL;
    xpath->context = xmlXPathNewContext(xpath->doc);
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

static const xmlNode *seen_from(const struct xml_xpath *xpath, const struct xml_node *from)
{
    return from != NULL ? tree_node(from) : (const xmlNode *)xpath->doc;
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
    xpath->context->node = (xmlNodePtr)(uintptr_t)seen_from(xpath, from);
    xpath->context->doc = xpath->context->node->doc;
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

/* Takes the text; NULL stands for no memory. */
static int keep_text(xmlChar *text, struct arena *arena, const char **out, struct errmsg *msg)
{
    size_t n = text != NULL ? strlen((const char *)text) : 0;
    int err = 0;

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

static int text_of(const xmlNode *element, struct arena *arena, const char **out,
                   struct errmsg *msg)
{
    const xmlNode *only = element->children;

    if (only == NULL) {
        return 0;
    }
    if (only->next != NULL || only->type != XML_TEXT_NODE) {
        return keep_text(xmlXPathCastNodeToString((xmlNodePtr)(uintptr_t)element), arena, out, msg);
    }
    *out = (const char *)only->content; /* no longer than xml_gate.c lets a text be */
    return 0;
}

int xml_value(const struct xml_node *element, struct arena *arena, const char **out,
              struct errmsg *msg)
{
    *out = "";
    return element != NULL ? text_of(tree_node(element), arena, out, msg) : 0;
}

int xml_xpath_text(struct xml_xpath *xpath, const struct xml_node *from, const char *expression,
                   struct arena *arena, const char **out, struct errmsg *msg)
{
    xmlXPathObjectPtr object;
    xmlChar *text;
    int err;

    *out = "";
    if (names_alone(expression)) {
        const xmlNode *element = first_at(seen_from(xpath, from), expression);

        return xml_value((const struct xml_node *)element, arena, out, msg);
    }
    err = evaluate(xpath, from, expression, &object, msg);
    if (err < 0) {
        return err;
    }
    text = string_value(object);
    xmlXPathFreeObject(object);
    return keep_text(text, arena, out, msg);
}

/* Room for so many elements, if they are not too many. */
static int make_room(size_t count, size_t max, const struct xml_node ***out, struct errmsg *msg)
{
    if (count > max) {
        return err_set(msg, ERR_TOOBIG, "more than %zu rows", max);
    }
    if (count == 0) {
        return 0;
    }
    *out = malloc(count * sizeof(const struct xml_node *));
    return *out != NULL ? 0 : err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

static int take_elements(const xmlNodeSet *set, size_t max, const struct xml_node ***out, size_t *n,
                         struct errmsg *msg)
{
    size_t count = set != NULL && set->nodeNr > 0 ? (size_t)set->nodeNr : 0;
    int err = make_room(count, max, out, msg);

    for (size_t i = 0; i < count && err == 0; i++) {
        if (set->nodeTab[i]->type == XML_ELEMENT_NODE) {
            (*out)[(*n)++] = (const struct xml_node *)set->nodeTab[i];
        }
    }
    return err;
}

int xml_xpath_nodes(struct xml_xpath *xpath, const struct xml_node *from, const char *expression,
                    size_t max, const struct xml_node ***out, size_t *n, struct errmsg *msg)
{
    xmlXPathObjectPtr object;
    int err;

    *out = NULL;
    *n = 0;
    if (names_alone(expression)) {
        size_t count = all_at(seen_from(xpath, from), expression, NULL);

        err = make_room(count, max, out, msg);
        *n = err == 0 && count > 0 ? all_at(seen_from(xpath, from), expression, *out) : 0;
        return err;
    }
    err = evaluate(xpath, from, expression, &object, msg);
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
