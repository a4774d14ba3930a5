/* ctl_try: what a source shows and what becomes of it, for who writes a preset. */
#include <stdio.h>
#include <string.h>

#include "daemon/ctl.h"
#include "daemon/ctl_text.h"

#define TARGET_BYTES ((size_t)8192)
#define TRY_MS UINT64_C(300000) /* logins, a list and some details, each with its own deadline */

static void put_line(struct buf *out, const char *name, const char *text)
{
    buf_puts(out, "  ");
    ctl_put_column(out, name, 9);
    ctl_put_text(out, text);
    buf_putc(out, '\n');
}

static void put_record(const struct json *record, bool colour, struct buf *out)
{
    const char *verdict = ctl_str(record, "verdict");

    put_line(out, ctl_str(record, "kind"), ctl_str(record, "body"));
    if (json_get(record, "verdict") == NULL) {
        return; /* there is no sink */
    }
    buf_puts(out, "           ");
    if (verdict[0] == '\0') {
        ctl_put_coloured(out, colour, CTL_GREEN, "would be sent");
        buf_printf(out, ", national status %lld", (long long)ctl_int(record, "status"));
    } else {
        ctl_put_coloured(out, colour, CTL_YELLOW, "would be HELD: ");
        ctl_put_text(out, verdict);
    }
    if (ctl_str(record, "reason")[0] != '\0') {
        buf_puts(out, ": ");
        ctl_put_text(out, ctl_str(record, "reason"));
    }
    buf_putc(out, '\n');
}

/* False: the row has no record. */
static bool put_row(const struct json *row, uint64_t number, bool colour, struct buf *out)
{
    bool failed = json_get(row, "error") != NULL && !ctl_true(row, "skipped");

    buf_printf(out, "row %llu: ", (unsigned long long)number);
    ctl_put_text(out, ctl_str(row, "id"));
    buf_putc(out, '\n');
    if (json_get(row, "raw") != NULL) {
        put_line(out, "raw", ctl_str(row, "raw"));
    }
    if (json_get(row, "error") != NULL) {
        buf_puts(out, "  ");
        ctl_put_coloured(out, colour, failed ? CTL_RED : CTL_YELLOW,
                         failed ? "can't be mapped: " : "left out: ");
        ctl_put_text(out, ctl_str(row, "error"));
        buf_putc(out, '\n');
    }
    for (const struct json *r = json_first(json_get(row, "records")); r != NULL; r = json_next(r)) {
        put_record(r, colour, out);
    }
    for (const struct json *c = json_first(json_get(row, "calls")); c != NULL; c = json_next(c)) {
        bool refused = json_get(c, "refused") != NULL;

        put_line(out, refused ? "no call" : "call", ctl_str(c, refused ? "refused" : "body"));
    }
    return !failed;
}

static int put_all(const struct json *root, bool colour, struct buf *out)
{
    int exit_code = CTL_OK;
    uint64_t n = 0;

    if (!ctl_true(root, "ok")) {
        ctl_put_coloured(out, colour, CTL_RED, "fails");
        buf_puts(out, ": ");
        ctl_put_text(out, ctl_str(root, "error"));
        buf_putc(out, '\n');
        return CTL_CRITICAL;
    }
    for (const struct json *row = json_first(json_get(root, "rows")); row != NULL;
         row = json_next(row)) {
        n++;
        exit_code = put_row(row, n, colour, out) ? exit_code : CTL_WARNING;
    }
    if (n == 0) {
        buf_puts(out,
                 ctl_true(root, "more")
                     ? "no rows so far, and there are more pages: let start_from of the flow "
                       "be later\n"
                     : "no rows: does the account see any, and is the path of the rows right?\n");
        return CTL_WARNING;
    }
    buf_printf(out, "%llu of ", (unsigned long long)n);
    ctl_put_count(out, ctl_uint(root, "listed"), "row");
    buf_puts(out, ctl_true(root, "more") ? " of the page; there are more\n" : "\n");
    return exit_code;
}

int ctl_source_try(struct ctl *c)
{
    struct ctl_body body;
    struct json *root;
    struct buf target;
    int exit_code;

    buf_init(&target, TARGET_BYTES);
    buf_puts(&target, "/v1/sources/");
    ctl_put_encoded(&target, c->args[0]);
    buf_puts(&target, ":try");
    ctl_body_begin(&body);
    ctl_body_option(&body, c, CTL_ROWS, "rows");
    exit_code = ctl_ask(c, buf_text(&target), ctl_body_end(&body), TRY_MS, &root);
    if (exit_code == CTL_OK) {
        struct buf out;

        buf_init(&out, CTL_TEXT_BYTES);
        exit_code = put_all(root, c->colour, &out);
        if (c->json) {
            buf_clear(&out); /* the answer was printed as it came; only its judgement counts */
        }
        exit_code = ctl_print(&out, exit_code);
    }
    ctl_body_free(&body);
    json_free(root);
    buf_free(&target);
    return exit_code;
}
