#include "adapter/spool_zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Signatures and sizes of the records, as the format's description has them. */
#define END_SIGNATURE 0x06054b50u
#define END_SIZE 22u
#define CENTRAL_SIGNATURE 0x02014b50u
#define CENTRAL_SIZE 46u
#define LOCAL_SIGNATURE 0x04034b50u
#define LOCAL_SIZE 30u
#define COMMENT_MAX 65535u

#define STORED 0
#define DEFLATED 8
#define ENCRYPTED 1u

static uint16_t get16(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return (uint16_t)(u[0] | u[1] << 8);
}

static uint32_t get32(const char *p)
{
    return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}

static int broken(struct errmsg *msg, const char *what)
{
    return err_set(msg, ERR_FORMAT, "not a zip file that is whole: %s", what);
}

/* The end record stands behind everything but a comment. */
static const char *find_end(const struct spool_zip *zip)
{
    size_t back = zip->n < END_SIZE + COMMENT_MAX ? zip->n : END_SIZE + COMMENT_MAX;

    for (size_t i = END_SIZE; i <= back; i++) {
        const char *p = zip->bytes + zip->n - i;

        if (get32(p) == END_SIGNATURE && get16(p + 20) == i - END_SIZE) {
            return p;
        }
    }
    return NULL;
}

int spool_zip_begin(struct spool_zip *zip, struct errmsg *msg)
{
    const char *end = zip->n >= END_SIZE ? find_end(zip) : NULL;
    uint64_t offset;
    uint64_t size;

    zip->total = 0;
    if (end == NULL) {
        return broken(msg, "it has no end record");
    }
    zip->left = get16(end + 10);
    size = get32(end + 12);
    offset = get32(end + 16);
    if (get16(end + 4) != 0 || get16(end + 8) != get16(end + 10)) {
        return broken(msg, "it is one part of several");
    }
    if (zip->left > SPOOL_ZIP_ENTRIES_MAX) {
        return err_set(msg, ERR_TOOBIG, "the zip has %zu entries, %d are allowed", zip->left,
                       SPOOL_ZIP_ENTRIES_MAX);
    }
    if (offset + size > (uint64_t)(end - zip->bytes) || size < zip->left * (uint64_t)CENTRAL_SIZE) {
        return broken(msg, "its directory lies outside of it");
    }
    zip->at = (size_t)offset;
    return 0;
}

int spool_zip_next(struct spool_zip *zip, struct spool_zip_entry *entry, struct errmsg *msg)
{
    const char *p = zip->bytes + zip->at;
    size_t name_len;
    size_t whole;

    if (zip->left == 0) {
        return ERR_NOTFOUND;
    }
    if (zip->n - zip->at < CENTRAL_SIZE || get32(p) != CENTRAL_SIGNATURE) {
        return broken(msg, "an entry of its directory is damaged");
    }
    name_len = get16(p + 28);
    whole = CENTRAL_SIZE + name_len + get16(p + 30) + get16(p + 32);
    if (whole > zip->n - zip->at) {
        return broken(msg, "an entry of its directory is cut");
    }
    memset(entry, 0, sizeof(*entry));
    entry->flags = get16(p + 8);
    entry->method = get16(p + 10);
    entry->crc = get32(p + 16);
    entry->packed = get32(p + 20);
    entry->size = get32(p + 24);
    entry->offset = get32(p + 42);
    if (name_len >= sizeof(entry->name)) {
        name_len = sizeof(entry->name) - 1;
    }
    memcpy(entry->name, p + CENTRAL_SIZE, name_len);
    zip->at += whole;
    zip->left--;
    return 0;
}

/* Where an entry's bytes begin; NULL when they do not lie in the file. */
static const char *data_of(const struct spool_zip *zip, const struct spool_zip_entry *entry)
{
    const char *p = zip->bytes + entry->offset;
    uint64_t begin;

    if ((uint64_t)entry->offset + LOCAL_SIZE > zip->n || get32(p) != LOCAL_SIGNATURE) {
        return NULL;
    }
    begin = (uint64_t)entry->offset + LOCAL_SIZE + get16(p + 26) + get16(p + 28);
    return begin + entry->packed <= zip->n ? zip->bytes + begin : NULL;
}

/* Never more than out has room for, whatever comes. */
static int inflate_entry(const char *data, const struct spool_zip_entry *entry, char *out)
{
    z_stream z = {0};
    int result;

    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) {
        return ERR_NOMEM;
    }
    z.next_in = (Bytef *)(uintptr_t)data; /* zlib does not write there */
    z.avail_in = entry->packed;
    z.next_out = (Bytef *)out;
    z.avail_out = entry->size;
    result = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return result == Z_STREAM_END && z.total_out == entry->size ? 0 : ERR_FORMAT;
}

static int unpack(const struct spool_zip_entry *entry, const char *data, char *out)
{
    int err = 0;

    if (entry->method == DEFLATED) {
        err = inflate_entry(data, entry, out);
    } else {
        memcpy(out, data, entry->size);
    }
    if (err == 0 && crc32(crc32(0, NULL, 0), (const Bytef *)out, entry->size) != entry->crc) {
        err = ERR_FORMAT;
    }
    return err;
}

int spool_zip_unpack(struct spool_zip *zip, const struct spool_zip_entry *entry, char **out,
                     struct errmsg *msg)
{
    const char *data = data_of(zip, entry);
    int err;

    *out = NULL;
    if (entry->size > SPOOL_ZIP_ENTRY_MAX || zip->total + entry->size > SPOOL_ZIP_TOTAL_MAX) {
        return err_set(msg, ERR_TOOBIG, "the zip's entry %.100s is larger than allowed",
                       entry->name);
    }
    if ((entry->flags & ENCRYPTED) != 0 || (entry->method != STORED && entry->method != DEFLATED)) {
        return err_set(msg, ERR_FORMAT,
                       "the zip's entry %.100s is encrypted or packed in a way that is not read",
                       entry->name);
    }
    if (data == NULL || (entry->method == STORED && entry->packed != entry->size)) {
        return err_set(msg, ERR_FORMAT, "the zip's entry %.100s lies outside of it", entry->name);
    }
    *out = malloc((size_t)entry->size + 1);
    if (*out == NULL) {
        return err_set(msg, ERR_NOMEM, "%s", err_text(ERR_NOMEM));
    }
    zip->total += entry->size;
    err = unpack(entry, data, *out);
    if (err != 0) {
        free(*out);
        *out = NULL;
        return err_set(msg, err, "the zip's entry %.100s is damaged", entry->name);
    }
    (*out)[entry->size] = '\0';
    return 0;
}
