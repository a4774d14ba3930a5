/* fake_opencps: the surroundings of an opencps adapter under test: a loop, a configuration, a
 * password file and an HTTP client whose answers the test gives beforehand. */
#ifndef TEST_FAKE_OPENCPS_H
#define TEST_FAKE_OPENCPS_H

#include "adapter/adapter.h"
#include "lib/fake_http.h"
#include "lib/fake_loop.h"

#define FAKE_OPENCPS_URL "https://motcua.example.vn/o/rest/v2"

struct fake_opencps {
    struct fake_loop loop;
    struct fake_http *http;
    struct config config; /* one source, JSON, pages of 200 rows */
    struct adapter_env env;
    struct adapter *a;
    char secret[64]; /* path of the password file; it holds "sandbox" */
};

/* Fixtures of cmocka: *state is a struct fake_opencps. */
int fake_opencps_setup(void **state);
int fake_opencps_teardown(void **state);

void fake_opencps_secret(struct fake_opencps *rig, const char *text);
/* Every call whose URL holds url gets this body; once: the next one of this method (NULL any), with
 * a status. */
void fake_opencps_answer(struct fake_opencps *rig, const char *url, const char *body);
void fake_opencps_once(struct fake_opencps *rig, const char *method, const char *url, long status,
                       const char *body);
/* Takes the changed configuration over. */
void fake_opencps_reload(struct fake_opencps *rig);

#endif
