/* opencps_shown: what a serviceinfo shows beside its texts: how many agencies have a process for
 * it, how many form templates it has (provincial-systems.md section 3). Pure; any thread. */
#ifndef ADAPTER_OPENCPS_SHOWN_H
#define ADAPTER_OPENCPS_SHOWN_H

#include "adapter/adapter.h"
#include "adapter/opencps_doc.h"

/* Of the record's root. REST answers hold lists serviceConfigs and fileTemplates, the catalogue's
 * files configs/ServiceConfig and fileTemplates/fileTemplate. A list that is not there is not shown
 * (-1). A ServiceConfig that lists its processes counts when one of them has a processNo, one that
 * lists none by itself. level is 0. */
struct adapter_shown opencps_read_shown(struct opencps_row root);

#endif
