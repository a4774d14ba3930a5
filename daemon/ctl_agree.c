#include "daemon/ctl_agree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapter/opencps_write.h"
#include "base/text.h"
#include "codec/record.h"
#include "daemon/ctl_sheet.h"
#include "domain/vntime.h"

#define LIST_BYTES ((size_t)64 << 20)
#define ROWS_MAX ((size_t)200000)
#define SHOWN_BEFORE 20 /* bytes of context before the first difference */

struct agree_service {
    const char *procedure;
    enum service_level level;
};

struct agree_decision {
    const char *id, *number;
    int64_t at_s;
};

/* ---- what is read before: services, decisions ---- */

static int by_procedure(const void *a, const void *b)
{
    return strcmp(((const struct agree_service *)a)->procedure,
                  ((const struct agree_service *)b)->procedure);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct agree_decision *)a)->id, ((const struct agree_decision *)b)->id);
}

/* Room for one row more of a list that doubles. NULL without. */
static void *room(void *list, size_t n, size_t size)
{
    if (n >= ROWS_MAX || (n & (n - 1)) != 0 || (n > 0 && n < 64)) {
        return n >= ROWS_MAX ? NULL : list;
    }
    return reallocarray(list, n < 64 ? 64 : 2 * n, size);
}

static int fail(struct agree_survey *s, int err)
{
    return err_set(&s->msg, err, "%s", err_text(err));
}

/* The services come in order of procedure: those of one become one row. */
static int on_service(void *ctx, const struct book_record *record)
{
    struct agree_survey *s = ctx;
    enum service_level level = level_of_service(record->name);
    struct agree_service *grown;
    struct catalog_row row;
    struct arena arena;
    int err;

    arena_init(&arena, RECORD_BODY_MAX);
    err = record_to_row(record->body != NULL ? record->body : "", record->body_len, &arena, &row,
                        &s->msg);
    if (err == 0 && s->n_services > 0 &&
        strcmp(s->services[s->n_services - 1].procedure, row.parent) == 0) {
        struct agree_service *last = &s->services[s->n_services - 1];

        last->level = level_higher(last->level, level);
        arena_free(&arena);
        return 0;
    }
    grown = err == 0 ? room(s->services, s->n_services, sizeof(*grown)) : NULL;
    if (grown != NULL) {
        s->services = grown;
        grown[s->n_services].procedure = arena_strdup(&s->arena, row.parent);
        grown[s->n_services].level = level;
        err = grown[s->n_services++].procedure != NULL ? 0 : fail(s, ERR_NOMEM);
    } else if (err == 0) {
        err = fail(s, ERR_NOMEM);
    }
    arena_free(&arena);
    return err;
}

static int on_decision(void *ctx, const struct book_record *record)
{
    struct agree_survey *s = ctx;
    struct agree_decision *grown = room(s->decisions, s->n_decisions, sizeof(*grown));
    struct catalog_row row;
    struct arena arena;
    int err;

    if (grown == NULL) {
        return fail(s, ERR_NOMEM);
    }
    s->decisions = grown;
    grown += s->n_decisions;
    arena_init(&arena, RECORD_BODY_MAX);
    err = record_to_row(record->body != NULL ? record->body : "", record->body_len, &arena, &row,
                        &s->msg);
    if (err == 0) {
        grown->id = arena_strdup(&s->arena, record->code);
        grown->number = arena_strdup(&s->arena, row.parent);
        if (vntime_parse_portal(row.extra, &grown->at_s) != 0) {
            grown->at_s = 0; /* a date that can't be read is not told */
        }
        grown->at_s = grown->at_s != 0 ? vntime_day_start(grown->at_s) : 0;
        err = grown->id != NULL && grown->number != NULL ? 0 : fail(s, ERR_NOMEM);
    }
    s->n_decisions += err == 0;
    arena_free(&arena);
    return err;
}

static int read_lists(struct agree_survey *s)
{
    int err = catalog_book_times(s->path, &s->times, &s->msg);

    if (err == 0) {
        err = catalog_book_records(s->path, RECORD_SERVICE, on_service, s, &s->msg);
    }
    if (err == 0) {
        err = catalog_book_records(s->path, RECORD_DECISION, on_decision, s, &s->msg);
    }
    if (err == 0 && s->n_services > 0) {
        qsort(s->services, s->n_services, sizeof(*s->services), by_procedure);
    }
    if (err == 0 && s->n_decisions > 0) {
        qsort(s->decisions, s->n_decisions, sizeof(*s->decisions), by_id);
    }
    return err;
}

int agree_survey_open(struct ctl *c, struct buf *path, struct agree_survey *s)
{
    int exit_code;
    int err;

    memset(s, 0, sizeof(*s));
    arena_init(&s->arena, LIST_BYTES);
    buf_init(path, 1); /* until there is one */
    exit_code = ctl_need_config(c);
    exit_code = exit_code == CTL_OK ? ctl_find_journal(c, path) : exit_code;
    if (exit_code != CTL_OK) {
        return exit_code;
    }
    s->config = c->config;
    s->path = buf_text(path);
    s->now_s = (int64_t)time(NULL);
    err = read_lists(s);
    if (err != 0) {
        return ctl_sheet_failed(err, &s->msg);
    }
    if (s->times.portal_ms == 0) {
        return ctl_complain(
            CTL_UNKNOWN, "the portal's catalogue has not been read yet: dvcsyncctl catalog read");
    }
    if (s->times.local_ms == 0) {
        return ctl_complain(CTL_UNKNOWN,
                            "the province's own list has not been read yet: the flow catalog needs "
                            "a source in `to`, and a reading (dvcsyncctl catalog read)");
    }
    return CTL_OK;
}

void agree_survey_free(struct agree_survey *s)
{
    free(s->services);
    free(s->decisions);
    arena_free(&s->arena);
}

/* ---- one procedure ---- */

static enum service_level portal_level(const struct agree_survey *s, const char *code)
{
    const struct agree_service wanted = {.procedure = code};
    const struct agree_service *found;

    if (s->n_services == 0) {
        return LEVEL_NOT_SHOWN;
    }
    found = bsearch(&wanted, s->services, s->n_services, sizeof(wanted), by_procedure);
    return found != NULL ? found->level : LEVEL_INFORMATION;
}

static const struct agree_decision *decision_of(const struct agree_survey *s, const char *id)
{
    const struct agree_decision wanted = {.id = id};

    return s->n_decisions > 0 && id[0] != '\0'
               ? bsearch(&wanted, s->decisions, s->n_decisions, sizeof(wanted), by_id)
               : NULL;
}

/* What the file of facts says of a decision; the wire's word comes first where there is one. */
static void take_decision(struct agree_side *side, const struct agree_decision *decision)
{
    side->decision_no = decision != NULL ? decision->number : "";
    side->decision_s = decision != NULL ? decision->at_s : 0;
    if (side->fact != NULL && side->decision_no[0] == '\0') {
        side->decision_no = side->fact->decision_no;
    }
    if (side->fact != NULL && side->decision_s == 0) {
        side->decision_s = side->fact->decision_s;
    }
}

/* NULL: no record, or none that can be read; then only its digest is compared. */
static const struct procedure *read_record(const char *body, size_t len, struct arena *a,
                                           struct procedure *into)
{
    struct errmsg unused;

    return body != NULL && record_to_procedure(body, len, a, into, &unused) == 0 ? into : NULL;
}

static int compare_row(struct agree_survey *s, const struct book_row *row, struct arena *arena)
{
    struct procedure whole, reduced, local;
    const struct procedure *portal =
        read_record(row->portal.body, row->portal.body_len, arena, &whole);
    struct agree_found found;
    struct agree_pair pair = {.equal_digest = row->equal_digest};
    struct agree_case one = {.row = row, .pair = &pair, .found = &found};

    pair.portal.there = row->portal.there;
    pair.portal.open = row->portal.open;
    pair.portal.fact = catalog_facts_find(s->config->catalog_facts, row->code, FACTS_PORTAL);
    pair.portal.level = portal_level(s, row->code);
    pair.portal.processes = -1;
    pair.portal.eforms = -1;
    take_decision(&pair.portal, portal != NULL ? decision_of(s, portal->decision_id) : NULL);
    if (portal != NULL && opencps_reduce(portal, arena, &reduced) == 0) {
        pair.portal.record = &reduced;
    }
    pair.local.there = row->local.there;
    pair.local.open = row->local.open;
    pair.local.fact = catalog_facts_find(s->config->catalog_facts, row->code, FACTS_LOCAL);
    pair.local.level = level_of_number(row->local.level);
    pair.local.processes = row->local.processes;
    pair.local.eforms = row->local.eforms;
    pair.local.record = read_record(row->local.body, row->local.body_len, arena, &local);
    take_decision(&pair.local, NULL);
    if (row->portal.open) {
        term_read(s->config->calendar, (int64_t)(row->portal.first_ms / 1000),
                  (int)s->config->publish_days, s->now_s, &one.term);
        pair.overdue = one.term.known && one.term.over;
    }
    agree_compare(&pair, &found);
    one.name = row->portal.there ? row->portal.name : row->local.name;
    portal = portal != NULL ? portal : pair.local.record;
    one.sector = portal != NULL ? portal->sector_code : "";
    one.agency = portal != NULL ? portal->publisher : "";
    return s->visit(s->ctx, &one);
}

static int on_row(void *ctx, const struct book_row *row)
{
    struct agree_survey *s = ctx;
    struct arena arena;
    int err;

    arena_init(&arena, 8 * (size_t)RECORD_BODY_MAX);
    err = compare_row(s, row, &arena);
    arena_free(&arena);
    return err;
}

int agree_survey_run(struct agree_survey *s, int (*visit)(void *ctx, const struct agree_case *one),
                     void *ctx)
{
    s->visit = visit;
    s->ctx = ctx;
    return catalog_book_rows(s->path, on_row, s, &s->msg);
}

/* ---- words ---- */

/* From a character's begin on, cut at one. */
static void excerpt(const char *text, size_t from, char out[AGREE_VALUE_SIZE])
{
    size_t size = AGREE_VALUE_SIZE;

    while (from > 0 && ((unsigned char)text[from] & 0xC0) == 0x80) {
        from--;
    }
    if (from > 0) {
        memcpy(out, "…", sizeof("…") - 1);
        out += sizeof("…") - 1;
        size -= sizeof("…") - 1;
    }
    text_printable(text + from, strlen(text + from), out, size);
}

static void text_values(const struct agree_case *one, enum agree_field field,
                        char portal[AGREE_VALUE_SIZE], char local[AGREE_VALUE_SIZE])
{
    const char *p = agree_field_text(one->pair->portal.record, field);
    const char *l = agree_field_text(one->pair->local.record, field);
    size_t same = 0;

    while (p[same] != '\0' && p[same] == l[same]) {
        same++;
    }
    same = same > 2 * SHOWN_BEFORE ? same - SHOWN_BEFORE : 0;
    excerpt(p, same, portal);
    excerpt(l, same, local);
}

static void decision_value(const struct agree_side *side, char out[AGREE_VALUE_SIZE])
{
    char date[16] = "";

    (void)vntime_format(side->decision_s, "yyyy-MM-dd", date, sizeof(date));
    (void)snprintf(out, AGREE_VALUE_SIZE, "%.180s%s%s", side->decision_no,
                   side->decision_no[0] != '\0' && date[0] != '\0' ? ", " : "", date);
}

static const char *answer_word(const struct catalog_fact *fact, enum agree_kind kind)
{
    static const char *const words[] = {
        [FACTS_UNSAID] = "", [FACTS_NO] = "no", [FACTS_YES] = "yes"};

    if (fact == NULL) {
        return "";
    }
    return words[kind == AGREE_DECENTRALISED ? fact->decentralised : fact->independent];
}

void agree_values(const struct agree_case *one, enum agree_kind kind, char portal[AGREE_VALUE_SIZE],
                  char local[AGREE_VALUE_SIZE])
{
    const struct agree_pair *pair = one->pair;

    portal[0] = '\0';
    local[0] = '\0';
    if (kind == AGREE_LEVEL) {
        (void)snprintf(portal, AGREE_VALUE_SIZE, "%s", level_name(pair->portal.level));
        (void)snprintf(local, AGREE_VALUE_SIZE, "%s", level_name(pair->local.level));
    } else if (kind == AGREE_DECISION) {
        decision_value(&pair->portal, portal);
        decision_value(&pair->local, local);
    } else if (kind == AGREE_DECENTRALISED || kind == AGREE_INDEPENDENT) {
        (void)snprintf(portal, AGREE_VALUE_SIZE, "%s", answer_word(pair->portal.fact, kind));
        (void)snprintf(local, AGREE_VALUE_SIZE, "%s", answer_word(pair->local.fact, kind));
    }
    if (pair->portal.record == NULL || pair->local.record == NULL) {
        return;
    }
    for (unsigned i = 0; i < AGREE_FIELDS; i++) {
        enum agree_field field = (enum agree_field)i;

        if ((one->found->fields & AGREE_BIT(i)) != 0 && agree_field_kind(field) == kind &&
            kind != AGREE_DECISION) {
            text_values(one, field, portal, local);
            return;
        }
    }
}

void agree_fields(const struct agree_case *one, enum agree_kind kind, char out[AGREE_VALUE_SIZE])
{
    size_t n = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < AGREE_FIELDS && n < AGREE_VALUE_SIZE; i++) {
        if ((one->found->fields & AGREE_BIT(i)) != 0 &&
            agree_field_kind((enum agree_field)i) == kind) {
            n += (size_t)snprintf(out + n, AGREE_VALUE_SIZE - n, "%s%s", n > 0 ? ", " : "",
                                  agree_field_name((enum agree_field)i));
        }
    }
}
