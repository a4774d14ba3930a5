#!/bin/bash
# The demonstration: sandbox portal, sandbox province and the daemon between them; synchronises, then lets the
# oracle compare. Its last line is the oracle's. With "run" as argument it leaves the three running.
#
#   DOSSIERS=n SEED=n FAULTS=none|hard    KILLS=n (of hard, 50)
#   FLOWS=core|all    all: the portal's other services too, each judged by a line of its own
#   STEP_DEDUPE=on|off STEPS_IN_DOUBT=resend|ask LOSING=no|yes TAMPER=n    for the tests of the oracle
set -u -o pipefail
cd "$(dirname "$0")/.."

DOSSIERS=${DOSSIERS:-10000}
SEED=${SEED:-1}
FAULTS=${FAULTS:-none}
KILLS=${KILLS:-50}
FLOWS=${FLOWS:-core}
STEP_DEDUPE=${STEP_DEDUPE:-on}
STEPS_IN_DOUBT=${STEPS_IN_DOUBT:-resend}
LOSING=${LOSING:-no}
TAMPER=${TAMPER:-0}
CHANGES=${CHANGES:-$((DOSSIERS / 10))}
BUILD=${BUILD:-build}
DIR=${DEMO_DIR:-$BUILD/demo}
MODE=${1:-demo}

case "$FAULTS" in none | hard) ;; *) echo "FAULTS is none or hard, not '$FAULTS'" >&2; exit 64 ;; esac
for n in "$DOSSIERS" "$SEED" "$KILLS"; do
    case "$n" in '' | *[!0-9]*) echo "DOSSIERS, SEED and KILLS are whole numbers, not '$n'" >&2; exit 64 ;; esac
done
case "$FLOWS" in core | all) ;; *) echo "FLOWS is core or all, not '$FLOWS'" >&2; exit 64 ;; esac
daemon=$BUILD/dvcsyncd
[ "$LOSING" = yes ] && daemon=$BUILD/dvcsyncd-losing
RUN=demo
. test/lib.sh
. test/other.sh
make_dir

knobs=(--knob "step_dedupe=$STEP_DEDUPE")
if [ "$FAULTS" = hard ]; then
    knobs+=(--knob drop_after_commit_percent=5 --knob session_calls=$([ "$FLOWS" = all ] && echo 500 || echo 50) --knob lookup_fail_percent=10
        --knob duplicate_code=mix --knob burst_every=400 --knob burst_calls=8 --knob burst_status=500
        --knob retry_after_s=1)
fi
details=()
if [ -f ../shared/data/procedures.jsonl.xz ] && command -v xz > /dev/null; then
    xz -dc ../shared/data/procedures.jsonl.xz > "$DIR/procedures.jsonl" &&
        details=(--details "$DIR/procedures.jsonl")
fi
[ ${#details[@]} -gt 0 ] || echo "procedure details: generated (the collected texts are not here)"

start_portal --catalog test/data/procedures.csv "${details[@]}" "${knobs[@]}"
start_province --catalog test/data/procedures.csv --rate $((CHANGES / 12 + 1))

conf_head "$portal/forward" 16 'catalog_rate = 0
    seen_rate = 600
    request_timeout = 10s' > "$DIR/dvcsyncd.conf"
cat >> "$DIR/dvcsyncd.conf" <<CONF
source onestop {
    profile = "opencps"
    url = "$province/o/rest/v2"
    group_id = "20126"
    username = "demo"
    password_file = "$DIR/onestop.password"
    allow_plaintext = yes
    file_url = "$province/files/{dossierId}/{referenceUid}"
    page_size = 500
    max_in_flight = 16
    poll_every = 500ms
    sweep_every = $((3 + DOSSIERS / 4000))s
    slow_sweep_every = $((6 + DOSSIERS / 2000))s
    test_agencies = { "H56.99" }
}
flow dossiers { from = "onestop" to = "portal" mode = "live" steps_in_doubt = "$STEPS_IN_DOUBT" }
flow catalog { from = "portal" to = "onestop" at = "01:00" }
retry { first = 50ms cap = 1s give_up_after = 5d }
CONF
[ "$FLOWS" = all ] && { start_emc; other_conf; }

start_daemon
[ "$FLOWS" = all ] && other_tell 1
if [ "$MODE" = run ]; then
    cat <<TEXT
portal    $portal   (ledger $DIR/ledger.jsonl)
province  $province
daemon    pid $daemon_pid, configuration $DIR/dvcsyncd.conf

    $BUILD/dvcsyncctl -f $DIR/dvcsyncd.conf status
    $BUILD/dvcsyncctl -f $DIR/dvcsyncd.conf queue --state held
    $BUILD/dvcsyncctl -f $DIR/dvcsyncd.conf why CODE
    curl --unix-socket $DIR/status.sock http://localhost/v1/status
    curl $portal/_sandbox/stats
End it with Ctrl-C.
TEXT
    wait "$daemon_pid"
    exit 0
fi

if [ "$FAULTS" = hard ]; then
    RANDOM=$SEED
    for kill in $(seq "$KILLS"); do
        sleep "0.$((RANDOM % 700 + 200))"
        # bursts of 500 and of 429 in turn
        http_post "$portal/_sandbox/knobs" "{\"burst_status\":\"$((kill % 2 ? 429 : 500))\"}" || die "a knob was refused"
        note_peak
        progress
        kill -9 "$daemon_pid" 2> /dev/null
        wait "$daemon_pid" 2> /dev/null
        start_daemon
        [ "$FLOWS" = all ] && other_tell $((kill + 1))
    done
    say_done
    echo "killed with -9: $KILLS times"
fi

wait_for 3600 "the life to be finished" province_finished
# All changes are made: one complete sweep that began after the last of them, then everything delivered.
before=$(sweeps)
ctl poll onestop --full > /dev/null || die "the last sweep was refused"
swept() { [ "$(sweeps || echo 0)" -gt "$before" ]; }
wait_for 3600 "a complete sweep" swept
idle() { ctl wait --until idle --timeout 1s > /dev/null 2>&1; }
[ "$FLOWS" = all ] && {
    emc_before=$(sweeps usage)
    ctl poll measure --full > /dev/null || die "the last sweep for EMC was refused"
    wait_for 3600 "a complete sweep for EMC" emc_swept "$emc_before"
}
[ "$FLOWS" = all ] && { other_tell 1000; wait_for 600 "the other services' files to be taken" other_taken
    wait_for 600 "the other services to agree" other_agrees; }
wait_for 3600 "idle" idle
progress
say_done
note_peak
ctl catalog > "$DIR/catalog.txt" 2>&1
http_get "$portal/_sandbox/stats" > "$DIR/portal.stats"
if [ "$TAMPER" -gt 0 ]; then
    http_post "$province/_sandbox/tamper" "{\"count\":$TAMPER}" || die "tampering failed"
fi
stop_daemon
echo "peak RSS of the daemon: $((peak / 1024)) MB; seconds: $((SECONDS - started))"
code=0
[ "$FLOWS" = core ] || other_verify || code=1
[ "$FLOWS" = core ] || emc_verify || code=1
"$BUILD/dvcsync-sandbox" verify --ledger "$DIR/ledger.jsonl" --province "$province" --portal "$portal" \
    --journal "$DIR/state/journal.db" || code=$?
exit $code
