/* The receiver of OpenCPS's publish queue (provincial-systems.md 1.1, queue 2).
 *
 * A notice is taken as knowledge that a dossier changed, never as its content: the id is stored as
 * an owed row, and the answer that lets OpenCPS forget its row leaves after the COMMIT. Content,
 * steps and files then come by the same detail calls as in polling, so that the two can't differ.
 */
#include <stdlib.h>
#include <string.h>

#include "adapter/listen.h"
#include "adapter/opencps_impl.h"
#include "base/crash_point.h"

#define PUBLISH_PATH "/dossiers/publish"
#define NOTICES_MAX 1024 /* that wait for their commit */
#define ID_SIZE 65

struct notice {
    struct adapter_offer offer;
    struct opencps *o;
    struct http_call *call; /* NULL: told to come again */
    struct loop_timer late; /* until then it must be stored */
    char id[ID_SIZE];
    char number[24]; /* dossierId as it came; "0" when it did not */
    const char *owed[1];
};

/* ---- the form ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One value, decoded; false when it does not fit or is broken. */
static bool decode(const char *text, size_t n, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        int c = text[i] == '+' ? ' ' : (unsigned char)text[i];

        if (c == '%') {
            int high = i + 2 < n ? hex(text[i + 1]) : -1;
            int low = i + 2 < n ? hex(text[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return false;
            }
            c = high * 16 + low;
            i += 2;
        }
        if (len + 1 >= size || c == '\0') {
            return false;
        }
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return true;
}

/* The first field of that name in the form. */
static bool field(const char *form, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name);

    while (*form != '\0') {
        size_t n = strcspn(form, "&");

        if (n > name_len && form[name_len] == '=' && strncmp(form, name, name_len) == 0) {
            return decode(form + name_len + 1, n - name_len - 1, out, size) && out[0] != '\0';
        }
        form += n + (form[n] == '&');
    }
    return false;
}

static bool is_number(const char *text)
{
    size_t n = strspn(text, "0123456789");

    return n > 0 && n <= 18 && text[n] == '\0' && text[0] != '0';
}

static bool is_uid(const char *text)
{
    size_t n = strspn(text, "0123456789abcdefABCDEF-");

    return n == 36 && text[n] == '\0';
}

/* The id that lists use: dossierId; a form that names only a referenceUid is read by that. */
static bool read_ids(const char *form, struct notice *n)
{
    char number[24];

    strcpy(n->number, "0");
    if (field(form, "dossierId", number, sizeof(number)) && is_number(number)) {
        memcpy(n->number, number, sizeof(number));
        memcpy(n->id, number, sizeof(number));
        return true;
    }
    return field(form, "referenceUid", n->id, sizeof(n->id)) && is_uid(n->id);
}

/* ---- one notice ---- */

static void check_stopped(struct opencps *o)
{
    struct opencps_publish *p = &o->publish;

    if (p->stopped != NULL && p->listen == NULL && p->open == 0) {
        loop_defer(o->env.loop, &p->stop_task);
    }
}

static void answer_busy(struct notice *n)
{
    struct http_call *call = n->call;

    n->call = NULL;
    http_answer_problem(call, 503, "not stored now; please send it again");
}

/* The disk takes its time. Stored after all, it is read once more than needed. */
static void on_late(struct loop_timer *timer)
{
    answer_busy(CONTAINER_OF(timer, struct notice, late));
}

static void notice_done(struct adapter_offer *offer)
{
    struct notice *n = CONTAINER_OF(offer, struct notice, offer);
    struct opencps *o = n->o;

    loop_timer_stop(&n->late);
    if (n->call == NULL) {
        o->publish.taken += offer->err == 0;
    } else if (offer->err == 0) {
        struct buf text;

        buf_init(&text, 256);
        buf_printf(&text, "{\"dossierId\":%s,\"referenceUid\":", n->number);
        buf_put_json(&text, strcmp(n->id, n->number) != 0 ? n->id : "");
        buf_puts(&text, "}");
        o->publish.taken++;
        CRASH_POINT(notice_answer_before);
        listen_answer_json(n->call, 200, buf_text(&text), text.len);
        CRASH_POINT(notice_answered);
        buf_free(&text);
    } else {
        /* Whatever the reason: anything but success makes OpenCPS keep its row. */
        answer_busy(n);
    }
    free(n);
    o->publish.open--;
    check_stopped(o);
}

static void refuse(struct opencps *o, struct http_call *call, unsigned status, const char *why)
{
    listen_count_refused(o->publish.listen);
    http_answer_problem(call, status, why);
}

static bool is_publish(const char *path)
{
    size_t n = strlen(path);
    size_t end = strlen(PUBLISH_PATH);

    while (n > 0 && path[n - 1] == '/') {
        n--;
    }
    return n >= end && strncmp(path + n - end, PUBLISH_PATH, end) == 0;
}

static void take(struct opencps *o, struct http_call *call)
{
    struct notice *n = calloc(1, sizeof(*n));

    if (n == NULL || o->publish.open >= NOTICES_MAX) {
        free(n);
        http_answer_problem(call, 503, "too many notices at a time; please send it again");
        return;
    }
    n->o = o;
    n->call = call;
    if (!read_ids(call->body, n)) {
        free(n);
        refuse(o, call, 400, "the form names no dossierId and no referenceUid");
        return;
    }
    CRASH_POINT(notice_taken);
    n->owed[0] = n->id;
    n->offer.owed = n->owed;
    n->offer.n_owed = 1;
    n->offer.done = notice_done;
    loop_timer_init(&n->late, on_late);
    loop_timer_start(o->env.loop, &n->late, opencps_source(o)->answer_timeout_ms);
    o->publish.open++;
    o->publish.host->ops->offer(o->publish.host, &n->offer);
}

/* The site names itself in the header; that of another site has ids that mean other dossiers. */
static bool right_site(const struct opencps *o, const struct http_call *call)
{
    const char *group = http_call_header(call, "groupId");
    const char *ours = opencps_source(o)->group_id;

    return group == NULL || group[0] == '\0' || ours[0] == '\0' || strcmp(group, ours) == 0;
}

static void handle(void *ctx, struct http_call *call)
{
    struct opencps *o = ctx;

    if (!listen_authorised(o->publish.listen, call)) {
        listen_answer_denied(call);
    } else if (!is_publish(call->path)) {
        refuse(o, call, 404, "only .../dossiers/publish is taken here");
    } else if (strcmp(call->method, "POST") != 0) {
        refuse(o, call, 405, "notices are POSTed");
    } else if (!right_site(o, call)) {
        refuse(o, call, 403, "groupId is not the one that this source is configured for");
    } else if (o->publish.closing) {
        http_answer_problem(call, 503, "stopping; please send it again");
    } else {
        take(o, call);
    }
}

/* ---- listening ---- */

static bool listens(const struct config_source *source)
{
    return source->listen != NULL && source->listen[0] != '\0';
}

int opencps_publish_check(const struct config_source *source, struct errmsg *msg)
{
    return listens(source) ? listen_check(source, msg) : 0;
}

int opencps_publish_change(struct opencps *o, const struct config_source *source,
                           struct errmsg *msg)
{
    struct opencps_publish *p = &o->publish;

    if (p->host == NULL || (p->listen == NULL && !listens(source))) {
        return opencps_publish_check(source, msg);
    }
    if (p->listen == NULL || !listens(source)) {
        return err_set(msg, ERR_CONFIG,
                       "source %s: listen can be added or taken away by a restart only", o->name);
    }
    return listen_reconfigure(p->listen, source, msg);
}

int opencps_listen_verb(struct adapter *a, struct adapter_host *host, struct errmsg *msg)
{
    struct opencps *o = opencps_self(a);
    const struct config_source *source = config_source_find(o->env.config, o->name);
    const struct listen_hooks hooks = {.handle = handle, .ctx = o};
    int err = 0;

    o->publish.closing = false;
    if (source != NULL && listens(source)) {
        err = listen_open(&o->env, source, &hooks, &o->publish.listen, msg);
    }
    if (err == 0) {
        o->publish.host = host;
    }
    return err;
}

static void stop_run(struct loop_task *task)
{
    struct opencps_publish *p = CONTAINER_OF(task, struct opencps_publish, stop_task);
    void (*stopped)(void *ctx) = p->stopped;

    p->stopped = NULL;
    p->host = NULL;
    stopped(p->stopped_ctx); /* may free the adapter */
}

static void closed(void *ctx)
{
    struct opencps *o = ctx;

    o->publish.listen = NULL;
    check_stopped(o);
}

void opencps_unlisten_verb(struct adapter *a, void (*stopped)(void *ctx), void *ctx)
{
    struct opencps *o = opencps_self(a);

    o->publish.closing = true;
    o->publish.stopped = stopped;
    o->publish.stopped_ctx = ctx;
    if (o->publish.listen != NULL) {
        listen_close(o->publish.listen, closed, o);
    } else {
        check_stopped(o);
    }
}

size_t opencps_notes_verb(struct adapter *a, struct adapter_note notes[ADAPTER_NOTES_MAX])
{
    const struct opencps_publish *p = &opencps_self(a)->publish;

    if (p->listen == NULL) {
        return 0;
    }
    notes[0] = (struct adapter_note){"published", p->taken};
    return listen_notes(p->listen, notes, 1);
}

void opencps_publish_init(struct opencps *o)
{
    loop_task_init(&o->publish.stop_task, stop_run);
}
