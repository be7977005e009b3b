#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# install.sh PRELOAD-TESTS: installs into a temporary folder, runs wget under the installed shim, and uninstalls. Make passes
# MAKE and the user's settings.
set -eu
tests=${1:?usage: install.sh PRELOAD-TESTS}
make=${MAKE:-make}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

quiet_make() {
    "$make" --no-print-directory "$@" "DESTDIR=$root" PREFIX=/opt/echshim >"$root/log" 2>&1 || {
        cat "$root/log" >&2
        exit 1
    }
    rm -f "$root/log"
}

quiet_make install
for file in lib/libechshim.so lib/libechshim-engine.so lib/libechshim-ldns.so lib/libnss_echshim.so.2 bin/echshim bin/echdig bin/echprobe \
    libexec/echshim-relay \
    share/man/man1/echshim.1 share/man/man1/echdig.1 share/man/man1/echprobe.1 share/man/man5/echshim.conf.5 share/man/man7/libechshim.7 \
    share/bash-completion/completions/echshim share/zsh/site-functions/_echshim share/fish/vendor_completions.d/echshim.fish \
    share/doc/libechshim/README.md share/doc/libechshim/docs/settings.md share/doc/libechshim/LICENSE; do
    [ -f "$root/opt/echshim/$file" ] || {
        echo "install.sh: $file was not installed" >&2
        exit 1
    }
done

# The shim must need nothing from the build folder: this is another stub, which knows only its installation folder.
ECHSHIM_TEST_LIBRARY=$root/opt/echshim/lib/libechshim.so "$tests" --filter programs/wget

# The launcher finds the relay, too.
"$root/opt/echshim/bin/echshim" --relay -q printenv ECHSHIM_RELAY_FOLDER >/dev/null

# The launcher finds the library relative to its own place.
# Without the way round loaders of musl, where there is one.
found=$("$root/opt/echshim/bin/echshim" --strict printenv LD_PRELOAD)
found=${found#/usr/\$LIB/../../../..}
if [ "$found" != "$root/opt/echshim/lib/libechshim.so" ]; then
    echo "install.sh: the launcher has found '$found'" >&2
    exit 1
fi

quiet_make uninstall
left=$(find "$root" -type f)
if [ -n "$left" ]; then
    echo "install.sh: not uninstalled: $left" >&2
    exit 1
fi
echo "install.sh: installed, used and uninstalled"
