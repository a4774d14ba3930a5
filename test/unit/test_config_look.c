/* config_secrets_look: what a daemon would miss is told before somebody starts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"

#define CANARY "canary-51d0"
#define PORTAL                                                                                     \
    "portal { adapter_url = \"https://adapter.example.vn/forward\" agency_code = \"H56\" "         \
    "username = \"sample\" %s }\n"
#define PUSH                                                                                       \
    "source push { profile = \"gateway\" listen = \"127.0.0.1:8443\" %s }\n"                       \
    "flow dossiers { from = \"push\" to = \"portal\" }\n"

struct fixture {
    char dir[64];
    struct config *config;
    struct config_faults faults;
    size_t unseen;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_config_look.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    config_free(f->config);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    free(f);
    return 0;
}

static void write_text(const struct fixture *f, const char *name, const char *text, mode_t mode)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    (void)unlink(path);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* Loads with these keys, which must be fine by themselves, and looks. */
static int look(struct fixture *f, const char *portal, const char *push)
{
    char text[1024];
    char path[128];
    int rc;

    (void)snprintf(text, sizeof(text), PORTAL PUSH, portal, push);
    write_text(f, "main.conf", text, 0600);
    (void)snprintf(path, sizeof(path), "%s/main.conf", f->dir);
    config_free(f->config);
    rc = config_load(path, &f->config, &f->faults);
    if (rc != 0) {
        fail_msg("%s", f->faults.texts[0]);
    }
    rc = config_secrets_look(f->config, &f->faults, &f->unseen);
    assert_int_equal(rc, f->faults.n > 0 ? ERR_CONFIG : 0);
    for (size_t i = 0; i < f->faults.n; i++) {
        assert_null(strstr(f->faults.texts[i], CANARY));
    }
    return rc;
}

static void assert_fault(const struct fixture *f, size_t index, const char *place,
                         const char *words)
{
    assert_true(index < f->faults.n);
    if (strstr(f->faults.texts[index], place) == NULL ||
        strstr(f->faults.texts[index], words) == NULL) {
        fail_msg("%s holds not: %s ... %s", f->faults.texts[index], place, words);
    }
}

static void what_is_well_is_silent(void **state)
{
    struct fixture *f = *state;

    write_text(f, "password", CANARY "\n", 0400);
    write_text(f, "accounts", "one:" CANARY "\ntwo:" CANARY "\n", 0400);
    write_text(f, "chain.pem", "a certificate", 0444);
    write_text(f, "key.pem", "a\nkey\n", 0400);
    assert_int_equal(look(f, "password_file = \"password\"",
                          "accounts_file = \"accounts\" tls_certificate_file = \"chain.pem\" "
                          "tls_key_file = \"key.pem\""),
                     0);
    assert_int_equal(f->unseen, 0);
}

static void every_secret_that_is_missing_is_told_with_its_place(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(look(f, "password_file = \"password\" bridge_token_file = \"token\"",
                          "accounts_file = \"accounts\" tls_certificate_file = \"chain.pem\" "
                          "tls_key_file = \"key.pem\""),
                     ERR_CONFIG);
    assert_int_equal(f->faults.n, 5);
    assert_fault(f, 0, "main.conf:1: portal.password_file: ", "is not there");
    assert_fault(f, 1, "main.conf:1: portal.bridge_token_file: ", "is not there");
    assert_fault(f, 2, "main.conf:2: source.push.tls_key_file: ", "is not there");
    assert_fault(f, 3, "main.conf:2: source.push.accounts_file: ", "is not there");
    assert_fault(f, 4, "main.conf:2: source.push.tls_certificate_file: ", "can't be read");
}

static void what_is_wrong_with_a_secret_is_told_and_never_the_secret(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *words; /* NULL: fine */
    } cases[] = {
        {"", 0400, "is empty"},
        {"\n", 0400, "is empty"},
        {CANARY, 0440, "chmod 0400"},
        {CANARY, 0604, "chmod 0400"},
        {CANARY "\n" CANARY, 0400, "more than one line"},
        {CANARY "\n\n", 0400, "more than one line"},
        {CANARY "\r\n", 0400, "carriage return"},
        {CANARY "\r", 0400, "carriage return"},
        {CANARY "\n", 0400, NULL},
        {CANARY, 0600, NULL},
        {" " CANARY " ", 0400, NULL},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_text(f, "password", cases[i].text, cases[i].mode);
        assert_int_equal(look(f, "password_file = \"password\"", ""),
                         cases[i].words != NULL ? ERR_CONFIG : 0);
        if (cases[i].words != NULL) {
            assert_fault(f, 0, "portal.password_file: password file /tmp/", cases[i].words);
        }
    }
}

static void credentials_are_looked_at_where_they_are(void **state)
{
    struct fixture *f = *state;
    const char *push = "accounts_credential = \"push-accounts\"";

    assert_int_equal(look(f, "password_credential = \"portal-password\"", push), 0);
    assert_int_equal(f->unseen, 2);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->dir, 1), 0);
    write_text(f, "push-accounts", "one:" CANARY "\n", 0440);
    assert_int_equal(look(f, "password_credential = \"portal-password\"", push), ERR_CONFIG);
    assert_int_equal(f->faults.n, 1);
    assert_fault(f, 0, "portal.password_credential: credential portal-password ", "is not there");
    write_text(f, "portal-password", "\n", 0440);
    assert_int_equal(look(f, "password_credential = \"portal-password\"", push), ERR_CONFIG);
    assert_fault(f, 0, "portal.password_credential: credential portal-password ", "is empty");
    write_text(f, "portal-password", CANARY, 0440);
    assert_int_equal(look(f, "password_credential = \"portal-password\"", push), 0);
    assert_int_equal(f->unseen, 0);
    /* systemd names the folder to the check before a reload, and does not let it in */
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/nonexistent/credentials", 1), 0);
    assert_int_equal(look(f, "password_credential = \"portal-password\"", push), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_well_is_silent, setup, teardown),
        cmocka_unit_test_setup_teardown(every_secret_that_is_missing_is_told_with_its_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_with_a_secret_is_told_and_never_the_secret,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(credentials_are_looked_at_where_they_are, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
