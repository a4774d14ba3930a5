/* level: how far a procedure is served online, as the portal's services and OpenCPS's maxLevel tell
 * it.
 *
 * LayDVC has no field for it (national-portal.md 4.3). What can be derived: a procedure without a
 * service is information only; a service whose name ends in "toàn trình" is full, in "một phần"
 * partial; any other is online, full or partial unsaid. Pure; any thread. */
#ifndef DOMAIN_LEVEL_H
#define DOMAIN_LEVEL_H

#include <stdbool.h>

/* In order of how much is online. */
enum service_level {
    LEVEL_NOT_SHOWN,
    LEVEL_INFORMATION,
    LEVEL_PARTIAL,
    LEVEL_ONLINE, /* there is a service; its name does not say which */
    LEVEL_FULL
};

const char *level_name(enum service_level level); /* "full"; "" not shown */
/* Of one service of LayDVC by its name (TENDVC). */
enum service_level level_of_service(const char *name);
/* Of a procedure with services of both. */
enum service_level level_higher(enum service_level a, enum service_level b);
/* OpenCPS's maxLevel: 4 full, 3 partial, 1 and 2 information only, anything else not shown. */
enum service_level level_of_number(int number);
/* And back; what is online without saying which counts as full; 0 not shown. */
int level_number(enum service_level level);
/* False only where both are shown and contradict each other: online fits full and partial. */
bool level_agrees(enum service_level a, enum service_level b);

#endif
