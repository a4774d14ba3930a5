#include "daemon/evidence_key.h"

#include <stdio.h>

#include "base/sign.h"
#include "journal/evidence.h"

void evidence_key_tell(struct log *log, const char *state_dir)
{
    char path[4096];
    char public_key[SIGN_PUBLIC_SIZE];
    char fingerprint[DIGEST_HEX_SIZE];
    struct errmsg msg = {""};
    struct sign_key key;
    bool made = false;
    int err;

    (void)snprintf(path, sizeof(path), "%s/" EVIDENCE_KEY_NAME, state_dir);
    err = sign_key_open(&key, path, true, &made, &msg);
    err = err == 0 ? sign_public(&key, public_key) : err;
    err = err == 0 ? sign_fingerprint(public_key, fingerprint) : err;
    if (err == 0) {
        log_plain(log, LOG_LEVEL_NOTICE, "evidence_key", "files of evidence are signed by key %s%s",
                  fingerprint, made ? ", which was just made" : "");
    } else {
        log_plain(log, LOG_LEVEL_WARN, "evidence_key", "files of evidence can't be signed: %s",
                  msg.text[0] != '\0' ? msg.text : err_text(err));
    }
    sign_key_free(&key);
}
