/* opencps_read: answers of OpenCPS as canonical records (doc/opencps.md is the mapping).
 *
 * One code for JSON and XML, through opencps_doc. Pure; any thread: pages are read on workers.
 * Everything delivered lives in the given arena; nothing is borrowed from the document. A field
 * that can't be read is ERR_FORMAT with its name, never a guess. */
#ifndef ADAPTER_OPENCPS_READ_H
#define ADAPTER_OPENCPS_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapter/adapter.h"
#include "adapter/opencps_doc.h"
#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"
#include "domain/dossier.h"
#include "domain/procedure.h"
#include "domain/record.h"

#define OPENCPS_ACTIONS_MAX 5000 /* actions of one dossier */
#define OPENCPS_STEPS_MAX 5000   /* stepconfigs of one site */

/* A page of GET /dossiers. The hash of a row covers what a change would show in; applicantName
 * (upper-cased in rows), modifiedDate (blank) and the fields that follow the clock (overdue) are
 * left out. */
struct opencps_page {
    int64_t total;
    struct adapter_row *rows;
    size_t n;
};
/* More than max_rows rows: ERR_FORMAT, the site ignored `end`. */
MUST_CHECK int opencps_read_page(const struct opencps_doc *doc, size_t max_rows, struct arena *a,
                                 struct opencps_page *out, struct errmsg *msg);

#define OPENCPS_SYSTEM_NATIONAL 5 /* systemId of what came from the national side */

/* The number under which the portal knows a dossier of the national side, when the site has given
 * it another: originDossierNo, else member MaHoSo of metaData, where it is a dossier's code; else
 * "". *err becomes ERR_NOMEM without memory. */
const char *opencps_portal_number(const char *origin_no, const char *meta, struct arena *a,
                                  int *err);

/* GET /dossiers/{id}. */
struct opencps_dossier {
    struct dossier record; /* refused_s not yet decided, no files */
    const char *id;        /* dossierId */
    int64_t last_action_s;
    bool interlinked; /* a child: its parent is sent */
    bool internal;    /* originality <= 0 */
};
MUST_CHECK int opencps_read_dossier(const struct opencps_doc *doc, struct arena *a,
                                    struct opencps_dossier *out, struct errmsg *msg);

/* GET /dossiers/{id}/actions: those that count (not pending, not rolled back), oldest first. */
struct opencps_action {
    const char *id;
    const char *actor;
    const char *name;
    const char *note;
    const char *step_code;
    int64_t at_s;
    int64_t due_s;
};
struct opencps_actions {
    struct opencps_action *list;
    size_t n;
};
MUST_CHECK int opencps_read_actions(const struct opencps_doc *doc, struct arena *a,
                                    struct opencps_actions *out, struct errmsg *msg);

/* GET /dossiers/{id}/files into d->files and d->results; file_url with {dossierId} and
 * {referenceUid}. */
MUST_CHECK int opencps_read_files(const struct opencps_doc *doc, const char *file_url,
                                  const char *dossier_id, struct arena *a, struct dossier *d,
                                  struct errmsg *msg);

/* GET /stepconfigs, sorted by code. */
struct opencps_step {
    const char *code;
    const char *status;
    const char *substatus;
};
struct opencps_steps {
    struct opencps_step *list;
    size_t n;
};
MUST_CHECK int opencps_read_steps(const struct opencps_doc *doc, struct arena *a,
                                  struct opencps_steps *out, struct errmsg *msg);
const struct opencps_step *opencps_steps_find(const struct opencps_steps *steps, const char *code);

/* Named in test_agencies (in either order of the code), in test_accounts. */
bool opencps_test_agency(const char *code, const struct config_list *agencies);
bool opencps_test_account(const char *name, const struct config_list *accounts);

/* Why a dossier is not to be sent at all, for a person; NULL when it is. actions may be NULL (not
 * read yet). */
const char *opencps_excluded(const struct opencps_dossier *d, const struct opencps_actions *actions,
                             const struct config_source *source);

/* The snapshot, then the steps. A step code that steps doesn't know stands as the raw status, so
 * that the status map can name it. statuses names the map that reads them (config_source_statuses);
 * it also tells whether lastActionDate is the date of a refusal. */
MUST_CHECK int opencps_records(const struct opencps_dossier *d,
                               const struct opencps_actions *actions,
                               const struct opencps_steps *steps, const struct config *config,
                               const char *statuses, struct arena *a, struct record **out,
                               size_t *n, struct errmsg *msg);

/* A serviceinfo, of a list or by itself. */
struct opencps_service {
    struct procedure procedure; /* code is serviceCode as it stands */
    bool whole;                 /* the texts were there: rows of lists may lack them */
    struct adapter_shown shown;
};
MUST_CHECK int opencps_read_service(const struct opencps_doc *doc, struct arena *a,
                                    struct opencps_service *out, struct errmsg *msg);
struct opencps_services {
    int64_t total;
    struct opencps_service *list;
    size_t n;
};
MUST_CHECK int opencps_read_services(const struct opencps_doc *doc, size_t max_rows,
                                     struct arena *a, struct opencps_services *out,
                                     struct errmsg *msg);

#endif
