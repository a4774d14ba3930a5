/* dossier: the canonical records of a dossier and of its steps, as every source delivers and every
 * sink receives them. Raw codes: maps are applied when a call is built, so that a corrected map
 * reaches what waits already. Strings are UTF-8 NFC, borrowed (usually from the arena of who filled
 * the record) and never NULL after dossier_init; "" is unknown. Times are UTC seconds, 0 unknown.
 */
#ifndef DOMAIN_DOSSIER_H
#define DOMAIN_DOSSIER_H

#include <stddef.h>
#include <stdint.h>

/* A flag that a source may not know: unknown is never sent as 0. */
enum tri { TRI_UNKNOWN = -1, TRI_NO = 0, TRI_YES = 1 };

/* One submitted or resulting file. */
struct dossier_file {
    const char *id; /* the source's stable id */
    const char *name;
    const char *component;   /* component code (MaThanhPhanHoSo) */
    const char *url;         /* what portal and citizen open */
    const char *result_code; /* results: MaGiayToKetQua */
    const char *extra;       /* wire fields that have no place here, see DOSSIER_TEXTS */
};

/* X(field): the text fields of a dossier, in the order of its canonical form. */
#define DOSSIER_TEXTS(X)                                                                           \
    X(code)           /* portal_no: the identity, as sent in MaHoSo */                             \
    X(local_no)       /* the province's number when it differs, else "" */                         \
    X(procedure_code) /* raw */                                                                    \
    X(procedure_name)                                                                              \
    X(sector_code)                                                                                 \
    X(sector_name)                                                                                 \
    X(agency_code) /* raw */                                                                       \
    X(agency_name)                                                                                 \
    X(status)      /* raw */                                                                       \
    X(substatus)   /* raw */                                                                       \
    X(status_name) /* raw, for the map's third look-up */                                          \
    X(channel)     /* "1" in person, "2" online, "3" post (KenhThucHien) */                        \
    X(entry)       /* "1" submitted at the portal, "2" at the province (NoiNopHoSo) */             \
    X(result_by)   /* "0" at the counter, "1" by post (HinhThuc) */                                \
    X(applicant_name)                                                                              \
    X(applicant_type) /* "1" citizen, "2" enterprise, "3" state agency, "4" organisation */        \
    X(applicant_id)   /* number of the identity paper */                                           \
    X(account_id)     /* TechID (MaDoiTuong) */                                                    \
    X(email)                                                                                       \
    X(phone)                                                                                       \
    X(subject)    /* TrichYeuHoSo */                                                               \
    X(receipt_no) /* SoBienNhan */                                                                 \
    X(note)       /* GhiChu */                                                                     \
    X(status_map) /* what reads the raw status: "" the configuration's map, "national" none is     \
                     needed (1..10), else the map of the source of that name */                    \
    X(extra)      /* portal fields that have no place here: one JSON object, keys in order of      \
                     bytes, sent as they are */

/* X(field): the times of a dossier. */
#define DOSSIER_TIMES(X)                                                                           \
    X(submitted_s)                                                                                 \
    X(received_s)                                                                                  \
    X(promised_s)                                                                                  \
    X(finished_s) /* end of processing (NgayKetThucXuLy) */                                        \
    X(returned_s) /* result handed over (NgayTra) */                                               \
    X(refused_s)  /* NgayTuChoi */                                                                 \
    X(changed_s)  /* when the source last changed it: the time of this snapshot */

/* X(field): flags that a source may not know. */
#define DOSSIER_FLAGS(X)                                                                           \
    X(digitised)   /* HoSoCoThanhPhanSoHoa */                                                      \
    X(identified)  /* TaiKhoanDuocXacThucVoiVNeID */                                               \
    X(paid_online) /* DuocThanhToanTrucTuyen: 0, 1, 2 */

struct dossier {
#define X(field) const char *field;
    DOSSIER_TEXTS(X)
#undef X
#define X(field) int64_t field;
    DOSSIER_TIMES(X)
#undef X
#define X(field) int field;
    DOSSIER_FLAGS(X)
#undef X
    const struct dossier_file *files; /* submitted (TaiLieuNop) */
    size_t n_files;
    const struct dossier_file *results; /* DanhSachGiayToKetQua */
    size_t n_results;
    const char *arrived; /* pushed at a gateway while another flow observes: digests of the object
                            as it came (adapter/portal_digest.h); no part of the content */
};

#define DOSSIER_MAX_FILES 500

/* X(field): the text fields of a step. */
#define STEP_TEXTS(X)                                                                              \
    X(code)        /* the dossier's */                                                             \
    X(key)         /* the source's identity of the step (OpenCPS: dossierActionId) */              \
    X(actor)       /* NguoiXuLy */                                                                 \
    X(actor_title) /* ChucDanh */                                                                  \
    X(unit)        /* PhongBanXuLy */                                                              \
    X(text)        /* NoiDungXuLy */                                                               \
    X(status)      /* raw */                                                                       \
    X(substatus)   /* raw */                                                                       \
    X(status_name)                                                                                 \
    X(status_map) /* as in DOSSIER_TEXTS */                                                        \
    X(extra)      /* as in DOSSIER_TEXTS */                                                        \
    X(answer)     /* not a step but an answer on a dossier that began at the portal: the data      \
                     object of DongBoTrangThaiHoSo as JSON (national-portal.md 5.4) */

#define STEP_TIMES(X)                                                                              \
    X(at_s)                                                                                        \
    X(begun_s)                                                                                     \
    X(due_s)

struct step {
#define X(field) const char *field;
    STEP_TEXTS(X)
#undef X
#define X(field) int64_t field;
    STEP_TIMES(X)
#undef X
    const char *arrived; /* as in struct dossier */
};

/* Every text "", every flag unknown. */
void dossier_init(struct dossier *d);
void step_init(struct step *s);

#endif
