#include "sandbox/province_services.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/people.h"

/* The names of the form and of the record; rows show the ones marked. */
static const struct {
    const char *name;
    bool in_row;
} FIELDS[SERVICE_FIELDS] = {
    {"serviceCode", true},        {"serviceName", true},    {"processText", false},
    {"methodText", false},        {"dossierText", false},   {"conditionText", false},
    {"durationText", false},      {"applicantText", false}, {"resultText", false},
    {"regularText", false},       {"feeText", false},       {"administrationCode", true},
    {"administrationName", true}, {"domainCode", true},     {"domainName", true},
    {"maxLevel", true},           {"active", true},         {"govAgencyText", false},
};

enum {
    CODE = 0,
    NAME = 1,
    FIRST_TEXT = 2, /* processText */
    LAST_TEXT = 10, /* feeText */
    AGENCY_CODE = 11,
    DOMAIN_CODE = 13,
    DOMAIN_NAME = 14,
    MAX_LEVEL = 15,
    ACTIVE = 16
};

static void free_row(struct service *row)
{
    for (size_t k = 0; k < SERVICE_FIELDS; k++) {
        free(row->fields[k]);
    }
}

/* The place where code stands or belongs. */
static size_t place(const struct services *s, const char *code)
{
    size_t low = 0;
    size_t high = s->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (strcmp(s->rows[mid].fields[CODE], code) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

size_t services_find(const struct services *s, const char *code)
{
    size_t at = place(s, code);

    return at < s->n && strcmp(s->rows[at].fields[CODE], code) == 0 ? at : SIZE_MAX;
}

/* Takes row over in every case. What is new is configured like the rest: who makes it sees to that.
 */
static enum services_result insert(struct services *s, struct service *row, size_t *at)
{
    row->processes = 1;
    row->eforms = 1;
    for (size_t k = 0; k < SERVICE_FIELDS; k++) {
        if (row->fields[k] == NULL) {
            row->fields[k] = strdup("");
        }
        if (row->fields[k] == NULL) {
            free_row(row);
            return SERVICES_FULL;
        }
    }
    if (s->n == s->room) {
        size_t room = s->room * 2 + 64;
        struct service *rows = s->n < SERVICES_MAX ? realloc(s->rows, room * sizeof(*rows)) : NULL;

        if (rows == NULL) {
            free_row(row);
            return SERVICES_FULL;
        }
        s->rows = rows;
        s->room = room;
    }
    *at = place(s, row->fields[CODE]);
    memmove(s->rows + *at + 1, s->rows + *at, (s->n - *at) * sizeof(*s->rows));
    s->rows[*at] = *row;
    s->n++;
    return SERVICES_OK;
}

static int add(struct services *s, const struct life_procedure *p, const char *name, int64_t now_s)
{
    struct service row = {.modified_s = now_s};
    size_t at;

    row.fields[CODE] = strdup(p->code);
    row.fields[NAME] = strdup(name);
    row.fields[DOMAIN_CODE] = strdup(p->sector_code);
    row.fields[DOMAIN_NAME] = strdup(p->sector_name);
    row.fields[MAX_LEVEL] = strdup("2");
    row.fields[ACTIVE] = strdup("true");
    return insert(s, &row, &at) == SERVICES_OK ? 0 : -1;
}

int services_init(struct services *s, const struct life_catalog *c, uint64_t seed, int64_t now_s)
{
    char text[4096];
    char code[32];
    int failed = 0;

    *s = (struct services){0};
    for (size_t i = 0; i < c->n_procedures && failed == 0; i++) {
        const struct life_procedure *p = &c->procedures[i];
        unsigned chance = (unsigned)(people_mix(seed ^ 0x5e2c, i) % 100);

        if ((!p->commune && !p->department) || chance < 4 ||
            services_find(s, p->code) != SIZE_MAX) {
            continue;
        }
        snprintf(text, sizeof(text), chance < 14 ? "%s (tên cũ)" : "%s", p->name);
        failed = add(s, p, text, now_s - 86400 * 30);
    }
    for (unsigned k = 7; k < 12 && failed == 0; k++) {
        struct life_procedure own = {.code = code, .sector_code = "", .sector_name = "Nội bộ"};

        snprintf(code, sizeof(code), "TTHC-NOIBO-%02u", k);
        failed = add(s, &own, "Thủ tục nội bộ của tỉnh", now_s - 86400 * 30);
    }
    if (failed != 0) {
        services_free(s);
    }
    return failed;
}

void services_free(struct services *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free_row(&s->rows[i]);
    }
    free(s->rows);
    *s = (struct services){0};
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes n bytes of a form into a new text; NULL when they are no form or memory is out. */
static char *decode(const char *at, size_t n)
{
    char *text = malloc(n + 1);
    size_t len = 0;

    for (size_t i = 0; text != NULL && i < n; i++) {
        char c = at[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < n ? hex(at[i + 1]) : -1;
            int low = high >= 0 ? hex(at[i + 2]) : -1;

            if (low < 0) {
                free(text);
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        text[len++] = c;
    }
    if (text != NULL) {
        text[len] = '\0';
    }
    return text;
}

/* Reads the form's known fields into row; NULL stays where the form has none. */
static int read_form(const char *form, struct service *row)
{
    while (*form != '\0') {
        size_t len = strcspn(form, "&");
        const char *equals = memchr(form, '=', len);
        size_t name_len = equals != NULL ? (size_t)(equals - form) : len;

        for (size_t k = 0; k < SERVICE_FIELDS; k++) {
            if (strlen(FIELDS[k].name) != name_len || memcmp(FIELDS[k].name, form, name_len) != 0) {
                continue;
            }
            free(row->fields[k]);
            row->fields[k] = equals != NULL ? decode(equals + 1, len - name_len - 1) : strdup("");
            if (row->fields[k] == NULL) {
                return -1;
            }
        }
        form += len + (form[len] == '&');
    }
    return 0;
}

enum services_result services_write(struct services *s, const char *code, const char *form,
                                    int64_t now_s, size_t *at)
{
    struct service row = {.modified_s = now_s};
    struct service *old;

    if (read_form(form, &row) != 0 || (code == NULL && row.fields[CODE] == NULL)) {
        free_row(&row);
        return SERVICES_BAD;
    }
    if (code == NULL) {
        if (services_find(s, row.fields[CODE]) != SIZE_MAX) {
            free_row(&row);
            return SERVICES_EXISTS;
        }
        return insert(s, &row, at);
    }
    *at = services_find(s, code);
    if (*at == SIZE_MAX || (row.fields[CODE] != NULL && strcmp(row.fields[CODE], code) != 0)) {
        free_row(&row);
        return *at == SIZE_MAX ? SERVICES_MISSING : SERVICES_BAD;
    }
    old = &s->rows[*at];
    for (size_t k = 0; k < SERVICE_FIELDS; k++) {
        if (row.fields[k] != NULL) {
            free(old->fields[k]);
            old->fields[k] = row.fields[k];
        }
    }
    old->modified_s = now_s;
    return SERVICES_OK;
}

static int replace(struct service *row, size_t field, const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL) {
        return -1;
    }
    free(row->fields[field]);
    row->fields[field] = copy;
    return 1;
}

static int append(struct service *row, size_t field, const char *more)
{
    size_t size = strlen(row->fields[field]) + strlen(more) + 1;
    char *text = malloc(size);
    int done;

    if (text == NULL) {
        return -1;
    }
    snprintf(text, size, "%s%s", row->fields[field], more);
    done = replace(row, field, text);
    free(text);
    return done;
}

static int plant_removal(struct services *s, size_t i, const char *field)
{
    (void)field;
    free_row(&s->rows[i]);
    s->n--;
    memmove(s->rows + i, s->rows + i + 1, (s->n - i) * sizeof(*s->rows));
    return 1;
}

static int plant_open(struct services *s, size_t i, const char *field)
{
    (void)field;
    return replace(&s->rows[i], ACTIVE, "true");
}

static int plant_name(struct services *s, size_t i, const char *field)
{
    (void)field;
    return append(&s->rows[i], NAME, " (tên khác)");
}

static int plant_sector(struct services *s, size_t i, const char *field)
{
    (void)field;
    return replace(&s->rows[i], DOMAIN_CODE, "G98-LV98") < 0
               ? -1
               : replace(&s->rows[i], DOMAIN_NAME, "Lĩnh vực khác");
}

static int plant_agency(struct services *s, size_t i, const char *field)
{
    (void)field;
    return replace(&s->rows[i], AGENCY_CODE, "G98");
}

static int plant_content(struct services *s, size_t i, const char *field)
{
    for (size_t k = FIRST_TEXT; k <= LAST_TEXT; k++) {
        if (strcmp(FIELDS[k].name, field) == 0) {
            return append(&s->rows[i], k, " (khác)");
        }
    }
    return field[0] == '\0' ? append(&s->rows[i], LAST_TEXT, " (khác)") : 0;
}

/* Information only and online contradict each other whatever a service's name says. */
static int plant_level(struct services *s, size_t i, const char *field)
{
    (void)field;
    return replace(&s->rows[i], MAX_LEVEL,
                   strtol(s->rows[i].fields[MAX_LEVEL], NULL, 10) > 2 ? "2" : "4");
}

static int plant_process(struct services *s, size_t i, const char *field)
{
    (void)field;
    s->rows[i].processes = 0;
    return 1;
}

/* Only what is served online needs a form. */
static int plant_eform(struct services *s, size_t i, const char *field)
{
    (void)field;
    if (strtol(s->rows[i].fields[MAX_LEVEL], NULL, 10) <= 2) {
        return 0;
    }
    s->rows[i].eforms = 0;
    return 1;
}

int services_plant(struct services *s, const char *kind, const char *code, const char *field,
                   int64_t now_s)
{
    static const struct {
        const char *kind;
        int (*plant)(struct services *s, size_t i, const char *field);
    } kinds[] = {
        {"portal_only", plant_removal}, {"overdue", plant_removal}, {"withdrawn_open", plant_open},
        {"renamed", plant_name},        {"sector", plant_sector},   {"agency", plant_agency},
        {"content", plant_content},     {"level", plant_level},     {"process", plant_process},
        {"eform", plant_eform},
    };
    const struct life_procedure own = {.code = code, .sector_code = "", .sector_name = "Khác"};
    size_t i = services_find(s, code);

    if (strcmp(kind, "local_only") == 0) {
        return i != SIZE_MAX ? 0 : (add(s, &own, "Thủ tục chỉ có ở tỉnh", now_s) == 0 ? 1 : -1);
    }
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]) && i != SIZE_MAX; k++) {
        if (strcmp(kinds[k].kind, kind) == 0) {
            s->rows[i].modified_s = now_s;
            return kinds[k].plant(s, i, field);
        }
    }
    return 0;
}

/* Lists of a record: how often the name stands, each with one text. */
static void put_entries(struct page *p, const char *name, const char *text, unsigned n)
{
    if (!p->xml) {
        sbuf_key(p->out, name);
        sbuf_puts(p->out, "[");
    }
    for (unsigned k = 0; k < n; k++) {
        char value[32];

        snprintf(value, sizeof(value), "MAU-%02u", k + 1);
        if (p->xml) {
            sbuf_printf(p->out, "<%s>", name);
        } else {
            sbuf_puts(p->out, k > 0 ? ",{" : "{");
        }
        page_text(p, text, value);
        if (p->xml) {
            sbuf_printf(p->out, "</%s>", name);
        } else {
            sbuf_puts(p->out, "}");
        }
    }
    if (!p->xml) {
        sbuf_puts(p->out, "]");
    } else if (n == 0) {
        sbuf_printf(p->out, "<%s></%s>", name, name);
    }
}

static void put(struct page *p, const struct services *s, size_t i, bool all)
{
    const struct service *row = &s->rows[i];
    char modified[PAGE_DATE_SIZE];

    page_number(p, "serviceInfoId", (int64_t)i + 1);
    for (size_t k = 0; k < SERVICE_FIELDS; k++) {
        if (!all && !FIELDS[k].in_row) {
            continue;
        }
        if (k == MAX_LEVEL) {
            page_number(p, FIELDS[k].name, strtol(row->fields[k], NULL, 10));
        } else if (k == ACTIVE) {
            page_flag(p, FIELDS[k].name, strcmp(row->fields[k], "true") == 0);
        } else {
            page_text(p, FIELDS[k].name, row->fields[k]);
        }
    }
    page_date_text(row->modified_s, true, modified);
    page_text(p, "modifiedDate", modified); /* raw, as the index holds it */
    if (all) {
        put_entries(p, "serviceConfigs", "govAgencyCode", row->processes);
        put_entries(p, "fileTemplates", "fileTemplateNo", row->eforms);
    }
}

void services_row(struct page *p, const struct services *s, size_t i)
{
    page_row_begin(p);
    put(p, s, i, false);
    page_row_end(p);
}

void services_detail(struct page *p, const struct services *s, size_t i)
{
    put(p, s, i, true);
}
