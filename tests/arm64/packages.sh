#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In a throw-away copy of the root of root.sh: builds the packages for arm64 from /share/tree.tar as Debian cross-builds, judges them
# with lintian, installs them, and runs what is in them. Packages and logs go to /share.
set -eu
failed() {
    echo "arm64: $*" >&2
    exit 1
}
log() {
    tail -n 60 "/share/$1.log" >&2
    failed "$1 failed"
}
mkdir -p /build/echshim
cd /build/echshim
tar -xf /share/tree.tar
apt-get update -qq >/share/build-dep.log 2>&1 || log build-dep
# lintian needs certificates, and these an openssl that runs here.
own=$(dpkg --print-architecture)
apt-get install -y --no-install-recommends "openssl:$own" openssl:arm64- crossbuild-essential-arm64 lintian >>/share/build-dep.log 2>&1 ||
    log build-dep
apt-get build-dep -y --no-install-recommends -a arm64 ./ >>/share/build-dep.log 2>&1 || log build-dep
echo "arm64: dpkg-buildpackage"
DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage -a arm64 -us -uc -b -j"${JOBS:-2}" >/share/build.log 2>&1 || log build
cp ../*.deb ../*.buildinfo ../*.changes /share/
if grep -E '^[^ ]+:[0-9]+:([0-9]+:)? (warning|error):' /share/build.log; then
    failed "the build has warnings"
fi
for package in ../libechshim_*_arm64.deb ../echshim_*_arm64.deb; do
    [ -f "$package" ] || failed "$package is not there"
    for file in $(dpkg-deb --fsys-tarfile "$package" | tar -tf - | grep -e '/bin/.' -e '\.so'); do
        dpkg-deb --fsys-tarfile "$package" | tar -xOf - "$file" >/tmp/file
        aarch64-linux-gnu-readelf -h /tmp/file | grep -q AArch64 || failed "$file is not of arm64"
    done
done
echo "arm64: lintian"
lintian --allow-root --fail-on error,warning --tag-display-limit 0 /share/*.changes >/share/lintian.log 2>&1 || log lintian
cat /share/lintian.log

apt-get install -y --no-install-recommends ../libechshim_*_arm64.deb ../echshim_*_arm64.deb >/share/install.log 2>&1 || log install
qemu="qemu-aarch64-static"
# shellcheck disable=SC2016 # $LIB is for the loader
library='/usr/$LIB/libechshim.so'
# If the loader cannot preload, it says so on standard error; so does the shim if it cannot load its engine.
said=$($qemu -E LD_PRELOAD="$library" -E ECHSHIM_MODE=strict /usr/bin/curl -s http://127.0.0.1:9/ 2>&1) || true
[ -z "$said" ] || failed "it says: $said"
$qemu -E LD_PRELOAD="$library" -E LD_DEBUG=files /usr/bin/curl --version 2>&1 |
    grep -q 'calling init: /usr/lib/aarch64-linux-gnu/libechshim.so' || failed "it is not in a program of arm64"
$qemu /usr/bin/echdig --decode AD7+DQA65wAgACA8wVN2BtscOl3vQheUzHeIkVmKIiydUhDCliA4iyQRCwAEAAEAAQALZXhhbXBsZS5jb20AAA== >/dev/null ||
    failed "echdig --decode"
$qemu /usr/bin/echprobe --help >/dev/null || failed "echprobe --help"
$qemu /usr/bin/echshim --inspect /usr/bin/curl | grep -q '^preload *works' || failed "echshim --inspect curl"
echo "arm64: the packages work"
