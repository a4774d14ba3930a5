#include "adapter/spool_xml.h"

#include <string.h>

#include "codec/json.h"

#define DEPTH_MAX 6     /* a dossier, a list, its row, a list in that row */
#define MEMBERS_MAX 256 /* of one element, but for lists; the vocabulary has 40 */
#define LISTS_COUNT (sizeof(LISTS) / sizeof(LISTS[0]))

/* Elements that are lists (national-portal.md 5.2); of all others a second one is a fault. */
static const char *const LISTS[] = {
    "DSKetNoiCSDL",
    "DanhSachGiayToBoSung",
    "DanhSachGiayToKetQua",
    "DanhSachHoSoBoSung",
    "DanhSachLePhi",
    "DanhSachLePhiBoSung",
    "DanhSachTepDinhKemKhac",
    "DanhSachTienDo",
    "DinhDanhCHS",
    "TaiLieuNop",
    "TienDo",
};

/* What stood in an element so far. */
struct seen {
    bool lists[LISTS_COUNT];
    const char *members[MEMBERS_MAX]; /* borrowed */
    size_t n;
};

/* LISTS_COUNT: it is none. */
static size_t list_of(const char *name)
{
    size_t i = 0;

    while (i < LISTS_COUNT && strcmp(LISTS[i], name) != 0) {
        i++;
    }
    return i;
}

static int see(struct seen *seen, const char *name, struct errmsg *msg)
{
    for (size_t i = 0; i < seen->n; i++) {
        if (strcmp(seen->members[i], name) == 0) {
            return err_set(msg, ERR_FORMAT, "<%s> stands twice", name);
        }
    }
    if (seen->n == MEMBERS_MAX) {
        return err_set(msg, ERR_TOOBIG, "an element has more than %d fields", MEMBERS_MAX);
    }
    seen->members[seen->n++] = name;
    return 0;
}

static int put_members(struct json_writer *w, const struct xml_node *node, unsigned depth,
                       struct errmsg *msg);

static int put_row(struct json_writer *w, const struct xml_node *row, unsigned depth,
                   struct errmsg *msg)
{
    int err;

    json_object_open(w, NULL);
    err = put_members(w, row, depth + 1, msg);
    json_object_close(w);
    return err;
}

/* One element of a list: rows inside of it, or a row itself. */
static int put_list_element(struct json_writer *w, const struct xml_node *node, unsigned depth,
                            struct errmsg *msg)
{
    const struct xml_node *row = xml_child(node, NULL);
    int err = 0;

    if (row == NULL) {
        return 0;
    }
    if (xml_child(row, NULL) == NULL) {
        return put_row(w, node, depth, msg);
    }
    for (; row != NULL && err == 0; row = xml_next(row, NULL)) {
        err = put_row(w, row, depth, msg);
    }
    return err;
}

static int put_list(struct json_writer *w, const struct xml_node *first, unsigned depth,
                    struct errmsg *msg)
{
    const char *name = xml_name(first);
    int err = 0;

    json_array_open(w, name);
    for (const struct xml_node *node = first; node != NULL && err == 0;
         node = xml_next(node, name)) {
        err = put_list_element(w, node, depth, msg);
    }
    json_array_close(w);
    return err;
}

static int put_members(struct json_writer *w, const struct xml_node *node, unsigned depth,
                       struct errmsg *msg)
{
    struct seen seen = {.n = 0};
    int err = 0;

    if (depth > DEPTH_MAX) {
        return err_set(msg, ERR_FORMAT, "<%s> lies deeper than any field of a dossier",
                       xml_name(node));
    }
    for (const struct xml_node *child = xml_child(node, NULL); child != NULL && err == 0;
         child = xml_next(child, NULL)) {
        const char *name = xml_name(child);
        size_t list = list_of(name);

        if (list < LISTS_COUNT) {
            err = seen.lists[list] ? 0 : put_list(w, child, depth, msg);
            seen.lists[list] = true;
            continue;
        }
        err = see(&seen, name, msg);
        if (err == 0 && xml_child(child, NULL) != NULL) {
            err = err_set(msg, ERR_FORMAT, "<%s> is no field that holds others", name);
        } else if (err == 0) {
            json_string(w, name, xml_text(child));
        }
    }
    return err;
}

int spool_xml_object(const struct xml_node *node, struct buf *out, struct errmsg *msg)
{
    struct json_writer w;
    int err;

    json_write_begin(&w, out);
    err = put_row(&w, node, 0, msg);
    if (err == 0 && buf_error(out) != 0) {
        err = err_set(msg, buf_error(out), "one dossier is larger than allowed");
    }
    return err;
}
