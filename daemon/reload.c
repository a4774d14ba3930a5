#include "reload.h"

#include <stdlib.h>

static void read_files(struct loop_work *work)
{
    struct reload *r = CONTAINER_OF(work, struct reload, work);

    r->err = config_load(r->path, &r->config, r->faults);
}

/* What is wrong, at most as many texts as a load keeps. */
static size_t list_errors(const struct reload *r, const char *errors[CONFIG_MAX_FAULTS])
{
    size_t n = 0;

    if (r->err == 0) {
        return 0;
    }
    if (r->why.text[0] != '\0') {
        errors[0] = r->why.text;
        return 1;
    }
    while (n < r->faults->n && n < CONFIG_MAX_FAULTS) {
        errors[n] = r->faults->texts[n];
        n++;
    }
    if (n == 0) {
        errors[0] = err_text(r->err);
        n = 1;
    }
    return n;
}

static void on_read(struct loop_work *work)
{
    struct reload *r = CONTAINER_OF(work, struct reload, work);
    const char *errors[CONFIG_MAX_FAULTS];

    if (r->err == 0) {
        r->err = r->take(r->ctx, r->config, &r->why);
        if (r->err != 0) {
            if (r->why.text[0] == '\0') {
                err_set(&r->why, r->err, "%s", err_text(r->err));
            }
            config_free(r->config);
        }
    }
    r->config = NULL;
    r->ended(r->ctx, errors, list_errors(r, errors));
    free(r->faults);
    r->faults = NULL;
    r->running = false;
}

int reload_start(struct reload *r, struct loop *loop, const char *path)
{
    if (r->running) {
        return ERR_BUSY;
    }
    r->faults = calloc(1, sizeof(*r->faults));
    if (r->faults == NULL) {
        return ERR_NOMEM;
    }
    r->path = path;
    r->config = NULL;
    r->why.text[0] = '\0';
    r->work.run = read_files;
    r->work.done = on_read;
    r->running = loop_work_start(loop, &r->work);
    if (!r->running) {
        free(r->faults);
        r->faults = NULL;
        return ERR_NOMEM;
    }
    return 0;
}
