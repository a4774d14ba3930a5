#!/bin/bash
# make fuzz-afl: AFL++ on the configuration and the journal file, AFL_SECONDS (default 3600) both at
# once. The targets are those of make fuzz, many inputs to a process. Findings stay in
# $BUILD/fuzz-afl/out/NAME/default/crashes and hangs.
set -u
cd "$(dirname "$0")/../.."
build=${BUILD:-build}/fuzz-afl
seconds=${AFL_SECONDS:-3600}
seed=${FUZZ_SEED:-$(date +%s)}
targets=(config journal)
root=$build
[ -d /dev/shm ] && [ -w /dev/shm ] && root=/dev/shm
TMPDIR=$(mktemp -d "$root/dvcsync-afl.XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'kill $(jobs -p) 2> /dev/null; exit 130' INT TERM
# No screen, no binding to a processor, no advice about the machine's settings.
export AFL_NO_UI=1 AFL_NO_AFFINITY=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_QUIET=1
# What a finished process leaves behind is not looked at: AFL ends it by a signal.
export ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0:hard_rss_limit_mb=1024:allocator_may_return_null=1
export UBSAN_OPTIONS=abort_on_error=1:symbolize=0:halt_on_error=1

stat_of() { # NAME KEY
    sed -n "s/^$2 *: *\([0-9]*\).*/\1/p" "$build/out/$1/default/fuzzer_stats" 2> /dev/null | grep . || echo 0
}

echo "fuzz-afl: ${targets[*]}, $seconds s, seed $seed"
for name in "${targets[@]}"; do
    in=$TMPDIR/$name.in
    mkdir -p "$in" "$TMPDIR/$name" "$build/out"
    rm -rf "${build:?}/out/$name"
    find "test/fuzz/corpus/$name" -type f -size +0 -exec cp -t "$in" {} +
    dict=()
    [ ! -f "test/fuzz/$name.dict" ] || dict=(-x "test/fuzz/$name.dict")
    TMPDIR=$TMPDIR/$name timeout -k 5 $((seconds + 180)) afl-fuzz -i "$in" -o "$build/out/$name" -V "$seconds" \
        -s "$seed" -m none -t 5000+ "${dict[@]}" -- "$build/fuzz_$name" > "$build/$name.log" 2>&1 &
done
wait
executions=0 findings=0
for name in "${targets[@]}"; do
    crashes=$(find "$build/out/$name/default/crashes" -name 'id*' 2> /dev/null | wc -l)
    hangs=$(find "$build/out/$name/default/hangs" -name 'id*' 2> /dev/null | wc -l)
    e=$(stat_of "$name" execs_done)
    printf '  %-8s %9d executions  %d paths  %d crashes  %d hangs\n' "$name" "$e" "$(stat_of "$name" corpus_count)" \
        "$crashes" "$hangs"
    if [ "$e" -eq 0 ]; then
        tail -n 5 "$build/$name.log"
        findings=$((findings + 1))
    fi
    find "$build/out/$name/default/crashes" "$build/out/$name/default/hangs" -name 'id*' 2> /dev/null | while read -r file; do
        echo "      again: $build/fuzz_$name $file"
    done
    executions=$((executions + e))
    findings=$((findings + crashes + hangs))
done
echo "fuzz-afl: targets ${#targets[@]} seconds $seconds executions $executions findings $findings"
[ "$findings" -eq 0 ]
