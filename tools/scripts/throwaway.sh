#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# throwaway.sh ROOT SCRIPT [ARGUMENT...]: runs a shell script in a copy of a root folder (tools/scripts/suites.sh), and throws the copy
# away afterwards. The script is the first process of a process namespace, so nothing that it starts outlives it. It has our standard
# input. SHARE=FOLDER is /share inside, and is no copy. With OUTSIDE=yes this machine's root is /outside inside: the script can run
# programs of this machine by chroot. Then /tmp and FOLDER have the same names and files for both. Downloaded packages are kept beside
# the root for the next time. After THROWAWAY_SECS (3000) everything inside is killed. Exit status: the script's; 137: killed; 99: no
# copy can be made here.
set -eu
root=$(realpath "$1")
script=$(realpath "$2")
shift 2
share=${SHARE:+$(realpath "$SHARE")}
copy=$(mktemp -d "$root.copy.XXXXXX")
archives=$root.archives
limit=${THROWAWAY_SECS:-3000}
# Its mounts are gone with its namespace.
trap 'rm -rf --one-file-system "$copy"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$archives/partial" "$copy/upper" "$copy/work" "$copy/root"

unshare --mount --propagation private true 2>/dev/null || exit 99
status=0
# A root that was pivoted to, as that of a machine: in one of chroot no user namespace can be made.
# shellcheck disable=SC2016 # all of it is for the inner shell
OUTSIDE=${OUTSIDE:-} timeout --foreground -s KILL "$limit" unshare --mount --pid --fork --kill-child --propagation private sh -euc '
    root=$1 copy=$2 archives=$3 share=$4 script=$5
    shift 5
    cd "$copy"
    mount -t overlay overlay -o "lowerdir=$root,upperdir=$copy/upper,workdir=$copy/work" root || exit 99
    cp "$script" root/script
    mount -t proc proc root/proc
    mount --rbind /dev root/dev
    mount --rbind /sys root/sys
    mount -t tmpfs -o mode=1777 tmpfs root/tmp
    mount --bind "$archives" root/var/cache/apt/archives
    if [ -n "$share" ]; then
        mkdir -p root/share
        mount --bind "$share" root/share
    fi
    if [ -n "$OUTSIDE" ]; then
        mkdir -p root/outside "root$share"
        mount --bind "$share" "root$share"
        mount --rbind / root/outside
        mount -t proc proc root/outside/proc
        mount --rbind root/tmp root/outside/tmp
    fi
    mkdir -p root/old-root
    cd root
    pivot_root . old-root
    cd /
    umount -l /old-root
    rmdir /old-root
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb \
        ${ECHSHIM_TEST_AGAIN:+"ECHSHIM_TEST_AGAIN=$ECHSHIM_TEST_AGAIN"} \
        DEBIAN_FRONTEND=noninteractive sh /script "$@"' \
    throwaway "$root" "$copy" "$archives" "$share" "$script" "$@" || status=$?
exit "$status"
