#!/bin/bash
# The whole catalogue once, and again within its refresh period with nothing changed: what is asked beyond the lists.
. "$(dirname "$0")/lib.sh" "$@"

procedures=$(($(wc -l < test/data/procedures.csv) - 1))
count() { # SERVICE
    curl -s -m 10 "$portal/_sandbox/stats" | field "$1"
}
requests() { count requests; }
lists() { # calls of the services that list
    local service n=0
    for service in LayDanhSachTTHC LayDVC LayDanhMucCoQuan LayDanhMucLinhVuc; do
        n=$((n + $(count "$service")))
    done
    echo "$n"
}
portal_up 0
feed=http://127.0.0.1:1 daemon_conf 16 'catalog_rate = 0'
sed -i -e '/^source feed {/,/^}/d' -e '/^flow dossiers/d' "$DIR/dvcsyncd.conf"
echo 'flow catalog { from = "portal" at = "01:00" refresh = 1d }' >> "$DIR/dvcsyncd.conf"
begin "$BUILD/dvcsyncd" -f "$DIR/dvcsyncd.conf" > /dev/null 2> "$DIR/daemon.log" &
other_pids=$!
# Until nothing is asked for a second after all procedures were.
settle() {
    local before=-1 now end=$((SECONDS + 120))
    while now=$(requests); [ "$now" != "$before" ] || [ "$(count LayThuTuc)" -lt "$procedures" ]; do
        [ $SECONDS -lt $end ] || die "the catalogue is not read: $(count LayThuTuc) of $procedures"
        before=$now
        sleep 1
    done
}
settle
all=$(requests) listed=$(lists)
"$BUILD/dvcsyncctl" -s "$DIR/status.sock" --control "$DIR/control.sock" catalog read > /dev/null || die "catalog read was refused"
sleep 1
settle
listed=$(($(lists) - listed)) all=$(($(requests) - all))
[ "$listed" -gt 0 ] || die "nothing was read again"
say catalog-requests - "$((all - listed))"
say catalog-lists - "$listed"
