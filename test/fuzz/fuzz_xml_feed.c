/* A long XML list taken apart as it comes: the same whatever the pieces, and the same elements as
 * in the tree of the whole document.
 *
 * Input: a byte chooses the path of the records, 8 bytes are the sizes of the pieces. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "codec/xml.h"
#include "codec/xml_feed.h"
#include "fuzz/fuzz.h"

#define RECORDS_MAX 4096

static const struct xml_namespace namespaces[] = {{"h", "urn:h"}, {"s", "urn:s"}};
static const char *const paths[] = {"/data/data", "//h:row", "/s:e/s:b/h:list/row",
                                    "//*[local-name()='row']", "/*/*"};

struct reading {
    uint8_t digests[RECORDS_MAX][32];
    size_t n;
    int err;
    struct errmsg why;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    xml_init();
    return 0;
}

static int take(void *ctx, struct xml *record, struct errmsg *msg)
{
    struct reading *r = ctx;

    if (r->n == RECORDS_MAX) {
        xml_free(record);
        return err_set(msg, ERR_TOOBIG, "enough");
    }
    FUZZ_CHECK(xml_digest(xml_root(record), NULL, 0, r->digests[r->n]) == 0, "digest");
    r->n++;
    xml_free(record);
    return 0;
}

static void read_feed(struct reading *r, const char *path, const char *bytes, size_t n,
                      struct fuzz_cuts *cuts)
{
    struct xml_feed *feed = NULL;
    struct xml *doc = NULL;
    const char *rest = NULL;
    size_t rest_len = 0;

    memset(r, 0, sizeof(*r));
    FUZZ_CHECK(xml_feed_can(path), "%s", path);
    FUZZ_CHECK(xml_feed_open(path, namespaces, 2, take, r, &feed, &r->why) == 0, "%s", r->why.text);
    for (size_t at = 0; at < n && r->err == 0;) {
        size_t piece = cuts != NULL ? fuzz_cut(cuts, n - at) : n - at;

        r->err = xml_feed_push(feed, bytes + at, piece, &r->why);
        at += piece;
    }
    if (r->err == 0) {
        r->err = xml_feed_end(feed, &rest, &rest_len, &r->why);
    }
    if (r->err == 0 && rest_len > 0) {
        FUZZ_CHECK(xml_parse(rest, rest_len, &doc, &r->why) == 0, "%s: %.*s", r->why.text,
                   (int)rest_len, rest);
        xml_free(doc);
    }
    FUZZ_CHECK(r->err == 0 || r->why.text[0] != '\0', "%d", r->err);
    xml_feed_close(feed);
}

/* The records are the elements that the path leads to in the tree, of those that stand in one
 * another the outer one. */
static void compare(const struct reading *r, const struct xml *doc, const char *path)
{
    struct xml_xpath *xpath = NULL;
    const struct xml_node **nodes = NULL;
    struct errmsg why = {0};
    size_t n = 0;
    size_t at = 0;

    FUZZ_CHECK(xml_xpath_open(doc, namespaces, 2, &xpath) == 0, "no evaluator");
    FUZZ_CHECK(xml_xpath_nodes(xpath, NULL, path, RECORDS_MAX, &nodes, &n, &why) == 0, "%s",
               why.text);
    for (size_t i = 0; i < n && at < r->n; i++) {
        uint8_t digest[32];

        FUZZ_CHECK(xml_digest(nodes[i], NULL, 0, digest) == 0, "digest");
        at += memcmp(digest, r->digests[at], sizeof(digest)) == 0 ? 1 : 0;
    }
    FUZZ_CHECK(at == r->n, "record %zu of %zu is no element of the document", at, r->n);
    FUZZ_CHECK(path[1] == '/' || r->n == n, "%zu records, %zu elements", r->n, n);
    free(nodes);
    xml_xpath_close(xpath);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct reading whole;
    static struct reading pieces;
    struct fuzz_in in = {data, size};
    const char *path = paths[fuzz_byte(&in) % (sizeof(paths) / sizeof(paths[0]))];
    struct fuzz_cuts cuts;
    struct xml *doc = NULL;
    struct errmsg why = {0};
    const char *bytes;
    int err;

    fuzz_cuts_take(&in, &cuts);
    bytes = (const char *)in.at;
    read_feed(&whole, path, bytes, in.n, NULL);
    read_feed(&pieces, path, bytes, in.n, &cuts);
    FUZZ_CHECK((whole.err == 0) == (pieces.err == 0), "%d %s\n%d %s", whole.err, whole.why.text,
               pieces.err, pieces.why.text);
    if (whole.err == 0) {
        FUZZ_CHECK(whole.n == pieces.n && memcmp(whole.digests, pieces.digests,
                                                 whole.n * sizeof(whole.digests[0])) == 0,
                   "%zu and %zu records", whole.n, pieces.n);
    }
    err = xml_parse(bytes, in.n, &doc, &why);
    FUZZ_CHECK((err == 0) == (whole.err == 0), "%d %s\n%d %s", err, why.text, whole.err,
               whole.why.text);
    if (err == 0) {
        compare(&whole, doc, path);
    }
    xml_free(doc);
    return 0;
}
