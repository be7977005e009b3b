#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# interop.sh TESTS PRELOAD-TESTS LIBRARY SUITES RESULTS DOCUMENT: runs TESTS with LIBRARY on this machine, then in each root of the
# folder SUITES with the library built there, and writes the tables of all of them. In the roots some of PRELOAD-TESTS run too.
# Where no root was made DOCUMENT stays as it is.
set -u

tests=$1
preload_tests=$2
library=$3
suites=$4
results=$5
document=$6
# Those that take no hello of a certain length for granted; `clients` are of this machine.
everywhere='programs/*|retry/ech_83_@(wget|curl|gnutls_cli|s_client|python|perl)*|grease/ech_105_*'
clients='openssl/*|gnutls/*|retry/ech_83_*|hostile/*|leaks/*'
failed=0
roots=

# In the root $1, or here if it is empty.
inside() {
    root=$1
    shift
    if [ -n "$root" ]; then
        chroot "$root" "$@"
    else
        "$@"
    fi
}

# table NAME LIBRARY ROOT: runs the tests and leaves their table in RESULTS/NAME.md.
table() {
    rm -rf "${results:?}/$1"
    mkdir -p "$results/$1"
    echo "interop: $1"
    # shellcheck disable=SC2086
    ECHSHIM_TEST_LIBRARY=$2 ECHSHIM_INTEROP_RESULTS=$results/$1 ${3:+env ECHSHIM_TEST_CHROOT="$3"} \
        ${AS_ROOT:-} "$tests" -j2 || failed=1
    # shellcheck disable=SC2016
    {
        echo "## $(inside "$3" sh -c '. /etc/os-release; echo "$PRETTY_NAME"')"
        echo
        echo "$(inside "$3" openssl version | cut -d ' ' -f 1,2), GnuTLS $(inside "$3" gnutls-cli --version | sed -n '1s/.* //p');" \
            "$(inside "$3" curl --version | sed -n '1s/^\(curl [^ ]*\).*/\1/p')," \
            "$(inside "$3" wget --version | sed -n '1s/^GNU \(Wget [^ ]*\).*/\1/p')," \
            "$(inside "$3" /usr/bin/python3 --version)."
        echo
        echo '| Program | Library | Case | Result | Connections | Inner hello | Last hello |'
        echo '|---|---|---|---|---|---|---|'
        cat "$results/$1"/*
    } >"$results/$1.md"
}

# more ROOT LIBRARY: a root that is older than this machine cannot run the clients, which were built here.
more() {
    filter=$everywhere\|$clients
    for client in openssl_client gnutls_client; do
        if ! cp "build/clients/$client" "$1/tmp/" || ! chroot "$1" ldd "/tmp/$client" >/dev/null 2>&1; then
            filter=$everywhere
        fi
        rm -f "$1/tmp/$client"
    done
    echo "interop: $(basename "$1"): $filter"
    ECHSHIM_TEST_LIBRARY=$2 ECHSHIM_TEST_CHROOT=$1 "$preload_tests" -j2 --filter "@($filter)" || failed=1
}

table here "$library" ''
for root in "$suites"/*/; do
    root=${root%/}
    # Without root's rights there is none that could be entered.
    if [ "$(id -u)" -ne 0 ] || [ ! -f "$root/.suite" ]; then
        continue
    fi
    name=$(basename "$root")
    built=$(realpath "$suites/$name-shim/libechshim.so")
    table "$name" "$built" "$root"
    more "$root" "$built"
    roots="$roots $name"
done

if [ -z "$roots" ]; then
    echo "interop: skipped: no root of another release (make suites says why); $document stays as it is"
    exit "$failed"
fi
{
    cat <<'END'
# Interoperability

Made by `make interop`: unmodified programs under the shim against BoringSSL. The server saw what the result says, and but for
GREASE and the last hello to a server without ECH the true name stood in no octet that went to it. Lengths of hellos are in
octets; the last hello is what was on the wire.
END
    for name in here $roots; do
        echo
        cat "$results/$name.md"
    done
} >"$document"
echo "interop: $document is written"
exit "$failed"
