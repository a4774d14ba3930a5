/* bare: the journal's tables written by SQLite with nothing around it: what the journal is measured
 * against, and a way to fill one faster than it would. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

/* Appends and finishes count dossiers in a new file, in groups of `group`, handed out `claim` at a
 * time; the seconds that SQLite took. Ends the program on failure, as the other one does. */
double bare_run(const char *path, long count, long group, long claim);

/* Adds the rows of count dossiers that were delivered and whose bodies are gone to a fresh journal,
 * as the journal leaves them. */
void bare_fill_delivered(const char *path, long count);

#endif
