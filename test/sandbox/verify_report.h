/* verify_report: what the oracle found, and how it is printed. One thread.
 *
 * Mismatches name a code and a field, never a value: values may be personal data. */
#ifndef VERIFY_REPORT_H
#define VERIFY_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_SHOWN_MAX 20
#define REPORT_PROCEDURES_MAX 5 /* of these: procedures, which are judged first */

struct report {
    uint64_t mismatches;
    size_t n_shown;
    struct {
        char code[64];
        char what[192];
    } shown[REPORT_SHOWN_MAX];
    uint64_t procedures[2]; /* agreed, all */
    uint64_t dossiers[2];
    uint64_t steps[2];
    uint64_t lost;
    uint64_t duplicated;
    uint64_t held;             /* items HELD whose dossier is planted */
    uint64_t planted;          /* dossiers planted to be held */
    uint64_t planted_held;     /* and of these held */
    uint64_t order_violations; /* steps of a dossier that came after a later one */
    uint64_t steps_in_doubt;
    uint64_t calls;
    uint64_t repeats;
    uint64_t snapshot_lines;
    uint64_t step_lines;
    uint64_t stored_twice;
    uint64_t elsewhere; /* procedures only the province has; no mismatch */
    bool journal;       /* one was read */
    const char *title;  /* heads the verdict */
};

/* Counts a mismatch and keeps the first ones. what is printed after the code. */
void report_mismatch(struct report *r, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether all agrees: the exit status 0. */
bool report_agrees(const struct report *r);

/* Prints to standard output, the verdict last; json prints one object before it. */
void report_print(const struct report *r, bool json);

#endif
