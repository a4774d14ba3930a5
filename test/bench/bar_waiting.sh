#!/bin/bash
# A journal in which a million dossiers wait: the start until READY, and the memory that delivering takes, against the
# memory of a catch-up that begins with nothing.
. "$(dirname "$0")/lib.sh" "$@"

full=$BUILD/bench/data/waiting-$WAITING
if [ ! -f "$full/journal.db" ]; then
    rm -rf "$full" "$full.part"
    mkdir -p "$full.part"
    "$BIN/journal" waiting "$full.part/journal.db" "$WAITING" > /dev/null || die "the journal was not filled"
    mv "$full.part" "$full"
fi
feed_up "$RECORDS" "$STEPS_N"
mine=$(run_daemon 0 "$STEPS_N" 16) || exit 1
say rss-base - "$(calc "$(field max_rss_kb <<< "$mine") / 1024")"
base=$mine
end_pids "$feed_pid"
feed_pid='' feed=http://127.0.0.1:1

portal_up 0
daemon_conf 16
cp --reflink=auto "$full"/* "$DIR/state/"
sync -f "$DIR/state/journal.db" # what was copied is not what is timed
cat "$DIR/state/journal.db" > /dev/null
# What was copied is checked before READY, as after a kill; what a stop has left, beside the work.
checked=$(measure 0 --stop -- "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf") || die "the daemon was not ready"
start=$(measure 0 --stop -- "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf") || die "the daemon was not ready again"
portal_down
say start-checked - "$(field ready_s <<< "$checked")"
say start-waiting - "$(field ready_s <<< "$start")"

portal_up 0
sed -i "s,adapter_url = .*,adapter_url = \"$portal/forward\"," "$DIR/dvcsyncd.conf"
rm -rf "$DIR/state" && mkdir "$DIR/state" && cp --reflink=auto "$full"/* "$DIR/state/"
mine=$(measure "$STEPS_N" --stop -- "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf") || die "the daemon did not deliver"
portal_down
say rss-waiting - "$(calc "$(field max_rss_kb <<< "$mine") / 1024")"
say rss-equal "$(field max_rss_kb <<< "$base")" "$(field max_rss_kb <<< "$mine")"
