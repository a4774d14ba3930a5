# What the runs of test/ share (demo.sh, presets.sh): sourced, not run. Before: RUN names the run in
# messages, BUILD, DIR (its folder), daemon (the binary).
# shellcheck shell=bash

. test/conf.sh
portal_pid='' province_pid='' emc_pid='' daemon_pid='' started=$SECONDS peak=0

ctl() { "$BUILD/dvcsyncctl" -s "$DIR/status.sock" --control "$DIR/control.sock" "$@"; }

# An empty folder for the run; one that is not of a run stays as it is.
make_dir() {
    if [ -d "$DIR" ]; then
        [ -f "$DIR/.demo" ] || { echo "$DIR exists and is not of a run" >&2; exit 1; }
        rm -rf "$DIR"
    fi
    mkdir -p "$DIR/state" "$DIR/maps"
    touch "$DIR/.demo"
    DIR=$(cd "$DIR" && pwd)
    cp conf/maps/*.csv "$DIR/maps/"
    (umask 077; echo demo-portal-password > "$DIR/portal.password"; echo demo-province-password > "$DIR/onestop.password")
    chmod 0400 "$DIR"/*.password
}

# Ends what this script started, and only that.
finish() {
    for pid in $daemon_pid $portal_pid $province_pid $emc_pid; do
        kill "$pid" 2> /dev/null && wait "$pid" 2> /dev/null
    done
}
trap finish EXIT
trap 'exit 130' INT TERM

die() { echo "$RUN: $*" >&2; tail -n 5 "$DIR"/*.log >&2; exit 1; }
if [ -t 1 ]; then
    say() { printf '\r\033[K%s' "$*"; }
    say_done() { printf '\r\033[K'; }
else
    last_said=-10
    say() { [ $((SECONDS - last_said)) -ge 5 ] && { last_said=$SECONDS; echo "$*"; }; return 0; }
    say_done() { :; }
fi

# Both ends, on free ports; $portal and $province are their addresses afterwards.
start_portal() { # further arguments
    "$BUILD/dvcsync-sandbox" portal --listen 127.0.0.1:0 --port-file "$DIR/portal.port" --ledger "$DIR/ledger.jsonl" \
        --seed "$SEED" --knob username=demo --knob password=demo-portal-password "$@" > "$DIR/portal.log" 2>&1 &
    portal_pid=$!
    wait_file "$DIR/portal.port" "$portal_pid" || die "the sandbox portal did not start"
    portal=http://127.0.0.1:$(cat "$DIR/portal.port")
}
start_province() { # further arguments
    "$BUILD/dvcsync-sandbox" province --listen 127.0.0.1:0 --port-file "$DIR/province.port" \
        --dossiers "$DOSSIERS" --seed "$SEED" --changes "$CHANGES" \
        --knob username=demo --knob password=demo-province-password "$@" > "$DIR/province.log" 2>&1 &
    province_pid=$!
    wait_file "$DIR/province.port" "$province_pid" || die "the sandbox province did not start"
    province=http://127.0.0.1:$(cat "$DIR/province.port")
}
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
stop_daemon() {
    local code
    kill "$daemon_pid"
    wait "$daemon_pid"
    code=$?
    daemon_pid=''
    [ "$code" -eq 0 ] || die "the daemon stopped with $code"
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
note_peak() { local kb; kb=$(peak_kb "$daemon_pid"); [ "${kb:-0}" -gt "$peak" ] && peak=$kb; return 0; }
province_finished() { http_get "$province/_sandbox/stats" | grep -q '"finished": *true'; }
http_post() { python3 -c 'import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=sys.argv[2].encode()), timeout=30).read()' "$1" "$2"; }
http_get() { python3 -c 'import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=30).read().decode())' "$1"; }
sweeps() { # [FLOW]
    ctl status --json 2> /dev/null | python3 -c '
import json, sys
print(next(f["full_sweeps"] for f in json.load(sys.stdin)["flows"] if f["name"] == sys.argv[1]))' "${1:-dossiers}"; }
# Until the condition (a command) holds, while the daemon lives.
wait_for() { # SECONDS WHAT COMMAND...
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        note_peak
        progress
        kill -0 "$daemon_pid" 2> /dev/null || die "the daemon ended"
        [ $SECONDS -lt $end ] || { ctl status >&2; die "waited in vain: $what"; }
        sleep 0.2
    done
}
