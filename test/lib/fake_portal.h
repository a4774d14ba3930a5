/* fake_portal: the surroundings of a portal adapter under test: a loop, a configuration, a password
 * file, a log and an HTTP client that keeps every call until the test answers it. */
#ifndef TEST_FAKE_PORTAL_H
#define TEST_FAKE_PORTAL_H

#include "adapter/adapter.h"
#include "lib/fake_loop.h"

#define FAKE_PORTAL_CALLS 256
#define FAKE_PORTAL_DOSSIER "H56.31.25-251118-0007"

struct fake_portal_call {
    struct http_req *req; /* NULL once answered */
    char *url;            /* owned copies, taken when the call was made */
    char *body;
    char *dstcode; /* NULL: left out */
    char *method;
    char *authorization; /* NULL: left out */
    size_t response_bytes;
    bool cancelled;
};

struct fake_portal {
    struct fake_loop loop;
    struct config config;
    struct adapter_env env;
    struct http_client client;
    struct log log;
    char logged[8192];
    char password_path[64];
    struct fake_portal_call calls[FAKE_PORTAL_CALLS];
    size_t n_calls;
    bool refuse;                    /* http_send answers ERR_NOMEM */
    enum http_result cancel_result; /* what a cancelled call ends with */
    struct loop_task cancelling;
    const char *publisher_name; /* of mirror_name for "G15" */
    uint64_t names_changes;     /* of mirror_changes */
};

/* A dossier and a step can be sent as they are: see fake_portal_dossier. session_life is 10
 * minutes. */
void fake_portal_open(struct fake_portal *p);
void fake_portal_close(struct fake_portal *p);
void fake_portal_set_password(struct fake_portal *p, const char *password);

/* Calls that wait for an answer. */
size_t fake_portal_waiting(const struct fake_portal *p);
/* The oldest that waits; fails the test when there is none. */
struct fake_portal_call *fake_portal_next(struct fake_portal *p);
/* Answers the oldest that waits, then settles the loop. */
void fake_portal_answer(struct fake_portal *p, long status, const char *body);
void fake_portal_answer_bytes(struct fake_portal *p, long status, const char *body, size_t n);
void fake_portal_fail(struct fake_portal *p, enum http_result result, int curl_code);
/* Answers the oldest, which must be a login, with this session. */
void fake_portal_login(struct fake_portal *p, const char *session);
/* How many calls so far were logins. */
size_t fake_portal_logins(const struct fake_portal *p);

#endif
