#include "adapter/mapped.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/mapped_impl.h"
#include "base/digest.h"

#define REFUSED_LOG_MS 60000

struct mapped *mapped_self(struct adapter *a)
{
    return CONTAINER_OF(a, struct mapped, adapter);
}

/* ---- small sets ---- */

static bool set_open(struct mapped_set *s, size_t max)
{
    s->all = calloc(max, sizeof(*s->all));
    s->max = max;
    s->next = 0;
    s->any = false;
    return s->all != NULL;
}

static bool set_has(const struct mapped_set *s, uint64_t what)
{
    /* Open addressing would need deletion; a few thousand words are looked through as fast. */
    for (size_t i = 0; i < s->max; i++) {
        if (s->all[i] == what) {
            return true;
        }
    }
    return false;
}

bool mapped_set_add(struct mapped_set *s, uint64_t what)
{
    if (set_has(s, what)) {
        return false;
    }
    s->all[s->next] = what;
    s->next = (s->next + 1) % s->max;
    s->any = true;
    return true;
}

static void set_clear(struct mapped_set *s)
{
    memset(s->all, 0, s->max * sizeof(*s->all));
    s->next = 0;
    s->any = false;
}

static void set_drop(struct mapped_set *s, uint64_t what)
{
    s->any = false;
    for (size_t i = 0; i < s->max; i++) {
        s->all[i] = s->all[i] == what ? 0 : s->all[i];
        s->any = s->any || s->all[i] != 0;
    }
}

uint64_t mapped_digest_id(const char *id, const uint8_t *hash)
{
    uint8_t out[DIGEST_BYTES];
    struct digest d;
    uint64_t word = 0;

    if (digest_begin(&d) == 0) {
        digest_add_field(&d, id);
        if (hash != NULL) {
            digest_add(&d, hash, RECORD_HASH_BYTES);
        }
        digest_end(&d, out);
        memcpy(&word, out, sizeof(word));
    }
    return word != 0 ? word : 1;
}

/* ---- poll ---- */

static void end_poll(struct mapped *m, int err, const struct errmsg *why)
{
    struct adapter_poll *poll = m->poll;

    m->poll = NULL;
    if (err == ERR_NOTFOUND) {
        err = ERR_REMOTE;
    }
    poll->err = err;
    if (why != NULL) {
        poll->why = *why;
    }
    poll->done(poll); /* may poll again, or free m */
}

static void drop_kept(struct mapped *m)
{
    struct mapped_reading *reading = m->reading;

    mapped_page_unref(m->page);
    m->page = NULL;
    m->from = 0;
    m->at = 0;
    m->reading = NULL;
    if (reading != NULL) {
        mapped_reading_close(reading); /* may come to gone() at once */
    }
}

static void count_known(struct mapped *m, const struct mapped_row *row)
{
    if (m->cursor.settings.style != CURSOR_NEWEST) {
        return;
    }
    if (mapped_set_add(&m->known, mapped_digest_id(row->id, row->hash))) {
        m->facts.known_tail = 0;
    } else {
        m->facts.known_tail++;
    }
}

/* A queue hands out again what has changed, even where the row does not show it: a step within the
 * same status. When the steps stand elsewhere, each handing out asks for them. */
static void mark_handed_out(const struct mapped *m, uint8_t hash[RECORD_HASH_BYTES])
{
    const struct preset *preset = m->caller.settings->preset;
    uint64_t when[2] = {m->last_list_ms, (uint64_t)loop_wall_s(m->env.loop)};

    if (m->cursor.settings.style != CURSOR_ACK || (!preset->detail.given && !preset->steps.given)) {
        return;
    }
    for (size_t i = 0; i < sizeof(when); i++) {
        hash[i] ^= (uint8_t)(when[i / 8] >> (8 * (i % 8)));
    }
}

/* The same row twice in a reply is one: were the second asked for and failed, it would stay owed
 * while the first is acknowledged, and a queue shows it no more. */
static bool stands_twice(struct mapped *m, const struct mapped_row *row)
{
    return !mapped_set_add(&m->handed, mapped_digest_id(row->id, row->hash));
}

/* Owed, and its record was not kept. */
static bool take_wanted(struct mapped *m, const char *id)
{
    uint64_t what;

    if (!m->wanted.any) {
        return false;
    }
    what = mapped_digest_id(id, NULL);
    if (!set_has(&m->wanted, what)) {
        return false;
    }
    set_drop(&m->wanted, what);
    return true;
}

static void put_row(struct mapped *m, const struct mapped_row *row, struct adapter_row *out)
{
    struct digest d;

    out->id = row->id;
    memcpy(out->hash, row->hash, sizeof(out->hash));
    mark_handed_out(m, out->hash);
    count_known(m, row);
    if (take_wanted(m, row->id)) {
        out->hash[0] ^= 0xFF; /* under another hash it is asked for again */
    }
    if (digest_begin(&d) == 0) {
        digest_add(&d, m->digest, sizeof(m->digest));
        digest_add_field(&d, row->id);
        digest_add(&d, row->hash, sizeof(row->hash));
        digest_end(&d, m->digest);
    }
}

static void add_facts(struct mapped *m)
{
    const struct mapped_page *page = m->page;
    struct mapped_facts *f = &m->facts;

    f->n_rows += page->n_rows;
    f->newest_s = page->newest_s > f->newest_s ? page->newest_s : f->newest_s;
    f->last_s = page->last_s > 0 ? page->last_s : f->last_s;
    f->has_total = page->has_total;
    f->total = page->total;
    f->is_last = page->is_last;
    f->next = page->next;
    m->rows_refused += page->refused;
}

/* The last rows of a reply are in the poller's hands: the cursor may move with them. */
static int finish_reply(struct mapped *m, struct errmsg *why)
{
    struct mapped_turn turn;
    int err;

    m->facts.same =
        m->has_before && m->facts.n_rows > 0 && digest_equal(m->digest, m->digest_before);
    memcpy(m->digest_before, m->digest, sizeof(m->digest));
    m->has_before = true;
    err = mapped_cursor_took(&m->cursor, &m->facts, &turn, why);
    m->poll->more = turn.more;
    m->poll->full_done = turn.full_done;
    m->poll->next_cursor = m->cursor.text;
    return err;
}

static void hand_out(struct mapped *m)
{
    struct errmsg why = {""};
    size_t n = m->page->n_rows - m->at;
    int err = 0;

    n = n < MAPPED_PAGE_ROWS ? n : MAPPED_PAGE_ROWS;
    m->from = m->at;
    m->poll->n_rows = 0;
    for (size_t i = 0; i < n; i++) {
        const struct mapped_row *row = &m->page->rows[m->from + i];

        if (!stands_twice(m, row)) {
            put_row(m, row, &m->rows[m->poll->n_rows++]);
        }
    }
    m->at += n;
    m->poll->rows = m->rows;
    m->poll->next_cursor = "";
    m->poll->more = true;
    m->poll->first_reading = mapped_cursor_first(&m->cursor) &&
                             !m->page->settings->preset->detail.given &&
                             !m->page->settings->preset->steps.given;
    if (m->at == m->page->n_rows && m->last_page) {
        err = finish_reply(m, &why);
    }
    end_poll(m, err, err == 0 ? NULL : &why);
}

static void handing_run(struct loop_task *task)
{
    struct mapped *m = CONTAINER_OF(task, struct mapped, handing);
    struct errmsg why = {"cancelled"};

    if (m->poll != NULL && m->canceled) {
        end_poll(m, ERR_CANCELED, &why);
    } else if (m->poll != NULL && m->page != NULL) {
        hand_out(m);
    } else if (m->poll != NULL) {
        err_set(&why, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
        end_poll(m, ERR_NOMEM, &why);
    }
}

static void say_refused(struct mapped *m)
{
    uint64_t suppressed = 0;

    if (m->page->refused > 0 &&
        log_limit_pass(&m->refused_log, loop_now_ms(m->env.loop), REFUSED_LOG_MS, &suppressed)) {
        log_plain(m->env.log, LOG_LEVEL_WARN, "rows_refused",
                  "source %s: %zu rows of a list have no usable id: %s", m->name, m->page->refused,
                  m->page->fault.text);
    }
}

static void gone(void *ctx)
{
    mapped_ended(ctx);
}

static void page_ready(struct mapped_reading *r, struct mapped_page *page, bool last, int err,
                       const struct errmsg *why)
{
    struct mapped *m = r->ctx;
    struct errmsg copy = *why;
    bool feeding = r->feeding;

    if (last) {
        m->reading = NULL;
        m->n_open++; /* stays while the reading goes */
        mapped_reading_close(r);
        m->n_open--;
    }
    if (m->canceled && err == 0) {
        mapped_page_unref(page);
        page = NULL;
        err = err_set(&copy, ERR_CANCELED, "%s", err_text(ERR_CANCELED));
    }
    if (err != 0) {
        drop_kept(m);
        end_poll(m, err, &copy);
        return;
    }
    m->feeds += feeding && m->page == NULL ? 1 : 0;
    m->page = page;
    m->from = 0;
    m->at = 0;
    m->last_page = last;
    m->pages++;
    add_facts(m);
    say_refused(m);
    hand_out(m);
}

static void start_reading(struct mapped *m)
{
    uint64_t now_ms = loop_now_ms(m->env.loop);
    uint64_t pause_ms = m->caller.settings->preset->cursor.page_delay_ms;
    uint64_t delay_ms = 0;
    struct mapped_ask ask;

    mapped_cursor_ask(&m->cursor, now_ms, loop_wall_s(m->env.loop), &ask);
    if (m->last_list_ms > 0 && now_ms - m->last_list_ms < pause_ms) {
        delay_ms = pause_ms - (now_ms - m->last_list_ms);
    }
    m->last_list_ms = now_ms + delay_ms;
    if (ask.first && m->cursor.settings.style != CURSOR_ACK) {
        m->has_before = false;
    }
    memset(m->digest, 0, sizeof(m->digest));
    memset(&m->facts, 0, sizeof(m->facts));
    set_clear(&m->handed);
    m->reading = mapped_reading_open(&m->caller, &ask, delay_ms, page_ready, gone, m);
    if (m->reading == NULL) {
        loop_defer(m->env.loop, &m->handing);
        return;
    }
    m->n_open++;
}

static void mapped_poll(struct adapter *a, struct adapter_poll *poll)
{
    struct mapped *m = mapped_self(a);
    const char *cursor = poll->cursor != NULL ? poll->cursor : "";

    m->poll = poll;
    m->canceled = false;
    if (strcmp(cursor, m->cursor.text) != 0) {
        drop_kept(m);
    }
    mapped_cursor_load(&m->cursor, cursor);
    if (poll->full) {
        mapped_cursor_full(&m->cursor);
    }
    if (m->page != NULL && m->at < m->page->n_rows) {
        loop_defer(m->env.loop, &m->handing);
        return;
    }
    mapped_page_unref(m->page);
    m->page = NULL;
    m->from = 0;
    m->at = 0;
    if (m->reading != NULL) {
        mapped_reading_want(m->reading);
        return;
    }
    start_reading(m);
}

/* ---- the instance ---- */

static void mapped_cancel(struct adapter *a)
{
    struct mapped *m = mapped_self(a);

    m->canceled = true;
    m->has_before = false;
    mapped_caller_cancel(&m->caller);
    if (m->poll != NULL && m->reading != NULL && m->reading->ended) {
        /* Its call is over, only a worker reads on. */
        drop_kept(m);
        loop_defer(m->env.loop, &m->handing);
    } else if (m->poll == NULL) {
        drop_kept(m);
    }
}

static int rank_of(const struct mapped_settings *s)
{
    return s->source.rank > 0 ? (int)s->source.rank : 1;
}

static void apply(struct mapped *m, const struct mapped_settings *s)
{
    m->adapter.caps = s->preset->ack.given ? ADAPTER_ACK : 0;
    m->adapter.rank = rank_of(s);
}

static int mapped_reconfigure(struct adapter *a, const struct config *config, struct errmsg *msg)
{
    struct mapped *m = mapped_self(a);
    const struct config_source *source = config_source_find(config, m->name);
    struct mapped_settings *settings;
    int err;

    if (source == NULL) {
        return err_set(msg, ERR_CONFIG, "source %s: not in the new configuration", m->name);
    }
    err = mapped_settings_new(config, source, &settings, msg);
    if (err != 0) {
        return err;
    }
    mapped_caller_change(&m->caller, settings);
    mapped_cursor_change(&m->cursor, &settings->cursor);
    apply(m, settings);
    mapped_settings_unref(settings);
    m->env.config = config;
    return 0;
}

static size_t mapped_notes(struct adapter *a, struct adapter_note notes[ADAPTER_NOTES_MAX])
{
    const struct mapped *m = mapped_self(a);
    const struct adapter_note all[] = {
        {"calls", m->caller.calls},
        {"logins", m->caller.auth.logins},
        {"logins_refused", m->caller.auth.refusals},
        {"pages", m->pages},
        {"long_replies", m->feeds},
        {"rows_refused", m->rows_refused},
        {"records_skipped", m->skipped},
    };

    memcpy(notes, all, sizeof(all));
    return sizeof(all) / sizeof(all[0]);
}

static void destroy(struct mapped *m)
{
    loop_task_cancel(&m->handing);
    mapped_page_unref(m->page);
    mapped_caller_free(&m->caller);
    free(m->known.all);
    free(m->wanted.all);
    free(m->handed.all);
    free(m->name);
    free(m);
}

void mapped_ended(struct mapped *m)
{
    m->n_open--;
    if (m->freed && m->n_open == 0) {
        destroy(m);
    }
}

static void mapped_free(struct adapter *a)
{
    struct mapped *m = mapped_self(a);

    m->n_open++;
    m->freed = true;
    drop_kept(m);
    mapped_ended(m);
}

static const struct adapter_ops mapped_ops = {
    .profile = "mapped",
    .poll = mapped_poll,
    .detail = mapped_detail_verb,
    .ack = mapped_ack_verb,
    .list = mapped_list_verb,
    .notes = mapped_notes,
    .cancel = mapped_cancel,
    .reconfigure = mapped_reconfigure,
    .free = mapped_free,
};

int mapped_open(const struct adapter_env *env, const struct config_source *source,
                struct adapter **out, struct errmsg *msg)
{
    struct mapped *m = calloc(1, sizeof(*m));
    struct mapped_settings *settings;
    int err;

    *out = NULL;
    if (m == NULL) {
        return err_set(msg, ERR_NOMEM, "source %s: %s", source->name, err_text(ERR_NOMEM));
    }
    err = mapped_settings_new(env->config, source, &settings, msg);
    if (err != 0) {
        free(m);
        return err;
    }
    m->env = *env;
    loop_task_init(&m->handing, handing_run);
    mapped_caller_init(&m->caller, env, settings);
    mapped_cursor_init(&m->cursor, &settings->cursor);
    m->adapter.ops = &mapped_ops;
    apply(m, settings);
    mapped_settings_unref(settings);
    m->name = strdup(source->name);
    m->adapter.name = m->name;
    if (m->name == NULL || !set_open(&m->known, MAPPED_KNOWN_MAX) ||
        !set_open(&m->wanted, MAPPED_WANTED_MAX) || !set_open(&m->handed, MAPPED_HANDED_MAX)) {
        destroy(m);
        return err_set(msg, ERR_NOMEM, "source %s: %s", source->name, err_text(ERR_NOMEM));
    }
    *out = &m->adapter;
    return 0;
}
