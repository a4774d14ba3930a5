#include "domain/question.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const prefixes[] = {
    [QUESTION_ASKED] = "question:", [QUESTION_REPLY] = "reply:", [QUESTION_PUBLIC] = "public:"};
#define N_PREFIXES (sizeof(prefixes) / sizeof(prefixes[0]))

int question_code(const struct question *q, enum question_what what, char out[CODE_MAX],
                  struct errmsg *msg)
{
    int n = snprintf(out, CODE_MAX, "%s%s", prefixes[what], q->id);

    if (q->id[0] == '\0') {
        return err_set(msg, ERR_FORMAT, "HOIDAPID: is missing");
    }
    return n < CODE_MAX ? 0 : err_set(msg, ERR_TOOBIG, "HOIDAPID: longer than allowed");
}

enum question_what question_what(const char *code)
{
    for (size_t i = 0; i < N_PREFIXES; i++) {
        if (strncmp(code, prefixes[i], strlen(prefixes[i])) == 0) {
            return (enum question_what)i;
        }
    }
    return QUESTION_ASKED;
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
    if (question_what(q->code) == QUESTION_REPLY) {
        return reply_fault(q);
    }
    return q->text[0] != '\0' ? NULL : "the question has no text (NOIDUNG)";
}
