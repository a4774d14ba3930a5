#include <string.h>

#include "config/preset_impl.h"
#include "domain/dossier.h"
#include "domain/procedure.h"

#define S UINT64_C(1000)
#define M (60 * S)
#define H (60 * M)
#define D (24 * H)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A compile error when the field has not the type that the row's type writes. */
#define FIELD(st, f, t)                                                                            \
    (offsetof(struct st, f) + 0 * sizeof(char[_Generic(((struct st *)0)->f, t : 1)]))

#define ROW(sec, section, key, type, offset, min, max, choices, dflt, help)                        \
    {                                                                                              \
        {sec, key, help}, section, type, offset, min, max, choices, dflt                           \
    }
#define TEXT(sec, section, st, f, key, dflt, help)                                                 \
    ROW(sec, section, key, PRESET_STRING, FIELD(st, f, const char *), 0, 0, NULL, dflt, help)
#define PATH(sec, section, st, f, key, dflt, help)                                                 \
    ROW(sec, section, key, PRESET_PATH, FIELD(st, f, const char *), 0, 0, NULL, dflt, help)
#define LIST(sec, section, st, f, key, help)                                                       \
    ROW(sec, section, key, PRESET_LIST, FIELD(st, f, struct config_list), 0, 0, NULL, "", help)
#define BOOL(sec, section, st, f, key, help)                                                       \
    ROW(sec, section, key, PRESET_BOOL, FIELD(st, f, bool), 0, 0, NULL, "no", help)
#define DURATION(sec, section, st, f, key, min, max, dflt, help)                                   \
    ROW(sec, section, key, PRESET_DURATION, FIELD(st, f, uint64_t), min, max, NULL, dflt, help)
#define INTEGER(sec, section, st, f, key, min, max, dflt, help)                                    \
    ROW(sec, section, key, PRESET_INTEGER, FIELD(st, f, uint32_t), min, max, NULL, dflt, help)
#define TEMPLATE(sec, section, st, f, key, dflt, help)                                             \
    ROW(sec, section, key, PRESET_TEMPLATE, FIELD(st, f, struct preset_template), 0, 0, NULL,      \
        dflt, help)
#define CHOICE(sec, section, st, f, t, key, choices, dflt, help)                                   \
    ROW(sec, section, key, PRESET_CHOICE, FIELD(st, f, t), 0, 0, choices, dflt, help)

static const char *const formats[] = {[PRESET_JSON] = "json", [PRESET_XML] = "xml", NULL};
static const char *const kinds[] = {[AUTH_NONE] = "none",
                                    [AUTH_BASIC] = "basic",
                                    [AUTH_BEARER] = "bearer",
                                    [AUTH_OAUTH2_CLIENT] = "oauth2-cc",
                                    [AUTH_OAUTH2_PASSWORD] = "oauth2-password",
                                    [AUTH_JSON_LOGIN] = "json-login",
                                    [AUTH_SESSION_IN_BODY] = "session-in-body",
                                    [AUTH_LGSP] = "lgsp",
                                    [AUTH_SOAP_BODY] = "soap-body",
                                    NULL};
static const char *const styles[] = {[CURSOR_SINCE] = "since",
                                     [CURSOR_WINDOW] = "window",
                                     [CURSOR_NEWEST] = "newest",
                                     [CURSOR_ACK] = "ack",
                                     [CURSOR_OFFSET] = "offset",
                                     [CURSOR_FULL] = "full",
                                     NULL};

#define TOP "", PRESET_TOP, preset
#define AUTH "auth", PRESET_AUTH, preset_auth
#define CURSOR "cursor", PRESET_CURSOR, preset_cursor
#define CALL "call", PRESET_CALL, preset_call

/* clang-format off: the expansion of TOP and its like is one argument for the tool */
#define E1(macro, ...) macro(__VA_ARGS__)

static const struct preset_row rows[] = {
    E1(TEXT, TOP, title, "title", "", "what it is, for people"),
    E1(CHOICE, TOP, format, enum preset_format, "format", formats, "json",
       "json or xml: what replies are that do not say it themselves"),
    E1(BOOL, TOP, national_status, "national_status",
       "its statuses are the national ones, 1 to 10; a map of the source's own counts more"),
    E1(LIST, TOP, params, "params",
       "name=value: defaults for {name}; the source's params replace them"),
    ROW("", PRESET_TOP, "dates", PRESET_PATTERNS, FIELD(preset, dates, struct config_list), 0, 0,
        NULL, "yyyyMMddHHmmss, iso", "patterns of times whose field names none, tried in order"),
    ROW("", PRESET_TOP, "id", PRESET_IDS, offsetof(struct preset, id_path), 0, 0, NULL, "",
        "paths in a row of the list: the source's own id, the first that is not empty"),
    E1(PATH, TOP, changed_path, "changed", "",
       "path in a row of the list: when it was last changed"),
    ROW("", PRESET_TOP, "changed_format", PRESET_PATTERN,
        FIELD(preset, changed_format, const char *), 0, 0, NULL, "",
        "pattern of changed; empty: those of dates"),
    ROW("", PRESET_TOP, "hash_without", PRESET_PATHS,
        FIELD(preset, hash_without, struct config_list), 0, 0, NULL, "",
        "paths in a row of the list that change without the dossier having changed"),
    E1(INTEGER, TOP, ack_batch, "ack_batch", 1, 10000, "100",
       "ids of one acknowledgement, at most"),

    E1(CHOICE, AUTH, kind, enum preset_auth_kind, "kind", kinds, "none", "how calls are let in"),
    E1(PATH, AUTH, token_path, "token", "/access_token",
       "path of the token in the reply of the login"),
    E1(PATH, AUTH, expires_path, "expires", "", "path of its life in seconds; empty: life counts"),
    E1(DURATION, AUTH, life_ms, "life", 1 * S, 30 * D, "10m",
       "how long a token is good when the reply does not say it"),
    E1(TEXT, AUTH, header, "header", "Authorization", "header that carries the token"),
    E1(TEMPLATE, AUTH, value, "value", "Bearer {token}", "template of that header's value"),
    E1(BOOL, AUTH, basic_client, "basic_client",
       "oauth2: id and secret of the client go as Basic, not in the form"),
    E1(TEXT, AUTH, second_header, "second_header", "lgspaccesstoken",
       "lgsp: a further header of the login and of every call"),
    E1(TEMPLATE, AUTH, second, "second", "", "lgsp: template of its text, which is sent in base64"),

    E1(CHOICE, CURSOR, style, enum preset_cursor_style, "style", styles, "full",
       "how the product tells what is new"),
    E1(DURATION, CURSOR, overlap_ms, "overlap", 0, 365 * D, "10m",
       "since, window: so much before the last reading is read again"),
    E1(DURATION, CURSOR, window_ms, "window", 1 * M, 366 * D, "1d", "window: length of one"),
    E1(INTEGER, CURSOR, size, "size", 0, 10000, "0", "rows of a page; 0: page_size of the source"),
    E1(INTEGER, CURSOR, known, "known", 1, 100000, "100",
       "newest: so many rows in a row that are known end the reading"),
    E1(BOOL, CURSOR, first_page_is_1, "pages_from_1", "{page} counts from 1, not from 0"),
    E1(DURATION, CURSOR, page_delay_ms, "page_delay", 0, 10 * M, "0", "wait between two pages"),
    E1(DURATION, CURSOR, back_ms, "back", 0, 3650 * D, "365d",
       "how far the first reading goes back when the flow has no start_from"),

    E1(TEXT, CALL, method, "method", "", "empty: POST with a body, else GET"),
    E1(TEMPLATE, CALL, url, "url", "", "template of the address"),
    E1(TEMPLATE, CALL, body, "body", "", "template of the body; a list is put together"),
    E1(TEXT, CALL, content_type, "type", "",
       "type of the body; empty: what its first character says, json, xml or a form"),
    ROW("call", PRESET_CALL, "headers", PRESET_HEADERS_LIST, offsetof(struct preset_call, headers),
        0, 0, NULL, "", "further headers, each \"Name: template\""),
    E1(CHOICE, CALL, format, enum preset_format, "reply", formats, "",
       "json or xml; without it: format of the file"),
    ROW("call", PRESET_CALL, "unwrap", PRESET_UNWRAPS_LIST, offsetof(struct preset_call, unwrap), 0,
        0, NULL, "", "\"PATH as json\" or \"PATH as xml\": the text there is itself a document"),
    E1(PATH, CALL, ok_path, "ok", "", "path of a text that tells success"),
    E1(LIST, CALL, ok_values, "ok_values", "texts at ok that are success"),
    E1(PATH, CALL, ok_text_path, "ok_text_path", "", "path of words that tell success"),
    E1(TEXT, CALL, ok_text, "ok_text", "", "what those words hold on success"),
    E1(LIST, CALL, auth_values, "auth_values", "texts at ok that ask for a new login"),
    E1(PATH, CALL, words_path, "words", "", "path of the product's own words, for messages"),
    E1(PATH, CALL, rows, "rows", "", "path of the rows; empty: the reply itself"),
    E1(PATH, CALL, total, "total", "", "path of a count of all rows"),
    E1(PATH, CALL, last, "last", "", "path of a flag: there is no further page"),
    E1(PATH, CALL, next, "next", "", "path of the {cursor} of the next page"),
    E1(BOOL, CALL, one_row, "one_row", "what stands at rows is a single record"),

    PATH("skip", PRESET_SKIP, preset_skip, path, "path", "", "path in a record"),
    LIST("skip", PRESET_SKIP, preset_skip, values, "values",
         "texts there that mark what is no dossier"),

    LIST("dossier", PRESET_DOSSIER, preset_record, required, "required",
         "fields without which a dossier is refused"),
    PATH("step", PRESET_STEP, preset_record, rows, "rows", "",
         "path of the steps in the dossier; with call steps its own rows count"),
    LIST("step", PRESET_STEP, preset_record, required, "required",
         "fields without which a step is refused"),
    PATH("file", PRESET_FILE, preset_record, rows, "rows", "", "path of submitted files"),
    LIST("file", PRESET_FILE, preset_record, required, "required",
         "fields without which a file is refused"),
    PATH("result", PRESET_RESULT, preset_record, rows, "rows", "", "path of resulting papers"),
    LIST("result", PRESET_RESULT, preset_record, required, "required",
         "fields without which a paper is refused"),
    LIST("procedure", PRESET_PROCEDURE, preset_record, required, "required",
         "fields without which a procedure is refused"),
};
/* clang-format on */

/* ---- sections ---- */

static const char *const sections[PRESET_SECTIONS] = {
    [PRESET_TOP] = "",
    [PRESET_NAMES] = "namespaces",
    [PRESET_AUTH] = "auth",
    [PRESET_CURSOR] = "cursor",
    [PRESET_CALL] = "call",
    [PRESET_SKIP] = "skip",
    [PRESET_DOSSIER] = "dossier",
    [PRESET_STEP] = "step",
    [PRESET_FILE] = "file",
    [PRESET_RESULT] = "result",
    [PRESET_PROCEDURE] = "procedure",
};

const char *preset_section_name(enum preset_section section)
{
    return sections[section];
}

enum preset_section preset_section_find(const char *name)
{
    enum preset_section s = PRESET_NAMES;

    while (s < PRESET_SECTIONS && strcmp(sections[s], name) != 0) {
        s++;
    }
    return s;
}

const struct preset_row *preset_rows_of(enum preset_section section, size_t *n)
{
    const struct preset_row *first = NULL;

    *n = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].section == section) {
            first = first != NULL ? first : &rows[i];
            (*n)++;
        }
    }
    return first;
}

/* ---- fields of records: the keys are the canonical names without the unit of times ---- */

#define FIELDS(X)                                                                                  \
    X(DOSSIER, dossier, code, code, "the dossier's number, as sent in MaHoSo; needed")             \
    X(DOSSIER, dossier, local_no, local_no, "the province's own number when it differs")           \
    X(DOSSIER, dossier, procedure_code, procedure_code, "code of the procedure, raw")              \
    X(DOSSIER, dossier, procedure_name, procedure_name, "its name")                                \
    X(DOSSIER, dossier, sector_code, sector_code, "code of its sector")                            \
    X(DOSSIER, dossier, sector_name, sector_name, "name of its sector")                            \
    X(DOSSIER, dossier, agency_code, agency_code, "code of the agency that handles it, raw")       \
    X(DOSSIER, dossier, agency_name, agency_name, "its name (DonViXuLy)")                          \
    X(DOSSIER, dossier, status, status, "status, raw: second look-up of the map")                  \
    X(DOSSIER, dossier, substatus, substatus, "sub-status, raw: first look-up of the map")         \
    X(DOSSIER, dossier, status_name, status_name, "words of the status: third look-up")            \
    X(DOSSIER, dossier, channel, channel, "1 in person, 2 online, 3 by post (KenhThucHien)")       \
    X(DOSSIER, dossier, entry, entry, "1 handed in at the portal, 2 at the province (NoiNopHoSo)") \
    X(DOSSIER, dossier, result_by, result_by, "0 at the counter, 1 by post (HinhThuc)")            \
    X(DOSSIER, dossier, applicant_name, applicant_name, "name of the applicant (ChuHoSo)")         \
    X(DOSSIER, dossier, applicant_type, applicant_type,                                            \
      "1 citizen, 2 enterprise, 3 state agency, 4 organisation")                                   \
    X(DOSSIER, dossier, applicant_id, applicant_id, "number of the applicant's paper")             \
    X(DOSSIER, dossier, account_id, account_id, "TechID of the applicant (MaDoiTuong)")            \
    X(DOSSIER, dossier, email, email, "e-mail of the applicant")                                   \
    X(DOSSIER, dossier, phone, phone, "telephone of the applicant")                                \
    X(DOSSIER, dossier, subject, subject, "what it is about (TrichYeuHoSo)")                       \
    X(DOSSIER, dossier, receipt_no, receipt_no, "number of the receipt (SoBienNhan)")              \
    X(DOSSIER, dossier, note, note, "note (GhiChu)")                                               \
    X(DOSSIER, dossier, extra, extra,                                                              \
      "JSON only, each item \"KEY PATH\": a portal field that is sent as it stands at PATH")       \
    X(DOSSIER, dossier, submitted, submitted_s, "time of submission (NgayNopHoSo)")                \
    X(DOSSIER, dossier, received, received_s, "time of receipt (NgayTiepNhan)")                    \
    X(DOSSIER, dossier, promised, promised_s, "promised time (NgayHenTra)")                        \
    X(DOSSIER, dossier, finished, finished_s, "end of processing (NgayKetThucXuLy)")               \
    X(DOSSIER, dossier, returned, returned_s, "time the result was handed over (NgayTra)")         \
    X(DOSSIER, dossier, refused, refused_s, "time of refusal (NgayTuChoi)")                        \
    X(DOSSIER, dossier, changed, changed_s,                                                        \
      "time of the last change; the newest step's counts when it is later")                        \
    X(DOSSIER, dossier, digitised, digitised, "1 or 0 (HoSoCoThanhPhanSoHoa)")                     \
    X(DOSSIER, dossier, identified, identified, "1 or 0 (TaiKhoanDuocXacThucVoiVNeID)")            \
    X(DOSSIER, dossier, paid_online, paid_online, "0, 1 or 2 (DuocThanhToanTrucTuyen)")            \
    X(STEP, step, key, key, "the source's own id of the step; without it one is made")             \
    X(STEP, step, actor, actor, "officer (NguoiXuLy)")                                             \
    X(STEP, step, actor_title, actor_title, "the officer's title (ChucDanh)")                      \
    X(STEP, step, unit, unit, "unit (PhongBanXuLy)")                                               \
    X(STEP, step, text, text, "what was done (NoiDungXuLy)")                                       \
    X(STEP, step, status, status, "status, raw: second look-up of the map")                        \
    X(STEP, step, substatus, substatus, "sub-status, raw: first look-up of the map")               \
    X(STEP, step, status_name, status_name, "words of the status: third look-up")                  \
    X(STEP, step, extra, extra, "as in dossier")                                                   \
    X(STEP, step, at, at_s, "time of the step (ThoiDiemXuLy); needed")                             \
    X(STEP, step, begun, begun_s, "when it began (NgayBatDau)")                                    \
    X(STEP, step, due, due_s, "when it was due (NgayKetThucTheoQuyDinh)")                          \
    X(FILE, dossier_file, id, id, "the source's own id of the file")                               \
    X(FILE, dossier_file, name, name, "name of the file")                                          \
    X(FILE, dossier_file, component, component, "code of the component (MaThanhPhanHoSo)")         \
    X(FILE, dossier_file, url, url, "address that portal and citizen open")                        \
    X(FILE, dossier_file, result_code, result_code, "not used for submitted files")                \
    X(FILE, dossier_file, extra, extra, "as in dossier")                                           \
    X(RESULT, dossier_file, id, id, "the source's own id of the paper")                            \
    X(RESULT, dossier_file, name, name, "name of the paper")                                       \
    X(RESULT, dossier_file, component, component, "code of the component (MaThanhPhanHoSo)")       \
    X(RESULT, dossier_file, url, url, "address that portal and citizen open")                      \
    X(RESULT, dossier_file, result_code, result_code, "code of the paper (MaGiayToKetQua)")        \
    X(RESULT, dossier_file, extra, extra, "as in dossier")                                         \
    X(PROCEDURE, procedure, code, code, "code; needed")                                            \
    X(PROCEDURE, procedure, name, name, "name")                                                    \
    X(PROCEDURE, procedure, kind, kind, "kind (LOAITTHC)")                                         \
    X(PROCEDURE, procedure, status, status, "state as it stands (TRANGTHAI)")                      \
    X(PROCEDURE, procedure, publisher, publisher, "code of the agency that published it")          \
    X(PROCEDURE, procedure, publisher_name, publisher_name, "its name")                            \
    X(PROCEDURE, procedure, decision_id, decision_id, "id of the publishing decision")             \
    X(PROCEDURE, procedure, sector_code, sector_code, "code of the sector")                        \
    X(PROCEDURE, procedure, sector_name, sector_name, "name of the sector")                        \
    X(PROCEDURE, procedure, duration_text, duration_text, "how long it takes, in words")           \
    X(PROCEDURE, procedure, fee_text, fee_text, "what it costs, in words")                         \
    X(PROCEDURE, procedure, subjects_text, subjects_text, "for whom it is, in words")              \
    X(PROCEDURE, procedure, results_text, results_text, "what comes of it, in words")              \
    X(PROCEDURE, procedure, level, level, "4 full or partial service, 2 none")                     \
    X(PROCEDURE, procedure, active, active, "1: public")

#define WORD_DOSSIER "dossier"
#define WORD_STEP "step"
#define WORD_FILE "file"
#define WORD_RESULT "result"
#define WORD_PROCEDURE "procedure"
#define MEMBER(st, f)                                                                              \
    _Generic(((struct st *)0)->f, const char * : MEMBER_TEXT, int64_t : MEMBER_TIME, int           \
             : MEMBER_NUMBER, bool                                                                 \
             : MEMBER_BOOL)

static const struct preset_field_key field_keys[] = {
#define X(part, st, key, member, help)                                                             \
    {{WORD_##part, #key, help},                                                                    \
     #member,                                                                                      \
     PRESET_##part,                                                                                \
     MEMBER(st, member),                                                                           \
     offsetof(struct st, member)},
    FIELDS(X)
#undef X
};

const struct preset_field_key *preset_field_find(enum preset_section section, const char *key)
{
    for (size_t i = 0; i < COUNT(field_keys); i++) {
        if (field_keys[i].section == section && strcmp(field_keys[i].word.name, key) == 0) {
            return &field_keys[i];
        }
    }
    return NULL;
}

size_t preset_keys_of(enum preset_section section, const char *out[], size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < COUNT(rows) && n + 1 < max; i++) {
        if (rows[i].section == section) {
            out[n++] = rows[i].word.name;
        }
    }
    for (size_t i = 0; i < COUNT(field_keys) && n + 1 < max; i++) {
        if (field_keys[i].section == section) {
            out[n++] = field_keys[i].word.name;
        }
    }
    out[n] = NULL;
    return n;
}

const struct preset_word *preset_key(size_t index)
{
    if (index < COUNT(rows)) {
        return &rows[index].word;
    }
    index -= COUNT(rows);
    return index < COUNT(field_keys) ? &field_keys[index].word : NULL;
}

/* ---- converters ---- */

static const struct preset_word converters[] = {
    [CONVERT_TRIM] = {"", "trim", "drops white space around the text"},
    [CONVERT_UPPER] = {"", "upper", "ASCII letters in upper case"},
    [CONVERT_LOWER] = {"", "lower", "ASCII letters in lower case"},
    [CONVERT_DATE] = {"", "date",
                      "PATTERN, PATTERN...: a time; the first pattern that fits counts"},
    [CONVERT_LOOKUP] = {"", "lookup",
                        "A=B, C=D, *=E: another text; no match gives none, *=* keeps it"},
    [CONVERT_NATIONAL_PROCEDURE] = {"", "national_procedure",
                                    "the national part of a code, 1.001193.000.00.00.H56"},
    [CONVERT_AGENCY] = {"", "agency", "what is no agency code in either order gives none"},
    [CONVERT_DIGITS] = {"", "digits", "only the digits"},
    [CONVERT_SPLIT] = {"", "split", "SEP N: the part N, from 1, between separators; -1 the last"},
    [CONVERT_PREFIX] = {"", "prefix", "TEXT: put in front of a text that is not empty"},
    [CONVERT_YES_NO] = {"", "yes_no", "1 for true, yes, 1, x, co; 0 for false, no, 0, khong"},
    [CONVERT_DEFAULT] = {"", "default", "TEXT: what an empty text becomes"},
};

const struct preset_word *preset_converter(size_t index)
{
    return index < COUNT(converters) ? &converters[index] : NULL;
}

enum preset_how preset_converter_find(const char *name)
{
    enum preset_how how = CONVERT_TRIM;

    while (how < CONVERT_COUNT && strcmp(converters[how].name, name) != 0) {
        how++;
    }
    return how;
}

/* ---- placeholders ---- */

static const struct {
    struct preset_word word;
    unsigned where; /* enum preset_where */
    enum preset_filling what;
} placeholders[] = {
    {{"", "url", "address of the source"}, WHERE_ANY, FILL_TEXT},
    {{"", "username", "account of the source"}, WHERE_ANY, FILL_TEXT},
    {{"", "password", "the source's secret"}, WHERE_ANY, FILL_TEXT},
    {{"", "token", "what the login gave"}, WHERE_ANY & ~(unsigned)WHERE_LOGIN, FILL_TEXT},
    {{"", "session", "the same under another name"}, WHERE_ANY & ~(unsigned)WHERE_LOGIN, FILL_TEXT},
    {{"", "today", "the day, local"}, WHERE_ANY, FILL_TIME},
    {{"", "since", "begin of what is asked for"}, WHERE_LIST, FILL_TIME},
    {{"", "until", "its end"}, WHERE_LIST, FILL_TIME},
    {{"", "page", "number of the page"}, WHERE_LIST | WHERE_CATALOG, FILL_TEXT},
    {{"", "offset", "rows before the page"}, WHERE_LIST | WHERE_CATALOG, FILL_TEXT},
    {{"", "end", "offset plus size"}, WHERE_LIST | WHERE_CATALOG, FILL_TEXT},
    {{"", "size", "rows of a page"}, WHERE_LIST | WHERE_CATALOG, FILL_TEXT},
    {{"", "cursor", "what stood at next in the page before"},
     WHERE_LIST | WHERE_CATALOG,
     FILL_TEXT},
    {{"", "id", "id of the row"}, WHERE_ONE | WHERE_ACK, FILL_TEXT},
    {{"", "ids", "ids of the rows that are safe now"}, WHERE_ONE | WHERE_ACK, FILL_IDS},
    {{"", "code", "number of the dossier"}, WHERE_ONE, FILL_TEXT},
};

const struct preset_word *preset_placeholder(size_t index)
{
    return index < COUNT(placeholders) ? &placeholders[index].word : NULL;
}

unsigned preset_placeholder_where(const char *name, enum preset_filling *what)
{
    for (size_t i = 0; i < COUNT(placeholders); i++) {
        if (strcmp(placeholders[i].word.name, name) == 0) {
            *what = placeholders[i].what;
            return placeholders[i].where;
        }
    }
    return 0;
}
