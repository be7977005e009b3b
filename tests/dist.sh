#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# dist.sh ARCHIVE MAKE: unpacks the archive, without a repository around it and without git, builds it, runs what was built, installs
# and uninstalls it. The unpacked tree has to give the same archive again, octet by octet.
set -eu
archive=$(realpath "$1")
make=$2
name=$(basename "$archive" .tar.gz)
version=${name#libechshim-}
work=$(mktemp -d "${TMPDIR:-/tmp}/echshim-test.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
fail() {
    echo "check-dist: $1" >&2
    exit 1
}

mkdir "$work/no-git"
printf '#!/bin/sh\necho "$*" >>%s\nexit 127\n' "$work/asked" >"$work/no-git/git"
chmod 0755 "$work/no-git/git"
export PATH="$work/no-git:$PATH"
unset MAKEFLAGS MAKELEVEL
tar -xf "$archive" -C "$work"
[ "$(ls "$work")" = "$(printf '%s\nno-git' "$name")" ] || fail "the archive has more than the folder $name"
cd "$work/$name"

"$make" SETUP=: >"$work/log" 2>&1 || {
    tail -n 30 "$work/log" >&2
    fail 'the archive does not build'
}
for tool in echshim echdig echprobe; do
    [ "$("build/$tool" --version)" = "$tool $version" ] || fail "$tool says another version than $version"
done
# --strict does not run the program without proof that the library is in it.
[ "$(build/echshim --strict echo runs)" = runs ] || fail 'the launcher cannot load the library'
"$make" SETUP=: install DESTDIR="$work/root" >"$work/log" 2>&1 || fail 'make install fails'
[ "$("$work/root/usr/local/bin/echshim" --strict echo runs)" = runs ] || fail 'the installed launcher cannot load the library'
"$make" SETUP=: uninstall DESTDIR="$work/root" >"$work/log" 2>&1 || fail 'make uninstall fails'

"$make" -s SETUP=: dist >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    fail 'make dist fails in the unpacked archive'
}
cmp "$archive" "build/$name.tar.gz" || fail 'the unpacked archive gives another archive'
# list-tree asks whether there is a repository, and does without.
! grep -vxsF 'rev-parse --git-dir' "$work/asked" || fail 'something else asked git'
echo "check-dist: $name builds, installs and gives itself again, without git"
