#include <stdlib.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "sandbox/life_flaw.h"
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

/* {"kind":K,"code":C,"field":F}: the province's side of a difference between the catalogues. */
void province_plant(struct province_call *c)
{
    cJSON *body = cJSON_Parse(c->req->body);
    const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "kind"));
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "code"));
    const char *field = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "field"));
    int planted = -1;

    if (kind != NULL && code != NULL) {
        pthread_mutex_lock(&c->p->lock);
        planted =
            services_plant(&c->p->services, kind, code, field != NULL ? field : "", time(NULL));
        pthread_mutex_unlock(&c->p->lock);
    }
    cJSON_Delete(body);
    if (planted < 0) {
        call_refuse(c, 400, "the body is {\"kind\":K,\"code\":C}");
        return;
    }
    sbuf_printf(&c->out, "{\"planted\":%d}\n", planted);
    call_send(c, JSON_TYPE);
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

/* {"flaw":F,"dossiers":[[id],[id,other]...],"count":n}: a flaw in the first n that it fits
 * (life_flaw.h); answers their ids. */
void province_flaw(struct province_call *c)
{
    cJSON *body = cJSON_Parse(c->req->body);
    const char *flaw = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "flaw"));
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(body, "dossiers");
    const cJSON *one;
    long count = body_number(c, "count");
    int planted = flaw != NULL && cJSON_IsArray(all) ? 0 : -1;

    sbuf_puts(&c->out, "{\"planted\":[");
    pthread_mutex_lock(&c->p->lock);
    cJSON_ArrayForEach(one, all)
    {
        double id = cJSON_GetNumberValue(cJSON_GetArrayItem(one, 0));
        double with = cJSON_GetNumberValue(cJSON_GetArrayItem(one, 1));
        size_t i = id >= LIFE_FIRST_ID ? (size_t)id - LIFE_FIRST_ID : SIZE_MAX;

        if (i >= c->p->life.n || planted < 0 || count <= 0) {
            planted = planted < 0 || count != 0 ? -1 : 0;
            break;
        }
        planted =
            life_plant(&c->p->life, i, flaw,
                       with >= LIFE_FIRST_ID ? (size_t)with - LIFE_FIRST_ID : SIZE_MAX, time(NULL));
        if (planted > 0) {
            sbuf_comma(&c->out);
            sbuf_printf(&c->out, "%.0f", id);
            count--;
        }
    }
    pthread_mutex_unlock(&c->p->lock);
    cJSON_Delete(body);
    if (planted < 0) {
        call_refuse(c, 400, "the body is {\"flaw\":F,\"dossiers\":[[id]]}");
        return;
    }
    sbuf_puts(&c->out, "]}\n");
    call_send(c, JSON_TYPE);
}

/* A PDF that is like no other file's; the signature, which proves nothing, spans all of it. */
static void write_pdf(struct sbuf *out, const char *uid, bool is_signed)
{
    static const char SIGNATURE[] = "<3082010a0282010100>";
    static const char TAIL[] = " >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n";
    size_t at;

    sbuf_printf(out,
                "%%PDF-1.7\n%% %s\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
                "2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n3 0 obj\n<<",
                uid);
    if (is_signed) {
        sbuf_puts(out, " /Type /Sig /Filter /Adobe.PPKLite /SubFilter /adbe.pkcs7.detached");
        at = out->len + sizeof(" /ByteRange [0 0000000 0000000 0000000] /Contents ") - 1;
        sbuf_printf(out, " /ByteRange [0 %07zu %07zu %07zu] /Contents %s", at,
                    at + sizeof(SIGNATURE) - 1, sizeof(TAIL) - 1, SIGNATURE);
    }
    sbuf_puts(out, TAIL);
}

/* A file behind the link of a dossier. */
void province_file(struct province_call *c)
{
    enum province_file file;

    pthread_mutex_lock(&c->p->lock);
    file = province_file_find(&c->p->life, c->id);
    pthread_mutex_unlock(&c->p->lock);
    if (file == PROVINCE_FILE_NONE) {
        call_refuse(c, 404, "NoSuchFileEntryException");
        return;
    }
    write_pdf(&c->out, c->id, file == PROVINCE_FILE_SIGNED);
    call_send(c, "application/pdf");
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
