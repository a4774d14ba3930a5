/* ack: tells a source which of its rows are safe. For sources that want to be told (ADAPTER_ACK);
 * one per source, owned by its poller, which adds rows after their COMMIT only.
 *
 * In a flow of kind intake a row is its dossier's code, and it is safe when the sink has the
 * dossier for good: rows that it has not yet are kept until it has, or until the next page. What
 * could not be told is forgotten: the source shows the row again. Loop thread. */
#ifndef SYNC_ACK_H
#define SYNC_ACK_H

#include "sync/flow.h"

#define ACK_ROWS_MAX 2000 /* waiting to be told; as many again may wait for their delivery */

struct ack {
    const struct flow_env *env; /* borrowed, as are name and source */
    const char *name;           /* the flow's */
    struct party *source;
    int64_t flow; /* intake: whose deliveries count; 0: a row is safe as it comes */
    bool stopping;

    struct list queue;   /* struct ack_row, to be told */
    struct list waiting; /* struct ack_row, intake: not at the sink yet */
    size_t n_queue, n_waiting;
    const char **chunk; /* ids being told; owned */
    struct list told;   /* struct ack_row of the chunk */
    size_t n_chunk;
    enum { ACK_REST, ACK_CHECKING, ACK_READY, ACK_TELLING } step;
    struct journal_delivered delivered;
    struct adapter_ack request;
    struct loop_timer timer;
    struct loop_task pump;
    void (*ended)(void *ctx); /* nothing is left to be told */
    void *ctx;

    uint64_t rows, failures; /* told, and calls that failed */
    struct log_limit failure_log;
};

void ack_init(struct ack *a, const struct flow_env *env, const char *name, struct party *source,
              int64_t intake_flow);
/* The row is safe, or (intake) stored. Copied; dropped beyond ACK_ROWS_MAX. */
void ack_add(struct ack *a, const char *id);
/* A new page comes: what still waits for delivery is shown by it again. */
void ack_forget_waiting(struct ack *a);
/* Intake: the sink has this dossier now. */
void ack_delivered(struct ack *a, const char *code);
/* There may be room at the source, or it works again. */
void ack_kick(struct ack *a);
bool ack_idle(const struct ack *a);
/* Tells no more; what is under way ends, then ended is called. */
void ack_stop(struct ack *a);
/* When idle, or when the loop is over. */
void ack_free(struct ack *a);

#endif
