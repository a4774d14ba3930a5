/* ctl_act: the verbs that give orders. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/ctl.h"
#include "daemon/ctl_text.h"
#include "domain/item.h"
#include "journal/journal.h"

#define TARGET_BYTES ((size_t)8192)
#define PROBE_MS 180000 /* a peer may take its whole time for a login and a call */
#define BACKUP_MS 15000 /* the daemon itself answers within 10 s that it goes on */

static const struct {
    const char *tail;        /* of the path */
    const char *ask;         /* "Retry 3 items?" */
    const char *one, *moved; /* "1 of 1 item released", "3 of 3 items released" */
    bool needs_reason;
} acts[] = {
    [JOURNAL_RETRY] = {":retry", "Retry", "is due now", "are due now", false},
    [JOURNAL_RELEASE] = {":release", "Release", "released", "released", false},
    [JOURNAL_HOLD] = {":hold", "Hold", "held", "held", false},
    [JOURNAL_DROP] = {":drop", "Drop", "dropped", "dropped", true},
    [JOURNAL_DELIVERED] = {":resolve-delivered", "Resolve", "counts as delivered",
                           "count as delivered", true},
    [JOURNAL_RESEND] = {":resolve-resend", "Resolve", "is sent again", "are sent again", true},
};

/* ---- items by id ---- */

static int act_on_id(struct ctl *c, const char *id, int verb)
{
    struct ctl_body body;
    struct json *root;
    struct buf target;
    uint64_t number;
    int exit_code;

    if (ctl_number(id, 1, INT64_MAX, &number) != 0) {
        return ctl_complain(CTL_USAGE,
                            "%s is no id of an item: ids are whole numbers; see "
                            "dvcsyncctl queue",
                            id);
    }
    buf_init(&target, TARGET_BYTES);
    buf_printf(&target, "/v1/records/%" PRIu64 "%s", number, acts[verb].tail);
    ctl_body_begin(&body);
    ctl_body_option(&body, c, CTL_REASON, "reason");
    if (c->options[CTL_DRY_RUN] != NULL) {
        json_bool(&body.w, "dry_run", true);
    }
    exit_code = ctl_ask(c, buf_text(&target), ctl_body_end(&body), CTL_TIMEOUT_MS, &root);
    if (exit_code == CTL_OK && !c->json) {
        printf("item %" PRIu64 ": %s\n", number,
               c->options[CTL_DRY_RUN] != NULL ? "is there; nothing was changed" : "done");
    }
    json_free(root);
    ctl_body_free(&body);
    buf_free(&target);
    return exit_code;
}

/* All of them; the worst that happened counts. */
static int act_on_ids(struct ctl *c, int verb)
{
    int exit_code = CTL_OK;
    int n_failed = 0;

    for (int i = 0; i < c->n_args; i++) {
        int one = act_on_id(c, c->args[i], verb);

        if (one == CTL_USAGE || one == CTL_UNREACHABLE || one == CTL_DENIED) {
            return one; /* no other would fare better */
        }
        n_failed += one != CTL_OK;
        exit_code = one != CTL_OK ? one : exit_code;
    }
    return n_failed > 0 && n_failed < c->n_args ? CTL_WARNING : exit_code;
}

/* ---- items by what they have in common ---- */

static int act_on_queue(struct ctl *c, int verb, bool dry_run, uint64_t *matched, uint64_t *moved)
{
    struct ctl_body body;
    struct json *root;
    struct buf target;
    bool json = c->json;
    int exit_code;

    buf_init(&target, TARGET_BYTES);
    buf_printf(&target, "/v1/queue%s", acts[verb].tail);
    ctl_body_begin(&body);
    if (c->options[CTL_STATE] == NULL) {
        json_string(&body.w, "state", item_state_name(ITEM_HELD)); /* only they have a --hold */
    }
    ctl_body_option(&body, c, CTL_STATE, "state");
    ctl_body_option(&body, c, CTL_HOLD, "hold");
    ctl_body_option(&body, c, CTL_FLOW, "flow");
    ctl_body_option(&body, c, CTL_CODE, "code");
    ctl_body_option(&body, c, CTL_REASON, "reason");
    json_bool(&body.w, "dry_run", dry_run);
    /* Of a count and the act behind it, the last answer is the one to print. */
    c->json = json && (!dry_run || c->options[CTL_DRY_RUN] != NULL);
    exit_code = ctl_ask(c, buf_text(&target), ctl_body_end(&body), CTL_TIMEOUT_MS, &root);
    c->json = json;
    *matched = ctl_uint(root, "matched");
    *moved = ctl_uint(root, "moved");
    json_free(root);
    ctl_body_free(&body);
    buf_free(&target);
    return exit_code;
}

/* CTL_OK: yes. */
static int confirm(struct ctl *c, int verb, uint64_t matched)
{
    char answer[16];

    if (c->options[CTL_YES] != NULL) {
        return CTL_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return ctl_complain(CTL_USAGE,
                            "%" PRIu64 " item%s; --yes is needed where nobody can be asked",
                            matched, matched == 1 ? " matches" : "s match");
    }
    fprintf(stderr, "%s %" PRIu64 " item%s? [y/N] ", acts[verb].ask, matched, text_plural(matched));
    if (fgets(answer, sizeof(answer), stdin) == NULL || (answer[0] != 'y' && answer[0] != 'Y')) {
        return ctl_complain(CTL_WARNING, "nothing was changed");
    }
    return CTL_OK;
}

static int act_on_all(struct ctl *c, int verb)
{
    uint64_t matched;
    uint64_t moved;
    int exit_code = act_on_queue(c, verb, true, &matched, &moved);

    if (exit_code != CTL_OK) {
        return exit_code;
    }
    if (c->options[CTL_DRY_RUN] != NULL || matched == 0) {
        if (!c->json) {
            printf("%" PRIu64 " item%s; nothing was changed\n", matched,
                   matched == 1 ? " matches" : "s match");
        }
        return CTL_OK;
    }
    exit_code = confirm(c, verb, matched);
    if (exit_code == CTL_OK) {
        exit_code = act_on_queue(c, verb, false, &matched, &moved);
    }
    if (exit_code == CTL_OK && !c->json) {
        printf("%" PRIu64 " of %" PRIu64 " item%s %s\n", moved, matched, text_plural(matched),
               moved == 1 ? acts[verb].one : acts[verb].moved);
    }
    return exit_code != CTL_OK ? exit_code : moved < matched ? CTL_WARNING : CTL_OK;
}

int ctl_act(struct ctl *c)
{
    static const enum ctl_option filters[] = {CTL_STATE, CTL_HOLD, CTL_FLOW, CTL_CODE};
    bool filtered = false;

    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        filtered = filtered || c->options[filters[i]] != NULL;
    }
    if (filtered == (c->n_args > 0)) {
        return ctl_complain(CTL_USAGE, filtered ? "either ids or --state and its like, not both"
                                                : "which items? Ids, or --state and its like");
    }
    if (filtered && c->options[CTL_STATE] == NULL && c->options[CTL_HOLD] == NULL) {
        return ctl_complain(CTL_USAGE, "--state is needed: PENDING, UNSURE, HELD...");
    }
    if (acts[c->arg].needs_reason && c->options[CTL_REASON] == NULL &&
        c->options[CTL_DRY_RUN] == NULL) {
        return ctl_complain(CTL_USAGE, "--reason is needed: it is kept in the audit");
    }
    return filtered ? act_on_all(c, c->arg) : act_on_ids(c, c->arg);
}

int ctl_resolve(struct ctl *c)
{
    static const struct {
        const char *name;
        int verb;
    } ways[] = {{"delivered", JOURNAL_DELIVERED}, {"resend", JOURNAL_RESEND}};

    if (c->options[CTL_REASON] == NULL) {
        return ctl_complain(CTL_USAGE, "--reason is needed: it is kept in the audit");
    }
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && c->options[CTL_AS] != NULL; i++) {
        if (strcmp(ways[i].name, c->options[CTL_AS]) == 0) {
            return act_on_ids(c, ways[i].verb);
        }
    }
    return ctl_complain(CTL_USAGE,
                        "--as delivered (the portal has it) or --as resend (it has not)");
}

/* ---- endpoints, sources, flows ---- */

int ctl_pause(struct ctl *c)
{
    return ctl_order(c, "/v1/endpoints/", c->args[0], ":pause",
                     "Paused; the pause survives a restart.");
}

int ctl_resume(struct ctl *c)
{
    return ctl_order(c, "/v1/endpoints/", c->args[0], ":resume", "Resumed.");
}

int ctl_poll(struct ctl *c)
{
    return ctl_order(c, "/v1/sources/", c->args[0], ":poll",
                     c->options[CTL_FULL] != NULL ? "A complete sweep begins." : "A poll begins.");
}

/* The only flow of that kind (and mode, when it is not NULL) by the daemon's status. */
static int find_flow(struct ctl *c, const char *kind, const char *mode, char *out, size_t size)
{
    bool json = c->json;
    struct json *root;
    size_t n = 0;
    int exit_code;

    c->json = false;
    exit_code = ctl_ask(c, "/v1/status", NULL, CTL_TIMEOUT_MS, &root);
    c->json = json;
    for (const struct json *f = json_first(json_get(root, "flows")); f != NULL; f = json_next(f)) {
        if (strcmp(ctl_str(f, "kind"), kind) == 0 &&
            (mode == NULL || strcmp(ctl_str(f, "mode"), mode) == 0)) {
            (void)snprintf(out, size, "%s", ctl_str(f, "name"));
            n++;
        }
    }
    json_free(root);
    if (exit_code != CTL_OK || n == 1) {
        return exit_code;
    }
    return n == 0 ? ctl_complain(CTL_WARNING, "no flow %s%s%s", kind,
                                 mode != NULL ? " with mode = " : "", mode != NULL ? mode : "")
                  : ctl_complain(CTL_USAGE, "there are %zu flows of that kind: name one", n);
}

static int order_flow(struct ctl *c, const char *kind, const char *mode, const char *tail,
                      const char *done)
{
    char name[64] = "";
    int exit_code = CTL_OK;

    if (c->n_args > 0) {
        return ctl_order(c, "/v1/flows/", c->args[0], tail, done);
    }
    exit_code = find_flow(c, kind, mode, name, sizeof(name));
    return exit_code == CTL_OK ? ctl_order(c, "/v1/flows/", name, tail, done) : exit_code;
}

int ctl_adopt(struct ctl *c)
{
    return order_flow(c, "dossiers", "observe", ":adopt",
                      "Adopting begins; dvcsyncctl status shows how far it is.");
}

int ctl_catalog_read(struct ctl *c)
{
    return order_flow(c, "catalog", NULL, ":catalog",
                      "The catalogue is read; dvcsyncctl status shows when it is done.");
}

int ctl_test(struct ctl *c)
{
    struct json *root;
    struct buf target;
    int exit_code;

    buf_init(&target, TARGET_BYTES);
    buf_puts(&target, "/v1/endpoints/");
    ctl_put_encoded(&target, c->args[0]);
    buf_puts(&target, ":test");
    exit_code = ctl_ask(c, buf_text(&target), "{}", PROBE_MS, &root);
    if (exit_code == CTL_OK) {
        bool ok = ctl_true(root, "ok");
        struct buf out;

        buf_init(&out, CTL_TEXT_BYTES);
        if (!c->json) {
            ctl_put_coloured(&out, c->colour, ok ? CTL_GREEN : CTL_RED, ok ? "works" : "fails");
            buf_puts(&out, ": ");
            ctl_put_text(&out, ctl_str(root, "text"));
            buf_putc(&out, '\n');
        }
        exit_code = ctl_print(&out, ok ? CTL_OK : CTL_CRITICAL);
    }
    json_free(root);
    buf_free(&target);
    return exit_code;
}

/* ---- the daemon ---- */

int ctl_reload(struct ctl *c)
{
    return ctl_order(c, "/v1/reload", "", "", "The configuration is taken.");
}

int ctl_log_level(struct ctl *c)
{
    struct ctl_body body;
    struct json *root;
    int exit_code;

    ctl_body_begin(&body);
    json_string(&body.w, "level", c->args[0]);
    exit_code = ctl_ask(c, "/v1/log-level", ctl_body_end(&body), CTL_TIMEOUT_MS, &root);
    if (exit_code == CTL_OK && !c->json) {
        printf("Lines down to %s are logged, until the next reload.\n", c->args[0]);
    }
    json_free(root);
    ctl_body_free(&body);
    return exit_code;
}

int ctl_journal_backup(struct ctl *c)
{
    struct ctl_body body;
    struct json *root;
    int exit_code;

    if (c->args[0][0] != '/') {
        return ctl_complain(CTL_USAGE, "the daemon writes the copy: it needs an absolute path of a "
                                       "file that is not there yet");
    }
    ctl_body_begin(&body);
    json_string(&body.w, "path", c->args[0]);
    exit_code = ctl_ask(c, "/v1/journal:backup", ctl_body_end(&body), BACKUP_MS, &root);
    if (exit_code == CTL_OK && !c->json) {
        printf("The copy is at %s.\n", c->args[0]);
    }
    json_free(root);
    ctl_body_free(&body);
    return exit_code;
}
