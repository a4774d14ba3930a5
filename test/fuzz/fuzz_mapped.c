/* The shipped presets with products that answer anything, JSON and SOAP: logins, pages, records,
 * steps, acknowledgements, catalogues; and the records of a reply too long to be held.
 *
 * Input: the preset, what is asked, the HTTP status, then the answers with 0x1F between them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/mapped_page.h"
#include "codec/xml.h"
#include "fuzz/world.h"

static const struct {
    const char *name, *params;
} presets[] = {
    {"igate-connector", "\"agency_name=UBND\", \"agency_code=H00.31.25\""},
    {"igate-search", "\"sso=https://sso.example.vn\""},
    {"vpcp-shape", ""},
    {"lgsp-hcm", "\"app_name=a\", \"partner_code=b\", \"partner_code_cus=c\""},
    {"ngsp-justice", ""},
    {"oep-soap", "\"agency=000.25.31.H00\""},
};
#define RECORDS_ARENA (16u << 20)
#define PRESETS (sizeof(presets) / sizeof(presets[0]))

static const struct config *configs[PRESETS];
static struct mapped_settings *settings[PRESETS];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct errmsg why = {0};
    char folder[4096];
    char text[8192];

    (void)argc;
    (void)argv;
    xml_init();
    FUZZ_CHECK(realpath("conf/presets", folder) != NULL, "run from the top of the tree");
    for (size_t i = 0; i < PRESETS; i++) {
        (void)snprintf(text, sizeof(text),
                       "portal {\n adapter_url = \"https://p.example.vn/x\"\n agency_code = "
                       "\"H00\"\n username = \"sample\"\n password_file = \"@\"\n}\n"
                       "source a {\n profile = mapped\n url = \"https://a.example.vn\"\n"
                       " username = \"a\"\n password_file = \"@\"\n preset = \"%s/%s.preset\"\n"
                       " params = {%s}\n national_status = yes\n}\n"
                       "flow dossiers {\n from = a\n to = portal\n}\n",
                       folder, presets[i].name, presets[i].params);
        configs[i] = fuzz_config(text);
        FUZZ_CHECK(mapped_settings_new(configs[i], config_source_find(configs[i], "a"),
                                       &settings[i], &why) == 0,
                   "%s", why.text);
    }
    return 0;
}

/* A record of a long reply as its feed hands it out. */
static int add_record(struct mapped_page *page, const char *record, struct errmsg *why)
{
    struct xml *doc = NULL;
    int err;

    if (page->what->format == PRESET_JSON) {
        return mapped_page_add_json(page, record, strlen(record), why);
    }
    err = xml_parse(record, strlen(record), &doc, why);
    return err == 0 ? mapped_page_add_xml(page, doc, why) : err;
}

/* The records of a long reply come one by one. */
static void pages(const struct fuzz_world *w, struct mapped_settings *s)
{
    struct mapped_page *page = mapped_page_new(s, &s->preset->list);
    struct errmsg why = {0};

    FUZZ_CHECK(page != NULL, "no memory");
    for (size_t i = 0; i < w->n_answers; i++) {
        if (add_record(page, w->answers[i], &why) != 0) {
            FUZZ_CHECK(why.text[0] != '\0', "refused without words");
        }
    }
    /* With a detail call the page keeps the ids alone. */
    for (size_t i = 0; i < page->n_rows && !s->preset->detail.given; i++) {
        struct record *records = NULL;
        struct arena a;
        size_t n = 0;

        FUZZ_CHECK(page->rows[i].id[0] != '\0', "a row without id");
        arena_init(&a, RECORDS_ARENA);
        if (mapping_dossier(s->preset, &s->source, page->doc, page->rows[i].node, NULL, &a,
                            &records, &n, &why) == 0) {
            for (size_t k = 0; k < n; k++) {
                fuzz_record(&records[k]);
            }
        }
        arena_free(&a);
    }
    mapped_page_unref(mapped_page_ref(page));
    mapped_page_unref(page);
}

static void ask(struct fuzz_world *w, unsigned what)
{
    unsigned polls = 0;

    if (what == 1) {
        fuzz_world_list(w, RECORD_PROCEDURE);
        return;
    }
    if (what == 2) {
        fuzz_world_ack(w, "000.00.31.H00-251118-0007");
        return;
    }
    do {
        fuzz_world_poll(w, what == 3);
        if (w->n_rows > 0) {
            fuzz_world_detail(w, RECORD_DOSSIER, w->id);
            fuzz_world_ack(w, w->id);
        }
        polls++;
    } while (w->more && w->at < w->n_answers && polls < WORLD_ANSWERS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    struct fuzz_world w;
    uint8_t preset = fuzz_byte(&in);
    uint8_t what = fuzz_byte(&in);

    fuzz_world_open(&w, configs[preset % PRESETS], &in);
    fuzz_world_adapter(&w, "a");
    if (what % 5 == 4) {
        pages(&w, settings[preset % PRESETS]);
    } else {
        ask(&w, what % 5);
    }
    fuzz_world_close(&w);
    return 0;
}
