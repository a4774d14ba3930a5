#!/bin/bash
# Throughput and memory over the number of dossiers, over the portal's answer time, and over how many are in flight: points
# of curves for report.html, CURVE<TAB>X<TAB>Y. In the first round only; no bars.
. "$(dirname "$0")/lib.sh" "$@"

[ "$ROUND" -eq 1 ] || exit 0
point() { # LATENCY_MS N IN_FLIGHT: sets rate and rss
    local told
    feed_up "$RECORDS" "$2"
    told=$(run_daemon "$1" "$2" "$3") || exit 1
    end_pids "$feed_pid"
    feed_pid=''
    rate=$(rate "$2" "$told") rss=$(calc "$(field max_rss_kb <<< "$told") / 1024")
}
for part in 16 4 2 1; do
    n=$((MONTH / part / 2))
    point 0 $n 16
    say "curve: dossiers/s over dossiers" $n "$rate"
    say "curve: peak RSS (MB) over dossiers" $n "$rss"
done
for ms in 0 10 20 50; do
    point $ms "$((MONTH_50 / 2))" 16
    say "curve: dossiers/s over the portal's answer time (ms), 16 in flight" $ms "$rate"
done
for in_flight in 1 4 16 64; do
    n=$((in_flight * 100)) # two seconds each, were all slots always full
    point 20 "$((n < MONTH ? n : MONTH))" $in_flight
    say "curve: dossiers/s over calls in flight, portal in 20 ms" $in_flight "$rate"
done
say curve-points - 12
