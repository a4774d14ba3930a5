#include "codec/pdf_added.h"

#include <stddef.h>
#include <string.h>

#define CHANGED_MAX 64 /* objects that are written anew; certificates are new ones */
#define ENTRIES_MAX 64 /* of an object that is written anew */

/* An object of the update that stands in what is covered too, or should. */
struct changed {
    struct pdf_object now;
    struct pdf_span before; /* .at NULL: not seen */
};

struct added {
    uint64_t size; /* numbers below are taken */
    struct pdf_span root;
    struct changed changed[CHANGED_MAX];
    size_t n_changed;
    bool packed, other, validation;
};

/* ---- lists of names ---- */

static bool listed(const char *const *list, struct pdf_span name)
{
    while (*list != NULL && !pdf_span_is(name, *list)) {
        list++;
    }
    return *list != NULL;
}

static const char *const in_catalog[] = {"/DSS",      "/AcroForm", "/Extensions", "/Version",
                                         "/Metadata", "/ModDate",  NULL};
static const char *const in_page[] = {"/Annots", NULL};
static const char *const in_form[] = {"/Fields", "/SigFlags", NULL};
static const char *const in_info[] = {"/Producer", "/ModDate", "/CreationDate", "/Creator",
                                      "/Author",   "/Title",   "/Subject",      "/Keywords",
                                      "/Trapped",  NULL};
static const char *const in_validation[] = {"/Type", "/Certs", "/OCSPs", "/CRLs", "/VRI", "/Cert",
                                            "/OCSP", "/CRL",   "/TU",    "/TS",   NULL};

/* A certificate's place in a VRI: its digest in hex. */
static bool is_digest(struct pdf_span name)
{
    size_t n = (size_t)(name.end - name.at);

    for (size_t i = 1; i < n; i++) {
        if (name.at[i] == '\0' || strchr("0123456789abcdefABCDEF", name.at[i]) == NULL) {
            return false;
        }
    }
    return n == 41;
}

/* Each entry is listed, or with digests a digest. */
static bool only(struct pdf_span dict, const char *const *list, bool digests)
{
    struct pdf_span in;
    struct pdf_span key;
    struct pdf_span value;

    if (!pdf_open_dict(dict, &in)) {
        return false;
    }
    while (pdf_next_entry(&in, &key, &value)) {
        if (!listed(list, key) && !(digests && is_digest(key))) {
            return false;
        }
    }
    return true;
}

/* ---- what was there before ---- */

/* Each entry of a that is not listed is in b, and the same. */
static bool within(struct pdf_span a, struct pdf_span b, const char *const *list)
{
    struct pdf_span in;
    struct pdf_span key;
    struct pdf_span value;
    struct pdf_span other;
    size_t n = 0;

    if (!pdf_open_dict(a, &in) || !pdf_is_dict(b)) {
        return false;
    }
    while (pdf_next_entry(&in, &key, &value)) {
        char name[32];
        size_t length = (size_t)(key.end - key.at);

        n++;
        if (listed(list, key)) {
            continue;
        }
        if (n > ENTRIES_MAX || length >= sizeof(name)) {
            return false;
        }
        memcpy(name, key.at, length);
        name[length] = '\0';
        if (!pdf_get(b, name, &other) || !pdf_same(value, other)) {
            return false;
        }
    }
    return true;
}

static bool same_but_for(struct pdf_span before, struct pdf_span now, const char *const *list)
{
    return within(before, now, list) && within(now, before, list);
}

/* A list that got longer, or was put in the place of nothing. */
static bool is_longer(struct pdf_span before, struct pdf_span now)
{
    struct pdf_token a;
    struct pdf_token b;

    if (!pdf_is_array(before) || !pdf_is_array(now)) {
        return false;
    }
    before.end--; /* its closing bracket */
    do {
        a = pdf_next_token(&before);
        b = pdf_next_token(&now);
    } while (a.kind != PDF_TOKEN_END && pdf_same(a.text, b.text));
    return a.kind == PDF_TOKEN_END;
}

/* A list in a dictionary, or a reference to one, which is an object of its own. */
static bool keeps(struct pdf_span before, struct pdf_span now, const char *key)
{
    struct pdf_span a;
    struct pdf_span b;

    return !pdf_get(before, key, &a) ||
           (pdf_get(now, key, &b) && (pdf_same(a, b) || is_longer(a, b)));
}

static bool same_form(struct pdf_span before, struct pdf_span now)
{
    return same_but_for(before, now, in_form) && keeps(before, now, "/Fields");
}

/* The form inside of the catalog, or a reference to it. */
static bool same_catalog(struct pdf_span before, struct pdf_span now)
{
    struct pdf_span a;
    struct pdf_span b;
    bool had = pdf_get(before, "/AcroForm", &a);

    return same_but_for(before, now, in_catalog) && had == pdf_get(now, "/AcroForm", &b) &&
           (!had || pdf_same(a, b) || same_form(a, b));
}

/* ---- one object ---- */

/* Nobody sees what has no extent. */
static bool is_unseen(struct pdf_span widget)
{
    struct pdf_span rect;
    struct pdf_span at[4];
    struct pdf_span in;

    if (!pdf_get(widget, "/Rect", &rect)) {
        return !pdf_get(widget, "/Subtype", &in);
    }
    in = (struct pdf_span){rect.at + 1, rect.end};
    for (size_t i = 0; i < 4; i++) {
        if (!pdf_is_array(rect) || !pdf_next_value(&in, &at[i])) {
            return false;
        }
    }
    return pdf_same(at[0], at[2]) && pdf_same(at[1], at[3]);
}

static bool is_new_stream(struct pdf_span dict)
{
    struct pdf_span type;

    return (!pdf_get(dict, "/Type", &type) && !pdf_get(dict, "/Subtype", &type)) ||
           pdf_get_is(dict, "/Type", "/Metadata") || pdf_get_is(dict, "/Subtype", "/Form");
}

static bool is_validation(struct pdf_span dict)
{
    return pdf_get_is(dict, "/Type", "/DSS") || pdf_get_is(dict, "/Type", "/VRI") ||
           only(dict, in_validation, true);
}

static bool is_time_stamp(struct pdf_span dict)
{
    return pdf_get_is(dict, "/Type", "/DocTimeStamp");
}

static bool is_new_dict(struct pdf_span dict)
{
    return is_validation(dict) || is_time_stamp(dict) ||
           (pdf_get_is(dict, "/FT", "/Sig") && is_unseen(dict));
}

static bool is_changed_rightly(const struct changed *c)
{
    struct pdf_span before = c->before;
    struct pdf_span now = c->now.value;
    struct pdf_span fields;

    if (c->now.stream) {
        return pdf_get_is(now, "/Type", "/Metadata");
    }
    if (pdf_get_is(now, "/Type", "/Catalog")) {
        return same_catalog(before, now);
    }
    if (pdf_get_is(now, "/Type", "/Page")) {
        return same_but_for(before, now, in_page) && keeps(before, now, "/Annots");
    }
    if (pdf_get(now, "/Fields", &fields)) {
        return same_form(before, now);
    }
    return pdf_same(before, now) || is_longer(before, now) ||
           (is_validation(before) && is_validation(now)) ||
           (only(before, in_info, false) && only(now, in_info, false));
}

static void take_object(struct added *a, const struct pdf_object *object)
{
    struct pdf_span dss;
    struct pdf_span root;

    if (object->stream && pdf_get_is(object->value, "/Type", "/XRef")) {
        a->other = a->other || (pdf_get(object->value, "/Root", &root) && !pdf_same(root, a->root));
        return;
    }
    a->packed = a->packed || (object->stream && pdf_get_is(object->value, "/Type", "/ObjStm"));
    a->validation =
        a->validation || is_time_stamp(object->value) ||
        (pdf_get_is(object->value, "/Type", "/Catalog") && pdf_get(object->value, "/DSS", &dss));
    if (object->number < a->size) {
        a->other = a->other || a->n_changed == CHANGED_MAX;
        if (a->n_changed < CHANGED_MAX) {
            a->changed[a->n_changed++] = (struct changed){.now = *object};
        }
    } else if (object->stream) {
        a->other = a->other || (!is_new_stream(object->value) &&
                                !pdf_get_is(object->value, "/Type", "/ObjStm"));
    } else {
        a->other = a->other || (!pdf_is_array(object->value) && !is_new_dict(object->value));
    }
}

/* ---- the file ---- */

static void read_size(struct added *a, struct pdf_span dict)
{
    struct pdf_span value;
    uint64_t size;

    if (pdf_get(dict, "/Size", &value) && pdf_number(value, &size) && size > a->size) {
        a->size = size;
    }
    if (pdf_get(dict, "/Root", &value)) {
        a->root = value;
    }
}

/* The highest number and the catalog: of the tables of places. */
static void read_sizes(struct added *a, struct pdf_span covered)
{
    struct pdf_object object;
    enum pdf_part part;

    for (part = pdf_next_part(&covered, &object); part != PDF_PART_END;
         part = pdf_next_part(&covered, &object)) {
        if (part == PDF_PART_TRAILER || (part == PDF_PART_OBJECT && object.stream &&
                                         pdf_get_is(object.value, "/Type", "/XRef"))) {
            read_size(a, object.value);
        }
    }
}

static void read_update(struct added *a, struct pdf_span behind)
{
    struct pdf_object object;
    struct pdf_span root;
    enum pdf_part part;

    for (part = pdf_next_part(&behind, &object); part != PDF_PART_END;
         part = pdf_next_part(&behind, &object)) {
        if (part == PDF_PART_OBJECT) {
            take_object(a, &object);
        } else {
            a->other = a->other || part == PDF_PART_OTHER ||
                       (pdf_get(object.value, "/Root", &root) && !pdf_same(root, a->root));
        }
    }
}

/* The last one of each number counts, as it does for readers; of the update too. */
static void find_before(struct added *a, struct pdf_span covered)
{
    struct pdf_object object;
    enum pdf_part part;

    for (part = pdf_next_part(&covered, &object); part != PDF_PART_END;
         part = pdf_next_part(&covered, &object)) {
        for (size_t i = 0; i < a->n_changed && part == PDF_PART_OBJECT; i++) {
            if (a->changed[i].now.number == object.number) {
                a->changed[i].before = object.value;
            }
        }
    }
}

enum pdf_addition pdf_added_look(struct pdf_span covered, struct pdf_span behind)
{
    struct added a = {.size = 0};

    read_sizes(&a, covered);
    a.packed = a.size == 0; /* which objects are new nobody can tell */
    read_update(&a, behind);
    find_before(&a, covered);
    for (size_t i = 0; i < a.n_changed; i++) {
        bool seen = a.changed[i].before.at != NULL;

        a.packed = a.packed || !seen;
        a.other = a.other || (seen && !is_changed_rightly(&a.changed[i]));
    }
    if (a.other) {
        return PDF_ADDITION_OTHER;
    }
    return a.packed       ? PDF_ADDITION_PACKED
           : a.validation ? PDF_ADDITION_VALIDATION
                          : PDF_ADDITION_OTHER;
}
