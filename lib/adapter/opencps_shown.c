#include "adapter/opencps_shown.h"

#include "codec/json.h"
#include "codec/xml.h"

/* ---- JSON ---- */

static bool json_has_process(const struct json *config)
{
    const struct json *processes = json_get(config, "processes");

    if (processes == NULL) {
        return true; /* this face shows no more than the agency */
    }
    for (const struct json *p = json_first(processes); p != NULL; p = json_next(p)) {
        char number[24];

        if (json_text_or_empty(json_get(p, "processNo"), number)[0] != '\0') {
            return true;
        }
    }
    return false;
}

static struct adapter_shown shown_of_json(const struct json *root)
{
    const struct json *configs = json_get(root, "serviceConfigs");
    const struct json *forms = json_get(root, "fileTemplates");
    struct adapter_shown shown = {0, -1, -1};

    if (json_is_array(configs)) {
        shown.processes = 0;
        for (const struct json *c = json_first(configs); c != NULL; c = json_next(c)) {
            shown.processes += json_has_process(c);
        }
    }
    if (json_is_array(forms)) {
        shown.eforms = (int)json_size(forms);
    }
    return shown;
}

/* ---- XML ---- */

static bool xml_has_process(const struct xml_node *config)
{
    const struct xml_node *processes = xml_child(config, "processes");
    const struct xml_node *option = xml_child(processes, "ProcessOption");

    if (processes == NULL) {
        return true;
    }
    /* The file wraps its options, the REST face repeats the list's own name. */
    for (option = option != NULL ? option : processes; option != NULL;
         option = xml_next(option, xml_name(option))) {
        if (xml_text(xml_child(option, "processNo"))[0] != '\0') {
            return true;
        }
    }
    return false;
}

/* The entries of a list: wrapped in `wrapper`, or the repeated `name` itself; NULL, *there false:
 * neither is there. */
static const struct xml_node *xml_entries(const struct xml_node *root, const char *wrapper,
                                          const char *entry, const char *name, bool *there)
{
    const struct xml_node *list = xml_child(root, wrapper);
    const struct xml_node *first = list != NULL ? xml_child(list, entry) : NULL;

    *there = list != NULL;
    if (first == NULL) {
        first = xml_child(root, name);
        *there = *there || first != NULL;
        first = first != NULL && xml_child(first, NULL) != NULL ? first : NULL;
    }
    return first;
}

static struct adapter_shown shown_of_xml(const struct xml_node *root)
{
    struct adapter_shown shown = {0, -1, -1};
    const struct xml_node *node;
    bool there;

    node = xml_entries(root, "configs", "ServiceConfig", "serviceConfigs", &there);
    shown.processes = there ? 0 : -1;
    for (; node != NULL; node = xml_next(node, xml_name(node))) {
        shown.processes += xml_has_process(node);
    }
    node = xml_entries(root, "fileTemplates", "fileTemplate", "fileTemplates", &there);
    shown.eforms = there ? 0 : -1;
    for (; node != NULL; node = xml_next(node, xml_name(node))) {
        shown.eforms++;
    }
    return shown;
}

struct adapter_shown opencps_read_shown(struct opencps_row root)
{
    return root.xml != NULL ? shown_of_xml(root.xml) : shown_of_json(root.json);
}
