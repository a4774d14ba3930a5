/* ctl_person: requests of data subjects. Who is meant is never on the command line, where every
 * user of the machine could read it, and never printed back. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/ctl.h"
#include "daemon/ctl_text.h"

#define SEARCH_MS UINT64_C(1800000) /* a big journal is searched row by row */
#define LINE_SIZE 256
#define LINES_MAX 50
#define BODY_BYTES ((size_t)65536)

static int needs_request(struct ctl *c, const char *verb)
{
    return c->options[CTL_REQUEST] != NULL
               ? CTL_OK
               : ctl_complain(CTL_USAGE,
                              "subject %s needs --request NO: the number under which the person's "
                              "request is filed; it is kept in the audit",
                              verb);
}

/* ---- who ---- */

/* A file with personal data that others can read is a fault to be mended first. */
static FILE *open_private(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    FILE *file;

    if (fd < 0) {
        (void)ctl_complain(0, "%s: %s", path, strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0) {
        (void)ctl_complain(0, "%s must be a file that only its owner can read: chmod 0600", path);
        (void)close(fd);
        return NULL;
    }
    file = fdopen(fd, "r");
    if (file == NULL) {
        (void)close(fd);
    }
    return file;
}

/* Asks on a terminal, without showing what is typed. */
static bool hide_typing(struct termios *before)
{
    struct termios hidden;

    if (tcgetattr(STDIN_FILENO, before) != 0) {
        return false;
    }
    hidden = *before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    return tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
}

/* Each line one needle, into the order. On a terminal the first empty line ends them. */
static int read_lines(FILE *in, bool asked, struct json_writer *w)
{
    char line[LINE_SIZE];
    int n = 0;
    int exit_code = CTL_OK;

    while (exit_code == CTL_OK && fgets(line, sizeof(line), in) != NULL) {
        size_t len = strcspn(line, "\r\n");

        if (line[len] == '\0' && !feof(in)) {
            exit_code = ctl_complain(CTL_USAGE, "a line is longer than %d bytes", LINE_SIZE - 2);
        }
        line[len] = '\0';
        if (len == 0 && asked) {
            break;
        }
        if (len > 0 && exit_code == CTL_OK && n++ == LINES_MAX) {
            exit_code = ctl_complain(CTL_USAGE, "more than %d lines", LINES_MAX);
        }
        if (len > 0 && exit_code == CTL_OK) {
            json_string(w, NULL, line);
        }
    }
    explicit_bzero(line, sizeof(line));
    return exit_code == CTL_OK && n == 0
               ? ctl_complain(CTL_USAGE, "nobody is named: one a line, on standard input or --from")
               : exit_code;
}

static int read_who(struct ctl *c, struct json_writer *w)
{
    const char *from = c->options[CTL_FROM];
    bool asked = from == NULL && isatty(STDIN_FILENO);
    FILE *in = from != NULL ? open_private(from) : stdin;
    struct termios before;
    bool hidden = false;
    int exit_code;

    if (in == NULL) {
        return CTL_DENIED;
    }
    if (asked) {
        fprintf(stderr, "%s, one a line (not shown); an empty line ends: ", c->options[CTL_BY]);
        hidden = hide_typing(&before);
    }
    exit_code = read_lines(in, asked, w);
    if (hidden) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (from != NULL) {
        (void)fclose(in);
    }
    return exit_code;
}

/* The list of who is meant, read once: a JSON array. */
static int read_needles(struct ctl *c, struct buf *needles)
{
    struct json_writer w;
    int exit_code;

    buf_init(needles, BODY_BYTES / 2);
    if (c->options[CTL_BY] == NULL) {
        return ctl_complain(CTL_USAGE,
                            "--by id, phone, name or code: what is the person known by?");
    }
    json_write_begin(&w, needles);
    json_array_open(&w, NULL);
    exit_code = read_who(c, &w);
    json_array_close(&w);
    return exit_code == CTL_OK && buf_error(needles) != 0
               ? ctl_complain(CTL_USAGE, "too many names in one request")
               : exit_code;
}

static void wipe(struct buf *b)
{
    if (b->data != NULL) {
        explicit_bzero(b->data, b->capacity);
    }
    buf_free(b);
}

static int ask_about(struct ctl *c, const char *verb, const struct buf *needles, struct json **out)
{
    struct json_writer w;
    struct buf body;
    char target[64];
    int exit_code;

    (void)snprintf(target, sizeof(target), "/v1/persons:%s", verb);
    buf_init(&body, BODY_BYTES);
    json_write_begin(&w, &body);
    json_object_open(&w, NULL);
    json_string(&w, "by", c->options[CTL_BY]);
    json_raw(&w, "needles", buf_text(needles), needles->len);
    json_string(&w, "request", c->options[CTL_REQUEST] != NULL ? c->options[CTL_REQUEST] : "");
    if (c->options[CTL_DROP] != NULL && strcmp(verb, "erase") == 0) {
        json_bool(&w, "drop", true);
        json_string(&w, "reason", c->options[CTL_REASON] != NULL ? c->options[CTL_REASON] : "");
    }
    json_object_close(&w);
    exit_code = ctl_ask(c, target, buf_text(&body), SEARCH_MS, out);
    wipe(&body);
    return exit_code;
}

/* ---- what was found ---- */

static void put_list(struct buf *out, const char *title, const struct json *list)
{
    char digits[24];

    if (json_size(list) == 0) {
        return;
    }
    buf_printf(out, "    %s", title);
    for (const struct json *c = json_first(list); c != NULL; c = json_next(c)) {
        buf_putc(out, ' ');
        ctl_put_text(out, json_text_or_empty(c, digits));
    }
    buf_putc(out, '\n');
}

static void put_dossier(struct buf *out, const struct json *d)
{
    char at[CTL_TIME_SIZE];

    ctl_put_text(out, ctl_str(d, "code"));
    buf_puts(out, ", flow ");
    ctl_put_text(out, ctl_str(d, "flow"));
    if (ctl_int(d, "status") > 0) {
        buf_printf(out, ", status %" PRId64 " ", ctl_int(d, "status"));
        ctl_put_text(out, ctl_str(d, "status_text"));
    }
    buf_puts(out, "\n    items");
    for (const struct json *s = json_first(json_get(d, "items")); s != NULL; s = json_next(s)) {
        buf_printf(out, " %s %" PRId64, json_key(s), ctl_int(json_get(d, "items"), json_key(s)));
    }
    buf_printf(out, "; bodies %" PRId64 "\n", ctl_int(d, "bodies"));
    put_list(out, "found in", json_get(d, "found_in"));
    if (ctl_true(d, "found_in_words")) {
        buf_puts(out, "    found in words of the portal or of an operator\n");
    }
    put_list(out, "holds", json_get(d, "fields"));
    buf_puts(out, "    removal: ");
    if (ctl_at(d, "removal") != 0) {
        ctl_time(ctl_at(d, "removal"), at);
        buf_printf(out, "%s, ", at);
    }
    ctl_put_text(out, ctl_str(d, "removal_text"));
    buf_putc(out, '\n');
    if (ctl_str(d, "why_not")[0] != '\0') {
        buf_puts(out, "    NOT ERASED: ");
        ctl_put_text(out, ctl_str(d, "why_not"));
        buf_putc(out, '\n');
    }
}

static int show_found(const struct json *root)
{
    struct buf out;

    buf_init(&out, CTL_TEXT_BYTES);
    for (const struct json *d = json_first(json_get(root, "dossiers")); d != NULL;
         d = json_next(d)) {
        put_dossier(&out, d);
    }
    ctl_put_count(&out, ctl_uint(root, "n"), "dossier");
    buf_puts(&out, ctl_true(root, "more") ? " and more, not shown\n" : "\n");
    return ctl_print(&out, CTL_OK);
}

int ctl_subject_find(struct ctl *c)
{
    struct json *root = NULL;
    struct buf needles;
    int exit_code = read_needles(c, &needles);

    exit_code = exit_code == CTL_OK ? ask_about(c, "find", &needles, &root) : exit_code;
    if (exit_code == CTL_OK && !c->json) {
        exit_code = show_found(root);
    }
    json_free(root);
    wipe(&needles);
    return exit_code;
}

/* ---- export ---- */

static int write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t wrote = write(fd, bytes, n);

        if (wrote < 0 && errno != EINTR) {
            return -1;
        }
        if (wrote > 0) {
            bytes += wrote;
            n -= (size_t)wrote;
        }
    }
    return fsync(fd);
}

static int write_export(const char *path, const struct json *root)
{
    struct json_writer w;
    struct buf text;
    int exit_code = CTL_OK;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        return ctl_complain(CTL_CRITICAL, "%s: %s", path, strerror(errno));
    }
    buf_init(&text, CTL_TEXT_BYTES);
    json_write_begin(&w, &text);
    json_node(&w, NULL, root);
    buf_putc(&text, '\n');
    if (buf_error(&text) != 0 || write_all(fd, text.data, text.len) != 0) {
        exit_code =
            ctl_complain(CTL_CRITICAL, "%s can't be written: %s", path,
                         buf_error(&text) != 0 ? err_text(buf_error(&text)) : strerror(errno));
        (void)unlink(path);
    }
    (void)close(fd);
    wipe(&text);
    return exit_code;
}

int ctl_subject_export(struct ctl *c)
{
    const char *path = c->args[0];
    struct json *root = NULL;
    struct buf needles;
    bool json = c->json;
    int exit_code = needs_request(c, "export");

    if (exit_code != CTL_OK) {
        return exit_code;
    }
    if (access(path, F_OK) == 0) {
        return ctl_complain(CTL_USAGE, "%s exists: nothing is overwritten", path);
    }
    exit_code = read_needles(c, &needles);
    c->json = false; /* what is kept goes into the file and nowhere else */
    exit_code = exit_code == CTL_OK ? ask_about(c, "export", &needles, &root) : exit_code;
    c->json = json;
    if (exit_code == CTL_OK) {
        exit_code = write_export(path, root);
    }
    if (exit_code == CTL_OK && json) {
        printf("{\"schema\":1,\"dossiers\":%" PRIu64 "}\n", ctl_uint(root, "n"));
    } else if (exit_code == CTL_OK) {
        uint64_t n = ctl_uint(root, "n");

        printf("%" PRIu64 " dossier%s in %s, which only you can read.\n", n,
               n == 1 ? " is" : "s are", path);
    }
    json_free(root);
    wipe(&needles);
    return exit_code;
}

/* ---- erase ---- */

static int confirm(struct ctl *c, uint64_t n)
{
    char answer[16];

    if (c->options[CTL_YES] != NULL) {
        return CTL_OK;
    }
    if (!isatty(STDIN_FILENO)) {
        return ctl_complain(CTL_USAGE, "--yes is needed where nobody can be asked");
    }
    fprintf(stderr, "Erase what is kept of %" PRIu64 " dossier%s? [y/N] ", n, text_plural(n));
    if (fgets(answer, sizeof(answer), stdin) == NULL || (answer[0] != 'y' && answer[0] != 'Y')) {
        return ctl_complain(CTL_WARNING, "nothing was erased");
    }
    return CTL_OK;
}

static int show_erased(const struct json *root)
{
    int exit_code = show_found(root);

    printf("erased %" PRIu64 ", not erased %" PRIu64 "\n", ctl_uint(root, "erased"),
           ctl_uint(root, "kept"));
    if (ctl_uint(root, "erased") == 0) {
        printf(ctl_uint(root, "n") == 0 ? "Nothing was found, so nothing was erased.\n"
                                        : "Nothing was erased.\n");
        return exit_code != CTL_OK ? exit_code : CTL_WARNING;
    }
    if (!ctl_true(root, "rewritten")) {
        printf("The bodies are too many to be written anew: old copies may stand in free space.\n");
    }
    if (!ctl_true(root, "log_emptied")) {
        printf("Somebody reads the journal: its write-ahead log is emptied when that ends.\n");
    }
    printf("Backups made before now still hold it: delete them.\n");
    return exit_code != CTL_OK ? exit_code : ctl_uint(root, "kept") > 0 ? CTL_WARNING : CTL_OK;
}

/* How many are meant, before it is done. */
static int count_found(struct ctl *c, const struct buf *needles, uint64_t *n)
{
    struct json *root = NULL;
    bool json = c->json;
    int exit_code;

    c->json = false;
    exit_code = ask_about(c, "find", needles, &root);
    c->json = json;
    *n = ctl_uint(root, "n");
    if (exit_code == CTL_OK && *n == 0) {
        exit_code = ctl_complain(CTL_WARNING, "nothing was found, so nothing was erased");
    }
    json_free(root);
    return exit_code;
}

int ctl_subject_erase(struct ctl *c)
{
    struct json *root = NULL;
    struct buf needles;
    uint64_t n = 0;
    int exit_code = needs_request(c, "erase");

    if (exit_code != CTL_OK) {
        return exit_code;
    }
    if (c->options[CTL_DROP] != NULL && c->options[CTL_REASON] == NULL) {
        return ctl_complain(CTL_USAGE, "--drop needs --reason: it is kept in the audit");
    }
    exit_code = read_needles(c, &needles);
    exit_code = exit_code == CTL_OK ? count_found(c, &needles, &n) : exit_code;
    exit_code = exit_code == CTL_OK ? confirm(c, n) : exit_code;
    exit_code = exit_code == CTL_OK ? ask_about(c, "erase", &needles, &root) : exit_code;
    if (exit_code == CTL_OK && !c->json) {
        exit_code = show_erased(root);
    } else if (exit_code == CTL_OK && ctl_uint(root, "kept") > 0) {
        exit_code = CTL_WARNING;
    }
    json_free(root);
    wipe(&needles);
    return exit_code;
}
