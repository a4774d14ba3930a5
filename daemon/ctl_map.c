/* ctl_map: `map check`: which local codes the journal meets, what the maps make of them, and what
 * other maps would. Needs no daemon. */
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codec/record.h"
#include "daemon/ctl.h"
#include "daemon/ctl_text.h"
#include "domain/codes.h"
#include "journal/survey.h"

#define CODES_MAX ((size_t)100000) /* distinct, of all kinds */
#define ARENA_BYTES ((size_t)64 << 20)
#define RECORD_BYTES ((size_t)8 << 20)
#define RESULT_BYTES 96
#define DIVIDED_SHOWN 6

/* One local code and what the maps make of it. Different times may give different results: then
 * there are several of one code. */
struct seen {
    const char *key; /* kind, code and results: the identity */
    enum map_kind kind;
    const char *code;    /* for a person */
    const char *now;     /* national; "" none */
    const char *then;    /* by the other map; equal to now where there is none */
    const char *divided; /* the units that a divided one went into; "" none */
    uint64_t records, open, held;
};

struct map_check {
    const struct config *config;
    struct map *other[3]; /* by enum map_kind; NULL: none was named */
    bool mirrored;        /* the catalogue's agencies are known */
    struct arena arena;
    void *tree;     /* of struct seen, by key (tsearch) */
    void *agencies; /* normal forms that the catalogue has (tsearch) */
    struct seen **all;
    size_t n;
    uint64_t records;
    int64_t now_s;
    struct errmsg msg;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct seen *)a)->key, ((const struct seen *)b)->key);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int fail(struct map_check *m, int err)
{
    return err_set(&m->msg, err, "%s", err_text(err));
}

/* ---- gathering ---- */

/* The row of a code, made when it is new. NULL without memory or room. */
static struct seen *seen_get(struct map_check *m, enum map_kind kind, const char *code,
                             const char *now, const char *then, const char *divided)
{
    char key[1024];
    struct seen *s = arena_alloc(&m->arena, sizeof(*s));
    struct seen **found;

    (void)snprintf(key, sizeof(key), "%d\x1f%s\x1f%s\x1f%s", (int)kind, code, now, then);
    if (s == NULL) {
        return NULL;
    }
    memset(s, 0, sizeof(*s));
    s->key = key;
    found = tfind(s, &m->tree, by_key);
    if (found != NULL) {
        return *found;
    }
    s->key = arena_strdup(&m->arena, key);
    s->kind = kind;
    s->code = arena_strdup(&m->arena, code);
    s->now = arena_strdup(&m->arena, now);
    s->then = arena_strdup(&m->arena, then);
    s->divided = arena_strdup(&m->arena, divided);
    if (s->key == NULL || s->code == NULL || s->now == NULL || s->then == NULL ||
        s->divided == NULL || m->n == CODES_MAX || tsearch(s, &m->tree, by_key) == NULL) {
        return NULL;
    }
    m->all[m->n++] = s;
    return s;
}

static int add(struct map_check *m, const struct survey_item *item, enum map_kind kind,
               const char *code, const char *now, const char *then, const char *divided)
{
    struct seen *s = seen_get(m, kind, code, now, then, divided);

    if (s == NULL) {
        return fail(m, m->n == CODES_MAX ? ERR_TOOBIG : ERR_NOMEM);
    }
    s->records++;
    s->open += item_open(item->state);
    s->held += item->state == ITEM_HELD;
    return 0;
}

static int add_status(struct map_check *m, const struct survey_item *item, const char *which,
                      const char *status, const char *substatus, const char *name, int64_t at_s)
{
    const struct map *used;
    char code[600];
    char now[8] = "";
    char then[8] = "";
    int national = config_map_status(m->config, which, status, substatus, name, at_s, &used);
    bool other = m->other[MAP_STATUS] != NULL && used == m->config->status_map &&
                 strcmp(which, "national") != 0;
    int changed =
        other ? map_status(m->other[MAP_STATUS], status, substatus, name, at_s) : national;

    (void)snprintf(code, sizeof(code), "%.180s%s%.180s%s%.180s%s%.32s", status,
                   substatus[0] != '\0' ? " / " : "", substatus, name[0] != '\0' ? " / " : "", name,
                   which[0] != '\0' ? " of " : "", which);
    if (national != 0) {
        (void)snprintf(now, sizeof(now), "%d", national);
    }
    if (changed != 0) {
        (void)snprintf(then, sizeof(then), "%d", changed);
    }
    return add(m, item, MAP_STATUS, code, now, then, "");
}

static const char *procedure_by(const struct map *map, const char *raw, int64_t at_s,
                                char text[CODE_MAX])
{
    const char *code = map != NULL ? map_code(map, raw, at_s) : NULL;

    if (code == NULL) {
        code = code_procedure_national(raw, text) == 0 ? text : "";
    }
    return code;
}

static int add_procedure(struct map_check *m, const struct survey_item *item, const char *raw,
                         int64_t at_s)
{
    char now[CODE_MAX];
    char then[CODE_MAX];
    const struct map *other = m->other[MAP_PROCEDURE];

    return add(m, item, MAP_PROCEDURE, raw, procedure_by(m->config->procedure_map, raw, at_s, now),
               procedure_by(other != NULL ? other : m->config->procedure_map, raw, at_s, then), "");
}

/* The code that an agency map leads to, or the agency's own where the catalogue knows it. */
static const char *agency_by(struct map_check *m, const struct map *map, const char *raw,
                             int64_t at_s, char divided[RESULT_BYTES])
{
    const char *parts[DIVIDED_SHOWN];
    const char *code = map != NULL ? map_code(map, raw, at_s) : NULL;
    char normal[CODE_MAX];
    size_t n;

    divided[0] = '\0';
    if (code != NULL) {
        return code;
    }
    n = map != NULL ? map_divided(map, raw, at_s, parts, DIVIDED_SHOWN) : 0;
    for (size_t i = 0, at = 0; i < n && i < DIVIDED_SHOWN && at < RESULT_BYTES; i++) {
        at +=
            (size_t)snprintf(divided + at, RESULT_BYTES - at, "%s%s", i > 0 ? ", " : "", parts[i]);
    }
    if (n > 0) {
        return "";
    }
    return code_agency_normal(raw, normal) == 0 && tfind(normal, &m->agencies, by_text) != NULL
               ? raw
               : "";
}

static int add_agency(struct map_check *m, const struct survey_item *item, const char *raw,
                      int64_t at_s)
{
    char divided[RESULT_BYTES];
    char unused[RESULT_BYTES];
    const struct map *other = m->other[MAP_AGENCY];
    const char *then =
        agency_by(m, other != NULL ? other : m->config->agency_map, raw, at_s, unused);
    const char *now = agency_by(m, m->config->agency_map, raw, at_s, divided);

    return add(m, item, MAP_AGENCY, raw, now, then, divided);
}

static int add_dossier(struct map_check *m, const struct survey_item *item, struct arena *arena)
{
    struct dossier d;
    int err = record_to_dossier(item->body, item->body_len, arena, &d, &m->msg);
    int64_t at_s;

    if (err != 0) {
        return err;
    }
    at_s = d.changed_s != 0 ? d.changed_s : m->now_s;
    err = add_status(m, item, d.status_map, d.status, d.substatus, d.status_name, at_s);
    err = err == 0 ? add_procedure(m, item, d.procedure_code, at_s) : err;
    return err == 0 && d.agency_code[0] != '\0' ? add_agency(m, item, d.agency_code, at_s) : err;
}

static int add_step(struct map_check *m, const struct survey_item *item, struct arena *arena)
{
    struct step s;
    int err = record_to_step(item->body, item->body_len, arena, &s, &m->msg);

    return err == 0 ? add_status(m, item, s.status_map, s.status, s.substatus, s.status_name,
                                 s.at_s != 0 ? s.at_s : m->now_s)
                    : err;
}

static int on_item(void *ctx, const struct survey_item *item)
{
    struct map_check *m = ctx;
    const struct config_flow *flow = config_flow_find(m->config, item->flow);
    struct arena arena;
    int err;

    if (flow == NULL || flow->kind != FLOW_DOSSIERS) {
        return 0;
    }
    arena_init(&arena, RECORD_BYTES);
    m->records++;
    err = item->kind == ITEM_STEP ? add_step(m, item, &arena) : add_dossier(m, item, &arena);
    arena_free(&arena);
    if (err == ERR_FORMAT) {
        err = 0; /* journal check tells of damage */
    }
    return err;
}

static int on_agency(void *ctx, const char *code, const char *name)
{
    struct map_check *m = ctx;
    char normal[CODE_MAX];
    char *kept;

    (void)name;
    if (code_agency_normal(code, normal) != 0) {
        return 0;
    }
    m->mirrored = true;
    kept = arena_strdup(&m->arena, normal);
    return kept != NULL && tsearch(kept, &m->agencies, by_text) != NULL ? 0 : fail(m, ERR_NOMEM);
}

/* ---- showing ---- */

static const char *const kind_words[] = {
    [MAP_STATUS] = "statuses", [MAP_PROCEDURE] = "procedure codes", [MAP_AGENCY] = "agencies"};

static bool missing(const struct map_check *m, const struct seen *s)
{
    /* Without rows and without the catalogue nothing can be said of agencies. */
    return s->now[0] == '\0' &&
           (s->kind != MAP_AGENCY || m->mirrored ||
            (m->config->agency_map != NULL && map_rows(m->config->agency_map) > 0));
}

static bool changes(const struct seen *s)
{
    return strcmp(s->now, s->then) != 0;
}

static int by_weight(const void *a, const void *b)
{
    const struct seen *x = *(struct seen *const *)a;
    const struct seen *y = *(struct seen *const *)b;

    if (x->kind != y->kind) {
        return (int)x->kind - (int)y->kind;
    }
    return x->records != y->records ? (x->records < y->records) - (x->records > y->records)
                                    : strcmp(x->code, y->code);
}

static void put_line(struct buf *out, const struct seen *s, const char *what)
{
    buf_puts(out, "  ");
    ctl_put_text(out, s->code[0] != '\0' ? s->code : "(empty)");
    buf_printf(out, "  %s  ", what);
    ctl_put_count(out, s->records, "record");
    buf_printf(out, ", %" PRIu64 " open, %" PRIu64 " held\n", s->open, s->held);
}

static void put_kind(const struct map_check *m, enum map_kind kind, struct buf *out)
{
    uint64_t n = 0;
    uint64_t without = 0;
    uint64_t divided = 0;

    for (size_t i = 0; i < m->n; i++) {
        const struct seen *s = m->all[i];

        if (s->kind == kind) {
            n++;
            divided += s->divided[0] != '\0';
            without += missing(m, s) && s->divided[0] == '\0';
        }
    }
    buf_printf(out, "%s: %" PRIu64 " in the journal, %" PRIu64 " without a mapping",
               kind_words[kind], n, without);
    if (kind == MAP_AGENCY) {
        buf_printf(out, ", %" PRIu64 " divided", divided);
    }
    buf_putc(out, '\n');
    for (size_t i = 0; i < m->n; i++) {
        const struct seen *s = m->all[i];
        char what[RESULT_BYTES + 64];

        if (s->kind == kind && missing(m, s)) {
            (void)snprintf(what, sizeof(what), "%s%s%s",
                           s->divided[0] != '\0' ? "divided into " : "no row", s->divided,
                           s->divided[0] != '\0' ? ": a person decides" : "");
            put_line(out, s, what);
        }
    }
}

static void put_changes(const struct map_check *m, struct buf *out)
{
    uint64_t n = 0;

    buf_puts(out, "with the maps that were named:\n");
    for (size_t i = 0; i < m->n; i++) {
        const struct seen *s = m->all[i];
        char what[2 * RESULT_BYTES + 32];

        if (changes(s)) {
            n++;
            (void)snprintf(what, sizeof(what), "%.90s -> %.90s",
                           s->now[0] != '\0'       ? s->now
                           : s->divided[0] != '\0' ? "divided"
                                                   : "nothing",
                           s->then[0] != '\0' ? s->then : "nothing");
            put_line(out, s, what);
        }
    }
    if (n == 0) {
        buf_puts(out, "  nothing changes\n");
    }
}

static void put_json(const struct map_check *m, struct buf *out)
{
    struct json_writer w;

    json_write_begin(&w, out);
    json_object_open(&w, NULL);
    json_integer_out(&w, "schema", 1);
    json_integer_out(&w, "records", (int64_t)m->records);
    json_array_open(&w, "codes");
    for (size_t i = 0; i < m->n; i++) {
        const struct seen *s = m->all[i];

        json_object_open(&w, NULL);
        json_string(&w, "kind", kind_words[s->kind]);
        json_string(&w, "code", s->code);
        json_string(&w, "national", s->now);
        json_string(&w, "then", s->then);
        json_string(&w, "divided", s->divided);
        json_bool(&w, "missing", missing(m, s));
        json_integer_out(&w, "records", (int64_t)s->records);
        json_integer_out(&w, "open", (int64_t)s->open);
        json_integer_out(&w, "held", (int64_t)s->held);
        json_object_close(&w);
    }
    json_array_close(&w);
    json_object_close(&w);
    buf_putc(out, '\n');
}

static int show(struct ctl *c, struct map_check *m)
{
    bool named = false;
    bool any_missing = false;
    struct buf out;

    buf_init(&out, CTL_TEXT_BYTES);
    qsort(m->all, m->n, sizeof(*m->all), by_weight);
    for (size_t i = 0; i < m->n; i++) {
        any_missing = any_missing || missing(m, m->all[i]);
    }
    if (c->json) {
        put_json(m, &out);
    } else {
        for (unsigned kind = MAP_STATUS; kind <= MAP_AGENCY; kind++) {
            put_kind(m, (enum map_kind)kind, &out);
            named = named || m->other[kind] != NULL;
        }
        if (named) {
            put_changes(m, &out);
        }
    }
    return ctl_print(&out, any_missing ? CTL_WARNING : CTL_OK);
}

/* ---- the verb ---- */

static int load_others(struct ctl *c, struct map_check *m)
{
    static const struct {
        enum ctl_option option;
        enum map_kind kind;
    } named[] = {{CTL_STATUS_MAP, MAP_STATUS},
                 {CTL_PROCEDURE_MAP, MAP_PROCEDURE},
                 {CTL_AGENCY_MAP, MAP_AGENCY}};

    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        const char *path = c->options[named[i].option];
        int err =
            path != NULL ? map_load(named[i].kind, path, &m->other[named[i].kind], &m->msg) : 0;

        if (err != 0) {
            return ctl_complain(ctl_config_exit(err), "%s", m->msg.text);
        }
    }
    return CTL_OK;
}

static void nothing(void *node)
{
    (void)node; /* it lives in the arena */
}

int ctl_map_check(struct ctl *c)
{
    struct map_check *m = calloc(1, sizeof(*m));
    struct buf path;
    int exit_code;
    int err;

    if (m == NULL) {
        return ctl_complain(CTL_UNKNOWN, "out of memory");
    }
    arena_init(&m->arena, ARENA_BYTES);
    buf_init(&path, 1); /* until there is one */
    exit_code = ctl_need_config(c);
    exit_code = exit_code == CTL_OK ? ctl_find_journal(c, &path) : exit_code;
    if (exit_code == CTL_OK) {
        m->config = c->config;
        m->now_s = (int64_t)time(NULL);
        m->all = calloc(CODES_MAX, sizeof(*m->all));
        exit_code = m->all != NULL ? load_others(c, m) : ctl_complain(CTL_UNKNOWN, "out of memory");
    }
    if (exit_code == CTL_OK) {
        err = survey_mirror(buf_text(&path), RECORD_AGENCY, on_agency, m, &m->msg);
        err = err == 0 ? survey_items(buf_text(&path), on_item, m, &m->msg) : err;
        exit_code = err == 0 ? show(c, m)
                             : ctl_complain(err == ERR_CORRUPT ? CTL_CRITICAL : CTL_UNKNOWN, "%s",
                                            m->msg.text);
    }
    buf_free(&path);
    for (size_t i = 0; i < 3; i++) {
        map_free(m->other[i]);
    }
    tdestroy(m->tree, nothing);
    tdestroy(m->agencies, nothing);
    free(m->all);
    arena_free(&m->arena);
    free(m);
    return exit_code;
}
