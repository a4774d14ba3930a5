#include "sandbox/province_page.h"

#include <stdio.h>
#include <string.h>

#include "sandbox/life.h"

static const char XML_HEAD[] = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>";

/* Short lengths are known: one reservation and no printf, since a page has 60,000 of these. */
static void add_name(struct page *p, const char *name)
{
    char head[64];
    size_t n = strlen(name);
    size_t at = 0;

    if (n > sizeof(head) - 5) {
        p->out->failed = true;
        return;
    }
    if (p->xml) {
        head[at++] = '<';
        memcpy(head + at, name, n);
        at += n;
        head[at++] = '>';
    } else {
        if (p->out->len > 0 && p->out->data[p->out->len - 1] != '{') {
            head[at++] = ',';
        }
        head[at++] = '"';
        memcpy(head + at, name, n);
        at += n;
        head[at++] = '"';
        head[at++] = ':';
    }
    sbuf_add(p->out, head, at);
}

static void end_name(struct page *p, const char *name)
{
    if (p->xml) {
        sbuf_add(p->out, "</", 2);
        sbuf_puts(p->out, name);
        sbuf_add(p->out, ">", 1);
    }
}

static void add_xml_text(struct sbuf *out, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "<>&");

        sbuf_add(out, text, n);
        text += n;
        if (*text != '\0') {
            sbuf_puts(out, *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : "&amp;");
            text++;
        }
    }
}

static void add_json_text(struct sbuf *out, const char *text)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == '"' || text[i] == '\\') {
            sbuf_json(out, text, n);
            return;
        }
    }
    sbuf_add(out, "\"", 1);
    sbuf_add(out, text, n);
    sbuf_add(out, "\"", 1);
}

void page_list_begin(struct page *p, size_t total)
{
    if (p->xml) {
        sbuf_printf(p->out, "%s<data><total>%zu</total>", XML_HEAD, total);
    } else {
        sbuf_printf(p->out, "{\"total\":%zu,\"data\":[", total);
    }
}

void page_list_end(struct page *p)
{
    sbuf_puts(p->out, p->xml ? "</data>" : "]}");
}

void page_row_begin(struct page *p)
{
    if (p->xml) {
        sbuf_puts(p->out, "<data>");
    } else {
        sbuf_comma(p->out);
        sbuf_add(p->out, "{", 1);
    }
}

void page_row_end(struct page *p)
{
    sbuf_puts(p->out, p->xml ? "</data>" : "}");
}

void page_record_begin(struct page *p)
{
    sbuf_puts(p->out, p->xml ? XML_HEAD : "{");
    if (p->xml) {
        sbuf_puts(p->out, "<data>");
    }
}

void page_record_end(struct page *p)
{
    page_row_end(p);
}

void page_text(struct page *p, const char *name, const char *value)
{
    add_name(p, name);
    if (p->xml) {
        add_xml_text(p->out, value);
    } else {
        add_json_text(p->out, value);
    }
    end_name(p, name);
}

void page_number(struct page *p, const char *name, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)value);

    add_name(p, name);
    sbuf_add(p->out, text, (size_t)n);
    end_name(p, name);
}

void page_flag(struct page *p, const char *name, bool value)
{
    add_name(p, name);
    sbuf_puts(p->out, value ? "true" : "false");
    end_name(p, name);
}

static void put_digits(char *to, unsigned value, size_t digits)
{
    while (digits > 0) {
        to[--digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

void page_date_text(int64_t at_s, bool compact, char out[PAGE_DATE_SIZE])
{
    int64_t local_s = at_s + LIFE_LOCAL_S;
    unsigned second = (unsigned)(local_s % 86400);
    unsigned y, m, d;

    if (at_s == 0) {
        out[0] = '\0';
        return;
    }
    life_civil(life_day(at_s), &y, &m, &d);
    if (compact) {
        put_digits(out, y, 4);
        put_digits(out + 4, m, 2);
        put_digits(out + 6, d, 2);
        put_digits(out + 8, second / 3600, 2);
        put_digits(out + 10, second / 60 % 60, 2);
        put_digits(out + 12, second % 60, 2);
        out[14] = '\0';
        return;
    }
    memcpy(out, "dd/MM/yyyy HH:mm:ss", PAGE_DATE_SIZE);
    put_digits(out, d, 2);
    put_digits(out + 3, m, 2);
    put_digits(out + 6, y, 4);
    put_digits(out + 11, second / 3600, 2);
    put_digits(out + 14, second / 60 % 60, 2);
    put_digits(out + 17, second % 60, 2);
}

void page_date(struct page *p, const char *name, int64_t at_s)
{
    char text[PAGE_DATE_SIZE];

    page_date_text(at_s, false, text);
    page_text(p, name, text);
}
