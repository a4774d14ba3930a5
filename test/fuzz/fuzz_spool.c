/* A file that somebody drops: JSON, XML or zip, by its name. All of it is taken, or none: what
 * comes out can be stored.
 *
 * Input: a byte chooses the name's ending, and from 0x80 on a preset; then the name, 0x1F, the
 * file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/spool_dir.h"
#include "adapter/spool_read.h"
#include "adapter/spool_split.h"
#include "adapter/spool_zip.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/record.h"
#include "codec/xml.h"
#include "fuzz/fuzz.h"

#define FILE_S INT64_C(1763622000)

static struct preset *preset;

static void free_preset(void)
{
    preset_free(preset);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static struct config_faults faults;

    (void)argc;
    (void)argv;
    xml_init();
    FUZZ_CHECK(preset_load("conf/presets/igate-connector.preset", NULL, &preset, &faults) == 0,
               "%s", faults.texts[0]);
    (void)atexit(free_preset);
    return 0;
}

static void zip(const char *bytes, size_t n)
{
    struct spool_zip z = {.bytes = bytes, .n = n};
    struct spool_zip_entry entry;
    struct errmsg why = {0};
    size_t entries = 0;
    int err = spool_zip_begin(&z, &why);

    while (err == 0) {
        char *out = NULL;
        struct opencps_service service;
        struct arena a;

        err = spool_zip_next(&z, &entry, &why);
        if (err != 0) {
            break;
        }
        FUZZ_CHECK(++entries <= SPOOL_ZIP_ENTRIES_MAX, "%zu entries", entries);
        FUZZ_CHECK(memchr(entry.name, '\0', sizeof(entry.name)) != NULL, "name");
        (void)spool_is_service(entry.name);
        if (spool_zip_unpack(&z, &entry, &out, &why) != 0) {
            continue;
        }
        FUZZ_CHECK(entry.size <= SPOOL_ZIP_ENTRY_MAX && out[entry.size] == '\0', "%u", entry.size);
        arena_init(&a, SPOOL_ARENA_MAX);
        if (spool_read_service(out, entry.size, &a, &service, &why) == 0) {
            const char *code = service.procedure.code;

            FUZZ_CHECK(code[0] != '\0' && text_is_utf8(code, strlen(code)), "%s", code);
        }
        arena_free(&a);
        free(out);
    }
    FUZZ_CHECK(z.total <= SPOOL_ZIP_TOTAL_MAX, "%llu bytes", (unsigned long long)z.total);
}

/* The elements between brackets are the document's elements. */
static void split(const char *bytes, size_t n)
{
    struct spool_split s;
    struct json *root = NULL;
    struct errmsg why = {0};
    const char *element = NULL;
    size_t len = 0;
    size_t elements = 0;
    int err = ERR_FORMAT;
    char first = spool_split_begin(&s, bytes, n);

    while (first == '[') {
        err = spool_split_next(&s, &element, &len, &why);
        if (err != 0) {
            break;
        }
        FUZZ_CHECK(element >= bytes && element + len <= bytes + n, "outside");
        elements++;
    }
    if (json_parse(bytes, n, &root, &why) == 0) {
        FUZZ_CHECK(json_is_array(root) == (first == '['), "%c", first);
        FUZZ_CHECK(first != '[' || (err == ERR_NOTFOUND && elements == json_size(root)),
                   "%d, %zu elements", err, elements);
    }
    json_free(root);
}

static void read_file(const char *name, const char *bytes, size_t n, bool mapped)
{
    static const struct config_source source = {
        .name = "a", .national_status = true, .test_agencies = {.items = {"H00.99"}, .n = 1}};
    const struct spool_how how = {.source = &source,
                                  .preset = mapped ? preset : NULL,
                                  .statuses = SPOOL_STATUSES_NATIONAL,
                                  .file_s = FILE_S};
    struct spool_records records = {0};
    struct errmsg why = {0};
    struct arena a;
    int err;

    arena_init(&a, SPOOL_ARENA_MAX);
    err = spool_read(&how, name, bytes, n, &a, &records, &why);
    FUZZ_CHECK(err == 0 || why.text[0] != '\0', "%d", err);
    FUZZ_CHECK(text_is_utf8(why.text, strlen(why.text)), "%s", why.text);
    for (size_t i = 0; err == 0 && i < records.n; i++) {
        fuzz_record(&records.list[i]);
    }
    spool_records_free(&records);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const endings[] = {".json", ".xml", ".zip", ".JSON", ""};
    struct fuzz_in in = {data, size};
    uint8_t how = fuzz_byte(&in);
    const char *ending = endings[how % (sizeof(endings) / sizeof(endings[0]))];
    char *word = fuzz_word(&in);
    char name[SPOOL_NAME_SIZE];
    char *bytes = fuzz_text(&in);

    (void)snprintf(name, sizeof(name), "%.150s%s", word, ending);
    read_file(name, bytes, in.n, how >= 0x80);
    split(bytes, in.n);
    zip(bytes, in.n);
    free(word);
    free(bytes);
    return 0;
}
