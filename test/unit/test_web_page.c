#include "codec/web_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool look(const char *text)
{
    return web_page_look(text, strlen(text));
}

static void a_page_is_known_by_its_first_tag(void **state)
{
    static const char *const pages[] = {
        "<!DOCTYPE html><html>",
        "<!doctype HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">",
        "\xef\xbb\xbf\r\n\t <html lang=\"vi\">",
        "<HTML>",
        "<?xml version=\"1.0\"?>\n<!-- x --> <!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML\">",
        "<!-- <pdf> -->\n<head>",
        "<script>location = '/login'</script>",
        "<p/>",
        "<body\n>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (!look(pages[i])) {
            fail_msg("%s", pages[i]);
        }
    }
}

static void other_files_are_none(void **state)
{
    static const char *const others[] = {
        "",
        "<",
        "<html",
        "<pdf>",
        "<htmlx>",
        "<!DOCTYPE htmlx>",
        "<!DOCTYPE note>",
        "<?xml version=\"1.0\"?><Signature>",
        "<?xml version=\"1.0\"?><!-- <html> --><HoSo>",
        "<!-- never ends <html>",
        "<?xml never ends <html>",
        "%PDF-1.7 <html>",
        "{\"html\":\"<html>\"}",
        "text <html>",
        "   ",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (look(others[i])) {
            fail_msg("%s", others[i]);
        }
    }
    assert_false(web_page_look("<html\0>", 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_known_by_its_first_tag),
        cmocka_unit_test(other_files_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
