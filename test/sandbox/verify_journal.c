#include "sandbox/verify_journal.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#define BUSY_MS 10000 /* a running daemon may be about to recover or checkpoint */

/* What a step is known by; ?2 says whether by its time. */
#define KEY "CASE ?2 WHEN 0 THEN coalesce(i.step_key, '') ELSE CAST(i.at AS TEXT) END"
static const char ITEMS_SQL[] =
    "SELECT i.kind, i.state, i.hold != 0 OR coalesce(i.reason, '') != '', " KEY
    " FROM subject s JOIN item i ON i.subject = s.id"
    " WHERE s.flow IN (SELECT id FROM flow WHERE name NOT IN ('intake', 'usage')) AND s.code = ?1"
    " AND i.kind IN (1, 2) ORDER BY i.id";

/* Single calls have no rows in attempt_item; an attempt without an outcome died with its process.
 */
#define IN_DOUBT "a.verb = 1 AND coalesce(a.outcome, 2) = 2"
#define NOT_USAGE "s.flow NOT IN (SELECT id FROM flow WHERE name = 'usage')"
static const char DOUBTS_SQL[] =
    "SELECT kind, begun_ms, ended_ms, step_key FROM ("
    " SELECT a.id AS id, i.kind AS kind, a.begun_ms AS begun_ms,"
    "  coalesce(a.ended_ms, 9223372036854775807) AS ended_ms, " KEY " AS step_key"
    "  FROM subject s JOIN attempt a ON a.subject = s.id JOIN item i ON i.id = a.first_item"
    "  WHERE s.code = ?1 AND a.items = 1 AND " NOT_USAGE " AND " IN_DOUBT " UNION ALL"
    " SELECT a.id, i.kind, a.begun_ms, coalesce(a.ended_ms, 9223372036854775807),"
    "  " KEY " FROM subject s JOIN attempt a ON a.subject = s.id"
    "  JOIN attempt_item t ON t.attempt = a.id JOIN item i ON i.id = t.item"
    "  WHERE s.code = ?1 AND a.items > 1 AND " NOT_USAGE " AND " IN_DOUBT ") ORDER BY id";

static const char STEP_DOUBTS_SQL[] =
    "SELECT (SELECT count(*) FROM attempt a JOIN item i ON i.id = a.first_item"
    " WHERE a.items = 1 AND i.kind = 2 AND " IN_DOUBT ") +"
    " (SELECT count(*) FROM attempt a JOIN attempt_item t ON t.attempt = a.id"
    " JOIN item i ON i.id = t.item WHERE a.items > 1 AND i.kind = 2 AND " IN_DOUBT ")";

static const char MIRROR_SQL[] =
    "SELECT name, active, length(hash) = 32 AND length(body) > 2 FROM mirror"
    " WHERE kind = 3 AND code = ?1";

/* '/' comes right after '.': all codes that begin with the procedure's and a dot. */
static const char EXTRAS_SQL[] =
    "SELECT coalesce((SELECT name FROM mirror WHERE kind = 6 AND code = ?2 AND active = 1), ''),"
    " (SELECT CASE WHEN count(*) = 0 THEN 2"
    "  WHEN count(*) = sum(name LIKE '%một phần') THEN 3 ELSE 4 END FROM mirror"
    "  WHERE kind = 4 AND code > ?1 || '.' AND code < ?1 || '/' AND active = 1)";

static int complain(struct verify_journal *j)
{
    fprintf(stderr, "verify: journal: %s\n", sqlite3_errmsg(j->db));
    return -1;
}

int journal_open(struct verify_journal *j, const char *path, bool by_time)
{
    memset(j, 0, sizeof(*j));
    j->by_time = by_time;
    if (path == NULL) {
        return 0;
    }
    if (sqlite3_open_v2(path, &j->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(j->db, BUSY_MS) != SQLITE_OK ||
        sqlite3_prepare_v2(j->db, ITEMS_SQL, -1, &j->items, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(j->db, DOUBTS_SQL, -1, &j->doubts, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(j->db, MIRROR_SQL, -1, &j->mirror, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(j->db, EXTRAS_SQL, -1, &j->extras, NULL) != SQLITE_OK) {
        fprintf(stderr, "verify: can't read the journal %s: %s\n", path, sqlite3_errmsg(j->db));
        journal_close(j);
        return -1;
    }
    return 0;
}

void journal_close(struct verify_journal *j)
{
    sqlite3_finalize(j->items);
    sqlite3_finalize(j->doubts);
    sqlite3_finalize(j->mirror);
    sqlite3_finalize(j->extras);
    sqlite3_close(j->db);
    j->items = NULL;
    j->doubts = NULL;
    j->mirror = NULL;
    j->extras = NULL;
    j->db = NULL;
}

static void take_text(sqlite3_stmt *s, int column, char *out, size_t size)
{
    const unsigned char *text = sqlite3_column_text(s, column);

    snprintf(out, size, "%s", text != NULL ? (const char *)text : "");
}

int journal_read_items(struct verify_journal *j, const char *code)
{
    int rc;

    j->n_items = 0;
    sqlite3_reset(j->items);
    sqlite3_bind_text(j->items, 1, code, -1, SQLITE_STATIC);
    sqlite3_bind_int(j->items, 2, j->by_time);
    for (rc = sqlite3_step(j->items); rc == SQLITE_ROW && j->n_items < JOURNAL_ITEMS_MAX;
         rc = sqlite3_step(j->items)) {
        struct journal_item *item = &j->item[j->n_items++];

        item->kind = sqlite3_column_int(j->items, 0);
        item->state = sqlite3_column_int(j->items, 1);
        item->has_reason = sqlite3_column_int(j->items, 2) != 0;
        item->logged = false;
        take_text(j->items, 3, item->step_key, sizeof(item->step_key));
    }
    sqlite3_reset(j->items);
    return rc == SQLITE_DONE ? 0 : complain(j);
}

int journal_read_doubts(struct verify_journal *j, const char *code)
{
    int rc;

    j->n_doubts = 0;
    sqlite3_reset(j->doubts);
    sqlite3_bind_text(j->doubts, 1, code, -1, SQLITE_STATIC);
    sqlite3_bind_int(j->doubts, 2, j->by_time);
    for (rc = sqlite3_step(j->doubts); rc == SQLITE_ROW && j->n_doubts < JOURNAL_DOUBTS_MAX;
         rc = sqlite3_step(j->doubts)) {
        struct journal_doubt *doubt = &j->doubt[j->n_doubts++];

        doubt->kind = sqlite3_column_int(j->doubts, 0);
        doubt->begun_ms = sqlite3_column_int64(j->doubts, 1);
        doubt->ended_ms = sqlite3_column_int64(j->doubts, 2);
        doubt->used = false;
        take_text(j->doubts, 3, doubt->step_key, sizeof(doubt->step_key));
    }
    sqlite3_reset(j->doubts);
    return rc == SQLITE_DONE ? 0 : complain(j);
}

static int read_count(struct verify_journal *j, const char *sql, uint64_t *out)
{
    sqlite3_stmt *s = NULL;
    int failed =
        sqlite3_prepare_v2(j->db, sql, -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW;

    if (failed == 0) {
        *out = (uint64_t)sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return failed == 0 ? 0 : complain(j);
}

int journal_count_step_doubts(struct verify_journal *j, uint64_t *out)
{
    return read_count(j, STEP_DOUBTS_SQL, out);
}

int journal_count_held(struct verify_journal *j, uint64_t *out)
{
    return read_count(j,
                      "SELECT count(*) FROM item i JOIN subject s ON s.id = i.subject"
                      " WHERE i.state = 3 AND i.kind IN (1, 2) AND " NOT_USAGE,
                      out);
}

int journal_check(struct verify_journal *j, bool *sound, char why[256])
{
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(j->db, "PRAGMA integrity_check(1)", -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW) {
        sqlite3_finalize(s);
        return complain(j);
    }
    take_text(s, 0, why, 256);
    *sound = strcmp(why, "ok") == 0;
    sqlite3_finalize(s);
    return 0;
}

int journal_bad_bodies(struct verify_journal *j, uint64_t *out)
{
    sqlite3_stmt *s = NULL;
    int rc;

    *out = 0;
    if (sqlite3_prepare_v2(j->db, "SELECT sha256, body FROM body", -1, &s, NULL) != SQLITE_OK) {
        return complain(j);
    }
    for (rc = sqlite3_step(s); rc == SQLITE_ROW; rc = sqlite3_step(s)) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        const void *stored = sqlite3_column_blob(s, 0);
        const void *body = sqlite3_column_blob(s, 1);
        size_t len = (size_t)sqlite3_column_bytes(s, 1);

        if (EVP_Digest(body != NULL ? body : "", len, digest, NULL, EVP_sha256(), NULL) != 1 ||
            sqlite3_column_bytes(s, 0) != 32 || memcmp(stored, digest, 32) != 0) {
            ++*out;
        }
    }
    sqlite3_finalize(s);
    return rc == SQLITE_DONE ? 0 : complain(j);
}

int journal_read_mirror(struct verify_journal *j, const char *code, bool *found, bool *active,
                        bool *complete, char name[8192])
{
    int rc;

    sqlite3_reset(j->mirror);
    sqlite3_bind_text(j->mirror, 1, code, -1, SQLITE_STATIC);
    rc = sqlite3_step(j->mirror);
    *found = rc == SQLITE_ROW;
    if (*found) {
        take_text(j->mirror, 0, name, 8192);
        *active = sqlite3_column_int(j->mirror, 1) != 0;
        *complete = sqlite3_column_int(j->mirror, 2) != 0;
    }
    sqlite3_reset(j->mirror);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : complain(j);
}

int journal_read_extras(struct verify_journal *j, const char *code, const char *agency,
                        char name[8192], int *level)
{
    int rc;

    sqlite3_reset(j->extras);
    sqlite3_bind_text(j->extras, 1, code, -1, SQLITE_STATIC);
    sqlite3_bind_text(j->extras, 2, agency, -1, SQLITE_STATIC);
    rc = sqlite3_step(j->extras);
    if (rc == SQLITE_ROW) {
        take_text(j->extras, 0, name, 8192);
        *level = sqlite3_column_int(j->extras, 1);
    }
    sqlite3_reset(j->extras);
    return rc == SQLITE_ROW ? 0 : complain(j);
}
