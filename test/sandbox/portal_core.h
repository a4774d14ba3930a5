/* portal_core: the state of the portal's side and what its files share.
 *
 * One mutex guards everything below it; requests are parsed, checked and printed outside of it. */
#ifndef PORTAL_CORE_H
#define PORTAL_CORE_H

#include "sandbox/knobs.h"
#include "sandbox/ledger.h"
#include "sandbox/portal_births.h"
#include "sandbox/portal_catalog.h"
#include "sandbox/portal_knobs.h"
#include "sandbox/portal_rules.h"
#include "sandbox/portal_store.h"
#include "sandbox/sbuf.h"
#include "sandbox/serve.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define SESSIONS_MAX 256u
#define SESSION_TOKEN_MAX 33 /* 32 hex digits and NUL */
#define INFLIGHT_BUCKETS 1024u
#define CALL_ITEMS_MAX 2000 /* in the data of one call */

enum portal_service {
    SERVICE_LAY_DANH_SACH_TTHC,
    SERVICE_LAY_THU_TUC,
    SERVICE_LAY_DVC,
    SERVICE_LAY_QDCB,
    SERVICE_LAY_DANH_MUC_CO_QUAN,
    SERVICE_LAY_DANH_MUC_LINH_VUC,
    SERVICE_TRA_CUU_HO_SO,
    SERVICE_DONG_BO_HO_SO_MC,
    SERVICE_CAP_NHAT_TIEN_DO,
    SERVICE_DONG_BO_TRANG_THAI,
    SERVICE_LAY_DANH_SACH_HO_SO,
    SERVICE_LAY_HO_SO,
    SERVICE_XAC_NHAN_HO_SO,
    SERVICE_DONG_BO_DANH_GIA,
    SERVICE_LAY_DANH_SACH_HOI_DAP,
    SERVICE_LAY_HOI_DAP_BO_CO_QUAN,
    SERVICE_LAY_NOI_DUNG_TRA_LOI,
    SERVICE_DONG_BO_HOI_DAP,
    SERVICE_DONG_BO_KET_QUA_HOI_DAP,
    SERVICE_COUNT
};

struct portal_stats {
    uint64_t requests; /* on the protocol's paths */
    uint64_t calls[SERVICE_COUNT];
    uint64_t unknown_service;
    uint64_t logins;
    uint64_t writing_calls;
    uint64_t accepted; /* writing calls */
    uint64_t refused[REFUSAL_COUNT];
    uint64_t code_0; /* refused calls by error_code */
    uint64_t code_3;
    uint64_t code_minus_3;
    uint64_t code_minus_1;
    uint64_t effects; /* items: snapshots and steps */
    uint64_t repeats; /* snapshots that changed nothing */
    uint64_t steps_repeated;
    uint64_t steps_stored_twice;
    uint64_t answers; /* DongBoTrangThaiHoSo that changed something */
    uint64_t answers_repeated;
    uint64_t acks;   /* XacNhanHoSo */
    uint64_t others; /* ratings, questions, replies that changed something */
    uint64_t others_repeated;
    uint64_t order_violations;     /* a step older than one stored before */
    uint64_t snapshots_dated_back; /* a snapshot older than the one before */
    uint64_t max_concurrent;       /* writing calls of one dossier at a time */
    uint64_t faults[PK_COUNT];     /* by the knob that made them */
};

struct session {
    char token[SESSION_TOKEN_MAX];
    uint64_t born_ms; /* monotonic */
    uint64_t calls;
};

/* A dossier of a writing call that has not been answered. */
struct inflight {
    struct serve_req *req; /* borrowed */
    uint64_t code_hash;
    struct inflight *next;    /* same bucket */
    struct inflight *sibling; /* same request */
};

struct portal {
    struct knobs *knobs;
    struct catalog *catalog;
    struct ledger *ledger;
    uint64_t seed;
    uint64_t started_ms;
    pthread_mutex_t lock;
    /* under the lock: */
    struct store store;
    struct store others; /* what is known by a key of its own: ratings, questions, replies */
    struct asked *asked; /* what people asked here (portal_asked.h); NULL until the first */
    struct births births;
    struct session sessions[SESSIONS_MAX];
    size_t session_next;
    struct inflight *inflight[INFLIGHT_BUCKETS];
    struct portal_stats stats;
    uint64_t draws[PK_COUNT]; /* of the seeded generator, by knob */
    uint64_t line_count;      /* "n" of the newest ledger line */
    uint64_t call_count;      /* "call" of the newest accepted call */
    /* not under the lock: */
    struct poster *poster;
};

/* One call of a service and its answer. */
struct call {
    struct portal *p;
    struct serve_req *req;
    cJSON *body;
    struct sbuf result;              /* more members of the envelope, as JSON text */
    char message[RULES_MESSAGE_MAX]; /* of the envelope */
    int code;                        /* error_code */
    int status;                      /* HTTP; 0 = 200 with the envelope */
    bool committed;                  /* ledger lines were written: the answer waits for them */
    bool bridge;                     /* came through the bridge's paths */
    bool plain;                      /* the answer carries no error_code */
};

/* ---- portal_core.c ---- */

uint64_t portal_now_ms(void);  /* monotonic */
uint64_t portal_wall_ms(void); /* since 1970 */
uint64_t portal_wall_us(void);
uint64_t portal_mix(uint64_t z);
/* Whether a percent knob strikes this time; counted as a fault when it does. Takes the lock. */
bool portal_strikes(struct portal *p, enum portal_knob knob);
/* A draw from 0..n-1 of the knob's sequence. Takes the lock. */
uint64_t portal_draw(struct portal *p, enum portal_knob knob, uint64_t n);
void portal_count_fault(struct portal *p, enum portal_knob knob);
/* Answers instead of the protocol (drop, 500, 429, redirect, header check); true when it did. */
bool portal_fault_before(struct portal *p, struct serve_req *req);
/* Sends the call's envelope, with the faults that come after the work. */
void portal_finish(struct call *c);
/* Fills the answer of a refused call and counts it. Takes the lock. */
void portal_refuse(struct call *c, enum refusal why, const char *message);
/* A member of the body as text, NULL when it is none. */
const char *portal_body_text(const struct call *c, const char *name);

/* ---- portal.c ---- */

const char *portal_service_name(enum portal_service s);
/* Counts the service and runs it. */
void portal_run_service(struct call *c, enum portal_service s);
/* -1 for none. */
int portal_find_service(const char *name);

/* ---- portal_session.c ---- */

void session_login(struct call *c);
/* Whether the body's session is alive; refuses the call when not. */
bool session_check(struct call *c);

/* ---- portal_push.c ---- */

void push_dossiers(struct call *c);
void push_steps(struct call *c);
void push_lookup(struct call *c);
/* "ThoiDiemXuLy|TrangThai|NguoiXuLy" of a step. */
void push_step_key(const cJSON *step, struct sbuf *out);

/* DongBoTrangThaiHoSo, type 2. (portal_answer.c) */
void push_answer(struct call *c);
/* One ledger line of any kind; record is JSON text, members more JSON members, both may be NULL.
 * The lock is held. */
void push_write_line(struct portal *p, uint64_t call, const char *kind, const char *code,
                     const char *members, const char *record);

/* ---- portal_other.c ---- */

void other_rating(struct call *c);   /* DongBoDanhGia */
void other_question(struct call *c); /* DongBoHoiDap */
void other_reply(struct call *c);    /* DongBoKetQuaHoiDapGuiTuDVCQG */
/* Takes a line of an older ledger; false when it is of another kind. */
bool other_replay(struct portal *p, const char *kind, const char *code, const cJSON *record);

/* ---- portal_bridge.c ---- */

/* Answers a path of the bridge; false when it is none. */
bool bridge_handle(struct portal *p, struct serve_req *req);

/* ---- portal_inflight.c ---- */

/* Counts the call as one that writes these dossiers until its answer leaves. */
void inflight_enter(struct portal *p, struct serve_req *req, const cJSON *data);

/* ---- portal_admin.c ---- */

/* Takes one line of an older ledger, at start. */
void admin_replay(const char *line, size_t len, void *portal);
/* Answers a path under /_sandbox/. */
void admin_handle(struct portal *p, struct serve_req *req);

#endif
