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
    X(legal_text)                                                                                  \
    X(components) /* codes of all papers it names (MAGIAYTO), a JSON array, each once; "" none */  \
    X(fees)       /* a JSON array: {"channel":"1","code":MAPHILEPHI,"amount":SOTIEN as it stood,   \
                     "unit":DONVI}; each channel comes once by its name alone; "" no channels */

struct procedure {
#define X(field) const char *field;
    PROCEDURE_TEXTS(X)
#undef X
    int level;    /* service level known from LayDVC: 4 full, or a service that does not say, 3
                     partial, 2 none; 0 not known yet (domain/level.h) */
    int sectors;  /* how many LINHVUCTHUCHIEN rows */
    int agencies; /* how many COQUANTHUCHIEN rows */
    int forms;    /* how many component rows carry a form template */
    bool active;  /* TRANGTHAI is 1 */
};

void procedure_init(struct procedure *p);

/* A row of LayDVC, LayDanhMucLinhVuc or LayDanhMucCoQuan, or a decision of LayQDCB. */
struct catalog_row {
    const char *code;
    const char *name;   /* decision: TRICHYEU */
    const char *parent; /* service: procedure code; sector: MANGANH; agency: ""; decision: its
                           number (SOQUYETDINH) */
    const char *extra;  /* service: issuing agency's name; agency: CAPDONVI; sector ""; decision:
                           NGAYBANHANH as it stood */
};

#endif
