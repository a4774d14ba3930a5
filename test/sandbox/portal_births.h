/* portal_births: dossiers that begin at the portal, and the services that hand them down.
 *
 * Nothing of this is public: list, detail and acknowledgement are as
 * protocol/national-portal.md 10.4 recommends, with the words of 10.2. A birth is a line of the
 * ledger (kind "born", again for each amendment), an acknowledgement too (kind "ack"): whether the
 * province had the dossier by then is for the test to judge. */
#ifndef PORTAL_BIRTHS_H
#define PORTAL_BIRTHS_H

#include "sandbox/sbuf.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIRTHS_MAX 100000u
#define BIRTH_CODE_MAX 51

struct birth {
    char code[BIRTH_CODE_MAX];
    char *record; /* JSON, with its files inside; owned */
    char procedure[64];
    char submitted[16]; /* NgayNopHoSo */
    unsigned version;
    bool waits; /* for an acknowledgement of this version */
    uint32_t acks;
};

/* In order of birth. */
struct births {
    struct birth *all;
    size_t n;
    size_t room;
};

struct call;
struct portal;
struct serve_req;

void births_free(struct births *b);
/* NULL when there is none. The portal's lock is held. */
struct birth *births_find(struct births *b, const char *code);
/* Makes one from this key, waiting or (told: it is pushed) not; copies its code and record. False
 * when there is no room. Takes the lock. The caller waits for the ledger. */
bool births_make(struct portal *p, uint64_t key, const char *procedure, bool told,
                 char code[BIRTH_CODE_MAX], char **record);
/* A line of an older ledger: kind "born" or "ack". */
void births_replay(struct portal *p, const char *kind, const char *code, const cJSON *line);

/* LayDanhSachHoSo, LayHoSo, XacNhanHoSo. */
void births_list(struct call *c);
void births_detail(struct call *c);
void births_acknowledge(struct call *c);

/* POST /_sandbox/intake, GET the same, POST /_sandbox/resubmit. */
void births_serve(struct portal *p, struct serve_req *req);
void births_serve_resubmit(struct portal *p, struct serve_req *req);

#endif
