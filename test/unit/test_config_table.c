/* The table of keys against what people read: the packaged file and the manual. Run from the top of
 * the source tree. */
#include "config/config_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config_impl.h"

#define PACKAGED "conf/dvcsyncd.conf"
#define MANUAL "doc/dvcsyncd.conf.5"
#define MAX_TEXT 200000

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, MAX_TEXT);

    assert_non_null(file);
    assert_non_null(text);
    assert_true(fread(text, 1, MAX_TEXT - 1, file) < MAX_TEXT - 1);
    (void)fclose(file);
    return text;
}

/* The part from a mark to an end behind it, as a copy. */
static char *part(const char *text, const char *mark, const char *end)
{
    const char *start = mark[0] == '\0' ? text : strstr(text, mark);
    const char *stop;

    if (start == NULL) {
        fail_msg("no \"%s\"", mark);
    }
    stop = strstr(start + strlen(mark), end);
    return strndup(start, stop != NULL ? (size_t)(stop - start) : strlen(start));
}

/* A row's default as a file writes it. */
static void put_default(const struct config_row *row, struct buf *out)
{
    static const bool quoted[CONFIG_TYPES] = {[CONFIG_STRING] = true,
                                              [CONFIG_CHOICE] = true,
                                              [CONFIG_CHOICE_ENUM] = true,
                                              [CONFIG_TIME] = true,
                                              [CONFIG_DATE] = true};
    const char *text = row->info.default_text;

    if (row->type == CONFIG_LIST) {
        buf_puts(out, text[0] != '\0' ? "{\"" : "{");
        for (; *text != '\0'; text++) {
            if (strncmp(text, ", ", 2) == 0) {
                buf_puts(out, "\", \"");
                text++;
            } else {
                buf_putc(out, *text);
            }
        }
        buf_puts(out, row->info.default_text[0] != '\0' ? "\"}" : "}");
    } else {
        buf_printf(out, quoted[row->type] ? "\"%s\"" : "%s", text);
    }
}

/* Runs of blanks, line ends and comment signs as one blank each: lists may go over several lines.
 */
static void flatten(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        bool blank = strchr(" \n#", *from) != NULL;

        if (!blank) {
            *to++ = *from;
        } else if (to > text && to[-1] != ' ') {
            *to++ = ' ';
        }
    }
    *to = '\0';
}

static void rows_are_sound(void **state)
{
    const struct config_row *row;

    (void)state;
    for (size_t i = 0; (row = config_row_at(i)) != NULL; i++) {
        assert_ptr_equal(config_row_find(row->section, row->info.name), row);
        assert_ptr_equal(config_key(i), &row->info);
        assert_string_equal(row->info.section, config_section_name(row->section));
        assert_true(row->info.help[0] != '\0' && strchr(row->info.help, '\n') == NULL);
        assert_true(row->min <= row->max);
        assert_true((row->type == CONFIG_CHOICE || row->type == CONFIG_CHOICE_ENUM) ==
                    (row->choices != NULL));
    }
    assert_null(config_key(10000));
    for (enum config_section s = SECTION_TOP; s < SECTION_COUNT; s++) {
        size_t n;

        (void)config_rows_of(s, &n);
        assert_in_range(n, 1, CONFIG_MAX_ROWS);
    }
}

static const char *const *text_at(const void *base, const struct config_row *row)
{
    return (const char *const *)(const void *)((const char *)base + row->offset);
}

/* A key that is forgotten would dangle after the next reload. */
static void a_copied_section_shares_no_text(void **state)
{
    static struct config_source source = {.name = "one"};
    static struct config_source copy;
    struct arena arena;
    const struct config_row *rows;
    size_t n;

    (void)state;
    rows = config_rows_of(SECTION_SOURCE, &n);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].type == CONFIG_STRING || rows[i].type == CONFIG_CHOICE) {
            *(const char **)(void *)((char *)&source + rows[i].offset) = rows[i].info.name;
        }
    }
    source.params = (struct config_list){{"a=1", "b=2"}, 2};
    source.full_sweep_at = NULL;
    arena_init(&arena, 100000);
    assert_int_equal(config_source_copy(&source, &arena, &copy), 0);
    assert_string_equal(copy.name, "one");
    assert_ptr_not_equal(copy.name, source.name);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].type == CONFIG_STRING || rows[i].type == CONFIG_CHOICE) {
            assert_string_equal(*text_at(&copy, &rows[i]), rows[i].info.name);
            assert_ptr_not_equal(*text_at(&copy, &rows[i]), rows[i].info.name);
        }
    }
    assert_string_equal(copy.params.items[1], "b=2");
    assert_ptr_not_equal(copy.params.items[1], source.params.items[1]);
    assert_string_equal(copy.full_sweep_at, "");
    arena_free(&arena);
    arena_init(&arena, 8);
    assert_int_equal(config_source_copy(&source, &arena, &copy), ERR_NOMEM);
    arena_free(&arena);
}

static void the_packaged_file_has_every_key_with_its_default(void **state)
{
    char *text = read_text(PACKAGED);
    const struct config_row *row;
    size_t in_table = 0;
    size_t in_file = 0;

    (void)state;
    for (; (row = config_row_at(in_table)) != NULL; in_table++) {
        char mark[64];
        struct buf line;
        char *section;

        (void)snprintf(mark, sizeof(mark), "%s%s", row->info.section[0] != '\0' ? "\n#" : "",
                       row->info.section);
        section = part(text, mark, row->info.section[0] != '\0' ? "\n#}" : "\n#portal {");
        flatten(section);
        buf_init(&line, 2000);
        buf_printf(&line, " %s = ", row->info.name);
        put_default(row, &line);
        if (strstr(section, buf_text(&line)) == NULL) {
            fail_msg("%s: section \"%s\" lacks%s", PACKAGED, row->info.section, buf_text(&line));
        }
        buf_free(&line);
        free(section);
    }
    for (const char *at = strstr(text, " = "); at != NULL; at = strstr(at + 1, " = ")) {
        in_file++;
    }
    assert_int_equal(in_file, in_table);
    free(text);
}

/* With its comment signs taken away the packaged file is a configuration: only values of its owner
 * are missing. */
static void the_packaged_file_is_a_configuration(void **state)
{
    char *text = read_text(PACKAGED);
    char path[] = "/tmp/test_config_table.XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct config *config;
    struct config_faults faults;

    (void)state;
    assert_non_null(file);
    assert_int_equal(config_load(PACKAGED, &config, &faults), ERR_CONFIG);
    assert_int_equal(faults.n, 1);
    assert_non_null(strstr(faults.texts[0], "no flow is configured"));
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        bool prose = strncmp(line, "# ", 2) == 0 && line[2] != ' ';

        (void)fprintf(file, "%s\n", prose ? "" : line + (line[0] == '#'));
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(config_load(path, &config, &faults), ERR_CONFIG);
    for (size_t i = 0; i < faults.n; i++) {
        if (strstr(faults.texts[i], "required") == NULL &&
            strstr(faults.texts[i], "NAME") == NULL) {
            fail_msg("%s", faults.texts[i]);
        }
    }
    assert_int_equal(faults.n, 6); /* adapter_url, agency_code, username, url, from, kind */
    (void)unlink(path);
    free(text);
}

static void the_manual_describes_every_key(void **state)
{
    static const char *const headings[SECTION_COUNT] = {
        "\n.Ss Outside of sections\n", "\n.Ss Section portal\n",    "\n.Ss Section source NAME\n",
        "\n.Ss Section flow NAME\n",   "\n.Ss Section retry\n",     "\n.Ss Section journal\n",
        "\n.Ss Section maps\n",        "\n.Ss Section reconcile\n", "\n.Ss Section deadlines\n",
        "\n.Ss Section integrity\n"};
    char *text = read_text(MANUAL);
    char *keys = part(text, "\n.Sh KEYS\n", "\n.Sh ");
    const struct config_row *row;
    size_t in_table = 0;
    size_t in_manual = 0;

    (void)state;
    for (; (row = config_row_at(in_table)) != NULL; in_table++) {
        char *section = part(keys, headings[row->section], "\n.El\n");
        char *item;
        char mark[64];
        struct buf line;

        (void)snprintf(mark, sizeof(mark), "\n.It Cm %s\n", row->info.name);
        item = part(section, mark, "\n.It ");
        buf_init(&line, 2000);
        buf_printf(&line, "\nType: %s. ", row->info.type);
        if ((row->flags & ROW_REQUIRED) != 0 && row->info.default_text[0] == '\0') {
            buf_puts(&line, "Required.");
        } else {
            buf_puts(&line, "Default: ");
            put_default(row, &line);
            buf_putc(&line, '.');
        }
        buf_puts(&line, " Allowed: ");
        config_value_allowed(row, &line);
        buf_putc(&line, '.');
        if (strstr(item, buf_text(&line)) == NULL) {
            fail_msg("%s: %s lacks: %s", MANUAL, mark + 1, buf_text(&line));
        }
        if (((row->flags & ROW_FIXED) != 0) !=
            (strstr(item, "A reload can not change it") != NULL)) {
            fail_msg("%s: %s: whether a reload changes it", MANUAL, mark + 1);
        }
        buf_free(&line);
        free(item);
        free(section);
    }
    for (const char *at = strstr(keys, ".It "); at != NULL; at = strstr(at + 1, ".It ")) {
        in_manual++;
    }
    assert_int_equal(in_manual, in_table);
    free(keys);
    free(text);
}

static void the_manuals_example_loads(void **state)
{
    char *text = read_text(MANUAL);
    char *example = part(text, "\n.Bd -literal\n", "\n.Ed\n");
    char path[] = "/tmp/test_config_table.XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct config *config;
    struct config_faults faults;

    (void)state;
    assert_non_null(file);
    (void)fputs(strchr(example + 1, '\n') + 1, file);
    (void)fputc('\n', file);
    assert_int_equal(fclose(file), 0);
    if (config_load(path, &config, &faults) != 0) {
        fail_msg("%s", faults.texts[0]);
    }
    assert_int_equal(config->n_flows, 2);
    config_free(config);
    (void)unlink(path);
    free(example);
    free(text);
}

static void near_words_are_found(void **state)
{
    static const char *const list[] = {"portal", "source", "journal", NULL};

    (void)state;
    assert_string_equal(config_nearest("portl", list), "portal");
    assert_string_equal(config_nearest("suorce", list), "source");
    assert_string_equal(config_nearest("jour", list), "journal");
    assert_null(config_nearest("retry", list));
    assert_null(config_nearest("", list));
    assert_null(config_nearest("a word that is far longer than any key could ever be", list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sound),
        cmocka_unit_test(a_copied_section_shares_no_text),
        cmocka_unit_test(the_packaged_file_has_every_key_with_its_default),
        cmocka_unit_test(the_packaged_file_is_a_configuration),
        cmocka_unit_test(the_manual_describes_every_key),
        cmocka_unit_test(the_manuals_example_loads),
        cmocka_unit_test(near_words_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
