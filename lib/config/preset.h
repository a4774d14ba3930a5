/* preset: what a provincial product speaks, as a file says it.
 *
 * A preset is declarative: calls, how to log in, where the rows are, what "changed" means, and for
 * every field of a canonical record where it stands and how it is converted. It is read and checked
 * as a whole when the configuration is loaded (all faults at once, FILE:LINE), then never changed.
 * The grammar of statements is that of dvcsyncd.conf; dvcsync-preset(5) is the manual.
 * Immutable once loaded; any thread. */
#ifndef CONFIG_PRESET_H
#define CONFIG_PRESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/nameset.h"
#include "config/config.h"

#define PRESET_HEADERS 8
#define PRESET_UNWRAPS 4
#define PRESET_ALTERNATIVES 8
#define PRESET_FIELDS 64
#define PRESET_NAMESPACES 8
#define PRESET_FIRST_NAMES (PRESET_FIELDS * PRESET_ALTERNATIVES)

enum preset_format { PRESET_JSON, PRESET_XML };

/* A text with places to fill: {name} or {name|how}. A brace is a place only when a letter follows;
 * "{{" is one "{". Names: url, username, password, token, session, today, since, until, page,
 * offset, end, size, cursor, id, ids, code, and every name of preset.params. how: json (a JSON
 * string with its quotes, of ids an array of them), url, xml, base64, a date pattern for times
 * (yyyyMMddHHmmss, dd/MM/yyyy, iso, epoch_s, epoch_ms; without one: iso), for ids "join ;", "xml
 * ELEMENT" (one element each) or "objects KEY [NAME=NUMBER]..." (a JSON array of objects with the
 * id at KEY). Parsed at load: a name that can't be there is a fault. */
struct preset_template {
    const char *text; /* as written; "" none */
    struct preset_piece {
        const char *literal; /* or */
        const char *name;
        const char *how; /* "" raw */
    } * pieces;
    size_t n;
};

struct preset_unwrap { /* the text at a path is itself a document */
    const char *path;
    enum preset_format format; /* of what is inside */
};

/* One request and how its reply is read. */
struct preset_call {
    bool given;
    unsigned line;      /* of the section, for messages */
    const char *method; /* "GET", "POST", "PUT" */
    struct preset_template url;
    struct preset_template body;
    const char *content_type;
    struct {
        const char *name;
        struct preset_template value;
    } headers[PRESET_HEADERS];
    size_t n_headers;
    enum preset_format format;                   /* of the reply */
    struct preset_unwrap unwrap[PRESET_UNWRAPS]; /* applied in order to the reply */
    size_t n_unwraps;
    /* Success: every given one of them must hold. Nothing given: HTTP 2xx and well-formed. */
    const char *ok_path;
    struct config_list ok_values;   /* of the text at ok_path */
    const char *ok_text_path;       /* a text there must contain, without regard to case, */
    const char *ok_text;            /* this */
    struct config_list auth_values; /* at ok_path: the token is no longer good */
    const char *words_path;         /* where the system's own words are, for messages */
    const char *rows;  /* path of the rows: a JSON array, or an XPath of repeated elements */
    const char *total; /* path of a count of all rows; "" none */
    const char *last;  /* path of a flag that says: no further page */
    const char *next;  /* path of an opaque cursor for the next page */
    bool one_row;      /* the thing at rows is a single record */
};

enum preset_auth_kind {
    AUTH_NONE,
    AUTH_BASIC,
    AUTH_BEARER,        /* a token that the operator gives (password) */
    AUTH_OAUTH2_CLIENT, /* client credentials, in the form or as Basic */
    AUTH_OAUTH2_PASSWORD,
    AUTH_JSON_LOGIN,      /* `call login`, token at a path, sent as Bearer or as `header` says */
    AUTH_SESSION_IN_BODY, /* the same, sent with {session} in bodies */
    AUTH_LGSP,            /* base64 JSON header, client credentials token, both headers */
    AUTH_SOAP_BODY        /* {username} and {password} in each envelope */
};

struct preset_auth {
    enum preset_auth_kind kind;
    struct preset_call login;      /* of every kind that logs in */
    const char *token_path;        /* "/access_token" */
    const char *expires_path;      /* seconds; "" none */
    uint64_t life_ms;              /* when the reply names none */
    const char *header;            /* "Authorization" */
    struct preset_template value;  /* "Bearer {token}" */
    bool basic_client;             /* OAuth2: id and secret as Basic, not in the form */
    struct preset_template second; /* LGSP: its expansion, base64-encoded, is the value of ... */
    const char *second_header;     /* ... this header, "lgspaccesstoken", of login and of calls */
};

enum preset_cursor_style {
    CURSOR_SINCE,  /* the server filters on a time of change */
    CURSOR_WINDOW, /* business-date windows with overlap, and sweeps */
    CURSOR_NEWEST, /* newest first, until `known` rows in a row are known */
    CURSOR_ACK,    /* pull until empty, then acknowledge */
    CURSOR_OFFSET, /* pages over a stable order */
    CURSOR_FULL    /* everything each time */
};

struct preset_cursor {
    enum preset_cursor_style style;
    uint64_t overlap_ms;  /* since, window: asked again */
    uint64_t window_ms;   /* window: length of one */
    uint32_t size;        /* rows of a page; 0: the source's page_size */
    uint32_t known;       /* newest: rows in a row that are known */
    bool first_page_is_1; /* {page} counts from 1 */
    uint64_t page_delay_ms;
    uint64_t back_ms; /* how far back the first reading goes when the flow has no start_from */
};

/* What a converter does, in the order of preset_converter(). */
enum preset_how {
    CONVERT_TRIM,
    CONVERT_UPPER,
    CONVERT_LOWER,
    CONVERT_DATE,
    CONVERT_LOOKUP,
    CONVERT_NATIONAL_PROCEDURE,
    CONVERT_AGENCY,
    CONVERT_DIGITS,
    CONVERT_SPLIT,
    CONVERT_PREFIX,
    CONVERT_YES_NO,
    CONVERT_DEFAULT,
    CONVERT_COUNT
};

#define PRESET_CONVERTS 4

/* One way to find a value: the text at a path, converted; the first that is not empty counts. */
struct preset_source {
    const char *path; /* JSON pointer or XPath, relative to the record; NULL: a constant */
    bool of_record; /* steps, files, results: relative to the dossier, not to their row ("^PATH") */
    const char *constant; /* a text; the field `extra`: the key that the value at path gets */
    /* Of the record's names the one that path begins with, a member's or a child element's; NULL
     * when it begins with none (XPath beyond a name, "^PATH"). */
    const struct nameset_name *name;
    const char *rest; /* of path, behind name */
    struct preset_convert {
        enum preset_how how;
        const char *argument; /* "" none */
    } converts[PRESET_CONVERTS];
    size_t n_converts;
};

enum preset_member { MEMBER_TEXT, MEMBER_TIME, MEMBER_NUMBER, MEMBER_BOOL };

struct preset_field {
    const char *key;  /* as the file says it: "code", "received", ... */
    const char *name; /* of the canonical record: "code", "received_s", ... */
    enum preset_member member;
    size_t offset; /* in the canonical struct */
    unsigned line;
    struct preset_source alternatives[PRESET_ALTERNATIVES]; /* of `extra` in order of their keys */
    size_t n;
    bool required; /* a record without it is refused */
    bool is_extra; /* portal fields that are handed on: all alternatives count */
};

struct preset_record {
    bool given;
    const char *rows; /* steps, files, results: path of their rows inside the dossier (steps of
                         `call steps`: that call's rows count) */
    struct config_list required; /* keys of fields */
    struct preset_field fields[PRESET_FIELDS];
    size_t n_fields;
    struct nameset names; /* that paths of the fields begin with, at most PRESET_FIRST_NAMES */
};

/* Rows that are no dossiers at all: left out, counted. */
struct preset_skip {
    const char *path;
    struct config_list values;
};

struct preset {
    const char *path;             /* of the file */
    uint8_t digest[DIGEST_BYTES]; /* over its text and the params in force */
    const char *title;
    enum preset_format format; /* of the replies that do not say */
    bool national_status;      /* its statuses are 1..10, unless the source has a map of its own */
    struct config_list
        params; /* "name=value": the preset's, each replaced by the source's of that name */
    struct config_list dates; /* patterns of times without a converter `date` */
    struct preset_namespace {
        const char *prefix, *uri;
    } namespaces[PRESET_NAMESPACES];
    size_t n_namespaces;
    struct preset_auth auth;
    struct preset_cursor cursor;
    struct preset_call list;   /* needed */
    struct preset_call detail; /* by {id}; when not given, a row of list is the whole record */
    struct preset_call steps;  /* by {id}; when not given, steps stand inside the record */
    struct preset_call ack;    /* {ids} */
    uint32_t ack_batch;
    struct preset_call catalog;               /* list of procedures; optional */
    const char *id_path[PRESET_ALTERNATIVES]; /* of a row: the source's own id */
    size_t n_id_paths;
    struct config_list hash_without; /* paths in a row that change by themselves */
    const char *changed_path;        /* of a row: time of change, with changed_format; "" none */
    const char *changed_format;
    struct preset_skip skip;
    struct preset_record dossier, step, file, result, procedure;
    unsigned holders; /* besides the owner, see preset_hold */
    void *impl;       /* arena */
};

/* Reads and checks a preset. params: names that the source gives. All faults at once in faults.
 * ERR_CONFIG, ERR_NOTFOUND, ERR_DENIED, ERR_IO, ERR_NOMEM. Blocks. */
MUST_CHECK int preset_load(const char *path, const struct config_list *params, struct preset **out,
                           struct config_faults *faults);
/* One more holder: calls in flight finish with the preset that they began with. Loop thread, as
 * preset_free is once a preset has holders. */
struct preset *preset_hold(struct preset *preset);
/* Gone when the last holder lets go. NULL is fine. */
void preset_free(struct preset *preset);

/* The value of a param; NULL when there is none of that name. */
const char *preset_param(const struct preset *preset, const char *name);
/* What the records of a source say in status_map: config_source_statuses, or "national". */
const char *preset_statuses(const struct preset *preset, const struct config_source *source);
/* A time by one pattern, "iso" among them: yyyy-MM-dd with or without a time, fraction and zone. ""
 * gives 0. ERR_FORMAT. */
MUST_CHECK int preset_date(const char *pattern, const char *text, int64_t *out_s);

/* For the manual and the tests: every key, converter and placeholder. Index from 0; NULL past the
 * end. */
struct preset_word {
    const char *section; /* of a key: "", "auth", "call", "dossier", ...; else "" */
    const char *name;
    const char *help; /* one line */
};
const struct preset_word *preset_key(size_t index);
const struct preset_word *preset_converter(size_t index);
const struct preset_word *preset_placeholder(size_t index);

#endif
