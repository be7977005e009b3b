#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# parts.sh MAKE PART...: makes every part of make check, whatever became of the one before it. Where namespaces are forbidden, as in
# a plain container, tests that need a network of their own skip themselves (tests/preload/world.h); one line at the end says how
# many and why, instead of a line for each. Exit status 0: none failed.
set -u
make=$1
shift

all_parts() {
    status=0
    for part in "$@"; do
        "$make" --no-print-directory "$part" || status=1
    done
    return $status
}

# As the tests will: make runs them so, as root or in a user namespace (AS_ROOT), and that root may lie in a chroot.
if ${AS_ROOT:-} unshare --mount --net --propagation unchanged mount --make-rprivate /proc 2>/dev/null; then
    all_parts "$@"
    exit
fi

result=$(mktemp)
trap 'rm -f "$result"' EXIT
trap 'exit 1' HUP INT TERM
{
    all_parts "$@"
    echo $? >"$result"
} 2>&1 | awk '
    /SKIP.*no namespace to be had/ { left_out++; sub(/.*no namespace to be had: /, ""); why = $0; next }
    { print; fflush() }
    END {
        if (left_out > 0)
            printf "check: skipped: %d tests that need a network of their own, for namespaces are forbidden here (%s)\n", left_out, why
    }'
exit "$(cat "$result")"
