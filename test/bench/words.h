/* words: a record of the feed in the portal's words, as straight as can be. For the baselines of
 * make bench; any thread. */
#ifndef BENCH_WORDS_H
#define BENCH_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

/* Leaves in row what DongBoHoSoMC takes. The steps, taken out, are the caller's; NULL without. */
cJSON *words_dossier(cJSON *row);
/* Sets what a step is expected to have; at most max are left. */
void words_steps(cJSON *steps, int max);

/* A whole call around an array's elements (text without its brackets). From malloc; NULL: out of
 * memory. */
char *words_call(const char *session, const char *service, const char *extra, const char *elements,
                 size_t len, size_t *out_len);
#define WORDS_PUSH "DongBoHoSoMC"
#define WORDS_STEPS "CapNhatTienDoHoSoMC"
#define WORDS_NEW "\"isUpdating\":\"False\","

#endif
