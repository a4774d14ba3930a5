#include "sandbox/portal_record.h"

#include <stdio.h>
#include <string.h>

#define COUNT_OF(a) ((unsigned)(sizeof(a) / sizeof((a)[0])))

static const char *const step_texts[] = {
    "Bước 1: Tổ chức, cá nhân chuẩn bị đầy đủ hồ sơ theo quy định và nộp tại Trung tâm Phục vụ "
    "hành chính công.",
    "Bước 2: Công chức tiếp nhận kiểm tra tính đầy đủ, hợp lệ của hồ sơ; trường hợp chưa hợp lệ "
    "thì hướng dẫn hoàn thiện.\r\n- Hồ sơ hợp lệ: cấp giấy tiếp nhận và hẹn trả kết quả.",
    "<p>Bước 3: Cơ quan chuyên môn <b>thẩm định</b> hồ sơ, lấy ý kiến các đơn vị liên quan.</p>",
    "Bước 4: Lãnh đạo cơ quan xem xét, ký kết quả giải quyết.",
    "Bước 5: Trả kết quả tại nơi tiếp nhận, qua dịch vụ bưu chính công ích hoặc trực tuyến.",
};

static const char *const paper_texts[] = {
    "Đơn đề nghị theo mẫu",
    "Tờ khai theo mẫu",
    "Bản sao giấy chứng nhận đăng ký doanh nghiệp",
    "Văn bản thuyết minh, bản vẽ kèm theo",
    "Giấy ủy quyền (nếu có)",
    "Báo cáo tình hình hoạt động",
    "Bản sao có chứng thực văn bằng, chứng chỉ",
    "Danh sách nhân sự và trang thiết bị",
    "Phương án thực hiện; kế hoạch triển khai",
    "Giấy tờ chứng minh quyền sử dụng địa điểm",
};

static const char *const subject_texts[] = {
    "Công dân Việt Nam",
    "Người nước ngoài",
    "Doanh nghiệp",
    "Hợp tác xã",
    "Tổ chức (không bao gồm doanh nghiệp, HTX)",
    "Cán bộ, công chức, viên chức",
};

static const char *const requirement_texts[] = {
    "",
    "Không",
    "Đáp ứng đủ điều kiện theo quy định của pháp luật chuyên ngành.",
    "- Có địa điểm, trang thiết bị phù hợp;\r\n- Có nhân sự đủ trình độ chuyên môn.",
};

static const struct {
    const char *number;
    const char *name;
} legal_texts[] = {
    {"63/2010/NĐ-CP", "Nghị định về kiểm soát thủ tục hành chính"},
    {"61/2018/NĐ-CP", "Nghị định về thực hiện cơ chế một cửa, một cửa liên thông"},
    {"45/2020/NĐ-CP", "Nghị định về thực hiện thủ tục hành chính trên môi trường điện tử"},
    {"107/2021/NĐ-CP", "Nghị định sửa đổi, bổ sung Nghị định số 61/2018/NĐ-CP"},
    {"118/2025/NĐ-CP", "Nghị định về thực hiện thủ tục hành chính theo cơ chế một cửa"},
    {"72/2025/QH15", "Luật Tổ chức chính quyền địa phương"},
};

static const struct {
    long value;
    const char *unit;
} time_texts[] = {
    {1, "Ngày làm việc"}, {3, "Ngày làm việc"},  {5, "Ngày làm việc"},
    {7, "Ngày làm việc"}, {10, "Ngày làm việc"}, {15, "Ngày làm việc"},
    {20, "Ngày"},         {30, "Ngày"},          {8, "Giờ làm việc"},
    {4, "Giờ"},           {2, "Tháng"},          {-1, "Ngày làm việc"},
};

static const char *const fee_texts[] = {"Không",   "0",         "50.000", "8.000",
                                        "150.000", "1.000.000", ""};

unsigned record_draw(struct record *r, unsigned n)
{
    uint64_t z;

    r->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = r->seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((z ^ (z >> 31)) % n);
}

void record_number(struct record *r, const char *name, long value)
{
    sbuf_key(r->b, name);
    sbuf_printf(r->b, r->numbers ? "%ld" : "\"%ld\"", value);
}

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

static void write_steps(struct record *r)
{
    unsigned n = 2 + record_draw(r, COUNT_OF(step_texts) - 1);

    open_array(r, "TRINHTUTHUCHIEN");
    open_item(r);
    sbuf_member(r->b, "TRUONGHOP", "");
    open_array(r, "TRINHTU");
    for (unsigned i = 0; i < n; i++) {
        open_item(r);
        sbuf_member(r->b, "TENTRINHTU", step_texts[i]);
        sbuf_puts(r->b, "}");
    }
    sbuf_puts(r->b, "]}]");
}

static void write_fee(struct record *r, unsigned fee)
{
    char code[16];

    snprintf(code, sizeof code, "LP%04u", (unsigned)(r->p->hash % 10000u));
    open_item(r);
    sbuf_member(r->b, "MAPHILEPHI", code);
    sbuf_member(r->b, "SOTIEN", fee_texts[fee]);
    sbuf_member(r->b, "DONVI", "Đồng");
    sbuf_member(r->b, "MOTA", "");
    sbuf_member(r->b, "URL", "");
    sbuf_puts(r->b, "}");
}

static void write_methods(struct record *r)
{
    unsigned time = record_draw(r, COUNT_OF(time_texts));
    unsigned fee = record_draw(r, COUNT_OF(fee_texts));
    unsigned channels = 1 + record_draw(r, 3);

    open_array(r, "CACHTHUCTHUCHIEN");
    for (unsigned kenh = 1; kenh <= channels; kenh++) {
        open_item(r);
        record_number(r, "KENH", (long)kenh);
        open_array(r, "THOIGIAN");
        open_item(r);
        if (time_texts[time].value < 0) {
            sbuf_member(r->b, "THOIGIANGIAIQUYET", "");
        } else {
            record_number(r, "THOIGIANGIAIQUYET", time_texts[time].value + (r->changed ? 1 : 0));
        }
        sbuf_member(r->b, "DONVITINH", time_texts[time].unit);
        sbuf_member(r->b, "MOTA", kenh == 1 ? "Kể từ ngày nhận đủ hồ sơ hợp lệ" : "");
        open_array(r, "PHILEPHI");
        if (fee + 1 < COUNT_OF(fee_texts)) {
            write_fee(r, fee);
        }
        sbuf_puts(r->b, "]}]}");
    }
    sbuf_puts(r->b, "]");
}

static void write_paper(struct record *r, unsigned i)
{
    const char *ministry = r->p->sector_code[0] != '\0' ? r->p->sector_code : "G22";
    unsigned serial = (unsigned)((r->p->hash >> 8) % 8000u) + i;
    char code[64];
    bool form = i == 0 && record_draw(r, 2) == 0;

    snprintf(code, sizeof code, "000.00.00.%.3s-KQ%04u", ministry, serial);
    open_item(r);
    sbuf_member(r->b, "MAGIAYTO", code);
    sbuf_member(r->b, "TENGIAYTO", paper_texts[(serial + i) % COUNT_OF(paper_texts)]);
    sbuf_member(r->b, "TENMAUDON", form ? "Mau01.docx" : "");
    sbuf_member(r->b, r->url, form ? "https://dichvucong.example/mau/Mau01.docx" : "");
    record_number(r, "SOBANCHINH", (long)record_draw(r, 3));
    record_number(r, "SOBANSAO", (long)record_draw(r, 2));
    sbuf_puts(r->b, "}");
}

static void write_components(struct record *r)
{
    unsigned cases = record_draw(r, 6) == 0 ? 2 : 1;
    unsigned serial = 0;

    open_array(r, "THANHPHANHOSO");
    for (unsigned k = 0; k < cases; k++) {
        unsigned papers = 1 + record_draw(r, 6);

        open_item(r);
        sbuf_member(r->b, "TRUONGHOP", k == 0 ? "Giấy tờ phải nộp" : "Giấy tờ phải xuất trình");
        open_array(r, "GIAYTO");
        for (unsigned i = 0; i < papers; i++) {
            write_paper(r, serial);
            serial++;
        }
        sbuf_puts(r->b, "]}");
    }
    sbuf_puts(r->b, "]");
}

static void write_subjects(struct record *r)
{
    unsigned first = record_draw(r, COUNT_OF(subject_texts));
    unsigned n = 1 + record_draw(r, 3);

    open_array(r, "DOITUONGTHUCHIEN");
    for (unsigned i = 0; i < n; i++) {
        open_item(r);
        sbuf_member(r->b, "TENDOITUONG", subject_texts[(first + i) % COUNT_OF(subject_texts)]);
        sbuf_puts(r->b, "}");
    }
    sbuf_puts(r->b, "]");
}

static void write_results(struct record *r)
{
    static const char *const kinds[] = {"Giấy chứng nhận", "Quyết định", "Văn bản chấp thuận",
                                        "Giấy phép"};
    const char *ministry = r->p->sector_code[0] != '\0' ? r->p->sector_code : "G22";
    char code[64];

    snprintf(code, sizeof code, "KQ.%.3s.%06u", ministry, (unsigned)((r->p->hash >> 4) % 900000u));
    open_array(r, "KETQUATHUCHIEN");
    open_item(r);
    sbuf_member(r->b, "MAKETQUA", code);
    sbuf_member(r->b, "TENKETQUA", kinds[record_draw(r, COUNT_OF(kinds))]);
    sbuf_puts(r->b, "}]");
}

static void write_legal(struct record *r)
{
    unsigned first = record_draw(r, COUNT_OF(legal_texts));
    unsigned n = 1 + record_draw(r, 4);

    open_array(r, "CANCUPHAPLY");
    for (unsigned i = 0; i < n; i++) {
        unsigned at = (first + i) % COUNT_OF(legal_texts);

        open_item(r);
        sbuf_member(r->b, "SOVANBAN", legal_texts[at].number);
        sbuf_member(r->b, "TENVANBAN", legal_texts[at].name);
        sbuf_puts(r->b, "}");
    }
    sbuf_puts(r->b, "]");
}

static void write_sector(struct record *r)
{
    open_array(r, "LINHVUCTHUCHIEN");
    open_item(r);
    if ((catalog_plants(r->p) & PLANT_SECTOR) != 0) {
        sbuf_member(r->b, "MALINHVUC", "G99-LV99");
        sbuf_member(r->b, "TENLINHVUC", "Lĩnh vực mới");
        sbuf_puts(r->b, "}]");
        return;
    }
    if (r->p->sector_code[0] != '\0') {
        sbuf_member(r->b, "MALINHVUC", r->p->sector_code);
    }
    sbuf_member(r->b, "TENLINHVUC", r->p->sector_name);
    sbuf_puts(r->b, "}]");
}

static void write_agency(struct record *r, const struct agency *a)
{
    open_item(r);
    sbuf_member(r->b, "MADONVI", a->code);
    sbuf_member(r->b, "TENDONVI", a->name);
    sbuf_puts(r->b, "}");
}

/* Communal procedures name three communes, all others one department; the sector decides which. */
static void write_agencies(struct record *r)
{
    bool commune = strstr(r->p->level, "commune") != NULL;
    const char *level = commune ? "commune" : "department";
    unsigned wanted = commune ? 3 : 1;
    uint64_t from = catalog_hash(r->p->sector_name);
    size_t n = r->catalog->agency_count;

    open_array(r, "COQUANTHUCHIEN");
    for (size_t i = 0; i < n && wanted > 0; i++) {
        const struct agency *a = &r->catalog->agencies[(from + i) % n];

        if (strcmp(a->level, level) == 0) {
            write_agency(r, a);
            wanted--;
        }
    }
    sbuf_puts(r->b, "]");
}

static void write_levels(struct record *r)
{
    static const struct {
        const char *word;
        long value;
        const char *text;
    } levels[] = {
        {"central", 0, "Cơ quan trung ương"},
        {"province", 1, "Sở, ban, ngành cấp tỉnh"},
        {"commune", 3, "Ủy ban nhân dân cấp xã"},
    };

    open_array(r, "CAPTHUCHIEN");
    for (unsigned i = 0; i < COUNT_OF(levels); i++) {
        if (strstr(r->p->level, levels[i].word) == NULL) {
            continue;
        }
        open_item(r);
        record_number(r, "CAPTHUCHIEN", levels[i].value);
        sbuf_member(r->b, "MOTACOQUANTHUCHIEN", levels[i].text);
        sbuf_member(r->b, "DIACHITIEPNHAN", "");
        sbuf_puts(r->b, "}");
    }
    sbuf_puts(r->b, "]");
}

static void write_head(struct record *r, long version)
{
    const char *sector = r->p->sector_code;
    unsigned plants = catalog_plants(r->p);
    bool withdrawn =
        (version >= 2 && r->p->fate == FATE_WITHDRAWN) || (plants & PLANT_WITHDRAWN) != 0;
    char ministry[4] = "G22";

    if (sector[0] == 'G') {
        snprintf(ministry, sizeof ministry, "%.3s", sector);
    }
    record_number(r, "ID", 10000 + (long)(r->p->hash % 90000u));
    sbuf_member(r->b, "MATTHC", r->p->code);
    catalog_write_name(r->p, version, "TENTTHC", r->b);
    sbuf_member(r->b, "LOAITTHC", (r->p->hash >> 16) % 5u == 0 ? "2" : "1");
    record_number(r, "TRANGTHAI", withdrawn ? 2 : 1);
    sbuf_member(r->b, "MACOQUANCONGBO", (plants & PLANT_AGENCY) != 0 ? "G99" : ministry);
    record_number(r, "IDQUYETDINHCONGBO", catalog_decision(r->p));
}

static void write_requirements(struct record *r)
{
    static const char more[] = "\r\nÁp dụng từ phiên bản sửa đổi.";
    const char *text = details_text(r, "requirements");
    struct sbuf full = {0};

    if (r->details == NULL) {
        text = requirement_texts[record_draw(r, COUNT_OF(requirement_texts))];
    }
    sbuf_puts(&full, text);
    if (r->changed) {
        sbuf_puts(&full, more);
    }
    if ((catalog_plants(r->p) & PLANT_CONTENT) != 0) {
        sbuf_puts(&full, "\r\nĐiều kiện mới.");
    }
    sbuf_member(r->b, "YEUCAU", full.data != NULL ? full.data : "");
    sbuf_free(&full);
}

/* Parts that real texts replace when there are any. */
static const struct {
    bool (*real)(struct record *r);
    void (*made)(struct record *r);
} parts[] = {
    {details_write_steps, write_steps},           {details_write_methods, write_methods},
    {details_write_components, write_components}, {details_write_subjects, write_subjects},
    {details_write_results, write_results},       {details_write_legal, write_legal},
};

void record_write(const struct catalog *c, const struct procedure *p, long version, struct sbuf *b)
{
    struct record r = {
        .catalog = c,
        .p = p,
        .b = b,
        .seed = p->hash,
        .changed = version >= 2 && p->fate == FATE_CHANGED,
        .numbers = (p->hash >> 32) % 8u == 0,
        .url = (p->hash >> 36) % 4u == 0 ? "Url" : "URL",
    };

    if (p->details != NULL) {
        r.details = cJSON_ParseWithLength(p->details, p->details_len);
    }
    sbuf_puts(b, "{");
    write_head(&r, version);
    for (unsigned i = 0; i < COUNT_OF(parts); i++) {
        if (r.details == NULL || !parts[i].real(&r)) {
            parts[i].made(&r);
        }
    }
    write_sector(&r);
    sbuf_member(b, "MOTADOITUONGTHUCHIEN", "");
    write_agencies(&r);
    write_levels(&r);
    write_requirements(&r);
    sbuf_puts(b, "}");
    cJSON_Delete(r.details);
}

void record_write_decision(const struct catalog *c, const char *id, struct sbuf *b)
{
    sbuf_puts(b, "[");
    for (size_t i = 0; i < c->count; i++) {
        char own[32];

        snprintf(own, sizeof own, "%ld", catalog_decision(&c->rows[i]));
        if (strcmp(own, id) == 0) {
            sbuf_puts(b, "{");
            sbuf_member(b, "ID", own);
            sbuf_key(b, "SOQUYETDINH");
            sbuf_printf(b, "\"%lu/QĐ-UBND\"", (unsigned long)(c->rows[i].hash % 3000u) + 1);
            sbuf_member(b, "NGAYBANHANH", "20250612000000");
            sbuf_member(b, "TRICHYEU", "Công bố danh mục TTHC");
            sbuf_puts(b, "}");
            break;
        }
    }
    sbuf_puts(b, "]");
}
