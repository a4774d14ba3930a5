/* The portal's adapter with a portal that answers anything: catalogue, procedures, dictionaries,
 * dossiers that begin there, look-ups, pushes, relayed readings, logins.
 *
 * What comes out can be stored; every call ends once; a push counts as done only when its own
 * answer was there.
 *
 * Input: what is asked, whether the login is the input's too, the HTTP status, then the answers
 * with 0x1F between them. */
#include <string.h>

#include "codec/record.h"
#include "fuzz/world.h"

#define CODE "H00.31.25-251118-0007"
#define LOGIN_DIRECT "{\"session\":\"one\",\"error_code\":\"0\"}"

static const struct config *configs[2];
static struct arena arena; /* of the records that are sent */
static struct record dossier, step;

static void make_records(void)
{
    struct dossier d;
    struct step s;
    struct errmsg why = {0};

    arena_init(&arena, 1u << 20);
    dossier_init(&d);
    d.code = CODE;
    d.procedure_code = "1.001193";
    d.agency_code = "H00.31.25";
    d.agency_name = "UBND thử";
    d.status = "4";
    d.status_map = "national";
    d.channel = "1";
    d.applicant_name = "Nguyễn Văn A";
    d.applicant_type = "1";
    d.applicant_id = "000000000001";
    d.subject = "Thử";
    d.received_s = INT64_C(1763433000);
    d.promised_s = INT64_C(1763692200);
    d.changed_s = INT64_C(1763433000);
    FUZZ_CHECK(record_from_dossier(&d, &arena, &dossier, &why) == 0, "%s", why.text);
    step_init(&s);
    s.code = CODE;
    s.key = "s1";
    s.actor = "Trần B";
    s.text = "Tiếp nhận";
    s.status = "2";
    s.status_map = "national";
    s.at_s = INT64_C(1763433000);
    FUZZ_CHECK(record_from_step(&s, &arena, &step, &why) == 0, "%s", why.text);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    configs[0] = fuzz_config(
        "portal {\n adapter_url = \"https://adapter.example.vn/forward\"\n agency_code = \"H00\"\n"
        " username = \"sample\"\n password_file = \"@\"\n}\n"
        "source a {\n url = \"https://a.example.vn/o/rest/v2\"\n username = \"a\"\n"
        " password_file = \"@\"\n}\nflow dossiers {\n from = a\n to = portal\n}\n");
    configs[1] = fuzz_config(
        "portal {\n transport = bridge\n adapter_url = \"https://bridge.example.vn/api\"\n"
        " agency_code = \"H00\"\n username = \"sample\"\n password_file = \"@\"\n"
        " bridge_lookup = yes\n}\n"
        "source a {\n url = \"https://a.example.vn/o/rest/v2\"\n username = \"a\"\n"
        " password_file = \"@\"\n}\nflow dossiers {\n from = a\n to = portal\n}\n");
    make_records();
    return 0;
}

static void send(struct fuzz_world *w, const struct record *record)
{
    struct outcome out;

    fuzz_world_send(w, record, &out);
    if (out.class == OUTCOME_DONE) {
        FUZZ_CHECK(w->at > 0, "done without an answer");
        FUZZ_CHECK(out.http >= 200 && out.http <= 299, "done by %d", out.http);
    }
}

static void ask(struct fuzz_world *w, unsigned what)
{
    struct adapter_lookup lookup;

    switch (what) {
    case 0:
        fuzz_world_list(w, RECORD_PROCEDURE);
        return;
    case 1:
        fuzz_world_list(w, RECORD_SERVICE);
        return;
    case 2:
        fuzz_world_list(w, RECORD_SECTOR);
        return;
    case 3:
        fuzz_world_list(w, RECORD_AGENCY);
        return;
    case 4:
        fuzz_world_detail(w, RECORD_PROCEDURE, "1.001193");
        return;
    case 5:
        fuzz_world_poll(w, false);
        if (w->n_rows > 0) {
            fuzz_world_detail(w, RECORD_DOSSIER, CODE);
            fuzz_world_ack(w, CODE);
            fuzz_world_poll(w, false);
        }
        return;
    case 6:
        fuzz_world_detail(w, RECORD_DOSSIER, CODE);
        return;
    case 7:
        fuzz_world_ack(w, CODE);
        return;
    case 8:
        fuzz_world_lookup(w, CODE, &lookup);
        FUZZ_CHECK(lookup.answer != LOOKUP_THERE || w->at > 0, "there without an answer");
        return;
    case 9:
        send(w, &dossier);
        return;
    case 10:
        send(w, &step);
        return;
    default:
        fuzz_world_relay(w, "LayThuTuc");
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    struct fuzz_world w;
    uint8_t what = fuzz_byte(&in);
    uint8_t how = fuzz_byte(&in);

    fuzz_world_open(&w, configs[how % 2], &in);
    w.login = (how & 2) == 0 ? LOGIN_DIRECT : NULL;
    fuzz_world_adapter(&w, "portal");
    ask(&w, what % 12);
    fuzz_world_close(&w);
    return 0;
}
