/* figure: the row of each dossier that the month's figures and the integrity list are counted from.
 * Private to journal/; worker only.
 *
 * Kept when bodies go: it holds no personal data (domain/figures.h). An erasure leaves the row,
 * which counts a dossier and identifies nobody, and takes the marks of its results. */
#ifndef JOURNAL_FIGURE_H
#define JOURNAL_FIGURE_H

#include "journal/sqlite.h"
#include "journal/subject.h"

/* A newer snapshot of the dossier, in the transaction that stores it; s as it was before. Nothing
 * without r->figures. */
MUST_CHECK int figure_store(struct db *db, const struct subject *s, const struct record *r,
                            uint64_t now_ms);

/* On a connection whose statements call figure_mark(TEXT). */
MUST_CHECK int figure_register(struct db *db);

/* Rows for dossiers that have none, from the bodies that are kept. Plain SQL on the canonical
 * record as JSON, for what has no other reader at hand: the migration to version 3 and salvage.
 * Which records are dossiers shows in their codes and fields. */
#define FIGURE_FROM_BODIES                                                                         \
    "CREATE TEMP TABLE figure_text AS SELECT i.subject AS subject, CAST(b.body AS TEXT) AS text "  \
    "FROM item i JOIN subject s ON s.newest_item = i.id JOIN body b ON b.item = i.id "             \
    "WHERE i.kind = 1 AND instr(s.code, ':') = 0 AND json_valid(CAST(b.body AS TEXT)) "            \
    "AND i.subject NOT IN (SELECT subject FROM figure);"                                           \
    "CREATE TEMP TABLE figure_value AS SELECT subject, json_extract(text, "                        \
    "'$.procedure_code', '$.sector_code', '$.agency_code', '$.channel', '$.entry', "               \
    "'$.submitted_s', '$.received_s', '$.finished_s', '$.returned_s', '$.refused_s', "             \
    "'$.digitised', '$.identified', '$.paid_online', '$.status') AS v, "                           \
    "iif(instr(text, 'DanhSachHoSoBoSung'), json_extract(text, '$.extra'), NULL) AS extra, "       \
    "iif(instr(text, '\"results\":'), json_array_length(text, '$.results'), 0) AS results "        \
    "FROM figure_text;"                                                                            \
    "INSERT INTO figure SELECT f.subject, ifnull(v ->> 0, ''), ifnull(v ->> 1, ''), "              \
    "ifnull(v ->> 2, ''), iif(v ->> 3 GLOB '[1-9]', CAST(v ->> 3 AS INTEGER), 0), "                \
    "iif(v ->> 4 GLOB '[1-9]', CAST(v ->> 4 AS INTEGER), 0), "                                     \
    "ifnull(v ->> 5, 0), ifnull(v ->> 6, 0), ifnull(v ->> 7, 0), ifnull(v ->> 8, 0), "             \
    "ifnull(v ->> 9, 0), s.promised, 0, iif(json_valid(f.extra), "                                 \
    "ifnull(json_array_length(f.extra, '$.DanhSachHoSoBoSung'), 0), 0), ifnull(f.results, 0), "    \
    "ifnull(v ->> 10, -1), ifnull(v ->> 11, -1), ifnull(v ->> 12, -1) "                            \
    "FROM figure_value f JOIN subject s ON s.id = f.subject WHERE v ->> 5 IS NOT NULL "            \
    "OR v ->> 6 IS NOT NULL OR (v ->> 0 IS NOT NULL AND v ->> 13 IS NOT NULL);"                    \
    "INSERT OR IGNORE INTO result_mark SELECT t.subject, figure_mark(r.value ->> '$.url') "        \
    "FROM figure_text t JOIN figure f ON f.subject = t.subject AND f.results > 0, "                \
    "json_each(t.text, '$.results') r WHERE r.value ->> '$.url' <> '';"                            \
    "DROP TABLE figure_value; DROP TABLE figure_text;"

#endif
