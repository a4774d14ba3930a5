/* status_act: the handlers that change something. Control socket only; each answers its call once,
 * and what was done stands in the journal's audit with the peer's name. */
#ifndef STATUS_ACT_H
#define STATUS_ACT_H

#include "daemon/status_routes.h"

/* What was done, as a line in the log and an event that begin with who; without personal data. */
void act_say(struct routes *r, const char *who, const char *text);
/* The same, and a row in the audit: who, verb, object, reason. verb NULL: the audit has it already.
 */
void act_note(struct routes *r, const char *who, const char *verb, const char *object,
              const char *reason, const char *line);

void act_record(const struct route_call *call); /* arg: enum journal_act_verb */
void act_queue(const struct route_call *call);  /* arg: enum journal_act_verb */
void act_pause(const struct route_call *call);
void act_resume(const struct route_call *call);
void act_test(const struct route_call *call);
void act_poll(const struct route_call *call);
void act_adopt(const struct route_call *call);
void act_catalog(const struct route_call *call);
void act_reload(const struct route_call *call);
void act_log_level(const struct route_call *call);
void act_backup(const struct route_call *call);

#endif
