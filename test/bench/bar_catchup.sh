#!/bin/bash
# Catch-up of a month, one call a dossier, 16 in flight, the portal answering at once and in 50 ms, as a share of the
# ideal's; the CPU time and memory that it takes; and, for the record, what the wire allows without any journal.
. "$(dirname "$0")/lib.sh" "$@"

one() { # LATENCY_MS N
    feed_up "$RECORDS" "$2"
    ideal() { run_ideal "$LATENCY" "$N" 16; }
    daemon() { run_daemon "$LATENCY" "$N" 16; }
    LATENCY=$1 N=$2
    both ideal daemon
    same_rows "$DIR/ideal.db" "$DIR/state/journal.db"
    say "catchup-$1ms" "$(rate "$2" "$base")" "$(rate "$2" "$mine")"
    if [ "$1" = 0 ]; then
        say cpu "$(calc "$(field cpu_s <<< "$base") * 100000 / $2")" "$(calc "$(field cpu_s <<< "$mine") * 100000 / $2")"
        say rss-catchup - "$(calc "$(field max_rss_kb <<< "$mine") / 1024")"
        portal_up 0
        wire=$(measure "$2" -- "$BIN/wire" --records "$RECORDS" --portal "$portal" --count "$2" --in-flight 16) || die "the wire"
        portal_down
        say ideal-of-wire "$(rate "$2" "$wire")" "$(rate "$2" "$base")"
    fi
    end_pids "$feed_pid"
    feed_pid=''
}
one 0 "$MONTH"
one 50 "$MONTH_50"
