#include "adapter/mapped_reading.h"

#include <stdlib.h>

#define SLICE_BYTES 16384 /* between two looks at whether the page is full */

static void pump(struct mapped_reading *r);

static void free_if_done(struct mapped_reading *r)
{
    void (*gone)(void *ctx) = r->gone;
    void *ctx = r->ctx;

    if (!r->closed || !r->ended || r->working) {
        return;
    }
    loop_task_cancel(&r->kick);
    mapped_call_free(&r->call);
    mapped_page_unref(r->page);
    xml_feed_close(r->xml);
    json_feed_close(r->json);
    buf_free(&r->in);
    buf_free(&r->at_work);
    free(r);
    gone(ctx);
}

static void tell(struct mapped_reading *r, bool last)
{
    struct mapped_page *page = r->err == 0 ? r->page : NULL;
    struct errmsg why = r->why;

    if (page != NULL) {
        r->page = NULL;
    }
    r->wanted = false;
    if (!last) {
        loop_defer(r->caller->loop, &r->kick); /* the worker reads on meanwhile */
    }
    r->ready(r, page, last, r->err, &why); /* may close r */
}

/* ---- the worker ---- */

static int take_json(void *ctx, const char *record, size_t n, struct errmsg *msg)
{
    struct mapped_reading *r = ctx;

    return mapped_page_add_json(r->page, record, n, msg);
}

static int take_xml(void *ctx, struct xml *record, struct errmsg *msg)
{
    struct mapped_reading *r = ctx;

    return mapped_page_add_xml(r->page, record, msg);
}

static bool page_full(const struct mapped_page *page)
{
    return page->n_rows >= MAPPED_PAGE_ROWS || page->bytes >= MAPPED_PAGE_BYTES;
}

static int push(struct mapped_reading *r, const char *bytes, size_t n)
{
    return r->xml != NULL ? xml_feed_push(r->xml, bytes, n, &r->why)
                          : json_feed_push(r->json, bytes, n, &r->why);
}

/* The document without its records says whether it was a success, and what follows. */
static int finish(struct mapped_reading *r)
{
    struct mapping_doc *doc = NULL;
    const char *rest;
    char words[304] = "";
    size_t n;
    int err = r->xml != NULL ? xml_feed_end(r->xml, &rest, &n, &r->why)
                             : json_feed_end(r->json, &rest, &n, &r->why);

    if (err == 0) {
        err = mapping_open(r->call.settings->preset, r->call.what, rest, n, &doc, &r->why);
    }
    if (err == 0 && mapping_judge(r->call.what, doc, words) != MAPPING_OK) {
        err = err_set(&r->why, ERR_REMOTE, "refused: %s", words);
    }
    if (err == 0) {
        mapped_page_read_facts(r->page, doc);
    }
    mapping_close(doc);
    return err;
}

static void work_run(struct loop_work *work)
{
    struct mapped_reading *r = CONTAINER_OF(work, struct mapped_reading, work);

    while (r->err == 0 && r->work_at < r->at_work.len && !page_full(r->page)) {
        size_t left = r->at_work.len - r->work_at;
        size_t n = left < SLICE_BYTES ? left : SLICE_BYTES;

        r->err = push(r, r->at_work.data + r->work_at, n);
        r->work_at += n;
    }
    if (r->err == 0 && r->finishing && r->work_at == r->at_work.len && !page_full(r->page)) {
        r->err = finish(r);
        r->finished = true;
    }
    if (r->err == ERR_FORMAT || r->err == ERR_TOOBIG) {
        (void)err_wrap(&r->why, r->err, "%s:%u", r->call.settings->preset->path,
                       r->call.what->line);
    }
}

static void work_done(struct loop_work *work)
{
    struct mapped_reading *r = CONTAINER_OF(work, struct mapped_reading, work);

    r->working = false;
    if (r->closed) {
        free_if_done(r);
        return;
    }
    pump(r);
}

static void start_work(struct mapped_reading *r)
{
    r->working = true;
    r->work.run = work_run;
    r->work.done = work_done;
    if (!loop_work_start(r->caller->loop, &r->work)) {
        r->working = false;
        r->err = err_set(&r->why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        loop_defer(r->caller->loop, &r->kick);
    }
}

/* Gives the worker what has come, and the transfer its room back. */
static void swap(struct mapped_reading *r)
{
    struct buf empty = r->at_work;

    buf_clear(&empty);
    r->at_work = r->in;
    r->in = empty;
    r->work_at = 0;
    if (r->full) {
        r->full = false;
        http_resume(r->caller->http, &r->call.http);
    }
}

/* A page is filled before it is asked for, so that the worker reads the next one while the records
 * of this one are taken in. */
static void pump(struct mapped_reading *r)
{
    if (!r->feeding || r->working || r->closed) {
        return;
    }
    if (r->err == 0 && r->call_err != 0) {
        r->err = r->call_err;
        r->why = r->call_why;
    }
    if (r->err != 0 || r->finished || (r->page != NULL && page_full(r->page))) {
        if (r->wanted) {
            tell(r, r->err != 0 || r->finished);
        }
        return;
    }
    if (r->page == NULL) {
        r->page = mapped_page_new(r->call.settings, r->call.what);
        if (r->page == NULL) {
            r->err = err_set(&r->why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
            loop_defer(r->caller->loop, &r->kick);
            return;
        }
    }
    if (r->work_at == r->at_work.len) {
        if (r->in.len == 0 && !r->ended) {
            return; /* more comes */
        }
        swap(r);
    }
    r->finishing = r->ended && r->in.len == 0;
    start_work(r);
}

static void kick_run(struct loop_task *task)
{
    pump(CONTAINER_OF(task, struct mapped_reading, kick));
}

/* ---- the call ---- */

static enum http_took more(struct mapped_call *call, const char *bytes, size_t n)
{
    struct mapped_reading *r = call->owner;

    if (r->closed || (!r->working && r->err != 0)) {
        return HTTP_STOP;
    }
    if (r->in.len + n > MAPPED_WINDOW_BYTES) {
        r->full = true;
        loop_defer(r->caller->loop, &r->kick);
        return HTTP_FULL;
    }
    buf_put(&r->in, bytes, n);
    if (buf_error(&r->in) != 0) {
        return HTTP_STOP;
    }
    loop_defer(r->caller->loop, &r->kick);
    return HTTP_TOOK;
}

static int open_feed(struct mapped_reading *r)
{
    const struct preset *preset = r->call.settings->preset;
    const struct preset_call *what = r->call.what;
    struct xml_namespace spaces[PRESET_NAMESPACES];

    if (what->format == PRESET_JSON) {
        return json_feed_open(what->rows, take_json, r, &r->json, &r->why);
    }
    for (size_t i = 0; i < preset->n_namespaces; i++) {
        spaces[i].prefix = preset->namespaces[i].prefix;
        spaces[i].uri = preset->namespaces[i].uri;
    }
    return xml_feed_open(what->rows, spaces, preset->n_namespaces, take_xml, r, &r->xml, &r->why);
}

/* What came before it was known to be long is the worker's first portion. */
static bool begin(struct mapped_call *call, const char *bytes, size_t n)
{
    struct mapped_reading *r = call->owner;

    if (r->closed) {
        return false;
    }
    r->feeding = true;
    mapped_page_unref(r->page);
    r->page = NULL;
    r->err = open_feed(r);
    buf_put(&r->at_work, bytes, n);
    if (r->err == 0) {
        r->err = buf_error(&r->at_work);
    }
    loop_defer(r->caller->loop, &r->kick);
    return r->err == 0;
}

static int read_page(struct mapped_call *call, struct errmsg *fault)
{
    struct mapped_reading *r = call->owner;

    return mapped_page_read(r->page, call->doc, fault);
}

static void call_done(struct mapped_call *call)
{
    struct mapped_reading *r = call->owner;

    r->ended = true;
    if (r->closed) {
        free_if_done(r);
        return;
    }
    if (r->feeding) {
        /* What has arrived is of no use when the rest is missing: it comes again with the list. */
        r->call_err = call->err;
        r->call_why = call->why;
        pump(r);
        return;
    }
    r->err = call->err;
    r->why = call->why;
    if (r->err == 0) {
        r->page->doc = call->doc;
        call->doc = NULL;
    }
    tell(r, true);
}

/* A reply of which every record stands in the open at one path can be taken apart on the way. */
static bool can_feed(const struct preset_call *what)
{
    return what->n_unwraps == 0 && !what->one_row &&
           (what->format == PRESET_JSON || xml_feed_can(what->rows));
}

static const struct preset_call *the_list(const struct preset *preset)
{
    return &preset->list;
}

struct mapped_reading *
mapped_reading_open(struct mapped_caller *caller, const struct mapped_ask *ask, uint64_t delay_ms,
                    void (*ready)(struct mapped_reading *r, struct mapped_page *page, bool last,
                                  int err, const struct errmsg *why),
                    void (*gone)(void *ctx), void *ctx)
{
    struct mapped_reading *r = calloc(1, sizeof(*r));
    struct mapped_values *v;

    if (r == NULL) {
        return NULL;
    }
    r->caller = caller;
    r->ask = *ask;
    r->ready = ready;
    r->gone = gone;
    r->ctx = ctx;
    r->wanted = true;
    loop_task_init(&r->kick, kick_run);
    buf_init(&r->in, MAPPED_WINDOW_BYTES);
    buf_init(&r->at_work, (size_t)2 * MAPPED_FEED_BYTES);
    mapped_call_init(&r->call, caller, the_list, r);
    r->page = mapped_page_new(r->call.settings, r->call.what);
    if (r->page == NULL) {
        mapped_call_free(&r->call);
        free(r);
        return NULL;
    }
    v = &r->call.values;
    v->since_s = ask->since_s;
    v->until_s = ask->until_s;
    v->page = ask->page;
    v->offset = ask->offset;
    v->size = ask->size;
    v->end = ask->end;
    v->cursor = r->ask.cursor;
    r->call.delay_ms = delay_ms;
    r->call.done = call_done;
    r->call.read = read_page;
    if (can_feed(r->call.what)) {
        r->call.feed_begin = begin;
        r->call.feed_more = more;
    }
    mapped_call_start(&r->call);
    return r;
}

void mapped_reading_want(struct mapped_reading *r)
{
    r->wanted = true;
    loop_defer(r->caller->loop, &r->kick);
}

void mapped_reading_close(struct mapped_reading *r)
{
    r->closed = true;
    if (!r->ended) {
        mapped_call_cancel(&r->call);
    }
    free_if_done(r);
}
