#include "domain/dossier.h"

#include <string.h>

void dossier_init(struct dossier *d)
{
    memset(d, 0, sizeof(*d));
#define X(field) d->field = "";
    DOSSIER_TEXTS(X)
#undef X
#define X(field) d->field = TRI_UNKNOWN;
    DOSSIER_FLAGS(X)
#undef X
    d->arrived = "";
}

void step_init(struct step *s)
{
    memset(s, 0, sizeof(*s));
#define X(field) s->field = "";
    STEP_TEXTS(X)
#undef X
    s->arrived = "";
}
