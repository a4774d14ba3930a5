/* opencps_impl: what the files of the opencps adapter share; nobody else includes it. */
#ifndef ADAPTER_OPENCPS_IMPL_H
#define ADAPTER_OPENCPS_IMPL_H

#include "adapter/adapter.h"
#include "adapter/opencps_call.h"
#include "adapter/opencps_plan.h"
#include "adapter/opencps_read.h"
#include "base/list.h"

struct listen;

#define OPENCPS_ARENA_MAX (24u << 20) /* bytes kept of one answer or one dossier */
#define OPENCPS_CODES_MAX 20000       /* procedures of one site */

struct opencps;

/* ---- opencps_dict.c: the site's step configurations ---- */

/* Somebody who needs them. */
struct opencps_wait {
    struct list link;
    void (*ready)(struct opencps_wait *wait, int err, const struct errmsg *why);
};

struct opencps_dict {
    struct arena arena; /* of steps */
    struct opencps_steps steps;
    bool loaded;
    uint64_t loaded_ms, asked_ms;
    struct opencps_call call;
    struct arena fresh_arena; /* of the answer that is being read */
    struct opencps_steps fresh;
    struct list waits;
};

void opencps_dict_init(struct opencps_dict *dict);
void opencps_dict_free(struct opencps_dict *dict);
/* There and less than a day old, or asked for so recently that asking again would not help. */
bool opencps_dict_usable(const struct opencps *o);
/* A code that is not there may have been added since: true when asking again is due. */
bool opencps_dict_stale_for(const struct opencps *o, const struct opencps_actions *actions);
/* Asks (once for all who wait); ready comes later. */
void opencps_dict_wait(struct opencps *o, struct opencps_wait *wait);
/* Hands the states that the sweeps must cover by this configuration to the plan. An error may leave
 * some of them handed over: tell it once more, with what is in force. */
MUST_CHECK int opencps_dict_tell_plan(struct opencps *o, const struct config *config,
                                      const struct config_source *source, struct errmsg *msg);

/* ---- the instance ---- */

struct opencps_poll {
    struct adapter_poll *poll; /* NULL: none open */
    bool canceled;
    struct opencps_wait wait;
    struct opencps_call call;
    struct opencps_query query;
    struct arena arena;
    struct opencps_page page;
    struct loop_task task;
};

/* One of the other verbs, from malloc, in opencps.ops while open. */
struct opencps_op {
    struct list link;
    struct opencps *o;
    bool canceled;
    struct opencps_call call;
    struct arena arena;
    struct loop_task task;
};

/* The site's own code of a procedure whose national code is another. */
struct opencps_code {
    const char *national;
    const char *local;
};
struct opencps_codes {
    struct arena arena;
    struct opencps_code *list; /* sorted by national; in the arena */
    size_t n;
};

/* The receiver of POST .../dossiers/publish. */
struct opencps_publish {
    struct listen *listen;     /* NULL: not listening */
    struct adapter_host *host; /* borrowed while listening */
    unsigned open;             /* notices that wait for their commit */
    bool closing;
    void (*stopped)(void *ctx); /* of unlisten */
    void *stopped_ctx;
    struct loop_task stop_task;
    uint64_t taken; /* acknowledged */
};

struct opencps {
    struct adapter adapter; /* first */
    struct adapter_env env;
    char *name; /* owned */
    struct opencps_wire wire;
    struct opencps_plan *plan;
    struct opencps_dict dict;
    struct opencps_poll poll;
    struct opencps_codes codes; /* of the last whole list */
    struct opencps_publish publish;
    struct list ops;
};

static inline struct opencps *opencps_self(struct adapter *a)
{
    return (struct opencps *)(void *)a;
}

static inline const struct config_source *opencps_source(const struct opencps *o)
{
    return &o->wire.settings->source;
}

/* A zeroed op of size bytes (struct opencps_op first), in ops. Aborts without memory: small and
 * fixed. */
void *opencps_op_new(struct opencps *o, size_t size, void (*run)(struct loop_task *task));
/* Out of ops: the caller's callback may come now. */
void opencps_op_close(struct opencps_op *op);
void opencps_op_free(struct opencps_op *op);

/* ---- verbs ---- */

void opencps_poll_init(struct opencps *o);
void opencps_poll_verb(struct adapter *a, struct adapter_poll *poll);       /* opencps_poll.c */
void opencps_detail_verb(struct adapter *a, struct adapter_detail *detail); /* opencps_detail.c */
void opencps_detail_procedure(struct opencps *o,
                              struct adapter_detail *detail); /* opencps_catalog.c */
void opencps_check_verb(struct adapter *a, struct adapter_check *check);
void opencps_send_verb(struct adapter *a, struct adapter_send *send);
/* A procedure, under its national code, as the site can hold it: what agreement compares on both
 * sides. */
MUST_CHECK int opencps_view(const struct adapter_env *env, const struct procedure *p,
                            struct arena *a, struct record *out, struct errmsg *msg);
/* 4, 2, or 0 while the catalogue's services are not known. */
int opencps_level(const struct adapter_env *env, const char *national);
/* The check of a procedure; check is filled but for what differs from "fine". */
void opencps_check_procedure(const struct adapter_env *env, struct adapter_check *check);
void opencps_send_dossier(struct opencps *o, struct adapter_send *send); /* opencps_intake.c */
/* opencps_publish.c: what the site pushes. */
int opencps_listen_verb(struct adapter *a, struct adapter_host *host, struct errmsg *msg);
void opencps_unlisten_verb(struct adapter *a, void (*stopped)(void *ctx), void *ctx);
size_t opencps_notes_verb(struct adapter *a, struct adapter_note notes[ADAPTER_NOTES_MAX]);
void opencps_publish_init(struct opencps *o);
/* Whether a source's publish keys can be used; fine without `listen`. */
MUST_CHECK int opencps_publish_check(const struct config_source *source, struct errmsg *msg);
/* New values from a reload; a listener can't be added or taken away by one. */
MUST_CHECK int opencps_publish_change(struct opencps *o, const struct config_source *source,
                                      struct errmsg *msg);
void opencps_list_verb(struct adapter *a, struct adapter_list *list); /* opencps_list.c */
void opencps_codes_free(struct opencps_codes *codes);
/* The site's code for a national one; borrowed. */
const char *opencps_code_local(const struct opencps *o, const char *national);

#endif
