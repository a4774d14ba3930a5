/* logging: where the process's log lines go: journald with fields, or stderr.
 *
 * Owned by the process, opened first and never closed (it holds no resource of its own). Loop
 * thread only. */
#ifndef LOGGING_H
#define LOGGING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/log.h"

struct logging {
    struct log log; /* what lib/ takes */
    bool journald;  /* stderr is the journal's stream: fields go over its own socket */
    int fd;         /* of plain lines: stderr, or a test's */
};

/* Looks at $JOURNAL_STREAM and stderr. level may be changed later through log.level. */
void logging_init(struct logging *l, enum log_level level);

/* $JOURNAL_STREAM is "DEVICE:INODE" of the stream that systemd connected. NULL stream: no. */
bool logging_is_journal(const char *stream, dev_t device, ino_t inode);

/* The plain form, one line with its line feed: "<4>message event=call DVC_FLOW=dossiers". Values
 * with blanks or quotes stand in quotes; control characters are escaped. Cut at size-1 bytes, the
 * line feed stays. Returns its length. */
size_t logging_format(char *out, size_t size, enum log_level level, const char *event,
                      const char *message, const struct log_field *fields, size_t n);

/* The MESSAGE_ID of an event class, NULL when it has none. */
const char *logging_message_id(const char *event);

#endif
