#include "sandbox/people.h"

#include <stdio.h>

/* A word with its capitals: no library for Vietnamese case is needed here. */
struct word {
    const char *proper;
    const char *upper;
};

static const struct word FAMILY[] = {
    {"Nguyễn", "NGUYỄN"}, {"Trần", "TRẦN"}, {"Lê", "LÊ"},       {"Phạm", "PHẠM"},
    {"Hoàng", "HOÀNG"},   {"Vũ", "VŨ"},     {"Đặng", "ĐẶNG"},   {"Bùi", "BÙI"},
    {"Đỗ", "ĐỖ"},         {"Hồ", "HỒ"},     {"Ngô", "NGÔ"},     {"Lò", "LÒ"},
    {"Lương", "LƯƠNG"},   {"Hà", "HÀ"},     {"Quách", "QUÁCH"},
};
static const struct word MIDDLE[] = {
    {"Văn", "VĂN"},       {"Thị", "THỊ"},   {"Đức", "ĐỨC"},     {"Minh", "MINH"},
    {"Ngọc", "NGỌC"},     {"Hữu", "HỮU"},   {"Thanh", "THANH"}, {"Quỳnh", "QUỲNH"},
    {"Phương", "PHƯƠNG"}, {"Xuân", "XUÂN"}, {"Mạnh", "MẠNH"},   {"Thuỳ", "THUỲ"},
};
static const struct word GIVEN[] = {
    {"Thử", "THỬ"}, {"Nghiệm", "NGHIỆM"}, {"Mẫu", "MẪU"},   {"Hoa", "HOA"},     {"Mẩy", "MẨY"},
    {"Páo", "PÁO"}, {"Sương", "SƯƠNG"},   {"Gió", "GIÓ"},   {"Mây", "MÂY"},     {"Sông", "SÔNG"},
    {"Núi", "NÚI"}, {"Biển", "BIỂN"},     {"Lúa", "LÚA"},   {"Tre", "TRE"},     {"Sen", "SEN"},
    {"Đào", "ĐÀO"}, {"Mận", "MẬN"},       {"Bưởi", "BƯỞI"}, {"Ổi", "ỔI"},       {"Nắng", "NẮNG"},
    {"Mưa", "MƯA"}, {"Bình", "BÌNH"},     {"Yên", "YÊN"},   {"Thuận", "THUẬN"}, {"Khoẻ", "KHOẺ"},
};
static const struct word BUSINESS[] = {
    {"Công ty TNHH Thử Nghiệm", "CÔNG TY TNHH THỬ NGHIỆM"},
    {"Công ty Cổ phần Mẫu & Con", "CÔNG TY CỔ PHẦN MẪU & CON"},
    {"Hộ kinh doanh \"Không Có Thật\"", "HỘ KINH DOANH \"KHÔNG CÓ THẬT\""},
};
static const struct word ORGANIZATION[] = {
    {"Hợp tác xã Thử Nghiệm", "HỢP TÁC XÃ THỬ NGHIỆM"},
    {"Trường Mầm non Mẫu", "TRƯỜNG MẦM NON MẪU"},
};
static const char *const KINDS[] = {"citizen", "business", "organization"};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

uint64_t people_mix(uint64_t a, uint64_t b)
{
    uint64_t z = a + UINT64_C(0x9e3779b97f4a7c15) * (b + 1);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void make_citizen(uint64_t key, struct person *p)
{
    const struct word *f = &FAMILY[people_mix(key, 1) % COUNT(FAMILY)];
    const struct word *m = &MIDDLE[people_mix(key, 2) % COUNT(MIDDLE)];
    const struct word *g = &GIVEN[people_mix(key, 3) % COUNT(GIVEN)];
    unsigned paper = (unsigned)(people_mix(key, 4) % 100);
    unsigned number = (unsigned)(people_mix(key, 5) % 1000000000);

    snprintf(p->name, sizeof(p->name), "%s %s %s", f->proper, m->proper, g->proper);
    snprintf(p->upper, sizeof(p->upper), "%s %s %s", f->upper, m->upper, g->upper);
    if (paper < 95) {
        snprintf(p->id_no, sizeof(p->id_no), "000%09u", number);
    } else if (paper < 98) {
        snprintf(p->id_no, sizeof(p->id_no), "000%06u", number % 1000000);
    } else {
        snprintf(p->id_no, sizeof(p->id_no), "000P%05u", number % 100000);
    }
}

static void make_body(uint64_t key, const struct word *w, struct person *p)
{
    unsigned number = (unsigned)(people_mix(key, 2) % 900) + 100;

    snprintf(p->name, sizeof(p->name), "%s %u", w->proper, number);
    snprintf(p->upper, sizeof(p->upper), "%s %u", w->upper, number);
    snprintf(p->id_no, sizeof(p->id_no), "000%07u", (unsigned)(people_mix(key, 5) % 10000000));
}

void people_make(uint64_t key, struct person *out)
{
    unsigned kind = (unsigned)(people_mix(key, 0) % 100);

    if (kind < 88) {
        out->kind = PEOPLE_CITIZEN;
        make_citizen(key, out);
    } else if (kind < 96) {
        out->kind = PEOPLE_BUSINESS;
        make_body(key, &BUSINESS[people_mix(key, 1) % COUNT(BUSINESS)], out);
    } else {
        out->kind = PEOPLE_ORGANIZATION;
        make_body(key, &ORGANIZATION[people_mix(key, 1) % COUNT(ORGANIZATION)], out);
    }
    out->phone[0] = '\0';
    out->email[0] = '\0';
    if (people_mix(key, 6) % 10 != 0) {
        snprintf(out->phone, sizeof(out->phone), "0000%06u",
                 (unsigned)(people_mix(key, 7) % 1000000));
    }
    if (people_mix(key, 8) % 4 == 0) {
        snprintf(out->email, sizeof(out->email), "nguoi%u@example.invalid",
                 (unsigned)(people_mix(key, 9) % 1000000));
    }
}

const char *people_kind_word(enum people_kind kind)
{
    return KINDS[kind];
}

void people_officer(uint64_t key, char out[PEOPLE_NAME_SIZE])
{
    const struct word *f = &FAMILY[people_mix(key, 11) % COUNT(FAMILY)];
    const struct word *m = &MIDDLE[people_mix(key, 12) % COUNT(MIDDLE)];
    const struct word *g = &GIVEN[people_mix(key, 13) % COUNT(GIVEN)];
    const char *office = "";

    if (people_mix(key, 14) % 50 == 0) {
        office = " (Trung tâm Phục vụ hành chính công, bộ phận tiếp nhận và trả kết quả)";
    }
    snprintf(out, PEOPLE_NAME_SIZE, "%s %s %s%s", f->proper, m->proper, g->proper, office);
}
