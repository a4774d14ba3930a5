#include "adapter/opencps_query.h"

#include <assert.h>
#include <inttypes.h>

#include "domain/vntime.h"

const unsigned OPENCPS_SYSTEM_IDS[OPENCPS_SYSTEMS] = {0, 5};

static const struct {
    const char *from;
    const char *to;
} DATE_NAMES[OPENCPS_DATES] = {
    [OPENCPS_SUBMIT] = {"fromSubmitDate", "toSubmitDate"},
    [OPENCPS_RECEIVE] = {"fromReceiveDate", "toReceiveDate"},
    [OPENCPS_RELEASE] = {"fromReleaseDate", "toReleaseDate"},
    [OPENCPS_FINISH] = {"fromFinishDate", "toFinishDate"},
};

static void put_day(struct buf *out, const char *name, int64_t day_s)
{
    char text[16];

    if (vntime_format(day_s, "dd/MM/yyyy", text, sizeof(text)) > 0) {
        buf_printf(out, "&%s=", name);
        buf_put_form(out, text);
    }
}

void opencps_query_path(const struct opencps_query *query, struct buf *out)
{
    assert(query->end > query->start);
    buf_printf(out, "/dossiers?start=%" PRIu32 "&end=%" PRIu32 "&systemId=%u", query->start,
               query->end, OPENCPS_SYSTEM_IDS[query->system]);
    if (query->status[0] != '\0') {
        buf_puts(out, "&status=");
        buf_put_form(out, query->status);
    }
    if (query->dated) {
        put_day(out, DATE_NAMES[query->date].from, query->from_s);
        put_day(out, DATE_NAMES[query->date].to, query->to_s);
    }
}
