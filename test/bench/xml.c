/* xml: a long XML list through a preset, and what libxml2 does with it by itself.
 *
 *   xml preset|expand|sax2 --records FILE --preset FILE [--megabytes N]
 *
 * The document stands in memory and is handed over in pieces of 64 KiB. preset: the feed takes it
 * apart, pages are filled and each record is mapped, as in the daemon, until it would be stored; as
 * there, one thread fills a page while another one maps the page before.
 * expand: an xmlReader that expands each record to a tree. sax2: callbacks that do nothing. One
 * line of JSON. */
#include <getopt.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/xmlreader.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "adapter/mapped_reading.h"
#include "bench/records.h"
#include "codec/xml_feed.h"
#include "config/preset.h"

#define PIECE (64u << 10)
#define ROWS "/data/hoso"

static double now_s(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "xml: %s: %s\n", what, why);
    exit(1);
}

/* ---- the document ---- */

static void put_text(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            buf_puts(out, "&amp;");
            break;
        case '<':
            buf_puts(out, "&lt;");
            break;
        case '>':
            buf_puts(out, "&gt;");
            break;
        default:
            buf_put(out, text, 1);
            break;
        }
    }
}

static void put_element(struct buf *out, const char *name, const cJSON *value)
{
    const cJSON *child;

    buf_puts(out, "<");
    buf_puts(out, name);
    buf_puts(out, ">");
    if (cJSON_IsString(value)) {
        put_text(out, value->valuestring);
    }
    cJSON_ArrayForEach(child, value)
    {
        put_element(out, child->string != NULL ? child->string : "item", child);
    }
    buf_puts(out, "</");
    buf_puts(out, name);
    buf_puts(out, ">");
}

/* The records over and over until there are so many bytes. */
static size_t write_document(const struct records *r, size_t bytes, struct buf *out)
{
    size_t n = 0;

    buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<data>");
    for (; out->len < bytes; n++) {
        const struct record_line *line = &r->lines[n % r->n];
        cJSON *row = cJSON_ParseWithLength(line->text, line->len);

        put_element(out, "hoso", row);
        buf_puts(out, "\n");
        cJSON_Delete(row);
    }
    buf_puts(out, "</data>\n");
    if (buf_error(out) != 0) {
        die("the document", err_text(buf_error(out)));
    }
    return n;
}

/* ---- through a preset ---- */

struct reading {
    struct mapped_settings settings;
    struct mapped_page *page;   /* being filled */
    struct mapped_page *before; /* being mapped; NULL: none */
    pthread_t mapper;
    size_t records;
    size_t bytes; /* of canonical bodies */
};

static struct mapped_page *new_page(struct reading *r)
{
    struct mapped_page *page = mapped_page_new(&r->settings, &r->settings.preset->list);

    if (page == NULL) {
        die("a page", "out of memory");
    }
    return page;
}

static void *map_page(void *ctx)
{
    struct reading *r = ctx;
    struct errmsg msg = {""};

    for (size_t i = 0; i < r->before->n_rows; i++) {
        struct record *records = NULL;
        struct arena arena;
        size_t n = 0;

        arena_init(&arena, 4u << 20);
        if (mapping_dossier(r->settings.preset, &r->settings.source, r->before->doc,
                            r->before->rows[i].node, NULL, &arena, &records, &n, &msg) != 0) {
            die("a record", msg.text);
        }
        r->records++;
        r->bytes += records[0].body_len;
        arena_free(&arena);
    }
    return NULL;
}

static void wait_for_mapper(struct reading *r)
{
    if (r->before != NULL) {
        (void)pthread_join(r->mapper, NULL);
        mapped_page_unref(r->before);
        r->before = NULL;
    }
}

/* The page to the mapper, when that one is done with the page before. */
static void hand_over(struct reading *r)
{
    wait_for_mapper(r);
    r->before = r->page;
    r->page = new_page(r);
    if (pthread_create(&r->mapper, NULL, map_page, r) != 0) {
        die("a thread", "there is none");
    }
}

static int take(void *ctx, struct xml *record, struct errmsg *msg)
{
    struct reading *r = ctx;
    int err = mapped_page_add_xml(r->page, record, msg);

    if (err == 0 && (r->page->n_rows >= MAPPED_PAGE_ROWS || r->page->bytes >= MAPPED_PAGE_BYTES)) {
        hand_over(r);
    }
    return err;
}

static size_t run_preset(const char *path, const struct buf *doc)
{
    static struct config_faults faults;
    struct reading r = {.settings = {.refs = 1, .source = {.name = "feed"}}};
    struct errmsg msg = {""};
    struct xml_feed *feed = NULL;
    const char *rest = NULL;
    size_t rest_len = 0;
    int err = preset_load(path, NULL, &r.settings.preset, &faults);

    if (err != 0) {
        die(path, faults.texts[0]);
    }
    r.page = new_page(&r);
    err = xml_feed_open(ROWS, NULL, 0, take, &r, &feed, &msg);
    for (size_t at = 0; err == 0 && at < doc->len; at += PIECE) {
        err = xml_feed_push(feed, doc->data + at, doc->len - at < PIECE ? doc->len - at : PIECE,
                            &msg);
    }
    err = err == 0 ? xml_feed_end(feed, &rest, &rest_len, &msg) : err;
    if (err != 0) {
        die("the feed", msg.text);
    }
    hand_over(&r);
    wait_for_mapper(&r);
    xml_feed_close(feed);
    mapped_page_unref(r.page);
    preset_free(r.settings.preset);
    return r.records;
}

/* ---- libxml2 alone ---- */

struct source {
    const struct buf *doc;
    size_t at;
};

static int read_piece(void *ctx, char *out, int room)
{
    struct source *s = ctx;
    size_t n = s->doc->len - s->at < (size_t)room ? s->doc->len - s->at : (size_t)room;

    memcpy(out, s->doc->data + s->at, n);
    s->at += n;
    return (int)n;
}

static int close_source(void *ctx)
{
    (void)ctx;
    return 0;
}

static size_t run_expand(const struct buf *doc)
{
    struct source source = {.doc = doc};
    xmlTextReaderPtr reader = xmlReaderForIO(read_piece, close_source, &source, "", "UTF-8",
                                             XML_PARSE_HUGE | XML_PARSE_NONET);
    size_t records = 0;
    int more = reader != NULL ? xmlTextReaderRead(reader) : -1;

    while (more == 1) {
        if (xmlTextReaderNodeType(reader) == XML_READER_TYPE_ELEMENT &&
            xmlTextReaderDepth(reader) == 1) {
            records += xmlTextReaderExpand(reader) != NULL;
            more = xmlTextReaderNext(reader);
        } else {
            more = xmlTextReaderRead(reader);
        }
    }
    if (more != 0) {
        die("xmlReader", "it fails");
    }
    xmlFreeTextReader(reader);
    return records;
}

static void count_element(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                          int n_namespaces, const xmlChar **namespaces, int n_attributes,
                          int n_defaulted, const xmlChar **attributes)
{
    (void)prefix;
    (void)uri;
    (void)n_namespaces;
    (void)namespaces;
    (void)n_attributes;
    (void)n_defaulted;
    (void)attributes;
    *(size_t *)ctx += strcmp((const char *)name, "hoso") == 0;
}

static size_t run_sax2(const struct buf *doc)
{
    xmlSAXHandler handler = {.initialized = XML_SAX2_MAGIC, .startElementNs = count_element};
    size_t records = 0;
    xmlParserCtxtPtr parser = xmlCreatePushParserCtxt(&handler, &records, NULL, 0, NULL);
    int err = parser != NULL ? 0 : -1;

    for (size_t at = 0; err == 0 && at < doc->len; at += PIECE) {
        size_t n = doc->len - at < PIECE ? doc->len - at : PIECE;

        err = xmlParseChunk(parser, doc->data + at, (int)n, at + n == doc->len);
    }
    if (err != 0) {
        die("SAX2", "it fails");
    }
    xmlFreeParserCtxt(parser);
    return records;
}

int main(int argc, char **argv)
{
    static const struct option rows[] = {{"records", required_argument, NULL, 'r'},
                                         {"preset", required_argument, NULL, 'p'},
                                         {"megabytes", required_argument, NULL, 'm'},
                                         {NULL, 0, NULL, 0}};
    const char *path = NULL;
    const char *preset = NULL;
    size_t megabytes = 100;
    struct records records;
    struct buf doc;
    size_t expected;
    size_t found = 0;
    double begun;
    int opt = getopt_long(argc, argv, "", rows, NULL);

    for (; opt != -1 && opt != '?'; opt = getopt_long(argc, argv, "", rows, NULL)) {
        path = opt == 'r' ? optarg : path;
        preset = opt == 'p' ? optarg : preset;
        megabytes = opt == 'm' ? (size_t)strtoull(optarg, NULL, 10) : megabytes;
    }
    if (opt == '?' || optind != argc - 1 || path == NULL || preset == NULL || megabytes == 0) {
        fputs("usage: xml preset|expand|sax2 --records FILE --preset FILE [--megabytes N]\n",
              stderr);
        return 64;
    }
    xml_init();
    if (records_open(&records, path, 0) != 0) {
        return 1;
    }
    buf_init(&doc, (megabytes + 1) << 20);
    expected = write_document(&records, megabytes * 1000000, &doc);
    begun = now_s();
    if (strcmp(argv[optind], "preset") == 0) {
        found = run_preset(preset, &doc);
    } else if (strcmp(argv[optind], "expand") == 0) {
        found = run_expand(&doc);
    } else {
        found = run_sax2(&doc);
    }
    printf("{\"records\":%zu,\"bytes\":%zu,\"seconds\":%.4f}\n", found, doc.len, now_s() - begun);
    if (found != expected) {
        die("records", "not all of them were found");
    }
    buf_free(&doc);
    records_close(&records);
    xml_cleanup();
    return 0;
}
