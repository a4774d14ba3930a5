#!/bin/bash
# $BUILD/bench/report.html from what table.awk left: the table, a curve of each figure over the rounds, and those of
# bar_curves.sh, drawn by gnuplot into the page itself.
set -u -o pipefail
OUT=$BUILD/bench

escape() { sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g'; }

# One SVG: the ratio of each round (the figure itself, where it has no baseline) with its median and its bar.
curve() { # KEY BAR
    local data=$OUT/curve.tsv bar line='' range=''
    awk -F'\t' -v key="$1" '$2 == key { print $1 "\t" ($3 == "-" ? $4 : $3 > 0 ? $4 / $3 : 0) }' "$OUT/rounds.tsv" > "$data"
    bar=${2##* }
    if [ -n "$bar" ]; then
        line=", $bar with lines dt 2 lc rgb \"#b03030\""
        range="low = low < $bar ? low : $bar; high = high > $bar ? high : $bar"
    fi
    gnuplot <<PLOT
set terminal svg size 320,180 dynamic font "sans-serif,10"
set title "$1" noenhanced
set key off
set grid ytics lc rgb "#dddddd"
set xtics 1
set xlabel "round"
stats "$data" using 2 nooutput
set xrange [0.5:STATS_records + 0.5]
low = STATS_min; high = STATS_max
$range
pad = (high - low) * 0.15 + high * 0.02 + 0.001
set yrange [low - pad:high + pad]
plot "$data" using 1:2 with linespoints pt 7 ps 0.6 lc rgb "#1f5fa8"$line
PLOT
}

# One SVG: the points of a curve as they were measured.
over() { # NAME
    local data=$OUT/curve.tsv
    awk -F'\t' -v name="$1" '$2 == name { print $3 "\t" $4 }' "$OUT/rounds.tsv" > "$data"
    gnuplot <<PLOT
set terminal svg size 480,240 dynamic font "sans-serif,10"
set title "${1#curve: }" noenhanced
set key off
set grid lc rgb "#dddddd"
set yrange [0:*]
plot "$data" using 1:2 with linespoints pt 7 ps 0.6 lc rgb "#1f5fa8"
PLOT
}

{
    cat <<'HEAD'
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>dvcsyncd: make bench</title>
<style>body{font:14px/1.4 sans-serif;margin:2em;max-width:75em}table{border-collapse:collapse}
td,th{padding:.2em .6em;border-bottom:1px solid #ddd;text-align:right}td:first-child,th:first-child,td:last-child,th:last-child{text-align:left}
.no{background:#fbe4e4}.curves{display:flex;flex-wrap:wrap}.curves svg{width:320px;height:180px}pre{background:#f4f4f4;padding:.6em}</style></head><body>
<h1>make bench</h1>
HEAD
    echo "<pre>$(escape < "$OUT/environment.txt")</pre>"
    echo "<table><tr><th>figure</th><th>baseline</th><th>measured</th><th>unit</th><th>median</th><th>least</th><th>most</th><th>bar</th><th>met</th><th>what</th></tr>"
    escape < "$OUT/table.tsv" | awk -F'\t' '
        function n(x) { return x == "-" ? "" : x >= 1000 ? sprintf("%.0f", x) : sprintf("%.3g", x) }
        { printf "<tr%s><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
            ($8 == 0 ? " class=\"no\"" : ""), $1, n($2), n($3), $9, n($4), n($5), n($6), $7, ($8 < 0 ? "" : $8 ? "yes" : "no"), $10 }'
    echo "</table><p>Median, least and most are of the rounds' ratios of measured to baseline, or of the figure itself where it has no baseline. Broken line: the bar.</p>"
    echo '<div class="curves">'
    while IFS=$'\t' read -r key _ _ _ _ _ bar _; do
        curve "$key" "$bar" | sed -e '1,/^<svg/{/^<svg/!d}'
    done < "$OUT/table.tsv"
    cut -f2 "$OUT/rounds.tsv" | grep '^curve: ' | awk '!seen[$0]++' | while read -r name; do
        over "$name" | sed -e '1,/^<svg/{/^<svg/!d}'
    done
    echo "</div><p>$(tail -n 1 "$OUT/table.txt")</p></body></html>"
} > "$OUT/report.html"
rm -f "$OUT/curve.tsv"
