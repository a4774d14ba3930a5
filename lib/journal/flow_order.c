#include "journal/flow_order.h"

#include <stdio.h>
#include <string.h>

static void add(struct flow_order *order, int64_t id)
{
    size_t used = strlen(order->ids);
    char text[8];

    (void)snprintf(text, sizeof(text), ",%d,", (int)id);
    if (id > 0 && id <= DB_MAX_FLOWS && strstr(order->ids, text) == NULL) {
        /* The comma behind the one before is this one's first. */
        (void)snprintf(order->ids + used, sizeof(order->ids) - used, "%s", text + (used > 0));
    }
}

static int add_others(struct db *db, struct flow_order *order)
{
    static const struct sql select = {"SELECT id FROM flow ORDER BY id"};
    int err = 0;
    sqlite3_stmt *stmt = db_bind(db, &select, &err, "");

    for (err = stmt != NULL ? db_row(db, stmt) : err; err == 1; err = db_row(db, stmt)) {
        add(order, sqlite3_column_int64(stmt, 0));
    }
    return err;
}

int flow_order_find(struct db *db, const char *const *names, size_t n, bool others,
                    struct flow_order *out)
{
    static const struct sql select = {"SELECT id FROM flow WHERE name = ?1"};

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < n; i++) {
        int64_t id = 0;
        int err = db_integer(db, &select, &id, "t", names[i]);

        if (err < 0) {
            return err;
        }
        add(out, id); /* 0: not known */
    }
    return others ? add_others(db, out) : 0;
}
