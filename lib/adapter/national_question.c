/* LayDanhSachHoiDapGuiTuDVCQG, DongBoKetQuaHoiDapGuiTuDVCQG and DongBoHoiDap (national-portal.md
 * 5.6). */
#include <stddef.h>

#include "adapter/national_other.h"
#include "adapter/portal_mapped.h"
#include "base/legacy.h"
#include "codec/record.h"

/* clang-format off */
#define KEY(key, field) {key, offsetof(struct question, field)}
/* What a file holds, and what the portal's list shows. */
static const struct national_key WHOLE[] = {
    KEY("HOIDAPID", id), KEY("MALINHVUC", sector_code), KEY("MATTHCDP", procedure_code),
    KEY("MADONVI", agency_code), KEY("TENDONVI", agency_name), KEY("NOIDUNG", text),
    KEY("TRALOIID", answer_id), KEY("NOIDUNGTRALOI", answer), KEY("HOVATEN", asker_name),
    KEY("DIACHI", asker_address), KEY("THUDIENTU", asker_email), KEY("SODIENTHOAI", asker_phone),
    KEY("TRANGTHAI", status), KEY("NGUOITRALOI", answerer),
    KEY("CHUCVUNGUOITRALOI", answerer_title), KEY("NGAYTRALOI", answered),
};
static const struct national_key REPLY[] = {
    KEY("HOIDAPID", id), KEY("MADONVI", agency_code), KEY("NGUOITRALOI", answerer),
    KEY("CHUCVUNGUOITRALOI", answerer_title), KEY("NGAYTRALOI", answered),
    KEY("NOIDUNGTRALOI", answer),
};
static const struct national_key OWN[] = {
    KEY("HOIDAPID", id), KEY("MaLinhVuc", sector_code), KEY("NOIDUNG", text),
    KEY("MADONVI", agency_code), KEY("TENDONVI", agency_name),
};
#undef KEY
/* clang-format on */
#define N(keys) (sizeof(keys) / sizeof((keys)[0]))

static int read_keys(const struct json *object, bool strict, bool reply, struct arena *a,
                     struct record *out, struct errmsg *msg)
{
    char code[CODE_MAX];
    struct question q;
    int err;

    question_init(&q);
    err = national_keys_read(WHOLE, N(WHOLE), strict, object, a, &q, msg);
    err = err == 0 ? question_code(&q, reply && q.answer[0] != '\0', code, msg) : err;
    if (err != 0) {
        return err;
    }
    q.code = code;
    return record_from_question(&q, a, out, msg);
}

/* With an answer it is one to a question of the portal, else a question of the province's own. */
static int question_read(const struct json *object, struct arena *a, struct record *out,
                         struct errmsg *msg)
{
    return read_keys(object, true, true, a, out, msg);
}

int national_question_listed(const struct json *row, struct arena *a, struct record *out,
                             struct errmsg *msg)
{
    return read_keys(row, false, false, a, out, msg);
}

static int question_check(const struct adapter_env *env, const struct record *record,
                          struct arena *a, struct adapter_check *check)
{
    struct errmsg msg = {{0}};
    struct question q;
    int err = record_to_question(record->body, record->body_len, a, &q, &msg);
    const char *fault = err == 0 ? question_fault(&q) : msg.text;

    (void)env;
    if (err == ERR_NOMEM) {
        return err;
    }
    if (fault == NULL && (legacy_text(q.text) || legacy_text(q.answer))) {
        fault =
            "NOIDUNG or NOIDUNGTRALOI is in an old font (TCVN3 or VNI), not in Unicode: mend it "
            "at the source";
    }
    if (fault != NULL) {
        portal_hold_invalid(check, fault);
    }
    return 0;
}

static int question_put(const struct adapter_env *env, const struct record *record, struct arena *a,
                        struct json_writer *w, const char **service, struct errmsg *msg)
{
    struct question q;
    int err = record_to_question(record->body, record->body_len, a, &q, msg);

    (void)env;
    if (err != 0) {
        return err;
    }
    if (question_is_reply(&q)) {
        *service = "DongBoKetQuaHoiDapGuiTuDVCQG";
        national_keys_put(REPLY, N(REPLY), &q, w);
    } else {
        *service = "DongBoHoiDap";
        national_keys_put(OWN, N(OWN), &q, w);
    }
    return 0;
}

static int question_file(const struct record *record, struct arena *a, struct json_writer *w,
                         struct errmsg *msg)
{
    struct question q;
    int err = record_to_question(record->body, record->body_len, a, &q, msg);

    if (err == 0) {
        national_keys_put(WHOLE, N(WHOLE), &q, w);
    }
    return err;
}

const struct national_other national_question = {.kind = RECORD_QUESTION,
                                                 .word = "question",
                                                 .read = question_read,
                                                 .check = question_check,
                                                 .put = question_put,
                                                 .file = question_file};
