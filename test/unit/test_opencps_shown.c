/* What a serviceinfo shows beside its texts, in each of the forms it comes in. */
#include "adapter/opencps_shown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct adapter_shown shown(enum opencps_format format, const char *text)
{
    struct opencps_doc doc = {0};
    struct errmsg msg = {""};
    struct adapter_shown out;

    if (opencps_doc_parse(&doc, format, text, strlen(text), &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    out = opencps_read_shown(opencps_doc_root(&doc));
    opencps_doc_free(&doc);
    return out;
}

static void expect(enum opencps_format format, const char *text, int processes, int eforms)
{
    struct adapter_shown s = shown(format, text);

    assert_int_equal(s.processes, processes);
    assert_int_equal(s.eforms, eforms);
}

static void json_lists_are_counted(void **state)
{
    (void)state;
    expect(OPENCPS_JSON, "{\"serviceCode\":\"1\"}", -1, -1);
    expect(OPENCPS_JSON, "{\"serviceConfigs\":[],\"fileTemplates\":null}", 0, -1);
    expect(OPENCPS_JSON,
           "{\"serviceConfigs\":[{\"govAgencyCode\":\"H56\"},{\"processes\":[]},"
           "{\"processes\":[{\"processNo\":\"\"},{\"processNo\":\"QT1\"}]}],"
           "\"fileTemplates\":[{},{}]}",
           2, 2);
    expect(OPENCPS_JSON, "{\"serviceConfigs\":\"none\"}", -1, -1);
}

static void xml_of_the_service_repeats_its_lists(void **state)
{
    (void)state;
    expect(OPENCPS_XML, "<data><serviceCode>1</serviceCode></data>", -1, -1);
    expect(OPENCPS_XML, "<data><serviceConfigs/><fileTemplates/></data>", 0, 0);
    expect(OPENCPS_XML,
           "<data><serviceConfigs><govAgencyCode>H56</govAgencyCode></serviceConfigs>"
           "<serviceConfigs><processes><processNo>QT1</processNo></processes></serviceConfigs>"
           "<fileTemplates><fileTemplateNo>M1</fileTemplateNo></fileTemplates></data>",
           2, 1);
}

static void the_catalogues_file_wraps_them(void **state)
{
    (void)state;
    expect(OPENCPS_XML,
           "<ServiceInfo><fileTemplates><fileTemplate><fileTemplateNo>M1</fileTemplateNo>"
           "</fileTemplate><fileTemplate/></fileTemplates><configs><ServiceConfig>"
           "<govAgencyCode>H56</govAgencyCode><processes><ProcessOption><processNo>QT1</processNo>"
           "</ProcessOption></processes></ServiceConfig><ServiceConfig><processes><ProcessOption>"
           "<processNo/></ProcessOption></processes></ServiceConfig></configs></ServiceInfo>",
           1, 2);
    expect(OPENCPS_XML, "<ServiceInfo><fileTemplates/><configs/></ServiceInfo>", 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_lists_are_counted),
        cmocka_unit_test(xml_of_the_service_repeats_its_lists),
        cmocka_unit_test(the_catalogues_file_wraps_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
