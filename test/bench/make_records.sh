# The records that all read, made once by the sandbox's province and kept: sourced by bench.sh and profile.sh.
# shellcheck shell=bash

make_records() { # FILE COUNT QUERY
    local from=0 url pid port=$1.port log=$1.log
    if [ -f "$1" ] && [ "$(wc -l < "$1")" -ge "$2" ]; then
        return 0
    fi
    mkdir -p "$(dirname "$1")"
    rm -f "$port" "$1.part"
    setpriv --pdeathsig KILL -- "$BUILD/dvcsync-sandbox" province --listen 127.0.0.1:0 --port-file "$port" \
        --catalog test/data/procedures.csv --dossiers "$2" --seed "$SEED" --product vpcp-shape --knob planted=0 > "$log" 2>&1 &
    pid=$!
    wait_file "$port" $pid || { echo "the sandbox province did not start" >&2; return 1; }
    url=http://127.0.0.1:$(cat "$port")/vpcp-shape/feed
    while [ "$from" -lt "$2" ]; do
        curl -sf -m 120 "$url?from=$from&until=$((from + 5000))$3" >> "$1.part" || { echo "no records" >&2; return 1; }
        from=$((from + 5000))
    done
    kill $pid
    wait $pid 2> /dev/null
    rm -f "$port" "$log"
    mv "$1.part" "$1"
}
