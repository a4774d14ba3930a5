/* What the engine is asked for a client: to take records, and what it knows of a dossier. */
#include <string.h>

#include "adapter/gateway_impl.h"
#include "base/crash_point.h"

static void on_settled(struct adapter_offer *offer)
{
    struct gateway_request *r = CONTAINER_OF(offer, struct gateway_request, offer);

    CRASH_POINT(gateway_answer_before);
    if (r->call != NULL) {
        gateway_answer_fates(r);
    }
    CRASH_POINT(gateway_answered);
    gateway_request_end(r);
}

static void refuse(struct gateway_request *r)
{
    switch (r->call != NULL ? r->offer.err : 0) {
    case 0: /* was told so already */
        break;
    case ERR_INVAL:
    case ERR_TOOBIG:
    case ERR_FORMAT:
        gateway_answer(r, 200, -1, r->offer.why.text);
        break;
    default:
        gateway_answer_busy(r); /* nothing was stored: the client must come again */
        break;
    }
    gateway_request_end(r);
}

/* The disk takes its time or is full. What is stored after all finds the client's repetition equal
 * to it. */
static void on_late(struct loop_timer *timer)
{
    struct gateway_request *r = CONTAINER_OF(timer, struct gateway_request, late);

    r->gone = true;
    gateway_answer_busy(r);
}

void gateway_push_init(struct gateway_request *r)
{
    loop_timer_init(&r->late, on_late);
}

static void on_offered(struct adapter_offer *offer)
{
    struct gateway_request *r = CONTAINER_OF(offer, struct gateway_request, offer);
    struct gateway *g = r->g;

    loop_timer_stop(&r->late);
    if (offer->err != 0) {
        refuse(r);
        return;
    }
    r->committed = true;
    if (r->gone || g->base.stopping) {
        g->base.host->ops->hurry(g->base.host, offer);
    }
}

void gateway_push(struct gateway_request *r)
{
    struct gateway *g = r->g;
    struct adapter_fate *fates = arena_alloc(&r->arena, r->n_records * sizeof(*fates));

    if (fates == NULL) {
        gateway_answer_busy(r);
        gateway_request_end(r);
        return;
    }
    CRASH_POINT(gateway_taken);
    r->offer = (struct adapter_offer){.records = r->records,
                                      .n_records = r->n_records,
                                      .wait_ms = g->answer_timeout_ms,
                                      .fates = fates,
                                      .done = on_offered,
                                      .settled = on_settled};
    json_free(r->root); /* the records have copies; the tree is many times larger */
    r->root = NULL;
    loop_timer_start(g->base.env.loop, &r->late, g->answer_timeout_ms);
    g->base.host->ops->offer(g->base.host, &r->offer);
}

void gateway_push_gone(struct gateway_request *r)
{
    bool first = !r->gone;

    r->gone = true;
    if (first && r->committed) {
        r->g->base.host->ops->hurry(r->g->base.host, &r->offer);
    }
}

/* It never says that something is at the portal which has not been delivered, nor that it is not
 * when nobody could be asked. */
static void on_asked(struct adapter_ask *ask)
{
    struct gateway_request *r = CONTAINER_OF(ask, struct gateway_request, ask);

    if (ask->err != 0) {
        gateway_answer_busy(r);
    } else if (ask->known) {
        gateway_answer_found(r, ask->acknowledged ? ask->code : NULL, ask->acked_status);
    } else if (ask->there == LOOKUP_THERE) {
        gateway_answer_found(r, ask->code, ask->there_status);
    } else if (ask->there == LOOKUP_ABSENT) {
        gateway_answer_found(r, NULL, 0);
    } else {
        gateway_answer(r, 200, -1, "Hiện chưa hỏi được Cổng DVCQG, vui lòng thử lại sau");
    }
    gateway_request_end(r);
}

void gateway_lookup(struct gateway_request *r)
{
    char number[24];
    const char *code = r->root != NULL ? json_text(json_get_any_case(r->root, "mahoso"), number)
                                       : http_call_query(r->call, "mahoso");
    const char *copy = code != NULL && strlen(code) <= 100 ? arena_strdup(&r->arena, code) : NULL;

    if (copy == NULL || copy[0] == '\0') {
        gateway_answer(r, 200, -1, "mahoso: bắt buộc");
        gateway_request_end(r);
        return;
    }
    r->ask = (struct adapter_ask){.code = copy, .done = on_asked};
    r->g->base.host->ops->ask(r->g->base.host, &r->ask);
}
