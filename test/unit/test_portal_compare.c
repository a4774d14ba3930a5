#include "adapter/portal_compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct arena arena;
    struct portal_comparison all;
    struct json *other, *here;
    char text[256]; /* of described() */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    arena_init(&f->arena, 1u << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    json_free(f->other);
    json_free(f->here);
    arena_free(&f->arena);
    free(f);
    return 0;
}

static struct json *parse(const char *text)
{
    struct json *root = NULL;
    struct errmsg msg = {""};

    assert_int_equal(json_parse(text, strlen(text), &root, &msg), 0);
    return root;
}

static bool has_name(void *ctx, enum record_kind kind, const char *text)
{
    static const struct {
        enum record_kind kind;
        const char *text;
    } names[] = {
        {RECORD_AGENCY, "UBND"},
        {RECORD_AGENCY, "H56.1"},
        {RECORD_SECTOR, "Hộ tịch"},
        {RECORD_PROCEDURE, "Đăng ký khai sinh"},
    };
    bool found = false;

    assert_non_null(ctx);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        found = found || (names[i].kind == kind && strcmp(names[i].text, text) == 0);
    }
    return found;
}

static int compare(struct fixture *f, const char *other, const char *here)
{
    json_free(f->other);
    json_free(f->here);
    f->other = parse(other);
    f->here = parse(here);
    return portal_compare(f->other, f->here, &f->arena, &f->all);
}

static const char *described(struct fixture *f, const struct portal_compared *field, bool other)
{
    const struct portal_known known = {has_name, f};

    assert_non_null(field);
    portal_compare_describe(&known, field->name, other ? field->other : field->here, f->text,
                            sizeof(f->text));
    return f->text;
}

/* NULL: neither side fills it. */
static const struct portal_compared *field(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->all.n; i++) {
        if (strcmp(f->all.fields[i].name, name) == 0) {
            return &f->all.fields[i];
        }
    }
    return NULL;
}

static void expect(const struct fixture *f, const char *name, enum portal_agreement agreement)
{
    const struct portal_compared *found = field(f, name);

    assert_non_null(found);
    assert_int_equal(found->agreement, agreement);
    assert_true((found->other == NULL && found->here == NULL) == (agreement == PORTAL_AGREE));
}

/* One field with a value on each side. */
static void expect_values(struct fixture *f, const char *name, const char *other, const char *here,
                          enum portal_agreement agreement)
{
    char texts[2][512];

    (void)snprintf(texts[0], sizeof(texts[0]), "{\"%s\":%s}", name, other);
    (void)snprintf(texts[1], sizeof(texts[1]), "{\"%s\":%s}", name, here);
    assert_int_equal(compare(f, texts[0], texts[1]), 0);
    assert_int_equal(f->all.n, 1);
    expect(f, name, agreement);
}

static void test_each_way_in_which_a_field_can_agree_or_not(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(compare(f, "{\"A\":\"1\",\"B\":\"1\",\"C\":\"1\",\"E\":\"\",\"G\":\"7\"}",
                             "{\"A\":\"1\",\"B\":\"2\",\"D\":\"1\",\"E\":[],\"F\":null}"),
                     0);
    assert_int_equal(f->all.n, 5);
    expect(f, "A", PORTAL_AGREE);
    expect(f, "B", PORTAL_DIFFER);
    expect(f, "C", PORTAL_ONLY_OTHER);
    expect(f, "D", PORTAL_ONLY_HERE);
    expect(f, "G", PORTAL_ONLY_OTHER);
    assert_null(field(f, "E"));
    assert_null(field(f, "F"));
}

static void test_what_is_the_same_in_another_form_agrees_and_what_is_near_does_not(void **state)
{
    static const struct {
        const char *other, *here;
        enum portal_agreement agreement;
    } cases[] = {
        {"4", "\"4\"", PORTAL_AGREE},
        {"4", "\"04\"", PORTAL_DIFFER},
        {"\"a\"", "\"A\"", PORTAL_DIFFER},
        {"\"a\"", "\"a \"", PORTAL_DIFFER},
        {"\"https://x.vn/f?t=1\"", "\"https://x.vn/f?t=2\"", PORTAL_AGREE},
        {"\"https://x.vn/f?t=1\"", "\"https://x.vn/f\"", PORTAL_AGREE},
        {"\"https://x.vn/f?t=1\"", "\"https://x.vn/g?t=1\"", PORTAL_DIFFER},
        {"\"ai? co\"", "\"ai? khong\"", PORTAL_DIFFER},
        {"[1,2]", "[1,2]", PORTAL_AGREE},
        {"[1,2]", "[2,1]", PORTAL_DIFFER},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", PORTAL_AGREE},
        {"{\"a\":1}", "\"a\"", PORTAL_DIFFER},
        {"{}", "\"a\"", PORTAL_ONLY_HERE},
        {"\"a\"", "null", PORTAL_ONLY_OTHER},
        {"true", "\"true\"", PORTAL_AGREE},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_values(f, "X", cases[i].other, cases[i].here, cases[i].agreement);
    }
    assert_int_equal(compare(f, "{\"mahoso\":\"1\"}", "{\"MaHoSo\":\"1\"}"), 0);
    assert_int_equal(f->all.n, 1);
    expect(f, "MaHoSo", PORTAL_AGREE);
}

static void test_entries_of_a_list_are_paired_by_key_then_by_position(void **state)
{
    struct fixture *f = *state;

    /* In another order; both agree. */
    assert_int_equal(compare(f,
                             "{\"TaiLieuNop\":[{\"TepDinhKemId\":\"2\",\"TenTepDinhKem\":\"b\"},"
                             "{\"TepDinhKemId\":\"1\",\"TenTepDinhKem\":\"a\"}]}",
                             "{\"TaiLieuNop\":[{\"TepDinhKemId\":\"1\",\"TenTepDinhKem\":\"a\"},"
                             "{\"TepDinhKemId\":\"2\",\"TenTepDinhKem\":\"b\"}]}"),
                     0);
    assert_int_equal(f->all.n, 3);
    expect(f, "TaiLieuNop", PORTAL_AGREE);
    expect(f, "TaiLieuNop.TepDinhKemId", PORTAL_AGREE);
    expect(f, "TaiLieuNop.TenTepDinhKem", PORTAL_AGREE);
    /* Other ids: the same files by position. */
    assert_int_equal(compare(f,
                             "{\"TaiLieuNop\":[{\"TepDinhKemId\":\"7\",\"TenTepDinhKem\":\"a\"}]}",
                             "{\"TaiLieuNop\":[{\"TepDinhKemId\":\"1\",\"TenTepDinhKem\":\"a\"}]}"),
                     0);
    expect(f, "TaiLieuNop.TepDinhKemId", PORTAL_DIFFER);
    expect(f, "TaiLieuNop.TenTepDinhKem", PORTAL_AGREE);
    /* One entry more: only the number differs; what is paired agrees. */
    assert_int_equal(compare(f,
                             "{\"TaiLieuNop\":[{\"TepDinhKemId\":\"7\",\"TenTepDinhKem\":\"x\"},"
                             "{\"TepDinhKemId\":\"1\",\"TenTepDinhKem\":\"a\"}]}",
                             "{\"TaiLieuNop\":[{\"TepDinhKemId\":\"1\",\"TenTepDinhKem\":\"a\"}]}"),
                     0);
    expect(f, "TaiLieuNop", PORTAL_DIFFER);
    expect(f, "TaiLieuNop.TepDinhKemId", PORTAL_AGREE);
    expect(f, "TaiLieuNop.TenTepDinhKem", PORTAL_AGREE);
    assert_string_equal(described(f, field(f, "TaiLieuNop"), true), "(entries: 2)");
    assert_string_equal(described(f, field(f, "TaiLieuNop"), false), "(entries: 1)");
}

static void test_a_field_of_several_entries_agrees_when_all_do(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(compare(f,
                             "{\"L\":[{\"a\":\"1\",\"b\":\"1\",\"c\":\"1\"},{\"a\":\"1\",\"b\":"
                             "\"1\",\"c\":\"1\"}]}",
                             "{\"L\":[{\"a\":\"1\",\"b\":\"1\",\"c\":\"2\"},{\"a\":\"1\","
                             "\"b\":\"\",\"c\":\"\"}]}"),
                     0);
    expect(f, "L", PORTAL_AGREE);
    expect(f, "L.a", PORTAL_AGREE);
    expect(f, "L.b", PORTAL_ONLY_OTHER);
    expect(f, "L.c", PORTAL_DIFFER);
}

static void test_what_may_name_a_person_is_shown_by_its_length_only(void **state)
{
    static const char *const hidden[] = {"ChuHoSo",   "SoGiayToChuHoSo", "SoDienThoai",
                                         "NguoiXuLy", "NoiDungXuLy",     "TrichYeuHoSo",
                                         "GhiChu",    "TruongLa",        "DuongDanTaiTepTin"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        expect_values(f, hidden[i], "\"Nguyễn\"", "\"000123456789\"", PORTAL_DIFFER);
        assert_string_equal(described(f, &f->all.fields[0], true), "(6 characters)");
        assert_string_equal(described(f, &f->all.fields[0], false), "(12 characters)");
    }
    assert_int_equal(compare(f,
                             "{\"DinhDanhCHS\":[{\"LoaiDinhDanh\":\"1\",\"SoDinhDanh\":\"0001\"}]}",
                             "{\"DinhDanhCHS\":[{\"LoaiDinhDanh\":\"2\",\"SoDinhDanh\":\"01\"}]}"),
                     0);
    assert_string_equal(described(f, field(f, "DinhDanhCHS.SoDinhDanh"), true), "(4 characters)");
    assert_string_equal(described(f, field(f, "DinhDanhCHS.LoaiDinhDanh"), true), "1");
}

static void test_a_value_is_shown_in_the_form_of_its_field_only(void **state)
{
    static const struct {
        const char *field, *value;
    } cases[] = {
        {"MaHoSo", "000.31.25.H56-261118-0001"},
        {"MaTTHC", "1.004193.000.00.00.H56"},
        {"TenTTHC", "Đăng ký khai sinh"},
        {"MaLinhVuc", "G15-HT04"},
        {"TenLinhVuc", "Hộ tịch"},
        {"KenhThucHien", "2"},
        {"LoaiDoiTuong", "1"},
        {"NgayTiepNhan", "20261118093000"},
        {"TrangThaiHoSo", "10"},
        {"TrangThai", "1"},
        {"IsDeleted", "False"},
        {"MaThanhPhanHoSo", "000.00.00.H56-KQ012345"},
        {"MaGiayToKetQua", "KQ.G15.000031"},
        {"Gia", "8000"},
        {"DonViXuLy", "UBND"},
    };
    static const struct {
        const char *value, *length;
    } people[] = {
        {"Nguyễn Văn Kẻ-Lạ 000199000457", "(29 characters)"},
        {"000199000457", "(12 characters)"},
        {"Nguyen", "(6 characters)"},
        {"NGUYEN", "(6 characters)"},
        {"0199000457", "(10 characters)"},
        {"KQ-000199000457", "(15 characters)"},
        {"00019900045712", "(14 characters)"},
        {"20260230000000", "(14 characters)"},
        {"0912.345.678", "(12 characters)"},
        {"\\u001b[2J", "(4 characters)"},
    };
    struct fixture *f = *state;
    char value[128];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(value, sizeof(value), "\"%s\"", cases[i].value);
        expect_values(f, cases[i].field, value, "\"\"", PORTAL_ONLY_OTHER);
        assert_string_equal(described(f, &f->all.fields[0], true), cases[i].value);
        assert_string_equal(described(f, &f->all.fields[0], false), "");
        for (size_t k = 0; k < sizeof(people) / sizeof(people[0]); k++) {
            (void)snprintf(value, sizeof(value), "\"%s\"", people[k].value);
            expect_values(f, cases[i].field, value, "\"\"", PORTAL_ONLY_OTHER);
            assert_string_equal(described(f, &f->all.fields[0], true), people[k].length);
        }
    }
    /* Each stands in the mirror, but not as what the field is. */
    expect_values(f, "TenTTHC", "\"UBND\"", "\"Hộ tịch\"", PORTAL_DIFFER);
    assert_string_equal(described(f, &f->all.fields[0], true), "(4 characters)");
    assert_string_equal(described(f, &f->all.fields[0], false), "(7 characters)");
    expect_values(f, "TrangThai", "11", "0", PORTAL_DIFFER);
    assert_string_equal(described(f, &f->all.fields[0], true), "(2 characters)");
    assert_string_equal(described(f, &f->all.fields[0], false), "(1 characters)");
}

static void test_a_key_that_is_no_name_of_a_field_is_told_by_its_length(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(compare(f,
                             "{\"Nguyễn Văn Kẻ-Lạ 000199000457\":1,\"Ten_La\":1,"
                             "\"x.MaHoSo\":\"A\",\"L\":[{\"000199000457\":1}]}",
                             "{\"L\":[{\"a\":1}]}"),
                     0);
    assert_int_equal(f->all.n, 6);
    expect(f, "(29 characters)", PORTAL_ONLY_OTHER);
    expect(f, "Ten_La", PORTAL_ONLY_OTHER);
    expect(f, "(8 characters)", PORTAL_ONLY_OTHER);
    assert_string_equal(described(f, field(f, "(8 characters)"), true), "(1 characters)");
    expect(f, "L.(12 characters)", PORTAL_ONLY_OTHER);
}

static void test_an_office_is_shown_when_it_is_one_of_the_provinces(void **state)
{
    static const char *const fields[] = {"DonViXuLy", "PhongBanXuLy"};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        expect_values(f, fields[i], "\"Nguyễn Văn A\"", "\"UBND\"", PORTAL_DIFFER);
        assert_string_equal(described(f, &f->all.fields[0], true), "(12 characters)");
        assert_string_equal(described(f, &f->all.fields[0], false), "UBND");
        expect_values(f, fields[i], "\"H56.1\"", "\"UBND - Nguyễn Văn A\"", PORTAL_DIFFER);
        assert_string_equal(described(f, &f->all.fields[0], true), "H56.1");
        assert_string_equal(described(f, &f->all.fields[0], false), "(19 characters)");
    }
}

static void test_more_fields_than_can_be_told_apart_are_an_error(void **state)
{
    struct fixture *f = *state;
    char text[PORTAL_COMPARED_MAX * 16] = "{";
    size_t n = 1;

    for (int i = 0; i < PORTAL_COMPARED_MAX; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"k%c%c\":1", i > 0 ? "," : "",
                              'a' + i / 26, 'a' + i % 26);
    }
    (void)snprintf(text + n, sizeof(text) - n, "}");
    assert_int_equal(compare(f, text, "{\"kaa\":1}"), 0);
    assert_int_equal(f->all.n, PORTAL_COMPARED_MAX);
    assert_int_equal(compare(f, text, "{\"one more\":1}"), ERR_TOOBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_way_in_which_a_field_can_agree_or_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_what_is_the_same_in_another_form_agrees_and_what_is_near_does_not, setup,
            teardown),
        cmocka_unit_test_setup_teardown(test_entries_of_a_list_are_paired_by_key_then_by_position,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_field_of_several_entries_agrees_when_all_do, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_what_may_name_a_person_is_shown_by_its_length_only,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_value_is_shown_in_the_form_of_its_field_only, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_key_that_is_no_name_of_a_field_is_told_by_its_length,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_office_is_shown_when_it_is_one_of_the_provinces,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_fields_than_can_be_told_apart_are_an_error, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
