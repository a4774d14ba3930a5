/* Small grammars: times, codes, statuses, ages, addresses, Authorization headers, cursors, texts.
 * What is read can be written and reads as the same.
 *
 * Input: a byte chooses; then texts with 0x1F between them. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/listen_account.h"
#include "adapter/mapped_cursor.h"
#include "adapter/opencps_field.h"
#include "adapter/portal_reply.h"
#include "base/buf.h"
#include "base/net_allow.h"
#include "base/text.h"
#include "codec/json.h"
#include "config/preset.h"
#include "daemon/ctl_text.h"
#include "domain/codes.h"
#include "domain/status.h"
#include "domain/vntime.h"
#include "fuzz/fuzz.h"

#define TEXT_MAX ((size_t)1 << 20)
#define FIRST_S INT64_C(-2208988800) /* 1900, less a day for the zone */
#define LAST_S INT64_C(7289654400)   /* 2201, and a day */

static void times(struct fuzz_in *in)
{
    static const char *const patterns[] = {
        "yyyyMMddHHmmss", "dd/MM/yyyy HH:mm:ss", "yyyy-MM-dd", "epoch_ms", "epoch_s", "iso",
        "d/M/yyyy H:m"};
    const char *known = patterns[fuzz_byte(in) % (sizeof(patterns) / sizeof(patterns[0]))];
    char *text = fuzz_word(in);
    char *pattern = fuzz_word(in);
    struct errmsg why = {0};
    char out[64];
    char portal[VNTIME_PORTAL_SIZE];
    int64_t at_s = 0;
    int64_t again = 0;

    if (vntime_parse(text, pattern, &at_s) == 0) {
        FUZZ_CHECK(at_s == 0 || (at_s > FIRST_S && at_s < LAST_S) || pattern[0] == 'e', "%lld",
                   (long long)at_s);
        (void)vntime_format(at_s, pattern, out, sizeof(out));
        FUZZ_CHECK(strlen(out) < sizeof(out), "%s", out);
    }
    if (preset_date(known, text, &at_s) == 0 && at_s != 0) {
        vntime_format_portal(at_s, portal);
        FUZZ_CHECK(portal[0] == '\0' || vntime_parse_portal(portal, &again) == 0, "%s", portal);
        FUZZ_CHECK(portal[0] == '\0' || again == at_s, "%s: %lld", portal, (long long)at_s);
        vntime_format_rfc3339(at_s, out, sizeof(out));
        FUZZ_CHECK(vntime_day_start(at_s) <= at_s && at_s - vntime_day_start(at_s) < 86400, "%lld",
                   (long long)at_s);
        FUZZ_CHECK(vntime_working_seconds(at_s, at_s) == 0, "%lld", (long long)at_s);
    }
    if (vntime_parse_portal(text, &at_s) == 0 && at_s != 0) {
        vntime_format_portal(at_s, portal);
        FUZZ_CHECK(vntime_parse_portal(portal, &again) == 0 && again == at_s, "%s and %s", text,
                   portal);
    }
    if (opencps_field_time(text, "f", &at_s, &why) != 0) {
        FUZZ_CHECK(why.text[0] != '\0', "%s", text);
    }
    free(text);
    free(pattern);
}

static void codes(struct fuzz_in *in)
{
    char *text = fuzz_word(in);
    char out[CODE_MAX];
    char again[CODE_MAX];

    if (code_is_dossier(text)) {
        FUZZ_CHECK(strlen(text) <= 50, "%s", text);
    }
    if (code_procedure_national(text, out) == 0) {
        FUZZ_CHECK(code_is_procedure(out) && strncmp(text, out, strlen(out)) == 0, "%s", out);
        FUZZ_CHECK(code_procedure_national(out, again) == 0 && strcmp(out, again) == 0, "%s",
                   again);
    }
    if (code_agency_normal(text, out) == 0) {
        FUZZ_CHECK(code_agency_normal(out, again) == 0 && strcmp(out, again) == 0, "%s %s", out,
                   again);
    }
    FUZZ_CHECK(!code_is_agency(text) || code_agency_normal(text, out) == 0, "%s", text);
    free(text);
}

static void statuses(struct fuzz_in *in)
{
    int from = (int)(int8_t)fuzz_byte(in);
    int to = (int)(int8_t)fuzz_byte(in);

    FUZZ_CHECK(status_name(from) != NULL, "%d", from);
    FUZZ_CHECK(!status_move_legal(from, to) || status_path_exists(from, to), "%d to %d", from, to);
    FUZZ_CHECK(!status_final(from) || status_valid(from), "%d", from);
    FUZZ_CHECK(!status_valid(to) || status_move_legal(to, to), "%d", to);
    (void)status_decides_deadline(to);
}

static void words(struct fuzz_in *in)
{
    char *text = fuzz_word(in);
    char *needle = fuzz_word(in);
    char folded[512];
    char twice[512];
    char printable[128];
    char peer[PORTAL_WORDS_SIZE];
    struct buf out;
    struct json *root = NULL;
    struct errmsg why = {0};
    struct arena a;
    const char *nfc = NULL;
    bool changed = false;

    arena_init(&a, TEXT_MAX);
    text_printable(text, strlen(text), printable, sizeof(printable));
    FUZZ_CHECK(text_is_utf8(printable, strlen(printable)), "%s", printable);
    portal_reply_words(text, peer);
    FUZZ_CHECK(text_is_utf8(peer, strlen(peer)), "%s", peer);
    if (text_fold(text, folded, sizeof(folded)) == 0) {
        FUZZ_CHECK(text_fold(folded, twice, sizeof(twice)) != 0 || strcmp(folded, twice) == 0,
                   "%s\n%s", folded, twice);
        FUZZ_CHECK(text_contains(text, "") && text_contains(text, text), "%s", text);
        (void)text_contains(text, needle);
    }
    if (text_nfc(&a, text, strlen(text), &nfc, &changed) == 0) {
        FUZZ_CHECK(text_is_utf8(nfc, strlen(nfc)), "%s", nfc);
        FUZZ_CHECK(text_prefix(nfc, 3) <= strlen(nfc), "%s", nfc);
        FUZZ_CHECK(text_is_utf8(nfc, text_prefix(nfc, 3)), "%s", nfc);
        FUZZ_CHECK(text_length(nfc) <= strlen(nfc), "%s", nfc);
        FUZZ_CHECK(changed || strcmp(text, nfc) == 0, "%s", nfc);
    }
    text_trim(text, twice, sizeof(twice));
    FUZZ_CHECK(strlen(twice) <= strlen(text), "%s", twice);
    buf_init(&out, TEXT_MAX);
    buf_put_json(&out, text);
    FUZZ_CHECK(json_parse(out.data, out.len, &root, &why) == 0, "%s: %s", why.text, out.data);
    FUZZ_CHECK(!text_is_utf8(text, strlen(text)) || strcmp(json_text(root, folded), text) == 0,
               "%s", out.data);
    if (text_is_utf8(text, strlen(text))) {
        buf_put_xml(&out, text);
    }
    buf_put_form(&out, text);
    ctl_put_text(&out, text);
    FUZZ_CHECK(buf_error(&out) == 0 && text_is_utf8(out.data, out.len), "%s", out.data);
    json_free(root);
    buf_free(&out);
    arena_free(&a);
    free(text);
    free(needle);
}

static void addresses(struct fuzz_in *in)
{
    char *text = fuzz_word(in);
    struct listen_login *login = malloc(sizeof(*login));
    struct net_allow allow = {.n = 1};
    struct errmsg why = {0};
    struct sockaddr_in ip = {.sin_family = AF_INET};
    char peer[NET_ADDRESS_SIZE];

    FUZZ_CHECK(login != NULL, "no memory");
    ip.sin_addr.s_addr = htonl(0x7F000001);
    if (net_range_parse(text, &allow.ranges[0], &why) == 0) {
        (void)net_allowed(&allow, (const struct sockaddr *)&ip);
        FUZZ_CHECK(allow.ranges[0].bits <= 128, "%u", allow.ranges[0].bits);
    }
    net_address_text((const struct sockaddr *)&ip, peer);
    FUZZ_CHECK(strcmp(peer, "127.0.0.1") == 0, "%s", peer);
    FUZZ_CHECK(!net_is_loopback_endpoint(text) || net_is_endpoint(text), "%s", text);
    if (listen_login_read(text, login)) {
        FUZZ_CHECK(login->password != NULL && strlen(login->password) < LISTEN_LOGIN_SIZE, "login");
    }
    free(login);
    free(text);
}

static void ages(struct fuzz_in *in)
{
    char *text = fuzz_word(in);
    uint64_t value = 0;
    char age[CTL_AGE_SIZE];
    char time[CTL_TIME_SIZE];

    if (ctl_age_parse(text, &value) == 0) {
        ctl_age(value, age);
        FUZZ_CHECK(strlen(age) < sizeof(age), "%s", age);
    }
    if (ctl_number(text, 5, 500, &value) == 0) {
        FUZZ_CHECK(value >= 5 && value <= 500, "%llu", (unsigned long long)value);
    }
    ctl_time((int64_t)strtoll(text, NULL, 10), time);
    FUZZ_CHECK(strlen(time) < sizeof(time), "%s", time);
    free(text);
}

/* A cursor from the journal, perhaps another version's; then a reading goes on from it. */
static void cursors(struct fuzz_in *in)
{
    const struct mapped_cursor_settings settings = {
        .style = (enum preset_cursor_style)(fuzz_byte(in) % 6),
        .overlap_s = 600,
        .window_s = 86400,
        .back_s = 30 * 86400,
        .size = 50,
        .known = 20,
        .pages = (fuzz_byte(in) & 1) != 0,
        .bounded = true,
        .has_changed = true,
        .has_next = true,
        .poll_every_ms = 60000,
        .sweep_every_ms = 3600000,
        .slow_sweep_every_ms = 86400000,
        .full_sweep_at_s = -1};
    char *text = fuzz_word(in);
    char *next = fuzz_word(in);
    struct mapped_cursor *c = calloc(2, sizeof(*c));
    struct mapped_ask ask;
    struct mapped_turn turn = {0};
    struct errmsg why = {0};
    const struct mapped_facts facts = {.n_rows = fuzz_byte(in),
                                       .newest_s = INT64_C(1763433000),
                                       .last_s = INT64_C(1763433000),
                                       .is_last = (fuzz_byte(in) & 1) != 0,
                                       .next = next};

    FUZZ_CHECK(c != NULL, "no memory");
    mapped_cursor_init(c, &settings);
    mapped_cursor_load(c, text);
    for (int i = 0; i < 4; i++) {
        mapped_cursor_ask(c, (uint64_t)i * 60000, INT64_C(1763622000) + i * 60, &ask);
        if (mapped_cursor_took(c, &facts, &turn, &why) != 0) {
            FUZZ_CHECK(why.text[0] != '\0', "refused without words");
            break;
        }
        FUZZ_CHECK(strlen(c->text) < MAPPED_CURSOR_SIZE, "%s", c->text);
        if (strncmp(c->text, text, sizeof(c->text) - 1) == 0) {
            continue; /* what was given, as long as there is nothing to store */
        }
        FUZZ_CHECK(text_is_utf8(c->text, strlen(c->text)) || !text_is_utf8(text, strlen(text)) ||
                       !text_is_utf8(next, strlen(next)),
                   "%s", c->text);
        /* What is stored is understood by the next process. */
        mapped_cursor_init(&c[1], &settings);
        mapped_cursor_load(&c[1], c->text);
        FUZZ_CHECK(c[1].mark_s == c->mark_s && c[1].offset == c->offset &&
                       c[1].swept_s == c->swept_s && c[1].head.on == c->head.on &&
                       c[1].sweep.on == c->sweep.on,
                   "%s", c->text);
    }
    free(c);
    free(text);
    free(next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const grammars[])(struct fuzz_in * in) = {times,     codes, statuses, words,
                                                            addresses, ages,  cursors};
    struct fuzz_in in = {data, size};

    grammars[fuzz_byte(&in) % (sizeof(grammars) / sizeof(grammars[0]))](&in);
    return 0;
}
