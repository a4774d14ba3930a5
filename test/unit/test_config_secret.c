#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CANARY "canary-7c1f"

/* A folder that stands for $CREDENTIALS_DIRECTORY, and a file beside the credentials. */
struct fixture {
    char dir[64];
    char file[128];
    char out[32];
    struct errmsg msg;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/test_config_secret.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->file, sizeof(f->file), "%s/file", f->dir);
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->dir, 1), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    free(f);
    return 0;
}

static void write_bytes(const struct fixture *f, const char *name, const char *bytes, size_t n,
                        mode_t mode)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    (void)unlink(path);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void write_text(const struct fixture *f, const char *name, const char *text, mode_t mode)
{
    write_bytes(f, name, text, strlen(text), mode);
}

/* Reads, and checks that neither message nor output of a failure holds any of the secret. */
static int secret(struct fixture *f, const char *credential, const char *file)
{
    int rc;

    memset(f->out, 'x', sizeof(f->out));
    f->msg.text[0] = '\0';
    rc = config_secret(credential, file, f->out, sizeof(f->out), &f->msg);
    assert_null(strstr(f->msg.text, CANARY));
    if (rc != 0) {
        assert_true(f->msg.text[0] != '\0');
        for (size_t i = 0; i < sizeof(f->out); i++) {
            assert_int_equal(f->out[i], 0);
        }
    }
    return rc;
}

static void a_credential_comes_before_the_file(void **state)
{
    struct fixture *f = *state;

    write_text(f, "portal-password", CANARY "\n", 0440);
    write_text(f, "file", "other", 0400);
    assert_int_equal(secret(f, "portal-password", f->file), 0);
    assert_string_equal(f->out, CANARY);
    assert_int_equal(secret(f, "another", f->file), 0);
    assert_string_equal(f->out, "other");
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    assert_int_equal(secret(f, "portal-password", f->file), 0);
    assert_string_equal(f->out, "other");
}

static void one_line_feed_is_left_out(void **state)
{
    struct fixture *f = *state;

    write_text(f, "file", " a b \n", 0400);
    assert_int_equal(secret(f, "", f->file), 0);
    assert_string_equal(f->out, " a b ");
    write_text(f, "file", CANARY "\n\n", 0400);
    assert_int_equal(secret(f, "", f->file), ERR_FORMAT);
}

static void what_is_missing_is_named_with_the_remedy(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(secret(f, "portal-password", ""), ERR_NOTFOUND);
    assert_string_equal(f->msg.text,
                        "credential portal-password is not there; give it with LoadCredential=, or "
                        "name a file with password_file");
    assert_int_equal(secret(f, "", ""), ERR_NOTFOUND);
    assert_int_equal(secret(f, "", f->file), ERR_NOTFOUND);
    assert_non_null(strstr(f->msg.text, f->file));
}

static void a_file_open_to_others_is_refused(void **state)
{
    static const mode_t modes[] = {0440, 0404, 0420, 0602, 0777};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        write_text(f, "file", CANARY, modes[i]);
        assert_int_equal(secret(f, "", f->file), ERR_DENIED);
        assert_non_null(strstr(f->msg.text, "chmod 0400"));
    }
    write_text(f, "file", CANARY, 0600);
    assert_int_equal(secret(f, "", f->file), 0);
}

static void a_file_of_somebody_else_is_refused(void **state)
{
    struct fixture *f = *state;

    write_text(f, "file", CANARY, 0400);
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chown(f->file, 65534, 65534), 0);
    assert_int_equal(secret(f, "", f->file), ERR_DENIED);
}

static void links_and_other_kinds_are_refused(void **state)
{
    struct fixture *f = *state;
    char link[128];

    write_text(f, "target", CANARY, 0400);
    (void)snprintf(link, sizeof(link), "%s/link", f->dir);
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(secret(f, "", link), ERR_DENIED);
    assert_int_equal(secret(f, "link", ""), ERR_DENIED);
    assert_int_equal(secret(f, "../file", ""), ERR_INVAL);
    assert_int_equal(mkfifo(f->file, 0600), 0);
    assert_int_equal(secret(f, "", f->file), ERR_DENIED);
    assert_int_equal(secret(f, "", f->dir), ERR_DENIED);
}

static void empty_long_and_binary_ones_are_refused(void **state)
{
    struct fixture *f = *state;

    write_text(f, "file", "", 0400);
    assert_int_equal(secret(f, "", f->file), ERR_INVAL);
    write_text(f, "file", "\n", 0400);
    assert_int_equal(secret(f, "", f->file), ERR_INVAL);
    write_text(f, "file", CANARY CANARY CANARY, 0400);
    assert_int_equal(secret(f, "", f->file), ERR_TOOBIG);
    write_text(f, "file", "0123456789012345678901234567890", 0400); /* 31 bytes and the NUL */
    assert_int_equal(secret(f, "", f->file), 0);
    write_bytes(f, "file", "a\0b", 3, 0400);
    assert_int_equal(secret(f, "", f->file), ERR_FORMAT);
    assert_int_equal(config_secret("", f->file, f->out, 1, &f->msg), ERR_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_credential_comes_before_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(one_line_feed_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_is_named_with_the_remedy, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_open_to_others_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_of_somebody_else_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(links_and_other_kinds_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_long_and_binary_ones_are_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
