/* The shipped presets with the example replies of their products. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/mapping.h"
#include "codec/xml.h"
#include "unit/mapping_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the shipped presets with their products' replies ---- */

static char *read_reply(const char *name)
{
    char path[100];
    FILE *file;
    char *text = calloc(1, 1u << 20);

    (void)snprintf(path, sizeof(path), "test/data/products/%s", name);
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, (1u << 20) - 1, file) > 0);
    (void)fclose(file);
    return text;
}

/* Both dossiers of the examples, whatever product tells of them. */
#define A_RECEIVED_S 1794274200 /* 2026-11-10 08:30:00 */
#define A_WORKED_S 1794280500   /* 2026-11-10 10:15:00 */
#define B_RECEIVED_S 1794207910 /* 2026-11-09 14:05:10 */
#define B_RETURNED_S 1794276000 /* 2026-11-10 09:00:00 */

struct product {
    const char *preset;
    const char *list;
    const char *detail; /* NULL: the list's rows are the records */
    const char *steps;
    const char *status[2];
    const char *key; /* of the first step of the first dossier */
    const char *national;
};

static const struct product products[] = {
    {"igate-connector",
     "igate-connector-list.json",
     NULL,
     "igate-connector-steps.json",
     {"4", "10"},
     "",
     "national"},
    {"igate-search",
     "igate-search-list.json",
     "igate-search-detail.json",
     NULL,
     {"2", "4"},
     "636b0f2a9abb62f5118a0001",
     ""},
    {"vpcp-shape", "vpcp-shape-list.json", NULL, NULL, {"4", "10"}, "", "national"},
    {"lgsp-hcm", "lgsp-hcm-list.json", NULL, NULL, {"4", "10"}, "501", "national"},
    {"ngsp-justice",
     "ngsp-justice-list.json",
     "ngsp-justice-detail.json",
     NULL,
     {"3", "4"},
     "901",
     ""},
    {"oep-soap", "oep-soap-list.xml", NULL, NULL, {"4", "10"}, "7001", "national"},
};

static void load_product(struct fixture *f, const struct product *p)
{
    struct config_list params = {
        .items = {"sso=https://x", "agency=X", "agency_name=UBND phường Hạc Thành"}, .n = 3};
    char path[100];

    (void)snprintf(path, sizeof(path), "conf/presets/%s.preset", p->preset);
    fixture_load_file(f, path, &params);
}

static void check_first(const struct product *p, const struct outcome *o)
{
    assert_string_equal(o->d.code, "H56.31.25-261110-0001");
    assert_string_equal(o->d.local_no, "");
    assert_string_equal(o->d.applicant_name, "Lò Thị Mẩy");
    assert_string_equal(o->d.applicant_id, "000199000457");
    assert_string_equal(o->d.procedure_code, "1.001193");
    assert_string_equal(o->d.agency_name, "UBND phường Hạc Thành");
    assert_string_equal(o->d.status, p->status[0]);
    assert_string_equal(o->d.status_map, p->national);
    assert_int_equal(o->d.received_s, A_RECEIVED_S);
    assert_int_equal(o->d.changed_s, A_WORKED_S);
    assert_true(o->d.promised_s > o->d.received_s);
    assert_int_equal(o->n, 3);
    assert_string_equal(o->steps[0].key, p->key);
    assert_string_equal(o->steps[0].actor, "Phạm Văn Tài");
    assert_string_equal(o->steps[1].actor, "Trần Thị Lan");
    assert_string_equal(o->steps[1].status, p->status[0]);
    assert_int_equal(o->steps[1].at_s, A_WORKED_S);
    assert_true(strlen(o->steps[0].text) > 0 && strlen(o->steps[0].unit) > 0);
}

static void check_second(const struct product *p, const struct outcome *o)
{
    assert_string_equal(o->d.code, "H56.31.25-261109-0007");
    assert_string_equal(o->d.applicant_name, "Nguyễn Thị Hoa");
    assert_string_equal(o->d.status, p->status[1]);
    assert_int_equal(o->d.received_s, B_RECEIVED_S);
    if (p->steps == NULL) {
        assert_int_equal(o->n, 3);
        assert_int_equal(o->steps[1].at_s, B_RETURNED_S);
        assert_int_equal(o->d.changed_s, B_RETURNED_S);
    }
}

static const struct mapping_node *second_of(struct fixture *f, const struct product *p,
                                            const struct preset_call *call,
                                            const struct mapping_node *first)
{
    char *other;

    if (strcmp(p->preset, "igate-search") != 0) {
        return mapping_next(first);
    }
    other = read_reply("igate-search-detail-2.json"); /* one record a reply */
    fixture_open(f, call, other);
    free(other);
    return mapping_first(f->doc, call->rows);
}

static void check_list(struct fixture *f, const struct product *p)
{
    char *reply = read_reply(p->list);
    const struct mapping_node *row;

    fixture_open(f, &f->preset->list, reply);
    free(reply);
    assert_int_equal(mapping_judge(&f->preset->list, f->doc, f->words), MAPPING_OK);
    row = mapping_first(f->doc, f->preset->list.rows);
    assert_true(strlen(fixture_id(f, row)) > 0);
    assert_true(f->preset->changed_path[0] == '\0' || f->changed_s == A_WORKED_S);
    assert_true(strlen(fixture_id(f, mapping_next(row))) > 0);
    assert_null(mapping_next(mapping_next(row)));
}

static void check_product(const struct product *p)
{
    struct fixture f;
    struct outcome o;
    struct mapping_doc *steps = NULL;
    const struct preset_call *call;
    const struct mapping_node *row;
    char *reply;

    load_product(&f, p);
    check_list(&f, p);
    call = p->detail != NULL ? &f.preset->detail : &f.preset->list;
    if (p->detail != NULL) {
        reply = read_reply(p->detail);
        fixture_open(&f, call, reply);
        free(reply);
        assert_int_equal(mapping_judge(call, f.doc, f.words), MAPPING_OK);
    }
    if (p->steps != NULL) {
        reply = read_reply(p->steps);
        assert_int_equal(
            mapping_open(f.preset, &f.preset->steps, reply, strlen(reply), &steps, &f.msg), 0);
        free(reply);
    }
    row = mapping_first(f.doc, call->rows);
    map_row(&f, row, steps, &NO_SOURCE, &o);
    assert_string_equal(f.msg.text, "");
    check_first(p, &o);
    map_row(&f, second_of(&f, p, call, row), steps, &NO_SOURCE, &o);
    assert_string_equal(f.msg.text, "");
    check_second(p, &o);
    mapping_close(steps);
    fixture_end(&f);
}

static void each_product_s_replies_become_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(products); i++) {
        check_product(&products[i]);
    }
}

static void files_results_and_extras_of_the_national_vocabulary(void **state)
{
    struct fixture f;
    struct outcome o;
    char *reply = read_reply("vpcp-shape-list.json");
    const struct mapping_node *row;

    (void)state;
    load_product(&f, &products[2]);
    fixture_open(&f, &f.preset->list, reply);
    free(reply);
    row = mapping_first(f.doc, f.preset->list.rows);
    map_row(&f, row, NULL, &NO_SOURCE, &o);
    assert_int_equal(o.d.n_files, 1);
    assert_string_equal(o.d.files[0].url, "https://dvc.example.vn/tep/90231");
    assert_string_equal(o.d.files[0].extra, "{\"DuocLayTuKhoDMQG\":\"0\",\"DuocSoHoa\":\"1\","
                                            "\"DuocTaiSuDung\":\"0\",\"MaKetQuaThayThe\":\"\"}");
    assert_int_equal(o.d.digitised, TRI_YES);
    assert_int_equal(o.d.identified, TRI_NO);
    assert_string_equal(o.d.extra, "{\"DanhSachLePhi\":[]}");
    map_row(&f, mapping_next(row), NULL, &NO_SOURCE, &o);
    assert_int_equal(o.d.n_results, 1);
    assert_string_equal(o.d.results[0].result_code, "KQ.G15.000031");
    assert_int_equal(o.d.returned_s, B_RETURNED_S);
    fixture_end(&f);
}

static void refusals_of_the_soap_service_carry_its_words(void **state)
{
    struct fixture f;
    char *reply = read_reply("oep-soap-refused.xml");

    (void)state;
    load_product(&f, &products[5]);
    fixture_open(&f, &f.preset->list, reply);
    assert_int_equal(mapping_judge(&f.preset->list, f.doc, f.words), MAPPING_REFUSED);
    assert_string_equal(f.words, "Sai tên đăng nhập hoặc mật khẩu");
    free(reply);
    fixture_open(&f, &f.preset->list,
                 "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>"
                 "<s:Fault><faultcode>s:Server</faultcode><faultstring>down</faultstring>"
                 "</s:Fault></s:Body></s:Envelope>");
    assert_int_equal(mapping_judge(&f.preset->list, f.doc, f.words), MAPPING_REFUSED);
    assert_string_equal(f.words, "down");
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_product_s_replies_become_records),
        cmocka_unit_test(files_results_and_extras_of_the_national_vocabulary),
        cmocka_unit_test(refusals_of_the_soap_service_carry_its_words),
    };
    int failed;

    xml_init();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xml_cleanup();
    return failed;
}
