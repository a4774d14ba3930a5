/* ctl_sheet: what the verbs that print a sheet share. */
#ifndef CTL_SHEET_H
#define CTL_SHEET_H

#include "base/sheet.h"
#include "daemon/ctl.h"

/* As --format says; --json is --format json. CTL_OK, or CTL_USAGE after a complaint. */
int ctl_sheet_format(struct ctl *c, enum sheet_format *out);
/* Ends the sheet, prints its buffer and frees it. Returns exit_code, or CTL_UNKNOWN. */
int ctl_sheet_print(struct sheet *s, int exit_code);
/* Ends and frees one that is not printed. Returns exit_code. */
int ctl_sheet_drop(struct sheet *s, int exit_code);
/* The same, into the file of --output when that was given (in the place of an older one). */
int ctl_sheet_output(struct ctl *c, struct sheet *s, int exit_code);
/* The exit code of a journal's file that could not be read, after a complaint. */
int ctl_sheet_failed(int err, const struct errmsg *msg);

/* "42s", "12m", "2h10m" for people; seconds in CSV and JSON. */
void ctl_sheet_age(struct sheet *s, uint64_t age_s);
/* Local time; RFC 3339 in CSV and JSON; empty for 0. */
void ctl_sheet_time(struct sheet *s, int64_t at_s);
/* A fact, before the first table, likewise; for people `none` stands for 0. */
void ctl_sheet_fact_time(struct sheet *s, const char *name, const char *title, int64_t at_s,
                         const char *none);

#endif
