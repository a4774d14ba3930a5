#include "daemon/status_json.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "codec/json.h"
#include "domain/status.h"
#include "domain/vntime.h"

#define TIME_SIZE 32

static const char *const kind_names[] = {
    [FLOW_DOSSIERS] = "dossiers",   [FLOW_CATALOG] = "catalog",   [FLOW_SEEN] = "seen",
    [FLOW_STATUS] = "status",       [FLOW_INTAKE] = "intake",     [FLOW_RATINGS] = "ratings",
    [FLOW_QUESTIONS] = "questions", [FLOW_PAYMENTS] = "payments", [FLOW_USAGE] = "usage"};
static const char *const mode_names[] = {
    [FLOW_LIVE] = "live", [FLOW_OBSERVE] = "observe", [FLOW_OFF] = "off"};
static const char *const condition_names[] = {
    [JOURNAL_OK] = "ok", [JOURNAL_FULL] = "full", [JOURNAL_FAULT] = "fault"};

static const char *flow_kind_name(enum flow_kind kind)
{
    return kind_names[kind];
}

static const char *flow_mode_name(enum flow_mode mode)
{
    return mode_names[mode];
}

static const char *condition_name(enum journal_condition condition)
{
    return condition_names[condition];
}

/* ---- small pieces ---- */

static void number(struct json_writer *w, const char *key, uint64_t value)
{
    json_integer_out(w, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void time_s(struct json_writer *w, const char *key, int64_t at_s)
{
    char text[TIME_SIZE];

    vntime_format_rfc3339(at_s, text, sizeof(text));
    if (text[0] == '\0') {
        json_null(w, key);
    } else {
        json_string(w, key, text);
    }
}

static void time_ms(struct json_writer *w, const char *key, uint64_t at_ms)
{
    time_s(w, key, (int64_t)(at_ms / 1000));
}

static void begin(struct json_writer *w, struct buf *out)
{
    json_write_begin(w, out);
    json_object_open(w, NULL);
    json_integer_out(w, "schema", STATUS_SCHEMA);
}

static int end(struct json_writer *w)
{
    json_object_close(w);
    buf_putc(w->out, '\n');
    return buf_error(w->out);
}

/* ---- status ---- */

static void put_counts(struct json_writer *w, const char *key, const uint64_t *counts)
{
    json_object_open(w, key);
    for (unsigned s = 0; s < ITEM_STATES; s++) {
        number(w, item_state_name((enum item_state)s), counts[s]);
    }
    json_object_close(w);
}

static uint64_t sum_states(const struct engine_flow_status *f, enum item_state state)
{
    return f->counts[ITEM_SNAPSHOT][state] + f->counts[ITEM_STEP][state];
}

static void put_flow_items(struct json_writer *w, const struct engine_flow_status *f)
{
    json_object_open(w, "counts");
    put_counts(w, "snapshots", f->counts[ITEM_SNAPSHOT]);
    put_counts(w, "steps", f->counts[ITEM_STEP]);
    json_object_close(w);
    number(w, "waiting",
           sum_states(f, ITEM_PENDING) + sum_states(f, ITEM_INFLIGHT) + sum_states(f, ITEM_UNSURE));
    number(w, "held_items", sum_states(f, ITEM_HELD));
    json_object_open(w, "held");
    for (unsigned h = HOLD_NONE + 1; h < HOLD_WHYS; h++) {
        if (f->held[h] > 0) {
            number(w, hold_why_name((enum hold_why)h), f->held[h]);
        }
    }
    json_object_close(w);
}

static void put_source(struct json_writer *w, const struct engine_source_status *s)
{
    json_object_open(w, NULL);
    json_string(w, "name", s->name);
    json_bool(w, "polls", s->polls);
    json_bool(w, "polling", s->polling);
    json_bool(w, "listens", s->listens);
    json_integer_out(w, "rank", s->rank);
    time_ms(w, "last_poll", s->last_poll_ms);
    number(w, "rows_seen", s->rows_seen);
    number(w, "rows_changed", s->rows_changed);
    number(w, "details", s->details);
    number(w, "detail_failures", s->detail_failures);
    number(w, "acknowledged", s->acks);
    number(w, "acknowledge_failures", s->ack_failures);
    number(w, "offers_taken", s->taken);
    number(w, "offers_refused", s->refused);
    number(w, "clients_waiting", s->waiting);
    json_string(w, "trouble", s->trouble);
    json_object_close(w);
}

static void put_sources(struct json_writer *w, const struct engine_status *s, const char *flow)
{
    json_array_open(w, "sources");
    for (size_t i = 0; i < s->n_sources; i++) {
        if (strcmp(s->sources[i].flow, flow) == 0) {
            put_source(w, &s->sources[i]);
        }
    }
    json_array_close(w);
}

static void put_flow(struct json_writer *w, const struct engine_status *s,
                     const struct engine_flow_status *f)
{
    json_object_open(w, NULL);
    json_string(w, "name", f->name);
    json_string(w, "kind", flow_kind_name(f->kind));
    json_string(w, "mode", flow_mode_name(f->mode));
    json_string(w, "from", f->from);
    json_string(w, "to", f->to);
    put_sources(w, s, f->name);
    put_flow_items(w, f);
    time_ms(w, "oldest", f->oldest_ms);
    number(w, "lag_s", f->lag_ms / 1000);
    number(w, "behind_held", f->behind);
    time_ms(w, "behind_held_oldest", f->behind_ms);
    number(w, "behind_held_s", f->behind_lag_ms / 1000);
    time_ms(w, "last_delivery", f->last_delivery_ms);
    number(w, "delivered", f->delivered);
    number(w, "calls", f->calls);
    number(w, "lookups", f->lookups);
    number(w, "unsure", f->unsure);
    number(w, "refused", f->refused);
    time_ms(w, "last_poll", f->last_poll_ms);
    time_ms(w, "last_full_sweep", f->last_full_sweep_ms);
    number(w, "full_sweeps", f->full_sweeps);
    json_bool(w, "sweeping", f->sweeping);
    number(w, "rows_seen", f->rows_seen);
    number(w, "rows_changed", f->rows_changed);
    number(w, "details", f->details);
    number(w, "detail_failures", f->detail_failures);
    number(w, "owed", f->owed);
    time_ms(w, "catalog_read", f->catalog_read_ms);
    json_string(w, "trouble", f->trouble);
    json_bool(w, "adopting", f->adopting);
    number(w, "adopt_done", f->adopt_done);
    number(w, "adopt_total", f->adopt_total);
    json_bool(w, "idle", f->idle);
    json_object_close(w);
}

static void put_endpoint(struct json_writer *w, const struct engine_endpoint_status *e)
{
    json_string(w, "name", e->name);
    json_bool(w, "paused", e->paused);
    json_string(w, "pause_reason", e->pause_reason);
    time_ms(w, "paused_since", e->paused_since_ms);
    json_string(w, "breaker", breaker_name(e->breaker));
    time_ms(w, "open_until", e->open_until_ms);
    number(w, "in_flight", e->in_flight);
    number(w, "window", e->window);
    number(w, "max_in_flight", e->max_in_flight);
    number(w, "calls", e->calls);
    number(w, "failures", e->failures);
    number(w, "logins_refused", e->logins_refused);
    time_ms(w, "last_success", e->last_success_ms);
    time_ms(w, "last_failure", e->last_failure_ms);
    json_string(w, "last_failure_text", e->last_failure);
    json_object_open(w, "notes");
    for (size_t i = 0; i < e->n_notes; i++) {
        number(w, e->notes[i].name, e->notes[i].value);
    }
    json_object_close(w);
}

/* A journal that began as a copy says so for good. */
static void put_restored(struct json_writer *w, const struct journal_restored *restored)
{
    if (restored == NULL || restored->at_ms == 0) {
        json_null(w, "restored");
        return;
    }
    json_object_open(w, "restored");
    time_ms(w, "at", restored->at_ms);
    json_string(w, "from", restored->salvaged ? "salvage" : "backup");
    time_ms(w, "copied", restored->copied_ms);
    json_object_close(w);
}

static void put_journal(struct json_writer *w, const struct status_view *v)
{
    char head[DIGEST_HEX_SIZE];

    json_object_open(w, "journal");
    json_string(w, "condition", condition_name(v->condition));
    json_string(w, "text", v->condition_text);
    number(w, "file_bytes", v->journal.file_bytes);
    number(w, "wal_bytes", v->journal.wal_bytes);
    number(w, "free_bytes", v->journal.free_bytes);
    number(w, "waiting_ops", v->journal.waiting_ops);
    number(w, "uncommitted_bytes", v->journal.uncommitted_bytes);
    json_bool(w, "window_full", v->window_full);
    number(w, "batches", v->journal.batches);
    number(w, "operations", v->journal.ops);
    number(w, "checkpoints", v->journal.checkpoints);
    number(w, "worker_age_ms", v->worker_age_ms);
    json_double_out(w, "commit_ms", v->commit_ms);
    put_restored(w, v->restored);
    json_object_open(w, "audit");
    json_integer_out(w, "row", v->audit.row);
    digest_hex(v->audit.chain, head);
    json_string(w, "head", head);
    json_object_close(w);
    json_object_close(w);
}

static void put_process(struct json_writer *w, const struct status_view *v)
{
    const struct status_process *p = &v->process;

    json_string(w, "version", p->version);
    time_ms(w, "at", (uint64_t)v->now_ms);
    time_ms(w, "started", (uint64_t)p->started_ms);
    number(w, "uptime_s", p->uptime_s);
    number(w, "rss_kb", p->rss_kb);
    number(w, "open_fds", p->open_fds);
    json_double_out(w, "loop_lag_s", p->loop_lag_s);
    json_string(w, "log_level", p->log_level);
    json_object_open(w, "configuration");
    json_string(w, "file", p->config_path);
    time_ms(w, "loaded", (uint64_t)p->config_loaded_ms);
    number(w, "generation", p->generation);
    json_string(w, "reload_error", p->reload_error);
    json_object_close(w);
}

static void put_reasons(struct json_writer *w, const struct engine_status *s)
{
    json_array_open(w, "reasons");
    for (size_t i = 0; i < s->n_reasons; i++) {
        json_string(w, NULL, s->reasons[i]);
    }
    json_array_close(w);
}

static void put_deadlines(struct json_writer *w, const struct engine_deadlines *d)
{
    json_object_open(w, "deadlines");
    json_string(w, "calendar", d->calendar);
    json_bool(w, "calendar_covers_today", d->covered);
    time_s(w, "calendar_end", d->calendar_end_s);
    number(w, "risk_hours", d->risk_hours);
    if (d->risk_known) {
        number(w, "at_risk", d->at_risk);
        number(w, "promise_passed", d->passed);
        time_s(w, "first_promised", d->risk_first_s);
    }
    number(w, "silent_days", d->silent_days);
    if (d->silence_known) {
        number(w, "silent", d->silent);
        number(w, "agencies", d->agencies);
        number(w, "agencies_closed", d->closed);
        number(w, "agencies_unknown", d->silence_unknown);
    }
    json_object_close(w);
}

/* The running or the last one; GET /v1/reconcile has the whole of it. */
static void put_reconcile(struct json_writer *w, const struct engine_reconcile_status *r)
{
    json_object_open(w, "reconcile");
    json_bool(w, "running", r->running);
    json_integer_out(w, "id", r->id);
    json_string(w, "scope", r->scope);
    json_bool(w, "fix", r->fix);
    json_bool(w, "reading_sources", r->sweeping);
    time_ms(w, "begun", r->begun_ms);
    time_ms(w, "ended", r->ended_ms);
    number(w, "compared", r->compared);
    number(w, "differences", r->differences);
    number(w, "put_right", r->mended);
    number(w, "lookups", r->lookups);
    json_string(w, "trouble", r->trouble);
    json_bool(w, "nightly", r->nightly);
    time_ms(w, "nightly_ended", r->nightly_ms);
    json_object_close(w);
}

int status_json_status(const struct status_view *v, struct buf *out)
{
    const struct engine_status *s = v->engine;
    struct json_writer w;

    begin(&w, out);
    json_string(&w, "verdict", engine_verdict_name(s->verdict));
    put_reasons(&w, s);
    json_bool(&w, "ready", s->ready);
    json_bool(&w, "idle", s->idle);
    number(&w, "orphaned", s->orphaned);
    put_deadlines(&w, &s->deadlines);
    put_reconcile(&w, &s->reconcile);
    put_process(&w, v);
    json_array_open(&w, "flows");
    for (size_t i = 0; i < s->n_flows; i++) {
        put_flow(&w, s, &s->flows[i]);
    }
    json_array_close(&w);
    json_array_open(&w, "endpoints");
    for (size_t i = 0; i < s->n_endpoints; i++) {
        json_object_open(&w, NULL);
        put_endpoint(&w, &s->endpoints[i]);
        json_object_close(&w);
    }
    json_array_close(&w);
    put_journal(&w, v);
    return end(&w);
}

int status_json_ready(const struct engine_status *s, struct buf *out)
{
    struct json_writer w;

    begin(&w, out);
    json_bool(&w, "ready", s->ready);
    put_reasons(&w, s);
    return end(&w);
}

int status_json_endpoint(const struct engine_endpoint_status *e, struct buf *out)
{
    struct json_writer w;

    begin(&w, out);
    put_endpoint(&w, e);
    return end(&w);
}

/* ---- items ---- */

static void put_status(struct json_writer *w, const char *key, const char *text_key, int status)
{
    json_integer_out(w, key, status);
    json_string(w, text_key, status_valid(status) ? status_name(status) : "");
}

static void put_flags(struct json_writer *w, uint32_t flags)
{
    static const struct {
        enum item_flag flag;
        const char *name;
    } names[] = {{ITEM_FLAG_TRUNCATED, "truncated"},
                 {ITEM_FLAG_JUMPED, "jumped"},
                 {ITEM_FLAG_CONSENTED, "consented"},
                 {ITEM_FLAG_WITHDRAWN, "withdrawn"},
                 {ITEM_FLAG_AGAIN, "again"}};

    json_array_open(w, "flags");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((flags & (uint32_t)names[i].flag) != 0) {
            json_string(w, NULL, names[i].name);
        }
    }
    json_array_close(w);
}

static void put_item(struct json_writer *w, const struct journal_item_row *row)
{
    json_object_open(w, NULL);
    json_integer_out(w, "id", row->id);
    json_string(w, "flow", row->flow);
    json_string(w, "code", row->code);
    json_string(w, "kind", row->kind == ITEM_STEP ? "step" : "snapshot");
    json_string(w, "state", item_state_name(row->state));
    json_string(w, "hold", row->hold == HOLD_NONE ? "" : hold_why_name(row->hold));
    put_status(w, "status", "status_text", row->status);
    time_s(w, "at", row->at_s);
    time_ms(w, "created", row->created_ms);
    time_ms(w, "changed", row->changed_ms);
    time_ms(w, "due", row->due_ms);
    number(w, "attempts", row->attempts);
    put_flags(w, row->flags);
    if (row->successor != 0) {
        json_integer_out(w, "successor", row->successor);
    } else {
        json_null(w, "successor");
    }
    json_string(w, "step_key", row->step_key);
    json_string(w, "reason", row->reason);
    json_string(w, "digest", row->digest);
    json_object_close(w);
}

static void put_items(struct json_writer *w, const struct journal_item_row *rows, size_t n)
{
    json_array_open(w, "items");
    for (size_t i = 0; i < n; i++) {
        put_item(w, &rows[i]);
    }
    json_array_close(w);
}

int status_json_list(const struct journal_list *l, struct buf *out)
{
    char next[24];
    struct json_writer w;

    begin(&w, out);
    put_items(&w, l->rows, l->n);
    if (l->more && l->n > 0) {
        (void)snprintf(next, sizeof(next), "%lld", (long long)l->rows[l->n - 1].id);
        json_string(&w, "next", next);
    } else {
        json_null(&w, "next");
    }
    return end(&w);
}

/* ---- the life of a code ---- */

static void put_attempt(struct json_writer *w, const struct journal_attempt_row *row)
{
    json_object_open(w, NULL);
    json_integer_out(w, "id", row->id);
    json_string(w, "verb", row->verb == JOURNAL_LOOKUP ? "lookup" : "send");
    json_integer_out(w, "first_item", row->first_item);
    json_integer_out(w, "last_item", row->last_item);
    number(w, "items", row->items);
    json_bool(w, "updating", row->updating);
    time_ms(w, "begun", row->begun_ms);
    time_ms(w, "ended", row->ended_ms);
    json_string(w, "outcome",
                row->ended_ms == 0 ? "" : outcome_name((enum outcome_class)row->outcome));
    json_integer_out(w, "http", row->http);
    json_string(w, "code", row->code);
    json_string(w, "words", row->words);
    number(w, "repeats", row->repeats);
    number(w, "took_ms", row->took_ms);
    json_string(w, "request", row->request);
    json_string(w, "response", row->response);
    json_object_close(w);
}

static void put_seen(struct json_writer *w, const struct journal_life *l)
{
    if (l->seen_at_ms == 0) {
        json_null(w, "seen");
        return;
    }
    json_object_open(w, "seen");
    time_ms(w, "at", l->seen_at_ms);
    json_bool(w, "there", l->seen_there);
    put_status(w, "status", "status_text", l->seen_status);
    json_object_close(w);
}

static void put_audit(struct json_writer *w, const struct journal_audit_row *row)
{
    json_object_open(w, NULL);
    time_ms(w, "at", row->at_ms);
    json_string(w, "who", row->who);
    json_string(w, "verb", row->verb);
    json_string(w, "object", row->object);
    json_string(w, "reason", row->reason);
    json_object_close(w);
}

int status_json_life(const struct journal_life *l, const struct config_flow *flow, struct buf *out)
{
    struct json_writer w;

    begin(&w, out);
    json_string(&w, "flow", l->flow);
    json_string(&w, "mode", flow != NULL ? mode_names[flow->mode] : "");
    json_string(&w, "code", l->subject_code);
    json_bool(&w, "present", l->present != 0);
    json_bool(&w, "doubt", l->doubt != 0);
    put_status(&w, "acked_status", "acked_status_text", l->acked_status);
    put_status(&w, "status", "status_text", l->status);
    time_s(&w, "promised", l->promised_s);
    time_ms(&w, "since", l->since_ms);
    put_seen(&w, l);
    put_items(&w, l->items, l->n_items);
    json_array_open(&w, "attempts");
    for (size_t i = 0; i < l->n_attempts; i++) {
        put_attempt(&w, &l->attempts[i]);
    }
    json_array_close(&w);
    json_array_open(&w, "audits");
    for (size_t i = 0; i < l->n_audits; i++) {
        put_audit(&w, &l->audits[i]);
    }
    json_array_close(&w);
    json_bool(&w, "truncated", l->truncated);
    return end(&w);
}

/* ---- the rest ---- */

int status_json_events(const struct events *e, uint64_t after, size_t limit, struct buf *out)
{
    const struct event *event = events_after(e, after);
    struct json_writer w;

    begin(&w, out);
    json_bool(&w, "missed", after > 0 && event != NULL && event->id != after + 1);
    json_array_open(&w, "events");
    for (size_t n = 0; event != NULL && n < limit; n++) {
        json_object_open(&w, NULL);
        number(&w, "id", event->id);
        time_ms(&w, "at", (uint64_t)event->at_ms);
        json_string(&w, "level", log_level_name(event->level));
        json_string(&w, "kind", event->kind);
        json_string(&w, "text", event->text);
        json_object_close(&w);
        after = event->id;
        event = events_after(e, after);
    }
    json_array_close(&w);
    number(&w, "last", events_last(e));
    return end(&w);
}

int status_json_act(const struct journal_act *a, struct buf *out)
{
    struct json_writer w;

    begin(&w, out);
    number(&w, "matched", a->matched);
    number(&w, "moved", a->moved);
    json_bool(&w, "dry_run", a->dry_run);
    return end(&w);
}

int status_json_problem(unsigned status, const char *title, const char *const *errors, size_t n,
                        struct buf *out)
{
    struct json_writer w;

    begin(&w, out);
    json_string(&w, "type", "about:blank");
    json_string(&w, "title", title);
    json_integer_out(&w, "status", status);
    json_string(&w, "detail", n > 0 ? errors[0] : "");
    json_array_open(&w, "errors");
    for (size_t i = 0; i < n; i++) {
        json_string(&w, NULL, errors[i]);
    }
    json_array_close(&w);
    return end(&w);
}
