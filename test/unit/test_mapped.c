#include "adapter/mapped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/xml.h"
#include "lib/fake_mapped.h"

#define FIELDS                                                                                     \
    "dossier { code = \"/MaHoSo\"\n status = \"/TrangThai\"\n changed = \"/Ngay\"\n"               \
    " applicant_name = \"/Ten\" }\n"                                                               \
    "step { rows = \"/TienDo\"\n key = \"/id\"\n at = \"/luc\"\n status = \"/tt\" }\n"
#define HEAD                                                                                       \
    "title = \"t\"\nformat = json\nnational_status = yes\nid = {\"/MaHoSo\"}\n"                    \
    "changed = \"/Ngay\"\ndates = {\"yyyyMMddHHmmss\"}\n"
#define LIST_OFFSET                                                                                \
    "cursor { style = since\n overlap = 10m }\n"                                                   \
    "call list { url = \"{url}/list?tu={since|yyyyMMddHHmmss}&page={page}&size={size}\"\n"         \
    " ok = \"/code\"\n ok_values = {\"0\"}\n auth_values = {\"9\"}\n words = \"/msg\"\n"           \
    " rows = \"/data\"\n total = \"/total\" }\n"
#define ROW(n, when)                                                                               \
    "{\"MaHoSo\":\"000.00.00.H00-261110-000" n "\",\"TrangThai\":\"4\",\"Ngay\":\"" when           \
    "\",\"Ten\":\"Nguyen Van A\",\"TienDo\":[{\"id\":\"s" n "\",\"luc\":\"" when                   \
    "\",\"tt\":\"4\"}]}"
#define REPLY(rows, total) "{\"code\":0,\"total\":" total ",\"data\":[" rows "]}"

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fake_mapped));
    return *state == NULL;
}

static int teardown(void **state)
{
    fake_mapped_close(*state);
    free(*state);
    return 0;
}

static void rows_of_a_list_are_records_with_steps(void **state)
{
    struct fake_mapped *rig = *state;
    size_t calls;

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LIST_OFFSET FIELDS);
    fake_mapped_once(rig, "/list?tu=2025111014", 200,
                     REPLY(ROW("1", "20251119080000") "," ROW("2", "20251119090000"), "2"));
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_int_equal(rig->n_rows, 2);
    assert_string_equal(rig->ids[1], "000.00.00.H00-261110-0002");
    assert_false(rig->more);
    assert_true(rig->full_done);
    calls = fake_http_count(rig->http);
    assert_int_equal(fake_mapped_detail(rig, rig->ids[0]), 0);
    assert_int_equal(rig->n_records, 2);
    assert_non_null(strstr(rig->body, "H00-261110-0001"));
    assert_non_null(strstr(rig->step, "s1"));
    assert_int_equal(fake_http_count(rig->http), calls); /* nothing was asked for it */
    /* the next poll begins 10 minutes before the newest change */
    fake_mapped_once(rig, "/list?tu=20251119085000", 200, REPLY("", "0"));
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_int_equal(rig->n_rows, 0);
    assert_int_equal(fake_http_unexpected(rig->http), 0);
}

static void an_owed_row_is_shown_under_another_hash(void **state)
{
    struct fake_mapped *rig = *state;
    uint8_t before[RECORD_HASH_BYTES];

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LIST_OFFSET FIELDS);
    fake_mapped_always(rig, "/list", REPLY(ROW("1", "20251119080000"), "1"));
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    memcpy(before, rig->hashes[0], sizeof(before));
    fake_mapped_restart(rig);
    assert_int_equal(fake_mapped_detail(rig, "000.00.00.H00-261110-0001"), ERR_STATE);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_memory_not_equal(before, rig->hashes[0], sizeof(before));
    assert_int_equal(fake_mapped_detail(rig, rig->ids[0]), 0);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_memory_equal(before, rig->hashes[0], sizeof(before));
}

static void a_corrected_preset_makes_every_row_new(void **state)
{
    struct fake_mapped *rig = *state;
    uint8_t before[RECORD_HASH_BYTES];
    FILE *file;

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LIST_OFFSET FIELDS);
    fake_mapped_always(rig, "/list", REPLY(ROW("1", "20251119080000"), "1"));
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    memcpy(before, rig->hashes[0], sizeof(before));
    assert_int_equal(fake_mapped_poll(rig, true), 0);
    assert_memory_equal(before, rig->hashes[0], sizeof(before));
    file = fopen(rig->preset, "a");
    assert_non_null(file);
    assert_true(fputs("# corrected\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    fake_mapped_restart(rig);
    assert_int_equal(fake_mapped_poll(rig, true), 0);
    assert_memory_not_equal(before, rig->hashes[0], sizeof(before));
}

static void a_crash_between_pages_reads_the_unread_ones(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD
                     "auth { kind = none }\n"
                     "cursor { style = since\n size = 1 }\n"
                     "call list { url = \"{url}/list?page={page}&tu={since}\"\n rows = \"/data\"\n"
                     " total = \"/total\" }\n" FIELDS);
    fake_mapped_always(rig, "page=0", REPLY(ROW("1", "20251119080000"), "2"));
    fake_mapped_once(rig, "page=1", 500, "");
    fake_mapped_always(rig, "page=1", REPLY(ROW("2", "20251119090000"), "2"));
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_true(rig->more);
    assert_int_equal(fake_mapped_poll(rig, false), ERR_REMOTE);
    fake_mapped_restart(rig);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(rig->ids[0], "000.00.00.H00-261110-0002");
    assert_false(rig->more);
    assert_true(rig->full_done);
}

/* What a poller may take without asking the journal first. */
static void only_a_first_reading_says_that_all_is_new(void **state)
{
    static const struct {
        const char *preset;
        bool first;
    } rows[] = {{"cursor { style = since\n size = 1 }\n", true},
                {"cursor { style = full }\n", false}};
    struct fake_mapped *rig = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char preset[1024];

        (void)snprintf(
            preset, sizeof(preset), "%sauth { kind = none }\n%s%s%s", HEAD, rows[i].preset,
            "call list { url = \"{url}/list?page={page}&tu={since}\"\n rows = \"/data\"\n"
            " total = \"/total\" }\n",
            FIELDS);
        if (i > 0) {
            fake_mapped_close(rig);
        }
        fake_mapped_open(rig, preset);
        fake_mapped_always(rig, "page=0", REPLY(ROW("1", "20251119080000"), "2"));
        fake_mapped_always(rig, "page=1", REPLY(ROW("2", "20251119090000"), "2"));
        assert_int_equal(fake_mapped_poll(rig, false), 0);
        assert_int_equal(rig->first_reading, rows[i].first);
        while (rig->more) {
            assert_int_equal(fake_mapped_poll(rig, false), 0);
            assert_int_equal(rig->first_reading, rows[i].first);
        }
        assert_int_equal(fake_mapped_poll(rig, true), 0);
        assert_false(rig->first_reading);
    }
}

static void more_than_a_thousand_rows_come_in_pages(void **state)
{
    struct fake_mapped *rig = *state;
    char *body = malloc(1 << 20);
    size_t n = 0;
    char last[600];

    assert_non_null(body);
    fake_mapped_open(rig, HEAD "auth { kind = none }\ncursor { style = full }\n"
                               "call list { url = \"{url}/list\" }\n" FIELDS);
    for (int i = 0; i < 2500; i++) {
        n +=
            (size_t)snprintf(body + n, (1 << 20) - n,
                             "%s{\"MaHoSo\":\"000.00.00.H00-261110-%04d\"}", i == 0 ? "[" : ",", i);
    }
    snprintf(body + n, (1 << 20) - n, "]");
    fake_mapped_always(rig, "/list", body);
    for (size_t page = 0; page < 3; page++) {
        assert_int_equal(fake_mapped_poll(rig, false), 0);
        assert_int_equal(rig->n_rows, page < 2 ? 1000 : 500);
        assert_int_equal(rig->more, page < 2);
        assert_int_equal(rig->full_done, page == 2);
        assert_int_equal(fake_http_count(rig->http), 1);
        snprintf(last, sizeof(last), "%s", rig->ids[rig->n_rows - 1]);
        assert_int_equal(fake_mapped_detail(rig, last), 0);
    }
    assert_string_equal(last, "000.00.00.H00-261110-2499");
    free(body);
}

static void trouble_is_told_apart(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LIST_OFFSET FIELDS);
    fake_mapped_once(rig, "/list", 503, "");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_REMOTE);
    fake_mapped_once(rig, "/list", 302, "");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_CONFIG); /* no refused login */
    assert_non_null(strstr(rig->why, "redirect"));
    fake_mapped_once(rig, "/list", 200, "{\"code\":7,\"msg\":\"so 000123456789 sai\"}");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_REMOTE);
    assert_non_null(strstr(rig->why, "refused: so *** sai"));
    fake_mapped_once(rig, "/list", 200, "{\"code\":");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_FORMAT);
    assert_non_null(strstr(rig->why, ".preset:"));
    assert_non_null(strstr(rig->why, "byte"));
    fake_mapped_once(rig, "/list", 404, "");
    assert_int_equal(fake_mapped_poll(rig, false), ERR_REMOTE);
    assert_non_null(strstr(rig->why, ".preset:")); /* which call has the wrong address */
    assert_non_null(strstr(rig->why, "HTTP status 404"));
    fake_http_once(rig->http, (struct fake_http_match){0},
                   (struct fake_http_answer){.result = HTTP_TRUST});
    assert_int_equal(fake_mapped_poll(rig, false), ERR_CONFIG);
    fake_http_refuse(rig->http, true);
    assert_int_equal(fake_mapped_poll(rig, false), ERR_REMOTE);
    fake_http_refuse(rig->http, false);
}

static void a_time_in_an_address_keeps_its_zone(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig,
                     HEAD "auth { kind = none }\ncursor { style = since }\n"
                          "call list { url = \"{url}/list?tu={since}&b={since|yyyy-MM-dd HH}\"\n"
                          " rows = \"/data\" }\n" FIELDS);
    fake_mapped_always(rig, "/list", "{\"data\":[]}");
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_non_null(strstr(fake_http_request(rig->http, 0)->url, "%2B07:00&b="));
    assert_null(strchr(fake_http_request(rig->http, 0)->url, ' '));
}

static void it_waits_as_long_as_the_source_asks(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LIST_OFFSET FIELDS);
    fake_http_once(rig->http, (struct fake_http_match){0},
                   (struct fake_http_answer){.status = 429, .retry_after_s = 60});
    fake_mapped_always(rig, "/list", REPLY("", "0"));
    assert_int_equal(fake_mapped_poll(rig, false), ERR_REMOTE);
    assert_non_null(strstr(rig->why, "429"));
    assert_int_equal(fake_mapped_poll(rig, false), ERR_REMOTE);
    assert_int_equal(fake_http_count(rig->http), 1);
    fake_loop_advance(&rig->loop, 60000);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
}

static void a_row_without_id_is_counted_and_left_out(void **state)
{
    struct fake_mapped *rig = *state;
    struct adapter_note notes[ADAPTER_NOTES_MAX];
    size_t n;
    uint64_t refused = 0;

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LIST_OFFSET FIELDS);
    fake_mapped_once(rig, "/list", 200, REPLY("{\"x\":1}," ROW("1", "20251119080000"), "2"));
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_int_equal(rig->n_rows, 1);
    n = rig->a->ops->notes(rig->a, notes);
    for (size_t i = 0; i < n; i++) {
        refused += strcmp(notes[i].name, "rows_refused") == 0 ? notes[i].value : 0;
    }
    assert_int_equal(refused, 1);
    assert_non_null(strstr(rig->logged, "rows_refused"));
}

/* ---- detail, steps, ack ---- */

static void details_and_steps_may_have_calls_of_their_own(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(
        rig,
        HEAD "auth { kind = none }\ncursor { style = full }\ncall list { url = \"{url}/list\" }\n"
             "call detail { url = \"{url}/one/{id|url}\"\n rows = \"/d\"\n one_row = yes }\n"
             "call steps { url = \"{url}/steps/{id|url}\"\n rows = \"/s\" }\n"
             "dossier { code = \"/MaHoSo\"\n status = \"/TrangThai\" }\n"
             "step { key = \"/id\"\n at = \"/luc\"\n status = \"/tt\" }\n");
    fake_mapped_always(rig, "/one/a%2F1", "{\"d\":" ROW("1", "20251119080000") "}");
    fake_mapped_always(rig, "/steps/a%2F1",
                       "{\"s\":[{\"id\":\"x\",\"luc\":\"20251119080000\",\"tt\":\"4\"}]}");
    fake_mapped_once(rig, "/one/b", 404, "");
    fake_mapped_once(rig, "/one/c", 200, "{\"d\":null}");
    assert_int_equal(fake_mapped_detail(rig, "a/1"), 0);
    assert_int_equal(rig->n_records, 2);
    assert_non_null(strstr(rig->step, "\"x\""));
    assert_int_equal(fake_mapped_detail(rig, "b"), ERR_NOTFOUND);
    assert_int_not_equal(fake_mapped_detail(rig, "c"), 0);
}

static void a_record_that_can_not_be_mapped_names_preset_and_field(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LIST_OFFSET FIELDS);
    fake_mapped_once(rig, "/list", 200,
                     REPLY("{\"MaHoSo\":\"000.00.00.H00-261110-0001\",\"Ngay\":\"20251119080000\","
                           "\"TienDo\":[{\"id\":\"1\",\"luc\":\"gestern\"}]}",
                           "1"));
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_int_equal(fake_mapped_detail(rig, rig->ids[0]), ERR_FORMAT);
    assert_non_null(strstr(rig->why, ".preset"));
    assert_non_null(strstr(rig->why, "at"));
}

#define QUEUE                                                                                      \
    HEAD "auth { kind = none }\nack_batch = 2\ncursor { style = ack }\n"                           \
         "call list { url = \"{url}/list\" }\n"                                                    \
         "call ack { url = \"{url}/ack\"\n body = \"{ids|json}\"\n ok = \"/code\"\n"               \
         " ok_values = {\"0\"}\n words = \"/msg\" }\n" FIELDS

static void rows_are_acknowledged_in_chunks(void **state)
{
    static const char *const ids[] = {"a", "b", "c\"d"};
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, QUEUE);
    assert_true((rig->a->caps & ADAPTER_ACK) != 0);
    fake_mapped_always(rig, "/ack", "{\"code\":0}");
    assert_int_equal(fake_mapped_ack(rig, ids, 3), 0);
    assert_int_equal(fake_http_count(rig->http), 2);
    assert_string_equal(fake_http_request(rig->http, 0)->body, "[\"a\",\"b\"]");
    assert_string_equal(fake_http_request(rig->http, 1)->body, "[\"c\\\"d\"]");
    assert_int_equal(fake_mapped_ack(rig, ids, 0), 0);
}

static void a_queue_whose_rows_stay_is_not_asked_again_at_once(void **state)
{
    static const char *const ids[] = {"000.00.00.H00-261110-0001"};
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, QUEUE);
    fake_mapped_always(rig, "/list", "[" ROW("1", "20251119080000") "]");
    fake_mapped_once(rig, "/ack", 200, "{\"code\":3,\"msg\":\"khong duoc\"}");
    fake_mapped_always(rig, "/ack", "{\"code\":0}");
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_true(rig->more);
    assert_int_equal(fake_mapped_ack(rig, ids, 1), ERR_REMOTE);
    assert_string_equal(rig->why, "refused: khong duoc");
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_int_equal(rig->n_rows, 1);
    assert_false(rig->more);
    assert_string_equal(rig->cursor, "");
    assert_int_equal(fake_mapped_ack(rig, ids, 1), 0);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_true(rig->more); /* the queue has moved on: whatever it shows now is news */
}

/* ---- life ---- */

static void cancel_ends_what_is_in_flight(void **state)
{
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LIST_OFFSET
                               "call detail { url = \"{url}/one/{id}\" }\n" FIELDS);
    fake_http_always(rig->http, (struct fake_http_match){0},
                     (struct fake_http_answer){.hold = true});
    rig->a->ops->cancel(rig->a); /* nothing: harmless */
    fake_mapped_begin_poll(rig);
    fake_loop_turn(&rig->loop);
    fake_mapped_begin_detail(rig, "a");
    rig->a->ops->cancel(rig->a);
    assert_int_equal(rig->polled + rig->detailed, 0);
    fake_loop_settle(&rig->loop);
    assert_int_equal(rig->polled, 1);
    assert_int_equal(rig->detailed, 1);
    assert_int_equal(rig->poll_req.err, ERR_CANCELED);
    assert_int_equal(rig->detail_req.err, ERR_CANCELED);
}

static void a_reload_is_taken_over(void **state)
{
    struct fake_mapped *rig = *state;
    struct errmsg msg = {""};

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LIST_OFFSET FIELDS);
    fake_mapped_always(rig, "http://neu.example.vn/list", REPLY(ROW("1", "20251119080000"), "1"));
    rig->config.sources[0].url = "http://neu.example.vn";
    rig->config.sources[0].rank = 2;
    assert_int_equal(rig->a->ops->reconfigure(rig->a, &rig->config, &msg), 0);
    assert_int_equal(rig->a->rank, 2);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    rig->config.n_sources = 0;
    assert_int_equal(rig->a->ops->reconfigure(rig->a, &rig->config, &msg), ERR_CONFIG);
    rig->config.n_sources = 1;
}

/* ---- long replies ---- */

/* row has a '#' where its number stands */
static char *long_reply(const char *head, const char *row, const char *tail, int n)
{
    size_t size = strlen(head) + strlen(tail) + (size_t)n * (strlen(row) + 16) + 1;
    char *text = malloc(size);
    size_t len;

    assert_non_null(text);
    len = (size_t)snprintf(text, size, "%s", head);
    for (int i = 0; i < n; i++) {
        len += (size_t)snprintf(text + len, size - len, i > 0 && row[0] == '{' ? "," : "");
        len += (size_t)snprintf(text + len, size - len, "%.*s%07d%s", (int)strcspn(row, "#"), row,
                                i, strchr(row, '#') + 1);
    }
    snprintf(text + len, size - len, "%s", tail);
    return text;
}

static void read_long(struct fake_mapped *rig, int n, size_t *pages)
{
    int seen = 0;

    *pages = 0;
    do {
        char expected[64];

        assert_int_equal(fake_mapped_poll(rig, false), 0);
        assert_true(rig->n_rows <= 1000);
        for (size_t i = 0; i < rig->n_rows; i++) {
            snprintf(expected, sizeof(expected), "000.00.00.H00-261110-%07d", seen++);
            assert_string_equal(rig->ids[i], expected);
        }
        if (rig->n_rows > 0) {
            snprintf(expected, sizeof(expected), "%s", rig->ids[rig->n_rows / 2]);
            assert_int_equal(fake_mapped_detail(rig, expected), 0);
            assert_non_null(strstr(rig->body, expected));
        }
        assert_int_equal(rig->full_done, !rig->more);
        (*pages)++;
    } while (rig->more);
    assert_int_equal(seen, n);
    assert_int_equal(fake_http_count(rig->http), 1);
}

#define LONG_LIST                                                                                  \
    "cursor { style = full }\ncall list { url = \"{url}/list\"\n ok = \"/code\"\n"                 \
    " ok_values = {\"0\"}\n rows = \"/data\" }\n"
#define LONG_ROW                                                                                   \
    "{\"MaHoSo\":\"000.00.00.H00-261110-#\",\"TrangThai\":\"4\",\"Ngay\":\"20251119080000\","      \
    "\"Ten\":\"Nguyen Van A\",\"x\":\"................................................\"}"

static void a_long_json_reply_comes_page_by_page(void **state)
{
    struct fake_mapped *rig = *state;
    char *text = long_reply("{\"code\":0,\"data\":[", LONG_ROW, "]}", 12345);
    size_t pages;

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LONG_LIST FIELDS);
    fake_mapped_always(rig, "/list", text);
    free(text);
    read_long(rig, 12345, &pages);
    assert_true(pages > 12);
}

static void a_long_xml_reply_comes_page_by_page(void **state)
{
    struct fake_mapped *rig = *state;
    char *text = long_reply("<r xmlns='urn:q'><code>0</code><list>",
                            "<ho><MaHoSo>000.00.00.H00-261110-#</MaHoSo><TrangThai>4</TrangThai>"
                            "<x>...................................................</x></ho>\n",
                            "</list></r>", 12345);
    size_t pages;

    fake_mapped_open(rig,
                     "title = \"t\"\nformat = xml\nnational_status = yes\n"
                     "namespaces { q = \"urn:q\" }\nid = {\"q:MaHoSo\"}\nauth { kind = none }\n"
                     "cursor { style = full }\n"
                     "call list { url = \"{url}/list\"\n ok = \"/q:r/q:code\"\n"
                     " ok_values = {\"0\"}\n rows = \"/q:r/q:list/q:ho\" }\n"
                     "dossier { code = \"q:MaHoSo\"\n status = \"q:TrangThai\" }\n");
    fake_mapped_always(rig, "/list", text);
    free(text);
    read_long(rig, 12345, &pages);
}

static void a_long_reply_that_fails_moves_nothing(void **state)
{
    static const char *const tails[] = {"]}", "", "],\"x\":1}", "{]}"};
    struct fake_mapped *rig = *state;

    fake_mapped_open(rig,
                     HEAD "auth { kind = none }\n"
                          "cursor { style = since }\ncall list { url = \"{url}/list?tu={since}\"\n"
                          " ok = \"/code\"\n ok_values = {\"0\"}\n rows = \"/data\" }\n" FIELDS);
    for (size_t i = 0; i < 4; i++) {
        char *text = long_reply(i == 0 ? "{\"code\":5,\"data\":[" : "{\"code\":0,\"data\":[",
                                LONG_ROW, tails[i], 8000);

        fake_mapped_once(rig, "/list", 200, text);
        free(text);
        do {
            (void)fake_mapped_poll(rig, false);
        } while (rig->err == 0 && rig->more);
        assert_int_equal(rig->err == 0, i == 2);
        if (i < 2) {
            assert_string_equal(rig->cursor, "");
        }
    }
}

static void a_long_reply_may_be_given_up(void **state)
{
    struct fake_mapped *rig = *state;
    char *text = long_reply("{\"code\":0,\"data\":[", LONG_ROW, "]}", 20000);

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LONG_LIST FIELDS);
    fake_mapped_always(rig, "/list", text);
    free(text);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_true(rig->more);
    rig->a->ops->cancel(rig->a);
    fake_loop_settle(&rig->loop);
    assert_int_equal(fake_http_in_flight(rig->http), 0);
    assert_int_equal(fake_mapped_poll(rig, false), 0); /* anew, from its begin */
    assert_string_equal(rig->ids[0], "000.00.00.H00-261110-0000000");
    assert_int_equal(fake_http_count(rig->http), 2);
}

/* While the records of one page are taken in, and not only once the next one is asked for. */
static void the_next_page_of_a_long_reply_is_read_ahead(void **state)
{
    struct fake_mapped *rig = *state;
    char *text = long_reply("{\"code\":0,\"data\":[", LONG_ROW, "]}", 20000);

    fake_mapped_open(rig, HEAD "auth { kind = none }\n" LONG_LIST FIELDS);
    fake_mapped_always(rig, "/list", text);
    free(text);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(rig->ids[0], "000.00.00.H00-261110-0000000");
    fake_loop_settle(&rig->loop);
    rig->loop.hold_work = true;
    /* What the first page had beyond a thousand, and the one ahead of it. */
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_true(rig->n_rows < 1000);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_int_equal(rig->n_rows, 1000);
    /* It may be given up with a worker on the page behind. */
    rig->a->ops->cancel(rig->a);
    fake_loop_settle(&rig->loop);
    rig->loop.hold_work = false;
    fake_loop_settle(&rig->loop);
    assert_int_equal(fake_http_in_flight(rig->http), 0);
    assert_int_equal(fake_mapped_poll(rig, false), 0);
    assert_string_equal(rig->ids[0], "000.00.00.H00-261110-0000000");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(rows_of_a_list_are_records_with_steps),
        T(an_owed_row_is_shown_under_another_hash),
        T(a_corrected_preset_makes_every_row_new),
        T(a_crash_between_pages_reads_the_unread_ones),
        T(only_a_first_reading_says_that_all_is_new),
        T(more_than_a_thousand_rows_come_in_pages),
        T(trouble_is_told_apart),
        T(a_time_in_an_address_keeps_its_zone),
        T(it_waits_as_long_as_the_source_asks),
        T(a_row_without_id_is_counted_and_left_out),
        T(details_and_steps_may_have_calls_of_their_own),
        T(a_record_that_can_not_be_mapped_names_preset_and_field),
        T(rows_are_acknowledged_in_chunks),
        T(a_queue_whose_rows_stay_is_not_asked_again_at_once),
        T(cancel_ends_what_is_in_flight),
        T(a_reload_is_taken_over),
        T(a_long_json_reply_comes_page_by_page),
        T(a_long_xml_reply_comes_page_by_page),
        T(a_long_reply_that_fails_moves_nothing),
        T(a_long_reply_may_be_given_up),
        T(the_next_page_of_a_long_reply_is_read_ahead),
    };
#undef T
    int failed;

    xml_init();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xml_cleanup();
    return failed;
}
