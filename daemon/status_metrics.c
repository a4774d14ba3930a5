#include "daemon/status_metrics.h"

#define LABELS(labels) (labels), sizeof(labels) / sizeof((labels)[0])

static void gauge(struct metrics *m, const char *name, const char *help, double value)
{
    metric_set(metrics_get(m, METRIC_GAUGE, name, help, NULL, 0, NULL, 0), value);
}

static void counter(struct metrics *m, const char *name, const char *help, uint64_t value)
{
    metric_add(metrics_get(m, METRIC_COUNTER, name, help, NULL, 0, NULL, 0), (double)value);
}

static void labelled(struct metrics *m, const char *name, const char *help,
                     const struct metric_label *labels, size_t n, double value)
{
    metric_set(metrics_get(m, METRIC_GAUGE, name, help, labels, n, NULL, 0), value);
}

static void counted(struct metrics *m, const char *name, const char *help,
                    const struct metric_label *labels, size_t n, uint64_t value)
{
    metric_add(metrics_get(m, METRIC_COUNTER, name, help, labels, n, NULL, 0), (double)value);
}

static double seconds(uint64_t ms)
{
    return (double)ms / 1000.0;
}

static void put_items(struct metrics *m, const struct engine_flow_status *f)
{
    static const char *const kinds[] = {[ITEM_SNAPSHOT] = "snapshot", [ITEM_STEP] = "step"};

    for (unsigned k = ITEM_SNAPSHOT; k <= ITEM_STEP; k++) {
        for (unsigned s = 0; s < ITEM_STATES; s++) {
            const struct metric_label labels[] = {{"flow", f->name},
                                                  {"kind", kinds[k]},
                                                  {"state", item_state_name((enum item_state)s)}};

            labelled(m, "dvcsync_items", "Items in the journal.", LABELS(labels),
                     (double)f->counts[k][s]);
        }
    }
    for (unsigned h = HOLD_NONE + 1; h < HOLD_WHYS; h++) {
        const struct metric_label labels[] = {{"flow", f->name},
                                              {"reason", hold_why_name((enum hold_why)h)}};

        labelled(m, "dvcsync_held", "Items that wait for a person.", LABELS(labels),
                 (double)f->held[h]);
    }
}

static void put_flow(struct metrics *m, const struct engine_flow_status *f)
{
    const struct metric_label labels[] = {{"flow", f->name}};

    put_items(m, f);
    labelled(m, "dvcsync_oldest_age_seconds",
             "Age of the oldest item that waits; 0 when none does.", LABELS(labels),
             seconds(f->lag_ms));
    labelled(m, "dvcsync_behind_held", "Items that wait behind a held one.", LABELS(labels),
             (double)f->behind);
    labelled(m, "dvcsync_behind_held_age_seconds",
             "Age of the oldest item that waits behind a held one; 0 when none does.",
             LABELS(labels), seconds(f->behind_lag_ms));
    labelled(m, "dvcsync_last_delivery_timestamp_seconds",
             "Time of the last acknowledged call; 0 before the first.", LABELS(labels),
             seconds(f->last_delivery_ms));
    labelled(m, "dvcsync_last_poll_timestamp_seconds",
             "Time of the last poll of the source; 0 before the first.", LABELS(labels),
             seconds(f->last_poll_ms));
    labelled(m, "dvcsync_catalog_read_timestamp_seconds",
             "Time of the last complete catalogue; 0 before the first.", LABELS(labels),
             seconds(f->catalog_read_ms));
    labelled(m, "dvcsync_owed_rows", "Rows of the source whose details are still owed.",
             LABELS(labels), (double)f->owed);
    labelled(m, "dvcsync_flow_live", "1 when the flow sends.", LABELS(labels),
             f->mode == FLOW_LIVE ? 1 : 0);
}

static void put_source(struct metrics *m, const struct engine_source_status *s)
{
    const struct metric_label labels[] = {{"flow", s->flow}, {"source", s->name}};

    counted(m, "dvcsync_offers_taken_total", "What sources pushed and the journal took.",
            LABELS(labels), s->taken);
    counted(m, "dvcsync_offers_refused_total", "What sources pushed and was refused.",
            LABELS(labels), s->refused);
    labelled(m, "dvcsync_clients_waiting", "Clients that wait for the other side's answer.",
             LABELS(labels), s->waiting);
    counted(m, "dvcsync_acknowledged_rows_total", "Rows that sources were told are safe.",
            LABELS(labels), s->acks);
    counted(m, "dvcsync_acknowledge_failures_total", "Acknowledgements that failed.",
            LABELS(labels), s->ack_failures);
}

/* Names come from the adapters' own tables: few, and never from a peer. */
static void put_notes(struct metrics *m, const struct engine_endpoint_status *e)
{
    for (size_t i = 0; i < e->n_notes; i++) {
        const struct metric_label labels[] = {{"endpoint", e->name}, {"note", e->notes[i].name}};

        labelled(m, "dvcsync_endpoint_note", "An adapter's own numbers.", LABELS(labels),
                 (double)e->notes[i].value);
    }
}

static void put_endpoint(struct metrics *m, const struct engine_endpoint_status *e)
{
    const struct metric_label labels[] = {{"endpoint", e->name}};

    labelled(m, "dvcsync_endpoint_up", "1 when calls may go out: breaker closed and not paused.",
             LABELS(labels), e->breaker == BREAKER_CLOSED && !e->paused ? 1 : 0);
    labelled(m, "dvcsync_endpoint_paused", "1 when paused.", LABELS(labels), e->paused ? 1 : 0);
    labelled(m, "dvcsync_endpoint_in_flight", "Calls under way.", LABELS(labels), e->in_flight);
    labelled(m, "dvcsync_endpoint_window", "Calls that may be under way at a time.", LABELS(labels),
             e->window);
    labelled(m, "dvcsync_endpoint_last_success_timestamp_seconds",
             "Time of the last success; 0 before the first.", LABELS(labels),
             seconds(e->last_success_ms));
    put_notes(m, e);
}

static void put_journal(struct metrics *m, const struct status_view *v)
{
    gauge(m, "dvcsync_journal_ok", "1 when the journal takes work.",
          v->condition == JOURNAL_OK ? 1 : 0);
    gauge(m, "dvcsync_journal_file_bytes", "Size of the journal's file.",
          (double)v->journal.file_bytes);
    gauge(m, "dvcsync_journal_wal_bytes", "Size of the journal's write-ahead log.",
          (double)v->journal.wal_bytes);
    gauge(m, "dvcsync_journal_free_bytes", "Free space of the journal's file system.",
          (double)v->journal.free_bytes);
    gauge(m, "dvcsync_journal_waiting_operations", "Operations that wait for the worker.",
          (double)v->journal.waiting_ops);
    gauge(m, "dvcsync_journal_uncommitted_bytes", "Bytes taken in and not committed yet.",
          (double)v->journal.uncommitted_bytes);
    gauge(m, "dvcsync_journal_worker_age_seconds", "How long the worker has been at one batch.",
          seconds(v->worker_age_ms));
    counter(m, "dvcsync_journal_batches_total", "Group commits.", v->journal.batches);
    counter(m, "dvcsync_journal_operations_total", "Operations committed.", v->journal.ops);
    counter(m, "dvcsync_journal_checkpoints_total", "Checkpoints of the write-ahead log.",
            v->journal.checkpoints);
}

/* What is not known has no series. */
static void put_deadlines(struct metrics *m, const struct engine_deadlines *d)
{
    gauge(m, "dvcsync_calendar_covers_today", "1 when the calendar covers today.",
          d->covered ? 1 : 0);
    if (d->calendar_end_s != 0) {
        gauge(m, "dvcsync_calendar_end_timestamp_seconds",
              "Time from which the calendar covers no day.", (double)d->calendar_end_s);
    }
    if (d->risk_known) {
        gauge(m, "dvcsync_dossiers_at_risk",
              "Dossiers promised within risk_hours working hours and not delivered.",
              (double)d->at_risk);
        gauge(m, "dvcsync_dossiers_promise_passed",
              "Dossiers whose promised date passed while they waited to be delivered.",
              (double)d->passed);
    }
    if (d->silence_known) {
        gauge(m, "dvcsync_agencies", "Agencies that have sent a dossier.", (double)d->agencies);
        gauge(m, "dvcsync_agencies_silent",
              "Agencies that have sent nothing for silent_days working days.", (double)d->silent);
    }
}

static void put_reconcile(struct metrics *m, const struct engine_reconcile_status *r)
{
    gauge(m, "dvcsync_reconcile_running", "1 while dossiers are compared.", r->running ? 1 : 0);
    if (r->nightly && r->nightly_ms != 0) {
        gauge(m, "dvcsync_reconcile_nightly_timestamp_seconds",
              "When the last nightly reconciliation ended whole.", seconds(r->nightly_ms));
    }
    if (r->id == 0) {
        return; /* none is kept */
    }
    gauge(m, "dvcsync_reconcile_compared", "Dossiers that the latest reconciliation has compared.",
          (double)r->compared);
    gauge(m, "dvcsync_reconcile_differences",
          "Dossiers that differ or are not known, by the latest reconciliation.",
          (double)r->differences);
    if (r->ended_ms != 0) {
        gauge(m, "dvcsync_reconcile_ended_timestamp_seconds",
              "When the latest reconciliation ended.", seconds(r->ended_ms));
    }
}

static void put_process(struct metrics *m, const struct status_view *v)
{
    const struct status_process *p = &v->process;
    const struct metric_label labels[] = {{"version", p->version}};

    labelled(m, "dvcsync_build_info", "The running version.", LABELS(labels), 1);
    gauge(m, "dvcsync_ready", "1 when everything that must be open is.", v->engine->ready ? 1 : 0);
    gauge(m, "dvcsync_verdict", "0 ok, 1 degraded, 2 failing.", (double)v->engine->verdict);
    gauge(m, "dvcsync_orphaned_items", "Items of flows that are no longer configured.",
          (double)v->engine->orphaned);
    gauge(m, "dvcsync_reload_ok", "1 when the last reload of the configuration was taken.",
          p->reload_error[0] == '\0' ? 1 : 0);
    gauge(m, "dvcsync_config_loaded_timestamp_seconds",
          "Time at which the configuration was taken.", seconds((uint64_t)p->config_loaded_ms));
    gauge(m, "process_resident_memory_bytes", "Resident memory size in bytes.",
          (double)p->rss_kb * 1024);
    gauge(m, "process_open_fds", "Number of open file descriptors.", (double)p->open_fds);
    gauge(m, "process_start_time_seconds", "Start time of the process since the epoch in seconds.",
          seconds((uint64_t)p->started_ms));
}

int status_metrics_render(const struct status_view *v, const struct metrics *metrics,
                          struct buf *out)
{
    struct metrics *m = metrics_new();
    int err;

    if (m == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < v->engine->n_flows; i++) {
        put_flow(m, &v->engine->flows[i]);
    }
    for (size_t i = 0; i < v->engine->n_sources; i++) {
        put_source(m, &v->engine->sources[i]);
    }
    for (size_t i = 0; i < v->engine->n_endpoints; i++) {
        put_endpoint(m, &v->engine->endpoints[i]);
    }
    put_deadlines(m, &v->engine->deadlines);
    put_reconcile(m, &v->engine->reconcile);
    put_journal(m, v);
    put_process(m, v);
    err = metrics_render(metrics, out);
    if (err == 0) {
        err = metrics_render(m, out);
    }
    metrics_free(m);
    return err;
}
