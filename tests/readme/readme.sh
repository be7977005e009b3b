#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# readme.sh FOLDER SUITE: types the commands that README.md and docs/tools.md show, in a new Debian of that release that has only
# make, in a copy of this tree. readme.py has the rules. FOLDER keeps the Debian for the next time (tools/scripts/suites.sh); the
# copy of the tree is thrown away. README_PARTS='PART...' selects parts of make check there
# (CHECK_PARTS in tests/tests.mk; default: all). README_FILTER='SUITE/TEST' selects tests of its part check-preload.
set -eu
folder=$1
suite=$2
here=$(dirname "$0")
documents='README.md docs/demo.md docs/tools.md'
tools/scripts/suites.sh "$folder" "$suite" fresh >"$folder/$suite-fresh.out" || {
    cat "$folder/$suite-fresh.out"
    exit 1
}
cat "$folder/$suite-fresh.out"
! grep -q '^suites: skipped: ' "$folder/$suite-fresh.out" || exit 0

share=$(mktemp -d)
trap 'rm -rf "$share"' EXIT
trap 'exit 1' HUP INT TERM
# shellcheck disable=SC2086 # the documents are words
python3 "$here/readme.py" script $documents "$share"
tools/scripts/list-tree | tar --null --files-from=- -cf "$share/tree.tar" --ignore-failed-read
cat >"$share/inside" <<'END'
set -eu
mkdir /root/libechshim
cd /root/libechshim
tar -xf /share/tree.tar
[ -z "$1" ] || export CHECK_PARTS="$1"
[ -z "$2" ] || export PRELOAD_FILTER="$2"
# Without a terminal of its own, as in CI: what belongs to a terminal would not be in the output.
exec setsid -w bash /share/driver.sh
END
status=0
SHARE=$share tools/scripts/throwaway.sh "$folder/$suite-fresh" "$share/inside" "${README_PARTS:-}" "${README_FILTER:-}" || status=$?
if [ "$status" -eq 99 ]; then
    echo "readme: skipped: no copy of a root can be made here (overlayfs)"
    exit 0
fi
# shellcheck disable=SC2086
python3 "$here/readme.py" judge $documents "$share"
