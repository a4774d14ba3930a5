#!/bin/bash
# The journal alone, appending and finishing in groups of 500, as a share of bare SQLite with the same tables.
. "$(dirname "$0")/lib.sh" "$@"

speed() { # journal|bare
    "$BIN/journal" speed "$1" "$DIR/$1.db" "$STEPS_N" || die "speed $1"
}
bare() { speed bare; }
journal() { speed journal; }
both bare journal
same_rows "$DIR/bare.db" "$DIR/journal.db"
say journal "$(rate "$STEPS_N" "$base")" "$(rate "$STEPS_N" "$mine")"
