#include "domain/procedure.h"

#include <string.h>

void procedure_init(struct procedure *p)
{
    memset(p, 0, sizeof(*p));
#define X(field) p->field = "";
    PROCEDURE_TEXTS(X)
#undef X
}
