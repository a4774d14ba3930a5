/* status: the ten national statuses of a dossier (national-portal.md 6.1) and the ways between them
 * (6.3). Pure; any thread. */
#ifndef DOMAIN_STATUS_H
#define DOMAIN_STATUS_H

#include <stdbool.h>

#define STATUS_UNMAPPED 0
#define STATUS_FIRST 1
#define STATUS_LAST 10

bool status_valid(int status);            /* 1..10 */
const char *status_name(int status);      /* English, for people */
bool status_final(int status);            /* 3, 8, 10 */
bool status_decides_deadline(int status); /* 2, 3, 5, 8, 9, 10: sent first */
/* One legal move of table 6.3; the same status again is always legal; from 0 (nothing acknowledged)
 * any. */
bool status_move_legal(int from, int to);
/* There is some path of legal moves; when false the item is held, when true but not
 * status_move_legal the move is sent and flagged as a jump. */
bool status_path_exists(int from, int to);

#endif
