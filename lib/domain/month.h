/* month: what a dossier counts for in the figures of one month.
 *
 * Pure: the journal's reader fills what is known of a dossier, this says what it is counted as. The
 * rules are those by which the portal is evaluated (national-portal.md 6.4); each figure's
 * definition stands beside its name and is printed with every report. Any thread; no state. */
#ifndef DOMAIN_MONTH_H
#define DOMAIN_MONTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "domain/figures.h"
#include "domain/item.h"

/* In Vietnam's time; UTC seconds. */
struct month {
    char name[8];    /* "2026-10" */
    int64_t from_s;  /* its first second */
    int64_t until_s; /* the first second after it */
    int64_t year_s;  /* the first second of its year */
};

/* "YYYY-MM", years 2000 to 2199. ERR_FORMAT. */
MUST_CHECK int month_parse(const char *text, struct month *out);

/* X(name, title, definition): the figures. */
#define MONTH_FIGURES_LIST(X)                                                                      \
    X(received, "Received",                                                                        \
      "dossiers whose date of receipt (NgayTiepNhan, as the source says) lies in the month, in "   \
      "Vietnam's time; a dossier without that date is not counted; one that stands in several "    \
      "flows, as in a parallel run, counts once, in a live flow before one that observes")         \
    X(online, "Online", "of those received, submitted online (KenhThucHien 2)")                    \
    X(direct, "Direct",                                                                            \
      "of those received, all others: in person, by post, or channel not said; received = online " \
      "+ direct")                                                                                  \
    X(by_post, "By post", "of the direct ones, by public post (KenhThucHien 3)")                   \
    X(no_channel, "Channel not said", "of the direct ones, those whose source names no channel")   \
    X(settled, "Settled",                                                                          \
      "dossiers whose end lies in the month: the end of processing (NgayKetThucXuLy) of a "        \
      "dossier "                                                                                   \
      "in status 9 or 10, else the handing over (NgayTra); the refusal (NgayTuChoi) of one in "    \
      "status 8 or 3; the step to status 7 of one that was received before; where the source "     \
      "gives "                                                                                     \
      "no such date, its earliest word of that status")                                            \
    X(on_time, "On time",                                                                          \
      "of those settled, the end is not after the promised date (NgayHenTra) that stood last, or " \
      "not after the first promised date and the time that the dossier waited for supplements "    \
      "(status 5), whichever is later")                                                            \
    X(overdue, "Overdue", "of those settled, the end is after both")                               \
    X(no_promise, "No promised date",                                                              \
      "of those settled, the source gives no promised date; settled = on time + overdue + these")  \
    X(stopped, "Stopped", "of those settled, status 8")                                            \
    X(withdrawn, "Withdrawn", "of those settled, status 7, received before")                       \
    X(refused, "Refused", "of those settled, status 3: refused at reception")                      \
    X(late_by_sync, "Late only by synchronisation",                                                \
      "of those on time, the portal acknowledged the end after the promised date, or has not yet " \
      "though that date has passed: the portal shows them as overdue. Shown apart, never "         \
      "subtracted from on time or added to overdue. Of what only a flow that does not send knows " \
      "nothing is said")                                                                           \
    X(end_read_late, "Late because it was read late",                                              \
      "of those late only by synchronisation, the journal itself stored the end after the "        \
      "promised date: the source told it late, or the journal began later; no delivery could "     \
      "have been in time")                                                                         \
    X(put_off, "On time by a late promise",                                                        \
      "of those on time, the promised date was put off when it had already passed, while the "     \
      "dossier was not with the citizen; a person should look at them")                            \
    X(waiting, "Waiting",                                                                          \
      "dossiers received before the end of the month (or by now, in a month that is not over) "    \
      "that had not ended then")                                                                   \
    X(waiting_in_time, "Waiting, in time", "of those waiting, the promised date had not passed")   \
    X(waiting_overdue, "Waiting, overdue",                                                         \
      "of those waiting, the promised date had passed, times of supplement counted as above")      \
    X(waiting_no_promise, "Waiting, no promised date",                                             \
      "of those waiting, without a promised date; waiting = in time + overdue + these")            \
    X(within_hour, "At the portal within an hour",                                                 \
      "of those received, the portal acknowledged the receipt (any status but 1) at most one "     \
      "hour "                                                                                      \
      "after it")                                                                                  \
    X(within_day, "At the portal within a day",                                                    \
      "the same within 24 hours; those within an hour are among them")                             \
    X(after_day, "At the portal later", "the same after more than 24 hours")                       \
    X(read_late, "Later because it was read late",                                                 \
      "of those at the portal later, the journal itself stored the receipt more than 24 hours "    \
      "after it: the source told it late, or the journal began later; no delivery could have "     \
      "been in time")                                                                              \
    X(not_there, "Not yet at the portal",                                                          \
      "of those received, not acknowledged yet; those that only a flow that does not send knows "  \
      "are among them")                                                                            \
    X(there_before, "At the portal before",                                                        \
      "of those received, taken over from an earlier connector, or delivered after a backup was "  \
      "restored though they may have been before: when the portal got them is not known; "         \
      "received = within a day + later + not yet + these")                                         \
    X(no_end_date, "Ended without a date",                                                         \
      "dossiers received before the end of the month whose status says that they ended and of "    \
      "whose end no date is known: neither settled nor waiting")

enum month_figure {
#define X(name, title, definition) MONTH_##name,
    MONTH_FIGURES_LIST(X)
#undef X
        MONTH_FIGURES
};

struct month_counts {
    int64_t n[MONTH_FIGURES];
};

const char *month_figure_name(enum month_figure figure);
const char *month_figure_title(enum month_figure figure);
const char *month_figure_definition(enum month_figure figure);

/* What was stored of a dossier, snapshots and steps, and what became of it. */
struct month_item {
    enum item_kind kind;
    enum item_state state;
    int status;         /* national, 0 unmapped */
    int64_t at_s;       /* the source's time, 0 unknown */
    int64_t changed_ms; /* of its last move: DONE is when the portal acknowledged it */
    int64_t stored_ms;  /* when the journal first had it, 0 unknown */
    bool again;         /* DONE after a restore, of a time before: it may have been there */
};

struct month_dossier {
    const char *flow;       /* borrowed */
    bool unsent;            /* the flow sends nothing now */
    struct figures figures; /* marks are not filled */
    int status;             /* national, of the newest snapshot */
    int64_t promised_s, first_promised_s;
    int moved;                      /* how often the promised date was put off when it had passed */
    const struct month_item *items; /* by source time, equal times by number; unknown times first */
    size_t n_items;
};

/* Whether the items of a dossier matter for this month; without them it counts for nothing in it.
 */
bool month_needs_items(const struct month *m, const struct month_dossier *d);
/* Adds one to each figure that the dossier counts for. */
void month_count(const struct month *m, int64_t now_s, const struct month_dossier *d,
                 struct month_counts *counts);
void month_add(struct month_counts *to, const struct month_counts *from);
/* Received in the month's year up to its end. */
bool month_in_year(const struct month *m, const struct figures *f);

#endif
