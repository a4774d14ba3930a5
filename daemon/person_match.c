#include "daemon/person_match.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "codec/json.h"
#include "codec/record.h"

#define ID_MIN 6
#define PHONE_MIN 8
#define NAME_MIN 4

/* Keys of canonical records by bit whose texts may be about a person. The rest of a record (codes
 * of dossiers, procedures and agencies, statuses, times, addresses of files) is not, and numbers in
 * it may look like a person's. */
static const char *const fields[] = {
    "applicant_name", "applicant_id",   "applicant_type", "account_id",    "email",
    "phone",          "subject",        "note",           "extra",         "files",
    "results",        "actor",          "actor_title",    "text",          "answer",
    "answerer",       "answerer_title", "asker_name",     "asker_address", "asker_email",
    "asker_phone",    "opinions",       "content",        "information"};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

const char *person_field(unsigned bit)
{
    return bit < N_FIELDS ? fields[bit] : NULL;
}

/* 0: nobody's. */
static uint64_t bit_of(const char *key)
{
    for (size_t i = 0; i < N_FIELDS; i++) {
        if (strcmp(fields[i], key) == 0) {
            return UINT64_C(1) << i;
        }
    }
    return 0;
}

/* Of a file its name and what came along count. */
static bool names_a_thing(const char *key)
{
    static const char *const things[] = {"id", "url", "component", "result_code"};

    for (size_t i = 0; key != NULL && i < sizeof(things) / sizeof(things[0]); i++) {
        if (strcmp(things[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- what is looked for ---- */

int person_by_parse(const char *name, enum person_by *out)
{
    static const char *const names[] = {"id", "phone", "name", "code"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum person_by)i;
            return 0;
        }
    }
    return ERR_INVAL;
}

/* Letters and digits only; what separates groups of digits is left out. */
static size_t squeeze(const char *text, char *out, size_t size)
{
    size_t n = 0;

    out[0] = '\0';
    for (const char *p = text; *p != '\0' && n + 1 < size; p++) {
        if (isalnum((unsigned char)*p)) {
            out[n++] = (char)toupper((unsigned char)*p);
        } else if (strchr(" .-+()", *p) == NULL) {
            return 0; /* no number */
        }
    }
    out[n] = '\0';
    return n;
}

static int add_number(char *out, const char *needle, bool phone, struct errmsg *msg)
{
    size_t n = squeeze(needle, out, PERSON_NEEDLE_SIZE);

    if (phone && n > 2 && out[0] == '8' && out[1] == '4') {
        out[1] = '0'; /* +84 912 is 0912 */
        memmove(out, out + 1, n--);
    }
    if (n < (phone ? PHONE_MIN : ID_MIN) || (phone && strspn(out, "0123456789") != n)) {
        return err_set(msg, ERR_INVAL, "this is no %s number",
                       phone ? "telephone" : "identity paper's");
    }
    return 0;
}

/* One blank between words, none around them. */
static int add_name(char *out, const char *needle, struct errmsg *msg)
{
    size_t n = 0;

    for (const char *p = needle; *p != '\0' && n + 1 < PERSON_NEEDLE_SIZE; p++) {
        if (*p != ' ' || (n > 0 && out[n - 1] != ' ')) {
            out[n++] = *p;
        }
    }
    n -= n > 0 && out[n - 1] == ' ';
    out[n] = '\0';
    return text_is_utf8(out, n) && text_length(out) >= NAME_MIN
               ? 0
               : err_set(msg, ERR_INVAL, "a name is written whole, with its marks");
}

void person_match_free(struct person_match *m)
{
    explicit_bzero(m->needles, sizeof(m->needles));
    m->n = 0;
}

int person_match_add(struct person_match *m, const char *needle, struct errmsg *msg)
{
    char *out;
    int err = 0;

    if (m->n == PERSON_NEEDLES || strlen(needle) >= PERSON_NEEDLE_SIZE) {
        return err_set(msg, ERR_TOOBIG, "at most %d lines, each under %d bytes", PERSON_NEEDLES,
                       PERSON_NEEDLE_SIZE);
    }
    out = m->needles[m->n];
    if (m->by == PERSON_BY_NAME) {
        err = add_name(out, needle, msg);
    } else if (m->by == PERSON_BY_CODE) {
        text_trim(needle, out, PERSON_NEEDLE_SIZE);
        m->codes[m->n] = out;
        err = out[0] != '\0' ? 0 : err_set(msg, ERR_INVAL, "an empty code");
    } else {
        err = add_number(out, needle, m->by == PERSON_BY_PHONE, msg);
    }
    m->n += err == 0;
    m->matcher.n_codes = m->by == PERSON_BY_CODE ? m->n : 0;
    return err;
}

/* ---- comparing ---- */

static bool same_number(const char *found, const char *needle, bool phone)
{
    return strcmp(found, needle) == 0 || (phone && strncmp(found, "84", 2) == 0 &&
                                          needle[0] == '0' && strcmp(found + 2, needle + 1) == 0);
}

/* Whether some of the groups that begin at p, put together, are the number: what stands next to it
 * may be another. */
static bool begins_number(const char *p, const char *needle, bool phone)
{
    const size_t most = strlen(needle) + 1; /* 84 is one longer than 0 */
    char found[PERSON_NEEDLE_SIZE + 2];
    size_t n = 0;

    while (n <= most) {
        size_t gap;

        if (isalnum((unsigned char)*p)) {
            found[n++] = (char)toupper((unsigned char)*p++);
            continue;
        }
        found[n] = '\0';
        if (same_number(found, needle, phone)) {
            return true;
        }
        gap = strspn(p, phone ? " .-()" : " .-");
        if (gap == 0 || gap > (phone ? 2 : 1) || !isdigit((unsigned char)p[gap]) || n == 0 ||
            !isdigit((unsigned char)found[n - 1])) {
            return false;
        }
        p += gap;
    }
    return false; /* longer than what is looked for */
}

/* The needle stands alone in a text: no letter or digit next to it. */
static bool stands_alone(const char *text, const char *needle)
{
    size_t n = strlen(needle);

    for (const char *p = strcasestr(text, needle); p != NULL; p = strcasestr(p + 1, needle)) {
        if ((p == text || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[n])) {
            return true;
        }
    }
    return false;
}

static bool has_number(const char *text, const char *needle, bool phone)
{
    if (stands_alone(text, needle)) {
        return true;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (isalnum((unsigned char)*p) && (p == text || !isalnum((unsigned char)p[-1])) &&
            begins_number(p, needle, phone)) {
            return true;
        }
    }
    return false;
}

static bool text_speaks(void *ctx, const char *text)
{
    const struct person_match *m = ctx;

    for (size_t i = 0; i < m->n; i++) {
        if (m->by == PERSON_BY_NAME ? text_contains(text, m->needles[i])
                                    : has_number(text, m->needles[i], m->by == PERSON_BY_PHONE)) {
            return true;
        }
    }
    return false;
}

/* A node with all below it. */
static bool node_speaks(struct person_match *m, const struct json *node)
{
    char digits[24];

    if (json_is_object(node) || json_is_array(node)) {
        for (const struct json *c = json_first(node); c != NULL; c = json_next(c)) {
            if (!names_a_thing(json_key(c)) && node_speaks(m, c)) {
                return true;
            }
        }
        return false;
    }
    return text_speaks(m, json_text_or_empty(node, digits));
}

/* A procedure's own telephone number is nobody's personal data. What is no record that we know is
 * taken for one of a person. */
static bool is_procedure(const char *body, size_t n)
{
    struct procedure procedure;
    struct dossier dossier;
    struct step step;
    struct errmsg msg;
    struct arena a;
    bool is;

    arena_init(&a, 4 * RECORD_BODY_MAX);
    is = record_to_dossier(body, n, &a, &dossier, &msg) != 0 &&
         record_to_step(body, n, &a, &step, &msg) != 0 &&
         record_to_procedure(body, n, &a, &procedure, &msg) == 0;
    arena_free(&a);
    return is;
}

static uint64_t body_speaks(void *ctx, const char *body, size_t n)
{
    struct person_match *m = ctx;
    struct json *root = NULL;
    struct errmsg msg;
    uint64_t bits = 0;

    if (json_parse(body, n, &root, &msg) != 0) {
        return 0; /* damaged: `journal check` tells */
    }
    for (const struct json *c = json_first(root); c != NULL; c = json_next(c)) {
        uint64_t bit = bit_of(json_key(c));

        bits |= bit != 0 && node_speaks(m, c) ? bit : 0;
    }
    json_free(root);
    return bits != 0 && is_procedure(body, n) ? 0 : bits;
}

uint64_t person_fields_kept(const char *body, size_t n)
{
    struct json *root = NULL;
    struct errmsg msg;
    uint64_t bits = 0;

    if (json_parse(body, n, &root, &msg) != 0) {
        return 0;
    }
    for (const struct json *c = json_first(root); c != NULL; c = json_next(c)) {
        bits |= bit_of(json_key(c));
    }
    json_free(root);
    return bits;
}

void person_match_init(struct person_match *m, enum person_by by)
{
    memset(m, 0, sizeof(*m));
    m->by = by;
    m->matcher.body = body_speaks;
    m->matcher.words = text_speaks;
    m->matcher.codes = m->codes;
    m->matcher.ctx = m;
}
