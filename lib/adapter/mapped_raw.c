#include "adapter/mapped_raw.h"

#include "adapter/mapping_impl.h"

/* Documents are at most 64 deep (codec/xml.h). */
static void put_element(const struct xml_node *node, struct buf *out)
{
    const struct xml_node *child = xml_child(node, NULL);

    buf_printf(out, "<%s>", xml_name(node));
    if (child == NULL) {
        buf_put_xml(out, xml_text(node));
    }
    for (; child != NULL; child = xml_next(child, NULL)) {
        put_element(child, out);
    }
    buf_printf(out, "</%s>", xml_name(node));
}

void mapped_raw(const struct mapping_node *node, struct buf *out)
{
    struct json_writer w;

    if (node->json != NULL) {
        json_write_begin(&w, out);
        json_node(&w, NULL, node->json);
    } else if (node->xml != NULL) {
        put_element(node->xml, out);
    }
}
