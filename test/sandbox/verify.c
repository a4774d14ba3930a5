#include "sandbox/verify.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "sandbox/verify_dossier.h"
#include "sandbox/verify_fetch.h"
#include "sandbox/verify_product.h"

#define WINDOW 4000 /* dossiers fetched at once: about 25 MB */

struct options {
    const char *ledger;
    const char *province;
    const char *portal;
    const char *journal;
    const struct verify_product *product; /* NULL: OpenCPS */
    bool json;
};

static int usage(void)
{
    fputs("dvcsync-sandbox verify --ledger FILE --province URL --portal URL [--journal FILE]"
          " [--json] [--product NAME]\n",
          stderr);
    return 2;
}

static int parse(int argc, char **argv, struct options *o)
{
    static const struct option LONG[] = {
        {"ledger", required_argument, NULL, 'l'},
        {"province", required_argument, NULL, 'v'},
        {"portal", required_argument, NULL, 'p'},
        {"journal", required_argument, NULL, 'j'},
        {"json", no_argument, NULL, 'o'},
        {"product", required_argument, NULL, 'd'},
        {NULL, 0, NULL, 0},
    };
    int opt;

    optind = 1;
    for (opt = getopt_long(argc, argv, "", LONG, NULL); opt != -1;
         opt = getopt_long(argc, argv, "", LONG, NULL)) {
        switch (opt) {
        case 'l':
            o->ledger = optarg;
            break;
        case 'v':
            o->province = optarg;
            break;
        case 'p':
            o->portal = optarg;
            break;
        case 'j':
            o->journal = optarg;
            break;
        case 'o':
            o->json = true;
            break;
        case 'd':
            o->product = verify_product_find(optarg);
            if (o->product == NULL && strcmp(optarg, "opencps") != 0) {
                fprintf(stderr, "verify: no product %s\n", optarg);
                return -1;
            }
            break;
        default:
            return -1;
        }
    }
    return optind == argc && o->ledger != NULL && o->province != NULL && o->portal != NULL ? 0 : -1;
}

static int on_dossier(char *line, size_t len, void *arg)
{
    cJSON *parsed = cJSON_ParseWithLength(line, len);
    int result = -1;

    if (parsed == NULL) {
        fputs("verify: the province's dump has a line that is no JSON\n", stderr);
    } else {
        result = judge_dossier(arg, parsed);
    }
    cJSON_Delete(parsed);
    return result;
}

static int judge_all(struct judge *j, const char *province)
{
    const char *product = j->product != NULL ? verify_product_name(j->product) : NULL;
    size_t lines = WINDOW;

    for (size_t start = 0; lines == WINDOW; start += WINDOW) {
        char path[128];

        snprintf(path, sizeof(path), "/_sandbox/dump?start=%zu&limit=%d%s%s", start, WINDOW,
                 product != NULL ? "&product=" : "", product != NULL ? product : "");
        if (fetch_lines(province, path, on_dossier, j, &lines) != 0) {
            return -1;
        }
    }
    return judge_rest(j);
}

static int judge_and_print(const struct options *o, struct verify_ledger *ledger,
                           struct verify_journal *journal)
{
    struct report report = {.calls = ledger->calls,
                            .repeats = ledger->repeats,
                            .snapshot_lines = ledger->snapshots,
                            .step_lines = ledger->steps,
                            .journal = journal->db != NULL,
                            .title = o->product != NULL ? verify_product_name(o->product) : "demo"};
    struct verify_catalog catalog = {0};
    struct judge judge = {.ledger = ledger,
                          .journal = journal,
                          .catalog = &catalog,
                          .report = &report,
                          .product = o->product};
    int status = 2;
    int known = 0;

    if (o->product == NULL) {
        known = catalog_compare(&catalog, o->province, o->portal, journal, &report);
    }
    if (known == 0 && judge_all(&judge, o->province) == 0) {
        report_print(&report, o->json);
        status = report_agrees(&report) ? 0 : 1;
    }
    catalog_close(&catalog);
    return status;
}

int verify_main(int argc, char **argv)
{
    struct options o = {0};
    struct verify_ledger ledger;
    struct verify_journal *journal;
    int status = 2;

    if (parse(argc, argv, &o) != 0) {
        return usage();
    }
    journal = malloc(sizeof(*journal));
    if (journal == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fputs("verify: out of memory\n", stderr);
        free(journal);
        return 2;
    }
    if (ledger_load(&ledger, o.ledger) == 0) {
        if (journal_open(journal, o.journal, o.product != NULL) == 0) {
            status = judge_and_print(&o, &ledger, journal);
            journal_close(journal);
        }
        ledger_unload(&ledger);
    }
    curl_global_cleanup();
    free(journal);
    return status;
}
