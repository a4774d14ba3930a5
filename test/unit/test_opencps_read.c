#include "adapter/opencps_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec/record.h"
#include "codec/xml.h"
#include "domain/map.h"
#include "domain/vntime.h"

static const char ROWS_JSON[] =
    "{\"total\":2,\"data\":[{\"dossierId\":100001,\"dossierNo\":\"H56.31.25-251118-0007\","
    "\"applicantName\":\"NGUYỄN THỊ HOA\",\"modifiedDate\":\"\",\"dossierStatus\":\"processing\","
    "\"originality\":3,\"stepOverdue\":\"\",\"cancellingDate\":null},{\"dossierId\":100002,"
    "\"dossierStatus\":\"done\"}]}";
static const char ROWS_XML[] =
    "<?xml version=\"1.0\" "
    "encoding=\"UTF-8\"?><data><total>2</total><data><dossierId>100001</dossierId>"
    "<dossierNo>H56.31.25-251118-0007</dossierNo><dossierSubStatus/><dossierStatus>processing</"
    "dossierStatus>"
    "<originality>3</originality></data><data><dossierId>100002</dossierId><dossierStatus>done"
    "</dossierStatus></data></data>";

static const char DOSSIER_JSON[] =
    "{\"dossierId\":100001,\"dossierNo\":\"H56.31.25-251118-0007\",\"referenceUid\":\"u-1\","
    "\"serviceCode\":\"1.001193.000.00.00.H56\",\"serviceName\":\"Đăng ký khai sinh\","
    "\"domainCode\":\"G15-TP01\",\"domainName\":\"Hộ tịch\",\"govAgencyCode\":\"H56.31.25\","
    "\"govAgencyName\":\"UBND phường Hạc Thành\",\"applicantName\":\"Nguyễn Thị Hoa\","
    "\"applicantIdType\":\"citizen\",\"applicantIdNo\":\"000123456789\",\"contactEmail\":\"hoa@"
    "example.vn\","
    "\"contactTelNo\":\"0000000001\",\"dossierName\":\"\",\"applicantNote\":\"Ghi chú\","
    "\"submitDate\":\"18/11/2025 08:00:00\",\"receiveDate\":\"18/11/2025 09:30:00\","
    "\"dueDate\":\"25/11/2025 09:30:00\",\"releaseDate\":\"\",\"finishDate\":null,"
    "\"dossierStatus\":\"processing\",\"dossierSubStatus\":\"processing_1\",\"dossierStatusText\":"
    "\"Đang xử lý\","
    "\"lastActionDate\":\"19/11/2025 "
    "10:00:00\",\"online\":\"true\",\"originality\":3,\"originDossierId\":\"0\","
    "\"viaPostal\":\"2\",\"systemId\":5}";

static const char ACTIONS_JSON[] =
    "{\"total\":4,\"data\":["
    "{\"dossierActionId\":12,\"actionName\":\"Phân công\",\"actionUser\":\"Trần Văn "
    "Bình\",\"actionNote\":\"gấp\","
    "\"stepCode\":\"210\",\"createDate\":1763520000007,\"dueDate\":1763606400000,\"pending\":false,"
    "\"state\":1},"
    "{\"dossierActionId\":9,\"actionName\":\"Tiếp nhận\",\"actionUser\":\"Lê Văn "
    "Cường\",\"actionNote\":\"\","
    "\"stepCode\":\"200\",\"createDate\":1763433000007,\"pending\":false,\"state\":1},"
    "{\"dossierActionId\":10,\"actionName\":\"Nhầm\",\"actionUser\":\"Lê Văn "
    "Cường\",\"actionNote\":\"\","
    "\"stepCode\":\"400\",\"createDate\":1763433000007,\"pending\":false,\"state\":2},"
    "{\"dossierActionId\":13,\"actionName\":\"Chờ\",\"actionUser\":\"x\",\"stepCode\":\"220\","
    "\"createDate\":1763530000000,\"pending\":true,\"state\":0}]}";

static const char STEPS_JSON[] =
    "{\"total\":2,\"data\":[{\"stepCode\":\"210\",\"dossierStatus\":\"processing\","
    "\"dossierSubStatus\":\"processing_1\"},{\"stepCode\":\"200\",\"dossierStatus\":\"receiving\","
    "\"dossierSubStatus\":null}]}";

static const char FILES_JSON[] =
    "{\"total\":3,\"data\":[{\"dossierFileId\":1,\"referenceUid\":\"f-1\",\"displayName\":\"Tờ "
    "khai.pdf\","
    "\"dossierPartNo\":\"TP1\",\"dossierPartType\":1,\"deliverableCode\":\"\"},{\"dossierFileId\":"
    "2,"
    "\"referenceUid\":\"f-2\",\"displayName\":\"Giấy khai sinh.pdf\",\"dossierPartNo\":\"KQ1\","
    "\"dossierPartType\":2,\"deliverableCode\":\"KQ.01\"},{\"dossierFileId\":3,\"dossierPartType\":"
    "3}]}";

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 4 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void parse(enum opencps_format format, const char *text, struct opencps_doc *doc)
{
    struct errmsg msg = {""};

    memset(doc, 0, sizeof(*doc));
    assert_int_equal(opencps_doc_parse(doc, format, text, strlen(text), &msg), 0);
}

static int page_of(enum opencps_format format, const char *text, struct opencps_page *page,
                   struct errmsg *msg)
{
    struct opencps_doc doc;
    int err;

    parse(format, text, &doc);
    err = opencps_read_page(&doc, 10, &arena, page, msg);
    opencps_doc_free(&doc); /* nothing read may hang on it */
    return err;
}

static void json_and_xml_rows_are_the_same_rows(void **state)
{
    struct opencps_page json;
    struct opencps_page xml;
    struct errmsg msg = {""};

    (void)state;
    assert_int_equal(page_of(OPENCPS_JSON, ROWS_JSON, &json, &msg), 0);
    assert_int_equal(page_of(OPENCPS_XML, ROWS_XML, &xml, &msg), 0);
    assert_int_equal(json.total, 2);
    assert_int_equal(json.n, 2);
    assert_int_equal(xml.total, 2);
    assert_int_equal(xml.n, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(json.rows[i].id, xml.rows[i].id);
        assert_memory_equal(json.rows[i].hash, xml.rows[i].hash, RECORD_HASH_BYTES);
    }
    assert_memory_not_equal(json.rows[0].hash, json.rows[1].hash, RECORD_HASH_BYTES);
}

static void row_hash(const char *fields, uint8_t out[RECORD_HASH_BYTES])
{
    struct opencps_page page;
    struct errmsg msg = {""};
    char text[512];

    snprintf(text, sizeof(text), "{\"total\":1,\"data\":[{\"dossierId\":\"7\",%s}]}", fields);
    assert_int_equal(page_of(OPENCPS_JSON, text, &page, &msg), 0);
    memcpy(out, page.rows[0].hash, RECORD_HASH_BYTES);
}

static void a_rows_hash_follows_its_meaning_only(void **state)
{
    uint8_t base[RECORD_HASH_BYTES];
    uint8_t other[RECORD_HASH_BYTES];

    (void)state;
    row_hash("\"dossierStatus\":\"new\",\"applicantName\":\"LÊ VĂN AN\",\"modifiedDate\":\"\"",
             base);
    row_hash("\"applicantName\":\"Lê Văn "
             "An\",\"dossierStatus\":\"new\",\"modifiedDate\":\"x\",\"stepOverdue\":\"3 ngày\"",
             other);
    assert_memory_equal(base, other, RECORD_HASH_BYTES);
    row_hash("\"dossierStatus\":\"new\",\"dueDate\":\"01/12/2025 00:00:00\"", other);
    assert_memory_not_equal(base, other, RECORD_HASH_BYTES);
    row_hash("\"dossierSubStatus\":\"new\"", other);
    assert_memory_not_equal(base, other, RECORD_HASH_BYTES);
}

static void lists_that_are_none_are_refused(void **state)
{
    static const char *const bad[] = {
        "[1]",
        "{}",
        "{\"total\":\"x\",\"data\":[]}",
        "{\"total\":1,\"data\":[{\"dossierNo\":\"x\"}]}",
        "{\"data\":[]}",
        "{\"total\":1,\"data\":[{\"dossierId\":{}}]}",
        "{\"total\":-1,\"data\":[]}",
        "\"x\"",
    };
    struct opencps_page page;
    struct errmsg msg = {""};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(page_of(OPENCPS_JSON, bad[i], &page, &msg), ERR_FORMAT);
        assert_true(msg.text[0] != '\0');
    }
    assert_int_equal(page_of(OPENCPS_XML, "<html><body>x</body></html>", &page, &msg), ERR_FORMAT);
}

static void empty_lists_are_lists(void **state)
{
    struct opencps_page page;
    struct errmsg msg = {""};

    (void)state;
    assert_int_equal(page_of(OPENCPS_JSON, "{\"total\":0}", &page, &msg), 0);
    assert_int_equal(page_of(OPENCPS_JSON, "{\"total\":0,\"data\":null}", &page, &msg), 0);
    assert_int_equal(page_of(OPENCPS_XML, "<data><total>0</total></data>", &page, &msg), 0);
    assert_int_equal(page.n, 0);
    assert_int_equal(page.total, 0);
}

static void more_rows_than_asked_for_are_refused(void **state)
{
    struct opencps_page page;
    struct opencps_doc doc;
    struct errmsg msg = {""};

    (void)state;
    parse(OPENCPS_JSON, ROWS_JSON, &doc);
    assert_int_equal(opencps_read_page(&doc, 1, &arena, &page, &msg), ERR_FORMAT);
    opencps_doc_free(&doc);
}

static void read_all(struct opencps_dossier *d, struct opencps_actions *actions,
                     struct opencps_steps *steps)
{
    struct opencps_doc doc;
    struct errmsg msg = {""};

    parse(OPENCPS_JSON, DOSSIER_JSON, &doc);
    assert_int_equal(opencps_read_dossier(&doc, &arena, d, &msg), 0);
    opencps_doc_free(&doc);
    parse(OPENCPS_JSON, ACTIONS_JSON, &doc);
    assert_int_equal(opencps_read_actions(&doc, &arena, actions, &msg), 0);
    opencps_doc_free(&doc);
    parse(OPENCPS_JSON, STEPS_JSON, &doc);
    assert_int_equal(opencps_read_steps(&doc, &arena, steps, &msg), 0);
    opencps_doc_free(&doc);
}

static int64_t when(const char *text)
{
    int64_t s = 0;

    assert_int_equal(vntime_parse_portal(text, &s), 0);
    return s;
}

static void a_dossier_is_mapped_field_by_field(void **state)
{
    struct opencps_dossier d;
    struct opencps_actions actions;
    struct opencps_steps steps;

    (void)state;
    read_all(&d, &actions, &steps);
    assert_string_equal(d.id, "100001");
    assert_string_equal(d.record.code, "H56.31.25-251118-0007");
    assert_string_equal(d.record.procedure_code, "1.001193.000.00.00.H56");
    assert_string_equal(d.record.subject, "Đăng ký khai sinh");
    assert_string_equal(d.record.applicant_name, "Nguyễn Thị Hoa");
    assert_string_equal(d.record.applicant_type, "1");
    assert_string_equal(d.record.channel, "2");
    assert_string_equal(d.record.entry, "1");
    assert_string_equal(d.record.result_by, "1");
    assert_string_equal(d.record.status, "processing");
    assert_string_equal(d.record.substatus, "processing_1");
    assert_string_equal(d.record.status_name, "Đang xử lý");
    assert_string_equal(d.record.receipt_no, "");
    assert_int_equal(d.record.digitised, -1);
    assert_int_equal(d.record.submitted_s, when("20251118080000"));
    assert_int_equal(d.record.received_s, when("20251118093000"));
    assert_int_equal(d.record.promised_s, when("20251125093000"));
    assert_int_equal(d.record.finished_s, 0);
    assert_int_equal(d.record.changed_s, when("20251119100000")); /* not the promised date */
    assert_false(d.interlinked);
    assert_false(d.internal);
}

static void rolled_back_and_pending_actions_are_no_steps(void **state)
{
    struct opencps_dossier d;
    struct opencps_actions actions;
    struct opencps_steps steps;

    (void)state;
    read_all(&d, &actions, &steps);
    assert_int_equal(actions.n, 2);
    assert_string_equal(actions.list[0].id, "9");
    assert_string_equal(actions.list[1].id, "12");
}

static int records_of(const struct opencps_dossier *d, const struct opencps_actions *actions,
                      const struct opencps_steps *steps, struct map *map, struct record **records,
                      size_t *n, struct errmsg *msg)
{
    static struct config config;

    config.status_map = map;
    return opencps_records(d, actions, steps, &config, "", &arena, records, n, msg);
}

/* The dossier of a JSON text. */
static void read_one(const char *text, struct opencps_dossier *d)
{
    struct opencps_doc doc = {0};
    struct errmsg msg = {""};

    assert_int_equal(opencps_doc_parse(&doc, OPENCPS_JSON, text, strlen(text), &msg), 0);
    assert_int_equal(opencps_read_dossier(&doc, &arena, d, &msg), 0);
    opencps_doc_free(&doc);
}

static void a_dossier_of_the_portal_keeps_the_portals_number(void **state)
{
    struct opencps_dossier d;

    (void)state;
    read_one("{\"dossierId\":7,\"dossierNo\":\"G22.99-251118-020176\",\"systemId\":5}", &d);
    assert_string_equal(d.record.code, "G22.99-251118-020176");
    assert_string_equal(d.record.local_no, "");
    assert_string_equal(d.record.entry, "1");
    read_one("{\"dossierId\":7,\"dossierNo\":\"H56.31-251118-0009\",\"systemId\":5,"
             "\"originDossierNo\":\"G22.99-251118-020176\"}",
             &d);
    assert_string_equal(d.record.code, "G22.99-251118-020176");
    assert_string_equal(d.record.local_no, "H56.31-251118-0009");
    read_one("{\"dossierId\":7,\"dossierNo\":\"H56.31-251118-0009\",\"systemId\":5,"
             "\"metaData\":\"{\\\"MaHoSo\\\":\\\"G22.99-251118-020176\\\"}\"}",
             &d);
    assert_string_equal(d.record.code, "G22.99-251118-020176");
    assert_string_equal(d.record.local_no, "H56.31-251118-0009");
    read_one("{\"dossierId\":7,\"dossierNo\":\"H56.31-251118-0009\",\"systemId\":0,"
             "\"originDossierNo\":\"G22.99-251118-020176\"}",
             &d); /* the province's own: another dossier's number is no identity */
    assert_string_equal(d.record.code, "H56.31-251118-0009");
    assert_string_equal(d.record.local_no, "");
}

static void records_are_the_snapshot_then_the_steps_oldest_first(void **state)
{
    struct opencps_dossier d;
    struct opencps_actions actions;
    struct opencps_steps steps;
    struct record *records;
    struct step step;
    struct errmsg msg = {""};
    size_t n;

    (void)state;
    read_all(&d, &actions, &steps);
    actions.list[1].step_code = "999";
    assert_int_equal(records_of(&d, &actions, &steps, NULL, &records, &n, &msg), 0);
    assert_int_equal(n, 3);
    assert_int_equal(records[0].kind, RECORD_DOSSIER);
    assert_string_equal(records[0].code, "H56.31.25-251118-0007");
    assert_int_equal(records[0].at_s, 1763521200); /* lastActionDate, later than both actions */
    assert_int_equal(records[1].kind, RECORD_STEP);
    assert_string_equal(records[1].step_key, "9");
    assert_int_equal(record_to_step(records[1].body, records[1].body_len, &arena, &step, &msg), 0);
    assert_string_equal(step.status, "receiving");
    assert_string_equal(step.substatus, "");
    assert_string_equal(step.text, "Tiếp nhận");
    assert_string_equal(step.unit, "UBND phường Hạc Thành");
    assert_int_equal(step.at_s, 1763433000);
    assert_int_equal(record_to_step(records[2].body, records[2].body_len, &arena, &step, &msg), 0);
    assert_string_equal(step.text, "Phân công - gấp");
    assert_string_equal(step.status, "999"); /* unknown step code: for the status map to name */
    assert_int_equal(step.due_s, 1763606400);
}

static void the_date_of_a_refusal_is_given_for_refusals_only(void **state)
{
    static const char text[] =
        "status,substatus,name,national,valid_from,valid_until\nprocessing,,,4,,\ndenied,,,8,,\n";
    struct opencps_dossier d;
    struct opencps_actions actions;
    struct opencps_steps steps;
    struct dossier out;
    struct record *records;
    struct errmsg msg = {""};
    struct map *map;
    size_t n;

    (void)state;
    read_all(&d, &actions, &steps);
    assert_int_equal(map_parse(MAP_STATUS, "status.csv", text, sizeof(text) - 1, &map, &msg), 0);
    assert_int_equal(records_of(&d, &actions, &steps, map, &records, &n, &msg), 0);
    assert_int_equal(record_to_dossier(records[0].body, records[0].body_len, &arena, &out, &msg),
                     0);
    assert_int_equal(out.refused_s, 0);
    d.record.status = "denied";
    assert_int_equal(records_of(&d, &actions, &steps, map, &records, &n, &msg), 0);
    assert_int_equal(record_to_dossier(records[0].body, records[0].body_len, &arena, &out, &msg),
                     0);
    assert_int_equal(out.refused_s, when("20251119100000"));
    map_free(map);
}

static void files_are_split_by_their_kind_and_get_addresses(void **state)
{
    struct opencps_dossier d;
    struct opencps_actions actions;
    struct opencps_steps steps;
    struct opencps_doc doc;
    struct errmsg msg = {""};

    (void)state;
    read_all(&d, &actions, &steps);
    parse(OPENCPS_JSON, FILES_JSON, &doc);
    assert_int_equal(opencps_read_files(&doc,
                                        "https://tep.tinh.gov.vn/{dossierId}/{referenceUid}?t=1",
                                        d.id, &arena, &d.record, &msg),
                     0);
    opencps_doc_free(&doc);
    assert_int_equal(d.record.n_files, 1);
    assert_int_equal(d.record.n_results, 1);
    assert_string_equal(d.record.files[0].url, "https://tep.tinh.gov.vn/100001/f-1?t=1");
    assert_string_equal(d.record.files[0].component, "TP1");
    assert_string_equal(d.record.results[0].result_code, "KQ.01");
    assert_string_equal(d.record.results[0].name, "Giấy khai sinh.pdf");
}

static void what_is_not_to_be_sent_says_why(void **state)
{
    struct config_source source;
    struct opencps_dossier d;
    struct opencps_dossier other;
    struct opencps_actions actions;
    struct opencps_steps steps;

    (void)state;
    memset(&source, 0, sizeof(source));
    read_all(&d, &actions, &steps);
    assert_null(opencps_excluded(&d, &actions, &source));
    other = d;
    other.record.code = "";
    assert_non_null(strstr(opencps_excluded(&other, NULL, &source), "dossierNo"));
    other = d;
    other.interlinked = true;
    assert_non_null(strstr(opencps_excluded(&other, NULL, &source), "originDossierId"));
    other = d;
    other.internal = true;
    assert_non_null(strstr(opencps_excluded(&other, NULL, &source), "originality"));
    source.test_agencies.items[0] = "000.25.31.H56";
    source.test_agencies.n = 1;
    assert_non_null(strstr(opencps_excluded(&d, NULL, &source), "test_agencies"));
    source.test_agencies.n = 0;
    source.test_accounts.items[0] = "Lê Văn Cường";
    source.test_accounts.n = 1;
    assert_null(opencps_excluded(&d, NULL, &source));
    assert_non_null(strstr(opencps_excluded(&d, &actions, &source), "test_accounts"));
    source.test_accounts.items[0] = "000123456789";
    assert_non_null(strstr(opencps_excluded(&d, NULL, &source), "test_accounts"));
}

static void dates_that_are_none_are_refused(void **state)
{
    struct opencps_dossier d;
    struct opencps_doc doc;
    struct errmsg msg = {""};

    (void)state;
    parse(OPENCPS_JSON, "{\"dossierId\":1,\"submitDate\":\"31/02/2025 00:00:00\"}", &doc);
    assert_int_equal(opencps_read_dossier(&doc, &arena, &d, &msg), ERR_FORMAT);
    assert_non_null(strstr(msg.text, "submitDate"));
    opencps_doc_free(&doc);
    parse(OPENCPS_JSON, "{\"error\":\"x\"}", &doc);
    assert_int_equal(opencps_read_dossier(&doc, &arena, &d, &msg), ERR_FORMAT);
    opencps_doc_free(&doc);
}

static void a_list_of_actions_that_is_cut_is_refused(void **state)
{
    struct opencps_actions actions;
    struct opencps_doc doc;
    struct errmsg msg = {""};

    (void)state;
    parse(OPENCPS_JSON, "{\"total\":3,\"data\":[{\"dossierActionId\":1,\"state\":1}]}", &doc);
    assert_int_equal(opencps_read_actions(&doc, &arena, &actions, &msg), ERR_FORMAT);
    opencps_doc_free(&doc);
}

static void procedures_of_lists_may_lack_their_texts(void **state)
{
    static const char list[] =
        "{\"total\":2,\"data\":[{\"serviceCode\":\"1.001193\",\"serviceName\":\"A\",\"maxLevel\":4,"
        "\"active\":false},{\"serviceCode\":\"TTHC-1\",\"serviceName\":\"B\","
        "\"administrationCode\":\"\","
        "\"administrationName\":\"\",\"applicantText\":\"\",\"conditionText\":\"\",\"domainCode\":"
        "\"D\","
        "\"domainName\":\"\",\"dossierText\":\"\",\"durationText\":\"\",\"feeText\":\"\","
        "\"methodText\":\"\","
        "\"processText\":\"P\",\"regularText\":\"\",\"resultText\":\"\",\"maxLevel\":2,\"active\":"
        "true}]}";
    struct opencps_services services;
    struct opencps_doc doc;
    struct errmsg msg = {""};

    (void)state;
    parse(OPENCPS_JSON, list, &doc);
    assert_int_equal(opencps_read_services(&doc, 10, &arena, &services, &msg), 0);
    opencps_doc_free(&doc);
    assert_int_equal(services.n, 2);
    assert_false(services.list[0].whole);
    assert_false(services.list[0].procedure.active);
    assert_int_equal(services.list[0].procedure.level, 4);
    assert_true(services.list[1].whole);
    assert_string_equal(services.list[1].procedure.steps_text, "P");
    assert_string_equal(services.list[1].procedure.sector_code, "D");
    assert_string_equal(services.list[1].procedure.code, "TTHC-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_and_xml_rows_are_the_same_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rows_hash_follows_its_meaning_only, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_that_are_none_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_lists_are_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(more_rows_than_asked_for_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dossier_is_mapped_field_by_field, setup, teardown),
        cmocka_unit_test_setup_teardown(rolled_back_and_pending_actions_are_no_steps, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_dossier_of_the_portal_keeps_the_portals_number, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(records_are_the_snapshot_then_the_steps_oldest_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_date_of_a_refusal_is_given_for_refusals_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(files_are_split_by_their_kind_and_get_addresses, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_not_to_be_sent_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(dates_that_are_none_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_of_actions_that_is_cut_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(procedures_of_lists_may_lack_their_texts, setup, teardown),
    };
    int failed;

    xml_init();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xml_cleanup();
    return failed;
}
