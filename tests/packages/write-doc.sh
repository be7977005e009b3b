#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# write-doc.sh DOCUMENT SIZES...: puts the tables of sizes between the document's marks.
set -eu
document=$1
shift
for sizes in "$@"; do
    [ -s "$sizes" ] || {
        echo "write-doc.sh: $sizes is not there; $document is left as it is" >&2
        exit 0
    }
done
work=$(mktemp)
trap 'rm -f "$work"' EXIT
{
    sed '/^<!-- begin sizes -->/q' "$document"
    printf '| Release | Package | Architecture | To download | Installed |\n|---|---|---|---|---|\n'
    cat "$@"
    sed -n '/^<!-- end sizes -->/,$p' "$document"
} >"$work"
cp "$work" "$document"
