#include "adapter/mapped_cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/vntime.h"

#define DAY_S 86400
#define MARK_STEP_S 3600 /* an idle source writes its mark no more often */
#define PAGES_MAX 10000000
#define TIME_MAX_S INT64_C(7258118400) /* 2200; what is later in a text is not ours */
#define ROWS_MAX (UINT64_C(1) << 53)

static const char letters[] = {
    [CURSOR_SINCE] = 's', [CURSOR_WINDOW] = 'w', [CURSOR_NEWEST] = 'n',
    [CURSOR_ACK] = 'a',   [CURSOR_OFFSET] = 'o', [CURSOR_FULL] = 'f',
};

/* These read everything each time: nothing of them need outlive the process. */
static bool forgetful(const struct mapped_cursor *c)
{
    return c->settings.style == CURSOR_FULL || c->settings.style == CURSOR_ACK;
}

bool mapped_cursor_first(const struct mapped_cursor *c)
{
    return c->mark_s == 0 && !forgetful(c);
}

/* ---- the text ---- */

/* "s;m MARK;o OFFSET;w SWEPT;h FROM,TO,AT,PAGE,ROWS,TOP,BEGUN,NEXT;..." without the blanks. */
static void put_walk(char *text, size_t size, char letter, const struct mapped_walk *w)
{
    size_t n = strlen(text);

    if (w->on) {
        (void)snprintf(text + n, size - n,
                       ";%c%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu64 ",%" PRIu64 ",%" PRId64
                       ",%" PRId64 ",%s",
                       letter, w->from_s, w->to_s, w->at_s, w->page, w->rows, w->top_s, w->begun_s,
                       w->next);
    }
}

static void put_number(char *text, size_t size, char letter, int64_t value)
{
    size_t n = strlen(text);

    if (value != 0) {
        (void)snprintf(text + n, size - n, ";%c%" PRId64, letter, value);
    }
}

static void write_text(struct mapped_cursor *c)
{
    size_t size = sizeof(c->text);

    if (forgetful(c)) {
        return;
    }
    c->text[0] = letters[c->settings.style];
    c->text[1] = '\0';
    put_number(c->text, size, 'm', c->mark_s);
    put_number(c->text, size, 'o', (int64_t)c->offset);
    put_number(c->text, size, 'w', c->swept_s);
    put_walk(c->text, size, 'h', &c->head);
    put_walk(c->text, size, 's', &c->sweep);
}

static bool is_time(int64_t s)
{
    return s > -TIME_MAX_S && s < TIME_MAX_S;
}

static bool read_walk(const char *text, struct mapped_walk *w)
{
    int used = 0;

    memset(w, 0, sizeof(*w));
    w->on = sscanf(text,
                   "%" SCNd64 ",%" SCNd64 ",%" SCNd64 ",%" SCNu64 ",%" SCNu64 ",%" SCNd64
                   ",%" SCNd64 ",%n",
                   &w->from_s, &w->to_s, &w->at_s, &w->page, &w->rows, &w->top_s, &w->begun_s,
                   &used) == 7 &&
            used > 0 && strlen(text + used) <= MAPPED_NEXT_MAX && w->page < PAGES_MAX &&
            w->rows < ROWS_MAX && is_time(w->from_s) && is_time(w->to_s) && is_time(w->at_s) &&
            is_time(w->top_s) && is_time(w->begun_s);
    if (w->on) {
        (void)snprintf(w->next, sizeof(w->next), "%s", text + used);
    }
    return w->on;
}

static bool read_part(struct mapped_cursor *c, const char *part)
{
    char *end = NULL;
    long long number;

    if (part[0] == 'h') {
        return read_walk(part + 1, &c->head);
    }
    if (part[0] == 's') {
        return read_walk(part + 1, &c->sweep);
    }
    number = strtoll(part + 1, &end, 10);
    if (part[0] == '\0' || end == part + 1 || *end != '\0' || number < 0) {
        return false;
    }
    switch (part[0]) {
    case 'm':
        c->mark_s = number;
        return is_time(number);
    case 'o':
        c->offset = (uint64_t)number;
        return c->offset < ROWS_MAX;
    case 'w':
        c->swept_s = number;
        return is_time(number);
    default:
        return false;
    }
}

static void forget(struct mapped_cursor *c)
{
    struct mapped_cursor_settings settings = c->settings;

    memset(c, 0, sizeof(*c));
    c->settings = settings;
}

void mapped_cursor_init(struct mapped_cursor *c, const struct mapped_cursor_settings *settings)
{
    c->settings = *settings;
    forget(c);
}

void mapped_cursor_change(struct mapped_cursor *c, const struct mapped_cursor_settings *settings)
{
    bool other = settings->style != c->settings.style;

    c->settings = *settings;
    if (other) {
        forget(c);
    }
}

void mapped_cursor_load(struct mapped_cursor *c, const char *text)
{
    char copy[MAPPED_CURSOR_SIZE];
    char *rest = copy;
    const char *part;
    bool want_full = c->want_full;
    bool good;

    if (strcmp(text, c->text) == 0) {
        return;
    }
    forget(c);
    c->want_full = want_full;
    (void)snprintf(copy, sizeof(copy), "%s", text);
    part = strsep(&rest, ";");
    good = strlen(text) < sizeof(copy) && part[0] == letters[c->settings.style] && part[1] == '\0';
    for (part = strsep(&rest, ";"); good && part != NULL; part = strsep(&rest, ";")) {
        good = read_part(c, part);
    }
    if (!good) {
        forget(c);
        c->want_full = want_full;
    }
    (void)snprintf(c->text, sizeof(c->text), "%s", text); /* so that what is given is known again */
}

/* ---- the product's own cursor ---- */

static bool plain(char ch)
{
    return (unsigned char)ch > ' ' && ch != ';' && ch != ',' && ch != '%' && ch != 0x7f;
}

static bool encode(const char *text, char out[MAPPED_NEXT_MAX + 1])
{
    size_t n = 0;

    for (; *text != '\0'; text++) {
        if (n + 3 > MAPPED_NEXT_MAX) {
            return false;
        }
        if (plain(*text)) {
            out[n++] = *text;
        } else {
            n += (size_t)snprintf(out + n, 4, "%%%02X", (unsigned char)*text);
        }
    }
    out[n] = '\0';
    return true;
}

static void decode(const char *text, char out[MAPPED_NEXT_MAX + 1])
{
    size_t n = 0;

    while (*text != '\0') {
        unsigned byte;

        if (*text == '%' && sscanf(text + 1, "%2x", &byte) == 1 && text[1] != '\0') {
            out[n++] = (char)byte;
            text += 3;
        } else {
            out[n++] = *text++;
        }
    }
    out[n] = '\0';
}

/* ---- beginning a walk ---- */

/* start_from bounds the first reading, `back` what is read again later. */
static int64_t start_s(const struct mapped_cursor *c, int64_t wall_s)
{
    const struct mapped_cursor_settings *s = &c->settings;
    int64_t back_s = s->back_s > 0 && s->back_s < wall_s ? wall_s - s->back_s : 0;

    if (s->start_from_s == 0 || (c->mark_s > 0 && back_s > s->start_from_s)) {
        return back_s;
    }
    return s->start_from_s;
}

static void begin(struct mapped_cursor *c, struct mapped_walk *w, int64_t from_s, int64_t wall_s)
{
    memset(w, 0, sizeof(*w));
    w->on = true;
    w->from_s = from_s > 0 ? from_s : 0;
    w->to_s = wall_s + 1;
    w->begun_s = wall_s;
    w->at_s = w->from_s;
    if (c->settings.style == CURSOR_WINDOW && c->settings.window_s % DAY_S == 0 && w->at_s > 0) {
        w->at_s = vntime_day_start(w->at_s);
    }
}

static void begin_question(struct mapped_cursor *c)
{
    c->first_rows = 0;
    c->total = 0;
    c->known_run = 0;
}

static void begin_head(struct mapped_cursor *c, uint64_t now_ms, int64_t wall_s)
{
    int64_t overlap_s = c->settings.overlap_s;

    if (c->settings.style == CURSOR_WINDOW && overlap_s > c->settings.window_s) {
        /* The newest windows at each poll, those before them every sweep_every. */
        if (c->wide && now_ms - c->wide_ms < c->settings.sweep_every_ms) {
            overlap_s = c->settings.window_s;
        } else {
            c->wide = true;
            c->wide_ms = now_ms;
        }
    }
    begin(c, &c->head, c->mark_s - overlap_s, wall_s);
    if (c->settings.style == CURSOR_OFFSET) {
        c->head.page = c->offset / c->settings.size;
        c->head.rows = c->head.page * c->settings.size;
    }
    c->headed = true;
    c->headed_ms = now_ms;
    begin_question(c);
}

static void begin_sweep(struct mapped_cursor *c, int64_t wall_s)
{
    begin(c, &c->sweep, start_s(c, wall_s), wall_s);
    c->want_full = false;
    begin_question(c);
}

static bool sweep_due(const struct mapped_cursor *c, int64_t wall_s)
{
    const struct mapped_cursor_settings *s = &c->settings;
    int64_t at_s;

    if (c->mark_s == 0) {
        return true; /* the first reading */
    }
    if (s->style == CURSOR_WINDOW &&
        wall_s - c->swept_s >= (int64_t)(s->slow_sweep_every_ms / 1000)) {
        return true;
    }
    if (s->full_sweep_at_s < 0) {
        return false;
    }
    at_s = vntime_day_start(wall_s) + s->full_sweep_at_s;
    at_s -= at_s > wall_s ? DAY_S : 0;
    return c->swept_s < at_s;
}

/* The walk whose page is asked for now; begins one when none is at work. */
static struct mapped_walk *choose(struct mapped_cursor *c, uint64_t now_ms, int64_t wall_s)
{
    bool head_due = !c->headed || now_ms - c->headed_ms >= c->settings.poll_every_ms;
    bool was_sweeping = c->sweeping;

    c->sweeping = false;
    if (forgetful(c)) {
        if (!c->head.on) {
            begin_head(c, now_ms, wall_s);
        }
        return &c->head;
    }
    if (c->head.on) {
        return &c->head;
    }
    if (c->want_full || (!c->sweep.on && sweep_due(c, wall_s))) {
        begin_sweep(c, wall_s);
        was_sweeping = true;
    }
    if (c->sweep.on && (c->mark_s == 0 || !head_due)) {
        c->sweeping = true;
        if (!was_sweeping) {
            begin_question(c); /* of its question nothing is remembered */
        }
        return &c->sweep;
    }
    begin_head(c, now_ms, wall_s);
    return &c->head;
}

void mapped_cursor_full(struct mapped_cursor *c)
{
    if (!forgetful(c)) {
        c->want_full = true;
    }
}

static int64_t window_end(const struct mapped_cursor *c, const struct mapped_walk *w)
{
    return w->at_s + (c->settings.window_s > 0 ? c->settings.window_s : DAY_S);
}

void mapped_cursor_ask(struct mapped_cursor *c, uint64_t now_ms, int64_t wall_s,
                       struct mapped_ask *ask)
{
    const struct mapped_walk *w = choose(c, now_ms, wall_s);

    memset(ask, 0, sizeof(*ask));
    ask->since_s = w->from_s;
    ask->until_s = w->to_s;
    if (c->settings.style == CURSOR_WINDOW) {
        ask->since_s = w->at_s;
        ask->until_s = window_end(c, w);
    }
    ask->page = w->page + (c->settings.first_page_is_1 ? 1 : 0);
    ask->size = c->settings.size;
    ask->offset = w->page * c->settings.size;
    ask->end = ask->offset + ask->size;
    decode(w->next, ask->cursor);
    ask->first = w->page == 0 && w->next[0] == '\0';
}

/* ---- what a page teaches ---- */

/* Rows that left the list between two pages pull the others forward: so many pages are read again.
 */
static bool step_back(struct mapped_cursor *c, struct mapped_walk *w, const struct mapped_facts *f)
{
    uint64_t size = c->settings.size;
    uint64_t pages;

    if (!f->has_total || c->settings.has_next || w->page == 0 || f->total >= c->total) {
        c->total = f->has_total ? f->total : 0;
        return false;
    }
    pages = (c->total - f->total + size - 1) / size;
    pages = pages < w->page ? pages : w->page;
    c->total = f->total;
    w->page -= pages;
    w->rows = w->page * size;
    return true;
}

/* The last page of a question. Where the product tells nothing, an empty page ends it, or one
 * shorter than the first: a short first page may be the product's own limit. */
static bool question_ends(const struct mapped_cursor *c, const struct mapped_walk *w,
                          const struct mapped_facts *f)
{
    const struct mapped_cursor_settings *s = &c->settings;

    if (!s->pages || f->n_rows == 0 || f->same || w->page + 1 >= PAGES_MAX) {
        return true;
    }
    if (s->has_next) {
        return f->next == NULL || f->next[0] == '\0';
    }
    if (s->has_last) {
        return f->is_last;
    }
    if (f->has_total) {
        return w->rows >= f->total;
    }
    return w->page > 0 && f->n_rows < c->first_rows;
}

/* Newest first: the rest of the list is older than what is looked for, or known. */
static bool deep_enough(struct mapped_cursor *c, const struct mapped_walk *w,
                        const struct mapped_facts *f)
{
    if (c->settings.style != CURSOR_NEWEST) {
        return false;
    }
    if (f->last_s > 0 && w->from_s > 0 && f->last_s < w->from_s) {
        return true;
    }
    c->known_run = f->known_tail < f->n_rows ? (uint32_t)f->known_tail
                                             : c->known_run + (uint32_t)f->known_tail;
    return !c->sweeping && c->settings.known > 0 && c->known_run >= c->settings.known;
}

/* A further window of the walk. */
static bool next_window(struct mapped_cursor *c, struct mapped_walk *w)
{
    if (c->settings.style != CURSOR_WINDOW || window_end(c, w) >= w->to_s) {
        return false;
    }
    w->at_s = window_end(c, w);
    w->page = 0;
    w->rows = 0;
    w->next[0] = '\0';
    begin_question(c);
    return true;
}

/* How far the next head need not go back any more. The product's clock may be ahead of ours: never
 * beyond the walk's begin. */
static void move_mark(struct mapped_cursor *c, const struct mapped_walk *w)
{
    int64_t seen_s = w->top_s < w->begun_s ? w->top_s : w->begun_s;

    if (c->settings.has_changed && c->settings.style != CURSOR_WINDOW && seen_s > 0) {
        c->mark_s = seen_s > c->mark_s ? seen_s : c->mark_s;
    } else if (c->mark_s == 0 ||
               (c->settings.style != CURSOR_NEWEST && c->settings.style != CURSOR_OFFSET &&
                !c->settings.has_changed && w->begun_s - c->mark_s >= MARK_STEP_S) ||
               (c->settings.style == CURSOR_WINDOW && w->begun_s - c->mark_s >= MARK_STEP_S)) {
        c->mark_s = w->begun_s;
    }
}

static void end_walk(struct mapped_cursor *c, struct mapped_walk *w, struct mapped_turn *turn)
{
    bool first = c->mark_s == 0;

    if (forgetful(c)) {
        turn->full_done = c->settings.style == CURSOR_FULL || w->rows == 0;
    } else if (w == &c->head || first) {
        move_mark(c, w);
        if (c->settings.style == CURSOR_OFFSET) {
            c->offset = w->rows;
        }
    }
    if (w == &c->sweep) {
        turn->full_done = true;
        c->swept_s = w->begun_s;
        if (c->settings.style == CURSOR_OFFSET) {
            c->offset = w->rows;
        }
    }
    w->on = false;
}

int mapped_cursor_took(struct mapped_cursor *c, const struct mapped_facts *facts,
                       struct mapped_turn *turn, struct errmsg *msg)
{
    struct mapped_walk *w = c->sweeping ? &c->sweep : &c->head;
    const char *next = facts->next != NULL ? facts->next : "";
    char encoded[MAPPED_NEXT_MAX + 1];

    memset(turn, 0, sizeof(*turn));
    if (!encode(c->settings.has_next ? next : "", encoded)) {
        return err_set(msg, ERR_TOOBIG, "the cursor of the next page is longer than %d bytes",
                       MAPPED_NEXT_MAX);
    }
    w->rows += facts->n_rows;
    w->top_s = facts->newest_s > w->top_s ? facts->newest_s : w->top_s;
    if (w->page == 0) {
        c->first_rows = facts->n_rows;
    }
    if (c->settings.style == CURSOR_ACK) {
        /* What is acknowledged leaves the queue: its front is asked for until it is empty. The same
         * rows once more have not been acknowledged: they wait for the next round. */
        turn->more = facts->n_rows > 0 && !facts->same;
        end_walk(c, w, turn);
        return 0;
    }
    if (step_back(c, w, facts)) {
        turn->more = true;
    } else if (!question_ends(c, w, facts) && !deep_enough(c, w, facts)) {
        w->page++;
        memcpy(w->next, encoded, sizeof(encoded));
        turn->more = true;
    } else if (next_window(c, w)) {
        turn->more = true;
    } else {
        end_walk(c, w, turn);
        turn->more = c->sweep.on || c->want_full;
    }
    write_text(c);
    return 0;
}
