/* Fills a journal with a month whose figures are known: through the journal's own requests, as the
 * engine makes them. Arguments: the file to make, dossiers in thousandths of the whole month
 * (1000), steps of each. Prints one line of JSON: what report must count, added up while filling,
 * from rules that know nothing of how report counts.
 *
 * The whole month is a large province's: 160,766 dossiers, 151,542 online and 9,224 direct; of them
 * 122,831 at commune level, 114,798 online and 8,033 direct. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "codec/record.h"
#include "journal/mirror.h"
#include "lib/journal_fixture.h"

#define COMMUNE_ONLINE 114798
#define COMMUNE_DIRECT 8033
#define PROVINCE_ONLINE 36744
#define PROVINCE_DIRECT 1191
#define WHOLE (COMMUNE_ONLINE + COMMUNE_DIRECT + PROVINCE_ONLINE + PROVINCE_DIRECT)
#define COMMUNES 166
#define DEPARTMENTS 20
#define PROCEDURES 2863
#define BATCH 250
#define HOUR_S 3600
#define DAY_S 86400
#define MONTH_S INT64_C(1790787600) /* 2026-10-01 00:00 in Vietnam */
#define DAYS 30                     /* the last day's evening is left for what goes into November */

struct expected {
    long received, online, direct, commune, commune_online, commune_direct;
    long settled, on_time, overdue, no_promise, stopped, late_by_sync;
    long waiting, waiting_in_time, waiting_overdue;
    long within_hour, within_day, after_day;
};

struct made {
    struct dossier dossier;
    char code[40], agency[24], procedure[16];
    int status;
    int64_t acknowledged_s;
};

static struct {
    const char *path;
    long thousandths;
    int steps;
} options;

/* Which of the four kinds the i-th is: they come mixed, in exact numbers. */
static void kind_of(long i, bool *commune, bool *online)
{
    /* A step that shares no divisor with the month goes through all of it. */
    long at = (long)(((int64_t)i * 7919) % WHOLE);

    *commune = at < COMMUNE_ONLINE + COMMUNE_DIRECT;
    *online =
        *commune ? at < COMMUNE_ONLINE : at - COMMUNE_ONLINE - COMMUNE_DIRECT < PROVINCE_ONLINE;
}

/* When it ended and what the portal heard, by twentieths. */
static void give_life(struct made *m, long i, struct expected *e)
{
    struct dossier *d = &m->dossier;
    long late_s = i % 100 == 50 ? 2 * DAY_S : i % 10 == 0 ? 2 * HOUR_S : 600;

    d->promised_s = d->received_s + 5 * DAY_S;
    d->finished_s = d->received_s + 300;
    m->status = i % 3 == 0 ? 10 : 9;
    m->acknowledged_s = d->received_s + late_s;
    switch (i % 20) {
    case 14:
        d->promised_s = d->received_s + 60;
        e->overdue++;
        break;
    case 15:
        d->promised_s = d->received_s + 310;
        e->on_time++;
        e->late_by_sync++;
        break;
    case 16:
        d->finished_s = 0;
        m->status = 4;
        d->promised_s = MONTH_S + 60 * DAY_S;
        e->waiting_in_time++;
        break;
    case 17:
        d->finished_s = 0;
        m->status = 4;
        d->promised_s = d->received_s + HOUR_S;
        e->waiting_overdue++;
        break;
    case 18:
        d->promised_s = 0;
        e->no_promise++;
        break;
    case 19:
        d->refused_s = d->finished_s;
        d->finished_s = 0;
        m->status = 8;
        e->stopped++;
        e->on_time++;
        break;
    default:
        e->on_time++;
        break;
    }
    e->within_hour += late_s <= HOUR_S;
    e->within_day += late_s <= DAY_S;
    e->after_day += late_s > DAY_S;
}

static void make(long i, struct made *m, struct expected *e)
{
    bool commune;
    bool online;

    kind_of(i, &commune, &online);
    dossier_init(&m->dossier);
    (void)snprintf(m->code, sizeof(m->code), "H56.01-261001-%06ld", i);
    if (commune) {
        (void)snprintf(m->agency, sizeof(m->agency), "H56.%ld", 100 + i % COMMUNES);
    } else if (i % 2 == 0) { /* the older way of writing it */
        (void)snprintf(m->agency, sizeof(m->agency), "000.00.%02ld.H56", 1 + i % DEPARTMENTS);
    } else {
        (void)snprintf(m->agency, sizeof(m->agency), "H56.%02ld", 1 + i % DEPARTMENTS);
    }
    /* Few procedures have most of the dossiers, many have few. */
    (void)snprintf(m->procedure, sizeof(m->procedure), "1.%06ld",
                   i % 7 == 0 ? i * 31 % PROCEDURES : i % 97);
    m->dossier.code = m->code;
    m->dossier.agency_code = m->agency;
    m->dossier.procedure_code = m->procedure;
    m->dossier.procedure_name = "Thủ tục thử nghiệm";
    m->dossier.applicant_name = "Nguyễn Văn Thử";
    m->dossier.applicant_id = "000099000123";
    m->dossier.status = "processing";
    m->dossier.channel = online ? "2" : i % 3 == 0 ? "3" : i % 3 == 1 ? "1" : "";
    m->dossier.received_s = MONTH_S + i * (DAYS * (int64_t)DAY_S) / WHOLE;
    m->dossier.submitted_s = m->dossier.received_s - HOUR_S;
    give_life(m, i, e);
    m->dossier.changed_s =
        m->dossier.finished_s != 0 ? m->dossier.finished_s : m->dossier.received_s;
    e->received++;
    e->online += online;
    e->direct += !online;
    e->commune += commune;
    e->commune_online += commune && online;
    e->commune_direct += commune && !online;
}

static void add_steps(struct journal_append *a, const struct made *m, struct arena *arena)
{
    for (int n = 0; n < options.steps; n++) {
        struct journal_record r = {.status = 4};
        struct errmsg msg = {""};
        struct step s;
        char key[16];

        step_init(&s);
        (void)snprintf(key, sizeof(key), "%d", n);
        s.code = m->code;
        s.key = key;
        s.actor = "Trần Thị Thử";
        s.text = "Tiếp nhận hồ sơ và chuyển phòng chuyên môn xử lý";
        s.status = "processing";
        s.at_s = m->dossier.received_s + n;
        assert_int_equal(record_from_step(&s, arena, &r.record, &msg), 0);
        assert_int_equal(journal_append_add(a, &r), 0);
    }
}

static void append(struct fixture *f, long from, long until, int64_t *acknowledged_s,
                   struct expected *e)
{
    struct journal_append a;
    struct errmsg msg = {""};
    struct arena arena;

    arena_init(&arena, 64u << 20);
    journal_append_init(&a, f->flow);
    a.now_ms = (uint64_t)(MONTH_S * 1000);
    for (long i = from; i < until; i++) {
        struct journal_record r = {.status = 0};
        struct made m;

        make(i, &m, e);
        assert_int_equal(record_from_dossier(&m.dossier, &arena, &r.record, &msg), 0);
        r.status = m.status;
        assert_int_equal(journal_append_add(&a, &r), 0);
        add_steps(&a, &m, &arena);
        acknowledged_s[i] = m.acknowledged_s;
    }
    assert_int_equal(FIXTURE_RUN(f, journal_append, &a), 0);
    journal_append_free(&a);
    arena_free(&arena);
}

/* Delivers what is due as if the portal had answered at the time that each dossier is to have. */
static void deliver(struct fixture *f, const int64_t *acknowledged_s)
{
    static struct journal_finish finishes[256];
    static struct journal_call *calls[256];
    struct journal_claim claim;
    size_t n;

    do {
        fixture_claim_init(f, &claim);
        claim.now_ms = (uint64_t)(MONTH_S * 1000);
        n = fixture_claim(f, &claim, calls, 256);
        for (size_t i = 0; i < n; i++) {
            long number = atol(strrchr(calls[i]->code, '-') + 1);

            fixture_decide(f, &finishes[i], calls[i], ITEM_DONE);
            finishes[i].ended_ms = (uint64_t)acknowledged_s[number] * 1000;
            fixture_expect(f, &finishes[i].op);
            journal_finish(f->journal, &finishes[i]);
        }
        fake_loop_settle(&f->loop);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(fixture_wait_ended(&finishes[i].op), 0);
            journal_call_free(calls[i]);
        }
    } while (n > 0);
}

static void stage(struct fixture *f, enum record_kind kind, long n,
                  void (*row)(long i, struct catalog_row *row, char text[2][64]))
{
    struct mirror_stage s;
    struct mirror_swap swap = {.kind = kind, .shrink_percent = 0, .now_ms = 1};
    struct arena arena;

    arena_init(&arena, 16u << 20);
    mirror_stage_init(&s, kind, true);
    for (long i = 0; i < n; i++) {
        struct catalog_row made = {.code = "", .name = "", .parent = "", .extra = ""};
        struct record record;
        struct errmsg msg = {""};
        char text[2][64];

        row(i, &made, text);
        if (kind == RECORD_PROCEDURE) {
            struct procedure p;

            procedure_init(&p);
            p.code = made.code;
            p.name = made.name;
            p.sector_code = "G15-HT04";
            p.active = true;
            assert_int_equal(record_from_procedure(&p, &arena, &record, &msg), 0);
        } else {
            assert_int_equal(record_from_row(kind, &made, &arena, &record, &msg), 0);
        }
        assert_int_equal(mirror_stage_add(&s, made.code, made.name, &record, true), 0);
    }
    assert_int_equal(FIXTURE_RUN(f, mirror_stage, &s), 0);
    mirror_stage_free(&s);
    arena_free(&arena);
    assert_int_equal(FIXTURE_RUN(f, mirror_swap, &swap), 0);
}

static void agency_row(long i, struct catalog_row *row, char text[2][64])
{
    bool commune = i >= DEPARTMENTS;

    (void)snprintf(text[0], sizeof(text[0]), commune ? "H56.%ld" : "H56.%02ld",
                   commune ? 100 + i - DEPARTMENTS : 1 + i);
    (void)snprintf(text[1], sizeof(text[1]), commune ? "UBND xã %ld" : "Sở %ld", i);
    row->code = text[0];
    row->name = text[1];
    row->extra = commune ? "3" : "1";
}

static void procedure_row(long i, struct catalog_row *row, char text[2][64])
{
    (void)snprintf(text[0], sizeof(text[0]), "1.%06ld", i);
    (void)snprintf(text[1], sizeof(text[1]), "Thủ tục %ld", i);
    row->code = text[0];
    row->name = text[1];
}

/* Every second procedure has a service, of those every third is full. */
static void service_row(long i, struct catalog_row *row, char text[2][64])
{
    (void)snprintf(text[0], sizeof(text[0]), "1.%06ld.01", 2 * i);
    (void)snprintf(text[1], sizeof(text[1]), "1.%06ld", 2 * i);
    row->code = text[0];
    row->name =
        i % 3 == 0 ? "Dịch vụ công trực tuyến toàn trình" : "Dịch vụ công trực tuyến một phần";
    row->parent = text[1];
}

static void print_expected(const struct expected *e)
{
    printf("{\"received\":%ld,\"online\":%ld,\"direct\":%ld,\"commune\":%ld,"
           "\"commune_online\":%ld,\"commune_direct\":%ld,\"settled\":%ld,\"on_time\":%ld,"
           "\"overdue\":%ld,\"no_promise\":%ld,\"stopped\":%ld,\"late_by_sync\":%ld,"
           "\"waiting\":%ld,\"waiting_in_time\":%ld,\"waiting_overdue\":%ld,\"within_hour\":%ld,"
           "\"within_day\":%ld,\"after_day\":%ld,\"not_there\":0}\n",
           e->received, e->online, e->direct, e->commune, e->commune_online, e->commune_direct,
           e->on_time + e->overdue + e->no_promise, e->on_time, e->overdue, e->no_promise,
           e->stopped, e->late_by_sync, e->waiting_in_time + e->waiting_overdue, e->waiting_in_time,
           e->waiting_overdue, e->within_hour, e->within_day, e->after_day);
}

static void fill(void **state)
{
    long n = WHOLE * options.thousandths / 1000;
    int64_t *acknowledged_s = calloc((size_t)WHOLE, sizeof(*acknowledged_s));
    struct expected e = {0};
    struct fixture f;

    (void)state;
    assert_non_null(acknowledged_s);
    fixture_open(&f);
    fixture_close_journal(&f);
    f.options.cache_bytes = 64u << 20;
    f.options.window_bytes = 64u << 20;
    f.options.synchronous_normal = true; /* nothing here outlives a power cut */
    fixture_restart(&f);
    stage(&f, RECORD_AGENCY, DEPARTMENTS + COMMUNES, agency_row);
    stage(&f, RECORD_PROCEDURE, PROCEDURES, procedure_row);
    stage(&f, RECORD_SERVICE, PROCEDURES / 2, service_row);
    for (long i = 0; i < n; i += BATCH) {
        append(&f, i, i + BATCH < n ? i + BATCH : n, acknowledged_s, &e);
        deliver(&f, acknowledged_s);
    }
    fixture_close_journal(&f);
    assert_int_equal(rename(f.path, options.path), 0);
    fixture_end(&f);
    free(acknowledged_s);
    print_expected(&e);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fill)};

    if (argc != 4) {
        fprintf(stderr, "usage: month-fill FILE THOUSANDTHS STEPS\n");
        return 64;
    }
    options.path = argv[1];
    options.thousandths = atol(argv[2]);
    options.steps = atoi(argv[3]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
