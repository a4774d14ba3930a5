#!/bin/bash
# The status socket while a portal that answers in 50 ms is caught up with: requests a second on four kept connections,
# and what 1,000 requests a second take from the sync.
. "$(dirname "$0")/lib.sh" "$@"

# Dossiers a second of the portal's ledger while a command runs.
rate_during() { # COMMAND...
    local before after begun ended
    before=$(wc -l < "$DIR/ledger") begun=$(date +%s%N)
    "$@" > "$DIR/asked" || die "$*"
    after=$(wc -l < "$DIR/ledger") ended=$(date +%s%N)
    calc "($after - $before) * 1e9 / ($ended - $begun)"
}
# The sync must outlast what is asked, at 300 dossiers a second.
ask_s=$((MONTH / 1500 < ASK_S ? MONTH / 1500 : ASK_S))
ask_s=$((ask_s > 1 ? ask_s : 1))
feed_up "$RECORDS" "$MONTH"
portal_up 50
daemon_conf 16
begin "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" > /dev/null 2> "$DIR/daemon.log" &
other_pids=$!
sleep 3 # until the calls flow
ask() { "$BIN/ask" --socket "$DIR/status.sock" --seconds "$ask_s" "$@"; }
[ "$(wc -l < "$DIR/ledger")" -gt 100 ] || die "the daemon does not deliver"
quiet() { rate_during sleep "$ask_s"; }
asked() { rate_during ask --rate 1000; }
both quiet asked
say status-loss "$base" "$mine"
rate_during ask > /dev/null
say status-rate - "$(field per_second < "$DIR/asked")"
[ "$(wc -l < "$DIR/ledger")" -lt "$MONTH" ] || die "the sync was over too early: MONTH is too small"
