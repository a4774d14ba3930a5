/* world: an adapter between a loop that stands still and a peer that answers what the input says.
 *
 * Every body of the input is the answer to one call, in their order; what is asked beyond them is
 * not answered (HTTP_NOT_SENT). The adapter is opened for each input, so that nothing of one input
 * is known to the next. Main thread. */
#ifndef TEST_FUZZ_WORLD_H
#define TEST_FUZZ_WORLD_H

#include "adapter/adapter.h"
#include "fuzz/fuzz.h"
#include "lib/fake_http.h"
#include "lib/fake_loop.h"

#define WORLD_ANSWERS 12
#define WORLD_PATIENCE_MS UINT64_C(3600000) /* virtual: every call has ended by then */

struct fuzz_world {
    struct fake_loop loop;
    struct fake_http *http;
    struct log log; /* goes nowhere */
    struct adapter_env env;
    const struct config *config; /* borrowed */
    struct adapter *adapter;
    char *answers[WORLD_ANSWERS]; /* owned */
    size_t n_answers, at;
    long status;       /* of the first answer */
    const char *login; /* the answer to a call whose address holds "login"; NULL: as any other */
    unsigned calls;    /* made so far */
    /* what the callbacks said */
    int ended; /* of the request at work */
    int err;
    char id[128];     /* of the first row */
    char cursor[512]; /* of the last poll */
    size_t n_rows, n_records;
    bool more;
};

/* Takes status and answers from the input, which it uses up. */
void fuzz_world_open(struct fuzz_world *w, const struct config *config, struct fuzz_in *in);
/* Opens the adapter of an endpoint. */
void fuzz_world_adapter(struct fuzz_world *w, const char *endpoint);
void fuzz_world_close(struct fuzz_world *w);

/* Each asks and waits until it has ended; every record that comes out is checked. */
void fuzz_world_poll(struct fuzz_world *w, bool full);
void fuzz_world_detail(struct fuzz_world *w, enum record_kind kind, const char *id);
void fuzz_world_list(struct fuzz_world *w, enum record_kind kind);
void fuzz_world_ack(struct fuzz_world *w, const char *id);
void fuzz_world_lookup(struct fuzz_world *w, const char *code, struct adapter_lookup *out);
void fuzz_world_send(struct fuzz_world *w, const struct record *record, struct outcome *out);
void fuzz_world_relay(struct fuzz_world *w, const char *service);

#endif
