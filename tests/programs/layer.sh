#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# layer.sh ROOT LAYER COMMAND...: runs the command with LAYER/root mounted: the root of another release, and over it what the folder
# LAYER keeps. So programs can be installed for that release, and the root stays as it is. Only the command and its children see the
# mounts. Needs root.
set -eu
root=$(realpath "${1:?usage: layer.sh ROOT LAYER COMMAND...}")
mkdir -p "${2:?usage: layer.sh ROOT LAYER COMMAND...}"
layer=$(realpath "$2")
shift 2
mkdir -p "$layer/upper" "$layer/work" "$layer/root"
# shellcheck disable=SC2016
exec unshare --mount --propagation private sh -euc '
    root=$1 layer=$2; shift 2
    mount -t overlay -o "lowerdir=$root,upperdir=$layer/upper,workdir=$layer/work" overlay "$layer/root"
    exec "$@"' layer "$root" "$layer" "$@"
