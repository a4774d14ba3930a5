/* procedure: the canonical records of the catalogue: procedure, service, sector, agency.
 * The same conventions as dossier.h: borrowed UTF-8 NFC strings, "" unknown. */
#ifndef DOMAIN_PROCEDURE_H
#define DOMAIN_PROCEDURE_H

#include <stdbool.h>
#include <stddef.h>

/* X(field): texts of a procedure. Lists of the wire that only people read are joined as
 * doc/opencps.md says; what is needed apart stays apart. */
#define PROCEDURE_TEXTS(X)                                                                         \
    X(code)                                                                                        \
    X(name)                                                                                        \
    X(kind)      /* LOAITTHC */                                                                    \
    X(status)    /* TRANGTHAI as it stood */                                                       \
    X(publisher) /* MACOQUANCONGBO */                                                              \
    X(publisher_name)                                                                              \
    X(decision_id) /* IDQUYETDINHCONGBO */                                                         \
    X(sector_code)                                                                                 \
    X(sector_name)                                                                                 \
    X(steps_text)                                                                                  \
    X(channels_text)                                                                               \
    X(duration_text)                                                                               \
    X(fee_text)                                                                                    \
    X(components_text)                                                                             \
    X(condition_text)                                                                              \
    X(subjects_text)                                                                               \
    X(results_text)                                                                                \
    X(legal_text)

struct procedure {
#define X(field) const char *field;
    PROCEDURE_TEXTS(X)
#undef X
    int level;    /* service level known from LayDVC: 4 full or partial service, 2 none; 0 not known
                     yet */
    int sectors;  /* how many LINHVUCTHUCHIEN rows */
    int agencies; /* how many COQUANTHUCHIEN rows */
    int forms;    /* how many component rows carry a form template */
    bool active;  /* TRANGTHAI is 1 */
};

void procedure_init(struct procedure *p);

/* A row of LayDVC, LayDanhMucLinhVuc or LayDanhMucCoQuan. */
struct catalog_row {
    const char *code;
    const char *name;
    const char *parent; /* service: procedure code; sector: MANGANH; agency: "" */
    const char *extra;  /* service: issuing agency's name; agency: CAPDONVI; sector "" */
};

#endif
