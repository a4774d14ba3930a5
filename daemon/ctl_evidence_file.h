/* ctl_evidence_file: the file of evidence, written and checked. Pure but for the journal's file.
 *
 * Lines of JSON, each ended by one line feed (doc/evidence.md tells them to who checks one). The
 * last three are the digest of all lines before, the public key, and the signature of all before
 * it, so that no byte can change unseen. */
#ifndef CTL_EVIDENCE_FILE_H
#define CTL_EVIDENCE_FILE_H

#include "base/buf.h"
#include "base/sign.h"

#define EVIDENCE_BYTES ((size_t)32 << 20)

/* All borrowed. */
struct evidence_order {
    const char *journal; /* path */
    const char *code;    /* the portal's number or the province's */
    const struct sign_key *key;
    int64_t now_s;
    bool without_words; /* of the portal: they may hold a name */
};
/* Appends the file to out. Errors of evidence_read; ERR_TOOBIG beyond out's ceiling. */
MUST_CHECK int evidence_file_write(const struct evidence_order *order, struct buf *out,
                                   struct errmsg *msg);

struct evidence_summary {
    char dossier[64]; /* printable, as the next */
    char made[40];
    char fingerprint[DIGEST_HEX_SIZE]; /* of the key in the file */
    char head[DIGEST_HEX_SIZE];        /* of the audit when it was written; "" no rows */
    int64_t head_row;
    uint64_t attempts, items, rows; /* rows of sources */
    uint64_t audit_rows;            /* whose digests were made anew */
    uint64_t audit_old;             /* of an older form: only their digests are there */
};

/* public_key (may be NULL): the one that must have signed. ERR_CORRUPT: changed, ERR_DENIED:
 * signed by another key, ERR_FORMAT: no such file; msg says where. */
MUST_CHECK int evidence_file_verify(const char *bytes, size_t n, const char *public_key,
                                    struct evidence_summary *out, struct errmsg *msg);

#endif
