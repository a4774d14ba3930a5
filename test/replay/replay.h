/* replay: text scenarios run against a whole engine on fake time; see README.md here for the
 * language.
 *
 * One command a line. A command is a row of a const table and a function; a function gets the words
 * of its line and answers with NULL or with what is wrong, for a person. */
#ifndef TEST_REPLAY_H
#define TEST_REPLAY_H

#include "lib/fake_world.h"

#define REPLAY_WORDS 16

struct replay {
    struct fake_world world;
    struct config spare[2]; /* what reloads hand over, in turn: the engine keeps looking at one */
    unsigned reloads;
    const char *path;
    unsigned line;
    unsigned expectations;
    uint64_t sends_mark, looks_mark, effects_mark, repeats_mark; /* set by `mark` */
    size_t log_mark;
    char why[300]; /* of the last failed command */
};

struct words {
    const char *w[REPLAY_WORDS];
    size_t n;
    char rest_of[REPLAY_WORDS][200]; /* the line from word i on */
};

/* NULL, or r->why filled and returned. */
const char *replay_wrong(struct replay *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Runs one line's words; NULL when it went well. */
const char *replay_command(struct replay *r, const struct words *words);
const char *replay_expect(struct replay *r, const struct words *words);

/* "90s", "30m", "2h", "5d", "200ms". */
bool replay_duration(const char *text, uint64_t *ms);
bool replay_number(const char *text, uint64_t *n);

#endif
