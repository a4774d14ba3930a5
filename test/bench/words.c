#include "bench/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The national part of 1.001193.000.00.00.H56. */
static void cut_procedure(cJSON *row)
{
    cJSON *code = cJSON_GetObjectItemCaseSensitive(row, "MaTTHC");
    char *dot = cJSON_IsString(code) ? strchr(code->valuestring, '.') : NULL;

    dot = dot != NULL ? strchr(dot + 1, '.') : NULL;
    if (dot != NULL) {
        *dot = '\0';
    }
}

cJSON *words_dossier(cJSON *row)
{
    cJSON_DeleteItemFromObjectCaseSensitive(row, "MaDonVi");
    cJSON_DeleteItemFromObjectCaseSensitive(row, "NgayCapNhat");
    cut_procedure(row);
    return cJSON_DetachItemFromObjectCaseSensitive(row, "TienDo");
}

void words_steps(cJSON *steps, int max)
{
    while (cJSON_GetArraySize(steps) > max) {
        cJSON_DeleteItemFromArray(steps, max);
    }
}

char *words_call(const char *session, const char *service, const char *extra, const char *elements,
                 size_t len, size_t *out_len)
{
    size_t room = len + strlen(session) + strlen(service) + strlen(extra) + 96;
    char *text = malloc(room);
    int head;

    if (text == NULL) {
        return NULL;
    }
    head = snprintf(text, room,
                    "{\"session\":\"%s\",\"madonvi\":\"H56\",\"service\":\"%s\",%s\"data\":[",
                    session, service, extra);
    memcpy(text + head, elements, len);
    memcpy(text + head + len, "]}", 3);
    *out_len = (size_t)head + len + 2;
    return text;
}
