#include <stdlib.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "sandbox/province_call.h"
#include "sandbox/province_dossier.h"

#define LINES_TYPE "application/x-ndjson"
#define STEP_CHANGES_MAX 1000000

void province_knobs(struct province_call *c)
{
    knobs_serve(c->p->knobs, c->req);
}

/* The window of dump and catalogue: start and limit, everything without them. */
static void window_of(struct province_call *c, size_t n, size_t *start, size_t *end)
{
    const char *from = serve_query(c->req, "start");
    const char *limit = serve_query(c->req, "limit");

    *start = from != NULL ? (size_t)strtoull(from, NULL, 10) : 0;
    *end = limit != NULL ? *start + (size_t)strtoull(limit, NULL, 10) : n;
    if (*end > n) {
        *end = n;
    }
}

void province_dump(struct province_call *c)
{
    size_t i, end;

    pthread_mutex_lock(&c->p->lock);
    window_of(c, c->p->life.n, &i, &end);
    for (; i < end && !c->out.failed; i++) {
        province_dump_line(&c->out, &c->p->life, i);
    }
    pthread_mutex_unlock(&c->p->lock);
    call_send(c, LINES_TYPE);
}

void province_catalog(struct province_call *c)
{
    struct page page = {.out = &c->out};
    size_t i, end;

    pthread_mutex_lock(&c->p->lock);
    window_of(c, c->p->services.n, &i, &end);
    for (; i < end && !c->out.failed; i++) {
        sbuf_puts(&c->out, "{");
        services_detail(&page, &c->p->services, i);
        sbuf_puts(&c->out, "}\n");
    }
    pthread_mutex_unlock(&c->p->lock);
    call_send(c, LINES_TYPE);
}

/* The number under name in the JSON body, 1 when there is none; -1 for nonsense. */
static long body_number(struct province_call *c, const char *name)
{
    cJSON *body = cJSON_Parse(c->req->body_len > 0 ? c->req->body : "{}");
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(body, name);
    long n = -1;

    if (value == NULL && body != NULL) {
        n = 1;
    } else if (cJSON_IsNumber(value) && value->valuedouble >= 0 &&
               value->valuedouble <= STEP_CHANGES_MAX) {
        n = (long)value->valuedouble;
    }
    cJSON_Delete(body);
    return n;
}

void province_tamper(struct province_call *c)
{
    long count = body_number(c, "count");
    size_t made;

    if (count < 0) {
        call_refuse(c, 400, "the body is {\"count\":n}");
        return;
    }
    pthread_mutex_lock(&c->p->lock);
    made = life_tamper(&c->p->life, (size_t)count);
    pthread_mutex_unlock(&c->p->lock);
    sbuf_printf(&c->out, "{\"tampered\":%zu}\n", made);
    call_send(c, JSON_TYPE);
}

void province_step(struct province_call *c)
{
    long changes = body_number(c, "changes");
    char number[LIFE_NUMBER_SIZE];
    long made = 0;

    if (changes < 0) {
        call_refuse(c, 400, "the body is {\"changes\":n}");
        return;
    }
    sbuf_puts(&c->out, "{\"codes\":[");
    pthread_mutex_lock(&c->p->lock);
    for (long k = 0; k < changes; k++) {
        size_t i = life_change(&c->p->life, time(NULL));

        if (i == SIZE_MAX) {
            break;
        }
        made++;
        life_number(&c->p->life, i, number);
        sbuf_printf(&c->out, "%s\"%s\"", k > 0 ? "," : "", number);
    }
    pthread_mutex_unlock(&c->p->lock);
    sbuf_printf(&c->out, "],\"made\":%ld}\n", made);
    call_send(c, JSON_TYPE);
}

void province_stats(struct province_call *c)
{
    struct province *p = c->p;
    uint64_t planned = atomic_load(&p->planned);

    sbuf_puts(&c->out, "{\"requests\":{");
    for (size_t k = 0; province_route_name(k) != NULL; k++) {
        sbuf_key(&c->out, province_route_name(k));
        sbuf_printf(&c->out, "%llu", (unsigned long long)atomic_load(&p->calls[k]));
    }
    pthread_mutex_lock(&p->lock);
    sbuf_printf(&c->out,
                "},\"faults\":%llu,\"dossiers\":%zu,\"procedures\":%zu,\"changes\":%llu,"
                "\"created\":%llu,\"finished\":%s}\n",
                (unsigned long long)atomic_load(&p->faults), p->life.n, p->services.n,
                (unsigned long long)p->life.changes, (unsigned long long)p->life.created,
                planned >= p->changes_wanted ? "true" : "false");
    pthread_mutex_unlock(&p->lock);
    call_send(c, JSON_TYPE);
}
