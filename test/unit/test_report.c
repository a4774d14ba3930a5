/* What `report` makes of a journal: maps, levels, sectors, flows, and what it does not show. */
#include "daemon/ctl_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "codec/record.h"
#include "domain/vntime.h"
#include "journal/mirror.h"
#include "lib/journal_fixture.h"

static int64_t at(const char *text)
{
    int64_t at_s = 0;

    assert_int_equal(vntime_parse(text, "yyyy-MM-dd HH:mm", &at_s), 0);
    return at_s;
}

struct given {
    const char *procedure, *sector, *agency, *channel;
    const char *received, *finished; /* "" none */
    int n;
};

static void append(struct fixture *f, int64_t flow, const struct given *g, int number)
{
    struct journal_append a;
    struct arena arena;

    arena_init(&arena, 1u << 20);
    journal_append_init(&a, flow);
    a.now_ms = fixture_wall_ms(f);
    for (int i = 0; i < g->n; i++) {
        struct journal_record r = {.status = 4};
        struct errmsg msg = {""};
        struct dossier d;
        char code[40];

        dossier_init(&d);
        (void)snprintf(code, sizeof(code), "H22.14-%d-%d", number, i);
        d.code = code;
        d.procedure_code = g->procedure;
        d.sector_code = g->sector;
        d.agency_code = g->agency;
        d.channel = g->channel;
        d.received_s = at(g->received);
        if (g->finished[0] != '\0') {
            d.finished_s = at(g->finished);
            d.promised_s = d.finished_s;
        }
        assert_int_equal(record_from_dossier(&d, &arena, &r.record, &msg), 0);
        r.status = g->finished[0] != '\0' ? 9 : 4;
        assert_int_equal(journal_append_add(&a, &r), 0);
    }
    assert_int_equal(FIXTURE_RUN(f, journal_append, &a), 0);
    journal_append_free(&a);
    arena_free(&arena);
}

static void mirror(struct fixture *f, enum record_kind kind, const struct catalog_row *rows,
                   size_t n)
{
    struct mirror_stage s;
    struct mirror_swap swap = {.kind = kind, .now_ms = 1};
    struct arena arena;

    arena_init(&arena, 1u << 20);
    mirror_stage_init(&s, kind, true);
    for (size_t i = 0; i < n; i++) {
        struct errmsg msg = {""};
        struct record record;
        struct procedure p;

        if (kind == RECORD_PROCEDURE) {
            procedure_init(&p);
            p.code = rows[i].code;
            p.name = rows[i].name;
            p.sector_code = rows[i].parent;
            p.active = true;
            assert_int_equal(record_from_procedure(&p, &arena, &record, &msg), 0);
        } else {
            assert_int_equal(record_from_row(kind, &rows[i], &arena, &record, &msg), 0);
        }
        assert_int_equal(mirror_stage_add(&s, rows[i].code, rows[i].name, &record, true), 0);
    }
    assert_int_equal(FIXTURE_RUN(f, mirror_stage, &s), 0);
    mirror_stage_free(&s);
    arena_free(&arena);
    assert_int_equal(FIXTURE_RUN(f, mirror_swap, &swap), 0);
}

/* A department, two communes; one procedure full, one partial, one without a service. */
static void catalogue(struct fixture *f)
{
    static const struct catalog_row agencies[] = {{"H22.05", "Sở Tư pháp", "", "1"},
                                                  {"H22.14.09", "UBND xã Y", "", "3"},
                                                  {"H22.14.10", "UBND xã Z", "", "3"}};
    static const struct catalog_row sectors[] = {{"G15-HT04", "Hộ tịch", "", ""}};
    static const struct catalog_row procedures[] = {{"1.000001", "Khai sinh", "G15-HT04", ""},
                                                    {"1.000002", "Kết hôn", "G15-HT04", ""},
                                                    {"1.000003", "Khác", "", ""}};
    static const struct catalog_row services[] = {
        {"1.000001.01", "Khai sinh toàn trình", "1.000001", ""},
        {"1.000001.02", "Khai sinh một phần", "1.000001", ""},
        {"1.000002.01", "Kết hôn một phần", "1.000002", ""},
        {"9.999999.01", "Dịch vụ khác", "9.999999", ""}};

    mirror(f, RECORD_AGENCY, agencies, 3);
    mirror(f, RECORD_SECTOR, sectors, 1);
    mirror(f, RECORD_PROCEDURE, procedures, 3);
    mirror(f, RECORD_SERVICE, services, 4);
}

static struct map *map_of(enum map_kind kind, const char *text)
{
    struct errmsg msg = {""};
    struct map *map = NULL;

    if (map_parse(kind, "test.csv", text, strlen(text), &map, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    return map;
}

struct reporting {
    struct fixture f;
    struct config config;
    struct report *report;
    struct sheet sheet;
    struct buf out;
};

static void begin(struct reporting *r)
{
    memset(r, 0, sizeof(*r));
    fixture_open(&r->f);
    r->config.flows[0].name = FIXTURE_FLOW;
    r->config.flows[0].kind = FLOW_DOSSIERS;
    r->config.flows[1].name = "intake";
    r->config.flows[1].kind = FLOW_INTAKE;
    r->config.n_flows = 2;
    buf_init(&r->out, 8u << 20);
}

/* The report as text; kept until the next one. */
static const char *make(struct reporting *r, enum report_by by, const char *month)
{
    if (r->report != NULL) {
        report_free(r->report);
        free(r->report);
        buf_clear(&r->out);
    }
    r->report = calloc(1, sizeof(*r->report));
    assert_non_null(r->report);
    arena_init(&r->report->arena, 16u << 20);
    r->report->config = &r->config;
    r->report->by = by;
    r->report->now_s = at("2026-12-01 00:00");
    assert_int_equal(month_parse(month, &r->report->month), 0);
    if (report_gather(r->report, r->f.path) != 0) {
        fail_msg("%s", r->report->msg.text);
    }
    sheet_begin(&r->sheet, SHEET_CSV, "report", "Report", &r->out);
    report_tables(r->report, &r->sheet);
    assert_int_equal(sheet_end(&r->sheet), 0);
    return buf_text(&r->out);
}

static void end(struct reporting *r)
{
    report_free(r->report);
    free(r->report);
    buf_free(&r->out);
    map_free(r->config.procedure_map);
    map_free(r->config.agency_map);
    fixture_end(&r->f);
}

static void must_have(const char *text, const char *line)
{
    if (strstr(text, line) == NULL) {
        fail_msg("not found: %s\nin: %s", line, text);
    }
}

static void append_all(struct reporting *r, const struct given *given, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        append(&r->f, r->f.flow, &given[i], (int)i);
    }
}

static void groups_are_those_of_the_national_codes(void **state)
{
    static const struct given given[] = {
        {"1.000001", "", "H22.14.09", "2", "2026-10-05 08:00", "2026-10-06 08:00", 10},
        {"1.000001.000.00.00.H22", "", "009.14.22.H22", "2", "2026-10-05 08:00", "", 6},
        {"KS-01", "", "XA-Y", "1", "2026-10-05 08:00", "2026-10-06 08:00", 7},
        {"1.000002", "G15-HT04", "000.00.05.H22", "2", "2026-10-05 08:00", "", 8},
        {"1.000003", "X01-XX01", "H22.99", "3", "2026-10-05 08:00", "", 9},
    };
    struct reporting r;
    const char *text;

    (void)state;
    begin(&r);
    catalogue(&r.f);
    append_all(&r, given, 5);
    r.config.procedure_map = map_of(MAP_PROCEDURE, "local,national,valid_from,valid_until\n"
                                                   "KS-01,1.000001,,\n");
    r.config.agency_map = map_of(MAP_AGENCY, "local,national,valid_from,valid_until\n"
                                             "XA-Y,H22.14.09,,\n009.14.22.H22,H22.14.09,,\n");
    text = make(&r, REPORT_BY_PROCEDURE, "2026-10");
    must_have(text, "\r\nprocedures,1.000001,Khai sinh,23,16,7,17,17,0,0,17,6,0,0,6\r\n");
    must_have(text, "\r\nprocedures,1.000002,Kết hôn,8,8,0,0,0,0,0,0,8,0,0,8\r\n");
    must_have(text, "\r\nprocedures,all,,40,24,16,17,17,0,0,17,23,0,0,23\r\n");
    must_have(text, "\r\nservices,full,1,1,23,16,7\r\n");
    must_have(text, "\r\nservices,partial,1,2,8,8,0\r\n");
    must_have(text, "\r\nservices,online,0,1,0,0,0\r\n");
    must_have(text, "\r\nservices,information,1,0,9,0,9\r\n");
    must_have(text, "\r\nservices,unknown,0,0,0,0,0\r\n");
    must_have(text, "\r\nonline_per_service,1.000001,Khai sinh,full,2,16\r\n");
    must_have(text, "\r\nyear,services,3\r\n");
    must_have(text, "\r\nyear,procedures_with_online_dossier,2\r\n");
    text = make(&r, REPORT_BY_AGENCY, "2026-10");
    must_have(text, "\r\nagencies,H22.14.09,UBND xã Y,23,16,7,17,17,0,0,17,6,0,0,6\r\n");
    must_have(text, "\r\nagencies,H22.05,Sở Tư pháp,8,8,0,0,0,0,0,0,8,0,0,8\r\n");
    must_have(text, "\r\nagencies,H22.99,,9,0,9,0,0,0,0,0,9,0,0,9\r\n");
    must_have(text, "\r\nlevels,province,,8,8,0,");
    must_have(text, "\r\nlevels,commune,,23,16,7,");
    must_have(text, "\r\nlevels,unknown,,9,0,9,");
    text = make(&r, REPORT_BY_SECTOR, "2026-10");
    must_have(text,
              "\r\nsectors,G15-HT04,Hộ tịch,31,24,7,"); /* by the procedure, where none is said */
    must_have(text, "\r\nsectors,X01-XX01,,9,0,9,");
    end(&r);
}

static void other_flows_and_months_do_not_count(void **state)
{
    static const struct given october = {"1.000001", "", "H22.05", "2", "2026-10-05 08:00", "", 6};
    static const struct given september = {
        "1.000001", "", "H22.05", "2", "2026-09-30 23:59", "2026-09-30 23:59", 7};
    struct reporting r;
    struct errmsg msg = {""};
    const char *text;
    int64_t intake;

    (void)state;
    begin(&r);
    catalogue(&r.f);
    assert_int_equal(journal_flow_id(r.f.journal, "intake", &intake, &msg), 0);
    append(&r.f, r.f.flow, &october, 1);
    append(&r.f, r.f.flow, &september, 2);
    append(&r.f, intake, &october, 3);
    text = make(&r, REPORT_BY_LEVEL, "2026-10");
    must_have(text, "\r\nfigures,received,Received,6,,,\r\n");
    must_have(text, "\r\nyear,received,13\r\n");
    must_have(text, "\r\nonline_per_service,1.000001,Khai sinh,full,2,13\r\n");
    text = make(&r, REPORT_BY_LEVEL, "2026-09");
    must_have(text, "\r\nfigures,received,Received,7,,,\r\n");
    must_have(text, "\r\nfigures,late_by_sync,Late only by synchronisation,7,100.0,on_time,7\r\n");
    text = make(&r, REPORT_BY_LEVEL, "2025-10");
    must_have(text, "\r\nfigures,received,Received,0,,,\r\n");
    must_have(text, "\r\nyear,received,0\r\n");
    end(&r);
}

/* In a parallel run one reads what the other is told: a dossier is in both. */
static void a_dossier_in_two_flows_counts_once(void **state)
{
    static const struct given both = {"1.000001", "", "H22.05", "2", "2026-10-05 08:00", "", 6};
    static const struct given pushed = {"1.000001",         "", "H22.05", "1", "2026-10-05 08:00",
                                        "2026-10-06 08:00", 8};
    struct reporting r;
    struct errmsg msg = {""};
    const char *text;
    int64_t gate;

    (void)state;
    begin(&r);
    catalogue(&r.f);
    r.config.flows[0].mode = FLOW_OBSERVE;
    r.config.flows[1].name = "gate";
    r.config.flows[1].kind = FLOW_DOSSIERS;
    assert_int_equal(journal_flow_id(r.f.journal, "gate", &gate, &msg), 0);
    append(&r.f, r.f.flow, &both, 1); /* six of one, and the first six of the other's eight */
    append(&r.f, gate, &pushed, 1);
    text = make(&r, REPORT_BY_LEVEL, "2026-10");
    must_have(text, "\r\nfigures,received,Received,8,,,\r\n");
    must_have(text, "\r\nfigures,direct,Direct,8,"); /* as the live flow has it */
    must_have(text, "\r\nyear,received,8\r\n");
    r.config.flows[0].mode = FLOW_LIVE; /* now that which stands first */
    text = make(&r, REPORT_BY_LEVEL, "2026-10");
    must_have(text, "\r\nfigures,received,Received,8,,,\r\n");
    must_have(text, "\r\nfigures,direct,Direct,2,");
    r.config.n_flows = 1;
    must_have(make(&r, REPORT_BY_LEVEL, "2026-10"), "\r\nfigures,received,Received,6,,,\r\n");
    fixture_tamper(&r.f, "DELETE FROM figure WHERE subject IN (SELECT id FROM subject WHERE flow "
                         "= 1)"); /* of an older version: the other row is better than none */
    r.config.n_flows = 2;
    must_have(make(&r, REPORT_BY_LEVEL, "2026-10"), "\r\nfigures,received,Received,8,,,\r\n");
    assert_int_equal(r.report->begin.bare, 6);
    end(&r);
}

static void the_begin_of_what_is_known_is_found(void **state)
{
    static const struct given given[] = {
        {"1.000001", "", "H22.05", "2", "2026-10-05 08:00", "", 2},
        {"1.000001", "", "H22.05", "2", "2026-09-05 08:00", "", 2},
    };
    struct reporting r;

    (void)state;
    begin(&r);
    (void)make(&r, REPORT_BY_LEVEL, "2026-10");
    assert_int_equal(r.report->begin.began_s, 0);
    assert_int_equal(r.report->begin.received_s, 0);
    append_all(&r, given, 2);
    (void)make(&r, REPORT_BY_LEVEL, "2026-10");
    assert_int_equal(r.report->begin.began_s, (int64_t)(fixture_wall_ms(&r.f) / 1000));
    assert_int_equal(r.report->begin.received_s, at("2026-09-05 08:00"));
    assert_int_equal(r.report->begin.bare, 0);
    end(&r);
}

/* What a journal from a backup delivers of the time before it may have been there. */
static void a_restored_journal_knows_not_when(void **state)
{
    static const struct given given = {"1.000001", "", "H22.05", "2", "2026-10-05 08:00", "", 6};
    struct reporting r;
    long long restored_ms;

    (void)state;
    begin(&r);
    append_all(&r, &given, 1);
    fixture_tamper(&r.f, "UPDATE item SET state = %d, at = 1", ITEM_DONE);
    must_have(make(&r, REPORT_BY_LEVEL, "2026-10"),
              "\r\nfigures,there_before,At the portal before,0,");
    restored_ms = (long long)fixture_wall_ms(&r.f) - 1;
    fixture_tamper(&r.f, "INSERT INTO fact VALUES ('journal.restored', 'backup 1 %lld')",
                   restored_ms);
    must_have(make(&r, REPORT_BY_LEVEL, "2026-10"),
              "\r\nfigures,there_before,At the portal before,6,");
    fixture_tamper(&r.f, "UPDATE item SET at = %lld", restored_ms / 1000 + 1);
    must_have(make(&r, REPORT_BY_LEVEL, "2026-10"),
              "\r\nfigures,there_before,At the portal before,0,");
    fixture_tamper(&r.f, "UPDATE item SET state = %d", ITEM_PENDING);
    end(&r);
}

/* The same as `catalog report` tells (domain/level.h), where services were not read. */
static void a_level_is_what_its_number_says(void **state)
{
    static const struct given given = {"1.000001", "", "H22.05", "2", "2026-10-05 08:00", "", 6};
    struct reporting r;
    struct mirror_stage s;
    struct mirror_swap swap = {.kind = RECORD_PROCEDURE, .now_ms = 1};
    struct errmsg msg = {""};
    struct record record;
    struct procedure p;
    struct arena arena;

    (void)state;
    begin(&r);
    arena_init(&arena, 1u << 20);
    mirror_stage_init(&s, RECORD_PROCEDURE, true);
    procedure_init(&p);
    p.code = "1.000001";
    p.name = "Khai sinh";
    p.active = true;
    p.level = 3;
    assert_int_equal(record_from_procedure(&p, &arena, &record, &msg), 0);
    assert_int_equal(mirror_stage_add(&s, p.code, p.name, &record, true), 0);
    assert_int_equal(FIXTURE_RUN(&r.f, mirror_stage, &s), 0);
    mirror_stage_free(&s);
    arena_free(&arena);
    assert_int_equal(FIXTURE_RUN(&r.f, mirror_swap, &swap), 0);
    append_all(&r, &given, 1);
    must_have(make(&r, REPORT_BY_LEVEL, "2026-10"), "\r\nservices,partial,1,0,6,6,0\r\n");
    end(&r);
}

/* The sum of a level with one agency is the agency, so both are made up for by another level. */
static void small_groups_are_not_published(void **state)
{
    static const struct given given[] = {
        {"1.000001", "", "H22.05", "2", "2026-10-05 08:00", "", 3},
        {"1.000002", "", "H22.14.09", "2", "2026-10-05 08:00", "", 9},
        {"1.000002", "", "H22.14.09", "1", "2026-10-05 08:00", "", 2},
        {"1.000002", "", "H22.14.10", "2", "2026-10-05 08:00", "", 20},
        {"1.000002", "", "H22.14.10", "1", "2026-10-05 08:00", "", 10},
    };
    struct reporting r;
    const char *text;

    (void)state;
    begin(&r);
    catalogue(&r.f);
    append_all(&r, given, 5);
    text = make(&r, REPORT_BY_AGENCY, "2026-10");
    must_have(text, "\r\nagencies,H22.05,Sở Tư pháp,<5,<5,<5,hidden,hidden,hidden,hidden,"
                    "hidden,<5,<5,<5,<5\r\n");
    must_have(text, "\r\nagencies,H22.14.09,UBND xã Y,hidden,hidden,hidden,hidden,hidden,");
    must_have(text, "\r\nagencies,H22.14.10,UBND xã Z,30,20,10,0,0,0,0,0,30,0,0,30\r\n");
    must_have(text,
              "\r\nlevels,province,,<5,<5,<5,hidden,hidden,hidden,hidden,hidden,<5,<5,<5,<5\r\n");
    must_have(
        text,
        "\r\nlevels,commune,,hidden,hidden,hidden,hidden,hidden,hidden,hidden,hidden,hidden,");
    must_have(text, "\r\nlevels,all,,44,32,12,");
    text = make(&r, REPORT_BY_PROCEDURE, "2026-10");
    must_have(text, "\r\nprocedures,1.000001,Khai sinh,<5,");
    must_have(text, "\r\nprocedures,1.000002,Kết hôn,hidden,");
    must_have(text, "\r\nservices,full,1,1,<5,<5,<5\r\n");
    must_have(text, "\r\nservices,partial,1,2,hidden,hidden,hidden\r\n");
    must_have(text, "\r\nonline_per_service,1.000001,Khai sinh,full,2,hidden\r\n");
    must_have(text, "\r\nonline_per_service,1.000002,Kết hôn,partial,1,hidden\r\n");
    text = make(&r, REPORT_BY_LEVEL, "2026-10"); /* names no agency */
    must_have(text, "\r\nlevels,province,,3,3,0,");
    must_have(text, "\r\nservices,full,1,1,<5,<5,<5\r\n");
    end(&r);
}

/* In the first month what was received is settled or waits; later the month before tells the rest.
 */
static void what_is_settled_does_not_follow_from_what_waits(void **state)
{
    static const struct given given[] = {
        {"1.000001", "", "H22.14.09", "2", "2026-10-05 08:00", "2026-10-06 08:00", 3},
        {"1.000001", "", "H22.14.09", "2", "2026-10-05 08:00", "", 17},
        {"1.000001", "", "H22.14.10", "2", "2026-10-05 08:00", "2026-10-06 08:00", 10},
        {"1.000001", "", "H22.14.10", "2", "2026-10-05 08:00", "", 20},
    };
    struct reporting r;
    const char *text;

    (void)state;
    begin(&r);
    catalogue(&r.f);
    append_all(&r, given, 4);
    text = make(&r, REPORT_BY_AGENCY, "2026-10");
    must_have(text, "\r\nagencies,H22.14.09,UBND xã Y,20,20,0,<5,<5,<5,<5,<5,hidden,hidden,hidden,"
                    "hidden\r\n");
    must_have(text, "\r\nagencies,H22.14.10,UBND xã Z,30,30,0,hidden,hidden,hidden,hidden,hidden,"
                    "hidden,hidden,hidden,hidden\r\n");
    must_have(text, "\r\nlevels,commune,,50,50,0,13,13,0,0,13,37,0,0,37\r\n");
    end(&r);
}

/* What is online in the year must not tell how few are direct; and where all of the year lies in
 * the month, as in January, what one table hides the other must not tell. */
static void the_year_tells_no_more_than_its_months(void **state)
{
    static const struct given given[] = {
        {"1.000002", "", "H22.05", "2", "2026-01-05 08:00", "", 9},
        {"1.000002", "", "H22.05", "1", "2026-01-05 08:00", "", 2},
        {"1.000001", "", "H22.05", "2", "2026-02-05 08:00", "", 30},
        {"1.000001", "", "H22.05", "1", "2026-02-05 08:00", "", 3},
    };
    struct reporting r;

    (void)state;
    begin(&r);
    catalogue(&r.f);
    append_all(&r, given, 4);
    must_have(make(&r, REPORT_BY_PROCEDURE, "2026-01"),
              "\r\nonline_per_service,1.000002,Kết hôn,partial,1,hidden\r\n");
    /* One that is hidden would follow from the sum and the other. */
    must_have(make(&r, REPORT_BY_PROCEDURE, "2026-02"),
              "\r\nonline_per_service,1.000002,Kết hôn,partial,1,hidden\r\n");
    must_have(make(&r, REPORT_BY_PROCEDURE, "2026-02"),
              "\r\nonline_per_service,1.000001,Khai sinh,full,2,hidden\r\n");
    must_have(make(&r, REPORT_BY_PROCEDURE, "2026-03"),
              "\r\nonline_per_service,1.000001,Khai sinh,full,2,30\r\n");
    end(&r);
}

/* A journal's first month is its year, whichever month it is; what came in person before it makes
 * no difference. */
static void a_year_that_is_one_month_hides_what_the_month_hides(void **state)
{
    static const enum report_by bys[] = {REPORT_BY_LEVEL, REPORT_BY_AGENCY, REPORT_BY_PROCEDURE,
                                         REPORT_BY_SECTOR};
    static const struct given given[] = {
        {"1.000001", "", "H22.14.09", "2", "2026-11-05 08:00", "", 7},
        {"1.000001", "", "H22.14.09", "1", "2026-11-05 08:00", "", 3},
        {"1.000002", "", "H22.14.10", "2", "2026-11-05 08:00", "", 20},
        {"1.000002", "", "H22.14.10", "1", "2026-11-05 08:00", "", 10},
        {"1.000001", "", "H22.14.09", "1", "2026-10-05 08:00", "", 30},
    };
    struct reporting r;

    (void)state;
    begin(&r);
    catalogue(&r.f);
    for (size_t n = 4; n <= 5; n++) {
        if (n == 4) {
            append_all(&r, given, n);
        } else {
            append(&r.f, r.f.flow, &given[4], 4);
        }
        for (size_t i = 0; i < sizeof(bys) / sizeof(bys[0]); i++) {
            const char *text = make(&r, bys[i], "2026-11");

            if (bys[i] == REPORT_BY_SECTOR) { /* whose procedures everybody knows */
                assert_null(strstr(text, "\r\nservices,"));
                assert_null(strstr(text, "\r\nonline_per_service,"));
                continue;
            }
            must_have(text, "\r\nservices,full,1,1,10,hidden,hidden\r\n");
            must_have(text, "\r\nonline_per_service,1.000001,Khai sinh,full,2,hidden\r\n");
            must_have(text, "\r\nonline_per_service,1.000002,Kết hôn,partial,1,hidden\r\n");
        }
    }
    end(&r);
}

/* What is in no catalogue has no row, but the levels' sums would tell it. */
static void what_the_catalogue_lacks_is_not_told_by_the_rest(void **state)
{
    static const struct given given[] = {
        {"9.999998", "", "H22.05", "2", "2026-01-05 08:00", "", 3},
        {"1.000001", "", "H22.05", "2", "2026-01-05 08:00", "", 30},
        {"1.000002", "", "H22.05", "2", "2026-01-05 08:00", "", 20},
    };
    struct reporting r;
    const char *text;

    (void)state;
    begin(&r);
    catalogue(&r.f);
    append_all(&r, given, 3);
    text = make(&r, REPORT_BY_LEVEL, "2026-01");
    must_have(text, "\r\nservices,unknown,0,0,<5,<5,<5\r\n");
    must_have(text, "\r\nservices,partial,1,2,hidden,hidden,hidden\r\n");
    must_have(text, "\r\nonline_per_service,1.000002,Kết hôn,partial,1,hidden\r\n");
    must_have(text, "\r\nonline_per_service,1.000001,Khai sinh,full,2,30\r\n");
    end(&r);
}

static void without_a_catalogue_levels_are_unknown(void **state)
{
    static const struct given given = {"1.000001", "", "", "2", "2026-10-05 08:00", "", 6};
    struct reporting r;
    const char *text;

    (void)state;
    begin(&r);
    append(&r.f, r.f.flow, &given, 1);
    text = make(&r, REPORT_BY_AGENCY, "2026-10");
    must_have(text, "\r\nlevels,unknown,,6,6,0,");
    must_have(text, "\r\nservices,unknown,0,0,6,6,0\r\n");
    must_have(text, "\r\nagencies,(none),,6,6,0,");
    end(&r);
}

static void an_older_journal_has_no_figures(void **state)
{
    struct reporting r;

    (void)state;
    begin(&r);
    fixture_close_journal(&r.f);
    fixture_tamper(&r.f, "PRAGMA user_version = 2");
    r.report = calloc(1, sizeof(*r.report));
    assert_non_null(r.report);
    r.report->config = &r.config;
    arena_init(&r.report->arena, 1u << 20);
    assert_int_equal(month_parse("2026-10", &r.report->month), 0);
    assert_int_equal(report_gather(r.report, r.f.path), ERR_SCHEMA);
    assert_non_null(strstr(r.report->msg.text, "version 2"));
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_those_of_the_national_codes),
        cmocka_unit_test(other_flows_and_months_do_not_count),
        cmocka_unit_test(a_dossier_in_two_flows_counts_once),
        cmocka_unit_test(the_begin_of_what_is_known_is_found),
        cmocka_unit_test(a_restored_journal_knows_not_when),
        cmocka_unit_test(a_level_is_what_its_number_says),
        cmocka_unit_test(small_groups_are_not_published),
        cmocka_unit_test(what_is_settled_does_not_follow_from_what_waits),
        cmocka_unit_test(the_year_tells_no_more_than_its_months),
        cmocka_unit_test(a_year_that_is_one_month_hides_what_the_month_hides),
        cmocka_unit_test(what_the_catalogue_lacks_is_not_told_by_the_rest),
        cmocka_unit_test(without_a_catalogue_levels_are_unknown),
        cmocka_unit_test(an_older_journal_has_no_figures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
