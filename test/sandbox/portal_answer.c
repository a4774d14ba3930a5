/* DongBoTrangThaiHoSo, type 2: the province's answer on a dossier that began here; section 5.4. */
#include "sandbox/portal_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under the lock. False when the dossier is unknown. */
static bool store_answer(struct call *c, const struct rule_result *r, const cJSON *data,
                         const char *record)
{
    struct portal *p = c->p;
    struct dossier *d = store_find(&p->store, r->code);
    struct store_change change;

    p->stats.writing_calls++;
    if (d == NULL) {
        return false;
    }
    change = dossier_put_answer(d, digest_json(data), r->state);
    p->stats.answers += change.effect ? 1u : 0u;
    p->stats.answers_repeated += change.effect ? 0u : 1u;
    p->stats.accepted++;
    p->call_count++;
    c->committed = true;
    push_write_line(p, p->call_count, "answer", r->code,
                    change.effect ? "\"effect\":true" : "\"effect\":false", record);
    return true;
}

void push_answer(struct call *c)
{
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(c->body, "data");
    const char *type = portal_body_text(c, "type");
    struct rule_result r;
    char *record;
    bool known;

    if (!c->bridge && (type == NULL || strcmp(type, "2") != 0)) {
        portal_refuse(c, REFUSED_FIELD, "Trường type không hợp lệ");
        return;
    }
    rules_check_answer(data, &r);
    if (r.refusal != REFUSED_NOT) {
        portal_refuse(c, r.refusal, r.message);
        return;
    }
    record = cJSON_PrintUnformatted(data);
    if (record == NULL) {
        portal_refuse(c, REFUSED_FULL, "Hệ thống bận");
        return;
    }
    pthread_mutex_lock(&c->p->lock);
    known = store_answer(c, &r, data, record);
    pthread_mutex_unlock(&c->p->lock);
    free(record);
    if (!known) {
        portal_refuse(c, REFUSED_UNKNOWN_DOSSIER, "Hồ sơ không tồn tại");
        return;
    }
    snprintf(c->message, sizeof c->message, "Thành công");
}
