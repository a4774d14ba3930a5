#!/bin/bash
# Several provinces on one machine: the same number of dossiers, shared out to 1, 2, 4, 8 and 34 instances with a journal
# each, against one portal. What a dossier and what an instance costs is fitted to the CPU time of all instances.
. "$(dirname "$0")/lib.sh" "$@"

share=$((SCALE_N / 34)) # of one of 34; the others get several
total=$((share * 34))
feed_up "$RECORDS" "$total"
whole=$feed
base_dir=$DIR
run() { # INSTANCES
    local k n pids=() portal_of
    portal_up 0
    portal_of=$DIR
    for k in $(seq 0 $(($1 - 1))); do
        # The first ones get what does not divide.
        n=$((total / $1 + (k < total % $1 ? 1 : 0)))
        DIR=$base_dir/$k
        mkdir -p "$DIR"
        feed=$whole/$((total / $1 * k + (k < total % $1 ? k : total % $1)))/$n daemon_conf 16
        begin "$BIN/measure" --ledger "$portal_of/ledger" --timeout 900 --lines "$total" --stop -- \
            "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" > "$DIR/json" 2> "$DIR/run.log" &
        pids+=($!)
        other_pids="$other_pids $!"
    done
    DIR=$base_dir
    wait "${pids[@]}" || die "an instance did not end well"
    portal_down
    cat "$base_dir"/[0-9]*/json > "$base_dir/all"
    rm -rf "$base_dir"/[0-9]*
    other_pids=''
    awk -v total="$total" '{
        match($0, /"cpu_s":[0-9.]*/); cpu += substr($0, RSTART + 8, RLENGTH - 8)
        match($0, /"max_rss_kb":[0-9]*/); rss += substr($0, RSTART + 13, RLENGTH - 13)
        match($0, /"seconds":[0-9.]*/); s = substr($0, RSTART + 10, RLENGTH - 10); longest = s > longest ? s : longest
    } END { printf "%.1f %.4f %.1f\n", total / longest, cpu, rss / 1024 / NR }' "$base_dir/all"
}
for instances in 1 2 4 8 34; do
    told=$(run "$instances") || exit 1
    read -r rate cpu rss <<< "$told"
    say "scale-$instances-rate" - "$rate"
    say "scale-$instances-rss" - "$rss"
    echo "$instances $cpu"
done > "$DIR/points"
grep scale "$DIR/points"
# Least squares: CPU seconds = a + b * instances; a is the dossiers'.
grep -v scale "$DIR/points" | awk -v total="$total" '{ n++; x += $1; y += $2; xx += $1 * $1; xy += $1 * $2 }
    END { b = (n * xy - x * y) / (n * xx - x * x); a = (y - b * x) / n
          printf "scale-dossier\t-\t%.6g\nscale-instance\t-\t%.6g\n", a / total * 1e6, b * 1e3 }'
