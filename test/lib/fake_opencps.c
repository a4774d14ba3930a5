#include "lib/fake_opencps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter/opencps.h"

void fake_opencps_secret(struct fake_opencps *rig, const char *text)
{
    FILE *file;

    unlink(rig->secret);
    file = fopen(rig->secret, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(rig->secret, 0400), 0);
}

static void configure(struct fake_opencps *rig)
{
    struct config_source *source = &rig->config.sources[0];

    *source = (struct config_source){
        .name = "onestop",
        .profile = "opencps",
        .url = FAKE_OPENCPS_URL "/",
        .format = "json",
        .username = "sync",
        .password_credential = "",
        .password_file = rig->secret,
        .group_id = "20126",
        .file_url = "",
        .poll_every_ms = 30000,
        .sweep_every_ms = 300000,
        .slow_sweep_every_ms = 3600000,
        .full_sweep_at = "01:30",
        .page_size = 200,
        .max_in_flight = 4,
        .connect_timeout_ms = 5000,
        .request_timeout_ms = 30000,
        .stall_timeout_ms = 10000,
        .reply_limit_bytes = 32 << 20,
        .small_states = {{"waiting"}, 1},
        .big_states = {{"processing"}, 1},
        .ca_file = "",
        .crl_file = "",
        .pinned_key = "",
    };
    rig->config.n_sources = 1;
    rig->config.portal = (struct config_portal){.transport = "direct",
                                                .agency_code = "",
                                                .fields = "G3",
                                                .result_code_key = "MaGiayToKetQua"};
    rig->config.flows[0] = (struct config_flow){.name = "dossiers",
                                                .kind = FLOW_DOSSIERS,
                                                .from = "onestop",
                                                .to = "portal",
                                                .start_from_s = 1763600000};
    rig->config.n_flows = 1;
}

int fake_opencps_setup(void **state)
{
    struct fake_opencps *rig = calloc(1, sizeof(*rig));
    struct errmsg msg = {""};

    assert_non_null(rig);
    fake_loop_init(&rig->loop);
    rig->http = fake_http_new(&rig->loop.loop);
    snprintf(rig->secret, sizeof(rig->secret), "/tmp/fake_opencps.%d", (int)getpid());
    fake_opencps_secret(rig, "sandbox");
    configure(rig);
    rig->env = (struct adapter_env){
        .loop = &rig->loop.loop, .http = fake_http_client(rig->http), .config = &rig->config};
    assert_int_equal(opencps_open(&rig->env, &rig->config.sources[0], &rig->a, &msg), 0);
    *state = rig;
    return 0;
}

int fake_opencps_teardown(void **state)
{
    struct fake_opencps *rig = *state;

    rig->a->ops->free(rig->a);
    assert_true(fake_loop_idle(&rig->loop));
    fake_http_free(rig->http);
    unlink(rig->secret);
    free(rig);
    return 0;
}

void fake_opencps_answer(struct fake_opencps *rig, const char *url, const char *body)
{
    fake_http_always(rig->http, (struct fake_http_match){.url = url},
                     (struct fake_http_answer){.body = body});
}

void fake_opencps_once(struct fake_opencps *rig, const char *method, const char *url, long status,
                       const char *body)
{
    fake_http_once(rig->http, (struct fake_http_match){.method = method, .url = url},
                   (struct fake_http_answer){.status = status, .body = body});
}

void fake_opencps_reload(struct fake_opencps *rig)
{
    struct errmsg msg = {""};

    assert_int_equal(rig->a->ops->reconfigure(rig->a, &rig->config, &msg), 0);
}
