#!/bin/bash
# Runs groups of tests (unit, replay, integration) and closes with one line: N passed, N failed.
# UNDER puts a tool in front of each unit test (valgrind); ONLY=name runs what matches.
set -u
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
UNDER=${UNDER:-}
ONLY=${ONLY:-}
passed=0 failed=0 log=$BUILD/test.log
mkdir -p "$BUILD"
export SANDBOX=${SANDBOX:-$BUILD/dvcsync-sandbox} BUILD
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# NAME PASSED FAILED CODE: adds up and shows; a program that ended badly counts at least one failure.
account() {
    local ok=$2 bad=$3
    [ "$4" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    passed=$((passed + ok)) failed=$((failed + bad))
    if [ "$bad" -gt 0 ]; then
        printf '  FAIL %-34s %4d passed %3d failed (exit %d)\n' "$1" "$ok" "$bad" "$4"
        grep -aE 'ERROR|error:|FAIL|Assertion|SUMMARY|runtime error|Traceback|==[0-9]+==' "$log" | head -n 30
        tail -n 15 "$log"
    else
        printf '  ok   %-34s %4d passed\n' "$1" "$ok"
    fi
}
# cmocka: [  PASSED  ] n test(s).  [  FAILED  ] n test(s), listed below:
run_unit() {
    local name
    for program in "$BUILD"/unit/test_*; do
        name=$(basename "$program")
        { [ -x "$program" ] && [ -f "test/unit/$name.c" ]; } || continue
        [[ -z "$ONLY" || "$name" == *"$ONLY"* ]] || continue
        timeout 600 $UNDER "$program" > "$log" 2>&1
        local code=$?
        account "$name" "$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')" \
            "$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{n += $1} END {print n + 0}')" "$code"
    done
}
run_replay() {
    local name
    for scenario in test/replay/*.replay; do
        name=$(basename "$scenario" .replay)
        [[ -z "$ONLY" || "$name" == *"$ONLY"* ]] || continue
        timeout 120 "$BUILD/replay" "$scenario" > "$log" 2>&1
        local code=$?
        account "replay/$name" $((code == 0)) $((code != 0)) "$code"
    done
}
# python unittest: Ran n tests / FAILED (failures=a, errors=b); shell: exit code alone.
run_integration() {
    local name code ran bad
    for script in test/integration/test_*; do
        name=$(basename "$script")
        [[ -z "$ONLY" || "$name" == *"$ONLY"* ]] || continue
        case $name in
        *.py)
            timeout 900 python3 "$script" > "$log" 2>&1
            code=$?
            ran=$(sed -n 's/^Ran \([0-9]*\) test.*/\1/p' "$log" | tail -n 1)
            bad=$(grep -oE '(failures|errors)=[0-9]+' "$log" | cut -d= -f2 | awk '{n += $1} END {print n + 0}')
            account "$name" $((${ran:-0} - bad)) "$bad" "$code"
            ;;
        *.sh)
            timeout 900 bash "$script" > "$log" 2>&1
            code=$?
            account "$name" $((code == 0)) $((code != 0)) "$code"
            ;;
        esac
    done
}
for group in "$@"; do
    "run_$group"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
