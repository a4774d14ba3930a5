#include "sandbox/emc.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "sandbox/knobs.h"
#include "sandbox/ledger.h"
#include "sandbox/sbuf.h"
#include "sandbox/serve.h"

#define KNOB_ARGS_MAX 32
#define VALUE_MAX 4096

enum emc_knob {
    EK_USERNAME,
    EK_PASSWORD,
    EK_STATUS,
    EK_REFUSE_CODE,
    EK_DROP_BEFORE_PERCENT,
    EK_DROP_AFTER_COMMIT_PERCENT,
    EK_FAIL_500_PERCENT,
    EK_FAIL_500_AFTER_COMMIT_PERCENT,
    EK_OK_200_PERCENT,
    EK_COUNT
};

#define PERCENT(n, h)                                                                              \
    {                                                                                              \
        .name = (n), .type = KNOB_INT, .min = 0, .max = 100, .help = (h)                           \
    }
/* clang-format off */
static const struct knob_row knob_rows[EK_COUNT] = {
    [EK_USERNAME] = {.name = "username", .type = KNOB_TEXT, .help = "account for Basic; empty = none is asked for"},
    [EK_PASSWORD] = {.name = "password", .type = KNOB_TEXT, .help = "its password"},
    [EK_STATUS] = {.name = "status", .type = KNOB_INT, .min = 0, .max = 599, .help = "every call is answered with it, nothing done; 0 = off"},
    [EK_REFUSE_CODE] = {.name = "refuse_code", .type = KNOB_TEXT, .help = "the dossier with this code is answered 400"},
    [EK_DROP_BEFORE_PERCENT] = PERCENT("drop_before_percent", "connection closed, nothing done"),
    [EK_DROP_AFTER_COMMIT_PERCENT] = PERCENT("drop_after_commit_percent", "counted, then connection closed unanswered"),
    [EK_FAIL_500_PERCENT] = PERCENT("fail_500_percent", "HTTP 500, nothing done"),
    [EK_FAIL_500_AFTER_COMMIT_PERCENT] = PERCENT("fail_500_after_commit_percent", "counted, then HTTP 500"),
    [EK_OK_200_PERCENT] = PERCENT("ok_200_percent", "counted, then HTTP 200 with a page instead of 204"),
};
/* clang-format on */

struct emc {
    struct knobs *knobs;
    struct ledger *ledger;
    pthread_mutex_t lock;
    uint64_t seed, draws, lines;
};

/* The fields of the form, each once; max: the greatest number, 0 a text. */
static const struct {
    const char *name;
    int max;
    bool needed;
} fields[] = {
    {"codeProfile", 0, true},   {"siteId", 0, true}, {"codeTTHC", 0, true},
    {"nameTTHC", 0, true},      {"status", 4, true}, {"formsReception", 2, true},
    {"formsPayments", 2, true}, {"level", 4, true},  {"isFromDVCQG", 1, true},
    {"isDVCBC", 2, true},       {"data", 0, false},  {"user", 0, false},
};
#define N_FIELDS (sizeof fields / sizeof fields[0])
#define FIELD_STATUS 4

struct form {
    bool given[N_FIELDS];
    char value[N_FIELDS][VALUE_MAX];
};

/* ---- reading ---- */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* False: broken escapes, or too long. */
static bool decode(const char *from, size_t n, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        char c = from[i] == '+' ? ' ' : from[i];

        if (c == '%') {
            if (i + 2 >= n || hex_digit(from[i + 1]) < 0 || hex_digit(from[i + 2]) < 0) {
                return false;
            }
            c = (char)(hex_digit(from[i + 1]) * 16 + hex_digit(from[i + 2]));
            i += 2;
        }
        if (len + 1 >= size) {
            return false;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    return true;
}

static bool read_pair(const char *text, size_t n, struct form *form)
{
    const char *equals = memchr(text, '=', n);
    size_t name = equals != NULL ? (size_t)(equals - text) : n;

    for (size_t i = 0; i < N_FIELDS && equals != NULL; i++) {
        if (strlen(fields[i].name) == name && strncmp(fields[i].name, text, name) == 0) {
            bool first = !form->given[i];

            form->given[i] = true;
            return first && decode(equals + 1, n - name - 1, form->value[i], VALUE_MAX);
        }
    }
    return false;
}

static bool in_bounds(const char *text, int max)
{
    return strlen(text) == 1 && text[0] >= '0' && text[0] <= '0' + max;
}

static bool read_form(const char *body, struct form *form)
{
    bool fine = true;

    for (const char *at = body; fine && *at != '\0';) {
        size_t n = strcspn(at, "&");

        fine = read_pair(at, n, form);
        at += at[n] == '&' ? n + 1 : n;
    }
    for (size_t i = 0; i < N_FIELDS && fine; i++) {
        fine = form->given[i] && (!fields[i].needed || form->value[i][0] != '\0') &&
               (fields[i].max == 0 || in_bounds(form->value[i], fields[i].max));
    }
    return fine;
}

static void base64(const char *text, char *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text);
    size_t len = 0;

    for (size_t i = 0; i < n; i += 3) {
        unsigned v = 0;

        for (size_t k = 0; k < 3; k++) {
            v = v << 8 | (i + k < n ? (unsigned char)text[i + k] : 0u);
        }
        for (size_t k = 0; k < 4; k++) {
            out[len++] = i + k > n ? '=' : letters[v >> (18 - 6 * k) & 63];
        }
    }
    out[len] = '\0';
}

static bool let_in(struct emc *e, struct serve_req *req)
{
    const char *header = serve_header(req, "Authorization");
    char user[KNOB_TEXT_MAX];
    char password[KNOB_TEXT_MAX];
    char both[2 * KNOB_TEXT_MAX];
    char wanted[4 * KNOB_TEXT_MAX] = "Basic ";

    knobs_get_text(e->knobs, EK_USERNAME, user);
    knobs_get_text(e->knobs, EK_PASSWORD, password);
    snprintf(both, sizeof both, "%s:%s", user, password);
    base64(both, wanted + strlen(wanted));
    return user[0] == '\0' || (header != NULL && strcmp(header, wanted) == 0);
}

/* ---- answering ---- */

static bool happens(struct emc *e, enum emc_knob knob)
{
    uint64_t z;

    pthread_mutex_lock(&e->lock);
    z = e->seed + ++e->draws * UINT64_C(0x9e3779b97f4a7c15);
    pthread_mutex_unlock(&e->lock);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % 100 < (uint64_t)knobs_get(e->knobs, knob);
}

static void answer(struct serve_req *req, int status, const char *text)
{
    serve_respond(req, status, "text/plain", text, strlen(text));
}

static void count(struct emc *e, const struct form *form)
{
    struct timespec now;
    struct sbuf b = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    pthread_mutex_lock(&e->lock);
    e->lines++;
    sbuf_printf(&b, "{\"n\":%llu,\"at_ms\":%lld", (unsigned long long)e->lines,
                (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    sbuf_member(&b, "kind", "usage");
    sbuf_member(&b, "code", form->value[0]);
    sbuf_key(&b, "record");
    sbuf_puts(&b, "{");
    for (size_t i = 0; i < N_FIELDS; i++) {
        sbuf_member(&b, fields[i].name, form->value[i]);
    }
    sbuf_puts(&b, "}}");
    if (!b.failed) {
        ledger_append(e->ledger, b.data, b.len);
    }
    pthread_mutex_unlock(&e->lock);
    sbuf_free(&b);
}

static void on_disk(void *arg)
{
    serve_release(arg);
}

/* Counted: the answer waits for the ledger. */
static void answer_counted(struct emc *e, struct serve_req *req)
{
    serve_hold(req);
    if (happens(e, EK_DROP_AFTER_COMMIT_PERCENT)) {
        serve_drop(req);
    } else if (happens(e, EK_FAIL_500_AFTER_COMMIT_PERCENT)) {
        answer(req, 500, "error\n");
    } else if (happens(e, EK_OK_200_PERCENT)) {
        answer(req, 200, "<html>OK</html>\n");
    } else {
        answer(req, 204, "");
    }
    ledger_then(e->ledger, on_disk, req);
}

static bool is_form(struct serve_req *req)
{
    const char *type = serve_header(req, "Content-Type");

    return type != NULL && strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0;
}

static void take(struct emc *e, struct serve_req *req)
{
    char refused[KNOB_TEXT_MAX];
    struct form *form = calloc(1, sizeof *form);

    knobs_get_text(e->knobs, EK_REFUSE_CODE, refused);
    if (form == NULL) {
        answer(req, 503, "busy\n");
    } else if (!is_form(req)) {
        answer(req, 415, "not a form\n");
    } else if (strlen(req->body) != req->body_len || !read_form(req->body, form)) {
        answer(req, 400, "bad form\n");
    } else if (refused[0] != '\0' && strcmp(refused, form->value[0]) == 0) {
        answer(req, 400, "refused\n");
    } else {
        count(e, form);
        answer_counted(e, req);
    }
    free(form);
}

static void serve_stats(struct emc *e, struct serve_req *req)
{
    char text[64];

    pthread_mutex_lock(&e->lock);
    snprintf(text, sizeof text, "{\"counted\":%llu}\n", (unsigned long long)e->lines);
    pthread_mutex_unlock(&e->lock);
    serve_respond(req, 200, "application/json", text, strlen(text));
}

static void handle(struct serve_req *req, void *arg)
{
    struct emc *e = arg;
    int status = (int)knobs_get(e->knobs, EK_STATUS);

    if (strcmp(req->path, "/_sandbox/knobs") == 0) {
        knobs_serve(e->knobs, req);
    } else if (strcmp(req->path, "/_sandbox/stats") == 0) {
        serve_stats(e, req);
    } else if (strcmp(req->path, "/emc/event") != 0) {
        answer(req, 404, "not found\n");
    } else if (strcmp(req->method, "POST") != 0) {
        answer(req, 405, "");
    } else if (happens(e, EK_DROP_BEFORE_PERCENT)) {
        serve_drop(req);
    } else if (status >= 200 || happens(e, EK_FAIL_500_PERCENT)) {
        answer(req, status >= 200 ? status : 500, "");
    } else if (!let_in(e, req)) {
        answer(req, 401, "");
    } else {
        take(e, req);
    }
}

/* ---- start ---- */

struct options {
    const char *listen;
    const char *port_file;
    const char *ledger;
    uint64_t seed;
};

static int usage(void)
{
    fputs("usage: dvcsync-sandbox emc --listen ADDRESS:PORT --ledger FILE [--port-file FILE]\n"
          "           [--seed N] [--knob name=value]...\nknobs:\n",
          stderr);
    for (size_t i = 0; i < EK_COUNT; i++) {
        fprintf(stderr, "  %-30s %s\n", knob_rows[i].name, knob_rows[i].help);
    }
    return 2;
}

static int parse(int argc, char **argv, struct options *o, struct knobs *knobs)
{
    static const struct option rows[] = {
        {"listen", required_argument, NULL, 'l'}, {"port-file", required_argument, NULL, 'p'},
        {"ledger", required_argument, NULL, 'L'}, {"seed", required_argument, NULL, 's'},
        {"knob", required_argument, NULL, 'k'},   {NULL, 0, NULL, 0},
    };
    char why[256];
    int opt;

    optind = 1;
    for (opt = getopt_long(argc, argv, "", rows, NULL); opt != -1;
         opt = getopt_long(argc, argv, "", rows, NULL)) {
        if (opt == 'l') {
            o->listen = optarg;
        } else if (opt == 'p') {
            o->port_file = optarg;
        } else if (opt == 'L') {
            o->ledger = optarg;
        } else if (opt == 's') {
            o->seed = strtoull(optarg, NULL, 10);
        } else if (opt != 'k' || knobs_set_pair(knobs, optarg, why, sizeof why) != 0) {
            return -1;
        }
    }
    return optind == argc && o->listen != NULL && o->ledger != NULL ? 0 : -1;
}

static int run(struct emc *e, const struct options *o)
{
    struct serve *server = NULL;
    struct serve_config cfg = {
        .listen = o->listen, .port_file = o->port_file, .handler = handle, .arg = e};

    serve_block_signals(); /* before the ledger's thread is made */
    if (ledger_open(&e->ledger, o->ledger, NULL, NULL) != 0) {
        return 1;
    }
    if (serve_start(&server, &cfg) != 0) {
        ledger_close(e->ledger);
        return 1;
    }
    serve_wait_signal(server);
    serve_quiesce(server);
    ledger_close(e->ledger);
    serve_free(server);
    return 0;
}

int emc_main(int argc, char **argv)
{
    struct options o = {.seed = 1};
    struct emc e = {.lock = PTHREAD_MUTEX_INITIALIZER};
    int status;

    e.knobs = knobs_new(knob_rows, EK_COUNT);
    if (e.knobs == NULL) {
        fputs("emc: out of memory\n", stderr);
        return 1;
    }
    status = parse(argc, argv, &o, e.knobs) != 0 ? usage() : 0;
    e.seed = o.seed;
    status = status == 0 ? run(&e, &o) : status;
    knobs_free(e.knobs);
    return status;
}
