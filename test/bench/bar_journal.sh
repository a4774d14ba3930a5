#!/bin/bash
# The journal alone, appending and finishing in groups of 500, as a share of bare SQLite with the same tables.
. "$(dirname "$0")/lib.sh" "$@"

speed() { # journal|bare
    rm -f "$DIR"/speed.db*
    "$BIN/journal" speed "$1" "$DIR/speed.db" "$STEPS_N" || die "speed $1"
}
bare() { speed bare; }
journal() { speed journal; }
both bare journal
say journal "$(rate "$STEPS_N" "$base")" "$(rate "$STEPS_N" "$mine")"
