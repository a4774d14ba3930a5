/* VNPT iGate's micro-services as provinces search them (provincial-systems.md 1.2): a Keycloak
 * token, slices of rows ordered by updatedDate, a detail with tasks, names that are an object in
 * some answers and an array in others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "sandbox/product.h"
#include "sandbox/product_status.h"
#include "sandbox/product_write.h"
#include "sandbox/province_knobs.h"

#define OBJECT_ID_SIZE 25
#define SIZE_MOST 50 /* rows of a slice, whatever is asked for */

static void refuse(struct product_call *c, enum product_refusal why)
{
    static const struct {
        int status;
        const char *words;
    } WORDS[] = {
        [PRODUCT_BAD_TOKEN] = {401, "invalid_token"},
        [PRODUCT_NOT_FOUND] = {404, "not_found"},
        [PRODUCT_BAD_METHOD] = {405, "method_not_allowed"},
        [PRODUCT_LIMITED] = {429, "too_many_requests"},
        [PRODUCT_BAD_REQUEST] = {400, "invalid_request"},
    };

    sbuf_puts(&c->out, "{");
    sbuf_member(&c->out, "error", WORDS[why].words);
    sbuf_puts(&c->out, "}");
    product_send(c, WORDS[why].status, PRODUCT_JSON);
}

static bool allowed(struct product_call *c)
{
    return product_token_good(c->product, product_bearer(c));
}

/* "Basic base64(id:secret)" of the province's account. */
static bool client_good(struct product_call *c)
{
    const char *header = serve_header(c->req, "Authorization");
    char plain[2 * KNOB_TEXT_MAX];
    size_t len = header != NULL && strncmp(header, "Basic ", 6) == 0 ? strlen(header + 6) : 0;
    int n =
        len > 0 && len < sizeof(plain)
            ? EVP_DecodeBlock((unsigned char *)plain, (const unsigned char *)header + 6, (int)len)
            : -1;
    char *colon;

    if (n < 0) {
        return false;
    }
    n -= header[6 + len - 1] == '=';
    n -= len > 1 && header[6 + len - 2] == '=';
    plain[n] = '\0';
    colon = strchr(plain, ':');
    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    return product_account(c, plain, colon + 1);
}

static void token(struct product_call *c)
{
    char grant[64];
    char text[PRODUCT_TOKEN_SIZE];

    if (!read_form(c->req->body, "grant_type", grant, sizeof(grant)) ||
        strcmp(grant, "client_credentials") != 0) {
        refuse(c, PRODUCT_BAD_REQUEST);
        return;
    }
    if (!client_good(c)) {
        refuse(c, PRODUCT_BAD_TOKEN);
        return;
    }
    product_token(c->product, text);
    sbuf_puts(&c->out, "{");
    sbuf_member(&c->out, "access_token", text);
    write_number(&c->out, "expires_in", product_token_life_s(c->product));
    sbuf_puts(&c->out, ",\"refresh_expires_in\":0,\"token_type\":\"Bearer\"");
    sbuf_puts(&c->out, ",\"not-before-policy\":0,\"scope\":\"email profile\"}");
    product_send(c, 200, PRODUCT_JSON);
}

/* 24 hex digits; the last 12 are the number, the others follow from it. */
static void object_id(int64_t number, char out[OBJECT_ID_SIZE])
{
    snprintf(out, OBJECT_ID_SIZE, "%012llx%012llx",
             (unsigned long long)people_mix(0x0b1d, (uint64_t)number) & 0xffffffffffff,
             (unsigned long long)number & 0xffffffffffff);
}

static size_t find(struct product_call *c, const char *id)
{
    char own[OBJECT_ID_SIZE];
    uint64_t number;

    if (strlen(id) != OBJECT_ID_SIZE - 1) {
        return SIZE_MAX;
    }
    number = strtoull(id + 12, NULL, 16);
    object_id((int64_t)number, own);
    if (strcmp(own, id) != 0 || number < LIFE_FIRST_ID || number - LIFE_FIRST_ID >= c->p->life.n) {
        return SIZE_MAX;
    }
    number -= LIFE_FIRST_ID;
    return product_lists(c->product, (size_t)number) ? (size_t)number : SIZE_MAX;
}

static void put_id(struct sbuf *out, const char *name, int64_t number)
{
    char id[OBJECT_ID_SIZE];

    object_id(number, id);
    sbuf_member(out, name, id);
}

static void put_status(struct sbuf *out, const char *name, enum life_step_id step)
{
    const struct product_igate_status *s = product_igate(step);

    sbuf_key(out, name);
    sbuf_puts(out, "{");
    write_number(out, "id", s->id);
    sbuf_member(out, "name", s->name);
    sbuf_puts(out, "}");
}

static void put_applicant(struct sbuf *out, const struct product_view *v)
{
    sbuf_key(out, "applicant");
    sbuf_puts(out, "{\"userId\":null");
    put_id(out, "eformId", 9);
    sbuf_key(out, "data");
    sbuf_puts(out, "{");
    sbuf_member(out, "fullname", v->who.name);
    sbuf_member(out, "ownerFullname", "");
    sbuf_member(out, "identityNumber", v->who.id_no);
    sbuf_member(out, "phoneNumber", v->who.phone);
    sbuf_member(out, "email", v->who.email);
    sbuf_puts(out, "}}");
}

static void put_procedure(struct sbuf *out, const struct product_view *v)
{
    bool array = v->i % 2 == 1;

    sbuf_key(out, "procedure");
    sbuf_puts(out, "{");
    put_id(out, "id", 4200);
    sbuf_member(out, "code", v->texts.service);
    sbuf_key(out, "translate");
    if (array) {
        sbuf_puts(out, "[");
    }
    sbuf_puts(out, "{\"languageId\":228");
    sbuf_member(out, "name", v->procedure->name);
    sbuf_puts(out, "}");
    if (array) {
        sbuf_puts(out, ",{\"languageId\":46,\"name\":\"Procedure\"}]");
    }
    sbuf_key(out, "sector");
    sbuf_puts(out, "{");
    put_id(out, "id", 4300);
    sbuf_member(out, "code", v->procedure->sector_code);
    sbuf_puts(out, "}}");
}

static void put_agency(struct sbuf *out, const struct product_view *v)
{
    char code[32];

    product_old_order(v->agency->code, code);
    sbuf_key(out, "agency");
    sbuf_puts(out, "{");
    put_id(out, "id", 3000);
    sbuf_member(out, "code", code);
    sbuf_member(out, "name", v->agency->name);
    sbuf_puts(out, "}");
}

/* What rows and details share. */
static void put_row(struct sbuf *out, const struct product_view *v)
{
    int64_t completed_s = v->state.finish_s != 0 ? v->state.finish_s : v->state.release_s;

    put_id(out, "id", v->id);
    sbuf_member(out, "code", v->number);
    write_or_null(out, "nationCode", "");
    put_status(out, "dossierStatus", v->state.step);
    sbuf_key(out, "dossierTaskStatus");
    sbuf_puts(out, "{");
    put_id(out, "id", 5000 + v->status);
    sbuf_member(out, "name", product_igate(v->state.step)->name);
    sbuf_puts(out, "}");
    put_applicant(out, v);
    put_procedure(out, v);
    put_agency(out, v);
    write_time(out, "appliedDate", v->state.submit_s, TIME_ISO_MS, true);
    write_time(out, "acceptedDate", v->state.receive_s, TIME_ISO_MS, true);
    write_time(out, "appointmentDate", v->state.due_s, TIME_ISO_MS, true);
    write_time(out, "dueDate", v->state.due_s, TIME_ISO_MS, true);
    write_time(out, "completedDate", completed_s, TIME_ISO_MS, true);
    write_time(out, "updatedDate", v->changed_s, TIME_ISO_MS, true);
    sbuf_key(out, "applyMethod");
    sbuf_puts(out, v->online ? "{\"id\":1,\"name\":\"Trực tuyến\"}"
                             : "{\"id\":0,\"name\":\"Trực tiếp\"}");
}

static void put_tasks(struct sbuf *out, const struct product_view *v)
{
    sbuf_key(out, "task");
    sbuf_puts(out, "[");
    for (size_t k = 0; k < v->n_steps; k++) {
        const struct product_step *s = &v->steps[k];

        sbuf_comma(out);
        sbuf_puts(out, "{");
        put_id(out, "id", s->id);
        sbuf_key(out, "assignee");
        sbuf_puts(out, "{");
        put_id(out, "id", 7000 + (int64_t)k);
        sbuf_member(out, "fullname", s->actor);
        sbuf_puts(out, "}");
        sbuf_key(out, "agency");
        sbuf_puts(out, "{");
        put_id(out, "id", 3000);
        sbuf_key(out, "name");
        sbuf_puts(out, "[{\"languageId\":228");
        sbuf_member(out, "name", v->agency->name);
        sbuf_puts(out, "}]}");
        write_time(out, "createdDate", s->at_s, TIME_ISO_MS, true);
        write_time(out, "completedDate", k + 1 < v->n_steps ? s[1].at_s : 0, TIME_ISO_MS, true);
        write_time(out, "dueDate", s->due_s, TIME_ISO_MS, true);
        put_status(out, "status", s->to);
        sbuf_member(out, "content", s->text);
        sbuf_puts(out, "}");
    }
    sbuf_puts(out, "]");
}

static size_t argument(struct product_call *c, const char *name, size_t fallback)
{
    const char *text = serve_query(c->req, name);

    return text != NULL && *text != '\0' ? (size_t)strtoull(text, NULL, 10) : fallback;
}

/* Rows are shown by the detail, where their steps are. */
static void put_slice(struct product_call *c, const uint32_t *rows, size_t n, size_t page,
                      size_t size)
{
    size_t from = page < n / size + 1 ? page * size : n;
    size_t until = from + size < n ? from + size : n;
    struct sbuf *out = &c->out;
    struct product_view v;

    sbuf_puts(out, "{\"content\":[");
    for (size_t k = from; k < until; k++) {
        product_view(&c->p->life, rows[k], &v);
        for (int twice =
                 product_happens(c->product, product_knob(c->product, PV_DUPLICATE_ROWS_PERCENT));
             twice >= 0; twice--) {
            sbuf_comma(out);
            sbuf_puts(out, "{");
            put_row(out, &v);
            sbuf_puts(out, "}");
        }
    }
    sbuf_printf(out, "],\"number\":%zu,\"size\":%zu,\"numberOfElements\":%zu,", page, size,
                until - from);
    sbuf_printf(out, "\"first\":%s,\"last\":%s,\"empty\":%s}", page == 0 ? "true" : "false",
                until >= n ? "true" : "false", until == from ? "true" : "false");
}

static void search(struct product_call *c)
{
    const char *sort = serve_query(c->req, "sort");
    size_t page = argument(c, "page", 0);
    size_t size = argument(c, "size", 10);
    uint32_t *rows;
    size_t n;

    if (sort == NULL || strcmp(sort, "updatedDate,desc") != 0 || size == 0) {
        refuse(c, PRODUCT_BAD_REQUEST);
        return;
    }
    size = size > SIZE_MOST ? SIZE_MOST : size;
    pthread_mutex_lock(&c->p->lock);
    rows = product_by_change(c->product, &n);
    if (rows != NULL) {
        put_slice(c, rows, n, page, size);
    }
    pthread_mutex_unlock(&c->p->lock);
    free(rows);
    product_send(c, rows != NULL ? 200 : 500, PRODUCT_JSON);
}

static void detail(struct product_call *c)
{
    struct product_view v;
    size_t i;

    pthread_mutex_lock(&c->p->lock);
    i = find(c, c->id);
    if (i != SIZE_MAX) {
        product_view(&c->p->life, i, &v);
        sbuf_puts(&c->out, "{");
        put_row(&c->out, &v);
        put_tasks(&c->out, &v);
        sbuf_puts(&c->out, "}");
        product_shown(c->product, i);
    }
    pthread_mutex_unlock(&c->p->lock);
    if (i == SIZE_MAX) {
        refuse(c, PRODUCT_NOT_FOUND);
    } else {
        product_send(c, 200, PRODUCT_JSON);
    }
}

static const struct product_route ROUTES[] = {
    {"token", "POST", "auth/realms/digo/protocol/openid-connect/token", token, true},
    {"search", "GET", "pa/dossier/search", search, false},
    {"detail", "GET", "pa/dossier/{}/--online", detail, false},
};

const struct product_face PRODUCT_IGATE_SEARCH = {
    .name = "igate-search",
    .prefix = "/igate-search/",
    .style = PRODUCT_SHOWN,
    .routes = ROUTES,
    .n_routes = sizeof(ROUTES) / sizeof(ROUTES[0]),
    .allowed = allowed,
    .refuse = refuse,
    .shows_test_agency = true,
};
