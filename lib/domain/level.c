#include "domain/level.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

static const struct {
    const char *name;
    int number;
} levels[] = {
    [LEVEL_NOT_SHOWN] = {"", 0},      [LEVEL_INFORMATION] = {"information", 2},
    [LEVEL_PARTIAL] = {"partial", 3}, [LEVEL_ONLINE] = {"online", 4},
    [LEVEL_FULL] = {"full", 4},
};

const char *level_name(enum service_level level)
{
    return levels[level].name;
}

/* At its end, as in "... trực tuyến một phần": a procedure's own name may hold the words too
 * ("một phần công trình"). */
static bool ends_in(const char *name, const char *words)
{
    size_t n = strlen(name);
    size_t wanted = strlen(words);

    while (n > 0 && strchr(" .)]\"", name[n - 1]) != NULL) {
        n--;
    }
    return n >= wanted && text_contains(name + n - wanted, words);
}

enum service_level level_of_service(const char *name)
{
    if (ends_in(name, "toàn trình")) {
        return LEVEL_FULL;
    }
    return ends_in(name, "một phần") ? LEVEL_PARTIAL : LEVEL_ONLINE;
}

enum service_level level_higher(enum service_level a, enum service_level b)
{
    return a > b ? a : b;
}

enum service_level level_of_number(int number)
{
    static const enum service_level of[] = {LEVEL_NOT_SHOWN, LEVEL_INFORMATION, LEVEL_INFORMATION,
                                            LEVEL_PARTIAL, LEVEL_FULL};

    return number >= 0 && (size_t)number < sizeof(of) / sizeof(of[0]) ? of[number]
                                                                      : LEVEL_NOT_SHOWN;
}

int level_number(enum service_level level)
{
    return levels[level].number;
}

bool level_agrees(enum service_level a, enum service_level b)
{
    enum service_level low = a < b ? a : b;
    enum service_level high = level_higher(a, b);

    if (low == high || low == LEVEL_NOT_SHOWN) {
        return true;
    }
    return low >= LEVEL_PARTIAL && (low == LEVEL_ONLINE || high == LEVEL_ONLINE);
}
