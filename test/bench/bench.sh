#!/bin/bash
# make bench: every figure beside its baseline in the same run, alternating; the table of bars.txt with what was measured.
#
#   BENCH=name        one bar's script, or one figure of bars.txt; empty: all
#   BENCH_QUICK=1     3 rounds and a tenth of the sizes
#   BENCH_ROUNDS=n    rounds (5); BENCH_SCALE=n thousandths of the sizes (1000)
#   SEED=n
#
# Per figure the ratio of each round, their median, least and most. All of it as JSON in $BUILD/bench/, and with curves in
# $BUILD/bench/report.html. The last line is "bench: bars B met M". Exit code 0 when the figures were taken, met or not.
set -u -o pipefail
cd "$(dirname "$0")/../.."

export BUILD=${BUILD:-build} SEED=${SEED:-1}
BENCH=${BENCH:-}
quick=${BENCH_QUICK:-0}
ROUNDS=${BENCH_ROUNDS:-$([ "$quick" = 1 ] && echo 3 || echo 5)}
SCALE=${BENCH_SCALE:-$([ "$quick" = 1 ] && echo 100 || echo 1000)}
OUT=$BUILD/bench
mkdir -p "$OUT/data"
export ROUNDS SCALE

scaled() { # N LEAST
    local n=$(($1 * SCALE / 1000))
    echo $((n < $2 ? $2 : n))
}
# Sizes that the bars read. With a portal in 50 ms a month would take eight minutes a run, and tell no more.
MONTH=$(scaled 160766 2000)
MONTH_50=$(scaled 16000 1600)
STEPS_N=$(scaled 20000 2000)
SCALE_N=$(scaled 40000 2000) # of 34 instances together
TODAY_50=$(scaled 200 60)
WAITING=$(scaled 1000000 20000)
DELIVERED=$(scaled 10000000 100000)
LATENCY_N=$(scaled 2000 800)
IDLE_S=$(scaled 300 40)
ASK_S=$(scaled 20 5)
XML_MB=$(scaled 100 10)
export MONTH MONTH_50 STEPS_N SCALE_N TODAY_50 WAITING DELIVERED LATENCY_N IDLE_S ASK_S XML_MB

. test/conf.sh
. test/bench/make_records.sh
RECORDS=$OUT/data/records-$SEED
RECORDS_STEPS=$OUT/data/records-steps-$SEED
export RECORDS RECORDS_STEPS
make_records "$RECORDS" "$MONTH" '' && make_records "$RECORDS_STEPS" "$MONTH" '&steps=1' || exit 1

# ---- the rounds ----

# bars.txt without comments, fields apart by one |
bars() { sed -e '/^#/d' -e '/^ *$/d' -e 's/ *| */|/g' test/bench/bars.txt; }
wanted() { bars | awk -F'|' -v b="$BENCH" 'b == "" || $1 == b || $2 == b'; }
scripts=$(wanted | cut -d'|' -f2 | awk '!seen[$0]++')
[ -n "$scripts" ] || { echo "bench: no bar is called '$BENCH'" >&2; exit 64; }
: > "$OUT/rounds.tsv"
: > "$OUT/ends.jsonl"
run_bar() { # SCRIPT ROUND
    local begun=$SECONDS
    setpriv --pdeathsig KILL -- "test/bench/bar_$1.sh" "$2" | sed "s/^/$2\t/" >> "$OUT/rounds.tsv" || { echo "bench: $1 failed in round $2" >&2; return 1; }
    printf '%s\t%s\t%s\n' "$2" "$1" $((SECONDS - begun)) >> "$OUT/seconds.tsv"
}
# Beside the others: what it measures is one sleeping process's own time and writes, and it takes minutes.
aside=$(grep -x idle <<< "$scripts") aside_pid=''
trap '[ -z "$aside_pid" ] || kill "$aside_pid" 2> /dev/null' EXIT
trap 'exit 130' INT TERM
: > "$OUT/seconds.tsv"
for round in $(seq "$ROUNDS"); do
    [ -z "$aside" ] || { run_bar "$aside" "$round" & aside_pid=$!; }
    for script in $(grep -vx idle <<< "$scripts"); do
        [ -t 2 ] && printf '\r\033[Kround %d of %d: %s' "$round" "$ROUNDS" "$script" >&2
        run_bar "$script" "$round" || exit 1
    done
    [ -z "$aside_pid" ] || wait "$aside_pid" || exit 1
    aside_pid=''
done
[ -t 2 ] && printf '\r\033[K' >&2

# ---- what came out ----

{
    echo "dvcsyncd $(git describe --always --dirty 2> /dev/null || echo '(no git)'), $(date -u +%FT%TZ)"
    echo "$(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(awk '/MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r), load $(cut -d' ' -f1-3 /proc/loadavg)"
    echo "rounds $ROUNDS, sizes $SCALE/1000 ($MONTH dossiers a month, $MONTH_50 at 50 ms, $STEPS_N with steps)"
    # Over all runs: what the sandbox itself takes of the two cores.
    awk '{ match($0, /"portal_cpu_ms":[0-9]+/); cpu += substr($0, RSTART + 16, RLENGTH - 16)
           match($0, /"portal_writing_calls":[0-9]+/); calls += substr($0, RSTART + 23, RLENGTH - 23)
           match($0, /"ledger_syncs":[0-9]+/); syncs += substr($0, RSTART + 15, RLENGTH - 15)
           match($0, /"ledger_cpu_share_percent":[0-9.]+/); share += substr($0, RSTART + 27, RLENGTH - 27); n++ }
         END { if (calls > 0) printf "sandbox portal: %.0f us of CPU a writing call, %.0f calls a sync of its ledger, whose thread takes %.1f %% of that\n", cpu * 1000 / calls, calls / (syncs + 0.001), share / n }' "$OUT/ends.jsonl"
} > "$OUT/environment.txt"
cat "$OUT/environment.txt"
wanted > "$OUT/bars.wanted"
awk -v out="$OUT" -f test/bench/table.awk "$OUT/bars.wanted" "$OUT/rounds.tsv" | tee "$OUT/table.txt"
BUILD=$BUILD test/bench/report.sh || echo "bench: no report.html" >&2
