#include "sandbox/verify_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

/* A member of the line's object, still as JSON text. */
struct member {
    const char *at;
    size_t len;
};

/* The members that a line may have, in any order. */
enum field { F_CALL, F_AT_MS, F_KIND, F_CODE, F_KEY, F_EFFECT, F_TWICE, F_RECORD, FIELD_COUNT };

static const char *const NAMES[FIELD_COUNT] = {
    [F_CALL] = "call", [F_AT_MS] = "at_ms",   [F_KIND] = "kind",          [F_CODE] = "code",
    [F_KEY] = "key",   [F_EFFECT] = "effect", [F_TWICE] = "stored_twice", [F_RECORD] = "record",
};

static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        at += *at == '\\';
    }
    return at < end ? at + 1 : end;
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == ',' || *at == ':')) {
        at++;
    }
    return at;
}

/* Past one value; the line was written by the sandbox, so that brackets are enough. */
static const char *skip_value(const char *at, const char *end)
{
    int depth = 0;

    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
        } else if (depth == 0 && (*at == ',' || *at == '}')) {
            break;
        } else {
            depth += *at == '{' || *at == '[';
            depth -= *at == '}' || *at == ']';
            at++;
        }
        if (depth == 0 && at < end && (*at == ',' || *at == '}')) {
            break;
        }
    }
    return at;
}

static bool split(const char *at, const char *end, struct member fields[FIELD_COUNT])
{
    if (at == end || *at != '{' || end[-1] != '}') {
        return false;
    }
    memset(fields, 0, FIELD_COUNT * sizeof(*fields));
    for (at = skip_space(at + 1, end); at < end && *at == '"'; at = skip_space(at, end)) {
        const char *name = at + 1;
        size_t name_len;
        const char *value;

        at = skip_string(at, end);
        name_len = (size_t)(at - name) - 1;
        value = skip_space(at, end);
        at = skip_value(value, end);
        for (size_t k = 0; k < FIELD_COUNT; k++) {
            if (strlen(NAMES[k]) == name_len && memcmp(NAMES[k], name, name_len) == 0) {
                fields[k] = (struct member){.at = value, .len = (size_t)(at - value)};
            }
        }
    }
    return fields[F_KIND].len > 2 && fields[F_CODE].len > 2;
}

static bool is_text(const struct member *m, const char *text)
{
    return m->len == strlen(text) && memcmp(m->at, text, m->len) == 0;
}

uint64_t ledger_key(const char *key, size_t len)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < len; i++) {
        h = (h ^ (unsigned char)key[i]) * UINT64_C(1099511628211);
    }
    return h != 0 ? h : 1;
}

/* Keys hold names, and names may hold quotes. */
static int take_key(const struct member *m, struct ledger_line *line)
{
    const char *text = m->at + 1;
    size_t len;
    cJSON *parsed = NULL;

    if (m->len < 17) {
        return -1;
    }
    len = m->len - 2;
    if (memchr(text, '\\', len) != NULL) {
        parsed = cJSON_ParseWithLength(m->at, m->len);
        if (!cJSON_IsString(parsed)) {
            cJSON_Delete(parsed);
            return -1;
        }
        text = parsed->valuestring;
        len = strlen(text);
    }
    line->key = ledger_key(text, len);
    memcpy(line->key_time, text, 14);
    cJSON_Delete(parsed);
    return 0;
}

static struct ledger_dossier *slot(const struct verify_ledger *l, const char *code, size_t len)
{
    size_t at = (size_t)ledger_key(code, len) & (l->buckets - 1);

    while (l->dossiers[at].code != NULL &&
           (l->dossiers[at].code_len != len || memcmp(l->dossiers[at].code, code, len) != 0)) {
        at = (at + 1) & (l->buckets - 1);
    }
    return &l->dossiers[at];
}

struct ledger_dossier *ledger_find(const struct verify_ledger *l, const char *code, size_t len)
{
    struct ledger_dossier *d = slot(l, code, len);

    return d->code != NULL ? d : NULL;
}

static int grow_table(struct verify_ledger *l)
{
    struct ledger_dossier *old = l->dossiers;
    size_t buckets = l->buckets;

    l->buckets = buckets == 0 ? 1 << 14 : buckets * 2;
    l->dossiers = calloc(l->buckets, sizeof(*l->dossiers));
    if (l->dossiers == NULL) {
        l->dossiers = old;
        l->buckets = buckets;
        return -1;
    }
    for (size_t i = 0; i < buckets; i++) {
        if (old[i].code != NULL) {
            *slot(l, old[i].code, old[i].code_len) = old[i];
        }
    }
    free(old);
    return 0;
}

static int append(struct verify_ledger *l, const struct ledger_line *line,
                  const struct member *code)
{
    struct ledger_dossier *d;
    uint32_t at = (uint32_t)l->n;

    if (l->n == l->room) {
        size_t room = l->room * 2 + 1024;
        struct ledger_line *lines =
            l->n < LEDGER_LINES_MAX ? realloc(l->lines, room * sizeof(*lines)) : NULL;

        if (lines == NULL) {
            return -1;
        }
        l->lines = lines;
        l->room = room;
    }
    if (l->n_dossiers * 2 >= l->buckets && grow_table(l) != 0) {
        return -1;
    }
    d = slot(l, code->at + 1, code->len - 2);
    if (d->code == NULL) {
        *d = (struct ledger_dossier){
            .code = code->at + 1, .code_len = (uint32_t)code->len - 2, .head = at};
        l->n_dossiers++;
    } else if (d->head == LEDGER_NONE) {
        d->head = at;
    } else {
        l->lines[d->tail].next = at;
    }
    d->tail = at;
    l->lines[l->n++] = *line;
    return 0;
}

/* The portal lost the dossier: nothing that came before counts any more. */
static void forget(struct verify_ledger *l, const struct member *code)
{
    struct ledger_dossier *d = ledger_find(l, code->at + 1, code->len - 2);

    for (uint32_t at = d != NULL ? d->head : LEDGER_NONE; at != LEDGER_NONE;
         at = l->lines[at].next) {
        d->forgotten += !l->lines[at].step;
    }
    if (d != NULL) {
        d->head = LEDGER_NONE;
        d->tail = LEDGER_NONE;
    }
}

static int take_line(struct verify_ledger *l, const char *at, const char *end, uint64_t *last_call)
{
    struct member f[FIELD_COUNT];
    struct ledger_line line = {.next = LEDGER_NONE};
    uint64_t call;

    if (!split(at, end, f)) {
        return -1;
    }
    if (is_text(&f[F_KIND], "\"lost\"")) {
        forget(l, &f[F_CODE]);
        return 0;
    }
    line.step = is_text(&f[F_KIND], "\"step\"");
    if (!line.step && !is_text(&f[F_KIND], "\"dossier\"")) {
        return 0; /* what was loaded; other services have kinds of their own */
    }
    if (f[F_RECORD].len < 2) {
        return -1;
    }
    line.record = f[F_RECORD].at;
    line.record_len = (uint32_t)f[F_RECORD].len;
    line.effect = is_text(&f[F_EFFECT], "true");
    line.stored_twice = is_text(&f[F_TWICE], "true");
    line.at_ms = f[F_AT_MS].len > 0 ? strtoll(f[F_AT_MS].at, NULL, 10) : 0;
    call = f[F_CALL].len > 0 ? strtoull(f[F_CALL].at, NULL, 10) : 0;
    if (line.step && take_key(&f[F_KEY], &line) != 0) {
        return -1;
    }
    l->calls += call != *last_call;
    *last_call = call;
    l->steps += line.step;
    l->snapshots += !line.step;
    l->stored_twice += line.stored_twice;
    l->repeats += !line.effect && !line.stored_twice;
    return append(l, &line, &f[F_CODE]);
}

static int index_lines(struct verify_ledger *l, const char *path)
{
    const char *at = l->map;
    const char *end = l->map + l->size;
    uint64_t last_call = 0;
    size_t number = 1;

    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        if (stop == NULL) {
            break;
        }
        if (stop > at && take_line(l, at, stop, &last_call) != 0) {
            fprintf(stderr, "verify: %s:%zu is no ledger line, or memory is out\n", path, number);
            return -1;
        }
        at = stop + 1;
        number++;
    }
    return 0;
}

int ledger_load(struct verify_ledger *l, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    *l = (struct verify_ledger){0};
    if (fd < 0 || fstat(fd, &st) != 0) {
        fprintf(stderr, "verify: can't read %s: %s\n", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    l->size = (size_t)st.st_size;
    if (l->size > 0) {
        l->map = mmap(NULL, l->size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    close(fd);
    if (l->map == MAP_FAILED) {
        l->map = NULL;
        fprintf(stderr, "verify: can't map %s: %s\n", path, strerror(errno));
        return -1;
    }
    if (grow_table(l) != 0 || index_lines(l, path) != 0) {
        ledger_unload(l);
        return -1;
    }
    return 0;
}

void ledger_unload(struct verify_ledger *l)
{
    if (l->map != NULL) {
        munmap(l->map, l->size);
    }
    free(l->lines);
    free(l->dossiers);
    *l = (struct verify_ledger){0};
}
