#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# matrix.sh RESULTS SUITE...: runs the real programs of each suite under the shim and leaves what they did in RESULTS/SUITE, for
# table.sh. The suite `machine` is this machine; the others are roots in build/suites (make suites), with the programs in a layer of
# their own (build/programs-in). Servers run on this machine. A suite without a root is left out with a reason.
set -eu
results=${1:?usage: matrix.sh RESULTS SUITE...}
shift
mkdir -p "$results"
results=$(realpath "$results")
status=0
tests=${PROGRAM_TESTS:-build/program-tests}
rm -f "$results/left_out"

# leave_out TEXT: says it now and in the table.
leave_out() {
    echo "matrix: left out: $1"
    echo "$1" >>"$results/left_out"
}

# Of the programs that this machine tries, the other suites try these: each TLS library of a suite, by each kind of program.
elsewhere='apache2* apt aria2 corosync* curl* dirmngr* elinks emacs fetchmail ffmpeg finch* git* gnutls-cli haproxy* http?* java*
    ldapsearch lftp lynx mosquitto_sub msmtp* ncat nginx* node* openssl* perl?LWP perl?HTTP* php* python3?aiohttp python3?asyncio python3?gio
    python3?nss python3?pycurl python3?qt5 python3?qt6 python3?requests python3?soup python3?twisted python3?urllib rclone* redis-cli ruby*
    socat stunnel svn* swaks tnftp tstclnt upsc* vfyserv w3m weechat wget wget2'

# run SUITE COMMAND...: the command is build/program-tests, with what it needs in its environment.
run() {
    folder=$results/$1
    shift
    rm -rf "$folder"
    mkdir -p "$folder"
    ECHSHIM_PROGRAMS_RESULTS=$folder "$@" >"$folder/log" 2>&1 || status=1
    grep -v '^$' "$folder/log" | tail -n "${MATRIX_LINES:-200}"
}

# take_shim FROM TO: copies the shim that was built in the release itself: its C library is older than this machine's. The programs see
# this tree, where TO is, but not its neighbours.
take_shim() {
    rm -rf "$2"
    mkdir -p "$2"
    cp "$1"/libechshim*.so "$1"/libnss_echshim.so.2 "$1"/echshim "$2/"
}

# facts SUITE ROOT: what the table says about a suite.
facts() {
    {
        sed -n 's/^PRETTY_NAME="\(.*\)"/system \1/p' "$2/etc/os-release"
        dpkg-query --admindir="$2/var/lib/dpkg" -W -f '${db:Status-Status} ${source:Package} ${source:Upstream-Version}\n' |
            sed -n 's/^installed \(openssl\|gnutls28\) \([0-9.a-z]*\).*/\1 \2/p' | sort -u
    } >"$results/$1/facts"
}

for suite in "$@"; do
    if [ "$suite" = machine ]; then
        echo "matrix: this machine"
        run "$suite" "$tests" -j"${PRELOAD_JOBS:-2}"
        facts "$suite" /
        continue
    fi
    root=build/suites/$suite
    layer=build/programs-in/$suite
    if [ ! -f "$root/.suite" ]; then
        leave_out "$suite has no root in build/suites (make suites)"
        continue
    fi
    if ! tests/programs/install.sh "$root" "$layer"; then
        leave_out "$suite: its programs cannot be installed"
        continue
    fi
    layer=$(realpath "$layer")
    shim=${ECHSHIM_TEST_LIBRARY%/*}
    if [ "$suite" = bullseye ]; then
        shim=$layer/shim
        if ! take_shim "$root-build/tree/build" "$shim"; then
            leave_out "$suite: its own build of the shim is not there (make check-suites SUITE_NAMES=$suite)"
            continue
        fi
    fi
    echo "matrix: $suite"
    # shellcheck disable=SC2016
    PROGRAMS_FILTER=${PROGRAMS_FILTER:-$elsewhere} PROGRAMS_WAYS=few ECHSHIM_TEST_CHROOT=$layer/root \
        ECHSHIM_TEST_LIBRARY=$shim/libechshim.so run "$suite" tests/programs/layer.sh "$root" "$layer" "$tests" -j"${PRELOAD_JOBS:-2}"
    tests/programs/layer.sh "$root" "$layer" cp "$layer/root/etc/os-release" "$results/$suite/os-release"
    mkdir -p "$results/$suite/root/etc" "$results/$suite/root/var/lib"
    mv "$results/$suite/os-release" "$results/$suite/root/etc/os-release"
    cp -r "$layer/upper/var/lib/dpkg" "$results/$suite/root/var/lib/dpkg"
    facts "$suite" "$results/$suite/root"
    sed -n 's/^setup.sh: \(not in this release\|cannot be installed in this release\): \(.*\)/\2: \1/p' "$layer/install.log" >"$results/$suite/left_out"
    sed -n 's/^\(.*\)\tskipped\t\(it runs .*\)/\1: \2/p' "$results/$suite"/*.current >>"$results/$suite/left_out"
    rm -rf "$results/$suite/root"
done
exit $status
