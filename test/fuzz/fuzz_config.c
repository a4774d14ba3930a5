/* The configuration: a main file and one of conf.d, with 0x1F between them.
 *
 * A file that loads is written out and loads again as the same; one that does not says where. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "codec/json.h"
#include "codec/xml.h"
#include "config/config.h"
#include "fuzz/fuzz.h"

#define DUMP_MAX ((size_t)4 << 20)

static struct config_faults faults;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char path[512];

    (void)argc;
    (void)argv;
    xml_init();
    (void)snprintf(path, sizeof(path), "%s/conf.d", fuzz_dir());
    FUZZ_CHECK(mkdir(path, 0700) == 0, "%s", path);
    (void)fuzz_file("status.csv", "status,national\nnew,1\n", 22);
    return 0;
}

static void check_faults(void)
{
    size_t kept = faults.n < CONFIG_MAX_FAULTS ? faults.n : CONFIG_MAX_FAULTS;

    FUZZ_CHECK(kept > 0, "refused without a fault");
    for (size_t i = 0; i < kept; i++) {
        FUZZ_CHECK(text_is_utf8(faults.texts[i], strlen(faults.texts[i])), "%s", faults.texts[i]);
        FUZZ_CHECK(strchr(faults.texts[i], ':') != NULL, "%s", faults.texts[i]);
    }
}

static void dump(const struct config *config, struct buf *out)
{
    struct json *root = NULL;
    struct errmsg why = {0};

    buf_init(out, DUMP_MAX);
    FUZZ_CHECK(config_dump_json(config, out) == 0, "no dump");
    FUZZ_CHECK(json_parse(out->data, out->len, &root, &why) == 0 && json_is_object(root), "%s: %s",
               why.text, out->data);
    json_free(root);
    buf_clear(out);
    FUZZ_CHECK(config_dump(config, true, out) == 0, "no dump");
    buf_clear(out);
    FUZZ_CHECK(config_dump(config, false, out) == 0, "no dump");
}

/* What is in force, written out, is the same configuration. */
static void again(const struct config *config)
{
    struct config *same = NULL;
    struct errmsg why = {0};
    struct buf first;
    struct buf second;

    dump(config, &first);
    (void)fuzz_file("conf.d/10.conf", "", 0);
    FUZZ_CHECK(config_load(fuzz_file("d.conf", first.data, first.len), &same, &faults) == 0,
               "%s\n%s", faults.texts[0], first.data);
    dump(same, &second);
    FUZZ_CHECK(first.len == second.len && strcmp(first.data, second.data) == 0, "%s\n%s",
               first.data, second.data);
    FUZZ_CHECK(config_reload_allowed(config, same, &why) == 0, "%s", why.text);
    config_free(same);
    buf_free(&first);
    buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size > 0 ? memchr(data, 0x1F, size) : NULL;
    size_t n = cut != NULL ? (size_t)(cut - data) : size;
    struct config *config = NULL;
    int err;

    (void)fuzz_file("conf.d/10.conf", cut != NULL ? cut + 1 : data, cut != NULL ? size - n - 1 : 0);
    memset(&faults, 0, sizeof(faults));
    err = config_load(fuzz_file("d.conf", data, n), &config, &faults);
    FUZZ_CHECK((err == 0) == (config != NULL) && (err == 0 || err == ERR_CONFIG), "%d", err);
    if (err != 0) {
        check_faults();
    } else {
        again(config);
    }
    config_free(config);
    return 0;
}
