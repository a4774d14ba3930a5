#include "adapter/portal_wire.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/portal_bridge.h"
#include "adapter/portal_fields.h"
#include "base/digest.h"

/* ---- digests ---- */

/* Writes a dossier's object without its volatile parts, for its digest; they are in it when *whole.
 */
static int write_stable(const struct portal_fields *fields, const struct portal_mapped *m,
                        struct buf *text, bool *whole)
{
    struct portal_fields f = *fields; /* its writer may be in the middle of a call */

    f.stable = true;
    json_write_begin(&f.w, text);
    portal_fields_dossier(&f, m);
    *whole = !f.volatile_parts;
    return f.err != 0 ? f.err : buf_error(text);
}

static int digest_text(const char *text, size_t n, struct adapter_check *verdict)
{
    int err = digest_sha256(text, n, verdict->held_hash);

    verdict->has_held_hash = err == 0;
    return err;
}

static int digest_dossier(const struct portal_fields *fields, const struct portal_mapped *m,
                          struct portal_shelf *shelf, struct adapter_check *verdict)
{
    struct buf text;
    bool whole;
    int err;

    buf_init(&text, PORTAL_BODY_MAX);
    err = write_stable(fields, m, &text, &whole);
    if (err == 0) {
        err = digest_text(text.data, text.len, verdict);
    }
    if (err == 0 && whole && shelf != NULL) {
        portal_shelf_put(shelf, loop_now_ms(fields->env->loop), verdict->held_hash, verdict->status,
                         text.data, text.len);
    }
    buf_free(&text);
    return err;
}

/* Writes a step, too, though its digest is over less: what can't be written is found before it is
 * stored. */
static int digest_step(struct portal_fields *fields, const struct portal_mapped *m,
                       struct portal_shelf *shelf, struct adapter_check *verdict)
{
    struct buf text;
    int err;

    buf_init(&text, PORTAL_BODY_MAX);
    json_write_begin(&fields->w, &text);
    portal_fields_step(fields, m);
    err = fields->err != 0 ? fields->err : buf_error(&text);
    if (err == 0) {
        err = portal_fields_step_identity(m, fields->arena, verdict->held_hash);
        verdict->has_held_hash = err == 0;
    }
    if (err == 0 && m->step.answer[0] == '\0' && !verdict->by_content && shelf != NULL) {
        portal_shelf_put(shelf, loop_now_ms(fields->env->loop), verdict->record->hash,
                         verdict->status, text.data, text.len);
    }
    buf_free(&text);
    return err;
}

/* What an error of writing means for the record. 0: it is held now. */
static int hold_unwritable(int err, struct adapter_check *verdict)
{
    if (err == ERR_TOOBIG) {
        portal_hold_invalid(verdict, "the call would be larger than the portal takes (1 MiB)");
        return 0;
    }
    if (err == ERR_FORMAT) {
        portal_hold_invalid(verdict, "the record's extra fields are no JSON object");
        return 0;
    }
    return err;
}

void portal_wire_check(const struct adapter_env *env, struct portal_shelf *shelf,
                       struct adapter_check *check)
{
    struct portal_fields fields;
    struct portal_mapped m;
    struct arena arena;
    int err;

    arena_init(&arena, PORTAL_RECORD_BYTES);
    check->err = 0;
    check->has_held_hash = false;
    err = portal_map_record(env, check->record, false, &arena, &m, check);
    if (err == 0 && check->hold == HOLD_NONE) {
        portal_fields_begin(&fields, env, &arena, &env->config->portal);
        err = check->record->kind == RECORD_DOSSIER ? digest_dossier(&fields, &m, shelf, check)
                                                    : digest_step(&fields, &m, shelf, check);
    }
    if (err == ERR_NOMEM && arena.full) {
        portal_hold_invalid(check, "the record takes more memory than is allowed for one");
    } else if (err != 0) {
        check->err = hold_unwritable(err, check);
    }
    arena_free(&arena);
}

/* ---- pushes ---- */

/* A push being written. */
struct push {
    const struct adapter_env *env;
    const struct config_portal *portal;
    const struct adapter_send *send;
    struct portal_shelf *shelf; /* NULL none */
    struct portal_fields fields;
    struct arena arena; /* of the record being written */
};

static int write_dossier(struct push *p, const struct portal_mapped *m,
                         struct adapter_check *verdict)
{
    struct buf *out = p->fields.w.out;
    size_t begin = out->len;
    int err;

    p->fields.volatile_parts = false;
    portal_fields_dossier(&p->fields, m);
    err = p->fields.err != 0 ? p->fields.err : buf_error(out);
    if (err != 0) {
        return err;
    }
    begin += out->data[begin] == ','; /* of the array */
    if (out->len - begin > PORTAL_BODY_MAX) {
        return ERR_TOOBIG;
    }
    return p->fields.volatile_parts ? digest_dossier(&p->fields, m, NULL, verdict)
                                    : digest_text(out->data + begin, out->len - begin, verdict);
}

/* As the check wrote it. False: it is not there any more. */
static bool put_written(struct push *p, const struct record *record, struct adapter_check *verdict)
{
    struct portal_text *t = NULL;

    if (p->shelf != NULL) {
        t = portal_shelf_take(p->shelf, loop_now_ms(p->env->loop), record->hash);
    }
    if (t == NULL) {
        return false;
    }
    json_raw(&p->fields.w, NULL, t->text, t->len);
    verdict->hold = HOLD_NONE;
    verdict->reason[0] = '\0';
    verdict->status = t->status;
    verdict->has_held_hash = record->kind == RECORD_DOSSIER;
    memcpy(verdict->held_hash, t->hash, sizeof(verdict->held_hash));
    free(t);
    return true;
}

/* Seen from the body's text, before it is decoded: a quote within a text is escaped there. */
static bool is_answer(const struct record *record)
{
    static const char key[] = "\"answer\":";

    return record->kind == RECORD_STEP &&
           memmem(record->body, record->body_len, key, sizeof(key) - 1) != NULL;
}

/* ERR_INVAL: held, verdict says why. */
static int write_record(struct push *p, const struct record *record, struct adapter_check *verdict)
{
    struct portal_mapped m;
    int err;

    verdict->record = record;
    verdict->has_held_hash = false;
    p->fields.err = 0;
    if (put_written(p, record, verdict)) {
        return buf_error(p->fields.w.out);
    }
    err = portal_map_record(p->env, record, p->send->consented, &p->arena, &m, verdict);
    if (err == 0 && is_answer(record) && p->send->n_records > 1) {
        portal_hold_invalid(verdict, "an answer goes alone, not together with steps: release it");
    }
    if (err != 0 || verdict->hold != HOLD_NONE) {
        return err != 0 ? err : ERR_INVAL;
    }
    if (record->kind == RECORD_DOSSIER) {
        err = write_dossier(p, &m, verdict);
    } else if (is_answer(record)) {
        json_raw(&p->fields.w, portal_is_bridge(p->portal) ? NULL : "data", m.step.answer,
                 strlen(m.step.answer));
        err = buf_error(p->fields.w.out);
    } else {
        portal_fields_step(&p->fields, &m);
        err = p->fields.err != 0 ? p->fields.err : buf_error(p->fields.w.out);
    }
    return err;
}

static void note_sent(const struct adapter_send *send, size_t i,
                      const struct adapter_check *verdict)
{
    struct adapter_sent *sent;

    if (send->sent == NULL) {
        return;
    }
    sent = &send->sent[i];
    memset(sent, 0, sizeof(*sent));
    sent->hold = verdict->hold;
    memcpy(sent->reason, verdict->reason, sizeof(sent->reason));
    sent->status = send->kind == RECORD_DOSSIER ? verdict->status : 0;
    sent->has_content = send->kind == RECORD_DOSSIER && verdict->has_held_hash;
    memcpy(sent->content, verdict->held_hash, sizeof(sent->content));
}

/* Of several dossiers one that can't be sent is taken out again; written counts those that stay. */
static int write_dossiers(struct push *p, struct adapter_check *verdict, size_t *written)
{
    const struct adapter_send *send = p->send;
    struct buf *out = p->fields.w.out;
    struct adapter_check first_hold = {.hold = HOLD_NONE};

    for (size_t i = 0; i < send->n_records; i++) {
        struct json_writer before = p->fields.w;
        size_t len = out->len;
        int err = write_record(p, &send->records[i], verdict);

        if (err == ERR_FORMAT || (err == ERR_TOOBIG && buf_error(out) == 0)) {
            err = hold_unwritable(err, verdict) == 0 ? ERR_INVAL : err;
        }
        arena_free(&p->arena);
        if (err != 0 && err != ERR_INVAL) {
            return err;
        }
        note_sent(send, i, verdict);
        *written += err == 0;
        if (err == ERR_INVAL) {
            first_hold = first_hold.hold == HOLD_NONE ? *verdict : first_hold;
            p->fields.w = before;
            out->len = len;
            out->data[len] = '\0';
        }
    }
    if (*written == 0) {
        *verdict = first_hold;
    }
    return 0;
}

/* All or nothing: consecutive steps of one dossier. */
static int write_steps(struct push *p, struct adapter_check *verdict, size_t *written)
{
    for (size_t i = 0; i < p->send->n_records; i++) {
        int err = write_record(p, &p->send->records[i], verdict);

        arena_free(&p->arena);
        if (err != 0) {
            return err;
        }
        (*written)++;
    }
    return 0;
}

static bool call_possible(const struct adapter_send *send)
{
    /* More than one dossier goes direct too: a claim made before a reload to direct. */
    size_t max = send->kind == RECORD_STEP ? ADAPTER_STEPS_MAX : PORTAL_BATCH_MAX;

    if (send->kind != RECORD_DOSSIER && send->kind != RECORD_STEP) {
        return false;
    }
    for (size_t i = 0; i < send->n_records; i++) {
        if (send->records[i].kind != send->kind) {
            return false;
        }
    }
    return send->n_records >= 1 && send->n_records <= max;
}

void portal_wire_begin(struct json_writer *w, const char *agency_code, const char *service,
                       struct buf *out)
{
    json_write_begin(w, out);
    json_object_open(w, NULL);
    json_string(w, "madonvi", agency_code);
    json_string(w, "service", service);
}

enum shape { SHAPE_DOSSIERS, SHAPE_STEPS, SHAPE_ANSWER };

/* What stands in front of the records. A bridge calls the service of answers by another name
 * (section 3 no. 14). */
static void open_call(struct push *p, enum shape shape, struct portal_request out)
{
    static const char *const services[][2] = {
        [SHAPE_DOSSIERS] = {"DongBoHoSoMC", "DongBoHoSoMC"},
        [SHAPE_STEPS] = {"CapNhatTienDoHoSoMC", "CapNhatTienDoHoSoMC"},
        [SHAPE_ANSWER] = {"DongBoTrangThaiHoSo", "DongBoTrangThaiHoSoKM"},
    };
    bool bridge = portal_is_bridge(p->portal);
    struct json_writer *w = &p->fields.w;

    if (bridge) {
        json_write_begin(w, out.body);
        portal_bridge_push_path(p->portal, services[shape][1],
                                shape == SHAPE_DOSSIERS ? &p->send->updating : NULL, out.path);
    } else {
        portal_wire_begin(w, p->portal->agency_code, services[shape][0], out.body);
    }
    if (!bridge && shape == SHAPE_DOSSIERS) {
        json_string(w, "isUpdating", p->send->updating ? "True" : "False");
    }
    if (!bridge && shape == SHAPE_ANSWER) {
        json_string(w, "type", "2");
    }
    if (shape != SHAPE_ANSWER) {
        json_array_open(w, bridge ? NULL : "data");
    }
}

static int request_error(struct portal_request out)
{
    int err = buf_error(out.body);

    return err == 0 && out.path != NULL ? buf_error(out.path) : err;
}

static int write_call(struct push *p, enum shape shape, struct portal_request out,
                      struct adapter_check *verdict)
{
    struct json_writer *w = &p->fields.w;
    size_t written = 0;
    int err;

    open_call(p, shape, out);
    err = shape == SHAPE_DOSSIERS ? write_dossiers(p, verdict, &written)
                                  : write_steps(p, verdict, &written);
    if (err != 0) {
        return err;
    }
    if (written == 0) {
        return ERR_INVAL;
    }
    if (shape != SHAPE_ANSWER) {
        json_array_close(w);
    }
    if (!portal_is_bridge(p->portal)) {
        json_object_close(w);
    }
    return request_error(out);
}

int portal_wire_build(const struct adapter_env *env, const struct config_portal *portal,
                      const struct adapter_send *send, struct portal_request out,
                      struct adapter_check *verdict)
{
    struct push push = {.env = env, .portal = portal, .send = send, .shelf = out.shelf};
    enum shape shape = SHAPE_DOSSIERS;
    int err;

    memset(verdict, 0, sizeof(*verdict));
    if (!call_possible(send)) {
        portal_hold_invalid(verdict, "the portal takes dossiers or up to ten steps in a call");
        return ERR_INVAL;
    }
    if (send->kind == RECORD_STEP) {
        shape = is_answer(&send->records[0]) ? SHAPE_ANSWER : SHAPE_STEPS;
    }
    out.body->max_bytes = send->kind == RECORD_DOSSIER && send->n_records > 1
                              ? PORTAL_BATCH_BODY_MAX
                              : PORTAL_BODY_MAX;
    arena_init(&push.arena, PORTAL_RECORD_BYTES);
    portal_fields_begin(&push.fields, env, &push.arena, portal);
    err = write_call(&push, shape, out, verdict);
    arena_free(&push.arena);
    if (err == 0 || err == ERR_INVAL ||
        (err == ERR_TOOBIG && send->n_records > 1 && send->kind == RECORD_DOSSIER)) {
        return err;
    }
    return hold_unwritable(err, verdict) == 0 ? ERR_INVAL : err;
}

/* ---- readings ---- */

int portal_wire_read(const struct config_portal *portal, const char *service, const char *key,
                     const char *value, struct portal_request out)
{
    struct json_writer w;

    if (portal_is_bridge(portal)) {
        portal_bridge_read_path(service, key, value, out.path);
        return buf_error(out.path);
    }
    portal_wire_begin(&w, portal->agency_code, service, out.body);
    if (key != NULL) {
        json_string(&w, key, value);
    }
    json_object_close(&w);
    return buf_error(out.body);
}

/* Ours whatever a client writes there. */
static bool of_envelope(const char *key)
{
    return strcmp(key, "session") == 0 || strcmp(key, "service") == 0 ||
           strcmp(key, "madonvi") == 0;
}

static void relay_direct(const struct config_portal *portal, const char *service,
                         const struct json *parameters, struct buf *out)
{
    char number[24];
    const char *agency = json_text_or_empty(json_get(parameters, "madonvi"), number);
    struct json_writer w;

    portal_wire_begin(&w, agency[0] != '\0' ? agency : portal->agency_code, service, out);
    for (const struct json *node = json_first(parameters); node != NULL; node = json_next(node)) {
        if (!of_envelope(json_key(node))) {
            json_node(&w, json_key(node), node);
        }
    }
    json_object_close(&w);
}

int portal_wire_relay(const struct config_portal *portal, const char *service,
                      const char *parameters, struct portal_request out, struct errmsg *msg)
{
    struct json *root = NULL;
    int err = 0;

    if (parameters[0] != '\0') {
        err = json_parse(parameters, strlen(parameters), &root, msg);
    }
    if (err == 0 && root != NULL && !json_is_object(root)) {
        err = err_set(msg, ERR_FORMAT, "the parameters are no JSON object");
    }
    if (err == 0 && portal_is_bridge(portal)) {
        err = portal_bridge_relay_path(service, root, out.path);
    } else if (err == 0) {
        relay_direct(portal, service, root, out.body);
    }
    if (err == 0) {
        err = request_error(out);
    }
    json_free(root);
    return err != 0 && msg->text[0] == '\0' ? err_set(msg, err, "%s", err_text(err)) : err;
}
