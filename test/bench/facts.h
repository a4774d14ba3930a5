/* facts: of a record of the feed, what the journal's tables hold beside its body: what schema.sql
 * keeps in subject, figure and result_mark. For the baselines of make bench; any thread. */
#ifndef BENCH_FACTS_H
#define BENCH_FACTS_H

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#define FACTS_MARKS_MAX 8
#define FACTS_MARK_BYTES 16

/* Times: UTC seconds, 0 none. */
struct facts {
    char procedure[48], sector[32], agency[32];
    int status, channel, entry, paid_online;
    int digitised, identified; /* 1 yes, 0 no */
    int supplements, results;
    int64_t submitted_s, received_s, promised_s, finished_s, returned_s, refused_s, changed_s;
    uint8_t marks[FACTS_MARKS_MAX][FACTS_MARK_BYTES]; /* digests of the results' addresses */
    size_t n_marks;
};

/* Before words_dossier, which takes some of it away. 0, or -1 when it has more results than fit. */
int facts_read(const cJSON *row, struct facts *out);

#endif
