/* push_world: what the tests of systems that push at us share: a real loop, a listener on a free
 * port, an engine that does what the test says, and a small HTTP client between turns of the loop.
 */
#ifndef TEST_PUSH_WORLD_H
#define TEST_PUSH_WORLD_H

#include <uv.h>

#include "adapter/adapter.h"

#define PUSH_RECORDS_MAX 64
#define PUSH_OFFERS_MAX 16

enum push_settle {
    PUSH_AT_ONCE, /* settled comes right after done */
    PUSH_IN_TIME  /* when wait_ms is over, or when the adapter hurries */
};

enum push_what { PUSH_NONE, PUSH_OFFER, PUSH_SETTLE, PUSH_ASK, PUSH_RELAY, PUSH_ROWS };

struct push_world {
    uv_loop_t uv;
    struct loop_uv *loop_uv;
    struct loop *loop;
    struct config config;
    struct config_source *source; /* of config */
    struct adapter_env env;
    struct adapter_host host;
    char dir[64];
    uint16_t port; /* of the last server that was opened */
    /* what the engine shall do */
    int offer_err;
    uint64_t commit_ms; /* how long storing takes */
    uint64_t ask_ms;    /* how long an ask takes */
    enum push_settle settle;
    struct adapter_fate fate;
    int ask_err;
    struct adapter_ask answer; /* its out half */
    const char *answer_code;   /* whose; NULL whatever is asked for, else others are unknown */
    int relay_err;
    const char *relay_reply;
    bool relay_waits; /* until push_world_relay */
    const struct record *rows;
    const char *const *row_names;
    size_t n_rows;
    /* what it was asked */
    unsigned n_offers, n_asks, n_relays, n_rows_asked, n_hurried;
    struct {
        enum record_kind kind;
        char code[64];
        char key[64], local_no[64];
        char *body; /* owned */
        bool alone;
        int64_t at_s;
    } records[PUSH_RECORDS_MAX];
    size_t n_records;
    uint64_t wait_ms;
    char asked[64];
    char service[64];
    char request[512];
    /* open ones */
    struct push_pending {
        enum push_what what;
        void *request;
        uint64_t due_ms;
        struct push_world *world;
    } pending[PUSH_OFFERS_MAX];
    struct loop_timer tick;
    struct loop_task turn;
    /* the client's */
    char answer_text[1 << 20];
    unsigned status;
    bool stopped;
};

void push_world_open(struct push_world *w, const char *profile);
void push_world_close(struct push_world *w);
/* The end of a test: a (NULL none) unlistens and is freed, and the world closes. */
void push_world_end(struct push_world *w, struct adapter *a);
/* Writes a file of mode 0400 in the world's folder; returns its path, the caller's buffer. */
const char *push_world_file(struct push_world *w, const char *name, const char *text,
                            char out[128]);
void push_world_relay(struct push_world *w);  /* lets waiting relays answer */
void push_world_forget(struct push_world *w); /* records seen so far */
void push_world_unlisten(struct push_world *w, struct adapter *a);

/* ---- the client ---- */

int push_dial(const struct push_world *w);
void push_put(int fd, const char *text, size_t n);
/* Reads one answer: status and body (answer_text); false when the connection ended before. */
bool push_get(struct push_world *w, int fd);
/* A whole POST or GET on a connection of its own; returns the body. */
const char *push_call(struct push_world *w, const char *method, const char *path,
                      const char *headers, const char *body);
const char *push_post(struct push_world *w, const char *body);
/* Turns of the loop for so long. */
void push_turns(struct push_world *w, unsigned ms);

#endif
