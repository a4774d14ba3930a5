#include "sandbox/verify_other.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "sandbox/csv.h"
#include "sandbox/portal_store.h"
#include "sandbox/verify_journal.h"

#define FILE_MAX_LINES 10000000u
#define KIND_MAX 16
#define SHOWN_MAX 20

/* What is known of one code. */
struct other {
    char code[64];
    size_t kind; /* index into struct judge.kinds */
    bool told;
    bool held;
    bool stored;
    struct digest truth; /* the last that was told */
    struct digest last;  /* the last that the portal took */
    unsigned repeats;
    struct other *next; /* same bucket */
};

struct kind {
    char name[KIND_MAX];
    unsigned agreed, all, held;
};

#define BUCKETS 65536u
struct judge {
    struct other *buckets[BUCKETS];
    struct kind kinds[8];
    size_t n_kinds;
    struct verify_journal journal;
    unsigned lost, duplicated, shown;
};

struct options {
    const char *ledger;
    const char *truth;
    const char *journal;
    const char *out;
};

/* ---- what is known ---- */

/* -1: too many. */
static int kind_of(struct judge *j, const char *name)
{
    for (size_t i = 0; i < j->n_kinds; i++) {
        if (strcmp(j->kinds[i].name, name) == 0) {
            return (int)i;
        }
    }
    if (j->n_kinds == sizeof j->kinds / sizeof j->kinds[0] || strlen(name) >= KIND_MAX) {
        return -1;
    }
    snprintf(j->kinds[j->n_kinds].name, KIND_MAX, "%s", name);
    return (int)j->n_kinds++;
}

static struct other *find(struct judge *j, const char *code, const char *kind)
{
    struct other **bucket = &j->buckets[digest_text(code) % BUCKETS];
    struct other *o = *bucket;
    int k = kind_of(j, kind);

    while (o != NULL && strcmp(o->code, code) != 0) {
        o = o->next;
    }
    if (o == NULL && k >= 0) {
        o = (struct other *)calloc(1, sizeof *o);
        if (o != NULL) {
            snprintf(o->code, sizeof o->code, "%s", code);
            o->kind = (size_t)k;
            o->next = *bucket;
            *bucket = o;
        }
    }
    return o;
}

static bool same(struct digest a, struct digest b)
{
    return a.a == b.a && a.b == b.b;
}

static bool is_text(const cJSON *object, const char *name, const char *text)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(v) && strcmp(v->valuestring, text) == 0;
}

static void take_truth(struct other *o, const cJSON *line, struct digest digest)
{
    (void)line;
    o->told = true;
    o->truth = digest;
}

/* What was asked at the portal, and what was paid, is the truth of what the province must have, but
 * for questions with TRANGTHAI 0. */
static void take_ledger(struct other *o, const cJSON *line, struct digest digest)
{
    if (is_text(line, "kind", "paid")) {
        o->told = true;
        o->truth = digest;
        return;
    }
    if (is_text(line, "kind", "asked") || is_text(line, "kind", "published")) {
        o->told = !is_text(cJSON_GetObjectItemCaseSensitive(line, "record"), "TRANGTHAI", "0");
        o->truth = digest;
        return;
    }
    o->repeats += cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(line, "effect")) ? 1u : 0u;
    o->stored = true;
    o->last = digest;
}

/* Whether the line is of a kind that is judged here: its code has the kind in front. */
static bool is_other(const cJSON *kind, const cJSON *code)
{
    size_t n = cJSON_IsString(kind) ? strlen(kind->valuestring) : 0;

    return n > 0 && cJSON_IsString(code) && strncmp(code->valuestring, kind->valuestring, n) == 0 &&
           code->valuestring[n] == ':';
}

static int read_line(struct judge *j, const char *text,
                     void (*take)(struct other *o, const cJSON *line, struct digest digest))
{
    cJSON *line = cJSON_Parse(text);
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(line, "kind");
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(line, "code");
    const cJSON *record = cJSON_GetObjectItemCaseSensitive(line, "record");
    int result = line != NULL ? 0 : -1;

    if (is_other(kind, code)) {
        struct other *o = find(j, code->valuestring, kind->valuestring);

        if (o != NULL) {
            take(o, line, digest_json(record));
        }
        result = o != NULL ? 0 : -1;
    }
    cJSON_Delete(line);
    return result;
}

static int read_lines(struct judge *j, const char *path,
                      void (*take)(struct other *o, const cJSON *line, struct digest digest))
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t cap = 0;
    unsigned n = 0;
    int result = f != NULL ? 0 : -1;

    if (f == NULL) {
        fprintf(stderr, "verify-other: can't read %s: %s\n", path, strerror(errno));
        return -1;
    }
    for (ssize_t len = getline(&line, &cap, f); len > 0 && result == 0 && n < FILE_MAX_LINES;
         len = getline(&line, &cap, f)) {
        n++;
        if (line[len - 1] == '\n' && read_line(j, line, take) != 0) {
            fprintf(stderr, "verify-other: %s:%u is no entry, or memory is out\n", path, n);
            result = -1;
        }
    }
    free(line);
    fclose(f);
    return result;
}

/* ---- what the province was given ---- */

static const struct {
    const char *file; /* in front of its name */
    const char *key;
    const char *kind; /* of the ledger's line that it answers */
} given[] = {{"question-", "HOIDAPID", "asked"},
             {"public-", "HOIDAPID", "published"},
             {"payment-", "MaGiaoDich", "paid"}};
#define N_GIVEN (sizeof given / sizeof given[0])

static int take_given(struct judge *j, const cJSON *row, size_t g)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(row, given[g].key);
    struct other *o;
    char code[64];

    if (!cJSON_IsString(id)) {
        return 0;
    }
    snprintf(code, sizeof code, "%s:%.50s", given[g].kind, id->valuestring);
    o = find(j, code, given[g].kind);
    if (o == NULL) {
        return -1;
    }
    o->repeats += o->stored ? 1u : 0u; /* two files of one record */
    o->stored = true;
    o->last = digest_json(row);
    return 0;
}

static int read_given(struct judge *j, const char *path, size_t g)
{
    size_t len = 0;
    char *text = csv_read_file(path, (size_t)1 << 20, &len);
    cJSON *list = text != NULL ? cJSON_ParseWithLength(text, len) : NULL;
    const cJSON *row;
    int result = cJSON_IsArray(list) ? 0 : -1;

    cJSON_ArrayForEach(row, list)
    {
        result = result == 0 ? take_given(j, row, g) : result;
    }
    cJSON_Delete(list);
    free(text);
    return result;
}

/* The files in a folder; a name that is there is whole. */
static int read_out(struct judge *j, const char *folder)
{
    DIR *d = opendir(folder);
    const struct dirent *e;
    int result = d != NULL ? 0 : -1;

    for (e = d != NULL ? readdir(d) : NULL; e != NULL && result == 0; e = readdir(d)) {
        char path[1024];

        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        for (size_t g = 0; g < N_GIVEN && result == 0; g++) {
            if (strncmp(e->d_name, given[g].file, strlen(given[g].file)) == 0) {
                result = read_given(j, path, g);
            }
        }
    }
    if (result != 0) {
        fprintf(stderr, "verify-other: can't read the files of %s\n", folder);
    }
    if (d != NULL) {
        closedir(d);
    }
    return result;
}

/* ---- judging ---- */

static void show(struct judge *j, const struct other *o, const char *what)
{
    if (j->shown < SHOWN_MAX) {
        printf("mismatch %s: %s\n", o->code, what);
    }
    j->shown++;
}

/* A payment stands in the journal under a code of its own. */
static void journal_code(const struct judge *j, const struct other *o, char out[80])
{
    bool paid = strcmp(j->kinds[o->kind].name, "paid") == 0;

    snprintf(out, 80, "%s%s", paid ? "payment:" : "", paid ? o->code + 5 : o->code);
}

/* Held items and attempts in doubt of one code. */
static int ask_journal(struct judge *j, struct other *o, unsigned *doubts)
{
    char code[80];

    *doubts = 0;
    if (j->journal.db == NULL) {
        return 0;
    }
    journal_code(j, o, code);
    if (journal_read_items(&j->journal, code) != 0 || journal_read_doubts(&j->journal, code) != 0) {
        return -1;
    }
    if (strcmp(code, o->code) != 0 && j->journal.n_items > 1) {
        o->repeats += (unsigned)j->journal.n_items - 1; /* a payment taken twice */
    }
    for (size_t i = 0; i < j->journal.n_items; i++) {
        o->held = o->held || j->journal.item[i].state == JOURNAL_HELD;
    }
    *doubts = (unsigned)j->journal.n_doubts;
    return 0;
}

static int judge_one(struct judge *j, struct other *o)
{
    struct kind *kind = &j->kinds[o->kind];
    bool agrees = o->told && o->stored && same(o->truth, o->last);
    unsigned doubts;

    if (!o->told && !o->stored) {
        return 0; /* asked, and nobody's business */
    }
    if (ask_journal(j, o, &doubts) != 0) {
        return -1;
    }
    kind->all++;
    kind->agreed += agrees ? 1u : 0u;
    kind->held += o->held ? 1u : 0u;
    if (!agrees && !o->held) {
        j->lost++;
        show(j, o, !o->told ? "never told" : o->stored ? "the portal holds another" : "not there");
    }
    if (o->repeats > doubts) {
        j->duplicated += o->repeats - doubts;
        show(j, o, "sent again without a doubt");
    }
    return 0;
}

static int judge_all(struct judge *j)
{
    int result = 0;

    for (size_t b = 0; b < BUCKETS; b++) {
        for (struct other *o = j->buckets[b]; o != NULL && result == 0; o = o->next) {
            result = judge_one(j, o);
        }
    }
    return result;
}

static void print(const struct judge *j)
{
    printf("other:");
    for (size_t i = 0; i < j->n_kinds; i++) {
        const struct kind *k = &j->kinds[i];

        printf(" %s %u/%u held %u", k->name, k->agreed, k->all, k->held);
    }
    printf(" lost %u duplicated %u\n", j->lost, j->duplicated);
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option rows[] = {
        {"ledger", required_argument, NULL, 'l'},
        {"truth", required_argument, NULL, 't'},
        {"journal", required_argument, NULL, 'j'},
        {"out", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    int opt;

    optind = 1;
    for (opt = getopt_long(argc, argv, "", rows, NULL); opt != -1;
         opt = getopt_long(argc, argv, "", rows, NULL)) {
        if (opt == 'l') {
            o->ledger = optarg;
        } else if (opt == 't') {
            o->truth = optarg;
        } else if (opt == 'j') {
            o->journal = optarg;
        } else if (opt == 'o') {
            o->out = optarg;
        } else {
            return -1;
        }
    }
    return optind == argc && o->ledger != NULL && o->truth != NULL ? 0 : -1;
}

static void judge_free(struct judge *j)
{
    for (size_t b = 0; b < BUCKETS; b++) {
        while (j->buckets[b] != NULL) {
            struct other *next = j->buckets[b]->next;

            free(j->buckets[b]);
            j->buckets[b] = next;
        }
    }
    free(j);
}

int verify_other_main(int argc, char **argv)
{
    struct options o = {0};
    struct judge *j;
    int status = 2;

    if (parse(argc, argv, &o) != 0) {
        fputs("dvcsync-sandbox verify-other --ledger FILE --truth FILE [--journal FILE]"
              " [--out FOLDER]\n",
              stderr);
        return 2;
    }
    j = (struct judge *)calloc(1, sizeof *j);
    if (j == NULL) {
        fputs("verify-other: out of memory\n", stderr);
        return 2;
    }
    if (journal_open(&j->journal, o.journal, false) == 0) {
        if (read_lines(j, o.truth, take_truth) == 0 && read_lines(j, o.ledger, take_ledger) == 0 &&
            (o.out == NULL || read_out(j, o.out) == 0) && judge_all(j) == 0) {
            print(j);
            status = j->lost == 0 && j->duplicated == 0 ? 0 : 1;
        }
        journal_close(&j->journal);
    }
    judge_free(j);
    return status;
}
