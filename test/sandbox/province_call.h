/* province_call: one request to the province while it is answered; shared by province_routes.c (the
 * protocol) and province_admin.c (the sandbox's own pages). On a server thread. */
#ifndef PROVINCE_CALL_H
#define PROVINCE_CALL_H

#include "sandbox/province_knobs.h"
#include "sandbox/province_page.h"
#include "sandbox/province_routes.h"

#define PART_SIZE 256 /* bytes of a part of a path */
#define JSON_TYPE "application/json"

/* What a route's function works with. */
struct province_call {
    struct province *p;
    struct serve_req *req;
    char id[PART_SIZE]; /* the {} of the path, decoded by the frame */
    struct page page;   /* writes to out */
    struct sbuf out;
};

/* ---- province_routes.c ---- */

/* Answers with a refusal, worded as OpenCPS does. */
void call_refuse(struct province_call *c, int status, const char *what);
/* Answers 200 with what stands in out, without faults; 500 when it grew too large. */
void call_send(struct province_call *c, const char *type);
/* The name of route k in the stats, NULL behind the last one. */
const char *province_route_name(size_t k);

/* ---- province_admin.c ---- */

void province_knobs(struct province_call *c);
void province_stats(struct province_call *c);
void province_dump(struct province_call *c);
void province_catalog(struct province_call *c);
void province_file(struct province_call *c);
void province_flaw(struct province_call *c);
void province_plant(struct province_call *c);
void province_tamper(struct province_call *c);
void province_step(struct province_call *c);
void province_republish(struct province_call *c);
void province_intake_move(struct province_call *c);

#endif
