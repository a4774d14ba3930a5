#!/bin/bash
# make profile: where a catch-up's CPU time goes. Under perf with call graphs where that works, else under callgrind, which
# counts instructions (and has no SHA instructions of the CPU, so libcrypto weighs far too much there).
#
#   PROFILE_DOSSIERS=n   4000 under perf, 1000 under callgrind; PROFILE_WITH=perf|callgrind
#
# Prints the ten hottest functions by themselves, those of ours with all that they call, and what each library takes; files
# in $BUILD/profile/.
export BUILD=${BUILD:-build} SEED=${SEED:-1}
. "$(dirname "$0")/lib.sh" 1
. test/bench/make_records.sh

OUT=$BUILD/profile
rm -rf "$OUT"
mkdir -p "$OUT"
perf_works() { perf record -q -g -o "$OUT/try" -- true > /dev/null 2>&1 && [ -n "$(perf script -i "$OUT/try" 2> /dev/null)" ]; }
WITH=${PROFILE_WITH:-$(perf_works && echo perf || echo callgrind)}
rm -f "$OUT/try"
N=${PROFILE_DOSSIERS:-$([ "$WITH" = perf ] && echo 4000 || echo 1000)}
RECORDS=$BUILD/bench/data/records-$SEED
make_records "$RECORDS" "$N" '' || exit 1
feed_up "$RECORDS" "$N"
portal_up 0
daemon_conf 16
# Each prints SHARE FUNCTION LIBRARY.
report() { perf report -i "$OUT/perf.data" --stdio --no-inline -g none --comm dvcsyncd "$@" 2> /dev/null | sed -e '/^#/d' -e '/^ *$/d' -e 's/\[[.k]\]//'; }
perf_alone() { report --no-children --sort sym,dso; }
perf_with() { report --children --sort sym,dso | awk '$4 == "dvcsyncd" { print $1, $3, $4 }'; }
annotate() { # callgrind_annotate's lines are INSTRUCTIONS (SHARE) FILE:FUNCTION [LIBRARY]
    callgrind_annotate --auto=no --threshold=100 "$@" "$OUT/callgrind.out" 2> /dev/null | sed -n 's,^ *[0-9][0-9\,]* *( *\([0-9.]*%\)) *[^ ]*:\([^ ]*\).*\[\(.*/\)*\([^]/]*\)\]$,\1 \2 \4,p'
}
callgrind_alone() { annotate; }
callgrind_with() { annotate --inclusive=yes | awk '$3 == "dvcsyncd"'; }
libraries() { "${WITH}_alone" | awk '{ s[$3] += $1 } END { for (l in s) printf "%.2f%% %s\n", s[l], l }' | sort -rn; }

case $WITH in
perf)
    perf record -q -F 1999 --call-graph dwarf,8192 -o "$OUT/perf.data" -- "$BIN/measure" --ledger "$DIR/ledger" --timeout 300 \
        --lines "$N" --stop -- "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" > "$OUT/run.json" 2> "$OUT/run.log" || die "perf"
    ;;
callgrind)
    measure "$N" --stop -- /usr/bin/env valgrind -q --tool=callgrind --callgrind-out-file="$OUT/callgrind.out" \
        "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" > "$OUT/run.json" || die "callgrind"
    ;;
*) die "PROFILE_WITH is perf or callgrind" ;;
esac
FRAMES='\(below|_start|main|app_run|on_check|loop_run_due|act|work_run|db_row|db_run' # say nothing of what is done
show() { awk '{ printf "  %7s  %-44s %s\n", $1, $2, $3 }'; }
{
    echo "catch-up of $N dossiers under $WITH: share of the daemon's $([ "$WITH" = perf ] && echo "CPU time" || echo instructions)"
    echo "the ten hottest functions, by themselves"
    "${WITH}_alone" | head -n 10 | show
    echo "our functions, with all that they call"
    "${WITH}_with" | grep -vE " ($FRAMES) " | head -n 20 | show
    echo "by library"
    libraries | head -n 10 | show
} | tee "$OUT/profile.txt"
