#!/bin/bash
# A long XML list through a preset, as a share of a bare reader that expands each record, and of bare SAX2.
. "$(dirname "$0")/lib.sh" "$@"

xml() { "$BIN/xml" "$1" --records "$RECORDS" --preset test/bench/feed-xml.preset --megabytes "$XML_MB" || die "xml $1"; }
speed() { calc "$(field bytes <<< "$1") / 1e6 / $(field seconds <<< "$1")"; }
expand() { xml expand; }
preset() { xml preset; }
both expand preset
sax2=$(xml sax2) || exit 1
say xml-expand "$(speed "$base")" "$(speed "$mine")"
say xml-sax2 "$(speed "$sax2")" "$(speed "$mine")"
