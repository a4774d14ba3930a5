/* fake_adapter_impl: the inside of the fake adapter: fake_adapter.c runs calls, fake_sink.c decides
 * what a writing call does, fake_reads.c answers polls, details and lists. */
#ifndef TEST_FAKE_ADAPTER_IMPL_H
#define TEST_FAKE_ADAPTER_IMPL_H

#include "lib/fake_adapter.h"

enum fake_verb { VERB_POLL, VERB_DETAIL, VERB_ACK, VERB_SEND, VERB_LOOKUP, VERB_LIST, VERB_RELAY };

struct fake_adapter {
    struct adapter base;
    struct adapter_ops ops;
    struct fake_peer *peer; /* NULL once it was cut off */
    struct loop *loop;
    struct list open;
    size_t every_at; /* where a listing of everything stands */
    bool full;
    struct loop_task unlistened;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

struct fake_call {
    struct list link;
    struct loop_timer timer;
    struct fake_adapter *adapter;
    enum fake_verb verb;
    union {
        struct adapter_poll *poll;
        struct adapter_detail *detail;
        struct adapter_ack *ack;
        struct adapter_send *send;
        struct adapter_lookup *lookup;
        struct adapter_list *list;
        struct adapter_relay *relay;
    } to;
    enum fake_answer answer;
    size_t logged; /* index in the peer's log */
    struct outcome outcome;
    enum lookup_answer look;
    int look_status;
    bool arrived, accepted, canceled;
};

/* The sink's side. */
void fake_sink_check(struct adapter *a, struct adapter_check *c);
/* The call has reached the peer: decides the answer, and stores what is accepted. */
void fake_sink_arrive(struct fake_call *c);
void fake_sink_look(struct fake_call *c);
void fake_sink_outcome(struct outcome *o, enum fake_answer answer, const struct fake_peer *p);

/* How many dossiers a call carries, and the code of each. */
size_t fake_send_dossiers(const struct adapter_send *send);
const char *fake_send_code(const struct adapter_send *send, size_t i);

/* The source's side; each calls done. */
void fake_read_poll(struct fake_adapter *a, struct adapter_poll *poll);
void fake_read_detail(struct fake_peer *p, struct adapter_detail *detail);
void fake_read_list(struct fake_peer *p, struct adapter_list *list);
void fake_read_ack(struct fake_peer *p, struct adapter_ack *ack);

#endif
