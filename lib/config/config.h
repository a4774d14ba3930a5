/* config: what the operator's files say, as plain values.
 *
 * Loaded at once from one main file and a folder of additions, checked as a whole, then never
 * changed: a reload loads a second one and swaps. Durations are milliseconds unless the name says
 * otherwise. The list of keys, with bounds, defaults and help, is config_table.c alone. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "domain/map.h"

#define CONFIG_MAX_SOURCES 32
#define CONFIG_MAX_FLOWS 32
#define CONFIG_MAX_LIST 64

struct preset;
struct catalog_facts;
struct calendar;

/* A list of strings, owned by the config. */
struct config_list {
    const char *items[CONFIG_MAX_LIST];
    size_t n;
};

/* Section `portal`. */
struct config_portal {
    const char *name;        /* "portal": the endpoint's name in flows */
    const char *adapter_url; /* "" when there is no portal section: flows can't name it then */
    const char *auth_endpoint;
    const char *share_endpoint;
    const char *integration_endpoint;
    const char *agency_code; /* madonvi, as sent */
    const char *dstcode;     /* "": header left out */
    const char *username;
    const char *password_credential; /* name in $CREDENTIALS_DIRECTORY */
    const char *password_file;       /* 0400 file, for runs outside systemd; "" none */
    const char *fields;              /* "G1", "G2" or "G3" */
    const char *result_code_key;     /* "MaGiayToKetQua" or "MaKetQua" */
    uint32_t max_in_flight;          /* 1..256 */
    uint32_t dossier_rate;           /* calls a second, 0 none */
    uint32_t catalog_rate;           /* calls a second, 0 none */
    uint32_t seen_rate;              /* TraCuuHoSo a minute for flow seen and adopt, 0 none */
    uint64_t connect_timeout_ms;
    uint64_t request_timeout_ms;
    uint64_t stall_timeout_ms;
    uint64_t session_life_ms;
    uint64_t reply_limit_bytes;
    uint64_t list_limit_bytes;
    bool allow_plaintext;
    bool strict_success_text; /* code 0 with an unknown text is not success */
    bool decisions;           /* LayQDCB is answered */
    bool upserts;             /* isUpdating may be wrong without harm: capability idempotent */
    bool atomic_steps;        /* a refused call of several steps stored none */
    struct config_list permanent_text;
    struct config_list auth_error_text;
    struct config_list exists_text;
    struct config_list missing_text;
    const char *ca_file, *crl_file, *pinned_key; /* "" system defaults */
    /* Another way to the same portal: a province's bridge (national-portal.md section 11). */
    const char *transport; /* "direct" or "bridge" */
    uint32_t batch;        /* bridge: dossiers of one call, 1..100 */
    bool bridge_lookup;    /* the bridge passes TraCuuHoSo on */
    const char *bridge_token_credential, *bridge_token_file; /* "": no Authorization header */
    /* What the portal calls the services of section 10.4. */
    const char *intake_list_service;   /* LayDanhSachHoSo */
    const char *intake_detail_service; /* LayHoSo */
    const char *intake_ack_service;    /* XacNhanHoSo */
    uint64_t intake_every_ms;
};

/* Section `source NAME`: one provincial system. */
struct config_source {
    const char *name;
    const char *profile;          /* "opencps", "mapped", "spool", "gateway", "intake", "payments",
                                     "emc" */
    const char *url;              /* opencps, mapped, emc */
    const char *preset;           /* mapped: file of the preset, absolute */
    struct preset *loaded_preset; /* owned; NULL none; see config/preset.h */
    struct config_list params;    /* mapped: "name=value", for {name} in the preset */
    uint32_t rank;                /* 0: the profile's own (gateway 3, others 1) */
    bool national_status;         /* its statuses are 1..10 already */
    const char *status_map_path;
    struct map *status_map; /* its own; owned; NULL none */
    const char *dir;        /* spool */
    /* systems that push at us */
    const char *listen;               /* "127.0.0.1:8080"; "" nothing */
    const char *tls_certificate_file; /* PEM chain; "" plain, loopback only */
    const char *tls_key_credential, *tls_key_file;
    const char *accounts_credential, *accounts_file; /* lines "user:password" */
    struct config_list allow;                        /* addresses or nets; empty: loopback */
    uint64_t answer_timeout_ms;
    uint64_t cache_for_ms; /* gateway: reading services */
    uint64_t body_limit_bytes;
    uint32_t max_clients;    /* connections */
    uint32_t max_per_client; /* calls of one address at a time */
    const char *path_notice, *path_change, *path_receive, *path_search, *path_file; /* intake */
    const char *path_duty, *path_paid;                                              /* payments */
    const char *payee_account, *payee_bank, *payee_name; /* payments: whom the fees go to */
    const char *site_id;                                 /* emc: the province's number there */
    bool send_user;     /* emc: the applicant's identity number goes as user */
    const char *format; /* "json" or "xml" */
    const char *username;
    const char *password_credential;
    const char *password_file;
    const char *group_id;
    const char *file_url; /* template, "": files are not asked for */
    uint64_t poll_every_ms;
    uint64_t sweep_every_ms;
    uint64_t slow_sweep_every_ms; /* the big states */
    const char *full_sweep_at;    /* "01:30" local */
    uint32_t page_size;
    uint32_t max_in_flight; /* detail calls at a time */
    uint32_t rate;          /* calls a second, 0 none */
    uint64_t connect_timeout_ms;
    uint64_t request_timeout_ms;
    uint64_t stall_timeout_ms;
    uint64_t reply_limit_bytes;
    bool allow_plaintext;
    struct config_list small_states;  /* swept whole every sweep_every */
    struct config_list big_states;    /* swept every slow_sweep_every */
    struct config_list test_agencies; /* never sent, never counted */
    struct config_list
        test_accounts; /* actionUser / applicantIdNo values that mark a test dossier */
    const char *ca_file, *crl_file, *pinned_key;
};

enum flow_kind {
    FLOW_DOSSIERS,
    FLOW_CATALOG,
    FLOW_SEEN,
    FLOW_STATUS,
    FLOW_INTAKE,
    FLOW_RATINGS,
    FLOW_QUESTIONS,
    FLOW_PAYMENTS,
    FLOW_USAGE
};
enum flow_mode { FLOW_LIVE, FLOW_OBSERVE, FLOW_OFF };
enum steps_in_doubt { STEPS_RESEND, STEPS_ASK };

/* Section `flow NAME`; the kind is `kind`, by default the flow's own name (dossiers, catalog, seen,
 * status, intake, ratings, questions, payments, usage). */
struct config_flow {
    const char *name;
    enum flow_kind kind;
    enum flow_mode mode;
    const char *from;
    struct config_list also_from; /* dossiers, intake: further sources of the same dossiers */
    const char *to;               /* "" for seen */
    int64_t start_from_s;         /* 0: everything */
    const char *at;               /* catalog, seen: daily time "01:00"; "" none */
    uint64_t every_ms;            /* catalog: besides `at`; seen: how old an answer may be */
    uint64_t refresh_ms;          /* catalog: details older than this are read again */
    uint32_t shrink_percent; /* catalog: a list under this share of the last one changes nothing */
    enum steps_in_doubt steps_in_doubt;
};

struct config {
    const char *state_dir;
    const char *status_socket;
    const char *control_socket;
    const char *socket_group; /* of status_socket; "" the process's */
    const char *admin_group;  /* of control_socket */
    enum log_level log_level;
    bool log_dossier_code; /* codes of dossiers in log lines; else a short digest */
    uint64_t keep_payload_ms;
    uint64_t keep_history_ms; /* attempts and digests */
    uint64_t shutdown_timeout_ms;

    /* section `journal` */
    uint64_t journal_window_bytes;    /* uncommitted bytes at which intake stops */
    uint64_t journal_low_water_bytes; /* free space below which intake and sending stop */
    uint64_t journal_cache_bytes;

    /* section `retry` */
    uint64_t retry_first_ms;
    uint64_t retry_cap_ms;
    uint64_t give_up_after_ms;
    uint32_t give_up_attempts; /* and at least so many charged attempts */

    /* section `reconcile` */
    const char *reconcile_at; /* nightly, "HH:MM"; "" never by itself */
    uint32_t reconcile_sample;
    uint32_t reconcile_rate; /* look-ups a minute, 0 none */
    uint64_t reconcile_grace_ms;
    struct config_list reconcile_tolerate; /* "OURS/SHOWN" */

    /* section `deadlines`: days and hours are working ones */
    const char *calendar_path; /* "" none: calendar_plain */
    struct calendar *calendar; /* owned, never NULL; see domain/calendar.h */
    uint32_t publish_days;     /* to publish what the portal announced */
    uint32_t risk_hours;       /* promised within them and not acknowledged: at risk; 0 off */
    uint32_t silent_days;      /* an agency that sent nothing for so many is silent; 0 off */
    uint64_t silent_until_ms;  /* silent for longer: taken for closed */

    /* section `integrity`: `dvcsyncctl integrity` */
    struct config_list
        certified; /* codes of procedures and result papers that are certified copies */
    struct config_list links_allow; /* addresses and nets, with a port or none, that links may lead
                                       to (net_reach.h); empty: any but near ones */
    const char *links_ca_file;      /* "" the system's */
    bool links_plaintext;           /* http too */

    /* section `maps`: loaded with the configuration; a bad map is a configuration error */
    const char *status_map_path, *procedure_map_path, *agency_map_path; /* "" none */
    struct map *status_map, *procedure_map, *agency_map; /* owned; NULL when no path */
    const char *catalog_facts_path;      /* what no wire shows of procedures; "" none */
    struct catalog_facts *catalog_facts; /* owned; NULL when no path; see domain/catalog_facts.h */

    bool has_portal;
    struct config_portal portal;
    struct config_source sources[CONFIG_MAX_SOURCES];
    size_t n_sources;
    struct config_flow flows[CONFIG_MAX_FLOWS];
    size_t n_flows;

    void *impl; /* strings, origins: config.c's */
};

/* Faults of one load, at most 20 kept, in order of file and line. */
#define CONFIG_MAX_FAULTS 20
struct config_faults {
    size_t n; /* found, may exceed what is kept */
    char texts[CONFIG_MAX_FAULTS]
              [400]; /* "FILE:LINE: key: what is wrong; what is allowed; nearest known key" */
};

/* Loads main_path and main_path's folder + "/conf.d/" *.conf in byte order (later wins key by key).
 * All faults at once: ERR_IO when a file, maps and presets among them, could not be read for a
 * reason that may pass, ERR_DENIED when nothing is wrong but that files may not be read, else
 * ERR_CONFIG. ERR_NOMEM. While a statement is not understood, nothing is said about what seems
 * missing. Paths of maps, passwords and certificates come out
 * absolute. Reads no secret; blocks, so not for the loop except at start and reload. */
MUST_CHECK int config_load(const char *main_path, struct config **out,
                           struct config_faults *faults);
void config_free(struct config *c); /* NULL is fine */

/* What a canonical record of this source says in status_map. */
const char *config_source_statuses(const struct config_source *s);
/* The national status of a raw one, by the map that the record names; 0 when no row fits. *map: the
 * map that was asked, for messages; NULL when there is none. */
int config_map_status(const struct config *c, const char *status_map, const char *status,
                      const char *substatus, const char *name, int64_t at_s,
                      const struct map **map);

/* A section for who outlives the configuration: its texts are copied into the arena. The map and
 * the preset of a source stay the configuration's. ERR_NOMEM. */
MUST_CHECK int config_portal_copy(const struct config_portal *from, struct arena *a,
                                  struct config_portal *to);
MUST_CHECK int config_source_copy(const struct config_source *from, struct arena *a,
                                  struct config_source *to);

const struct config_source *config_source_find(const struct config *c, const char *name);
const struct config_flow *config_flow_find(const struct config *c, const char *name);

/* The effective configuration in the file's own syntax; with_origin adds "# FILE:LINE" or "#
 * default" behind each key. Secrets never stand in a config. As JSON for the status socket. */
int config_dump(const struct config *c, bool with_origin, struct buf *out);
int config_dump_json(const struct config *c, struct buf *out);

/* What a reload from a to b may not change (state_dir, sockets): ERR_CONFIG with the keys named. */
MUST_CHECK int config_reload_allowed(const struct config *a, const struct config *b,
                                     struct errmsg *msg);

/* Reads a secret: the credential in $CREDENTIALS_DIRECTORY when there is one of that name, else the
 * 0400 file owned by root or this user. One trailing newline is dropped. out holds at most size-1
 * bytes. Errors name the credential or file and the remedy, never the value. */
MUST_CHECK int config_secret(const char *credential, const char *file, char *out, size_t size,
                             struct errmsg *msg);
/* The same for a secret of several lines: a key in PEM, accounts. */
MUST_CHECK int config_secret_lines(const char *credential, const char *file, char *out, size_t size,
                                   struct errmsg *msg);

/* Before a start: every password, key, account file and certificate that the configuration names is
 * looked at, all faults at once. ERR_CONFIG, ERR_DENIED as above; *unseen counts the systemd
 * credentials that only the service itself can see. Blocks. */
MUST_CHECK int config_secrets_look(const struct config *c, struct config_faults *faults,
                                   size_t *unseen);

/* For the manual and the tests: the table of keys. Index from 0; NULL past the end. */
struct config_key_info {
    const char *section; /* "", "portal", "source", "flow", "retry", "journal", "maps" */
    const char *name;
    const char *type; /* "string", "duration", "size", "integer", "bool", "list", "choice", "time",
                         "date" */
    const char *default_text;
    const char *help; /* one line */
};
const struct config_key_info *config_key(size_t index);

#endif
