/* The formats are SQLite's (https://www.sqlite.org/fileformat2.html), read with every length
 * checked. */
#include "journal/salvage_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define FILE_BYTES_MAX (INT64_C(256) << 30)
#define PAGES_MAX (UINT32_C(1) << 26)
#define PAYLOAD_MAX (4u << 20) /* no row of ours is larger */
#define WAL_HEAD 32
#define FRAME_HEAD 24
#define FILE_HEAD 100
#define PAGE_OLD 4096
#define LOOKS_MAX 1000  /* pages that are judged to find their size */
#define OVERFLOWS_MAX 8 /* what a page has room for: each leaves an eighth of it and more there */
#define LEAF_TABLE 0x0d
#define LEAF_INDEX 0x0a
#define INNER_INDEX 0x02
#define INNER_TABLE 0x05

/* ---- the files ---- */

static int open_file(const char *path, int *fd, int64_t *n, struct errmsg *msg)
{
    struct stat st;

    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) {
        return err_set(msg, file_error(errno), "%s: %s", path, strerror(errno));
    }
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX) {
        return err_set(msg, ERR_TOOBIG, "%s is no file, or larger than 256 GB", path);
    }
    *n = st.st_size;
    return 0;
}

/* What the disk does not give is zero. */
static void read_at(struct salvage_pages *p, int fd, int64_t at, unsigned char *out, size_t n)
{
    size_t done = 0;

    memset(out, 0, n);
    while (done < n) {
        ssize_t got = pread(fd, out + done, n - done, (off_t)(at + (int64_t)done));

        if (got == 0 || (got < 0 && errno != EINTR)) {
            p->unreadable += got < 0;
            return;
        }
        done += got > 0 ? (size_t)got : 0;
    }
}

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t word(const unsigned char *p, bool big)
{
    return big ? be32(p) : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void add_sum(uint32_t sum[2], const unsigned char *p, size_t n, bool big)
{
    for (size_t i = 0; i + 8 <= n; i += 8) {
        sum[0] += word(p + i, big) + sum[1];
        sum[1] += word(p + i + 4, big) + sum[0];
    }
}

/* A frame that belongs to the log, judged by its chained checksum. */
static bool frame_good(const struct salvage_pages *p, const unsigned char *head,
                       const unsigned char *frame, uint32_t sum[2])
{
    bool big = (be32(head) & 1) != 0;

    if (memcmp(frame + 8, head + 16, 8) != 0 || be32(frame) == 0) {
        return false;
    }
    add_sum(sum, frame, 8, big);
    add_sum(sum, frame + FRAME_HEAD, p->page, big);
    return be32(frame + 16) == sum[0] && be32(frame + 20) == sum[1];
}

static int64_t frame_at(const struct salvage_pages *p, uint32_t frame)
{
    return WAL_HEAD + (int64_t)(frame - 1) * (int64_t)(FRAME_HEAD + p->page);
}

static bool log_head_good(const unsigned char *head, uint32_t sum[2])
{
    add_sum(sum, head, 24, (be32(head) & 1) != 0);
    return (be32(head) & ~1u) == 0x377f0682 && be32(head + 24) == sum[0] &&
           be32(head + 28) == sum[1];
}

/* Whether the log goes on behind a frame that is not good. */
static bool log_goes_on(struct salvage_pages *p, const unsigned char *head, uint32_t from,
                        uint32_t frames)
{
    for (uint32_t i = from; i <= frames; i++) {
        unsigned char frame[FRAME_HEAD];

        read_at(p, p->wal, frame_at(p, i), frame, sizeof(frame));
        if (memcmp(frame + 8, head + 16, 8) == 0) {
            return true;
        }
    }
    return false;
}

/* Up to the last good commit, as SQLite does. What comes behind with the same salts was written
 * too, and is lost. */
static int read_log(struct salvage_pages *p)
{
    uint32_t frames = p->wal_n < WAL_HEAD
                          ? 0
                          : (uint32_t)((p->wal_n - WAL_HEAD) / (int64_t)(FRAME_HEAD + p->page));
    uint32_t *pages = calloc((size_t)frames + 1, sizeof(*pages));
    unsigned char head[WAL_HEAD];
    unsigned char frame[FRAME_HEAD + SALVAGE_PAGE_MAX];
    uint32_t sum[2] = {0, 0};
    uint32_t good = 0;

    if (pages == NULL) {
        return ERR_NOMEM;
    }
    read_at(p, p->wal, 0, head, sizeof(head));
    if (!log_head_good(head, sum) || be32(head + 8) != p->page) {
        p->wal_cut = true; /* nothing of it can be told from an older log */
        frames = 0;
    }
    for (uint32_t i = 1; i <= frames; i++) {
        read_at(p, p->wal, frame_at(p, i), frame, FRAME_HEAD + p->page);
        if (!frame_good(p, head, frame, sum)) {
            p->wal_cut = log_goes_on(p, head, i, frames);
            break;
        }
        pages[i] = be32(frame);
        good = be32(frame + 4) != 0 ? i : good;
    }
    for (uint32_t i = 1; i <= good; i++) {
        p->n_pages = pages[i] > p->n_pages && pages[i] < PAGES_MAX ? pages[i] : p->n_pages;
    }
    p->in_wal = calloc((size_t)p->n_pages + 1, sizeof(*p->in_wal));
    for (uint32_t i = 1; i <= good && p->in_wal != NULL; i++) {
        if (pages[i] <= p->n_pages) {
            p->in_wal[pages[i]] = i;
        }
    }
    free(pages);
    return p->in_wal != NULL ? 0 : ERR_NOMEM;
}

/* Whether it looks like the page of a b-tree. What stands inside a page hardly does. */
static bool like_a_page(const unsigned char *page)
{
    bool inner = page[0] == INNER_INDEX || page[0] == INNER_TABLE;
    size_t cells = (size_t)page[3] << 8 | page[4];
    size_t content = (size_t)page[5] << 8 | page[6];

    return (inner || page[0] == LEAF_TABLE || page[0] == LEAF_INDEX) &&
           (inner ? 12 : 8) + 2 * cells <= content && content <= PAGE_OLD;
}

static bool known_size(uint32_t n)
{
    return n == PAGE_OLD || n == SALVAGE_PAGE_MAX;
}

/* As the log's head says, which has a checksum, or the file's; where neither is left, as the pages
 * are: of large ones none begins at an odd multiple of the small size. */
static size_t page_size(struct salvage_pages *p)
{
    unsigned char head[FILE_HEAD];
    uint32_t sum[2] = {0, 0};
    uint32_t like = 0;
    uint32_t other = 0;

    if (p->wal >= 0) {
        read_at(p, p->wal, 0, head, WAL_HEAD);
        if (log_head_good(head, sum) && known_size(be32(head + 8))) {
            return be32(head + 8);
        }
    }
    read_at(p, p->file, 0, head, sizeof(head));
    if (memcmp(head, "SQLite format 3", 16) == 0 && known_size(be32(head + 16) >> 16)) {
        return be32(head + 16) >> 16;
    }
    for (int64_t at = PAGE_OLD; at < p->file_n && like + other < LOOKS_MAX;
         at += SALVAGE_PAGE_MAX) {
        unsigned char page[8];

        read_at(p, p->file, at, page, sizeof(page));
        like += like_a_page(page);
        other += page[0] != 0 && !like_a_page(page); /* 0: free, or the rest of a row */
    }
    p->unreadable = 0; /* those are read again */
    return 8 * like > other ? PAGE_OLD : SALVAGE_PAGE_MAX;
}

int salvage_pages_open(struct salvage_pages *p, const char *path, struct errmsg *msg)
{
    char wal[4096];
    int err;

    memset(p, 0, sizeof(*p));
    p->wal = -1;
    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    err = open_file(path, &p->file, &p->file_n, msg);
    if (err == 0 && access(wal, F_OK) == 0) {
        err = open_file(wal, &p->wal, &p->wal_n, msg);
    }
    p->page = err == 0 ? page_size(p) : SALVAGE_PAGE_MAX;
    p->n_pages = (uint32_t)((p->file_n + (int64_t)p->page - 1) / (int64_t)p->page);
    if (err == 0 && p->wal_n > 0) {
        err = read_log(p);
    }
    if (err == 0) {
        p->bad = calloc((size_t)p->n_pages + 1, sizeof(*p->bad));
        err = p->bad != NULL ? 0 : err_set(msg, ERR_NOMEM, "%s", path);
    }
    if (err < 0) {
        salvage_pages_close(p);
    }
    return err;
}

void salvage_pages_close(struct salvage_pages *p)
{
    if (p->file >= 0) {
        (void)close(p->file);
    }
    if (p->wal >= 0) {
        (void)close(p->wal);
    }
    free(p->in_wal);
    free(p->bad);
    p->file = -1;
    p->wal = -1;
    p->in_wal = NULL;
    p->bad = NULL;
}

void salvage_pages_doubt(struct salvage_pages *p, uint32_t page)
{
    if (page <= p->n_pages && !p->bad[page]) {
        p->bad[page] = true;
        p->bad_pages++;
    }
}

/* False: it is not there. */
static bool page_read(struct salvage_pages *p, uint32_t number, unsigned char out[SALVAGE_PAGE_MAX])
{
    if (number == 0 || number > p->n_pages) {
        return false;
    }
    if (p->in_wal != NULL && p->in_wal[number] != 0) {
        read_at(p, p->wal, frame_at(p, p->in_wal[number]) + FRAME_HEAD, out, p->page);
    } else {
        read_at(p, p->file, (int64_t)(number - 1) * (int64_t)p->page, out, p->page);
    }
    return true;
}

/* ---- cells ---- */

/* Bytes read, 0 when it does not fit. */
static size_t read_varint(const unsigned char *p, size_t n, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < 9 && i < n; i++) {
        if (i == 8) {
            *out = value << 8 | p[i];
            return 9;
        }
        value = value << 7 | (p[i] & 0x7f);
        if ((p[i] & 0x80) == 0) {
            *out = value;
            return i + 1;
        }
    }
    return 0;
}

/* How much of a payload stands on the leaf itself. */
static size_t local_part(size_t usable, uint64_t payload, bool table)
{
    const size_t most = table ? usable - 35 : (usable - 12) * 64 / 255 - 23;
    const size_t least = (usable - 12) * 32 / 255 - 23;
    size_t k;

    if (payload <= most) {
        return (size_t)payload;
    }
    k = least + (size_t)((payload - least) % (usable - 4));
    return k <= most ? k : least;
}

/* Collects a payload with its overflow pages. False when a part of it is not there. */
static bool collect(struct salvage_pages *p, const unsigned char *page, size_t at, uint64_t payload,
                    bool table, unsigned char *out)
{
    size_t local = local_part(p->page, payload, table);
    size_t done = local;
    uint32_t next;

    if (at + local > p->page) {
        return false;
    }
    memcpy(out, page + at, local);
    if (done == payload) {
        return true;
    }
    /* Pointers to one cell over and over, its pages in a ring, would take hours. */
    if (at + local + 4 > p->page || p->overflows == OVERFLOWS_MAX) {
        return false;
    }
    p->overflows++;
    for (next = be32(page + at + local); done < payload;) {
        unsigned char more[SALVAGE_PAGE_MAX];
        size_t n = payload - done < p->page - 4 ? (size_t)(payload - done) : p->page - 4;

        if (!page_read(p, next, more)) {
            return false;
        }
        memcpy(out + done, more + 4, n);
        done += n;
        next = be32(more);
    }
    return true;
}

static bool read_value(uint64_t type, const unsigned char *p, size_t n, size_t *used,
                       struct salvage_value *out)
{
    static const size_t sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};

    memset(out, 0, sizeof(*out));
    if (type >= 12) {
        out->type = type % 2 == 0 ? SALVAGE_BLOB : SALVAGE_TEXT;
        out->n = (size_t)((type - 12) / 2);
        out->bytes = (const char *)p;
        *used = out->n;
        return out->n <= n;
    }
    if (type >= sizeof(sizes) / sizeof(sizes[0]) || sizes[type] > n) {
        return false;
    }
    *used = sizes[type];
    out->type = type == 0 ? SALVAGE_NULL : type == 7 ? SALVAGE_REAL : SALVAGE_INTEGER;
    if (type >= 1 && type <= 6) {
        uint64_t value = (p[0] & 0x80) != 0 ? UINT64_MAX : 0;

        for (size_t i = 0; i < sizes[type]; i++) {
            value = value << 8 | p[i];
        }
        out->integer = (int64_t)value;
    }
    out->integer = type == 9 ? 1 : out->integer;
    return true;
}

static bool read_record(const unsigned char *p, size_t n, struct salvage_row *row)
{
    uint64_t head = 0;
    size_t at = read_varint(p, n, &head);
    size_t body = (size_t)head;

    row->n = 0;
    if (at == 0 || head > n || head < at) {
        return false;
    }
    while (at < head) {
        uint64_t type = 0;
        size_t used = read_varint(p + at, (size_t)head - at, &type);
        size_t bytes = 0;

        if (used == 0 || row->n == SALVAGE_COLUMNS || type > PAYLOAD_MAX * UINT64_C(2) + 13 ||
            !read_value(type, p + body, n - body, &bytes, &row->values[row->n])) {
            return false;
        }
        at += used;
        body += bytes;
        row->n++;
    }
    return body == n;
}

/* One cell as a row. */
static bool read_cell(struct salvage_pages *p, const unsigned char *page, size_t at, int kind,
                      unsigned char *payload, struct salvage_row *row)
{
    uint64_t size = 0;
    uint64_t rowid = 0;
    size_t used;

    at += kind == INNER_INDEX ? 4 : 0;
    used = at < p->page ? read_varint(page + at, p->page - at, &size) : 0;
    at += used;
    if (used == 0 || size == 0 || size > PAYLOAD_MAX) {
        return false;
    }
    if (kind == LEAF_TABLE) {
        used = at < p->page ? read_varint(page + at, p->page - at, &rowid) : 0;
        at += used;
        if (used == 0 || (int64_t)rowid <= 0) {
            return false;
        }
    }
    row->rowid = (int64_t)rowid;
    row->keyed = kind != LEAF_TABLE;
    return collect(p, page, at, size, kind == LEAF_TABLE, payload) &&
           read_record(payload, (size_t)size, row);
}

static int each_cell(struct salvage_pages *p, uint32_t number, const unsigned char *page,
                     unsigned char *payload, int (*row)(void *ctx, const struct salvage_row *r),
                     void *ctx)
{
    size_t head = number == 1 ? 100 : 0;
    int kind = page[head];
    size_t cells = (size_t)page[head + 3] << 8 | page[head + 4];
    size_t array = head + (kind == INNER_INDEX ? 12 : 8);

    p->overflows = 0;
    if (array + 2 * cells > p->page) {
        salvage_pages_doubt(p, number);
        cells = (p->page - array) / 2;
    }
    for (size_t i = 0; i < cells; i++) {
        size_t at = (size_t)page[array + 2 * i] << 8 | page[array + 2 * i + 1];
        struct salvage_row r = {.page = number};
        int told;

        if (at < array || at >= p->page || !read_cell(p, page, at, kind, payload, &r)) {
            salvage_pages_doubt(p, number);
            continue;
        }
        told = row(ctx, &r);
        if (told != 0) {
            return told;
        }
    }
    return 0;
}

int salvage_pages_each(struct salvage_pages *p, int (*row)(void *ctx, const struct salvage_row *r),
                       void *ctx)
{
    unsigned char *payload = malloc(PAYLOAD_MAX);
    int told = payload != NULL ? 0 : ERR_NOMEM;

    for (uint32_t number = 1; number <= p->n_pages && told == 0; number++) {
        unsigned char page[SALVAGE_PAGE_MAX];
        int kind = page_read(p, number, page) ? page[number == 1 ? 100 : 0] : 0;

        if (kind == LEAF_TABLE || kind == LEAF_INDEX || kind == INNER_INDEX) {
            told = each_cell(p, number, page, payload, row, ctx);
        }
    }
    free(payload);
    return told;
}
