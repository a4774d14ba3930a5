#include <stdlib.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "sandbox/product.h"
#include "sandbox/province_call.h"
#include "sandbox/province_dossier.h"
#include "sandbox/province_publish.h"

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

/* ?product=NAME: what its face does not show, no reader can bring to the portal. */
void province_dump(struct province_call *c)
{
    const char *product = serve_query(c->req, "product");
    size_t i, end;

    pthread_mutex_lock(&c->p->lock);
    window_of(c, c->p->life.n + (product == NULL ? c->p->intake.n : 0), &i, &end);
    for (; i < end && !c->out.failed; i++) {
        if (i >= c->p->life.n) {
            intake_dump_line(&c->out, &c->p->intake, i - c->p->life.n);
            continue;
        }
        province_dump_line(&c->out, &c->p->life, i,
                           product != NULL && !products_bring(c->p->products, product, i));
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
                "\"created\":%llu,\"finished\":%s",
                (unsigned long long)atomic_load(&p->faults), p->life.n, p->services.n,
                (unsigned long long)p->life.changes, (unsigned long long)p->life.created,
                planned >= p->changes_wanted ? "true" : "false");
    sbuf_printf(&c->out,
                ",\"intake\":{\"dossiers\":%zu,\"created\":%llu,\"updated\":%llu,\"refused\":%llu}",
                p->intake.n, (unsigned long long)p->intake.created,
                (unsigned long long)p->intake.updated, (unsigned long long)p->intake.refused);
    publish_stats(p->publish, &c->out);
    pthread_mutex_unlock(&p->lock);
    products_stats(p->products, &c->out);
    sbuf_puts(&c->out, "}\n");
    call_send(c, JSON_TYPE);
}

void province_republish(struct province_call *c)
{
    size_t n;

    pthread_mutex_lock(&c->p->lock);
    n = publish_again(c->p->publish);
    pthread_mutex_unlock(&c->p->lock);
    sbuf_printf(&c->out, "{\"republished\":%zu}\n", n);
    call_send(c, JSON_TYPE);
}

/* {"code":..., "status":"waiting"}: a dossier of the intake moves on. */
void province_intake_move(struct province_call *c)
{
    cJSON *body = cJSON_Parse(c->req->body);
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "code"));
    const char *status = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "status"));
    bool moved = false;

    if (code != NULL && status != NULL) {
        pthread_mutex_lock(&c->p->lock);
        moved = intake_move(&c->p->intake, code, status, time(NULL));
        pthread_mutex_unlock(&c->p->lock);
    }
    cJSON_Delete(body);
    if (!moved) {
        call_refuse(c, 400, "the body is {\"code\":C,\"status\":S} of a dossier from the portal");
        return;
    }
    sbuf_puts(&c->out, "{\"moved\":true}\n");
    call_send(c, JSON_TYPE);
}
