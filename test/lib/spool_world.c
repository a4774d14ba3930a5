#include "lib/spool_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/spool.h"

static struct spool_world *now; /* callbacks carry no context of ours */

/* ---- the folder ---- */

const char *spool_world_path(const struct spool_world *f, const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    return path;
}

void spool_world_drop(const struct spool_world *f, const char *name, const char *text)
{
    FILE *file = fopen(spool_world_path(f, name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

int spool_world_rename(const struct spool_world *f, const char *from, const char *to)
{
    char path[512];

    snprintf(path, sizeof(path), "%s", spool_world_path(f, from));
    return rename(path, spool_world_path(f, to));
}

bool spool_world_there(const struct spool_world *f, const char *name)
{
    return access(spool_world_path(f, name), F_OK) == 0;
}

const char *spool_world_content(const struct spool_world *f, const char *name)
{
    static char text[65536];
    FILE *file = fopen(spool_world_path(f, name), "r");
    size_t n;

    assert_non_null(file);
    n = fread(text, 1, sizeof(text) - 1, file);
    text[n] = '\0';
    fclose(file);
    return text;
}

size_t spool_world_count(const struct spool_world *f, const char *folder)
{
    DIR *dir = opendir(spool_world_path(f, folder));
    size_t n = 0;

    assert_non_null(dir);
    for (const struct dirent *item = readdir(dir); item != NULL; item = readdir(dir)) {
        n += item->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* ---- the adapter ---- */

void spool_world_on_poll(struct adapter_poll *poll)
{
    now->polled++;
    now->err = poll->err;
    now->n_rows = poll->n_rows;
    now->more = poll->more;
    for (size_t i = 0; i < poll->n_rows && i < 16; i++) {
        snprintf(now->ids[i], sizeof(now->ids[i]), "%s", poll->rows[i].id);
    }
}

void spool_world_on_detail(struct adapter_detail *detail)
{
    now->detailed++;
    now->err = detail->err;
    snprintf(now->why, sizeof(now->why), "%s", detail->why.text);
    now->n_records = detail->n_records;
    now->first[0] = '\0';
    if (detail->n_records > 0) {
        snprintf(now->first, sizeof(now->first), "%.*s", (int)detail->records[0].body_len,
                 detail->records[0].body);
    }
}

static void on_ack(struct adapter_ack *ack)
{
    now->acked++;
    now->err = ack->err;
}

static void on_send(struct adapter_send *send)
{
    (void)send;
    now->sent++;
}

static void on_row(struct adapter_list *list, const struct record *record, const char *name,
                   bool active)
{
    (void)active;
    assert_true(name[0] != '\0');
    assert_true(list->n_rows <= 16);
    snprintf(now->ids[list->n_rows - 1], sizeof(now->ids[0]), "%s|%s", record->code,
             record->local_no);
}

static void on_list(struct adapter_list *list)
{
    now->listed++;
    now->err = list->err;
    snprintf(now->why, sizeof(now->why), "%s", list->why.text);
    now->n_rows = list->n_rows;
}

static void offer(struct adapter_host *host, struct adapter_offer *o)
{
    (void)host;
    for (size_t i = 0; i < o->n_owed && now->n_owed < 16; i++) {
        snprintf(now->owed[now->n_owed++], sizeof(now->owed[0]), "%s", o->owed[i]);
    }
    o->err = now->offer_err;
    o->done(o);
}

static const struct adapter_host_ops HOST_OPS = {.offer = offer};

static int serve(void *ctx, const struct http_server_options *options, struct http_server **out,
                 struct errmsg *msg)
{
    (void)ctx;
    (void)options;
    *out = NULL;
    return err_set(msg, ERR_UNSUPPORTED, "not here");
}

int spool_world_open(struct spool_world *f, const char *format)
{
    struct errmsg msg = {""};

    f->config.sources[0].format = format;
    return spool_open(&f->env, &f->config.sources[0], &f->a, &msg);
}

int spool_world_setup(void **state)
{
    struct spool_world *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    fake_loop_init(&f->loop);
    snprintf(f->dir, sizeof(f->dir), "/tmp/test_spool.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->config.sources[0] = (struct config_source){.name = "folder",
                                                  .profile = "spool",
                                                  .dir = f->dir,
                                                  .preset = "",
                                                  .page_size = 200,
                                                  .reply_limit_bytes = 1 << 20};
    f->config.n_sources = 1;
    f->config.portal = (struct config_portal){
        .transport = "direct", .agency_code = "", .fields = "G3", .result_code_key = "MaKetQua"};
    f->env = (struct adapter_env){.loop = &f->loop.loop, .config = &f->config, .serve = serve};
    f->host.ops = &HOST_OPS;
    now = f;
    *state = f;
    assert_int_equal(spool_world_open(f, "json"), 0);
    return 0;
}

int spool_world_teardown(void **state)
{
    struct spool_world *f = *state;

    fake_loop_settle(&f->loop);
    if (f->a != NULL) {
        f->a->ops->free(f->a);
    }
    nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

void spool_world_poll(struct spool_world *f)
{
    static struct adapter_poll p;
    int before = f->polled;

    p = (struct adapter_poll){.cursor = "", .done = spool_world_on_poll};
    f->a->ops->poll(f->a, &p);
    assert_int_equal(f->polled, before);
    fake_loop_advance(&f->loop, 1000); /* both looks */
    assert_int_equal(f->polled, before + 1);
}

void spool_world_detail(struct spool_world *f, const char *id)
{
    static struct adapter_detail d;
    int before = f->detailed;

    d = (struct adapter_detail){.kind = RECORD_DOSSIER, .id = id, .done = spool_world_on_detail};
    f->a->ops->detail(f->a, &d);
    assert_int_equal(f->detailed, before);
    fake_loop_settle(&f->loop);
    assert_int_equal(f->detailed, before + 1);
}

void spool_world_ack(struct spool_world *f, const char *id)
{
    static struct adapter_ack k;
    const char *ids[] = {id};
    int before = f->acked;

    k = (struct adapter_ack){.ids = ids, .n_ids = 1, .done = on_ack};
    f->a->ops->ack(f->a, &k);
    fake_loop_settle(&f->loop);
    assert_int_equal(f->acked, before + 1);
}

void spool_world_send(struct spool_world *f, struct adapter_send *s, const struct record *record)
{
    int before = f->sent;

    s->code = record->code;
    s->kind = record->kind;
    s->records = record;
    s->n_records = 1;
    s->done = on_send;
    f->a->ops->send(f->a, s);
    assert_int_equal(f->sent, before);
    fake_loop_settle(&f->loop);
    assert_int_equal(f->sent, before + 1);
}

void spool_world_list(struct spool_world *f)
{
    static struct adapter_list l;
    int before = f->listed;

    l = (struct adapter_list){.kind = RECORD_PROCEDURE, .row = on_row, .done = on_list};
    f->a->ops->list(f->a, &l);
    fake_loop_settle(&f->loop);
    assert_int_equal(f->listed, before + 1);
}
