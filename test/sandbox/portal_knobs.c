#include "sandbox/portal_knobs.h"

#define NUMBER(n, lo, hi, d, h)                                                                    \
    {                                                                                              \
        .name = (n), .type = KNOB_INT, .min = (lo), .max = (hi), .def = (d), .help = (h)           \
    }
#define PERCENT(n, h) NUMBER(n, 0, 100, 0, h)
#define SWITCH(n, d, h)                                                                            \
    {                                                                                              \
        .name = (n), .type = KNOB_BOOL, .def = (d), .help = (h)                                    \
    }
#define CHOICE(n, c, d, h)                                                                         \
    {                                                                                              \
        .name = (n), .type = KNOB_CHOICE, .choices = (c), .def = (d), .help = (h)                  \
    }
#define TEXT(n, h)                                                                                 \
    {                                                                                              \
        .name = (n), .type = KNOB_TEXT, .help = (h)                                                \
    }

/* clang-format off */
const struct knob_row portal_knob_rows[PK_COUNT] = {
    [PK_SESSION_TTL] = NUMBER("session_ttl", 0, 86400, 600, "life of a session in seconds from its login"),
    [PK_SESSION_CALLS] = NUMBER("session_calls", 0, 1000000000, 0, "a session ends after so many calls; 0 = never"),
    [PK_SINGLE_SESSION] = SWITCH("single_session", 0, "a login ends all older sessions"),
    [PK_EXPIRY_STYLE] = CHOICE("expiry_style", "text|401", EXPIRY_TEXT, "how a dead session is reported"),
    [PK_LOGIN_FAIL] = CHOICE("login_fail", "off|on|500", LOGIN_FAIL_OFF, "logins are refused, or answered 500"),
    [PK_USERNAME] = TEXT("username", "the account; empty = any"),
    [PK_PASSWORD] = TEXT("password", "its password; empty = any"),
    [PK_LATENCY_MS] = NUMBER("latency_ms", 0, 600000, 0, "an answer leaves so much after the call was done"),
    [PK_LATENCY_JITTER_MS] = NUMBER("latency_jitter_ms", 0, 600000, 0, "and up to so much more"),
    [PK_HANG_PERCENT] = PERCENT("hang_percent", "calls done but not answered"),
    [PK_HANG_MS] = NUMBER("hang_ms", 1, 3600000, 120000, "after which a hanging connection is closed"),
    [PK_ERROR_CODE_TYPE] = CHOICE("error_code_type", "int|string|00", CODE_TYPE_INT, "how error_code is written"),
    [PK_DUPLICATE_CODE] = CHOICE("duplicate_code", "0|3|-3|mix", DUPLICATE_MINUS_3, "error_code of a duplicate"),
    [PK_DOUBLE_ENCODE] = SWITCH("double_encode", 0, "the reply is a text inside {\"message\":...}"),
    [PK_PRETTY_PRINT] = SWITCH("pretty_print", 0, "replies carry line breaks"),
    [PK_DROP_BEFORE_PERCENT] = PERCENT("drop_before_percent", "connection closed, nothing done"),
    [PK_DROP_AFTER_COMMIT_PERCENT] = PERCENT("drop_after_commit_percent", "stored, then connection closed unanswered"),
    [PK_FAIL_500_PERCENT] = PERCENT("fail_500_percent", "HTTP 500, nothing done"),
    [PK_FAIL_500_AFTER_COMMIT_PERCENT] = PERCENT("fail_500_after_commit_percent", "stored, then HTTP 500"),
    [PK_FAIL_429_PERCENT] = PERCENT("fail_429_percent", "HTTP 429, nothing done"),
    [PK_RETRY_AFTER_S] = NUMBER("retry_after_s", 0, 86400, 0, "Retry-After of 429 and of bursts; 0 = no header"),
    [PK_BURST_EVERY] = NUMBER("burst_every", 0, 1000000000, 0, "calls from one burst's end to the next one's; 0 = no bursts"),
    [PK_BURST_CALLS] = NUMBER("burst_calls", 0, 1000000000, 10, "calls that fail in a burst"),
    [PK_BURST_STATUS] = CHOICE("burst_status", "500|429", BURST_500, "their HTTP status"),
    [PK_LOOKUP_FAIL_PERCENT] = PERCENT("lookup_fail_percent", "TraCuuHoSo answers HTTP 500"),
    [PK_TRUNCATE_REPLY_PERCENT] = PERCENT("truncate_reply_percent", "replies cut in the middle"),
    [PK_TRUNCATE_STYLE] = CHOICE("truncate_style", "json|wire", TRUNCATE_JSON, "half the JSON, or a connection that breaks"),
    [PK_HTML_REPLY_PERCENT] = PERCENT("html_reply_percent", "HTTP 200 with an HTML page after the call was done"),
    [PK_EMPTY_REPLY_PERCENT] = PERCENT("empty_reply_percent", "HTTP 200 without a body after the call was done"),
    [PK_REDIRECT] = CHOICE("redirect", "off|same|other", REDIRECT_OFF, "307 to another path here, or to another host"),
    [PK_REQUIRE_DSTCODE] = SWITCH("require_dstcode", 0, "calls without the dstcode header are answered 400"),
    [PK_STRICT_TRANSITIONS] = SWITCH("strict_transitions", 0, "state changes outside section 6.3 are refused"),
    [PK_STRICT_VALUES] = SWITCH("strict_values", 1, "values outside the lists of section 5.2 are refused"),
    [PK_UPSERT] = SWITCH("upsert", 0, "isUpdating True makes an unknown dossier"),
    [PK_ATOMIC_BATCH] = SWITCH("atomic_batch", 0, "a refused item takes back the items before it"),
    [PK_STEP_DEDUPE] = SWITCH("step_dedupe", 1, "a step with a known key is not stored again"),
    [PK_REJECT_UNMAPPED] = SWITCH("reject_unmapped", 1, "an unknown MaTTHC is refused"),
    [PK_REQUIRED_FIELDS] = CHOICE("required_fields", "basic|g1|g2|none", REQUIRED_BASIC, "which fields must not be empty"),
    [PK_REQUIRE_RECEIVED_DATE] = SWITCH("require_received_date", 1, "NgayTiepNhan from state 2 on, except 3, 5, 7"),
    [PK_MAX_DOSSIERS_PER_CALL] = NUMBER("max_dossiers_per_call", 0, 100000, 0, "0 = any"),
    [PK_MAX_STEPS_PER_CALL] = NUMBER("max_steps_per_call", 0, 100000, 0, "0 = any"),
    [PK_MAX_GHICHU] = NUMBER("max_ghichu", 1, 1000000, 2000, "characters"),
    [PK_MAX_NGUOIXULY] = NUMBER("max_nguoixuly", 1, 1000000, 50, "characters"),
    [PK_MAX_TRICHYEU] = NUMBER("max_trichyeu", 1, 1000000, 1000, "characters"),
    [PK_MAX_TENTEPDINHKEM] = NUMBER("max_tentepdinhkem", 1, 1000000, 4000, "characters"),
    [PK_MAX_TENGIAYTO] = NUMBER("max_tengiayto", 1, 1000000, 2000, "characters, in results"),
    [PK_CATALOG_VERSION] = NUMBER("catalog_version", 1, 2, 1, "2 renames, changes, adds, withdraws and removes some"),
    [PK_CATALOG_SHRINK] = NUMBER("catalog_shrink", 0, 100, 100, "percent of LayDanhSachTTHC that is listed"),
    [PK_REFUSE_CODE] = TEXT("refuse_code", "snapshots with this MaHoSo are always refused"),
    [PK_BRIDGE_TOKEN] = TEXT("bridge_token", "bearer token that the bridge wants; empty = none"),
    [PK_BRIDGE_DOUBLE_ENCODE] = SWITCH("bridge_double_encode", 0, "the bridge's reply is a text inside {\"message\":...}"),
    [PK_BRIDGE_ERROR_CODE] = SWITCH("bridge_error_code", 1, "the bridge's replies carry error_code"),
    [PK_BRIDGE_LOOKUP] = SWITCH("bridge_lookup", 0, "the bridge passes TraCuuHoSo on"),
    [PK_INTAKE_PLAIN_ACK] = SWITCH("intake_plain_ack", 0, "XacNhanHoSo answers with a message and no error_code"),
    [PK_INTAKE_LIST_MAX] = NUMBER("intake_list_max", 0, 100000, 0, "rows of LayDanhSachHoSo at most; 0 = any"),
    [PK_OTHER_DUPLICATES] = SWITCH("other_duplicates", 0, "a rating, question or reply whose key is known is refused as a duplicate"),
    [PK_LEDGER_GROUP_MS] = NUMBER("ledger_group_ms", 0, 60000, 0, "the ledger is synced this often at most, answers don't wait for it; read at start"),
};
/* clang-format on */
