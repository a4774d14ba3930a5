/* sequential: the algorithm in use today. Login, then for each dossier TraCuuHoSo, LayThuTuc,
 * DongBoHoSoMC and CapNhatTienDoHoSoMC one after another on one connection; no journal.
 *
 *   sequential --records FILE --portal URL [--count N] */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/calls.h"
#include "bench/records.h"
#include "bench/words.h"

#define URL_SIZE 512
#define STEPS_MAX 10

struct sequential {
    struct calls *calls;
    char url[URL_SIZE];
    char session[128];
    bool ended;
    bool accepted;
    size_t calls_made;
};

static void done(struct call *call)
{
    struct sequential *s = call->ctx;

    s->accepted = call->status == 200 && (calls_accepted(call) || strstr(call->body, "TraCuuHoSo"));
    if (!s->accepted) {
        fprintf(stderr, "the portal answered %ld: %.300s\n", call->status,
                call->reply != NULL ? call->reply : "");
    }
    s->ended = true;
}

static bool going(void *ctx)
{
    return !((struct sequential *)ctx)->ended;
}

/* One call, waited for. Takes body. */
static int post(struct sequential *s, char *body, size_t len)
{
    struct call call = {.url = s->url, .body = body, .len = len, .done = done, .ctx = s};

    s->ended = false;
    s->accepted = false;
    s->calls_made++;
    if (body != NULL && calls_start(s->calls, &call) == 0) {
        (void)calls_run(s->calls, going, s);
    }
    free(body);
    return s->accepted ? 0 : -1;
}

static int ask(struct sequential *s, const char *service, const char *name, const char *value)
{
    size_t room = strlen(s->session) + strlen(value) + 256;
    char *body = malloc(room);
    int len;

    if (body == NULL) {
        return -1;
    }
    len = snprintf(body, room,
                   "{\"session\":\"%s\",\"madonvi\":\"H56\",\"service\":\"%s\",\"%s\":\"%s\"}",
                   s->session, service, name, value);
    return post(s, body, (size_t)len);
}

static int push(struct sequential *s, const char *service, const char *extra, const cJSON *data)
{
    char *text = cJSON_PrintUnformatted(data);
    bool array = cJSON_IsArray(data);
    size_t len = 0;
    char *body;

    if (text == NULL) {
        return -1;
    }
    body = words_call(s->session, service, extra, text + (array ? 1 : 0),
                      strlen(text) - (array ? 2 : 0), &len);
    free(text);
    return post(s, body, len);
}

static int one(struct sequential *s, const struct record_line *line)
{
    cJSON *row = cJSON_ParseWithLength(line->text, line->len);
    cJSON *steps = words_dossier(row);
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "MaHoSo"));
    const char *procedure = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "MaTTHC"));
    int err = code != NULL && procedure != NULL ? 0 : -1;

    words_steps(steps, STEPS_MAX);
    err = err == 0 ? ask(s, "TraCuuHoSo", "mahoso", code) : err;
    err = err == 0 ? ask(s, "LayThuTuc", "maTTHC", procedure) : err;
    err = err == 0 ? push(s, WORDS_PUSH, WORDS_NEW, row) : err;
    if (err == 0 && cJSON_GetArraySize(steps) > 0) {
        err = push(s, WORDS_STEPS, "", steps);
    }
    cJSON_Delete(steps);
    cJSON_Delete(row);
    return err;
}

int main(int argc, char **argv)
{
    static const struct option rows[] = {{"records", required_argument, NULL, 'r'},
                                         {"portal", required_argument, NULL, 'p'},
                                         {"count", required_argument, NULL, 'c'},
                                         {NULL, 0, NULL, 0}};
    const char *path = NULL;
    const char *portal = NULL;
    size_t count = 0;
    struct records records;
    struct sequential s = {0};
    int opt = getopt_long(argc, argv, "", rows, NULL);
    int err = 0;

    for (; opt != -1 && opt != '?'; opt = getopt_long(argc, argv, "", rows, NULL)) {
        path = opt == 'r' ? optarg : path;
        portal = opt == 'p' ? optarg : portal;
        count = opt == 'c' ? (size_t)strtoull(optarg, NULL, 10) : count;
    }
    if (opt == '?' || path == NULL || portal == NULL) {
        fputs("usage: sequential --records FILE --portal URL [--count N]\n", stderr);
        return 64;
    }
    if (records_open(&records, path, count) != 0 ||
        calls_login(portal, s.session, sizeof(s.session)) != 0 || calls_new(&s.calls, 1) != 0) {
        return 1;
    }
    (void)snprintf(s.url, sizeof(s.url), "%s/forward/mapi/g", portal);
    for (size_t i = 0; i < records.n && err == 0; i++) {
        err = one(&s, &records.lines[i]);
    }
    printf("{\"dossiers\":%zu,\"requests\":%zu}\n", records.n, s.calls_made);
    calls_free(s.calls);
    records_close(&records);
    return err == 0 ? 0 : 1;
}
