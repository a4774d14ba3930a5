#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_report.h"
#include "domain/small_cells.h"

#define SMALL_NOTE                                                                                 \
    "\"<5\" is fewer than 5. \"hidden\" is any number that is not shown so that one under 5 can "  \
    "not be computed from the sums. Officers are not counted at all."

#define LEVELS_NOTE                                                                                \
    "Every number is shown here. A report with --by hides those under 5 here too: publish one of " \
    "the two."

static const char *const tier_names[TIERS] = {[TIER_PROVINCE] = "province",
                                              [TIER_COMMUNE] = "commune",
                                              [TIER_DISTRICT] = "district",
                                              [TIER_MINISTRY] = "ministry",
                                              [TIER_UNKNOWN] = "unknown"};

static const char *const level_names[REPORT_LEVELS] = {[LEVEL_NOT_SHOWN] = "unknown",
                                                       [LEVEL_INFORMATION] = "information",
                                                       [LEVEL_PARTIAL] = "partial",
                                                       [LEVEL_ONLINE] = "online",
                                                       [LEVEL_FULL] = "full"};

/* Of which other figure each is a part; itself where it is a whole. */
static const enum month_figure wholes[MONTH_FIGURES] = {
    [MONTH_received] = MONTH_received,
    [MONTH_online] = MONTH_received,
    [MONTH_direct] = MONTH_received,
    [MONTH_by_post] = MONTH_direct,
    [MONTH_no_channel] = MONTH_direct,
    [MONTH_settled] = MONTH_settled,
    [MONTH_on_time] = MONTH_settled,
    [MONTH_overdue] = MONTH_settled,
    [MONTH_no_promise] = MONTH_settled,
    [MONTH_stopped] = MONTH_settled,
    [MONTH_withdrawn] = MONTH_settled,
    [MONTH_refused] = MONTH_settled,
    [MONTH_late_by_sync] = MONTH_on_time,
    [MONTH_end_read_late] = MONTH_late_by_sync,
    [MONTH_put_off] = MONTH_on_time,
    [MONTH_waiting] = MONTH_waiting,
    [MONTH_waiting_in_time] = MONTH_waiting,
    [MONTH_waiting_overdue] = MONTH_waiting,
    [MONTH_waiting_no_promise] = MONTH_waiting,
    [MONTH_within_hour] = MONTH_received,
    [MONTH_within_day] = MONTH_received,
    [MONTH_after_day] = MONTH_received,
    [MONTH_read_late] = MONTH_after_day,
    [MONTH_not_there] = MONTH_received,
    [MONTH_there_before] = MONTH_received,
    [MONTH_no_end_date] = MONTH_no_end_date,
};

static void put_figures(const struct report *r, struct sheet *s)
{
    static const struct sheet_column columns[] = {
        {"figure", NULL, SHEET_WORDS},
        {"title", "Figure in words", SHEET_WORDS},
        {"dossiers", "Dossiers", SHEET_NUMBER},
        {"percent", "%", SHEET_NUMBER},
        {"of", "of", SHEET_WORDS},
        {"of_dossiers", "Dossiers", SHEET_NUMBER},
    };

    sheet_table(s, "figures", "The whole province", columns, sizeof(columns) / sizeof(columns[0]));
    for (unsigned i = 0; i < MONTH_FIGURES; i++) {
        enum month_figure whole = wholes[i];

        sheet_text(s, month_figure_name((enum month_figure)i));
        sheet_text(s, month_figure_title((enum month_figure)i));
        sheet_number(s, r->all.n[i]);
        if (whole == (enum month_figure)i) {
            sheet_empty(s);
            sheet_empty(s);
            sheet_empty(s);
        } else {
            sheet_percent(s, r->all.n[i], r->all.n[whole]);
            sheet_text(s, month_figure_name(whole));
            sheet_number(s, r->all.n[whole]);
        }
    }
    sheet_note(s, "percent", "cut after one decimal, not rounded: 100.0 is all of them");
    for (unsigned i = 0; i < MONTH_FIGURES; i++) {
        sheet_note(s, month_figure_name((enum month_figure)i),
                   month_figure_definition((enum month_figure)i));
    }
}

/* ---- breakdowns ---- */

/* What is told of each group, in families that add up (see small_cells.h); short titles, since
 * there are many columns. */
static const struct {
    enum month_figure figure;
    const char *title;
} told[] = {
    {MONTH_received, "Received"},
    {MONTH_online, "Online"},
    {MONTH_direct, "Direct"},
    {MONTH_settled, "Settled"},
    {MONTH_on_time, "On time"},
    {MONTH_overdue, "Overdue"},
    {MONTH_no_promise, "No date"},
    {MONTH_late_by_sync, "Late by sync"},
    {MONTH_waiting, "Waiting"},
    {MONTH_waiting_in_time, "Waiting in time"},
    {MONTH_waiting_overdue, "Waiting overdue"},
    {MONTH_waiting_no_promise, "Waiting, no date"},
};
#define TOLD (sizeof(told) / sizeof(told[0]))

static const struct cells_family families[] = {
    {.total = 0, .parts = {1, 2}, .n = 2},
    {.total = 3, .parts = {4, 5, 6}, .n = 3},
    {.total = 7},
    {.total = 8, .parts = {9, 10, 11}, .n = 3},
};

/* What was received is settled or waits; but for what waited before, which the report of the month
 * before tells, one of the three follows from the others: where a total of them is hidden, what is
 * settled and what waits goes, with all that bounds it. */
static void hide_balance(enum cell_shown *shown, size_t rows)
{
    for (size_t row = 0; row < rows; row++) {
        enum cell_shown *cells = &shown[row * TOLD];

        if (cells[0] == CELL_SHOWN && cells[3] == CELL_SHOWN && cells[8] == CELL_SHOWN) {
            continue;
        }
        for (size_t i = 3; i < TOLD; i++) {
            /* 5 received and under 5 waiting would bound what is settled from below. */
            if (cells[i] == CELL_SHOWN || (i >= 8 && cells[0] == CELL_SHOWN)) {
                cells[i] = CELL_COVERED;
            }
        }
    }
}

static void begin_breakdown(struct sheet *s, const char *name, const char *title,
                            struct sheet_column columns[TOLD + 2])
{
    columns[0] = (struct sheet_column){"code", "Code", SHEET_WORDS};
    columns[1] = (struct sheet_column){"name", "Name", SHEET_WORDS};
    for (size_t i = 0; i < TOLD; i++) {
        columns[i + 2] =
            (struct sheet_column){month_figure_name(told[i].figure), told[i].title, SHEET_NUMBER};
    }
    sheet_table(s, name, title, columns, TOLD + 2);
}

static void put_counts(struct sheet *s, const char *code, const char *name,
                       const struct month_counts *counts)
{
    sheet_text(s, code);
    sheet_text(s, name);
    for (size_t i = 0; i < TOLD; i++) {
        sheet_number(s, counts->n[told[i].figure]);
    }
}

static void put_cell(struct sheet *s, int64_t value, enum cell_shown shown)
{
    if (shown == CELL_SHOWN) {
        sheet_number(s, value);
    } else {
        sheet_text(s, shown == CELL_SMALL ? "<5" : "hidden");
    }
}

static void put_row(struct sheet *s, const char *code, const char *name, const int64_t *values,
                    const enum cell_shown *shown)
{
    sheet_text(s, code);
    sheet_text(s, name);
    for (size_t i = 0; i < TOLD; i++) {
        put_cell(s, values[i], shown[i]);
    }
}

static bool told_something(const struct month_counts *counts)
{
    for (size_t i = 0; i < TOLD; i++) {
        if (counts->n[told[i].figure] != 0) {
            return true;
        }
    }
    return false;
}

/* Beside a table of agencies, what that hides must not follow from its levels. */
static void put_tiers(const struct report *r, struct sheet *s, struct sheet_column *columns)
{
    int64_t values[TIERS * TOLD];
    enum cell_shown shown[TIERS * TOLD];

    for (size_t i = 0; i < TIERS * TOLD; i++) {
        values[i] = r->tiers[i / TOLD].n[told[i % TOLD].figure];
    }
    small_cells_hide(values, TIERS, TOLD, NULL, 0, families,
                     r->by == REPORT_BY_LEVEL ? 0 : sizeof(families) / sizeof(families[0]), shown);
    hide_balance(shown, TIERS);
    begin_breakdown(s, "levels", "By level of the agency", columns);
    for (size_t i = 0; i < TIERS; i++) {
        if (i <= TIER_COMMUNE || told_something(&r->tiers[i])) {
            put_row(s, tier_names[i], "", &values[i * TOLD], &shown[i * TOLD]);
        }
    }
    put_counts(s, "all", "", &r->all);
    sheet_note(s, "code",
               "CAPDONVI of the dossier's agency in the portal's list of agencies "
               "(LayDanhMucCoQuan): 1 province, 2 district (until July 2025), 3 commune; unknown: "
               "neither the list nor the agency map has the code");
    sheet_note(s, "", r->by == REPORT_BY_LEVEL ? LEVELS_NOTE : SMALL_NOTE);
}

static int by_code(const void *a, const void *b)
{
    return strcmp((*(struct report_entry *const *)a)->code,
                  (*(struct report_entry *const *)b)->code);
}

/* The groups of which there is something to tell, in the order of their codes: no ranking. The
 * table of their numbers is the caller's to free; NULL without memory. */
static int64_t *numbers_of(struct report_entry **groups, size_t *n)
{
    size_t kept = 0;
    int64_t *values = calloc(*n * TOLD + 1, sizeof(*values));

    for (size_t i = 0; i < *n && values != NULL; i++) {
        if (told_something(&groups[i]->counts)) {
            groups[kept++] = groups[i];
        }
    }
    if (values == NULL) {
        return NULL;
    }
    *n = kept;
    if (kept > 0) {
        qsort(groups, kept, sizeof(struct report_entry *), by_code);
    }
    for (size_t i = 0; i < kept * TOLD; i++) {
        values[i] = groups[i / TOLD]->counts.n[told[i % TOLD].figure];
    }
    return values;
}

/* What must not be shown of them, by class; the caller's to free; NULL without memory. Rows behind
 * the entries' are of class 0. */
static enum cell_shown *hidden_of(const int64_t *values, size_t rows,
                                  struct report_entry *const *entries, size_t n, size_t columns,
                                  const struct cells_family *of, size_t n_of)
{
    enum cell_shown *shown = calloc(rows * columns + 1, sizeof(*shown));
    unsigned *classes = calloc(rows + 1, sizeof(*classes));

    if (values == NULL || shown == NULL || classes == NULL) {
        free(shown);
        shown = NULL;
    } else {
        for (size_t i = 0; i < n; i++) {
            classes[i] = entries[i]->class;
        }
        _Static_assert((int)TIERS <= SMALL_CELLS_CLASSES && REPORT_LEVELS <= SMALL_CELLS_CLASSES,
                       "each class has its place");
        small_cells_hide(values, rows, columns, classes, REPORT_CLASSES, of, n_of, shown);
    }
    free(classes);
    return shown;
}

/* Its year may be this month. Not only where it is: then all that are hidden here are hidden there,
 * and no sum of the year tells one of them. */
static void hide_in_year(const struct report_entry *group, enum cell_shown online)
{
    if (group->procedure != NULL) {
        group->procedure->online_hidden = online != CELL_SHOWN;
    }
}

static void put_groups(const struct report *r, struct sheet *s, struct sheet_column *columns)
{
    static const struct {
        const char *name, *title, *note;
    } tables[] = {
        [REPORT_BY_AGENCY] = {"agencies", "By agency",
                              "the agency that the source names, by the agency map"},
        [REPORT_BY_PROCEDURE] = {"procedures", "By procedure",
                                 "the procedure that the source names, by the procedure map"},
        [REPORT_BY_SECTOR] = {"sectors", "By sector",
                              "the sector that the source names, else that of the procedure in the "
                              "portal's catalogue"},
    };
    struct report_entry **groups = r->groups.all;
    size_t n = r->groups.n;
    int64_t *values = numbers_of(groups, &n);
    enum cell_shown *shown =
        hidden_of(values, n, groups, n, TOLD, families, sizeof(families) / sizeof(families[0]));

    begin_breakdown(s, tables[r->by].name, tables[r->by].title, columns);
    if (values == NULL || shown == NULL) {
        s->out->error = ERR_NOMEM;
    } else {
        hide_balance(shown, n);
        for (size_t i = 0; i < n; i++) {
            put_row(s, groups[i]->code[0] != '\0' ? groups[i]->code : "(none)", groups[i]->name,
                    &values[i * TOLD], &shown[i * TOLD]);
            hide_in_year(groups[i], shown[i * TOLD + 1]);
        }
        put_counts(s, "all", "", &r->all);
    }
    sheet_note(s, "code", tables[r->by].note);
    sheet_note(s, "", SMALL_NOTE);
    free(values);
    free(shown);
}

/* ---- services ---- */

static const struct cells_family received = {.total = 0, .parts = {1, 2}, .n = 2};

static void put_levels(const struct report *r, struct sheet *s)
{
    static const struct sheet_column columns[] = {
        {"level", "Level", SHEET_WORDS},
        {"procedures", "Procedures published", SHEET_NUMBER},
        {"services", "Online services", SHEET_NUMBER},
        {"received", "Received", SHEET_NUMBER},
        {"online", "Online", SHEET_NUMBER},
        {"direct", "Direct", SHEET_NUMBER},
    };
    static const enum month_figure figures[] = {MONTH_received, MONTH_online, MONTH_direct};
    int64_t values[REPORT_LEVELS * 3];
    enum cell_shown shown[REPORT_LEVELS * 3];
    size_t procedures = 0;
    size_t services = 0;

    for (size_t i = 0; i < REPORT_LEVELS * 3; i++) {
        values[i] = r->levels[i / 3].n[figures[i % 3]];
    }
    small_cells_hide(values, REPORT_LEVELS, 3, NULL, 0, &received, 1, shown);
    sheet_table(s, "services", "By level of the online service", columns,
                sizeof(columns) / sizeof(columns[0]));
    for (size_t i = REPORT_LEVELS; i-- > 0;) {
        sheet_text(s, level_names[i]);
        sheet_number(s, (int64_t)r->published[i]);
        sheet_number(s, (int64_t)r->services[i]);
        for (size_t f = 0; f < 3; f++) {
            put_cell(s, values[i * 3 + f], shown[i * 3 + f]);
        }
        procedures += r->published[i];
        services += r->services[i];
    }
    sheet_text(s, "all");
    sheet_number(s, (int64_t)procedures);
    sheet_number(s, (int64_t)services);
    for (size_t f = 0; f < 3; f++) {
        sheet_number(s, r->all.n[figures[f]]);
    }
    sheet_note(
        s, "level",
        "of the procedure, as the portal's list of online services tells (LayDVC): full "
        "(toàn trình) or partial (một phần) when a service's name says so, the higher of "
        "several; online: there is a service that does not say which; information: there is "
        "none; unknown: the procedure is not in the catalogue or its services were not read");
    sheet_note(s, "procedures", "public in the portal's catalogue when it was last read");
    sheet_note(
        s, "services",
        "in the portal's list when it was last read, by their own names, those of procedures "
        "that are withdrawn among them");
    sheet_note(s, "", SMALL_NOTE);
}

/* ---- the year ---- */

static void put_year(const struct report *r, struct sheet *s)
{
    static const struct sheet_column columns[] = {{"figure", NULL, SHEET_WORDS},
                                                  {"n", "Number", SHEET_NUMBER}};
    size_t services = 0;
    size_t served = 0;
    size_t used = 0;

    for (size_t i = 0; i < r->procedures.n; i++) {
        const struct report_entry *e = r->procedures.all[i];

        services += e->services;
        served += e->services > 0;
        used += e->services > 0 && e->year_online > 0;
    }
    sheet_table(s, "year", "This year", columns, 2);
    sheet_text(s, "received");
    sheet_number(s, r->year_online + r->year_direct);
    sheet_text(s, "online");
    sheet_number(s, r->year_online);
    sheet_text(s, "services");
    sheet_number(s, (int64_t)services);
    sheet_text(s, "procedures_with_service");
    sheet_number(s, (int64_t)served);
    sheet_text(s, "procedures_with_online_dossier");
    sheet_number(s, (int64_t)used);
    sheet_note(
        s, "received",
        "dossiers received from the first of January to the end of the month, none of before "
        "the first receipt that the journal knows");
    sheet_note(s, "online", "of those, submitted online (KenhThucHien 2)");
    sheet_note(
        s, "services",
        "of procedures that are public in the portal's catalogue; its list of services, which "
        "is counted above, also has services of procedures that were withdrawn");
    sheet_note(s, "procedures_with_service", "of the public procedures, those with a service");
    sheet_note(s, "procedures_with_online_dossier",
               "of the procedures with a service, those with an online dossier this year");
}

/* Where nothing was online in the months before, the year's numbers are the month's, of which other
 * tables tell what was received: then they must not tell a small number that is direct. */
static bool year_is_month(const struct report *r)
{
    return r->year_online == r->all.n[MONTH_online];
}

static const struct cells_family online_alone = {.total = 1};

static void put_year_row(struct sheet *s, const struct report_entry *e, const int64_t *values,
                         enum cell_shown *shown)
{
    if (e->online_hidden) { /* nor that it is under 5, which is a bound of the month's */
        shown[1] = CELL_COVERED;
    }
    if (e->services == 0 || (e->year_online == 0 && shown[1] == CELL_SHOWN)) {
        return;
    }
    sheet_text(s, e->code);
    sheet_text(s, e->name);
    sheet_text(s, level_names[e->level]);
    sheet_number(s, (int64_t)e->services);
    put_cell(s, values[1], shown[1]);
}

/* Received, online and direct of each procedure, of the month where that tells the same of what is
 * online; then, in class LEVEL_NOT_SHOWN, of all that are not in the catalogue. The caller's to
 * free; NULL without memory. */
static int64_t *year_values(const struct report *r)
{
    size_t n = r->procedures.n;
    bool month = year_is_month(r);
    int64_t *values = calloc(3 * n + 3, sizeof(*values));
    int64_t *rest = values != NULL ? &values[3 * n] : NULL;

    if (values == NULL) {
        return NULL;
    }
    rest[1] = r->year_online;
    rest[2] = month ? r->all.n[MONTH_direct] : r->year_direct;
    for (size_t i = 0; i < n; i++) {
        struct report_entry *e = r->procedures.all[i];
        int64_t direct = month ? e->counts.n[MONTH_direct] : e->year_direct;

        values[3 * i] = e->year_online + direct;
        values[3 * i + 1] = e->year_online;
        values[3 * i + 2] = direct;
        rest[1] -= e->year_online;
        rest[2] -= direct;
        e->class = e->level;
    }
    rest[0] = rest[1] + rest[2];
    return values;
}

static void put_per_service(const struct report *r, struct sheet *s)
{
    static const struct sheet_column columns[] = {
        {"procedure", "Procedure", SHEET_WORDS},
        {"name", "Name", SHEET_WORDS},
        {"level", "Level", SHEET_WORDS},
        {"services", "Services", SHEET_NUMBER},
        {"online_this_year", "Online this year", SHEET_NUMBER},
    };
    struct report_entry **all = r->procedures.all;
    size_t n = r->procedures.n;
    int64_t *values = year_values(r);
    enum cell_shown *shown =
        hidden_of(values, n + 1, all, n, 3, year_is_month(r) ? &received : &online_alone, 1);

    sheet_table(s, "online_per_service", "Online dossiers this year by service", columns,
                sizeof(columns) / sizeof(columns[0]));
    if (shown == NULL) {
        s->out->error = ERR_NOMEM;
    }
    for (size_t i = 0; i < n && shown != NULL; i++) {
        put_year_row(s, all[i], &values[3 * i], &shown[3 * i]);
    }
    sheet_note(s, "online_this_year",
               "of the service's procedure: a dossier names its procedure and not its service. "
               "Procedures whose services had none this year are left out");
    sheet_note(s, "", SMALL_NOTE);
    free(values);
    free(shown);
}

/* Columns that are made here are the sheet's until its next table begins: `year` always follows. */
void report_tables(const struct report *r, struct sheet *s)
{
    struct sheet_column tiers[TOLD + 2];
    struct sheet_column groups[TOLD + 2];

    put_figures(r, s);
    put_tiers(r, s, tiers);
    if (r->by != REPORT_BY_LEVEL) {
        put_groups(r, s, groups);
    }
    if (r->by != REPORT_BY_SECTOR) { /* everybody knows which procedures a sector has */
        put_levels(r, s);
    }
    put_year(r, s);
    if (r->by != REPORT_BY_SECTOR) {
        put_per_service(r, s);
    }
}
