#!/bin/bash
# From a push at the daemon's gateway to the portal's acknowledgement, one dossier at a time, as a multiple of one POST
# and two commits of the journal's tables without anything around them.
. "$(dirname "$0")/lib.sh" "$@"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
bare() {
    portal_up 0
    rm -f "$DIR"/bare.db*
    "$BIN/latency" bare --records "$RECORDS" --portal "$portal" --ledger "$DIR/ledger" --journal "$DIR/bare.db" \
        --count "$LATENCY_N" || die "bare"
    portal_down
}
gateway() { # LEG_US
    local port pid
    port=$(free_port)
    portal_up 0
    feed=http://127.0.0.1:1 daemon_conf 16
    sed -i -e '/^source feed {/,/^}/d' -e '/^flow dossiers/d' "$DIR/dvcsyncd.conf"
    cat >> "$DIR/dvcsyncd.conf" <<CONF
source gate { profile = "gateway" listen = "127.0.0.1:$port" answer_timeout = 30s national_status = yes }
flow dossiers { from = "gate" to = "portal" mode = "live" }
CONF
    begin "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" > "$DIR/daemon.log" 2>&1 &
    pid=$!
    other_pids=$pid
    "$BUILD/dvcsyncctl" -s "$DIR/status.sock" --control "$DIR/control.sock" wait --until ready --timeout 30s > /dev/null 2>&1 ||
        sleep 1
    "$BIN/latency" gateway --records "$RECORDS" --portal "http://127.0.0.1:$port" --ledger "$DIR/ledger" --leg-us "$1" \
        --count "$LATENCY_N" || die "gateway"
    end_pids "$pid"
    portal_down
}
# The baseline tells the leg of an answer, so it always runs first.
base=$(bare) || exit 1
mine=$(gateway "$(field leg_us <<< "$base")") || exit 1
say latency-p50 "$(field p50_us <<< "$base")" "$(field p50_us <<< "$mine")"
say latency-p99 "$(field p99_us <<< "$base")" "$(field p99_us <<< "$mine")"
