/* Writing for the other side: one file a call, under a name made from what it is about, so that the
 * same call twice writes the same file once more. */
#include <stdio.h>
#include <string.h>

#include "adapter/national.h"
#include "adapter/opencps_impl.h"
#include "adapter/opencps_write.h"
#include "adapter/portal_wire.h"
#include "adapter/spool_impl.h"
#include "base/crash_point.h"
#include "base/digest.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/record.h"

#define FILE_MAX (8u << 20)
#define NAME_DIGITS 24 /* of the digest, in hex */

struct send_op {
    struct spool_op op; /* first */
    struct adapter_send *send;
    struct buf text;
    char name[96];
};

/* ---- check ---- */

void spool_check_verb(struct adapter *a, struct adapter_check *check)
{
    const struct spool *s = spool_self(a);

    check->err = 0;
    check->status = 0;
    check->flags = 0;
    check->hold = HOLD_NONE;
    check->has_held_hash = false;
    check->reason[0] = '\0';
    if (national_other_find(check->record->kind) != NULL) {
        return; /* written as it came: who sends it on judges it */
    }
    if (check->record->kind == RECORD_DOSSIER || check->record->kind == RECORD_STEP) {
        portal_wire_check(&s->env, NULL, check);
    } else if (check->record->kind != RECORD_PROCEDURE) {
        check->hold = HOLD_INVALID;
        snprintf(check->reason, sizeof(check->reason),
                 "a spool takes dossiers, steps and procedures: look at `to` of the flow");
    } else if (s->settings->xml) {
        opencps_check_procedure(&s->env, check);
    } else {
        memcpy(check->held_hash, check->record->hash, sizeof(check->held_hash));
        check->has_held_hash = true;
    }
}

/* ---- procedures ---- */

/* LayThuTuc's names for what is one text here (doc/opencps.md says how lists became texts). */
static const struct {
    const char *name;
    size_t offset;
} PROCEDURE[] = {
    {"MATTHC", offsetof(struct procedure, code)},
    {"TENTTHC", offsetof(struct procedure, name)},
    {"LOAITTHC", offsetof(struct procedure, kind)},
    {"TRANGTHAI", offsetof(struct procedure, status)},
    {"MACOQUANCONGBO", offsetof(struct procedure, publisher)},
    {"TENCOQUANCONGBO", offsetof(struct procedure, publisher_name)},
    {"IDQUYETDINHCONGBO", offsetof(struct procedure, decision_id)},
    {"MALINHVUC", offsetof(struct procedure, sector_code)},
    {"TENLINHVUC", offsetof(struct procedure, sector_name)},
    {"TRINHTUTHUCHIEN", offsetof(struct procedure, steps_text)},
    {"CACHTHUCTHUCHIEN", offsetof(struct procedure, channels_text)},
    {"THOIGIANGIAIQUYET", offsetof(struct procedure, duration_text)},
    {"PHILEPHI", offsetof(struct procedure, fee_text)},
    {"THANHPHANHOSO", offsetof(struct procedure, components_text)},
    {"YEUCAU", offsetof(struct procedure, condition_text)},
    {"DOITUONGTHUCHIEN", offsetof(struct procedure, subjects_text)},
    {"KETQUATHUCHIEN", offsetof(struct procedure, results_text)},
    {"CANCUPHAPLY", offsetof(struct procedure, legal_text)},
};

static const char *text_at(const struct procedure *p, size_t offset)
{
    return *(const char *const *)(const void *)((const char *)p + offset);
}

static void put_json(const struct procedure *p, struct buf *out)
{
    struct json_writer w;

    json_write_begin(&w, out);
    json_object_open(&w, NULL);
    for (size_t i = 0; i < sizeof(PROCEDURE) / sizeof(PROCEDURE[0]); i++) {
        json_string(&w, PROCEDURE[i].name, text_at(p, PROCEDURE[i].offset));
    }
    if (p->level > 0) {
        json_integer_out(&w, "MUCDO", p->level);
    }
    json_bool(&w, "HIEULUC", p->active);
    json_object_close(&w);
    buf_putc(out, '\n');
}

/* The schema's order (provincial-systems.md 3.1). The site's own forms and offices are none of
 * ours: their elements stand empty. */
static const char *const SERVICE_ORDER[] = {
    "serviceCode",   "serviceName",        "processText",        "methodText", "dossierText",
    "conditionText", "durationText",       "applicantText",      "resultText", "regularText",
    "feeText",       "administrationCode", "administrationName", "domainCode", "domainName",
};

static void put_xml(const struct procedure *p, struct buf *out)
{
    buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ServiceInfo>\n");
    for (size_t i = 0; i < sizeof(SERVICE_ORDER) / sizeof(SERVICE_ORDER[0]); i++) {
        for (size_t k = 0; k < OPENCPS_SERVICE_FIELDS; k++) {
            if (strcmp(OPENCPS_SERVICE[k].name, SERVICE_ORDER[i]) == 0) {
                buf_printf(out, "  <%s>", SERVICE_ORDER[i]);
                buf_put_xml(out, text_at(p, OPENCPS_SERVICE[k].offset));
                buf_printf(out, "</%s>\n", SERVICE_ORDER[i]);
            }
        }
    }
    if (p->level > 0) {
        buf_printf(out, "  <maxLevel>%d</maxLevel>\n", p->level);
    }
    buf_printf(out, "  <public_>%s</public_>\n  <fileTemplates/>\n  <configs/>\n</ServiceInfo>\n",
               p->active ? "true" : "false");
}

static const char *publisher_of(const struct adapter_env *env, const struct procedure *p)
{
    const char *name = NULL;

    if (p->publisher_name[0] == '\0' && env->mirror_name != NULL) {
        name = env->mirror_name(env->mirror_ctx, RECORD_AGENCY, p->publisher);
    }
    return name != NULL ? name : p->publisher_name;
}

static int put_procedure(struct send_op *o, struct errmsg *msg)
{
    const struct adapter_env *env = &o->op.s->env;
    const struct record *record = &o->send->records[0];
    struct procedure p;
    const char *publisher;
    int err = record_to_procedure(record->body, record->body_len, &o->op.arena, &p, msg);

    if (err != 0) {
        return err;
    }
    publisher = publisher_of(env, &p);
    if (p.level == 0) {
        p.level = opencps_level(env, p.code);
    }
    if (o->send->withdrawn) {
        p.active = false;
    }
    if (o->op.settings->xml) {
        struct procedure reduced;

        err = opencps_reduce(&p, &o->op.arena, &reduced);
        reduced.publisher_name = publisher;
        if (err == 0) {
            put_xml(&reduced, &o->text);
        }
    } else {
        p.publisher_name = publisher;
        put_json(&p, &o->text);
    }
    err = err != 0 ? err : buf_error(&o->text);
    return err != 0 ? err_set(msg, err, "%s", err_text(err)) : 0;
}

/* ---- records of other services ---- */

/* A list of the one, as it could be dropped again. */
static int put_other(struct send_op *o, const struct national_other *other, struct errmsg *msg)
{
    struct json_writer w;
    int err;

    json_write_begin(&w, &o->text);
    json_array_open(&w, NULL);
    err = national_other_file(other, &o->send->records[0], &o->op.arena, &w, msg);
    json_array_close(&w);
    buf_putc(&o->text, '\n');
    return err != 0 ? err : buf_error(&o->text);
}

/* ---- send ---- */

static const char *const KIND_WORDS[] = {
    [RECORD_DOSSIER] = "dossier", [RECORD_STEP] = "steps", [RECORD_PROCEDURE] = "procedure"};

static int make_name(struct send_op *o)
{
    const struct adapter_send *send = o->send;
    bool other = national_other_find(send->kind) != NULL;
    const char *word = other ? send->code : KIND_WORDS[send->kind];
    int word_len = (int)strcspn(word, ":"); /* of another service: as its code begins */
    bool xml = send->kind == RECORD_PROCEDURE && o->op.settings->xml;
    uint8_t digest[DIGEST_BYTES];
    char hex[DIGEST_HEX_SIZE];
    struct digest d;
    int err = digest_begin(&d);

    if (err != 0) {
        return err;
    }
    (void)snprintf(o->name, sizeof(o->name), "%.*s", word_len, word);
    digest_add_field(&d, o->name);
    digest_add_field(&d, send->code);
    for (size_t i = 0; i < send->n_records && send->kind == RECORD_STEP; i++) {
        digest_add_field(&d, send->records[i].step_key);
    }
    digest_end(&d, digest);
    digest_hex(digest, hex);
    snprintf(o->name, sizeof(o->name), "%.*s-%.*s.%s", word_len, word, NAME_DIGITS, hex,
             xml ? "xml" : "json");
    return 0;
}

static void end(struct send_op *o)
{
    struct adapter_send *send = o->send;

    spool_op_close(&o->op);
    send->done(send); /* may free the adapter */
    buf_free(&o->text);
    spool_op_free(&o->op);
}

static void say(struct outcome *out, enum outcome_class class, const char *words)
{
    out->class = class;
    text_printable(words, strlen(words), out->words, sizeof(out->words));
    text_mask_personal(out->words);
}

static void send_run(struct spool_op *op)
{
    struct send_op *o = CONTAINER_OF(op, struct send_op, op);

    if (o->send->outcome.class == OUTCOME_NONE) {
        CRASH_POINT(spool_write_before);
        op->err = spool_dir_write(&op->s->dir, o->name, o->text.data, o->text.len, &op->why);
        CRASH_POINT(spool_written);
    }
}

static void send_done(struct spool_op *op)
{
    struct send_op *o = CONTAINER_OF(op, struct send_op, op);
    struct outcome *out = &o->send->outcome;

    if (op->err == ERR_CANCELED) {
        say(out, OUTCOME_CANCELED, op->why.text);
    } else if (op->err != 0) {
        out->transport = true; /* the folder is in trouble, not the record */
        say(out, OUTCOME_TRANSIENT, op->why.text);
    } else if (out->class == OUTCOME_NONE) {
        say(out, OUTCOME_DONE, o->name);
    }
    end(o);
}

static bool possible(const struct adapter_send *send)
{
    const struct national_other *other = national_other_find(send->kind);
    size_t max = send->kind == RECORD_STEP ? ADAPTER_STEPS_MAX : 1;

    return ((other != NULL && other->files) || send->kind == RECORD_DOSSIER ||
            send->kind == RECORD_STEP || send->kind == RECORD_PROCEDURE) &&
           send->n_records >= 1 && send->n_records <= max;
}

/* The text, or why there is none in the outcome. */
static void build(struct send_op *o)
{
    struct adapter_send *send = o->send;
    struct adapter_check verdict = {0};
    const struct national_other *other = national_other_find(send->kind);
    struct errmsg why = {""};
    int err;

    if (other != NULL) {
        err = put_other(o, other, &why);
    } else if (send->kind == RECORD_PROCEDURE) {
        err = put_procedure(o, &why);
    } else {
        err = national_put(&o->op.s->env, send, &o->text, &verdict, &why);
        send->outcome.status = send->kind == RECORD_DOSSIER ? verdict.status : 0;
        send->outcome.has_content = send->kind == RECORD_DOSSIER && verdict.has_held_hash;
        memcpy(send->outcome.content, verdict.held_hash, sizeof(send->outcome.content));
    }
    err = err != 0 ? err : make_name(o);
    if (err == ERR_NOMEM) {
        say(&send->outcome, OUTCOME_TRANSIENT, err_text(err));
        return;
    }
    if (err != 0) {
        send->outcome.hold = verdict.hold != HOLD_NONE ? verdict.hold : HOLD_INVALID;
        say(&send->outcome, OUTCOME_HELD, why.text[0] != '\0' ? why.text : err_text(err));
        return;
    }
    digest_sha256(o->text.data, o->text.len, send->outcome.request);
}

void spool_send_verb(struct adapter *a, struct adapter_send *send)
{
    struct spool *s = spool_self(a);
    struct send_op *o = spool_op_new(s, sizeof(*o), send_run, send_done);

    memset(&send->outcome, 0, sizeof(send->outcome));
    o->send = send;
    buf_init(&o->text, FILE_MAX);
    if (possible(send)) {
        build(o);
    } else {
        say(&send->outcome, OUTCOME_PERMANENT,
            "a spool takes one dossier, procedure or question, or the steps of one dossier");
    }
    spool_op_start(&o->op);
}
