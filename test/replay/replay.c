/* The runner: reads scenarios, runs each in a fresh world, prints one line for each and the sum. */
#include "replay/replay.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *replay_wrong(struct replay *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(r->why, sizeof(r->why), format, args);
    va_end(args);
    return r->why;
}

bool replay_number(const char *text, uint64_t *n)
{
    char *end;

    *n = strtoull(text, &end, 10);
    return end != text && *end == '\0' && text[0] != '-';
}

bool replay_duration(const char *text, uint64_t *ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end;
    uint64_t n = strtoull(text, &end, 10);

    for (size_t i = 0; end != text && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *ms = n * units[i].ms;
            return true;
        }
    }
    return false;
}

static void split(char *line, struct words *words)
{
    char *at = line;

    memset(words, 0, sizeof(*words));
    line[strcspn(line, "#\n")] = '\0';
    for (at += strspn(at, " \t"); *at != '\0' && words->n < REPLAY_WORDS; at += strspn(at, " \t")) {
        size_t len = strcspn(at, " \t");
        bool last = at[len] == '\0';

        (void)snprintf(words->rest_of[words->n], sizeof(words->rest_of[0]), "%s", at);
        at[len] = '\0';
        words->w[words->n++] = at;
        at += len + !last;
    }
}

/* NULL when the whole file went well. */
static const char *run(struct replay *r, FILE *file)
{
    char line[400];
    struct words words;
    const char *why = NULL;

    while (why == NULL && fgets(line, sizeof(line), file) != NULL) {
        r->line++;
        split(line, &words);
        if (words.n > 0) {
            why = replay_command(r, &words);
        }
    }
    if (why == NULL && r->expectations == 0) {
        why = replay_wrong(r, "the scenario expects nothing");
    }
    return why;
}

static bool play(const char *path)
{
    struct replay *r = calloc(1, sizeof(*r));
    FILE *file = fopen(path, "r");
    const char *why;

    if (r == NULL || file == NULL) {
        (void)printf("FAILED %s: it can't be read\n", path);
        free(r);
        return false;
    }
    r->path = path;
    fake_world_init(&r->world);
    why = run(r, file);
    if (why != NULL) {
        (void)printf("FAILED %s:%u: %s\n", path, r->line, why);
    } else {
        (void)printf("ok     %s: %u expectations in %.1f hours\n", path, r->expectations,
                     (double)(r->world.loop.now_ms - FAKE_LOOP_START_MS) / 3600000.0);
    }
    (void)fclose(file);
    fake_world_free(&r->world);
    free(r);
    return why == NULL;
}

int main(int argc, char **argv)
{
    unsigned passed = 0;
    unsigned failed = 0;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: %s SCENARIO...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        if (play(argv[i])) {
            passed++;
        } else {
            failed++;
        }
    }
    (void)printf("%u passed, %u failed\n", passed, failed);
    return failed > 0 ? 1 : 0;
}
