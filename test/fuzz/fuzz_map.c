/* The maps of statuses, procedures and agencies, and the CSV that they are written in.
 *
 * Input: a byte chooses the map; then the file. */
#include <string.h>

#include "base/csv.h"
#include "base/text.h"
#include "domain/codes.h"
#include "domain/map.h"
#include "fuzz/fuzz.h"

#define ROWS_LOOKED_UP 50

/* Every value of every row looked up at several times. */
static void look_up(const struct map *map, enum map_kind kind, const char *bytes, size_t n)
{
    static struct csv_row row;
    const int64_t times[] = {0, INT64_C(1763622000), INT64_C(4102444800)};
    const char *codes[4];
    const char *fault = NULL;
    struct csv csv;
    unsigned rows = 0;
    int err = 0;

    csv_init(&csv, bytes, n);
    while (err != ERR_NOTFOUND && rows++ < ROWS_LOOKED_UP) {
        err = csv_next(&csv, &row, &fault);
        for (size_t i = 0; err == 0 && i < row.n; i++) {
            const char *next = row.text[(i + 1) % row.n];
            int64_t at_s = times[i % 3];

            FUZZ_CHECK(text_is_utf8(row.text[i], strlen(row.text[i])), "%s", row.text[i]);
            if (kind == MAP_STATUS) {
                int status = map_status(map, row.text[i], next, row.text[0], at_s);

                FUZZ_CHECK(status >= 0 && status <= 10, "%d", status);
                FUZZ_CHECK(map_status(map, row.text[i], next, row.text[0], at_s) == status, "%d",
                           status);
            } else {
                const char *code = map_code(map, row.text[i], at_s);
                size_t divided = map_divided(map, row.text[i], at_s, codes, 4);

                FUZZ_CHECK(code == NULL || kind != MAP_PROCEDURE || code_is_procedure(code), "%s",
                           code);
                FUZZ_CHECK(code == NULL || divided == 0, "%s, and %zu others", code, divided);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    enum map_kind kind = (enum map_kind)(fuzz_byte(&in) % 3);
    struct errmsg why = {0};
    struct map *map = NULL;
    const char *bytes = (const char *)in.at;
    int err = map_parse(kind, "test.csv", bytes, in.n, &map, &why);

    FUZZ_CHECK((err == 0) == (map != NULL) && (err == 0 || why.text[0] != '\0'), "%d", err);
    FUZZ_CHECK(text_is_utf8(why.text, strlen(why.text)), "%s", why.text);
    if (err == 0) {
        FUZZ_CHECK(strcmp(map_path(map), "test.csv") == 0, "%s", map_path(map));
        look_up(map, kind, bytes, in.n);
    }
    map_free(map);
    return 0;
}
