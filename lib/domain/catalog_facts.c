#include "domain/catalog_facts.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "domain/codes.h"
#include "domain/table.h"

#define FILE_MAX ((size_t)8 << 20)
#define LINES_MAX ((size_t)100000)

enum column {
    COLUMN_CODE,
    COLUMN_SIDE,
    COLUMN_NO,
    COLUMN_DATE,
    COLUMN_DECENTRALISED,
    COLUMN_INDEPENDENT,
    COLUMN_PROCESS,
    COLUMN_EFORM,
    COLUMN_OWN,
    COLUMNS
};

static const struct table_column columns[COLUMNS] = {
    [COLUMN_CODE] = {"code", true},
    [COLUMN_SIDE] = {"side", true},
    [COLUMN_NO] = {"decision_no", false},
    [COLUMN_DATE] = {"decision_date", false},
    [COLUMN_DECENTRALISED] = {"decentralised", false},
    [COLUMN_INDEPENDENT] = {"independent", false},
    [COLUMN_PROCESS] = {"process", false},
    [COLUMN_EFORM] = {"eform", false},
    [COLUMN_OWN] = {"own", false},
};

struct catalog_facts {
    struct arena arena;
    struct catalog_fact *rows; /* owned; by code and side */
    size_t n;
};

struct reading {
    struct catalog_facts *facts;
    struct table table;
};

static const char *field(const struct reading *r, enum column column)
{
    return table_field(&r->table, column);
}

static bool read_answer(struct reading *r, enum column column, enum facts_answer *out)
{
    static const char *const words[] = {
        [FACTS_UNSAID] = "", [FACTS_NO] = "no", [FACTS_YES] = "yes"};
    const char *value = field(r, column);

    for (unsigned i = FACTS_UNSAID; i <= FACTS_YES; i++) {
        if (strcmp(words[i], value) == 0) {
            *out = (enum facts_answer)i;
            return true;
        }
    }
    table_fault(&r->table, r->table.fields.line,
                "%s \"%s\" is not valid; write yes or no, or leave it empty", columns[column].name,
                table_show(value).text);
    return false;
}

static bool read_side(struct reading *r, enum facts_side *out)
{
    const char *value = field(r, COLUMN_SIDE);

    if (strcmp(value, "portal") == 0 || strcmp(value, "local") == 0) {
        *out = value[0] == 'p' ? FACTS_PORTAL : FACTS_LOCAL;
        return true;
    }
    table_fault(&r->table, r->table.fields.line, "side \"%s\" is not valid; write portal or local",
                table_show(value).text);
    return false;
}

static bool read_code(struct reading *r, const struct catalog_fact *row)
{
    const char *code = field(r, COLUMN_CODE);
    bool own = row->side == FACTS_LOCAL && row->own == FACTS_YES;

    if (own && code[0] != '\0' && strlen(code) < CODE_MAX) {
        return true; /* its own code, of no national grammar */
    }
    if (!own && code_is_procedure(code)) {
        return true;
    }
    table_fault(&r->table, r->table.fields.line,
                "code \"%s\" is not valid; it must be a procedure code like 1.001193",
                table_show(code).text);
    return false;
}

static bool read_values(struct reading *r, struct catalog_fact *row)
{
    const struct {
        enum column column;
        enum facts_answer *out;
    } answers[] = {
        {COLUMN_DECENTRALISED, &row->decentralised},
        {COLUMN_INDEPENDENT, &row->independent},
        {COLUMN_PROCESS, &row->process},
        {COLUMN_EFORM, &row->eform},
        {COLUMN_OWN, &row->own},
    };
    bool good = read_side(r, &row->side);

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        good = read_answer(r, answers[i].column, answers[i].out) && good;
    }
    if (good && row->side == FACTS_PORTAL && row->own != FACTS_UNSAID) {
        table_fault(&r->table, row->line, "own is about the local side; leave it empty here");
        good = false;
    }
    good = table_date(&r->table, COLUMN_DATE, &row->decision_s) && good;
    return good && read_code(r, row);
}

static int read_row(void *ctx)
{
    struct reading *r = ctx;
    struct catalog_fact row = {.line = r->table.fields.line};

    if (!read_values(r, &row)) {
        return 0;
    }
    row.code = arena_strdup(&r->facts->arena, field(r, COLUMN_CODE));
    row.decision_no = arena_strdup(&r->facts->arena, field(r, COLUMN_NO));
    if (row.code == NULL || row.decision_no == NULL) {
        return ERR_NOMEM;
    }
    r->facts->rows[r->facts->n++] = row;
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct catalog_fact *a = left;
    const struct catalog_fact *b = right;
    int order = strcmp(a->code, b->code);

    return order != 0 ? order : (int)a->side - (int)b->side;
}

static int by_line(const void *left, const void *right)
{
    const struct catalog_fact *a = left;
    const struct catalog_fact *b = right;
    int order = compare(a, b);

    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static void sort(struct reading *r)
{
    struct catalog_facts *facts = r->facts;

    if (facts->n > 0) {
        qsort(facts->rows, facts->n, sizeof(facts->rows[0]), by_line);
    }
    for (size_t i = 1; i < facts->n; i++) {
        if (compare(&facts->rows[i - 1], &facts->rows[i]) == 0) {
            table_fault(&r->table, facts->rows[i].line,
                        "code %s stands on line %u too for that side; remove one",
                        facts->rows[i].code, facts->rows[i - 1].line);
        }
    }
}

static int parse_into(struct catalog_facts *facts, const char *path, const char *text, size_t len,
                      struct errmsg *msg)
{
    struct reading r = {.facts = facts};
    size_t lines = table_lines(text, len);
    int err = len > FILE_MAX || lines > LINES_MAX ? ERR_TOOBIG : 0;

    facts->rows = err == 0 ? calloc(lines, sizeof(facts->rows[0])) : NULL;
    if (err == 0 && facts->rows == NULL) {
        err = ERR_NOMEM;
    }
    table_init(&r.table, path, columns, COLUMNS);
    err = err == 0 ? table_read(&r.table, text, len, read_row, &r) : err;
    if (err != 0) {
        return err_set(msg, err, "%s: %s", path, err_text(err));
    }
    sort(&r);
    return table_end(&r.table, msg);
}

int catalog_facts_parse(const char *path, const char *text, size_t len, struct catalog_facts **out,
                        struct errmsg *msg)
{
    struct catalog_facts *facts = calloc(1, sizeof(*facts));
    int err;

    *out = NULL;
    if (facts == NULL) {
        return err_set(msg, ERR_NOMEM, "%s: %s", path, err_text(ERR_NOMEM));
    }
    arena_init(&facts->arena, 4 * FILE_MAX);
    err = parse_into(facts, path, text, len, msg);
    if (err != 0) {
        catalog_facts_free(facts);
        return err;
    }
    *out = facts;
    return 0;
}

int catalog_facts_load(const char *path, struct catalog_facts **out, struct errmsg *msg)
{
    struct buf text;
    int err = table_load(path, FILE_MAX, &text, msg);

    *out = NULL;
    if (err == 0) {
        err = catalog_facts_parse(path, buf_text(&text), text.len, out, msg);
    }
    buf_free(&text);
    return err;
}

void catalog_facts_free(struct catalog_facts *facts)
{
    if (facts != NULL) {
        free(facts->rows);
        arena_free(&facts->arena);
        free(facts);
    }
}

size_t catalog_facts_rows(const struct catalog_facts *facts)
{
    return facts->n;
}

const struct catalog_fact *catalog_facts_find(const struct catalog_facts *facts, const char *code,
                                              enum facts_side side)
{
    const struct catalog_fact wanted = {.code = code, .side = side};

    return facts != NULL && facts->n > 0
               ? bsearch(&wanted, facts->rows, facts->n, sizeof(facts->rows[0]), compare)
               : NULL;
}
