/* mapped reading: one list call and its reply, as pages.
 *
 * A short reply is one page. A long one (MAPPED_FEED_BYTES) is taken apart while it arrives: a
 * worker reads what has come and fills pages, one ahead of what is asked for; when that one is full
 * the transfer rests. Memory: a window of MAPPED_WINDOW_BYTES twice, the page that was handed out,
 * and the one ahead. Loop thread. */
#ifndef ADAPTER_MAPPED_READING_H
#define ADAPTER_MAPPED_READING_H

#include "adapter/mapped_call.h"
#include "adapter/mapped_page.h"
#include "codec/json_feed.h"
#include "codec/xml_feed.h"

#define MAPPED_WINDOW_BYTES (512u << 10)
#define MAPPED_PAGE_ROWS 1000
#define MAPPED_PAGE_BYTES (4u << 20) /* of memory, for the records of a page of a long reply */

struct mapped_reading {
    struct mapped_caller *caller;
    struct mapped_call call;
    struct mapped_ask ask;
    /* Once after open and after each want: the page (the callee's reference) and whether it is the
     * last, or an error. */
    void (*ready)(struct mapped_reading *r, struct mapped_page *page, bool last, int err,
                  const struct errmsg *why);
    void (*gone)(void *ctx); /* after close, once nothing of it is left */
    void *ctx;
    bool wanted, closed;
    bool ended; /* the call is over */
    int call_err;
    struct errmsg call_why;
    int err; /* of the reading; the worker's while it is at work, as why */
    struct errmsg why;
    struct mapped_page *page; /* being filled */
    /* a long reply */
    bool feeding, full; /* full: the transfer rests */
    struct xml_feed *xml;
    struct json_feed *json;
    struct buf in;      /* as it comes */
    struct buf at_work; /* the worker's */
    size_t work_at;     /* so much of it is read */
    struct loop_work work;
    bool working, finishing,
        finished; /* the worker: at work, at the end of the document, past it */
    struct loop_task kick;
};

/* Begins. NULL without memory: nothing comes then. */
struct mapped_reading *
mapped_reading_open(struct mapped_caller *caller, const struct mapped_ask *ask, uint64_t delay_ms,
                    void (*ready)(struct mapped_reading *r, struct mapped_page *page, bool last,
                                  int err, const struct errmsg *why),
                    void (*gone)(void *ctx), void *ctx);
/* The next page, after one that was not the last. */
void mapped_reading_want(struct mapped_reading *r);
/* From inside ready too. Ready comes no more; gone comes, on this turn or a later one. */
void mapped_reading_close(struct mapped_reading *r);

#endif
