/* ctl_view_why: the life of one dossier in plain words.
 *
 * Items, calls, operators' acts and what the portal showed become one list in order of time. Times
 * have whole seconds; within one second a thing is stored, a person acts, a call is made, a state
 * follows, the portal is looked at. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_text.h"
#include "daemon/ctl_view.h"

#define EVENTS_MAX 10000 /* of a life that the daemon cuts at 1,000 items and 1,000 calls */

enum rank { RANK_STORED, RANK_AUDIT, RANK_CALL, RANK_STATE, RANK_SEEN };

struct moment {
    int64_t at_s;
    enum rank rank;
    size_t order; /* in the answer: keeps equal ones as they stood */
    const struct json *node;
};

struct life {
    const struct json *root;
    struct moment *moments;
    size_t n;
};

static const struct {
    const char *outcome;
    const char *words;
} outcomes[] = {
    {"", "no answer yet"},
    {"done", "accepted"},
    {"unsure", "no usable answer: the portal may have it"},
    {"transient", "nothing reached the portal"},
    {"permanent", "refused for good"},
    {"backoff", "refused for an unknown reason"},
    {"auth", "refused: the session"},
    {"exists", "refused: the portal has it already"},
    {"missing", "refused: the portal does not have it"},
    {"config", "redirected or not to be trusted: the endpoint pauses"},
    {"login", "not sent: the login was refused"},
    {"canceled", "stopped before anything left"},
    {"held", "not sent: the record can't be mapped"},
};

static const struct {
    const char *hold;
    const char *meaning;
    const char *remedy;
} holds[] = {
    {"unmapped_status", "its status is not in the status map",
     "add the status to the map, `dvcsyncctl reload`, then release it"},
    {"unmapped_procedure", "its procedure is not in the procedure map",
     "add the procedure to the map, `dvcsyncctl reload`, then release it"},
    {"invalid", "the record is not complete or not valid",
     "correct it in the provincial system: the new version is sent by itself"},
    {"refused", "the portal refused it for good",
     "correct it in the provincial system: the new version is sent by itself"},
    {"repeated", "the portal refused it five times with the same words",
     "ask the portal's help desk with these words, then release it"},
    {"auth", "the portal refused it on a fresh session",
     "see that the account may send for this agency, then release it"},
    {"flipped", "the portal says in turn that it has it and that it has not",
     "look it up at the portal, then resolve it as delivered or resend"},
    {"no_path", "no way leads from the status the portal has to this one",
     "look it up at the portal, then release it if it is right so"},
    {"expired", "it could not be delivered for days", "find out why, then release it"},
    {"in_doubt", "the portal may have it and can't be asked",
     "look it up at the portal, then resolve it as delivered or resend"},
    {"person", "an operator asked to wait", "release it when the time has come"},
    {"damaged", "its stored content does not match its digest",
     "`dvcsyncctl journal check`; poll the source with --full to get it anew"},
};

/* ---- words ---- */

static void put_status(struct buf *out, const struct json *node, const char *key,
                       const char *text_key)
{
    buf_printf(out, "status %" PRId64, ctl_int(node, key));
    if (ctl_str(node, text_key)[0] != '\0') {
        buf_puts(out, " \"");
        ctl_put_text(out, ctl_str(node, text_key));
        buf_putc(out, '"');
    }
}

static const struct json *find_item(const struct life *l, int64_t id)
{
    const struct json *i = json_first(json_get(l->root, "items"));

    while (i != NULL && ctl_int(i, "id") != id) {
        i = json_next(i);
    }
    return i;
}

static bool is_step(const struct json *item)
{
    return strcmp(ctl_str(item, "kind"), "step") == 0;
}

static void put_item_name(struct buf *out, const struct json *item)
{
    ctl_put_text(out, ctl_str(item, "kind"));
    buf_printf(out, " %" PRId64, ctl_int(item, "id"));
}

static void put_call_items(struct buf *out, const struct life *l, const struct json *call)
{
    const struct json *item = find_item(l, ctl_int(call, "first_item"));
    uint64_t n = ctl_uint(call, "items");
    const char *kind = item != NULL ? ctl_str(item, "kind") : "item";

    if (n > 1) {
        buf_printf(out, "%" PRIu64 " ", n);
        ctl_put_text(out, kind);
        buf_printf(out, "s, %" PRId64 " to %" PRId64, ctl_int(call, "first_item"),
                   ctl_int(call, "last_item"));
    } else {
        ctl_put_text(out, kind);
        buf_printf(out, " %" PRId64, ctl_int(call, "first_item"));
    }
}

/* ---- moments ---- */

static void put_stored(struct buf *out, const struct json *item)
{
    char at[CTL_TIME_SIZE];

    buf_puts(out, "stored ");
    put_item_name(out, item);
    if (ctl_int(item, "status") > 0) {
        buf_puts(out, ", ");
        put_status(out, item, "status", "status_text");
    }
    if (ctl_at(item, "at") != 0) {
        ctl_time(ctl_at(item, "at"), at);
        buf_printf(out, ", in the source since %s", at);
    }
    for (const struct json *f = json_first(json_get(item, "flags")); f != NULL; f = json_next(f)) {
        char digits[24];

        buf_puts(out, ", ");
        ctl_put_text(out, json_text_or_empty(f, digits));
    }
}

static void put_call(struct buf *out, const struct life *l, const struct json *call)
{
    bool lookup = strcmp(ctl_str(call, "verb"), "lookup") == 0;
    const char *outcome = ctl_str(call, "outcome");
    const char *words = outcome;

    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        if (strcmp(outcomes[i].outcome, outcome) == 0) {
            words = outcomes[i].words;
        }
    }
    if (lookup && strcmp(outcome, "done") == 0) {
        words = "the portal answered";
    }
    buf_puts(out, lookup ? "asked the portal for it, because of " : "sent ");
    put_call_items(out, l, call);
    if (!lookup && !is_step(find_item(l, ctl_int(call, "first_item")))) {
        buf_puts(out, ctl_true(call, "updating") ? " as an update" : " as new");
    }
    buf_puts(out, ": ");
    ctl_put_text(out, words);
    if (ctl_str(call, "words")[0] != '\0') {
        buf_puts(out, "; in its words: \"");
        ctl_put_text(out, ctl_str(call, "words"));
        buf_putc(out, '"');
    }
    if (ctl_int(call, "http") > 0) {
        buf_printf(out, " (HTTP %" PRId64, ctl_int(call, "http"));
        buf_puts(out, ctl_str(call, "code")[0] != '\0' ? ", code " : "");
        ctl_put_text(out, ctl_str(call, "code"));
        buf_printf(out, ", %" PRIu64 " ms)", ctl_uint(call, "took_ms"));
    }
}

static void put_state(struct buf *out, const struct json *item)
{
    const char *state = ctl_str(item, "state");
    const char *hold = ctl_str(item, "hold");

    put_item_name(out, item);
    if (strcmp(state, "SUPERSEDED") == 0) {
        buf_puts(out, " is not needed any more");
        if (ctl_int(item, "successor") > 0) {
            buf_printf(out, ": %" PRId64 " stands for it", ctl_int(item, "successor"));
        }
        return;
    }
    if (strcmp(state, "ADOPTED") == 0) {
        buf_puts(out, " counts as delivered");
    } else {
        buf_puts(out, " is held");
        for (size_t i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
            if (strcmp(holds[i].hold, hold) == 0) {
                buf_puts(out, ": ");
                buf_puts(out, holds[i].meaning);
            }
        }
    }
    if (ctl_str(item, "reason")[0] != '\0') {
        buf_puts(out, "; reason: ");
        ctl_put_text(out, ctl_str(item, "reason"));
    }
}

static void put_audit(struct buf *out, const struct json *audit)
{
    ctl_put_text(out, ctl_str(audit, "who"));
    buf_puts(out, ": ");
    ctl_put_text(out, ctl_str(audit, "verb"));
    buf_putc(out, ' ');
    ctl_put_text(out, ctl_str(audit, "object"));
    if (ctl_str(audit, "reason")[0] != '\0') {
        buf_puts(out, ", reason: ");
        ctl_put_text(out, ctl_str(audit, "reason"));
    }
}

static void put_seen(struct buf *out, const struct json *seen)
{
    if (!ctl_true(seen, "there")) {
        buf_puts(out, "looked: the portal does not show it");
        return;
    }
    buf_puts(out, "looked: the portal shows it");
    if (ctl_int(seen, "status") > 0) {
        buf_puts(out, " with ");
        put_status(out, seen, "status", "status_text");
    }
}

static void put_moment(struct buf *out, const struct life *l, const struct moment *m)
{
    char at[CTL_TIME_SIZE];

    ctl_time(m->at_s, at);
    buf_printf(out, "%s  ", at);
    switch (m->rank) {
    case RANK_STORED:
        put_stored(out, m->node);
        break;
    case RANK_AUDIT:
        put_audit(out, m->node);
        break;
    case RANK_CALL:
        put_call(out, l, m->node);
        break;
    case RANK_STATE:
        put_state(out, m->node);
        break;
    case RANK_SEEN:
        put_seen(out, m->node);
        break;
    }
    buf_putc(out, '\n');
}

/* ---- gathering ---- */

static void add(struct life *l, enum rank rank, const struct json *node, const char *key)
{
    if (l->n < EVENTS_MAX && ctl_at(node, key) != 0) {
        struct moment m = {ctl_at(node, key), rank, l->n, node};

        l->moments[l->n++] = m;
    }
}

static bool state_is_told(const char *state)
{
    return strcmp(state, "HELD") == 0 || strcmp(state, "ADOPTED") == 0 ||
           strcmp(state, "SUPERSEDED") == 0;
}

static void gather(struct life *l)
{
    const struct json *i;

    for (i = json_first(json_get(l->root, "items")); i != NULL; i = json_next(i)) {
        add(l, RANK_STORED, i, "created");
        if (state_is_told(ctl_str(i, "state"))) {
            add(l, RANK_STATE, i, "changed");
        }
    }
    for (i = json_first(json_get(l->root, "attempts")); i != NULL; i = json_next(i)) {
        add(l, RANK_CALL, i, "begun");
    }
    for (i = json_first(json_get(l->root, "audits")); i != NULL; i = json_next(i)) {
        add(l, RANK_AUDIT, i, "at");
    }
    add(l, RANK_SEEN, json_get(l->root, "seen"), "at");
}

static int compare(const void *a, const void *b)
{
    const struct moment *x = a;
    const struct moment *y = b;

    if (x->at_s != y->at_s) {
        return x->at_s < y->at_s ? -1 : 1;
    }
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    return x->order < y->order ? -1 : 1;
}

/* ---- what is so now, and what comes next ---- */

static void put_standing(struct buf *out, const struct json *root)
{
    char at[CTL_TIME_SIZE];

    ctl_put_text(out, ctl_str(root, "code"));
    buf_puts(out, ", flow ");
    ctl_put_text(out, ctl_str(root, "flow"));
    buf_putc(out, '\n');
    if (ctl_int(root, "acked_status") > 0) {
        buf_puts(out, "The portal has it and has accepted ");
        put_status(out, root, "acked_status", "acked_status_text");
        buf_puts(out, ".\n");
    } else if (ctl_true(root, "doubt")) {
        buf_puts(out, "The portal may have it: a call ended without a usable answer.\n");
    } else if (ctl_true(root, "present")) {
        buf_puts(out, "The portal has it.\n");
    } else {
        buf_puts(out, "The portal does not have it from us.\n");
    }
    if (ctl_int(root, "status") > 0 && ctl_int(root, "status") != ctl_int(root, "acked_status")) {
        buf_puts(out, "In the province it has ");
        put_status(out, root, "status", "status_text");
        buf_puts(out, ".\n");
    }
    if (ctl_at(root, "promised") != 0) {
        ctl_time(ctl_at(root, "promised"), at);
        buf_printf(out, "Its result is promised for %s.\n", at);
    }
}

static void put_due(struct buf *out, const struct json *item, int64_t now_s)
{
    int64_t due_s = ctl_at(item, "due");
    char at[CTL_TIME_SIZE];
    char age[CTL_AGE_SIZE];

    if (due_s > now_s) {
        ctl_time(due_s, at);
        ctl_age((uint64_t)(due_s - now_s), age);
        buf_printf(out, "at %s (in %s)", at, age);
    } else {
        buf_puts(out, "as soon as the endpoint takes calls and what goes before it is done");
    }
}

/* Whether what waits stays here, and why. */
static const char *kept_by(const char *mode)
{
    return strcmp(mode, "observe") == 0 ? " stays here: the flow only observes"
           : strcmp(mode, "off") == 0   ? " stays here: the flow is off"
                                        : NULL;
}

static void put_next_of(struct buf *out, const struct json *item, const char *mode, int64_t now_s)
{
    const char *state = ctl_str(item, "state");
    const char *hold = ctl_str(item, "hold");
    const char *remedy = "see its reason";

    buf_puts(out, "Next: ");
    put_item_name(out, item);
    if (strcmp(state, "INFLIGHT") == 0) {
        buf_puts(out, " is under way, its answer is awaited");
    } else if (strcmp(state, "HELD") != 0 && kept_by(mode) != NULL) {
        buf_puts(out, kept_by(mode));
    } else if (strcmp(state, "UNSURE") == 0) {
        buf_puts(out, is_step(item) ? " is in doubt and is sent again "
                                    : " is in doubt: the portal is asked for it ");
        put_due(out, item, now_s);
    } else if (strcmp(state, "PENDING") == 0) {
        buf_puts(out, " is sent ");
        put_due(out, item, now_s);
    } else {
        for (size_t i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
            remedy = strcmp(holds[i].hold, hold) == 0 ? holds[i].remedy : remedy;
        }
        buf_printf(out, " waits for a person: %s (dvcsyncctl release %" PRId64 ")", remedy,
                   ctl_int(item, "id"));
    }
    buf_puts(out, ".\n");
}

static void put_next(struct buf *out, const struct json *root, int64_t now_s)
{
    static const char *const open_states[] = {"PENDING", "INFLIGHT", "UNSURE", "HELD"};
    size_t shown = 0;

    for (const struct json *i = json_first(json_get(root, "items")); i != NULL; i = json_next(i)) {
        for (size_t k = 0; k < sizeof(open_states) / sizeof(open_states[0]); k++) {
            if (strcmp(open_states[k], ctl_str(i, "state")) == 0) {
                put_next_of(out, i, ctl_str(root, "mode"), now_s);
                shown++;
            }
        }
    }
    if (shown == 0) {
        buf_puts(out, "Next: nothing is open; the next change in the province starts anew.\n");
    }
}

void ctl_view_why(const struct json *root, int64_t now_s, bool colour, struct buf *out)
{
    struct life l = {.root = root, .moments = calloc(EVENTS_MAX, sizeof(*l.moments))};

    (void)colour;
    if (l.moments == NULL) {
        out->error = ERR_NOMEM;
        return;
    }
    gather(&l);
    qsort(l.moments, l.n, sizeof(*l.moments), compare);
    put_standing(out, root);
    buf_putc(out, '\n');
    for (size_t i = 0; i < l.n; i++) {
        put_moment(out, &l, &l.moments[i]);
    }
    if (ctl_true(root, "truncated")) {
        buf_puts(out, "(there is more than can be shown)\n");
    }
    buf_puts(out, l.n > 0 ? "\n" : "");
    put_next(out, root, now_s);
    free(l.moments);
}
