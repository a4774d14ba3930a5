/* crash_point: a named place at which a test build can end the process, as kill -9 would. In the
 * shipped build it is nothing: no call, no text, no branch. With -DDVCSYNC_CRASH_POINTS
 * (test/crash) it calls crash_point, which is linked into that build only. Any thread. */
#ifndef BASE_CRASH_POINT_H
#define BASE_CRASH_POINT_H

#include "base/crash_points.h"

#define CRASH_POINT_NAME(name) CRASH_##name,
enum crash_point { CRASH_POINTS(CRASH_POINT_NAME) CRASH_POINTS_N };
#undef CRASH_POINT_NAME

#ifdef DVCSYNC_CRASH_POINTS
#define CRASH_POINT(name) crash_point(CRASH_##name)
/* Does not return when DVCSYNC_CRASH says so. */
void crash_point(enum crash_point point);
#else
#define CRASH_POINT(name) ((void)CRASH_##name)
#endif

#endif
