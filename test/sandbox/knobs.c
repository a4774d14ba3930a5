#include "sandbox/knobs.h"

#include "sandbox/serve.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct knobs {
    const struct knob_row *rows; /* borrowed */
    size_t count;
    pthread_mutex_t lock; /* setting, and all texts */
    atomic_long values[KNOBS_MAX];
    char texts[KNOBS_MAX][KNOB_TEXT_MAX];
    void (*changed)(void *arg);
    void *arg;
};

/* A value that has passed its row's checks and waits to be applied. */
struct parsed {
    size_t row;
    long value;
    char text[KNOB_TEXT_MAX];
};

struct knobs *knobs_new(const struct knob_row *rows, size_t count)
{
    struct knobs *k = count <= KNOBS_MAX ? (struct knobs *)calloc(1, sizeof *k) : NULL;

    if (k == NULL) {
        return NULL;
    }
    k->rows = rows;
    k->count = count;
    pthread_mutex_init(&k->lock, NULL);
    for (size_t i = 0; i < count; i++) {
        atomic_init(&k->values[i], rows[i].def);
    }
    return k;
}

void knobs_free(struct knobs *k)
{
    if (k != NULL) {
        pthread_mutex_destroy(&k->lock);
        free(k);
    }
}

void knobs_on_change(struct knobs *k, void (*changed)(void *arg), void *arg)
{
    k->changed = changed;
    k->arg = arg;
}

long knobs_get(const struct knobs *k, size_t i)
{
    return atomic_load_explicit(&k->values[i], memory_order_relaxed);
}

void knobs_get_text(struct knobs *k, size_t i, char out[KNOB_TEXT_MAX])
{
    pthread_mutex_lock(&k->lock);
    memcpy(out, k->texts[i], KNOB_TEXT_MAX);
    pthread_mutex_unlock(&k->lock);
}

static int parse_int(const struct knob_row *row, const char *value, long *out)
{
    char *end = NULL;

    errno = 0;
    *out = strtol(value, &end, 10);
    return errno == 0 && end != value && *end == '\0' && *out >= row->min && *out <= row->max ? 0
                                                                                              : -1;
}

static int parse_bool(const char *value, long *out)
{
    static const struct {
        const char *word;
        long value;
    } words[] = {{"on", 1},   {"off", 0},   {"true", 1}, {"false", 0},
                 {"True", 1}, {"False", 0}, {"1", 1},    {"0", 0}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(value, words[i].word) == 0) {
            *out = words[i].value;
            return 0;
        }
    }
    return -1;
}

/* The length of the word at p in a list of words between bars. */
static size_t word_length(const char *p)
{
    return strcspn(p, "|");
}

static int parse_choice(const struct knob_row *row, const char *value, long *out)
{
    const char *p = row->choices;

    for (long i = 0;; i++) {
        size_t len = word_length(p);

        if (strlen(value) == len && strncmp(p, value, len) == 0) {
            *out = i;
            return 0;
        }
        if (p[len] == '\0') {
            return -1;
        }
        p += len + 1;
    }
}

static void choice_word(const struct knob_row *row, long value, char *out, size_t size)
{
    const char *p = row->choices;

    for (long i = 0; i < value; i++) {
        p += word_length(p) + 1;
    }
    snprintf(out, size, "%.*s", (int)word_length(p), p);
}

static int parse_value(const struct knob_row *row, const char *value, struct parsed *out, char *why,
                       size_t why_size)
{
    switch (row->type) {
    case KNOB_INT:
        if (parse_int(row, value, &out->value) == 0) {
            return 0;
        }
        snprintf(why, why_size, "%s must be a number from %ld to %ld", row->name, row->min,
                 row->max);
        return -1;
    case KNOB_BOOL:
        if (parse_bool(value, &out->value) == 0) {
            return 0;
        }
        snprintf(why, why_size, "%s must be on or off", row->name);
        return -1;
    case KNOB_CHOICE:
        if (parse_choice(row, value, &out->value) == 0) {
            return 0;
        }
        snprintf(why, why_size, "%s must be one of %s", row->name, row->choices);
        return -1;
    case KNOB_TEXT:
        if (strlen(value) < KNOB_TEXT_MAX) {
            snprintf(out->text, sizeof out->text, "%s", value);
            return 0;
        }
        snprintf(why, why_size, "%s must be shorter than %d bytes", row->name, KNOB_TEXT_MAX);
        return -1;
    }
    return -1;
}

static int parse_named(const struct knobs *k, const char *name, const char *value,
                       struct parsed *out, char *why, size_t why_size)
{
    for (size_t i = 0; i < k->count; i++) {
        if (strcmp(k->rows[i].name, name) == 0) {
            memset(out, 0, sizeof *out);
            out->row = i;
            return parse_value(&k->rows[i], value, out, why, why_size);
        }
    }
    snprintf(why, why_size, "there is no knob %s", name);
    return -1;
}

static void apply(struct knobs *k, const struct parsed *values, size_t count)
{
    pthread_mutex_lock(&k->lock);
    for (size_t i = 0; i < count; i++) {
        size_t row = values[i].row;

        atomic_store_explicit(&k->values[row], values[i].value, memory_order_relaxed);
        memcpy(k->texts[row], values[i].text, KNOB_TEXT_MAX);
    }
    pthread_mutex_unlock(&k->lock);
    if (k->changed != NULL) {
        k->changed(k->arg);
    }
}

int knobs_set(struct knobs *k, const char *name, const char *value, char *why, size_t why_size)
{
    struct parsed p;

    if (parse_named(k, name, value, &p, why, why_size) != 0) {
        return -1;
    }
    apply(k, &p, 1);
    return 0;
}

int knobs_set_pair(struct knobs *k, const char *pair, char *why, size_t why_size)
{
    const char *eq = strchr(pair, '=');
    char name[64];

    if (eq == NULL || (size_t)(eq - pair) >= sizeof name) {
        snprintf(why, why_size, "a knob is given as name=value");
        return -1;
    }
    memcpy(name, pair, (size_t)(eq - pair));
    name[eq - pair] = '\0';
    return knobs_set(k, name, eq + 1, why, why_size);
}

/* ---- over HTTP ---- */

static void respond_json(struct serve_req *req, int status, cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);

    cJSON_Delete(object);
    if (text == NULL) {
        serve_respond(req, 500, "text/plain", "", 0);
        return;
    }
    serve_respond_owned(req, status, "application/json", text, strlen(text));
}

static void respond_error(struct serve_req *req, const char *why)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddStringToObject(object, "error", why);
    respond_json(req, 400, object);
}

static cJSON *all_values(struct knobs *k)
{
    cJSON *object = cJSON_CreateObject();
    char text[KNOB_TEXT_MAX];

    for (size_t i = 0; i < k->count; i++) {
        const struct knob_row *row = &k->rows[i];
        long value = knobs_get(k, i);

        switch (row->type) {
        case KNOB_INT:
            cJSON_AddNumberToObject(object, row->name, (double)value);
            break;
        case KNOB_BOOL:
            cJSON_AddStringToObject(object, row->name, value != 0 ? "on" : "off");
            break;
        case KNOB_CHOICE:
            choice_word(row, value, text, sizeof text);
            cJSON_AddStringToObject(object, row->name, text);
            break;
        case KNOB_TEXT:
            knobs_get_text(k, i, text);
            cJSON_AddStringToObject(object, row->name, text);
            break;
        }
    }
    return object;
}

static int item_text(const cJSON *item, char out[KNOB_TEXT_MAX + 1])
{
    if (cJSON_IsString(item)) {
        snprintf(out, KNOB_TEXT_MAX + 1, "%s", item->valuestring);
    } else if (cJSON_IsNumber(item)) {
        snprintf(out, KNOB_TEXT_MAX + 1, "%.0f", item->valuedouble);
    } else if (cJSON_IsBool(item)) {
        snprintf(out, KNOB_TEXT_MAX + 1, "%s", cJSON_IsTrue(item) ? "on" : "off");
    } else {
        return -1;
    }
    return 0;
}

static int parse_object(const struct knobs *k, const cJSON *object, struct parsed *values,
                        size_t *count, char *why, size_t why_size)
{
    const cJSON *item;

    *count = 0;
    if (!cJSON_IsObject(object)) {
        snprintf(why, why_size, "the body must be an object of knobs");
        return -1;
    }
    cJSON_ArrayForEach(item, object)
    {
        char text[KNOB_TEXT_MAX + 1];

        if (*count == KNOBS_MAX || item_text(item, text) != 0) {
            snprintf(why, why_size, "%s must be text, a number or a boolean", item->string);
            return -1;
        }
        if (parse_named(k, item->string, text, &values[*count], why, why_size) != 0) {
            return -1;
        }
        (*count)++;
    }
    return 0;
}

static void serve_post(struct knobs *k, struct serve_req *req)
{
    struct parsed *values = (struct parsed *)calloc(KNOBS_MAX, sizeof *values);
    cJSON *object = cJSON_ParseWithLength(req->body, req->body_len);
    size_t count = 0;
    char why[256] = "out of memory";

    if (values == NULL || parse_object(k, object, values, &count, why, sizeof why) != 0) {
        respond_error(req, why);
    } else {
        apply(k, values, count);
        respond_json(req, 200, all_values(k));
    }
    cJSON_Delete(object);
    free(values);
}

void knobs_serve(struct knobs *k, struct serve_req *req)
{
    if (strcmp(req->method, "POST") == 0) {
        serve_post(k, req);
    } else if (strcmp(req->method, "GET") == 0) {
        respond_json(req, 200, all_values(k));
    } else {
        serve_respond(req, 405, "text/plain", "", 0);
    }
}
