/* mapped cursor: what to ask of a list next, in the six styles of a preset (provincial-systems.md
 * section 5.3), and what has been read, as one durable text.
 *
 * A reading is a walk: pages of one question, or of one question per window. The head looks for
 * what is new; a sweep reads everything again. The first reading is a sweep. While a sweep goes on
 * the head is walked every poll_every between its pages. The text is enough to go on after a crash;
 * it moves only with what took() was told. Pure: time comes in. Loop thread. */
#ifndef ADAPTER_MAPPED_CURSOR_H
#define ADAPTER_MAPPED_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/preset.h"

#define MAPPED_CURSOR_SIZE 500 /* of the text with its NUL */
#define MAPPED_NEXT_MAX 110    /* bytes of the product's own cursor, encoded */

struct mapped_cursor_settings {
    enum preset_cursor_style style;
    int64_t overlap_s, window_s, back_s;
    int64_t start_from_s; /* of the flow; 0 none */
    uint32_t size, known;
    bool first_page_is_1;
    bool pages;                         /* the list call takes pages at all */
    bool bounded;                       /* and an end of its interval */
    bool has_changed;                   /* rows tell when they were changed */
    bool has_total, has_last, has_next; /* what the reply tells about its pages */
    uint64_t poll_every_ms, sweep_every_ms, slow_sweep_every_ms;
    int32_t full_sweep_at_s; /* seconds after local midnight; -1 none */
};

struct mapped_walk {
    bool on;
    int64_t from_s, to_s; /* of the whole walk; 0 unbounded */
    int64_t at_s;         /* window: begin of the one at work */
    uint64_t page;        /* of the question at work, from 0 */
    uint64_t rows;        /* read of it */
    int64_t top_s;        /* newest change seen */
    int64_t begun_s;
    char next[MAPPED_NEXT_MAX + 1]; /* the product's own cursor, encoded; "" none */
};

struct mapped_cursor {
    struct mapped_cursor_settings settings;
    /* durable */
    int64_t mark_s;  /* everything until then has been seen; 0 not yet anything */
    uint64_t offset; /* offset: rows that have been read */
    int64_t swept_s; /* begin of the last complete sweep */
    struct mapped_walk head, sweep;
    /* of this process */
    char text[MAPPED_CURSOR_SIZE];
    bool want_full;
    bool headed;
    uint64_t headed_ms;  /* the last head began */
    bool wide;           /* window: a head over the whole overlap was made */
    uint64_t wide_ms;    /* and began then */
    bool sweeping;       /* the question at work is the sweep's */
    uint64_t first_rows; /* rows of its first page; 0 not seen */
    uint64_t total;      /* as last told; 0 not told */
    uint32_t known_run;  /* newest: known rows in a row */
};

/* What a list call asks for. */
struct mapped_ask {
    int64_t since_s, until_s; /* 0 none */
    uint64_t page;            /* as the product counts */
    uint64_t offset, size, end;
    char cursor[MAPPED_NEXT_MAX + 1]; /* the product's own, decoded; "" none */
    bool first;                       /* the first page of a question */
};

/* What its reply said. */
struct mapped_facts {
    size_t n_rows;
    int64_t newest_s; /* newest change of a row; 0 none */
    int64_t last_s;   /* of the last row that tells one; 0 none */
    bool has_total;
    uint64_t total;
    bool is_last;      /* the flag says so */
    const char *next;  /* the product's own cursor; "" none */
    size_t known_tail; /* rows at its end that are known unchanged */
    bool same;         /* the same rows as the page before: the product does not page */
};

struct mapped_turn {
    bool more;      /* ask again at once */
    bool full_done; /* a complete reading ended */
};

void mapped_cursor_init(struct mapped_cursor *c, const struct mapped_cursor_settings *settings);
/* New settings from a reload. A changed style forgets what was read. */
void mapped_cursor_change(struct mapped_cursor *c, const struct mapped_cursor_settings *settings);
/* The text as last committed. One that is not ours, or of another style, begins anew. */
void mapped_cursor_load(struct mapped_cursor *c, const char *text);
/* A complete reading is wanted. */
void mapped_cursor_full(struct mapped_cursor *c);
void mapped_cursor_ask(struct mapped_cursor *c, uint64_t now_ms, int64_t wall_s,
                       struct mapped_ask *ask);
/* The first reading ever is not over: nothing was seen before it. */
bool mapped_cursor_first(const struct mapped_cursor *c);
/* All rows of the reply are in the poller's hands. c->text is then what may be committed with them.
 * ERR_TOOBIG: the product's own cursor is too long; nothing has moved. */
MUST_CHECK int mapped_cursor_took(struct mapped_cursor *c, const struct mapped_facts *facts,
                                  struct mapped_turn *turn, struct errmsg *msg);

#endif
