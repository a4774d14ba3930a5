/* preset_text: presets from texts, for the tests of presets and mapping. */
#ifndef TEST_LIB_PRESET_TEXT_H
#define TEST_LIB_PRESET_TEXT_H

#include "config/preset.h"

/* preset_load() of a file that holds the text; faults are emptied first. */
int preset_text_load(const char *text, size_t n, const struct config_list *params,
                     struct preset **out, struct config_faults *faults);

#endif
