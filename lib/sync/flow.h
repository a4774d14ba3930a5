/* flow: what the parts of one flow share: the process's services and the two parties. Private to
 * sync/. */
#ifndef SYNC_FLOW_H
#define SYNC_FLOW_H

#include "sync/endpoint.h"
#include "sync/engine.h"
#include "sync/policy.h"

/* A system and whether it may be called; shared by every flow that names it. */
struct party {
    struct adapter *adapter; /* owned by the engine */
    struct endpoint endpoint;
    void (*paused)(void *ctx,
                   struct party *party); /* a call's outcome paused it: make it durable */
    void (*room)(void *ctx);             /* a call ended: others may want the place */
    void *ctx;
    const void *refused[2]; /* who found no place of late; compared, never followed */
};

struct flow_env {
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct journal *journal;
    void (*event)(void *ctx, enum log_level level, const char *kind, const char *text);
    void *event_ctx;
    bool forget_doubt; /* tests only */
    bool log_codes;    /* codes of dossiers in log lines; else a short digest of them */
};

/* Logs a line and shows it as an event. */
void flow_say(const struct flow_env *env, enum log_level level, const char *kind, const char *flow,
              const char *format, ...) __attribute__((format(printf, 5, 6)));

/* As endpoint_wait_ms, for a part of a flow; notes who finds no place. */
uint64_t party_wait_ms(struct party *party, enum endpoint_lane lane, const void *who,
                       uint64_t now_ms);
/* Whether anybody but who found no place in this round. Whose call ends then lets the others go
 * first: a backlog has its next call always at hand and would take each place. */
bool party_wanted(const struct party *party, const void *who);
/* A round begins: who finds no place in it leaves word again. */
void party_round(struct party *party);
/* The end of a call at a party: breaker, window, pauses; logs a change of the breaker. */
void party_end(const struct flow_env *env, struct party *party, const struct outcome *outcome);
/* The same of a call that only read. */
void party_read(const struct flow_env *env, struct party *party, int err, const struct errmsg *why);
/* Does to a party what the policy decided about it; before party_end. */
void party_act(const struct flow_env *env, struct party *party, enum endpoint_action action,
               const struct outcome *outcome);
/* Pauses and tells the engine, which keeps it in the journal. */
void party_pause(const struct flow_env *env, struct party *party, const char *reason);

/* A record as the sink judges it. */
struct flow_judged {
    struct adapter_check check;
    struct journal_record stored; /* for journal_append_add; borrows from check and record */
};
/* sink may be NULL. by_content: a step too is known by what the sink would hold of it. 0, or
 * ERR_NOMEM: not judged, the record must come again. */
MUST_CHECK int flow_judge(const struct party *sink, const struct record *record, bool by_content,
                          struct flow_judged *out);

#endif
