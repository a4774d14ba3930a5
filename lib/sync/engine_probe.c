/* engine_probe: one harmless read of an endpoint, told in words, for `dvcsyncctl test`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sync/engine_impl.h"

/* A code with the right form that nobody has: the year 2099. */
#define NOBODYS_CODE "H00.00-991231-0000"

struct probe_run {
    struct engine *engine;
    struct engine_probe *probe;
    struct party *party;
    union {
        struct adapter_lookup lookup;
        struct adapter_detail detail;
    } request;
    struct engine_try try; /* of a source that can't be asked for one record */
    struct loop_task task;
};

static void ended(struct probe_run *r)
{
    struct engine *e = r->engine;
    struct engine_probe *probe = r->probe;

    free(r);
    e->probes--;
    engine_check_closed(e);
    probe->done(probe); /* may free the probe */
}

static void lookup_done(struct adapter_lookup *lookup)
{
    struct probe_run *r = CONTAINER_OF(lookup, struct probe_run, request.lookup);
    struct engine_probe *probe = r->probe;

    party_end(&r->engine->flow_env, r->party, &lookup->outcome);
    probe->ok = lookup->answer == LOOKUP_ABSENT || lookup->answer == LOOKUP_THERE;
    (void)snprintf(
        probe->text, sizeof(probe->text),
        probe->ok ? "connected, logged in and looked a code up in %u ms"
                  : "failed after %u ms: %s (HTTP %d, code %s): %s",
        lookup->outcome.took_ms, outcome_name(lookup->outcome.class), lookup->outcome.http,
        lookup->outcome.code[0] != '\0' ? lookup->outcome.code : "-", lookup->outcome.words);
    ended(r);
}

static void no_row(struct engine_try *try, const struct engine_try_row *row)
{
    (void)try;
    (void)row;
}

static void try_done(struct engine_try *try)
{
    struct probe_run *r = CONTAINER_OF(try, struct probe_run, try);
    struct engine_probe *probe = r->probe;

    probe->ok = try->err == 0;
    if (probe->ok) {
        (void)snprintf(probe->text, sizeof(probe->text), "connected and listed %zu row%s",
                       try->n_listed, text_plural(try->n_listed));
    } else {
        (void)snprintf(probe->text, sizeof(probe->text), "failed: %s",
                       try->why.text[0] != '\0' ? try->why.text : err_text(try->err));
    }
    ended(r);
}

/* Asked for a record that can't be there: "not found" proves that the source answers and lets us
 * in. */
static void detail_done(struct adapter_detail *detail)
{
    struct probe_run *r = CONTAINER_OF(detail, struct probe_run, request.detail);
    struct engine_probe *probe = r->probe;
    struct outcome outcome = {.class =
                                  detail->err == ERR_REMOTE ? OUTCOME_TRANSIENT : OUTCOME_DONE};

    outcome.transport = detail->err == ERR_REMOTE;
    party_end(&r->engine->flow_env, r->party, &outcome);
    if (detail->err == ERR_STATE && r->party->adapter->ops->poll != NULL) {
        r->try.rows = 1;
        r->try.row = no_row;
        r->try.done = try_done;
        (void)snprintf(r->try.source, sizeof(r->try.source), "%s", probe->endpoint);
        engine_try(r->engine, &r->try);
        return;
    }
    probe->ok = detail->err == 0 || detail->err == ERR_NOTFOUND || detail->err == ERR_UNSUPPORTED;
    (void)snprintf(probe->text, sizeof(probe->text), "%s%s",
                   probe->ok ? "connected and asked for a record that is not there" : "failed: ",
                   probe->ok                     ? ""
                   : detail->why.text[0] != '\0' ? detail->why.text
                                                 : err_text(detail->err));
    ended(r);
}

static void nobody_to_ask(struct loop_task *task)
{
    struct probe_run *r = CONTAINER_OF(task, struct probe_run, task);

    r->probe->ok = r->party != NULL;
    (void)snprintf(r->probe->text, sizeof(r->probe->text),
                   r->party != NULL
                       ? "%s only pushes at us, or counts every call: there is nothing to ask of it"
                       : "no flow uses an endpoint %s",
                   r->probe->endpoint);
    ended(r);
}

void engine_probe(struct engine *e, struct engine_probe *probe)
{
    struct probe_run *r = calloc(1, sizeof(*r));
    struct adapter *a;

    probe->ok = false;
    if (r == NULL) {
        abort(); /* a small fixed allocation */
    }
    r->engine = e;
    r->probe = probe;
    for (size_t i = 0; i < e->n_parties; i++) {
        if (strcmp(e->parties[i].endpoint.name, probe->endpoint) == 0) {
            r->party = &e->parties[i];
        }
    }
    e->probes++;
    a = r->party != NULL ? r->party->adapter : NULL;
    if (a == NULL || (a->caps & ADAPTER_COUNTS) != 0 ||
        (a->ops->lookup == NULL && a->ops->detail == NULL)) {
        loop_task_init(&r->task, nobody_to_ask);
        loop_defer(e->env.loop, &r->task);
        return;
    }
    endpoint_begin(&r->party->endpoint, LANE_LOOK, loop_now_ms(e->env.loop));
    if (a->ops->lookup != NULL) {
        r->request.lookup.code = NOBODYS_CODE;
        r->request.lookup.done = lookup_done;
        a->ops->lookup(a, &r->request.lookup);
    } else {
        r->request.detail.kind = RECORD_DOSSIER;
        r->request.detail.id = "0";
        r->request.detail.done = detail_done;
        a->ops->detail(a, &r->request.detail);
    }
}
