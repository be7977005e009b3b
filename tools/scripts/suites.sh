#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# suites.sh FOLDER SUITE [KIND [ARCHITECTURE]]: makes a root of that Debian release and keeps it. Its packages come from the same
# archive as this machine's. ARCHITECTURE is another one that this machine can run (i386 on amd64); it ends the folder's name. It may
# be there without a kind.
#   (no kind)  FOLDER/SUITE: what the shim is built and tested with (setup.sh's groups build, test and programs-few); for make
#              check-suites and make interop
#   openssl4   FOLDER/sid-openssl4: the same with OpenSSL 4, which is in experimental, and NSS's programs; its servers are for make
#              interop, too
#   fresh      FOLDER/SUITE-fresh: a new Debian with make and nothing else; for make check-readme, and to install packages in
#   packaging  FOLDER/SUITE-packaging: the tools to build, check and test packages; for make packages
#
# Exit status 0: all of that is there; or the root cannot be made, and a line "skipped: why" says why (no rights of root, no
# mirror, no time; sid also changes from day to day).
set -eu

folder=$1
suite=$2
kind=${3:-}
architecture=${4:-}
if [ "$kind" = i386 ]; then
    architecture=$kind
    kind=
fi
root=$folder/$suite${kind:+-$kind}${architecture:+-$architecture}
log=$root.log
tree=$(realpath .)
# Seconds for each step.
limit=${SUITES_SECS:-600}
newer=
groups=
packages=
case $kind in
'') groups='build test programs-few' ;;
openssl4)
    groups='build test programs-few'
    # libc6-dbg: valgrind reads its symbols. ovn-common: ovn-nbctl, a client of OpenSSL 4.
    packages='libnss3-tools libc6-dbg'
    newer='openssl libssl-dev ovn-common'
    ;;
fresh) packages='make' ;;
packaging)
    # With what debian/control asks for.
    packages="build-essential dpkg-dev lintian autopkgtest
          $(sed -n '/^Build-Depends:/,/^[^ ]*:/{s/^Build-Depends://;/^[^ ]*:/d;p}' debian/control |
              sed 's/([^)]*)//g; s/|[^,]*//g' | tr ',\n' '  ')"
    ;;
*)
    echo "suites.sh: unknown kind '$kind' (openssl4, fresh, packaging)" >&2
    exit 2
    ;;
esac

skip() {
    echo "suites: skipped: $1"
    exit 0
}

# step WHAT COMMAND...: in a mount namespace of its own, so that nothing it mounts stays.
step() {
    echo "suites: $suite: $1"
    shift
    timeout -k 10 "$limit" unshare --mount --propagation private "$@" >>"$log" 2>&1
}

# give_up WHAT: an incomplete root is made anew the next time.
give_up() {
    tail -n 5 "$log" >&2
    skip "$suite: $1 failed, or took more than $limit s; all of it in $log"
}

# in_root WHAT COMMAND...: a step in the root, with this tree under its usual name.
in_root() {
    what=$1
    shift
    # shellcheck disable=SC2016
    set -- sh -euc 'root=$1 tree=$2; shift 2
        mount -t proc proc "$root/proc"
        mkdir -p "$root$tree"
        mount --bind "$tree" "$root$tree"
        exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"' \
        in_root "$root" "$tree" "$@"
    step "$what" "$@"
}

[ "$(id -u)" -eq 0 ] || skip "$suite needs root, to make a root folder and to change into it"

mkdir -p "$folder"
: >"$log"

# When the root is complete, it records what it was made with.
# shellcheck disable=SC2086
wanted=$(printf '%s ' ${groups:+$(tools/scripts/setup.sh --list $groups)} $packages $newer)
if [ "$(cat "$root/.suite" 2>/dev/null)" != "$wanted" ]; then
    command -v debootstrap >/dev/null || ${SETUP:-tools/scripts/setup.sh} suites || true
    command -v debootstrap >/dev/null || skip "$suite needs debootstrap (tools/scripts/setup.sh suites)"
    # The archive that this machine's release comes from has the others too; those of updates and fixes have not.
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
        sed -n 's/ Debian Debian main$//p' | head -n 1)
    [ -n "$mirror" ] || skip "$suite: apt knows no archive of Debian here"
    rm -rf --one-file-system "$root"
    step "its base" debootstrap --variant=minbase ${architecture:+"--arch=$architecture"} "$suite" "$root" "$mirror" || give_up "the base"
    # A mirror may be older than its lists are valid.
    echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/10mirror"
    # shellcheck disable=SC2086
    {
        { [ -z "$groups" ] || in_root "its packages" "$tree/tools/scripts/setup.sh" $groups; } &&
            { [ -z "$packages" ] || in_root "more packages" apt-get install -y --no-install-recommends $packages; }
    } || give_up "the packages"
    if [ -n "$newer" ]; then
        echo "deb $mirror experimental main" >"$root/etc/apt/sources.list.d/experimental.list"
        # shellcheck disable=SC2086
        {
            in_root "the lists of experimental" apt-get update &&
                in_root "$newer of experimental" apt-get install -y --no-install-recommends -t experimental $newer &&
                in_root "whether OpenSSL has ECH" openssl ech -help
        } || give_up "OpenSSL of experimental"
    fi
    rm -f "$root"/var/cache/apt/archives/*.deb
    printf '%s\n' "$wanted" >"$root/.suite"
fi

# As the installer writes it. Programs in that root look up names with it; the tests replace it by their own.
[ -s "$root/etc/hosts" ] || printf '127.0.0.1\tlocalhost\n' >"$root/etc/hosts"

echo "suites: ${root##*/} is ready"
