#include "adapter/portal_other.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/spool_read.h"
#include "codec/json.h"
#include "codec/record.h"
#include "lib/fake_loop.h"

struct fixture {
    struct fake_loop loop;
    struct config config;
    struct adapter_env env;
    struct arena arena;
    struct buf out;
    struct record record;
    struct errmsg msg;
    struct adapter_check verdict;
};

static struct map *map_of(enum map_kind kind, const char *text)
{
    struct errmsg msg = {0};
    struct map *map = NULL;

    assert_int_equal(map_parse(kind, "/etc/dvcsync/maps/x.csv", text, strlen(text), &map, &msg), 0);
    return map;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    fake_loop_init(&f->loop);
    f->config.procedure_map =
        map_of(MAP_PROCEDURE, "local,national,valid_from,valid_until\nTTHC-12,1.000105,,\n");
    f->config.agency_map =
        map_of(MAP_AGENCY, "local,national,valid_from,valid_until\nUB-Y,H56.31.25,,\n");
    f->config.portal.transport = "direct";
    f->config.portal.agency_code = "H56";
    f->env = (struct adapter_env){.loop = &f->loop.loop, .config = &f->config};
    arena_init(&f->arena, 1u << 20);
    buf_init(&f->out, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    map_free(f->config.procedure_map);
    map_free(f->config.agency_map);
    arena_free(&f->arena);
    buf_free(&f->out);
    free(f);
    return 0;
}

static int read_one(struct fixture *f, const char *text)
{
    struct json *root = NULL;
    int err;

    assert_int_equal(json_parse(text, strlen(text), &root, &f->msg), 0);
    err = national_other_read(&national_rating, root, &f->arena, &f->record, &f->msg);
    json_free(root);
    return err;
}

static int build(struct fixture *f, bool consented)
{
    struct adapter_send send = {.kind = RECORD_RATING,
                                .code = f->record.code,
                                .consented = consented,
                                .records = &f->record,
                                .n_records = 1};

    buf_clear(&f->out);
    return portal_other_build(&f->env, &f->config.portal, national_other_find(RECORD_RATING), &send,
                              (struct portal_request){.body = &f->out}, &f->verdict);
}

#define RATING(month, procedure, agency, very)                                                     \
    "{\"NgayTongHop\":\"" month "\",\"TongSoNguoiDanhGia\":40,"                                    \
    "\"PhanTramDanhGiaRatHaiLong\":\"" very "\",\"PhanTramDanhGiaHaiLong\":\"15%\","               \
    "\"PhanTramDanhGiaChuaHaiLong\":\"5%\",\"DanhSachNoiDungYKien\":[],\"MaThuTuc\":\"" procedure  \
    "\",\"NoiDung\":\"\",\"PhanTramDanhGiaDichVuRatHaiLong\":\"80%\","                             \
    "\"PhanTramDanhGiaDichVuHaiLong\":\"15%\",\"PhanTramDanhGiaDichVuChuaHaiLong\":\"5%\","        \
    "\"madonvi\":\"" agency "\",\"TenDonVi\":\"UBND xã Y\"}"

static void the_call_is_that_of_section_5_5(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_one(f, RATING("11-2025", "1.001193", "000.00.00.H22", "80%")), 0);
    assert_string_equal(f->record.code, "rating:2025-11_1.001193_000.00.00.H22");
    assert_int_equal(build(f, false), 0);
    assert_string_equal(
        buf_text(&f->out),
        "{\"madonvi\":\"H56\",\"service\":\"DongBoDanhGia\",\"data\":[{\"NgayTongHop\":\"11-2025\","
        "\"TongSoNguoiDanhGia\":\"40\",\"PhanTramDanhGiaRatHaiLong\":\"80%\","
        "\"PhanTramDanhGiaHaiLong\":\"15%\",\"PhanTramDanhGiaChuaHaiLong\":\"5%\","
        "\"DanhSachNoiDungYKien\":\"\",\"MaThuTuc\":\"1.001193\",\"NoiDung\":\"\","
        "\"PhanTramDanhGiaDichVuRatHaiLong\":\"80%\",\"PhanTramDanhGiaDichVuHaiLong\":\"15%\","
        "\"PhanTramDanhGiaDichVuChuaHaiLong\":\"5%\",\"Madonvi\":\"000.00.00.H22\","
        "\"TenDonVi\":\"UBND xã Y\"}]}");
}

static void one_month_has_one_identity_however_it_is_written(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_one(f, RATING("1-2025", "1.001193", "H22", "80%")), 0);
    assert_string_equal(f->record.code, "rating:2025-01_1.001193_H22");
    assert_int_equal(read_one(f, RATING("01/2025", "1.001193", "H22", "80%")), 0);
    assert_string_equal(f->record.code, "rating:2025-01_1.001193_H22");
}

static void what_has_no_identity_is_no_rating(void **state)
{
    static const char *const bad[] = {
        RATING("13-2025", "1.001193", "H22", "80%"), RATING("2025-11", "1.001193", "H22", "80%"),
        RATING("11-2025", "", "H22", "80%"),         RATING("11-2025", "1.001193", "", "80%"),
        "{\"NgayTongHop\":\"11-2025\",\"SoGhe\":1}", "{}",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_one(f, bad[i]), ERR_FORMAT);
        assert_true(f->msg.text[0] != '\0');
    }
}

static void local_codes_are_mapped_when_the_call_is_built(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_one(f, RATING("11-2025", "TTHC-12", "UB-Y", "80%")), 0);
    assert_string_equal(f->record.code, "rating:2025-11_TTHC-12_UB-Y");
    assert_int_equal(build(f, false), 0);
    assert_non_null(strstr(buf_text(&f->out), "\"MaThuTuc\":\"1.000105\""));
    assert_non_null(strstr(buf_text(&f->out), "\"Madonvi\":\"H56.31.25\""));
}

static void a_missing_map_holds_even_what_a_person_released(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(read_one(f, RATING("11-2025", "TTHC-13", "H56", "80%")), 0);
    for (int consented = 0; consented < 2; consented++) {
        assert_int_equal(build(f, consented == 1), ERR_INVAL);
        assert_int_equal(f->verdict.hold, HOLD_UNMAPPED_PROCEDURE);
        assert_non_null(strstr(f->verdict.reason, "add one and reload"));
    }
}

static void impossible_shares_wait_for_a_person(void **state)
{
    static const char *const bad[] = {RATING("11-2025", "1.001193", "H22", "101%"),
                                      RATING("11-2025", "1.001193", "H22", "95%"),
                                      RATING("11-2025", "1.001193", "H22", "nhiều")};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_one(f, bad[i]), 0);
        assert_int_equal(build(f, false), ERR_INVAL);
        assert_int_equal(f->verdict.hold, HOLD_INVALID);
        assert_int_equal(build(f, true), 0); /* released: as it is */
    }
    assert_int_equal(read_one(f, RATING("11-2025", "1.001193", "H22", "80,4 %")), 0);
    assert_int_equal(build(f, false), 0);
}

static void a_bridge_passes_none_on(void **state)
{
    struct fixture *f = *state;

    f->config.portal.transport = "bridge";
    assert_int_equal(read_one(f, RATING("11-2025", "1.001193", "H22", "80%")), 0);
    assert_int_equal(build(f, false), ERR_INVAL);
    assert_int_equal(f->verdict.hold, HOLD_INVALID);
}

static void only_codes_with_a_kind_in_front_are_not_looked_up(void **state)
{
    (void)state;
    assert_true(national_other_code("rating:2025-11_1.001193_H22"));
    assert_false(national_other_code("H56.31.25-251118-0007"));
    assert_null(national_other_find(RECORD_DOSSIER));
    assert_null(national_other_find(RECORD_PROCEDURE));
}

/* ---- files ---- */

static int read_file(struct fixture *f, const char *name, const char *text, bool rating,
                     struct spool_records *out)
{
    const struct config_source source = {.name = "survey"};
    const struct spool_how how = {.source = &source,
                                  .statuses = SPOOL_STATUSES_NATIONAL,
                                  .other = rating ? national_other_find(RECORD_RATING) : NULL};

    memset(&f->msg, 0, sizeof(f->msg));
    return spool_read(&how, name, text, strlen(text), &f->arena, out, &f->msg);
}

static void a_file_holds_ratings_as_json_xml_or_csv(void **state)
{
    static const struct {
        const char *name, *text;
    } files[] = {
        {"a.json", "[" RATING("11-2025", "1.001193", "H22", "80%") "]"},
        {"a.json", "{\"data\":[" RATING("11-2025", "1.001193", "H22", "80%") "]}"},
        {"a.csv", "\xef\xbb\xbfNgayTongHop,MaThuTuc,Madonvi,TongSoNguoiDanhGia,TenDonVi\r\n"
                  "11-2025,1.001193,H22,40,\"UBND, xã Y\"\r\n"},
        {"a.xml", "<DanhGia><Row><NgayTongHop>11-2025</NgayTongHop><MaThuTuc>1.001193</MaThuTuc>"
                  "<Madonvi>H22</Madonvi></Row></DanhGia>"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct spool_records records;

        assert_int_equal(read_file(f, files[i].name, files[i].text, true, &records), 0);
        assert_int_equal(records.n, 1);
        assert_int_equal(records.list[0].kind, RECORD_RATING);
        assert_string_equal(records.list[0].code, "rating:2025-11_1.001193_H22");
        spool_records_free(&records);
    }
}

static void a_file_with_one_bad_row_is_taken_not_at_all(void **state)
{
    static const struct {
        const char *text, *words;
    } files[] = {
        {"NgayTongHop,MaThuTuc,Madonvi\n11-2025,1.001193,H22\n11-2025,1.001193\n", "line 3"},
        {"NgayTongHop,MaThuTuc,SoGhe\n11-2025,1.001193,H22\n", "SoGhe"},
        {"NgayTongHop,MaThuTuc,Madonvi\n11-2025,\"1.001193,H22\n", "line 2"},
        {"NgayTongHop,MaThuTuc,Madonvi\n", "no rating"},
        {"", "no rating"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct spool_records records;

        assert_int_equal(read_file(f, "a.csv", files[i].text, true, &records), ERR_FORMAT);
        assert_non_null(strstr(f->msg.text, files[i].words));
        assert_null(records.list);
    }
}

static void dossiers_do_not_come_as_csv(void **state)
{
    struct fixture *f = *state;
    struct spool_records records;

    assert_int_equal(read_file(f, "a.csv", "MaHoSo\nH56.31.25-251118-0007\n", false, &records),
                     ERR_FORMAT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_call_is_that_of_section_5_5),
        TEST(one_month_has_one_identity_however_it_is_written),
        TEST(what_has_no_identity_is_no_rating),
        TEST(local_codes_are_mapped_when_the_call_is_built),
        TEST(a_missing_map_holds_even_what_a_person_released),
        TEST(impossible_shares_wait_for_a_person),
        TEST(a_bridge_passes_none_on),
        TEST(only_codes_with_a_kind_in_front_are_not_looked_up),
        TEST(a_file_holds_ratings_as_json_xml_or_csv),
        TEST(a_file_with_one_bad_row_is_taken_not_at_all),
        TEST(dossiers_do_not_come_as_csv),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
