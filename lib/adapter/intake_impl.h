/* intake impl: what the files of the receiver share. Internal to intake*.c. Loop thread, but for
 * the reading of a long body. */
#ifndef ADAPTER_INTAKE_IMPL_H
#define ADAPTER_INTAKE_IMPL_H

#include "adapter/intake.h"
#include "adapter/intake_read.h"
#include "adapter/listener.h"
#include "base/list.h"

#define INTAKE_FILES_AT_ONCE 4
#define INTAKE_FILE_BYTES ((size_t)16 << 20)

struct intake {
    struct listener base;
    struct list requests; /* struct intake_request */
    struct list files;    /* struct intake_file */
    unsigned n_files;
    uint64_t n_taken, n_duplicates, n_repeat;
    struct log_limit malformed_log;
};

struct intake_request {
    struct list link;
    struct intake *in;
    struct http_call *call; /* NULL: answered */
    struct loop_work work;
    bool search; /* a look-up; else form says what it is */
    enum intake_form form;
    struct json *root;
    struct arena arena;
    int64_t now_s;
    struct record *records; /* of the call; the first n_new of them are offered */
    size_t n_records, n_asked, n_new;
    const char *duplicate; /* the first code that the province has already; NULL none */
    bool malformed;
    int err;
    struct errmsg why;
    struct adapter_ask ask;
    struct adapter_offer offer;
    struct loop_timer late; /* until then it must be stored, or the portal is told to come again */
    bool committed;         /* offer.done came without error: settled is due */
    bool gone;              /* the portal has left, or was told to come again */
};

/* intake.c */
void intake_answer(struct intake_request *r, long code, const char *message);
void intake_answer_busy(struct intake_request *r);
void intake_request_end(struct intake_request *r);
/* Something ended: when it is stopping and nothing is open any more, the listener goes. */
void intake_maybe_stopped(struct intake *in);

/* intake_push.c */
void intake_push_init(struct intake_request *r);
void intake_push(struct intake_request *r);
void intake_search(struct intake_request *r);
void intake_push_gone(struct intake_request *r);

/* intake_file.c: hands a file of the province through. */
void intake_file(struct intake *in, struct http_call *call, const char *id);
void intake_files_cancel(struct intake *in);

#endif
