#!/bin/bash
# One preset end to end: the sandbox province plays the product, the daemon reads it with conf/presets/NAME.preset
# (bridge-array: the product pushes at the daemon's gateway, and the daemon sends through a bridge) and writes to the
# sandbox portal; the oracle compares. Prints one line; --verbose the progress and the oracle's own words too.
#
#   test/presets.sh [--verbose] NAME [DOSSIERS]
#   SEED=n CHANGES=n QUIRKS=yes|no    quirks: doubled rows, lost acknowledgements, bursts of 500, short tokens, 429
#   KILLS=n                           kill -9 so often meanwhile, and the portal loses answers and fails in bursts
set -u -o pipefail
cd "$(dirname "$0")/.."

verbose=no
[ "${1:-}" = --verbose ] && { verbose=yes; shift; }
NAME=${1:-}
DOSSIERS=${2:-${DOSSIERS:-5000}}
SEED=${SEED:-1}
QUIRKS=${QUIRKS:-yes}
case "$NAME" in
igate-connector | igate-search | vpcp-shape | lgsp-hcm | ngsp-justice | oep-soap | bridge-array) ;;
*) echo "usage: test/presets.sh [--verbose] igate-connector|igate-search|vpcp-shape|lgsp-hcm|ngsp-justice|oep-soap|bridge-array [DOSSIERS]" >&2; exit 64 ;;
esac
KILLS=${KILLS:-0}
for n in "$DOSSIERS" "$SEED" "$KILLS"; do
    case "$n" in '' | *[!0-9]*) echo "DOSSIERS, SEED and KILLS are whole numbers, not '$n'" >&2; exit 64 ;; esac
done
CHANGES=${CHANGES:-$((DOSSIERS / 10))}
BUILD=${BUILD:-build}
DIR=${PRESET_DIR:-$BUILD/preset-$NAME}
RUN="preset $NAME"
daemon=$BUILD/dvcsyncd
. test/lib.sh
[ "$verbose" = yes ] || { progress() { :; }; }
make_dir

quirks=()
if [ "$QUIRKS" = yes ]; then
    quirks=(--knob duplicate_rows_percent=2 --knob ack_lost_percent=5 --knob burst_every=101 --knob burst_calls=2
        --knob token_life_s=10 --knob limit_every=150)
fi
# A wire that has not the fields which the portal insists on: the province's agreement with the portal says so.
required=basic
case "$NAME" in igate-connector | igate-search | ngsp-justice | oep-soap) required=none ;; esac
faults=()
if [ "$KILLS" -gt 0 ]; then
    faults=(--knob drop_after_commit_percent=5 --knob lookup_fail_percent=10 --knob burst_every=400
        --knob burst_calls=8 --knob burst_status=500)
fi
start_portal --catalog test/data/procedures.csv --knob "required_fields=$required" "${faults[@]}"
start_province --catalog test/data/procedures.csv --product "$NAME" --rate $((CHANGES / 4 + 1)) "${quirks[@]}"

# What each product needs beside its preset.
source_keys() {
    poll_every=300ms slow_sweep_every=$((3 + DOSSIERS / 1000))s
    case "$NAME" in
    igate-connector) params='' ;;
    igate-search) params="\"sso=$province/$NAME\"" ;;
    vpcp-shape) params='' ;;
    lgsp-hcm) params='"app_name=dvcsync", "partner_code=H56"' poll_every=3s slow_sweep_every=1m ;; # it reads all days each time
    ngsp-justice) params='' ;;
    oep-soap) params='"agency=000.00.00.H56"' ;;
    esac
    cat <<CONF
    profile = "mapped"
    preset = "$PWD/conf/presets/$NAME.preset"
    url = "$province/$NAME"
    username = "demo"
    password_file = "$DIR/onestop.password"
    allow_plaintext = yes
    page_size = 200
    max_in_flight = 16
    poll_every = $poll_every
    sweep_every = $((2 + DOSSIERS / 2000))s
    slow_sweep_every = $slow_sweep_every
    test_agencies = { "H56.99" }
CONF
    [ -z "$params" ] || echo "    params = { $params }"
    case "$NAME" in
    igate-search) echo "    status_map = \"$PWD/conf/presets/igate-status.csv\"" ;;
    ngsp-justice) echo "    status_map = \"$PWD/conf/presets/ngsp-status.csv\"" ;;
    esac
}
gateway_keys() {
    cat <<CONF
    profile = "gateway"
    listen = "127.0.0.1:$gateway_port"
    answer_timeout = 2s
    national_status = yes
CONF
}
transport='' gateway_port=''
if [ "$NAME" = bridge-array ]; then
    gateway_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    transport='transport = "bridge" batch = 50'
    adapter=$portal/api/SynsTTHCC
    keys=$(gateway_keys)
else
    adapter=$portal/forward
    keys=$(source_keys)
fi
conf_head "$adapter" 16 "request_timeout = 10s
    $transport" > "$DIR/dvcsyncd.conf"
cat >> "$DIR/dvcsyncd.conf" <<CONF
source onestop {
$keys
}
flow dossiers { from = "onestop" to = "portal" mode = "live" start_from = "$(date -d '-32 days' +%F)" }
retry { first = 50ms cap = 500ms give_up_after = 5d }
CONF

start_daemon
if [ "$NAME" = bridge-array ]; then
    http_post "$province/_sandbox/knobs" "{\"push_url\":\"http://127.0.0.1:$gateway_port/api/SynsTTHCC\"}" ||
        die "a knob was refused"
fi
# The reader has got the last version of every dossier that the product shows.
behind() { http_get "$province/_sandbox/stats" | python3 -c '
import json, sys
print(json.load(sys.stdin)["products"][sys.argv[1]]["behind"])' "$NAME"; }
caught_up() { province_finished && [ "$(behind)" = 0 ]; }
accepted() { http_get "$portal/_sandbox/stats" | python3 -c 'import json, sys; print(json.load(sys.stdin)["requests"])'; }
# Twice idle, with a while and no call to the portal between.
settled() {
    local before
    ctl wait --until idle --timeout 1s > /dev/null 2>&1 || return 1
    before=$(accepted)
    sleep 0.7
    [ "$(accepted)" = "$before" ] && ctl wait --until idle --timeout 1s > /dev/null 2>&1
}
RANDOM=$SEED
for _ in $(seq "$KILLS"); do
    sleep "0.$((RANDOM % 700 + 200))"
    kill -9 "$daemon_pid" 2> /dev/null
    wait "$daemon_pid" 2> /dev/null
    start_daemon
done
wait_for $((60 + DOSSIERS / 10)) "the reader to catch up" caught_up
[ "$verbose" = no ] || echo "caught up after $((SECONDS - started)) s"
wait_for $((60 + DOSSIERS / 10)) "everything to be delivered" settled
note_peak
[ "$verbose" = yes ] && { progress; say_done; echo "peak RSS of the daemon: $((peak / 1024)) MB"; }
stop_daemon
seconds=$((SECONDS - started))
"$BUILD/dvcsync-sandbox" verify --ledger "$DIR/ledger.jsonl" --province "$province" --portal "$portal" \
    --journal "$DIR/state/journal.db" --product "$NAME" > "$DIR/verdict.txt" 2>&1
code=$?
if [ "$code" -ne 0 ] || [ "$verbose" = yes ]; then
    head -n -1 "$DIR/verdict.txt" >&2
fi
[ "$code" -le 1 ] || die "the oracle could not judge"
tail -n 1 "$DIR/verdict.txt" | sed -n \
    "s/^$NAME: procedures [^ ]* \(dossiers .*\) consistent .*/preset $NAME: \1 seconds $seconds/p"
exit "$code"
