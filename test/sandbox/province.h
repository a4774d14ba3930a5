/* province: the provincial side of the sandbox, OpenCPS REST under .../o/rest/v2.
 *
 * main.c calls province_main for `dvcsync-sandbox province`. It holds the world (life.h), answers
 * the protocol of doc/opencps.md and the routes under /_sandbox/, and lets the life of its dossiers
 * go on at --rate. Source of the protocol: provincial-systems.md 1.1. */
#ifndef PROVINCE_H
#define PROVINCE_H

/* argv[0] is "province". Runs until SIGTERM or SIGINT. The process's exit status: 0, 1 when the
 * start failed, 2 for a bad command line. */
int province_main(int argc, char **argv);

#endif
