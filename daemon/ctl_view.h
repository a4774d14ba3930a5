/* ctl_view: the daemon's answers in words, for people. Pure: all take the parsed answer, the wall
 * time and whether colours are wanted, and write lines into out. Members that are missing read as
 * none, so that an older or newer daemon is no trouble. */
#ifndef CTL_VIEW_H
#define CTL_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "codec/json.h"

void ctl_view_status(const struct json *root, int64_t now_s, bool colour, struct buf *out);
void ctl_view_list(const struct json *root, int64_t now_s, bool colour, struct buf *out);
/* One item with its attempts. */
void ctl_view_item(const struct json *root, int64_t now_s, bool colour, struct buf *out);
/* The life of a dossier, in order of time. */
void ctl_view_why(const struct json *root, int64_t now_s, bool colour, struct buf *out);
void ctl_view_agreement(const struct json *root, int64_t now_s, bool colour, struct buf *out);
void ctl_view_events(const struct json *root, int64_t now_s, bool colour, struct buf *out);

/* The line of a Nagios plug-in: "DVCSYNC WARNING - dossiers: 3 held | ...". Returns 0 ok, 1
 * warning, 2 critical, 3 unknown. The age of a flow's oldest item counts while the flow is live. */
int ctl_view_check(const struct json *root, uint64_t warn_age_s, uint64_t crit_age_s,
                   struct buf *out);

#endif
