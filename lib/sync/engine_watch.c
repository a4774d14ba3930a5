/* engine_watch: what the engine's watch is told of its flows. */
#include "sync/engine_impl.h"

static void watch_ended(void *ctx)
{
    engine_check_closed(ctx);
}

void engine_watch_init(struct engine *e)
{
    watch_init(&e->watch, &e->flow_env, watch_ended, e);
    watch_configure(&e->watch, e->config);
}

void engine_watch_run(struct engine *e)
{
    watch_forget_flows(&e->watch);
    for (size_t i = 0; i < e->n_flows; i++) {
        const struct flow *f = e->flows[i];

        if (f->kind == FLOW_DOSSIERS) {
            watch_flow(&e->watch, f->id, f->mode == FLOW_LIVE);
        }
    }
    watch_tick(&e->watch);
}
