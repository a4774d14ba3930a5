/* counts: the two ends of a delivery without a process, a network or a clock, for counting
 * instructions (counts.sh). One thread; the same work at every run.
 *
 *   counts --conf FILE --rows FILE [--count N]
 *
 * Source: pages of the feed, PAGE rows each, through the mapped adapter and the configuration's
 * preset into records, one detail a row, each judged by the portal's adapter as before it is
 * stored. Sink: these records sent, IN_FLIGHT at a time, to a portal that accepts. What is to be
 * counted runs in count_source and count_sink alone. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "base/arena.h"
#include "bench/records.h"
#include "lib/fake_http.h"
#include "lib/fake_loop.h"

#define PAGE 500
#define IN_FLIGHT 16
#define CODE_SIZE 40
#define ROW_HEAD "{\"MaHoSo\":\""
#define WALL_MS INT64_C(1795369896000) /* after the newest row */
#define TEXTS_MAX (64u << 20)          /* of the records that the sink gets */
#define ACCEPTED "{\"error_code\":\"0\",\"message\":\"Đồng bộ hồ sơ thành công\"}"
#define LOGGED_IN "{\"error_code\":\"0\",\"session\":\"0f8fad5b-d9cb-469f-a165-70867728950e\"}"

struct world {
    struct fake_loop loop;
    struct fake_http *http;
    struct config *config;
    struct metrics *metrics;
    struct log log;
    struct adapter_env env;
    struct adapter *source, *sink;
    struct records rows; /* over and over, each with a code of its own */
    size_t count;
    struct arena arena;
    struct record *records; /* [count] what came of the rows */
    size_t n_records;
    struct adapter_poll poll;
    char (*ids)[CODE_SIZE]; /* [PAGE] of the page */
    size_t n_ids;
    char cursor[256];
    struct adapter_detail detail;
    struct adapter_send sends[IN_FLIGHT];
    size_t n_sent; /* and answered */
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "counts: %s: %s\n", what, why);
    exit(1);
}

static void quiet(void *ctx, enum log_level level, const char *event, const char *message,
                  const struct log_field *fields, size_t n)
{
    (void)ctx;
    (void)level;
    (void)event;
    (void)message;
    (void)fields;
    (void)n;
}

/* ---- the two peers ---- */

static void put_row(struct world *w, struct buf *out, size_t i)
{
    const struct record_line *line = &w->rows.lines[i % w->rows.n];
    const char *rest = memchr(line->text + sizeof(ROW_HEAD) - 1, '"', line->len);
    char code[CODE_SIZE];

    (void)snprintf(code, sizeof(code), "H56.31.%02zu-261025-%07zu", i % 97, i);
    buf_puts(out, ROW_HEAD);
    buf_puts(out, code);
    buf_put(out, rest, line->len - (size_t)(rest - line->text));
}

static void feed_page(struct world *w, const char *url, struct buf *out)
{
    const char *at = strstr(url, "offset=");
    size_t from = at != NULL ? (size_t)strtoull(at + sizeof("offset=") - 1, NULL, 10) : 0;
    char tail[40];

    buf_puts(out, "{\"rows\":[");
    for (size_t i = from; i < w->count && i < from + PAGE; i++) {
        buf_puts(out, i > from ? "," : "");
        put_row(w, out, i);
    }
    (void)snprintf(tail, sizeof(tail), "],\"total\":%zu}", w->count);
    buf_puts(out, tail);
}

/* The body is copied by the fake, so the last one can go when the next is made. */
static bool respond(void *ctx, const struct fake_http_request *request,
                    struct fake_http_answer *answer)
{
    static struct buf page;
    struct world *w = ctx;

    if (strstr(request->url, "/feed") == NULL) {
        answer->body = strstr(request->url, "/login") != NULL ? LOGGED_IN : ACCEPTED;
        return true;
    }
    buf_free(&page);
    buf_init(&page, 8u << 20);
    feed_page(w, request->url, &page);
    answer->body = page.data;
    answer->body_len = page.len;
    return true;
}

/* ---- the source ---- */

static void polled(struct adapter_poll *poll)
{
    struct world *w = CONTAINER_OF(poll, struct world, poll);

    if (poll->err != 0 || poll->n_rows > PAGE) {
        die("a page", poll->why.text);
    }
    w->n_ids = poll->n_rows;
    for (size_t i = 0; i < poll->n_rows; i++) {
        (void)snprintf(w->ids[i], sizeof(w->ids[i]), "%s", poll->rows[i].id);
    }
    (void)snprintf(w->cursor, sizeof(w->cursor), "%s", poll->next_cursor);
}

static void detailed(struct adapter_detail *detail)
{
    struct world *w = CONTAINER_OF(detail, struct world, detail);
    struct adapter_check check = {.record = detail->records};
    struct record *kept = &w->records[w->n_records];

    if (detail->err != 0) {
        die("a record", detail->why.text);
    }
    w->sink->ops->check(w->sink, &check);
    if (check.err != 0 || check.hold != HOLD_NONE) {
        die("a record", check.reason);
    }
    kept->kind = RECORD_DOSSIER;
    kept->code = arena_strdup(&w->arena, detail->records[0].code);
    kept->local_no = kept->step_key = "";
    kept->body_len = detail->records[0].body_len;
    kept->body = arena_strndup(&w->arena, detail->records[0].body, kept->body_len);
    if (kept->code == NULL || kept->body == NULL) {
        die("a record", "out of memory");
    }
    w->n_records++;
}

static __attribute__((noinline)) void count_source(struct world *w)
{
    char cursor[sizeof(w->cursor)];

    do {
        memcpy(cursor, w->cursor, sizeof(cursor));
        w->poll = (struct adapter_poll){.kind = RECORD_DOSSIER, .cursor = cursor, .done = polled};
        w->source->ops->poll(w->source, &w->poll);
        fake_loop_settle(&w->loop);
        for (size_t i = 0; i < w->n_ids; i++) {
            w->detail =
                (struct adapter_detail){.kind = RECORD_DOSSIER, .id = w->ids[i], .done = detailed};
            w->source->ops->detail(w->source, &w->detail);
            fake_loop_settle(&w->loop);
        }
    } while (w->poll.more);
}

/* ---- the sink ---- */

static void sent(struct adapter_send *send)
{
    if (send->outcome.class != OUTCOME_DONE) {
        die("a call", send->outcome.words);
    }
}

static __attribute__((noinline)) void count_sink(struct world *w)
{
    while (w->n_sent < w->n_records) {
        size_t n = w->n_records - w->n_sent < IN_FLIGHT ? w->n_records - w->n_sent : IN_FLIGHT;

        for (size_t i = 0; i < n; i++) {
            const struct record *record = &w->records[w->n_sent + i];

            w->sends[i] = (struct adapter_send){.kind = RECORD_DOSSIER,
                                                .code = record->code,
                                                .records = record,
                                                .n_records = 1,
                                                .done = sent};
            w->sink->ops->send(w->sink, &w->sends[i]);
        }
        fake_loop_settle(&w->loop);
        w->n_sent += n;
    }
}

/* ---- start ---- */

static void begin(struct world *w, const char *conf, const char *rows)
{
    static struct config_faults faults;
    struct errmsg msg = {""};

    fake_loop_init(&w->loop);
    w->loop.wall_ms = WALL_MS;
    w->http = fake_http_new(&w->loop.loop);
    fake_http_respond(w->http, respond, w);
    w->metrics = metrics_new();
    w->log = (struct log){.level = LOG_LEVEL_NOTICE, .write = quiet};
    arena_init(&w->arena, TEXTS_MAX);
    w->records = calloc(w->count, sizeof(*w->records));
    w->ids = calloc(PAGE, sizeof(*w->ids));
    if (w->records == NULL || w->ids == NULL || records_open(&w->rows, rows, 0) != 0) {
        die(rows, "no rows");
    }
    if (config_load(conf, &w->config, &faults) != 0) {
        die(conf, faults.texts[0]);
    }
    w->env = (struct adapter_env){.loop = &w->loop.loop,
                                  .http = fake_http_client(w->http),
                                  .log = &w->log,
                                  .metrics = w->metrics,
                                  .config = w->config};
    if (adapter_open(&w->env, "feed", &w->source, &msg) != 0 ||
        adapter_open(&w->env, "portal", &w->sink, &msg) != 0) {
        die(conf, msg.text);
    }
}

static void end(struct world *w)
{
    w->source->ops->free(w->source);
    w->sink->ops->free(w->sink);
    fake_loop_settle(&w->loop);
    fake_http_free(w->http);
    config_free(w->config);
    metrics_free(w->metrics);
    records_close(&w->rows);
    arena_free(&w->arena);
    free(w->records);
    free(w->ids);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"conf", required_argument, NULL, 'c'},
                                            {"rows", required_argument, NULL, 'r'},
                                            {"count", required_argument, NULL, 'n'},
                                            {NULL, 0, NULL, 0}};
    struct world w = {.count = 1000};
    const char *conf = NULL;
    const char *rows = NULL;
    int opt = getopt_long(argc, argv, "", options, NULL);

    for (; opt != -1 && opt != '?'; opt = getopt_long(argc, argv, "", options, NULL)) {
        conf = opt == 'c' ? optarg : conf;
        rows = opt == 'r' ? optarg : rows;
        w.count = opt == 'n' ? (size_t)strtoull(optarg, NULL, 10) : w.count;
    }
    if (opt == '?' || optind != argc || conf == NULL || rows == NULL || w.count == 0) {
        fputs("usage: counts --conf FILE --rows FILE [--count N]\n", stderr);
        return 64;
    }
    begin(&w, conf, rows);
    count_source(&w);
    count_sink(&w);
    printf("{\"records\":%zu,\"calls\":%zu}\n", w.n_records, w.n_sent);
    end(&w);
    return 0;
}
