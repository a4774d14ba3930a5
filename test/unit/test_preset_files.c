/* What is shipped: presets, their maps, the sample of bridges and the manual. */
#include "config/preset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/xml.h"
#include "lib/preset_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MANUAL "doc/dvcsync-preset.5"
#define TEXT_MAX (1u << 20)

static struct config_faults faults;

static int load_with(const char *text, const struct config_list *params, struct preset **out)
{
    return preset_text_load(text, strlen(text), params, out, &faults);
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, TEXT_MAX);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, TEXT_MAX - 1, file) < TEXT_MAX - 1);
    (void)fclose(file);
    return text;
}

/* ".It Cm WORD" between two marks. */
static bool has_entry(const char *manual, const char *from, const char *to, const char *word)
{
    const char *at = strstr(manual, from);
    const char *end = at != NULL ? strstr(at + strlen(from), to) : NULL;
    char entry[80];

    assert_non_null(at);
    (void)snprintf(entry, sizeof(entry), "\n.It Cm %s\n", word);
    at = strstr(at, entry);
    return at != NULL && (end == NULL || at < end);
}

static void the_manual_has_every_word(void **state)
{
    char *manual = read_text(MANUAL);
    const struct preset_word *word;
    char section[64];

    (void)state;
    for (size_t i = 0; (word = preset_key(i)) != NULL; i++) {
        (void)snprintf(section, sizeof(section), "\n.Ss %s\n",
                       word->section[0] != '\0' ? word->section : "Outside of sections");
        if (!has_entry(manual, section, "\n.Ss ", word->name)) {
            fail_msg("%s lacks %s.%s", MANUAL, word->section, word->name);
        }
        assert_true(strlen(word->help) > 0);
    }
    for (size_t i = 0; (word = preset_converter(i)) != NULL; i++) {
        if (!has_entry(manual, "\n.Sh CONVERTERS\n", "\n.Sh ", word->name)) {
            fail_msg("%s lacks converter %s", MANUAL, word->name);
        }
    }
    for (size_t i = 0; (word = preset_placeholder(i)) != NULL; i++) {
        if (!has_entry(manual, "\n.Sh PLACEHOLDERS\n", "\n.Sh ", word->name)) {
            fail_msg("%s lacks placeholder %s", MANUAL, word->name);
        }
    }
    free(manual);
}

/* The examples of the manual are presets: what stands between .Bd -literal and .Ed and has a call
 * list. */
static void the_examples_of_the_manual_load(void **state)
{
    struct config_list params = {.items = {"agency=X"}, .n = 1};
    char *manual = read_text(MANUAL);
    unsigned examples = 0;

    (void)state;
    for (char *at = strstr(manual, "\n.Bd -literal\n"); at != NULL;
         at = strstr(at, "\n.Bd -literal\n")) {
        char *begin = at + strlen("\n.Bd -literal\n");
        char *end = strstr(begin, "\n.Ed\n");
        char *to = begin;
        struct preset *p;

        assert_non_null(end);
        at = end + 1;
        *end = '\0';
        for (const char *from = begin; *from != '\0'; from++) {
            *to++ = *from;
            from += strncmp(from, "\\e", 2) == 0; /* roff's backslash */
        }
        *to = '\0';
        if (strstr(begin, "call list") != NULL) {
            examples++;
            if (load_with(begin, &params, &p) != 0) {
                fail_msg("example %u: %s", examples, faults.texts[0]);
            }
            preset_free(p);
        }
    }
    assert_int_equal(examples, 2);
    free(manual);
}

static void shipped_presets_load(void **state)
{
    static const char *const names[] = {"igate-connector", "igate-search", "vpcp-shape",
                                        "lgsp-hcm",        "ngsp-justice", "oep-soap"};
    struct config_list params = {.items = {"sso=https://x", "agency=X"}, .n = 2};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct preset *p;
        char path[80];

        memset(&faults, 0, sizeof(faults));
        (void)snprintf(path, sizeof(path), "conf/presets/%s.preset", names[i]);
        if (preset_load(path, &params, &p, &faults) != 0) {
            fail_msg("%s", faults.texts[0]);
        }
        assert_true(strlen(p->title) > 0);
        preset_free(p);
    }
}

static void shipped_maps_load(void **state)
{
    static const char *const names[] = {"conf/presets/igate-status.csv",
                                        "conf/presets/ngsp-status.csv"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct errmsg msg = {0};
        struct map *map;

        if (map_load(MAP_STATUS, names[i], &map, &msg) != 0) {
            fail_msg("%s", msg.text);
        }
        assert_true(map_rows(map) > 0);
        map_free(map);
    }
}

static void the_sample_of_bridges_is_a_configuration(void **state)
{
    struct config *config;

    (void)state;
    memset(&faults, 0, sizeof(faults));
    if (config_load("conf/presets/bridge-array.conf", &config, &faults) != 0) {
        fail_msg("%s", faults.texts[0]);
    }
    assert_string_equal(config->portal.transport, "bridge");
    assert_string_equal(config->sources[0].profile, "gateway");
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manual_has_every_word),
        cmocka_unit_test(the_examples_of_the_manual_load),
        cmocka_unit_test(shipped_presets_load),
        cmocka_unit_test(shipped_maps_load),
        cmocka_unit_test(the_sample_of_bridges_is_a_configuration),
    };
    int failed;

    xml_init();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xml_cleanup();
    return failed;
}
