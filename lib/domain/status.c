#include "domain/status.h"

#define BIT(status) (1U << (status))

struct status_row {
    const char *name;
    unsigned next; /* BITs of the legal moves of national-portal.md 6.3 */
    bool final;
    bool decides_deadline;
};

static const struct status_row rows[STATUS_LAST + 1] = {
    [STATUS_UNMAPPED] = {"unmapped", 0, false, false},
    [1] = {"newly registered", BIT(2) | BIT(3) | BIT(5) | BIT(7), false, false},
    [2] = {"received", BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9) | BIT(10), false, true},
    [3] = {"refused at reception", 0, true, true},
    [4] = {"in processing", BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9), false, false},
    [5] = {"supplement asked", BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(7) | BIT(8), false, true},
    [6] = {"financial duty asked", BIT(2) | BIT(4) | BIT(7) | BIT(8) | BIT(9), false, false},
    [7] = {"withdrawal asked", BIT(4) | BIT(8), false, false},
    [8] = {"processing stopped", 0, true, true},
    [9] = {"processing finished", BIT(10) | BIT(5) | BIT(4), false, true}, /* 5, 4: a correction */
    [10] = {"result returned", 0, true, true},
};

bool status_valid(int status)
{
    return status >= STATUS_FIRST && status <= STATUS_LAST;
}

const char *status_name(int status)
{
    return status_valid(status) ? rows[status].name : rows[STATUS_UNMAPPED].name;
}

bool status_final(int status)
{
    return status_valid(status) && rows[status].final;
}

bool status_decides_deadline(int status)
{
    return status_valid(status) && rows[status].decides_deadline;
}

bool status_move_legal(int from, int to)
{
    if (!status_valid(to)) {
        return false;
    }
    if (from == STATUS_UNMAPPED || from == to) {
        return true;
    }
    return status_valid(from) && (rows[from].next & BIT(to)) != 0;
}

bool status_path_exists(int from, int to)
{
    unsigned reached;
    unsigned before;

    if (status_move_legal(from, to)) {
        return true;
    }
    if (!status_valid(from) || !status_valid(to)) {
        return false;
    }
    reached = BIT(from);
    do {
        before = reached;
        for (int status = STATUS_FIRST; status <= STATUS_LAST; status++) {
            if ((reached & BIT(status)) != 0) {
                reached |= rows[status].next;
            }
        }
    } while (reached != before);
    return (reached & BIT(to)) != 0;
}
