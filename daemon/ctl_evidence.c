/* ctl_evidence: one file that proves what became of a dossier; its check; the key that signs. Needs
 * no daemon. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/ctl.h"
#include "daemon/ctl_evidence_file.h"
#include "daemon/ctl_text.h"
#include "journal/evidence.h"

#define PATH_BYTES ((size_t)4096)
#define KEY_FILE_BYTES 4096
#define SUMMARY_BYTES ((size_t)4096)

static int explain(int err, const struct errmsg *msg)
{
    return ctl_complain(err == ERR_CORRUPT    ? CTL_CRITICAL
                        : err == ERR_DENIED   ? CTL_DENIED
                        : err == ERR_NOTFOUND ? CTL_WARNING
                        : err == ERR_INVAL    ? CTL_USAGE
                                              : CTL_UNKNOWN,
                        "%s", msg->text);
}

/* The configured state directory's, else the one beside the journal. CTL_OK, or the exit code after
 * a complaint. */
static int open_key(struct ctl *c, const char *journal, struct sign_key *key)
{
    struct errmsg msg = {""};
    struct buf path;
    int err;

    buf_init(&path, PATH_BYTES);
    if (ctl_load_config(c)) {
        buf_puts(&path, c->config->state_dir);
    } else {
        const char *slash = strrchr(journal, '/');

        buf_put(&path, slash != NULL ? journal : ".",
                slash != NULL ? (size_t)(slash - journal) : 1);
    }
    buf_puts(&path, "/" EVIDENCE_KEY_NAME);
    err = buf_error(&path);
    err = err == 0 ? sign_key_open(key, buf_text(&path), false, NULL, &msg)
                   : err_set(&msg, err, "the path of the key is too long");
    buf_free(&path);
    /* Nobody would know a key that is made here; the daemon logs the one that it makes. */
    return err == 0 ? CTL_OK
           : err == ERR_DENIED
               ? ctl_complain(CTL_DENIED, "%s; run this as root or as the user of the service",
                              msg.text)
           : err == ERR_NOTFOUND
               ? ctl_complain(CTL_UNKNOWN,
                              "%s: no key that signs is there; take it from a backup of this "
                              "machine, or start the daemon once, which makes one and logs it",
                              msg.text)
               : ctl_complain(CTL_UNKNOWN, "%s", msg.text);
}

/* Never over another file; half a file would prove nothing. */
static int write_file(const char *path, const struct buf *out)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    int number = fd >= 0 ? 0 : errno;

    if (fd >= 0 && (file_write(fd, out->data, out->len) != 0 || fsync(fd) != 0)) {
        number = errno;
    }
    if (fd >= 0 && close(fd) != 0 && number == 0) {
        number = errno;
    }
    if (number != 0 && fd >= 0) {
        (void)unlink(path);
    }
    return number == 0 ? CTL_OK : ctl_complain(CTL_UNKNOWN, "%s: %s", path, strerror(number));
}

static int make(struct ctl *c, const char *journal, const struct sign_key *key, const char *path)
{
    const struct evidence_order order = {.journal = journal,
                                         .code = c->args[0],
                                         .key = key,
                                         .now_s = (int64_t)time(NULL),
                                         .without_words = c->options[CTL_WITHOUT_WORDS] != NULL};
    struct evidence_summary summary;
    struct errmsg msg = {""};
    struct buf out;
    int exit_code;
    int err;

    buf_init(&out, EVIDENCE_BYTES);
    err = evidence_file_write(&order, &out, &msg);
    if (err == 0) {
        /* What is handed out was checked as its reader will check it. */
        err = evidence_file_verify(out.data, out.len, NULL, &summary, &msg);
    }
    if (err != 0) {
        buf_free(&out);
        return explain(err, &msg);
    }
    if (strcmp(path, "-") == 0) {
        return ctl_print(&out, CTL_OK);
    }
    exit_code = write_file(path, &out);
    buf_free(&out);
    if (exit_code == CTL_OK) {
        printf("%s: dossier %s, %" PRIu64 " attempts, signed by key %s\n", path, summary.dossier,
               summary.attempts, summary.fingerprint);
    }
    return exit_code;
}

int ctl_evidence(struct ctl *c)
{
    const char *path = c->options[CTL_OUTPUT];
    struct sign_key key = {NULL};
    struct ctl rest = *c; /* the journal stands behind the dossier */
    struct buf journal;
    int exit_code;

    if (path == NULL) {
        return ctl_complain(CTL_USAGE, "-o FILE is needed; - is standard output");
    }
    rest.args = c->args + 1;
    rest.n_args = c->n_args - 1;
    exit_code = ctl_find_journal(&rest, &journal);
    c->config = rest.config; /* it may have been read */
    if (exit_code == CTL_OK) {
        exit_code = open_key(c, buf_text(&journal), &key);
    }
    if (exit_code == CTL_OK) {
        exit_code = make(c, buf_text(&journal), &key, path);
    }
    sign_key_free(&key);
    buf_free(&journal);
    return exit_code;
}

int ctl_evidence_key(struct ctl *c)
{
    char public_key[SIGN_PUBLIC_SIZE];
    char fingerprint[DIGEST_HEX_SIZE];
    char pem[SIGN_PEM_SIZE];
    struct sign_key key;
    int exit_code = open_key(c, "/var/lib/dvcsync/", &key);

    if (exit_code != CTL_OK) {
        return exit_code;
    }
    if (sign_public(&key, public_key) != 0 || sign_fingerprint(public_key, fingerprint) != 0) {
        exit_code = ctl_complain(CTL_UNKNOWN, "out of memory");
    } else if (c->json) {
        printf("{\"schema\":1,\"key\":\"%s\",\"fingerprint\":\"%s\"}\n", public_key, fingerprint);
    } else {
        sign_pem(public_key, pem);
        printf("%sfingerprint (SHA-256): %s\n", pem, fingerprint);
    }
    sign_key_free(&key);
    return exit_code;
}

/* ---- checking ---- */

/* The whole file; "-" is standard input. CTL_OK, or the exit code after a complaint. */
static int read_file(const char *path, size_t max, struct buf *out)
{
    char block[65536];
    size_t n = 0;
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int err = fd >= 0 ? 0 : ERR_IO;

    buf_init(out, max);
    do {
        err = err == 0 ? file_fill(fd, block, sizeof(block), &n) : err;
        buf_put(out, block, err == 0 ? n : 0);
        err = err == 0 ? buf_error(out) : err;
    } while (err == 0 && n == sizeof(block));
    if (err == ERR_TOOBIG || err == ERR_NOMEM) {
        (void)ctl_complain(0, "%s: %s", path, err_text(err));
    } else if (err != 0) {
        (void)ctl_complain(0, "%s: %s", path, strerror(errno));
    }
    if (fd > STDIN_FILENO) {
        (void)close(fd);
    }
    return err == 0 ? CTL_OK : CTL_UNKNOWN;
}

static int read_public_key(const char *path, char out[SIGN_PUBLIC_SIZE])
{
    struct buf pem;
    int exit_code = read_file(path, KEY_FILE_BYTES, &pem);

    if (exit_code == CTL_OK && sign_pem_read(buf_text(&pem), out) != 0) {
        exit_code = ctl_complain(CTL_USAGE, "%s: no public Ed25519 key as PEM", path);
    }
    buf_free(&pem);
    return exit_code;
}

static void put_summary(const struct evidence_summary *s, bool with_key)
{
    printf("Verified: dossier %s, made %s; unchanged since it was signed.\n", s->dossier, s->made);
    printf("Items %" PRIu64 ", attempts %" PRIu64 ", rows of sources %" PRIu64
           "; rows of the audit %" PRIu64 ", unbroken%s",
           s->items, s->attempts, s->rows, s->audit_rows + s->audit_old,
           s->head[0] != '\0' ? "" : "\n");
    if (s->head[0] != '\0') {
        printf(", up to row %" PRId64 ", chain %s\n", s->head_row, s->head);
    }
    if (s->audit_old > 0) {
        printf("Of the audit's rows %" PRIu64
               " are of an older form: their digests are told, not made anew.\n",
               s->audit_old);
    }
    printf("Key %s%s\n", s->fingerprint,
           with_key ? ", the one that was named."
                    : ": the file's own. Compare it with the fingerprint that you have from "
                      "elsewhere, or name the key with --key.");
}

static int put_summary_json(const struct evidence_summary *s, bool with_key, int err, int exit_code)
{
    struct json_writer w;
    struct buf out;

    buf_init(&out, SUMMARY_BYTES);
    json_write_begin(&w, &out);
    json_object_open(&w, NULL);
    json_integer_out(&w, "schema", 1);
    json_bool(&w, "ok", err == 0);
    json_bool(&w, "changed", err == ERR_CORRUPT);
    json_bool(&w, "key_checked", with_key && err == 0);
    json_string(&w, "fingerprint", s->fingerprint);
    json_string(&w, "dossier", s->dossier);
    json_string(&w, "made", s->made);
    json_integer_out(&w, "attempts", (int64_t)s->attempts);
    json_integer_out(&w, "items", (int64_t)s->items);
    json_integer_out(&w, "source_rows", (int64_t)s->rows);
    json_integer_out(&w, "audit_rows", (int64_t)s->audit_rows);
    json_integer_out(&w, "audit_old_rows", (int64_t)s->audit_old);
    json_integer_out(&w, "audit_row", s->head_row);
    json_string(&w, "audit_head", s->head);
    json_object_close(&w);
    buf_putc(&out, '\n');
    return ctl_print(&out, exit_code);
}

int ctl_evidence_verify(struct ctl *c)
{
    const char *key_path = c->options[CTL_KEY];
    char public_key[SIGN_PUBLIC_SIZE] = "";
    struct evidence_summary summary;
    struct errmsg msg = {""};
    struct buf file;
    bool with_key = key_path != NULL;
    int exit_code = with_key ? read_public_key(key_path, public_key) : CTL_OK;
    int err;

    if (exit_code != CTL_OK) {
        return exit_code;
    }
    exit_code = read_file(c->args[0], EVIDENCE_BYTES, &file);
    if (exit_code == CTL_OK) {
        err = evidence_file_verify(buf_text(&file), file.len, with_key ? public_key : NULL,
                                   &summary, &msg);
        /* Whatever is wrong with it, it proves nothing; with its own key, not who made it. */
        exit_code = err != 0 ? CTL_CRITICAL : with_key ? CTL_OK : CTL_WARNING;
        if (c->json) {
            exit_code = put_summary_json(&summary, with_key, err, exit_code);
        } else if (err == 0) {
            put_summary(&summary, with_key);
        }
        if (err != 0) {
            (void)ctl_complain(0, "%s: %s", c->args[0], msg.text);
        }
    }
    buf_free(&file);
    return exit_code;
}
