/* fuzz: what the fuzz targets share: taking an input apart, checks that end the run, files.
 *
 * A target is one fuzz_NAME.c with LLVMFuzzerTestOneInput. It is linked with libFuzzer, with AFL++,
 * or with once.c, which runs given files. A target keeps nothing between inputs. Main thread. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "domain/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Optional in a target; called once before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* A property that must hold for every input. */
#define FUZZ_CHECK(condition, ...)                                                                 \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fuzz_fail(__FILE__, __LINE__, #condition, __VA_ARGS__);                                \
        }                                                                                          \
    } while (0)
/* Says what failed, then aborts. */
void fuzz_fail(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

/* An input that is taken from its front. */
struct fuzz_in {
    const uint8_t *at;
    size_t n;
};

uint8_t fuzz_byte(struct fuzz_in *in); /* 0 when nothing is left */
/* A terminated copy of the rest, the caller's to free; so that the sanitizer sees its end. */
char *fuzz_text(const struct fuzz_in *in);
/* The bytes before the next 0x1F (or the end), as a terminated copy without NUL; the separator is
 * passed over. So that a readable corpus can hold several texts. */
char *fuzz_word(struct fuzz_in *in);

/* How an input is cut into pieces: a byte each gives a length. */
struct fuzz_cuts {
    uint8_t sizes[8];
    size_t at;
};
/* Takes 8 bytes: the sizes. */
void fuzz_cuts_take(struct fuzz_in *in, struct fuzz_cuts *cuts);
/* The length of the next piece of n bytes, at least 1. */
size_t fuzz_cut(struct fuzz_cuts *cuts, size_t n);

/* A folder of this process under $TMPDIR, removed at its end. */
const char *fuzz_dir(void);
/* Writes a file there, mode 0600; its path stays until the next call. */
const char *fuzz_file(const char *name, const void *bytes, size_t n);

struct config;
/* A configuration from a text, kept for the life of the process. Ends the run when it is faulty.
 * Every '@' stands for the path of a file with a password. */
const struct config *fuzz_config(const char *text);

/* Every record that a parser gives out can be stored and read back: its fields are texts in UTF-8,
 * its body is ours, and encoding what was decoded gives the same bytes and the same hash. */
void fuzz_record(const struct record *record);

#endif
