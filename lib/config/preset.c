/* The load as a whole: file, faults, defaults, memory. */
#include "config/preset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "config/preset_impl.h"
#include "domain/vntime.h"

#define FILE_MAX_BYTES (256u << 10)
#define ARENA_MAX_BYTES (4u << 20)

void preset_fault(struct preset_load *load, unsigned line, const char *format, ...)
{
    struct preset_fault *fault;
    va_list args;
    int n;

    if (load->first_pass) {
        return; /* the second says it again */
    }
    load->n_faults++;
    if (load->n_faults > PRESET_FAULTS_SEEN) {
        return;
    }
    fault = &load->faults[load->n_faults - 1];
    fault->line = line;
    fault->seq = load->n_faults;
    n = line > 0 ? snprintf(fault->text, sizeof(fault->text), "%s:%u: ", load->file, line)
                 : snprintf(fault->text, sizeof(fault->text), "%s: ", load->file);
    if (n > 0 && (size_t)n < sizeof(fault->text)) {
        va_start(args, format);
        (void)vsnprintf(fault->text + n, sizeof(fault->text) - (size_t)n, format, args);
        va_end(args);
    }
}

const char *preset_keep(struct preset_load *load, const char *text, size_t n)
{
    const char *copy = n > 0 ? arena_strndup(load->arena, text, n) : "";

    if (copy == NULL) {
        load->nomem = true;
        return "";
    }
    return copy;
}

/* ---- the file ---- */

/* The text with a NUL behind it, NULL after noting a fault. */
static char *read_file(struct preset_load *load, size_t *len, int *err)
{
    int fd = open(load->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = NULL;
    struct stat st;

    *err = ERR_CONFIG;
    if (fd < 0) {
        *err = file_error(errno);
        preset_fault(load, 0, "can't be opened: %s", strerror(errno));
        return NULL;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        preset_fault(load, 0, "not a regular file");
    } else {
        text = malloc(FILE_MAX_BYTES + 2);
        load->nomem = text == NULL;
    }
    if (text != NULL && file_fill(fd, text, FILE_MAX_BYTES + 1, len) != 0) {
        *err = ERR_IO;
        preset_fault(load, 0, "can't be read: %s", strerror(errno));
        free(text);
        text = NULL;
    } else if (text != NULL && *len > FILE_MAX_BYTES) {
        preset_fault(load, 0, "the file is too large; at most 256KB are allowed");
        free(text);
        text = NULL;
    } else if (text != NULL) {
        text[*len] = '\0';
    }
    (void)close(fd);
    return text;
}

/* ---- params ---- */

static bool same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");

    return n == strcspn(b, "=") && strncmp(a, b, n) == 0;
}

/* The source's params over those of the file. */
static void merge_params(struct preset_load *load, const struct config_list *given)
{
    struct config_list *params = &load->preset->params;

    for (size_t i = 0; given != NULL && i < given->n; i++) {
        const char *item = preset_keep(load, given->items[i], strlen(given->items[i]));
        size_t at = 0;

        while (at < params->n && !same_name(params->items[at], item)) {
            at++;
        }
        if (strchr(item, '=') == NULL || at == CONFIG_MAX_LIST) {
            preset_fault(load, 0, "params: \"%s\" %s", item,
                         at == CONFIG_MAX_LIST ? "is one too many; 64 are allowed"
                                               : "is not name=value");
            continue;
        }
        params->items[at] = item;
        params->n = at == params->n ? at + 1 : params->n;
    }
}

const char *preset_param(const struct preset *preset, const char *name)
{
    for (size_t i = 0; i < preset->params.n; i++) {
        if (same_name(preset->params.items[i], name)) {
            return preset->params.items[i] + strcspn(preset->params.items[i], "=") + 1;
        }
    }
    return NULL;
}

/* ---- the load ---- */

/* Every text is "" from here on, whether its section stands in the file or not. */
static void set_defaults(struct preset_load *load)
{
    struct preset *p = load->preset;
    struct preset_call *calls[] = {&p->list, &p->detail,  &p->steps,
                                   &p->ack,  &p->catalog, &p->auth.login};
    const struct preset_place places[] = {
        {.section = PRESET_TOP, .base = p},
        {.section = PRESET_AUTH, .base = &p->auth, .where = WHERE_VALUE},
        {.section = PRESET_CURSOR, .base = &p->cursor},
        {.section = PRESET_SKIP, .base = &p->skip},
        {.section = PRESET_DOSSIER, .base = &p->dossier},
        {.section = PRESET_STEP, .base = &p->step},
        {.section = PRESET_FILE, .base = &p->file},
        {.section = PRESET_RESULT, .base = &p->result},
        {.section = PRESET_PROCEDURE, .base = &p->procedure},
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        preset_defaults(load, &places[i]);
    }
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct preset_place place = {
            .section = PRESET_CALL, .base = calls[i], .where = WHERE_ANY, .call = calls[i]};

        preset_defaults(load, &place);
        calls[i]->format = p->format;
    }
    p->dossier.rows = "";
    p->procedure.rows = "";
}

static void guard_fault(void *ctx, unsigned line, const char *what)
{
    struct preset_load *load = ctx;

    load->lost = true;
    preset_fault(load, line, "%s", what);
}

static void take_apart(struct preset_load *load, char *text, size_t len,
                       const struct config_list *params)
{
    if (!scan_guard(text, len, guard_fault, load)) {
        load->lost = true;
        return;
    }
    /* What templates and paths depend on may stand behind them. */
    load->first_pass = true;
    scan_init(&load->scan, text, len);
    preset_parse(load);
    load->first_pass = false;
    merge_params(load, params);
    set_defaults(load);
    load->n_paths = 0;
    scan_init(&load->scan, text, len);
    preset_parse(load);
    preset_check(load);
}

static int take_digest(struct preset *preset, const char *text, size_t len)
{
    struct digest d;
    int err = digest_begin(&d);

    if (err != 0) {
        return err;
    }
    digest_add(&d, text, len);
    for (size_t i = 0; i < preset->params.n; i++) {
        digest_add_field(&d, preset->params.items[i]);
    }
    digest_end(&d, preset->digest);
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct preset_fault *x = a;
    const struct preset_fault *y = b;

    if (x->line != y->line) {
        return x->line < y->line ? -1 : 1;
    }
    return x->seq < y->seq ? -1 : 1;
}

static void hand_over(struct preset_load *load, struct config_faults *out)
{
    size_t kept = load->n_faults < PRESET_FAULTS_SEEN ? load->n_faults : PRESET_FAULTS_SEEN;

    qsort(load->faults, kept, sizeof(*load->faults), by_place);
    for (size_t i = 0; i < kept; i++) {
        size_t at = out->n + i;

        if (at < CONFIG_MAX_FAULTS) {
            memcpy(out->texts[at], load->faults[i].text, sizeof(out->texts[at]));
        }
    }
    out->n += load->n_faults;
}

static int load_file(struct preset_load *load, const struct config_list *params)
{
    size_t len = 0;
    int err;
    char *text = read_file(load, &len, &err);

    if (text == NULL) {
        return load->nomem ? ERR_NOMEM : err;
    }
    take_apart(load, text, len, params);
    err = take_digest(load->preset, text, len);
    free(text);
    if (load->nomem || err != 0) {
        return ERR_NOMEM;
    }
    return load->n_faults > 0 ? ERR_CONFIG : 0;
}

int preset_load(const char *path, const struct config_list *params, struct preset **out,
                struct config_faults *faults)
{
    struct preset_load load = {0};
    struct arena *arena = malloc(sizeof(*arena));
    int err = ERR_NOMEM;

    *out = NULL;
    load.preset = calloc(1, sizeof(*load.preset));
    load.paths = calloc(PRESET_PATHS_MAX, sizeof(*load.paths));
    load.faults = calloc(PRESET_FAULTS_SEEN, sizeof(*load.faults));
    load.arena = arena;
    if (arena != NULL) {
        arena_init(arena, ARENA_MAX_BYTES);
    }
    if (arena != NULL && load.preset != NULL && load.paths != NULL && load.faults != NULL) {
        load.preset->impl = arena;
        load.file = preset_keep(&load, path, strlen(path));
        load.preset->path = load.file;
        err = load.nomem ? ERR_NOMEM : load_file(&load, params);
        hand_over(&load, faults);
    }
    if (err == 0) {
        *out = load.preset;
    } else {
        if (arena != NULL) {
            arena_free(arena);
        }
        free(arena);
        free(load.preset);
    }
    free(load.paths);
    free(load.faults);
    return err;
}

struct preset *preset_hold(struct preset *preset)
{
    preset->holders++;
    return preset;
}

void preset_free(struct preset *preset)
{
    if (preset == NULL) {
        return;
    }
    if (preset->holders > 0) {
        preset->holders--;
        return;
    }
    arena_free(preset->impl);
    free(preset->impl);
    free(preset);
}

const char *preset_statuses(const struct preset *preset, const struct config_source *source)
{
    return preset->national_status && source->status_map == NULL ? "national"
                                                                 : config_source_statuses(source);
}

/* ---- times ---- */

int preset_date(const char *pattern, const char *text, int64_t *out_s)
{
    static const char *const iso[] = {
        "yyyy-MM-ddTHH:mm:ss.SZ", "yyyy-MM-ddTHH:mm:ssZ", "yyyy-MM-ddTHH:mm:ss.S",
        "yyyy-MM-ddTHH:mm:ss",    "yyyy-MM-ddTHH:mmZ",    "yyyy-MM-ddTHH:mm",
        "yyyy-MM-dd HH:mm:ss.S",  "yyyy-MM-dd HH:mm:ss",  "yyyy-MM-dd"};

    if (strcmp(pattern, "iso") != 0) {
        return vntime_parse(text, pattern, out_s);
    }
    for (size_t i = 0; i < sizeof(iso) / sizeof(iso[0]); i++) {
        if (vntime_parse(text, iso[i], out_s) == 0) {
            return 0;
        }
    }
    return ERR_FORMAT;
}
