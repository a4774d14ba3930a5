#!/bin/bash
# make fuzz-cover: how much of each parser the corpus in the tree, and what the last `make fuzz` kept,
# go through. Exit 1 when a parser is under the bar. lib/http/client_easy.c and daemon/ctl_http.c are
# fuzzed too, but most of them is sockets.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
bar=85
parsers=(
    lib/base/csv.c lib/base/text.c lib/codec/json.c lib/codec/json_front.c lib/codec/json_keys.c lib/codec/json_feed.c
    lib/codec/xml.c lib/codec/xml_gate.c lib/codec/xml_feed.c lib/codec/record.c lib/codec/record_read.c
    lib/codec/record_merge.c lib/domain/codes.c lib/domain/vntime.c lib/domain/map.c lib/domain/map_read.c
    lib/config/config_scan.c lib/config/config_parse.c lib/config/config_value.c lib/config/preset_parse.c
    lib/config/preset_field.c lib/config/preset_value.c lib/config/preset_template.c
    lib/adapter/portal_reply.c lib/adapter/portal_procedure.c lib/adapter/portal_catalog.c lib/adapter/portal_intake.c
    lib/adapter/national_fields.c lib/adapter/gateway_request.c lib/adapter/gateway_read.c lib/adapter/intake_read.c
    lib/adapter/mapping.c lib/adapter/mapping_record.c lib/adapter/mapping_convert.c lib/adapter/mapped_page.c
    lib/adapter/opencps_doc.c lib/adapter/opencps_field.c lib/adapter/opencps_read.c lib/adapter/opencps_records.c
    lib/adapter/opencps_service.c lib/adapter/spool_read.c lib/adapter/spool_split.c lib/adapter/spool_xml.c
    lib/adapter/spool_zip.c lib/journal/sqlite_open.c daemon/status_order.c
)
find "$build/fuzz-cover" -name '*.gcda' -delete
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
for target in test/fuzz/fuzz_*.c; do
    name=$(basename "$target" .c)
    name=${name#fuzz_}
    inputs=()
    for folder in "test/fuzz/corpus/$name" "$build/fuzz/work/$name"; do
        [ ! -d "$folder" ] || inputs+=("$folder")
    done
    timeout 600 "$build/fuzz-cover/fuzz_$name" "${inputs[@]}" > "$TMPDIR/log" 2>&1 || {
        tail -n 5 "$TMPDIR/log"
        echo "fuzz-cover: fuzz_$name failed"
        exit 1
    }
done
filters=()
for parser in "${parsers[@]}"; do
    filters+=(--filter "$parser")
done
gcovr --root . "${filters[@]}" --object-directory "$build/fuzz-cover" --exclude-throw-branches \
    --csv "$TMPDIR/cover.csv" "$build/fuzz-cover/obj" > /dev/null
awk -F, -v bar="$bar" -v wanted="${#parsers[@]}" 'NR > 1 {
        percent = $2 > 0 ? 100 * $3 / $2 : 100
        printf "  %-34s %5d lines  %5.1f %%%s\n", $1, $2, percent, percent < bar ? "  under the bar" : ""
        lines += $2; covered += $3; n++; low += percent < bar
    }
    END {
        printf "fuzz-cover: parsers %d lines %.1f %% under %d %%: %d\n", n, 100 * covered / lines, bar, low
        exit low > 0 || n != wanted
    }' "$TMPDIR/cover.csv"
