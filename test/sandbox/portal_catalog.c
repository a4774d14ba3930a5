#include "sandbox/portal_catalog.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DETAILS_MAX_BYTES ((size_t)256 * 1024 * 1024)
#define ADDED_COUNT 40u
#define ADDED_TEXT_BYTES 2560u
#define SECTORS_MAX 1024u

uint64_t catalog_hash(const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (const char *p = text; *p != '\0'; p++) {
        h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    }
    h ^= h >> 31;
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

static enum procedure_fate fate_of(uint64_t hash)
{
    unsigned draw = (unsigned)(hash % 1000u);

    if (draw < 10) {
        return FATE_REMOVED;
    }
    if (draw < 30) {
        return FATE_WITHDRAWN;
    }
    if (draw < 60) {
        return FATE_RENAMED;
    }
    return draw < 120 ? FATE_CHANGED : FATE_STAYS;
}

static void index_row(struct catalog *c, struct procedure *p)
{
    struct procedure **bucket;

    p->hash = catalog_hash(p->code);
    p->fate = p->added ? FATE_STAYS : fate_of(p->hash);
    bucket = &c->buckets[p->hash % CATALOG_BUCKETS];
    p->next = *bucket;
    *bucket = p;
}

static void read_rows(struct catalog *c)
{
    const struct csv *t = &c->procedure_table;
    int code = csv_column(t, "code");
    int name = csv_column(t, "name");
    int sector_code = csv_column(t, "sector_code");
    int sector_name = csv_column(t, "sector_name");
    int level = csv_column(t, "level");
    int agency = csv_column(t, "agency");

    for (size_t i = 0; i < t->rows; i++) {
        struct procedure *p = &c->rows[c->count];

        p->code = csv_cell(t, i, code);
        p->name = csv_cell(t, i, name);
        p->sector_code = csv_cell(t, i, sector_code);
        p->sector_name = csv_cell(t, i, sector_name);
        p->level = csv_cell(t, i, level);
        p->agency = csv_cell(t, i, agency);
        index_row(c, p);
        c->count++;
    }
}

/* Version 2's new procedures: real ones under codes that the source does not know. */
static void add_rows(struct catalog *c)
{
    size_t old = c->count;
    char *at = c->added_text;

    for (unsigned i = 0; i < ADDED_COUNT && old > 0; i++) {
        const struct procedure *like = &c->rows[(size_t)i * 37u % old];
        struct procedure *p = &c->rows[c->count];
        size_t room = ADDED_TEXT_BYTES;
        int n = snprintf(at, room, "1.%06u", 980001u + i * 7u);

        *p = *like;
        p->code = at;
        at += n + 1;
        (void)snprintf(at, room - (size_t)n - 1, "%.2000s (thủ tục mới)", like->name);
        p->name = at;
        at = c->added_text + (size_t)(i + 1) * room;
        p->added = true;
        index_row(c, p);
        c->count++;
    }
}

static int load_rows(struct catalog *c, const char *path)
{
    if (csv_load(&c->procedure_table, path) != 0) {
        return -1;
    }
    if (csv_column(&c->procedure_table, "code") < 0 || c->procedure_table.rows > CATALOG_ROWS_MAX) {
        fprintf(stderr, "%s is no list of procedures\n", path);
        return -1;
    }
    c->rows = (struct procedure *)calloc(c->procedure_table.rows + ADDED_COUNT, sizeof *c->rows);
    c->added_text = (char *)calloc(ADDED_COUNT, ADDED_TEXT_BYTES);
    if (c->rows == NULL || c->added_text == NULL) {
        return -1;
    }
    read_rows(c);
    return 0;
}

static int load_agencies(struct catalog *c, const char *path)
{
    const struct csv *t = &c->agency_table;

    if (csv_load(&c->agency_table, path) != 0) {
        return -1;
    }
    c->agencies = (struct agency *)calloc(t->rows + 1, sizeof *c->agencies);
    if (c->agencies == NULL || t->rows == 0) {
        fprintf(stderr, "%s holds no agency\n", path);
        return -1;
    }
    c->agency_count = t->rows;
    for (size_t i = 0; i < t->rows; i++) {
        c->agencies[i].code = csv_cell(t, i, csv_column(t, "code"));
        c->agencies[i].name = csv_cell(t, i, csv_column(t, "name"));
        c->agencies[i].level = csv_cell(t, i, csv_column(t, "level"));
    }
    return 0;
}

/* The code of a line of details: what stands in quotes after "code":. */
static struct procedure *details_owner(const struct catalog *c, const char *line)
{
    const char *p = strstr(line, "\"code\"");
    char code[64];
    size_t len;

    p = p != NULL ? strchr(p + 6, '"') : NULL;
    if (p == NULL) {
        return NULL;
    }
    len = strcspn(p + 1, "\"");
    if (len >= sizeof code) {
        return NULL;
    }
    memcpy(code, p + 1, len);
    code[len] = '\0';
    for (struct procedure *row = c->buckets[catalog_hash(code) % CATALOG_BUCKETS]; row != NULL;
         row = row->next) {
        if (strcmp(row->code, code) == 0) {
            return row;
        }
    }
    return NULL;
}

static int load_details(struct catalog *c, const char *path)
{
    size_t len = 0;
    char *line;

    if (path == NULL) {
        return 0;
    }
    c->details_text = csv_read_file(path, DETAILS_MAX_BYTES, &len);
    if (c->details_text == NULL) {
        fprintf(stderr, "can't read %s: %s\n", path, strerror(errno));
        return -1;
    }
    line = c->details_text;
    while (*line != '\0') {
        size_t n = strcspn(line, "\n");
        bool last = line[n] == '\0';
        struct procedure *p;

        line[n] = '\0';
        p = details_owner(c, line);
        if (p != NULL) {
            p->details = line;
            p->details_len = n;
        }
        line += last ? n : n + 1;
    }
    return 0;
}

int catalog_load(struct catalog **out, const char *procedures, const char *agencies,
                 const char *details)
{
    struct catalog *c = (struct catalog *)calloc(1, sizeof *c);

    if (c == NULL) {
        return -1;
    }
    if (load_rows(c, procedures) != 0 || load_agencies(c, agencies) != 0 ||
        load_details(c, details) != 0) {
        catalog_free(c);
        return -1;
    }
    add_rows(c);
    *out = c;
    return 0;
}

void catalog_free(struct catalog *c)
{
    if (c == NULL) {
        return;
    }
    csv_free(&c->procedure_table);
    csv_free(&c->agency_table);
    free(c->details_text);
    free(c->rows);
    free(c->agencies);
    free(c->added_text);
    free(c);
}

const struct procedure *catalog_find(const struct catalog *c, const char *code, long version)
{
    const struct procedure *p = c->buckets[catalog_hash(code) % CATALOG_BUCKETS];

    while (p != NULL && strcmp(p->code, code) != 0) {
        p = p->next;
    }
    return p != NULL && (!p->added || version >= 2) ? p : NULL;
}

int catalog_plant(struct catalog *c, const char *kind, const char *code, bool clear)
{
    static const struct {
        const char *kind;
        unsigned plant;
    } kinds[] = {
        {"withdrawn_open", PLANT_WITHDRAWN},
        {"renamed", PLANT_RENAMED},
        {"sector", PLANT_SECTOR},
        {"agency", PLANT_AGENCY},
        {"content", PLANT_CONTENT},
        {"level", PLANT_LEVEL},
        {"decision", PLANT_DECISION},
        {"local_only", PLANT_UNLISTED},
    };
    struct procedure *p = c->buckets[catalog_hash(code) % CATALOG_BUCKETS];

    while (p != NULL && strcmp(p->code, code) != 0) {
        p = p->next;
    }
    if (p == NULL) {
        return -1;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].kind, kind) != 0) {
            continue;
        }
        if (clear) {
            atomic_fetch_and(&p->plants, ~kinds[i].plant);
        } else {
            atomic_fetch_or(&p->plants, kinds[i].plant);
        }
        return 1;
    }
    return 0;
}

unsigned catalog_plants(const struct procedure *p)
{
    return atomic_load(&((struct procedure *)p)->plants);
}

long catalog_decision(const struct procedure *p)
{
    long id = 9000 + (long)((p->hash >> 24) % 900u);

    return (catalog_plants(p) & PLANT_DECISION) != 0 ? 9000 + (id - 9000 + 450) % 900 : id;
}

bool catalog_published(const struct procedure *p, long version)
{
    if ((catalog_plants(p) & PLANT_UNLISTED) != 0) {
        return false;
    }
    return version >= 2 ? p->fate != FATE_REMOVED : !p->added;
}

void catalog_write_name(const struct procedure *p, long version, const char *member, struct sbuf *b)
{
    const char *suffix = version >= 2 && p->fate == FATE_RENAMED ? " (sửa đổi, bổ sung)" : "";

    if ((catalog_plants(p) & PLANT_RENAMED) != 0) {
        suffix = " (tên mới)";
    }
    sbuf_member(b, member, p->name);
    if (suffix[0] != '\0' && !b->failed) {
        b->len--; /* the closing quote */
        sbuf_puts(b, suffix);
        sbuf_puts(b, "\"");
    }
}

void catalog_write_list(const struct catalog *c, long version, long shrink_percent, struct sbuf *b)
{
    size_t keep = c->count * (size_t)shrink_percent / 100u;

    sbuf_puts(b, "[");
    for (size_t i = 0; i < keep; i++) {
        if (!catalog_published(&c->rows[i], version)) {
            continue;
        }
        sbuf_comma(b);
        sbuf_puts(b, "{");
        sbuf_member(b, "MATTHC", c->rows[i].code);
        catalog_write_name(&c->rows[i], version, "TENTTHC", b);
        sbuf_puts(b, "}");
    }
    sbuf_puts(b, "]");
}

static void write_service(const struct procedure *p, long version, unsigned n, struct sbuf *b)
{
    static const char *const suffixes[] = {" trực tuyến", " trực tuyến toàn trình",
                                           " trực tuyến một phần"};
    unsigned which = (unsigned)((p->hash >> 20) % 3);
    char code[64];

    if ((catalog_plants(p) & PLANT_LEVEL) != 0) {
        which = which == 1 ? 2 : 1;
    }
    snprintf(code, sizeof code, "%s.%02u", p->code, n);
    sbuf_comma(b);
    sbuf_puts(b, "{");
    sbuf_member(b, "MADVC", code);
    sbuf_member(b, "TENDVC", p->name);
    if (!b->failed) {
        b->len--;
        sbuf_puts(b, suffixes[which]);
        sbuf_puts(b, "\"");
    }
    sbuf_member(b, "MATTHC", p->code);
    catalog_write_name(p, version, "TENTTHC", b);
    sbuf_member(b, "TENCOQUANBANHANH", p->agency);
    sbuf_member(b, "TENLINHVUC", p->sector_name);
    sbuf_puts(b, ",\"APDUNGDVC\":[]}");
}

void catalog_write_services(const struct catalog *c, long version, struct sbuf *b)
{
    sbuf_puts(b, "{\"data\":[");
    for (size_t i = 0; i < c->count; i++) {
        const struct procedure *p = &c->rows[i];
        unsigned draw = (unsigned)((p->hash >> 10) % 100u);

        if (draw >= 70 || !catalog_published(p, version)) {
            continue;
        }
        write_service(p, version, 1, b);
        if (draw < 3) {
            write_service(p, version, 2, b);
        }
    }
    sbuf_puts(b, "]}");
}

void catalog_write_agencies(const struct catalog *c, struct sbuf *b)
{
    sbuf_puts(b, "[");
    for (size_t i = 0; i < c->agency_count; i++) {
        bool commune = strcmp(c->agencies[i].level, "commune") == 0;

        sbuf_comma(b);
        sbuf_puts(b, "{");
        sbuf_member(b, "MADONVI", c->agencies[i].code);
        sbuf_member(b, "TENDONVI", c->agencies[i].name);
        sbuf_member(b, "CAPDONVI", commune ? "3" : "1");
        sbuf_puts(b, "}");
    }
    sbuf_puts(b, "]");
}

void catalog_write_sectors(const struct catalog *c, struct sbuf *b)
{
    const char *seen[SECTORS_MAX];
    size_t count = 0;

    sbuf_puts(b, "[");
    for (size_t i = 0; i < c->count && count < SECTORS_MAX; i++) {
        const struct procedure *p = &c->rows[i];
        size_t k = 0;

        while (k < count && strcmp(seen[k], p->sector_code) != 0) {
            k++;
        }
        if (k < count || p->sector_code[0] == '\0') {
            continue;
        }
        seen[count] = p->sector_code;
        count++;
        sbuf_comma(b);
        sbuf_puts(b, "{");
        sbuf_member(b, "MALINHVUC", p->sector_code);
        sbuf_member(b, "TENLINHVUC", p->sector_name);
        sbuf_member_n(b, "MANGANH", p->sector_code, strcspn(p->sector_code, "-"));
        sbuf_puts(b, "}");
    }
    sbuf_puts(b, "]");
}
