#include "sandbox/province_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "sandbox/people.h"
#include "sandbox/product.h"
#include "sandbox/province_call.h"
#include "sandbox/province_dossier.h"
#include "sandbox/province_search.h"

#define BASE_END "/rest/v2/" /* the protocol's paths begin after it, whatever stands before */

struct route {
    const char *name; /* in the stats */
    const char *method;
    const char *pattern; /* after the base; {} stands for one part */
    void (*answer)(struct province_call *c);
    bool protocol; /* asks for the password and suffers from the fault knobs */
    bool detail;   /* suffers from detail_fail_percent too */
};

static bool happens(struct province *p, enum province_knob knob)
{
    long percent = knobs_get(p->knobs, knob);
    uint64_t throw;

    if (percent <= 0) {
        return false;
    }
    throw = people_mix(p->life.options.seed ^ 0xfa417, atomic_fetch_add(&p->chance, 1));
    if (throw % 100 >= (uint64_t)percent) {
        return false;
    }
    atomic_fetch_add(&p->faults, 1);
    return true;
}

static void answer_text(struct serve_req *req, int status, const char *type, const char *text)
{
    serve_respond(req, status, type, text, strlen(text));
}

void call_refuse(struct province_call *c, int status, const char *what)
{
    struct sbuf out = {0};
    size_t len;
    char *text;

    sbuf_printf(&out, "{\"code\":%d,", status);
    sbuf_member(&out, "message", what);
    sbuf_member(&out, "description", what);
    sbuf_puts(&out, "}");
    text = sbuf_take(&out, &len);
    if (text == NULL) {
        serve_drop(c->req);
        return;
    }
    serve_respond_owned(c->req, status, JSON_TYPE, text, len);
}

static void send_part(struct province_call *c, const char *type, bool whole)
{
    size_t len = 0;
    char *text;

    if (!c->out.failed && c->out.len == 0) {
        serve_respond(c->req, 200, type, "", 0);
        return;
    }
    text = sbuf_take(&c->out, &len);
    if (text == NULL) {
        call_refuse(c, 500, "too much for one answer; ask for a window of rows");
        return;
    }
    serve_respond_owned(c->req, 200, type, text, whole ? len : len / 2);
}

void call_send(struct province_call *c, const char *type)
{
    send_part(c, type, true);
}

/* Sends a document of the protocol, or half of it. */
static void finish(struct province_call *c)
{
    send_part(c, c->page.xml ? "application/xml" : JSON_TYPE,
              !happens(c->p, PV_XML_BROKEN_PERCENT));
}

/* Whether the answer is XML: CXF's first choice unless JSON is asked for before it. */
static bool wants_xml(struct serve_req *req)
{
    const char *accept = serve_header(req, "Accept");
    const char *json = accept != NULL ? strstr(accept, "json") : NULL;
    const char *xml = accept != NULL ? strstr(accept, "xml") : NULL;

    return json == NULL || (xml != NULL && xml < json);
}

static bool site_fits(struct province_call *c)
{
    const char *group = serve_header(c->req, "groupId");
    char *end;

    return group != NULL && strtol(group, &end, 10) == knobs_get(c->p->knobs, PV_GROUP_ID) &&
           knobs_get(c->p->knobs, PV_EMPTY_LISTS) == 0;
}

static size_t shown_total(struct province_call *c, size_t total)
{
    return happens(c->p, PV_SHIFTING_TOTAL_PERCENT) ? total + 1 + atomic_load(&c->p->chance) % 5
                                                    : total;
}

static void empty_list(struct province_call *c)
{
    page_list_begin(&c->page, 0);
    page_list_end(&c->page);
    finish(c);
}

/* Dossiers from the portal stand behind the world's in a list. rows_before: the world's that
 * fit. */
static size_t intake_total(struct province_call *c, const struct search *s)
{
    size_t n = 0;

    for (size_t i = 0; i < c->p->intake.n; i++) {
        n += intake_fits(&c->p->intake, i, s);
    }
    return n;
}

static void put_intake_rows(struct province_call *c, const struct search *s, size_t rows_before)
{
    size_t at = rows_before;

    for (size_t i = 0; i < c->p->intake.n; i++) {
        if (intake_fits(&c->p->intake, i, s)) {
            if (at >= s->start && at < s->end) {
                intake_row(&c->page, &c->p->intake, i);
            }
            at++;
        }
    }
}

static void get_dossiers(struct province_call *c)
{
    struct life *w = &c->p->life;
    struct search s;
    uint32_t *rows;
    size_t total, n;

    if (search_parse(&s, c->req) != 0) {
        call_refuse(c, 400, "a date is not dd/MM/yyyy or an offset is not a number");
        return;
    }
    if (!site_fits(c)) {
        empty_list(c);
        return;
    }
    pthread_mutex_lock(&c->p->lock);
    if (search_run(&s, w, &total, &rows, &n) != 0) {
        pthread_mutex_unlock(&c->p->lock);
        call_refuse(c, 500, "out of memory");
        return;
    }
    page_list_begin(&c->page, shown_total(c, total + intake_total(c, &s)));
    for (size_t k = 0; k < n; k++) {
        province_dossier_row(&c->page, w, rows[k]);
    }
    put_intake_rows(c, &s, total);
    page_list_end(&c->page);
    pthread_mutex_unlock(&c->p->lock);
    free(rows);
    finish(c);
}

/* Where the dossier of a path lives. */
struct place {
    bool intake;
    size_t i; /* SIZE_MAX: nowhere */
};

/* Locks and finds the dossier of the path; answers 404 and unlocks when there is none. */
static struct place lock_dossier(struct province_call *c)
{
    struct place at = {.i = SIZE_MAX};

    pthread_mutex_lock(&c->p->lock);
    if (site_fits(c)) {
        at.i = life_find(&c->p->life, c->id);
        if (at.i == SIZE_MAX) {
            at = (struct place){.intake = true, .i = intake_find(&c->p->intake, c->id)};
        }
    }
    if (at.i == SIZE_MAX) {
        pthread_mutex_unlock(&c->p->lock);
        call_refuse(c, 404, "NoSuchDossierException");
    }
    return at;
}

static void get_dossier(struct province_call *c)
{
    struct place at = lock_dossier(c);

    if (at.i != SIZE_MAX) {
        page_record_begin(&c->page);
        if (at.intake) {
            intake_detail(&c->page, &c->p->intake, at.i);
        } else {
            province_dossier_detail(&c->page, &c->p->life, at.i);
        }
        page_record_end(&c->page);
        pthread_mutex_unlock(&c->p->lock);
        finish(c);
    }
}

static void get_actions(struct province_call *c)
{
    struct place at = lock_dossier(c);

    if (at.i == SIZE_MAX) {
        return;
    }
    if (at.intake) {
        page_list_begin(&c->page, intake_actions_count(&c->p->intake, at.i));
        intake_actions(&c->page, &c->p->intake, at.i);
    } else {
        page_list_begin(&c->page, province_actions_count(&c->p->life, at.i));
        province_actions(&c->page, &c->p->life, at.i);
    }
    page_list_end(&c->page);
    pthread_mutex_unlock(&c->p->lock);
    finish(c);
}

static void get_files(struct province_call *c)
{
    struct place at = lock_dossier(c);

    if (at.i == SIZE_MAX) {
        return;
    }
    page_list_begin(&c->page, at.intake ? 0 : province_files_count(&c->p->life, at.i));
    if (!at.intake) {
        province_files(&c->page, &c->p->life, at.i);
    }
    page_list_end(&c->page);
    pthread_mutex_unlock(&c->p->lock);
    finish(c);
}

/* POST nps/createdossierfromdvcqg: the portal's own shape of a dossier. */
static void take_intake(struct province_call *c)
{
    const char *why = "";
    enum intake_result result;
    size_t at;

    if (!site_fits(c)) {
        call_refuse(c, 403, "AuthenticationException");
        return;
    }
    c->page.xml = false; /* this call speaks JSON only */
    pthread_mutex_lock(&c->p->lock);
    result = intake_take(&c->p->intake, c->req->body,
                         knobs_get(c->p->knobs, PV_INTAKE_OWN_NUMBER) != 0, time(NULL), &at, &why);
    if (result == INTAKE_CREATED || result == INTAKE_UPDATED) {
        page_record_begin(&c->page);
        intake_detail(&c->page, &c->p->intake, at);
        page_record_end(&c->page);
    }
    pthread_mutex_unlock(&c->p->lock);
    if (result == INTAKE_FULL) {
        call_refuse(c, 500, "out of memory");
        return;
    }
    if (result == INTAKE_EXISTS) {
        sbuf_puts(&c->out, "{\"error_code\":1,\"message\":\"Hồ sơ đã tồn tại\"}");
    } else if (result == INTAKE_BAD) {
        sbuf_puts(&c->out, "{\"error_code\":-1,");
        sbuf_member(&c->out, "message", why);
        sbuf_puts(&c->out, "}");
    } else if (happens(c->p, PV_WRITE_FAIL_PERCENT)) {
        sbuf_free(&c->out);
        call_refuse(c, 500, "written, and then something failed");
        return;
    }
    finish(c);
}

static void get_stepconfigs(struct province_call *c)
{
    if (!site_fits(c)) {
        empty_list(c);
        return;
    }
    page_list_begin(&c->page, LIFE_STEP_COUNT);
    province_stepconfigs(&c->page);
    page_list_end(&c->page);
    finish(c);
}

static void get_services(struct province_call *c)
{
    const struct services *s = &c->p->services;
    struct search window;

    if (search_parse(&window, c->req) != 0) {
        call_refuse(c, 400, "an offset is not a number");
        return;
    }
    if (!site_fits(c)) {
        empty_list(c);
        return;
    }
    pthread_mutex_lock(&c->p->lock);
    page_list_begin(&c->page, shown_total(c, s->n));
    for (size_t i = window.start; i < s->n && i < window.end; i++) {
        services_row(&c->page, s, i);
    }
    page_list_end(&c->page);
    pthread_mutex_unlock(&c->p->lock);
    finish(c);
}

static void get_service(struct province_call *c)
{
    size_t i;

    pthread_mutex_lock(&c->p->lock);
    i = site_fits(c) ? services_find(&c->p->services, c->id) : SIZE_MAX;
    if (i == SIZE_MAX) {
        pthread_mutex_unlock(&c->p->lock);
        call_refuse(c, 404, "NoSuchServiceInfoException");
        return;
    }
    page_record_begin(&c->page);
    services_detail(&c->page, &c->p->services, i);
    page_record_end(&c->page);
    pthread_mutex_unlock(&c->p->lock);
    finish(c);
}

/* POST without an id, PUT with one. */
static void write_service(struct province_call *c)
{
    static const struct {
        int status;
        const char *words;
    } REFUSALS[] = {
        [SERVICES_EXISTS] = {409, "DuplicateServiceCodeException"},
        [SERVICES_MISSING] = {404, "NoSuchServiceInfoException"},
        [SERVICES_BAD] = {400, "serviceCode is missing, or the form is broken"},
        [SERVICES_FULL] = {500, "out of memory"},
    };
    const char *type = serve_header(c->req, "Content-Type");
    const char *code = c->id[0] != '\0' ? c->id : NULL;
    enum services_result result;
    size_t at;

    if (type == NULL || strncmp(type, "application/x-www-form-urlencoded", 33) != 0) {
        call_refuse(c, 415, "bodies are application/x-www-form-urlencoded");
        return;
    }
    if (!site_fits(c)) {
        call_refuse(c, 403, "AuthenticationException");
        return;
    }
    pthread_mutex_lock(&c->p->lock);
    result = services_write(&c->p->services, code, c->req->body, time(NULL), &at);
    if (result == SERVICES_OK) {
        page_record_begin(&c->page);
        services_detail(&c->page, &c->p->services, at);
        page_record_end(&c->page);
    }
    pthread_mutex_unlock(&c->p->lock);
    if (result != SERVICES_OK) {
        call_refuse(c, REFUSALS[result].status, REFUSALS[result].words);
    } else if (happens(c->p, PV_WRITE_FAIL_PERCENT)) {
        call_refuse(c, 500, "written, and then something failed");
    } else {
        finish(c);
    }
}

static void no_delete(struct province_call *c)
{
    call_refuse(c, 405, "procedures are withdrawn with active=false");
}

static const struct route ROUTES[] = {
    {"dossiers", "GET", "dossiers", get_dossiers, true, false},
    {"dossier", "GET", "dossiers/{}", get_dossier, true, true},
    {"actions", "GET", "dossiers/{}/actions", get_actions, true, true},
    {"files", "GET", "dossiers/{}/files", get_files, true, true},
    {"stepconfigs", "GET", "stepconfigs", get_stepconfigs, true, false},
    {"serviceinfos", "GET", "serviceinfos", get_services, true, false},
    {"serviceinfo", "GET", "serviceinfos/{}", get_service, true, true},
    {"serviceinfo_post", "POST", "serviceinfos", write_service, true, false},
    {"serviceinfo_put", "PUT", "serviceinfos/{}", write_service, true, false},
    {"serviceinfo_delete", "DELETE", "serviceinfos/{}", no_delete, true, false},
    {"intake", "POST", "nps/createdossierfromdvcqg", take_intake, true, false},
    {"knobs", "GET", "/_sandbox/knobs", province_knobs, false, false},
    {"knobs_post", "POST", "/_sandbox/knobs", province_knobs, false, false},
    {"stats", "GET", "/_sandbox/stats", province_stats, false, false},
    {"dump", "GET", "/_sandbox/dump", province_dump, false, false},
    {"catalog", "GET", "/_sandbox/catalog", province_catalog, false, false},
    {"file", "GET", "/files/{}", province_file, false, false},
    {"file_of_dossier", "GET", "/files/{}/{}", province_file, false, false},
    {"flaw", "POST", "/_sandbox/flaw", province_flaw, false, false},
    {"plant", "POST", "/_sandbox/plant", province_plant, false, false},
    {"tamper", "POST", "/_sandbox/tamper", province_tamper, false, false},
    {"step", "POST", "/_sandbox/step", province_step, false, false},
    {"republish", "POST", "/_sandbox/republish", province_republish, false, false},
    {"intake_move", "POST", "/_sandbox/intake", province_intake_move, false, false},
};

#define ROUTE_COUNT (sizeof(ROUTES) / sizeof(ROUTES[0]))
_Static_assert(ROUTE_COUNT <= PROVINCE_ROUTES_MAX, "calls[] has a place for every route");

const char *province_route_name(size_t k)
{
    return k < ROUTE_COUNT ? ROUTES[k].name : NULL;
}

/* Fits a path to a pattern and takes the part that {} stands for. */
static bool fits(const char *pattern, const char *path, char id[PART_SIZE])
{
    id[0] = '\0';
    while (*pattern != '\0') {
        if (*pattern == '{') {
            size_t n = strcspn(path, "/");

            if (n == 0 || n >= PART_SIZE) {
                return false;
            }
            memcpy(id, path, n);
            id[n] = '\0';
            path += n;
            pattern += 2;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

static bool password_fits(struct province_call *c)
{
    const char *header = serve_header(c->req, "Authorization");
    char user[KNOB_TEXT_MAX];
    char password[KNOB_TEXT_MAX];
    char plain[2 * KNOB_TEXT_MAX + 1];
    unsigned char coded[4 * KNOB_TEXT_MAX];
    int n;

    knobs_get_text(c->p->knobs, PV_USERNAME, user);
    knobs_get_text(c->p->knobs, PV_PASSWORD, password);
    if (user[0] == '\0') {
        return true;
    }
    n = snprintf(plain, sizeof(plain), "%s:%s", user, password);
    EVP_EncodeBlock(coded, (const unsigned char *)plain, n);
    return header != NULL && strncmp(header, "Basic ", 6) == 0 &&
           strcmp(header + 6, (const char *)coded) == 0;
}

/* The fault knobs. True when the request was answered by one. */
static bool fails(struct province_call *c, const struct route *route)
{
    static const char PAGE[] = "<html><body><h1>HTTP Status 500</h1></body></html>";
    long latency_ms = knobs_get(c->p->knobs, PV_LATENCY_MS);
    long jitter_ms = knobs_get(c->p->knobs, PV_LATENCY_JITTER_MS);

    if (jitter_ms > 0) {
        uint64_t throw = people_mix(0x1a7e, atomic_fetch_add(&c->p->chance, 1));

        latency_ms += (long)(throw % ((uint64_t)jitter_ms + 1));
    }
    if (latency_ms > 0) {
        serve_delay(c->req, (uint64_t)latency_ms);
    }
    if (happens(c->p, PV_DROP_PERCENT)) {
        serve_drop(c->req);
        return true;
    }
    if (happens(c->p, PV_FAIL_503_PERCENT)) {
        serve_add_header(c->req, "Retry-After", "1");
        answer_text(c->req, 503, "text/html", PAGE);
        return true;
    }
    if (happens(c->p, PV_FAIL_500_PERCENT) ||
        (route->detail && happens(c->p, PV_DETAIL_FAIL_PERCENT))) {
        answer_text(c->req, 500, "text/html", PAGE);
        return true;
    }
    if (happens(c->p, PV_CUT_PERCENT)) {
        serve_cut(c->req);
    }
    return false;
}

void province_handle(struct serve_req *req, void *arg)
{
    struct province_call c = {.p = arg, .req = req};
    const char *base = strstr(req->path, BASE_END);
    const char *path = base != NULL ? base + strlen(BASE_END) : req->path;
    bool known = false;

    if (products_handle(c.p->products, req)) {
        return;
    }
    for (size_t k = 0; k < ROUTE_COUNT; k++) {
        if (!fits(ROUTES[k].pattern, ROUTES[k].protocol ? path : req->path, c.id) ||
            (ROUTES[k].protocol && base == NULL)) {
            continue;
        }
        known = true;
        if (strcmp(ROUTES[k].method, req->method) != 0) {
            continue;
        }
        atomic_fetch_add(&c.p->calls[k], 1);
        c.page = (struct page){.out = &c.out, .xml = ROUTES[k].protocol && wants_xml(req)};
        if (ROUTES[k].protocol && !password_fits(&c)) {
            serve_add_header(req, "WWW-Authenticate", "Basic realm=\"OpenCPS\"");
            call_refuse(&c, 401, "AuthenticationException");
        } else if (!ROUTES[k].protocol || !fails(&c, &ROUTES[k])) {
            ROUTES[k].answer(&c);
        }
        sbuf_free(&c.out);
        return;
    }
    call_refuse(&c, known ? 405 : 404, known ? "method not allowed" : "no such resource");
}
