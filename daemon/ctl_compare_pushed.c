/* ctl_compare_pushed: what the old connector pushed at a gateway, read from the journal and put
 * into a file in memory as if it had been captured: built as it went on, for a person to read, and
 * beside it the digests of what came, which it is judged by. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapter/portal_wire.h"
#include "daemon/ctl_compare.h"

#define PUSHED_BYTES INT64_C(1073741824)
#define LINE_BYTES ((size_t)8 << 20)

struct pushed {
    struct compare *compare;
    FILE *file;
    uint64_t unbuilt; /* held, or the content is not kept any more */
};

bool compare_is_pushed(const struct config *config, const struct config_flow *flow)
{
    const struct config_source *source = config_source_find(config, flow->from);

    return flow->kind == FLOW_DOSSIERS && strcmp(flow->to, config->portal.name) == 0 &&
           flow->also_from.n == 0 && source != NULL && strcmp(source->profile, "gateway") == 0;
}

/* A body on one line. An answer, which is no progress, has no list and stays as it is. */
static int put_line(struct pushed *p, enum record_kind kind, const struct buf *body,
                    const struct dossiers_item *item)
{
    struct errmsg ignored = {""}; /* of a damaged record, which is only counted */
    struct json *record = NULL;
    struct json *root = NULL;
    struct json_writer w;
    struct buf line;
    int err = json_parse(body->data, body->len, &root, &ignored);
    const struct json *data = json_is_array(root) ? root : json_get(root, "data");
    const char *arrived;
    char number[24];

    buf_init(&line, LINE_BYTES);
    err = err == 0 ? json_parse(item->body, item->body_len, &record, &ignored) : err;
    arrived = json_text_or_empty(json_get(record, "arrived"), number);
    if (err == 0 && json_is_array(data)) {
        json_write_begin(&w, &line);
        json_object_open(&w, NULL);
        json_string(&w, "service", kind == RECORD_DOSSIER ? "DongBoHoSoMC" : "CapNhatTienDoHoSoMC");
        json_node(&w, "data", data);
        if (arrived[0] != '\0') {
            json_raw(&w, "arrived", arrived, strlen(arrived));
        }
        json_object_close(&w);
    } else if (err == 0) {
        buf_put(&line, body->data, body->len);
    }
    err = err == 0 ? buf_error(&line) : err;
    if (err == 0) {
        (void)fwrite(line.data, 1, line.len, p->file); /* checked below */
        (void)fputc('\n', p->file);
    }
    json_free(record);
    json_free(root);
    buf_free(&line);
    if (err == ERR_FORMAT) {
        return ERR_INVAL; /* damaged: journal check tells of it */
    }
    return err != 0 ? compare_fail(p->compare, err, "what was pushed") : 0;
}

static int put(struct pushed *p, enum record_kind kind, const char *code,
               const struct dossiers_item *item)
{
    struct adapter_check verdict = {.record = NULL};
    struct buf body;
    int err = ERR_INVAL;

    buf_init(&body, PORTAL_BODY_MAX);
    if (item->body != NULL) {
        err = compare_build(p->compare, kind, code, item, &body, &verdict);
    }
    if (err == 0) {
        err = put_line(p, kind, &body, item);
    }
    if (err == ERR_INVAL) {
        p->unbuilt++;
        err = 0;
    }
    buf_free(&body);
    if (err == 0 && ferror(p->file) != 0) {
        err = err_set(&p->compare->msg, ERR_NOMEM, "what was pushed: %s", err_text(ERR_NOMEM));
    } else if (err == 0 && ftello(p->file) > PUSHED_BYTES) {
        err = err_set(&p->compare->msg, ERR_TOOBIG, "more was pushed than can be compared at once");
    }
    return err;
}

static int on_row(void *ctx, const struct dossiers_row *r)
{
    struct pushed *p = ctx;
    const struct config_flow *flow = config_flow_find(p->compare->config, r->flow);
    int err;

    if (flow == NULL || !compare_is_pushed(p->compare->config, flow)) {
        return 0;
    }
    err = put(p, RECORD_DOSSIER, r->code, &r->snapshot);
    for (size_t i = 0; i < r->n_steps && err == 0; i++) {
        err = put(p, RECORD_STEP, r->code, &r->steps[i]);
    }
    return err;
}

int compare_open_pushed(struct compare *c, const char *journal)
{
    int fd = memfd_create("pushed", MFD_CLOEXEC);
    struct pushed p = {.compare = c, .file = fd >= 0 ? fdopen(fd, "w+") : NULL};
    int err;

    if (p.file == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return err_set(&c->msg, ERR_NOMEM, "what was pushed: %s", err_text(ERR_NOMEM));
    }
    err = dossiers_read(journal, on_row, &p, &c->msg);
    if (err == 0 && fflush(p.file) != 0) {
        err = err_set(&c->msg, ERR_NOMEM, "what was pushed: %s", err_text(ERR_NOMEM));
    }
    if (err != 0) {
        (void)fclose(p.file);
        return err;
    }
    err = sent_file_take(&c->old, p.file, "what was pushed", &c->msg);
    c->old.unreadable += p.unbuilt;
    return err;
}
