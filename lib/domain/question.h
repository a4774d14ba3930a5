/* question: a question about public services with what was answered (national-portal.md 5.6): asked
 * at the portal and brought to the province, answered by the province, or of the province's own.
 * Borrowed UTF-8 strings, "" unknown; values stay as they were written. Any thread; no state. */
#ifndef DOMAIN_QUESTION_H
#define DOMAIN_QUESTION_H

#include "base/err.h"
#include "domain/codes.h"

/* X(field): texts of a question. */
#define QUESTION_TEXTS(X)                                                                          \
    X(code) /* identity, see question_code */                                                      \
    X(id)   /* HOIDAPID */                                                                         \
    X(sector_code)                                                                                 \
    X(procedure_code) /* MATTHCDP */                                                               \
    X(agency_code)                                                                                 \
    X(agency_name)                                                                                 \
    X(text)      /* NOIDUNG */                                                                     \
    X(status)    /* TRANGTHAI */                                                                   \
    X(answer_id) /* TRALOIID */                                                                    \
    X(answer)    /* NOIDUNGTRALOI */                                                               \
    X(answerer)  /* NGUOITRALOI */                                                                 \
    X(answerer_title)                                                                              \
    X(answered) /* NGAYTRALOI: 18/11/2025 */                                                       \
    X(asker_name)                                                                                  \
    X(asker_address)                                                                               \
    X(asker_email)                                                                                 \
    X(asker_phone)

struct question {
#define X(field) const char *field;
    QUESTION_TEXTS(X)
#undef X
};

enum question_what {
    QUESTION_ASKED, /* "question:5521": asked of the province, or the province's own */
    QUESTION_REPLY, /* "reply:5521": what the province answers */
    QUESTION_PUBLIC /* "public:5521": published by the portal for everybody */
};
/* Each is delivered for itself, and a later one with its code replaces it. ERR_FORMAT without an
 * id, ERR_TOOBIG. */
MUST_CHECK int question_code(const struct question *q, enum question_what what, char out[CODE_MAX],
                             struct errmsg *msg);
/* What a code is of; QUESTION_ASKED for any other text. */
enum question_what question_what(const char *code);

/* Why the portal can't be sent it, for a person; NULL when it can. */
const char *question_fault(const struct question *q);

#endif
