#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# install.sh ROOT LAYER: installs the real programs, and what the shim needs, for the release of that root into the layer (layer.sh). Once they are there, it
# does nothing, until the list in setup.sh changes.
set -eu
root=${1:?usage: install.sh ROOT LAYER}
layer=${2:?usage: install.sh ROOT LAYER}
mkdir -p "$layer"
layer=$(realpath "$layer")
tree=$(realpath .)
stamp=$layer/.programs
wanted=$(cksum <tools/scripts/setup.sh)
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
echo "programs: installing in $layer"
# A mirror may be older than its lists are valid.
# shellcheck disable=SC2016
tests/programs/layer.sh "$root" "$layer" sh -euc '
    mount -t proc proc "$1/root/proc"
    echo "Acquire::Check-Valid-Until \"false\";" >"$1/root/etc/apt/apt.conf.d/00old-lists"
    chroot "$1/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C sh -s build programs <"$2/tools/scripts/setup.sh" >"$1/install.log" 2>&1
    chroot "$1/root" apt-get clean' install "$layer" "$tree" || {
    tail -n 5 "$layer/install.log" >&2
    echo "programs: skipped: they cannot be installed in $layer" >&2
    exit 1
}
printf '%s\n' "$wanted" >"$stamp"
