#!/bin/bash
# Catch-up on a disk that takes 8 ms more for each sync (preload.c), as a share of the same disk without.
. "$(dirname "$0")/lib.sh" "$@"

run() { # SYNC_MS
    portal_up 0
    daemon_conf 16
    measure "$STEPS_N" --stop -- /usr/bin/env LD_PRELOAD="$(cd "$BIN" && pwd)/preload.so" BENCH_SYNC_MS="$1" \
        "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" || die "the daemon did not deliver"
    portal_down
}
fast() { run 0; }
slow() { run 8; }
feed_up "$RECORDS" "$STEPS_N"
both fast slow
say slow-disk "$(rate "$STEPS_N" "$base")" "$(rate "$STEPS_N" "$mine")"
