#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# packages.sh FOLDER SUITE RESULTS: Debian packages of this tree, built, judged, installed, used and removed in throw-away roots of
# that release (tools/suites.sh in FOLDER); RESULTS/SUITE has the packages, the logs and a table of their sizes.
set -eu
folder=$1
suite=$2
results=$3/$suite
here=$(dirname "$0")

skipped() {
    echo "packages: skipped: $suite: $1"
    exit 0
}

mkdir -p "$folder"
for kind in packaging fresh; do
    tools/suites.sh "$folder" "$suite" "$kind" >"$folder/$suite-$kind.out" || {
        cat "$folder/$suite-$kind.out"
        exit 1
    }
    cat "$folder/$suite-$kind.out"
    ! grep -q '^suites: skipped: ' "$folder/$suite-$kind.out" || exit 0
done

rm -rf "$results"
mkdir -p "$results"
# What is in the repository, or where this is none, all but what was built.
if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -z
else
    find . -path ./build -prune -o -type f -print0
fi | tar --null --files-from=- -cf "$results/tree.tar" --ignore-failed-read

for step in packaging:build fresh:use; do
    status=0
    SHARE=$results tools/throwaway.sh "$folder/$suite-${step%:*}" "$here/${step#*:}.sh" || status=$?
    [ "$status" -ne 99 ] || skipped "no copy of a root can be made here (overlayfs)"
    [ "$status" -eq 0 ] || exit "$status"
done
rm -f "$results/tree.tar"

for package in "$results"/*.deb; do
    name=$(dpkg-deb -f "$package" Package)
    case $name in
    *-dbgsym) continue ;;
    esac
    printf '| %s | %s | %s | %d kB | %d kB |\n' "$suite" "$name" "$(dpkg-deb -f "$package" Architecture)" \
        $((($(stat -c %s "$package") + 999) / 1000)) "$(dpkg-deb -f "$package" Installed-Size)"
done >"$results/sizes"
cat "$results/sizes"
