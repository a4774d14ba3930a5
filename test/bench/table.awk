# The table of make bench from bars.txt (fields apart by |) and the rounds: ROUND KEY BASELINE MEASURED, apart by tabs.
# Writes OUT/figures.json and OUT/table.tsv too; its last line counts the bars.
function median(list, n,    i, j, t) {
    for (i = 2; i <= n; i++) {
        t = list[i]
        for (j = i - 1; j >= 1 && list[j] > t; j--) {
            list[j + 1] = list[j]
        }
        list[j + 1] = t
    }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
function short(x) {
    return x == "-" ? "-" : x >= 1000 ? sprintf("%.0f", x) : sprintf("%.3g", x)
}
FNR == NR {
    split($0, f, "|")
    order[++bars] = f[1]
    rule[f[1]] = f[3]
    unit[f[1]] = f[4]
    what[f[1]] = f[5]
    next
}
{
    split($0, f, "\t")
    if (!(f[2] in what)) {
        next
    }
    k = ++n[f[2]]
    base[f[2], k] = f[3]
    mine[f[2], k] = f[4]
    value[f[2], k] = f[3] == "-" ? f[4] : f[3] > 0 ? f[4] / f[3] : 0
}
END {
    printf "%-18s %10s %10s %8s %17s  %-8s %s\n", "figure", "baseline", "measured", "median", "(least - most)", "bar", ""
    json = out "/figures.json"
    tsv = out "/table.tsv"
    list = ""
    for (i = 1; i <= bars; i++) {
        key = order[i]
        if (!n[key]) {
            printf "%-18s not measured: %s\n", key, what[key]
            continue
        }
        for (k = 1; k <= n[key]; k++) {
            v[k] = value[key, k]
            b[k] = base[key, k]
            m[k] = mine[key, k]
        }
        mv = median(v, n[key])
        mb = b[1] == "-" ? "-" : median(b, n[key])
        mm = median(m, n[key])
        split(rule[key], r, " ")
        met = r[1] == "ge" ? mv >= r[2] : r[1] == "le" ? mv <= r[2] : r[1] == "eq" ? mv == r[2] : -1
        counted += met >= 0
        reached += met > 0
        sign = r[1] == "ge" ? ">= " r[2] : r[1] == "le" ? "<= " r[2] : r[1] == "eq" ? "= " r[2] : ""
        printf "%-18s %10s %10s %8s %17s  %-8s %s\n", key, short(mb), short(mm), short(mv),
            "(" short(v[1]) " - " short(v[n[key]]) ")", sign, met < 0 ? "" : met ? "met" : "NOT MET"
        row = sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", key, mb, mm, mv, v[1], v[n[key]], sign, met, unit[key], what[key])
        print row > tsv
        row = sprintf("{\"figure\":\"%s\",\"what\":\"%s\",\"unit\":\"%s\",\"bar\":\"%s\",\"median\":%.6g,\"least\":%.6g,\"most\":%.6g,\"met\":%s,\"rounds\":[", key, what[key], unit[key], sign, mv, v[1], v[n[key]], (met < 0 ? "null" : met ? "true" : "false"))
        for (k = 1; k <= n[key]; k++) {
            row = row (k == 1 ? "" : ",") sprintf("{\"baseline\":%s,\"measured\":%.6g}", (base[key, k] == "-" ? "null" : sprintf("%.6g", base[key, k])), mine[key, k])
        }
        list = list (list == "" ? "" : ",") "\n" row "]}"
    }
    print "{\"figures\":[" list "\n]}" > json
    printf "bench: bars %d met %d\n", counted, reached
}
