#include "bench/made.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/record.h"
#include "domain/dossier.h"

#define AGE_S (30 * 86400) /* of the oldest */

static const char NOTE[] = "Hồ sơ nộp trực tuyến, thành phần hồ sơ đã được số hoá và đối chiếu với "
                           "bản chính theo quy định; "
                           "kết quả trả tại bộ phận một cửa hoặc qua dịch vụ bưu chính công ích "
                           "theo yêu cầu của người nộp.";

void made_fill(long i, int64_t now_s, struct arena *arena, struct made *m)
{
    struct dossier_file papers[3];
    struct errmsg msg = {""};
    struct dossier d;

    dossier_init(&d);
    (void)snprintf(m->code, sizeof(m->code), "H56.31.%02ld-261001-%07ld", i % 97, i);
    d.code = m->code;
    d.procedure_code = "1.000893";
    d.procedure_name = "Thủ tục đăng ký khai sinh có yếu tố nước ngoài";
    d.sector_code = "G15-HT04";
    d.sector_name = "Hộ tịch";
    d.agency_code = "H56.31.25";
    d.agency_name = "UBND xã Thử Nghiệm";
    d.applicant_name = "Nguyễn Văn Thử";
    d.applicant_id = "000099000123";
    d.applicant_type = "1";
    d.entry = "2";
    d.result_by = "0";
    d.phone = "0000000000";
    d.subject = NOTE;
    d.status = "4";
    d.status_map = "national";
    d.channel = "2";
    d.submitted_s = now_s - AGE_S + i % 86400;
    d.received_s = d.submitted_s + 3600;
    d.promised_s = d.received_s + 5 * 86400;
    d.changed_s = d.received_s;
    for (int k = 0; k < 3; k++) {
        papers[k] = (struct dossier_file){
            .id = "1600016",
            .name = "Giấy tờ kèm theo 1.pdf",
            .component = "000.00.00.G15-KQ2719",
            .url = "https://motcua.example.invalid/tep/100001/1600016",
            .result_code = "",
            .extra = "",
        };
    }
    d.files = papers;
    d.n_files = 3;
    if (record_from_dossier(&d, arena, &m->record, &msg) != 0) {
        fprintf(stderr, "a record: %s\n", msg.text);
        exit(1);
    }
}
