#include "sandbox/product.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "sandbox/people.h"
#include "sandbox/product_push.h"
#include "sandbox/province_knobs.h"

static const struct product_face *const FACES[] = {
    &PRODUCT_IGATE_CONNECTOR,
    &PRODUCT_IGATE_SEARCH,
    &PRODUCT_VPCP,
    &PRODUCT_LGSP,
    &PRODUCT_NGSP,
    &PRODUCT_OEP,
    &PRODUCT_BRIDGE,
};
#define FACE_COUNT (sizeof(FACES) / sizeof(FACES[0]))

/* What became of one dossier at one face. */
struct handed {
    uint32_t shown; /* version; 0 never */
    uint32_t acked; /* version; 0 never */
};

struct token {
    char text[PRODUCT_TOKEN_SIZE];
    int64_t until_s; /* monotonic; 0 free */
};

struct product {
    const struct product_face *face;
    struct province *p;
    struct handed *handed; /* [room], by dossier; grows with the life */
    size_t room;
    pthread_mutex_t lock; /* tokens */
    struct token tokens[PRODUCT_TOKENS];
    uint64_t logins;
    atomic_uint_fast64_t calls[PRODUCT_ROUTES_MAX];
    atomic_uint_fast64_t requests; /* of all routes, for quirks that count */
    atomic_uint_fast64_t chance;
    atomic_uint_fast64_t refused; /* without a good token */
    atomic_uint_fast64_t limited;
    atomic_uint_fast64_t faults;
    atomic_uint_fast64_t acks_lost;
};

struct products {
    struct province *p;
    struct product product[FACE_COUNT];
    size_t n;
    struct product_push *push; /* NULL: nothing pushes */
};

/* ---- opening ---- */

static bool named(const char *names, const char *name)
{
    size_t len = strlen(name);

    if (strcmp(names, "all") == 0) {
        return true;
    }
    for (const char *at = names; *at != '\0';
         at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        if (strcspn(at, ",") == len && strncmp(at, name, len) == 0) {
            return true;
        }
    }
    return false;
}

/* The faces that are named, opencps (always on) left out; how many words found no face. */
static size_t unknown_names(const char *names)
{
    size_t bad = 0;

    for (const char *at = names; *at != '\0';
         at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        size_t len = strcspn(at, ",");
        bool known = (len == 3 && strncmp(at, "all", 3) == 0) ||
                     (len == 7 && strncmp(at, "opencps", 7) == 0);

        for (size_t k = 0; k < FACE_COUNT; k++) {
            known =
                known || (strlen(FACES[k]->name) == len && strncmp(FACES[k]->name, at, len) == 0);
        }
        bad += !known;
    }
    return bad;
}

int products_open(struct products **out, struct province *p, const char *names)
{
    struct products *ps;

    *out = NULL;
    if (unknown_names(names) > 0) {
        fprintf(stderr, "province: --product: not all of \"%s\" are known; there are: opencps",
                names);
        for (size_t k = 0; k < FACE_COUNT; k++) {
            fprintf(stderr, ", %s", FACES[k]->name);
        }
        fputs("\n", stderr);
        return -1;
    }
    ps = calloc(1, sizeof(*ps));
    if (ps == NULL) {
        fputs("province: out of memory\n", stderr);
        return -1;
    }
    ps->p = p;
    for (size_t k = 0; k < FACE_COUNT; k++) {
        if (named(names, FACES[k]->name)) {
            struct product *product = &ps->product[ps->n++];

            product->face = FACES[k];
            product->p = p;
            pthread_mutex_init(&product->lock, NULL);
        }
    }
    *out = ps;
    return 0;
}

int products_start(struct products *ps)
{
    for (size_t k = 0; k < ps->n; k++) {
        if (ps->product[k].face->style == PRODUCT_PUSHED) {
            return product_push_start(&ps->push, &ps->product[k], ps->p);
        }
    }
    return 0;
}

void products_stop(struct products *ps)
{
    product_push_stop(ps->push);
    ps->push = NULL;
}

void products_free(struct products *ps)
{
    for (size_t k = 0; ps != NULL && k < ps->n; k++) {
        pthread_mutex_destroy(&ps->product[k].lock);
        free(ps->product[k].handed);
    }
    free(ps);
}

/* ---- what was handed over ---- */

bool product_lists(const struct product *product, size_t i)
{
    const struct product_face *face = product->face;
    uint8_t planted = product->p->life.dossiers[i].planted;

    if (face->lists != NULL && !face->lists(product, &product->p->life, i)) {
        return false;
    }
    return planted == LIFE_NORMAL || planted == LIFE_UNMAPPED_STATUS ||
           planted == LIFE_UNMAPPED_PROCEDURE ||
           (planted == LIFE_TEST_AGENCY && face->shows_test_agency);
}

bool products_bring(const struct products *ps, const char *name, size_t i)
{
    for (size_t k = 0; ps != NULL && k < ps->n; k++) {
        const struct product *product = &ps->product[k];
        bool refused = product->face->style == PRODUCT_PUSHED &&
                       ps->p->life.dossiers[i].planted == LIFE_UNMAPPED_STATUS;

        if (strcmp(product->face->name, name) == 0) {
            return product_lists(product, i) && !refused;
        }
    }
    return false;
}

/* The record of dossier i; NULL when memory is out. */
static struct handed *handed_of(struct product *product, size_t i)
{
    if (i >= product->room) {
        size_t room = product->p->life.room;
        struct handed *more = realloc(product->handed, room * sizeof(*more));

        if (more == NULL) {
            return NULL;
        }
        memset(more + product->room, 0, (room - product->room) * sizeof(*more));
        product->handed = more;
        product->room = room;
    }
    return &product->handed[i];
}

void product_shown(struct product *product, size_t i)
{
    struct handed *h = handed_of(product, i);

    if (h != NULL) {
        h->shown = life_version(&product->p->life, i);
    }
}

bool product_waits(const struct product *product, size_t i)
{
    return product_lists(product, i) &&
           (i >= product->room || product->handed[i].acked < life_version(&product->p->life, i));
}

void product_taken(struct product *product, size_t i, uint32_t version)
{
    struct handed *h = handed_of(product, i);

    if (h != NULL && version > h->acked) {
        h->acked = version;
    }
}

void product_ack(struct product *product, size_t i)
{
    struct handed *h = handed_of(product, i);

    if (h == NULL) {
        return;
    }
    if (product_happens(product, product_knob(product, PV_ACK_LOST_PERCENT))) {
        atomic_fetch_add(&product->acks_lost, 1);
        return;
    }
    product_taken(product, i, h->shown);
}

size_t product_find(const struct product *product, const char *number)
{
    const struct life *w = &product->p->life;
    uint32_t hash = life_number_hash(number);
    char own[LIFE_NUMBER_SIZE];

    for (size_t i = 0; i < w->n; i++) {
        if (w->hot[i].number != hash || !product_lists(product, i)) {
            continue;
        }
        life_number(w, i, own);
        if (strcmp(own, number) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static int later_first(const void *a, const void *b, void *arg)
{
    const struct life *w = arg;
    const struct life_dossier *x = &w->dossiers[*(const uint32_t *)a];
    const struct life_dossier *y = &w->dossiers[*(const uint32_t *)b];

    if (x->changed_s != y->changed_s) {
        return x->changed_s < y->changed_s ? 1 : -1;
    }
    if (x->touched != y->touched) {
        return x->touched < y->touched ? 1 : -1;
    }
    return x < y ? 1 : -1; /* the same order in every call */
}

uint32_t *product_by_change(const struct product *product, size_t *n)
{
    struct life *w = &product->p->life;
    uint32_t *rows = malloc((w->n + 1) * sizeof(*rows));

    *n = 0;
    for (size_t i = 0; rows != NULL && i < w->n; i++) {
        if (product_lists(product, i)) {
            rows[(*n)++] = (uint32_t)i;
        }
    }
    if (rows != NULL) {
        qsort_r(rows, *n, sizeof(*rows), later_first, w);
    }
    return rows;
}

/* Dossiers whose present version the reader has not got. */
static size_t behind(struct product *product)
{
    const struct life *w = &product->p->life;
    size_t n = 0;

    for (size_t i = 0; i < w->n; i++) {
        if (product->face->style != PRODUCT_SHOWN) {
            n += product_waits(product, i);
        } else if (product_lists(product, i)) {
            n += i >= product->room || product->handed[i].shown < life_version(w, i);
        }
    }
    return n;
}

void products_stats(struct products *ps, struct sbuf *out)
{
    sbuf_key(out, "products");
    sbuf_puts(out, "{");
    pthread_mutex_lock(&ps->p->lock);
    for (size_t k = 0; k < ps->n; k++) {
        struct product *product = &ps->product[k];

        sbuf_key(out, product->face->name);
        sbuf_printf(out, "{\"behind\":%zu,\"logins\":%llu,\"refused\":%llu,\"limited\":%llu,",
                    behind(product), (unsigned long long)product->logins,
                    (unsigned long long)atomic_load(&product->refused),
                    (unsigned long long)atomic_load(&product->limited));
        sbuf_printf(out, "\"faults\":%llu,\"acks_lost\":%llu,\"calls\":{",
                    (unsigned long long)atomic_load(&product->faults),
                    (unsigned long long)atomic_load(&product->acks_lost));
        for (size_t r = 0; r < product->face->n_routes; r++) {
            sbuf_key(out, product->face->routes[r].name);
            sbuf_printf(out, "%llu", (unsigned long long)atomic_load(&product->calls[r]));
        }
        sbuf_puts(out, "}");
        if (product->face->style == PRODUCT_PUSHED) {
            product_push_stats(ps->push, out);
        }
        sbuf_puts(out, "}");
    }
    pthread_mutex_unlock(&ps->p->lock);
    sbuf_puts(out, "}");
}

/* ---- accounts and tokens ---- */

static int64_t monotonic_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec + 1; /* never 0 */
}

long product_token_life_s(const struct product *product)
{
    return product_knob(product, PV_TOKEN_LIFE_S);
}

void product_token(struct product *product, char out[PRODUCT_TOKEN_SIZE])
{
    int64_t now_s = monotonic_s();
    struct token *oldest = &product->tokens[0];
    uint64_t a, b;

    pthread_mutex_lock(&product->lock);
    for (size_t k = 1; k < PRODUCT_TOKENS; k++) {
        oldest = product->tokens[k].until_s < oldest->until_s ? &product->tokens[k] : oldest;
    }
    a = people_mix(product->p->life.options.seed ^ 0x70ce, product->logins++);
    b = people_mix(a, (uint64_t)now_s);
    snprintf(oldest->text, sizeof(oldest->text), "tk%016llx%016llx", (unsigned long long)a,
             (unsigned long long)b);
    oldest->until_s = now_s + product_token_life_s(product);
    memcpy(out, oldest->text, PRODUCT_TOKEN_SIZE);
    pthread_mutex_unlock(&product->lock);
}

bool product_token_good(struct product *product, const char *token)
{
    int64_t now_s = monotonic_s();
    bool good = false;

    pthread_mutex_lock(&product->lock);
    for (size_t k = 0; token != NULL && k < PRODUCT_TOKENS; k++) {
        good = good ||
               (product->tokens[k].until_s > now_s && strcmp(product->tokens[k].text, token) == 0);
    }
    pthread_mutex_unlock(&product->lock);
    return good;
}

const char *product_bearer(struct product_call *c)
{
    const char *header = serve_header(c->req, "Authorization");

    return header != NULL && strncasecmp(header, "Bearer ", 7) == 0 ? header + 7 : NULL;
}

bool product_account(struct product_call *c, const char *user, const char *password)
{
    char own[2][KNOB_TEXT_MAX];

    knobs_get_text(c->p->knobs, PV_USERNAME, own[0]);
    knobs_get_text(c->p->knobs, PV_PASSWORD, own[1]);
    return user != NULL && password != NULL && strcmp(user, own[0]) == 0 &&
           strcmp(password, own[1]) == 0;
}

/* ---- answering ---- */

long product_knob(const struct product *product, int knob)
{
    return knobs_get(product->p->knobs, (size_t)knob);
}

bool product_happens(struct product *product, long percent)
{
    return percent > 0 && people_mix(product->p->life.options.seed ^ 0xfacade,
                                     atomic_fetch_add(&product->chance, 1)) %
                                  100 <
                              (uint64_t)percent;
}

void product_send(struct product_call *c, int status, const char *type)
{
    size_t len = 0;
    char *text;

    if (!c->out.failed && c->out.len == 0) {
        serve_respond(c->req, status, type, "", 0);
        return;
    }
    text = sbuf_take(&c->out, &len);
    if (text == NULL) {
        serve_respond(c->req, 500, "text/plain", "", 0);
        return;
    }
    serve_respond_owned(c->req, status, type, text, len);
}

static bool fits(const char *pattern, const char *path, char id[PRODUCT_PART_SIZE])
{
    id[0] = '\0';
    while (*pattern != '\0') {
        if (*pattern == '{') {
            size_t n = strcspn(path, "/");

            if (n == 0 || n >= PRODUCT_PART_SIZE) {
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

/* The quirks that answer in the product's place. True when one did. */
static bool disturbed(struct product_call *c)
{
    struct product *product = c->product;
    uint64_t n = atomic_fetch_add(&product->requests, 1) + 1;
    long every = product_knob(product, PV_LIMIT_EVERY);
    long burst = product_knob(product, PV_BURST_EVERY);
    long latency_ms = product_knob(product, PV_LATENCY_MS);
    char seconds[24];

    if (latency_ms > 0) {
        serve_delay(c->req, (uint64_t)latency_ms);
    }
    if (product->face->limits && every > 0 && n % (uint64_t)every == 0) {
        atomic_fetch_add(&product->limited, 1);
        snprintf(seconds, sizeof(seconds), "%ld", product_knob(product, PV_LIMIT_RETRY_AFTER_S));
        serve_add_header(c->req, "Retry-After", seconds);
        product->face->refuse(c, PRODUCT_LIMITED);
        return true;
    }
    if ((burst > 0 && n % (uint64_t)burst < (uint64_t)product_knob(product, PV_BURST_CALLS)) ||
        product_happens(product, product_knob(product, PV_FAIL_500_PERCENT))) {
        atomic_fetch_add(&product->faults, 1);
        serve_respond(c->req, 500, "text/html", "<html>Internal Server Error</html>", 34);
        return true;
    }
    if (product_happens(product, product_knob(product, PV_DROP_PERCENT))) {
        atomic_fetch_add(&product->faults, 1);
        serve_drop(c->req);
        return true;
    }
    if (product_happens(product, product_knob(product, PV_CUT_PERCENT))) {
        atomic_fetch_add(&product->faults, 1);
        serve_cut(c->req);
    }
    return false;
}

static void answer(struct product_call *c)
{
    const struct product_face *face = c->product->face;
    enum product_refusal why = PRODUCT_NOT_FOUND;

    for (size_t k = 0; k < face->n_routes; k++) {
        const struct product_route *route = &face->routes[k];

        if (!fits(route->pattern, c->path, c->id)) {
            continue;
        }
        why = PRODUCT_BAD_METHOD;
        if (strcmp(route->method, c->req->method) != 0) {
            continue;
        }
        atomic_fetch_add(&c->product->calls[k], 1);
        if (!route->open && face->allowed != NULL && !face->allowed(c)) {
            atomic_fetch_add(&c->product->refused, 1);
            face->refuse(c, PRODUCT_BAD_TOKEN);
        } else if (route->open || !disturbed(c)) {
            route->answer(c);
        }
        return;
    }
    face->refuse(c, why);
}

bool products_handle(struct products *ps, struct serve_req *req)
{
    for (size_t k = 0; k < ps->n; k++) {
        const char *prefix = ps->product[k].face->prefix;
        size_t len = strlen(prefix);

        if (strncmp(req->path, prefix, len) == 0) {
            struct product_call c = {
                .product = &ps->product[k], .p = ps->p, .req = req, .path = req->path + len};

            answer(&c);
            sbuf_free(&c.out);
            return true;
        }
    }
    return false;
}
