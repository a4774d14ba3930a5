/* status_person: requests of data subjects over the control socket: find, export, erase.
 *
 * What is looked for comes in the body of the request and goes nowhere else: no log, no audit, no
 * answer. Each request is one row in the audit, on disk before the answer's first byte leaves;
 * without it the answer is an error. */
#ifndef STATUS_PERSON_H
#define STATUS_PERSON_H

#include "daemon/status_routes.h"

enum person_verb { PERSON_FIND, PERSON_EXPORT, PERSON_ERASE };

void act_person(const struct route_call *call); /* arg: enum person_verb */

#endif
