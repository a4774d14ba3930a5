/* map: a table from local codes to national ones with dates of validity, read from a file.
 *
 * Files are CSV in UTF-8: a header line that names the columns, then rows; '#' begins a comment
 * line; valid_from and valid_until (exclusive) are yyyy-MM-dd, local midnight, or empty. Used for
 * statuses (status, substatus, name -> national), procedures and agencies (local -> national).
 * Immutable once loaded; any thread. */
#ifndef DOMAIN_MAP_H
#define DOMAIN_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct map;

enum map_kind { MAP_STATUS, MAP_PROCEDURE, MAP_AGENCY };

/* Reads text (not terminated) as a map; path stands in messages and is kept for map_path. All
 * faults of the file at once in msg ("FILE:LINE: what; remedy", newline between, as many as fit):
 * unknown or missing column, bad date, national value outside its grammar, two rows valid at once
 * for one key; after 20, or when the text is full, "and N more". ERR_CONFIG then; ERR_TOOBIG beyond
 * 16 MB or 1,000,000 lines; ERR_NOMEM.
 *
 * Columns: status,substatus,name,national,valid_from,valid_until or
 * local,national,valid_from,valid_until and, for agencies, divided, in any order; status, local and
 * national must be there. A status row matches by status and sub-status, or by whichever of the two
 * it holds; name is looked up only in rows that hold neither and is a remark in others. */
MUST_CHECK int map_parse(enum map_kind kind, const char *path, const char *text, size_t len,
                         struct map **out, struct errmsg *msg);
/* The same from a regular file. Also ERR_NOTFOUND, ERR_DENIED, ERR_IO, ERR_INVAL (not a regular
 * file). Blocks: call it at start or from loop_work. */
MUST_CHECK int map_load(enum map_kind kind, const char *path, struct map **out, struct errmsg *msg);
void map_free(struct map *map); /* NULL is fine */
const char *map_path(const struct map *map);
size_t map_rows(const struct map *map);

/* National status 1..10 for a dossier's raw status at a time: sub-status first, then status, then
 * name; all three compare without case. 0 when no row fits. Any of the three may be NULL or "".
 * at_s 0 is 1970 here: whose dossier has no time passes the present. */
int map_status(const struct map *map, const char *status, const char *substatus, const char *name,
               int64_t at_s);
/* The national code, borrowed from the map; NULL when no row fits. Agencies compare in normal form.
 */
const char *map_code(const struct map *map, const char *local, int64_t at_s);
/* A unit that was divided among several: how many national codes its rows with divided = yes name
 * at that time; the first max of them in codes. 0 when it is not divided, or when a row without
 * that mark decides for one of them. Such a unit is not mapped by itself: a person decides. */
size_t map_divided(const struct map *map, const char *local, int64_t at_s, const char *codes[],
                   size_t max);

#endif
