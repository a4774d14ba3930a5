/* What the portal pushes at the intake (three forms), and the form that OpenCPS posts at the
 * publish receiver: what is taken can be stored; of a publish form only an id comes out.
 *
 * Input: a byte chooses the form, then the body. */
#include "adapter/opencps_publish.c" /* the form's reader is its own */

#include "adapter/intake_read.h"
#include "fuzz/fuzz.h"

#define ARENA_MAX (64u << 20)
#define NOW_S INT64_C(1763622000)

static void publish(const char *form)
{
    struct notice n;

    memset(&n, 0, sizeof(n));
    if (read_ids(form, &n)) {
        FUZZ_CHECK(is_number(n.id) || is_uid(n.id), "%s", n.id);
        FUZZ_CHECK(strcmp(n.number, "0") == 0 || is_number(n.number), "%s", n.number);
    }
}

static void intake(enum intake_form form, const char *body, size_t len)
{
    struct record *records = NULL;
    struct json *root = NULL;
    struct errmsg why = {0};
    struct arena a;
    size_t n = 0;
    int err;

    if (json_parse(body, len, &root, &why) != 0) {
        return;
    }
    arena_init(&a, ARENA_MAX);
    memset(&why, 0, sizeof(why));
    err = intake_read(form, root, NOW_S, &a, &records, &n, &why);
    FUZZ_CHECK(err == 0 || why.text[0] != '\0', "%d", err);
    FUZZ_CHECK(err != 0 || (n > 0 && n <= INTAKE_DOSSIERS_MAX), "%zu dossiers", n);
    for (size_t i = 0; err == 0 && i < n; i++) {
        FUZZ_CHECK(records[i].kind == RECORD_DOSSIER, "%d", (int)records[i].kind);
        fuzz_record(&records[i]);
    }
    json_free(root);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    uint8_t what = fuzz_byte(&in) % 4;
    char *body = fuzz_text(&in);

    if (what == 3) {
        publish(body);
    } else {
        intake((enum intake_form)what, body, in.n);
    }
    free(body);
    return 0;
}
