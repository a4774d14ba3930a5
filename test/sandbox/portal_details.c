/* The parts of a record that come from real texts. The source ran its tables together into one
 * text ("…theo mẫu;1 bản chính,1 bản sao…"); they are taken apart here at the marks that remain. */
#include "sandbox/portal_record.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void open_array(struct record *r, const char *name)
{
    sbuf_key(r->b, name);
    sbuf_puts(r->b, "[");
}

static void open_item(struct record *r)
{
    sbuf_comma(r->b);
    sbuf_puts(r->b, "{");
}

const char *details_text(const struct record *r, const char *name)
{
    const cJSON *item =
        r->details != NULL ? cJSON_GetObjectItemCaseSensitive(r->details, name) : NULL;

    return cJSON_IsString(item) ? item->valuestring : "";
}

static void member_trimmed(struct record *r, const char *name, const char *text, size_t len)
{
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        len--;
    }
    while (len > 0 && isspace((unsigned char)text[0])) {
        text++;
        len--;
    }
    sbuf_member_n(r->b, name, text, len);
}

bool details_write_steps(struct record *r)
{
    const char *p = details_text(r, "steps");

    if (*p == '\0') {
        return false;
    }
    open_array(r, "TRINHTUTHUCHIEN");
    open_item(r);
    sbuf_member(r->b, "TRUONGHOP", "");
    open_array(r, "TRINHTU");
    while (*p != '\0') {
        size_t len = strcspn(p, "\n");

        if (len > 0) {
            open_item(r);
            member_trimmed(r, "TENTRINHTU", p, len);
            sbuf_puts(r->b, "}");
        }
        p += p[len] == '\0' ? len : len + 1;
    }
    sbuf_puts(r->b, "]}]");
    return true;
}

static const char *string_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static long channel_of(const char *text)
{
    if (strcmp(text, "Trực tuyến") == 0) {
        return 2;
    }
    return strcmp(text, "Dịch vụ bưu chính") == 0 ? 3 : 1;
}

/* "50,000 Việt Nam Đồng" -> 50.000 Đồng; what is no sum stays as it is. */
static void write_fee(struct record *r, const char *fee, const char *note)
{
    char code[16];
    char sum[64];
    size_t len = strspn(fee, "0123456789,.");

    snprintf(code, sizeof code, "LP%04u", (unsigned)(r->p->hash % 10000u));
    open_item(r);
    sbuf_member(r->b, "MAPHILEPHI", code);
    if (len > 0 && len < sizeof sum) {
        snprintf(sum, sizeof sum, "%.*s", (int)len, fee);
        for (char *c = strchr(sum, ','); c != NULL; c = strchr(c, ',')) {
            *c = '.';
        }
        sbuf_member(r->b, "SOTIEN", sum);
        sbuf_member(r->b, "DONVI", strstr(fee, "USD") != NULL ? "USD" : "Đồng");
    } else {
        sbuf_member(r->b, "SOTIEN", fee);
        sbuf_member(r->b, "DONVI", "");
    }
    sbuf_member(r->b, "MOTA", note);
    sbuf_member(r->b, "URL", "");
    sbuf_puts(r->b, "}");
}

static void write_method(struct record *r, const cJSON *method)
{
    const char *time = string_of(method, "time");
    const char *fee = string_of(method, "fee");
    char *unit = NULL;
    long value = strtol(time, &unit, 10);

    while (*unit == ' ') {
        unit++;
    }
    open_item(r);
    record_number(r, "KENH", channel_of(string_of(method, "channel")));
    open_array(r, "THOIGIAN");
    open_item(r);
    if (value > 0) {
        record_number(r, "THOIGIANGIAIQUYET", value + (r->changed ? 1 : 0));
    } else {
        sbuf_member(r->b, "THOIGIANGIAIQUYET", "");
    }
    sbuf_member(r->b, "DONVITINH", value > 0 ? unit : "");
    sbuf_member(r->b, "MOTA", value > 0 ? "" : time);
    open_array(r, "PHILEPHI");
    if (*fee != '\0' && strcmp(fee, "Miễn phí") != 0) {
        write_fee(r, fee, string_of(method, "note"));
    }
    sbuf_puts(r->b, "]}]}");
}

bool details_write_methods(struct record *r)
{
    const cJSON *methods = cJSON_GetObjectItemCaseSensitive(r->details, "methods");
    const cJSON *method;

    if (!cJSON_IsArray(methods) || cJSON_GetArraySize(methods) == 0) {
        return false;
    }
    open_array(r, "CACHTHUCTHUCHIEN");
    cJSON_ArrayForEach(method, methods)
    {
        write_method(r, method);
    }
    sbuf_puts(r->b, "]");
    return true;
}

/* Finds the next "<digits> bản chính[,<digits> bản sao]" at or after p. Returns its first digit
 * and leaves *end behind it; NULL when there is none. */
static const char *find_copies(const char *p, const char **end, long *originals, long *copies)
{
    static const char main_mark[] = " bản chính";
    static const char copy_mark[] = " bản sao";

    for (const char *m = strstr(p, main_mark); m != NULL; m = strstr(m + 1, main_mark)) {
        const char *first = m;
        char *after = NULL;

        while (first > p && isdigit((unsigned char)first[-1])) {
            first--;
        }
        /* "01 bản chính" inside a sentence is no mark: the table's numbers have no leading 0
         * unless they are 0. */
        if (first == m || (first[0] == '0' && m - first > 1)) {
            continue;
        }
        *originals = strtol(first, NULL, 10);
        *copies = 0;
        *end = m + sizeof main_mark - 1;
        if (**end == ',' && isdigit((unsigned char)(*end)[1])) {
            long n = strtol(*end + 1, &after, 10);

            if (strncmp(after, copy_mark, sizeof copy_mark - 1) == 0) {
                *copies = n;
                *end = after + sizeof copy_mark - 1;
            }
        }
        return first;
    }
    return NULL;
}

static void write_paper(struct record *r, const char *name, size_t len, long originals, long copies,
                        unsigned serial)
{
    const char *ministry = r->p->sector_code[0] != '\0' ? r->p->sector_code : "G22";
    char code[64];

    snprintf(code, sizeof code, "000.00.00.%.3s-KQ%04u", ministry,
             (unsigned)((r->p->hash >> 8) % 8000u) + serial);
    open_item(r);
    sbuf_member(r->b, "MAGIAYTO", code);
    member_trimmed(r, "TENGIAYTO", name, len);
    sbuf_member(r->b, "TENMAUDON", "");
    sbuf_member(r->b, r->url, "");
    record_number(r, "SOBANCHINH", originals);
    record_number(r, "SOBANSAO", copies);
    sbuf_puts(r->b, "}");
}

bool details_write_components(struct record *r)
{
    static const char heading[] = "Tên giấy tờMẫu đơn, tờ khaiSố lượng";
    const char *p = details_text(r, "components");
    const char *table = strstr(p, heading);
    unsigned serial = 0;

    if (table == NULL) {
        return false;
    }
    open_array(r, "THANHPHANHOSO");
    while (table != NULL) {
        const char *next;
        const char *end = NULL;
        const char *mark;
        long originals;
        long copies;

        open_item(r);
        member_trimmed(r, "TRUONGHOP", p, strncmp(p, "--", 2) == 0 ? 0 : (size_t)(table - p));
        open_array(r, "GIAYTO");
        p = table + sizeof heading - 1;
        next = strstr(p, heading);
        for (mark = find_copies(p, &end, &originals, &copies);
             mark != NULL && (next == NULL || mark < next);
             mark = find_copies(p, &end, &originals, &copies)) {
            write_paper(r, p, (size_t)(mark - p), originals, copies, serial);
            serial++;
            p = end;
        }
        sbuf_puts(r->b, "]}");
        table = next;
    }
    sbuf_puts(r->b, "]");
    return true;
}

bool details_write_subjects(struct record *r)
{
    const cJSON *subjects = cJSON_GetObjectItemCaseSensitive(r->details, "subjects");
    const cJSON *subject;

    if (!cJSON_IsArray(subjects) || cJSON_GetArraySize(subjects) == 0) {
        return false;
    }
    open_array(r, "DOITUONGTHUCHIEN");
    cJSON_ArrayForEach(subject, subjects)
    {
        if (cJSON_IsString(subject)) {
            open_item(r);
            sbuf_member(r->b, "TENDOITUONG", subject->valuestring);
            sbuf_puts(r->b, "}");
        }
    }
    sbuf_puts(r->b, "]");
    return true;
}

bool details_write_results(struct record *r)
{
    static const char mark[] = "Mã: ";
    const char *p = details_text(r, "results");
    const char *m = strstr(p, mark);

    if (m == NULL) {
        return false;
    }
    open_array(r, "KETQUATHUCHIEN");
    for (; m != NULL; m = strstr(p, mark)) {
        const char *code = m + sizeof mark - 1;
        size_t dot = strspn(code, "KQGH0123456789.");

        /* KQ.G12.001051 has 13 bytes; what follows may begin with one of its letters. */
        dot = dot > 13 ? 13 : dot;
        open_item(r);
        sbuf_member_n(r->b, "MAKETQUA", code, dot);
        member_trimmed(r, "TENKETQUA", p, (size_t)(m - p));
        sbuf_puts(r->b, "}");
        p = code + dot;
    }
    sbuf_puts(r->b, "]");
    return true;
}

static void write_law(struct record *r, const char *number, const char *name, size_t len)
{
    open_item(r);
    sbuf_member(r->b, "SOVANBAN", number);
    member_trimmed(r, "TENVANBAN", name, len);
    sbuf_puts(r->b, "}");
}

/* The name stands before the last time its number is met; "" when the text does not hold it. */
bool details_write_legal(struct record *r)
{
    const cJSON *codes = cJSON_GetObjectItemCaseSensitive(r->details, "legal_codes");
    const char *text = details_text(r, "legal_basis");
    const cJSON *code;

    if (!cJSON_IsArray(codes) || cJSON_GetArraySize(codes) == 0) {
        return false;
    }
    open_array(r, "CANCUPHAPLY");
    cJSON_ArrayForEach(code, codes)
    {
        const char *at = cJSON_IsString(code) ? strstr(text, code->valuestring) : NULL;

        if (cJSON_IsString(code)) {
            size_t len = at != NULL ? (size_t)(at - text) : 0;
            const char *from = text;

            for (const cJSON *other = codes->child; other != NULL; other = other->next) {
                const char *cut = cJSON_IsString(other) ? strstr(text, other->valuestring) : NULL;

                if (cut != NULL && cut < at && cut + strlen(other->valuestring) > from &&
                    cut + strlen(other->valuestring) <= at) {
                    from = cut + strlen(other->valuestring);
                }
            }
            write_law(r, code->valuestring, from, len - (at != NULL ? (size_t)(from - text) : 0));
        }
    }
    sbuf_puts(r->b, "]");
    return true;
}
