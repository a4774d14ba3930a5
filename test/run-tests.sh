#!/bin/bash
# Runs groups of tests (unit, replay, integration) and closes with one line: N passed, N failed.
# JOBS tests run side by side, those that measure the machine alone and last. UNDER puts a tool in front of each unit
# test (valgrind); ONLY=name runs what matches. Each test's output stands in $BUILD/test-logs.
set -u
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
UNDER=${UNDER:-}
ONLY=${ONLY:-}
JOBS=${JOBS:-2}
ALONE=' test_hostile.py test_feed.py '
logs=$BUILD/test-logs counts=$BUILD/test-counts
rm -rf "$logs" "$counts"
mkdir -p "$logs"
: > "$counts"
export SANDBOX=${SANDBOX:-$BUILD/dvcsync-sandbox} BUILD
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# NAME PASSED FAILED CODE LOG: counts and shows, in one piece; a program that ended badly counts at least one failure.
account() {
    local ok=$2 bad=$3
    [ "$4" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    echo "$ok $bad" >> "$counts"
    if [ "$bad" -gt 0 ]; then
        printf '  FAIL %-34s %4d passed %3d failed (exit %d)\n%s\n%s\n' "$1" "$ok" "$bad" "$4" \
            "$(grep -aE 'ERROR|error:|FAIL|Assertion|SUMMARY|runtime error|Traceback|==[0-9]+==' "$5" | head -n 30)" \
            "$(tail -n 15 "$5")"
    else
        printf '  ok   %-34s %4d passed\n' "$1" "$ok"
    fi
}
# cmocka: [  PASSED  ] n test(s).  [  FAILED  ] n test(s), listed below:
run_unit() {
    local log=$logs/$1.log code
    timeout 600 $UNDER "$BUILD/unit/$1" > "$log" 2>&1
    code=$?
    account "$1" "$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')" \
        "$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')" "$code" "$log"
}
run_replay() {
    local log=$logs/$1.log code
    timeout 120 "$BUILD/replay" "test/replay/$1.replay" > "$log" 2>&1
    code=$?
    account "replay/$1" $((code == 0)) $((code != 0)) "$code" "$log"
}
# python unittest: Ran n tests / FAILED (failures=a, errors=b)
run_integration() {
    local log=$logs/$1.log code ran bad
    timeout 900 python3 "test/integration/$1" > "$log" 2>&1
    code=$?
    ran=$(sed -n 's/^Ran \([0-9]*\) test.*/\1/p' "$log" | tail -n 1)
    bad=$(grep -oE '(failures|errors)=[0-9]+' "$log" | cut -d= -f2 | awk '{n += $1} END {print n + 0}')
    account "$1" $((${ran:-0} > bad ? ran - bad : 0)) "$bad" "$code" "$log"
}
list_unit() {
    local name
    for program in "$BUILD"/unit/test_*; do
        name=$(basename "$program")
        { [ -x "$program" ] && [ -f "test/unit/$name.c" ]; } && echo "$name"
    done
}
list_replay() { basename -s .replay test/replay/*.replay; }
list_integration() { basename -a test/integration/test_*.py; }

last=()
for group in "$@"; do
    for name in $("list_$group"); do
        [[ -z "$ONLY" || "$name" == *"$ONLY"* ]] || continue
        if [[ "$ALONE" == *" $name "* ]]; then
            last+=("$name")
            continue
        fi
        while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do
            wait -n
        done
        "run_$group" "$name" &
    done
done
wait
for name in "${last[@]}"; do
    run_integration "$name"
done
read -r passed failed < <(awk '{ok += $1; bad += $2} END {print ok + 0, bad + 0}' "$counts")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
