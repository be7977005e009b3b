#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# inside.sh FOLDER PARTS FILTER PROGRAMS: the part of check.sh that runs in the copy of the root.
set -eu
folder=$1
parts=$2
export PRELOAD_FILTER="$3"
programs=$4
# The tests look for it in the PATH, and here.
cp "$folder/lent/unbound-there" /usr/sbin/unbound
cd "$folder/tree"
# The kernel tells programs its own architecture, not that of a 32-bit root.
if [ "$(dpkg --print-architecture)" = i386 ] && [ "$(uname -m)" = x86_64 ]; then
    exec setarch i686 sh "$0" "$folder" "$parts" "$3" "$programs"
fi
make="make SETUP=: LENT_PEERS=ech_server"
# Quiet unless it fails.
if ! $make -j"$(nproc)" all check-build >"$folder/build.log" 2>&1; then
    grep -B 2 -A 8 -E 'error: |Error [0-9]+$|undefined reference' "$folder/build.log" | head -n 60
    echo "check-suites: it does not build here; all of it in build.log beside the tree"
    exit 1
fi
grep -E 'warning: ' "$folder/build.log" || true
[ -n "$PRELOAD_FILTER" ] || unset PRELOAD_FILTER
status=0
for part in $parts; do
    $make --no-print-directory "$part" ${programs:+"PROGRAMS_FEW=$programs"} || status=1
done
exit "$status"
