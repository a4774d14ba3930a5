/* The command line of dvcsyncctl: a verb runs only with as many arguments as it takes and with
 * options that are its own. The verbs themselves do nothing here.
 *
 * Input: words with 0x1F between them. */
#define main ctl_main
#define config_load no_config /* reads no file that an input names */
#include "daemon/ctl.h"

#include "daemon/ctl.c" /* its table and its parser are its own */
#undef main

#include "daemon/ctl_text.h"
#include "fuzz/fuzz.h"

#define WORDS 24

static unsigned ran;

int no_config(const char *path, struct config **out, struct config_faults *faults)
{
    FUZZ_CHECK(path != NULL, "no path");
    *out = NULL;
    faults->n = 1;
    return ERR_CONFIG;
}

static int ran_verb(struct ctl *c)
{
    uint64_t value = 0;
    bool known = false;
    int err;

    ran++;
    FUZZ_CHECK(ran == 1, "two verbs");
    for (size_t i = 0; i < N_VERBS; i++) {
        bool fits = verbs[i].arg == c->arg && c->n_args >= verbs[i].min_args &&
                    c->n_args <= verbs[i].max_args;

        for (int o = 0; o < CTL_OPTIONS; o++) {
            fits = fits && (c->options[o] == NULL || (verbs[i].options & BIT(o)) != 0);
        }
        known = known || fits;
    }
    FUZZ_CHECK(known, "%d arguments", c->n_args);
    for (int i = 0; i < c->n_args; i++) {
        FUZZ_CHECK(c->args[i] != NULL, "argument %d", i);
        err = ctl_number(c->args[i], 0, UINT64_MAX, &value);
        FUZZ_CHECK(err == 0 || err == ERR_FORMAT, "%d", err);
    }
    for (int o = 0; o < CTL_OPTIONS; o++) {
        if (c->options[o] != NULL) {
            err = ctl_age_parse(c->options[o], &value);
            FUZZ_CHECK(err == 0 || err == ERR_FORMAT, "%d", err);
        }
    }
    return CTL_OK;
}

/* clang-format off */
int ctl_status(struct ctl *c) { return ran_verb(c); }
int ctl_check(struct ctl *c) { return ran_verb(c); }
int ctl_queue(struct ctl *c) { return ran_verb(c); }
int ctl_item(struct ctl *c) { return ran_verb(c); }
int ctl_why(struct ctl *c) { return ran_verb(c); }
int ctl_act(struct ctl *c) { return ran_verb(c); }
int ctl_resolve(struct ctl *c) { return ran_verb(c); }
int ctl_pause(struct ctl *c) { return ran_verb(c); }
int ctl_resume(struct ctl *c) { return ran_verb(c); }
int ctl_poll(struct ctl *c) { return ran_verb(c); }
int ctl_adopt(struct ctl *c) { return ran_verb(c); }
int ctl_catalog(struct ctl *c) { return ran_verb(c); }
int ctl_catalog_read(struct ctl *c) { return ran_verb(c); }
int ctl_config_check(struct ctl *c) { return ran_verb(c); }
int ctl_config_dump(struct ctl *c) { return ran_verb(c); }
int ctl_test(struct ctl *c) { return ran_verb(c); }
int ctl_source_try(struct ctl *c) { return ran_verb(c); }
int ctl_events(struct ctl *c) { return ran_verb(c); }
int ctl_reload(struct ctl *c) { return ran_verb(c); }
int ctl_log_level(struct ctl *c) { return ran_verb(c); }
int ctl_wait(struct ctl *c) { return ran_verb(c); }
int ctl_journal_check(struct ctl *c) { return ran_verb(c); }
int ctl_journal_backup(struct ctl *c) { return ran_verb(c); }
int ctl_audit_verify(struct ctl *c) { return ran_verb(c); }
int ctl_map_check(struct ctl *c) { return ran_verb(c); }
int ctl_journal_recover(struct ctl *c) { return ran_verb(c); }
int ctl_subject_find(struct ctl *c) { return ran_verb(c); }
int ctl_subject_export(struct ctl *c) { return ran_verb(c); }
int ctl_subject_erase(struct ctl *c) { return ran_verb(c); }
int ctl_catalog_heal(struct ctl *c) { return ran_verb(c); }
int ctl_catalog_history(struct ctl *c) { return ran_verb(c); }
int ctl_catalog_report(struct ctl *c) { return ran_verb(c); }
int ctl_compare(struct ctl *c) { return ran_verb(c); }
int ctl_lag(struct ctl *c) { return ran_verb(c); }
int ctl_reconcile(struct ctl *c) { return ran_verb(c); }
int ctl_report(struct ctl *c) { return ran_verb(c); }
int ctl_risk(struct ctl *c) { return ran_verb(c); }
int ctl_silent(struct ctl *c) { return ran_verb(c); }
int ctl_evidence(struct ctl *c) { return ran_verb(c); }
int ctl_integrity(struct ctl *c) { return ran_verb(c); }
int ctl_evidence_key(struct ctl *c) { return ran_verb(c); }
int ctl_evidence_verify(struct ctl *c) { return ran_verb(c); }
/* clang-format on */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    /* What it says is not for us; libFuzzer and the sanitizers write by themselves. */
    stdout = fopen("/dev/null", "w");
    return stdout == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FILE *outside = stderr;
    struct fuzz_in in = {data, size};
    char *words[WORDS + 2] = {(char[]){"dvcsyncctl"}};
    char *owned[WORDS];
    int argc = 1;
    int exit_code;

    while (in.n > 0 && argc <= WORDS) {
        owned[argc - 1] = fuzz_word(&in);
        words[argc] = owned[argc - 1];
        argc++;
    }
    ran = 0;
    stderr = stdout;
    exit_code = ctl_main(argc, words);
    stderr = outside;
    FUZZ_CHECK(exit_code >= 0 && exit_code <= 78, "%d", exit_code);
    FUZZ_CHECK(ran == 1 || exit_code == CTL_OK || exit_code == CTL_USAGE ||
                   exit_code == CTL_FAULTY_CONFIG,
               "%d without a verb", exit_code);
    for (int i = 0; i < argc - 1; i++) {
        free(owned[i]);
    }
    return 0;
}
