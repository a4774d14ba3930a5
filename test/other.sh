# The portal's other services in the demonstration (FLOWS=all): sourced by demo.sh after lib.sh.
# shellcheck shell=bash disable=SC2154  # portal is of lib.sh

start_emc() {
    local faults=()
    [ "$FAULTS" = hard ] && faults=(--knob drop_after_commit_percent=5 --knob fail_500_percent=2 --knob ok_200_percent=1)
    "$BUILD/dvcsync-sandbox" emc --listen 127.0.0.1:0 --port-file "$DIR/emc.port" --ledger "$DIR/emc.jsonl" \
        --seed "$SEED" "${faults[@]}" > "$DIR/emc.log" 2>&1 &
    emc_pid=$!
    wait_file "$DIR/emc.port" "$emc_pid" || die "the sandbox EMC did not start"
    emc=http://127.0.0.1:$(cat "$DIR/emc.port")
}
# One complete sweep that began after the last change.
emc_swept() { [ "$(sweeps usage || echo 0)" -gt "$1" ]; }
emc_verify() {
    "$BUILD/dvcsync-sandbox" verify-emc --ledger "$DIR/emc.jsonl" --province "$province" --journal "$DIR/state/journal.db"
}
other_conf() {
    pay_port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
    cat > "$DIR/other.conf" <<CONF
source survey { profile = "spool" dir = "$DIR/survey" poll_every = 500ms }
source desk { profile = "spool" dir = "$DIR/desk" poll_every = 500ms }
source till { profile = "spool" dir = "$DIR/till" poll_every = 500ms }
source paygate {
    profile = "payments" listen = "127.0.0.1:$pay_port"
    payee_account = "1234567890" payee_bank = "VTB" payee_name = "UBND thu"
}
source measure {
    profile = "opencps" url = "$province/o/rest/v2" group_id = "20126" username = "demo"
    password_file = "$DIR/onestop.password" allow_plaintext = yes page_size = 500 max_in_flight = 8
    poll_every = 500ms sweep_every = $((3 + DOSSIERS / 4000))s slow_sweep_every = $((6 + DOSSIERS / 2000))s
    test_agencies = { "H56.99" }
}
source emc { profile = "emc" url = "$emc/emc/event" site_id = "101" allow_plaintext = yes max_in_flight = 8 }
flow usage { from = "measure" to = "emc" mode = "live" steps_in_doubt = "$STEPS_IN_DOUBT" }
flow ratings { from = "survey" to = "portal" mode = "live" }
flow questions { from = "portal" to = "desk" every = 1s mode = "live" }
flow answers { kind = "questions" from = "desk" to = "portal" mode = "live" }
flow payments { from = "paygate" to = "till" mode = "live" }
CONF
    cat "$DIR/other.conf" >> "$DIR/dvcsyncd.conf"
}

tell() { # WHAT FOLDER COUNT VERSION [--csv]
    local what=$1 folder=$2 count=$3 version=$4
    shift 4
    "$BUILD/dvcsync-sandbox" tell "$what" --dir "$DIR/$folder" --truth "$DIR/truth.jsonl" \
        --catalog test/data/procedures.csv --count "$count" --seed "$SEED" --version "$version" "$@" ||
        die "the $what could not be told"
}
# More questions and payments, and another version of what was told before, in JSON and CSV by turns.
other_tell() { # VERSION
    local form=()
    [ $(($1 % 2)) -eq 0 ] && form=(--csv)
    http_post "$portal/_sandbox/ask" '{"count":10}' || die "nothing could be asked"
    http_post "$portal/_sandbox/ask" '{"count":6,"public":true}' || die "nothing could be published"
    tell ratings survey 300 "$1" "${form[@]}"
    tell replies desk 10 "$1" "${form[@]}"
    tell questions desk 20 "$1" "${form[@]}"
    other_pay "$1"
}
# A payment that is not answered is told again until it is, as the payment platform does.
other_pay() { # TRANSACTION
    python3 - "$portal" "http://127.0.0.1:$pay_port" "$1" << 'PAY' || die "the payments were not taken"
import json, sys, time, urllib.request
portal, daemon, transaction = sys.argv[1:]
codes = [f"H56.31.25-251118-{n:04d}" for n in range(1, 21)]
for _ in range(60):
    body = {"kind": "paid", "codes": codes, "url": daemon, "transaction": transaction}
    with urllib.request.urlopen(urllib.request.Request(
            portal + "/_sandbox/push", data=json.dumps(body).encode()), timeout=300) as reply:
        answers = json.load(reply)["answers"]
    codes = [a["code"] for a in answers if a["status"] != 200]
    if not codes:
        sys.exit(0)
    time.sleep(0.5)
sys.exit(1)
PAY
}
other_taken() { ! compgen -G "$DIR/survey/in/*" > /dev/null && ! compgen -G "$DIR/desk/in/*" > /dev/null; }
other_verify() {
    mkdir -p "$DIR/given" && cp "$DIR"/desk/out/{question,public}-*.json "$DIR"/till/out/payment-*.json "$DIR/given/" &&
        "$BUILD/dvcsync-sandbox" verify-other --ledger "$DIR/ledger.jsonl" --truth "$DIR/truth.jsonl" \
            --journal "$DIR/state/journal.db" --out "$DIR/given"
}
# What was replied comes back with the question at the next look: until both sides agree.
other_agrees() { other_verify > "$DIR/other.txt" 2>&1; }
