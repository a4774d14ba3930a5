#!/bin/bash
# make ci: everything that must pass, adding up to one closing line.
set -u
cd "$(dirname "$0")/.."
passed=0 failed=0
# NAME COMMAND...: a stage counts what its own closing line says, else one.
stage() {
    local name=$1 log code line begun=$SECONDS
    shift
    echo "== $name"
    log=$(mktemp)
    "$@" 2>&1 | tee "$log"
    code=${PIPESTATUS[0]}
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
    rm -f "$log"
    echo "== $name took $((SECONDS - begun)) s"
    if [ -n "$line" ]; then
        passed=$((passed + ${line%% *}))
        line=${line#*, }
        failed=$((failed + ${line%% *}))
        [ "$code" -eq 0 ] || [ "${line%% *}" -gt 0 ] || failed=$((failed + 1))
    elif [ "$code" -eq 0 ]; then
        passed=$((passed + 1))
    else
        echo "stage failed: $name (exit $code)"
        failed=$((failed + 1))
    fi
}
make --no-print-directory deps-long || exit 1
stage check make --no-print-directory check
stage "counts, instructions of three workloads" make --no-print-directory counts
stage check-asan make --no-print-directory check-asan # with clang: its warnings are errors too
stage "month, 160,766 dossiers" make --no-print-directory month
stage model make --no-print-directory model
stage "crash, 60 kills" env LIVES=core make --no-print-directory crash KILLS=60
stage "powercut, 50 cuts" make --no-print-directory powercut CUTS=50
stage "faults, a sample" make --no-print-directory faults FAULT_RUNS=100
# A gate must not roll dice: one seed here, other seeds by `make fuzz`.
stage "fuzz, the corpus and 5 s a target" env FUZZ_SEED=1 make --no-print-directory fuzz FUZZ_SECONDS=5
stage "consistency, a small month" make --no-print-directory consistency CONSISTENCY_DOSSIERS=1500 \
    CONSISTENCY_DIFFERENCES=370
stage "demo, hard faults" make --no-print-directory demo FAULTS=hard DOSSIERS=1000 KILLS=5
for preset in igate-connector ngsp-justice bridge-array; do
    stage "preset $preset, faults and kills" env KILLS=4 test/presets.sh "$preset" 400
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
