/* A journal that something has changed: opening it either works, and then what is in it can be read
 * and added to, or it is refused with words and left byte for byte as it is.
 *
 * Input: a byte chooses. Odd: the rest is the file. Even: patches to a small valid one, each of an
 * offset (2 bytes, in eights), a length (1 byte, up to 16) and so many bytes; an offset of 0xFFFF
 * cuts the file there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "codec/record.h"
#include "fuzz/fuzz.h"
#include "journal/journal.h"
#include "journal/upkeep.h"
#include "lib/fake_loop.h"

#define FILE_MAX ((size_t)1 << 20)
#define CODE "000.00.31.H00-251118-0007"
#define PATIENCE_MS 120000

static uint8_t *template;
static size_t template_size;
static char path[512];

struct world {
    struct fake_loop loop;
    struct metrics *metrics;
    struct journal *journal;
    unsigned done;
};

static void note_done(struct journal_op *op)
{
    *(unsigned *)op->ctx += 1;
}

static void note_closed(void *ctx)
{
    *(unsigned *)ctx += 1;
}

static void expect(struct world *w, struct journal_op *op)
{
    w->done = 0;
    op->done = note_done;
    op->ctx = &w->done;
}

/* A batch that the disk refuses is tried again for ever: then the journal says what is wrong. */
static bool finish(struct world *w)
{
    fake_loop_settle(&w->loop);
    for (int ms = 0; w->done == 0 && ms < PATIENCE_MS; ms += 10000) {
        fake_loop_advance(&w->loop, 10000);
    }
    FUZZ_CHECK(w->done <= 1, "%u answers", w->done);
    FUZZ_CHECK(w->done == 1 || (journal_condition(w->journal) != JOURNAL_OK &&
                                journal_condition_text(w->journal)[0] != '\0'),
               "no answer, and all is well");
    return w->done == 1;
}

static int open_journal(struct world *w, struct errmsg *why)
{
    const struct journal_options options = {
        .path = path, .window_bytes = 4u << 20, .cache_bytes = 1u << 20};

    memset(w, 0, sizeof(*w));
    fake_loop_init(&w->loop);
    w->metrics = metrics_new();
    FUZZ_CHECK(w->metrics != NULL, "no memory");
    return journal_open(&w->loop.loop, NULL, w->metrics, &options, &w->journal, why);
}

static void close_journal(struct world *w)
{
    unsigned closed = 0;

    if (w->journal != NULL) {
        journal_close(w->journal, note_closed, &closed);
        fake_loop_settle(&w->loop);
        fake_loop_advance(&w->loop, PATIENCE_MS);
        FUZZ_CHECK(closed == 1, "%u times closed", closed);
    }
    metrics_free(w->metrics);
    w->journal = NULL;
    w->metrics = NULL;
}

static void remove_files(void)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock", ".lock"};
    char name[544];

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, endings[i]);
        (void)unlink(name);
    }
}

static size_t read_back(uint8_t *out)
{
    FILE *file = fopen(path, "rb");
    size_t n;

    FUZZ_CHECK(file != NULL, "%s is gone", path);
    n = fread(out, 1, FILE_MAX, file);
    (void)fclose(file);
    return n;
}

/* False: it did not come to an end, and the journal is closed. */
static bool ended(struct world *w)
{
    bool done = finish(w);

    if (!done) {
        close_journal(w);
    }
    return done;
}

/* ---- the valid one ---- */

static bool append(struct world *w, const char *code, int64_t at_s)
{
    struct journal_append a;
    struct journal_record entry = {.status = 4};
    struct dossier d;
    struct arena arena;
    struct errmsg why = {0};
    int64_t flow = 0;
    bool done;

    if (journal_flow_id(w->journal, "dossiers", &flow, &why) != 0) {
        return false;
    }
    arena_init(&arena, 1u << 20);
    dossier_init(&d);
    d.code = code;
    d.procedure_code = "1.001193";
    d.status = "4";
    d.applicant_name = "Nguyễn Văn A";
    d.changed_s = at_s;
    FUZZ_CHECK(record_from_dossier(&d, &arena, &entry.record, &why) == 0, "%s", why.text);
    journal_append_init(&a, flow);
    a.now_ms = (uint64_t)loop_wall_ms(&w->loop.loop);
    FUZZ_CHECK(journal_append_add(&a, &entry) == 0, "add");
    expect(w, &a.op);
    journal_append(w->journal, &a);
    done = ended(w);
    journal_append_free(&a);
    arena_free(&arena);
    return done;
}

static void make_template(void)
{
    struct world w;
    struct errmsg why = {0};

    (void)snprintf(path, sizeof(path), "%s/journal.db", fuzz_dir());
    FUZZ_CHECK(open_journal(&w, &why) == 0, "%s", why.text);
    for (int i = 0; i < 3; i++) {
        char code[64];

        (void)snprintf(code, sizeof(code), "000.00.31.H00-251118-000%d", i + 5);
        FUZZ_CHECK(append(&w, code, INT64_C(1763433000) + i), "append");
    }
    close_journal(&w);
    template = malloc(FILE_MAX);
    FUZZ_CHECK(template != NULL, "no memory");
    template_size = read_back(template);
    remove_files();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    make_template();
    return 0;
}

/* ---- one input ---- */

static size_t make_file(struct fuzz_in *in, uint8_t *out)
{
    size_t n = template_size;

    if ((fuzz_byte(in) & 1) != 0) {
        n = in->n < FILE_MAX ? in->n : FILE_MAX;
        memcpy(out, in->at, n);
        return n;
    }
    memcpy(out, template, n);
    while (in->n >= 3) {
        size_t offset = (size_t)fuzz_byte(in) << 8;
        size_t len;

        offset |= fuzz_byte(in);
        len = fuzz_byte(in) % 17;
        if (offset == 0xFFFF) {
            n = n * len / 17;
        }
        for (size_t i = 0; i < len && in->n > 0; i++) {
            uint8_t byte = fuzz_byte(in);

            if (offset * 8 + i < n) {
                out[offset * 8 + i] = byte;
            }
        }
    }
    return n;
}

static void use(struct world *w)
{
    struct journal_list list = {.state = -1, .limit = 100};
    struct journal_life life = {.id = 0};
    struct journal_cursor cursor = {.source = "a"};
    bool goes_on;

    expect(w, &list.op);
    journal_list(w->journal, &list);
    goes_on = ended(w);
    for (size_t i = 0; goes_on && list.op.err == 0 && i < list.n; i++) {
        FUZZ_CHECK(list.rows[i].code != NULL, "an item of no dossier");
    }
    journal_list_free(&list);
    if (goes_on) {
        (void)snprintf(life.code, sizeof(life.code), "%s", CODE);
        expect(w, &life.op);
        journal_life(w->journal, &life);
        goes_on = ended(w);
        journal_life_free(&life);
    }
    if (goes_on) {
        expect(w, &cursor.op);
        journal_cursor(w->journal, &cursor);
        goes_on = ended(w);
    }
    if (goes_on) {
        (void)append(w, CODE, INT64_C(1763500000));
    }
}

static void found(void *ctx, const char *text)
{
    (void)ctx;
    FUZZ_CHECK(text[0] != '\0', "nothing was found");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[FILE_MAX];
    static uint8_t after[FILE_MAX];
    struct fuzz_in in = {data, size};
    size_t n = make_file(&in, file);
    struct errmsg why = {0};
    struct world w;
    uint64_t rows = 0;
    int err;

    (void)fuzz_file("journal.db", file, n);
    err = open_journal(&w, &why);
    FUZZ_CHECK((err == 0) == (w.journal != NULL) && (err == 0 || why.text[0] != '\0'), "%d %s", err,
               why.text);
    if (err == 0) {
        use(&w);
    } else {
        FUZZ_CHECK(n == 0 || (read_back(after) == n && memcmp(file, after, n) == 0),
                   "refused (%s) and changed", why.text);
    }
    close_journal(&w);
    memset(&why, 0, sizeof(why));
    err = upkeep_check(path, found, NULL, &why);
    FUZZ_CHECK(err == 0 || why.text[0] != '\0', "%d", err);
    memset(&why, 0, sizeof(why));
    err = upkeep_audit_verify(path, &rows, NULL, &why);
    FUZZ_CHECK(err == 0 || why.text[0] != '\0', "%d", err);
    remove_files();
    return 0;
}
