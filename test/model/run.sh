#!/bin/bash
# Checks the model of an item's life with spin: each variant without a fault, each control with one.
# Its last line: model: variants V states S controls C failed as they must
set -u -o pipefail
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
work=$BUILD/model
mkdir -p "$work"
states=0 variants=0 controls=0 bad=0

# NAME FLAGS...: prints what spin found in $log.
check() {
    local name=$1
    shift
    log=$work/$name.log
    mkdir -p "$work/$name"
    (cd "$work/$name" && spin -a "$@" "$model" && gcc -O2 -w -DSAFETY -DVECTORSZ=256 -o pan pan.c &&
        ./pan -m2000000 -w24) > "$log" 2>&1 || {
        echo "model: $name could not be checked"
        cat "$log"
        bad=1
    }
}
# The same again for endless runs: none may go round without an end.
check_livelock() {
    local name=$1
    shift
    log=$work/$name.livelock.log
    (cd "$work/$name" && gcc -O2 -w -DNP -DVECTORSZ=256 -o livelock pan.c && ./livelock -l -m2000000 -w24) > "$log" 2>&1
}
errors() { sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$log" | head -n 1; }
complete() { ! grep -qE 'Search not completed|max search depth too small' "$log"; }

model=$PWD/test/model/item.pml
case $work in /*) ;; *) work=$PWD/$work ;; esac

for portal in "" "-DAPPENDS"; do
    for look in "" "-DLOOKUP"; do
        for ask in "" "-DASK"; do
            flags="$portal $look $ask"
            name=variant$(tr -d ' ' <<< "$flags")
            check "$name" $flags
            found=$(errors)
            n=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$log" | head -n 1)
            if [ "$found" != 0 ] || ! complete; then
                echo "model: $name: ${found:-no answer} errors; $log"
                tail -n 30 "$log"
                bad=1
            fi
            check_livelock "$name" $flags
            if [ "$(errors)" != 0 ] || ! complete; then
                echo "model: $name: a run without end; $log"
                tail -n 30 "$log"
                bad=1
            fi
            printf '  ok   %-44s %9d states\n' "${flags// /}" "${n:-0}"
            states=$((states + ${n:-0})) variants=$((variants + 1))
        done
    done
done
for control in "-DFORGET -DAPPENDS" "-DEARLY" "-DSTALE -DLOOKUP" "-DLATE"; do
    name=control$(tr -d ' ' <<< "$control")
    check "$name" $control
    if [ "$(errors)" = 0 ] || [ -z "$(errors)" ]; then
        echo "model: the control $control found nothing"
        bad=1
    else
        printf '  ok   %-44s fails as it must\n' "$control"
        controls=$((controls + 1))
    fi
done
[ "$bad" -eq 0 ] || exit 1
echo "model: variants $variants states $states controls $controls failed as they must"
