#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# parts.sh MAKE PART...: makes every part of make check, even after a part that failed. Where namespaces are forbidden, as in a
# plain container, it leaves out the tests that need them (tests/own_mounts.h), and one line at the end says how many and why.
# Exit status 0: none failed.
set -u
make=$1
shift
ECHSHIM_TEST_LEFT_OUT=$(mktemp) || exit 1
export ECHSHIM_TEST_LEFT_OUT
trap 'rm -f "$ECHSHIM_TEST_LEFT_OUT"' EXIT
trap 'exit 1' HUP INT TERM

status=0
for part in "$@"; do
    "$make" --no-print-directory "$part" || status=1
done
if [ -s "$ECHSHIM_TEST_LEFT_OUT" ]; then
    echo "check: skipped: $(wc -l <"$ECHSHIM_TEST_LEFT_OUT") tests that need a network of their own, because namespaces are forbidden here" \
        "($(tail -n 1 "$ECHSHIM_TEST_LEFT_OUT"))"
fi
exit "$status"
