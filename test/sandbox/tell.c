#include "sandbox/tell.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "sandbox/csv.h"

#define COUNT_MAX 100000
#define FIRST_ASKED 5001ul /* as portal_asked.c numbers them */

struct options {
    const char *what;
    const char *dir;
    const char *truth;
    const char *catalog;
    unsigned long count;
    unsigned long seed;
    unsigned long version; /* of the same records: another one has other content */
    bool csv;
};

static int usage(void)
{
    fputs("dvcsync-sandbox tell ratings|questions|replies --dir SPOOL --truth FILE --catalog FILE"
          " [--count N] [--seed N] [--version N] [--csv]\n",
          stderr);
    return 2;
}

static uint64_t mix(uint64_t z)
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int read_number(const char *text, unsigned long *out)
{
    char *end = NULL;

    errno = 0;
    *out = strtoul(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' ? 0 : -1;
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option rows[] = {
        {"dir", required_argument, NULL, 'd'},     {"truth", required_argument, NULL, 't'},
        {"catalog", required_argument, NULL, 'c'}, {"count", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},    {"version", required_argument, NULL, 'v'},
        {"csv", no_argument, NULL, 'C'},           {NULL, 0, NULL, 0},
    };
    int bad = 0;
    int opt;

    optind = 1;
    for (opt = getopt_long(argc, argv, "", rows, NULL); opt != -1;
         opt = getopt_long(argc, argv, "", rows, NULL)) {
        switch (opt) {
        case 'd':
            o->dir = optarg;
            break;
        case 't':
            o->truth = optarg;
            break;
        case 'c':
            o->catalog = optarg;
            break;
        case 'n':
            bad |= read_number(optarg, &o->count);
            break;
        case 's':
            bad |= read_number(optarg, &o->seed);
            break;
        case 'v':
            bad |= read_number(optarg, &o->version);
            break;
        case 'C':
            o->csv = true;
            break;
        default:
            return -1;
        }
    }
    o->what = optind + 1 == argc ? argv[optind] : NULL;
    return bad == 0 && o->what != NULL && o->dir != NULL && o->truth != NULL &&
                   o->catalog != NULL && o->count > 0 && o->count <= COUNT_MAX
               ? 0
               : -1;
}

/* ---- ratings ---- */

static void add_share(cJSON *record, const char *name, unsigned percent)
{
    char text[16];

    snprintf(text, sizeof text, "%u%%", percent);
    cJSON_AddStringToObject(record, name, text);
}

/* The i-th rating: month, procedure and agency by i, numbers by seed and version. */
static cJSON *make_rating(const struct options *o, const struct csv *catalog, unsigned long i,
                          char code[64])
{
    const size_t rows = catalog->rows;
    const char *procedure = csv_cell(catalog, (i * 7919u) % rows, 0);
    uint64_t draw = mix(o->seed ^ mix(i << 20 ^ o->version));
    unsigned month = 1 + (unsigned)(i % 12);
    unsigned agency = 1 + (unsigned)(i / rows % 99);
    unsigned very = (unsigned)(draw % 81);
    unsigned fine = (unsigned)(draw / 101 % (100 - very + 1));
    cJSON *record = cJSON_CreateObject();
    char text[40];

    snprintf(code, 64, "rating:2025-%02u_%s_H56.%02u", month, procedure, agency);
    snprintf(text, sizeof text, "%u-2025", month);
    cJSON_AddStringToObject(record, "NgayTongHop", text);
    snprintf(text, sizeof text, "%u", 1 + (unsigned)(draw / 7 % 400));
    cJSON_AddStringToObject(record, "TongSoNguoiDanhGia", text);
    add_share(record, "PhanTramDanhGiaRatHaiLong", very);
    add_share(record, "PhanTramDanhGiaHaiLong", fine);
    add_share(record, "PhanTramDanhGiaChuaHaiLong", 100 - very - fine);
    cJSON_AddStringToObject(record, "DanhSachNoiDungYKien", "");
    cJSON_AddStringToObject(record, "MaThuTuc", procedure);
    cJSON_AddStringToObject(record, "NoiDung", "");
    add_share(record, "PhanTramDanhGiaDichVuRatHaiLong", fine);
    add_share(record, "PhanTramDanhGiaDichVuHaiLong", very);
    add_share(record, "PhanTramDanhGiaDichVuChuaHaiLong", 100 - very - fine);
    snprintf(text, sizeof text, "H56.%02u", agency);
    cJSON_AddStringToObject(record, "Madonvi", text);
    cJSON_AddStringToObject(record, "TenDonVi", "Cơ quan thử nghiệm");
    return record;
}

/* ---- questions of the province's own, and replies to the portal's ---- */

static cJSON *make_question(const struct options *o, const struct csv *catalog, unsigned long i,
                            char code[64])
{
    cJSON *record = cJSON_CreateObject();
    char text[80];

    (void)catalog;
    snprintf(code, 64, "question:L-%lu-%lu", o->seed, i);
    cJSON_AddStringToObject(record, "HOIDAPID", code + strlen("question:"));
    cJSON_AddStringToObject(record, "MaLinhVuc", "G15-HT04");
    snprintf(text, sizeof text, "Câu hỏi của tỉnh số %lu, bản %lu", i, o->version);
    cJSON_AddStringToObject(record, "NOIDUNG", text);
    cJSON_AddStringToObject(record, "MADONVI", "H56");
    cJSON_AddStringToObject(record, "TENDONVI", "UBND tỉnh thử nghiệm");
    return record;
}

/* To the i-th question that was ever asked at the sandbox portal; NULL for those that are nobody's
 * business. */
static cJSON *make_reply(const struct options *o, const struct csv *catalog, unsigned long i,
                         char code[64])
{
    cJSON *record = i % 10 != 9 ? cJSON_CreateObject() : NULL;
    char text[80];

    (void)catalog;
    if (record == NULL) {
        return NULL;
    }
    snprintf(code, 64, "reply:%lu", FIRST_ASKED + i);
    cJSON_AddStringToObject(record, "HOIDAPID", code + strlen("reply:"));
    cJSON_AddStringToObject(record, "MADONVI", "H56");
    cJSON_AddStringToObject(record, "NGUOITRALOI", "Trần Thị Thử");
    cJSON_AddStringToObject(record, "CHUCVUNGUOITRALOI", "Chuyên viên");
    cJSON_AddStringToObject(record, "NGAYTRALOI", "18/11/2025");
    snprintf(text, sizeof text, "Trả lời thử nghiệm số %lu, bản %lu", i, o->version);
    cJSON_AddStringToObject(record, "NOIDUNGTRALOI", text);
    return record;
}

static const struct {
    const char *what;
    const char *kind;
    cJSON *(*make)(const struct options *o, const struct csv *catalog, unsigned long i,
                   char code[64]);
} makers[] = {
    {"ratings", "rating", make_rating},
    {"questions", "question", make_question},
    {"replies", "reply", make_reply},
};
#define N_MAKERS (sizeof makers / sizeof makers[0])

/* ---- files ---- */

static void put_csv(FILE *f, const cJSON *record, bool header)
{
    const char *comma = "";
    const cJSON *field;

    for (int pass = header ? 0 : 1; pass < 2; pass++) {
        cJSON_ArrayForEach(field, record)
        {
            fprintf(f, "%s\"%s\"", comma, pass == 0 ? field->string : field->valuestring);
            comma = ",";
        }
        fputs("\n", f);
        comma = "";
    }
}

static void put_truth(FILE *f, const char *kind, const char *code, const cJSON *record)
{
    char *text = cJSON_PrintUnformatted(record);

    fprintf(f, "{\"kind\":\"%s\",\"code\":\"%s\",\"record\":%s}\n", kind, code, text);
    free(text);
}

static void put_record(FILE *f, const struct options *o, const cJSON *record, bool first)
{
    char *text;

    if (o->csv) {
        put_csv(f, record, first);
        return;
    }
    text = cJSON_PrintUnformatted(record);
    fprintf(f, "%s%s", first ? "[" : ",\n", text);
    free(text);
}

static int write_files(const struct options *o, const struct csv *catalog, FILE *drop, FILE *truth)
{
    size_t m = 0;
    bool first = true;

    while (strcmp(makers[m].what, o->what) != 0) {
        m++;
    }
    for (unsigned long i = 0; i < o->count; i++) {
        char code[64];
        cJSON *record = makers[m].make(o, catalog, i, code);

        if (record != NULL) {
            put_record(drop, o, record, first);
            put_truth(truth, makers[m].kind, code, record);
            first = false;
        }
        cJSON_Delete(record);
    }
    fputs(o->csv ? "" : "]\n", drop);
    return fflush(truth) == 0 && fsync(fileno(truth)) == 0 && fflush(drop) == 0 ? 0 : -1;
}

/* The truth is on disk before the file is there to be taken. */
static int tell(const struct options *o, const struct csv *catalog)
{
    char part[512];
    char name[512];
    FILE *truth;
    FILE *drop;
    int result;

    snprintf(part, sizeof part, "%s/in/.tell", o->dir);
    snprintf(name, sizeof name, "%s/in/%s-%06lu-%06lu.%s", o->dir, o->what, o->seed, o->version,
             o->csv ? "csv" : "json");
    drop = fopen(part, "we");
    truth = drop != NULL ? fopen(o->truth, "ae") : NULL;
    result = truth != NULL ? write_files(o, catalog, drop, truth) : -1;
    if (truth != NULL) {
        result = fclose(truth) == 0 ? result : -1;
    }
    if (drop != NULL) {
        result = fclose(drop) == 0 ? result : -1;
    }
    if (result == 0) {
        result = rename(part, name);
    }
    if (result != 0) {
        fprintf(stderr, "tell: %s: %s\n", name, strerror(errno));
    }
    return result;
}

int tell_main(int argc, char **argv)
{
    struct options o = {.count = 100, .seed = 1, .version = 1};
    struct csv catalog;
    int result;

    bool known = parse(argc, argv, &o) == 0;

    for (size_t m = 0; m <= N_MAKERS && known; m++) {
        known = m < N_MAKERS;
        if (known && strcmp(makers[m].what, o.what) == 0) {
            break;
        }
    }
    if (!known) {
        return usage();
    }
    if (csv_load(&catalog, o.catalog) != 0) {
        return 1;
    }
    result = tell(&o, &catalog);
    csv_free(&catalog);
    return result == 0 ? 0 : 1;
}
