#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# interop.sh TESTS PRELOAD-TESTS LIBRARY SUITES RESULTS DOCUMENT: runs TESTS with LIBRARY on this machine, then in each root of
# the folder SUITES with the library built there, and writes all tables. In the roots it also runs some of PRELOAD-TESTS.
# SUITES/sid has no library: it has the servers of OpenSSL and NSS. If a root is missing, DOCUMENT stays as it is.
set -u

tests=$1
preload_tests=$2
library=$3
suites=$4
results=$5
document=$6
# Tests that do not expect a hello of a certain length; `clients` needs the programs of this machine.
everywhere='programs/*|retry/ech_83_@(wget|curl|gnutls_cli|s_client|python|perl)*|grease/ech_105_*'
clients='second_hello/*|openssl/*|gnutls/*|retry/ech_83_*|hostile/*|leaks/*'
# Against the servers of sid: the programs that only this machine has, and those that only trixie has.
servers_here='native/*|openssl_suites/*|@(openssl|nss)_server/@(s_client|gnutls_cli)_*'
servers_there='@(openssl|nss)_server/@(curl|wget)_*'
failed=0
roots=
servers=

# Runs in the root $1, or here if it is empty.
inside() {
    root=$1
    shift
    if [ -n "$root" ]; then
        chroot "$root" "$@"
    else
        "$@"
    fi
}

# run TESTS LIBRARY ROOT FILTER
run() {
    # shellcheck disable=SC2086
    ECHSHIM_TEST_LIBRARY=$2 ECHSHIM_INTEROP_RESULTS=$results/$name ECHSHIM_TEST_SERVERS=$servers \
        ${3:+env ECHSHIM_TEST_CHROOT="$3"} ${AS_ROOT:-} "$1" -j2 --filter "@($4)"
}

# If OpenSSL and NSS fail with each other, the case says nothing about the shim.
find_servers() {
    name=native
    if [ "$(id -u)" -ne 0 ] || [ ! -f "$suites/sid/.suite" ]; then
        echo "interop: skipped: no servers of OpenSSL and NSS (make suites says why)"
        return
    fi
    servers=$suites/sid
    mkdir -p "$results/$name"
    if ! run "$tests" "$library" '' 'native/*' >"$results/$name.log" 2>&1; then
        # Leaves out the last line, by which tests are counted: these are no tests of the shim.
        grep -v Synthesis "$results/$name.log" | tail -n 40
        echo "interop: skipped: the servers of OpenSSL and NSS in sid do not even serve the clients of sid"
        servers=
    fi
}

# heading SERVER: describes the server of a table.
heading() {
    # shellcheck disable=SC2016
    case $1 in
    1-*) echo 'BoringSSL' ;;
    2-*) chroot "$servers" openssl version | cut -d ' ' -f 1,2 ;;
    3-*) echo "NSS $(chroot "$servers" dpkg-query -W -f '${source:Upstream-Version}' libnss3)" ;;
    esac
}

# table NAME LIBRARY ROOT FILTER: runs the tests and leaves their tables in RESULTS/NAME.md.
table() {
    name=$1
    rm -rf "${results:?}/$name"
    mkdir -p "$results/$name"
    echo "interop: $name"
    run "$tests" "$2" "$3" "interop/*${servers:+|$4}" || failed=1
    # shellcheck disable=SC2016
    {
        echo "## $(inside "$3" sh -c '. /etc/os-release; echo "$PRETTY_NAME"')"
        echo
        echo "$(inside "$3" openssl version | cut -d ' ' -f 1,2), GnuTLS $(inside "$3" gnutls-cli --version | sed -n '1s/.* //p');" \
            "$(inside "$3" curl --version | sed -n '1s/^\(curl [^ ]*\).*/\1/p')," \
            "$(inside "$3" wget --version | sed -n '1s/^GNU \(Wget [^ ]*\).*/\1/p')," \
            "$(inside "$3" /usr/bin/python3 --version)."
        for server in "$results/$name"/*/; do
            echo
            echo "### Against $(heading "$(basename "$server")")"
            echo
            echo '| Program | Library | Case | Result | Connections | Inner hello | Last hello |'
            echo '|---|---|---|---|---|---|---|'
            cat "$server"/*
        done
    } >"$results/$name.md"
}

# more ROOT LIBRARY: runs more tests. A root older than this machine cannot run the clients, which were built here.
more() {
    filter=$everywhere\|$clients
    for client in openssl_client gnutls_client; do
        if ! cp "build/clients/$client" "$1/tmp/" || ! chroot "$1" ldd "/tmp/$client" >/dev/null 2>&1; then
            filter=$everywhere
        fi
        rm -f "$1/tmp/$client"
    done
    echo "interop: $(basename "$1"): $filter"
    run "$preload_tests" "$2" "$1" "$filter" || failed=1
}

find_servers
table here "$library" '' "$servers_here"
for root in "$suites"/*/; do
    root=${root%/}
    # Without root's rights we can enter no root.
    suite=$(basename "$root")
    if [ "$(id -u)" -ne 0 ] || [ ! -f "$root/.suite" ] || [ "$suite" = sid ]; then
        continue
    fi
    built=$(realpath "$suites/$suite-shim/libechshim.so")
    table "$suite" "$built" "$root" "$servers_there"
    more "$root" "$built"
    roots="$roots $suite"
done

if [ -z "$roots" ]; then
    echo "interop: skipped: no root of another release (make suites says why)"
fi
if [ -z "$roots" ] || [ -z "$servers" ]; then
    echo "interop: $document stays as it is"
    exit "$failed"
fi
{
    cat <<'END'
# Interoperability

`make interop` makes this page. It runs unmodified programs under the shim against BoringSSL, and against the servers of OpenSSL and NSS
themselves (`s_server` and `selfserv`, from a root of Debian sid). The server confirms each result. The true name stood in no octet
that went to the server, except with GREASE and after the server had disabled ECH. Lengths of hellos are in octets; the
last hello is what was on the wire. Configs are for X25519 with AES-128-GCM, those of NSS with ChaCha20-Poly1305, unless the case says
otherwise. "Its own ECH" is the measure: a client of the servers' own kind, without the shim.
END
    for name in here $roots; do
        echo
        cat "$results/$name.md"
    done
} >"$document"
echo "interop: $document is written"
exit "$failed"
