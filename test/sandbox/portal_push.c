/* DongBoHoSoMC, CapNhatTienDoHoSoMC and TraCuuHoSo; protocol/national-portal.md 5.1-5.3 and 15. */
#include "sandbox/portal_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One element of data, checked and printed before the lock is taken. */
struct item {
    struct rule_result r;
    struct digest digest; /* of a snapshot */
    struct sbuf key;      /* of a step */
    char *record;         /* printed; owned by cJSON's allocator, which is malloc */
};

/* What distinguishes the two services. */
struct push {
    struct call *c;
    bool steps;
    bool updating;
    struct item *items;
    size_t count;
};

void push_step_key(const cJSON *step, struct sbuf *out)
{
    static const char *const parts[] = {"ThoiDiemXuLy", "TrangThai", "NguoiXuLy"};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(step, parts[i]);

        if (i > 0) {
            sbuf_puts(out, "|");
        }
        if (cJSON_IsString(v)) {
            sbuf_puts(out, v->valuestring);
        } else if (cJSON_IsNumber(v)) {
            sbuf_printf(out, "%.0f", v->valuedouble);
        }
    }
}

/* ---- before the lock ---- */

static void prepare(struct push *push, const cJSON *data)
{
    struct portal *p = push->c->p;
    const cJSON *json;

    cJSON_ArrayForEach(json, data)
    {
        struct item *it = &push->items[push->count];

        push->count++;
        if (push->steps) {
            rules_check_step(json, p->knobs, &it->r);
        } else {
            rules_check_dossier(json, p->knobs, p->catalog, &it->r);
        }
        if (it->r.refusal != REFUSED_NOT) {
            return; /* nothing behind the first refused item counts */
        }
        if (push->steps) {
            push_step_key(json, &it->key);
        } else {
            it->digest = digest_json(json);
        }
        it->record = cJSON_PrintUnformatted(json);
    }
}

static void free_items(struct push *push)
{
    for (size_t i = 0; i < push->count; i++) {
        sbuf_free(&push->items[i].key);
        free(push->items[i].record);
    }
    free(push->items);
}

/* ---- under the lock ---- */

static void refuse_item(struct item *it, enum refusal why, const char *message)
{
    it->r.refusal = why;
    snprintf(it->r.message, sizeof it->r.message, "%s", message);
}

static void admit_move(struct push *push, struct item *it, const struct dossier *d, bool moves)
{
    if (moves && knobs_get(push->c->p->knobs, PK_STRICT_TRANSITIONS) != 0 &&
        !rules_transition_allowed(d != NULL ? d->shown : 0, it->r.state)) {
        refuse_item(it, REFUSED_TRANSITION, "Chuyển trạng thái hồ sơ không hợp lệ");
    }
}

static void admit_dossier(struct push *push, struct item *it, const struct dossier *d)
{
    bool moves = d == NULL || !d->has_snapshot || it->r.time >= d->snapshot_time;
    char poison[KNOB_TEXT_MAX];

    knobs_get_text(push->c->p->knobs, PK_REFUSE_CODE, poison);
    if (poison[0] != '\0' && strcmp(poison, it->r.code) == 0) {
        refuse_item(it, REFUSED_FIELD, "Mã hồ sơ không hợp lệ");
        return;
    }

    if (d != NULL && !push->updating) {
        refuse_item(it, REFUSED_DUPLICATE, "Hồ sơ đã tồn tại");
        return;
    }
    if (d == NULL && push->updating && knobs_get(push->c->p->knobs, PK_UPSERT) == 0) {
        refuse_item(it, REFUSED_UNKNOWN_DOSSIER, "Hồ sơ không tồn tại");
        return;
    }
    if (d != NULL && d->has_snapshot && d->digest.a == it->digest.a &&
        d->digest.b == it->digest.b) {
        moves = false;
    }
    admit_move(push, it, d, moves);
}

static void admit_step(struct push *push, struct item *it, const struct dossier *d)
{
    if (d == NULL) {
        refuse_item(it, REFUSED_UNKNOWN_DOSSIER, "Hồ sơ không tồn tại");
        return;
    }
    admit_move(push, it, d, it->r.time > d->shown_time);
}

/* Decides about one item; its refusal says what came out. */
static void admit(struct push *push, struct item *it)
{
    const struct dossier *d;

    if (it->r.refusal != REFUSED_NOT) {
        return;
    }
    if (it->record == NULL || it->key.failed) {
        refuse_item(it, REFUSED_FULL, "Hệ thống bận");
        return;
    }
    d = store_find(&push->c->p->store, it->r.code);
    if (push->steps) {
        admit_step(push, it, d);
    } else {
        admit_dossier(push, it, d);
    }
}

void push_write_line(struct portal *p, uint64_t call, const char *kind, const char *code,
                     const char *members, const char *record)
{
    uint64_t at_us = portal_wall_us();
    struct sbuf b = {0};

    p->line_count++;
    sbuf_printf(&b, "{\"n\":%llu,\"call\":%llu,\"at_ms\":%llu,\"at_us\":%llu",
                (unsigned long long)p->line_count, (unsigned long long)call,
                (unsigned long long)(at_us / 1000), (unsigned long long)at_us);
    sbuf_member(&b, "kind", kind);
    sbuf_member(&b, "code", code);
    if (members != NULL) {
        sbuf_comma(&b);
        sbuf_puts(&b, members);
    }
    if (record != NULL) {
        sbuf_puts(&b, ",\"record\":");
        sbuf_puts(&b, record);
    }
    sbuf_puts(&b, "}");
    if (!b.failed) {
        ledger_append(p->ledger, b.data, b.len);
    }
    sbuf_free(&b);
}

static void write_line(struct push *push, const struct item *it, bool effect, bool twice)
{
    struct portal *p = push->c->p;
    struct sbuf members = {0};

    if (push->steps) {
        sbuf_key(&members, "key");
        sbuf_json(&members, it->key.data, it->key.len);
    } else {
        sbuf_puts(&members, push->updating ? "\"updating\":true" : "\"updating\":false");
    }
    sbuf_puts(&members, effect ? ",\"effect\":true" : ",\"effect\":false");
    if (twice) {
        sbuf_puts(&members, ",\"stored_twice\":true");
    }
    if (!members.failed) {
        push_write_line(p, p->call_count, push->steps ? "step" : "dossier", it->r.code,
                        members.data, it->record);
    }
    sbuf_free(&members);
}

static void store_dossier(struct push *push, struct item *it)
{
    struct portal *p = push->c->p;
    struct dossier *d = store_find(&p->store, it->r.code);
    struct store_change change;

    if (d == NULL) {
        d = store_add(&p->store, it->r.code);
    }
    if (d == NULL) {
        refuse_item(it, REFUSED_FULL, "Hệ thống bận");
        return;
    }
    change = dossier_put_snapshot(d, it->digest, it->r.state, it->r.time);
    p->stats.effects += change.effect ? 1u : 0u;
    p->stats.repeats += change.effect ? 0u : 1u;
    p->stats.snapshots_dated_back += change.older ? 1u : 0u;
    write_line(push, it, change.effect, false);
}

static void store_step(struct push *push, struct item *it)
{
    struct portal *p = push->c->p;
    struct dossier *d = store_find(&p->store, it->r.code);
    struct store_change change =
        dossier_put_step(&p->store, d, digest_text(it->key.data), it->r.state, it->r.time);
    bool twice = !change.effect && knobs_get(p->knobs, PK_STEP_DEDUPE) == 0;

    if (change.failed) {
        refuse_item(it, REFUSED_FULL, "Hệ thống bận");
        return;
    }
    p->stats.effects += change.effect ? 1u : 0u;
    p->stats.steps_repeated += change.effect ? 0u : 1u;
    p->stats.steps_stored_twice += twice ? 1u : 0u;
    p->stats.order_violations += change.older ? 1u : 0u;
    write_line(push, it, change.effect, twice);
}

/* The first item that would be refused, NULL when all would be stored. */
static struct item *find_refused(struct push *push)
{
    for (size_t i = 0; i < push->count; i++) {
        struct item *it = &push->items[i];

        admit(push, it);
        for (size_t k = 0; k < i && !push->steps && it->r.refusal == REFUSED_NOT; k++) {
            if (strcmp(push->items[k].r.code, it->r.code) == 0) {
                refuse_item(it, REFUSED_DUPLICATE, "Hồ sơ đã tồn tại");
            }
        }
        if (it->r.refusal != REFUSED_NOT) {
            return it;
        }
    }
    return NULL;
}

/* Stores item by item up to the first refused one, which is returned. */
static struct item *store_items(struct push *push)
{
    struct call *c = push->c;

    for (size_t i = 0; i < push->count; i++) {
        struct item *it = &push->items[i];

        admit(push, it);
        if (it->r.refusal != REFUSED_NOT) {
            return it;
        }
        if (!c->committed) {
            c->committed = true;
            c->p->call_count++;
        }
        if (push->steps) {
            store_step(push, it);
        } else {
            store_dossier(push, it);
        }
        if (it->r.refusal != REFUSED_NOT) {
            return it;
        }
    }
    return NULL;
}

static void run(struct push *push, const cJSON *data)
{
    struct portal *p = push->c->p;
    struct item *refused = NULL;

    prepare(push, data);
    pthread_mutex_lock(&p->lock);
    p->stats.writing_calls++;
    if (knobs_get(p->knobs, PK_ATOMIC_BATCH) != 0) {
        refused = find_refused(push);
    }
    if (refused == NULL) {
        refused = store_items(push);
    }
    p->stats.accepted += refused == NULL ? 1u : 0u;
    pthread_mutex_unlock(&p->lock);
    if (refused != NULL) {
        portal_refuse(push->c, refused->r.refusal, refused->r.message);
    } else {
        snprintf(push->c->message, sizeof push->c->message, "%s",
                 push->steps ? "Cập nhật tiến độ thành công" : "Đồng bộ hồ sơ thành công");
    }
}

/* ---- the services ---- */

/* "True" or "False" in any case, or a boolean. */
static bool read_updating(struct call *c, bool *out)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->body, "isUpdating");

    if (cJSON_IsBool(v)) {
        *out = cJSON_IsTrue(v);
        return true;
    }
    if (!cJSON_IsString(v) ||
        (strcasecmp(v->valuestring, "True") != 0 && strcasecmp(v->valuestring, "False") != 0)) {
        portal_refuse(c, REFUSED_FIELD, "Trường isUpdating không hợp lệ");
        return false;
    }
    *out = strcasecmp(v->valuestring, "True") == 0;
    return true;
}

static void push_data(struct call *c, bool steps, bool updating)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(c->body, "data");
    long max = knobs_get(c->p->knobs, steps ? PK_MAX_STEPS_PER_CALL : PK_MAX_DOSSIERS_PER_CALL);
    struct push push = {.c = c, .steps = steps, .updating = updating};
    int count = cJSON_IsArray(data) ? cJSON_GetArraySize(data) : 0;

    if (count == 0) {
        portal_refuse(c, REFUSED_FORMAT, "Dữ liệu data không được để trống");
        return;
    }
    if (count > CALL_ITEMS_MAX || (max > 0 && count > max)) {
        portal_refuse(c, REFUSED_FORMAT, "Số lượng bản ghi vượt quá giới hạn");
        return;
    }
    push.items = (struct item *)calloc((size_t)count, sizeof *push.items);
    if (push.items == NULL) {
        portal_refuse(c, REFUSED_FULL, "Hệ thống bận");
        return;
    }
    inflight_enter(c->p, c->req, data);
    run(&push, data);
    free_items(&push);
}

void push_dossiers(struct call *c)
{
    bool updating;

    if (read_updating(c, &updating)) {
        push_data(c, false, updating);
    }
}

void push_steps(struct call *c)
{
    push_data(c, true, false);
}

void push_lookup(struct call *c)
{
    struct portal *p = c->p;
    const char *code = portal_body_text(c, "mahoso");
    const struct dossier *d;

    if (portal_strikes(p, PK_LOOKUP_FAIL_PERCENT)) {
        c->status = 500;
        return;
    }
    if (code == NULL || *code == '\0') {
        portal_refuse(c, REFUSED_FIELD, "Trường mahoso không được để trống");
        return;
    }
    pthread_mutex_lock(&p->lock);
    d = store_find(&p->store, code);
    if (d != NULL && d->mute) {
        pthread_mutex_unlock(&p->lock);
        portal_refuse(c, REFUSED_FIELD, "Không được phép tra cứu hồ sơ này");
        return;
    }
    sbuf_key(&c->result, "result");
    sbuf_puts(&c->result, "[");
    if (d != NULL) {
        sbuf_puts(&c->result, "{");
        sbuf_member(&c->result, "MaHoSo", d->code);
        sbuf_key(&c->result, "TrangThaiHoSo");
        sbuf_printf(&c->result, "\"%u\"}", (unsigned)d->shown);
    }
    pthread_mutex_unlock(&p->lock);
    sbuf_puts(&c->result, "]");
}
