#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# packages.sh FOLDER SUITE RESULTS [ARCHITECTURE]: builds Debian packages of this tree, checks, installs, uses and removes them
# in throw-away roots of that release (tools/scripts/suites.sh in FOLDER). RESULTS/SUITE gets the packages, the logs and a table
# of sizes. Packages of another architecture go to RESULTS/SUITE-ARCHITECTURE: they are built, checked and tested in a root of
# it, and installed beside this machine's own, which must exist already.
set -eu
folder=$1
suite=$2
architecture=${4:-}
own=$3/$suite
results=$own${architecture:+-$architecture}
here=$(dirname "$0")

skipped() {
    echo "packages: skipped: $suite: $1"
    exit 0
}

# root KIND [ARCHITECTURE]
root() {
    out=$folder/$suite-$1${2:+-$2}.out
    tools/scripts/suites.sh "$folder" "$suite" "$@" >"$out" || {
        cat "$out"
        exit 1
    }
    cat "$out"
    ! grep -q '^suites: skipped: ' "$out" || exit 0
}

mkdir -p "$folder"
root packaging ${architecture:+"$architecture"}
root fresh

rm -rf "$results"
mkdir -p "$results"
tools/scripts/list-tree | tar --null --files-from=- -cf "$results/tree.tar" --ignore-failed-read

# step KIND-OF-ROOT SCRIPT
step() {
    status=0
    SHARE=$results tools/scripts/throwaway.sh "$folder/$suite-$1" "$here/$2.sh" || status=$?
    [ "$status" -ne 99 ] || skipped "no copy of a root can be made here (overlayfs)"
    [ "$status" -eq 0 ] || exit "$status"
}

if [ -z "$architecture" ]; then
    step packaging build
    step fresh use
else
    step "packaging-$architecture" build
    cp "$own"/libechshim_*.deb "$results"
    step fresh multiarch
fi
rm -f "$results/tree.tar"

for package in "$results"/*"${architecture:-}".deb; do
    name=$(dpkg-deb -f "$package" Package)
    case $name in
    *-dbgsym) continue ;;
    esac
    printf '| %s | %s | %s | %d kB | %d kB |\n' "$suite" "$name" "$(dpkg-deb -f "$package" Architecture)" \
        $((($(stat -c %s "$package") + 999) / 1000)) "$(dpkg-deb -f "$package" Installed-Size)"
done >"$results/sizes"
cat "$results/sizes"
