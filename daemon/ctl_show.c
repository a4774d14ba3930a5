/* ctl_show: the verbs that ask. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/ctl.h"
#include "daemon/ctl_text.h"
#include "daemon/ctl_view.h"

#define TARGET_BYTES ((size_t)8192)
#define WATCH_MAX_S 3600
#define EVENTS_MAX 1000
#define EVENTS_EVERY_S 1
#define WAIT_EVERY_S 1

/* ---- status, check ---- */

int ctl_status(struct ctl *c)
{
    uint64_t every_s;
    int exit_code;

    if (c->options[CTL_WATCH] == NULL) {
        return ctl_show(c, "/v1/status", ctl_view_status);
    }
    if (ctl_number(c->options[CTL_WATCH], 1, WATCH_MAX_S, &every_s) != 0) {
        return ctl_complain(CTL_USAGE, "--watch takes 1 to %d seconds", WATCH_MAX_S);
    }
    do {
        if (c->colour && !c->json) {
            fputs("\033[H\033[2J", stdout);
        }
        exit_code = ctl_show(c, "/v1/status", ctl_view_status);
        (void)fflush(stdout);
        /* A daemon that restarts is worth the wait. */
    } while ((exit_code == CTL_OK || exit_code == CTL_UNREACHABLE) &&
             sleep((unsigned)every_s) == 0);
    return exit_code;
}

/* A daemon that can't be reached is critical; that we can't tell is unknown. */
static int check_failed(int err, const struct errmsg *msg)
{
    bool away = err == ERR_NOTFOUND || err == ERR_TIMEOUT || err == ERR_REMOTE || err == ERR_IO;

    printf("DVCSYNC %s - %s\n", away ? "CRITICAL" : "UNKNOWN", msg->text);
    return away ? CTL_CRITICAL : CTL_UNKNOWN;
}

int ctl_check(struct ctl *c)
{
    const char *warn = c->options[CTL_WARN_AGE] != NULL ? c->options[CTL_WARN_AGE] : "1h";
    const char *crit = c->options[CTL_CRIT_AGE] != NULL ? c->options[CTL_CRIT_AGE] : "4h";
    struct errmsg msg = {""};
    struct json *root = NULL;
    struct ctl_reply reply;
    struct buf line;
    uint64_t warn_s;
    uint64_t crit_s;
    int exit_code;
    int err;

    if (ctl_age_parse(warn, &warn_s) != 0 || ctl_age_parse(crit, &crit_s) != 0 || warn_s == 0 ||
        crit_s < warn_s) {
        return ctl_complain(CTL_UNKNOWN, "--warn-age and --crit-age take ages such as 90s, 30m, "
                                         "4h, 2d, the second not under the first");
    }
    err = ctl_call(c, "/v1/status", NULL, CTL_TIMEOUT_MS, &reply, &msg);
    if (err == 0 && reply.status == 200) {
        err = json_parse(buf_text(&reply.body), reply.body.len, &root, &msg);
    }
    buf_init(&line, CTL_TEXT_BYTES);
    if (err != 0) {
        exit_code = check_failed(err, &msg);
    } else {
        exit_code = ctl_view_check(root, warn_s, crit_s, &line);
        if (c->json) {
            buf_clear(&line);
            buf_puts(&line, buf_text(&reply.body));
        }
    }
    exit_code = ctl_print(&line, exit_code);
    json_free(root);
    ctl_reply_free(&reply);
    return exit_code;
}

/* ---- queue, show, why, catalog ---- */

int ctl_queue(struct ctl *c)
{
    static const struct {
        enum ctl_option option;
        const char *key;
    } filters[] = {{CTL_STATE, "state"}, {CTL_HOLD, "hold"},   {CTL_FLOW, "flow"},
                   {CTL_CODE, "code"},   {CTL_LIMIT, "limit"}, {CTL_AFTER, "after"}};
    struct buf target;
    int exit_code;

    buf_init(&target, TARGET_BYTES);
    buf_puts(&target, "/v1/queue?state=");
    ctl_put_encoded(&target, c->options[CTL_STATE] != NULL  ? c->options[CTL_STATE]
                             : c->options[CTL_HOLD] != NULL ? "HELD"
                                                            : "open");
    for (size_t i = 1; i < sizeof(filters) / sizeof(filters[0]); i++) {
        if (c->options[filters[i].option] != NULL) {
            buf_printf(&target, "&%s=", filters[i].key);
            ctl_put_encoded(&target, c->options[filters[i].option]);
        }
    }
    exit_code = ctl_show(c, buf_text(&target), ctl_view_list);
    buf_free(&target);
    return exit_code;
}

static int show_one(struct ctl *c, const char *head, const char *name,
                    void (*render)(const struct json *root, int64_t now_s, bool colour,
                                   struct buf *out))
{
    struct buf target;
    int exit_code;

    buf_init(&target, TARGET_BYTES);
    buf_puts(&target, head);
    ctl_put_encoded(&target, name);
    exit_code = ctl_show(c, buf_text(&target), render);
    buf_free(&target);
    return exit_code;
}

int ctl_item(struct ctl *c)
{
    return show_one(c, "/v1/records/", c->args[0], ctl_view_item);
}

int ctl_why(struct ctl *c)
{
    return show_one(c, "/v1/dossiers/", c->args[0], ctl_view_why);
}

int ctl_catalog(struct ctl *c)
{
    const char *limit = c->options[CTL_LIMIT] != NULL ? c->options[CTL_LIMIT] : "10";

    return show_one(c, "/v1/catalog?limit=", limit, ctl_view_agreement);
}

/* ---- events ---- */

/* One page; *after becomes the id of its last event. */
static int show_events(struct ctl *c, uint64_t *after, bool *more)
{
    char target[64];
    struct json *root = NULL;
    struct errmsg msg = {""};
    struct ctl_reply reply;
    struct buf out;
    size_t n;
    int exit_code = CTL_OK;
    int err;

    (void)snprintf(target, sizeof(target), "/v1/events?after=%llu&limit=%d",
                   (unsigned long long)*after, EVENTS_MAX);
    err = ctl_call(c, target, NULL, CTL_TIMEOUT_MS, &reply, &msg);
    if (err == 0) {
        err = json_parse(buf_text(&reply.body), reply.body.len, &root, &msg);
    }
    if (err != 0 || reply.status != 200) {
        exit_code = err != 0
                        ? ctl_explain(c, false, err, &msg)
                        : ctl_complain(CTL_UNKNOWN, "the daemon answers HTTP %d", reply.status);
        ctl_reply_free(&reply);
        json_free(root);
        return exit_code;
    }
    n = json_size(json_get(root, "events"));
    *more = n == EVENTS_MAX;
    buf_init(&out, CTL_TEXT_BYTES);
    if (c->json && n > 0) {
        buf_put(&out, buf_text(&reply.body), reply.body.len);
    } else if (!c->json) {
        ctl_view_events(root, (int64_t)time(NULL), c->colour, &out);
    }
    for (const struct json *e = json_first(json_get(root, "events")); e != NULL; e = json_next(e)) {
        *after = ctl_uint(e, "id");
    }
    if (ctl_uint(root, "last") < *after) {
        *after = 0; /* the daemon was started anew and counts from the beginning */
    }
    exit_code = ctl_print(&out, CTL_OK);
    json_free(root);
    ctl_reply_free(&reply);
    return exit_code;
}

int ctl_events(struct ctl *c)
{
    bool follow = c->options[CTL_FOLLOW] != NULL;
    uint64_t after = 0;
    bool more = false;
    int exit_code;

    do {
        exit_code = show_events(c, &after, &more);
        (void)fflush(stdout);
    } while (exit_code == CTL_OK && (more || (follow && sleep(EVENTS_EVERY_S) == 0)));
    return exit_code;
}

/* ---- wait ---- */

static uint64_t monotonic_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec;
}

/* True when the daemon says so; *err tells whether it could be asked. */
static bool is_so(struct ctl *c, const char *target, const char *key, int *err, struct errmsg *msg)
{
    struct json *root = NULL;
    struct ctl_reply reply;
    bool so = false;

    *err = ctl_call(c, target, NULL, CTL_TIMEOUT_MS, &reply, msg);
    if (*err == 0) {
        *err = json_parse(buf_text(&reply.body), reply.body.len, &root, msg);
        so = *err == 0 && reply.status == 200 && ctl_true(root, key);
    }
    json_free(root);
    ctl_reply_free(&reply);
    return so;
}

int ctl_wait(struct ctl *c)
{
    static const struct {
        const char *name;
        const char *target;
        const char *key;
    } states[] = {{"idle", "/v1/status", "idle"}, {"ready", "/v1/health/ready", "ready"}};
    const char *until = c->options[CTL_UNTIL] != NULL ? c->options[CTL_UNTIL] : "ready";
    const char *timeout = c->options[CTL_TIMEOUT] != NULL ? c->options[CTL_TIMEOUT] : "5m";
    size_t which = 0;
    uint64_t timeout_s;
    uint64_t begun_s = monotonic_s();
    struct errmsg msg = {""};
    int err = 0;

    while (which < 2 && strcmp(states[which].name, until) != 0) {
        which++;
    }
    if (which == 2 || ctl_age_parse(timeout, &timeout_s) != 0) {
        return ctl_complain(CTL_USAGE,
                            "wait takes --until idle or ready, and a --timeout as 90s, 5m");
    }
    for (;;) {
        if (is_so(c, states[which].target, states[which].key, &err, &msg)) {
            return CTL_OK;
        }
        if (err == ERR_DENIED || err == ERR_INVAL) {
            return ctl_explain(c, false, err, &msg);
        }
        if (monotonic_s() - begun_s >= timeout_s) {
            break;
        }
        (void)sleep(WAIT_EVERY_S);
    }
    return err != 0 ? ctl_explain(c, false, err, &msg)
                    : ctl_complain(CTL_WARNING, "not %s after %s", until, timeout);
}
