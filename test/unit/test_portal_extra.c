#include "adapter/portal_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/national_fields.h"
#include "codec/json.h"
#include "codec/record.h"
#include "domain/vntime.h"
#include "lib/fake_portal.h"

#define ANSWER                                                                                        \
    "{\"MaHoSo\":\"" FAKE_PORTAL_DOSSIER "\",\"MaHoSoDonVi\":\"H56-12\",\"NoiDung\":\"Đã nhận\"," \
    "\"NgayXuLy\":\"20251118101500\",\"TrangThai\":\"2\",\"TaiLieuXuLy\":[]}"

struct fixture {
    struct fake_portal peer;
    struct arena arena;
    struct buf out;
    struct dossier dossier;
    struct step step;
    struct adapter_check verdict;
};

static int64_t at(const char *text)
{
    int64_t at_s = 0;

    assert_int_equal(vntime_parse_portal(text, &at_s), 0);
    return at_s;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    fake_portal_open(&f->peer);
    arena_init(&f->arena, 8u << 20);
    buf_init(&f->out, PORTAL_BODY_MAX);
    dossier_init(&f->dossier);
    f->dossier.code = FAKE_PORTAL_DOSSIER;
    f->dossier.procedure_code = "1.001193";
    f->dossier.status = "receiving";
    f->dossier.received_s = at("20251118093000");
    f->dossier.changed_s = f->dossier.received_s;
    step_init(&f->step);
    f->step.code = FAKE_PORTAL_DOSSIER;
    f->step.key = "9001";
    f->step.actor = "Trần Thị Thử";
    f->step.text = "Tiếp nhận";
    f->step.status = "receiving";
    f->step.at_s = f->dossier.received_s;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fake_portal_close(&f->peer);
    arena_free(&f->arena);
    buf_free(&f->out);
    free(f);
    return 0;
}

static struct record dossier_record(struct fixture *f)
{
    struct errmsg msg = {0};
    struct record record;

    assert_int_equal(record_from_dossier(&f->dossier, &f->arena, &record, &msg), 0);
    return record;
}

static struct record step_record(struct fixture *f)
{
    struct errmsg msg = {0};
    struct record record;

    assert_int_equal(record_from_step(&f->step, &f->arena, &record, &msg), 0);
    return record;
}

static int build(struct fixture *f, const struct record *records, size_t n, bool consented)
{
    struct adapter_send send = {.kind = records[0].kind,
                                .code = records[0].code,
                                .consented = consented,
                                .records = records,
                                .n_records = n};

    buf_clear(&f->out);
    return portal_wire_build(&f->peer.env, &f->peer.config.portal, &send,
                             (struct portal_request){.body = &f->out}, &f->verdict);
}

static struct adapter_check check(struct fixture *f, struct record record)
{
    struct adapter_check verdict = {.record = &record};

    portal_wire_check(&f->peer.env, NULL, &verdict);
    verdict.record = NULL;
    return verdict;
}

static const char *wire_of_dossier(struct fixture *f)
{
    struct record record = dossier_record(f);

    assert_int_equal(build(f, &record, 1, false), 0);
    return buf_text(&f->out);
}

static void assert_holds(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("%s is not in %s", part, text);
    }
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        fail_msg("%s is in %s", part, text);
    }
}

static void extra_fields_stand_in_their_places(void **state)
{
    static const struct dossier_file file = {
        .id = "1",
        .name = "a.pdf",
        .component = "",
        .url = "",
        .result_code = "",
        .extra = "{\"DuocSoHoa\":\"1\",\"IsDeleted\":\"True\",\"Khac\":[1,2]}"};
    struct fixture *f = *state;
    const char *wire;

    f->dossier.email = "a@example.invalid";
    f->dossier.files = &file;
    f->dossier.n_files = 1;
    f->dossier.extra = "{\"Custom\":{\"a\":null},\"DSKetNoiCSDL\":[{\"MaCSDL\":\"7\"}],"
                       "\"DanhSachLePhi\":[{\"Gia\":\"8000\"}],\"Email\":\"b@example.invalid\","
                       "\"Fax\":\"024\",\"ThongTinTra\":\"tại quầy\"}";
    wire = wire_of_dossier(f);
    assert_holds(wire, "\"Email\":\"a@example.invalid\",\"Fax\":\"024\",");
    assert_lacks(wire, "b@example.invalid"); /* a value of its own wins */
    assert_holds(wire, "\"ThongTinTra\":\"tại quầy\",\"HinhThuc\"");
    assert_holds(wire, "\"DSKetNoiCSDL\":[{\"MaCSDL\":\"7\"}],\"GhiChu\"");
    assert_holds(wire, "\"DanhSachLePhi\":[{\"Gia\":\"8000\"}],\"DanhSachTepDinhKemKhac\":[]");
    assert_holds(wire, "\"IsDeleted\":\"True\",\"MaThanhPhanHoSo\":\"\"");
    assert_holds(wire, "\"DuocSoHoa\":\"1\",\"DuocTaiSuDung\":\"\"");
    assert_holds(wire, "\"MaKetQuaThayThe\":\"\",\"Khac\":[1,2]}]");
    assert_holds(wire, "\"DanhSachGiayToKetQua\":[],\"Custom\":{\"a\":null}}]}");
}

static void an_older_generation_gets_no_newer_field_out_of_extra(void **state)
{
    struct fixture *f = *state;
    const char *wire;

    f->peer.config.portal.fields = "G1";
    f->dossier.extra = "{\"DSKetNoiCSDL\":[1],\"DinhDanhCHS\":[1],\"KenhThucHien\":\"2\","
                       "\"NgayTuChoi\":\"x\",\"Rieng\":true}";
    wire = wire_of_dossier(f);
    assert_lacks(wire, "DSKetNoiCSDL");
    assert_lacks(wire, "DinhDanhCHS");
    assert_lacks(wire, "KenhThucHien");
    assert_lacks(wire, "NgayTuChoi");
    assert_holds(wire, "\"Rieng\":true}]}");
}

static void identities_that_the_source_names_are_sent(void **state)
{
    struct fixture *f = *state;
    const char *two = "[{\"LoaiDinhDanh\":\"1\",\"SoDinhDanh\":\"000199000457\"},"
                      "{\"LoaiDinhDanh\":\"2\",\"SoDinhDanh\":\"000123456\"}]";

    f->dossier.applicant_type = "1";
    f->dossier.applicant_id = "000199000457";
    f->dossier.extra = "{\"DinhDanhCHS\":[{\"LoaiDinhDanh\":\"1\",\"SoDinhDanh\":\"000199000457\"},"
                       "{\"LoaiDinhDanh\":\"2\",\"SoDinhDanh\":\"000123456\"}]}";
    assert_holds(wire_of_dossier(f), two);
}

static void extra_fields_are_content(void **state)
{
    struct fixture *f = *state;
    struct adapter_check without = check(f, dossier_record(f));
    struct adapter_check with;

    f->dossier.extra = "{\"Fax\":\"024\"}";
    with = check(f, dossier_record(f));
    assert_true(without.has_held_hash && with.has_held_hash);
    assert_memory_not_equal(without.held_hash, with.held_hash, RECORD_HASH_BYTES);
    (void)wire_of_dossier(f);
    assert_memory_equal(f->verdict.held_hash, with.held_hash, RECORD_HASH_BYTES);
}

static void extra_that_is_no_object_is_held(void **state)
{
    static const char *const wrong[] = {"[]", "{", "\"x\"", "{\"a\":1}x"};
    struct fixture *f = *state;
    struct record record;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        f->dossier.extra = wrong[i];
        f->step.extra = wrong[i];
        assert_int_equal(check(f, dossier_record(f)).hold, HOLD_INVALID);
        assert_int_equal(check(f, step_record(f)).hold, HOLD_INVALID);
        record = dossier_record(f);
        assert_int_equal(build(f, &record, 1, false), ERR_INVAL);
        assert_holds(f->verdict.reason, "extra");
        record = step_record(f);
        assert_int_equal(build(f, &record, 1, false), ERR_INVAL);
    }
}

/* What the gateway reads off the wire goes back onto it as it was. */
static void a_dossier_survives_the_way_in_and_out(void **state)
{
    static const char wire[] =
        "{\"MaHoSo\":\"" FAKE_PORTAL_DOSSIER "\",\"MaTTHC\":\"1.001193\",\"TenTTHC\":\"Khai sinh\","
        "\"MaLinhVuc\":\"G15-HT04\",\"TenLinhVuc\":\"Hộ tịch\",\"KenhThucHien\":\"2\","
        "\"SoBienNhan\":\"5\",\"ChuHoSo\":\"Lò Thị Thử\",\"LoaiDoiTuong\":\"1\","
        "\"MaDoiTuong\":\"\",\"SoGiayToChuHoSo\":\"000199000457\","
        "\"DinhDanhCHS\":[{\"LoaiDinhDanh\":\"1\",\"SoDinhDanh\":\"000199000457\"}],"
        "\"ThongTinKhac\":\"x\",\"Email\":\"\",\"Fax\":\"1\",\"SoDienThoai\":\"2\","
        "\"TrichYeuHoSo\":\"Khai sinh\",\"NgayNopHoSo\":\"20251118081512\","
        "\"NgayTiepNhan\":\"20251118093000\",\"NgayHenTra\":\"20251119093000\","
        "\"TrangThaiHoSo\":\"2\",\"NgayTra\":\"\",\"ThongTinTra\":\"\",\"HinhThuc\":\"0\","
        "\"NgayKetThucXuLy\":\"\",\"NgayTuChoi\":\"\",\"DonViXuLy\":\"UBND xã Y\","
        "\"NoiNopHoSo\":\"1\",\"HoSoCoThanhPhanSoHoa\":\"1\","
        "\"TaiKhoanDuocXacThucVoiVNeID\":\"0\",\"DuocThanhToanTrucTuyen\":\"3\","
        "\"DSKetNoiCSDL\":[{\"MaCSDL\":\"7\"}],\"GhiChu\":\"\",\"TaiLieuNop\":[{"
        "\"TepDinhKemId\":\"1\",\"TenTepDinhKem\":\"a.pdf\",\"IsDeleted\":\"False\","
        "\"MaThanhPhanHoSo\":\"KQ1\",\"DuongDanTaiTepTin\":\"https://x.invalid/1\","
        "\"DuocSoHoa\":\"1\",\"DuocTaiSuDung\":\"0\",\"DuocLayTuKhoDMQG\":\"0\","
        "\"MaKetQuaThayThe\":\"\",\"Base64\":\"JVBERi0=\"}],\"DanhSachLePhi\":[{\"Gia\":\"0\"}],"
        "\"DanhSachTepDinhKemKhac\":[],\"DanhSachHoSoBoSung\":[{\"TrangThaiBoSung\":true}],"
        "\"DanhSachGiayToKetQua\":[],\"Rieng\":7}";
    struct fixture *f = *state;
    struct errmsg msg = {0};
    struct json *root = NULL;
    const char *data;

    assert_int_equal(json_parse(wire, strlen(wire), &root, &msg), 0);
    dossier_init(&f->dossier);
    assert_int_equal(
        national_fields_read(&national_dossier_table, root, &f->arena, &f->dossier, &msg), 0);
    f->dossier.status_map = "national";
    data = strstr(wire_of_dossier(f), "\"data\":[");
    assert_non_null(data);
    assert_int_equal(strncmp(data + 8, wire, strlen(wire)), 0);
    json_free(root);
}

static void national_statuses_need_no_map(void **state)
{
    struct fixture *f = *state;

    f->dossier.status_map = "national";
    f->dossier.status = "9";
    assert_int_equal(check(f, dossier_record(f)).status, 9);
    f->dossier.status = "11";
    assert_int_equal(check(f, dossier_record(f)).hold, HOLD_UNMAPPED_STATUS);
    assert_holds(check(f, dossier_record(f)).reason, "national status");
    f->step.status_map = "national";
    f->step.status = "5";
    assert_int_equal(check(f, step_record(f)).status, 5);
}

static void a_step_is_known_by_what_the_portal_knows_it_by(void **state)
{
    struct fixture *f = *state;
    struct adapter_check one = check(f, step_record(f));
    struct adapter_check other;

    assert_true(one.has_held_hash);
    f->step.key = "other source's";
    f->step.text = "Nhận hồ sơ";
    f->step.status = "2";
    f->step.status_map = "national";
    other = check(f, step_record(f));
    assert_memory_equal(one.held_hash, other.held_hash, RECORD_HASH_BYTES);
    f->step.actor = "Lê Văn Thử";
    other = check(f, step_record(f));
    assert_memory_not_equal(one.held_hash, other.held_hash, RECORD_HASH_BYTES);
}

static void an_answer_is_a_call_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct record records[2];
    struct adapter_check verdict;

    records[0] = step_record(f);
    f->step.answer = ANSWER;
    f->step.status = "";
    records[1] = step_record(f);
    verdict = check(f, records[1]);
    assert_int_equal(verdict.hold, HOLD_NONE);
    assert_int_equal(verdict.status, 2);
    assert_true(records[1].alone);
    assert_false(records[0].alone);
    assert_int_equal(build(f, &records[1], 1, false), 0);
    assert_string_equal(buf_text(&f->out),
                        "{\"madonvi\":\"H56\",\"service\":\"DongBoTrangThaiHoSo\",\"type\":\"2\","
                        "\"data\":" ANSWER "}");
    assert_int_equal(build(f, records, 2, false), ERR_INVAL);
    assert_holds(f->verdict.reason, "alone");
}

static void an_answer_is_never_completed_by_us(void **state)
{
    static const struct {
        const char *answer, *words;
        int consented; /* what build says of one that a person released */
    } rows[] = {
        {"{\"MaHoSo\":\"H56.31.25-251118-0008\",\"MaHoSoDonVi\":\"1\",\"TrangThai\":\"2\","
         "\"NgayXuLy\":\"20251118101500\"}",
         "another dossier", 0},
        {"{\"MaHoSo\":\"" FAKE_PORTAL_DOSSIER "\",\"MaHoSoDonVi\":\"1\",\"TrangThai\":\"2\"}",
         "NgayXuLy", 0},
        {"{\"MaHoSo\":\"" FAKE_PORTAL_DOSSIER "\",\"TrangThai\":\"2\","
         "\"NgayXuLy\":\"20251118101500\"}",
         "MaHoSoDonVi", 0},
        {"{\"MaHoSo\":\"" FAKE_PORTAL_DOSSIER "\",\"MaHoSoDonVi\":\"1\",\"TrangThai\":\"11\","
         "\"NgayXuLy\":\"20251118101500\"}",
         "2 or 5", ERR_INVAL},
        {"[1]", "no JSON object", ERR_INVAL},
        {"{", "complete JSON", ERR_INVAL},
    };
    struct fixture *f = *state;

    f->step.status = "";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct record record;

        f->step.answer = rows[i].answer;
        record = step_record(f);
        assert_int_equal(check(f, record).hold, HOLD_INVALID);
        assert_holds(check(f, record).reason, rows[i].words);
        assert_int_equal(build(f, &record, 1, false), ERR_INVAL);
        assert_int_equal(build(f, &record, 1, true), rows[i].consented);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(extra_fields_stand_in_their_places),
        TEST(an_older_generation_gets_no_newer_field_out_of_extra),
        TEST(identities_that_the_source_names_are_sent),
        TEST(extra_fields_are_content),
        TEST(extra_that_is_no_object_is_held),
        TEST(a_dossier_survives_the_way_in_and_out),
        TEST(national_statuses_need_no_map),
        TEST(a_step_is_known_by_what_the_portal_knows_it_by),
        TEST(an_answer_is_a_call_of_its_own),
        TEST(an_answer_is_never_completed_by_us),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
