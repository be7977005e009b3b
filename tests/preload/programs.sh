#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# programs.sh PRELOAD-TESTS DOCUMENT: runs the tests of programs as the distribution built them (test_programs.c), and writes the
# table of what their reports say. The environment is that of check-preload.
# shellcheck disable=SC2016 # the backquotes are those of Markdown
set -eu
tests=${1:?usage: programs.sh PRELOAD-TESTS DOCUMENT}
document=${2:?usage: programs.sh PRELOAD-TESTS DOCUMENT}
worlds=$(mktemp -d)
trap 'rm -rf "$worlds"' EXIT

ECHSHIM_TEST_KEEP=1 TMPDIR=$worlds "$tests" -j2 --filter 'programs/*' >"$worlds/log" 2>&1 || {
    grep -v '^kept: ' "$worlds/log" >&2
    exit 1
}

# What a package is called to whom types its name, and its version.
name_of() {
    case $1 in
    */git-remote-http) echo git ;;
    */openssl) echo 'openssl s_client' ;;
    */python3*) echo 'python3 (urllib, asyncio, threads)' ;;
    */perl) echo 'perl (LWP)' ;;
    *) basename "$1" ;;
    esac
}

version_of() {
    package=$(dpkg-query -S "$1" | sed 's/[:,].*//;q')
    dpkg-query -W -f '${Version}' "$package" | sed 's/^[0-9]*://; s/[-+~].*//'
}

{
    echo '# Programs'
    echo
    system=$(sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' /etc/os-release)
    echo "Made by \`make programs\`: unmodified programs of $system fetch pages under the shim, with and without a"
    echo 'HelloRetryRequest, from BoringSSL behind a relay that keeps every octet; how, is in `tests/preload/test_programs.c`. Each got what it'
    echo 'asked for, and the true name was in no octet that went to the server. The counts are those of the report.'
    echo
    echo '| Program | Version | TLS library | Handshakes | ECH accepted | of these with HelloRetryRequest |'
    echo '|---|---|---|---:|---:|---:|'
    cat "$worlds"/*/report |
        sed 's/.*"program":"\([^"]*\)","library":"\([^"]*\)".*"outcome":"\([^"]*\)".*"hello_retry_request":\([a-z]*\).*/\1 \2 \3 \4/' |
        awk '{ of = $1 " " $2; all[of]++; accepted[of] += $3 == "accepted"; again[of] += $3 == "accepted" && $4 == "true" }
             END { for (of in all) print of, all[of], accepted[of], again[of] }' | sort |
        while read -r program library all accepted again; do
            case $library in
            openssl) library="OpenSSL $(pkg-config --modversion openssl)" ;;
            gnutls) library="GnuTLS $(pkg-config --modversion gnutls)" ;;
            esac
            echo "| $(name_of "$program") | $(version_of "$program") | $library | $all | $accepted | $again |"
        done
} >"$worlds/document"
cp "$worlds/document" "$document"
