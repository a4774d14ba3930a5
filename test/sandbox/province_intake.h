/* province_intake: the dossiers that came from the portal (POST /nps/createdossierfromdvcqg), with
 * systemId 5. They live beside the made-up world: their texts are what was sent, their actions are
 * what the admin page did. The caller holds the province's lock around every call. */
#ifndef PROVINCE_INTAKE_H
#define PROVINCE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/life.h"
#include "sandbox/province_page.h"
#include "sandbox/province_search.h"

#define INTAKE_FIRST_ID 50000001 /* dossierId of the first */
#define INTAKE_MAX 100000
#define INTAKE_ACTIONS_MAX 24

struct intake_dossier;

/* Zero-initialise. */
struct intake {
    struct intake_dossier **rows; /* owned */
    size_t n;
    uint64_t created, updated, refused;
};

void intake_free(struct intake *in);

enum intake_result {
    INTAKE_CREATED,
    INTAKE_UPDATED,
    INTAKE_EXISTS, /* there, and not in a state in which it is taken again */
    INTAKE_BAD,    /* *why says what is wrong */
    INTAKE_FULL
};

/* The body of the call; *at is the dossier written. own_number: the site numbers it itself and
 * keeps the portal's number in originDossierNo. */
enum intake_result intake_take(struct intake *in, const char *body, bool own_number, int64_t now_s,
                               size_t *at, const char **why);
/* Moves a dossier (by the portal's number or its own) to the first step of that status. False: no
 * such dossier or status, or too many actions. */
bool intake_move(struct intake *in, const char *number, const char *status, int64_t now_s);

/* By dossierId or referenceUid; SIZE_MAX for none. */
size_t intake_find(const struct intake *in, const char *id);
bool intake_fits(const struct intake *in, size_t i, const struct search *s);
void intake_row(struct page *p, const struct intake *in, size_t i);
void intake_detail(struct page *p, const struct intake *in, size_t i);
size_t intake_actions_count(const struct intake *in, size_t i);
void intake_actions(struct page *p, const struct intake *in, size_t i);
void intake_dump_line(struct sbuf *out, const struct intake *in, size_t i);
/* Changes with every change of it. */
uint32_t intake_version(const struct intake *in, size_t i);
const char *intake_uid(const struct intake *in, size_t i);

#endif
