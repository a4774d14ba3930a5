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

#include "codec/record.h"
#include "domain/procedure.h"
#include "lib/spool_world.h"

/* ---- as a sink ---- */

static struct arena arena;

static struct record dossier_record(const char *status)
{
    struct errmsg msg = {""};
    struct record record;
    struct dossier d;

    dossier_init(&d);
    d.code = SPOOL_CODE;
    d.procedure_code = "1.001193";
    d.status = status;
    d.status_map = "national";
    d.received_s = 1763430912;
    d.applicant_name = "Nguyễn <A>";
    assert_int_equal(record_from_dossier(&d, &arena, &record, &msg), 0);
    return record;
}

static void writing_twice_makes_one_file(void **state)
{
    struct spool_world *f = *state;
    struct adapter_send s = {0};
    struct record record;
    struct stat st;
    char name[128];

    arena_init(&arena, 4 << 20);
    record = dossier_record("4");
    spool_world_send(f, &s, &record);
    assert_int_equal(s.outcome.class, OUTCOME_DONE);
    assert_int_equal(s.outcome.status, 4);
    spool_world_send(f, &s, &record);
    assert_int_equal(s.outcome.class, OUTCOME_DONE);
    assert_int_equal(spool_world_count(f, "out"), 1);
    assert_int_equal(spool_world_count(f, "tmp"), 0);
    snprintf(name, sizeof(name), "out/%.100s", s.outcome.words);
    assert_int_equal(stat(spool_world_path(f, name), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640); /* the group reads it, under any umask */
    assert_null(strstr(name, "H56"));           /* nothing of the content is in a name */
    assert_non_null(strstr(spool_world_content(f, name), "[{\"MaHoSo\":\"" SPOOL_CODE "\""));
    record = dossier_record("nothing that is known");
    spool_world_send(f, &s, &record);
    assert_int_equal(s.outcome.class, OUTCOME_HELD);
    assert_int_equal(s.outcome.hold, HOLD_UNMAPPED_STATUS);
    arena_free(&arena);
}

static void what_was_written_can_be_read_again(void **state)
{
    struct spool_world *f = *state;
    struct adapter_send s = {0};
    struct record record;
    char from[512];
    char name[128];

    arena_init(&arena, 4 << 20);
    record = dossier_record("4");
    spool_world_send(f, &s, &record);
    snprintf(name, sizeof(name), "out/%.100s", s.outcome.words);
    snprintf(from, sizeof(from), "%s", spool_world_path(f, name));
    assert_int_equal(rename(from, spool_world_path(f, "in/back.json")), 0);
    spool_world_detail(f, "back.json");
    if (f->err != 0) {
        fail_msg("%s", f->why);
    }
    assert_int_equal(f->n_records, 1);
    assert_non_null(strstr(f->first, "Nguyễn <A>"));
    arena_free(&arena);
}

static void a_folder_that_is_full_or_gone_costs_the_item_nothing(void **state)
{
    struct spool_world *f = *state;
    struct adapter_send s = {0};
    struct record record;

    arena_init(&arena, 4 << 20);
    record = dossier_record("4");
    assert_int_equal(rmdir(spool_world_path(f, "tmp")), 0); /* whoever did that */
    spool_world_send(f, &s, &record);
    assert_int_equal(s.outcome.class, OUTCOME_TRANSIENT);
    assert_true(s.outcome.transport);
    arena_free(&arena);
}

static struct record procedure_record(const char *code)
{
    struct errmsg msg = {""};
    struct record record;
    struct procedure p;

    procedure_init(&p);
    p.code = code;
    p.name = "Đăng ký khai sinh & hộ tịch";
    p.steps_text = "Nộp hồ sơ<br>Nhận kết quả";
    p.level = 4;
    p.active = true;
    assert_int_equal(record_from_procedure(&p, &arena, &record, &msg), 0);
    return record;
}

static void a_written_service_info_agrees_when_it_is_read_as_the_catalogue(void **state)
{
    struct spool_world *f = *state;
    struct adapter_send s = {.withdrawn = false};
    struct adapter_check check;
    struct record record;
    char from[512];
    char name[128];

    f->a->ops->free(f->a);
    assert_int_equal(spool_world_open(f, "xml"), 0);
    arena_init(&arena, 4 << 20);
    record = procedure_record("1.001193");
    check = (struct adapter_check){.record = &record};
    f->a->ops->check(f->a, &check);
    assert_int_equal(check.hold, HOLD_NONE);
    assert_true(check.has_held_hash);
    spool_world_send(f, &s, &record);
    assert_int_equal(s.outcome.class, OUTCOME_DONE);
    snprintf(name, sizeof(name), "out/%.100s", s.outcome.words);
    assert_non_null(strstr(spool_world_content(f, name), "<serviceCode>1.001193</serviceCode>"));
    assert_non_null(strstr(spool_world_content(f, name), "khai sinh &amp; hộ tịch"));
    snprintf(from, sizeof(from), "%s", spool_world_path(f, name));
    assert_int_equal(rename(from, spool_world_path(f, "in/1.001193.xml")), 0);
    spool_world_detail(f, "1.001193.xml"); /* a piece of the catalogue finds its way */
    assert_int_equal(f->err, ERR_UNSUPPORTED);
    assert_true(spool_world_there(f, "catalog/1.001193.xml"));
    spool_world_list(f);
    if (f->err != 0) {
        fail_msg("%s", f->why);
    }
    assert_int_equal(f->n_rows, 1);
    assert_string_equal(f->ids[0], "1.001193|");
    spool_world_drop(f, "catalog/broken.xml", "<ServiceInfo>");
    spool_world_list(f);
    assert_true(f->err != 0); /* nothing may be concluded */
    assert_non_null(strstr(f->why, "broken.xml"));
    arena_free(&arena);
}

static void a_spool_of_json_compares_no_catalogue(void **state)
{
    struct spool_world *f = *state;
    struct adapter_send s = {.withdrawn = true};
    struct record record;
    char name[128];

    assert_null(f->a->ops->list);
    arena_init(&arena, 4 << 20);
    record = procedure_record("1.001193");
    spool_world_send(f, &s, &record);
    assert_int_equal(s.outcome.class, OUTCOME_DONE);
    snprintf(name, sizeof(name), "out/%.100s", s.outcome.words);
    assert_non_null(strstr(spool_world_content(f, name), "\"MATTHC\":\"1.001193\""));
    assert_non_null(strstr(spool_world_content(f, name), "\"HIEULUC\":false"));
    arena_free(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_world_setup, spool_world_teardown)

int main(void)
{
    (void)umask(077); /* the daemon's */
    const struct CMUnitTest tests[] = {
        TEST(writing_twice_makes_one_file),
        TEST(what_was_written_can_be_read_again),
        TEST(a_folder_that_is_full_or_gone_costs_the_item_nothing),
        TEST(a_written_service_info_agrees_when_it_is_read_as_the_catalogue),
        TEST(a_spool_of_json_compares_no_catalogue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
