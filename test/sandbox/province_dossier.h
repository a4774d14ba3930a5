/* province_dossier: a dossier of the world as OpenCPS shows it: row, detail, actions, files.
 *
 * Field names and habits are those of provincial-systems.md 1.1: rows have the applicant's name in
 * capitals and no modifiedDate, actions carry epoch milliseconds and keep what was rolled back. The
 * caller holds the world's lock. */
#ifndef PROVINCE_DOSSIER_H
#define PROVINCE_DOSSIER_H

#include <stddef.h>

#include "sandbox/life.h"
#include "sandbox/province_page.h"

/* A row of GET /dossiers. It never shows what life_tamper changed. */
void province_dossier_row(struct page *p, const struct life *w, size_t i);
/* GET /dossiers/{id}, without the braces or the root element. */
void province_dossier_detail(struct page *p, const struct life *w, size_t i);
/* The rows of GET /dossiers/{id}/actions and of .../files, and how many there are. */
size_t province_actions_count(const struct life *w, size_t i);
void province_actions(struct page *p, const struct life *w, size_t i);
size_t province_files_count(const struct life *w, size_t i);
void province_files(struct page *p, const struct life *w, size_t i);
/* The rows of GET /stepconfigs: LIFE_STEP_COUNT of them. */
void province_stepconfigs(struct page *p);

/* A line of the dump, newline included: the full truth, for the oracle. */
void province_dump_line(struct sbuf *out, const struct life *w, size_t i);

#endif
