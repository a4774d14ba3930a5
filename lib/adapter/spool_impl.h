/* spool_impl: what the files of the spool adapter share; nobody else includes it.
 *
 * Every access to the folders is an op in one queue and runs on a worker, one at a time: workers
 * touch the op, its settings and the open folders, never the rest of the instance. */
#ifndef ADAPTER_SPOOL_IMPL_H
#define ADAPTER_SPOOL_IMPL_H

#include "adapter/adapter.h"
#include "adapter/spool_dir.h"
#include "adapter/spool_read.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/loop.h"

#define SPOOL_SETTLE_MS 700      /* between the two looks at a file that is new */
#define SPOOL_OLD_S 60           /* untouched for so long: one look is enough */
#define SPOOL_WATCH_DELAY_MS 100 /* several changes, one look */
#define SPOOL_PAGE_MAX 500
#define SPOOL_KNOWN_MAX 2048   /* files between their reading and their acknowledgement */
#define SPOOL_OFFERED_MAX 2048 /* files that were announced */

/* Copied from the configuration and counted: a worker may use them after a reload. */
struct spool_settings {
    unsigned refs; /* loop thread only */
    struct arena strings;
    struct config_source source; /* strings in the arena; no maps */
    struct preset *preset;       /* owned; NULL none */
    const char *statuses;
    bool xml; /* format of what is written */
};
MUST_CHECK int spool_settings_new(const struct config_source *source, struct spool_settings **out,
                                  struct errmsg *msg);
struct spool_settings *spool_settings_ref(struct spool_settings *s);
void spool_settings_unref(struct spool_settings *s); /* NULL is fine */

struct spool;

/* One piece of work on the folders, from calloc. */
struct spool_op {
    struct list link;  /* in spool.ops while open */
    struct list queue; /* in spool.queue until its turn */
    struct spool *s;
    bool canceled;
    struct spool_settings *settings; /* owned reference */
    struct arena arena;
    struct loop_work work;
    /* run on a worker; sets err and why. Not called when canceled before: err is ERR_CANCELED. */
    void (*run)(struct spool_op *op);
    void (*done)(struct spool_op *op); /* on the loop */
    int err;
    struct errmsg why;
};

/* A zeroed op of size bytes (struct spool_op first). Aborts without memory: small and fixed. */
void *spool_op_new(struct spool *s, size_t size, void (*run)(struct spool_op *op),
                   void (*done)(struct spool_op *op));
void spool_op_start(struct spool_op *op); /* queues it; again after its done for another turn */
void spool_op_close(struct spool_op *op); /* out of ops: the caller's callback may come now */
void spool_op_free(struct spool_op *op);

/* Looking at in/: which files have settled. */
struct spool_look {
    struct spool_entry *before; /* owned; of the look before; NULL none */
    size_t n_before;
    struct spool_entry *now; /* owned; NULL none */
    size_t n_now;
    bool more;
    uint64_t ignored;
};
void spool_look_free(struct spool_look *look);
/* On a worker: what was `now` becomes `before`. */
MUST_CHECK int spool_look_again(struct spool_look *look, const struct spool_dir *d,
                                const char *after, size_t max, struct errmsg *msg);
bool spool_look_settled(const struct spool_look *look, const struct spool_entry *entry,
                        int64_t wall_s);

struct spool_known {
    char name[SPOOL_NAME_SIZE];
    struct spool_identity identity;
    bool read; /* its records were handed over: this very file is what an ack is about */
};

/* spool_watch.c */
struct spool_watch {
    struct adapter_host *host; /* borrowed while listening */
    struct loop_watch watch;
    struct loop_timer timer;
    struct spool_look look;
    bool looking;
    unsigned offers; /* open */
    uint64_t offered[SPOOL_OFFERED_MAX];
    size_t n_offered;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    struct loop_task stop_task;
};

struct spool {
    struct adapter adapter; /* first */
    struct adapter_env env;
    char *name; /* owned */
    char *path; /* owned; of the folder */
    struct spool_dir dir;
    struct spool_settings *settings;
    struct list ops;
    struct list queue;
    bool working;
    struct loop_task pump;
    struct spool_known known[SPOOL_KNOWN_MAX];
    size_t n_known, next_known;
    char after[SPOOL_NAME_SIZE]; /* where the next page of a poll begins */
    bool polling;
    struct spool_watch watch;
    uint64_t files_done, files_bad, files_ignored;
};

static inline struct spool *spool_self(struct adapter *a)
{
    return (struct spool *)(void *)a;
}

/* Notes which file of a name was listed (read false) or handed over (read true). */
void spool_know(struct spool *s, const char *name, const struct spool_identity *identity,
                bool read);
/* NULL: not known. */
const struct spool_known *spool_known_find(const struct spool *s, const char *name);
void spool_forget(struct spool *s, const char *name);

/* ---- verbs ---- */

void spool_poll_verb(struct adapter *a, struct adapter_poll *poll);       /* spool_poll.c */
void spool_detail_verb(struct adapter *a, struct adapter_detail *detail); /* spool_detail.c */
void spool_ack_verb(struct adapter *a, struct adapter_ack *ack);
int spool_listen_verb(struct adapter *a, struct adapter_host *host, struct errmsg *msg);
void spool_unlisten_verb(struct adapter *a, void (*stopped)(void *ctx), void *ctx);
void spool_watch_init(struct spool *s);
void spool_watch_cancel(struct spool *s); /* after unlisten, or without listen */
void spool_check_verb(struct adapter *a, struct adapter_check *check); /* spool_send.c */
void spool_send_verb(struct adapter *a, struct adapter_send *send);
void spool_list_verb(struct adapter *a, struct adapter_list *list); /* spool_catalog.c */

#endif
