/* LayDanhSachHoiDapGuiTuDVCQG, LayDanhSachHoiDapBoCoQuan, LayNoiDungTraLoiTheoCauHoi,
 * DongBoKetQuaHoiDapGuiTuDVCQG and DongBoHoiDap (national-portal.md 5.6). */
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

/* With an answer it is one to a question of the portal, else a question of the province's own. */
static int code_of(const void *what, char out[CODE_MAX], struct errmsg *msg)
{
    const struct question *q = what;

    return question_code(q, q->answer[0] != '\0' ? QUESTION_REPLY : QUESTION_ASKED, out, msg);
}

static void check_it(const struct adapter_env *env, const void *what, struct adapter_check *check)
{
    const struct question *q = what;
    const char *fault = question_fault(q);

    (void)env;
    if (fault == NULL && (legacy_text(q->text) || legacy_text(q->answer))) {
        fault =
            "NOIDUNG or NOIDUNGTRALOI is in an old font (TCVN3 or VNI), not in Unicode: mend it "
            "at the source";
    }
    if (fault != NULL) {
        portal_hold_invalid(check, fault);
    }
}

static const char *put(const struct adapter_env *env, const void *what, struct json_writer *w)
{
    const struct question *q = what;
    bool reply = question_what(q->code) == QUESTION_REPLY;

    (void)env;
    national_keys_put(reply ? REPLY : OWN, reply ? N(REPLY) : N(OWN), q, w);
    return reply ? "DongBoKetQuaHoiDapGuiTuDVCQG" : "DongBoHoiDap";
}

const struct national_other national_question = {.kind = RECORD_QUESTION,
                                                 .word = "question",
                                                 .keys = WHOLE,
                                                 .n_keys = N(WHOLE),
                                                 .files = true,
                                                 .code = code_of,
                                                 .check = check_it,
                                                 .put = put};

/* ---- what the portal lists ---- */

int national_question_listed(const struct json *row, enum question_what what, struct arena *a,
                             struct record *out, bool *unanswered, struct errmsg *msg)
{
    char code[CODE_MAX];
    struct question q;
    int err = national_keys_read(WHOLE, N(WHOLE), false, row, a, &q, msg);

    err = err == 0 ? question_code(&q, what, code, msg) : err;
    q.code = code;
    *unanswered = q.answer[0] == '\0';
    return err == 0 ? record_from_other(RECORD_QUESTION, &q, a, out, msg) : err;
}

static int decode(const struct record *record, struct arena *a, struct question *q,
                  struct errmsg *msg)
{
    return record_to_other(RECORD_QUESTION, record->body, record->body_len, a, q, msg);
}

int national_question_unanswered(const struct record *record, struct arena *a, bool *out)
{
    struct errmsg unused = {{0}};
    struct question q;
    int err = decode(record, a, &q, &unused);

    *out = err == 0 && q.answer[0] == '\0';
    return err == ERR_NOMEM ? err : 0;
}

/* What several answers say under one key, with that between them. */
static int gather(const struct json *answers, const char *key, const char *between, struct arena *a,
                  const char **out)
{
    char number[24];
    struct buf text;
    int err;

    buf_init(&text, RECORD_BODY_MAX);
    for (const struct json *node = json_first(answers); node != NULL; node = json_next(node)) {
        const char *said = json_text_or_empty(json_get_any_case(node, key), number);

        buf_puts(&text, text.len > 0 && said[0] != '\0' ? between : "");
        buf_puts(&text, said);
    }
    err = buf_error(&text);
    *out = err == 0 ? arena_strdup(a, buf_text(&text)) : NULL;
    buf_free(&text);
    return err == 0 && *out == NULL ? ERR_NOMEM : err;
}

int national_question_answer(struct record *record, const struct json *answers, struct arena *a,
                             struct errmsg *msg)
{
    struct question q;
    int err;

    if (!json_is_array(answers) && !json_is_null(answers)) {
        return err_set(msg, ERR_FORMAT, "the reply holds no list of answers");
    }
    if (json_is_null(answers) || json_size(answers) == 0) {
        return 0;
    }
    err = decode(record, a, &q, msg);
    if (err != 0) {
        return err;
    }
    err = gather(answers, "TRALOIID", ", ", a, &q.answer_id);
    err = err == 0 ? gather(answers, "NOIDUNGTRALOI", "\n\n", a, &q.answer) : err;
    if (err != 0) {
        return err_set(msg, err, "answers: %s", err_text(err));
    }
    return record_from_other(RECORD_QUESTION, &q, a, record, msg);
}
