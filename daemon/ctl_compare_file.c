#include "daemon/ctl_compare_file.h"

#include <errno.h>
#include <search.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

#define LINE_BYTES ((size_t)16 << 20)
#define ARENA_BYTES ((size_t)1 << 30)
#define CODE_SIZE 128

enum request { REQUEST_NONE, REQUEST_DOSSIERS, REQUEST_STEPS };

static int by_code(const void *a, const void *b)
{
    return strcmp(((const struct sent_dossier *)a)->code, ((const struct sent_dossier *)b)->code);
}

/* ---- a line ---- */

/* The next line; *broken: it is longer than a request can be or holds a NUL, as files do after a
 * power cut, and is empty. ERR_NOTFOUND at the end of the file. */
static int next_line(struct sent_file *f, bool *broken)
{
    char piece[65536];
    off_t at = ftello(f->file);
    bool any = false;
    bool ended = false;

    *broken = false;
    buf_clear(&f->line);
    while (!ended && fgets(piece, sizeof(piece), f->file) != NULL) {
        off_t next = ftello(f->file); /* fgets does not tell how much it read */
        size_t n = (size_t)(next - at);

        if (next <= at || n >= sizeof(piece)) {
            return ERR_IO;
        }
        any = true;
        ended = n > 0 && piece[n - 1] == '\n';
        *broken = *broken || memchr(piece, '\0', n) != NULL;
        buf_put(&f->line, piece, n);
        at = next;
    }
    if (ferror(f->file) != 0) {
        return ERR_IO;
    }
    *broken = *broken || buf_error(&f->line) == ERR_TOOBIG;
    if (*broken) {
        buf_clear(&f->line);
    }
    return buf_error(&f->line) != 0 ? ERR_NOMEM : any ? 0 : ERR_NOTFOUND;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* Through a bridge the body is the array alone: its first object tells. */
static enum request request_of(const struct json *root, const struct json **data)
{
    char number[24];
    const char *service = json_text_or_empty(json_get_any_case(root, "service"), number);

    if (json_is_array(root)) {
        *data = root;
        return json_get_any_case(json_first(root), "ThoiDiemXuLy") != NULL    ? REQUEST_STEPS
               : json_get_any_case(json_first(root), "TrangThaiHoSo") != NULL ? REQUEST_DOSSIERS
                                                                              : REQUEST_NONE;
    }
    *data = json_get_any_case(root, "data");
    return strcmp(service, "DongBoHoSoMC") == 0          ? REQUEST_DOSSIERS
           : strcmp(service, "CapNhatTienDoHoSoMC") == 0 ? REQUEST_STEPS
                                                         : REQUEST_NONE;
}

/* ---- the index ---- */

static int dossier_of(struct sent_file *f, const char *code, struct sent_dossier **out)
{
    struct sent_dossier *d = sent_file_find(f, code);

    if (d == NULL) {
        d = arena_alloc(&f->arena, sizeof(*d));
        if (d == NULL) {
            return ERR_NOMEM;
        }
        d->code = arena_strdup(&f->arena, code);
        if (d->code == NULL || tsearch(d, &f->tree, by_code) == NULL) {
            return ERR_NOMEM;
        }
        f->dossiers++;
    }
    *out = d;
    return 0;
}

static int keep(struct sent_file *f, enum request kind, const char *code, int64_t offset,
                uint32_t index)
{
    struct sent_dossier *d = NULL;
    int err = dossier_of(f, code, &d);
    struct sent_place *place;

    if (err != 0) {
        return err;
    }
    place = kind == REQUEST_DOSSIERS && d->snapshot != NULL
                ? d->snapshot
                : arena_alloc(&f->arena, sizeof(*place));
    if (place == NULL) {
        return ERR_NOMEM;
    }
    place->offset = offset;
    place->index = index;
    if (kind == REQUEST_DOSSIERS) {
        d->snapshot = place;
        f->snapshots++;
    } else {
        place->next = d->steps;
        d->steps = place;
        f->steps++;
    }
    return 0;
}

static void unreadable(struct sent_file *f)
{
    f->unreadable++;
    f->first_unreadable = f->first_unreadable == 0 ? f->lines : f->first_unreadable;
}

static int index_data(struct sent_file *f, enum request kind, const struct json *data,
                      int64_t offset)
{
    uint32_t index = 0;
    int err = 0;

    for (const struct json *row = json_first(data); row != NULL && err == 0; row = json_next(row)) {
        char number[24];
        char code[CODE_SIZE];

        text_trim(json_text_or_empty(json_get_any_case(row, "MaHoSo"), number), code, sizeof(code));
        if (code[0] == '\0') {
            unreadable(f);
        } else {
            err = keep(f, kind, code, offset, index);
        }
        index++;
    }
    return err;
}

static int index_line(struct sent_file *f, int64_t offset)
{
    const struct json *data = NULL;
    struct json *root = NULL;
    struct errmsg ignored = {""};
    int err = json_parse(f->line.data, f->line.len, &root, &ignored);
    enum request kind;

    if (err != 0) {
        if (err != ERR_NOMEM) {
            unreadable(f);
        }
        return err == ERR_NOMEM ? err : 0;
    }
    kind = request_of(root, &data);
    if (kind == REQUEST_NONE) {
        if (json_is_object(root) && json_get_any_case(root, "service") != NULL) {
            f->others++;
        } else {
            unreadable(f);
        }
    } else if (!json_is_array(data)) {
        unreadable(f);
    } else {
        err = index_data(f, kind, data, offset);
    }
    json_free(root);
    return err;
}

static int index_all(struct sent_file *f)
{
    int err = 0;

    /* A line at a time; numbers in messages count the lines that are not empty. */
    while (err == 0) {
        int64_t offset = (int64_t)ftello(f->file);
        bool broken = false;

        err = next_line(f, &broken);
        if (err == 0 && (broken || !is_blank(buf_text(&f->line)))) {
            f->lines++;
            if (broken) {
                unreadable(f);
            } else {
                err = index_line(f, offset);
            }
        }
    }
    return err == ERR_NOTFOUND ? 0 : err;
}

int sent_file_take(struct sent_file *f, FILE *file, const char *name, struct errmsg *msg)
{
    int err;

    memset(f, 0, sizeof(*f));
    f->file = file;
    f->offset = -1;
    arena_init(&f->arena, ARENA_BYTES);
    buf_init(&f->line, LINE_BYTES);
    if (fseeko(f->file, 0, SEEK_SET) != 0) {
        return err_set(msg, ERR_IO, "%s: a file that can be read twice is needed, no pipe", name);
    }
    err = index_all(f);
    if (err == ERR_NOMEM && f->arena.full) {
        err = err_set(msg, ERR_TOOBIG, "%s: more than can be compared at once: split it by days",
                      name);
    } else if (err != 0) {
        err = err_set(msg, err, "%s: %s", name, err_text(err));
    }
    return err;
}

int sent_file_open(struct sent_file *f, const char *path, struct errmsg *msg)
{
    FILE *file = fopen(path, "re");
    int number = errno;

    memset(f, 0, sizeof(*f));
    return file != NULL ? sent_file_take(f, file, path, msg)
                        : err_set(msg, file_error(number), "%s: %s", path, strerror(number));
}

/* ---- asking ---- */

struct sent_dossier *sent_file_find(struct sent_file *f, const char *code)
{
    const struct sent_dossier key = {.code = code};
    struct sent_dossier **found = tfind(&key, &f->tree, by_code);

    return found != NULL ? *found : NULL;
}

/* The line at offset, parsed, into f->root. */
static int load_line(struct sent_file *f, int64_t offset)
{
    struct errmsg ignored = {""};
    bool broken = false;
    int err = fseeko(f->file, (off_t)offset, SEEK_SET) == 0 ? next_line(f, &broken) : ERR_IO;

    json_free(f->root);
    f->root = NULL;
    f->offset = -1;
    if (err == 0 && broken) {
        err = ERR_IO;
    }
    if (err == 0) {
        err = json_parse(f->line.data, f->line.len, &f->root, &ignored);
    }
    if (err == 0) {
        f->offset = offset;
    }
    return err == 0 || err == ERR_NOMEM ? err : ERR_IO;
}

int sent_file_read(struct sent_file *f, const struct sent_place *place, const struct json **out)
{
    const struct json *data = NULL;
    const struct json *row;
    int err = f->offset == place->offset ? 0 : load_line(f, place->offset);

    if (err != 0) {
        return err;
    }
    (void)request_of(f->root, &data);
    row = json_first(data);
    for (uint32_t i = 0; i < place->index && row != NULL; i++) {
        row = json_next(row);
    }
    *out = row;
    return row != NULL ? 0 : ERR_IO;
}

const struct json *sent_file_arrived(const struct sent_file *f)
{
    return json_get(f->root, "arrived");
}

struct visit {
    int (*visit)(void *ctx, const struct sent_dossier *d);
    void *ctx;
    int result;
};

static void visit_node(const void *node, VISIT which, void *closure)
{
    struct visit *v = closure;

    if ((which == postorder || which == leaf) && v->result == 0) {
        v->result = v->visit(v->ctx, *(struct sent_dossier *const *)node);
    }
}

int sent_file_each(struct sent_file *f, int (*visit)(void *ctx, const struct sent_dossier *d),
                   void *ctx)
{
    struct visit v = {visit, ctx, 0};

    twalk_r(f->tree, visit_node, &v);
    return v.result;
}

static void nothing(void *node)
{
    (void)node; /* it lives in the arena */
}

void sent_file_close(struct sent_file *f)
{
    if (f->file != NULL) {
        (void)fclose(f->file);
    }
    json_free(f->root);
    tdestroy(f->tree, nothing);
    buf_free(&f->line);
    arena_free(&f->arena);
    f->file = NULL;
}
