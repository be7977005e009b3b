#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# run.sh COMMAND...: runs a test program of Criterion. With ECHSHIM_TEST_AGAIN=N in the environment, up to N tests that failed
# beside others run once more, alone, and what they do then counts. For machines whose load nobody knows: programs under test
# have time limits of their own (ssl.SSLSocket, curl -m, ...), which a busy machine breaks. Each such test is named, so that a
# test that fails often is seen. More failures than N are no matter of load.
set -u
[ -n "${ECHSHIM_TEST_AGAIN:-}" ] || exec "$@"

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
"$@" 2>&1 | sed -u 's/\x1b\[[0-9;]*m//g' | tee "$log" | sed -u '/Synthesis: Tested:/d'
status=${PIPESTATUS[0]}
synthesis=$(grep 'Synthesis: Tested:' "$log" | tail -n 1)
mapfile -t failed < <(sed -n 's/^\[FAIL\] \([^ ]*\)::\([^ ]*\):.*/\1\/\2/p' "$log" | sort -u)

if [ "$status" -ne 0 ] && [ -n "$synthesis" ] && [ "${#failed[@]}" -gt 0 ] && [ "${#failed[@]}" -le "$ECHSHIM_TEST_AGAIN" ]; then
    status=0
    for name in "${failed[@]}"; do
        if "$@" -j1 --filter "$name" 2>&1 | sed -u 's/\x1b\[[0-9;]*m//g; s/Synthesis: Tested:/alone:/'; [ "${PIPESTATUS[0]}" -eq 0 ]; then
            echo "again: $name failed beside others, and passed alone"
        else
            status=1
        fi
    done
    if [ "$status" -eq 0 ]; then
        tested=$(awk '{ gsub("[|:]", " "); for (i = 1; i < NF; i++) if ($i == "Tested") print $(i + 1) }' <<<"$synthesis")
        synthesis="[====] Synthesis: Tested: $tested | Passing: $tested | Failing: 0 | Crashing: 0"
    fi
fi
echo "$synthesis"
exit "$status"
