#include "sandbox/verify_catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/sbuf.h"
#include "sandbox/verify_fetch.h"
#include "sandbox/verify_map.h"

/* A number or a text of the portal, as text: catalogue numbers come as either. */
static const char *text_of(const cJSON *object, const char *name, char small[32])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    if (cJSON_IsNumber(item)) {
        snprintf(small, 32, "%.0f", item->valuedouble);
        return small;
    }
    return cJSON_IsString(item) ? item->valuestring : "";
}

static const cJSON *list_of(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static void join(struct sbuf *b, const char *between, const char *text)
{
    if (text[0] != '\0') {
        sbuf_puts(b, b->len > 0 ? between : "");
        sbuf_puts(b, text);
    }
}

/* TRUONGHOP of each case, then each text of its list. */
static void join_cases(struct sbuf *b, const cJSON *cases, const char *list, const char *field)
{
    const cJSON *one, *row;

    cJSON_ArrayForEach(one, cases)
    {
        join(b, "<br>", map_text(one, "TRUONGHOP"));
        cJSON_ArrayForEach(row, list_of(one, list))
        {
            join(b, "<br>", map_text(row, field));
        }
    }
}

static void join_names(struct sbuf *b, const cJSON *list, const char *field)
{
    const cJSON *row;

    cJSON_ArrayForEach(row, list)
    {
        join(b, "; ", map_text(row, field));
    }
}

/* Two parts with a blank between, or the one that is there. */
static void join_pair(struct sbuf *b, const char *first, const char *second)
{
    struct sbuf pair = {0};

    sbuf_puts(&pair, first);
    if (second[0] != '\0') {
        sbuf_puts(&pair, first[0] != '\0' ? " " : "");
        sbuf_puts(&pair, second);
    }
    join(b, "<br>", pair.data != NULL ? pair.data : "");
    sbuf_free(&pair);
}

static void write_steps(const cJSON *p, struct sbuf *b)
{
    join_cases(b, list_of(p, "TRINHTUTHUCHIEN"), "TRINHTU", "TENTRINHTU");
}

static void write_papers(const cJSON *p, struct sbuf *b)
{
    join_cases(b, list_of(p, "THANHPHANHOSO"), "GIAYTO", "TENGIAYTO");
}

static void write_channels(const cJSON *p, struct sbuf *b)
{
    static const char *const NAMES[] = {"", "Trực tiếp", "Trực tuyến", "Dịch vụ bưu chính"};
    const cJSON *way;
    char small[32];

    cJSON_ArrayForEach(way, list_of(p, "CACHTHUCTHUCHIEN"))
    {
        long channel = strtol(text_of(way, "KENH", small), NULL, 10);

        join(b, "<br>", channel >= 1 && channel <= 3 ? NAMES[channel] : "");
    }
}

static void write_durations(const cJSON *p, struct sbuf *b)
{
    const cJSON *way, *row;
    char small[32];

    cJSON_ArrayForEach(way, list_of(p, "CACHTHUCTHUCHIEN"))
    {
        cJSON_ArrayForEach(row, list_of(way, "THOIGIAN"))
        {
            const char *time = text_of(row, "THOIGIANGIAIQUYET", small);

            if (time[0] != '\0') {
                join_pair(b, time, map_text(row, "DONVITINH"));
            }
        }
    }
}

static void write_fees(const cJSON *p, struct sbuf *b)
{
    const cJSON *way, *row, *fee;
    char small[32];

    cJSON_ArrayForEach(way, list_of(p, "CACHTHUCTHUCHIEN"))
    {
        cJSON_ArrayForEach(row, list_of(way, "THOIGIAN"))
        {
            cJSON_ArrayForEach(fee, list_of(row, "PHILEPHI"))
            {
                const char *sum = text_of(fee, "SOTIEN", small);

                if (sum[0] != '\0') { /* a unit without a sum is no fee */
                    join_pair(b, sum, map_text(fee, "DONVI"));
                }
            }
        }
    }
}

static void write_subjects(const cJSON *p, struct sbuf *b)
{
    const char *text = map_text(p, "MOTADOITUONGTHUCHIEN");

    if (text[0] != '\0') {
        sbuf_puts(b, text);
    } else {
        join_names(b, list_of(p, "DOITUONGTHUCHIEN"), "TENDOITUONG");
    }
}

static void write_results(const cJSON *p, struct sbuf *b)
{
    join_names(b, list_of(p, "KETQUATHUCHIEN"), "TENKETQUA");
}

static void write_laws(const cJSON *p, struct sbuf *b)
{
    const cJSON *law;

    cJSON_ArrayForEach(law, list_of(p, "CANCUPHAPLY"))
    {
        join_pair(b, map_text(law, "SOVANBAN"), map_text(law, "TENVANBAN"));
    }
}

/* White space around a single text is no content. */
static void write_trimmed(const char *text, struct sbuf *b)
{
    size_t n;

    text += strspn(text, " \t\r\n\v\f");
    n = strlen(text);
    while (n > 0 && strchr(" \t\r\n\v\f", text[n - 1]) != NULL) {
        n--;
    }
    sbuf_add(b, text, n);
}

static void write_name(const cJSON *p, struct sbuf *b)
{
    write_trimmed(map_text(p, "TENTTHC"), b);
}

static void write_condition(const cJSON *p, struct sbuf *b)
{
    write_trimmed(map_text(p, "YEUCAU"), b);
}

static void write_publisher(const cJSON *p, struct sbuf *b)
{
    write_trimmed(map_text(p, "MACOQUANCONGBO"), b);
}

static void write_sector_code(const cJSON *p, struct sbuf *b)
{
    write_trimmed(map_text(cJSON_GetArrayItem(list_of(p, "LINHVUCTHUCHIEN"), 0), "MALINHVUC"), b);
}

static void write_sector_name(const cJSON *p, struct sbuf *b)
{
    write_trimmed(map_text(cJSON_GetArrayItem(list_of(p, "LINHVUCTHUCHIEN"), 0), "TENLINHVUC"), b);
}

static const struct {
    const char *field;
    void (*write)(const cJSON *procedure, struct sbuf *b);
} FIELDS[] = {
    {"serviceName", write_name},
    {"processText", write_steps},
    {"methodText", write_channels},
    {"durationText", write_durations},
    {"feeText", write_fees},
    {"dossierText", write_papers},
    {"conditionText", write_condition},
    {"applicantText", write_subjects},
    {"resultText", write_results},
    {"regularText", write_laws},
    {"administrationCode", write_publisher},
    {"domainCode", write_sector_code},
    {"domainName", write_sector_name},
};

static bool is_active(const cJSON *procedure)
{
    char small[32];

    return strcmp(text_of(procedure, "TRANGTHAI", small), "1") == 0;
}

/* The first field of the province's record that is not what the portal's makes of it. */
static const char *difference(const cJSON *service, const cJSON *procedure)
{
    const char *name = NULL;

    for (size_t i = 0; i < sizeof(FIELDS) / sizeof(FIELDS[0]) && name == NULL; i++) {
        struct sbuf wanted = {0};

        FIELDS[i].write(procedure, &wanted);
        if (wanted.failed || strcmp(wanted.data != NULL ? wanted.data : "",
                                    map_text(service, FIELDS[i].field)) != 0) {
            name = FIELDS[i].field;
        }
        sbuf_free(&wanted);
    }
    if (name == NULL &&
        cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(service, "active")) != is_active(procedure)) {
        name = "active";
    }
    return name;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct catalog_entry *)a)->code, ((const struct catalog_entry *)b)->code);
}

static const cJSON *find(const struct catalog_side *side, const char *code)
{
    struct catalog_entry wanted;
    const struct catalog_entry *entry;

    snprintf(wanted.code, sizeof(wanted.code), "%s", code);
    entry = side->n > 0 ? bsearch(&wanted, side->entries, side->n, sizeof(wanted), compare_entries)
                        : NULL;
    return entry != NULL ? entry->record : NULL;
}

const cJSON *catalog_procedure(const struct verify_catalog *c, const char *code)
{
    return find(&c->portal, code);
}

/* Takes record over in every case. */
static int keep(struct catalog_side *side, const char *code, cJSON *record)
{
    if (side->n == side->room) {
        size_t room = side->room * 2 + 256;
        struct catalog_entry *entries =
            side->n < CATALOG_MAX ? realloc(side->entries, room * sizeof(*entries)) : NULL;

        if (entries == NULL) {
            cJSON_Delete(record);
            return -1;
        }
        side->entries = entries;
        side->room = room;
    }
    snprintf(side->entries[side->n].code, sizeof(side->entries[0].code), "%s", code);
    side->entries[side->n++].record = record;
    return 0;
}

static int take_service(char *line, size_t len, void *arg)
{
    struct verify_catalog *c = arg;
    cJSON *service = cJSON_ParseWithLength(line, len);

    if (service == NULL) {
        fputs("verify: the province's catalogue has a line that is no JSON\n", stderr);
        return -1;
    }
    return keep(&c->province, map_text(service, "serviceCode"), service);
}

/* The mirror's row of a procedure. What is wrong with it, NULL when nothing. */
static const char *row_difference(struct verify_catalog *c, const cJSON *procedure, int *failed)
{
    struct sbuf wanted = {0};
    char name[8192];
    bool found, active, complete, same;

    *failed = journal_read_mirror(c->journal, map_text(procedure, "MATTHC"), &found, &active,
                                  &complete, name);
    if (*failed != 0 || !found) {
        return "not in the journal's mirror";
    }
    if (!complete) {
        return "mirror: digest or body";
    }
    if (active != is_active(procedure)) {
        return "mirror: active";
    }
    write_name(procedure, &wanted);
    same = strcmp(name, wanted.data != NULL ? wanted.data : "") == 0;
    sbuf_free(&wanted);
    return same ? NULL : "mirror: name";
}

/* The mirror, and the two fields of the province that come from the mirror's other lists. */
static const char *mirror_difference(struct verify_catalog *c, const cJSON *procedure,
                                     const cJSON *service, int *failed)
{
    const cJSON *level = cJSON_GetObjectItemCaseSensitive(service, "maxLevel");
    char agency[8192] = "";
    int wanted = 0;

    if (c->journal->db == NULL) {
        return NULL;
    }
    *failed = journal_read_extras(c->journal, map_text(procedure, "MATTHC"),
                                  map_text(procedure, "MACOQUANCONGBO"), agency, &wanted);
    if (*failed != 0) {
        return "the journal can't be read";
    }
    if (strcmp(agency, map_text(service, "administrationName")) != 0) {
        return "administrationName";
    }
    if (!cJSON_IsNumber(level) || level->valueint != wanted) {
        return "maxLevel";
    }
    return row_difference(c, procedure, failed);
}

static int take_procedure(char *line, size_t len, void *arg)
{
    struct verify_catalog *c = arg;
    cJSON *procedure = cJSON_ParseWithLength(line, len);
    const char *code = map_text(procedure, "MATTHC");
    const cJSON *service;
    const char *wrong;
    cJSON *kept;
    int failed = 0;

    if (procedure == NULL || code[0] == '\0') {
        fputs("verify: the portal's catalogue has a line that is no procedure\n", stderr);
        cJSON_Delete(procedure);
        return -1;
    }
    service = find(&c->province, code);
    wrong = service == NULL ? "not in the province" : difference(service, procedure);
    if (wrong == NULL && service != NULL) {
        wrong = mirror_difference(c, procedure, service, &failed);
    }
    c->report->procedures[1]++;
    if (wrong == NULL) {
        c->report->procedures[0]++;
    } else {
        report_mismatch(c->report, code, "procedure: %s", wrong);
    }
    kept = cJSON_CreateObject();
    cJSON_AddItemToObject(kept, "LINHVUCTHUCHIEN",
                          cJSON_DetachItemFromObjectCaseSensitive(procedure, "LINHVUCTHUCHIEN"));
    failed = failed != 0 || keep(&c->portal, code, kept) != 0 ? -1 : 0;
    cJSON_Delete(procedure);
    return failed;
}

int catalog_compare(struct verify_catalog *c, const char *province, const char *portal,
                    struct verify_journal *journal, struct report *report)
{
    size_t lines;

    *c = (struct verify_catalog){.journal = journal, .report = report};
    if (fetch_lines(province, "/_sandbox/catalog", take_service, c, &lines) != 0) {
        return -1;
    }
    if (c->province.n > 0) {
        qsort(c->province.entries, c->province.n, sizeof(*c->province.entries), compare_entries);
    }
    if (fetch_lines(portal, "/_sandbox/catalog", take_procedure, c, &lines) != 0) {
        return -1;
    }
    if (c->portal.n > 0) {
        qsort(c->portal.entries, c->portal.n, sizeof(*c->portal.entries), compare_entries);
    }
    for (size_t i = 0; i < c->province.n; i++) {
        report->elsewhere += find(&c->portal, c->province.entries[i].code) == NULL;
    }
    return 0;
}

static void close_side(struct catalog_side *side)
{
    for (size_t i = 0; i < side->n; i++) {
        cJSON_Delete(side->entries[i].record);
    }
    free(side->entries);
}

void catalog_close(struct verify_catalog *c)
{
    close_side(&c->province);
    close_side(&c->portal);
    *c = (struct verify_catalog){0};
}
