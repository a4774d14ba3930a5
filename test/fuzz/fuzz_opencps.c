/* The adapter of OpenCPS with a site that answers anything, in JSON and in XML: lists, records,
 * actions, files, steps, services, and what it says to a dossier of the portal and to a status.
 *
 * Input: what is asked, the form, the HTTP status, then the answers with 0x1F between them. */
#include <string.h>

#include "codec/record.h"
#include "codec/xml.h"
#include "fuzz/world.h"

#define CODE "000.00.31.H00-251118-0007"

static const struct config *configs[2];
static struct arena arena;
static struct record dossier, status;

static void make_records(void)
{
    struct dossier d;
    struct errmsg why = {0};

    arena_init(&arena, 1u << 20);
    dossier_init(&d);
    d.code = CODE;
    d.procedure_code = "1.001193";
    d.agency_code = "H00.31.25";
    d.status = "1";
    d.status_map = "national";
    d.entry = "1";
    d.channel = "2";
    d.applicant_name = "Nguyễn Văn A";
    d.applicant_type = "1";
    d.applicant_id = "000000000001";
    d.submitted_s = INT64_C(1763433000);
    d.changed_s = INT64_C(1763433000);
    FUZZ_CHECK(record_from_dossier(&d, &arena, &dossier, &why) == 0, "%s", why.text);
    status = dossier;
    status.kind = RECORD_STATUS;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    xml_init();
    configs[0] =
        fuzz_config("source a {\n url = \"https://a.example.vn/o/rest/v2\"\n username = \"a\"\n"
                    " password_file = \"@\"\n national_status = yes\n format = json\n"
                    " small_states = {\"new\"}\n big_states = {\"done\"}\n"
                    " file_url = \"https://a.example.vn/f/{dossierId}/{referenceUid}\"\n}\n"
                    "portal {\n adapter_url = \"https://p.example.vn/x\"\n agency_code = \"H00\"\n"
                    " username = \"sample\"\n password_file = \"@\"\n}\n"
                    "flow dossiers {\n from = a\n to = portal\n}\n");
    configs[1] =
        fuzz_config("source a {\n url = \"https://a.example.vn/o/rest/v2\"\n username = \"a\"\n"
                    " password_file = \"@\"\n national_status = yes\n format = xml\n"
                    " test_agencies = {\"H00.99\"}\n test_accounts = {\"thu\"}\n}\n"
                    "portal {\n adapter_url = \"https://p.example.vn/x\"\n agency_code = \"H00\"\n"
                    " username = \"sample\"\n password_file = \"@\"\n}\n"
                    "flow dossiers {\n from = a\n to = portal\n}\n");
    make_records();
    return 0;
}

static void ask(struct fuzz_world *w, unsigned what)
{
    struct outcome out;
    unsigned polls = 0;

    switch (what) {
    case 0:
        do {
            fuzz_world_poll(w, false);
            polls++;
        } while (w->more && w->at < w->n_answers && polls < WORLD_ANSWERS);
        return;
    case 1:
        fuzz_world_detail(w, RECORD_DOSSIER, "7");
        return;
    case 2:
        fuzz_world_list(w, RECORD_PROCEDURE);
        return;
    case 3:
        fuzz_world_detail(w, RECORD_PROCEDURE, "1.001193");
        return;
    case 4:
        fuzz_world_list(w, RECORD_SECTOR);
        return;
    default:
        fuzz_world_send(w, what == 5 ? &dossier : &status, &out);
        FUZZ_CHECK(out.class != OUTCOME_DONE || w->at > 0, "done without an answer");
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    struct fuzz_world w;
    uint8_t what = fuzz_byte(&in);
    uint8_t form = fuzz_byte(&in);

    fuzz_world_open(&w, configs[form % 2], &in);
    fuzz_world_adapter(&w, "a");
    ask(&w, what % 7);
    fuzz_world_close(&w);
    return 0;
}
