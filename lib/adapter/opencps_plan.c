#include "adapter/opencps_plan.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/opencps_backfill.h"
#include "adapter/opencps_tasks.h"
#include "domain/vntime.h"

#define DAY_S INT64_C(86400)
#define HOLDOFF_MAX_MS (5 * UINT64_C(60000))
#define FULL_WINDOW_DAYS 8 /* windows of a complete sweep: today and the seven days before */

static const char LIVE[] = "live";
static const char LIVE_EMPTY[] = "live empty"; /* no row was ever seen */

enum mode { MODE_UNSET, MODE_BACKFILL, MODE_LIVE };

struct states {
    char (*names)[OPENCPS_STATUS_SIZE]; /* owned */
    size_t n;
};

struct seen {
    int64_t day_s;
    int64_t total;
};

struct opencps_plan {
    struct opencps_plan_settings settings;
    enum mode mode;
    struct opencps_backfill backfill;
    struct states states[OPENCPS_SWEEPS];
    struct opencps_tasks tasks;
    struct seen seen[OPENCPS_DATES][OPENCPS_SYSTEMS]; /* of today's windows */
    int64_t wall_s, today_s;                          /* of the poll that goes on */
    uint64_t look_due_ms, sweep_due_ms, slow_due_ms;
    int64_t night_day_s; /* the last day whose nightly sweep began */
    bool night_due;      /* at once: nothing is known since the start */
    size_t slow_budget;  /* pages of big states left in this round */
    bool in_round;       /* the last answer said more */
    bool full_wanted, full_active;
    bool had_rows;                /* some list was not empty once */
    struct opencps_task *current; /* asked and not answered */
    bool backfilling;             /* the query out is the first reading's */
    struct opencps_query query;
    char cursor[OPENCPS_CURSOR_SIZE];
};

struct opencps_plan *opencps_plan_new(const struct opencps_plan_settings *settings)
{
    struct opencps_plan *plan = calloc(1, sizeof(*plan));

    if (plan != NULL) {
        opencps_plan_change(plan, settings);
    }
    return plan;
}

void opencps_plan_free(struct opencps_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (size_t i = 0; i < OPENCPS_SWEEPS; i++) {
        free(plan->states[i].names);
    }
    opencps_tasks_free(&plan->tasks);
    free(plan);
}

void opencps_plan_change(struct opencps_plan *plan, const struct opencps_plan_settings *settings)
{
    plan->settings = *settings;
    if (plan->settings.page_size == 0 || plan->settings.page_size > OPENCPS_PAGE_MAX) {
        plan->settings.page_size = OPENCPS_PAGE_MAX;
    }
    if (plan->settings.poll_every_ms == 0) {
        plan->settings.poll_every_ms = 1;
    }
}

int opencps_plan_set_states(struct opencps_plan *plan, enum opencps_sweep sweep,
                            const char *const *states, size_t n)
{
    struct states *to = &plan->states[sweep];
    char(*names)[OPENCPS_STATUS_SIZE];

    if (n > OPENCPS_STATUSES_MAX) {
        return ERR_TOOBIG;
    }
    names = calloc(n + 1, sizeof(*names));
    if (names == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        if (strlen(states[i]) >= OPENCPS_STATUS_SIZE) {
            free(names);
            return ERR_TOOBIG;
        }
        strcpy(names[i], states[i]);
    }
    free(to->names);
    to->names = names;
    to->n = n;
    return 0;
}

/* ---- what is due ---- */

static int add_states(struct opencps_plan *plan, enum opencps_sweep sweep, enum opencps_class class,
                      bool full)
{
    const struct states *states = &plan->states[sweep];
    int err = 0;

    for (size_t i = 0; i < states->n && err == 0; i++) {
        err = opencps_tasks_add_status(&plan->tasks, class, states->names[i],
                                       sweep == OPENCPS_SMALL, full);
    }
    return err;
}

static int add_open(struct opencps_plan *plan, bool full)
{
    int err = 0;

    for (int sweep = 0; sweep < OPENCPS_SWEEPS && err == 0; sweep++) {
        err = add_states(plan, (enum opencps_sweep)sweep, CLASS_FULL, full);
    }
    return err;
}

static int add_sweep(struct opencps_plan *plan)
{
    int err = opencps_tasks_add_check(&plan->tasks);

    if (err == 0) {
        err = opencps_tasks_add_day(&plan->tasks, CLASS_SWEEP, WHAT_WINDOW, plan->today_s, false);
    }
    if (err == 0) {
        err = opencps_tasks_add_day(&plan->tasks, CLASS_SWEEP, WHAT_WINDOW, plan->today_s - DAY_S,
                                    false);
    }
    return err != 0 ? err : add_states(plan, OPENCPS_SMALL, CLASS_SWEEP, false);
}

/* All that is open, and what was finished 7 and 30 days ago: corrections come late. */
static int add_night(struct opencps_plan *plan)
{
    int err = add_open(plan, false);

    if (err == 0) {
        err = opencps_tasks_add_window(&plan->tasks, CLASS_FULL, OPENCPS_FINISH,
                                       plan->today_s - 7 * DAY_S, false);
    }
    if (err == 0) {
        err = opencps_tasks_add_window(&plan->tasks, CLASS_FULL, OPENCPS_FINISH,
                                       plan->today_s - 30 * DAY_S, false);
    }
    return err;
}

static int add_full(struct opencps_plan *plan)
{
    int err = opencps_tasks_add_check(&plan->tasks);

    for (int day = 0; day < FULL_WINDOW_DAYS && err == 0; day++) {
        err = opencps_tasks_add_day(&plan->tasks, CLASS_FULL, WHAT_WINDOW,
                                    plan->today_s - day * DAY_S, true);
    }
    return err != 0 ? err : add_open(plan, true);
}

/* Pages of big states for this round, so that the last one comes before the next slow sweep begins.
 */
static void set_slow_budget(struct opencps_plan *plan, uint64_t now_ms)
{
    uint64_t left_ms = plan->slow_due_ms > now_ms ? plan->slow_due_ms - now_ms : 0;
    uint64_t rounds = left_ms / plan->settings.poll_every_ms;
    uint64_t pages = opencps_tasks_slow_pages(&plan->tasks, plan->settings.page_size);

    plan->slow_budget = (size_t)(rounds > 0 ? (pages + rounds - 1) / rounds : pages);
}

static bool night_is_due(const struct opencps_plan *plan)
{
    return plan->night_due || (plan->wall_s >= plan->today_s + plan->settings.full_sweep_at_s &&
                               plan->night_day_s != plan->today_s);
}

static int refresh_slow(struct opencps_plan *plan, uint64_t now_ms)
{
    int err = 0;

    if (night_is_due(plan)) {
        err = add_night(plan);
        if (err == 0) {
            plan->night_due = false;
            if (plan->wall_s >= plan->today_s + plan->settings.full_sweep_at_s) {
                plan->night_day_s = plan->today_s;
            }
            plan->slow_due_ms =
                now_ms + plan->settings.slow_sweep_every_ms; /* it held the big states too */
        }
    } else if (now_ms >= plan->slow_due_ms) {
        err = add_states(plan, OPENCPS_BIG, CLASS_SLOW, false);
        if (err == 0) {
            plan->slow_due_ms = now_ms + plan->settings.slow_sweep_every_ms;
        }
    }
    if (err == 0 && plan->full_wanted) {
        err = add_full(plan);
        if (err == 0) {
            plan->full_wanted = false;
            plan->full_active = true;
        }
    }
    return err;
}

static int refresh(struct opencps_plan *plan, uint64_t now_ms)
{
    int err = 0;

    if (now_ms >= plan->sweep_due_ms) {
        err = add_sweep(plan);
        if (err == 0) {
            plan->sweep_due_ms = now_ms + plan->settings.sweep_every_ms;
            plan->look_due_ms = now_ms + plan->settings.poll_every_ms;
        }
    } else if (!plan->in_round || now_ms >= plan->look_due_ms) {
        err = opencps_tasks_add_day(&plan->tasks, CLASS_LOOK, WHAT_LOOK, plan->today_s, false);
        plan->look_due_ms = now_ms + plan->settings.poll_every_ms;
    }
    if (err == 0) {
        err = refresh_slow(plan, now_ms);
    }
    if (!plan->in_round) {
        set_slow_budget(plan, now_ms);
    }
    return err;
}

/* ---- where the plan stands ---- */

static void go_live(struct opencps_plan *plan)
{
    plan->mode = MODE_LIVE;
    plan->sweep_due_ms = 0;
    plan->night_due = true;
    plan->in_round = false;
}

static void write_cursor(struct opencps_plan *plan)
{
    if (plan->mode == MODE_LIVE) {
        strcpy(plan->cursor, plan->had_rows ? LIVE : LIVE_EMPTY);
    } else {
        opencps_backfill_cursor(&plan->backfill, plan->had_rows, plan->cursor);
    }
}

static void resume(struct opencps_plan *plan, const char *cursor)
{
    bool had_rows = strcmp(cursor, LIVE) == 0;

    plan->tasks.n = 0;
    memset(plan->seen, 0, sizeof(plan->seen));
    plan->in_round = false;
    plan->mode = MODE_BACKFILL;
    if (had_rows || strcmp(cursor, LIVE_EMPTY) == 0) {
        go_live(plan);
    } else if (!opencps_backfill_resume(&plan->backfill, cursor, plan->today_s, &had_rows) &&
               !opencps_backfill_begin(&plan->backfill, plan->settings.start_from_s,
                                       plan->today_s)) {
        go_live(plan);
    }
    plan->had_rows = plan->had_rows || had_rows;
    snprintf(plan->cursor, sizeof(plan->cursor), "%s", cursor);
}

int opencps_plan_begin(struct opencps_plan *plan, const char *cursor, bool full, uint64_t now_ms,
                       int64_t wall_s)
{
    plan->current = NULL;
    plan->backfilling = false;
    plan->wall_s = wall_s;
    plan->today_s = vntime_day_start(wall_s);
    if (plan->mode == MODE_UNSET || strcmp(cursor, plan->cursor) != 0) {
        resume(plan, cursor);
    }
    plan->full_wanted = plan->full_wanted || full;
    return plan->mode == MODE_LIVE ? refresh(plan, now_ms) : 0;
}

/* ---- asking ---- */

static bool backfill_ready(const struct opencps_plan *plan, uint64_t now_ms)
{
    return plan->mode == MODE_BACKFILL && plan->backfill.not_before_ms <= now_ms;
}

static void query_of_task(const struct opencps_plan *plan, const struct opencps_task *task,
                          struct opencps_query *q)
{
    q->dated = task->what == WHAT_LOOK || task->what == WHAT_WINDOW;
    q->date = task->date;
    q->from_s = task->day_s;
    q->to_s = task->day_s;
    memcpy(q->status, task->status, sizeof(q->status));
    q->system = task->system;
    q->start = task->start;
    q->count_only = task->what == WHAT_CHECK;
    q->end = q->count_only ? 1 : task->start + plan->settings.page_size;
}

bool opencps_plan_next(struct opencps_plan *plan, uint64_t now_ms, struct opencps_query *out)
{
    if (plan->current == NULL && !plan->backfilling) {
        memset(&plan->query, 0, sizeof(plan->query));
        plan->current = opencps_tasks_pick(&plan->tasks, plan->slow_budget > 0, now_ms);
        if (plan->current != NULL) {
            query_of_task(plan, plan->current, &plan->query);
        } else if (backfill_ready(plan, now_ms)) {
            plan->backfilling = true;
            opencps_backfill_query(&plan->backfill, plan->settings.page_size, &plan->query);
        } else {
            return false;
        }
    }
    *out = plan->query;
    return true;
}

/* ---- what came ---- */

/* Whether the next page of a list follows; then *start is its first row. */
static bool next_page(uint32_t page_size, uint32_t *start, int64_t total)
{
    if ((int64_t)*start + page_size >= total) {
        return false;
    }
    *start += page_size;
    return true;
}

static void remember(struct opencps_plan *plan, const struct opencps_task *task, int64_t total)
{
    struct seen *seen = &plan->seen[task->date][task->system];

    if (task->day_s == plan->today_s) {
        seen->day_s = task->day_s;
        seen->total = total;
    }
}

/* The first page of a window of today: when its total moved, the rest is read too. */
static int answer_look(struct opencps_plan *plan, struct opencps_task *task, int64_t total)
{
    const struct seen *seen = &plan->seen[task->date][task->system];
    bool known = seen->day_s == task->day_s;
    bool moved = !known || seen->total != total;
    bool vanished = known && seen->total > 0 && total == 0;
    struct opencps_task rest = *task;

    remember(plan, task, total);
    opencps_tasks_remove(&plan->tasks, task);
    if (vanished) {
        return opencps_tasks_add_check(
            &plan->tasks); /* is it only this window, or has the site lost its rows? */
    }
    rest.first_total = total;
    rest.last_total = total;
    if (!moved || !next_page(plan->settings.page_size, &rest.start, total)) {
        return 0;
    }
    rest.what = WHAT_WINDOW;
    rest.class = CLASS_SWEEP;
    rest.fails = 0;
    return opencps_tasks_add(&plan->tasks, &rest);
}

static void answer_page(struct opencps_plan *plan, struct opencps_task *task, int64_t total,
                        uint64_t now_ms)
{
    int64_t left = task->last_total - total; /* rows that left the list since the page before */

    if (task->last_total < 0) {
        task->first_total = total;
        left = 0;
    }
    task->last_total = total;
    if (next_page(plan->settings.page_size, &task->start, total)) {
        if (!task->strict && left > 0) {
            int64_t most = (int64_t)plan->settings.page_size - 1;

            task->start -= (uint32_t)(left < most ? left : most);
        }
        return;
    }
    if (!task->strict || total == task->first_total) {
        if (task->what == WHAT_WINDOW) {
            remember(plan, task, total);
        }
        opencps_tasks_remove(&plan->tasks, task);
        return;
    }
    task->start = 0;
    task->last_total = -1;
    if (++task->tries >= OPENCPS_TRIES) {
        task->tries = 0;
        task->not_before_ms = now_ms + plan->settings.poll_every_ms;
    }
}

static int answer_backfill(struct opencps_plan *plan, int64_t total, uint64_t now_ms)
{
    struct opencps_backfill *b = &plan->backfill;

    if (total == 0 && plan->had_rows && !b->empty) {
        b->empty = true; /* believed once the check has passed */
        return opencps_tasks_add_check(&plan->tasks);
    }
    if (!opencps_backfill_answer(b, total, plan->settings.page_size, plan->settings.start_from_s,
                                 plan->today_s, now_ms + plan->settings.poll_every_ms)) {
        go_live(plan);
    }
    return 0;
}

/* An unfiltered total. Nothing at all on a site that had rows means that the call is wrong: OpenCPS
 * reads a missing or foreign groupId as another, empty site (provincial-systems.md 1.1). */
static int answer_check(struct opencps_plan *plan, struct opencps_task *task, int64_t total,
                        uint64_t now_ms, struct errmsg *msg)
{
    if (total == 0 && task->system + 1 < OPENCPS_SYSTEMS) {
        task->system++;
        return 0;
    }
    if (total == 0 && plan->had_rows) {
        task->system = 0;
        plan->backfill.empty = false;
        return err_set(msg, ERR_REMOTE,
                       "the site shows no dossier at all though it had some: check group_id and "
                       "the rights of username");
    }
    opencps_tasks_remove(&plan->tasks, task);
    return plan->mode == MODE_BACKFILL && plan->backfill.empty ? answer_backfill(plan, 0, now_ms)
                                                               : 0;
}

static void progress(struct opencps_plan *plan, uint64_t now_ms, struct opencps_progress *out)
{
    write_cursor(plan);
    out->cursor = plan->cursor;
    out->more = opencps_tasks_pick(&plan->tasks, plan->slow_budget > 0, now_ms) != NULL ||
                backfill_ready(plan, now_ms) ||
                (plan->mode == MODE_LIVE && plan->sweep_due_ms == 0);
    out->full_done = plan->full_active && !opencps_tasks_full_left(&plan->tasks);
    if (out->full_done) {
        plan->full_active = false;
    }
    plan->in_round = out->more;
}

int opencps_plan_answer(struct opencps_plan *plan, int64_t total, size_t rows, uint64_t now_ms,
                        struct opencps_progress *out, struct errmsg *msg)
{
    struct opencps_task *task = plan->current;
    int err;

    assert(task != NULL || plan->backfilling);
    plan->current = NULL;
    plan->had_rows = plan->had_rows || total > 0 || rows > 0;
    if (task == NULL) {
        plan->backfilling = false;
        err = answer_backfill(plan, total, now_ms);
    } else {
        task->fails = 0;
        if (task->class == CLASS_SLOW) {
            plan->slow_budget--;
        }
        if (task->what == WHAT_CHECK) {
            err = answer_check(plan, task, total, now_ms, msg);
        } else if (task->what == WHAT_LOOK) {
            err = answer_look(plan, task, total);
        } else {
            answer_page(plan, task, total, now_ms);
            err = 0;
        }
    }
    progress(plan, now_ms, out);
    if (err != 0) {
        plan->in_round = false;
    }
    return err;
}

void opencps_plan_failed(struct opencps_plan *plan, bool own, uint64_t now_ms)
{
    struct opencps_task *task = plan->current;

    plan->current = NULL;
    plan->backfilling = false;
    plan->in_round = false;
    if (task != NULL && own) {
        uint64_t wait_ms = plan->settings.poll_every_ms << (task->fails < 10 ? task->fails : 10);

        task->fails++;
        task->not_before_ms = now_ms + (wait_ms < HOLDOFF_MAX_MS ? wait_ms : HOLDOFF_MAX_MS);
        task->seq = plan->tasks.seq++;
    }
}

void opencps_plan_idle(struct opencps_plan *plan, uint64_t now_ms, struct opencps_progress *out)
{
    progress(plan, now_ms, out);
}
