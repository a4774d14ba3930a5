/* A preset: what loads can read a reply without harm, whatever its paths and converters are; what
 * does not load says where.
 *
 * Input: the file. */
#include <string.h>

#include "adapter/mapping.h"
#include "base/text.h"
#include "codec/xml.h"
#include "config/preset.h"
#include "fuzz/fuzz.h"

#define ARENA_MAX (16u << 20)
#define JSON_REPLY                                                                                  \
    "{\"code\":0,\"total\":1,\"next\":\"c\",\"data\":[{\"MaHoSo\":\"000.00.31.H00-251118-0007\","   \
    "\"TrangThaiHoSo\":\"4\",\"TrangThai\":\"4\",\"MaTTHC\":\"1.001193\",\"NgayTiepNhan\":"         \
    "\"20251118093000\",\"TenChuHoSo\":\"Nguyen Van A\",\"TienDo\":[{\"id\":\"s\",\"luc\":"         \
    "\"20251118093000\",\"tt\":\"4\"}],\"TaiLieuNop\":[{\"TenTepDinhKem\":\"a.pdf\"}],"             \
    "\"cq\":\"000.31.25.H00\",\"p\":\"+84 (90) 000-0001\",\"s\":\"a - b - c\",\"y\":\"CÓ\",\"d\":" \
    "1794274200123}]}"
#define XML_REPLY                                                                                  \
    "<data><code>0</code><total>1</total><row><MaHoSo>000.00.31.H00-251118-0007</MaHoSo>"          \
    "<TrangThai>4</TrangThai><MaTTHC>1.001193</MaTTHC><step><id>s</id><luc>20251118093000</luc>"   \
    "</step></row></data>"

static struct config_faults faults;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    xml_init();
    return 0;
}

static void read_rows(const struct preset *preset, const struct mapping_doc *doc,
                      const struct preset_call *call)
{
    static const struct config_source source = {.name = "a", .national_status = true};
    struct arena a;

    arena_init(&a, ARENA_MAX);
    for (const struct mapping_node *row = mapping_first(doc, call->rows); row != NULL;
         row = mapping_next(row)) {
        struct record *records = NULL;
        struct record procedure = {0};
        struct errmsg why = {0};
        uint8_t hash[RECORD_HASH_BYTES];
        const char *id = NULL;
        int64_t changed_s = 0;
        size_t n = 0;

        if (mapping_row(preset, doc, row, &a, &id, hash, &changed_s, &why) == 0) {
            FUZZ_CHECK(id[0] != '\0', "a row without id");
        }
        if (mapping_dossier(preset, &source, doc, row, NULL, &a, &records, &n, &why) == 0) {
            for (size_t i = 0; i < n; i++) {
                fuzz_record(&records[i]);
            }
        }
        if (preset->procedure.given &&
            mapping_procedure(preset, doc, row, &a, &procedure, &why) == 0) {
            fuzz_record(&procedure);
        }
    }
    arena_free(&a);
}

static void use(const struct preset *preset, const struct preset_call *call, const char *reply)
{
    struct mapping_doc *doc = NULL;
    struct errmsg why = {0};
    char words[304];

    if (!call->given || mapping_open(preset, call, reply, strlen(reply), &doc, &why) != 0) {
        return;
    }
    (void)mapping_judge(call, doc, words);
    FUZZ_CHECK(text_is_utf8(words, strlen(words)), "%s", words);
    read_rows(preset, doc, call);
    mapping_close(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_list params = {
        .items = {"agency=H00.31.25", "path=/x", "sso=https://sso.example.vn"}, .n = 3};
    struct preset *preset = NULL;
    int err;

    memset(&faults, 0, sizeof(faults));
    err = preset_load(fuzz_file("a.preset", data, size), &params, &preset, &faults);
    FUZZ_CHECK((err == 0) == (preset != NULL) && (err == 0 || faults.n > 0), "%d", err);
    if (err == 0) {
        const struct preset_call *calls[] = {&preset->list, &preset->detail, &preset->steps,
                                             &preset->ack, &preset->catalog};

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
            use(preset, calls[i], calls[i]->format == PRESET_XML ? XML_REPLY : JSON_REPLY);
        }
    }
    preset_free(preset);
    return 0;
}
