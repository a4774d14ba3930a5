/* The names of all crash points, one a line: what a run must have hit. */
#include <stdio.h>

#include "base/crash_points.h"

int main(void)
{
#define SAY(name) puts(#name);
    CRASH_POINTS(SAY)
#undef SAY
    return 0;
}
