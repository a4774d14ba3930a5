#!/bin/bash
# The shipped unit under a booted systemd: Debian 12 in a container of systemd-nspawn without a network, this build
# installed as `make install` does, and test/systemd/inside.py run by its init. Root only.
#
#   CACHE=DIR   where the root of Debian 12 is kept between runs (200 MB, made by mmdebstrap the first time)
#
# Its last line: systemd-test: N passed, N failed
set -u -o pipefail
cd "$(dirname "$0")/../.."
BUILD=${BUILD:-build}
CACHE=${CACHE:-/var/cache/dvcsync-test}
PACKAGES=systemd,systemd-sysv,dbus,python3,strace,procps,curl,sqlite3,ca-certificates,libuv1,libcurl4,libxml2,libcjson1,\
libsqlite3-0,libconfuse2,libmicrohttpd12,libutf8proc2,libsystemd0,zlib1g,openssl

die() {
    echo "systemd-test: $*" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || die "needs root (systemd-nspawn makes a container)"
base=$CACHE/bookworm
if [ ! -f "$base/.complete" ]; then
    mkdir -p "$CACHE"
    rm -rf "$base"
    echo "making $base"
    mmdebstrap --quiet --variant=minbase --include="$PACKAGES" bookworm "$base" > "$CACHE/mmdebstrap.log" 2>&1 ||
        die "mmdebstrap failed: $(tail -n 3 "$CACHE/mmdebstrap.log")"
    touch "$base/.complete"
fi

root=$(mktemp -d "${TMPDIR:-/tmp}/dvcsync-nspawn.XXXXXX") || die "no folder for the container"
trap 'rm -rf "$root"' EXIT
cp -a --reflink=auto "$base/." "$root/" || die "the root could not be copied"
make --no-print-directory install DESTDIR="$root" BUILD="$BUILD" > "$root/install.log" 2>&1 ||
    die "make install failed: $(tail -n 3 "$root/install.log")"
mkdir -p "$root/test"
install -m 0755 "$BUILD/dvcsync-sandbox" test/systemd/inside.py "$root/test/"
install -m 0644 test/data/procedures.csv test/data/agencies.csv "$root/test/"
install -m 0644 test/systemd/inside.service "$root/etc/systemd/system/"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../inside.service "$root/etc/systemd/system/multi-user.target.wants/"

timeout --kill-after=10 600 systemd-nspawn --quiet --directory="$root" --boot --private-network --register=no --keep-unit \
    --machine="dvcsync-test-$$" > "$root/console.log" 2>&1 < /dev/null
[ -f "$root/test/results" ] || {
    tail -n 30 "$root/console.log" >&2
    die "the container did not run the tests"
}
cat "$root/test/results"
tail -n 1 "$root/test/results" | grep -qE '^systemd-test: [1-9][0-9]* passed, 0 failed$'
