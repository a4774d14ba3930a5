/* fake_world: a whole daemon's engine and journal on the fake loop, between fake peers, for tests
 * and replays.
 *
 * Peers outlive the daemon: a stop, a crash and a restart are calls here. The journal is a real
 * file in a folder of its own; a crash leaves it as the disk would have it and goes on with a copy.
 * What fails in here aborts with a line on stderr. */
#ifndef TEST_FAKE_WORLD_H
#define TEST_FAKE_WORLD_H

#include "lib/fake_adapter.h"
#include "sync/engine.h"

#define WORLD_PEERS 4

struct fake_world {
    struct fake_loop loop;
    struct log log; /* quiet; DVCSYNC_TEST_LOG=1 in the environment shows it */
    struct metrics *metrics;
    struct config config; /* change it before fake_world_start */
    struct fake_peer *portal, *onestop;
    struct fake_peer peers[WORLD_PEERS];
    size_t n_peers;
    char dir[64];
    char path[128];
    uint32_t generation; /* of the journal's file: a crash makes the next */
    struct journal_options options;
    struct journal *journal; /* NULL while stopped */
    struct engine *engine;
    bool forget_doubt; /* the losing control */
    bool closed;
    struct engine_status status; /* of fake_world_status */
    uint64_t events;
    char last_event[480];
    uint32_t crashes;
};

/* A portal, a source "onestop" and a live flow "dossiers" between them; nothing runs yet. */
void fake_world_init(struct fake_world *w);
void fake_world_free(struct fake_world *w); /* stops it when it runs */
/* The same as fixtures of cmocka: *state is the world. */
int fake_world_setup(void **state);
int fake_world_teardown(void **state);
struct fake_peer *fake_world_peer(struct fake_world *w, const char *name);
/* A second flow; the config's arrays have room for a few. */
struct config_flow *fake_world_flow(struct fake_world *w, const char *name, enum flow_kind kind,
                                    const char *from, const char *to);

void fake_world_start(struct fake_world *w);
/* Opens journal and engine, does not start it; the error of whichever failed. */
MUST_CHECK int fake_world_open(struct fake_world *w, struct errmsg *msg);
void fake_world_stop(struct fake_world *w);
/* Begins the clean stop without waiting. */
void fake_world_stop_begin(struct fake_world *w);
/* The process is gone. The peers hear nothing more first; then `turns` more turns of the loop still
 * reach the disk. */
void fake_world_crash(struct fake_world *w, unsigned turns);

void fake_world_run(struct fake_world *w, uint64_t ms);
/* Runs until every flow is idle, at most max_ms. True when idle. */
bool fake_world_settle(struct fake_world *w, uint64_t max_ms);

const struct engine_status *fake_world_status(struct fake_world *w);
const struct engine_flow_status *fake_world_flow_status(struct fake_world *w, const char *flow);
uint64_t fake_world_count(struct fake_world *w, const char *flow, enum item_kind kind,
                          enum item_state state);
uint64_t fake_world_open_items(struct fake_world *w, const char *flow);

/* The newest snapshot's state of a code; ITEM_STATES when there is none. And the hold. */
enum item_state fake_world_state(struct fake_world *w, const char *code, enum hold_why *hold);
/* An act of an operator, waited for. Returns its err; moved may be NULL. */
int fake_world_act(struct fake_world *w, enum journal_act_verb verb, const char *code,
                   enum item_state state, uint32_t *moved);
/* Reads a life; free it with journal_life_free. Its op.err tells. */
void fake_world_life(struct fake_world *w, const char *code, struct journal_life *life);

/* The oracle: source changes whose final content is neither at the sink nor on a HELD item. */
uint64_t fake_world_lost(struct fake_world *w, struct fake_peer *source, struct fake_peer *sink,
                         const char *flow);
/* The oracle: repeats at the sink for which the journal has no attempt in doubt since that was
 * accepted before: of the same step, of any snapshot of the dossier. The sink's ledger counts the
 * same from what it knows; a daemon that forgets its doubts is caught only here. */
uint64_t fake_world_duplicated(struct fake_world *w, const struct fake_peer *sink);

#endif
