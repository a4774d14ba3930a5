/* mapped request: one HTTP request made from a preset's call.
 *
 * Its texts may hold secrets: they are wiped when it is freed, never logged. Loop thread. */
#ifndef ADAPTER_MAPPED_REQUEST_H
#define ADAPTER_MAPPED_REQUEST_H

#include "adapter/mapped_settings.h"
#include "adapter/mapped_template.h"
#include "http/client.h"

#define MAPPED_HEADERS (PRESET_HEADERS + 4)

struct mapped_request {
    struct buf url, body;
    struct buf values[MAPPED_HEADERS]; /* of headers */
    struct http_header headers[MAPPED_HEADERS];
    size_t n_headers;
};

void mapped_request_init(struct mapped_request *r);
/* Wipes and frees; may be called twice. */
void mapped_request_free(struct mapped_request *r);
/* Fills everything from the call's templates. secret: room is taken first, so that no growing
 * buffer leaves a copy behind. Errors name FILE:LINE of the call. */
MUST_CHECK int mapped_request_fill(struct mapped_request *r, const struct preset *preset,
                                   const struct preset_call *call, const struct mapped_values *v,
                                   bool secret, struct errmsg *msg);
/* A further header, empty ones are left out; value as template or as text. */
MUST_CHECK int mapped_request_header(struct mapped_request *r, const char *name,
                                     const struct preset_template *t, const char *text,
                                     const struct mapped_values *v, struct errmsg *msg);
/* Makes http ready to be sent with it; r must stay as it is until its end. */
void mapped_request_apply(const struct mapped_request *r, const struct mapped_settings *settings,
                          const struct preset_call *call, struct http_req *http);
/* Base64 of the text of a header that was just added (LGSP). */
MUST_CHECK int mapped_request_base64(struct mapped_request *r, struct errmsg *msg);

/* What a reply's transport part says: 0: read its body; else ERR_REMOTE, ERR_DENIED (the
 * account is not let in) or ERR_CONFIG (a wrong address, no trust) with words.
 * *auth: HTTP 401, the token is no longer good. */
MUST_CHECK int mapped_request_judge(const struct http_req *http, bool *auth, struct errmsg *why);

#endif
