/* config_impl: what the files of config/ share and nobody else sees.
 *
 * A load runs in this order: config_merge reads the files and lets config_parse take them apart;
 * each value lands with its origin in an instance (one section of one name); config_value turns
 * texts into the fields of struct config; config_check looks at keys together. Each step notes
 * faults and goes on. */
#ifndef CONFIG_CONFIG_IMPL_H
#define CONFIG_CONFIG_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"
#include "config/config_table.h"

#define CONFIG_MAX_FILES 65 /* the main one and conf.d */
#define CONFIG_MAX_FILE_BYTES (1024 * 1024)
#define CONFIG_MAX_LINE_BYTES 4096
#define CONFIG_MAX_INSTANCES (CONFIG_MAX_SOURCES + CONFIG_MAX_FLOWS + 8)
#define CONFIG_MAX_NAME 32 /* bytes of a source's or flow's name */
#define CONFIG_ARENA_BYTES (8 * 1024 * 1024)
#define CONFIG_FAULTS_SEEN                                                                         \
    200 /* kept for sorting before the first CONFIG_MAX_FAULTS are given out */

/* line 0: a default, or the file as a whole. */
struct config_origin {
    size_t file; /* index in config_impl.files */
    unsigned line;
};

/* What the files say of one key; n == 0 with given set is an empty list. */
struct config_value {
    bool given;
    bool bad;                 /* a fault was noted: other checks leave it alone */
    const char *const *items; /* in the arena */
    size_t n;
    struct config_origin origin;
};

/* One section: the top, portal, retry, journal, maps, reconcile, deadlines, or one source or flow.
 */
struct config_instance {
    enum config_section section;
    const char *name; /* of a source or flow, else "" */
    bool given;       /* stands in a file */
    size_t seen_in;   /* index of that file plus 1, of the last one when there are several */
    struct config_origin origin;
    void *base;                                  /* the struct that its rows' offsets count from */
    struct config_value values[CONFIG_MAX_ROWS]; /* by index in config_rows_of */
};

/* struct config's impl. */
struct config_impl {
    struct arena arena; /* every string of the config */
    const char *dir;    /* main file's folder */
    const char *files[CONFIG_MAX_FILES];
    size_t n_files;
    struct config_instance *instances[CONFIG_MAX_INSTANCES];
    size_t n_instances;
};

struct config_fault {
    size_t file;
    unsigned line;
    size_t seq;
    char text[sizeof(((struct config_faults *)0)->texts[0])];
};

/* One load under way. */
struct config_load {
    struct config *config;
    struct config_impl *impl;
    bool lost; /* a whole statement was not understood: what seems missing may stand there */
    bool nomem;
    bool passes;     /* a file could not be read for a reason that may pass */
    size_t n_denied; /* of the faults: files that may not be read */
    size_t n_faults;
    struct config_fault *faults; /* CONFIG_FAULTS_SEEN */
};

/* Notes "FILE:LINE: TEXT". */
void config_fault(struct config_load *load, struct config_origin at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Notes "FILE:LINE: SECTION.NAME.KEY: TEXT" at the value (or at its section) and marks the value.
 */
void config_fault_value(struct config_load *load, struct config_instance *in,
                        const struct config_row *row, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The instance of a section, made when it is not there yet. NULL after noting a fault. */
struct config_instance *config_instance_get(struct config_load *load, enum config_section section,
                                            const char *name, struct config_origin at);
struct config_value *config_instance_value(struct config_instance *in,
                                           const struct config_row *row);
/* The same by name, which must exist. */
struct config_value *config_instance_key(struct config_instance *in, const char *key,
                                         const struct config_row **row);

/* Notes why a file can't be read, an enum err: how the load ends depends on it. One fault follows.
 */
void config_unreadable(struct config_load *load, int err);

/* Reads the main file and conf.d. */
void config_merge(struct config_load *load, const char *main_path);

/* Takes one file apart; text (len bytes and a NUL) is changed. */
void config_parse(struct config_load *load, size_t file, char *text, size_t len);

/* Writes the values, or defaults, of an instance into its struct. */
void config_value_apply(struct config_load *load, struct config_instance *in);
/* A field as the file's syntax writes it. */
void config_value_write(const struct config_row *row, const void *base, struct buf *out);
/* The same as JSON. */
void config_value_write_json(const struct config_row *row, const void *base, struct buf *out);
/* What a row allows, in words: "100ms to 1d", "one of G1, G2, G3". */
void config_value_allowed(const struct config_row *row, struct buf *out);

/* Whether a secret could be read as config_secret and config_secret_lines do; nothing of it stays.
 * Root may look at what belongs to the service's user. */
#define CONFIG_SECRET_LOOK_BYTES ((size_t)64 << 10)
bool config_secret_look(const char *credential, const char *file, bool lines, struct errmsg *msg);

/* Checks keys against each other, loads maps. */
void config_check(struct config_load *load);
/* config_flow.c: one section `flow`, for config_check. */
void config_check_flow(struct config_load *load, struct config_instance *in);

/* The entry of a NULL-terminated list that looks most like word; NULL when none is near. */
const char *config_nearest(const char *word, const char *const *list);
/* ...among the keys of a section. */
const char *config_nearest_key(const char *word, enum config_section section);

#endif
