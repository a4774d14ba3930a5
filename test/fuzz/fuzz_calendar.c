/* The calendar of working days: its file, and what it answers. */
#include <string.h>

#include "base/text.h"
#include "domain/term.h"
#include "fuzz/fuzz.h"

#define DAY_S INT64_C(86400)

/* What is asked in several ways must agree. */
static void ask(const struct calendar *cal, int64_t from_s, int64_t to_s, int n)
{
    int64_t between_s = 0;
    int64_t back_s = 0;
    int64_t day_s = 0;
    int64_t days = 0;
    struct term term;

    if (calendar_seconds_between(cal, from_s, to_s, &between_s) == 0) {
        FUZZ_CHECK((between_s >= 0) == (from_s <= to_s) || between_s == 0, "%lld",
                   (long long)between_s);
        FUZZ_CHECK(calendar_seconds_between(cal, to_s, from_s, &back_s) == 0 &&
                       back_s == -between_s,
                   "%lld", (long long)back_s);
        FUZZ_CHECK(calendar_add_seconds(cal, from_s, between_s, &back_s) == 0, "%lld",
                   (long long)between_s);
        FUZZ_CHECK(from_s <= to_s ? back_s >= from_s && back_s <= to_s
                                  : back_s <= from_s && back_s >= to_s,
                   "%lld", (long long)back_s);
    }
    if (calendar_add_days(cal, from_s, n, &day_s) == 0) {
        FUZZ_CHECK(calendar_days_between(cal, from_s, day_s, &days) == 0 &&
                       (n >= 0 ? days == n : days <= 0),
                   "%d: %lld", n, (long long)days);
        FUZZ_CHECK((day_s - from_s) % DAY_S == 0, "%lld", (long long)day_s);
    }
    if (n > 0) {
        term_read(cal, from_s, n, to_s, &term);
        FUZZ_CHECK(!term.known || term.over == (to_s >= term.due_s), "%d", n);
        FUZZ_CHECK(term.known || term.due_s == 0, "%d", n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    int n = (int)fuzz_byte(&in) % 40 - 10;
    int64_t step_s = ((int64_t)fuzz_byte(&in) + 1) * 3599;
    struct errmsg why = {0};
    struct calendar *cal = NULL;
    int err = calendar_parse("test.csv", (const char *)in.at, in.n, &cal, &why);

    FUZZ_CHECK((err == 0) == (cal != NULL) && (err == 0 || why.text[0] != '\0'), "%d", err);
    FUZZ_CHECK(text_is_utf8(why.text, strlen(why.text)), "%s", why.text);
    if (err == 0) {
        int64_t first_s;
        int64_t end_s;

        calendar_span(cal, &first_s, &end_s);
        FUZZ_CHECK(first_s < end_s && !calendar_covers(cal, first_s - 1) &&
                       !calendar_covers(cal, end_s) && calendar_covers(cal, first_s) &&
                       calendar_covers(cal, end_s - 1),
                   "%lld", (long long)first_s);
        for (int i = -2; i < 12; i++) {
            ask(cal, first_s + i * step_s, first_s + 5 * step_s, n);
            ask(cal, end_s - i * step_s, first_s, n);
        }
    }
    calendar_free(cal);
    return 0;
}
