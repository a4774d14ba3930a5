# What every run with a daemon has (lib.sh, bench/lib.sh): sourced, not run. Before: DIR is the run's folder.
# shellcheck shell=bash

wait_file() { # FILE PID: until the file holds something
    for _ in $(seq 1200); do
        [ -s "$1" ] && return 0
        kill -0 "$2" 2> /dev/null || return 1
        sleep 0.05
    done
    return 1
}
# The head of a configuration to standard output: places, maps, and the section portal with the lines given.
conf_head() { # ADAPTER_URL IN_FLIGHT [LINES]
    cat << CONF
state_dir = "$DIR/state"
status_socket = "$DIR/status.sock"
control_socket = "$DIR/control.sock"
log_level = "notice"
maps { status = "maps/status.csv" procedure = "maps/procedure.csv" agency = "maps/agency.csv" }
portal {
    adapter_url = "$1"
    agency_code = "H56"
    dstcode = "VN:GOV:000.00.00.G22:vpcpdvcqg"
    username = "demo"
    password_file = "$DIR/portal.password"
    allow_plaintext = yes
    max_in_flight = $2
    ${3:-}
}
CONF
}
