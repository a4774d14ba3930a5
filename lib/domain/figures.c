#include "domain/figures.h"

#include <string.h>
#include <strings.h>

#include "base/digest.h"

/* What addresses carry besides the file: when they were made, and for how long and whom they open.
 */
static const char *const passing[] = {"t",     "ts",     "_",         "time",    "timestamp",
                                      "token", "sig",    "signature", "expires", "exp",
                                      "nonce", "ticket", "p_auth",    "session", "sessionid"};

const struct figures *figures_copy(struct arena *a, const struct figures *from)
{
    struct figures *to = arena_alloc(a, sizeof(*to));
    uint8_t(*marks)[FIGURES_MARK_BYTES] = NULL;

    if (to == NULL) {
        return NULL;
    }
    if (from->n_marks > 0) {
        marks = arena_alloc(a, from->n_marks * sizeof(*marks));
        if (marks == NULL) {
            return NULL;
        }
        memcpy(marks, from->marks, from->n_marks * sizeof(*marks));
    }
    *to = *from;
    to->marks = (const uint8_t(*)[FIGURES_MARK_BYTES])marks;
    to->procedure = arena_strdup(a, from->procedure);
    to->sector = arena_strdup(a, from->sector);
    to->agency = arena_strdup(a, from->agency);
    return to->procedure != NULL && to->sector != NULL && to->agency != NULL ? to : NULL;
}

static int is_passing(const char *parameter, size_t n)
{
    size_t name = 0;

    while (name < n && parameter[name] != '=') {
        name++;
    }
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
        if (strlen(passing[i]) == name && strncasecmp(parameter, passing[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

int figures_mark(const char *url, uint8_t out[FIGURES_MARK_BYTES])
{
    uint8_t whole[DIGEST_BYTES];
    struct digest d;
    size_t path = strcspn(url, "?#");
    const char *at = url + path;
    int err = digest_begin(&d);

    if (err < 0) {
        return err;
    }
    digest_add(&d, url, path);
    while (*at == '?' || *at == '&') {
        size_t n = strcspn(at + 1, "&#");

        if (n > 0 && !is_passing(at + 1, n)) {
            digest_add(&d, "&", 1);
            digest_add(&d, at + 1, n);
        }
        at += 1 + n;
    }
    digest_end(&d, whole);
    memcpy(out, whole, FIGURES_MARK_BYTES);
    return 0;
}
