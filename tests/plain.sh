#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# plain.sh MAKE: runs make demo and parts of make check in places that allow less than an ordinary machine. It makes these places: one
# where further namespaces are forbidden, one where root has no CAP_SYS_ADMIN (as in Docker), and a chroot, where the root folder
# is no mount point. Everything must have been built before. Exit status 0: all of it works in each place.
set -eu
make=$1
base=${TMPDIR:-/tmp}
folder=$(mktemp -d "$base/echshim-test.XXXXXX")
trap 'rm -rf --one-file-system "$folder"' EXIT
trap 'exit 1' HUP INT TERM
failed=0

fail() {
    echo "plain: FAILED: $1" >&2
    [ ! -s "$folder/out" ] || tail -n 40 "$folder/out" >&2
    failed=1
}

# shellcheck disable=SC2016,SC2317 # all of it is for the inner shell; demo and left_out call it
without_namespaces() {
    unshare --user --map-root-user sh -euc '
        for kind in user net mnt; do
            echo 0 >"/proc/sys/user/max_${kind}_namespaces"
        done
        exec "$@"' without_namespaces "$@"
}

# Here user namespaces are allowed, but the tests do not use them if they run as root.
# shellcheck disable=SC2317
without_sys_admin() {
    setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@"
}

# This machine, under a folder. Mounts are shared, as systemd has them: the tests' mounts must not be seen outside.
# shellcheck disable=SC2016,SC2317
in_chroot() {
    unshare --mount --propagation private sh -euc '
        root=$1 tree=$2 mounts=$3
        shift 3
        mount --make-rshared /
        mkdir "$root"
        for name in /*; do
            if [ -L "$name" ]; then
                cp -P "$name" "$root/"
            elif [ -d "$name" ]; then
                mkdir "$root$name"
                mount --rbind "$name" "$root$name"
            fi
        done
        cat /proc/self/mountinfo >"$mounts.before"
        status=0
        chroot "$root" sh -euc "cd \"\$1\"; shift; exec \"\$@\"" in_chroot "$tree" "$@" || status=$?
        cat /proc/self/mountinfo >"$mounts.after"
        exit "$status"' in_chroot "$folder/root" "$(realpath .)" "$folder/mounts" "$@"
}

# demo WORDS PLACE...: runs the demonstration in that place; it must succeed, and its output must have these words.
demo() {
    words=$1
    shift
    if ! "$@" timeout -k 10 100 "$make" -s demo-run >"$folder/out" 2>&1; then
        fail "make demo, $1"
    elif ! tr '\n' ' ' <"$folder/out" | grep -q "$words"; then
        fail "make demo, $1, does not say: $words"
    else
        echo "plain: make demo, $1: as it has to be"
    fi
}

# make check leaves out the tests that need namespaces, says so in one line, and does not fail.
# shellcheck disable=SC2086 # parts are words
left_out() {
    if ! "$@" timeout -k 10 1800 tests/parts.sh "$make" $PLAIN_PARTS >"$folder/out" 2>&1; then
        fail "make check, $1"
    elif [ "$(grep -c 'skipped: [0-9]* tests.*namespaces are forbidden' "$folder/out")" -ne 1 ]; then
        fail "make check, $1: not one line for what was left out"
    else
        echo "plain: make check, $1: $(tail -n 1 "$folder/out")"
    fi
}

# In a chroot none is left out.
nothing_left_out() {
    if ! PRELOAD_FILTER='harness/*' "$@" timeout -k 10 300 tests/parts.sh "$make" check-preload >"$folder/out" 2>&1; then
        fail "tests of check-preload, $1"
    elif grep -q 'skipped: ' "$folder/out" || grep -q 'Tested: 0 ' "$folder/out"; then
        fail "tests of check-preload, $1: left out"
    else
        echo "plain: tests of check-preload, $1: as it has to be"
    fi
}

if unshare --user --map-root-user true 2>/dev/null; then
    demo "on this machine's loopback, because namespaces are forbidden" without_namespaces
    left_out without_namespaces
else
    echo "plain: skipped: no user namespace can be made here, so other namespaces cannot be forbidden"
fi
if [ "$(id -u)" -eq 0 ] && unshare --mount --net true 2>/dev/null; then
    demo "on this machine's loopback, because namespaces are forbidden" without_sys_admin
    demo 'in a network of its own' in_chroot
    rm -rf --one-file-system "$folder/root"
    nothing_left_out in_chroot
    cmp -s "$folder/mounts.before" "$folder/mounts.after" || fail "in_chroot: mounts of the tests are visible outside"
else
    echo "plain: skipped: only root can drop a capability or enter a chroot"
fi
exit "$failed"
