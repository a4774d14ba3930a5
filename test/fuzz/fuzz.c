#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "codec/record.h"
#include "config/config.h"

#define SEPARATOR 0x1F
#define RECORD_ARENA (16u << 20)
#define CONFIG_BYTES ((size_t)16384)
#define CONFIGS_MAX 16

void fuzz_fail(const char *file, int line, const char *condition, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

uint8_t fuzz_byte(struct fuzz_in *in)
{
    if (in->n == 0) {
        return 0;
    }
    in->n--;
    return *in->at++;
}

static char *copy(const uint8_t *bytes, size_t n)
{
    char *text = malloc(n + 1);

    FUZZ_CHECK(text != NULL, "no memory");
    if (n > 0) {
        memcpy(text, bytes, n);
    }
    text[n] = '\0';
    return text;
}

char *fuzz_text(const struct fuzz_in *in)
{
    return copy(in->at, in->n);
}

char *fuzz_word(struct fuzz_in *in)
{
    size_t n = 0;
    char *word;

    while (n < in->n && in->at[n] != SEPARATOR && in->at[n] != '\0') {
        n++;
    }
    word = copy(in->at, n);
    n += n < in->n;
    in->at += n;
    in->n -= n;
    return word;
}

void fuzz_cuts_take(struct fuzz_in *in, struct fuzz_cuts *cuts)
{
    for (size_t i = 0; i < sizeof(cuts->sizes); i++) {
        cuts->sizes[i] = fuzz_byte(in);
    }
    cuts->at = 0;
}

size_t fuzz_cut(struct fuzz_cuts *cuts, size_t n)
{
    size_t size = (size_t)cuts->sizes[cuts->at++ % sizeof(cuts->sizes)] + 1;

    return size < n ? size : n;
}

/* ---- files ---- */

static char dir[256];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    (void)remove(path);
    return 0;
}

static void remove_dir(void)
{
    (void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_dir(void)
{
    const char *root = getenv("TMPDIR");

    if (dir[0] == '\0') {
        (void)snprintf(dir, sizeof(dir), "%s/fuzz.XXXXXX", root != NULL ? root : "/tmp");
        FUZZ_CHECK(mkdtemp(dir) != NULL, "%s", dir);
        (void)atexit(remove_dir);
    }
    return dir;
}

const char *fuzz_file(const char *name, const void *bytes, size_t n)
{
    static char path[512];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", fuzz_dir(), name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0, "%s", path);
    FUZZ_CHECK(write(fd, bytes, n) == (ssize_t)n, "%s", path);
    FUZZ_CHECK(close(fd) == 0, "%s", path);
    return path;
}

/* ---- configurations ---- */

static struct config *configs[CONFIGS_MAX];
static size_t n_configs;

static void free_configs(void)
{
    for (size_t i = 0; i < n_configs; i++) {
        config_free(configs[i]);
    }
}

const struct config *fuzz_config(const char *text)
{
    static struct config_faults faults;
    struct config *config = NULL;
    struct buf whole;
    struct buf secret;

    buf_init(&whole, CONFIG_BYTES);
    buf_init(&secret, CONFIG_BYTES);
    buf_puts(&secret, fuzz_file("secret", "very-secret\n", 12));
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '@') {
            buf_puts(&whole, buf_text(&secret));
        } else {
            buf_putc(&whole, *p);
        }
    }
    FUZZ_CHECK(config_load(fuzz_file("dvcsyncd.conf", whole.data, whole.len), &config, &faults) ==
                   0,
               "%s", faults.texts[0]);
    FUZZ_CHECK(n_configs < CONFIGS_MAX, "too many");
    configs[n_configs++] = config;
    if (n_configs == 1) {
        (void)atexit(free_configs);
    }
    buf_free(&whole);
    buf_free(&secret);
    return config;
}

/* ---- records ---- */

static int again(const struct record *in, struct arena *a, struct record *out, struct errmsg *msg)
{
    struct dossier d;
    struct step s;
    struct procedure p;
    struct catalog_row row;
    int err;

    switch (in->kind) {
    case RECORD_DOSSIER:
        err = record_to_dossier(in->body, in->body_len, a, &d, msg);
        return err != 0 ? err : record_from_dossier(&d, a, out, msg);
    case RECORD_STEP:
        err = record_to_step(in->body, in->body_len, a, &s, msg);
        return err != 0 ? err : record_from_step(&s, a, out, msg);
    case RECORD_PROCEDURE:
        err = record_to_procedure(in->body, in->body_len, a, &p, msg);
        return err != 0 ? err : record_from_procedure(&p, a, out, msg);
    default:
        err = record_to_row(in->body, in->body_len, a, &row, msg);
        return err != 0 ? err : record_from_row(in->kind, &row, a, out, msg);
    }
}

void fuzz_record(const struct record *record)
{
    struct arena a;
    struct record same = {0};
    struct errmsg why = {0};
    int err;

    FUZZ_CHECK(record->code != NULL && record->code[0] != '\0', "no code");
    FUZZ_CHECK(text_is_utf8(record->code, strlen(record->code)), "code");
    FUZZ_CHECK(text_is_utf8(record->body, record->body_len), "body");
    FUZZ_CHECK(record->body_len <= RECORD_BODY_MAX, "%zu bytes", record->body_len);
    arena_init(&a, RECORD_ARENA);
    err = again(record, &a, &same, &why);
    FUZZ_CHECK(err == 0, "%s: %.*s", why.text, (int)record->body_len, record->body);
    FUZZ_CHECK(same.body_len == record->body_len &&
                   memcmp(same.body, record->body, same.body_len) == 0,
               "%.*s\n%.*s", (int)record->body_len, record->body, (int)same.body_len, same.body);
    FUZZ_CHECK(memcmp(same.hash, record->hash, sizeof(same.hash)) == 0, "%.*s",
               (int)record->body_len, record->body);
    FUZZ_CHECK(strcmp(same.code, record->code) == 0 && same.at_s == record->at_s, "%s %s",
               same.code, record->code);
    FUZZ_CHECK(strcmp(same.step_key, record->step_key) == 0, "%s %s", same.step_key,
               record->step_key);
    arena_free(&a);
}
