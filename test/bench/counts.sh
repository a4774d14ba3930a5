#!/bin/bash
# Instructions of three fixed workloads under callgrind, beside the figures of counts.txt: a regression fails without a
# clock. Counted are functions of our own files alone (counts.awk), in one thread, so that neither libc's choice for a CPU
# nor the folder of the tree nor the day matters; another compiler than that of counts.txt does, and is told.
#
#   counts.sh          compares; a figure more than SLACK % away, up or down, is a failure
#   counts.sh renew    writes counts.txt
#
# journal: 2,000 dossiers appended in groups of 500, claimed and finished (journal.c). source: pages of 500 into 1,000
# records, each judged. sink: 1,000 calls of the portal (counts.c). Callgrind's files stay in $BUILD/bench/counts/.
SLACK=5
export BUILD=${BUILD:-build} SEED=1
what=${1:-compare}
. "$(dirname "$0")/lib.sh" 1

OUT=$BUILD/bench/counts
FIGURES=test/bench/counts.txt
rm -rf "$OUT"
mkdir -p "$OUT"
counted() { # NAME DOSSIERS FUNCTION,... PROGRAM ARGUMENT...: instructions a dossier within these functions
    local name=$1 dossiers=$2 function functions=()
    for function in ${3//,/ }; do
        functions+=("--toggle-collect=$function")
    done
    valgrind -q --tool=callgrind --callgrind-out-file="$OUT/$name.out" "${functions[@]}" "${@:4}" \
        > "$OUT/$name.log" 2>&1 || { cat "$OUT/$name.log" >&2; die "$name"; }
    echo "$name $(($(awk -f test/bench/counts.awk "$OUT/$name.out") / dossiers))"
}
compiler() { readelf -p .comment "$BIN/counts" | sed -n 's/^ *\[ *0\] *//p'; }

portal=http://127.0.0.1:1 feed=http://127.0.0.1:1
daemon_conf 16
ends() { counted "$1" 1000 "count_$1" "$BIN/counts" --conf "$DIR/dvcsyncd.conf" --rows test/bench/counts.rows --count 1000; }
{
    ends source & ends sink & # pieces of work of about the same length, for two cores
    counted journal 2000 count_append,count_deliver "$BIN/journal" speed journal "$DIR/counts.db" 2000
    wait
} | sort > "$OUT/now"

if [ "$what" = renew ]; then
    {
        echo "# Instructions a dossier in files of our own (counts.sh): WORKLOAD INSTRUCTIONS. Renewed by: make counts-renew"
        echo "compiler $(compiler)"
        cat "$OUT/now"
    } > "$FIGURES"
    cat "$FIGURES"
    exit 0
fi
if [ "compiler $(compiler)" != "$(grep '^compiler ' $FIGURES)" ]; then
    echo "counts: $(compiler) built this, counts.txt is by $(sed -n 's/^compiler //p' $FIGURES): not compared"
    exit 0
fi
awk -v slack=$SLACK '
    FNR == NR { committed[$1] = $2; next }
    {
        was = committed[$1] + 0
        change = was > 0 ? ($2 / was - 1) * 100 : 100
        text = sprintf("%-8s %d instructions a dossier, committed %d (%+.2f %%)", $1, $2, was, change)
        seen[$1] = $2 > 0
        if ($2 > 0 && change <= slack && change >= -slack) {
            passed++
            print "  ok   " text
        } else {
            failed++
            print "  FAIL " text (change > 0 ? ": more than before; when that is meant" : ": less; to keep it") ": make counts-renew"
        }
    }
    END {
        for (name in committed) {
            if (name != "#" && name != "compiler" && !seen[name]) {
                failed++
                print "  FAIL " name ": nothing was counted"
            }
        }
        printf "%d passed, %d failed\n", passed, failed
        exit failed > 0 || passed == 0
    }' "$FIGURES" "$OUT/now"
