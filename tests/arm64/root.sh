#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# root.sh FOLDER [SUITE]: makes FOLDER/SUITE-arm64 (bookworm) and keeps it: Debian of this machine's architecture, with a compiler for
# arm64, what the shim and its tests are built with there, qemu-user, and programs of arm64. /opt/arm64 has a shell and its usual tools, also of
# arm64: those of the root itself stay as they are.
#
# Exit 0 when all of that is there, or with a line "arm64: skipped: why" where the root cannot be made.
set -eu
folder=$1
suite=${2:-bookworm}
base=$folder/$suite-fresh
root=$folder/$suite-arm64
log=$root.log
limit=${SUITES_SECS:-600}
packages='gcc-aarch64-linux-gnu make pkg-config qemu-user-static patchelf python3-minimal libc6-dev:arm64 libgnutls28-dev:arm64 nettle-dev:arm64
          libldns-dev:arm64 libnghttp2-dev:arm64 libinih-dev:arm64 libjansson-dev:arm64 libssl-dev:arm64 libcriterion-dev:arm64
          curl:arm64 wget:arm64 openssl:arm64 gnutls-bin:arm64 libacl1:arm64 libattr1:arm64 libselinux1:arm64'
beside='dash coreutils grep sed'

skip() {
    echo "arm64: skipped: $1"
    exit 0
}

mkdir -p "$folder"
# When the root is complete, it records what it was made with.
# shellcheck disable=SC2086
packages=$(printf '%s ' $packages)
wanted="$packages$beside"
if [ "$(cat "$root/.made-of" 2>/dev/null)" = "$wanted" ]; then
    echo "arm64: ${root##*/} is ready"
    exit 0
fi
tools/scripts/suites.sh "$folder" "$suite" fresh >"$log.base" || {
    cat "$log.base"
    exit 1
}
cat "$log.base"
! grep -q '^suites: skipped: ' "$log.base" || skip "there is no root of $suite"

rm -rf --one-file-system "$root"
cp -a "$(realpath "$base")" "$root"
rm -f "$root/.suite"
# shellcheck disable=SC2016 # all of it is for the inner shell
timeout -k 10 "$limit" unshare --mount --propagation private sh -euc '
    root=$1 packages=$2 beside=$3
    mount -t proc proc "$root/proc"
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive sh -euc "
        dpkg --add-architecture arm64
        apt-get update
        apt-get install -y --no-install-recommends $packages
        mkdir -p /opt/arm64 /opt/arm64.packages
        cd /opt/arm64.packages
        for package in $beside; do
            apt-get -o APT::Sandbox::User=root download \$package:arm64
        done
        for package in *.deb; do
            dpkg-deb -x \$package /opt/arm64
        done
        # Where packages have everything in /usr, base-files has the links.
        for folder in bin lib; do
            [ -e /opt/arm64/\$folder ] || ln -s usr/\$folder /opt/arm64/\$folder
        done
        ln -sf dash /opt/arm64/bin/sh
        rm -rf /opt/arm64.packages
        apt-get clean"' root "$root" "$packages" "$beside" >"$log" 2>&1 || {
    tail -n 5 "$log" >&2
    skip "its packages failed, or took more than $limit s; all of it in $log"
}
printf '%s\n' "$wanted" >"$root/.made-of"
echo "arm64: ${root##*/} is ready"
