#include "sandbox/life_catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int take_procedures(struct life_catalog *c, const struct csv *csv)
{
    int code = csv_column(csv, "code");
    int name = csv_column(csv, "name");
    int sector_code = csv_column(csv, "sector_code");
    int sector_name = csv_column(csv, "sector_name");
    int level = csv_column(csv, "level");
    int agency = csv_column(csv, "agency");

    c->procedures = calloc(csv->rows + 1, sizeof(*c->procedures));
    c->of_commune = calloc(csv->rows + 1, sizeof(*c->of_commune));
    c->of_department = calloc(csv->rows + 1, sizeof(*c->of_department));
    if (c->procedures == NULL || c->of_commune == NULL || c->of_department == NULL || code < 0 ||
        name < 0 || sector_code < 0 || sector_name < 0 || level < 0 || agency < 0) {
        return -1;
    }
    for (size_t row = 0; row < csv->rows && row < LIFE_CATALOG_MAX; row++) {
        struct life_procedure *p = &c->procedures[c->n_procedures];
        const char *levels = csv_cell(csv, row, level);

        p->code = csv_cell(csv, row, code);
        p->name = csv_cell(csv, row, name);
        p->sector_code = csv_cell(csv, row, sector_code);
        p->sector_name = csv_cell(csv, row, sector_name);
        p->agency = csv_cell(csv, row, agency);
        p->commune = strstr(levels, "commune") != NULL;
        p->department = strstr(levels, "province") != NULL;
        if (p->commune) {
            c->of_commune[c->n_of_commune++] = (uint16_t)c->n_procedures;
        }
        if (p->department) {
            c->of_department[c->n_of_department++] = (uint16_t)c->n_procedures;
        }
        c->n_procedures++;
    }
    return c->n_of_commune > 0 && c->n_of_department > 0 ? 0 : -1;
}

static int take_agencies(struct life_catalog *c, const struct csv *csv)
{
    int code = csv_column(csv, "code");
    int name = csv_column(csv, "name");
    int level = csv_column(csv, "level");

    c->agencies = calloc(csv->rows + 1, sizeof(*c->agencies));
    if (c->agencies == NULL || code < 0 || name < 0 || level < 0) {
        return -1;
    }
    for (size_t row = 0; row < csv->rows && row < LIFE_CATALOG_MAX; row++) {
        if (strcmp(csv_cell(csv, row, level), "province") == 0) {
            continue;
        }
        c->agencies[c->n_agencies++] =
            (struct life_agency){.code = csv_cell(csv, row, code),
                                 .name = csv_cell(csv, row, name),
                                 .commune = strcmp(csv_cell(csv, row, level), "commune") == 0};
    }
    return c->n_agencies > 0 ? 0 : -1;
}

int life_catalog_load(struct life_catalog *c, const char *procedures, const char *agencies)
{
    *c = (struct life_catalog){0};
    if (csv_load(&c->text[0], procedures) != 0) {
        return -1;
    }
    if (csv_load(&c->text[1], agencies) != 0) {
        csv_free(&c->text[0]);
        return -1;
    }
    if (take_procedures(c, &c->text[0]) != 0 || take_agencies(c, &c->text[1]) != 0) {
        fprintf(stderr, "province: %s needs rows of level commune and province, %s of agencies\n",
                procedures, agencies);
        life_catalog_free(c);
        return -1;
    }
    return 0;
}

void life_catalog_free(struct life_catalog *c)
{
    free(c->procedures);
    free(c->agencies);
    free(c->of_commune);
    free(c->of_department);
    csv_free(&c->text[0]);
    csv_free(&c->text[1]);
    *c = (struct life_catalog){0};
}
