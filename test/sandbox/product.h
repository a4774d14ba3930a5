/* product: the other faces of the sandbox's province, all over the same life of dossiers.
 *
 * A face plays one provincial product (provincial-systems.md 1.2 to 1.8) under a path prefix of its
 * own: its login, its lists, its words, its quirks. province.c opens the faces that --product
 * names, province_routes.c hands them the requests under their prefixes. What a face has shown and
 * what was acknowledged is kept per dossier, so that the sandbox can tell how many dossiers a
 * reader is behind. All calls but products_open and products_free come on server threads. */
#ifndef PRODUCT_H
#define PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/product_view.h"
#include "sandbox/province_routes.h"
#include "sandbox/sbuf.h"
#include "sandbox/serve.h"

#define PRODUCT_PART_SIZE 256 /* bytes of a {} part of a path */
#define PRODUCT_TOKEN_SIZE 49 /* bytes of a token, the NUL counted */
#define PRODUCT_TOKENS 8      /* tokens of a face that are good at a time */
#define PRODUCT_ROUTES_MAX 16 /* routes of a face */

struct product;

/* One request while it is answered. */
struct product_call {
    struct product *product;
    struct province *p;
    struct serve_req *req;
    const char *path;           /* behind the prefix */
    char id[PRODUCT_PART_SIZE]; /* the {} of the path */
    struct sbuf out;
};

enum product_refusal {
    PRODUCT_BAD_TOKEN, /* no token, a wrong one, or one that has run out */
    PRODUCT_NOT_FOUND,
    PRODUCT_BAD_METHOD,
    PRODUCT_LIMITED, /* 429 */
    PRODUCT_BAD_REQUEST
};

/* When a dossier counts as handed over. */
enum product_style {
    PRODUCT_SHOWN,  /* its row or record was shown */
    PRODUCT_ACKED,  /* the reader acknowledged it */
    PRODUCT_PUSHED, /* the sandbox pushed it and it was taken */
};

struct product_route {
    const char *name; /* in the stats */
    const char *method;
    const char *pattern; /* behind the prefix; {} stands for one part */
    void (*answer)(struct product_call *c);
    bool open; /* needs no login */
};

struct product_face {
    const char *name;
    const char *prefix; /* "/igate-connector/" */
    enum product_style style;
    const struct product_route *routes; /* [n_routes] */
    size_t n_routes;
    /* Whether the caller may; NULL: everybody. */
    bool (*allowed)(struct product_call *c);
    /* Answers a refusal the product's own way. */
    void (*refuse)(struct product_call *c, enum product_refusal why);
    /* Whether the product has dossier i at all; NULL: as the planted kinds say. */
    bool (*lists)(const struct product *product, const struct life *w, size_t i);
    bool shows_test_agency; /* the wire says which agency it is */
    bool limits;            /* answers 429 by the knob */
};

extern const struct product_face PRODUCT_IGATE_CONNECTOR, PRODUCT_IGATE_SEARCH, PRODUCT_VPCP,
    PRODUCT_LGSP, PRODUCT_NGSP, PRODUCT_OEP, PRODUCT_BRIDGE;

struct products; /* the faces that are on */

/* Switches on the faces of a comma-separated list ("all" for all of them). p is borrowed, its life
 * is made already. 0, or -1 with the reason on standard error. */
int products_open(struct products **out, struct province *p, const char *names);
/* Starts what pushes by itself; products_stop ends it. 0 or -1. */
int products_start(struct products *ps);
void products_stop(struct products *ps);
void products_free(struct products *ps); /* NULL is fine */

/* Answers a request under a face's prefix. False: it is under none. */
bool products_handle(struct products *ps, struct serve_req *req);

/* Writes ,"products":{"NAME":{...}} into an object. Takes the province's lock. */
void products_stats(struct products *ps, struct sbuf *out);

/* Whether the face of this name brings dossier i to its reader: it shows it, or its push is not
 * refused at the door (a status that is no national one). The caller holds the province's lock. */
bool products_bring(const struct products *ps, const char *name, size_t i);

/* ---- for the faces (product.c) ---- */

/* Whether the face shows dossier i at all. The caller holds the province's lock, here and below. */
bool product_lists(const struct product *product, size_t i);
/* Notes that the present version of dossier i was shown. */
void product_shown(struct product *product, size_t i);
/* Whether dossier i has changed since what was acknowledged (or, for a face that pushes, taken). */
bool product_waits(const struct product *product, size_t i);
/* Acknowledges what was shown of dossier i; the knob ack_lost_percent loses it, silently. */
void product_ack(struct product *product, size_t i);
/* The same for a version that was taken by push. */
void product_taken(struct product *product, size_t i, uint32_t version);
/* The dossier of a number; SIZE_MAX for none that the face lists. */
size_t product_find(const struct product *product, const char *number);
/* Indexes of listed dossiers by time of change, the latest first; *n of them, to be freed. NULL
 * when memory is out. */
uint32_t *product_by_change(const struct product *product, size_t *n);

/* A new token into out; old ones end as the knob product_token_life_s says. */
void product_token(struct product *product, char out[PRODUCT_TOKEN_SIZE]);
bool product_token_good(struct product *product, const char *token);
/* The token of "Authorization: Bearer ...", NULL without one. */
const char *product_bearer(struct product_call *c);
/* Whether these are the province's user name and password. */
bool product_account(struct product_call *c, const char *user, const char *password);
long product_token_life_s(const struct product *product);

/* Whether a quirk of this percent happens now. */
bool product_happens(struct product *product, long percent);
long product_knob(const struct product *product, int knob);

/* Answers with what stands in c->out. */
void product_send(struct product_call *c, int status, const char *type);
#define PRODUCT_JSON "application/json; charset=utf-8"

#endif
