/* A long JSON list taken apart as it comes: the same whatever the pieces, and the same as reading
 * the document at once.
 *
 * Input: a byte chooses the path of the rows, 8 bytes are the sizes of the pieces. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "codec/json.h"
#include "codec/json_feed.h"
#include "fuzz/fuzz.h"

#define RECORDS_BYTES ((size_t)4 << 20)
#define END_OF_RECORD '\n' /* stands nowhere in a record that was written by us */

static const char *const paths[] = {"/data", "", "/result/items", "/0/rows", "/a~1b/~0"};

struct reading {
    struct buf records; /* each with END_OF_RECORD behind it */
    size_t n;
    struct buf rest;
    int err;
    struct errmsg why;
};

static int take(void *ctx, const char *record, size_t n, struct errmsg *msg)
{
    struct reading *r = ctx;
    struct json *root = NULL;
    struct json_writer w;

    FUZZ_CHECK(json_parse(record, n, &root, msg) == 0 && json_is_object(root), "%s: %.*s",
               msg->text, (int)n, record);
    json_write_begin(&w, &r->records);
    json_node(&w, NULL, root);
    buf_putc(&r->records, END_OF_RECORD);
    json_free(root);
    r->n++;
    return 0;
}

/* cuts NULL: in one piece. */
static void read_feed(struct reading *r, const char *path, const char *bytes, size_t n,
                      struct fuzz_cuts *cuts)
{
    struct json_feed *feed = NULL;
    const char *rest = NULL;
    size_t rest_len = 0;

    memset(r, 0, sizeof(*r));
    buf_init(&r->records, RECORDS_BYTES);
    buf_init(&r->rest, FEED_REST_MAX);
    FUZZ_CHECK(json_feed_open(path, take, r, &feed, &r->why) == 0, "%s", r->why.text);
    for (size_t at = 0; at < n && r->err == 0;) {
        size_t piece = cuts != NULL ? fuzz_cut(cuts, n - at) : n - at;

        r->err = json_feed_push(feed, bytes + at, piece, &r->why);
        at += piece;
    }
    if (r->err == 0) {
        r->err = json_feed_end(feed, &rest, &rest_len, &r->why);
        buf_put(&r->rest, rest, rest_len);
    }
    FUZZ_CHECK(buf_error(&r->records) == 0 && buf_error(&r->rest) == 0, "too much came out");
    FUZZ_CHECK(r->err == 0 || r->why.text[0] != '\0', "%d", r->err);
    json_feed_close(feed);
}

static void reading_free(struct reading *r)
{
    buf_free(&r->records);
    buf_free(&r->rest);
}

static bool same_bytes(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && strcmp(buf_text(a), buf_text(b)) == 0;
}

/* Two members of one object that differ in case only: which of them the path means is not told. */
static bool ambiguous(const struct json *node)
{
    for (const struct json *a = json_first(node); a != NULL; a = json_next(a)) {
        for (const struct json *b = json_is_object(node) ? json_next(a) : NULL; b != NULL;
             b = json_next(b)) {
            if (strcasecmp(json_key(a), json_key(b)) == 0) {
                return true;
            }
        }
        if (ambiguous(a)) {
            return true;
        }
    }
    return false;
}

/* Both accepted it: the rows are those of the tree, the rest is the tree with an empty list. */
static void compare(const struct reading *r, const struct json *root, const char *path)
{
    const struct json *rows = json_at_any_case(root, path);
    struct json_writer w;
    struct buf expected;
    struct json *rest = NULL;
    struct errmsg why = {0};
    uint8_t a[32];
    uint8_t b[32];

    FUZZ_CHECK(json_parse(r->rest.data, r->rest.len, &rest, &why) == 0, "%s: %s", why.text,
               buf_text(&r->rest));
    FUZZ_CHECK(json_size(rest) == (path[0] == '\0' && json_is_array(root) ? 0 : json_size(root)),
               "%s", buf_text(&r->rest));
    buf_init(&expected, RECORDS_BYTES);
    for (const struct json *row = json_is_array(rows) ? json_first(rows) : NULL; row != NULL;
         row = json_next(row)) {
        json_write_begin(&w, &expected);
        json_node(&w, NULL, row);
        buf_putc(&expected, END_OF_RECORD);
    }
    FUZZ_CHECK(same_bytes(&expected, &r->records), "%s\n%s", buf_text(&expected),
               buf_text(&r->records));
    if (!json_is_array(rows)) {
        FUZZ_CHECK(json_digest(root, a) == 0 && json_digest(rest, b) == 0 && memcmp(a, b, 32) == 0,
                   "%s", buf_text(&r->rest));
    }
    buf_free(&expected);
    json_free(rest);
}

/* What a feed refuses and the parser of documents does not. */
static bool feed_only(const char *why)
{
    static const char *const words[] = {"a row that is not an object",
                                        "the rows stand there twice"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(why, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    const char *path = paths[fuzz_byte(&in) % (sizeof(paths) / sizeof(paths[0]))];
    struct fuzz_cuts cuts;
    struct reading whole;
    struct reading pieces;
    struct json *root = NULL;
    struct errmsg why = {0};
    const char *bytes;
    int err;

    fuzz_cuts_take(&in, &cuts);
    bytes = (const char *)in.at;
    read_feed(&whole, path, bytes, in.n, NULL);
    read_feed(&pieces, path, bytes, in.n, &cuts);
    FUZZ_CHECK(whole.err == pieces.err && whole.n == pieces.n &&
                   strcmp(whole.why.text, pieces.why.text) == 0 &&
                   same_bytes(&whole.records, &pieces.records) &&
                   same_bytes(&whole.rest, &pieces.rest),
               "%d %s\n%d %s", whole.err, whole.why.text, pieces.err, pieces.why.text);
    err = json_parse(bytes, in.n, &root, &why);
    if (err != 0 && whole.err == 0) {
        /* A record's own depth counts from the record. */
        FUZZ_CHECK(strstr(why.text, "nested too deep") != NULL, "%s", why.text);
    } else if (err == 0 && whole.err != 0) {
        FUZZ_CHECK((!json_is_object(root) && !json_is_array(root)) || feed_only(whole.why.text),
                   "%s", whole.why.text);
    } else if (err == 0 && !ambiguous(root)) {
        compare(&whole, root, path);
    }
    json_free(root);
    reading_free(&whole);
    reading_free(&pieces);
    return 0;
}
