#!/bin/bash
# make fuzz: every target of test/fuzz for FUZZ_SECONDS (default 3600), FUZZ_JOBS (2) at a time.
#   FUZZ_TARGETS  only these, by name ("json portal_reply"); default all
#   FUZZ_SEED     of the first target, the others count on; default: of the clock, and printed
# What is found interesting is kept in $BUILD/fuzz/work and used again by the next run; the tree's
# corpus is only read. A finding is kept in $BUILD/fuzz/findings with the command that repeats it.
set -u
cd "$(dirname "$0")/../.."
build=${BUILD:-build}/fuzz
seconds=${FUZZ_SECONDS:-3600}
jobs=${FUZZ_JOBS:-2}
seed=${FUZZ_SEED:-$(date +%s)}
work=$build/work
findings=$build/findings
targets=(${FUZZ_TARGETS:-$(cd test/fuzz && ls fuzz_*.c | sed 's/^fuzz_//; s/\.c$//')})
mkdir -p "$work" "$findings"
root=$build
[ -d /dev/shm ] && [ -w /dev/shm ] && root=/dev/shm
TMPDIR=$(mktemp -d "$root/dvcsync-fuzz.XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'kill $(jobs -p) 2> /dev/null; wait; exit 130' INT TERM
export ASAN_OPTIONS=quarantine_size_mb=32:detect_stack_use_after_return=0:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1

stat_of() { # LOG NAME
    grep -a "^stat::$2:" "$1" | tail -n 1 | grep -o '[0-9]*$' || echo 0
}

# One target: its line, and "EXECUTIONS FINDINGS" into $TMPDIR/NAME.result.
run_target() {
    local name=$1 own_seed=$2 log=$build/$1.log dict=test/fuzz/$1.dict code n_found features
    local -a corpus=()
    [ -f "$dict" ] || dict=test/fuzz/wire.dict
    mkdir -p "$work/$name" "$TMPDIR/$name"
    [ -d "test/fuzz/corpus/$name" ] && corpus=("test/fuzz/corpus/$name")
    touch "$TMPDIR/$name.begun"
    TMPDIR=$TMPDIR/$name timeout -k 5 $((seconds + 120)) "$build/fuzz_$name" -seed="$own_seed" \
        -max_total_time="$seconds" -max_len=8192 -timeout=25 -rss_limit_mb=512 -malloc_limit_mb=128 \
        -print_final_stats=1 -dict="$dict" -artifact_prefix="$findings/$name-" \
        "$work/$name" "${corpus[@]}" > "$log" 2>&1 &
    trap "kill $! 2> /dev/null" TERM
    wait $!
    code=$?
    n_found=$(find "$findings" -name "$name-*" -newer "$TMPDIR/$name.begun" ! -name '*.txt' | wc -l)
    [ "$code" -eq 0 ] || [ "$n_found" -gt 0 ] || n_found=1
    features=$(grep -ao 'ft: [0-9]*' "$log" | tail -n 1)
    printf '  %-14s %9d executions  %6d/s  %5d features  %d findings\n' "$name" \
        "$(stat_of "$log" number_of_executed_units)" "$(stat_of "$log" average_exec_per_sec)" \
        "${features#ft: }" "$n_found"
    if [ "$n_found" -gt 0 ]; then
        grep -a -m 3 'not true:\|ERROR:\|runtime error:' "$log" | sed 's/^/      /'
        echo "      log: $log"
        find "$findings" -name "$name-*" -newer "$TMPDIR/$name.begun" ! -name '*.txt' | while read -r file; do
            echo "      again: $build/fuzz_$name $file" | tee "$file.txt"
        done
    fi
    echo "$(stat_of "$log" number_of_executed_units) $n_found" > "$TMPDIR/$name.result"
}

echo "fuzz: ${#targets[@]} targets, $seconds s each, $jobs at a time, seed $seed"
for i in "${!targets[@]}"; do
    while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do
        wait -n
    done
    run_target "${targets[$i]}" $((seed + i)) &
done
wait
executions=0 found=0
for name in "${targets[@]}"; do
    read -r e f < "$TMPDIR/$name.result" || f=1
    executions=$((executions + ${e:-0}))
    found=$((found + ${f:-1}))
done
echo "fuzz: targets ${#targets[@]} seconds $seconds executions $executions findings $found"
[ "$found" -eq 0 ]
