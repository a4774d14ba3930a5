# What the bars of make bench share: sourced by each test/bench/bar_*.sh. Before: BUILD, SEED and what bench.sh exports.
# shellcheck shell=bash
#
# A bar is a script that is called once a round with the round's number, 1 to ROUNDS, and prints one line a figure:
#   KEY<TAB>BASELINE<TAB>MEASURED        both of this round; BASELINE - where the figure stands for itself
# bars.txt says what each KEY means and must reach. In odd rounds the baseline runs first, in even ones the daemon.

set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
BIN=$BUILD/bench/bin
DIR=$BUILD/bench/run/$(basename "$0" .sh) # its own: bar_idle.sh runs beside others
ROUND=${1:?the number of the round}
portal_pid='' feed_pid='' other_pids='' portal='' feed=''
. test/conf.sh

die() { echo "$(basename "$0"): $*" >&2; tail -n 5 "$DIR"/*.log >&2 2> /dev/null; exit 1; }

# A program in the background that ends with the shell that began it, however that one ends.
begin() { exec setpriv --pdeathsig KILL -- "$@"; }
# Ends what this script started, and only that.
end_pids() {
    local pid
    for pid in "$@"; do
        kill "$pid" 2> /dev/null && wait "$pid" 2> /dev/null
    done
    return 0
}
# shellcheck disable=SC2086
finish() { end_pids $portal_pid $feed_pid $other_pids; rm -rf "$DIR"; }
trap finish EXIT
trap 'exit 130' INT TERM

# A number of a flat JSON line: field NAME <<< "$json"
field() { sed -n "s/.*\"$1\":\([-0-9.]*\).*/\1/p"; }
calc() { awk "BEGIN { printf \"%.6g\", $* }"; }
say() { printf '%s\t%s\t%s\n' "$@"; }

# A portal with nothing in it, on a free port; $portal is its address. Its ledger is synced ten times a second at most,
# so that its disk is not what is measured, and it takes texts of any length, as no baseline cuts them.
portal_up() { # LATENCY_MS [KNOB=VALUE...]
    local knob args=()
    for knob in "latency_ms=$1" "${@:2}" ledger_group_ms=100 username=demo password=demo-portal-password \
        max_ghichu=1000000 max_nguoixuly=1000000 max_trichyeu=1000000 max_tentepdinhkem=1000000 max_tengiayto=1000000; do
        args+=(--knob "$knob")
    done
    rm -f "$DIR/ledger" "$DIR/portal.port"
    begin "$BUILD/dvcsync-sandbox" portal --listen 127.0.0.1:0 --port-file "$DIR/portal.port" --ledger "$DIR/ledger" \
        --catalog test/data/procedures.csv --seed "$SEED" "${args[@]}" > "$DIR/portal.log" 2>&1 &
    portal_pid=$!
    wait_file "$DIR/portal.port" "$portal_pid" || die "the sandbox portal did not start"
    portal=http://127.0.0.1:$(cat "$DIR/portal.port")
}
# What the ends of the sandbox cost so far, for the record: portal's CPU seconds, its ledger's share of them, the feed's.
ends_cost() {
    local stats
    stats=$(curl -s -m 10 "$portal/_sandbox/stats")
    echo "{\"portal_cpu_ms\":$(field cpu_ms <<< "$stats"),\"ledger_cpu_share_percent\":$(field cpu_share_percent <<< "$stats"),\"ledger_syncs\":$(field syncs <<< "$stats"),\"portal_writing_calls\":$(field writing_calls <<< "$stats"),\"feed_cpu_ms\":$([ -z "$feed_pid" ] && echo 0 || curl -s -m 10 "$feed/stats" | field cpu_ms)}" \
        >> "$BUILD/bench/ends.jsonl"
}
portal_down() {
    ends_cost
    end_pids "$portal_pid"
    portal_pid=''
}
feed_up() { # RECORDS COUNT
    rm -f "$DIR/feed.port"
    begin "$BIN/feed" --records "$1" --count "$2" --listen 127.0.0.1:0 --port-file "$DIR/feed.port" > "$DIR/feed.log" 2>&1 &
    feed_pid=$!
    wait_file "$DIR/feed.port" "$feed_pid" || die "the feed did not start"
    feed=http://127.0.0.1:$(cat "$DIR/feed.port")
}

# The daemon's configuration in $DIR/dvcsyncd.conf with an empty journal.
daemon_conf() { # IN_FLIGHT [LINES FOR SECTION PORTAL [LINES BEHIND ALL]]
    rm -rf "$DIR/state"
    mkdir -p "$DIR/state" "$DIR/maps"
    cp conf/maps/*.csv "$DIR/maps/"
    [ -f "$DIR/portal.password" ] || (umask 077; echo demo-portal-password > "$DIR/portal.password"; chmod 0400 "$DIR/portal.password")
    conf_head "$portal/${ADAPTER_PATH:-forward}" "$1" "${2:-}" > "$DIR/dvcsyncd.conf"
    cat >> "$DIR/dvcsyncd.conf" <<CONF
source feed {
    profile = "mapped"
    preset = "$PWD/test/bench/feed.preset"
    url = "$feed"
    allow_plaintext = yes
    page_size = 500
    poll_every = 1s
    sweep_every = 1d
    slow_sweep_every = 7d
}
flow dossiers { from = "feed" to = "portal" mode = "live" }
${3:-}
CONF
}

measure() { # LINES ARGUMENT...
    setpriv --pdeathsig KILL -- "$BIN/measure" --ledger "$DIR/ledger" --timeout "${TIMEOUT:-1800}" --lines "$@" 2>> "$DIR/run.log" | tail -n 1
    return "${PIPESTATUS[0]}"
}
# Each prints measure's line of JSON, against a portal of its own.
run_daemon() { # LATENCY_MS LINES IN_FLIGHT [as daemon_conf]
    portal_up "$1"
    daemon_conf "$3" "${@:4}"
    measure "$2" --stop -- "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" || die "the daemon did not deliver $2 lines"
    portal_down
}
run_ideal() { # LATENCY_MS LINES IN_FLIGHT [BATCH]
    portal_up "$1"
    rm -f "$DIR"/ideal.db*
    measure "$2" -- "$BIN/ideal" --feed "$feed" --portal "$portal" --journal "$DIR/ideal.db" --in-flight "$3" \
        --batch "${4:-1}" || die "the ideal did not deliver $2 lines"
    portal_down
}
# Runs two functions, the first one first in odd rounds; their JSON in $base and $mine.
both() { # BASELINE_FUNCTION DAEMON_FUNCTION
    if [ $((ROUND % 2)) -eq 1 ]; then
        base=$("$1") || exit 1
        mine=$("$2") || exit 1
    else
        mine=$("$2") || exit 1
        base=$("$1") || exit 1
    fi
}
# A baseline that leaves less behind than the daemon would be no baseline. The same in every round, so looked at in one.
same_rows() { # BASELINE.db MEASURED.db
    [ "$ROUND" -gt 1 ] || test/bench/same_rows.sh "$@" || die "the journals of baseline and daemon differ"
}
rate() { calc "$1 / $(field seconds <<< "$2")"; } # N JSON

rm -rf "$DIR"
mkdir -p "$DIR"
DIR=$(cd "$DIR" && pwd)
