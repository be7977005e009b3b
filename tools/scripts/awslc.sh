#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# awslc.sh FOLDER ROOT: makes AWS-LC as shared libraries (FOLDER/lib) with their headers (FOLDER/include), and keeps them. No Debian
# release has AWS-LC so, but sid has its source, in librust-aws-lc-sys-dev. A root of sid (make suites) fetches that package; nothing
# is installed anywhere. Takes some minutes.
#
# Exit status 0: they are there; or they cannot be made, and a line "skipped: why" says why.
set -eu

folder=$1
root=$2
package=librust-aws-lc-sys-dev

skip() {
    echo "skipped: $*"
    exit 0
}

[ ! -e "$folder/lib/libssl.so" ] || exit 0
command -v cmake >/dev/null || skip 'AWS-LC is built with cmake, which is not here'
[ -d "$root/var/lib/apt" ] || skip "no root of Debian sid in $root (make suites makes it)"
[ "$(id -u)" = 0 ] || skip "the root in $root is entered with rights of root"
mkdir -p "$folder"
rm -rf "$folder/source" "$folder/build"
log=$(realpath "$folder")/log
chroot "$root" sh -c "cd /tmp && rm -f $package*.deb && apt-get download $package" >"$log" 2>&1 ||
    skip "no $package from the archive today ($log)"
dpkg-deb -x "$root"/tmp/$package*.deb "$folder/source"
rm -f "$root"/tmp/$package*.deb
source=$(dirname "$(find "$folder/source" -path '*/aws-lc/CMakeLists.txt')")
cmake -S "$source" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DBUILD_TESTING=OFF -DBUILD_TOOL=OFF \
    -DDISABLE_GO=ON -DDISABLE_PERL=ON >>"$log" 2>&1 || skip "cmake refuses AWS-LC ($log)"
cmake --build "$folder/build" -j2 --target ssl >>"$log" 2>&1 || skip "AWS-LC does not build ($log)"
mkdir -p "$folder/lib"
cp -r "$source/include" "$folder/"
cp -P "$folder"/build/crypto/libcrypto.so* "$folder"/build/ssl/libssl.so* "$folder/lib/"
rm -rf "$folder/build" "$folder/source"
