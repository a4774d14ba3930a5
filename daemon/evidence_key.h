/* evidence_key: the key that signs files of evidence is made at the first start, and its
 * fingerprint logged at each, so that it is known from elsewhere than the file. Before the loop. */
#ifndef EVIDENCE_KEY_H
#define EVIDENCE_KEY_H

#include "base/log.h"

/* What fails is a warning: the daemon works without it. */
void evidence_key_tell(struct log *log, const char *state_dir);

#endif
