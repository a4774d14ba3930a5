#include "config/preset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "codec/xml.h"
#include "lib/preset_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The least that a preset needs; a test adds to it. */
#define LEAST                                                                                      \
    "id = {\"/id\"}\n"                                                                             \
    "call list { url = \"{url}/list\" }\n"                                                         \
    "dossier { code = \"/code\" }\n"

static struct config_faults faults;

static int load_with(const char *text, const struct config_list *params, struct preset **out)
{
    return preset_text_load(text, strlen(text), params, out, &faults);
}

static struct preset *must_load(const char *text)
{
    struct preset *preset;

    if (load_with(text, NULL, &preset) != 0) {
        fail_msg("%s", faults.texts[0]);
    }
    return preset;
}

/* One fault, at a line (0: the file as a whole), that holds these words. */
static void assert_fault(const char *text, unsigned line, const char *words)
{
    struct preset *preset;
    char place[16];

    assert_int_equal(load_with(text, NULL, &preset), ERR_CONFIG);
    if (line > 0) {
        (void)snprintf(place, sizeof(place), ":%u: ", line);
    } else {
        (void)snprintf(place, sizeof(place), ": ");
    }
    if (strstr(faults.texts[0], place) == NULL || strstr(faults.texts[0], words) == NULL) {
        fail_msg("%s\nlacks %s%s", faults.texts[0], place, words);
    }
    if (faults.n != 1) {
        fail_msg("%s\n%s", faults.texts[0], faults.texts[1]);
    }
}

static void the_least_is_enough(void **state)
{
    struct preset *p = must_load(LEAST);

    (void)state;
    assert_int_equal(p->format, PRESET_JSON);
    assert_string_equal(p->list.method, "GET");
    assert_string_equal(p->list.rows, "");
    assert_string_equal(p->detail.words_path, "");
    assert_int_equal(p->list.url.n, 2);
    assert_string_equal(p->list.url.pieces[0].name, "url");
    assert_string_equal(p->list.url.pieces[1].literal, "/list");
    assert_string_equal(p->auth.header, "Authorization");
    assert_int_equal(p->dates.n, 2);
    assert_int_equal(p->ack_batch, 100);
    assert_int_equal(p->dossier.n_fields, 1);
    assert_true(p->dossier.fields[0].required);
    assert_false(p->detail.given);
    preset_free(p);
}

static void keys_arrive_in_their_fields(void **state)
{
    struct preset *p = must_load(
        "title = \"X\"\nnational_status = yes\nparams = {\"a=1\", \"b=\"}\n"
        "dates = {\"dd/MM/yyyy\"}\nid = {\"/a\", \"/b\"}\nchanged = \"/c\"\n"
        "changed_format = epoch_ms\nhash_without = {\"/now\"}\nack_batch = 7\n"
        "auth { kind = json-login\n token = \"/t\"\n expires = \"/e\"\n life = 90s\n }\n"
        "call login { url = \"{url}/l\"\n body = \"{\\\"u\\\":{username|json}}\"\n }\n"
        "cursor { style = ack\n overlap = 2h\n size = 20\n pages_from_1 = yes\n }\n"
        "call list { method = PUT\n url = \"{url}\"\n reply = json\n unwrap = \"/m as json\"\n"
        " headers = {\"X-A: {a}\", \"X-B: b: c\"}\n ok = \"/e\"\n ok_values = {\"0\", \"00\"}\n"
        " auth_values = \"9\"\n words = \"/w\"\n rows = \"/r\"\n total = \"/n\"\n last = \"/l\"\n"
        " next = \"/x\"\n one_row = yes\n ok_text_path = \"/w\"\n ok_text = \"xong\"\n }\n"
        "call ack { url = \"{url}/ack\"\n body = \"{ids|objects Ma N=1 K=22}\"\n type = \"a/b\" }\n"
        "skip { path = \"/k\"\n values = {\"18\"} }\n"
        "dossier { code = {\"/x\", \"/y | trim | split - 2\"}\n agency_name = \"= {a}\"\n"
        " received = \"/d | date dd/MM/yyyy, iso\"\n required = {\"received\"}\n"
        " extra = {\"B /b\", \"A /a\"} }\n"
        "file { rows = \"/f\"\n url = \"^/u | prefix https://x/\" }\n");

    (void)state;
    assert_true(p->national_status);
    assert_string_equal(preset_param(p, "b"), "");
    assert_null(preset_param(p, "c"));
    assert_int_equal(p->n_id_paths, 2);
    assert_string_equal(p->changed_format, "epoch_ms");
    assert_int_equal(p->auth.life_ms, 90000);
    assert_string_equal(p->auth.login.method, "POST");
    assert_string_equal(p->auth.login.content_type, "application/json");
    assert_int_equal(p->cursor.style, CURSOR_ACK);
    assert_int_equal(p->cursor.overlap_ms, 7200000);
    assert_true(p->cursor.first_page_is_1);
    assert_string_equal(p->list.method, "PUT");
    assert_int_equal(p->list.n_headers, 2);
    assert_string_equal(p->list.headers[1].name, "X-B");
    assert_string_equal(p->list.headers[1].value.text, "b: c");
    assert_int_equal(p->list.unwrap[0].format, PRESET_JSON);
    assert_string_equal(p->list.unwrap[0].path, "/m");
    assert_int_equal(p->list.ok_values.n, 2);
    assert_int_equal(p->list.auth_values.n, 1);
    assert_true(p->list.one_row);
    assert_string_equal(p->ack.body.pieces[0].how, "objects Ma N=1 K=22");
    assert_string_equal(p->ack.content_type, "a/b");
    assert_string_equal(p->skip.values.items[0], "18");
    assert_int_equal(p->dossier.fields[0].n, 2);
    assert_int_equal(p->dossier.fields[0].alternatives[1].n_converts, 2);
    assert_string_equal(p->dossier.fields[0].alternatives[1].converts[1].argument, "- 2");
    assert_string_equal(p->dossier.fields[1].alternatives[0].constant, "1");
    assert_true(p->dossier.fields[2].required);
    assert_string_equal(p->dossier.fields[2].name, "received_s");
    assert_string_equal(p->dossier.fields[3].alternatives[0].constant, "A");
    assert_true(p->dossier.fields[3].is_extra);
    assert_true(p->file.fields[0].alternatives[0].of_record);
    preset_free(p);
}

/* The file's order does not matter: what others depend on may stand behind them. */
static void params_of_the_source_replace_those_of_the_file(void **state)
{
    struct config_list params = {.items = {"sso=https://x", "realm=y"}, .n = 2};
    struct preset *p;

    (void)state;
    assert_int_equal(load_with(LEAST "auth { kind = oauth2-cc }\n"
                                     "call login { url = \"{sso}/{realm|url}\" }\n"
                                     "params = {\"realm=digo\"}\n",
                               &params, &p),
                     0);
    assert_string_equal(preset_param(p, "sso"), "https://x");
    assert_string_equal(preset_param(p, "realm"), "y");
    assert_string_equal(p->auth.login.body.text,
                        "grant_type=client_credentials&client_id={username|url}"
                        "&client_secret={password|url}");
    preset_free(p);
}

static void braces_of_json_and_xml_stand_as_they_are(void **state)
{
    struct preset *p = must_load("id = {\"/id\"}\ndossier { code = \"/code\" }\n"
                                 "call list { url = \"{url}\"\n"
                                 " body = {\"{\\\"a\\\":{\\\"b\\\":{size}}}\", \"{{size}\"} }\n");

    (void)state;
    assert_int_equal(p->list.body.n, 4);
    assert_string_equal(p->list.body.pieces[0].literal, "{\"a\":{\"b\":");
    assert_string_equal(p->list.body.pieces[1].name, "size");
    assert_string_equal(p->list.body.pieces[2].literal, "}}{");
    assert_string_equal(p->list.body.pieces[3].literal, "size}");
    preset_free(p);
}

static void faults_name_their_line_and_what_is_near(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *words;
    } cases[] = {
        {LEAST "titel = x\n", 4, "titel: unknown key; did you mean title?"},
        {LEAST "cursor { stile = ack }\n", 4, "cursor.stile: unknown key; did you mean style?"},
        {LEAST "auth { password = x }\n", 4, "secrets never stand in a preset"},
        {LEAST "curser { }\n", 4, "curser: unknown section; did you mean cursor?"},
        {LEAST "call detial { url = \"{url}\" }\n", 4, "unknown call; did you mean detail?"},
        {LEAST "call { }\n", 4, "a name is missing"},
        {LEAST "auth a { }\n", 4, "this section has no name"},
        {LEAST "auth { cursor { } }\n", 4, "sections can't stand inside"},
        {LEAST "title x\n", 4, "title: an = is missing"},
        {LEAST "title = }\n", 4, "} closes nothing"},
        {LEAST "dates = {\"iso\" \"x\"}\n", 4, "a comma or } is missing"},
        {LEAST "title = a\ntitle = b\n", 5, "given twice"},
        {LEAST "call list { url = \"{url}\" }\n", 4, "call list: given twice, first in line 2"},
        {LEAST "cursor { style = fast }\n", 4, "\"fast\" is unknown; known are since window"},
        {LEAST "cursor { window = 3 }\n", 4, "is no duration"},
        {LEAST "cursor { window = 1s }\n", 4, "is too small"},
        {LEAST "cursor { size = 20000 }\n", 4, "is no whole number from 0 to 10000"},
        {LEAST "national_status = maybe\n", 4, "is neither yes nor no"},
        {LEAST "title = {a, b}\n", 4, "must be one value"},
        {LEAST "params = {\"A\"}\n", 4, "is not name=value"},
        {LEAST "dates = {\"MM/dd\"}\n", 4, "the year is missing"},
        {LEAST "dates = {\"yyyy-KK\"}\n", 4, "letters are y M d H m s S Z and T"},
        {LEAST "dates = {\"yyyyMMM\"}\n", 4, "a letter stands too often"},
        {LEAST "changed_format = \"yyy\"\n", 4, "a year is yyyy or yy"},
        {LEAST "changed = \"x/y\"\n", 4, "is no JSON pointer; it begins with /"},
        {LEAST "changed = \"/a~b\"\n", 4, "behind ~ stands 0"},
        {LEAST "call detail { url = \"{url}/{idd}\" }\n", 4,
         "{idd} is unknown; did you mean {id}?"},
        {LEAST "call detail { url = \"{since}\" }\n", 4, "{since} is not known yet here"},
        {LEAST "call detail { url = \"{id\" }\n", 4, "a { is not closed"},
        {LEAST "call detail { url = \"{id|shout}\" }\n", 4,
         "{id|shout}: unknown form; allowed: json, url, xml or base64"},
        {LEAST "call detail { url = \"{ids|objects}\" }\n", 4, "allowed: json, join SEP"},
        {LEAST "call detail { url = \"{ids|objects A B=x}\" }\n", 4, "unknown form"},
        {LEAST "call detail { url = \"{today|noon}\" }\n", 4, "allowed: a date pattern"},
        {LEAST "call detail { body = x }\n", 4, "call detail: url is missing"},
        {LEAST "call detail { method = HEAD\n url = \"{url}\" }\n", 4, "GET, POST or PUT"},
        {LEAST "call detail { url = \"{url}\"\n ok_values = {a} }\n", 4, "need ok"},
        {LEAST "call detail { url = \"{url}\"\n ok = \"/a\" }\n", 4, "ok needs ok_values"},
        {LEAST "call detail { url = \"{url}\"\n ok_text = a }\n", 4, "need each other"},
        {LEAST "call detail { url = \"{url}\"\n unwrap = \"/a\" }\n", 5, "PATH as json"},
        {LEAST "call detail { url = \"{url}\"\n headers = \"X\" }\n", 5, "is not \"Name: value\""},
        {LEAST "step { at = \"/t\" }\n", 0, "step: rows is missing"},
        {LEAST "step { rows = \"/s\" }\n", 0, "step: at is missing"},
        {LEAST "step { rows = \"/s\"\n at = \"/t\"\n required = {unit} }\n", 0,
         "unit is no field of this section"},
        {LEAST "step { rows = \"/s\"\n at = \"/t | dat iso\" }\n", 5,
         "unknown converter \"dat\"; did you mean date?"},
        {LEAST "step { rows = \"/s\"\n at = \"/t | date iso, x\" }\n", 5, "letters are"},
        {LEAST "step { rows = \"/s\"\n at = \"/t | split ;\" }\n", 5, "needs a separator"},
        {LEAST "step { rows = \"/s\"\n at = \"/t | split ; 0\" }\n", 5, "number of a part"},
        {LEAST "step { rows = \"/s\"\n at = \"/t | lookup a\" }\n", 5, "needs items A=B"},
        {LEAST "step { rows = \"/s\"\n at = \"/t | upper x\" }\n", 5, "takes no argument"},
        {LEAST "step { rows = \"/s\"\n at = \"/t | prefix\" }\n", 5, "needs a text"},
        {LEAST "step { rows = \"/s\"\n at = \"/t|trim|trim|trim|trim|trim\" }\n", 5,
         "4 are allowed"},
        {LEAST "step { rows = \"/s\"\n at = \"/t\"\n extra = \"/x\" }\n", 6, "KEY PATH"},
        {LEAST "step { rows = \"/s\"\n at = \"/t\"\n unit = \"= {u}\" }\n", 6,
         "belongs in its params"},
        {LEAST "step { rows = \"/s\"\n at = \"/t\"\n at = \"/t\" }\n", 6, "first in line 5"},
        {LEAST "auth { kind = json-login }\n", 0, "needs a section call login"},
        {LEAST "call login { url = \"{url}\" }\n", 4, "makes no login"},
        {LEAST "auth { kind = lgsp }\ncall login { url = \"{url}\" }\n", 0, "needs second"},
        {LEAST "cursor { style = ack }\n", 0, "needs a section call ack"},
        {LEAST "cursor { style = since }\n", 2, "needs {since} in it"},
        {LEAST "cursor { style = newest }\n", 2, "{page}, {offset} or {cursor}"},
        {LEAST "call ack { url = \"{url}\" }\n", 4, "it needs {ids} or {id}"},
        {"id = {\"/i\"}\ndossier { code = \"/c\" }\n", 0, "a section call list is missing"},
        {"id = {\"/i\"}\ncall list { url = \"{url}\" }\n", 0, "a section dossier is missing"},
        {"dossier { code = \"/c\" }\ncall list { url = \"{url}\" }\n", 0, "id is missing"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_fault(cases[i].text, cases[i].line, cases[i].words);
    }
}

static void xpaths_are_compiled_with_their_prefixes(void **state)
{
    static const char xml[] =
        "format = xml\nnamespaces { n = \"urn:n\" }\nid = {\"n:id\"}\n"
        "call list { url = \"{url}\"\n rows = \"/n:a//n:row[@k='x' or position() = 2]\" }\n"
        "dossier { code = \"n:code\"\n";
    static const struct {
        const char *field;
        const char *words;
    } cases[] = {
        {"subject = \"a[\" }\n", "is no XPath: it can't be understood"},
        {"subject = \"m:a\" }\n", "is no XPath: a prefix stands in no namespaces"},
        {"subject = \"a[m:b = 'x:y']\" }\n", "is no XPath: a prefix stands in no namespaces"},
        {"subject = \"fetch(a)\" }\n", "is no XPath: it has an unknown function"},
        {"subject = \"a[b = fetch (a)]\" }\n", "is no XPath: it has an unknown function"},
        {"subject = \"document('/etc/passwd')\" }\n", "is no XPath: it has an unknown function"},
        {"subject = \"$x\" }\n", "is no XPath: it has a variable"},
        {"subject = \"/n:a\" }\n", "can't begin with /"},
    };
    struct preset *p;
    char text[600];

    (void)state;
    (void)snprintf(
        text, sizeof(text),
        "%s subject = \"concat(a, ' | ', b[n:c = 'd|e:f(' and not(self::x)])|upper\" }\n", xml);
    p = must_load(text);
    assert_string_equal(p->dossier.fields[1].alternatives[0].path,
                        "concat(a, ' | ', b[n:c = 'd|e:f(' and not(self::x)])");
    preset_free(p);
    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)snprintf(text, sizeof(text), "%s %s", xml, cases[i].field);
        assert_fault(text, 7, cases[i].words);
    }
}

static void all_faults_come_at_once_in_order(void **state)
{
    struct preset *p;

    (void)state;
    assert_int_equal(load_with("call list { url = \"{urk}\"\n rows = \"x\" }\nid = {\"y\"}\n"
                               "dossier { code = \"/c | what\"\n nothing = \"/x\" }\nfoo = 1\n",
                               NULL, &p),
                     ERR_CONFIG);
    assert_int_equal(faults.n, 6);
    for (unsigned i = 0; i < 6; i++) {
        char place[16];

        (void)snprintf(place, sizeof(place), ":%u: ", i + 1);
        assert_non_null(strstr(faults.texts[i], place));
    }
}

static void a_file_that_is_none_is_told_apart(void **state)
{
    static const char nul[] = "title = a\0b\n";
    struct preset *p;

    (void)state;
    memset(&faults, 0, sizeof(faults));
    assert_int_equal(preset_load("/nonexistent/x.preset", NULL, &p, &faults), ERR_NOTFOUND);
    assert_int_equal(faults.n, 1);
    assert_int_equal(preset_load("/tmp", NULL, &p, &faults), ERR_CONFIG);
    assert_int_equal(faults.n, 2);
    assert_int_equal(preset_text_load(nul, sizeof(nul) - 1, NULL, &p, &faults), ERR_CONFIG);
    assert_non_null(strstr(faults.texts[0], ":1: a NUL byte"));
    assert_null(p);
    preset_free(NULL);
}

/* A brace after the other takes no stack. */
/* That may pass by itself, so it is no fault of the configuration. */
static void a_file_that_cannot_be_read_now_is_no_faulty_one(void **state)
{
    struct rlimit before;
    struct rlimit none;
    struct preset *p;
    int err;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    faults.n = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    err = preset_load("/etc/passwd", NULL, &p, &faults);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(err, ERR_IO);
    assert_non_null(strstr(faults.texts[0], "/etc/passwd: can't be opened: Too many open files"));
}

static void deep_nesting_is_no_danger(void **state)
{
    size_t n = 60000;
    char *text = malloc(n + 1);
    struct preset *p;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i + 2 < n / 2; i += 2) {
        memcpy(text + i, "a{", 2);
    }
    for (size_t i = n / 2 - 2; i < n; i++) {
        text[i] = '}';
    }
    text[n] = '\0';
    assert_int_equal(load_with(text, NULL, &p), ERR_CONFIG);
    free(text);
}

static void a_held_preset_outlives_its_owner(void **state)
{
    struct preset *p = preset_hold(must_load(LEAST));

    (void)state;
    preset_free(p);
    assert_string_equal(p->list.url.text, "{url}/list");
    preset_free(p);
}

static void statuses_are_national_until_the_source_has_a_map(void **state)
{
    struct preset *p = must_load(LEAST "national_status = yes\n");
    struct config_source source = {.name = "s"};

    (void)state;
    assert_string_equal(preset_statuses(p, &source), "national");
    source.status_map = (struct map *)&source;
    assert_string_equal(preset_statuses(p, &source), "s");
    p->national_status = false;
    source.status_map = NULL;
    assert_string_equal(preset_statuses(p, &source), "");
    preset_free(p);
}

static void times_by_pattern(void **state)
{
    static const struct {
        const char *pattern;
        const char *text;
        int64_t at_s; /* -1: refused */
    } cases[] = {
        {"iso", "2026-11-10T08:30:00.000+07:00", 1794274200},
        {"iso", "2026-11-10T01:30:00Z", 1794274200},
        {"iso", "2026-11-10T01:30:00.000+0000", 1794274200},
        {"iso", "2026-11-10T08:30:00", 1794274200},
        {"iso", "2026-11-10T08:30", 1794274200},
        {"iso", "2026-11-10 08:30:00", 1794274200},
        {"iso", "2026-11-10", 1794243600},
        {"iso", "2026-11-10T08:30:00+25:00", -1},
        {"iso", "2026-11-10T08:30:00 ICT", -1},
        {"iso", "20261110", -1},
        {"iso", "9999-12-31T00:00:00", -1},
        {"iso", "0001-01-01T00:00:00", -1},
        {"yyyyMMddHHmmss", "20261110083000", 1794274200},
        {"yyyyMMdd", "20260230", -1},
        {"dd/MM/yyyy", "10/11/2026", 1794243600},
        {"dd/MM/yyyy HH:mm:ss", "10/11/2026 08:30:00", 1794274200},
        {"yyyy-MM-dd HH:mm:ss", "2026-11-10 08:30:00", 1794274200},
        {"epoch_s", "1794274200", 1794274200},
        {"epoch_ms", "1794274200123", 1794274200},
        {"iso", "", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t at_s = -1;
        int err = preset_date(cases[i].pattern, cases[i].text, &at_s);

        if ((err == 0 ? at_s : -1) != cases[i].at_s) {
            fail_msg("%s %s: %d %lld", cases[i].pattern, cases[i].text, err, (long long)at_s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_is_enough),
        cmocka_unit_test(keys_arrive_in_their_fields),
        cmocka_unit_test(params_of_the_source_replace_those_of_the_file),
        cmocka_unit_test(braces_of_json_and_xml_stand_as_they_are),
        cmocka_unit_test(faults_name_their_line_and_what_is_near),
        cmocka_unit_test(xpaths_are_compiled_with_their_prefixes),
        cmocka_unit_test(all_faults_come_at_once_in_order),
        cmocka_unit_test(a_file_that_is_none_is_told_apart),
        cmocka_unit_test(a_file_that_cannot_be_read_now_is_no_faulty_one),
        cmocka_unit_test(deep_nesting_is_no_danger),
        cmocka_unit_test(a_held_preset_outlives_its_owner),
        cmocka_unit_test(statuses_are_national_until_the_source_has_a_map),
        cmocka_unit_test(times_by_pattern),
    };
    int failed;

    xml_init();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    xml_cleanup();
    return failed;
}
