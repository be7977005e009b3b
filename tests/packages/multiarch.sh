#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# In a throw-away root of kind "fresh" on amd64: the libraries of both architectures side by side, and one LD_PRELOAD for the programs
# of each. /share has both packages.
set -eu
failed() {
    echo "packages: $*" >&2
    exit 1
}
dpkg --add-architecture i386
apt-get update -qq
apt-get install -y -qq --no-install-recommends /share/libechshim_*_amd64.deb /share/libechshim_*_i386.deb wget:i386 >/tmp/log 2>&1 || {
    cat /tmp/log
    failed "both together cannot be installed"
}
# shellcheck disable=SC2016 # $LIB is for the loader
library='/usr/$LIB/libechshim.so'
[ "$(head -c 5 /usr/bin/wget | tail -c 1 | od -An -tu1)" -eq 1 ] || failed "wget is no program of 32 bits"
# If the loader cannot preload, it says so on standard error; so does the shim if it cannot load its engine.
said=$(LD_PRELOAD=$library ECHSHIM_MODE=strict sh -c 'ls / >/dev/null; wget -q --tries=1 -O /dev/null http://127.0.0.1:9/; true' 2>&1)
[ -z "$said" ] || failed "with both: $said"
LD_PRELOAD=$library LD_DEBUG=files wget --version 2>&1 | grep -q 'calling init: /usr/lib/i386-linux-gnu/libechshim.so' ||
    failed "it is not in a program of 32 bits"
LD_PRELOAD=$library grep -q /usr/lib/x86_64-linux-gnu/libechshim.so /proc/self/maps || failed "it is not in a program of 64 bits"
echo "packages: amd64 and i386 side by side, $library is in programs of both"
