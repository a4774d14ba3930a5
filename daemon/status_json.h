/* status_json: what the status sockets answer, written from plain structs.
 *
 * Every answer begins with "schema": 1; keys are only ever added. Times are RFC 3339 in +07:00,
 * null when there is none; durations end in _s or _ms. No personal data: codes, numbers and reasons
 * only. Pure; all functions return 0 or the error of out (ERR_NOMEM, ERR_TOOBIG). */
#ifndef STATUS_JSON_H
#define STATUS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "daemon/events.h"
#include "journal/journal.h"
#include "journal/mirror.h"
#include "journal/restore.h"
#include "sync/engine.h"

#define STATUS_SCHEMA 1

/* The process itself. Texts borrowed. */
struct status_process {
    const char *version;
    const char *config_path;
    int64_t started_ms, config_loaded_ms; /* wall */
    uint64_t uptime_s;
    uint64_t generation;      /* configurations taken, from 1 */
    const char *reload_error; /* of the last reload; "" when it was taken */
    const char *log_level;
    uint64_t rss_kb, open_fds;
    double loop_lag_s; /* the longest of the last 10 s */
};

/* Everything that /v1/status and /metrics show. Texts borrowed. */
struct status_view {
    int64_t now_ms; /* wall */
    struct status_process process;
    const struct engine_status *engine;
    struct journal_numbers journal;
    enum journal_condition condition;
    const char *condition_text;
    bool window_full;
    const struct journal_restored *restored; /* NULL: not told */
    struct journal_audit_head audit;
    uint64_t worker_age_ms;
    double commit_ms;
};

MUST_CHECK int status_json_status(const struct status_view *v, struct buf *out);
MUST_CHECK int status_json_ready(const struct engine_status *s, struct buf *out);
MUST_CHECK int status_json_endpoint(const struct engine_endpoint_status *e, struct buf *out);
/* "next" is the `after` of the following page, null on the last one. */
MUST_CHECK int status_json_list(const struct journal_list *l, struct buf *out);
/* flow: its configuration, NULL when it has none any more. */
MUST_CHECK int status_json_life(const struct journal_life *l, const struct config_flow *flow,
                                struct buf *out);
/* With the clock of what is not published yet, by the configuration's calendar (status_catalog.c).
 */
MUST_CHECK int status_json_agreement(const struct mirror_agreement *a, const struct config *config,
                                     int64_t now_s, struct buf *out);
/* At most limit events after that id. */
MUST_CHECK int status_json_events(const struct events *e, uint64_t after, size_t limit,
                                  struct buf *out);
MUST_CHECK int status_json_act(const struct journal_act *a, struct buf *out);
/* A problem (RFC 7807) with a list of errors, for what does not fit into one sentence. */
MUST_CHECK int status_json_problem(unsigned status, const char *title, const char *const *errors,
                                   size_t n, struct buf *out);

#endif
