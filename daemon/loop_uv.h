/* loop_uv: struct loop (lib/base/loop.h) on a libuv loop.
 *
 * Made first and closed last by the process and by tests that need a real loop. Deferred calls run
 * after the poll for I/O of the turn they were made in (or of the next one), so that neither they
 * nor a timer that re-arms itself with 0 can starve I/O. Everything on the thread that runs the uv
 * loop. */
#ifndef LOOP_UV_H
#define LOOP_UV_H

#include "base/err.h"
#include "base/loop.h"

struct uv_loop_s;
struct loop_uv;

/* Hangs itself on uv, which is borrowed and must outlive it. ERR_NOMEM, or ERR_IO when the kernel
 * gives no random seed. */
MUST_CHECK int loop_uv_open(struct uv_loop_s *uv, struct loop_uv **out);

/* What lib/ takes; valid until loop_uv_close. */
struct loop *loop_uv_loop(struct loop_uv *l);

/* observe gets, in seconds, how late the earliest timer was each time that timers fired: the time
 * the loop was busy with something else. NULL ends it. */
void loop_uv_watch_lag(struct loop_uv *l, void (*observe)(void *ctx, double seconds), void *ctx);

/* No timer or deferred call runs any more. Work that was started still ends with its done, so the
 * memory goes only when the last of it has: run the uv loop until it is empty, then uv_loop_close.
 * NULL is fine. */
void loop_uv_close(struct loop_uv *l);

#endif
