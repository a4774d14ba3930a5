#include "config/config_table.h"

#include <string.h>

#include "config/config.h"

#define KB UINT64_C(1024)
#define MB (1024 * KB)
#define GB (1024 * MB)
#define S UINT64_C(1000)
#define M (60 * S)
#define H (60 * M)
#define D (24 * H)

#define TEXT_BYTES 500   /* of a path, URL or name */
#define SOCKET_BYTES 107 /* sun_path without its NUL */

#define NAME_TOP ""
#define NAME_PORTAL "portal"
#define NAME_SOURCE "source"
#define NAME_FLOW "flow"
#define NAME_RETRY "retry"
#define NAME_JOURNAL "journal"
#define NAME_MAPS "maps"
#define NAME_RECONCILE "reconcile"
#define NAME_DEADLINES "deadlines"
#define NAME_INTEGRITY "integrity"

/* The offset of a field, and a compile error when the field has not the type that the row's type
 * writes. */
#define FIELD(st, f, t)                                                                            \
    (offsetof(struct st, f) + 0 * sizeof(char[_Generic(((struct st *)0)->f, t : 1)]))

#define ROW(sec, key, word, type, offset, min, max, dflt, choices, form, flags, help)              \
    {                                                                                              \
        {NAME_##sec, key, word, dflt, help}, SECTION_##sec, type, offset, min, max, choices, form, \
            flags                                                                                  \
    }
#define TEXT(sec, st, f, key, max, dflt, form, flags, help)                                        \
    ROW(sec, key, "string", CONFIG_STRING, FIELD(st, f, const char *), 0, max, dflt, NULL, form,   \
        flags, help)
#define DURATION(sec, st, f, key, min, max, dflt, help)                                            \
    ROW(sec, key, "duration", CONFIG_DURATION, FIELD(st, f, uint64_t), min, max, dflt, NULL,       \
        FORM_ANY, 0, help)
#define SIZE(sec, st, f, key, min, max, dflt, help)                                                \
    ROW(sec, key, "size", CONFIG_SIZE, FIELD(st, f, uint64_t), min, max, dflt, NULL, FORM_ANY, 0,  \
        help)
#define INTEGER(sec, st, f, key, min, max, dflt, help)                                             \
    ROW(sec, key, "integer", CONFIG_INTEGER, FIELD(st, f, uint32_t), min, max, dflt, NULL,         \
        FORM_ANY, 0, help)
#define BOOL(sec, st, f, key, dflt, help)                                                          \
    ROW(sec, key, "bool", CONFIG_BOOL, FIELD(st, f, bool), 0, 1, dflt, NULL, FORM_ANY, 0, help)
#define LIST(sec, st, f, key, dflt, help)                                                          \
    ROW(sec, key, "list", CONFIG_LIST, FIELD(st, f, struct config_list), 0, CONFIG_MAX_LIST, dflt, \
        NULL, FORM_ANY, 0, help)
#define CHOICE(sec, st, f, key, words, dflt, help)                                                 \
    ROW(sec, key, "choice", CONFIG_CHOICE, FIELD(st, f, const char *), 0, 0, dflt, words,          \
        FORM_ANY, 0, help)
#define CHOICE_ENUM(sec, st, f, type, key, words, dflt, flags, help)                               \
    ROW(sec, key, "choice", CONFIG_CHOICE_ENUM, FIELD(st, f, type), 0, 0, dflt, words, FORM_ANY,   \
        flags, help)
#define TIME(sec, st, f, key, dflt, help)                                                          \
    ROW(sec, key, "time", CONFIG_TIME, FIELD(st, f, const char *), 0, 0, dflt, NULL, FORM_ANY, 0,  \
        help)
#define DATE(sec, st, f, key, help)                                                                \
    ROW(sec, key, "date", CONFIG_DATE, FIELD(st, f, int64_t), 0, 0, "", NULL, FORM_ANY, 0, help)

static const char *const profiles[] = {"opencps", "mapped",   "spool", "gateway",
                                       "intake",  "payments", "emc",   NULL};
static const char *const transports[] = {"direct", "bridge", NULL};

static const char *const levels[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn",   [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug", NULL};
static const char *const generations[] = {"G1", "G2", "G3", NULL};
static const char *const result_keys[] = {"MaGiayToKetQua", "MaKetQua", NULL};
static const char *const formats[] = {"json", "xml", NULL};
static const char *const kinds[] = {[FLOW_DOSSIERS] = "dossiers",   [FLOW_CATALOG] = "catalog",
                                    [FLOW_SEEN] = "seen",           [FLOW_STATUS] = "status",
                                    [FLOW_INTAKE] = "intake",       [FLOW_RATINGS] = "ratings",
                                    [FLOW_QUESTIONS] = "questions", [FLOW_PAYMENTS] = "payments",
                                    [FLOW_USAGE] = "usage",         NULL};
static const char *const modes[] = {
    [FLOW_LIVE] = "live", [FLOW_OBSERVE] = "observe", [FLOW_OFF] = "off", NULL};
static const char *const doubts[] = {[STEPS_RESEND] = "resend", [STEPS_ASK] = "ask", NULL};

static const struct config_row rows[] = {
    TEXT(TOP, config, state_dir, "state_dir", TEXT_BYTES, "/var/lib/dvcsync", FORM_ABSOLUTE,
         ROW_REQUIRED | ROW_FIXED, "folder of the journal"),
    TEXT(TOP, config, status_socket, "status_socket", SOCKET_BYTES, "/run/dvcsync/status.sock",
         FORM_ABSOLUTE, ROW_REQUIRED | ROW_FIXED, "socket that answers questions"),
    TEXT(TOP, config, control_socket, "control_socket", SOCKET_BYTES, "/run/dvcsync/control.sock",
         FORM_ABSOLUTE, ROW_REQUIRED | ROW_FIXED, "socket that also takes orders"),
    TEXT(TOP, config, socket_group, "socket_group", 64, "", FORM_ANY, ROW_FIXED,
         "group that may use status_socket; empty: the process's own"),
    TEXT(TOP, config, admin_group, "admin_group", 64, "", FORM_ANY, ROW_FIXED,
         "group that may use control_socket; empty: the process's own"),
    CHOICE_ENUM(TOP, config, log_level, enum log_level, "log_level", levels, "info", 0,
                "how much is logged"),
    BOOL(TOP, config, log_dossier_code, "log_dossier_code", "no",
         "codes of dossiers stand in log lines, else a short digest"),
    DURATION(TOP, config, keep_payload_ms, "keep_payload", 1 * S, 3650 * D, "7d",
             "how long the content of a settled dossier stays in the journal"),
    DURATION(TOP, config, keep_history_ms, "keep_history", 1 * S, 3650 * D, "365d",
             "how long attempts and digests stay in the journal"),
    DURATION(TOP, config, shutdown_timeout_ms, "shutdown_timeout", 100, 10 * M, "20s",
             "how long a stop waits for calls under way"),

    TEXT(PORTAL, config_portal, adapter_url, "adapter_url", TEXT_BYTES, "", FORM_URL, ROW_REQUIRED,
         "address of the integration adapter; endpoints are put behind it as they are"),
    TEXT(PORTAL, config_portal, auth_endpoint, "auth_endpoint", TEXT_BYTES, "/mapi/login",
         FORM_ENDPOINT, ROW_REQUIRED, "path of the login service"),
    TEXT(PORTAL, config_portal, share_endpoint, "share_endpoint", TEXT_BYTES, "/mapi/g",
         FORM_ENDPOINT, ROW_REQUIRED, "path of the sharing services (catalogue)"),
    TEXT(PORTAL, config_portal, integration_endpoint, "integration_endpoint", TEXT_BYTES, "/mapi/g",
         FORM_ENDPOINT, ROW_REQUIRED, "path of the integration services (dossiers)"),
    TEXT(PORTAL, config_portal, agency_code, "agency_code", 64, "", FORM_ANY, ROW_REQUIRED,
         "the province's own code, sent as madonvi"),
    TEXT(PORTAL, config_portal, dstcode, "dstcode", TEXT_BYTES, "", FORM_ANY, 0,
         "routing code for the adapter; empty: the header is left out"),
    TEXT(PORTAL, config_portal, username, "username", TEXT_BYTES, "", FORM_ANY, 0,
         "account given by the portal; a bridge needs none"),
    TEXT(PORTAL, config_portal, password_credential, "password_credential", 255, "portal-password",
         FORM_CREDENTIAL, 0, "systemd credential that holds the password"),
    TEXT(PORTAL, config_portal, password_file, "password_file", TEXT_BYTES, "", FORM_PATH, 0,
         "file of mode 0400 with the password, for runs without systemd"),
    CHOICE(PORTAL, config_portal, fields, "fields", generations, "G3",
           "generation of the field set that is sent"),
    CHOICE(PORTAL, config_portal, result_code_key, "result_code_key", result_keys, "MaGiayToKetQua",
           "name of the key that carries a result paper's code"),
    INTEGER(PORTAL, config_portal, max_in_flight, "max_in_flight", 1, 256, "8",
            "calls at a time, at most"),
    INTEGER(PORTAL, config_portal, dossier_rate, "dossier_rate", 0, 10000, "0",
            "dossier calls a second; 0: no limit"),
    INTEGER(PORTAL, config_portal, catalog_rate, "catalog_rate", 0, 10000, "5",
            "catalogue calls a second; 0: no limit"),
    INTEGER(PORTAL, config_portal, seen_rate, "seen_rate", 0, 100000, "120",
            "look-ups a minute of flow seen and of adopt; 0: no limit"),
    DURATION(PORTAL, config_portal, connect_timeout_ms, "connect_timeout", 10, 10 * M, "5s",
             "time to connect, TLS included"),
    DURATION(PORTAL, config_portal, request_timeout_ms, "request_timeout", 10, 1 * H, "45s",
             "time for a whole call"),
    DURATION(PORTAL, config_portal, stall_timeout_ms, "stall_timeout", 10, 1 * H, "20s",
             "a call on which nothing moves for so long is given up"),
    DURATION(PORTAL, config_portal, session_life_ms, "session_life", 100, 1 * D, "600s",
             "life of a login session; it is renewed at 80 % of it"),
    SIZE(PORTAL, config_portal, reply_limit_bytes, "reply_limit", 1 * KB, 1 * GB, "8MB",
         "a longer reply is refused"),
    SIZE(PORTAL, config_portal, list_limit_bytes, "list_limit", 1 * KB, 1 * GB, "64MB",
         "the same for catalogue lists"),
    BOOL(PORTAL, config_portal, allow_plaintext, "allow_plaintext", "no",
         "http addresses are allowed, not only https"),
    BOOL(PORTAL, config_portal, strict_success_text, "strict_success_text", "no",
         "error_code 0 with an unknown text is not taken for success"),
    BOOL(PORTAL, config_portal, decisions, "decisions", "no",
         "LayQDCB is answered (by a bridge): decisions are read, each once"),
    BOOL(PORTAL, config_portal, upserts, "upserts", "no",
         "the portal takes a wrong isUpdating without harm, so doubt needs no look-up"),
    BOOL(PORTAL, config_portal, atomic_steps, "atomic_steps", "no",
         "of a refused call with several steps the portal stored none"),
    LIST(PORTAL, config_portal, permanent_text, "permanent_text",
         "không hợp lệ, không đúng, bắt buộc, vượt quá", "texts of refusals that are for good"),
    LIST(PORTAL, config_portal, auth_error_text, "auth_error_text",
         "phiên làm việc, session, token, chưa đăng nhập, đăng nhập lại",
         "texts of refusals that ask for a new login"),
    LIST(PORTAL, config_portal, exists_text, "exists_text", "đã tồn tại",
         "texts that say a dossier is already there"),
    LIST(PORTAL, config_portal, missing_text, "missing_text", "không tồn tại",
         "texts that say a dossier is not there"),
    TEXT(PORTAL, config_portal, ca_file, "ca_file", TEXT_BYTES, "", FORM_PATH, 0,
         "PEM file of trusted authorities; empty: the system's"),
    TEXT(PORTAL, config_portal, crl_file, "crl_file", TEXT_BYTES, "", FORM_PATH, 0,
         "PEM file of revoked certificates; empty: none"),
    TEXT(PORTAL, config_portal, pinned_key, "pinned_key", TEXT_BYTES, "", FORM_PIN, 0,
         "public key that the server must have; empty: any trusted one"),
    CHOICE(PORTAL, config_portal, transport, "transport", transports, "direct",
           "direct: the portal's own envelope; bridge: bare arrays through a province's bridge"),
    INTEGER(PORTAL, config_portal, batch, "batch", 1, 100, "1",
            "bridge: dossiers sent in one call, at most"),
    BOOL(PORTAL, config_portal, bridge_lookup, "bridge_lookup", "no",
         "the bridge passes look-ups (TraCuuHoSo) on"),
    TEXT(PORTAL, config_portal, bridge_token_credential, "bridge_token_credential", 255, "",
         FORM_CREDENTIAL, 0, "systemd credential that holds the bridge's bearer token"),
    TEXT(PORTAL, config_portal, bridge_token_file, "bridge_token_file", TEXT_BYTES, "", FORM_PATH,
         0, "file of mode 0400 with that token, for runs without systemd"),
    TEXT(PORTAL, config_portal, intake_list_service, "intake_list_service", 64, "LayDanhSachHoSo",
         FORM_ANY, 0, "service that lists dossiers born at the portal"),
    TEXT(PORTAL, config_portal, intake_detail_service, "intake_detail_service", 64, "LayHoSo",
         FORM_ANY, 0, "service that gives one of them in full"),
    TEXT(PORTAL, config_portal, intake_ack_service, "intake_ack_service", 64, "XacNhanHoSo",
         FORM_ANY, 0, "service that is told that the province has it"),
    DURATION(PORTAL, config_portal, intake_every_ms, "intake_every", 100, 1 * D, "10m",
             "time between two looks at what was born at the portal"),

    CHOICE(SOURCE, config_source, profile, "profile", profiles, "opencps",
           "which provincial product it is"),
    TEXT(SOURCE, config_source, url, "url", TEXT_BYTES, "", FORM_URL, 0,
         "opencps, mapped: address of its service; emc: address of the call"),
    TEXT(SOURCE, config_source, preset, "preset", TEXT_BYTES, "", FORM_PATH, 0,
         "mapped: file that says what the product speaks"),
    LIST(SOURCE, config_source, params, "params", "",
         "mapped: values for the preset's {name}, each \"name=value\""),
    INTEGER(SOURCE, config_source, rank, "rank", 0, 9, "0",
            "weight of its word when several sources know a dossier; 0: the profile's own"),
    BOOL(SOURCE, config_source, national_status, "national_status", "no",
         "its statuses are the national ones, 1 to 10"),
    TEXT(SOURCE, config_source, status_map_path, "status_map", TEXT_BYTES, "", FORM_PATH, 0,
         "its own file of statuses; empty: the one of section maps"),
    TEXT(SOURCE, config_source, dir, "dir", TEXT_BYTES, "", FORM_PATH, 0,
         "spool: folder of files; made when missing"),
    TEXT(SOURCE, config_source, listen, "listen", 64, "", FORM_ANY, 0,
         "ADDRESS:PORT where the system pushes; empty: nothing is taken"),
    TEXT(SOURCE, config_source, tls_certificate_file, "tls_certificate_file", TEXT_BYTES, "",
         FORM_PATH, 0, "PEM chain of the listener; empty: plain, on loopback only"),
    TEXT(SOURCE, config_source, tls_key_credential, "tls_key_credential", 255, "", FORM_CREDENTIAL,
         0, "systemd credential that holds the listener's key"),
    TEXT(SOURCE, config_source, tls_key_file, "tls_key_file", TEXT_BYTES, "", FORM_PATH, 0,
         "file of mode 0400 with that key, for runs without systemd"),
    TEXT(SOURCE, config_source, accounts_credential, "accounts_credential", 255, "",
         FORM_CREDENTIAL, 0, "systemd credential with the accounts that may push, user:password"),
    TEXT(SOURCE, config_source, accounts_file, "accounts_file", TEXT_BYTES, "", FORM_PATH, 0,
         "file of mode 0400 with those accounts, for runs without systemd"),
    LIST(SOURCE, config_source, allow, "allow", "127.0.0.1, ::1",
         "addresses or nets (10.1.0.0/16) that may push"),
    DURATION(SOURCE, config_source, answer_timeout_ms, "answer_timeout", 10, 10 * M, "5s",
             "gateway: how long a client waits for the portal's own answer"),
    DURATION(SOURCE, config_source, cache_for_ms, "cache_for", 0, 1 * D, "10m",
             "gateway: how long answers of reading services are kept"),
    SIZE(SOURCE, config_source, body_limit_bytes, "body_limit", 1 * KB, 64 * MB, "1MB",
         "a longer request is refused"),
    INTEGER(SOURCE, config_source, max_clients, "max_clients", 1, 4096, "128",
            "connections at a time"),
    INTEGER(SOURCE, config_source, max_per_client, "max_per_client", 1, 4096, "16",
            "calls of one address handled at a time; more wait a while"),
    TEXT(SOURCE, config_source, path_notice, "path_notice", TEXT_BYTES, "/addtthcKhuyenMai",
         FORM_ENDPOINT, 0, "intake: path for promotion notices"),
    TEXT(SOURCE, config_source, path_change, "path_change", TEXT_BYTES, "/nhanhsdvcqg",
         FORM_ENDPOINT, 0, "intake: path for amended notices"),
    TEXT(SOURCE, config_source, path_receive, "path_receive", TEXT_BYTES, "/nhanhoso",
         FORM_ENDPOINT, 0, "intake: path for dossiers"),
    TEXT(SOURCE, config_source, path_search, "path_search", TEXT_BYTES, "/search/call",
         FORM_ENDPOINT, 0, "intake: path for look-ups"),
    TEXT(SOURCE, config_source, path_file, "path_file", TEXT_BYTES, "/downloadfile", FORM_ENDPOINT,
         0, "intake: path under which the province's files are fetched"),
    TEXT(SOURCE, config_source, path_duty, "path_duty", TEXT_BYTES, "/dptracuuthanhtoanhs",
         FORM_ENDPOINT, 0, "payments: path that tells what is to be paid"),
    TEXT(SOURCE, config_source, path_paid, "path_paid", TEXT_BYTES, "/dpnhankqthanhtoanhs",
         FORM_ENDPOINT, 0, "payments: path for the results of payments"),
    TEXT(SOURCE, config_source, payee_account, "payee_account", 64, "", FORM_ANY, 0,
         "payments: account that the fees go to (TKThuHuong)"),
    TEXT(SOURCE, config_source, payee_bank, "payee_bank", 64, "", FORM_ANY, 0,
         "payments: code of its bank (MaNHThuHuong)"),
    TEXT(SOURCE, config_source, payee_name, "payee_name", TEXT_BYTES, "", FORM_ANY, 0,
         "payments: its holder (TenTKThuHuong)"),
    TEXT(SOURCE, config_source, site_id, "site_id", 64, "", FORM_ANY, 0,
         "emc: the province's number there (siteId)"),
    BOOL(SOURCE, config_source, send_user, "send_user", "no",
         "emc: the applicant's identity number is sent (user)"),
    CHOICE(SOURCE, config_source, format, "format", formats, "json", "format that is asked for"),
    TEXT(SOURCE, config_source, username, "username", TEXT_BYTES, "", FORM_ANY, 0,
         "account; empty: no login"),
    TEXT(SOURCE, config_source, password_credential, "password_credential", 255, "",
         FORM_CREDENTIAL, 0, "systemd credential that holds the password"),
    TEXT(SOURCE, config_source, password_file, "password_file", TEXT_BYTES, "", FORM_PATH, 0,
         "file of mode 0400 with the password, for runs without systemd"),
    TEXT(SOURCE, config_source, group_id, "group_id", 64, "", FORM_ANY, 0,
         "the site's number, sent as groupId"),
    TEXT(SOURCE, config_source, file_url, "file_url", TEXT_BYTES, "", FORM_URL, 0,
         "address of a dossier's file with {dossierId} and {referenceUid}; empty: no files"),
    DURATION(SOURCE, config_source, poll_every_ms, "poll_every", 100, 1 * D, "30s",
             "time between two looks at what is new"),
    DURATION(SOURCE, config_source, sweep_every_ms, "sweep_every", 100, 1 * D, "5m",
             "time between two sweeps of yesterday, today and the small states"),
    DURATION(SOURCE, config_source, slow_sweep_every_ms, "slow_sweep_every", 100, 7 * D, "1h",
             "time between two sweeps of the big states"),
    TIME(SOURCE, config_source, full_sweep_at, "full_sweep_at", "01:30",
         "daily sweep of all open dossiers; empty: none"),
    INTEGER(SOURCE, config_source, page_size, "page_size", 10, 500, "200",
            "rows asked for at once"),
    INTEGER(SOURCE, config_source, max_in_flight, "max_in_flight", 1, 256, "4",
            "detail calls at a time, at most"),
    INTEGER(SOURCE, config_source, rate, "rate", 0, 10000, "0", "calls a second; 0: no limit"),
    DURATION(SOURCE, config_source, connect_timeout_ms, "connect_timeout", 10, 10 * M, "5s",
             "time to connect, TLS included"),
    DURATION(SOURCE, config_source, request_timeout_ms, "request_timeout", 10, 1 * H, "45s",
             "time for a whole call"),
    DURATION(SOURCE, config_source, stall_timeout_ms, "stall_timeout", 10, 1 * H, "20s",
             "a call on which nothing moves for so long is given up"),
    SIZE(SOURCE, config_source, reply_limit_bytes, "reply_limit", 1 * KB, 1 * GB, "8MB",
         "a longer reply is refused"),
    BOOL(SOURCE, config_source, allow_plaintext, "allow_plaintext", "no",
         "http addresses are allowed, not only https"),
    LIST(SOURCE, config_source, small_states, "small_states",
         "new, receiving, waiting, paying, cancelled, cancelling, releasing, denied, unresolved, "
         "correcting, pausing, collecting, handover, interoperating, posting",
         "statuses with few dossiers, swept whole every sweep_every"),
    LIST(SOURCE, config_source, big_states, "big_states", "processing",
         "statuses with many dossiers, swept every slow_sweep_every"),
    LIST(SOURCE, config_source, test_agencies, "test_agencies", "",
         "agencies whose dossiers are tests: never sent, never counted"),
    LIST(SOURCE, config_source, test_accounts, "test_accounts", "",
         "accounts and identity numbers that mark a dossier as a test"),
    TEXT(SOURCE, config_source, ca_file, "ca_file", TEXT_BYTES, "", FORM_PATH, 0,
         "PEM file of trusted authorities; empty: the system's"),
    TEXT(SOURCE, config_source, crl_file, "crl_file", TEXT_BYTES, "", FORM_PATH, 0,
         "PEM file of revoked certificates; empty: none"),
    TEXT(SOURCE, config_source, pinned_key, "pinned_key", TEXT_BYTES, "", FORM_PIN, 0,
         "public key that the server must have; empty: any trusted one"),

    CHOICE_ENUM(FLOW, config_flow, kind, enum flow_kind, "kind", kinds, "", ROW_FIXED,
                "what flows; empty: as the flow is named"),
    CHOICE_ENUM(FLOW, config_flow, mode, enum flow_mode, "mode", modes, "live", 0,
                "live sends, observe only shows what would be sent, off does nothing"),
    TEXT(FLOW, config_flow, from, "from", 32, "", FORM_ANY, ROW_REQUIRED | ROW_FIXED,
         "where records come from: portal or a source"),
    ROW(FLOW, "also_from", "list", CONFIG_LIST, FIELD(config_flow, also_from, struct config_list),
        0, CONFIG_MAX_LIST, "", NULL, FORM_ANY, ROW_FIXED,
        "dossiers, intake: further sources that know the same dossiers"),
    TEXT(FLOW, config_flow, to, "to", 32, "", FORM_ANY, ROW_FIXED,
         "where they go: portal or a source; empty: only into the journal"),
    DATE(FLOW, config_flow, start_from_s, "start_from",
         "older dossiers are not read at the first time; empty: everything"),
    TIME(FLOW, config_flow, at, "at", "", "catalog: daily time of a full reading; empty: none"),
    DURATION(FLOW, config_flow, every_ms, "every", 1 * S, 365 * D, "1d",
             "catalog, questions: time between readings; seen: how old an answer may be"),
    DURATION(FLOW, config_flow, refresh_ms, "refresh", 1 * S, 365 * D, "7d",
             "catalog: details older than this are read again"),
    INTEGER(FLOW, config_flow, shrink_percent, "shrink_percent", 0, 100, "80",
            "catalog: a list shorter than this share of the last one changes nothing"),
    CHOICE_ENUM(FLOW, config_flow, steps_in_doubt, enum steps_in_doubt, "steps_in_doubt", doubts,
                "resend", 0,
                "a step that the portal may have, an event that EMC may have: send it again, or "
                "ask a person"),

    DURATION(RETRY, config, retry_first_ms, "first", 10, 1 * D, "30s",
             "delay after the first failure"),
    DURATION(RETRY, config, retry_cap_ms, "cap", 10, 1 * D, "1h", "longest delay"),
    DURATION(RETRY, config, give_up_after_ms, "give_up_after", 1 * S, 365 * D, "5d",
             "an older item is held for a person"),
    INTEGER(RETRY, config, give_up_attempts, "give_up_attempts", 1, 1000, "10",
            "but only after so many attempts"),

    SIZE(JOURNAL, config, journal_window_bytes, "window", 64 * KB, 1 * GB, "4MB",
         "uncommitted bytes at which intake stops"),
    SIZE(JOURNAL, config, journal_low_water_bytes, "low_water", 0, 1024 * GB, "64MB",
         "free space on disk below which intake and sending stop"),
    SIZE(JOURNAL, config, journal_cache_bytes, "cache", 256 * KB, 4 * GB, "8MB",
         "page cache of the journal"),

    TEXT(MAPS, config, status_map_path, "status", TEXT_BYTES, "", FORM_PATH, 0,
         "file: local status to national status"),
    TEXT(MAPS, config, procedure_map_path, "procedure", TEXT_BYTES, "", FORM_PATH, 0,
         "file: local procedure code to national code"),
    TEXT(MAPS, config, agency_map_path, "agency", TEXT_BYTES, "", FORM_PATH, 0,
         "file: local agency code to the code to send"),
    TEXT(MAPS, config, catalog_facts_path, "catalog", TEXT_BYTES, "", FORM_PATH, 0,
         "file: what no wire shows of procedures, for catalog report; empty: none"),

    TIME(RECONCILE, config, reconcile_at, "at", "",
         "daily time of a reconciliation by sample; empty: only when asked for"),
    INTEGER(RECONCILE, config, reconcile_sample, "sample", 1, 100000, "200",
            "dossiers of that sample"),
    INTEGER(RECONCILE, config, reconcile_rate, "rate", 0, 100000, "60",
            "look-ups a minute of a reconciliation; 0: as seen_rate of the portal allows"),
    DURATION(RECONCILE, config, reconcile_grace_ms, "grace", 0, 30 * D, "15m",
             "what changed later than this before its look-up counts as in grace"),
    LIST(RECONCILE, config, reconcile_tolerate, "tolerate", "",
         "pairs OURS/SHOWN of statuses that count as tolerated; 0: shows none, *: any of ours"),

    TEXT(DEADLINES, config, calendar_path, "calendar", TEXT_BYTES, "", FORM_PATH, 0,
         "file of working days and hours; empty: Monday to Friday, no holidays"),
    INTEGER(DEADLINES, config, publish_days, "publish_days", 1, 60, "5",
            "working days to publish what the portal announced"),
    INTEGER(DEADLINES, config, risk_hours, "risk_hours", 0, 80, "8",
            "a dossier promised within so many working hours is at risk until delivered; 0: off"),
    INTEGER(DEADLINES, config, silent_days, "silent_days", 0, 60, "2",
            "an agency that sent nothing for so many working days is silent; 0: off"),
    DURATION(DEADLINES, config, silent_until_ms, "silent_until", 1 * D, 3650 * D, "30d",
             "an agency that is silent for longer is taken for closed, and not told any more"),

    LIST(INTEGRITY, config, certified, "certified", "2.000815, 2.000942",
         "codes of procedures and result papers that are certified copies, which nobody signs"),
    LIST(INTEGRITY, config, links_allow, "links_allow", "",
         "addresses and nets that links of results may lead to; empty: all but private ones"),
    TEXT(INTEGRITY, config, links_ca_file, "links_ca_file", TEXT_BYTES, "", FORM_PATH, 0,
         "file of authorities for these links; empty: the system's"),
    BOOL(INTEGRITY, config, links_plaintext, "links_plaintext", "no",
         "links with http are opened too, not only https"),
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *const section_names[SECTION_COUNT] = {
    [SECTION_TOP] = NAME_TOP,
    [SECTION_PORTAL] = NAME_PORTAL,
    [SECTION_SOURCE] = NAME_SOURCE,
    [SECTION_FLOW] = NAME_FLOW,
    [SECTION_RETRY] = NAME_RETRY,
    [SECTION_JOURNAL] = NAME_JOURNAL,
    [SECTION_MAPS] = NAME_MAPS,
    [SECTION_RECONCILE] = NAME_RECONCILE,
    [SECTION_DEADLINES] = NAME_DEADLINES,
    [SECTION_INTEGRITY] = NAME_INTEGRITY,
};

const struct config_row *config_row_at(size_t index)
{
    return index < N_ROWS ? &rows[index] : NULL;
}

const struct config_row *config_rows_of(enum config_section section, size_t *n)
{
    size_t first = 0;

    while (first < N_ROWS && rows[first].section != section) {
        first++;
    }
    *n = 0;
    while (first + *n < N_ROWS && rows[first + *n].section == section) {
        (*n)++;
    }
    return &rows[first];
}

const struct config_row *config_row_find(enum config_section section, const char *name)
{
    size_t n;
    const struct config_row *row = config_rows_of(section, &n);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(row[i].info.name, name) == 0) {
            return &row[i];
        }
    }
    return NULL;
}

const char *config_section_name(enum config_section section)
{
    return section_names[section];
}

enum config_section config_section_find(const char *name)
{
    for (enum config_section s = SECTION_PORTAL; s < SECTION_COUNT; s++) {
        if (strcmp(section_names[s], name) == 0) {
            return s;
        }
    }
    return SECTION_COUNT;
}

const struct config_key_info *config_key(size_t index)
{
    return index < N_ROWS ? &rows[index].info : NULL;
}
