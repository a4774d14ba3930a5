/* ctl_local: the verbs that need no daemon. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "daemon/ctl.h"
#include "daemon/ctl_text.h"
#include "journal/salvage.h"
#include "journal/upkeep.h"

#define JOURNAL_NAME "journal.db"
#define FAULTS_SHOWN 100

/* ---- configuration ---- */

/* The secrets that it names: the exit code, after all faults were told. */
static int check_secrets(const struct config *config)
{
    struct config_faults *faults = calloc(1, sizeof(*faults));
    size_t unseen;
    int err = faults != NULL ? config_secrets_look(config, faults, &unseen) : ERR_NOMEM;

    for (size_t i = 0; faults != NULL && i < faults->n && i < CONFIG_MAX_FAULTS; i++) {
        fprintf(stderr, "%s\n", faults->texts[i]);
    }
    free(faults);
    return err == 0 ? CTL_OK : ctl_config_exit(err);
}

int ctl_config_check(struct ctl *c)
{
    int exit_code;

    if (c->n_args > 0) {
        c->config_path = c->args[0];
    }
    exit_code = ctl_need_config(c);
    exit_code = exit_code == CTL_OK ? check_secrets(c->config) : exit_code;
    if (exit_code != CTL_OK) {
        return exit_code;
    }
    if (c->json) {
        printf("{\"schema\":1,\"ok\":true,\"sources\":%zu,\"flows\":%zu}\n", c->config->n_sources,
               c->config->n_flows);
    } else {
        printf("%s is fine: %zu source%s, %zu flow%s\n", c->config_path, c->config->n_sources,
               c->config->n_sources == 1 ? "" : "s", c->config->n_flows,
               c->config->n_flows == 1 ? "" : "s");
    }
    return CTL_OK;
}

int ctl_config_dump(struct ctl *c)
{
    struct buf out;
    int exit_code;
    int err;

    if (c->n_args > 0) {
        c->config_path = c->args[0];
    }
    exit_code = ctl_need_config(c);
    if (exit_code != CTL_OK) {
        return exit_code;
    }
    buf_init(&out, CTL_TEXT_BYTES);
    err = c->json ? config_dump_json(c->config, &out)
                  : config_dump(c->config, c->options[CTL_ORIGIN] != NULL, &out);
    if (err == 0 && c->json) {
        buf_putc(&out, '\n');
    }
    return ctl_print(&out, err == 0 ? CTL_OK : CTL_UNKNOWN);
}

/* ---- journal ---- */

int ctl_find_journal(struct ctl *c, struct buf *path)
{
    buf_init(path, 4096);
    if (c->n_args > 0) {
        buf_puts(path, c->args[0]);
    } else {
        bool loaded = ctl_load_config(c);

        buf_printf(path, "%s/" JOURNAL_NAME, loaded ? c->config->state_dir : "/var/lib/dvcsync");
    }
    if (buf_error(path) != 0) {
        return ctl_complain(CTL_USAGE, "the path of the journal is too long");
    }
    if (access(buf_text(path), R_OK) == 0) {
        return CTL_OK;
    }
    if (errno == EACCES) {
        return ctl_complain(CTL_DENIED,
                            "%s: permission denied; run this as root or as the user "
                            "of the service",
                            buf_text(path));
    }
    return ctl_complain(CTL_UNKNOWN, "%s: %s", buf_text(path), strerror(errno));
}

struct findings {
    bool json;
    uint64_t n;
    struct json_writer w;
};

static void on_found(void *ctx, const char *text)
{
    struct findings *f = ctx;

    f->n++;
    if (f->json) {
        json_string(&f->w, NULL, text);
    } else if (f->n <= FAULTS_SHOWN) {
        ctl_put_lines(f->w.out, text); /* SQLite's report of a table has several */
    }
}

/* What a failed reading means for the exit code. */
static int judge(int err, const struct errmsg *msg)
{
    return err == 0
               ? CTL_OK
               : ctl_complain(err == ERR_CORRUPT ? CTL_CRITICAL : CTL_UNKNOWN, "%s", msg->text);
}

static int worst(int a, int b)
{
    return a == CTL_CRITICAL || b == CTL_CRITICAL ? CTL_CRITICAL : a != CTL_OK ? a : b;
}

int ctl_journal_check(struct ctl *c)
{
    struct findings f = {.json = c->json};
    struct errmsg msg = {""};
    uint64_t rows = 0;
    struct buf path;
    struct buf out;
    int exit_code = ctl_find_journal(c, &path);

    if (exit_code != CTL_OK) {
        buf_free(&path);
        return exit_code;
    }
    buf_init(&out, CTL_TEXT_BYTES);
    f.w.out = &out;
    if (c->json) {
        json_write_begin(&f.w, &out);
        json_object_open(&f.w, NULL);
        json_integer_out(&f.w, "schema", 1);
        json_string(&f.w, "file", buf_text(&path));
        json_array_open(&f.w, "faults");
    }
    exit_code = judge(upkeep_check(buf_text(&path), on_found, &f, &msg), &msg);
    exit_code =
        worst(exit_code, judge(upkeep_audit_verify(buf_text(&path), &rows, NULL, &msg), &msg));
    if (c->json) {
        json_array_close(&f.w);
        json_integer_out(&f.w, "audit_rows", (int64_t)rows);
        json_bool(&f.w, "ok", exit_code == CTL_OK);
        json_object_close(&f.w);
        buf_putc(&out, '\n');
    } else if (exit_code == CTL_OK) {
        buf_printf(&out, "%s is sound; the audit's %" PRIu64 " row%s unbroken\n", buf_text(&path),
                   rows, rows == 1 ? " is" : "s are");
    } else if (f.n > FAULTS_SHOWN) {
        buf_puts(&out, "... and ");
        ctl_put_count(&out, f.n - FAULTS_SHOWN, "more fault");
        buf_putc(&out, '\n');
    }
    buf_free(&path);
    return ctl_print(&out, exit_code);
}

/* What a person must know before the new journal is put in place. */
static void put_salvage(struct buf *out, const struct salvage_report *r, const char *fresh)
{
    for (unsigned t = 0; t < SALVAGE_TABLES; t++) {
        buf_printf(out, "%-8s saved %" PRIu64, salvage_table_name((enum salvage_table)t),
                   r->saved[t]);
        buf_printf(out, r->spoiled[t] > 0 ? ", spoiled %" PRIu64 "\n" : "\n", r->spoiled[t]);
    }
    buf_printf(out, "damaged pages %" PRIu32 ", refused by the disk %" PRIu32 "%s\n", r->bad_pages,
               r->unreadable, r->log_cut ? ", the write-ahead log is cut" : "");
    buf_printf(out,
               "items without their dossier %" PRIu64 ", open items without their content %" PRIu64
               ", dossiers in doubt about all of it %" PRIu64 "\n",
               r->orphans, r->bodiless, r->distrusted);
    buf_printf(out, "the audit's chain %s\n",
               r->audit_unbroken ? "goes on"
                                 : "was broken: it begins anew, the old rows are beside the file");
    buf_puts(out,
             "not taken over: cursors, rows of sources, the catalogue, what was seen; all but the "
             "catalogue's history is read again\n");
    ctl_put_text(out, fresh);
    buf_puts(out, r->saved[SALVAGE_ITEM] > 0
                      ? " is complete. Put it in place and start the service.\n"
                      : " holds no item: nothing of the damaged file could be read. Do not put it "
                        "in place; see step 6 of doc/recovery.md.\n");
}

int ctl_journal_recover(struct ctl *c)
{
    struct salvage_report report;
    struct errmsg msg = {""};
    struct buf out;
    struct salvage_flows flows = {.n = 0};
    int err;

    if (ctl_load_config(c)) {
        for (size_t i = 0; i < c->config->n_flows; i++) {
            flows.names[flows.n++] = c->config->flows[i].name;
        }
    }
    err =
        salvage_journal(c->args[0], c->args[1], &flows, (uint64_t)time(NULL) * 1000, &report, &msg);
    if (err != 0) {
        return ctl_complain(err == ERR_EXISTS || err == ERR_NOTFOUND ? CTL_USAGE
                            : err == ERR_DENIED                      ? CTL_DENIED
                            : err == ERR_BUSY                        ? CTL_BUSY
                                                                     : CTL_CRITICAL,
                            "%s", msg.text);
    }
    buf_init(&out, CTL_TEXT_BYTES);
    if (c->json) {
        struct json_writer w;

        json_write_begin(&w, &out);
        json_object_open(&w, NULL);
        json_integer_out(&w, "schema", 1);
        for (unsigned t = 0; t < SALVAGE_TABLES; t++) {
            json_integer_out(&w, salvage_table_name((enum salvage_table)t),
                             (int64_t)report.saved[t]);
        }
        json_integer_out(&w, "bad_pages", report.bad_pages);
        json_bool(&w, "log_cut", report.log_cut);
        json_integer_out(&w, "orphans", (int64_t)report.orphans);
        json_integer_out(&w, "bodiless", (int64_t)report.bodiless);
        json_integer_out(&w, "distrusted", (int64_t)report.distrusted);
        json_bool(&w, "audit_unbroken", report.audit_unbroken);
        json_object_close(&w);
        buf_putc(&out, '\n');
    } else {
        put_salvage(&out, &report, c->args[1]);
    }
    return ctl_print(&out, report.saved[SALVAGE_ITEM] > 0 ? CTL_OK : CTL_CRITICAL);
}

int ctl_audit_verify(struct ctl *c)
{
    struct journal_audit_head end = {.row = 0};
    struct errmsg msg = {""};
    uint64_t rows = 0;
    char head[DIGEST_HEX_SIZE];
    struct buf path;
    int exit_code = ctl_find_journal(c, &path);

    if (exit_code == CTL_OK) {
        exit_code = judge(upkeep_audit_verify(buf_text(&path), &rows, &end, &msg), &msg);
        digest_hex(end.chain, head);
        if (c->json) {
            printf("{\"schema\":1,\"rows\":%" PRIu64 ",\"row\":%" PRId64
                   ",\"head\":\"%s\",\"ok\":%s}\n",
                   rows, end.row, head, exit_code == CTL_OK ? "true" : "false");
        } else if (exit_code == CTL_OK) {
            printf("The audit's %" PRIu64 " row%s unbroken; it ends with row %" PRId64
                   ", chain %s\n",
                   rows, rows == 1 ? " is" : "s are", end.row, head);
        }
    }
    buf_free(&path);
    return exit_code;
}
