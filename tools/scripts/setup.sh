#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# setup.sh [--list] [GROUP...]: installs what is missing on Debian 11 or later, or only lists what the groups consist of. Groups:
# build, test, lint, demo, suites, programs, programs-few, inside; the first four without an argument. Does nothing, and needs no
# rights, when nothing is missing.

# Lists of packages are words to be split.
# shellcheck disable=SC2086
set -eu

build='gcc make pkg-config libc6-dev libgnutls28-dev nettle-dev libldns-dev libnghttp2-dev libjansson-dev libinih-dev scdoc'
test="$build libcriterion-dev libssl-dev zlib1g-dev libzstd-dev android-libboringssl-dev unbound ldnsutils knot-dnsutils
      gnutls-bin openssl wget wget2 curl git python3 libwww-perl liblwp-protocol-https-perl ca-certificates util-linux iproute2 valgrind strace
      libnss-wrapper libsocket-wrapper libresolv-wrapper torsocks proxychains4 faketime libjemalloc2 libgoogle-perftools4
      libtcmalloc-minimal4 eatmydata fakeroot libnss3-dev libnss3-tools patchelf python3-requests python3-socks ncat
      libmbedtls-dev libwolfssl-dev libbearssl-dev lib25519-1 libsodium23 gdb hey musl-tools"
# A release may lack these: the tests that need them are skipped there.
optional='libmbedtls-dev libwolfssl-dev libbearssl-dev lib25519-1 libsodium23 gdb hey musl-tools'
# Programs with TLS inside, beside those that make inside gets from npm.
inside='npm awscli gh rclone restic default-jre-headless chromium cargo'
lint="$build libcriterion-dev libssl-dev clang clang-format clang-tidy cppcheck libclang-rt-dev
      shellcheck zsh fish"
demo="$build android-libboringssl-dev unbound gnutls-bin wget curl ca-certificates util-linux libnss-wrapper"
suites='debootstrap util-linux'
# Real programs (tests/programs): all of them, and those that .ci/run takes.
programs_few='aria2 libio-socket-ssl-perl lftp msmtp nginx-light ruby wget2'
programs="$programs_few apache2-bin apache2-utils axel bind9-dnsutils brz cadaver clamav-freshclam corosync-qdevice davix dirb
          dirmngr elinks emacs-nox fdm fetchmail ffmpeg finch fossil gdal-bin getmail6 gir1.2-soup-3.0 glib-networking gnupg guile-gnutls haproxy
          httpie httrack isync ldap-utils libanyevent-http-perl libcurl3-nss libnss3-tools libmojolicious-perl libnet-ssleay-perl linkchecker links links2
          lua-sec lua5.4 lynx mercurial monitoring-plugins-basic mosquitto-clients mpop ncat newsboat nextcloud-desktop-cmd
          nghttp2-client nmap nss-plugin-pem nut-client openconnect ostree php-cli php-curl postfix python3-aiohttp python3-gevent python3-gi python3-httpx
          python3-m2crypto python3-nss python3-pycurl python3-pyqt5 python3-pyqt6 python3-requests python3-tornado python3-twisted
          qemu-block-extra qemu-utils r-base-core redis-tools s-nail siege socat squid-openssl stunnel4 subversion swaks
          swi-prolog-nox tcl-tls tnftp uacme unbound-anchor w3m weechat-headless whatweb wrk yt-dlp
          apt curl default-jdk-headless git gnutls-bin nodejs openssl patchelf python3 python3-pygit2 rclone wget libwww-perl
          liblwp-protocol-https-perl ca-certificates"

list=
if [ "${1:-}" = --list ]; then
    list=yes
    shift
fi
[ $# -gt 0 ] || set -- build test lint demo
wanted=
for group in "$@"; do
    case $group in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $test" ;;
    lint) wanted="$wanted $lint" ;;
    demo) wanted="$wanted $demo" ;;
    suites) wanted="$wanted $suites" ;;
    inside) wanted="$wanted $inside" ;;
    programs) wanted="$wanted $programs" ;;
    programs-few) wanted="$wanted $programs_few" ;;
    *)
        echo "setup.sh: unknown group '$group' (build, test, lint, demo, suites, programs, programs-few, inside)" >&2
        exit 2
        ;;
    esac
done

if [ -n "$list" ]; then
    printf '%s\n' $wanted | sort -u
    exit 0
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup.sh: this is not Debian; install what corresponds to:" $wanted >&2
    exit 1
fi

# Two come under other names in other releases: pkg-config from pkgconf, and the runtime of clang with a number.
is_installed() {
    case $1 in
    pkg-config) command -v pkg-config >/dev/null ;;
    libclang-rt-dev) dpkg-query -W -f '${db:Status-Status}\n' 'libclang-rt*-dev' 2>/dev/null | grep -qx installed ;;
    *) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
    esac
}

is_optional() {
    case " $optional " in
    *" $1 "*) return 0 ;;
    esac
    return 1
}

# Does this release have the package? Yes also where apt has no lists yet.
is_there() {
    ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || [ -n "$(apt-cache show "$1" 2>/dev/null)" ]
}

missing=
needed=
for package in $(printf '%s\n' $wanted | sort -u); do
    if is_installed "$package" || { is_optional "$package" && ! is_there "$package"; }; then
        continue
    fi
    missing="$missing $package"
    is_optional "$package" || needed="$needed $package"
done
if [ -z "$missing" ]; then
    echo "setup.sh: nothing is missing"
    exit 0
fi
echo "setup.sh: missing:$missing"

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null && [ -z "$needed" ]; then
        echo "setup.sh: tests that need these are skipped"
        exit 0
    fi
    if ! command -v sudo >/dev/null; then
        echo "setup.sh: run this as root, or install as root:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

$as_root apt-get update
case $missing in
*libclang-rt-dev*)
    if [ -z "$(apt-cache search --names-only '^libclang-rt-dev$')" ]; then
        missing=$(printf '%s' "$missing" | sed 's/libclang-rt-dev/libclang-rt-14-dev/')
    fi
    ;;
esac

# The tests start their own unbound, and other servers; their packages would start one each for the whole machine. policy-rc.d
# keeps them from starting, also where there is no init system to start it; one that is there already is left alone.
policy=/usr/sbin/policy-rc.d
made_policy=
clean_up() {
    [ -z "$made_policy" ] || $as_root rm -f "$policy"
    made_policy=
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
daemons='unbound nginx nginx-light haproxy postfix squid-openssl stunnel4 clamav-freshclam corosync-qdevice nut-client'
for daemon in $daemons; do
    case " $missing " in
    *" $daemon "*)
        if [ ! -e "$policy" ]; then
            made_policy=yes
            printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
            $as_root chmod 0755 "$policy"
        fi
        ;;
    esac
done

install() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# A release has not every real program, or has not all that one needs: then the others are installed without it.
install_what_there_is() {
    there=
    for package in "$@"; do
        if is_there "$package"; then
            there="$there $package"
        else
            echo "setup.sh: not in this release: $package"
        fi
    done
    if ! install $there; then
        for package in $there; do
            install "$package" || echo "setup.sh: cannot be installed in this release: $package"
        done
    fi
}

case " $* " in
*" programs "*) install_what_there_is $missing ;;
*)
    for package in $optional; do
        case "$missing " in
        *" $package "*)
            if ! is_there "$package"; then
                echo "setup.sh: not in this release: $package"
                missing=$(printf '%s' "$missing " | sed "s/ $package / /")
            fi
            ;;
        esac
    done
    install $missing
    ;;
esac

# Not at the next boot either.
if [ -n "$made_policy" ] && command -v systemctl >/dev/null; then
    for service in unbound nginx haproxy postfix squid stunnel4 clamav-freshclam; do
        $as_root systemctl disable "$service.service" >/dev/null 2>&1 || true
    done
fi
echo "setup.sh: done"
