/* preset_impl: what the preset*.c files share and nobody else sees, but for preset_xpath_check.
 *
 * preset.c reads the file and lets the guard of config_scan look at it; preset_parse.c takes the
 * statements apart and finds their keys in preset_table.c; preset_value.c, preset_template.c and
 * preset_field.c turn texts into fields; preset_check.c fills defaults and looks at keys together.
 * Each step notes faults and goes on. */
#ifndef CONFIG_PRESET_IMPL_H
#define CONFIG_PRESET_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "config/config_scan.h"
#include "config/preset.h"

#define PRESET_TEXT_MAX 16384 /* bytes of one value */
#define PRESET_FAULTS_SEEN 100

enum preset_section {
    PRESET_TOP,
    PRESET_NAMES, /* namespaces: any key */
    PRESET_AUTH,
    PRESET_CURSOR,
    PRESET_CALL, /* titled: call list { } */
    PRESET_SKIP,
    PRESET_DOSSIER,
    PRESET_STEP,
    PRESET_FILE,
    PRESET_RESULT,
    PRESET_PROCEDURE,
    PRESET_SECTIONS
};

enum preset_type {
    PRESET_STRING,
    PRESET_PATH,  /* JSON pointer or XPath; which is known when the whole file is */
    PRESET_PATHS, /* a list of them */
    PRESET_IDS,   /* the same, for preset.id_path */
    PRESET_PATTERN,
    PRESET_LIST,
    PRESET_BOOL,
    PRESET_INTEGER,
    PRESET_DURATION,
    PRESET_CHOICE, /* int or enum, index in choices */
    PRESET_TEMPLATE,
    PRESET_HEADERS_LIST, /* "Name: template" */
    PRESET_UNWRAPS_LIST, /* "PATH as json" */
    PRESET_PATTERNS,     /* a list of them */
    PRESET_TYPES
};

/* A key; of records only `rows` and `required` have one, their fields come from the canonical
 * structs. */
struct preset_row {
    struct preset_word word;
    enum preset_section section;
    enum preset_type type;
    size_t offset;     /* in struct preset, preset_auth, preset_cursor, preset_call, ... */
    uint64_t min, max; /* of an integer or a duration */
    const char *const *choices;
    const char *default_text; /* "" none: zero, or an empty text */
};

/* A field of a canonical record. */
struct preset_field_key {
    struct preset_word word;
    const char *name; /* of the struct's member: "received_s" */
    enum preset_section section;
    enum preset_member member;
    size_t offset; /* in the canonical struct */
};

/* Which words a call may hold. */
enum preset_where {
    WHERE_LOGIN = 1,
    WHERE_LIST = 2,
    WHERE_ONE = 4, /* detail, steps */
    WHERE_ACK = 8,
    WHERE_CATALOG = 16,
    WHERE_VALUE = 32, /* auth.value and auth.second: a header's value */
    WHERE_ANY = 63
};

/* One statement KEY = VALUE. */
struct preset_statement {
    const char *key;
    unsigned line;
    bool is_list;
    bool is_default;
    const char *values[CONFIG_MAX_LIST];
    size_t n;
};

/* Where a section's keys go; base is NULL while the section is unknown. */
struct preset_place {
    enum preset_section section;
    void *base;
    const char *title;              /* of a call */
    const struct preset_call *call; /* the same as base; NULL: no call */
    unsigned where;                 /* enum preset_where */
    unsigned line;
    uint64_t given; /* bit per row of the section */
};

/* Paths wait here until their format is known. */
struct preset_path_at {
    const char *path;
    unsigned line;
    const char *key;
    enum preset_section section;
    const struct preset_call *call; /* of PRESET_CALL */
    bool of_record;
};

#define PRESET_PATHS_MAX 1024

struct preset_load {
    struct preset *preset;
    struct arena *arena;
    const char *file;
    struct scan scan;
    struct scan_token token;
    struct preset_path_at *paths; /* PRESET_PATHS_MAX */
    size_t n_paths;
    bool first_pass; /* only params and format are read, and no faults are noted */
    size_t n_faults;
    struct preset_fault {
        unsigned line;
        size_t seq;
        char text[sizeof(((struct config_faults *)0)->texts[0])];
    } * faults; /* PRESET_FAULTS_SEEN */
    bool lost;  /* a statement was not understood: what seems missing may stand there */
    bool nomem;
};

void preset_fault(struct preset_load *load, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *preset_keep(struct preset_load *load, const char *text, size_t n);

/* preset_table.c */
const struct preset_row *preset_rows_of(enum preset_section section, size_t *n);
const char *preset_section_name(enum preset_section section);
enum preset_section preset_section_find(const char *name); /* PRESET_SECTIONS: none */
/* A field of a canonical record by its key ("received"); NULL. */
const struct preset_field_key *preset_field_find(enum preset_section section, const char *key);
/* Keys of a section, for the nearest one; NULL-terminated. */
size_t preset_keys_of(enum preset_section section, const char *out[], size_t max);
/* A placeholder: where it may stand (0: nowhere) and what it is. */
enum preset_filling { FILL_TEXT, FILL_TIME, FILL_IDS };
unsigned preset_placeholder_where(const char *name, enum preset_filling *what);
/* A converter by its name; CONVERT_COUNT: none. */
enum preset_how preset_converter_find(const char *name);

/* preset_parse.c */
void preset_parse(struct preset_load *load);

/* preset_value.c: writes one key's value. */
void preset_value(struct preset_load *load, const struct preset_place *place,
                  const struct preset_row *row, const struct preset_statement *statement);
void preset_defaults(struct preset_load *load, const struct preset_place *place);
void preset_note_path(struct preset_load *load, const struct preset_place *place, unsigned line,
                      const char *key, const char *path, bool of_record);

/* preset_template.c */
void preset_template(struct preset_load *load, unsigned where, unsigned line, const char *key,
                     const char *text, struct preset_template *out);

/* preset_field.c */
void preset_field(struct preset_load *load, const struct preset_place *place,
                  const struct preset_statement *statement);
/* NULL when a date pattern is one; what is wrong with it. */
const char *preset_pattern_fault(const char *pattern, size_t n);

/* preset_check.c */
void preset_check(struct preset_load *load);

/* Whether an XPath compiles and knows its prefixes: ERR_FORMAT with the reason. Defined in
 * codec/xml.c, the only place that may include libxml2. */
MUST_CHECK int preset_xpath_check(const char *xpath, const struct preset_namespace *namespaces,
                                  size_t n, struct errmsg *msg);

#endif
