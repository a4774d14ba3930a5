#!/bin/bash
# The journal alone, appending and finishing in groups of 500, as a share of bare SQLite with the same tables; and what such
# a group takes of commits and syncs, counted beside what the design says.
. "$(dirname "$0")/lib.sh" "$@"

speed() { # journal|bare
    "$BIN/journal" speed "$1" "$DIR/$1.db" "$STEPS_N" || die "speed $1"
}
bare() { speed bare; }
journal() { speed journal; }
both bare journal
same_rows "$DIR/bare.db" "$DIR/journal.db"
say journal "$(rate "$STEPS_N" "$base")" "$(rate "$STEPS_N" "$mine")"

# What 2,000 more dossiers take, so that start and stop are nobody's. By the design a group of 500 is one commit, its two
# claims of 250 and their answers two each, and the claim that finds nothing is one that writes nothing; each of the
# others is one sync. A checkpoint syncs the log and the file, and the log that begins anew its head.
counted() { # COUNT: its batches, checkpoints and syncs
    local told
    told=$(LD_PRELOAD="$(cd "$BIN" && pwd)/preload.so" BENCH_OUT="$DIR/told" "$BIN/journal" speed journal "$DIR/counted-$1.db" "$1") ||
        die "counted $1"
    echo "$(field batches <<< "$told") $(field checkpoints <<< "$told") $(field syncs < "$DIR/told")"
}
read -r batches_0 checkpoints_0 syncs_0 <<< "$(counted 1000)"
read -r batches checkpoints syncs <<< "$(counted 3000)"
groups=4 checkpoints=$((checkpoints - checkpoints_0))
say commits-grouped "$(calc "$groups * (1 + 2 * 2 + 1) / 2")" "$(calc "($batches - $batches_0) / 2")"
say syncs-grouped "$(calc "($groups * (1 + 2 * 2) + 3 * $checkpoints) / 2")" "$(calc "($syncs - $syncs_0) / 2")"
