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
# The daemon with a source that is pushed at, on $port, and what pushes; LEG_US is the baseline's.
pushed() { # gateway|publish RECORDS COUNT LEG_US SOURCE_LINES [FLOW_LINES]
    local pid
    portal_up 0
    feed=http://127.0.0.1:1 daemon_conf 16
    sed -i -e '/^source feed {/,/^}/d' -e '/^flow dossiers/d' "$DIR/dvcsyncd.conf"
    cat >> "$DIR/dvcsyncd.conf" <<CONF
source pushing { listen = "127.0.0.1:$port" $5 }
flow dossiers { from = "pushing" to = "portal" mode = "live" ${6:-} }
CONF
    begin "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" > "$DIR/daemon.log" 2>&1 &
    pid=$!
    other_pids="$other_pids $pid"
    "$BUILD/dvcsyncctl" -s "$DIR/status.sock" --control "$DIR/control.sock" wait --until ready --timeout 30s > /dev/null 2>&1 ||
        sleep 1
    "$BIN/latency" "$1" --records "$2" --portal "http://127.0.0.1:$port" --ledger "$DIR/ledger" --leg-us "$4" \
        --count "$3" || die "$1"
    end_pids "$pid"
    portal_down
}
gateway() { # LEG_US
    port=$(free_port)
    pushed gateway "$RECORDS" "$LATENCY_N" "$1" 'profile = "gateway" answer_timeout = 30s national_status = yes'
}
# OpenCPS's notices: the id alone, after which the daemon reads dossier, steps and files of the province.
publish() { # LEG_US
    local n=$((LATENCY_N / 4)) province
    port=$(free_port)
    begin "$BUILD/dvcsync-sandbox" province --listen 127.0.0.1:0 --port-file "$DIR/province.port" --dossiers "$n" --seed "$SEED" \
        --catalog test/data/procedures.csv --knob planted=0 --knob username=demo --knob password=demo-province-password \
        > "$DIR/province.log" 2>&1 &
    other_pids="$other_pids $!"
    wait_file "$DIR/province.port" $! || die "the sandbox province did not start"
    province=http://127.0.0.1:$(cat "$DIR/province.port")
    curl -sf -m 60 "$province/_sandbox/dump" | grep '"expect":"portal"' > "$DIR/dump" || die "no dump"
    (umask 077; echo demo-province-password > "$DIR/province.password"; chmod 0400 "$DIR/province.password")
    pushed publish "$DIR/dump" "$n" "$1" "profile = \"opencps\" url = \"$province/o/rest/v2\" group_id = \"20126\"
        username = \"demo\" password_file = \"$DIR/province.password\" allow_plaintext = yes
        file_url = \"$province/files/{dossierId}/{referenceUid}\" poll_every = 1h sweep_every = 1d slow_sweep_every = 1d" \
        'start_from = "2099-01-01"'
}
# The baseline tells the leg of an answer, so it always runs first.
base=$(bare) || exit 1
mine=$(gateway "$(field leg_us <<< "$base")") || exit 1
say latency-p50 "$(field p50_us <<< "$base")" "$(field p50_us <<< "$mine")"
say latency-p99 "$(field p99_us <<< "$base")" "$(field p99_us <<< "$mine")"
published=$(publish "$(field leg_us <<< "$base")") || exit 1
say publish-p50 "$(field p50_us <<< "$base")" "$(field p50_us <<< "$published")"
say publish-p99 "$(field p99_us <<< "$base")" "$(field p99_us <<< "$published")"
