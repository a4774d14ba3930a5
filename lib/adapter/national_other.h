/* national other: the records of the portal's other services (ratings, questions and answers,
 * payments: national-portal.md 5.5, 5.6, 9) in its vocabulary: how files and replies are read,
 * whether the portal can take one, and the element of `data` that is sent. For portal_other.c,
 * spool_read.c and spool_send.c.
 *
 * Such a record is a snapshot that is about no dossier: its code is its identity, with the kind in
 * front and a colon, and a later record with that code replaces the one before. The portal has no
 * look-up for them, and taking one twice has no effect, so doubt ends by sending again. Pure; any
 * thread but for check and put (the maps of the environment). */
#ifndef ADAPTER_NATIONAL_OTHER_H
#define ADAPTER_NATIONAL_OTHER_H

#include "adapter/adapter.h"
#include "base/arena.h"
#include "codec/json.h"
#include "domain/question.h"

/* A wire's key and where its text stands in the canonical struct. */
struct national_key {
    const char *key;
    size_t offset;
};

struct national_other {
    enum record_kind kind;
    const char *word;                /* for a person: "rating" */
    const struct national_key *keys; /* of a file: all texts of the struct but its code */
    size_t n_keys;
    bool files; /* written as a file for the province */
    /* Of what was read; what is the kind's struct, here and below. ERR_FORMAT names the key, never
     * its value. */
    int (*code)(const void *what, char out[CODE_MAX], struct errmsg *msg);
    /* Fills hold and reason of a cleared check. NULL where put is. */
    void (*check)(const struct adapter_env *env, const void *what, struct adapter_check *check);
    /* The element as the portal takes it; returns by which of its services. NULL: it goes to the
     * province only. */
    const char *(*put)(const struct adapter_env *env, const void *what, struct json_writer *w);
};

/* NULL: a dossier, a step, the catalogue's. */
const struct national_other *national_other_find(enum record_kind kind);
/* Whether a code is the identity of such a record. */
bool national_other_code(const char *code);

/* One object of a file. Keys without regard to case; one that is not known is refused, since it
 * would be lost. Texts may be numbers. ERR_FORMAT names the key, never its value. */
MUST_CHECK int national_other_read(const struct national_other *other, const struct json *object,
                                   struct arena *a, struct record *out, struct errmsg *msg);
/* Fills hold and reason of the check, which is cleared. ERR_NOMEM. */
MUST_CHECK int national_other_check(const struct national_other *other,
                                    const struct adapter_env *env, const struct record *record,
                                    struct arena *a, struct adapter_check *check);
/* The element that is sent; the record has passed its check. ERR_FORMAT for a body that we did not
 * write, ERR_NOMEM. */
MUST_CHECK int national_other_put(const struct national_other *other, const struct adapter_env *env,
                                  const struct record *record, struct arena *a,
                                  struct json_writer *w, const char **service, struct errmsg *msg);
/* All that is known of it, as an object of a file. Errors as of put. */
MUST_CHECK int national_other_file(const struct national_other *other, const struct record *record,
                                   struct arena *a, struct json_writer *w, struct errmsg *msg);

/* ---- for the files of the single kinds ---- */

/* Reads the object's keys into to; what does not stand there is "". strict: other keys are refused.
 */
MUST_CHECK int national_keys_read(const struct national_key *keys, size_t n, bool strict,
                                  const struct json *object, struct arena *a, void *to,
                                  struct errmsg *msg);
/* Writes them all, "" where there is nothing. */
void national_keys_put(const struct national_key *keys, size_t n, const void *from,
                       struct json_writer *w);

extern const struct national_other national_rating;   /* national_rating.c */
extern const struct national_other national_question; /* national_question.c */
extern const struct national_other national_payment;  /* national_payment.c */

/* national_question.c: a row of one of the portal's lists, and whether it shows no answer; other
 * keys than ours are passed over. */
MUST_CHECK int national_question_listed(const struct json *row, enum question_what what,
                                        struct arena *a, struct record *out, bool *unanswered,
                                        struct errmsg *msg);
/* The same of a record; a body that we did not write has an answer. ERR_NOMEM. */
MUST_CHECK int national_question_unanswered(const struct record *record, struct arena *a,
                                            bool *out);
/* Puts the answers that the portal told apart from the list into the record: the texts one below
 * the other. None: it stays. ERR_FORMAT: no list of answers. */
MUST_CHECK int national_question_answer(struct record *record, const struct json *answers,
                                        struct arena *a, struct errmsg *msg);

#endif
