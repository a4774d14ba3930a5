/* portal questions: what was asked at the portal, by pull (LayDanhSachHoiDapGuiTuDVCQG). The list
 * shows every question whole; the records of its last page are kept for the details that follow.
 * Internal to the portal adapter; loop thread, but for the reading of a long reply. */
#ifndef ADAPTER_PORTAL_QUESTIONS_H
#define ADAPTER_PORTAL_QUESTIONS_H

#include "adapter/adapter.h"

void portal_questions_poll(struct adapter *a, struct adapter_poll *poll);
void portal_questions_detail(struct adapter *a, struct adapter_detail *detail);

#endif
