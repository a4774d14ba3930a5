/* journal_fixture: a journal in a directory of its own on a loop that the test turns.
 *
 * Requests run to their end inside one call; every check of the fixture also recounts what the
 * journal keeps in sums and holds its rows against each other. Failures end the test. */
#ifndef TEST_JOURNAL_FIXTURE_H
#define TEST_JOURNAL_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/journal.h"
#include "lib/fake_loop.h"

#define FIXTURE_FLOW "dossiers"
#define FIXTURE_FIRST_S INT64_C(1763600000) /* source time of version 1 and of step times 0 */

struct fixture {
    struct fake_loop loop;
    struct journal_options options;
    struct metrics *metrics;
    struct journal *journal; /* NULL when closed */
    int64_t flow;
    unsigned changes; /* calls of journal_on_change */
    char dir[64];
    char path[96];
};

/* A fresh directory with an open journal in it, one flow named. */
void fixture_open(struct fixture *f);
/* Opens what lies in the directory; the error of journal_open. */
int fixture_try_open(struct fixture *f, struct errmsg *msg);
void fixture_close_journal(struct fixture *f);
/* Close and open again: a clean restart. */
void fixture_restart(struct fixture *f);
/* kill -9: the files as they stand now are all that is left. */
void fixture_crash(struct fixture *f);
/* Checks everything a last time, closes, removes the directory. */
void fixture_end(struct fixture *f);

uint64_t fixture_wall_ms(const struct fixture *f);

/* Before a request is started, and until its callback has come. */
void fixture_expect(struct fixture *f, struct journal_op *op);
int fixture_wait(struct fixture *f, struct journal_op *op);
bool fixture_ended(const struct journal_op *op);
/* The err of a request that has ended by itself meanwhile. */
int fixture_wait_ended(struct journal_op *op);
/* Starts a request and gives its err. */
#define FIXTURE_RUN(f, start, request)                                                             \
    (fixture_expect((f), &(request)->op), start((f)->journal, (request)),                          \
     fixture_wait((f), &(request)->op))

/* ---- records ---- */

struct fixture_record {
    const char *code;
    const char *content; /* equal content, equal hash */
    const char *step;    /* NULL: a snapshot */
    int status;
    int64_t at_s; /* from FIXTURE_FIRST_S */
    int64_t promised_s;
    enum hold_why hold;
    bool solo;
    const char *local_no;
    const char *digest; /* equal digest, equal hash, whatever else differs; NULL: none */
    const char *source; /* NULL: the flow has one */
    int rank;
    const char *part;
    int64_t part_at_s; /* from FIXTURE_FIRST_S */
};
/* Adds one record to a request that is being filled. */
void fixture_add(struct journal_append *a, const struct fixture_record *r);
/* Appends n records in one request. The counts stay in the answer. */
struct fixture_appended {
    uint32_t stored, unchanged, replaced, held;
} fixture_append(struct fixture *f, const struct fixture_record *records, size_t n);
struct fixture_appended fixture_snapshot(struct fixture *f, const char *code, const char *content,
                                         int status);
struct fixture_appended fixture_step(struct fixture *f, const char *code, const char *key,
                                     int64_t at_s, int status);

/* A request with one snapshot, started but not waited for; and its end, which has come by itself.
 */
void fixture_start_snapshot(struct fixture *f, struct journal_append *a, const char *code,
                            const char *content);
void fixture_end_snapshot(struct journal_append *a, int err);

/* ---- calls ---- */

/* A claim with a sink that can look up; change it before fixture_claim. */
void fixture_claim_init(struct fixture *f, struct journal_claim *c);
/* Runs it; at most max calls go into calls, more fail the test. */
size_t fixture_claim(struct fixture *f, struct journal_claim *c, struct journal_call **calls,
                     size_t max);
/* The one call that is due; fails unless there is exactly one. */
struct journal_call *fixture_claim_one(struct fixture *f);
/* Nothing is due. */
void fixture_claim_none(struct fixture *f);
/* As the engine would: DONE, PENDING (in 30 s), UNSURE (in 30 s, in doubt) or HELD (refused). */
void fixture_decide(struct fixture *f, struct journal_finish *finish,
                    const struct journal_call *call, enum item_state to);
/* Runs it, frees the call, gives `became`. */
enum item_state fixture_finish(struct fixture *f, struct journal_finish *finish,
                               struct journal_call *call);
enum item_state fixture_end_call(struct fixture *f, struct journal_call *call, enum item_state to);
/* Claims and acknowledges until nothing is due; gives the number of calls. */
size_t fixture_deliver_all(struct fixture *f);

/* ---- looking beside the journal ---- */

/* One number, or one text, of the file as committed; the format makes an SQL statement. */
int64_t fixture_number(const struct fixture *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Kept until the next call. */
const char *fixture_text(struct fixture *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Changes the file behind the journal's back. */
void fixture_tamper(const struct fixture *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* States of a code's items in order of id: "SPECIAL" letters, snapshots upper case: P I U H D A S X
 * (X: DROPPED), steps lower case. */
const char *fixture_states(struct fixture *f, const char *code);
/* The n-th item (from 0) of a code. */
int64_t fixture_item(const struct fixture *f, const char *code, int n);
/* Tallies equal a recount, scheduling columns fit the items, bodies stand where they must. */
void fixture_check(struct fixture *f);

#endif
