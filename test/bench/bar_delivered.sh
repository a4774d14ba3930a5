#!/bin/bash
# Catch-up with ten million delivered dossiers in the journal (bodies gone), as a share of that with ten thousand.
. "$(dirname "$0")/lib.sh" "$@"

journal_of() { # COUNT: the folder of a journal that holds them, made once
    local folder=$BUILD/bench/data/delivered-$1
    if [ ! -f "$folder/journal.db" ]; then
        rm -rf "$folder" "$folder.part"
        mkdir -p "$folder.part"
        "$BIN/journal" delivered "$folder.part/journal.db" "$1" > /dev/null || die "the journal was not filled"
        mv "$folder.part" "$folder"
    fi
    echo "$folder"
}
run() { # COUNT
    local folder
    folder=$(journal_of "$1") || exit 1
    portal_up 0
    daemon_conf 16
    cp --reflink=auto "$folder"/* "$DIR/state/"
    sync -f "$DIR/state/journal.db"
    measure "$STEPS_N" --stop -- "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" || die "the daemon did not deliver"
    portal_down
}
few() { run 10000; }
many() { run "$DELIVERED"; }
feed_up "$RECORDS" "$STEPS_N"
both few many
say delivered "$(rate "$STEPS_N" "$base")" "$(rate "$STEPS_N" "$mine")"
