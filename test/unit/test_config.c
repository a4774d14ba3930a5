#include "config/config.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Run from the top of the source tree. */
#define FAULTY "test/data/config"
#define PORTAL                                                                                     \
    "portal { adapter_url = \"https://adapter.example.vn/forward\" agency_code = \"H56\" "         \
    "username = \"sample\" }\n"
#define SOURCE "source onestop { url = \"https://onestop.example.vn/o\" }\n"
#define FLOW "flow dossiers { from = \"onestop\" to = \"portal\" }\n"
#define WHOLE PORTAL SOURCE FLOW

/* A folder with configuration files, and what loading it gave. */
struct fixture {
    char dir[64];
    char main_path[128];
    struct config *config;
    struct config_faults faults;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char conf_d[128];

    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_config.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->main_path, sizeof(f->main_path), "%s/main.conf", f->dir);
    (void)snprintf(conf_d, sizeof(conf_d), "%s/conf.d", f->dir);
    assert_int_equal(mkdir(conf_d, 0700), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[160];

    config_free(f->config);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static void write_bytes(const struct fixture *f, const char *name, const void *bytes, size_t n)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const struct fixture *f, const char *name, const char *text)
{
    write_bytes(f, name, text, strlen(text));
}

static int load(struct fixture *f)
{
    config_free(f->config);
    return config_load(f->main_path, &f->config, &f->faults);
}

static void load_good(struct fixture *f, const char *text)
{
    write_text(f, "main.conf", text);
    if (load(f) != 0) {
        fail_msg("%s", f->faults.texts[0]);
    }
}

/* A fault without the folder in front. */
static void assert_fault(const struct fixture *f, size_t index, const char *expected)
{
    const char *text = f->faults.texts[index];
    size_t n = strlen(f->dir);

    assert_true(index < f->faults.n);
    assert_string_equal(strncmp(text, f->dir, n) == 0 ? text + n + 1 : text, expected);
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 300000);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, 299999, file) < 299999);
    (void)fclose(file);
    return text;
}

static void the_designs_example_gives_its_values(void **state)
{
    struct fixture *f = *state;
    const struct config_flow *flow;

    load_good(f, "state_dir = \"/var/lib/dvcsync\"\n"
                 "portal {\n"
                 "  adapter_url = \"https://adapter.tinh.gov.vn/VXPAdapter/RestService/forward\"\n"
                 "  auth_endpoint = \"/mapi/login\"  share_endpoint = \"/mapi/s\"\n"
                 "  agency_code = \"H56\"  dstcode = \"VN:GOV:000.00.00.G22:vpcpdvcqg\"\n"
                 "  username = \"sample\"  password_credential = \"portal-password\"\n"
                 "  max_in_flight = 9  request_timeout = 45s  allow_plaintext = no\n"
                 "}\n"
                 "source onestop { profile = \"opencps\"  url = \"https://motcua.tinh.gov.vn/o\" "
                 "poll_every = 30s }\n"
                 "flow dossiers { from = \"onestop\" to = \"portal\" mode = \"observe\" "
                 "start_from = \"2026-11-01\" }\n"
                 "flow catalog { from = \"portal\" to = \"onestop\" at = \"01:00\" }\n"
                 "retry { first = 30s cap = 1h give_up_after = 5d }\n");
    assert_true(f->config->has_portal);
    assert_string_equal(f->config->portal.name, "portal");
    assert_string_equal(f->config->portal.share_endpoint, "/mapi/s");
    assert_int_equal(f->config->portal.max_in_flight, 9);
    assert_int_equal(f->config->n_sources, 1);
    assert_int_equal(config_source_find(f->config, "onestop")->poll_every_ms, 30000);
    assert_null(config_source_find(f->config, "portal"));
    flow = config_flow_find(f->config, "dossiers");
    assert_int_equal(flow->kind, FLOW_DOSSIERS);
    assert_int_equal(flow->mode, FLOW_OBSERVE);
    assert_int_equal(flow->start_from_s, 1793466000); /* midnight in Viet Nam is 17:00 UTC */
    assert_string_equal(config_flow_find(f->config, "catalog")->at, "01:00");
    assert_null(config_flow_find(f->config, "seen"));
    assert_int_equal(f->config->give_up_after_ms, 5 * 86400000);
}

static void what_no_file_names_has_its_default(void **state)
{
    struct fixture *f = *state;
    const struct config *c;

    load_good(f, WHOLE);
    c = f->config;
    assert_string_equal(c->state_dir, "/var/lib/dvcsync");
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->journal_window_bytes, 4 * 1024 * 1024);
    assert_int_equal(c->retry_cap_ms, 3600000);
    assert_int_equal(c->portal.max_in_flight, 8);
    assert_int_equal(c->portal.session_life_ms, 600000);
    assert_string_equal(c->portal.password_credential, "portal-password");
    assert_string_equal(c->portal.fields, "G3");
    assert_int_equal(c->portal.permanent_text.n, 4);
    assert_string_equal(c->portal.permanent_text.items[3], "vượt quá");
    assert_int_equal(c->sources[0].small_states.n, 15);
    assert_int_equal(c->sources[0].test_agencies.n, 0);
    assert_string_equal(c->sources[0].full_sweep_at, "01:30");
    assert_int_equal(c->flows[0].mode, FLOW_LIVE);
    assert_int_equal(c->flows[0].start_from_s, 0);
    assert_int_equal(c->flows[0].steps_in_doubt, STEPS_RESEND);
    assert_int_equal(c->flows[0].shrink_percent, 80);
    assert_null(c->status_map);
}

static void a_flow_between_sources_needs_no_portal(void **state)
{
    struct fixture *f = *state;

    load_good(f, SOURCE "source two { url = \"https://two.example.vn/o\" }\n"
                        "flow up { kind = \"status\" from = \"onestop\" to = \"two\" }\n");
    assert_false(f->config->has_portal);
    assert_string_equal(f->config->portal.adapter_url, "");
    assert_int_equal(f->config->flows[0].kind, FLOW_STATUS);
}

static void units_are_understood(void **state)
{
    struct fixture *f = *state;

    load_good(f, WHOLE "keep_payload = \"2 d\" keep_history = 36h shutdown_timeout = 1500ms\n"
                       "retry { first = 90s cap = 2m }\n"
                       "journal { window = 70000 cache = 512KB low_water = 2GB }\n");
    assert_int_equal(f->config->keep_payload_ms, 2 * 86400000);
    assert_int_equal(f->config->keep_history_ms, 36 * 3600000);
    assert_int_equal(f->config->shutdown_timeout_ms, 1500);
    assert_int_equal(f->config->retry_first_ms, 90000);
    assert_int_equal(f->config->retry_cap_ms, 120000);
    assert_int_equal(f->config->journal_window_bytes, 70000);
    assert_int_equal(f->config->journal_cache_bytes, 512 * 1024);
    assert_int_equal(f->config->journal_low_water_bytes, UINT64_C(2) << 30);
}

static void comments_braces_and_line_ends_do_not_confuse(void **state)
{
    struct fixture *f = *state;

    load_good(
        f, "# } { \" ' ${HOME} \\ \xC2\xA0\r\n" PORTAL "source onestop {\r\n"
           "  url = \"https://onestop.example.vn/o\" # trailing }\r\n"
           "  file_url = \"https://onestop.example.vn/{dossierId}/{referenceUid}\"\r\n}\r\n" FLOW);
    assert_string_equal(f->config->sources[0].file_url,
                        "https://onestop.example.vn/{dossierId}/{referenceUid}");
}

static void lists_replace_their_default(void **state)
{
    struct fixture *f = *state;

    load_good(f, PORTAL FLOW "source onestop { url = \"https://onestop.example.vn/o\"\n"
                             " small_states = {}\n big_states = {\"a\",\n  \"b, c\", d}\n"
                             " test_agencies = one }\n");
    assert_int_equal(f->config->sources[0].small_states.n, 0);
    assert_int_equal(f->config->sources[0].big_states.n, 3);
    assert_string_equal(f->config->sources[0].big_states.items[1], "b, c");
    assert_int_equal(f->config->sources[0].test_agencies.n, 1);
}

/* One block of the golden list against one file. */
static void check_golden(const char *name, const char *expected)
{
    struct config *config = NULL;
    struct config_faults faults;
    struct buf got;
    char path[256];
    char *real = realpath(FAULTY, NULL);

    assert_non_null(real);
    (void)snprintf(path, sizeof(path), FAULTY "/%s", name);
    assert_int_equal(config_load(path, &config, &faults), ERR_CONFIG);
    assert_null(config);
    buf_init(&got, 20000);
    for (size_t i = 0; i < faults.n && i < CONFIG_MAX_FAULTS; i++) {
        const char *at = faults.texts[i];

        while (*at != '\0') {
            const char *dirs[] = {real, FAULTY};

            for (size_t d = 0; d < 2; d++) {
                if (strncmp(at, dirs[d], strlen(dirs[d])) == 0) {
                    at += strlen(dirs[d]) + 1;
                }
            }
            buf_putc(&got, *at++);
        }
        buf_putc(&got, '\n');
    }
    if (strcmp(buf_text(&got), expected) != 0) {
        print_error("%s\n", name);
    }
    assert_string_equal(buf_text(&got), expected);
    buf_free(&got);
    free(real);
}

static int is_conf(const struct dirent *entry)
{
    return strstr(entry->d_name, ".conf") != NULL;
}

static void faulty_files_give_the_golden_messages(void **state)
{
    char *golden = read_text(FAULTY "/expected.txt");
    char *at = strstr(golden, "== ");
    struct dirent **entries;
    int in_folder = scandir(FAULTY, &entries, is_conf, alphasort);
    int checked = 0;

    (void)state;
    while (at != NULL) {
        char *name = at + 3;
        char *next = strstr(name, "\n== ");
        char *body = strchr(name, '\n');
        char *expected = strndup(body + 1, next != NULL ? (size_t)(next - body) : strlen(body));

        *body = '\0';
        check_golden(name, expected);
        free(expected);
        checked++;
        at = next != NULL ? next + 1 : NULL;
    }
    assert_int_equal(checked, in_folder);
    for (int i = 0; i < in_folder; i++) {
        free(entries[i]);
    }
    free(entries);
    free(golden);
}

static void later_files_win_key_by_key(void **state)
{
    struct fixture *f = *state;
    struct buf dump;

    write_text(f, "conf.d/10-a.conf", "portal { max_in_flight = 3 dossier_rate = 1 }\n");
    write_text(f, "conf.d/20-b.conf", "\nportal { max_in_flight = 5 }\n");
    write_text(f, "conf.d/.hidden.conf", "faulty\n");
    write_text(f, "conf.d/30-c.conf.old", "faulty\n");
    load_good(f, WHOLE "log_level = \"debug\"\n");
    assert_int_equal(f->config->portal.max_in_flight, 5);
    assert_int_equal(f->config->portal.dossier_rate, 1);
    assert_string_equal(f->config->portal.agency_code, "H56");
    buf_init(&dump, 100000);
    assert_int_equal(config_dump(f->config, true, &dump), 0);
    assert_non_null(strstr(buf_text(&dump), "/conf.d/20-b.conf:2\n"));
    assert_non_null(strstr(buf_text(&dump), "/main.conf:4\n"));
    assert_non_null(strstr(buf_text(&dump), "cap = 1h  # default\n"));
    buf_free(&dump);
}

static void faults_come_in_order_of_file_and_line(void **state)
{
    struct fixture *f = *state;

    write_text(f, "conf.d/b.conf", "portal {\n max_in_flight = 0\n}\nnonsense = 1\n");
    write_text(f, "conf.d/a.conf", "retry {\n");
    write_text(f, "main.conf", WHOLE "log_level = \"loud\"\n");
    assert_int_equal(load(f), ERR_CONFIG);
    assert_int_equal(f->faults.n, 4);
    assert_fault(f, 0,
                 "main.conf:4: log_level: \"loud\" is unknown; allowed: error, warn, notice, info, "
                 "debug");
    assert_fault(f, 1, "conf.d/a.conf:1: { is never closed; a } is missing");
    assert_fault(f, 2,
                 "conf.d/b.conf:2: portal.max_in_flight: \"0\" is too small; allowed: 1 to 256");
    assert_fault(f, 3, "conf.d/b.conf:4: nonsense: unknown key; dvcsyncd.conf(5) lists all");
}

static void what_cannot_be_read_is_named(void **state)
{
    struct fixture *f = *state;
    char path[256];

    assert_int_equal(load(f), ERR_CONFIG);
    assert_fault(f, 0, "main.conf: can't be opened: No such file or directory");
    write_text(f, "main.conf", WHOLE);
    (void)snprintf(path, sizeof(path), "%s/conf.d/a.conf", f->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/conf.d/b.conf", f->dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)snprintf(path, sizeof(path), "%s/conf.d/c.conf", f->dir);
    assert_int_equal(symlink("c.conf", path), 0);
    assert_int_equal(load(f), ERR_CONFIG);
    assert_int_equal(f->faults.n, 3);
    assert_fault(f, 0, "conf.d/a.conf: not a regular file");
    assert_fault(f, 1, "conf.d/b.conf: not a regular file");
    assert_fault(f, 2, "conf.d/c.conf: can't be opened: Too many levels of symbolic links");
}

static void long_lines_and_large_files_are_refused(void **state)
{
    struct fixture *f = *state;
    size_t n = 2 * 1024 * 1024;
    char *text = malloc(n);

    assert_non_null(text);
    memset(text, 'x', n);
    write_bytes(f, "main.conf", text, n);
    assert_int_equal(load(f), ERR_CONFIG);
    assert_int_equal(f->faults.n, 1);
    assert_fault(f, 0, "main.conf: the file is too large; at most 1MB is allowed");
    write_bytes(f, "main.conf", text, 1024 * 1024);
    assert_int_equal(load(f), ERR_CONFIG);
    assert_fault(f, 0, "main.conf:1: the line is too long; at most 4096 bytes are allowed");
    free(text);
}

static void too_many_sections_or_files_are_refused(void **state)
{
    struct fixture *f = *state;
    struct buf text;

    buf_init(&text, 100000);
    buf_puts(&text, WHOLE);
    for (int i = 0; i < CONFIG_MAX_SOURCES; i++) {
        buf_printf(&text, "source s%d { url = \"https://s.example.vn/o\" }\n", i);
    }
    write_text(f, "main.conf", buf_text(&text));
    assert_int_equal(load(f), ERR_CONFIG);
    assert_fault(f, 0, "main.conf:35: source.s31: too many; at most 32 are allowed");
    buf_free(&text);
    write_text(f, "main.conf", WHOLE);
    for (int i = 0; i < 65; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "conf.d/%02d.conf", i);
        write_text(f, name, "");
    }
    assert_int_equal(load(f), ERR_CONFIG);
    assert_int_equal(f->faults.n, 1);
    assert_non_null(strstr(f->faults.texts[0], "conf.d/64.conf: too many files"));
}

static void maps_are_loaded_from_beside_the_main_file(void **state)
{
    struct fixture *f = *state;

    write_text(f, "status.csv", "status,national\nnew,1\n");
    load_good(f, WHOLE "maps { status = \"status.csv\" }\n");
    assert_int_equal(map_status(f->config->status_map, "NEW", "", "", 1), 1);
    assert_null(f->config->agency_map);
}

static void a_dump_loads_to_the_same_dump(void **state)
{
    struct fixture *f = *state;
    struct buf first;
    struct buf second;

    write_text(f, "status.csv", "status,national\nnew,1\n");
    load_good(
        f, PORTAL FLOW
        "source onestop { url = \"https://onestop.example.vn/o\" test_accounts = "
        "{\"a \\\"b\\\" \\\\ c\", \"Nguyễn\"} full_sweep_at = \"\" }\n"
        "flow x { kind = \"seen\" from = \"portal\" every = 90m start_from = \"2026-01-31\" }\n"
        "maps { status = \"status.csv\" }\n");
    buf_init(&first, 100000);
    buf_init(&second, 100000);
    assert_int_equal(config_dump(f->config, false, &first), 0);
    write_text(f, "main.conf", buf_text(&first));
    assert_int_equal(load(f), 0);
    assert_int_equal(config_dump(f->config, false, &second), 0);
    assert_string_equal(buf_text(&first), buf_text(&second));
    buf_clear(&second);
    assert_int_equal(config_dump(f->config, true, &second), 0);
    write_text(f, "main.conf", buf_text(&second));
    assert_int_equal(load(f), 0);
    buf_free(&first);
    buf_free(&second);
}

static void json_holds_values_and_origins(void **state)
{
    struct fixture *f = *state;
    struct buf out;

    load_good(f, WHOLE);
    buf_init(&out, 100000);
    assert_int_equal(config_dump_json(f->config, &out), 0);
    assert_memory_equal(buf_text(&out), "{\"state_dir\":{\"value\":\"/var/lib/dvcsync\",", 40);
    assert_non_null(
        strstr(buf_text(&out), "\"max_in_flight\":{\"value\":8,\"origin\":\"default\"}"));
    assert_non_null(strstr(buf_text(&out), "\"allow_plaintext\":{\"value\":false,"));
    assert_non_null(strstr(buf_text(&out), "\"sources\":{\"onestop\":{"));
    assert_non_null(strstr(buf_text(&out), "main.conf:3\"}"));
    buf_clear(&out);
    out.max_bytes = 100;
    assert_int_equal(config_dump_json(f->config, &out), ERR_TOOBIG);
    buf_free(&out);
}

static void a_reload_names_what_it_cannot_change(void **state)
{
    struct fixture *f = *state;
    struct config *before;
    struct errmsg msg = {{0}};

    load_good(f, WHOLE "source two { url = \"https://two.example.vn/o\" }\n");
    before = f->config;
    f->config = NULL;
    load_good(f, PORTAL SOURCE "log_level = \"debug\" retry { first = 5s }\n"
                               "flow other { kind = \"seen\" from = \"portal\" }\n");
    assert_int_equal(config_reload_allowed(before, f->config, &msg), 0);
    load_good(f, PORTAL SOURCE "source two { url = \"https://two.example.vn/o\" }\n"
                               "flow dossiers { from = \"two\" to = \"portal\" }\n"
                               "state_dir = \"/srv/x\" admin_group = \"ops\"\n");
    assert_int_equal(config_reload_allowed(before, f->config, &msg), ERR_CONFIG);
    assert_string_equal(msg.text, "a reload can't change state_dir, admin_group, "
                                  "flow.dossiers.from; restart the service instead");
    config_free(before);
}

/* A generator of its own, so that a failure can be repeated. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void damaged_files_are_refused_or_loaded_but_never_crash(void **state)
{
    static const char spice[] = "{}=,\"#\n\\$ \t'/\0\xC2\xFF";
    struct fixture *f = *state;
    uint32_t seed = 20260101;

    for (int i = 0; i < 400; i++) {
        char text[] = WHOLE "retry { first = 30s }\nmaps { }\njournal {\n window = 4MB\n}\n";

        for (uint32_t n = next_random(&seed) % 4; n < 5; n++) {
            size_t at = next_random(&seed) % (sizeof(text) - 1);

            text[at] = spice[next_random(&seed) % (sizeof(spice) - 1)];
        }
        write_bytes(f, "main.conf", text, sizeof(text) - 1);
        if (load(f) == ERR_CONFIG) {
            assert_true(f->faults.n > 0 && f->faults.texts[0][0] != '\0');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_designs_example_gives_its_values, setup, teardown),
        cmocka_unit_test_setup_teardown(what_no_file_names_has_its_default, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flow_between_sources_needs_no_portal, setup, teardown),
        cmocka_unit_test_setup_teardown(units_are_understood, setup, teardown),
        cmocka_unit_test_setup_teardown(comments_braces_and_line_ends_do_not_confuse, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(lists_replace_their_default, setup, teardown),
        cmocka_unit_test(faulty_files_give_the_golden_messages),
        cmocka_unit_test_setup_teardown(later_files_win_key_by_key, setup, teardown),
        cmocka_unit_test_setup_teardown(faults_come_in_order_of_file_and_line, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(long_lines_and_large_files_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_sections_or_files_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(maps_are_loaded_from_beside_the_main_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dump_loads_to_the_same_dump, setup, teardown),
        cmocka_unit_test_setup_teardown(json_holds_values_and_origins, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reload_names_what_it_cannot_change, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_files_are_refused_or_loaded_but_never_crash, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
