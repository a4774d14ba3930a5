/* Keys against each other, paths in the format of where they stand, what a kind of login or cursor
 * needs. */
#include <string.h>

#include "base/text.h"
#include "config/preset_impl.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- paths ---- */

static enum preset_format inner_format(const struct preset_call *call)
{
    return call->n_unwraps > 0 ? call->unwrap[call->n_unwraps - 1].format : call->format;
}

static bool has_format(const struct preset_call *call, enum preset_format format)
{
    bool found = call->format == format;

    for (size_t i = 0; i < call->n_unwraps; i++) {
        found = found || call->unwrap[i].format == format;
    }
    return found;
}

/* Where a dossier stands. */
static const struct preset_call *record_call(const struct preset *p)
{
    return p->detail.given ? &p->detail : &p->list;
}

/* The format in which a path is read; *either: one of the two will do. */
static enum preset_format format_of(const struct preset *p, const struct preset_path_at *at,
                                    bool *either)
{
    const struct preset_call *call = at->call;

    *either = false;
    if (call != NULL) {
        *either = strcmp(at->key, "rows") != 0 && has_format(call, PRESET_JSON) &&
                  has_format(call, PRESET_XML);
        return inner_format(call);
    }
    switch (at->section) {
    case PRESET_TOP:
        return inner_format(&p->list);
    case PRESET_AUTH:
        return inner_format(&p->auth.login);
    case PRESET_STEP:
        return p->steps.given && !at->of_record ? inner_format(&p->steps)
                                                : inner_format(record_call(p));
    case PRESET_PROCEDURE:
        return inner_format(&p->catalog);
    default:
        return inner_format(record_call(p));
    }
}

static const char *pointer_fault(const char *path)
{
    if (path[0] != '\0' && path[0] != '/') {
        return "is no JSON pointer; it begins with /";
    }
    for (const char *p = path; *p != '\0'; p++) {
        if (*p == '~' && p[1] != '0' && p[1] != '1') {
            return "is no JSON pointer; behind ~ stands 0 (for ~) or 1 (for /)";
        }
    }
    return NULL;
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || (unsigned char)c >= 0x80;
}

static bool one_of(const char *const *list, const char *name, size_t n)
{
    for (; *list != NULL; list++) {
        if (strlen(*list) == n && memcmp(*list, name, n) == 0) {
            return true;
        }
    }
    return false;
}

/* What a name in an XPath is by the sign behind it. An evaluation sees only what it comes by, so
 * that a wrong name in a condition would show with the first record. */
static const char *name_fault(const struct preset *p, const char *name, size_t n)
{
    static const char *const functions[] = {"last",
                                            "position",
                                            "count",
                                            "id",
                                            "name",
                                            "string",
                                            "namespace-uri",
                                            "local-name",
                                            "concat",
                                            "contains",
                                            "starts-with",
                                            "substring-before",
                                            "substring",
                                            "not",
                                            "string-length",
                                            "substring-after",
                                            "translate",
                                            "true",
                                            "normalize-space",
                                            "boolean",
                                            "false",
                                            "lang",
                                            "number",
                                            "sum",
                                            "floor",
                                            "ceiling",
                                            "round",
                                            "text",
                                            "node",
                                            "comment",
                                            "processing-instruction",
                                            "and",
                                            "or",
                                            "mod",
                                            "div",
                                            NULL};
    const char *behind = name + n + strspn(name + n, " ");

    if (*behind == '(' && !one_of(functions, name, n)) {
        return "it has an unknown function";
    }
    if (name[n] != ':' || name[n + 1] == ':') {
        return NULL;
    }
    for (size_t i = 0; i < p->n_namespaces; i++) {
        if (strlen(p->namespaces[i].prefix) == n && memcmp(p->namespaces[i].prefix, name, n) == 0) {
            return NULL;
        }
    }
    return "a prefix stands in no namespaces";
}

static const char *names_fault(const struct preset *p, const char *path)
{
    const char *why = NULL;

    while (*path != '\0' && why == NULL) {
        size_t n = 0;

        if (*path == '\'' || *path == '"') {
            const char *end = strchr(path + 1, *path);

            path = end != NULL ? end + 1 : path + strlen(path);
            continue;
        }
        while (name_char(path[n])) {
            n++;
        }
        why = n > 0 ? name_fault(p, path, n) : NULL;
        path += n > 0 ? n : 1;
    }
    return why;
}

static const char *xpath_fault(const struct preset *p, const struct preset_path_at *at,
                               struct errmsg *msg)
{
    const char *why;

    if (at->path[0] == '\0') {
        return NULL; /* the node itself */
    }
    if (at->call == NULL && at->section != PRESET_AUTH && at->path[0] == '/') {
        return "is seen from the record, so it can't begin with /";
    }
    why = names_fault(p, at->path);
    if (why != NULL) {
        (void)err_set(msg, ERR_FORMAT, "%s", why);
        return msg->text;
    }
    return preset_xpath_check(at->path, p->namespaces, p->n_namespaces, msg) < 0 ? msg->text : NULL;
}

static void check_path(struct preset_load *load, const struct preset_path_at *at)
{
    struct errmsg msg = {0};
    const struct preset *p = load->preset;
    bool either;
    enum preset_format format = format_of(p, at, &either);
    const char *pointer = pointer_fault(at->path);
    const char *xpath = either || format == PRESET_XML ? xpath_fault(p, at, &msg) : NULL;
    const char *why = format == PRESET_JSON ? pointer : xpath;
    const char *section = preset_section_name(at->section);
    char shown[120];

    if (either && (pointer == NULL || xpath == NULL)) {
        return;
    }
    if (why != NULL) {
        text_printable(at->path, strlen(at->path), shown, sizeof(shown));
        preset_fault(load, at->line, "%s%s%s: \"%s\" %s%s", section, section[0] != '\0' ? "." : "",
                     at->key, shown, why == msg.text ? "is no XPath: " : "", why);
    }
}

/* ---- calls ---- */

static bool template_has(const struct preset_template *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->pieces[i].name != NULL && strcmp(t->pieces[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool call_has(const struct preset_call *call, const char *name)
{
    bool found = template_has(&call->url, name) || template_has(&call->body, name);

    for (size_t i = 0; i < call->n_headers; i++) {
        found = found || template_has(&call->headers[i].value, name);
    }
    return found;
}

static const char *type_of_body(const char *body)
{
    if (body[0] == '{' || body[0] == '[') {
        return "application/json";
    }
    return body[0] == '<' ? "text/xml; charset=utf-8" : "application/x-www-form-urlencoded";
}

static void check_call(struct preset_load *load, struct preset_call *call, const char *title)
{
    static const char *const methods[] = {"GET", "POST", "PUT"};
    bool known = call->method[0] == '\0';

    if (!call->given) {
        return;
    }
    if (call->url.text[0] == '\0') {
        preset_fault(load, call->line, "call %s: url is missing", title);
    }
    for (size_t i = 0; i < COUNT(methods); i++) {
        known = known || strcmp(methods[i], call->method) == 0;
    }
    if (!known) {
        preset_fault(load, call->line, "call %s: method is GET, POST or PUT", title);
    }
    if (call->method[0] == '\0') {
        call->method = call->body.n > 0 ? "POST" : "GET";
    }
    if (call->content_type[0] == '\0' && call->body.n > 0) {
        call->content_type = type_of_body(call->body.text);
    }
    if ((call->ok_values.n > 0 || call->auth_values.n > 0) && call->ok_path[0] == '\0') {
        preset_fault(load, call->line, "call %s: ok_values and auth_values need ok", title);
    }
    if ((call->ok_text[0] == '\0') != (call->ok_text_path[0] == '\0')) {
        preset_fault(load, call->line, "call %s: ok_text and ok_text_path need each other", title);
    }
    if (call->ok_path[0] != '\0' && call->ok_values.n == 0) {
        preset_fault(load, call->line, "call %s: ok needs ok_values", title);
    }
}

/* ---- login ---- */

static bool logs_in(enum preset_auth_kind kind)
{
    return kind == AUTH_OAUTH2_CLIENT || kind == AUTH_OAUTH2_PASSWORD || kind == AUTH_JSON_LOGIN ||
           kind == AUTH_SESSION_IN_BODY || kind == AUTH_LGSP;
}

/* The form of a login whose body the file leaves open. */
static const char *login_form(const struct preset_auth *auth)
{
    switch (auth->kind) {
    case AUTH_OAUTH2_CLIENT:
        return auth->basic_client ? "grant_type=client_credentials"
                                  : "grant_type=client_credentials&client_id={username|url}"
                                    "&client_secret={password|url}";
    case AUTH_OAUTH2_PASSWORD:
        return "grant_type=password&username={username|url}&password={password|url}";
    case AUTH_LGSP:
        return "grant_type=client_credentials";
    default:
        return "";
    }
}

static void check_auth(struct preset_load *load)
{
    struct preset_auth *auth = &load->preset->auth;
    bool needed = logs_in(auth->kind);

    if (needed && !auth->login.given) {
        preset_fault(load, 0, "this kind of auth needs a section call login");
        return;
    }
    if (!needed && auth->login.given) {
        preset_fault(load, auth->login.line, "call login: this kind of auth makes no login");
        return;
    }
    if (needed && auth->login.body.n == 0) {
        preset_template(load, WHERE_LOGIN, auth->login.line, "body", login_form(auth),
                        &auth->login.body);
    }
    if (auth->kind == AUTH_LGSP && auth->second.n == 0) {
        preset_fault(load, 0, "auth: kind lgsp needs second, the text of its header");
    }
}

/* ---- cursor ---- */

static void check_cursor(struct preset_load *load)
{
    static const struct {
        enum preset_cursor_style style;
        const char *names[3]; /* of which the list must have one */
        const char *words;
    } needs[] = {
        {CURSOR_SINCE, {"since"}, "{since}"},
        {CURSOR_WINDOW, {"since"}, "{since}"},
        {CURSOR_WINDOW, {"until"}, "{until}"},
        {CURSOR_NEWEST, {"page", "offset", "cursor"}, "{page}, {offset} or {cursor}"},
        {CURSOR_OFFSET, {"page", "offset", "cursor"}, "{page}, {offset} or {cursor}"},
    };
    const struct preset *p = load->preset;

    for (size_t i = 0; i < COUNT(needs); i++) {
        bool found = needs[i].style != p->cursor.style;

        for (size_t n = 0; n < 3 && needs[i].names[n] != NULL; n++) {
            found = found || call_has(&p->list, needs[i].names[n]);
        }
        if (!found) {
            preset_fault(load, p->list.line, "call list: this style of cursor needs %s in it",
                         needs[i].words);
        }
    }
    if (p->cursor.style == CURSOR_ACK && !p->ack.given) {
        preset_fault(load, 0, "cursor style ack needs a section call ack");
    }
    if (p->ack.given && !call_has(&p->ack, "ids") && !call_has(&p->ack, "id")) {
        preset_fault(load, p->ack.line, "call ack: it needs {ids} or {id}");
    }
}

/* ---- records ---- */

static struct preset_field *find_field(struct preset_record *record, const char *name)
{
    for (size_t i = 0; i < record->n_fields; i++) {
        if (strcmp(record->fields[i].name, name) == 0) {
            return &record->fields[i];
        }
    }
    return NULL;
}

static void check_record(struct preset_load *load, enum preset_section section,
                         struct preset_record *record, const char *needed)
{
    const char *name = preset_section_name(section);
    struct preset_field *field;

    if (!record->given) {
        return;
    }
    field = needed != NULL ? find_field(record, needed) : NULL;
    if (needed != NULL && field == NULL) {
        preset_fault(load, 0, "%s: %s is missing", name,
                     strcmp(needed, "at_s") == 0 ? "at" : needed);
    } else if (field != NULL) {
        field->required = true;
    }
    for (size_t i = 0; i < record->required.n; i++) {
        const struct preset_field_key *key = preset_field_find(section, record->required.items[i]);

        field = key != NULL ? find_field(record, key->name) : NULL;
        if (field == NULL) {
            preset_fault(load, 0, "%s.required: %s is no field of this section", name,
                         record->required.items[i]);
        } else {
            field->required = true;
        }
    }
}

static void check_rows_of(struct preset_load *load, enum preset_section section,
                          const struct preset_record *record)
{
    if (record->given && record->rows[0] == '\0' &&
        !(section == PRESET_STEP && load->preset->steps.given)) {
        preset_fault(load, 0, "%s: rows is missing", preset_section_name(section));
    }
}

void preset_check(struct preset_load *load)
{
    struct preset *p = load->preset;

    for (size_t i = 0; i < load->n_paths; i++) {
        check_path(load, &load->paths[i]);
    }
    check_call(load, &p->auth.login, "login");
    check_call(load, &p->list, "list");
    check_call(load, &p->detail, "detail");
    check_call(load, &p->steps, "steps");
    check_call(load, &p->ack, "ack");
    check_call(load, &p->catalog, "catalog");
    if (load->lost) {
        return; /* what seems missing may stand where nothing was understood */
    }
    check_record(load, PRESET_DOSSIER, &p->dossier, "code");
    check_record(load, PRESET_STEP, &p->step, "at_s");
    check_record(load, PRESET_FILE, &p->file, NULL);
    check_record(load, PRESET_RESULT, &p->result, NULL);
    check_record(load, PRESET_PROCEDURE, &p->procedure, "code");
    check_rows_of(load, PRESET_STEP, &p->step);
    check_rows_of(load, PRESET_FILE, &p->file);
    check_rows_of(load, PRESET_RESULT, &p->result);
    if (!p->list.given) {
        preset_fault(load, 0, "a section call list is missing");
        return;
    }
    if (!p->dossier.given) {
        preset_fault(load, 0, "a section dossier is missing");
    }
    if (p->n_id_paths == 0) {
        preset_fault(load, 0, "id is missing: the path of the source's own id in a row");
    }
    check_auth(load);
    check_cursor(load);
}
