#include "sync/waits.h"

#include <stdio.h>
#include <string.h>

#include "sync/pusher.h"

/* Moves without a call are rare, but a source may make many at once. */
#define LOOK_MS 1000

static void look_around(struct waits *w);

static void timer_fired(struct loop_timer *timer)
{
    struct waits *w = CONTAINER_OF(timer, struct waits, timer);

    for (size_t i = 0; i < WAITS_BUCKETS; i++) {
        for (struct list *l = w->buckets[i].next; l != &w->buckets[i]; l = l->next) {
            struct wait *wait = CONTAINER_OF(l, struct wait, link);

            w->n_look += !wait->look;
            wait->look = true;
        }
    }
    look_around(w);
}

void waits_init(struct waits *w, const struct flow_env *env)
{
    memset(w, 0, sizeof(*w));
    w->env = env;
    for (size_t i = 0; i < WAITS_BUCKETS; i++) {
        list_init(&w->buckets[i]);
    }
    for (size_t i = 0; i < WAITS_LOOKS; i++) {
        w->looks[i].waits = w;
    }
    loop_timer_init(&w->timer, timer_fired);
}

static struct list *bucket_of(struct waits *w, const char *code)
{
    uint32_t h = 2166136261u;

    for (const char *c = code; *c != '\0'; c++) {
        h = (h ^ (uint8_t)*c) * 16777619u;
    }
    return &w->buckets[h % WAITS_BUCKETS];
}

bool waits_settled(const struct adapter_fate *fate)
{
    return fate->item == 0 || fate->state == ITEM_DONE || fate->state == ITEM_ADOPTED ||
           fate->state == ITEM_HELD;
}

bool waits_add(struct waits *w, struct wait *wait)
{
    if (w->n == WAITS_MAX) {
        return false;
    }
    wait->look = false;
    wait->running = NULL;
    list_push(bucket_of(w, wait->code), &wait->link);
    w->n++;
    return true;
}

void waits_remove(struct waits *w, struct wait *wait)
{
    if (wait->running != NULL) {
        wait->running->wait = NULL;
        wait->running = NULL;
    }
    w->n_look -= wait->look;
    wait->look = false;
    list_remove(&wait->link);
    w->n--;
}

static void check(struct waits *w, struct wait *wait)
{
    if (waits_settled(wait->fate)) {
        waits_remove(w, wait);
        wait->settled(wait); /* may free it */
    }
}

/* ---- the journal's word ---- */

void waits_take_fate(struct adapter_fate *to, const struct journal_fate *from)
{
    to->item = from->item;
    to->state = from->state;
    to->hold = from->hold;
    memcpy(to->reason, from->reason, sizeof(to->reason));
    memcpy(to->code, from->code, sizeof(to->code));
    memcpy(to->words, from->words, sizeof(to->words));
    if (from->state == ITEM_SUPERSEDED) {
        to->state = ITEM_DONE; /* nothing follows it: the sink held the same */
    } else if (from->state == ITEM_DROPPED) {
        to->state = ITEM_HELD;
        to->hold = HOLD_PERSON;
        (void)snprintf(to->reason, sizeof(to->reason), "given up by a person, so it is not sent");
        to->code[0] = '\0';
        to->words[0] = '\0';
    }
}

static void looked(struct journal_op *op)
{
    struct waits_look *look = CONTAINER_OF(op, struct waits_look, op.op);
    struct waits *w = look->waits;
    struct wait *wait = look->wait;

    look->busy = false;
    look->wait = NULL;
    w->looking--;
    if (wait != NULL) {
        wait->running = NULL;
        if (op->err == 0) {
            waits_take_fate(wait->fate, &look->op.fate);
            check(w, wait);
        }
    }
    look_around(w);
    if (w->looking == 0 && w->ended != NULL) {
        w->ended(w->ctx);
    }
}

static struct waits_look *free_look(struct waits *w)
{
    for (size_t i = 0; i < WAITS_LOOKS; i++) {
        if (!w->looks[i].busy) {
            return &w->looks[i];
        }
    }
    return NULL;
}

static void look_at(struct waits *w, struct waits_look *look, struct wait *wait)
{
    wait->look = false;
    w->n_look--;
    wait->running = look;
    look->wait = wait;
    look->busy = true;
    w->looking++;
    look->op.op.done = looked;
    look->op.item = wait->fate->item;
    journal_outcome(w->env->journal, &look->op);
}

static void look_around(struct waits *w)
{
    for (size_t i = 0; i < WAITS_BUCKETS && w->n_look > 0; i++) {
        for (struct list *l = w->buckets[i].next; l != &w->buckets[i]; l = l->next) {
            struct wait *wait = CONTAINER_OF(l, struct wait, link);
            struct waits_look *look;

            if (!wait->look || wait->running != NULL) {
                continue;
            }
            look = free_look(w);
            if (look == NULL) {
                return; /* the end of one comes back here */
            }
            look_at(w, look, wait);
        }
    }
}

void waits_look(struct waits *w)
{
    if (w->n > 0 && !loop_timer_armed(&w->timer)) {
        loop_timer_start(w->env->loop, &w->timer, LOOK_MS);
    }
}

void waits_stop(struct waits *w)
{
    loop_timer_stop(&w->timer);
}

/* ---- the pusher's word ---- */

static bool in_call(const struct pusher_news *news, int64_t item)
{
    for (size_t i = 0; i < news->n; i++) {
        if (news->items[i] == item) {
            return true;
        }
    }
    return false;
}

static bool ended_well(enum item_state state)
{
    return state == ITEM_DONE || state == ITEM_ADOPTED;
}

/* What the news say about a record: true when it counts. */
static bool concerns(const struct pusher_news *news, const struct wait *wait)
{
    if (news->step != wait->step) {
        return false;
    }
    if (in_call(news, wait->fate->item)) {
        return true;
    }
    /* A newer snapshot has come to its end: whatever older one still waits gave way to it. (Not so
     * one that was only stored: the older one may be on its way.) */
    return !news->step && !news->stored && wait->fate->item < news->items[0] &&
           (ended_well(news->became) || news->became == ITEM_HELD);
}

/* Where memory can't tell: what is equal to what was just delivered has no call of its own, what
 * was replaced may have been replaced by one that is held. */
static bool needs_look(const struct pusher_news *news, const struct wait *wait)
{
    return news->settled ||
           (!news->step && !wait->step &&
            (news->stored || ended_well(news->became) ||
             (news->became == ITEM_SUPERSEDED && in_call(news, wait->fate->item))));
}

static void apply(const struct pusher_news *news, struct adapter_fate *fate)
{
    fate->state = news->became;
    fate->hold = news->became == ITEM_HELD ? news->hold : HOLD_NONE;
    (void)snprintf(fate->reason, sizeof(fate->reason), "%s",
                   news->became == ITEM_HELD ? news->reason : "");
    (void)snprintf(fate->code, sizeof(fate->code), "%s", news->answer);
    (void)snprintf(fate->words, sizeof(fate->words), "%s", news->words);
    if (news->became == ITEM_SUPERSEDED) {
        /* A step: the sink holds the same already. A snapshot: a newer one is next. */
        fate->state = news->step ? ITEM_DONE : ITEM_PENDING;
    }
}

void waits_tell(struct waits *w, const struct pusher_news *news)
{
    struct list *bucket = bucket_of(w, news->code);
    bool ask = false;

    for (struct list *l = bucket->next; l != bucket;) {
        struct wait *wait = CONTAINER_OF(l, struct wait, link);

        l = l->next;
        if (strcmp(wait->code, news->code) != 0) {
            continue;
        }
        if (concerns(news, wait)) {
            apply(news, wait->fate);
        }
        if (!waits_settled(wait->fate) && !wait->look && needs_look(news, wait)) {
            wait->look = true;
            w->n_look++;
            ask = true;
        }
        check(w, wait); /* settled frees its own offer at a later turn: l stays */
    }
    if (ask) {
        look_around(w);
    }
}
