/* fake_mapped: the surroundings of a mapped adapter under test: a loop, a preset file, a
 * configuration, a secret file and an HTTP client whose answers the test gives beforehand. */
#ifndef TEST_FAKE_MAPPED_H
#define TEST_FAKE_MAPPED_H

#include "adapter/adapter.h"
#include "adapter/mapped.h"
#include "lib/fake_http.h"
#include "lib/fake_loop.h"

#define FAKE_MAPPED_URL "http://motcua.example.vn/api"
#define FAKE_MAPPED_SECRET "very-secret"
#define FAKE_MAPPED_ROWS 1000

struct fake_mapped {
    struct fake_loop loop;
    struct fake_http *http;
    struct log log;
    char logged[16384]; /* every line */
    struct config config;
    struct adapter_env env;
    struct adapter *a;
    char preset[64], secret[64]; /* paths */
    /* the last callbacks; what they borrowed is copied */
    int polled, detailed, acked, listed;
    int err; /* of the last one */
    char why[480];
    size_t n_rows;
    char ids[FAKE_MAPPED_ROWS][64];
    uint8_t hashes[FAKE_MAPPED_ROWS][RECORD_HASH_BYTES];
    char cursor[600];
    bool more, full_done, first_reading;
    size_t n_records;
    char body[8192];  /* of the first record */
    char step[8192];  /* of the last */
    char names[1024]; /* of listed procedures */
    char given[600];  /* the cursor of the poll at work */
    struct adapter_poll poll_req;
    struct adapter_detail detail_req;
};

/* text: the preset. Fails the test when it does not load. */
void fake_mapped_open(struct fake_mapped *rig, const char *text);
/* A shipped preset by its path; params of the source may be set before in config. */
void fake_mapped_open_file(struct fake_mapped *rig, const char *path);
void fake_mapped_close(struct fake_mapped *rig);
/* Another process: only rig->cursor lives on. */
void fake_mapped_restart(struct fake_mapped *rig);

/* Asks without waiting. */
void fake_mapped_begin_poll(struct fake_mapped *rig);
void fake_mapped_begin_detail(struct fake_mapped *rig, const char *id);
/* Asks and waits for the end. The cursor is committed with each poll that succeeds. */
int fake_mapped_poll(struct fake_mapped *rig, bool full);
int fake_mapped_detail(struct fake_mapped *rig, const char *id);
int fake_mapped_ack(struct fake_mapped *rig, const char *const *ids, size_t n);

void fake_mapped_always(struct fake_mapped *rig, const char *url, const char *body);
void fake_mapped_once(struct fake_mapped *rig, const char *url, long status, const char *body);

#endif
