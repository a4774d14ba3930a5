/* portal_asked: the questions that people ask at the portal and what the province replied, and the
 * public ones with their answers; LayDanhSachHoiDapGuiTuDVCQG, LayDanhSachHoiDapBoCoQuan and
 * LayNoiDungTraLoiTheoCauHoi, protocol/national-portal.md 5.6.
 *
 * Each question, and each change of one, is a line "asked" or "published" of the ledger: what the
 * province must hold. Every tenth has TRANGTHAI 0, which is nobody's business. Functions with a
 * struct portal that say so want its lock held. */
#ifndef PORTAL_ASKED_H
#define PORTAL_ASKED_H

#include <cjson/cJSON.h>
#include <stdbool.h>

struct call;
struct portal;
struct serve_req;

void asked_list(struct call *c);
void asked_list_published(struct call *c);
void asked_answers(struct call *c);
/* POST /_sandbox/ask {"count":n}: so many more; with "public":true public ones, and the public ones
 * without an answer get theirs. Answers {"asked":n,"all":m}. */
void asked_serve(struct portal *p, struct serve_req *req);
/* Takes the lock. */
bool asked_known(const struct portal *p, const char *id);
/* Under the lock: the province has replied. */
void asked_reply(struct portal *p, const char *id, const char *text);
/* A line of an older ledger, at start; false when its kind is none of these. */
bool asked_replay(struct portal *p, const char *kind, const cJSON *record);
void asked_free(struct portal *p);

#endif
