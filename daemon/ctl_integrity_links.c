/* ctl_integrity_links: opens links of results, a few, one after the other, and looks at what comes.
 * Only when asked to: what is opened stands in records that others wrote. */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/digest.h"
#include "codec/pdf.h"
#include "codec/web_page.h"
#include "daemon/ctl_integrity.h"
#include "http/client_fetch.h"

#define FILE_BYTES ((size_t)32 << 20)
#define CONNECT_MS 10000
#define TOTAL_MS 60000
#define STALL_MS 20000

/* A result's PDF, by digest: the same in two dossiers is a finding. */
struct content {
    uint8_t sum[DIGEST_BYTES];
    const struct integrity_link *link; /* the first that had it */
    bool told;
};

struct opening {
    struct integrity *list;
    struct net_reach allow;
    struct http_tls tls;
    void *contents; /* of struct content, in the arena (tsearch) */
};

/* ---- which ---- */

static int no_memory(struct integrity *list)
{
    return err_set(&list->msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

/* 0 .. n - 1. */
static uint64_t by_chance(uint64_t n)
{
    uint64_t bits = 0;

    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits)) {
        bits = (uint64_t)time(NULL); /* an even sample is no matter of safety */
    }
    return bits % n;
}

int integrity_offer_link(struct integrity *list, const struct integrity_dossier *d, const char *url,
                         bool certified)
{
    uint64_t seen = list->links_seen++;
    uint64_t place = seen < list->links_max ? seen : list->links_max == 0 ? 0 : by_chance(seen + 1);
    struct integrity_link *link;

    if (place >= list->links_max) {
        return 0;
    }
    if (list->links == NULL) {
        list->links = arena_alloc(&list->arena, list->links_max * sizeof(*list->links));
        if (list->links == NULL) {
            return no_memory(list);
        }
    }
    link = &list->links[place];
    *link = (struct integrity_link){arena_strdup(&list->arena, d->flow),
                                    arena_strdup(&list->arena, d->code),
                                    arena_strdup(&list->arena, url), certified};
    list->n_links = place >= list->n_links ? place + 1 : list->n_links;
    return link->flow != NULL && link->code != NULL && link->url != NULL ? 0 : no_memory(list);
}

/* ---- what came ---- */

static int by_sum(const void *a, const void *b)
{
    return memcmp(((const struct content *)a)->sum, ((const struct content *)b)->sum, DIGEST_BYTES);
}

static int tell_same(struct integrity *list, const struct integrity_link *link,
                     const struct integrity_link *other)
{
    char what[160];

    (void)snprintf(what, sizeof(what), "a result's file is the same as one of %.64s", other->code);
    return integrity_found(list, INTEGRITY_SHARED_RESULT, link->flow, link->code, what);
}

static int judge_content(struct opening *o, const struct integrity_link *link,
                         const struct buf *body)
{
    struct content *fresh = arena_alloc(&o->list->arena, sizeof(*fresh));
    struct content *const *found;
    int err;

    if (fresh == NULL) {
        return no_memory(o->list);
    }
    *fresh = (struct content){.link = link};
    err = digest_sha256(body->data, body->len, fresh->sum);
    found = err == 0 ? tsearch(fresh, &o->contents, by_sum) : NULL;
    if (found == NULL) {
        return no_memory(o->list);
    }
    if (strcmp((*found)->link->code, link->code) == 0) {
        return 0;
    }
    if (!(*found)->told) {
        (*found)->told = true;
        err = tell_same(o->list, (*found)->link, link);
    }
    return err == 0 ? tell_same(o->list, link, (*found)->link) : err;
}

static int judge_added(struct integrity *list, const struct integrity_link *link,
                       enum pdf_signature seen)
{
    struct integrity_count *count = &list->counts[INTEGRITY_ADDED_BEHIND];

    count->examined++;
    count->exempt += seen == PDF_LONG_TERM;
    count->incomparable += seen == PDF_PACKED;
    return seen != PDF_ADDED
               ? 0
               : integrity_found(list, INTEGRITY_ADDED_BEHIND, link->flow, link->code,
                                 "something was added to the result's PDF behind its signature");
}

static int judge_signature(struct integrity *list, const struct integrity_link *link,
                           enum pdf_signature seen)
{
    struct integrity_count *count = &list->counts[INTEGRITY_UNSIGNED];

    if (link->certified) {
        count->exempt++;
    } else if (seen == PDF_NO_PDF) {
        count->incomparable++;
    } else {
        count->examined++;
    }
    if (seen != PDF_NO_PDF && seen != PDF_NONE) {
        return judge_added(list, link, seen); /* of a certified copy too */
    }
    return link->certified || seen == PDF_NO_PDF
               ? 0
               : integrity_found(list, INTEGRITY_UNSIGNED, link->flow, link->code,
                                 "the result's PDF holds no digital signature");
}

static int dead(struct integrity *list, const struct integrity_link *link, const char *why)
{
    list->counts[INTEGRITY_DEAD_LINK].examined++;
    return integrity_found(list, INTEGRITY_DEAD_LINK, link->flow, link->code, why);
}

/* A page of a server that wants a login, or of one that knows no better than 200, is the same for
 * every link: only PDFs are held against each other. */
static int judge_file(struct opening *o, const struct integrity_link *link, const struct buf *body)
{
    enum pdf_signature seen = pdf_signature_look(buf_text(body), body->len);
    int err = 0;

    if (seen == PDF_NO_PDF && web_page_look(buf_text(body), body->len)) {
        return dead(o->list, link, "the result's link opens a page, not a file");
    }
    o->list->counts[INTEGRITY_DEAD_LINK].examined++;
    if (seen != PDF_NO_PDF) {
        err = judge_content(o, link, body);
    }
    return err == 0 ? judge_signature(o->list, link, seen) : err;
}

/* A file that is larger than we read opens, and of its signature nothing can be said. */
static int judge_large(struct integrity *list)
{
    list->counts[INTEGRITY_DEAD_LINK].examined++;
    list->counts[INTEGRITY_UNSIGNED].incomparable++;
    return 0;
}

static const char *how_cut(const struct http_req *req, const struct http_reach *reach)
{
    return !reach->late               ? "the result's file ended before its length"
           : req->took_ms >= TOTAL_MS ? "the result's file did not end within 60 s"
                                      : "the result's file stopped for 20 s on its way";
}

static int judge_answer(struct opening *o, const struct integrity_link *link,
                        const struct http_req *req, const struct http_reach *reach)
{
    struct integrity *list = o->list;
    bool whole = req->result == HTTP_ANSWERED;
    long status = whole ? req->status : reach->began;
    int failed = buf_error(&req->response);
    char why[64];

    if (status / 100 == 3) {
        list->counts[INTEGRITY_DEAD_LINK].incomparable++;
        return 0;
    }
    if (status != 200) {
        (void)snprintf(why, sizeof(why), "the result's link answers with HTTP %ld", status);
        return dead(list, link, why);
    }
    if (failed != 0) {
        return failed == ERR_TOOBIG ? judge_large(list) : no_memory(list);
    }
    if (!whole) {
        return dead(list, link, how_cut(req, reach));
    }
    if (req->response.len == 0) {
        return dead(list, link, "the result's link opens an empty file");
    }
    return judge_file(o, link, &req->response);
}

static int judge_failure(struct integrity *list, const struct integrity_link *link,
                         const struct http_req *req, bool refused)
{
    if (refused) {
        list->counts[INTEGRITY_DEAD_LINK].incomparable++;
        return 0;
    }
    return dead(list, link,
                req->result == HTTP_TRUST    ? "the server of the result's link can't be trusted"
                : req->result == HTTP_MISUSE ? "the result's link is no address"
                                             : "the server of the result's link does not answer");
}

/* ---- opening ---- */

/* http may be refused by us without anything being wrong with the link. */
static bool not_ours(const struct opening *o, const char *url)
{
    return !o->tls.allow_plaintext && strncasecmp(url, "http://", 7) == 0;
}

static int open_link(struct opening *o, const struct integrity_link *link)
{
    struct http_reach reach = {.allow = &o->allow};
    struct http_req req;
    int err;

    http_req_init(&req);
    req.method = "GET";
    req.url = link->url;
    req.limits = (struct http_limits){CONNECT_MS, TOTAL_MS, STALL_MS, FILE_BYTES};
    req.tls = &o->tls;
    http_fetch(&req, &reach);
    err = req.result == HTTP_ANSWERED || reach.began != 0
              ? judge_answer(o, link, &req, &reach)
              : judge_failure(o->list, link, &req, reach.refused || not_ours(o, link->url));
    http_req_free(&req);
    return err;
}

static void wait_ms(uint32_t ms)
{
    struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};

    (void)nanosleep(&left, NULL);
}

static void forget(void *node)
{
    (void)node; /* it lives in the arena */
}

int integrity_open_links(struct integrity *list, uint32_t rate)
{
    const struct config *config = list->config;
    struct opening o = {
        .list = list,
        .tls = {.ca_file = config->links_ca_file[0] != '\0' ? config->links_ca_file : NULL,
                .allow_plaintext = config->links_plaintext}};
    int err = http_fetch_open();

    if (err != 0) {
        return no_memory(list);
    }
    for (size_t i = 0; i < config->links_allow.n && err == 0; i++) {
        err = net_target_parse(config->links_allow.items[i], &o.allow.targets[o.allow.n++],
                               &list->msg);
    }
    for (size_t i = 0; i < list->n_links && err == 0; i++) {
        if (i > 0) {
            wait_ms(1000 / rate);
        }
        err = open_link(&o, &list->links[i]);
    }
    list->counts[INTEGRITY_DEAD_LINK].unexamined = list->links_seen - list->n_links;
    list->counts[INTEGRITY_UNSIGNED].unexamined = list->links_seen - list->n_links;
    list->counts[INTEGRITY_ADDED_BEHIND].unexamined = list->links_seen - list->n_links;
    tdestroy(o.contents, forget);
    http_fetch_close();
    return err;
}
