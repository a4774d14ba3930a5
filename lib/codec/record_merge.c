#include "codec/record_merge.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "codec/record.h"
#include "codec/record_fields.h"

/* Parts by index, in the two orders that the rules know. */
struct merge {
    const struct record_part *parts; /* borrowed */
    size_t n;
    struct dossier said[RECORD_PARTS_MAX];
    size_t latest[RECORD_PARTS_MAX];  /* by time, then rank */
    size_t highest[RECORD_PARTS_MAX]; /* by rank, then time */
    struct arena *arena;              /* borrowed */
    struct errmsg *msg;
};

/* ---- orders ---- */

static bool is_later(const struct record_part *a, const struct record_part *b)
{
    return a->at_s != b->at_s ? a->at_s > b->at_s : a->rank > b->rank;
}

static bool is_higher(const struct record_part *a, const struct record_part *b)
{
    return a->rank != b->rank ? a->rank > b->rank : a->at_s > b->at_s;
}

/* Those that are equal keep the caller's order. */
static void put_in_order(const struct merge *m, size_t *order,
                         bool (*before)(const struct record_part *, const struct record_part *))
{
    for (size_t i = 0; i < m->n; i++) {
        size_t at = i;

        while (at > 0 && before(&m->parts[i], &m->parts[order[at - 1]])) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
}

/* ---- texts, times, flags ---- */

static void *member(struct dossier *d, size_t offset)
{
    return (char *)d + offset;
}

static const void *member_of(const struct dossier *d, size_t offset)
{
    return (const char *)d + offset;
}

static const char *text_of(const struct dossier *d, size_t offset)
{
    return *(const char *const *)member_of(d, offset);
}

static void set_text(struct dossier *d, size_t offset, const char *text)
{
    *(const char **)member(d, offset) = text;
}

/* Takes the field over when this part knows it. */
static bool take_field(const struct record_field *f, const struct dossier *from, struct dossier *to)
{
    const void *value = member_of(from, f->offset);

    switch (f->type) {
    case FIELD_TEXT:
    case FIELD_ADDRESS:
        set_text(to, f->offset, text_of(from, f->offset));
        return *text_of(from, f->offset) != '\0';
    case FIELD_TIME:
    case FIELD_SNAPSHOT:
        *(int64_t *)member(to, f->offset) = *(const int64_t *)value;
        return *(const int64_t *)value != 0;
    case FIELD_FLAG:
        *(int *)member(to, f->offset) = *(const int *)value;
        return *(const int *)value != TRI_UNKNOWN;
    case FIELD_NOTE:  /* of one source alone */
    case FIELD_COUNT: /* a dossier has none of these two */
    case FIELD_BOOL:
    case FIELD_FILES:
        break;
    }
    return true; /* merged by rules of their own */
}

static void merge_fields(const struct merge *m, struct dossier *out)
{
    for (size_t i = 0; i < record_dossier_fields.n; i++) {
        size_t at = 0;

        while (at < m->n &&
               !take_field(&record_dossier_fields.all[i], &m->said[m->latest[at]], out)) {
            at++;
        }
    }
    for (size_t i = 0; i < m->n; i++) {
        int64_t said_s = m->said[i].changed_s;

        if (said_s != 0 && (said_s > out->changed_s || out->changed_s == 0)) {
            out->changed_s = said_s;
        }
    }
}

/* A raw status is read with the map of who said it. */
static void merge_status(const struct merge *m, struct dossier *out)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct dossier *d = &m->said[m->latest[i]];

        if (*d->status != '\0' || *d->substatus != '\0' || *d->status_name != '\0') {
            out->status = d->status;
            out->substatus = d->substatus;
            out->status_name = d->status_name;
            out->status_map = d->status_map;
            return;
        }
    }
}

/* The name of another code would be a lie. */
static void merge_pair(const struct merge *m, size_t code, size_t name, struct dossier *out)
{
    const struct dossier *giver = NULL;

    for (size_t i = 0; i < m->n && giver == NULL; i++) {
        const struct dossier *d = &m->said[m->latest[i]];

        giver = *text_of(d, code) != '\0' ? d : NULL;
    }
    if (giver == NULL) {
        return; /* nobody has a code: the first name stays */
    }
    set_text(out, name, text_of(giver, name));
    for (size_t i = 0; i < m->n && *text_of(out, name) == '\0'; i++) {
        const struct dossier *d = &m->said[m->latest[i]];

        if (*text_of(d, code) == '\0' || strcmp(text_of(d, code), text_of(giver, code)) == 0) {
            set_text(out, name, text_of(d, name));
        }
    }
}

static void merge_pairs(const struct merge *m, struct dossier *out)
{
    static const size_t pairs[][2] = {
        {offsetof(struct dossier, procedure_code), offsetof(struct dossier, procedure_name)},
        {offsetof(struct dossier, sector_code), offsetof(struct dossier, sector_name)},
        {offsetof(struct dossier, agency_code), offsetof(struct dossier, agency_name)},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        merge_pair(m, pairs[i][0], pairs[i][1], out);
    }
}

/* ---- files ---- */

struct file_union {
    struct dossier_file *files;
    size_t *taken; /* part that an entry was last compared away to, from 1 */
    size_t n;
};

static bool same_text(const char *a, const char *b)
{
    return *a != '\0' && strcmp(a, b) == 0;
}

static bool same_id(const struct dossier_file *a, const struct dossier_file *b)
{
    return same_text(a->id, b->id);
}

static bool same_url(const struct dossier_file *a, const struct dossier_file *b)
{
    return same_text(a->url, b->url);
}

static bool same_path(const struct dossier_file *a, const struct dossier_file *b)
{
    size_t n = strcspn(a->url, "?");

    return n > 0 && n == strcspn(b->url, "?") && memcmp(a->url, b->url, n) == 0;
}

static bool same_name(const struct dossier_file *a, const struct dossier_file *b)
{
    return same_text(a->name, b->name) && strcmp(a->component, b->component) == 0;
}

static void fill_file(struct dossier_file *to, const struct dossier_file *from)
{
    for (size_t i = 0; i < record_file_fields.n; i++) {
        size_t offset = record_file_fields.all[i].offset;
        const char **text = (const char **)(void *)((char *)to + offset);

        if (**text == '\0') {
            *text = *(const char *const *)(const void *)((const char *)from + offset);
        }
    }
}

/* The surest likeness first for all files of the part, so that a weak one never takes another
 * file's place. */
static void add_files(struct file_union *u, const struct dossier_file *files, size_t n, size_t part)
{
    static bool (*const likeness[])(const struct dossier_file *, const struct dossier_file *) = {
        same_id, same_url, same_path, same_name};
    bool placed[DOSSIER_MAX_FILES] = {false};
    size_t before = u->n;

    for (size_t rule = 0; rule < sizeof(likeness) / sizeof(likeness[0]); rule++) {
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < before && !placed[i]; k++) {
                if (u->taken[k] != part && likeness[rule](&files[i], &u->files[k])) {
                    fill_file(&u->files[k], &files[i]);
                    u->taken[k] = part;
                    placed[i] = true;
                }
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!placed[i]) {
            u->files[u->n++] = files[i];
        }
    }
}

static int merge_files(const struct merge *m, size_t files_at, size_t n_at, struct dossier *out)
{
    struct file_union u = {NULL, NULL, 0};
    size_t most = 0;

    for (size_t i = 0; i < m->n; i++) {
        most += *(const size_t *)member_of(&m->said[i], n_at);
    }
    if (most == 0) {
        return 0;
    }
    u.files = arena_alloc(m->arena, most * sizeof(*u.files));
    u.taken = arena_alloc(m->arena, most * sizeof(*u.taken));
    if (u.files == NULL || u.taken == NULL) {
        return record_no_memory(m->msg);
    }
    for (size_t i = 0; i < m->n; i++) {
        const struct dossier *d = &m->said[m->highest[i]];

        add_files(&u, *(const struct dossier_file *const *)member_of(d, files_at),
                  *(const size_t *)member_of(d, n_at), i + 1);
    }
    *(const struct dossier_file **)member(out, files_at) = u.files;
    *(size_t *)member(out, n_at) = u.n;
    return 0;
}

/* ---- extra ---- */

/* One member of a part's extra: its value as it stood there. */
struct extra_member {
    const char *key; /* borrowed from the tree */
    const char *value;
    size_t len;
    bool empty;
    size_t order; /* of the part */
};

/* The end of the value that begins here, in text that was found to be JSON. */
static const char *value_end(const char *at)
{
    int depth = 0;
    bool quoted = false;

    for (;; at++) {
        if (quoted && *at == '\\') {
            at++; /* whatever it is, it ends no string */
        } else if (quoted) {
            quoted = *at != '"';
        } else if (*at == '"') {
            quoted = true;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if (depth == 0 && strchr(":,}] \t\r\n", *at) != NULL) {
            return at;
        } else if (*at == '}' || *at == ']') {
            depth--;
        }
    }
}

static const char *past_space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Values are cut out of the text, not written anew: a number stays as its source wrote it. */
static void read_members(const struct json *root, const char *text, size_t order,
                         struct extra_member *out)
{
    const char *at = strchr(text, '{');

    for (const struct json *node = json_first(root); node != NULL; node = json_next(node)) {
        char unused[24];

        at = past_space(value_end(past_space(at + 1))); /* the key, up to its colon */
        out->key = json_key(node);
        out->value = past_space(at + 1);
        at = value_end(out->value);
        out->len = (size_t)(at - out->value);
        out->empty =
            json_is_null(node) || (json_is_string(node) && *json_text(node, unused) == '\0');
        out->order = order;
        at = past_space(at);
        out++;
    }
}

static int by_key_then_order(const void *left, const void *right)
{
    const struct extra_member *a = left;
    const struct extra_member *b = right;
    int difference = strcmp(a->key, b->key);

    if (difference != 0) {
        return difference;
    }
    if (a->empty != b->empty) {
        return a->empty ? 1 : -1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

static int write_members(const struct merge *m, const struct extra_member *all, size_t n,
                         struct dossier *out)
{
    struct json_writer w;
    struct buf text;
    int rc;

    buf_init(&text, RECORD_BODY_MAX);
    json_write_begin(&w, &text);
    json_object_open(&w, NULL);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(all[i].key, all[i - 1].key) != 0) {
            json_raw(&w, all[i].key, all[i].value, all[i].len);
        }
    }
    json_object_close(&w);
    rc = buf_error(&text);
    if (rc == 0) {
        out->extra = arena_strdup(m->arena, buf_text(&text));
    }
    buf_free(&text);
    if (rc < 0) {
        return record_field_error(m->msg, rc, "extra", err_text(rc));
    }
    return out->extra != NULL ? 0 : record_no_memory(m->msg);
}

/* Roots of those that have one, in order of time; the caller frees them. */
static int parse_extras(const struct merge *m, struct json **roots, size_t *n_members)
{
    for (size_t i = 0; i < m->n; i++) {
        const char *text = m->said[m->latest[i]].extra;
        int rc = *text != '\0' ? json_parse(text, strlen(text), &roots[i], m->msg) : 0;

        if (rc < 0) {
            return err_wrap(m->msg, rc, "extra");
        }
        if (roots[i] != NULL && !json_is_object(roots[i])) {
            return record_field_error(m->msg, ERR_FORMAT, "extra", "not a JSON object");
        }
        *n_members += json_size(roots[i]);
    }
    return 0;
}

static int merge_extra(const struct merge *m, struct dossier *out)
{
    struct json *roots[RECORD_PARTS_MAX] = {NULL};
    struct extra_member *all = NULL;
    size_t n_members = 0;
    size_t with = 0;
    size_t n = 0;
    int rc;

    for (size_t i = 0; i < m->n; i++) {
        with += *m->said[i].extra != '\0';
    }
    if (with < 2) {
        return 0; /* the only one is there already */
    }
    rc = parse_extras(m, roots, &n_members);
    if (rc == 0) {
        all = calloc(n_members + 1, sizeof(*all));
        rc = all != NULL ? 0 : record_no_memory(m->msg);
    }
    for (size_t i = 0; i < m->n && rc == 0; i++) {
        if (roots[i] != NULL) {
            read_members(roots[i], m->said[m->latest[i]].extra, i, &all[n]);
            n += json_size(roots[i]);
        }
    }
    if (rc == 0) {
        qsort(all, n, sizeof(*all), by_key_then_order);
        rc = write_members(m, all, n, out);
    }
    free(all);
    for (size_t i = 0; i < m->n; i++) {
        json_free(roots[i]);
    }
    return rc;
}

/* ---- all ---- */

static int read_parts(struct merge *m)
{
    for (size_t i = 0; i < m->n; i++) {
        int rc =
            record_to_dossier(m->parts[i].body, m->parts[i].len, m->arena, &m->said[i], m->msg);

        if (rc < 0) {
            return err_wrap(m->msg, rc, "part %zu", i + 1);
        }
        if (strcmp(m->said[i].code, m->said[0].code) != 0) {
            return err_set(m->msg, ERR_INVAL, "parts of different dossiers");
        }
    }
    return 0;
}

int record_merge(const struct record_part *parts, size_t n, struct arena *a, struct record *out,
                 struct errmsg *msg)
{
    struct merge *m;
    struct dossier merged;
    int rc;

    if (n == 0 || n > RECORD_PARTS_MAX) {
        return err_set(msg, ERR_INVAL, "%zu parts: 1 to %d can be merged", n, RECORD_PARTS_MAX);
    }
    m = arena_alloc(a, sizeof(*m));
    if (m == NULL) {
        return record_no_memory(msg);
    }
    *m = (struct merge){.parts = parts, .n = n, .arena = a, .msg = msg};
    rc = read_parts(m);
    if (rc < 0) {
        return rc;
    }
    put_in_order(m, m->latest, is_later);
    put_in_order(m, m->highest, is_higher);
    dossier_init(&merged);
    merge_fields(m, &merged);
    merge_status(m, &merged);
    merge_pairs(m, &merged);
    rc = merge_extra(m, &merged);
    if (rc == 0) {
        rc = merge_files(m, offsetof(struct dossier, files), offsetof(struct dossier, n_files),
                         &merged);
    }
    if (rc == 0) {
        rc = merge_files(m, offsetof(struct dossier, results), offsetof(struct dossier, n_results),
                         &merged);
    }
    return rc == 0 ? record_from_dossier(&merged, a, out, msg) : rc;
}
