/* mapping: records of a foreign product, read with a preset.
 *
 * A document is a reply after its unwrap steps; a node is one row or record in it. JSON nodes are
 * addressed with JSON pointers (a member name matches its exact spelling first, then without regard
 * to ASCII case), XML nodes with XPath 1.0 evaluated on ONE bounded record, never on a whole feed.
 * Pure; a document belongs to one thread at a time. */
#ifndef ADAPTER_MAPPING_H
#define ADAPTER_MAPPING_H

#include "base/arena.h"
#include "config/preset.h"
#include "domain/dossier.h"
#include "domain/procedure.h"
#include "domain/record.h"

struct json;
struct xml;
struct mapping_doc;  /* a parsed, unwrapped reply, or records that came one by one */
struct mapping_node; /* borrowed from its document */

#define MAPPING_ROWS_MAX 200000

/* Parses a reply, goes through the call's unwrap steps and finds the call's rows. A text to unwrap
 * that is not there is left to mapping_judge. ERR_FORMAT with the place, ERR_TOOBIG (also more rows
 * than MAPPING_ROWS_MAX), ERR_NOMEM. The bytes are not needed afterwards. */
MUST_CHECK int mapping_open(const struct preset *preset, const struct preset_call *call,
                            const char *bytes, size_t n, struct mapping_doc **out,
                            struct errmsg *msg);
void mapping_close(struct mapping_doc *doc); /* NULL is fine */

/* A document that gets its records one by one, as a feed hands them out; it has no root. */
MUST_CHECK int mapping_open_records(const struct preset *preset, enum preset_format format,
                                    struct mapping_doc **out, struct errmsg *msg);
/* Adds one, which it frees in any case, of the document's format (the other one is NULL). *bytes is
 * the memory it takes. ERR_NOMEM. */
MUST_CHECK int mapping_add_record(struct mapping_doc *doc, struct json *json, struct xml *xml,
                                  const struct mapping_node **node, size_t *bytes,
                                  struct errmsg *msg);
void mapping_drop_record(struct mapping_doc *doc); /* the one added last */
const struct mapping_node *mapping_root(const struct mapping_doc *doc);

enum mapping_verdict { MAPPING_OK, MAPPING_AUTH /* log in again */, MAPPING_REFUSED };
/* The call's success predicate, each path looked for in what was unwrapped and then in the reply;
 * words gets the system's own words, printable and masked. */
enum mapping_verdict mapping_judge(const struct preset_call *call, const struct mapping_doc *doc,
                                   char words[304]);

/* The rows of a list or of steps, in document order: the items of a JSON array (an object counts as
 * one row), the nodes of an XPath. next of the last is NULL. With call->rows it can't fail; with
 * another path NULL also stands for no memory. */
const struct mapping_node *mapping_first(const struct mapping_doc *doc, const char *rows);
const struct mapping_node *mapping_next(const struct mapping_node *node);
/* The text at a path below a node; "" for none, never NULL. Lives in the arena or in the document.
 */
const char *mapping_text(const struct mapping_doc *doc, const struct mapping_node *node,
                         const char *path, struct arena *arena);

/* Id and content digest of a row (without hash_without). ERR_FORMAT: no id. */
MUST_CHECK int mapping_row(const struct preset *preset, const struct mapping_doc *doc,
                           const struct mapping_node *row, struct arena *arena, const char **id,
                           uint8_t hash[RECORD_HASH_BYTES], int64_t *changed_s, struct errmsg *msg);

/* One dossier with its files and results, and the steps that stand inside it or in steps_doc (NULL:
 * inside). Records as record_from_dossier and record_from_step make them, the snapshot first, steps
 * oldest first. statuses: what their status_map says. ERR_FORMAT names field and value's place,
 * ERR_UNSUPPORTED: to be skipped (preset.skip, test agencies). */
MUST_CHECK int mapping_dossier(const struct preset *preset, const struct config_source *source,
                               const struct mapping_doc *doc, const struct mapping_node *node,
                               const struct mapping_doc *steps_doc, struct arena *arena,
                               struct record **records, size_t *n_records, struct errmsg *msg);

/* A row of `call catalog` as record_from_procedure makes it. ERR_FORMAT, ERR_NOMEM. */
MUST_CHECK int mapping_procedure(const struct preset *preset, const struct mapping_doc *doc,
                                 const struct mapping_node *node, struct arena *arena,
                                 struct record *record, struct errmsg *msg);

#endif
