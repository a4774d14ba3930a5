/* Ten thousand damaged configurations, each a whole one with bytes, words and lines changed: loaded
 * or refused with words that have a place and can be shown. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "config/config.h"

#define MUTATIONS 10000
#define SLOW_MUTATIONS 300 /* under valgrind or ThreadSanitizer */
#define TEXT_MAX 16384
#define FOLDER "test/data/config" /* run from the top of the source tree */

struct mutant {
    char text[TEXT_MAX];
    size_t n;
    uint32_t random;
};

static uint32_t next_random(struct mutant *m)
{
    m->random = m->random * 1664525u + 1013904223u;
    return m->random >> 8;
}

static size_t pick(struct mutant *m, size_t n)
{
    return n > 0 ? next_random(m) % n : 0;
}

static void splice(struct mutant *m, size_t at, size_t gone, const char *text, size_t n)
{
    if (at + gone > m->n || m->n - gone + n >= sizeof(m->text)) {
        return;
    }
    memmove(m->text + at + n, m->text + at + gone, m->n - at - gone);
    memcpy(m->text + at, text, n);
    m->n += n;
    m->n -= gone;
}

static void damage(struct mutant *m)
{
    static const char *const words[] = {
        "{",
        "}",
        "{ }",
        "=",
        "+=",
        "\"",
        "#",
        "//",
        "/*",
        "\\",
        "'",
        "$HOME",
        "${X}",
        "include",
        "function()",
        ",",
        "\n",
        "\r",
        "\t",
        "\xEF\xBB\xBF",
        "\xC2\xA0",
        "\xFF",
        "e\xCC\x82",
        "yes",
        "-1",
        "0",
        "5s",
        "99999999999999999999",
        "1e9",
        "0x10",
        "4MB",
        "portal",
        "source",
        "source x {",
        "flow",
        "flow y {",
        "retry {",
        "journal {",
        "maps {",
        "listen",
        "%s%n",
        "listen = \"0.0.0.0:1\"",
        "allow = { \"::/0\" }",
        "url = \"http://u:p@h\"",
        "preset = \"/dev/null\"",
        "password = \"x\"",
        "kind = \"seen\"",
        "from = \"portal\"",
    };
    char copy[256];
    size_t at = pick(m, m->n + 1);
    size_t n;

    switch (pick(m, 6)) {
    case 0: /* a byte, any */
        copy[0] = (char)next_random(m);
        splice(m, at, at < m->n ? 1 : 0, copy, 1);
        break;
    case 1: /* a word */
        n = pick(m, sizeof(words) / sizeof(words[0]));
        splice(m, at, pick(m, 4), words[n], strlen(words[n]));
        break;
    case 2: /* a hole */
        n = pick(m, 40);
        splice(m, at, at + n <= m->n ? n : 0, "", 0);
        break;
    case 3: /* a piece twice, somewhere */
        n = at + sizeof(copy) <= m->n ? pick(m, sizeof(copy)) : 0;
        memcpy(copy, m->text + at, n);
        splice(m, pick(m, m->n + 1), 0, copy, n);
        break;
    case 4: /* the end is missing */
        m->n = pick(m, 8) == 0 ? at : m->n;
        break;
    default: /* a bit */
        if (at < m->n) {
            m->text[at] = (char)(m->text[at] ^ (1 << pick(m, 8)));
        }
        break;
    }
}

/* "FILE:LINE: " or "FILE: " in front, text that a terminal can show. */
static void judge(const struct config_faults *faults, const char *path)
{
    size_t n = strlen(path);

    assert_true(faults->n > 0);
    for (size_t i = 0; i < faults->n && i < CONFIG_MAX_FAULTS; i++) {
        const char *text = faults->texts[i];
        char printable[sizeof(faults->texts[0])];

        assert_true(strlen(text) > n && strlen(text) < sizeof(faults->texts[0]));
        if (strncmp(text, path, n) != 0 || text[n] != ':') {
            fail_msg("no place: %s", text);
        }
        text_printable(text, strlen(text), printable, sizeof(printable));
        if (strcmp(printable, text) != 0) {
            fail_msg("not for a terminal: %s", printable);
        }
    }
}

static int is_conf(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static void read_seed_text(struct mutant *m, const char *path)
{
    FILE *file = fopen(path, "rb");

    assert_non_null(file);
    m->n = fread(m->text, 1, sizeof(m->text) / 2, file);
    (void)fclose(file);
}

static void damaged_configurations_are_refused_with_words(void **state)
{
    const char *seed_text = getenv("SEED");
    uint32_t seed = seed_text != NULL ? (uint32_t)strtoul(seed_text, NULL, 10) : 20261122;
    struct config_faults *faults = calloc(1, sizeof(*faults));
    struct mutant *m = calloc(1, sizeof(*m));
    char dir[] = "/tmp/test_config_mutation.XXXXXX";
    struct dirent **entries;
    int n_entries = scandir(FOLDER, &entries, is_conf, alphasort);
    int n = getenv("SLOW_TOOL") != NULL ? SLOW_MUTATIONS : MUTATIONS;
    char path[128];
    int refused = 0;

    (void)state;
    assert_true(n_entries > 40 && faults != NULL && m != NULL && mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof(path), "%s/main.conf", dir);
    print_message("seed %u, %d mutations of %d files\n", seed, n, n_entries + 1);
    m->random = seed;
    for (int i = 0; i < n; i++) {
        struct config *config = NULL;
        char name[512] = "conf/dvcsyncd.conf";
        size_t which = pick(m, (size_t)n_entries + 10);
        FILE *file;
        int rc;

        if (which < (size_t)n_entries) {
            (void)snprintf(name, sizeof(name), FOLDER "/%s", entries[which]->d_name);
        }
        read_seed_text(m, name);
        for (size_t k = pick(m, 8); k < 8; k++) {
            damage(m);
        }
        file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(m->text, 1, m->n, file), m->n);
        assert_int_equal(fclose(file), 0);
        rc = config_load(path, &config, faults);
        assert_true(rc == 0 || rc == ERR_CONFIG);
        assert_true((rc == 0) == (config != NULL));
        if (rc != 0) {
            judge(faults, path);
            refused++;
        }
        config_free(config);
    }
    assert_true(refused > n / 2);
    for (int i = 0; i < n_entries; i++) {
        free(entries[i]);
    }
    free(entries);
    free(m);
    free(faults);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_configurations_are_refused_with_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
