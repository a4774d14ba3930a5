#!/bin/bash
# The demonstration: sandbox portal, sandbox province and the daemon between them; synchronises, then lets the
# oracle compare. Its last line is the oracle's. With "run" as argument it leaves the three running.
#
#   DOSSIERS=n SEED=n FAULTS=none|hard    KILLS=n (of hard, 50)
#   STEP_DEDUPE=on|off STEPS_IN_DOUBT=resend|ask LOSING=no|yes TAMPER=n    for the tests of the oracle
set -u -o pipefail
cd "$(dirname "$0")/.."

DOSSIERS=${DOSSIERS:-10000}
SEED=${SEED:-1}
FAULTS=${FAULTS:-none}
KILLS=${KILLS:-50}
STEP_DEDUPE=${STEP_DEDUPE:-on}
STEPS_IN_DOUBT=${STEPS_IN_DOUBT:-resend}
LOSING=${LOSING:-no}
TAMPER=${TAMPER:-0}
CHANGES=${CHANGES:-$((DOSSIERS / 10))}
BUILD=${BUILD:-build}
DIR=${DEMO_DIR:-$BUILD/demo}
MODE=${1:-demo}

case "$FAULTS" in none | hard) ;; *) echo "FAULTS is none or hard, not '$FAULTS'" >&2; exit 64 ;; esac
for n in "$DOSSIERS" "$SEED" "$KILLS"; do
    case "$n" in '' | *[!0-9]*) echo "DOSSIERS, SEED and KILLS are whole numbers, not '$n'" >&2; exit 64 ;; esac
done
daemon=$BUILD/dvcsyncd
[ "$LOSING" = yes ] && daemon=$BUILD/dvcsyncd-losing
ctl() { "$BUILD/dvcsyncctl" -s "$DIR/status.sock" --control "$DIR/control.sock" "$@"; }

if [ -d "$DIR" ]; then
    [ -f "$DIR/.demo" ] || { echo "$DIR exists and is not of this demonstration" >&2; exit 1; }
    rm -rf "$DIR"
fi
mkdir -p "$DIR/state" "$DIR/maps"
touch "$DIR/.demo"
DIR=$(cd "$DIR" && pwd)
cp conf/maps/*.csv "$DIR/maps/"
(umask 077; echo demo-portal-password > "$DIR/portal.password"; echo demo-province-password > "$DIR/onestop.password")
chmod 0400 "$DIR"/*.password

portal_pid='' province_pid='' daemon_pid='' started=$SECONDS
# Ends what this script started, and only that.
finish() {
    for pid in $daemon_pid $portal_pid $province_pid; do
        kill "$pid" 2> /dev/null && wait "$pid" 2> /dev/null
    done
}
trap finish EXIT
trap 'exit 130' INT TERM

die() { echo "demo: $*" >&2; tail -n 5 "$DIR"/*.log >&2; exit 1; }
wait_file() { # FILE PID: until the file holds something
    for _ in $(seq 600); do
        [ -s "$1" ] && return 0
        kill -0 "$2" 2> /dev/null || return 1
        sleep 0.05
    done
    return 1
}
if [ -t 1 ]; then
    say() { printf '\r\033[K%s' "$*"; }
    say_done() { printf '\r\033[K'; }
else
    last_said=-10
    say() { [ $((SECONDS - last_said)) -ge 5 ] && { last_said=$SECONDS; echo "$*"; }; return 0; }
    say_done() { :; }
fi

knobs=(--knob "step_dedupe=$STEP_DEDUPE" --knob username=demo --knob password=demo-portal-password)
if [ "$FAULTS" = hard ]; then
    knobs+=(--knob drop_after_commit_percent=5 --knob session_calls=50 --knob lookup_fail_percent=10
        --knob duplicate_code=mix --knob burst_every=400 --knob burst_calls=8 --knob burst_status=500
        --knob retry_after_s=1)
fi
details=()
if [ -f ../shared/data/procedures.jsonl.xz ] && command -v xz > /dev/null; then
    xz -dc ../shared/data/procedures.jsonl.xz > "$DIR/procedures.jsonl" &&
        details=(--details "$DIR/procedures.jsonl")
fi
[ ${#details[@]} -gt 0 ] || echo "procedure details: generated (the collected texts are not here)"

"$BUILD/dvcsync-sandbox" portal --listen 127.0.0.1:0 --port-file "$DIR/portal.port" --ledger "$DIR/ledger.jsonl" \
    --catalog test/data/procedures.csv "${details[@]}" --seed "$SEED" "${knobs[@]}" > "$DIR/portal.log" 2>&1 &
portal_pid=$!
"$BUILD/dvcsync-sandbox" province --listen 127.0.0.1:0 --port-file "$DIR/province.port" \
    --catalog test/data/procedures.csv --dossiers "$DOSSIERS" --seed "$SEED" --changes "$CHANGES" \
    --rate $((CHANGES / 12 + 1)) --knob username=demo --knob password=demo-province-password \
    > "$DIR/province.log" 2>&1 &
province_pid=$!
wait_file "$DIR/portal.port" "$portal_pid" || die "the sandbox portal did not start"
wait_file "$DIR/province.port" "$province_pid" || die "the sandbox province did not start"
portal=http://127.0.0.1:$(cat "$DIR/portal.port")
province=http://127.0.0.1:$(cat "$DIR/province.port")

cat > "$DIR/dvcsyncd.conf" <<CONF
state_dir = "$DIR/state"
status_socket = "$DIR/status.sock"
control_socket = "$DIR/control.sock"
log_level = "notice"
maps { status = "maps/status.csv" procedure = "maps/procedure.csv" agency = "maps/agency.csv" }
portal {
    adapter_url = "$portal/forward"
    agency_code = "H56"
    dstcode = "VN:GOV:000.00.00.G22:vpcpdvcqg"
    username = "demo"
    password_file = "$DIR/portal.password"
    allow_plaintext = yes
    max_in_flight = 16
    catalog_rate = 0
    seen_rate = 600
    request_timeout = 10s
}
source onestop {
    profile = "opencps"
    url = "$province/o/rest/v2"
    group_id = "20126"
    username = "demo"
    password_file = "$DIR/onestop.password"
    allow_plaintext = yes
    file_url = "$province/files/{dossierId}/{referenceUid}"
    page_size = 500
    max_in_flight = 16
    poll_every = 500ms
    sweep_every = $((3 + DOSSIERS / 4000))s
    slow_sweep_every = $((6 + DOSSIERS / 2000))s
    test_agencies = { "H56.99" }
}
flow dossiers { from = "onestop" to = "portal" mode = "live" steps_in_doubt = "$STEPS_IN_DOUBT" }
flow catalog { from = "portal" to = "onestop" at = "01:00" }
retry { first = 50ms cap = 1s give_up_after = 5d }
CONF

start_daemon() {
    "$daemon" -f "$DIR/dvcsyncd.conf" >> "$DIR/dvcsyncd.log" 2>&1 &
    daemon_pid=$!
    for _ in $(seq 400); do
        ctl wait --until ready --timeout 1s > /dev/null 2>&1 && return 0
        kill -0 "$daemon_pid" 2> /dev/null || die "the daemon did not start"
        sleep 0.05
    done
    die "the daemon did not become ready"
}
progress() {
    local status
    status=$(ctl status --json 2> /dev/null) || return 0
    say "$(printf '%3ds  %s' $((SECONDS - started)) "$(summary <<< "$status")")"
}
summary() { python3 -c '
import json, sys
s = json.load(sys.stdin)
out = []
for f in s["flows"]:
    c, t = f["counts"]["snapshots"], f["counts"]["steps"]
    out.append("%s: %d sent, %d waiting, %d held" % (f["name"], c.get("DONE", 0) + t.get("DONE", 0),
        sum(x.get(k, 0) for x in (c, t) for k in ("PENDING", "INFLIGHT", "UNSURE")), c.get("HELD", 0) + t.get("HELD", 0)))
print("   ".join(out))'; }
peak_kb() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status" 2> /dev/null; }
peak=0
note_peak() { local kb; kb=$(peak_kb "$daemon_pid"); [ "${kb:-0}" -gt "$peak" ] && peak=$kb; return 0; }
province_finished() { ctl_get "$province/_sandbox/stats" | grep -q '"finished": *true'; }
post() { python3 -c 'import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=sys.argv[2].encode()), timeout=30).read()' "$1" "$2"; }
ctl_get() { python3 -c 'import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=30).read().decode())' "$1"; }

start_daemon
if [ "$MODE" = run ]; then
    cat <<TEXT
portal    $portal   (ledger $DIR/ledger.jsonl)
province  $province
daemon    pid $daemon_pid, configuration $DIR/dvcsyncd.conf

    $BUILD/dvcsyncctl -f $DIR/dvcsyncd.conf status
    $BUILD/dvcsyncctl -f $DIR/dvcsyncd.conf queue --state held
    $BUILD/dvcsyncctl -f $DIR/dvcsyncd.conf why CODE
    curl --unix-socket $DIR/status.sock http://localhost/v1/status
    curl $portal/_sandbox/stats
End it with Ctrl-C.
TEXT
    wait "$daemon_pid"
    exit 0
fi

if [ "$FAULTS" = hard ]; then
    RANDOM=$SEED
    for kill in $(seq "$KILLS"); do
        sleep "0.$((RANDOM % 700 + 200))"
        # bursts of 500 and of 429 in turn
        post "$portal/_sandbox/knobs" "{\"burst_status\":\"$((kill % 2 ? 429 : 500))\"}" || die "a knob was refused"
        note_peak
        progress
        kill -9 "$daemon_pid" 2> /dev/null
        wait "$daemon_pid" 2> /dev/null
        start_daemon
    done
    say_done
    echo "killed with -9: $KILLS times"
fi

until province_finished; do
    note_peak
    progress
    kill -0 "$daemon_pid" 2> /dev/null || die "the daemon ended"
    sleep 0.3
done
# All changes are made: one complete sweep that began after the last of them, then everything delivered.
sweeps() { ctl status --json 2> /dev/null | python3 -c '
import json, sys
print(next(f["full_sweeps"] for f in json.load(sys.stdin)["flows"] if f["name"] == "dossiers"))'; }
before=$(sweeps)
ctl poll onestop --full > /dev/null || die "the last sweep was refused"
until [ "$(sweeps || echo 0)" -gt "$before" ]; do
    note_peak
    progress
    kill -0 "$daemon_pid" 2> /dev/null || die "the daemon ended"
    sleep 0.2
done
for _ in $(seq 3000); do
    note_peak
    progress
    ctl wait --until idle --timeout 1s > /dev/null 2>&1 && break
    kill -0 "$daemon_pid" 2> /dev/null || die "the daemon ended"
done
ctl wait --until idle --timeout 5s > /dev/null 2>&1 || { ctl status >&2; die "did not become idle"; }
progress
say_done
note_peak
ctl catalog > "$DIR/catalog.txt" 2>&1
ctl_get "$portal/_sandbox/stats" > "$DIR/portal.stats"
if [ "$TAMPER" -gt 0 ]; then
    post "$province/_sandbox/tamper" "{\"count\":$TAMPER}" || die "tampering failed"
fi
kill "$daemon_pid"
wait "$daemon_pid"
code=$?
daemon_pid=''
[ "$code" -eq 0 ] || die "the daemon stopped with $code"
echo "peak RSS of the daemon: $((peak / 1024)) MB; seconds: $((SECONDS - started))"
"$BUILD/dvcsync-sandbox" verify --ledger "$DIR/ledger.jsonl" --province "$province" --portal "$portal" \
    --journal "$DIR/state/journal.db"
