#include "lib/fake_mapped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/preset.h"

static void note(void *ctx, enum log_level level, const char *event, const char *message,
                 const struct log_field *fields, size_t n)
{
    struct fake_mapped *rig = ctx;
    size_t len = strlen(rig->logged);

    (void)level;
    (void)fields;
    (void)n;
    snprintf(rig->logged + len, sizeof(rig->logged) - len, "%s: %s\n", event, message);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file;

    unlink(path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void configure(struct fake_mapped *rig)
{
    struct config_list params = rig->config.sources[0].params;

    rig->config.sources[0] = (struct config_source){
        .name = "onestop",
        .profile = "mapped",
        .url = FAKE_MAPPED_URL,
        .preset = rig->preset,
        .params = params,
        .format = "json",
        .username = "sync",
        .password_credential = "",
        .password_file = rig->secret,
        .poll_every_ms = 30000,
        .sweep_every_ms = 300000,
        .slow_sweep_every_ms = 3600000,
        .full_sweep_at = "",
        .page_size = 10,
        .max_in_flight = 4,
        .connect_timeout_ms = 5000,
        .request_timeout_ms = 30000,
        .stall_timeout_ms = 10000,
        .reply_limit_bytes = 32 << 20,
        .allow_plaintext = true,
    };
    rig->config.n_sources = 1;
    rig->config.flows[0] = (struct config_flow){.name = "dossiers",
                                                .kind = FLOW_DOSSIERS,
                                                .from = "onestop",
                                                .to = "portal",
                                                .start_from_s = FAKE_LOOP_WALL_MS / 1000 - 864000};
    rig->config.n_flows = 1;
}

static void load(struct fake_mapped *rig, const char *path)
{
    struct config_faults *faults = calloc(1, sizeof(*faults));
    struct config_source *source = &rig->config.sources[0];

    assert_non_null(faults);
    if (preset_load(path, &source->params, &source->loaded_preset, faults) != 0) {
        fail_msg("%s", faults->texts[0]);
    }
    free(faults);
}

static void begin(struct fake_mapped *rig, const char *path)
{
    struct errmsg msg = {""};

    load(rig, path);
    rig->env = (struct adapter_env){.loop = &rig->loop.loop,
                                    .http = fake_http_client(rig->http),
                                    .log = &rig->log,
                                    .config = &rig->config};
    if (mapped_open(&rig->env, &rig->config.sources[0], &rig->a, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
}

static void prepare(struct fake_mapped *rig)
{
    fake_loop_init(&rig->loop);
    rig->http = fake_http_new(&rig->loop.loop);
    rig->log.level = LOG_LEVEL_DEBUG;
    rig->log.write = note;
    rig->log.ctx = rig;
    snprintf(rig->secret, sizeof(rig->secret), "/tmp/fake_mapped.%d", (int)getpid());
    write_file(rig->secret, FAKE_MAPPED_SECRET, 0400);
    configure(rig);
}

void fake_mapped_open(struct fake_mapped *rig, const char *text)
{
    snprintf(rig->preset, sizeof(rig->preset), "/tmp/fake_mapped.%d.preset", (int)getpid());
    write_file(rig->preset, text, 0600);
    prepare(rig);
    begin(rig, rig->preset);
}

void fake_mapped_open_file(struct fake_mapped *rig, const char *path)
{
    snprintf(rig->preset, sizeof(rig->preset), "%s", path);
    prepare(rig);
    begin(rig, path);
}

static void end(struct fake_mapped *rig)
{
    rig->a->ops->free(rig->a);
    fake_loop_settle(&rig->loop);
    preset_free(rig->config.sources[0].loaded_preset);
    rig->config.sources[0].loaded_preset = NULL;
}

void fake_mapped_close(struct fake_mapped *rig)
{
    end(rig);
    assert_true(fake_loop_idle(&rig->loop));
    fake_http_free(rig->http);
    assert_null(strstr(rig->logged, FAKE_MAPPED_SECRET));
    assert_null(strstr(rig->why, FAKE_MAPPED_SECRET));
    unlink(rig->secret);
    if (strncmp(rig->preset, "/tmp/", 5) == 0) {
        unlink(rig->preset);
    }
}

void fake_mapped_restart(struct fake_mapped *rig)
{
    end(rig);
    begin(rig, rig->preset);
}

/* ---- verbs ---- */

static void take_end(struct fake_mapped *rig, int err, const struct errmsg *why)
{
    rig->err = err;
    snprintf(rig->why, sizeof(rig->why), "%s", why->text);
}

static void polled(struct adapter_poll *poll)
{
    struct fake_mapped *rig = CONTAINER_OF(poll, struct fake_mapped, poll_req);

    rig->polled++;
    take_end(rig, poll->err, &poll->why);
    rig->n_rows = 0;
    if (poll->err != 0) {
        return;
    }
    assert_true(poll->n_rows <= FAKE_MAPPED_ROWS);
    rig->n_rows = poll->n_rows;
    for (size_t i = 0; i < poll->n_rows; i++) {
        snprintf(rig->ids[i], sizeof(rig->ids[i]), "%s", poll->rows[i].id);
        memcpy(rig->hashes[i], poll->rows[i].hash, RECORD_HASH_BYTES);
    }
    if (poll->next_cursor != NULL && poll->next_cursor[0] != '\0') {
        snprintf(rig->cursor, sizeof(rig->cursor), "%s", poll->next_cursor);
    }
    rig->more = poll->more;
    rig->full_done = poll->full_done;
    rig->first_reading = poll->first_reading;
}

static void wait_for(struct fake_mapped *rig, const int *count)
{
    int before = *count;

    for (int i = 0; i < 2000 && *count == before; i++) {
        fake_loop_advance(&rig->loop, 10);
    }
    assert_int_equal(*count, before + 1);
}

static void begin_poll(struct fake_mapped *rig, bool full)
{
    memcpy(rig->given, rig->cursor, sizeof(rig->given));
    memset(&rig->poll_req, 0, sizeof(rig->poll_req));
    rig->poll_req.cursor = rig->given;
    rig->poll_req.full = full;
    rig->poll_req.done = polled;
    rig->a->ops->poll(rig->a, &rig->poll_req);
}

void fake_mapped_begin_poll(struct fake_mapped *rig)
{
    begin_poll(rig, false);
}

int fake_mapped_poll(struct fake_mapped *rig, bool full)
{
    begin_poll(rig, full);
    wait_for(rig, &rig->polled);
    return rig->err;
}

static void detailed(struct adapter_detail *detail)
{
    struct fake_mapped *rig = CONTAINER_OF(detail, struct fake_mapped, detail_req);

    rig->detailed++;
    take_end(rig, detail->err, &detail->why);
    rig->n_records = detail->err == 0 ? detail->n_records : 0;
    rig->body[0] = '\0';
    rig->step[0] = '\0';
    if (rig->n_records > 0) {
        const struct record *last = &detail->records[rig->n_records - 1];

        snprintf(rig->body, sizeof(rig->body), "%.*s", (int)detail->records[0].body_len,
                 detail->records[0].body);
        snprintf(rig->step, sizeof(rig->step), "%.*s", (int)last->body_len, last->body);
    }
}

void fake_mapped_begin_detail(struct fake_mapped *rig, const char *id)
{
    memset(&rig->detail_req, 0, sizeof(rig->detail_req));
    rig->detail_req.kind = RECORD_DOSSIER;
    rig->detail_req.id = id;
    rig->detail_req.done = detailed;
    rig->a->ops->detail(rig->a, &rig->detail_req);
}

int fake_mapped_detail(struct fake_mapped *rig, const char *id)
{
    fake_mapped_begin_detail(rig, id);
    wait_for(rig, &rig->detailed);
    return rig->err;
}

struct ack_request {
    struct adapter_ack ack;
    struct fake_mapped *rig;
};

static void acked(struct adapter_ack *ack)
{
    struct fake_mapped *rig = CONTAINER_OF(ack, struct ack_request, ack)->rig;

    rig->acked++;
    take_end(rig, ack->err, &ack->why);
}

int fake_mapped_ack(struct fake_mapped *rig, const char *const *ids, size_t n)
{
    struct ack_request request = {.ack = {.ids = ids, .n_ids = n, .done = acked}, .rig = rig};

    rig->a->ops->ack(rig->a, &request.ack);
    wait_for(rig, &rig->acked);
    return rig->err;
}

void fake_mapped_always(struct fake_mapped *rig, const char *url, const char *body)
{
    fake_http_always(rig->http, (struct fake_http_match){.url = url},
                     (struct fake_http_answer){.body = body});
}

void fake_mapped_once(struct fake_mapped *rig, const char *url, long status, const char *body)
{
    fake_http_once(rig->http, (struct fake_http_match){.url = url},
                   (struct fake_http_answer){.status = status, .body = body});
}
