#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# check.sh ROOT PEERS: builds this repository's files in a copy of ROOT (tools/scripts/suites.sh), which is thrown away, so that any
# number of trees can share a root, and makes SUITE_PARTS there: targets of make. SUITE_FILTER selects tests of check-preload,
# SUITE_PROGRAMS programs of check-programs. unbound and the ECH server, which is in PEERS, run outside that root: Debian 11's unbound
# refuses HTTPS records, and its BoringSSL has no ECH. What was built stays in ROOT-build. Exit status 0: all passed, or
# "skipped: why".
set -eu
root=$1
peers=$2
suite=${root##*/}
build=$root-build

if [ ! -f "$root/.suite" ]; then
    echo "check-suites: skipped: there is no root $suite (make suites says why)"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "check-suites: skipped: $suite needs root, to change into it"
    exit 0
fi
unbound=$(PATH=$PATH:/usr/sbin:/sbin command -v unbound) || {
    echo "check-suites: skipped: $suite needs unbound on this machine (tools/scripts/setup.sh test)"
    exit 0
}

rm -rf "$build"
mkdir -p "$build/tree/build/peers" "$build/lent"
build=$(realpath "$build")
tools/scripts/list-tree | tar --null --files-from=- -cf - --ignore-failed-read | tar -xf - -C "$build/tree"

# lend PROGRAM NAME: makes NAME, in the root, a script that runs PROGRAM, which is of this machine. It is newer than the sources
# that make would build it from.
lend() {
    cat >"$2" <<LEND
#!/bin/sh
exec chroot /outside /usr/bin/env -C "\$PWD" $1 "\$@"
LEND
    chmod 0755 "$2"
}
cp "$peers/ech_server" "$build/lent/"
lend "$build/lent/ech_server" "$build/tree/build/peers/ech_server"
lend "$unbound" "$build/lent/unbound-there"

echo "check-suites: $suite: ${SUITE_PARTS:-only built}"
status=0
SHARE=$build OUTSIDE=yes THROWAWAY_SECS=${SUITE_SECS:-3600} \
    tools/scripts/throwaway.sh "$root" tests/suites/inside.sh "$build" "$SUITE_PARTS" "$SUITE_FILTER" "$SUITE_PROGRAMS" || status=$?
case $status in
0) echo "check-suites: $suite: all passed" ;;
99)
    echo "check-suites: skipped: no copy of $suite can be made here (overlayfs)"
    status=0
    ;;
*) echo "check-suites: $suite: FAILED (status $status)" ;;
esac
exit "$status"
