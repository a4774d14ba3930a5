#include "adapter/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/spool_world.h"

/* ---- as a source ---- */

static void the_folders_are_made(void **state)
{
    static const char *const folders[] = {"in", "done", "bad", "out", "tmp", "catalog"};
    struct spool_world *f = *state;
    struct stat st;

    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(stat(spool_world_path(f, folders[i]), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0750); /* under the daemon's umask, too */
    }
}

static void a_dropped_file_is_read_and_moved_after_the_ack(void **state)
{
    struct spool_world *f = *state;

    spool_world_drop(f, "in/a.json",
                     "[" SPOOL_DOSSIER(SPOOL_CODE) "," SPOOL_DOSSIER("H56.31.25-251118-0008") "]");
    spool_world_poll(f);
    assert_int_equal(f->n_rows, 1);
    assert_string_equal(f->ids[0], "a.json");
    spool_world_detail(f, "a.json");
    assert_int_equal(f->err, 0);
    assert_int_equal(f->n_records, 4); /* two dossiers with a step each */
    assert_non_null(strstr(f->first, "\"status_map\":\"national\""));
    assert_null(strstr(f->first, "TienDo"));
    assert_true(spool_world_there(f, "in/a.json")); /* until the commit */
    spool_world_ack(f, "a.json");
    assert_false(spool_world_there(f, "in/a.json"));
    assert_true(spool_world_there(f, "done/2025-11-20/a.json"));
    spool_world_poll(f);
    assert_int_equal(f->n_rows, 0);
}

static void names_that_are_not_finished_are_left_alone(void **state)
{
    static const char *const names[] = {"in/.a.json", "in/b.json.tmp", "in/c.part", "in/d.txt",
                                        "in/e"};
    struct spool_world *f = *state;

    for (size_t i = 0; i < 5; i++) {
        spool_world_drop(f, names[i], SPOOL_DOSSIER(SPOOL_CODE));
    }
    spool_world_poll(f);
    assert_int_equal(f->n_rows, 0);
    for (size_t i = 0; i < 5; i++) {
        assert_true(spool_world_there(f, names[i]));
    }
}

static void a_file_that_grows_between_two_looks_waits(void **state)
{
    struct spool_world *f = *state;
    struct adapter_poll p = {.cursor = "", .done = spool_world_on_poll};

    spool_world_drop(f, "in/a.json", "[");
    f->a->ops->poll(f->a, &p);
    fake_loop_settle(&f->loop);
    spool_world_drop(f, "in/a.json", "[" SPOOL_DOSSIER(SPOOL_CODE) "]"); /* still being written */
    fake_loop_advance(&f->loop, 1000);
    assert_int_equal(f->polled, 1);
    assert_int_equal(f->n_rows, 0);
    spool_world_poll(f);
    assert_int_equal(f->n_rows, 1);
}

static void a_file_that_cannot_be_read_goes_to_bad_with_its_reason(void **state)
{
    static const struct {
        const char *name, *text, *reason;
    } cases[] = {
        {"half.json", "[" SPOOL_DOSSIER(SPOOL_CODE) ",{\"MaHoSo\":", "ends in the middle"},
        {"array.json", "[1,2]", "record 1"},
        {"empty.json", "", "neither"},
        {"nothing.json", "[]", "no dossier"},
        {"tail.json", "[" SPOOL_DOSSIER(SPOOL_CODE) "] x", "behind the list"},
        {"twice.json", "[{\"MaHoSo\":\"A\",\"MaHoSo\":\"B\"}]", "record 1"},
        {"entity.xml",
         "<!DOCTYPE a [<!ENTITY x SYSTEM "
         "\"file:///etc/passwd\">]><HoSo><MaHoSo>&x;</MaHoSo></HoSo>",
         "DOCTYPE"},
        {"code.xml", "<DanhSach><HoSo><MaTTHC>1.001193</MaTTHC></HoSo></DanhSach>", "record 1"},
        {"not.zip", "PK", "zip"},
    };
    struct spool_world *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[64];

        snprintf(name, sizeof(name), "in/%s", cases[i].name);
        spool_world_drop(f, name, cases[i].text);
        spool_world_detail(f, cases[i].name);
        assert_int_equal(f->err, ERR_UNSUPPORTED);
        assert_false(spool_world_there(f, name));
        snprintf(name, sizeof(name), "bad/%s.reason", cases[i].name);
        if (strcasestr(spool_world_content(f, name), cases[i].reason) == NULL) {
            fail_msg("%s: %s", cases[i].name, spool_world_content(f, name));
        }
        assert_non_null(strstr(spool_world_content(f, name), "remedy: "));
        snprintf(name, sizeof(name), "bad/%s", cases[i].name);
        assert_true(spool_world_there(f, name));
    }
    spool_world_drop(f, "in/half.json", "[");
    spool_world_detail(f, "half.json");
    assert_true(spool_world_there(f, "bad/half.json.1"));
    assert_true(spool_world_there(f, "bad/half.json.1.reason"));
}

static void links_and_other_things_are_never_followed(void **state)
{
    struct spool_world *f = *state;
    char target[128];

    snprintf(target, sizeof(target), "%s/secret.json", f->dir);
    spool_world_drop(f, "secret.json", SPOOL_DOSSIER(SPOOL_CODE));
    assert_int_equal(symlink(target, spool_world_path(f, "in/link.json")), 0);
    assert_int_equal(mkdir(spool_world_path(f, "in/folder.json"), 0700), 0);
    assert_int_equal(mkfifo(spool_world_path(f, "in/pipe.json"), 0600), 0);
    spool_world_poll(f);
    assert_int_equal(f->n_rows, 3);
    spool_world_detail(f, "link.json");
    assert_int_equal(f->err, ERR_UNSUPPORTED);
    assert_int_equal(f->n_records, 0);
    spool_world_detail(f, "folder.json");
    assert_int_equal(f->err, ERR_UNSUPPORTED);
    spool_world_detail(f, "pipe.json");
    assert_int_equal(f->err, ERR_UNSUPPORTED);
    assert_int_equal(spool_world_count(f, "in"), 0);
    assert_int_equal(spool_world_count(f, "bad"), 6);
    assert_true(spool_world_there(f, "secret.json")); /* the link was moved, not what it names */
}

static void a_file_with_a_second_link_waits_and_is_then_refused(void **state)
{
    struct spool_world *f = *state;
    char other[128];

    snprintf(other, sizeof(other), "%s/other.json", f->dir);
    spool_world_drop(f, "other.json", SPOOL_DOSSIER(SPOOL_CODE));
    assert_int_equal(link(other, spool_world_path(f, "in/hard.json")), 0);
    spool_world_poll(f);
    assert_int_equal(f->n_rows, 0);
    fake_loop_jump_wall(&f->loop, INT64_C(10) * 365 * 86400 * 1000);
    spool_world_poll(f);
    assert_int_equal(f->n_rows, 1);
    spool_world_detail(f, "hard.json");
    assert_int_equal(f->err, ERR_UNSUPPORTED);
    assert_non_null(strstr(spool_world_content(f, "bad/hard.json.reason"), "single link"));
}

static void ids_never_leave_the_folder(void **state)
{
    static const char *const ids[] = {"../secret.json", "/etc/passwd", "..", ".", "",
                                      "a/b.json",       ".hidden.json"};
    struct spool_world *f = *state;

    spool_world_drop(f, "secret.json", SPOOL_DOSSIER(SPOOL_CODE));
    spool_world_drop(f, "in/.hidden.json", SPOOL_DOSSIER(SPOOL_CODE));
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        spool_world_detail(f, ids[i]);
        assert_int_equal(f->err, ERR_UNSUPPORTED);
        assert_int_equal(f->n_records, 0);
        spool_world_ack(f, ids[i]);
    }
    assert_true(spool_world_there(f, "secret.json"));
    assert_int_equal(spool_world_count(f, "bad"), 0);
    assert_int_equal(spool_world_count(f, "done"), 0);
}

static void a_file_over_the_limit_is_refused_by_its_size(void **state)
{
    struct spool_world *f = *state;

    spool_world_drop(f, "in/big.json", "[");
    assert_int_equal(truncate(spool_world_path(f, "in/big.json"), (2 << 20) + 1), 0);
    spool_world_detail(f, "big.json");
    assert_int_equal(f->err, ERR_UNSUPPORTED);
    assert_non_null(strstr(spool_world_content(f, "bad/big.json.reason"), "reply_limit"));
}

static void a_newer_file_of_the_same_name_is_not_moved_by_an_older_ack(void **state)
{
    struct spool_world *f = *state;

    spool_world_drop(f, "in/a.json", SPOOL_DOSSIER(SPOOL_CODE));
    spool_world_detail(f, "a.json");
    spool_world_drop(f, "new", SPOOL_DOSSIER("H56.31.25-251118-0009"));
    assert_int_equal(spool_world_rename(f, "new", "in/a.json"), 0);
    spool_world_ack(f, "a.json");
    assert_true(spool_world_there(f, "in/a.json")); /* it was not read yet */
    assert_int_equal(spool_world_count(f, "done"), 1);
    assert_int_equal(spool_world_count(f, "tmp"), 0);
    spool_world_poll(f);
    assert_int_equal(f->n_rows, 1);
    spool_world_detail(f, "a.json");
    assert_non_null(strstr(f->first, "-0009"));
    spool_world_ack(f, "a.json");
    assert_true(spool_world_there(f, "done/2025-11-20/a.json"));
}

static void an_unchanged_file_may_be_acknowledged_after_a_restart(void **state)
{
    struct spool_world *f = *state;

    spool_world_drop(f, "in/a.json", SPOOL_DOSSIER(SPOOL_CODE));
    spool_world_detail(f, "a.json"); /* committed, then the process ends */
    f->a->ops->free(f->a);
    assert_int_equal(spool_world_open(f, "json"), 0);
    spool_world_ack(f, "a.json");
    assert_true(spool_world_there(f, "in/a.json")); /* not known yet: never moved unseen */
    spool_world_poll(f);
    assert_int_equal(f->n_rows, 1);
    spool_world_ack(f, "a.json");
    assert_true(spool_world_there(f, "done/2025-11-20/a.json"));
}

static void what_a_crash_left_half_way_comes_back(void **state)
{
    struct spool_world *f = *state;
    struct errmsg msg = {""};

    spool_world_drop(f, "tmp/a.json.taken", SPOOL_DOSSIER(SPOOL_CODE));
    spool_world_drop(f, "tmp/b.json.part", "half");
    assert_int_equal(f->a->ops->listen(f->a, &f->host, &msg), 0);
    assert_true(spool_world_there(f, "in/a.json"));
    assert_true(spool_world_there(f, "tmp/b.json.part"));
}

static void pages_follow_each_other(void **state)
{
    struct spool_world *f = *state;
    char name[32];

    f->a->ops->free(f->a);
    f->config.sources[0].page_size = 4;
    assert_int_equal(spool_world_open(f, "json"), 0);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "in/%d.json", i);
        spool_world_drop(f, name, SPOOL_DOSSIER(SPOOL_CODE));
    }
    spool_world_poll(f);
    assert_int_equal(f->n_rows, 4);
    assert_true(f->more);
    spool_world_poll(f);
    assert_string_equal(f->ids[0], "4.json");
    spool_world_poll(f);
    assert_int_equal(f->n_rows, 2);
    assert_false(f->more);
    spool_world_poll(f);
    assert_string_equal(f->ids[0], "0.json");
}

static void xml_with_the_portals_names_is_read(void **state)
{
    static const char text[] =
        "<?xml version=\"1.0\"?><DanhSachHoSo><HoSo><MaHoSo>" SPOOL_CODE
        "</MaHoSo><MaTTHC>1.001193</MaTTHC><TrangThaiHoSo>4</TrangThaiHoSo>"
        "<NgayTiepNhan>20251118093000</NgayTiepNhan>"
        "<TaiLieuNop><TaiLieu><TepDinhKemId>7</TepDinhKemId><TenTepDinhKem>a.pdf</TenTepDinhKem>"
        "</TaiLieu></TaiLieuNop>"
        "<TienDo><NguoiXuLy>B</NguoiXuLy><ThoiDiemXuLy>20251118093000</ThoiDiemXuLy>"
        "<NoiDungXuLy>x</NoiDungXuLy><TrangThai>2</TrangThai></TienDo>"
        "<TienDo><NguoiXuLy>B</NguoiXuLy><ThoiDiemXuLy>20251119093000</ThoiDiemXuLy>"
        "<NoiDungXuLy>y</NoiDungXuLy><TrangThai>4</TrangThai></TienDo></HoSo></DanhSachHoSo>";
    struct spool_world *f = *state;

    spool_world_drop(f, "in/a.xml", text);
    spool_world_detail(f, "a.xml");
    if (f->err != 0) {
        fail_msg("%s", f->why);
    }
    assert_int_equal(f->n_records, 3);
    assert_non_null(strstr(f->first, "\"files\":[{\"id\":\"7\",\"name\":\"a.pdf\""));
}

static void tests_of_the_site_are_passed_over(void **state)
{
    struct spool_world *f = *state;

    f->a->ops->free(f->a);
    f->config.sources[0].test_agencies = (struct config_list){{"H56.99"}, 1};
    assert_int_equal(spool_world_open(f, "json"), 0);
    spool_world_drop(f, "in/a.json", "[" SPOOL_DOSSIER("H56.99-251118-0001") "]");
    spool_world_detail(f, "a.json");
    assert_int_equal(f->err, ERR_UNSUPPORTED);
    assert_int_equal(spool_world_count(f, "bad"), 0);
    spool_world_ack(f, "a.json");
    assert_true(spool_world_there(f, "done/2025-11-20/a.json"));
    spool_world_drop(f, "in/b.json",
                     "[" SPOOL_DOSSIER("H56.99-251118-0001") "," SPOOL_DOSSIER(SPOOL_CODE) "]");
    spool_world_detail(f, "b.json");
    assert_int_equal(f->n_records, 2);
}

static void a_look_from_the_command_line_moves_nothing(void **state)
{
    struct spool_world *f = *state;

    f->a->ops->free(f->a);
    f->env.serve = NULL;
    assert_int_equal(spool_world_open(f, "json"), 0);
    spool_world_drop(f, "in/a.json", "[");
    spool_world_detail(f, "a.json");
    assert_int_equal(f->err, ERR_UNSUPPORTED);
    assert_non_null(strstr(f->why, "in the middle"));
    assert_true(spool_world_there(f, "in/a.json"));
}

/* ---- the watch ---- */

static void on_stopped(void *ctx)
{
    ((struct spool_world *)ctx)->stopped++;
}

static void a_change_is_announced_once_it_has_settled(void **state)
{
    struct spool_world *f = *state;
    struct errmsg msg = {""};
    char in[96];

    snprintf(in, sizeof(in), "%s/in", f->dir);
    assert_int_equal(f->a->ops->listen(f->a, &f->host, &msg), 0);
    spool_world_drop(f, "in/a.json", SPOOL_DOSSIER(SPOOL_CODE));
    fake_loop_changed(&f->loop, in);
    fake_loop_changed(&f->loop, in);
    fake_loop_advance(&f->loop, 200);
    assert_int_equal(f->n_owed, 0);
    fake_loop_advance(&f->loop, 1000);
    assert_int_equal(f->n_owed, 1);
    assert_string_equal(f->owed[0], "a.json");
    fake_loop_changed(&f->loop, in); /* something else: the same file is not news */
    fake_loop_advance(&f->loop, 3000);
    assert_int_equal(f->n_owed, 1);
    f->offer_err = ERR_BUSY;
    spool_world_drop(f, "in/b.json", SPOOL_DOSSIER(SPOOL_CODE));
    fake_loop_changed(&f->loop, in);
    fake_loop_advance(&f->loop, 3000);
    f->offer_err = 0;
    f->n_owed = 0;
    fake_loop_changed(&f->loop, in); /* what was not taken is told again */
    fake_loop_advance(&f->loop, 3000);
    assert_int_equal(f->n_owed, 2);
    f->a->ops->unlisten(f->a, on_stopped, f);
    assert_int_equal(f->stopped, 0);
    fake_loop_settle(&f->loop);
    assert_int_equal(f->stopped, 1);
    spool_world_drop(f, "in/c.json", SPOOL_DOSSIER(SPOOL_CODE));
    fake_loop_changed(&f->loop, in);
    fake_loop_advance(&f->loop, 3000);
    assert_int_equal(f->n_owed, 2);
}

/* ---- the instance ---- */

static void cancelled_work_still_ends(void **state)
{
    struct spool_world *f = *state;
    struct adapter_poll p = {.cursor = "", .done = spool_world_on_poll};
    struct adapter_detail d = {
        .kind = RECORD_DOSSIER, .id = "a.json", .done = spool_world_on_detail};

    spool_world_drop(f, "in/a.json", SPOOL_DOSSIER(SPOOL_CODE));
    f->a->ops->poll(f->a, &p);
    f->a->ops->detail(f->a, &d);
    f->a->ops->cancel(f->a);
    fake_loop_advance(&f->loop, 2000);
    assert_int_equal(f->polled, 1);
    assert_int_equal(f->detailed, 1);
    assert_int_equal(f->err, ERR_CANCELED);
    assert_true(spool_world_there(f, "in/a.json"));
}

static void a_reload_keeps_the_folder(void **state)
{
    struct spool_world *f = *state;
    struct errmsg msg = {""};

    f->config.sources[0].reply_limit_bytes = 1024;
    assert_int_equal(f->a->ops->reconfigure(f->a, &f->config, &msg), 0);
    f->config.sources[0].dir = "/tmp";
    assert_int_equal(f->a->ops->reconfigure(f->a, &f->config, &msg), ERR_CONFIG);
    f->config.sources[0].dir = f->dir;
}

static void a_folder_that_cannot_be_made_says_so(void **state)
{
    struct spool_world *f = *state;
    struct config_source source = f->config.sources[0];
    struct adapter *a;
    struct errmsg msg = {""};

    source.dir = "/proc/no/such/place";
    assert_true(spool_open(&f->env, &source, &a, &msg) < 0);
    assert_non_null(strstr(msg.text, "/proc/no/such/place"));
    spool_world_drop(f, "file", "");
    source.dir = spool_world_path(f, "file");
    assert_true(spool_open(&f->env, &source, &a, &msg) < 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_world_setup, spool_world_teardown)

int main(void)
{
    (void)umask(077); /* the daemon's */
    const struct CMUnitTest tests[] = {
        TEST(the_folders_are_made),
        TEST(a_dropped_file_is_read_and_moved_after_the_ack),
        TEST(names_that_are_not_finished_are_left_alone),
        TEST(a_file_that_grows_between_two_looks_waits),
        TEST(a_file_that_cannot_be_read_goes_to_bad_with_its_reason),
        TEST(links_and_other_things_are_never_followed),
        TEST(a_file_with_a_second_link_waits_and_is_then_refused),
        TEST(ids_never_leave_the_folder),
        TEST(a_file_over_the_limit_is_refused_by_its_size),
        TEST(a_newer_file_of_the_same_name_is_not_moved_by_an_older_ack),
        TEST(an_unchanged_file_may_be_acknowledged_after_a_restart),
        TEST(what_a_crash_left_half_way_comes_back),
        TEST(pages_follow_each_other),
        TEST(xml_with_the_portals_names_is_read),
        TEST(tests_of_the_site_are_passed_over),
        TEST(a_look_from_the_command_line_moves_nothing),
        TEST(a_change_is_announced_once_it_has_settled),
        TEST(cancelled_work_still_ends),
        TEST(a_reload_keeps_the_folder),
        TEST(a_folder_that_cannot_be_made_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
