/* What dvcsyncctl gets over the socket, and what it shows of it: no escape sequence of a peer
 * reaches the terminal, and a cut answer is never a complete one.
 *
 * Input: a byte chooses the view; then the answer. With bit 7 the rest is the body alone. */
#include <string.h>

#include "base/text.h"
#include "daemon/ctl_http.h"
#include "daemon/ctl_text.h"
#include "daemon/ctl_view.h"
#include "fuzz/fuzz.h"

#define NOW_S INT64_C(1763622000)
#define OUT_MAX ((size_t)16 << 20)

static void show(unsigned which, const char *body, size_t n)
{
    static void (*const views[])(const struct json *root, int64_t now_s, bool colour,
                                 struct buf *out) = {ctl_view_status,    ctl_view_list,
                                                     ctl_view_item,      ctl_view_why,
                                                     ctl_view_agreement, ctl_view_events};
    const size_t n_views = sizeof(views) / sizeof(views[0]);
    struct json *root = NULL;
    struct errmsg why = {0};
    struct buf out;

    if (json_parse(body, n, &root, &why) != 0) {
        return;
    }
    buf_init(&out, OUT_MAX);
    which %= (unsigned)n_views + 1;
    if (which == n_views) {
        int code = ctl_view_check(root, 3600, 14400, &out);

        FUZZ_CHECK(code >= 0 && code <= 3, "%d", code);
    } else {
        views[which](root, NOW_S, false, &out);
    }
    FUZZ_CHECK(buf_error(&out) == 0, "%zu bytes", out.len);
    FUZZ_CHECK(out.len == 0 || text_is_utf8(out.data, out.len), "%s", out.data);
    for (size_t i = 0; i < out.len; i++) {
        FUZZ_CHECK((unsigned char)out.data[i] >= 0x20 || out.data[i] == '\n', "%s", out.data);
    }
    buf_free(&out);
    json_free(root);
}

static void answer(unsigned which, const char *bytes, size_t n)
{
    size_t at = 0;
    size_t len = 0;
    int status = 0;
    int rc = ctl_http_parse(bytes, n, true, &status, &at, &len);

    FUZZ_CHECK(rc <= 0 || (at <= n && len <= n - at), "%zu and %zu of %zu", at, len, n);
    FUZZ_CHECK(rc != 0, "the peer has ended it, and more is waited for");
    if (rc > 0) {
        FUZZ_CHECK(status >= 100 && status <= 999, "%d", status);
        show(which, bytes + at, len);
    }
    for (size_t i = 0; i < n && i < 512; i++) {
        size_t part_at = 0;
        size_t part_len = 0;
        int part = ctl_http_parse(bytes, i, false, &status, &part_at, &part_len);

        FUZZ_CHECK(part <= 0 || rc > 0 || rc == ERR_TOOBIG || rc == ERR_FORMAT, "%d, then %d", part,
                   rc);
        FUZZ_CHECK(part <= 0 || part_at + part_len <= i, "%zu and %zu of %zu", part_at, part_len,
                   i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    uint8_t what = fuzz_byte(&in);

    if ((what & 0x80) != 0) {
        show(what & 0x7F, (const char *)in.at, in.n);
    } else {
        answer(what, (const char *)in.at, in.n);
    }
    return 0;
}
