/* portal: the national portal's side of the sandbox; `dvcsync-sandbox portal`. */
#ifndef PORTAL_H
#define PORTAL_H

/* argv[0] is "portal". Runs until SIGTERM or SIGINT. The process's exit status: 0, 1 when the start
 * failed, 2 for a bad command line. */
int portal_main(int argc, char **argv);

#endif
