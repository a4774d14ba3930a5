/* config_table: the only list of keys. A row says everything about a key: where its value goes, its
 * bounds, its default, whether a reload may change it, and its help. Used inside config/ and by its
 * tests; others ask config_key(). Const; any thread. */
#ifndef CONFIG_CONFIG_TABLE_H
#define CONFIG_CONFIG_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

enum config_section {
    SECTION_TOP, /* keys outside every section */
    SECTION_PORTAL,
    SECTION_SOURCE, /* titled: source NAME { } */
    SECTION_FLOW,   /* titled */
    SECTION_RETRY,
    SECTION_JOURNAL,
    SECTION_MAPS,
    SECTION_RECONCILE,
    SECTION_DEADLINES,
    SECTION_INTEGRITY,
    SECTION_COUNT
};

enum config_type {
    CONFIG_STRING,
    CONFIG_DURATION, /* uint64_t, ms */
    CONFIG_SIZE,     /* uint64_t, bytes */
    CONFIG_INTEGER,  /* uint32_t */
    CONFIG_BOOL,
    CONFIG_LIST,        /* struct config_list */
    CONFIG_CHOICE,      /* const char *, one of choices */
    CONFIG_CHOICE_ENUM, /* int or enum, index in choices */
    CONFIG_TIME,        /* const char *, "HH:MM" or "" */
    CONFIG_DATE,        /* int64_t, start of the day in UTC seconds, 0 none */
    CONFIG_TYPES
};

/* What a string must look like; "" passes unless the row is required. */
enum config_form {
    FORM_ANY,
    FORM_ABSOLUTE,   /* path from the root */
    FORM_PATH,       /* path, relative ones begin at the main file's folder */
    FORM_URL,        /* http or https with a host and no user in it */
    FORM_ENDPOINT,   /* what is put behind adapter_url: begins with '/' */
    FORM_CREDENTIAL, /* name of a systemd credential: no '/' */
    FORM_PIN,        /* "sha256//..." or an absolute path, as curl takes it */
    FORM_COUNT
};

enum config_row_flag {
    ROW_REQUIRED = 1, /* must be given and not be "" when its section is there */
    ROW_FIXED = 2     /* a reload may not change it */
};

struct config_row {
    /* A list's default_text: items with ", " between, none of which holds a comma. */
    struct config_key_info info;
    enum config_section section;
    enum config_type type;
    size_t offset; /* in struct config, config_portal, config_source or config_flow by section */
    uint64_t min;  /* in the type's unit */
    uint64_t max;  /* a string's: bytes of its text */
    const char *const *choices; /* NULL-terminated, of the two choice types */
    enum config_form form;
    unsigned flags;
};

#define CONFIG_MAX_ROWS 64 /* of one section */

/* Index from 0 over all sections; NULL past the end. Rows of a section stand together. */
const struct config_row *config_row_at(size_t index);
/* NULL when there is no such key. */
const struct config_row *config_row_find(enum config_section section, const char *name);
/* The first row of a section and how many there are. */
const struct config_row *config_rows_of(enum config_section section, size_t *n);
/* "" for the top. */
const char *config_section_name(enum config_section section);
/* SECTION_COUNT when there is none of that name. */
enum config_section config_section_find(const char *name);

#endif
