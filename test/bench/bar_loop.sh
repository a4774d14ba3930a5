#!/bin/bash
# How long the loop stays away from its sockets during catch-up (preload.c), and what a delivered dossier takes of the
# portal and of the disk, counted: these figures need no clock, and a regression shows in any round.
. "$(dirname "$0")/lib.sh" "$@"

metric() { awk -v name="$1" '$1 == name { print $2 }' "$DIR/metrics"; }
# The daemon under the preload until the ledger has so many lines (0: until it is ready); sets the three counts.
counted() { # LINES
    daemon_conf 16
    measure "$1" --then "curl -s -m 10 --unix-socket '$DIR/status.sock' http://localhost/metrics > '$DIR/metrics'" --stop -- \
        /usr/bin/env LD_PRELOAD="$(cd "$BIN" && pwd)/preload.so" BENCH_OUT="$DIR/told" "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" \
        > /dev/null || die "the daemon did not deliver $1 lines"
    told=$(cat "$DIR/told")
    commits=$(metric dvcsync_journal_batches_total)
    checkpoints=$(metric dvcsync_journal_checkpoints_total)
    syncs=$(field syncs <<< "$told")
}
feed_up "$RECORDS" "$STEPS_N"
# A start and a stop alone, nothing to read.
real_feed=$feed feed=http://127.0.0.1:1
portal_up 0
counted 0
commits_0=$commits checkpoints_0=$checkpoints syncs_0=$syncs
feed=$real_feed
counted "$STEPS_N"
writing=$(curl -s -m 10 "$portal/_sandbox/stats" | field writing_calls)
portal_down
say loop-lag - "$(field turn_p999_ms <<< "$told")"
say loop-longest - "$(field turn_longest_ms <<< "$told")"
say calls-exact "$STEPS_N" "$writing"
say commits-per-1000 - "$(calc "($commits - $commits_0) * 1000 / $STEPS_N")"
# The design: one sync a commit; a checkpoint syncs the log and the file, and the log that begins anew its head.
say syncs "$((commits - commits_0 + 3 * (checkpoints - checkpoints_0)))" "$((syncs - syncs_0))"
say syncs-per-1000 - "$(calc "($syncs - $syncs_0) * 1000 / $STEPS_N")"
