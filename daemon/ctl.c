/* dvcsyncctl: asks the daemon and gives it orders, over its two Unix sockets. */
#include "daemon/ctl.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/journal.h"

#define BIT(option) (UINT64_C(1) << (option))
#define FILTERS (BIT(CTL_STATE) | BIT(CTL_HOLD) | BIT(CTL_FLOW) | BIT(CTL_CODE))
#define ACTING (FILTERS | BIT(CTL_REASON) | BIT(CTL_DRY_RUN) | BIT(CTL_YES))
#define ANY_ARGS 10000
#define EXITS_ACTING                                                                               \
    "0 done, 1 done in part, not there, not possible in its state, or not confirmed"

struct verb {
    const char *name; /* one word, or two */
    const char *args;
    const char *help;
    const char *exits; /* what its exit codes say, each a number and words; 64 to 78 as for all */
    int (*run)(struct ctl *c);
    uint64_t options;
    int min_args, max_args;
    int arg;
};

static const struct verb verbs[] = {
    {"status", "[--watch SECONDS]", "what runs, what waits, what is wrong",
     "0 told, whatever the verdict", ctl_status, BIT(CTL_WATCH), 0, 0, 0},
    {"check", "[--warn-age 1h] [--crit-age 4h]", "one line for Nagios and Icinga",
     "0 ok, 1 warning, 2 critical or not reachable, 3 unknown", ctl_check,
     BIT(CTL_WARN_AGE) | BIT(CTL_CRIT_AGE), 0, 0, 0},
    {"queue", "[--state S] [--hold WHY] [--flow F] [--code C] [--limit N] [--after ID]",
     "the items; by default the open ones", "0 listed", ctl_queue,
     FILTERS | BIT(CTL_LIMIT) | BIT(CTL_AFTER), 0, 0, 0},
    {"show", "ID", "one item and its calls", "0 shown, 1 no such item", ctl_item, 0, 1, 1, 0},
    {"why", "CODE", "the life of a dossier in plain words", "0 told, 1 no such dossier", ctl_why, 0,
     1, 1, 0},
    {"retry", "ID...|--state S [--flow F] [--code C]", "make waiting items due now", EXITS_ACTING,
     ctl_act, ACTING, 0, ANY_ARGS, JOURNAL_RETRY},
    {"release", "ID...|--state S [--hold WHY] [--flow F] [--code C]", "let held items go on",
     EXITS_ACTING, ctl_act, ACTING, 0, ANY_ARGS, JOURNAL_RELEASE},
    {"hold", "ID...|--state S [--flow F] [--code C] [--reason TEXT]", "keep waiting items back",
     EXITS_ACTING, ctl_act, ACTING, 0, ANY_ARGS, JOURNAL_HOLD},
    {"drop", "ID...|--state S [--hold WHY] [--flow F] [--code C] --reason TEXT", "give items up",
     EXITS_ACTING, ctl_act, ACTING, 0, ANY_ARGS, JOURNAL_DROP},
    {"resolve", "ID... --as delivered|resend --reason TEXT", "say what became of an item in doubt",
     EXITS_ACTING, ctl_resolve, BIT(CTL_AS) | BIT(CTL_REASON) | BIT(CTL_DRY_RUN), 1, ANY_ARGS, 0},
    {"pause", "ENDPOINT [--reason TEXT]", "send and ask nothing there",
     "0 done, 1 no such endpoint, or not possible now", ctl_pause, BIT(CTL_REASON), 1, 1, 0},
    {"resume", "ENDPOINT [--reason TEXT]", "end a pause",
     "0 done, 1 no such endpoint, or not possible now", ctl_resume, BIT(CTL_REASON), 1, 1, 0},
    {"poll", "SOURCE [--full]", "ask a source for news now",
     "0 begun, 1 no such source, or not possible now", ctl_poll, BIT(CTL_FULL), 1, 1, 0},
    {"adopt", "[FLOW]", "take over what the portal has from an older connector",
     "0 begun, 1 no such flow, or not possible now", ctl_adopt, 0, 0, 1, 0},
    {"catalog", "[--limit N]", "how far the two catalogues agree",
     "0 told, whether they agree or not", ctl_catalog, BIT(CTL_LIMIT), 0, 0, 0},
    {"catalog read", "[FLOW]", "read the portal's catalogue now",
     "0 begun, 1 no such flow, or not possible now", ctl_catalog_read, 0, 0, 1, 0},
    {"catalog report", "[--format text|csv|json|html] [--limit N] [-o FILE] [JOURNAL]",
     "every difference between the catalogues, by kind and field; no daemon needed",
     "0 they agree, 1 they differ, 2 the journal is damaged, 3 it can't be read, or a catalogue "
     "was not read yet",
     ctl_catalog_report, BIT(CTL_FORMAT) | BIT(CTL_LIMIT) | BIT(CTL_OUTPUT), 0, 1, 0},
    {"catalog history",
     "[--since DATE] [--code C] [--format text|csv|json|html] [-o FILE] [JOURNAL]",
     "what changed in either catalogue on which day; no daemon needed",
     "0 listed, 2 the journal is damaged, 3 it can't be read", ctl_catalog_history,
     BIT(CTL_SINCE) | BIT(CTL_CODE) | BIT(CTL_FORMAT) | BIT(CTL_OUTPUT), 0, 1, 0},
    {"catalog heal",
     "[--dry-run] [--kind K] [--flow F] [--reason TEXT] [--format text|csv|json|html] [-o FILE]",
     "send what can be sent again, list what a person must decide",
     "0 nothing is left, 1 something is sent, on its way or for a person, 2 the journal is "
     "damaged, 3 it can't be read, or a catalogue was not read yet",
     ctl_catalog_heal,
     BIT(CTL_DRY_RUN) | BIT(CTL_KIND) | BIT(CTL_FLOW) | BIT(CTL_REASON) | BIT(CTL_FORMAT) |
         BIT(CTL_OUTPUT),
     0, 0, 0},
    {"config check", "[FILE]", "check the configuration; no daemon needed",
     "0 free of faults, 3 it can't be read now, 78 faults", ctl_config_check, 0, 0, 1, 0},
    {"config dump", "[--origin] [FILE]", "print the values in force; no daemon needed",
     "0 printed, 3 it can't be read now, 78 faults", ctl_config_dump, BIT(CTL_ORIGIN), 0, 1, 0},
    {"test", "portal|SOURCE", "one harmless call, to see whether it works",
     "0 it works, or there is nothing to ask of it, 2 it fails, or no such endpoint", ctl_test, 0,
     1, 1, 0},
    {"source try", "NAME [--rows 3]",
     "read a source once: its rows, their records, what would be sent; nothing is stored",
     "0 read, 1 a row can't be mapped, or there is none, 2 it can't be read, or no such source",
     ctl_source_try, BIT(CTL_ROWS), 1, 1, 0},
    {"events", "[-f]", "what happened lately, or what happens",
     "0 listed, 3 the answer can't be judged", ctl_events, BIT(CTL_FOLLOW), 0, 0, 0},
    {"reconcile",
     "[--sample N|--open|--month YYYY-MM|--dossier CODE [--fix [--yes]] [--no-wait]|--cancel] "
     "[--format text|csv|json|html] [-o FILE]",
     "compare dossiers with the portal and their source; without a scope: the last result",
     "0 all agree or are tolerated, or it was begun or cancelled as ordered, 1 some do not, it "
     "still runs or was cancelled, or there is none to cancel, 2 stopped by --fix, 3 there was "
     "none yet, 75 one runs already",
     ctl_reconcile,
     BIT(CTL_SAMPLE) | BIT(CTL_OPEN) | BIT(CTL_MONTH) | BIT(CTL_DOSSIER) | BIT(CTL_FIX) |
         BIT(CTL_YES) | BIT(CTL_CANCEL) | BIT(CTL_NO_WAIT) | BIT(CTL_FORMAT) | BIT(CTL_OUTPUT),
     0, 0, 0},
    {"reload", "[--reason TEXT]", "read the configuration again",
     "0 taken, 1 not possible now, 78 faults: what was loaded stays", ctl_reload, BIT(CTL_REASON),
     0, 0, 0},
    {"log-level", "error|warn|notice|info|debug", "log more or less until the next reload",
     "0 done", ctl_log_level, 0, 1, 1, 0},
    {"wait", "[--until idle|ready] [--timeout 5m]", "return when it is so",
     "0 it is so, 1 it was not within the timeout, 69 nor could the daemon be reached", ctl_wait,
     BIT(CTL_UNTIL) | BIT(CTL_TIMEOUT), 0, 0, 0},
    {"journal check", "[FILE]", "check the journal; no daemon needed",
     "0 sound, 2 damaged, 3 it can't be read", ctl_journal_check, 0, 0, 1, 0},
    {"journal backup", "PATH", "have the daemon write a copy of the journal",
     "0 written, 1 the path is there or a backup runs, 2 it can't be written", ctl_journal_backup,
     0, 1, 1, 0},
    {"map check", "[--status FILE] [--procedure FILE] [--agency FILE] [JOURNAL]",
     "local codes without a mapping, and what other maps would change; no daemon needed",
     "0 all codes are mapped, 1 one is not, 2 the journal is damaged, 3 it can't be read, 78 a map "
     "has a fault",
     ctl_map_check, BIT(CTL_STATUS_MAP) | BIT(CTL_PROCEDURE_MAP) | BIT(CTL_AGENCY_MAP), 0, 1, 0},
    {"lag",
     "[--by agency|hour|flow] [--since DATE] [--format text|csv|json|html] [-o FILE] [JOURNAL]",
     "how long dossiers take from their source to the sink; no daemon needed",
     "0 told, 2 the journal is damaged, 3 it can't be read", ctl_lag,
     BIT(CTL_BY) | BIT(CTL_SINCE) | BIT(CTL_FORMAT) | BIT(CTL_OUTPUT), 0, 1, 0},
    {"risk", "[--hours N] [--format text|csv|json|html] [-o FILE] [JOURNAL]",
     "dossiers whose promised date is near and that are not delivered; no daemon needed",
     "0 none is at risk, 1 a dossier is, 2 the journal is damaged, 3 it can't be read, or the "
     "calendar does not cover the hours",
     ctl_risk, BIT(CTL_HOURS) | BIT(CTL_FORMAT) | BIT(CTL_OUTPUT), 0, 1, 0},
    {"silent", "[--days N] [--format text|csv|json|html] [-o FILE] [JOURNAL]",
     "agencies that have sent nothing for some working days; no daemon needed",
     "0 none is silent, 1 an agency is, 2 the journal is damaged, 3 it can't be read", ctl_silent,
     BIT(CTL_DAYS) | BIT(CTL_FORMAT) | BIT(CTL_OUTPUT), 0, 1, 0},
    {"report",
     "--month YYYY-MM [--by agency|level|procedure|sector] [--format text|csv|json|html] "
     "[-o FILE] [JOURNAL]",
     "the month's figures, each with its definition; no daemon needed",
     "0 made, 1 made, of a month that began before what the journal knows, 2 the journal is "
     "damaged, 3 it can't be read, or the file not written",
     ctl_report, BIT(CTL_MONTH) | BIT(CTL_BY) | BIT(CTL_FORMAT) | BIT(CTL_OUTPUT), 0, 1, 0},
    {"journal recover", "DAMAGED NEW", "save what can be read of a damaged journal into a new one",
     "0 saved, 2 nothing was saved, or it can't be written", ctl_journal_recover, 0, 2, 2, 0},
    {"subject find", "--by id|phone|name|code [--from FILE] [--request NO]",
     "what is kept about a person; who is read from standard input", "0 told", ctl_subject_find,
     BIT(CTL_BY) | BIT(CTL_FROM) | BIT(CTL_REQUEST), 0, 0, 0},
    {"subject export", "--by id|phone|code [--from FILE] --request NO FILE",
     "write all that is kept about a person into a file", "0 written, 2 it can't be written",
     ctl_subject_export, BIT(CTL_BY) | BIT(CTL_FROM) | BIT(CTL_REQUEST), 1, 1, 0},
    {"subject erase",
     "--by id|phone|code [--from FILE] --request NO [--drop --reason TEXT] [--yes]",
     "remove what is kept about a person", "0 erased, 1 nothing was, not all, or not confirmed",
     ctl_subject_erase,
     BIT(CTL_BY) | BIT(CTL_FROM) | BIT(CTL_REQUEST) | BIT(CTL_DROP) | BIT(CTL_REASON) |
         BIT(CTL_YES),
     0, 0, 0},
    {"integrity",
     "[--month YYYY-MM|--since YYYY-MM-DD] [--kind KIND] [--links N [--rate PER_SECOND]] "
     "[--format text|csv|json|html] [-o FILE] [JOURNAL]",
     "what a person should look at: results, dates, papers, fees; no daemon needed",
     "0 nothing was found, 1 something was, 2 the journal is damaged, 3 it can't be read, or the "
     "file not written",
     ctl_integrity,
     BIT(CTL_MONTH) | BIT(CTL_SINCE) | BIT(CTL_KIND) | BIT(CTL_LINKS) | BIT(CTL_RATE) |
         BIT(CTL_FORMAT) | BIT(CTL_OUTPUT),
     0, 1, 0},
    {"compare",
     "--with FILE|gateway [--since DATE] [--limit N] [--format text|csv|json|html] [-o FILE] "
     "[JOURNAL]",
     "what another connector sent and what would be sent, by field; no daemon needed",
     "0 all agrees, 1 something does not, 2 the journal is damaged, 3 something can't be judged or "
     "read, or the file not written",
     ctl_compare,
     BIT(CTL_WITH) | BIT(CTL_SINCE) | BIT(CTL_LIMIT) | BIT(CTL_FORMAT) | BIT(CTL_OUTPUT), 0, 1, 0},
    {"evidence", "CODE -o FILE [--without-words] [JOURNAL]",
     "one signed file that proves what became of a dossier; no daemon needed",
     "0 written, 1 no such dossier, 2 the journal is damaged, 3 it or the key can't be read, or "
     "the "
     "file can't be written",
     ctl_evidence, BIT(CTL_OUTPUT) | BIT(CTL_WITHOUT_WORDS), 1, 2, 0},
    {"evidence verify", "FILE [--key FILE]", "check such a file; no journal needed",
     "0 sound and signed with the named key, 1 sound, and no key was named, 2 changed, or another "
     "key, 3 it can't be read",
     ctl_evidence_verify, BIT(CTL_KEY), 1, 1, 0},
    {"evidence key", "", "the public key that signs, and its fingerprint",
     "0 printed, 3 it can't be read, or no daemon has made one yet", ctl_evidence_key, 0, 0, 0, 0},
    {"audit verify", "[FILE]", "check the chain of the audit; no daemon needed",
     "0 unbroken, 2 broken, 3 it can't be read", ctl_audit_verify, 0, 0, 1, 0},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* Long options: those of verbs by enum ctl_option, global ones by their letter. */
static const struct option long_options[] = {
    {"watch", required_argument, NULL, CTL_WATCH},
    {"warn-age", required_argument, NULL, CTL_WARN_AGE},
    {"crit-age", required_argument, NULL, CTL_CRIT_AGE},
    {"state", required_argument, NULL, CTL_STATE},
    {"hold", required_argument, NULL, CTL_HOLD},
    {"flow", required_argument, NULL, CTL_FLOW},
    {"code", required_argument, NULL, CTL_CODE},
    {"limit", required_argument, NULL, CTL_LIMIT},
    {"after", required_argument, NULL, CTL_AFTER},
    {"reason", required_argument, NULL, CTL_REASON},
    {"dry-run", no_argument, NULL, CTL_DRY_RUN},
    {"yes", no_argument, NULL, CTL_YES},
    {"as", required_argument, NULL, CTL_AS},
    {"full", no_argument, NULL, CTL_FULL},
    {"origin", no_argument, NULL, CTL_ORIGIN},
    {"follow", no_argument, NULL, CTL_FOLLOW},
    {"until", required_argument, NULL, CTL_UNTIL},
    {"timeout", required_argument, NULL, CTL_TIMEOUT},
    {"status", required_argument, NULL, CTL_STATUS_MAP},
    {"procedure", required_argument, NULL, CTL_PROCEDURE_MAP},
    {"agency", required_argument, NULL, CTL_AGENCY_MAP},
    {"rows", required_argument, NULL, CTL_ROWS},
    {"by", required_argument, NULL, CTL_BY},
    {"from", required_argument, NULL, CTL_FROM},
    {"request", required_argument, NULL, CTL_REQUEST},
    {"drop", no_argument, NULL, CTL_DROP},
    {"output", required_argument, NULL, CTL_OUTPUT},
    {"key", required_argument, NULL, CTL_KEY},
    {"format", required_argument, NULL, CTL_FORMAT},
    {"kind", required_argument, NULL, CTL_KIND},
    {"since", required_argument, NULL, CTL_SINCE},
    {"hours", required_argument, NULL, CTL_HOURS},
    {"days", required_argument, NULL, CTL_DAYS},
    {"month", required_argument, NULL, CTL_MONTH},
    {"sample", required_argument, NULL, CTL_SAMPLE},
    {"open", no_argument, NULL, CTL_OPEN},
    {"dossier", required_argument, NULL, CTL_DOSSIER},
    {"fix", no_argument, NULL, CTL_FIX},
    {"cancel", no_argument, NULL, CTL_CANCEL},
    {"no-wait", no_argument, NULL, CTL_NO_WAIT},
    {"links", required_argument, NULL, CTL_LINKS},
    {"rate", required_argument, NULL, CTL_RATE},
    {"with", required_argument, NULL, CTL_WITH},
    {"without-words", no_argument, NULL, CTL_WITHOUT_WORDS},
    {"json", no_argument, NULL, 'j'},
    {"socket", required_argument, NULL, 's'},
    {"control", required_argument, NULL, 'c'},
    {"config", required_argument, NULL, 'f'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* ---- what all verbs use ---- */

int ctl_complain(int exit_code, const char *format, ...)
{
    va_list args;

    (void)fflush(stdout);
    fputs("dvcsyncctl: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return exit_code;
}

int ctl_print(struct buf *out, int exit_code)
{
    int err = buf_error(out);

    if (err != 0) {
        exit_code = ctl_complain(CTL_UNKNOWN, "the answer can't be shown: %s", err_text(err));
    } else if (out->len > 0 && fwrite(out->data, 1, out->len, stdout) != out->len) {
        exit_code = CTL_UNKNOWN;
    }
    buf_free(out);
    return exit_code;
}

int ctl_config_exit(int err)
{
    return err == ERR_DENIED ? CTL_DENIED : err_passes(err) ? CTL_UNKNOWN : CTL_FAULTY_CONFIG;
}

static int load_config(struct ctl *c, bool loud)
{
    struct config_faults *faults;
    int err;

    if (c->config != NULL) {
        return 0;
    }
    faults = calloc(1, sizeof(*faults));
    if (faults == NULL) {
        return ERR_NOMEM;
    }
    err = config_load(c->config_path, &c->config, faults);
    for (size_t i = 0; err != 0 && loud && i < faults->n && i < CONFIG_MAX_FAULTS; i++) {
        fprintf(stderr, "%s\n", faults->texts[i]);
    }
    if (err != 0 && loud && faults->n != 1) {
        (void)ctl_complain(0, "%s: %zu faults", c->config_path, faults->n);
    }
    if (err != 0) {
        c->config = NULL;
    }
    free(faults);
    return err;
}

bool ctl_load_config(struct ctl *c)
{
    return load_config(c, false) == 0;
}

int ctl_need_config(struct ctl *c)
{
    int err = load_config(c, true);

    return err == 0 ? CTL_OK : ctl_config_exit(err);
}

/* ---- the command line ---- */

/* Whether the verb is `name`, or one of those that begin with that word. */
static bool is_of(const struct verb *v, const char *name)
{
    size_t n = strlen(name);

    return strncmp(v->name, name, n) == 0 && (v->name[n] == '\0' || v->name[n] == ' ');
}

/* NULL: all verbs and the options. */
static int print_help(FILE *out, const char *only)
{
    fputs("Usage: dvcsyncctl [OPTION]... VERB [ARGUMENT]...\n", out);
    for (size_t i = 0; i < N_VERBS; i++) {
        if (only == NULL || is_of(&verbs[i], only)) {
            fprintf(out, "  %s%s%s\n      %s\n      Exit: %s\n", verbs[i].name,
                    verbs[i].args[0] != '\0' ? " " : "", verbs[i].args, verbs[i].help,
                    verbs[i].exits);
        }
    }
    if (only == NULL) {
        fputs("Verbs that act take --reason TEXT, --dry-run and --yes.\n"
              "  -s, --socket PATH   status socket; as configured, or " CTL_STATUS_SOCKET "\n"
              "      --control PATH  control socket; as configured, or " CTL_CONTROL_SOCKET "\n"
              "  -f, --config FILE   configuration; " CTL_CONFIG_PATH "\n"
              "      --json          the daemon's answer as it came\n"
              "  -V, --version       print the version\n"
              "  -h, --help          print this, or help for a verb or a group\n"
              "Exit codes of all: 0 ok, 1 warning or in part, 2 critical, 3 unknown, 64 usage,\n"
              "69 daemon not reachable, 75 busy, 77 no permission, 78 faulty configuration.\n",
              out);
    }
    return CTL_OK;
}

static bool is_verb(const struct verb *v, char **words, int n, int *used)
{
    const char *blank = strchr(v->name, ' ');
    size_t first = blank != NULL ? (size_t)(blank - v->name) : strlen(v->name);

    *used = blank != NULL ? 2 : 1;
    return n >= *used && strncmp(words[0], v->name, first) == 0 && words[0][first] == '\0' &&
           (blank == NULL || strcmp(words[1], blank + 1) == 0);
}

/* The verb of two words before the one of one word. */
static const struct verb *find_verb(char **words, int n, int *used)
{
    const struct verb *found = NULL;
    int most = 0;

    for (size_t i = 0; i < N_VERBS; i++) {
        int n_words;

        if (is_verb(&verbs[i], words, n, &n_words) && n_words > most) {
            found = &verbs[i];
            most = n_words;
        }
    }
    *used = most;
    return found;
}

/* A word that is no verb, but with which some begin: "subject". */
static bool is_group(const char *word)
{
    for (size_t i = 0; i < N_VERBS; i++) {
        if (is_of(&verbs[i], word)) {
            return true;
        }
    }
    return false;
}

static int no_verb(char **words, int n)
{
    if (n > 0 && is_group(words[0])) {
        return ctl_complain(CTL_USAGE, "%s what? dvcsyncctl help %s lists its verbs", words[0],
                            words[0]);
    }
    return ctl_complain(CTL_USAGE, "%s; dvcsyncctl --help lists the verbs",
                        n > 0 ? "there is no such verb" : "what is to be done?");
}

/* `help`, `help VERB`, `help` with a word that verbs begin with. */
static int help_about(char **words, int n)
{
    int used = 0;
    const struct verb *verb = find_verb(words, n, &used);

    if (verb != NULL || n == 0) {
        return print_help(stdout, verb != NULL ? verb->name : NULL);
    }
    return n == 1 && is_group(words[0]) ? print_help(stdout, words[0]) : no_verb(words, n);
}

/* One option. -1: go on; else the exit code. */
static int take_option(struct ctl *c, const struct verb *verb, int o)
{
    if (o == 'f' && verb != NULL && (verb->options & BIT(CTL_FOLLOW)) != 0 && optarg == NULL) {
        o = CTL_FOLLOW;
    }
    if (o == 'o') {
        o = CTL_OUTPUT;
    }
    if (o >= 0 && o < CTL_OPTIONS) {
        if (verb == NULL || (verb->options & BIT(o)) == 0) {
            return ctl_complain(CTL_USAGE, "--%s is not an option of %s", long_options[o].name,
                                verb != NULL ? verb->name : "dvcsyncctl itself; the verb first");
        }
        c->options[o] = optarg != NULL ? optarg : "";
        return -1;
    }
    switch (o) {
    case 'j':
        c->json = true;
        return -1;
    case 's':
        c->status_socket = optarg;
        return -1;
    case 'c':
        c->control_socket = optarg;
        return -1;
    case 'f':
        c->config_path = optarg;
        c->config_given = true;
        return -1;
    case 'h':
        return print_help(stdout, verb != NULL ? verb->name : NULL);
    case 'V':
        puts("dvcsyncctl " DVCSYNC_VERSION);
        return CTL_OK;
    default: /* getopt has said what */
        return CTL_USAGE;
    }
}

/* Options in argv[first...]; with a verb the arguments come behind them. -1: go on. */
static int take_options(struct ctl *c, const struct verb *verb, int argc, char **argv)
{
    bool follows = verb != NULL && (verb->options & BIT(CTL_FOLLOW)) != 0;
    const char *letters = verb == NULL ? "+s:f:hV" : follows ? "s:fo:hV" : "s:f:o:hV";
    int done = -1;

    optind = 0; /* glibc: begin anew */
    while (done == -1) {
        int o = getopt_long(argc, argv, letters, long_options, NULL);

        if (o == -1) {
            break;
        }
        done = take_option(c, verb, o);
    }
    return done;
}

static int run_verb(struct ctl *c, const struct verb *verb)
{
    int exit_code;

    if (c->n_args < verb->min_args || c->n_args > verb->max_args) {
        return ctl_complain(CTL_USAGE, "usage: dvcsyncctl %s %s", verb->name, verb->args);
    }
    exit_code = c->config_given ? ctl_need_config(c) : CTL_OK;
    if (exit_code != CTL_OK) {
        return exit_code;
    }
    c->arg = verb->arg;
    exit_code = verb->run(c);
    if (fflush(stdout) != 0 && exit_code == CTL_OK) {
        exit_code = CTL_UNKNOWN;
    }
    return exit_code;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int dispatch(struct ctl *c, int argc, char **argv)
{
    const struct verb *verb;
    int used = 0;
    int first;
    int done = take_options(c, NULL, argc, argv);

    if (done != -1) {
        return done;
    }
    first = optind;
    if (first < argc && strcmp(argv[first], "help") == 0) {
        return help_about(argv + first + 1, argc - first - 1);
    }
    verb = find_verb(argv + first, argc - first, &used);
    if (verb == NULL && first + 1 < argc && is_help(argv[first + 1])) {
        return help_about(argv + first, 1);
    }
    if (verb == NULL) {
        return no_verb(argv + first, argc - first);
    }
    /* The last word of the verb stands where getopt looks for the program's name. */
    first += used - 1;
    argv[first] = argv[0];
    done = take_options(c, verb, argc - first, argv + first);
    if (done != -1) {
        return done;
    }
    c->args = argv + first + optind;
    c->n_args = argc - first - optind;
    return run_verb(c, verb);
}

int main(int argc, char **argv)
{
    const char *no_colour = getenv("NO_COLOR");
    struct ctl c = {.config_path = CTL_CONFIG_PATH};
    int exit_code;

    (void)signal(SIGPIPE, SIG_DFL); /* `dvcsyncctl queue | head` ends quietly */
    c.colour = isatty(STDOUT_FILENO) == 1 && (no_colour == NULL || no_colour[0] == '\0');
    exit_code = dispatch(&c, argc, argv);
    config_free(c.config);
    return exit_code;
}
