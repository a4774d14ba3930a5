#include "codec/xml_tree.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/parserInternals.h>
#include <libxml/tree.h>

static void failed(struct xml_tree *t)
{
    if (t->err == 0) {
        t->err = t->xml != NULL && t->xml->arena.full ? ERR_TOOBIG : ERR_NOMEM;
    }
}

static void *alloc(struct xml_tree *t, size_t n)
{
    void *at = t->err == 0 ? arena_alloc(&t->xml->arena, n) : NULL;

    if (at == NULL) {
        failed(t);
    }
    return at;
}

void xml_tree_init(struct xml_tree *t)
{
    memset(t, 0, sizeof(*t));
    buf_init(&t->text, XML_DOCUMENT_MAX);
}

void xml_tree_free(struct xml_tree *t)
{
    xml_free(t->xml);
    t->xml = NULL;
    buf_free(&t->text);
}

void xml_tree_begin(struct xml_tree *t, struct _xmlDict *dict, size_t max_bytes)
{
    xmlDocPtr doc;

    xml_free(t->xml);
    buf_clear(&t->text);
    t->err = 0;
    t->xml = calloc(1, sizeof(*t->xml));
    if (t->xml == NULL || xmlDictReference(dict) != 0) {
        free(t->xml);
        t->xml = NULL;
        failed(t);
        return;
    }
    t->xml->dict = dict;
    arena_init(&t->xml->arena, max_bytes);
    doc = alloc(t, sizeof(*doc));
    if (doc != NULL) {
        doc->type = XML_DOCUMENT_NODE;
        doc->doc = doc;
        doc->properties = XML_DOC_USERBUILT;
        t->xml->doc = doc;
        t->at = (xmlNodePtr)doc;
    }
}

static void add_child(xmlNodePtr parent, xmlNodePtr child)
{
    child->parent = parent;
    child->prev = parent->last;
    if (parent->last != NULL) {
        parent->last->next = child;
    } else {
        parent->children = child;
    }
    parent->last = child;
}

/* With room for so many bytes behind it. */
static xmlNodePtr new_node(struct xml_tree *t, xmlElementType type, const xmlChar *name,
                           size_t room)
{
    xmlNodePtr node = alloc(t, sizeof(*node) + room);

    if (node != NULL) {
        node->type = type;
        node->name = name;
        node->doc = t->xml->doc;
    }
    return node;
}

static void end_text(struct xml_tree *t)
{
    xmlNodePtr node;

    if (t->text.len == 0 || t->err != 0) {
        return;
    }
    t->err = buf_error(&t->text);
    node = new_node(t, XML_TEXT_NODE, xmlStringText, t->text.len + 1);
    if (node == NULL) {
        return;
    }
    node->content = (xmlChar *)(node + 1);
    memcpy(node->content, t->text.data, t->text.len); /* the rest is zero */
    add_child(t->at, node);
    buf_clear(&t->text);
}

static xmlNsPtr new_namespace(struct xml_tree *t, const xmlChar *prefix, const xmlChar *uri)
{
    xmlNsPtr ns = alloc(t, sizeof(*ns));

    if (ns != NULL) {
        ns->type = XML_LOCAL_NAMESPACE;
        ns->href = uri;
        ns->prefix = prefix;
    }
    return ns;
}

/* Of an element or attribute below t->at: most are in the same as their parent. */
static xmlNsPtr namespace_of(struct xml_tree *t, const xmlChar *prefix, const xmlChar *uri)
{
    const xmlNode *above = t->at;

    if (uri == NULL) {
        return NULL;
    }
    if (above->type == XML_ELEMENT_NODE && above->ns != NULL && above->ns->href == uri &&
        above->ns->prefix == prefix) {
        return above->ns;
    }
    return new_namespace(t, prefix, uri);
}

static void declare(struct xml_tree *t, xmlNodePtr element, int n, const xmlChar **namespaces)
{
    xmlNsPtr *tail = &element->nsDef;

    for (int i = 0; i < n && t->err == 0; i++) {
        *tail = new_namespace(t, namespaces[2 * i], namespaces[2 * i + 1]);
        if (*tail != NULL) {
            tail = &(*tail)->next;
        }
    }
}

size_t xml_value_run(const unsigned char *from, const unsigned char *end)
{
    static const char ampersand[] = XML_AMPERSAND;
    const unsigned char *at = memchr(from, '&', (size_t)(end - from));

    while (at != NULL && ((size_t)(end - at) < sizeof(ampersand) - 1 ||
                          memcmp(at, ampersand, sizeof(ampersand) - 1) != 0)) {
        at = memchr(at + 1, '&', (size_t)(end - at - 1));
    }
    return (size_t)((at != NULL ? at : end) - from);
}

static xmlChar *value_text(struct xml_tree *t, const xmlChar *from, const xmlChar *end)
{
    xmlChar *text = alloc(t, (size_t)(end - from) + 1);
    xmlChar *to = text;

    while (text != NULL && from < end) {
        size_t n = xml_value_run(from, end);

        memcpy(to, from, n);
        to += n;
        from += n;
        if (from < end) {
            *to++ = '&';
            from += strlen(XML_AMPERSAND);
        }
    }
    return text;
}

static void add_attributes(struct xml_tree *t, xmlNodePtr element, int n,
                           const xmlChar **attributes)
{
    xmlAttrPtr *tail = &element->properties;
    xmlAttrPtr before = NULL;

    for (int i = 0; i < n && t->err == 0; i++) {
        const xmlChar **from = attributes + 5 * i; /* name, prefix, uri, value, end of value */
        xmlAttrPtr attribute = alloc(t, sizeof(*attribute));
        xmlNodePtr value = new_node(t, XML_TEXT_NODE, xmlStringText, 0);

        if (attribute == NULL || value == NULL) {
            return;
        }
        value->content = value_text(t, from[3], from[4]);
        value->parent = (xmlNodePtr)attribute;
        attribute->type = XML_ATTRIBUTE_NODE;
        attribute->name = from[0];
        attribute->ns = namespace_of(t, from[1], from[2]);
        attribute->children = value;
        attribute->last = value;
        attribute->parent = element;
        attribute->prev = before;
        attribute->doc = element->doc;
        *tail = attribute;
        tail = &attribute->next;
        before = attribute;
    }
}

void xml_tree_start(struct xml_tree *t, const unsigned char *name, const unsigned char *prefix,
                    const unsigned char *uri, int n_namespaces, const unsigned char **namespaces,
                    int n_attributes, const unsigned char **attributes)
{
    xmlNodePtr element;

    end_text(t);
    element = new_node(t, XML_ELEMENT_NODE, name, 0);
    if (element == NULL) {
        return;
    }
    declare(t, element, n_namespaces, namespaces);
    element->ns = namespace_of(t, prefix, uri);
    add_child(t->at, element);
    add_attributes(t, element, n_attributes, attributes);
    t->at = element;
}

void xml_tree_text(struct xml_tree *t, const unsigned char *text, size_t n)
{
    buf_put(&t->text, text, n);
}

void xml_tree_end(struct xml_tree *t)
{
    end_text(t);
    if (t->err == 0) {
        t->at = t->at->parent;
    }
}

struct xml *xml_tree_take(struct xml_tree *t)
{
    struct xml *xml = t->err == 0 ? t->xml : NULL;

    if (xml != NULL) {
        t->xml = NULL;
    }
    return xml;
}
