/* gateway read: what a client pushes at the gateway, as canonical records.
 *
 * All or nothing: the first fault refuses the whole call, and its text says where it stands
 * ("data[3]: NgayTiepNhan: ..."), in Vietnamese for the client's own people, without any value.
 * Pure; any thread (bodies over 64 KiB are read on a worker). */
#ifndef ADAPTER_GATEWAY_READ_H
#define ADAPTER_GATEWAY_READ_H

#include "base/arena.h"
#include "base/err.h"
#include "codec/json.h"
#include "domain/record.h"

#define GATEWAY_DOSSIERS_MAX 100 /* of one call */
#define GATEWAY_STEPS_MAX 1000

struct gateway_reading {
    const char *status_map; /* what the records say in status_map; "national": 1..10 only */
    int64_t now_s;          /* the time of a dossier that shows none of its own */
    bool compared;          /* records keep digests of what came, where there is room for them */
};

/* data: an array of 1..100 dossiers, or one. ERR_FORMAT, ERR_TOOBIG, ERR_NOMEM. */
MUST_CHECK int gateway_read_dossiers(const struct gateway_reading *how, const struct json *data,
                                     struct arena *arena, struct record **out, size_t *n,
                                     struct errmsg *msg);
/* data: an array of 1..1000 steps, perhaps of several dossiers, or one. */
MUST_CHECK int gateway_read_steps(const struct gateway_reading *how, const struct json *data,
                                  struct arena *arena, struct record **out, size_t *n,
                                  struct errmsg *msg);
/* data: the object of DongBoTrangThaiHoSo type 2 (5.4): a step that is an answer and goes alone. */
MUST_CHECK int gateway_read_answer(const struct gateway_reading *how, const struct json *data,
                                   struct arena *arena, struct record **out, size_t *n,
                                   struct errmsg *msg);

/* The newest of the dossier's own past times, else now_s: when the source changed it. */
struct dossier;
int64_t gateway_changed_s(const struct dossier *d, int64_t now_s);

#endif
