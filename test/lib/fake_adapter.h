/* fake_adapter: a system that does what the test says, behind the engine's own contract.
 *
 * A struct fake_peer is the system: its dossiers and catalogue (as a source), its ledger (as a
 * sink), its script. It belongs to the test and outlives the adapters opened on it, so that a crash
 * of the daemon leaves it as it was. Answers come on a later turn, after latency_ms of the loop's
 * time; what a call does happens half-way. Bodies are short texts that name a status: "dossier CODE
 * status=4 text". */
#ifndef TEST_FAKE_ADAPTER_H
#define TEST_FAKE_ADAPTER_H

#include "lib/fake_ledger.h"
#include "lib/fake_loop.h"

enum fake_answer {
    FAKE_DONE,
    FAKE_UNSURE_AFTER,  /* accepted, the answer is lost */
    FAKE_UNSURE_BEFORE, /* not accepted, and nobody knows */
    FAKE_TRANSIENT,     /* connect failed */
    FAKE_BUSY,          /* 503 with Retry-After: fake_peer.retry_after_s */
    FAKE_PERMANENT,
    FAKE_PART,    /* of several steps the first is stored, then the call is refused */
    FAKE_BACKOFF, /* refused with words that nobody knows */
    FAKE_EXISTS,
    FAKE_MISSING,
    FAKE_AUTH,
    FAKE_LOGIN,
    FAKE_CONFIG,
    FAKE_HELD,       /* the record can't be mapped when the call is built */
    FAKE_HANG,       /* no answer until cancelled or fake_peer_let_go; nothing is accepted */
    FAKE_HANG_AFTER, /* the same, accepted */
    FAKE_ANSWERS
};
const char *fake_answer_name(enum fake_answer answer); /* "unsure-after" */
bool fake_answer_parse(const char *name, enum fake_answer *out);

enum fake_look {
    FAKE_LOOK_TRUE,
    FAKE_LOOK_UNKNOWN, /* an answer that nobody understands */
    FAKE_LOOK_REFUSED,
    FAKE_LOOK_LOGIN,
    FAKE_LOOK_DOWN
};

struct fake_rule {
    char code[64];         /* "" any */
    char text[32];         /* "" any; else one of the bodies must contain it */
    bool steps, snapshots; /* of what it speaks */
    enum fake_answer answer;
    uint32_t times;
};

struct fake_source_step {
    char key[32];
    char text[64];
    int status;
    int64_t at_s;
};

struct fake_dossier {
    char code[64];
    int status;
    char text[64];
    int64_t at_s, promised_s;
    struct figures figures; /* of its record; agency NULL: none */
    uint64_t seq;           /* of its last change */
    bool gone;
    bool acked;          /* since its last change */
    uint32_t fail_times; /* detail fails so often */
    int fail_err;
    struct fake_source_step *steps; /* owned */
    size_t n_steps, capacity;
};

struct fake_catalog_row {
    enum record_kind kind;
    char code[64], name[64], text[64];
    bool active;
    uint32_t fail_times;
};

/* One call as the peer saw it. */
struct fake_logged {
    uint64_t at_ms;
    char verb; /* 's' send, 'l' look-up */
    char code[64];
    enum record_kind kind;
    bool updating, withdrawn, consented;
    size_t n;
    enum outcome_class outcome; /* OUTCOME_NONE while it runs */
};

struct fake_adapter;

struct fake_peer {
    char name[32];
    struct loop *loop; /* borrowed */

    /* what it can do; set before the engine opens it */
    unsigned caps; /* enum adapter_cap; all verbs are there */
    bool no_lookup_verb, no_list_verb;
    uint64_t latency_ms, poll_latency_ms;
    size_t page_size;   /* rows of a poll, default 100 */
    bool every_row;     /* no "changed since": each poll lists everything */
    bool first_reading; /* says so of each poll (adapter_poll) */
    bool queue;         /* each poll lists what is not acknowledged, from the first */
    bool canonical;     /* dossiers' bodies are canonical records, with a file of this peer's */
    bool no_poll_verb, listens;
    unsigned batch;
    int rank;
    size_t pad_bytes; /* dossiers' bodies are this much longer */

    /* script */
    bool down;    /* nothing connects */
    bool upserts; /* isUpdating may be wrong */
    bool refuses_config;
    uint32_t retry_after_s;
    struct fake_rule *rules; /* owned; the first that fits answers */
    size_t n_rules, rules_capacity;
    enum fake_look look;
    uint32_t look_times; /* then from the ledger */
    uint32_t acks_fail;
    uint32_t checks_fail; /* so many records find no memory to be judged */
    bool acks_forgotten;  /* an acknowledgement succeeds and changes nothing */
    bool listen_fails;
    bool relay_fails;
    bool bodies_json; /* the catalogue's records are JSON that names a decision, not words */
    uint32_t polls_fail, lists_fail,
        list_cut; /* list_cut: so many rows at most, as if complete; 0 all */
    int poll_err;
    bool unmapped[16]; /* statuses that the map lacks */
    bool unwanted[16]; /* statuses that the check refuses (invalid) */
    uint32_t chaos_after, chaos_before, chaos_transient; /* percent of sends */
    uint64_t seed;                                       /* of the chaos; 0 off */

    /* what it holds */
    struct fake_ledger ledger;
    struct fake_dossier *dossiers; /* owned */
    size_t n_dossiers, dossiers_capacity;
    uint64_t seq;
    struct fake_catalog_row *catalog; /* owned */
    size_t n_catalog, catalog_capacity;

    /* what it saw */
    struct fake_logged *log; /* owned */
    size_t n_log, log_capacity;
    uint64_t sends, looks, polls, full_polls, details, lists, catalog_details, acked_calls;
    uint64_t acked_rows, relays, listened, unlistened;
    size_t most_together; /* dossiers in one call */
    uint32_t in_flight, most_in_flight;
    uint32_t most_per_code;
    uint32_t configured; /* reconfigure calls taken */
    const struct config *config;

    struct fake_adapter *adapter; /* the open one, NULL none */
    struct adapter_host *host;    /* while it listens */
};

void fake_peer_init(struct fake_peer *p, const char *name, struct loop *loop);
void fake_peer_free(struct fake_peer *p);

/* Script. code NULL: any; times 0: until fake_peer_obey. */
void fake_peer_answer(struct fake_peer *p, const char *code, enum fake_answer answer,
                      uint32_t times);
void fake_peer_answer_steps(struct fake_peer *p, const char *code, enum fake_answer answer,
                            uint32_t times);
void fake_peer_answer_snapshots(struct fake_peer *p, const char *code, enum fake_answer answer,
                                uint32_t times);
/* Calls that carry a body with this text in it. */
void fake_peer_answer_text(struct fake_peer *p, const char *text, enum fake_answer answer,
                           uint32_t times);
void fake_peer_obey(struct fake_peer *p); /* forgets the rules */
void fake_peer_let_go(
    struct fake_peer *p); /* hanging calls are answered: done when accepted, else transient */

/* As a source. */
void fake_source_put(struct fake_peer *p, const char *code, int status, const char *text);
void fake_source_promise(struct fake_peer *p, const char *code, int64_t promised_s);
/* agency is borrowed. */
void fake_source_agency(struct fake_peer *p, const char *code, const char *agency);
void fake_source_step(struct fake_peer *p, const char *code, const char *key, int status);
void fake_source_fail(struct fake_peer *p, const char *code, int err, uint32_t times);
void fake_source_remove(struct fake_peer *p, const char *code);
struct fake_dossier *fake_source_find(struct fake_peer *p, const char *code);
/* The canonical records of what it holds now, as detail delivers them; code's index is from 0 (the
 * snapshot) to n_steps. body is written into out. */
void fake_source_record(const struct fake_peer *p, const struct fake_dossier *d, size_t index,
                        enum record_kind kind, char *body, size_t size, struct record *out);

/* As a catalogue. */
void fake_catalog_put(struct fake_peer *p, enum record_kind kind, const char *code,
                      const char *name, const char *text);
void fake_catalog_remove(struct fake_peer *p, enum record_kind kind, const char *code);

/* Opens an adapter on a peer. One at a time. */
struct adapter *fake_adapter_open(struct fake_peer *p, const struct config *config);
/* The daemon dies: what is in flight has or has not reached the peer by now, and no answer will be
 * heard; calls made later go nowhere. The adapter still cancels and frees like any other. */
void fake_adapter_cut(struct fake_peer *p);

#endif
