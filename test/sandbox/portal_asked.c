#include "sandbox/portal_asked.h"

#include "sandbox/people.h"
#include "sandbox/portal_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASKED_MAX 100000
#define FIRST_ID 5001
#define FIRST_PUBLIC_ID 8001
#define BETWEEN_IDS ", " /* where a question has two answers */
#define BETWEEN_TEXTS "\n\n"

enum which { ASKED, PUBLISHED, WHICH_COUNT };
static const char *const kinds[] = {[ASKED] = "asked", [PUBLISHED] = "published"};

struct asked {
    struct {
        size_t count, capacity;
        cJSON **rows; /* with their answers */
    } list[WHICH_COUNT];
};

static const char *text_of(const cJSON *row, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(row, name);

    return cJSON_IsString(v) ? v->valuestring : "";
}

static cJSON **find(const struct asked *a, enum which which, const char *id)
{
    for (size_t i = 0; a != NULL && i < a->list[which].count; i++) {
        if (strcmp(text_of(a->list[which].rows[i], "HOIDAPID"), id) == 0) {
            return &a->list[which].rows[i];
        }
    }
    return NULL;
}

/* Under the lock; takes the row. False when there is no room. */
static bool add(struct portal *p, enum which which, cJSON *row)
{
    struct asked *a = p->asked;

    if (a == NULL) {
        a = p->asked = (struct asked *)calloc(1, sizeof *a);
    }
    if (a != NULL && a->list[which].count == a->list[which].capacity &&
        a->list[which].count < ASKED_MAX) {
        size_t capacity = a->list[which].capacity * 2 + 64;
        cJSON **grown = (cJSON **)realloc((void *)a->list[which].rows, capacity * sizeof *grown);

        if (grown != NULL) {
            a->list[which].rows = grown;
            a->list[which].capacity = capacity;
        }
    }
    if (a == NULL || a->list[which].count == a->list[which].capacity) {
        cJSON_Delete(row);
        return false;
    }
    a->list[which].rows[a->list[which].count++] = row;
    return true;
}

/* Under the lock. */
static void note(struct portal *p, enum which which, const cJSON *row)
{
    char *record = cJSON_PrintUnformatted(row);
    char code[64];

    snprintf(code, sizeof code, "%s:%.20s", kinds[which], text_of(row, "HOIDAPID"));
    push_write_line(p, 0, kinds[which], code, NULL, record);
    free(record);
}

static void put_answer(cJSON *row, const char *ids, const char *texts)
{
    cJSON_ReplaceItemInObjectCaseSensitive(row, "TRALOIID", cJSON_CreateString(ids));
    cJSON_ReplaceItemInObjectCaseSensitive(row, "NOIDUNGTRALOI", cJSON_CreateString(texts));
}

static cJSON *make_row(const struct portal *p, enum which which, size_t i)
{
    uint64_t draw = portal_mix(p->seed ^ portal_mix(i + (which == PUBLISHED ? ASKED_MAX : 0)));
    struct person person;
    cJSON *row = cJSON_CreateObject();
    char text[200];

    people_make(draw, &person);
    snprintf(text, sizeof text, "%zu", (which == PUBLISHED ? FIRST_PUBLIC_ID : FIRST_ID) + i);
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

/* Of three published questions the list shows one whole, of one that it was answered, and one is
 * not answered before there are more of them. */
static bool is_late(const cJSON *row)
{
    return atoi(text_of(row, "HOIDAPID")) % 3 == 2;
}

static bool shows_answer(enum which which, const cJSON *row)
{
    return which == ASKED || atoi(text_of(row, "HOIDAPID")) % 3 == 0;
}

/* Every fifth has two. */
static void answer_published(cJSON *row)
{
    const char *id = text_of(row, "HOIDAPID");
    bool two = atoi(id) % 5 == 1;
    char ids[80];
    char texts[200];

    snprintf(ids, sizeof ids, two ? "T%s" BETWEEN_IDS "U%s" : "T%s", id, id);
    snprintf(texts, sizeof texts,
             two ? "Trả lời cho câu hỏi %s" BETWEEN_TEXTS "Bổ sung cho câu hỏi %s"
                 : "Trả lời cho câu hỏi %s",
             id, id);
    put_answer(row, ids, texts);
}

/* Under the lock. */
static void answer_late(struct portal *p)
{
    for (size_t i = 0; p->asked != NULL && i < p->asked->list[PUBLISHED].count; i++) {
        cJSON *row = p->asked->list[PUBLISHED].rows[i];

        if (text_of(row, "TRALOIID")[0] == '\0') {
            answer_published(row);
            note(p, PUBLISHED, row);
        }
    }
}

static void release(void *arg)
{
    serve_release((struct serve_req *)arg);
}

/* Under the lock; how many there was room for. */
static int add_more(struct portal *p, enum which which, int wanted)
{
    int done = 0;

    for (bool room = true; done < wanted && room; done += room) {
        size_t i = p->asked != NULL ? p->asked->list[which].count : 0;
        cJSON *row = make_row(p, which, i);

        if (which == PUBLISHED && !is_late(row)) {
            answer_published(row);
        }
        room = add(p, which, row);
        if (room) {
            note(p, which, row);
        }
    }
    return done;
}

void asked_serve(struct portal *p, struct serve_req *req)
{
    cJSON *body = cJSON_ParseWithLength(req->body, req->body_len);
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(body, "count");
    int wanted = cJSON_IsNumber(count) && count->valuedouble <= ASKED_MAX ? count->valueint : 0;
    enum which which =
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "public")) ? PUBLISHED : ASKED;
    char reply[80];
    int done;
    int len;
    size_t all;

    pthread_mutex_lock(&p->lock);
    if (which == PUBLISHED) {
        answer_late(p);
    }
    done = add_more(p, which, wanted);
    all = p->asked != NULL ? p->asked->list[which].count : 0;
    pthread_mutex_unlock(&p->lock);
    cJSON_Delete(body);
    len = snprintf(reply, sizeof reply, "{\"asked\":%d,\"all\":%zu}\n", done, all);
    serve_hold(req);
    ledger_then(p->ledger, release, req);
    serve_respond(req, 200, "application/json; charset=utf-8", reply, (size_t)len);
}

static void put_row(struct sbuf *out, enum which which, const cJSON *row)
{
    cJSON *copy = shows_answer(which, row) ? NULL : cJSON_Duplicate(row, true);
    char *text;

    if (copy != NULL) {
        cJSON_ReplaceItemInObjectCaseSensitive(copy, "NOIDUNGTRALOI", cJSON_CreateString(""));
    }
    text = cJSON_PrintUnformatted(copy != NULL ? copy : row);
    sbuf_puts(out, text != NULL ? text : "{}");
    free(text);
    cJSON_Delete(copy);
}

static void list(struct call *c, enum which which)
{
    struct portal *p = c->p;

    snprintf(c->message, sizeof c->message, "Thành công");
    sbuf_key(&c->result, "result");
    sbuf_puts(&c->result, "[");
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; p->asked != NULL && i < p->asked->list[which].count; i++) {
        sbuf_puts(&c->result, i > 0 ? "," : "");
        put_row(&c->result, which, p->asked->list[which].rows[i]);
    }
    pthread_mutex_unlock(&p->lock);
    sbuf_puts(&c->result, "]");
}

void asked_list(struct call *c)
{
    list(c, ASKED);
}

void asked_list_published(struct call *c)
{
    list(c, PUBLISHED);
}

/* What stands before the separator, and *rest behind it ("" at the end). */
static cJSON *first_part(const char *text, const char *between, const char **rest)
{
    const char *end = strstr(text, between);
    char part[512];

    snprintf(part, sizeof part, "%.*s", end != NULL ? (int)(end - text) : (int)strlen(text), text);
    *rest = end != NULL ? end + strlen(between) : "";
    return cJSON_CreateString(part);
}

/* Each of a question's answers as an element of its own. */
static cJSON *answers_of(const cJSON *row)
{
    const char *ids = text_of(row, "TRALOIID");
    const char *texts = text_of(row, "NOIDUNGTRALOI");
    cJSON *list = cJSON_CreateArray();

    while (ids[0] != '\0') {
        cJSON *one = cJSON_CreateObject();

        cJSON_AddItemToObject(one, "TRALOIID", first_part(ids, BETWEEN_IDS, &ids));
        cJSON_AddItemToObject(one, "NOIDUNGTRALOI", first_part(texts, BETWEEN_TEXTS, &texts));
        cJSON_AddItemToArray(list, one);
    }
    return list;
}

void asked_answers(struct call *c)
{
    const char *id = text_of(c->body, "cauhoiid");
    struct portal *p = c->p;
    cJSON *answers = NULL;
    char *text;

    pthread_mutex_lock(&p->lock);
    for (enum which which = ASKED; which < WHICH_COUNT && answers == NULL; which++) {
        cJSON **row = find(p->asked, which, id);

        answers = row != NULL ? answers_of(*row) : NULL;
    }
    pthread_mutex_unlock(&p->lock);
    if (answers == NULL) {
        portal_refuse(c, REFUSED_UNKNOWN_DOSSIER, "Câu hỏi không tồn tại");
        return;
    }
    text = cJSON_PrintUnformatted(answers);
    snprintf(c->message, sizeof c->message, "Thành công");
    sbuf_key(&c->result, "result");
    sbuf_puts(&c->result, text != NULL ? text : "[]");
    free(text);
    cJSON_Delete(answers);
}

bool asked_known(const struct portal *p, const char *id)
{
    struct portal *locked = (struct portal *)p;
    bool known;

    pthread_mutex_lock(&locked->lock);
    known = find(p->asked, ASKED, id) != NULL;
    pthread_mutex_unlock(&locked->lock);
    return known;
}

void asked_reply(struct portal *p, const char *id, const char *text)
{
    cJSON **row = find(p->asked, ASKED, id);
    char reply_id[40];

    if (row == NULL) {
        return;
    }
    snprintf(reply_id, sizeof reply_id, "T%.20s", id);
    put_answer(*row, reply_id, text);
    note(p, ASKED, *row);
}

bool asked_replay(struct portal *p, const char *kind, const cJSON *record)
{
    enum which which = strcmp(kind, kinds[PUBLISHED]) == 0 ? PUBLISHED : ASKED;
    cJSON **row = find(p->asked, which, text_of(record, "HOIDAPID"));
    cJSON *copy;

    if (strcmp(kind, kinds[which]) != 0) {
        return false;
    }
    copy = cJSON_Duplicate(record, true);
    if (row != NULL && copy != NULL) {
        cJSON_Delete(*row);
        *row = copy;
    } else if (copy != NULL) {
        (void)add(p, which, copy);
    }
    return true;
}

void asked_free(struct portal *p)
{
    for (enum which which = ASKED; which < WHICH_COUNT && p->asked != NULL; which++) {
        for (size_t i = 0; i < p->asked->list[which].count; i++) {
            cJSON_Delete(p->asked->list[which].rows[i]);
        }
        free((void *)p->asked->list[which].rows);
    }
    free(p->asked);
}
