/* spool_world: the surroundings of a spool adapter under test: a folder, a loop, an engine that
 * takes announcements, and what the adapter's callbacks said. */
#ifndef TEST_SPOOL_WORLD_H
#define TEST_SPOOL_WORLD_H

#include "adapter/adapter.h"
#include "lib/fake_loop.h"

#define SPOOL_CODE "H56.31.25-251118-0007"
/* A dossier with one step, in the portal's vocabulary. */
#define SPOOL_DOSSIER(code)                                                                              \
    "{\"MaHoSo\":\"" code "\",\"MaTTHC\":\"1.001193\",\"TrangThaiHoSo\":\"4\","                          \
    "\"NgayTiepNhan\":\"20251118093000\",\"ChuHoSo\":\"Nguyễn Văn A\",\"TienDo\":["                   \
    "{\"NguoiXuLy\":\"Trần B\",\"ThoiDiemXuLy\":\"20251118093000\",\"NoiDungXuLy\":\"Tiếp nhận\"," \
    "\"TrangThai\":\"2\"}]}"

struct spool_world {
    struct fake_loop loop;
    struct config config;
    struct adapter_env env;
    struct adapter *a;
    char dir[64];
    /* what callbacks saw */
    int polled, detailed, acked, sent, listed, stopped;
    char ids[16][128];
    size_t n_rows, n_records;
    char first[4096]; /* body of the first record */
    bool more;
    int err;
    char why[480];
    /* the engine */
    struct adapter_host host;
    char owed[16][128];
    size_t n_owed;
    int offer_err;
};

/* Fixtures of cmocka: *state is a struct spool_world with an adapter of format json. */
int spool_world_setup(void **state);
int spool_world_teardown(void **state);
/* Opens the adapter again; the one before must be freed. */
int spool_world_open(struct spool_world *w, const char *format);

/* ---- the folder ---- */

const char *spool_world_path(const struct spool_world *w,
                             const char *name); /* until the next call */
void spool_world_drop(const struct spool_world *w, const char *name, const char *text);
int spool_world_rename(const struct spool_world *w, const char *from, const char *to);
bool spool_world_there(const struct spool_world *w, const char *name);
const char *spool_world_content(const struct spool_world *w, const char *name);
size_t spool_world_count(const struct spool_world *w, const char *folder);

/* ---- the verbs, run to their end ---- */

void spool_world_poll(struct spool_world *w);
void spool_world_detail(struct spool_world *w, const char *id);
void spool_world_ack(struct spool_world *w, const char *id);
void spool_world_send(struct spool_world *w, struct adapter_send *s, const struct record *record);
void spool_world_list(struct spool_world *w);
/* For calls that the test makes itself. */
void spool_world_on_poll(struct adapter_poll *poll);
void spool_world_on_detail(struct adapter_detail *detail);

#endif
