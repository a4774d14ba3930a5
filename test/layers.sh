#!/bin/bash
# Checks the layer rule: includes go downwards only, third-party headers stay where they are confined.
#   daemon -> sync -> adapter -> {http, codec, journal} -> config -> domain -> base
set -u
cd "$(dirname "$0")/.."
bad=0
complain() { echo "layers: $*" >&2; bad=1; }

# What each layer may include of the others; its own folder is always allowed.
may() {
    case $1 in
    base) echo base ;;
    domain) echo "domain base" ;;
    config) echo "config domain base" ;;
    http) echo "http config domain base" ;;
    codec) echo "codec config domain base" ;;
    journal) echo "journal config domain base" ;;
    adapter) echo "adapter http codec journal config domain base" ;;
    sync) echo "sync adapter http codec journal config domain base" ;;
    esac
}
for file in lib/*/*.[ch]; do
    layer=$(basename "$(dirname "$file")")
    allowed=" $(may "$layer") "
    for header in $(sed -n 's/^#include "\([a-z]*\)\/.*/\1/p' "$file" | sort -u); do
        case "$allowed" in *" $header "*) ;; *) complain "$file includes $header/" ;; esac
    done
done
# PATTERN, where it may stand (an extended regular expression on the path)
confined() {
    local hits
    hits=$(grep -lE "^#include <$1" lib/*/*.[ch] daemon/*.[ch] 2> /dev/null | grep -vE "$2")
    [ -z "$hits" ] || complain "<$1> is included by" $hits
}
confined 'uv\.h>' '^(daemon|lib/http|lib/journal)/'
confined 'curl/' '^lib/http/client'
confined 'microhttpd\.h>' '^lib/http/server(_call)?\.[ch]$'
confined 'sqlite3\.h>' '^lib/journal/'
confined 'libxml/' '^lib/codec/xml(_feed|_path|_tree)?\.c$'
confined '(cjson/)?cJSON\.h>' '^lib/codec/json\.c$'
confined 'confuse\.h>' '^lib/config/'
confined 'utf8proc\.h>' '^lib/base/'
confined 'openssl/' '^lib/base/'
confined 'systemd/' '^daemon/'
confined 'zlib\.h>' '^lib/adapter/spool_zip\.c$'
# The engine knows no wires.
for word in uv_ curl_ sqlite3_ cJSON xmlNode json_parse xml_parse; do
    hits=$(grep -l "$word" lib/sync/*.[ch] 2> /dev/null)
    [ -z "$hits" ] || complain "lib/sync uses $word:" $hits
done
# The sandbox shares nothing with lib/ beyond base.
hits=$(grep -lE '^#include "(domain|config|http|codec|journal|adapter|sync)/' test/sandbox/*.[ch] 2> /dev/null)
[ -z "$hits" ] || complain "the sandbox includes more than base:" $hits
# No SQL is put together from texts.
python3 test/sql-constant.py || complain "SQL that is not constant"
[ "$bad" -eq 0 ] && echo "layers: kept"
exit "$bad"
