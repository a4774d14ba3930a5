/* dvcsyncd: keeps a province's procedure system and the National Public Service Portal in step. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "codec/xml.h"
#include "config/config.h"
#include "daemon/app.h"

#define DEFAULT_CONFIG "/etc/dvcsync/dvcsyncd.conf"
#define DUMP_BYTES ((size_t)4 << 20)

#ifdef DVCSYNC_LOSING_CONTROL
#define LOSING_CONTROL true
#else
#define LOSING_CONTROL false
#endif
#ifdef DVCSYNC_NORMAL_CONTROL
#define NORMAL_CONTROL true
#else
#define NORMAL_CONTROL false
#endif

static int usage(FILE *out, int exit_code)
{
    fputs("Usage: dvcsyncd [-f FILE] [-t | -T | -V | -h]\n"
          "  -f FILE  read this configuration and conf.d beside it; " DEFAULT_CONFIG "\n"
          "  -t       check the configuration and exit: 0 fine, 78 not,\n"
          "           77 a file may not be read\n"
          "  -T       print the configuration as it is understood, with origins, and exit\n"
          "  -V       print the version and exit\n"
          "  -h       print this and exit\n",
          out);
    return exit_code;
}

static int print_config(const struct config *config)
{
    struct buf text;
    int err;

    buf_init(&text, DUMP_BYTES);
    err = config_dump(config, true, &text);
    if (err == 0) {
        fputs(buf_text(&text), stdout);
    }
    buf_free(&text);
    if (err != 0 || fflush(stdout) != 0) {
        fprintf(stderr, "dvcsyncd: the configuration can't be printed\n");
        return APP_FAILED;
    }
    return APP_OK;
}

static int check_config(const char *path, bool print)
{
    struct config_faults *faults = calloc(1, sizeof(*faults));
    struct config *config = NULL;
    int exit_code = APP_OK;
    size_t unseen = 0;
    int err;

    if (faults == NULL) {
        return APP_FAILED;
    }
    err = config_load(path, &config, faults);
    if (err == 0 && !print) {
        err = config_secrets_look(config, faults, &unseen);
    }
    for (size_t i = 0; err != 0 && i < faults->n && i < CONFIG_MAX_FAULTS; i++) {
        fprintf(stderr, "%s\n", faults->texts[i]);
    }
    if (err != 0) {
        fprintf(stderr, "dvcsyncd: %s: %s\n", path, err_text(err));
        exit_code = app_exit_of(err);
    } else if (print) {
        exit_code = print_config(config);
    } else {
        printf("dvcsyncd: %s is fine\n", path);
        if (unseen > 0) {
            printf("dvcsyncd: not looked at: %zu credential%s that only the service sees\n", unseen,
                   text_plural(unseen));
        }
    }
    config_free(config);
    free(faults);
    return exit_code;
}

/* What must be so before the first thread: the journal and the secrets are nobody else's business.
 */
static int prepare_process(void)
{
    struct sigaction ignore;

    /* Each worker would keep the most that any document ever took it: one heap keeps it once. */
    (void)mallopt(M_ARENA_MAX, 1);
    memset(&ignore, 0, sizeof(ignore));
    ignore.sa_handler = SIG_IGN;
    /* A file that may grow no further is a full disk for the journal, not the end. */
    if (sigaction(SIGPIPE, &ignore, NULL) != 0 || sigaction(SIGXFSZ, &ignore, NULL) != 0 ||
        prctl(PR_SET_DUMPABLE, 0) != 0) {
        perror("dvcsyncd");
        return APP_FAILED;
    }
    umask(077);
    xml_init();
    return APP_OK;
}

int main(int argc, char **argv)
{
    struct app_options options = {.config_path = DEFAULT_CONFIG,
                                  .losing_control = LOSING_CONTROL,
                                  .normal_control = NORMAL_CONTROL};
    char mode = 'r';
    int exit_code;
    int c;

    for (c = getopt(argc, argv, "f:tTVh"); c != -1; c = getopt(argc, argv, "f:tTVh")) {
        if (c == '?') {
            return usage(stderr, APP_USAGE);
        } else if (c == 'f') {
            options.config_path = optarg;
        } else {
            mode = (char)c;
        }
    }
    if (optind < argc) {
        return usage(stderr, APP_USAGE);
    }
    switch (mode) {
    case 'h':
        return usage(stdout, APP_OK);
    case 'V':
        puts("dvcsyncd " DVCSYNC_VERSION);
        return APP_OK;
    case 't':
    case 'T':
        return check_config(options.config_path, mode == 'T');
    default:
        break;
    }
    exit_code = prepare_process();
    if (exit_code == APP_OK) {
        exit_code = app_run(&options); /* libcurl is made ready in there, before the first thread */
        xml_cleanup();
    }
    return exit_code;
}
