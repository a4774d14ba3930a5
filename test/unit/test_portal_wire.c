#include "adapter/portal_wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "codec/record.h"
#include "domain/vntime.h"
#include "lib/fake_loop.h"

#define STATUS_PATH "/etc/dvcsync/maps/status.csv"
#define PROCEDURE_PATH "/etc/dvcsync/maps/procedure.csv"

struct fixture {
    struct fake_loop loop;
    struct config config;
    struct adapter_env env;
    struct arena arena;
    struct buf out;
    struct dossier dossier;
    struct step step;
    struct adapter_check verdict;
    bool mirror;
};

static int64_t at(const char *text)
{
    int64_t at_s = 0;

    assert_int_equal(vntime_parse_portal(text, &at_s), 0);
    return at_s;
}

static struct map *map_of(enum map_kind kind, const char *path, const char *text)
{
    struct errmsg msg = {0};
    struct map *map = NULL;

    assert_int_equal(map_parse(kind, path, text, strlen(text), &map, &msg), 0);
    return map;
}

static const char *mirror_name(void *ctx, enum record_kind kind, const char *code)
{
    const struct fixture *f = ctx;

    if (!f->mirror) {
        return NULL;
    }
    if (kind == RECORD_SECTOR && strcmp(code, "G15-HT04") == 0) {
        return "Hộ tịch";
    }
    if (kind == RECORD_PROCEDURE && strcmp(code, "1.001193") == 0) {
        return "Đăng ký khai sinh";
    }
    return kind == RECORD_AGENCY && strcmp(code, "H56.31.25") == 0 ? "UBND xã Y" : NULL;
}

static void fill_dossier(struct dossier *d)
{
    dossier_init(d);
    d->code = "H56.31.25-251118-0007";
    d->procedure_code = "1.001193.000.00.00.H56";
    d->procedure_name = "Thủ tục đăng ký khai sinh";
    d->sector_code = "G15-HT04";
    d->sector_name = "Hộ tịch";
    d->agency_code = "H56.31.25";
    d->agency_name = "UBND xã Y";
    d->status = "receiving";
    d->channel = "2";
    d->entry = "2";
    d->result_by = "0";
    d->applicant_name = "Nguyễn Văn Thử";
    d->applicant_type = "1";
    d->applicant_id = "000199000457";
    d->phone = "0900000000";
    d->subject = "Đăng ký khai sinh \"mới\"";
    d->submitted_s = at("20251118081512");
    d->received_s = at("20251118093000");
    d->promised_s = at("20251119093000");
    d->finished_s = at("20251119080000");
    d->returned_s = at("20251119090000");
    d->refused_s = at("20251118100000");
    d->changed_s = at("20251118093001");
}

static void fill_step(struct step *s)
{
    step_init(s);
    s->code = "H56.31.25-251118-0007";
    s->key = "9001";
    s->actor = "Trần Thị Thử";
    s->unit = "UBND xã Y";
    s->text = "Tiếp nhận - đủ giấy tờ";
    s->status = "receiving";
    s->at_s = at("20251118093000");
    s->due_s = at("20251118173000");
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    fake_loop_init(&f->loop);
    f->config.status_map = map_of(MAP_STATUS, STATUS_PATH,
                                  "status,substatus,name,national,valid_from,valid_until\n"
                                  "new,,,1,,\nreceiving,,,2,,\nunresolved,,,3,,\n"
                                  "processing,,,4,,\nprocessing,supplement,,5,,\n"
                                  "denied,,,8,,\nreleasing,,,9,,\ndone,,,10,,\n"
                                  ",,Đang chờ,4,,\nold,,,4,,2025-01-01\n");
    f->config.procedure_map = map_of(MAP_PROCEDURE, PROCEDURE_PATH,
                                     "local,national,valid_from,valid_until\n"
                                     "TTHC-12,1.000105,,\n");
    f->config.portal.agency_code = "H56";
    f->config.portal.fields = "G3";
    f->config.portal.result_code_key = "MaGiayToKetQua";
    f->env.loop = &f->loop.loop;
    f->env.config = &f->config;
    f->env.mirror_name = mirror_name;
    f->env.mirror_ctx = f;
    arena_init(&f->arena, 32u << 20);
    buf_init(&f->out, PORTAL_BODY_MAX);
    fill_dossier(&f->dossier);
    fill_step(&f->step);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    map_free(f->config.status_map);
    map_free(f->config.procedure_map);
    map_free(f->config.agency_map);
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
    return portal_wire_build(&f->env, &f->config.portal, &send,
                             (struct portal_request){.body = &f->out}, &f->verdict);
}

static const char *dossier_body(struct fixture *f)
{
    struct record record = dossier_record(f);

    assert_int_equal(build(f, &record, 1, false), 0);
    return buf_text(&f->out);
}

/* The dossier of the call, parsed; the caller frees *root. */
static const struct json *dossier_wire(struct fixture *f, struct json **root)
{
    struct errmsg msg = {0};

    (void)dossier_body(f);
    assert_int_equal(json_parse(f->out.data, f->out.len, root, &msg), 0);
    return json_at(*root, "/data/0");
}

static void assert_field(struct fixture *f, const char *pointer, const char *value)
{
    struct json *root;
    const struct json *dossier = dossier_wire(f, &root);
    char number[24];
    const char *text = json_text(json_at(dossier, pointer), number);

    if (value == NULL) {
        assert_null(json_at(dossier, pointer));
    } else {
        assert_non_null(text);
        assert_string_equal(text, value);
    }
    json_free(root);
}

static struct adapter_check check_record(struct fixture *f, const struct record *record)
{
    struct adapter_check check = {.record = record};

    portal_wire_check(&f->env, NULL, &check);
    return check;
}

static struct adapter_check check_dossier(struct fixture *f)
{
    struct record record = dossier_record(f);
    struct adapter_check check = check_record(f, &record);

    check.record = NULL;
    return check;
}

static struct adapter_check check_step(struct fixture *f)
{
    struct record record = step_record(f);
    struct adapter_check check = check_record(f, &record);

    check.record = NULL;
    return check;
}

static void the_newest_generation_sends_every_key(void **state)
{
    static const struct dossier_file file = {
        .id = "90231", .name = "to_khai.pdf", .component = "KQ0123", .url = "https://x.vn/t/1"};
    static const struct dossier_file result = {.id = "77",
                                               .name = "Giấy khai sinh",
                                               .component = "KQ9",
                                               .url = "https://x.vn/k/1",
                                               .result_code = "KQ.G15.000031"};
    struct fixture *f = *state;

    f->dossier.files = &file;
    f->dossier.n_files = 1;
    f->dossier.results = &result;
    f->dossier.n_results = 1;
    f->dossier.status = "done";
    f->dossier.identified = TRI_YES;
    f->dossier.paid_online = 2;
    f->dossier.digitised = TRI_NO;
    assert_string_equal(
        dossier_body(f),
        "{\"madonvi\":\"H56\",\"service\":\"DongBoHoSoMC\",\"isUpdating\":\"False\",\"data\":[{"
        "\"MaHoSo\":\"H56.31.25-251118-0007\",\"MaTTHC\":\"1.001193\","
        "\"TenTTHC\":\"Thủ tục đăng ký khai sinh\",\"MaLinhVuc\":\"G15-HT04\","
        "\"TenLinhVuc\":\"Hộ tịch\",\"KenhThucHien\":\"2\",\"SoBienNhan\":\"\","
        "\"ChuHoSo\":\"Nguyễn Văn Thử\",\"LoaiDoiTuong\":\"1\",\"MaDoiTuong\":\"\","
        "\"SoGiayToChuHoSo\":\"000199000457\","
        "\"DinhDanhCHS\":[{\"LoaiDinhDanh\":\"1\",\"SoDinhDanh\":\"000199000457\"}],"
        "\"ThongTinKhac\":\"\",\"Email\":\"\",\"Fax\":\"\",\"SoDienThoai\":\"0900000000\","
        "\"TrichYeuHoSo\":\"Đăng ký khai sinh \\\"mới\\\"\",\"NgayNopHoSo\":\"20251118081512\","
        "\"NgayTiepNhan\":\"20251118093000\",\"NgayHenTra\":\"20251119093000\","
        "\"TrangThaiHoSo\":\"10\",\"NgayTra\":\"20251119090000\",\"ThongTinTra\":\"\","
        "\"HinhThuc\":\"0\",\"NgayKetThucXuLy\":\"20251119080000\",\"NgayTuChoi\":\"\","
        "\"DonViXuLy\":\"UBND xã Y\",\"NoiNopHoSo\":\"2\",\"HoSoCoThanhPhanSoHoa\":\"0\","
        "\"TaiKhoanDuocXacThucVoiVNeID\":\"1\",\"DuocThanhToanTrucTuyen\":\"2\","
        "\"DSKetNoiCSDL\":[],\"GhiChu\":\"\",\"TaiLieuNop\":[{\"TepDinhKemId\":\"90231\","
        "\"TenTepDinhKem\":\"to_khai.pdf\",\"IsDeleted\":\"False\",\"MaThanhPhanHoSo\":\"KQ0123\","
        "\"DuongDanTaiTepTin\":\"https://x.vn/t/1\",\"DuocSoHoa\":\"\",\"DuocTaiSuDung\":\"\","
        "\"DuocLayTuKhoDMQG\":\"\",\"MaKetQuaThayThe\":\"\"}],\"DanhSachLePhi\":[],"
        "\"DanhSachTepDinhKemKhac\":[],\"DanhSachHoSoBoSung\":[],"
        "\"DanhSachGiayToKetQua\":[{\"TenGiayTo\":\"Giấy khai sinh\",\"MaThanhPhanHoSo\":\"KQ9\","
        "\"GiayToId\":\"77\",\"DuongDanTepTinKetQua\":\"https://x.vn/k/1\","
        "\"MaGiayToKetQua\":\"KQ.G15.000031\"}]}]}");
    f->config.portal.result_code_key = "MaKetQua";
    assert_field(f, "/DanhSachGiayToKetQua/0/MaKetQua", "KQ.G15.000031");
}

static void the_first_generation_leaves_out_what_came_later(void **state)
{
    static const struct dossier_file file = {
        .id = "1", .name = "a.pdf", .component = "", .url = ""};
    struct fixture *f = *state;

    f->config.portal.fields = "G1";
    f->dossier.files = &file;
    f->dossier.n_files = 1;
    f->dossier.applicant_type = "4";
    assert_string_equal(
        dossier_body(f),
        "{\"madonvi\":\"H56\",\"service\":\"DongBoHoSoMC\",\"isUpdating\":\"False\",\"data\":[{"
        "\"MaHoSo\":\"H56.31.25-251118-0007\",\"MaTTHC\":\"1.001193\","
        "\"TenTTHC\":\"Thủ tục đăng ký khai sinh\",\"MaLinhVuc\":\"G15-HT04\","
        "\"TenLinhVuc\":\"Hộ tịch\",\"SoBienNhan\":\"\",\"ChuHoSo\":\"Nguyễn Văn Thử\","
        "\"LoaiDoiTuong\":\"2\",\"MaDoiTuong\":\"\",\"ThongTinKhac\":\"\",\"Email\":\"\","
        "\"Fax\":\"\",\"SoDienThoai\":\"0900000000\","
        "\"TrichYeuHoSo\":\"Đăng ký khai sinh \\\"mới\\\"\","
        "\"NgayTiepNhan\":\"20251118093000\",\"NgayHenTra\":\"20251119093000\","
        "\"TrangThaiHoSo\":\"2\",\"NgayTra\":\"\",\"ThongTinTra\":\"\",\"HinhThuc\":\"0\","
        "\"NgayKetThucXuLy\":\"\",\"DonViXuLy\":\"UBND xã Y\",\"GhiChu\":\"\","
        "\"TaiLieuNop\":[{\"TepDinhKemId\":\"1\",\"TenTepDinhKem\":\"a.pdf\","
        "\"IsDeleted\":\"False\",\"MaThanhPhanHoSo\":\"\",\"DuongDanTaiTepTin\":\"\"}],"
        "\"DanhSachLePhi\":[],\"DanhSachTepDinhKemKhac\":[],\"DanhSachHoSoBoSung\":[],"
        "\"DanhSachGiayToKetQua\":[]}]}");
    f->config.portal.fields = "G2";
    assert_field(f, "/KenhThucHien", "2");
    assert_field(f, "/LoaiDoiTuong", "4");
}

static void unknown_flags_are_empty(void **state)
{
    struct fixture *f = *state;

    assert_field(f, "/HoSoCoThanhPhanSoHoa", "");
    assert_field(f, "/TaiKhoanDuocXacThucVoiVNeID", "");
    assert_field(f, "/DuocThanhToanTrucTuyen", "");
}

static void dates_stand_only_where_the_status_allows(void **state)
{
    static const struct {
        const char *status;
        bool promised, returned, finished, refused;
    } rows[] = {
        {"new", false, false, false, false},       {"receiving", true, false, false, false},
        {"unresolved", false, false, false, true}, {"denied", true, false, false, true},
        {"releasing", true, false, true, false},   {"done", true, true, true, false},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        f->dossier.status = rows[i].status;
        assert_field(f, "/NgayHenTra", rows[i].promised ? "20251119093000" : "");
        assert_field(f, "/NgayTra", rows[i].returned ? "20251119090000" : "");
        assert_field(f, "/NgayKetThucXuLy", rows[i].finished ? "20251119080000" : "");
        assert_field(f, "/NgayTuChoi", rows[i].refused ? "20251118100000" : "");
    }
}

static void only_a_whole_number_of_a_citizen_is_an_identity(void **state)
{
    struct fixture *f = *state;

    f->dossier.applicant_id = "000123456";
    assert_field(f, "/DinhDanhCHS/0/LoaiDinhDanh", "2");
    f->dossier.applicant_id = "00012345";
    assert_field(f, "/DinhDanhCHS/0", NULL);
    f->dossier.applicant_id = "00012345x";
    assert_field(f, "/DinhDanhCHS/0", NULL);
    f->dossier.applicant_id = "";
    assert_field(f, "/DinhDanhCHS/0", NULL);
    f->dossier.applicant_id = "000123456789";
    f->dossier.applicant_type = "2";
    assert_field(f, "/DinhDanhCHS/0", NULL);
}

static void what_the_source_leaves_empty_comes_from_the_catalogue(void **state)
{
    struct fixture *f = *state;

    f->dossier.sector_name = "";
    f->dossier.agency_name = "";
    f->dossier.subject = "";
    assert_field(f, "/TenLinhVuc", "");
    assert_field(f, "/DonViXuLy", "");
    assert_field(f, "/TrichYeuHoSo", "Thủ tục đăng ký khai sinh");
    f->dossier.procedure_name = "";
    assert_field(f, "/TenTTHC", "");
    f->mirror = true;
    assert_field(f, "/TenTTHC", "Đăng ký khai sinh");
    assert_field(f, "/TrichYeuHoSo", "Đăng ký khai sinh");
    f->dossier.procedure_name = "Thủ tục đăng ký khai sinh";
    assert_field(f, "/TenTTHC", "Thủ tục đăng ký khai sinh"); /* the source's own */
    assert_field(f, "/MaLinhVuc", "G15-HT04");
    assert_field(f, "/TenLinhVuc", "Hộ tịch");
    assert_field(f, "/DonViXuLy", "UBND xã Y");
    f->dossier.agency_code = "000.07.12.H56";
    f->config.agency_map = map_of(MAP_AGENCY, "agency.csv",
                                  "local,national,valid_from,valid_until\n"
                                  "000.07.12.H56,H56.31.25,2025-07-01,\n");
    assert_field(f, "/DonViXuLy", "UBND xã Y");
}

/* n times a letter of three bytes. */
static const char *repeat(struct fixture *f, size_t n)
{
    char *text = arena_alloc(&f->arena, 3 * n + 1);

    assert_non_null(text);
    for (size_t i = 0; i < n; i++) {
        memcpy(text + 3 * i, "ễ", 3);
    }
    return text;
}

static void fields_are_cut_by_characters_and_flagged(void **state)
{
    struct dossier_file file = {.id = "1", .component = "", .url = "", .result_code = ""};
    struct fixture *f = *state;

    f->dossier.note = repeat(f, 2000);
    f->dossier.subject = repeat(f, 1000);
    assert_int_equal(check_dossier(f).flags, 0);
    assert_field(f, "/GhiChu", repeat(f, 2000));

    f->dossier.note = repeat(f, 2001);
    assert_int_equal(check_dossier(f).flags, ITEM_FLAG_TRUNCATED);
    assert_field(f, "/GhiChu", repeat(f, 2000));
    f->dossier.note = "";
    f->dossier.subject = repeat(f, 1001);
    assert_int_equal(check_dossier(f).flags, ITEM_FLAG_TRUNCATED);
    assert_field(f, "/TrichYeuHoSo", repeat(f, 1000));
    f->dossier.subject = "";

    file.name = repeat(f, 4001);
    f->dossier.files = &file;
    f->dossier.n_files = 1;
    assert_int_equal(check_dossier(f).flags, ITEM_FLAG_TRUNCATED);
    assert_field(f, "/TaiLieuNop/0/TenTepDinhKem", repeat(f, 4000));
    f->dossier.n_files = 0;
    file.name = repeat(f, 2001);
    f->dossier.results = &file;
    f->dossier.n_results = 1;
    assert_int_equal(check_dossier(f).flags, ITEM_FLAG_TRUNCATED);
    assert_field(f, "/DanhSachGiayToKetQua/0/TenGiayTo", repeat(f, 2000));

    f->step.actor = repeat(f, 51);
    assert_int_equal(check_step(f).flags, ITEM_FLAG_TRUNCATED);
    f->step.actor = repeat(f, 50);
    assert_int_equal(check_step(f).flags, 0);
}

static void steps_go_as_one_list_in_order(void **state)
{
    struct fixture *f = *state;
    struct record records[11];

    records[0] = step_record(f);
    f->step.status = "processing";
    f->step.substatus = "supplement";
    f->step.actor = repeat(f, 51);
    f->step.actor_title = "Chuyên viên";
    f->step.begun_s = f->step.at_s;
    f->step.due_s = 0;
    records[1] = step_record(f);
    assert_int_equal(build(f, records, 2, false), 0);
    assert_non_null(strstr(
        buf_text(&f->out),
        "{\"madonvi\":\"H56\",\"service\":\"CapNhatTienDoHoSoMC\",\"data\":["
        "{\"MaHoSo\":\"H56.31.25-251118-0007\",\"NguoiXuLy\":\"Trần Thị Thử\",\"ChucDanh\":\"\","
        "\"ThoiDiemXuLy\":\"20251118093000\",\"PhongBanXuLy\":\"UBND xã Y\","
        "\"NoiDungXuLy\":\"Tiếp nhận - đủ giấy tờ\",\"TrangThai\":\"2\",\"NgayBatDau\":\"\","
        "\"NgayKetThucTheoQuyDinh\":\"20251118173000\"},{\"MaHoSo\":"));
    assert_non_null(strstr(buf_text(&f->out),
                           "ễ\",\"ChucDanh\":\"Chuyên viên\",\"ThoiDiemXuLy\":\"20251118093000\","
                           "\"PhongBanXuLy\":\"UBND xã Y\","
                           "\"NoiDungXuLy\":\"Tiếp nhận - đủ giấy tờ\",\"TrangThai\":\"5\","
                           "\"NgayBatDau\":\"20251118093000\",\"NgayKetThucTheoQuyDinh\":\"\"}]}"));
    for (size_t i = 0; i < 11; i++) {
        records[i] = records[0];
    }
    assert_int_equal(build(f, records, 10, false), 0);
    assert_int_equal(build(f, records, 11, false), ERR_INVAL);
    assert_int_equal(f->verdict.hold, HOLD_INVALID);
}

static void an_update_says_so(void **state)
{
    struct fixture *f = *state;
    struct record record = dossier_record(f);
    struct adapter_send send = {
        .kind = RECORD_DOSSIER, .updating = true, .records = &record, .n_records = 1};

    assert_int_equal(portal_wire_build(&f->env, &f->config.portal, &send,
                                       (struct portal_request){.body = &f->out}, &f->verdict),
                     0);
    assert_non_null(strstr(buf_text(&f->out), "\"isUpdating\":\"True\""));
}

static void an_unmapped_status_is_held_with_the_file_to_edit(void **state)
{
    struct fixture *f = *state;
    struct record record;
    struct adapter_check check;

    f->dossier.status = "mystery";
    f->dossier.substatus = "deep";
    check = check_dossier(f);
    assert_int_equal(check.hold, HOLD_UNMAPPED_STATUS);
    assert_int_equal(check.status, 0);
    assert_non_null(strstr(check.reason, STATUS_PATH));
    assert_non_null(strstr(check.reason, "mystery"));
    assert_non_null(strstr(check.reason, "deep"));
    record = dossier_record(f);
    assert_int_equal(build(f, &record, 1, true), ERR_INVAL); /* no consent makes up for a map */
    assert_int_equal(f->verdict.hold, HOLD_UNMAPPED_STATUS);

    f->step.status = "mystery";
    assert_int_equal(check_step(f).hold, HOLD_UNMAPPED_STATUS);
    map_free(f->config.status_map);
    f->config.status_map = NULL;
    f->step.status = "receiving";
    check = check_step(f);
    assert_int_equal(check.hold, HOLD_UNMAPPED_STATUS);
    assert_non_null(strstr(check.reason, "maps"));
}

static void a_status_is_mapped_at_the_time_of_the_record(void **state)
{
    struct fixture *f = *state;

    f->dossier.status = "old";
    f->dossier.changed_s = at("20241231235959");
    assert_int_equal(check_dossier(f).status, 4);
    f->dossier.changed_s = at("20250101000000");
    assert_int_equal(check_dossier(f).hold, HOLD_UNMAPPED_STATUS);
    f->dossier.status_name = "Đang chờ";
    assert_int_equal(check_dossier(f).status, 4);
    f->step.status = "old";
    f->step.at_s = at("20241231235959");
    assert_int_equal(check_step(f).status, 4);
}

static void a_procedure_is_mapped_or_held(void **state)
{
    struct fixture *f = *state;
    struct adapter_check check;

    f->dossier.procedure_code = "TTHC-12";
    assert_field(f, "/MaTTHC", "1.000105");
    f->dossier.procedure_code = "TTHC-13";
    check = check_dossier(f);
    assert_int_equal(check.hold, HOLD_UNMAPPED_PROCEDURE);
    assert_int_equal(check.status, 2); /* still known, for the lane */
    assert_non_null(strstr(check.reason, PROCEDURE_PATH));
    assert_non_null(strstr(check.reason, "TTHC-13"));
    f->dossier.procedure_code = "";
    assert_int_equal(check_dossier(f).hold, HOLD_UNMAPPED_PROCEDURE);
    map_free(f->config.procedure_map);
    f->config.procedure_map = NULL;
    f->dossier.procedure_code = "1.001193";
    assert_int_equal(check_dossier(f).hold, HOLD_NONE);
}

static void a_received_dossier_needs_its_date(void **state)
{
    struct fixture *f = *state;
    struct record record;

    f->dossier.received_s = 0;
    assert_int_equal(check_dossier(f).hold, HOLD_INVALID);
    f->dossier.status = "new";
    assert_int_equal(check_dossier(f).hold, HOLD_NONE);
    f->dossier.status = "unresolved";
    assert_int_equal(check_dossier(f).hold, HOLD_NONE);
    f->dossier.status = "processing";
    record = dossier_record(f);
    assert_int_equal(build(f, &record, 1, false), ERR_INVAL);
    assert_int_equal(f->verdict.hold, HOLD_INVALID);
    assert_non_null(strstr(f->verdict.reason, "NgayTiepNhan"));
    assert_int_equal(build(f, &record, 1, true), 0); /* a person released it */
}

static void a_code_of_another_form_is_held(void **state)
{
    struct fixture *f = *state;

    f->dossier.code = "HS 12/2025";
    assert_int_equal(check_dossier(f).hold, HOLD_INVALID);
    f->dossier.code = "000.00.12.H56-230229-0001"; /* no such day */
    assert_int_equal(check_dossier(f).hold, HOLD_INVALID);
}

static void a_text_in_an_old_font_is_held(void **state)
{
    struct fixture *f = *state;
    struct record record;

    f->dossier.applicant_name = "Ph¹m V¨n Hoµ"; /* TCVN3 read as Latin-1 */
    assert_int_equal(check_dossier(f).hold, HOLD_INVALID);
    assert_non_null(strstr(check_dossier(f).reason, "ChuHoSo is in an old font"));
    record = dossier_record(f);
    assert_int_equal(build(f, &record, 1, true), 0); /* a person released it */
    fill_step(&f->step);
    f->step.text = "Hoà sơ đã đủ";
    assert_int_equal(check_step(f).hold, HOLD_NONE);
    f->step.text = "Traàn Vaên Beù ñaõ nhaän"; /* VNI */
    assert_int_equal(check_step(f).hold, HOLD_INVALID);
}

static void a_step_is_never_completed_by_us(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(check_step(f).hold, HOLD_NONE);
    assert_int_equal(check_step(f).status, 2);
    f->step.actor = "";
    assert_int_equal(check_step(f).hold, HOLD_INVALID);
    assert_non_null(strstr(check_step(f).reason, "NguoiXuLy"));
    fill_step(&f->step);
    f->step.text = "";
    assert_int_equal(check_step(f).hold, HOLD_INVALID);
    fill_step(&f->step);
    f->step.at_s = 0;
    assert_int_equal(check_step(f).hold, HOLD_INVALID);
}

static void what_is_no_record_of_ours_is_held(void **state)
{
    struct fixture *f = *state;
    struct record record = {.kind = RECORD_DOSSIER, .code = "x", .body = "{", .body_len = 1};

    assert_int_equal(check_record(f, &record).hold, HOLD_INVALID);
    record.kind = RECORD_PROCEDURE;
    assert_int_equal(check_record(f, &record).hold, HOLD_INVALID);
    assert_int_equal(build(f, &record, 1, false), ERR_INVAL);
}

static void a_call_beyond_the_limit_is_held(void **state)
{
    struct dossier_file *files = calloc(DOSSIER_MAX_FILES, sizeof(*files));
    struct fixture *f = *state;
    struct record record;

    assert_non_null(files);
    for (size_t i = 0; i < DOSSIER_MAX_FILES; i++) {
        files[i] = (struct dossier_file){"1", repeat(f, 650), "", "", "", ""};
    }
    f->dossier.files = files;
    f->dossier.n_files = DOSSIER_MAX_FILES;
    record = dossier_record(f);
    assert_int_equal(build(f, &record, 1, false), ERR_INVAL);
    assert_int_equal(f->verdict.hold, HOLD_INVALID);
    assert_non_null(strstr(f->verdict.reason, "larger"));
    free(files);
}

static void reads_carry_their_parameter(void **state)
{
    struct fixture *f = *state;

    const struct portal_request out = {.body = &f->out};

    assert_int_equal(portal_wire_read(&f->config.portal, "TraCuuHoSo", "mahoso", "H56-1", out), 0);
    assert_string_equal(buf_text(&f->out),
                        "{\"madonvi\":\"H56\",\"service\":\"TraCuuHoSo\",\"mahoso\":\"H56-1\"}");
    buf_clear(&f->out);
    assert_int_equal(portal_wire_read(&f->config.portal, "LayDVC", NULL, NULL, out), 0);
    assert_string_equal(buf_text(&f->out), "{\"madonvi\":\"H56\",\"service\":\"LayDVC\"}");
}

/* Two dossiers in one call, the first one's body unreadable by now. 0, or the call's error. */
static int build_from_shelf(struct fixture *f, struct portal_shelf *shelf, struct record records[2])
{
    const struct adapter_send send = {.kind = RECORD_DOSSIER, .records = records, .n_records = 2};

    records[0].body = "{";
    records[0].body_len = 1;
    buf_clear(&f->out);
    return portal_wire_build(&f->env, &f->config.portal, &send,
                             (struct portal_request){.body = &f->out, .shelf = shelf}, &f->verdict);
}

static void a_call_carries_what_its_check_has_written(void **state)
{
    struct fixture *f = *state;
    struct record records[2];
    struct adapter_check check;
    struct portal_shelf shelf;
    char *anew;

    portal_shelf_init(&shelf);
    records[0] = dossier_record(f);
    f->dossier.code = "H56.31.25-251118-0008";
    records[1] = dossier_record(f);
    assert_int_equal(build(f, records, 2, false), 0);
    anew = strdup(buf_text(&f->out));
    check.record = &records[0];
    portal_wire_check(&f->env, &shelf, &check);
    memcpy(records[0].hash, check.held_hash, sizeof(records[0].hash));
    assert_int_equal(build_from_shelf(f, &shelf, records), 0);
    assert_string_equal(buf_text(&f->out), anew);
    assert_int_equal(build_from_shelf(f, &shelf, records), 0); /* taken: now it is read anew */
    assert_null(strstr(buf_text(&f->out), "-0007"));
    free(anew);
}

static void a_taken_text_is_told_like_a_written_one(void **state)
{
    struct fixture *f = *state;
    struct record record = dossier_record(f);
    struct adapter_check check = {.record = &record};
    const struct adapter_send send = {.kind = RECORD_DOSSIER, .records = &record, .n_records = 1};
    struct portal_shelf shelf;

    portal_shelf_init(&shelf);
    portal_wire_check(&f->env, &shelf, &check);
    memcpy(record.hash, check.held_hash, sizeof(record.hash));
    assert_int_equal(portal_wire_build(&f->env, &f->config.portal, &send,
                                       (struct portal_request){.body = &f->out, .shelf = &shelf},
                                       &f->verdict),
                     0);
    assert_int_equal(shelf.bytes, 0);
    assert_int_equal(f->verdict.status, check.status);
    assert_int_equal(f->verdict.hold, HOLD_NONE);
    assert_true(f->verdict.has_held_hash);
    assert_memory_equal(f->verdict.held_hash, check.held_hash, sizeof(check.held_hash));
}

static void steps_are_taken_as_written_too(void **state)
{
    struct fixture *f = *state;
    struct record records[2] = {step_record(f), step_record(f)};
    const struct adapter_send send = {.kind = RECORD_STEP, .records = records, .n_records = 2};
    struct adapter_check check = {.record = &records[0]};
    struct portal_shelf shelf;
    char *anew;

    portal_shelf_init(&shelf);
    assert_int_equal(build(f, records, 2, false), 0);
    anew = strdup(buf_text(&f->out));
    portal_wire_check(&f->env, &shelf, &check);
    assert_true(check.has_held_hash);
    records[0].body = "{";
    records[0].body_len = 1;
    buf_clear(&f->out);
    assert_int_equal(portal_wire_build(&f->env, &f->config.portal, &send,
                                       (struct portal_request){.body = &f->out, .shelf = &shelf},
                                       &f->verdict),
                     0);
    assert_string_equal(buf_text(&f->out), anew);
    assert_int_equal(f->verdict.status, check.status);
    assert_int_equal(shelf.bytes, 0);
    free(anew);
}

static void an_answer_is_not_kept_written(void **state)
{
    struct fixture *f = *state;
    struct adapter_check check;
    struct portal_shelf shelf;
    struct record record;

    portal_shelf_init(&shelf);
    f->step.answer = "{\"MaHoSo\":\"H56.31.25-251118-0007\",\"MaHoSoDonVi\":\"1\","
                     "\"NgayXuLy\":\"20251118093000\",\"TrangThai\":\"2\"}";
    record = step_record(f);
    check.record = &record;
    portal_wire_check(&f->env, &shelf, &check);
    assert_int_equal(check.hold, HOLD_NONE);
    assert_int_equal(check.err, 0);
    assert_int_equal(shelf.bytes, 0);
}

static void what_is_held_or_volatile_is_not_kept_written(void **state)
{
    struct dossier_file file = {"1", "Đơn.pdf", "", "https://h.example/1?t=2025", "", ""};
    struct fixture *f = *state;
    struct adapter_check check;
    struct portal_shelf shelf;
    struct record record;

    portal_shelf_init(&shelf);
    f->dossier.files = &file;
    f->dossier.n_files = 1;
    record = dossier_record(f);
    check.record = &record;
    portal_wire_check(&f->env, &shelf, &check);
    assert_true(check.has_held_hash);
    assert_int_equal(shelf.bytes, 0);
    f->dossier.n_files = 0;
    f->dossier.status = "mystery";
    record = dossier_record(f);
    portal_wire_check(&f->env, &shelf, &check);
    assert_int_equal(check.hold, HOLD_UNMAPPED_STATUS);
    assert_int_equal(shelf.bytes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_generation_sends_every_key),
        TEST(the_first_generation_leaves_out_what_came_later),
        TEST(unknown_flags_are_empty),
        TEST(dates_stand_only_where_the_status_allows),
        TEST(only_a_whole_number_of_a_citizen_is_an_identity),
        TEST(what_the_source_leaves_empty_comes_from_the_catalogue),
        TEST(fields_are_cut_by_characters_and_flagged),
        TEST(steps_go_as_one_list_in_order),
        TEST(an_update_says_so),
        TEST(an_unmapped_status_is_held_with_the_file_to_edit),
        TEST(a_status_is_mapped_at_the_time_of_the_record),
        TEST(a_procedure_is_mapped_or_held),
        TEST(a_received_dossier_needs_its_date),
        TEST(a_code_of_another_form_is_held),
        TEST(a_text_in_an_old_font_is_held),
        TEST(a_step_is_never_completed_by_us),
        TEST(what_is_no_record_of_ours_is_held),
        TEST(a_call_beyond_the_limit_is_held),
        TEST(reads_carry_their_parameter),
        TEST(a_call_carries_what_its_check_has_written),
        TEST(a_taken_text_is_told_like_a_written_one),
        TEST(steps_are_taken_as_written_too),
        TEST(an_answer_is_not_kept_written),
        TEST(what_is_held_or_volatile_is_not_kept_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
