#!/bin/bash
# Catch-up through a bridge that takes 100 dossiers a call, as a share of the ideal that sends 100 a call.
. "$(dirname "$0")/lib.sh" "$@"

feed_up "$RECORDS" "$MONTH"
ideal() { run_ideal 0 "$MONTH" 16 100; }
daemon() { ADAPTER_PATH=api/SynsTTHCC run_daemon 0 "$MONTH" 16 'transport = "bridge" batch = 100'; }
both ideal daemon
same_rows "$DIR/ideal.db" "$DIR/state/journal.db"
say bridge "$(rate "$MONTH" "$base")" "$(rate "$MONTH" "$mine")"
