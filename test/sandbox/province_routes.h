/* province_routes: what the province answers. One const table of routes; province.c starts it. */
#ifndef PROVINCE_ROUTES_H
#define PROVINCE_ROUTES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/knobs.h"
#include "sandbox/life.h"
#include "sandbox/province_intake.h"
#include "sandbox/province_services.h"
#include "sandbox/serve.h"

#define PROVINCE_ROUTES_MAX 32

struct products;
struct publish;

struct province {
    pthread_mutex_t lock; /* guards life, intake and services */
    struct life life;
    struct intake intake; /* what came from the portal */
    struct services services;
    struct knobs *knobs;          /* owned */
    uint64_t changes_wanted;      /* of --changes; the life is finished when they are made */
    atomic_uint_fast64_t planned; /* changes made of these */
    atomic_uint_fast64_t chance;  /* counts the throws of fault knobs */
    atomic_uint_fast64_t calls[PROVINCE_ROUTES_MAX];
    atomic_uint_fast64_t faults;
    struct products *products; /* owned; the faces beside OpenCPS */
    struct publish *publish;   /* owned; the queue of changes that is pushed */
};

/* The serve_handler; arg is the struct province. On server threads. */
void province_handle(struct serve_req *req, void *arg);

#endif
