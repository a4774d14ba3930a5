#include "sandbox/portal_asked.h"

#include "sandbox/people.h"
#include "sandbox/portal_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASKED_MAX 100000
#define FIRST_ID 5001

struct asked {
    size_t count, capacity;
    cJSON **rows; /* as the list shows them */
};

static const char *text_of(const cJSON *row, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(row, name);

    return cJSON_IsString(v) ? v->valuestring : "";
}

static cJSON **find(const struct asked *a, const char *id)
{
    for (size_t i = 0; a != NULL && i < a->count; i++) {
        if (strcmp(text_of(a->rows[i], "HOIDAPID"), id) == 0) {
            return &a->rows[i];
        }
    }
    return NULL;
}

/* Under the lock; takes the row. False when there is no room. */
static bool add(struct portal *p, cJSON *row)
{
    struct asked *a = p->asked;

    if (a == NULL) {
        a = p->asked = (struct asked *)calloc(1, sizeof *a);
    }
    if (a != NULL && a->count == a->capacity && a->count < ASKED_MAX) {
        size_t capacity = a->capacity * 2 + 64;
        cJSON **grown = (cJSON **)realloc((void *)a->rows, capacity * sizeof *grown);

        if (grown != NULL) {
            a->rows = grown;
            a->capacity = capacity;
        }
    }
    if (a == NULL || a->count == a->capacity) {
        cJSON_Delete(row);
        return false;
    }
    a->rows[a->count++] = row;
    return true;
}

/* Under the lock. */
static void note(struct portal *p, const cJSON *row)
{
    char *record = cJSON_PrintUnformatted(row);
    char code[64];

    snprintf(code, sizeof code, "asked:%.20s", text_of(row, "HOIDAPID"));
    push_write_line(p, 0, "asked", code, NULL, record);
    free(record);
}

static cJSON *make_row(const struct portal *p, size_t i)
{
    uint64_t draw = portal_mix(p->seed ^ portal_mix(i));
    struct person person;
    cJSON *row = cJSON_CreateObject();
    char text[200];

    people_make(draw, &person);
    snprintf(text, sizeof text, "%zu", FIRST_ID + i);
    cJSON_AddStringToObject(row, "HOIDAPID", text);
    cJSON_AddStringToObject(row, "MALINHVUC", "G15-HT04");
    cJSON_AddStringToObject(row, "MATTHCDP", i % 3 == 0 ? "1.001193" : "");
    cJSON_AddStringToObject(row, "MADONVI", "H56");
    cJSON_AddStringToObject(row, "TENDONVI", "UBND tỉnh thử nghiệm");
    snprintf(text, sizeof text, "Câu hỏi thử nghiệm số %zu: cần giấy tờ gì?", i + 1);
    cJSON_AddStringToObject(row, "NOIDUNG", text);
    cJSON_AddStringToObject(row, "TRALOIID", "");
    cJSON_AddStringToObject(row, "NOIDUNGTRALOI", "");
    cJSON_AddStringToObject(row, "HOVATEN", person.name);
    cJSON_AddStringToObject(row, "DIACHI", "");
    cJSON_AddStringToObject(row, "THUDIENTU", person.email);
    cJSON_AddStringToObject(row, "SODIENTHOAI", person.phone);
    cJSON_AddStringToObject(row, "TRANGTHAI", i % 10 == 9 ? "0" : "1");
    return row;
}

static void release(void *arg)
{
    serve_release((struct serve_req *)arg);
}

void asked_serve(struct portal *p, struct serve_req *req)
{
    cJSON *body = cJSON_ParseWithLength(req->body, req->body_len);
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(body, "count");
    int wanted = cJSON_IsNumber(count) && count->valuedouble <= ASKED_MAX ? count->valueint : 0;
    char reply[80];
    int done = 0;
    int len;
    size_t all;

    pthread_mutex_lock(&p->lock);
    for (bool room = true; done < wanted && room; done += room) {
        size_t i = p->asked != NULL ? p->asked->count : 0;

        room = add(p, make_row(p, i));
        if (room) {
            note(p, p->asked->rows[i]);
        }
    }
    all = p->asked != NULL ? p->asked->count : 0;
    pthread_mutex_unlock(&p->lock);
    cJSON_Delete(body);
    len = snprintf(reply, sizeof reply, "{\"asked\":%d,\"all\":%zu}\n", done, all);
    serve_hold(req);
    ledger_then(p->ledger, release, req);
    serve_respond(req, 200, "application/json; charset=utf-8", reply, (size_t)len);
}

void asked_list(struct call *c)
{
    struct portal *p = c->p;

    snprintf(c->message, sizeof c->message, "Thành công");
    sbuf_key(&c->result, "result");
    sbuf_puts(&c->result, "[");
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; p->asked != NULL && i < p->asked->count; i++) {
        char *text = cJSON_PrintUnformatted(p->asked->rows[i]);

        sbuf_puts(&c->result, i > 0 ? "," : "");
        sbuf_puts(&c->result, text != NULL ? text : "{}");
        free(text);
    }
    pthread_mutex_unlock(&p->lock);
    sbuf_puts(&c->result, "]");
}

bool asked_known(const struct portal *p, const char *id)
{
    struct portal *locked = (struct portal *)p;
    bool known;

    pthread_mutex_lock(&locked->lock);
    known = find(p->asked, id) != NULL;
    pthread_mutex_unlock(&locked->lock);
    return known;
}

void asked_reply(struct portal *p, const char *id, const char *text)
{
    cJSON **row = find(p->asked, id);
    char reply_id[40];

    if (row == NULL) {
        return;
    }
    snprintf(reply_id, sizeof reply_id, "T%.20s", id);
    cJSON_ReplaceItemInObjectCaseSensitive(*row, "TRALOIID", cJSON_CreateString(reply_id));
    cJSON_ReplaceItemInObjectCaseSensitive(*row, "NOIDUNGTRALOI", cJSON_CreateString(text));
    note(p, *row);
}

void asked_replay(struct portal *p, const cJSON *record)
{
    cJSON **row = find(p->asked, text_of(record, "HOIDAPID"));
    cJSON *copy = cJSON_Duplicate(record, true);

    if (row != NULL && copy != NULL) {
        cJSON_Delete(*row);
        *row = copy;
    } else if (copy != NULL) {
        (void)add(p, copy);
    }
}

void asked_free(struct portal *p)
{
    for (size_t i = 0; p->asked != NULL && i < p->asked->count; i++) {
        cJSON_Delete(p->asked->rows[i]);
    }
    if (p->asked != NULL) {
        free((void *)p->asked->rows);
    }
    free(p->asked);
}
