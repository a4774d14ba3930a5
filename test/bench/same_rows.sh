#!/bin/bash
# Whether two journals hold the same work: in each table the same number of rows, and in each column of it as many values
# (neither NULL nor 0 nor ""; the time of a call may be 0, and flags tell what only the daemon does: cut long texts). What
# differs goes to standard error, with exit code 1.
#
#   same_rows.sh BASELINE.db MEASURED.db
set -eu -o pipefail

shape() { # FILE: TABLE ROWS, then TABLE.COLUMN VALUES
    local table column
    for table in $(sqlite3 "$1" "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"); do
        printf "SELECT '%s rows ' || count(*)" "$table"
        for column in $(sqlite3 "$1" "SELECT name FROM pragma_table_info('$table')"); do
            case $column in
            flags) ;;
            took_ms) printf " || char(10) || '%s.%s ' || count(%s)" "$table" "$column" "$column" ;;
            *) printf " || char(10) || '%s.%s ' || count(nullif(nullif(%s, 0), ''))" "$table" "$column" "$column" ;;
            esac
        done
        printf ' FROM %s;\n' "$table"
    done | sqlite3 "$1"
}
base=$(shape "$1")
mine=$(shape "$2")
[ -n "$base" ] || exit 1
[ "$base" != "$mine" ] || exit 0
diff <(echo "$base") <(echo "$mine") | sed -n -e "s,^<,$(basename "$1"):,p" -e "s,^>,$(basename "$2"):,p" >&2
exit 1
