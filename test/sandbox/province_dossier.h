/* province_dossier: a dossier of the world as OpenCPS shows it: row, detail, actions, files.
 *
 * Field names and habits are those of provincial-systems.md 1.1: rows have the applicant's name in
 * capitals and no modifiedDate, actions carry epoch milliseconds and keep what was rolled back. The
 * caller holds the world's lock. */
#ifndef PROVINCE_DOSSIER_H
#define PROVINCE_DOSSIER_H

#include <stdbool.h>
#include <stddef.h>

#include "sandbox/life.h"
#include "sandbox/people.h"
#include "sandbox/province_page.h"

#define PROVINCE_FILE_UID_SIZE 37
#define PROVINCE_TEXT_SIZE 4096 /* bytes of a dossier's name or note, the NUL counted */

/* Texts of a dossier that every face of the province shows alike. */
struct province_texts {
    char service[64];              /* the procedure's code, the site's own way */
    char name[PROVINCE_TEXT_SIZE]; /* "" for a fifth of the dossiers */
    char note[PROVINCE_TEXT_SIZE];
};

/* A row of GET /dossiers. It never shows what life_tamper changed. */
void province_dossier_row(struct page *p, const struct life *w, size_t i);
/* GET /dossiers/{id}, without the braces or the root element. */
void province_dossier_detail(struct page *p, const struct life *w, size_t i);
/* The rows of GET /dossiers/{id}/actions and of .../files, and how many there are. */
size_t province_actions_count(const struct life *w, size_t i);
void province_actions(struct page *p, const struct life *w, size_t i);
size_t province_files_count(const struct life *w, size_t i);
void province_files(struct page *p, const struct life *w, size_t i);
/* What a file's address leads to: nothing, a PDF, or a PDF with a digital signature. */
enum province_file { PROVINCE_FILE_NONE, PROVINCE_FILE_PLAIN, PROVINCE_FILE_SIGNED };
/* By its referenceUid. */
enum province_file province_file_find(const struct life *w, const char *uid);
/* The rows of GET /stepconfigs: LIFE_STEP_COUNT of them. */
void province_stepconfigs(struct page *p);

void province_texts(const struct life *w, size_t i, struct province_texts *out);
/* Who did the action at this position of the dossier's plan. */
void province_actor(const struct life *w, size_t i, uint8_t position, char out[PEOPLE_NAME_SIZE]);

/* A line of the dump, newline included: the full truth, for the oracle. hidden: not shown by the
 * product that is looked at, so not expected on the portal. */
void province_dump_line(struct sbuf *out, const struct life *w, size_t i, bool hidden);

#endif
