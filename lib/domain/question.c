#include "domain/question.h"

#include <stdio.h>
#include <string.h>

#define REPLY "reply:"

void question_init(struct question *q)
{
    memset(q, 0, sizeof(*q));
#define X(field) q->field = "";
    QUESTION_TEXTS(X)
#undef X
}

int question_code(const struct question *q, bool reply, char out[CODE_MAX], struct errmsg *msg)
{
    int n = snprintf(out, CODE_MAX, "%s%s", reply ? REPLY : "question:", q->id);

    if (q->id[0] == '\0') {
        return err_set(msg, ERR_FORMAT, "HOIDAPID: is missing");
    }
    return n < CODE_MAX ? 0 : err_set(msg, ERR_TOOBIG, "HOIDAPID: longer than allowed");
}

bool question_is_reply(const struct question *q)
{
    return strncmp(q->code, REPLY, sizeof(REPLY) - 1) == 0;
}

/* dd/MM/yyyy, as people write it. */
static bool is_date(const char *text)
{
    unsigned day;
    unsigned month;
    unsigned year;
    char rest;

    return sscanf(text, "%2u/%2u/%4u%c", &day, &month, &year, &rest) == 3 && day >= 1 &&
           day <= 31 && month >= 1 && month <= 12 && year >= 2000;
}

static const char *reply_fault(const struct question *q)
{
    if (q->answerer[0] == '\0') {
        return "the answer names nobody who gave it (NGUOITRALOI)";
    }
    return is_date(q->answered) ? NULL : "NGAYTRALOI is no date like 18/11/2025";
}

const char *question_fault(const struct question *q)
{
    if (q->agency_code[0] == '\0') {
        return "it names no agency (MADONVI)";
    }
    if (question_is_reply(q)) {
        return reply_fault(q);
    }
    return q->text[0] != '\0' ? NULL : "the question has no text (NOIDUNG)";
}
