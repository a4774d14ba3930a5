#!/bin/bash
# Installs those of the Debian packages in DEPS that are missing, with sudo when not root.
set -eu -o pipefail
missing=()
for package in $DEPS; do
    dpkg-query -W -f='${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
refuse() {
    echo "please install, as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
}
as=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo > /dev/null || refuse
    as=(sudo)
fi
echo "installing: ${missing[*]}"
"${as[@]}" apt-get update -qq || refuse
"${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null || refuse
