/* verify_journal: what the daemon's journal says, read with SQL alone.
 *
 * Opened read-only beside a running daemon or after it. Used by the oracle only; one thread. The
 * tables and their numbers are those of lib/journal/schema.sql. */
#ifndef VERIFY_JOURNAL_H
#define VERIFY_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#define JOURNAL_ITEMS_MAX 4096  /* of one dossier */
#define JOURNAL_DOUBTS_MAX 4096 /* of one dossier */

enum journal_state {
    JOURNAL_PENDING,
    JOURNAL_INFLIGHT,
    JOURNAL_UNSURE,
    JOURNAL_HELD,
    JOURNAL_DONE,
    JOURNAL_ADOPTED,
    JOURNAL_SUPERSEDED,
    JOURNAL_DROPPED
};

enum { JOURNAL_SNAPSHOT = 1, JOURNAL_STEP = 2, JOURNAL_PROCEDURE = 3 };

struct journal_item {
    int kind;
    int state;
    bool has_reason; /* of a HELD item */
    bool logged;     /* for the caller: found in the ledger */
    char step_key[64];
};

/* An attempt in doubt, of one item. */
struct journal_doubt {
    int kind;
    int64_t begun_ms;
    int64_t ended_ms; /* INT64_MAX while it is open */
    bool used;        /* for the caller: it excused a repeat */
    char step_key[64];
};

struct verify_journal {
    sqlite3 *db; /* NULL: no journal was given */
    bool by_time;
    sqlite3_stmt *items;
    sqlite3_stmt *doubts;
    sqlite3_stmt *mirror;
    sqlite3_stmt *extras;
    struct journal_item item[JOURNAL_ITEMS_MAX]; /* of the dossier read last */
    size_t n_items;
    struct journal_doubt doubt[JOURNAL_DOUBTS_MAX];
    size_t n_doubts;
};

/* by_time: a step's key is the time of its event in UTC seconds, not the source's identity of it.
 * 0, or -1 with the reason on standard error. */
int journal_open(struct verify_journal *j, const char *path, bool by_time);
void journal_close(struct verify_journal *j);

/* Fills item[] with a dossier's items. 0 or -1. */
int journal_read_items(struct verify_journal *j, const char *code);
/* Fills doubt[]: the attempts whose outcome nobody read. 0 or -1. */
int journal_read_doubts(struct verify_journal *j, const char *code);

/* All attempts in doubt that carried a step, an attempt of three steps counted three times. */
int journal_count_step_doubts(struct verify_journal *j, uint64_t *out);
/* HELD items of dossiers. */
int journal_count_held(struct verify_journal *j, uint64_t *out);

/* PRAGMA integrity_check: *sound false with its first words in why. */
int journal_check(struct verify_journal *j, bool *sound, char why[256]);
/* Bodies whose SHA-256 is not the one beside them. */
int journal_bad_bodies(struct verify_journal *j, uint64_t *out);

/* The mirror's row of a procedure: *found, whether it is active and complete (digest and body are
 * there), and its name. */
int journal_read_mirror(struct verify_journal *j, const char *code, bool *found, bool *active,
                        bool *complete, char name[8192]);
/* What the mirror's other lists say of a procedure: the name of the agency that published it (""
 * when the dictionary lacks it), and the level of its services (their codes begin with the
 * procedure's): 2 none, 3 all of them partial by their names, else 4. */
int journal_read_extras(struct verify_journal *j, const char *code, const char *agency,
                        char name[8192], int *level);

#endif
