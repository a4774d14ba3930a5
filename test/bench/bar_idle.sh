#!/bin/bash
# Two changed-since sources without a row, polled every 30 s: the CPU time of one core and what reaches the disk.
. "$(dirname "$0")/lib.sh" "$@"

cpu_ns() { cat "/proc/$pid/task/"*/schedstat | awk '{ s += $1 } END { printf "%.0f\n", s }'; }
written() { sed -n 's/^write_bytes: //p' "/proc/$pid/io"; }
feed_up /dev/null 0
portal_up 0
daemon_conf 16
sed -e 's/style = offset/style = since/' -e 's/offset={offset}/since={since|yyyyMMddHHmmss}/' test/bench/feed.preset > "$DIR/since.preset"
grep -q 'style = since' "$DIR/since.preset" || die "the preset has no style"
sed -i -e '/^source feed {/,$d' "$DIR/dvcsyncd.conf"
for name in one two; do
    cat >> "$DIR/dvcsyncd.conf" <<CONF
source $name {
    profile = "mapped"
    preset = "$DIR/since.preset"
    url = "$feed"
    allow_plaintext = yes
    page_size = 500
    poll_every = 30s
    sweep_every = 1d
    slow_sweep_every = 7d
}
flow $name { kind = "dossiers" from = "$name" to = "portal" mode = "live" start_from = "2026-11-01" }
CONF
done
begin "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" > /dev/null 2> "$DIR/daemon.log" &
pid=$!
other_pids=$pid
sleep 10 # the first reading, and what a start writes
kill -0 "$pid" || die "the daemon ended"
cpu_0=$(cpu_ns) written_0=$(written) asked_0=$(curl -s -m 10 "$feed/stats" | field requests)
sleep "$IDLE_S"
say idle-cpu - "$(calc "($(cpu_ns) - $cpu_0) / 1e7 / $IDLE_S")"
say idle-writes - "$(($(written) - written_0))"
asked=$(($(curl -s -m 10 "$feed/stats" | field requests) - asked_0))
[ "$asked" -gt 0 ] || die "the sources were not polled"
