/* engine_listen: the beginning and the end of taking what systems push at us. */

#include "sync/engine_impl.h"

static int listen_source(struct engine *e, struct flow_source *s, struct errmsg *msg)
{
    struct adapter *a = s->party->adapter;
    size_t at = (size_t)(s->party - e->parties);
    int err;

    if (e->listening[at]) {
        return err_set(msg, ERR_CONFIG, "flow %s: what %s pushes goes into another flow already",
                       s->flow->name, s->party->endpoint.name);
    }
    err = a->ops->listen(a, &s->host.base, msg);
    s->listening = err == 0;
    e->listening[at] = err == 0;
    return err < 0 ? err_wrap(msg, err, "endpoint %s", s->party->endpoint.name) : 0;
}

int engine_listen(struct engine *e, struct errmsg *msg)
{
    int err = 0;

    for (size_t i = 0; i < e->n_flows && e->env.serve != NULL; i++) {
        for (size_t k = 0; k < e->flows[i]->n_sources && err == 0; k++) {
            struct flow_source *s = &e->flows[i]->sources[k];

            err = s->has_host ? listen_source(e, s, msg) : 0;
        }
    }
    return err;
}

static void listener_stopped(void *ctx)
{
    struct engine *e = ctx;

    e->open_listeners--;
    engine_close_parts(e);
}

/* Listeners and their hosts; clients that wait are answered with what is known. */
void engine_unlisten(struct engine *e)
{
    e->open_listeners++; /* one more, so that who stops at once does not end it under our hands */
    for (size_t i = 0; i < e->n_flows; i++) {
        for (size_t k = 0; k < e->flows[i]->n_sources; k++) {
            struct flow_source *s = &e->flows[i]->sources[k];

            if (s->listening) {
                e->open_listeners += 2;
                host_stop(&s->host, listener_stopped, e);
                s->party->adapter->ops->unlisten(s->party->adapter, listener_stopped, e);
            }
        }
    }
    listener_stopped(e);
}
