#include "sandbox/product_status.h"

/* OpenCPS's words and what they mean nationally, written out by step. */
static const int NATIONAL[LIFE_STEP_COUNT] = {
    [STEP_NEW] = 1,          [STEP_AGAIN] = 1,
    [STEP_RECEIVED] = 2,     [STEP_ASSIGNED] = 4,
    [STEP_APPRAISED] = 4,    [STEP_SIGNING] = 4,
    [STEP_ELSEWHERE] = 4,    [STEP_HANDOVER] = 4,
    [STEP_SUPPLEMENT] = 5,   [STEP_PAYING] = 6,
    [STEP_WAIT_PAYMENT] = 6, [STEP_RESULT] = 9,
    [STEP_POSTING] = 9,      [STEP_DONE] = 10,
    [STEP_CANCELLING] = 7,   [STEP_CANCELLED] = 7,
    [STEP_UNRESOLVED] = 3,   [STEP_DENIED] = 8,
    [STEP_REFUSED] = 3,      [STEP_MERGING] = PRODUCT_STATUS_UNKNOWN,
};

int product_national(enum life_step_id step)
{
    return NATIONAL[step];
}

/* By national status; only 0 and 4 of the numbers are evidenced, the names decide. */
static const struct product_igate_status IGATE[] = {
    [1] = {0, "Mới đăng ký"},
    [2] = {1, "Đã tiếp nhận"},
    [3] = {6, "Từ chối tiếp nhận"},
    [4] = {2, "Đang xử lý"},
    [5] = {3, "Yêu cầu bổ sung giấy tờ"},
    [6] = {3, "Yêu cầu thanh toán"},
    [7] = {6, "Công dân rút hồ sơ"},
    [8] = {6, "Dừng xử lý"},
    [9] = {5, "Có kết quả"},
    [10] = {4, "Đã trả kết quả"},
    [PRODUCT_STATUS_UNKNOWN] = {9, "Đang hợp nhất hồ sơ"},
};

const struct product_igate_status *product_igate(enum life_step_id step)
{
    static const struct product_igate_status ASSIGNED = {2, "Thụ lý hồ sơ"};

    return step == STEP_ASSIGNED ? &ASSIGNED : &IGATE[NATIONAL[step]];
}

/* The civil-status software knows five. */
static const int JUSTICE[] = {
    [1] = 1, [2] = 1, [4] = 3, [5] = 2, [6] = 2, [9] = 4, [10] = 4, [PRODUCT_STATUS_UNKNOWN] = 0,
};

int product_justice(enum life_step_id step)
{
    return JUSTICE[NATIONAL[step]];
}
