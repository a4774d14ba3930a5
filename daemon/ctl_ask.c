/* ctl_ask: questions and orders to the daemon, and what to tell a person when they fail. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/ctl.h"
#include "daemon/ctl_text.h"

#define TARGET_BYTES ((size_t)8192)
#define BODY_BYTES ((size_t)8192)

/* ---- the sockets ---- */

static const char *socket_path(struct ctl *c, bool control)
{
    const char *given = control ? c->control_socket : c->status_socket;

    if (given != NULL) {
        return given;
    }
    if (ctl_load_config(c)) {
        return control ? c->config->control_socket : c->config->status_socket;
    }
    return control ? CTL_CONTROL_SOCKET : CTL_STATUS_SOCKET;
}

int ctl_call(struct ctl *c, const char *target, const char *body, uint64_t timeout_ms,
             struct ctl_reply *reply, struct errmsg *msg)
{
    const char *path = socket_path(c, body != NULL);
    int err = ctl_http(path, body != NULL ? "POST" : "GET", target, body, timeout_ms, reply, msg);

    return err == 0 ? 0 : err_wrap(msg, err, "%s", path);
}

/* The group that would help: the socket's, or the configured one when it can't be seen. */
static void find_group(struct ctl *c, bool control, char *out, size_t size)
{
    struct stat st;
    const struct group *group;
    const char *fallback = control ? "dvcsync-admin" : "dvcsync-monitor";

    if (c->config != NULL &&
        (control ? c->config->admin_group : c->config->socket_group)[0] != '\0') {
        fallback = control ? c->config->admin_group : c->config->socket_group;
    }
    (void)snprintf(out, size, "%s", fallback);
    if (stat(socket_path(c, control), &st) == 0) {
        group = getgrgid(st.st_gid);
        if (group != NULL) {
            (void)snprintf(out, size, "%s", group->gr_name);
        }
    }
}

int ctl_explain(struct ctl *c, bool control, int err, const struct errmsg *msg)
{
    const struct passwd *user;
    char group[64];

    switch (err) {
    case ERR_NOTFOUND:
        return ctl_complain(CTL_UNREACHABLE,
                            "%s. Is the daemon running? See: systemctl status dvcsyncd", msg->text);
    case ERR_DENIED:
        user = getpwuid(geteuid());
        find_group(c, control, group, sizeof(group));
        return ctl_complain(CTL_DENIED,
                            "%s. Members of the group %s may use it: usermod -aG %s %s, "
                            "then log in again",
                            msg->text, group, group, user != NULL ? user->pw_name : "USER");
    case ERR_TIMEOUT:
        return ctl_complain(CTL_UNREACHABLE, "%s. The daemon may hang; see: journalctl -u dvcsyncd",
                            msg->text);
    case ERR_INVAL:
        return ctl_complain(CTL_USAGE, "%s", msg->text);
    default:
        return ctl_complain(CTL_UNREACHABLE, "%s", msg->text);
    }
}

/* ---- answers ---- */

/* A refusal as an exit code; the daemon's own words go to stderr. */
static int refused(const struct ctl_reply *reply)
{
    static const struct {
        int status;
        int exit_code;
    } rows[] = {{400, CTL_USAGE},   {403, CTL_DENIED},  {404, CTL_WARNING},
                {405, CTL_UNKNOWN}, {409, CTL_WARNING}, {422, CTL_FAULTY_CONFIG},
                {503, CTL_BUSY}};
    struct errmsg msg = {""};
    struct json *root = NULL;
    const struct json *errors;
    struct buf text;
    int exit_code = CTL_CRITICAL;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].status == reply->status) {
            exit_code = rows[i].exit_code;
        }
    }
    if (json_parse(buf_text(&reply->body), reply->body.len, &root, &msg) != 0) {
        return ctl_complain(exit_code, "the daemon answers HTTP %d", reply->status);
    }
    buf_init(&text, TARGET_BYTES);
    errors = json_get(root, "errors");
    ctl_put_text(&text, json_size(errors) > 0 ? ctl_str(root, "title") : ctl_str(root, "detail"));
    for (const struct json *e = json_first(errors); e != NULL; e = json_next(e)) {
        char digits[24];

        buf_puts(&text, "\n  ");
        ctl_put_text(&text, json_text_or_empty(e, digits));
    }
    (void)ctl_complain(exit_code, "%s", text.len > 0 ? buf_text(&text) : "the daemon refuses");
    buf_free(&text);
    json_free(root);
    return exit_code;
}

int ctl_ask(struct ctl *c, const char *target, const char *body, uint64_t timeout_ms,
            struct json **out)
{
    struct ctl_reply reply;
    struct errmsg msg = {""};
    int exit_code = CTL_OK;
    int err = ctl_call(c, target, body, timeout_ms, &reply, &msg);

    *out = NULL;
    if (err != 0) {
        exit_code = ctl_explain(c, body != NULL, err, &msg);
        ctl_reply_free(&reply);
        return exit_code;
    }
    if (c->json && fwrite(buf_text(&reply.body), 1, reply.body.len, stdout) != reply.body.len) {
        exit_code = ctl_complain(CTL_UNKNOWN, "the answer can't be printed");
    } else if (reply.status != 200) {
        exit_code = refused(&reply);
    } else if (json_parse(buf_text(&reply.body), reply.body.len, out, &msg) != 0) {
        exit_code = ctl_complain(CTL_UNKNOWN, "the answer is not JSON: %s", msg.text);
    }
    ctl_reply_free(&reply);
    return exit_code;
}

int ctl_show(struct ctl *c, const char *target,
             void (*render)(const struct json *root, int64_t now_s, bool colour, struct buf *out))
{
    struct json *root;
    struct buf out;
    int exit_code = ctl_ask(c, target, NULL, CTL_TIMEOUT_MS, &root);

    if (exit_code == CTL_OK && !c->json) {
        buf_init(&out, CTL_TEXT_BYTES);
        render(root, (int64_t)time(NULL), c->colour, &out);
        exit_code = ctl_print(&out, CTL_OK);
    }
    json_free(root);
    return exit_code;
}

/* ---- orders ---- */

void ctl_body_begin(struct ctl_body *b)
{
    buf_init(&b->text, BODY_BYTES);
    json_write_begin(&b->w, &b->text);
    json_object_open(&b->w, NULL);
}

void ctl_body_option(struct ctl_body *b, const struct ctl *c, enum ctl_option o, const char *key)
{
    if (c->options[o] != NULL) {
        json_string(&b->w, key, c->options[o]);
    }
}

const char *ctl_body_end(struct ctl_body *b)
{
    json_object_close(&b->w);
    return buf_text(&b->text);
}

void ctl_body_free(struct ctl_body *b)
{
    buf_free(&b->text);
}

void ctl_put_encoded(struct buf *target, const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        bool plain = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= 'a' && *p <= 'z') || strchr("-._~", *p) != NULL;

        if (plain) {
            buf_putc(target, *p);
        } else {
            buf_printf(target, "%%%02X", (unsigned)(unsigned char)*p);
        }
    }
}

int ctl_order(struct ctl *c, const char *head, const char *name, const char *tail, const char *done)
{
    struct ctl_body body;
    struct json *root;
    struct buf target;
    int exit_code;

    buf_init(&target, TARGET_BYTES);
    buf_puts(&target, head);
    ctl_put_encoded(&target, name);
    buf_puts(&target, tail);
    ctl_body_begin(&body);
    ctl_body_option(&body, c, CTL_REASON, "reason");
    if (c->options[CTL_FULL] != NULL) {
        json_bool(&body.w, "full", true);
    }
    exit_code = ctl_ask(c, buf_text(&target), ctl_body_end(&body), CTL_TIMEOUT_MS, &root);
    if (exit_code == CTL_OK && !c->json) {
        printf("%s\n", done);
    }
    json_free(root);
    ctl_body_free(&body);
    buf_free(&target);
    return exit_code;
}
