#include "codec/record_fields.h"

#include "domain/dossier.h"
#include "domain/payment.h"
#include "domain/procedure.h"
#include "domain/question.h"
#include "domain/rating.h"

/* The order of a table is the order in every body: new fields may go anywhere, but none may change
 * places. The first field of a record is its code, which must not be empty. */
/* clang-format off */
#define FIELD(record, name, type) {#name, type, offsetof(struct record, name), 0}
#define FILES(name) \
    {#name, FIELD_FILES, offsetof(struct dossier, name), offsetof(struct dossier, n_##name)}

#define X(name) FIELD(dossier_file, name, FIELD_TEXT),
static const struct record_field file[] = {
    X(id) X(name) X(component) FIELD(dossier_file, url, FIELD_ADDRESS), X(result_code)
    X(extra)
};
#undef X

#define X(name) FIELD(dossier, name, FIELD_TEXT),
#define F(name) FIELD(dossier, name, FIELD_FLAG),
#define T(name) FIELD(dossier, name, TIME_TYPE(name)),
#define TIME_TYPE(name) \
    (offsetof(struct dossier, name) == offsetof(struct dossier, changed_s) ? FIELD_SNAPSHOT \
                                                                           : FIELD_TIME)
static const struct record_field dossier[] = {
    DOSSIER_TEXTS(X) DOSSIER_TIMES(T) DOSSIER_FLAGS(F)
    FILES(files), FILES(results), FIELD(dossier, arrived, FIELD_NOTE)
};
#undef TIME_TYPE
#undef T
#undef F
#undef X

#define X(name) FIELD(step, name, FIELD_TEXT),
#define T(name) FIELD(step, name, FIELD_TIME),
static const struct record_field step[] = {
    STEP_TEXTS(X) STEP_TIMES(T) FIELD(step, arrived, FIELD_NOTE)
};
#undef T
#undef X

#define X(name) FIELD(procedure, name, FIELD_TEXT),
static const struct record_field procedure[] = {
    PROCEDURE_TEXTS(X)
    FIELD(procedure, level, FIELD_COUNT),
    FIELD(procedure, sectors, FIELD_COUNT), FIELD(procedure, agencies, FIELD_COUNT),
    FIELD(procedure, forms, FIELD_COUNT), FIELD(procedure, active, FIELD_BOOL)
};
#undef X

#define X(name) FIELD(rating, name, FIELD_TEXT),
static const struct record_field rating[] = {RATING_TEXTS(X)};
#undef X

#define X(name) FIELD(question, name, FIELD_TEXT),
static const struct record_field question[] = {QUESTION_TEXTS(X)};
#undef X

#define X(name) FIELD(payment, name, FIELD_TEXT),
static const struct record_field payment[] = {PAYMENT_TEXTS(X)};
#undef X

#define X(name) FIELD(catalog_row, name, FIELD_TEXT),
static const struct record_field row[] = {X(code) X(name) X(parent) X(extra)};
#undef X
/* clang-format on */

const struct record_fields record_file_fields = {file, sizeof(file) / sizeof(file[0])};
const struct record_fields record_dossier_fields = {dossier, sizeof(dossier) / sizeof(dossier[0])};
const struct record_fields record_step_fields = {step, sizeof(step) / sizeof(step[0])};
const struct record_fields record_procedure_fields = {procedure,
                                                      sizeof(procedure) / sizeof(procedure[0])};
const struct record_fields record_row_fields = {row, sizeof(row) / sizeof(row[0])};

const struct record_fields *record_other_fields(enum record_kind kind)
{
    static const struct record_fields others[] = {
        [RECORD_RATING] = {rating, sizeof(rating) / sizeof(rating[0])},
        [RECORD_QUESTION] = {question, sizeof(question) / sizeof(question[0])},
        [RECORD_PAYMENT] = {payment, sizeof(payment) / sizeof(payment[0])},
    };
    bool known = (size_t)kind < sizeof(others) / sizeof(others[0]) && others[kind].n > 0;

    return known ? &others[kind] : NULL;
}

int record_no_memory(struct errmsg *msg)
{
    return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
}

int record_field_error(struct errmsg *msg, int err, const char *field, const char *what)
{
    return err_set(msg, err, "%s: %s", field, what);
}
