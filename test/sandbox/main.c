/* dvcsync-sandbox: the portal, the province and the oracle in one program; see README.md. */
#include "sandbox/emc.h"
#include "sandbox/portal.h"
#include "sandbox/province.h"
#include "sandbox/tell.h"
#include "sandbox/verify.h"
#include "sandbox/verify_emc.h"
#include "sandbox/verify_other.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"portal", portal_main, "play the national portal, with a ledger of what it accepted"},
    {"province", province_main, "play a provincial system with dossiers that live"},
    {"emc", emc_main, "play the usage measurement system, with a ledger of what it counted"},
    {"verify", verify_main, "judge the ledger against the province's own record"},
    {"tell", tell_main, "drop records of the other services into a spool, and note them"},
    {"verify-other", verify_other_main, "judge those services against what was noted"},
    {"verify-emc", verify_emc_main, "judge what was counted against the province's own record"},
};

static int usage(FILE *out, int status)
{
    fprintf(out, "usage: dvcsync-sandbox COMMAND [options]\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return usage(stderr, 2);
    }
    if (strcmp(argv[1], "--help") == 0) {
        return usage(stdout, 0);
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return usage(stderr, 2);
}
