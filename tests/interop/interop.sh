#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# interop.sh TESTS LIBRARY SUITES RESULTS DOCUMENT [ROOT...]: runs TESTS with LIBRARY on this machine, then in each ROOT of the folder
# SUITES with the library that make check-suites built there, and writes all tables. The servers of OpenSSL and NSS are in
# SUITES/sid-openssl4. If a root is missing, DOCUMENT stays as it is.
set -u

tests=$1
library=$2
suites=$3
results=$4
document=$5
shift 5
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
    if [ "$(id -u)" -ne 0 ] || [ ! -f "$suites/sid-openssl4/.suite" ]; then
        echo "interop: skipped: no servers of OpenSSL and NSS (make suites says why)"
        return
    fi
    servers=$suites/sid-openssl4
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

find_servers
table here "$library" '' "$servers_here"
missing=
for suite in "$@"; do
    built=$suites/$suite-build/tree/build/libechshim.so
    # Without root's rights we can enter no root.
    if [ "$(id -u)" -ne 0 ] || [ ! -f "$suites/$suite/.suite" ] || [ ! -f "$built" ]; then
        echo "interop: skipped: no root of $suite, or the shim is not built there (make suites and make check-suites say why)"
        missing=$suite
        continue
    fi
    table "$suite" "$(realpath "$built")" "$suites/$suite" "$servers_there"
    roots="$roots $suite"
done

if [ -n "$missing" ] || [ -z "$servers" ]; then
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
