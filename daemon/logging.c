#include "logging.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/text.h"

#define LINE_BYTES 4096
#define FIELD_BYTES 512
#define OWN_FIELDS 5 /* MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, DVC_EVENT, MESSAGE_ID */

/* syslog(3) priorities. */
static const char priorities[] = {
    [LOG_LEVEL_ERROR] = '3', [LOG_LEVEL_WARN] = '4',  [LOG_LEVEL_NOTICE] = '5',
    [LOG_LEVEL_INFO] = '6',  [LOG_LEVEL_DEBUG] = '7',
};

/* One id per class of event, for good: journalctl -x and alert rules refer to them. In order of
 * name. */
static const struct message_id {
    const char *event;
    const char *id;
} message_ids[] = {
    {"accept_paused", "c6817f9885b943e4aaacd73575d5ee74"},
    {"adopted", "28329b542e534cb1bb73dea8f1abb016"},
    {"at_risk", "d70bb474e5ea418a9b00ade713987cc5"},
    {"at_risk_over", "5284cc193662452f80852ab5522b6532"},
    {"audit_failed", "3b6eaf9e68174429bfc75b7c4c948ce2"},
    {"breaker_closed", "82b12f348a244dabb96750bd755794c1"},
    {"breaker_open", "81abc97aa2bd4e5e9e5137f451b4ad4a"},
    {"calendar_ends", "379529caf8614fe9b6ab3c99c8b54ec5"},
    {"calendar_goes_on", "1043c04c824a48a3bea129c16c777183"},
    {"call", "7f151c78c3fb420a9da95a5c4b1f2f2d"},
    {"catalog_changed", "cf3c652e9aa845c99be111b45141265b"},
    {"catalog_details", "5ebecee2430242bc8f20a6456c072d8b"},
    {"catalog_failed", "1ff89755ac9943028f1a98fcd0643341"},
    {"config_fault", "0820ac2c89b94857ae4aac9967387ea7"},
    {"detail_failed", "be2d5cbb4f2a4ef4beb8536393e56571"},
    {"endpoint_alert", "3965d68f94dd48908f5957e591672845"},
    {"endpoint_paused", "71f11fc565dc4c6cb768009295523414"},
    {"endpoint_resumed", "a6e8a55a9cce4bb39aedae91b1465d7e"},
    {"item_held", "e3168f8513e24e9dbc35654e495885e7"},
    {"journal_checkpoint", "89057fa2399240c791f1d92d3beb7041"},
    {"journal_damaged", "48c6e36990fb4be181fabac3dc97ffa5"},
    {"journal_recovered", "263eb580fb0249fba8e18be8c067d2b0"},
    {"journal_trouble", "261eab032de34ebb9dafdf7c00f6d057"},
    {"login", "8d3418de27c24fc4aa68ee6d7f9fbe3b"},
    {"login_failed", "ea8e9ee4a41247f1aed7fea8b2245518"},
    {"login_refused", "9502849d928c418cbecfa376461a7f53"},
    {"operator", "84e3d84878da411fbab67f4e3152bfa7"},
    {"poll_failed", "8f04cc6c8e9b48bea46df914433472ee"},
    {"reconcile_begun", "7551493bfddc466e9a6ad1caebdfef0f"},
    {"reconcile_braked", "ec89a9abd3794f7dadd38e1dc4b3329f"},
    {"reconcile_failed", "fa3f2af7b9b14fd2b6567dab1eff238b"},
    {"reconcile_resumed", "e75207f1e379416ebda1a8d52e06bec0"},
    {"reconcile_skipped", "aefc5cada413444b9c542abc9e3fd0fe"},
    {"reconciled", "a6c06dac63d54ea8a23ed976455175b3"},
    {"reload_refused", "69b560e1fc93421aa49edca3d560039b"},
    {"reloaded", "9dd529404649436b8523ae56e7e78a97"},
    {"silent", "fe7488bd8f8340be8ff902417f9f9033"},
    {"silent_over", "902e94c7816e45ecaea0f86f1ad76a19"},
    {"start_failed", "526ce07440c84f64abb412040894b8ae"},
    {"started", "26f2875680474f108e00928ac3b4894e"},
    {"stop_deadline", "90b1e8c5293d4e57a9c4a2f2d99bfd81"},
    {"stop_forced", "5fd48bdff46a48bf8dc6408150026ab8"},
    {"stopped", "ccf892dc3d2442ec95295fe21da232b0"},
    {"stopping", "72a909738afa4a76ae08378cc44dd5d1"},
    {"watchdog", "17a4ba65f15f40d1a388914f29aff31d"},
};

static int compare_event(const void *key, const void *row)
{
    return strcmp(key, ((const struct message_id *)row)->event);
}

const char *logging_message_id(const char *event)
{
    const struct message_id *row =
        bsearch(event, message_ids, sizeof(message_ids) / sizeof(message_ids[0]),
                sizeof(message_ids[0]), compare_event);

    return row != NULL ? row->id : NULL;
}

bool logging_is_journal(const char *stream, dev_t device, ino_t inode)
{
    unsigned long long want_device;
    unsigned long long want_inode;
    char rest;

    return stream != NULL && sscanf(stream, "%llu:%llu%c", &want_device, &want_inode, &rest) == 2 &&
           want_device == device && want_inode == inode;
}

/* ---- plain lines ---- */

/* Appends at *at, never beyond size-2: the line feed and the NUL keep their places. */
static void put(char *out, size_t size, size_t *at, const char *text)
{
    size_t room = size - 2 - *at;
    size_t n = strlen(text);

    n = n < room ? n : room;
    memcpy(out + *at, text, n);
    *at += n;
}

static void put_value(char *out, size_t size, size_t *at, const char *value)
{
    char shown[FIELD_BYTES];
    bool quoted = value[0] == '\0' || strpbrk(value, " \"=") != NULL;

    text_printable(value, strlen(value), shown, sizeof(shown));
    put(out, size, at, quoted ? "\"" : "");
    for (char *p = shown; *p != '\0'; p++) {
        const char one[] = {*p == '"' ? '\'' : *p, '\0'};

        put(out, size, at, one);
    }
    put(out, size, at, quoted ? "\"" : "");
}

size_t logging_format(char *out, size_t size, enum log_level level, const char *event,
                      const char *message, const struct log_field *fields, size_t n)
{
    const char prefix[] = {'<', priorities[level], '>', '\0'};
    char shown[LINE_BYTES / 2];
    size_t at = 0;

    text_printable(message, strlen(message), shown, sizeof(shown));
    put(out, size, &at, prefix);
    put(out, size, &at, shown);
    put(out, size, &at, " event=");
    put(out, size, &at, event);
    for (size_t i = 0; i < n; i++) {
        put(out, size, &at, " ");
        put(out, size, &at, fields[i].name);
        put(out, size, &at, "=");
        put_value(out, size, &at, fields[i].value);
    }
    out[at] = '\n';
    out[at + 1] = '\0';
    return at + 1;
}

static void write_plain(const struct logging *l, enum log_level level, const char *event,
                        const char *message, const struct log_field *fields, size_t n)
{
    char line[LINE_BYTES];
    size_t length = logging_format(line, sizeof(line), level, event, message, fields, n);
    ssize_t written;

    do {
        written = write(l->fd, line, length);
    } while (written < 0 && errno == EINTR);
    /* A line that can't be written has nowhere to be reported. */
}

/* ---- journald ---- */

struct entry {
    struct iovec parts[OWN_FIELDS + LOG_MAX_FIELDS];
    int n;
    char text[OWN_FIELDS + LOG_MAX_FIELDS][FIELD_BYTES];
    char message[LINE_BYTES / 2];
};

static void add_part(struct entry *e, const char *name, const char *value)
{
    char *text = e->text[e->n];
    int length = snprintf(text, FIELD_BYTES, "%s=%s", name, value);

    e->parts[e->n].iov_base = text;
    e->parts[e->n].iov_len = length < FIELD_BYTES ? (size_t)length : FIELD_BYTES - 1;
    e->n++;
}

static bool write_journald(enum log_level level, const char *event, const char *message,
                           const struct log_field *fields, size_t n)
{
    const char priority[] = {priorities[level], '\0'};
    const char *id = logging_message_id(event);
    struct entry e;
    int length;

    e.n = 0;
    add_part(&e, "PRIORITY", priority);
    add_part(&e, "SYSLOG_IDENTIFIER", "dvcsyncd");
    add_part(&e, "DVC_EVENT", event);
    if (id != NULL) {
        add_part(&e, "MESSAGE_ID", id);
    }
    for (size_t i = 0; i < n && i < LOG_MAX_FIELDS; i++) {
        add_part(&e, fields[i].name, fields[i].value);
    }
    length = snprintf(e.message, sizeof(e.message), "MESSAGE=%s", message);
    e.parts[e.n].iov_base = e.message;
    e.parts[e.n].iov_len =
        (size_t)length < sizeof(e.message) ? (size_t)length : sizeof(e.message) - 1;
    e.n++;
    return sd_journal_sendv(e.parts, e.n) == 0;
}

static void write_line(void *ctx, enum log_level level, const char *event, const char *message,
                       const struct log_field *fields, size_t n)
{
    const struct logging *l = ctx;

    if (!l->journald || !write_journald(level, event, message, fields, n)) {
        write_plain(l, level, event, message, fields, n);
    }
}

void logging_init(struct logging *l, enum log_level level)
{
    struct stat st;

    l->fd = STDERR_FILENO;
    l->journald = fstat(STDERR_FILENO, &st) == 0 &&
                  logging_is_journal(getenv("JOURNAL_STREAM"), st.st_dev, st.st_ino);
    l->log.level = level;
    l->log.ctx = l;
    l->log.write = write_line;
}
