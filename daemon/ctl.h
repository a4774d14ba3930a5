/* ctl: what the verbs of dvcsyncctl share: the command line, the sockets, the exit codes. */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "codec/json.h"
#include "config/config.h"
#include "daemon/ctl_http.h"

#define CTL_CONFIG_PATH "/etc/dvcsync/dvcsyncd.conf"
#define CTL_STATUS_SOCKET "/run/dvcsync/status.sock"
#define CTL_CONTROL_SOCKET "/run/dvcsync/control.sock"
#define CTL_TIMEOUT_MS 10000
#define CTL_TEXT_BYTES ((size_t)64 << 20) /* of what one verb prints */

enum ctl_exit {
    CTL_OK = 0,
    CTL_WARNING = 1,  /* done in part, not there, not possible now */
    CTL_CRITICAL = 2, /* failing, damaged */
    CTL_UNKNOWN = 3,  /* the answer can't be judged */
    CTL_USAGE = 64,
    CTL_UNREACHABLE = 69,
    CTL_BUSY = 75,
    CTL_DENIED = 77,
    CTL_FAULTY_CONFIG = 78
};

/* Options of verbs; the table of their names is ctl.c's. */
enum ctl_option {
    CTL_WATCH,
    CTL_WARN_AGE,
    CTL_CRIT_AGE,
    CTL_STATE,
    CTL_HOLD,
    CTL_FLOW,
    CTL_CODE,
    CTL_LIMIT,
    CTL_AFTER,
    CTL_REASON,
    CTL_DRY_RUN,
    CTL_YES,
    CTL_AS,
    CTL_FULL,
    CTL_ORIGIN,
    CTL_FOLLOW,
    CTL_UNTIL,
    CTL_TIMEOUT,
    CTL_STATUS_MAP,
    CTL_PROCEDURE_MAP,
    CTL_AGENCY_MAP,
    CTL_ROWS,
    CTL_BY,
    CTL_FROM,
    CTL_REQUEST,
    CTL_DROP,
    CTL_OUTPUT,
    CTL_KEY,
    CTL_FORMAT,
    CTL_KIND,
    CTL_SINCE,
    CTL_HOURS,
    CTL_DAYS,
    CTL_MONTH,
    CTL_SAMPLE,
    CTL_OPEN,
    CTL_DOSSIER,
    CTL_FIX,
    CTL_CANCEL,
    CTL_NO_WAIT,
    CTL_LINKS,
    CTL_RATE,
    CTL_WITH,
    CTL_WITHOUT_WORDS,
    CTL_OPTIONS
};

struct ctl {
    const char *config_path;
    bool config_given;                          /* -f: a faulty configuration is an error */
    const char *status_socket, *control_socket; /* NULL: as configured */
    struct config *config;                      /* owned; NULL until needed or unreadable */
    bool json, colour;
    const char *options[CTL_OPTIONS]; /* as given, "" for a flag, NULL when not */
    char **args;                      /* after the verb */
    int n_args;
    int arg; /* the verb's row: enum journal_act_verb or the like */
};

/* Loads the configuration once; true when c->config is there. Says nothing. */
bool ctl_load_config(struct ctl *c);
/* The same for who can't do without: the exit code, after the faults were told. */
int ctl_need_config(struct ctl *c);
/* The exit code of a configuration, or a part of one, that could not be taken because of err. */
int ctl_config_exit(int err);
/* Complains on stderr, "dvcsyncctl: ..."; returns exit_code. */
int ctl_complain(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints a text whose writer may have failed, and frees it. Returns exit_code, or CTL_UNKNOWN. */
int ctl_print(struct buf *out, int exit_code);

/* ---- asking (ctl_ask.c) ---- */

/* One request, GET without a body, else POST to the control socket; says nothing. Errors of
 * ctl_http, msg with the path of the socket. reply is always initialised. */
MUST_CHECK int ctl_call(struct ctl *c, const char *target, const char *body, uint64_t timeout_ms,
                        struct ctl_reply *reply, struct errmsg *msg);
/* What is wrong when a call ended with err, and what helps, on stderr; returns the exit code. */
int ctl_explain(struct ctl *c, bool control, int err, const struct errmsg *msg);
/* Asks, prints the answer when it is JSON that was wanted, explains trouble. CTL_OK: *out is the
 * answer, json_free it; else NULL. */
MUST_CHECK int ctl_ask(struct ctl *c, const char *target, const char *body, uint64_t timeout_ms,
                       struct json **out);

/* Asks, and unless --json prints what render (ctl_view.h) makes of the answer. */
int ctl_show(struct ctl *c, const char *target,
             void (*render)(const struct json *root, int64_t now_s, bool colour, struct buf *out));

/* An order's body: begin, members with json_* (w), end, free. */
struct ctl_body {
    struct json_writer w;
    struct buf text;
};
void ctl_body_begin(struct ctl_body *b);
/* Adds the option under that name when it was given. */
void ctl_body_option(struct ctl_body *b, const struct ctl *c, enum ctl_option o, const char *key);
const char *ctl_body_end(struct ctl_body *b); /* valid until free */
void ctl_body_free(struct ctl_body *b);
/* Appends name percent-encoded, for a path or a query. */
void ctl_put_encoded(struct buf *target, const char *name);
/* An order without more than a reason: POST head + name + tail; prints `done` when it is taken. */
int ctl_order(struct ctl *c, const char *head, const char *name, const char *tail,
              const char *done);

/* The journal named as argument, or the configured one: path is initialised. CTL_OK: it can be
 * read, else the exit code, after a complaint. */
int ctl_find_journal(struct ctl *c, struct buf *path);

/* ---- verbs: each returns an exit code ---- */

int ctl_status(struct ctl *c);
int ctl_check(struct ctl *c);
int ctl_queue(struct ctl *c);
int ctl_item(struct ctl *c);
int ctl_why(struct ctl *c);
int ctl_act(struct ctl *c);
int ctl_resolve(struct ctl *c);
int ctl_pause(struct ctl *c);
int ctl_resume(struct ctl *c);
int ctl_poll(struct ctl *c);
int ctl_adopt(struct ctl *c);
int ctl_catalog(struct ctl *c);
int ctl_catalog_read(struct ctl *c);
int ctl_catalog_report(struct ctl *c);
int ctl_catalog_history(struct ctl *c);
int ctl_catalog_heal(struct ctl *c);
int ctl_config_check(struct ctl *c);
int ctl_config_dump(struct ctl *c);
int ctl_test(struct ctl *c);
int ctl_source_try(struct ctl *c);
int ctl_reconcile(struct ctl *c);
int ctl_events(struct ctl *c);
int ctl_reload(struct ctl *c);
int ctl_log_level(struct ctl *c);
int ctl_wait(struct ctl *c);
int ctl_journal_check(struct ctl *c);
int ctl_journal_backup(struct ctl *c);
int ctl_audit_verify(struct ctl *c);
int ctl_map_check(struct ctl *c);
int ctl_lag(struct ctl *c);
int ctl_risk(struct ctl *c);
int ctl_silent(struct ctl *c);
int ctl_report(struct ctl *c);
int ctl_journal_recover(struct ctl *c);
int ctl_evidence(struct ctl *c);
int ctl_integrity(struct ctl *c);
int ctl_compare(struct ctl *c);
int ctl_evidence_key(struct ctl *c);
int ctl_evidence_verify(struct ctl *c);
int ctl_subject_find(struct ctl *c);
int ctl_subject_export(struct ctl *c);
int ctl_subject_erase(struct ctl *c);

#endif
