#include "sandbox/verify_emc.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <sqlite3.h>

#include "sandbox/portal_store.h"
#include "sandbox/verify_fetch.h"
#include "sandbox/verify_map.h"

#define WINDOW 4000 /* dossiers fetched at once */
#define BUCKETS 65536u
#define SHOWN_MAX 20
#define BUSY_MS 20000

/* What EMC counted of one code. */
struct counted {
    char code[64];
    cJSON *last; /* owned */
    unsigned repeats;
    bool known; /* the province has it */
    struct counted *next;
};

struct judge {
    struct counted *buckets[BUCKETS];
    sqlite3 *db; /* NULL: no journal was given */
    sqlite3_stmt *doubts, *held;
    unsigned all, agreed, n_held, lost, duplicated, shown;
};

static void show(struct judge *j, const char *code, const char *what)
{
    if (j->shown < SHOWN_MAX) {
        printf("mismatch %s: %s\n", code, what);
    }
    j->shown++;
}

/* ---- the ledger ---- */

static struct counted *find(struct judge *j, const char *code, bool make)
{
    struct counted **bucket = &j->buckets[digest_text(code) % BUCKETS];
    struct counted *c = *bucket;

    while (c != NULL && strcmp(c->code, code) != 0) {
        c = c->next;
    }
    if (c == NULL && make) {
        c = calloc(1, sizeof *c);
        if (c != NULL) {
            snprintf(c->code, sizeof c->code, "%s", code);
            c->next = *bucket;
            *bucket = c;
        }
    }
    return c;
}

static int take_line(struct judge *j, const char *text)
{
    cJSON *line = cJSON_Parse(text);
    cJSON *record = cJSON_DetachItemFromObjectCaseSensitive(line, "record");
    const char *code = map_text(line, "code");
    struct counted *c = record != NULL && code[0] != '\0' ? find(j, code, true) : NULL;

    if (c == NULL) {
        cJSON_Delete(record);
    } else {
        c->repeats +=
            c->last != NULL && strcmp(map_text(c->last, "status"), map_text(record, "status")) == 0;
        cJSON_Delete(c->last);
        c->last = record;
    }
    cJSON_Delete(line);
    return c != NULL ? 0 : -1;
}

static int read_ledger(struct judge *j, const char *path)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    int result = f != NULL ? 0 : -1;

    if (f == NULL) {
        fprintf(stderr, "verify-emc: can't read %s: %s\n", path, strerror(errno));
        return -1;
    }
    for (ssize_t n = getline(&line, &cap, f); n > 0 && result == 0; n = getline(&line, &cap, f)) {
        result = line[n - 1] == '\n' ? take_line(j, line) : 0;
    }
    if (result != 0) {
        fprintf(stderr, "verify-emc: %s has a line that is no entry, or memory is out\n", path);
    }
    free(line);
    fclose(f);
    return result;
}

/* ---- the journal ---- */

#define OF_USAGE "s.code = ?1 AND s.flow IN (SELECT id FROM flow WHERE name = 'usage')"

static int open_journal(struct judge *j, const char *path)
{
    static const char doubts[] =
        "SELECT count(*) FROM subject s JOIN attempt a ON a.subject = s.id WHERE " OF_USAGE
        " AND a.verb = 1 AND coalesce(a.outcome, 2) = 2";
    static const char held[] = "SELECT count(*) FROM subject s JOIN item i ON i.subject = s.id"
                               " WHERE " OF_USAGE " AND i.state = 3";

    if (path == NULL) {
        return 0;
    }
    if (sqlite3_open_v2(path, &j->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(j->db, BUSY_MS) != SQLITE_OK ||
        sqlite3_prepare_v2(j->db, doubts, -1, &j->doubts, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(j->db, held, -1, &j->held, NULL) != SQLITE_OK) {
        fprintf(stderr, "verify-emc: can't read the journal %s: %s\n", path, sqlite3_errmsg(j->db));
        return -1;
    }
    return 0;
}

static unsigned ask_journal(sqlite3_stmt *stmt, const char *code)
{
    unsigned n = 0;

    if (stmt != NULL) {
        sqlite3_reset(stmt);
        sqlite3_bind_text(stmt, 1, code, -1, SQLITE_TRANSIENT);
        n = sqlite3_step(stmt) == SQLITE_ROW ? (unsigned)sqlite3_column_int(stmt, 0) : 0;
        sqlite3_reset(stmt);
    }
    return n;
}

/* ---- judging ---- */

/* The oracle's own reading of section 12: national status to EMC's. */
static const char *const expected_status[] = {"0", "0", "1", "0", "2", "0",
                                              "0", "0", "0", "2", "3"};

/* The field that differs, NULL when none does. */
static const char *difference(const struct mapped *m, const cJSON *counted)
{
    int national = atoi(map_text(m->record, "TrangThaiHoSo"));
    bool online = strcmp(map_text(m->record, "KenhThucHien"), "2") == 0;
    bool portal = strcmp(map_text(m->record, "NoiNopHoSo"), "1") == 0;

    if (counted == NULL) {
        return "never counted";
    }
    if (national < 1 || national > 10 ||
        strcmp(map_text(counted, "status"), expected_status[national]) != 0) {
        return "status";
    }
    if (strcmp(map_text(counted, "codeTTHC"), map_text(m->record, "MaTTHC")) != 0) {
        return "codeTTHC";
    }
    if (strcmp(map_text(counted, "nameTTHC"), map_text(m->record, "TenTTHC")) != 0) {
        return "nameTTHC";
    }
    if (strcmp(map_text(counted, "formsReception"), online ? "1" : "2") != 0) {
        return "formsReception";
    }
    return strcmp(map_text(counted, "isFromDVCQG"), portal ? "1" : "0") != 0 ? "isFromDVCQG" : NULL;
}

static int judge_dossier(struct judge *j, const cJSON *line)
{
    const char *code = map_text(line, "code");
    struct counted *c = find(j, code, false);
    struct mapped m;
    const char *wrong;

    if (c != NULL) {
        c->known = true;
    }
    if (strcmp(map_text(line, "expect"), "portal") != 0) {
        if (c != NULL) {
            j->lost++;
            show(j, code, "counted, and must not be");
        }
        return 0;
    }
    if (map_dossier(line, &m) != 0) {
        map_free(&m);
        fprintf(stderr, "verify-emc: %s can't be mapped\n", code);
        return -1;
    }
    wrong = difference(&m, c != NULL ? c->last : NULL);
    map_free(&m);
    j->all++;
    j->agreed += wrong == NULL;
    if (wrong != NULL && ask_journal(j->held, code) > 0) {
        j->n_held++;
    } else if (wrong != NULL) {
        j->lost++;
        show(j, code, wrong);
    }
    if (c != NULL && c->repeats > ask_journal(j->doubts, code)) {
        j->duplicated += c->repeats - ask_journal(j->doubts, code);
        show(j, code, "counted again without a doubt");
    }
    return 0;
}

static int on_dossier(char *line, size_t len, void *arg)
{
    cJSON *parsed = cJSON_ParseWithLength(line, len);
    int result = parsed != NULL ? judge_dossier(arg, parsed) : -1;

    cJSON_Delete(parsed);
    return result;
}

static int judge_all(struct judge *j, const char *province)
{
    size_t lines = WINDOW;

    for (size_t start = 0; lines == WINDOW; start += WINDOW) {
        char path[128];

        snprintf(path, sizeof path, "/_sandbox/dump?start=%zu&limit=%d", start, WINDOW);
        if (fetch_lines(province, path, on_dossier, j, &lines) != 0) {
            return -1;
        }
    }
    for (size_t b = 0; b < BUCKETS; b++) {
        for (const struct counted *c = j->buckets[b]; c != NULL; c = c->next) {
            if (!c->known) {
                j->lost++;
                show(j, c->code, "nobody has it");
            }
        }
    }
    return 0;
}

static void judge_free(struct judge *j)
{
    for (size_t b = 0; b < BUCKETS; b++) {
        while (j->buckets[b] != NULL) {
            struct counted *next = j->buckets[b]->next;

            cJSON_Delete(j->buckets[b]->last);
            free(j->buckets[b]);
            j->buckets[b] = next;
        }
    }
    sqlite3_finalize(j->doubts);
    sqlite3_finalize(j->held);
    sqlite3_close(j->db);
    free(j);
}

/* ---- start ---- */

struct options {
    const char *ledger;
    const char *province;
    const char *journal;
};

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option rows[] = {
        {"ledger", required_argument, NULL, 'l'},
        {"province", required_argument, NULL, 'p'},
        {"journal", required_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    int opt;

    optind = 1;
    for (opt = getopt_long(argc, argv, "", rows, NULL); opt != -1;
         opt = getopt_long(argc, argv, "", rows, NULL)) {
        if (opt == 'l') {
            o->ledger = optarg;
        } else if (opt == 'p') {
            o->province = optarg;
        } else if (opt == 'j') {
            o->journal = optarg;
        } else {
            return -1;
        }
    }
    return optind == argc && o->ledger != NULL && o->province != NULL ? 0 : -1;
}

int verify_emc_main(int argc, char **argv)
{
    struct options o = {0};
    struct judge *j;
    int status = 2;

    if (parse(argc, argv, &o) != 0) {
        fputs("dvcsync-sandbox verify-emc --ledger FILE --province URL [--journal FILE]\n", stderr);
        return 2;
    }
    j = calloc(1, sizeof *j);
    if (j == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fputs("verify-emc: out of memory\n", stderr);
        free(j);
        return 2;
    }
    if (open_journal(j, o.journal) == 0 && read_ledger(j, o.ledger) == 0 &&
        judge_all(j, o.province) == 0) {
        printf("emc %u/%u held %u lost %u duplicated %u\n", j->agreed, j->all, j->n_held, j->lost,
               j->duplicated);
        status = j->lost == 0 && j->duplicated == 0 ? 0 : 1;
    }
    judge_free(j);
    curl_global_cleanup();
    return status;
}
