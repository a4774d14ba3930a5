#!/bin/bash
# Dossiers with their steps (a call of the dossier, a call of its steps) as a multiple of the algorithm in use today,
# which makes four calls one after the other; the portal answering at once, and in 50 ms with 64 in flight.
. "$(dirname "$0")/lib.sh" "$@"

# Ledger lines of the first N records: each dossier, and each of its steps (today's algorithm sends ten at most).
lines_of() { # N MOST
    head -n "$1" "$RECORDS_STEPS" | awk -v most="$2" '{ n = gsub(/"ThoiDiemXuLy":/, ""); lines += 1 + (most && n > most ? most : n) } END { print lines }'
}
one() { # LATENCY_MS N_TODAY N_DAEMON IN_FLIGHT
    LATENCY=$1 TODAY=$2 N=$3 IN_FLIGHT=$4
    sequential() {
        portal_up "$LATENCY"
        measure "$(lines_of "$TODAY" 10)" -- "$BIN/sequential" --records "$RECORDS_STEPS" --portal "$portal" --count "$TODAY" ||
            die "sequential did not deliver"
        portal_down
    }
    daemon() {
        feed_up "$RECORDS_STEPS" "$N"
        run_daemon "$LATENCY" "$(lines_of "$N" 0)" "$IN_FLIGHT"
    }
    both sequential daemon
    end_pids "$feed_pid"
    feed_pid=''
    say "sequential-$1ms" "$(rate "$TODAY" "$base")" "$(rate "$N" "$mine")"
}
one 0 "$((STEPS_N / 10 < 200 ? 200 : STEPS_N / 10))" "$STEPS_N" 16
one 50 "$TODAY_50" "$STEPS_N" 64
