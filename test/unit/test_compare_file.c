#include "daemon/ctl_compare_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOSSIERS "\"service\":\"DongBoHoSoMC\",\"isUpdating\":\"False\""
#define STEPS "\"service\":\"CapNhatTienDoHoSoMC\""

struct fixture {
    struct sent_file file;
    char path[64];
    bool open;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    strcpy(f->path, "/tmp/dvcsync-sent-XXXXXX");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->open) {
        sent_file_close(&f->file);
    }
    (void)unlink(f->path);
    free(f);
    return 0;
}

static void open_bytes(struct fixture *f, const char *bytes, size_t n)
{
    struct errmsg msg = {""};
    int fd = mkstemp(f->path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    assert_int_equal(close(fd), 0);
    f->open = true;
    assert_int_equal(sent_file_open(&f->file, f->path, &msg), 0);
}

static void open_text(struct fixture *f, const char *text)
{
    open_bytes(f, text, strlen(text));
}

static void expect_text(struct fixture *f, const struct sent_place *place, const char *key,
                        const char *value)
{
    const struct json *row = NULL;
    char number[24];

    assert_non_null(place);
    assert_int_equal(sent_file_read(&f->file, place, &row), 0);
    assert_string_equal(json_text_or_empty(json_get(row, key), number), value);
}

static void test_the_last_request_about_a_dossier_and_all_its_steps_are_found(void **state)
{
    struct fixture *f = *state;
    struct sent_dossier *d;

    open_text(f, "{" DOSSIERS ",\"data\":[{\"MaHoSo\":\"A\",\"X\":\"1\"},{\"MaHoSo\":\"B\"}]}\n"
                 "{" STEPS ",\"data\":[{\"MaHoSo\":\"A\",\"X\":\"3\"},{\"MaHoSo\":\"A\",\"X\":"
                 "\"4\"}]}\r\n"
                 "\n"
                 "{" DOSSIERS ",\"data\":[{\"MaHoSo\":\"C\"},{\"MaHoSo\":\" A \",\"X\":\"2\"}]}");
    assert_int_equal(f->file.dossiers, 3);
    assert_int_equal(f->file.snapshots, 4);
    assert_int_equal(f->file.steps, 2);
    assert_int_equal(f->file.lines, 3);
    assert_int_equal(f->file.unreadable, 0);
    d = sent_file_find(&f->file, "A");
    assert_non_null(d);
    expect_text(f, d->snapshot, "X", "2");
    expect_text(f, d->steps, "X", "4");
    expect_text(f, d->steps->next, "X", "3");
    assert_null(d->steps->next->next);
    assert_null(sent_file_find(&f->file, "B")->steps);
    assert_null(sent_file_find(&f->file, "D"));
}

static void test_what_a_bridge_takes_is_known_by_its_first_object(void **state)
{
    struct fixture *f = *state;

    open_text(f, "[{\"MaHoSo\":\"A\",\"TrangThaiHoSo\":\"4\"}]\n"
                 "[{\"MaHoSo\":\"A\",\"ThoiDiemXuLy\":\"20261118093000\"}]\n"
                 "[{\"MaHoSo\":\"A\"}]\n");
    assert_int_equal(f->file.snapshots, 1);
    assert_int_equal(f->file.steps, 1);
    assert_int_equal(f->file.unreadable, 1);
    assert_int_equal(f->file.first_unreadable, 3);
}

static void test_other_requests_and_what_is_none_are_counted(void **state)
{
    struct fixture *f = *state;

    open_text(f, "{\"service\":\"LayThuTuc\",\"data\":[{\"MaHoSo\":\"A\"}]}\n"
                 "no JSON\n"
                 "{" DOSSIERS "}\n"
                 "{" DOSSIERS ",\"data\":[{\"MaHoSo\":\"\"},{\"MaHoSo\":\"B\"},7]}\n"
                 "{}\n");
    assert_int_equal(f->file.others, 1);
    assert_int_equal(f->file.unreadable, 5);
    assert_int_equal(f->file.first_unreadable, 2);
    assert_int_equal(f->file.dossiers, 1);
    assert_null(sent_file_find(&f->file, "A"));
}

/* As a power cut leaves them; lines behind are found where they stand. */
static void test_a_line_with_a_nul_is_unreadable_and_hides_no_other(void **state)
{
    static const char text[] = "{" DOSSIERS ",\"data\":[{\"MaHoSo\":\"A\"}]}\n"
                               "\0\0{" DOSSIERS ",\"data\":[{\"MaHoSo\":\"B\"}]}\n"
                               "{" DOSSIERS ",\"data\":[{\"MaHoSo\":\"C\"}]}\0\n"
                               "\0\0\0\n"
                               "{" DOSSIERS ",\"data\":[{\"MaHoSo\":\"D\",\"X\":\"4\"}]}\n"
                               "{" DOSSIERS ",\"data\":[{\"MaHoSo\":\"E\0";
    struct fixture *f = *state;

    open_bytes(f, text, sizeof(text) - 1);
    assert_int_equal(f->file.lines, 6);
    assert_int_equal(f->file.unreadable, 4);
    assert_int_equal(f->file.first_unreadable, 2);
    assert_int_equal(f->file.dossiers, 2);
    assert_non_null(sent_file_find(&f->file, "A"));
    expect_text(f, sent_file_find(&f->file, "D")->snapshot, "X", "4");
}

static void test_a_line_longer_than_is_read_at_once_is_read_whole(void **state)
{
    enum { BYTES = 200000 };
    struct fixture *f = *state;
    char *text = malloc(BYTES + 128);
    int n;

    assert_non_null(text);
    n = snprintf(text, BYTES + 128, "{" DOSSIERS ",\"data\":[{\"MaHoSo\":\"A\",\"Y\":\"%0*d\"}]}\n",
                 BYTES, 1);
    open_bytes(f, text, (size_t)n);
    free(text);
    assert_int_equal(f->file.unreadable, 0);
    assert_int_equal(f->file.lines, 1);
    expect_text(f, sent_file_find(&f->file, "A")->snapshot, "MaHoSo", "A");
}

static void test_a_file_that_changed_meanwhile_is_an_error(void **state)
{
    struct fixture *f = *state;
    const struct json *row = NULL;
    struct sent_dossier *d;

    open_text(f, "{" DOSSIERS ",\"data\":[{\"MaHoSo\":\"A\"}]}\n");
    d = sent_file_find(&f->file, "A");
    assert_non_null(d);
    assert_int_equal(truncate(f->path, 0), 0);
    assert_int_equal(sent_file_read(&f->file, d->snapshot, &row), ERR_IO);
}

static void test_a_file_that_is_not_there_is_told(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = {""};

    f->open = true;
    assert_int_equal(sent_file_open(&f->file, "/nonexistent/file", &msg), ERR_NOTFOUND);
    assert_non_null(strstr(msg.text, "/nonexistent/file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_the_last_request_about_a_dossier_and_all_its_steps_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_a_bridge_takes_is_known_by_its_first_object,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_requests_and_what_is_none_are_counted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_line_with_a_nul_is_unreadable_and_hides_no_other,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_line_longer_than_is_read_at_once_is_read_whole,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_file_that_changed_meanwhile_is_an_error, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_not_there_is_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
