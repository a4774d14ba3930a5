#include "base/legacy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void text_of_old_fonts_is_seen(void **state)
{
    static const char *const texts[] = {
        "NguyÔn V¨n An",               /* TCVN3: Nguyễn Văn An */
        "Ph¹m ThÞ Hoa",                /* Phạm Thị Hoa */
        "TrÇn V¨n BÐ",                 /* Trần Văn Bé */
        "Së Tµi nguyªn vµ M«i tr­êng", /* Sở Tài nguyên và Môi trường */
        "§¨ng ký kinh doanh",          /* Đăng ký kinh doanh */
        "Nguyeãn Vaên Beù",            /* VNI: Nguyễn Văn Bé */
        "Traàn Thò Maän",              /* Trần Thị Mận */
        "UÛy ban nhaân daân xaõ",      /* Ủy ban nhân dân xã */
        "NGUYEÃN VAÊN BEÙ",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!legacy_text(texts[i])) {
            fail_msg("not seen: %s", texts[i]);
        }
    }
}

static void everything_else_is_left_alone(void **state)
{
    static const char *const texts[] = {
        "",
        "Nguyen Van An",
        "Nguyễn Văn An",
        "Trần Thị Mận, UBND xã Y",
        "Hoà, hoá, xoã, uý, quý, toà án, khoá, loà xoà",
        "To à Thà Ba Bà Tà Lùng Hà Nam",
        "Ha Long ¸ V¨n Đ", /* a letter of Unicode: mixed, so not sure */
        "10 °C, 5 m², 3 m³, ½ ngày, ± 2 %, §12, µm, 20 µg",
        "Windows® 11, © 2026, ™, «trích», ª º",
        "Raúl, Noël, João, Anaïs, Zoé, Saône, Renée, Müller, Åse, Björn, Łódź",
        "François Lefèvre, Crème brûlée, Straße",
        "e-mail a@b.c; http://x.y/?a=b&c=d",
        "日本語 한국어 Привет",
        "\xF0\x9F\x98\x80",
        "V\xA8n \xFF\xC3", /* broken bytes harm nobody */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (legacy_text(texts[i])) {
            fail_msg("taken for an old font: %s", texts[i]);
        }
    }
}

static void random_bytes_do_no_harm(void **state)
{
    uint32_t seed = 20261122;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[24];
        size_t n = (size_t)i % (sizeof(text) - 1);

        for (size_t k = 0; k < n; k++) {
            seed = seed * 1664525u + 1013904223u;
            text[k] = (char)(seed >> 24 != 0 ? seed >> 24 : 1);
        }
        text[n] = '\0';
        (void)legacy_text(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_old_fonts_is_seen),
        cmocka_unit_test(everything_else_is_left_alone),
        cmocka_unit_test(random_bytes_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
