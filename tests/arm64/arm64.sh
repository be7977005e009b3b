#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# arm64.sh FOLDER BUILD [SUITE]: builds for arm64 in FOLDER/SUITE-arm64 (bookworm; root.sh makes it), into BUILD, and runs what was
# built there, by qemu-user. ARM64_PARTS says what:
#   build     the libraries, the tools, the unit tests and the clients; what the libraries export
#   unit      those unit tests that ARM64_UNIT selects
#   programs  programs and clients of arm64 under the shim: those of build/preload-tests that ARM64_PRELOAD selects. The tests and
#             the peers are this machine's; only the programs are of arm64.
#   packages  the Debian packages: built, judged, installed and used
#
# The kernel has to start programs of arm64 by qemu. If this machine's does not do so already, the tests get a user namespace in which
# it does (since Linux 6.7); the machine's own table (binfmt_misc) stays as it is. Exit status 0: nothing failed. A line
# "arm64: skipped: why" says what could not be tried.
set -eu
folder=$1
build=$2
suite=${3:-bookworm}
here=$(dirname "$0")
tree=$(realpath .)
parts=${ARM64_PARTS:-build unit programs}
tools='CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar OBJCOPY=aarch64-linux-gnu-objcopy PKG_CONFIG=aarch64-linux-gnu-pkg-config'
# Left out is what qemu-user has not (docs/testing.md), what needs a server of this machine, what measures time, and what takes long.
unit=${ARM64_UNIT:-'!(lookup*/*|several/*|channel*/*|prefetch/*|cache_folder*/*|resolver*/*|tls13_interop/*|guard_follow/*|journal/what_is_too_large*|stub_memory/@(gives_back|says_when)*|prepared_senders/*|random/memory*)'}
preload=${ARM64_PRELOAD:-'@(programs/@(curl|wget|s_client|gnutls_cli)*|strict/*_@(curl|wget)|copies/*_of_a_wheel*|loader/*@(dlsym|dlvsym|probing|plugin|dlopen)*|inside/another_processor)'}

skipped() {
    echo "arm64: skipped: $1"
    exit 0
}

has_part() {
    case " $parts " in
    *" $1 "*) return 0 ;;
    *) return 1 ;;
    esac
}

out=$folder/$suite-arm64.out
mkdir -p "$folder"
"$here/root.sh" "$folder" "$suite" >"$out" || {
    cat "$out"
    exit 1
}
cat "$out"
! grep -q '^arm64: skipped: ' "$out" || exit 0
root=$(realpath "$folder/$suite-arm64")

# root_of NAMESPACES... -- COMMAND...: a command in the root, with this tree under its usual name, in namespaces of its own.
# shellcheck disable=SC2016 # all of it is for the inner shell
in_root='root=$1 tree=$2
    shift 2
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mkdir -p "$root$tree"
    mount --bind "$tree" "$root$tree"
    cd "$root$tree"
    exec chroot "$root" env -i -C "$tree" PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"'

# A command in a user namespace, in which the kernel starts programs of arm64 by the root's qemu.
# shellcheck disable=SC2016,SC2317
with_own_table() {
    unshare --user --map-root-user --mount --pid --fork --kill-child --propagation private sh -euc '
        qemu=$1
        shift
        mount -t proc proc /proc
        mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
        header="\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
        mask="\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
        printf "%s" ":arm64:M::$header:$mask:$qemu:F" >/proc/sys/fs/binfmt_misc/register
        exec "$@"' with_own_table "$root/usr/bin/qemu-aarch64-static" "$@"
}
# shellcheck disable=SC2317
with_machines_table() {
    unshare --mount --pid --fork --kill-child --propagation private "$@"
}
run=
for way in with_machines_table with_own_table; do
    if [ -z "$run" ] && $way chroot "$root" /opt/arm64/bin/sh -c : 2>/dev/null; then
        run=$way
    fi
done

if has_part build; then
    echo "arm64: build"
    # shellcheck disable=SC2086
    with_machines_table sh -euc "$in_root" in_root "$root" "$tree" make -j"${JOBS:-2}" SETUP=: BUILD="$build" CLIENTS="$build/clients" \
        $tools all clients "$build/unit-tests" >"$folder/$suite-arm64.build" 2>&1 || {
        tail -n 40 "$folder/$suite-arm64.build"
        echo "arm64: it does not build" >&2
        exit 1
    }
    tools/scripts/check-exports "$build"
fi
# The servers' certificates are the same.
mkdir -p "$build"
ln -sfn "$tree/build/pki" "$build/pki"

[ -n "$run" ] || { ! has_part unit && ! has_part programs; } ||
    skipped "the kernel does not start programs of arm64: it needs qemu-aarch64 in its table (package qemu-user-static), or Linux 6.7"

status=0
if has_part unit; then
    echo "arm64: unit tests $unit"
    $run sh -euc "$in_root" in_root "$root" "$tree" "$build/unit-tests" -j2 --filter "$unit" || status=1
fi
if has_part programs; then
    echo "arm64: programs $preload"
    # In the root the shell is one of arm64, too.
    PATH=/opt/arm64/bin:/opt/arm64/usr/bin:$PATH ECHSHIM_TEST_BUILD=$build ECHSHIM_TEST_LIBRARY=$tree/$build/libechshim.so \
        ECHSHIM_TEST_CHROOT=$root $run build/preload-tests -j2 --filter "$preload" || status=1
fi
if has_part packages; then
    share=$folder/$suite-arm64-packages
    rm -rf "$share"
    mkdir -p "$share"
    git ls-files -z | tar --null --files-from=- -cf "$share/tree.tar" --ignore-failed-read
    SHARE=$share tools/scripts/throwaway.sh "$root" "$here/packages.sh" || status=$?
    [ "$status" -ne 99 ] || skipped "no copy of a root can be made here (overlayfs)"
    rm -f "$share/tree.tar"
fi
exit "$status"
